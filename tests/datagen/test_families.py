"""Families without queries as a data set: same bytes on any number of workers, shares, splits, no contradictions."""

from collections import Counter
from pathlib import Path

import pytest

from datagen.generate import generate_dataset
from datagen.validation import validate_dataset
from heimdall.config import DataConfig, ValidationConfig
from heimdall.rows import Row, read_rows
from heimdall.store import scan
from nornicdb.contract import load_reference_contract

CONFIG = DataConfig(train_rows=120, split_rows=6, seed=3, shares={"code": 0.5, "general": 0.5})
SPLITS = ("train", "validation", "test_iid", "test_phrasing", "test_fact")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("general")
    generate_dataset(CONFIG, load_reference_contract(), directory, workers=1)
    return directory


@pytest.fixture(scope="module")
def rows(dataset: Path) -> dict[str, list[Row]]:
    return {split: list(read_rows(dataset / f"{split}.jsonl")) for split in SPLITS}


def test_two_workers_write_the_same_bytes_as_one(dataset: Path, tmp_path: Path) -> None:
    generate_dataset(CONFIG, load_reference_contract(), tmp_path, workers=2)
    assert scan(tmp_path) == scan(dataset)


def test_the_data_set_passes_its_validation(dataset: Path) -> None:
    report = validate_dataset(dataset, load_reference_contract(), ValidationConfig())
    assert report.passed, [check for check in report.checks if not check.passed]


def test_tasks_and_generators_have_their_shares(rows: dict[str, list[Row]]) -> None:
    counts = Counter((row.category or "").split("_")[0] for row in rows["train"] if row.family == "general")
    assert set(counts) == {"mtg", "tlp", "sentiment", "review", "qa"}
    assert all(abs(count - 12) <= 1 for count in counts.values())
    tasks = Counter(row.category for row in rows["train"] if row.family == "code")
    assert abs(tasks["code_generation"] - 24) <= 2
    assert abs(tasks["code_bug_fixing"] - 18) <= 2


def test_no_fact_or_case_of_test_fact_occurs_elsewhere(rows: dict[str, list[Row]]) -> None:
    held_out = {row.source for row in rows["test_fact"]}
    assert None not in held_out
    assert not held_out & {row.source for split in SPLITS[:-1] for row in rows[split]}
