"""Encoders of a library: which is chosen, and what each has seen of a test part."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from documents import import_checkpoint, read_document

from umurl_search import Library
from umurl_search.datasets.protocols import NTU60_TRAIN_SUBJECTS
from umurl_search.library import encoder_registry
from umurl_search.library.encoder_registry import EncoderEntry
from umurl_search.maintenance.inspect_and_doctor import delete
from umurl_search.synthetic.demo_corpus import make_clip
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

Command = Callable[..., Result]
NAMES = [
    f"S{setup:03d}C001P{subject:03d}R001A{action:03d}"
    for setup in (1, 2, 17, 18, 31)
    for subject in (1, 3, 8, 45, 106)
    for action in (1, 60, 61, 120)
]


def test_the_newest_encoder_of_the_protocol_is_chosen(
    library: Library, command: Command, golden: Path
) -> None:
    import_checkpoint(command, golden, "view", "mine:xview")
    import_checkpoint(command, golden, "stranger", "ntu60:xsub")
    assert read_document(command("build-index", "mine", "--json"))["encoder"] == "e"
    assert encoder_registry.choose(library, "mine", "xset").name == "view"
    import_checkpoint(command, golden, "newer", "mine:xsub")
    built = read_document(command("build-index", "mine", "--json"))
    assert (built["encoder"], built["index"]) == ("newer", "mine@newer")
    assert encoder_registry.choose(library, "other", "xsub").name == "shipped"


@pytest.fixture
def nested(golden: Path, command: Command, tmp_path: Path) -> Library:
    """ntu60 (8 clips) and ntu120 (8 clips, 4 of them the same), an encoder imported for ntu60's xsub."""
    sixty = [f"S001C{c:03d}P{p:03d}R001A{a:03d}" for c in (1, 2) for p in (8, 3) for a in (1, 2)]
    more = [f"S00{s}C001P{p:03d}R001A{a:03d}" for s in (1, 2) for p in (8, 3) for a in (1, 61)]
    for name, clips in (("ntu60", sixty), ("ntu120", more)):
        (tmp_path / name).mkdir()
        for clip in clips:
            np.save(tmp_path / name / f"{clip}.npy", make_clip(clip[:17] + "005"))
    checkpoint = golden / "checkpoint_0450.pth.tar"
    assert command("import-encoder", checkpoint, "--as", "old", "--for", "ntu60:xsub").code == 0
    for name in ("ntu60", "ntu120"):
        assert command("ingest", name, "--source", tmp_path / name).code == 0
        assert command("build-index", name, "--encoder", "old").code == 0
    return Library(tmp_path / "library")


def test_what_was_seen_and_what_is_in_the_gallery_is_told(nested: Library, command: Command) -> None:
    asked = ("knn-eval", "--queries", "ntu120@old", "--query-protocol", "xset")
    told = command(*asked, "--json")
    assert (told.json["index"], told.json["protocol"]) == ("ntu60@old", "xsub")
    assert (told.json["gallery"], told.json["queries"]) == (4, 2)
    assert told.json["left_out"] == {"action not in the gallery": 2}
    assert told.json["seen"] == {"queries": 1, "gallery": 4}
    assert told.json["warnings"] == [
        "encoder old was trained on 1 of the 2 queries: figures flatter it",
        "encoder old was trained on 4 of the 4 gallery clips",
        "1 of the 2 queries have the name of a gallery clip: where they are the same recordings, figures flatter",
    ]
    assert told.err.splitlines() == [f"note: {line}" for line in told.json["warnings"]]
    assert told.json["recall_at"]["5"] == 1
    excluding = command(*asked, "--exclude-same-performance", "--json").json
    # Subject 8 performs A1 before both cameras: its query loses both, the only other clips being of A2.
    assert (excluding["ranked"], excluding["recall_at"]["10"]) == (1, 0.5)


def test_an_encoder_of_unknown_training(nested: Library, golden: Path, command: Command) -> None:
    assert command("import-encoder", golden / "checkpoint_0450.pth.tar", "--as", "any").code == 0
    for name in ("ntu60", "ntu120"):
        assert command("build-index", name, "--encoder", "any").code == 0
    told = command("knn-eval", "--queries", "ntu120@any", "--index", "ntu60@any", "--json").json
    assert told["seen"] == {"queries": None, "gallery": None}
    assert told["warnings"][0] == (
        "it is not known what encoder any was trained on: it may have seen clips of the queries and gallery"
    )


def test_an_encoder_whose_training_was_bounded_counts_only_where_it_is_named(
    library: Library, command: Command
) -> None:
    request = TrainRequest(dataset="mine", preset="tiny", epochs=1, batch_size=16, device="cpu")
    train_encoder(library, TrainRequest(**{**vars(request), "name": "bounded", "max_seconds": 60.0}))
    assert encoder_registry.open_encoder(library, "bounded").is_bounded
    assert encoder_registry.choose(library, "mine", "xsub").name == "e"
    delete(library, "e")
    assert encoder_registry.choose(library, "mine", "xsub").name == "shipped"
    told = command("build-index", "mine", "--encoder", "bounded", "--library", library.root, "--json")
    assert told.json["encoder"] == "bounded"


def entry(dataset: str | None, protocol: str | None, folder: Path) -> EncoderEntry:
    return EncoderEntry(name="x", folder=folder, hash="", config={"dataset": dataset, "protocol": protocol})


def test_overlap_goes_by_the_rules_of_the_protocol_trained_on(tmp_path: Path) -> None:
    odd = [name for name in NAMES if int(name[1:4]) % 2]
    seen = [
        name
        for name in odd
        if int(name[1:4]) <= 17 and int(name[9:12]) in NTU60_TRAIN_SUBJECTS and int(name[17:20]) <= 60
    ]
    assert 0 < len(seen) < len(odd)
    assert encoder_registry.overlap(entry("ntu60", "xsub", tmp_path), "ntu120", odd) == len(seen)
    assert encoder_registry.overlap(entry("ntu120", "xset", tmp_path), "ntu120", odd) == 0
    assert (encoder_registry.overlap(entry("ntu120", "xsub", tmp_path), "ntu120", odd) or 0) > len(seen)
    assert encoder_registry.overlap(entry("ntu60", "xsub", tmp_path), "pku-mmd-1", odd) == 0
    assert encoder_registry.overlap(entry("ntu60", None, tmp_path), "ntu120", odd) is None
    assert encoder_registry.overlap(entry(None, None, tmp_path), "ntu120", odd) is None
    (tmp_path / "trained_on.txt").write_text("\n".join(odd[:3]))
    assert encoder_registry.overlap(entry("ntu60", "xsub", tmp_path), "ntu120", odd) == 3


def test_the_overlap_is_told(command: Command, golden: Path) -> None:
    checkpoint = golden / "checkpoint_0450.pth.tar"
    assert command("import-encoder", checkpoint, "--as", "old", "--for", "ntu60:xsub").code == 0
    assert command("ingest", "ntu120", "--source", golden / "raw").code == 0
    built = command("build-index", "ntu120", "--encoder", "old")
    assert "trained on" not in built.err
    told = command("knn-eval", "--protocol", "xset", "--json")
    assert "encoder old was trained on 4 of the 4 test clips of ntu120 xset" in told.err
    assert told.json["warnings"] == [line.removeprefix("note: ") for line in told.err.splitlines()]
    assert "trained on" not in command("knn-eval", "--protocol", "xsub").err
    assert command("import-encoder", checkpoint, "--as", "any").code == 0
    unknown = command("build-index", "ntu120", "--encoder", "any")
    assert "it is not known what encoder any was trained on" in unknown.err


@pytest.mark.slow
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
