"""Blocks of Cypher in the documentation."""

import re
from pathlib import Path

from heimdall.errors import InputError
from nornicdb.facts import DocQuery

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,}) *(?P<language>[\w-]*)")


def read_doc_queries(checkout: Path) -> tuple[DocQuery, ...]:
    """All fenced blocks that are marked as Cypher, in every Markdown file, by file and line."""
    found: list[DocQuery] = []
    paths = sorted(path for path in checkout.rglob("*.md") if ".git" not in path.relative_to(checkout).parts)
    for path in paths:
        name = path.relative_to(checkout).as_posix()
        try:
            found += _read_blocks(name, path.read_text(encoding="utf-8").splitlines())
        except UnicodeDecodeError as error:
            raise InputError(f"'{path}' is not valid UTF-8 ({error.reason}); check the checkout out again.") from error
    if not found:
        raise InputError(
            f"The documentation in '{checkout}' holds no block of Cypher; it has to be a NornicDB checkout."
        )
    return tuple(found)


def _read_blocks(name: str, lines: list[str]) -> list[DocQuery]:
    found, heading, start = [], "", 0
    fence = None
    for number, line in enumerate(lines, start=1):
        mark = _FENCE.match(line)
        if fence is None:
            if mark:
                fence, start = mark, number
            elif line.startswith("#"):
                heading = line.strip("# ")
        elif mark and mark["fence"].startswith(fence["fence"]) and not mark["language"]:
            if fence["language"].lower() == "cypher":
                indent = len(fence["indent"])
                text = "\n".join(each[indent:] for each in lines[start : number - 1]).strip()
                if text:
                    found.append(DocQuery(name=heading, file=name, line=start + 1, text=text))
            fence = None
    return found
