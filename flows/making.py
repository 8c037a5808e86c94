"""The stages that every flow begins with which needs a model."""

import dataclasses

from flows.parameters import Parameters
from heimdall.refs import ContractRef, DatasetRef, ModelRef, ValidationReport
from tasks.align_model import align_model
from tasks.build_tokenizer import TokenizerRef, build_tokenizer
from tasks.find_former import Former, find_former
from tasks.generate_data import prepare_data
from tasks.read_contract import read_contract
from tasks.replay_data import add_replay
from tasks.stage import Pipeline
from tasks.train_model import train_model
from tasks.validate_data import require_valid, validate_data


@dataclasses.dataclass(frozen=True)
class Prepared:
    """Data to train on. `former` is what training goes on from, if it is not the preset's base."""

    contract: ContractRef
    dataset: DatasetRef
    tokenizer: TokenizerRef
    validation: ValidationReport
    former: Former | None


def prepare(p: Pipeline, parameters: Parameters) -> Prepared:
    """The stages up to validation, in their order. A data set that failed it is returned as well."""
    contract = read_contract(p, parameters.nornicdb)
    former = find_former(parameters.model_dir, p.preset, p.workspace) if parameters.model_dir else None
    dataset = add_replay(p, prepare_data(p, parameters.dataset, contract, parameters.nornicdb), former)
    former_model = former.model if former is not None else None
    tokenizer = build_tokenizer(p, dataset=dataset, contract=contract, former=former_model)
    validation = validate_data(p, dataset=dataset, tokenizer=tokenizer, contract=contract)
    return Prepared(contract, dataset, tokenizer, validation, former)


def make_model(p: Pipeline, prepared: Prepared) -> ModelRef:
    """The stages that train, in their order. Raises `ValidationError` for data that may not be trained on."""
    require_valid(prepared.validation)
    model = train_model(
        p,
        dataset=prepared.dataset,
        tokenizer=prepared.tokenizer,
        contract=prepared.contract,
        former=prepared.former.model if prepared.former is not None else None,
    )
    return align_model(p, model, prepared.dataset, prepared.contract)
