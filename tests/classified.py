"""Classifiers of an index, trained by hand."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.finetune import FinetuneConfig
from encoder.probe import ProbeConfig, ProbeResult, probe, probe_result
from umurl_search.evaluation.classifier_results import LinearFigures
from umurl_search.evaluation.linear_eval import LinearRequest, linear_eval
from umurl_search.index.index import Index
from umurl_search.library.library import Library

CPU = torch.device("cpu")
SHORT = ProbeConfig(epochs=20, batch_size=16, seed=2)
TUNING = FinetuneConfig.from_epochs(2, seed=1)
Array = NDArray[np.float32]
Labels = NDArray[np.int64]


def linear(library: Library, **given: Any) -> LinearFigures:
    return linear_eval(library, LinearRequest(**{"config": SHORT, "device": "cpu", **given}))


def parts_of(library: Library, modality: str) -> tuple[Array, Labels, Array, Labels]:
    """Training and test embeddings and classes of `mine xsub`, told apart by their names alone."""
    with library.read() as catalog:
        columns = catalog.clips_of("mine")
    y = np.array(Index(library.index_folder("mine@e")).embeddings(modality))
    odd = np.array([int(name[9:12]) % 2 == 1 for name in columns.name])
    actions = np.array([int(name[17:20]) for name in columns.name])
    classes = np.unique(actions, return_inverse=True)[1]
    return y[odd], classes[odd], y[~odd], classes[~odd]


def probe_alone(library: Library, modality: str, config: ProbeConfig = SHORT) -> ProbeResult:
    x, labels, z, wanted = parts_of(library, modality)
    run = probe(
        torch.from_numpy(x),
        torch.from_numpy(labels),
        torch.from_numpy(z),
        n_classes=5,
        config=config,
        device=CPU,
    )
    return probe_result(run, wanted)


def tree(library: Library) -> dict[str, int]:
    return {
        str(p.relative_to(library.root)): p.stat().st_size for p in library.root.rglob("*") if p.is_file()
    }
