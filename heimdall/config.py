"""Each stage's own small configuration. A preset is one of these per stage; unknown keys are refused."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from heimdall.rows import Family, Split
from heimdall.source_code import CODE_LANGUAGES, CodeLanguage

Share = Annotated[float, Field(ge=0, le=1)]
CypherClass = Literal[
    "algebra", "basic", "filter", "relationship", "aggregation", "complex", "write", "schema_command", "procedure",
    "systematic",
]  # fmt: skip
Notation = Literal["lines", "arrows", "neo4j", "json", "compact"]
SystemPrompt = Literal["minimal", "full", "tail"]
GeneralTask = Literal["mtg", "tlp", "sentiment", "code_review", "passage"]
CodeTask = Literal["generation", "bug_fixing", "understanding", "tests"]
Quantization = Literal["F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q3_K_M", "Q2_K"]


class Config(BaseModel):
    """Base of all configuration: immutable and strict."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(Config):
    """What the generator makes: `shares` of the rows, by family, that add up to one."""

    seed: int = 1
    prompt: SystemPrompt = "minimal"
    other_prompts: dict[SystemPrompt, Share] = Field(
        {}, description="share of the training rows that come under another of NornicDB's system prompts"
    )
    train_rows: int = Field(gt=0)
    split_rows: int = Field(gt=0, description="rows of each family in each validation and test split")
    shares: dict[Family, Share] = {"action": 0.2, "cypher_plain": 0.2, "cypher_schema": 0.6}
    general_tasks: dict[GeneralTask, Share] = Field(
        {"mtg": 0.2, "tlp": 0.2, "sentiment": 0.2, "code_review": 0.2, "passage": 0.2},
        description="shares of the tasks among the `general` rows",
    )
    code_tasks: dict[CodeTask, Share] = Field(
        {"generation": 0.4, "bug_fixing": 0.3, "understanding": 0.2, "tests": 0.1},
        description="shares of the coding assistant's tasks among the composed `code` rows",
    )
    code_languages: tuple[CodeLanguage, ...] = Field(CODE_LANGUAGES, min_length=1, description="of the `code` rows")
    repositories: tuple[str, ...] = Field((), description="checkouts out of which `code` rows are read as well")
    repository_share: Share = Field(0.5, description="of the `code` rows, where there are repositories")
    repository_rows: int = Field(2000, gt=0, description="at most, out of one repository")
    unlicensed: bool = Field(False, description="read repositories whose licence is not recognised, too")
    questions_per_schema: int = Field(4, ge=1, description="training questions that share one schema")
    cypher_mix: dict[CypherClass, Share] = Field(
        {"algebra": 1.0}, description="shares of the kinds of Cypher, that add up to one"
    )
    refusal_share: Share = Field(0.0, description="of the Cypher rows: requests that are refused, with the reason")
    schema_notations: dict[Notation, Share] = Field(
        {"lines": 1.0}, description="shares of the notations in which a question carries its schema"
    )
    varied_schemas: bool = Field(
        False,
        description="schemas with dates, properties of relationships, relations within a type and back between two, "
        "and identifiers in many styles",
    )
    max_node_types: int = Field(5, ge=2, le=30)
    invented_share: Share = 0.35
    graphs_per_schema: int = Field(3, ge=1, le=5)
    dask: str | None = Field(
        None, description="address of a Dask scheduler whose workers make the rows, instead of this machine's cores"
    )

    @model_validator(mode="after")
    def _shares_fit(self) -> "DataConfig":
        for name in ("shares", "general_tasks", "code_tasks", "cypher_mix", "schema_notations"):
            total = sum(getattr(self, name).values())
            if not math.isclose(total, 1.0, abs_tol=1e-6):
                raise ValueError(f"{name} add up to {total:g}, not to 1")
        if sum(self.other_prompts.values()) > 1 or self.prompt in self.other_prompts:
            raise ValueError("other_prompts names other prompts than `prompt`, with shares of at most 1 together")
        return self


class ValidationConfig(Config):
    """The limits that stop a run."""

    near_duplicate_jaccard: Share = 0.8
    max_near_duplicate_share: Share = 0.03
    max_leaked_rows: int = Field(0, ge=0)
    max_known_names_share: Share = Field(
        0.01, description="rows of test_schema whose query uses a name seen in training"
    )
    max_secret_rows: int = Field(0, ge=0, description="rows that hold a secret")
    max_personal_rows: int = Field(0, ge=0, description="rows that hold an address, a phone or a card number")
    min_parse_rate: Share = 1.0
    min_mutant_kill_rate: Share = 0.9
    max_action_share: Share = Field(0.25, description="largest share of one action among the action rows")


class ScratchConfig(Config):
    """A decoder trained from random weights. Dimensions are multiples of 256, or K-quants silently fall back."""

    hidden_size: int = Field(256, gt=0)
    layers: int = Field(6, gt=0)
    heads: int = Field(4, gt=0)
    kv_heads: int = Field(4, gt=0)
    intermediate_size: int = Field(768, gt=0)
    vocab_size: int = Field(2048, ge=512)
    license: str = "MIT"


class PretrainedConfig(Config):
    """A base model from the Hub (pinned revision) or a local directory."""

    name_or_path: str
    revision: str | None = None
    license: str


class LoraConfig(Config):
    """Low-rank adapters on all linear layers (rank-stabilised). `quantized`: over a base in 4 bits (QLoRA)."""

    rank: int = Field(16, gt=0)
    alpha: int = Field(32, gt=0)
    dropout: Share = 0.0
    quantized: bool = False


class TrainConfig(Config):
    """How rows become a model. Exactly one of `scratch` and `pretrained` is set."""

    seed: int = 1
    scratch: ScratchConfig | None = None
    pretrained: PretrainedConfig | None = None
    lora: LoraConfig | None = None
    max_seq_length: int = Field(1024, ge=64)
    epochs: float = Field(1.0, gt=0)
    batch_size: int = Field(32, gt=0, description="rows per micro-batch")
    prompt_share: Share = Field(1.0, description="of the rows that carry NornicDB's system prompt, half of them last")
    prompt_batch_size: int | None = Field(
        None, gt=0, description="rows per micro-batch there: more, as they share the prompt's cost; default batch_size"
    )
    gradient_accumulation: int = Field(1, gt=0)
    gradient_checkpointing: bool = Field(
        False, description="layers are computed again in the backward pass: less memory, about a third more time"
    )
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(2e-4, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    warmup_ratio: Share = 0.03
    decay_ratio: Share = Field(0.4, description="last part of training in which the rate falls linearly to zero")
    max_grad_norm: float = Field(1.0, gt=0)
    save_steps: int = Field(200, gt=0)
    eval_rows: int = Field(256, ge=0, description="validation rows whose loss is logged at each checkpoint")
    judged_rows: int = Field(
        0, ge=0, description="validation rows of each family answered and judged there; the best checkpoint is kept"
    )
    patience: int = Field(5, gt=0, description="checkpoints without a better one after which training ends early")
    threads: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> "TrainConfig":
        if (self.scratch is None) == (self.pretrained is None):
            raise ValueError("set exactly one of scratch and pretrained")
        return self


class ReplayConfig(Config):
    """What of a former run's training rows is learnt again where its model is trained on, so that less is forgotten."""

    seed: int = 1
    share: Annotated[float, Field(ge=0, lt=1)] = Field(0.2, description="of the training rows: the former run's")


class AnswersConfig(Config):
    """Training questions that the trained model answers several times over, and how it learns from the judgements."""

    questions: int = Field(1000, gt=0, description="training questions that are asked, at most")
    samples: int = Field(8, ge=2, description="answers that are drawn to each")
    temperature: float = Field(1.0, gt=0)
    max_tokens: int = Field(192, gt=0, description="of one answer")
    learning_rate: float = Field(1e-6, gt=0, description="for all weights; adapters take about ten times that")
    epochs: float = Field(1.0, gt=0)
    gradient_accumulation: int = Field(1, gt=0)


class DpoConfig(AnswersConfig):
    """Direct preference optimisation: the right answer to a question against the model's own wrong one."""

    beta: float = Field(0.1, gt=0, description="how strongly the model is held to what it was")
    sft_weight: float = Field(
        1.0, ge=0, description="of the right answer's own cross-entropy, without which both answers may become unlikely"
    )
    batch_size: int = Field(8, gt=0, description="pairs per micro-batch")


class GrpoConfig(AnswersConfig):
    """Reinforcement (group relative policy optimisation): answers to a question against the mean of its group."""

    beta: float = Field(0.0, ge=0, description="weight of the divergence from what the model was")
    batch_size: int = Field(16, gt=0, description="answers per micro-batch")

    @model_validator(mode="after")
    def _groups_are_whole(self) -> "GrpoConfig":
        step = self.batch_size * self.gradient_accumulation
        if step % self.samples:
            raise ValueError(f"batch_size x gradient_accumulation is {step}, no multiple of samples {self.samples}")
        return self


class ExportConfig(Config):
    """Which quantisations are made, which one ships, and how much of the parity gate is run."""

    quantizations: tuple[Quantization, ...] = ("F16", "Q8_0", "Q4_K_M")
    ship: Quantization = "Q8_0"
    parity_prompts: int = Field(100, gt=0)
    parity_answers: int = Field(20, gt=0)

    @model_validator(mode="after")
    def _ship_is_made(self) -> "ExportConfig":
        if self.ship not in self.quantizations:
            raise ValueError(f"ship is {self.ship}, which is not among quantizations")
        return self


class EvalConfig(Config):
    """How the shipped file is questioned."""

    seed: int = 1
    splits: tuple[Split, ...] = ("test_iid", "test_schema", "test_composition", "test_phrasing", "test_fact")
    rows_per_slice: int = Field(200, gt=0, description="rows of each family in each split")
    further_prompts: tuple[SystemPrompt, ...] = Field(
        (), description="NornicDB's other prompts under which requests for actions are asked as well"
    )
    further_rows: int = Field(
        50,
        gt=0,
        description="requests of each split under each of these, and follow-ups and questions with knowledge that are "
        "asked once more without what was said before or found",
    )
    timed_rows: int = Field(10, ge=0, description="rows of each slice that are asked once more, alone, to be timed")
    constrained_rows: int = Field(
        200, ge=0, description="rows of each slice that are answered under the grammar as well"
    )
    max_tokens: int = Field(256, gt=0)
    context_size: int = Field(4096, ge=512)
    threads: int = Field(1, gt=0)
    time_limit_ms: int = Field(2000, gt=0, description="for one query on one graph")
    row_limit: int = Field(1000, gt=0)


class GateConfig(Config):
    """What the verdict asks for. A floor is a lower bound on `family/split/metric`."""

    floors: dict[str, float] = {}
    headline: str = "cypher_schema/test_schema/execution_accuracy"
    margin: Share = Field(0.02, description="a guarded score may be this much below the champion's")
    guarded: tuple[str, ...] = ("action/test_iid/action_accuracy",)
    min_n: int = Field(30, ge=0, description="judged questions that each of these scores must rest on")
    max_bytes: int | None = None
    max_latency_p95_ms: float | None = Field(None, gt=0, description="for the slice that answers slowest")


class PromoteConfig(Config):
    """Where the promoted file goes."""

    registered_model: str = "heimdall"
    directory: str = "plugins/heimdall/models"
    file_name: str = "heimdall.gguf"


class Preset(Config):
    """A whole pipeline: one configuration per stage."""

    name: str
    description: str
    data: DataConfig
    validation: ValidationConfig = ValidationConfig()
    train: TrainConfig
    replay: ReplayConfig = ReplayConfig()
    dpo: DpoConfig | None = None
    grpo: GrpoConfig | None = None
    export: ExportConfig = ExportConfig()
    evaluation: EvalConfig = EvalConfig()
    gate: GateConfig = GateConfig()
    promote: PromoteConfig = PromoteConfig()
