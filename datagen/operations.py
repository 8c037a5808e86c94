"""Questions about operating NornicDB, each with the one right answer that a fact gives.

What is documented and what can be called are two things in NornicDB; the answers say which.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import NamedTuple

from cypher.dialect import check_dialect
from datagen.draft import Draft, fits_split
from datagen.phrasing import Phraser, polish
from heimdall.answers import FactAnswer
from heimdall.rows import Split
from heimdall.text import join_words
from nornicdb.facts import ApocFunction, Facts, Function, McpTool, Procedure, Route, SchemaSyntax, Setting, YamlKey

_YES, _NO = ("yes",), ("no",)
_ACRONYMS = frozenset(
    "api ann apoc bm25 cors cpu gc gdpr gpu grpc ha hnsw http https id ivf jwt llm mcp oauth pq qc tls tlp ttl url wal".split()
)
_TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "duration": "a duration such as 30s",
    "array": "a list separated by commas",
    "object": "a mapping",
}
# Kinds of constraints and indexes that Neo4j has, and what the form that makes one holds.
_CONSTRAINTS = {
    "uniqueness": r"\) REQUIRE .* IS UNIQUE",
    "node key": r"IS NODE KEY",
    "existence (IS NOT NULL)": r"\) REQUIRE .* IS NOT NULL",
    "property type": r"IS (::|TYPED)",
    "relationship uniqueness": r"\]-\(\) REQUIRE .* IS UNIQUE",
    "relationship key": r"IS RELATIONSHIP KEY",
}
_INDEXES = {
    "node property": r"CREATE INDEX",
    "full-text": r"CREATE FULLTEXT INDEX",
    "vector": r"CREATE VECTOR INDEX",
    "RANGE": r"CREATE RANGE INDEX",
    "TEXT": r"CREATE TEXT INDEX",
    "POINT": r"CREATE POINT INDEX",
    "token lookup": r"CREATE LOOKUP INDEX",
}

# The wordings of each kind of question; `Phraser` keeps the last two from training.
_WORDINGS: dict[str, tuple[str, ...]] = {
    "setting_default": (
        "what is the default of {name}", "what value does {name} have if I do not set it", "{name}: what is the default",
        "which value does NornicDB take when {name} is not set", "tell me the default value of {name}",
        "what happens to be the default for {name}", "if I leave {name} out, which value is used",
        "what does {name} default to", "without {name} in the environment, what value applies", "default value for {name}",
    ),
    "setting_name": (
        "which environment variable sets the {words} and what is its default",
        "how do I set the {words} through the environment, and what is it otherwise",
        "what is the environment variable for the {words}, and its default", "name the variable for the {words} and its default value",
        "I want to change the {words} by an environment variable: which one, and what does it default to",
        "environment variable and default for the {words}", "which variable holds the {words}, and what is it without it",
        "where do I set the {words} in the environment and what is used if I do not",
        "what do I export to change the {words}, and what is it by default", "the {words}: which environment variable, which default",
    ),
    "setting_type": (
        "what kind of value does {name} take", "which type has {name}", "what can I write into {name}",
        "what sort of value belongs into {name}", "of which type is the value of {name}", "what does {name} expect",
        "how is the value of {name} written", "what values are allowed for {name}", "the type of {name}",
    ),
    "setting_yaml": (
        "which key of nornicdb.yaml does the same as {name}", "how do I write {name} in nornicdb.yaml",
        "what is {name} called in the configuration file", "which key in the YAML file corresponds to {name}",
        "I want {name} in nornicdb.yaml instead: which key is it", "the nornicdb.yaml key for {name}",
        "where in nornicdb.yaml do I set what {name} sets", "which line of nornicdb.yaml replaces {name}",
        "translate {name} into a key of nornicdb.yaml", "under which key does nornicdb.yaml hold {name}",
    ),
    "yaml_variable": (
        "which environment variable does the same as {name} in nornicdb.yaml", "how do I set {name} through the environment",
        "what overrides the key {name} from the environment", "the environment variable for the key {name}",
        "I do not want a config file: which variable replaces {name}", "which variable corresponds to {name}",
        "by which environment variable is {name} set", "what is the key {name} called in the environment",
        "name the environment variable of the YAML key {name}",
    ),
    "yaml_default": (
        "what is the default of {name} in nornicdb.yaml", "which value has {name} if nornicdb.yaml does not set it",
        "the key {name}: what is its default", "what does {name} default to in the configuration file",
        "tell me the default value of the key {name}", "if I leave {name} out of nornicdb.yaml, what is used",
        "what value does NornicDB take without the key {name}", "default for {name} in the YAML file",
        "nornicdb.yaml without {name}: which value applies",
    ),
    "yaml_unread": (
        "does the key {name} in nornicdb.yaml have any effect", "what does {name} in nornicdb.yaml change",
        "is the key {name} of nornicdb.yaml read", "I set {name} in nornicdb.yaml and nothing happens, why",
        "can I use {name} in the configuration file", "does NornicDB look at {name} in nornicdb.yaml",
        "what happens if I set {name} in nornicdb.yaml", "is it worth setting {name} in nornicdb.yaml",
        "will {name} in nornicdb.yaml do something",
    ),
    "callable": (
        "can I call {name}", "does {name} work in NornicDB", "is {name} available", "can a query use {name}",
        "is it possible to call {name} in NornicDB", "may I use {name} in a query", "does NornicDB really have {name}",
        "{name}: can it be called", "will {name} run in NornicDB", "is {name} usable in Cypher here", "can NornicDB execute {name}",
    ),
    "signature": (
        "what is the signature of {name}", "which arguments does {name} take", "how do I call {name}", "what does {name} take and give",
        "show me the parameters and the result of {name}", "how is {name} declared", "what are the arguments and results of {name}",
        "give me the signature of {name}", "what goes into {name} and what comes out", "parameters of {name}",
    ),
    "permission": (
        "which permission does {name} need", "what permission do I need for {name}", "who may ask {name}",
        "what must a user be allowed to do to use {name}", "what does the route {name} require", "is {name} open to everybody",
        "which rights are needed for the HTTP route {name}", "what permission protects {name}",
        "am I allowed to ask {name} without special rights", "the permission for {name}",
    ),
    "tool_required": (
        "which parameters does the MCP tool {name} require", "what do I have to pass to the MCP tool {name}",
        "the required parameters of the tool {name}", "which arguments of the MCP tool {name} are mandatory",
        "what must a call of the tool {name} contain", "what does the MCP tool {name} need at least",
        "which fields of the MCP tool {name} may not be missing", "name the mandatory parameters of the MCP tool {name}",
    ),
    "tool_default": (
        "what is the default of {param} in the MCP tool {name}", "which {param} does the MCP tool {name} use if I give none",
        "the tool {name}: what does {param} default to", "default value of {param} for the MCP tool {name}",
        "if a call of the MCP tool {name} has no {param}, what is taken", "what happens without {param} in the MCP tool {name}",
        "which value has {param} in the MCP tool {name} by default", "tell me the default {param} of the MCP tool {name}",
    ),
    "syntax": (
        "can I create a {name} {what} in NornicDB", "does NornicDB support {name} {plural}", "how do I create a {name} {what}",
        "is there a {name} {what} in NornicDB", "what is the syntax for a {name} {what}", "are {name} {plural} possible",
        "I need a {name} {what}: does NornicDB make one", "which statement makes a {name} {what}",
        "will NornicDB accept a {name} {what}", "show me how a {name} {what} is made",
    ),
}  # fmt: skip


class Question(NamedTuple):
    """A question that can be asked in several wordings. `source` is the same for facts that tell each other."""

    category: str
    wordings: str
    slots: Mapping[str, str]
    answer: str
    required: tuple[tuple[str, ...], ...]
    forbidden: tuple[str, ...]
    source: str


def list_questions(facts: Facts) -> dict[str, list[Question]]:
    """All questions that the facts answer, by category."""
    questions: dict[str, list[Question]] = defaultdict(list)
    groups = _group_settings(facts)
    apoc = {function.name.lower() for function in facts.apoc}
    for each in (
        *(question for setting in facts.settings for question in _ask_setting(setting, groups)),
        *(question for key in facts.yaml_keys for question in _ask_yaml_key(key, groups)),
        *(question for function in facts.apoc for question in _ask_apoc(function)),
        *(question for procedure in facts.procedures for question in _ask_procedure(procedure, apoc)),
        *(question for function in facts.functions for question in _ask_function(function)),
        *(_ask_route(route) for route in _find_unambiguous(facts.routes)),
        *(question for tool in facts.tools for question in _ask_tool(tool)),
        *_ask_syntax(facts.schema_syntax),
    ):
        questions[each.category].append(each)
    return dict(questions)


def draw_operation(questions: Mapping[str, Sequence[Question]], split: Split, rng: random.Random) -> Draft | None:
    """One question of a category drawn evenly, or None where the dice gave none that fits the split."""
    question = rng.choice(questions[rng.choice(sorted(questions))])
    phraser = Phraser(rng, held_out=split == "test_phrasing")
    text = phraser.pick(question.wordings, _WORDINGS[question.wordings]).format(**question.slots)
    if not fits_split(question.source, split) or not phraser.fits:
        return None
    asks = text.split()[0] in ("what", "which", "how", "does", "can", "is", "who", "may", "will", "are", "am", "where")
    if not text.startswith(tuple(question.slots.values())):  # a name keeps its spelling
        text = polish(text, rng, question=asks)
    return Draft(
        category=question.category,
        question=text,
        answer=question.answer,
        expected=FactAnswer(required=question.required, forbidden=question.forbidden),
        source=question.source,
        productions=tuple(phraser.used),
    )


def _ask_setting(setting: Setting, groups: Mapping[str, str]) -> Iterator[Question]:
    name, source = setting.name, f"setting:{groups[setting.name]}"
    slots = {"name": name}
    if setting.default is not None:
        shown = _show(setting.default)
        keys = f" In nornicdb.yaml the key is {join_words(setting.yaml)}." if setting.yaml else ""
        answer = f"{name} is {shown} by default.{keys}"
        yield Question(
            "setting_default", "setting_default", slots, answer, ((name,), _spell(setting.default)), (), source
        )
        words = _spell_words(name)
        if name.startswith("NORNICDB_") and " " in words:
            answer = f"Set {name}; its default is {shown}."
            required = ((name,), _spell(setting.default))
            yield Question("setting_name", "setting_name", {"words": words}, answer, required, (), source)
    if setting.kind is not None:
        kind = _TYPES[setting.kind]
        yield Question("setting_type", "setting_type", slots, f"{name} takes {kind}.", ((name,), (kind,)), (), source)
    if setting.yaml:
        answer = f"In nornicdb.yaml, {join_words(setting.yaml)} {_do(setting.yaml)} the same as {name}."
        yield Question("setting_yaml", "setting_yaml", slots, answer, (setting.yaml,), (), source)


def _ask_yaml_key(key: YamlKey, groups: Mapping[str, str]) -> Iterator[Question]:
    name, source = key.name, f"setting:{groups[key.name]}"
    slots = {"name": name}
    if not key.read:
        answer = f"No. nornicdb.yaml may hold {name}, but nothing in NornicDB reads it, so it has no effect."
        yield Question("yaml_unread", "yaml_unread", slots, answer, (("no effect", "nothing"),), ("yes",), source)
        return
    if key.environment:
        answer = f"{join_words(key.environment)} {_do(key.environment)} the same as {name} in nornicdb.yaml."
        yield Question("yaml_variable", "yaml_variable", slots, answer, (key.environment,), (), source)
    if key.default is not None:
        answer = f"{name} is {_show(key.default)} unless nornicdb.yaml or the environment sets it."
        yield Question("yaml_default", "yaml_default", slots, answer, ((name,), _spell(key.default)), (), source)


def _ask_apoc(function: ApocFunction) -> Iterator[Question]:
    name, source = function.name, f"callable:{function.name.lower()}"
    slots = {"name": name}
    if "function" in function.callable_as:
        answer = f"Yes, {name} is a function that expressions can use, as in RETURN {name}(…)."
        yield Question("apoc_callable", "callable", slots, answer, (_YES, (name,), ("function",)), ("cannot",), source)
    elif "procedure" in function.callable_as:
        answer = f"Yes, as a procedure: CALL {name}(…). It is no function of expressions."
        yield Question("apoc_callable", "callable", slots, answer, (_YES, (name,), ("procedure",)), ("cannot",), source)
    else:
        answer = (
            f"No. {name} is documented and registered, but it cannot be called: an expression with it gives null or its "
            "own text, and CALL does not know it."
        )
        required = (_NO, ("cannot be called", "not callable"), ("documented", "registered"))
        yield Question("apoc_documented", "callable", slots, answer, required, ("yes",), source)


def _ask_procedure(procedure: Procedure, apoc: Container[str]) -> Iterator[Question]:
    name, source = procedure.name, f"callable:{procedure.name.lower()}"
    slots = {"name": name}
    if not procedure.dispatched:
        answer = f"No. SHOW PROCEDURES lists {name}, but CALL does not know it."
        yield Question("procedure", "callable", slots, answer, (_NO, ("SHOW PROCEDURES",)), ("yes",), source)
        return
    if name.lower() not in apoc:  # else `_ask_apoc` asks
        answer = f"Yes, {name} is a procedure: CALL {name}(…)."
        yield Question("procedure", "callable", slots, answer, (_YES, (name,), ("procedure",)), ("cannot",), source)
    if procedure.signature is not None and "..." not in procedure.signature:
        signature = procedure.signature
        answer = f"CALL {signature}"
        yield Question("procedure_signature", "signature", slots, answer, ((signature,),), (), source)


def _ask_function(function: Function) -> Iterator[Question]:
    if function.signature is None or not function.evaluated:
        return
    if any(check_dialect(f"MATCH (n) RETURN {function.name}({argument})") for argument in ("1", "n")):
        return  # it gives something else than its signature says
    slots, source = {"name": f"{function.name}()"}, f"callable:{function.name.lower()}"
    yield Question("function_signature", "signature", slots, function.signature, ((function.signature,),), (), source)


def _ask_route(route: Route) -> Question:
    name, source = route.name, f"route:{route.name}"
    if route.permission is None:
        answer = f"{name} needs no permission: it is open without a login."
        return Question("route", "permission", {"name": name}, answer, (("no permission", "open"),), (), source)
    answer = f"{name} needs the permission {route.permission}."
    return Question("route", "permission", {"name": name}, answer, ((name,), (route.permission,)), ("open",), source)


def _ask_tool(tool: McpTool) -> Iterator[Question]:
    required = [param.name for param in tool.params if param.required]
    optional = [param.name for param in tool.params if not param.required]
    answer = f"The MCP tool {tool.name} requires {join_words(required) if required else 'no parameter'}."
    said = tuple((name,) for name in required) or (("no parameter", "none", "nothing"),)
    source = f"tool:{tool.name}"
    forbidden = tuple(name for name in optional if name != tool.name)
    yield Question("tool", "tool_required", {"name": tool.name}, answer, said, forbidden, source)
    for param in tool.params:
        if param.default is not None:
            slots = {"name": tool.name, "param": param.name}
            answer = f"Without it, {param.name} of the MCP tool {tool.name} is {_show(param.default)}."
            yield Question("tool_default", "tool_default", slots, answer, (_spell(param.default),), (), source)


def _ask_syntax(syntax: Sequence[SchemaSyntax]) -> Iterator[Question]:
    """Which kinds of constraints and indexes there are; a form without a name or in Neo4j's old spelling is not told."""
    for what, plural, kinds in (("constraint", "constraints", _CONSTRAINTS), ("index", "indexes", _INDEXES)):
        for kind, pattern in kinds.items():
            forms = [each.form for each in syntax if re.search(pattern, each.form)]
            slots, source = {"name": kind, "what": what, "plural": plural}, f"syntax:{kind} {what}"
            if forms:
                answer = f"Yes: {forms[0]}"
                required, forbidden = ((forms[0],),), ("no",)
            else:
                answer = f"No. NornicDB has no statement that makes {kind} {plural}."
                required, forbidden = (("no",),), ("yes",)
            yield Question("syntax", "syntax", slots, answer, required, forbidden, source)


def _group_settings(facts: Facts) -> dict[str, str]:
    """For each variable and key the first name of those that set the same: what tells one of them tells the others."""
    linked: dict[str, set[str]] = defaultdict(set)
    for setting in facts.settings:
        linked[setting.name] |= {setting.name, *setting.yaml}
    for key in facts.yaml_keys:
        linked[key.name] |= {key.name, *key.environment}
    groups: dict[str, str] = {}
    for name in sorted(linked):
        waiting = [name] if name not in groups else []
        while waiting:
            other = waiting.pop()
            if other not in groups:
                groups[other] = name
                waiting += [*linked[other], *(each for each in linked if other in linked[each])]
    return groups


def _find_unambiguous(routes: Sequence[Route]) -> list[Route]:
    """The routes whose path is registered once."""
    paths = Counter(route.name for route in routes)
    return [route for route in routes if paths[route.name] == 1]


def _spell_words(name: str) -> str:
    """A variable's name in words: NORNICDB_HTTP_PORT is the "HTTP port"."""
    words = name.removeprefix("NORNICDB_").lower().split("_")
    if words[-1] == "enabled" and len(words) > 1:
        words = [*words[:-1], "switch"]
    return " ".join(word.upper() if word in _ACRONYMS else word for word in words)


def _show(default: str) -> str:
    return default if default else "empty"


def _spell(default: str) -> tuple[str, ...]:
    return (default,) if default else ("empty", "not set", "nothing")


def _do(names: Sequence[str]) -> str:
    return "does" if len(names) == 1 else "do"
