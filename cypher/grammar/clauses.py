"""Reads clauses, the queries they make up, and the subqueries in braces."""

from collections.abc import Callable

from cypher.grammar.cursor import Scope, Type
from cypher.grammar.patterns import PatternReader
from cypher.tokens import Token

_WRITES = ("CREATE", "INSERT", "MERGE", "SET", "REMOVE", "DELETE", "DETACH", "NODETACH", "FOREACH")
_STARTS = ("MATCH", "OPTIONAL", "UNWIND", "CALL", "WITH", "RETURN", "LOAD", "USE", "FINISH", *_WRITES)


class ClauseReader(PatternReader):
    """Reads whole queries."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        # Inside EXISTS, COUNT and COLLECT nothing may be written.
        self._only_reads = False

    def read_query(self, inner: str | None = None, imports: Scope | None = None) -> list[str] | None:
        """Reads queries joined by UNION; returns the names of their columns, None if nothing is returned.

        `inner` names what the query is inside of (CALL, EXISTS, COUNT, COLLECT); `imports` are the variables from
        outside that `CALL { WITH … }` may take in.
        """
        outer = self.scope
        place, all_of_them = self.here, None
        columns = self._read_single_query(inner, imports)
        while self.is_word("UNION"):
            union = self.step()
            keeps_all = self.take_word("ALL", "DISTINCT") == "ALL"
            if all_of_them not in (None, keeps_all):
                self.fail("UNION and UNION ALL cannot be mixed in one query", union)
            all_of_them, place = keeps_all, self.here
            self.scope = dict(outer)
            more = self._read_single_query(inner, imports)
            if columns is not None and more is not None and sorted(columns) != sorted(more) and self.closed:
                self.fail("all parts of a UNION must return columns of the same names", place)
        return columns

    def _read_single_query(self, inner: str | None, imports: Scope | None) -> list[str] | None:
        self.scope = dict(self.scope)
        if self.is_word("USE"):
            self.note("USE", self.step())
            self._read_graph_name()
        if imports is not None and self.is_word("WITH"):
            self._read_importing_with(imports)
        first = last = self.here
        count, ends_well = 0, inner in ("EXISTS", "COUNT")
        while not (self.here.kind == "end" or self.is_word("UNION") or self.is_symbol("}") or self.is_symbol(";")):
            last = self.here
            count += 1
            if self.take_word("RETURN"):
                return self._read_projection("RETURN", inner)
            if self.take_word("FINISH"):
                return None
            ends_well = self._read_clause(count == 1) or inner in ("EXISTS", "COUNT")
        if not count:
            self.fail_expecting("a clause such as MATCH, CREATE, CALL or RETURN")
        if not ends_well:
            ending = f"after {last.text.upper()}" if last is not first or count else ""
            self.fail_expecting(f"another clause {ending}, at last RETURN")
        return None

    def _read_clause(self, first: bool) -> bool:
        """Reads one clause; returns whether a query may end with it."""
        token = self.here
        if self.is_word("LOAD", "FOREACH"):
            self.note(token.text.upper(), token)
        word = self.step().text.upper() if self.is_word(*_STARTS) else ""
        if self._only_reads and word in _WRITES:
            self.fail("nothing can be written inside EXISTS, COUNT and COLLECT", token)
        if word == "OPTIONAL" and self.take_word("CALL"):
            word = "CALL"
        elif word == "OPTIONAL":
            self.expect_words("MATCH")
            word = "MATCH"
        if word == "MATCH":
            self._read_match()
        elif word == "UNWIND":
            self.read_value()
            self._read_alias()
        elif word == "WITH":
            self._read_projection("WITH", None)
        elif word == "CALL":
            return self._read_call_clause(first)
        elif word == "LOAD":
            self._read_load()
        elif word in _WRITES:
            self._read_write(word)
            return True
        else:
            self.fail_expecting("a clause such as MATCH, CREATE, CALL or RETURN")
        return False

    def _read_match(self) -> None:
        if not self.take_words("REPEATABLE", "ELEMENTS"):
            self.take_words("DIFFERENT", "RELATIONSHIPS")
        self.read_matched_patterns()
        while self.take_word("USING"):
            self._read_hint()
        if self.take_word("WHERE"):
            self.read_condition()

    def _read_hint(self) -> None:
        if self.take_words("JOIN", "ON"):
            self.look_up(self.expect_name("a variable"))
            while self.take_symbol(","):
                self.look_up(self.expect_name("a variable"))
            return
        scan = self.take_word("SCAN")
        if not scan:
            self.take_word("RANGE", "TEXT", "POINT")
            self.expect_words("INDEX")
            self.take_word("SEEK")
        self.look_up(self.expect_name("a variable"))
        self.expect_symbol(":")
        self.read_labels()
        if not scan:
            self.expect_symbol("(")
            self._read_names("a property")
            self.expect_symbol(")")

    def _read_names(self, what: str) -> None:
        self.expect_name(what)
        while self.take_symbol(","):
            self.expect_name(what)

    def _read_alias(self, kind: Type = "any") -> None:
        self.expect_words("AS")
        self.define(self.expect_name("a variable"), kind)

    def _read_load(self) -> None:
        self.expect_words("CSV")
        headers = self.take_words("WITH", "HEADERS")
        self.expect_words("FROM")
        self.read_value()
        self._read_alias("map" if headers else "list")
        if self.take_word("FIELDTERMINATOR"):
            if self.here.kind != "string":
                self.fail_expecting("a text")
            self.step()

    def _read_graph_name(self) -> None:
        if self.is_word("GRAPH") and self.ahead(1).text == ".":
            self.read_value()
            return
        self.expect_name("the name of a graph")
        while self.take_symbol("."):
            self.expect_name("the name of a graph")

    # Writing

    def _read_write(self, word: str) -> None:
        if word in ("CREATE", "INSERT"):
            self.read_made_patterns("create")
        elif word == "MERGE":
            self.read_made_patterns("merge")
            while self.take_word("ON"):
                if not self.take_word("CREATE", "MATCH"):
                    self.fail_expecting("CREATE or MATCH")
                self.expect_words("SET")
                self._read_list_of(self._read_set_item)
        elif word == "SET":
            self._read_list_of(self._read_set_item)
        elif word == "REMOVE":
            self._read_list_of(self._read_removed_item)
        elif word == "FOREACH":
            self._read_foreach()
        else:
            if word != "DELETE":
                self.expect_words("DELETE")
            self._read_list_of(self._read_deleted_item)

    def _read_list_of(self, read: Callable[[], None]) -> None:
        read()
        while self.take_symbol(","):
            read()

    def _read_target(self) -> bool:
        """What SET and REMOVE change; returns whether it is a property."""
        if self.take_symbol("("):
            self.read_value()
            self.expect_symbol(")")
        else:
            name = self.expect_name("a variable")
            if self.look_up(name) not in ("node", "relationship", "map", "any"):
                self.fail(f"variable `{name.value}` is neither a node nor a relationship", name)
        found = False
        while self.is_symbol(".") or self.is_symbol("["):
            found = True
            if self.take_symbol("."):
                self.expect_name("the name of a property")
            else:
                self.step()
                self.read_value()
                self.expect_symbol("]")
        return found

    def _read_set_item(self) -> None:
        if self._read_target():
            self.expect_symbol("=")
            self.read_value()
        elif self.is_symbol(":") or self.is_word("IS"):
            self.step()
            self.read_labels()
        else:
            if not self.take_symbol("+="):
                self.expect_symbol("=")
            self.read_value()

    def _read_removed_item(self) -> None:
        if not self._read_target():
            if not (self.take_symbol(":") or self.take_word("IS")):
                self.fail_expecting("a property or a label to remove")
            self.read_labels()

    def _read_deleted_item(self) -> None:
        place = self.here
        if self.read_value() not in ("node", "relationship", "path", "any"):
            self.fail("only nodes, relationships and paths can be deleted", place)

    def _read_foreach(self) -> None:
        self.expect_symbol("(")
        variable = self.expect_name("a variable")
        self.expect_words("IN")
        self.read_value()
        self.expect_symbol("|")
        with self.inside({**self.scope, variable.value: "any"}), self.deeper():
            while not self.is_symbol(")"):
                word = self.take_word(*_WRITES)
                if word is None:
                    self.fail_expecting("a clause that writes")
                self._read_write(word)
        self.expect_symbol(")")

    # CALL

    def _read_call_clause(self, first: bool) -> bool:
        if self.is_symbol("{") or self.is_symbol("("):
            return self._read_call_subquery()
        token = self.expect_name("a procedure or a subquery in braces")
        name = token.value
        while self.take_symbol("."):
            name += "." + self.expect_name("the name of a procedure").value
        self.note("procedure", token, name)
        has_arguments = self.take_symbol("(")
        if has_arguments:
            self._read_items(")")
        if not self.take_word("YIELD"):
            if not has_arguments and not (first and self._at_end()):
                self.fail_expecting("the procedure's arguments in brackets")
            return True
        if self.is_symbol("*"):
            star = self.step()
            if not first:
                self.fail("YIELD * is only for a CALL that stands alone", star)
            self.closed = False
        else:
            self._read_list_of(self._read_yield_item)
        if self.take_word("WHERE"):
            self.read_condition()
        return first and self._at_end()

    def _at_end(self) -> bool:
        return self.here.kind == "end" or self.is_symbol(";")

    def _read_yield_item(self) -> None:
        name = self.expect_name("a column of the procedure")
        if self.take_word("AS"):
            name = self.expect_name("a variable")
        self.define(name, "any")

    def _read_call_subquery(self) -> bool:
        inner: Scope = {}
        imports: Scope | None = None
        token = self.here
        if self.take_symbol("("):
            self.note("variable scope", token)
            if self.take_symbol("*"):
                inner = dict(self.scope)
            elif not self.is_symbol(")"):
                inner = self._read_imported_names()
            self.expect_symbol(")")
        else:
            imports = self.scope
        self.expect_symbol("{")
        place = self.here
        with self.inside(inner), self.deeper():
            columns = self.read_query("CALL", imports)
            kinds = dict(self.scope)
            self.expect_symbol("}")
        for column in columns or ():
            if column in self.scope:
                self.fail(f"the subquery returns `{column}`, which is already defined outside", place)
            self.scope[column] = kinds.get(column, "any")
        if self.is_word("IN"):
            self._read_transactions()
        return columns is None

    def _read_imported_names(self) -> Scope:
        imported: Scope = {}
        while True:
            name = self.expect_name("a variable")
            imported[name.value] = self.look_up(name)
            if not self.take_symbol(","):
                return imported

    def _read_transactions(self) -> None:
        self.expect_words("IN")
        if not self.is_word("TRANSACTIONS"):
            if not self.is_word("CONCURRENT"):
                self.expect_integer()
            self.expect_words("CONCURRENT")
        self.expect_words("TRANSACTIONS")
        while True:
            if self.take_word("OF"):
                self.expect_integer()
                if not self.take_word("ROW", "ROWS"):
                    self.fail_expecting("ROWS")
            elif self.take_words("ON", "ERROR"):
                self._read_error_rule()
            elif self.take_words("REPORT", "STATUS"):
                self._read_alias("map")
            else:
                return

    def _read_error_rule(self) -> None:
        rule = self.take_word("CONTINUE", "BREAK", "FAIL", "RETRY")
        if rule is None:
            self.fail_expecting("CONTINUE, BREAK, FAIL or RETRY")
        if rule == "RETRY":
            if self.take_word("FOR"):
                self.read_value()
                self.take_word("SECONDS", "SECOND", "SEC")
            if self.take_word("THEN") and not self.take_word("CONTINUE", "BREAK", "FAIL"):
                self.fail_expecting("CONTINUE, BREAK or FAIL")

    def _read_importing_with(self, imports: Scope) -> None:
        """`WITH a, b` at the start of CALL { … }, if it is a plain list: any other WITH sees nothing from outside."""
        place = self.at + 1
        while self.tokens[place].kind == "name" and self.tokens[place + 1].text == ",":
            place += 2
        after = self.tokens[place + 1]
        if self.tokens[place].text != "*" and self.tokens[place].kind != "name":
            return
        if after.text.upper() not in (*_STARTS, "}") or after.kind == "string":
            return
        with self.inside(imports):
            self.step()
            taken = dict(imports) if self.take_symbol("*") else self._read_imported_names()
        self.scope = taken

    def read_subquery(self, token: Token, word: str) -> None:
        self.expect_symbol("{")
        only_reads, self._only_reads = self._only_reads, True
        with self.inside(dict(self.scope)), self.deeper():
            if self.is_word(*_STARTS) and self.ahead(1).text not in ("=",):
                columns = self.read_query(word)
                if word == "COLLECT" and (columns is None or (len(columns) != 1 and self.closed)):
                    self.fail("COLLECT { … } must return one column", token)
            elif word == "COLLECT":
                self.fail_expecting("a query that returns one column")
            else:
                self.note(f"{word} of a pattern", token)
                self.read_matched_patterns()
                if self.take_word("WHERE"):
                    self.read_condition()
            self.expect_symbol("}")
        self._only_reads = only_reads

    # WITH and RETURN

    def _read_projection(self, word: str, inner: str | None) -> list[str]:
        distinct = bool(self.take_word("DISTINCT"))
        old, new = dict(self.scope), {}
        outer_aggregation, self.aggregation = self.aggregation, "allowed"
        star = self.is_symbol("*")
        if star:
            token = self.step()
            if word == "RETURN" and not self.scope and self.closed:
                self.fail("there are no variables for *", token)
            new = dict(self.scope)
        start = self.at
        if not star or self.take_symbol(","):
            while True:
                self._read_item(word, inner, new)
                if not self.take_symbol(","):
                    break
        aggregates = self._has_aggregated()
        columns = list(new)
        if distinct or aggregates:  # what is left of the old variables is what the new columns are made of
            named = {token.value for token in self.tokens[start : self.at]}
            old = {name: kind for name, kind in old.items() if name in named}
        self.scope = {**old, **new}
        if self.take_words("ORDER", "BY"):
            self.aggregation = "allowed" if aggregates else "refused"
            self._read_list_of(self._read_sort_key)
        self.aggregation = "refused"
        if self.take_word("SKIP", "OFFSET"):
            self._read_count()
        if self.take_word("LIMIT"):
            self._read_count()
        if word == "WITH" and self.take_word("WHERE"):
            self.read_condition()
        self.scope, self.aggregation = new, outer_aggregation
        return columns

    def _has_aggregated(self) -> bool:
        return self.aggregation == "met"

    def _read_item(self, word: str, inner: str | None, new: Scope) -> None:
        start = self.at
        kind = self.read_value()
        only = self.tokens[start]
        if self.take_word("AS"):
            name = self.expect_name("the name of the column").value
        elif self.at == start + 1 and only.kind == "name":
            name = only.value
        elif word == "WITH" or inner == "CALL":
            self.fail(f"a computed value in {word} needs a name: add AS and a name", only)
        else:
            name = " ".join(token.text for token in self.tokens[start : self.at])
        if name in new:
            self.fail(f"there are two columns named `{name}`", only)
        new[name] = kind

    def _read_sort_key(self) -> None:
        self.read_value()
        self.take_word("ASC", "ASCENDING", "DESC", "DESCENDING")

    def _read_count(self) -> None:
        """The number after SKIP or LIMIT, which is the same for all rows."""
        place = self.here
        if self.is_symbol("-") and self.ahead(1).kind == "integer":
            self.fail("a number of rows cannot be negative")
        if self.here.kind in ("float", "string"):
            self.fail("a number of rows must be a whole number")
        with self.inside({}):
            self.closed = True
            if self.read_value() in ("list",):
                self.fail("a number of rows must be a whole number", place)
