"""What a user gets wrong: one sentence, a code of its own, and nothing written."""

from pathlib import Path

import pytest
from command_line import PRESET, heimdall, list_files
from conftest import Smoke

from heimdall.lock import hold_lock


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["retrain", "--preset", "heimdall_smok"], 2, "Did you mean 'heimdall_smoke'?"),
        (["retrain", *PRESET, "--set", "train.epohcs=2"], 2, "Did you mean 'epochs'?"),
        (["retrain", *PRESET, "--epochs", "0"], 2, "train.epochs: Input should be greater than 0"),
        (["retrain", *PRESET, "--quant_type", "Q4_K_X"], 2, "Q4_K_X"),
        (["retrain", *PRESET, "--set", "gate.headline=cypher_schema/test_schema/execution_acuracy"], 2, "_accuracy'?"),
        (["retrain", *PRESET, "--epoch", "2"], 2, "--epochs"),
        (["retrain", *PRESET, "--nornicdb", "nowhere"], 3, "nowhere"),
        (["retrain", "--preset", "broken.yaml"], 3, "broken.yaml:3"),
        (["retrain", *PRESET, "--dataset", "broken.jsonl"], 3, "broken.jsonl:2"),
        (["validate", "broken.jsonl", *PRESET], 3, "broken.jsonl:2"),
        (["evaluate", *PRESET, "--model", "broken.yaml"], 3, "broken.yaml"),
        (["evaluate", "broken.yaml", *PRESET, "--suite", "suite.jsonl"], 3, "broken.yaml"),
        (["evaluate", *PRESET, "--suite", "suite.jsonl"], 3, "suite.jsonl:2: cypher"),
        (["evaluate", *PRESET, "--suite", "nothing.jsonl"], 3, "nothing.jsonl"),
        (["train", *PRESET, "--output_dir", "broken.yaml/model"], 8, "broken.yaml"),
        (["retrain", *PRESET, "--target", "broken.yaml"], 8, "broken.yaml"),
        (["retrain", *PRESET, "--target", "taken"], 8, "taken/heimdall.gguf"),
        (["promote", *PRESET], 2, "heimdall retrain"),
        (["rollback", *PRESET], 8, "nothing can be rolled back"),
        (["chat", *PRESET, "status"], 8, "heimdall retrain"),
        (["chat", *PRESET, "--model", "nothing.gguf", "status"], 3, "nothing.gguf"),
    ],
)
def test_a_mistake_costs_nothing(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    (tmp_path / "broken.yaml").write_text("name: mine\ntrain: [\n")
    (tmp_path / "broken.jsonl").write_text('\n{"id": 1, }\n')
    (tmp_path / "suite.jsonl").write_text(
        '{"question": "How many?", "cypher": "MATCH (n) RETURN count(n)"}\n{"question": "Who?", "cypher": "MATCH (n"}\n'
    )
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/heimdall.gguf").write_text("somebody else's")
    before = list_files(tmp_path)
    ended = heimdall(tmp_path, *arguments, code=code)
    assert ended.out == ""
    assert ended.err.startswith("heimdall: ")
    assert ended.err.count("\n") == 1
    assert says in ended.err
    assert list_files(tmp_path) == before


def test_a_second_run_at_the_same_time_is_told_who_is_working(tmp_path: Path) -> None:
    with hold_lock(tmp_path / ".heimdall/lock"):
        ended = heimdall(tmp_path, "retrain", *PRESET, code=9)
        assert "is already working" in ended.err
        assert ended.err.count("\n") == 1
        assert {name for name in list_files(tmp_path) if "prefect" not in name} == {".heimdall", ".heimdall/lock"}


def test_a_deployed_file_that_was_changed_stops_a_run_before_it_begins(smoke: Smoke, tmp_path: Path) -> None:
    target = tmp_path / "models"
    target.mkdir()
    for file in (smoke.site / "plugins/heimdall/models").glob("heimdall.*"):
        (target / file.name).write_bytes(file.read_bytes())
    with (target / "heimdall.gguf").open("ab") as file:
        file.write(b"x")
    ended = heimdall(tmp_path, "retrain", *PRESET, "--target", "models", code=8)
    assert "no longer the file that was promoted" in ended.err
    assert not (tmp_path / ".heimdall/store").exists()
