"""Shows a comparison: its right answers and flips in the terminal, everything as a page that stands alone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from eval.card import METRIC_TITLES, SPLIT_TITLES, find_answer_metric, title_series
from eval.compare import ComparedScore, Comparison
from eval.diff import diff_words
from eval.render import format_bounds, format_size, format_value, make_filters
from heimdall.page import render_page
from heimdall.refs import Score
from heimdall.text import make_visible

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

FLIPS_IN_TERMINAL = 6


def render_comparison(comparison: Comparison) -> "RenderableType":
    """The right answers of every slice, whatever else moved, and some flips; for `rich.console.Console.print`."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    head = [Text(make_visible(f"{letter}  {line}")) for letter, line in zip("AB", list_sides(comparison), strict=True)]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("", "A", "95 %", "B", "95 %", "B - A, points", "95 %", "gained", "lost", "of"):
        table.add_column(title, justify="right" if title else "left", no_wrap=True)
    before: tuple[str, str] | None = None
    for each in _choose_rows(comparison.scores):
        if before != (place := (each.series, each.split)):
            table.add_row(Text(f"{title_series(each.series)}, {SPLIT_TITLES[each.split]}", "bold"))
            before = place
        table.add_row(
            f"  {METRIC_TITLES[each.metric]}",
            *(shown for score in (each.first, each.second) for shown in _show_score(score)),
            *_show_difference(each),
            style=_choose_style(each),
        )
    gained = sum(flip.gained for flip in comparison.flips)
    lines = [
        Text(),
        Text(f"{comparison.flips_total} questions flipped, {gained} gained of the {len(comparison.flips)} kept"),
    ]
    for flip in comparison.flips[:FLIPS_IN_TERMINAL]:
        where = f"{title_series(flip.first.series)}, {SPLIT_TITLES[flip.first.split]}"
        lines.append(Text())
        lines.append(Text(f"{'gained' if flip.gained else 'lost'}  {where}", "green" if flip.gained else "red"))
        lines.append(Text(make_visible(f"  asked     {flip.first.question}")))
        lines.append(Text(make_visible(f"  expected  {flip.first.expected}")))
        lines.append(Text(make_visible(f"  A         {flip.first.reply}")))
        lines.append(Text("  B         ") + _diff(flip.first.reply, flip.second.reply))
    return Group(*head, Text(), table, *lines)


def render_comparison_html(comparison: Comparison) -> str:
    """One page that needs nothing beside it and runs no script."""
    return render_page(
        "eval",
        "compare.html",
        make_filters(),
        comparison=comparison,
        sides=list_sides(comparison),
        places=list(dict.fromkeys((each.series, each.split) for each in comparison.scores)),
        find_answer_metric=find_answer_metric,
        title_series=title_series,
        split_titles=SPLIT_TITLES,
        metric_titles=METRIC_TITLES,
        style_of=_choose_style,
    )


def list_sides(comparison: Comparison) -> list[str]:
    """What A and B are, in one line each."""
    return [
        f"{name}: {report.model}, SHA-256 {report.model_sha256[:12]}, {format_size(report.model_bytes)}"
        for name, report in zip(comparison.names, comparison.reports, strict=True)
    ]


def _choose_rows(scores: Sequence[ComparedScore]) -> list[ComparedScore]:
    """The right answers, and every other share that moved."""
    return [
        each
        for each in scores
        if each.metric == find_answer_metric(each.series)
        or (each.difference is not None and each.difference.gained + each.difference.lost > 0)
    ]


def _show_score(score: Score) -> tuple[str, str]:
    return format_value(score), format_bounds(score)


def _show_difference(each: ComparedScore) -> tuple[str, ...]:
    found = each.difference
    if found is None:
        return ("–", "", "", "", "0")
    bounds = f"{100 * found.low:+.1f} to {100 * found.high:+.1f}"
    return f"{100 * found.value:+.1f}", bounds, str(found.gained), str(found.lost), str(found.n)


def _choose_style(each: ComparedScore) -> str:
    """Green or red where the interval of the difference lies beside zero."""
    if each.difference is None or each.difference.low <= 0 <= each.difference.high:
        return ""
    return "green" if each.difference.low > 0 else "red"


def _diff(first: str, second: str) -> "Text":
    from rich.text import Text

    pieces = diff_words(first, second)
    if not pieces:
        return Text(make_visible(second))
    styles = {"same": "", "missing": "red strike", "added": "green underline"}
    return Text.assemble(*((make_visible(piece.text), styles[piece.kind]) for piece in pieces))
