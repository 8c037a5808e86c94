"""What tests of the generators of single questions share: many drafts of one generator, and what each must be."""

import random
from collections.abc import Callable

from datagen.draft import Draft, draw_fitting, fits_split
from datagen.generate import normalize_question
from datagen.phrasing import Phraser
from heimdall.answers import find_contradiction
from heimdall.rows import Split


def draw_many(make: Callable[[Phraser], Draft], number: int, split: Split = "train", seed: int = 1) -> list[Draft]:
    """The drafts that a generator makes for a split."""
    rng = random.Random(seed)
    drafts = (draw_fitting(make, rng, split) for _ in range(number))
    return [draft for draft in drafts if draft is not None]


def check_drafts(make: Callable[[Phraser], Draft], number: int = 300, least_distinct: float = 0.9) -> None:
    """Answers say what is expected of them, no question has two answers, splits hold out what they should, most
    questions are distinct, and the same seed gives the same drafts."""
    train, facts = draw_many(make, number), draw_many(make, number // 4, "test_fact")
    novel = draw_many(make, number // 4, "test_phrasing")
    answers: dict[str, str] = {}
    for draft in (*train, *facts, *novel):
        assert find_contradiction(draft.answer, draft.expected) is None, draft
        assert draft.prompt == "chat"
        assert answers.setdefault(normalize_question(draft.question), draft.answer) == draft.answer, draft.question
    assert len({normalize_question(draft.question) for draft in train}) >= least_distinct * number
    assert facts
    assert not {draft.source for draft in facts} & {draft.source for draft in (*train, *novel)}
    assert all(fits_split(draft.source or "", "train") for draft in train)
    known = {production for draft in train for production in draft.productions}
    assert novel
    assert all(set(draft.productions) - known for draft in novel)
    assert draw_many(make, 20) == train[:20]
