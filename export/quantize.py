"""Quantises a GGUF file with llama.cpp, and reports what its tensors really became: K-quants fall back silently."""

import ctypes
import os
import shutil
from pathlib import Path

from export.inspect import GgufInfo, inspect_gguf
from heimdall.config import Quantization
from heimdall.errors import DiskError, ExportError
from heimdall.files import copy_file, replacing
from heimdall.refs import Record
from nornicdb.engine import explain_last_error, load_llama_cpp
from nornicdb.gguf_header import TensorInfo, read_header

_FILE_TYPES: dict[Quantization, int] = {  # llama_ftype
    "F16": 1,
    "Q8_0": 7,
    "Q2_K": 10,
    "Q3_K_M": 12,
    "Q4_K_M": 15,
    "Q5_K_M": 17,
    "Q6_K": 18,
}


class Quantized(Record):
    """A quantised file as it really is. `fell_back` names the matrices that got another kind of type than was asked."""

    quantization: Quantization
    info: GgufInfo
    fell_back: tuple[str, ...]

    @property
    def warning(self) -> str | None:
        """One sentence about fallbacks, or None."""
        if not self.fell_back:
            return None
        return (
            f"{len(self.fell_back)} of {self.info.tensors} tensors could not be {self.quantization} (their rows are no "
            f"multiples of {_block(self.quantization)}): the file has {self.info.bits_per_weight:.2f} bits per weight."
        )


def quantize(source: Path, out: Path, kind: Quantization, threads: int | None = None) -> Quantized:
    """Writes `out` from an F16 file, whole or not at all. Raises `ExportError`, or `DiskError` if no room is left."""
    inspect_gguf(source)
    if kind == "F16":
        copy_file(source, out)
    else:
        _run_llama_cpp(source, out, kind, threads or os.cpu_count() or 1)
    fell_back = tuple(tensor.name for tensor in read_header(out).tensors if not _is_as_asked(tensor, kind))
    return Quantized(quantization=kind, info=inspect_gguf(out), fell_back=fell_back)


def _run_llama_cpp(source: Path, out: Path, kind: Quantization, threads: int) -> None:
    llama = load_llama_cpp()
    parameters = llama.llama_model_quantize_default_params()
    parameters.ftype = _FILE_TYPES[kind]
    parameters.nthread = threads
    with replacing(out) as partial:
        code = llama.llama_model_quantize(str(source).encode(), str(partial).encode(), ctypes.byref(parameters))
        if code != 0:
            reason = explain_last_error()
            if shutil.disk_usage(out.parent).free < 1 << 20:
                raise DiskError(f"The disk that holds '{out}' is full; free some space and run the same command.")
            raise ExportError(f"llama.cpp could not quantise '{source}' to {kind} (code {code}): {reason}")


def _is_as_asked(tensor: TensorInfo, kind: Quantization) -> bool:
    if len(tensor.shape) == 1:  # norms and biases stay F32 in every kind
        return True
    if kind in ("F16", "Q8_0"):
        return tensor.type == kind
    return tensor.type.endswith("_K")  # mixtures: Q4_K_M gives some tensors Q6_K


def _block(kind: Quantization) -> int:
    return 256 if "_K" in kind else 32
