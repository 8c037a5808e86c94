"""Questions that come with what NornicDB has found for them in its graph, some of which that answers and some not.

NornicDB searches its graph for the words of a message and puts up to five nodes into the full prompt, with the
instruction to answer from them where they hold the answer and to search further (`discover`) where they do not. Half of
the questions are answered by them, in prose; a quarter ask for what they do not hold, and a quarter for something else.
"""

import random
from typing import NamedTuple

from datagen.actions import QUERY, Params, ask_for_action, match_actions
from datagen.draft import Draft
from datagen.invention import invent_word
from datagen.lexicon import TRAINING, Noun, Property, Relation
from datagen.phrasing import Phraser, polish
from datagen.schemas import sample_values, spell_property
from heimdall.answers import ActionAnswer, FactAnswer, format_action
from heimdall.rows import LACKING, UNRELATED, Found, Related
from nornicdb.contract import Contract
from nornicdb.prompts import is_searched, render_knowledge

CATEGORY = "grounded"
_KINDS = {CATEGORY: 0.5, LACKING: 0.25, UNRELATED: 0.25}
_MOST_FOUND = 5  # NornicDB asks for no more
_LONGEST = 2400  # bytes of all that was found: so that it fits into 4096 tokens with the full prompt
_DISCOVER = "heimdall.watcher.discover"

_PROPERTY = (
    "what is the {p} of {t}", "which {p} does {t} have", "the {p} of {t}", "tell me the {p} of {t}", "{t}: what is the {p}", "I need the {p} of {t}", "what about the {p} of {t}", "what does {t} have as {p}", "do we know the {p} of {t}", "what is known as the {p} of {t}", "tell me what {t} has as {p}",
)  # fmt: skip
_TARGET = (
    "what is {r}", "tell me what is {r}", "which one is {r}", "do we know what is {r}", "I need to know what is {r}", "which node is {r}", "tell me which one is {r}", "what do we know to be {r}", "do we know which one is {r}", "tell me which node is {r}",
)  # fmt: skip
_MOST = (
    "which of the {n} has the {most} {p}", "tell me which of the {n} has the {most} {p}", "which one of the {n} has the {most} {p}", "the one of the {n} with the {most} {p}", "what is the one of the {n} with the {most} {p}", "do we know which of the {n} has the {most} {p}", "I need the one of the {n} with the {most} {p}", "tell me which one of the {n} has the {most} {p}", "do we know the one of the {n} with the {most} {p}",
)  # fmt: skip
# What a node's text says, the questions that this answers, and the answer.
_SENTENCES = (
    ("{t} is kept in {v}.", ("where is {t} kept", "in which place is {t} kept", "do we know where {t} is kept", "tell me where {t} is kept", "{t}: where is it kept", "I need to know where {t} is kept", "tell me in which place {t} is kept")),
    ("{v} looks after {t}.", ("who looks after {t}", "tell me who looks after {t}", "do we know who looks after {t}", "{t}: who looks after it", "which person looks after {t}", "I need to know who looks after {t}", "tell me which person looks after {t}")),
    ("{t} took the place of {v}.", ("what did {t} take the place of", "tell me what {t} took the place of", "do we know what {t} took the place of", "which one did {t} take the place of", "{t} took the place of what", "I need to know what {t} took the place of", "tell me which one {t} took the place of")),
    ("{t} was last checked by {v}.", ("who last checked {t}", "by whom was {t} last checked", "do we know who last checked {t}", "tell me who last checked {t}", "{t}: who checked it last", "I need to know who last checked {t}", "tell me by whom {t} was last checked")),
)  # fmt: skip
_FILLERS = (
    "It has been there for a long time and most people know of it.", "Nobody has asked for a change so far.", "There is more about it in the older documents.", "It came up in several talks, and each time it was left as it was.", "Some of it was written down twice.",
)  # fmt: skip
_QUESTIONS = ("what", "which", "who", "where", "do", "by whom", "in which", "how", "is", "are", "can")

_VALUES = tuple(prop for prop in TRAINING.properties if prop.type == "INTEGER" or prop.pool)
_RELATIONS = tuple(relation for relation in TRAINING.relations if relation.passive[0].endswith(" by"))


class _Asked(NamedTuple):
    """A question, the node that it is about, its answer with the value that this must say and those that it must not,
    and what has to be read to know."""

    text: str
    title: str
    answer: str
    value: str
    others: tuple[str, ...] = ()
    evidence: str = ""


class _World(NamedTuple):
    """What was found. `properties` are those that nodes may have, `lacked` is one that none has; `told` says which of
    the sentences stands in the text of the node with this title, and with which value."""

    found: tuple[Found, ...]
    noun: Noun
    properties: dict[str, Property]
    lacked: Property
    told: dict[str, tuple[int, str]]


def draw_knowledge(contract: Contract, phraser: Phraser) -> Draft | None:
    """A question with what was found for it, or None where the dice give none for which NornicDB would search."""
    rng, actions = phraser.rng, match_actions(contract)
    world = _find_nodes(rng)
    while len(render_knowledge(contract, random.Random(0), world.found).encode()) > _LONGEST:
        world = _find_nodes(rng)
    kind = rng.choices(tuple(_KINDS), tuple(_KINDS.values()))[0]
    if kind == UNRELATED or (kind == LACKING and _DISCOVER not in actions):
        kind, name = UNRELATED, rng.choice(sorted(actions))
        text, params = ask_for_action(name, phraser)
        return _draft(kind, text, world, contract, phraser, (actions[name], params), polished=name != QUERY)
    asked = rng.choice(_ASKERS)(world, phraser)
    if asked is None:
        return None
    # What a long text says at its end is cut off: the model does not see it.
    seen = asked.evidence in render_knowledge(contract, random.Random(0), world.found)
    if kind == LACKING and seen:
        asked = _ask_missing(world, phraser)
        seen = False
    if seen != (kind == CATEGORY):
        return None
    if kind == CATEGORY:
        return _draft(kind, asked.text, world, contract, phraser, asked)
    return _draft(kind, asked.text, world, contract, phraser, (actions[_DISCOVER], {"query": asked.title}))


def _draft(
    kind: str,
    text: str,
    world: _World,
    contract: Contract,
    phraser: Phraser,
    answer: _Asked | tuple[str, Params],
    *,
    polished: bool = True,
) -> Draft | None:
    if polished:
        text = polish(text, phraser.rng, question=text.startswith(_QUESTIONS))
    if not is_searched(contract, text):
        return None
    expected: FactAnswer | ActionAnswer
    if isinstance(answer, _Asked):
        said = answer.answer
        expected = FactAnswer(required=((answer.value,),), forbidden=answer.others)
    else:
        name, params = answer
        action = contract.find_action(name)
        if action is None or not params.keys() <= {param.name for param in action.params}:
            return None
        said, expected = format_action(name, params), ActionAnswer(action=name, params=params)
    productions = tuple(phraser.used)
    return Draft(kind, text, said, expected, None, productions, prompt="knowledge", knowledge=world.found)


def _find_nodes(rng: random.Random) -> _World:
    """Up to five nodes, most of them of one type, with names, numbers and links that nothing else has."""
    noun, snake = rng.choice(TRAINING.nouns), rng.random() < 0.4
    *shown, lacked = rng.sample(_VALUES, 4)
    while any(lacked.words.split()[-1] == prop.words.split()[-1] for prop in shown):  # a count is also an error count
        lacked = rng.choice(_VALUES)
    values = {prop: list(sample_values(prop, rng)) for prop in shown}
    told: dict[str, tuple[int, str]] = {}
    names: set[str] = set()

    def name() -> str:
        while (word := invent_word(rng).capitalize()) in names:
            pass
        names.add(word)
        return word

    def take(prop: Property) -> str | int:
        drawn = values[prop].pop() if prop.type == "INTEGER" and len(values[prop]) > 1 else rng.choice(values[prop])
        return drawn if isinstance(drawn, int) else str(drawn)

    def find() -> Found:
        title, content = name(), ""
        if rng.random() < 0.6:
            told[title] = number, value = rng.randrange(len(_SENTENCES)), name()
            sentences = rng.sample(_FILLERS, rng.randint(0, len(_FILLERS)))
            sentences.insert(rng.randint(0, len(sentences)), _SENTENCES[number][0].format(t=title, v=value))
            content = " ".join(sentences)
        drawn = rng.sample(_RELATIONS, rng.choice((0, 1, 1, 2, 3)))
        links = {relation.passive[0]: relation for relation in drawn}.values()  # two may be worded alike
        kind = noun if rng.random() < 0.75 else rng.choice(TRAINING.nouns)
        return Found(
            type=_pascal(kind),
            title=title,
            content=content,
            properties={spell_property(prop.words, snake): take(prop) for prop in shown if rng.random() < 0.75},
            related=tuple(_link(relation, name(), rng) for relation in links),
        )

    found = tuple(find() for _ in range(rng.randint(1, _MOST_FOUND)))
    return _World(found, noun, {spell_property(prop.words, snake): prop for prop in shown}, lacked, told)


def _link(relation: Relation, title: str, rng: random.Random) -> Related:
    kind = _pascal(rng.choice(TRAINING.nouns))
    return Related(type=kind, title=title, relationship=relation.name, forward=rng.random() < 0.5)


def _pascal(noun: Noun) -> str:
    return "".join(word.capitalize() for word in noun.singular.split())


def _ask_property(world: _World, phraser: Phraser) -> _Asked | None:
    node = phraser.rng.choice(world.found)
    if not node.properties:
        return None
    name = phraser.rng.choice(list(node.properties))
    words, value = world.properties[name].words, str(node.properties[name])
    others = {str(other.properties[name]) for other in world.found if name in other.properties} - {value}
    text = phraser.pick("known.property", _PROPERTY).format(p=words, t=node.title)
    return _Asked(text, node.title, f"The {words} of {node.title} is {value}.", value, tuple(sorted(others)))


def _ask_target(world: _World, phraser: Phraser) -> _Asked | None:
    """What is linked to a node: at the end of a relationship from it, or at the start of one to it."""
    linked = [(node, each) for node in world.found for each in node.related if each.forward]
    if not linked:
        return None
    node, link = phraser.rng.choice(linked)
    passive = next(relation.passive[0] for relation in _RELATIONS if relation.name == link.relationship)
    text = phraser.pick("known.target", _TARGET).format(r=f"{passive} {node.title}")
    others = tuple(each.title for other in world.found for each in other.related if each is not link)
    return _Asked(text, node.title, f"{link.title} is {passive} {node.title}.", link.title, others)


def _ask_most(world: _World, phraser: Phraser) -> _Asked | None:
    """Which of the nodes of the most frequent type has the highest or lowest number."""
    nodes = [node for node in world.found if node.type == _pascal(world.noun)]
    numbers = [name for name, prop in world.properties.items() if prop.type == "INTEGER"]
    shared = [name for name in numbers if sum(name in node.properties for node in nodes) > 1]
    if not shared:
        return None
    name, word = phraser.rng.choice(shared), phraser.rng.choice(("highest", "lowest"))
    ranked = sorted((node for node in nodes if name in node.properties), key=lambda node: node.properties[name])
    if len({node.properties[name] for node in ranked}) < len(ranked):
        return None
    first = ranked[-1] if word == "highest" else ranked[0]
    words = world.properties[name].words
    text = phraser.pick("known.most", _MOST).format(n=world.noun.plural, most=word, p=words)
    others = tuple(node.title for node in world.found if node is not first)
    return _Asked(text, first.title, f"{first.title}, with {first.properties[name]}.", first.title, others)


def _ask_sentence(world: _World, phraser: Phraser) -> _Asked | None:
    if not world.told:
        return None
    title, (number, value) = phraser.rng.choice(list(world.told.items()))
    sentence, questions = _SENTENCES[number]
    text = phraser.pick(f"known.sentence{number}", questions).format(t=title)
    others = tuple(other for where, (_, other) in world.told.items() if where != title)
    told = sentence.format(t=title, v=value)
    return _Asked(text, title, told, value, others, told)


def _ask_missing(world: _World, phraser: Phraser) -> _Asked:
    """A property that no node has, or one of a node that was not found."""
    rng = phraser.rng
    title, prop = rng.choice(world.found).title, world.lacked
    if rng.random() < 0.5:
        prop = rng.choice(list(world.properties.values()))
        while any(title in node.model_dump_json() for node in world.found):
            title = invent_word(rng).capitalize()
    return _Asked(phraser.pick("known.property", _PROPERTY).format(p=prop.words, t=title), title, "", "")


_ASKERS = (_ask_property, _ask_target, _ask_most, _ask_sentence)
