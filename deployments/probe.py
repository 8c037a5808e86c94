"""Asks a GGUF file one question through llama.cpp, as NornicDB would, before it takes anybody's place."""

import random
from pathlib import Path

from heimdall.errors import VerdictError
from heimdall.refs import Record
from heimdall.rows import Message, Prompt
from nornicdb.contract import Contract
from nornicdb.prompts import build_system_prompt, render_chatml
from nornicdb.replies import read_reply
from nornicdb.runtime import LocalModel

_MAX_TOKENS = 256


class ProbeAnswer(Record):
    """The question that was asked, the raw reply, and the action that NornicDB would run."""

    question: str
    reply: str
    action: str


def ask_one_question(path: Path, contract: Contract, prompt: Prompt, *, context_size: int, threads: int) -> ProbeAnswer:
    """Loads the file and asks the contract's first example question.

    Raises `InputError` or `EngineError` where llama.cpp cannot load or run it, and `VerdictError` where the reply is no
    action that the contract knows.
    """
    question = contract.examples[0].user
    system = build_system_prompt(contract, prompt, random.Random(0))
    with LocalModel(path, context_size=context_size, threads=threads) as model:
        text = model.complete(render_chatml(system, [Message(role="user", content=question)]), _MAX_TOKENS).text
    reply = read_reply(text, contract)
    if reply.action is None:
        raise VerdictError(
            f"The copy of the model answered '{question}' with '{text[:200]}', which NornicDB cannot run "
            f"({reply.problem}); the deployed model was not touched."
        )
    return ProbeAnswer(question=question, reply=text, action=reply.action)
