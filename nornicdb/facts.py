"""Facts about NornicDB: what can be called, how it is set up and asked, each with the place where the source says so.

They come from a checkout (`nornicdb.sources`), or without one from a bundled catalogue that has no sentence and no
query of NornicDB's, only names, signatures and defaults.
"""

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Literal

from heimdall.files import replacing
from heimdall.refs import Record

CATALOGUE = "catalogue.json"
# Go's types of settings and parameters, by the words of JSON schema and two more.
Kind = Literal["string", "integer", "number", "boolean", "duration", "array", "object"]


class Fact(Record):
    """Something the source says at `file`:`line` (inside the checkout, counted from one)."""

    name: str
    file: str
    line: int


class ApocFunction(Fact):
    """A registered APOC function. Documented and callable are two things: most are only documented.

    `signature` is that of the Go handler. `callable_as` is empty where neither an expression nor a CALL reaches it.
    """

    category: str
    signature: str
    callable_as: tuple[Literal["function", "procedure"], ...]
    description: str | None = None
    examples: tuple[str, ...] = ()


class Procedure(Fact):
    """A procedure that `CALL` dispatches, or that SHOW PROCEDURES lists. A name that is not listed is in lower case."""

    dispatched: bool
    listed: bool
    signature: str | None = None
    mode: str | None = None


class Function(Fact):
    """A function that expressions evaluate, or that SHOW FUNCTIONS lists."""

    evaluated: bool
    listed: bool
    signature: str | None = None


class SchemaSyntax(Fact):
    """How NornicDB reads CREATE and DROP of indexes and constraints; in square brackets what may be left out.

    `pattern` is the regular expression (Go's RE2) that has to match.
    """

    form: str
    pattern: str | None = None


class Setting(Fact):
    """An environment variable. `default` is the value without it, as Go writes it; None where the source is not clear.

    `yaml` are the keys of nornicdb.yaml that set the same and nothing else.
    """

    kind: Kind | None
    default: str | None
    yaml: tuple[str, ...] = ()


class YamlKey(Fact):
    """A key of nornicdb.yaml that can be written. One that is not `read` has no effect."""

    kind: Kind
    read: bool
    default: str | None
    environment: tuple[str, ...] = ()


class Route(Fact):
    """A path of the HTTP server; `permission` is None where nobody has to log in."""

    permission: str | None


class ToolParam(Record):
    """A parameter of an MCP tool."""

    name: str
    type: str
    required: bool
    default: str | None = None
    allowed: tuple[str, ...] = ()


class McpTool(Fact):
    """A tool of the MCP server."""

    params: tuple[ToolParam, ...]


class TestQuery(Fact):
    """A query in one of NornicDB's tests (`name` is the test's). None where the test does not say."""

    __test__ = False  # for pytest
    query: str
    fails: bool | None
    rows: int | None = None


class DocQuery(Fact):
    """A block of Cypher in the documentation; `name` is the heading above it."""

    text: str


class Facts(Record):
    """All facts of one commit. `source` is `catalogue@<commit>` or `checkout@<commit>`."""

    schema_version: Literal[1] = 1
    source: str
    apoc: tuple[ApocFunction, ...]
    procedures: tuple[Procedure, ...]
    functions: tuple[Function, ...]
    schema_syntax: tuple[SchemaSyntax, ...]
    settings: tuple[Setting, ...]
    yaml_keys: tuple[YamlKey, ...]
    routes: tuple[Route, ...]
    tools: tuple[McpTool, ...]
    test_queries: tuple[TestQuery, ...] = ()
    doc_queries: tuple[DocQuery, ...] = ()

    def count(self) -> dict[str, int]:
        """How many facts there are of each kind."""
        return {kind: len(facts) for kind, facts in self.list_kinds()}

    def list_kinds(self) -> Iterator[tuple[str, tuple[Fact, ...]]]:
        """Each kind's name and its facts."""
        for kind in type(self).model_fields:
            facts = getattr(self, kind)
            if isinstance(facts, tuple):
                yield kind, facts


def resolve_facts(checkout: Path | None) -> Facts:
    """The facts of a NornicDB checkout, or those of the bundled catalogue without one.

    Raises `InputError` where the checkout cannot be read or something is not where it is expected.
    """
    if checkout is None:
        return load_catalogue()
    from nornicdb.sources import read_facts

    return read_facts(checkout)


def load_catalogue() -> Facts:
    """The bundled facts."""
    return Facts.model_validate_json(resources.files("nornicdb").joinpath(CATALOGUE).read_text(encoding="utf-8"))


def make_catalogue(facts: Facts) -> Facts:
    """The facts that may be bundled: without NornicDB's sentences, examples and queries."""
    apoc = tuple(each.model_copy(update={"description": None, "examples": ()}) for each in facts.apoc)
    syntax = tuple(each.model_copy(update={"pattern": None}) for each in facts.schema_syntax)
    source = facts.source.replace("checkout@", "catalogue@")
    update = {"source": source, "apoc": apoc, "schema_syntax": syntax, "test_queries": (), "doc_queries": ()}
    return facts.model_copy(update=update)


def write_facts(path: Path, facts: Facts) -> None:
    """Writes facts as JSON, one fact a line and without what is left at its default, whole or not at all."""
    import json

    compact = facts.model_dump(mode="json", exclude_defaults=True)
    lines = []
    for key, value in compact.items():
        if isinstance(value, list):
            rows = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in value)
            lines.append(f'"{key}":[\n{rows}\n]')
        else:
            lines.append(f'"{key}":{json.dumps(value)}')
    with replacing(path) as partial:
        partial.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
