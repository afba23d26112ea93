"""What users call clips: with or without ending and folder, in other letters, unless several could be meant."""

import pytest

from umurl_search.ingest.clip_names import NameMatcher

NAMES = ("wave/001", "kick/001", "S001C001P001R001A002", "sad wave", "a.b")
SOURCES = ("wave/001.npy", "kick/001.npy", "raw/S001C001P001R001A002.skeleton", "sad wave.npy", "a.b.npy")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("wave/001", "wave/001"),
        (" kick/001.npy ", "kick/001"),
        ("Wave\\001.NPY", "wave/001"),
        ("001", None),
        ("S001C001P001R001A002.skeleton", "S001C001P001R001A002"),
        ("s001c001p001r001a002.avi", "S001C001P001R001A002"),
        ("/data/nturgb/S001C001P001R001A002.skeleton.npy", "S001C001P001R001A002"),
        ("sad wave", "sad wave"),
        ("a.b", "a.b"),
        ("a", None),
        ("", None),
    ],
)
def test_a_name_finds_its_clip(text: str, found: str | None) -> None:
    assert NameMatcher(NAMES, SOURCES).find(text) == found


def test_names_that_mean_no_clip_are_told() -> None:
    assert NameMatcher(NAMES).find_all(["sad wave.npy", "nobody"]) == (
        {"sad wave.npy": "sad wave"},
        ["nobody"],
    )


def test_a_name_in_another_folder_is_another_clip() -> None:
    matcher = NameMatcher(("002", "S001C001P001R001A002"), ("wave/002.npy", "raw/S001C001P001R001A002.npy"))
    assert matcher.find("walk/002.npy") is None
    assert matcher.find("data/wave/002.npy") == "002"
    assert matcher.find("elsewhere/S001C001P001R001A002.skeleton") == "S001C001P001R001A002"


def test_names_in_a_list_with_labels_and_letters_in_two_parts() -> None:
    matcher = NameMatcher(("my clip 1", "u\u0308", "a"))
    assert matcher.find("my clip 1") == "my clip 1"
    assert matcher.find("a 7") == "a"
    assert matcher.find("\u00fc.npy") == "u\u0308"
