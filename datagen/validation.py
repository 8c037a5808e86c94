"""Measures a data set and says whether a model may be trained on it: one `Check` per property, with places that fail.

It trusts nothing that the generator says of itself: questions are compared, queries parsed and run, answers read as
NornicDB reads them, and lengths counted with the tokenizer of the training. Only the mutants are taken from the stored
proofs. Rows of other forms (`datagen.formats`) are held to the checks that apply to them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from cypher.graph import GRAPHS, SchemaGraphs, read_graphs
from datagen import checks
from datagen.checks import Finding, Items, Measure
from datagen.difference import Difference, compare_data
from datagen.diversity import Diversity, measure_diversity
from datagen.formats import Conversation, Format, Problem, read_conversations, read_items
from datagen.generate import normalize_question
from datagen.leakage import check_leakage, check_near_duplicates, order_splits
from datagen.lengths import Lengths, load_counter
from heimdall.config import ValidationConfig
from heimdall.errors import InputError
from heimdall.progress import Progress, silent
from heimdall.refs import Record, ValidationReport
from heimdall.rows import SPLITS
from nornicdb.contract import Contract


class Source(Record):
    """What was read from one place, and how much of it is no row."""

    name: str
    form: Format | None
    rows: int
    unreadable: int


class Group(Record):
    """How many rows of a split are of one kind: family and category, or else the form."""

    split: str
    kind: str
    rows: int


class DataReport(Record):
    """Everything there is to say about files of rows. What could not be measured is null."""

    sources: tuple[Source, ...]
    validation: ValidationReport
    groups: tuple[Group, ...]
    lengths: Lengths | None
    diversity: Diversity | None
    difference: Difference | None
    contract: str
    tokenizer: str | None


class Inspection(NamedTuple):
    """A report, and all rows that fail a check, by its name; the report keeps a few."""

    report: DataReport
    findings: dict[str, tuple[Finding, ...]]
    items: tuple[Conversation, ...]


class _Limits(NamedTuple):
    """What rows are held to, besides the configuration."""

    contract: Contract
    tokenizer: Path | None
    max_tokens: int | None
    graphs: Mapping[str, SchemaGraphs]
    schema: Mapping[str, Any] | None


def validate_dataset(
    dataset: Path | Sequence[Path],
    contract: Contract,
    config: ValidationConfig,
    tokenizer_dir: Path | None = None,
    max_seq_length: int | None = None,
    progress: Progress = silent,
) -> ValidationReport:
    """Measures a data set directory (its `<split>.jsonl` files), one JSONL file of Heimdall's own rows, or several.

    Lengths are checked only with both a tokenizer directory and `max_seq_length` (tokens). Raises `InputError`, naming
    file and line, for what is not a row at all, and when there are no rows.
    """
    files = _list_files(dataset)
    items = []
    for path in files:
        for item in read_items(path):
            if isinstance(item, Problem):
                raise InputError(f"{item.place}: {item.reason}.")
            if item.row is None:
                raise InputError(f"{item.place}: is in the form '{item.format}'; convert it: heimdall data convert.")
            items.append(item._replace(record={}))
    if not items:
        raise InputError(f"There are no rows in {', '.join(map(str, files))}.")
    graphs = _read_graphs([dataset] if isinstance(dataset, Path) else dataset)
    tokenizer = tokenizer_dir if max_seq_length else None
    limits = _Limits(contract, tokenizer, max_seq_length, graphs, None)
    measures, _ = _measure(items, config, limits, progress)
    return _conclude(items, measures)


def inspect_data(
    sources: Sequence[str | Path],
    contract: Contract,
    config: ValidationConfig,
    *,
    tokenizer: Path | None = None,
    max_seq_length: int | None = None,
    schema: Mapping[str, Any] | None = None,
    against: str | Path | None = None,
    progress: Progress = silent,
) -> Inspection:
    """Measures files of rows in any form, broken ones too: what is no row fails a check instead of ending the work.

    `schema` is a JSON Schema for answers that are JSON objects; `against` names the data to compare with. Raises
    `InputError` for a source that cannot be read or holds nothing.
    """
    items, problems, facts = list[Conversation](), list[Problem](), list[Source]()
    for source in sources:
        rows, broken, form = 0, 0, None
        for item in read_items(source):
            if isinstance(item, Problem):
                problems.append(item)
                broken += 1
            else:
                items.append(item._replace(record={}))
                rows, form = rows + 1, item.format
        if not rows:
            first = f" {problems[-broken].place}: {problems[-broken].reason}." if broken else ""
            raise InputError(f"There are no rows in '{source}'.{first}")
        facts.append(Source(name=str(source), form=form, rows=rows, unreadable=broken))
    limits = _Limits(contract, tokenizer, max_seq_length, _read_graphs(sources), schema)
    measures, lengths = _measure(items, config, limits, progress)
    measures = [checks.check_readable(problems), *measures]
    kinds = Counter((item.split, _name_kind(item)) for item in items)
    order = {split: place for place, split in enumerate(order_splits({split for split, _ in kinds}))}
    report = DataReport(
        sources=tuple(facts),
        validation=_conclude(items, measures),
        groups=tuple(
            Group(split=split, kind=kind, rows=rows)
            for (split, kind), rows in sorted(kinds.items(), key=lambda pair: (order[pair[0][0]], pair[0][1]))
        ),
        lengths=lengths,
        diversity=measure_diversity(items),
        difference=compare_data(items, read_conversations(against)) if against is not None else None,
        contract=f"{contract.source}, {contract.digest}",
        tokenizer=str(tokenizer) if tokenizer is not None else None,
    )
    return Inspection(report, {measure.check.name: measure.findings for measure in measures}, tuple(items))


def _measure(
    items: Items, config: ValidationConfig, limits: _Limits, progress: Progress
) -> tuple[list[Measure], Lengths | None]:
    splits: dict[str, list[Conversation]] = defaultdict(list)
    for item in items:
        splits[item.split].append(item)
    steps = 3 if limits.tokenizer else 2

    def advance(step: int, note: str) -> Callable[[int], None]:
        return lambda done: progress(step * len(items) + done, steps * len(items), note)

    measures = [
        checks.limit_count("empty_rows", checks.find_empty(items)),
        checks.limit_count("repeated_ids", checks.find_repeats(items, lambda item: item.row.id if item.row else None)),
        checks.limit_count(
            "repeated_questions",
            checks.find_repeats(items, lambda item: (item.split, normalize_question(item.asked))),
        ),
        checks.limit_count("contradictions", checks.find_contradictions(items)),
        *checks.check_answers(items, limits.contract, config, advance(0, "answers")),
        *([checks.check_json(items, limits.schema)] if limits.schema is not None else []),
        *checks.check_results(items, limits.graphs),
        *checks.check_sensitive(items, config),
        *check_near_duplicates(splits, config, advance(1, "near duplicates")),
        *check_leakage(splits, config),
        *checks.check_balance(items, config),
        *checks.check_proofs(items, config),
    ]
    if limits.tokenizer is None:
        return measures, None
    lengths, cut = checks.check_lengths(
        items, limits.contract, load_counter(limits.tokenizer), limits.max_tokens, advance(2, "token lengths")
    )
    return [*measures, *([cut] if cut is not None else [])], lengths


def _conclude(items: Items, measures: Sequence[Measure]) -> ValidationReport:
    found = tuple(measure.check for measure in measures)
    return ValidationReport(passed=all(check.passed for check in found), rows=len(items), checks=found)


def _list_files(dataset: Path | Sequence[Path]) -> list[Path]:
    if not isinstance(dataset, Path):
        return list(dataset)
    if not dataset.is_dir():
        return [dataset]
    files = [path for split in SPLITS if (path := dataset / f"{split}.jsonl").is_file()]
    if not files:
        raise InputError(f"'{dataset}' holds none of the files {', '.join(f'{split}.jsonl' for split in SPLITS)}.")
    return files


def _read_graphs(sources: Sequence[str | Path]) -> dict[str, SchemaGraphs]:
    """The graphs that lie in the directories among the sources."""
    graphs: dict[str, SchemaGraphs] = {}
    for source in sources:
        path = Path(source) / GRAPHS
        if path.is_file():
            graphs |= read_graphs(path)
    return graphs


def _name_kind(item: Conversation) -> str:
    if item.row is None:
        return item.format
    return f"{item.row.family}/{item.row.category}" if item.row.category else item.row.family
