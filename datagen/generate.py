"""Makes a data set: chunks in worker processes, merged in their order, without repeats, until every split is full.

The same configuration gives the same bytes on any number of workers, on this machine or on a Dask cluster.
"""

import multiprocessing
import os
import random
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import closing, contextmanager
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from datagen.actions import match_actions
from datagen.card import render_card
from datagen.examples import SCHEMA_FAMILIES, Chunk, ChunkSpec, make_chunk
from datagen.parts import Parts, Place
from heimdall.config import DataConfig
from heimdall.errors import InputError
from heimdall.files import digest_json, write_text
from heimdall.progress import Progress, silent
from heimdall.refs import Record
from heimdall.rows import FAMILIES, SPLITS, Family, Row, Split, read_rows
from nornicdb.contract import Contract
from nornicdb.facts import Facts

# What a split holds out must be there to be held out: schemas and compositions of queries, facts.
_SPLITS: dict[Family, tuple[Split, ...]] = {
    "action": ("validation", "test_iid", "test_phrasing"),
    "cypher_schema": ("validation", "test_iid", "test_schema", "test_composition", "test_phrasing"),
    "cypher_plain": ("validation", "test_iid", "test_schema", "test_composition", "test_phrasing"),
    "cypher_help": ("validation", "test_iid", "test_schema", "test_phrasing", "test_fact"),
    "operations": ("validation", "test_iid", "test_phrasing", "test_fact"),
    "tlp_review": ("validation", "test_iid", "test_phrasing", "test_fact"),
    "cognitive": ("validation", "test_iid", "test_phrasing", "test_fact"),
    "code": ("validation", "test_iid", "test_phrasing", "test_fact"),
    "general": ("validation", "test_iid", "test_phrasing", "test_fact"),
}
_PARTS = "parts"
_IDLE_CHUNKS = 40  # chunks in a row without a new row: the wording is exhausted


class DatasetSummary(Record):
    """What was made: rows per split and family, Cypher rows per category, and how varied they are."""

    splits: dict[str, int]
    families: dict[str, int]
    categories: dict[str, int]
    schemas: int
    distinct_derivations: int
    skeletons: int
    mutants: int
    killed: int


def plan_counts(config: DataConfig) -> dict[tuple[Split, Family], int]:
    """How many rows of each family each split gets."""
    families = [family for family in FAMILIES if config.shares.get(family)]
    rows = {family: int(config.train_rows * config.shares[family]) for family in families}
    # What rounding down has left goes to the largest family.
    rows[max(families, key=lambda family: rows[family])] += config.train_rows - sum(rows.values())
    counts: dict[tuple[Split, Family], int] = {
        (split, family): config.split_rows for split in SPLITS[1:] for family in families if split in _SPLITS[family]
    }
    # Train last: it must avoid all the others.
    return {**counts, **{("train", family): rows[family] for family in families}}


def generate_dataset(
    config: DataConfig,
    contract: Contract,
    out: Path,
    progress: Progress = silent,
    workers: int | None = None,
    facts: Facts | None = None,
) -> DatasetSummary:
    """Writes `<split>.jsonl` for every split, `graphs.jsonl` and the data set card `README.md` into `out`.

    `facts` are what `operations` rows are about. What an interrupted try has left in `out` is continued, and ends with
    the same bytes. Raises `InputError` when the generator cannot make as many different rows as are asked for, or when
    the contract has no action that runs a query.
    """
    counts = plan_counts(config)
    with _fill_parts(config, contract, facts, counts, out / _PARTS, progress, workers) as parts:
        splits = [split for split in SPLITS if any(split == place[0] for place in counts)]
        for split in splits:
            parts.merge("rows", split, out / f"{split}.jsonl")
        parts.merge("graphs", None, out / "graphs.jsonl")
        summary = _summarize({split: out / f"{split}.jsonl" for split in splits})
        examples = list(islice(read_rows(out / "test_iid.jsonl"), 3))
        write_text(out / "README.md", render_card(config, contract, facts, summary.model_dump(), examples))
        parts.remove()
    return summary


def generate_file(
    config: DataConfig,
    contract: Contract,
    out: Path,
    progress: Progress = silent,
    workers: int | None = None,
    facts: Facts | None = None,
) -> DatasetSummary:
    """Writes `config.train_rows` training rows into one JSONL file, as `generate_dataset` does with all splits."""
    counts = {place: rows for place, rows in plan_counts(config).items() if place[0] == "train"}
    parts_directory = out.with_name(f".{out.name}.{_PARTS}")
    with _fill_parts(config, contract, facts, counts, parts_directory, progress, workers) as parts:
        parts.merge("rows", "train", out)
        parts.remove()
    return _summarize({"train": out})


@contextmanager
def _fill_parts(
    config: DataConfig,
    contract: Contract,
    facts: Facts | None,
    counts: Mapping[Place, int],
    directory: Path,
    progress: Progress,
    workers: int | None,
) -> Iterator[Parts]:
    """Gives the parts of a data set when all of them are full."""
    match_actions(contract)  # before the work: raises where no query can run
    settings = config.model_dump(mode="json", exclude={"dask"})
    asked = facts.model_dump(mode="json") if facts is not None else None
    made_for = digest_json([settings, contract.digest, asked, [[*place, n] for place, n in counts.items()]])
    total = sum(counts.values())
    with (
        _open_pool(config.dask, workers or os.cpu_count() or 1) as (pool, ahead),
        Parts(directory, list(counts), normalize_question, made_for) as parts,
    ):
        done = sum(list(counts.values())[: parts.note.place])
        while (place := parts.open()) is not None:
            known = facts if place[1] == "operations" else None
            first = ChunkSpec(config, *place, parts.note.chunks, contract, known)
            with closing(_stream_chunks(pool, ahead, first)) as chunks:
                while parts.note.rows < counts[place]:
                    chunk = next(chunks)
                    parts.add([_choose_prompt(row, config) for row in chunk.rows], chunk.graphs, counts[place])
                    progress(done + parts.note.rows, total, " ".join(place))
                    if parts.note.idle == _IDLE_CHUNKS:
                        parts.remove()
                        raise _explain_shortage(place, parts.note.rows, counts[place])
            done += counts[place]
            parts.finish()
        yield parts


def _explain_shortage(place: Place, made: int, wanted: int) -> InputError:
    return InputError(
        f"Only {made} different {place[1]} rows could be made for {place[0]}, {wanted} were asked for; lower "
        "data.train_rows or data.split_rows."
    )


def _choose_prompt(row: Row, config: DataConfig) -> Row:
    """Some training rows come under another of NornicDB's prompts."""
    if not config.other_prompts or row.split != "train" or row.prompt != config.prompt:
        return row
    shares = [1 - sum(config.other_prompts.values()), *config.other_prompts.values()]
    rng = random.Random(f"{config.seed}/{row.question}")
    return row.model_copy(update={"prompt": rng.choices([config.prompt, *config.other_prompts], shares)[0]})


def normalize_question(text: str) -> str:
    """The form in which two questions count as the same: case, spacing and final punctuation do not matter."""
    return " ".join(text.lower().split()).rstrip(".?! ")


@contextmanager
def _open_pool(dask: str | None, workers: int) -> Iterator[tuple[Executor, int]]:
    """Where chunks are made, and how many of them at a time. Raises `InputError` where no Dask scheduler answers."""
    if dask is None:
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield pool, 2 * workers
        return
    if find_spec("distributed") is None:
        raise InputError("data.dask needs Dask; install it with `pip install -e '.[dask]'`.")
    from distributed import Client

    try:
        client = Client(dask, timeout=10)
    except (OSError, ValueError) as error:
        raise InputError(f"data.dask: no Dask scheduler answers at '{dask}' ({error}).") from error
    with client:
        # A retry gives the same chunk, so a worker that is lost costs time only.
        yield client.get_executor(retries=3), 2 * max(1, sum(client.nthreads().values()))


def _stream_chunks(pool: Executor, ahead: int, spec: ChunkSpec) -> Generator[Chunk, None, None]:
    """The chunks from that of `spec` on, in order, `ahead` of them in the making."""
    waiting: deque[Future[Chunk]] = deque()
    try:
        while True:
            while len(waiting) < ahead:
                waiting.append(pool.submit(make_chunk, spec))
                spec = spec._replace(number=spec.number + 1)
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _summarize(files: Mapping[Split, Path]) -> DatasetSummary:
    splits: Counter[str] = Counter()
    families: Counter[str] = Counter()
    categories: Counter[str] = Counter()
    schemas: set[str] = set()
    derivations: set[int] = set()
    skeletons: set[str] = set()
    mutants = killed = 0
    for split, path in files.items():
        for row in read_rows(path):
            splits[split] += 1
            families[row.family] += 1
            if row.family in SCHEMA_FAMILIES and row.category is not None:
                categories[row.category] += 1
            schemas |= {row.schema_id} if row.schema_id else set()
            skeletons |= {row.skeleton} if row.skeleton else set()
            derivations.add(hash((row.skeleton, row.productions)))
            if row.proof:
                mutants, killed = mutants + row.proof.mutants, killed + row.proof.killed
    return DatasetSummary(
        splits=dict(splits),
        families=dict(sorted(families.items())),
        categories=dict(sorted(categories.items())),
        schemas=len(schemas),
        distinct_derivations=len(derivations),
        skeletons=len(skeletons),
        mutants=mutants,
        killed=killed,
    )
