"""Compacting: no answer changes, the bytes are dropped, and a killed run is ended by the next."""

from pathlib import Path

import numpy as np
import pytest
from changes import hits
from conftest import add_files
from parted_libraries import raise_killed, run_until_killed, score_by_name

from umurl_search import Library
from umurl_search.index.bridges_and_whitening import fit_maps
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.index.open_index import open_index
from umurl_search.ingest.add_update_remove import ChangeRequest, add_or_update, remove
from umurl_search.maintenance import compact as compaction
from umurl_search.maintenance.compact import compact
from umurl_search.maintenance.repair import repair
from umurl_search.maintenance.verify import verify


def test_a_compacted_index_has_the_maps_of_the_clips_that_are_there(changing: Library) -> None:
    remove(changing, "mine", where="subject < 3")
    assert compact(changing, "mine").done
    for name in ("i", "half"):
        index, _ = open_index(changing, name)
        assert (len(index.ids), len(index.every_id)) == (30, 30)
        wanted = fit_maps({m: index.embeddings(m) for m in index.modalities}, index.transform)
        found = index.all_maps()
        for modality in index.modalities:
            np.testing.assert_allclose(found.means[modality], wanted.means[modality], atol=1e-6)
        assert found.bridges.keys() == wanted.bridges.keys()
        for pair, bridge in wanted.bridges.items():
            np.testing.assert_allclose(found.bridges[pair], bridge, atol=1e-5)


@pytest.mark.slow
def test_compacting_changes_no_answer_and_drops_the_bytes(changing: Library, kept: Path) -> None:
    assert not compact(changing, "mine").done
    add_files(kept)
    add_or_update(changing, ChangeRequest(dataset="mine", device="cpu"))
    remove(changing, "mine", where="camera = 3 and subject < 3")
    before = {name: hits(changing, name) for name in ("i", "h")}
    ids = open_index(changing, "i")[0].ids
    report = compact(changing, "mine")
    assert (report.done, report.parts, report.gone) == (True, 8, 10)
    assert report.after < report.before
    assert {name: hits(changing, name) for name in ("i", "h")} == before
    np.testing.assert_array_equal(open_index(changing, "i")[0].ids, ids)
    assert verify(changing) == []
    assert {path.name for path in (changing.root / "indexes").iterdir()} == {"h~3", "half~3", "i~3"}
    assert build_index(
        changing, BuildRequest(dataset="mine", encoder="e", name="i", device="cpu")
    ).already_there
    add_files(kept, ["S001C003P005R001A004"])
    assert add_or_update(changing, ChangeRequest(dataset="mine", device="cpu")).added == 1
    assert len(hits(changing, "half")) == 57


@pytest.mark.slow
def test_a_compaction_killed_before_it_deletes_the_old_is_ended_by_the_next(
    parted: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = score_by_name(parted)
    for last in (lambda: compact(parted, "mine"), lambda: repair(parted, device="cpu")):
        run_until_killed(
            monkeypatch,
            compaction,
            "sweep_leftovers",
            raise_killed,
            lambda: compact(parted, "mine", force=True),
        )
        strays = [line for line in verify(parted) if "not in the catalog" in line]
        assert len(strays) >= 2
        assert score_by_name(parted) == before
        last()
        assert verify(parted) == []
        assert score_by_name(parted) == before
        remove(parted, "mine", names=[min(before.keys() - {"S001C001P001R001A005"})])
        before = score_by_name(parted)
