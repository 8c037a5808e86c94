"""Writes expressions as parts: brackets, case and the order of operands that commute no longer show."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from cypher.form.parts import Bag, Part, Series, separate, series
from cypher.form.terms import Term, UnwrittenError, calculate, compare, join_terms
from cypher.syntax import tree
from cypher.syntax.expressions import AND, COMPARISON, PREDICATE
from cypher.syntax.tokens import Token, write_name

# A text may nest 60 times, and brackets are added: so deep an expression or an item may lie in another.
_MAX_DEPTH, _DEPTH, _LIST_DEPTH = 57, 2, 1
# So deep the name of a column may lie in ORDER BY, where the column's value takes its place.
KEY_DEPTH = 21
_LISTS = (tree.ListValue, tree.MapValue, tree.FunctionCall)
# Functions whose result is a number or null, so that a sum of it can be turned round; a sum of texts cannot.
_NUMERIC = ("count", "size", "length", "tointeger", "tofloat", "floor", "ceil", "round", "sqrt", "sign")
_OUR_NAMES = re.compile(r"v\d+")


class ExpressionWriter:
    """Writes the nodes of one tree. What has no rule of its own is written token by token."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        # The columns of a RETURN that are written without AS: where they are used, their value is.
        self.inlined: dict[tree.Variable, Part] = {}
        self._depth = 0

    def write_path(self, path: tree.Path) -> Part:
        """A pattern that is a condition or a value."""
        raise NotImplementedError

    def write(self, node: tree.Node) -> Part:
        """A node as a part of another."""
        return self.write_term(node).bracketed

    def write_term(self, node: tree.Node) -> Term:
        """An expression, or what is written like one."""
        if isinstance(node, tree.Bracketed):
            return self.write_term(node.value)
        with self.deeper(_LIST_DEPTH if isinstance(node, _LISTS) else _DEPTH):
            term = self._write_special(node)
            if term is None:
                numeric = isinstance(node, tree.Subquery) and node.word == "COUNT"
                term = Term(self.write_plainly(node), numeric=numeric)
            return term

    @contextmanager
    def deeper(self, levels: int) -> Iterator[None]:
        """Writes what nests so many levels deep."""
        self._depth += levels
        if self._depth > _MAX_DEPTH:
            raise UnwrittenError("The query is nested too deeply.")
        yield
        self._depth -= levels

    def write_plainly(self, node: tree.Node) -> Part:
        """The tokens of a node one after the other; what lies in it is written by its own rules."""
        return self.write_tokens(node.first, node.last, sorted(tree.find_children(node), key=lambda child: child.first))

    def write_tokens(self, first: int, last: int, children: list[tree.Node]) -> Part:
        """The tokens from `first` to `last`, with nodes among them; a name that is in none of these is a keyword."""
        pieces: list[Part] = []
        follows_word = False
        for child in [*children, None]:
            for token in self.tokens[first : last if child is None else child.first]:
                text = token.text.upper() if token.kind == "name" else token.value
                glued = not pieces or text in (",", ")", "]", ".", ":") or pieces[-1] in ("(", "[", ".")
                glued |= text == "(" and follows_word
                follows_word = False
                pieces += [text] if glued else [" ", text]
            if child is not None:
                pieces += [] if not pieces or pieces[-1] in ("(", "[", ".") else [" "]
                pieces.append(self.write(child))
                first, follows_word = child.last, type(child) is tree.Word
        return Series(tuple(pieces))

    def _write_special(self, node: tree.Node) -> Term | None:
        match node:
            case tree.Bracketed() | tree.Operation() | tree.Prefixed() | tree.Access() | tree.FunctionCall():
                return self._write_computed(node)
            case tree.Name():
                return Term(self.write_variable(node))
            case tree.Word():
                return Term(write_name(node.value))
            case tree.Constant():
                return Term(node.value, numeric=node.kind == "number")
            case tree.Parameter():
                return Term(node.value)
            case tree.Path():
                return Term(self.write_path(node))
            case tree.ListValue():
                return Term(series("[", *separate([self.write_term(item).part for item in node.items]), "]"))
            case tree.MapValue():
                return Term(self.write_map(node))
            case tree.MapProjection():
                items = [self._write_projected(item) for item in node.items]
                return Term(series(self.write_variable(node.name), " {", *separate(items), "}"))
            case tree.Labels():
                return Term(self.write_labels(node))
        return None

    def _write_computed(
        self, node: tree.Bracketed | tree.Operation | tree.Prefixed | tree.Access | tree.FunctionCall
    ) -> Term:
        match node:
            case tree.Bracketed():
                return self.write_term(node.value)
            case tree.Operation():
                return self._write_operation(node)
            case tree.Access():
                return self._write_access(node)
            case tree.FunctionCall():
                return self._write_call(node)
        value = self.write_term(node.value)
        gap = " " if node.operator == "NOT" else ""
        return Term(series(node.operator, gap, value.bracketed), closed=False, numeric=value.numeric and not gap)

    def write_variable(self, name: tree.Name) -> Part:
        """The variable that a name stands for; names that only an answer brings stay."""
        if name.variable is None:
            if _OUR_NAMES.fullmatch(name.value):
                raise UnwrittenError(f"'{name.value}' may be the name of a column and of a variable.")
            return write_name(name.value)
        if name.variable in self.inlined and self._depth > KEY_DEPTH:
            raise UnwrittenError("The name of a column lies too deep in ORDER BY.")
        return self.inlined.get(name.variable, name.variable)

    # Operators.

    def _write_operation(self, operation: tree.Operation) -> Term:
        if operation.rank <= AND:
            left = self.write_term(operation.value)
            terms = [self.write_term(operand.value) for operand in operation.operands if operand.value]
            return join_terms([left, *terms], f" {operation.operands[0].operator} ")
        # Otherwise each value is in one more pair of brackets than the next.
        nested = 0 if operation.rank == COMPARISON else _DEPTH * (len(operation.operands) - 1)
        with self.deeper(nested):
            left = self.write_term(operation.value)
        compared = []
        for operand in operation.operands:
            if operation.rank == PREDICATE:
                left = self._write_predicate(left, operand.operator, operand.value)
            elif operand.value is not None:
                right = self.write_term(operand.value)
                if operation.rank == COMPARISON:  # `a < b < c` means `a < b AND b < c`
                    compared.append(compare(left, operand.operator, right))
                    left = right
                else:
                    left = calculate(left, operand.operator, right)
        return join_terms(compared, " AND ") if compared else left

    def _write_predicate(self, left: Term, operator: str, value: tree.Node | None) -> Term:
        part = series(left.bracketed, f" {operator}")
        if operator == "IN" and isinstance(value, tree.ListValue):
            items = tuple(self.write_term(item).part for item in value.items)
            part = series(part, " [", Bag(items, ", ", once=True), "]")
        elif value is not None:
            part = series(part, " ", self.write_term(value).bracketed)
        return Term(part, closed=False)

    def _write_access(self, access: tree.Access) -> Term:
        with self.deeper(len(access.steps)):
            term = self.write_term(access.value)
        for step in access.steps:
            match step:
                case tree.LabelTest():
                    term = self.test_labels(step.labels, term.bracketed)
                case tree.Index():
                    term = Term(series(term.bracketed, "[", self.write_term(step.index).part, "]"))
                case tree.Slice():
                    ends = [self.write_term(end).bracketed if end else "" for end in (step.start, step.end)]
                    term = Term(series(term.bracketed, "[", ends[0], " .. ", ends[1], "]"))
                case tree.Property():
                    term = Term(series(term.bracketed, ".", write_name(step.key.value)))
        return term

    # Labels.

    def test_labels(self, labels: tree.Labels, value: Part) -> Term:
        """The condition that a value has such labels, made of tests of single labels."""
        if labels.operator == "()":
            return self.test_labels(labels.terms[0], value)
        if labels.operator in ("&", "|"):
            between = {"&": " AND ", "|": " OR "}[labels.operator]
            return join_terms([self.test_labels(term, value) for term in labels.terms], between)
        if labels.operator == "!":
            return Term(series("NOT ", self.test_labels(labels.terms[0], value).bracketed), closed=False)
        return Term(series(value, ":", self.write_labels(labels)), closed=False)

    def write_labels(self, labels: tree.Labels) -> Part:
        """A label expression as it stands behind a colon."""
        match labels.operator:
            case "()":
                return self.write_labels(labels.terms[0])
            case "&" | "|":
                inner = tuple(dict.fromkeys(self._write_inner_labels(term) for term in labels.terms))
                return inner[0] if len(inner) == 1 else Bag(inner, labels.operator, once=True)
            case "!":
                return series("!", self._write_inner_labels(labels.terms[0]))
            case "$":
                return self.write_plainly(labels)
        return write_name(labels.name.value) if labels.name else "%"

    def _write_inner_labels(self, labels: tree.Labels) -> Part:
        while labels.operator == "()":
            labels = labels.terms[0]
        part = self.write_labels(labels)
        return series("(", part, ")") if isinstance(part, Bag) else part

    # Values.

    def _write_call(self, call: tree.FunctionCall) -> Term:
        words = []
        for token in self.tokens[call.first : call.last : 2]:
            words.append(write_name(token.value))
            if self.tokens[call.first + 2 * len(words) - 1].text != ".":
                break
        # Only Cypher's own functions ignore case; those of plugins have a dot.
        name = call.name.lower() if len(words) == 1 else ".".join(words)
        if call.star:
            return Term("count(*)", numeric=True)
        arguments = separate([self.write_term(argument).part for argument in call.arguments])
        distinct = "DISTINCT " if call.distinct else ""
        return Term(series(name, "(", distinct, *arguments, ")"), numeric=name in _NUMERIC)

    def write_map(self, value: tree.MapValue) -> Part:
        """`{key: value, …}`; of a key that comes twice the last counts, so such maps keep their order."""
        parts = tuple(self._write_entry(entry) for entry in value.entries)
        unique = len({entry.key.value for entry in value.entries}) == len(parts)
        inner = Bag(parts, ", ") if unique else series(*separate(list(parts)))
        return series("{", inner, "}")

    def _write_entry(self, entry: tree.Entry) -> Part:
        return series(write_name(entry.key.value), ": ", self.write_term(entry.value).part)

    def _write_projected(self, item: tree.Node) -> Part:
        match item:
            case tree.Entry():
                return self._write_entry(item)
            case tree.Property():
                return "." + write_name(item.key.value)
            case tree.Name():
                return series(write_name(item.value), ": ", self.write_variable(item))
            case tree.AllProperties():
                return ".*"
        raise TypeError(f"{type(item).__name__} is no item of a map projection")
