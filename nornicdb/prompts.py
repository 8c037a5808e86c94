"""Builds the text a model meets in NornicDB: the system prompt, the ChatML around it, and the cut its prefill makes.

The rules are those of `BuildFinalPrompt`, `ActionPrompt` and `BuildPrompt` in NornicDB's `pkg/heimdall`, and of the
prefill loop in its `pkg/localllm`.
"""

import random
from collections.abc import Sequence

from heimdall.rows import Message, Prompt
from nornicdb.contract import Action, Contract

CONTROL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
# NornicDB stops where a token's own text is one of these, or where the vocabulary says that generation ends.
STOP_STRINGS = ("<|im_end|>", "<|endoftext|>", "</s>")
# The same text as `render_chatml`, for tokenizers and GGUF metadata. NornicDB itself reads no template.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
DEFAULT_BATCH_SIZE = 2048  # NornicDB's default of heimdall.batch_size
SYSTEM_PROMPTS: tuple[Prompt, ...] = ("minimal", "full", "tail")
_TOKENS_PER_BYTE = 0.25  # NornicDB's estimate, TokensPerChar


def render_prompt(contract: Contract, variant: Prompt, order: random.Random, messages: Sequence[Message]) -> str:
    """The whole text that a model gets for these turns. Of the variant `tail` it sees the end only: `cut_prompt`."""
    if variant == "raw":
        return messages[-1].content
    system = build_system_prompt(contract, variant, order) if variant in SYSTEM_PROMPTS else None
    return render_chatml(system, messages)


def build_system_prompt(contract: Contract, variant: Prompt, order: random.Random) -> str:
    """The system prompt, with categories and actions in a random order as Go's maps give them on every request.

    A full prompt above the contract's budget becomes the minimal one, as in NornicDB.
    """
    actions = _list_actions(contract, order)
    if variant != "minimal":
        full = _build_full(contract, actions)
        if int(len(full.encode()) * _TOKENS_PER_BYTE) <= contract.max_system_tokens:
            return full
    return contract.minimal_identity + contract.minimal_heading + actions + contract.minimal_final


def render_chatml(system: str | None, messages: Sequence[Message]) -> str:
    """The whole prompt in ChatML, ending with the cue for the assistant unless the last turn is already its answer.

    Without a system prompt there is no turn for it.
    """
    turns = [("system", system)] if system is not None else []
    turns += [(message.role, message.content) for message in messages]
    text = "".join(f"<|im_start|>{role}\n{content}<|im_end|>\n" for role, content in turns)
    return text if turns[-1][0] == "assistant" else text + "<|im_start|>assistant\n"


def cut_prompt(tokens: list[int], batch_size: int = DEFAULT_BATCH_SIZE) -> list[int]:
    """The tokens that NornicDB's model still sees when it writes its first token.

    NornicDB clears the KV memory before every prefill batch, so of a prompt that is longer than one batch only the last
    batch is left: `n mod batch_size` tokens, or `batch_size` where that is 0.
    """
    visible = len(tokens) % batch_size or batch_size
    return tokens[-visible:]


def _build_full(contract: Contract, actions: str) -> str:
    examples = "".join(f'User: "{example.user}"\n→ {example.reply}\n\n' for example in contract.examples)
    return "".join(
        (
            contract.identity,
            contract.actions_heading + actions + "\n",
            contract.primer + "\n",
            contract.modes,
            contract.context_heading + contract.instructions + contract.context_end if contract.instructions else "",
            contract.examples_heading + examples if examples else "",
            contract.final,
        )
    )


def _list_actions(contract: Contract, order: random.Random) -> str:
    categories: dict[str, list[Action]] = {}
    for action in contract.actions:
        categories.setdefault(action.category or "general", []).append(action)
    shuffled = list(categories.items())
    order.shuffle(shuffled)
    text = ""
    for category, actions in shuffled:
        order.shuffle(actions)
        text += f"## {category}\n" + "".join(f"- {action.name}: {action.description}\n" for action in actions) + "\n"
    return text
