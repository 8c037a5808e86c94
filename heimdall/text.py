"""Text from outside made fit to be shown, and lists in words."""

from collections.abc import Sequence


def make_visible(text: str) -> str:
    """Spells out control, format and direction-changing characters (`\\x1b`), keeping newlines."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def join_words(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
