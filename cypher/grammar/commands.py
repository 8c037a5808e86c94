"""Reads the commands beside queries: indexes, constraints, databases, aliases, SHOW, TERMINATE. NornicDB's too."""

from cypher.grammar.clauses import ClauseReader
from cypher.tokens import Token

_INDEXES = ("RANGE", "TEXT", "POINT", "LOOKUP", "FULLTEXT", "VECTOR", "INDEX")
_CREATED = (*_INDEXES, "CONSTRAINT", "DATABASE", "COMPOSITE", "ALIAS", "USER", "ROLE")
_SHOWN = {
    "INDEX", "INDEXES", "CONSTRAINT", "CONSTRAINTS", "FUNCTION", "FUNCTIONS", "PROCEDURE", "PROCEDURES", "DATABASE",
    "DATABASES", "TRANSACTION", "TRANSACTIONS", "SETTING", "SETTINGS", "ALIAS", "ALIASES", "USER", "USERS", "ROLE",
    "ROLES", "PRIVILEGE", "PRIVILEGES", "SERVER", "SERVERS", "LIMITS",
}  # fmt: skip
# What may stand between SHOW and what is shown, as in `SHOW NODE KEY CONSTRAINTS`.
_SHOWN_KINDS = {
    "ALL", "RANGE", "TEXT", "POINT", "LOOKUP", "FULLTEXT", "VECTOR", "UNIQUE", "UNIQUENESS", "NODE", "REL",
    "RELATIONSHIP", "PROPERTY", "EXIST", "EXISTENCE", "KEY", "TYPE", "BUILT", "IN", "USER", "DEFINED", "DEFAULT",
    "HOME", "CURRENT", "COMPOSITE", "POPULATED",
}  # fmt: skip


class CommandReader(ClauseReader):
    """Reads one command."""

    def command_follows(self) -> bool:
        """True if what comes next is a command and no query."""
        if self.is_word("CREATE"):
            count = 3 if self.ahead(1).text.upper() == "OR" and self.ahead(2).text.upper() == "REPLACE" else 1
            word = self.ahead(count)
            return word.kind == "name" and word.text.upper() in _CREATED
        return self.is_word("SHOW", "DROP", "ALTER", "TERMINATE", "START", "STOP")

    def read_prefixes(self) -> int:
        """Passes EXPLAIN, PROFILE, `CYPHER 25 planner=cost`; before a command, USE. Returns the next token's number."""
        while word := self.take_word("EXPLAIN", "PROFILE", "CYPHER"):
            if word == "CYPHER":
                if self.here.kind in ("integer", "float"):
                    self.step()
                while self.here.kind == "name" and self.ahead(1).text == "=":
                    self.step()
                    self.step()
                    self.step()
        start = self.at
        if self.is_word("USE"):
            use = self.step()
            self._read_graph_name()
            if self.command_follows():
                self.note("USE", use)
                return start
            self.at = start
        return start

    def read_end(self) -> None:
        """Passes semicolons; then the text must be at its end."""
        while self.take_symbol(";"):
            pass
        if self.here.kind != "end":
            self.fail_expecting("the end of the query")

    def read_command(self) -> None:
        """Reads the command."""
        match self.step().text.upper():
            case "CREATE":
                self.take_words("OR", "REPLACE")
                self._read_create()
            case "DROP":
                self._read_drop()
            case "ALTER":
                self._read_alter()
            case "SHOW":
                self._read_show()
            case "TERMINATE":
                if not self.take_word("TRANSACTION", "TRANSACTIONS"):
                    self.fail_expecting("TRANSACTION")
                self._read_list_of(self._read_shown_name)
                self._read_yield()
            case _:
                self.expect_words("DATABASE")
                self._read_target_name("the name of a database")
                self._read_wait()

    # CREATE

    def _read_create(self) -> None:
        token = self.here
        word = self.take_word(*_INDEXES)
        if word is not None:
            self.note("index", token, word)
            if word != "INDEX":
                self.expect_words("INDEX")
            self._read_index(word)
        elif self.take_word("CONSTRAINT"):
            self._read_constraint(token)
        elif self.take_word("ALIAS"):
            self._read_target_name("the name of an alias")
            self.take_words("IF", "NOT", "EXISTS")
            self.expect_words("FOR", "DATABASE")
            self._read_target_name("the name of a database")
            if self.take_word("AT"):
                self.read_value()
                self.expect_words("USER")
                self._read_target_name("the name of a user")
                self.expect_words("PASSWORD")
                self.read_value()
            self._read_options()
        elif self.take_word("ROLE"):
            self._read_target_name("the name of a role")
            self.take_words("IF", "NOT", "EXISTS")
            if self.take_words("AS", "COPY", "OF"):
                self._read_target_name("the name of a role")
        elif self.take_word("USER"):
            self._read_target_name("the name of a user")
            self.take_words("IF", "NOT", "EXISTS")
            self._read_password()
        else:
            self.take_word("COMPOSITE")
            self.expect_words("DATABASE")
            self._read_target_name("the name of a database")
            self.take_words("IF", "NOT", "EXISTS")
            if self.take_word("TOPOLOGY"):
                self._read_topology()
            if self.is_word("ALIAS"):
                while self.take_word("ALIAS"):  # NornicDB: the parts of a composite database
                    self._read_target_name("the name of an alias")
                    self.expect_words("FOR", "DATABASE")
                    self._read_target_name("the name of a database")
            self._read_options()
            self._read_wait()

    def _read_index(self, kind: str) -> None:
        if not (self.are_words("IF", "NOT", "EXISTS") or (self.is_word("FOR") and self.ahead(1).text == "(")):
            self._read_simple_name("the name of the index")
        self.take_words("IF", "NOT", "EXISTS")
        self.expect_words("FOR")
        entity = self.here
        relationship = self._read_entity(many=kind == "FULLTEXT", labelled=kind != "LOOKUP")
        if relationship:
            self.note("relationship index", entity)
        self.expect_words("ON")
        if kind == "LOOKUP":
            self.expect_words("EACH")
            function = "TYPE" if relationship else "LABELS"
            if not self.take_word(function):
                self.fail_expecting(f"{function.lower()}(…)")
            self.expect_symbol("(")
            self.look_up(self.expect_name("a variable"))
            self.expect_symbol(")")
        elif kind == "FULLTEXT":
            self.expect_words("EACH")
            self.expect_symbol("[")
            self._read_list_of(self._read_property)
            self.expect_symbol("]")
        else:
            place = self.here
            count = self._read_properties_of_index()
            if count > 1 and kind in ("VECTOR", "TEXT", "POINT"):
                self.fail(f"a {kind.lower()} index is on one property", place)
            if kind == "VECTOR" and self.take_word("WITH"):
                self.expect_symbol("[")
                self._read_list_of(self._read_property)
                self.expect_symbol("]")
        self._read_options()

    def _read_entity(self, many: bool, labelled: bool) -> bool:
        """`(n:Label)` or `()-[r:TYPE]-()`; returns whether it is the latter."""
        self.expect_symbol("(")
        relationship = self.take_symbol(")")
        if relationship:
            self.take_symbol("<")
            self.expect_symbol("-")
            self.expect_symbol("[")
        self.define(self.expect_name("a variable"), "relationship" if relationship else "node")
        if labelled:
            self.expect_symbol(":")
            self.expect_name("a type" if relationship else "a label")
            while many and self.is_symbol("|"):
                self.note("index on several labels", self.step())
                self.expect_name("a label or a type")
        if relationship:
            self.expect_symbol("]")
            self.expect_symbol("-")
            self.take_symbol(">")
            self.expect_symbol("(")
        self.expect_symbol(")")
        return relationship

    def _read_properties_of_index(self) -> int:
        if not self.take_symbol("("):
            self._read_property()
            return 1
        count = 1
        self._read_property()
        while self.take_symbol(","):
            self._read_property()
            count += 1
        self.expect_symbol(")")
        return count

    def _read_property(self) -> None:
        self.look_up(self.expect_name("a variable"))
        self.expect_symbol(".")
        self.expect_name("the name of a property")

    def _read_constraint(self, token: Token) -> None:
        if not (self.are_words("IF", "NOT", "EXISTS") or (self.is_word("FOR") and self.ahead(1).text == "(")):
            self._read_simple_name("the name of the constraint")
        self.take_words("IF", "NOT", "EXISTS")
        self.expect_words("FOR")
        relationship = self._read_entity(many=False, labelled=True)
        self.expect_words("REQUIRE")
        place = self.here
        count = self._read_properties_of_index()
        self.expect_words("IS")
        if count > 1 or relationship or not self.is_word("UNIQUE"):
            self.note("constraint", token)
        if self.take_word("UNIQUE", "KEY"):
            pass
        elif self.is_word("NODE", "REL", "RELATIONSHIP"):
            word = self.step()
            if (word.text.upper() == "NODE") == relationship:
                self.fail(f"this constraint is on a {'relationship' if relationship else 'node'}", word)
            if not self.take_word("KEY", "UNIQUE"):
                self.fail_expecting("KEY or UNIQUE")
        elif count > 1:
            self.fail("only UNIQUE and KEY take several properties", place)
        elif not self.take_words("NOT", "NULL"):
            if not (self.take_symbol(":", ":") or self.take_word("TYPED")):
                self.fail_expecting("UNIQUE, NODE KEY, NOT NULL or :: and a type")
            self.read_type()
        self._read_options()

    def _read_options(self) -> None:
        if self.take_word("OPTIONS"):
            if self.here.kind == "parameter":
                self.step()
                return
            start = self.at
            self.read_map()
            for token in self.tokens[start : self.at]:
                if token.kind == "name" and token.text.startswith("`vector."):
                    self.note("vector option", token, token.value)

    def _read_topology(self) -> None:
        while self.here.kind == "integer":
            self.step()
            if not self.take_word("PRIMARY", "PRIMARIES", "SECONDARY", "SECONDARIES"):
                self.fail_expecting("PRIMARIES or SECONDARIES")

    def _read_password(self) -> None:
        self.expect_words("SET")
        self.take_word("PLAINTEXT", "ENCRYPTED")
        self.expect_words("PASSWORD")
        self.read_value()
        self.take_words("CHANGE", "REQUIRED") or self.take_words("CHANGE", "NOT", "REQUIRED")

    # DROP, ALTER

    def _read_drop(self) -> None:
        token = self.here
        what = self.take_word("INDEX", "CONSTRAINT", "DATABASE", "COMPOSITE", "ALIAS", "USER", "ROLE")
        if what in ("INDEX", "CONSTRAINT"):
            self.note("DROP", token, what)
        if what is None:
            self.fail_expecting("INDEX, CONSTRAINT, DATABASE or ALIAS")
        if what == "COMPOSITE":
            self.expect_words("DATABASE")
        self._read_target_name("a name")
        self.take_words("IF", "EXISTS")
        if what == "ALIAS":
            self.expect_words("FOR", "DATABASE")
        elif what in ("DATABASE", "COMPOSITE"):
            self.take_word("RESTRICT") or self.take_words("CASCADE", "ALIASES")
            self.take_words("DESTROY", "DATA") or self.take_words("DUMP", "DATA")
            self._read_wait()

    def _read_alter(self) -> None:
        if self.take_words("COMPOSITE", "DATABASE"):
            self._read_target_name("the name of a database")
            verb = self.take_word("ADD", "DROP")  # NornicDB's own
            if verb is None:
                self.fail_expecting("ADD ALIAS or DROP ALIAS")
            self.expect_words("ALIAS")
            self._read_target_name("the name of an alias")
            if verb == "ADD":
                self.expect_words("FOR", "DATABASE")
                self._read_target_name("the name of a database")
            return
        if self.take_word("ALIAS"):
            self._read_target_name("the name of an alias")
            self.take_words("IF", "EXISTS")
            self.expect_words("SET", "DATABASE", "TARGET")
            self._read_target_name("the name of a database")
            return
        self.expect_words("DATABASE")
        self._read_target_name("the name of a database")
        self.take_words("IF", "EXISTS")
        self.expect_words("SET")
        if self.take_word("LIMIT"):
            self._read_list_of(self._read_limit)  # NornicDB's own
        elif self.take_words("ACCESS", "READ"):
            if not self.take_word("ONLY", "WRITE"):
                self.fail_expecting("ONLY or WRITE")
        elif self.take_word("TOPOLOGY"):
            self._read_topology()
        else:
            self.expect_words("OPTION")
            self.expect_name("the name of an option")
            self.read_value()
        self._read_wait()

    def _read_limit(self) -> None:
        self.expect_name("the name of a limit")
        self.expect_symbol("=")
        number = self.here
        self.expect_integer()
        if self.here.kind == "name" and self.here.start == number.end:  # a time, as 60s
            self.step()

    def _read_wait(self) -> None:
        if self.take_word("WAIT"):
            if self.here.kind == "integer":
                self.step()
                self.take_word("SEC", "SECOND", "SECONDS")
        else:
            self.take_word("NOWAIT")

    # SHOW

    def _read_show(self) -> None:
        while self.here.kind == "name" and self.here.text.upper() in _SHOWN_KINDS and self.ahead(1).kind == "name":
            self.step()
        what = self.take_word(*_SHOWN)
        if what is None:
            self.fail_expecting("what to show, such as INDEXES, CONSTRAINTS, PROCEDURES or DATABASES")
        if what == "LIMITS":  # NornicDB's own
            self.expect_words("FOR", "DATABASE")
        if self.take_words("FOR", "DATABASE"):
            pass
        if self.take_word("EXECUTABLE") and self.take_word("BY"):
            self.take_words("CURRENT", "USER") or self.expect_name("the name of a user")
        if not self.is_word("YIELD", "WHERE", "RETURN") and not self._at_end():
            self._read_list_of(self._read_shown_name)
        self._read_yield()

    def _read_shown_name(self) -> None:
        """The name of a database, a number of a transaction, a setting."""
        if self.here.kind in ("string", "parameter"):
            self.step()
        else:
            self._read_target_name("a name")

    def _read_yield(self) -> None:
        if self.is_word("YIELD"):
            self.note("YIELD of a command", self.step())
            if self.take_symbol("*"):
                self.closed = False
            else:
                self._read_list_of(self._read_yield_item)
            if self.take_words("ORDER", "BY"):
                self._read_list_of(self._read_sort_key)
            if self.take_word("SKIP", "OFFSET"):
                self._read_count()
            if self.take_word("LIMIT"):
                self._read_count()
            if self.take_word("WHERE"):
                self.read_condition()
            if self.take_word("RETURN"):
                self._read_projection("RETURN", None)
        elif self.take_word("WHERE"):
            self.closed = False
            self.read_condition()

    def _read_simple_name(self, what: str) -> None:
        """A name that is new: no keyword that belongs behind it."""
        if self.here.kind == "parameter":
            self.step()
        elif self.is_word("FOR", "ON"):
            self.fail_expecting(what)
        else:
            self.expect_name(what)

    def _read_target_name(self, what: str) -> None:
        """A name, which may have dots, or a parameter."""
        if self.here.kind == "parameter":
            self.step()
            return
        self.expect_name(what)
        while self.is_symbol(".") or self.is_symbol("-"):
            self.step()
            if self.here.kind == "integer":
                self.step()
            else:
                self.expect_name(what)
