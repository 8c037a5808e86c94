"""The header reader against files that somebody damaged, by accident or on purpose."""

import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heimdall.errors import InputError
from nornicdb.gguf_header import read_header


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def strings(*values: str) -> bytes:
    return struct.pack("<IQ", 8, len(values)) + b"".join(map(text, values))


def numbers(*values: int) -> bytes:
    return struct.pack(f"<IQ{len(values)}i", 5, len(values), *values)


def size(name: str, value: int) -> bytes:
    return key(f"qwen2.{name}", 4, struct.pack("<I", value))


ARCHITECTURE = key("general.architecture", 8, text("qwen2"))


def build(*keys: bytes, tensors: tuple[bytes, ...] = (), data: bytes = b"", version: int = 3) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys)) + b"".join(keys) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def tensor(name: str, *shape: int, kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", kind, offset)


GOOD = build(
    ARCHITECTURE,
    key("tokenizer.ggml.tokens", 9, strings("a", "<|im_end|>")),
    key("tokenizer.ggml.token_type", 9, numbers(1, 3)),
    key("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 1)),
    key("flag", 7, b"\x01"),
    tensors=(tensor("norm", 8), tensor("matrix", 32, 2, kind=8, offset=32)),
    data=bytes(32 + 68),
)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "good.gguf"
    path.write_bytes(GOOD)
    header = read_header(path)
    assert header.text("general.architecture") == "qwen2"
    assert header.metadata["flag"] is True
    assert header.whole("flag") is None
    assert header.whole("tokenizer.ggml.eos_token_id") == 1
    assert header.control_tokens == ("<|im_end|>",)
    assert [(item.name, item.shape, item.type, item.bytes) for item in header.tensors] == [
        ("norm", (8,), "F32", 32),
        ("matrix", (32, 2), "Q8_0", 68),
    ]


def test_a_vocabulary_without_tensors_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.gguf"
    path.write_bytes(build(ARCHITECTURE, key("tokenizer.ggml.tokens", 9, strings("a", "b"))).rstrip(b"\0"))
    assert read_header(path).tokens == ["a", "b"]


@pytest.mark.parametrize("length", range(0, len(GOOD), 7))
def test_every_cut_is_found(tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(GOOD[:length])
    with pytest.raises(InputError, match=r"cut\.gguf"):
        read_header(path)


HUGE = 1 << 60
DAMAGED = {
    "start with 'GGUF'": b"GGML" + GOOD[4:],
    "version is 1": build(ARCHITECTURE, version=1),
    "version is 50331648": build(ARCHITECTURE, version=3 << 24),
    "metadata keys": b"GGUF" + struct.pack("<IQQ", 3, 0, HUGE),
    "inside its header": build(struct.pack("<Q", HUGE)),
    "claims": build(ARCHITECTURE, key("list", 9, struct.pack("<IQ", 4, HUGE))),
    "array of the unknown type 9": build(ARCHITECTURE, key("nested", 9, struct.pack("<IQ", 9, 1))),
    "unknown type 77": build(ARCHITECTURE, key("what", 77, b"")),
    "occurs twice": build(ARCHITECTURE, ARCHITECTURE),
    "not UTF-8": build(ARCHITECTURE, struct.pack("<Q", 1) + b"\xff"),
    "'general.architecture' is missing": build(key("general.architecture", 4, bytes(4))),
    "one entry for each": build(
        ARCHITECTURE,
        key("tokenizer.ggml.tokens", 9, strings("a", "b")),
        key("tokenizer.ggml.token_type", 9, numbers(1)),
    ),
    "tokens of its vocabulary are the same": build(
        ARCHITECTURE, key("tokenizer.ggml.tokens", 9, strings("a", "b", "a"))
    ),
    "contains a NUL": build(ARCHITECTURE, key("tokenizer.ggml.tokens", 9, strings("a", "a\0b"))),
    "'x.epsilon' is nan": build(ARCHITECTURE, key("x.epsilon", 6, struct.pack("<f", float("nan")))),
    "'x.epsilon' is -1.0": build(ARCHITECTURE, key("x.epsilon", 6, struct.pack("<f", -1.0))),
    "not a list of texts": build(ARCHITECTURE, key("tokenizer.ggml.tokens", 9, numbers(1))),
    "outside of the vocabulary": build(ARCHITECTURE, key("tokenizer.ggml.eos_token_id", 4, struct.pack("<I", 11))),
    "block_count is 0": build(ARCHITECTURE, size("block_count", 0)),
    "block_count is 9": build(ARCHITECTURE, size("block_count", 9), tensors=(tensor("t", 4),), data=bytes(64)),
    "3 heads cannot share 2": build(ARCHITECTURE, size("attention.head_count", 3), size("attention.head_count_kv", 2)),
    "key_length is 0": build(ARCHITECTURE, size("attention.key_length", 0)),
    "key_length is odd": build(ARCHITECTURE, size("attention.key_length", 63)),
    "power of two": build(ARCHITECTURE, key("general.alignment", 4, struct.pack("<I", 24))),
    "alignment is 0": build(ARCHITECTURE, key("general.alignment", 4, struct.pack("<I", 0))),
    "unknown type 99": build(ARCHITECTURE, tensors=(tensor("t", 4, kind=99),), data=bytes(64)),
    "9 dimensions": build(ARCHITECTURE, tensors=(tensor("t", *[1] * 9),), data=bytes(64)),
    "0 dimensions": build(ARCHITECTURE, tensors=(tensor("t"),), data=bytes(64)),
    "impossible shape": build(ARCHITECTURE, tensors=(tensor("t", HUGE, HUGE),), data=bytes(64)),
    r"impossible shape \(0,\)": build(ARCHITECTURE, tensors=(tensor("t", 0),), data=bytes(64)),
    r"impossible shape \(33,\)": build(ARCHITECTURE, tensors=(tensor("t", 33, kind=8),), data=bytes(640)),
    "place 8": build(ARCHITECTURE, tensors=(tensor("t", 4, offset=8),), data=bytes(64)),
    "tensor 't' ends at byte": build(ARCHITECTURE, tensors=(tensor("t", 64),), data=bytes(64)),
    "but the file has only": build(ARCHITECTURE, tensors=(tensor("t", 4, offset=1 << 40),), data=bytes(64)),
}


@pytest.mark.parametrize("reason", DAMAGED)
def test_damage_is_named(tmp_path: Path, reason: str) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(DAMAGED[reason])
    with pytest.raises(InputError, match=reason):
        read_header(path)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_changed_bytes_give_a_header_or_an_input_error_and_nothing_else(
    tmp_path: Path, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(GOOD)
    for place, value in changes:
        data[place] = value
    path = tmp_path / "changed.gguf"
    path.write_bytes(data)
    try:
        header = read_header(path)
    except InputError:
        return
    assert sum(item.bytes for item in header.tensors) <= 2 * len(data)
