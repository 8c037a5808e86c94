"""Near misses of a query: the slips of a model, one at a time, in any query that can be read."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from cypher.schema import GraphSchema
from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.tokens import Token, write_name

_OPERATORS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "=": "<>", "<>": "=", "STARTS WITH": "CONTAINS"}
_AGGREGATES = {"sum": "avg", "avg": "sum", "min": "max", "max": "min"}


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def list_mutants(query: str, schema: GraphSchema | None = None) -> list[str]:
    """The query with one thing changed, for each thing: an arrow turned, a condition left out, a comparison or a
    number moved by one, DISTINCT left out, an order turned, a limit moved, an aggregate, type or property exchanged
    for another of the schema. Raises `GrammarError` for what is no query.
    """
    statement = read_statement(query)
    texts = []
    for edits in _list_edits(statement, schema):
        text = query
        for edit in sorted(edits, reverse=True):
            text = text[: edit.start] + edit.text + text[edit.end :]
        texts.append(text)
    return [text for text in dict.fromkeys(texts) if text != query]


def _list_edits(statement: queries.Statement, schema: GraphSchema | None) -> Iterator[list[_Edit]]:
    tokens = statement.tokens
    for node in tree.walk(statement.body):
        if isinstance(node, tree.RelationshipPattern):
            yield from _change_relationship(tokens, node, schema)
        elif isinstance(node, tree.Operand) and node.operator in _OPERATORS:
            operator = tokens[node.first : _find_value(node).first]
            yield [_Edit(operator[0].start, operator[-1].end, _OPERATORS[node.operator])]
        elif isinstance(node, queries.Projection):
            yield from _change_projection(tokens, node)
        elif isinstance(node, tree.FunctionCall):
            yield from _change_call(tokens, node)
        if isinstance(node, tree.MapValue):
            yield from _drop_entries(tokens, node)
        condition = getattr(node, "condition", None)
        if condition is not None:
            yield from ([_replace(tokens, part, "true")] for part in _list_conjuncts(condition))
    yield from _move_numbers(tokens, statement.body)
    if schema is not None:
        yield from _exchange_properties(tokens, statement.body, schema)


def _find_value(operand: tree.Operand) -> tree.Node:
    assert operand.value is not None
    return operand.value


def _replace(tokens: list[Token], node: tree.Node, text: str) -> _Edit:
    return _Edit(tokens[node.first].start, tokens[node.last - 1].end, text)


def _change_relationship(
    tokens: list[Token], node: tree.RelationshipPattern, schema: GraphSchema | None
) -> Iterator[list[_Edit]]:
    start, end = tokens[node.first].start, tokens[node.last - 1].end
    if node.arrow and node.quantifier is None:
        if node.arrow == ">":
            yield [_Edit(start, start, "<"), _Edit(end - 1, end, "")]
        elif node.first + 2 < node.last:
            yield [_Edit(start, start + 1, ""), _Edit(end, end, ">")]
    if schema is None or node.labels is None or node.labels.name is None:
        return
    name = node.labels.name
    ends = [(each.start, each.end) for each in schema.relationships if each.type == name.value]
    for each in schema.relationships:
        if each.type != name.value and (each.start, each.end) in ends:
            yield [_replace(tokens, name, write_name(each.type))]
            return


def _list_conjuncts(condition: tree.Node) -> list[tree.Node]:
    condition = tree.strip_brackets(condition)
    if isinstance(condition, tree.Operation) and all(operand.operator == "AND" for operand in condition.operands):
        parts = [condition.value, *map(_find_value, condition.operands)]
        return [inner for part in parts for inner in _list_conjuncts(part)]
    return [condition]


def _drop_entries(tokens: list[Token], node: tree.MapValue) -> Iterator[list[_Edit]]:
    for index, entry in enumerate(node.entries):
        if index + 1 < len(node.entries):
            yield [_Edit(tokens[entry.first].start, tokens[node.entries[index + 1].first].start, "")]
        else:
            begin = tokens[node.entries[index - 1].last - 1].end if index else tokens[entry.first].start
            yield [_Edit(begin, tokens[entry.last - 1].end, "")]


def _change_projection(tokens: list[Token], node: queries.Projection) -> Iterator[list[_Edit]]:
    if node.distinct:
        yield [_drop_distinct(tokens, node)]
    for key in node.order:
        if key.falling:
            last = tokens[key.last - 1]
            yield [_Edit(last.start, last.end, "ASC")]
        else:
            end = tokens[key.value.last - 1].end
            yield [_Edit(end, tokens[key.last - 1].end, " DESC")]


def _drop_distinct(tokens: list[Token], node: tree.Node) -> _Edit:
    place = next(token for token in tokens[node.first :] if token.text.upper() == "DISTINCT")
    return _Edit(place.start, place.end, "")


def _change_call(tokens: list[Token], node: tree.FunctionCall) -> Iterator[list[_Edit]]:
    first = tokens[node.first]
    if node.name.lower() in _AGGREGATES and node.first + 1 < node.last:
        yield [_Edit(first.start, first.end, _AGGREGATES[node.name.lower()])]
    if node.distinct:
        yield [_drop_distinct(tokens, node)]
    elif node.name.lower() == "count" and not node.star:
        start = tokens[node.arguments[0].first].start
        yield [_Edit(start, start, "DISTINCT ")]


def _move_numbers(tokens: list[Token], body: tree.Node) -> Iterator[list[_Edit]]:
    """Each number by one, up and down; lengths of paths are no expressions and stay.

    So does a limit without an order: any rows would do for it, so nothing tells it from another.
    """
    nodes = list(tree.walk(body))
    loose = [node.limit for node in nodes if isinstance(node, queries.Projection) and not node.order]
    for node in nodes:
        if isinstance(node, tree.Constant) and node.kind == "number" and node.value.isdecimal() and node not in loose:
            yield from ([_replace(tokens, node, str(number))] for number in _find_neighbours(int(node.value)))


def _find_neighbours(number: int) -> Iterable[int]:
    return (number - 1, number + 1) if number > 1 else (number + 1,)


def _exchange_properties(tokens: list[Token], body: tree.Node, schema: GraphSchema) -> Iterator[list[_Edit]]:
    """Each property read from a labelled variable, by another that its label has and the query does not name."""
    owners: dict[tree.Variable, dict[str, str]] = {}
    nodes = list(tree.walk(body))
    for node in nodes:
        if isinstance(node, tree.NodePattern) and node.variable and node.labels and node.labels.name:
            owners[node.variable] = schema.labels.get(node.labels.name.value, {})
    named = {node.key.value for node in nodes if isinstance(node, tree.Property)}
    for node in nodes:
        if not isinstance(node, tree.Access) or not isinstance(node.value, tree.Name):
            continue
        step, variable = node.steps[0], node.value.variable
        if isinstance(step, tree.Property) and variable in owners:
            others = [name for name in owners[variable] if name not in named]
            if others:
                yield [_replace(tokens, step.key, write_name(others[0]))]
