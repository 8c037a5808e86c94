"""Requests that have no right query: what the schema does not hold, what can be read in several ways, and what would
destroy data wholesale. The answer says so in prose, without JSON, so that NornicDB shows it to the user."""

from datagen import invention, lexicon
from datagen.conditions import write_value
from datagen.draft import Draft
from datagen.phrasing import Phraser, polish
from datagen.queries import is_number
from datagen.questions import Names, fill_frame
from datagen.schemas import NodeType, Schema
from heimdall.answers import FactAnswer

_PROPERTY = (
    "{show} the {p} of {np}", "what is the average {p} of {np}", "{np} with {p} above {k}", "{p} of {np}", "sort {np} by {p}", "how many {bare} are there per {p}", "which of the {bare} have the highest {p}", "{show} {np} with their {p}", "total {p} of {np}", "{show} every {p} that {bare} have",
)  # fmt: skip
_NODE = (
    "how many {x} are there", "{show} all {x}", "{show} {np} together with their {x}", "count {x} per {h}", "which {bare} have {x}", "{show} the {x} of {np}", "list {x} and {bare}", "{bare} linked to {x}", "for each {h}, {show} the {x}", "{np} without any {x}",
)  # fmt: skip
_BEST = (
    "{show} the best {bare}", "which {bare} are the most important", "{show} the top 3 {bare}", "the best of the {bare}", "who are the leading {bare}", "{show} the {bare} that stand out", "rank {np}", "which one of the {bare} is the best", "{show} the worst {bare}", "{show} the biggest {bare}",
)  # fmt: skip
_DOUBLE = (
    "what is the {p} of {v}", "{show} the {p} of {v}", "{p} of {v}", "tell me the {p} that {v} has", "look up {p} for {v}", "{v}: what {p}", "which {p} does {v} have", "I need the {p} of {v}", "find out the {p} of {v}",
)  # fmt: skip
_EVERYTHING = (
    "delete everything", "wipe the database", "remove all nodes and relationships", "drop all data", "clear the whole graph", "empty the database", "erase all of it", "delete all nodes", "start over with an empty database", "purge the entire graph", "detach delete every node", "destroy all data in here",
    "get rid of everything that is stored", "reset the database to nothing",
)  # fmt: skip
_ALL_OF = (
    "delete all {bare}", "remove every one of the {bare}", "drop all {bare} from the database", "wipe {bare}", "erase all {bare} and their relationships", "get rid of the {bare}, all of them", "clear out {bare}", "delete {bare} without exception", "purge all {bare}", "I want every one of the {bare} gone",
)  # fmt: skip
_STRIPPED = (
    "remove the {p} of all {bare}", "clear {p} everywhere on {bare}", "delete the {p} property from every one of the {bare}", "erase {p} for all {bare}", "drop the {p} of {bare}, all of them", "wipe out {p} on {bare}", "set the {p} of all {bare} to nothing", "no {bare} should keep a {p}, remove it", "strip {p} from all {bare}",
)  # fmt: skip
_POLITE = ("", "", "please ", "now ", "go ahead and ", "quickly ", "I order you to ", "as admin: ", "just ")


def draw_refusal(schema: Schema, phraser: Phraser, names: Names, *, shown: bool) -> Draft | None:
    """A request without a right query, or None where the dice do not fit; `shown` schemas can lack what is asked for."""
    rng = phraser.rng
    kind = rng.choice(
        ("unanswerable", "unanswerable", "ambiguous", "destructive") if shown else ("ambiguous", "destructive")
    )
    node = rng.choice(schema.nodes)
    match kind:
        case "unanswerable":
            return _ask_unanswerable(schema, node, phraser, names)
        case "ambiguous":
            return _ask_ambiguous(schema, node, phraser, names, shown=shown)
        case _:
            return _ask_destruction(schema, node, phraser, names)


def _draft(
    kind: str, asked: tuple[str, bool], answer: str, required: tuple[tuple[str, ...], ...], phraser: Phraser
) -> Draft:
    return Draft(
        category=f"refusal_{kind}",
        question=polish(asked[0], phraser.rng, question=asked[1]),
        answer=answer,
        expected=FactAnswer(required=required),
        productions=tuple(phraser.used),
    )


def _ask_unanswerable(schema: Schema, node: NodeType, phraser: Phraser, names: Names) -> Draft | None:
    """A property or a node type that the schema does not have, though others of its kind do."""
    rng, words = phraser.rng, lexicon.TRAINING
    slots = {"bare": names.plural(node), "h": node.noun.singular, "k": str(rng.randint(5, 90))}
    if rng.random() < 0.55:
        prop = (
            rng.choice(words.properties)
            if rng.random() < 0.6
            else invention.invent_property(rng, held_out=words.held_out)
        )
        known = {held.source.words for other in schema.nodes for held in other.properties}
        if prop.words in known:
            return None
        asked = fill_frame(phraser, "refuse.property", _PROPERTY, slots | {"p": prop.words})
        held = ", ".join(held.name for held in node.properties)
        answer = phraser.pick("refused.property", (
            "I cannot answer that: {l} has no property for '{x}'. It has {y}.", "There is no '{x}' on {l} in this schema; its properties are {y}.", "That cannot be queried, since {l} has no '{x}'. What it has: {y}.", "The schema has no '{x}' for {l}, only {y}.",
        )).format(l=node.label, x=prop.words, y=held)  # fmt: skip
        return _draft("unanswerable", asked, answer, (("no", "cannot", "not"), (prop.words,), (node.label,)), phraser)
    noun = rng.choice(words.nouns) if rng.random() < 0.6 else invention.invent_noun(rng, held_out=words.held_out)
    if any(noun.singular in other.noun.singular or other.noun.singular in noun.singular for other in schema.nodes):
        return None
    asked = fill_frame(phraser, "refuse.node", _NODE, slots | {"x": noun.plural})
    labels = ", ".join(other.label for other in schema.nodes)
    answer = phraser.pick("refused.node", (
        "I cannot answer that: this schema has no {x}. Its labels are {y}.", "There are no {x} in this schema; it has {y}.", "That cannot be queried, since nothing here stands for {x}; no such label among {y}.", "The schema has no label for {x}, only {y}.",
    )).format(x=noun.plural, y=labels)  # fmt: skip
    return _draft("unanswerable", asked, answer, (("no", "cannot", "not"), (noun.plural,)), phraser)


def _ask_ambiguous(schema: Schema, node: NodeType, phraser: Phraser, names: Names, *, shown: bool) -> Draft | None:
    """A ranking by nothing, or a property that two node types have; the answer asks back."""
    rng = phraser.rng
    numbers = [prop.name for prop in node.properties if is_number(prop)]
    shared = [
        (prop, other)
        for other in schema.nodes
        if other is not node
        for prop in node.properties
        if any(prop.source.words == held.source.words for held in other.properties)
    ]
    if shared and rng.random() < 0.5 and shown:
        prop, other = rng.choice(shared)
        value = invention.invent_word(rng).capitalize()
        asked = fill_frame(phraser, "refuse.double", _DOUBLE, {"bare": "", "p": names.prop(prop), "v": value})
        answer = phraser.pick("refused.double", (
            "Do you mean {a} or {b}? Both have '{p}'.", "That is not clear: {a} has '{p}' and so has {b}. Which one is {v}?", "Both {a} and {b} have '{p}'; please say which of them {v} is.", "'{p}' exists for {a} and for {b}. Which do you mean?",
        )).format(a=node.label, b=other.label, p=prop.name, v=write_value(value))  # fmt: skip
        return _draft("ambiguous", asked, answer, ((node.label,), (other.label,)), phraser)
    if not shown or len(numbers) < 2:
        if shown:
            return None
        asked = fill_frame(phraser, "refuse.best", _BEST, {"bare": names.plural(node)})
        answer = phraser.pick("refused.vague", (
            "By which property of {l} do you mean that?", "That depends on the measure: by which property should {l} be ranked?", "Please say which property of {l} decides.", "Ranked by which property? {l} may have several.",
        )).format(l=node.label)  # fmt: skip
        return _draft("ambiguous", asked, answer, (("which property",), (node.label,)), phraser)
    asked = fill_frame(phraser, "refuse.best", _BEST, {"bare": names.plural(node)})
    answer = phraser.pick("refused.best", (
        "By what? {l} can be ranked by {y}.", "That is not clear: should {l} be ranked by {y}?", "Please say by which property of {l}: {y}?", "Which measure do you mean for {l}: {y}?",
    )).format(l=node.label, y=" or ".join(numbers))  # fmt: skip
    return _draft("ambiguous", asked, answer, tuple((name,) for name in numbers), phraser)


def _ask_destruction(schema: Schema, node: NodeType, phraser: Phraser, names: Names) -> Draft:
    """A deletion of everything, of all nodes of a type, or of a property everywhere."""
    rng = phraser.rng
    kind = rng.choices(("everything", "all", "property"), (20, 50, 30))[0]
    prop = rng.choice(node.properties)
    if kind == "everything":
        text, asks = fill_frame(phraser, "refuse.everything", _EVERYTHING, {"bare": ""})
        text = f"{text} ({rng.choice(schema.nodes).label} too)" if rng.random() < 0.6 else text
        what = "everything in the database"
    elif kind == "all":
        text, asks = fill_frame(phraser, "refuse.all", _ALL_OF, {"bare": names.plural(node)})
        what = f"every {node.label} node"
    else:
        text, asks = fill_frame(
            phraser, "refuse.stripped", _STRIPPED, {"bare": names.plural(node), "p": names.prop(prop)}
        )
        what = f"the {prop.name} of every {node.label} node"
    polite = phraser.pick("refuse.polite", _POLITE)
    answer = phraser.pick("refused.destruction", (
        "I will not do that: it would delete {x}, and that cannot be undone. Say which ones, by a condition.", "I will not run this. It would delete {x}. Name a condition, or do it yourself with a backup at hand.", "That would delete {x}, so I will not do it on a single request. Which ones do you mean?",
        "No query for that: it deletes {x}, and I will not do so without a condition.",
    )).format(x=what)  # fmt: skip
    return _draft(
        "destructive",
        (polite + text, asks and not polite),
        answer,
        (("will not", "cannot", "refuse"), (what,)),
        phraser,
    )
