"""Hardware that training can be planned for: by name, by an amount of memory, or the machine this runs on."""

import re
from typing import NamedTuple

from heimdall.errors import UsageError, suggest
from heimdall.hardware import Precision, choose_precision

GIB = 2**30
# Achieved on two cores with bf16 units: the 38.9 rows/s of docs/training.md times the 5.2e9 operations that
# `count_operations` gives for a row of that benchmark. Other processors were not measured.
_CPU_TFLOPS = 0.2


class Device(NamedTuple):
    """`memory` in GiB; `capability` is CUDA's (0 on a CPU, None if not known); `tflops` are those of dense 16-bit
    matrix products that add in float32, as the maker states them (on a CPU: as achieved), None if not known."""

    name: str
    memory: float
    capability: float | None
    tflops: float | None

    @property
    def is_cpu(self) -> bool:
        """No accelerator."""
        return self.capability == 0

    @property
    def precision(self) -> Precision:
        """What training would compute matrix products in there."""
        if self.is_cpu:
            return choose_precision() if not _has_cuda() else Precision("bf16", "a CPU with bf16 units is assumed")
        if self.capability is None:
            return Precision("bf16", "a GPU of compute capability 8.0 or newer is assumed")
        if self.capability >= 8:
            return Precision("bf16", f"compute capability {self.capability} has bf16 matrix units")
        return Precision("fp16", f"compute capability {self.capability} has no bf16 matrix units (those begin at 8.0)")


# NVIDIA's data sheets and architecture whitepapers, dense figures (half of those "with sparsity").
DEVICES = (
    Device("T4", 16, 7.5, 65),
    Device("2080 Ti", 11, 7.5, 53.8),
    Device("3060", 12, 8.6, 25.6),
    Device("3090", 24, 8.6, 71),
    Device("4090", 24, 8.9, 165.2),
    Device("A10", 24, 8.6, 125),
    Device("L4", 24, 8.9, 121),
    Device("L40S", 48, 8.9, 362),
    Device("A100 40GB", 40, 8.0, 312),
    Device("A100 80GB", 80, 8.0, 312),
    Device("H100", 80, 9.0, 989),
    Device("H200", 141, 9.0, 989),
)


def find_device(text: str | None) -> Device:
    """`2080 Ti`, `RTX 3090 24GB`, `24GB` (some GPU), `cpu`, `cpu 64GB`; this machine for None.

    Raises `UsageError` for a name that is not known, with the nearest one.
    """
    if text is None:
        return detect_device()
    size = re.search(r"(\d+(?:\.\d+)?)\s*gi?b", text, re.IGNORECASE)
    memory = float(size.group(1)) if size else None
    name = _normalise(text[: size.start()] + text[size.end() :] if size else text)
    if memory == 0:
        raise UsageError(f"--hardware '{text}': no memory is none to train in.")
    if name == "cpu":
        return Device("cpu", memory or _system_memory(), 0, _CPU_TFLOPS)
    if not name and memory is not None:
        return Device(f"GPU with {memory:g} GB", memory, None, None)
    known = [device for device in DEVICES if _normalise(re.sub(r" \d+GB$", "", device.name)) == name]
    if not known:
        names = [*(device.name for device in DEVICES), "cpu"]
        near = suggest(text, names)
        raise UsageError(f"There is no hardware '{text}' in the table.{near} Known: {', '.join(names)}; or say 24GB.")
    chosen = min(known, key=lambda device: abs(device.memory - (memory or device.memory)))
    return chosen._replace(memory=memory or chosen.memory)


def detect_device() -> Device:
    """This machine."""
    import torch

    if not _has_cuda():
        return Device("this machine (cpu)", _system_memory(), 0, _CPU_TFLOPS)
    major, minor = torch.cuda.get_device_capability()
    name = torch.cuda.get_device_name()
    known = [device for device in DEVICES if device.name.split()[0].lower() in name.lower().split()]
    memory = torch.cuda.get_device_properties(0).total_memory / GIB
    return Device(name, memory, float(f"{major}.{minor}"), known[0].tflops if known else None)


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


def _system_memory() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / GIB


def _normalise(text: str) -> str:
    return re.sub(r"nvidia|geforce|rtx|tesla|[\s_-]+", "", text.lower())
