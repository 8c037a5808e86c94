"""Converts a Hugging Face model directory (safetensors and tokenizer.json) into an F16 GGUF file.

The tensors and keys are those of llama.cpp's `convert_hf_to_gguf.py`. Tensors are read, converted and written one at a
time, so a model needs no more memory than its largest matrix.
"""

import contextlib
import errno
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.vocabulary import Vocabulary, read_vocabulary
from heimdall.errors import ExportError
from heimdall.files import replacing
from heimdall.progress import Progress, silent
from heimdall.refs import Record
from nornicdb.prompts import CHAT_TEMPLATE

CONVERTER = "heimdall-gguf/2"
"""Goes into every file; a change of what is written gets a new number."""
ARCHITECTURES = ("qwen2", "qwen3", "llama", "phi3")


class GgufMetadata(Record):
    """Where a file comes from; written as `general.*` and `heimdall.*` keys, which llama.cpp ignores."""

    name: str
    license: str
    base_model: str
    dataset_digest: str
    contract_digest: str
    contract_source: str
    prompt: str
    run_id: str | None = None


def convert_to_gguf(model_dir: Path, out: Path, metadata: GgufMetadata, progress: Progress = silent) -> None:
    """Writes `out`, whole or not at all; `progress` counts tensors.

    Raises `ExportError` for an architecture, tokenizer or setting that would not run as it was trained, and for weights
    that are not numbers or do not fit into F16.
    """
    from gguf import GGUFWriter

    if re.search(r"phi-?3", metadata.name, re.IGNORECASE):
        raise ExportError(
            f"the name '{metadata.name}' makes llama.cpp treat special tokens as Phi-3's; choose one without 'phi3'."
        )
    config = _read_config(model_dir)
    tensors = _plan_tensors(model_dir, config)
    vocabulary = read_vocabulary(model_dir, rows=_count_rows(tensors, model_dir))
    with replacing(out) as partial, _explaining_short_writes():
        writer = GGUFWriter(partial, config.model_type)
        try:
            _write_metadata(writer, config, metadata, sum(math.prod(tensor.shape) for tensor in tensors))
            _write_vocabulary(writer, vocabulary, _read_chat_template(model_dir))
            _write_tensors(writer, tensors, config, progress)
        finally:
            writer.close()


@dataclass(frozen=True)
class _Tensor:
    """A tensor to be written: its GGUF name, and its source or its values. One-dimensional tensors stay F32, the rest
    become F16."""

    name: str
    source: str
    file: Path
    shape: tuple[int, ...]
    values: tuple[float, ...] | None = None


def _read_config(model_dir: Path) -> Any:
    """The model's configuration with the architecture's defaults filled in."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(model_dir)
    except (OSError, ValueError) as error:
        raise ExportError(f"'{model_dir}' has no readable config.json ({error}).") from error
    check_config(config, f"the model in '{model_dir}'")
    return config


def check_config(config: Any, where: str) -> None:
    """Raises `ExportError` for an architecture or setting that would not run as it was trained."""
    if config.model_type not in ARCHITECTURES:
        raise ExportError(
            f"{where} is of the architecture '{config.model_type}'; {', '.join(ARCHITECTURES)} can be exported."
        )
    if getattr(config, "quantization_config", None) is not None:
        raise ExportError(f"{where} is already quantised; export the full-precision model.")
    if config.hidden_act != "silu":
        raise ExportError(f"{where} uses the activation '{config.hidden_act}', which llama.cpp would take for silu.")
    rope = _rope(config)
    if rope.get("rope_type", "default") not in ("default", "longrope" if config.model_type == "phi3" else "default"):
        raise ExportError(
            f"{where} uses the '{rope['rope_type']}' scaling of rotary positions, which is not supported; "
            "export a model with the default one."
        )
    if config.model_type == "qwen3" and config.attention_bias:
        raise ExportError(f"{where} has biases in its attention, which llama.cpp does not have for this architecture.")
    if config.model_type != "phi3" and "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        raise ExportError(
            f"{where} uses sliding-window attention, which llama.cpp does not have for this architecture."
        )


def _rope(config: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = config.rope_parameters
    return parameters


def _plan_tensors(model_dir: Path, config: Any) -> list[_Tensor]:
    """Finds every tensor and its GGUF name."""
    from gguf import MODEL_ARCH, get_tensor_name_map
    from safetensors import SafetensorError, safe_open

    names = get_tensor_name_map(MODEL_ARCH[config.model_type.upper()], config.num_hidden_layers)
    files = sorted(model_dir.glob("*.safetensors"))
    if not files:
        raise ExportError(f"'{model_dir}' has no *.safetensors file; other formats are not read.")
    found: dict[str, _Tensor] = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for source in file.keys():  # noqa: SIM118 - not a dict
                    if source == "lm_head.weight" and config.tie_word_embeddings:
                        continue  # llama.cpp uses the embeddings
                    name = names.get_name(source, try_suffixes=(".weight", ".bias"))
                    if name is None:
                        raise ExportError(f"{path} holds the tensor '{source}', unknown to '{config.model_type}'.")
                    if name in found:
                        raise ExportError(f"{path} holds the tensor '{source}' a second time.")
                    found[name] = _Tensor(name, source, path, tuple(file.get_slice(source).get_shape()))
        except (SafetensorError, OSError) as error:
            raise ExportError(f"'{path}' is not a readable safetensors file ({error}).") from error
    rope = _rope(config)
    if rope.get("rope_type") == "longrope":
        # llama.cpp takes the short factors as long as the context it was opened with is within the original one.
        for kind in ("long", "short"):
            factors = tuple(float(factor) for factor in rope[f"{kind}_factor"])
            name = f"rope_factors_{kind}.weight"
            found[name] = _Tensor(name, name, model_dir, (len(factors),), factors)
    return sorted(found.values(), key=_place)


def _place(tensor: _Tensor) -> tuple[list[int], str]:
    """By layer, then by name, however the model was sharded."""
    return [int(number) for number in re.findall(r"\d+", tensor.source)], tensor.name


def _count_rows(tensors: list[_Tensor], model_dir: Path) -> int:
    for tensor in tensors:
        if tensor.name == "token_embd.weight":
            return tensor.shape[0]
    raise ExportError(f"the model in '{model_dir}' has no token embeddings.")


def _write_metadata(writer: Any, config: Any, metadata: GgufMetadata, parameters: int) -> None:
    from gguf import GGML_QUANT_VERSION, GGUFType, LlamaFileType, size_label

    writer.add_type(GGUFType.MODEL)
    writer.add_name(metadata.name)
    writer.add_size_label(size_label(parameters, parameters, 0, 0))
    writer.add_license(metadata.license)
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, metadata.base_model)
    for key in ("dataset_digest", "contract_digest", "contract_source", "prompt", "run_id"):
        writer.add_string(f"heimdall.{key}", getattr(metadata, key) or "")
    writer.add_string("heimdall.converter", CONVERTER)

    writer.add_vocab_size(config.vocab_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(_rope(config)["rope_theta"])
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    if config.model_type == "phi3":
        writer.add_rope_dimension_count(int(head * _rope(config).get("partial_rotary_factor", 1.0)))
        writer.add_rope_scaling_orig_ctx_len(config.original_max_position_embeddings)
        writer.add_sliding_window(config.sliding_window or 0)
        scale = config.max_position_embeddings / config.original_max_position_embeddings
        if _rope(config).get("rope_type") == "longrope" and scale > 1:
            # As in the model: the attention's logits grow with the logarithm of the context (arXiv:2402.13753).
            writer.add_rope_scaling_attn_factors(
                math.sqrt(1 + math.log(scale) / math.log(config.original_max_position_embeddings))
            )
    else:
        writer.add_key_length(head)
        writer.add_value_length(head)
    if config.model_type == "llama":
        writer.add_rope_dimension_count(head)
    writer.add_file_type(LlamaFileType.MOSTLY_F16)
    writer.add_quantization_version(GGML_QUANT_VERSION)


def _write_vocabulary(writer: Any, vocabulary: Vocabulary, chat_template: str) -> None:
    writer.add_tokenizer_model(vocabulary.model)
    writer.add_tokenizer_pre(vocabulary.pre)
    writer.add_token_list(vocabulary.tokens)
    if vocabulary.model == "llama":
        # Merges of SentencePiece's kind have ids in the order in which they were learnt.
        writer.add_token_scores([-float(number) for number in range(len(vocabulary.tokens))])
        writer.add_add_space_prefix(vocabulary.space_prefix)
    writer.add_token_types(vocabulary.types)
    if vocabulary.model == "gpt2":
        writer.add_token_merges(vocabulary.merges)
    if vocabulary.unknown is not None:
        writer.add_unk_token_id(vocabulary.unknown)
    writer.add_eos_token_id(vocabulary.eos)  # without it llama.cpp takes token 11
    writer.add_bos_token_id(vocabulary.padding)
    writer.add_pad_token_id(vocabulary.padding)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)  # NornicDB tokenises with add_special, which would append it to the prompt
    writer.add_chat_template(chat_template)


def _read_chat_template(model_dir: Path) -> str:
    """The tokenizer's template without TRL's `{% generation %}` tags, which other template engines do not know."""
    path = model_dir / "chat_template.jinja"
    template = path.read_text(encoding="utf-8") if path.exists() else CHAT_TEMPLATE
    # an empty comment keeps the tag's whitespace control
    return re.sub(r"{%(-?)\s*(?:end)?generation\s*(-?)%}", r"{#\1 \2#}", template).replace("{# #}", "")


def _write_tensors(writer: Any, tensors: list[_Tensor], config: Any, progress: Progress) -> None:
    import numpy as np

    for tensor in tensors:
        dtype = np.dtype(np.float32 if len(tensor.shape) == 1 else np.float16)
        writer.add_tensor_info(tensor.name, tensor.shape, dtype, math.prod(tensor.shape) * dtype.itemsize)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for number, tensor in enumerate(tensors):
        progress(number, len(tensors), tensor.name)
        writer.write_tensor_data(_read_tensor(tensor, config))
    progress(len(tensors), len(tensors))


def _read_tensor(tensor: _Tensor, config: Any) -> Any:
    """One tensor as a numpy array in the type and row order that llama.cpp wants."""
    import torch
    from safetensors import safe_open

    if tensor.values is not None:
        return torch.tensor(tensor.values, dtype=torch.float32).numpy()
    with safe_open(tensor.file, framework="pt") as file:
        data = file.get_tensor(tensor.source)
    if config.model_type == "llama" and re.search(r"\.[qk]_proj\.", tensor.source):
        heads = config.num_attention_heads if ".q_proj." in tensor.source else config.num_key_value_heads
        # ggml's rotary positions pair neighbouring rows, Hugging Face's pair a row with one half a head away
        data = data.reshape(heads, 2, -1, *data.shape[1:]).transpose(1, 2).reshape(data.shape)
    if not torch.isfinite(data).all():
        raise ExportError(
            f"the tensor '{tensor.source}' holds values that are not finite numbers; training has diverged."
        )
    data = data.to(torch.float32 if data.ndim == 1 else torch.float16)
    if not torch.isfinite(data).all():
        raise ExportError(f"the tensor '{tensor.source}' holds values above 65504, which F16 cannot hold.")
    return data.contiguous().numpy()


@contextlib.contextmanager
def _explaining_short_writes() -> Iterator[None]:
    """numpy reports a full disk as an `OSError` without a number; this gives it the right one."""
    try:
        yield
    except OSError as error:
        if error.errno is None and "written" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise
