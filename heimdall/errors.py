"""Every failure a user can cause or meet, each with one clear sentence and its own exit code.

The command line prints the sentence and leaves with the code; anything that is not a `HeimdallError` is a bug and
shows its traceback (exit code 1).
"""

from typing import ClassVar


class HeimdallError(Exception):
    """Base of all expected failures; the message is one sentence that names the place and the way out."""

    exit_code: ClassVar[int] = 1


class UsageError(HeimdallError):
    """An unknown preset, option value or configuration key."""

    exit_code = 2


class InputError(HeimdallError):
    """A file or checkout from the user that cannot be read or is not what it should be."""

    exit_code = 3


class ValidationError(HeimdallError):
    """The data set did not pass its gate."""

    exit_code = 4


class TrainingError(HeimdallError):
    """Training could not go on: no trainable token, a loss that is not a number, a child that died."""

    exit_code = 5


class ExportError(HeimdallError):
    """A model could not be turned into a GGUF file that answers as the model does."""

    exit_code = 6


class VerdictError(HeimdallError):
    """The evaluation does not allow the model to ship."""

    exit_code = 7


class TargetError(HeimdallError):
    """The deployment directory cannot be written, or holds something that is not ours."""

    exit_code = 8


class BusyError(HeimdallError):
    """Another run holds the workspace."""

    exit_code = 9


class DiskError(HeimdallError):
    """The disk is full or cannot be written."""

    exit_code = 10


class EngineError(HeimdallError):
    """llama.cpp or the embedded graph engine failed in a way that is not the answer's fault."""

    exit_code = 11


class TrackingError(HeimdallError):
    """MLflow's database or server cannot be reached, or refuses what it is asked."""

    exit_code = 12


class Interrupted(HeimdallError):  # noqa: N818 - an interruption is not an error
    """Ctrl-C or SIGTERM; the same command continues where it stopped."""

    exit_code = 130


def suggest(word: str, known: list[str]) -> str:
    """Returns ` Did you mean 'x'?` for the nearest known word, or an empty string."""
    import difflib

    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
