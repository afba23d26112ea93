"""An interrupted training goes on, loses nothing and says what differs."""

import hashlib
import json
import re
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Result
from interruptions import Killed
from refusals import raises_typed
from small_trainings import (
    STEPS,
    TINY,
    TWELVE_EPOCHS,
    interrupt,
    like_tiny,
    read_training_config,
    set_units,
    stop_after,
    weights,
)

from encoder.distributed import ALONE, Processes
from encoder.errors import UmurlError
from encoder.train import TrainingInterrupted
from umurl_search.files import sealed_folder
from umurl_search.library.library import Library
from umurl_search.maintenance import verify
from umurl_search.training import resume_state
from umurl_search.training.history import read_history
from umurl_search.training.run import train_encoder

pytestmark = pytest.mark.slow  # whole trainings

Command = Callable[..., Result]


@pytest.mark.parametrize("gone", range(6))
def test_killed_while_its_scratch_is_removed(
    library: Library, monkeypatch: pytest.MonkeyPatch, gone: int
) -> None:
    train_encoder(library, like_tiny(name="whole"))
    unlink, left = Path.unlink, iter(range(gone))

    def unlink_some(self: Path, missing_ok: bool = False) -> None:
        if self.name in (*resume_state.SCRATCH, "token") and next(left, None) is None:
            raise Killed
        unlink(self, missing_ok)

    assert len({*resume_state.SCRATCH, "token"}) == 6
    with monkeypatch.context() as patched, pytest.raises(Killed):
        train_encoder(library, TINY, should_stop=_unpatch_when_training(patched, unlink_some))
    report = train_encoder(library, TINY)  # sealed, entered now
    assert report.losses["loss"] > 0
    assert sorted(path.name for path in library.encoder("slow").iterdir()) == [
        "config.json",
        "history.jsonl",
        "manifest.json",
        "trained_on.txt",
        "weights.safetensors",
    ]
    assert weights(library) == weights(library, "whole")
    assert verify.verify(library) == []


def _unpatch_when_training(patched: pytest.MonkeyPatch, unlink: Any) -> Callable[[], bool]:
    """Never stops; patches Path once training is under way."""

    def should_stop() -> bool:
        patched.setattr(Path, "unlink", unlink)
        return False

    return should_stop


def test_a_state_that_cannot_be_written_leaves_the_one_before(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(library, TINY, after=5)
    before = (sealed_folder.partial_of(library.encoder("slow")) / resume_state.STATE).read_bytes()

    def raise_full(*_: object) -> None:
        try:
            raise OSError(28, "No space left on device")
        except OSError as error:
            raise RuntimeError("unexpected pos 64 vs 0") from error

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", raise_full)
        with pytest.raises(UmurlError, match=r"state\.pt: the state cannot be written \(.*No space left"):
            train_encoder(library, TINY, resume=True)
    left = sealed_folder.partial_of(library.encoder("slow"))
    assert (left / resume_state.STATE).read_bytes() == before
    assert not list(left.glob("*.tmp"))


def test_an_interrupted_run_is_not_lost_unasked(library: Library, command: Command) -> None:
    interrupt(library, TINY, after=5)
    words = "train mine --preset tiny --epochs 2 --as slow --device cpu"
    failed = command(*words.split())
    assert (failed.code, failed.out) == (1, "")
    assert failed.err == (
        "umurl-search: an interrupted training of 'slow' is kept; train --resume goes on with it, train --anew "
        "discards it, --as gives this one another name\n"
    )
    assert command(*words.split(), "--resume", "--anew").code == 2
    assert command(*words.split(), "--anew").code == 0
    assert not sealed_folder.partial_of(library.encoder("slow")).exists()


def test_what_differs_from_the_interrupted_run_is_told(library: Library) -> None:
    interrupt(library, TINY, after=5)
    with pytest.raises(UmurlError) as error:
        train_encoder(library, like_tiny(epochs=7, width=32), resume=True)
    assert error.value.typed == (
        "the interrupted training of 'slow' was made with width 64 (now 32), epochs 6 (now 7); give just that to go on "
        "with it, or discard it with --anew"
    )
    with raises_typed("no interrupted training of 'other' to resume; run it without --resume"):
        train_encoder(library, like_tiny(name="other"), resume=True)


@pytest.mark.parametrize("given", [{"batch_size": 9}, {"compile": True}, {"width": 9}])
def test_an_option_that_cannot_be_discards_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    interrupt(library, TINY, after=5)
    monkeypatch.setattr(
        "umurl_search.training.run.process_group", lambda device: nullcontext(replace(ALONE, count=2))
    )
    monkeypatch.setattr(Processes, "broadcast_from_rank0", lambda self, find: find())
    with pytest.raises(UmurlError) as told:
        train_encoder(library, like_tiny(**given), anew=True)
    assert re.search(r"--batch-size 8|--compile|width is a multiple", told.value.typed)
    assert resume_state.load_state(sealed_folder.partial_of(library.encoder("slow")))["step"] == 5


def test_a_damaged_state_is_told(library: Library) -> None:
    interrupt(library, TINY, after=5)
    state = sealed_folder.partial_of(library.encoder("slow")) / resume_state.STATE
    state.write_bytes(state.read_bytes()[:-5000])
    with raises_typed(r"state\.pt: cannot be read \(.*\); --anew begins again"):
        train_encoder(library, TINY, resume=True)


def test_a_state_half_written_is_not_left_behind(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def write_half(state: Any, file: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", write_half)
    with pytest.raises(KeyboardInterrupt):
        train_encoder(library, TINY)
    assert not list(sealed_folder.partial_of(library.encoder("slow")).glob("*.tmp"))


# a loss that is no number


def test_what_was_kept_before_it_goes_on_with_another_rate(library: Library) -> None:
    interrupt(library, TINY, after=5)
    with raises_typed("resumed so, training goes on from the last state saved before"):
        train_encoder(library, like_tiny(learning_rate=1e30, save_every_s=60.0), resume=True)
    train_encoder(library, like_tiny(learning_rate=1e-4, precision="float32"), resume=True)
    config = json.loads((library.encoder("slow") / "config.json").read_text())
    assert config["training"]["learning_rate"] == 1e-4
    first, second = config["settings"]
    assert (first["from_step"], first["learning_rate"]) == (0, 2e-3)
    assert (second["from_step"], second["learning_rate"], second["precision"]) == (5, 1e-4, "float32")
    history = read_history(library.encoder("slow"))
    assert len(history.losses) == STEPS
    assert history.resumed == (5,)  # the attempt that failed is not told of


def test_a_resumed_run_keeps_the_rate_it_was_given(library: Library) -> None:
    interrupt(library, TINY, after=5)
    slower = like_tiny(learning_rate=1e-4)
    with pytest.raises(TrainingInterrupted):
        train_encoder(library, slower, resume=True, should_stop=stop_after(3))
    train_encoder(library, TINY, resume=True)
    config = json.loads((library.encoder("slow") / "config.json").read_text())
    assert [row["learning_rate"] for row in config["settings"]] == [2e-3, 1e-4]
    assert config["training"]["learning_rate"] == 1e-4
    lines = (json.loads(x) for x in (library.encoder("slow") / "history.jsonl").read_text().splitlines())
    resumed = [line for line in lines if line["kind"] == "resumed"]
    assert [(line["step"], line.get("learning_rate")) for line in resumed] == [(5, 1e-4), (8, None)]


def test_another_rate_of_tuning_is_in_force(library: Library) -> None:
    weighed = []
    for name, rate in (("same", None), ("other", 1e-7)):
        request = like_tiny(tune_epochs=2, name=name)
        interrupt(library, request, after=20)
        train_encoder(library, like_tiny(tune_epochs=2, name=name, tune_rate=rate), resume=True)
        weighed.append(weights(library, name))
    assert weighed[0] != weighed[1]


def test_a_queue_that_is_no_number_is_not_kept(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from encoder.nearest_neighbour_tuning import Tuner

    loss = Tuner.loss

    def spoil(self: Tuner, *given: Any, **named: Any) -> torch.Tensor:
        out = loss(self, *given, **named)
        self.queue.fill_(torch.nan)
        return out.detach() * 0 + sum(p.sum() * 0 for p in self.parameters())

    monkeypatch.setattr(Tuner, "loss", spoil)
    with pytest.raises(UmurlError, match="a weight became infinite or NaN at step 19, in epoch 7"):
        train_encoder(library, like_tiny(tune_epochs=1))


# the precision, on a machine that has other units than the one before


def test_a_resumed_run_keeps_its_precision_and_says_what_that_costs(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = like_tiny(width=256, epochs=2)
    set_units(monkeypatch, there=True)
    interrupt(library, wide, after=2)
    set_units(monkeypatch, there=False)
    told: list[str] = []
    report = train_encoder(library, wide, resume=True, tell=told.append)
    assert report.precision == "bf16"
    assert read_training_config(library)["training"]["precision"] == "bf16"
    assert ["bf16 is emulated here" in line for line in told] == [True]


def test_a_resumed_run_that_is_given_auto_says_what_differs(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_units(monkeypatch, there=True)
    interrupt(library, like_tiny(width=256, epochs=2), after=2)
    set_units(monkeypatch, there=False)
    told: list[str] = []
    auto = like_tiny(width=256, epochs=2, precision="auto")
    assert train_encoder(library, auto, resume=True, tell=told.append).precision == "float32"
    assert told == []
    changes = [(row["from_step"], row["precision"]) for row in read_training_config(library)["settings"]]
    assert changes == [(0, "bf16"), (2, "float32")]


def test_a_run_goes_on_elsewhere_where_it_need_not_be_to_the_bit(library: Library, command: Command) -> None:
    """As if it had been begun on GPUs."""
    interrupt(library, TWELVE_EPOCHS, after=5)
    partial = sealed_folder.partial_of(library.encoder("slow"))
    options = json.loads((partial / resume_state.OPTIONS).read_text())
    options["stated"] |= {"device": "cuda", "processes": 4}
    (partial / resume_state.OPTIONS).write_text(json.dumps(options))
    (partial / "token").write_text(hashlib.sha256(json.dumps(options["stated"]).encode()).hexdigest())
    state = resume_state.load_state(partial)
    torch.save(
        {**state, "device": "cuda", "generator": state["generator"][:16]}, partial / resume_state.STATE
    )
    said = "device cuda (now cpu), processes 4 (now 1); give just that; --inexact goes on all the same"
    with pytest.raises(UmurlError) as raised:
        train_encoder(library, TWELVE_EPOCHS, resume=True)
    assert said in raised.value.typed
    with pytest.raises(TrainingInterrupted):
        train_encoder(library, TWELVE_EPOCHS, resume=True, inexact=True, should_stop=stop_after(2))
    train_encoder(library, TWELVE_EPOCHS, resume=True, inexact=True)
    assert read_training_config(library)["resumed_inexactly"] is True
    assert command("train", "mine", "--inexact").code == 2
