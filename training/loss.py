"""The loss of a batch with a shared prefix: cross-entropy on answer tokens only, the same as for each row by itself."""

from typing import TYPE_CHECKING

from training.batches import IGNORED, Batch

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

_ANSWER_STEP = 64
LOGITS = 2**27  # at once; of a vocabulary of 150 000 those of 832 answer tokens, in ten bytes each


def sum_loss(model: "PreTrainedModel", batch: Batch) -> tuple["torch.Tensor", int]:
    """The summed negative log-likelihood of the batch's answer tokens, in nats, and their number.

    The model must attend by `training.attention`. Logits are made for the positions before answer tokens only, and
    where those are many, in chunks that the backward pass computes again.
    """
    import torch
    from torch.nn import functional
    from torch.utils.checkpoint import checkpoint

    from training.tree import Tree

    decoder, head = model.get_decoder(), model.get_output_embeddings()
    tree = Tree(batch, decoder.config.num_attention_heads)
    hidden = decoder(batch.ids, position_ids=batch.positions, use_cache=False, tree=tree).last_hidden_state[0]
    # A branch's tokens are contiguous, so the token before an answer token is the one that predicts it.
    targets = batch.labels[0, 1:]
    wanted = (targets != IGNORED).nonzero()[:, 0]
    count = len(wanted)
    # Rounded up by positions that are learnt from nowhere: a new shape costs oneDNN a new primitive.
    places = functional.pad(wanted, (0, -count % _ANSWER_STEP))
    targets = functional.pad(targets[wanted], (0, -count % _ANSWER_STEP), value=IGNORED)

    def measure(hidden: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        logits = head(hidden)
        exact = logits.to(torch.promote_types(logits.dtype, torch.float32))
        return functional.cross_entropy(exact, targets, reduction="sum")

    size = max(LOGITS // decoder.config.vocab_size // _ANSWER_STEP, 1) * _ANSWER_STEP
    if len(targets) <= size:
        return measure(hidden[places], targets), count
    chunks = zip(torch.split(hidden[places], size), torch.split(targets, size), strict=True)
    sums = [checkpoint(measure, *chunk, use_reentrant=False, preserve_rng_state=False) for chunk in chunks]
    return sum(sums[1:], sums[0]), count
