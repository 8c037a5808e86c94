"""Data sets by name: what `heimdall data generate` writes into one file, as settings of the generator."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import pydantic

from datagen.formats import Format, convert, get_writer
from datagen.generate import generate_file
from datagen.lengths import Lengths, measure_lengths
from heimdall.config import CypherClass, DataConfig, GeneralTask
from heimdall.errors import UsageError, suggest
from heimdall.progress import Progress, silent
from heimdall.records import explain_invalid
from heimdall.refs import Record
from heimdall.rows import Family, read_rows
from nornicdb.contract import resolve_contract
from nornicdb.facts import resolve_facts

# Every kind of query, about evenly; commands and procedures have few different ones.
_MIX: dict[CypherClass, float] = {
    "algebra": 0.2, "basic": 0.12, "filter": 0.14, "relationship": 0.14, "aggregation": 0.12, "complex": 0.12,
    "write": 0.08, "schema_command": 0.01, "procedure": 0.02, "systematic": 0.05,
}  # fmt: skip
_CYPHER = {"cypher_mix": _MIX, "varied_schemas": True}
KINDS: dict[str, dict[str, Any]] = {
    # Cypher 30 %, operating NornicDB 40 %, actions 20 %, troubleshooting 10 %.
    "heimdall": {
        **_CYPHER,
        "shares": {"cypher_schema": 0.15, "cypher_plain": 0.15, "operations": 0.4, "action": 0.2, "cypher_help": 0.1},
    },
    "cypher": {**_CYPHER, "shares": {"cypher_schema": 0.5, "cypher_plain": 0.5}},
    "actions": {"shares": {"action": 1}},
    "history": {"shares": {"history": 1}, "varied_schemas": True},
    "knowledge": {"shares": {"knowledge": 1}, "prompt": "full"},
    "operations": {"shares": {"operations": 1}},
    "troubleshooting": {"shares": {"cypher_help": 1}, "varied_schemas": True},
    "qc": {"shares": {"tlp_review": 1}},
    "cognitive": {"shares": {"cognitive": 1}},
    "coding": {"shares": {"code": 1}},
    "repository": {"shares": {"code": 1}, "repository_share": 1},
    **{task: {"shares": {"general": 1}, "general_tasks": {task: 1}} for task in get_args(GeneralTask)},
}


# Forms that hold no earlier turns, or none and no system turn either, in which knowledge would stand.
_UNFIT: dict[Format, tuple[Family, ...]] = {"instruction": ("history",), "completion": ("history", "knowledge")}


class Written(Record):
    """What is in a file: rows, how many of each category, and their lengths."""

    rows: int
    categories: dict[str, int]
    lengths: Lengths


def make_config(kind: str, rows: int, seed: int, settings: Mapping[str, Any]) -> DataConfig:
    """The generator's settings for a kind, with `settings` laid over them.

    Raises `UsageError` for an unknown kind or setting, and for a value that does not fit.
    """
    if kind not in KINDS:
        raise UsageError(f"There is no kind '{kind}'.{suggest(kind, list(KINDS))} The kinds are {', '.join(KINDS)}.")
    known = list(DataConfig.model_fields)
    for key in settings:
        if key not in known:
            raise UsageError(f"There is no setting '{key}'.{suggest(key, known)} The settings are {', '.join(known)}.")
    document = {**KINDS[kind], "train_rows": rows, "split_rows": 1, "seed": seed, **settings}
    try:
        config = DataConfig.model_validate(document)
    except pydantic.ValidationError as error:
        raise UsageError(f"{explain_invalid(error, 'the settings')}.") from error
    if kind == "repository" and not config.repositories:
        raise UsageError("The rows of 'repository' are about a checkout: name it with --repo PATH.")
    return config


def write_kind(
    config: DataConfig, checkout: Path | None, output: Path, form: Format, progress: Progress = silent
) -> Written:
    """Writes `config.train_rows` rows in a form that `datagen.formats` knows, whole or not at all.

    Prompts and facts are those of the NornicDB checkout, or the bundled ones. Raises `UsageError` for a file name that
    does not suit the form, and for a form that cannot hold such rows.
    """
    get_writer(output, form)  # before the work
    for family in _UNFIT.get(form, ()):
        if config.shares.get(family):
            raise UsageError(f"The form '{form}' cannot hold rows of '{family}': use --to chat or --to rows.")
    contract = resolve_contract(checkout)
    facts = resolve_facts(checkout) if config.shares.get("operations") else None
    rows = output if form == "rows" else output.with_name(f".{output.name}.rows.jsonl")
    try:
        generate_file(config, contract, rows, progress, facts=facts)
        counts = Counter(f"{row.family}: {row.category}" for row in read_rows(rows))
        lengths = measure_lengths(rows, None, contract)
        if form != "rows":
            convert(rows, output, form)
    finally:
        if form != "rows":
            rows.unlink(missing_ok=True)
    return Written(rows=config.train_rows, categories=dict(sorted(counts.items())), lengths=lengths)
