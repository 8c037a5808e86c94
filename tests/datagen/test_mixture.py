"""Several sources in one file: each with its share, no row twice, the same bytes for the same seed."""

import json
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datagen.formats import read_conversations
from datagen.kinds import make_config, write_kind
from datagen.mixture import mix_sources, read_weights, share_rows
from heimdall.errors import InputError, UsageError
from heimdall.rows import read_rows


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, Fraction]:
    """300 instructions, 40 chats and 3 rows of a test split beside them, with weights 3 and 1."""
    chats = tmp_path / "chats"
    chats.mkdir()
    for file, rows in ((chats / "train.jsonl", range(40)), (chats / "test.jsonl", range(40, 43))):
        turns = [[{"role": "user", "content": f"c{n}"}, {"role": "assistant", "content": "yes"}] for n in rows]
        file.write_text("".join(json.dumps({"messages": each}) + "\n" for each in turns))
    table = tmp_path / "table.csv"
    table.write_text("instruction,output\n" + "".join(f"t{n},no\n" for n in range(300)))
    return {str(table): Fraction(3), str(chats): Fraction(1)}


def test_rows_are_drawn_by_weight_and_none_twice(sources: dict[str, Fraction], tmp_path: Path) -> None:
    out = tmp_path / "mixed.jsonl"
    assert list(mix_sources(sources, out, "chat", 100, 1).values()) == [75, 25]
    asked = [found.prompt for found in read_conversations(out)]
    assert len(set(asked)) == 100
    assert Counter(text[0] for text in asked) == {"t": 75, "c": 25}
    assert 10 < sum(text[0] == "t" for text in asked[:20]) < 20  # one among the other
    assert max(int(text[1:]) for text in asked if text[0] == "t") > 250  # not the first rows alone
    first = out.read_bytes()
    mix_sources(sources, out, "chat", 100, 1)
    assert out.read_bytes() == first
    mix_sources(sources, out, "chat", 100, 2)
    assert out.read_bytes() != first


def test_without_a_number_it_takes_what_the_sources_allow_and_nothing_held_out(
    sources: dict[str, Fraction], tmp_path: Path
) -> None:
    assert list(mix_sources(sources, tmp_path / "all.jsonl", "instruction", None, 1).values()) == [120, 40]
    held_out = {"c40", "c41", "c42"}
    assert not held_out & {found.prompt for found in read_conversations(tmp_path / "all.jsonl")}


def test_rows_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    for seed in (1, 2):
        write_kind(make_config("sentiment", 5, seed, {}), None, tmp_path / f"{seed}.jsonl", "rows")
    weights = {str(tmp_path / f"{seed}.jsonl"): Fraction(1) for seed in (1, 2)}
    mix_sources(weights, tmp_path / "mixed.jsonl", "rows", None, 1)
    assert len({row.id for row in read_rows(tmp_path / "mixed.jsonl")}) == 10


def test_a_source_that_has_too_few_says_how_many_there_can_be(sources: dict[str, Fraction], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 40 training rows, 41 are its share; ask for at most 160 rows"):
        mix_sources(sources, tmp_path / "out.jsonl", "chat", 164, 1)
    (tmp_path / "test.jsonl").write_text('{"prompt": "a", "completion": "b"}\n')
    with pytest.raises(InputError, match="has 0 training rows"):
        mix_sources({str(tmp_path / "test.jsonl"): Fraction(1)}, tmp_path / "out.jsonl", "chat", None, 1)
    assert not (tmp_path / "out.jsonl").exists()


@given(
    st.dictionaries(st.text("abc", min_size=1), st.fractions(Fraction(1, 50), 50), min_size=1, max_size=5),
    st.integers(1, 1000),
)
def test_shares_add_up_and_are_kept_to_within_a_row(weights: dict[str, Fraction], count: int) -> None:
    counts = share_rows(weights, dict.fromkeys(weights, 10**6), count)
    assert sum(counts.values()) == count
    for source, weight in weights.items():
        assert abs(counts[source] - count * weight / sum(weights.values())) < 1


@pytest.mark.parametrize("texts", [["a=0"], ["a=-1"], ["a=b"], ["=2"], ["a=1/0"], ["a", "a=2"]])
def test_a_weight_that_is_none_is_named(texts: list[str]) -> None:
    with pytest.raises(UsageError, match=r"a weight above 0|named twice"):
        read_weights(texts)


def test_a_weight_is_one_where_none_is_given() -> None:
    assert read_weights(["x.jsonl", "hf:a/b=0.5"]) == {"x.jsonl": 1, "hf:a/b": Fraction(1, 2)}
