"""Charts drawn with characters: lines by plotille in braille dots, bars in eighths of a block."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from mqttdissect.output.charts import Bars, Chart, Lines
from mqttdissect.output.tables import FORMS, NARROWEST, bar, cut
from mqttdissect.output.text import cells, padded
from mqttdissect.output.theme import Theme
from mqttdissect.output.units import ROUGH, nice, short_duration

COLOURS = ("cyan", "magenta", "yellow")
HEIGHT = 8  # lines of a plot
MARGIN = 14  # columns left of a plot
LABEL = 10  # columns of a label of an axis, and from one tick of time to the next: plotille's own choice
TICKS_FROM = 13  # the column where the first label of the time is
LEAST_WIDTH = 40
BELOW_TOP = 0.999


class NoPlots(Exception):
    """plotille is not installed. Its text is one line for the user."""


def chart_lines(chart: Chart, width: int, theme: Theme) -> list[str]:
    """The chart without its title. Raises `NoPlots`."""
    return bar_lines(chart, width, theme) if isinstance(chart, Bars) else plot_lines(chart, width, theme)


def bar_lines(chart: Bars, width: int, theme: Theme) -> list[str]:
    """A line for each bar: label, value, bar."""
    labels = [cut(label, max(NARROWEST, width // 3)) for label in chart.labels]
    values = [FORMS[chart.form](value) for value in chart.values]
    first = max([cells(label) for label in labels], default=0)
    second = max([len(value) for value in values], default=0)
    room = max(width - first - second - 4, 8)
    highest = max(chart.values, default=0) or 1
    lines: list[str] = []
    for label, text, value in zip(labels, values, chart.values, strict=True):
        drawn = theme.paint(theme.address, bar(value / highest, room)) if value else ""
        before = " " * (first - cells(label)) + label if chart.ordered else padded(label, first)
        lines.append(f"{before}  {text.rjust(second)}  {drawn}".rstrip())
    return lines


def plot_lines(chart: Lines, width: int, theme: Theme) -> list[str]:
    """A plot over time."""
    try:
        import plotille
    except ImportError:
        raise NoPlots("plots need plotille: pip install 'mqttdissect[plots]'") from None
    figure = plotille.Figure()
    figure.width = max(width - MARGIN, LEAST_WIDTH)
    figure.height = HEIGHT
    figure.origin = False
    figure.with_colors = theme.colour
    figure.x_label = ""
    figure.y_label = ""
    highest = max((max(values, default=0) for _, values in chart.lines), default=0)
    figure.set_x_limits(0, scale(chart.end, figure.width / LABEL))
    top = scale(highest, HEIGHT, chart.form == "count")
    figure.set_y_limits(0, top)
    figure.y_ticks_fkt = lambda low, _: level(float(low), chart.form).rjust(LABEL)
    figure.x_ticks_fkt = lambda low, _: short_duration(round(float(low), 9) * 1e9, LABEL - 1)
    for number, (name, values) in enumerate(chart.lines):
        figure.plot(*steps(chart, values, top), label=name, lc=COLOURS[number % len(COLOURS)])
    with colours_as_asked(theme.colour):
        drawn = str(figure.show()).splitlines()[1:]
    lines = [tidy(line) for line in drawn if line.strip()]
    while len(lines[-1]) > max(width, TICKS_FROM + LABEL):  # the last label would go on behind the plot
        lines[-1] = lines[-1][: TICKS_FROM + (len(lines[-1]) - TICKS_FROM - 1) // LABEL * LABEL].rstrip()
    return [*lines, *legend(chart, width, theme)] if len(chart.lines) > 1 else lines


def scale(highest: float, ticks: float, whole: bool = False) -> float:
    """Where an axis with that many ticks ends, so that a tick is at round numbers. whole: and at whole ones."""
    least = highest / ticks
    step = nice(least, ROUGH)
    if whole and 0 < least <= 0.5:
        step = 2.0 ** math.ceil(math.log2(least))
    elif whole:
        step = math.ceil(step * 2) / 2
    return step * ticks


def level(value: float, form: str) -> str:
    """What stands at a tick; nothing at parts of what is counted in whole numbers."""
    value = max(round(value, 6), 0.0)
    text = "" if form == "count" and value % 1 else FORMS[form](value)
    return text if len(text) <= LABEL else text.replace(" ", "")


def tidy(line: str) -> str:
    """Without what cannot be seen at its end, and without the name of an axis that has none."""
    return line.removesuffix("-> ()").rstrip(" \N{BRAILLE PATTERN BLANK}")


def steps(chart: Lines, values: list[float], top: float) -> tuple[list[float], list[float]]:
    """Points that make each interval level. top: of the plot; plotille leaves out what is not below it."""
    xs: list[float] = []
    ys: list[float] = []
    for start, value in zip(chart.starts, values, strict=True):
        xs += [start, start + chart.width]
        ys += [min(value, top * BELOW_TOP)] * 2
    return xs, ys


def legend(chart: Lines, width: int, theme: Theme) -> list[str]:
    """Which line is which."""
    lines: list[str] = []
    room = 0
    for number, (name, _) in enumerate(chart.lines):
        mark = f"\x1b[3{(6, 5, 3)[number % 3]}m⠤⠤{theme.end}" if theme.colour else "⠤⠤"
        needed = cells(name) + 6
        if room < needed:
            lines.append(" " * MARGIN + f"{mark} {name}")
            room = width - MARGIN
        else:
            lines[-1] += f"   {mark} {name}"
        room -= needed
    return lines


@contextmanager
def colours_as_asked(colour: bool) -> Iterator[None]:
    """plotille asks the environment and standard output whether it may use colours; here that is decided already."""
    names = ("NO_COLOR", "FORCE_COLOR")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    if colour:
        os.environ["FORCE_COLOR"] = "1"
    try:
        yield
    finally:
        for name in names:
            os.environ.pop(name, None)
        os.environ.update(before)
