"""Reads a whole text: a query, or one of the commands beside queries, of which some are NornicDB's own."""

from cypher.syntax import queries, tree
from cypher.syntax.schema_commands import INDEXES, SchemaReader

_CREATED = (*INDEXES, "CONSTRAINT", "DATABASE", "COMPOSITE", "ALIAS", "USER", "ROLE")
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


def read_syntax(query: str) -> queries.Statement:
    """Reads a query or command. Raises `GrammarError`, which has a place. Variables are not looked up."""
    return StatementReader(query).read()


class StatementReader(SchemaReader):
    """Reads a query or command with what may stand before and behind it."""

    def read(self) -> queries.Statement:
        """Reads the whole text."""
        self._pass_prefixes()
        start = self.at
        if self.is_word("USE"):
            self.parts.append(self.read_use())
        body: queries.Query | queries.Command
        if self._command_follows():
            body = self._read_command()
        else:
            self.at = start
            body = self.read_query()
        while self.take_symbol(";"):
            pass
        if self.here.kind != "end":
            self.fail_expecting("the end of the query")
        return queries.Statement(self.tokens, body)

    def _pass_prefixes(self) -> None:
        """Passes EXPLAIN, PROFILE, `CYPHER 25 planner=cost`."""
        while word := self.take_word("EXPLAIN", "PROFILE", "CYPHER"):
            if word == "CYPHER":
                if self.here.kind in ("integer", "float"):
                    self.step()
                while self.here.kind == "name" and self.ahead(1).text == "=":
                    self.step()
                    self.step()
                    self.step()

    def _command_follows(self) -> bool:
        if self.is_word("CREATE"):
            place = self.at + (3 if self.are_words("CREATE", "OR", "REPLACE") else 1)
            word = self.tokens[place]
            return word.kind == "name" and word.text.upper() in _CREATED
        return self.is_word("SHOW", "DROP", "ALTER", "TERMINATE", "START", "STOP")

    def _read_command(self) -> queries.Command:
        first = self.parts[0].first if self.parts else self.at
        verb, what, place, requires = self.step().text.upper(), "", self.at, ""
        match verb:
            case "CREATE":
                self.take_words("OR", "REPLACE")
                place = self.at
                what = self.here.text.upper()
                requires = self._read_create()
            case "DROP":
                what = self._read_drop()
            case "ALTER":
                self._read_alter()
            case "SHOW":
                self._read_show()
            case "TERMINATE":
                if not self.take_word("TRANSACTION", "TRANSACTIONS"):
                    self.fail_expecting("TRANSACTION")
                self.read_many(self._read_shown_name)
                self._read_yield()
            case _:
                self.expect_words("DATABASE")
                self._read_name("the name of a database")
                self._read_wait()
        return queries.Command(first, self.at, verb, what, place, self.parts, requires)

    # CREATE

    def _read_create(self) -> str:
        """Reads what follows CREATE; returns what a constraint requires."""
        word = self.take_word(*_CREATED)
        if word == "CONSTRAINT":
            return self.read_constraint()
        if word in INDEXES:
            if word != "INDEX":
                self.expect_words("INDEX")
            self.read_index(word)
        elif word == "ALIAS":
            self._read_new_alias()
        elif word == "ROLE":
            self._read_name("the name of a role")
            self.take_words("IF", "NOT", "EXISTS")
            if self.take_words("AS", "COPY", "OF"):
                self._read_name("the name of a role")
        elif word == "USER":
            self._read_name("the name of a user")
            self.take_words("IF", "NOT", "EXISTS")
            self._read_password()
        else:
            if word != "DATABASE":
                self.expect_words("DATABASE")
            self._read_new_database()
        return ""

    def _read_new_alias(self) -> None:
        self._read_name("the name of an alias")
        self.take_words("IF", "NOT", "EXISTS")
        self.expect_words("FOR", "DATABASE")
        self._read_name("the name of a database")
        if self.take_word("AT"):
            self.parts.append(self.read_expression())
            self.expect_words("USER")
            self._read_name("the name of a user")
            self.expect_words("PASSWORD")
            self.parts.append(self.read_expression())
        self.read_options()

    def _read_new_database(self) -> None:
        self._read_name("the name of a database")
        self.take_words("IF", "NOT", "EXISTS")
        if self.take_word("TOPOLOGY"):
            self._read_topology()
        while self.take_word("ALIAS"):  # NornicDB: the parts of a composite database
            self._read_name("the name of an alias")
            self.expect_words("FOR", "DATABASE")
            self._read_name("the name of a database")
        self.read_options()
        self._read_wait()

    def _read_topology(self) -> None:
        while self.here.kind == "integer":
            self.step()
            if not self.take_word("PRIMARY", "PRIMARIES", "SECONDARY", "SECONDARIES"):
                self.fail_expecting("PRIMARIES or SECONDARIES")

    def _read_password(self) -> None:
        self.expect_words("SET")
        self.take_word("PLAINTEXT", "ENCRYPTED")
        self.expect_words("PASSWORD")
        self.parts.append(self.read_expression())
        self.take_words("CHANGE", "REQUIRED") or self.take_words("CHANGE", "NOT", "REQUIRED")

    # DROP, ALTER

    def _read_drop(self) -> str:
        """Reads what follows DROP; returns its first word."""
        what = self.take_word("INDEX", "CONSTRAINT", "DATABASE", "COMPOSITE", "ALIAS", "USER", "ROLE")
        if what is None:
            self.fail_expecting("INDEX, CONSTRAINT, DATABASE or ALIAS")
        if what == "COMPOSITE":
            self.expect_words("DATABASE")
        self._read_name("a name")
        self.take_words("IF", "EXISTS")
        if what == "ALIAS":
            self.expect_words("FOR", "DATABASE")
        elif what in ("DATABASE", "COMPOSITE"):
            self.take_word("RESTRICT") or self.take_words("CASCADE", "ALIASES")
            self.take_words("DESTROY", "DATA") or self.take_words("DUMP", "DATA")
            self._read_wait()
        return what

    def _read_alter(self) -> None:
        if self.take_words("COMPOSITE", "DATABASE"):
            self._read_name("the name of a database")
            verb = self.take_word("ADD", "DROP")  # NornicDB's own
            if verb is None:
                self.fail_expecting("ADD ALIAS or DROP ALIAS")
            self.expect_words("ALIAS")
            self._read_name("the name of an alias")
            if verb == "ADD":
                self.expect_words("FOR", "DATABASE")
                self._read_name("the name of a database")
            return
        if self.take_word("ALIAS"):
            self._read_name("the name of an alias")
            self.take_words("IF", "EXISTS")
            self.expect_words("SET", "DATABASE", "TARGET")
            self._read_name("the name of a database")
            return
        self.expect_words("DATABASE")
        self._read_name("the name of a database")
        self.take_words("IF", "EXISTS")
        self.expect_words("SET")
        if self.take_word("LIMIT"):
            self.read_many(self._read_limit)  # NornicDB's own
        elif self.take_words("ACCESS", "READ"):
            if not self.take_word("ONLY", "WRITE"):
                self.fail_expecting("ONLY or WRITE")
        elif self.take_word("TOPOLOGY"):
            self._read_topology()
        else:
            self.expect_words("OPTION")
            self.parts.append(self.expect_word("the name of an option"))
            self.parts.append(self.read_expression())
        self._read_wait()

    def _read_limit(self) -> None:
        self.parts.append(self.expect_word("the name of a limit"))
        self.expect_symbol("=")
        number = self.here
        self.expect_integer()
        if self.here.kind == "name" and self.here.start == number.end:  # a time, as 60s
            time = number.text + self.step().text
            self.parts.append(tree.Constant(self.at - 2, self.at, "text", time))

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
        else:
            self.take_words("FOR", "DATABASE")
        if self.take_word("EXECUTABLE") and self.take_word("BY") and not self.take_words("CURRENT", "USER"):
            self.parts.append(self.expect_word("the name of a user"))
        if not self.is_word("YIELD", "WHERE", "RETURN") and not self.at_end():
            self.read_many(self._read_shown_name)
        self._read_yield()

    def _read_shown_name(self) -> None:
        """The name of a database, a number of a transaction, a setting."""
        if self.here.kind == "string":
            self.step()
        else:
            self._read_name("a name")

    def _read_yield(self) -> None:
        first = self.at
        if self.is_word("WHERE"):
            condition = self.read_condition()
            self.parts.append(queries.Yield(first, self.at, True, [], [], [], condition, None))
        elif self.take_word("YIELD"):
            star = self.take_symbol("*")
            columns = [] if star else self.read_many(self.read_yield_column)
            order, skip, limit = self.read_order()
            bounds = [bound for bound in (skip, limit) if bound is not None]
            condition = self.read_condition()
            start = self.at
            projection = self.read_projection(start, "RETURN") if self.take_word("RETURN") else None
            self.parts.append(queries.Yield(first, self.at, star, columns, order, bounds, condition, projection))

    def _read_name(self, what: str) -> None:
        """A name, which may have dots, or a parameter."""
        if self.take_parameter():
            return
        self.parts.append(self.expect_word(what))
        while self.take_symbol(".") or self.take_symbol("-"):
            if self.here.kind == "integer":
                self.step()
            else:
                self.parts.append(self.expect_word(what))
