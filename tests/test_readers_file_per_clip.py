"""Folders of a file a clip: order, repeated names, folders that cannot be listed."""

from pathlib import Path

import pytest
from made_recordings import NTU_NAME, moving_bodies, ntu_outcomes, skeleton, write_ntu

from encoder.errors import UmurlError
from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers.file_per_clip import walk_files


def test_of_two_files_of_one_name_the_first_is_used(tmp_path: Path) -> None:
    write_ntu(tmp_path / "b", skeleton(moving_bodies(2, 1)))
    write_ntu(tmp_path / "a", skeleton(moving_bodies(3, 1)))
    clip, left_out = ntu_outcomes(tmp_path)
    assert isinstance(clip, Clip)
    assert clip.source == f"a/{NTU_NAME}.skeleton"
    assert left_out == LeftOut(
        name=NTU_NAME,
        reason="duplicate name",
        detail=f"a/{NTU_NAME}.skeleton comes first",
        source=f"b/{NTU_NAME}.skeleton",
    )


def test_items_are_sorted_by_name_across_folders_and_links(tmp_path: Path) -> None:
    names = ["S001C001P001R001A003", "S001C001P001R001A001", "S001C001P001R001A002"]
    for folder, name in zip("abc", names, strict=True):
        write_ntu(tmp_path / "real" / folder, skeleton(moving_bodies(2, 1)), name=name)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real")
    found = ntu_outcomes(tmp_path / "source")
    assert [outcome.name for outcome in found] == sorted(names)
    assert all(isinstance(outcome, Clip) for outcome in found)


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UmurlError, match=r"gone: cannot be listed: No such file or directory$"):
        list(walk_files(tmp_path / "gone"))
