"""`compare`: two evaluations side by side."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.options import DEFAULT_PRESET, find, make_overrides


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    app.command()(compare)


def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="An evaluation, such as the one that runs now.")],
    second: Annotated[str, typer.Argument(metavar="B", help="The evaluation that is held against it.")],
    preset: options.Preset = DEFAULT_PRESET,
    set_: options.Set = None,
    output: Annotated[Path | None, typer.Option(help="Also write a page that stands alone (.html).")] = None,
    as_json: options.Json = False,
) -> None:
    """Show two evaluations side by side, with paired differences and the questions that flipped.

    A and B are MLflow run ids, places in the store (evaluate/…), directories or JSON files that `heimdall evaluate`
    wrote, or `champion`. Both must have been asked the same: data set, prompt and contract.
    """
    from cli.run import print_json
    from eval.compare import compare_evaluations
    from eval.render_compare import render_comparison, render_comparison_html
    from heimdall.errors import UsageError
    from heimdall.files import check_writable, write_text
    from heimdall.workspace import Workspace
    from presets.loader import load_preset
    from tasks.find_evaluations import find_pair

    page = find(output)
    if page is not None:
        if page.suffix != ".html":
            raise UsageError(f"--output is a page: '{output}' should end with .html; for JSON use --json.")
        check_writable(page.parent)
    config = load_preset(preset, make_overrides(preset, set_).items()).promote
    comparison = compare_evaluations(*find_pair(first, second, config, Workspace()))
    if page is not None:
        write_text(page, render_comparison_html(comparison))
    if as_json:
        print_json(comparison)
        return
    from rich.console import Console

    # A file or a pipe has no width of its own: give the table what it needs.
    Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 150).print(
        render_comparison(comparison)
    )
    if page is not None:
        print(page)
