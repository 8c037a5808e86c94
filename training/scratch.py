"""A small Qwen2 decoder from nothing, whose first two layers start as a copying circuit.

A model that answers from a schema must copy identifiers it never saw. Random weights find that circuit late and
abruptly; here it is written into the weights before the first step: layer 0 attends to the two previous tokens,
layer 1 finds the earlier place where the last two tokens stood and copies what came next (an induction head, Olsson et
al. 2022, arXiv:2209.11895). One token is not enough: pieces are short, so each stands in many places. Everything else
starts at zero output, so the circuit is all the model does at step 0.
"""

import math
import re
from typing import TYPE_CHECKING, Any

from heimdall.config import ScratchConfig
from heimdall.errors import UsageError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

HEAD_SIZE = 64
ROPE_THETA = 1e8  # most rotary pairs then turn by less than a radian over a whole prompt, so content can be matched
MAX_POSITIONS = 8192
_EMBEDDING_STD = 0.06
_SPELLING_SHARE = 0.6  # of "starts with a space", "is upper case" … beside the vector of the word itself
_OWN_SHARE = 0.15  # of what only this token has
_POSITION_STRENGTH = 9.5  # attention logits: one step off the wanted distance costs about 8
_POSITION_PAIRS = 7  # rotary pairs with the highest frequencies, which tell neighbours apart
_CONTENT_PAIRS = 22  # rotary pairs with the lowest frequencies
_MATCH_STRENGTH = 2.0
_SECOND_MATCH_STRENGTH = 1.8
_COPY_GAIN = 2.0  # the copied token against the current one in the output


def build_model(config: ScratchConfig, tokenizer: "PreTrainedTokenizerBase", seed: int) -> "PreTrainedModel":
    """A Qwen2 model in float32 with tied embeddings. Raises `UsageError` for sizes the copying circuit cannot take."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    _check_sizes(config)
    torch.manual_seed(seed)
    model = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=MAX_POSITIONS,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight.zero_()
            layer.mlp.down_proj.weight.zero_()
        _share_embeddings(model.model.embed_tokens.weight, tokenizer, config.hidden_size // 2)
        _write_looking_back(model.model.layers[0].self_attn, config.hidden_size)
        _write_induction_heads(model.model.layers[1].self_attn, config.hidden_size)
    return model


def warn_of_little_data(parameters: float, tokens: float) -> str | None:
    """What to say of data with fewer tokens in its rows than a model from scratch has weights; None for more.

    One token a weight is little: training is best spent at about 20 (Hoffmann et al. 2022, arXiv:2203.15556).
    """
    if tokens >= parameters:
        return None
    return (
        f"{tokens:,.0f} tokens are little for {parameters:,.0f} weights from scratch, which will learn them by heart; "
        f"take {math.ceil(parameters / max(tokens, 1))} times the rows, a smaller train.scratch, or a pretrained base"
    )


def _check_sizes(config: ScratchConfig) -> None:
    if config.hidden_size % 256 or config.intermediate_size % 256:
        raise UsageError(
            "train.scratch: hidden_size and intermediate_size must be multiples of 256, or K-quants silently fall back."
        )
    if config.heads * HEAD_SIZE != config.hidden_size or config.kv_heads != config.heads or config.layers < 2:
        raise UsageError(
            f"train.scratch: the copying circuit needs heads = kv_heads = hidden_size / {HEAD_SIZE} and two layers."
        )


def _share_embeddings(weight: "torch.Tensor", tokenizer: "PreTrainedTokenizerBase", width: int) -> None:
    """Spellings of one word (`customer`, `Customer`, ` customer`) share most of their vector, in half the space.

    What tells them apart is the same for all words, so that copying with another spelling (` placed` as `PLACED`) is
    one rule for all of them. The other half of the space is where layer 0 writes the two tokens before.
    """
    import torch

    weight.normal_(std=0.002)
    words: dict[str, Any] = {}
    spellings: dict[str, Any] = {}
    size = (1 + _SPELLING_SHARE**2 + _OWN_SHARE**2) ** 0.5
    for token, index in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]):
        word = token.lstrip("Ġ")
        is_word = re.fullmatch("[A-Za-z]+", word)
        mixed = words.setdefault(word.lower() if is_word else token, torch.randn(width)) + _OWN_SHARE * torch.randn(
            width
        )
        if is_word:
            mixed = mixed + _SPELLING_SHARE * spellings.setdefault(_spelling(token), torch.randn(width))
        weight[index, :width] = mixed * (_EMBEDDING_STD / size)


def _spelling(token: str) -> str:
    """How a piece of a word is written: with a space before it or not, in lower, upper or mixed case."""
    word = token.lstrip("Ġ")
    return ("spaced " if token != word else "") + (
        "lower" if word.islower() else "upper" if word.isupper() else "mixed"
    )


def _write_looking_back(attention: Any, hidden: int) -> None:
    """Heads whose query and key are constants that rotary embedding turns into "one step back" and "two steps back".

    For a rotary pair with frequency w, a query at angle -w k and a key at angle 0 agree best at distance k. The first
    half of the heads looks one step back, the second half two; each half copies the first quarter of the space, in
    which embeddings live, into a quarter of its own.
    """
    import torch

    quarter = hidden // 4
    frequencies = ROPE_THETA ** (-torch.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)
    per_offset = quarter // HEAD_SIZE  # heads that a quarter of the space needs
    for offset in (1, 2):
        for part in range(per_offset):
            head = (offset - 1) * per_offset + part
            rows = _clear(attention, head)
            for pair in range(_POSITION_PAIRS):
                cosine, sine = rows.start + pair, rows.start + pair + HEAD_SIZE // 2
                attention.q_proj.bias[cosine] = _POSITION_STRENGTH * torch.cos(offset * frequencies[pair])
                attention.q_proj.bias[sine] = -_POSITION_STRENGTH * torch.sin(offset * frequencies[pair])
                attention.k_proj.bias[cosine] = _POSITION_STRENGTH
            for number in range(HEAD_SIZE):
                source = part * HEAD_SIZE + number
                attention.v_proj.weight[rows.start + number, source] = 1.0
                # The norm before attention scales the embedding's half to about sqrt(2); undo that and its size.
                attention.o_proj.weight[(offset + 1) * quarter + source, rows.start + number] = _EMBEDDING_STD / 2**0.5


def _write_induction_heads(attention: Any, hidden: int) -> None:
    """Heads that look for the last two tokens before a key's own token, and copy that token to the output.

    Query: the current token and the one before it; key: the token before the key and the one before that.
    """
    half, quarter = hidden // 2, hidden // 4
    low = HEAD_SIZE // 2 - _CONTENT_PAIRS  # faster pairs turn too much over a prompt to match content
    for head in range(hidden // HEAD_SIZE):
        rows = _clear(attention, head)
        slots = [pair + part for part in (0, HEAD_SIZE // 2) for pair in range(low, HEAD_SIZE // 2)]
        nearest = len(slots) * 3 // 5  # the current token says more than the one before it
        for number, slot in enumerate(slots):
            source = (head * len(slots) + number) % quarter
            strength = _MATCH_STRENGTH if number < nearest else _SECOND_MATCH_STRENGTH
            attention.q_proj.weight[rows.start + slot, source if number < nearest else half + source] = strength
            attention.k_proj.weight[rows.start + slot, (half if number < nearest else half + quarter) + source] = (
                strength
            )
        for number in range(HEAD_SIZE):
            value = (head * HEAD_SIZE + number) % half
            attention.v_proj.weight[rows.start + number, value] = 1.0
            # Two heads write each dimension.
            attention.o_proj.weight[value, rows.start + number] = _COPY_GAIN / 2 * _EMBEDDING_STD


def _clear(attention: Any, head: int) -> slice:
    rows = slice(head * HEAD_SIZE, (head + 1) * HEAD_SIZE)
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight[rows].zero_()
        projection.bias[rows].zero_()
    return rows
