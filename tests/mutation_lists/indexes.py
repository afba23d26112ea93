"""Mutations of what an index holds, opens, filters and maps."""

from mutation_lists.mutation import Mutation

KINDS = "umurl_search/index/faiss_kinds.py"
GALLERY = "umurl_search/index/filtered_search.py"
INDEX = "umurl_search/index/index.py"
PARTS = "umurl_search/index/add_part.py"
QUALITY = "umurl_search/index/kind_selection.py"
MAPS = "umurl_search/index/bridges_and_whitening.py"
OPENING = "umurl_search/index/open_index.py"
MOMENTS = "umurl_search/index/temporal_iou.py"
WINDOWS = "umurl_search/index/windows.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        KINDS,
        "np.maximum(np.sqrt(squared) - self.error, 0)",
        "np.sqrt(squared)",
        "tests/test_index_faiss_kinds.py::test_rounding_hides_no_neighbour",
    ),
    Mutation(
        KINDS,
        "(length + 1 - nearest**2) / 2 + 1e-6",
        "(length + 1 - nearest**2) / 2 - 1e-5",
        "tests/test_index_faiss_kinds.py::test_rounding_hides_no_neighbour",
    ),
    Mutation(
        KINDS,
        "error = max(error, _measure_error(index, vectors))",
        "error = _measure_error(index, vectors)",
        "tests/test_index_faiss_kinds.py::test_the_bound_is_that_of_the_worst_block",
    ),
    Mutation(
        KINDS,
        "faiss.IDSelectorRange(ends[i], ends[i + 1], True)",
        "faiss.IDSelectorRange(ends[i], ends[i + 1] - 1, True)",
        "tests/test_index_faiss_kinds.py::test_rows_where_a_split_gallery_is_split_are_found",
    ),
    Mutation(
        KINDS,
        ', bitorder="little"',
        "",
        "tests/test_index_faiss_kinds.py::test_one_query_over_a_split_gallery",
    ),
    Mutation(
        GALLERY,
        "allowed[self.index.slots[among]] = True",
        "allowed[among] = True",
        "tests/test_index_filtered_search.py::test_approximate_kinds_find_all_that_are_there_and_nobody_who_is_gone",
    ),
    Mutation(
        GALLERY,
        "np.where(found.rows >= 0, among[found.rows], -1)",
        "found.rows",
        "tests/test_index_filtered_search.py::test_another_modalitys_gallery_is_filtered_too",
    ),
    Mutation(
        GALLERY,
        "points, k, mine, among is not None\n",
        "points, k, mine, False\n",
        "tests/test_index_filtered_search.py::test_a_filter_makes_approximate_kinds_exact",
    ),
    Mutation(
        GALLERY,
        "(rows >= 0) & allowed[np.maximum(rows, 0)]",
        "rows >= 0",
        "tests/test_index_filtered_search.py::test_approximate_kinds_find_all_that_are_there_and_nobody_who_is_gone",
    ),
    Mutation(
        GALLERY,
        "rest = self.scan(points[asking], k, None if allowed is None else np.flatnonzero(allowed))",
        "rest = self.scan(points[asking], k, None)",
        "tests/test_index_filtered_search.py::test_clips_that_are_gone_are_passed_over_however_near",
    ),
    Mutation(
        GALLERY,
        "number = np.cumsum(self.index.live) - 1",
        "number = np.arange(len(self.index.live))",
        "tests/test_index_filtered_search.py::test_approximate_kinds_find_all_that_are_there_and_nobody_who_is_gone",
    ),
    Mutation(
        GALLERY,
        "placed = one.rows + start if rows is None",
        "placed = one.rows if rows is None",
        "tests/test_index_filtered_search.py::test_a_gallery_is_compared_in_blocks",
    ),
    Mutation(
        GALLERY,
        "else rows[start + np.maximum(one.rows, 0)]",
        "else rows[np.maximum(one.rows, 0)]",
        "tests/test_index_filtered_search.py::test_a_gallery_is_compared_in_blocks",
    ),
    Mutation(
        GALLERY,
        "asking = asking[(best.rows[:, :wanted] < 0).any(axis=1)]",
        "asking = asking[(best.rows[:, :1] < 0).any(axis=1)]",
        "tests/test_index_filtered_search.py::test_approximate_kinds_score_exactly_and_never_come_short",
    ),
    Mutation(
        INDEX,
        "get(name, 0.0)) if self.kind in EXACT else np.inf",
        "get(name, 0.0)) / 2 if self.kind in EXACT else np.inf",
        "tests/test_index_index.py::test_rounding_is_bounded_by_what_the_manifest_says",
    ),
    Mutation(
        INDEX,
        "np.concatenate(there)[self.slots]",
        "np.concatenate(there)",
        "tests/test_index_index.py::test_windows_of_recordings_that_are_gone_are_gone",
    ),
    Mutation(
        PARTS,
        'return first if first in EXACT else "flat16"',
        "return first",
        "tests/test_index_add_part.py::test_a_further_part_is_exact_and_by_the_maps_of_the_first",
    ),
    Mutation(
        QUALITY,
        "np.isin(t[:k], f[:k])",
        "np.isin(t[:k], f)",
        "tests/test_index_kind_selection.py::test_recall_is_the_share_of_the_true_first_among_as_many_found",
    ),
    Mutation(
        QUALITY,
        "return float(mine.mean() - theirs.mean())",
        "return float(theirs.mean() - mine.mean())",
        "tests/test_index_kind_selection.py::test_an_accuracy_lost_is_negative",
    ),
    Mutation(
        QUALITY,
        "if recall < 1 and n >= LARGE:",
        "if recall < 1 and n > LARGE:",
        "tests/test_index_kind_selection.py::test_auto_chooses_at_the_limits",
    ),
    Mutation(
        QUALITY,
        "if flat <= SMALL_BYTES:",
        "if flat < SMALL_BYTES:",
        "tests/test_index_kind_selection.py::test_auto_chooses_at_the_limits",
    ),
    Mutation(
        MAPS,
        "spread = float(square.trace()) / n",
        "spread = float(square.trace())",
        "tests/test_index_bridges_and_whitening.py::test_a_bridge_is_ridge_regression_of_centred_rows",
    ),
    Mutation(
        MAPS,
        "/ values[:kept] ** 0.25",
        "/ values[:kept] ** 0.5",
        "tests/test_index_bridges_and_whitening.py::test_half_whitening_divides_by_the_root_of_the_singular_values",
    ),
    Mutation(
        OPENING,
        "fitting=np.union1d(train, gallery)",
        "fitting=np.union1d(np.union1d(train, gallery), test)",
        "tests/test_index_open_index.py::test_one_shot_is_fitted_on_exemplars_and_training_classes",
    ),
    Mutation(
        OPENING,
        "empty if protocol in protocols.WITH_EXEMPLARS else train",
        "train",
        "tests/test_index_open_index.py::test_one_shot_without_exemplars_has_no_gallery",
    ),
    Mutation(
        OPENING,
        "if not np.array_equal(np.unique(index.ids), live):",
        "if False:",
        "tests/test_index_open_index.py::test_an_index_of_other_clips_than_the_catalogs_is_not_opened",
    ),
    Mutation(
        MOMENTS,
        "rivals) > overlap]] = False",
        "rivals) >= overlap]] = False",
        "tests/test_index_temporal_iou.py::test_distinct_keeps_what_no_better_one_covers",
    ),
    Mutation(
        MOMENTS,
        "if len(kept) == most or len(rows) < fetch:",
        "if len(kept) == most or len(rows) <= fetch:",
        "tests/test_index_temporal_iou.py::test_more_windows_are_asked_for_until_there_are_moments_enough",
    ),
    Mutation(
        WINDOWS,
        "there[spans[:, 1]] > there",
        "there[spans[:, 1] - 1] > there",
        "tests/test_index_windows.py::test_windows_without_anybody_are_left_out",
    ),
)
