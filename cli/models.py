"""`chat` and `rollback`: the model that is deployed."""

from pathlib import Path
from typing import Annotated

import typer

from cli import options
from cli.options import DEFAULT_PRESET, find, make_overrides


def add_commands(app: typer.Typer) -> None:
    """Registers this group's commands."""
    for command in (chat, rollback):
        app.command()(command)


def chat(
    question: Annotated[str | None, typer.Argument(help="One question; without it, a conversation.")] = None,
    preset: options.Preset = DEFAULT_PRESET,
    model: Annotated[Path | None, typer.Option(help="Any GGUF file, instead of the promoted one.")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="`full` or `minimal`; the one the promoted model was made for if not given.")
    ] = None,
    nornicdb: options.Nornicdb = None,
    set_: options.Set = None,
    max_tokens: Annotated[
        int, typer.Option(help="Longest reply, in tokens; NornicDB's page asks for 512.", min=1)
    ] = 512,
    as_json: options.Json = False,
) -> None:
    """Talk to the promoted model as NornicDB's Bifrost does: the prompt's size, the raw reply, the parsed action.

    In a conversation `/help` lists what else there is: the exact prompt, text sent as it is, decoding under the
    grammar, and corrected answers for a suite of your own.
    """
    from cli.bifrost import Bifrost, render_answer
    from cli.run import print_json
    from presets.loader import load_preset

    config = load_preset(preset, make_overrides(preset, set_).items())
    with Bifrost(config, model=find(model), prompt=prompt, nornicdb=find(nornicdb), max_tokens=max_tokens) as bifrost:
        if question is not None:
            answer = bifrost.ask(question)
            print_json(answer) if as_json else print(render_answer(answer))
            return
        from cli.conversation import Conversation

        Conversation(bifrost, as_json=as_json).run()


def rollback(
    preset: options.Preset = DEFAULT_PRESET,
    nornicdb: options.Nornicdb = None,
    set_: options.Set = None,
    target: options.Target = None,
    as_json: options.Json = False,
) -> None:
    """Bring the previous model back, after asking it one question. A second rollback undoes the first."""
    from cli.run import print_json, run_unplanned
    from flows.rollback import RollbackParameters

    parameters = RollbackParameters(
        preset=preset, overrides=make_overrides(preset, set_, promote__directory=target), nornicdb=find(nornicdb)
    )
    promotion = run_unplanned("rollback", parameters)
    print_json(promotion) if as_json else print(f"Version {promotion.version} is live again: {promotion.target}")
