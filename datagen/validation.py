"""Measures a data set and says whether a model may be trained on it: one `Check` per property, with places that fail.

It trusts nothing that the generator says of itself: questions are compared, queries parsed and run, answers read as
NornicDB reads them, and lengths counted with the tokenizer of the training. Only the mutants are taken from the stored
proofs. Rows of other forms (`datagen.formats`) are held to the checks that apply to them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from cypher.graph import GRAPHS, SchemaGraphs, read_graphs
from cypher.judge import Judge
from datagen import checks
from datagen.checks import Finding, Measure
from datagen.columns import Columns
from datagen.difference import Comparison, Difference
from datagen.diversity import Diversity, Varieties
from datagen.formats import Conversation, Format, Problem, read_conversations, read_items
from datagen.leakage import Leakage, NearRepeats, order_splits
from datagen.lengths import Lengths, load_counter
from datagen.near_duplicates import NearDuplicates
from datagen.sources import count_records
from heimdall.config import ValidationConfig
from heimdall.errors import InputError
from heimdall.progress import Progress, silent
from heimdall.refs import Record, ValidationReport
from heimdall.rows import SPLITS
from nornicdb.contract import Contract

_BATCH = 1000  # rows in memory at a time


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
    """A report; all rows that fail a check, by its name, of which the report keeps a few; and the places of all rows
    whose words another one answers otherwise."""

    report: DataReport
    findings: dict[str, tuple[Finding, ...]]
    disputed: frozenset[str]


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
    graphs = _read_graphs([dataset] if isinstance(dataset, Path) else dataset)
    tokenizer = tokenizer_dir if max_seq_length else None
    with _Survey(config, _Limits(contract, tokenizer, max_seq_length, graphs, None)) as survey:
        survey.read(_read_rows(files), files, progress)
        if not len(survey.columns):
            raise InputError(f"There are no rows in {', '.join(map(str, files))}.")
        return _conclude(survey.columns, survey.conclude())


def _read_rows(files: Sequence[Path]) -> Iterator[Conversation]:
    for item in (item for path in files for item in read_items(path)):
        if isinstance(item, Problem):
            raise InputError(f"{item.place}: {item.reason}.")
        if item.row is None:
            raise InputError(f"{item.place}: is in the form '{item.format}'; convert it: heimdall data convert.")
        yield item


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
    problems, facts = list[Problem](), list[Source]()
    varieties, kinds = Varieties(), Counter[tuple[str, str]]()
    comparison = Comparison(read_conversations(against)) if against is not None else None

    def read() -> Iterator[Conversation]:
        for source in sources:
            rows, broken, form = 0, 0, None
            for item in read_items(source):
                if isinstance(item, Problem):
                    problems.append(item)
                    broken += 1
                else:
                    rows, form = rows + 1, item.format
                    kinds[item.split, _name_kind(item)] += 1
                    yield item
            if not rows:
                first = f" {problems[-broken].place}: {problems[-broken].reason}." if broken else ""
                raise InputError(f"There are no rows in '{source}'.{first}")
            facts.append(Source(name=str(source), form=form, rows=rows, unreadable=broken))

    with _Survey(config, _Limits(contract, tokenizer, max_seq_length, _read_graphs(sources), schema)) as survey:
        survey.read(read(), sources, progress, varieties, *([comparison] if comparison is not None else []))
        measures = [checks.check_readable(problems), *survey.conclude()]
        lengths, disputed = survey.lengths, frozenset(checks.find_disputed(survey.columns))
    order = {split: place for place, split in enumerate(order_splits({split for split, _ in kinds}))}
    report = DataReport(
        sources=tuple(facts),
        validation=_conclude(survey.columns, measures),
        groups=tuple(
            Group(split=split, kind=kind, rows=rows)
            for (split, kind), rows in sorted(kinds.items(), key=lambda pair: (order[pair[0][0]], pair[0][1]))
        ),
        lengths=lengths,
        diversity=varieties.summarize(),
        difference=comparison.summarize() if comparison is not None else None,
        contract=f"{contract.source}, {contract.digest}",
        tokenizer=str(tokenizer) if tokenizer is not None else None,
    )
    return Inspection(report, {measure.check.name: measure.findings for measure in measures}, disputed)


class _Survey:
    """All checks of a data set, whose rows pass by once. A context manager."""

    def __init__(self, config: ValidationConfig, limits: _Limits) -> None:
        self.columns = Columns()
        self._opened = ExitStack()
        self._near = self._opened.enter_context(NearDuplicates(config.near_duplicate_jaccard))
        self._tokens = (
            checks.TokenLengths(limits.contract, load_counter(limits.tokenizer), limits.max_tokens)
            if limits.tokenizer is not None
            else None
        )
        judged = [checks.Results(limits.graphs, self._opened.enter_context(Judge()))] if limits.graphs else []
        self._first = checks.EachRow("empty_rows", checks.find_empty)
        self._others: list[checks.Checker] = [
            *checks.check_answers(limits.contract),
            checks.Queries(config),
            *([checks.check_json(limits.schema)] if limits.schema is not None else []),
            *judged,
            *checks.check_sensitive(config),
            NearRepeats(config, self.columns, self._near),
            Leakage(config, self.columns),
            checks.Balance(config),
            checks.Proofs(config),
            *([self._tokens] if self._tokens is not None else []),
        ]

    def __enter__(self) -> "_Survey":
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def read(
        self,
        items: Iterator[Conversation],
        sources: Sequence[str | Path],
        progress: Progress,
        *also: Varieties | Comparison,
    ) -> None:
        """Shows rows to every check, and to others who look at them."""
        total = sum(map(count_records, sources))
        while batch := list(islice(items, _BATCH)):
            self.columns.add(batch)
            for checker in (self._first, *self._others, *also):
                checker.add(batch)
            progress(len(self.columns), max(total, len(self.columns)), "")

    def conclude(self) -> list[Measure]:
        """What was found, in the order of the report."""
        found = [self._first.conclude(), checks.check_repeats(self.columns)]
        return list(chain(*found, *(checker.conclude() for checker in self._others)))

    @property
    def lengths(self) -> Lengths | None:
        """Of all rows, where there is a tokenizer."""
        return self._tokens.summarize() if self._tokens is not None else None


def _conclude(columns: Columns, measures: Sequence[Measure]) -> ValidationReport:
    found = tuple(measure.check for measure in measures)
    return ValidationReport(passed=all(check.passed for check in found), rows=len(columns), checks=found)


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
