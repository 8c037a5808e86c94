"""Makes the examples of one chunk: a fixed number of schemas (or requests), independent of all other chunks.

Everything a chunk does follows from its specification, so chunks may run in any process and in any order.
"""

import math
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

from cypher.graph import PropertyGraph, SchemaGraphs
from cypher.run import EmbeddedGraph
from datagen import lexicon
from datagen.actions import QUERY, ask_for_action, match_actions
from datagen.code_review import draw_code_review
from datagen.coding import draw_code
from datagen.cognitive import TASKS, draw_cognitive
from datagen.draft import Draft, draw_fitting
from datagen.follow_ups import draw_follow_up
from datagen.help import UNHELPED, Help, choose_help, draw_help
from datagen.knowledge import draw_knowledge
from datagen.mtg import draw_mtg
from datagen.notations import write_schema
from datagen.operations import draw_operation, list_questions
from datagen.passages import draw_passage
from datagen.phrasing import Phraser, add_typo, polish
from datagen.proving_graph import ProvingGraph
from datagen.query_follow_ups import draw_query_follow_up, prove_follow_up, write_follow_up
from datagen.questions import LiteralNames, Names, NaturalNames
from datagen.refusals import draw_refusal
from datagen.review import draw_review
from datagen.schemas import Schema, sample_graph, sample_schema
from datagen.sentiment import draw_sentiment
from datagen.shares import choose_share, share_of_turn
from datagen.statements.mixing import Request, draw_request
from datagen.tlp import draw_tlp
from datagen.variety import vary_schema
from heimdall.answers import ActionAnswer, format_action
from heimdall.config import DataConfig, GeneralTask
from heimdall.errors import UsageError
from heimdall.rows import Family, Message, Row, Split
from nornicdb.contract import Contract
from nornicdb.facts import Facts

SCHEMA_FAMILIES: tuple[Family, ...] = ("cypher_schema", "cypher_plain", "cypher_help", "history")
CHUNK_ROWS = 200  # few enough to be made in seconds, many enough to be worth sending to another process
EVALUATION_QUESTIONS_PER_SCHEMA = 2
TYPO_SHARE = 0.04
GENERAL: dict[GeneralTask, Callable[[Phraser], Draft]] = {
    "mtg": draw_mtg,
    "tlp": draw_tlp,
    "sentiment": draw_sentiment,
    "code_review": draw_code_review,
    "passage": draw_passage,
}
_ATTEMPTS = 12  # per wanted question; a schema that yields less is left with less
_MIXED_ATTEMPTS = 40  # some classes fit few schemas; giving up soon would change their shares
_PATIENCE = 30  # tries for a question of one class, which was drawn by its share

# Pairs of operators that training never combines; the composition split is made of them.
HELD_OUT_PAIRS = frozenset(
    frozenset(pair)
    for pair in (
        ("filter_starts", "top"),
        ("avg", "or"),
        ("filter_contains", "group_count"),
        ("filter_true", "two_hops"),
        ("hop_in", "sorted"),
        ("filter_ge", "not_exists"),
        ("filter_in", "hop_in"),
        ("filter_between", "count"),
        ("filter_ne", "nodes"),
        ("filter_lt", "most_linked"),
        ("sum", "two_hops"),
        ("distinct", "filter_gt"),
        ("filter_contains", "optional_match"),
        ("filter_before", "group_count"),
        ("case", "filter_in"),
        ("collect", "filter_le"),
        ("exists_subquery", "filter_ne"),
        ("filter_ends", "union"),
        ("arg_max", "filter_true"),
        ("limit", "filter_since"),
        ("filter_gt", "set"),
        ("delete", "filter_lt"),
    )
)


class ChunkSpec(NamedTuple):
    """What one chunk is to make: about `rows` rows, fewer where the dice do not fit the split."""

    config: DataConfig
    split: Split
    family: Family
    number: int
    contract: Contract
    facts: Facts | None = None  # where the family asks about them
    rows: int = CHUNK_ROWS


class Chunk(NamedTuple):
    """Rows without final ids, and the graphs of the schemas they use (evaluation splits only)."""

    rows: list[Row]
    graphs: list[SchemaGraphs]


def make_chunk(spec: ChunkSpec) -> Chunk:
    """The examples of one chunk; the same specification gives the same examples on every machine."""
    rng = random.Random(f"{spec.config.seed}/{spec.split}/{spec.family}/{spec.number}")
    if spec.family not in SCHEMA_FAMILIES:
        return Chunk([_make_row(spec, draft) for draft in _draw(spec, rng) if draft is not None], [])
    rows: list[Row] = []
    graphs: list[SchemaGraphs] = []
    wanted = spec.config.questions_per_schema if spec.split == "train" else EVALUATION_QUESTIONS_PER_SCHEMA
    acts = spec.family == "history" and spec.split != "test_schema"  # half of these are about actions
    schemas = math.ceil(spec.rows / (2 * wanted if acts else wanted))
    for number in range(spec.number * schemas, (spec.number + 1) * schemas):
        schema_id = f"{spec.split}-{spec.family}-{number}"
        made, stored = _make_schema_examples(spec, schema_id, wanted, number * wanted, rng)
        rows += made
        if acts:
            drafts = (_draw_in_context(spec, rng, draw_follow_up) for _ in made)
            rows += [_make_row(spec, draft) for draft in drafts if draft is not None]
        if made and spec.split != "train":
            graphs.append(stored)
    return Chunk(rows, graphs)


def _draw(spec: ChunkSpec, rng: random.Random) -> Iterator[Draft | None]:
    """Questions of a family, with None where the dice gave none that fits the split."""
    numbers = range(spec.number * spec.rows, (spec.number + 1) * spec.rows)
    match spec.family:
        case "action":
            return (_draw_request(spec, rng, number) for number in numbers)
        case "knowledge":
            return (_draw_in_context(spec, rng, draw_knowledge) for _ in numbers)
        case "operations" if spec.facts is not None:
            questions = list_questions(spec.facts)
            return (draw_operation(questions, spec.split, rng) for _ in numbers)
        case "tlp_review" | "cognitive":
            return (_draw_of_pair(spec, number) for number in numbers)
        case "code":
            return (draw_code(spec.config, rng, spec.split, number) for number in numbers)
        case "general":
            tasks = (share_of_turn(spec.config.general_tasks, number) for number in numbers)
            return (draw_fitting(GENERAL[task], rng, spec.split) for task in tasks)
        case _:
            raise UsageError(f"data.shares: no generator makes '{spec.family}' rows.")


def _draw_of_pair(spec: ChunkSpec, number: int) -> Draft | None:
    """One of two questions that are drawn with the same dice and differ in what turns the answer."""
    pair, twin = number // 2, number % 2 == 1
    dice = random.Random(f"{spec.config.seed}/{spec.split}/{spec.family}/{pair}")
    if spec.family == "tlp_review":
        return draw_review(spec.split, dice, spec.contract, twin=twin)
    return draw_cognitive(list(TASKS)[pair % len(TASKS)], spec.split, dice, twin=twin)


def _draw_request(spec: ChunkSpec, rng: random.Random, number: int) -> Draft | None:
    actions = match_actions(spec.contract)
    name = sorted(actions)[number % len(actions)]
    action = next(each for each in spec.contract.actions if each.name == actions[name])
    phraser = Phraser(rng, held_out=spec.split == "test_phrasing")
    text, params = ask_for_action(name, phraser)
    if not phraser.fits:
        return None
    if not params.keys() <= {param.name for param in action.params}:
        return None
    if name != QUERY:  # a query is passed on to the letter
        text = polish(text, rng, question=text.startswith(("what", "how", "which", "is", "are", "can")))
    return Draft(
        category=action.name,
        question=text,
        answer=format_action(action.name, params),
        expected=ActionAnswer(action=action.name, params=params),
        productions=(action.name, *phraser.used),
    )


def _draw_in_context(
    spec: ChunkSpec, rng: random.Random, draw: Callable[[Contract, Phraser], Draft | None]
) -> Draft | None:
    phraser = Phraser(rng, held_out=spec.split == "test_phrasing")
    draft = draw(spec.contract, phraser)
    return draft if phraser.fits else None


def _make_schema_examples(
    spec: ChunkSpec, schema_id: str, wanted: int, first: int, rng: random.Random
) -> tuple[list[Row], SchemaGraphs]:
    config = spec.config
    words = lexicon.HELD_OUT if spec.split == "test_schema" else lexicon.TRAINING
    schema = sample_schema(words, rng, schema_id, config.max_node_types, config.invented_share)
    if config.varied_schemas:
        schema = vary_schema(schema, words, rng)
    graphs: tuple[PropertyGraph, ...] = tuple(sample_graph(schema, rng) for _ in range(config.graphs_per_schema))
    maker = _Maker(spec, schema, graphs, rng)
    with maker.engines:
        for attempt in range(wanted * (_ATTEMPTS if len(config.cypher_mix) == 1 else _MIXED_ATTEMPTS)):
            maker.try_one(first + attempt)
            if len(maker.rows) == wanted:
                break
    return maker.rows, SchemaGraphs(schema_id=schema_id, schema_text=schema.text, graphs=graphs)


class _Maker:
    """Makes the rows of one schema, as far as its graphs can prove them."""

    def __init__(self, spec: ChunkSpec, schema: Schema, graphs: tuple[PropertyGraph, ...], rng: random.Random) -> None:
        self.engines = ExitStack()
        self.rows: list[Row] = []
        self._spec, self._schema, self._graphs, self._rng = spec, schema, graphs, rng
        self._loaded: list[EmbeddedGraph] = []
        self._mix = dict(spec.config.cypher_mix)
        if spec.family == "cypher_help":
            self._mix = {kind: share for kind, share in self._mix.items() if kind not in UNHELPED}
            if not any(self._mix.values()):
                raise UsageError(f"data.cypher_mix: there is no help with any of {', '.join(sorted(UNHELPED))}.")
        self._choose_kind()

    def _choose_kind(self) -> None:
        """What the next row is: a refusal or a query of some class. It stays so until there is such a row."""
        config = self._spec.config
        self._tries = 0
        refused = 0.0 if self._spec.family in ("cypher_help", "history") else config.refusal_share
        self._refuses = refused > 0 and self._rng.random() < refused
        self._kind = choose_share(self._mix, self._rng)

    def try_one(self, turn: int) -> None:
        """Adds a row, unless the dice gave none that fits the schema and the split and can be proven."""
        row = self._make_row(turn)
        if row is not None:
            self.rows.append(row.model_copy(update={"schema_id": self._schema.id}))
        self._tries += 1
        if row is not None or self._tries == _PATIENCE:
            self._choose_kind()

    def _make_row(self, turn: int) -> Row | None:
        split = self._spec.split
        phraser = Phraser(self._rng, held_out=split == "test_phrasing")
        if self._spec.family == "history":
            return self._follow_up(phraser)
        literal = self._spec.family == "cypher_plain"
        names = LiteralNames(phraser) if literal else NaturalNames(phraser)
        if self._refuses:
            return self._refuse(phraser, names)
        request = draw_request(self._schema, phraser, names, self._kind, turn)
        if request is None or combines_held_out(request.operators) != (split == "test_composition"):
            return None
        help_ = choose_help(request, self._rng, split) if self._spec.family == "cypher_help" else None
        if help_ is None and self._spec.family == "cypher_help":
            return None
        self._load()
        question = _ask(request, phraser, typos=not literal)
        if not phraser.fits:
            return None
        proof = request.prove(self._loaded) if request.provable else None
        if proof is None and request.provable:
            return None
        draft = self._draft(request, help_, question, phraser)
        if draft is None:
            return None
        details = {"skeleton": request.skeleton, "operators": request.operators, "proof": proof}
        return _make_row(self._spec, draft).model_copy(update=details)

    def _draft(self, request: Request, help_: Help | None, question: str, phraser: Phraser) -> Draft | None:
        if help_ is not None:
            return draw_help(help_, request, question, self._schema, phraser, self._loaded)
        action, params = self._spec.contract.query_action, {"cypher": request.cypher}
        return Draft(
            category=request.category,
            question=self._show_schema(question),
            answer=format_action(action, params),
            expected=ActionAnswer(action=action, params=params, cypher=request.cypher, ordered=request.ordered),
            productions=tuple(phraser.used),
        )

    def _load(self) -> None:
        if not self._loaded:  # loading costs more than sampling, and many schemas hold no held-out pair
            self._loaded = [self.engines.enter_context(ProvingGraph(graph)) for graph in self._graphs]

    def _follow_up(self, phraser: Phraser) -> Row | None:
        """A question with its answer in words, and a sentence that changes it."""
        drawn = draw_query_follow_up(self._schema, phraser)
        if (
            drawn is None
            or not phraser.fits
            or combines_held_out(drawn.query.operators)
            or combines_held_out(drawn.first.operators)
        ):
            return None
        self._load()
        proof = prove_follow_up(drawn, self._loaded)
        if proof is None:
            return None
        draft = write_follow_up(drawn, self._spec.contract, phraser, self._loaded[0], self._show_schema)
        details = {"skeleton": drawn.query.skeleton, "operators": drawn.query.operators, "proof": proof}
        return _make_row(self._spec, draft).model_copy(update=details)

    def _refuse(self, phraser: Phraser, names: Names) -> Row | None:
        refusal = draw_refusal(self._schema, phraser, names, shown=self._spec.family != "cypher_plain")
        if refusal is None or self._spec.split == "test_composition" or not phraser.fits:
            return None
        return _make_row(self._spec, refusal._replace(question=self._show_schema(refusal.question)))

    def _show_schema(self, question: str) -> str:
        if self._spec.family not in ("cypher_schema", "history"):
            return question
        notation = choose_share(self._spec.config.schema_notations, self._rng)
        return f"{write_schema(self._schema, notation)}\n\n{question}"


def combines_held_out(operators: tuple[str, ...]) -> bool:
    """Whether a query's operators hold a pair that training never combines."""
    return any(pair <= set(operators) for pair in HELD_OUT_PAIRS)


def _ask(request: Request, phraser: Phraser, *, typos: bool) -> str:
    text, is_question = request.ask()
    if typos and phraser.rng.random() < TYPO_SHARE:
        text = add_typo(text, request.protected(), phraser.rng)
    return polish(text, phraser.rng, question=is_question)


def _make_row(spec: ChunkSpec, draft: Draft) -> Row:
    turns = (Message(role="user", content=draft.question), Message(role="assistant", content=draft.answer))
    return Row(
        id="",
        family=spec.family,
        split=spec.split,
        prompt=draft.prompt or spec.config.prompt,
        messages=(*draft.history, *turns),
        knowledge=draft.knowledge,
        expected=draft.expected,
        category=draft.category,
        source=draft.source,
        productions=draft.productions,
    )
