"""An agent's memories: which of them stand for one thing however they are written, and which are worth keeping.

What a memory stands for is read off its text by `identify`, which knows every way in which `simulate_pair` writes it.
"""

import random
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, NamedTuple

from datagen.invention import Invent
from datagen.phrasing import Phraser
from datagen.wordings import MONTHS
from nornicdb.answer_schemas import CurationAnswer, DuplicateAnswer

HALF_LIFE_DAYS, OUTLOOK_DAYS = 14, 30
FOCUS_FACTOR, EDGE_WORTH = 3.0, 0.1  # accesses
_ASSERTING = (
    "{s} supports {o} for up to {n} users", "{o} is supported by {s}, up to {n} users", "with {s}, up to {n} users can use {o}",
    "up to {n} users can use {o} in {s}", "{s} works with {o} and takes up to {n} users", "{s} offers {o} to up to {n} users",
)  # fmt: skip
_DENYING = (
    "{s} does not support {o} for up to {n} users", "{o} is not supported by {s}, up to {n} users", "with {s}, up to {n} users cannot use {o}",
    "up to {n} users cannot use {o} in {s}", "{s} does not work with {o} and takes up to {n} users", "{s} does not offer {o} to up to {n} users",
)  # fmt: skip
_FIRST_NAMES = (
    "Anna",
    "Bruno",
    "Chiara",
    "David",
    "Elena",
    "Farid",
    "Grace",
    "Hugo",
    "Irina",
    "Jonas",
    "Keiko",
    "Lars",
)


class Statement(NamedTuple):
    """What a sentence says of two things, as it is compared."""

    asserts: bool
    subject: str
    object: str
    users: int


def _compile(frame: str) -> re.Pattern[str]:
    text = re.escape(frame).replace(r"\{s\}", "(?P<s>[a-z]+)").replace(r"\{o\}", "(?P<o>[a-z]+)")
    return re.compile(text.replace(r"\{n\}", "(?P<n>[0-9,]+)"), re.IGNORECASE)


_FRAMES = [(text, True, _compile(text)) for text in _ASSERTING] + [(text, False, _compile(text)) for text in _DENYING]


def identify(properties: Mapping[str, str]) -> object:
    """What a node stands for: a person by e-mail address, or by name and day of birth; a release by name and version; a
    sentence by what it says. Raises ValueError for anything else."""
    if "email" in properties:
        return properties["email"].casefold()
    if "born" in properties:
        return frozenset(re.findall(r"\w+", properties["name"].casefold())), _read_date(properties["born"])
    if "version" in properties:
        parts = [int(part) for part in re.findall(r"\d+", properties["version"])]
        return properties["name"].casefold(), tuple(parts + [0] * (3 - len(parts)))
    return read_statement(properties["text"])


def read_statement(text: str) -> Statement:
    """What a sentence says. Raises ValueError where it is none of those that are written here."""
    for _, asserts, pattern in _FRAMES:
        if found := pattern.fullmatch(text.rstrip(".")):
            users = int(found["n"].replace(",", ""))
            return Statement(asserts, found["s"].casefold(), found["o"].casefold(), users)
    raise ValueError(f"'{text}' is not a known sentence")


def simulate_pair(phraser: Phraser, name: Invent, *, twin: bool) -> dict[str, Any]:
    """Two nodes: one thing written in two ways, or two things that differ in what tells such things apart. A twin is the
    other of the two."""
    rng = phraser.rng
    same = (rng.random() < 0.5) != twin
    kind = rng.choice(("address", "birth", "release", "sentence", "sentence"))
    left, right = {
        "address": _write_addresses,
        "birth": _write_births,
        "release": _write_releases,
        "sentence": _write_sentences,
    }[kind](phraser, name, same)
    label = {"release": "Release", "sentence": "Memory"}.get(kind, "Person")
    nodes = [{"id": name(), "labels": [label], "properties": properties} for properties in (left, right)]
    if rng.random() < 0.5:
        nodes.reverse()
    return {"similarity": round(rng.uniform(0.88, 0.99), 2), "nodes": nodes}


def decide_pair(shown: Mapping[str, Any]) -> DuplicateAnswer:
    """Whether both nodes stand for one thing."""
    left, right = (identify(node["properties"]) for node in shown["nodes"])
    return DuplicateAnswer(is_duplicate=left == right, confidence=0.95)


def simulate_memory(phraser: Phraser, name: Invent, *, twin: bool) -> dict[str, Any] | None:
    """A memory whose topic is in use or forgotten, with its accesses simulated day by day; None where it is neither.

    One thing about a twin is different, so that it is worth keeping where the other is not, or the reverse.
    """
    rng = phraser.rng
    age = rng.randint(20, 400)
    alive = rng.random() < 0.5
    rate, abandoned = 10 ** rng.uniform(-2, 0), age if alive else age - rng.randint(0, min(age, 60))
    accesses = [day for day in range(age) if rng.random() < rate * (1 if day < abandoned else 0.01)] or [0]
    topics = [name() for _ in range(4)]
    claim = Statement(rng.random() < 0.7, topics[0], topics[1], rng.randint(2, 90) * 50)
    focus = [topics[0], topics[3]] if rng.random() < 0.4 else [topics[2], topics[3]]
    rng.shuffle(focus)
    related = []
    for change in rng.sample(("same", "denied", "number", "object"), rng.randint(1, 3)):
        changed = _change(claim, change, topics[2])
        related.append({"id": name(), "content": _write_statement(changed, phraser)})
    shown: dict[str, Any] = {
        "memory": {
            "id": name(),
            "content": _write_statement(claim, phraser),
            "labels": [rng.choice(("Memory", "Note", "Fact"))],
            "access_count": len(accesses),
            "days_since_access": age - 1 - accesses[-1],
            "days_since_creation": age,
            "edge_count": rng.randint(0, 4),
            "current_importance": round(rng.random(), 1),
        },
        "related": related,
        "focus": focus,
    }
    if 0.75 < estimate_accesses(shown) < 1.33:
        return None
    return _turn(shown, topics, rng) if twin else shown


def estimate_accesses(shown: Mapping[str, Any]) -> float:
    """How often the memory will be used in the next 30 days, a tenth of an access being added for each relationship.

    The rate so far halves with every 14 days without an access, and is three times as high for a topic in focus.
    """
    memory = shown["memory"]
    rate = (
        memory["access_count"] / memory["days_since_creation"] * 0.5 ** (memory["days_since_access"] / HALF_LIFE_DAYS)
    )
    in_focus = read_statement(memory["content"]).subject in shown["focus"]
    return float(OUTLOOK_DAYS * rate * (FOCUS_FACTOR if in_focus else 1) + EDGE_WORTH * memory["edge_count"])


def decide_memory(shown: Mapping[str, Any]) -> CurationAnswer:
    """Whether at least one access is expected, and which related memories say the same."""
    worth = estimate_accesses(shown)
    claim = read_statement(shown["memory"]["content"])
    return CurationAnswer(
        should_keep=worth >= 1,
        new_importance=round(worth / (1 + worth), 1),
        summary=shown["memory"]["content"],
        merge_candidates=[node["id"] for node in shown["related"] if read_statement(node["content"]) == claim],
    )


def _turn(shown: dict[str, Any], topics: list[str], rng: random.Random) -> dict[str, Any] | None:
    memory, keep = shown["memory"], estimate_accesses(shown) >= 1
    changes: list[dict[str, Any]] = [
        {"focus": topics[2:] if topics[0] in shown["focus"] else [topics[0], topics[3]]},
        {"memory": {**memory, "days_since_access": memory["days_since_creation"] - 1 if keep else 0}},
        {"memory": {**memory, "access_count": 1 if keep else memory["days_since_creation"]}},
    ]
    for change in rng.sample(changes, len(changes)):
        worth = estimate_accesses({**shown, **change})
        if keep != (worth >= 1) and not 0.75 < worth < 1.33:
            return {**shown, **change}
    return None


def _write_addresses(phraser: Phraser, name: Invent, same: bool) -> tuple[dict[str, str], dict[str, str]]:
    rng, last = phraser.rng, name().capitalize()
    first = rng.choice(_FIRST_NAMES)
    email = f"{first}.{last}@{name()}.example".lower()
    numbered = email.replace("@", f"{rng.randint(2, 9)}@")
    other = email if same else numbered
    spelt = rng.choice((f"{first[0]}. {last}", f"{last}, {first}", f"{first} {last}".upper(), f"{first} {last}"))
    written = rng.choice((other, other.capitalize(), other.upper()))
    return {"name": f"{first} {last}", "email": email}, {"name": spelt, "email": written}


def _write_births(phraser: Phraser, name: Invent, same: bool) -> tuple[dict[str, str], dict[str, str]]:
    rng, last = phraser.rng, name().capitalize()
    first, born = rng.choice(_FIRST_NAMES), date(1940, 1, 1) + timedelta(days=rng.randrange(24000))
    later = born + timedelta(days=rng.choice((-365, -31, -1, 1, 31, 365)))
    other = born if same else later
    spelt = rng.choice((f"{last}, {first}", f"{first} {last}".lower(), f"{first} {last}"))
    written = rng.choice((other.isoformat(), f"{other.day} {MONTHS[other.month - 1]} {other.year}"))
    return {"name": f"{first} {last}", "born": born.isoformat()}, {"name": spelt, "born": written}


def _write_releases(phraser: Phraser, name: Invent, same: bool) -> tuple[dict[str, str], dict[str, str]]:
    rng, product = phraser.rng, name().capitalize()
    parts = [rng.randint(0, 12), rng.randint(0, 20), rng.choice((0, 0, rng.randint(1, 9)))]
    other, at, step, short = list(parts), rng.randrange(3), rng.choice((1, 1, 2, 10)), rng.random() < 0.7
    if not same:
        other[at] += step
    text = ".".join(map(str, other[:2] if short and other[2] == 0 else other))
    written = rng.choice((text, f"v{text}", f"version {text}"))
    spelt = rng.choice((product, product.lower(), product.upper()))
    return {"name": product, "version": ".".join(map(str, parts))}, {"name": spelt, "version": written}


def _write_sentences(phraser: Phraser, name: Invent, same: bool) -> tuple[dict[str, str], dict[str, str]]:
    rng = phraser.rng
    claim = Statement(rng.random() < 0.5, name(), name(), rng.randint(2, 90) * 50)
    change = rng.choice(("denied", "number", "object"))
    other = _change(claim, "same" if same else change, name())
    return {"text": _write_statement(claim, phraser)}, {"text": _write_statement(other, phraser)}


def _change(claim: Statement, change: str, other: str) -> Statement:
    match change:
        case "denied":
            return claim._replace(asserts=not claim.asserts)
        case "number":
            return claim._replace(users=claim.users * 10 if claim.users < 1000 else claim.users + 50)
        case "object":
            return claim._replace(object=other)
    return claim


def _write_statement(claim: Statement, phraser: Phraser) -> str:
    frames = _ASSERTING if claim.asserts else _DENYING
    users = f"{claim.users:,}" if phraser.rng.random() < 0.5 else str(claim.users)
    text = phraser.pick(f"memory.{claim.asserts}", frames).format(s=claim.subject, o=claim.object, n=users)
    text = text if phraser.rng.random() < 0.5 else text[0].upper() + text[1:]
    return text + phraser.rng.choice(("", "."))


def _read_date(text: str) -> date:
    if "-" in text:
        return date.fromisoformat(text)
    day, month, year = text.split()
    return date(int(year), MONTHS.index(month) + 1, int(day))
