"""Reads the header of a GGUF file that nobody vouches for: every length is checked against the file before it is used.

llama.cpp maps a model into memory and trusts most of it; a cut or damaged file is found here first, with a sentence
instead of a crash. Tensor data are not read, only their place and size.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from heimdall.errors import InputError

MAX_ENTRIES = 100_000
"""Most metadata keys, and most tensors, that are read; the largest models have a few thousand."""
MAX_ARRAY = 4_000_000
"""Most elements of one array; the largest vocabularies have 262 144 tokens."""
MAX_HEADER_BYTES = 512 << 20

NORMAL_TOKEN, UNKNOWN_TOKEN, CONTROL_TOKEN, USER_DEFINED_TOKEN, UNUSED_TOKEN, BYTE_TOKEN = 1, 2, 3, 4, 5, 6
"""Values of `tokenizer.ggml.token_type`."""

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "B", 10: "Q", 11: "q", 12: "d"}


@dataclass(frozen=True)
class TensorInfo:
    """One tensor's name, dimensions (fastest first, as ggml counts), ggml type and size in the file."""

    name: str
    shape: tuple[int, ...]
    type: str
    bytes: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class GgufHeader:
    """All metadata (arrays as lists) and the tensors of one file."""

    path: Path
    metadata: dict[str, Any]
    tensors: tuple[TensorInfo, ...]
    file_bytes: int

    def text(self, key: str) -> str | None:
        """The string at a key, or None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def whole(self, key: str) -> int | None:
        """The integer at a key, or None where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def tokens(self) -> list[str]:
        """The vocabulary, empty for a file without one."""
        tokens: list[str] = self.metadata.get("tokenizer.ggml.tokens", [])
        return tokens

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """Tokens that never come from plain text, in the order of their ids."""
        types = self.metadata.get("tokenizer.ggml.token_type", [])
        return tuple(token for token, kind in zip(self.tokens, types, strict=False) if kind == CONTROL_TOKEN)


def read_header(path: Path) -> GgufHeader:
    """Reads and checks a header. Raises `InputError` naming the file and what is wrong with it."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _Reader(file, path, size).read()
    except FileNotFoundError as error:
        raise InputError(f"'{path}' does not exist.") from error
    except OSError as error:
        raise InputError(f"'{path}' cannot be read ({error.strerror}).") from error


class _Reader:
    """A position in the file that refuses to pass its end."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self._file, self._path, self._size = file, path, size
        self._at = 0

    def read(self) -> GgufHeader:
        if self._bytes(min(4, self._size)) != b"GGUF":
            self._fail("it does not start with 'GGUF'")
        version = self._number("I")
        if version not in (2, 3):
            self._fail(f"its version is {version}, and only 2 and 3 (little-endian) are known")
        tensor_count, key_count = self._number("Q"), self._number("Q")
        if tensor_count > MAX_ENTRIES or key_count > MAX_ENTRIES:
            self._fail(f"it claims {key_count} metadata keys and {tensor_count} tensors")
        metadata: dict[str, Any] = {}
        for _ in range(key_count):
            key = self._string()
            if key in metadata:
                self._fail(f"the key '{key[:80]}' occurs twice")
            metadata[key] = self._value(self._number("I"), key)
        self._check_metadata(metadata)
        tensors = self._tensors(tensor_count, metadata.get("general.alignment", 32))
        self._check_sizes(metadata, len(tensors))
        return GgufHeader(self._path, metadata, tensors, self._size)

    def _fail(self, why: str) -> NoReturn:
        raise InputError(f"'{self._path}' is not a whole, readable GGUF file: {why}.")

    def _bytes(self, count: int) -> bytes:
        if count > self._size - self._at:
            self._fail(f"it ends at byte {self._size}, inside its header")
        if self._at + count > MAX_HEADER_BYTES:
            self._fail(f"its header is larger than {MAX_HEADER_BYTES >> 20} MiB")
        self._at += count
        return self._file.read(count)

    def _number(self, code: str) -> Any:
        return struct.unpack("<" + code, self._bytes(struct.calcsize("<" + code)))[0]

    def _string(self) -> str:
        raw = self._bytes(self._number("Q"))
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            self._fail(f"a text that ends at byte {self._at} is not UTF-8")

    def _value(self, kind: int, key: str) -> Any:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array(key)
        if kind not in _SCALARS:
            self._fail(f"'{key[:80]}' has the unknown type {kind}")
        value = self._number(_SCALARS[kind])
        return bool(value) if kind == _BOOL else value

    def _array(self, key: str) -> list[Any]:
        kind, count = self._number("I"), self._number("Q")
        if count > MAX_ARRAY:
            self._fail(f"'{key[:80]}' claims {count} elements")
        if kind == _STRING:
            return [self._string() for _ in range(count)]
        if kind not in _SCALARS:
            self._fail(f"'{key[:80]}' is an array of the unknown type {kind}")
        code = _SCALARS[kind]
        values = struct.unpack(f"<{count}{code}", self._bytes(count * struct.calcsize("<" + code)))
        return [bool(value) for value in values] if kind == _BOOL else list(values)

    def _check_metadata(self, metadata: dict[str, Any]) -> None:
        """llama.cpp takes these arrays, and the ids into them, largely on trust."""
        if not isinstance(metadata.get("general.architecture"), str):
            self._fail("'general.architecture' is missing")
        tokens = metadata.get("tokenizer.ggml.tokens", [])
        for key in ("tokens", "merges"):
            value = metadata.get(f"tokenizer.ggml.{key}", [])
            if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
                self._fail(f"'tokenizer.ggml.{key}' is not a list of texts")
        # the next three make llama.cpp abort the process; a NUL because it ends a text there, and texts then coincide
        if len(set(tokens)) < len(tokens):
            self._fail("two tokens of its vocabulary are the same")
        if any("\0" in token for token in tokens):
            self._fail("a token of its vocabulary contains a NUL")
        for key, value in metadata.items():
            if isinstance(value, float) and not (math.isfinite(value) and (value >= 0 or "epsilon" not in key)):
                self._fail(f"'{key[:80]}' is {value}")
        for key in ("token_type", "scores"):
            value = metadata.get(f"tokenizer.ggml.{key}")
            if value is not None and (not isinstance(value, list) or len(value) != len(tokens)):
                self._fail(f"'tokenizer.ggml.{key}' does not have one entry for each of the {len(tokens)} tokens")
        for key in ("bos", "eos", "padding", "unknown"):
            token = metadata.get(f"tokenizer.ggml.{key}_token_id")
            if token is not None and not (isinstance(token, int) and 0 <= token < len(tokens)):
                self._fail(f"'tokenizer.ggml.{key}_token_id' is {token}, outside of the vocabulary")

    def _check_sizes(self, metadata: dict[str, Any], tensors: int) -> None:
        """llama.cpp compares most sizes with those of the tensors, and aborts the process over these."""
        known = {
            name: value
            for name in ("block_count", "attention.head_count", "attention.head_count_kv", "attention.key_length")
            # some architectures have lists of them, one for each block
            if isinstance(value := metadata.get(f"{metadata['general.architecture']}.{name}"), int)
        }
        for name, value in known.items():
            if value < 1 or (name == "block_count" and 0 < tensors < value):
                self._fail(f"its {name} is {value}")
        heads, shared = known.get("attention.head_count", 1), known.get("attention.head_count_kv", 1)
        if heads % shared and "attention.head_count" in known:
            self._fail(f"its {heads} heads cannot share {shared} keys and values")
        if known.get("attention.key_length", 2) % 2:
            self._fail("its attention.key_length is odd")

    def _tensors(self, count: int, alignment: Any) -> tuple[TensorInfo, ...]:
        from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            self._fail(f"its alignment is {alignment}, which is not a power of two")
        known = {kind.value: (kind.name, *GGML_QUANT_SIZES[kind]) for kind in GGMLQuantizationType}
        found: dict[str, TensorInfo] = {}
        last_name, last_end = "", 0
        for _ in range(count):
            name = self._string()
            dimensions = self._number("I")
            if name in found or not 1 <= dimensions <= 4:
                self._fail(f"tensor '{name[:80]}' occurs twice or has {dimensions} dimensions")
            shape = tuple(self._number("Q") for _ in range(dimensions))
            kind, offset = self._number("I"), self._number("Q")
            if kind not in known:
                self._fail(f"tensor '{name[:80]}' has the unknown type {kind}")
            type_name, block, block_bytes = known[kind]
            elements = math.prod(shape)
            if min(shape) < 1 or elements >= 1 << 62 or shape[0] % block or offset % alignment:
                self._fail(f"tensor '{name[:80]}' has an impossible shape {shape} or place {offset}")
            found[name] = TensorInfo(name, shape, type_name, elements // block * block_bytes)
            if offset + found[name].bytes > last_end:
                last_name, last_end = name, offset + found[name].bytes
        start = -(-self._at // alignment) * alignment
        if found and start + last_end > self._size:
            self._fail(f"tensor '{last_name}' ends at byte {start + last_end}, but the file has only {self._size}")
        return tuple(found.values())
