"""Takes a promotion back in one step, by the same exchange that made it."""

from pathlib import Path

from deployments.switch import Probe, describe_promotion, link_or_copy, prove_next, recover_locked, switch
from deployments.target import Target
from heimdall.config import PromoteConfig
from heimdall.errors import TargetError
from heimdall.files import explaining_disk_errors
from heimdall.lock import hold_lock
from heimdall.refs import Promotion


def rollback(config: PromoteConfig, target_root: Path, probe: Probe) -> Promotion:
    """Deploys the previous model again, and keeps the one that was deployed as the previous one.

    So a second rollback returns to where the first began. `probe` is asked as in `publish`. Raises `TargetError` when
    there is no earlier model.
    """
    target = Target(config, target_root)
    if not target.directory.is_dir():
        raise TargetError(f"Nothing was ever promoted into '{target.directory}', so nothing can be rolled back.")
    with hold_lock(target.lock), explaining_disk_errors(target.directory):
        deployed = recover_locked(target)
        current, earlier = deployed.current, deployed.previous
        if earlier is None or (current is not None and current.sha256 == earlier.sha256):
            raise TargetError(
                f"'{target.previous_model.parent}' holds no earlier model that is whole, so nothing can be rolled back."
            )
        link_or_copy(target.previous_model, target.next_model)
        prove_next(target, earlier.sha256, probe)
        model = earlier.model_copy(update={"previous": current.sha256 if current is not None else None})
        switch(target, model)
        return describe_promotion(target, model)
