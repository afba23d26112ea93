"""Mutations of what is said of clips: labels, columns of one's own, splits, names, and what outlives changes."""

from mutation_lists.mutation import Mutation

LABELS = "umurl_search/ingest/labels_file.py"
RESTATE = "umurl_search/ingest/restate.py"
CHANGES = "umurl_search/ingest/add_update_remove.py"
TABLE = "umurl_search/library/catalog/read_table.py"
OWN = "umurl_search/library/catalog/own_columns.py"
KEPT = "umurl_search/library/catalog/kept_statements.py"
RENAME = "umurl_search/maintenance/rename.py"
JOINT = "umurl_search/search/joint_searcher.py"
NAMES = "umurl_search/ingest/clip_names.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        LABELS,
        "numbers |= {name.casefold(): taken + i for i, name in enumerate(new, start=1)}",
        "numbers |= {name.casefold(): i for i, name in enumerate(new, start=1)}",
        "tests/test_ingest_labels_file.py::test_actions_are_numbered_by_name_after_those_that_are_known",
    ),
    Mutation(
        LABELS,
        "2 * n_numbers > len(said)",
        "2 * n_numbers > 2 * len(said)",
        "tests/test_ingest_labels_file.py::test_a_number_among_words_is_a_word",
    ),
    Mutation(
        LABELS,
        "if labels.names and not one.positions:",
        "if False:",
        "tests/test_ingest_labels_file.py::test_labels_that_cannot_be_of_the_clips",
    ),
    Mutation(
        LABELS,
        "    if not len(table):\n",
        "    if False:\n",
        "tests/test_ingest_labels_file.py::test_a_table_that_says_no_labels",
    ),
    Mutation(
        NAMES,
        "return found if self._may_be(text, found) else None",
        "return found",
        "tests/test_ingest_clip_names.py::test_a_name_in_another_folder_is_another_clip",
    ),
    Mutation(
        TABLE,
        'name.casefold() in numbers or kept[name] == "double" or name in wide',
        'name.casefold() in numbers or kept[name] == "double"',
        "tests/test_catalog_read_table.py::test_simple_types_of_parquet",
    ),
    Mutation(
        RESTATE,
        "        if said == known.said:\n",
        "        if True:\n",
        "tests/test_ingest_restate.py::test_labels_and_parts_corrected_in_the_source_are_taken",
    ),
    Mutation(
        RESTATE,
        "    for protocol in before.keys() - splits.keys():\n",
        "    for protocol in ():\n",
        "tests/test_ingest_restate.py::test_a_protocol_that_the_source_drops_is_said",
    ),
    Mutation(
        CHANGES,
        "        self._require_statable(target, n)\n",
        "",
        "tests/test_ingest_add_update_remove.py::test_what_cannot_be_said_comes_before_any_clip",
    ),
    Mutation(
        OWN,
        "coalesce(o.{one}, cast(c.{one} as varchar)) as {one}",
        "o.{one} as {one}",
        "tests/test_catalog_own_columns.py::test_words_stand_in_place_of_a_known_fields_numbers",
    ),
    Mutation(
        OWN,
        'both = "double" if {before, sql} == {"bigint", "double"} else "varchar"',
        "both = before",
        "tests/test_catalog_own_columns.py::test_a_column_of_two_types_holds_both",
    ),
    Mutation(
        OWN,
        "return {i for i in after if after[i] != before[i]}",
        "return set(after)",
        "tests/test_catalog_own_columns.py::test_nothing_said_leaves_what_is_there_and_only_changes_count",
    ),
    Mutation(
        KEPT,
        "and clips.name = k.name and clips.said = k.said",
        "and clips.name = k.name and false",
        "tests/test_catalog_kept_statements.py::test_what_was_said_of_clips_outlives_their_removal",
    ),
    Mutation(
        KEPT,
        "        for statement in _FETCH:\n",
        "        for statement in ():\n",
        "tests/test_catalog_kept_statements.py::test_what_was_said_of_clips_outlives_their_removal",
    ),
    Mutation(
        RENAME,
        "    for old in moves:\n        sealed_folder.remove(place(old))\n",
        "",
        "tests/test_maintenance_rename.py::test_everything_answers_as_before",
    ),
    Mutation(
        RENAME,
        "    if new in taken:\n",
        "    if False:\n",
        "tests/test_maintenance_rename.py::test_names_that_cannot_be",
    ),
    Mutation(
        JOINT,
        "best = sorted(every, key=lambda hit: -hit.score)[:k]",
        "best = every[:k]",
        "tests/test_search_joint_searcher.py::test_the_best_of_all_is_what_each_has_sorted",
    ),
    Mutation(
        JOINT,
        "replace(asking, absent=absent)",
        "asking",
        "tests/test_search_joint_searcher.py::test_a_column_that_only_some_have_is_null_elsewhere",
    ),
    Mutation(
        JOINT,
        '            ("clips", _turn(other), _turn(first)),\n',
        "",
        "tests/test_search_joint_searcher.py::test_indexes_of_clips_that_are_turned_otherwise_are_refused",
    ),
)
