"""The shapes of models, from which memory and time follow: base models known by name, with their licences, and others.

Sources: the models' own cards and `config.json` on the Hugging Face Hub.
"""

import functools
import json
from importlib import resources
from pathlib import Path

from pydantic import TypeAdapter

from heimdall.config import TrainConfig
from heimdall.errors import InputError
from heimdall.refs import Record


class Base(Record):
    """A decoder's shape. `chatml`: its tokenizer has ChatML's markers; `context`: the longest sequence, in tokens."""

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
    chatml: bool
    tied: bool
    context: int

    @property
    def parameters(self) -> int:
        """Weights of the matrices; norms and biases are left out."""
        attention = 2 * self.hidden_size * self.head_size * (self.heads + self.kv_heads)
        layer = attention + 3 * self.hidden_size * self.intermediate_size
        return self.layers * layer + self.outer_parameters

    @property
    def outer_parameters(self) -> int:
        """Those outside the layers: embeddings and head."""
        return self.vocab_size * self.hidden_size * (1 if self.tied else 2)


@functools.cache
def list_bases() -> tuple[Base, ...]:
    """All known base models."""
    text = resources.files("presets").joinpath("bases.json").read_text(encoding="utf-8")
    return tuple(TypeAdapter(list[Base]).validate_json(text))


def find_base(name: str) -> Base | None:
    """The known base of this Hub name, in any case, or None."""
    return next((base for base in list_bases() if base.name.lower() == name.lower()), None)


def describe_model(config: TrainConfig) -> Base | None:
    """The shape of the model that would be trained; None for a base that is neither known nor a local directory.

    Raises `InputError` for a directory whose config.json is not a decoder's.
    """
    if config.pretrained is not None:
        return find_base(config.pretrained.name_or_path) or _read_shape(Path(config.pretrained.name_or_path))
    scratch = config.scratch
    assert scratch is not None
    return Base(
        name="scratch",
        license=scratch.license,
        architecture="qwen2",
        hidden_size=scratch.hidden_size,
        layers=scratch.layers,
        heads=scratch.heads,
        kv_heads=scratch.kv_heads,
        head_size=scratch.hidden_size // scratch.heads,
        intermediate_size=scratch.intermediate_size,
        vocab_size=scratch.vocab_size,
        chatml=True,
        tied=True,
        context=8192,
    )


def _read_shape(directory: Path) -> Base | None:
    """The shape that a local directory's config.json states."""
    path = directory / "config.json"
    if not path.is_file():
        return None
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        heads = found["num_attention_heads"]
        tokenizer = directory / "tokenizer.json"
        return Base(
            name=str(directory),
            license="",
            architecture=found["model_type"],
            hidden_size=found["hidden_size"],
            layers=found["num_hidden_layers"],
            heads=heads,
            kv_heads=found.get("num_key_value_heads") or heads,
            head_size=found.get("head_dim") or found["hidden_size"] // heads,
            intermediate_size=found["intermediate_size"],
            vocab_size=found["vocab_size"],
            chatml=tokenizer.is_file() and "<|im_end|>" in tokenizer.read_text(encoding="utf-8"),
            tied=bool(found.get("tie_word_embeddings", False)),
            context=found["max_position_embeddings"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"'{path}' does not describe a decoder: {error!r}.") from error
