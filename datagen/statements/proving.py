"""Proves a statement: a read by its results, a write by the graphs that it leaves, a command by parser and dialect."""

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from cypher.dialect import check_dialect
from cypher.isomorphism import UndecidedError, same_graph
from cypher.parse import check_syntax
from cypher.run import CypherError, EmbeddedGraph, Limits
from cypher.write import Written, run_write
from datagen.proof import count_killed, prove_query
from datagen.schemas import Schema
from datagen.statements.drawing import Statement
from datagen.statements.mutants import mutate_text
from heimdall.rows import Proof

_LIMITS = Limits()
_MUTANTS = 6


def fits_dialect(cypher: str) -> bool:
    """Whether the parser takes it and NornicDB does with it what Neo4j would."""
    return check_syntax(cypher) is None and not check_dialect(cypher)


def prove_statement(
    statement: Statement, schema: Schema, graphs: Sequence[EmbeddedGraph], *, writes: bool
) -> Proof | None:
    """The proof of a statement, or None if it deserves none, also because the engine cannot run it."""
    if not fits_dialect(statement.cypher):
        return None
    try:
        return (_prove_write if writes else _prove_read)(statement, schema, graphs)
    except CypherError as error:
        if error.unsupported:
            return None
        raise


def _prove_read(statement: Statement, schema: Schema, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """Of the statement, or of the reference that says the same."""
    cypher = statement.reference or statement.cypher
    mutants = mutate_text(cypher, schema)
    return prove_query(cypher, mutants, graphs, ordered=statement.ordered, probe=statement.probe, nulls=False)


def _prove_write(statement: Statement, schema: Schema, graphs: Sequence[EmbeddedGraph]) -> Proof | None:
    """It changes a graph, and its mutants leave other graphs.

    A write about a named node changes only the graphs in which there is one. Of many mutants some are taken: each run
    of a write costs ten times that of a question.
    """
    written = [_write(statement.cypher, graph) for graph in graphs]
    if all(each.before == each.after for each in written):
        return None
    sound = (mutant for mutant in dict.fromkeys(mutate_text(statement.cypher, schema)) if check_syntax(mutant) is None)
    mutants = list(islice(sound, _MUTANTS))
    killed = count_killed(mutants, lambda mutant: _is_killed(mutant, written, graphs))
    if killed is None:
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
    # Counted, as two nodes may be joined twice alike.
    old, new = Counter(map(repr, before.relationships)), Counter(map(repr, after.relationships))
    return nodes + (old - new).total() + (new - old).total()
