"""What rows share with one another: near duplicates, and what a held-out split shares with training.

Four keys tell that an answer could be remembered instead of found: the same question; the same but for its values, over
the same schema; the same shape of query over the same schema; nearly the same words.
"""

from array import array
from collections.abc import Iterable, Iterator

import numpy as np

from datagen.checks import Finding, Items, Measure, limit_count, limit_share
from datagen.columns import Columns, Numbers, digest_text, find_among
from datagen.comparison import delexicalize, find_names, split_context
from datagen.formats import Conversation
from datagen.generate import normalize_question
from datagen.near_duplicates import NearDuplicates
from heimdall.config import ValidationConfig
from heimdall.rows import SPLITS

# Splits whose questions come from the same distribution as the training's, so that near repeats are expected.
_SAME = ("train", "validation", "test_iid")
_KEYS = ("template", "shape", "schema", "context")


def order_splits(splits: Iterable[str]) -> list[str]:
    """Training first, then Heimdall's own splits, then others by name."""
    return sorted(splits, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))


class NearRepeats:
    """The share of near repeats within each split and, where a split differs in kind from training, of training."""

    def __init__(self, config: ValidationConfig, columns: Columns, index: NearDuplicates) -> None:
        self._most, self._columns, self._index = config.max_near_duplicate_share, columns, index

    def add(self, items: Items) -> None:
        self._index.add([split_context(item.asked) for item in items])

    def conclude(self) -> Iterator[Measure]:
        train = self._columns.rows_of("train")
        for split in order_splits(self._columns.splits):
            rows = self._columns.rows_of(split)
            yield limit_share(f"near_duplicates/{split}", self._name(rows, rows), len(rows), self._most)
            if split not in _SAME and len(train):
                yield limit_share(f"nearly_leaked/{split}", self._name(rows, train), len(rows), self._most)

    def _name(self, rows: Numbers, among: Numbers) -> Iterator[Finding]:
        sources, answers = self._columns.digests("source"), self._columns.digests("answer")

        def are_counterparts(row: int, other: int) -> bool:
            """Whether they are about one case with another outcome: made to differ in little, so no repetition."""
            return bool(sources[row] and sources[row] == sources[other] and answers[row] != answers[other])

        for row, other in self._index.find(rows, among, are_counterparts):
            yield Finding(self._columns.place(row), f"nearly {self._columns.place(other)}")


class Leakage:
    """What each other split shares with training, by the exact keys."""

    def __init__(self, config: ValidationConfig, columns: Columns) -> None:
        self._config, self._columns = config, columns
        self._keys = {name: array("Q") for name in _KEYS}
        self._typed: set[str] = set()  # splits with rows of Heimdall's own form
        self._trained_names: set[str] = set()
        self._tested_names: list[tuple[str, frozenset[str]]] = []

    def add(self, items: Items) -> None:
        for item in items:
            query = item.row.query if item.row is not None else None
            context, template = delexicalize(query, item.prompt)
            schema = (item.row.schema_id or "") if item.row is not None else ""
            found = {
                "template": f"{context}\n{template}" if context else "",
                "shape": _name_shape(item),
                "schema": schema,
                "context": context,
            }
            for name, text in found.items():
                self._keys[name].append(digest_text(text) if text else 0)
            if item.row is not None:
                self._typed.add(item.split)
            if item.split == "train":
                self._trained_names |= find_names(query, item.prompt)
            elif item.split == "test_schema":
                self._tested_names.append((item.place, frozenset(find_names(query, ""))))

    def conclude(self) -> Iterator[Measure]:
        columns, most = self._columns, self._config.max_leaked_rows
        train = columns.rows_of("train")
        if not len(train):
            return
        questions = columns.digests("question")
        keys = {name: np.frombuffer(found, np.uint64) for name, found in self._keys.items()}
        for split in order_splits(columns.splits):
            if split == "train":
                continue
            rows = columns.rows_of(split)
            places = find_among(questions[rows], questions[train])
            yield limit_count(f"leaked_questions/{split}", self._name_shared(rows, train, places), most)
            if split not in self._typed:
                continue
            shared = {name: find_among(found[rows], found[train]) for name, found in keys.items()}
            for check, places in (
                ("leaked_but_for_values", shared["template"]),
                ("leaked_query_shapes", shared["shape"]),
            ):
                yield limit_count(f"{check}/{split}", self._name_shared(rows, train, places), most)
            if split == "test_schema":
                schemas = np.where(shared["schema"] < 0, shared["context"], shared["schema"])
                yield limit_count(f"leaked_schemas/{split}", self._name_shared(rows, train, schemas), most)
                limit = self._config.max_known_names_share
                yield limit_share(f"known_names/{split}", self._name_known(), len(rows), limit)

    def _name_shared(self, rows: Numbers, train: Numbers, places: Numbers) -> Iterator[Finding]:
        """Rows with the row of training that has the same key."""
        for row, at in zip(rows, places, strict=True):
            if at >= 0:
                yield Finding(self._columns.place(row), f"is also {self._columns.place(train[at])}")

    def _name_known(self) -> Iterator[Finding]:
        for place, names in self._tested_names:
            if shared := names & self._trained_names:
                yield Finding(place, f"knows {', '.join(sorted(shared))}")


def _name_shape(item: Conversation) -> str:
    """The schema, by its id or text, with the shape of the query; empty for a row that has not both."""
    if item.row is None or item.row.skeleton is None:
        return ""
    schema = item.row.schema_id or normalize_question(split_context(item.prompt)[0])
    return f"{schema}\n{item.row.skeleton}" if schema else ""
