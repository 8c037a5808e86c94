"""Reads a tokenizer from `tokenizer.json` into GGUF's form, and refuses what that cannot hold.

Two kinds: byte-level BPE (Qwen, Llama 3), and BPE with byte fallback, as SentencePiece's (Phi-3, TinyLlama).
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from heimdall.errors import ExportError
from nornicdb.gguf_header import (
    BYTE_TOKEN,
    CONTROL_TOKEN,
    NORMAL_TOKEN,
    UNKNOWN_TOKEN,
    UNUSED_TOKEN,
    USER_DEFINED_TOKEN,
)
from nornicdb.prompts import CONTROL_TOKENS

# llama.cpp has the pre-tokenizers' regular expressions built in and is only told a name.
# Sources: `tokenizer.json` of Qwen2/2.5/3 and of Llama 3; llama.cpp's src/llama-vocab.cpp.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PRE_TOKENIZERS = {_SPLIT % "": "qwen2", _SPLIT % "{1,3}": "llama-bpe"}  # they differ in how digits are grouped


_BYTE = re.compile(r"<0x[0-9A-F]{2}>")


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their types by id, merges in order, and the ids that GGUF names.

    `model` and `pre` are llama.cpp's names. A `llama` vocabulary has no merges but prefers pieces with lower ids, and
    with `space_prefix` it puts a space before a text and after each special token.
    """

    model: Literal["gpt2", "llama"]
    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    eos: int
    padding: int
    unknown: int | None = None
    space_prefix: bool = False


def read_vocabulary(model_dir: Path, rows: int) -> Vocabulary:
    """Reads `tokenizer.json`, filled up with unused tokens to the `rows` of the embedding matrix.

    Raises `ExportError` for a tokenizer that is not BPE, that splits text in a way that llama.cpp does not know under a
    name we know, that has more tokens than the model has rows, or in which a ChatML marker is not one special token.
    """
    path = model_dir / "tokenizer.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        model = data["model"]
        vocabulary: dict[str, int] = model["vocab"]
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        added = {entry["id"]: entry for entry in data["added_tokens"]}
    except FileNotFoundError as error:
        raise ExportError(f"'{model_dir}' has no tokenizer.json; save the tokenizer with the fast format.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"'{path}' is not a BPE tokenizer in the Hugging Face format ({error!r}).") from error
    if model.get("type") != "BPE":
        raise ExportError(f"'{path}' is a {model.get('type')} tokenizer; only BPE can be exported.")
    size = max([*vocabulary.values(), *added], default=-1) + 1
    if size > rows:
        raise ExportError(f"'{path}' has {size} tokens, but the model's embeddings have only {rows} rows.")
    tokens, types = [f"[PAD{number}]" for number in range(rows)], [UNUSED_TOKEN] * rows
    for text, number in vocabulary.items():
        tokens[number], types[number] = text, NORMAL_TOKEN
    for number, entry in added.items():
        tokens[number] = entry["content"]
        types[number] = CONTROL_TOKEN if entry.get("special") else USER_DEFINED_TOKEN
    ids = {text: number for number, text in enumerate(tokens) if types[number] == CONTROL_TOKEN}
    missing = [marker for marker in CONTROL_TOKENS if marker not in ids]
    if missing:
        raise ExportError(
            f"'{path}' lacks the special tokens {', '.join(missing)}, and NornicDB's prompt needs each as a single "
            "token; add them to the tokenizer before training."
        )
    eos, padding = ids["<|im_end|>"], ids["<|endoftext|>"]
    if not model.get("byte_fallback"):
        pre = _name_pre_tokenizer(data.get("pre_tokenizer"), path)
        return Vocabulary("gpt2", pre, tokens, types, merges, eos, padding)
    unknown = vocabulary.get(str(model.get("unk_token")))
    for number, text in enumerate(tokens):
        if number == unknown:
            types[number] = UNKNOWN_TOKEN
        elif types[number] == NORMAL_TOKEN and _BYTE.fullmatch(text):
            types[number] = BYTE_TOKEN
    if types.count(BYTE_TOKEN) < 256:
        raise ExportError(f"'{path}' falls back to bytes but lacks some of the tokens <0x00> to <0xFF>.")
    prefix = _find_space_prefix(data, path)
    return Vocabulary("llama", "default", tokens, types, [], eos, padding, unknown, prefix)


def _find_space_prefix(data: dict[str, Any], path: Path) -> bool:
    """Whether a tokenizer of SentencePiece's kind puts a space before each text between special tokens.

    Raises `ExportError` where spaces are not spelled as SentencePiece spells them.
    """
    normalizer = data.get("normalizer") or {}
    steps = normalizer.get("normalizers", [normalizer] if normalizer else [])
    pre = data.get("pre_tokenizer") or {}
    spaces = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    if steps and all(step == spaces or step == {"type": "Prepend", "prepend": "▁"} for step in steps) and not pre:
        return len(steps) == 2
    if not steps and pre.get("type") == "Metaspace" and not pre.get("split") and pre.get("replacement") == "▁":
        # `first` means the beginning of the whole text, which is a special token in every prompt of ours.
        return bool(pre.get("prepend_scheme") == "always")
    raise ExportError(f"'{path}' treats spaces in a way that is unknown to this exporter.")


def _name_pre_tokenizer(pre_tokenizer: Any, path: Path) -> str:
    """GGUF's name for a pre-tokenizer: Split + ByteLevel as in Qwen and Llama 3, or Digits + ByteLevel as in SmolLM."""
    steps = (pre_tokenizer or {}).get("pretokenizers", [pre_tokenizer] if pre_tokenizer else [])
    patterns = [step["pattern"].get("Regex") for step in steps if step.get("type") == "Split"]
    bytes_only = [step for step in steps if step.get("type") == "ByteLevel" and not step.get("use_regex", True)]
    if len(steps) == 2 and len(patterns) == len(bytes_only) == 1 and not bytes_only[0].get("add_prefix_space"):
        name = _PRE_TOKENIZERS.get(patterns[0])
        if name is not None:
            return name
    kinds = [(step.get("type"), bool(step.get("individual_digits") or step.get("use_regex"))) for step in steps]
    if kinds == [("Digits", True), ("ByteLevel", True)] and not steps[1].get("add_prefix_space"):
        return "smollm"
    raise ExportError(
        f"'{path}' splits text in a way that is unknown to this exporter; known are the pre-tokenizers of "
        f"{', '.join(_PRE_TOKENIZERS.values())} and smollm."
    )
