"""Makes a data set: chunks in worker processes, merged in their order, without repeats, until every split is full.

The same configuration gives the same bytes on any number of workers, on this machine or on a Dask cluster.
"""

import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from datagen.actions import match_actions
from datagen.card import render_card
from datagen.examples import CHUNK_ROWS, SCHEMA_FAMILIES, ChunkSpec
from datagen.parts import Parts, Place
from datagen.supply import Supply, open_workplace
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
    "history": ("validation", "test_iid", "test_schema", "test_phrasing"),
    "knowledge": ("validation", "test_iid", "test_phrasing"),
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
_IDLE_ROWS = 8000  # rows in a row that are all known: the wording is exhausted
_FEW_ROWS = 400  # of Cypher, made in this process: starting others takes as long
_EASIER = 20  # so many rows of other families are made in the time of one of Cypher


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


def plan_counts(config: DataConfig, contract: Contract) -> dict[tuple[Split, Family], int]:
    """How many rows of each family each split gets.

    Where prompts hold no knowledge, because they are not the full ones or the contract's NornicDB finds none, rows do
    not either; the largest family gets their share.
    """
    families = [family for family in FAMILIES if config.shares.get(family)]
    if not contract.knowledge_heading or config.prompt != "full":
        families = [family for family in families if family != "knowledge"]
    if not families:
        raise InputError(
            f"There are no 'knowledge' rows under the {config.prompt} prompt of the contract {contract.source}: only "
            "the full prompt of a NornicDB that searches its graph holds what was found."
        )
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
    counts = plan_counts(config, contract)
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
    counts = {place: rows for place, rows in plan_counts(config, contract).items() if place[0] == "train"}
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
    effort = sum(rows if place[1] in SCHEMA_FAMILIES else rows / _EASIER for place, rows in counts.items())
    processes = 1 if effort <= _FEW_ROWS else workers or os.cpu_count() or 1
    with (
        open_workplace(config.dask, processes) as workplace,
        Parts(directory, list(counts), normalize_question, made_for) as parts,
    ):
        todo = dict(list(counts.items())[parts.note.place :])
        specs = {
            place: ChunkSpec(
                config,
                *place,
                parts.note.chunks if place == next(iter(todo)) else 0,
                contract,
                facts if place[1] == "operations" else None,
                min(rows, CHUNK_ROWS),
            )
            for place, rows in todo.items()
        }
        with Supply(workplace, specs) as supply:
            while (place := parts.open()) is not None:
                done = total - sum(todo.values())
                while parts.note.rows < counts[place]:
                    note = parts.note
                    missing = {**todo, place: counts[place] - note.rows}
                    typical = note.rows / note.chunks if note.chunks else specs[place].rows
                    chunk = supply.take(place, missing, typical)
                    parts.add([_choose_prompt(row, config) for row in chunk.rows], chunk.graphs, counts[place])
                    progress(done + parts.note.rows, total, " ".join(place))
                    if parts.note.idle * specs[place].rows >= _IDLE_ROWS:
                        parts.remove()
                        raise _explain_shortage(place, parts.note.rows, counts[place])
                del todo[place]
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
    rng = random.Random(f"{config.seed}/{row.asked}")
    return row.model_copy(update={"prompt": rng.choices([config.prompt, *config.other_prompts], shares)[0]})


def normalize_question(text: str) -> str:
    """The form in which two questions count as the same: case, spacing and final punctuation do not matter."""
    return " ".join(text.lower().split()).rstrip(".?! ")


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
            if row.schema_id is not None and row.category is not None:
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
