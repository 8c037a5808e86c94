"""A base model that could not be trained or exported is refused in one sentence before it costs anything."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny_models import build_model

from export.base import check_base
from heimdall.config import PretrainedConfig
from heimdall.errors import InputError


def check(directory: Path | str) -> None:
    check_base(PretrainedConfig(name_or_path=str(directory), license="MIT"))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """What of a base is looked at."""
    build_model("qwen2").config.save_pretrained(tmp_path / "base")
    return tmp_path / "base"


def change_config(**changes: object) -> Callable[[Path], object]:
    def change(base: Path) -> None:
        config = json.loads((base / "config.json").read_text())
        (base / "config.json").write_text(json.dumps(config | changes))

    return change


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda base: (base / "adapter_config.json").write_text("{}"), "is an adapter, not a whole model: merge it"),
        (lambda base: (base / "config.json").write_text('{"model_type":'), "cannot be loaded"),
        (lambda base: (base / "config.json").unlink(), "cannot be loaded"),
        (change_config(model_type="gpt2"), "gpt2"),
    ],
)
def test_what_is_no_whole_decoder_is_refused_with_the_reason(
    spoil: Callable[[Path], object], says: str, base: Path
) -> None:
    check(base)
    spoil(base)
    with pytest.raises(InputError, match=says) as raised:
        check(base)
    assert str(raised.value).startswith(f"The base model '{base}'")
    assert "\n" not in str(raised.value)


def test_a_directory_that_is_not_there_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a directory here nor a model's name on the Hub"):
        check(tmp_path / "models/mine")
