"""Shows rows to a reader: who says what, control characters spelt out, and a typed answer's proof."""

from typing import TYPE_CHECKING

from datagen.formats import Conversation
from heimdall.rows import Found
from heimdall.text import make_visible

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"system": "dim", "user": "bold", "assistant": "green"}


def render_conversation(conversation: Conversation) -> "RenderableType":
    """One row, to be given to `rich.console.Console.print`. Its text is never read as markup."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.rule import Rule
    from rich.text import Text

    facts = [conversation.place, conversation.split]
    facts.append(conversation.row.family if conversation.row else conversation.format)
    parts: list[RenderableType] = [Rule(Text(make_visible(" · ".join(facts))), align="left", style="dim")]
    for node in conversation.row.knowledge if conversation.row is not None else ():
        parts.append(Text("found", _STYLES["system"]))
        parts.append(Padding(Text(make_visible(_describe(node))), (0, 0, 0, 2)))
    for turn in conversation.turns:
        parts.append(Text(turn.role, _STYLES[turn.role]))
        parts.append(Padding(Text(make_visible(turn.content)), (0, 0, 0, 2)))
    if conversation.row is not None and (proof := conversation.row.proof) is not None:
        rows = ", ".join(map(str, proof.result_rows))
        parts.append(Text(f"result rows {rows}; {proof.killed} of {proof.mutants} mutants told apart", "dim"))
    return Group(*parts, Text())


def _describe(node: Found) -> str:
    properties = (f"{name}: {value}" for name, value in node.properties.items())
    related = (f"{'→' if each.forward else '←'} {each.relationship} {each.type} {each.title}" for each in node.related)
    return "\n".join([f"{node.type} {node.title}", *([node.content] if node.content else []), *properties, *related])
