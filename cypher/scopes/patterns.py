"""Finds the variables of patterns, which bring new ones, and what may not be made or used twice."""

from typing import Literal

from cypher.scopes.expressions import ExpressionChecker, write_kind
from cypher.syntax import tree
from cypher.syntax.tokens import Token

# "match": looks for what fits. "create" and "merge": makes it. "bound": a condition, which brings no variables.
Purpose = Literal["match", "create", "merge", "bound"]


class PatternChecker(ExpressionChecker):
    """Adds the variables of patterns to the scope."""

    def __init__(self, tokens: list[Token]) -> None:
        super().__init__(tokens)
        self._relationships: set[str] = set()
        # What a repeated path brings: inside it each is one thing, outside the list of what it was.
        self._repeated: dict[tree.Group, list[tuple[tree.Variable, tree.Kind]]] = {}

    def check_matched_patterns(self, paths: list[tree.Path]) -> None:
        """The patterns of MATCH. Conditions inside may use variables from further on."""
        before, self._relationships = self._relationships, set()
        for path in paths:
            self._bind_path(path, "match")
        for path in paths:
            self._check_insides(path)
        self._relationships = before

    def check_made_patterns(self, paths: list[tree.Path], purpose: Purpose) -> None:
        """The patterns of CREATE, or the one of MERGE."""
        before, self._relationships = self._relationships, set()
        for path in paths:
            self._bind_path(path, purpose)
        self._relationships = before

    def check_bound_pattern(self, path: tree.Path) -> None:
        before, self._relationships = self._relationships, set()
        self._bind_path(path, "bound")
        self._check_insides(path)
        self._relationships = before

    def check_new_pattern(self, path: tree.Path) -> None:
        self.check_matched_patterns([path])

    def _bind_path(self, path: tree.Path, purpose: Purpose) -> None:
        if purpose in ("create", "merge") and (path.selector or path.function):
            self.fail("a path that is made cannot be chosen from others", path)
        for element in path.elements:
            match element:
                case tree.NodePattern():
                    alone = len(path.elements) == 1
                    self._bind_node(element, purpose, alone)
                case tree.RelationshipPattern():
                    self._bind_relationship(element, purpose)
                case tree.Group():
                    self._bind_group(element, purpose)
        if path.name is not None:
            self.define(path.name, "path")

    def _bind_group(self, group: tree.Group, purpose: Purpose) -> None:
        if purpose in ("create", "merge"):
            self.fail("a path in brackets can be looked for but not made", group)
        before = set(self.scope)
        self._bind_path(group.path, purpose)
        if group.quantifier is not None:
            found = [variable for name, variable in self.scope.items() if name not in before]
            self._repeated[group] = [(variable, variable.kind) for variable in found]
            for variable in found:
                variable.kind = "list"

    def _bind_node(self, node: tree.NodePattern, purpose: Purpose, alone: bool) -> None:
        made = purpose in ("create", "merge")
        if made:
            if node.condition is not None:
                self.fail("what is made has no condition", node.condition)
            self._check_filling(node, purpose)
        bare = node.labels is None and node.properties is None
        node.variable = self._bind_element(node.name, "node", purpose, may_exist=bare and not (alone and made))

    def _bind_relationship(self, step: tree.RelationshipPattern, purpose: Purpose) -> None:
        repeated = step.length is not None or step.quantifier is not None
        if purpose in ("create", "merge"):
            if repeated:
                self.fail("a relationship of variable length cannot be made", step)
            if step.labels is None or step.labels.operator not in ("", "$"):
                self.fail("a relationship that is made needs exactly one type", step)
            if purpose == "create" and not step.arrow:
                self.fail("a relationship that is made needs one direction", step)
            self._check_filling(step, purpose)
        if step.name is not None:
            if step.name.value in self._relationships and purpose == "match":
                self.fail(f"relationship `{step.name.value}` is used twice in one pattern", step.name)
            self._relationships.add(step.name.value)
        step.variable = self._bind_element(step.name, "list" if repeated else "relationship", purpose, may_exist=False)

    def _bind_element(
        self, name: tree.Name | None, kind: tree.Kind, purpose: Purpose, may_exist: bool
    ) -> tree.Variable | None:
        if name is None:
            return self.make_variable(kind)
        found = self.scope.get(name.value)
        if found is None and purpose != "bound":
            return self.bind(name, kind)
        self.look_up(name)
        if found is not None:
            if found.kind not in (kind, "any"):
                self.fail(f"variable `{name.value}` is {write_kind(found.kind)}, not {write_kind(kind)}", name)
            if purpose in ("create", "merge") and not may_exist:
                self.fail(f"variable `{name.value}` is already defined", name)
        return found

    # What nodes and relationships say of themselves.

    def _check_insides(self, path: tree.Path) -> None:
        for element in path.elements:
            if isinstance(element, tree.NodePattern | tree.RelationshipPattern):
                self._check_filling(element, "match")
            elif isinstance(element, tree.Group):
                repeated = self._repeated.get(element, [])
                for variable, kind in repeated:
                    variable.kind = kind
                self._check_insides(element.path)
                self._check_plainly(element.condition)
                for variable, _ in repeated:
                    variable.kind = "list"

    def _check_filling(self, element: tree.NodePattern | tree.RelationshipPattern, purpose: Purpose) -> None:
        self.check_labels(element.labels)
        if isinstance(element.properties, tree.Parameter) and purpose != "create":
            message = "a parameter cannot stand for all properties here: name each, as in {name: $p.name}"
            self.fail(message, element.properties)
        if isinstance(element.properties, tree.MapValue):
            aggregation, self.aggregation = self.aggregation, "refused"
            self.check_value(element.properties)
            self.aggregation = aggregation
        self._check_plainly(element.condition)

    def _check_plainly(self, condition: tree.Node | None) -> None:
        aggregation, self.aggregation = self.aggregation, "refused"
        self.check_condition(condition)
        self.aggregation = aggregation
