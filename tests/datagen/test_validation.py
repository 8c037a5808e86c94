"""Every property of a data set is measured on one that has it and on one that lacks it, and the rows are named."""

import gc
import json
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cypher.graph import Node, PropertyGraph, SchemaGraphs
from datagen.near_duplicates import NearDuplicates
from datagen.validation import validate_dataset
from heimdall.answers import ActionAnswer, format_action
from heimdall.config import ValidationConfig
from heimdall.errors import InputError
from heimdall.records import write_records
from heimdall.rows import Message, Proof, Row
from nornicdb.contract import load_reference_contract

CONTRACT = load_reference_contract()
QUERY = "heimdall.watcher.query"
SCHEMA = "Person {name: STRING, age: INTEGER}\nCity {name: STRING}\n(:Person)-[:LIVES_IN]->(:City)"


def ask(question, action="heimdall.help", params=None, split="train", **details):
    """A row; its answer is as it should be unless `answer` says otherwise."""
    params = params or {}
    answer = details.pop("answer", format_action(action, params))
    defaults = {"id": f"{split}-{question}", "family": "action", "prompt": "minimal"}
    expected = ActionAnswer(action=action, params=params, cypher=details.pop("cypher", None))
    messages = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Row(**{**defaults, "split": split, "messages": messages, "expected": expected, **details})


def ask_cypher(question, cypher, split="train", schema_id="s1", context=SCHEMA, **details):
    details = {"family": "cypher_schema", "schema_id": schema_id, "cypher": cypher, **details}
    return ask(f"{context}\n\n{question}", QUERY, {"cypher": cypher}, split, **details)


GOOD = [
    ask("what can you do"),
    ask("is the server alive and well", "heimdall.watcher.status"),
    ask("count the nodes in the database", "heimdall.watcher.db_stats"),
    ask("which settings are in use", "heimdall.watcher.config"),
    ask_cypher(
        "how many people are there",
        "MATCH (n:Person) RETURN count(n)",
        skeleton="one",
        proof=Proof(result_rows=(1,), mutants=4, killed=4),
    ),
    ask("anything I can ask you to do for me?", split="test_iid"),
    ask_cypher(
        "list each gadget by weight",
        "MATCH (n:Gadget) RETURN n.name ORDER BY n.weight",
        split="test_schema",
        schema_id="t1",
        context="Gadget {name: STRING, weight: FLOAT}\nBin {name: STRING}\n(:Gadget)-[:KEPT_IN]->(:Bin)",
    ),
]
NO_LIMIT_ON_BALANCE = ValidationConfig(max_action_share=1.0)


def validate(tmp_path, rows, config=NO_LIMIT_ON_BALANCE, **options):
    for split in {row.split for row in rows}:
        write_records(tmp_path / f"{split}.jsonl", [row for row in rows if row.split == split])
    return validate_dataset(tmp_path, CONTRACT, config, **options)


def failures(report):
    return {check.name: check for check in report.checks if not check.passed}


def test_a_good_data_set_passes(tmp_path):
    report = validate(tmp_path, GOOD)
    assert failures(report) == {}
    assert (report.passed, report.rows) == (True, len(GOOD))


@pytest.mark.parametrize(
    ("row", "check"),
    [
        (ask("  \n", id="other"), "empty_rows"),
        (ask("hi", QUERY, {"cypher": "RETURN 1"}, cypher="RETURN 1", answer=" "), "empty_rows"),
        (ask("mail it to bob@acme.io"), "personal_data"),
        (ask("log in with AKIA" + "Q3EGRTU5NVX7PWMZ"), "secrets"),
        (
            ask_cypher("any", "MATCH (n:Person) RETURN n.age", "test_phrasing", context="", skeleton="one"),
            "leaked_query_shapes/test_phrasing",
        ),
        (ask("What can  you do?", id="other"), "repeated_questions"),
        (ask("hello there", id="train-what can you do"), "repeated_ids"),
        (ask("what can you do", "heimdall.status", id="other"), "contradictions"),
        (ask("hi", answer='{"action":"heimdall.help","params":{}}'), "answers_not_as_expected"),
        (ask("hi", answer="Sure! " + format_action("heimdall.help", {})), "answers_not_as_expected"),
        (ask("hi", QUERY, {"cypher": "RETURN 1"}, cypher="RETURN 2"), "answers_not_as_expected"),
        (ask("hi", "heimdall.dance"), "answers_nornicdb_would_not_run"),
        (ask("hi", "heimdall.watcher.events", {"limit": "ten"}), "answers_nornicdb_would_not_run"),
        (ask("hi", "heimdall.watcher.broadcast"), "answers_nornicdb_would_not_run"),
        (ask("hi", "heimdall.help", answer="I can do many things."), "answers_nornicdb_would_not_run"),
        (ask_cypher("who", "MATCH (n:Person RETURN n"), "cypher_parse_rate"),
        (ask_cypher("who", "MATCH (n:Person) RETURN m"), "cypher_parse_rate"),
        (ask("run MATCH (n RETURN n", QUERY, {"cypher": "MATCH (n RETURN n"}), "cypher_parse_rate"),
        (
            ask_cypher("who", "MATCH (n:Person) RETURN n", proof=Proof(result_rows=(1,), mutants=9, killed=1)),
            "mutant_kill_rate",
        ),
        (ask("What can you do??", split="test_phrasing"), "leaked_questions/test_phrasing"),
        (
            ask_cypher("who is taller", "MATCH (n:Bin) RETURN n", "test_schema", "s1", "Bin {x: STRING}"),
            "leaked_schemas/test_schema",
        ),
        (ask_cypher("who is taller", "MATCH (n:Bin) RETURN n", "test_schema", "t2"), "leaked_schemas/test_schema"),
        (
            ask_cypher("who is it", "MATCH (n:Person) RETURN n", "test_schema", "t2", "Person {x: STRING}"),
            "known_names/test_schema",
        ),
    ],
)
def test_a_row_that_breaks_a_property_is_found_and_named(tmp_path, row, check):
    report = validate(tmp_path, [*GOOD, row])
    assert not report.passed
    found = failures(report)
    assert check in found
    line = sum(good.split == row.split for good in GOOD) + 1
    assert any(example.startswith(f"{tmp_path}/{row.split}.jsonl:{line}: ") for example in found[check].examples)


def test_the_same_question_over_another_schema_is_another_question(tmp_path):
    other = "Robot {name: STRING}\n(:Robot)-[:OWNS]->(:Robot)"
    row = ask_cypher("how many people are there", "MATCH (n:Robot) RETURN count(n)", schema_id="s2", context=other)
    assert validate(tmp_path, [*GOOD, row]).passed


def test_a_held_out_question_that_differs_only_in_its_values_is_a_leak(tmp_path):
    train = ask_cypher(
        "who is older than 30 in 'Oslo'", "MATCH (n:Person) WHERE n.age > 30 AND n.name = 'Oslo' RETURN n"
    )
    test = ask_cypher(
        "who is older than 41 in 'Rome'", "MATCH (n:Person) WHERE n.age > 41 AND n.name = 'Rome' RETURN n", "test_iid"
    )
    assert "leaked_but_for_values/test_iid" in failures(validate(tmp_path, [*GOOD, train, test]))


PEOPLE = PropertyGraph(nodes=(Node(id=1, labels=("Person",), properties={"age": 3}),), relationships=())


@pytest.mark.parametrize(
    ("query", "failing"),
    [
        ("MATCH (n:Person) RETURN n.age", set()),
        ("MATCH (n:Person) WHERE n.age > 3 RETURN n.age", {"queries_that_return_nothing"}),
        ("MATCH (n:Person) RETURN date(n.age + 'x')", {"queries_that_do_not_run"}),
    ],
)
def test_queries_are_run_where_their_graphs_are_at_hand(tmp_path, query, failing):
    empty = PropertyGraph(nodes=(), relationships=())
    schemas = [SchemaGraphs(schema_id="s1", schema_text=SCHEMA, graphs=(empty, PEOPLE))]
    write_records(tmp_path / "graphs.jsonl", schemas)
    report = validate(tmp_path, [ask_cypher("who is there", query), ask_cypher("who else", "RETURN 1", schema_id="s2")])
    assert failures(report).keys() == failing
    (check,) = failures(report).values() or [None]
    assert check is None or check.examples[0].startswith(f"{tmp_path}/train.jsonl:1: ")


def test_near_duplicates_are_a_share_of_their_split(tmp_path):
    rows = [ask(f"please show me all the metrics of server number {name}", id=name) for name in "abcdefgh"]
    report = validate(tmp_path, rows)
    (check,) = [check for check in report.checks if check.name == "near_duplicates/train"]
    assert (check.value, check.passed) == (7 / 8, False)
    assert f"{tmp_path}/train.jsonl:2: nearly {tmp_path}/train.jsonl:1" in check.examples


def test_a_held_out_question_that_nearly_repeats_a_training_question_is_a_leak(tmp_path):
    held_out = ask("is the server alive and well now", split="test_phrasing")
    (check,) = failures(validate(tmp_path, [*GOOD, held_out])).values()
    assert (check.name, check.value) == ("nearly_leaked/test_phrasing", 1.0)
    assert check.examples == (f"{tmp_path}/test_phrasing.jsonl:1: nearly {tmp_path}/train.jsonl:2",)


def test_one_action_must_not_crowd_out_the_others(tmp_path):
    config = ValidationConfig(max_action_share=0.25)
    assert failures(validate(tmp_path, GOOD, config)).keys() == {"largest_action_share"}
    (check,) = failures(validate(tmp_path, GOOD, config)).values()
    assert (check.value, check.examples) == (0.4, ("heimdall.help: 2 of 5 rows that ask for an action",))


def test_a_user_may_allow_personal_data(tmp_path):
    row = ask("mail it to bob@acme.io")
    assert validate(tmp_path, [*GOOD, row], ValidationConfig(max_action_share=1.0, max_personal_rows=1)).passed


def test_limits_come_from_the_configuration(tmp_path):
    leak = ask("What can you do??", split="test_iid")
    assert not validate(tmp_path, [*GOOD, leak]).passed
    assert validate(tmp_path, [*GOOD, leak], ValidationConfig(max_action_share=1.0, max_leaked_rows=1)).passed


@pytest.fixture(scope="module")
def tokenizer_dir(tmp_path_factory):
    """A token per word and per ChatML marker, so that lengths can be counted by hand."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    backend = Tokenizer(models.WordLevel({"?": 0}, unk_token="?"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    backend.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    directory = tmp_path_factory.mktemp("tokenizer")
    backend.save(str(directory / "tokenizer.json"))
    return directory


def count_tokens(row):
    from nornicdb.prompts import build_system_prompt, render_chatml

    text = render_chatml(build_system_prompt(CONTRACT, row.prompt, random.Random(0)), row.messages)
    return len(text.replace("<|im_start|>", " <|im_start|> ").replace("<|im_end|>", " <|im_end|> ").split())


@pytest.mark.parametrize("prompt", ["minimal", "full"])
def test_a_row_that_would_lose_its_answer_is_found(tmp_path, tokenizer_dir, prompt):
    rows = [ask("short", prompt=prompt), ask("this one is quite a bit longer", prompt=prompt)]
    longest = count_tokens(rows[1])

    def check(most):
        report = validate(tmp_path, rows, tokenizer_dir=tokenizer_dir, max_seq_length=most)
        return next(check for check in report.checks if check.name == "longest_row_tokens")

    assert (check(longest).value, check(longest).passed) == (longest, True)
    assert not check(longest - 1).passed
    assert check(longest - 1).examples == (f"{tmp_path}/train.jsonl:2: {longest} tokens with the {prompt} prompt",)


def test_lengths_are_not_claimed_without_a_tokenizer(tmp_path):
    assert "longest_row_tokens" not in {check.name for check in validate(tmp_path, GOOD).checks}


def test_a_directory_without_a_tokenizer_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"tokenizer\.json"):
        validate(tmp_path, GOOD, tokenizer_dir=tmp_path, max_seq_length=100)


def test_files_of_ones_own_are_validated_by_the_splits_of_their_rows(tmp_path):
    first, second = tmp_path / "mine.jsonl", tmp_path / "yours.jsonl"
    write_records(first, GOOD[:2])
    write_records(second, [GOOD[2], ask("What can you do!", split="test_iid")])
    report = validate_dataset([first, second], CONTRACT, NO_LIMIT_ON_BALANCE)
    assert failures(report)["leaked_questions/test_iid"].examples == (f"{second}:2: is also {first}:1",)
    assert validate_dataset(first, CONTRACT, NO_LIMIT_ON_BALANCE).rows == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "mine.jsonl:2: "),
        ('{"question": "hi"}', "mine.jsonl:2: has none of the keys 'messages'"),
        ('{"messages": [], "family": "action", "expected": {}}', "mine.jsonl:2: id: "),
        ('{"instruction": "hi", "output": "ho"}', "mine.jsonl:2: is in the form 'instruction'"),
        (GOOD[0].model_dump_json().replace('"train"', '"trian"'), "mine.jsonl:2: split: "),
        (json.dumps({**GOOD[0].model_dump(), "messages": []}), "mine.jsonl:2: messages: "),
        (
            json.dumps({**GOOD[0].model_dump(), "messages": [{"role": "assistant", "content": "hi"}]}),
            "mine.jsonl:2: messages: ",
        ),
        (
            json.dumps({**GOOD[0].model_dump(), "messages": [{"role": "user", "content": "hi"}]}),
            "mine.jsonl:2: messages: ",
        ),
    ],
)
def test_what_is_no_row_is_an_error_with_its_line(tmp_path, line, message):
    path = tmp_path / "mine.jsonl"
    path.write_text(GOOD[1].model_dump_json() + "\n" + line + "\n")
    with pytest.raises(InputError) as error:
        validate_dataset(path, CONTRACT, ValidationConfig())
    assert message in str(error.value)


def test_a_row_in_the_file_of_another_split_is_an_error(tmp_path):
    write_records(tmp_path / "test_iid.jsonl", [GOOD[0]])
    with pytest.raises(InputError, match=r"test_iid\.jsonl:1: split: is 'train'"):
        validate_dataset(tmp_path, CONTRACT, ValidationConfig())


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_data_set_is_an_error(tmp_path, content):
    (tmp_path / "train.jsonl").write_text(content)
    with pytest.raises(InputError, match="no rows"):
        validate_dataset(tmp_path, CONTRACT, ValidationConfig())


def test_a_directory_that_is_no_data_set_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"train\.jsonl"):
        validate_dataset(tmp_path, CONTRACT, ValidationConfig())
    with pytest.raises(InputError, match="does not exist"):
        validate_dataset(tmp_path / "nowhere.jsonl", CONTRACT, ValidationConfig())


def test_progress_ends_where_it_said_it_would(tmp_path, tokenizer_dir):
    seen = []
    validate(
        tmp_path, GOOD, tokenizer_dir=tokenizer_dir, max_seq_length=10_000, progress=lambda *state: seen.append(state)
    )
    assert [done for done, _, _ in seen] == sorted(done for done, _, _ in seen)
    assert {total for _, total, _ in seen} == {seen[-1][0]} == {len(GOOD)}


questions = st.lists(st.tuples(st.sampled_from(["", SCHEMA]), st.text("ab ", min_size=1, max_size=25)), max_size=12)


@given(questions)
def test_near_duplicates_found_are_near_and_repeats_are_always_found(asked):
    def shingles(text):
        text = " ".join(text.lower().split())
        return {text[start : start + 5] for start in range(max(1, len(text) - 4))}

    with NearDuplicates(0.8) as index:
        for start in range(0, len(asked), 5):
            index.add(asked[start : start + 5])
        numbers = np.arange(len(asked))
        found = dict(index.find(numbers, numbers))
    for place, question in enumerate(asked):
        if place in found:
            left, right = shingles(asked[found[place]][1]), shingles(question[1])
            assert found[place] < place
            assert asked[found[place]][0] == question[0]
            assert len(left & right) >= 0.8 * len(left | right)
        else:
            assert question not in asked[:place]


def test_long_texts_are_compared_by_a_sample_of_their_shingles():
    rng = random.Random(1)
    text = " ".join(str(rng.randrange(10**6)) for _ in range(600))
    nearly, other = text[:-300] + "the end", text[: len(text) // 2] + text[:0:-1][: len(text) // 2]
    with NearDuplicates(0.8) as index:
        index.add([("", text), ("", nearly), ("", other)])
        assert list(index.find(np.array([1, 2]), np.array([0]))) == [(1, 0)]


def test_rows_pass_by_and_are_not_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("datagen.validation._BATCH", 20)
    rows = [ask(f"what can you do, number {number}?") for number in range(100)]
    write_records(tmp_path / "train.jsonl", rows)
    del rows
    gc.collect()

    def count_rows():
        return sum(isinstance(held, Row) for held in gc.get_objects())

    before = count_rows()  # what other tests of this process hold
    kept = []

    def count(*_):
        kept.append(count_rows() - before)

    validate_dataset(tmp_path, CONTRACT, NO_LIMIT_ON_BALANCE, progress=count)
    assert len(kept) == 5
    assert max(kept) < 45  # a batch, and the one before it
