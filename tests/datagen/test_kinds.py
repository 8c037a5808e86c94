"""Files by kind: what was asked for is what is written, in the documented mix."""

from collections import Counter
from pathlib import Path

import pytest

from datagen.formats import Format, read_conversations
from datagen.generate import normalize_question
from datagen.kinds import KINDS, make_config, write_kind
from heimdall.errors import UsageError
from heimdall.rows import read_rows

OTHERS = ("heimdall", "cypher", "troubleshooting", "repository")  # tested below or in files of their own


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in OTHERS])
def test_as_many_different_rows_as_asked_for(kind: str, tmp_path: Path) -> None:
    written = write_kind(make_config(kind, 60, 1, {}), None, tmp_path / "rows.jsonl", "rows")
    rows = list(read_rows(tmp_path / "rows.jsonl"))
    assert written.rows == len(rows) == len({normalize_question(row.asked) for row in rows}) == 60
    assert sum(written.categories.values()) == sum(part.rows for part in written.lengths.classes) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]


def test_the_mix_is_thirty_forty_twenty_and_ten_percent(tmp_path: Path) -> None:
    out = tmp_path / "mix.jsonl"
    write_kind(make_config("heimdall", 100, 1, {"cypher_mix": {"algebra": 1}}), None, out, "rows")
    families = Counter(row.family for row in read_rows(out))
    cypher = families["cypher_schema"] + families["cypher_plain"]
    assert (cypher, families["operations"], families["action"], families["cypher_help"]) == (30, 40, 20, 10)


def test_other_forms_hold_the_same_questions(tmp_path: Path) -> None:
    config = make_config("sentiment", 20, 3, {})
    write_kind(config, None, tmp_path / "rows.jsonl", "rows")
    write_kind(config, None, tmp_path / "rows.csv", "instruction")
    asked = [row.question for row in read_rows(tmp_path / "rows.jsonl")]
    assert [found.prompt for found in read_conversations(tmp_path / "rows.csv")] == asked
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.csv", "rows.jsonl"]


@pytest.mark.parametrize(
    ("kind", "settings", "words"),
    [
        ("cyper", {}, "There is no kind 'cyper'. Did you mean 'cypher'"),
        ("mtg", {"sedd": 1}, "There is no setting 'sedd'"),
        ("repository", {}, "name it with --repo PATH"),
        ("mtg", {"prompt": "long"}, "prompt: "),
        ("mtg", {"general_tasks": {"mtg": 0.5}}, "general_tasks add up to 0.5, not to 1"),
    ],
)
def test_an_unknown_kind_or_setting_is_named(kind: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_config(kind, 10, 1, settings)


@pytest.mark.parametrize(
    ("kind", "form"), [("history", "instruction"), ("history", "completion"), ("knowledge", "completion")]
)
def test_a_form_that_cannot_hold_the_rows_is_refused_before_the_work(kind: str, form: Format, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"'{form}' cannot hold rows of '{kind}': use --to chat"):
        write_kind(make_config(kind, 10, 1, {}), None, tmp_path / "rows.jsonl", form)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_hold_the_form_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="must end in"):
        write_kind(make_config("mtg", 10, 1, {}), None, tmp_path / "rows.csv", "rows")
    assert not list(tmp_path.iterdir())
