"""What tests of the evaluation share: the bundled contract, and a judge that is started once."""

from collections.abc import Iterator

import pytest

from cypher.judge import Judge
from nornicdb.contract import Contract, load_reference_contract


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_reference_contract()


@pytest.fixture(scope="session")
def judge() -> Iterator[Judge]:
    with Judge() as worker:
        yield worker
