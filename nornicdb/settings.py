"""Where NornicDB looks for a model and the `nornicdb.yaml` lines that make it load ours.

Only keys that NornicDB reads are written: it ignores unknown ones without a word.
"""

import os
from pathlib import Path, PurePosixPath

import yaml

from heimdall.errors import UsageError

# NewManager in NornicDB's pkg/heimdall/scheduler.go tries these in order; `./models` is below its working directory.
MODEL_DIRECTORIES = ("/usr/local/var/nornicdb/models", "/app/models", "/data/models", "./models")
MAX_TOKENS = 1024  # NornicDB's default of heimdall.max_tokens
TEMPERATURE = 0.1  # NornicDB's default; it takes 0 for "not set", so 0 cannot be written


def name_model(gguf: Path, nornicdb_root: Path) -> str:
    """The value of `heimdall.model` with which NornicDB, started in `nornicdb_root`, loads this file.

    NornicDB joins the value to each of its model directories and appends `.gguf`, so an absolute path never works, but
    one relative to `./models` does: `../plugins/heimdall/models/heimdall`. Raises `UsageError` for another file name.
    """
    if gguf.suffix != ".gguf":
        raise UsageError(f"NornicDB only loads files that end in .gguf, not '{gguf}'.")
    relative = os.path.relpath(gguf.absolute(), nornicdb_root.absolute() / "models")
    return Path(relative).with_suffix("").as_posix()


def list_model_paths(model: str, nornicdb_root: Path) -> tuple[Path, ...]:
    """The files that NornicDB, started in `nornicdb_root`, tries for this `heimdall.model`, the first that exists wins.

    Like Go's filepath.Join, `..` is taken away lexically, so the model directories themselves need not exist.
    """
    name = model if model.endswith(".gguf") else f"{model}.gguf"
    joined = (nornicdb_root.absolute() / PurePosixPath(directory) for directory in MODEL_DIRECTORIES)
    return tuple(Path(os.path.normpath(f"{directory}/{name}")) for directory in joined)


def render_fragment(
    model: str, *, context_size: int, batch_size: int | None = None, gpu_layers: int = -1, max_tokens: int = MAX_TOKENS
) -> str:
    """The `heimdall` section for `nornicdb.yaml`, with a comment for each value that has to be as it is.

    `model` is what `name_model` gives; `context_size` and `batch_size` (by default the same) are in tokens. Raises
    `UsageError` when a batch is smaller than the context or an answer has no room in it.
    """
    batch_size = context_size if batch_size is None else batch_size
    if batch_size < context_size:
        raise UsageError(
            f"batch_size {batch_size} is below context_size {context_size}: NornicDB would forget the beginning of "
            "every prompt that is longer than a batch; make them equal."
        )
    if not 0 < max_tokens < context_size:
        raise UsageError(f"max_tokens {max_tokens} has to be between 1 and context_size {context_size}.")
    return f"""\
heimdall:
  enabled: true
  # Relative to NornicDB's ./models, without .gguf: absolute paths and NORNICDB_MODELS_DIR have no effect here.
  model: {yaml.safe_dump(model, default_style='"', width=10**6).strip()}
  # Prompt and answer together; a longer conversation is answered with an error.
  context_size: {context_size}
  # Not below context_size: before every batch NornicDB forgets the batches before it, so that of a longer prompt the
  # model would see only the end.
  batch_size: {batch_size}
  max_tokens: {max_tokens}
  # The chat decodes greedily at any value above 0; a 0 would be taken for "not set".
  temperature: {TEMPERATURE}
  # -1 lets NornicDB choose, 0 stays on the CPU.
  gpu_layers: {gpu_layers}
"""
