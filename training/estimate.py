"""What training will take, before anything runs: memory, time, disk and tokens, from the shape of model and batch.

The formulas follow what this package's own code keeps: weights in float32 and matrix products in 16 bits where the
hardware has them, a batch with one system prompt, logits at answer positions only. docs/training.md explains them, and
benchmarks/training_memory.py compares them with what was measured.
"""

import itertools
import math
import random
from pathlib import Path
from typing import NamedTuple

from heimdall.config import Preset, TrainConfig
from heimdall.refs import Record
from heimdall.rows import read_rows
from nornicdb.contract import Contract
from presets.bases import Base, find_base
from training.devices import GIB, Device

# bf16 copies, NF4 with its constants quantised twice: 4.127 bits, and blocks' rests (Dettmers et al. 2023).
_NF4_BYTES = 0.5275
# PyTorch with transformers loaded, as resident memory; a CUDA context with its libraries (0.5 to 0.7 GiB).
_CPU_BASE, _GPU_BASE = 0.75 * GIB, 0.65 * GIB
_FRAGMENTS = 1.08  # what the allocator holds beyond what is asked of it
_GPU_UTILISATION = 0.3  # of the stated peak: not measured
# Tokens of generated rows and of the reference contract's prompts: counted with heimdall_nano's tokenizer on 600 of
# its rows; for a base's tokenizer NornicDB's full prompt is 2 436 of Qwen's tokens, which is 3.72 bytes a token, and
# rows are taken to be 3.2. `tail` is what is left of the full prompt after batches of 2 048.
_SMALL, _LARGE = (103.0, 46.0), (80.0, 37.0)  # of a row's own part and of its answer
_SMALL_PROMPTS = {"minimal": 434.0, "full": 2938.0, "tail": 890.0}
_LARGE_PROMPTS = {"minimal": 460.0, "full": 2436.0, "tail": 388.0}
_SMALL_VOCABULARY = 16384
_ROW_DISK_BYTES = 1030.0
_SAMPLE = 400  # rows that are counted where there is a data set


class Lengths(NamedTuple):
    """Tokens: of the system prompt, of a row's own part (what it shares with its group divided among them), and of
    its answer. `source` says where they are from."""

    prompt: float
    row: float
    answer: float
    source: str


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
    """A prediction for one preset on one device. In bytes; `hours` is None where the speed is not known."""

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
    hours: float | None
    disk: float


def describe_model(config: TrainConfig) -> Base | None:
    """The shape of the model that would be trained; None for a base that is not in `presets/bases.json`."""
    if config.pretrained is not None:
        return find_base(config.pretrained.name_or_path) or _read_shape(config.pretrained.name_or_path)
    scratch = config.scratch
    assert scratch is not None
    return Base(
        name="scratch",
        license=scratch.license,
        architecture="qwen2",
        hidden_size=scratch.hidden_size,
        layers=scratch.layers,
        heads=scratch.heads,
        kv_heads=scratch.kv_heads,
        head_size=scratch.hidden_size // scratch.heads,
        intermediate_size=scratch.intermediate_size,
        vocab_size=scratch.vocab_size,
        tied=True,
        context=8192,
    )


def guess_lengths(preset: Preset, vocab_size: int) -> Lengths:
    """The tokens of generated rows, by the kind of tokenizer, before there is a data set."""
    small = vocab_size < _SMALL_VOCABULARY
    prompt = (_SMALL_PROMPTS if small else _LARGE_PROMPTS)[preset.data.prompt]
    return Lengths(prompt, *(_SMALL if small else _LARGE), "rows as heimdall_nano's, counted before")


def measure_lengths(dataset: Path, tokenizer: Path, contract: Contract, preset: Preset) -> Lengths:
    """The tokens of the first rows of a data set with the tokenizer that they are trained with."""
    from training.batches import RowEncoder, group_rows
    from training.sft import GROUP_TOKENS
    from training.tokenizer import load_tokenizer

    encoder = RowEncoder(load_tokenizer(tokenizer), contract)
    rows = [encoder.encode(row) for row in itertools.islice(read_rows(dataset / "train.jsonl"), _SAMPLE)]
    own = sum(group.tokens for group in group_rows(rows, GROUP_TOKENS))
    prompt = len(encoder.encode_prefix(preset.data.prompt, random.Random(0)))
    answers = sum(len(row.answer) for row in rows)
    return Lengths(prompt, own / len(rows), answers / len(rows), f"the first {len(rows)} rows of the data set, counted")


def estimate(preset: Preset, base: Base, lengths: Lengths, device: Device, rows: float | None = None) -> Estimate:
    """Everything about training `preset` on `device`; `rows` is how many it has if not `data.train_rows`."""
    config = preset.train
    rows = (rows or preset.data.train_rows) * config.epochs
    shards = count_shards(config, device)
    memory = estimate_memory(config, base, lengths, shards, sixteen=device.precision.name != "fp32", cpu=device.is_cpu)
    available = device.memory * GIB
    prompted = config.prompt_share * rows
    batches = prompted / (config.prompt_batch_size or config.batch_size)
    flops = count_operations(config, base, lengths, rows, batches * shards)
    speed = device.tflops and device.tflops * 1e12 * (1 if device.is_cpu else _GPU_UTILISATION)
    trained = count_trained(config, base)
    return Estimate(
        preset=preset.name,
        device=f"{device.name}, {device.memory:.0f} GiB",
        precision=f"{device.precision.name}: {device.precision.reason}",
        parameters=base.parameters,
        trained_parameters=trained,
        rows=rows,
        tokens=rows * lengths.row + batches * lengths.prompt,
        answer_tokens=rows * lengths.answer,
        lengths=lengths.source,
        memory=memory,
        available=available,
        fits=memory.total <= available,
        advice=_advise(config, base, lengths, device) if memory.total > available else [],
        hours=flops / speed / 3600 if speed else None,
        disk=estimate_disk(preset, base, trained),
    )


def count_shards(config: TrainConfig, device: Device) -> int:
    """How many parts of a batch are computed at once, each with its own copy of the prompt: one per thread of a CPU."""
    import os

    return (config.threads or os.cpu_count() or 1) if device.is_cpu else 1


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


def estimate_memory(
    config: TrainConfig, base: Base, lengths: Lengths, shards: int, *, sixteen: bool, cpu: bool
) -> Memory:
    """The peak of one step with the system prompt, in bytes; `sixteen`: matrix products are in bf16 or fp16.

    With P weights of which t are trained, T tokens, A answer tokens, h hidden, H = heads * head size, f intermediate,
    V vocabulary, b bytes (2 or 4) and L layers:

    - weights 4P, or 0.5275 a weight of the layers' and 4 of the others' in NF4, and their 16-bit copies 2P, which the
      backward pass needs (for frozen weights with checkpointed layers, of one layer only),
    - gradients 4t, and once more while a shard's are added to them; AdamW 8t, Muon 4t (8t outside the layers),
    - activations per token and layer: the norms' 4h each, twice that if their weights are trained, their results as the
      five linear layers that read them keep them, (4 + 3)H·b of attention, 4f·b of the feed-forward part; per token
      4h at each layer's beginning. With checkpointed layers one layer's, and 4h of each,
    - attention's weights: heads * b * pairs of tokens that see each other, and as much again for the layer at work,
    - logits A·V·(8 + b): two in float32 and one in b.
    """
    rows = config.prompt_batch_size or config.batch_size
    here = rows / shards
    tokens = shards * (lengths.prompt + here * lengths.row)
    answers = rows * lengths.answer
    wide, full, b = base.head_size * base.heads, config.lora is None, 2 if sixteen else 4
    trained = count_trained(config, base)
    inside = base.parameters - base.vocab_size * base.hidden_size * (1 if base.tied else 2)
    outside = base.parameters - inside
    weights: float = 4 * base.parameters
    if config.lora is not None and config.lora.quantized:
        weights = _NF4_BYTES * inside + 4 * outside
    if sixteen:
        kept = inside if full or not config.gradient_checkpointing else inside / base.layers
        quantized = config.lora is not None and config.lora.quantized
        weights += 2 * ((inside / base.layers if quantized else kept) + base.vocab_size * base.hidden_size)
    gradients = 4 * trained * (2 if config.gradient_accumulation > 1 or shards > 1 else 1)
    optimizer = 8 * trained
    if config.optimizer == "muon":
        optimizer = 4 * min(inside, trained) + 8 * max(trained - inside, 0)
    norms = 2 * 4 * base.hidden_size * (2 if full else 1) + (5 * 2 if sixteen else 2 * 4) * base.hidden_size
    layer = tokens * (norms + 8 * wide * b + 4 * base.intermediate_size * b)
    scores = shards * base.heads * b * _count_pairs(lengths, here)
    if config.gradient_checkpointing:
        activations = base.layers * tokens * 4 * base.hidden_size + 2 * layer
        attention = 3 * scores
    else:
        activations = base.layers * layer + layer
        attention = base.layers * scores + 2 * scores
    logits = answers * base.vocab_size * (8 + b)
    ground = _CPU_BASE if cpu else _GPU_BASE
    asked = weights + gradients + optimizer + activations + attention + logits
    return Memory(
        weights=weights,
        gradients=gradients,
        optimizer=optimizer,
        activations=activations,
        attention=attention,
        logits=logits,
        base=ground,
        total=ground + _FRAGMENTS * asked,
    )


def _count_pairs(lengths: Lengths, rows: float) -> float:
    """Scores that are kept: the prompt with itself and with all rows, and each row with itself and what is above it."""
    own = rows * lengths.row
    return lengths.prompt**2 + own * lengths.prompt + own * 2 * (lengths.row + 32)


def count_operations(config: TrainConfig, base: Base, lengths: Lengths, rows: float, prompts: float) -> float:
    """Floating-point operations of training: 6 for each weight and token (forward 2, backward 2 for the inputs and 2
    for the weights; Kaplan et al. 2020, arXiv:2001.08361), without the last 2 for frozen weights, and 2 more for
    checkpointed layers; 12·H for each pair of tokens and layer; the head at answer tokens only. `prompts` is how often
    the system prompt is computed.
    """
    tokens = rows * lengths.row + prompts * lengths.prompt
    inside = base.parameters - base.vocab_size * base.hidden_size * (1 if base.tied else 2)
    each = (6 if config.lora is None else 4) + (2 if config.gradient_checkpointing else 0)
    with_prompt = config.prompt_share * rows * lengths.row * lengths.prompt + prompts * lengths.prompt**2
    pairs = with_prompt + rows * lengths.row**2
    heads = (12 + (4 if config.gradient_checkpointing else 0)) * base.layers * base.head_size * base.heads * pairs
    head = 6 * base.vocab_size * base.hidden_size * rows * lengths.answer
    return each * inside * tokens + heads + head


def estimate_disk(preset: Preset, base: Base, trained: float) -> float:
    """Bytes in the store: rows, two checkpoints (trained weights with the optimizer's state), the model in float32, the
    GGUF files, and the base's own weights in 16 bits."""
    sizes = {"F16": 2.0, "Q8_0": 1.06, "Q6_K": 0.82, "Q5_K_M": 0.71, "Q4_K_M": 0.61, "Q3_K_M": 0.49, "Q2_K": 0.4}
    files = sum(sizes[name] for name in {*preset.export.quantizations, "F16"}) * base.parameters
    own = 2 * base.parameters if preset.train.pretrained else 0
    return preset.data.train_rows * _ROW_DISK_BYTES + 2 * 12 * trained + 4 * base.parameters + files + own


def _advise(config: TrainConfig, base: Base, lengths: Lengths, device: Device) -> list[str]:
    """The first change that makes it fit: fewer rows at a time, checkpointed layers, a base in 4 bits, or several."""
    changes: list[tuple[str, TrainConfig]] = []
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
                factor = math.ceil(config.gradient_accumulation * config.batch_size / rows)
                if rows < (config.prompt_batch_size or config.batch_size):
                    words += [f"train.batch_size={rows}", f"train.gradient_accumulation={factor}"]
                    words += [f"train.prompt_batch_size={rows}"] if config.prompt_batch_size else []
                changes.append((" ".join(f"--set {word}" for word in words), tried))
    return [words for words, _ in changes if words] or [
        "no batch size fits, with checkpointed layers neither: take a smaller model, system prompt or a larger device"
    ]


def fit_batch(config: TrainConfig, base: Base, lengths: Lengths, device: Device) -> int | None:
    """The most rows in a micro-batch that fit, up to those asked for, halving; None if not even one does."""
    rows = config.prompt_batch_size or config.batch_size
    while rows >= 1:
        tried = config.model_copy(update={"batch_size": rows, "prompt_batch_size": None})
        shards = min(count_shards(config, device), rows)
        sixteen = device.precision.name != "fp32"
        memory = estimate_memory(tried, base, lengths, shards, sixteen=sixteen, cpu=device.is_cpu)
        if memory.total <= device.memory * GIB:
            return rows
        rows //= 2
    return None


def _read_shape(name_or_path: str) -> Base | None:
    """The shape that a local directory's config.json states."""
    import json

    path = Path(name_or_path) / "config.json"
    if not path.is_file():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    heads = found["num_attention_heads"]
    return Base(
        name=name_or_path,
        license="",
        architecture=found["model_type"],
        hidden_size=found["hidden_size"],
        layers=found["num_hidden_layers"],
        heads=heads,
        kv_heads=found.get("num_key_value_heads") or heads,
        head_size=found.get("head_dim") or found["hidden_size"] // heads,
        intermediate_size=found["intermediate_size"],
        vocab_size=found["vocab_size"],
        tied=bool(found.get("tie_word_embeddings", False)),
        context=found["max_position_embeddings"],
    )
