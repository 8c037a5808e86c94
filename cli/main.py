"""The `heimdall` command. Everything heavy is imported by the command that needs it: `--help` answers at once."""

import os
import signal
import sys
import warnings
from types import FrameType
from typing import NoReturn

import typer
from typer.exceptions import TyperException

from cli import compare, contract, data, machine, models, pipeline, stages
from heimdall.errors import HeimdallError, Interrupted, UsageError

app = typer.Typer(
    name="heimdall",
    help="Makes, proves and ships the small language model inside NornicDB.",
    epilog="Exit codes: 0 done, 2 usage, 3 input, 4 data, 5 training, 6 export, 7 verdict, 8 target, 9 busy, 10 disk, "
    "11 engine, 12 tracking, 130 stopped (the same command continues).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Options may be written with underscores, as in the scripts that came before.
    context_settings={
        "token_normalize_func": lambda name: name.replace("_", "-"),
        "help_option_names": ["-h", "--help"],
    },
)
for group in (pipeline, stages, compare, data, models, contract, machine):
    group.add_commands(app)


@app.callback()
def prepare() -> None:
    """Sets the environment before any command imports Prefect or MLflow."""
    from heimdall.workspace import Workspace, prepare_environment

    prepare_environment(Workspace())
    # Prefect's logs go to its API, where they can be read, and not between our lines of progress.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    # Importing Prefect would like to make its directory; a command that only looks makes none.
    warnings.filterwarnings("ignore", message="Failed to create the Prefect home directory")


def main() -> NoReturn:
    """Runs the command line; an expected failure is one sentence on stderr and its own exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    stopped = Interrupted("Stopped; the same command continues where this one was.")
    try:
        code = app(standalone_mode=False)
        if code == Interrupted.exit_code:  # what Typer makes of a Ctrl-C that reaches it
            code = _explain(stopped)
    except (KeyboardInterrupt, typer.Abort):
        code = _explain(stopped)
    except TyperException as error:
        code = _explain(UsageError(error.format_message()))
    except HeimdallError as error:
        code = _explain(error)
    except BrokenPipeError:
        sys.stderr.close()  # the reader went away: nothing is left to say, nor anybody to say it to
        code = 141
    sys.exit(code)


def _explain(error: HeimdallError) -> int:
    print(f"heimdall: {error}", file=sys.stderr)
    return error.exit_code


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted("Stopped by SIGTERM; the same command continues where this one was.")
