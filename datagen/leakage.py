"""What rows share with one another: near duplicates, and what a held-out split shares with training.

Four keys tell that an answer could be remembered instead of found: the same question; the same but for its values, over
the same schema; the same shape of query over the same schema; nearly the same words.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from datagen.checks import Advance, Finding, Items, Measure, limit_count, limit_share
from datagen.comparison import delexicalize, find_names, is_counterpart, split_context
from datagen.formats import Conversation
from datagen.generate import normalize_question
from datagen.near_duplicates import NearDuplicates
from heimdall.config import ValidationConfig
from heimdall.rows import SPLITS

# Splits whose questions come from the same distribution as the training's, so that near repeats are expected.
_SAME = ("train", "validation", "test_iid")
_BATCH = 2000

Splits = dict[str, list[Conversation]]


def order_splits(splits: Iterable[str]) -> list[str]:
    """Training first, then Heimdall's own splits, then others by name."""
    return sorted(splits, key=lambda split: (SPLITS.index(split) if split in SPLITS else len(SPLITS), split))


def check_near_duplicates(splits: Splits, config: ValidationConfig, advance: Advance) -> Iterator[Measure]:
    """The share of near repeats within each split and, where a split differs in kind from training, of training."""
    done, most = 0, config.max_near_duplicate_share
    train = NearDuplicates(config.near_duplicate_jaccard)
    for split in order_splits(splits):
        items = splits[split]
        index = train if split == "train" else NearDuplicates(config.near_duplicate_jaccard)
        repeats, leaks = list[Finding](), list[Finding]()
        leaks_count = split not in _SAME and bool(splits.get("train"))
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            questions = [split_context(item.asked) for item in batch]
            repeats += _name_near(batch, index.add(questions), items)
            if leaks_count:
                leaks += _name_near(batch, train.add(questions, keep=False), splits["train"])
            done += len(batch)
            advance(done)
        yield limit_share(f"near_duplicates/{split}", repeats, len(items), most)
        if leaks_count:
            yield limit_share(f"nearly_leaked/{split}", leaks, len(items), most)


def check_leakage(splits: Splits, config: ValidationConfig) -> Iterator[Measure]:
    """What each other split shares with training, by the exact keys."""
    train = splits.get("train", [])
    if not train:
        return
    most = config.max_leaked_rows
    questions = {normalize_question(item.asked): item.place for item in train}
    templates: dict[tuple[str, str], str] = {}
    shapes: dict[tuple[str, str], str] = {}
    schemas: dict[str, str] = {}
    names: set[str] = set()
    for item in train:
        context, template = delexicalize(_query(item), item.prompt)
        if context:
            templates[context, template] = item.place
            schemas[context] = item.place
        if (shape := _shape(item)) is not None:
            shapes[shape] = item.place
        if item.row is not None and item.row.schema_id is not None:
            schemas[item.row.schema_id] = item.place
        names |= find_names(_query(item), item.prompt)
    for split in order_splits(splits):
        items = splits[split]
        if split == "train":
            continue
        yield limit_count(
            f"leaked_questions/{split}",
            _name_shared(items, lambda item: questions.get(normalize_question(item.asked))),
            most,
        )
        if all(item.row is None for item in items):
            continue
        yield limit_count(
            f"leaked_but_for_values/{split}",
            _name_shared(items, lambda item: templates.get(delexicalize(_query(item), item.prompt))),
            most,
        )
        yield limit_count(
            f"leaked_query_shapes/{split}", _name_shared(items, lambda item: shapes.get(_shape(item) or ("", ""))), most
        )
        if split == "test_schema":
            yield limit_count(
                f"leaked_schemas/{split}", _name_shared(items, lambda item: _find_schema(item, schemas)), most
            )
            known = [
                Finding(item.place, f"knows {', '.join(sorted(shared))}")
                for item in items
                if (shared := find_names(_query(item), "") & names)
            ]
            yield limit_share(f"known_names/{split}", known, len(items), config.max_known_names_share)


def _query(item: Conversation) -> str | None:
    return item.row.query if item.row is not None else None


def _shape(item: Conversation) -> tuple[str, str] | None:
    """The schema, by its id or text, with the shape of the query; None for a row that has not both."""
    if item.row is None or item.row.skeleton is None:
        return None
    schema = item.row.schema_id or normalize_question(split_context(item.prompt)[0])
    return (schema, item.row.skeleton) if schema else None


def _find_schema(item: Conversation, schemas: dict[str, str]) -> str | None:
    by_id = schemas.get(item.row.schema_id or "") if item.row is not None else None
    return by_id or schemas.get(normalize_question(split_context(item.prompt)[0]))


def _name_shared(items: Items, find: Callable[[Conversation], str | None]) -> Iterator[Finding]:
    return (Finding(item.place, f"is also {other}") for item in items if (other := find(item)) is not None)


def _name_near(batch: Items, near: Sequence[int | None], items: Items) -> Iterable[Finding]:
    return [
        Finding(item.place, f"nearly {items[place].place}")
        for item, place in zip(batch, near, strict=True)
        if place is not None and not _are_counterparts(item, items[place])
    ]


def _are_counterparts(item: Conversation, other: Conversation) -> bool:
    return item.row is not None and other.row is not None and is_counterpart(item.row, other.row)
