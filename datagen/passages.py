"""Question answering: short passages about invented things, each with questions of which exactly one answer, or none,
follows from the text."""

import random
from typing import NamedTuple

from datagen.draft import Draft
from datagen.invention import invent_word
from datagen.phrasing import Phraser
from heimdall.answers import FactAnswer

_SAYS_NOTHING = ("not stated", "does not say", "not mentioned", "cannot be answered")


class _Attribute(NamedTuple):
    """How a passage states an attribute (of `{n}`, with the value `{v}`) and how a question asks for it."""

    name: str
    told: tuple[str, ...]
    asked: tuple[str, ...]


_YEAR = _Attribute(
    "year",
    ("{n} was founded in {v}.", "In {v} {n} came into being.", "{n} dates from {v}.", "The beginnings of {n} lie in {v}.", "Since {v} there has been {n}.", "The year {v} saw the start of {n}.", "{n} has existed since {v}.", "It was in {v} that {n} was set up."),
    ("When was {n} founded?", "In which year was {n} founded?", "What is the founding year of {n}?", "Since what year does {n} exist?", "From which year does {n} date?", "How far back does {n} go, as a year?", "Founding year of {n}?", "Which year marks the start of {n}?"),
)  # fmt: skip
_PLACE = _Attribute(
    "place",
    ("{n} is in {v}.", "{v} is home to {n}.", "One finds {n} in {v}.", "The seat of {n} is {v}.", "{n} stands in {v}.", "{n} has its home in {v}.", "Whoever looks for {n} has to go to {v}.", "In {v} there is {n}."),
    ("Where is {n}?", "In which place is {n}?", "Where does one find {n}?", "What is the location of {n}?", "Which place is home to {n}?", "In what place does {n} stand?", "Location of {n}?", "Name the place in which {n} is found."),
)  # fmt: skip
_HEAD = _Attribute(
    "head",
    ("{v} heads {n}.", "{n} is led by {v}.", "At the head of {n} stands {v}.", "{v} is in charge of {n}.", "The person who runs {n} is {v}.", "{v} presides over {n}.", "{n} answers to {v}.", "The head of {n} is called {v}."),
    ("Who leads {n}?", "Who heads {n}?", "Who is in charge of {n}?", "By whom is {n} led?", "Who runs {n}?", "What is the name of the head of {n}?", "Head of {n}?", "Which person stands at the head of {n}?"),
)  # fmt: skip
_SIZE = _Attribute(
    "size",
    ("{n} has {v} members.", "{v} people belong to {n}.", "The members of {n} number {v}.", "{n} counts {v} members.", "There are {v} members in {n}.", "{v} is the number of members of {n}.", "With {v} members {n} is content.", "On the roll of {n} stand {v} members."),
    ("How many members does {n} have?", "What is the number of members of {n}?", "How many people belong to {n}?", "How large is {n} in members?", "How many members are in {n}?", "Give the number of members of {n}.", "Members of {n}, how many?", "By how many members is {n} made up?"),
)  # fmt: skip
_COLOUR = _Attribute(
    "colour",
    ("The flag of {n} is {v}.", "{n} has a flag in {v}.", "The colour {v} stands for {n} on its flag.", "People know {n} by its {v} flag.", "{n} chose {v} for its flag.", "In front of {n} one sees its {v} flag.", "The members of {n} painted their flag {v}.", "{v} is the colour of the flag of {n}."),
    ("What colour is the flag of {n}?", "Which colour does {n}'s flag have?", "Of what colour is the flag of {n}?", "The flag of {n} is of which colour?", "What colour does {n} fly?", "Name the colour of the flag of {n}.", "Flag colour of {n}?", "In which colour does {n} present its flag?"),
)  # fmt: skip
_PRODUCT = _Attribute(
    "product",
    ("{n} is known for its {v}.", "{n} makes {v}.", "People come to {n} for {v}.", "From {n} comes fine {v}.", "{v} is what {n} is famous for.", "The pride of {n} is its {v}.", "{n} turns out {v}.", "Whoever needs {v} asks {n}."),
    ("What is {n} known for?", "What does {n} make?", "For what is {n} famous?", "What do people get from {n}?", "Which product made {n} known?", "What comes from {n}?", "Product of {n}?", "Name what {n} is known for."),
)  # fmt: skip
_ATTRIBUTES = (_YEAR, _PLACE, _HEAD, _SIZE, _COLOUR, _PRODUCT)
_COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple", "orange", "grey", "brown", "silver", "pink")
_PRODUCTS = (
    "honey",
    "glass",
    "paper",
    "cheese",
    "rope",
    "ink",
    "pottery",
    "linen",
    "soap",
    "salt",
    "candles",
    "violins",
    "tea",
    "maps",
    "bricks",
    "wool",
)
_THINGS = (
    "Guild",
    "Choir",
    "Academy",
    "Workshop",
    "Club",
    "Society",
    "Orchard",
    "Institute",
    "Brewery",
    "League",
    "Press",
    "Foundry",
)
_FRAME = (
    "{q}", "{q}", "Read the text and answer: {q}", "According to the text: {q}", "{q} Use the text only.", "From the passage alone: {q}", "Question about the text: {q}", "{q} If the text is silent on it, say so.", "Answer from what is written above. {q}",
    "Going by this passage, {q}",
)  # fmt: skip
_OLDER = (
    "Which is older, {a} or {b}?", "Of {a} and {b}, which was founded first?", "Was {a} or {b} there earlier?", "Which of the two came first: {a} or {b}?", "Name the older of {a} and {b}.", "Which has the longer history, {a} or {b}?", "{a} or {b}: which one dates further back?", "Between {a} and {b}, which is the senior one by founding year?",
)  # fmt: skip
_LARGER = (
    "Which has more members, {a} or {b}?", "Of {a} and {b}, which is larger in members?", "Does {a} or {b} count more members?", "Which of the two has the greater membership: {a} or {b}?", "Name the one with more members: {a} or {b}.", "Which is bigger by membership, {a} or {b}?", "{a} or {b}: where are more people members?", "Between {a} and {b}, which outnumbers the other?",
)  # fmt: skip
_BRIDGES: dict[tuple[str, str], tuple[str, ...]] = {
    ("head", "place"): ("In which place is the one that {v} leads?", "Where is what {v} heads?", "{v} is in charge of something; where is it?", "Where would one find the body led by {v}?", "Which place is home to what {v} runs?", "The one under {v} is in which place?", "Where does that stand which {v} runs?", "Name the place of the one headed by {v}."),
    ("place", "head"): ("Who leads the one in {v}?", "Who heads what is found in {v}?", "Who is in charge of the one that has its seat in {v}?", "By whom is the one in {v} led?", "Who runs what stands in {v}?", "What is the name of the head of the one in {v}?", "Which person leads the one whose home is {v}?", "In {v} there is one; who runs it?"),
    ("product", "head"): ("Who leads the one known for {v}?", "Who heads the maker of {v}?", "Who is in charge where {v} is made?", "By whom is the one famous for {v} led?", "Who runs the maker of {v}?", "What is the name of the head of the one that makes {v}?", "Which person leads the one known for its {v}?", "The one famous for {v} is led by whom?"),
    ("head", "product"): ("What is made by the one that {v} leads?", "What comes from the one headed by {v}?", "For what is the one under {v} famous?", "What does the one that {v} runs make?", "{v} is in charge of a maker of what?", "Name what the one led by {v} is known for.", "Which product comes from the one that {v} heads?", "The one that {v} leads is known for what?"),
    ("product", "place"): ("Where is the one known for {v}?", "In which place is {v} made?", "Where does the maker of {v} have its seat?", "Which place is home to the one famous for {v}?", "From which place does the {v} come?", "Where would one find the maker of {v}?", "Name the place of the one that makes {v}.", "The one known for {v} is in which place?"),
    ("place", "year"): ("When was the one in {v} founded?", "In which year was the one found in {v} founded?", "What is the founding year of the one whose seat is {v}?", "From which year does the one in {v} date?", "Since what year has {v} had its own?", "How far back, as a year, does the one in {v} go?", "Which year marks the start of the one in {v}?", "The one in {v} was founded when?"),
    ("colour", "size"): ("How many members does the one with the {v} flag have?", "How many people belong to the one that flies {v}?", "What is the number of members of the one whose flag is in {v}?", "How large, in members, is the one known by its {v} flag?", "The one with the {v} flag counts how many members?", "Give the number of members of the one whose flag is {v}.", "Under the {v} flag there are how many members?", "By how many members is the one with the {v} flag made up?"),
}  # fmt: skip


class _Thing(NamedTuple):
    name: str
    values: dict[str, str]


def draw_passage(phraser: Phraser) -> Draft:
    """A passage with a question about one attribute, across two of them, about a comparison, or without an answer."""
    rng = phraser.rng
    things = _invent_things(rng, rng.choice((2, 2, 3)))
    stated = {thing.name: rng.sample(_ATTRIBUTES, rng.randint(3, 5)) for thing in things}
    sentences = [
        phraser.pick(f"qa.told.{attribute.name}", attribute.told).format(n=thing.name, v=thing.values[attribute.name])
        for thing in things
        for attribute in stated[thing.name]
    ]
    if rng.random() < 0.5:
        rng.shuffle(sentences)
    kind = rng.choice(("direct", "direct", "bridge", "comparison", "unanswerable"))
    asked = _ask(kind, phraser, things, {name: {a.name for a in told} for name, told in stated.items()})
    if asked is None:
        return draw_passage(phraser)
    question, value, case, others = asked
    frame = phraser.pick("qa.frame", _FRAME).format(q=question)
    passage = " ".join(sentence[0].upper() + sentence[1:] for sentence in sentences)
    if value is None:
        answer, expected = "That is not stated in the text.", FactAnswer(required=(_SAYS_NOTHING,))
    else:
        answer, expected = value, FactAnswer(required=((value,),), forbidden=(*others, *_SAYS_NOTHING))
    told = "|".join("+".join(sorted(attribute.name for attribute in stated[thing.name])) for thing in things)
    return Draft(f"qa_{kind}", f"{passage}\n\n{frame}", answer, expected, source=f"qa/{case}/{told}", prompt="chat")


def _ask(
    kind: str, phraser: Phraser, things: list[_Thing], stated: dict[str, set[str]]
) -> tuple[str, str | None, str, tuple[str, ...]] | None:
    """A question, its answer (None: the text has none), what the case is called, and the values of other things; None
    where the passage gives no question of the kind."""
    rng = phraser.rng
    thing = rng.choice(things)
    if kind in ("direct", "unanswerable"):
        open_ones = [a for a in _ATTRIBUTES if (a.name in stated[thing.name]) == (kind == "direct")]
        attribute = rng.choice(open_ones)
        question = phraser.pick(f"qa.asked.{attribute.name}", attribute.asked).format(n=thing.name)
        value = thing.values[attribute.name] if kind == "direct" else None
        return question, value, f"{kind}/{attribute.name}", _list_others(attribute.name, thing, things)
    if kind == "bridge":
        bridges = [pair for pair in _BRIDGES if set(pair) <= stated[thing.name]]
        if not bridges:
            return None
        known, wanted = rng.choice(bridges)
        question = phraser.pick(f"qa.bridge.{known}.{wanted}", _BRIDGES[known, wanted]).format(v=thing.values[known])
        return question, thing.values[wanted], f"bridge/{known}/{wanted}", _list_others(wanted, thing, things)
    first, second = rng.sample(things, 2)
    shared = sorted(stated[first.name] & stated[second.name] & {"year", "size"})
    if not shared:
        return None
    by = rng.choice(shared)
    texts = _OLDER if by == "year" else _LARGER
    question = phraser.pick(f"qa.compare.{by}", texts).format(a=first.name, b=second.name)
    ranked = sorted((first, second), key=lambda each: int(each.values[by]), reverse=by == "size")
    return question, ranked[0].name, f"comparison/{by}", (ranked[1].name,)


def _list_others(attribute: str, thing: _Thing, things: list[_Thing]) -> tuple[str, ...]:
    return tuple(other.values[attribute] for other in things if other is not thing)


def _invent_things(rng: random.Random, number: int) -> list[_Thing]:
    """Things whose names and values all differ."""
    kinds, colours, products = (rng.sample(pool, number) for pool in (_THINGS, _COLOURS, _PRODUCTS))
    years, sizes = rng.sample(range(1120, 2020), number), rng.sample(range(12, 980), number)
    words: list[str] = []
    while len(words) < 4 * number:
        word = invent_word(rng).capitalize()
        if word not in words:
            words.append(word)
    things = []
    for at in range(number):
        name, place, first, last = words[4 * at : 4 * at + 4]
        values = {
            "year": str(years[at]), "place": place, "head": f"{first} {last}", "size": str(sizes[at]), "colour": colours[at],
            "product": products[at],
        }  # fmt: skip
        things.append(_Thing(f"the {name} {kinds[at]}", values))
    return things
