"""What NornicDB's Bifrost would send to the model and make of its reply, for one question at a time.

Like Bifrost's page it sends only the current question, under the system prompt and without what was said before.
"""

import math
import random
from pathlib import Path
from typing import Self, get_args

from deployments.target import DeployedModel, Target, read_deployment
from export.inspect import inspect_gguf
from heimdall.config import Preset
from heimdall.errors import TargetError, UsageError, suggest
from heimdall.refs import Record
from heimdall.rows import Message, Prompt
from heimdall.workspace import Workspace
from nornicdb.contract import Contract, resolve_contract
from nornicdb.gbnf import build_grammar
from nornicdb.grammar import Grammar
from nornicdb.prompts import build_system_prompt, render_chatml
from nornicdb.replies import Reply, check_params, read_reply
from nornicdb.runtime import LocalModel
from tasks.read_contract import find_contract


class Answer(Record):
    """One question and everything there is to see about its answer. `bytes` and `tokens` are the whole prompt's.

    `confidence` is the probability that the model gives to the whole answer, without a grammar also where it answered
    under one (`constrained`).
    """

    question: str
    prompt: Prompt
    constrained: bool
    prompt_bytes: int
    prompt_tokens: int
    reply: str
    reply_tokens: int
    stopped: str
    confidence: float
    parsed: Reply
    params_problem: str | None
    first_token_ms: float
    total_ms: float


class Bifrost:
    """A loaded model under its contract's prompt. A context manager.

    Raises `TargetError` where nothing is promoted, and `InputError` for a file that llama.cpp cannot load.
    """

    def __init__(
        self, preset: Preset, *, model: Path | None, prompt: str | None, nornicdb: Path | None, max_tokens: int
    ) -> None:
        deployed = None if model is not None else _find_deployed(preset)
        self._path = model or Target(preset.promote, Path.cwd()).model
        inspect_gguf(self._path)
        self._prompt = _check_prompt(prompt) or (deployed.prompt if deployed else preset.data.prompt)
        self._contract = (
            find_contract(Workspace(), deployed.contract_digest, nornicdb) if deployed else resolve_contract(nornicdb)
        )
        self._max_tokens = max_tokens
        # NornicDB shuffles the actions for every request; one order makes an answer repeatable.
        self._system = build_system_prompt(self._contract, self._prompt, random.Random(0))
        context = deployed.context_size if deployed else preset.evaluation.context_size
        self._model = LocalModel(self._path, context_size=context, threads=preset.evaluation.threads)
        self._grammar: Grammar | None = None  # compiled when it is first asked for

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._grammar is not None:
            self._grammar.close()
        self._model.close()

    @property
    def contract(self) -> Contract:
        """The contract whose prompt is sent and whose actions are known."""
        return self._contract

    def describe(self) -> str:
        """The file, the prompt and the contract in one line."""
        return f"{self._path}, {self._prompt} prompt of contract {self._contract.source}"

    def render(self, question: str, *, raw: bool = False) -> str:
        """The exact text that the model gets: NornicDB's prompt around the question, or the question itself."""
        return question if raw else render_chatml(self._system, [Message(role="user", content=question)])

    def ask(self, question: str, *, raw: bool = False, constrained: bool = False) -> Answer:
        """Asks one question, greedily; `constrained` under the grammar of all actions, which NornicDB has not."""
        text = self.render(question, raw=raw)
        if constrained and self._grammar is None:
            self._grammar = Grammar(build_grammar(self._contract), self._model)
        completion = self._model.complete(text, self._max_tokens, grammar=self._grammar if constrained else None)
        parsed = read_reply(completion.text, self._contract)
        return Answer(
            question=question,
            prompt="raw" if raw else self._prompt,
            constrained=constrained,
            prompt_bytes=len(text.encode()),
            prompt_tokens=completion.prompt_tokens,
            reply=completion.text,
            reply_tokens=len(completion.tokens),
            stopped=completion.stopped,
            confidence=math.exp(completion.log_probability),
            parsed=parsed,
            params_problem=check_params(parsed, self._contract) if parsed.action else None,
            first_token_ms=completion.first_token_ms,
            total_ms=completion.total_ms,
        )


def render_answer(answer: Answer) -> str:
    """An answer for people; control characters in the reply are spelt out."""
    from heimdall.text import make_visible

    parsed = answer.parsed
    if parsed.action is None:
        action = f"none: {make_visible(parsed.problem or '')}"
    else:
        action = f"{parsed.action} {parsed.params}" + (f"  ({answer.params_problem})" if answer.params_problem else "")
    cut = ", cut at the limit" if answer.stopped == "limit" else ""
    return "\n".join(
        [
            f"prompt  {answer.prompt}, {answer.prompt_tokens} tokens, {answer.prompt_bytes} bytes"
            + (", under the grammar" if answer.constrained else ""),
            f"reply   {make_visible(answer.reply)}",
            f"action  {make_visible(action)}",
            f"time    {answer.total_ms:.0f} ms, first token {answer.first_token_ms:.0f} ms, "
            f"{answer.reply_tokens} tokens{cut}, confidence {100 * answer.confidence:.0f} %",
        ]
    )


def _find_deployed(preset: Preset) -> DeployedModel:
    target = Target(preset.promote, Path.cwd())
    deployed = read_deployment(target).current
    if deployed is None:
        raise TargetError(f"No model is promoted in '{target.directory}' yet; run `heimdall retrain` first.")
    return deployed


def _check_prompt(prompt: str | None) -> Prompt | None:
    known = get_args(Prompt)
    for variant in known:
        if prompt in (variant, None):
            return variant if prompt else None
    raise UsageError(f"There is no prompt '{prompt}'.{suggest(prompt or '', list(known))} It is full or minimal.")
