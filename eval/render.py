"""Shows a report card: short in the terminal, whole as a page that stands alone, and as Markdown.

A model's replies are untrusted text: Jinja escapes them, rich gets them as plain text, Markdown leaves them out, and
control characters are spelt out everywhere.
"""

import html
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from eval.card import (
    HELPED_METRICS,
    METRIC_TITLES,
    SPLIT_TITLES,
    Card,
    find_answer_metric,
    list_facts,
    list_limits,
    title_series,
)
from eval.diff import diff_words
from eval.metrics import SERIES, list_metrics
from eval.named import NamedFigure
from eval.verdict import format_difference
from heimdall.refs import Score, Slice
from heimdall.text import make_visible

if TYPE_CHECKING:
    from rich.console import RenderableType

_MARKDOWN = re.compile(r"([\\`*_\[\]|#])")


def render_terminal(card: Card) -> "RenderableType":
    """A short card, to be given to `rich.console.Console.print`."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    style = {"ship": "bold green", "keep": "bold cyan", "reject": "bold red"}[card.outcome]
    head = Text.assemble((f" {card.outcome.upper()} ", f"{style} reverse"), "  ", (make_visible(card.title), "bold"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("")
    for title in ("n", "JSON", "action", "parses", "right answer", "95 %", "p50 ms"):
        table.add_column(title, justify="right", no_wrap=True)
    for series in SERIES:
        parts = [part for part in card.report.slices if part.family == series]
        if parts:
            table.add_row(Text(title_series(series), "bold"))
        for part in parts:
            scores, answer = part.scores, part.scores[find_answer_metric(series)]
            shares = (scores.get(name) for name in ("json_valid", "action_accuracy", "parse_rate"))
            table.add_row(
                f"  {SPLIT_TITLES[part.split]}",
                str(scores["judged"].n),
                *(format_value(score) if score else "" for score in shares),
                Text(format_value(answer), "bold"),
                format_bounds(answer),
                format_value(scores["latency_p50_ms"]),
            )
    named = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("NornicDB's own figures", "", "95 %", "n", "target", ""):
        named.add_column(title, justify="left" if title.startswith("N") else "right", no_wrap=True)
    for figure in card.named:
        shown = (format_named(figure), format_bounds(figure.score), str(figure.score.n))
        cells = (*shown, format_target(figure), format_met(figure))
        named.add_row(figure.name, *cells, style="red" if figure.met is False else "")
    lines = [Text(make_visible(reason), "" if is_met(reason) else "red") for reason in card.verdict.reasons]
    made_for = f"{card.report.prompt} prompt, contract {card.report.contract_source}"
    lines.append(Text(make_visible(f"{_describe_file(card)}; {made_for}"), "dim"))
    if card.verdict.noise:
        lines.append(Text(f"headline: {make_visible(card.verdict.noise)}", "dim"))
    return Group(head, Text(), table, Text(), named, Text(), *lines)


def render_suite(slices: Iterable[Slice]) -> list[str]:
    """The lines of a short table for a user's own questions, and how many of them could not be judged."""
    lines = []
    for part in slices:
        judged = part.scores["judged"]
        answer = find_answer_metric(part.family)
        lines.append(f"{title_series(part.family):<24}{'n':>6}{'':>10}  95 %")
        for name in (
            "json_valid",
            "action_accuracy",
            "parse_rate",
            "exact_match",
            answer,
            "judged",
        ):
            if score := part.scores.get(name):
                title = "right answer" if name == answer else METRIC_TITLES[name]
                lines.append(f"  {title:<22}{score.n:>6}{format_value(score):>10}  {format_bounds(score)}".rstrip())
        left_out = judged.n - round(judged.n * (judged.value or 0.0))
        if left_out:
            lines.append(
                f"  {left_out} of {judged.n} not judged: neither right nor wrong, and not in the right answer's n; "
                "examples.jsonl has the reasons."
            )
    return lines


def render_html(card: Card) -> str:
    """One page that needs nothing beside it and runs no script: styles and figures are inside."""
    from markupsafe import Markup

    from eval.figures import draw_figures
    from heimdall.page import render_page, to_svg

    measured = {series: _list_measured(card, series) for series in SERIES}
    return render_page(
        "eval",
        "card.html",
        make_filters(),
        card=card,
        facts=list_facts(card),
        limits=list_limits(card),
        figures={name: Markup(to_svg(figure)) for name, figure in draw_figures(card).items()},
        series=SERIES,
        free={series: [name for name in shown if name not in HELPED_METRICS] for series, shown in measured.items()},
        helped={series: [name for name in shown if name in HELPED_METRICS] for series, shown in measured.items()},
        title_series=title_series,
        split_titles=SPLIT_TITLES,
        metric_titles=METRIC_TITLES,
        find_answer_metric=find_answer_metric,
    )


def make_filters() -> "dict[str, Callable[..., Any]]":
    """How the pages' templates show what is in a report."""
    return {
        "value": format_value,
        "bounds": format_bounds,
        "size": format_size,
        "difference": format_difference,
        "met": is_met,
        "target": format_target,
        "figure_met": format_met,
        "named": format_named,
        "diff": diff_words,
    }


def render_markdown(card: Card) -> str:
    """The card for places that show Markdown. Replies are left out; they are on the page and in the examples file."""
    lines = [f"# {_escape(card.title)}: {card.outcome}", "", _escape(card.verdict.headline), ""]
    lines += [f"- {_escape(reason)}" for reason in card.verdict.reasons]
    if card.verdict.noise:
        lines += ["", f"Headline: {_escape(card.verdict.noise)}"]
    for series in SERIES:
        parts = [part for part in card.report.slices if part.family == series]
        if not parts:
            continue
        names = _list_measured(card, series)
        titles = " | ".join(METRIC_TITLES[name] for name in names)
        lines += ["", f"## {title_series(series)}", "", f"| | n | {titles} |"]
        lines += ["| --- |" + " ---: |" * (len(names) + 1)]
        for part in parts:
            scores = [part.scores[name] for name in names]
            cells = " | ".join(f"{format_value(score)} ({format_bounds(score)})" for score in scores)
            lines.append(f"| {SPLIT_TITLES[part.split]} | {part.scores['judged'].n} | {cells} |")
    lines += ["", "## NornicDB's own figures", "", "| | value | n | target | met | what was counted |"]
    lines += ["| --- | ---: | ---: | ---: | --- | --- |"]
    for figure in card.named:
        bounds = format_bounds(figure.score)
        value = format_named(figure) + (f" ({bounds})" if bounds else "")
        cells = f"{value} | {figure.score.n} | {format_target(figure)} | {format_met(figure)}"
        lines.append(f"| {figure.name} | {cells} | {figure.definition} |")
    if card.export is not None:
        lines += [
            "",
            "## Files",
            "",
            "| quantisation | size | bits per weight | ships |",
            "| --- | ---: | ---: | --- |",
        ]
        for name, file in card.export.files.items():
            ships = "yes" if name == card.export.ship else ""
            lines.append(f"| {name} | {format_size(file.artifact.size)} | {file.bits_per_weight:.2f} | {ships} |")
    lines += ["", "## Made for", "", *(f"- {name}: {_escape(value)}" for name, value in list_facts(card))]
    lines += ["", "## What these figures do not show", "", *(f"- {_escape(limit)}" for limit in list_limits(card))]
    return "\n".join(lines) + "\n"


def _list_measured(card: Card, series: str) -> list[str]:
    """The metrics of a series that some question of this evaluation says something about."""
    parts = [part for part in card.report.slices if part.family == series]
    return [name for name in list_metrics(series) if any(part.scores[name].n for part in parts)]


def format_value(score: Score) -> str:
    """`62.5 %`, `1.120`, `48`; a dash where nothing was measured."""
    if score.value is None:
        return "–"
    return _format_number(score.value, score) + (" %" if score.unit == "share" else "")


def format_bounds(score: Score) -> str:
    """`55.6–68.9`: the 95 % interval in the value's unit."""
    if score.low is None or score.high is None:
        return ""
    return f"{_format_number(score.low, score)}–{_format_number(score.high, score)}"


def format_named(figure: NamedFigure) -> str:
    """The value with its unit, also where a table's heading would not name it."""
    return format_value(figure.score) + (" ms" if figure.score.unit == "ms" and figure.score.value is not None else "")


def format_target(figure: NamedFigure) -> str:
    """`> 90 %`, `< 500 ms`; empty without a target."""
    sign, bound = (">", figure.above) if figure.above is not None else ("<", figure.below)
    if bound is None:
        return ""
    scale, unit = {"share": (100, " %"), "bytes": (1e-9, " GB"), "ms": (1, " ms")}.get(figure.score.unit, (1, ""))
    return f"{sign} {scale * bound:g}{unit}"


def format_met(figure: NamedFigure) -> str:
    """`met` or `missed`; empty without a target or a value."""
    return "" if figure.met is None else "met" if figure.met else "missed"


def _format_number(value: float, score: Score) -> str:
    if score.unit == "bytes":
        return format_size(value)
    if score.unit == "share":
        return f"{100 * value:.1f}"
    return f"{value:.3f}" if score.unit == "ratio" and value < 100 else f"{value:,.0f}"


def format_size(size: float) -> str:
    """Bytes in decimal megabytes: `6.3 MB`."""
    return f"{size / 1e6:,.1f} MB"


def is_met(reason: str) -> bool:
    """Whether a verdict's reason speaks for the model."""
    return reason.startswith("✓")


def _describe_file(card: Card) -> str:
    text = f"{card.report.model}, {format_size(card.report.model_bytes)}"
    if card.export is None:
        return text
    others = [f"{name} {format_size(file.artifact.size)}" for name, file in card.export.files.items()]
    return f"{text} (made: {', '.join(others)})"


def _escape(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", html.escape(make_visible(text).replace("\n", " "), quote=False))
