"""Reads expressions: operators by precedence, what is taken of a value, types, CASE."""

from cypher.syntax import tree
from cypher.syntax.values import ValueReader

# openCypher's order (oC_Expression), from the one that binds least; of one rank, operators join from the left.
OR, XOR, AND, NOT, COMPARISON, PREDICATE, SUM, PRODUCT, POWER, SIGN = range(1, 11)
_WORD_RANKS = {"OR": OR, "XOR": XOR, "AND": AND, "IN": PREDICATE, "CONTAINS": PREDICATE, "IS": PREDICATE}
_SYMBOL_RANKS = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "^": POWER, "=~": PREDICATE}
_SYMBOL_RANKS |= dict.fromkeys(("=", "<>", "<", ">", "<=", ">="), COMPARISON)
_TYPE_WORDS = frozenset((
    "ANY", "ARRAY", "BOOL", "BOOLEAN", "DATE", "DATETIME", "DURATION", "EDGE", "FLOAT", "FLOAT32", "FLOAT64", "INT",
    "INT8", "INT16", "INT32", "INT64", "INTEGER", "LIST", "LOCAL", "MAP", "NODE", "NOTHING", "NULL", "PATH", "POINT",
    "PROPERTY", "RELATIONSHIP", "SIGNED", "STRING", "TIME", "TIMESTAMP", "TIMEZONE", "VALUE", "VARCHAR", "VECTOR",
    "VERTEX", "WITH", "WITHOUT", "ZONED",
))  # fmt: skip


class ExpressionReader(ValueReader):
    """Reads expressions. Labels in them are read with patterns, by the class built on this one."""

    def read_labels(self) -> tree.Labels:
        """Reads a label expression behind its colon."""
        raise NotImplementedError

    # Operators.

    def read_expression(self, rank: int = 0) -> tree.Node:
        """Reads an expression of operators above `rank`."""
        outer = self.descend()
        value = self._read_operand()
        lower = SIGN + 1  # what binds less comes behind what binds more
        while rank < (found := self._find_rank()) < lower:
            lower, operands = found, []
            while self._find_rank() == found:
                operands.append(self._read_operation(found))
            value = tree.Operation(value.first, self.at, found, value, operands)
            self.wrap()
        self.ascend(outer)
        return value

    def _find_rank(self) -> int:
        """The rank of the operator that comes next, 0 if none does."""
        token = self.here
        if token.kind == "symbol":
            if self.is_symbol("!", "=") or self.is_symbol("=", "="):
                self.fail(f"'{token.text}=' is no operator of Cypher: write {'<>' if token.text == '!' else '='}")
            if self.is_symbol("|", "|"):
                return SUM
            if self.is_symbol(":", ":"):
                return PREDICATE
            return _SYMBOL_RANKS.get(token.text, 0)
        if token.kind == "name":
            if self.are_words("STARTS", "WITH") or self.are_words("ENDS", "WITH"):
                return PREDICATE
            return _WORD_RANKS.get(token.text.upper(), 0)
        return 0

    def _read_operation(self, rank: int) -> tree.Operand:
        first = self.at
        operator = self.step().text.upper()
        if operator == "IS":
            return self._read_test(first)
        if operator == ":":
            self.expect_symbol(":")
            kind = self.read_type()
            return tree.Operand(first, self.at, "IS ::", kind)
        if operator in ("STARTS", "ENDS"):
            operator += f" {self.step().text.upper()}"
        elif operator == "|":
            operator += self.step().text
        value = self.read_expression(rank)
        return tree.Operand(first, self.at, operator, value)

    def _read_test(self, first: int) -> tree.Operand:
        """What follows IS: NULL, a type, or NORMALIZED, perhaps behind NOT."""
        operator = "IS NOT " if self.take_word("NOT") else "IS "
        if self.take_symbol(":", ":") or self.take_word("TYPED"):
            kind = self.read_type()
            return tree.Operand(first, self.at, operator + "::", kind)
        if form := self.take_word("NFC", "NFD", "NFKC", "NFKD"):
            self.expect_words("NORMALIZED")
            operator += f"{form} NORMALIZED"
        elif word := self.take_word("NULL", "NORMALIZED"):
            operator += word
        else:
            self.fail_expecting("NULL, :: and a type, or NORMALIZED")
        return tree.Operand(first, self.at, operator, None)

    def read_type(self) -> tree.TypeName:
        """Reads a type: `INTEGER NOT NULL`, `LIST<STRING>`, `ZONED DATETIME`, `INTEGER | FLOAT`."""
        first = self.at
        while True:
            start = self.at
            while self.is_word(*_TYPE_WORDS):
                self.step()
            if self.at == start:
                self.fail_expecting("a type")
            if self.take_symbol("<"):
                outer = self.descend()
                self.read_type()
                self.ascend(outer)
                self.expect_symbol(">")
            self.take_words("NOT", "NULL")
            if not self.take_symbol("|"):
                return tree.TypeName(first, self.at)

    def _read_operand(self) -> tree.Node:
        first = self.at
        if self.take_word("NOT"):
            value = self.read_expression(NOT)
            return tree.Prefixed(first, self.at, "NOT", value)
        token = self.here
        if token.kind == "symbol" and token.text in "+-":
            self.step()
            value = self.read_expression(SIGN)
            return tree.Prefixed(first, self.at, token.text, value)
        value = self.read_value()
        steps: list[tree.Node] = []
        while (step := self._read_access()) is not None:
            steps.append(step)
        return tree.Access(first, self.at, value, steps) if steps else value

    def _read_access(self) -> tree.Node | None:
        first = self.at
        if self.take_symbol("."):
            key = self.expect_word("the name of a property")
            return tree.Property(first, self.at, key)
        if self.take_symbol("["):
            start = None if self.is_symbol("..") else self.read_expression()
            if start is not None and self.take_symbol("]"):
                return tree.Index(first, self.at, start)
            end = self.read_expression() if self.take_symbol("..") and not self.is_symbol("]") else None
            self.expect_symbol("]")
            return tree.Slice(first, self.at, start, end)
        if self.is_symbol(":") and not self.is_symbol(":", ":"):
            self.step()
            labels = self.read_labels()
            return tree.LabelTest(first, self.at, labels)
        return None

    def read_case(self) -> tree.Case:
        first = self.at
        self.step()
        subject = None if self.is_word("WHEN") else self.read_expression()
        if not self.is_word("WHEN"):
            self.fail_expecting("WHEN")
        branches = []
        while self.is_word("WHEN"):
            start = self.at
            self.step()
            tests = [self._read_case_test(subject is not None)]
            while subject is not None and self.take_symbol(","):
                tests.append(self._read_case_test(True))
            self.expect_words("THEN")
            result = self.read_expression()
            branches.append(tree.When(start, self.at, tests, result))
        default = self.read_expression() if self.take_word("ELSE") else None
        self.expect_words("END")
        return tree.Case(first, self.at, subject, branches, default)

    def _read_case_test(self, has_subject: bool) -> tree.Node:
        """What follows WHEN: a value, or behind a subject also an operator that lacks its left side."""
        rank = self._find_rank() if has_subject else 0
        if rank == COMPARISON or (rank == PREDICATE and self.is_word("IS")):
            return self._read_operation(rank)
        return self.read_expression()
