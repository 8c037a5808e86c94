"""How every command runs a flow: check, plan, and start Prefect only if there is something to run."""

import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.parameters import Parameters
    from tasks.stage import Pipeline


def run_flow(verb: str, parameters: "Parameters") -> "tuple[Any, Pipeline]":
    """Runs `flows.<verb>`, or returns at once what it would return where every stage can be reused.

    Raises the `HeimdallError` of whatever stops it; mistakes in what was asked are found before anything is written.
    """
    flow = importlib.import_module(f"flows.{verb}")
    from flows.parameters import plan_pipeline
    from heimdall.lock import hold_lock
    from heimdall.tracking import Tracker

    planned = plan_pipeline(parameters)
    result = flow.run_stages(planned, parameters)
    if all(step.outcome == "reuse" for step in planned.steps):
        print(f"Nothing to run: all {len(planned.steps)} stages are as they were.", file=sys.stderr)
        return result, planned
    with hold_lock(planned.workspace.lock_file):
        pass  # whoever holds it is named before a server is started; the flow takes it itself
    from cli.orchestrator import serve_prefect

    if Tracker(planned.workspace).needs_setup:
        print("Preparing this workspace, once: Prefect's and MLflow's databases.", file=sys.stderr, flush=True)
    with serve_prefect():
        return getattr(flow, verb)(parameters), planned


def run_unplanned(verb: str, parameters: "Parameters") -> Any:
    """Runs a flow that has no stages to reuse."""
    flow = importlib.import_module(f"flows.{verb}")
    parameters.check()
    from cli.orchestrator import serve_prefect

    with serve_prefect():
        return getattr(flow, verb)(parameters)


def print_json(value: Any) -> None:
    """One JSON object on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=_encode))


def _encode(value: Any) -> Any:
    import dataclasses

    import pydantic

    if isinstance(value, pydantic.BaseModel):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
