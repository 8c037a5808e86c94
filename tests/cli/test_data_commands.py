"""`heimdall data` from the outside: what is printed, and how it ends."""

import json
import sys

import pytest

from cli import main as command_line

LINES = [json.dumps({"instruction": f"say \x1b[31m {n}", "output": f"[bold]{n}"}) + "\n" for n in range(5)]


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("heimdall.workspace.prepare_environment", lambda workspace: None)
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    (tmp_path / "in.jsonl").write_text("".join(LINES))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["heimdall", "data", *arguments])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

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
