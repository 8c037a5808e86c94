"""Constrained decoding: the choice of a token that a grammar (`nornicdb.gbnf`) allows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from heimdall.errors import EngineError
from nornicdb.engine import explain_last_error, load_llama_cpp

if TYPE_CHECKING:
    from nornicdb.runtime import LocalModel

# Tokens that are shown to a grammar first: nearly always one of the likeliest may come next, and all are many.
_LIKELIEST = 64


class Choice(NamedTuple):
    """A chosen token, and its natural-log probability among all tokens."""

    token: int
    log_probability: float


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
    """The likeliest token, of those that the grammar allows next. Goes on in the grammar by that token.

    Raises `EngineError` for logits that are no numbers.
    """
    import numpy as np

    highest = logits.max()
    if not np.isfinite(highest):
        raise EngineError("the model computes values that are no numbers: its weights are damaged, or too large.")
    token = int(logits.argmax())
    if state is not None:
        count = min(_LIKELIEST, len(logits))
        for candidates in (np.sort(np.argpartition(logits, -count)[-count:]), np.arange(len(logits))):
            allowed = state.filter(candidates)
            if len(allowed):
                break
        else:
            raise EngineError("the grammar allows no token at all: this vocabulary cannot spell its next character.")
        token = int(allowed[logits[allowed].argmax()])
        state.accept(token)
    spread = np.exp(logits - highest).sum(dtype=np.float64)
    return Choice(token, float(logits[token] - highest) - float(np.log(spread)))


def follows_grammar(grammar: Grammar, tokens: Sequence[int], end_token: int | None) -> bool:
    """Whether constrained decoding could have chosen these tokens, so that it would give the same greedy answer."""
    import numpy as np

    state = GrammarState(grammar)
    for token in [*tokens, *([] if end_token is None else [end_token])]:
        if not len(state.filter(np.array([token]))):
            return False
        state.accept(token)
    return True
