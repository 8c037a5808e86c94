"""`heimdall data`: what one does with files of rows besides validating them."""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datagen.lengths import Lengths

Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="JSONL, CSV or Parquet; a directory; or hf:OWNER/NAME[:CONFIG][@REVISION] from the Hub."
    ),
]


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    group = typer.Typer(help="Generate, convert, mix, measure and show files of rows.", no_args_is_help=True)
    for command in (generate, convert, mix, lengths, show):
        group.command()(command)
    app.add_typer(group, name="data")


def generate(
    kind: Annotated[
        str,
        typer.Argument(
            help="heimdall (the mix), cypher, actions, history, knowledge, operations, troubleshooting, qc, cognitive, "
            "coding, repository, mtg, tlp, sentiment, code_review or passage."
        ),
    ],
    output: Annotated[Path, typer.Option(help="A .jsonl, .csv or .parquet file.")],
    count: Annotated[int, typer.Option("--count", "--num-examples", min=1, help="How many rows.")] = 5000,
    to: Annotated[str, typer.Option(help="chat, instruction, completion, or rows.")] = "chat",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting, as in --set prompt=full.")
    ] = None,
    language: Annotated[
        list[str] | None,
        typer.Option(help="Of coding and repository: go, java, javascript or python; all if not given."),
    ] = None,
    nornicdb: Annotated[
        Path | None,
        typer.Option(
            "--nornicdb",
            "--repo",
            help="NornicDB checkout whose prompts and facts are used instead of the reference; of repository: the "
            "checkout, in any of these languages, that is asked about.",
        ),
    ] = None,
    include_advanced: options.Replaced = False,
    include_docs: options.Replaced = False,
    as_json: options.Json = False,
) -> None:
    """Write rows of one kind into one file: distinct, and each right by proof or construction."""
    from cli.run import print_json
    from datagen.formats import check_format
    from datagen.kinds import make_config, write_kind
    from heimdall.progress import TerminalProgress
    from presets.loader import parse_assignment

    options.explain_replaced(include_advanced=include_advanced, include_docs=include_docs)
    settings, checkout = dict(map(parse_assignment, set_ or ())), options.find(nornicdb)
    if language:
        settings["code_languages"] = language
    if kind == "repository" and checkout is not None:
        settings["repositories"], checkout = [str(checkout)], None
    config = make_config(kind, count, seed, settings)
    progress = TerminalProgress("generate", "rows")
    written = write_kind(config, checkout, output.expanduser(), check_format(to), progress)
    if as_json:
        print_json({"file": output, **written.model_dump()})
        return
    for category, rows in written.categories.items():
        print(f"{rows:>8}  {rows / written.rows:6.1%}  {category}")
    for part in written.lengths.classes:
        name = "more" if part.size is None else f"up to {part.size:,} {written.lengths.unit}"
        print(f"{part.rows:>8}  {part.rows / written.rows:6.1%}  {name}")
    print(f"{written.rows} rows\n{output}")


def convert(
    source: Source,
    output: Annotated[Path, typer.Argument(metavar="OUT", help="A .jsonl, .csv or .parquet file.")],
    to: Annotated[str, typer.Option(help="chat, instruction, completion, or rows.")] = "chat",
    as_json: options.Json = False,
) -> None:
    """Write rows in another form. Nothing is written if one of them is broken or does not fit."""
    from cli.run import print_json
    from datagen.formats import check_format, convert

    rows = convert(source, output, check_format(to))
    if as_json:
        print_json({"rows": rows, "file": output})
    else:
        print(f"{rows} rows\n{output}")


def mix(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="FILE=WEIGHT...", help="Sources as `convert` reads them; a weight is 1 if not given."),
    ],
    output: Annotated[Path, typer.Option(help="A .jsonl, .csv or .parquet file.")],
    count: Annotated[
        int | None, typer.Option("--count", "--num-examples", min=1, help="As many as the files allow if not given.")
    ] = None,
    to: Annotated[str, typer.Option(help="chat, instruction, completion, or rows.")] = "chat",
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    as_json: options.Json = False,
) -> None:
    """Write the training rows of several files into one, by weight and none twice, to train on several tasks."""
    from cli.run import print_json
    from datagen.formats import check_format
    from datagen.mixture import mix_sources, read_weights

    counts = mix_sources(read_weights(sources), output, check_format(to), count, seed)
    rows = sum(counts.values())
    if as_json:
        print_json({"rows": rows, "file": output, "sources": counts})
        return
    for source, taken in counts.items():
        print(f"{taken:>8}  {taken / rows:6.1%}  {source}")
    print(f"{rows} rows\n{output}")


def lengths(
    source: Source,
    tokenizer: options.Tokenizer = None,
    nornicdb: options.Nornicdb = None,
    as_json: options.Json = False,
) -> None:
    """Say which context size rows need, or the queries of a .txt file, one per line."""
    from cli.run import print_json
    from datagen.lengths import measure_lengths
    from nornicdb.contract import resolve_contract

    found = measure_lengths(source, tokenizer, resolve_contract(nornicdb))
    if as_json:
        print_json(found)
    else:
        print("\n".join(_describe_lengths(found)))


def show(
    source: Source,
    start: Annotated[int, typer.Option(min=1, help="The first row to show, from 1.")] = 1,
    count: Annotated[int | None, typer.Option(min=1, help="How many rows; all if not given.")] = None,
) -> None:
    """Page through rows."""
    _page(_render_rows(source, start, count))


def _page(texts: "Iterator[str]") -> None:
    """Hands texts to the terminal's pager as it asks for them; without a terminal they are printed."""
    pager = shlex.split(os.environ.get("PAGER") or "less")
    if not sys.stdout.isatty() or shutil.which(pager[0]) is None:
        for text in texts:
            sys.stdout.write(text)
        return
    # The pager's own colours and line ends, and no pager at all for what fits on the screen: as git does.
    environment = {"LESS": "FRX", **os.environ}
    with (
        contextlib.suppress(BrokenPipeError),  # the reader has seen enough
        subprocess.Popen(pager, stdin=subprocess.PIPE, text=True, encoding="utf-8", env=environment) as process,
    ):
        assert process.stdin is not None
        for text in texts:
            process.stdin.write(text)


def _render_rows(source: str, start: int, count: int | None) -> "Iterator[str]":
    from itertools import islice

    from rich.console import Console

    from datagen.formats import read_conversations
    from datagen.show import render_conversation

    console = Console(highlight=False)
    for conversation in islice(read_conversations(source), start - 1, count and start - 1 + count):
        with console.capture() as captured:
            console.print(render_conversation(conversation))
        yield "".join(line.rstrip(" ") + "\n" for line in captured.get().splitlines())


def _describe_lengths(found: "Lengths") -> "Iterator[str]":
    yield f"{found.rows} rows, in {found.unit}"
    yield f"  mean             {found.mean:>9,.1f}"
    yield f"  95th percentile  {found.p95:>9,}"
    yield f"  maximum          {found.maximum:>9,}  {found.longest}"
    for part in found.classes:
        name = "more" if part.size is None else f"up to {part.size:,}"
        yield f"  {name:<15}  {part.rows:>9,}  rows ({part.rows / found.rows:.1%})"
    yield f"recommended context size: {found.recommended}"
    if found.unit == "bytes":
        yield "Bytes, which are never fewer than a byte-level tokenizer's tokens; --tokenizer counts those."
