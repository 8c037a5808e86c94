"""Reads a byte-level BPE tokenizer from `tokenizer.json` into GGUF's form, and refuses what that cannot hold."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heimdall.errors import ExportError
from nornicdb.gguf_header import CONTROL_TOKEN, NORMAL_TOKEN, UNUSED_TOKEN, USER_DEFINED_TOKEN
from nornicdb.prompts import CONTROL_TOKENS

# llama.cpp has the pre-tokenizers' regular expressions built in and is only told a name.
# Sources: `tokenizer.json` of Qwen2/2.5/3 and of Llama 3; llama.cpp's src/llama-vocab.cpp.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PRE_TOKENIZERS = {_SPLIT % "": "qwen2", _SPLIT % "{1,3}": "llama-bpe"}  # they differ in how digits are grouped


@dataclass(frozen=True)
class Vocabulary:
    """Tokens and their types by id, merges in order, and the ids that GGUF names."""

    pre: str
    tokens: list[str]
    types: list[int]
    merges: list[str]
    eos: int
    padding: int


def read_vocabulary(model_dir: Path, rows: int) -> Vocabulary:
    """Reads `tokenizer.json`, filled up with unused tokens to the `rows` of the embedding matrix.

    Raises `ExportError` for a tokenizer that is not byte-level BPE, whose pre-tokenizer llama.cpp does not know under a
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
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        raise ExportError(
            f"'{path}' is a {model.get('type')} tokenizer"
            f"{' with byte fallback (SentencePiece)' if model.get('byte_fallback') else ''}; "
            "only byte-level BPE (Qwen, Llama 3) can be exported."
        )
    pre = _name_pre_tokenizer(data.get("pre_tokenizer"), path)
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
    return Vocabulary(pre, tokens, types, merges, eos=ids["<|im_end|>"], padding=ids["<|endoftext|>"])


def _name_pre_tokenizer(pre_tokenizer: Any, path: Path) -> str:
    """GGUF's name for a Split + ByteLevel pre-tokenizer."""
    steps = (pre_tokenizer or {}).get("pretokenizers", [pre_tokenizer] if pre_tokenizer else [])
    patterns = [step["pattern"].get("Regex") for step in steps if step.get("type") == "Split"]
    bytes_only = [step for step in steps if step.get("type") == "ByteLevel" and not step.get("use_regex", True)]
    if len(steps) == 2 and len(patterns) == len(bytes_only) == 1 and not bytes_only[0].get("add_prefix_space"):
        name = _PRE_TOKENIZERS.get(patterns[0])
        if name is not None:
            return name
    raise ExportError(
        f"'{path}' splits text in a way that is unknown to this exporter; known are the pre-tokenizers of "
        f"{' and '.join(_PRE_TOKENIZERS.values())}."
    )
