"""Charts as SVG or PNG, drawn by matplotlib, which is loaded for nothing else.

The same input gives the same file: no date, and ids that follow from the content. Text in SVG stays text (matplotlib
escapes it), so that readers can search for it and their own fonts draw it; `$` does not start a formula.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

from mqttdissect.analysis.statistics import Statistics
from mqttdissect.output.charts import Bars, Chart, Lines, all_payloads, charts
from mqttdissect.output.tables import FORMS, cut
from mqttdissect.output.units import duration, nice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OVERVIEW = ("rates", "connections", "types", "topics", "clients", "qos", "times")
FEW = 12  # charts that stand two side by side; three, where there are more
MOST_BARS = 200  # of a chart that has no order of its own
MOST_INTERVALS = 200
LEAST_COLUMNS = 6  # of a histogram: one alone would look like a wall
LONGEST = 36  # characters of a label
COLOURS = ("#1f77b4", "#d9569b", "#8c6d1f")  # told apart with any kind of colour vision
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "mqttdissect",
    "text.parse_math": False,
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
}
INCHES_WIDE = 6.4
INCHES_HIGH = 2.8  # or more, for many bars
INCHES_OF_BAR = 0.17


def draw(statistics: Statistics, names: tuple[str, ...], path: str, form: str, rows: int) -> list[str]:
    """Write the charts of tables, or of the overview, to a file. form: svg or png. rows: bars of a chart.

    Returns what was asked for by name and is not drawn, in words.

    Raises `OSError` if it cannot be written, `ValueError` if there is nothing to draw.
    """
    wanted, missing = chosen(statistics, names, min(rows, MOST_BARS))
    if not wanted:
        raise ValueError("there is nothing to draw")
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that no font has
        across = 1 if len(wanted) == 1 else 2 if len(wanted) <= FEW else 3
        heights = [max(map(height, wanted[at : at + across])) for at in range(0, len(wanted), across)]
        figure = Figure(figsize=(INCHES_WIDE * across, sum(heights)), layout="constrained")
        grid = figure.add_gridspec(len(heights), across, height_ratios=heights)
        for number, chart in enumerate(wanted):
            axes = figure.add_subplot(grid[number])
            axes.set_gid(f"chart-{chart.name}")
            axes.set_title(chart.title)
            put(axes, chart)
        metadata: dict[str, Any] = {"Date": None, "Creator": "mqttdissect"} if form == "svg" else {"Software": None}
        figure.savefig(path, format=form, dpi=120, metadata=metadata)
    return missing


def chosen(statistics: Statistics, names: tuple[str, ...], rows: int) -> tuple[list[Chart], list[str]]:
    """What to draw: all charts of what was asked for, or one of each for the overview; and what is missing."""
    found: list[Chart] = []
    missing: list[str] = []
    for name in names or OVERVIEW:
        made = [chart for chart in charts(name, statistics, MOST_INTERVALS, rows) if has_data(chart)]
        if names:
            found += made
            missing += [lack(name, chart) for chart in made if isinstance(chart, Bars) and chart.whole]
            missing += [] if made else [f"nothing of {name}"]
        else:
            found += busiest(made, 2) if name == "times" else made[:1]
    return found if names else found + all_payloads(statistics), missing


def lack(name: str, chart: Bars) -> str:
    """That bars are left out, and what draws them."""
    more = f", --top {chart.whole} draws all" if chart.whole <= MOST_BARS else ""
    return f"only the first {len(chart.labels):,} of {chart.whole:,} {name}{more}"


def height(chart: Chart) -> float:
    """Inches that it needs."""
    if isinstance(chart, Lines) or chart.ordered:
        return INCHES_HIGH
    return max(INCHES_HIGH, (len(chart.labels) + 4) * INCHES_OF_BAR)


def busiest(made: list[Chart], count: int) -> list[Chart]:
    """Those histograms with the most values."""
    return sorted(made, key=lambda chart: -sum(chart.values) if isinstance(chart, Bars) else 0)[:count]


def has_data(chart: Chart) -> bool:
    """Is there anything to draw?"""
    return bool(chart.labels) if isinstance(chart, Bars) else bool(chart.starts and chart.lines)


def put(axes: Axes, chart: Chart) -> None:
    """Draw one."""
    if isinstance(chart, Lines):
        lines(axes, chart)
    elif chart.ordered:
        columns(axes, chart)
    else:
        rows_of_bars(axes, chart)


def lines(axes: Axes, chart: Lines) -> None:
    """Levels over time."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

    edges = [*chart.starts, chart.end]
    for number, (name, values) in enumerate(chart.lines):
        colour = COLOURS[number % len(COLOURS)]
        axes.stairs(values, edges, label=name, color=colour, linewidth=1.4, gid=f"{chart.name}-{number}")
        axes.stairs(values, edges, color=colour, fill=True, alpha=0.12)
    axes.set_xlim(0, chart.end)
    axes.set_ylim(bottom=0)
    if chart.form == "count":
        axes.yaxis.set_major_locator(MaxNLocator("auto", integer=True))
    axes.xaxis.set_major_locator(MultipleLocator(nice(chart.end / 6)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: duration(round(value, 9) * 1e9)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: FORMS[chart.form](max(value, 0.0))))
    if len(chart.lines) > 1:
        axes.legend(loc="best", frameon=False)


def columns(axes: Axes, chart: Bars) -> None:
    """A histogram."""
    from matplotlib.ticker import FuncFormatter

    places = range(len(chart.labels))
    axes.bar(places, chart.values, width=0.9, color=COLOURS[0], gid=f"{chart.name}-bars")
    axes.set_xticks(list(places), chart.labels, rotation=35, ha="right", rotation_mode="anchor", fontsize=7)
    axes.set_xlim(-0.6, max(len(chart.labels), LEAST_COLUMNS) - 0.4)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: FORMS[chart.form](value) if value % 1 == 0 else ""))


def rows_of_bars(axes: Axes, chart: Bars) -> None:
    """The first of something."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    places = range(len(chart.labels))
    drawn = axes.barh(places, chart.values, height=0.8, color=COLOURS[0], gid=f"{chart.name}-bars")
    axes.bar_label(drawn, [FORMS[chart.form](value) for value in chart.values], padding=3, fontsize=7)
    axes.set_yticks(list(places), [cut(label, LONGEST) for label in chart.labels], fontsize=8)
    axes.set_ylim(len(chart.labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: FORMS[chart.form](value)))
