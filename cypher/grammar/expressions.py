"""Reads expressions: operators by precedence, literals, functions, comprehensions, subqueries, types."""

from cypher.grammar.cursor import Cursor, GrammarError, Type
from cypher.grammar.functions import AGGREGATES, ARGUMENTS, FUNCTIONS
from cypher.tokens import Token

# openCypher's order (oC_Expression); of one rank, operators join from the left.
_OR, _XOR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _POWER, _SIGN = range(1, 10)
_WORD_RANKS = {"OR": _OR, "XOR": _XOR, "AND": _AND, "IN": _COMPARISON, "CONTAINS": _COMPARISON}
_SYMBOL_RANKS = {"+": _SUM, "-": _SUM, "*": _PRODUCT, "/": _PRODUCT, "%": _PRODUCT, "^": _POWER}
_SYMBOL_RANKS |= dict.fromkeys(("=", "<>", "<", ">", "<=", ">=", "=~"), _COMPARISON)
# Words that are variables only where there is a variable of that name: otherwise an operand is missing before them.
_KEYWORDS = frozenset((
    "ALL", "AND", "AS", "ASC", "BY", "CALL", "CREATE", "DELETE", "DESC", "DETACH", "DISTINCT", "ELSE", "END",
    "ENDS", "FOREACH", "IN", "IS", "LIMIT", "MATCH", "MERGE", "NOT", "ON", "OPTIONAL", "OR", "ORDER", "REMOVE",
    "RETURN", "SET", "SKIP", "STARTS", "THEN", "UNION", "UNWIND", "WHEN", "WHERE", "WITH", "XOR", "YIELD",
    "CONTAINS",
))  # fmt: skip
_QUANTIFIERS = ("ALL", "ANY", "NONE", "SINGLE")
_SUBQUERIES = ("EXISTS", "COUNT", "COLLECT")
_TYPE_WORDS = frozenset((
    "ANY", "ARRAY", "BOOL", "BOOLEAN", "DATE", "DURATION", "EDGE", "FLOAT", "FLOAT32", "FLOAT64", "INT", "INT8",
    "INT16", "INT32", "INT64", "INTEGER", "LIST", "LOCAL", "MAP", "NODE", "NOTHING", "NULL", "PATH", "POINT",
    "PROPERTY", "RELATIONSHIP", "SIGNED", "STRING", "TIME", "TIMESTAMP", "TIMEZONE", "VALUE", "VARCHAR", "VECTOR",
    "VERTEX", "WITH", "WITHOUT", "ZONED",
))  # fmt: skip
_MAX_INTEGER = 2**63


def write_type(kind: Type) -> str:
    """The type in words."""
    return "a value" if kind == "any" else f"a {kind}"


class ExpressionReader(Cursor):
    """Reads expressions. Patterns and subqueries in them are read by the classes built on this one."""

    def read_expression(self, rank: int = 0) -> Type:
        """Reads an expression of operators above `rank`; returns what it gives, as far as the text tells."""
        with self.deeper():
            place = self.here
            kind = self._read_operand()
            while (found := self._find_rank()) is not None and found > rank:
                kind = self._read_operation(found, kind, place)
            return kind

    def read_condition(self) -> None:
        """Reads an expression that is true or false; a pattern alone is one."""
        place = self.here
        self._check_condition(self.read_expression(), place)

    def _check_condition(self, kind: Type, place: Token) -> None:
        if kind not in ("boolean", "any", "pattern"):
            self.fail(f"expected what is true or false, found {write_type(kind)}", place)

    def read_value(self) -> Type:
        """Reads an expression that is no pattern."""
        place = self.here
        kind = self.read_expression()
        if kind == "pattern":
            self.fail("a pattern can only be a condition here; COUNT { … } or a comprehension gives its matches", place)
        return kind

    def _find_rank(self) -> int | None:
        token = self.here
        if token.kind == "symbol":
            if self.is_symbol("!", "=") or self.is_symbol("=", "="):
                self.fail(f"'{token.text}=' is no operator of Cypher: write {'<>' if token.text == '!' else '='}")
            if self.is_symbol("|", "|"):
                return _SUM
            if self.is_symbol(":", ":") or self.is_symbol(":"):
                return _COMPARISON
            return _SYMBOL_RANKS.get(token.text)
        if token.kind == "name":
            word = token.text.upper()
            if word == "IS" or self.are_words("STARTS", "WITH") or self.are_words("ENDS", "WITH"):
                return _COMPARISON
            if word == "NOT" and self.ahead(1).text.upper() == "IN":
                return None
            return _WORD_RANKS.get(word)
        return None

    def _read_operation(self, rank: int, left: Type, left_place: Token) -> Type:
        operator = self.step()
        word = operator.text.upper()
        if left == "pattern" and rank > _NOT:
            self.fail("a pattern can only be joined by AND, OR, XOR and NOT", operator)
        if word == ":":
            self.read_type() if self.take_symbol(":") else self.read_labels()
            return "boolean"
        if word == "IS":
            self._read_test()
            return "boolean"
        if word in ("STARTS", "ENDS") or (word == "|" and rank == _SUM):
            self.step()
        place = self.here
        right = self.read_expression(rank)
        if right == "pattern" and rank > _NOT:
            self.fail("a pattern can only be joined by AND, OR, XOR and NOT", place)
        if rank < _NOT:
            self._check_condition(left, left_place)
            self._check_condition(right, place)
        if word == "IN" and right not in ("list", "any"):
            self.fail(f"IN needs a list, found {write_type(right)}", place)
        return "any" if rank >= _SUM else "boolean"

    def _read_test(self) -> None:
        self.take_word("NOT")
        if self.take_word("NULL"):
            return
        if self.take_symbol(":", ":") or self.take_word("TYPED"):
            self.read_type()
        elif self.take_word("NORMALIZED"):
            return
        elif self.is_word("NFC", "NFD", "NFKC", "NFKD") and self.ahead(1).text.upper() == "NORMALIZED":
            self.step()
            self.step()
        else:
            self.fail_expecting("NULL, :: and a type, or NORMALIZED")

    def read_type(self) -> None:
        """Reads a type: `INTEGER NOT NULL`, `LIST<STRING>`, `ZONED DATETIME`, `INTEGER | FLOAT`."""
        while True:
            count = 0
            while self.here.kind == "name" and self.here.text.upper() in _TYPE_WORDS | {"DATETIME"}:
                self.step()
                count += 1
            if not count:
                self.fail_expecting("a type")
            if self.take_symbol("<"):
                with self.deeper():
                    self.read_type()
                self.expect_symbol(">")
            self.take_words("NOT", "NULL")
            if not self.take_symbol("|"):
                return

    def _read_operand(self) -> Type:
        token = self.here
        if self.take_word("NOT"):
            place = self.here
            self._check_condition(self.read_expression(_NOT), place)
            return "boolean"
        if token.kind == "symbol" and token.text in "+-":
            self.step()
            self.read_expression(_SIGN)
            return "any"
        kind = self._read_atom(token)
        return self._read_accesses(kind)

    def _read_accesses(self, kind: Type) -> Type:
        while True:
            if self.is_symbol("."):
                token = self.step()
                self.expect_name("the name of a property")
            elif self.is_symbol("["):
                token = self.step()
                if not self.is_symbol(".."):
                    self.read_value()
                if self.take_symbol("..") and not self.is_symbol("]"):
                    self.read_value()
                self.expect_symbol("]")
            else:
                return kind
            # That [] is applied to a number, say, shows only on data.
            if kind in ("path", "pattern") or (token.text == "." and kind in ("boolean", "number", "text", "list")):
                self.fail(f"{write_type(kind)} has no {'properties' if token.text == '.' else 'elements'}", token)
            kind = "any"

    def _read_atom(self, token: Token) -> Type:
        if token.kind in ("string", "integer", "float"):
            return self._read_literal()
        if token.kind == "parameter":
            self.step()
            return "any"
        if token.kind == "name":
            return self._read_name(token)
        if self.is_symbol("("):
            return self._read_bracket()
        if self.is_symbol("["):
            return self._read_list()
        if self.is_symbol("{"):
            self.read_map()
            return "map"
        return self.fail_expecting("an expression")

    def _read_literal(self) -> Type:
        token = self.step()
        if token.kind == "integer":
            if self.here.kind in ("name", "integer") and self.here.start == token.end:
                self.fail(f"'{token.text}{self.here.text}' is no number", token)
            if len(token.value) > 30 or int(token.value) > _MAX_INTEGER:
                self.fail(f"{token.text} is beyond 64 bits", token)
        return "text" if token.kind == "string" else "number"

    def read_map(self) -> None:
        """Reads `{key: value, …}`."""
        self.expect_symbol("{")
        while not self.take_symbol("}"):
            self.expect_name("a key")
            self.expect_symbol(":")
            self.read_value()
            if not self.is_symbol("}"):
                self.expect_symbol(",")
                if self.is_symbol("}"):
                    self.fail_expecting("a key")

    def _read_bracket(self) -> Type:
        """A bracketed expression, or a pattern as a condition: tried first where an arrow follows the bracket."""
        start = self.at
        furthest: GrammarError | None = None
        if self._arrow_follows():
            try:
                self.read_bound_pattern()
            except GrammarError as fault:
                furthest = fault
                self.at = start
            else:
                return "pattern"
        try:
            self.expect_symbol("(")
            kind = self.read_expression()
            self.expect_symbol(")")
        except GrammarError as fault:
            if furthest is not None and furthest.place > fault.place:
                raise furthest from None
            raise
        return kind

    def _arrow_follows(self) -> bool:
        depth = 0
        for place in range(self.at, len(self.tokens)):
            text = self.tokens[place].text
            depth += (text == "(") - (text == ")")
            if depth == 0:
                after = "".join(token.text for token in self.tokens[place + 1 : place + 4])
                return after.startswith(("--", "-[", "<--", "<-["))
        return False

    def _read_list(self) -> Type:
        """A list, `[x IN list WHERE … | …]`, or `[path = pattern WHERE … | …]`."""
        self.step()
        separators = self._find_separators()
        if self.here.kind == "name" and self.ahead(1).text.upper() == "IN" and "," not in separators:
            self._read_comprehension()
        elif "|" in separators and (self.is_symbol("(") or (self.ahead(1).text == "=" and self.ahead(2).text == "(")):
            with self.inside(dict(self.scope)):
                self.read_new_pattern()
                if self.take_word("WHERE"):
                    self.read_condition()
                self.expect_symbol("|")
                self.read_value()
                self.expect_symbol("]")
        else:
            self._read_items("]")
        return "list"

    def _find_separators(self) -> set[str]:
        """The commas and single bars of the bracket that has just been opened, not those of brackets inside."""
        found = set()
        depth = 1
        for place in range(self.at, len(self.tokens)):
            token = self.tokens[place]
            if token.kind == "symbol":
                depth += (token.text in "([{") - (token.text in ")]}")
                if depth == 0:
                    break
                if depth == 1 and (token.text == "," or (token.text == "|" and self._is_single_bar(place))):
                    found.add(token.text)
        return found

    def _is_single_bar(self, place: int) -> bool:
        return self.tokens[place - 1].text != "|" and self.tokens[place + 1].text != "|"

    def _read_comprehension(self) -> None:
        variable = self.step()
        self.step()
        self.read_value()
        with self.inside({**self.scope, variable.value: "any"}):
            if self.take_word("WHERE"):
                self.read_condition()
            if self.take_symbol("|"):
                self.read_value()
            self.expect_symbol("]")

    def _read_items(self, closing: str) -> list[Type]:
        """Values with commas between them, and the bracket that ends them."""
        kinds = []
        while not self.take_symbol(closing):
            kinds.append(self.read_value())
            if not self.is_symbol(closing):
                self.expect_symbol(",")
                if self.is_symbol(closing):
                    self.fail_expecting("an expression")
        return kinds

    def _read_name(self, token: Token) -> Type:
        word, after = token.text.upper(), self.ahead(1)
        if word == "CASE" and token.value not in self.scope:
            return self._read_case()
        if after.text == "{" and word in _SUBQUERIES:
            self.step()
            self.note(word, token)
            self.read_subquery(token, word)
            return "list" if word == "COLLECT" else "number" if word == "COUNT" else "boolean"
        if after.text == "(" or (after.text == "." and self._is_qualified_call()):
            return self._read_call(token, word)
        if word in ("TRUE", "FALSE", "NULL") and token.value not in self.scope:
            self.step()
            return "any" if word == "NULL" else "boolean"
        if word in ("INF", "INFINITY", "NAN") and token.value not in self.scope:
            self.step()
            return "number"
        if word in _KEYWORDS and token.value not in self.scope:
            self.fail_expecting("an expression")
        kind = self.look_up(token)
        self.step()
        if self.is_symbol("{"):
            self._read_map_projection()
            return "map"
        return kind

    def _is_qualified_call(self) -> bool:
        count = 0
        while self.ahead(count).kind == "name" and self.ahead(count + 1).text == ".":
            count += 2
        return self.ahead(count).kind == "name" and self.ahead(count + 1).text == "("

    def _read_case(self) -> Type:
        self.step()
        subject = not self.is_word("WHEN")
        if subject:
            self.read_value()
        if not self.is_word("WHEN"):
            self.fail_expecting("WHEN")
        while self.take_word("WHEN"):
            if subject:
                self._read_tests()
            else:
                self.read_condition()
            self.expect_words("THEN")
            self.read_value()
        if self.take_word("ELSE"):
            self.read_value()
        self.expect_words("END")
        return "any"

    def _read_tests(self) -> None:
        """What follows WHEN after CASE with a subject: values, or comparisons that lack their left side."""
        while True:
            if self.is_word("IS") or (
                self.here.kind == "symbol" and self.here.text in ("<", ">", "<=", ">=", "=", "<>")
            ):
                self._read_operation(_COMPARISON, "any", self.here)
            else:
                self.read_value()
            if not self.take_symbol(","):
                return

    def _read_map_projection(self) -> None:
        self.note("map projection", self.step())
        while not self.take_symbol("}"):
            if self.take_symbol("."):
                if not self.take_symbol("*"):
                    self.expect_name("the name of a property")
            else:
                name = self.expect_name("a key")
                if self.take_symbol(":"):
                    self.read_value()
                else:
                    self.look_up(name)
            if not self.is_symbol("}"):
                self.expect_symbol(",")

    def _read_call(self, token: Token, word: str) -> Type:
        qualified = self.ahead(1).text == "."
        name = self.step().value
        while self.take_symbol("."):
            name += "." + self.step().value
        if not qualified and name.lower() not in FUNCTIONS:
            self.fail(f"there is no function `{name}`", token)
        self.note("function", token, name)
        self.expect_symbol("(")
        if qualified:
            self._read_items(")")
        elif word in _QUANTIFIERS:
            self._read_quantifier()
        elif word == "REDUCE":
            self._read_reduce()
        elif name.lower() in AGGREGATES:
            self._read_aggregate(token)
        elif word == "EXISTS":
            self.read_expression()
            self.expect_symbol(")")
        elif word in ("TRIM", "NORMALIZE"):
            self._read_trim()
        elif word in ("SHORTESTPATH", "ALLSHORTESTPATHS"):
            self.fail("a path function needs a pattern", token)
        else:
            place, kinds = self.here, self._read_items(")")
            allowed = ARGUMENTS.get(name.lower())
            if allowed and len(kinds) == 1 and kinds[0] != "any" and kinds[0] not in allowed:
                self.fail(f"{name}() does not take {write_type(kinds[0])}", place)
        return "any"

    def _read_quantifier(self) -> None:
        variable = self.expect_name("a variable")
        self.expect_words("IN")
        self.read_value()
        with self.inside({**self.scope, variable.value: "any"}):
            if self.take_word("WHERE"):
                self.read_condition()
            self.expect_symbol(")")

    def _read_reduce(self) -> None:
        total = self.expect_name("a variable")
        self.expect_symbol("=")
        self.read_value()
        self.expect_symbol(",")
        variable = self.expect_name("a variable")
        self.expect_words("IN")
        self.read_value()
        with self.inside({**self.scope, total.value: "any", variable.value: "any"}):
            self.expect_symbol("|")
            self.read_value()
            self.expect_symbol(")")

    def _read_aggregate(self, token: Token) -> None:
        if self.aggregation == "refused":
            self.fail(f"{token.text}() can only be used in RETURN and WITH, and not inside another aggregation", token)
        self.aggregation = "refused"
        if not (token.text.upper() == "COUNT" and self.take_symbol("*")):
            self.take_word("DISTINCT", "ALL")
            self.read_value()
            if token.text.lower().startswith("percentile"):
                self.expect_symbol(",")
                self.read_value()
        self.expect_symbol(")")
        self.aggregation = "met"

    def _read_trim(self) -> None:
        """`trim(text)`, `trim(BOTH ' ' FROM text)`, `normalize(text, NFC)`."""
        if self.take_word("BOTH", "LEADING", "TRAILING") and not self.is_word("FROM"):
            self.read_value()
        if not self.take_word("FROM"):
            self.read_value()
            self.take_word("FROM")
        if self.take_symbol(","):
            self.take_word("NFC", "NFD", "NFKC", "NFKD")
        elif not self.is_symbol(")"):
            self.read_value()
        self.expect_symbol(")")

    def read_labels(self, of_relationship: bool = False) -> None:
        """Reads a label expression behind its colon."""
        raise NotImplementedError

    def read_bound_pattern(self) -> None:
        """Reads a path whose variables must exist."""
        raise NotImplementedError

    def read_new_pattern(self) -> None:
        """Reads a path that may bring new variables."""
        raise NotImplementedError

    def read_subquery(self, token: Token, word: str) -> None:
        """Reads the braces of EXISTS, COUNT and COLLECT."""
        raise NotImplementedError
