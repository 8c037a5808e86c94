"""Reads the values that expressions are made of: literals, lists, comprehensions, functions, variables."""

from cypher.syntax import tree
from cypher.syntax.cursor import Cursor
from cypher.syntax.functions import AGGREGATES, FUNCTIONS
from cypher.syntax.tokens import GrammarError

# Words that are variables only where there is a variable of that name: otherwise an operand is missing before them.
_KEYWORDS = frozenset((
    "ALL", "AND", "AS", "ASC", "BY", "CALL", "CREATE", "DELETE", "DESC", "DETACH", "DISTINCT", "ELSE", "END",
    "ENDS", "FOREACH", "IN", "IS", "LIMIT", "MATCH", "MERGE", "NOT", "ON", "OPTIONAL", "OR", "ORDER", "REMOVE",
    "RETURN", "SET", "SKIP", "STARTS", "THEN", "UNION", "UNWIND", "WHEN", "WHERE", "WITH", "XOR", "YIELD",
    "CONTAINS",
))  # fmt: skip
_QUANTIFIERS = ("ALL", "ANY", "NONE", "SINGLE")
_SUBQUERIES = ("EXISTS", "COUNT", "COLLECT")
_PATH_FUNCTIONS = ("SHORTESTPATH", "ALLSHORTESTPATHS")
_MAX_INTEGER = 2**63


class ValueReader(Cursor):
    """Reads values. Operators, patterns and subqueries are read by the classes built on this one."""

    def read_expression(self, rank: int = 0) -> tree.Node:
        """Reads an expression of operators above `rank`."""
        raise NotImplementedError

    def read_case(self) -> tree.Node:
        """Reads CASE … END."""
        raise NotImplementedError

    def read_elements(self) -> tree.Path:
        """Reads a path that has no name."""
        raise NotImplementedError

    def read_path(self) -> tree.Path:
        """Reads a path, which may have a name."""
        raise NotImplementedError

    def read_subquery(self) -> tree.Subquery:
        """Reads EXISTS, COUNT or COLLECT with its braces."""
        raise NotImplementedError

    def read_value(self) -> tree.Node:
        token = self.here
        if token.kind in ("string", "integer", "float"):
            return self._read_literal()
        if token.kind == "parameter":
            self.step()
            return tree.Parameter(self.at - 1, self.at, token.value)
        if token.kind == "name":
            return self._read_named()
        if self.is_symbol("("):
            return self._read_bracket()
        if self.is_symbol("["):
            return self._read_list()
        if self.is_symbol("{"):
            return self.read_map()
        return self.fail_expecting("an expression")

    def _read_literal(self) -> tree.Constant:
        token = self.step()
        if token.kind == "integer":
            if self.here.kind in ("name", "integer") and self.here.start == token.end:
                self.fail(f"'{token.text}{self.here.text}' is no number", self.at - 1)
            if len(token.value) > 30 or int(token.value) > _MAX_INTEGER:
                self.fail(f"{token.text} is beyond 64 bits", self.at - 1)
        return tree.Constant(self.at - 1, self.at, "text" if token.kind == "string" else "number", token.value)

    def read_map(self) -> tree.MapValue:
        """Reads `{key: value, …}`."""
        first = self.at
        self.expect_symbol("{")
        entries: list[tree.Entry] = []
        while not self.take_symbol("}"):
            if entries:
                self.expect_symbol(",")
            key = self.expect_word("a key")
            self.expect_symbol(":")
            value = self.read_expression()
            entries.append(tree.Entry(key.first, self.at, key, value))
        return tree.MapValue(first, self.at, entries)

    def _read_bracket(self) -> tree.Node:
        """A bracketed expression, or a pattern as a condition: tried first where an arrow follows the bracket."""
        mark, furthest = self.mark(), None
        if self._arrow_follows():
            try:
                return self.read_elements()
            except GrammarError as fault:
                furthest = fault
                self.go_back(mark)
        first = self.at
        try:
            self.expect_symbol("(")
            value = self.read_expression()
            self.expect_symbol(")")
        except GrammarError as fault:
            if furthest is not None and furthest.place > fault.place:
                raise furthest from None
            raise
        return tree.Bracketed(first, self.at, value)

    def _arrow_follows(self) -> bool:
        end = self.find_end(self.at)
        if end is None:
            return False
        after = "".join(token.text for token in self.tokens[end + 1 : end + 4])
        return after.startswith(("--", "-[", "<--", "<-["))

    def _read_list(self) -> tree.Node:
        """A list, `[x IN list WHERE … | …]`, or `[path = pattern WHERE … | …]`."""
        first = self.at
        separators = self._find_separators()
        self.step()
        if self.here.kind == "name" and self.ahead(1).text.upper() == "IN" and "," not in separators:
            return self._read_comprehension(first, "", "]")
        if "|" in separators and (self.is_symbol("(") or (self.ahead(1).text == "=" and self.ahead(2).text == "(")):
            path = self.read_path()
            condition = self.read_condition()
            self.expect_symbol("|")
            result = self.read_expression()
            self.expect_symbol("]")
            return tree.PatternComprehension(first, self.at, path, condition, result)
        items = self.read_items("]")
        return tree.ListValue(first, self.at, items)

    def _find_separators(self) -> set[str]:
        """The commas and single bars of the bracket that opens here, not those of brackets inside."""
        found = set()
        place = self.at + 1
        while place < len(self.tokens) and self.tokens[place].text not in ("]", ")", "}"):
            text = self.tokens[place].text
            if text == "|" and self.tokens[place + 1].text == "|":
                place += 1  # an operator
            elif text in ("|", ","):
                found.add(text)
            place = (self.find_end(place) or place) + 1
        return found

    def _read_comprehension(self, first: int, word: str, closing: str) -> tree.Comprehension:
        name = self.expect_new_name()
        self.expect_words("IN")
        values = self.read_expression()
        condition = self.read_condition()
        result = self.read_expression() if not word and self.take_symbol("|") else None
        self.expect_symbol(closing)
        return tree.Comprehension(first, self.at, word, name, values, condition, result)

    def read_condition(self) -> tree.Node | None:
        """Reads WHERE and what must be true, or nothing."""
        return self.read_expression() if self.take_word("WHERE") else None

    def read_items(self, closing: str) -> list[tree.Node]:
        """Values with commas between them, and the bracket that ends them."""
        items: list[tree.Node] = []
        while not self.take_symbol(closing):
            if items:
                self.expect_symbol(",")
            items.append(self.read_expression())
        return items

    def _read_named(self) -> tree.Node:
        """What begins with a name: a variable, a function, CASE, true, …"""
        token, after, first = self.here, self.ahead(1).text, self.at
        word, bound = token.text.upper(), token.value in self.bound
        if word == "CASE" and not bound:
            return self.read_case()
        if after == "{" and word in _SUBQUERIES:
            return self.read_subquery()
        if after == "(" and word in _PATH_FUNCTIONS:
            return self.read_path()
        if after == "(" or (after == "." and self._is_qualified_call()):
            return self._read_call(word)
        if not bound:
            if word in ("TRUE", "FALSE", "NULL"):
                self.step()
                return tree.Constant(first, self.at, "any" if word == "NULL" else "boolean", word.lower())
            if word in ("INF", "INFINITY", "NAN"):
                self.step()
                return tree.Constant(first, self.at, "number", token.text)
            if word in _KEYWORDS:
                self.fail_expecting("an expression")
        name = self.expect_name()
        return self._read_map_projection(name) if self.is_symbol("{") else name

    def _is_qualified_call(self) -> bool:
        place = self.at
        while self.tokens[place].kind == "name" and self.tokens[place + 1].text == ".":
            place += 2
        return self.tokens[place].kind == "name" and self.tokens[place + 1].text == "("

    def _read_map_projection(self, name: tree.Name) -> tree.MapProjection:
        self.step()
        items: list[tree.Node] = []
        while not self.take_symbol("}"):
            if items:
                self.expect_symbol(",")
            if self.take_symbol("}"):
                break
            items.append(self._read_projected())
        return tree.MapProjection(name.first, self.at, name, items)

    def _read_projected(self) -> tree.Node:
        first = self.at
        if self.take_symbol(".", "*"):
            return tree.AllProperties(first, self.at)
        if self.take_symbol("."):
            key = self.expect_word("the name of a property")
            return tree.Property(first, self.at, key)
        if self.ahead(1).text != ":":
            return self.expect_name()
        key = self.expect_word("a key")
        self.step()
        value = self.read_expression()
        return tree.Entry(first, self.at, key, value)

    # Functions.

    def _read_call(self, word: str) -> tree.Node:
        first = self.at
        name = self.step().value
        qualified = self.is_symbol(".")
        while self.take_symbol("."):
            name += "." + self.step().value
        if not qualified and name.lower() not in FUNCTIONS:
            self.fail(f"there is no function `{name}`", first)
        self.expect_symbol("(")
        distinct, star = False, False
        if qualified:
            arguments = self.read_items(")")
        elif word in _QUANTIFIERS:
            return self._read_comprehension(first, word, ")")
        elif word == "REDUCE":
            return self._read_reduce(first)
        elif word in ("TRIM", "NORMALIZE"):
            return self._read_trim(first)
        elif word == "COUNT" and self.take_symbol("*"):
            star, arguments = True, []
            self.expect_symbol(")")
        elif name.lower() in AGGREGATES:
            distinct = self.take_word("DISTINCT", "ALL") == "DISTINCT"
            arguments = [self.read_expression()]
            if word.startswith("PERCENTILE"):
                self.expect_symbol(",")
                arguments.append(self.read_expression())
            self.expect_symbol(")")
        else:
            arguments = self.read_items(")")
        return tree.FunctionCall(first, self.at, name, distinct, star, arguments)

    def _read_reduce(self, first: int) -> tree.Reduce:
        total = self.expect_new_name()
        self.expect_symbol("=")
        start = self.read_expression()
        self.expect_symbol(",")
        name = self.expect_new_name()
        self.expect_words("IN")
        values = self.read_expression()
        self.expect_symbol("|")
        result = self.read_expression()
        self.expect_symbol(")")
        return tree.Reduce(first, self.at, total, start, name, values, result)

    def _read_trim(self, first: int) -> tree.Trim:
        """`trim(text)`, `trim(BOTH ' ' FROM text)`, `normalize(text, NFC)`."""
        arguments = []
        if self.take_word("BOTH", "LEADING", "TRAILING") and not self.is_word("FROM"):
            arguments.append(self.read_expression())
        if not self.take_word("FROM"):
            arguments.append(self.read_expression())
            self.take_word("FROM")
        if self.take_symbol(","):
            self.take_word("NFC", "NFD", "NFKC", "NFKD")
        elif not self.is_symbol(")"):
            arguments.append(self.read_expression())
        self.expect_symbol(")")
        return tree.Trim(first, self.at, arguments)
