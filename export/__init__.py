"""Turns a trained model into GGUF files and proves that they tokenise and answer as it does."""
