"""`heimdall validate FILE…`: the report on files of rows, and the cleaned copy. No flow runs, nothing is stored."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from heimdall.errors import InputError
from heimdall.files import check_writable, write_text


def inspect_files(
    files: list[str],
    preset: str,
    overrides: Mapping[str, Any],
    nornicdb: Path | None,
    tokenizer: Path | None,
    against: str | None,
    json_schema: Path | None,
    html: Path | None,
    fix: Path | None,
    as_json: bool,
) -> None:
    """Shows the report, writes what was asked for, and raises `ValidationError` where a check failed.

    A mistake in what was asked is found before anything is read or written.
    """
    from cli.run import print_json
    from datagen.clean import check_output, write_clean_copy
    from datagen.report import render_html
    from datagen.validation import inspect_data
    from heimdall.progress import TerminalProgress
    from nornicdb.contract import resolve_contract
    from presets.loader import load_preset
    from tasks.validate_data import require_valid

    config = load_preset(preset, overrides.items())
    for output in (html, fix):
        if output is not None:
            check_writable(output.parent)
    if fix is not None:
        check_output(files, fix)
    inspection = inspect_data(
        files,
        resolve_contract(nornicdb),
        config.validation,
        tokenizer=tokenizer,
        max_seq_length=config.train.max_seq_length if tokenizer is not None else None,
        schema=_read_schema(json_schema) if json_schema is not None else None,
        against=against,
        progress=TerminalProgress("validate", "rows"),
    )
    copy = write_clean_copy(inspection, files, fix) if fix is not None else None
    if html is not None:
        write_text(html, render_html(inspection.report))
    if as_json:
        print_json({"report": inspection.report, "clean": copy})
    else:
        from rich.console import Console

        from datagen.report import render_terminal

        Console(highlight=False).print(render_terminal(inspection.report))
        for dropped in copy.dropped if copy is not None else ():
            print(f"left out  {dropped.rows} rows: {dropped.check}, for example {dropped.examples[0]}")
        if copy is not None:
            print(f"{copy.rows} rows are left", *copy.files, sep="\n")
    require_valid(inspection.report.validation)


def _read_schema(path: Path) -> dict[str, Any]:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError

    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
    except (OSError, ValueError, SchemaError) as error:
        raise InputError(f"'{path}' is no JSON Schema: {str(error).splitlines()[0]}.") from error
    if not isinstance(schema, dict):
        raise InputError(f"'{path}' is no JSON Schema: it is no object.")
    return schema
