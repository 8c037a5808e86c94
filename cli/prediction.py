"""`plan`: what training would take on some hardware, and which preset to choose for it."""

from typing import TYPE_CHECKING, Any

from cli.options import UseCase
from heimdall.refs import Record

if TYPE_CHECKING:
    from tasks.stage import Pipeline
    from training.devices import Device
    from training.estimate import Estimate, Lengths

_PATIENCE = 48.0  # hours that a recommended training may take


class Option(Record):
    """A preset on some hardware. `batch` is the most rows that fit at once, up to the preset's; None if none do."""

    preset: str
    license: str
    parameters: float
    needed: float
    fits: bool
    batch: int | None
    accumulation: int | None
    context: int
    hours: float | None
    advice: list[str]
    chosen: bool


def predict(pipeline: "Pipeline", device: "Device") -> "Estimate | None":
    """What training would take, with the lengths of the data set if the store has it; None for an unknown shape."""
    from training.estimate import describe_model, estimate, guess_lengths

    base = describe_model(pipeline.preset.train)
    if base is None:
        return None
    found = _find_rows(pipeline)
    lengths, rows = found or (guess_lengths(pipeline.preset, base.vocab_size), None)
    return estimate(pipeline.preset, base, lengths, device, rows)


def _find_rows(pipeline: "Pipeline") -> "tuple[Lengths, float] | None":
    """The lengths and the number of the training rows, where the plan would reuse data set and tokenizer."""
    from heimdall.refs import ContractRef, DatasetRef
    from nornicdb.contract import Contract
    from tasks.build_tokenizer import TokenizerRef
    from training.estimate import measure_lengths

    results: dict[str, Any] = {}
    for step in pipeline.steps:
        for manifest in pipeline.store.list_finished(step.stage):
            if step.outcome == "reuse" and manifest.key.name == step.key:
                results[step.stage] = manifest.result
    data = results.get("generate") or results.get("import")
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
    with (directory / "train.jsonl").open("rb") as file:
        return lengths, float(sum(1 for _ in file))


def render(found: "Estimate | None") -> str:
    """A prediction for people."""
    if found is None:
        return "training: no prediction, since the base's shape is not known (neither bundled nor a local directory)"
    memory = found.memory
    parts = ("weights", "gradients", "optimizer", "activations", "attention", "logits", "base")
    shown = ", ".join(f"{name} {_gib(getattr(memory, name))}" for name in parts)
    hours = "not known for this hardware" if found.hours is None else _hours(found.hours)
    lines = [
        f"training  {found.parameters / 1e6:,.0f} million weights, {found.trained_parameters / 1e6:,.1f} trained",
        f"hardware  {found.device}; {found.precision}",
        f"memory    {_gib(memory.total)} GiB of {_gib(found.available)}: {'fits' if found.fits else 'DOES NOT FIT'}",
        f"          {shown} (GiB)",
        f"tokens    {found.tokens:,.0f} computed, {found.answer_tokens:,.0f} learnt, of {found.rows:,.0f} rows "
        f"({found.lengths})",
        f"time      {hours}",
        f"disk      {_gib(found.disk)} GiB",
    ]
    return "\n".join([*lines, *(f"advice    {line}" for line in found.advice)])


def compare_presets(device: "Device", use_case: UseCase) -> list[Option]:
    """All bundled presets on a device, the one to take marked: the largest model (for `fast` the quickest, for
    `embedded` the largest from scratch, for `mit` under that licence) that fits and is trained within two days."""
    from presets.loader import list_presets, load_preset
    from training.estimate import describe_model, estimate, fit_batch, guess_lengths

    rows: list[Option] = []
    for name in list_presets():
        preset = load_preset(name, environ={})
        base, config = describe_model(preset.train), preset.train
        if base is None or name == "heimdall_smoke":
            continue
        lengths = guess_lengths(preset, base.vocab_size)
        found = estimate(preset, base, lengths, device)
        batch = fit_batch(config, base, lengths, device)
        asked = config.prompt_batch_size or config.batch_size
        rows.append(
            Option(
                preset=name,
                license=config.pretrained.license if config.pretrained else base.license,
                parameters=base.parameters,
                needed=found.memory.total,
                fits=found.fits,
                batch=batch,
                accumulation=-(-config.gradient_accumulation * asked // batch) if batch else None,
                context=min(config.max_seq_length, base.context),
                hours=found.hours,
                advice=found.advice,
                chosen=False,
            )
        )
    fitting = [row for row in rows if row.batch and (row.hours is None or row.hours <= _PATIENCE)]
    if use_case is UseCase.MIT:
        fitting = [row for row in fitting if row.license == "MIT"]
    if use_case is UseCase.EMBEDDED:
        fitting = [row for row in fitting if load_preset(row.preset, environ={}).train.scratch]
    if not fitting:
        return rows
    best = max(fitting, key=lambda row: (-(row.hours or 0) if use_case is UseCase.FAST else 0, row.parameters))
    return [row.model_copy(update={"chosen": row is best}) for row in rows]


def render_options(rows: list[Option]) -> str:
    """The comparison as a table, and the command for the preset that it recommends."""
    lines = [f"{'preset':<16} {'licence':<14} {'needs':>9}  {'fits':<5} {'batch':>9} {'context':>8}  time"]
    for row in rows:
        batch = f"{row.batch} x {row.accumulation}" if row.batch else "-"
        hours = "?" if row.hours is None else _hours(row.hours)
        lines.append(
            f"{row.preset:<16} {row.license:<14} {_gib(row.needed):>5} GiB  {'yes' if row.fits else 'no':<5} "
            f"{batch:>9} {row.context:>8}  {hours}"
        )
    chosen = next((row for row in rows if row.chosen), None)
    if chosen is None:
        return "\n".join([*lines, "", f"None fits and is trained within {_PATIENCE:.0f} hours on this hardware."])
    words = ["heimdall retrain --preset", chosen.preset, *chosen.advice[:1]]
    return "\n".join([*lines, "", f"recommended: {' '.join(words)}"])


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f}"


def _hours(hours: float) -> str:
    return f"about {hours:.1f} hours" if hours >= 1 else f"about {max(hours * 60, 1):.0f} minutes"
