"""The child's side of `training.job`: reads its specification, works, and says what came of it.

Modules that are run as a child stay cheap to import: the process that judges answers imports its parent's main module.
"""

import argparse
import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from heimdall.errors import HeimdallError, TrainingError
from heimdall.refs import Record
from training.job import STOPPED

S = TypeVar("S", bound=Record)


def run_child(kind: type[S], work: Callable[[S], Record | None], out_of_memory: str) -> int:
    """Runs `work` on the specification that the command line names; returns the exit code.

    `work` returns its summary, or None where it was asked to stop and can be continued. What goes wrong is said on
    standard error: `out_of_memory` in words where memory was too small.
    """
    parser = argparse.ArgumentParser(description=work.__doc__)
    parser.add_argument("--spec", type=Path, required=True, help=f"a JSON file with a {kind.__name__}")
    spec = kind.model_validate_json(parser.parse_args().spec.read_text(encoding="utf-8"))
    sys.stdout = sys.stderr  # whatever a library prints goes to the log
    if "WORLD_SIZE" not in os.environ:  # processes of `accelerate launch` end with it, and may have no input
        threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        summary = work(spec)
    except HeimdallError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except (RuntimeError, MemoryError) as error:
        from training.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"{out_of_memory} ({str(error).splitlines()[0] if str(error) else 'MemoryError'})", file=sys.stderr)
        return TrainingError.exit_code
    if summary is None:
        return STOPPED
    send({"summary": summary.model_dump()})
    return 0


def send(event: dict[str, Any]) -> None:
    """One event on the process's own standard output, which libraries cannot reach (see `run_child`); of several
    processes that train together, only the first one's."""
    if os.environ.get("RANK", "0") != "0":
        return
    sys.__stdout__.write(json.dumps(event) + "\n")  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]


def _end_with_parent() -> None:
    """Blocks until standard input ends, which it does when the parent dies; then this process ends too."""
    os.read(0, 1)  # not sys.stdin: a thread that waits inside it can abort the interpreter's exit
    os._exit(STOPPED)
