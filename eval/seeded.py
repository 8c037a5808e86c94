"""Gives small graphs to the questions of a suite that brings none, and says of how many it could not."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from cypher.graph import GRAPHS, SchemaGraphs
from cypher.schema import GraphSchema
from cypher.seeding import Seeding, SeedMaker, seed_graphs, seed_in_process
from cypher.worker import Worker
from eval.suite import SuiteRow
from heimdall.progress import Progress
from heimdall.records import write_records
from heimdall.refs import Record

_NAMED = 5  # rows that are named for each reason


class SeedSummary(Record):
    """How many of `questions` got graphs, and how many of their queries' near misses those tell apart."""

    questions: int
    seeded: int
    mutants: int
    killed: int
    notes: tuple[str, ...]


class SeedJob(NamedTuple):
    """A query that needs graphs."""

    cypher: str
    graph_schema: GraphSchema
    ordered: bool


def seed_suite(rows: Sequence[SuiteRow], seed: int, workers: int, out_dir: Path, progress: Progress) -> SeedSummary:
    """Writes the graphs of each row that needs some into `out_dir`; `schema_id` is the row's id there.

    Those are rows with a query, a schema that can be read and no graphs of their own. The graphs of a row depend only
    on its query, its schema and the seed, unless a query reaches the limit of time.
    """
    wanted = [(row, job) for row in rows if row.fault is None and not row.graphs and (job := _make_job(row))]
    found = list(seed_jobs([job for _, job in wanted], seed, workers, progress))
    seeded = [(row, seeding) for (row, _), seeding in zip(wanted, found, strict=True) if seeding.graphs]
    write_records(
        out_dir / GRAPHS,
        (SchemaGraphs(schema_id=row.id, schema_text="", graphs=seeding.graphs) for row, seeding in seeded),
    )
    mutants, killed = (sum(getattr(each, name) for _, each in seeded) for name in ("mutants", "killed"))
    seedings = {row.id: each for (row, _), each in zip(wanted, found, strict=True)}
    notes = list(_write_notes(rows, seedings, mutants, killed))
    return SeedSummary(questions=len(wanted), seeded=len(seeded), mutants=mutants, killed=killed, notes=tuple(notes))


def _make_job(row: SuiteRow) -> SeedJob | None:
    query = row.accepted[0]
    if query.cypher is None or row.graph_schema is None:
        return None
    return SeedJob(query.cypher, row.graph_schema, query.ordered)


def seed_jobs(
    jobs: Sequence[SeedJob], seed: int, workers: int, progress: Progress, make: SeedMaker = seed_graphs
) -> Iterator[Seeding]:
    """What `make` gives for each query, in their order, in worker processes under a limit of time."""
    free: SimpleQueue[Worker] = SimpleQueue()
    with ExitStack() as crew, ThreadPoolExecutor(max(min(workers, len(jobs)), 1)) as pool:
        for _ in range(min(workers, len(jobs))):
            free.put(crew.enter_context(Worker(make)))

        def seed_one(job: SeedJob) -> Seeding:
            worker = free.get()
            try:
                return seed_in_process(worker, *job, seed=seed, make=make)
            finally:
                free.put(worker)

        for done, seeding in enumerate(pool.map(seed_one, jobs), start=1):
            progress(done, len(jobs))
            yield seeding


def _write_notes(rows: Sequence[SuiteRow], seedings: Mapping[str, Seeding], mutants: int, killed: int) -> Iterable[str]:
    """What a reader of the scores must know of the suite, in sentences."""
    faulty = [row for row in rows if row.fault is not None]
    if faulty:
        named = ", ".join(f"{row.id} ({row.fault})" for row in faulty[:_NAMED])
        yield (
            f"{len(faulty)} of {len(rows)} expected queries are wrong themselves, so nothing is judged by them: {named}"
            + (", …." if len(faulty) > _NAMED else ".")
        )
    bare = [row for row in rows if row.family == "cypher_plain" and not row.graphs and row.fault is None]
    if bare:
        yield f"{len(bare)} questions come without a schema; without graphs of their own they are judged by form alone."
    unread = [row for row in rows if row.family == "cypher_schema" and row.graph_schema is None and not row.graphs]
    if unread:
        yield f"{len(unread)} schemas are in no notation that is known, so these questions are judged by form alone."
    if not seedings:
        return
    count = sum(bool(each.graphs) for each in seedings.values())
    share = f", which tell {killed / mutants:.1%} of {mutants} near misses from the right query" if mutants else ""
    yield f"Small graphs were made for {count} of {len(seedings)} queries{share}."
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, each in seedings.items():
        if not each.graphs:
            by_reason[each.reason].append(name)
    for reason, names in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        more = ", …" if len(names) > _NAMED else ""
        yield f"{len(names)} judged by form alone, as {reason}: {', '.join(names[:_NAMED])}{more}."
