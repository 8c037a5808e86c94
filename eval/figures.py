"""The report card's figures, drawn once: matplotlib figures for MLflow, and SVG that follows the page's colours."""

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

from eval.card import NO_ACTION, SPLIT_TITLES, Card, ShareBin, find_answer_metric, title_series
from eval.metrics import SERIES
from heimdall.page import ACCENT, FAINT, INK, SECOND, STYLE, new_figure
from heimdall.rows import SPLITS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PANELS = 3  # side by side


def draw_figures(card: Card) -> "dict[str, Figure]":
    """All figures there is something to draw for: `scores`, and where known `curve`, `confusion`, `latency`,
    `reliability` and `length`."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        drawn = {"scores": _draw_scores(card)}
        if card.curve:
            drawn["curve"] = _draw_curve(card)
        if card.confusion:
            drawn["confusion"] = _draw_confusion(card)
        if card.latency_ms:
            drawn["latency"] = _draw_latency(card)
        if card.reliability:
            drawn["reliability"] = _draw_reliability(card)
        if card.lengths:
            drawn["length"] = _draw_length(card)
    return drawn


def _draw_scores(card: Card) -> "Figure":
    """Share of right answers per split with its interval, one panel per family; a diamond marks the champion."""
    shown = [series for series in SERIES if any(part.family == series for part in card.report.slices)]
    splits = [split for split in SPLITS[::-1] if any(part.split == split for part in card.report.slices)]
    rows, columns = -(-len(shown) // _PANELS), min(len(shown), _PANELS)
    figure, axes = new_figure("scores", 10.7, rows * (0.9 + 0.42 * len(splits)), rows, columns)
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis, series in zip(axes, shown, strict=False):
        for report, is_champion in ((card.report, False), (card.champion, True)):
            for part in report.slices if report else ():
                score = part.scores[find_answer_metric(series)] if part.family == series else None
                if score is None or score.value is None or part.split not in splits:
                    continue
                y = splits.index(part.split)
                if is_champion:
                    axis.plot(100 * score.value, y, "D", color=SECOND, markersize=5, label="champion")
                    continue
                bounds = [[100 * (score.value - (score.low or 0))], [100 * ((score.high or 0) - score.value)]]
                axis.barh(y, 100 * score.value, height=0.56, color=ACCENT, alpha=0.75, label="this model")
                axis.errorbar(100 * score.value, y, xerr=bounds, color=INK, capsize=3, linewidth=1.1)
        axis.set_title(title_series(series))
        axis.set_xlim(0, 100)
        axis.set_yticks(range(len(splits)), [SPLIT_TITLES[split] for split in splits])
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x")
        axis.set_axisbelow(True)
        axis.set_xlabel("right answers, %")
    if card.champion is not None:
        handles = {label: handle for handle, label in zip(*axes[0].get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=2)
    return figure


def _draw_curve(card: Card) -> "Figure":
    figure, (axis,) = new_figure("curve", 5.0, 3.0)
    for name, color, style in (("training", ACCENT, "-"), ("validation", SECOND, "o--")):
        points = sorted((point.step, point.loss) for point in card.curve if point.name == name)
        if points:
            axis.plot(*zip(*points, strict=True), style, color=color, linewidth=1.3, markersize=3.5, label=name)
    axis.set_title("Loss on answers")
    axis.set_xlabel("optimiser step")
    axis.set_ylabel("nats per token")
    axis.set_ylim(bottom=0)
    axis.grid()
    axis.legend()
    return figure


def _draw_confusion(card: Card) -> "Figure":
    """Rows: what was expected; columns: what was answered. Shaded by the row's share, with counts."""
    expected = sorted({cell.expected for cell in card.confusion})
    got = sorted({cell.got for cell in card.confusion} | set(expected), key=lambda name: (name == NO_ACTION, name))
    asked = {name: sum(cell.n for cell in card.confusion if cell.expected == name) for name in expected}
    figure, (axis,) = new_figure("confusion", 3.2 + 0.46 * len(got), 2.0 + 0.3 * len(expected))
    for cell in card.confusion:
        x, y, share = got.index(cell.got), expected.index(cell.expected), cell.n / asked[cell.expected]
        color = ACCENT if cell.got == cell.expected else SECOND
        axis.add_patch(_make_square(x, y, color, 0.12 + 0.55 * share))
        axis.text(x, y, str(cell.n), ha="center", va="center", fontsize=8)
    axis.set_xlim(-0.5, len(got) - 0.5)
    axis.set_ylim(len(expected) - 0.5, -0.5)
    axis.set_xticks(range(len(got)), got, rotation=38, ha="right", rotation_mode="anchor", fontsize=8)
    axis.set_yticks(range(len(expected)), expected, fontsize=8)
    axis.tick_params(length=0)
    axis.set_ylabel("expected")
    axis.set_xlabel("answered")
    return figure


def _make_square(x: float, y: float, color: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.47, y - 0.47), 0.94, 0.94, facecolor=color, alpha=alpha, linewidth=0)


def _draw_reliability(card: Card) -> "Figure":
    """Share of right answers against the mean confidence of each bin; on the diagonal the model is calibrated."""
    figure, (axis,) = new_figure("reliability", 5.0, 3.0)
    axis.plot([0, 100], [0, 100], color=FAINT, linestyle="--", linewidth=1.1, label="calibrated")
    _draw_bins(axis, card.reliability, 100, ACCENT, "answers by confidence")
    axis.set_title("Confidence and right answers")
    axis.set_xlabel("confidence, %")
    axis.set_ylabel("right answers, %")
    axis.set_xlim(-2, 102)
    axis.set_ylim(-2, 102)
    axis.grid()
    axis.legend()
    return figure


def _draw_length(card: Card) -> "Figure":
    """Share of right answers against the length of the expected one, one line per family."""
    figure, (axis,) = new_figure("length", 5.0, 3.0)
    for (family, bins), color in zip(card.lengths.items(), cycle((ACCENT, SECOND, INK, FAINT)), strict=False):
        _draw_bins(axis, bins, 1, color, title_series(family))
    axis.set_title("Length and right answers")
    axis.set_xlabel("characters of the expected answer")
    axis.set_ylabel("right answers, %")
    axis.set_xlim(left=0)
    axis.set_ylim(-2, 102)
    axis.grid()
    axis.legend()
    return figure


def _draw_bins(axis: "Axes", bins: Sequence[ShareBin], scale: float, color: str, label: str) -> None:
    """A line through the bins' shares with their intervals."""
    drawn = [
        (scale * part.mean, 100 * (s.value or 0), 100 * (s.low or 0), 100 * (s.high or 0))
        for part in bins
        for s in (part.right,)
    ]
    bounds = [[y - low for _, y, low, _ in drawn], [high - y for _, y, _, high in drawn]]
    line: dict[str, Any] = {"color": color, "linewidth": 1.3, "markersize": 3.5, "capsize": 2, "elinewidth": 0.9}
    axis.errorbar([x for x, *_ in drawn], [y for _, y, _, _ in drawn], yerr=bounds, fmt="o-", label=label, **line)


def _draw_latency(card: Card) -> "Figure":
    import numpy as np

    figure, (axis,) = new_figure("latency", 5.0, 3.0)
    times = np.array(card.latency_ms)
    median, tail = np.quantile(times, (0.5, 0.95))
    # The slowest hundredth would flatten everything else; it is counted in the last bar.
    axis.hist(np.minimum(times, np.quantile(times, 0.99)), bins=40, color=ACCENT, alpha=0.75)
    for value, name, style in ((median, "p50", "-"), (tail, "p95", "--")):
        axis.axvline(value, color=INK, linestyle=style, linewidth=1.1, label=f"{name} {value:,.0f} ms")
    axis.set_title("Time to the full reply")
    axis.set_xlabel("ms")
    axis.set_ylabel("questions")
    axis.set_xlim(left=0)
    axis.legend()
    return figure
