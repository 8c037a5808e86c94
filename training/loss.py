"""The loss of a batch with a shared prefix: cross-entropy on answer tokens only, the same as for each row by itself."""

from typing import TYPE_CHECKING

from training.batches import IGNORED, Batch

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def sum_loss(model: "PreTrainedModel", batch: Batch) -> tuple["torch.Tensor", int]:
    """The summed negative log-likelihood of the batch's answer tokens, in nats, and their number.

    The model must attend by `training.attention`. Logits are made for the positions before answer tokens only.
    """
    from torch.nn import functional

    from training.attention import Tree

    decoder, head = model.get_decoder(), model.get_output_embeddings()
    tree = Tree(batch, decoder.config.num_attention_heads)
    hidden = decoder(batch.ids, position_ids=batch.positions, use_cache=False, tree=tree).last_hidden_state[0]
    # A branch's tokens are contiguous, so the token before an answer token is the one that predicts it.
    targets = batch.labels[0, 1:]
    wanted = targets != IGNORED
    logits = head(hidden[:-1][wanted])
    return functional.cross_entropy(logits.float(), targets[wanted], reduction="sum"), int(wanted.sum())
