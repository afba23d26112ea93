"""Mutations of figures: of retrieval, of moments, across datasets; twins; answers to queries."""

from mutation_lists.mutation import Mutation

METRICS = "umurl_search/evaluation/metrics.py"
EVALUATE = "umurl_search/evaluation/knn_eval.py"
RETRIEVAL = "umurl_search/evaluation/retrieval.py"
CROSS = "umurl_search/evaluation/cross_dataset.py"
LOCALIZE = "umurl_search/evaluation/localization.py"
TWINS = "umurl_search/evaluation/duplicates_and_leaks.py"
SEARCH = "umurl_search/search/searcher.py"
MOMENT_SEARCH = "umurl_search/search/moment_search.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        METRICS,
        'searchsorted(ascending, mine, side="right")',
        'searchsorted(ascending, mine, side="left")',
        "tests/test_evaluation_metrics.py::test_a_ranking_by_hand",
    ),
    Mutation(
        METRICS, ".mean() * np.sqrt(y.shape[1]))", ".mean())", "tests/test_evaluation_metrics.py::test_spread"
    ),
    Mutation(
        METRICS,
        "_mean(1 / ranks.first_rank)",
        "1 / _mean(ranks.first_rank.astype(np.float64))",
        "tests/test_evaluation_metrics.py::test_the_reciprocal_rank_is_averaged_not_the_rank",
    ),
    Mutation(
        RETRIEVAL,
        "np.where(rows >= 0, gallery_labels[np.maximum(rows, 0)], -1)",
        "gallery_labels[rows]",
        "tests/test_evaluation_retrieval.py::test_nothing_relevant",
    ),
    Mutation(
        RETRIEVAL,
        "(own < 0) | (own != groups[0])",
        "own != groups[0]",
        "tests/test_evaluation_retrieval.py::test_blocks_of_queries_and_clips_of_no_group",
    ),
    Mutation(
        RETRIEVAL,
        "(groups[0], groups[1][block])",
        "(groups[0], groups[1][: len(queries[block])])",
        "tests/test_evaluation_retrieval.py::test_blocks_of_queries_and_clips_of_no_group",
    ),
    Mutation(
        EVALUATE,
        "PERFORMANCE if request.exclude_same_performance",
        "PERFORMANCE[1:] if request.exclude_same_performance",
        "tests/test_evaluation_knn_eval.py::test_a_performance_is_of_one_setup_subject_replication_and_action",
    ),
    Mutation(
        EVALUATE,
        "rows=gallery.split.fitting,",
        "rows=gallery.split.gallery,",
        "tests/test_evaluation_knn_eval.py::test_one_shot_fits_its_maps_on_the_base_classes_too",
    ),
    Mutation(
        CROSS,
        "np.isin(labels, gallery.columns.label[gallery.split.gallery])",
        "np.isin(labels, gallery.columns.label)",
        "tests/test_evaluation_cross_dataset.py::test_an_action_of_test_clips_only_is_not_in_the_gallery",
    ),
    Mutation(
        CROSS,
        'there["encoder_hash"] != here["encoder_hash"]',
        'there["encoder"] != here["encoder"]',
        "tests/test_evaluation_cross_dataset.py::test_indexes_must_be_made_alike",
    ),
    Mutation(
        LOCALIZE,
        'order = np.argsort(-scores, kind="stable")',
        'order = np.argsort(scores, kind="stable")[::-1]',
        "tests/test_evaluation_localization.py::test_equal_scores_go_to_the_lower_row",
    ),
    Mutation(
        LOCALIZE,
        "enumerate(scores, start=start)",
        "enumerate(scores)",
        "tests/test_evaluation_localization.py::test_blocks_of_queries_are_each_judged_by_their_own_labels",
    ),
    Mutation(
        LOCALIZE,
        "index.transform, rows=rows, pairs=[],",
        "index.transform, pairs=[],",
        "tests/test_evaluation_localization.py::test_no_window_of_a_test_recording_reaches_the_maps",
    ),
    Mutation(
        TWINS,
        'np.union1d(parts.get("train", empty), parts.get("gallery", empty))',
        'parts.get("gallery", parts.get("train", empty))',
        "tests/test_evaluation_duplicates_and_leaks.py::test_twins_in_the_training_part_leak_beside_a_gallery_of_its_own",
    ),
    Mutation(
        SEARCH,
        "np.array(performance_of(name, row), dtype=np.int64)).all(axis=1)",
        "np.array(performance_of(name, row), dtype=np.int64))[:, 1:].all(axis=1)",
        "tests/test_search_searcher.py::test_a_performance_is_of_one_setup_subject_replication_and_action",
    ),
    Mutation(
        SEARCH,
        "fields[np.searchsorted(columns.id, self.index.ids)]",
        "fields",
        "tests/test_search_searcher.py::test_a_performance_is_of_one_setup_subject_replication_and_action",
    ),
    Mutation(
        MOMENT_SEARCH,
        "int(overlaps.argmax()) if",
        "int((overlaps > 0).argmax()) if",
        "tests/test_search_moment_search.py::test_a_moment_is_shown_with_the_segment_it_overlaps_most",
    ),
    Mutation(
        MOMENT_SEARCH,
        "int(overlaps.argmax()) if overlaps.any() else None",
        "int(overlaps.argmax())",
        "tests/test_search_moment_search.py::test_a_moment_that_meets_no_segment_has_none",
    ),
)
