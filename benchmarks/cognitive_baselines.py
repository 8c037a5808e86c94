"""What simple rules reach on reviews and cognitive tasks, and gradient boosting on anomalies: below that, a model's
figure means nothing.

python benchmarks/cognitive_baselines.py [QUESTIONS]
"""

import random
import re
import sys
from collections.abc import Callable
from difflib import SequenceMatcher
from statistics import mean, median
from typing import Any, NamedTuple

import numpy as np

from datagen.cognitive import draw_cognitive, read_data
from datagen.queueing import simulate_actions
from datagen.review import draw_review
from heimdall.answers import JsonAnswer
from heimdall.rows import Split
from nornicdb.contract import load_reference_contract

Shown = dict[str, Any]


class Case(NamedTuple):
    """The shown data and the expected answer."""

    shown: Shown
    expected: dict[str, Any]


def main() -> None:
    """Prints one line for each task."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print("tlp_review   ", measure_review(count))
    print("anomaly      ", measure_anomaly(count))
    for category, measure in TASKS.items():
        print(f"{category:13}", measure(draw(category, "test_iid", count)))


def draw(category: str, split: Split, count: int) -> list[Case]:
    """About so many cases of a task, in pairs."""
    cases = []
    for number in range(count):
        rng = random.Random(f"{category}/{split}/{number // 2}")
        draft = draw_cognitive(category, split, rng, twin=number % 2 == 1)
        if draft is not None and isinstance(draft.expected, JsonAnswer):
            cases.append(Case(read_data(draft.question), draft.expected.value))
    return cases


def measure_review(count: int) -> str:
    """F1 over links: everything approved, as NornicDB does without a review, and all links it is rather sure of."""
    contract, words = load_reference_contract(), []
    for name, least in (("approve all", 0), ("approve from 75 %", 75)):
        right = kept = wanted = 0
        for number in range(count):
            draft = draw_review("test_iid", random.Random(f"{number // 2}"), contract, twin=number % 2 == 1)
            if draft is None or not isinstance(draft.expected, JsonAnswer):
                continue
            percents = re.findall(r"(?m)^(\d)\..+\((\d+)%\)$", draft.question)
            chosen = {int(index) for index, percent in percents if int(percent) >= least}
            truth = set(draft.expected.value["approved"])
            right, kept, wanted = right + len(chosen & truth), kept + len(chosen), wanted + len(truth)
        words.append(f"{name} F1 {2 * right / (kept + wanted):.2f}")
    return ", ".join(words)


def measure_anomaly(count: int) -> str:
    """Recall of each kind at 1 % false alarms, of limits without regard to explanations and of boosted trees."""
    from sklearn.ensemble import GradientBoostingClassifier

    train, test = draw("anomaly", "train", 3 * count), draw("anomaly", "test_iid", count)
    kinds = ["supernode", "growth_spike", "orphan_cluster", "duplicate_nodes"]
    trees = GradientBoostingClassifier(random_state=1)
    trees.fit([list_fields(case.shown) for case in train], [case.expected["type"] for case in train])
    chances = trees.predict_proba([list_fields(case.shown) for case in test])
    quiet = list(trees.classes_).index("none")
    truth = [case.expected["type"] for case in test]
    limit = float(
        np.quantile([1 - row[quiet] for row, kind in zip(chances, truth, strict=True) if kind == "none"], 0.99)
    )
    named = [
        str(trees.classes_[int(np.argmax([0 if i == quiet else p for i, p in enumerate(row)]))])
        if 1 - row[quiet] > limit
        else "none"
        for row in chances
    ]
    ruled = [name_anomaly(case.shown) for case in test]
    return f"limits: {write_recall(truth, ruled, kinds)}; boosted trees: {write_recall(truth, named, kinds)}"


def list_fields(shown: Shown) -> list[float]:
    """The shown numbers, and of each list the entry that stands out most."""
    hub = max(shown["hubs"], key=lambda hub: hub["degree"])
    unexpected = [h["degree"] for h in shown["hubs"] if h["label"] not in shown["labels_expected_to_have_hubs"]]
    *before, last = shown["nodes_added_per_hour"]
    part = max(shown["unlinked_components"], key=lambda part: len(part["nodes"]))
    group = max(shown["nodes_with_equal_keys"], key=lambda group: len(group["nodes"]))
    imported = sum(job["nodes"] for job in shown["imports_in_the_last_hour"])
    return [
        shown["total_nodes"], shown["total_edges"], shown["average_degree"], hub["degree"], max(unexpected, default=0),
        last, median(before), imported, len(part["nodes"]), part["hours_unlinked"], len(group["nodes"]),
        group["unique"],
        sum(group["unique"] for group in shown["nodes_with_equal_keys"]), len(shown["unlinked_components"]),
    ]  # fmt: skip


def name_anomaly(shown: Shown) -> str:
    """An operator's limits, without regard to what explains a value."""
    *before, last = shown["nodes_added_per_hour"]
    if max(hub["degree"] for hub in shown["hubs"]) >= max(1000, 100 * shown["average_degree"]):
        return "supernode"
    if last >= 5 * median(before):
        return "growth_spike"
    if any(len(part["nodes"]) >= 5 for part in shown["unlinked_components"]):
        return "orphan_cluster"
    return "duplicate_nodes" if any(group["unique"] for group in shown["nodes_with_equal_keys"]) else "none"


def write_recall(truth: list[str], named: list[str], kinds: list[str]) -> str:
    """The false alarms and the recall of each kind."""
    false = mean(name != "none" for kind, name in zip(truth, named, strict=True) if kind == "none")
    recalls = (mean(name == kind for true, name in zip(truth, named, strict=True) if true == kind) for kind in kinds)
    return f"false alarms {false:.1%}, " + ", ".join(f"{k} {r:.0%}" for k, r in zip(kinds, recalls, strict=True))


def measure_diagnosis(cases: list[Case]) -> str:
    """The first sign that is beyond its limit decides."""
    chosen = [choose_action(case.shown) for case in cases]
    truth = [case.expected["action_id"] for case in cases]
    costs = [simulate_actions(case.shown) for case in cases]
    worse = [cost[action] > 2 * min(cost) + 100 for cost, action in zip(costs, chosen, strict=True)]
    unsafe = [action in (2, 3) for action, true in zip(chosen, truth, strict=True) if true not in (2, 3)]
    right = mean(action == true for action, true in zip(chosen, truth, strict=True))
    return f"right {right:.2f}, unsafe {mean(unsafe):.1%}, at twice the cost {mean(worse):.1%}"


def choose_action(shown: Shown) -> int:
    """A runbook: goroutines that are stuck, a full heap, a long queue, a busy lock, a growing heap."""
    queue = next(iter(shown["queue_depths"].values()))
    if any(blocked["state"] == "stuck" for blocked in shown["blocked_routines"]):
        return 2
    if shown["heap_alloc_mb"] > 0.85 * shown["heap_limit_mb"]:
        return 4
    if queue["depth"] > 20 * shown["workers"]:
        return 3
    if next(iter(shown["lock_wait_percent"].values())) > 50:
        return 5
    return 1 if shown["heap_growth_mb_per_min"] > 0.01 * shown["heap_limit_mb"] else 0


def measure_curation(cases: list[Case]) -> str:
    """What was not used for so many days is removed, the days being as few as 5 % false removals allow."""
    keep = [case.expected["should_keep"] for case in cases]
    idle = [case.shown["memory"]["days_since_access"] for case in cases]
    days = float(np.quantile([d for d, kept in zip(idle, keep, strict=True) if kept], 0.95))
    removed = [d > days for d in idle]
    found = mean(gone for gone, kept in zip(removed, keep, strict=True) if not kept)
    return (
        f"unused for {days:.0f} days: {mean(removed):.0%} removed, {found:.0%} of what should be, at 5 % false removals"
    )


def measure_deduplication(cases: list[Case]) -> str:
    """How alike two nodes are spelt; precision where 95 % of the duplicates are found."""
    alike = []
    for case in cases:
        left, right = (" ".join(node["properties"].values()).casefold() for node in case.shown["nodes"])
        alike.append(SequenceMatcher(None, left, right).ratio())
    same = [case.expected["is_duplicate"] for case in cases]
    limit = float(np.quantile([value for value, true in zip(alike, same, strict=True) if true], 0.05))
    merged = [true for value, true in zip(alike, same, strict=True) if value >= limit]
    return f"spelt alike: precision {mean(merged):.2f} at 95 % recall (share of duplicates {mean(same):.2f})"


def measure_policy(cases: list[Case]) -> str:
    """Whatever some rule allows to the role and the action is allowed."""
    chosen = [
        any(re.match(rf"allow .*({o['action']}|\*).* for .*({o['role']}|\*)", rule) for rule in case.shown["rules"])
        for case in cases
        for o in [case.shown["operation"]]
    ]
    truth = [case.expected["allow"] for case in cases]
    false = mean(got for got, true in zip(chosen, truth, strict=True) if not true)
    right = mean(got == true for got, true in zip(chosen, truth, strict=True))
    return f"any rule that allows: right {right:.2f}, false permissions {false:.0%}"


def measure_optimization(cases: list[Case]) -> str:
    """An index wherever a value is looked for and none exists."""
    chosen = ["create_index" if "WHERE" in c.shown["query"] and not c.shown["indexes"] else "none" for c in cases]
    right = mean(got == case.expected["suggestion_type"] for got, case in zip(chosen, cases, strict=True))
    return f"an index where there is none: right {right:.2f}"


TASKS: dict[str, Callable[[list[Case]], str]] = {
    "diagnosis": measure_diagnosis,
    "curation": measure_curation,
    "deduplication": measure_deduplication,
    "policy": measure_policy,
    "optimization": measure_optimization,
}


if __name__ == "__main__":
    main()
