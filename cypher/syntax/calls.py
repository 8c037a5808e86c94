"""Reads CALL: procedures, and subqueries with their imports and transactions."""

from cypher.syntax import queries, tree
from cypher.syntax.clauses import ClauseReader


class CallReader(ClauseReader):
    """Reads queries that call."""

    def read_call(self, first: int, alone: bool) -> tuple[tree.Node, bool]:
        if self.is_symbol("{") or self.is_symbol("("):
            subquery = self._read_subquery_call(first)
            return subquery, not subquery.query.returns
        words = [self.expect_word("a procedure or a subquery in braces")]
        while self.take_symbol("."):
            words.append(self.expect_word("the name of a procedure"))
        has_arguments = self.take_symbol("(")
        arguments = self.read_items(")") if has_arguments else []
        if not self.is_word("YIELD"):
            if not has_arguments and not (alone and self.at_end()):
                self.fail_expecting("the procedure's arguments in brackets")
            return queries.ProcedureCall(first, self.at, words, has_arguments, arguments, None), True
        start = self.at
        self.step()
        if self.is_symbol("*") and not alone:
            self.fail("YIELD * is only for a CALL that stands alone")
        star = self.take_symbol("*")
        columns = [] if star else self.read_many(self.read_yield_column)
        condition = self.read_condition()
        yielded = queries.Yield(start, self.at, star, columns, [], [], condition, None)
        return queries.ProcedureCall(first, self.at, words, has_arguments, arguments, yielded), alone and self.at_end()

    def read_yield_column(self) -> queries.YieldColumn:
        """Reads `column AS name`, or `column` alone."""
        if self.here.kind != "name":
            self.fail_expecting("a column of the procedure")
        if self.ahead(1).text.upper() != "AS":
            name = self.expect_new_name()
            return queries.YieldColumn(name.first, self.at, None, name)
        column = self.expect_word("a column of the procedure")
        name = self.read_alias()
        return queries.YieldColumn(column.first, self.at, column, name)

    def _read_subquery_call(self, first: int) -> queries.SubqueryCall:
        scoped = self.take_symbol("(")
        star = scoped and self.take_symbol("*")
        imports = self.read_many(self.expect_name) if scoped and not star and not self.is_symbol(")") else []
        if scoped:
            self.expect_symbol(")")
        outer = self.descend()
        self.expect_symbol("{")
        query = self.read_query("CALL")
        self.expect_symbol("}")
        self.ascend(outer)
        transactions = self._read_transactions() if self.is_word("IN") else None
        return queries.SubqueryCall(first, self.at, scoped, star, imports, query, transactions)

    def _read_transactions(self) -> queries.Transactions:
        first, values, name = self.at, [], None
        self.step()
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
                values += self._read_error_rule()
            elif self.take_words("REPORT", "STATUS"):
                name = self.read_alias()
            else:
                return queries.Transactions(first, self.at, values, name)

    def _read_error_rule(self) -> list[tree.Node]:
        """CONTINUE, BREAK, FAIL or RETRY; of the last, for how long."""
        rule = self.take_word("CONTINUE", "BREAK", "FAIL", "RETRY")
        if rule is None:
            self.fail_expecting("CONTINUE, BREAK, FAIL or RETRY")
        values = []
        if rule == "RETRY":
            if self.take_word("FOR"):
                values.append(self.read_expression())
                self.take_word("SECONDS", "SECOND", "SEC")
            if self.take_word("THEN") and not self.take_word("CONTINUE", "BREAK", "FAIL"):
                self.fail_expecting("CONTINUE, BREAK or FAIL")
        return values
