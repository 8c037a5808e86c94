"""Finds the variables of expressions, and what they hold as far as the text tells."""

from typing import Literal, NoReturn

from cypher.syntax import tree
from cypher.syntax.expressions import NOT, PREDICATE, SUM
from cypher.syntax.functions import AGGREGATES, ARGUMENTS, FUNCTIONS
from cypher.syntax.tokens import GrammarError, Token

Scope = dict[str, tree.Variable]


def write_kind(kind: tree.Kind) -> str:
    """The kind in words."""
    return "a value" if kind == "any" else f"a {kind}"


class ExpressionChecker:
    """Goes through a tree in the order in which variables come to exist. Raises `GrammarError` for what is wrong."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.scope: Scope = {}
        # False where a variable may come from something that does not name it, as `YIELD *` does.
        self.closed = True
        # Aggregating functions: refused, allowed, or allowed and met.
        self.aggregation: Literal["refused", "allowed", "met"] = "refused"
        self._count = 0

    def check_bound_pattern(self, path: tree.Path) -> None:
        """A path as a condition, whose variables must exist."""
        raise NotImplementedError

    def check_new_pattern(self, path: tree.Path) -> None:
        """A path that may bring new variables."""
        raise NotImplementedError

    def check_subquery(self, subquery: tree.Subquery) -> None:
        """EXISTS, COUNT or COLLECT."""
        raise NotImplementedError

    # Variables.

    def fail(self, message: str, node: tree.Node) -> NoReturn:
        """Raises `GrammarError` where the node begins."""
        raise GrammarError(self.tokens[node.first].start, message)

    def make_variable(self, kind: tree.Kind) -> tree.Variable:
        """A variable that no name stands for yet."""
        self._count += 1
        return tree.Variable(self._count, kind)

    def bind(self, name: tree.Name, kind: tree.Kind) -> tree.Variable:
        """Lets the name stand for a new variable from here on, whatever it stood for."""
        name.variable = self.scope[name.value] = self.make_variable(kind)
        return name.variable

    def define(self, name: tree.Name, kind: tree.Kind) -> None:
        """Binds a name that must not stand for anything yet."""
        if name.value in self.scope:
            self.fail(f"variable `{name.value}` is already defined", name)
        self.bind(name, kind)

    def look_up(self, name: tree.Name) -> tree.Kind:
        """What the variable holds that the name stands for."""
        name.variable = self.scope.get(name.value)
        if name.variable is None:
            if self.closed:
                self.fail(f"variable `{name.value}` is not defined", name)
            return "any"
        return name.variable.kind

    # Expressions.

    def check_all(self, values: list[tree.Node]) -> None:
        """Several expressions that are no patterns."""
        for value in values:
            self.check_value(value)

    def check_value(self, value: tree.Node | None) -> tree.Kind:
        """An expression that is no pattern; returns what it gives, as far as the text tells."""
        kind = self.check_expression(value) if value is not None else "any"
        if kind == "pattern" and value is not None:
            message = "a pattern can only be a condition here; COUNT { … } or a comprehension gives its matches"
            self.fail(message, value)
        return kind

    def check_condition(self, value: tree.Node | None) -> None:
        """An expression that is true or false; a pattern alone is one."""
        kind = self.check_expression(value) if value is not None else "any"
        if kind not in ("boolean", "any", "pattern") and value is not None:
            self.fail(f"expected what is true or false, found {write_kind(kind)}", value)

    def check_expression(self, value: tree.Node) -> tree.Kind:
        """Any expression; returns what it gives."""
        match value:
            case tree.Constant():
                return value.kind
            case tree.Parameter():
                return "any"
            case tree.Name():
                return self.look_up(value)
            case tree.Access():
                return self._check_access(value)
            case tree.Operation():
                return self._check_operation(value)
            case tree.FunctionCall():
                return self._check_call(value)
            case tree.Bracketed():
                return self.check_expression(value.value)
            case tree.Prefixed():
                if value.operator == "NOT":
                    self.check_condition(value.value)
                    return "boolean"
                self.check_value(value.value)
                return "any"
            case tree.Path():
                self.check_bound_pattern(value)
                return "path" if value.function else "pattern"
            case tree.ListValue():
                self.check_all(value.items)
                return "list"
            case tree.MapValue():
                self.check_all([entry.value for entry in value.entries])
                return "map"
            case tree.Subquery():
                self.check_subquery(value)
                return "list" if value.word == "COLLECT" else "number" if value.word == "COUNT" else "boolean"
        return self._check_rarer(value)

    def _check_rarer(self, value: tree.Node) -> tree.Kind:
        match value:
            case tree.Case():
                self._check_case(value)
            case tree.Trim():
                self.check_all(value.arguments)
            case tree.MapProjection():
                self._check_map_projection(value)
                return "map"
            case tree.Comprehension() | tree.PatternComprehension() | tree.Reduce():
                return self._check_comprehension(value)
        return "any"

    def _check_operation(self, operation: tree.Operation) -> tree.Kind:
        rank = operation.rank
        kind = self.check_expression(operation.value)
        if kind == "pattern" and rank > NOT:
            self.fail("a pattern can only be joined by AND, OR, XOR and NOT", operation.operands[0])
        if rank < NOT and kind not in ("boolean", "any", "pattern"):
            self.fail(f"expected what is true or false, found {write_kind(kind)}", operation.value)
        for operand in operation.operands:
            self._check_operand(operand, rank)
        return "any" if rank >= SUM else "boolean"

    def _check_operand(self, operand: tree.Operand, rank: int) -> None:
        if operand.value is None or operand.operator.endswith("::"):
            return
        if rank < NOT:
            self.check_condition(operand.value)
            return
        kind = self.check_expression(operand.value)
        if kind == "pattern":
            self.fail("a pattern can only be joined by AND, OR, XOR and NOT", operand.value)
        if operand.operator == "IN" and kind not in ("list", "any"):
            self.fail(f"IN needs a list, found {write_kind(kind)}", operand.value)

    def _check_access(self, access: tree.Access) -> tree.Kind:
        kind = self.check_expression(access.value)
        for step in access.steps:
            if isinstance(step, tree.LabelTest):
                if kind == "pattern":
                    self.fail("a pattern can only be joined by AND, OR, XOR and NOT", step)
                self.check_labels(step.labels)
                kind = "boolean"
                continue
            of_property = isinstance(step, tree.Property)
            # That [] is applied to a number, say, shows only on data.
            if kind in ("path", "pattern") or (of_property and kind in ("boolean", "number", "text", "list")):
                self.fail(f"{write_kind(kind)} has no {'properties' if of_property else 'elements'}", step)
            if isinstance(step, tree.Index):
                self.check_value(step.index)
            elif isinstance(step, tree.Slice):
                self.check_value(step.start)
                self.check_value(step.end)
            kind = "any"
        return kind

    def check_labels(self, labels: tree.Labels | None) -> None:
        """A label expression, which may hold values."""
        if labels is not None:
            self.check_value(labels.value)
            for term in labels.terms:
                self.check_labels(term)

    def _check_case(self, case: tree.Case) -> None:
        self.check_value(case.subject)
        for branch in case.branches:
            for test in branch.tests:
                if isinstance(test, tree.Operand):
                    self._check_operand(test, PREDICATE)
                elif case.subject is None:
                    self.check_condition(test)
                else:
                    self.check_value(test)
            self.check_value(branch.result)
        self.check_value(case.default)

    def _check_map_projection(self, projection: tree.MapProjection) -> None:
        self.look_up(projection.name)
        for item in projection.items:
            if isinstance(item, tree.Name):
                self.look_up(item)
            elif isinstance(item, tree.Entry):
                self.check_value(item.value)

    def _check_comprehension(self, value: tree.Comprehension | tree.PatternComprehension | tree.Reduce) -> tree.Kind:
        """What brings variables of its own, which its list does not know. Aggregation has no place in the rest."""
        if isinstance(value, tree.Reduce):
            self.check_value(value.start)
        if not isinstance(value, tree.PatternComprehension):
            self.check_value(value.values)
        outer, aggregation = self.scope, self.aggregation
        self.scope, self.aggregation = dict(self.scope), "refused"
        if isinstance(value, tree.Reduce):
            self.bind(value.total, "any")
        if isinstance(value, tree.PatternComprehension):
            self.check_new_pattern(value.path)
        else:
            self.bind(value.name, "any")
        if not isinstance(value, tree.Reduce):
            self.check_condition(value.condition)
        self.check_value(value.result)
        self.scope, self.aggregation = outer, aggregation
        if isinstance(value, tree.Reduce) or (isinstance(value, tree.Comprehension) and value.word):
            return "any"
        return "list"

    # Functions.

    def _check_call(self, call: tree.FunctionCall) -> tree.Kind:
        name = call.name.lower()
        space = call.name.partition(".")[0]
        owner = self.scope.get(space) if space != call.name and space.lower() not in FUNCTIONS else None
        if owner is not None and owner.kind in ("node", "relationship"):
            self.fail(f"`{space}` is a variable, which has no methods: write a function, as in toUpper(n.name)", call)
        if name in AGGREGATES:
            self._check_aggregate(call)
        elif name == "exists":
            for argument in call.arguments:
                self.check_expression(argument)
        else:
            kinds = [self.check_value(argument) for argument in call.arguments]
            allowed = ARGUMENTS.get(name)
            if allowed and len(kinds) == 1 and kinds[0] != "any" and kinds[0] not in allowed:
                self.fail(f"{call.name}() does not take {write_kind(kinds[0])}", call.arguments[0])
        return "any"

    def _check_aggregate(self, call: tree.FunctionCall) -> None:
        if self.aggregation == "refused":
            message = f"{call.name}() can only be used in RETURN and WITH, and not inside another aggregation"
            self.fail(message, call)
        self.aggregation = "refused"
        self.check_all(call.arguments)
        self.aggregation = "met"
