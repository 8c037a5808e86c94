"""A base model: its weights, room for the ChatML markers that its tokenizer lacked, and adapters on its layers."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

import peft
import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from heimdall.config import LoraConfig, PretrainedConfig
from heimdall.errors import EngineError, InputError
from heimdall.hardware import Precision
from training.tokenizer import find_missing_markers

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}


def load_pretrained(
    base: PretrainedConfig, lora: LoraConfig | None, tokenizer: "PreTrainedTokenizerBase", precision: Precision
) -> "PreTrainedModel":
    """The base for a tokenizer that `training.tokenizer` has made of its own, with adapters if `lora` asks for them.

    Frozen layers are kept as matrix products read them, in 16 or 4 bits, and everything else in float32. Only
    safetensors are read and no code of the model's. Raises `InputError` for a base that cannot be loaded.
    """
    if lora is None:
        return _load(base, tokenizer)[0]
    if lora.quantized:
        return _add_adapters(*_load(base, tokenizer, _quantize(precision)), lora)
    model, added = _load(base, tokenizer)
    for module in model.get_decoder().layers.modules():
        if isinstance(module, torch.nn.Linear):
            module.to(_DTYPES[precision.name])
    return _add_adapters(model, added, lora)


def merge_adapters(
    model: "PreTrainedModel", base: PretrainedConfig, lora: LoraConfig, tokenizer: "PreTrainedTokenizerBase"
) -> "PreTrainedModel":
    """The base as it is, loaded anew in float32, with the trained adapters in its weights."""
    whole = _add_adapters(*_load(base, tokenizer), lora)
    peft.set_peft_model_state_dict(whole, peft.get_peft_model_state_dict(model))
    return whole.merge_and_unload(safe_merge=True)


def _load(
    base: PretrainedConfig, tokenizer: "PreTrainedTokenizerBase", quantization: BitsAndBytesConfig | None = None
) -> tuple["PreTrainedModel", list[int]]:
    """The base with room for the tokens that its tokenizer lacked, and these."""
    try:
        own = AutoTokenizer.from_pretrained(base.name_or_path, revision=base.revision)
        model = AutoModelForCausalLM.from_pretrained(
            base.name_or_path,
            revision=base.revision,
            dtype=torch.float32,
            use_safetensors=True,
            quantization_config=quantization,
        )
    except (OSError, ValueError, SafetensorError) as error:
        first = str(error).strip().splitlines()[0]
        raise InputError(f"The base model '{base.name_or_path}' cannot be loaded: {first}") from error
    added = [tokenizer.convert_tokens_to_ids(token) for token in find_missing_markers(own)]
    if added:
        _embed_tokens(model, added)
    return model, added


def _quantize(precision: Precision) -> BitsAndBytesConfig:
    """NF4 with quantised constants (Dettmers et al. 2023, arXiv:2305.14314).

    Raises `EngineError` without bitsandbytes.
    """
    if find_spec("bitsandbytes") is None:
        raise EngineError("A base in 4 bits needs bitsandbytes; install it with `pip install -e '.[qlora]'`.")
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=_DTYPES[precision.name] if torch.cuda.is_available() else torch.float32,
    )


def _embed_tokens(model: "PreTrainedModel", added: list[int]) -> None:
    """Makes room for tokens behind all others; their embeddings begin as the mean of those."""
    if max(added) >= model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(added) + 1, mean_resizing=False)
    with torch.no_grad():
        for embeddings in (model.get_input_embeddings(), model.get_output_embeddings()):
            embeddings.weight[added] = embeddings.weight[: min(added)].mean(0)


def _add_adapters(model: "PreTrainedModel", added: list[int], lora: LoraConfig) -> "PreTrainedModel":
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
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            # On a CPU, bitsandbytes would repack the weights at the first evaluation, and training could not go on.
            module.support_avx512bf16_for_cpu = False
    return peft.get_peft_model(model, config)
