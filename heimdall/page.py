"""A page that stands alone: the style of all reports, figures in the page's colours, text that is only shown."""

import io
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from heimdall.text import make_visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What is drawn in these colours takes the page's own when it becomes SVG, so that one figure suits light and dark.
INK, ACCENT, SECOND, FAINT = "#1f2430", "#2f6fdf", "#c2571a", "#8a93a3"
_PAGE_COLORS = {INK: "currentColor", ACCENT: "var(--accent)", SECOND: "var(--second)", FAINT: "var(--faint)"}
STYLE = {
    "font.family": ["sans-serif"],
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # names in labels come from checkouts and data: `$` is a dollar
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": FAINT,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "svg.fonttype": "none",
}


def render_page(package: str, template: str, filters: Mapping[str, Callable[..., Any]], **values: Any) -> str:
    """One page that needs nothing beside it and runs no script: styles and figures are inside.

    The template lies in `package` and extends `page.html`. Values are escaped, with control characters spelt out.
    """
    import jinja2

    loaders = [jinja2.PackageLoader(package, "."), jinja2.PackageLoader("heimdall", ".")]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: make_visible(value) if type(value) is str else value,
    )
    environment.filters.update(filters)
    return environment.get_template(template).render(values)


def to_svg(figure: "Figure") -> str:
    """An `<svg>` element to be put into a page that defines `--accent`, `--second` and `--faint`."""
    import matplotlib as mpl

    buffer = io.StringIO()
    # Two figures on one page must not share ids, and the same figure must give the same bytes.
    with mpl.rc_context({**STYLE, "svg.hashsalt": figure.get_label()}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    for color, page_color in _PAGE_COLORS.items():
        text = text.replace(color, page_color)
    return text


def new_figure(name: str, width: float, height: float, rows: int = 1, columns: int = 1) -> "tuple[Figure, list[Axes]]":
    """A labelled figure of that size in inches, with its axes of the first row, or all of them row by row."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.set_label(name)
    axes: Any = figure.subplots(rows, columns, sharey=columns > 1, squeeze=False)
    return figure, list(axes.flat)
