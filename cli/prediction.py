"""`plan`: what training would take on some hardware, and which preset, context and batch to choose for it."""

from typing import TYPE_CHECKING, Any

from cli.options import UseCase
from heimdall.config import Preset
from heimdall.refs import Record
from presets.bases import Base, describe_model
from presets.loader import list_presets, load_preset
from tasks.find_former import find_former
from training.answers import continue_from
from training.devices import Device
from training.dry_run import DryRun, DryRunSpec, calibrate
from training.estimate import Estimate, estimate, fit_batch
from training.lengths import Lengths, guess_lengths, measure_lengths
from training.scratch import warn_of_little_data

if TYPE_CHECKING:
    from tasks.stage import Pipeline

_PATIENCE = 48.0  # hours that a recommended training may take
_CONTEXTS = (1024, 2048, 4096, 8192, 16384, 32768)


class Option(Record):
    """A preset on some hardware. `batch` is the most rows that fit at once, up to the preset's; None if none do."""

    preset: str
    license: str
    from_scratch: bool
    parameters: float
    needed: float
    fits: bool
    batch: int | None
    accumulation: int | None
    context: int
    operations: float
    hours: float | None
    advice: list[str]


class Recommendation(Record):
    """All presets on some hardware, the one to take for each use, and what the asked one takes at which context."""

    presets: list[Option]
    uses: dict[str, str | None]
    use_case: str
    contexts: list[Option]


class Prediction(Record):
    """What training would take; `dry_run` is the step that corrected it, `warning` that data are too small."""

    estimate: Estimate
    dry_run: DryRun | None
    warning: str | None


def predict(
    pipeline: "Pipeline", device: Device, *, model_dir: str | None = None, dry_run: bool = False
) -> Prediction | None:
    """What training would take, with the lengths of the data set if the store has it; None for an unknown shape.

    With `model_dir` it goes on from a former run's model. `dry_run` measures a step on this machine first, unless it is
    predicted not to fit.
    """
    preset = pipeline.preset
    if model_dir is not None:
        former = find_former(model_dir, preset, pipeline.workspace).model
        config = continue_from(preset.train, str(pipeline.path(former.artifact)), former.license)
        preset = preset.model_copy(update={"train": config})
    base = describe_model(preset.train)
    if base is None:
        return None
    lengths, rows = _find_rows(pipeline) or (guess_lengths(preset, base.vocab_size), float(preset.data.train_rows))
    found, measured = estimate(preset, base, lengths, device, rows), None
    if dry_run and found.fits:
        device, measured = calibrate(DryRunSpec(config=preset.train, base=base, lengths=lengths), device)
        found = estimate(preset, base, lengths, device, rows)
    warning = warn_of_little_data(base.parameters, rows * lengths.row) if preset.train.scratch else None
    return Prediction(estimate=found, dry_run=measured, warning=warning)


def _find_rows(pipeline: "Pipeline") -> tuple[Lengths, float] | None:
    """The lengths and the number of the training rows, where the plan would reuse data set and tokenizer."""
    from heimdall.refs import ContractRef, DatasetRef
    from nornicdb.contract import Contract
    from tasks.build_tokenizer import TokenizerRef

    results: dict[str, Any] = {}
    for step in pipeline.steps:
        for manifest in pipeline.store.list_finished(step.stage):
            if step.outcome == "reuse" and manifest.key.name == step.key:
                results[step.stage] = manifest.result
    data = results.get("replay") or results.get("generate") or results.get("import")
    if data is None or "tokenizer" not in results or "contract" not in results:
        return None
    dataset = DatasetRef.model_validate(data)
    directory = pipeline.path(dataset.artifact)
    contract = ContractRef.model_validate(results["contract"])
    lengths = measure_lengths(
        directory,
        pipeline.path(TokenizerRef.model_validate(results["tokenizer"]).artifact),
        Contract.model_validate_json(pipeline.path(contract.artifact).read_text(encoding="utf-8")),
        pipeline.preset,
    )
    return lengths, float(dataset.splits["train"])


def render(found: Prediction | None) -> str:
    """A prediction for people."""
    if found is None:
        return "training: no prediction, since the base's shape is not known (neither bundled nor a local directory)"
    guess, memory = found.estimate, found.estimate.memory
    parts = ("weights", "gradients", "optimizer", "activations", "attention", "logits", "base")
    shown = ", ".join(f"{name} {_gib(getattr(memory, name))}" for name in parts)
    lines = [
        f"training  {guess.parameters / 1e6:,.0f} million weights, {guess.trained_parameters / 1e6:,.1f} trained",
        f"hardware  {guess.device}; {guess.precision}",
        f"memory    {_gib(memory.total)} GiB of {_gib(guess.available)}: {'fits' if guess.fits else 'DOES NOT FIT'}",
        f"          {shown} (GiB)",
        f"tokens    {guess.tokens:,.0f} computed, {guess.answer_tokens:,.0f} learnt, of {guess.rows:,.0f} rows "
        f"({guess.lengths})",
        f"time      {_hours(guess.hours)}",
        f"disk      {_gib(guess.disk)} GiB",
    ]
    if (measured := found.dry_run) is not None:
        lines.append(
            f"dry run   {measured.seconds:.2f} s for a micro-batch of {measured.rows} rows, "
            f"{_gib(measured.peak_memory)} GiB at its peak: memory and time are corrected by it"
        )
    if found.warning:
        lines.append(f"warning   {found.warning}")
    return "\n".join([*lines, *(f"advice    {line}" for line in guess.advice)])


def recommend(device: Device, use_case: UseCase) -> Recommendation:
    """All bundled presets on a device, the one to take for each use, and the contexts of the one for `use_case`."""
    options, known = [], {}
    for name in list_presets():
        preset = load_preset(name, environ={})
        base = describe_model(preset.train)
        if base is None or name == "heimdall_smoke":
            continue
        lengths = guess_lengths(preset, base.vocab_size)
        known[name] = (preset, base, lengths)
        options.append(_describe(preset, base, lengths, min(preset.train.max_seq_length, base.context), device))
    uses = {use.value: _choose(options, use) for use in UseCase}
    contexts: list[Option] = []
    if chosen := uses[use_case.value]:
        preset, base, lengths = known[chosen]
        for context in _CONTEXTS:
            if context <= base.context:
                longest = lengths.model_copy(update={"prompt": context - lengths.row})
                contexts.append(_describe(preset, base, longest, context, device))
    return Recommendation(presets=options, uses=uses, use_case=use_case.value, contexts=contexts)


def _describe(preset: Preset, base: Base, lengths: Lengths, context: int, device: Device) -> Option:

    config = preset.train
    found = estimate(preset, base, lengths, device)
    batch = fit_batch(config, base, lengths, device)
    rows = config.gradient_accumulation * (config.prompt_batch_size or config.batch_size)
    return Option(
        preset=preset.name,
        license=config.pretrained.license if config.pretrained else base.license,
        from_scratch=config.scratch is not None,
        parameters=base.parameters,
        needed=found.memory.total,
        fits=found.fits,
        batch=batch,
        accumulation=-(-rows // batch) if batch else None,
        context=context,
        operations=found.operations,
        hours=found.hours,
        advice=found.advice,
    )


def _choose(options: list[Option], use_case: UseCase) -> str | None:
    """The largest model that fits and is trained within two days: for `fast` the one trained first, for `embedded` of
    those from scratch, for `mit` of those under that licence."""
    fitting = [option for option in options if option.batch and (option.hours or 0) <= _PATIENCE]
    if use_case is UseCase.MIT:
        fitting = [option for option in fitting if option.license == "MIT"]
    if use_case is UseCase.EMBEDDED:
        fitting = [option for option in fitting if option.from_scratch]
    if use_case is UseCase.FAST:
        fitting = sorted(fitting, key=lambda option: option.operations)[:1]
    return max(fitting, key=lambda option: option.parameters).preset if fitting else None


def render_recommendation(found: Recommendation) -> str:
    """Three tables: presets on the hardware, presets for a use, contexts of the recommended one; and its command."""
    advice = {option.preset: option.advice for option in found.presets}
    lines = _render_table(found.presets)
    lines += ["", *(f"{use:<10} {preset or 'none fits'}" for use, preset in found.uses.items())]
    chosen = found.uses[found.use_case]
    if chosen is None:
        return "\n".join([*lines, "", f"None fits and is trained within {_PATIENCE:.0f} hours on this hardware."])
    lines += ["", f"{chosen} by context, filled by the system prompt:", *_render_table(found.contexts)]
    words = ["heimdall retrain --preset", chosen, *advice[chosen][:1]]
    return "\n".join([*lines, "", f"recommended for '{found.use_case}': {' '.join(words)}"])


def _render_table(options: list[Option]) -> list[str]:
    lines = [f"{'preset':<16} {'licence':<14} {'needs':>9}  {'fits':<5} {'batch':>9} {'context':>8}  time"]
    for option in options:
        fits, batch = "yes" if option.fits else "no", f"{option.batch} x {option.accumulation}" if option.batch else "-"
        lines.append(
            f"{option.preset:<16} {option.license:<14} {_gib(option.needed):>5} GiB  {fits:<5} "
            f"{batch:>9} {option.context:>8}  {_hours(option.hours)}"
        )
    return lines


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f}"


def _hours(hours: float | None) -> str:
    if hours is None:
        return "not known for this hardware"
    return f"about {hours:.1f} hours" if hours >= 1 else f"about {max(hours * 60, 1):.0f} minutes"
