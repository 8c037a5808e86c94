"""Files of rows in any form are inspected, reported and cleaned; what is read is never touched."""

import json
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
from dying import act_until_step
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from datagen.clean import check_output, plan_drops, write_clean_copy
from datagen.diversity import measure_self_bleu, remove_names
from datagen.formats import Conversation, Turn, read_conversations
from datagen.report import list_reasons, render_html, render_terminal
from datagen.validation import inspect_data
from heimdall.answers import ActionAnswer
from heimdall.config import ValidationConfig
from heimdall.errors import InputError, TargetError, UsageError
from heimdall.rows import Message, Row
from nornicdb.contract import load_reference_contract

CONTRACT = load_reference_contract()
CONFIG = ValidationConfig()
SECRET = "AKIA" + "Q3EGRTU5NVX7PWMZ"
GOOD = [
    {"instruction": "how many people are there", "output": "MATCH (n:Person) RETURN count(n)", "id": 1},
    {"instruction": "what is a graph", "output": "Nodes and relationships."},
    {"instruction": "give me an object", "output": '{"a": [1, 2]}'},
    {"instruction": "is it up", "output": '{"action": "heimdall.watcher.status", "params": {}}'},
]
BAD = [
    ("unreadable_rows", '{"instruction": "x"'),
    ("unreadable_rows", {"text": "a"}),
    ("empty_rows", {"instruction": "say nothing", "output": " \n"}),
    ("empty_rows", {"instruction": " ", "output": "an answer to nothing"}),
    ("repeated_questions", {"instruction": "What is  a graph?", "output": "Nodes and relationships."}),
    ("broken_json", {"instruction": "give me another", "output": '{"a": 1,}'}),
    ("cypher_parse_rate", {"instruction": "who are you", "output": "MATCH (n RETURN n"}),
    ("cypher_parse_rate", {"instruction": "show me", "output": "So:\n```cypher\nMATCH (n) RETURN m\n```\n"}),
    ("secrets", {"instruction": "log me in", "output": f"The key is {SECRET}."}),
    ("personal_data", {"instruction": "write to bob@acme.io", "output": "I cannot."}),
]


def write(path: Path, *records: object) -> Path:
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def failing(inspection) -> set[str]:
    return {check.name for check in inspection.report.validation.checks if not check.passed}


def test_good_rows_of_another_form_pass(tmp_path):
    inspection = inspect_data([write(tmp_path / "mine.jsonl", *GOOD)], CONTRACT, CONFIG)
    assert failing(inspection) == set()
    assert inspection.report.validation.passed
    assert list_reasons(inspection.report)[0].startswith("All ")
    assert plan_drops(inspection) == {}


@pytest.mark.parametrize(("check", "record"), BAD)
def test_each_fault_is_found_with_its_line_and_left_out_of_the_copy(tmp_path, check, record):
    source = write(tmp_path / "mine.jsonl", GOOD[0], GOOD[1], record, GOOD[2])
    before = source.read_bytes()
    inspection = inspect_data([source], CONTRACT, CONFIG)
    assert check in failing(inspection)
    (finding,) = inspection.findings[check]
    assert finding.place == f"{source}:3"
    copy = write_clean_copy(inspection, [source], tmp_path / "clean.jsonl")
    assert [json.loads(line) for line in (tmp_path / "clean.jsonl").read_text().splitlines()] == GOOD[:3]
    assert [(dropped.check, dropped.rows) for dropped in copy.dropped] == [(check, 1)]
    assert copy.dropped[0].examples[0].startswith(f"{source}:3: ")
    assert source.read_bytes() == before
    assert SECRET not in inspection.report.model_dump_json()


def test_rows_that_contradict_each_other_are_all_left_out(tmp_path):
    rows = [{"instruction": "is it up", "output": answer} for answer in ("yes", "no", "yes")]
    source = write(tmp_path / "mine.jsonl", *GOOD[:3], *rows)
    inspection = inspect_data([source], CONTRACT, CONFIG)
    assert [place for place, _ in inspection.findings["contradictions"]] == [f"{source}:5"]
    copy = write_clean_copy(inspection, [source], tmp_path / "clean.jsonl")
    assert (copy.rows, copy.dropped[0].rows) == (3, 3)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("Create a node first, then match it.", None),
        ("With pleasure: RETURN is a keyword.", None),
        ("[see the manual](https://example.org)", None),
        ('{"action": "heimdall.dance", "params": {}}', "answers_nornicdb_would_not_run"),
        ("CREATE (n:Person", "cypher_parse_rate"),
        ("EXPLAIN MATCH (n) RETURN n", None),
    ],
)
def test_prose_is_not_taken_for_a_query_or_json(tmp_path, answer, fault):
    source = write(tmp_path / "mine.jsonl", {"instruction": "tell me", "output": answer})
    assert failing(inspect_data([source], CONTRACT, CONFIG)) == ({fault} if fault else set())


def test_a_json_schema_of_the_users_is_kept_to(tmp_path):
    source = write(tmp_path / "mine.jsonl", *GOOD[:3], {"instruction": "one more", "output": '{"a": "no list"}'})
    schema = {"properties": {"a": {"type": "array"}}}
    inspection = inspect_data([source], CONTRACT, CONFIG, schema=schema)
    assert failing(inspection) == {"json_outside_its_schema"}
    assert inspection.findings["json_outside_its_schema"][0].place == f"{source}:4"


def test_rows_that_a_context_would_cut_are_found_and_left_out(tmp_path, tiny_model_dir):
    long = {"instruction": "count", "output": " ".join(map(str, range(300)))}
    source = write(tmp_path / "mine.jsonl", *GOOD, long)
    inspection = inspect_data([source], CONTRACT, CONFIG, tokenizer=tiny_model_dir, max_seq_length=256)
    assert failing(inspection) == {"longest_row_tokens"}
    assert inspection.report.lengths.maximum > 256
    assert sum(part.rows for part in inspection.report.lengths.classes) == 5
    assert write_clean_copy(inspection, [source], tmp_path / "clean.jsonl").rows == 4


def test_what_training_and_test_files_share_is_a_leak(tmp_path):
    train = write(tmp_path / "train.csv", "instruction,output", "what is a graph,nodes", "who are you,me")
    test = write(tmp_path / "test.jsonl", {"prompt": "What is a graph?", "completion": "nodes"})
    inspection = inspect_data([train, test], CONTRACT, CONFIG)
    assert inspection.findings["leaked_questions/test"][0] == (f"{test}:1", f"is also {train}:2")
    assert "nearly_leaked/test" in failing(inspection)
    assert [(group.split, group.kind, group.rows) for group in inspection.report.groups] == [
        ("train", "instruction", 2),
        ("test", "completion", 1),
    ]


def test_new_changed_and_gone_rows_are_counted_against_other_data(tmp_path):
    changed = {**GOOD[1], "output": "Something else."}
    source = write(tmp_path / "mine.jsonl", GOOD[0], changed, {"instruction": "newly asked", "output": "x"})
    other = write(tmp_path / "champion.jsonl", *GOOD)
    found = inspect_data([source], CONTRACT, CONFIG, against=other).report.difference
    assert (found.new, found.changed, found.same, found.gone) == (1, 1, 1, 2)
    assert found.examples == (f"{source}:2: changed", f"{source}:3: new")


@pytest.mark.parametrize(("content", "reason"), [('{"a"', r"mine\.jsonl:1: is cut off"), ("", "no rows")])
def test_a_source_without_a_single_row_is_an_error_with_its_first_reason(tmp_path, content, reason):
    (tmp_path / "mine.jsonl").write_text(content)
    with pytest.raises(InputError, match=reason):
        inspect_data([tmp_path / "mine.jsonl"], CONTRACT, CONFIG)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name in ("src", "href") and value]


def test_the_report_shows_hostile_text_as_text(tmp_path, tiny_model_dir):
    evil = "<script>alert(1)</script>\x1b[31m[red]"
    source = write(
        tmp_path / "[bold]<b>.jsonl", *GOOD, {"instruction": evil, "output": evil, evil: 1}, f'{{"{evil}": 1}}'
    )
    inspection = inspect_data([source], CONTRACT, CONFIG, tokenizer=tiny_model_dir, max_seq_length=512)
    text = render_html(inspection.report)
    page = Page()
    page.feed(text)
    assert page.tags & {"script", "b", "iframe", "img", "object"} == set()
    assert not [link for link in page.links if not link.startswith("#")]
    assert "svg" in page.tags
    assert "\x1b" not in text
    assert "unreadable_rows" in text
    console = Console(file=(tmp_path / "out.txt").open("w"), width=100)
    console.print(render_terminal(inspection.report))
    console.file.close()
    shown = (tmp_path / "out.txt").read_text()
    assert "\x1b" not in shown
    assert "FAIL" in shown
    assert "[bold]<b>.jsonl" in shown


def test_a_directory_becomes_a_directory_with_its_graphs(tmp_path):
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "train.jsonl", *GOOD, {"instruction": "x", "output": ""})
    write(tmp_path / "data" / "test.csv", "instruction,output", "something quite different,fine")
    (tmp_path / "data" / "graphs.jsonl").touch()
    inspection = inspect_data([tmp_path / "data"], CONTRACT, CONFIG)
    write_clean_copy(inspection, [tmp_path / "data"], tmp_path / "clean")
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == ["graphs.jsonl", "test.jsonl", "train.jsonl"]
    assert len(list(read_conversations(tmp_path / "clean"))) == 5


@pytest.mark.parametrize(
    ("sources", "output", "error"),
    [
        (["a.jsonl"], "a.jsonl", UsageError),
        (["a.jsonl"], "clean.csv", UsageError),
        (["data"], "data", UsageError),
        (["data"], "data/clean", UsageError),
        (["data/b.jsonl", "a.jsonl"], "data", UsageError),
    ],
)
def test_a_copy_never_takes_the_place_of_what_it_is_made_of(tmp_path, monkeypatch, sources, output, error):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    write(tmp_path / "data" / "b.jsonl", *GOOD)
    write(tmp_path / "a.jsonl", *GOOD)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    with pytest.raises(error):
        check_output(sources, Path(output))
    with pytest.raises(UsageError):
        check_output(["link.jsonl"], Path("a.jsonl"))


def test_a_directory_that_is_there_is_not_replaced(tmp_path):
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "mine.txt").touch()
    sources = [write(tmp_path / "a.jsonl", *GOOD[:2]), write(tmp_path / "b.jsonl", *GOOD[2:])]
    with pytest.raises(TargetError, match="exists already"):
        write_clean_copy(inspect_data(sources, CONTRACT, CONFIG), sources, tmp_path / "clean")
    assert [path.name for path in (tmp_path / "clean").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("how", ["kill", "full"])
@pytest.mark.parametrize("many", [False, True])
def test_a_copy_that_dies_is_whole_or_not_there_and_the_source_is_as_it_was(tmp_path, how, many):
    sources = [write(tmp_path / name, *GOOD, {"instruction": "x", "output": ""}) for name in ("a.jsonl", "b.jsonl")]
    sources = sources if many else sources[:1]
    before = [path.read_bytes() for path in sources]
    inspection = inspect_data(sources, CONTRACT, CONFIG)
    wanted, step = len(write_clean_copy(inspection, sources, tmp_path / ("c" if many else "c.jsonl")).files), 0
    while True:
        step += 1
        site = tmp_path / f"site{step}"
        site.mkdir()
        output = site / ("clean" if many else "clean.jsonl")
        outcome = act_until_step(partial(write_clean_copy, inspection, sources, output), step, how, site)
        if output.exists():
            files = list(output.iterdir()) if many else [output]
            assert len(files) == wanted
            assert all(len(list(read_conversations(file))) == len(GOOD) for file in files)
        else:
            assert outcome != "done"
        if how == "full":
            assert {path.name for path in site.iterdir()} <= {output.name}
        assert [path.read_bytes() for path in sources] == before
        if outcome == "done":
            break
    assert step > 3


words = st.lists(st.sampled_from("abcdefg"), min_size=4, max_size=12)


@given(st.lists(words, min_size=2, max_size=8))
def test_self_bleu_is_a_share_that_is_one_only_where_all_is_said_twice(sentences):
    assert 0 <= measure_self_bleu(sentences) <= 1
    assert measure_self_bleu([*sentences, *sentences]) == pytest.approx(1)


def test_self_bleu_of_two_sentences_is_what_the_formula_gives():
    first, second = ["the", "cat", "sat", "on", "the", "mat"], ["the", "cat", "sat", "on", "a", "mat", "today"]
    # 1-grams 5/6 (the second `the` is one too many), 2-grams 3/5, 3-grams 2/4, 4-grams 1/3; the reference is longer.
    forward = 2.718281828459045 ** (1 - 7 / 6) * (5 / 6 * 3 / 5 * 2 / 4 * 1 / 3) ** 0.25
    backward = (5 / 7 * 3 / 6 * 2 / 5 * 1 / 4) ** 0.25
    assert measure_self_bleu([first, second]) == pytest.approx((forward + backward) / 2)


def test_a_question_without_names_and_values_is_its_phrasing():
    def ask(question, cypher):
        expected = ActionAnswer(action="heimdall.watcher.query", params={"cypher": cypher}, cypher=cypher)
        messages = (Message(role="user", content=question), Message(role="assistant", content="x"))
        row = Row(
            id="1", family="cypher_plain", split="train", prompt="minimal", messages=messages, expected=expected
        )  # fmt: skip
        turns = tuple(Turn(role=message.role, content=message.content) for message in messages)
        return remove_names(Conversation("x:1", "train", "rows", turns, {}, row))

    cities = ask("Which cities are bigger than 5?", "MATCH (n:City) WHERE n.size > 5 RETURN n.name")
    assert cities == ask("which robot is bigger than 30", "MATCH (n:Robot) WHERE n.size > 30 RETURN n.name").replace(
        "which # is", "which # are"
    )
    assert "cit" not in cities
    assert cities != ask("Show cities bigger than 5", "MATCH (n:City) WHERE n.size > 5 RETURN n.name")
