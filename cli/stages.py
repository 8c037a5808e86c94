"""Each stage on its own. A stage first makes what it needs, unless the store holds it already."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import options
from cli.options import DEFAULT_PRESET, find, find_model, make_overrides
from heimdall.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.parameters import Parameters
    from heimdall.refs import ArtifactRef


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    for command in (generate, validate, train, export, evaluate, promote):
        app.command()(command)


def generate(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    set_: options.Set = None,
    num_examples: options.NumExamples = None,
    seed: options.Seed = None,
    output_dir: options.OutputDir = None,
    as_json: options.Json = False,
) -> None:
    """Generate a data set: one JSONL file per split, proven answers, a data set card."""
    from flows.parameters import Parameters

    parameters = Parameters(
        preset=preset,
        overrides=make_overrides(preset, set_, data__train_rows=num_examples, data__seed=seed),
        nornicdb=find(nornicdb),
    )
    dataset, places = _run("generate", parameters, output_dir, lambda made: [made.artifact])
    rows = ", ".join(f"{split} {count}" for split, count in dataset.splits.items())
    _show(dataset, [f"{dataset.rows} rows: {rows}"], places, as_json)


def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILE...", help="Any files of rows, or directories; without, the preset's data set."),
    ] = None,
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    model_dir: options.ModelDir = None,
    set_: options.Set = None,
    max_seq_length: options.MaxSeqLength = None,
    tokenizer: options.Tokenizer = None,
    against: Annotated[str | None, typer.Option(help="Data to compare FILE with, such as the champion's.")] = None,
    json_schema: Annotated[Path | None, typer.Option(help="JSON Schema that answers of FILE must satisfy.")] = None,
    html: Annotated[Path | None, typer.Option(help="Write the report on FILE as a page.")] = None,
    fix: Annotated[Path | None, typer.Option(help="Write a copy of FILE without its bad rows.")] = None,
    check_cypher: options.Replaced = False,
    no_backup: options.Replaced = False,
    min_category_size: options.ReplacedNumber = None,
    max_category_ratio: options.ReplacedNumber = None,
    as_json: options.Json = False,
) -> None:
    """Check a data set; exit code 4 if it may not be trained on."""
    options.explain_replaced(
        check_cypher=check_cypher,
        no_backup=no_backup,
        min_category_size=min_category_size,
        max_category_ratio=max_category_ratio,
    )
    overrides = make_overrides(preset, set_, train__max_seq_length=max_seq_length)
    if files:
        if dataset is not None or model_dir is not None:
            raise UsageError("--dataset and --model_dir are for the stage; leave them out where FILE is given.")
        from cli.inspection import inspect_files

        inspect_files(files, preset, overrides, nornicdb, tokenizer, against, json_schema, html, fix, as_json)
        return
    for name, value in (
        ("tokenizer", tokenizer),
        ("against", against),
        ("html", html),
        ("fix", fix),
        ("json-schema", json_schema),
    ):
        if value is not None:
            raise UsageError(f"--{name} is for files: heimdall validate FILE --{name} …")
    from cli.run import print_json, run_flow
    from flows.parameters import Parameters
    from tasks.validate_data import require_valid

    parameters = Parameters(
        preset=preset,
        overrides=overrides,
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model_dir=find_model(model_dir),
    )
    report, _ = run_flow("validate", parameters)
    if as_json:
        print_json(report)
    else:
        for check in report.checks:
            print(f"{'ok  ' if check.passed else 'FAIL'} {check.name}: {check.value:g} ({check.limit})")
            for example in () if check.passed else check.examples:
                print(f"       {example}")
    require_valid(report)


def train(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    model_dir: options.ModelDir = None,
    set_: options.Set = None,
    seed: options.Seed = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    gradient_accumulation: options.GradientAccumulation = None,
    max_seq_length: options.MaxSeqLength = None,
    learning_rate: options.LearningRate = None,
    output_dir: options.OutputDir = None,
    as_json: options.Json = False,
) -> None:
    """Train a model; the result is a Hugging Face directory."""
    from flows.parameters import Parameters

    parameters = Parameters(
        preset=preset,
        overrides=make_overrides(
            preset,
            set_,
            train__seed=seed,
            train__epochs=epochs,
            train__batch_size=batch_size,
            train__gradient_accumulation=gradient_accumulation,
            train__max_seq_length=max_seq_length,
            train__learning_rate=learning_rate,
        ),
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model_dir=find_model(model_dir),
    )
    model, places = _run("finetune", parameters, output_dir, lambda made: [made.artifact])
    _show(model, [f"{model.parameters:,} parameters, base {model.base}"], places, as_json)


def export(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    model_dir: options.ModelDir = None,
    set_: options.Set = None,
    quant_type: options.QuantType = None,
    output_dir: options.OutputDir = None,
    as_json: options.Json = False,
) -> None:
    """Turn the trained model into GGUF files that tokenise and answer as it does."""
    from flows.parameters import Parameters

    parameters = Parameters(
        preset=preset,
        overrides=make_overrides(preset, set_, quant_type),
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model_dir=find_model(model_dir),
    )
    made, places = _run(
        "quantize", parameters, output_dir, lambda made: [gguf.artifact for gguf in made.files.values()]
    )
    lines = [
        f"{kind}: {gguf.artifact.size / 1e6:.1f} MB, {gguf.bits_per_weight:.2f} bits per weight"
        for kind, gguf in made.files.items()
    ]
    _show(made, lines, places, as_json)


def evaluate(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="Any GGUF file or Hugging Face model directory; the same as --model."),
    ] = None,
    preset: options.Preset = DEFAULT_PRESET,
    model: Annotated[
        Path | None, typer.Option(help="Any GGUF file or Hugging Face model directory, instead of the preset's model.")
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            help="Questions instead of the test splits: own ones (JSON lines), or a file of CypherBench, text2cypher, "
            "ZOGRASCOPE or Mind-the-Query (docs/evaluation.md)."
        ),
    ] = None,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    set_: options.Set = None,
    seed: Annotated[int | None, typer.Option(help="evaluation.seed: which rows are asked, and how.")] = None,
    output_dir: options.OutputDir = None,
    as_json: options.Json = False,
) -> None:
    """Question a model as NornicDB would, and score its answers with 95 % intervals."""
    from flows.assess import AssessParameters

    parameters = AssessParameters(
        preset=preset,
        overrides=make_overrides(preset, set_, evaluation__seed=seed),
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model=find(model or file),
        suite=find(suite),
    )
    report, places = _run("assess", parameters, output_dir, lambda made: [made.examples])
    if output_dir is not None:
        from heimdall.files import write_json
        from tasks.find_evaluations import REPORT

        # Beside its examples, so that `heimdall compare` finds both.
        write_json(output_dir / REPORT, report.model_dump(mode="json"))
    from eval.render import render_suite
    from eval.verdict import format_score

    if suite is not None:
        lines = [*render_suite(report.slices), *report.notes]
    else:
        lines = [
            f"{part.family}/{part.split}/{name}: {format_score(score)}"
            for part in report.slices
            for name, score in part.scores.items()
        ]
    _show(report, lines, places, as_json)


def promote(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    model_dir: options.ModelDir = None,
    suite: options.GuardedSuite = None,
    set_: options.Set = None,
    target: options.Target = None,
    as_json: options.Json = False,
) -> None:
    """Promote the preset's model if its verdict allows it, also one that was rolled back. Never trains."""
    from cli.pipeline import show_outcome
    from cli.run import run_flow
    from flows.parameters import PromotingParameters

    parameters = PromotingParameters(
        preset=preset,
        overrides=make_overrides(preset, set_, promote__directory=target),
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model_dir=find_model(model_dir),
        suite=find(suite),
    )
    outcome, pipeline = run_flow("promote", parameters)
    show_outcome(outcome, pipeline, as_json)


def _run(
    verb: str, parameters: "Parameters", output_dir: Path | None, pick: "Callable[[Any], list[ArtifactRef]]"
) -> tuple[Any, list[Path]]:
    """Runs a flow; returns its result and where the files it names lie, in `output_dir` if there is one."""
    from cli.run import run_flow
    from heimdall.files import check_writable, copy_file

    if output_dir is not None:
        check_writable(output_dir)
    result, pipeline = run_flow(verb, parameters)
    places = [pipeline.path(artifact) for artifact in pick(result)]
    if output_dir is None:
        return result, places
    for place in places:
        root = place if place.is_dir() else place.parent
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file():
                copy_file(file, output_dir / file.relative_to(root))
    return result, [output_dir if place.is_dir() else output_dir / place.name for place in places]


def _show(result: Any, lines: list[str], places: list[Path], as_json: bool) -> None:
    from cli.run import print_json

    if as_json:
        print_json({"result": result, "files": places})
    else:
        print("\n".join([*lines, *map(str, places)]))
