"""Lengths are counted as the training counts them, and the recommended size holds them all."""

import json
import random
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.lengths import ANSWER_ROOM, CLASSES, Tally, load_counter, measure_lengths
from heimdall.answers import ActionAnswer
from heimdall.errors import InputError
from heimdall.records import write_records
from heimdall.rows import Message, Row
from nornicdb.contract import load_reference_contract
from nornicdb.prompts import build_system_prompt, render_chatml


@given(st.lists(st.integers(0, 50_000), min_size=1, max_size=60), st.sampled_from([0, ANSWER_ROOM]))
def test_the_recommended_size_is_a_power_of_two_that_holds_all_and_no_class_loses_a_row(values, room):
    tally = Tally()
    for place, value in enumerate(values):
        tally.add(str(place), value)
    found = tally.summarize("tokens", room)
    assert found.maximum == max(values) == values[int(found.longest)]
    assert found.mean == pytest.approx(statistics.mean(values))
    assert sum(value <= found.p95 for value in values) >= 0.95 * len(values)
    assert sum(value < found.p95 for value in values) < 0.95 * len(values)
    needed = max(values) + max(max(values) / 10, 64) + room
    assert found.recommended.bit_count() == 1
    assert needed <= found.recommended < 2 * (needed + 1)
    assert sum(part.rows for part in found.classes) == len(values)
    for part in found.classes:
        size = part.size or 10**9
        below = max((smaller for smaller in CLASSES if smaller < size), default=-1)
        assert part.rows == sum(below < value <= size for value in values)


def test_queries_of_a_text_file_are_counted_line_by_line_with_room_for_an_answer(tmp_path):
    path = tmp_path / "queries.txt"
    path.write_text("MATCH (n) RETURN n\r\n\n  how many people are there  \n")
    found = measure_lengths(path)
    expected = [
        len(f"<|im_start|>user\n{text}<|im_end|>\n") for text in ("MATCH (n) RETURN n", "how many people are there")
    ]
    assert (found.rows, found.unit, found.maximum, found.longest) == (2, "bytes", max(expected), f"{path}:3")
    assert found.mean == statistics.mean(expected)
    assert found.recommended == 512  # 62 and 64 and the answer's 256
    assert measure_lengths(path).classes[0].rows == 2


def test_a_row_of_heimdalls_own_is_counted_with_its_system_prompt(tmp_path, tiny_model_dir, tiny_gguf):
    contract = load_reference_contract()
    messages = (Message(role="user", content="hi"), Message(role="assistant", content="hello"))
    row = Row(
        id="1", family="action", split="train", prompt="minimal", messages=messages,
        expected=ActionAnswer(action="heimdall.help", params={}),
    )  # fmt: skip
    write_records(tmp_path / "rows.jsonl", [row])
    count = load_counter(tiny_model_dir)
    order = random.Random(5)
    shuffled = [render_chatml(build_system_prompt(contract, "minimal", order), messages) for _ in range(4)]
    found = measure_lengths(tmp_path / "rows.jsonl", tiny_model_dir, contract)
    assert found.unit == "tokens"
    assert 0 <= found.maximum - max(count(shuffled)) < 40  # another order, at most some merges apart
    alone = measure_lengths(tmp_path / "rows.jsonl", tiny_model_dir)
    assert alone.maximum == count([render_chatml(None, messages)])[0]
    assert measure_lengths(tmp_path / "rows.jsonl", tiny_model_dir / "tokenizer.json", contract) == found
    assert measure_lengths(tmp_path / "rows.jsonl", tiny_gguf, contract) == found


def test_a_system_turn_and_a_bare_text_count_as_they_stand(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "äb"}) + "\n")
    assert measure_lengths(path).maximum == len("äb".encode()) + len("<|im_end|>")


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_a_file_without_queries_is_an_error(tmp_path, content):
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(InputError, match="no queries"):
        measure_lengths(tmp_path / "a.txt")
    with pytest.raises(InputError, match="does not exist"):
        measure_lengths(tmp_path / "b.txt")


def test_what_is_no_tokenizer_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"tokenizer\.json' is no tokenizer"):
        load_counter(tmp_path)
    with pytest.raises(InputError, match="holds no tokenizer"):
        load_counter(tmp_path / "nowhere")
