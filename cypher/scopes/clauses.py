"""Finds the variables of clauses, queries and commands: which exist where, and which go on."""

from collections.abc import Iterator

from cypher.scopes.expressions import Scope
from cypher.scopes.patterns import PatternChecker
from cypher.syntax import queries, tree
from cypher.syntax.functions import AGGREGATES


def resolve(statement: queries.Statement) -> None:
    """Gives each name of a tree its variable. Raises `GrammarError` for what is wrong beyond the grammar.

    Names that only the answer of a procedure or command can bring, as after `YIELD *`, stay without one.
    """
    checker = ClauseChecker(statement.tokens)
    if isinstance(statement.body, queries.Query):
        checker.check_query(statement.body)
    elif isinstance(statement.body, queries.Command):
        checker.check_command(statement.body)


class ClauseChecker(PatternChecker):
    """Goes through queries clause by clause."""

    def check_query(self, query: queries.Query, inner: str = "", imports: Scope | None = None) -> list[str] | None:
        """Returns the names of its columns, None if nothing is returned.

        `inner` names what the query is inside of; `imports` are the variables that `CALL { WITH … }` may take in.
        """
        outer = self.scope
        shared: Scope | None = {} if len(query.branches) > 1 else None
        columns: list[str] | None = None
        for number, branch in enumerate(query.branches):
            self.scope = dict(outer)
            more = self._check_branch(branch, inner, imports, shared)
            if number == 0:
                columns = more
            elif columns is not None and more is not None and sorted(columns) != sorted(more) and self.closed:
                self.fail("all parts of a UNION must return columns of the same names", branch)
        return columns

    def _check_branch(
        self, branch: queries.Branch, inner: str, imports: Scope | None, shared: Scope | None
    ) -> list[str] | None:
        clauses = branch.clauses
        if branch.use is not None:
            self.check_all([part for part in branch.use.parts if type(part) is not tree.Word])
        if imports is not None and isinstance(clauses[0], queries.Projection) and _is_import(clauses[0]):
            self.scope = dict(imports)
        for clause in clauses:
            if isinstance(clause, queries.Projection) and clause.word == "RETURN":
                return self.check_projection(clause, inner, shared)
            self._check_clause(clause)
        return None

    def _check_clause(self, clause: tree.Node) -> None:
        match clause:
            case queries.Match():
                self._check_match(clause)
            case queries.Projection():
                self.check_projection(clause, "", None)
            case queries.Unwind():
                self.check_value(clause.values)
                self.define(clause.name, "any")
            case queries.LoadCsv():
                self.check_value(clause.source)
                self.define(clause.name, "map" if clause.headers else "list")
            case queries.ProcedureCall():
                self.check_all(clause.arguments)
                if clause.yielded is not None:
                    self._check_yield(clause.yielded)
            case queries.SubqueryCall():
                self._check_subquery_call(clause)
            case queries.Finish():
                pass
            case _:
                self._check_write(clause)

    def _check_match(self, match: queries.Match) -> None:
        self.check_matched_patterns(match.paths)
        for hint in match.hints:
            for name in hint.names:
                self.look_up(name)
        self.check_condition(match.condition)

    # Clauses that write.

    def _check_write(self, clause: tree.Node) -> None:
        match clause:
            case queries.Create():
                self.check_made_patterns(clause.paths, "create")
            case queries.Merge():
                self.check_made_patterns([clause.path], "merge")
                for changes in clause.actions:
                    self._check_write(changes)
            case queries.Changes():
                for change in clause.items:
                    self._check_change(change)
            case queries.Delete():
                for value in clause.values:
                    if self.check_value(value) not in ("node", "relationship", "path", "any"):
                        self.fail("only nodes, relationships and paths can be deleted", value)
            case queries.Foreach():
                self.check_value(clause.values)
                outer, self.scope = self.scope, dict(self.scope)
                self.bind(clause.name, "any")
                for inner in clause.clauses:
                    self._check_write(inner)
                self.scope = outer

    def _check_change(self, change: queries.Change) -> None:
        target = change.target.value if isinstance(change.target, tree.Access) else change.target
        kind = self.check_value(target)
        if isinstance(target, tree.Name) and kind not in ("node", "relationship", "map", "any"):
            self.fail(f"variable `{target.value}` is neither a node nor a relationship", target)
        if isinstance(change.target, tree.Access):
            for step in change.target.steps:
                self.check_value(getattr(step, "index", None))
        self.check_labels(change.labels)
        self.check_value(change.value)

    # Subqueries and procedures.

    def _check_subquery_call(self, call: queries.SubqueryCall) -> None:
        outer, closed, aggregation = self.scope, self.closed, self.aggregation
        inner: Scope = dict(outer) if call.star else {}
        for name in call.imports:
            self.look_up(name)
            if name.variable is not None:
                inner[name.value] = name.variable
        self.scope, self.aggregation = inner, "refused"
        columns = self.check_query(call.query, "CALL", None if call.scoped else outer)
        found = self.scope
        self.scope, self.closed, self.aggregation = outer, closed, aggregation
        for column in columns or ():
            if column in outer:
                self.fail(f"the subquery returns `{column}`, which is already defined outside", call.query)
            outer[column] = found.get(column) or self.make_variable("any")
        if call.transactions is not None:
            self.check_all(call.transactions.values)
            if call.transactions.name is not None:
                self.define(call.transactions.name, "map")

    def check_subquery(self, subquery: tree.Subquery) -> None:
        outer, closed, aggregation = self.scope, self.closed, self.aggregation
        self.scope, self.aggregation = dict(outer), "refused"
        columns = self.check_query(subquery.query, subquery.word)
        if subquery.word == "COLLECT" and (columns is None or (len(columns) != 1 and self.closed)):
            self.fail("COLLECT { … } must return one column", subquery)
        self.scope, self.closed, self.aggregation = outer, closed, aggregation

    def _check_yield(self, yielded: queries.Yield) -> None:
        self.closed &= not yielded.star
        for column in yielded.columns:
            self.define(column.name, "any")
        for key in yielded.order:
            self.check_value(key.value)
        for bound in yielded.bounds:
            self._check_bound(bound)
        self.check_condition(yielded.condition)
        if yielded.projection is not None:
            self.check_projection(yielded.projection, "", None)

    # WITH and RETURN.

    def check_projection(self, projection: queries.Projection, inner: str, shared: Scope | None) -> list[str]:
        """Puts the columns in the place of the variables; returns their names.

        `shared` are the columns of the queries of a UNION, which have one variable for each name.
        """
        outer_aggregation, self.aggregation = self.aggregation, "allowed"
        old, new = self.scope, Scope()
        if star := projection.star:
            if projection.word == "RETURN" and not old and self.closed:
                self.fail("there are no variables for *", star)
            for name in sorted(old):  # a column for each variable
                projection.starred.append(
                    queries.Column(star.first, star.last, tree.Name(star.first, star.last, name), None, name)
                )
        for column in projection.starred:
            self._check_column(column, False, new, projection, shared)
        for column in projection.columns:
            self._check_column(column, projection.word == "WITH" or inner == "CALL", new, projection, shared)
        aggregates = self._has_aggregated()
        columns = list(new)
        if projection.distinct or aggregates:  # what is left of the old variables is what the new columns are made of
            named = {
                node.value for column in projection.columns for node in tree.walk(column) if isinstance(node, tree.Name)
            }
            old = {name: variable for name, variable in old.items() if name in named}
        self.scope = {**old, **new}
        self.aggregation = "allowed" if aggregates else "refused"
        for key in projection.order:
            self.check_value(key.value)
        self.aggregation = "refused"
        for bound in (projection.skip, projection.limit):
            self._check_bound(bound)
        if aggregates:  # WHERE goes through the groups, of which only their keys are known
            keys = {name for column in projection.columns for name in _find_keys(column)}
            self.scope = {**{name: variable for name, variable in old.items() if name in keys}, **new}
        self.check_condition(projection.condition)
        self.scope, self.aggregation = new, outer_aggregation
        return columns

    def _check_column(
        self, column: queries.Column, needs_name: bool, new: Scope, projection: queries.Projection, shared: Scope | None
    ) -> None:
        kind = self.check_value(column.value)
        source = column.value.variable if isinstance(column.value, tree.Name) else None
        if column.alias is not None:
            name = column.alias.value
        elif isinstance(column.value, tree.Name):
            name = column.value.value
        elif needs_name:
            self.fail(f"a computed value in {projection.word} needs a name: add AS and a name", column)
        else:
            name = column.title
        if name in new:
            self.fail(f"there are two columns named `{name}`", column)
        if shared is not None:
            column.variable = shared.setdefault(name, self.make_variable(kind))
        elif source is not None and self.scope.get(name) is source:
            column.variable = source
        else:
            column.variable = self.make_variable(kind)
        new[name] = column.variable
        if column.alias is not None:
            column.alias.variable = column.variable

    def _has_aggregated(self) -> bool:
        return self.aggregation == "met"

    def _check_bound(self, number: tree.Node | None) -> None:
        """The number after SKIP or LIMIT, which is the same for all rows."""
        if number is None:
            return
        if isinstance(number, tree.Prefixed) and isinstance(number.value, tree.Constant) and number.operator == "-":
            self.fail("a number of rows cannot be negative", number)
        outer, closed, self.scope, self.closed = self.scope, self.closed, {}, True
        kind = self.check_value(number)
        is_float = isinstance(number, tree.Constant) and kind == "number" and not number.value.isdigit()
        if is_float or kind in ("list", "text"):
            self.fail("a number of rows must be a whole number", number)
        self.scope, self.closed = outer, closed

    # Commands.

    def check_command(self, command: queries.Command) -> None:
        """The variables of a command: of what is indexed or constrained, and of its answer's columns."""
        for part in command.parts:
            if isinstance(part, queries.Entity):
                self.define(part.name, "relationship" if part.relationship else "node")
            elif isinstance(part, queries.Yield):
                self._check_yield(part)
            elif not isinstance(part, queries.Use) and type(part) is not tree.Word:
                self.check_value(part)


def _find_keys(node: tree.Node) -> Iterator[str]:
    """The names of an expression that stand outside of its aggregations."""
    if isinstance(node, tree.FunctionCall) and node.name.lower() in AGGREGATES:
        return
    if isinstance(node, tree.Name):
        yield node.value
    for child in tree.find_children(node):
        yield from _find_keys(child)


def _is_import(projection: queries.Projection) -> bool:
    """Whether WITH at the start of CALL { … } is a plain list: any other WITH sees nothing from outside."""
    names = all(isinstance(column.value, tree.Name) and column.alias is None for column in projection.columns)
    tail = (projection.distinct, projection.order, projection.skip, projection.limit, projection.condition)
    return projection.word == "WITH" and names and not any(tail)
