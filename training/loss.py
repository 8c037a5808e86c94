"""The loss of a batch with a shared prefix: cross-entropy on answer tokens only, the same as for each row by itself."""

from typing import TYPE_CHECKING

from training.batches import IGNORED, Batch

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel


def sum_loss(model: "PreTrainedModel", batch: Batch) -> tuple["torch.Tensor", int]:
    """The summed negative log-likelihood of the batch's answer tokens, in nats, and their number.

    The prefix is computed once and its keys and values are shared by all sequences, gradients included. Logits are made
    for the positions before answer tokens only.
    """
    import torch
    from torch.nn import functional
    from transformers import DynamicCache

    decoder, head = model.get_decoder(), model.get_output_embeddings()
    sequences = batch.ids.shape[0]
    cache = DynamicCache(config=model.config)
    if batch.prefix.numel():
        decoder(batch.prefix, use_cache=True, past_key_values=cache)
        cache.batch_repeat_interleave(sequences)
    dtype = (
        torch.get_autocast_dtype(batch.ids.device.type)
        if torch.is_autocast_enabled(batch.ids.device.type)
        else model.dtype
    )
    mask = torch.zeros(batch.visible.shape, dtype=dtype, device=batch.ids.device)
    mask = mask.masked_fill(~batch.visible, torch.finfo(dtype).min)
    hidden = decoder(
        batch.ids, attention_mask=mask, position_ids=batch.positions, past_key_values=cache, use_cache=True
    ).last_hidden_state
    # A branch's tokens are contiguous, so the token before an answer token is the one that predicts it.
    targets = batch.labels[:, 1:]
    wanted = targets != IGNORED
    logits = head(hidden[:, :-1][wanted])
    return functional.cross_entropy(logits.float(), targets[wanted], reduction="sum"), int(wanted.sum())
