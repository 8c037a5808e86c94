"""Stage `validate`: the verdict on a data set that can stop a run before anything is trained on it."""

from typing import Any

from heimdall.config import Preset
from heimdall.errors import ValidationError
from heimdall.refs import ContractRef, DatasetRef, ValidationReport
from tasks.build_tokenizer import TokenizerRef
from tasks.read_contract import open_contract
from tasks.stage import NotMade, Work, stage


def require_valid(report: ValidationReport) -> ValidationReport:
    """Lets a report through if its data set may be trained on; else raises `ValidationError` naming the first limit."""
    if isinstance(report, NotMade) or report.passed:
        return report
    check = next(check for check in report.checks if not check.passed)
    example = f", for example {check.examples[0]}" if check.examples else ""
    raise ValidationError(
        f"The data set did not pass '{check.name}': it is {check.value:g}, the limit is {check.limit}{example}."
    )


def _pick_config(preset: Preset) -> dict[str, Any]:
    return {**preset.validation.model_dump(), "max_seq_length": preset.train.max_seq_length}


@stage("validate", version=5, result=ValidationReport, config=_pick_config)
def validate_data(work: Work, dataset: DatasetRef, tokenizer: TokenizerRef, contract: ContractRef) -> ValidationReport:
    """Checks every row and the data set as a whole. A failed report is stored as well."""
    from datagen.validation import validate_dataset

    report = validate_dataset(
        work.path(dataset.artifact),
        open_contract(work, contract),
        work.preset.validation,
        work.path(tokenizer.artifact),
        work.preset.train.max_seq_length,
        work.show_progress("validate", "rows"),
    )
    work.tracked.log_metrics({check.name: check.value for check in report.checks})
    rows = [f"| {check.name} | {check.value:g} | {check.limit} | {check.passed} |" for check in report.checks]
    work.summary = "\n".join(["| check | value | limit | passed |", "| --- | ---: | --- | --- |", *rows])
    return report
