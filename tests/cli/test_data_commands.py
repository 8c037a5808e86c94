"""`heimdall data` from the outside: what is printed, and how it ends."""

import json

import pytest

LINES = [json.dumps({"instruction": f"say \x1b[31m {n}", "output": f"[bold]{n}"}) + "\n" for n in range(5)]


@pytest.fixture
def call(monkeypatch, capsys, tmp_path, run_command):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.jsonl").write_text("".join(LINES))

    def run(*arguments, group="data"):
        code = run_command(group, *arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def test_rows_are_converted_and_counted(call, tmp_path):
    assert call("convert", "in.jsonl", "out.csv", "--to", "chat") == (0, "5 rows\nout.csv\n", "")
    code, out, _ = call("convert", "out.csv", "back.jsonl", "--to", "instruction", "--json")
    assert (code, json.loads(out)) == (0, {"rows": 5, "file": "back.jsonl"})
    written = [json.loads(line) for line in (tmp_path / "back.jsonl").read_text().splitlines()]
    assert [{key: row[key] for key in ("instruction", "output")} for row in written] == [json.loads(x) for x in LINES]


def test_rows_are_shown_plainly_with_their_control_characters_spelt_out(call):
    code, out, _ = call("show", "in.jsonl", "--start", "2", "--count", "2")
    assert code == 0
    assert [line for line in out.splitlines() if "in.jsonl" in line] == [
        line for line in out.splitlines() if line.startswith(("in.jsonl:2 · train", "in.jsonl:3 · train"))
    ]
    assert "say \\x1b[31m 1" in out
    assert "[bold]1" in out
    assert "\x1b" not in out
    assert "[bold]3" not in out


def test_a_reader_may_leave_the_pager_before_the_end(call, tmp_path, monkeypatch):
    (tmp_path / "long.jsonl").write_text("".join(LINES) * 2000)
    monkeypatch.setenv("PAGER", "head -n 1")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    assert call("show", "long.jsonl")[0] == 0


def test_lengths_answer_with_a_size(call):
    code, out, _ = call("lengths", "in.jsonl")
    assert code == 0
    assert "recommended context size: 256" in out
    assert "95th percentile" in out
    assert json.loads(call("lengths", "in.jsonl", "--json")[1])["rows"] == 5


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["convert", "in.jsonl", "out.jsonl", "--to", "instruct"], 2, "Did you mean 'instruction'?"),
        (["convert", "in.jsonl", "out.xls"], 2, "must end in one of"),
        (["convert", "nowhere.jsonl", "out.jsonl"], 3, "does not exist"),
        (["show", "broken.jsonl"], 3, "broken.jsonl:2: is no JSON object."),
        (["lengths", "in.jsonl", "--tokenizer", "."], 3, "holds no tokenizer.json"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_own_code(call, tmp_path, arguments, code, says):
    (tmp_path / "broken.jsonl").write_text(LINES[0] + "5\n")
    found, _, err = call(*arguments)
    assert found == code
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out.jsonl").exists()


@pytest.fixture
def validate(call, monkeypatch):
    """`heimdall validate` with files, which needs no flow."""

    def run(*arguments):
        monkeypatch.setattr("cli.run.run_flow", None)
        return call(*arguments, group="validate")

    return run


def test_files_are_validated_and_cleaned_without_a_flow(validate, tmp_path):
    (tmp_path / "bad.jsonl").write_text("".join([*(json.dumps(row) + "\n" for row in DIFFERENT), "5\n"]))
    code, out, err = validate("bad.jsonl", "--fix", "clean.jsonl", "--html", "report.html")
    assert code == 4
    assert err.splitlines()[-1].startswith("heimdall: The data set did not pass 'unreadable_rows'")
    assert "unreadable_rows: bad.jsonl:4: is no JSON object" in out
    assert "left out  1 rows: unreadable_rows" in out
    assert "<svg" in (tmp_path / "report.html").read_text()
    code, out, _ = validate("clean.jsonl", "--against", "bad.jsonl", "--json")
    assert code == 3  # what is compared with must be readable
    code, out, _ = validate("clean.jsonl", "--against", "clean.jsonl", "--json")
    assert code == 0
    found = json.loads(out)["report"]
    assert found["validation"]["passed"]
    assert found["difference"]["same"] == 3
    assert not (tmp_path / ".heimdall").exists()


DIFFERENT = [
    {"instruction": "what is a graph", "output": "Nodes and relationships."},
    {"instruction": "how many people are there", "output": "MATCH (n:Person) RETURN count(n)"},
    {"instruction": "give me the weather of Oslo", "output": "I cannot."},
]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["in.jsonl", "--dataset", "in.jsonl"], 2, "leave them out where FILE is given"),
        (["in.jsonl", "--model_dir", "champion"], 2, "leave them out where FILE is given"),
        (["--fix", "out.jsonl"], 2, "--fix is for files"),
        (["in.jsonl", "--fix", "in.jsonl"], 2, "give the copy another place"),
        (["in.jsonl", "--json-schema", "in.jsonl"], 3, "is no JSON Schema"),
        (["nowhere.jsonl"], 3, "does not exist"),
        (["in.jsonl", "--html", "in.jsonl/page.html"], 8, "is a file where a directory is needed"),
    ],
)
def test_a_mistake_in_what_to_validate_costs_nothing(validate, tmp_path, arguments, code, says):
    before = (tmp_path / "in.jsonl").read_bytes()
    found, _, err = validate(*arguments)
    assert found == code
    assert says in err
    assert (tmp_path / "in.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


SOURCE = '''"""A module."""


def count_words(text):
    """Says how often each of the words of a text occurs in it, in no order."""
    counts = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts


class Basket:
    owner: str
    things: list
    total: int
'''
LICENCE = "Permission is hereby granted, free of charge, to any person obtaining a copy. Without restriction."


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("cypher --output made/rows.jsonl --count 4 --seed 42", None),
        ("mtg --output rows.jsonl --num-examples 4 --include-advanced", "--include-advanced: "),
        ("coding --language go --output rows.jsonl --num-examples 4", None),
        (
            "repository --repo shop --language python --output rows.jsonl --num-examples 4 --include_docs",
            "--include-docs: ",
        ),
    ],
)
def test_the_options_of_the_former_generators_work(call, tmp_path, arguments, says):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/LICENSE").write_text(LICENCE)
    (tmp_path / "shop/shop.py").write_text(SOURCE)
    code, out, err = call("generate", *arguments.split())
    assert code == 0, err
    assert out.splitlines()[-2] == "4 rows"
    assert len((tmp_path / out.splitlines()[-1]).read_text().splitlines()) == 4
    assert says is None or says in err


def test_the_checkout_of_the_mix_is_named_by_repo(call):
    code, _, err = call("generate", "heimdall", "--repo", "nowhere", "--output", "rows.jsonl", "--num-examples", "4")
    assert code == 3
    assert "nowhere/pkg/heimdall" in err


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--check-cypher", "is always checked"),
        ("--min-category-size=50", "no row is repeated"),
        ("--max_category_ratio=3.0", "validation.max_action_share"),
        ("--no-backup", "never changed"),
    ],
)
def test_a_former_option_of_the_validation_says_what_took_its_place(validate, tmp_path, option, says):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in DIFFERENT))
    code, out, err = validate("rows.jsonl", option)
    assert code == 0
    assert says in err.splitlines()[0]
    assert says not in out
