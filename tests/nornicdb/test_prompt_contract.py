"""The contract as an object: the bundled one is consistent, and a stored one is read back or refused with a reason."""

import json
import random
from pathlib import Path

import pytest

from heimdall.errors import InputError
from nornicdb.contract import load_contract, load_reference_contract, resolve_contract, write_contract
from nornicdb.prompts import build_system_prompt
from nornicdb.replies import check_params, read_reply

CONTRACT = load_reference_contract()


def test_every_bundled_example_is_an_action_with_right_parameters_in_the_projects_spelling() -> None:
    for example in CONTRACT.examples:
        reply = read_reply(example.reply, CONTRACT)
        assert check_params(reply, CONTRACT) is None, example
        assert example.reply == json.dumps({"action": reply.action, "params": reply.params}), example


def test_no_bundled_example_repeats_or_contradicts_another() -> None:
    questions = [example.user.casefold() for example in CONTRACT.examples]
    assert len(set(questions)) == len(questions)


def test_the_bundled_contract_has_the_fourteen_actions_and_shows_each_in_an_example() -> None:
    assert len(CONTRACT.actions) == 14
    assert CONTRACT.builtin_action_names == ("heimdall.help", "heimdall.status")
    assert {read_reply(example.reply, CONTRACT).action for example in CONTRACT.examples} == set(CONTRACT.action_names)


def test_every_parameter_a_bundled_description_names_exists() -> None:
    for action in CONTRACT.actions:
        _, _, names = action.description.partition("(params: ")
        shown = names.rstrip(")").split(", ") if names else []
        assert set(shown) <= {param.name for param in action.params}, action.name
        assert bool(shown) == bool(action.params), action.name


def test_the_bundled_full_prompt_is_about_as_long_as_nornicdbs() -> None:
    size = len(build_system_prompt(CONTRACT, "full", random.Random(0)).encode())
    assert 8000 <= size <= 10_000  # NornicDB's has 8 683 bytes, which are 2 417 Qwen tokens


def test_the_digest_depends_on_every_text_but_not_on_where_it_was_found() -> None:
    same = CONTRACT.model_copy(update={"source": "checkout@0123"})
    other = CONTRACT.model_copy(update={"final": CONTRACT.final + " "})
    assert same.digest == CONTRACT.digest
    assert other.digest != CONTRACT.digest


def test_without_a_checkout_the_bundled_contract_is_used() -> None:
    assert resolve_contract(None) == CONTRACT


def test_a_directory_that_is_no_checkout_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"types\.go' cannot be read .* has to be a NornicDB checkout"):
        resolve_contract(tmp_path)


def test_a_stored_contract_is_read_back_unchanged(tmp_path: Path) -> None:
    write_contract(tmp_path / "contract.json", CONTRACT)
    assert load_contract(tmp_path / "contract.json") == CONTRACT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe", "."),
        (b"[]", "valid dictionary|object"),
        (b"{}", "source: Field required"),
    ],
)
def test_a_damaged_contract_is_refused_with_the_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "contract.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        load_contract(path)
    assert str(path) in str(caught.value)


def test_a_missing_contract_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        load_contract(tmp_path / "contract.json")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"actions": []}, "at least one action"),
        (
            {"actions": [*CONTRACT.model_dump()["actions"], CONTRACT.actions[0].model_dump()]},
            "heimdall.help is defined",
        ),
        ({"builtin_action_names": ["heimdall.nothing"]}, "heimdall.nothing is not among"),
        ({"surprise": 1}, "surprise: Extra inputs"),
    ],
)
def test_a_contract_that_contradicts_itself_is_refused(tmp_path: Path, changes: dict[str, object], reason: str) -> None:
    path = tmp_path / "contract.json"
    path.write_text(json.dumps(CONTRACT.model_dump(mode="json") | changes), encoding="utf-8")
    with pytest.raises(InputError, match=reason):
        load_contract(path)


def test_the_bundled_file_says_that_it_is_the_reference() -> None:
    assert CONTRACT.source == "reference"
