"""The data set card: what is in the directory, how it was made and how to load it, in the Hugging Face Hub's form."""

from collections.abc import Sequence
from typing import Any

from datagen.actions import match_actions
from heimdall.config import DataConfig
from heimdall.rows import SPLITS, Row
from nornicdb.contract import Contract
from nornicdb.facts import Facts

_CARD = """---
license: mit
language: [en]
task_categories: [text-generation]
configs:
- config_name: default
  data_files:
{files}
---
# Heimdall data set

Requests to NornicDB's assistant with their one right answer, made by a generator (no model wrote any row) and proven by
execution: every query runs on {graphs} small graphs, is never empty, and differs from most of its single-step mutants.

- contract: `{source}`, digest `{digest}`; system prompt `{prompt}`, added when a row is used
{facts}{unasked}- seed {seed}; {schemas} schemas, {invented:.0%} of their words invented
- {skeletons} query skeletons, {derivations} distinct derivations (skeleton and wording)
{classes}- {killed} of {mutants} mutants told apart; queries whose graphs tell too few apart were discarded before

| split | rows | what is new to a model that saw only `train` |
| --- | --- | --- |
{splits}

```python
from datasets import load_dataset
rows = load_dataset("json", data_files={{"train": "train.jsonl", "test": "test_schema.jsonl"}})
```

`graphs.jsonl` holds, for every schema outside `train`, the graphs on which answers are executed.

## Examples
{examples}
"""
_NEW = {
    "train": "",
    "validation": "sentences and schemas",
    "test_iid": "sentences and schemas, from the same words",
    "test_schema": "schemas whose nouns, relationships and properties are held out",
    "test_composition": "pairs of operators",
    "test_phrasing": "wordings",
    "test_fact": "facts and cases",
}


def render_card(
    config: DataConfig, contract: Contract, facts: Facts | None, summary: dict[str, Any], examples: Sequence[Row]
) -> str:
    """The card as Markdown with the Hub's YAML header."""
    splits = [split for split in SPLITS if split in summary["splits"]]
    asked = match_actions(contract).values()
    unasked = [name for name in contract.action_names if name not in asked]
    shown = "\n".join(f"```text\n{row.question}\n→ {row.answer}\n```" for row in examples)
    return _CARD.format(
        files="\n".join(f"  - split: {split}\n    path: {split}.jsonl" for split in splits),
        graphs=config.graphs_per_schema,
        source=contract.source,
        digest=contract.digest,
        facts=f"- facts about NornicDB: `{facts.source}`\n" if facts is not None else "",
        unasked=f"- no request asks for {', '.join(unasked)}\n" if unasked else "",
        prompt=config.prompt,
        seed=config.seed,
        schemas=summary["schemas"],
        invented=config.invented_share,
        skeletons=summary["skeletons"],
        derivations=summary["distinct_derivations"],
        classes=_list_classes(config, summary["categories"]),
        killed=summary["killed"],
        mutants=summary["mutants"],
        splits="\n".join(f"| {split} | {summary['splits'][split]} | {_NEW[split]} |" for split in splits),
        examples=shown,
    )


def _list_classes(config: DataConfig, categories: dict[str, int]) -> str:
    """How the Cypher rows fall into classes, where the preset mixes them."""
    if len(config.cypher_mix) == 1 and not config.refusal_share:
        return ""
    total = sum(categories.values())
    listed = ", ".join(f"{name} {count / total:.1%}" for name, count in categories.items())
    return f"- Cypher rows by category: {listed}\n"
