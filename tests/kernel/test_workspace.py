"""Where things lie, and that nobody is told about it."""

from pathlib import Path

import pydantic
import pytest

from heimdall.workspace import Workspace, prepare_environment


@pytest.fixture(autouse=True)
def _no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HEIMDALL_HOME", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_workspace_is_below_the_current_directory_and_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert workspace.home == tmp_path / ".heimdall"
    assert workspace.store_root == tmp_path / ".heimdall" / "store"
    assert workspace.mlflow_uri == f"sqlite:///{tmp_path}/.heimdall/mlflow.db"
    assert not workspace.home.exists()


@pytest.mark.parametrize(("value", "place"), [("data", "data"), ("", ".heimdall"), ("a/../b", "a/../b")])
def test_the_environment_moves_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, place: str) -> None:
    monkeypatch.setenv("HEIMDALL_HOME", value)
    assert Workspace().home == tmp_path / place


def test_a_home_directory_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEIMDALL_HOME", "~/models")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Workspace().home == Path("/home/somebody/models")


def test_it_cannot_be_changed_afterwards() -> None:
    with pytest.raises(pydantic.ValidationError):
        setattr(Workspace(), "home", Path("elsewhere"))  # noqa: B010 - the type checker knows it too


def test_prefect_and_mlflow_work_in_it_and_report_to_nobody(tmp_path: Path) -> None:
    environ: dict[str, str] = {}
    prepare_environment(Workspace(), environ)
    home = str(tmp_path / ".heimdall")
    assert environ["PREFECT_HOME"] == f"{home}/prefect"
    assert environ["MLFLOW_TRACKING_URI"] == f"sqlite:///{home}/mlflow.db"
    assert environ["HEIMDALL_HOME"] == home
    assert environ["DO_NOT_TRACK"] == environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert environ["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"


def test_what_the_user_has_set_stays() -> None:
    environ = {"MLFLOW_TRACKING_URI": "http://tracking:5000", "PREFECT_HOME": "/prefect"}
    prepare_environment(Workspace(), environ)
    assert environ["MLFLOW_TRACKING_URI"] == "http://tracking:5000"
    assert environ["PREFECT_HOME"] == "/prefect"
