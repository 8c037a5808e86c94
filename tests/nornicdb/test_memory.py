"""The memory that a loaded model takes."""

from pathlib import Path

import pytest

from heimdall.errors import EngineError, InputError
from nornicdb import memory
from nornicdb.memory import measure_memory


def test_a_larger_context_takes_more_memory_than_the_file_alone(tiny_gguf: Path) -> None:
    small, large = (measure_memory(tiny_gguf, "one two", context_size=size, threads=1) for size in (512, 65536))
    assert small > 0
    # Keys and values of 65 024 more tokens, at least one byte each.
    assert large - small > 65_024


def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF")
    with pytest.raises(InputError, match=r"broken\.gguf"):
        measure_memory(tmp_path / "broken.gguf", "one", context_size=512, threads=1)


def test_a_process_that_dies_is_an_engine_error(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_measure", _die)
    with pytest.raises(EngineError, match="died"):
        measure_memory(tiny_gguf, "one", context_size=512, threads=1)


def _die(*_: object) -> int:
    import os

    os._exit(9)
