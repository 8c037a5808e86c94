"""Reads patterns: nodes, relationships, label expressions, quantified paths, shortest paths."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from cypher.grammar.cursor import Scope, Type
from cypher.grammar.expressions import ExpressionReader, write_type
from cypher.tokens import Token

# "match": looks for what fits. "create" and "merge": makes it. "bound": a condition, which brings no variables.
Purpose = Literal["match", "create", "merge", "bound"]

_TYPE_NAMES = {
    "node": "a node",
    "relationship": "a relationship",
    "path": "a path",
    "list": "a list",
    "value": "a value",
}


class PatternReader(ExpressionReader):
    """Reads patterns and adds their variables to the scope."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        # While True, a variable that is not (yet) defined is no fault.
        self._looking_ahead = False
        # What a pattern that has been looked through will define: conditions inside it may use these.
        self._known: Scope | None = None
        self._relationships: set[str] = set()

    def look_up(self, token: Token) -> Type:
        if self._looking_ahead:
            return self.scope.get(token.value, "any")
        return super().look_up(token)

    def read_matched_patterns(self) -> None:
        """Reads the patterns of MATCH. Conditions inside may use variables from further on, so it reads twice."""
        start, before = self.at, dict(self.scope)
        looked_ahead, known = self._looking_ahead, self._known
        self._looking_ahead = True
        self._read_pattern_list("match")
        self._looking_ahead = looked_ahead
        if not looked_ahead:
            self._known, self.scope, self.at = self.scope, before, start
            self._read_pattern_list("match")
            self._known = known

    def _read_pattern_list(self, purpose: Purpose) -> None:
        with self._other_relationships():
            self.read_path(purpose)
            while self.take_symbol(","):
                self.read_path(purpose)

    @contextmanager
    def _other_relationships(self) -> Iterator[None]:
        """No relationship may be used twice in a MATCH; each pattern inside it counts for itself."""
        before, self._relationships = self._relationships, set()
        try:
            yield
        finally:
            self._relationships = before

    def read_made_patterns(self, purpose: Purpose) -> None:
        """Reads the patterns of CREATE, or the one of MERGE."""
        if purpose == "create":
            self._read_pattern_list(purpose)
            return
        with self._other_relationships():
            self.read_path(purpose)

    def read_bound_pattern(self) -> None:
        with self._other_relationships():
            self._read_elements("bound")

    def read_new_pattern(self) -> None:
        with self._other_relationships():
            self.read_path("match")

    def read_path(self, purpose: Purpose) -> None:
        """Reads one path, which may be named, selected (`ANY SHORTEST`) or inside `shortestPath`."""
        name = None
        if self.here.kind == "name" and self.ahead(1).text == "=":
            name = self.step()
            self.step()
        if purpose == "match":
            self._read_selector()
        if self.is_word("SHORTESTPATH", "ALLSHORTESTPATHS") and purpose in ("match", "bound"):
            self.step()
            self.expect_symbol("(")
            self._read_elements(purpose)
            self.expect_symbol(")")
        else:
            self._read_elements(purpose)
        if name is not None:
            self.define(name, "path")

    def _read_selector(self) -> None:
        if self.take_word("ANY", "ALL"):
            if not self.take_word("SHORTEST") and self.here.kind == "integer":
                self.step()
        elif self.take_word("SHORTEST"):
            if self.here.kind in ("integer", "parameter"):
                self.step()
        else:
            return
        self.take_word("PATH", "PATHS")
        self.take_word("GROUP", "GROUPS")

    def _read_elements(self, purpose: Purpose) -> None:
        """Nodes with relationships between them, and bracketed paths, which may be repeated."""
        previous = None
        while self.is_symbol("("):
            if self._bracket_holds_path():
                self._read_bracketed_path(purpose)
                previous = "path"
                continue
            if previous == "node":
                self.fail_expecting("a relationship between two nodes")
            alone = previous is None and not self._relationship_follows()
            self._read_node(purpose, alone)
            previous = "node"
            if self.is_symbol("-") or self.is_symbol("<", "-"):
                self._read_relationship(purpose)
                if not self.is_symbol("("):
                    self.fail_expecting("a node")
                previous = "relationship"
        if previous is None:
            self.fail_expecting("a node in round brackets")

    def _relationship_follows(self) -> bool:
        depth = 0
        for place in range(self.at, len(self.tokens)):
            token = self.tokens[place]
            if token.kind == "symbol":
                depth += (token.text in "([{") - (token.text in ")]}")
            if depth == 0:
                return self.tokens[place + 1].text in ("-", "<", "(")
        return False

    def _bracket_holds_path(self) -> bool:
        after = self.ahead(1)
        return after.text == "(" or (after.kind == "name" and self.ahead(2).text == "=" and self.ahead(3).text == "(")

    def _read_bracketed_path(self, purpose: Purpose) -> None:
        if purpose in ("create", "merge"):
            self.fail("a path in brackets can be looked for but not made")
        before = dict(self.scope)
        with self.deeper():
            self.expect_symbol("(")
            self.read_path(purpose)
            if self.take_word("WHERE"):
                self._read_inner_condition()
            self.expect_symbol(")")
        if self._read_quantifier_mark():
            # Outside, each variable of a repeated path is the list of what it was.
            self.scope = {name: before.get(name, "list") for name in self.scope}

    def _read_quantifier_mark(self) -> bool:
        place = self.here
        if self.take_symbol("+") or self.take_symbol("*"):
            self.note("quantified path", place)
            return True
        if not self.take_symbol("{"):
            return False
        self.note("quantified path", place)
        if self.here.kind == "integer":
            self.step()
        elif not self.is_symbol(","):
            self.fail_expecting("how often the path is repeated")
        if self.take_symbol(",") and self.here.kind == "integer":
            self.step()
        self.expect_symbol("}")
        return True

    def _read_node(self, purpose: Purpose, alone: bool) -> None:
        self.expect_symbol("(")
        name = self._take_variable()
        plain = not self._read_filling(purpose)
        self.expect_symbol(")")
        if name is not None:
            self._bind(name, "node", purpose, may_exist=plain and not (alone and purpose in ("create", "merge")))

    def _read_relationship(self, purpose: Purpose) -> None:
        opening = self.here
        left = self.take_symbol("<")
        self.expect_symbol("-")
        name, types, repeated = None, 0, False
        if self.take_symbol("["):
            name = self._take_variable()
            if self.is_symbol(":") or (self.is_word("IS") and self.ahead(1).kind == "name"):
                before = self.at
                self.step()
                self.read_labels(of_relationship=True)
                types = 1 if self.at == before + 2 else 2
            if self.take_symbol("*"):
                repeated = True
                self._read_length()
            self._read_properties(purpose)
            if self.take_word("WHERE"):
                self._read_inner_condition()
            self.expect_symbol("]")
        self.expect_symbol("-")
        right = self.take_symbol(">")
        if purpose in ("match", "bound"):
            if self.is_symbol("+") or self.is_symbol("*") or self.is_symbol("{"):
                repeated = self._read_quantifier_mark()
        elif repeated:
            self.fail("a relationship of variable length cannot be made", opening)
        elif types != 1 and not self._looking_ahead:
            self.fail("a relationship that is made needs exactly one type", opening)
        elif purpose == "create" and left == right:
            self.fail("a relationship that is made needs one direction", opening)
        if name is not None:
            self._bind_relationship(name, purpose, repeated)

    def _read_length(self) -> None:
        if self.here.kind == "integer":
            self.step()
        if self.take_symbol("..") and self.here.kind == "integer":
            self.step()

    def _take_variable(self) -> Token | None:
        if self.here.kind != "name" or (self.is_word("WHERE", "IS") and self.ahead(1).kind == "name"):
            return None
        return self.step()

    def _read_filling(self, purpose: Purpose) -> bool:
        """Labels, properties and condition of a node; returns whether there were any of the first two."""
        start = self.at
        if self.take_symbol(":") or self.take_word("IS"):
            self.read_labels()
        self._read_properties(purpose)
        filled = self.at > start
        if self.is_word("WHERE"):
            if purpose in ("create", "merge"):
                self.fail("what is made has no condition")
            self.step()
            self._read_inner_condition()
        return filled

    def _read_properties(self, purpose: Purpose) -> None:
        with self.inside({**(self._known or {}), **self.scope}):
            if self.is_symbol("{"):
                self.read_map()
            elif self.here.kind == "parameter":
                if purpose != "create":
                    self.fail("a parameter cannot stand for all properties here: name each, as in {name: $p.name}")
                self.step()

    def _read_inner_condition(self) -> None:
        with self.inside({**(self._known or {}), **self.scope}):
            self.read_condition()

    def read_labels(self, of_relationship: bool = False) -> None:
        self._read_label_term()
        while True:
            if self.is_symbol("|") and not self.is_symbol("|", "|"):
                bar = self.step()
                if not of_relationship:
                    self.note("label expression", bar)
                self.take_symbol(":")
            elif self.is_symbol("&"):
                self.note("label expression", self.step())
            elif self.is_symbol(":", ":") or not self.take_symbol(":"):
                return
            self._read_label_term()

    def _read_label_term(self) -> None:
        while self.is_symbol("!"):
            self.note("label expression", self.step())
        place = self.here
        if self.take_symbol("("):
            self.note("label expression", place)
            with self.deeper():
                self.read_labels()
            self.expect_symbol(")")
        elif self.take_symbol("%"):
            self.note("label expression", place)
        elif self.take_symbol("$"):
            self.expect_symbol("(")
            self.take_word("ANY", "ALL")
            self.read_value()
            self.expect_symbol(")")
        elif self.here.kind == "parameter":
            self.fail("a label from a parameter is written $(…)")
        else:
            self.expect_name("a label or a type")

    def _bind(self, name: Token, kind: Type, purpose: Purpose, may_exist: bool = True) -> None:
        if name.value not in self.scope:
            if purpose == "bound":
                self.look_up(name)
            else:
                self.scope[name.value] = kind
            return
        found = self.scope[name.value]
        if found not in (kind, "any"):
            self.fail(f"variable `{name.value}` is {write_type(found)}, not {write_type(kind)}", name)
        if purpose in ("create", "merge") and not may_exist:
            self.fail(f"variable `{name.value}` is already defined", name)

    def _bind_relationship(self, name: Token, purpose: Purpose, repeated: bool) -> None:
        if name.value in self._relationships and purpose == "match":
            self.fail(f"relationship `{name.value}` is used twice in one pattern", name)
        self._relationships.add(name.value)
        if repeated and self.scope.get(name.value) in ("list", "any"):
            return
        if repeated and name.value not in self.scope and purpose != "bound":
            self.scope[name.value] = "list"
            return
        self._bind(name, "relationship", purpose, may_exist=False)
