"""How prompts are built and cut: the order of the parts, Go's random maps, the budget, ChatML and the prefill."""

import random
import re

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heimdall.rows import Message, Prompt
from nornicdb.contract import Action, Contract, load_reference_contract
from nornicdb.prompts import CHAT_TEMPLATE, build_system_prompt, cut_prompt, render_chatml

CONTRACT = load_reference_contract()


def list_actions(prompt: str) -> list[tuple[str, str]]:
    """The (category, line) pairs of the action list in a prompt."""
    pairs, category = [], ""
    for line in prompt.splitlines():
        if line.startswith("## "):
            category = line[3:]
        elif line.startswith("- heimdall."):
            pairs.append((category, line))
    return pairs


def make_contract(**changes: object) -> Contract:
    return Contract.model_validate(CONTRACT.model_dump() | changes)


def test_the_full_prompt_has_its_parts_in_nornicdbs_order() -> None:
    small = make_contract(
        identity="ID\n\n",
        actions_heading="CAN:\n",
        primer="PRIMER\n",
        modes="MODES\n\n",
        examples_heading="EX:\n",
        final="FINAL\n",
        actions=[Action(name="a.b", description="does b", category="one")],
        builtin_action_names=[],
        examples=[{"user": "do b", "reply": '{"action": "a.b", "params": {}}'}],
    )
    assert build_system_prompt(small, "full", random.Random(0)) == (
        "ID\n\nCAN:\n## one\n- a.b: does b\n\n\nPRIMER\n\nMODES\n\n"
        'EX:\nUser: "do b"\n→ {"action": "a.b", "params": {}}\n\nFINAL\n'
    )


def test_the_minimal_prompt_has_only_identity_actions_and_instruction() -> None:
    small = make_contract(
        minimal_identity="ID\n\n",
        minimal_heading="CAN:\n",
        minimal_final="\nFINAL\n",
        actions=[Action(name="a.b", description="does b", category="one")],
        builtin_action_names=[],
    )
    assert build_system_prompt(small, "minimal", random.Random(0)) == "ID\n\nCAN:\n## one\n- a.b: does b\n\n\nFINAL\n"


@given(st.integers(0, 2**32), st.sampled_from(["full", "minimal"]))
def test_every_action_stands_once_below_its_category_in_any_order(seed: int, variant: Prompt) -> None:
    prompt = build_system_prompt(CONTRACT, variant, random.Random(seed))
    expected = [(action.category, f"- {action.name}: {action.description}") for action in CONTRACT.actions]
    assert sorted(list_actions(prompt)) == sorted(expected)
    assert len(re.findall("^## ", prompt, re.MULTILINE)) == len({action.category for action in CONTRACT.actions})


def test_the_same_seed_gives_the_same_order_and_a_running_generator_another() -> None:
    order = random.Random(7)
    first, second = (build_system_prompt(CONTRACT, "full", order) for _ in range(2))
    assert first == build_system_prompt(CONTRACT, "full", random.Random(7))
    assert first != second


def test_every_category_and_every_action_can_come_first() -> None:
    order = random.Random(0)
    lists = [list_actions(build_system_prompt(CONTRACT, "minimal", order)) for _ in range(300)]
    assert {pairs[0] for pairs in lists} == set(lists[0])


def test_an_action_without_a_category_is_listed_as_general() -> None:
    contract = make_contract(actions=[Action(name="a", description="d", category="")], builtin_action_names=[])
    assert "## general\n- a: d\n" in build_system_prompt(contract, "full", random.Random(0))


def test_a_contract_without_examples_has_no_heading_for_them() -> None:
    assert CONTRACT.examples_heading not in build_system_prompt(make_contract(examples=[]), "full", random.Random(0))


@pytest.mark.parametrize(("spare_bytes", "variant"), [(3, "full"), (4, "minimal")])
def test_a_full_prompt_above_the_budget_becomes_the_minimal_one(spare_bytes: int, variant: str) -> None:
    # int(bytes / 4) > 6000 first holds at 24 004 bytes; é counts as two of them.
    length = len(build_system_prompt(make_contract(primer=""), "full", random.Random(0)).encode())
    padding = 24_000 + spare_bytes - length
    contract = make_contract(primer="é" * (padding // 2) + "e" * (padding % 2))
    expected = build_system_prompt(contract, "minimal", random.Random(0))
    assert (build_system_prompt(contract, "full", random.Random(0)) == expected) is (variant == "minimal")


messages = st.lists(
    st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text()), min_size=1, max_size=4
)


@given(st.text(), messages)
def test_the_chat_template_renders_what_nornicdb_renders(system: str, turns: list[Message]) -> None:
    template = jinja2.Environment(keep_trailing_newline=True).from_string(CHAT_TEMPLATE)
    rendered = template.render(
        messages=[{"role": "system", "content": system}, *(turn.model_dump() for turn in turns)],
        add_generation_prompt=turns[-1].role == "user",
    )
    assert rendered == render_chatml(system, turns)


def test_chatml_cues_the_assistant_after_a_question_and_closes_an_answer() -> None:
    question, answer = Message(role="user", content="Q"), Message(role="assistant", content="A")
    asked = "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n"
    assert render_chatml("S", [question]) == asked
    assert render_chatml("S", [question, answer]) == asked + "A<|im_end|>\n"


@given(st.integers(0, 200), st.integers(1, 40))
def test_of_a_long_prompt_only_the_last_batch_is_visible(length: int, batch_size: int) -> None:
    tokens, memory = list(range(length)), list[int]()
    for start in range(0, length, batch_size):  # NornicDB's loop: clear, then decode one batch
        memory.clear()
        memory.extend(tokens[start : start + batch_size])
    assert cut_prompt(tokens, batch_size) == memory


def test_a_prompt_that_fits_into_one_batch_is_seen_whole() -> None:
    assert cut_prompt(list(range(2048))) == list(range(2048))
    assert cut_prompt(list(range(2049))) == [2048]
