"""Telemetry of a database with a known cause: one injected anomaly, or what looks like one and is none.

`decide_anomaly` is the definition of each anomaly, over nothing but what is shown; docs/data.md states it in words.
"""

import random
from collections.abc import Mapping
from statistics import median
from typing import Any

from datagen.invention import Invent
from datagen.lexicon import TRAINING
from nornicdb.answer_schemas import Anomaly, AnomalyAnswer

HUB_DEGREE, HUB_RATIO = 1000, 100  # a supernode has more relationships than both, the ratio being to the average
GROWTH_RATIO = 5  # of nodes added in the last hour, beyond imports, to the median hour
ORPHAN_NODES, ORPHAN_HOURS = 5, 24
_RECOMMENDATIONS: dict[Anomaly, str] = {
    "none": "Nothing has to be done.",
    "supernode": "Find out what keeps linking to this node.",
    "growth_spike": "Find out which writer adds these nodes.",
    "orphan_cluster": "Link these nodes to the graph or remove them.",
    "duplicate_nodes": "Merge the nodes and add a constraint.",
}
_LABELS = tuple("".join(word.capitalize() for word in noun.singular.split()) for noun in TRAINING.nouns)


def simulate_anomaly(rng: random.Random, name: Invent, *, twin: bool) -> dict[str, Any] | None:
    """What a monitor shows. A twin has an innocent explanation where the other has an anomaly; None if it has none."""
    host = name()
    nodes, average = round(10 ** rng.uniform(3.5, 6.5)), rng.uniform(2, 12)
    cause: Anomaly = rng.choices(tuple(_RECOMMENDATIONS), (1, 2, 2, 2, 2))[0]
    if twin and cause == "none":
        return None
    labels = rng.sample(_LABELS, 6)
    limit = max(HUB_DEGREE, HUB_RATIO * average)
    typical = nodes * rng.uniform(0.0002, 0.004) + 20
    hubs = [
        {"id": name(), "label": rng.choice(labels[2:]), "degree": round(limit * rng.uniform(0.05, 0.85))}
        for _ in range(3)
    ]
    if rng.random() < 0.5:  # expected to be large
        hubs.append({"id": name(), "label": labels[0], "degree": round(limit * rng.uniform(1.3, 40))})
    added = [round(typical * rng.uniform(0.6, 1.5)) for _ in range(8)]
    imports = []
    if rng.random() < 0.3:  # a burst that is planned
        size = round(typical * rng.uniform(6, 60))
        added[-1] += size
        imports.append({"job": name(), "nodes": size})
    elif rng.random() < 0.4:  # a burst below the limit
        added[-1] = round(median(added[:-1]) * rng.uniform(2.5, 4.4))
    components = [{"nodes": [name() for _ in range(rng.randint(1, 3))], "hours_unlinked": rng.randint(0, 300)}]
    groups = [{"key": "city", "unique": False, "nodes": [name() for _ in range(rng.randint(2, 4))]}]
    match cause:
        case "supernode":
            degree = round(limit * 10 ** rng.uniform(0.12, 1.5))
            hubs.append({"id": name(), "label": labels[0] if twin else labels[1], "degree": degree})
        case "growth_spike":
            size = round(GROWTH_RATIO * typical * 10 ** rng.uniform(0.25, 1.6))
            added[-1] += size
            part = round(typical * rng.uniform(0, 0.5))
            imports.append({"job": name(), "nodes": size if twin else part})
        case "orphan_cluster":
            orphans = [name() for _ in range(rng.choice((5, 6, 7, 8, 16, 18)))]
            fresh, old = rng.randint(0, 20), rng.randint(30, 400)
            components.append({"nodes": orphans, "hours_unlinked": fresh if twin else old})
        case "duplicate_nodes":
            copies = [name() for _ in range(rng.choice((2, 3, 4, 6, 7)))]
            groups.append({"key": rng.choice(("email", "serial", "isbn", "iban")), "unique": not twin, "nodes": copies})
    if rng.random() < 0.5:
        components.append({"nodes": [name() for _ in range(rng.randint(6, 9))], "hours_unlinked": rng.randint(0, 18)})
    for several in (hubs, components, groups):
        rng.shuffle(several)
    return {
        "host": host,
        "total_nodes": nodes,
        "total_edges": round(nodes * average / 2),
        "average_degree": round(average, 1),
        "hubs": hubs,
        "labels_expected_to_have_hubs": [labels[0]],
        "nodes_added_per_hour": added,
        "imports_in_the_last_hour": imports,
        "unlinked_components": components,
        "nodes_with_equal_keys": groups,
    }


def measure_anomalies(shown: Mapping[str, Any]) -> dict[Anomaly, float]:
    """How far each kind is above its limit: 1 is the limit itself."""
    hubs = [hub["degree"] / _find_limit(shown) for hub in _list_unexpected(shown)]
    *before, last = shown["nodes_added_per_hour"]
    growth = last - sum(job["nodes"] for job in shown["imports_in_the_last_hour"])
    orphans = [len(part["nodes"]) / ORPHAN_NODES for part in _list_orphans(shown)]
    copies = [len(group["nodes"]) / 2 for group in shown["nodes_with_equal_keys"] if group["unique"]]
    return {
        "supernode": max(hubs, default=0),
        "growth_spike": growth / (GROWTH_RATIO * median(before)),
        "orphan_cluster": max(orphans, default=0),
        "duplicate_nodes": max(copies, default=0),
    }


def decide_anomaly(shown: Mapping[str, Any]) -> AnomalyAnswer:
    """The one anomaly that is shown, if any."""
    factors = measure_anomalies(shown)
    kind = max(factors, key=lambda found: factors[found])
    factor = factors[kind]
    if factor < 1:
        kind = "none"
    affected: dict[Anomaly, list[str]] = {
        "supernode": [hub["id"] for hub in _list_unexpected(shown) if hub["degree"] >= _find_limit(shown)],
        "orphan_cluster": [node for part in _list_orphans(shown) for node in part["nodes"]],
        "duplicate_nodes": [n for group in shown["nodes_with_equal_keys"] if group["unique"] for n in group["nodes"]],
    }
    return AnomalyAnswer(
        anomaly_detected=kind != "none",
        type=kind,
        severity="low" if factor < 1 else "medium" if factor < 3 else "high" if factor < 10 else "critical",
        affected_nodes=affected.get(kind, []),
        recommendation=_RECOMMENDATIONS[kind],
    )


def _find_limit(shown: Mapping[str, Any]) -> float:
    return max(HUB_DEGREE, HUB_RATIO * float(shown["average_degree"]))


def _list_unexpected(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [hub for hub in shown["hubs"] if hub["label"] not in shown["labels_expected_to_have_hubs"]]


def _list_orphans(shown: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        part
        for part in shown["unlinked_components"]
        if len(part["nodes"]) >= ORPHAN_NODES and part["hours_unlinked"] >= ORPHAN_HOURS
    ]
