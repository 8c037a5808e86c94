"""Constrained decoding: the grammar of all answers that NornicDB runs, and the choice of a token that it allows.

The grammar is llama.cpp's GBNF, written from the contract's actions and the types of their parameters. It spells an
answer exactly as `heimdall.rows.format_action` does, which is what the models are trained on.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from heimdall.errors import EngineError
from nornicdb.contract import Action, Contract, Param
from nornicdb.engine import explain_last_error, load_llama_cpp

if TYPE_CHECKING:
    from nornicdb.runtime import LocalModel

# Logits of one position differ in their last bits when they are computed together with other sequences. Two tokens
# closer to each other than this are therefore a tie (docs/evaluation.md says how the bound was measured).
TIE = 0.15

# As Python's json.dumps writes values: a space after colon and comma, and only what JSON requires is escaped. Whole
# numbers have at most 15 digits, which a float64 holds exactly, and no number is too large for one.
_VALUES = r"""
text ::= "\"" char* "\""
filled ::= "\"" char+ "\""
char ::= [^"\\\x00-\x1F] | "\\" (["\\bfnrt] | "u00" [01] [0-9a-f])
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer | "-"? ("0" | [1-9] [0-9]{0,15}) "." [0-9]{1,21} | "-"? [1-9] ("." [0-9]{1,16})? exponent
exponent ::= "e-" [0-9]{2,3} | "e+" ([0-9]{2} | [1-2] [0-9]{2} | "30" [0-7])
boolean ::= "true" | "false"
object ::= "{" (member (", " member)*)? "}"
member ::= text ": " value
array ::= "[" (value (", " value)*)? "]"
value ::= text | number | object | array | boolean | "null"
""".lstrip()


class Choice(NamedTuple):
    """A chosen token; `tied` says that another allowed one came within `TIE` of it."""

    token: int
    tied: bool
    log_probability: float


def build_grammar(contract: Contract) -> str:
    """The GBNF of every answer: a known action with its own parameters, each at most once, in the contract's order."""
    rules = [f"action{index}" for index in range(len(contract.actions))]
    lines = [f"root ::= {' | '.join(rules)}"]
    for rule, action in zip(rules, contract.actions, strict=True):
        opening = json.dumps({"action": action.name}, ensure_ascii=False)[:-1] + ', "params": {'
        lines.append(f"{rule} ::= {_quote(opening)} {_spell_params(action)} " + _quote("}}"))
    return "\n".join(lines) + "\n" + _VALUES


class Grammar:
    """A GBNF text compiled for one model's vocabulary. Raises `EngineError` where llama.cpp refuses it."""

    def __init__(self, text: str, model: "LocalModel") -> None:
        import numpy as np

        self._llama = llama = load_llama_cpp()
        self._sampler = llama.llama_sampler_init_grammar(model.vocabulary, text.encode(), b"root")
        if not self._sampler:
            raise EngineError(f"llama.cpp refuses the grammar: {explain_last_error()}")
        vocabulary = model.vocabulary
        self.size = model.vocabulary_size
        # The grammar takes a marker such as <|im_start|> for ordinary text, and does not know NornicDB's stop texts.
        self.banned = np.array(
            [
                not llama.llama_vocab_is_eog(vocabulary, token)
                and (llama.llama_vocab_is_control(vocabulary, token) or model.is_end(token))
                for token in range(self.size)
            ]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Frees the memory; may be called twice."""
        if self._sampler:
            self._llama.llama_sampler_free(self._sampler)
        self._sampler = None

    def clone(self) -> Any:
        """llama.cpp's sampler at the grammar's beginning; the caller frees it."""
        if not self._sampler:
            raise EngineError("the grammar has been closed.")
        return self._llama.llama_sampler_clone(self._sampler)


class GrammarState:
    """How far one answer has come in a grammar."""

    def __init__(self, grammar: Grammar) -> None:
        self._llama = load_llama_cpp()
        self._grammar = grammar
        self._sampler = grammar.clone()

    def __del__(self) -> None:
        if sampler := getattr(self, "_sampler", None):
            self._llama.llama_sampler_free(sampler)

    def filter(self, tokens: Any) -> Any:
        """Those of the tokens (an array of ids) that may come next."""
        import numpy as np

        tokens = tokens[~self._grammar.banned[tokens]]
        candidates = np.zeros(len(tokens), dtype=[("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        candidates["id"] = tokens
        array = self._llama.llama_token_data_array(
            data=candidates.ctypes.data_as(self._llama.llama_token_data_p), size=len(tokens), selected=-1, sorted=False
        )
        self._llama.llama_sampler_apply(self._sampler, array)
        return tokens[candidates["logit"] == 0.0]  # the others are minus infinity

    def accept(self, token: int) -> None:
        """Goes on by a token that `filter` allowed (llama.cpp ends the process for any other)."""
        self._llama.llama_sampler_accept(self._sampler, token)


def choose_token(logits: Any, state: GrammarState | None = None) -> Choice:
    """The likeliest token, of those that the grammar allows next. Goes on in the grammar by that token."""
    import numpy as np

    highest = logits.max()
    if state is None:
        token = int(logits.argmax())
        tied = bool(np.count_nonzero(logits > highest - TIE) > 1)
    else:
        near = state.filter(np.flatnonzero(logits > highest - TIE))  # nearly always enough, and there are few
        allowed = near if len(near) else state.filter(np.arange(len(logits)))
        if not len(allowed):
            raise EngineError("the grammar allows no token at all: this vocabulary cannot spell its next character.")
        token = int(allowed[logits[allowed].argmax()])
        tied = len(state.filter(np.flatnonzero(logits > logits[token] - TIE))) > 1
        state.accept(token)
    spread = np.exp(logits - highest).sum(dtype=np.float64)
    return Choice(token, tied, float(logits[token] - highest) - float(np.log(spread)))


def follows_grammar(grammar: Grammar, tokens: Sequence[int], end_token: int | None) -> bool:
    """Whether constrained decoding could have chosen these tokens, so that it would give the same greedy answer."""
    import numpy as np

    state = GrammarState(grammar)
    for token in [*tokens, *([] if end_token is None else [end_token])]:
        if not len(state.filter(np.array([token]))):
            return False
        state.accept(token)
    return True


def _spell_params(action: Action) -> str:
    """The members of `params`. Each list of what may follow has a comma before it once something was written."""
    return _spell_rest(action.params, first=True)


def _spell_rest(params: Sequence[Param], *, first: bool) -> str:
    if not params:
        return '""'
    head, rest = params[0], params[1:]
    kind = "filled" if head.required and head.type == "string" else "text" if head.type == "string" else head.type
    member = f"{_quote(('' if first else ', ') + json.dumps(head.name, ensure_ascii=False) + ': ')} {kind}"
    written = f"{member} {_spell_rest(rest, first=False)}"
    if head.required:
        return f"({written})"
    return (
        f"({written} | {_spell_rest(rest, first=True)})" if first else f"({member})? {_spell_rest(rest, first=False)}"
    )


def _quote(text: str) -> str:
    """A GBNF literal."""
    escaped = (
        text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    )
    return f'"{escaped}"'
