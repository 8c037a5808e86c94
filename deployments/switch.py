"""Exchanges the deployed model so that a process killed at any instant leaves a whole model behind.

A verified and probed copy waits under a hidden name. From the moment its journal (the new manifest) is written, the
exchange only goes forward: `recover` finishes it, however often it is cut short. Before that, `recover` undoes it.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path

from deployments.target import DeployedModel, Deployment, Target, read_deployment
from heimdall.config import PromoteConfig
from heimdall.errors import InputError
from heimdall.files import copy_file, digest_file, explaining_disk_errors, sync_directory, write_json, write_text
from heimdall.lock import hold_lock
from heimdall.refs import Promotion
from nornicdb.settings import MAX_TOKENS, name_model, render_fragment

Probe = Callable[[Path], object]
# What file systems without hard links, or that forbid this one, answer.
_NO_LINK = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV, errno.EMLINK)


def recover(config: PromoteConfig, target_root: Path) -> Deployment:
    """Ends an interrupted promotion and says what is deployed. A directory in order, or a missing one, stays as it is.

    Raises `TargetError` for a model that is not ours, and `BusyError` while another process promotes.
    """
    target = Target(config, target_root)
    if not target.directory.is_dir():
        return read_deployment(target)
    with hold_lock(target.lock), explaining_disk_errors(target.directory):
        return recover_locked(target)


def recover_locked(target: Target) -> Deployment:
    """`recover` for a caller that holds the target's lock."""
    deployed = read_deployment(target)
    for path in target.left_overs:
        path.unlink(missing_ok=True)
    if deployed.pending is not None:
        if target.next_model.exists() and digest_file(target.next_model) != deployed.pending.sha256:
            # The disk lost what had been flushed to it. The old model is still in its place: forget the new one.
            target.journal.unlink()
            sync_directory(target.directory)
        else:
            _go_forward(target, deployed.pending)
        deployed = read_deployment(target)
    target.next_model.unlink(missing_ok=True)
    return deployed


def prove_next(target: Target, sha256: str, probe: Probe) -> None:
    """Makes sure that the waiting copy is the file that was meant, and asks it; removes it where that fails."""
    try:
        _check_digest(target.next_model, sha256)
        probe(target.next_model)
    except BaseException:
        target.next_model.unlink(missing_ok=True)
        raise


def switch(target: Target, new: DeployedModel) -> None:
    """Makes the verified copy at `target.next_model` the deployed model, for a caller that holds the target's lock."""
    write_json(target.journal, new.model_dump(mode="json"))
    _go_forward(target, new)


def write_manifest(target: Target, model: DeployedModel) -> None:
    """Writes the manifest and the `nornicdb.yaml` fragment of the model that is in place."""
    write_json(target.manifest, model.model_dump(mode="json"))
    write_text(
        target.fragment,
        render_fragment(
            name_model(target.model, target.root),
            context_size=model.context_size,
            max_tokens=min(MAX_TOKENS, model.context_size // 2),
        ),
    )


def link_or_copy(source: Path, place: Path) -> None:
    """Gives a file a second name, without a second copy where the file system can; `place` is replaced whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    link = place.with_name(f".{place.name}.link.partial")
    link.unlink(missing_ok=True)
    try:
        os.link(source, link)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        copy_file(source, place)
        return
    link.replace(place)
    link.unlink(missing_ok=True)  # rename does nothing, and keeps both names, where they already are one file
    sync_directory(place.parent)


def describe_promotion(target: Target, model: DeployedModel) -> Promotion:
    """The reference that is stored and passed on."""
    return Promotion(
        version=model.version,
        target=str(target.model),
        sha256=model.sha256,
        previous=model.previous,
        manifest_sha256=digest_file(target.manifest),
    )


def _check_digest(copy: Path, sha256: str) -> None:
    if digest_file(copy) != sha256:
        raise InputError(
            f"The copy '{copy}' does not have the SHA-256 of the model that was evaluated; the file that it was copied "
            "from has changed or a disk is failing."
        )


def _go_forward(target: Target, new: DeployedModel) -> None:
    """The steps from the journal to the end: each may be repeated, and after each a whole model is in place."""
    if target.next_model.exists():
        if target.model.exists():
            link_or_copy(target.model, target.previous_model)
            copy_file(target.manifest, target.previous_manifest)
        target.next_model.replace(target.model)
        target.next_model.unlink(missing_ok=True)  # see link_or_copy
        sync_directory(target.directory)
    write_manifest(target, new)
    target.journal.unlink()
    sync_directory(target.directory)
