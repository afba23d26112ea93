"""What `costs` counts and measures, as a table."""

from collections.abc import Callable

from conftest import Result

Command = Callable[..., Result]


def test_the_table(command: Command) -> None:
    counted = command("costs", "--preset", "paper", "--no-measure").out
    for row in ("fused 1 22.07 M 2.536 G", "joint 1 15.06 M 1.74 G", "late-fused 3 45.18 M 5.22 G"):
        assert row.split() in [line.split() for line in counted.splitlines()]
    assert "a multiply-add counted as 2" in counted
    assert "clips/s" not in counted
    measured = command("costs", "--preset", "tiny", "--people", "1", "--clips", "1", "--device", "cpu").out
    assert "preset tiny, width 64, one clip of one person, 64 frames" in measured
    assert "1 clips at a time, median of 3" in measured
