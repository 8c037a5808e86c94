"""Stage `practice`: training questions with small graphs, on which a model's own answers are judged while it learns."""

import os
from collections.abc import Mapping
from typing import Any

from eval.practice import draw_practice as draw
from heimdall.config import Preset
from heimdall.refs import ArtifactRef, DatasetRef, Record
from tasks.stage import Work, stage


class PracticeRef(Record):
    """Questions out of the training split; `left_out` counts rows by why their answers could not be judged."""

    artifact: ArtifactRef
    questions: int
    with_graphs: int
    left_out: dict[str, int]


def _pick_config(preset: Preset) -> Mapping[str, Any]:
    asked = [config.questions for config in (preset.dpo, preset.grpo) if config is not None]
    return {"questions": max(asked, default=0), "seed": preset.train.seed}


@stage("practice", version=1, result=PracticeRef, config=_pick_config)
def draw_practice(work: Work, dataset: DatasetRef) -> PracticeRef:
    """Draws questions for all methods at once: each takes as many of them as it asks for."""
    config = _pick_config(work.preset)
    summary = draw(
        work.path(dataset.artifact),
        config["questions"],
        config["seed"],
        os.cpu_count() or 1,
        work.directory,
        work.show_progress("practice", "queries"),
    )
    numbers = {"questions": summary.questions, "with_graphs": summary.with_graphs}
    work.tracked.log_metrics(numbers)
    work.tracked.log_json("left_out.json", summary.left_out)
    return PracticeRef(artifact=work.describe(), left_out=summary.left_out, **numbers)
