"""The generator as a whole: the same bytes every time, every row proven, and splits that hold out what they say."""

import itertools
import json
import re
import tempfile
from pathlib import Path

import pytest
from distributed import LocalCluster
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cypher.compare import is_empty
from cypher.graph import read_graphs
from cypher.parse import check_syntax
from cypher.run import EmbeddedGraph
from datagen import lexicon, supply
from datagen.actions import ACTIONS
from datagen.examples import Chunk, ChunkSpec, combines_held_out, make_chunk
from datagen.generate import generate_dataset, generate_file, normalize_question, plan_counts
from datagen.parts import Place
from heimdall.answers import format_action
from heimdall.config import DataConfig
from heimdall.errors import InputError
from heimdall.rows import SPLITS, Row, read_rows
from heimdall.store import scan
from nornicdb.contract import load_reference_contract
from nornicdb.replies import check_params, read_reply

MADE = [split for split in SPLITS if split != "test_fact"]  # nothing here is about facts


@pytest.fixture(scope="module")
def rows(small_dataset: Path) -> dict[str, list[Row]]:
    return {split: list(read_rows(small_dataset / f"{split}.jsonl")) for split in MADE}


def test_the_same_seed_gives_the_same_bytes_on_any_number_of_workers(small_dataset: Path, tmp_path: Path) -> None:
    generate_dataset(DataConfig(train_rows=400, split_rows=12, seed=7), load_reference_contract(), tmp_path, workers=1)
    assert scan(tmp_path) == scan(small_dataset)


def test_another_seed_gives_other_rows(rows: dict[str, list[Row]], tmp_path: Path) -> None:
    config = DataConfig(train_rows=100, split_rows=4, seed=8)
    generate_dataset(config, load_reference_contract(), tmp_path, workers=1)
    others = {row.question for row in read_rows(tmp_path / "train.jsonl") if row.family == "cypher_schema"}
    assert not others & {row.question for row in rows["train"]}


def test_every_split_holds_exactly_what_was_asked_for(rows: dict[str, list[Row]]) -> None:
    for (split, family), wanted in plan_counts(
        DataConfig(train_rows=400, split_rows=12), load_reference_contract()
    ).items():
        assert sum(row.family == family for row in rows[split]) == wanted


def test_no_question_occurs_twice_in_the_whole_data_set(rows: dict[str, list[Row]]) -> None:
    questions = [normalize_question(row.question) for part in rows.values() for row in part]
    assert len(set(questions)) == len(questions)


def test_every_answer_is_one_that_nornicdb_would_act_on(rows: dict[str, list[Row]]) -> None:
    contract = load_reference_contract()
    for row in (row for part in rows.values() for row in part):
        reply = read_reply(row.answer, contract)
        assert (reply.action, reply.params) == (row.expected.action, row.expected.params)
        assert check_params(reply, contract) is None
        assert row.answer == format_action(row.expected.action, row.expected.params)


def test_every_action_of_the_contract_is_asked_for(rows: dict[str, list[Row]]) -> None:
    asked = {row.expected.action for row in rows["train"] if row.family == "action"}
    assert asked == set(ACTIONS) == set(load_reference_contract().action_names)


def test_rows_for_a_later_contract_have_its_names_and_only_its_parameters() -> None:
    reference = load_reference_contract()
    later = tuple(
        action.model_copy(
            update={
                "name": action.name.replace("watcher.discover", "watcher.search").replace(".", "_"),
                "params": tuple(param for param in action.params if param.name not in ("types", "type")),
            }
        )
        for action in reference.actions
        if action.name.startswith("heimdall.watcher.")
    )
    contract = reference.model_copy(update={"actions": later, "builtin_action_names": ()})
    chunk = make_chunk(ChunkSpec(DataConfig(train_rows=400, split_rows=12), "train", "action", 0, contract))
    assert {row.expected.action for row in chunk.rows} == set(contract.action_names)
    assert all(check_params(read_reply(row.answer, contract), contract) is None for row in chunk.rows)


def test_every_query_parses_and_carries_a_proof_with_most_mutants_killed(rows: dict[str, list[Row]]) -> None:
    queries = [row for part in rows.values() for row in part if row.expected.cypher]
    for row in queries:
        assert check_syntax(row.expected.cypher or "") is None
        assert row.proof is not None
        assert min(row.proof.result_rows) > 0
    killed = sum(row.proof.killed for row in queries if row.proof)
    mutants = sum(row.proof.mutants for row in queries if row.proof)
    assert killed / mutants >= 0.95


def test_the_stored_graphs_answer_every_held_out_question(small_dataset: Path, rows: dict[str, list[Row]]) -> None:
    graphs = read_graphs(small_dataset / "graphs.jsonl")
    for row in rows["test_schema"]:
        assert row.schema_id is not None
        for graph in graphs[row.schema_id].graphs:
            with EmbeddedGraph(graph) as engine:
                assert not is_empty(engine.run(row.expected.cypher or ""))


def test_held_out_schemas_share_no_noun_with_training(rows: dict[str, list[Row]]) -> None:
    known = {noun.singular for noun in lexicon.TRAINING.nouns}
    for row in rows["test_schema"]:
        for label in re.findall(r"\((?:\w*):(\w+)", row.expected.cypher or ""):
            assert re.sub(r"(?<!^)([A-Z])", r" \1", label).lower() not in known


def test_held_out_word_lists_are_disjoint_from_the_training_ones() -> None:
    for field in ("nouns", "relations", "properties", "names"):
        known = {str(item) for item in getattr(lexicon.TRAINING, field)}
        assert not known & {str(item) for item in getattr(lexicon.HELD_OUT, field)}


def test_only_the_composition_split_combines_held_out_operators(rows: dict[str, list[Row]]) -> None:
    for split, part in rows.items():
        for row in part:
            if row.operators:
                assert combines_held_out(row.operators) == (split == "test_composition")


def test_the_phrasing_split_uses_a_wording_that_training_never_does(rows: dict[str, list[Row]]) -> None:
    known = {production for row in rows["train"] for production in row.productions}
    novel = {p for split in MADE if split != "test_phrasing" for row in rows[split] for p in row.productions}
    held_out = {p for row in rows["test_phrasing"] for p in row.productions} - known - novel
    assert all(set(row.productions) & held_out for row in rows["test_phrasing"])


def test_no_test_schema_occurs_in_training(rows: dict[str, list[Row]]) -> None:
    seen = {row.schema_id for row in rows["train"]}
    assert all(row.schema_id not in seen for split in MADE[2:] for row in rows[split] if row.schema_id)


def test_the_files_load_with_hugging_face_datasets(small_dataset: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    files = {split: str(small_dataset / f"{split}.jsonl") for split in MADE}
    loaded = load_dataset("json", data_files=files, cache_dir=str(tmp_path))
    assert loaded["train"].num_rows == 400
    assert [message["role"] for message in loaded["train"][0]["messages"]] == ["user", "assistant"]


def test_the_card_tells_the_contract_and_every_split(small_dataset: Path) -> None:
    card = (small_dataset / "README.md").read_text(encoding="utf-8")
    assert load_reference_contract().digest in card
    assert all(f"path: {split}.jsonl" in card for split in MADE)


def test_more_rows_than_there_are_wordings_is_an_error_that_says_what_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first: dict[Place, Chunk] = {}

    def make_first(spec: ChunkSpec) -> Chunk:
        place = spec.split, spec.family
        if place not in first:
            first[place] = make_chunk(spec)
        return first[place]

    monkeypatch.setattr(supply, "make_chunk", make_first)
    with pytest.raises(InputError, match=r"lower data\.train_rows"):
        generate_dataset(DataConfig(train_rows=400, split_rows=4), load_reference_contract(), tmp_path, workers=1)
    assert not list(tmp_path.iterdir())


def test_a_contract_without_an_action_for_queries_is_refused(tmp_path: Path) -> None:
    contract = load_reference_contract()
    kept = tuple(action for action in contract.actions if not action.takes_query)
    smaller = contract.model_copy(update={"actions": kept})
    with pytest.raises(InputError, match="no action with a parameter 'cypher'"):
        generate_dataset(DataConfig(train_rows=10, split_rows=1), smaller, tmp_path)


def test_rows_are_plain_json_without_the_system_prompt(small_dataset: Path) -> None:
    first = json.loads((small_dataset / "train.jsonl").read_text(encoding="utf-8").splitlines()[0])
    assert first["prompt"] == "minimal"
    assert {message["role"] for message in first["messages"]} == {"user", "assistant"}


class StoppedError(Exception):
    """Stands for whatever ends a process at a bad moment."""


@given(stops=st.lists(st.integers(1, 9), min_size=1, max_size=3), noted=st.booleans(), torn=st.binary(max_size=20))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_generation_that_was_stopped_goes_on_and_ends_with_the_same_bytes(
    stops: list[int],
    noted: bool,
    torn: bytes,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("datagen.parts._NOTE_SECONDS", 0.0 if noted else 1e9)
    config = DataConfig(train_rows=40, split_rows=2, seed=7)
    whole = tmp_path_factory.getbasetemp() / "never stopped"
    if not whole.exists():
        generate_dataset(config, load_reference_contract(), whole, workers=1)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name)
        for stop in stops:
            countdown = itertools.count(stop - 1, -1)

            def end_there(*_: object, left: "itertools.count[int]" = countdown) -> None:
                if next(left) == 0:
                    raise StoppedError

            with pytest.raises(StoppedError):
                generate_dataset(config, load_reference_contract(), out, end_there, workers=1)
            newest = max((out / "parts").glob("*.rows.jsonl"), key=lambda file: file.stat().st_mtime_ns)
            with newest.open("ab") as file:  # a row that was being written
                file.write(torn)
        generate_dataset(config, load_reference_contract(), out, workers=1)
        assert scan(out) == scan(whole)


def test_one_file_holds_just_the_rows_asked_for_and_other_settings_begin_anew(tmp_path: Path) -> None:
    contract, out = load_reference_contract(), tmp_path / "rows.jsonl"
    config = DataConfig(train_rows=60, split_rows=4, shares={"action": 0.5, "cypher_plain": 0.5})

    def end(done: int, total: int, note: str = "") -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        generate_file(config.model_copy(update={"seed": 2}), contract, out, end, workers=1)
    assert not out.exists()
    assert generate_file(config, contract, out, workers=1).families == {"action": 30, "cypher_plain": 30}
    again = tmp_path / "again.jsonl"
    generate_file(config, contract, again, workers=1)
    assert out.read_bytes() == again.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again.jsonl", "rows.jsonl"]


def test_a_dask_cluster_makes_the_same_bytes(small_dataset: Path, tmp_path: Path) -> None:
    config = DataConfig(train_rows=400, split_rows=12, seed=7)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
        away = config.model_copy(update={"dask": cluster.scheduler_address})
        generate_dataset(away, load_reference_contract(), tmp_path / "rows")
    assert scan(tmp_path / "rows") == scan(small_dataset)
    with pytest.raises(InputError, match=r"data\.dask: no Dask scheduler answers"):
        generate_dataset(away, load_reference_contract(), tmp_path / "none")
