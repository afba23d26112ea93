"""Training into the library: stopped, killed, shared by processes, it gives the same weights."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from small_trainings import (
    STEPS,
    TINY,
    TWELVE_EPOCHS,
    interrupt,
    like_tiny,
    read_training_config,
    set_units,
    weights,
)

from encoder import checkpoint
from encoder.errors import UmurlError
from encoder.train import TrainingInterrupted
from umurl_search.files import sealed_folder
from umurl_search.library.library import Library
from umurl_search.maintenance import verify
from umurl_search.training import resume_state, run
from umurl_search.training.history import read_history
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

pytestmark = pytest.mark.slow  # whole trainings

Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("where", "name"), [(checkpoint, "save"), (sealed_folder, "_sync"), (run, "seal_encoder")]
)
def test_a_full_disk_while_sealing_loses_nothing(
    library: Library, monkeypatch: pytest.MonkeyPatch, where: Any, name: str
) -> None:
    def raise_full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(where, name, raise_full)
        with pytest.raises(OSError, match="No space"):
            train_encoder(library, like_tiny(save_every_s=1e9))
    with pytest.raises(UmurlError, match="an interrupted training of 'slow' is kept"):
        train_encoder(library, TINY)
    state = resume_state.load_state(sealed_folder.partial_of(library.encoder("slow")))
    assert state["step"] == STEPS  # though none was due
    train_encoder(library, TINY, resume=True)
    train_encoder(library, like_tiny(name="whole"))
    assert weights(library) == weights(library, "whole")


def test_anew_begins_at_the_first_step(library: Library) -> None:
    interrupt(library, TINY, after=5)
    train_encoder(library, TINY, anew=True)
    history = read_history(library.encoder("slow"))
    assert (history.losses.step.tolist(), history.resumed) == (list(range(1, STEPS + 1)), ())


def test_a_second_ctrl_c_says_what_goes_on(
    library: Library, monkeypatch: pytest.MonkeyPatch, command: Command
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "seal_encoder", interrupt)
    words = "train mine --preset tiny --epochs 1 --as slow --device cpu"
    stopped = command(*words.split())
    assert stopped.code == 130
    assert "with --resume goes on from the last state saved" in stopped.err


# what it says of itself


def test_stopped_at_its_last_step_it_still_tells_its_losses(library: Library) -> None:
    interrupt(library, TINY, after=STEPS)
    report = train_encoder(library, TINY, resume=True)
    assert set(report.losses) == {"loss", "intra", "inter", "variance", "covariance"}
    assert json.loads((library.encoder("slow") / "config.json").read_text())["final"] == report.losses


# the precision, on a machine that has other units than the one before


def test_auto_is_written_down_as_what_it_was(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    set_units(monkeypatch, there=False)
    train_encoder(library, like_tiny(width=256, epochs=1))
    assert read_training_config(library)["training"]["precision"] == "float32"


def start(words: str, library: Library, *, torchrun: int = 0) -> "subprocess.Popen[str]":
    """The command line in a process of its own, or in several."""
    shared = (
        ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={torchrun}"] if torchrun else []
    )
    return subprocess.Popen(
        [sys.executable, *shared, "-m", "cli.main", *words.split(), "--library", str(library.root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_stopped_training_gives_the_same_weights(library: Library, uninterrupted: bytes) -> None:
    asked = iter([False, False, True])
    with pytest.raises(TrainingInterrupted):
        train_encoder(library, TWELVE_EPOCHS, should_stop=lambda: next(asked))
    with pytest.raises(UmurlError, match=r"was made with seed 0 \(now 1\)"):
        train_encoder(library, TrainRequest(**{**vars(TWELVE_EPOCHS), "seed": 1}), resume=True)
    train_encoder(library, TWELVE_EPOCHS, resume=True)
    assert weights(library, "slow") == uninterrupted
    assert verify.verify(library) == []


def test_ctrl_c_in_a_training(library: Library, uninterrupted: bytes, command: Command) -> None:
    words = "train mine --preset tiny --epochs 12 --batch-size 16 --precision float32 --as slow --device cpu"
    process = start(words, library)
    partial = sealed_folder.partial_of(library.encoder("slow"))
    while process.poll() is None and not (partial / "token").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.count("\n") == 1
    assert "--resume" in err
    assert command("list").code == 0
    assert verify.verify(library) == []
    resumed = command(*words.split(), "--resume")
    assert resumed.code == 0, resumed.err
    assert weights(library, "slow") == uninterrupted


def test_killed_at_random_moments_it_still_gives_the_same_weights(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 60 --precision float32 --save-every 0 --looks 3 --device cpu"
    assert command(*words.split(), "--as", "whole").code == 0
    partial = sealed_folder.partial_of(library.encoder("torn"))
    state = partial / "state.pt"
    rng = np.random.default_rng(0)  # the waits; where that finds the run is the machine's own chance
    kills = 0
    for _ in range(3):
        begun = state.stat().st_mtime_ns if state.exists() else 0
        process = start(f"{words} --as torn" + (" --resume" if begun else ""), library)
        while process.poll() is None and not (state.exists() and state.stat().st_mtime_ns > begun):
            time.sleep(0.002)
        time.sleep(float(rng.uniform(0, 0.4)))
        process.kill()
        _, err = process.communicate(timeout=60)
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), err
        if process.returncode == 0:
            break
    assert kills >= 1
    if not library.encoder("torn").exists():
        resumed = command(*words.split(), "--as", "torn", "--resume")
        assert resumed.code == 0, resumed.err
    assert weights(library, "torn") == weights(library, "whole")
    assert verify.verify(library) == []
    lines = [read_history(library.encoder(name)) for name in ("whole", "torn")]
    assert lines[1].losses.step.tolist() == lines[0].losses.step.tolist()
    np.testing.assert_array_equal(lines[1].losses.values["loss"], lines[0].losses.values["loss"])


def test_two_processes_by_torchrun(library: Library, command: Command) -> None:
    """The same losses up to rounding, which grows: a last bit of the weights is 1e-6 of the loss after three steps, and
    3e-4 after six, in one process too."""
    words = "train mine --preset tiny --epochs 6 --batch-size 16 --precision float32 --device cpu --json"
    assert command(*words.split(), "--as", "alone").code == 0
    process = start(f"{words} --as both", library, torchrun=2)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    document = json.loads(out)  # of the first process only
    assert (document["processes"], document["encoder"], document["epochs"]) == (2, "both", 6)
    alone, both = (read_history(library.encoder(name)).losses.values["loss"] for name in ("alone", "both"))
    np.testing.assert_allclose(both[:3], alone[:3], rtol=3e-6)
    np.testing.assert_allclose(both, alone, rtol=2e-3)
    assert document["losses"]["loss"] == both[-1]
    assert verify.verify(library) == []


def test_an_error_before_training_is_told_once_by_several_processes(library: Library) -> None:
    process = start("train mine --protocol smell --device cpu", library, torchrun=2)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert err.count("umurl-search: mine has no protocol 'smell'") == 1
    assert "Traceback" not in err.split("umurl-search:")[0]


# what lies beside the weights


def test_the_configuration_lies_beside_the_weights(library: Library) -> None:
    train_encoder(
        library,
        TrainRequest(**{**vars(TWELVE_EPOCHS), "schedule": "cosine", "layers": 2, "weight_decay": 0.5}),
    )
    config = json.loads((library.encoder("slow") / "config.json").read_text())
    training = config["training"]
    assert (training["schedule"], training["weight_decay"], training["seed"]) == ("cosine", 0.5, 0)
    assert (config["model"]["layers"], config["model"]["modalities"]) == (2, ["joint", "bone", "motion"])
    assert (config["clips"], config["processes"], config["device"]) == (30, 1, "cpu")
    assert sorted(path.name for path in library.encoder("slow").iterdir()) == [
        "config.json",
        "history.jsonl",
        "manifest.json",
        "trained_on.txt",
        "weights.safetensors",
    ]


def test_a_uni_modal_encoder_from_training_to_figures(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --modalities bone --looks 1 --device cpu"
    assert command(*words.split()).code == 0
    built = command("build-index", "mine", "--encoder", "mine-xsub-tiny-bone", "--json").json
    assert built["modalities"] == ["bone", "fused"]
    matrix = command("knn-eval", "--matrix", "--json").json["matrix"]
    assert {q: set(row) for q, row in matrix.items()} == {m: {"bone", "fused"} for m in ("bone", "fused")}
    assert matrix["bone"]["bone"] == matrix["fused"]["fused"]  # all that is fused is the bone
    hit = command("query", "mine:S001C001P001R001A001", "--modality", "bone", "--json").json["hits"][0]
    assert hit["name"] == "S001C001P001R001A001"
    for arguments in (
        ("knn-eval", "--query-modality", "joint"),
        ("query", "mine:S001C001P001R001A001", "--modality", "joint"),
    ):
        failed = command(*arguments)
        assert failed.code == 1
        assert failed.err.count("\n") == 1
        assert "bone" in failed.err
