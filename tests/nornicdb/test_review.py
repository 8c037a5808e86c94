"""Auto-TLP's review: the prompt to the letter, and what NornicDB makes of any reply."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornicdb.contract import load_reference_contract
from nornicdb.review import Addition, Node, Review, Suggestion, read_review, render_review

CONTRACT = load_reference_contract()
SOURCE = Node("n1", ("Memory", "Note"), {"title": "Kick-off"})
LINKS = [Suggestion(Node("n2", ("Note",), {"title": "Plan"}), 0.855), Suggestion(Node("n3"), 0.5, "CITES")]

indices = st.lists(st.integers(-2, 9), max_size=6)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
additions = st.builds(Addition, texts, texts, st.floats(0, 1), texts)


def test_the_prompt_of_the_engine_holds_ids_types_and_rounded_confidences_only() -> None:
    text = render_review(CONTRACT, Node("n1"), LINKS)
    assert text == f"{CONTRACT.review}\n\nSRC:n1[]\nEDGES:\n0.n2→RELATES_TO(86%)\n1.n3→CITES(50%)\n"


def test_the_source_is_shown_with_labels_and_properties_where_it_has_them() -> None:
    text = render_review(CONTRACT, SOURCE, LINKS[:1])
    assert text.endswith("\n\nSRC:n1[Memory Note]\n title:Kick-off\nEDGES:\n0.n2→RELATES_TO(86%)\n")


def test_a_pool_asks_for_further_links_and_a_pool_that_is_too_large_is_not_shown() -> None:
    nodes = [Node(f"p{i}") for i in range(11)]
    assert render_review(CONTRACT, SOURCE, LINKS, nodes[:2]).endswith("(50%)\nPOOL:p0,p1,\n")
    for pool in ([], nodes):
        text = render_review(CONTRACT, SOURCE, LINKS, pool)
        assert text.startswith(CONTRACT.review_augmented)
        assert "POOL" not in text.removeprefix(CONTRACT.review_augmented)


def test_content_is_shown_below_each_node() -> None:
    text = render_review(CONTRACT, SOURCE, LINKS, [Node("p", ("Task",), {"state": "open"})], content=True)
    assert text.endswith("86%)\n Note\n title:Plan\n1.n3→CITES(50%)\nPOOL:p,\np[Task]\n state:open\n")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=150))
def test_a_long_value_is_cut_to_200_bytes(value: str) -> None:
    line = render_review(CONTRACT, Node("n", (), {"k": value}), []).split("SRC:n[]\n k:")[1].removesuffix("\nEDGES:\n")
    if len(value.encode()) <= 200:
        assert line == value
    else:
        assert line.endswith("...")
        assert value.startswith(line.removesuffix("..."))
        assert 196 <= len(line.encode()) <= 200  # fewer than 200 where a character would have been cut in two


@given(indices, indices, st.lists(additions, max_size=3), texts, st.integers(0, 6))
def test_what_is_written_is_read_back(
    approved: list[int], rejected: list[int], added: list[Addition], reason: str, suggestions: int
) -> None:
    value = {
        "approved": approved,
        "rejected": rejected,
        "additional": [a._asdict() for a in added],
        "reasoning": reason,
    }
    review = read_review(f"So: {json.dumps(value)} That is all.".replace("So:", "So:\n"), suggestions)
    assert review == Review(tuple(sorted({i for i in approved if 0 <= i < suggestions})), tuple(added), {}, True)


@given(st.text() | st.text('{}[]":,\\u0e1aproved 1-.nl', max_size=60), st.integers(0, 6))
def test_any_text_is_read_without_an_exception_and_keeps_only_indices_of_the_list(text: str, suggestions: int) -> None:
    assert set(read_review(text, suggestions).approved) <= set(range(suggestions))


@pytest.mark.parametrize(
    ("reply", "approved"),
    [
        ('{"approved": [2, 0, 0, 7, -1]}', (0, 2)),
        ('{"rejected": [0]}', ()),  # nothing is approved that is not named
        ("{}", ()),
        ('{"APPROVED": [1]}', (1,)),
        ('{"approved": null}', ()),
        ('{"approved": [null]}', (0,)),
        ('{"approved": [1], "approved": [2]}', (2,)),
        ('{"approved": [1, 2], "approved": [null]}', (1,)),
        ('{"approved": [1, 2], "approved": [0], "approved": [null, null]}', (0, 2)),
        ('{"approved": [1, 2], "approved": [], "approved": [null]}', (0,)),
        # What does not decode is approved as a whole, whatever it says of single links.
        ('{"approved": [1.0]}', (0, 1, 2)),
        ('{"approved": [1e0]}', (0, 1, 2)),
        ('{"approved": ["1"]}', (0, 1, 2)),
        ('{"approved": 1}', (0, 1, 2)),
        ('{"approved": [9223372036854775808]}', (0, 1, 2)),
        ('{"approved": [1], "rejected": "0"}', (0, 1, 2)),
        ('{"approved": [1], "reasoning": ["why"]}', (0, 1, 2)),
        ('{"approved": [1], "reasoning": 5}', (0, 1, 2)),
        ('{"approved": [1], "type_overrides": {"x": "CITES"}}', (0, 1, 2)),
        ('{"approved": [1], "additional": {"target_id": "a"}}', (0, 1, 2)),
        ('{"approved": [1], "additional": [{"conf": "high"}]}', (0, 1, 2)),
        ('{"approved": [1], "additional": [{"conf": 1e999}]}', (0, 1, 2)),
        ('{"approved": [1], "unknown": 1e999}', (1,)),
        ('{"approved": [1]', (0, 1, 2)),
        ("[1]", (0, 1, 2)),
        ("}{", (0, 1, 2)),
        ("Approve all of them.", (0, 1, 2)),
        ("Reject ALL but approve all later", (0, 1, 2)),
        ("I reject all.", ()),
        ("None of these fit.", ()),
        ("nonetheless fine", ()),
        ('{"approved": [1], "reasoning": "none"', ()),
        ("", (0, 1, 2)),
    ],
)
def test_replies_are_read_as_nornicdb_reads_them(reply: str, approved: tuple[int, ...]) -> None:
    assert read_review(reply, 3).approved == approved


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [
        ({"0": "CITES", "1": "OWNS"}, {0: "CITES"}),  # the other link is not approved
        ({"0": ""}, {}),
        ({"0": None}, {}),
        ({"+0": "CITES"}, {0: "CITES"}),
        ({"00": "CITES"}, {0: "CITES"}),
    ],
)
def test_a_type_is_overridden_for_approved_links_only(overrides: dict[str, Any], kept: dict[int, str]) -> None:
    assert read_review(json.dumps({"approved": [0], "type_overrides": overrides}), 3).type_overrides == kept


def test_links_of_an_invented_node_are_taken_as_they_are() -> None:
    reply = '{"additional": [{"target_id": "ghost", "Type": "OWNS"}, null], "approved": []}'
    assert read_review(reply, 1).additional == (Addition("ghost", "OWNS"), Addition())
