"""A user's own questions: JSON lines of a form that anyone can write, or the file of another project's suite.

`docs/evaluation.md` describes the form. Everything is checked before a model is asked anything.
"""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from cypher.graph import PropertyGraph
from cypher.notations import read_any_schema
from cypher.parse import check_syntax
from cypher.run import check_shape
from cypher.schema import GraphSchema
from cypher.statement import find_order
from eval.foreign import KNOWN, ForeignQuestion, read_foreign
from heimdall.answers import ActionAnswer, format_action
from heimdall.errors import EngineError, InputError, suggest
from heimdall.files import write_text
from heimdall.records import read_records
from heimdall.refs import Record
from heimdall.rows import Family, Message
from nornicdb.contract import Contract


class AcceptedAction(Record):
    """An action with its parameters that is a right answer."""

    action: str
    params: dict[str, Any] = Field(default_factory=dict)


class SuiteLine(Record):
    """One line of the file: `cypher` (with `ordered` and `graphs`) or `actions`, of which any one is right."""

    question: str = Field(min_length=1)
    schema_text: str | None = Field(None, alias="schema", min_length=1)
    cypher: str | None = None
    ordered: bool = False
    graphs: tuple[PropertyGraph, ...] = ()
    actions: tuple[AcceptedAction, ...] = ()


class SuiteRow(Record):
    """A question of a suite as the evaluation asks it; `accepted` holds at least one answer, each of them right.

    `graph_schema` is None where no schema is given or it is in no notation that `cypher.notations` reads. `fault` says
    why no reply can be judged: the suite's own query is wrong.
    """

    id: str
    family: Family
    split: Literal["suite"] = "suite"
    messages: tuple[Message, ...]
    accepted: tuple[ActionAnswer, ...]
    graphs: tuple[PropertyGraph, ...]
    graph_schema: GraphSchema | None
    fault: str | None = None
    category: None = None
    schema_id: None = None

    @property
    def question(self) -> str:
        """The user's turn."""
        return self.messages[0].content

    @property
    def answer(self) -> str:
        """The first accepted answer as the assistant would write it."""
        return self.messages[-1].content


def read_suite(path: Path, contract: Contract) -> list[SuiteRow]:
    """Reads all questions of a suite. Raises `InputError` naming file and line of the first that cannot be used.

    A query of another project's suite that is wrong itself does not stop the rest: its row has a `fault`.
    """
    foreign = read_foreign(path)
    if foreign is not None:
        schemas = {text: _try_schema(text) for text in {item.schema_text for item in foreign}}
        return [_make_foreign_row(item, schemas[item.schema_text], contract) for item in foreign]
    rows = [_make_row(number, line, contract, path) for number, line in read_records(path, SuiteLine)]
    if not rows:
        raise InputError(f"The suite '{path}' holds no question; give {KNOWN}.")
    return rows


def append_question(path: Path, line: SuiteLine, contract: Contract) -> int:
    """Adds a question to a suite, which may not exist yet; returns how many it holds then.

    Whole or not at all. Raises `InputError` for a question that could not be asked, and naming the line of a suite
    that is broken already.
    """
    problem = _find_problem(line, contract)
    if problem is not None:
        raise InputError(f"The question was not added to '{path}': {problem}")
    place = path.resolve()  # a link stays one
    known = read_suite(place, contract) if place.exists() and place.stat().st_size else []
    text = place.read_bytes().decode("utf-8") if known else ""
    if text and not text.endswith("\n"):
        text += "\n"
    # What is as it would be if left out is left out.
    written = json.dumps(line.model_dump(by_alias=True, exclude_defaults=True), ensure_ascii=False)
    write_text(place, f"{text}{written}\n")
    return len(known) + 1


def _make_row(number: int, line: SuiteLine, contract: Contract, path: Path) -> SuiteRow:
    problem = _find_problem(line, contract)
    if problem is not None:
        raise InputError(f"{path}:{number}: {problem}")
    if line.cypher is not None:
        family: Family = "cypher_plain" if line.schema_text is None else "cypher_schema"
        query = _expect_query(line.cypher, contract, ordered=line.ordered)
        accepted: tuple[ActionAnswer, ...] = (query,)
    else:
        family = "action"
        accepted = tuple(ActionAnswer(action=each.action, params=each.params) for each in line.actions)
    return SuiteRow(
        id=f"line-{number}",
        family=family,
        messages=_write_messages(line.question, line.schema_text, accepted[0]),
        accepted=accepted,
        graphs=line.graphs,
        graph_schema=_try_schema(line.schema_text),
    )


def _make_foreign_row(item: ForeignQuestion, schema: GraphSchema | None, contract: Contract) -> SuiteRow:
    query = _expect_query(item.cypher, contract, ordered=item.fault is None and find_order(item.cypher))
    return SuiteRow(
        id=item.id,
        family="cypher_plain" if item.schema_text is None else "cypher_schema",
        messages=_write_messages(item.question, item.schema_text, query),
        accepted=(query,),
        graphs=(),
        graph_schema=schema,
        fault=item.fault,
    )


def _expect_query(cypher: str, contract: Contract, *, ordered: bool) -> ActionAnswer:
    return ActionAnswer(action=contract.query_action, params={"cypher": cypher}, cypher=cypher, ordered=ordered)


def _write_messages(question: str, schema: str | None, answer: ActionAnswer) -> tuple[Message, ...]:
    # As in the generated data: the schema, an empty line, the question.
    text = question if schema is None else f"{schema.strip()}\n\n{question}"
    reply = format_action(answer.action, answer.params)
    return (Message(role="user", content=text), Message(role="assistant", content=reply))


def _find_problem(line: SuiteLine, contract: Contract) -> str | None:
    """What is wrong with a line whose fields have the right types, in words; None if nothing."""
    if (line.cypher is None) == (not line.actions):
        return "a line needs either 'cypher' or 'actions', and not both."
    if line.cypher is None:
        if line.ordered or line.graphs:
            return "'ordered' and 'graphs' belong to 'cypher'; leave them out."
        names = list(contract.action_names)
        for name in (each.action for each in line.actions):
            if name not in names:
                return f"actions: '{name}' is not a registered action.{suggest(name, names)}"
            if name == contract.query_action:
                return f"actions: give the query of '{name}' as 'cypher', so that it is judged as a query."
        return None
    problem = check_syntax(line.cypher)
    if problem is not None:
        return f"cypher: {problem.message.rstrip('.')}."
    return next((found for found in map(_find_fault, range(len(line.graphs)), line.graphs) if found), None)


def _find_fault(index: int, graph: PropertyGraph) -> str | None:
    ids = {node.id for node in graph.nodes}
    if len(ids) < len(graph.nodes):
        return f"graphs.{index}: two nodes have the same id."
    for edge in graph.relationships:
        if not {edge.start, edge.end} <= ids:
            return f"graphs.{index}: a relationship goes from {edge.start} to {edge.end}, and one of them is no node."
    try:
        check_shape(graph)
    except EngineError as error:
        return f"graphs.{index}: {error}"
    return None


def _try_schema(text: str | None) -> GraphSchema | None:
    """The schema where its notation is known. In any other it is shown to the model all the same."""
    try:
        return None if text is None else read_any_schema(text)
    except InputError:
        return None
