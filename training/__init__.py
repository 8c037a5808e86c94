"""Rows to tokens to a model: the tokenizer, the batches with their shared prefix, and the training child process."""
