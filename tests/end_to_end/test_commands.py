"""The commands around the pipeline: each stage alone, chat, rollback, doctor."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from command_line import PRESET, copy_site, heimdall
from conftest import Smoke
from tiny_models import save_model

from deployments.publish import publish
from deployments.target import ModelDetails, Target, read_deployment
from eval.metrics import read_examples
from export.inspect import inspect_gguf
from heimdall.config import PromoteConfig
from heimdall.files import digest_file
from heimdall.rows import read_rows


def test_chat_shows_the_prompts_size_the_raw_reply_and_the_parsed_action(smoke: Smoke) -> None:
    answer = json.loads(heimdall(smoke.site, "chat", *PRESET, "--json", "how many nodes are there").out)
    assert answer["prompt"] == "minimal"
    assert answer["prompt_tokens"] > 100
    assert answer["parsed"]["action"] in answer["reply"]
    text = heimdall(smoke.site, "chat", *PRESET, "how many nodes are there").out
    assert [line.split()[0] for line in text.splitlines()] == ["prompt", "reply", "action", "time"]


def test_chat_answers_line_after_line_until_the_input_ends(smoke: Smoke) -> None:
    out = heimdall(smoke.site, "chat", *PRESET, given="status\nhow many nodes are there\n").out
    assert out.count("\nprompt") + out.count("> prompt") == 2


def test_chat_can_use_the_full_prompt_where_it_fits(smoke: Smoke) -> None:
    arguments = ("chat", *PRESET, "--prompt", "full", "status")
    ended = heimdall(smoke.site, *arguments, code=None)
    assert (ended.code, "context" in ended.err) in ((0, False), (2, True))


def test_rollback_brings_the_earlier_model_and_its_alias_back(smoke: Smoke, tmp_path: Path) -> None:
    site = copy_site(smoke.site, tmp_path / "site")
    shutil.copytree(smoke.site / "plugins", site / "plugins")
    config = PromoteConfig()
    first = read_deployment(Target(config, site)).current
    assert first is not None
    (other,) = (site / ".heimdall/store/export").glob("*/heimdall-Q4_K_M.gguf")
    details = ModelDetails.model_validate(
        {**first.model_dump(include=set(ModelDetails.model_fields)), "sha256": digest_file(other)}
    )
    publish(other, config, details, site, lambda path: None)
    promotion = json.loads(heimdall(site, "rollback", *PRESET, "--json").out)
    assert promotion["sha256"] == first.sha256 == digest_file(site / "plugins/heimdall/models/heimdall.gguf")
    status = json.loads(heimdall(site, "status", *PRESET, "--json").out)
    assert "champion" in status["versions"][0]["aliases"]
    assert status["previous"]["sha256"] == digest_file(other)


def test_generate_copies_the_data_set_where_it_is_told_and_datasets_loads_it(smoke: Smoke, tmp_path: Path) -> None:
    from datasets import load_dataset

    out = tmp_path / "data"
    result = json.loads(heimdall(smoke.site, "generate", *PRESET, "--output_dir", str(out), "--json").out)
    rows = list(read_rows(out / "train.jsonl"))
    assert len(rows) == result["result"]["splits"]["train"]
    assert (out / "README.md").exists()
    loaded = load_dataset("json", data_files=str(out / "train.jsonl"), cache_dir=str(tmp_path / "cache"), split="train")
    assert loaded.num_rows == len(rows)


def test_own_rows_are_validated_and_their_faults_named(smoke: Smoke, tmp_path: Path) -> None:
    (train,) = (smoke.site / ".heimdall/store/generate").glob("*/train.jsonl")
    rows = train.read_text().splitlines()[:60]
    mine = tmp_path / "mine.jsonl"
    mine.write_text("\n".join([*rows, rows[0]]) + "\n")
    ended = heimdall(tmp_path, "validate", str(mine), *PRESET, "--set", "train.scratch.vocab_size=1024", code=4)
    assert "FAIL" in ended.out
    assert ended.err.rstrip().splitlines()[-1].startswith("heimdall: The data set did not pass")


def test_the_results_of_training_and_export_are_copied_out_whole(smoke: Smoke, tmp_path: Path) -> None:
    heimdall(smoke.site, "train", *PRESET, "--output_dir", str(tmp_path / "model"))
    assert (tmp_path / "model/model.safetensors").exists()
    heimdall(smoke.site, "export", *PRESET, "--output_dir", str(tmp_path / "gguf"))
    assert sorted(path.name for path in (tmp_path / "gguf").iterdir()) == [
        "heimdall-F16.gguf",
        "heimdall-Q4_K_M.gguf",
        "heimdall-Q8_0.gguf",
    ]
    assert inspect_gguf(tmp_path / "gguf/heimdall-Q8_0.gguf").file_bytes > 0


def find_run(site: Path) -> str:
    """The MLflow run of the whole command that made the one evaluation in a site."""
    (manifest,) = (site / ".heimdall/store/suite").glob("*/manifest.json")
    stage = json.loads(manifest.read_text())["run_id"]
    database = sqlite3.connect(site / ".heimdall/mlflow.db")
    (found,) = database.execute("select value from tags where key = 'mlflow.parentRunId' and run_uuid = ?", (stage,))
    return str(found[0])


def test_any_file_is_asked_a_users_own_questions_without_data_or_training(tiny_gguf: Path, tmp_path: Path) -> None:
    suite = tmp_path / "mine.jsonl"
    lines = [
        {
            "question": "How many people?",
            "schema": "Person {name: STRING}",
            "cypher": "MATCH (n:Person) RETURN count(n)",
        },
        {"question": "Is it up?", "actions": [{"action": "heimdall.watcher.status"}, {"action": "heimdall.help"}]},
    ]
    suite.write_text("".join(json.dumps(line) + "\n" for line in lines))
    arguments = ("evaluate", str(tiny_gguf), *PRESET, "--suite", "mine.jsonl", "--set", "evaluation.max_tokens=4")
    ended = heimdall(tmp_path, *arguments, "--output_dir", "out", "--json")
    assert [stage for stage, _ in ended.stages] == ["contract", "seed", "suite"]
    result = json.loads(ended.out)
    assert result["result"]["dataset_digest"] == digest_file(suite)
    assert {(part["family"], part["split"]): part["scores"]["judged"]["n"] for part in result["result"]["slices"]} == {
        ("action", "suite"): 1,
        ("cypher_schema", "suite"): 1,
    }
    assert result["files"] == ["out/examples.jsonl"]
    examples = read_examples(tmp_path / "out/examples.jsonl")
    assert {example.id: example.judgement for example in examples} == {"line-1": "wrong", "line-2": "wrong"}
    compared = json.loads(heimdall(tmp_path, "compare", "out", find_run(tmp_path), "--json").out)
    assert (compared["flips_total"], compared["scores"][0]["second"]["n"]) == (0, 1)
    table = heimdall(tmp_path, *arguments)
    assert "Nothing to run" in table.err
    titles = ("valid JSON", "right action", "Cypher parses", "same form", "right answer", "judged")
    assert all(f"  {title} " in table.out for title in titles)
    suite.write_text(suite.read_text() + "{}\n")
    assert "mine.jsonl:3: question" in heimdall(tmp_path, *arguments, code=3).err


def test_a_hugging_face_directory_is_asked_the_suite_of_another_project(tmp_path: Path) -> None:
    save_model(tmp_path / "model", max_position_embeddings=4096)
    schema = "Person {name: STRING, age: INTEGER}"
    rows = [f"How many people?,{json.dumps(schema)},{query},{name}" for name, query in (("i1", "MATCH (p:Person) "
            "WHERE p.age > 30 RETURN count(p)"), ("i2", "MATCH (p:Person RETURN p"))]  # fmt: skip
    (tmp_path / "suite.csv").write_text("\n".join(["question,schema,cypher,instance_id", *rows, ""]))
    arguments = ("evaluate", "model", *PRESET, "--suite", "suite.csv", "--set", "evaluation.max_tokens=4")
    ended = heimdall(tmp_path, *arguments, "--output_dir", "out", "--json")
    report = json.loads(ended.out)["result"]
    assert report["model_bytes"] == sum(file.stat().st_size for file in (tmp_path / "model").iterdir())
    assert any("1 of 2 expected queries are wrong themselves" in note for note in report["notes"])
    assert any("Small graphs were made for 1 of 1" in note for note in report["notes"])
    examples = read_examples(tmp_path / "out/examples.jsonl")
    assert {example.id: example.judgement for example in examples} == {"i1": "wrong", "i2": "not_judged"}
    next((tmp_path / "model").glob("*.safetensors")).unlink()
    assert "no *.safetensors" in heimdall(tmp_path, *arguments, code=3).err


@pytest.mark.parametrize("spelling", ["--batch_size", "--batch-size"])
def test_old_option_names_work_with_dashes_and_underscores(smoke: Smoke, spelling: str) -> None:
    # The preset's own value: were the option not read, a stage would have to run.
    ended = heimdall(smoke.site, "train", *PRESET, spelling, "16", "--max_seq_length", "1024", "--epochs", "3")
    assert "Nothing to run" in ended.err


def test_doctor_lists_facts_for_scripts(smoke: Smoke) -> None:
    facts = json.loads(heimdall(smoke.site, "doctor", *PRESET, "--json", code=None).out)["facts"]
    assert {"python", "processor", "memory", "disk", "llama.cpp", "target"} <= {fact["name"] for fact in facts}


def test_doctor_says_what_a_preset_misses(smoke: Smoke, tmp_path: Path) -> None:
    # A base model that nobody has: offline, and without a download.
    base = ("--set", "train.pretrained.name_or_path=nobody/nothing")
    ended = heimdall(tmp_path, "doctor", "--preset", "heimdall", *base, code=11)
    assert "MISS base model" in ended.out
    assert list(tmp_path.iterdir()) == []
