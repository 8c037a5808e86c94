"""Reads whole Cypher queries, clause by clause, with the scope of each name."""

from typing import Literal

from cypher.parts import Bag, Part, Series, Variable, series
from cypher.patterns import PatternReader, join_conditions, split_paths, write_path
from cypher.reading import UnreadError
from cypher.terms import Element, Expression, separate
from cypher.tokens import write_name

# What becomes of the columns of a RETURN: of a query they are shown, of CALL { } they are names, of EXISTS { } nothing.
_Use = Literal["shown", "named", "nothing"]


class QueryReader(PatternReader):
    """Reads one query.

    `writes`: it has a clause that changes the graph; `columns_start`: where the columns that it shows begin, of a UNION
    those of the last part; `repeats_column`: two of them have one name.
    """

    def __init__(self, query: str) -> None:
        super().__init__(query)
        self.writes = False
        self.columns_start = len(query)
        self.repeats_column = False

    def read(self) -> Part:
        """Reads the whole text. Raises `UnreadError` for what this reader does not know."""
        part = self._read_union("shown")
        while self.take(";"):
            pass
        if self.token.kind != "end":
            raise UnreadError(f"'{self.token.text}' is not expected.")
        return part

    def read_subquery(self) -> Part:
        """Reads `{ query }` or `{ pattern WHERE … }`, behind EXISTS, COUNT or COLLECT."""
        with self.inner_scope():
            self.expect("{")
            if self.sees("(") or (self.token.kind == "name" and self.peek(1).text == "="):
                part = self._read_match("MATCH")
            else:
                part = self._read_union("nothing")
            self.expect("}")
        return part

    def _read_union(self, use: _Use) -> Part:
        has_union = self._sees_union()
        columns: dict[str, Variable] = {}
        outer = self.scope
        parts: list[Part] = []
        while not parts or self.take("UNION"):
            if parts:
                parts.append(" UNION ALL " if self.take("ALL") else " UNION ")
            # CALL { } sees of the outer names only those that it begins by taking in.
            self.scope = dict(outer) if use != "named" or self.sees("WITH") else {}
            parts.append(self._read_clauses(use, columns if has_union else None))
        return Series(tuple(parts))

    def _sees_union(self) -> bool:
        depth = 0
        for token in self.tokens[self.place :]:
            depth += {"{": 1, "}": -1}.get(token.text, 0)
            if depth < 0:
                break
            if depth == 0 and token.text.upper() == "UNION":
                return True
        return False

    def _read_clauses(self, use: _Use, columns: dict[str, Variable] | None) -> Part:
        clauses: list[Part] = []
        while True:
            if self.take("RETURN"):
                clauses.append(self._read_return(use, columns))
                break
            clause = self._read_clause()
            if clause is None:
                break
            clauses.append(clause)
        if not clauses:
            raise UnreadError(f"No clause begins with '{self.token.text}'.")
        return Series(tuple(part for clause in clauses for part in (" ", clause))[1:])

    def _read_clause(self) -> Part | None:
        for words in ("MATCH", "OPTIONAL MATCH"):
            if self.take(*words.split()):
                return self._read_match(words)
        if self.take("WITH"):
            return self._read_with()
        if self.take("UNWIND"):
            values = self.read_expression()
            self.expect("AS")
            return series("UNWIND ", values.part, " AS ", self.declare(self.read_name().value))
        if self.take("CALL"):
            return self._read_call_subquery() if self.sees("{") else self._read_procedure()
        return self._read_writing_clause()

    def _read_match(self, words: str) -> Part:
        pattern, conditions = split_paths(self.read_paths())
        if self.take("WHERE"):
            conditions.append(self.read_expression())
        return series(f"{words} ", pattern, join_conditions(conditions))

    # Columns.

    def _read_with(self) -> Part:
        distinct, items = self._read_items()
        inner: dict[str, Part] = {}
        parts: list[Part] = []
        for name, value in items:
            if name is None:
                raise UnreadError("A column of WITH has no name.")
            if value.part == self.scope.get(name):
                inner[name] = value.part
                parts.append(value.part)
            else:
                inner[name] = variable = self.declare()
                parts.append(series(value.bracketed, " AS ", variable))
        self.scope = self.scope | inner  # what follows sees what was and what is; what is hides what was
        tail = self._read_tail()
        if self.take("WHERE"):
            tail = series(tail, join_conditions([self.read_expression()]))
        self.scope = inner
        return series("WITH ", distinct, Bag(tuple(parts), ", "), tail)

    def _read_return(self, use: _Use, columns: dict[str, Variable] | None) -> Part:
        """The columns of a query need no names, except where UNION joins them or an outer query reads them."""
        start = self.token.start
        distinct, items = self._read_items()
        if use == "shown":
            self.columns_start = start
            shown = [name or value.part for name, value in items]
            self.repeats_column |= len(set(shown)) < len(shown)
        inner: dict[str, Part] = {}
        parts: list[Part] = []
        for name, value in items:
            part = value.part
            if name is None and (use == "named" or columns is not None):
                raise UnreadError("A column of a subquery or of UNION has no name.")
            if name is not None and columns is not None:
                part = columns.setdefault(name, self.declare())
            elif name is not None and use == "named" and self.scope.get(name) != part:
                part = self.declare()
            if name is not None:
                inner[name] = part
            parts.append(part if part == value.part else series(value.bracketed, " AS ", part))
        self.scope = self.scope | inner
        tail = self._read_tail()
        self.scope = inner
        return series("RETURN ", distinct, *separate(parts), tail)

    def _read_items(self) -> tuple[str, list[tuple[str | None, Expression]]]:
        """DISTINCT or nothing, and each column with its name, which only a variable has by itself."""
        distinct = "DISTINCT " if self.take("DISTINCT") else ""
        items: list[tuple[str | None, Expression]] = []
        if self.take("*"):
            items = [(name, Expression(part)) for name, part in sorted(self.scope.items())]
            if not items:
                raise UnreadError("There is nothing that * could stand for.")
        while not items or self.take(","):
            written = self.token
            value = self.read_expression()
            name = written.value if isinstance(value.part, Variable) else None
            if self.take("AS"):
                name = self.read_name().value
            items.append((name, value))
        return distinct, items

    def _read_tail(self) -> Part:
        parts: list[Part] = []
        if self.take("ORDER", "BY"):
            keys: list[Part] = []
            while not keys or self.take(","):
                key = self.read_expression()
                falling = self.take("DESC") or self.take("DESCENDING")
                if not falling:
                    self.take("ASC") or self.take("ASCENDING")
                keys += [", ", key.bracketed, " DESC" if falling else ""]
            parts += [" ORDER BY ", *keys[1:]]
        for word in ("SKIP", "LIMIT"):
            if self.take(word):
                parts += [f" {word} ", self.read_expression().part]
        return Series(tuple(parts))

    # Subqueries and procedures.

    def _read_call_subquery(self) -> Part:
        self.expect("{")
        outer = self.scope
        part = self._read_union("named")
        self.expect("}")
        self.scope = outer | {name: value for name, value in self.scope.items() if name not in outer}
        if self.sees("IN"):
            raise UnreadError("CALL { … } IN TRANSACTIONS is not read.")
        return series("CALL { ", part, " }")

    def _read_procedure(self) -> Part:
        name = write_name(self.read_name().value)
        while self.take("."):
            name += "." + write_name(self.read_name().value)
        parts: list[Part] = [f"CALL {name}"]
        if self.take("("):
            arguments = self.read_list(lambda: self.read_expression().part, ")")
            parts += ["(", *separate(arguments), ")"]
        if self.take("YIELD"):
            columns: list[Part] = []
            while not columns or self.take(","):
                column = self.read_name().value
                alias = self.read_name().value if self.take("AS") else column
                columns.append(series(write_name(column), " AS ", self.declare(alias)))
            parts += [" YIELD ", Bag(tuple(columns), ", ")]
            if self.take("WHERE"):
                parts.append(join_conditions([self.read_expression()]))
        return Series(tuple(parts))

    # Clauses that write.

    def _read_writing_clause(self) -> Part | None:
        start = self.place
        part: Part | None = None
        if self.take("CREATE"):
            part = series("CREATE ", *separate(self._write_paths()))
        elif self.take("MERGE"):
            part = self._read_merge()
        elif self.take("SET"):
            part = self._read_set()
        elif self.take("REMOVE"):
            part = series("REMOVE ", *separate(self._read_changes()))
        elif self.take("DELETE") or self.take("DETACH", "DELETE"):
            values = [self.read_expression().bracketed]
            while self.take(","):
                values.append(self.read_expression().bracketed)
            words = "DETACH DELETE " if self.tokens[start].text.upper() == "DETACH" else "DELETE "
            part = series(words, Bag(tuple(values), ", "))
        elif self.take("FOREACH"):
            part = self._read_foreach()
        self.writes |= part is not None
        return part

    def _write_paths(self) -> list[Part]:
        paths = self.read_paths()
        for path in paths:
            for element in (*path.nodes, *path.relationships):
                element.shown = True  # what nobody named may have a name: then an unused name is no difference
        return [write_path(path) for path in paths]

    def _read_merge(self) -> Part:
        parts: list[Part] = ["MERGE ", self._write_paths()[0]]
        while self.take("ON"):
            moment = self.read_name().text.upper()
            if moment not in ("CREATE", "MATCH"):
                raise UnreadError(f"ON {moment} is not known.")
            self.expect("SET")
            parts += [f" ON {moment} ", self._read_set()]
        return Series(tuple(parts))

    def _read_set(self) -> Part:
        return series("SET ", *separate(self._read_changes()))

    def _read_changes(self) -> list[Part]:
        changes = [self._read_change()]
        while self.take(","):
            changes.append(self._read_change())
        return changes

    def _read_change(self) -> Part:
        """`n.x = value`, `n = map`, `n += map`, `n:Label`; of REMOVE `n.x` and `n:Label`."""
        target = self.find(self.read_name())
        if self.take(":"):
            term = self.read_labels(Element(0))
            return series(target, ":", term.write())
        while self.take("."):
            target = series(target, ".", write_name(self.read_name().value))
        for operator in ("=", "+="):
            if self.take(operator):
                return series(target, f" {operator} ", self.read_expression().part)
        return target

    def _read_foreach(self) -> Part:
        self.expect("(")
        with self.inner_scope():
            name = self.read_name()
            self.expect("IN")
            values = self.read_expression()
            variable = self.declare(name.value)
            self.expect("|")
            body: list[Part] = []
            while (part := self._read_writing_clause()) is not None:
                body += [" ", part]
            self.expect(")")
        return series("FOREACH (", variable, " IN ", values.bracketed, " |", *body, ")")
