"""Presets: layers, strictness, and answers that name the way out."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from eval.verdict import check_gate
from heimdall.config import Preset
from heimdall.errors import HeimdallError, InputError, UsageError
from presets.bases import find_base
from presets.loader import DIRECTORY, list_presets, load_preset, parse_assignment


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", list_presets())
def test_every_bundled_preset_loads_under_its_own_name_and_has_a_gate_that_can_be_answered(name: str) -> None:
    preset = load_preset(name, environ={})
    assert preset.name == name
    check_gate(preset.gate, preset.evaluation.splits)


@pytest.mark.parametrize("name", list_presets())
def test_every_bundled_preset_opens_by_saying_what_it_assumes_and_how_to_launch_and_override_it(name: str) -> None:
    opening = re.split(r"\n(?=\w)", (DIRECTORY / f"{name}.yaml").read_text())[0]
    assert all(line.startswith("#") for line in opening.splitlines())
    for word in ("Assumes", "Launch", "Override"):
        assert f"# {word} " in opening


def test_a_file_extends_a_bundled_preset_and_changes_only_what_it_names(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.yaml", "extends: heimdall_smoke\nname: mine\ntrain:\n  scratch:\n    layers: 3\n")
    base = load_preset("heimdall_smoke", environ={})
    preset = load_preset(mine, environ={})
    assert base.train.scratch is not None
    scratch = base.train.scratch.model_copy(update={"layers": 3})
    assert preset == base.model_copy(
        update={"name": "mine", "train": base.train.model_copy(update={"scratch": scratch})}
    )


def test_a_preset_names_the_licence_that_its_base_is_under(tmp_path: Path) -> None:
    for name in list_presets():
        base = load_preset(name, environ={}).train.pretrained
        if base is not None and name != "custom":
            known = find_base(base.name_or_path)
            assert known is not None
            assert (known.license, len(base.revision or "")) == (base.license, 40)
    mine = write(
        tmp_path / "mine.yaml",
        "extends: heimdall\ntrain:\n  pretrained: {name_or_path: qwen/qwen2.5-3b-instruct, license: Apache-2.0}\n",
    )
    with pytest.raises(UsageError, match="is under Qwen-Research, and so is a model made from it"):
        load_preset(mine, environ={})


def test_null_takes_a_section_of_the_base_away(tmp_path: Path) -> None:
    mine = write(
        tmp_path / "mine.yaml",
        "extends: heimdall_smoke\ntrain:\n  scratch: null\n  pretrained: {name_or_path: /models/x, license: MIT}\n",
    )
    assert load_preset(mine, environ={}).train.scratch is None


def test_a_second_level_of_extends_is_refused(tmp_path: Path) -> None:
    one = write(tmp_path / "one.yaml", "extends: heimdall_smoke\nname: one\n")
    two = write(tmp_path / "two.yaml", f"extends: {one}\nname: two\n")
    with pytest.raises(UsageError, match="only one level"):
        load_preset(two, environ={})


def test_what_is_typed_wins_over_the_environment_which_wins_over_the_file(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.yaml", "extends: heimdall_smoke\ntrain: {epochs: 2, batch_size: 2, seed: 2}\n")
    environ = {"HEIMDALL_TRAIN__EPOCHS": "3", "HEIMDALL_TRAIN__BATCH_SIZE": "3", "HEIMDALL_HOME": "/elsewhere"}
    train = load_preset(mine, [("train.epochs", 4)], environ).train
    assert (train.epochs, train.batch_size, train.seed) == (4, 3, 2)


def test_a_floor_whose_name_has_slashes_can_be_set_and_a_whole_section_too() -> None:
    path = "cypher_schema/test_schema/execution_accuracy"
    preset = load_preset("heimdall_smoke", [(f"gate.floors.{path}", 0.5), ("train.lora", {"rank": 8})], {})
    assert preset.gate.floors == {path: 0.5}
    assert preset.train.lora is not None
    assert preset.train.lora.rank == 8


@pytest.mark.parametrize(
    ("name", "overrides", "environ", "says"),
    [
        ("heimdall_nanno", [], {}, "Did you mean 'heimdall_nano'?"),
        ("heimdall_smoke", [("train.epohcs", 2)], {}, "'train.epohcs'. Did you mean 'epochs'?"),
        ("heimdall_smoke", [("trian.epochs", 2)], {}, "'trian'. Did you mean 'train'?"),
        ("heimdall_smoke", [("train.scratch.layer", 2)], {}, "'train.scratch.layer'. Did you mean 'layers'?"),
        ("heimdall_smoke", [("train.zzzzzz", 2)], {}, "train has: seed, scratch"),
        ("heimdall_smoke", [("train.epochs", -1)], {}, "train.epochs: Input should be greater than 0 (it is -1)"),
        ("heimdall_smoke", [("train.epochs.x", 1)], {}, "train.epochs"),
        ("heimdall_smoke", [("train", "fast")], {}, "train: Input should be"),
        ("heimdall_smoke", [("train.scratch", None)], {}, "set exactly one of scratch and pretrained"),
        ("heimdall_smoke", [("export.ship", "Q5_K_M")], {}, "ship is Q5_K_M"),
        ("heimdall_smoke", [], {"HEIMDALL_TRAIN__EPOHCS": "2"}, "HEIMDALL_TRAIN__EPOHCS"),
        ("heimdall_smoke", [], {"HEIMDALL_TRAIN__EPOCHS": "[1"}, "HEIMDALL_TRAIN__EPOCHS is not valid YAML"),
    ],
)
def test_a_mistake_is_a_usage_error_that_names_the_place(
    name: str, overrides: list[tuple[str, Any]], environ: dict[str, str], says: str
) -> None:
    with pytest.raises(UsageError) as caught:
        load_preset(name, overrides, environ)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train:\n  epochs: [1\n", "mine.yaml:3"),
        ("train:\n  epochs: 1\n  epochs: 2\n", "mine.yaml:3: not valid YAML: the key 'epochs' is given twice"),
        ("- a list\n", "a preset is a mapping"),
        ("", "a preset is a mapping"),
    ],
)
def test_a_file_that_is_no_preset_is_an_input_error_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        load_preset(write(tmp_path / "mine.yaml", text), environ={})
    assert says in str(caught.value)


def test_an_unreadable_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_preset(str(tmp_path / "none.yaml"), environ={})
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    with pytest.raises(InputError, match="UTF-8"):
        load_preset(str(tmp_path / "latin.yaml"), environ={})


def test_yaml_cannot_make_objects(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine.yaml", "name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError, match="python"):
        load_preset(mine, environ={})


@pytest.mark.parametrize("text", ["train.epochs", "=2", "", " = 3"])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not an assignment"):
        parse_assignment(text)


def test_the_value_of_an_assignment_is_yaml_and_may_hold_an_equals_sign() -> None:
    assert parse_assignment("train.epochs=2.5") == ("train.epochs", 2.5)
    assert parse_assignment("evaluation.splits=[test_iid]") == ("evaluation.splits", ["test_iid"])
    assert parse_assignment("train.lora=null") == ("train.lora", None)
    assert parse_assignment("promote.directory=a=b") == ("promote.directory", "a=b")


def test_an_exponent_without_a_dot_is_a_number_although_yaml_calls_it_a_text() -> None:
    assert load_preset("heimdall_smoke", [parse_assignment("train.learning_rate=1e-3")], {}).train.learning_rate == 1e-3


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)
dotted = st.sampled_from(
    ["train", "train.epochs", "data.seed", "gate.floors", "export.quantizations", "x", "train.lora.rank"]
)


@given(st.lists(st.tuples(dotted, json_values), max_size=4))
def test_any_override_gives_a_preset_or_an_explained_refusal(overrides: list[tuple[str, Any]]) -> None:
    try:
        preset = load_preset("heimdall_smoke", overrides, {})
    except HeimdallError as error:
        said = str(error)
    else:
        assert Preset.model_validate(yaml.safe_load(yaml.safe_dump(preset.model_dump(mode="json")))) == preset
        return
    assert said
    assert "\n" not in said


def test_every_value_that_was_documented_before_can_be_had_back() -> None:
    documented = {
        "train.epochs": 10.0, "train.learning_rate": 3e-4, "train.max_seq_length": 1024, "train.batch_size": 1,
        "train.gradient_accumulation": 16, "train.lora.rank": 16, "train.lora.alpha": 32, "train.lora.dropout": 0.05,
        "train.lora.quantized": True, "train.warmup_ratio": 0.23, "train.optimizer": "adamw",
        "train.weight_decay": 0.01,
        "train.max_grad_norm": 1.0, "train.save_steps": 500, "train.seed": 42, "data.prompt": "minimal",
    }  # fmt: skip
    for name in ("heimdall", "heimdall_mit", "tinyllama_1b", "qwen_0_5b", "qwen_1_5b", "phi3_mini", "phi3_5_mini"):
        preset = load_preset(name, documented.items(), environ={}).model_dump()
        for key, value in documented.items():
            section: Any = preset
            for part in key.split("."):
                section = section[part]
            assert section == value
