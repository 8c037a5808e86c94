"""What users have is read as a stream, brought to one form and back, and every broken file is named with its line."""

import csv
import errno
import json
import tracemalloc
from pathlib import Path

import pytest
from dying import act_until_step
from hypothesis import given
from hypothesis import strategies as st

from datagen.formats import Problem, convert, read_conversations, read_items, to_record
from heimdall.answers import ActionAnswer, TextAnswer
from heimdall.errors import DiskError, InputError, UsageError
from heimdall.lines import MAX_LINE_BYTES
from heimdall.rows import Message, Row, read_rows

CHAT = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
INSTRUCTION = {"instruction": "hi", "input": "there", "output": "hello"}
ROW = Row(
    id="1",
    family="action",
    split="test_iid",
    prompt="minimal",
    messages=(Message(role="user", content="hi"), Message(role="assistant", content="hello")),
    expected=ActionAnswer(action="heimdall.help", params={}),
)


def write(path: Path, *records: object) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def read(source: str | Path) -> list[list[tuple[str, str]]]:
    return [[(turn.role, turn.content) for turn in found.turns] for found in read_conversations(source)]


ASKED = [("user", "hi"), ("assistant", "hello")]


@pytest.mark.parametrize(
    ("record", "form", "turns"),
    [
        (CHAT, "chat", ASKED),
        (
            {"messages": [{"role": "system", "content": "s"}, *CHAT["messages"], *CHAT["messages"]], "id": 3},
            "chat",
            [("system", "s"), *ASKED, *ASKED],
        ),
        (INSTRUCTION, "instruction", [("user", "hi\n\nthere"), ("assistant", "hello")]),
        ({"instruction": "hi", "output": "hello", "input": None, "category": "x"}, "instruction", ASKED),
        ({**INSTRUCTION, "input": "", "system": "s"}, "instruction", [("system", "s"), *ASKED]),
        ({"prompt": "hi", "completion": "hello"}, "completion", ASKED),
        ({"text": "hello"}, "completion", [("assistant", "hello")]),
        (ROW.model_dump(mode="json"), "rows", ASKED),
    ],
)
def test_a_record_is_known_by_its_keys_and_becomes_a_conversation(tmp_path, record, form, turns):
    (found,) = read_conversations(write(tmp_path / "data.jsonl", record))
    assert (found.format, [(turn.role, turn.content) for turn in found.turns]) == (form, turns)
    assert found.place == f"{tmp_path}/data.jsonl:1"
    assert found.row == (ROW if form == "rows" else None)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_line_ends_of_windows_and_a_byte_order_mark_are_read(tmp_path, end, mark):
    path = tmp_path / "data.jsonl"
    path.write_bytes(mark + (json.dumps(CHAT) + end + end + json.dumps(CHAT) + end).encode())
    assert [found.place for found in read_conversations(path)] == [f"{path}:1", f"{path}:3"]


GOOD = json.dumps(CHAT).encode()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"messages": "caf\xe9"}\n', "2: is not valid UTF-8 (byte 18"),
        (GOOD[:30], "2: is cut off: the file ends within it"),
        (GOOD[:30] + b"\n", "2: is no JSON: Expecting property name"),
        (b'[{"text": "a"}]\n', "2: is a JSON array; write one object per line"),
        (b'"text"\n', "2: is no JSON object"),
        (b'{"text": NaN}\n', "2: holds NaN"),
        (b'{"text": "a", "text": "b"}\n', "2: has the key 'text' twice"),
        (b'{"text": "\\ud800"}\n', "2: holds half of a surrogate pair"),
        (b"\xef\xbb\xbf" + GOOD + b"\n", "2: begins with a byte order mark in the middle of the file"),
        (GOOD + b"\r" + GOOD + b"\n", "2: holds a bare carriage return"),
        (b"[" * 100_000 + b"\n", "2: is nested too deeply"),
        (b'{"n": ' + b"9" * 5000 + b"}\n", "2: is no JSON: Exceeds the limit"),
        (b"{}\n", "2: has none of the keys"),
        (b'{"question": "hi"}\n', "it has 'question'"),
        (b'{"instruction": "a", "output": "b"}\n', "2: is in the form 'instruction', but "),
        (b'{"messages": []}\n', "2: messages: must be a list of turns"),
        (b'{"messages": ["hi"]}\n', "2: messages.0: must be an object"),
        (b'{"messages": [{"role": "tool", "content": "x"}]}\n', "2: messages.0.role: must be one of"),
        (b'{"messages": [{"role": "user", "content": 5}]}\n', "2: messages.0.content: must be text, not 5"),
        (b'{"messages": [{"role": "user"}]}\n', "2: messages.0.content: is missing"),
        (b'{"messages": [{"role": "user", "content": "x"}]}\n', "2: messages: turns of user and assistant must"),
        (b'{"messages": [{"role": "system", "content": "x"}]}\n', "2: messages: turns of user and assistant must"),
        (b'{"instruction": "a", "output": null}\n', "2: output: must be text, not null"),
        (b'{"instruction": 1, "output": "b"}\n', "2: instruction: must be text, not 1"),
        (b'{"instruction": "a"}\n', "2: output: is missing"),
        (b'{"text": ["a"]}\n', '2: text: must be text, not ["a"]'),
        (b'{"prompt": null, "completion": "x"}\n', "2: prompt: must be text, not null"),
        (b'{"messages": [], "expected": {}, "family": "x"}\n', "2: id: Field required"),
    ],
)
def test_a_broken_line_is_named_with_its_reason_and_the_others_are_read(tmp_path, line, reason):
    path = tmp_path / "data.jsonl"
    path.write_bytes(GOOD + b"\n" + line + (GOOD + b"\n" if line.endswith(b"\n") else b""))
    items = list(read_items(path))
    (problem,) = [item for item in items if isinstance(item, Problem)]
    assert reason in f"{problem.place}: {problem.reason}"
    assert len(items) == (3 if line.endswith(b"\n") else 2)
    with pytest.raises(InputError) as error:
        list(read_conversations(path))
    assert f"{path}:" in str(error.value)
    assert reason in str(error.value)


def test_a_line_of_100_mb_is_refused_without_being_held_in_memory(tmp_path):
    path = tmp_path / "data.jsonl"
    with path.open("wb") as file:
        file.write(b'{"text": "')
        for _ in range(100):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"text": "short"}\n')
    tracemalloc.start()
    try:
        problem, found = read_items(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "longer than 10 MB" in problem.reason
    assert found.place == f"{path}:2"
    assert peak < 4 * MAX_LINE_BYTES


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.jsonl", b"", "There are no rows in"),
        ("blank.jsonl", b"\n \n", "There are no rows in"),
        ("empty.csv", b"", "There are no rows in"),
        ("wide.jsonl", '{"text": "a"}\n'.encode("utf-16"), "wide.jsonl:1: the file is UTF-16"),
        ("pretty.jsonl", b'[\n {"text": "a"}\n]', "pretty.jsonl:1: begins one JSON value over several lines"),
        ("notes.docx", b"x", "is of no kind that is read here"),
        ("bad.parquet", b"PAR1 no", "bad.parquet' cannot be read: "),
        ("twice.csv", b"text,text\na,b\n", "twice.csv:1: two columns have the same name"),
        ("quote.csv", b'text\nfine\n"never closed\n', "quote.csv:3: is no CSV (unexpected end of data)"),
        ("few.csv", b"prompt,completion\na,b\nc\nd,e\n", "few.csv:3: has 1 columns, the first line has 2"),
        ("cut.csv", b"prompt,completion\na,b\nc", "cut.csv:3: has 1 columns, the first line has 2; the file ends"),
        ("latin.csv", b"text\nok\ncaf\xe9\n", "latin.csv:3: is not valid UTF-8"),
        ("chat.csv", b"messages\nhello\n", "chat.csv:2: messages: is no JSON"),
        ("other.csv", b"question,answer\na,b\n", "other.csv:2: has none of the keys"),
    ],
)
def test_a_broken_file_is_named_with_its_reason(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        list(read_conversations(path))
    assert reason in str(error.value)


def test_a_source_that_is_not_there_is_an_error_that_names_the_hub(tmp_path):
    with pytest.raises(InputError, match="hf:OWNER/NAME"):
        list(read_conversations(tmp_path / "nowhere.jsonl"))
    with pytest.raises(InputError, match="names no data set"):
        list(read_conversations("hf:a b"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_with_the_line_of_each_record_and_its_line_breaks(tmp_path, delimiter):
    path = tmp_path / "data.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([["instruction", "input", "output"], ["a\r\nb", "", "1,2;3\t4"], ["c", 'say "d"', "e\n\n"]])
    found = list(read_conversations(path))
    assert [item.place for item in found] == [f"{path}:2", f"{path}:4"]
    assert read(path) == [
        [("user", "a\r\nb"), ("assistant", "1,2;3\t4")],
        [("user", 'c\n\nsay "d"'), ("assistant", "e\n\n")],
    ]


def test_saved_data_sets_and_those_laid_out_as_on_the_hub_are_read_with_their_splits(tmp_path, monkeypatch):
    from datasets import Dataset, DatasetDict

    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    one = Dataset.from_list([CHAT, CHAT])
    one.save_to_disk(str(tmp_path / "one"))
    DatasetDict(train=one, test=one).save_to_disk(str(tmp_path / "both"))
    (tmp_path / "hub" / "data").mkdir(parents=True)
    one.to_parquet(str(tmp_path / "hub" / "data" / "train-00000-of-00001.parquet"))
    one.to_parquet(str(tmp_path / "hub" / "data" / "test-00000-of-00001.parquet"))
    assert [item.place for item in read_conversations(tmp_path / "one")] == [
        f"{tmp_path}/one[train]:{number}" for number in (1, 2)
    ]
    for name in ("both", "hub"):
        splits = [(item.split, item.place) for item in read_conversations(tmp_path / name)]
        assert splits == [
            (split, f"{tmp_path}/{name}[{split}]:{number}") for split in ("train", "test") for number in (1, 2)
        ]
    # A name on the Hub takes the same way; only the place where the library looks is another.
    monkeypatch.chdir(tmp_path)
    assert next(item.place for item in read_conversations("hf:hub")) == "hf:hub[train]:1"


def test_what_the_hub_does_not_have_is_an_error_with_its_name(monkeypatch):
    import datasets

    def refuse(*_: object, **__: object) -> None:
        raise datasets.exceptions.DatasetNotFoundError("Dataset 'a/b' doesn't exist on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", refuse)
    with pytest.raises(InputError, match=r"'hf:a/b@main' cannot be read: Dataset 'a/b' doesn't exist"):
        list(read_conversations("hf:a/b@main"))


def test_a_damaged_file_in_a_hub_layout_is_an_error(tmp_path):
    (tmp_path / "hub" / "data").mkdir(parents=True)
    (tmp_path / "hub" / "data" / "train.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(InputError, match="cannot be read"):
        list(read_conversations(tmp_path / "hub"))


def test_a_directory_of_files_is_read_file_by_file_without_its_graphs(tmp_path):
    for name in ("train", "test_schema", "valid-00001", "graphs"):
        write(tmp_path / f"{name}.jsonl", CHAT)
    found = [(Path(item.place).name, item.split) for item in read_conversations(tmp_path)]
    assert found == [
        ("test_schema.jsonl:1", "test_schema"),
        ("train.jsonl:1", "train"),
        ("valid-00001.jsonl:1", "validation"),
    ]


texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
systems = st.one_of(st.none(), texts)


@given(
    asked=st.lists(st.tuples(systems, texts, texts), min_size=1, max_size=5),
    suffix=st.sampled_from([".jsonl", ".csv", ".parquet"]),
)
@pytest.mark.parametrize("to", ["chat", "instruction", "completion"])
def test_conversion_keeps_every_character(tmp_path_factory, to, asked, suffix):
    directory = tmp_path_factory.mktemp("data")
    source = write(directory / "in.jsonl", *({"messages": list(_make_turns(*item, to))} for item in asked))
    output = directory / f"out{suffix}"
    assert convert(source, output, to) == len(asked)
    assert read(output) == read(source)
    assert convert(output, directory / "back.jsonl", "chat") == len(asked)
    assert (directory / "back.jsonl").read_text() == "".join(
        json.dumps(json.loads(line), ensure_ascii=False) + "\n" for line in source.read_text().splitlines()
    )


def _make_turns(system, question, answer, to):
    if system is not None and to != "completion":
        yield {"role": "system", "content": system}
    yield {"role": "user", "content": question}
    yield {"role": "assistant", "content": answer}


@pytest.mark.parametrize(
    ("turns", "to", "reason"),
    [
        ([*CHAT["messages"], *CHAT["messages"]], "instruction", "has 4 turns"),
        ([{"role": "system", "content": "s"}, *CHAT["messages"]], "completion", "has a system turn"),
        ([{"role": "assistant", "content": "s"}], "instruction", "has no question"),
        ([{"role": "assistant", "content": "s"}], "rows", "has no question"),
        ([{"role": "system", "content": "s"}, *CHAT["messages"]], "rows", "has a system turn"),
    ],
)
def test_what_a_form_cannot_hold_is_refused_and_nothing_is_written(tmp_path, turns, to, reason):
    source, output = write(tmp_path / "in.jsonl", CHAT, {"messages": turns}), tmp_path / "out.jsonl"
    with pytest.raises(InputError, match=reason):
        convert(source, output, to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_a_row_of_heimdalls_own_comes_back_as_it_was(tmp_path):
    (found,) = read_conversations(write(tmp_path / "in.jsonl", ROW.model_dump(mode="json")))
    assert Row.model_validate(to_record(found, "rows")) == ROW
    assert to_record(found, "chat") == CHAT


def test_other_forms_become_rows_whose_answer_is_a_text(tmp_path):
    source, output = write(tmp_path / "test.jsonl", CHAT, CHAT), tmp_path / "mine.jsonl"
    assert convert(source, output, "rows") == 2
    first, second = read_rows(output)
    assert first == second  # the same content has the same id
    assert (first.split, first.family, first.prompt, first.expected) == (
        "test_iid", "general", "chat", TextAnswer(text="hello")
    )  # fmt: skip


@pytest.mark.parametrize(("name", "to"), [("out.xlsx", "chat"), ("out", "chat"), ("out.csv", "rows")])
def test_a_file_that_cannot_be_written_so_is_a_usage_error(tmp_path, name, to):
    with pytest.raises(UsageError):
        convert(write(tmp_path / "in.jsonl", ROW.model_dump(mode="json")), tmp_path / name, to)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
@pytest.mark.parametrize("how", ["kill", "full"])
def test_a_conversion_that_dies_leaves_the_old_file_or_the_new_one(tmp_path, suffix, how):
    source = write(tmp_path / "in.jsonl", *[CHAT] * 3)
    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / f"data{suffix}"
    convert(source, output, "chat")
    new = output.read_bytes()
    step = 0
    while True:
        step += 1
        output.write_bytes(b"old")
        outcome = act_until_step(lambda: convert(source, output, "chat"), step, how, tmp_path / "out")
        assert output.read_bytes() in ((new,) if outcome == "done" else (b"old", new))
        if how == "full":
            assert [path.name for path in output.parent.iterdir()] == [output.name]
        if outcome == "done":
            break
    assert step > 3


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_disk_that_fills_while_rows_are_written_leaves_the_old_file(tmp_path, suffix, monkeypatch):
    source, output = write(tmp_path / "in.jsonl", *[CHAT] * 50), tmp_path / f"data{suffix}"
    output.write_bytes(b"old")
    opened = Path.open

    def open_small(path, mode="r", *arguments, **options):
        file = opened(path, mode, *arguments, **options)
        if "w" not in mode:
            return file

        class Full:
            def write(self, data):
                if file.tell() + len(data) > 100:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return file.write(data)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

            def __getattr__(self, name):
                return getattr(file, name)

        return Full()

    monkeypatch.setattr(Path, "open", open_small)
    with pytest.raises(DiskError, match="is full"):
        convert(source, output, "chat")
    assert output.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["in.jsonl", output.name])


def test_a_million_rows_would_be_read_and_written_in_constant_memory(tmp_path):
    def measure(rows):
        source = write(tmp_path / "in.jsonl", *[CHAT] * rows)
        tracemalloc.start()
        try:
            convert(source, tmp_path / "out.jsonl", "instruction")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    measure(10)
    assert measure(5000) < 1.5 * measure(500) + 100_000
