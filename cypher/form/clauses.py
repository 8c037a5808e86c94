"""Writes clauses and whole queries as parts, in which columns are named only where their names matter."""

from typing import Literal

from cypher.form.expressions import KEY_DEPTH
from cypher.form.parts import Bag, Part, Series, find_variables, separate, series, write_part
from cypher.form.patterns import PatternWriter
from cypher.form.terms import UnwrittenError, join_conditions
from cypher.syntax import queries, tree
from cypher.syntax.tokens import write_name

# What becomes of the columns of a RETURN: where it is shown they need no names, CALL { } brings them as variables, and
# UNION joins those of one name.
_Use = Literal["shown", "named", "joined"]


def write_statement(statement: queries.Statement) -> Part:
    """The whole text as a part. Raises `UnwrittenError` where it cannot be written so."""
    return ClauseWriter(statement.tokens).write_statement(statement)


class ClauseWriter(PatternWriter):
    """Writes queries and commands."""

    def write_statement(self, statement: queries.Statement) -> Part:
        """EXPLAIN and the like, and the query or command."""
        body = statement.body
        return series(self.write_tokens(0, body.first, []), " " if body.first else "", self.write(body))

    def write(self, node: tree.Node) -> Part:
        match node:
            case queries.Query():
                with self.deeper(1):
                    return self._write_query(node, "shown")
            case queries.Branch():
                return self._write_branch(node, "shown")
            case queries.Match():
                return self._write_match(node)
            case queries.Projection():
                return self._write_projection(node, "shown")
            case queries.SubqueryCall():
                return self._write_subquery_call(node)
            case queries.Create():
                return series("CREATE ", *separate([self.write_made_path(path) for path in node.paths]))
            case queries.Merge():
                actions = self.write_tokens(node.path.last, node.last, [*node.actions])
                return series("MERGE ", self.write_made_path(node.path), " " if node.actions else "", actions)
            case queries.Delete():
                words = self.write_tokens(node.first, node.values[0].first, [])
                return series(words, " ", Bag(tuple(self.write(value) for value in node.values), ", "))
            case queries.Yield():
                return self._write_yield(node)
            case queries.YieldColumn():
                return self._write_yield_column(node)
            case queries.SortKey():
                return series(self.write(node.value), " DESC" if node.falling else "")
        return super().write(node)

    def _write_query(self, query: queries.Query, use: _Use) -> Part:
        joined = len(query.branches) > 1
        branches = [self._write_branch(branch, "joined" if joined else use) for branch in query.branches]
        between = " UNION ALL " if query.keeps_all else " UNION "
        return Series(tuple(part for branch in branches for part in (between, branch))[1:])

    def _write_branch(self, branch: queries.Branch, use: _Use) -> Part:
        parts = [] if branch.use is None else [" ", self.write(branch.use)]
        for clause in branch.clauses:
            parts.append(" ")
            if isinstance(clause, queries.Projection):
                parts.append(self._write_projection(clause, use))
            else:
                parts.append(self.write(clause))
        return Series(tuple(parts[1:]))

    def _write_match(self, match: queries.Match) -> Part:
        pattern, conditions = self.split_paths(match.paths)
        if match.condition is not None:
            conditions.append(self.write_term(match.condition))
        words = "OPTIONAL MATCH " if match.optional else "MATCH "
        mode = f"{match.mode} " if match.mode else ""
        hints = [part for hint in match.hints for part in (" ", self.write(hint))]
        return series(words, mode, pattern, *hints, join_conditions(conditions))

    # Columns.

    def _write_projection(self, projection: queries.Projection, use: _Use) -> Part:
        columns = [*projection.starred, *projection.columns]
        if not columns:
            raise UnwrittenError("There is nothing that * could stand for.")
        distinct = "DISTINCT " if projection.distinct else ""
        if projection.word == "WITH":
            parts = [self._write_named(column) for column in columns]
            return series("WITH ", distinct, Bag(tuple(parts), ", "), self._write_tail(projection))
        if use == "shown":
            sorting = {name.variable for key in projection.order for name in _find_names(key)}
            parts = self._write_shown(columns, sorting)
        else:
            parts = [self._write_named(column) for column in columns]
        return series("RETURN ", distinct, *separate(parts), self._write_tail(projection))

    def _write_named(self, column: queries.Column) -> Part:
        term = self.write_term(column.value)
        if column.variable is None or term.part is column.variable:
            return term.part
        return series(term.bracketed, " AS ", column.variable)

    def _write_shown(self, columns: list[queries.Column], sorting: set[tree.Variable | None]) -> list[Part]:
        """Columns without names, which ORDER BY then repeats.

        A column keeps its name where another looks the same, or where ORDER BY would repeat variables bound in it.
        """
        parts: list[Part] = []
        seen = set()
        for column in columns:
            with self.deeper(KEY_DEPTH if column.variable in sorting else 0):
                term = self.write_term(column.value)
            text = write_part(term.part, {number: f"v{number}" for number in find_variables(term.part)})
            if text in seen or (column.variable in sorting and _binds(column.value)):
                parts.append(self._write_named(column))
                continue
            seen.add(text)
            parts.append(term.part)
            if column.variable is not None and term.part is not column.variable:
                self.inlined[column.variable] = term.bracketed
        return parts

    def _write_tail(self, projection: queries.Projection) -> Part:
        keys = separate([self.write(key) for key in projection.order])
        parts: list[Part] = [" ORDER BY ", *keys] if keys else []
        for word, value in (("SKIP", projection.skip), ("LIMIT", projection.limit)):
            parts += [] if value is None else [f" {word} ", self.write_term(value).part]
        conditions = [] if projection.condition is None else [self.write_term(projection.condition)]
        return series(*parts, join_conditions(conditions))

    # Subqueries and procedures.

    def _write_subquery_call(self, call: queries.SubqueryCall) -> Part:
        head = self.write_tokens(call.first, call.query.first, [*call.imports])
        with self.deeper(1):
            inner = self._write_query(call.query, "named")
        tail = self.write_tokens(call.query.last, call.last, [call.transactions] if call.transactions else [])
        return series(head, " ", inner, " ", tail)

    def _write_yield(self, yielded: queries.Yield) -> Part:
        if not yielded.columns:
            return self.write_plainly(yielded)
        columns = Bag(tuple(self.write(column) for column in yielded.columns), ", ")
        rest = [child for child in tree.find_children(yielded) if not isinstance(child, queries.YieldColumn)]
        last = yielded.columns[-1].last
        tail = self.write_tokens(last, yielded.last, rest)
        return series("YIELD ", columns, " " if last < yielded.last else "", tail)

    def _write_yield_column(self, column: queries.YieldColumn) -> Part:
        name = column.name.value if column.column is None else column.column.value
        return series(write_name(name), " AS ", self.write_variable(column.name))


def _find_names(node: tree.Node) -> list[tree.Name]:
    return [name for name in tree.walk(node) if isinstance(name, tree.Name)]


def _binds(value: tree.Node) -> bool:
    """Whether an expression has variables of its own."""
    own = tree.Comprehension | tree.PatternComprehension | tree.Reduce | tree.Subquery
    return any(isinstance(node, own) for node in tree.walk(value))
