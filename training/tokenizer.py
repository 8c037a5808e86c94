"""The tokenizer: that of a base model, or one made for a model trained from scratch.

A model from scratch must copy identifiers that it never saw, in three spellings: `customers`, `Customer`, `CUSTOMER`.
So merges are learnt on lower-case letter runs and mirrored to the other two spellings: all three are cut at the same
places. No merge crosses the border between letters and anything else, except that frequent pieces also
exist with a space in front. The result is an ordinary byte-level BPE with Qwen2's pre-tokenizer, which llama.cpp knows.
"""

import itertools
import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from heimdall.config import PretrainedConfig, ScratchConfig, TrainConfig
from heimdall.errors import InputError
from heimdall.refs import Record
from heimdall.rows import read_rows
from nornicdb.contract import Contract
from nornicdb.prompts import (
    CHAT_TEMPLATE,
    CONTROL_TOKENS,
    SYSTEM_PROMPTS,
    build_system_prompt,
    render_chatml,
    render_knowledge,
)

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

END_OF_TEXT, TURN_START, TURN_END = CONTROL_TOKENS
# Qwen2's pre-tokenizer, as in llama.cpp's llama-vocab.cpp (LLAMA_VOCAB_PRE_TYPE_QWEN2).
QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_SPACE = "Ġ"  # how byte-level BPE writes a space
_FEWEST_TOKENS = 256  # a byte each
_PUNCTUATION_SHARE = 0.06  # of the vocabulary
_SPACED_SHARE = 0.3
_PROMPT_COPIES = 200  # the system prompt counts as much in the corpus as it does in a model's day


class TokenizerSummary(Record):
    """What a tokenizer directory holds."""

    vocabulary: int
    trained: bool
    tokens_per_row: float


def build_tokenizer(dataset: Path, contract: Contract, config: TrainConfig, out: Path) -> TokenizerSummary:
    """Writes a Hugging Face tokenizer directory: trained on `dataset/train.jsonl`, or the base model's own.

    A base model's tokenizer gets the ChatML markers that it lacks. Raises `InputError` for a base without one.
    """
    if config.scratch is not None:
        _train(dataset, contract, config.scratch, out)
    else:
        assert config.pretrained is not None
        copy_pretrained(config.pretrained, out)
    tokenizer = load_tokenizer(out)
    sample = itertools.islice(read_rows(dataset / "train.jsonl"), 200)
    lengths = [len(tokenizer.encode(row.asked + row.answer)) for row in sample]
    return TokenizerSummary(
        vocabulary=len(tokenizer),
        trained=config.scratch is not None,
        tokens_per_row=sum(lengths) / max(len(lengths), 1),
    )


def load_tokenizer(directory: Path) -> "PreTrainedTokenizerBase":
    """The tokenizer in a directory. Raises `InputError` where a ChatML marker is not one control token."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(directory)
    if missing := find_missing_markers(tokenizer):
        raise InputError(
            f"The tokenizer in '{directory}' has no single token {missing[0]}; NornicDB's prompt is ChatML."
        )
    return tokenizer


def copy_pretrained(base: PretrainedConfig, out: Path) -> None:
    """Writes a base model's tokenizer with the ChatML markers that it lacked. Raises `InputError` if there is none."""
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(base.name_or_path, revision=base.revision)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"The tokenizer of '{base.name_or_path}' cannot be loaded: {first}") from error
    if len(tokenizer) < _FEWEST_TOKENS:  # transformers makes an empty one where the files are missing
        raise InputError(f"The base model '{base.name_or_path}' has no tokenizer; its tokenizer.json is needed.")
    added = find_missing_markers(tokenizer)
    tokenizer.add_tokens([AddedToken(token, special=True, normalized=False) for token in added], special_tokens=True)
    tokenizer.eos_token, tokenizer.pad_token = TURN_END, END_OF_TEXT
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(out)


def find_missing_markers(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    """The ChatML markers that are not one token each."""
    return [token for token in CONTROL_TOKENS if len(tokenizer.encode(token, add_special_tokens=False)) != 1]


def _train(dataset: Path, contract: Contract, config: ScratchConfig, out: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import Qwen2Tokenizer

    counts = _count_pieces(_read_corpus(dataset, contract))
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    budget = config.vocab_size - len(CONTROL_TOKENS) - len(alphabet)
    merges = _choose_merges(counts, alphabet, budget)
    tokens = [*alphabet, *dict.fromkeys(left + right for left, right in merges)]
    model = models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges)
    backend = Tokenizer(model)
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = _pre_tokenizer()
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in CONTROL_TOKENS])
    tokenizer = Qwen2Tokenizer(
        tokenizer_object=backend, eos_token=TURN_END, pad_token=END_OF_TEXT, unk_token=None, bos_token=None
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    tokenizer.save_pretrained(out)


def _pre_tokenizer() -> "pre_tokenizers.PreTokenizer":  # type: ignore[name-defined] # noqa: F821
    from tokenizers import Regex, pre_tokenizers

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _read_corpus(dataset: Path, contract: Contract) -> Iterator[str]:
    order = random.Random(0)
    prompts: Counter[str] = Counter()
    for row in read_rows(dataset / "train.jsonl"):
        if row.prompt in (*SYSTEM_PROMPTS, "knowledge") and prompts[row.prompt] < _PROMPT_COPIES:
            prompts[row.prompt] += 1
            yield render_chatml(build_system_prompt(contract, row.prompt, order, row.knowledge), row.messages)
        else:
            system = render_knowledge(contract, order, row.knowledge) if row.knowledge else ""
            yield render_chatml(system, row.messages)


def _count_pieces(texts: Iterable[str]) -> Counter[str]:
    """How often each pre-token occurs, in byte-level spelling; control tokens are cut out."""
    pre = _pre_tokenizer()
    counts: Counter[str] = Counter()
    for text in texts:
        for marker in CONTROL_TOKENS:
            text = text.replace(marker, "\n")
        counts.update(piece for piece, _ in pre.pre_tokenize_str(text))
    return counts


def _choose_merges(counts: Counter[str], alphabet: list[str], budget: int) -> list[tuple[str, str]]:
    """Merges for at most `budget` new tokens: mirrored letter merges, runs of punctuation, and pieces after a space."""
    words: Counter[str] = Counter()
    runs: Counter[str] = Counter()
    for piece, count in counts.items():
        bare = piece if piece[0].isalpha() and piece[0] != _SPACE else piece[1:]
        if bare.isascii() and bare.isalpha():
            # Without its plural, so that a question's `customers` is cut like the label `Customer`.
            words[bare.lower().removesuffix("s")] += count
        elif not any(letter.isascii() and letter.isalnum() for letter in piece):
            runs[piece] += count
    punctuation = _learn_merges(runs, alphabet, int(budget * _PUNCTUATION_SHARE))
    spaced = int(budget * _SPACED_SHARE)
    letters = _mirror_merges(_learn_merges(words, alphabet, budget), budget - spaced - len(punctuation))
    return letters + punctuation + _choose_spaced(counts, letters, alphabet, spaced)


def _learn_merges(words: Counter[str], alphabet: list[str], count: int) -> list[tuple[str, str]]:
    """The first `count` BPE merges of a weighted word list."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=len(alphabet) + count, initial_alphabet=alphabet, show_progress=False)
    # The trainer takes text, not counts. Were every word counted once, invented ones would decide all merges; as often
    # as it stands, the frames of the questions would. The exponent between cuts both short.
    text = (word for word, seen in sorted(words.items()) for _ in range(max(1, round(seen**0.75 / 4))))
    backend.train_from_iterator(text, trainer)
    return [(left, right) for left, right in json.loads(backend.to_str())["model"]["merges"]]


def _mirror_merges(merges: Iterable[tuple[str, str]], budget: int) -> list[tuple[str, str]]:
    """Each lower-case merge with its capitalised and upper-case spelling, as long as the budget of new tokens lasts."""
    chosen: dict[tuple[str, str], None] = {}
    tokens: set[str] = set()
    for left, right in merges:
        spellings = [(left, right), (left.capitalize(), right), (left.upper(), right.upper())]
        new = {a + b for a, b in spellings} - tokens
        if len(tokens) + len(new) > budget:
            break
        tokens |= new
        chosen.update(dict.fromkeys(spellings))
    return list(chosen)


def _choose_spaced(
    counts: Counter[str], letters: list[tuple[str, str]], alphabet: list[str], count: int
) -> list[tuple[str, str]]:
    """The pieces that most often follow a space, each to be merged with it after all letter merges are done."""
    from tokenizers import Tokenizer, models

    tokens = [*alphabet, *dict.fromkeys(left + right for left, right in letters)]
    model = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=letters))
    first: Counter[str] = Counter()
    for piece, seen in counts.items():
        if piece[0] == _SPACE and piece[1:].isascii() and piece[1:].isalpha():
            first[model.encode(piece[1:]).tokens[0]] += seen
    return [(_SPACE, token) for token, _ in first.most_common(count)]
