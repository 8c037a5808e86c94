"""How a reply is read: the same answers as Go's decoder and NornicDB's registry give."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdall.answers import format_action
from nornicdb.contract import load_reference_contract
from nornicdb.replies import check_params, read_reply

CONTRACT = load_reference_contract()
QUERY = "heimdall.watcher.query"
OK = '{"action": "heimdall.help", "params": {}}'

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abc{}"\\ é', max_size=5), inner, max_size=3),
    max_leaves=8,
)
params = st.dictionaries(st.text("abc_{}", max_size=6), json_values, max_size=4)


@given(st.sampled_from(CONTRACT.action_names), params)
def test_what_the_project_writes_is_read_back_unchanged(name: str, values: dict[str, object]) -> None:
    reply = read_reply(format_action(name, values), CONTRACT)
    assert (reply.action, reply.params, reply.problem) == (name, values, None)
    assert reply.json_valid
    assert not reply.streamed


@given(params, st.data())
def test_a_reply_that_breaks_off_is_never_an_action(values: dict[str, object], data: st.DataObject) -> None:
    whole = format_action(QUERY, values)
    cut = data.draw(st.integers(0, len(whole) - 1))
    reply = read_reply(whole[:cut], CONTRACT)
    assert reply.action is None
    assert not reply.json_valid


@given(st.text() | st.text('{}[]":,\\ue0dactionprms 1-.', max_size=60))
def test_any_text_is_read_without_an_exception_and_runs_only_registered_actions(text: str) -> None:
    reply = read_reply(text, CONTRACT)
    assert reply.action is None or reply.action in CONTRACT.action_names
    assert (reply.action is None) == (reply.problem is not None)


@given(st.text(st.characters(exclude_characters="{}"), min_size=1), st.text(st.characters(exclude_characters="{}")))
def test_prose_without_braces_around_the_object_still_runs_it(before: str, after: str) -> None:
    assert read_reply(before + OK + after, CONTRACT).action == "heimdall.help"


@given(params, params)
def test_a_reply_with_two_objects_is_not_an_action(first: dict[str, object], second: dict[str, object]) -> None:
    reply = read_reply(format_action(QUERY, first) + "\n" + format_action(QUERY, second), CONTRACT)
    assert reply.action is None
    assert not reply.json_valid


@pytest.mark.parametrize(
    ("text", "streamed"),
    [
        (OK, False),
        (" \n\t\u00a0\u3000" + OK, False),
        ("```json\n" + OK + "\n```", True),
        ("Sure: " + OK, True),
        ("\x1c" + OK, True),  # white space for Python, not for Go
        ("Cypher is a query language.", True),
        ("", False),
        ("  \n", False),
    ],
)
def test_only_text_that_starts_with_a_brace_is_kept_from_the_screen(text: str, streamed: bool) -> None:
    assert read_reply(text, CONTRACT).streamed is streamed


@pytest.mark.parametrize(
    "text",
    [
        "no object at all",
        "} {",
        '{"action": "heimdall.help", "params": []}',
        '{"action": "heimdall.help", "params": ""}',
        '{"action": "heimdall.help", "params": 0}',
        '{"action": 5, "params": {}}',
        '{"action": ["heimdall.help"]}',
        '{"action": 5, "action": "heimdall.help"}',  # a type error stays an error, even when a later key is right
        '{"params": {"a": 1e999}, "action": "heimdall.help"}',
        '{"params": {"a": NaN}, "action": "heimdall.help"}',
        '{"x": Infinity, "action": "heimdall.help"}',
        "{'action': 'heimdall.help'}",
        '{"action": "heimdall.help",}',
        '{"action": "heimdall.help"} }',
        '{"action": "heimdall.help", "x": 01}',
        '{"action": "heimdall.help", "x": "line\nbreak"}',
        '{"action": "heimdall.help", "x": "\\x41"}',
        '{"action": "heimdall.help", "x": "\\u12g4"}',
        '{"action": "heimdall.help", "x": \u00a0 1}',
        '{"action": "heimdall.help"} // done {}',
        "{" * 100_000 + "}" * 100_000,
    ],
)
def test_what_go_refuses_to_decode_is_not_valid(text: str) -> None:
    reply = read_reply(text, CONTRACT)
    assert (reply.action, reply.json_valid) == (None, False)
    assert reply.problem


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ('{"action": "heimdall.help"}', {}),
        ('{"action": "heimdall.help", "params": null}', {}),
        ('{"Action": "heimdall.help", "PARAMS": {"a": 1}}', {"a": 1}),
        ('{"action": "heimdall.help", "param\u017f": {"a": 1}}', {"a": 1}),  # the long s folds to s
        ('{"\\u0061ction": "heimdall.help"}', {}),
        ('{"action": "heimdall.status", "action": "heimdall.help"}', {}),
        ('{"action": "heimdall.help", "action": null}', {}),
        ('{"action": "heimdall.help", "params": {"a": 1, "b": 1}, "params": {"b": 2}}', {"a": 1, "b": 2}),
        ('{"action": "heimdall.help", "params": {"a": {"x": 1}}, "params": {"a": {"y": 2}}}', {"a": {"y": 2}}),
        ('{"action": "heimdall.help", "params": {"a": 1}, "params": null}', {}),
        ('{"action": "heimdall.help", "params": {"a": 1, "a": 2}}', {"a": 2}),
        ('{"action": "heimdall.help", "other": {"a": 1e999}}', {}),  # a number that is not kept is not converted
        ('{"action": "heimdall.help", "params": {"a": 9007199254740993}}', {"a": 9007199254740992}),
        ('{"action": "heimdall.help", "params": {"a": 1e-999}}', {"a": 0.0}),
        ('{"action": "heimdall.help", "params": {"a": "\\ud83d\\ude00"}}', {"a": "\U0001f600"}),
        ('{"action": "heimdall.help", "params": {"a": "x\\ud800y"}}', {"a": "x\ufffdy"}),
        ('{"action": "heimdall.help", "params": {"\\udc00": ["\\ud800"]}}', {"\ufffd": ["\ufffd"]}),
    ],
)
def test_what_go_decodes_is_read_with_the_same_parameters(text: str, params: dict[str, object]) -> None:
    reply = read_reply(text, CONTRACT)
    assert (reply.action, reply.params, reply.json_valid) == ("heimdall.help", params, True)


@pytest.mark.parametrize(
    "name", ["heimdall.Help", " heimdall.help", "heimdall.helpp", "HEIMDALL.HELP", "watcher.query"]
)
def test_an_action_that_is_not_registered_to_the_letter_does_not_run(name: str) -> None:
    reply = read_reply(json.dumps({"action": name, "params": {"a": 1}}), CONTRACT)
    assert (reply.action, reply.json_valid) == (None, True)
    assert name in str(reply.problem)


@pytest.mark.parametrize(
    "text", ["{}", '{"action": ""}', '{"action": null}', '{"params": {}}', '{"name": "heimdall.help"}']
)
def test_an_object_without_an_action_says_so(text: str) -> None:
    reply = read_reply(text, CONTRACT)
    assert (reply.action, reply.json_valid, reply.problem) == (None, True, "The JSON object names no action.")


@pytest.mark.parametrize(
    ("action", "values", "problem"),
    [
        (QUERY, {"cypher": "RETURN 1"}, None),
        (QUERY, {"cypher": "RETURN $x", "params": {"x": 1}}, None),
        (QUERY, {}, "needs the parameter 'cypher'"),
        (QUERY, {"cypher": ""}, "needs the parameter 'cypher'"),
        (QUERY, {"cypher": None}, "must be of type string, not null"),
        (QUERY, {"cypher": ["RETURN 1"]}, "must be of type string, not array"),
        (QUERY, {"query": "RETURN 1"}, "no parameter 'query'"),
        (QUERY, {"cypher": "RETURN 1", "params": []}, "must be of type object, not array"),
        ("heimdall.help", {}, None),
        ("heimdall.help", {"topic": "x"}, "no parameter 'topic'"),
        ("heimdall.watcher.events", {"limit": 5}, None),
        ("heimdall.watcher.events", {"limit": 5.0}, None),  # the same float64 for Go
        ("heimdall.watcher.events", {"limit": 5.5}, "must be of type integer, not number"),
        ("heimdall.watcher.events", {"limit": True}, "must be of type integer, not boolean"),
        ("heimdall.watcher.events", {"limit": "5"}, "must be of type integer, not string"),
        ("heimdall.watcher.set_config", {"temperature": 1}, None),
        ("heimdall.watcher.set_config", {"temperature": False}, "must be of type number, not boolean"),
        ("heimdall.watcher.discover", {"query": "x", "types": ["Note"]}, None),
        ("heimdall.watcher.discover", {"query": "x", "types": "Note"}, "must be of type array, not string"),
        ("heimdall.watcher.discover", {"query": "x", "types": {"a": 1}}, "must be of type array, not object"),
    ],
)
def test_wrong_parameters_are_named(action: str, values: dict[str, object], problem: str | None) -> None:
    found = check_params(read_reply(format_action(action, values), CONTRACT), CONTRACT)
    if problem is None:
        assert found is None
    else:
        assert problem in str(found)


def test_parameters_of_a_reply_without_an_action_are_its_problem() -> None:
    assert check_params(read_reply("hello", CONTRACT), CONTRACT) == "The reply holds no JSON object."


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_float64_value(number: float) -> None:
    text = format_action("heimdall.help", {"n": number})
    value = read_reply(text, CONTRACT).params["n"]
    assert math.copysign(1, value) == math.copysign(1, number)
    assert value == number
