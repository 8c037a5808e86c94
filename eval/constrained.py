"""Answers under a grammar beside the free ones: which grammar a question has, and what its constrained answer adds."""

from typing import Self

from eval.metrics import Example
from eval.questions import Question
from heimdall.answers import ActionAnswer
from nornicdb.answer_schemas import find_schema
from nornicdb.contract import Contract
from nornicdb.gbnf import build_grammar, build_model_grammar
from nornicdb.grammar import Grammar
from nornicdb.runtime import LocalModel


class Grammars:
    """The grammar of each kind of question, compiled for one model when it is first asked for. A context manager."""

    def __init__(self, contract: Contract, model: LocalModel) -> None:
        self._contract, self._model = contract, model
        self._compiled: dict[type | None, Grammar] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for grammar in self._compiled.values():
            grammar.close()

    def find(self, question: Question) -> Grammar | None:
        """The grammar of all answers of a question's kind: an action, or the JSON of its task; None for prose."""
        schema = find_schema(question.row.family, question.row.category)
        if schema is None and not isinstance(question.accepted[0], ActionAnswer):
            return None
        if schema not in self._compiled:
            text = build_grammar(self._contract) if schema is None else build_model_grammar(schema)
            self._compiled[schema] = Grammar(text, self._model)
        return self._compiled[schema]


def add_constrained(free: Example, constrained: Example | None) -> Example:
    """The free answer's example with what came of the answer under the grammar; None where that is the same answer."""
    other = free if constrained is None else constrained
    return free.model_copy(
        update={
            "constrained": other.judgement,
            "constrained_json_valid": other.json_valid,
            "constrained_action": other.action,
            "constrained_reply": None if constrained is None else constrained.reply,
        }
    )
