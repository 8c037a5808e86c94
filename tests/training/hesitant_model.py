"""A tiny model that answers every question with yes or no, one as likely as the other, and questions to practise."""

from pathlib import Path
from typing import Any

import torch
from tiny_models import build_model, build_tokenizer

from cypher.graph import GRAPHS
from eval.practice import QUESTIONS
from heimdall.answers import TextAnswer
from heimdall.records import write_records
from heimdall.rows import Message, Row
from nornicdb.prompts import render_chatml

WORDS = ("Person", "nodes", "age", "LIMIT", "count", "total", "database", "query")


def make_question(word: str) -> Row:
    """One whose right answer is yes."""
    turns = (Message(role="user", content=f"how many {word}"), Message(role="assistant", content="yes"))
    return Row(
        id=f"train-general-{word}",
        family="general",
        split="train",
        prompt="chat",
        messages=turns,
        expected=TextAnswer(text="yes"),
    )


def save_practice(directory: Path) -> Path:
    """What `eval.practice.draw_practice` leaves."""
    directory.mkdir()
    write_records(directory / QUESTIONS, map(make_question, WORDS))
    write_records(directory / GRAPHS, [])
    return directory


def save_hesitant_model(directory: Path) -> Path:
    """Taught both answers to each question, a few hundred tokens in all."""
    tokenizer = build_tokenizer()
    model: Any = build_model("qwen2", hidden_size=64, intermediate_size=128, num_attention_heads=2)
    texts = [
        render_chatml(None, make_question(word).messages[:-1]) + f"{answer}<|im_end|>"
        for word in WORDS
        for answer in ("yes", "no")
    ]
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    labels = encoded["input_ids"].masked_fill(encoded["attention_mask"] == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(60):
        loss = model(**encoded, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory
