"""From facts about NornicDB to a promoted model."""

import dataclasses

from prefect import flow

from flows.parameters import PromotingParameters, open_pipeline
from heimdall.refs import Promotion, Registration
from tasks.build_tokenizer import build_tokenizer
from tasks.decide_verdict import Decision, decide_verdict
from tasks.evaluate_gguf import evaluate_champion, evaluate_gguf
from tasks.export_gguf import export_gguf
from tasks.generate_data import prepare_data
from tasks.promote_model import may_promote, promote_model, was_taken_back
from tasks.read_contract import read_contract
from tasks.register_model import register_model
from tasks.stage import Pipeline
from tasks.train_model import train_model
from tasks.validate_data import require_valid, validate_data


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
    contract = read_contract(p, parameters.nornicdb)
    dataset = prepare_data(p, parameters.dataset, contract, parameters.nornicdb)
    tokenizer = build_tokenizer(p, dataset=dataset, contract=contract)
    validation = require_valid(validate_data(p, dataset=dataset, tokenizer=tokenizer, contract=contract))
    model = train_model(p, dataset=dataset, tokenizer=tokenizer, contract=contract)
    export = export_gguf(p, model=model, dataset=dataset, contract=contract)
    report = evaluate_gguf(p, export=export, dataset=dataset, contract=contract)
    champion = evaluate_champion(p, dataset=dataset, contract=contract)
    decision = decide_verdict(p, report=report, champion=champion, model=model, export=export, validation=validation)
    registration = register_model(p, export=export, report=report, decision=decision)
    taken_back = was_taken_back(p, export) and not bring_back
    promotion = None
    if may_promote(decision) and not taken_back:
        promotion = promote_model(p, export=export, registration=registration, report=report, contract=contract)
    return Outcome(decision, registration, promotion, taken_back)
