"""What changed between two commits of NornicDB, in words: actions, prompts, what can be called, settings, routes."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from heimdall.refs import Record
from nornicdb.contract import Action, Contract, resolve_contract
from nornicdb.facts import Fact, Facts, resolve_facts

_TEXTS = {
    "identity": "the introduction",
    "actions_heading": "the heading of the actions",
    "primer": "the Cypher primer",
    "modes": "the response modes",
    "context_heading": "the heading of the instructions",
    "knowledge_heading": "the heading of what was found in the graph",
    "knowledge_end": "what follows what was found in the graph",
    "instructions": "the plugin's instructions",
    "examples_heading": "the heading of the examples",
    "final": "the last instruction",
    "minimal_identity": "the introduction of the minimal prompt",
    "minimal_heading": "the heading of the actions in the minimal prompt",
    "minimal_final": "the last instruction of the minimal prompt",
    "review": "the prompt of the review of inferred links",
    "review_augmented": "the prompt of the review that may add links",
}
_AREAS = {
    "apoc": "APOC functions",
    "procedures": "procedures",
    "functions": "functions",
    "schema_syntax": "index and constraint syntax",
    "settings": "environment variables",
    "yaml_keys": "keys of nornicdb.yaml",
    "routes": "HTTP routes",
    "tools": "MCP tools",
}
# The fields of facts in a reader's words. Places and NornicDB's sentences are not compared.
_FIELDS = {
    "callable_as": "callable as",
    "signature": "signature",
    "dispatched": "can be called",
    "evaluated": "can be used",
    "listed": "listed",
    "mode": "mode",
    "form": "form",
    "default": "default",
    "kind": "type",
    "read": "read",
    "yaml": "set by",
    "environment": "set by",
    "permission": "permission",
}
_FOLDED = ("procedures", "functions")  # Cypher finds their names in any case
_Item = TypeVar("_Item")


class Version(NamedTuple):
    """NornicDB as one commit, or the bundled files, describe it."""

    contract: Contract
    facts: Facts


class Change(Record):
    """One difference. `area` is the heading under which a reader looks for it, `detail` what is different."""

    area: str
    kind: Literal["added", "removed", "renamed", "changed"]
    name: str
    detail: str = ""


def read_version(checkout: Path | None) -> Version:
    """Contract and facts of a checkout, or the bundled ones. Raises `InputError` where the checkout cannot be read."""
    return Version(resolve_contract(checkout), resolve_facts(checkout))


def compare_versions(old: Version, new: Version) -> tuple[Change, ...]:
    """All differences, area by area. That something stands elsewhere in the source is none.

    The bundled contract's sentences and examples are this project's own: with it, only names are compared.
    """
    worded = "reference" not in (old.contract.source, new.contract.source)
    changes = [*_compare_actions(old.contract, new.contract, worded=worded)]
    if worded:
        changes += _compare_texts(old.contract, new.contract)
    for kind, area in _AREAS.items():
        before, after = (_key_facts(kind, getattr(version.facts, kind)) for version in (old, new))
        changes += _compare(area, before, after, _describe_fact)
    return tuple(changes)


def _compare_actions(old: Contract, new: Contract, *, worded: bool) -> Iterator[Change]:
    """Actions by name; one of which only the separators are others is renamed."""
    before, after = ({action.name: action for action in contract.actions} for contract in (old, new))
    spelt = {_normalize(name): name for name in after.keys() - before.keys()}
    renamed = {name: spelt[_normalize(name)] for name in before if name not in after and _normalize(name) in spelt}
    for name, now in renamed.items():
        yield Change(area="actions", kind="renamed", name=name, detail=f"now {now}")
    before = {renamed.get(name, name): action for name, action in before.items()}
    yield from _compare("actions", before, after, lambda was, now: _describe_action(was, now, worded=worded))


def _compare_texts(old: Contract, new: Contract) -> Iterator[Change]:
    for field, name in _TEXTS.items():
        if detail := _describe_text(getattr(old, field), getattr(new, field)):
            yield Change(area="prompt texts", kind="changed", name=name, detail=detail)
    if old.max_system_tokens != new.max_system_tokens:
        detail = f"{old.max_system_tokens} → {new.max_system_tokens} tokens"
        yield Change(area="prompt texts", kind="changed", name="the budget of the full prompt", detail=detail)
    # One question may have two answers in NornicDB, so the answers belong to what is compared.
    before, after = ({f'"{each.user}" → {each.reply}': each for each in version.examples} for version in (old, new))
    yield from _compare("examples", before, after, lambda _was, _now: "")


def _compare(
    area: str, old: Mapping[str, _Item], new: Mapping[str, _Item], describe: Callable[[_Item, _Item], str]
) -> Iterator[Change]:
    """What is only in one of two mappings, and how the rest differs, by name."""
    for name in sorted(old.keys() | new.keys(), key=str.lower):
        if name not in old:
            yield Change(area=area, kind="added", name=name)
        elif name not in new:
            yield Change(area=area, kind="removed", name=name)
        elif detail := describe(old[name], new[name]):
            yield Change(area=area, kind="changed", name=name, detail=detail)


def _describe_action(old: Action, new: Action, *, worded: bool) -> str:
    params = ({param.name: param.model_dump(exclude={"name"}) for param in each.params} for each in (old, new))
    parts = [_describe_params(*params)]
    if worded and old.description != new.description:
        parts.append(f'"{old.description}" → "{new.description}"')
    if worded and old.category != new.category:
        parts.append(f"category {old.category} → {new.category}")
    return "; ".join(part for part in parts if part)


def _describe_fact(old: Fact, new: Fact) -> str:
    before, after = old.model_dump(), new.model_dump()
    parts = [
        f"{word} {_spell(before[field])} → {_spell(after[field])}"
        for field, word in _FIELDS.items()
        if before.get(field) != after.get(field)
    ]
    if "params" in before:
        parts.append(_describe_params(*({each["name"]: each for each in fact["params"]} for fact in (before, after))))
    return "; ".join(part for part in parts if part)


def _describe_params(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    words = (
        ("new parameter", [name for name in new if name not in old]),
        ("without parameter", [name for name in old if name not in new]),
        ("other type or default of", [name for name in new if name in old and new[name] != old[name]]),
    )
    return "; ".join(f"{word} {', '.join(names)}" for word, names in words if names)


def _describe_text(old: str, new: str) -> str:
    """How many lines are new and gone, and the first of each."""
    lines = list(difflib.ndiff(old.splitlines(), new.splitlines()))
    parts = []
    for mark, word in (("- ", "gone"), ("+ ", "new")):
        found = [line[2:].strip() for line in lines if line.startswith(mark) and line[2:].strip()]
        if found:
            more = f" and {len(found) - 1} more" if len(found) > 1 else ""
            parts.append(f'{word}: "{found[0]}"{more}')
    return "; ".join(parts) or ("other spaces" if old != new else "")


def _key_facts(kind: str, facts: Iterable[Fact]) -> dict[str, Fact]:
    return {fact.name.lower() if kind in _FOLDED else fact.name: fact for fact in facts}


def _spell(value: Any) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case "":
            return "empty"
        case list() | tuple():
            return ", ".join(value) or "nothing"
    return str(value)


def _normalize(name: str) -> str:
    return name.replace(".", "_")
