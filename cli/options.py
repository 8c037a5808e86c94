"""The options that several commands share, and what they mean for a preset."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

Preset = Annotated[str, typer.Option(help="Name of a preset, or path to a YAML file.")]
Nornicdb = Annotated[
    Path | None,
    typer.Option("--nornicdb", "--repo", help="NornicDB checkout whose prompts are used instead of the reference."),
]
Dataset = Annotated[
    Path | None, typer.Option(help="Own rows (JSONL, CSV, Parquet or a directory) instead of generated ones.")
]
ModelDir = Annotated[
    str | None,
    typer.Option(
        help="Train on from a former run: its model's directory, MLflow run, place in the store, or champion."
    ),
]
GuardedSuite = Annotated[
    Path | None,
    typer.Option(
        "--suite", help="With --model-dir: questions at which the new model may not be worse than the former."
    ),
]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Any setting, as in --set train.epochs=2.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout instead of text.")]
OutputDir = Annotated[Path | None, typer.Option(help="Also copy the result into this directory.")]
Seed = Annotated[int | None, typer.Option(help="Seed of data and training.")]
Epochs = Annotated[float | None, typer.Option(help="train.epochs")]
BatchSize = Annotated[int | None, typer.Option(help="train.batch_size: rows per micro-batch.")]
GradientAccumulation = Annotated[int | None, typer.Option(help="train.gradient_accumulation")]
MaxSeqLength = Annotated[int | None, typer.Option(help="train.max_seq_length, in tokens.")]
LearningRate = Annotated[float | None, typer.Option(help="train.learning_rate")]
NumExamples = Annotated[int | None, typer.Option("--num-examples", "--count", help="data.train_rows")]
QuantType = Annotated[str | None, typer.Option(help="The quantisation that ships: export.ship.")]
Target = Annotated[str | None, typer.Option(help="Directory the model is promoted into: promote.directory.")]
Tokenizer = Annotated[
    Path | None, typer.Option(help="Hugging Face directory, tokenizer.json or GGUF file whose tokens are counted.")
]
Hardware = Annotated[
    str | None, typer.Option(help="What to predict for: '2080 Ti', 'A100 80GB', '24GB', 'cpu'; default: this machine.")
]

# Options of the scripts that came before, for what now happens without them.
Replaced = Annotated[bool, typer.Option(hidden=True)]
ReplacedNumber = Annotated[float | None, typer.Option(hidden=True)]
_REPLACED = {
    "include_advanced": "the rows of mtg always hold interactions, the stack and tournament rulings.",
    "include_docs": "comments and documentation are always among what is asked about a repository.",
    "check_cypher": "every Cypher query is always checked, by a grammar.",
    "no_backup": "FILE is never changed, so there is nothing to keep; --fix OUT writes the corrected copy.",
    "min_category_size": "no row is repeated to fill a category; `heimdall data generate` makes more of its kind.",
    "max_category_ratio": "no row is repeated to balance categories; --set validation.max_action_share=0.3 limits the "
    "largest one of actions, and --set data.shares=… sets the shares where rows are made.",
}

DEFAULT_PRESET = "heimdall_nano"


class UseCase(Enum):
    """What a recommended model is for."""

    EMBEDDED = "embedded"
    BEST = "best"
    FAST = "fast"
    MIT = "mit"


def make_overrides(
    preset: str, assignments: list[str] | None = None, quant_type: str | None = None, **settings: Any
) -> dict[str, Any]:
    """Settings by dotted key. `settings` have `__` for the dot, and None where an option was not given.

    An option of its own wins over `--set`.
    """
    from presets.loader import load_preset, parse_assignment

    overrides = dict(parse_assignment(text) for text in assignments or ())
    overrides |= {key.replace("__", "."): value for key, value in settings.items() if value is not None}
    if quant_type is not None:
        made = load_preset(preset, overrides.items()).export.quantizations
        overrides["export.quantizations"] = [*made, *({quant_type} - set(made))]
        overrides["export.ship"] = quant_type
    return overrides


def explain_replaced(**given: object) -> None:
    """Says on stderr what has taken the place of each former option that was given."""
    for name, value in given.items():
        if value not in (None, False):
            print(f"--{name.replace('_', '-')}: {_REPLACED[name]}", file=sys.stderr)


def find(path: Path | None) -> Path | None:
    """An absolute path, because a flow may run in another directory."""
    return path.expanduser().absolute() if path is not None else None


def find_model(reference: str | None) -> str | None:
    """What `--model_dir` names: a directory by its absolute path, anything else as it is."""
    if reference is None or not Path(reference).expanduser().is_dir():
        return reference
    return str(find(Path(reference)))
