"""What `heimdall status` shows of the store."""

import ast
from collections.abc import Iterator
from pathlib import Path

import tasks
from cli.state import STAGES, collect_state, render_state
from heimdall.config import PromoteConfig
from heimdall.workspace import Workspace


def find_declared() -> Iterator[str]:
    """The names given to `@stage(…)`, read and not imported: that would load Prefect."""
    for path in Path(next(iter(tasks.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "stage":
                assert isinstance(node.args[0], ast.Constant)
                yield str(node.args[0].value)


def test_status_knows_every_stage_that_there_is() -> None:
    assert sorted(find_declared()) == sorted(STAGES)


def test_interrupted_work_of_every_stage_is_shown(tmp_path: Path) -> None:
    workspace = Workspace(home=tmp_path / "home")
    for name in STAGES:
        (workspace.store_root / name / "0123.partial").mkdir(parents=True)
    lines = render_state(collect_state(PromoteConfig(directory=str(tmp_path / "site")), workspace)).splitlines()
    assert [line.split()[1] for line in lines if line.startswith("stored")] == list(STAGES)
