"""Stage `seed`: small graphs for a suite that brings none, made once for all models that are asked its questions."""

import os
from pathlib import Path

from cypher.graph import GRAPHS
from eval.foreign import find_schema_files
from eval.seeded import seed_suite
from eval.suite import read_suite
from heimdall.files import digest_file, digest_json
from heimdall.refs import ArtifactRef, ContractRef, SeededSuite
from tasks.read_contract import open_contract
from tasks.stage import Pipeline, Work, stage


def seed_graphs(pipeline: Pipeline, suite: Path, contract: ContractRef) -> SeededSuite:
    """Reads a suite and makes graphs for its queries."""
    return _seed(pipeline, suite=describe_suite(suite), contract=contract)


def describe_suite(path: Path) -> ArtifactRef:
    """The suite's file; its digest is that of the file and of those from which it gets its schemas."""
    schemas = [digest_file(file) for file in find_schema_files(path)]
    digest = digest_file(path)
    return ArtifactRef(
        uri=str(path.absolute()),
        sha256=digest_json([digest, *schemas]) if schemas else digest,
        size=path.stat().st_size,
        media_type="application/octet-stream",
    )


@stage("seed", version=1, result=SeededSuite, config=lambda preset: {"seed": preset.evaluation.seed})
def _seed(work: Work, suite: ArtifactRef, contract: ContractRef) -> SeededSuite:
    rows = read_suite(work.path(suite), open_contract(work, contract))
    summary = seed_suite(
        rows,
        work.preset.evaluation.seed,
        os.cpu_count() or 1,
        work.directory,
        work.show_progress("seed", "queries"),
    )
    return SeededSuite(
        artifact=work.describe(GRAPHS, "application/jsonl"),
        questions=summary.questions,
        seeded=summary.seeded,
        mutants=summary.mutants,
        killed=summary.killed,
        notes=summary.notes,
    )
