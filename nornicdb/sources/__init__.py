"""Reads facts out of a NornicDB checkout, one module for each kind of source; nothing of the checkout is run."""

from pathlib import Path

from nornicdb.checkout import read_commit
from nornicdb.facts import Facts
from nornicdb.sources.apoc import read_apoc
from nornicdb.sources.cypher_functions import read_functions
from nornicdb.sources.documents import read_doc_queries
from nornicdb.sources.mcp_tools import read_tools
from nornicdb.sources.procedures import read_procedures
from nornicdb.sources.routes import read_routes
from nornicdb.sources.schema_syntax import read_schema_syntax
from nornicdb.sources.settings import read_settings
from nornicdb.sources.test_queries import read_test_queries


def read_facts(checkout: Path) -> Facts:
    """All facts of a checkout. Raises `InputError` naming file, line and construct for what is not in its place."""
    procedures = read_procedures(checkout)
    functions = read_functions(checkout)
    settings, yaml_keys = read_settings(checkout)
    return Facts(
        source=f"checkout@{read_commit(checkout)}",
        apoc=read_apoc(checkout, functions, procedures),
        procedures=procedures,
        functions=functions,
        schema_syntax=read_schema_syntax(checkout),
        settings=settings,
        yaml_keys=yaml_keys,
        routes=read_routes(checkout),
        tools=read_tools(checkout),
        test_queries=read_test_queries(checkout),
        doc_queries=read_doc_queries(checkout),
    )
