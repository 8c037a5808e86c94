"""The probe asks what NornicDB would ask and accepts only what NornicDB would run."""

from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import pytest

from deployments import probe
from deployments.probe import ask_one_question
from heimdall.errors import InputError, VerdictError
from nornicdb.contract import Contract, load_reference_contract


class SaidBefore:
    """Takes the place of a loaded model and gives one answer, remembering what it was asked."""

    answer = ""
    prompts: ClassVar[list[str]] = []

    def __init__(self, path: Path, *, context_size: int, threads: int) -> None: ...

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def complete(self, prompt: str, max_tokens: int) -> "SaidBefore":
        self.prompts.append(prompt)
        return self

    @property
    def text(self) -> str:
        return self.answer


@pytest.fixture
def contract() -> Contract:
    return load_reference_contract()


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> type[SaidBefore]:
    monkeypatch.setattr(probe, "LocalModel", SaidBefore)
    monkeypatch.setattr(SaidBefore, "prompts", [])
    return SaidBefore


def test_an_action_of_the_contract_is_accepted(
    model: type[SaidBefore], contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "answer", '{"action": "heimdall.watcher.status", "params": {}}')
    answer = ask_one_question(Path("x.gguf"), contract, "minimal", context_size=2048, threads=1)
    assert answer.action == "heimdall.watcher.status"
    assert answer.question in model.prompts[0]
    assert model.prompts[0].startswith("<|im_start|>system\n")
    assert model.prompts[0].endswith("<|im_start|>assistant\n")


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I am fine, thank you.",
        '{"action": "heimdall.watcher.status", "params": {}',
        '{"action": "no.such.action", "params": {}}',
        '{"action": "heimdall.watcher.status", "params": []}',
        '{"params": {}}',
    ],
)
def test_a_reply_that_nornicdb_cannot_run_stops_the_promotion(
    model: type[SaidBefore], contract: Contract, monkeypatch: pytest.MonkeyPatch, reply: str
) -> None:
    monkeypatch.setattr(model, "answer", reply)
    with pytest.raises(VerdictError, match="which NornicDB cannot run"):
        ask_one_question(Path("x.gguf"), contract, "minimal", context_size=2048, threads=1)


def test_a_file_that_is_no_model_is_named(contract: Contract, tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"not a model" * 100)
    with pytest.raises(InputError, match=r"model\.gguf"):
        ask_one_question(path, contract, "minimal", context_size=2048, threads=1)


def test_a_real_model_of_random_weights_is_loaded_asked_and_refused(contract: Contract, tiny_gguf: Path) -> None:
    with pytest.raises(VerdictError, match="which NornicDB cannot run"):
        ask_one_question(tiny_gguf, contract, "minimal", context_size=2048, threads=1)
