"""The fixture of these tests."""

from pathlib import Path

import pytest
from deployment_site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)
