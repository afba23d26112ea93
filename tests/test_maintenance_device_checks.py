"""What `doctor` says of torch, FAISS and a GPU, in every combination: what runs where, and what to install."""

import builtins
import importlib.metadata
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Result
from gpu_faiss import GpuBuild, GpuMachine

from umurl_search.maintenance import device_checks
from umurl_search.maintenance.device_checks import (
    Machine,
    check_device,
    check_faiss,
    check_search,
    has_code_for,
    look,
)

Command = Callable[..., Result]
CPU = Machine(cpu="CPU, 2 threads, AVX512", products="no bf16 units", faiss="1.15.1", faiss_level="AVX512")
GPU = replace(CPU, gpu="NVIDIA H100", cuda="13.0", driver=True, products="bf16 products in hardware")
NONE_SEEN = replace(CPU, cuda="13.0", driver=True)
MISSING = "FAISS is not installed (No module named 'faiss'); pip install 'umurl-search[cpu]' (or [gpu])"
INSTALL_TORCH = "install the CUDA build of torch that the selector on pytorch.org names"


@pytest.mark.parametrize(
    ("here", "ok", "said"),
    [
        (CPU, True, "CPU, 2 threads, AVX512, no bf16 units"),
        (replace(CPU, cuda="13.0"), True, "CPU, 2 threads, AVX512, no bf16 units"),
        (
            replace(CPU, driver=True),
            True,
            "CPU, 2 threads, AVX512, no bf16 units; a GPU's driver is here, and torch is a CPU build: "
            + INSTALL_TORCH,
        ),
        (
            NONE_SEEN,
            True,
            "CPU, 2 threads, AVX512, no bf16 units; a GPU's driver is here, and torch for CUDA 13.0 finds no GPU: "
            "look at CUDA_VISIBLE_DEVICES, and whether the driver is older than that",
        ),
        (GPU, True, "NVIDIA H100, bf16 products in hardware"),
        (
            replace(GPU, gpu="Tesla P4", is_known=False),
            False,
            "Tesla P4: torch has no code for this GPU; install a build that has, or give --device cpu",
        ),
    ],
)
def test_where_networks_run(here: Machine, ok: bool, said: str) -> None:
    check = check_device(here)
    assert (check.ok, check.detail) == (ok, said)


@pytest.mark.parametrize(
    ("here", "ok", "said"),
    [
        (CPU, True, "on the CPU, by FAISS"),
        (replace(CPU, faiss_gpus=0), True, "on the CPU, by FAISS"),
        (NONE_SEEN, True, "on the CPU, by FAISS"),
        (
            replace(CPU, driver=True, faiss_gpus=2),
            True,
            f"on the CPU, by FAISS; FAISS drives 2 GPUs and torch none: {INSTALL_TORCH}",
        ),
        (
            GPU,
            True,
            "galleries lie on the GPU, torch and float64 scores search them; ivf-sq8 by FAISS on the CPU: for that on "
            "the GPU too, pip uninstall faiss-cpu, and pip install 'umurl-search[gpu]'",
        ),
        (
            replace(GPU, faiss_gpus=0),
            True,
            "galleries lie on the GPU, torch and float64 scores search them; ivf-sq8 by FAISS on the CPU: its GPU "
            "build finds no GPU, look at the driver",
        ),
        (
            replace(GPU, faiss_gpus=1),
            True,
            "galleries lie on the GPU; torch or FAISS searches an index, whichever answers its second query sooner, "
            "torch with filters; ivf-sq8 by FAISS there",
        ),
        *[
            (
                replace(here, faiss="", faiss_problem=MISSING),
                False,
                "no index can be searched or built without FAISS (see faiss)",
            )
            for here in (CPU, GPU)
        ],
    ],
)
def test_where_vectors_are_searched(here: Machine, ok: bool, said: str) -> None:
    check = check_search(here)
    assert (check.ok, check.detail) == (ok, said)


@pytest.mark.parametrize(
    ("here", "ok", "said"),
    [
        (CPU, True, "1.15.1 (on the CPU, AVX512)"),
        (replace(GPU, faiss_gpus=1), True, "1.15.1 (on the GPU, AVX512)"),
        (replace(GPU, faiss_gpus=0, faiss_level=None), True, "1.15.1 (on the CPU)"),
        (replace(CPU, faiss_problem=MISSING), False, MISSING),
    ],
)
def test_what_faiss_is(here: Machine, ok: bool, said: str) -> None:
    check = check_faiss(here)
    assert (check.ok, check.detail) == (ok, said)


@pytest.mark.parametrize(
    ("capability", "built_for", "known"),
    [
        ((9, 0), ["sm_80", "sm_90"], True),
        ((8, 9), ["sm_80", "sm_90"], True),
        ((8, 0), ["sm_86"], False),
        ((6, 1), ["sm_75", "sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((12, 0), ["sm_90a", "sm_100"], False),
        ((9, 0), [], True),
    ],
)
def test_code_is_for_a_generation_and_what_comes_after_in_it(
    capability: tuple[int, int], built_for: list[str], known: bool
) -> None:
    assert has_code_for(capability, built_for) is known


def test_what_is_here_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = look()
    assert (here.gpu is None) == (not torch.cuda.is_available())
    assert here.faiss
    assert here.faiss_problem is None
    (tmp_path / "nvidiactl").touch()
    monkeypatch.setattr(device_checks, "_DRIVER", (tmp_path / "nvidiactl",))
    for name, value in (
        ("is_available", True),
        ("get_device_name", "NVIDIA H100"),
        ("get_device_capability", (9, 0)),
        ("get_arch_list", ["sm_75"]),
        ("is_bf16_supported", True),
    ):
        monkeypatch.setattr(torch.cuda, name, lambda *given, value=value, **how: value)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setitem(sys.modules, "faiss", GpuBuild(GpuMachine(n_gpus=3)))
    seen = look()
    assert (seen.gpu, seen.is_known, seen.cuda, seen.driver) == ("NVIDIA H100", False, "13.0", True)
    assert (seen.products, seen.faiss_gpus) == ("bf16 products in hardware", 3)


def test_two_packages_of_faiss_are_one_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    really = importlib.metadata.version
    both = ("faiss-cpu", "faiss-gpu-cuvs")

    def version(name: str) -> str:
        return "1.15.1" if name in both else really(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert look().faiss_problem == (
        "faiss-cpu and faiss-gpu-cuvs both install the module faiss: pip uninstall one, reinstall the other"
    )


def test_a_faiss_that_does_not_load_is_told_and_the_rest_too(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = builtins.__import__

    def load(name: str, *given: Any, **how: Any) -> Any:
        if name == "faiss":
            raise RuntimeError("faiss-gpu installed but nvidia-cuda-runtime-cu12 is missing")
        return really(name, *given, **how)

    monkeypatch.delitem(sys.modules, "faiss", raising=False)
    monkeypatch.setattr(builtins, "__import__", load)
    told = command("doctor")
    assert told.code == 1
    assert "FAISS is installed and does not load (faiss-gpu installed but nvidia-cuda-runtime-cu12 is" in (
        " ".join(told.out.split())
    )
    assert "Traceback" not in told.err
