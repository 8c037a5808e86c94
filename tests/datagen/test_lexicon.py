"""The word lists: as large as the design asks for, without doubles, and those of held-out schemas apart."""

import random

import pytest

from datagen import lexicon
from datagen.invention import invent_relation
from datagen.lexicon import HELD_OUT, TRAINING, Lexicon


def name_all(words: Lexicon) -> list[list[str]]:
    return [
        [noun.singular for noun in words.nouns],
        [noun.plural for noun in words.nouns],
        [relation.name for relation in words.relations],
        [prop.words for prop in (*words.properties, *words.names, *words.dates)],
    ]


def test_training_has_many_words_of_each_kind() -> None:
    assert len(TRAINING.nouns) >= 1500
    assert len(TRAINING.relations) >= 500
    assert len(TRAINING.properties) >= 790


def test_no_word_is_there_twice_and_none_of_the_held_out_ones_is_known() -> None:
    for known, held_out in zip(name_all(TRAINING), name_all(HELD_OUT), strict=True):
        assert len(known) == len(set(known))
        assert len(held_out) == len(set(held_out))
        assert not set(known) & set(held_out)


def test_categories_numbers_and_flags_are_balanced() -> None:
    shares = {kind: sum(prop.type == kind for prop in TRAINING.properties) for kind in ("STRING", "BOOLEAN")}
    assert all(0.15 < count / len(TRAINING.properties) < 0.35 for count in shares.values())


def test_compounds_keep_the_range_and_the_superlatives_of_their_property() -> None:
    (price,) = (prop for prop in TRAINING.properties if prop.words == "price")
    compounds = [prop for prop in TRAINING.properties if prop.words.endswith(" price")]
    assert price.most == "most expensive"
    assert compounds
    assert all((prop.low, prop.high, prop.most) == (price.low, price.high, price.most) for prop in compounds)


@pytest.mark.parametrize(
    ("verb", "past", "present"),
    [
        ("repair", "repaired", "repairs"),
        ("map", "mapped", "maps"),
        ("carry", "carried", "carries"),
        ("play", "played", "plays"),
        ("use", "used", "uses"),
        ("fix", "fixed", "fixes"),
        ("reach", "reached", "reaches"),
        ("view", "viewed", "views"),
        ("visit", "visited", "visits"),
        ("seal", "sealed", "seals"),
    ],
)
def test_regular_verbs_are_inflected(verb: str, past: str, present: str) -> None:
    assert lexicon.inflect(verb) == (past, present)


def test_a_relationship_is_worded_in_the_tense_of_its_name() -> None:
    by_name = {relation.name: relation for relation in TRAINING.relations}
    for relation in by_name.values():
        assert relation.active
        assert relation.passive
    assert by_name["ABANDONED"].active == ("abandoned",)
    assert by_name["ABSORBS"].active == ("absorb",)
    assert by_name["ABSORBS"].passive == ("absorbed by",)


def test_made_up_relationships_of_the_two_sides_never_share_a_name() -> None:
    rng = random.Random(2)
    sides = [{invent_relation(rng, held_out=side).name for _ in range(500)} for side in (False, True)]
    assert not sides[0] & sides[1]
