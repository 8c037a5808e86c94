"""Fills a graph with answers to a query, near misses of these, and a little else that its schema allows."""

import itertools
import random

from cypher.graph import Node, PropertyGraph, Relationship, Value
from cypher.outline import Outline, Step, Test
from cypher.schema import GraphSchema
from cypher.values import Values

_MOST_COPIES = 60  # a query that asks for more than so many of something is not planted
_MOST_ROWS = 6
_EXTRA_PROPERTIES = 6


def plant_graph(outline: Outline, schema: GraphSchema, rng: random.Random) -> PropertyGraph:
    """A graph that probably has an answer to the query; it obeys the schema as far as the query does."""
    return _Planter(outline, schema, rng).plant()


class _Change:
    """What is wrong with a copy of the answer: a test that fails, a step left out, turned or of another type."""

    def __init__(
        self,
        place: tuple[int, str] | None = None,
        test: Test | None = None,
        dropped: Step | None = None,
        turned: Step | None = None,
        retyped: tuple[Step, str] | None = None,
    ) -> None:
        self.place, self.test, self.dropped, self.turned, self.retyped = place, test, dropped, turned, retyped


class _Planter:
    def __init__(self, outline: Outline, schema: GraphSchema, rng: random.Random) -> None:
        self._outline, self._schema, self._rng = outline, schema, rng
        self._values = Values(rng)
        self._nodes: list[Node] = []
        self._edges: dict[tuple[str, int, int], Relationship] = {}
        self._planted: dict[int, list[int]] = {}  # by key: the nodes of whole answers

    def plant(self) -> PropertyGraph:
        rng, outline = self._rng, self._outline
        hubs = [key for key in outline.nodes if key in outline.groups]
        sizes = self._choose_sizes(bool(hubs))
        if max(sizes) > 1 and not hubs and outline.nodes:
            hubs = [rng.choice(outline.nodes)]
        last: dict[int, int] = {}
        for size in sizes:
            shared: dict[int, int] = {}
            for _ in range(size):
                last = self._add_copy(shared, None)
                for key, node in last.items():
                    self._planted.setdefault(key, []).append(node)
                shared = {key: last[key] for key in hubs if key in last}
        for change in self._list_changes():
            # Half of the near misses hang on what an answer has as well.
            shared = {key: last[key] for key in hubs if key in last} if rng.random() < 0.5 else {}
            if change.place is not None:
                shared.pop(change.place[0], None)
            self._add_copy(shared, change)
        if not outline.loose:
            self._add_links()
        self._add_others()
        return PropertyGraph(nodes=tuple(self._nodes), relationships=tuple(self._edges.values()))

    def _choose_sizes(self, grouped: bool) -> list[int]:
        """How many copies of the answer hang together, for each of a few times."""
        thresholds = [number for number in self._outline.thresholds if 0 < number <= _MOST_COPIES]
        # Fewer rows than the limit show where conditions end, more show the limit and the order.
        limit = min(self._outline.limit or 2, _MOST_ROWS)
        rows = self._rng.choice((1, 2) if self._outline.loose else (1, 2, limit + 1))
        if self._outline.loose:
            rows = min(rows, limit)
        if thresholds:
            most = max(thresholds)
            sizes = [size for size in range(most - 1, most + rows + 1) if size > 0]
        elif grouped:
            sizes = list(range(1, rows + 1))
        else:
            sizes = [1] * rows
        self._rng.shuffle(sizes)
        return sizes

    def _list_changes(self) -> list[_Change]:
        outline = self._outline
        changes = [_Change(place=place, test=test) for place, tests in outline.tests.items() for test in tests]
        for step in outline.steps:
            changes.append(_Change(dropped=step))
            if self._may_turn(step):
                changes.append(_Change(turned=step))
            other = self._find_other_type(step)
            if other is not None:
                changes.append(_Change(retyped=(step, other)))
        self._rng.shuffle(changes)
        return changes

    def _may_turn(self, step: Step) -> bool:
        joins = [(join.start, join.end) for join in self._schema.relationships if join.type in step.types]
        return step.directed and any((end, start) in joins for start, end in joins)

    def _find_other_type(self, step: Step) -> str | None:
        ends = [(join.start, join.end) for join in self._schema.relationships if join.type in step.types]
        others = [
            join.type
            for join in self._schema.relationships
            if join.type not in step.types and (join.start, join.end) in ends
        ]
        return self._rng.choice(others) if others else None

    def _add_copy(self, shared: dict[int, int], change: _Change | None) -> dict[int, int]:
        """Adds an answer, or what is nearly one; returns its nodes by key."""
        labels = self._choose_labels()
        made = dict(shared)
        for key in self._outline.nodes:
            if key not in made:
                made[key] = self._add_node(key, labels[key], change)
        for step in self._outline.steps:
            if change is not None and step is change.dropped:
                continue
            if not step.required and self._rng.random() < 0.4:
                continue
            self._add_step(step, made, labels, change)
        return made

    def _choose_labels(self) -> dict[int, tuple[str, ...]]:
        """Labels for every node: those that the query names, else those that its relationships join in the schema."""
        chosen = {key: names for key, names in self._outline.labels.items() if names}
        for _ in range(2):
            for step in self._outline.steps:
                if step.start in chosen and step.end in chosen:
                    continue
                named = [join for join in self._schema.relationships if not step.types or join.type in step.types]
                ways = [[(join.start, join.end) for join in named]]
                if not step.directed:
                    ways.append([(join.end, join.start) for join in named])
                for ends in ways:
                    fitting = [
                        (start, end)
                        for start, end in ends
                        if start in chosen.get(step.start, (start,)) and end in chosen.get(step.end, (end,))
                    ]
                    if fitting:
                        start, end = self._rng.choice(fitting)
                        chosen.setdefault(step.start, (start,))
                        chosen.setdefault(step.end, (end,))
                        break
        every = sorted(self._schema.labels)
        return {key: chosen.get(key) or (self._rng.choice(every),) for key in self._outline.nodes}

    def _add_node(self, key: int, labels: tuple[str, ...], change: _Change | None) -> int:
        kinds: dict[str, str] = {}
        for label in labels:
            kinds |= self._schema.labels.get(label, {})
        self._nodes.append(
            Node(id=len(self._nodes), labels=labels, properties=self._fill(key, labels[0], kinds, change))
        )
        return len(self._nodes) - 1

    def _fill(self, key: int, owner: str, kinds: dict[str, str], change: _Change | None) -> dict[str, Value]:
        """Values for the properties that the query names of this key, and for some others."""
        named = self._outline.properties.get(key, ())
        tested = [name for place, name in self._outline.tests if place == key]
        others = [name for name in kinds if name not in named][:_EXTRA_PROPERTIES]
        filled: dict[str, Value] = {}
        for name in dict.fromkeys((*tested, *named, *others)):
            tests = self._outline.tests.get((key, name), ())
            broken = change.test if change is not None and change.place == (key, name) else None
            unique = (key, name) in self._outline.sorted
            value = self._values.draw(f"{owner}.{name}", kinds.get(name, ""), tests, broken, unique=unique)
            if value is not None:
                filled[name] = value
        return filled

    def _add_step(
        self, step: Step, made: dict[int, int], labels: dict[int, tuple[str, ...]], change: _Change | None
    ) -> None:
        start, end, type_, turned = made[step.start], made[step.end], *self._choose_type(step, labels)
        if change is not None and change.turned is step:
            turned = True
        if change is not None and change.retyped is not None and change.retyped[0] is step:
            type_ = change.retyped[1]
        ends = (end, start) if turned else (start, end)
        between = [self._add_between(type_, labels[step.end]) for _ in range(step.length - 1)]
        chain = [ends[0], *between, ends[1]]
        properties = self._fill(step.key, type_, self._schema.types.get(type_, {}), change)
        for left, right in itertools.pairwise(chain):
            self._add_edge(type_, left, right, properties)

    def _add_between(self, type_: str, fallback: tuple[str, ...]) -> int:
        """A node on the way of a path of several relationships."""
        ends = [join.end for join in self._schema.relationships if join.type == type_]
        return self._add_node(-1, (self._rng.choice(ends),) if ends else fallback, None)

    def _choose_type(self, step: Step, labels: dict[int, tuple[str, ...]]) -> tuple[str, bool]:
        """The relationship's type, and whether it goes from the step's end to its start, as only undirected ones do."""
        starts, ends = labels[step.start], labels[step.end]
        ways = [
            (join.type, turned)
            for join in self._schema.relationships
            for turned in ((False,) if step.directed else (False, True))
            if not step.types or join.type in step.types
            if (join.end in starts and join.start in ends if turned else join.start in starts and join.end in ends)
        ]
        if ways:
            return self._rng.choice(ways)
        types = step.types or tuple(self._schema.types) or ("RELATED",)
        return self._rng.choice(types), not step.directed and self._rng.random() < 0.5

    def _add_edge(self, type_: str, start: int, end: int, properties: dict[str, Value]) -> None:
        place = (type_, min(start, end), max(start, end))
        if start != end and place not in self._edges:
            self._edges[place] = Relationship(type=type_, start=start, end=end, properties=properties)

    def _add_links(self) -> None:
        """Relationships between whole answers, so that counts differ from one to the next."""
        for step in self._outline.steps:
            if step.length > 1:
                continue
            for _ in range(2):
                start = self._rng.choice(self._planted.get(step.start) or [0])
                end = self._rng.choice(self._planted.get(step.end) or [0])
                labels = {step.start: self._nodes[start].labels, step.end: self._nodes[end].labels}
                self._add_step(step, {step.start: start, step.end: end}, labels, None)

    def _add_others(self) -> None:
        """A few nodes and relationships that the query does not ask for."""
        used = sorted({label for node in self._nodes for label in node.labels})
        others = [label for label in sorted(self._schema.labels) if label not in used]
        for label in (*used, *others[:1]):
            self._add_node(-1, (label,), None)
        by_label: dict[str, list[int]] = {}
        for node in self._nodes:
            for label in node.labels:
                by_label.setdefault(label, []).append(node.id)
        for join in self._schema.relationships:
            if join.start in by_label and join.end in by_label and self._rng.random() < 0.5:
                start, end = self._rng.choice(by_label[join.start]), self._rng.choice(by_label[join.end])
                properties = self._fill(-1, join.type, self._schema.types.get(join.type, {}), None)
                self._add_edge(join.type, start, end, properties)
