"""What a device that fails has to say: one error that the user can mend, whatever library said it."""

import pytest
import torch

from encoder.device_errors import device_error_of
from encoder.errors import DeviceError, DeviceMemoryError, HostMemoryError

FAISS = (
    "Error in virtual void* faiss::gpu::StandardGpuResourcesImpl::allocMemory(const AllocRequest&) at "
    "StandardGpuResources.cpp:518: Error: 'err == cudaSuccess' failed: StandardGpuResources: alloc fail type "
    "FlatData dev 0 space Device stream 0x5 size 933888000 bytes (cudaMalloc error out of memory [2])"
)
TORCH = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 15.7 GiB of which 1.2 is free."


class InductorError(RuntimeError):
    """Of torch's compiler."""


def compile_error() -> RuntimeError:
    error = InductorError("RuntimeError: see the stack")
    error.__cause__ = RuntimeError("Failed to find C compiler. Please specify via CC environment variable.")
    return error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            torch.OutOfMemoryError(TORCH),
            DeviceMemoryError,
            "the GPU's memory is full: 2.00 GiB more were asked for",
        ),
        (
            RuntimeError(FAISS),
            DeviceMemoryError,
            "the GPU's memory is full: 933888000 bytes more were asked for",
        ),
        (
            RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
            DeviceMemoryError,
            "the GPU's memory is full",
        ),
        (
            RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory: you tried "
                "to allocate 40000000000 bytes. Error code 12 (Cannot allocate memory)"
            ),
            HostMemoryError,
            "the memory is full: 40000000000 bytes more were asked for",
        ),
        (
            MemoryError("Unable to allocate 7.45 GiB for an array with shape (1000000000,)"),
            HostMemoryError,
            "the memory is full: 7.45 GiB more were asked for",
        ),
        (MemoryError(), HostMemoryError, "the memory is full"),
        (
            torch.AcceleratorError(
                "CUDA error: no kernel image is available for execution on the device\nSearch"
            ),
            DeviceError,
            "this build of torch knows no such GPU (CUDA error: no kernel image is available for execution on the "
            "device)",
        ),
        (
            torch.AcceleratorError(
                "CUDA error: an illegal memory access was encountered\nCUDA kernel errors"
            ),
            DeviceError,
            "the GPU failed (CUDA error: an illegal memory access was encountered)",
        ),
        (
            RuntimeError("Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU"),
            DeviceError,
            "the GPU failed (Found no NVIDIA driver on your system)",
        ),
        (compile_error(), DeviceError, "torch cannot compile the network here (Failed to find C compiler)"),
    ],
)
def test_what_failed_is_said_in_one_line(error: BaseException, kind: type[DeviceError], said: str) -> None:
    told = device_error_of(error)
    assert told is not None
    assert (type(told), told.message) == (kind, said)


def test_compiling_is_to_be_left_out() -> None:
    told = device_error_of(compile_error())
    assert told is not None
    assert told.hint is not None
    assert told.hint.typed == "install a C compiler, or leave out --compile"


@pytest.mark.parametrize(
    "error",
    [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), RuntimeError("dictionary changed size")],
)
def test_a_bug_is_no_failing_device(error: Exception) -> None:
    assert device_error_of(error) is None
