"""Labels follow from their stated rules, and passages hold exactly the answer that is asked for."""

import re

import pytest
from drafting import check_drafts, draw_many
from hypothesis import given
from hypothesis import strategies as st

from datagen.draft import Draft
from datagen.passages import draw_passage
from datagen.sentiment import Clause, draw_sentiment, label_review
from datagen.tlp import LABELS, decide_label, draw_tlp

PLACES = st.integers(0, 4)
KINDS = st.sampled_from(("+", "-", "++", "--", "~+", "~-", "!+", "!-", "0"))


@given(PLACES, PLACES, PLACES)
def test_a_label_is_never_wider_than_the_harm_or_the_source_allows(harm: int, need: int, source: int) -> None:
    place = LABELS.index(decide_label(harm, need, source))
    assert place <= min(harm, source)
    assert place == min(harm, source) or (place == need and harm < 4)


@pytest.mark.parametrize(
    ("harm", "need", "source", "label"),
    [
        (0, 4, None, "TLP:RED"),
        (2, 1, None, "TLP:AMBER+STRICT"),
        (2, 4, None, "TLP:AMBER"),
        (3, 3, None, "TLP:GREEN"),
        (3, 3, 1, "TLP:AMBER+STRICT"),
        (4, 0, None, "TLP:CLEAR"),
        (4, 4, 3, "TLP:GREEN"),
    ],
)
def test_the_decision_table(harm: int, need: int, source: int | None, label: str) -> None:
    assert decide_label(harm, need, source) == label


@given(st.lists(KINDS, min_size=1, max_size=4))
def test_the_sentiment_does_not_depend_on_the_order_of_aspects(kinds: list[str]) -> None:
    clauses = [Clause("x", kind) for kind in kinds]
    assert label_review(clauses) == label_review(clauses[::-1])


@given(st.lists(KINDS.filter(lambda kind: "!" not in kind), min_size=1, max_size=4))
def test_the_opposite_opinions_give_the_opposite_label(kinds: list[str]) -> None:
    turned = [kind.translate(str.maketrans("+-", "-+")) for kind in kinds]
    opposite = {"positive": "negative", "negative": "positive", "mixed": "mixed", "neutral": "neutral"}
    label = label_review([Clause("x", kind) for kind in kinds])
    assert label_review([Clause("x", kind) for kind in turned]) == opposite[label]


def test_what_follows_a_contrast_outweighs_what_precedes_it() -> None:
    assert label_review([Clause("a", "++"), Clause("b", "-", 2)]) == "negative"
    assert label_review([Clause("a", "++"), Clause("b", "-")]) == "positive"
    assert label_review([Clause("a", "!-"), Clause("b", "~-")]) == "mixed"


@pytest.mark.parametrize("make", [draw_tlp, draw_sentiment, draw_passage])
def test_drafts_are_right_distinct_and_held_out_where_they_should_be(make: object) -> None:
    check_drafts(make, 600)  # type: ignore[arg-type]


def test_every_label_occurs() -> None:
    labels = {draft.answer for draft in draw_many(draw_tlp, 300) if draft.category == "tlp_label"}
    assert labels == set(LABELS)
    moods = {draft.answer for draft in draw_many(draw_sentiment, 300) if draft.category == "sentiment_review"}
    assert moods == {"positive", "negative", "mixed", "neutral"}


def _read_passage(draft: Draft) -> list[str]:
    passage = draft.question.rpartition("\n\n")[0]
    return re.split(r"(?<=\.) ", passage)


def test_an_answer_stands_in_the_passage_and_a_missing_one_does_not() -> None:
    for draft in draw_many(draw_passage, 300):
        if draft.category == "qa_direct":
            assert draft.answer.casefold() in draft.question.rpartition("\n\n")[0].casefold()
        if draft.category == "qa_unanswerable":
            thing = re.search(r"[Tt]he [A-Z]\w+ [A-Z]\w+", draft.question.rpartition("\n\n")[2])
            assert thing is not None
            about = [each for each in _read_passage(draft) if thing[0].casefold() in each.casefold()]
            word = draft.source.split("/")[2] if draft.source else ""
            signs = {"year": r"\b\d{4}\b", "size": "members|people belong", "colour": "flag"}
            assert not re.search(signs.get(word, "(?!)"), " ".join(about))
