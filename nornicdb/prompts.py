"""Builds the text a model meets in NornicDB: the system prompt, the ChatML around it, and the cut its prefill makes.

The rules are those of `BuildFinalPrompt`, `ActionPrompt` and `BuildPrompt` in NornicDB's `pkg/heimdall`, of
`performGraphRAG` in its watcher, and of the prefill loop in its `pkg/localllm`.
"""

import random
from collections.abc import Sequence

from heimdall.rows import Found, Message, Prompt
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
_LEAST_SEARCHED = 5  # bytes of a question for which the graph is searched
_CONTENT_LIMIT = 200  # bytes of a found node's content
_RELATED_SHOWN = 3


def render_prompt(
    contract: Contract,
    variant: Prompt,
    order: random.Random,
    messages: Sequence[Message],
    knowledge: Sequence[Found] = (),
) -> str:
    """The whole text that a model gets for these turns. Of the variant `tail` it sees the end only: `cut_prompt`."""
    if variant == "raw":
        return messages[-1].content
    if variant == "chat":
        return render_chatml(None, messages)
    return render_chatml(build_system_prompt(contract, variant, order, knowledge), messages)


def build_system_prompt(
    contract: Contract, variant: Prompt, order: random.Random, knowledge: Sequence[Found] = ()
) -> str:
    """The system prompt, with categories and actions in a random order as Go's maps give them on every request.

    `knowledge` was found in the graph: it stands in the variant of that name. A full prompt above the contract's budget
    becomes the minimal one, as in NornicDB.
    """
    actions = _list_actions(contract, order)
    if variant != "minimal":
        full = _build_head(contract, actions) + build_rest(contract, order, knowledge)
        if int(len(full.encode()) * _TOKENS_PER_BYTE) <= contract.max_system_tokens:
            return full
    return contract.minimal_identity + contract.minimal_heading + actions + contract.minimal_final


def build_head(contract: Contract, order: random.Random) -> str:
    """The full prompt up to what is found for a question: what such prompts have in common. `build_rest` follows."""
    return _build_head(contract, _list_actions(contract, order))


def build_rest(contract: Contract, order: random.Random, knowledge: Sequence[Found] = ()) -> str:
    """What follows `build_head`: what was found, the instructions, the examples."""
    context = (render_knowledge(contract, order, knowledge) if knowledge else "") + contract.instructions
    examples = "".join(f'User: "{example.user}"\n→ {example.reply}\n\n' for example in contract.examples)
    return "".join(
        (
            contract.context_heading + context + contract.context_end if context else "",
            contract.examples_heading + examples if examples else "",
            contract.final,
        )
    )


def is_searched(contract: Contract, question: str) -> bool:
    """Whether NornicDB searches its graph for this question and puts what it finds into the prompt."""
    if not contract.knowledge_heading or len(question.encode()) < _LEAST_SEARCHED:
        return False
    return not question.lower().startswith(contract.knowledge_skipped)


def render_knowledge(contract: Contract, order: random.Random, knowledge: Sequence[Found]) -> str:
    """What was found as NornicDB writes it; properties come in a random order, texts are cut."""
    nodes = (_render_found(number, node, contract, order) for number, node in enumerate(knowledge, start=1))
    return contract.knowledge_heading + "".join(nodes) + contract.knowledge_end


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


def cut_text(text: str, limit: int) -> str:
    """A text of at most `limit` bytes, else so much of it and dots. Go cuts within a character; what is left of it is
    left out here."""
    data = text.encode()
    return text if len(data) <= limit else data[:limit].decode(errors="ignore") + "..."


def _build_head(contract: Contract, actions: str) -> str:
    return f"{contract.identity}{contract.actions_heading}{actions}\n{contract.primer}\n{contract.modes}"


def _render_found(number: int, node: Found, contract: Contract, order: random.Random) -> str:
    text = f"### {number}. [{node.type}] {node.title}\n"
    if node.content:
        text += f"Content: {cut_text(node.content, _CONTENT_LIMIT)}\n"
    # Discover also lists title and content among the properties, which are a Go map.
    properties = {"title": node.title, **({"content": node.content} if node.content else {}), **node.properties}
    text += "Properties:\n"
    for name, value in order.sample(list(properties.items()), len(properties)):
        shown = cut_text(value, contract.knowledge_limit) if isinstance(value, str) else str(value).lower()
        text += f"  - {name}: {shown}\n"
    if node.related:
        text += "Related:\n"
        for related in node.related[:_RELATED_SHOWN]:
            arrow = "→" if related.forward else "←"
            text += f"  {arrow} [{related.type}] {related.title} (via {related.relationship})\n"
        if len(node.related) > _RELATED_SHOWN:
            text += f"  ... and {len(node.related) - _RELATED_SHOWN} more related items\n"
    return text + "\n"


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
