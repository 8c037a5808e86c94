"""Publishing and rolling back: what ends up where, and what is refused before anything changes."""

import datetime
import errno
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
import yaml
from deployment_site import CONFIG, Site

from deployments import switch
from deployments.publish import publish
from deployments.rollback import rollback
from deployments.target import Target, check_target, read_deployment
from heimdall.config import PromoteConfig
from heimdall.errors import BusyError, DiskError, InputError, TargetError, UsageError, VerdictError
from heimdall.files import digest_file
from heimdall.lock import hold_lock


def refuse(path: Path) -> None:
    raise VerdictError("it answered nonsense")


def test_a_first_promotion_leaves_model_manifest_and_fragment_and_nothing_else(site: Site) -> None:
    promotion = site.publish("a")
    assert set(site.snapshot()) == {
        "plugins/heimdall/models/heimdall.gguf",
        "plugins/heimdall/models/heimdall.manifest.json",
        "plugins/heimdall/models/heimdall.nornicdb.yaml",
    }
    manifest = site.manifest()
    assert (manifest.sha256, manifest.size, manifest.version) == (site.sha256("a"), 5000, "1")
    assert promotion.manifest_sha256 == digest_file(site.target.manifest)
    assert promotion.previous is None


def test_the_fragment_leads_nornicdb_to_the_file_with_a_batch_that_holds_the_context(site: Site) -> None:
    site.publish("a")
    settings = yaml.safe_load(site.target.fragment.read_text())["heimdall"]
    found = os.path.normpath(site.root / "models" / f"{settings['model']}.gguf")
    assert found == str(site.target.model)
    assert settings["batch_size"] >= settings["context_size"] == 4096


def test_the_model_before_is_kept_with_its_manifest(site: Site) -> None:
    site.publish("a")
    manifest = site.target.manifest.read_bytes()
    promotion = site.publish("b")
    assert site.target.previous_model.read_bytes() == site.content("a")
    assert site.target.previous_manifest.read_bytes() == manifest
    assert promotion.previous == site.manifest().previous == site.sha256("a")


def test_keeping_the_model_before_takes_no_second_copy_of_it(site: Site) -> None:
    site.publish("a")
    inode = site.target.model.stat().st_ino
    site.publish("b")
    assert site.target.previous_model.stat().st_ino == inode


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.EXDEV])
def test_a_file_system_without_hard_links_gets_copies(site: Site, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse_link(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "link", refuse_link)
    site.publish("a")
    site.publish("b")
    rollback(CONFIG, site.root, bool)
    assert site.target.model.read_bytes() == site.content("a")
    assert site.target.previous_model.read_bytes() == site.content("b")
    assert site.target.left_overs == []


def test_another_failure_of_linking_is_not_mistaken_for_a_missing_feature(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(source: object, target: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    site.publish("a")
    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(OSError, match="Input/output"):
        site.publish("b")
    monkeypatch.undo()
    assert read_deployment(site.target).pending is not None
    assert switch.recover(CONFIG, site.root).current == site.manifest()
    assert site.manifest().sha256 == site.sha256("b")


def test_publishing_the_same_file_again_changes_nothing(site: Site) -> None:
    first = site.publish("a")
    before = site.snapshot()
    stamps = [path.stat().st_mtime_ns for path in (site.target.model, site.target.manifest)]
    again = site.publish("a", refuse, created=datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC))
    assert again == first
    assert site.snapshot() == before
    assert [path.stat().st_mtime_ns for path in (site.target.model, site.target.manifest)] == stamps


def test_new_scores_of_the_same_file_change_only_the_manifest(site: Site) -> None:
    site.publish("a")
    site.publish("b")
    before = site.snapshot()
    site.publish("b", scores={"action/test_iid/action_accuracy": 0.5})
    changed = {name for name, content in site.snapshot().items() if before[name] != content}
    assert changed == {"plugins/heimdall/models/heimdall.manifest.json"}
    assert site.manifest().scores == {"action/test_iid/action_accuracy": 0.5}
    assert site.manifest().previous == site.sha256("a")


def test_a_lost_fragment_comes_back_when_the_same_file_is_published(site: Site) -> None:
    site.publish("a")
    before = site.snapshot()
    site.target.fragment.unlink()
    site.publish("a")
    assert site.snapshot() == before


def test_a_file_that_is_not_the_evaluated_one_is_refused_and_nothing_changes(site: Site) -> None:
    site.publish("a")
    before = site.snapshot()
    with pytest.raises(InputError, match="does not have the SHA-256"):
        publish(site.file("b"), CONFIG, site.details("c"), site.root, bool)
    assert site.snapshot() == before


def test_a_model_that_fails_its_probe_changes_nothing(site: Site) -> None:
    site.publish("a")
    before = site.snapshot()
    with pytest.raises(VerdictError, match="nonsense"):
        site.publish("b", refuse)
    assert site.snapshot() == before


def test_the_probe_sees_the_whole_copy_before_anything_else_changes(site: Site) -> None:
    site.publish("a")
    before = site.snapshot()

    def look(copy: Path) -> None:
        assert copy.read_bytes() == site.content("b")
        assert not copy.samefile(site.store / "b.gguf")
        assert {name: content for name, content in site.snapshot().items() if not name.endswith(".next.gguf")} == before

    site.publish("b", look)
    assert site.target.model.read_bytes() == site.content("b")


def test_every_file_is_flushed_before_it_gets_its_name_and_its_directory_after(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.publish("a")
    calls: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def log_fsync(descriptor: int) -> None:
        calls.append(("flush", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def log_replace(source: str | Path, place: str | Path) -> None:
        calls.append(("rename", f"{source} -> {place}"))
        replace(source, place)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the system does not name open files")
    monkeypatch.setattr(os, "fsync", log_fsync)
    monkeypatch.setattr(os, "replace", log_replace)
    site.publish("b")
    renames = [index for index, (kind, _) in enumerate(calls) if kind == "rename"]
    for index in renames:
        source, place = calls[index][1].split(" -> ")
        # The next model and the link were flushed under an earlier name; all others just before.
        if not source.endswith((".next.gguf", ".link.partial")):
            assert calls[index - 1] == ("flush", source)
        assert calls[index + 1] == ("flush", str(Path(place).parent))
    places = [calls[index][1].split(" -> ")[1] for index in renames]
    target = site.target
    assert places == [
        str(path)
        for path in (
            target.next_model,
            target.journal,
            target.previous_model,
            target.previous_manifest,
            target.model,
            target.manifest,
            target.fragment,
        )
    ]


def test_a_full_disk_is_named_before_anything_is_copied(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish("a")
    before = site.snapshot()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 2 << 20))
    check_target(site.target, 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 0))
    monkeypatch.setattr(shutil, "copyfile", lambda source, target: pytest.fail("it copied"))
    with pytest.raises(DiskError, match=r"MB free and the model needs"):
        site.publish("b")
    assert site.snapshot() == before


def test_a_disk_that_fills_up_while_copying_changes_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.publish("a")
    before = site.snapshot()

    def copy_half(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:2500])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shutil, "copyfile", copy_half)
    with pytest.raises(DiskError, match="is full"):
        site.publish("b")
    assert site.snapshot() == before


def test_a_copy_that_the_disk_changed_is_not_deployed_by_recovery(site: Site) -> None:
    site.publish("a")
    before = site.snapshot()

    def interrupt(target: Target, new: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(switch, "_go_forward", interrupt)
        with pytest.raises(KeyboardInterrupt):
            site.publish("b")
    site.target.next_model.write_bytes(b"bit rot")
    deployed = switch.recover(CONFIG, site.root)
    assert deployed.pending is None
    assert site.snapshot() == before


def test_a_model_without_manifest_is_somebody_elses_and_stays(site: Site) -> None:
    site.target.directory.mkdir(parents=True)
    site.target.model.write_bytes(b"their model")
    with pytest.raises(TargetError, match="not put there by Heimdall"):
        site.publish("a")
    assert [path.name for path in site.target.directory.iterdir()] == ["heimdall.gguf"]


@pytest.mark.parametrize("text", ["", "{}", '{"sha256": 1}', "\xff"])
def test_an_unreadable_manifest_counts_as_none(site: Site, text: str) -> None:
    site.publish("a")
    site.target.manifest.write_text(text, encoding="latin-1")
    with pytest.raises(TargetError, match="no readable manifest"):
        site.publish("b")
    assert site.target.model.read_bytes() == site.content("a")


def test_a_model_that_was_exchanged_by_hand_is_not_overwritten(site: Site) -> None:
    site.publish("a")
    site.target.model.write_bytes(b"their model")
    with pytest.raises(TargetError, match="no longer the file that was promoted"):
        site.publish("b")
    with pytest.raises(TargetError, match="no longer the file that was promoted"):
        rollback(CONFIG, site.root, bool)
    assert site.target.model.read_bytes() == b"their model"


def test_a_deployed_model_that_was_deleted_can_be_published_again(site: Site) -> None:
    site.publish("a")
    site.publish("b")
    site.target.model.unlink()
    site.publish("b")
    assert site.target.model.read_bytes() == site.content("b")
    assert site.manifest().previous == site.sha256("a")
    assert site.target.previous_model.read_bytes() == site.content("a")


@pytest.mark.parametrize("place", ["plugins", "plugins/heimdall", "plugins/heimdall/models"])
def test_a_file_where_the_directory_should_be_is_named(site: Site, place: str) -> None:
    (site.root / place).parent.mkdir(parents=True, exist_ok=True)
    (site.root / place).write_text("in the way")
    with pytest.raises(TargetError, match="plugins"):
        site.publish("a")
    assert (site.root / place).read_text() == "in the way"


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_directory_without_permission_is_named(site: Site) -> None:
    site.target.directory.mkdir(parents=True)
    site.target.directory.chmod(0o555)
    with pytest.raises(TargetError, match="cannot be written"):
        site.publish("a")
    site.target.directory.chmod(0o755)
    assert site.snapshot() == {}


def test_a_read_only_directory_is_named_whoever_asks(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.target.directory.mkdir(parents=True)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(TargetError, match="cannot be written"):
        site.publish("a")
    assert site.snapshot() == {}


@pytest.mark.parametrize("name", ["heimdall.bin", "sub/heimdall.gguf", "../heimdall.gguf", ".gguf", ""])
def test_a_file_name_that_nornicdb_would_not_find_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="file_name"):
        Target(PromoteConfig(file_name=name), tmp_path)


def test_checking_a_target_writes_nothing(site: Site) -> None:
    check_target(site.target, 1000)
    assert not site.root.exists()
    site.publish("a")
    before = site.snapshot()
    check_target(site.target, 1000)
    assert site.snapshot() == before


def test_a_missing_model_file_is_named(site: Site) -> None:
    with pytest.raises(InputError, match=r"missing\.gguf"):
        publish(site.store / "missing.gguf", CONFIG, site.details("a"), site.root, bool)
    assert site.snapshot() == {}


def test_two_promotions_at_the_same_time_are_refused(site: Site) -> None:
    site.publish("a")
    with hold_lock(site.target.lock), pytest.raises(BusyError, match=str(os.getpid())):
        site.publish("b")
    assert site.target.model.read_bytes() == site.content("a")


def test_rolling_back_twice_returns_to_the_start(site: Site) -> None:
    site.publish("a")
    site.publish("b")
    start = read_deployment(site.target)
    promotion = rollback(CONFIG, site.root, bool)
    assert (promotion.sha256, promotion.previous) == (site.sha256("a"), site.sha256("b"))
    assert site.target.model.read_bytes() == site.content("a")
    assert site.manifest().version == "1"
    rollback(CONFIG, site.root, bool)
    end = read_deployment(site.target)
    assert end.current == start.current
    assert start.previous is not None
    assert end.previous == start.previous.model_copy(update={"previous": site.sha256("b")})


def test_rolling_back_asks_the_model_first(site: Site) -> None:
    site.publish("a")
    site.publish("b")
    before = site.snapshot()
    with pytest.raises(VerdictError):
        rollback(CONFIG, site.root, refuse)
    assert site.snapshot() == before


def test_there_is_nothing_to_roll_back_to_at_first(site: Site) -> None:
    with pytest.raises(TargetError, match="Nothing was ever promoted"):
        rollback(CONFIG, site.root, bool)
    assert site.snapshot() == {}
    site.publish("a")
    with pytest.raises(TargetError, match="no earlier model"):
        rollback(CONFIG, site.root, bool)


def test_a_damaged_previous_model_is_not_brought_back(site: Site) -> None:
    site.publish("a")
    site.publish("b")
    site.target.previous_model.unlink()
    site.target.previous_model.write_bytes(b"damaged")
    with pytest.raises(TargetError, match="no earlier model that is whole"):
        rollback(CONFIG, site.root, bool)
    assert site.target.model.read_bytes() == site.content("b")


def test_recovering_a_missing_directory_creates_nothing(site: Site) -> None:
    assert switch.recover(CONFIG, site.root).current is None
    assert not site.root.exists()


def test_reading_a_deployment_changes_nothing(site: Site) -> None:
    site.publish("a")
    site.publish("b")
    before = site.snapshot()
    deployed = read_deployment(site.target)
    assert deployed.current is not None
    assert deployed.previous is not None
    assert deployed.current.previous == deployed.previous.sha256
    assert site.snapshot() == before


def test_deploying_needs_none_of_the_heavy_packages() -> None:
    code = (
        "import sys, deployments.publish, deployments.rollback, deployments.probe\n"
        "print(sorted({'torch', 'mlflow', 'prefect', 'transformers', 'llama_cpp', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
