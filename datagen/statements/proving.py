"""Proves a statement: a read by its results, a write by the graphs that it leaves, a command by parser and dialect."""

from collections.abc import Sequence

from cypher.dialect import check_dialect
from cypher.isomorphism import UndecidedError, same_graph
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, Limits
from cypher.write import Written, run_write
from datagen.proof import MINIMUM_KILL_RATE, prove_query
from datagen.schemas import Schema
from datagen.statements.drawing import Statement
from datagen.statements.mutants import mutate_text
from heimdall.rows import Proof

_LIMITS = Limits()
_MUTANTS = 6


def fits_dialect(cypher: str) -> bool:
    """Whether the parser takes it and NornicDB does with it what Neo4j would."""
    return check_syntax(cypher) is None and not check_dialect(cypher)


def prove_read(statement: Statement, schema: Schema, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """The proof of a reading statement, or of the reference that says the same, or None if it deserves none."""
    cypher = statement.reference or statement.cypher
    if not fits_dialect(statement.cypher):
        return None
    return prove_query(
        cypher, mutate_text(cypher, schema), graphs, ordered=statement.ordered, probe=statement.probe, nulls=False
    )


def prove_write(statement: Statement, schema: Schema, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """The proof of a write: it changes a graph, and its mutants leave other graphs. None if it deserves none.

    A write about a named node changes only the graphs in which there is one. Of many mutants some are taken: each run
    of a write costs ten times that of a question.
    """
    if not fits_dialect(statement.cypher):
        return None
    written = [_write(statement.cypher, graph) for graph in graphs]
    if any(each.before == each.after for each in written):
        return None
    mutants = [
        mutant for mutant in dict.fromkeys(mutate_text(statement.cypher, schema)) if check_syntax(mutant) is None
    ]
    killed = sum(_is_killed(mutant, written, graphs) for mutant in mutants)
    if mutants and killed / len(mutants) < MINIMUM_KILL_RATE:
        return None
    changed = tuple(_count_changes(each) for each in written)
    return Proof(result_rows=changed, mutants=len(mutants), killed=killed)


def _write(cypher: str, graph: EmbeddedGraph) -> Written:
    return run_write(graph, cypher, _LIMITS)


def _is_killed(mutant: str, written: Sequence[Written], graphs: Sequence[EmbeddedGraph]) -> bool:
    for graph, wanted in zip(graphs, written, strict=True):
        try:
            if not same_graph(wanted.after, _write(mutant, graph).after):
                return True
        except CypherError as error:
            return not error.unsupported
        except UndecidedError:
            return False
    return False


def _count_changes(written: Written) -> int:
    """Nodes and relationships that are not as they were."""
    before, after = written.before, written.after
    nodes = sum(before.nodes.get(key) != after.nodes.get(key) for key in before.nodes.keys() | after.nodes.keys())
    edges = [edge for edge in before.relationships if edge not in after.relationships]
    return nodes + len(edges) + len([edge for edge in after.relationships if edge not in before.relationships])
