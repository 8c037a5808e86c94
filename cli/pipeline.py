"""`retrain`, `plan` and `status`: the pipeline as a whole."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.options import DEFAULT_PRESET, UseCase, find, find_model, make_overrides

if TYPE_CHECKING:
    from flows.retrain import Outcome
    from tasks.stage import Pipeline


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    for command in (retrain, plan, status):
        app.command()(command)


def retrain(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    model_dir: options.ModelDir = None,
    suite: options.GuardedSuite = None,
    set_: options.Set = None,
    num_examples: options.NumExamples = None,
    seed: options.Seed = None,
    epochs: options.Epochs = None,
    batch_size: options.BatchSize = None,
    gradient_accumulation: options.GradientAccumulation = None,
    max_seq_length: options.MaxSeqLength = None,
    learning_rate: options.LearningRate = None,
    quant_type: options.QuantType = None,
    target: options.Target = None,
    as_json: options.Json = False,
) -> None:
    """From nothing to a promoted model: generate, validate, train, export, evaluate, register, promote.

    What was made before with the same settings is reused, and an interrupted run continues.
    """
    from cli.run import run_flow
    from flows.parameters import PromotingParameters

    parameters = PromotingParameters(
        preset=preset,
        overrides=make_overrides(
            preset,
            set_,
            quant_type,
            data__train_rows=num_examples,
            data__seed=seed,
            train__seed=seed,
            train__epochs=epochs,
            train__batch_size=batch_size,
            train__gradient_accumulation=gradient_accumulation,
            train__max_seq_length=max_seq_length,
            train__learning_rate=learning_rate,
            promote__directory=target,
        ),
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model_dir=find_model(model_dir),
        suite=find(suite),
    )
    outcome, pipeline = run_flow("retrain", parameters)
    show_outcome(outcome, pipeline, as_json)


def show_outcome(outcome: "Outcome", pipeline: "Pipeline", as_json: bool) -> None:
    """Prints how a run ended. Raises `VerdictError` if the model may not ship."""
    from cli.run import print_json
    from heimdall.errors import VerdictError

    verdict, page = outcome.decision.verdict, pipeline.path(outcome.decision.page)
    if as_json:
        print_json(
            {
                "verdict": verdict,
                "registration": outcome.registration,
                "promotion": outcome.promotion,
                "taken_back": outcome.taken_back,
                "report": page,
            }
        )
    else:
        _print_card(outcome, pipeline)
    if not verdict.ship and not verdict.keep:
        against = next((reason for reason in verdict.reasons if reason.startswith("✗")), verdict.headline)
        raise VerdictError(f"The model may not ship ({against.removeprefix('✗ ')}); what is deployed was not touched.")


def _print_card(outcome: "Outcome", pipeline: "Pipeline") -> None:
    from rich.console import Console

    from eval.render import render_terminal
    from heimdall.tracking import Tracker
    from tasks.decide_verdict import open_card

    workspace = pipeline.workspace
    # A file or a pipe has no width of its own: give the table what it needs.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)
    console.print()
    console.print(render_terminal(open_card(pipeline, outcome.decision)))
    mlflow, prefect, again = (_name_command(name) for name in ("mlflow", "prefect", "heimdall"))
    uri, quiet = Tracker(workspace).uri, "PREFECT_SERVER_ANALYTICS_ENABLED=false"
    places = [
        ("report", str(pipeline.path(outcome.decision.page))),
        ("MLflow", f"DO_NOT_TRACK=true {mlflow} server --backend-store-uri {uri} --host 127.0.0.1 --port 5000"),
        ("Prefect", f"PREFECT_HOME={workspace.prefect_home} {quiet} {prefect} server start --host 127.0.0.1"),
    ]
    if outcome.promotion is not None:
        places += [("promoted", f"{outcome.promotion.target} (version {outcome.promotion.version})")]
        places += [("next", f"{again} chat")]
    elif outcome.taken_back:
        places += [("not promoted", "this model was live before, and was rolled back or replaced")]
        places += [("next", f"{again} promote --preset {pipeline.preset.name}, if it is to come back")]
    console.print()
    for name, place in places:
        console.print(f"  {name:<12}  {place}", markup=False)


def _name_command(name: str) -> str:
    """How a command of this environment is called from here: by name where the shell finds it, else by path."""
    path = Path(sys.executable).with_name(name)
    found = shutil.which(name)
    if found is not None and Path(found) == path:
        return name
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def plan(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    dataset: options.Dataset = None,
    model_dir: options.ModelDir = None,
    suite: options.GuardedSuite = None,
    set_: options.Set = None,
    hardware: options.Hardware = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Train random weights for a moment here, and correct the prediction by it."),
    ] = False,
    recommend: Annotated[
        bool, typer.Option("--recommend", help="Compare all presets on the hardware, and name one.")
    ] = False,
    use_case: Annotated[
        UseCase, typer.Option(help="What a recommendation is for: embedded in NornicDB, best answers, fast, MIT only.")
    ] = UseCase.BEST,
    as_json: options.Json = False,
) -> None:
    """What `retrain` would run and reuse, its settings, and the memory, time, disk and tokens that training takes.

    Writes nothing. Predictions are from formulas (docs/training.md); those for GPUs were never checked against one.
    """
    from cli.prediction import predict, render, render_recommendation
    from cli.prediction import recommend as compare
    from cli.run import print_json
    from flows.parameters import PromotingParameters, plan_pipeline
    from flows.retrain import run_stages
    from heimdall.errors import UsageError
    from training.devices import find_device

    device = find_device(hardware)
    if dry_run and (hardware or recommend):
        raise UsageError("--dry-run measures one preset on this machine; leave --hardware and --recommend away.")
    if recommend:
        found = compare(device, use_case)
        print_json(found.model_dump(mode="json")) if as_json else print(render_recommendation(found))
        return
    parameters = PromotingParameters(
        preset=preset,
        overrides=make_overrides(preset, set_),
        nornicdb=find(nornicdb),
        dataset=find(dataset),
        model_dir=find_model(model_dir),
        suite=find(suite),
    )
    pipeline = plan_pipeline(parameters)
    run_stages(pipeline, parameters)
    prediction = predict(pipeline, device, model_dir=parameters.model_dir, dry_run=dry_run)
    if as_json:
        print_json({"preset": pipeline.preset, "steps": pipeline.steps, "training": prediction})
        return
    import yaml

    print(yaml.safe_dump(pipeline.preset.model_dump(mode="json"), sort_keys=False, allow_unicode=True))
    for step in pipeline.steps:
        print(f"{step.outcome:<6} {step.stage:<10} {step.key or ''}".rstrip())
    print()
    print(render(prediction))


def status(preset: options.Preset = DEFAULT_PRESET, set_: options.Set = None, as_json: options.Json = False) -> None:
    """What is deployed, what is registered, who is running, and how much the store holds."""
    from cli.run import print_json
    from cli.state import collect_state, render_state
    from heimdall.workspace import Workspace
    from presets.loader import load_preset

    config = load_preset(preset, make_overrides(preset, set_).items()).promote
    state = collect_state(config, Workspace())
    print_json(state) if as_json else print(render_state(state))
