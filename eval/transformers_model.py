"""Answers of a Hugging Face model directory: greedy, ended as NornicDB ends them, one by one or many side by side.

Weights are read from safetensors only, no code of the directory is run, and unless asked otherwise everything is
computed in float32, so that the answers are those of the weights. `eval.sampling` draws answers instead.
"""

import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from eval.decoding import Choice, Growing, Prefix, choose_likeliest
from heimdall.errors import InputError, UsageError
from nornicdb.grammar import Grammar
from nornicdb.prompts import CONTROL_TOKENS, STOP_STRINGS
from nornicdb.runtime import Completion, check_room, count_shared

SIDE_BY_SIDE = 8
_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")


def check_directory(directory: Path) -> None:
    """Raises `InputError` unless the directory has what a model needs: configuration, safetensors, tokenizer."""
    if not (directory / "config.json").is_file():
        adapter = (directory / "adapter_config.json").is_file()
        what = "is an adapter; merge it into its base model first" if adapter else "has no config.json"
        raise InputError(f"'{directory}' {what}: give a GGUF file or a whole Hugging Face model directory.")
    if not any(directory.glob("*.safetensors")):
        raise InputError(f"'{directory}' has no *.safetensors file; pickled weights are not loaded, convert them.")
    if not any((directory / name).is_file() for name in _TOKENIZERS):
        raise InputError(f"'{directory}' has no tokenizer ({', '.join(_TOKENIZERS)}); save it beside the weights.")


class TransformersModel:
    """A loaded model directory. A context manager; `notes` say what a reader of its scores must know.

    Raises `InputError` for a directory that is damaged, incomplete or needs code of its own.
    """

    def __init__(self, directory: Path, *, context_size: int, threads: int, dtype: str = "float32") -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        check_directory(directory)
        self.context_size = context_size
        self._threads_before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(directory, trust_remote_code=False, local_files_only=True)
            self._model, loading = AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=dtype,
                use_safetensors=True,
                weights_only=True,
                trust_remote_code=False,
                local_files_only=True,
                output_loading_info=True,
            )
        except Exception as error:  # transformers raises many kinds for a directory that is no model
            torch.set_num_threads(self._threads_before)
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise InputError(f"'{directory}' cannot be loaded: {reason}") from error
        missing = sorted(loading["missing_keys"])
        if missing or loading.get("mismatched_keys"):
            torch.set_num_threads(self._threads_before)
            first = missing[0] if missing else "a weight of another shape"
            raise InputError(f"'{directory}' is incomplete: {len(missing)} weights are missing, the first is {first}.")
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model.to(self._device).eval()
        self._learn_ways()

    @classmethod
    def borrow(cls, model: Any, tokenizer: Any, *, context_size: int, threads: int) -> Self:
        """A model that is in memory already, and stays there."""
        import torch

        borrowed = cls.__new__(cls)
        borrowed.context_size, borrowed._threads_before = context_size, torch.get_num_threads()
        torch.set_num_threads(threads)
        borrowed._model, borrowed._tokenizer, borrowed._device = model, tokenizer, model.device
        borrowed._learn_ways()
        return borrowed

    def _learn_ways(self) -> None:
        """What of the model and its tokenizer decides how it is asked."""
        self._accepts = set(inspect.signature(self._model.forward).parameters)
        self._ends: dict[int, bool] = {}
        self._ends_named = _list_ends(self._model, self._tokenizer)
        # As llama.cpp does with the GGUF file of such a model, a first token is added where the tokenizer adds one.
        first, bare = (self._tokenizer("a", add_special_tokens=flag)["input_ids"] for flag in (True, False))
        self._begin = [first[0]] if len(first) > len(bare) and first[0] == self._tokenizer.bos_token_id else []
        markers = [marker for marker in CONTROL_TOKENS[1:] if len(self.tokenize(marker)) != 1 + len(self._begin)]
        self.notes: tuple[str, ...] = ()
        if markers:
            said = " and ".join(markers)
            self.notes = (f"The model's tokenizer has no token {said}: it was asked in ChatML all the same.",)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        import torch

        self._model = None
        torch.set_num_threads(self._threads_before)

    def tokenize(self, text: str) -> list[int]:
        """Token ids of a prompt: markers become control tokens, and the tokenizer says whether a BOS is added."""
        return [*self._begin, *self._tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]]

    def complete(self, prompt: str | list[int], max_tokens: int, *, fresh: bool = False) -> Completion:
        """Answers greedily. Nothing is ever kept of the call before, so `fresh` changes nothing.

        Raises `UsageError` for a prompt that leaves no room in the context.
        """
        tokens = self.tokenize(prompt) if isinstance(prompt, str) else list(prompt)
        self.check_room(tokens, 1)
        (answer,) = self.generate([tokens], max_tokens, None)
        return self.finish(answer)

    def check_room(self, prompt: Sequence[int], needed: int) -> None:
        """Raises `UsageError` for an empty prompt and for one that leaves no room for `needed` tokens."""
        check_room(prompt, needed, self.context_size)

    def can_share(self) -> bool:
        """Whether sequences may stand side by side with padding: layers that look at a window, or keep a state, count
        the padding too."""
        kinds = getattr(self._model.config, "layer_types", None) or ["full_attention"]
        window = getattr(self._model.config, "sliding_window", None)
        return set(kinds) == {"full_attention"} and (not window or hasattr(self._model.config, "layer_types"))

    def read_prefix(self, tokens: Sequence[int]) -> Prefix:
        """Decodes what several prompts begin with, to be used by all of them."""
        import torch

        with torch.inference_mode():
            ids = torch.tensor([list(tokens)], device=self._device)
            output = self._forward(input_ids=ids, past_key_values=self._start_cache(), use_cache=True)
            return Prefix(tuple(tokens), output.past_key_values)

    def generate(
        self,
        prompts: Sequence[list[int]],
        max_tokens: int,
        prefix: Prefix | None,
        choose: Callable[[Any], Choice] | None = None,
    ) -> list[Growing]:
        """Answers to prompts that all begin with the prefix, side by side: greedy, or as `choose` chooses."""
        import torch

        growing = [Growing(index, len(prompt)) for index, prompt in enumerate(prompts)]
        alive = list(growing)
        with torch.inference_mode():
            output, mask = self._start(prompts, prefix, keep=1)
            while True:
                choice = (choose or choose_likeliest)(output.logits[:, -1].float())
                going = []
                for place, each in enumerate(alive):
                    token = choice.tokens[place]
                    each.take(token, choice.leads[place], choice.log_probabilities[place])
                    if self.is_end(token):
                        each.end = token
                        each.tokens.pop()
                    elif len(each.tokens) < max_tokens and each.prompt_tokens + len(each.tokens) < self.context_size:
                        going.append(place)
                    each.total = time.perf_counter()
                if not going:
                    return growing
                cache = output.past_key_values
                if len(going) < len(alive):
                    chosen = torch.tensor(going, device=self._device)
                    cache.batch_select_indices(chosen)
                    mask = mask[chosen]
                    alive = [alive[place] for place in going]
                mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)
                ids = torch.tensor([[each.tokens[-1]] for each in alive], device=self._device)
                output = self._forward(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=mask.sum(dim=1, keepdim=True) - 1,
                    past_key_values=cache,
                    use_cache=True,
                )

    def score(self, pairs: Sequence[tuple[list[int], list[int]]], prefix: Prefix | None) -> list[list[float]]:
        """Natural-log probability of each completion token of each pair, given all tokens before it."""
        import torch

        with torch.inference_mode():
            most = max(len(completion) for _, completion in pairs)
            output, _ = self._start([[*prompt, *completion[:-1]] for prompt, completion in pairs], prefix, keep=most)
            scores = []
            for row, (_, completion) in zip(output.logits, pairs, strict=True):
                chances = torch.log_softmax(row[-len(completion) :].double(), dim=-1)
                wanted = torch.tensor(completion, device=self._device)[:, None]
                scores.append([float(value) for value in chances.gather(1, wanted)[:, 0]])
            return scores

    def is_end(self, token: int) -> bool:
        """Whether an answer ends at this token: by the model's configuration, or by the token's text as in NornicDB."""
        known = self._ends.get(token)
        if known is None:
            known = token in self._ends_named or self._tokenizer.decode([token]) in STOP_STRINGS
            self._ends[token] = known
        return known

    def finish(self, answer: Growing) -> Completion:
        """The whole answer, with the times of the calls that it took part in."""
        return Completion(
            text=self._tokenizer.decode(answer.tokens, clean_up_tokenization_spaces=False),
            tokens=tuple(answer.tokens),
            prompt_tokens=answer.prompt_tokens,
            reused_tokens=0,
            first_token_ms=(answer.first - answer.started) * 1000.0,
            total_ms=(answer.total - answer.started) * 1000.0,
            stopped="limit" if answer.end is None else "eog",
            end_token=answer.end,
            log_probability=answer.log_probability,
        )

    def _start(self, prompts: Sequence[list[int]], prefix: Prefix | None, keep: int) -> tuple[Any, Any]:
        """Decodes what stands behind the prefix, padded on its left; returns the output and the attention mask."""
        import torch

        from eval.key_values import repeat

        shared = 0 if prefix is None else len(prefix.tokens)
        rest = [prompt[shared:] for prompt in prompts]
        width = max(map(len, rest))
        ids = torch.zeros(len(rest), width, dtype=torch.long)
        mask = torch.ones(len(rest), shared + width, dtype=torch.long)
        for row, tokens in enumerate(rest):
            ids[row, width - len(tokens) :] = torch.tensor(tokens)
            mask[row, shared : shared + width - len(tokens)] = 0
        mask = mask.to(self._device)
        cache = self._start_cache() if prefix is None else repeat(prefix.cache, len(rest))
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, shared:]
        output = self._forward(
            input_ids=ids.to(self._device),
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        return output, mask

    def _start_cache(self) -> Any:
        """An empty cache; None for models that make one of their own kind."""
        from eval.key_values import start_cache

        return start_cache() if self.can_share() else None

    def _forward(self, **inputs: Any) -> Any:
        return self._model(**{name: value for name, value in inputs.items() if name in self._accepts})


class TransformersBatch:
    """Many answers at once: what all prompts begin with is decoded once, the rest side by side.

    The answers are those of `TransformersModel.complete`: where rounding could have decided between two tokens, the
    question is asked again by itself, which `asked_again` counts.
    """

    def __init__(self, model: TransformersModel, *, side_by_side: int = SIDE_BY_SIDE) -> None:
        self._model = model
        self._side_by_side = side_by_side if model.can_share() else 1
        self.asked_again = 0
        self._prefix: Prefix | None = None

    def complete(
        self, prompts: Sequence[list[int]], max_tokens: int, grammar: Grammar | None = None
    ) -> Iterator[tuple[int, Completion]]:
        """Yields each prompt's number and answer as soon as those beside it are there. There is no grammar here.

        Raises `UsageError` for a prompt that leaves no room in the context.
        """
        if grammar is not None:
            raise UsageError("A Hugging Face model is not asked under a grammar; leave it out.")
        for prompt in prompts:
            self._model.check_room(prompt, 1)
        for numbers, prefix in self._plan(prompts, [len(prompt) - 1 for prompt in prompts]):
            for answer in self._model.generate([prompts[number] for number in numbers], max_tokens, prefix):
                number = numbers[answer.index]
                if answer.tied:
                    self.asked_again += 1
                    yield number, self._model.complete(prompts[number], max_tokens)
                else:
                    yield number, self._model.finish(answer)

    def sample(
        self, prompts: Sequence[list[int]], max_tokens: int, choose: Callable[[Any], Choice]
    ) -> Iterator[tuple[int, Completion]]:
        """Yields each prompt's number and one answer, chosen as `choose` does.

        Raises `UsageError` for a prompt that leaves no room in the context.
        """
        for prompt in prompts:
            self._model.check_room(prompt, 1)
        for numbers, prefix in self._plan(prompts, [len(prompt) - 1 for prompt in prompts]):
            asked = [prompts[number] for number in numbers]
            for answer in self._model.generate(asked, max_tokens, prefix, choose):
                yield numbers[answer.index], self._model.finish(answer)

    def score(self, pairs: Sequence[tuple[list[int], list[int]]]) -> Iterator[tuple[int, list[float]]]:
        """Yields the number and the log-probabilities of each pair of prompt and completion."""
        for prompt, completion in pairs:
            if not completion:
                raise UsageError("there is no completion to score.")
            self._model.check_room(prompt, len(completion))
        texts = [[*prompt, *completion[:-1]] for prompt, completion in pairs]
        for numbers, prefix in self._plan(texts, [len(prompt) - 1 for prompt, _ in pairs]):
            scores = self._model.score([pairs[number] for number in numbers], prefix)
            yield from zip(numbers, scores, strict=True)

    def _plan(self, texts: Sequence[list[int]], most: Sequence[int]) -> Iterator[tuple[list[int], Prefix | None]]:
        """Which texts stand side by side, those of like length, and what all of them begin with.

        Of each text at most its first `most` tokens may be shared, as the logits of the others are needed.
        """
        if not texts:
            return
        beginnings = [text[:count] for text, count in zip(texts, most, strict=True)]
        shared = min(beginnings)[: count_shared(min(beginnings), max(beginnings))]
        if self._prefix is None or list(self._prefix.tokens) != shared:
            self._prefix = self._model.read_prefix(shared) if shared and len(texts) > 1 else None
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        for start in range(0, len(order), self._side_by_side):
            yield order[start : start + self._side_by_side], self._prefix


def _list_ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """The ends of a text by the model's generation settings, its configuration and its tokenizer."""
    found: set[int] = set()
    for value in (
        getattr(model.generation_config, "eos_token_id", None),
        getattr(model.config, "eos_token_id", None),
        tokenizer.eos_token_id,
    ):
        found.update(value if isinstance(value, list | tuple) else () if value is None else (value,))
    return frozenset(found)
