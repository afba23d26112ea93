"""Where bf16 is multiplied in hardware, and what `auto` makes of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from encoder import precision
from encoder.precision import ONEDNN_LIMITS, emulation_note, multiplies_bf16, pick_precision, precision_here
from encoder.schedule import TrainConfig, settle_precision

CPU = torch.device("cpu")


@pytest.fixture
def a_cpu(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A CPU with AVX-512 bf16 and nothing that keeps torch from it."""
    for name in ONEDNN_LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "limit", "multiplies"),
    [
        ("ONEDNN_MAX_CPU_ISA", "AVX2", False),
        ("ONEDNN_MAX_CPU_ISA", "avx512_core_vnni", False),
        ("DNNL_MAX_CPU_ISA", "SSE41", False),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", True),
        ("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_AMX", True),
        ("ONEDNN_MAX_CPU_ISA", "ALL", True),
        ("ONEDNN_MAX_CPU_ISA", "", True),
    ],
)
def test_a_limit_of_onednn_is_respected(
    a_cpu: pytest.MonkeyPatch, name: str, limit: str, multiplies: bool
) -> None:
    assert multiplies_bf16(CPU)
    a_cpu.setenv(name, limit)
    assert multiplies_bf16(CPU) == multiplies


def test_the_newer_name_of_the_limit_counts(a_cpu: pytest.MonkeyPatch) -> None:
    a_cpu.setenv("DNNL_MAX_CPU_ISA", "AVX2")
    a_cpu.setenv("ONEDNN_MAX_CPU_ISA", "ALL")
    assert multiplies_bf16(CPU)


@pytest.mark.parametrize("capability", ["AVX2", "DEFAULT"])
def test_a_limit_of_torch_is_respected(a_cpu: pytest.MonkeyPatch, capability: str) -> None:
    a_cpu.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    assert not multiplies_bf16(CPU)


@pytest.mark.parametrize(("bf16", "amx"), [(False, False), (False, True), (True, True)])
def test_either_unit_will_do(a_cpu: pytest.MonkeyPatch, bf16: bool, amx: bool) -> None:
    a_cpu.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: bf16)
    a_cpu.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert multiplies_bf16(CPU) == (bf16 or amx)


@pytest.mark.parametrize("limit", [{"ATEN_CPU_CAPABILITY": "avx2"}, {"ONEDNN_MAX_CPU_ISA": "AVX2"}])
def test_a_process_that_stands_for_an_older_cpu(limit: dict[str, str]) -> None:
    asked = "import torch; from encoder.precision import pick_precision as p; print(p('auto', width=1024, device=torch.device('cpu')))"  # noqa: E501
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env={**os.environ, **limit},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "float32"


@pytest.mark.parametrize(
    ("fast", "width", "chosen"), [(True, 256, "bf16"), (True, 255, "float32"), (False, 1024, "float32")]
)
def test_auto_is_bf16_where_it_pays(
    fast: bool, width: int, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: fast)
    assert pick_precision("auto", width=width, device=CPU) == chosen
    assert pick_precision("bf16", width=width, device=CPU) == "bf16"
    assert pick_precision("float32", width=width, device=CPU) == "float32"
    assert settle_precision(TrainConfig(), width=width, device=CPU).precision == chosen
    assert precision_here("bf16", CPU) == ("bf16" if fast else "float32")
    assert precision_here("float32", CPU) == "float32"


def test_what_emulation_costs_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: False)
    taken = iter([0.5, 0.01])
    monkeypatch.setattr(precision, "_seconds", lambda x: next(taken))
    said = emulation_note("bf16", CPU)
    assert said is not None
    assert "takes 50.0 times as long as in float32" in said
    assert emulation_note("auto", CPU) is emulation_note("float32", CPU) is None
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: True)
    assert emulation_note("bf16", CPU) is None
