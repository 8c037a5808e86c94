"""What crosses a stage boundary: small frozen records that say where an artifact is, its digest and what it measured.

JSON only: never a data set, a model or a table. Paths are relative to the store's root unless absolute.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of everything that is stored or passed between stages: immutable, and strict about unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ArtifactRef(Record):
    """A file or directory in the store. `sha256` of a directory is the digest of its sorted file digests."""

    uri: str
    sha256: str
    size: int
    media_type: str


class ContractRef(Record):
    """NornicDB's prompt contract. `source` is `reference` or `checkout@<commit>`."""

    schema_version: Literal[1] = 1
    artifact: ArtifactRef
    source: str
    digest: str


class DatasetRef(Record):
    """A directory with one `<split>.jsonl` per split and `graphs.jsonl` for the splits that are executed."""

    schema_version: Literal[1] = 1
    artifact: ArtifactRef
    rows: int
    splits: dict[str, int]
    contract_digest: str


class Check(Record):
    """One measured property of a data set and whether it is within its limit."""

    name: str
    value: float
    limit: str
    passed: bool
    examples: tuple[str, ...] = ()


class ValidationReport(Record):
    """The verdict on a data set."""

    schema_version: Literal[1] = 1
    passed: bool
    rows: int
    checks: tuple[Check, ...]


class ModelRef(Record):
    """A trained, merged Hugging Face model directory (safetensors, tokenizer, chat template).

    `methods` are how it was trained, one after the other. `supervised` is the model that its later methods began with,
    `former` the SHA-256 of the model that supervised training began with, where that was one of a former run.
    """

    schema_version: Literal[1] = 1
    artifact: ArtifactRef
    base: str
    license: str
    parameters: int
    template_digest: str
    dataset_digest: str
    contract_digest: str
    prompt: str
    methods: tuple[str, ...] = ("sft",)
    supervised: ArtifactRef | None = None
    former: str | None = None


class GgufRef(Record):
    """One quantised file. `types` counts tensors by their real type, since K-quants fall back silently."""

    artifact: ArtifactRef
    quantization: str
    bits_per_weight: float
    types: dict[str, int]


class ParityReport(Record):
    """How closely the GGUF file follows the trained model; a gate of the export."""

    passed: bool
    prompts: int
    tokenization_matches: int
    greedy_answers: int
    greedy_matches: int
    reasons: tuple[str, ...]


class ExportResult(Record):
    """All quantisations of one model and which of them is to ship."""

    schema_version: Literal[1] = 1
    files: dict[str, GgufRef]
    ship: str
    converter: str
    tokenizer_digest: str
    parity: ParityReport


class Score(Record):
    """A figure with its 95 % interval over `n` examples; `value` and bounds are null where these say nothing
    about it, as when n is 0."""

    n: int
    value: float | None
    low: float | None
    high: float | None
    unit: Literal["share", "ratio", "ms", "tokens/s", "bytes"] = "share"


class Slice(Record):
    """The scores of one family of questions on one split."""

    family: str
    split: str
    scores: dict[str, Score]


class SeededSuite(Record):
    """Graphs for a suite's questions that bring none, by the question's id.

    Of the `questions` that need graphs some were `seeded`; of the `mutants` of their queries those graphs tell `killed`
    apart. `notes` say what a reader of scores on this suite must know.
    """

    schema_version: Literal[1] = 1
    artifact: ArtifactRef
    questions: int
    seeded: int
    mutants: int
    killed: int
    notes: tuple[str, ...]


class EvalReport(Record):
    """What one file scored. `examples` is a JSONL file with every question, answer and judgement; `dataset_digest` is
    that of the data set, or of the suite's file; `memory_bytes` is what the loaded model and its context take. `notes`
    say what else a reader must know."""

    schema_version: Literal[1] = 1
    model: str
    model_sha256: str
    model_bytes: int
    memory_bytes: int | None = None
    contract_digest: str
    contract_source: str
    prompt: str
    dataset_digest: str
    slices: tuple[Slice, ...]
    examples: ArtifactRef
    notes: tuple[str, ...] = ()


class Verdict(Record):
    """Whether the model may ship, with every reason for and against. `keep`: it is the champion itself. `noise`: which
    difference on the headline its questions can show, in words."""

    schema_version: Literal[1] = 1
    ship: bool
    keep: bool = False
    reasons: tuple[str, ...]
    headline: str
    noise: str = ""


class Registration(Record):
    """The model's version in MLflow's registry."""

    schema_version: Literal[1] = 1
    name: str
    version: str
    run_id: str


class Promotion(Record):
    """What lies in the deployment directory now."""

    schema_version: Literal[1] = 1
    version: str
    target: str
    sha256: str
    previous: str | None
    manifest_sha256: str
