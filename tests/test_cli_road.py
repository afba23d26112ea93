"""Guards cli/ from end to end: the road from recordings to figures, through the commands."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Result
from sklearn.neighbors import KNeighborsClassifier

from umurl_search.library.library import Library


def test_build_query_and_evaluate(library: Library, command: Callable[..., Result], tmp_path: Path) -> None:
    built = command("build-index", "mine", "--json")
    assert built.code == 0, built.err
    assert built.json["index"] == "mine@e"
    asked = command("query", "mine:S001C001P002R001A005", "--modality", "bone", "--k", 3, "--json")
    assert asked.code == 0, asked.err
    assert [hit["rank"] for hit in asked.json["hits"]] == [1, 2, 3]
    assert asked.json["index"]["bridge"] is True
    figures = command("knn-eval", "--json")
    assert figures.code == 0, figures.err
    assert figures.json["gallery"] == figures.json["queries"] == 30


@pytest.mark.parametrize("modality", ["joint", "fused"])
def test_accuracy_is_sklearns_on_embedded_arrays(
    library: Library, command: Callable[..., Result], tmp_path: Path, modality: str
) -> None:
    assert command("build-index", "mine").code == 0
    embedded = command("embed", "mine", "--out", tmp_path / "y.npy", "--modality", modality, "--json").json
    y = np.load(tmp_path / "y.npy")
    names = embedded["names"]
    labels = np.array([int(name[-3:]) - 1 for name in names])
    train = np.array([int(name[9:12]) % 2 == 1 for name in names])
    reference = KNeighborsClassifier(1, metric="cosine").fit(y[train], labels[train])
    accuracy = float((reference.predict(y[~train]) == labels[~train]).mean())
    ours = command("knn-eval", "--query-modality", modality, "--gallery-modality", modality, "--json").json
    assert ours["accuracy"] == pytest.approx(accuracy, abs=1e-12)
