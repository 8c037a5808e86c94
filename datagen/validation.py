"""Measures a data set and says whether a model may be trained on it: one `Check` per property, with places that fail.

It trusts nothing that the generator says of itself: questions are compared, queries parsed, answers read as NornicDB
reads them, and lengths counted with the tokenizer of the training. Only the mutants are taken from the stored proofs.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from cypher.parse import check_syntax
from datagen.comparison import delexicalize, find_names, split_context
from datagen.generate import normalize_question
from datagen.near_duplicates import NearDuplicates
from heimdall.answers import ActionAnswer, find_contradiction
from heimdall.config import ValidationConfig
from heimdall.errors import InputError
from heimdall.progress import Progress, silent
from heimdall.refs import Check, ValidationReport
from heimdall.rows import SPLITS, Prompt, Row, read_numbered_rows
from nornicdb.contract import Contract
from nornicdb.prompts import SYSTEM_PROMPTS, build_system_prompt, cut_prompt, render_chatml
from nornicdb.replies import check_params, read_reply

# Splits whose questions differ from the training's in kind; those of the other two come from the same distribution.
_HELD_OUT = ("test_schema", "test_composition", "test_phrasing")
_EXAMPLES = 5
_ORDERS = 32  # random orders of the system prompt whose longest counts
_BATCH = 2000


class _Placed(NamedTuple):
    """A row and the file and line where it stands."""

    place: str
    row: Row


Rows = Sequence[_Placed]


def validate_dataset(
    dataset: Path | Sequence[Path],
    contract: Contract,
    config: ValidationConfig,
    tokenizer_dir: Path | None = None,
    max_seq_length: int | None = None,
    progress: Progress = silent,
) -> ValidationReport:
    """Measures a data set directory (its `<split>.jsonl` files), one JSONL file or several.

    Lengths are checked only with both a tokenizer directory and `max_seq_length` (tokens). Raises `InputError`, naming
    file and line, for what is not a row at all, and when there are no rows.
    """
    rows = _read(dataset)
    splits: dict[str, list[_Placed]] = defaultdict(list)
    for placed in rows:
        splits[placed.row.split].append(placed)
    steps = 3 if tokenizer_dir and max_seq_length else 2

    def advance(step: int, note: str) -> Callable[[int], None]:
        return lambda done: progress(step * len(rows) + done, steps * len(rows), note)

    checks = [
        _limit("repeated_ids", _find_repeats(rows, lambda row: row.id), 0),
        _limit("repeated_questions", _find_repeats(rows, lambda row: (row.split, normalize_question(_prompt(row)))), 0),
        _limit("contradictions", _find_contradictions(rows), 0),
        *_check_answers(rows, contract, config, advance(0, "answers")),
        *_check_near_duplicates(splits, config, advance(1, "near duplicates")),
        *_check_leakage(splits, config),
        *_check_balance(rows, config),
        *_check_proofs(rows, config),
    ]
    if tokenizer_dir and max_seq_length:
        checks.append(_check_lengths(rows, contract, tokenizer_dir, max_seq_length, advance(2, "token lengths")))
    return ValidationReport(passed=all(check.passed for check in checks), rows=len(rows), checks=tuple(checks))


def _read(dataset: Path | Sequence[Path]) -> list[_Placed]:
    if isinstance(dataset, Path):
        files = [dataset]
        if dataset.is_dir():
            files = [path for split in SPLITS if (path := dataset / f"{split}.jsonl").is_file()]
            if not files:
                raise InputError(
                    f"'{dataset}' holds none of the files {', '.join(f'{split}.jsonl' for split in SPLITS)}."
                )
    else:
        files = list(dataset)
    rows = []
    for path in files:
        for number, row in read_numbered_rows(path):
            place = f"{path}:{number}"
            roles = [message.role for message in row.messages]
            if not roles or len(roles) % 2 or roles != ["user", "assistant"] * (len(roles) // 2):
                raise InputError(f"{place}: messages: turns of user and assistant must alternate, the answer last.")
            if path.stem in SPLITS and row.split != path.stem:
                raise InputError(f"{place}: split: is '{row.split}' in the file of '{path.stem}'.")
            rows.append(_Placed(place, row))
    if not rows:
        raise InputError(f"There are no rows in {', '.join(map(str, files))}.")
    return rows


def _limit(name: str, failures: Iterable[str], most: int) -> Check:
    """A check that counts failures."""
    found = list(failures)
    return Check(
        name=name,
        value=len(found),
        limit=f"at most {most} rows",
        passed=len(found) <= most,
        examples=tuple(found[:_EXAMPLES]),
    )


def _limit_share(name: str, failures: Sequence[str], rows: int, most: float) -> Check:
    """A check on the share of rows that fail."""
    share = len(failures) / rows
    return Check(
        name=name, value=share, limit=f"at most {most:g}", passed=share <= most, examples=tuple(failures[:_EXAMPLES])
    )


def _prompt(row: Row) -> str:
    """Everything before the answer that is to be learnt."""
    return "\n\n".join(message.content for message in row.messages[:-1])


def _find_repeats(rows: Rows, key: Callable[[Row], object]) -> Iterator[str]:
    first: dict[object, str] = {}
    for place, row in rows:
        before = first.setdefault(key(row), place)
        if before != place:
            yield f"{place}: repeats {before}"


def _find_contradictions(rows: Rows) -> Iterator[str]:
    """The same words, in the same case, with another answer; anywhere in the data set."""
    first: dict[str, _Placed] = {}
    for placed in rows:
        before = first.setdefault(" ".join(_prompt(placed.row).split()), placed)
        if before.row.expected != placed.row.expected:
            yield f"{placed.place}: answers otherwise than {before.place}"


def _check_answers(
    rows: Rows, contract: Contract, config: ValidationConfig, advance: Callable[[int], None]
) -> Iterator[Check]:
    spelling, actions, syntax, queries = [], [], [], 0
    for done, (place, row) in enumerate(rows, start=1):
        expected = row.expected
        if problem := find_contradiction(row.answer, expected):
            spelling.append(f"{place}: {problem}")
        if isinstance(expected, ActionAnswer):
            reply = read_reply(row.answer, contract)
            if problem := reply.problem or check_params(reply, contract):
                actions.append(f"{place}: {problem}")
        cypher = expected.params.get("cypher") if isinstance(expected, ActionAnswer) else row.query
        if isinstance(cypher, str):
            queries += 1
            fault = check_syntax(cypher)
            if fault is not None:
                syntax.append(f"{place}: {fault.message} (column {fault.column} of the query)")
        advance(done)
    yield _limit("answers_not_as_expected", spelling, 0)
    yield _limit("answers_nornicdb_would_not_run", actions, 0)
    if queries:
        rate = 1 - len(syntax) / queries
        yield Check(
            name="cypher_parse_rate",
            value=rate,
            limit=f"at least {config.min_parse_rate:g}",
            passed=rate >= config.min_parse_rate,
            examples=tuple(syntax[:_EXAMPLES]),
        )


def _check_near_duplicates(
    splits: dict[str, list[_Placed]], config: ValidationConfig, advance: Callable[[int], None]
) -> Iterator[Check]:
    done, most = 0, config.max_near_duplicate_share
    train = NearDuplicates(config.near_duplicate_jaccard)
    for split in SPLITS:  # training first
        rows = splits.get(split, [])
        index = train if split == "train" else NearDuplicates(config.near_duplicate_jaccard)
        repeats, leaks = [], []
        for start in range(0, len(rows), _BATCH):
            batch = rows[start : start + _BATCH]
            questions = [split_context(_prompt(row)) for _, row in batch]
            repeats += _name_near(batch, index.add(questions), rows)
            if split in _HELD_OUT:
                leaks += _name_near(batch, train.add(questions, keep=False), splits["train"])
            done += len(batch)
            advance(done)
        if rows:
            yield _limit_share(f"near_duplicates/{split}", repeats, len(rows), most)
        if rows and split in _HELD_OUT and splits["train"]:
            yield _limit_share(f"nearly_leaked/{split}", leaks, len(rows), most)


def _name_near(batch: Rows, near: Sequence[int | None], rows: Rows) -> list[str]:
    return [f"{placed.place}: nearly {rows[i].place}" for placed, i in zip(batch, near, strict=True) if i is not None]


def _check_leakage(splits: dict[str, list[_Placed]], config: ValidationConfig) -> Iterator[Check]:
    """What a held-out split shares with training, so that an answer could be remembered instead of found."""
    train = splits.get("train", [])
    if not train:
        return
    questions = {normalize_question(_prompt(row)): place for place, row in train}
    templates: dict[tuple[str, str], str] = {}
    schemas: dict[str, str] = {}
    names: set[str] = set()
    for place, row in train:
        context, template = delexicalize(row, _prompt(row))
        if context:
            templates[context, template] = place
            schemas[normalize_question(context)] = place
        if row.schema_id is not None:
            schemas[row.schema_id] = place
        names |= find_names(row, _prompt(row))
    for split in SPLITS[1:]:
        rows = splits.get(split, [])
        if not rows:
            continue
        keyed = [(placed.place, questions.get(normalize_question(_prompt(placed.row)))) for placed in rows]
        yield _limit(f"leaked_questions/{split}", _name_pairs(keyed), config.max_leaked_rows)
        keyed = [(placed.place, templates.get(delexicalize(placed.row, _prompt(placed.row)))) for placed in rows]
        yield _limit(f"leaked_but_for_values/{split}", _name_pairs(keyed), config.max_leaked_rows)
        if split == "test_schema":
            keyed = [
                (
                    place,
                    schemas.get(row.schema_id or "") or schemas.get(normalize_question(split_context(_prompt(row))[0])),
                )
                for place, row in rows
            ]
            yield _limit(f"leaked_schemas/{split}", _name_pairs(keyed), config.max_leaked_rows)
            known = [
                f"{place}: knows {', '.join(sorted(shared))}"
                for place, row in rows
                if (shared := find_names(row, "") & names)
            ]
            yield _limit_share(f"known_names/{split}", known, len(rows), config.max_known_names_share)


def _name_pairs(pairs: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    return (f"{place}: is also {other}" for place, other in pairs if other is not None)


def _check_balance(rows: Rows, config: ValidationConfig) -> Iterator[Check]:
    counts = Counter(row.expected.action for _, row in rows if row.family == "action" and row.expected.kind == "action")
    if counts:
        action, most = counts.most_common(1)[0]
        share = most / counts.total()
        yield Check(
            name="largest_action_share",
            value=share,
            limit=f"at most {config.max_action_share:g}",
            passed=share <= config.max_action_share,
            examples=(f"{action}: {most} of {counts.total()} rows that ask for an action",),
        )


def _check_proofs(rows: Rows, config: ValidationConfig) -> Iterator[Check]:
    proven = [(place, row.proof) for place, row in rows if row.proof is not None and row.proof.mutants]
    if proven:
        rate = sum(proof.killed for _, proof in proven) / sum(proof.mutants for _, proof in proven)
        worst = sorted(proven, key=lambda pair: pair[1].killed / pair[1].mutants)[:_EXAMPLES]
        yield Check(
            name="mutant_kill_rate",
            value=rate,
            limit=f"at least {config.min_mutant_kill_rate:g}",
            passed=rate >= config.min_mutant_kill_rate,
            examples=tuple(
                f"{place}: tells {proof.killed} of {proof.mutants} wrong queries apart" for place, proof in worst
            ),
        )


def _check_lengths(
    rows: Rows, contract: Contract, tokenizer_dir: Path, most: int, advance: Callable[[int], None]
) -> Check:
    """The longest row in tokens, in the longest of some orders of its system prompt; beyond `most`, answers are cut."""
    count = _load_counter(tokenizer_dir)
    order = random.Random(0)
    sample = rows[0].row.messages
    bare = count([render_chatml(None, sample)])[0]
    # The system turn ends with a control token, so its tokens simply add to those of the other turns.
    system: dict[Prompt, int] = {}
    for variant in sorted({row.prompt for _, row in rows}):
        if variant not in SYSTEM_PROMPTS:
            system[variant] = 0
            continue
        texts = [render_chatml(build_system_prompt(contract, variant, order), sample) for _ in range(_ORDERS)]
        system[variant] = max(count(texts)) - bare
    if "tail" in system:
        system["tail"] = len(cut_prompt([0] * system["tail"]))
    longest, failures, done = 0, [], 0
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        for (place, row), turns in zip(
            batch, count([render_chatml(None, row.messages) for _, row in batch]), strict=True
        ):
            length = system[row.prompt] + turns
            longest = max(longest, length)
            if length > most:
                failures.append(f"{place}: {length} tokens with the {row.prompt} prompt")
        done += len(batch)
        advance(done)
    return Check(
        name="longest_row_tokens",
        value=longest,
        limit=f"at most {most}",
        passed=not failures,
        examples=tuple(failures[:_EXAMPLES]),
    )


def _load_counter(directory: Path) -> Callable[[list[str]], list[int]]:
    from tokenizers import Tokenizer

    path = directory / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"'{directory}' holds no tokenizer.json; name the directory of a fast Hugging Face tokenizer.")
    backend = Tokenizer.from_file(str(path))
    backend.no_truncation()
    backend.no_padding()
    return lambda texts: [len(encoding.ids) for encoding in backend.encode_batch_fast(texts, add_special_tokens=False)]
