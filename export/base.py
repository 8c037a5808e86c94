"""What a base model must be to end as a GGUF file, found out before anything is spent on it."""

from pathlib import Path

from export.convert import check_config
from heimdall.config import PretrainedConfig
from heimdall.errors import ExportError, InputError


def check_base(base: PretrainedConfig) -> None:
    """Raises `InputError` for what is no whole decoder in full precision, of an architecture that can be exported."""
    from huggingface_hub.errors import HFValidationError
    from transformers import AutoConfig

    where = f"The base model '{base.name_or_path}'"
    if (Path(base.name_or_path) / "adapter_config.json").is_file():
        raise InputError(f"{where} is an adapter, not a whole model: merge it first, or name its own base.")
    try:
        check_config(AutoConfig.from_pretrained(base.name_or_path, revision=base.revision), where)
    except (OSError, ValueError) as error:
        if isinstance(error.__cause__, HFValidationError):
            raise InputError(f"{where} is neither a directory here nor a model's name on the Hub.") from error
        raise InputError(f"{where} cannot be loaded: {str(error).strip().splitlines()[0]}") from error
    except ExportError as error:
        raise InputError(str(error)) from error
