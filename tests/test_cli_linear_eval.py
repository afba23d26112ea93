"""`linear-eval`, `semi-eval` and `transfer-eval` on the command line: documents, tables, exit codes, texts."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Result

from umurl_search.library.library import Library

Command = Callable[..., Result]
FEW = ("--epochs", "2")
LATE = ("--late", "mine@e:joint", "--late", "mine@e:bone+joint+motion")
TASK = {"dataset", "protocol", "train", "test", "classes", "warnings", "seconds"}
CLASSIFIED = {"accuracy", "best", "per_class", "config"}


def problem(result: Result, code: int) -> str:
    """The only line of a command that failed."""
    assert (result.code, result.out) == (code, ""), result
    assert result.err.count("\n") == 1, result.err
    return result.err


def document(result: Result) -> Any:
    assert result.code == 0, result.err
    assert result.out.count("\n") == 1
    return result.json


def assert_figures(found: dict[str, Any]) -> None:
    assert 0 <= found["accuracy"] <= found["best"]["accuracy"] <= 1
    assert set(found["best"]) == {"epoch", "accuracy"}
    assert [set(row) for row in found["per_class"]] == [{"label", "action", "queries", "accuracy"}] * 5
    right = sum(row["queries"] * row["accuracy"] for row in found["per_class"])
    assert found["accuracy"] == pytest.approx(right / 30)


def test_linear_eval(indexed: Library, command: Command) -> None:
    found = document(command("linear-eval", *FEW, "--json"))
    assert set(found) == TASK | CLASSIFIED | {"encoder", "index", "modality"}
    named = [found[key] for key in ("dataset", "protocol", "encoder", "index", "modality")]
    assert named == ["mine", "xsub", "e", "mine@e", "fused"]
    assert_figures(found)
    assert found["config"] == {
        "epochs": 2,
        "batch_size": 512,
        "learning_rate": 0.03,
        "momentum": 0.9,
        "drops_at": [0.8, 14 / 15],
        "standardise": False,
        "test_every": 5,
        "seed": 0,
        "steps": 2,
    }
    shown = command("linear-eval", *FEW, "--modality", "bone", "--standardise", "--batch-size", "8")
    assert "mine xsub: 30 training and 30 test clips, 5 classes, encoder e, index mine@e" in shown.out
    assert "frozen bone embeddings, 2 epochs of batches of 8 (8 steps), seed 0, standardised" in shown.out
    assert "best epoch (chosen on the test clips)" in shown.out


def test_linear_eval_late_fused(indexed: Library, command: Command) -> None:
    found = document(command("linear-eval", *FEW, *LATE, "--json"))
    assert set(found) == TASK | CLASSIFIED | {"parts", "knn_accuracy"}
    assert_figures(found)
    keys = {"index", "encoder", "modality", "accuracy", "best", "knn_accuracy"}
    assert [set(part) for part in found["parts"]] == [keys] * 2
    assert [part["modality"] for part in found["parts"]] == ["joint", "fused"]
    shown = command("linear-eval", *FEW, *LATE).out
    assert "mine xsub" in shown
    assert re.search(rf"late-fused +{100 * found['accuracy']:.1f} %", shown)


@pytest.mark.parametrize("method", ["linear", "finetune"])
def test_semi_eval(method: str, indexed: Library, command: Command) -> None:
    flags = ("--finetune",) if method == "finetune" else ()
    found = document(command("semi-eval", *FEW, *flags, "--seeds", "2", "--shares", "0.5", "--json"))
    assert set(found) == TASK | {"encoder", "index", "modality", "method", "seeds", "shares", "config"}
    assert (found["method"], found["seeds"], found["protocol"]) == (method, 2, "xsub")
    (row,) = found["shares"]
    assert set(row) == {"share", "clips", "epochs", "steps", "accuracy", "std", "per_class", "runs"}
    assert (row["share"], row["clips"], row["epochs"], row["steps"]) == (0.5, 15, 2, 2)
    assert [set(run) for run in row["runs"]] == [{"seed", "accuracy", "best"}] * 2


def test_transfer_eval(library: Library, command: Command) -> None:
    found = document(command("transfer-eval", "mine", "--encoder", "shipped", *FEW, "--json"))
    assert set(found) == TASK | {"encoder", "trained_on", "modality", "linear", "finetuned"}
    assert found["trained_on"] == {"dataset": "studio", "protocol": None}
    for way in ("linear", "finetuned"):
        assert set(found[way]) == CLASSIFIED | {"seconds"}
        assert_figures(found[way])
    assert found["linear"]["config"]["epochs"] == 150
    assert (found["finetuned"]["config"]["epochs"], found["finetuned"]["config"]["steps"]) == (2, 2)
    assert found["warnings"] == []


def test_transfer_eval_to_its_own_dataset_is_told(library: Library, command: Command) -> None:
    given = ("--batch-size", "15", "--learning-rate", "0.001", "--seed", "7")
    shown = command("transfer-eval", "mine", "--encoder", "e", "--modality", "joint", *FEW, *given)
    assert shown.err == "note: encoder e was trained on mine: this is no transfer\n"
    assert (
        "mine xsub: 30 training and 30 test clips, 5 classes, encoder e (trained on: mine xsub), joint"
        in shown.out
    )
    assert "2 epochs of batches of 15 (4 steps), seed 7" in shown.out
    assert command("transfer-eval", "mine", "--encoder", "e", *FEW, "--quiet").err == ""


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        ("linear-eval --epochs 0", "--epochs"),
        ("linear-eval --batch-size 0", "--batch-size"),
        ("linear-eval --modality smell", "smell"),
        ("linear-eval --late mine@e:joint", "two or more --late INDEX:MODALITY"),
        ("linear-eval --late mine@e --late mine@e:joint", "late is INDEX:MODALITY, got 'mine@e'"),
        ("linear-eval --late mine@e:smell --late mine@e:joint", "smell"),
        (
            "linear-eval --late mine@e:bone --late mine@e:joint --index mine@e",
            "neither --index nor --modality",
        ),
        (
            "linear-eval --late mine@e:bone --late mine@e:joint --modality bone",
            "neither --index nor --modality",
        ),
        ("semi-eval --shares 0", "a share is above 0 and at most 1, got 0"),
        ("semi-eval --shares 0.5 --shares 1.5", "a share is above 0 and at most 1, got 1.5"),
        ("semi-eval --shares nan", "a share is above 0 and at most 1, got nan"),
        ("semi-eval --seeds 0", "--seeds"),
        ("transfer-eval mine", "--encoder"),
        ("transfer-eval mine --encoder e --learning-rate 0", "--learning-rate"),
        ("transfer-eval mine --encoder e --learning-rate nan", "--learning-rate"),
        ("transfer-eval mine --encoder e --epochs 0", "--epochs"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: str, names: str, library: Library, command: Command) -> None:
    line = problem(command(*arguments.split()), 2)
    assert names in line
    assert "--help" in line


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("linear-eval --index x", "no index 'x'; there are mine@e: umurl-search build-index mine makes one"),
        ("linear-eval --protocol xview", "mine has no protocol 'xview': it has xsub"),
        (
            "linear-eval --modality bone+joint",
            "index mine@e holds no joint+bone embeddings (it has joint, bone, motion, fused); "
            "build it with --modalities all",
        ),
        ("linear-eval --late mine@e:joint --late x:bone", "no index 'x'; there are mine@e"),
        ("semi-eval --index x", "no index 'x'; there are mine@e: umurl-search build-index mine makes one"),
        ("transfer-eval mine --encoder x", "no encoder 'x'; there are e, shipped"),
        ("transfer-eval mine --encoder e --protocol xview", "mine has no protocol 'xview': it has xsub"),
    ],
)
def test_problems_are_exit_code_1(arguments: str, text: str, indexed: Library, command: Command) -> None:
    assert problem(command(*arguments.split()), 1).startswith(f"umurl-search: {text}")


@pytest.mark.parametrize(
    "arguments",
    [
        "linear-eval",
        "linear-eval --late mine@e:joint --late mine@e:bone",
        "semi-eval --finetune",
        "transfer-eval mine --encoder e",
    ],
)
def test_an_interrupt_is_exit_code_130_and_says_that_nothing_was_written(
    arguments: str, indexed: Library, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("umurl_search.evaluation.linear_eval.pick_device", interrupt)
    monkeypatch.setattr("umurl_search.evaluation.semi_supervised.finetune", interrupt)
    monkeypatch.setattr("umurl_search.evaluation.transfer.finetune", interrupt)
    line = problem(command(*arguments.split()), 130)
    assert line == "umurl-search: interrupted; nothing was written; the same command starts again\n"
