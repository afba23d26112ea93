"""Shares of bulk work: cut alike for everyone, made once, refused when made from something else."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from interruptions import raise_interrupt

from encoder.errors import BusyError, DamagedError, Hint, NotFoundError, UmurlError
from umurl_search.files import sealed_folder, shards
from umurl_search.files.shards import Shard

PLAN: dict[str, Any] = {"encoder": "e", "state of the dataset": "a" * 64}


def again(shard: str) -> Hint:
    return Hint("{command}", command=("build-index", "mine", "--shard", shard))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "room").mkdir()
    return tmp_path / "room" / "x"


def fill(partial: Path) -> None:
    (partial / "rows").write_text("a few")


def make(target: Path, text: str, fill_it: Callable[[Path], None] = fill, **plan: Any) -> bool:
    return shards.make(target, Shard.parse(text), what="index x", plan=PLAN | plan, fill=fill_it)


def require_all(target: Path, **plan: Any) -> list[str]:
    found = shards.require_all(target, what="index x", plan=PLAN | plan, again=again)
    return [str(shard) for shard, _ in found]


@pytest.mark.parametrize(("n", "of"), [(0, 1), (0, 3), (1, 4), (7, 3), (100, 7), (9, 9)])
def test_shares_follow_one_another_and_are_even(n: int, of: int) -> None:
    spans = [Shard(number=i, of=of).share(n) for i in range(of)]
    assert [piece for start, stop in spans for piece in range(start, stop)] == list(range(n))
    sizes = [stop - start for start, stop in spans]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("text", ["4/4", "-1/4", "1", "1/", "/4", "a/b", "0/0", "1/4/2", "²/4", "", "0.5/2"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"I from 0 to N - 1, got '{re.escape(text)}'"):
        Shard.parse(text)


def test_a_sealed_share_is_not_made_again(target: Path) -> None:
    assert make(target, "1/2")
    assert not make(target, "1/2", raise_interrupt)
    assert sorted(path.name for path in shards.folder_of(target).iterdir()) == ["1-of-2", "plan.json"]


def test_an_interrupted_share_goes_on(target: Path) -> None:
    def stop(partial: Path) -> None:
        fill(partial)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(target, "0/2", stop)
    seen = []
    assert make(target, "0/2", lambda partial: seen.append((partial / "rows").read_text()))
    assert seen == ["a few"]


def test_what_was_made_from_something_else_is_refused(target: Path) -> None:
    make(target, "0/2")
    for said, text, plan in (
        ("number of shards 2, not 3", "0/3", {}),
        ("encoder e, not f", "1/2", {"encoder": "f"}),
        ("not the same state of the dataset", "1/2", {"state of the dataset": "b" * 64}),
        ("stride None, not 1", "1/2", {"stride": 1}),
    ):
        with pytest.raises(UmurlError) as told:
            make(target, text, raise_interrupt, **plan)
        start = "the shards of index x that are there were made from something else"
        assert told.value.typed == (
            f"{start}: {said}; ask for the same, or delete {shards.folder_of(target)}"
        )
    with pytest.raises(UmurlError, match="encoder e, not f"):
        require_all(target, encoder="f")


def test_missing_ones_are_named(target: Path) -> None:
    with pytest.raises(NotFoundError) as told:
        require_all(target)
    assert told.value.typed == "there are no shards of index x: umurl-search build-index mine --shard 0/N"
    make(target, "1/4")
    with pytest.raises(NotFoundError) as told:
        require_all(target)
    assert told.value.typed == "shards 0, 2, 3 of 4 are missing: umurl-search build-index mine --shard 0/4"
    make(target, "0/4")
    make(target, "3/4")
    with pytest.raises(NotFoundError) as told:
        require_all(target)
    assert told.value.typed == "shard 2 of 4 is missing: umurl-search build-index mine --shard 2/4"
    assert shards.count_sealed(target) == (3, 4)
    make(target, "2/4")
    assert require_all(target) == ["0/4", "1/4", "2/4", "3/4"]


def test_one_that_is_being_made_is_waited_for(target: Path) -> None:
    make(target, "0/2")

    def look(partial: Path) -> None:
        assert shards.is_in_work(target)
        with pytest.raises(BusyError, match=r"shard 1 of 2 is still being made$"):
            require_all(target)
        with pytest.raises(BusyError, match="another process is building it"):
            make(target, "1/2", raise_interrupt)

    make(target, "1/2", look)
    assert not shards.is_in_work(target)
    assert require_all(target) == ["0/2", "1/2"]


def test_damage_is_found_when_all_are_gathered(target: Path) -> None:
    make(target, "0/1")
    place = shards.place_of(target, Shard(number=0, of=1))
    (place / "rows").write_text("a fez")
    with pytest.raises(DamagedError) as told:
        require_all(target)
    assert told.value.typed.endswith(f"delete {place}, then umurl-search build-index mine --shard 0/1")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"number of shards": 0}', '{"number of shards": "2"}'])
def test_a_damaged_plan_is_told(target: Path, text: str) -> None:
    make(target, "0/1")
    (shards.folder_of(target) / "plan.json").write_text(text)
    for work in (lambda: require_all(target), lambda: make(target, "0/1")):
        with pytest.raises(DamagedError, match=r"plan\.json is damaged"):
            work()


def test_who_comes_second_takes_the_plan_that_is_there(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_between(path: Path, text: str) -> None:
        monkeypatch.undo()
        make(target, "0/2")
        sealed_folder.write_text(path, text)

    monkeypatch.setattr(sealed_folder, "write_text", write_between)
    with pytest.raises(UmurlError, match="number of shards 2, not 3"):
        make(target, "0/3")
    assert [path.name for path in target.parent.iterdir()] == [".x.shards"]


def test_a_folder_without_a_plan_is_told(target: Path) -> None:
    (shards.folder_of(target) / "x").mkdir(parents=True)
    with pytest.raises(DamagedError) as told:
        make(target, "0/2")
    folder = shards.folder_of(target)
    assert told.value.typed == f"{folder} holds no plan; delete {folder}"


def test_waiting_ends_when_all_are_there_or_gathered(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(target, "0/2")
    report = shards.ShardReport(name="x", shard=0, shards=2, rows=1, total=2, already_there=False, seconds={})
    naps = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        make(target, "1/2")

    monkeypatch.setattr(time, "sleep", nap)
    shards.wait_for_all(target, report)
    assert len(naps) == 1
    shards.sweep(target)
    shards.wait_for_all(target, report)
    assert list(target.parent.iterdir()) == []
