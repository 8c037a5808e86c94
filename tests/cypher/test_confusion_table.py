"""Queries written by hand, none by a generator: what is Cypher (Neo4j 5) is accepted, what is broken is refused.

Each broken query is broken in one way that models and people really write. Lines that the parser gets wrong stay in the
files, so that the figure is honest.
"""

from pathlib import Path

import pytest

from cypher.parse import check_syntax


def read_queries(kind: str) -> list[str]:
    """One query per line; ⏎ stands for a line break."""
    lines = Path(__file__).with_name(f"{kind}_queries.txt").read_text(encoding="utf-8").splitlines()
    return [line.replace("⏎", "\n") for line in lines if line and not line.startswith("## ")]


@pytest.mark.parametrize("kind", ["valid", "broken"])
def test_the_validator_is_right_on_99_percent_of_queries_that_no_generator_made(kind: str) -> None:
    queries = read_queries(kind)
    assert len(set(queries)) == len(queries) >= 200
    wrong = [query for query in queries if (check_syntax(query) is None) != (kind == "valid")]
    print(f"{kind}: right on {len(queries) - len(wrong)} of {len(queries)}")
    print("\n".join(wrong))
    assert len(wrong) <= 0.01 * len(queries), wrong


def test_the_two_lists_have_no_query_in_common() -> None:
    assert not set(read_queries("valid")) & set(read_queries("broken"))
