"""One small generated data set, shared by the tests of the generator."""

from pathlib import Path

import pytest

from datagen.generate import generate_dataset
from heimdall.config import DataConfig
from nornicdb.contract import load_reference_contract

SMALL = DataConfig(train_rows=400, split_rows=12, seed=7)


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set directory of 400 training rows. Read only."""
    directory = tmp_path_factory.mktemp("dataset")
    generate_dataset(SMALL, load_reference_contract(), directory, workers=2)
    return directory
