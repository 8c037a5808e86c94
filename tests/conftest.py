"""What tests of several packages share: a quiet OpenMP, the command line, and a tiny model with its GGUF file."""

import os
import signal
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads starve each other on small machines
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# A shell that starts the tests in the background makes them, and every command they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A slow machine is not a failed property.
hypothesis.settings.register_profile("heimdall", deadline=None)
hypothesis.settings.load_profile("heimdall")


@pytest.fixture
def run_command(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs `heimdall` with some arguments in this process; returns its exit code."""
    from cli import main as command_line

    # `prepare` sets defaults in the environment; they must not outlive the test.
    monkeypatch.setattr("heimdall.workspace.prepare_environment", lambda workspace: None)
    monkeypatch.setenv("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["heimdall", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            command_line.main()
        return ended.value.code if isinstance(ended.value.code, int) else 0

    return run


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random qwen2 model of half a million weights, with tokenizer, as a Hugging Face directory."""
    from tiny_models import save_model

    return save_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tiny_gguf(tiny_model_dir: Path) -> Path:
    """The same model as an F16 GGUF file. Read only."""
    from export.convert import GgufMetadata, convert_to_gguf

    path = tiny_model_dir.parent / "tiny.gguf"
    metadata = GgufMetadata(
        name="tiny",
        license="MIT",
        base_model="scratch",
        dataset_digest="d" * 64,
        contract_digest="c" * 64,
        contract_source="reference",
        prompt="minimal",
        run_id="run-1",
    )
    convert_to_gguf(tiny_model_dir, path, metadata)
    return path
