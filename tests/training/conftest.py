"""A small data set and its tokenizer, shared by the tests of training."""

from collections.abc import Callable
from pathlib import Path

import pytest

from datagen.generate import generate_dataset
from heimdall.config import DataConfig, ScratchConfig, TrainConfig
from nornicdb.contract import load_reference_contract
from training.job import TrainSpec
from training.tokenizer import build_tokenizer

SCRATCH = ScratchConfig(hidden_size=256, layers=2, heads=4, kv_heads=4, intermediate_size=256, vocab_size=1024)


@pytest.fixture(scope="session")
def training_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """96 training rows and the held-out splits. Read only."""
    directory = tmp_path_factory.mktemp("training-data")
    generate_dataset(DataConfig(train_rows=96, split_rows=4), load_reference_contract(), directory, workers=2)
    return directory


@pytest.fixture(scope="session")
def training_tokenizer(training_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer trained on the data. Read only."""
    directory = tmp_path_factory.mktemp("training-tokenizer")
    build_tokenizer(training_data, load_reference_contract(), TrainConfig(scratch=SCRATCH), directory)
    return directory


@pytest.fixture
def make_spec(training_data: Path, training_tokenizer: Path) -> Callable[..., TrainSpec]:
    """What a training child is told, for a test that is the child itself."""

    def make(config: TrainConfig, work_dir: Path, dataset: Path = training_data) -> TrainSpec:
        return TrainSpec(
            dataset=str(dataset),
            tokenizer=str(training_tokenizer),
            contract=load_reference_contract(),
            config=config,
            work_dir=str(work_dir),
        )

    return make
