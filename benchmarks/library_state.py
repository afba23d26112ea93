"""What a library holds, read afresh from its files: to say whether two libraries, or two moments of one, are the same.

Letters: N rows on disk, n rows that live.
"""

import hashlib
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from umurl_search.files import sealed_folder
from umurl_search.index.index import Index
from umurl_search.library.catalog.open_catalog import BACKUP, CATALOG
from umurl_search.library.catalog.schema_and_migrations import TABLES
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.maintenance.verify import verify
from umurl_search.search.options import SearchOptions
from umurl_search.search.query_clip import QueryBatch
from umurl_search.search.searcher import Searcher

FOLDERS = ("clips", "encoders", "indexes")
EVERYTHING = 10_000
TOLERANCE = 1e-5
STRAY = "is not in the catalog"
OLD = "is not of the catalog's last change"
State = dict[str, Any]


def state(library: Library, y: NDArray[np.float32] | None = None) -> State:
    """Plain data: clips (dataset -> name -> id and hash of the frames), encoders (name -> hash), answers (index ->
    name -> score of `y`, (1, D), against every clip), wrong (what is not as it must be), strays, and so on."""
    problems, is_old = verify(library), copy_differs(library)
    found: State = {
        "strays": sorted(Path(line.split(" is not")[0]).name for line in problems if STRAY in line),
        "wrong": [line for line in problems if STRAY not in line and OLD not in line],
        "hidden": sorted(
            str(path.relative_to(library.root)) for path in library.root.glob("*/.*") if path.is_dir()
        ),
        "clips": {},
        "encoders": {},
        "answers": {},
        "copy_is_old": is_old,
        "copy_differs": is_old and not any(OLD in line for line in problems),
    }
    if not library.exists():
        return found
    with library.read() as catalog:
        datasets, indexes = [row["name"] for row in catalog.datasets()], catalog.indexes()
        found["encoders"] = {row["name"]: row["hash"] for row in catalog.encoders()}
    for name in datasets:
        found["clips"][name] = _clips(library, name)
    for row in indexes if y is not None else []:
        found["answers"][row["name"]], wrong = _answers(library, row, y)
        found["wrong"] += wrong
    return found


def _clips(library: Library, dataset: str) -> dict[str, list[Any]]:
    with library.read() as catalog:
        columns = catalog.clips_of(dataset)
    store = open_clips(library, dataset)
    hashes = [hashlib.sha256(store.frames(row).tobytes()).hexdigest()[:16] for row in range(len(store))]
    return {n: [i, h] for n, i, h in zip(columns.name, columns.id.tolist(), hashes, strict=True)}


def _answers(library: Library, row: dict[str, Any], y: Any) -> tuple[dict[str, float], list[str]]:
    """Name -> score of every clip as the index answers, and where that is not what its embeddings say."""
    searcher = Searcher(library, row["name"], device="cpu")
    index = searcher.index
    asking = QueryBatch(names=["fixed"], y=y, rows=[None])
    hits = searcher.answer(asking, SearchOptions(k=EVERYTHING))[0].hits
    with library.read() as catalog:
        columns = catalog.clips_of(row["dataset"])
    expected, scores = score_by_hand(index, y, set(columns.id.tolist())), [hit.score for hit in hits]
    wrong = [
        f"index {row['name']}: {said}"
        for said, is_so in (
            ("its manifest counts other rows", _counts_differ(index)),
            ("the catalog counts other clips", not row["clips"] == len(columns.id) == len(expected)),
            ("hits are other clips than those that are there", {h.clip_id for h in hits} != set(expected)),
            ("ranks are not in order of score", scores != sorted(scores, reverse=True)),
            (
                "scores are not those of its embeddings",
                any(abs(h.score - expected.get(h.clip_id, np.inf)) > TOLERANCE for h in hits),
            ),
        )
        if is_so
    ]
    return {hit.row["name"]: hit.score for hit in hits}, wrong


def score_by_hand(index: Index, y: NDArray[np.float32], live: set[int]) -> dict[int, float]:
    """Clip id -> cosine, in float64 and row by row, from the parts' own files."""
    mapping = index.all_maps().gallery("fused", bridged=False)
    (q,) = mapping(y).astype(np.float64)
    found = {}
    for part in index.parts:
        ids = np.load(part.folder / "ids.npy", allow_pickle=False)
        embeddings = np.load(part.folder / "embeddings-fused.npy", allow_pickle=False)
        for clip_id, row in zip(ids.tolist(), embeddings, strict=True):
            if clip_id in live:
                found[clip_id] = float(mapping(row[None]).astype(np.float64)[0] @ q)
    return found


def _counts_differ(index: Index) -> bool:
    return any(
        not part.manifest["clips"] == len(part.ids) == len(part.embeddings("fused")) for part in index.parts
    )


def copy_differs(library: Library) -> bool:
    """Whether the copy of the catalog holds anything else than the catalog does, or is not whole."""
    copy = library.root / BACKUP
    if not library.exists():
        return False
    return bool(sealed_folder.check(copy, full=True)) or _tables(copy / CATALOG) != _tables(
        library.catalog_path
    )


def _tables(path: Path) -> list[Any]:
    with duckdb.connect(str(path), read_only=True) as connection:
        return [
            connection.execute(f"select count(*), sum(hash(t)) from {table} t").fetchall() for table in TABLES
        ]


def differences(a: State, b: State) -> list[str]:
    """Where two libraries hold other clips, encoders or answers. Ids are not compared: those of a run cut short are
    not given again."""
    found = [f"encoders: {a['encoders']} and {b['encoders']}"] if a["encoders"] != b["encoders"] else []
    hashes = [
        {d: {n: h for n, (_, h) in clips.items()} for d, clips in one["clips"].items()} for one in (a, b)
    ]
    if hashes[0] != hashes[1]:
        found.append(
            f"clips: {[{d: len(clips) for d, clips in one.items()} for one in hashes]}, or their frames"
        )
    if a["answers"].keys() != b["answers"].keys():
        return [*found, f"indexes: {sorted(a['answers'])} and {sorted(b['answers'])}"]
    for name, answers in a["answers"].items():
        other = b["answers"][name]
        if answers.keys() != other.keys() or any(abs(answers[n] - other[n]) > TOLERANCE for n in answers):
            found.append(f"answers of index {name}")
    return found


def find_lost(before: State, now: State, *, may_go: set[str]) -> list[str]:
    """Clips of `before` that are not there now, under the same id with the same frames."""
    return [
        f"{dataset}:{name}"
        for dataset, clips in before["clips"].items()
        for name, clip in clips.items()
        if name not in may_go and now["clips"].get(dataset, {}).get(name) != clip
    ]
