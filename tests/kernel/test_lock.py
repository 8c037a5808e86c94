"""One at a time, and never locked for good."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from heimdall.errors import BusyError, TargetError
from heimdall.lock import hold_lock

HOLD = (
    "import sys, time\nfrom pathlib import Path\nfrom heimdall.lock import hold_lock\n"
    "with hold_lock(Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(600)\n"
)


def start_holder(path: Path) -> subprocess.Popen[bytes]:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    return child


def test_a_second_process_is_told_who_is_working_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "home" / "lock"
    with start_holder(path) as holder:
        with pytest.raises(BusyError) as caught, hold_lock(path):
            pytest.fail("two processes hold the lock")
        holder.kill()
    message = str(caught.value)
    assert f"Process {holder.pid} (-c {path})" in message
    assert "wait until it has finished or stop it" in message
    assert str(path.parent) in message


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with start_holder(path) as holder:
        holder.kill()
    assert path.exists()
    with hold_lock(path):
        pass


def test_the_lock_can_be_taken_again_and_again(tmp_path: Path) -> None:
    for _ in range(3):
        with hold_lock(tmp_path / "lock"):
            assert str(os.getpid()) in (tmp_path / "lock").read_text()
        assert (tmp_path / "lock").read_text() == ""


def test_the_lock_is_released_when_the_work_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), hold_lock(tmp_path / "lock"):
        raise KeyboardInterrupt
    with hold_lock(tmp_path / "lock"):
        pass


def test_the_same_process_cannot_hold_it_twice(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock"), pytest.raises(BusyError, match=str(os.getpid())), hold_lock(tmp_path / "lock"):
        pytest.fail("held twice")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 3}'])
def test_a_holder_that_has_not_yet_said_its_name_is_another_process(tmp_path: Path, text: str) -> None:
    with hold_lock(tmp_path / "lock"):
        (tmp_path / "lock").write_text(text)
        with pytest.raises(BusyError, match=r"^Another process is already working"), hold_lock(tmp_path / "lock"):
            pytest.fail("held twice")


def test_a_child_does_not_inherit_the_lock(tmp_path: Path) -> None:
    with hold_lock(tmp_path / "lock"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        with hold_lock(tmp_path / "lock"):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_place_where_no_lock_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(TargetError, match=r"plain' is in the way"), hold_lock(tmp_path / "plain" / "lock"):
        pytest.fail("held")
