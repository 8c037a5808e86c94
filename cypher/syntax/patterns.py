"""Reads patterns: nodes, relationships, label expressions, quantified paths, shortest paths."""

from cypher.syntax import tree
from cypher.syntax.expressions import ExpressionReader

_FUNCTIONS = {"SHORTESTPATH": "shortestPath", "ALLSHORTESTPATHS": "allShortestPaths"}


class PatternReader(ExpressionReader):
    """Reads patterns, without regard to what they are for."""

    def read_paths(self) -> list[tree.Path]:
        """Reads paths with commas between them."""
        paths = [self.read_path()]
        while self.take_symbol(","):
            paths.append(self.read_path())
        return paths

    def read_path(self) -> tree.Path:
        """Reads one path, which may be named, selected (`ANY SHORTEST`) or inside `shortestPath`."""
        first, name = self.at, None
        if self.here.kind == "name" and self.ahead(1).text == "=":
            name = self.expect_new_name()
            self.step()
        selector = self._read_selector()
        function = _FUNCTIONS[self.step().text.upper()] if self.is_word(*_FUNCTIONS) else ""
        if function:
            self.expect_symbol("(")
        path = self.read_elements()
        if function:
            self.expect_symbol(")")
        return tree.Path(first, self.at, name, selector, function, path.elements)

    def _read_selector(self) -> str:
        """`ANY`, `ALL SHORTEST`, `SHORTEST 2 PATH GROUPS`; returns it in one spelling."""
        first = self.at
        if self.take_word("ANY", "ALL"):
            if not self.take_word("SHORTEST") and self.here.kind == "integer":
                self.step()
        elif self.take_word("SHORTEST"):
            if self.here.kind in ("integer", "parameter"):
                self.step()
        else:
            return ""
        last = self.at
        self.take_word("PATH", "PATHS")
        words = [token.text.upper() if token.kind == "name" else token.value for token in self.tokens[first:last]]
        if self.take_word("GROUP", "GROUPS"):
            words.append("GROUPS")
        elif words == ["SHORTEST"]:
            self.fail("SHORTEST needs a number of paths, as in SHORTEST 1, or GROUPS", first)
        return " ".join(words)

    def read_elements(self) -> tree.Path:
        """Nodes with relationships between them, and bracketed paths, which may be repeated."""
        first = self.at
        elements: list[tree.Node] = []
        while self.is_symbol("("):
            if self._bracket_holds_path():
                elements.append(self._read_group())
                continue
            if elements and isinstance(elements[-1], tree.NodePattern):
                self.fail_expecting("a relationship between two nodes")
            elements.append(self._read_node())
            if self.is_symbol("-") or self.is_symbol("<", "-"):
                elements.append(self._read_relationship())
                if not self.is_symbol("("):
                    self.fail_expecting("a node")
        if not elements:
            self.fail_expecting("a node in round brackets")
        return tree.Path(first, self.at, None, "", "", elements)

    def _bracket_holds_path(self) -> bool:
        after = self.ahead(1)
        return after.text == "(" or (after.kind == "name" and self.ahead(2).text == "=" and self.ahead(3).text == "(")

    def _read_group(self) -> tree.Group:
        first = self.at
        outer = self.descend()
        self.expect_symbol("(")
        path = self.read_path()
        condition = self.read_condition()
        self.expect_symbol(")")
        self.ascend(outer)
        last = self.at
        quantifier = self._read_quantifier()
        return tree.Group(first, last, path, condition, quantifier)

    def _read_quantifier(self) -> str | None:
        """`+`, `*`, `{2}`, `{1,3}` behind a path or relationship."""
        if self.take_symbol("+"):
            return "+"
        if self.take_symbol("*"):
            return "*"
        if not self.take_symbol("{"):
            return None
        least = self._take_number()
        if not least and not self.is_symbol(","):
            self.fail_expecting("how often the path is repeated")
        text = f"{least},{self._take_number()}" if self.take_symbol(",") else least
        self.expect_symbol("}")
        return f"{{{text}}}"

    def _take_number(self) -> str:
        return self.step().value if self.here.kind == "integer" else ""

    def _read_node(self) -> tree.NodePattern:
        first = self.at
        self.expect_symbol("(")
        inside = self._read_inside()
        self.expect_symbol(")")
        return tree.NodePattern(first, self.at, inside.name, inside.labels, inside.properties, inside.condition)

    def _read_relationship(self) -> tree.RelationshipPattern:
        first = self.at
        left = self.take_symbol("<")
        self.expect_symbol("-")
        inside, length = tree.Element(first, first, None, None, None, None), None
        if self.take_symbol("["):
            inside = self._read_inside()
            if self.take_symbol("*"):
                length = self._read_length()
                rest = self._read_inside(named=False)
                inside.properties, inside.condition = rest.properties, rest.condition
            self.expect_symbol("]")
        self.expect_symbol("-")
        right = self.take_symbol(">")
        arrow = "" if left == right else "<" if left else ">"
        last = self.at
        quantifier = self._read_quantifier()
        if quantifier is not None and length is not None:
            self.fail("a relationship of variable length (*) cannot be repeated as well", last)
        return tree.RelationshipPattern(
            first, last, inside.name, inside.labels, inside.properties, inside.condition, arrow, length, quantifier
        )

    def _read_length(self) -> str:
        """The length behind `*`: `*2` is `*2..2`, and the least length is 1 unless said."""
        least = self._take_number()
        if self.take_symbol(".."):
            return f"{least or '1'}..{self._take_number()}"
        return f"{least}..{least}" if least else "1.."

    def _read_inside(self, named: bool = True) -> tree.Element:
        """Variable, labels, properties and condition of a node or relationship."""
        first, name, labels = self.at, None, None
        properties: tree.Node | None = None
        keyword_follows = self.is_word("WHERE", "IS") and self.ahead(1).kind == "name"
        if named and self.here.kind == "name" and not keyword_follows:
            name = self.expect_new_name()
        if named and (self.is_symbol(":") or (self.is_word("IS") and self.ahead(1).kind == "name")):
            self.step()
            labels = self.read_labels()
        if self.is_symbol("{"):
            properties = self.read_map()
        elif self.here.kind == "parameter":
            properties = tree.Parameter(self.at, self.at + 1, self.step().value)
        condition = self.read_condition()
        return tree.Element(first, self.at, name, labels, properties, condition)

    # Labels.

    def read_labels(self) -> tree.Labels:
        first = self.at
        terms = [self._read_all_labels()]
        while self.is_symbol("|") and not self.is_symbol("|", "|"):
            self.step()
            self.take_symbol(":")
            terms.append(self._read_all_labels())
        return terms[0] if len(terms) == 1 else tree.Labels(first, self.at, "|", terms)

    def _read_all_labels(self) -> tree.Labels:
        first = self.at
        terms = [self._read_label()]
        while self.is_symbol("&") or (self.is_symbol(":") and not self.is_symbol(":", ":")):
            self.step()
            terms.append(self._read_label())
        return terms[0] if len(terms) == 1 else tree.Labels(first, self.at, "&", terms)

    def _read_label(self) -> tree.Labels:
        first = self.at
        if self.take_symbol("!"):
            outer = self.descend()
            term = self._read_label()
            self.ascend(outer)
            return tree.Labels(first, self.at, "!", [term])
        if self.take_symbol("("):
            outer = self.descend()
            labels = self.read_labels()
            self.ascend(outer)
            self.expect_symbol(")")
            return tree.Labels(first, self.at, "()", [labels])
        if self.take_symbol("%"):
            return tree.Labels(first, self.at, "%", [])
        if self.take_symbol("$"):
            self.expect_symbol("(")
            self.take_word("ANY", "ALL")
            value = self.read_expression()
            self.expect_symbol(")")
            return tree.Labels(first, self.at, "$", [], value=value)
        if self.here.kind == "parameter":
            self.fail("a label from a parameter is written $(…)")
        word = self.expect_word("a label or a type")
        return tree.Labels(first, self.at, "", [], word)
