"""What this machine computes with. Every choice comes with its reason, for `heimdall doctor` and for a run's log."""

from typing import Literal, NamedTuple


class Precision(NamedTuple):
    """The number format of matrix products; weights stay in float32."""

    name: Literal["bf16", "fp16", "fp32"]
    reason: str


def choose_precision() -> Precision:
    """bf16 where the hardware has it natively, fp16 on older GPUs, else fp32.

    `torch.cuda.is_bf16_supported()` is true through emulation on older cards, so the compute capability decides.
    """
    import torch

    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        if major >= 8:
            return Precision("bf16", f"CUDA compute capability {major}.{minor} has bf16 matrix units")
        return Precision("fp16", f"CUDA compute capability {major}.{minor} has no bf16 matrix units")
    if torch.backends.mps.is_available():
        return Precision("fp32", "Apple MPS: mixed precision is not used")
    if torch.cpu._is_avx512_bf16_supported():
        return Precision("bf16", "the CPU has AVX512-BF16 or AMX matrix products")
    return Precision("fp32", "the CPU has no bf16 matrix products")
