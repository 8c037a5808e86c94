"""The settings fragment: keys NornicDB reads, a batch that holds the prompt, a model name that leads to the file."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from heimdall.errors import UsageError
from nornicdb.settings import list_model_paths, name_model, render_fragment

# The fields of the heimdall section in NornicDB's YAMLConfig.
KEYS_READ = {
    "enabled", "model", "gpu_layers", "context_size", "batch_size", "max_tokens", "temperature", "anomaly_detection",
    "runtime_diagnosis", "memory_curation", "max_context_tokens", "max_system_tokens", "max_user_tokens",
}  # fmt: skip


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(2048, 2**20), st.integers(0, 4096))
def test_the_fragment_is_yaml_with_only_keys_that_are_read(model: str, context_size: int, spare: int) -> None:
    fragment = yaml.safe_load(render_fragment(model, context_size=context_size, batch_size=context_size + spare))
    section = fragment.pop("heimdall")
    assert not fragment
    assert set(section) <= KEYS_READ
    assert section["model"] == model
    assert section["batch_size"] >= section["context_size"] == context_size
    assert section["enabled"] is True
    assert section["temperature"] > 0


def test_the_batch_is_as_large_as_the_context_by_itself() -> None:
    section = yaml.safe_load(render_fragment("heimdall", context_size=4096))["heimdall"]
    assert section["batch_size"] == 4096


def test_a_batch_below_the_context_is_refused() -> None:
    with pytest.raises(UsageError, match="batch_size 2048 is below context_size 8192"):
        render_fragment("heimdall", context_size=8192, batch_size=2048)


@pytest.mark.parametrize("max_tokens", [0, 1024, 2000])
def test_an_answer_without_room_in_the_context_is_refused(max_tokens: int) -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        render_fragment("heimdall", context_size=1024, max_tokens=max_tokens)


def test_the_promoted_file_is_named_relative_to_the_models_directory(tmp_path: Path) -> None:
    gguf = tmp_path / "plugins/heimdall/models/heimdall.gguf"
    assert name_model(gguf, tmp_path) == "../plugins/heimdall/models/heimdall"
    assert name_model(tmp_path / "models/heimdall.gguf", tmp_path) == "heimdall"


@given(st.lists(st.text("ab.-_", min_size=1, max_size=4).filter(lambda part: part.strip(".")), min_size=1, max_size=4))
def test_nornicdb_looks_for_a_named_model_where_it_lies(parts: list[str]) -> None:
    root = Path("/srv/nornicdb")
    gguf = root.joinpath(*parts[:-1], f"{parts[-1]}x.gguf")
    assert list_model_paths(name_model(gguf, root), root)[-1] == gguf


def test_in_a_container_the_plugins_directory_is_found_too() -> None:
    paths = list_model_paths("../plugins/heimdall/models/heimdall", Path("/elsewhere"))
    assert Path("/app/plugins/heimdall/models/heimdall.gguf") in paths


def test_a_model_name_that_ends_in_gguf_gets_no_second_suffix() -> None:
    assert list_model_paths("heimdall.gguf", Path("/srv"))[-1] == Path("/srv/models/heimdall.gguf")


def test_another_file_than_a_gguf_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"end in \.gguf"):
        name_model(tmp_path / "model.safetensors", tmp_path)
