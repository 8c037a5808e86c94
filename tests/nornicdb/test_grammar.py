"""The grammar of answers: what it allows is what `format_action` writes and NornicDB runs, and nothing else."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import PROMPTS

from heimdall.answers import format_action
from heimdall.errors import EngineError
from nornicdb.contract import Action, Contract, Param, load_reference_contract
from nornicdb.gbnf import build_grammar
from nornicdb.grammar import Grammar, GrammarState, choose_token, follows_grammar
from nornicdb.replies import check_params, read_reply
from nornicdb.runtime import LocalModel

CONTRACT = load_reference_contract()
END = 2  # <|im_end|>
# What JSON can hold and Go's float64 reads back: whole numbers of at most 15 digits, floats as Python writes them.
NUMBERS = st.integers(-(10**15) + 1, 10**15 - 1) | st.floats(-1e307, 1e307)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    TEXTS | NUMBERS | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXTS,
    "integer": st.integers(-(10**15) + 1, 10**15 - 1),
    "number": NUMBERS,
    "object": st.dictionaries(TEXTS, VALUES, max_size=3),
    "array": st.lists(VALUES, max_size=3),
}


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> Iterator[LocalModel]:
    with LocalModel(tiny_gguf, context_size=1024, threads=1) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def grammar(model: LocalModel) -> Iterator[Grammar]:
    made = Grammar(build_grammar(CONTRACT), model)
    yield made
    made.close()


def allows(grammar: Grammar, model: LocalModel, text: str) -> bool:
    return follows_grammar(grammar, model.tokenize(text), END)


@st.composite
def answers(draw: st.DrawFn) -> str:
    action = draw(st.sampled_from(CONTRACT.actions))
    params = {}
    for param in action.params:
        if param.required or draw(st.booleans()):
            value = draw(OF_TYPE[param.type])
            params[param.name] = value or "x" if param.required and param.type == "string" else value
    return format_action(action.name, params)


@given(answers())
def test_every_answer_that_format_action_writes_is_allowed(grammar: Grammar, model: LocalModel, answer: str) -> None:
    reply = read_reply(answer, CONTRACT)
    assert check_params(reply, CONTRACT) is None
    assert allows(grammar, model, answer)


@given(answers(), st.data())
def test_an_answer_with_one_character_changed_is_refused_or_still_an_action(
    grammar: Grammar, model: LocalModel, answer: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(answer) - 1))
    other = data.draw(st.sampled_from(['"', "{", "}", ",", " ", "", "x", "\\", "\n", "0"]))
    changed = answer[:at] + other + answer[at + 1 :]
    if allows(grammar, model, changed):
        reply = read_reply(changed, CONTRACT)
        assert reply.json_valid
        assert check_params(reply, CONTRACT) is None
        # Unequal only where a number or an escape has a second spelling.
        assert json.loads(format_action(reply.action or "", json.loads(changed)["params"])) == json.loads(changed)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"action": "heimdall.help"}',
        '{"action":"heimdall.help","params":{}}',
        ' {"action": "heimdall.help", "params": {}}',
        '{"action": "heimdall.help", "params": {}}\n',
        '{"action": "heimdall.help", "params": {"limit": 5}}',
        '{"action": "heimdall.helper", "params": {}}',
        '{"params": {}, "action": "heimdall.help"}',
        '{"action": "heimdall.watcher.query", "params": {}}',
        '{"action": "heimdall.watcher.query", "params": {"cypher": ""}}',
        '{"action": "heimdall.watcher.query", "params": {"cypher": 5}}',
        '{"action": "heimdall.watcher.query", "params": {"cypher": "a\nb"}}',
        '{"action": "heimdall.watcher.query", "params": {"cypher": "a", "cypher": "b"}}',
        '{"action": "heimdall.watcher.query", "params": {"cypher": "a",}}',
        '{"action": "heimdall.watcher.events", "params": {"limit": 5.5}}',
        '{"action": "heimdall.watcher.events", "params": {"limit": 05}}',
        '{"action": "heimdall.watcher.events", "params": {, "limit": 5}}',
        '{"action": "heimdall.watcher.notify", "params": {"title": "a"}}',
        '{"action": "heimdall.watcher.discover", "params": {"query": "a", "types": [1,2]}}',
        '{"action": "heimdall.watcher.query", "params": {"cypher": "<|im_start|>"}}',
    ],
)
def test_other_spellings_and_other_parameters_are_refused(grammar: Grammar, model: LocalModel, text: str) -> None:
    assert not allows(grammar, model, text)


def test_an_answer_that_has_not_ended_is_followed_up_to_there(grammar: Grammar, model: LocalModel) -> None:
    tokens = model.tokenize('{"action": "heimdall.watcher.query", "params": {"cypher": "MATCH')
    assert follows_grammar(grammar, tokens, None)
    assert not follows_grammar(grammar, tokens, END)


def test_names_that_need_escapes_become_literals(model: LocalModel) -> None:
    odd = 'a"b\\c\n\x01é日'
    action = Action(name=odd, description="", category="", params=(Param(name=odd, type="string"),))
    contract = CONTRACT.model_copy(update={"actions": (action,)})
    compiled = Grammar(build_grammar(contract), model)
    try:
        for params in ({}, {odd: "x"}):
            assert allows(compiled, model, format_action(odd, params))
        assert not allows(compiled, model, format_action("a", {}))
    finally:
        compiled.close()


def test_required_and_optional_parameters_in_any_place(model: LocalModel) -> None:
    kinds = (("a", False), ("b", True), ("c", False), ("d", True), ("e", False))
    params = tuple(Param(name=name, type="integer", required=required) for name, required in kinds)
    action = Action(name="act", description="", category="", params=params)
    compiled = Grammar(build_grammar(CONTRACT.model_copy(update={"actions": (action,)})), model)
    try:
        for chosen in range(32):
            given_params = {name: 1 for index, (name, _) in enumerate(kinds) if chosen >> index & 1}
            complete = {"b", "d"} <= given_params.keys()
            assert allows(compiled, model, format_action("act", given_params)) is complete
        assert not allows(compiled, model, format_action("act", {"d": 1, "b": 1}))
    finally:
        compiled.close()


def test_the_likeliest_allowed_token_is_chosen(grammar: Grammar, model: LocalModel) -> None:
    (brace,), (letter,) = model.tokenize("{"), model.tokenize("q")
    logits = np.zeros(model.vocabulary_size, dtype=np.float32)
    logits[letter], logits[brace] = 9.0, 5.0
    assert choose_token(logits).token == letter
    choice = choose_token(logits, GrammarState(grammar))
    assert choice.token == brace
    assert choice.log_probability == pytest.approx(-4.0 - np.log(1 + np.exp(-4.0) + 414 * np.exp(-9.0)), abs=1e-4)
    logits[:] = 9.0  # there are more likely tokens than are shown to the grammar first
    logits[brace] = -1.0
    logits[model.tokenize('{"')] = -2.0
    assert choose_token(logits, GrammarState(grammar)).token == brace


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_logits_that_are_no_numbers_are_an_error_and_not_an_answer(value: float) -> None:
    with pytest.raises(EngineError, match="no numbers"):
        choose_token(np.array([0.5, value, 0.25], dtype=np.float32))


def test_a_random_model_under_the_grammar_writes_only_what_it_allows(model: LocalModel, grammar: Grammar) -> None:
    for prompt in PROMPTS:
        free = model.complete(prompt, 60)
        answer = model.complete(prompt, 60, grammar=grammar)
        assert not follows_grammar(grammar, free.tokens, free.end_token)
        assert follows_grammar(grammar, answer.tokens, answer.end_token)
        assert answer.text.startswith('{"action": "heimdall.')
        assert (answer.stopped == "eog") is (read_reply(answer.text, CONTRACT).action is not None)


def test_a_broken_grammar_and_a_closed_one_are_engine_errors(model: LocalModel) -> None:
    with pytest.raises(EngineError, match="refuses the grammar"):
        Grammar("root ::= nothing", model)
    compiled = Grammar(build_grammar(CONTRACT), model)
    compiled.close()
    compiled.close()
    with pytest.raises(EngineError, match="closed"):
        GrammarState(compiled)


def test_a_contract_of_another_shape_has_its_own_grammar() -> None:
    contract: Contract = CONTRACT.model_copy(update={"actions": CONTRACT.actions[:1]})
    assert build_grammar(contract) != build_grammar(CONTRACT)
    assert "heimdall.help" in build_grammar(contract)
