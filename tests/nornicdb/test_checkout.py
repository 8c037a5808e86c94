"""Reading the contract from a checkout: every text from its place, and a named place for every text that has moved."""

import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from contract_checkout import FILES, LATER_FILES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heimdall.errors import InputError
from nornicdb.checkout import HANDLER_FILE, PLUGIN_FILE, REVIEW_FILE, TYPES_FILE, WATCHER_FILE, read_contract
from nornicdb.contract import Param, resolve_contract
from nornicdb.prompts import build_system_prompt

MakeCheckout = Callable[..., Path]


@pytest.fixture
def make_checkout(tmp_path: Path) -> MakeCheckout:
    """Writes the checkout; a file's content, or one text in it, can be exchanged."""

    def make(
        name: str = TYPES_FILE, old: str = "", new: str = "", content: str | None = None, *, later: bool = False
    ) -> Path:
        for file, text in (LATER_FILES if later else FILES).items():
            path = tmp_path / "checkout" / file
            path.parent.mkdir(parents=True, exist_ok=True)
            if file == name:
                assert old in text
                text = text.replace(old, new, 1) if content is None else content
            path.write_text(text, encoding="utf-8", newline="")
        return tmp_path / "checkout"

    return make


def test_every_text_is_read_from_its_place(make_checkout: MakeCheckout) -> None:
    contract = read_contract(make_checkout())
    assert contract.identity == 'I am the "guardian".\nI keep \\n as it is.\n\n'
    assert contract.actions_heading == "CAN:\n"
    assert contract.primer == "CYPHER:\n  MATCH (n)\n"
    assert contract.modes == 'MODES\n\t→ "one" é\n'
    assert contract.examples_heading == "FOR EXAMPLE:\n"
    assert contract.final == "ONLY JSON\n"
    assert contract.minimal_identity == "Guardian.\n\n"
    assert contract.minimal_heading == "CAN:\n"
    assert contract.minimal_final == "\nASK WITH {}\nONLY JSON\n"
    assert contract.review == "Judge the links.\nOne object."
    assert contract.review_augmented == "Judge the links.\nOne object.\nOr add some."
    assert contract.max_system_tokens == 5000
    assert contract.action_names == (
        "heimdall.help",
        "heimdall.status",
        "heimdall.watcher.query",
        "heimdall.watcher.forge",
    )
    assert [action.description for action in contract.actions][:2] == ["Lists things", "Counts things"]
    assert contract.builtin_action_names == ("heimdall.help", "heimdall.status")
    assert [example.user for example in contract.examples] == ["all well?", "what's there", "make a thing"]
    assert json.loads(contract.examples[2].reply)["action"] == "heimdall.watcher.forge"


def test_the_prompt_of_a_checkout_is_what_its_builder_would_write(make_checkout: MakeCheckout) -> None:
    contract = read_contract(make_checkout(WATCHER_FILE, '"forge": {Desc', '// "gone": {Desc'))
    prompt = build_system_prompt(contract, "full", random.Random(0))
    assert prompt.startswith('I am the "guardian".\nI keep \\n as it is.\n\nCAN:\n## ')
    assert prompt.endswith(
        '\n\n\nCYPHER:\n  MATCH (n)\n\nMODES\n\t→ "one" é\nFOR EXAMPLE:\n'
        'User: "all well?"\n→ {"action": "heimdall.status", "params": {}}\n\n'
        'User: "what\'s there"\n→ {"action": "heimdall.help", "params": {}}\n\n'
        'User: "make a thing"\n→ {"action": "heimdall.watcher.forge", "params": {}}\n\nONLY JSON\n'
    )


def test_a_later_checkout_gives_its_names_schemas_and_instructions(make_checkout: MakeCheckout) -> None:
    contract = read_contract(make_checkout(later=True))
    assert contract.action_names == ("heimdall_watcher_query", "heimdall_watcher_forge")
    assert contract.actions[0].params == (
        Param(name="cypher", type="string", required=True),
        Param(name="dry", type="boolean"),
        Param(name="limit", type="integer"),
    )
    assert [param.name for param in contract.actions[1].params] == ["size", "kind", "parts"]
    assert contract.query_action == "heimdall_watcher_query"
    assert contract.builtin_action_names == ()
    assert [example.user for example in contract.examples] == ["make a thing"]
    assert contract.instructions == '\nALWAYS:\n- be "brief"\n'
    assert contract.final == "ONLY JSON\nONE LINE\n"


def test_the_prompt_of_a_later_checkout_is_what_its_builder_would_write(make_checkout: MakeCheckout) -> None:
    contract = read_contract(make_checkout(WATCHER_FILE, '"forge": {Desc', '// "gone": {Desc', later=True))
    assert build_system_prompt(contract, "full", random.Random(0)) == (
        'I am the "guardian".\nI keep \\n as it is.\n\nCAN:\n'
        "## database\n- heimdall_watcher_query: Asks the graph\n\n\n"
        'CYPHER:\n  MATCH (n)\n\nMODES\n\t→ "one" é\n'
        'MORE:\n\nALWAYS:\n- be "brief"\n\n--\n'
        'FOR EXAMPLE:\nUser: "make a thing"\n→ {"action": "heimdall_watcher_forge", "params": {}}\n\n'
        "ONLY JSON\nONE LINE\n"
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "construct"),
    [
        (TYPES_FILE, "if len(p.ExternalTools) > 0", "if p.Busy", "a string literal for each WriteString"),
        (TYPES_FILE, "sb.WriteString(p.AdditionalInstructions)", "", "one WriteString of p.AdditionalInstructions"),
        (HANDLER_FILE, "nil, //", "exampleList(), //", "the function defaultExamples"),
        (HANDLER_FILE, "Examples: ", "Samples: ", "the function defaultExamples"),
        (PLUGIN_FILE, "RegisterBuiltinAction", "RegisterAction", "the function BuiltinActions"),
        (PLUGIN_FILE, ") {}", ") { RegisterBuiltinAction(help) }", "the function BuiltinActions"),
        (WATCHER_FILE, "var querySchema", "var askSchema", "a value for the variable querySchema"),
        (WATCHER_FILE, "[]byte(`{", "[]byte(`", "a JSON schema with the properties of 'heimdall_watcher_query'"),
        (WATCHER_FILE, '"properties"', '"members"', "a JSON schema with the properties"),
        (WATCHER_FILE, '"boolean"', '"maybe"', "known types for all parameters"),
        (WATCHER_FILE, '"required":["cypher"]', '"required":["query"]', "known types for all parameters"),
        (WATCHER_FILE, "InputSchema: querySchema", "InputSchema: load()", "one string with the JSON schema"),
        (WATCHER_FILE, '+= "- be', '= "- be', "only instructions that PrePrompt appends"),
        (WATCHER_FILE, '"- be \\"brief\\"\\n"', "p.style()", "a string literal for the instructions of PrePrompt"),
    ],
)
def test_a_text_that_has_moved_in_a_later_checkout_is_named_with_its_place(
    make_checkout: MakeCheckout, name: str, old: str, new: str, construct: str
) -> None:
    root = make_checkout(name, old, new, later=True)
    with pytest.raises(InputError) as caught:
        read_contract(root)
    assert str(root / name) in str(caught.value)
    assert construct in str(caught.value)


def test_the_line_of_what_has_moved_is_told(make_checkout: MakeCheckout) -> None:
    root = make_checkout(WATCHER_FILE, '"- be \\"brief\\"\\n"', "p.style()", later=True)
    line = next(i for i, text in enumerate((root / WATCHER_FILE).read_text().splitlines(), 1) if "p.style()" in text)
    with pytest.raises(InputError, match=f"plugin.go:{line}' does not have"):
        read_contract(root)


def test_two_actions_that_take_a_query_are_refused(make_checkout: MakeCheckout) -> None:
    root = make_checkout(WATCHER_FILE, 'Params["kind"]', 'Params["cypher"]')
    with pytest.raises(InputError, match=r"heimdall\.watcher\.query and heimdall\.watcher\.forge both have"):
        read_contract(root)


def test_known_actions_keep_their_parameters_and_unknown_ones_get_what_their_handler_reads(
    make_checkout: MakeCheckout,
) -> None:
    contract = read_contract(make_checkout())
    query, forge = contract.actions[2:]
    assert query.params == (Param(name="cypher", type="string", required=True), Param(name="params", type="object"))
    assert forge.params == (
        Param(name="size", type="number"),
        Param(name="kind", type="string"),
        Param(name="parts", type="array"),
    )


def test_a_checkout_with_windows_line_ends_gives_the_same_contract(make_checkout: MakeCheckout) -> None:
    expected = read_contract(make_checkout()).digest
    root = make_checkout()
    for name, text in FILES.items():
        (root / name).write_text(text.replace("\n", "\r\n"), encoding="utf-8", newline="")
    assert read_contract(root).digest == expected


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff")))
@example("\\0 and \\\\x41")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_in_a_go_literal_is_read_as_go_reads_it(make_checkout: MakeCheckout, text: str) -> None:
    literal = json.dumps(text, ensure_ascii=False)  # JSON's escapes are Go's, with the same meaning
    contract = read_contract(make_checkout(TYPES_FILE, '"ONLY JSON\\n"', literal))
    assert contract.final == text


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(make_checkout: MakeCheckout, name: str) -> None:
    root = make_checkout()
    (root / name).unlink()
    with pytest.raises(InputError, match="cannot be read") as caught:
        resolve_contract(root)
    assert str(root / name) in str(caught.value)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", ["", "package heimdall\n", "\x00\xff binary"])
def test_an_empty_or_foreign_file_is_named(make_checkout: MakeCheckout, name: str, content: str) -> None:
    root = make_checkout(name, content=content)
    with pytest.raises(InputError) as caught:
        read_contract(root)
    assert str(root / name) in str(caught.value)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_written_only_in_part_is_named(make_checkout: MakeCheckout, name: str) -> None:
    root = make_checkout(name, content=FILES[name][: len(FILES[name]) - 30])
    with pytest.raises(InputError) as caught:
        read_contract(root)
    assert str(root / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "old", "new", "construct"),
    [
        (TYPES_FILE, "buildFullPrompt", "buildWholePrompt", "the function buildFullPrompt"),
        (TYPES_FILE, "buildMinimalPrompt", "buildSmallPrompt", "the function buildMinimalPrompt"),
        (TYPES_FILE, "BuildPrompt", "BuildChat", "the function BuildPrompt"),
        (TYPES_FILE, "const CypherPrimer", "var CypherPrimer", "the constant CypherPrimer"),
        (TYPES_FILE, "DefaultMaxSystemPromptTokens", "MaxSystem", "the constant DefaultMaxSystemPromptTokens"),
        (TYPES_FILE, "= 5000", "= 5 * 1000", "a whole number for DefaultMaxSystemPromptTokens"),
        (TYPES_FILE, "0.25", "0.3", "0.25 for TokensPerChar"),
        (TYPES_FILE, "<|im_start|>user", "<|user|>", "the ChatML markers"),
        (
            TYPES_FILE,
            "sb.WriteString(CypherPrimer)",
            "sb.WriteString(p.Primer())",
            "a string literal for each WriteString",
        ),
        (TYPES_FILE, "sb.WriteString(CypherPrimer)", "p.writePrimer(&sb)", "a string literal for each WriteString"),
        (TYPES_FILE, "\tsb.WriteString(CypherPrimer)\n", "", "the order text, text, actions"),
        (TYPES_FILE, '\tsb.WriteString("\\n")\n\tsb.W', '\tsb.WriteString("-")\n\tsb.W', "a line break on each side"),
        (TYPES_FILE, 'User: \\"%s\\"', 'Human: \\"%s\\"', "the example format"),
        (TYPES_FILE, '"MODES\\n"', '"MODES\\xff"', "a string literal for each WriteString"),
        (TYPES_FILE, 'if p.AdditionalInstructions != ""', "if p.Verbose", "a string literal for each WriteString"),
        (REVIEW_FILE, "buildBatchPrompt", "buildPrompt", "the function buildBatchPrompt"),
        (REVIEW_FILE, "POOL:", "NEARBY:", "the list format known from buildBatchPrompt"),
        (REVIEW_FILE, "const HeimdallAugmentSystemPrompt", "var Augment", "the constant HeimdallAugmentSystemPrompt"),
        (HANDLER_FILE, "defaultExamples", "examples", "the function defaultExamples"),
        (HANDLER_FILE, "UserSays:", "Text:", "a string literal for UserSays"),
        (HANDLER_FILE, 'UserSays: "all well?", ActionJSON: ', '"all well?", ', "a string literal for UserSays"),
        (HANDLER_FILE, "return []PromptExample{", "all := []PromptExample{", "a return as the last statement"),
        (HANDLER_FILE, '"all well?"', 'ask("all well?")', "a string literal for UserSays"),
        (HANDLER_FILE, "ActionJSON:", "Reply:", "ActionJSON of an example"),
        (PLUGIN_FILE, '"## %s\\n"', '"# %s\\n"', "the list format known from ActionPrompt"),
        (PLUGIN_FILE, '"heimdall.%s.%s"', '"heimdall." + name', "a name with two parts for fullName"),
        (PLUGIN_FILE, "fullName := ", "other := ", "a name with two parts for fullName"),
        (PLUGIN_FILE, "return []ActionFunc{", "all := []ActionFunc{", "a return as the last statement"),
        (PLUGIN_FILE, 'Description: "Lists " + "things",', "", "Description of an action in BuiltinActions"),
        (WATCHER_FILE, 'return "watcher"', "return p.name", "a string literal for the plugin's Name"),
        (WATCHER_FILE, '"query": {', "queryName: {", "the constant queryName"),
        (WATCHER_FILE, 'Category:    "database"', "Category: category()", "Category of 'heimdall.watcher.query'"),
        (WATCHER_FILE, "Handler: p.actionForge", "Handler: p.actionElse", "the function actionElse"),
        (WATCHER_FILE, "PrePrompt(", "BeforePrompt(", "the function PrePrompt"),
        (
            WATCHER_FILE,
            "\t\theimdall.PromptExample{",
            "\t\tmakeExample(), heimdall.PromptExample{",
            "UserSays of an example",
        ),
        (WATCHER_FILE, "append(ctx.Examples,", "prepend(ctx.Examples,", "only examples that PrePrompt always appends"),
        (WATCHER_FILE, "ctx.Examples = append", "_ = append", "examples that PrePrompt appends to ctx.Examples"),
    ],
)
def test_a_text_that_has_moved_is_named_with_its_file(
    make_checkout: MakeCheckout, name: str, old: str, new: str, construct: str
) -> None:
    root = make_checkout(name, old, new)
    with pytest.raises(InputError) as caught:
        read_contract(root)
    assert str(root / name) in str(caught.value)
    assert construct in str(caught.value)


def test_an_example_that_is_given_only_sometimes_is_refused(make_checkout: MakeCheckout) -> None:
    sometimes = 'ctx.Examples = append(ctx.Examples, heimdall.PromptExample{UserSays: "x", ActionJSON: "{}"})'
    root = make_checkout(WATCHER_FILE, 'ctx.Notify("a", "b")', sometimes)
    with pytest.raises(InputError, match="only examples that PrePrompt always appends"):
        read_contract(root)


def test_two_actions_of_one_name_are_refused(make_checkout: MakeCheckout) -> None:
    root = make_checkout(PLUGIN_FILE, '"heimdall.status"', '"heimdall.help"')
    with pytest.raises(InputError, match=r"heimdall\.help is defined twice"):
        read_contract(root)


def test_the_source_names_the_commit_of_a_git_checkout(make_checkout: MakeCheckout) -> None:
    root = make_checkout()
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first", "--no-gpg-sign"]):
        identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
        subprocess.run(["git", "-C", root, *identity, *arguments], check=True)
    head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert read_contract(root).source == f"checkout@{head.stdout.strip()}"


def test_a_directory_inside_another_repository_has_no_commit_of_its_own(make_checkout: MakeCheckout) -> None:
    root = make_checkout()
    subprocess.run(["git", "init", "-q", root.parent], check=True)
    assert read_contract(root).source == "checkout@unknown"


def test_without_git_the_commit_is_unknown(make_checkout: MakeCheckout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert read_contract(make_checkout()).source == "checkout@unknown"
