"""Makes a data set: chunks in worker processes, merged in their order, without repeats, until every split is full.

The same configuration gives the same bytes on any number of workers.
"""

import multiprocessing
import os
import random
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from cypher.graph import SchemaGraphs, write_graphs
from datagen.actions import match_actions
from datagen.card import render_card
from datagen.examples import Chunk, ChunkSpec, make_chunk
from heimdall.config import DataConfig
from heimdall.errors import InputError
from heimdall.files import write_text
from heimdall.progress import Progress, silent
from heimdall.refs import Record
from heimdall.rows import FAMILIES, SPLITS, Family, Row, Split, write_rows
from nornicdb.contract import Contract

# What a split holds out must be there to be held out: schemas and compositions of queries, facts.
_SPLITS: dict[Family, tuple[Split, ...]] = {
    "action": ("validation", "test_iid", "test_phrasing"),
    "cypher_schema": ("validation", "test_iid", "test_schema", "test_composition", "test_phrasing"),
    "cypher_plain": ("validation", "test_iid", "test_schema", "test_composition", "test_phrasing"),
}
_IDLE_CHUNKS = 40  # chunks in a row without a new row: the wording is exhausted


class DatasetSummary(Record):
    """What was made: rows per split and family, and how varied they are."""

    splits: dict[str, int]
    families: dict[str, int]
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
    config: DataConfig, contract: Contract, out: Path, progress: Progress = silent, workers: int | None = None
) -> DatasetSummary:
    """Writes `<split>.jsonl` for every split, `graphs.jsonl` and the data set card `README.md` into `out`.

    Raises `InputError` when the generator cannot make as many different rows as are asked for, or when the contract
    has no action that runs a query.
    """
    match_actions(contract)  # before the work: raises where no query can run
    counts = plan_counts(config)
    total, done = sum(counts.values()), 0
    taken: set[str] = set()
    rows: dict[Split, list[Row]] = {split: [] for split in SPLITS}
    graphs: list[SchemaGraphs] = []
    with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        for (split, family), wanted in counts.items():
            made, idle = 0, 0
            for chunk in _stream_chunks(pool, config, contract, split, family):
                used = set()
                for row in chunk.rows:
                    key = normalize_question(row.question)
                    if key in taken or made == wanted:
                        continue
                    taken.add(key)
                    rows[split].append(_place(row, f"{split}-{family}-{made:06d}", config))
                    used.add(row.schema_id)
                    made += 1
                graphs += [stored for stored in chunk.graphs if stored.schema_id in used]
                progress(done + made, total, f"{split} {family}")
                idle = 0 if used else idle + 1
                if made == wanted:
                    break
                if idle == _IDLE_CHUNKS:
                    raise InputError(
                        f"Only {made} different {family} rows could be made for {split}, {wanted} were asked for; "
                        "lower data.train_rows or data.split_rows."
                    )
            done += made
    for split in SPLITS:
        if rows[split]:
            write_rows(out / f"{split}.jsonl", rows[split])
    write_graphs(out / "graphs.jsonl", graphs)
    summary = _summarize(rows)
    write_text(out / "README.md", render_card(config, contract, summary.model_dump(), rows["test_iid"][:3]))
    return summary


def _place(row: Row, name: str, config: DataConfig) -> Row:
    """The row with its id, and some training rows with another of NornicDB's prompts."""
    prompt = row.prompt
    if config.other_prompts and row.split == "train" and prompt == config.prompt:
        shares = [1 - sum(config.other_prompts.values()), *config.other_prompts.values()]
        prompt = random.Random(f"{config.seed}/{name}").choices([prompt, *config.other_prompts], shares)[0]
    return row.model_copy(update={"id": name, "prompt": prompt})


def normalize_question(text: str) -> str:
    """The form in which two questions count as the same: case, spacing and final punctuation do not matter."""
    return " ".join(text.lower().split()).rstrip(".?! ")


def _stream_chunks(
    pool: ProcessPoolExecutor, config: DataConfig, contract: Contract, split: Split, family: Family
) -> Iterator[Chunk]:
    """Chunks 0, 1, 2 … in order, a few of them in the making."""
    ahead = 2 * (os.cpu_count() or 1)
    index = 0
    waiting: deque[Future[Chunk]] = deque()
    try:
        while True:
            while len(waiting) < ahead:
                waiting.append(pool.submit(make_chunk, ChunkSpec(config, split, family, index, contract)))
                index += 1
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()


def _summarize(rows: dict[Split, list[Row]]) -> DatasetSummary:
    every = [row for part in rows.values() for row in part]
    proofs = [row.proof for row in every if row.proof]
    return DatasetSummary(
        splits={split: len(part) for split, part in rows.items() if part},
        families=dict(sorted(Counter(row.family for row in every).items())),
        schemas=len({row.schema_id for row in every if row.schema_id}),
        distinct_derivations=len({(row.skeleton, row.productions) for row in every}),
        skeletons=len({row.skeleton for row in every if row.skeleton}),
        mutants=sum(proof.mutants for proof in proofs),
        killed=sum(proof.killed for proof in proofs),
    )
