"""Facts out of a checkout: each with its place, what is callable told from what is documented, nothing lost."""

import re
from pathlib import Path

import pytest
from fact_checkout import FILES, write_checkout
from hypothesis import given
from hypothesis import strategies as st

from heimdall.errors import InputError
from nornicdb.facts import Facts, load_catalogue, make_catalogue, resolve_facts, write_facts
from nornicdb.sources import read_facts
from nornicdb.sources.schema_syntax import spell_form


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkout(tmp_path_factory.mktemp("facts") / "checkout")


@pytest.fixture(scope="module")
def facts(checkout: Path) -> Facts:
    return read_facts(checkout)


def test_every_fact_stands_in_the_line_that_it_names(facts: Facts, checkout: Path) -> None:
    for kind, found in facts.list_kinds():
        assert found, kind
        for fact in found:
            line = (checkout / fact.file).read_text().splitlines()[fact.line - 1].lower()
            if kind in ("test_queries", "doc_queries"):
                assert "execute" in line or "```" in (checkout / fact.file).read_text().splitlines()[fact.line - 2]
            elif kind == "tools":
                assert "tool{" in line
            else:
                assert fact.name.rpartition(".")[2].lower() in line, fact


def test_a_function_is_callable_if_its_name_is_in_lower_case_and_its_signature_is_dispatched(facts: Facts) -> None:
    assert {each.name: (each.signature, each.callable_as) for each in facts.apoc} == {
        "apoc.list.total": ("([]interface{}) float64", ("function",)),
        "apoc.list.firstOf": ("([]interface{}) interface{}", ()),  # found only in lower case
        "apoc.text.same": ("(string, string) string", ("function",)),
        "apoc.text.knownInline": ("(string, bool) string", ("function",)),  # the evaluator knows it by name
        "apoc.list.walk": ("(string, string, ...int) ([]string, error)", ("procedure",)),
    }
    assert facts.apoc[0].description == "Adds up"
    assert facts.apoc[0].examples == ("apoc.list.total([1]) => 1",)


def test_a_look_up_in_any_case_makes_every_spelling_callable(tmp_path: Path) -> None:
    root = write_checkout(
        tmp_path, "pkg/nornicdb/plugins.go", "pluginFunctions[name]", "pluginFunctions[ToLower(name)]"
    )
    assert [each.callable_as for each in read_facts(root).apoc if each.name.endswith("firstOf")] == [("function",)]


def test_releases_that_have_it_in_other_files_tell_the_same(facts: Facts, tmp_path: Path) -> None:
    older = {"executor_show.go": "executor.go", "functions_helpers.go": "functions.go"}
    root = write_checkout(tmp_path)
    for name, before in older.items():
        (root / "pkg/cypher" / name).rename(root / "pkg/cypher" / before)
    found = read_facts(root)
    assert found.count() == facts.count()
    assert [each.callable_as for each in found.apoc] == [each.callable_as for each in facts.apoc]
    assert {each.file for each in found.procedures} == {"pkg/cypher/call.go", "pkg/cypher/executor.go"}


def test_functions_that_no_folder_registers_any_more_are_missed(tmp_path: Path) -> None:
    root = write_checkout(tmp_path, "pkg/cypher/evaluate.go", 'Register("id", evaluateID)', "")
    assert read_facts(root).functions  # as before v1.0.11, which has no such folder
    (root / "pkg/cypher/fn").mkdir()
    with pytest.raises(InputError, match="uses Register to compare with a function's name"):
        read_facts(root)


def test_what_is_listed_and_what_is_dispatched_are_two_things(facts: Facts) -> None:
    assert [(each.name, each.dispatched, each.listed) for each in facts.procedures] == [
        ("apoc.list.walk", True, False),
        ("db.dreams", False, True),
        ("db.things", True, True),
    ]
    assert facts.procedures[2].signature == "db.things() :: (thing :: STRING)"
    assert facts.procedures[2].mode == "READ"


def test_a_registry_of_procedures_is_read_as_well(tmp_path: Path) -> None:
    root = write_checkout(tmp_path)
    show = root / "pkg/cypher/executor_show.go"
    head, _, rest = show.read_text().partition("\tprocedures := ")
    functions = rest[rest.index("func ") :]
    show.write_text(f"{head}\treturn &Result{{Rows: ListRegisteredProcedures()}}, nil\n}}\n\n{functions}")
    (root / "pkg/cypher/registry.go").write_text(
        "package cypher\n\nfunc register() {\n"
        '\tregisterBuiltInProcedure("db.Things", "db.Things()", "Lists", ProcedureModeRead, 0, 0, false, nil)\n}\n'
    )
    found = {each.name: each for each in read_facts(root).procedures}
    assert found.keys() == {"apoc.list.walk", "db.Things"}
    assert (found["db.Things"].dispatched, found["db.Things"].mode) == (True, "READ")


def test_functions_are_those_that_are_compared_with_and_those_that_are_listed(facts: Facts) -> None:
    assert [(each.name, each.evaluated, each.listed) for each in facts.functions] == [
        ("apoc.text.knowninline", True, False),
        ("dreamOf", False, True),
        ("id", True, False),
        ("now", True, False),
        ("toShort", True, True),
    ]


def test_the_syntax_of_indexes_is_spelt_for_a_reader(facts: Facts) -> None:
    assert [each.form for each in facts.schema_syntax] == [
        "CREATE CONSTRAINT name [IF NOT EXISTS] IS UNIQUE",
        "CREATE INDEX name ON (…)",
        "CREATE FULLTEXT INDEX name",
        "vector.size number",
    ]


@pytest.mark.parametrize(
    ("pattern", "form"),
    [
        (r"(?i)DROP\s+INDEX(?:\s+IF\s+EXISTS)?\s+(\w+)", "DROP INDEX [IF EXISTS] name"),
        (r"ON\s+EACH\s+\[([^\]]+)\]", "ON EACH […]"),
        (r"^\s*SORT\s+(ASC|DESC)\s*$", "SORT ASC|DESC"),
        (r"OPTIONS\s*\{.*?\}", "OPTIONS{…}"),
        (r"size[:\s]+['\"]?(\d+)['\"]?", "size number"),
    ],
)
def test_a_regular_expression_is_spelt_as_what_it_matches(pattern: str, form: str) -> None:
    assert spell_form(pattern) == form


@pytest.mark.parametrize(("pattern", "form"), [(r"(?P<label>\w+)", "name"), (r"(?i:DROP)", "DROP"), (r"[^,]+", "")])
def test_named_and_flagged_groups_are_spelt_as_well(pattern: str, form: str) -> None:
    assert spell_form(pattern) == form


@given(st.text("()[]{}\\?*+|:.^$<>PswdAb ,1", max_size=30))
def test_no_text_is_too_odd_to_be_spelt(pattern: str) -> None:
    assert isinstance(spell_form(pattern), str)


def test_a_setting_has_the_default_of_the_field_that_it_sets(facts: Facts) -> None:
    assert {each.name: (each.kind, each.default, each.yaml) for each in facts.settings} == {
        "NEO4J_port": ("integer", "7000", ("server.port",)),
        "NORNICDB_ADDRESS": ("string", "127.0.0.1", ()),
        "NORNICDB_HOSTS": ("array", "a,b", ()),
        "NORNICDB_MIXED": ("integer", None, ()),  # read in two places that do not agree
        "NORNICDB_PORT": ("integer", "7000", ("server.port",)),
        "NORNICDB_QUIET": ("boolean", "false", ("server.quiet",)),
        "NORNICDB_RATIO": ("number", "-0.5", ()),
        "NORNICDB_SAFE": ("boolean", "true", ()),
        "NORNICDB_SECRET": ("string", None, ()),  # made at run time
        "NORNICDB_SIZE": ("integer", "4096", ()),
        "NORNICDB_TRACE": ("boolean", "false", ()),
        "NORNICDB_WAIT": ("duration", "30s", ("server.tls.wait",)),
    }  # NORNICDB_OLD is read only by a function that nothing calls


def test_a_yaml_key_that_nothing_looks_at_is_not_read(facts: Facts) -> None:
    assert {each.name: (each.kind, each.read, each.default, each.environment) for each in facts.yaml_keys} == {
        "server.port": ("integer", True, "7000", ("NEO4J_port", "NORNICDB_PORT")),
        "server.quiet": ("boolean", True, "false", ("NORNICDB_QUIET",)),
        "server.name": ("string", False, None, ()),
        "server.both": ("integer", True, None, ()),  # no variable sets both fields
        "server.tls.wait": ("string", True, "30s", ("NORNICDB_WAIT",)),
    }


def test_a_route_without_login_has_no_permission(facts: Facts) -> None:
    assert [(each.name, each.permission) for each in facts.routes] == [
        ("/open", None),
        ("/closed", "read"),
        ("/inner", "admin:all"),
    ]


def test_a_tool_has_the_parameters_of_its_schema(facts: Facts) -> None:
    assert [each.name for each in facts.tools] == ["keep"]
    assert [(each.name, each.type, each.required, each.default, each.allowed) for each in facts.tools[0].params] == [
        ("content", "string", True, None, ()),
        ("kind", "string", False, "note", ("note", "task")),
        ("limit", "integer", False, "10", ()),
        ("where", "string", False, None, ()),
    ]


def test_queries_of_tests_come_with_what_the_test_expects(facts: Facts) -> None:
    assert [(" ".join(each.query.split()), each.fails, each.rows) for each in facts.test_queries] == [
        ("MATCH (n) RETURN n", False, 2),
        ("MATCH (n RETURN n", True, None),
        ("MATCH (n) RETURN count(n)", False, 1),
        ("CREATE (n)", False, None),
        ("RETURN 1", None, None),
    ]
    assert {each.name for each in facts.test_queries} == {"TestThings"}


def test_only_blocks_of_cypher_are_taken_from_the_documentation(facts: Facts) -> None:
    assert [(each.name, each.text) for each in facts.doc_queries] == [
        ("Ask", "MATCH (n)\nRETURN n"),
        ("Ask", "RETURN 1"),
    ]


def test_the_source_names_the_checkout(facts: Facts, checkout: Path) -> None:
    assert facts.source == "checkout@unknown"
    assert resolve_facts(checkout) == facts


@pytest.mark.parametrize("name", [name for name in FILES if name not in ("cmd/main.go", "pkg/config/flags.go")])
def test_a_file_that_is_missing_is_an_error_and_not_a_smaller_set(tmp_path: Path, name: str) -> None:
    root = write_checkout(tmp_path)
    (root / name).unlink()
    with pytest.raises(InputError) as caught:
        read_facts(root)
    assert str(root) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "construct"),
    [
        ("apoc/apoc.go", 'register("apoc.list.total"', 'enrol("apoc.list.total"', "a call of register for"),
        ("apoc/apoc.go", "list.Total,", "list.Sum,", "a handler of 'apoc.list.total' that is a function"),
        ("apoc/apoc.go", ', []string{"apoc.list.total([1]) => 1"}', "", "register(name, category, handler"),
        ("apoc/apoc.go", '"apoc.list.total",', "totalName(),", "a string literal for a function's name"),
        ("pkg/cypher/functions_helpers.go", "callPluginHandler", "callHandler", "the function callPluginHandler"),
        ("pkg/cypher/functions_helpers.go", "PluginFunctionLookup(", "lookUp(", "a call of PluginFunctionLookup"),
        ("pkg/nornicdb/plugins.go", "pluginFunctions[name]", "find(name)", "a look-up in pluginFunctions"),
        ("pkg/cypher/call.go", "executeCall(", "runCall(", "the function executeCall"),
        ("pkg/cypher/call.go", 'strings.Contains(upper, "DB', 'hasName(upper, "DB', "only cases of the form"),
        ("pkg/cypher/evaluate.go", "isFunctionCallWS", "isCalled", "uses isFunctionCallWS to compare"),
        ("pkg/cypher/executor_show.go", "executeShowFunctions", "showFunctions", "the function executeShowFunctions"),
        (
            "pkg/cypher/executor_show.go",
            '"db.things() ::',
            'sign("things") + " ::',
            "a string literal for name and signature",
        ),
        (
            "pkg/cypher/executor_show.go",
            "[][]interface{}{\n\t\t//",
            "rows{\n\t\t//",
            "a table in executeShowProcedures",
        ),
        ("pkg/cypher/regex_patterns.go", "vectorSize", "sizePattern", "a pattern whose name begins with vector"),
        ("pkg/cypher/regex_patterns.go", "const identifier", "var identifier", "the constant identifier"),
        ("pkg/config/config.go", "LoadDefaults", "Defaults", "the function LoadDefaults"),
        ("pkg/config/config.go", "LoadFromFile", "Load", "the function LoadFromFile"),
        ("pkg/config/config.go", "type YAMLConfig", "type FileConfig", "the struct YAMLConfig"),
        ("pkg/config/config.go", '`yaml:"port"`', '`json:"port"`', "a yaml tag on each field"),
        ("pkg/server/router.go", '"/open"', "openPath", "the constant openPath"),
        ("pkg/auth/auth.go", "PermAdmin", "CanAdmin", "a permission of pkg/auth"),
        ("pkg/mcp/tools.go", "func GetToolDefinitions()", "func Tools()", "the function GetToolDefinitions"),
        ("pkg/mcp/tools.go", '"properties":', '"members":', "a schema with properties"),
        ("pkg/mcp/tools.go", 'Name:        "keep"', "Name: name", "the constant name"),
    ],
)
def test_a_construct_that_has_moved_is_named_with_its_place(
    tmp_path: Path, name: str, old: str, new: str, construct: str
) -> None:
    root = write_checkout(tmp_path, name, old, new)
    with pytest.raises(InputError) as caught:
        read_facts(root)
    assert str(root) in str(caught.value)
    assert construct in str(caught.value)


def test_the_catalogue_has_no_sentence_and_no_query_of_nornicdbs(facts: Facts, tmp_path: Path) -> None:
    bundled = make_catalogue(facts.model_copy(update={"source": "checkout@abc"}))
    write_facts(tmp_path / "facts.json", bundled)
    text = (tmp_path / "facts.json").read_text(encoding="utf-8")
    assert Facts.model_validate_json(text) == bundled
    assert bundled.source == "catalogue@abc"
    for phrase in ("Adds up", "=> 1", "Lists things", "Keeps", "MATCH", "MustCompile", r"\s"):
        assert phrase not in text, phrase


def test_without_a_checkout_the_bundled_catalogue_is_used() -> None:
    bundled = resolve_facts(None)
    assert bundled == load_catalogue() == make_catalogue(bundled)
    assert re.fullmatch(r"catalogue@[0-9a-f]{40}", bundled.source)


def test_the_bundled_catalogue_knows_that_most_of_apoc_is_only_documented() -> None:
    bundled = load_catalogue()
    assert bundled.count() == {
        "apoc": 983,
        "procedures": 87,
        "functions": 202,
        "schema_syntax": 9,
        "settings": 220,
        "yaml_keys": 122,
        "routes": 46,
        "tools": 6,
        "test_queries": 0,
        "doc_queries": 0,
    }
    ways = {each.name: each.callable_as for each in bundled.apoc}
    assert sum("function" in way for way in ways.values()) == 109
    assert ways["apoc.text.camelCase"] == ()
    assert ways["apoc.coll.sum"] == ("function",)
    port = next(each for each in bundled.settings if each.name == "NORNICDB_HTTP_PORT")
    assert (port.default, port.yaml) == ("7474", ("server.http_port",))
