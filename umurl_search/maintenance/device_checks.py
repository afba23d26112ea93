"""What runs on which device here, and what to install so that more does: lines of `doctor`."""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from encoder.errors import UmurlError
from umurl_search.maintenance.results import Check

FAISS_PACKAGES = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu11", "faiss-gpu-cu12", "faiss-gpu-cuvs")
"""All of them install the module faiss."""
_DRIVER = (Path("/proc/driver/nvidia/version"), Path("/dev/nvidiactl"), Path("/dev/dxg"))
_CUDA_BUILD = "install the CUDA build of torch that the selector on pytorch.org names"


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What is here.

    gpu: the name of the GPU that torch drives, else None. is_known: torch has code for it. cuda: the version that torch
    is built for, None of a CPU build. driver: whether a GPU's driver is installed. cpu: in words; products: how bf16 is
    multiplied. faiss: its version; faiss_gpus: how many it drives, None of a CPU build; faiss_level: the CPU's
    instructions; faiss_problem: why it cannot be used.
    """

    gpu: str | None = None
    is_known: bool = True
    cuda: str | None = None
    driver: bool = False
    cpu: str = "CPU"
    products: str = ""
    faiss: str = ""
    faiss_gpus: int | None = None
    faiss_level: str | None = None
    faiss_problem: str | None = None


def look() -> Machine:
    """What is here, as torch and FAISS say."""
    import torch

    from encoder.precision import multiplies_bf16

    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    drives = place.type == "cuda"
    version, gpus, level, problem = _look_at_faiss()
    return Machine(
        gpu=torch.cuda.get_device_name() if drives else None,
        is_known=not drives or has_code_for(torch.cuda.get_device_capability(), torch.cuda.get_arch_list()),
        cuda=torch.version.cuda,
        driver=any(path.exists() for path in _DRIVER),
        cpu=f"CPU, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}",
        products="bf16 products in hardware"
        if multiplies_bf16(place)
        else "no bf16 units, so float32 is taken",
        faiss=version,
        faiss_gpus=gpus,
        faiss_level=level,
        faiss_problem=problem,
    )


def _look_at_faiss() -> tuple[str, int | None, str | None, str | None]:
    """Its version, the GPUs that it drives, the CPU's instructions, and why it cannot be used."""
    from umurl_search.index.faiss_library import cpu_level, faiss_module, is_gpu_build, n_gpus

    installed = [name for name in FAISS_PACKAGES if _version(name)]
    if len(installed) > 1:
        both = f"{' and '.join(installed)} both install the module faiss"
        return "", None, None, f"{both}: pip uninstall one, reinstall the other"
    try:
        return faiss_module().__version__, n_gpus() if is_gpu_build() else None, cpu_level(), None
    except UmurlError as error:
        return "", None, None, error.typed


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def has_code_for(capability: tuple[int, int], built_for: list[str]) -> bool:
    """Whether a build of torch runs on a GPU: by code of its generation that is no newer, or text to compile."""
    major, minor = capability
    for name in built_for:
        kind, _, digits = name.partition("_")
        number = int("".join(filter(str.isdigit, digits)) or 0)
        same = number // 10 == major and number % 10 <= minor
        if same if kind == "sm" else kind == "compute" and number <= 10 * major + minor:
            return True
    return not built_for


def check_faiss(here: Machine) -> Check:
    if here.faiss_problem is not None:
        return Check(name="faiss", ok=False, detail=here.faiss_problem)
    place = "on the GPU" if here.faiss_gpus else "on the CPU"
    said = ", ".join(filter(None, (place, here.faiss_level)))
    return Check(name="faiss", ok=True, detail=f"{here.faiss} ({said})")


def check_device(here: Machine) -> Check:
    """Where networks run."""
    if here.gpu is not None and not here.is_known:
        detail = f"{here.gpu}: torch has no code for this GPU; install a build that has, or give --device cpu"
        return Check(name="device", ok=False, detail=detail)
    return Check(
        name="device", ok=True, detail=f"{here.gpu or here.cpu}, {here.products}{_missing_torch(here)}"
    )


def _missing_torch(here: Machine) -> str:
    """What keeps torch from a GPU, if there is one."""
    if here.gpu is not None or not here.driver:
        return ""
    if here.cuda is None:
        return f"; a GPU's driver is here, and torch is a CPU build: {_CUDA_BUILD}"
    return (
        f"; a GPU's driver is here, and torch for CUDA {here.cuda} finds no GPU: look at CUDA_VISIBLE_DEVICES, and "
        "whether the driver is older than that"
    )


def check_search(here: Machine) -> Check:
    """Where vectors are searched and compared."""
    if here.faiss_problem is not None:
        return Check(
            name="search", ok=False, detail="no index can be searched or built without FAISS (see faiss)"
        )
    if here.gpu is None:
        gpus = f"{here.faiss_gpus} GPU{'s' if here.faiss_gpus != 1 else ''}"
        more = f"; FAISS drives {gpus} and torch none: {_CUDA_BUILD}" if here.faiss_gpus else ""
        return Check(name="search", ok=True, detail=f"on the CPU, by FAISS{more}")
    by_torch = "galleries lie on the GPU, torch and float64 scores search them"
    if here.faiss_gpus:
        said = (
            "galleries lie on the GPU; torch or FAISS searches an index, whichever answers its second query sooner, "
            "torch with filters; ivf-sq8 by FAISS there"
        )
    elif here.faiss_gpus is None:
        said = (
            f"{by_torch}; ivf-sq8 by FAISS on the CPU: for that on the GPU too, pip uninstall faiss-cpu, and "
            "pip install 'umurl-search[gpu]'"
        )
    else:
        said = f"{by_torch}; ivf-sq8 by FAISS on the CPU: its GPU build finds no GPU, look at the driver"
    return Check(name="search", ok=True, detail=said)
