"""What `status` says: a record of what is deployed, registered, running and stored on this machine."""

from pathlib import Path

from deployments.target import DeployedModel, Target, read_deployment
from heimdall.config import PromoteConfig
from heimdall.errors import BusyError
from heimdall.lock import hold_lock
from heimdall.refs import Record
from heimdall.store import Store
from heimdall.tracking import ModelVersion, Tracker
from heimdall.workspace import Workspace

# In the order in which work goes through them.
STAGES = (
    "contract",
    "generate",
    "import",
    "replay",
    "tokenizer",
    "validate",
    "train",
    "practice",
    "pairs",
    "dpo",
    "grpo",
    "export",
    "evaluate",
    "seed",
    "suite",
    "verdict",
    "register",
    "promote",
)


class StageState(Record):
    """How many finished and how many interrupted pieces of work of one stage the store holds, and their size."""

    stage: str
    finished: int
    interrupted: int
    size: int


class State(Record):
    """Everything `heimdall status` shows."""

    workspace: str
    running: str | None
    target: str
    deployed: DeployedModel | None
    previous: DeployedModel | None
    interrupted_promotion: bool
    versions: tuple[ModelVersion, ...]
    stages: tuple[StageState, ...]


def collect_state(config: PromoteConfig, workspace: Workspace) -> State:
    """Reads the deployment directory, the registry, the lock and the store; changes nothing.

    Raises `TargetError` for a deployed file that is not what its manifest says.
    """
    target = Target(config, Path.cwd())
    deployment = read_deployment(target)
    tracker = Tracker(workspace)
    return State(
        workspace=str(workspace.home),
        running=_find_holder(workspace),
        target=str(target.model),
        deployed=deployment.current,
        previous=deployment.previous,
        interrupted_promotion=deployment.pending is not None,
        versions=() if tracker.needs_setup else tracker.list_versions(config.registered_model),
        stages=tuple(_count(workspace.store_root / stage, Store(workspace.store_root)) for stage in STAGES),
    )


def render_state(state: State) -> str:
    """The state as text."""
    lines = [f"workspace  {state.workspace}", f"running    {state.running or 'nothing'}"]
    if state.deployed is None:
        lines.append(f"deployed   nothing in {state.target}")
    else:
        model = state.deployed
        lines.append(
            f"deployed   version {model.version}, {model.quantization}, {model.size / 1e6:.1f} MB: {state.target}"
        )
        lines.append(
            f"           {model.prompt} prompt of contract {model.contract_source} ({model.contract_digest[:12]})"
        )
        lines.append(f"           since {model.created:%Y-%m-%d %H:%M} UTC, SHA-256 {model.sha256[:12]}")
    if state.interrupted_promotion:
        lines.append("           a promotion was cut short; `heimdall promote` or `heimdall rollback` ends it")
    if state.previous is not None:
        lines.append(f"previous   version {state.previous.version}; `heimdall rollback` brings it back")
    for version in state.versions[:10]:
        aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
        lines.append(f"registered {version.name} {version.version}{aliases}, {version.created:%Y-%m-%d %H:%M} UTC")
    for stage in state.stages:
        if stage.finished or stage.interrupted:
            left = f", {stage.interrupted} interrupted" if stage.interrupted else ""
            lines.append(f"stored     {stage.stage:<10} {stage.finished}{left}, {stage.size / 1e6:.1f} MB")
    return "\n".join(lines)


def _find_holder(workspace: Workspace) -> str | None:
    if not workspace.lock_file.exists():
        return None
    try:
        with hold_lock(workspace.lock_file):
            return None
    except BusyError as error:
        return str(error).split(" is already working", maxsplit=1)[0]


def _count(directory: Path, store: Store) -> StageState:
    return StageState(
        stage=directory.name,
        finished=sum(1 for _ in store.list_finished(directory.name)),
        interrupted=sum(1 for _ in directory.glob("*.partial")),
        size=sum(path.stat().st_size for path in directory.rglob("*") if path.is_file()),
    )
