"""What ends a run before it spends more: numbers that are none, and a loss far above guessing. The rows are named."""

import math
from collections.abc import Callable, Iterable

from heimdall.errors import TrainingError
from training.batches import Shard

_FAR = 2.0  # times the loss of guessing, which is the logarithm of the vocabulary
_PATIENCE = 10  # micro-batches in a row
_NAMED = 5


class LossGuard:
    """Watches the loss of a model whose vocabulary has so many entries, in nats for each answer token."""

    def __init__(self, vocabulary: int) -> None:
        self._limit, self._far = _FAR * math.log(vocabulary), 0

    def is_exploding(self, loss: float) -> bool:
        """Whether this loss and those before it have been far above that of guessing."""
        self._far = self._far + 1 if loss > self._limit else 0
        return self._far >= _PATIENCE


def explain_not_finite(step: int, shards: Iterable[Shard], is_finite: Callable[[Shard], bool]) -> TrainingError:
    """An error that names the rows which give no finite loss or gradient by themselves, as `is_finite` says."""
    rows = [row for shard in shards for row in split_rows(shard)]
    bad = [row for row in rows if not is_finite(row)]
    if not bad:
        cause = f"only together, of {_name(rows)}"
    elif len(bad) == len(rows):
        cause = "of every row by itself too, so the weights are at fault and no row is"
    else:
        cause = f"of {_name(bad)}"
    return TrainingError(
        f"At step {step} the loss or its gradient is not a number: {cause}; nothing was learnt from it. "
        "Look at these rows or lower the learning rate, and run again."
    )


def explain_explosion(
    step: int, loss: float, shards: Iterable[Shard], measure: Callable[[Shard], float]
) -> TrainingError:
    """An error that names the rows of the largest loss by themselves, as `measure` says."""
    rows = sorted((row for shard in shards for row in split_rows(shard)), key=measure, reverse=True)
    return TrainingError(
        f"The loss explodes: at step {step} it is {loss:.3g} for a token, over {_PATIENCE} batches more than {_FAR:g} "
        f"times what guessing has, most of it in {_name(rows)}. Look at these rows or lower the learning rate, and "
        "start again."
    )


def split_rows(shard: Shard) -> list[Shard]:
    """A shard for each of its rows."""
    parts = shard.halve()
    return parts if len(parts) == 1 else [row for part in parts for row in split_rows(part)]


def _name(rows: list[Shard]) -> str:
    names = [name for row in rows for group in row.groups for name in group.ids]
    more = len(names) - _NAMED
    return f"row{'s' if len(names) > 1 else ''} {', '.join(names[:_NAMED])}" + (f" and {more} more" if more > 0 else "")
