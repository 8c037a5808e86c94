"""From facts about NornicDB to a promoted model."""

import dataclasses

from prefect import flow

from flows.making import make_model, prepare
from flows.parameters import PromotingParameters, open_pipeline
from heimdall.refs import Promotion, Registration
from tasks.decide_verdict import Decision, decide_verdict
from tasks.evaluate_gguf import evaluate_champion, evaluate_former, evaluate_former_suite, evaluate_gguf
from tasks.export_gguf import export_gguf
from tasks.promote_model import may_promote, promote_model, was_taken_back
from tasks.register_model import register_model
from tasks.stage import Pipeline


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended. `promotion` is null where the verdict or an earlier rollback kept the model from going live."""

    decision: Decision
    registration: Registration
    promotion: Promotion | None
    taken_back: bool


@flow(name="retrain")
def retrain(parameters: PromotingParameters) -> Outcome:
    """Generates data, validates it, trains, exports, evaluates, registers, and promotes if the verdict allows it."""
    with open_pipeline("retrain", parameters) as pipeline:
        return run_stages(pipeline, parameters)


def run_stages(p: Pipeline, parameters: PromotingParameters, *, bring_back: bool = False) -> Outcome:
    """The stages in their order. `bring_back`: also promote a model that was rolled back."""
    prepared = prepare(p, parameters)
    contract, dataset = prepared.contract, prepared.dataset
    model = make_model(p, prepared)
    export = export_gguf(p, model=model, dataset=dataset, contract=contract)
    report = evaluate_gguf(p, export=export, dataset=dataset, contract=contract)
    champion = evaluate_champion(p, dataset=dataset, contract=contract)
    kept = evaluate_former(p, export, prepared.former, contract)
    kept_suite = evaluate_former_suite(p, export, prepared.former, parameters.suite, contract)
    decision = decide_verdict(
        p,
        report=report,
        champion=champion,
        model=model,
        export=export,
        validation=prepared.validation,
        old_report=kept.candidate if kept is not None else None,
        former=kept.former if kept is not None else None,
        suite_report=kept_suite.candidate if kept_suite is not None else None,
        former_suite=kept_suite.former if kept_suite is not None else None,
    )
    registration = register_model(p, export=export, report=report, decision=decision)
    taken_back = was_taken_back(p, export) and not bring_back
    promotion = None
    if may_promote(decision) and not taken_back:
        promotion = promote_model(p, export=export, registration=registration, report=report, contract=contract)
    return Outcome(decision, registration, promotion, taken_back)
