"""Cost against size: the exponent and the plot.

The exponent is the slope of the straight line through the logarithms of size and cost, by least squares; 1 is linear.
What a tool needs to start, which is its time on the smallest capture, is taken off first: it would make small captures
dear and so the line flat. The plot shows whole times, start-up included.
"""

from __future__ import annotations

from math import log
from pathlib import Path
from statistics import linear_regression
from typing import NamedTuple

STARTING = 100  # frames; a capture of no more measures the start


class Point(NamedTuple):
    """The time that a tool takes for so many frames."""

    frames: int
    seconds: float
    least: float
    most: float


def exponents(costs: dict[str, list[Point]]) -> dict[str, float]:
    """The exponent of each tool that was measured at the start and at three sizes."""
    found = {}
    for tool, points in costs.items():
        start = [point.seconds for point in points if point.frames <= STARTING]
        sizes = [point for point in points if point.frames > STARTING]
        if start and len(sizes) >= 3:
            work = [max(point.seconds - min(start), 1e-6) for point in sizes]
            found[tool] = linear_regression([log(point.frames) for point in sizes], [log(cost) for cost in work]).slope
    return found


def draw(costs: dict[str, list[Point]], path: Path) -> None:
    """Write the plot as SVG: a line for each tool, whose marks reach from the shortest run to the longest."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "bench", "font.family": "sans-serif"}):
        figure, axes = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
        for tool, points in costs.items():
            sizes = [point for point in points if point.frames > STARTING]
            if sizes:
                seconds = [point.seconds for point in sizes]
                spread = [[p.seconds - p.least for p in sizes], [p.most - p.seconds for p in sizes]]
                axes.errorbar([p.frames for p in sizes], seconds, spread, marker="o", capsize=3, label=tool)
        axes.set(xscale="log", yscale="log", xlabel="frames", ylabel="seconds", title="One line a packet, start to end")
        axes.minorticks_off()
        axes.grid(True, alpha=0.3)
        axes.legend()
        figure.savefig(path, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        pyplot.close(figure)
