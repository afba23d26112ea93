"""Clips that are far too long or too short are doubted."""

from umurl_search.clips.clip_length import check_lengths


def test_an_hour_is_doubted_and_the_options_are_named() -> None:
    (line,) = check_lengths([30, 108_000], what="mine")
    assert line.startswith("mine: 1 of 2 clips is longer than 60 s (up to 3,600 s), and 64 frames are left")
    assert "--untrimmed" in line
    assert "--window" in line
    assert check_lengths([1800, 3], what="mine") == []
    assert check_lengths([], what="mine") == []
    assert check_lengths([1801], what="x.npy")[0].startswith("x.npy: the clip is longer than 60 s")


def test_one_or_two_frames_are_doubted() -> None:
    (line,) = check_lengths([1, 2, 3], what="mine", dataset="mine")
    assert line.startswith("mine: 2 of 3 clips are of one or two frames")
    assert line.endswith('; umurl-search remove mine --where "frames < 3" takes them out')
    assert "remove" not in check_lengths([1], what="x.npy")[0]
