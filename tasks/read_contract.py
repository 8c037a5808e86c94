"""Stage `contract`: NornicDB's prompts and actions, from a checkout or the bundled reference."""

from pathlib import Path

from heimdall.errors import InputError
from heimdall.refs import ContractRef
from heimdall.store import Store
from heimdall.workspace import Workspace
from nornicdb.contract import Contract, load_contract, resolve_contract, write_contract
from tasks.stage import Pipeline, Work, stage

FILE = "contract.json"


def read_contract(pipeline: Pipeline, checkout: Path | None) -> ContractRef:
    """Reads the contract and stores it. It is read every time, since only its text says whether it changed."""
    return _store_contract(pipeline, contract=resolve_contract(checkout))


@stage("contract", version=4, result=ContractRef)
def _store_contract(work: Work, contract: Contract) -> ContractRef:
    write_contract(work.directory / FILE, contract)
    artifact = work.describe(FILE, "application/json")
    return ContractRef(artifact=artifact, source=contract.source, digest=contract.digest)


def open_contract(work: Work, contract: ContractRef) -> Contract:
    """The contract that a reference names."""
    return load_contract(work.path(contract.artifact))


def find_contract(workspace: Workspace, digest: str, checkout: Path | None) -> Contract:
    """The contract that a model was made for: from a checkout, the reference, or what this workspace has stored.

    Raises `InputError` where none of them has this digest.
    """
    if checkout is not None:
        return resolve_contract(checkout)
    reference = resolve_contract(None)
    if reference.digest == digest:
        return reference
    store = Store(workspace.store_root)
    for manifest in store.list_finished("contract"):
        stored = ContractRef.model_validate(manifest.result)
        if stored.digest == digest:
            return load_contract(store.path(stored.artifact))
    raise InputError(
        f"The contract {digest[:12]} that the model was made for is not in '{workspace.home}'; "
        "name the NornicDB checkout it was read from with --nornicdb."
    )
