"""What NornicDB finds for a question: how it is read out of a checkout, and how it stands in the prompt."""

import random
import re
from pathlib import Path

import pytest

from heimdall.errors import InputError
from heimdall.rows import Found, Message, Related
from nornicdb.contract import Contract, load_reference_contract
from nornicdb.gosource import GoFile
from nornicdb.prompts import build_head, build_rest, build_system_prompt, is_searched, render_knowledge, render_prompt
from nornicdb.retrieval import read_knowledge

CONTRACT = load_reference_contract()
# The same structure as NornicDB's watcher, with other words.
WATCHER = """package main

func (p *WatcherPlugin) PrePrompt(ctx *heimdall.PromptContext) error {
	found := p.performGraphRAG(ctx)
	if found != "" {
		ctx.AdditionalInstructions += found
	}
	ctx.AdditionalInstructions += "ALWAYS\\n"
	return nil
}

func (p *WatcherPlugin) performGraphRAG(ctx *heimdall.PromptContext) string {
	if p.ctx.Database == nil || len(ctx.UserMessage) < 5 {
		return ""
	}
	lowered := strings.ToLower(ctx.UserMessage)
	skipPhrases := []string{"state", "hey"}
	for _, phrase := range skipPhrases {
		if strings.HasPrefix(lowered, phrase) {
			return ""
		}
	}
	var sb strings.Builder
	sb.WriteString("\\nFOUND\\n")
	sb.WriteString("Perhaps of use:\\n\\n")
	for i, r := range result.Results {
		sb.WriteString(fmt.Sprintf("### %d. [%s] %s\\n", i+1, r.Type, title))
		sb.WriteString(fmt.Sprintf("Content: %s\\n", r.ContentPreview))
		sb.WriteString("Properties:\\n")
		for k, v := range r.Properties {
			if s, ok := v.(string); ok && len(s) > 80 {
				v = s[:80] + "..."
			}
			sb.WriteString(fmt.Sprintf("  - %s: %v\\n", k, v))
		}
		sb.WriteString("Related:\\n")
		if shown >= 3 {
			sb.WriteString(fmt.Sprintf("  ... and %d more related items\\n", len(r.Related)-3))
		}
		sb.WriteString(fmt.Sprintf("  %s [%s] %s (via %s)\\n", direction, rel.Type, relTitle, rel.Relationship))
		sb.WriteString("\\n")
	}
	sb.WriteString("END\\n")
	sb.WriteString("Answer, or search.\\n")
	return sb.String()
}
"""
ADA = Found(
    type="Person",
    title="Ada",
    content="x" * 205,
    properties={"age": 36, "retired": False, "note": "y" * 90},
    related=tuple(
        Related(type="City", title=name, relationship="SAW", forward=name != "Rome")
        for name in ("Oslo", "Rome", "Bonn", "Ulm")
    ),
)


def read(directory: Path, source: str) -> dict[str, object]:
    (directory / "plugin.go").write_text(source, encoding="utf-8")
    return read_knowledge(GoFile(directory, "plugin.go"))


def test_texts_limit_and_what_is_skipped_are_read_from_their_places(tmp_path: Path) -> None:
    assert read(tmp_path, WATCHER) == {
        "knowledge_heading": "\nFOUND\nPerhaps of use:\n\n",
        "knowledge_end": "END\nAnswer, or search.\n",
        "knowledge_limit": 80,
        "knowledge_skipped": ("state", "hey"),
    }


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ctx.AdditionalInstructions += found", 'log.Printf("found")'),  # a commit that only tells the user
        ("found := p.performGraphRAG(ctx)", 'found := ""'),
    ],
)
def test_what_does_not_reach_the_prompt_is_no_knowledge(tmp_path: Path, old: str, new: str) -> None:
    assert old in WATCHER
    assert read(tmp_path, WATCHER.replace(old, new)) == {}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"  - %s: %v\\n"', '"  * %s: %v\\n"', "the format of found nodes"),
        ('sb.WriteString("END\\n")\n\tsb.WriteString("Answer, or search.\\n")', "", "the format of found nodes"),
        ('sb.WriteString("END\\n")', "sb.WriteString(p.end())", "each text of performGraphRAG"),
        ("len(ctx.UserMessage) < 5", "len(ctx.UserMessage) < 9", "the limits"),
        ("shown >= 3", "shown >= 4", "the limits"),
        ("strings.HasPrefix(lowered, phrase)", "strings.Contains(lowered, phrase)", "beginnings that"),
        ('ctx.AdditionalInstructions += "ALWAYS\\n"', "ctx.AdditionalInstructions = found", "as the first of"),
    ],
)  # fmt: skip
def test_what_has_moved_is_named_with_its_place(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in WATCHER
    with pytest.raises(InputError, match=f"plugin.go:\\d+' does not have .*{re.escape(says)}"):
        read(tmp_path, WATCHER.replace(old, new))


def test_a_found_node_is_written_as_nornicdb_does() -> None:
    lines = render_knowledge(CONTRACT, random.Random(1), [ADA]).removeprefix(CONTRACT.knowledge_heading).splitlines()
    assert lines[:3] == ["### 1. [Person] Ada", f"Content: {'x' * 200}...", "Properties:"]
    assert sorted(lines[3:8]) == [
        "  - age: 36",
        f"  - content: {'x' * 200}...",
        f"  - note: {'y' * 90}",
        "  - retired: false",
        "  - title: Ada",
    ]
    assert lines[8:13] == [
        "Related:",
        "  → [City] Oslo (via SAW)",
        "  ← [City] Rome (via SAW)",
        "  → [City] Bonn (via SAW)",
        "  ... and 1 more related items",
    ]


def test_properties_come_in_every_order() -> None:
    orders = {render_knowledge(CONTRACT, random.Random(seed), [ADA]) for seed in range(400)}
    assert len(orders) > 100  # of 120


def test_knowledge_stands_before_the_instructions_and_examples_of_the_full_prompt_alone() -> None:
    contract = Contract.model_validate(CONTRACT.model_dump() | {"instructions": "ALWAYS BE BRIEF\n"})
    prompts = {
        variant: build_system_prompt(contract, variant, random.Random(2), [ADA]) for variant in ("knowledge", "minimal")
    }
    assert "Ada" not in prompts["minimal"]
    head, _, rest = prompts["knowledge"].partition(contract.context_heading)
    assert head == build_head(contract, random.Random(2))
    assert rest.startswith(contract.knowledge_heading + "### 1. [Person] Ada")
    assert contract.knowledge_end + "ALWAYS BE BRIEF\n" + contract.context_end + contract.examples_heading in rest
    assert prompts["knowledge"].endswith(contract.final)
    plain = build_system_prompt(CONTRACT, "full", random.Random(2))
    assert plain == build_head(CONTRACT, random.Random(2)) + build_rest(CONTRACT, random.Random(0))
    turns = [Message(role="user", content="How old is Ada?")]
    assert render_prompt(contract, "knowledge", random.Random(2), turns, [ADA]) == (
        f"<|im_start|>system\n{prompts['knowledge']}<|im_end|>\n<|im_start|>user\nHow old is Ada?<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_too_much_knowledge_turns_the_prompt_into_the_minimal_one() -> None:
    big = [ADA.model_copy(update={"title": f"A{number}"}) for number in range(40)]
    prompt = build_system_prompt(CONTRACT, "knowledge", random.Random(3), big)
    assert prompt == build_system_prompt(CONTRACT, "minimal", random.Random(3))


@pytest.mark.parametrize(
    ("question", "searched"),
    [("who is Ada", True), ("who?", False), ("Status of Ada", False), ("history of Ada", False), ("the status", True)],
)
def test_some_questions_are_not_searched_for(question: str, searched: bool) -> None:
    assert is_searched(CONTRACT, question) == searched
    without = CONTRACT.model_copy(update={"knowledge_heading": ""})
    assert not is_searched(without, question)
