"""Training into the library: nothing lost under faults, a history beside the weights, several processes."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Result

from encoder import checkpoint
from encoder.errors import UmurlError
from encoder.model import ModelConfig
from encoder.schedule import TrainConfig
from encoder.train import TrainingInterrupted
from umurl_search.evaluation.metrics import effective_rank, spread
from umurl_search.files import sealed_folder
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.maintenance import verify as soundness
from umurl_search.progress import no_progress
from umurl_search.training import import_encoder, monitor, run
from umurl_search.training.clip_cache import open_prepared, prepare
from umurl_search.training.history import read_history
from umurl_search.training.plan import TrainRequest, apply_options, training_rows
from umurl_search.training.run import train_encoder

pytestmark = pytest.mark.slow  # whole trainings
Command = Callable[..., Result]
ROOT = Path(__file__).parents[1]


def started(words: str, library: Library, *, torchrun: int = 0) -> "subprocess.Popen[str]":
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


def stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


TINY = TrainRequest(
    dataset="mine", preset="tiny", epochs=12, batch_size=16, precision="float32", name="slow", device="cpu"
)


def weights(library: Library, name: str) -> bytes:
    return (library.encoder(name) / "weights.safetensors").read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(made: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    root = tmp_path_factory.mktemp("trained") / "library"
    shutil.copytree(made / "library", root)
    train_encoder(Library(root), TINY)
    return weights(Library(root), "slow")


def test_a_stopped_training_gives_the_same_weights(library: Library, uninterrupted: bytes) -> None:
    asked = iter([False, False, True])
    with pytest.raises(TrainingInterrupted):
        train_encoder(library, TINY, should_stop=lambda: next(asked))
    with pytest.raises(UmurlError, match=r"was made with seed 0 \(now 1\)"):
        train_encoder(library, TrainRequest(**{**vars(TINY), "seed": 1}), resume=True)
    train_encoder(library, TINY, resume=True)
    assert weights(library, "slow") == uninterrupted
    assert soundness.verify(library) == []


def test_ctrl_c_in_a_training(library: Library, uninterrupted: bytes, command: Command) -> None:
    words = "train mine --preset tiny --epochs 12 --batch-size 16 --precision float32 --as slow --device cpu"
    process = started(words, library)
    partial = sealed_folder.partial_of(library.encoder("slow"))
    while process.poll() is None and not (partial / "token").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, ""), err
    assert err.count("\n") == 1
    assert "--resume" in err
    assert command("list").code == 0
    assert soundness.verify(library) == []
    resumed = command(*words.split(), "--resume")
    assert resumed.code == 0, resumed.err
    assert weights(library, "slow") == uninterrupted


def test_a_finished_training_is_entered_by_the_next_run(
    library: Library, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(import_encoder, "register_sealed", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_encoder(library, TINY)
    assert "not in the catalog" in soundness.verify(library)[0]
    with monkeypatch.context() as patched:
        patched.setattr(run, "train", stopped)
        report = train_encoder(library, TINY)
    assert (report.encoder, report.clips, report.epochs) == ("slow", 30, 12)
    assert report.losses["loss"] > 0
    assert weights(library, "slow") == uninterrupted
    assert soundness.verify(library) == []


def test_a_finished_training_with_other_settings_is_made_again(
    library: Library, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(import_encoder, "register_sealed", stopped)
        with pytest.raises(KeyboardInterrupt):
            train_encoder(library, TrainRequest(**{**vars(TINY), "seed": 1}))
    other = weights(library, "slow")
    assert other != uninterrupted
    for resume in (False, True):
        with pytest.raises(
            UmurlError, match=r"finished encoder 'slow' of other options|no interrupted training"
        ):
            train_encoder(library, TINY, resume=resume)
    assert weights(library, "slow") == other
    train_encoder(library, TINY, anew=True)
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
        process = started(f"{words} --as torn" + (" --resume" if begun else ""), library)
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
    assert soundness.verify(library) == []
    lines = [read_history(library.encoder(name)) for name in ("whole", "torn")]
    assert lines[1].losses.step.tolist() == lines[0].losses.step.tolist()
    np.testing.assert_array_equal(lines[1].losses.values["loss"], lines[0].losses.values["loss"])


def test_two_processes_by_torchrun(library: Library, command: Command) -> None:
    """The same losses up to rounding, which grows: a last bit of the weights is 1e-6 of the loss after three steps, and
    3e-4 after six, in one process too."""
    words = "train mine --preset tiny --epochs 6 --batch-size 16 --precision float32 --device cpu --json"
    assert command(*words.split(), "--as", "alone").code == 0
    process = started(f"{words} --as both", library, torchrun=2)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    document = json.loads(out)  # of the first process only
    assert (document["processes"], document["encoder"], document["epochs"]) == (2, "both", 6)
    alone, both = (read_history(library.encoder(name)).losses.values["loss"] for name in ("alone", "both"))
    np.testing.assert_allclose(both[:3], alone[:3], rtol=3e-6)
    np.testing.assert_allclose(both, alone, rtol=2e-3)
    assert document["losses"]["loss"] == both[-1]
    assert soundness.verify(library) == []


def test_an_error_before_training_is_told_once_by_several_processes(library: Library) -> None:
    process = started("train mine --protocol smell --device cpu", library, torchrun=2)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, "")
    assert err.count("umurl-search: mine has no protocol 'smell'") == 1
    assert "Traceback" not in err.split("umurl-search:")[0]


# what lies beside the weights


def test_the_history(library: Library) -> None:
    request = TrainRequest(**{**vars(TINY), "looks": 4, "epochs": 8})
    report = train_encoder(library, request)
    history = read_history(library.encoder("slow"))
    assert history.losses.step.tolist() == list(range(1, 9))
    assert history.losses.values["loss"][-1] == pytest.approx(report.losses["loss"])
    assert history.embedding.step.tolist() == [2, 4, 6, 8]
    assert history.embedding.values["rank"][-1] == report.embedding["rank"]
    assert all(1 < rank < 30 for rank in history.embedding.values["rank"])
    assert all(0 <= accuracy <= 1 for accuracy in history.embedding.values["accuracy"])


def test_a_long_history_holds_means_over_steps(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"looks": 0, "epochs": 2, "batch_size": 2, "width": 4, "projection": 4, "modalities": ("joint",)}
    train_encoder(library, TrainRequest(**{**vars(TINY), **few, "name": "every"}))
    monkeypatch.setattr(monitor, "MOST_LINES", 7)
    train_encoder(library, TrainRequest(**{**vars(TINY), **few}))
    every, history = (read_history(library.encoder(name)) for name in ("every", "slow"))
    assert every.losses.step.tolist() == list(range(1, 31))
    assert history.losses.step.tolist() == [4, 8, 12, 16, 20, 24, 28, 30]
    means = [every.losses.values["loss"][i : i + 4].mean() for i in range(0, 30, 4)]
    np.testing.assert_allclose(history.losses.values["loss"], means)
    assert len(history.embedding) == 0


def test_the_configuration_lies_beside_the_weights(library: Library) -> None:
    train_encoder(
        library, TrainRequest(**{**vars(TINY), "schedule": "cosine", "layers": 2, "weight_decay": 0.5})
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


def test_every_value_of_a_preset_can_be_replaced() -> None:
    given = {
        "width": 8,
        "heads": 2,
        "layers": 3,
        "projection": 5,
        "modalities": ("bone", "joint"),
        "epochs": 7,
        "batch_size": 9,
        "learning_rate": 0.1,
        "weight_decay": 0.2,
        "schedule": "cosine",
        "drop_at": 0.3,
        "warmup_epochs": 1.5,
        "tune_epochs": 3,
        "tune_rate": 0.01,
        "precision": "float32",
        "compile": True,
        "seed": 4,
        "max_seconds": 5.0,
    }
    model, config = apply_options(TrainRequest(dataset="x", preset="paper", **given))  # type: ignore[arg-type]
    got = {**vars(model), **vars(config)}
    assert got == {**given, "modalities": ("joint", "bone")}
    assert set(got) == {*ModelConfig.__dataclass_fields__, *TrainConfig.__dataclass_fields__}


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


def test_training_may_start_from_an_encoder(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --learning-rate 0 --start-from e --as again --device cpu"
    assert command(*words.split()).code == 0
    before, after = (checkpoint.load(library.encoder(name)).state_dict() for name in ("e", "again"))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert "running" in name or "tracked" in name or torch.equal(after[name], tensor), name
    entry = encoder_registry.open_encoder(library, "again")
    assert entry.config["started_from"]["encoder"] == "e"
    assert entry.datasets_before == ["mine"]
    assert encoder_registry.overlap(entry, "mine", []) is None  # e may have seen more than this run
    assert encoder_registry.overlap(entry, "ntu60", []) == 0


def test_clips_known_by_another_name_of_their_dataset_are_told(
    library: Library, made: Path, command: Command
) -> None:
    source, splits = made / "clips", made / "splits.json"
    assert command("ingest", "copy", "--source", source, "--splits", splits).code == 0
    assert command("build-index", "copy", "--encoder", "e").code == 0
    (warning,) = command("knn-eval", "--json").json["warnings"] or [""]
    assert warning == ""  # the test subjects were not trained on
    swapped = json.loads(splits.read_text())["xsub"]
    (library.root / "swapped.json").write_text(
        json.dumps({"xsub": {"train": swapped["test"], "test": swapped["train"]}})
    )
    command("delete", "index:copy@e")
    command("delete", "dataset:copy")
    assert command("ingest", "copy", "--source", source, "--splits", library.root / "swapped.json").code == 0
    assert command("build-index", "copy", "--encoder", "e").code == 0
    (warning,) = command("knn-eval", "--json").json["warnings"]
    assert warning == (
        "30 of the 30 test clips of copy xsub have names that encoder e was trained on: "
        "where they are the same recordings, figures flatter it"
    )


def test_an_encoder_to_start_from_keeps_its_sizes(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --start-from e --as x --device cpu"
    failed = command(*words.split(), "--width", 32)
    assert (failed.code, failed.out) == (1, "")
    assert "encoder e has width 64, not 32: leave out --width or --start-from" in failed.err
    report = train_encoder(library, TrainRequest(**{**vars(TINY), "start_from": "shipped", "epochs": 1}))
    config = json.loads((library.encoder(report.encoder) / "config.json").read_text())
    assert config["model"]["width"] == encoder_registry.shipped().config["model"]["width"]


def test_the_curves_are_drawn(library: Library, command: Command, tmp_path: Path) -> None:
    words = "train mine --preset tiny --epochs 2 --as drawn --device cpu --json --plot"
    out = tmp_path / "curves.png"
    assert command(*words.split(), out).json["plot"] == str(out)
    assert out.read_bytes().startswith(b"\x89PNG")
    failed = command(*words.split(), tmp_path / "curves.bmp", "--as", "other")
    assert (failed.code, failed.out, library.encoder("other").exists()) == (1, "", False)


def test_sizes_that_cannot_be(library: Library, command: Command) -> None:
    failed = command("train", "mine", "--width", "10", "--heads", "4", "--device", "cpu")
    assert failed.code == 1
    assert "width is a multiple of 2 * heads" in failed.err


def test_prepared_clips_are_the_normalised_ones(library: Library, tmp_path: Path) -> None:
    store = open_clips(library, "mine")
    _, rows, _ = training_rows(library, "mine", None)
    prepare(tmp_path, store, rows, progress=no_progress)
    clips = open_prepared(tmp_path)
    assert len(clips) == len(rows) == 30
    for i, row in enumerate(rows):
        frames = store.normalised(row)
        start, n = int(clips.start[i]), frames.shape[0] * frames.shape[1]
        assert (int(clips.n_frames[i]), int(clips.n_people[i])) == frames.shape[:2]
        np.testing.assert_array_equal(clips.rows[start : start + n].numpy().reshape(frames.shape), frames)


# figures of the embedding's health


def test_effective_rank() -> None:
    rng = np.random.default_rng(0)
    even = np.linalg.qr(rng.standard_normal((40, 9)))[0].astype(np.float32)
    even -= even.mean(axis=0)
    assert effective_rank(np.linalg.qr(even)[0].astype(np.float32)) == pytest.approx(9, rel=1e-2)
    line = np.outer(np.arange(10), np.ones(6)).astype(np.float32)
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)
    assert effective_rank(np.ones((5, 3), np.float32)) == 0


def test_spread() -> None:
    rng = np.random.default_rng(0)
    assert spread(rng.standard_normal((4000, 50)).astype(np.float32)) == pytest.approx(1, abs=0.02)
    assert spread(np.ones((5, 3), np.float32) * np.arange(1, 6)[:, None].astype(np.float32)) == pytest.approx(
        0, abs=1e-6
    )
