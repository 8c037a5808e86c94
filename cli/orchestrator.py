"""Prefect's API for the length of one command, where the user runs no Prefect server.

Prefect's own temporary server dies of the same Ctrl-C as the run, which then cannot report how it ended, and lives on
when the run is killed. This one ignores the terminal and ends with the process that started it, however that ends.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from heimdall.errors import EngineError

STARTUP_SECONDS = 180


@contextlib.contextmanager
def serve_prefect() -> Iterator[None]:
    """Runs a Prefect API on a free local port for the block, unless `PREFECT_API_URL` names one.

    Raises `EngineError` when it does not start.
    """
    if os.environ.get("PREFECT_API_URL"):
        yield
        return
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # Prefect makes only its last part
    from prefect.settings import PREFECT_API_URL, temporary_settings

    port = _find_free_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "cli.orchestrator", str(port)],
        stdin=subprocess.PIPE,  # closed by the operating system when this process ends
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PREFECT_UI_ENABLED": "false"},
        start_new_session=True,
    )
    errors: list[bytes] = []
    reader = threading.Thread(target=lambda: errors.extend(server.stderr or ()), daemon=True)
    reader.start()
    try:
        url = f"http://127.0.0.1:{port}/api"
        if not _wait_until_healthy(url, server):
            reader.join(1)
            said = b"".join(errors[-5:]).decode(errors="replace").strip()
            raise EngineError(f"Prefect's local server did not start within {STARTUP_SECONDS} s. It said: {said}")
        with temporary_settings({PREFECT_API_URL: url}):
            try:
                yield
            finally:
                _send_what_waits()
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(url: str, server: "subprocess.Popen[bytes]") -> bool:
    import httpx

    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return True
        time.sleep(0.1)
    return False


def _send_what_waits() -> None:
    """Prefect sends logs and events in the background; after the server has ended they would have nowhere to go."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for sender in (APILogWorker, EventsWorker):
        sender.drain_all(timeout=5)


def main() -> None:
    """The server's process: serves until its standard input ends."""
    import uvicorn

    config = uvicorn.Config(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)

    def stop_with_parent() -> None:
        os.read(sys.stdin.fileno(), 1)  # nothing is ever written: it returns at the end of the parent
        server.should_exit = True

    threading.Thread(target=stop_with_parent, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()
