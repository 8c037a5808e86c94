"""The exact JSON of a review and of the cognitive tasks, as models: answers are made and checked by them.

The cognitive ones are those of the proposal that NornicDB's authors wrote for such tasks; no release asks them. Where
the proposal names keys only, the values are ours.
"""

from typing import Annotated, Literal

import pydantic
from pydantic import Field

from heimdall.answers import JsonAnswer
from heimdall.records import explain_invalid
from heimdall.refs import Record
from heimdall.rows import Family, Row

Share = Annotated[float, Field(ge=0, le=1)]
Anomaly = Literal["none", "supernode", "growth_spike", "orphan_cluster", "duplicate_nodes"]


class AddedLink(Record):
    """A link that a review adds."""

    target_id: str = Field(min_length=1)
    type: str = Field(min_length=1)
    conf: Share
    reason: str


class ReviewAnswer(Record):
    """The review of inferred links; `additional` only where the prompt allows it."""

    approved: list[int]
    rejected: list[int]
    reasoning: str
    additional: list[AddedLink] = Field(default_factory=list)


class AnomalyAnswer(Record):
    """Whether telemetry shows an anomaly, of which kind, and which of the shown nodes it affects."""

    anomaly_detected: bool
    type: Anomaly
    severity: Literal["low", "medium", "high", "critical"]
    affected_nodes: list[str]
    recommendation: str


class DiagnosisAnswer(Record):
    """What is wrong with a running server and which of six actions costs least."""

    diagnosis: str
    severity: Literal["healthy", "warning", "critical"]
    action_id: int = Field(ge=0, le=5)
    details: str


class CurationAnswer(Record):
    """Whether an agent's memory is worth keeping, and which of the shown ones say the same."""

    should_keep: bool
    new_importance: Share
    summary: str
    merge_candidates: list[str]


class DuplicateAnswer(Record):
    """Whether two nodes stand for one thing."""

    is_duplicate: bool
    confidence: Share


class PolicyAnswer(Record):
    """Whether the rules allow an operation."""

    allow: bool
    reason: str


class OptimizationAnswer(Record):
    """`details` is the index to create or the rewritten query; empty for `none`."""

    suggestion_type: Literal["none", "create_index", "rewrite"]
    details: str


SCHEMAS: dict[str, type[Record]] = {
    "anomaly": AnomalyAnswer,
    "diagnosis": DiagnosisAnswer,
    "curation": CurationAnswer,
    "deduplication": DuplicateAnswer,
    "policy": PolicyAnswer,
    "optimization": OptimizationAnswer,
}


def find_schema(family: Family, category: str | None) -> type[Record] | None:
    """The model of the JSON that answers a review or a cognitive task; None for every other question."""
    if family == "tlp_review":
        return ReviewAnswer
    return SCHEMAS.get(category or "") if family == "cognitive" else None


def find_schema_fault(row: Row) -> str | None:
    """Why a review's or cognitive row's answer does not have the JSON of its task, in words; None if it has, and for
    rows of other families."""
    if row.family not in ("tlp_review", "cognitive"):
        return None
    schema = find_schema(row.family, row.category)
    if schema is None:
        return f"there is no task '{row.category}'"
    if not isinstance(row.expected, JsonAnswer):
        return "the expected answer is not JSON"
    try:
        schema.model_validate(row.expected.value, strict=True)
    except pydantic.ValidationError as error:
        return explain_invalid(error, "the answer")
    return None
