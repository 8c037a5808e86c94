"""Auto-TLP's quality control: the prompt in which NornicDB shows a model the links it has inferred, and its reply.

The rules are those of NornicDB's `pkg/inference/heimdall_qc.go`. Its servers do not construct that reviewer yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nornicdb.contract import Contract
from nornicdb.gojson import (
    GO_SPACE,
    Members,
    Number,
    UnreadableError,
    is_text,
    read_members,
    replace_surrogates,
    to_float,
    to_int,
)

MAX_SUGGESTIONS = 5  # of one call; NornicDB asks about more in several
MAX_POOL = 10  # nodes; a larger pool is left out of the prompt
MAX_BYTES = 4096  # what is longer (without the system text) is approved without asking
MIN_CONFIDENCE = 0.5  # what is below is dropped without asking
_VALUE_BYTES = 200


class Node(NamedTuple):
    """What the prompt may show of a node. Go iterates over `props` in a random order."""

    id: str
    labels: tuple[str, ...] = ()
    props: Mapping[str, str] = {}


class Suggestion(NamedTuple):
    """An inferred link from the source. `confidence` lies between `MIN_CONFIDENCE` and 1."""

    target: Node
    confidence: float
    type: str = "RELATES_TO"  # the only one that NornicDB infers


class Addition(NamedTuple):
    """A link that the reply adds. NornicDB neither checks that `target_id` exists nor that links were asked for."""

    target_id: str = ""
    type: str = ""
    conf: float = 0.0
    reason: str = ""


class Review(NamedTuple):
    """What NornicDB makes of a reply. `approved` are the indices it keeps, in order; `type_overrides` are of those.

    `json_valid`: Go decodes the reply. Where it does not, NornicDB looks for a few words and else approves everything.
    """

    approved: tuple[int, ...]
    additional: tuple[Addition, ...]
    type_overrides: dict[int, str]
    json_valid: bool


def render_review(
    contract: Contract,
    source: Node,
    suggestions: Sequence[Suggestion],
    pool: Sequence[Node] | None = None,
    *,
    content: bool = False,
) -> str:
    """The whole raw text of a review. With a pool, empty or not, further links may be added.

    NornicDB's engine calls it with a source without labels and properties, and prints of the other nodes their ids
    only. With `content` their labels and properties are printed too, in the form of the source's: no release does so.
    """
    system = contract.review if pool is None else contract.review_augmented
    lines = [f"SRC:{_name(source)}\n", *_list_props(source), "EDGES:\n"]
    for index, (target, confidence, kind) in enumerate(suggestions):
        lines.append(f"{index}.{target.id}→{kind}({confidence * 100:.0f}%)\n")
        lines += _describe(target) if content else ()
    if pool and len(pool) <= MAX_POOL:
        lines.append("POOL:" + "".join(f"{node.id}," for node in pool) + "\n")
        lines += [line for node in pool for line in (f"{_name(node)}\n", *_list_props(node))] if content else ()
    return f"{system}\n\n{''.join(lines)}"


def read_review(text: str, suggestions: int) -> Review:
    """Reads the reply to so many suggestions with exactly NornicDB's rules; never raises."""
    trimmed = text.strip(GO_SPACE)
    try:
        approved, additional, overrides = _decode(trimmed)
    except UnreadableError:
        everything = range(suggestions) if _sounds_approving(trimmed) else ()
        return Review(tuple(everything), (), {}, json_valid=False)
    kept = tuple(sorted({index for index in approved if 0 <= index < suggestions}))
    return Review(kept, additional, {i: overrides[i] for i in kept if overrides.get(i)}, json_valid=True)


def _name(node: Node) -> str:
    return f"{node.id}[{' '.join(node.labels)}]"


def _list_props(node: Node) -> list[str]:
    return [f" {key}:{_truncate(value)}\n" for key, value in node.props.items()]


def _describe(node: Node) -> list[str]:
    return [f" {' '.join(node.labels)}\n", *_list_props(node)] if node.labels else _list_props(node)


def _truncate(value: str) -> str:
    """Go cuts bytes; half a character at the cut, which no text can hold, is left out."""
    data = value.encode()
    if len(data) <= _VALUE_BYTES:
        return value
    return data[: _VALUE_BYTES - 3].decode(errors="ignore") + "..."


def _sounds_approving(text: str) -> bool:
    lower = text.lower()
    if "approve all" in lower or "all approved" in lower:
        return True
    return "reject all" not in lower and "none" not in lower


def _decode(text: str) -> tuple[list[int], tuple[Addition, ...], dict[int, str]]:
    """Go's json.Unmarshal into HeimdallBatchResponse. A value of a wrong type anywhere makes all of it unreadable."""
    approved, rejected = _Slice(0), _Slice(0)
    additional, overrides = _Slice(Addition()), dict[int, str]()
    for key, value in read_members(text):
        match key.casefold():
            case "approved":
                approved.decode(value, _to_index)
            case "rejected":
                rejected.decode(value, _to_index)
            case "additional":
                additional.decode(value, _to_addition)
            case "type_overrides" if value is None:
                overrides = {}
            case "type_overrides":
                overrides |= {to_int(index): _to_text(name, "") for index, name in _check_object(value)}
            case "reasoning":
                _to_text(value, "")
    return approved.values, tuple(additional.values), overrides


class _Slice:
    """A Go slice that is decoded into. Of two lists under one key the last wins, but where that has null, Go leaves
    what the memory holds from the one before."""

    def __init__(self, zero: Any) -> None:
        self.values: list[Any] = []
        self._memory: list[Any] = []
        self._zero = zero

    def decode(self, value: Any, convert: Any) -> None:
        if value is None:
            self.values = self._memory = []
            return
        if not isinstance(value, list) or isinstance(value, Members):
            raise UnreadableError("A list was expected.")
        for index, item in enumerate(value):
            if index == len(self._memory):
                self._memory.append(self._zero)
            self._memory[index] = convert(item, self._memory[index])
        self._memory = self._memory if value else []
        self.values = self._memory[: len(value)]


def _to_index(value: Any, before: int) -> int:
    if value is None:
        return before
    if not isinstance(value, Number):
        raise UnreadableError("An index must be a number.")
    return to_int(value)


def _to_addition(value: Any, before: Addition) -> Addition:
    if value is None:
        return before
    link: dict[str, Any] = before._asdict()
    for key, item in _check_object(value):
        match key.casefold():
            case "target_id" | "type" | "reason" as name:
                link[name] = _to_text(item, link[name])
            case "conf" if isinstance(item, Number):
                link["conf"] = to_float(item)
            case "conf" if item is not None:
                raise UnreadableError("'conf' must be a number.")
    return Addition(**link)


def _check_object(value: Any) -> Members:
    if not isinstance(value, Members):
        raise UnreadableError("An object was expected.")
    return value


def _to_text(value: Any, before: str) -> str:
    if value is None:
        return before
    if not is_text(value):
        raise UnreadableError("A string was expected.")
    return replace_surrogates(value)
