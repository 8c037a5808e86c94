"""What training will take, before anything runs: memory, time, disk and tokens, from the shape of model and batch.

The formulas follow what this package's own code keeps: trained weights in float32, frozen ones and matrix products in
16 bits where the hardware has them, a batch with one system prompt, logits at answer positions only. docs/training.md
explains them, and benchmarks/training_memory.py compares them with what was measured.
"""

import math

from heimdall.config import Preset, TrainConfig
from heimdall.refs import Record
from presets.bases import Base
from training.devices import GIB, Device
from training.lengths import Lengths
from training.loss import LOGITS

# NF4 with its constants quantised twice: 4.127 bits, and blocks' rests (Dettmers et al. 2023).
_NF4_BYTES = 0.5275
# PyTorch with transformers loaded, as resident memory; a CUDA context with its libraries (0.5 to 0.7 GiB).
_CPU_BASE, _GPU_BASE = 0.75 * GIB, 0.65 * GIB
_FRAGMENTS = 1.08  # what the allocator holds beyond what is asked of it
_ROW_DISK_BYTES = 1030.0
_ROW_SETTINGS = {"batch_size", "prompt_batch_size", "gradient_accumulation"}
# Bytes a weight in a GGUF file.
_QUANTIZED_BYTES = {"F16": 2.0, "Q8_0": 1.06, "Q6_K": 0.82, "Q5_K_M": 0.71, "Q4_K_M": 0.61, "Q3_K_M": 0.49, "Q2_K": 0.4}


class Memory(Record):
    """Bytes at the peak of a step. `total` is what has to fit."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    attention: float
    logits: float
    base: float
    total: float


class Estimate(Record):
    """A prediction for one preset on one device. In bytes; `operations` are those of floating-point numbers, `hours` is
    None where the speed is not known."""

    preset: str
    device: str
    precision: str
    parameters: float
    trained_parameters: float
    rows: float
    tokens: float
    answer_tokens: float
    lengths: str
    memory: Memory
    available: float
    fits: bool
    advice: list[str]
    operations: float
    hours: float | None
    disk: float


def estimate(preset: Preset, base: Base, lengths: Lengths, device: Device, rows: float | None = None) -> Estimate:
    """Everything about training `preset` on `device`; `rows` is how many it has if not `data.train_rows`."""
    config = preset.train
    rows = (rows or preset.data.train_rows) * config.epochs
    memory = estimate_memory(config, base, lengths, device)
    available = device.memory * GIB
    prompted = config.prompt_share * rows
    prompts = prompted / (config.prompt_batch_size or config.batch_size) * device.count_shards(config)
    operations = count_operations(config, base, lengths, rows, prompts)
    trained = count_trained(config, base)
    return Estimate(
        preset=preset.name,
        device=f"{device.name}, {device.memory:.0f} GiB",
        precision=f"{device.precision.name}: {device.precision.reason}",
        parameters=base.parameters,
        trained_parameters=trained,
        rows=rows,
        tokens=rows * lengths.row + prompts * lengths.prompt,
        answer_tokens=rows * lengths.answer,
        lengths=lengths.source,
        memory=memory,
        available=available,
        fits=memory.total <= available,
        advice=_advise(config, base, lengths, device) if memory.total > available else [],
        operations=operations,
        hours=operations / (device.tflops * 1e12) / 3600 if device.tflops else None,
        disk=estimate_disk(preset, base, trained),
    )


def count_trained(config: TrainConfig, base: Base) -> float:
    """Weights with a gradient: all, or the adapters' `rank * (inputs + outputs)` on each linear layer."""
    if config.lora is None:
        return base.parameters
    hidden, wide, inner = base.hidden_size, base.head_size * base.heads, base.intermediate_size
    narrow = base.head_size * base.kv_heads
    if base.architecture == "phi3":  # one layer for queries, keys and values, and one for gate and up
        sizes = (hidden + wide + 2 * narrow) + (wide + hidden) + (hidden + 2 * inner) + (inner + hidden)
    else:
        sizes = (hidden + wide) + 2 * (hidden + narrow) + (wide + hidden) + 2 * (hidden + inner) + (inner + hidden)
    return base.layers * config.lora.rank * sizes


def estimate_memory(config: TrainConfig, base: Base, lengths: Lengths, device: Device) -> Memory:
    """The peak of one step with the system prompt, in bytes.

    With P weights (Po of them outside the layers) of which t are trained, T tokens, A answer tokens, h hidden,
    H = heads * head size, f intermediate, V vocabulary, b bytes (2 or 4) of a matrix product and L layers:

    - weights 4P, and 2P for the 16-bit copies that the backward pass needs; frozen ones are b or, in NF4, 0.5275 bytes
      each, with a 16-bit copy of one layer; those outside the layers are 4 and 2 bytes in any case, and 8 more where
      tokens were added to a frozen base: its embeddings are copied with the new rows in them, and get a gradient,
    - gradients 4t, and once more while a shard's are added to them; AdamW 8t, Muon 4t (8t outside the layers),
    - activations per token and layer: what the two norms read, 4h each, and give, b·h each, (4 + 3)H·b of attention,
      4f·b of the feed-forward part. With checkpointed layers one layer's, and 4h of each,
    - attention's weights: heads * b * pairs of tokens that see each other, and as much again for the layer at work;
      those of a long prompt only where they are kept (`training.tree`),
    - logits A·V·(8 + b), two in float32 and one in b, of at most so many answer tokens as are measured at once.
    """
    shards = min(device.count_shards(config), config.prompt_batch_size or config.batch_size)
    rows = config.prompt_batch_size or config.batch_size
    tokens = shards * lengths.prompt + rows * lengths.row
    wide, full, b = base.head_size * base.heads, config.lora is None, 2 if device.precision.name != "fp32" else 4
    trained = count_trained(config, base)
    inside, outside = base.parameters - base.outer_parameters, base.outer_parameters
    sixteen = 2 if b == 2 else 0
    weights: float
    if config.lora is None:
        weights = (4 + sixteen) * inside
    elif config.lora.quantized:
        weights = _NF4_BYTES * inside + b * inside / base.layers
    else:
        weights = b * inside
    weights += 4 * outside + sixteen * base.vocab_size * base.hidden_size
    if not full and not base.chatml:
        weights += 8 * outside
    gradients = 4 * trained * (2 if config.gradient_accumulation > 1 or shards > 1 else 1)
    optimizer = 8 * trained
    if config.optimizer == "muon":
        optimizer = 4 * min(inside, trained) + 8 * max(trained - inside, 0)
    norms = 2 * (4 + b) * base.hidden_size
    layer = tokens * (norms + 8 * wide * b + 4 * base.intermediate_size * b)
    scores = shards * base.heads * b * _count_pairs(lengths, rows / shards, device)
    if config.gradient_checkpointing:
        activations = base.layers * tokens * 4 * base.hidden_size + 2 * layer
        attention = 3 * scores
    else:
        activations = base.layers * layer + layer
        attention = base.layers * scores + 2 * scores
    logits = min(rows * lengths.answer * base.vocab_size, shards * LOGITS) * (8 + b)
    ground = _CPU_BASE if device.kind == "cpu" else _GPU_BASE
    asked = weights + gradients + optimizer + activations + attention + logits
    return Memory(
        weights=weights,
        gradients=gradients,
        optimizer=optimizer,
        activations=activations,
        attention=attention,
        logits=logits,
        base=ground,
        total=device.factor * (ground + _FRAGMENTS * asked),
    )


def _count_pairs(lengths: Lengths, rows: float, device: Device) -> float:
    """Scores that are kept: the prompt with itself and with all rows, and each row with itself and what is above it."""
    from training.tree import KEPT_SCORES

    own = rows * lengths.row
    with_prompt = lengths.prompt * (lengths.prompt + own)
    old = device.kind == "mps" or (device.capability or 8.0) < 8.0
    kept = with_prompt if old or with_prompt <= KEPT_SCORES else 0
    return kept + own * 2 * (lengths.row + 32)


def count_operations(config: TrainConfig, base: Base, lengths: Lengths, rows: float, prompts: float) -> float:
    """Floating-point operations of training: 6 for each weight and token (forward 2, backward 2 for the inputs and 2
    for the weights; Kaplan et al. 2020, arXiv:2001.08361), without the last 2 for frozen weights, and 2 more for
    checkpointed layers; 12·H for each pair of tokens and layer; the head at answer tokens only. `prompts` is how often
    the system prompt is computed.
    """
    tokens = rows * lengths.row + prompts * lengths.prompt
    inside = base.parameters - base.outer_parameters
    each = (6 if config.lora is None else 4) + (2 if config.gradient_checkpointing else 0)
    with_prompt = config.prompt_share * rows * lengths.row * lengths.prompt + prompts * lengths.prompt**2
    pairs = with_prompt + rows * lengths.row**2
    heads = (12 + (4 if config.gradient_checkpointing else 0)) * base.layers * base.head_size * base.heads * pairs
    head = 6 * base.vocab_size * base.hidden_size * rows * lengths.answer
    return each * inside * tokens + heads + head


def estimate_disk(preset: Preset, base: Base, trained: float) -> float:
    """Bytes in the store: rows, two checkpoints (trained weights with the optimizer's state), the model in float32, the
    GGUF files, and the base's own weights in 16 bits."""
    files = sum(_QUANTIZED_BYTES[name] for name in {*preset.export.quantizations, "F16"}) * base.parameters
    own = 2 * base.parameters if preset.train.pretrained else 0
    return preset.data.train_rows * _ROW_DISK_BYTES + 2 * 12 * trained + 4 * base.parameters + files + own


def _advise(config: TrainConfig, base: Base, lengths: Lengths, device: Device) -> list[str]:
    """The changes that make it fit, least first: fewer rows at a time, checkpointed layers, a base in 4 bits."""
    found: list[str] = []
    for checkpointing in sorted({config.gradient_checkpointing, True}):
        for quantized in (False, True):
            lora = config.lora
            if quantized and (lora is None or lora.quantized):
                continue
            tried = config.model_copy(update={"gradient_checkpointing": checkpointing})
            words = ["train.gradient_checkpointing=true"] if checkpointing != config.gradient_checkpointing else []
            if quantized and lora is not None:
                tried = tried.model_copy(update={"lora": lora.model_copy(update={"quantized": True})})
                words.append("train.lora.quantized=true")
            rows = fit_batch(tried, base, lengths, device)
            if rows is not None:
                fewer = _take_rows(config, rows).model_dump(include=_ROW_SETTINGS)
                words += [f"train.{key}={value}" for key, value in fewer.items() if value != getattr(config, key)]
                found.append(" ".join(f"--set {word}" for word in words))
    return found or ["no batch size fits, with checkpointed layers neither: take a smaller model or system prompt"]


def fit_batch(config: TrainConfig, base: Base, lengths: Lengths, device: Device) -> int | None:
    """The most rows in a micro-batch that fit, up to those asked for, halving; None if not even one does."""
    rows = config.prompt_batch_size or config.batch_size
    while rows >= 1:
        if estimate_memory(_take_rows(config, rows), base, lengths, device).total <= device.memory * GIB:
            return rows
        rows //= 2
    return None


def _take_rows(config: TrainConfig, rows: int) -> TrainConfig:
    """With at most `rows` rows in a micro-batch, and as many of them that a step has as many rows as before."""
    own = min(rows, config.batch_size)
    return config.model_copy(
        update={
            "batch_size": own,
            "prompt_batch_size": config.prompt_batch_size and rows,
            "gradient_accumulation": math.ceil(config.gradient_accumulation * config.batch_size / own),
        }
    )
