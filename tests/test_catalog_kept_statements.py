"""What is said of clips comes back with them: when they are replaced, and after they were removed."""

import json
from pathlib import Path

from changes import change

from umurl_search import Library
from umurl_search.ingest.add_update_remove import remove
from umurl_search.ingest.relabel import relabel
from umurl_search.maintenance.rename import rename
from umurl_search.maintenance.verify import verify


def test_what_was_said_of_clips_outlives_their_removal(changing: Library, tmp_path: Path) -> None:
    one, other = "S001C001P002R001A001", "S001C001P002R001A005"
    (tmp_path / "l.csv").write_text(f"name,label,subject,mood\n{one},9,ann,good\n{other},,,bad\n")
    relabel(changing, "mine", tmp_path / "l.csv")
    parts = json.dumps({"own": {"train": [one], "test": [other]}})
    (tmp_path / "s.json").write_text(parts)
    change(changing, splits=tmp_path / "s.json")

    def said() -> list[object]:
        with changing.read() as catalog:
            clips = [catalog.clip("mine", name) or {} for name in (one, other)]
            parts = {part: ids.tolist() for part, ids in catalog.split("mine", "own").items()}
        assert parts == {"train": [clips[0]["id"]], "test": [clips[1]["id"]]}
        return [[clip[key] for key in ("label", "action", "subject", "mood")] for clip in clips]

    before = said()
    assert before[0] == [9, None, "ann", "good"]
    for _ in range(2):
        assert remove(changing, "mine", where="subject = '2' or subject = 'ann'").removed == 15
        assert change(changing, labels=None, removed=True).added == 15
        assert said() == before
    remove(changing, "mine", names=[one])
    (tmp_path / "l.csv").write_text(f"name,mood,age\n{other},worse,3\n")
    relabel(changing, "mine", tmp_path / "l.csv")
    change(changing, removed=True)
    assert said()[0] == before[0]
    assert verify(changing) == []


def test_it_goes_with_the_dataset(changing: Library, tmp_path: Path) -> None:
    name = "S001C001P002R001A001"
    (tmp_path / "l.csv").write_text(f"name,label,mood\n{name},9,good\n")
    relabel(changing, "mine", tmp_path / "l.csv")
    remove(changing, "mine", names=[name])
    rename(changing, "dataset:mine", "ours")
    assert change(changing, dataset="ours", removed=True).added == 1
    with changing.read() as catalog:
        clip = catalog.clip("ours", name) or {}
        assert (clip["label"], clip["mood"]) == (9, "good")
    remove(changing, "ours", names=[name])
    with changing.write() as catalog:
        catalog.delete("dataset", "ours")
        for table in ("removed_clips", "removed_splits", "removed_segments"):
            assert catalog._rows(f"select * from {table}") == []
