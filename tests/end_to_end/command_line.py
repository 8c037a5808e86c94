"""Drives the real `heimdall` command as a user does: as a process, in a directory of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

HEIMDALL = Path(sys.executable).with_name("heimdall")
PRESET = ("--preset", "heimdall_smoke")
LONG = 1800  # seconds: a guard against hanging, not a promise; a machine that runs tests may be busy


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def stages(self) -> list[tuple[str, str]]:
        """Which stages ran and which were reused, in their order."""
        return re.findall(r"^(\w+): (running|reused)$", self.err, re.MULTILINE)


def make_environment(**extra: str) -> dict[str, str]:
    """The environment without anything that would lead a command out of its directory."""
    mine = ("HEIMDALL", "PREFECT", "MLFLOW")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(mine)}
    return {**kept, "OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "1", **extra}


def heimdall(site: Path, *arguments: str, code: int | None = 0, given: str = "", **environment: str) -> Ended:
    """Runs a command to its end in `site`; `code` is the exit code it must have, or None for any."""
    done = subprocess.run(
        [HEIMDALL, *arguments],
        cwd=site,
        env=make_environment(**environment),
        input=given,
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    ended = Ended(done.returncode, done.stdout, done.stderr)
    assert code is None or ended.code == code, f"exit code {ended.code}\n{ended.out}\n{ended.err}"
    return ended


def interrupt(site: Path, *arguments: str, when: Callable[[], bool], number: signal.Signals) -> Ended:
    """Starts a command, sends it a signal as soon as `when` is true, and waits for its end."""
    log = site / "interrupted.log"
    with log.open("w") as err:
        process = subprocess.Popen(
            [HEIMDALL, *arguments], cwd=site, env=make_environment(), stdout=subprocess.DEVNULL, stderr=err
        )
        try:
            wait_until(lambda: when() or process.poll() is not None)
            assert process.poll() is None, f"it ended before it was interrupted:\n{log.read_text()}"
            process.send_signal(number)
            process.wait(LONG)
        finally:
            process.kill()
    return Ended(process.returncode, "", log.read_text())


def wait_until(true: Callable[[], bool], seconds: float = LONG) -> None:
    """Waits for something another process does."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def list_processes(site: Path) -> list[str]:
    """Command lines of living processes that were started in `site` (Linux), or an empty list elsewhere."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == site.resolve():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


def copy_site(site: Path, to: Path, *, without: tuple[str, ...] = ()) -> Path:
    """A site with the same store, from which some stages are taken out; nothing is promoted in it."""
    shutil.copytree(site, to, ignore=shutil.ignore_patterns("plugins", "lock"))
    for stage in without:
        shutil.rmtree(to / ".heimdall" / "store" / stage)
    return to


def list_files(site: Path) -> set[str]:
    """Every file and directory below a site."""
    return {str(path.relative_to(site)) for path in site.rglob("*")}
