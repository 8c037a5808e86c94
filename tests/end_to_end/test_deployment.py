"""The scheduled pipeline: a real Prefect server, `prefect deploy --all`, and a process worker that runs it."""

import contextlib
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from command_line import LONG, copy_site, make_environment, wait_until
from conftest import Smoke

PREFECT = Path(sys.executable).with_name("prefect")
CHECKOUT = Path(__file__).parents[2]


@contextlib.contextmanager
def running(log: Path, site: Path, environment: dict[str, str], *arguments: str) -> Iterator[None]:
    """Runs a `prefect` command in the background."""
    with log.open("w") as output:
        process = subprocess.Popen([PREFECT, *arguments], cwd=site, env=environment, stdout=output, stderr=output)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.fixture
def site(smoke: Smoke, tmp_path: Path) -> Path:
    """A directory like a checkout, in which everything up to the export is there already."""
    site = copy_site(smoke.site, tmp_path / "site", without=("evaluate",))
    shutil.copyfile(CHECKOUT / "prefect.yaml", site / "prefect.yaml")
    return site


def test_the_deployment_is_registered_inactive_and_a_worker_runs_it_to_a_promoted_model(
    site: Path, tmp_path: Path
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    url = f"http://127.0.0.1:{port}/api"
    environment = make_environment(
        PREFECT_API_URL=url,
        PREFECT_HOME=str(tmp_path / "prefect"),
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        DO_NOT_TRACK="true",
    )

    def prefect(*arguments: str) -> str:
        done = subprocess.run(
            [PREFECT, *arguments], cwd=site, env=environment, capture_output=True, text=True, timeout=LONG, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_up() -> bool:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{url}/health").is_success
        return False

    server_log, worker_log = tmp_path / "server.log", tmp_path / "worker.log"
    with running(server_log, site, environment, "server", "start", "--host", "127.0.0.1", "--port", port):
        wait_until(is_up, 240)
        prefect("work-pool", "create", "local", "--type", "process")
        prefect("--no-prompt", "deploy", "--all")
        # `deployment ls` is what fails where FastAPI is newer than Prefect's server can bear.
        assert "retrain/weekly" in prefect("deployment", "ls")
        deployment = httpx.get(f"{url}/deployments/name/retrain/weekly").json()
        assert [schedule["active"] for schedule in deployment["schedules"]] == [False]
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["entrypoint"] == "flows.retrain.retrain"
        form = deployment["parameter_openapi_schema"]
        assert "preset" in str(form)
        with running(worker_log, site, environment, "worker", "start", "--pool", "local", "--limit", "1"):
            smoke = 'parameters={"preset": "heimdall_smoke"}'
            prefect("deployment", "run", "retrain/weekly", "--param", smoke, "--watch")
        (run,) = httpx.post(f"{url}/flow_runs/filter", json={}).json()
        assert run["state"]["type"] == "COMPLETED", worker_log.read_text()
        artifacts = httpx.post(f"{url}/artifacts/filter", json={}).json()
    assert {"stage-train", "stage-verdict", "stage-promote"} <= {artifact["key"] for artifact in artifacts}
    assert any(artifact["type"] == "progress" for artifact in artifacts)
    assert (site / "plugins/heimdall/models/heimdall.gguf").exists()
