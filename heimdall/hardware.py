"""What this machine computes with. Every choice comes with its reason, for `heimdall doctor` and for a run's log."""

from typing import Literal, NamedTuple


class Precision(NamedTuple):
    """The number format of matrix products; weights stay in float32."""

    name: Literal["bf16", "fp16", "fp32"]
    reason: str


def choose_precision() -> Precision:
    """bf16 where the hardware has it natively, fp16 on older GPUs, else fp32."""
    import torch

    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        return choose_cuda_precision(float(f"{major}.{minor}"))
    return choose_mps_precision() if torch.backends.mps.is_available() else choose_cpu_precision()


def choose_cuda_precision(capability: float) -> Precision:
    """By the compute capability: `torch.cuda.is_bf16_supported()` is true through emulation on older GPUs."""
    if capability >= 8:
        return Precision("bf16", f"CUDA compute capability {capability} has bf16 matrix units (from 8.0)")
    return Precision("fp16", f"CUDA compute capability {capability} has no bf16 matrix units (those begin at 8.0)")


def choose_mps_precision() -> Precision:
    """Apple's GPUs."""
    return Precision("fp32", "Apple MPS: mixed precision is not used")


def choose_cpu_precision() -> Precision:
    """This machine's processor, whatever else it has."""
    import torch

    if not torch.cpu._is_avx512_bf16_supported():
        return Precision("fp32", "the CPU has no bf16 matrix products (AVX512-BF16 or AMX)")
    units = "AMX" if torch.cpu._is_amx_tile_supported() else "AVX512-BF16"
    return Precision("bf16", f"the CPU has bf16 matrix products ({units})")
