"""Runs writing queries clause by clause, as Cypher defines them, and tells which graph they leave.

graphdblite reads well and writes badly: its MERGE binds and creates the wrong nodes, and a created node is returned as
a number. So it only reads here: what a clause changes is worked out row by row, and done in the smallest of steps.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import graphdblite

from cypher.rows import (
    Entities,
    Kind,
    NodeId,
    RelationshipId,
    Row,
    bind_names,
    bind_rows,
    find_counted,
    find_needed,
    hold_value,
    holds_entity,
)
from cypher.run import (
    CypherError,
    EmbeddedGraph,
    GraphState,
    Limits,
    Result,
    UnsupportedError,
    ask,
    read_state,
    to_result,
)
from cypher.statement import read_statement
from cypher.syntax import queries, tree
from cypher.syntax.tokens import write_name

_WRITES = (queries.Create, queries.Merge, queries.Changes, queries.Delete, queries.Foreach)
_READS = (queries.Match, queries.Unwind, queries.Projection)
_MOMENTS = frozenset(("date", "datetime", "localdatetime", "time", "localtime", "duration"))


class Written(NamedTuple):
    """What a writing query returned, and the graph before and after it."""

    result: Result
    before: GraphState
    after: GraphState


def is_write(query: queries.Query) -> bool:
    """Whether a query has a clause that changes the graph."""
    return any(isinstance(node, _WRITES) for node in tree.walk(query))


def run_write(engine: EmbeddedGraph, query: str, limits: Limits) -> Written:
    """Runs a writing query on the engine's graph, and puts that back. Raises `CypherError`, and `GrammarError` where
    the text is no query."""
    query = engine.prepare(query)
    statement = read_statement(query)
    if not isinstance(statement.body, queries.Query) or statement.body.first or len(statement.body.branches) > 1:
        raise UnsupportedError("a write is run only without UNION and without a word before it")
    _check_names(statement.body, engine.labels)
    _check_moments(statement.body)
    before = engine.read_state()
    with engine.try_changes() as transaction:
        records = _Run(transaction, query, statement, limits, before).run(statement.body.branches[0].clauses)
        return Written(to_result(records, limits), before, read_state(transaction))


def _check_names(query: queries.Query, labels: Collection[str]) -> None:
    """Raises `UnsupportedError` for labels that the engine takes for one, and for names that it keeps for itself."""
    nodes = list(tree.walk(query))
    elements = [node for node in nodes if isinstance(node, tree.RelationshipPattern) and node.labels is not None]
    types = {node for element in elements for node in tree.walk(element) if isinstance(node, tree.Labels)}
    tested = [node for node in nodes if isinstance(node, tree.Labels) and node not in types and node.name is not None]
    names = {*labels, *(node.name.value for node in tested if node.name is not None)}
    if len({name.lower() for name in names}) < len(names):
        raise UnsupportedError("the engine does not tell labels apart that differ only by case")
    if any(isinstance(node, tree.Word) and node.value.startswith("__") for node in nodes):
        raise UnsupportedError("the engine keeps names that begin with two underscores for itself")


def _check_moments(query: queries.Query) -> None:
    """A moment is handed on as a text, so that it may only be the value of a property. Raises `UnsupportedError`."""
    nodes = list(tree.walk(query))
    kept = {node.value for node in nodes if isinstance(node, queries.Change | tree.Entry)}
    calls = [node for node in nodes if isinstance(node, tree.FunctionCall) and node not in kept]
    if any(call.name.lower().split(".")[0] in _MOMENTS for call in calls):
        raise UnsupportedError("a moment is only written as it is")


class _Run:
    """One run of a query, whose clauses hand rows on."""

    def __init__(
        self,
        transaction: graphdblite.WriteTransaction,
        query: str,
        statement: queries.Statement,
        limits: Limits,
        before: GraphState,
    ) -> None:
        self._transaction = transaction
        self._query = query
        self._tokens = statement.tokens
        self._limits = limits
        self._there: Entities | None = _list_entities(before)  # None where something came or went
        self._constants: dict[tree.Node, Any] = {}

    def run(self, clauses: Sequence[tree.Node]) -> list[dict[str, Any]]:
        """Runs the clauses; gives the engine's records for the RETURN at the end, if there is one."""
        rows: list[Row] = [{}]
        bound: dict[str, Kind] = {}
        start = 0  # of the reading clauses that were not run yet
        for place, clause in enumerate(clauses):
            if isinstance(clause, _WRITES):
                if start < place:
                    rows, bound = self._read(rows, bound, clauses[start:place], clauses[place:])
                rows = self._write(clause, rows, clauses[place + 1 :])
                bound = bind_names(bound, [clause])
                start = place + 1
            elif not isinstance(clause, (*_READS, queries.Finish)):
                raise UnsupportedError("the engine has no such clause in a query that writes")
        rest = [clause for clause in clauses[start:] if isinstance(clause, _READS)]
        if not rest:
            return []
        bind, values = bind_rows(rows, find_needed(bound, rest), rest, self._find_entities(), find_counted(rest))
        return self._ask(f"{bind} {self._find_text(rest)}", values)

    # Reading.

    def _ask(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        try:
            return ask(self._transaction, query, values)
        except CypherError as error:
            if str(error).startswith("SyntaxError("):  # what is asked was put together here, from a text that is sound
                raise UnsupportedError(str(error)) from error
            raise

    def _find_text(self, nodes: Sequence[tree.Node]) -> str:
        first, last = self._tokens[nodes[0].first], self._tokens[nodes[-1].last - 1]
        return self._query[first.start : last.end]

    def _find_entities(self) -> Entities:
        if self._there is None:
            self._there = _list_entities(read_state(self._transaction))
        return self._there

    def _read(
        self, rows: list[Row], bound: dict[str, Kind], clauses: Sequence[tree.Node], later: Sequence[tree.Node]
    ) -> tuple[list[Row], dict[str, Kind]]:
        """The rows behind reading clauses, with the names that are needed later."""
        bind, values = bind_rows(rows, find_needed(bound, [*clauses, *later]), clauses, self._find_entities())
        bound = find_needed(bind_names(bound, clauses), later)
        paths = [node for clause in clauses for node in tree.walk(clause) if isinstance(node, tree.Path)]
        if any(path.name is not None and path.name.value in bound for path in paths):
            raise UnsupportedError("the engine gives a path as internal ids")
        columns = ", ".join(map(write_name, bound)) or "1 AS one__"
        records = self._ask(f"{bind} {self._find_text(clauses)} RETURN {columns}", values)
        if len(records) > self._limits.rows:
            raise UnsupportedError(f"it writes for more than {self._limits.rows} rows")
        return [dict(zip(bound, map(hold_value, record.values()), strict=False)) for record in records], bound

    def _evaluate(self, expression: tree.Node, row: Row) -> Any:
        """What an expression is worth in a row."""
        if isinstance(expression, tree.Name) and expression.value in row:
            return row[expression.value]
        if expression in self._constants:
            return self._constants[expression]
        bind, values = self._bind(row, expression)
        ((value,),) = [
            record.values() for record in self._ask(f"{bind} RETURN {self._find_text([expression])}", values)
        ]
        varying = tree.Name | tree.FunctionCall | tree.Element
        if not any(isinstance(node, varying) for node in tree.walk(expression)):
            self._constants[expression] = hold_value(value)
        return hold_value(value)

    def _bind(self, row: Row, reader: tree.Node) -> tuple[str, dict[str, Any]]:
        """The start of a query with what one row holds for the names that a piece of the query mentions."""
        mentioned = {node.value for node in tree.walk(reader) if isinstance(node, tree.Name)}
        names: dict[str, Kind] = {name: "value" for name in row if name in mentioned}
        plain = not names and not any(isinstance(node, tree.RelationshipPattern) for node in tree.walk(reader))
        return bind_rows([row], names, [reader], Entities((), Counter()) if plain else self._find_entities())

    # Writing.

    def _write(self, clause: tree.Node, rows: list[Row], later: Sequence[tree.Node]) -> list[Row]:
        """Does what one clause says for each row; gives the rows behind it."""
        match clause:
            case queries.Create():
                for row in rows:
                    for path in clause.paths:
                        self._create(path, row)
            case queries.Merge():
                return [merged for row in rows for merged in self._merge(clause, row)]
            case queries.Changes():
                for row in rows:
                    self._change(clause, row)
            case queries.Delete():
                self._delete(clause, rows, later)
            case queries.Foreach():
                for row in rows:
                    values = self._evaluate(clause.values, row)
                    if not isinstance(values, list | None):
                        raise CypherError("FOREACH goes through a list")
                    inner = [{**row, clause.name.value: value} for value in values or ()]
                    for place, step in enumerate(clause.clauses, start=1):
                        inner = self._write(step, inner, [*clause.clauses[place:], *later])
        return rows

    def _execute(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        try:
            return self._transaction.execute(statement, values)
        except graphdblite.GraphDBError as error:
            raise CypherError(str(error).strip().splitlines()[0]) from error

    def _create(self, path: tree.Path, row: Row) -> None:
        """Creates a path in a row, which then holds its new nodes and relationships too."""
        _check_plain(path)
        ends: list[NodeId] = []
        for element in path.elements:
            if isinstance(element, tree.NodePattern):
                ends.append(self._create_node(element, row))
        joins = [element for element in path.elements if isinstance(element, tree.RelationshipPattern)]
        for step, element in enumerate(joins):
            start, end = ends[step : step + 2] if element.arrow != "<" else reversed(ends[step : step + 2])
            (kind,) = _read_labels(element.labels)
            # One by one and at once: SET would find another relationship of the type between the same nodes.
            properties = list(self._evaluate_properties(element, row).items())
            cells = ", ".join(f"{write_name(key)}: $v{place}" for place, (key, _) in enumerate(properties))
            label = f"{write_name(kind)} {{{cells}}}" if cells else write_name(kind)
            self._execute(
                f"MATCH (a) WHERE id(a) = $start WITH a MATCH (b) WHERE id(b) = $end CREATE (a)-[:{label}]->(b)",
                start=start.id,
                end=end.id,
                **{f"v{place}": value for place, (_, value) in enumerate(properties)},
            )
            self._there = None
            if element.name is not None:
                row[element.name.value] = RelationshipId(start.id, kind, end.id)

    def _create_node(self, element: tree.NodePattern, row: Row) -> NodeId:
        if element.name is not None and element.name.value in row:
            node = row[element.name.value]
            if not isinstance(node, NodeId):
                raise CypherError(f"'{element.name.value}' is no node that a relationship could join")
            return node
        labels = "".join(f":{write_name(label)}" for label in _read_labels(element.labels))
        properties = self._evaluate_properties(element, row)
        ((number,),) = [
            record.values()
            for record in self._execute(f"CREATE (n{labels}) SET n = $properties RETURN id(n)", properties=properties)
        ]
        self._there = None
        if element.name is not None:
            row[element.name.value] = NodeId(number)
        return NodeId(number)

    def _evaluate_properties(self, element: tree.Element, row: Row) -> dict[str, Any]:
        properties = {} if element.properties is None else self._evaluate(element.properties, row)
        if not isinstance(properties, dict):
            raise UnsupportedError("the properties of a new node or relationship are no map")
        return properties

    def _merge(self, clause: queries.Merge, row: Row) -> Iterator[Row]:
        """The rows in which the pattern is found, or else the one in which it is created."""
        elements = _check_plain(clause.path)
        names = list(dict.fromkeys(element.name.value for element in elements if element.name is not None))
        if any(name in row and not isinstance(row[name], NodeId) for name in names):
            raise CypherError("MERGE joins only nodes")
        if any(value is None for item in elements for value in self._evaluate_properties(item, row).values()):
            raise CypherError("MERGE finds nothing by null")
        bind, values = self._bind(row, clause.path)
        names = [name for name in names if name not in row]
        columns = ", ".join(map(write_name, names)) or "1 AS one__"
        records = self._ask(f"{bind} MATCH {self._find_text([clause.path])} RETURN {columns}", values)
        merged = [{**row, **dict(zip(names, map(hold_value, record.values()), strict=False))} for record in records]
        if not merged:
            merged = [dict(row)]
            self._create(clause.path, merged[0])
        for action in clause.actions:
            if (self._find_word(action.first - 1) == "MATCH") == bool(records):
                for each in merged:
                    self._change(action, each)
        yield from merged

    def _find_word(self, place: int) -> str:
        return self._tokens[place].text.upper()

    def _change(self, clause: queries.Changes, row: Row) -> None:
        """SET and REMOVE, item by item."""
        for item in clause.items:
            target, key = _read_target(item.target)
            if target not in row:
                raise UnsupportedError("only variables and their properties are set and removed")
            if row[target] is None:
                continue
            if item.labels is not None:
                labels = "".join(f":{write_name(label)}" for label in _read_labels(item.labels))
                self._change_one(row[target], f"{self._find_word(clause.first)} n{labels}")
                continue
            value = None if item.value is None else self._evaluate(item.value, row)
            if key is None and isinstance(value, NodeId | RelationshipId):
                bind, values = bind_rows([{"n": value}], {"n": "value"}, [], self._find_entities())
                value = self._ask(f"{bind} RETURN properties(n) AS properties", values)[0]["properties"]
            if isinstance(value, dict) == (key is not None) or holds_entity(value):
                raise CypherError("a property holds no map and no node, and only a map holds properties")
            change = "= $value" if key is not None else f"{self._find_word(item.target.last)} $value"
            self._change_one(row[target], f"SET n{'' if key is None else '.' + write_name(key)} {change}", value)

    def _change_one(self, held: Any, change: str, value: Any = None) -> None:
        there = self._find_entities()
        if isinstance(held, NodeId):
            if held not in there.nodes:
                raise UnsupportedError("it uses what it has deleted")
            self._execute(f"MATCH (n) WHERE id(n) = $id {change}", id=held.id, value=value)
        elif isinstance(held, RelationshipId):
            if there.relationships[held] != 1:
                raise UnsupportedError("the engine cannot find a relationship again past a write")
            match = f"MATCH (a)-[n:{write_name(held.type)}]->(b) WHERE id(a) = $start AND id(b) = $end"
            self._execute(f"{match} {change}", start=held.start, end=held.end, value=value)
        else:
            raise CypherError("only nodes and relationships have labels and properties")

    def _delete(self, clause: queries.Delete, rows: list[Row], later: Sequence[tree.Node]) -> None:
        """All that the rows name goes at once, and a node's relationships with it only if it is detached."""
        targets = [tree.strip_brackets(value) for value in clause.values]
        names = [target.value for target in targets if isinstance(target, tree.Name)]
        values = [row[name] for row in rows for name in names if row[name] is not None]
        if len(names) < len(targets) or not all(isinstance(value, NodeId | RelationshipId) for value in values):
            raise UnsupportedError("only nodes and relationships that have a name are deleted")
        there = self._find_entities()
        for value in dict.fromkeys(values):
            if value in there.relationships:
                self._change_one(value, "DELETE n")
                self._there = None
        detaches = self._find_word(clause.first) == "DETACH"
        joined = {end for edge in self._find_entities().relationships for end in (edge.start, edge.end)}
        for value in dict.fromkeys(values):
            if value not in there.nodes:
                continue
            if value.id in joined and not detaches:
                if any(isinstance(node, queries.Delete) for step in later for node in tree.walk(step)):
                    raise UnsupportedError("it deletes a node before its relationships")
                raise CypherError("it deletes a node that still has relationships")
            self._change_one(value, f"{'DETACH ' if detaches else ''}DELETE n")
            self._there = None


def _list_entities(state: GraphState) -> Entities:
    joins = Counter(RelationshipId(start, value.type, end) for start, value, end in state.relationships)
    return Entities({NodeId(number) for number in state.nodes}, joins)


def _read_labels(labels: tree.Labels | None) -> list[str]:
    """The names in `:A:B`."""
    if labels is None:
        return []
    if labels.operator not in ("", "&") or labels.value is not None:
        raise UnsupportedError("only plain labels and types are written")
    if labels.name is not None:
        return [labels.name.value]
    return [name for term in labels.terms for name in _read_labels(term)]


def _read_target(node: tree.Node) -> tuple[str, str | None]:
    """The variable that SET or REMOVE changes, and its property; an empty name for all else."""
    target, key = tree.strip_brackets(node), None
    if isinstance(target, tree.Access):
        match target.steps:
            case [tree.Property() as step]:
                target, key = tree.strip_brackets(target.value), step.key.value
    return (target.value if isinstance(target, tree.Name) else ""), key


def _check_plain(path: tree.Path) -> list[tree.Element]:
    """The elements of a path that can be created. Raises `UnsupportedError` for another one."""
    elements = [element for element in path.elements if isinstance(element, tree.Element)]
    joins = [element for element in elements if isinstance(element, tree.RelationshipPattern)]
    plain = all(
        join.length is None and join.quantifier is None and len(_read_labels(join.labels)) == 1 for join in joins
    )
    if not plain or path.name is not None or path.selector or path.function or len(elements) < len(path.elements):
        raise UnsupportedError("only plain paths without a name are created")
    return elements
