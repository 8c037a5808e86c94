"""Reads the commands of a graph's schema: indexes and constraints."""

from cypher.syntax import queries, tree
from cypher.syntax.calls import CallReader

INDEXES = ("RANGE", "TEXT", "POINT", "LOOKUP", "FULLTEXT", "VECTOR", "INDEX")


class SchemaReader(CallReader):
    """Reads the command that makes an index or a constraint; `parts` keeps the names and values of a command."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self.parts: list[tree.Node] = []

    def read_index(self, kind: str) -> None:
        """Reads what follows INDEX."""
        self._read_new_name("the name of the index")
        self.expect_words("FOR")
        entity = self._read_entity(many=kind == "FULLTEXT", labelled=kind != "LOOKUP")
        self.expect_words("ON")
        if kind == "LOOKUP":
            self.expect_words("EACH")
            function = "TYPE" if entity.relationship else "LABELS"
            if not self.take_word(function):
                self.fail_expecting(f"{function.lower()}(…)")
            self.expect_symbol("(")
            self.parts.append(self.expect_name())
            self.expect_symbol(")")
        elif kind == "FULLTEXT":
            self.expect_words("EACH")
            self._read_listed_properties()
        else:
            place = self.at
            count = self._read_properties()
            if count > 1 and kind in ("VECTOR", "TEXT", "POINT"):
                self.fail(f"a {kind.lower()} index is on one property", place)
            if kind == "VECTOR" and self.take_word("WITH"):
                self._read_listed_properties()
        self.read_options()

    def read_constraint(self) -> str:
        """Reads what follows CONSTRAINT; returns what it requires, as `UNIQUE` or `2 UNIQUE` of two properties."""
        self._read_new_name("the name of the constraint")
        self.expect_words("FOR")
        entity = self._read_entity(many=False, labelled=True)
        self.expect_words("REQUIRE")
        place = self.at
        count = self._read_properties()
        self.expect_words("IS")
        requires = self._read_requirement(entity, count, place)
        self.read_options()
        return requires if count == 1 else f"{count} {requires}"

    def _read_requirement(self, entity: queries.Entity, count: int, place: int) -> str:
        owner = self.at
        word = self.take_word("NODE", "REL", "RELATIONSHIP")
        if word is not None and (word == "NODE") == entity.relationship:
            self.fail(f"this constraint is on a {'relationship' if entity.relationship else 'node'}", owner)
        if key := self.take_word("KEY", "UNIQUE"):
            return key
        if word is not None:
            self.fail_expecting("KEY or UNIQUE")
        if count > 1:
            self.fail("only UNIQUE and KEY take several properties", place)
        if self.take_words("NOT", "NULL"):
            return "NOT NULL"
        if not (self.take_symbol(":", ":") or self.take_word("TYPED")):
            self.fail_expecting("UNIQUE, NODE KEY, NOT NULL or :: and a type")
        self.read_type()
        return "TYPED"

    def _read_entity(self, many: bool, labelled: bool) -> queries.Entity:
        """`(n:Label)` or `()-[r:TYPE]-()`."""
        first, labels = self.at, []
        self.expect_symbol("(")
        relationship = self.take_symbol(")")
        if relationship:
            self.take_symbol("<")
            self.expect_symbol("-")
            self.expect_symbol("[")
        name = self.expect_new_name()
        if labelled:
            self.expect_symbol(":")
            labels.append(self.expect_word("a type" if relationship else "a label"))
            while many and self.take_symbol("|"):
                labels.append(self.expect_word("a label or a type"))
        if relationship:
            self.expect_symbol("]")
            self.expect_symbol("-")
            self.take_symbol(">")
            self.expect_symbol("(")
        self.expect_symbol(")")
        entity = queries.Entity(first, self.at, relationship, name, labels)
        self.parts.append(entity)
        return entity

    def _read_properties(self) -> int:
        """One property, or several in brackets; returns how many."""
        if not self.take_symbol("("):
            self._read_property()
            return 1
        count = len(self.read_many(self._read_property))
        self.expect_symbol(")")
        return count

    def _read_listed_properties(self) -> None:
        self.expect_symbol("[")
        self.read_many(self._read_property)
        self.expect_symbol("]")

    def _read_property(self) -> None:
        first = self.at
        name = self.expect_name()
        self.expect_symbol(".")
        key = self.expect_word("the name of a property")
        self.parts.append(tree.Access(first, self.at, name, [tree.Property(first + 1, self.at, key)]))

    def _read_new_name(self, what: str) -> None:
        """A name that is new, or none, and IF NOT EXISTS."""
        if not (self.are_words("IF", "NOT", "EXISTS") or (self.is_word("FOR") and self.ahead(1).text == "(")):
            if self.is_word("FOR", "ON"):
                self.fail_expecting(what)
            if not self.take_parameter():
                self.parts.append(self.expect_word(what))
        self.take_words("IF", "NOT", "EXISTS")

    def read_options(self) -> None:
        """Reads OPTIONS with a map or a parameter, or nothing."""
        if self.take_word("OPTIONS") and not self.take_parameter():
            self.parts.append(self.read_map())

    def take_parameter(self) -> bool:
        """Passes a parameter."""
        if self.here.kind != "parameter":
            return False
        self.parts.append(tree.Parameter(self.at, self.at + 1, self.step().value))
        return True
