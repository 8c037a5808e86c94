"""How the judge's writes compare with what openCypher's own scenarios of CREATE, MERGE, SET, REMOVE and DELETE expect.

python benchmarks/cypher_writes.py CHECKOUT_OF_OPENCYPHER [--list]
"""

import argparse
from collections import Counter
from pathlib import Path

from gherkin.parser import Parser
from gherkin.pickles.compiler import Compiler

from cypher.graph import Node, PropertyGraph, Relationship
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, GraphState, Limits, Result
from cypher.statement import read_statement
from cypher.syntax.queries import Query
from cypher.write import is_write, run_write
from heimdall.errors import EngineError

EMPTY = PropertyGraph(nodes=(), relationships=())


def main() -> None:
    """Prints how many scenarios end as expected, are not run, or end otherwise."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("checkout", type=Path, help="a checkout of github.com/opencypher/openCypher")
    arguments.add_argument("--list", action="store_true", help="print each scenario that does not end as expected")
    given = arguments.parse_args()
    outcomes: Counter[str] = Counter()
    for clause in ("create", "merge", "set", "remove", "delete"):
        for path in sorted(given.checkout.rglob(f"clauses/{clause}/*.feature")):
            for pickle in Compiler().compile({"uri": str(path), **Parser().parse(path.read_text(encoding="utf-8"))}):
                outcome, said = run_scenario(pickle["steps"])
                outcomes[outcome] += 1
                if given.list and outcome != "as expected":
                    print(f"{outcome}: {path.name}: {pickle['name']}: {said}")
    print("; ".join(f"{outcome}: {count}" for outcome, count in outcomes.most_common()))


def run_scenario(steps: list[dict]) -> tuple[str, str]:
    """How one scenario ends, and why."""
    graph, query, expected = EMPTY, "", {}
    for step in steps:
        text, argument = step["text"], step.get("argument", {})
        rows = [[cell["value"] for cell in row["cells"]] for row in argument.get("dataTable", {}).get("rows", [])]
        if "parameters" in text:
            return "not run", "it has parameters"
        if "control query" in text:
            break
        if "having executed" in text:
            try:
                with EmbeddedGraph(graph) as engine:
                    graph = make_graph(run_write(engine, argument["docString"]["content"], Limits()).after)
            except (CypherError, EngineError, ValueError) as error:
                return "not run", f"its graph is not made: {error}"
        elif "executing query" in text:
            query = argument["docString"]["content"]
        elif "should be raised" in text:
            expected["error"] = text
        elif "side effects" in text:
            expected["effects"] = {name: int(count) for name, count in rows}
        elif "result should be" in text:
            expected["rows"] = rows[1:]
    return compare(graph, query, expected)


def compare(graph: PropertyGraph, query: str, expected: dict) -> tuple[str, str]:
    """Runs the query, and compares error, side effects and rows with those expected."""
    if check_syntax(query) is not None:
        return ("as expected" if "error" in expected else "otherwise"), "no query"
    body = read_statement(query).body
    try:
        with EmbeddedGraph(graph) as engine:
            if not isinstance(body, Query) or not is_write(body):
                return "not run", "it writes nothing"
            written = run_write(engine, query, Limits())
    except EngineError as error:
        return "not run", str(error)
    except CypherError as error:
        return ("not run" if error.unsupported else "as expected" if "error" in expected else "otherwise"), str(error)
    if "error" in expected:
        return "otherwise", "no error"
    effects: Counter[str] = Counter()
    for sign, old, new in (("+", written.before, written.after), ("-", written.after, written.before)):
        effects.update(f"{sign}{thing[0]}" for thing in (list_things(new) - list_things(old)).elements())
    if effects != expected.get("effects", effects):
        return "otherwise", f"{dict(effects)}"
    if "rows" in expected and not fits(written.result, expected["rows"]):
        return "otherwise", f"{written.result.rows}"
    return "as expected", ""


def make_graph(state: GraphState) -> PropertyGraph:
    """A graph to start from, as a query left it."""
    nodes = [Node(id=number, labels=node.labels, properties=node.properties) for number, node in state.nodes.items()]
    edges = [
        Relationship(type=edge.type, start=start, end=end, properties=edge.properties)
        for start, edge, end in state.relationships
    ]
    return PropertyGraph(nodes=tuple(nodes), relationships=tuple(edges))


def list_things(state: GraphState) -> Counter[tuple]:
    """What the scenarios count as side effects: nodes, relationships, their properties, and the labels in use."""
    things = Counter({("labels", label) for node in state.nodes.values() for label in node.labels})
    things.update(("nodes", number) for number in state.nodes)
    things.update(("relationships", start, edge.type, end) for start, edge, end in state.relationships)
    owners = [*state.nodes.items(), *(((start, edge.type, end), edge) for start, edge, end in state.relationships)]
    things.update(("properties", owner, key, repr(v)) for owner, held in owners for key, v in held.properties.items())
    return things


def fits(result: Result, rows: list[list[str]]) -> bool:
    """Whether there are as many rows, and for each one that has its numbers, texts, true, false and null."""
    left = list(rows)
    for got in sorted((tuple(map(write_plain, row)) for row in result.rows), key=repr):
        found = next((row for row in left if all(a in (None, b) for a, b in zip(got, row, strict=True))), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def write_plain(value: object) -> str | None:
    """A plain value as the scenarios write it; None for a list, a map, a node or a relationship."""
    match value:
        case None | bool():
            return {None: "null", True: "true", False: "false"}[value]
        case str():
            return f"'{value}'"
        case int() | float():
            return str(value)
    return None


if __name__ == "__main__":
    main()
