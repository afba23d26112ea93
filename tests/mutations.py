"""One-line mutations of the code, each with the test that notices it: what holds the promise of exact search.

    python tests/mutations.py [--only FILE]

makes a copy of the sources for each, mutates the copy and runs the test there. It ends with exit code 1 where a
mutation survives. Write a further one here whenever a review asks "would a test notice if...?".
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
COPIED = ("umurl_search", "encoder", "cli", "tests", "pyproject.toml")
_AT_ONCE = 2
_LONGEST_S = 120
_SHOWN = 64


@dataclass(frozen=True)
class Mutation:
    """file: from the checkout's root. old: text that it holds once. tests: the pytest node that fails without it."""

    file: str
    old: str
    new: str
    tests: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """killed: by a failing test. said: how it ended."""

    mutation: Mutation
    killed: bool
    said: str
    seconds: float


INDEX_ROOM, EVALUATION = "umurl_search/index", "umurl_search/evaluation"
CODES, NEIGHBOURS = f"{INDEX_ROOM}/bounded_codes.py", f"{INDEX_ROOM}/exact_knn.py"
KINDS, GALLERY, INDEX = (f"{INDEX_ROOM}/{name}.py" for name in ("faiss_kinds", "filtered_search", "index"))
PARTS, QUALITY, PAIRS = (f"{INDEX_ROOM}/{name}.py" for name in ("add_part", "kind_selection", "all_pairs"))
MOMENTS, MAPS, OPENING = (
    f"{INDEX_ROOM}/{name}.py" for name in ("temporal_iou", "bridges_and_whitening", "open_index")
)
METRICS, EVALUATE, CROSS, LOCALIZE, TWINS = (
    f"{EVALUATION}/{name}.py"
    for name in ("metrics", "knn_eval", "cross_dataset", "localization", "duplicates_and_leaks")
)
SEARCH, MOMENT_SEARCH = "umurl_search/search/searcher.py", "umurl_search/search/moment_search.py"
FOLDERS, SOUNDNESS = "umurl_search/files/sealed_folder.py", "umurl_search/maintenance/verify.py"
COMPACT = "umurl_search/maintenance/compact.py"
RAGGED, FOLDED, LOSSES = "encoder/ragged.py", "encoder/folded.py", "encoder/losses.py"

_OUTSIDE = "tests/test_index_bounded_codes.py::test_a_bound_holds_where_the_query_lies_outside_the_axes"

MUTATIONS: tuple[Mutation, ...] = (
    # bounds: of what is rounded, of what lies outside the leading axes, of what was not proposed
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
        "error = max(error, _furthest(index, vectors))",
        "error = _furthest(index, vectors)",
        "tests/test_index_faiss_kinds.py::test_the_bound_is_that_of_the_worst_block",
    ),
    Mutation(
        INDEX,
        "get(name, 0.0)) if self.kind in EXACT else np.inf",
        "get(name, 0.0)) / 2 if self.kind in EXACT else np.inf",
        "tests/test_index_index.py::test_rounding_is_bounded_by_what_the_manifest_says",
    ),
    Mutation(
        CODES,
        "return left.sqrt() * _ROUNDED_UP",
        "return left.sqrt() * 0",
        "tests/test_index_exact_knn.py::test_what_lies_outside_the_leading_axes_hides_no_neighbour",
    ),
    Mutation(
        CODES,
        "lost = 2 * _turning(centred.shape[1]) + _SQUARED",
        "lost = 0.0",
        "tests/test_index_bounded_codes.py::test_the_length_outside_the_axes_is_never_too_short",
    ),
    Mutation(
        CODES,
        "lost = 2 * _turning(centred.shape[1]) + _SQUARED",
        "lost = 1e-6",
        f"{_OUTSIDE}_and_the_gallery_within",
    ),
    Mutation(
        CODES,
        "_outside(centred, inside), beside, inside",
        "_outside(centred, inside), 0 * beside, inside",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        CODES,
        "(summed + computed + q.double() @ self.mean.double())",
        "(summed + computed)",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "torch.maximum(last, scores[:, -1])",
        "scores[:, -1]",
        "tests/test_index_exact_knn.py::test_what_lies_outside_the_leading_axes_hides_no_neighbour",
    ),
    Mutation(
        NEIGHBOURS,
        "torch.maximum(last, scores[:, -1])",
        "last",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "last.double().cpu().numpy() + asked.above[asking]",
        "last.double().cpu().numpy() + asked.above[0]",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
    ),
    Mutation(
        NEIGHBOURS,
        "(best.scores[:, -1] <= proposed.bound)",
        "(best.scores[:, 0] <= proposed.bound)",
        "tests/test_index_exact_knn.py::test_nearest_is_brute_force",
    ),
    Mutation(
        PAIRS,
        "least = above - asked.above\n",
        "least = above - 0 * asked.above\n",
        "tests/test_index_all_pairs.py::test_pairs_of_a_coded_gallery_are_brute_force",
    ),
    # ties
    Mutation(
        NEIGHBOURS,
        "order = np.lexsort((rows, -scores), axis=1)[:, :k]",
        "order = np.lexsort((-rows, -scores), axis=1)[:, :k]",
        "tests/test_index_exact_knn.py::test_a_tie_longer_than_what_is_proposed_goes_by_position",
    ),
    Mutation(
        NEIGHBOURS,
        "order = np.lexsort((rows, -scores), axis=1)[:, :k]",
        'order = np.argsort(-scores, axis=1, kind="stable")[:, :k]',
        "tests/test_index_exact_knn.py::test_nearest_is_brute_force",
    ),
    Mutation(
        LOCALIZE,
        'order = np.argsort(-scores, kind="stable")',
        'order = np.argsort(scores, kind="stable")[::-1]',
        "tests/test_evaluation_localization.py::test_equal_scores_go_to_the_lower_row",
    ),
    # who may be found: filters, own groups, clips that are gone
    Mutation(
        NEIGHBOURS,
        "(held[None] == asking[:, None]) & (asking >= 0)[:, None]",
        "held[None] == asking[:, None]",
        "tests/test_index_exact_knn.py::test_nearest_in_a_coded_gallery_is_brute_force",
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
        INDEX,
        "np.concatenate(there)[self.slots]",
        "np.concatenate(there)",
        "tests/test_index_index.py::test_windows_of_recordings_that_are_gone_are_gone",
    ),
    # parts and blocks put together
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
        NEIGHBOURS,
        "groups[1][part]",
        "groups[1][: len(queries)]",
        "tests/test_index_exact_knn.py::test_what_lies_outside_the_leading_axes_hides_no_neighbour",
    ),
    Mutation(
        NEIGHBOURS,
        "proposed.bound > -np.inf  # else",
        "True  # else",
        "tests/test_index_exact_knn.py::test_a_query_of_few_neighbours_is_not_asked_again",
    ),
    Mutation(
        NEIGHBOURS,
        "open_still[asking] = (best",
        "open_still[everyone[: len(asking)]] = (best",
        "tests/test_index_exact_knn.py::test_blocks_of_a_coded_gallery_change_nothing",
    ),
    Mutation(
        CODES,
        "q = rows[block].to(coarse.device)",
        "q = rows[: len(rows[block])].to(coarse.device)",
        "tests/test_index_exact_knn.py::test_blocks_of_a_coded_gallery_change_nothing",
    ),
    Mutation(
        PARTS,
        'return first if first in EXACT else "flat16"',
        "return first",
        "tests/test_index_add_part.py::test_a_further_part_is_exact_and_by_the_maps_of_the_first",
    ),
    # approximate kinds, which exact scores rank, and which kind is chosen
    Mutation(
        GALLERY,
        "asking = asking[(best.rows[:, :wanted] < 0).any(axis=1)]",
        "asking = asking[(best.rows[:, :1] < 0).any(axis=1)]",
        "tests/test_index_filtered_search.py::test_approximate_kinds_score_exactly_and_never_come_short",
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
    # moments of long recordings
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
    Mutation(
        LOCALIZE,
        "enumerate(scores, start=start)",
        "enumerate(scores)",
        "tests/test_evaluation_localization.py::test_blocks_of_queries_are_each_judged_by_their_own_labels",
    ),
    Mutation(
        "umurl_search/index/windows.py",
        "there[spans[:, 1]] > there",
        "there[spans[:, 1] - 1] > there",
        "tests/test_index_windows.py::test_windows_without_anybody_are_left_out",
    ),
    # figures of retrieval
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
        EVALUATE,
        "mrr=_mean(1 / ranks.first_rank[relevant])",
        "mrr=1 / _mean(ranks.first_rank[relevant].astype(np.float64))",
        "tests/test_evaluation_knn_eval.py::test_figures_are_the_oracles",
    ),
    Mutation(
        EVALUATE,
        "np.where(rows >= 0, gallery_labels[np.maximum(rows, 0)], -1)",
        "gallery_labels[rows]",
        "tests/test_evaluation_knn_eval.py::test_nothing_relevant",
    ),
    Mutation(
        EVALUATE,
        "(own < 0) | (own != groups[0])",
        "own != groups[0]",
        "tests/test_evaluation_knn_eval.py::test_blocks_of_queries_and_clips_of_no_group",
    ),
    Mutation(
        EVALUATE,
        "(groups[0], groups[1][block])",
        "(groups[0], groups[1][: len(queries[block])])",
        "tests/test_evaluation_knn_eval.py::test_blocks_of_queries_and_clips_of_no_group",
    ),
    Mutation(
        EVALUATE,
        "PERFORMANCE if request.exclude_same_performance",
        "PERFORMANCE[1:] if request.exclude_same_performance",
        "tests/test_evaluation_knn_eval.py::test_a_performance_is_of_one_setup_subject_replication_and_action",
    ),
    Mutation(
        SEARCH,
        "np.array(_performance(name, row), dtype=np.int64)).all(axis=1)",
        "np.array(_performance(name, row), dtype=np.int64))[:, 1:].all(axis=1)",
        "tests/test_search_searcher.py::test_a_performance_is_of_one_setup_subject_replication_and_action",
    ),
    Mutation(
        SEARCH,
        "fields[np.searchsorted(columns.id, self.index.ids)]",
        "fields",
        "tests/test_search_searcher.py::test_a_performance_is_of_one_setup_subject_replication_and_action",
    ),
    # twins
    Mutation(
        TWINS,
        'np.union1d(parts.get("train", empty), parts.get("gallery", empty))',
        'parts.get("gallery", parts.get("train", empty))',
        "tests/test_evaluation_duplicates_and_leaks.py::test_twins_in_the_training_part_leak_beside_a_gallery_of_its_own",
    ),
    Mutation(
        PAIRS,
        "groups=(numbers, numbers[sample])",
        "groups=(numbers, numbers)",
        "tests/test_index_all_pairs.py::test_the_usual_distance_of_a_sample_leaves_out_each_rows_own_number",
    ),
    # maps, fitted on the gallery alone; queries of another dataset
    Mutation(
        MAPS,
        "spread = np.trace(square) / n",
        "spread = np.trace(square)",
        "tests/test_index_bridges_and_whitening.py::test_a_bridge_is_ridge_regression_of_centred_rows",
    ),
    Mutation(
        MAPS,
        "/ values[:kept] ** 0.25",
        "/ values[:kept] ** 0.5",
        "tests/test_index_bridges_and_whitening.py::test_half_whitening_divides_by_the_root_of_the_singular_values",
    ),
    Mutation(
        EVALUATE,
        "rows=gallery.split.fitting, pairs=wanted)",
        "rows=gallery.split.gallery, pairs=wanted)",
        "tests/test_evaluation_knn_eval.py::test_one_shot_fits_its_maps_on_the_base_classes_too",
    ),
    Mutation(
        OPENING,
        "fitting=np.union1d(train, gallery)",
        "fitting=np.union1d(np.union1d(train, gallery), test)",
        "tests/test_evaluation_knn_eval.py::test_an_index_is_evaluated_on_its_gallery_alone",
    ),
    Mutation(
        OPENING,
        "empty if protocol in datasets.WITH_EXEMPLARS else train",
        "train",
        "tests/test_index_open_index.py::test_one_shot_without_exemplars_has_no_gallery",
    ),
    Mutation(
        LOCALIZE,
        "index.transform, rows=rows, pairs=[])",
        "index.transform, pairs=[])",
        "tests/test_evaluation_localization.py::test_no_window_of_a_test_recording_reaches_the_maps",
    ),
    Mutation(
        COMPACT,
        "maps = fit_maps(arrays, index.transform)",
        "maps = index.all_maps()",
        "tests/test_maintenance_compact.py::test_a_compacted_index_has_the_maps_of_the_clips_that_are_there",
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
    # from frames to embeddings
    Mutation(
        RAGGED,
        "torch.minimum(low + 1, length[:, None] - 1)",
        "low + 1",
        "tests/test_encoder_ragged.py::test_the_resize_is_torchs",
    ),
    Mutation(
        RAGGED,
        "frames * (n_people > person)[:, None, None, None]",
        "frames",
        "tests/test_encoder_ragged.py::test_the_resize_is_torchs",
    ),
    Mutation(
        FOLDED,
        "encoder.absent_bias.to(self._dtype) if clips.shape[2] == 1 else None",
        "None",
        "tests/test_encoder_folded.py::test_float32_is_the_networks_own",
    ),
    Mutation(
        LOSSES,
        "functional.mse_loss(own[m], mean) for m in own",
        "functional.mse_loss(fused[m], mean) for m in own",
        "tests/test_encoder_losses.py::test_the_whole_loss",
    ),
    # what a power cut or a kill leaves
    Mutation(
        FOLDERS,
        "    if folder != target:\n        _put_aside(target)\n",
        "    if folder != target:\n        shutil.rmtree(target, ignore_errors=True)\n",
        "tests/test_files_sealed_folder.py::test_what_is_replaced_is_deleted_when_the_new_is_in_its_place",
    ),
    Mutation(
        FOLDERS,
        "        _sync(path)\n",
        "",
        "tests/test_files_sealed_folder.py::test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end",
    ),
    Mutation(
        FOLDERS,
        "    _sync(target.parent)\n",
        "",
        "tests/test_files_sealed_folder.py::test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end",
    ),
    Mutation(
        FOLDERS,
        "        os.fsync(file.fileno())\n",
        "",
        "tests/test_files_sealed_folder.py::test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end",
    ),
    Mutation(
        FOLDERS,
        "        file.flush()\n",
        "",
        "tests/test_files_sealed_folder.py::test_all_is_on_the_disk_before_the_name_and_the_name_before_the_end",
    ),
    # what verify compares
    Mutation(
        SOUNDNESS,
        "room / name, full=True)",
        "room / name, full=False)",
        "tests/test_maintenance_verify.py::test_large_files_are_hashed",
    ),
    Mutation(
        SOUNDNESS,
        "(said != clips.extents()).any(axis=1)",
        "(said != clips.extents()).all(axis=1)",
        "tests/test_maintenance_verify.py::test_a_clip_of_another_size_than_the_catalog_says_is_named",
    ),
    Mutation(
        SOUNDNESS,
        "if not clips.holds_all():",
        "if False:",
        "tests/test_maintenance_verify.py::test_a_clip_that_the_store_does_not_hold_is_named",
    ),
    Mutation(
        OPENING,
        "if not np.array_equal(np.unique(index.ids), live):",
        "if False:",
        "tests/test_index_open_index.py::test_an_index_of_other_clips_than_the_catalogs_is_not_opened",
    ),
    # Not listed, since no result can change:
    # - `rerank_until_exact`: `<` for `<=`, since every bound lies above the scores that it bounds by more than
    #   rounding.
    # - `Vectors.propose`: the bound of the first proposal, `_split`: the farthest first, `_refined`: no mask for absent
    #   rows. The bounds become higher or the proposals worse, so more is fetched: time, never a neighbour.
    # - `Gallery.search`: `one.rows + start` without its condition, since absent rows have no score and become -1 again.
    # - `_PartSearch.search`: other thresholds of gathering or comparing with all, which choose among exact ways.
    # - `Catalog.filter`: not sorted, since all who ask look whether an id is among them.
    # - `_side` of localize: segments without a label kept, since no reader makes any.
    # Not listed, since no data are known that reach them: the terms of a bound that stand for sums in float32
    # (`summed`, `computed`, `_ROUNDED_UP`), which hold for the worst that rounding could do.
)


def copy_of(source: Path, target: Path) -> Path:
    """The sources that the tests run in, with their compiled files: those of what is mutated are out of date by their
    own clock."""
    target.mkdir()
    for name in COPIED:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name)
        else:
            shutil.copy2(source / name, target / name)
    return target


def mutated(mutation: Mutation, text: str) -> str:
    """The file's text with the mutation. Raises ValueError where it does not hold the old text once."""
    if text.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} holds {mutation.old!r} {text.count(mutation.old)} times, not once")
    return text.replace(mutation.old, mutation.new)


def run_tests(folder: Path, tests: Sequence[str], *options: str) -> int | None:
    """pytest's exit code in a copy; None where it takes too long."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_LONGEST_S * len(tests),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return done.returncode


def judged(mutation: Mutation, base: Path) -> Outcome:
    """Whether the test fails with the mutation, in a copy of the unmutated copy `base`."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as room:
        folder = copy_of(base, Path(room) / "copy")
        path = folder / mutation.file
        path.write_text(mutated(mutation, path.read_text(encoding="utf-8")), encoding="utf-8")
        code = run_tests(folder, [mutation.tests], "-x")
    said = {0: "SURVIVED", 1: "killed", None: f"over {_LONGEST_S} s"}.get(code, f"pytest ended with {code}")
    return Outcome(mutation=mutation, killed=code == 1, said=said, seconds=time.monotonic() - begun)


def judge(mutations: Sequence[Mutation]) -> Iterator[Outcome]:
    """Outcomes in order, two made at a time. Raises ValueError where the tests fail without any mutation."""
    with tempfile.TemporaryDirectory() as room:
        base = copy_of(ROOT, Path(room) / "base")
        code = run_tests(base, sorted({mutation.tests for mutation in mutations}))
        if code != 0:
            raise ValueError(f"the tests do not pass as the sources are: pytest ended with {code}")
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            yield from pool.map(lambda mutation: judged(mutation, base), mutations)


def line(outcome: Outcome) -> str:
    shown = " ".join(outcome.mutation.new.split())[:_SHOWN] or "(nothing)"
    return f"{outcome.said:<10} {outcome.seconds:5.1f} s  {outcome.mutation.file:<30} {shown}"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Whether the tests notice one-line mutations of the code.")
    parser.add_argument("--only", metavar="FILE", help="mutations of this file, by a part of its name")
    only = parser.parse_args(arguments).only
    chosen = [mutation for mutation in MUTATIONS if only is None or only in mutation.file]
    if not chosen:
        parser.error(
            f"no mutation of '{only}'; there are some of {', '.join(sorted({m.file for m in MUTATIONS}))}"
        )
    killed = []
    for outcome in judge(chosen):
        print(line(outcome), flush=True)
        killed.append(outcome.killed)
    print(f"{sum(killed)} of {len(killed)} mutations are noticed")
    return int(not all(killed))


if __name__ == "__main__":
    sys.exit(main())
