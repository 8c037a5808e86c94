"""Old training rows among new ones, so that a model that is trained on forgets less (experience replay)."""

import random
from collections.abc import Iterable, Sequence
from itertools import groupby

from datagen.comparison import delexicalize
from datagen.generate import normalize_question
from heimdall.rows import Row

PREFIX = "replay-"  # of ids, which both runs have given from the same beginning


def mix_replay(new: Sequence[Row], old: Iterable[Row], held_out: Iterable[Row], share: float, seed: int) -> list[Row]:
    """The new rows and then as many old ones as make `share` of all, or all there are.

    Old rows are drawn by schema, whose questions are trained together. Those that ask what a new row asks are left out,
    and those that ask what a held-out row asks, values apart.
    """
    asked = {normalize_question(row.asked) for row in new}
    tested = {key for row in held_out for key in _list_keys(row)}
    fitting = [row for row in old if normalize_question(row.asked) not in asked and tested.isdisjoint(_list_keys(row))]
    groups = [list(group) for _, group in groupby(fitting, key=lambda row: (row.schema_id or row.id, row.prompt))]
    random.Random(f"{seed}/replay").shuffle(groups)
    wanted = round(share / (1 - share) * len(new))
    chosen = [row for group in groups for row in group][:wanted]
    return [*new, *(prefix_ids(row, PREFIX) for row in chosen)]


def _list_keys(row: Row) -> list[object]:
    keys: list[object] = [normalize_question(row.asked)]
    if row.query is not None:
        keys.append(delexicalize(row.query, row.question))
    return keys


def prefix_ids(row: Row, prefix: str) -> Row:
    """A row whose ids, its own and that of its schema, are told apart from the same ones of another data set."""
    schema = None if row.schema_id is None else prefix + row.schema_id
    return row.model_copy(update={"id": prefix + row.id, "schema_id": schema})
