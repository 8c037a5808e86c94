"""How varied a data set's questions are: figures that the literature publishes, so that they can be compared.

distinct-n: Li et al. 2016. Self-BLEU: Zhu et al. 2018 (Texygen). Compression ratio: Shaib et al. 2024.
"""

import gzip
import math
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence

from datagen.columns import digest_text
from datagen.comparison import delexicalize, split_context
from datagen.formats import Conversation
from heimdall.refs import Record

SAMPLE = 5000  # questions for distinct-n and the gzip ratio, which depend on how many there are
BLEU_SAMPLE = 200
# Below this ratio of gzip a data set is varied; templates have 10 and more.
GZIP_ANCHOR = 6.0
_IDENTIFIER = re.compile(r"[:.|&]\s*`?([A-Za-z_]\w*)")
_WORD_OF_NAME = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_WORD = re.compile(r"\w+|[^\w\s]")


class Diversity(Record):
    """Figures of the questions. Those that need a query are null where no row has one.

    `distinct` is the share of different words, pairs and triples of words. `delexicalized` counts the questions that
    differ in more than values and names. `skeleton_entropy` is in bits. `self_bleu` is the mean BLEU-4 of a question
    against all others of a sample; the higher, the more alike.
    """

    questions: int
    sampled: int
    distinct: tuple[float, float, float]
    delexicalized: int
    skeletons: int | None
    skeleton_entropy: float | None
    self_bleu: float | None
    gzip_ratio: float


class Varieties:
    """Collects the figures of all rows that ask a question; samples have a fixed seed."""

    def __init__(self) -> None:
        self._order, self._asked = random.Random(0), 0
        self._sample: list[str] = []
        self._skeletons: Counter[str] = Counter()
        self._phrasings: set[int] = set()

    def add(self, items: Sequence[Conversation]) -> None:
        """Counts rows."""
        for item in items:
            if not item.prompt.strip():
                continue
            self._asked += 1
            # Each row so far has the same chance to be in the sample (Vitter 1985, algorithm R).
            place = len(self._sample) if self._asked <= SAMPLE else self._order.randrange(self._asked)
            if place < SAMPLE:
                self._sample[place : place + 1] = [split_context(item.prompt)[1]]
            if item.row is not None and item.row.skeleton is not None:
                self._skeletons[item.row.skeleton] += 1
            self._phrasings.add(digest_text(remove_names(item)))

    def summarize(self) -> Diversity | None:
        """The figures, or None where no row asks anything."""
        if not self._asked:
            return None
        sample = self._order.sample(self._sample, len(self._sample))
        words = [_WORD.findall(question.lower()) for question in sample]
        text = "\n".join(sample).encode()
        return Diversity(
            questions=self._asked,
            sampled=len(sample),
            distinct=(_share_distinct(words, 1), _share_distinct(words, 2), _share_distinct(words, 3)),
            delexicalized=len(self._phrasings),
            skeletons=len(self._skeletons) or None,
            skeleton_entropy=_measure_entropy(self._skeletons) if self._skeletons else None,
            self_bleu=measure_self_bleu(words[:BLEU_SAMPLE]) if len(words) > 1 else None,
            gzip_ratio=len(text) / len(gzip.compress(text, mtime=0)),
        )


def remove_names(item: Conversation) -> str:
    """The question without values and without the words of the names in its query: what is left is phrasing."""
    query = item.row.query if item.row is not None else None
    question = delexicalize(query, item.prompt)[1]
    if query is None:
        return question
    words = {word.lower() for name in _IDENTIFIER.findall(query) for word in _WORD_OF_NAME.findall(name)}
    return " ".join("#" if _is_named(word, words) else word for word in _WORD.findall(question))


def measure_self_bleu(sentences: Sequence[Sequence[str]]) -> float:
    """Mean BLEU-4 (Papineni et al. 2002, no smoothing) of each sentence with all others as its references, 0 to 1."""
    counts = [[_count(sentence, n) for n in range(1, 5)] for sentence in sentences]
    # For each n-gram the largest count, whose it is, and the largest count of the others.
    best: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for owner, by_length in enumerate(counts):
        for gram, count in ((gram, count) for grams in by_length for gram, count in grams.items()):
            most, whose, second = best.get(gram, (0, -1, 0))
            best[gram] = (count, owner, most) if count > most else (most, whose, max(second, count))
    lengths = sorted(map(len, sentences))
    return sum(_score(owner, by_length, best, lengths) for owner, by_length in enumerate(counts)) / len(sentences)


def _score(
    owner: int,
    counts: list[Counter[tuple[str, ...]]],
    best: dict[tuple[str, ...], tuple[int, int, int]],
    lengths: list[int],
) -> float:
    logs = []
    for grams in counts:
        clipped = 0
        for gram, count in grams.items():
            most, whose, second = best[gram]
            clipped += min(count, second if whose == owner else most)
        if not clipped:
            return 0.0
        logs.append(math.log(clipped / grams.total()))
    length = counts[0].total()
    others = lengths.copy()
    others.remove(length)
    nearest = min(others, key=lambda other: (abs(other - length), other))
    penalty = 1.0 if length > nearest else math.exp(1 - nearest / length)
    return penalty * math.exp(sum(logs) / 4)


def _is_named(word: str, names: set[str]) -> bool:
    """Whether a word is one of a name's, perhaps inflected: `robots` for `robot`, `cities` for `city`."""
    if word.endswith("ies") and word[:-3] + "y" in names:
        return True
    return any(word[: len(word) - cut] in names for cut in range(min(4, len(word) - 1)))


def _count(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))


def _share_distinct(sentences: Iterable[Sequence[str]], n: int) -> float:
    grams: Counter[tuple[str, ...]] = Counter()
    for sentence in sentences:
        grams.update(_count(sentence, n))
    return len(grams) / grams.total() if grams else 0.0


def _measure_entropy(counts: Counter[str]) -> float:
    total = counts.total()
    return -sum(count / total * math.log2(count / total) for count in counts.values())
