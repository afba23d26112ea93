"""Guards tests/mutation_lists/: it is true of the code as it is, and every mutation is noticed."""

import re
from pathlib import Path

import mutations
import pytest
from mutation_lists.mutation import Mutation
from mutations import MUTATIONS, ROOT, judge, main, mutate
from rooms import mirror_of


def id_of(mutation: Mutation) -> str:
    return f"{Path(mutation.file).stem}-{MUTATIONS.index(mutation)}"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=id_of)
def test_a_mutation_applies_and_its_test_is_there(mutation: Mutation) -> None:
    text = (ROOT / mutation.file).read_text(encoding="utf-8")
    changed = mutate(mutation, text)
    assert changed != text
    compile(changed, mutation.file, "exec")
    file, _, test = mutation.tests.partition("::")
    assert file == f"tests/{mirror_of(mutation.file)}"
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), (
        mutation.tests
    )


def test_a_mutation_of_what_is_not_there_is_told() -> None:
    for old, times in (("nowhere", 0), ("import ", 7)):
        with pytest.raises(ValueError, match=f"^x.py holds '{old}' {times} times, not once$"):
            mutate(Mutation("x.py", old, "", "tests/test_x.py::test_y"), "import \n" * 7)


@pytest.mark.slow
def test_every_mutation_is_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    code = main([])
    assert code == 0, capsys.readouterr().out


@pytest.mark.slow
def test_what_survives_or_cannot_be_run_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    test = "tests/test_evaluation_metrics.py::test_no_queries_no_votes"
    harmless = Mutation(
        "umurl_search/evaluation/metrics.py", "_COMPARED_AT_ONCE = 2**26", "_COMPARED_AT_ONCE = 2**25", test
    )
    broken = Mutation(
        "umurl_search/evaluation/metrics.py", "import numpy as np", "import no_such_module as np", test
    )
    monkeypatch.setattr(mutations, "MUTATIONS", (harmless, broken))
    assert main(["--only", "metrics"]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[:2]] == ["SURVIVED", "pytest"]
    assert said[2] == "0 of 2 mutations are noticed"
    absent = Mutation("umurl_search/evaluation/metrics.py", "_COMPARED_AT_ONCE = 2**26", "", f"{test}_at_all")
    with pytest.raises(ValueError, match="the tests do not pass as the sources are: pytest ended with 4"):
        list(judge([absent]))
