"""A server's worker pool with a known trouble, and the action that costs least by running it on.

A fluid model in steps of a second: requests arrive, wait in a queue and are served by workers that may be stuck, wait
for a lock or for the garbage collector. `simulate_actions` starts from nothing but the numbers that are shown.
"""

import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from datagen.invention import Invent
from nornicdb.answer_schemas import DiagnosisAnswer

HORIZON_S = 60
PRESSURE = 0.85  # share of the heap's limit above which the collector takes most of the time
RESTART_S, GC_S = 5, 1
LOSS = 4.0  # cost of a lost request, in seconds that one request waits
NOTICE = 40.0  # cost of a log line that somebody has to read
DRIFT = 400.0  # cost of running into the heap's limit unnoticed
MARGIN = 1.2  # the second-best action costs at least so many times the best
ACTIONS = (
    "nothing",
    "log a warning",
    "restart the workers",
    "clear the queue",
    "run the collector",
    "halve the workers",
)
_DIAGNOSES = (
    "healthy", "memory grows slowly", "workers are stuck", "the queue holds requests that nobody waits for",
    "garbage fills the heap", "workers wait for a lock",
)  # fmt: skip


class Pool(NamedTuple):
    """The state that is simulated; times in seconds, memory in MB."""

    arrivals: float
    service: float
    workers: int
    stuck: int
    lock_share: float  # of a worker's time that it waits for the lock
    queue: float
    expired: float  # of the queue: nobody waits for them any more
    heap: float
    live: float
    limit: float
    growth: float  # MB per minute


def simulate_runtime(rng: random.Random, name: Invent, *, twin: bool) -> dict[str, Any] | None:
    """A snapshot of a server in some trouble; None where two actions cost about the same. A twin shows the same server
    after the trouble is over."""
    cause = rng.choice((0, *range(1, 6), *range(1, 6)))
    workers, service = rng.choice((8, 12, 16, 24, 32, 48)), rng.uniform(0.01, 0.12)
    capacity = workers / service
    limit = rng.choice((2048, 4096, 8192, 16384))
    live = limit * rng.uniform(0.2, 0.5)
    lock_share = rng.uniform(0.75, 0.94)
    load = (1 - lock_share) * rng.uniform(1.05, 1.35) if cause == 5 else rng.uniform(0.08, 0.6)
    pool = Pool(
        arrivals=capacity * load, service=service, workers=workers, stuck=0, lock_share=rng.uniform(0, 0.1),
        queue=rng.randint(0, workers), expired=0, heap=live + limit * rng.uniform(0.02, 0.2), live=live, limit=limit,
        growth=rng.uniform(0, 0.002) * limit,
    )  # fmt: skip
    skipped = rng.random() < 0.65  # of the twins, or half of all servers would be healthy
    troubles: dict[int, dict[str, float]] = {
        1: {"growth": limit * rng.uniform(0.02, 0.05), "heap": limit * rng.uniform(0.6, 0.75)},
        2: {"stuck": round(workers * rng.uniform(0.6, 1)), "queue": round(pool.arrivals * rng.uniform(1, 6))},
        3: {
            "queue": (old := round(pool.arrivals * rng.uniform(40, 120))),
            "expired": round(old * rng.uniform(0.93, 1)),
        },
        4: {"heap": limit * rng.uniform(0.88, 0.98), "queue": round(pool.arrivals * rng.uniform(0.5, 4))},
        5: {"lock_share": lock_share, "queue": round(pool.arrivals * rng.uniform(0.5, 2))},
    }
    # What looks like a trouble and costs little; where it costs more, the server is not taken.
    signs: tuple[dict[str, float], ...] = (
        {},
        {"stuck": rng.randint(1, max(1, workers // 3))},
        {"lock_share": rng.uniform(0.4, 0.75)} if cause != 5 else {},
        {"queue": round(pool.arrivals * rng.uniform(3, 20) + rng.randint(0, 40))},
        {"heap": (full := limit * rng.uniform(0.86, 0.95)), "live": full * rng.uniform(0.97, 1)},
        {"growth": limit * rng.uniform(0.004, 0.015)},
    )
    pool = Pool(**{**pool._asdict(), **rng.choice(signs)})
    if twin and (skipped or cause == 0):
        return None
    shown = _show(pool if twin else Pool(**{**pool._asdict(), **troubles.get(cause, {})}), rng, name)
    costs = sorted(enumerate(simulate_actions(shown)), key=lambda pair: pair[1])
    (best, cost), (_, second) = costs[:2]
    return shown if best == (0 if twin else cause) and second > MARGIN * cost + 5 else None


def simulate_actions(shown: Mapping[str, Any]) -> list[float]:
    """The cost of each action over the next minute, in seconds that requests wait."""
    queue = next(iter(shown["queue_depths"].values()))
    pool = Pool(
        arrivals=shown["arrivals_per_s"],
        service=shown["service_ms"] / 1000,
        workers=shown["workers"],
        stuck=sum(b["count"] for b in shown["blocked_routines"] if b["state"] == "stuck"),
        lock_share=next(iter(shown["lock_wait_percent"].values())) / 100,
        queue=queue["depth"],
        expired=queue["expired"],
        heap=shown["heap_alloc_mb"],
        live=shown["heap_live_mb"],
        limit=shown["heap_limit_mb"],
        growth=shown["heap_growth_mb_per_min"],
    )
    waiting = pool.lock_share / max(0.01, 1 - pool.lock_share)
    eased = waiting / 8  # half the workers meet a quarter as often and wait for half as many
    minutes_left = max(0.0, PRESSURE * pool.limit - pool.heap) / max(pool.growth, 1e-9)
    drift = DRIFT if pool.heap < PRESSURE * pool.limit and minutes_left < 20 else 0.0
    busy = min(pool.workers, pool.arrivals * pool.service)
    return [
        _run(pool) + drift,
        _run(pool) + NOTICE,
        _run(pool._replace(stuck=0, heap=pool.live), down=RESTART_S) + LOSS * (busy + pool.workers) + drift,
        _run(pool._replace(queue=0, expired=0)) + LOSS * (pool.queue - pool.expired) + NOTICE + drift,
        _run(pool._replace(heap=pool.live), down=GC_S) + drift,
        _run(pool._replace(workers=max(1, pool.workers // 2), stuck=pool.stuck // 2, lock_share=eased / (1 + eased)))
        + LOSS * pool.workers / 4
        + drift,
    ]


def decide_runtime(shown: Mapping[str, Any]) -> DiagnosisAnswer:
    """The action of least cost. It is critical where doing nothing costs more than twice as much."""
    costs = simulate_actions(shown)
    best = min(range(6), key=lambda action: costs[action])
    return DiagnosisAnswer(
        diagnosis=_DIAGNOSES[best],
        severity="healthy" if best == 0 else "warning" if best == 1 else "critical",
        action_id=best,
        details=f"The next minute costs least with: {ACTIONS[best]}.",
    )


def _run(pool: Pool, down: int = 0) -> float:
    """Seconds that requests wait, expired ones aside, which are served first all the same."""
    queue, expired, heap, cost = float(pool.queue), float(pool.expired), float(pool.heap), 0.0
    free = max(0, pool.workers - pool.stuck) / pool.service * (1 - pool.lock_share)
    for second in range(HORIZON_S):
        rate = 0.0 if second < down else free * (0.25 if heap > PRESSURE * pool.limit else 1.0)
        served = min(queue + pool.arrivals, rate)
        expired -= min(expired, served)
        queue += pool.arrivals - served
        heap += pool.growth / 60
        cost += max(0.0, queue - expired)
    return cost


def _show(pool: Pool, rng: random.Random, name: Invent) -> dict[str, Any]:
    host, queue, lock, channel = name(), name(), f"{name()}.mu", f"{name()}.recv"
    blocked = [{"state": "stuck", "waiting_on": channel, "count": pool.stuck}] if pool.stuck else []
    waiting = round(pool.workers * pool.lock_share)
    if waiting:
        blocked.append({"state": "lock", "waiting_on": lock, "count": waiting})
    return {
        "host": host,
        "goroutine_count": pool.workers + round(pool.queue) + rng.randint(20, 90),
        "workers": pool.workers,
        "arrivals_per_s": round(pool.arrivals),
        "service_ms": max(1, round(pool.service * 1000)),
        "queue_depths": {queue: {"depth": round(pool.queue), "expired": round(pool.expired)}},
        "lock_wait_percent": {lock: round(100 * pool.lock_share)},
        "blocked_routines": blocked,
        "heap_alloc_mb": round(pool.heap),
        "heap_live_mb": round(pool.live),
        "heap_limit_mb": round(pool.limit),
        "heap_growth_mb_per_min": round(pool.growth),
        "gc_pause_ms": round(rng.uniform(1, 40) + (400 if pool.heap > PRESSURE * pool.limit else 0)),
    }
