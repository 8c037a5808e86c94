"""A small language of rules over operations on a graph, its evaluator, and operations that a rule allows or forbids.

    deny update, delete on Invoice for editor when hour in 22..6 and rows > 1000 and not owner

A rule applies when all its parts do. One `deny` that applies forbids; else one `allow` that applies allows; else the
operation is forbidden. The order of the rules says nothing.
"""

import random
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from datagen.invention import Invent
from nornicdb.answer_schemas import PolicyAnswer

ACTIONS = ("read", "create", "update", "delete")
_ROLES = ("viewer", "editor", "auditor", "admin")
_RULE = re.compile(r"(allow|deny) (.+?) on (.+?) for (.+?)(?: when (.+))?")
_HOURS = re.compile(r"hour in (\d+)\.\.(\d+)")
_ROWS = re.compile(r"rows > (\d+)")
_TRIES = 40


class Rule(NamedTuple):
    """One rule; `*` stands for all. `hours` begin with the first and end before the second."""

    allows: bool
    actions: tuple[str, ...]
    labels: tuple[str, ...]
    roles: tuple[str, ...]
    hours: tuple[int, int] | None = None
    more_rows_than: int | None = None
    owner: bool | None = None


def write_rule(rule: Rule) -> str:
    """The rule in the language."""
    when = []
    if rule.hours is not None:
        when.append(f"hour in {rule.hours[0]}..{rule.hours[1]}")
    if rule.more_rows_than is not None:
        when.append(f"rows > {rule.more_rows_than}")
    if rule.owner is not None:
        when.append("owner" if rule.owner else "not owner")
    parts = (", ".join(part) for part in (rule.actions, rule.labels, rule.roles))
    text = "{} {} on {} for {}".format("allow" if rule.allows else "deny", *parts)
    return text + (f" when {' and '.join(when)}" if when else "")


def read_rule(text: str) -> Rule:
    """The rule that a text says. Raises ValueError for a text of another language."""
    found = _RULE.fullmatch(text)
    if found is None:
        raise ValueError(f"'{text}' is not a rule")
    effect, actions, labels, roles, when = found.groups()
    lists = [tuple(part.split(", ")) for part in (actions, labels, roles)]
    rule = Rule(effect == "allow", lists[0], lists[1], lists[2])
    for condition in when.split(" and ") if when else ():
        if hours := _HOURS.fullmatch(condition):
            rule = rule._replace(hours=(int(hours[1]), int(hours[2])))
        elif rows := _ROWS.fullmatch(condition):
            rule = rule._replace(more_rows_than=int(rows[1]))
        elif condition in ("owner", "not owner"):
            rule = rule._replace(owner=condition == "owner")
        else:
            raise ValueError(f"'{condition}' is not a condition")
    return rule


def applies(rule: Rule, operation: Mapping[str, Any]) -> bool:
    """Whether every part of the rule is true of the operation."""
    parts = ((rule.actions, "action"), (rule.labels, "label"), (rule.roles, "role"))
    if any("*" not in allowed and operation[key] not in allowed for allowed, key in parts):
        return False
    if rule.hours is not None:
        start, end = rule.hours
        hour = operation["hour"]
        if not (start <= hour < end if start < end else hour >= start or hour < end):
            return False
    if rule.more_rows_than is not None and operation["rows"] <= rule.more_rows_than:
        return False
    return rule.owner is None or rule.owner == operation["owner"]


def decide_operation(shown: Mapping[str, Any]) -> PolicyAnswer:
    """Whether the shown rules allow the shown operation, and the rule that decides."""
    matching = [text for text in sorted(shown["rules"]) if applies(read_rule(text), shown["operation"])]
    forbidding = [text for text in matching if text.startswith("deny")]
    if forbidding:
        return PolicyAnswer(allow=False, reason=f"Forbidden by: {forbidding[0]}")
    if matching:
        return PolicyAnswer(allow=True, reason=f"Allowed by: {matching[0]}")
    return PolicyAnswer(allow=False, reason="No rule allows it.")


def simulate_operation(rng: random.Random, name: Invent, *, twin: bool) -> dict[str, Any] | None:
    """Rules and an operation, as often allowed as forbidden; None if chance has no such. A twin changes one thing about
    the operation, and so what is decided."""
    labels = [name().capitalize() for _ in range(3)]
    rules = [_draw_rule(rng, labels, allows=index < 2) for index in range(rng.randint(3, 6))]
    texts = list(dict.fromkeys(map(write_rule, rules)))
    rng.shuffle(texts)
    wanted = rng.random() < 0.5
    for _ in range(_TRIES):
        operation = _draw_operation(rng, rng.choice(rules), labels, name)
        shown = {"rules": texts, "operation": operation}
        if decide_operation(shown).allow == wanted:
            return _turn(shown, rng, labels) if twin else shown
    return None


def _turn(shown: dict[str, Any], rng: random.Random, labels: list[str]) -> dict[str, Any] | None:
    operation = shown["operation"]
    changes: list[tuple[str, Any]] = [("owner", not operation["owner"])]
    changes += [("hour", hour) for hour in range(24)] + [("rows", rows) for rows in (1, 50, 500, 5000, 50000)]
    changes += [("role", role) for role in _ROLES] + [("action", action) for action in ACTIONS]
    changes += [("label", label) for label in labels]
    rng.shuffle(changes)
    allowed = decide_operation(shown).allow
    for key, value in changes:
        other = {**shown, "operation": {**operation, key: value}}
        if decide_operation(other).allow != allowed:
            return other
    return None


def _draw_rule(rng: random.Random, labels: list[str], *, allows: bool) -> Rule:
    hours, rows, owner = None, None, None
    for condition in rng.sample(("hours", "rows", "owner"), rng.choice((0, 0, 1, 1, 2))):
        if condition == "hours":
            start = rng.randrange(24)
            hours = (start, (start + rng.randint(4, 14)) % 24)
        elif condition == "rows":
            rows = rng.choice((10, 100, 500, 1000, 10000))
        else:
            owner = rng.random() < 0.5
    return Rule(
        allows,
        tuple(rng.sample(ACTIONS, rng.randint(1, 3))) if rng.random() < 0.8 else ("*",),
        tuple(rng.sample(labels, rng.randint(1, 2))) if rng.random() < 0.75 else ("*",),
        tuple(rng.sample(_ROLES, rng.randint(1, 2))) if rng.random() < 0.8 else ("*",),
        hours,
        rows,
        owner,
    )


def _draw_operation(rng: random.Random, rule: Rule, labels: list[str], name: Invent) -> dict[str, Any]:
    """An operation near a rule, so that it depends on the rule's conditions."""

    def pick(parts: tuple[str, ...], every: list[str]) -> str:
        return rng.choice(every if "*" in parts or rng.random() < 0.15 else list(parts))

    rows = rng.randint(1, 2000) if rule.more_rows_than is None else rng.randint(1, 3 * rule.more_rows_than)
    return {
        "user": name(),
        "role": pick(rule.roles, list(_ROLES)),
        "action": pick(rule.actions, list(ACTIONS)),
        "label": pick(rule.labels, labels),
        "rows": rows,
        "hour": rng.randrange(24),
        "owner": rng.random() < 0.5,
    }
