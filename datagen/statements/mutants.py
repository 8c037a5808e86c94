"""Near misses of a query's text: what a model that nearly understood would write, one token away."""

import re
from collections.abc import Iterator

from cypher.syntax.tokens import Token, tokenize
from datagen.schemas import Schema, SchemaProperty

_INSTEAD = {
    "AND": "OR", "OR": "AND", "XOR": "OR", "DESC": "ASC", "ASC": "DESC", "avg": "max", "sum": "max", "max": "min", "min": "max",
    "<=": ">", ">=": "<", "=": "<>", "<>": "=", "all": "any", "any": "all", "none": "all", "year": "month", "month": "year",
    "toUpper": "toLower", "left": "right", "right": "left", "collect": "count", "true": "false", "false": "true", "stDev": "avg",
}  # fmt: skip
_DROPPED = ("DISTINCT", "NOT", "OPTIONAL", "DETACH")
_PHRASES = (
    ("STARTS WITH", "CONTAINS"), ("ENDS WITH", "CONTAINS"), (" CONTAINS ", " STARTS WITH "), ("IS NOT NULL", "IS NULL"), ("IS NULL", "IS NOT NULL"),
    ("UNION ALL", "UNION"), ("count(n)", "count(*) + 1"), ("1 ELSE 0", "0 ELSE 1"), ("*1..2", "*1..1"), ("*1..3", "*1..2"), (" + ", " - "), (" * n.", " + n."),
    ("names[0]", "names[1]"), ("100.0 *", "1.0 *"),
)  # fmt: skip
_CLAUSES = (
    "MATCH",
    "WHERE",
    "RETURN",
    "WITH",
    "SET",
    "CREATE",
    "MERGE",
    "REMOVE",
    "DELETE",
    "ORDER",
    "LIMIT",
    "SKIP",
    "UNWIND",
    "ON",
)
_ARROW = re.compile(r"<-(\[[^\]]*\])-|-(\[[^\]]*\])->")
_NODE = re.compile(r"\((\w+):(\w+)")


def mutate_text(cypher: str, schema: Schema) -> Iterator[str]:
    """Yields the query with one thing changed, each change in turn; never the query itself."""
    tokens = tokenize(cypher)
    clause = ""
    properties = _find_properties(cypher, schema)
    for place, token in enumerate(tokens[:-1]):
        before, after = tokens[place - 1].text if place else "", tokens[place + 1].text
        if token.text in _CLAUSES:
            clause = token.text
        if token.kind == "integer" and before in ("LIMIT", "SKIP"):
            yield _replace(cypher, token, str(int(token.text) + 1))
        elif token.text in ("<", ">") and clause in ("WHERE", "RETURN") and before != "-" and after != "-":
            yield _replace(cypher, token, {"<": ">=", ">": "<="}[token.text])
        elif token.text == "=" and clause in ("SET", "MERGE"):
            continue
        elif token.text in _INSTEAD and before != "DETACH" and not _is_part_of_range(tokens, place):
            yield _replace(cypher, token, _INSTEAD[token.text])
        elif token.text in _DROPPED and (token.text != "NOT" or before != "IS"):
            yield _replace(cypher, token, "")
        elif before == "." and (sibling := properties.get((tokens[place - 2].text, token.text))):
            yield _replace(cypher, token, sibling)
        elif token.kind == "string" and clause in ("SET", "CREATE", "MERGE"):
            yield _replace(cypher, token, "'other'" if token.text != "'other'" else "'another'")
        elif token.kind == "integer" and clause in ("SET", "CREATE"):
            yield _replace(cypher, token, str(int(token.text) + 1))
    for found in _ARROW.finditer(cypher):
        turned = f"-{found[1]}->" if found[1] else f"<-{found[2]}-"
        yield cypher[: found.start()] + turned + cypher[found.end() :]
    for old, new in _PHRASES:
        if old in cypher:
            yield cypher.replace(old, new, 1)


def _is_part_of_range(tokens: list[Token], place: int) -> bool:
    """Whether a comparison is one of two in a chain: turned, it leaves a range that holds nothing."""
    return tokens[place].text == "<=" and tokens[place - 1].text == ")" and tokens[place + 1].text == "date"


def _replace(cypher: str, token: Token, text: str) -> str:
    return cypher[: token.start] + text + cypher[token.end :]


def _find_properties(cypher: str, schema: Schema) -> dict[tuple[str, str], str]:
    """For each property of each variable another one of the same type, where the label has one."""
    labels = {node.label: node for node in schema.nodes}
    found = {}
    for variable, label in _NODE.findall(cypher):
        if label in labels:
            for prop in labels[label].properties:
                sibling = _find_sibling(prop, labels[label].properties)
                if sibling:
                    found[variable, prop.name] = sibling
    return found


def _find_sibling(prop: SchemaProperty, properties: tuple[SchemaProperty, ...]) -> str | None:
    return next(
        (p.name for p in properties if p is not prop and p.type == prop.type and p.source.dated == prop.source.dated),
        None,
    )
