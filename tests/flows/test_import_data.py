"""Data of one's own is taken in whatever form it has, and its faults are named."""

import json

import pytest

from heimdall.answers import TextAnswer
from heimdall.errors import InputError
from tasks.import_data import read_source


def test_files_of_another_form_become_rows_of_the_splits_that_they_are_named_after(tmp_path):
    (tmp_path / "train.csv").write_text("instruction,output\nsay hi,hi\nsay ho,ho\n")
    (tmp_path / "test.jsonl").write_text(json.dumps({"prompt": "say hum", "completion": "hum"}) + "\n")
    rows = read_source(tmp_path)
    assert {split: len(found) for split, found in rows.items()} == {"train": 2, "test_iid": 1}
    assert rows["test_iid"][0].expected == TextAnswer(text="hum")
    assert len({row.id for found in rows.values() for row in found}) == 3


def test_a_broken_line_of_it_is_named(tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"text": "without a question"}\n')
    with pytest.raises(InputError, match=r"mine\.jsonl:1: has no question"):
        read_source(tmp_path / "mine.jsonl")
