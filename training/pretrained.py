"""A base model: its weights, room for the ChatML markers that its tokenizer lacked, and adapters on its layers."""

from typing import TYPE_CHECKING

import peft
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from heimdall.config import LoraConfig, PretrainedConfig
from heimdall.errors import InputError
from training.tokenizer import find_missing_markers

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_pretrained(
    base: PretrainedConfig, lora: LoraConfig | None, tokenizer: "PreTrainedTokenizerBase"
) -> "PreTrainedModel":
    """The base for a tokenizer that `training.tokenizer` has made of its own, with adapters if `lora` asks for them.

    Only safetensors are read and no code of the model's. Raises `InputError` for a base that cannot be loaded.
    """
    try:
        own = AutoTokenizer.from_pretrained(base.name_or_path, revision=base.revision)
        model = AutoModelForCausalLM.from_pretrained(
            base.name_or_path, revision=base.revision, dtype=torch.float32, use_safetensors=True
        )
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"The base model '{base.name_or_path}' cannot be loaded: {first}") from error
    added = [tokenizer.convert_tokens_to_ids(token) for token in find_missing_markers(own)]
    if added:
        _embed_tokens(model, added)
    return model if lora is None else _add_adapters(model, lora, added)


def _embed_tokens(model: "PreTrainedModel", added: list[int]) -> None:
    """Makes room for tokens behind all others; their embeddings begin as the mean of those."""
    if max(added) >= model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(added) + 1, mean_resizing=False)
    with torch.no_grad():
        for embeddings in (model.get_input_embeddings(), model.get_output_embeddings()):
            embeddings.weight[added] = embeddings.weight[: min(added)].mean(0)


def _add_adapters(model: "PreTrainedModel", lora: LoraConfig, added: list[int]) -> "PreTrainedModel":
    """Rank-stabilised adapters on all linear layers. Added tokens are learnt too, or the model never ends its turn."""
    places = ["embed_tokens"] if model.config.tie_word_embeddings else ["embed_tokens", "lm_head"]
    config = peft.LoraConfig(
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        target_modules="all-linear",
        use_rslora=True,
        task_type="CAUSAL_LM",
        trainable_token_indices=dict.fromkeys(places, added) if added else None,
    )
    return peft.get_peft_model(model, config)
