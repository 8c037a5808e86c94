"""Chooses among alternative wordings and remembers which were used, so that some can be held out of training.

Every construct has a list of alternatives. The last ones of a long list are held out: they appear in the phrasing split
only. A production's id is `construct:index`.
"""

import random
from collections.abc import Sequence


def count_held_out(alternatives: Sequence[str]) -> int:
    """How many alternatives at the end of a list training never sees: none of a short list, two of a long one."""
    return 0 if len(alternatives) < 5 else 1 if len(alternatives) < 8 else 2


class Phraser:
    """Picks one wording per construct. With `held_out`, also those that training never sees; `novel` counts them."""

    def __init__(self, rng: random.Random, *, held_out: bool) -> None:
        self.rng = rng
        self._held_out = held_out
        self.used: list[str] = []
        self.novel = 0

    @property
    def fits(self) -> bool:
        """Whether what was picked may stand where it is for: with `held_out`, training must not know all of it."""
        return not self._held_out or self.novel > 0

    def pick(self, construct: str, alternatives: Sequence[str]) -> str:
        """One of the alternatives; its production id is remembered."""
        known = len(alternatives) - count_held_out(alternatives)
        index = self.rng.randrange(len(alternatives) if self._held_out else known)
        self.novel += index >= known
        self.used.append(f"{construct}:{index}")
        return alternatives[index]


def polish(text: str, rng: random.Random, *, question: bool) -> str:
    """Casing and punctuation as people type them: a capital or not, a full stop or question mark or nothing."""
    roll = rng.random()
    if roll < 0.5:
        text = text[0].upper() + text[1:]
    if rng.random() < 0.4:
        text += "?" if question else "."
    return text


def add_typo(text: str, protected: Sequence[str], rng: random.Random) -> str:
    """One slip (two letters swapped, one dropped or doubled) in a word that is not part of a protected string."""
    words = text.split(" ")
    held = {part for value in protected for part in value.lower().split()}
    open_places = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha() and word.lower() not in held]
    if not open_places:
        return text
    place = rng.choice(open_places)
    word = words[place]
    at = rng.randrange(1, len(word) - 1)
    slip = rng.randrange(3)
    words[place] = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        if slip == 0
        else word[:at] + word[at + 1 :]
        if slip == 1
        else word[:at] + word[at] + word[at:]
    )
    return " ".join(words)
