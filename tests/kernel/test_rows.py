"""Rows survive their file, and whatever is not a row is named with its line."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heimdall.answers import ActionAnswer, format_action
from heimdall.errors import InputError
from heimdall.lines import MAX_LINE_BYTES
from heimdall.records import write_records
from heimdall.rows import SPLITS, TEST_SPLITS, Message, Proof, Row, read_rows

ROW = Row(
    id="r1",
    family="cypher_schema",
    split="train",
    prompt="minimal",
    messages=(
        Message(role="user", content="first"),
        Message(role="assistant", content="{}"),
        Message(role="user", content="How many\u2028cats?\n"),
        Message(role="assistant", content=format_action("heimdall.watcher.query", {"cypher": "RETURN 1"})),
    ),
    expected=ActionAnswer(action="heimdall.watcher.query", params={"cypher": "RETURN 1"}, cypher="RETURN 1"),
    schema_id="s1",
    skeleton="k",
    operators=("match",),
    proof=Proof(result_rows=(1, 0), mutants=3, killed=3),
)

params = st.dictionaries(
    st.text(max_size=8), st.text() | st.integers() | st.booleans() | st.none() | st.lists(st.text()), max_size=3
)


@given(st.lists(st.builds(ActionAnswer, action=st.text(), params=params, ordered=st.booleans()), max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_rows_read_back_as_they_were_written_whatever_their_text(tmp_path: Path, expected: list[ActionAnswer]) -> None:
    rows = [ROW.model_copy(update={"id": str(index), "expected": one}) for index, one in enumerate(expected)]
    assert write_records(tmp_path / "rows.jsonl", rows) == len(rows)
    assert list(read_rows(tmp_path / "rows.jsonl")) == rows


def test_question_and_answer_are_the_last_turns() -> None:
    assert ROW.question == "How many\u2028cats?\n"
    assert json.loads(ROW.answer)["params"] == {"cypher": "RETURN 1"}


def test_an_answer_is_spelt_as_nornicdb_spells_its_examples() -> None:
    assert format_action("a.b", {"x": [1, "é"]}) == '{"action": "a.b", "params": {"x": [1, "é"]}}'


def test_the_splits_for_tests_are_all_that_say_so() -> None:
    assert set(SPLITS) - set(TEST_SPLITS) == {"train", "validation"}


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("{", "the line: Invalid JSON"),
        ("null", "the line: "),
        ("[]", "the line: "),
        (ROW.model_dump_json()[:-20], "the line: Invalid JSON"),
        (ROW.model_dump_json().replace('"train"', '"trian"'), "split: "),
        (ROW.model_dump_json().replace('"user"', '"system"', 1), "messages.0.role: "),
        (ROW.model_dump_json().replace('"id"', '"identity"'), "id: Field required"),
        (ROW.model_dump_json().replace('"ordered"', '"sorted"'), "expected.action.sorted: Extra inputs"),
    ],
)
def test_a_line_that_is_no_row_is_named_with_its_key(tmp_path: Path, line: str, where: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{ROW.model_dump_json()}\n\n{line}\n", encoding="utf-8")
    rows = read_rows(path)
    assert next(rows) == ROW
    with pytest.raises(InputError) as caught:
        next(rows)
    assert str(caught.value).startswith(f"{path}:3: {where}")


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW.model_dump_json().encode() + b"\n\xff\xfe\n")
    with pytest.raises(InputError, match=rf"^{path}:2: is not valid UTF-8"):
        list(read_rows(path))


def test_windows_line_ends_blank_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + ROW.model_dump_json().encode() + b"\r\n   \r\n" + ROW.model_dump_json().encode())
    assert list(read_rows(path)) == [ROW, ROW]


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").touch()
    assert list(read_rows(tmp_path / "rows.jsonl")) == []


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        list(read_rows(tmp_path / "rows.jsonl"))
    with pytest.raises(InputError, match="is a directory"):
        list(read_rows(tmp_path))


def test_rows_whose_making_fails_leave_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_records(path, [ROW])
    with pytest.raises(ZeroDivisionError):
        write_records(path, (ROW.model_copy(update={"id": str(1 // (3 - index))}) for index in range(9)))
    assert list(read_rows(path)) == [ROW]
    assert list(tmp_path.iterdir()) == [path]


def test_a_line_too_long_to_be_a_row_is_named_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(ROW.model_dump_json().encode() + b"\n" + b"x" * (MAX_LINE_BYTES + 1) + b"\n")
    with pytest.raises(InputError, match=rf"^{path}:2: is longer than 10 MB"):
        list(read_rows(path))
