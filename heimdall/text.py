"""Text from outside, made fit to be shown."""


def make_visible(text: str) -> str:
    """Spells out control, format and direction-changing characters (`\\x1b`), keeping newlines."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
