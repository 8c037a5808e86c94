"""Writes patterns as parts, and takes the patterns of a MATCH apart.

In a MATCH, neither the direction in which a path is written nor the order of paths matters, and what a node or
relationship says of itself is a condition like those of WHERE. So its patterns become a bag of single relationships
and lone nodes, and all else becomes conditions.
"""

from cypher.form.expressions import ExpressionWriter
from cypher.form.parts import Bag, Either, Part, Series, series
from cypher.form.terms import Term, UnwrittenError
from cypher.syntax import tree
from cypher.syntax.tokens import Token, write_name

# What stands in a pattern becomes an operand of `=`, and that one of AND.
_CONDITION_DEPTH = 4
_MAX_NESTING = 2  # each pattern is written from both ends, and so is each one in it


class PatternWriter(ExpressionWriter):
    """Writes patterns."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._nesting = 0

    def write_path(self, path: tree.Path) -> Part:
        return self._write_whole(path, set())

    def write_made_path(self, path: tree.Path) -> Part:
        """A path of CREATE or MERGE: what nobody named may have a name, so an unused name is no difference."""
        return self._write_whole(path, set(path.elements), made=True)

    def _write_whole(self, path: tree.Path, shown: set[tree.Node], bare: bool = False, made: bool = False) -> Part:
        """A path from its left end, or from either end where that does not show.

        `shown` are the elements that get a name though the query gives none; `bare`: their conditions are elsewhere.
        """
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise UnwrittenError("A pattern stands in a pattern in a pattern.")
        pieces = [self._write_element(element, element in shown, bare) for element in path.elements]
        chain: Part = Series(tuple(piece for piece, _ in pieces))
        if not _is_one_way(path, made):
            chain = Either((chain, Series(tuple(turned for _, turned in reversed(pieces)))))
        if path.function:
            chain = series(path.function, "(", chain, ")")
        if path.selector:
            chain = series(path.selector, " ", chain)
        self._nesting -= 1
        return chain if path.name is None else series(self.write_variable(path.name), " = ", chain)

    def _write_element(self, element: tree.Node, shown: bool, bare: bool) -> tuple[Part, Part]:
        """A node, relationship or group as it stands in a path from its left end, and from its right end."""
        if isinstance(element, tree.Group):
            condition = "" if element.condition is None else series(" WHERE ", self.write_term(element.condition).part)
            part = series("(", self.write_path(element.path), condition, ")", element.quantifier or "")
            return part, part
        if not isinstance(element, tree.Element):
            raise TypeError(f"{type(element).__name__} is no element of a pattern")
        if isinstance(element, tree.RelationshipPattern):
            return self._write_relationship(element, shown, bare)
        part = series("(", self._write_inside(element, shown, bare), ")")
        return part, part

    def _write_relationship(self, step: tree.RelationshipPattern, shown: bool, bare: bool) -> tuple[Part, Part]:
        single = step.length is None and step.quantifier is None
        length = "" if step.length is None else f"*{step.length}"
        inside = self._write_inside(step, shown and single, bare and single, length)
        turned = {"<": ">", ">": "<"}.get(step.arrow, "")
        forward, backward = (
            series("<-[" if arrow == "<" else "-[", inside, "]->" if arrow == ">" else "]-", step.quantifier or "")
            for arrow in (step.arrow, turned)
        )
        return forward, backward

    def _write_inside(self, element: tree.Element, shown: bool, bare: bool, length: str = "") -> Part:
        """What stands in the brackets of a node or relationship; a bare one keeps only a relationship's type."""
        parts: list[Part] = []
        if element.variable is not None and (shown or element.name is not None):
            parts.append(element.variable)
        if element.labels is not None and not (bare and isinstance(element, tree.NodePattern)):
            parts += [":", self.write_labels(element.labels)]
        parts.append(length)
        if element.properties is not None and not bare:
            parts += [" ", self.write(element.properties)]
        if element.condition is not None and not bare:
            parts += [" WHERE ", self.write_term(element.condition).part]
        return Series(tuple(parts))

    # MATCH.

    def split_paths(self, paths: list[tree.Path]) -> tuple[Part, list[Term]]:
        """The patterns of a MATCH as a bag, and the conditions that stood in them."""
        whole: list[Part] = []
        joined: set[tree.Variable | None] = set()
        conditions: list[Term] = []
        alone: dict[tree.Variable | None, None] = {}
        for path in paths:
            nodes = [element for element in path.elements if isinstance(element, tree.NodePattern)]
            if path.selector or any(isinstance(element, tree.Group) for element in path.elements):
                whole.append(self.write_path(path))  # a condition inside chooses before the path is chosen
                continue
            for element in path.elements:
                conditions += self._take_conditions(element)
            shown = set(path.elements)
            if path.name is not None or path.function:
                whole.append(self._write_whole(path, shown, bare=True))
            else:
                for place in range(1, len(path.elements), 2):
                    piece = tree.Path(path.first, path.last, None, "", "", path.elements[place - 1 : place + 2])
                    whole.append(self._write_whole(piece, shown, bare=True))
            if len(nodes) > 1:
                joined |= {node.variable for node in nodes}
            elif path.name is None:
                alone[nodes[0].variable] = None
        whole += [series("(", variable, ")") for variable in alone if variable is not None and variable not in joined]
        return Bag(tuple(whole), ", "), conditions

    def _take_conditions(self, element: tree.Node) -> list[Term]:
        """What an element says of itself as conditions: of a relationship not its type, of a repeated one nothing."""
        if not isinstance(element, tree.Element) or element.variable is None:
            return []
        found: list[Term] = []
        if isinstance(element, tree.RelationshipPattern):
            if element.length is not None or element.quantifier is not None:
                return []
        elif element.labels is not None:
            found.append(self.test_labels(element.labels, element.variable))
        if isinstance(element.properties, tree.MapValue):
            for entry in element.properties.entries:
                part = series(element.variable, ".", write_name(entry.key.value))
                with self.deeper(_CONDITION_DEPTH):
                    value = self.write_term(entry.value).bracketed
                found.append(Term(Bag((part, value), " = "), closed=False))
            if len({entry.key.value for entry in element.properties.entries}) < len(element.properties.entries):
                raise UnwrittenError("A pattern names a property twice.")
        if element.condition is not None:
            with self.deeper(_CONDITION_DEPTH):
                found.append(self.write_term(element.condition))
        return found


def _is_one_way(path: tree.Path, made: bool) -> bool:
    """Whether the direction in which the path is written shows: in a path's or a list's order, or in what is made.

    A node that is made and comes twice says only the first time what it is.
    """
    if path.name is not None or path.function or path.selector:
        return True
    nodes = [element.variable for element in path.elements if isinstance(element, tree.NodePattern)]
    if made and len(set(nodes)) < len(nodes):
        return True
    for element in path.elements:
        if isinstance(element, tree.Group):
            return True
        repeated = isinstance(element, tree.RelationshipPattern) and (element.length or element.quantifier)
        if repeated and isinstance(element, tree.RelationshipPattern) and element.name is not None:
            return True
    return False
