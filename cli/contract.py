"""`contract`: what NornicDB expects of a model and what can be said about it, from a checkout or as bundled."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import options
from cli.options import find

if TYPE_CHECKING:
    from nornicdb.contract import Action, Contract
    from nornicdb.facts import Facts

Side = Annotated[str, typer.Argument(help="A NornicDB checkout, or `reference` for what is bundled.")]


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    group = typer.Typer(help="What NornicDB expects of a model, and what changed in it.", no_args_is_help=True)
    for command in (show, diff, catalogue):
        group.command()(command)
    app.add_typer(group, name="contract")


def show(nornicdb: options.Nornicdb = None, as_json: options.Json = False) -> None:
    """Show actions, parameters and prompt sizes, and how many facts there are of each kind."""
    from cli.run import print_json
    from nornicdb.difference import read_version

    contract, facts = read_version(find(nornicdb))
    if as_json:
        print_json({"contract": contract, "facts": facts})
        return
    print(_render_version(contract, facts))


def diff(old: Side, new: Side, as_json: options.Json = False) -> None:
    """Show what changed between two commits: actions, prompt texts, what can be called, settings, routes."""
    from cli.run import print_json
    from nornicdb.difference import compare_versions, read_version

    before, after = (read_version(_find_side(side)) for side in (old, new))
    changes = compare_versions(before, after)
    if as_json:
        sources = {"old": before.contract.source, "new": after.contract.source}
        print_json({**sources, "changes": changes})
        return
    print(f"{before.contract.source} → {after.contract.source}: {len(changes)} changes")
    area = ""
    for change in changes:
        if change.area != area:
            area = change.area
            print(f"\n{area}")
        print(f"  {change.kind} {change.name}" + (f": {change.detail}" if change.detail else ""))


def catalogue(
    nornicdb: Annotated[Path, typer.Option("--nornicdb", "--repo", help="NornicDB checkout to read.")],
    output: Annotated[Path, typer.Option(help="File to write.")],
) -> None:
    """Write what may be bundled of a checkout's facts: names, signatures and defaults, no sentence of NornicDB's."""
    from nornicdb.facts import make_catalogue, write_facts
    from nornicdb.sources import read_facts

    facts = make_catalogue(read_facts(nornicdb.expanduser().absolute()))
    write_facts(output, facts)
    print(f"{sum(facts.count().values())} facts of {facts.source} in {output}")


def _find_side(side: str) -> Path | None:
    return None if side == "reference" else find(Path(side))


def _render_version(contract: "Contract", facts: "Facts") -> str:
    import random

    from nornicdb.prompts import build_system_prompt

    sizes = {name: len(build_system_prompt(contract, name, random.Random(0)).encode()) for name in ("full", "minimal")}
    counts = {kind.replace("_", " "): count for kind, count in facts.count().items()}
    callable_apoc = sum(bool(each.callable_as) for each in facts.apoc)
    return "\n".join(
        (
            f"contract {contract.source}, digest {contract.digest[:12]}",
            f"  full prompt {sizes['full']} bytes, minimal {sizes['minimal']}; {len(contract.examples)} examples",
            f"  queries run by {contract.query_action}",
            *(f"  {_render_action(action)}" for action in contract.actions),
            f"facts {facts.source}",
            *(f"  {kind} {count}" for kind, count in counts.items()),
            f"  {callable_apoc} of {counts['apoc']} APOC functions can be called",
        )
    )


def _render_action(action: "Action") -> str:
    params = ", ".join(f"{param.name}{'' if param.required else '?'}: {param.type}" for param in action.params)
    return f"{action.name}({params})"
