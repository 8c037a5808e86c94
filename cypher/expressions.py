"""Reads Cypher's expressions into parts: brackets, case and the order of commutative operands no longer show.

Precedence is that of openCypher (oC_Expression) and Neo4j 5: OR, XOR, AND, NOT, comparisons, predicates such as IN,
sums, products, powers, signs. What is not read raises `UnreadError`; `cypher.clauses` adds patterns and clauses.
"""

from cypher.parts import Bag, Part, Series, Variable, series
from cypher.reading import Reading, UnreadError
from cypher.terms import Element, Expression, LabelTerm, PropertyUse, combine_operands, join_operands, separate
from cypher.tokens import RESERVED, Token, write_name

_MAX_DEPTH = 40
_COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
_LEVELS = {"OR": 1, "XOR": 2, "AND": 3, "+": 7, "-": 7, "*": 8, "/": 8, "%": 8, "^": 9}
_NOT, _COMPARISON, _PREDICATE, _SIGN = 4, 5, 6, 10
# Functions whose result is a number or null, so that a sum of it can be turned round; a sum of texts cannot.
_NUMERIC = ("count", "size", "length", "tointeger", "tofloat", "floor", "ceil", "round", "sqrt", "sign")


class ExpressionReader(Reading):
    """Reads the tokens of one query from left to right, and keeps which name stands for which variable."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self._depth = 0

    # What `cypher.patterns` and `cypher.clauses` add.

    def read_pattern_expression(self) -> Part:
        """Reads a pattern that is used as a condition."""
        raise NotImplementedError

    def read_pattern_comprehension(self) -> Part:
        """Reads what stands in `[(n)-->(m) WHERE … | …]`, between the square brackets."""
        raise NotImplementedError

    def read_subquery(self) -> Part:
        """Reads what stands between the braces of EXISTS, COUNT and COLLECT."""
        raise NotImplementedError

    # Operators.

    def read_expression(self, level: int = 1) -> Expression:
        """Reads operands and the operators between them that bind at least as tightly as `level`."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise UnreadError("The query is nested too deeply.")
        left = self._read_prefix()
        while True:
            operator = self.token.text.upper()
            if operator in _COMPARISONS and level <= _COMPARISON:
                left = self._read_comparisons(left)
            elif level <= _PREDICATE and (predicate := self._read_predicate(left)):
                left = predicate
            elif level <= _LEVELS.get(operator, 0):
                self.place += 1
                left = combine_operands(left, operator, self.read_expression(_LEVELS[operator] + 1))
            else:
                self._depth -= 1
                return left

    def _read_prefix(self) -> Expression:
        if self.take("NOT"):
            return Expression(series("NOT ", self.read_expression(_NOT).bracketed), closed=False)
        for sign in "-+":
            if self.take(sign):
                operand = self.read_expression(_SIGN)
                return Expression(series(sign, operand.bracketed), closed=False, numeric=operand.numeric)
        return self._read_postfix(self._read_primary())

    def _read_comparisons(self, left: Expression) -> Expression:
        """`a < b < c` means `a < b AND b < c`; `a > b` is written as `b < a`."""
        found = []
        while (operator := self.token.text) in _COMPARISONS:
            self.place += 1
            right = self.read_expression(_COMPARISON + 1)
            if operator in ("=", "<>"):
                part: Part = Bag((left.bracketed, right.bracketed), f" {operator} ")
            else:
                low, high = (left, right) if operator[0] == "<" else (right, left)
                part = series(low.bracketed, f" {operator.replace('>', '<')} ", high.bracketed)
            found.append(Expression(part, closed=False))
            left = right
        return join_operands(found, " AND ")

    def _read_predicate(self, left: Expression) -> Expression | None:
        for operator in ("IN", "CONTAINS", "STARTS WITH", "ENDS WITH", "=~"):
            if self.take(*operator.split()):
                if operator == "IN" and self._sees_lone_list():
                    self.expect("[")
                    items = self.read_list(lambda: self.read_expression().part, "]")
                    right: Part = series("[", Bag(tuple(items), ", ", once=True), "]")
                else:
                    right = self.read_expression(_PREDICATE + 1).bracketed
                return Expression(series(left.bracketed, f" {operator} ", right), closed=False)
        for operator in ("IS NULL", "IS NOT NULL"):
            if self.take(*operator.split()):
                return Expression(series(left.bracketed, f" {operator}"), closed=False)
        return None

    def _read_postfix(self, value: Expression) -> Expression:
        while True:
            if self.take("."):
                key = self.read_name()
                if isinstance(value.part, Variable):
                    self.properties.append(PropertyUse(value.part.number, key))
                value = Expression(series(value.bracketed, ".", write_name(key.value)))
            elif self.take("["):
                value = Expression(series(value.bracketed, "[", self._read_index(), "]"))
            elif self.sees("{") and isinstance(value.part, Variable):
                value = Expression(series(value.part, " ", self._read_projection()))
            elif self.sees(":") and isinstance(value.part, Variable):
                self.expect(":")
                element = Element(value.part.number)
                self.elements.append(element)
                return self.read_labels(element).test(value.part)
            else:
                return value

    def _read_index(self) -> Part:
        start = None if self.sees("..") else self.read_expression()
        if start is not None and self.take("]"):
            return start.part
        self.expect("..")
        end: Part = "" if self.sees("]") else self.read_expression().bracketed
        self.expect("]")
        return series("" if start is None else start.bracketed, " .. ", end)

    def _read_projection(self) -> Part:
        """`n {.name, .*, key: value, variable}`."""
        self.expect("{")

        def read_item() -> Part:
            if self.take("."):
                return ".*" if self.take("*") else "." + write_name(self.read_name().value)
            key = self.read_name()
            value = self.read_expression().part if self.take(":") else self.find(key)
            return series(write_name(key.value), ": ", value)

        return series("{", *separate(self.read_list(read_item, "}")), "}")

    def read_labels(self, element: Element) -> LabelTerm:
        """Reads what stands behind the first colon of a node, a relationship or a label test."""
        if self.sees("$"):
            raise UnreadError("Labels made while the query runs are not read.")
        terms = [self._read_label_conjunction(element)]
        while self.take("|"):
            self.take(":")
            terms.append(self._read_label_conjunction(element))
        return terms[0] if len(terms) == 1 else LabelTerm("|", tuple(terms))

    def _read_label_conjunction(self, element: Element) -> LabelTerm:
        terms = [self._read_label(element)]
        while self.take("&") or self.take(":"):
            terms.append(self._read_label(element))
        return terms[0] if len(terms) == 1 else LabelTerm("&", tuple(terms))

    def _read_label(self, element: Element) -> LabelTerm:
        if self.take("!"):
            element.certain = False
            return LabelTerm("!", (self._read_label(element),))
        if self.take("("):
            term = self.read_labels(element)
            self.expect(")")
            return term
        if self.take("%"):
            element.certain = False
            return LabelTerm("name", name="%")
        element.labels.append(self.read_name())
        return LabelTerm("name", name=write_name(element.labels[-1].value))

    # Values.

    def _read_primary(self) -> Expression:
        token = self.token
        if token.kind in ("string", "integer", "float", "parameter"):
            self.place += 1
            return Expression(token.value, numeric=token.kind in ("integer", "float"))
        if self.sees("("):
            if self._sees_pattern(self.place):
                return Expression(self.read_pattern_expression())
            self.expect("(")
            value = self.read_expression()
            self.expect(")")
            return value
        if self.sees("["):
            return Expression(self._read_list_value())
        if self.sees("{"):
            return Expression(self.read_map())
        if token.kind != "name":
            raise UnreadError(f"A value is expected before '{token.text}'.")
        return self._read_named()

    def _read_named(self) -> Expression:
        token, word = self.token, self.token.text.upper()
        if word in ("TRUE", "FALSE", "NULL"):
            self.place += 1
            return Expression(word.lower())
        if word == "CASE":
            return Expression(self._read_case())
        if word in ("EXISTS", "COUNT", "COLLECT") and self.peek(1).text == "{":
            self.place += 1
            return Expression(series(word, " { ", self.read_subquery(), " }"), numeric=word == "COUNT")
        if self.peek(1).text == "(" and self.peek(3).text.upper() == "IN" and word in ("ALL", "ANY", "NONE", "SINGLE"):
            self.place += 1
            self.expect("(")
            with self.inner_scope():
                part = self._read_filter()
                self.expect(")")
            return Expression(series(word.lower(), "(", part, ")"))
        if word == "REDUCE" and self.peek(1).text == "(":
            return Expression(self._read_reduce())
        if word in ("SHORTESTPATH", "ALLSHORTESTPATHS") and self.peek(1).text == "(":
            return Expression(self.read_pattern_expression())
        if self._sees_call():
            return self._read_call()
        if word in RESERVED and not token.text.startswith("`"):
            raise UnreadError(f"A value is expected before '{token.text}'.")
        self.place += 1
        return Expression(self.find(token))

    def _sees_call(self) -> bool:
        ahead = 1
        while self.peek(ahead).text == "." and self.peek(ahead + 1).kind == "name":
            ahead += 2
        return self.peek(ahead).text == "("

    def _read_call(self) -> Expression:
        names = [self.read_name().text]
        while self.take("."):
            names.append(self.read_name().text)
        # Only Cypher's own functions ignore case; those of plugins have a dot.
        name = names[0].lower() if len(names) == 1 else ".".join(names)
        self.expect("(")
        distinct = "DISTINCT " if self.take("DISTINCT") else ""
        if name == "count" and self.take("*", ")"):
            return Expression("count(*)", numeric=True)
        arguments = separate(self.read_list(lambda: self.read_expression().part, ")"))
        return Expression(series(name, "(", distinct, *arguments, ")"), numeric=name in _NUMERIC)

    def read_map(self) -> Part:
        """Reads `{key: value, …}`; of a key that comes twice the last counts, so such maps keep their order."""
        entries = self.read_entries()
        keys = [key.value for key, _ in entries]
        parts = tuple(series(write_name(key.value), ": ", value.part) for key, value in entries)
        inner = Bag(parts, ", ") if len(set(keys)) == len(keys) else series(*separate(list(parts)))
        return series("{", inner, "}")

    def read_entries(self) -> list[tuple[Token, Expression]]:
        """Reads the keys and values of a map."""
        self.expect("{")
        entries: list[tuple[Token, Expression]] = []
        while not self.take("}"):
            if entries:
                self.expect(",")
            key = self.read_name()
            self.expect(":")
            entries.append((key, self.read_expression()))
        return entries

    def _read_case(self) -> Part:
        self.expect("CASE")
        parts: list[Part] = ["CASE"]
        if not self.sees("WHEN"):
            parts += [" ", self.read_expression().bracketed]
        while self.take("WHEN"):
            # Neo4j lets a simple CASE list several values; none of them is a single expression.
            parts += [" WHEN ", self.read_expression().bracketed]
            self.expect("THEN")
            parts += [" THEN ", self.read_expression().bracketed]
        if self.take("ELSE"):
            parts += [" ELSE ", self.read_expression().bracketed]
        self.expect("END")
        return Series((*parts, " END"))

    def _sees_lone_list(self) -> bool:
        """Whether a list of values comes that nothing is added to or taken from, so that its order does not matter."""
        if not self.sees("[") or self._sees_comprehension():
            return False
        return self.tokens[self._find_end(self.place) + 1].text not in ("[", ".", "+", "-", "*", "/", "%", "^")

    def _sees_comprehension(self) -> bool:
        if self.peek(1).kind == "name" and self.peek(2).text.upper() == "IN":
            return True
        named = self.peek(1).kind == "name" and self.peek(2).text == "=" and self.peek(3).text == "("
        return named or (self.peek(1).text == "(" and self._sees_pattern(self.place + 1))

    def _read_list_value(self) -> Part:
        if not self._sees_comprehension():
            self.expect("[")
            return series("[", *separate(self.read_list(lambda: self.read_expression().part, "]")), "]")
        self.expect("[")
        with self.inner_scope():
            if self.token.kind == "name" and self.peek(1).text != "=":
                part = self._read_filter()
                if self.take("|"):
                    part = series(part, " | ", self.read_expression().bracketed)
            else:
                part = self.read_pattern_comprehension()
            self.expect("]")
        return series("[", part, "]")

    def _read_filter(self) -> Part:
        """`x IN list WHERE condition`; the list does not know x."""
        name = self.read_name()
        self.expect("IN")
        values = self.read_expression()
        variable = self.declare(name.value)
        part = series(variable, " IN ", values.bracketed)
        return series(part, " WHERE ", self.read_expression().bracketed) if self.take("WHERE") else part

    def _read_reduce(self) -> Part:
        self.place += 1
        self.expect("(")
        with self.inner_scope():
            total = self.read_name()
            self.expect("=")
            start = self.read_expression()
            self.expect(",")
            item = self.read_name()
            self.expect("IN")
            values = self.read_expression()
            self.expect("|")
            names = self.declare(total.value), self.declare(item.value)
            body = self.read_expression()
            self.expect(")")
        head = series("reduce(", names[0], " = ", start.bracketed, ", ", names[1], " IN ", values.bracketed)
        return series(head, " | ", body.bracketed, ")")

    def _sees_pattern(self, place: int) -> bool:
        """Whether the bracket at `place` opens the first node of a pattern: an arrow follows where it closes."""
        end = self._find_end(place)
        arrow = "".join(token.text for token in self.tokens[end + 1 : end + 4])
        return arrow.startswith(("--", "-[", "<--", "<-["))

    def _find_end(self, place: int) -> int:
        """The place of the bracket that closes the one at `place`."""
        depth = 0
        for index in range(place, len(self.tokens)):
            depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(self.tokens[index].text, 0)
            if depth == 0:
                return index
        raise UnreadError(f"The '{self.tokens[place].text}' is not closed.")
