"""`heimdall chat` through the command line, with a tiny model: the commands of a conversation, and what they keep."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from eval.suite import read_suite
from nornicdb.contract import load_reference_contract

QUESTION = "How many people are there?"
Talk = Callable[..., tuple[str, str]]
CYPHER = "MATCH (n:Person) RETURN count(n)"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def talk(
    site: Path,
    tiny_gguf: Path,
    run_command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Talk:
    """Gives lines to `heimdall chat` and returns what it printed, stdout and stderr."""

    def run(*lines: str, options: tuple[str, ...] = (), max_tokens: int = 4) -> tuple[str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        arguments = ("chat", "--preset", "heimdall_smoke", "--model", tiny_gguf, *options)
        assert run_command(*arguments, "--max-tokens", max_tokens) == 0
        captured = capsys.readouterr()
        return captured.out, captured.err

    return run


def test_the_exact_text_is_shown_and_raw_text_has_nothing_around_it(talk: Talk) -> None:
    out, err = talk("/prompt", "status", "/prompt", "/raw a b", "/prompt")
    assert err == "heimdall: Nothing was asked yet.\n"
    assert "<|im_start|>user\nstatus<|im_end|>\n<|im_start|>assistant\n" in out
    assert out.index("<|im_start|>system\n") < out.index("<|im_start|>user\nstatus")
    shown = out.split("> ")[-2]
    assert shown == "a b\n"
    assert "prompt  raw, " in out


def test_a_constrained_answer_is_an_action_also_of_random_weights(talk: Talk) -> None:
    out, _ = talk("status", "/constrained", "status", "/constrained", "status", max_tokens=120)
    free, constrained, again = (part for part in out.split("> ") if part.startswith("prompt  minimal"))
    assert "under the grammar" in constrained
    assert 'reply   {"action": "heimdall.' in constrained
    assert "under the grammar" not in free + again
    assert free.split("time")[0] == again.split("time")[0]


def test_only_the_current_question_is_sent_though_all_are_kept(talk: Talk) -> None:
    out, _ = talk("first question", "second one", "/prompt", "/history", "/help")
    prompt = out[out.index("<|im_start|>system") : out.index("1  first question")]
    assert "second one" in prompt
    assert "first question" not in prompt
    assert "2  second one" in out
    assert "/suite FILE" in out


def test_corrected_answers_make_a_suite_that_can_be_asked(talk: Talk, site: Path) -> None:
    suite = site / "mine.jsonl"
    suite.write_text('{"question": "Is it up?", "actions": [{"action": "heimdall.status"}]}')  # no end of line
    action = json.dumps({"action": "heimdall.watcher.events", "params": {"limit": 3}})
    query = json.dumps({"action": "heimdall.watcher.query", "params": {"cypher": CYPHER}})
    out, err = talk(
        QUESTION, "/suite mine.jsonl", CYPHER, "/suite mine.jsonl", query, "events?", "/suite mine.jsonl", action
    )
    assert err == ""
    assert "'mine.jsonl' holds 4 questions" in out
    rows = read_suite(suite, load_reference_contract())
    assert [row.question for row in rows] == ["Is it up?", QUESTION, QUESTION, "events?"]
    assert json.loads(suite.read_text().splitlines()[1]) == {"question": QUESTION, "cypher": CYPHER}
    assert json.loads(suite.read_text().splitlines()[2]) == {"question": QUESTION, "cypher": CYPHER}
    assert json.loads(rows[3].answer) == json.loads(action)


def test_an_empty_line_takes_the_reply_only_if_it_is_an_action(talk: Talk, site: Path) -> None:
    out, err = talk("status", "/suite a.jsonl", "", "/constrained", "status", "/suite a.jsonl", "", max_tokens=120)
    assert "the reply is no action" in err
    last = [line for line in out.splitlines() if line.startswith("reply")][-1].removeprefix("reply   ")
    try:
        json.loads(last)
    except ValueError:  # cut at the limit: no action either
        assert not (site / "a.jsonl").exists()
        assert err.count("the reply is no action") == 2
    else:
        assert len(read_suite(site / "a.jsonl", load_reference_contract())) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ("MATCH (n RETURN n", "cypher: "),
        ('{"action": "heimdall.nothing", "params": {}}', "'heimdall.nothing' is not a registered action"),
        ('{"action": "heimdall.watcher.query", "params": {}}', "needs the parameter 'cypher'"),
        ('{"action": "heimdall.watcher.events", "params": {"limits": 3}}', "Did you mean 'limit'"),
        ('{"action": }', "JSON is broken"),
    ],
)
def test_an_answer_that_cannot_be_right_is_not_added_and_the_talk_goes_on(
    answer: str, says: str, talk: Talk, site: Path
) -> None:
    before = '{"question": "Is it up?", "actions": [{"action": "heimdall.status"}]}\n'
    (site / "mine.jsonl").write_text(before)
    out, err = talk(QUESTION, "/suite mine.jsonl", answer, "/history")
    assert says in err
    assert f"1  {QUESTION}" in out
    assert (site / "mine.jsonl").read_text() == before
    assert [path.name for path in site.iterdir()] == ["mine.jsonl"]


def test_a_broken_suite_is_left_as_it_is_and_named_with_its_line(talk: Talk, site: Path) -> None:
    (site / "mine.jsonl").write_text('{"question": 3}\n')
    _, err = talk(QUESTION, "/suite mine.jsonl", CYPHER)
    assert "mine.jsonl:1: question" in err
    assert (site / "mine.jsonl").read_text() == '{"question": 3}\n'


def test_what_cannot_be_followed_is_explained_and_ends_nothing(talk: Talk, site: Path) -> None:
    out, err = talk("/promt", "/raw", "/history now", "/suite a.jsonl", "x" * 9000, "/raw hello", "/suite a.jsonl")
    lines = err.splitlines()
    assert "Did you mean '/prompt'?" in lines[0]
    assert "/raw needs a text" in lines[1]
    assert "/history takes nothing" in lines[2]
    assert "Nothing was asked yet" in lines[3]
    assert "leaves no room" in lines[4]
    assert "without /raw" in lines[5]
    assert "prompt  raw" in out
    assert list(site.iterdir()) == []


def test_with_json_stdout_holds_answers_only(talk: Talk) -> None:
    out, err = talk("status", "/prompt", "/history", options=("--json",))
    answer = json.loads(out)
    assert (answer["question"], answer["constrained"]) == ("status", False)
    assert 0 < answer["confidence"] < 1
    assert "<|im_start|>user\nstatus" in err
