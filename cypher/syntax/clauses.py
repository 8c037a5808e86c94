"""Reads clauses, the queries they make up, and the subqueries in braces."""

from collections.abc import Callable
from typing import TypeVar

from cypher.syntax import queries, tree
from cypher.syntax.patterns import PatternReader

_Item = TypeVar("_Item")

_WRITES = ("CREATE", "INSERT", "MERGE", "SET", "REMOVE", "DELETE", "DETACH", "NODETACH", "FOREACH")
_STARTS = ("MATCH", "OPTIONAL", "UNWIND", "CALL", "WITH", "RETURN", "LOAD", "USE", "FINISH", *_WRITES)


class ClauseReader(PatternReader):
    """Reads whole queries."""

    def __init__(self, query: str) -> None:
        super().__init__(query)
        # Inside EXISTS, COUNT and COLLECT nothing may be written.
        self._only_reads = False

    def read_call(self, first: int, alone: bool) -> tuple[tree.Node, bool]:
        """Reads what follows CALL. Returns also whether a query may end behind it."""
        raise NotImplementedError

    def read_query(self, inner: str = "") -> queries.Query:
        """Reads queries joined by UNION; `inner` names what they are inside of (CALL, EXISTS, COUNT, COLLECT)."""
        first, keeps_all = self.at, None
        branches = [self._read_branch(inner)]
        while self.is_word("UNION"):
            union = self.at
            self.step()
            keeps = self.take_word("ALL", "DISTINCT") == "ALL"
            if keeps_all not in (None, keeps):
                self.fail("UNION and UNION ALL cannot be mixed in one query", union)
            keeps_all = keeps
            branches.append(self._read_branch(inner))
        return queries.Query(first, self.at, bool(keeps_all), branches)

    def _read_branch(self, inner: str) -> queries.Branch:
        first = self.at
        use = self.read_use() if self.is_word("USE") else None
        clauses: list[tree.Node] = []
        ends_well = inner in ("EXISTS", "COUNT")
        while not (self.at_end() or self.is_word("UNION") or self.is_symbol("}")):
            start = self.at
            if self.take_word("RETURN"):
                clauses.append(self.read_projection(start, "RETURN"))
                return queries.Branch(first, self.at, use, clauses)
            if self.take_word("FINISH"):
                clauses.append(queries.Finish(start, self.at))
                return queries.Branch(first, self.at, use, clauses)
            clause, may_end = self._read_clause(not clauses)
            clauses.append(clause)
            ends_well = may_end or inner in ("EXISTS", "COUNT")
        if not clauses:
            self.fail_expecting("a clause such as MATCH, CREATE, CALL or RETURN")
        if not ends_well:
            last = self.tokens[clauses[-1].first].text.upper()
            self.fail_expecting(f"another clause after {last}, at last RETURN")
        return queries.Branch(first, self.at, use, clauses)

    def _read_clause(self, alone: bool) -> tuple[tree.Node, bool]:
        """Reads one clause. Returns also whether a query may end with it."""
        first = self.at
        word = self.step().text.upper() if self.is_word(*_STARTS) else ""
        if self._only_reads and word in _WRITES:
            self.fail("nothing can be written inside EXISTS, COUNT and COLLECT", first)
        if word == "OPTIONAL" and self.take_word("CALL"):
            word = "CALL"
        elif word == "OPTIONAL":
            self.expect_words("MATCH")
            return self._read_match(first, optional=True), False
        if word == "CALL":
            return self.read_call(first, alone)
        if word in _WRITES:
            return self._read_write(first, word), True
        match word:
            case "MATCH":
                return self._read_match(first, optional=False), False
            case "UNWIND":
                values = self.read_expression()
                name = self.read_alias()
                return queries.Unwind(first, self.at, values, name), False
            case "WITH":
                return self.read_projection(first, "WITH"), False
            case "LOAD":
                return self._read_load(first), False
        return self.fail_expecting("a clause such as MATCH, CREATE, CALL or RETURN")

    def at_end(self) -> bool:
        """Whether the text, or a query of it, ends here."""
        return self.here.kind == "end" or self.is_symbol(";")

    def read_many(self, read: Callable[[], _Item]) -> list[_Item]:
        """Reads what has commas between it."""
        items = [read()]
        while self.take_symbol(","):
            items.append(read())
        return items

    def read_alias(self) -> tree.Name:
        """Reads AS and a new name."""
        self.expect_words("AS")
        return self.expect_new_name()

    def _read_match(self, first: int, optional: bool) -> queries.Match:
        mode = ""
        if self.take_words("REPEATABLE", "ELEMENTS"):
            mode = "REPEATABLE ELEMENTS"
        else:
            self.take_words("DIFFERENT", "RELATIONSHIPS")
        paths = self.read_paths()
        hints = []
        while self.is_word("USING"):
            hints.append(self._read_hint())
        condition = self.read_condition()
        return queries.Match(first, self.at, optional, mode, paths, hints, condition)

    def _read_hint(self) -> queries.Hint:
        first = self.at
        self.step()
        if self.take_words("JOIN", "ON"):
            names = self.read_many(self.expect_name)
            return queries.Hint(first, self.at, names, None, [])
        scan = self.take_word("SCAN")
        if not scan:
            self.take_word("RANGE", "TEXT", "POINT")
            self.expect_words("INDEX")
            self.take_word("SEEK")
        name = self.expect_name()
        self.expect_symbol(":")
        labels = self.read_labels()
        keys = []
        if not scan:
            self.expect_symbol("(")
            keys = self.read_many(lambda: self.expect_word("a property"))
            self.expect_symbol(")")
        return queries.Hint(first, self.at, [name], labels, keys)

    def _read_load(self, first: int) -> queries.LoadCsv:
        self.expect_words("CSV")
        headers = self.take_words("WITH", "HEADERS")
        self.expect_words("FROM")
        source = self.read_expression()
        name = self.read_alias()
        if self.take_word("FIELDTERMINATOR"):
            if self.here.kind != "string":
                self.fail_expecting("a text")
            self.step()
        return queries.LoadCsv(first, self.at, headers, source, name)

    def read_use(self) -> queries.Use:
        """Reads `USE graph`."""
        first = self.at
        self.step()
        if self.is_word("GRAPH") and self.ahead(1).text == ".":
            parts: list[tree.Node] = [self.read_expression()]
        else:
            parts = [self.expect_word("the name of a graph")]
            while self.take_symbol("."):
                parts.append(self.expect_word("the name of a graph"))
        return queries.Use(first, self.at, parts)

    # Clauses that write.

    def _read_write(self, first: int, word: str) -> tree.Node:
        match word:
            case "CREATE" | "INSERT":
                paths = self.read_paths()
                return queries.Create(first, self.at, paths)
            case "MERGE":
                return self._read_merge(first)
            case "SET":
                changes = self.read_many(self._read_set_item)
                return queries.Changes(first, self.at, changes)
            case "REMOVE":
                changes = self.read_many(self._read_removed_item)
                return queries.Changes(first, self.at, changes)
            case "FOREACH":
                return self._read_foreach(first)
        if word != "DELETE":
            self.expect_words("DELETE")
        values = self.read_many(self.read_expression)
        return queries.Delete(first, self.at, values)

    def _read_merge(self, first: int) -> queries.Merge:
        path = self.read_path()
        actions = []
        while self.take_word("ON"):
            if not self.take_word("CREATE", "MATCH"):
                self.fail_expecting("CREATE or MATCH")
            start = self.at
            self.expect_words("SET")
            changes = self.read_many(self._read_set_item)
            actions.append(queries.Changes(start, self.at, changes))
        return queries.Merge(first, self.at, path, actions)

    def _read_target(self) -> tree.Node:
        """What SET and REMOVE change: a variable, or a property of it or of a bracketed value."""
        first = self.at
        if self.take_symbol("("):
            value = self.read_expression()
            self.expect_symbol(")")
        else:
            value = self.expect_name()
        steps: list[tree.Node] = []
        while self.is_symbol(".") or self.is_symbol("["):
            start = self.at
            if self.take_symbol("."):
                key = self.expect_word("the name of a property")
                steps.append(tree.Property(start, self.at, key))
            else:
                self.step()
                index = self.read_expression()
                self.expect_symbol("]")
                steps.append(tree.Index(start, self.at, index))
        return tree.Access(first, self.at, value, steps) if steps else value

    def _read_set_item(self) -> queries.Change:
        first = self.at
        target = self._read_target()
        labels = value = None
        if isinstance(target, tree.Access):
            self.expect_symbol("=")
            value = self.read_expression()
        elif self.take_symbol(":") or self.take_word("IS"):
            labels = self.read_labels()
        else:
            if not self.take_symbol("+="):
                self.expect_symbol("=")
            value = self.read_expression()
        return queries.Change(first, self.at, target, labels, value)

    def _read_removed_item(self) -> queries.Change:
        first = self.at
        target = self._read_target()
        labels = None
        if not isinstance(target, tree.Access):
            if not (self.take_symbol(":") or self.take_word("IS")):
                self.fail_expecting("a property or a label to remove")
            labels = self.read_labels()
        return queries.Change(first, self.at, target, labels, None)

    def _read_foreach(self, first: int) -> queries.Foreach:
        outer = self.descend()
        self.expect_symbol("(")
        name = self.expect_new_name()
        self.expect_words("IN")
        values = self.read_expression()
        self.expect_symbol("|")
        clauses = []
        while not self.is_symbol(")"):
            start = self.at
            word = self.take_word(*_WRITES)
            if word is None:
                self.fail_expecting("a clause that writes")
            clauses.append(self._read_write(start, word))
        self.expect_symbol(")")
        self.ascend(outer)
        return queries.Foreach(first, self.at, name, values, clauses)

    # WITH, RETURN and subqueries.

    def read_projection(self, first: int, word: str) -> queries.Projection:
        """Reads what follows WITH or RETURN."""
        distinct = bool(self.take_word("DISTINCT"))
        star = tree.Word(self.at, self.at + 1, "*") if self.take_symbol("*") else None
        columns = self.read_many(self._read_column) if star is None or self.take_symbol(",") else []
        order, skip, limit = self.read_order()
        condition = self.read_condition() if word == "WITH" else None
        return queries.Projection(first, self.at, word, distinct, star, columns, order, skip, limit, condition)

    def read_order(self) -> tuple[list[queries.SortKey], tree.Node | None, tree.Node | None]:
        """Reads ORDER BY, SKIP and LIMIT, as far as they are there."""
        order = self.read_many(self._read_sort_key) if self.take_words("ORDER", "BY") else []
        skip = self.read_expression() if self.take_word("SKIP", "OFFSET") else None
        limit = self.read_expression() if self.take_word("LIMIT") else None
        return order, skip, limit

    def _read_column(self) -> queries.Column:
        first = self.at
        value = self.read_expression()
        title = " ".join(token.text for token in self.tokens[first : self.at])
        alias = None
        if self.take_word("AS"):
            if self.here.kind != "name":
                self.fail_expecting("the name of the column")
            alias = self.expect_new_name()
        return queries.Column(first, self.at, value, alias, title)

    def _read_sort_key(self) -> queries.SortKey:
        first = self.at
        value = self.read_expression()
        falling = self.take_word("ASC", "ASCENDING", "DESC", "DESCENDING") in ("DESC", "DESCENDING")
        return queries.SortKey(first, self.at, value, falling)

    def read_subquery(self) -> tree.Subquery:
        first = self.at
        word = self.step().text.upper()
        outer = self.descend()
        self.expect_symbol("{")
        only_reads, self._only_reads = self._only_reads, True
        brief = not (self.is_word(*_STARTS) and self.ahead(1).text != "=")
        if brief and word == "COLLECT":
            self.fail_expecting("a query that returns one column")
        if brief:
            start = self.at
            paths = self.read_paths()
            condition = self.read_condition()
            match = queries.Match(start, self.at, False, "", paths, [], condition)
            query = queries.Query(start, self.at, False, [queries.Branch(start, self.at, None, [match])])
        else:
            query = self.read_query(word)
        self.expect_symbol("}")
        self._only_reads = only_reads
        self.ascend(outer)
        return tree.Subquery(first, self.at, word, brief, query)
