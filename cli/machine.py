"""`doctor`: what this machine has, and what is missing."""

import typer

from cli import options
from cli.options import DEFAULT_PRESET, make_overrides


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    app.command()(doctor)


def doctor(preset: options.Preset = DEFAULT_PRESET, set_: options.Set = None, as_json: options.Json = False) -> None:
    """Say what this machine has and what a preset still misses on it; exit code 11 if something is missing."""
    from cli.facts import collect_facts
    from cli.run import print_json
    from heimdall.errors import EngineError
    from presets.loader import load_preset

    facts = collect_facts(load_preset(preset, make_overrides(preset, set_).items()))
    if as_json:
        print_json({"facts": facts})
    else:
        for fact in facts:
            print(f"{'ok  ' if fact.missing is None else 'MISS'} {fact.name:<16} {fact.value}")
            if fact.missing is not None:
                print(f"     {'':<16} {fact.missing}")
    missing = [fact.name for fact in facts if fact.missing is not None]
    if missing:
        raise EngineError(f"Missing for '{preset}' on this machine: {', '.join(missing)}.")
