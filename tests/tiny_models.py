"""Tiny random models with a real byte-level BPE tokenizer, for the tests of everything that reads a model."""

import json
from pathlib import Path
from typing import Any

from nornicdb.prompts import CHAT_TEMPLATE, CONTROL_TOKENS

QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEXT = (
    'User: "how many Person nodes are there?"\n→ {"action": "heimdall.watcher.query", "params": {"cypher": '
    '"MATCH (n:Person)-[:KNOWS]->(m) WHERE n.age > 42 RETURN count(n) AS total ORDER BY total DESC LIMIT 10"}}\n\n'
    "You are Heimdall; it's the assistant of the graph database. Naïve café, 日本語, 😀!\t\n  \n"
)
PROMPTS = tuple(
    f"<|im_start|>system\nYou are Heimdall.\n- heimdall.watcher.query: run a query\n<|im_end|>\n"
    f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    for question in (
        "how many nodes",
        "show 12345 Person nodes",
        "naïve café 日本語 😀",
        "a  b\t\n\n c",
        "it's DON'T <|im_x|>",
    )
)
SIZE = {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "initializer_range": 0.08,  # larger than usual, so that the logits of a random model are not all near ties
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
}

LONGROPE = {  # the positions of Phi-3.5 and of all Phi-3 for 128 000 tokens
    "max_position_embeddings": 8192,
    "original_max_position_embeddings": 1024,
    "rope_parameters": {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0 + 0.05 * number for number in range(32)],
        "long_factor": [1.0 + number for number in range(32)],
        "original_max_position_embeddings": 1024,
    },
}


def build_tokenizer(control_tokens: tuple[str, ...] = CONTROL_TOKENS, text: str = TEXT, vocab_size: int = 400) -> Any:
    """A trained tokenizer of Qwen's kind; the control tokens get the first ids."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import Qwen2Tokenizer

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN2_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(control_tokens),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return Qwen2Tokenizer(
        tokenizer_object=tokenizer,
        eos_token=control_tokens[-1] if control_tokens else None,
        pad_token=control_tokens[0] if control_tokens else None,
        unk_token=None,
        chat_template=CHAT_TEMPLATE,
    )


def build_sentencepiece_tokenizer(
    control_tokens: tuple[str, ...] = CONTROL_TOKENS, *, space_prefix: bool = True, vocab_size: int = 400
) -> Any:
    """A trained tokenizer of Phi-3's and TinyLlama's kind: BPE without a pre-tokenizer, and bytes for the unknown."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bare = Tokenizer(models.BPE())
    bare.normalizer = normalizers.Replace(" ", "▁")
    # Words, so that no piece runs over the next space, as SentencePiece trains it.
    bare.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    first = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    bare.train_from_iterator(
        [TEXT.replace("\n", " ").replace("\t", " ")],
        trainers.BpeTrainer(vocab_size=vocab_size - len(first), limit_alphabet=60, show_progress=False),
    )
    learnt = json.loads(bare.to_str())["model"]
    pieces = sorted(learnt["vocab"], key=learnt["vocab"].get)
    tokenizer = Tokenizer(
        models.BPE(
            vocab={piece: number for number, piece in enumerate([*first, *pieces])},
            merges=[tuple(merge) for merge in learnt["merges"]],
            byte_fallback=True,
            unk_token="<unk>",
            fuse_unk=True,
        )
    )
    spaces = [normalizers.Prepend("▁")] if space_prefix else []
    tokenizer.normalizer = normalizers.Sequence([*spaces, normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(["<s>", "</s>", *control_tokens])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )
    wrapped.chat_template = CHAT_TEMPLATE
    return wrapped


def build_model(architecture: str, vocab_size: int = 416, seed: int = 0, **changes: Any) -> Any:
    """A random model; `vocab_size` is larger than the tokenizer's, as that of real models is."""
    import torch
    import transformers as hf

    kinds = {
        "qwen2": (hf.Qwen2Config, hf.Qwen2ForCausalLM),
        "qwen3": (hf.Qwen3Config, hf.Qwen3ForCausalLM),
        "llama": (hf.LlamaConfig, hf.LlamaForCausalLM),
        "phi3": (hf.Phi3Config, hf.Phi3ForCausalLM),
        "gpt2": (hf.GPT2Config, hf.GPT2LMHeadModel),
    }
    make_config, make_model = kinds[architecture]
    settings: dict[str, Any] = {
        **SIZE,
        "vocab_size": vocab_size,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 0,
    }
    if architecture == "qwen3":
        settings["head_dim"] = 128  # unlike hidden_size / num_attention_heads, as in the real ones
    torch.manual_seed(seed)
    model = make_model(make_config(**settings | changes)).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias") or "norm" in name:  # zeros and ones by default, which would hide a swap
                weight.add_(0.1 * torch.randn_like(weight))
    return model


def save_model(path: Path, architecture: str = "qwen2", **changes: Any) -> Path:
    """Writes a model directory as training leaves it."""
    build_model(architecture, **changes).save_pretrained(path)
    build_tokenizer().save_pretrained(path)
    return path
