"""NornicDB's prompt contract: the texts and actions that a model meets at run time, and where they come from.

Every data set, model and score names the digest of the contract it was made for.
"""

from importlib import resources
from pathlib import Path
from typing import Literal, Self

import pydantic

from heimdall.errors import InputError
from heimdall.files import digest_json, write_json
from heimdall.refs import Record

ParamType = Literal["string", "integer", "number", "boolean", "object", "array"]
REFERENCE = "reference_contract.json"


class Param(Record):
    """One parameter of an action, as its handler reads it. The ChatML prompt never shows the types to the model."""

    name: str
    type: ParamType
    required: bool = False


class Action(Record):
    """One registered action. `description` and `category` are shown to the model, the parameters are not."""

    name: str
    description: str
    category: str
    params: tuple[Param, ...] = ()

    @property
    def takes_query(self) -> bool:
        """Whether it runs the Cypher query in its `params.cypher`."""
        return any(param.name == "cypher" for param in self.params)


class Example(Record):
    """One few-shot example of the full prompt."""

    user: str
    reply: str


class Contract(Record):
    """All texts of the system prompts. `source` is `reference`, `checkout@<commit>` or `checkout@unknown`.

    Full prompt: identity, actions_heading, actions, primer, modes, context_heading, knowledge, instructions,
    context_end, examples_heading, examples, final. The heading and end of the context are left out where it is empty.
    Knowledge is what a search in the graph has found for the question, between `knowledge_heading` and `knowledge_end`;
    both are empty where NornicDB puts none into its prompt. No search is made for a question that begins with one of
    `knowledge_skipped`, and a text that was found is cut after `knowledge_limit` bytes.
    Minimal prompt: minimal_identity, minimal_heading, actions, minimal_final.
    `review` and `review_augmented` are the system texts of Auto-TLP's quality control (`nornicdb.review`).
    `max_system_tokens` is NornicDB's budget, above which (at four bytes per token) it sends the minimal prompt.
    """

    schema_version: Literal[1] = 1
    source: str
    identity: str
    actions_heading: str
    primer: str
    modes: str
    context_heading: str = ""
    instructions: str = ""
    context_end: str = ""
    knowledge_heading: str = ""
    knowledge_end: str = ""
    knowledge_limit: int = 0
    knowledge_skipped: tuple[str, ...] = ()
    examples_heading: str
    final: str
    minimal_identity: str
    minimal_heading: str
    minimal_final: str
    review: str
    review_augmented: str
    max_system_tokens: int
    actions: tuple[Action, ...]
    builtin_action_names: tuple[str, ...]
    examples: tuple[Example, ...]

    @pydantic.model_validator(mode="after")
    def _check_actions(self) -> Self:
        names = [action.name for action in self.actions]
        if not names:
            raise ValueError("a contract needs at least one action")
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"action {', '.join(repeated)} is defined twice")
        if unknown := sorted(set(self.builtin_action_names) - set(names)):
            raise ValueError(f"built-in action {', '.join(unknown)} is not among the actions")
        if len(queries := [action.name for action in self.actions if action.takes_query]) > 1:
            raise ValueError(f"{' and '.join(queries)} both have a parameter 'cypher'")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of everything a model can notice: the same texts from two commits have the same digest."""
        return digest_json(self.model_dump(mode="json", exclude={"source"}))

    @property
    def action_names(self) -> tuple[str, ...]:
        """The names that NornicDB accepts in a reply, in the contract's order."""
        return tuple(action.name for action in self.actions)

    @property
    def query_action(self) -> str:
        """The name of the action that runs `params.cypher`. Raises `InputError` where the contract has none."""
        name = next((action.name for action in self.actions if action.takes_query), None)
        if name is None:
            raise InputError(
                f"The contract {self.source} has no action with a parameter 'cypher', so no query can run."
            )
        return name

    def find_action(self, name: str) -> Action | None:
        """The action with exactly this name, or None."""
        return next((action for action in self.actions if action.name == name), None)


def load_reference_contract() -> Contract:
    """The bundled contract: NornicDB's structure, actions and parameters, with every sentence in our own words."""
    return Contract.model_validate_json(resources.files("nornicdb").joinpath(REFERENCE).read_text(encoding="utf-8"))


def resolve_contract(checkout: Path | None) -> Contract:
    """The contract of a NornicDB checkout, or the bundled one without a checkout.

    Raises `InputError` when the checkout cannot be read or its prompt texts are not where they are expected.
    """
    if checkout is None:
        return load_reference_contract()
    from nornicdb.checkout import read_contract

    return read_contract(checkout)


def load_contract(path: Path) -> Contract:
    """Reads a contract that `write_contract` wrote. Raises `InputError` naming the file and the key."""
    try:
        return Contract.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"The contract '{path}' cannot be read ({error.strerror}).") from error
    except ValueError as error:  # pydantic's errors and undecodable bytes are both ValueErrors
        raise InputError(f"'{path}' is not a prompt contract: {_first_problem(error)}.") from error


def write_contract(path: Path, contract: Contract) -> None:
    """Writes a contract as JSON, whole or not at all."""
    write_json(path, contract.model_dump(mode="json"))


def _first_problem(error: ValueError) -> str:
    if not isinstance(error, pydantic.ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
