"""What torch and FAISS raise when a device fails, as errors that the user can mend. Imports neither."""

import re
from collections.abc import Iterator

from encoder.errors import DeviceError, DeviceMemoryError, Hint, HostMemoryError, reason_of, shorten

_MEMORY = re.compile(r"out of memory|alloc fail|ALLOC_FAILED|can.t allocate memory", re.IGNORECASE)
_UNKNOWN_GPU = re.compile(r"no kernel image|not compatible with the current PyTorch", re.IGNORECASE)
_COMPILERS = re.compile(r"(c|c\+\+) compiler|gcc|g\+\+|triton", re.IGNORECASE)
_GPU = re.compile(r"cuda|cublas|cudnn|cusolver|nccl|nvidia|GpuResources|gpu index", re.IGNORECASE)
_COMPILING = {
    "BackendCompilerFailed",
    "CUDACompileError",
    "CppCompileError",
    "InductorError",
    "InvalidCxxCompiler",
    "TritonMissing",
}
_SIZES = re.compile(
    r"(?:tried to allocate|Unable to allocate) ([\d.]+ \w+)|alloc fail.* size (\d+)", re.IGNORECASE
)


def device_error_of(error: BaseException) -> DeviceError | None:
    """What a RuntimeError or MemoryError says of the device; None where it is of something else."""
    chain = list(_causes(error))
    names = {kind.__name__ for one in chain for kind in type(one).__mro__}
    said = "\n".join(str(one) for one in chain)
    if names & {"OutOfMemoryError", "MemoryError"} or _MEMORY.search(said):
        if "OutOfMemoryError" in names or _GPU.search(said):
            return DeviceMemoryError(f"the GPU's memory is full{_asked_for(said)}")
        return HostMemoryError(f"the memory is full{_asked_for(said)}")
    if names & _COMPILING:
        why = next((line for line in said.splitlines() if _COMPILERS.search(line)), said)
        return DeviceError(
            f"torch cannot compile the network here ({shorten(reason_of(RuntimeError(why)))})",
            Hint("install a C compiler, or leave out {option}", option="compile"),
        )
    if _UNKNOWN_GPU.search(said):
        return DeviceError(
            f"this build of torch knows no such GPU ({reason_of(error)})",
            Hint("install a build that does, or give {option}", option="device", value="cpu"),
        )
    if "AcceleratorError" in names or _GPU.search(said):
        return DeviceError(f"the GPU failed ({reason_of(error)})")
    return None


def _asked_for(said: str) -> str:
    """How much memory was asked for in vain, where that is told."""
    found = _SIZES.search(said)
    size = "" if found is None else next(group for group in found.groups() if group)
    return f": {size}{' bytes' if size.isdigit() else ''} more were asked for" if size else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it was raised from."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        inner = getattr(seen, "inner_exception", None)  # of torch's compiler
        seen = inner if isinstance(inner, BaseException) else seen.__cause__
