"""Makes one whole model out of a base model and a LoRA adapter; NornicDB loads no adapters."""

import json
from pathlib import Path

from heimdall.errors import ExportError

ADAPTER_CONFIG = "adapter_config.json"


def merge_adapter(model_dir: Path, out: Path, base: str | None = None) -> Path:
    """Returns the directory of a whole model: `model_dir` itself, or, if it holds a LoRA adapter, the merged `out`.

    The base (`base`, or the one that the adapter names) is loaded anew in the precision it was saved in, never in the
    4-bit form that QLoRA trained on, so the merge adds no quantisation error. Raises `ExportError` for a base that
    cannot be loaded or is of another shape than the adapter's, and for adapters whose merge holds values that are not
    numbers.
    """
    if not (model_dir / ADAPTER_CONFIG).exists():
        return model_dir
    import torch
    from peft import PeftModel, get_peft_model_state_dict
    from peft.utils.save_and_load import load_peft_weights
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    name = base or _read_base_name(model_dir / ADAPTER_CONFIG)
    try:
        model = AutoModelForCausalLM.from_pretrained(name, dtype="auto")
        tokenizer = AutoTokenizer.from_pretrained(model_dir)
    except (OSError, ValueError) as error:
        raise ExportError(
            f"the base model '{name}' of the adapter in '{model_dir}' cannot be loaded ({error}); "
            "name a local copy of it."
        ) from error
    if getattr(model.config, "quantization_config", None) is not None:
        raise ExportError(f"the base model '{name}' is quantised; an adapter is merged into full precision only.")
    if model.dtype == torch.float16:  # sums of float16 overflow; float32 holds both exactly
        model = model.float()
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer))
    another = f"the adapter in '{model_dir}' is one of another base than '{name}'"
    try:
        adapted = PeftModel.from_pretrained(model, model_dir)
        if differing := load_peft_weights(model_dir).keys() ^ get_peft_model_state_dict(adapted).keys():
            layers = sorted(key for key in differing if "lora_" in key)
            if layers:
                raise ExportError(f"{another}: only one of them has {layers[0]}.")
        merged = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise ExportError(f"the adapter in '{model_dir}' cannot be merged: {error}") from error
    except RuntimeError as error:
        if "size mismatch" not in str(error):
            raise
        raise ExportError(f"{another}: {str(error).splitlines()[1].strip()}") from error
    merged.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def _read_base_name(path: Path) -> str:
    try:
        name = json.loads(path.read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, KeyError) as error:
        raise ExportError(f"'{path}' does not name its base model; give one.") from error
    if not isinstance(name, str) or not name:
        raise ExportError(f"'{path}' does not name its base model; give one.")
    return name
