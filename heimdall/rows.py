"""A data set's row: chat messages, the typed answer that is expected, and the proof that the answer is right.

A row holds the user's and the assistant's turns. The system turn belongs to NornicDB's contract, which shuffles it per
request, so a row only names which of the contract's prompts it is for (`prompt`).

- `minimal`, `full`: NornicDB's system prompts. `tail`: what its default batch size leaves of the full one.
- `knowledge`: the full prompt with what NornicDB has found in its graph for the question (`knowledge`).
- `chat`: ChatML turns without a system prompt. `raw`: the one user message is the whole text that the model gets.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self, get_args

import pydantic

from heimdall.answers import ActionAnswer, Answer, QueryAnswer
from heimdall.records import read_records
from heimdall.refs import Record

Family = Literal[
    "action",
    "history",
    "knowledge",
    "cypher_schema",
    "cypher_plain",
    "cypher_help",
    "operations",
    "tlp_review",
    "cognitive",
    "code",
    "general",
]
Prompt = Literal["minimal", "full", "tail", "knowledge", "chat", "raw"]
Split = Literal["train", "validation", "test_iid", "test_schema", "test_composition", "test_phrasing", "test_fact"]
FAMILIES: tuple[Family, ...] = get_args(Family)
SPLITS: tuple[Split, ...] = get_args(Split)
ALONE: tuple[Family, ...] = ("history", "knowledge")  # whose questions are asked without their context, too
# Categories of rows of these two families whose answer does not follow from the turns before or from what was found.
UNRELATED, LACKING = "unrelated", "lacking"
TEST_SPLITS: tuple[Split, ...] = tuple(split for split in SPLITS if split.startswith("test_"))


class Message(Record):
    """One turn of a chat."""

    role: Literal["user", "assistant"]
    content: str


class Related(Record):
    """A node that is linked to one that was found. `forward`: the relationship leaves the one that was found."""

    type: str
    title: str
    relationship: str
    forward: bool


class Found(Record):
    """A node that a search in the graph has found, with the text of its property `content` and its other properties."""

    type: str
    title: str
    content: str = ""
    properties: Mapping[str, str | int | bool] = pydantic.Field(default_factory=dict)
    related: tuple[Related, ...] = ()


class Proof(Record):
    """What was checked when the row was made: result rows on each small graph, and mutants told apart."""

    result_rows: tuple[int, ...]
    mutants: int
    killed: int


class Row(Record):
    """One example. `category` is a kind of question within the family, `source` the fact or case that it is about,
    which splits keep apart; `skeleton` is the query's shape, `operators` its parts, `productions` the wordings used.
    `knowledge` is there under the prompt of that name, and only there."""

    id: str
    family: Family
    split: Split
    prompt: Prompt
    messages: tuple[Message, ...]
    knowledge: tuple[Found, ...] = ()
    expected: Answer
    category: str | None = None
    source: str | None = None
    schema_id: str | None = None
    skeleton: str | None = None
    operators: tuple[str, ...] = ()
    productions: tuple[str, ...] = ()
    proof: Proof | None = None

    @pydantic.model_validator(mode="after")
    def _check_knowledge(self) -> Self:
        if bool(self.knowledge) != (self.prompt == "knowledge"):
            raise ValueError("`knowledge` belongs to the prompt 'knowledge', which cannot be without it")
        return self

    @property
    def asked(self) -> str:
        """All that the answer depends on: what was found in the graph and all turns before the answer."""
        found = (node.model_dump_json() for node in self.knowledge)
        return "\n\n".join([*found, *(message.content for message in self.messages[:-1])])

    @property
    def question(self) -> str:
        """The last user turn."""
        return next(message.content for message in reversed(self.messages) if message.role == "user")

    @property
    def query(self) -> str | None:
        """The query in the expected answer, if it holds one that is judged."""
        return self.expected.cypher if isinstance(self.expected, ActionAnswer | QueryAnswer) else None

    @property
    def answer(self) -> str:
        """The assistant turn to be learnt."""
        return self.messages[-1].content


def read_rows(path: Path) -> Iterator[Row]:
    """Reads rows one by one. Raises `InputError` naming file and line for anything that is not a row."""
    return (row for _, row in read_records(path, Row))
