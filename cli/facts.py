"""What `doctor` finds out about this machine. Every probe returns what it saw, and what is missing in words."""

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path

from heimdall.config import Preset
from heimdall.errors import HeimdallError
from heimdall.files import check_writable
from heimdall.refs import Record
from heimdall.workspace import Workspace

# Rough needs of a preset without a pretrained base, as measured for heimdall_nano.
_MEMORY_GB, _DISK_GB = 6, 3
_TOOLS = {"git": "needed to fetch a NornicDB checkout", "c++": "needed to build llama.cpp"}


class Fact(Record):
    """Something about this machine. `missing` says what is wrong and what to do, or is null."""

    name: str
    value: str
    missing: str | None = None


def collect_facts(preset: Preset) -> list[Fact]:
    """All facts, in the order in which a reader would look for them."""
    return [
        Fact(name="system", value=f"{platform.system()} {platform.release()}, {platform.machine()}"),
        Fact(name="python", value=sys.version.split()[0]),
        _describe_processor(),
        _describe_memory(),
        _describe_disk(Workspace().home),
        _describe_accelerator(preset),
        *_describe_training(preset),
        _describe_llama(),
        *_describe_quantization(preset),
        *(_find_tool(name, why) for name, why in _TOOLS.items()),
        *(Fact(name=name, value=importlib.metadata.version(name)) for name in ("torch", "transformers", "prefect")),
        _describe_fastapi(),
        _describe_base(preset),
        _describe_target(preset),
    ]


def _describe_processor() -> Fact:
    import psutil
    import torch

    kinds = torch.backends.cpu.get_cpu_capability()
    return Fact(
        name="processor",
        value=f"{psutil.cpu_count(logical=False) or '?'} cores, {os.cpu_count()} threads, {kinds}",
    )


def _describe_memory() -> Fact:
    import psutil

    memory = psutil.virtual_memory()
    value = f"{memory.total / 1e9:.0f} GB, {memory.available / 1e9:.0f} GB available"
    enough = memory.total / 1e9 >= _MEMORY_GB
    return Fact(name="memory", value=value, missing=None if enough else f"At least {_MEMORY_GB} GB are needed.")


def _describe_disk(home: Path) -> Fact:
    existing = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(existing).free / 1e9
    missing = None if free >= _DISK_GB else f"At least {_DISK_GB} GB are needed; free some, or move HEIMDALL_HOME."
    return Fact(name="disk", value=f"{free:.0f} GB free for {home}", missing=missing)


def _describe_accelerator(preset: Preset) -> Fact:
    from training.devices import choose, detect_device

    device = detect_device()
    if device.kind != "cpu":
        return Fact(name="accelerator", value=choose(preset.train, device).hardware)
    needed = preset.train.pretrained is not None
    missing = f"'{preset.name}' fine-tunes a pretrained model, which takes days without a GPU." if needed else None
    return Fact(name="accelerator", value="none that PyTorch can use", missing=missing)


def _describe_training(preset: Preset) -> list[Fact]:
    """What training would choose here, and why; and whether it fits."""
    from presets.bases import describe_model
    from training.devices import GIB, choose, detect_device
    from training.estimate import estimate
    from training.lengths import guess_lengths

    device, base = detect_device(), describe_model(preset.train)
    chosen = choose(preset.train, device)
    facts = [Fact(name=name, value=getattr(chosen, name)) for name in ("precision", "attention", "batch")]
    if base is None:
        return facts
    found = estimate(preset, base, guess_lengths(preset, base.vocab_size), device)
    value = f"predicted to need {found.memory.total / GIB:.1f} of {found.available / GIB:.1f} GiB"
    missing = None if found.fits else f"Too much: {found.advice[0]}."
    return [*facts, Fact(name="training", value=value, missing=missing)]


def _describe_llama() -> Fact:
    from nornicdb.engine import load_llama_cpp

    version = importlib.metadata.version("llama-cpp-python")
    try:
        load_llama_cpp()
    except (ImportError, OSError, RuntimeError) as error:
        return Fact(
            name="llama.cpp", value=version, missing=f"It does not load ({error}); build it again: make clean setup."
        )
    return Fact(name="llama.cpp", value=f"llama-cpp-python {version}")


def _describe_quantization(preset: Preset) -> list[Fact]:
    """What a base in 4 bits needs."""
    if preset.train.lora is None or not preset.train.lora.quantized:
        return []
    try:
        return [Fact(name="bitsandbytes", value=importlib.metadata.version("bitsandbytes"))]
    except importlib.metadata.PackageNotFoundError:
        missing = "A base in 4 bits needs it; install it with `pip install -e '.[qlora]'`."
        return [Fact(name="bitsandbytes", value="not found", missing=missing)]


def _find_tool(name: str, why: str) -> Fact:
    place = shutil.which(os.environ.get("CXX", name) if name == "c++" else name)
    return Fact(name=name, value=place or "not found", missing=None if place else f"It is {why}; install it.")


def _describe_fastapi() -> Fact:
    version = importlib.metadata.version("fastapi")
    fits = tuple(int(part) for part in version.split(".")[:2]) < (0, 151)
    missing = None if fits else "Prefect's server needs fastapi<0.151: pip install -c constraints.txt -e ."
    return Fact(name="fastapi", value=version, missing=missing)


def _describe_base(preset: Preset) -> Fact:
    base = preset.train.pretrained
    if base is None:
        return Fact(name="base model", value="none: trained from scratch")
    if Path(base.name_or_path).is_dir():
        return Fact(name="base model", value=base.name_or_path)
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(base.name_or_path, "config.json", revision=base.revision)
    missing = None if isinstance(cached, str) else "Not downloaded yet: it will be, from the Hugging Face Hub."
    return Fact(name="base model", value=f"{base.name_or_path}@{base.revision or 'main'}", missing=missing)


def _describe_target(preset: Preset) -> Fact:
    directory = Path.cwd() / preset.promote.directory
    try:
        check_writable(directory)
    except HeimdallError as error:
        return Fact(name="target", value=str(directory), missing=str(error))
    return Fact(name="target", value=str(directory))
