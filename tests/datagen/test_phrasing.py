"""Wordings that training never uses are made of words that it does: a model from nothing cannot know any other."""

import random
import re
from collections.abc import Sequence

import pytest

from datagen import lexicon
from datagen.actions import ACTIONS, ask_for_action
from datagen.follow_ups import draw_follow_up
from datagen.knowledge import draw_knowledge
from datagen.phrasing import Phraser, count_held_out
from datagen.queries import sample_query
from datagen.query_follow_ups import draw_query_follow_up
from datagen.questions import LiteralNames, NaturalNames, ask
from datagen.schemas import sample_schema
from nornicdb.contract import load_reference_contract

Wordings = dict[str, tuple[str, ...]]


class RecordingPhraser(Phraser):
    """Keeps each construct's alternatives."""

    def __init__(self, rng: random.Random, wordings: Wordings) -> None:
        super().__init__(rng, held_out=False)
        self._wordings = wordings

    def pick(self, construct: str, alternatives: Sequence[str]) -> str:
        self._wordings[construct] = tuple(alternatives)
        return super().pick(construct, alternatives)


@pytest.fixture(scope="module")
def wordings() -> Wordings:
    """All wordings of requests for actions and of questions for queries, in and out of a context."""
    found: Wordings = {}
    rng, contract = random.Random(1), load_reference_contract()
    for _ in range(1500):
        draw_follow_up(contract, RecordingPhraser(rng, found))
    for _ in range(250):
        draw_knowledge(contract, RecordingPhraser(rng, found))
    for name in ACTIONS:
        for _ in range(60):
            ask_for_action(name, RecordingPhraser(rng, found))
    for number in range(300):
        schema = sample_schema(lexicon.TRAINING, rng, f"s{number}", 3, 0.2)
        for names in (NaturalNames, LiteralNames, NaturalNames):
            query = sample_query(schema, rng)
            if query is not None:
                phraser = RecordingPhraser(rng, found)
                ask(query, phraser, names(phraser))
        for _ in range(5):
            draw_query_follow_up(schema, RecordingPhraser(rng, found))
    return found


def find_words(alternatives: Sequence[str]) -> set[str]:
    return set(re.findall("[a-z]+", re.sub(r"\{.*?\}", " ", " ".join(alternatives).lower())))


def test_all_constructs_were_found(wordings: Wordings) -> None:
    assert {
        "show",
        "where.eq",
        "ask.top",
        "ask.superlative",
        "forward",
        "not_backward",
        "literal.node",
    } <= wordings.keys()
    assert {"follow.turn", "follow.number", "follow.type", "known.most", "known.sentence3"} <= wordings.keys()
    assert {"action.wrap", "discover.depth", "notify.title", "heimdall.help.object"} <= wordings.keys()


def test_a_held_out_wording_has_no_word_that_training_never_shows(wordings: Wordings) -> None:
    names = {noun.plural for noun in lexicon.TRAINING.nouns} | {noun.singular for noun in lexicon.TRAINING.nouns}
    known = find_words([*names, *(prop.words for prop in lexicon.TRAINING.properties)])
    held_out: set[str] = set()
    for alternatives in wordings.values():
        kept = len(alternatives) - count_held_out(alternatives)
        known |= find_words(alternatives[:kept])
        held_out |= find_words(alternatives[kept:])
    assert len(held_out) > 100
    assert held_out <= known


def test_no_held_out_wording_is_also_a_kept_one(wordings: Wordings) -> None:
    for construct, alternatives in wordings.items():
        kept = len(alternatives) - count_held_out(alternatives)
        assert not set(alternatives[:kept]) & set(alternatives[kept:]), construct


def test_the_split_draws_all_wordings_alike_and_counts_the_new_ones() -> None:
    alternatives = [f"wording {number}" for number in range(10)]
    train, split = (Phraser(random.Random(5), held_out=side) for side in (False, True))
    seen = {side: {phraser.pick("x", alternatives) for _ in range(400)} for side, phraser in ((0, train), (1, split))}
    assert seen[0] == set(alternatives[:8])
    assert seen[1] == set(alternatives)
    assert train.novel == 0
    assert split.novel == sum(production in ("x:8", "x:9") for production in split.used)
    assert 40 < split.novel < 120  # a fifth of 400
