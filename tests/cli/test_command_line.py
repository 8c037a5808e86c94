"""The command line itself: light, forgiving in spelling, and one sentence when something is wrong."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.options import make_overrides
from heimdall.errors import HeimdallError, Interrupted, UsageError
from presets.loader import load_preset

COMMANDS = [
    "retrain",
    "plan",
    "status",
    "generate",
    "validate",
    "train",
    "export",
    "evaluate",
    "compare",
    "promote",
    "chat",
    "rollback",
    "doctor",
]
HEAVY = {"torch", "transformers", "prefect", "mlflow", "llama_cpp", "datasets", "matplotlib"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    code = (
        "import sys; from cli.main import app; app(['--help'], standalone_mode=False); "
        "print(sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert all(f" {name} " in done.stdout for name in COMMANDS)
    loaded = set(json.loads(done.stderr.strip().splitlines()[-1].replace("'", '"')))
    assert not loaded & (HEAVY | {"pydantic", "rich.table"})


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_in_dashes(
    command: str, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(command, "--help") == 0
    out = capsys.readouterr().out
    assert "--preset" in out
    assert "_dir" not in out


@pytest.mark.parametrize("spelling", ["--batch_size", "--batch-size"])
def test_underscores_and_dashes_are_the_same_option(
    spelling: str, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command("train", "--preset", "heimdall_smoke", spelling, "0") == 2
    assert "train.batch_size: Input should be greater than 0 (it is 0)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["retrian"], "retrain"),
        (["train", "--epoch", "2"], "--epochs"),
        (["train", "--epochs", "two"], "Invalid value for '--epochs'"),
        (["train", "--epochs"], "--epochs"),
        (["plan", "--set", "train.epochs"], "--set train.epochs=2"),
        (["chat", "--preset", "heimdall_smoke", "--max_tokens", "0"], "--max-tokens"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    arguments: list[str], says: str, run_command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(*arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("heimdall: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert captured.out == ""


def _all_errors(error: type[HeimdallError]) -> list[type[HeimdallError]]:
    return [found for child in error.__subclasses__() for found in (child, *_all_errors(child))]


@pytest.mark.parametrize("error", _all_errors(HeimdallError), ids=lambda error: error.__name__)
def test_every_expected_failure_leaves_with_its_own_code(
    error: type[HeimdallError],
    run_command: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> None:
        raise error("Something is wrong.")

    monkeypatch.setattr("presets.loader.load_preset", fail)
    assert run_command("doctor") == error.exit_code
    assert capsys.readouterr().err == "heimdall: Something is wrong.\n"
    same = [other for other in _all_errors(HeimdallError) if other.exit_code == error.exit_code]
    assert same == [error]


def test_ctrl_c_says_that_the_command_continues(
    run_command: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("presets.loader.load_preset", press)
    assert run_command("doctor") == Interrupted.exit_code
    assert "the same command continues" in capsys.readouterr().err


def test_a_bug_is_not_dressed_up(run_command: Callable[..., int], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("presets.loader.load_preset", fail)
    with pytest.raises(ZeroDivisionError):
        run_command("doctor")


def test_an_option_of_its_own_wins_over_set_and_what_is_not_given_says_nothing() -> None:
    overrides = make_overrides(
        "heimdall_smoke", ["train.epochs=2", "train.seed=3"], train__epochs=4.0, train__seed=None
    )
    assert overrides == {"train.epochs": 4.0, "train.seed": 3}


def test_a_quantisation_to_ship_is_made_too() -> None:
    overrides = make_overrides("heimdall_smoke", ["export.quantizations=[F16]", "export.ship=F16"], "Q6_K")
    made = load_preset("heimdall_smoke", overrides.items(), {}).export
    assert (made.ship, made.quantizations) == ("Q6_K", ("F16", "Q6_K"))


def test_an_unknown_quantisation_names_those_that_exist() -> None:
    with pytest.raises(UsageError, match="Q8_0"):
        load_preset("heimdall_smoke", make_overrides("heimdall_smoke", None, "Q8").items(), {})
