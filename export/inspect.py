"""Says what is really in a GGUF file, whoever made it: its types, its tokenizer, and what NornicDB would trip over."""

import collections
from pathlib import Path

from heimdall.files import digest_json
from heimdall.refs import Record
from nornicdb.gguf_header import GgufHeader, read_header
from nornicdb.prompts import CONTROL_TOKENS


class GgufInfo(Record):
    """One file's contents. `types` counts tensors by their real ggml type, whatever the file calls itself.

    `metadata` holds the single values (no arrays). `tokenizer_digest` covers the vocabulary, token types, merges and
    all other tokenizer keys: files with the same digest tokenise alike.
    """

    architecture: str
    name: str
    file_type: str
    file_bytes: int
    tensors: int
    parameters: int
    bits_per_weight: float
    types: dict[str, int]
    context_length: int | None
    vocab_size: int
    control_tokens: tuple[str, ...]
    eos_token: str | None
    add_bos: bool
    add_eos: bool
    tokenizer_digest: str
    metadata: dict[str, str | int | float | bool]


def inspect_gguf(path: Path) -> GgufInfo:
    """Describes a file that need not be trusted. Raises `InputError` naming the file and what is wrong with it."""
    header = read_header(path)
    architecture = header.text("general.architecture") or ""
    parameters = sum(tensor.elements for tensor in header.tensors)
    stored = sum(tensor.bytes for tensor in header.tensors)
    eos = header.whole("tokenizer.ggml.eos_token_id")
    single = {key: value for key, value in header.metadata.items() if not isinstance(value, list)}
    return GgufInfo(
        architecture=architecture,
        name=header.text("general.name") or "",
        file_type=_name_file_type(header),
        file_bytes=header.file_bytes,
        tensors=len(header.tensors),
        parameters=parameters,
        bits_per_weight=round(8 * stored / parameters, 3) if parameters else 0.0,
        types=dict(sorted(collections.Counter(tensor.type for tensor in header.tensors).items())),
        context_length=header.whole(f"{architecture}.context_length"),
        vocab_size=len(header.tokens),
        control_tokens=header.control_tokens,
        eos_token=header.tokens[eos] if eos is not None and header.tokens else None,
        # without the key, llama.cpp adds a BOS for SentencePiece vocabularies only
        add_bos=bool(
            header.metadata.get("tokenizer.ggml.add_bos_token", header.text("tokenizer.ggml.model") == "llama")
        ),
        add_eos=bool(header.metadata.get("tokenizer.ggml.add_eos_token", False)),
        tokenizer_digest=digest_json(
            {key: value for key, value in header.metadata.items() if key.startswith("tokenizer.ggml.")}
        ),
        metadata=single,
    )


def find_problems(info: GgufInfo) -> tuple[str, ...]:
    """Why NornicDB would run this file badly; empty if nothing is known to be wrong."""
    problems = []
    missing = [marker for marker in CONTROL_TOKENS if marker not in info.control_tokens]
    if missing:
        problems.append(f"{', '.join(missing)} are not single control tokens, so ChatML prompts become plain text")
    if info.eos_token != "<|im_end|>":
        problems.append(f"the end-of-sequence token is {info.eos_token!r} instead of '<|im_end|>'")
    if info.add_eos:
        problems.append("add_eos_token is set, so every prompt would end with the end-of-sequence token")
    if info.add_bos:
        problems.append("add_bos_token is set, so every prompt would begin with a token that training never showed")
    return tuple(problems)


def _name_file_type(header: GgufHeader) -> str:
    from gguf.constants import LlamaFileType

    number = header.whole("general.file_type")
    try:
        name: str = LlamaFileType(number).name
    except ValueError:
        return f"unknown ({number})"
    return name.removeprefix("MOSTLY_").removeprefix("ALL_")
