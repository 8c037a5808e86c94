"""The gate of the export: a GGUF file tokenises all prompts, and answers a sample of them, as the model itself does."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from heimdall.errors import ExportError
from heimdall.progress import Progress, silent
from heimdall.refs import ParityReport
from nornicdb.runtime import Completion, LocalModel

ANSWER_TOKENS = 96
NEAR_TIE = 0.05
"""Two logits that are closer than this count as equal. llama.cpp keeps keys and values in F16 and sums in another
order: measured on F16 files of tiny qwen2, llama and phi3 models, a logit differs by up to 0.014 from float32 PyTorch,
so the distance of two by up to 0.03."""
MAX_REASONS = 5


def check_parity(
    model_dir: Path,
    gguf: Path,
    prompts: Sequence[str],
    answers: int,
    progress: Progress = silent,
    *,
    threads: int = 1,
) -> ParityReport:
    """Compares a GGUF file with the Hugging Face model it was made from.

    Tokens are compared on all `prompts` (whole ChatML texts), greedy answers on the first `answers` of them. An answer
    of the GGUF file is put through the model in one pass: it matches if every token of it, and the token that ended
    it, is the model's own first choice at that place, or within `NEAR_TIE` of it. Without near ties that is the same as
    comparing with the model's own greedy answer, and with one it goes on checking the rest. Near ties are reported.

    `passed` is False, with the first differences in `reasons`, if a prompt is tokenised or answered differently.
    Raises `ExportError` if there are no prompts.
    """
    from transformers import AutoTokenizer

    if not prompts:
        raise ExportError("parity cannot be checked without prompts.")
    sample = prompts[:answers]
    total = len(prompts) + len(sample)
    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    expected = [tokenizer(prompt, add_special_tokens=False)["input_ids"] for prompt in prompts]
    room = max(map(len, expected)) + ANSWER_TOKENS
    differences: list[str] = []
    notes: list[str] = []
    with LocalModel(gguf, context_size=-(-room // 256) * 256, threads=threads) as ours:
        same_tokens = 0
        for number, (prompt, tokens) in enumerate(zip(prompts, expected, strict=True)):
            progress(number, total, "tokens")
            difference = _compare_tokens(tokens, ours.tokenize(prompt))
            same_tokens += difference is None
            if difference is not None:
                differences.append(f"prompt {number} is tokenised differently {difference}")
        same_answers = 0
        theirs = _load_model(model_dir) if sample else None
        for number, tokens in enumerate(expected[: len(sample)]):
            progress(len(prompts) + number, total, "answers")
            difference, ties = _compare_answer(theirs, tokenizer, tokens, ours.complete(tokens, ANSWER_TOKENS))
            same_answers += difference is None
            if difference is not None:
                differences.append(f"prompt {number} is answered differently {difference}")
            elif ties:
                notes.append(f"prompt {number}: {ties} near tie{'s' if ties > 1 else ''} (logits within {NEAR_TIE})")
    progress(total, total)
    return ParityReport(
        passed=not differences,
        prompts=len(prompts),
        tokenization_matches=same_tokens,
        greedy_answers=len(sample),
        greedy_matches=same_answers,
        reasons=(*_shorten(differences), *_shorten(notes)),
    )


def _load_model(model_dir: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # ours is shown
    return AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32).eval()


def _compare_tokens(expected: list[int], got: list[int]) -> str | None:
    """Where two token lists first differ, in words, or None."""
    if expected == got:
        return None
    pairs = zip(expected, got, strict=False)
    at = next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(expected), len(got)))
    return f"from token {at} on: the model's tokenizer gives {expected[at : at + 3]}, the file {got[at : at + 3]}"


def _compare_answer(model: Any, tokenizer: Any, prompt: list[int], answer: Completion) -> tuple[str | None, int]:
    """The first place where the answer is not the model's choice, in words, or None; and the number of near ties."""
    import torch

    chosen = list(answer.tokens) + ([] if answer.end_token is None else [answer.end_token])
    with torch.inference_mode():
        inputs = torch.tensor([[*prompt, *chosen[:-1]]])
        logits = model(inputs, logits_to_keep=len(chosen)).logits[0].float()
    best, first = logits.max(dim=-1)
    gaps = best - logits[torch.arange(len(chosen)), torch.tensor(chosen)]
    ties = 0
    for place, gap in enumerate(gaps.tolist()):
        if not gap < NEAR_TIE:  # also true for a gap that is not a number
            theirs, ours = tokenizer.decode([int(first[place])]), tokenizer.decode([chosen[place]])
            return (
                f"at token {place}: the model chooses {theirs!r} and the file {ours!r}, whose logit is {gap:.3f} lower",
                ties,
            )
        ties += int(first[place]) != chosen[place]
    return None, ties


def _shorten(lines: list[str]) -> list[str]:
    more = len(lines) - MAX_REASONS
    return lines[:MAX_REASONS] + ([f"and {more} more"] if more > 0 else [])
