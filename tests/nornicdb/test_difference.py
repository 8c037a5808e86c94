"""What changed between two commits, through the real command line, on checkouts that differ in known places."""

import json
from collections.abc import Callable
from pathlib import Path

import contract_checkout
import fact_checkout
import pytest

from nornicdb.difference import Change, compare_versions, read_version
from nornicdb.facts import Facts


def write_both(root: Path, contract: dict[str, str] = contract_checkout.FILES, **changed: str) -> Path:
    """A checkout with contract and facts."""
    fact_checkout.write_checkout(root, **changed)
    for file, text in contract.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    return root


def compare(old: Path, new: Path) -> list[tuple[str, str, str, str]]:
    changes = compare_versions(read_version(old), read_version(new))
    return [(change.area, change.kind, change.name, change.detail) for change in changes]


def test_a_checkout_does_not_differ_from_itself_even_if_everything_stands_one_line_lower(tmp_path: Path) -> None:
    old, new = write_both(tmp_path / "old"), write_both(tmp_path / "new")
    for path in new.rglob("*.go"):
        path.write_text("// a licence\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    assert compare(old, new) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        (
            "pkg/config/config.go",
            "config.Server.Port = 7000",
            "config.Server.Port = 7001",
            [
                ("environment variables", "changed", "NEO4J_port", "default 7000 → 7001"),
                ("environment variables", "changed", "NORNICDB_PORT", "default 7000 → 7001"),
                ("keys of nornicdb.yaml", "changed", "server.port", "default 7000 → 7001"),
            ],
        ),
        (
            "pkg/server/router.go",
            "s.handleClosed, auth.PermRead",
            "s.handleClosed, auth.PermAdmin",
            [("HTTP routes", "changed", "/closed", "permission read → admin:all")],
        ),
        (
            "pkg/server/router.go",
            '"/open"',
            '"/opened"',
            [("HTTP routes", "removed", "/open", ""), ("HTTP routes", "added", "/opened", "")],
        ),
        (
            "pkg/cypher/functions_helpers.go",
            "case func([]interface{}) float64:",
            "case func([]interface{}) int:",
            [("APOC functions", "changed", "apoc.list.total", "callable as function → nothing")],
        ),
        (
            "pkg/cypher/call.go",
            "DB.THINGS",
            "DB.DREAMS",
            [
                ("procedures", "changed", "db.dreams", "can be called no → yes"),
                ("procedures", "changed", "db.things", "can be called yes → no"),
            ],
        ),
        (
            "pkg/cypher/evaluate.go",
            '"toshort"',
            '"dreamof"',
            [
                ("functions", "changed", "dreamof", "can be used no → yes"),
                ("functions", "changed", "toshort", "can be used yes → no"),
            ],
        ),
        (
            "pkg/cypher/regex_patterns.go",
            r"\s+IS\s+UNIQUE",
            r"\s+IS\s+NODE\s+KEY",
            [
                (
                    "index and constraint syntax",
                    "changed",
                    "constraintNamed",
                    "form CREATE CONSTRAINT name [IF NOT EXISTS] IS UNIQUE → "
                    "CREATE CONSTRAINT name [IF NOT EXISTS] IS NODE KEY",
                )
            ],
        ),
        (
            "pkg/mcp/tools.go",
            '"limit":   map[string]interface{}{"type": "integer", "default": 10}',
            '"most":    map[string]interface{}{"type": "integer"}',
            [("MCP tools", "changed", "keep", "new parameter most; without parameter limit")],
        ),
    ],
)
def test_a_changed_fact_is_told_in_words(
    tmp_path: Path, name: str, old: str, new: str, expected: list[tuple[str, str, str, str]]
) -> None:
    before = write_both(tmp_path / "old")
    after = write_both(tmp_path / "new", name=name, old=old, new=new)
    assert compare(before, after) == expected


def test_a_later_contract_has_its_actions_renamed_and_its_texts_changed(tmp_path: Path) -> None:
    changes = compare(write_both(tmp_path / "old"), write_both(tmp_path / "new", contract_checkout.LATER_FILES))
    assert changes == [
        ("actions", "renamed", "heimdall.watcher.query", "now heimdall_watcher_query"),
        ("actions", "renamed", "heimdall.watcher.forge", "now heimdall_watcher_forge"),
        ("actions", "removed", "heimdall.help", ""),
        ("actions", "removed", "heimdall.status", ""),
        ("actions", "changed", "heimdall_watcher_query", "new parameter dry, limit; without parameter params"),
        ("prompt texts", "changed", "the plugin's instructions", 'new: "ALWAYS:" and 1 more'),
        ("prompt texts", "changed", "the last instruction", 'new: "ONE LINE"'),
        ("prompt texts", "changed", "the last instruction of the minimal prompt", 'new: "ONE LINE"'),
        ("examples", "removed", '"all well?" → {"action": "heimdall.status", "params": {}}', ""),
        ("examples", "removed", '"make a thing" → {"action": "heimdall.watcher.forge", "params": {}}', ""),
        ("examples", "added", '"make a thing" → {"action": "heimdall_watcher_forge", "params": {}}', ""),
        ("examples", "removed", '"what\'s there" → {"action": "heimdall.help", "params": {}}', ""),
    ]


def test_sentences_are_not_compared_with_the_bundled_ones(tmp_path: Path) -> None:
    changes = compare_versions(read_version(None), read_version(write_both(tmp_path)))
    assert {change.area for change in changes if change.kind != "added"} >= {"actions", "APOC functions", "HTTP routes"}
    assert not {change.area for change in changes} & {"prompt texts", "examples"}


def test_diff_prints_the_changes_below_their_areas(
    tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    old = write_both(tmp_path / "old")
    new = write_both(tmp_path / "new", name="pkg/server/router.go", old='"/open"', new='"/opened"')
    assert run_command("contract", "diff", old, new) == 0
    assert capsys.readouterr().out == (
        "checkout@unknown → checkout@unknown: 2 changes\n\nHTTP routes\n  removed /open\n  added /opened\n"
    )


def test_diff_prints_one_json_object(
    tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("contract", "diff", "reference", write_both(tmp_path), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["old"], printed["new"]) == ("reference", "checkout@unknown")
    assert all(Change.model_validate(change) for change in printed["changes"])


def test_diff_names_a_directory_that_is_no_checkout(
    tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("contract", "diff", "reference", tmp_path) == 3
    assert f"'{tmp_path}' has to be a NornicDB checkout" in capsys.readouterr().err


def test_show_tells_actions_and_how_many_facts_there_are(
    tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("contract", "show", "--nornicdb", write_both(tmp_path)) == 0
    out = capsys.readouterr().out
    assert "  heimdall.watcher.query(cypher: string, params?: object)\n" in out
    assert "  routes 3\n" in out
    assert "  4 of 5 APOC functions can be called\n" in out


def test_show_without_a_checkout_shows_what_is_bundled(
    run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("contract", "show", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["contract"]["source"] == "reference"
    assert printed["facts"]["source"].startswith("catalogue@")


def test_catalogue_writes_what_may_be_bundled(
    tmp_path: Path, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "catalogue.json"
    checkout = write_both(tmp_path / "checkout")
    assert run_command("contract", "catalogue", "--nornicdb", checkout, "--output", output) == 0
    facts = Facts.model_validate_json(output.read_text(encoding="utf-8"))
    assert facts.source == "catalogue@unknown"
    assert not facts.test_queries
    assert str(output) in capsys.readouterr().out
