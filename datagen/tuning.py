"""Queries that an index or another wording would make cheaper, by rule; a rewritten query returns the same rows.

`decide_tuning` looks at the query's text and the statistics alone: first for a wording that costs more than another,
then for a label that is scanned for one of its values.
"""

import random
import re
from collections.abc import Mapping
from typing import Any

from cypher.compare import same_result
from cypher.run import CypherError, EmbeddedGraph
from datagen import lexicon
from datagen.conditions import write_value
from datagen.invention import Invent
from datagen.schemas import sample_graph, sample_schema
from nornicdb.answer_schemas import OptimizationAnswer

SCAN_NODES = 10_000  # from here on a scan of a label is worth an index
FEW_SHARE = 0.01  # of a label's nodes that one value may have for an index to pay
_VALUE = r"(?:'(?:[^'\\]|\\.)*'|-?[0-9.]+)"
# What stands in the query, and what says the same for less work.
REWRITES = (
    (re.compile(r"(MATCH \((\w+):\w+\)) WITH \2 (WHERE .+)"), r"\1 \3"),
    (re.compile(r"(MATCH .*) WITH collect\((\w+)\) AS (\w+) RETURN size\(\3\) AS (\w+)"), r"\1 RETURN count(\2) AS \4"),
    (re.compile(r"(MATCH .*) RETURN DISTINCT count\((\w+)\) AS (\w+)"), r"\1 RETURN count(\2) AS \3"),
    (re.compile(r"(MATCH \(\w+:\w+\)-\[:\w+\]->)\((\w+)\) WHERE \2:(\w+) (RETURN .+)"), r"\1(\2:\3) \4"),
    (re.compile(rf"(MATCH .*) WHERE (\w+\.\w+) = ({_VALUE}) OR \2 = ({_VALUE}) (.+)"), r"\1 WHERE \2 IN [\3, \4] \5"),
)  # fmt: skip
_FILTER = re.compile(rf"\((\w+):(\w+)\) WHERE \1\.(\w+) (?:=|IN) ?(?:{_VALUE}|\[.*?\])")


def rewrite(query: str) -> str | None:
    """The query in cheaper words, or None where no rule knows any."""
    for pattern, replacement in REWRITES:
        if pattern.fullmatch(query):
            return pattern.sub(replacement, query)
    return None


def decide_tuning(shown: Mapping[str, Any]) -> OptimizationAnswer:
    """What would make the shown query cheaper."""
    better = rewrite(shown["query"])
    if better is not None:
        return OptimizationAnswer(suggestion_type="rewrite", details=better)
    found = _FILTER.search(shown["query"])
    if found is not None:
        label, key = found[2], found[3]
        nodes, distinct = shown["nodes"][label], shown["distinct_values"][f"{label}.{key}"]
        if nodes >= SCAN_NODES and 1 / distinct <= FEW_SHARE and f"{label}.{key}" not in shown["indexes"]:
            return OptimizationAnswer(
                suggestion_type="create_index", details=f"CREATE INDEX FOR (n:{label}) ON (n.{key})"
            )
    return OptimizationAnswer(suggestion_type="none", details="")


def simulate_tuning(rng: random.Random, name: Invent, *, twin: bool) -> dict[str, Any] | None:
    """A query over a graph with its statistics; None where it cannot be proven to return the same when it is rewritten.

    A twin has what the other lacks: the better wording, or the index.
    """
    database = name()
    schema = sample_schema(lexicon.TRAINING, rng, "tuning", max_node_types=3, invented_share=0.8)
    graph = sample_graph(schema, rng)
    relation = rng.choice(schema.relations)
    node, target = schema.nodes[relation.start], schema.nodes[relation.end]
    label = node.label
    prop, shown_prop = rng.choice(node.properties), rng.choice(node.properties)
    held = sorted(
        {n.properties[prop.name] for n in graph.nodes if label in n.labels and prop.name in n.properties}, key=str
    )
    values = [value for value in held if isinstance(value, int | float | str) and not isinstance(value, bool)]
    if len(values) < 2:
        return None
    first, second = (write_value(value) for value in rng.sample(values, 2))
    where = f"WHERE n.{prop.name} = {first}"
    goal = rng.choices(("create_index", "rewrite", "none"), (3, 5, 3))[0]
    if twin and goal == "rewrite" and rng.random() < 0.5:  # or half of all queries would be as good as can be
        return None
    if goal == "rewrite":
        query = rng.choice(
            (
                f"MATCH (n:{label}) WITH n {where} RETURN n.{shown_prop.name}",
                f"MATCH (n:{label}) {where} WITH collect(n) AS found RETURN size(found) AS total",
                f"MATCH (n:{label}) {where} RETURN DISTINCT count(n) AS total",
                f"MATCH (n:{label})-[:{relation.name}]->(m) WHERE m:{target.label} RETURN n.{shown_prop.name}",
                f"MATCH (n:{label}) {where} OR n.{prop.name} = {second} RETURN n.{shown_prop.name}",
            )
        )
    else:
        query = rng.choice(
            (
                f"MATCH (n:{label}) {where} RETURN n.{shown_prop.name}",
                f"MATCH (n:{label}) {where} RETURN count(n) AS total",
                f"MATCH (n:{label}) WHERE n.{prop.name} IN [{first}, {second}] RETURN n.{shown_prop.name}",
            )
        )
    cheaper = rewrite(query)
    if cheaper is not None and not _return_the_same(query, cheaper, graph):
        return None
    full = f"{label}.{prop.name}"
    nodes = round(SCAN_NODES * 10 ** rng.uniform(0.1, 2))
    distinct = round(nodes * rng.uniform(0.05, 1))
    indexes = [f"{target.label}.{rng.choice(target.properties).name}"] if target is not node else []
    small, few = round(SCAN_NODES * rng.uniform(0.01, 0.6)), rng.randint(2, 40)
    why = rng.choice(("index", "small", "unselective", "index"))
    if goal == "rewrite":  # of the wording alone is asked
        query, why = cheaper if twin and cheaper else query, "index"
    elif twin == (goal == "none"):  # nothing speaks against an index
        why = ""
    match why:
        case "index":
            indexes.append(full)
        case "small":
            nodes, distinct = small, min(small, distinct)
        case "unselective":
            distinct = few
    indexes.sort()
    return {
        "database": database,
        "query": query,
        "nodes": {label: nodes},
        "distinct_values": {full: distinct},
        "indexes": indexes,
    }


def _return_the_same(query: str, cheaper: str, graph: Any) -> bool:
    try:
        with EmbeddedGraph(graph) as engine:
            before, after = engine.run(query), engine.run(cheaper)
    except CypherError:
        return False
    return bool(before.rows) and same_result(before, after, ordered=False)
