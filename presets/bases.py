"""Base models that are known by name: their licences, and their shapes, from which memory and time follow.

Sources: the models' own cards and `config.json` on the Hugging Face Hub.
"""

import functools
from importlib import resources

from pydantic import TypeAdapter

from heimdall.refs import Record


class Base(Record):
    """A decoder's shape. `context` is the longest sequence it was made for, in tokens."""

    name: str
    license: str
    architecture: str
    hidden_size: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    intermediate_size: int
    vocab_size: int
    tied: bool
    context: int

    @property
    def parameters(self) -> int:
        """Weights of the matrices; norms and biases are left out."""
        attention = 2 * self.hidden_size * self.head_size * (self.heads + self.kv_heads)
        layer = attention + 3 * self.hidden_size * self.intermediate_size
        return self.layers * layer + self.vocab_size * self.hidden_size * (1 if self.tied else 2)


@functools.cache
def list_bases() -> tuple[Base, ...]:
    """All known base models."""
    text = resources.files("presets").joinpath("bases.json").read_text(encoding="utf-8")
    return tuple(TypeAdapter(list[Base]).validate_json(text))


def find_base(name: str) -> Base | None:
    """The known base of this Hub name, in any case, or None."""
    return next((base for base in list_bases() if base.name.lower() == name.lower()), None)
