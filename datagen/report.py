"""Shows a report on data: short in the terminal, whole as a page that stands alone.

Rows are untrusted text: Jinja escapes them, rich gets them as plain text, and control characters are spelt out.
"""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from datagen.diversity import BLEU_SAMPLE, GZIP_ANCHOR, Diversity
from datagen.validation import DataReport
from heimdall.refs import Check
from heimdall.text import make_visible

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import RenderableType

_BARS = 40  # kinds of rows that are drawn; the others are one bar


def list_reasons(report: DataReport) -> list[str]:
    """Why the data may or may not be trained on: every check that failed, in a sentence, or that none did."""
    failed = [check for check in report.validation.checks if not check.passed]
    if not failed:
        return [f"All {len(report.validation.checks)} checks passed."]
    return [f"{check.name}: {format_value(check)}, the limit is {check.limit}." for check in failed]


def render_terminal(report: DataReport) -> "RenderableType":
    """A short report, to be given to `rich.console.Console.print`."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    passed = report.validation.passed
    style = "bold green reverse" if passed else "bold red reverse"
    head = Text.assemble((" PASS " if passed else " FAIL ", style), f"  {report.validation.rows} rows")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("", "check", "value", "limit"):
        table.add_column(title, justify="right" if title == "value" else "left")
    for check in report.validation.checks:
        mark = Text("ok", "green") if check.passed else Text("FAIL", "bold red")
        table.add_row(mark, Text(make_visible(check.name)), format_value(check), check.limit)
    examples = [
        Text(f"{check.name}: {make_visible(example)}", "red" if place == 0 else "dim")
        for check in report.validation.checks
        if not check.passed
        for place, example in enumerate(check.examples)
    ]
    lines = [
        Text(make_visible(f"{source.name}: {source.rows} rows, {source.form}, {source.unreadable} unreadable"), "dim")
        for source in report.sources
    ]
    facts = [Text(f"{name}: {value}") for name, value in list_facts(report)]
    return Group(head, *lines, Text(), table, Text(), *examples, *([Text()] if examples else []), *facts)


def render_html(report: DataReport) -> str:
    """One page that needs nothing beside it and runs no script."""
    from markupsafe import Markup

    from heimdall.page import render_page, to_svg

    return render_page(
        "datagen",
        "report.html",
        {"value": format_value},
        report=report,
        reasons=list_reasons(report),
        facts=list_facts(report),
        limits=list_limits(report),
        figures={name: Markup(to_svg(figure)) for name, figure in draw_figures(report).items()},
    )


def draw_figures(report: DataReport) -> "dict[str, Figure]":
    """Bars of `splits` and `kinds` of rows, and of `lengths` where a tokenizer counted them."""
    import matplotlib as mpl

    from heimdall.page import ACCENT, STYLE, new_figure

    splits, kinds = Counter[str](), Counter[str]()
    for group in report.groups:
        splits[group.split] += group.rows
        kinds[group.kind] += group.rows
    most = kinds.most_common(_BARS)
    others = [("others", kinds.total() - sum(rows for _, rows in most))] if len(kinds) > _BARS else []
    bars = {"splits": ("Rows of each split", list(splits.items())), "kinds": ("Rows of each kind", [*most, *others])}
    if report.lengths is not None:
        names = [f"≤ {part.size}" if part.size else "more" for part in report.lengths.classes]
        counts = [part.rows for part in report.lengths.classes]
        bars["lengths"] = ("Rows by the context they need, in tokens", list(zip(names, counts, strict=True)))
    drawn = {}
    with mpl.rc_context(STYLE):
        for name, (title, values) in bars.items():
            figure, (axis,) = new_figure(name, 8.0, 0.9 + 0.28 * max(len(values), 1))
            for place, (_, count) in enumerate(reversed(values)):
                axis.barh(place, count, height=0.62, color=ACCENT, alpha=0.75)
                axis.text(count, place, f" {count:,}", va="center", fontsize=8)
            axis.set_yticks(range(len(values)), [make_visible(label) for label, _ in reversed(values)])
            axis.tick_params(axis="y", length=0)
            axis.set_title(title)
            axis.margins(x=0.12, y=0.01)
            drawn[name] = figure
    return drawn


def list_facts(report: DataReport) -> list[tuple[str, str]]:
    """Figures that have no limit, as names and values."""
    facts = list[tuple[str, str]]()
    if report.lengths is not None:
        found = report.lengths
        facts.append(("tokens", f"mean {found.mean:.1f}, 95th percentile {found.p95}, maximum {found.maximum}"))
        facts.append(("recommended context", str(found.recommended)))
    if report.diversity is not None:
        facts += _describe_diversity(report.diversity)
    if report.difference is not None:
        changed = report.difference
        counts = f"{changed.new} new, {changed.changed} changed, {changed.same} as before, {changed.gone} gone"
        facts.append(("against the other data", counts))
    facts.append(("contract", report.contract))
    if report.tokenizer is not None:
        facts.append(("tokenizer", report.tokenizer))
    return facts


def list_limits(report: DataReport) -> list[str]:
    """What the figures do not show, in sentences."""
    limits = [
        "Near duplicates are found by hashing, which misses some pairs just above the threshold.",
        "distinct-n, self-BLEU and the gzip ratio are of a sample of fixed size, since they depend on the number of "
        "questions; figures of other sample sizes cannot be compared with them.",
        "A secret or personal datum in a form that no pattern knows is not found.",
    ]
    if report.lengths is None:
        limits.append("Lengths were not counted, for want of a tokenizer: name one with --tokenizer.")
    if not any(check.name == "queries_that_do_not_run" for check in report.validation.checks):
        limits.append("No query was run, for want of graphs: they lie in a data set directory's graphs.jsonl.")
    return limits


def format_value(check: Check) -> str:
    """`3` for a number, `0.0123` for a share."""
    return f"{check.value:.0f}" if check.value == int(check.value) else f"{check.value:.4g}"


def _describe_diversity(found: Diversity) -> Iterator[tuple[str, str]]:
    shares = ", ".join(f"{share:.3f}" for share in found.distinct)
    yield f"distinct-1/2/3 of {found.sampled} questions", shares
    yield "questions that differ without values and names", f"{found.delexicalized} of {found.questions}"
    if found.skeletons is not None:
        yield "query skeletons", f"{found.skeletons}, entropy {found.skeleton_entropy:.2f} bits"
    if found.self_bleu is not None:
        yield f"self-BLEU-4 of {min(found.sampled, BLEU_SAMPLE)} questions", f"{found.self_bleu:.3f}"
    verdict = "varied" if found.gzip_ratio < GZIP_ANCHOR else "repetitive"
    yield "gzip ratio of the questions", f"{found.gzip_ratio:.1f} ({verdict}: the published anchor is {GZIP_ANCHOR:g})"
