"""The command line's contract: commands, options, JSON keys, exit codes and what is chosen when nothing is said."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Result
from numpy.typing import NDArray

from encoder import precision
from umurl_search.library import encoder_registry
from umurl_search.library.library import Library
from umurl_search.synthetic.demo_corpus import make_clip

Command = Callable[..., Result]

SHARED = "--library --data --device --json --quiet"
CONTRACT = {
    "datasets": "",
    "ingest": "--source --format --layout --splits --fps --up --scale",
    "train": "--protocol --preset --epochs --batch-size --seed --as --resume",
    "import-encoder": "--as --for",
    "build-index": "--encoder --modalities --kind --transform --as",
    "query": "--modality --index --against --k --where --exclude-same-performance --no-bridge --axes",
    "knn-eval": "--index --protocol --k --query-modality --gallery-modality --matrix "
    "--exclude-same-performance --no-bridge",
    "embed": "--out --encoder --modality",
    "list": "",
    "info": "",
    "verify": "",
    "doctor": "",
    "demo": "--seconds",
    "delete": "",
    "prefer": "",
}
HIT_KEYS = {
    "rank",
    "score",
    "clip_id",
    "name",
    "dataset",
    "label",
    "action",
    "subject",
    "camera",
    "setup",
    "frames",
}
HEAD_KEYS = {"dataset", "protocol", "encoder", "index"}
EVAL_KEYS = HEAD_KEYS | {
    "query_modality",
    "gallery_modality",
    "bridge",
    "transform",
    "k",
    "gallery",
    "queries",
    "accuracy",
    "recall_at",
    "map",
    "mrr",
    "per_class",
    "seconds",
}
QUERY = "S001C001P001R001A001"


def said(result: Result) -> Any:
    """The only thing on stdout of a command that worked: one JSON document."""
    assert result.code == 0, result.err
    assert result.out.count("\n") == 1
    return json.loads(result.out)


def problem(result: Result, code: int) -> str:
    """The only line of a command that failed."""
    assert (result.code, result.out) == (code, ""), result
    assert result.err.count("\n") == 1, result.err
    assert result.err.startswith("umurl-search: ")
    return result.err


@pytest.fixture
def clip(made: Path) -> NDArray[np.float32]:
    """The clip QUERY of dataset `mine`: (T, 1, 25, 3)."""
    found: NDArray[np.float32] = np.load(made / "clips" / f"{QUERY}.npy")
    return found


# commands, options, exit codes


@pytest.mark.parametrize("name", CONTRACT)
def test_every_command_has_its_options(name: str, command: Command) -> None:
    shown = command(name, "--help")
    assert (shown.code, shown.err) == (0, "")
    there = set(re.findall(r"--[a-z-]+", shown.out))
    assert set(f"{CONTRACT[name]} {SHARED}".split()) <= there


def test_no_arguments_print_help(command: Command) -> None:
    bare = command()
    assert (bare.code, bare.err) == (0, "")
    assert bare.out == command("--help").out
    assert set(CONTRACT) <= set(re.findall(r"^  ([a-z-]+) ", bare.out, re.MULTILINE))


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("query x.npy --modality smell", "smell"),
        ("query x.npy --modality joint+joint", "joint+joint"),
        ("query x.npy --against taste", "taste"),
        ("query x.npy --k 0", "--k"),
        ("query x.npy --k two", "--k"),
        ("query x.npy --axes VCT", "--axes"),
        ("query x.npy --sideways", "--sideways"),
        ("query", "clip"),
        ("knn-eval --k 0", "--k"),
        ("knn-eval --query-modality smell", "smell"),
        ("knn-eval --gallery-modality smell", "smell"),
        ("build-index mine --kind tree", "tree"),
        ("build-index mine --transform whiten", "whiten"),
        ("build-index mine --transform half-whiten:0", "half-whiten:0"),
        ("build-index mine --modalities some", "some"),
        ("train mine --preset huge", "huge"),
        ("train mine --epochs 0", "--epochs"),
        ("train mine --batch-size 1", "--batch-size"),
        ("ingest mine --format bvh", "bvh"),
        ("ingest mine --layout coco", "coco"),
        ("ingest mine --up w", "--up"),
        ("ingest mine --fps 0", "--fps"),
        ("ingest mine --fps nan", "--fps"),
        ("ingest mine --scale -1", "--scale"),
        ("list --device tpu", "tpu"),
        ("embed mine", "--out"),
        ("import-encoder x.pth", "--as"),
        ("sniff mine", "sniff"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: str, names: str, command: Command) -> None:
    line = problem(command(*arguments.split()), 2)
    assert names in line
    assert "--help" in line


def test_an_interrupt_is_exit_code_130(
    indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("umurl_search.evaluation.knn_eval.evaluate_index", interrupted)
    assert "interrupted" in problem(command("knn-eval", "--json"), 130)


@pytest.mark.slow
def test_the_installed_command_prints_one_document_and_no_warning(indexed: Library) -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-m",
            "cli.main",
            "query",
            f"mine:{QUERY}",
            "--json",
            "--library",
            str(indexed.root),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert len(json.loads(run.stdout)["hits"]) == 10


# documents


@pytest.mark.parametrize("modality", ["joint", "fused", "motion+bone+joint"])
def test_the_keys_of_query(indexed: Library, command: Command, modality: str) -> None:
    document = said(command("query", f"mine:{QUERY}", "--modality", modality, "--k", 4, "--json"))
    assert set(document) >= {"query", "index", "hits", "seconds"}
    assert all(set(hit) >= HIT_KEYS for hit in document["hits"])
    assert [hit["rank"] for hit in document["hits"]] == [1, 2, 3, 4]
    assert all(isinstance(seconds, float) for seconds in document["seconds"].values())
    first = document["hits"][0]
    facts = ("dataset", "name", "label", "subject", "camera", "setup")
    assert [first[key] for key in facts] == ["mine", QUERY, 0, 1, 1, 1]
    assert first["score"] == pytest.approx(1, abs=1e-5) or modality == "joint"


def test_the_keys_of_knn_eval(indexed: Library, command: Command) -> None:
    document = said(command("knn-eval", "--query-modality", "bone", "--json"))
    assert set(document) >= EVAL_KEYS
    assert set(document["recall_at"]) == {"1", "5", "10"}
    assert document["index"] == "mine@e"
    named = [document[key] for key in ("query_modality", "gallery_modality", "bridge")]
    assert named == ["bone", "fused", True]
    assert (document["gallery"], document["queries"], document["k"]) == (30, 30, 1)
    assert all(set(row) >= {"label", "action", "queries", "accuracy"} for row in document["per_class"])
    assert sum(row["queries"] for row in document["per_class"]) == 30
    fractions = [document[key] for key in ("accuracy", "map", "mrr")]
    assert all(0 <= x <= 1 for x in [*fractions, *document["recall_at"].values()])


def test_the_keys_of_the_matrix(indexed: Library, command: Command) -> None:
    document = said(command("knn-eval", "--matrix", "--json"))
    base = ["joint", "bone", "motion", "fused"]
    assert set(document) >= HEAD_KEYS
    assert list(document["matrix"]) == base
    assert all(list(row) == base for row in document["matrix"].values())
    alone = said(command("knn-eval", "--query-modality", "motion", "--gallery-modality", "joint", "--json"))
    assert document["matrix"]["motion"]["joint"] == alone["accuracy"]


def test_the_keys_of_ingest(command: Command, made: Path) -> None:
    words = ("ingest", "twice", "--source", made / "clips", "--json")
    document = said(command(*words))
    assert set(document) >= {"dataset", "found", "used", "left_out", "official", "seconds"}
    assert (document["dataset"], document["found"], document["used"]) == ("twice", 60, 60)
    assert (document["left_out"], document["official"]) == ({}, None)
    again = said(command(*words))
    assert set(again) >= set(document)
    assert (again["found"], again["used"]) == (60, 60)


def test_the_keys_of_verify(indexed: Library, command: Command) -> None:
    assert said(command("verify", "--json")) == {"ok": True, "problems": []}
    (indexed.index_folder("mine@e") / "ids.npy").unlink()
    broken = command("verify", "--json")
    assert broken.code == 1
    document = json.loads(broken.out)
    assert document["ok"] is False
    assert len(document["problems"]) == 1
    assert "ids.npy is missing" in document["problems"][0]
    assert broken.err.count("\n") == 1


def test_the_keys_of_train(library: Library, command: Command) -> None:
    words = "train mine --preset tiny --epochs 1 --batch-size 16 --seed 3 --as second --device cpu --json"
    document = said(command(*words.split()))
    assert (document["encoder"], document["dataset"], document["protocol"]) == ("second", "mine", "xsub")
    assert [row["name"] for row in said(command("list", "--json"))["encoders"]] == ["second", "e"]


def test_the_keys_of_embed(indexed: Library, command: Command, made: Path, tmp_path: Path) -> None:
    out = tmp_path / "y.npy"
    document = said(command("embed", "mine", "--out", out, "--modality", "motion+joint", "--json"))
    names = sorted(path.stem for path in (made / "clips").iterdir())
    assert document["names"] == names
    assert (document["shape"], document["encoder"]) == ([60, 128], "e")
    assert (document["modality"], document["left_out"]) == ("joint+motion", [])
    y = np.load(out)
    assert (y.shape, y.dtype) == ((60, 128), np.float32)
    folder = said(
        command(
            "embed",
            made / "clips",
            "--out",
            tmp_path / "f.npy",
            "--encoder",
            "e",
            "--modality",
            "joint+motion",
            "--json",
        )
    )
    assert folder["names"] == names
    np.testing.assert_allclose(np.load(tmp_path / "f.npy"), y, atol=1e-5)
    one = said(
        command(
            "embed",
            made / "clips" / f"{QUERY}.npy",
            "--out",
            tmp_path / "o.npy",
            "--encoder",
            "e",
            "--modality",
            "joint+motion",
            "--json",
        )
    )
    assert one["names"] == [QUERY]
    np.testing.assert_allclose(np.load(tmp_path / "o.npy")[0], y[names.index(QUERY)], atol=1e-5)


def test_embed_tells_what_it_left_out(library: Library, command: Command, tmp_path: Path) -> None:
    source = tmp_path / "mixed"
    source.mkdir()
    np.save(source / "good.npy", np.random.default_rng(0).normal(size=(20, 25, 3)))
    np.save(source / "bad.npy", np.full((20, 25, 3), np.nan))
    out = tmp_path / "y.npy"
    document = said(command("embed", source, "--out", out, "--json"))
    assert (document["names"], document["encoder"]) == (["good"], "shipped")
    assert document["left_out"] == [{"name": "bad", "reason": "non-finite"}]
    assert command("ingest", "mixed", "--source", source).code == 0
    again = said(command("embed", "mixed", "--out", out, "--json"))
    assert (again["names"], again["left_out"]) == (document["names"], document["left_out"])


def test_list_and_info(indexed: Library, command: Command) -> None:
    document = said(command("list", "--json"))
    named = [[row["name"] for row in document[room]] for room in ("datasets", "encoders", "indexes")]
    assert named == [["mine"], ["e"], ["mine@e"]]
    assert all(word in command("list").out for word in ("mine@e", "xsub", "trained"))
    for what, kind in (("dataset:mine", "dataset"), ("e", "encoder"), ("mine@e", "index")):
        found = said(command("info", what, "--json"))
        assert (found["kind"], found["name"]) == (kind, what.removeprefix("dataset:"))
        assert found["bytes"] > 0
    row = said(command("info", f"mine:{QUERY}", "--json"))
    assert (row["kind"], row["name"], row["people"]) == ("clip", QUERY, 1)
    assert said(command("info", "shipped", "--json"))["kind"] == "encoder"
    whole = said(command("info", "--json"))
    assert whole["bytes"] > 0
    assert {room: whole[room] for room in document} == document
    assert "xsub" in command("info", "mine").out


def test_an_empty_library_is_listed_as_empty(command: Command) -> None:
    document = said(command("list", "--json"))
    assert [document[room] for room in ("datasets", "encoders", "indexes")] == [[], [], []]
    assert "none" in command("list").out


def test_delete_takes_an_index_then_its_encoder(indexed: Library, command: Command) -> None:
    document = said(command("delete", "mine@e", "--json"))
    assert (document["deleted"], document["kind"]) == ("mine@e", "index")
    assert document["bytes"] > 0
    assert "encoder e deleted" in command("delete", "encoder:e").out
    assert "dataset mine deleted" in command("delete", "mine").out
    assert [
        path.name for room in ("clips", "encoders", "indexes") for path in (indexed.root / room).iterdir()
    ] == []
    assert said(command("verify", "--json"))["ok"] is True


def test_datasets_and_where_they_are(indexed: Library, command: Command, tmp_path: Path) -> None:
    (tmp_path / "data" / "ntu60").mkdir(parents=True)
    document = said(command("datasets", "--data", tmp_path / "data", "--json"))
    rows = {row["name"]: row for row in document["datasets"]}
    assert set(rows) == {
        "ntu60",
        "ntu120",
        "pku-mmd-1",
        "pku-mmd-1-long",
        "pku-mmd-2",
        "pku-mmd-2-long",
        "nw-ucla",
        "utd-mhad",
        "demo",
        "demo-long",
        "mine",
    }
    assert rows["ntu60"]["protocols"] == ["xsub", "xview"]
    assert rows["nw-ucla"]["protocols"] == ["xview"]
    assert rows["ntu60"]["under_data"] == [str(tmp_path / "data" / "ntu60")]
    assert (rows["mine"]["in_library"], rows["mine"]["protocols"]) == (60, ["xsub"])
    assert "ntu120" in command("datasets").out


def test_what_emulated_bf16_costs_is_noted_before_the_work_and_only_then(
    indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: False)
    build = ("build-index", "mine", "--encoder", "e", "--as", "half", "--precision", "bf16")
    assert command(*build, "--json").err.count("note: bf16 is emulated here") == 1
    assert command(*build).err == ""  # it is there already
    embed = ("embed", "mine", "--encoder", "e", "--out", tmp_path / "y.npy")
    assert command(*embed, "--precision", "bf16").err.count("note: bf16 is emulated here") == 1
    assert command(*embed, "--precision", "bf16", "--quiet").err == ""
    assert "emulated" not in command(*embed).err


def test_doctor(indexed: Library, command: Command, tmp_path: Path) -> None:
    document = said(command("doctor", "--json"))
    assert document["ok"] is True
    assert {"python", "faiss", "device", "library", "disk"} <= {check["name"] for check in document["checks"]}
    ill = command("doctor", "--json", "--data", tmp_path / "nowhere")
    assert ill.code == 1
    assert [c["name"] for c in json.loads(ill.out)["checks"] if not c["ok"]] == ["data"]
    assert ill.err.count("\n") == 1
    assert "nowhere" in ill.err


def test_notes_are_on_stderr_unless_quiet(library: Library, command: Command) -> None:
    assert command("delete", "encoder:e").code == 0
    loud = command("build-index", "mine", "--json")
    assert "no encoder was trained to its end on mine or imported for it: using the shipped one" in loud.err
    assert said(loud)["encoder"] == "shipped"
    assert command("build-index", "mine", "--json", "--quiet").err == ""
    assert command("build-index", "mine", "--encoder", "shipped", "--json").err == ""  # as asked for


# what is chosen when nothing is said


def tree(folder: Path, golden: Path, shape: str) -> Path:
    """The golden recordings as people have them: in NTU's two folders, flat, or in a folder by the name."""
    for path in (golden / "raw").iterdir():
        late = int(path.name[17:20]) > 60
        place = {
            "official": "nturgb+d_skeletons120" if late else "nturgb+d_skeletons",
            "flat": ".",
            "named": "ntu120",
        }[shape]
        (folder / place).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / place)
    return folder


@pytest.mark.parametrize("shape", ["official", "flat", "named"])
def test_typed_exactly_as_in_the_contract(
    shape: str,
    golden: Path,
    tmp_path: Path,
    command: Command,
    clip: NDArray[np.float32],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("UMURL_DATA", str(tree(tmp_path / "data", golden, shape)))
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", clip[:, 0])
    built = command("build-index", "ntu120")
    assert built.code == 0, built.err
    assert "8 of 8 clips" in built.err
    assert "shipped" in built.out
    assert "no encoder was trained to its end on ntu120 or imported for it" in built.err
    hits = command("query", "clip.npy", "--modality", "bone")
    assert hits.code == 0, hits.err
    assert "8 of 8 clips" in hits.out
    assert "put on jacket" not in hits.err
    figures = command("knn-eval")
    assert figures.code == 0, figures.err
    assert "ntu120 xsub, encoder shipped, index ntu120@shipped: 1 queries, gallery of 7" in figures.out
    splits = said(command("info", "ntu120", "--json"))["splits"]
    assert splits["xsub"] == {"train": 7, "test": 1}
    assert splits["xset"] == {"train": 4, "test": 4}


@pytest.mark.parametrize("name", ["ntu60", "ntu120"])
def test_ntu60_leaves_out_what_is_not_its_own(
    name: str, golden: Path, tmp_path: Path, command: Command
) -> None:
    data = tree(tmp_path / "data", golden, "flat")
    document = said(command("ingest", name, "--data", data, "--json"))
    wanted = {"ntu60": (7, {"not part of the dataset": 1}, 56_880), "ntu120": (8, {}, 114_480)}[name]
    assert (document["used"], document["left_out"], document["official"]) == wanted
    assert document["found"] == 8


@pytest.mark.parametrize("name", ["ntu120", "pku-mmd-1", "nw-ucla", "utd-mhad", "of-my-own"])
def test_a_data_folder_without_the_dataset(
    name: str, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    unset = problem(command("build-index", name), 1)
    assert name in unset
    assert "UMURL_DATA" in unset
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("UMURL_DATA", str(tmp_path / "data"))
    line = problem(command("build-index", name), 1)
    assert str(tmp_path / "data") in line
    assert f"umurl-search ingest {name} --source PATH" in line


@pytest.mark.parametrize("words", ["query clip.npy --modality bone", "knn-eval"])
def test_without_an_index_the_next_step_is_told(words: str, command: Command) -> None:
    assert "umurl-search build-index NAME" in problem(command(*words.split()), 1)


def imported(command: Command, golden: Path, name: str, made_for: str) -> None:
    checkpoint = golden / "checkpoint_0450.pth.tar"
    assert command("import-encoder", checkpoint, "--as", name, "--for", made_for).code == 0


def test_the_newest_encoder_of_the_protocol_is_chosen(
    library: Library, command: Command, golden: Path
) -> None:
    imported(command, golden, "view", "mine:xview")
    imported(command, golden, "stranger", "ntu60:xsub")
    assert said(command("build-index", "mine", "--json"))["encoder"] == "e"
    assert encoder_registry.choose(library, "mine", "xset").name == "view"
    imported(command, golden, "newer", "mine:xsub")
    built = said(command("build-index", "mine", "--json"))
    assert (built["encoder"], built["index"]) == ("newer", "mine@newer")
    assert encoder_registry.choose(library, "other", "xsub").name == "shipped"


def test_the_index_built_last_is_asked(indexed: Library, command: Command) -> None:
    words = "build-index mine --transform half-whiten:8 --modalities all --as last --json"
    built = said(command(*words.split()))
    assert (built["index"], built["transform"], len(built["modalities"])) == ("last", "half-whiten:8", 7)
    assert said(command("query", f"mine:{QUERY}", "--json"))["index"]["name"] == "last"
    assert said(command("knn-eval", "--json"))["index"] == "last"
    assert said(command("knn-eval", "--index", "mine@e", "--json"))["index"] == "mine@e"


# query


def names_of(document: Any) -> list[str]:
    return [hit["name"] for hit in document["hits"]]


def test_hits_fall_in_score(indexed: Library, command: Command) -> None:
    document = said(command("query", f"mine:{QUERY}", "--k", 1000, "--json"))
    scores = [hit["score"] for hit in document["hits"]]
    assert len(scores) == 60
    assert scores == sorted(scores, reverse=True)
    few = said(command("query", f"mine:{QUERY}", "--k", 7, "--json"))
    assert names_of(few) == names_of(document)[:7]


def test_equal_scores_are_in_order_of_clip_id(
    library: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    (tmp_path / "same").mkdir()
    for letter in "dbac":
        np.save(tmp_path / "same" / f"{letter}.npy", clip)
    assert command("ingest", "same", "--source", tmp_path / "same").code == 0
    assert command("build-index", "same", "--encoder", "e").code == 0
    document = said(command("query", f"mine:{QUERY}", "--k", 3, "--json"))
    ids = [hit["clip_id"] for hit in document["hits"]]
    assert names_of(document) == ["a", "b", "c"]
    assert ids == sorted(ids)
    assert len({hit["score"] for hit in document["hits"]}) == 1


def test_where_gives_the_best_of_those_that_pass(indexed: Library, command: Command) -> None:
    every = said(command("query", f"mine:{QUERY}", "--k", 60, "--json"))["hits"]
    kept = {
        "subject = 3 and camera = 2": [h for h in every if h["subject"] == 3 and h["camera"] == 2],
        "label in (0, 4)": [h for h in every if h["label"] in (0, 4)],
        "frames < 0": [],
    }
    for where, wanted in kept.items():
        document = said(command("query", f"mine:{QUERY}", "--k", 7, "--where", where, "--json"))
        assert names_of(document) == [hit["name"] for hit in wanted[:7]]
        assert document["index"]["passing"] == len(wanted)
    assert [len(wanted) for wanted in kept.values()] == [5, 24, 0]


def test_brackets_in_where_do_not_disturb_the_screen(indexed: Library, command: Command) -> None:
    shown = command("query", f"mine:{QUERY}", "--where", "name like '[/b]:smile:%'")
    assert (shown.code, shown.err) == (
        0,
        "note: 0 clips pass, fewer than the 10 asked for: all of them are here\n",
    )
    assert "[/b]:smile:%" in shown.out


@pytest.mark.parametrize("named", [f"mine:{QUERY}", f"{QUERY}.npy"])
def test_exclude_same_performance(
    named: str, indexed: Library, command: Command, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made / "clips")
    every = names_of(said(command("query", named, "--k", 60, "--json")))
    document = said(command("query", named, "--k", 60, "--exclude-same-performance", "--json"))
    own = {f"S001C00{camera}P001R001A001" for camera in (1, 2, 3)}
    assert own <= set(every)
    assert names_of(document) == [name for name in every if name not in own]


def test_exclude_same_performance_needs_to_know_it(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    np.save(tmp_path / "anon.npy", clip)
    line = problem(command("query", tmp_path / "anon.npy", "--exclude-same-performance"), 1)
    assert "DATASET:CLIPNAME" in line
    (tmp_path / "few").mkdir()
    for path in ("a01_s01_e00_v01", "a01_s02_e00_v03"):
        np.save(tmp_path / "few" / f"{path}.npy", clip)
    splits = tmp_path / "splits.json"
    splits.write_text('{"p": {"train": ["a01_s01_e00_v01"], "test": ["a01_s02_e00_v03"]}}')
    assert command("ingest", "few", "--source", tmp_path / "few", "--splits", splits).code == 0
    assert command("build-index", "few", "--encoder", "e").code == 0
    assert said(command("knn-eval", "--json"))["accuracy"] == 1
    for words in (("query", f"mine:{QUERY}"), ("knn-eval",)):
        assert "few does not say setup" in problem(command(*words, "--exclude-same-performance"), 1)


def test_against_and_no_bridge(indexed: Library, command: Command) -> None:
    words = ("query", f"mine:{QUERY}", "--modality", "bone", "--k", 60, "--json")
    across = said(command(*words))
    plain = said(command(*words, "--no-bridge"))
    own = said(command(*words, "--against", "bone"))
    assert [d["index"]["bridge"] for d in (across, plain, own)] == [True, False, False]
    assert [d["index"]["against"] for d in (across, plain, own)] == ["fused", "fused", "bone"]
    scores = [[hit["score"] for hit in d["hits"]] for d in (across, plain, own)]
    assert scores[0] != scores[1] != scores[2]
    assert own["hits"][0]["name"] == QUERY
    assert own["hits"][0]["score"] == pytest.approx(1, abs=1e-5)
    assert "--modalities all" in problem(command("query", f"mine:{QUERY}", "--against", "joint+bone"), 1)


# clips in files


@pytest.mark.parametrize(
    ("axes", "order"), [("TVC", None), ("MTVC", (1, 0, 2, 3)), ("TMVC", (0, 1, 2, 3)), ("CTVM", (3, 0, 2, 1))]
)
def test_every_order_of_axes(
    axes: str,
    order: tuple[int, ...] | None,
    indexed: Library,
    command: Command,
    clip: NDArray[np.float32],
    tmp_path: Path,
) -> None:
    array = clip[:, 0] if order is None else clip.transpose(order)
    np.save(tmp_path / "clip.npy", array)
    found = said(command("query", tmp_path / "clip.npy", "--json"))
    wanted = said(command("query", f"mine:{QUERY}", "--json"))
    assert found["hits"] == wanted["hits"]
    assert said(command("query", tmp_path / "clip.npy", "--axes", axes, "--json"))["hits"] == wanted["hits"]


def test_a_shape_with_two_readings(indexed: Library, command: Command, tmp_path: Path) -> None:
    people = [make_clip(f"S001C001P002R001A{action:03d}") for action in (1, 28)]
    array = np.stack([person[20:22, 0] for person in people])  # two people, or two frames
    np.save(tmp_path / "square.npy", array)
    guessed = command("query", tmp_path / "square.npy", "--json")
    assert "MTVC" in guessed.err
    assert "--axes" in guessed.err
    first, second = (
        said(command("query", tmp_path / "square.npy", "--axes", axes, "--json")) for axes in ("MTVC", "TMVC")
    )
    assert said(guessed)["hits"] == first["hits"] != second["hits"]
    assert first["query"]["notes"] == []


def pku_text(frames: NDArray[np.float32]) -> str:
    """(T, 1, 25, 3) as PKU-MMD writes it: 150 numbers a line, an absent person zeros."""
    flat = np.concatenate([frames.reshape(len(frames), 75), np.zeros((len(frames), 75))], axis=1)
    return "\n".join(" ".join(f"{x:.6f}" for x in line) for line in flat) + "\n"


def test_a_pku_recording_is_a_clip(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    (tmp_path / "0291-L.txt").write_text(pku_text(clip))
    document = said(command("query", tmp_path / "0291-L.txt", "--json"))
    assert document["query"]["frames"] == len(clip)
    assert document["hits"][0]["name"] == QUERY
    assert document["hits"][0]["score"] > 0.999


def test_an_nw_ucla_recording_is_a_clip(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    path = tmp_path / "a01_s01_e00_v01.json"
    path.write_text(json.dumps({"label": 1, "skeletons": clip[:, 0, :20].tolist()}))
    np.save(tmp_path / "same.npy", clip[:, 0, :20])
    from_json, from_npy = (
        said(command("query", name, "--json"))["hits"] for name in (path, tmp_path / "same.npy")
    )
    assert from_json == from_npy
    assert len(from_json) == 10


def test_a_skeleton_file_is_a_clip(indexed: Library, command: Command, golden: Path, tmp_path: Path) -> None:
    assert command("ingest", "raw", "--source", golden / "raw").code == 0
    assert command("build-index", "raw", "--encoder", "e").code == 0
    for path in sorted((golden / "raw").iterdir())[:3]:
        best = said(command("query", path, "--json"))["hits"][0]
        assert best["name"] == path.stem
        assert best["score"] == pytest.approx(1, abs=1e-5)


def test_stated_conventions_of_a_query(
    indexed: Library, command: Command, clip: NDArray[np.float32], tmp_path: Path
) -> None:
    x, y, z = (clip[:, 0, :, axis] for axis in range(3))
    np.save(tmp_path / "up.npy", np.stack([x, -z, y], axis=-1) * 1000)
    words = ("query", tmp_path / "up.npy", "--up", "z", "--scale", "0.001", "--json")
    wanted = said(command("query", f"mine:{QUERY}", "--json"))["hits"]
    found = said(command(*words))["hits"]
    assert [hit["name"] for hit in found] == [hit["name"] for hit in wanted]
    assert [h["score"] for h in found] == pytest.approx([h["score"] for h in wanted], abs=1e-5)
