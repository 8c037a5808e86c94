"""One whole run of the smallest preset, which the tests of this folder look at and copy."""

from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import PRESET, Ended, heimdall


class Smoke(NamedTuple):
    """A directory in which `heimdall retrain` ran once, and how it ended."""

    site: Path
    ended: Ended


@pytest.fixture(scope="session")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Smoke:
    """Read only: tests that change something copy it."""
    site = tmp_path_factory.mktemp("smoke") / "site"
    site.mkdir()
    return Smoke(site, heimdall(site, "retrain", *PRESET))
