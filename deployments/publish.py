"""Deploys a model: check the directory, copy beside, flush, verify, probe the copy, and only then exchange."""

from pathlib import Path

from deployments.switch import Probe, describe_promotion, prove_next, recover_locked, switch, write_manifest
from deployments.target import DeployedModel, Deployment, ModelDetails, Target, check_target
from heimdall.config import PromoteConfig
from heimdall.errors import InputError
from heimdall.files import copy_file, explaining_disk_errors
from heimdall.lock import hold_lock
from heimdall.refs import Promotion


def publish(gguf: Path, config: PromoteConfig, details: ModelDetails, target_root: Path, probe: Probe) -> Promotion:
    """Deploys a GGUF file below `target_root`; the model that was there is kept as the previous one.

    `probe` gets the verified copy before anything visible changes, and stops the promotion by raising. Publishing the
    file that is there already verifies it; only changed details make a new manifest.

    Raises `InputError` for a file that is not the one in `details`, and `TargetError`, `DiskError` or `BusyError` for a
    directory that cannot take it.
    """
    target = Target(config, target_root)
    if not gguf.is_file():
        raise InputError(f"'{gguf}' does not exist, so it cannot be promoted.")
    size = gguf.stat().st_size
    check_target(target, 0)
    with hold_lock(target.lock), explaining_disk_errors(target.directory):
        deployed = recover_locked(target)
        current = deployed.current
        if current is not None and current.sha256 == details.sha256:
            model = _describe(target, details, size, current.previous)
            if current == model.model_copy(update={"created": current.created}) and target.fragment.exists():
                model = current
            else:
                write_manifest(target, model)
            return describe_promotion(target, model)
        check_target(target, size)
        copy_file(gguf, target.next_model)
        prove_next(target, details.sha256, probe)
        model = _describe(target, details, size, _name_kept(deployed))
        switch(target, model)
        return describe_promotion(target, model)


def _describe(target: Target, details: ModelDetails, size: int, previous: str | None) -> DeployedModel:
    return DeployedModel(**details.model_dump(), file=target.model.name, size=size, previous=previous)


def _name_kept(deployed: Deployment) -> str | None:
    """The model that will lie in `previous/` after the exchange."""
    kept = deployed.current or deployed.previous
    return kept.sha256 if kept is not None else None
