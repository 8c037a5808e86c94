"""Makes questions of the cognitive tasks that NornicDB's authors proposed: data first, then what is asked and in which
JSON. No release of NornicDB asks them.

Every task is a simulator with a known cause and a rule that decides from the shown data alone, so that no answer hangs on
something invisible. Questions come in pairs: with the same dice, `twin` changes what turns the answer, and nothing else.
"""

import json
import random
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from datagen.draft import Draft, fits_split
from datagen.invention import Invent, invent_word
from datagen.memories import decide_memory, decide_pair, simulate_memory, simulate_pair
from datagen.phrasing import Phraser
from datagen.policy import decide_operation, simulate_operation
from datagen.queueing import decide_runtime, simulate_runtime
from datagen.telemetry import decide_anomaly, simulate_anomaly
from datagen.tuning import decide_tuning, simulate_tuning
from heimdall.answers import JsonAnswer
from heimdall.refs import Record
from heimdall.rows import Split

Shown = Mapping[str, Any]
Simulate = Callable[[Phraser, Invent, bool], Shown | None]


class Task(NamedTuple):
    """One task: its data, the rule that decides, how it is asked for, and the JSON that answers it."""

    simulate: Simulate
    decide: Callable[[Shown], Record]
    requests: tuple[str, ...]
    form: str
    unordered: tuple[str, ...] = ()
    free: tuple[str, ...] = ()


TASKS: dict[str, Task] = {
    "anomaly": Task(
        lambda phraser, name, twin: simulate_anomaly(phraser.rng, name, twin=twin),
        decide_anomaly,
        (
            "Is there an anomaly in these graph statistics?", "Check these figures of a graph for anomalies.",
            "Does this telemetry show anything unusual?", "Look for a supernode, a growth spike, an orphan cluster or duplicate nodes.",
            "You watch over a graph database. Report an anomaly, if there is one.", "Which anomaly do these statistics show, if any?",
            "Tell whether something is wrong with this graph.", "Examine the monitor's figures above.",
        ),
        '{"anomaly_detected": bool, "type": "none"|"supernode"|"growth_spike"|"orphan_cluster"|"duplicate_nodes", '
        '"severity": "low"|"medium"|"high"|"critical", "affected_nodes": [ids], "recommendation": text}',
        unordered=("affected_nodes",),
        free=("recommendation",),
    ),
    "diagnosis": Task(
        lambda phraser, name, twin: simulate_runtime(phraser.rng, name, twin=twin),
        decide_runtime,
        (
            "Diagnose this server and choose the action that costs least.", "What is wrong with this server, and what should be done?",
            "Which action helps this server most?", "You diagnose a running database. Choose an action.",
            "Look at this snapshot of the runtime and decide what to do.", "Choose the one action that this server needs.",
            "How is this server doing, and which action follows?", "Decide on an action for the snapshot above.",
        ),
        '{"diagnosis": text, "severity": "healthy"|"warning"|"critical", "action_id": 0-5, "details": text}, with the actions '
        "0=none, 1=log a warning, 2=restart the worker pool, 3=clear the queue, 4=run the garbage collector, 5=reduce concurrency",
        free=("diagnosis", "details"),
    ),
    "curation": Task(
        lambda phraser, name, twin: simulate_memory(phraser, name, twin=twin),
        decide_memory,
        (
            "Is this memory worth keeping?", "Decide whether the agent should keep this memory.", "Curate this memory of an agent.",
            "Should this memory stay, and which of the related ones say the same?", "You look after an agent's memories. Judge this one.",
            "Will this memory be needed within a month?", "Keep this memory or let it go?", "Judge the memory above.",
        ),
        '{"should_keep": bool, "new_importance": 0.0-1.0, "summary": text, "merge_candidates": [ids]}',
        unordered=("merge_candidates",),
        free=("new_importance", "summary"),
    ),
    "deduplication": Task(
        lambda phraser, name, twin: simulate_pair(phraser, name, twin=twin),
        decide_pair,
        (
            "Are these two nodes duplicates?", "Do both nodes stand for the same thing?", "Tell whether one of these nodes repeats the other.",
            "Decide whether these nodes should be merged.", "You look for duplicate nodes. Is this a pair of them?",
            "Are these the same, only written in another way?", "Same thing or not?", "Compare the two nodes above.",
        ),
        '{"is_duplicate": bool, "confidence": 0.0-1.0}',
        free=("confidence",),
    ),
    "policy": Task(
        lambda phraser, name, twin: simulate_operation(phraser.rng, name, twin=twin),
        decide_operation,
        (
            "Do the rules allow this operation?", "May this operation run?", "Decide by the rules whether the operation is allowed.",
            "Is this operation permitted? A rule that denies wins, and what no rule allows is forbidden.",
            "You enforce the policy. Allow or forbid the operation.", "Check the operation against the rules.",
            "Allow it or not?", "Apply the rules above to the operation.",
        ),
        '{"allow": bool, "reason": text}',
        free=("reason",),
    ),
    "optimization": Task(
        lambda phraser, name, twin: simulate_tuning(phraser.rng, name, twin=twin),
        decide_tuning,
        (
            "Can this query be made cheaper?", "Suggest an index or a better wording for this query, if one helps.",
            "Optimise this query.", "What would make this query faster, an index or other words?",
            "You tune queries. What do you suggest for this one?", "Does this query need an index or another wording?",
            "Is there anything to improve about this query?", "Make a suggestion for the query above.",
        ),
        '{"suggestion_type": "none"|"create_index"|"rewrite", "details": the statement that creates the index, the rewritten '
        "query, or nothing}",
    ),
}  # fmt: skip
_REPLY = (
    "Answer with JSON only: {}", "Reply with one JSON object: {}", "Output only valid JSON: {}", "JSON only, in this form: {}",
    "The answer is one JSON object of the form {}", "Give your answer as {} and nothing else", "Answer as {}", "Nothing but JSON: {}",
)  # fmt: skip


def draw_cognitive(category: str, split: Split, rng: random.Random, *, twin: bool) -> Draft | None:
    """One question of a task, or None where the dice gave none that fits the split."""
    task = TASKS[category]
    phraser = Phraser(rng, held_out=split == "test_phrasing")
    request, reply = phraser.pick(f"{category}.request", task.requests), phraser.pick("cognitive.reply", _REPLY)
    written_as_json = rng.random() < 0.5
    names: list[str] = []

    def invent() -> str:
        """A name that no other thing of this question has, and that fits the split."""
        while True:
            word = invent_word(rng, held_out=split == "test_phrasing")
            if word not in names and fits_split(f"{category} {word}", split):
                names.append(word)
                return word

    shown = task.simulate(phraser, invent, twin)
    if shown is None or not phraser.fits:
        return None
    value = task.decide(shown).model_dump(mode="json")
    return Draft(
        category=category,
        question=f"{write_data(shown, as_json=written_as_json)}\n\n{request} {reply.format(task.form)}",
        answer=json.dumps(value, ensure_ascii=False),
        expected=JsonAnswer(value=value, unordered=task.unordered, free=task.free),
        source=f"{category} {names[0]}",
        productions=tuple(phraser.used),
        prompt="chat",
    )


def read_data(question: str) -> dict[str, Any]:
    """The data that a question shows: what `write_data` wrote."""
    data = question.rpartition("\n\n")[0]
    if data.startswith("{"):
        return dict(json.loads(data))
    lines = (line.removeprefix("- ").split(": ", 1) for line in data.split("\n"))
    return {key.replace(" ", "_"): json.loads(value) for key, value in lines}


def write_data(shown: Shown, *, as_json: bool) -> str:
    """The data as one JSON object or as a line for each key."""
    if as_json:
        return json.dumps(shown, ensure_ascii=False)
    return "\n".join(
        f"- {key.replace('_', ' ')}: {json.dumps(value, ensure_ascii=False)}" for key, value in shown.items()
    )
