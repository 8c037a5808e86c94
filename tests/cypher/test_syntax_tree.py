"""The tree that everything else is read off: where its nodes lie, and which names mean the same."""

import pytest
from test_commands_cypher import COMMANDS
from test_parse_cypher import QUERIES
from test_parse_extensions import QUERIES as EXTENSIONS

from cypher.statement import read_statement
from cypher.syntax import tree
from cypher.syntax.tokens import GrammarError


def find_names(query: str) -> list[tree.Name]:
    statement = read_statement(query)
    return sorted(
        (node for node in tree.walk(statement.body) if isinstance(node, tree.Name)), key=lambda name: name.first
    )


def count_variables(query: str) -> list[int]:
    """For each name in the text the place of its variable among those that come before it."""
    variables = [name.variable for name in find_names(query)]
    return [list(dict.fromkeys(variables)).index(variable) for variable in variables]


@pytest.mark.parametrize("query", [*QUERIES, *EXTENSIONS, *COMMANDS])
def test_every_node_lies_in_the_one_that_holds_it(query):
    for node in tree.walk(read_statement(query).body):
        for child in tree.find_children(node):
            assert node.first <= child.first < child.last <= node.last, (node, child)


@pytest.mark.parametrize("query", [*QUERIES, *EXTENSIONS])
def test_every_name_of_a_query_has_a_variable(query):
    assert all(name.variable is not None for name in find_names(query))


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("MATCH (n) WITH n RETURN n", [0, 0, 0]),
        ("MATCH (n) WITH n.x AS n RETURN n", [0, 0, 1, 1]),
        ("MATCH (n) RETURN [n IN n.list | n.x] AS x, n", [0, 1, 0, 1, 2, 0]),
        ("MATCH (n) RETURN n.x AS x ORDER BY x, n.y", [0, 0, 1, 1, 0]),
        ("MATCH (n) RETURN n.x AS x UNION MATCH (n) RETURN n.y AS x", [0, 0, 1, 2, 2, 1]),
        ("MATCH (n) CALL { MATCH (n) RETURN n.x AS x } RETURN n, x", [0, 1, 1, 2, 0, 2]),
        ("MATCH (n) CALL (n) { MATCH (n)-->(m) RETURN m } RETURN n, m", [0, 0, 0, 1, 1, 0, 1]),
        ("MATCH (a {x: b.x}), (b) RETURN a", [0, 1, 1, 0]),
        ("MATCH (n) WHERE EXISTS { (n)-->(m) WHERE m.x = 1 } RETURN n", [0, 0, 1, 1, 0]),
    ],
)
def test_names_mean_the_same_where_one_binding_reaches(query, variables):
    assert count_variables(query) == variables


def test_a_variable_is_one_thing_inside_a_repeated_path_and_a_list_outside():
    names = find_names("MATCH ((a)-[r]->(b) WHERE a.x < b.x){2} RETURN [i IN a | i.x] AS x")
    assert {name.variable.kind for name in names if name.value in ("a", "b", "r")} == {"list"}
    with pytest.raises(GrammarError, match="a list has no properties"):
        read_statement("MATCH ((a)-[r]->(b) WHERE a.x < b.x){2} RETURN a.x")


def test_a_fault_of_grammar_is_told_before_one_of_variables():
    with pytest.raises(GrammarError, match="expected") as fault:
        read_statement("MATCH (n) RETURN m, n.")
    assert fault.value.place == len("MATCH (n) RETURN m, n.")
