"""What tests read out of documents, answers and tables."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from conftest import Result
from numpy.typing import NDArray

from umurl_search import Answer, Library

Command = Callable[..., Result]
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
QUERY = "S001C001P001R001A001"


def read_document(result: Result) -> Any:
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


def import_checkpoint(command: Command, golden: Path, name: str, made_for: str) -> None:
    checkpoint = golden / "checkpoint_0450.pth.tar"
    assert command("import-encoder", checkpoint, "--as", name, "--for", made_for).code == 0


def names_of(document: Any) -> list[str]:
    return [hit["name"] for hit in document["hits"]]


def table(path: Path) -> dict[str, list[Any]]:
    with duckdb.connect() as connection:
        found = connection.execute("select * from read_parquet(?)", [str(path)])
        names = [column[0] for column in found.description]
        return dict(zip(names, map(list, zip(*found.fetchall(), strict=True)), strict=True))


def ranks_and_names(answers: list[Answer]) -> list[list[tuple[int, str]]]:
    return [[(hit.rank, hit.name) for hit in answer.hits] for answer in answers]


def scores(answers: list[Answer]) -> list[float]:
    return [hit.score for answer in answers for hit in answer.hits]


def clips_of(library: Library) -> list[str]:
    with library.read() as catalog:
        return [f"mine:{name}" for name in catalog.clips_of("mine").name]
