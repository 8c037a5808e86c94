"""Hardware that training runs on or can be planned for, and what training chooses there, with the reasons."""

import os
import re
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from heimdall.config import TrainConfig
from heimdall.errors import UsageError, suggest
from heimdall.hardware import (
    Precision,
    choose_cpu_precision,
    choose_cuda_precision,
    choose_mps_precision,
)
from heimdall.refs import Record

GIB = 2**30
_GPU_UTILISATION = 0.3  # of the stated peak: not measured
# Achieved on two cores with bf16 units: the 38.9 rows/s of docs/training.md times the 5.2e9 operations that
# `count_operations` gives for a row of that benchmark. Other processors were not measured.
_CPU_TFLOPS = 0.2
_ASSUMED = Precision("bf16", "a GPU of compute capability 8.0 or newer is assumed")


class Device(NamedTuple):
    """`memory` in GiB; `capability` is CUDA's, None if not known; `tflops` are what training achieves, None if not
    known; `factor` is measured over predicted memory, where a step was measured (`training.dry_run`)."""

    name: str
    memory: float
    kind: Literal["cuda", "mps", "cpu"] = "cuda"
    capability: float | None = None
    tflops: float | None = None
    factor: float = 1.0

    @property
    def precision(self) -> Precision:
        """What training would compute matrix products in there; every CPU is taken to be like this machine's."""
        if self.kind == "cpu":
            return choose_cpu_precision()
        if self.kind == "mps":
            return choose_mps_precision()
        return _ASSUMED if self.capability is None else choose_cuda_precision(self.capability)

    def count_shards(self, config: TrainConfig) -> int:
        """How many parts of a batch are computed at once, each with its own copy of the prompt: a CPU's threads."""
        return (config.threads or os.cpu_count() or 1) if self.kind == "cpu" else 1


# With dense 16-bit matrix products that add in float32, from NVIDIA's data sheets and architecture whitepapers (half of
# the figures "with sparsity").
DEVICES = tuple(
    Device(name, memory, "cuda", capability, _GPU_UTILISATION * peak)
    for name, memory, capability, peak in (
        ("T4", 16, 7.5, 65),
        ("2080 Ti", 11, 7.5, 53.8),
        ("3060", 12, 8.6, 25.6),
        ("3090", 24, 8.6, 71),
        ("4090", 24, 8.9, 165.2),
        ("A10", 24, 8.6, 125),
        ("L4", 24, 8.9, 121),
        ("L40S", 48, 8.9, 362),
        ("A100 40GB", 40, 8.0, 312),
        ("A100 80GB", 80, 8.0, 312),
        ("H100", 80, 9.0, 989),
        ("H200", 141, 9.0, 989),
    )
)


class Choices(Record):
    """What training chose on a device, each with the reason."""

    hardware: str
    precision: str
    attention: str
    batch: str


def choose(config: TrainConfig, device: Device) -> Choices:
    """What a run on `device` uses; `doctor` and the run itself say the same."""
    prompted = config.prompt_batch_size or config.batch_size
    rows = f"{config.batch_size} rows" + (
        f", {prompted} under the system prompt," if prompted > config.batch_size else ""
    )
    parts = [f"micro-batches of {rows} x {config.gradient_accumulation} for each step of the optimizer"]
    if (shards := device.count_shards(config)) > 1:
        parts.append(f"cut into {shards} shards that are computed side by side, one core each")
    if config.gradient_checkpointing:
        parts.append("layers are computed twice, which saves memory")
    capability = "" if device.capability is None else f", compute capability {device.capability}"
    kernel = "scores that are kept"
    if device.kind == "cpu":
        kernel = "PyTorch's flash kernel"
    elif device.capability is not None and device.capability >= 8.0:
        kernel = "FlexAttention, where Triton is installed"
    return Choices(
        hardware=f"{device.name}, {device.memory:.0f} GiB{capability}",
        precision=f"{device.precision.name}: {device.precision.reason}",
        attention=f"tiles of the row tree, and for a long system prompt {kernel}: masked SDPA is mostly mask",
        batch="; ".join(parts),
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
        return Device("cpu", memory or _system_memory(), "cpu", tflops=_CPU_TFLOPS)
    if not name and memory is not None:
        return Device(f"GPU with {memory:g} GB", memory)
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

    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        name = torch.cuda.get_device_name()
        memory = torch.cuda.get_device_properties(0).total_memory / GIB
        return Device(name, memory, "cuda", float(f"{major}.{minor}"), find_tflops(name))
    if torch.backends.mps.is_available():
        return Device("this machine (Apple MPS)", torch.mps.recommended_max_memory() / GIB, "mps")
    return Device("this machine (cpu)", _system_memory(), "cpu", tflops=_CPU_TFLOPS)


def find_tflops(name: str) -> float | None:
    """What training is taken to achieve on a GPU of this name, as its driver writes it; None if not in the table."""
    models = {re.sub(r" \d+GB$", "", device.name): device.tflops for device in DEVICES}
    return next((tflops for model, tflops in models.items() if re.search(rf"\b{model}\b", name)), None)


def read_peak_memory() -> int:
    """The most bytes that this process has had: of the GPU with what CUDA itself takes there, or resident ones."""
    import torch

    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return torch.cuda.max_memory_reserved() + total - free - torch.cuda.memory_reserved()
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory, too, from before this process was one of its own
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        if found:
            return int(found.group(1)) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def forget_peak_memory() -> None:
    """Lets `read_peak_memory` begin anew (on a GPU and on Linux; elsewhere it cannot)."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    elif (marks := Path("/proc/self/clear_refs")).exists():
        marks.write_text("5")


def _system_memory() -> float:
    import psutil

    return float(psutil.virtual_memory().total) / GIB


def _normalise(text: str) -> str:
    return re.sub(r"nvidia|geforce|rtx|tesla|[\s_-]+", "", text.lower())
