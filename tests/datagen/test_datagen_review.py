"""Reviews of inferred links: the answer follows from what is shown, in any order, and one changed name turns it."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.draft import Draft
from datagen.phrasing import Phraser
from datagen.review import DOCUMENTS, decide, draw_review, sample_case
from heimdall.answers import JsonAnswer, find_contradiction, find_fault
from heimdall.rows import Split
from nornicdb.contract import load_reference_contract
from nornicdb.review import read_review

CONTRACT = load_reference_contract()
SPAM = re.compile("voucher|watches|money|offer|asdf|lorem|free|subscribe")
LINE = re.compile(r"(\d)\.(.+)→RELATES_TO\((\d+)%\)")


def draw(split: Split, count: int, twin: bool = False) -> list[Draft]:
    drafts = (draw_review(split, random.Random(f"{split}/{i}"), CONTRACT, twin=twin) for i in range(count))
    return [draft for draft in drafts if draft is not None]


def value_of(draft: Draft) -> dict[str, list[int]]:
    assert isinstance(draft.expected, JsonAnswer)
    return draft.expected.value


def review_by_reading(prompt: str) -> tuple[set[int], set[str]]:
    """The approved indices and the related nodes of the pool, from the prompt's text alone."""
    data = prompt.split("\n\n", 1)[1]
    head, edges = data.split("EDGES:\n")
    edges, _, pool = edges.partition("POOL:")
    ids, _, nodes = pool.partition("\n")
    source = re.match(r"SRC:(.*?)\[", head)
    assert source is not None
    shared = {word for words in DOCUMENTS.values() for document in words for word in document.split()}
    shared |= {"of", "file"}
    # Without properties of the source its id is all there is to compare; an id with a digit says nothing.
    text = re.search(" text:(.*)", head)
    shown = text[1] if text else source[1]
    opaque = text is None and re.search(r"\d|nornicdb", source[1]) is not None
    names = set(re.findall("[a-z]+", shown.lower())) - shared - INTRODUCING
    blocks = re.split(r"(?m)^(?=\d\..+→)", edges)[1:]
    links = {}
    for block in blocks:
        index, target, percent = LINE.match(block).groups()  # type: ignore[union-attr]
        words = set(re.findall("[a-z]+", (block if " text:" in block else target).lower()))
        links[int(index)] = (target, int(percent), opaque or (bool(words & names) and not SPAM.search(block)))
    best = {target: max(p for t, p, _ in links.values() if t == target) for target, _, _ in links.values()}
    kept = {i for i, (target, p, fits) in links.items() if fits and target != source[1] and p == best[target]}
    described = dict(re.findall(r"(?m)^(\S+)\[\w+\]\n((?: .*\n)+)", nodes))
    near = set()
    for name in ids.split(",")[:-1]:
        words = set(re.findall("[a-z]+", described.get(name, name).lower()))
        if words & names and not opaque:
            near.add(name)
    return kept, near


# The words around the names in a source's text, which no project is called by.
INTRODUCING = set(
    re.findall(
        r"\w+",
        "is led by and builds runs whose main part the what delivers for first thoughts on looks after team work we "
        "need time of depends said wrote about in",
    )
)


@pytest.mark.parametrize("split", ["train", "test_phrasing", "test_fact"])
def test_every_answer_follows_from_the_text_of_the_prompt(split: Split) -> None:
    for draft in draw(split, 250) + draw(split, 250, twin=True):
        value = value_of(draft)
        kept, near = review_by_reading(draft.question)
        assert set(value["approved"]) == kept, draft.question
        assert {link["target_id"] for link in value.get("additional", [])} == near, draft.question  # type: ignore[call-overload]


@given(st.integers(0, 10**9), st.randoms(use_true_random=False))
def test_links_and_nodes_in_another_order_get_the_same_answers(seed: int, order: random.Random) -> None:
    case = sample_case(Phraser(random.Random(seed), held_out=False), "train")
    places = list(range(len(case.links)))
    order.shuffle(places)
    pool = None if case.pool is None else tuple(order.sample(case.pool, len(case.pool)))
    other = case._replace(links=tuple(case.links[place] for place in places), pool=pool)
    before, after = decide(case), decide(other)
    assert {places[index] for index in after["approved"]} == set(before["approved"])
    assert {places[index] for index in after["rejected"]} == set(before["rejected"])
    assert sorted(map(json.dumps, after.get("additional", []))) == sorted(map(json.dumps, before.get("additional", [])))


def test_a_twin_differs_in_the_names_of_one_node_and_in_its_answer() -> None:
    pairs = 0
    for seed in range(300):
        draft = draw_review("train", random.Random(seed), CONTRACT, twin=False)
        twin = draw_review("train", random.Random(seed), CONTRACT, twin=True)
        if draft is None or twin is None:
            continue
        pairs += 1
        before, after = (re.findall(r"\w+|\W", part.question) for part in (draft, twin))
        changed = {(a, b) for a, b in zip(before, after, strict=True) if a != b}
        assert len(changed) == 1 or {a.strip("_") for a, _ in changed}
        assert len(changed) <= 2  # a repeated link is shown twice
        assert set(value_of(draft)["approved"]) ^ set(value_of(twin)["approved"])
        assert draft.source == twin.source
    assert pairs > 200


def test_nornicdb_keeps_what_the_answer_approves_and_no_id_is_invented() -> None:
    for draft in draw("train", 300):
        value = value_of(draft)
        review = read_review(draft.answer, len(value["approved"]) + len(value["rejected"]))
        assert review.json_valid
        assert list(review.approved) == value["approved"]
        assert sorted(value["approved"] + value["rejected"]) == list(range(draft.question.count("→")))
        pool = re.search("(?m)^POOL:(.*),$", draft.question)
        assert {link.target_id for link in review.additional} <= set(pool[1].split(",") if pool else ())
        assert ("additional" in value) == draft.question.startswith(CONTRACT.review_augmented)
        assert find_contradiction(draft.answer, draft.expected) is None


def test_reasons_and_confidences_are_not_judged_but_targets_are() -> None:
    draft = next(draft for draft in draw("train", 300) if value_of(draft).get("additional"))
    assert isinstance(draft.expected, JsonAnswer)
    reply = json.loads(draft.answer)
    reply["reasoning"] = "so I think"
    reply["additional"][0] |= {"reason": "because", "conf": 0.61}
    assert find_fault(json.dumps(reply), draft.expected) is None
    reply["additional"][0]["target_id"] = "ghost"
    assert find_fault(json.dumps(reply), draft.expected) == "'additional' is another"
    del reply["additional"][0]["reason"]
    assert find_fault(json.dumps(reply), draft.expected) == "'additional' is another"


def test_rows_are_many_and_balanced_and_no_prompt_has_two_answers() -> None:
    drafts = draw("train", 1500) + draw("train", 1500, twin=True)
    answers: dict[str, str] = {}
    for draft in drafts:
        assert answers.setdefault(draft.question, draft.answer) == draft.answer
    assert len(answers) > 2700
    approved = sum(len(value_of(draft)["approved"]) for draft in drafts)
    every = approved + sum(len(value_of(draft)["rejected"]) for draft in drafts)
    assert 0.4 < approved / every < 0.6


def test_held_out_splits_bring_names_and_wordings_that_training_never_sees() -> None:
    train, fact, phrasing = draw("train", 400), draw("test_fact", 200), draw("test_phrasing", 200)
    assert not {draft.source for draft in train} & {draft.source for draft in fact}
    known = {production for draft in draw("train", 2000) for production in draft.productions}
    assert all(set(draft.productions) - known for draft in phrasing)
