"""Families without queries as chunks of a data set: repeatable, in their shares, held out by source, and valid."""

from collections import Counter
from pathlib import Path

import pytest

from datagen.examples import ChunkSpec, make_chunk
from datagen.generate import _SPLITS, normalize_question
from datagen.validation import validate_dataset
from heimdall.config import DataConfig, ValidationConfig
from heimdall.records import write_records
from heimdall.rows import Family, Row, Split
from nornicdb.contract import load_reference_contract

CONFIG = DataConfig(train_rows=1, split_rows=1, seed=3, shares={"code": 0.5, "general": 0.5})
FAMILIES: tuple[Family, ...] = ("code", "general")


def make_rows(family: Family, split: Split) -> list[Row]:
    return make_chunk(ChunkSpec(CONFIG, split, family, 0, load_reference_contract(), rows=60)).rows


@pytest.fixture(scope="module")
def rows() -> dict[tuple[Family, Split], list[Row]]:
    splits: dict[Family, tuple[Split, ...]] = {family: ("train", *_SPLITS[family]) for family in FAMILIES}
    return {(family, split): make_rows(family, split) for family in FAMILIES for split in splits[family]}


def test_the_same_chunk_is_made_twice(rows: dict[tuple[Family, Split], list[Row]]) -> None:
    for family in FAMILIES:
        assert make_rows(family, "test_fact") == rows[family, "test_fact"]


def test_generators_and_tasks_have_their_shares(rows: dict[tuple[Family, Split], list[Row]]) -> None:
    kinds = Counter((row.category or "").split("_")[0] for row in rows["general", "train"])
    assert all(abs(kinds[task] - 12) <= 1 for task in ("mtg", "tlp", "sentiment", "review", "qa"))
    tasks = Counter(row.category for row in rows["code", "train"])
    assert abs(tasks["code_generation"] - 24) <= 1
    assert abs(tasks["code_bug_fixing"] - 18) <= 1


def test_no_fact_or_case_of_test_fact_occurs_elsewhere(rows: dict[tuple[Family, Split], list[Row]]) -> None:
    held_out = {row.source for (_, split), part in rows.items() if split == "test_fact" for row in part}
    assert None not in held_out
    assert not held_out & {row.source for (_, split), part in rows.items() if split != "test_fact" for row in part}


def test_the_rows_pass_the_validation_of_a_data_set(
    rows: dict[tuple[Family, Split], list[Row]], tmp_path: Path
) -> None:
    taken: dict[str, Row] = {}
    for part in rows.values():  # as in a data set, a question occurs once
        for row in part:
            taken.setdefault(normalize_question(row.question), row.model_copy(update={"id": str(len(taken))}))
    for split in {row.split for row in taken.values()}:
        write_records(tmp_path / f"{split}.jsonl", [row for row in taken.values() if row.split == split])
    report = validate_dataset(tmp_path, load_reference_contract(), ValidationConfig())
    assert report.passed, [check for check in report.checks if not check.passed]


def test_shares_of_tasks_must_add_up_to_one() -> None:
    with pytest.raises(ValueError, match=r"code_tasks add up to 0\.4, not to 1"):
        DataConfig(train_rows=1, split_rows=1, code_tasks={"generation": 0.4})
