"""Mutations of how files from outside are read: their bounds, their names, and what is stated of them."""

from mutation_lists.mutation import Mutation

ZIP = "umurl_search/readers/zip_source.py"
CSV = "umurl_search/readers/csv_file.py"
MAT = "umurl_search/readers/mat_file.py"
JSON = "umurl_search/readers/nwucla.py"
SETS = "umurl_search/readers/array_set.py"
NAMES = "umurl_search/readers/set_names.py"
CLIPS = "umurl_search/search/query_clip.py"
SEGMENTS = "umurl_search/ingest/segments_file.py"
COLUMNS = "umurl_search/ingest/segment_columns.py"
SOURCES = "umurl_search/ingest/change_sources.py"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        ZIP,
        'any(part in ("", "..") for part in parts)',
        'any(part == "" for part in parts)',
        "tests/test_readers_zip_source.py::test_nothing_is_written_outside",
    ),
    Mutation(
        CSV,
        "    _require_columns(rows, 1 + max(joint_at, frame_at or 0))\n",
        "",
        "tests/test_readers_csv_file.py::test_other_tables_are_no_clips",
    ),
    Mutation(
        CSV,
        "number > 2 * _MOST_ROWS or len(line) > _LONGEST_LINE",
        "len(line) > _LONGEST_LINE",
        "tests/test_readers_csv_file.py::test_more_lines_than_a_clip_has_are_refused_in_little_memory",
    ),
    Mutation(
        MAT,
        "unpacker.decompress(data, announced + _TAG)",
        "unpacker.decompress(data)",
        "tests/test_readers_mat_file.py::test_a_compressed_part_is_no_longer_than_it_announces",
    ),
    Mutation(
        JSON,
        "_END_OF_FRAME.search(text, at, at + _LONGEST_FRAME)",
        "_END_OF_FRAME.search(text, at)",
        "tests/test_readers_nwucla.py::test_a_large_file_takes_little_memory",
    ),
    Mutation(
        SETS,
        "if not words_of(path.stem) & CLASS_WORDS:",
        "if True:",
        "tests/test_readers_array_set.py::test_a_list_of_classes_hides_no_labels",
    ),
    Mutation(
        NAMES,
        "storable and len(set(names)) == n",
        "storable",
        "tests/test_readers_set_names.py::test_the_vector_that_names_clips",
    ),
    Mutation(
        CLIPS,
        "unpacked_size(path) > _MOST_FOR_A_BYTE * most_bytes",
        "False",
        "tests/test_search_query_clip.py::test_an_archive_is_weighed_before_it_is_read",
    ),
    Mutation(
        SEGMENTS,
        "said + 1 if is_label and",
        "said if is_label and",
        "tests/test_ingest_segments_file.py::test_labels_count_from_0_and_what_says_nothing_is_told",
    ),
    Mutation(
        COLUMNS,
        "if stated and not found:",
        "if False:",
        "tests/test_ingest_segment_columns.py::test_a_file_that_names_no_recording_is_an_error",
    ),
    Mutation(
        SOURCES,
        "if origin.get(option) != value:",
        "if False:",
        "tests/test_ingest_change_sources.py::test_a_source_is_not_read_otherwise_than_before",
    ),
)
