"""A file is whole or absent, whatever happens while it is written."""

import errno
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heimdall.errors import DiskError, TargetError
from heimdall.files import (
    check_writable,
    copy_file,
    digest_file,
    digest_json,
    explaining_disk_errors,
    replacing,
    write_json,
    write_text,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=4096))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_files_digest_is_the_sha256_of_its_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert digest_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()


@given(st.dictionaries(st.text(), json_values, min_size=2, max_size=6))
def test_the_order_of_keys_does_not_change_a_json_digest(value: dict[str, object]) -> None:
    assert digest_json(value) == digest_json(dict(reversed(value.items())))


@given(st.lists(st.integers(), min_size=2, unique=True))
def test_the_order_of_a_list_changes_a_json_digest(value: list[int]) -> None:
    assert digest_json(value) != digest_json(value[::-1])


@given(json_values)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_written_json_reads_back_equal(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "deep" / "value.json", value)
    assert json.loads((tmp_path / "deep" / "value.json").read_text(encoding="utf-8")) == value


def test_a_failing_block_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half of the n\ud800")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_meets_a_half_written_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as partial:
        partial.write_text("half")
        assert not path.exists()
        partial.write_text("whole")
    assert path.read_text() == "whole"


def test_the_file_is_flushed_before_it_is_renamed_and_the_directory_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    fsync, replace = os.fsync, os.replace

    def log_fsync(descriptor: int) -> None:
        order.append("flush directory" if os.path.isdir(f"/dev/fd/{descriptor}") else "flush file")  # noqa: PTH112
        fsync(descriptor)

    def log_replace(source: Path, place: Path) -> None:
        order.append("rename")
        replace(source, place)

    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", log_replace)
    write_text(tmp_path / "file", "text")
    assert order == ["flush file", "rename", "flush directory"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_named_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    path = tmp_path / "file"
    write_text(path, "old")
    monkeypatch.setattr(os, "fsync", fail)  # many file systems find out here
    with pytest.raises(DiskError, match=r"file' is full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_device_that_really_has_no_room_is_a_disk_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="is full"), explaining_disk_errors(tmp_path):
        Path("/dev/full").write_text("x" * 100_000)


def test_a_write_that_the_system_cuts_short_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    (tmp_path / "source").write_bytes(b"n" * 300_000)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            copy_file(tmp_path / "source", tmp_path / "file")
        except OSError:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert (tmp_path / "file").read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "source"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_forbidden_place_is_named(tmp_path: Path, number: int) -> None:
    with pytest.raises(TargetError, match="cannot be written"), explaining_disk_errors(tmp_path / "place"):
        raise OSError(number, os.strerror(number))


def test_a_file_in_place_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(TargetError, match="plain/below/file"):
        write_text(tmp_path / "plain" / "below" / "file", "text")


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(TargetError, match=r"plain' is in the way of a directory"):
        write_text(tmp_path / "plain" / "file", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


@pytest.mark.parametrize("place", ["", "new", "new/deeper"])
def test_checking_a_directory_writes_nothing(tmp_path: Path, place: str) -> None:
    check_writable(tmp_path / place)
    (tmp_path / "plain").write_text("a file")
    with pytest.raises(TargetError, match="is a file where a directory is needed"):
        check_writable(tmp_path / "plain" / place)
    assert [path.name for path in tmp_path.iterdir()] == ["plain"]


def test_other_errors_of_the_system_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "missing", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_writer_leaves_old_or_new_but_never_a_mixture(tmp_path: Path) -> None:
    """A child rewrites one file as fast as it can and is killed at a random moment, again and again."""
    path = tmp_path / "file"
    write_text(path, "0" * 200_000)
    code = (
        "import sys, itertools\nfrom pathlib import Path\nfrom heimdall.files import write_text\n"
        "print('ready', flush=True)\n"
        "for i in itertools.count(): write_text(Path(sys.argv[1]), str(i % 10) * 200_000)\n"
    )
    for round_ in range(4):
        with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.02 + 0.013 * round_)
            child.kill()
        text = path.read_text()
        assert len(text) == 200_000
        assert len(set(text)) == 1


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "text")
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o644


FILL = """
import sys
from pathlib import Path
from heimdall.errors import DiskError
from heimdall.files import copy_file, write_text
place = Path(sys.argv[1]) / "file"
write_text(place, "old")
for attempt in (lambda: write_text(place, "n" * 2_000_000), lambda: copy_file(Path(sys.argv[2]), place)):
    try:
        attempt()
    except DiskError:
        assert place.read_text() == "old" and list(place.parent.iterdir()) == [place]
        print("refused")
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode != 0,
    reason="the system lets nobody mount a small disk",
)
def test_a_disk_that_is_really_full_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"n" * 2_000_000)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = 'mount -t tmpfs -o size=256k tmpfs "$1" && exec "$2" -c "$3" "$1" "$4"'
    command = ["unshare", "-rm", "sh", "-c", script, "sh", str(disk), sys.executable, FILL, str(tmp_path / "big")]
    done = subprocess.run(command, capture_output=True, text=True)
    if "mount:" in done.stderr:
        pytest.skip("the system lets nobody mount a small disk")
    assert done.stdout.split() == ["refused", "refused"], done.stderr
