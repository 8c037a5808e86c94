"""Direct preference optimisation on pairs of answers, as a process of its own: `python -m training.dpo --spec FILE`.

TRL's `DPOTrainer` computes the loss (Rafailov et al. 2023, arXiv:2305.18290). Pairs come as the tokens that the model
wrote: an answer that was cut at the limit has no end of turn, and none is added.
"""

import sys
from pathlib import Path
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from eval.sampling import Pair
from heimdall.records import read_records
from training.answers import AnswersSummary, DpoSpec, list_answer_arguments, open_model, summarize
from training.checkpoints import SealsCheckpoints
from training.child import run_child
from training.job import CHECKPOINTS
from training.running import Reporter, list_arguments, run_trainer

_CURVES = {
    "loss": "dpo_loss",
    "learning_rate": "learning_rate",
    "grad_norm": "grad_norm",
    "rewards/chosen": "reward_chosen",
    "rewards/rejected": "reward_rejected",
    "rewards/margins": "reward_margin",
    "rewards/accuracies": "reward_accuracy",
}
_WARMUP = 0.1
_OUT_OF_MEMORY = (
    "Memory is too small for a micro-batch of pairs: lower dpo.batch_size and raise dpo.gradient_accumulation"
)


class _TokenTrainer(SealsCheckpoints, DPOTrainer):
    """A `DPOTrainer` whose data set holds tokens already."""

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset


def train(spec: DpoSpec) -> AnswersSummary | None:
    """Trains, resuming where it can; None if it was asked to stop and has written a checkpoint."""
    dpo, work_dir = spec.dpo, Path(spec.work_dir)
    config, precision, tokenizer, model = open_model(spec.model, spec.config)
    pairs = [pair for _, pair in read_records(Path(spec.pairs), Pair)]
    rows = dpo.batch_size
    reporter = Reporter({"rows": lambda batches: min(batches * rows, round(len(pairs) * dpo.epochs))}, _CURVES)
    steps = len(pairs) * dpo.epochs / (rows * dpo.gradient_accumulation)
    trainer = _TokenTrainer(
        model=model,
        args=DPOConfig(
            **list_arguments(config, work_dir / CHECKPOINTS, precision),
            **list_answer_arguments(dpo, rows),
            beta=dpo.beta,
            # Pairs that differ in a few tokens push both down; the second term holds the right one
            # (Pang et al. 2024, arXiv:2404.19733).
            loss_type=["sigmoid", "sft"],
            loss_weights=[1.0, dpo.sft_weight],
            lr_scheduler_type="linear",
            warmup_steps=round(steps * _WARMUP),
            max_length=None,
            precompute_ref_log_probs=True,  # once, instead of a second model in memory
        ),
        train_dataset=Dataset.from_list(
            [
                {
                    "prompt_ids": list(pair.prompt_tokens),
                    "chosen_ids": list(pair.chosen_tokens),
                    "rejected_ids": list(pair.rejected_tokens),
                }
                for pair in pairs
            ]
        ),
        processing_class=tokenizer,
        callbacks=[reporter],
    )
    loss = run_trainer(trainer, reporter, config, work_dir)
    return None if loss is None else summarize(trainer, loss, precision)


if __name__ == "__main__":
    sys.exit(run_child(DpoSpec, train, _OUT_OF_MEMORY))
