"""The store returns work that is whole, and nothing else, whatever happened to the process or the files."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from dying import act_until_step
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from heimdall.config import DataConfig, GateConfig
from heimdall.errors import DiskError
from heimdall.refs import ArtifactRef, Record
from heimdall.store import MANIFEST, StageKey, Store, make_key, scan

KEY = StageKey(stage="train", version=1, config={"rows": 3, "rate": 1e-5, "splits": ["a", "b"]}, inputs={"data": "d1"})
FILES = {"model.bin": b"weights" * 1000, "tokenizer/vocab.json": b"{}", "empty": b""}


class Result(Record):
    """What the stage of these tests returns."""

    artifact: ArtifactRef


def work(store: Store, *, resumable: bool = False, files: dict[str, bytes] = FILES) -> None:
    with store.working(KEY, resumable=resumable) as directory:
        for name, content in files.items():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            (directory / name).write_bytes(content)
        store.commit(KEY, Result(artifact=store.describe(KEY)), "run-1")


def read(store: Store) -> dict[str, bytes]:
    manifest = store.find(KEY)
    assert manifest is not None
    return {name: (store.root / KEY.name / name).read_bytes() for name in manifest.files}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_finished_work_is_found_with_its_result_and_run(store: Store) -> None:
    assert store.find(KEY) is None
    work(store)
    manifest = store.find(KEY)
    assert manifest is not None
    assert manifest.run_id == "run-1"
    assert read(store) == FILES
    artifact = Result.model_validate(manifest.result).artifact
    assert store.path(artifact) == store.root / KEY.name
    assert artifact.size == sum(map(len, FILES.values()))


def test_a_reference_made_while_working_points_to_the_finished_file(store: Store) -> None:
    with store.working(KEY) as directory:
        (directory / "model.bin").write_bytes(b"weights")
        artifact = store.describe(KEY, "model.bin", "application/octet-stream")
        store.commit(KEY, Result(artifact=artifact), None)
    assert store.path(artifact).read_bytes() == b"weights"
    assert artifact.size == 7


def test_the_manifest_is_not_part_of_what_it_describes(store: Store) -> None:
    work(store)
    assert MANIFEST not in scan(store.root / KEY.name)
    nested = {**FILES, f"checkpoint/{MANIFEST}": b"somebody else's manifest"}
    shutil.rmtree(store.root)
    work(store, files=nested)
    assert read(store) == nested


configs = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.booleans(), max_size=3)


@given(
    st.builds(
        StageKey, stage=st.sampled_from(["a", "b"]), version=st.integers(1, 3), config=configs, inputs=st.just({})
    ),
    st.builds(
        StageKey, stage=st.sampled_from(["a", "b"]), version=st.integers(1, 3), config=configs, inputs=st.just({})
    ),
)
def test_only_equal_keys_share_a_directory(one: StageKey, other: StageKey) -> None:
    # JSON, not Python, decides what is equal: True == 1 in Python only.
    same = one.model_dump_json() == other.model_copy(update={"config": _in_order(other.config, one)}).model_dump_json()
    assert (one.name == other.name) == same


def _in_order(config: dict[str, Any], like: StageKey) -> dict[str, Any]:
    return dict(
        sorted(config.items(), key=lambda item: [*like.config].index(item[0]) if item[0] in like.config else 99)
    )


@pytest.mark.parametrize(
    "change",
    [{"stage": "export"}, {"version": 2}, {"config": {"rows": 4}}, {"inputs": {"data": "d2"}}, {"inputs": {}}],
)
def test_a_change_of_anything_makes_another_key(change: dict[str, Any]) -> None:
    assert KEY.model_copy(update=change).digest != KEY.digest


def test_a_key_takes_the_whole_resolved_configuration() -> None:
    plain = make_key("generate", 1, DataConfig(train_rows=10, split_rows=2).model_dump(), {})
    assert plain == make_key("generate", 1, DataConfig(split_rows=2, train_rows=10, seed=1).model_dump(), {})
    assert plain != make_key("generate", 1, DataConfig(train_rows=10, split_rows=2, seed=2).model_dump(), {})
    assert make_key("verdict", 1, GateConfig(floors={"a": 0.1, "b": 1}).model_dump(), {}).digest == (
        make_key("verdict", 1, GateConfig(floors={"b": 1.0, "a": 0.1}).model_dump(), {}).digest
    )


def test_a_key_survives_being_written_and_read() -> None:
    assert StageKey.model_validate_json(KEY.model_dump_json()) == KEY


@pytest.mark.parametrize("how", ["kill", "full"])
def test_work_that_dies_at_any_step_is_missing_or_whole_and_can_be_done_again(store: Store, how: str) -> None:
    outcomes: list[str] = []
    while "done" not in outcomes:
        shutil.rmtree(store.root, ignore_errors=True)
        store.root.mkdir()
        outcomes.append(act_until_step(lambda: work(store), len(outcomes) + 1, how, store.root))
        if store.find(KEY) is not None:
            assert read(store) == FILES
        else:
            assert outcomes[-1] != "done"
        work(store)
        assert read(store) == FILES
        assert [path.name for path in (store.root / "train").iterdir()] == [Path(KEY.name).name]
    assert len(outcomes) > 15
    assert {"killed" if how == "kill" else "refused", "done"} <= set(outcomes)


def test_damaged_work_that_is_replaced_dies_at_any_step_without_being_taken_for_whole(store: Store) -> None:
    outcomes: list[str] = []
    while "done" not in outcomes:
        shutil.rmtree(store.root, ignore_errors=True)
        work(store, files={"model.bin": b"old", "old file": b"old"})
        (store.root / KEY.name / "model.bin").write_bytes(b"bad")
        assert store.find(KEY) is None
        outcomes.append(act_until_step(lambda: work(store), len(outcomes) + 1, "kill", store.root))
        if store.find(KEY) is not None:
            assert read(store) == FILES
        work(store)
        assert read(store) == FILES
    assert len(outcomes) > 15


@given(st.sampled_from(sorted(FILES)), st.sampled_from(["flip", "cut", "grow", "remove", "replace"]), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_file_that_changed_in_any_way_makes_the_work_missing(
    tmp_path: Path, name: str, damage: str, data: st.DataObject
) -> None:
    store = Store(tmp_path / "store")
    shutil.rmtree(store.root, ignore_errors=True)
    work(store)
    path = store.root / KEY.name / name
    content = path.read_bytes()
    assume(content or damage not in ("flip", "cut"))
    if damage == "remove":
        path.unlink()
    elif damage == "replace":
        path.unlink()
        path.mkdir()
    elif damage == "grow":
        path.write_bytes(content + b"\0")
    else:
        at = data.draw(st.integers(0, len(content) - 1))
        end = content[at + 1 :] if damage == "flip" else b""
        path.write_bytes(content[:at] + (bytes([content[at] ^ 1]) if damage == "flip" else b"") + end)
    assert store.find(KEY) is None
    work(store)
    assert read(store) == FILES


def test_a_file_that_was_added_makes_the_work_missing(store: Store) -> None:
    work(store)
    (store.root / KEY.name / "tokenizer" / "extra").touch()
    assert store.find(KEY) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "\xff", '{"key": 1}'])
def test_a_manifest_that_cannot_be_read_makes_the_work_missing(store: Store, text: str) -> None:
    work(store)
    (store.root / KEY.name / MANIFEST).write_text(text, encoding="latin-1")
    assert store.find(KEY) is None


def test_a_manifest_of_other_work_under_this_name_is_not_believed(store: Store) -> None:
    work(store)
    path = store.root / KEY.name / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["key"]["config"]["rows"] = 4
    path.write_text(json.dumps(manifest))
    assert store.find(KEY) is None
    assert list(store.list_finished("train")) == []


def test_a_directory_that_is_still_being_worked_in_does_not_count(store: Store) -> None:
    with store.working(KEY) as directory:
        (directory / "model.bin").write_bytes(b"half")
        assert store.find(KEY) is None
        assert list(store.list_finished("train")) == []


def test_left_overs_are_kept_only_for_work_that_can_continue(store: Store) -> None:
    with store.working(KEY, resumable=True) as directory:
        (directory / "checkpoint").write_bytes(b"step 10")
    with store.working(KEY, resumable=True) as directory:
        assert (directory / "checkpoint").read_bytes() == b"step 10"
    with store.working(KEY) as directory:
        assert list(directory.iterdir()) == []


def test_finished_work_of_a_stage_is_listed_and_other_stages_are_not(store: Store) -> None:
    work(store)
    assert [manifest.key for manifest in store.list_finished("train")] == [KEY]
    assert list(store.list_finished("export")) == []


def test_a_full_disk_while_working_is_one_sentence(store: Store) -> None:
    with pytest.raises(DiskError, match="is full"), store.working(KEY):
        raise OSError(28, os.strerror(28))
