"""What is drawn of statistics, said once: lines over time, and bars. `terminal` and `pictures` draw them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mqttdissect.analysis.histogram import Histogram
from mqttdissect.analysis.series import SECOND, Series
from mqttdissect.analysis.statistics import BYTES, MESSAGES, PACKETS, Statistics
from mqttdissect.mqtt.codes import FROM_CLIENT, FROM_SERVER
from mqttdissect.output import statistics as view
from mqttdissect.output.tables import Table, shown
from mqttdissect.output.units import duration, size

SENDER_LABELS = {FROM_CLIENT: "client → broker", FROM_SERVER: "broker → client", 0: "direction unknown"}
DECADES = 19  # of nanoseconds that a histogram may hold


@dataclass(frozen=True)
class Lines:
    """Levels over time. starts: of each interval, in seconds from the first. width: of an interval, in seconds.

    lines: name and a value for each interval; form: of the values, one of `tables.FORMS`.
    """

    name: str
    title: str
    form: str
    starts: list[float]
    width: float
    lines: list[tuple[str, list[float]]]

    @property
    def end(self) -> float:
        """Of the last interval."""
        return self.starts[-1] + self.width if self.starts else self.width


@dataclass(frozen=True)
class Bars:
    """A value for each label. ordered: the labels are intervals of one quantity, as in a histogram. whole: how many
    bars there would be; 0 where these are all."""

    name: str
    title: str
    form: str
    labels: list[str]
    values: list[float]
    ordered: bool = False
    whole: int = 0


Chart = Lines | Bars


def over_time(
    name: str, what: str, form: str, series: Series, first: int, most: int
) -> Lines:  # fmt: skip
    """Three columns of a series, each a second, in at most `most` intervals."""
    coarse = series.coarse(most)
    starts = [index * int(coarse.width) / SECOND for index in range(len(coarse.rows))]
    width = int(coarse.width) / SECOND
    lines = [
        (SENDER_LABELS[sender], [row[first + sender] / width for row in coarse.rows])
        for sender in (FROM_CLIENT, FROM_SERVER, 0)
        if any(row[first + sender] for row in coarse.rows)
    ]
    title = f"{what} a second, in intervals of {duration(int(coarse.width))}"
    return Lines(name, title, form, starts, width, lines)


def rates(statistics: Statistics, most: int) -> list[Chart]:
    """Packets, messages and bytes a second."""
    series = statistics.rates
    charts: list[Chart] = [over_time("rates", "Packets", "rate", series, PACKETS, most)]
    if any(statistics.qos_messages):
        charts.append(over_time("rates-messages", "Messages", "rate", series, MESSAGES, most))
    charts.append(over_time("rates-bytes", "Bytes", "byte_rate", series, BYTES, most))
    return charts


def connections(statistics: Statistics, most: int) -> list[Chart]:
    """How many were open, at most, in each interval."""
    coarse = statistics.connections.coarse(most)
    levels: list[float] = [highest for highest, _ in view.levels(coarse)]
    starts = [index * int(coarse.width) / SECOND for index in range(len(coarse.rows))]
    title = f"Most connections open at a time, in intervals of {duration(int(coarse.width))}"
    return [Lines("connections", title, "count", starts, int(coarse.width) / SECOND, [("open", levels)])]


def bars_of(table: Table, label: str, value: str, form: str, most: int) -> list[Chart]:
    """The first rows of a table; the title says so if there are more."""
    labels = [shown(cell, "text") for cell in table.column(label)[:most]]
    values = [float(cell or 0) for cell in table.column(value)[:most]]
    title = f"{table.title}: {value.replace('_', ' ')}"
    if len(labels) == len(table.rows):
        return [Bars(table.name, title, form, labels, values)]
    whole = len(table.rows)
    return [Bars(table.name, f"{title} (the first {len(labels):,} of {whole:,})", form, labels, values, whole=whole)]


def size_edges(histogram: Histogram) -> list[int]:
    """0, 1, 2, 4, 8, ... bytes, as far as there are values."""
    edges = [0, *(1 << power for power in range(63))]
    return around(edges, histogram)


def time_edges(histogram: Histogram) -> list[int]:
    """0, 1, 2, 5, 10, ... µs, as far as there are values."""
    edges = [0, *(factor * 10**power for power in range(3, DECADES) for factor in (1, 2, 5))]
    return around(edges, histogram)


def around(edges: list[int], histogram: Histogram) -> list[int]:
    """Those edges that the values lie between."""
    low, high = histogram.percentile(0), histogram.percentile(100)
    first = max(index for index, edge in enumerate(edges) if edge <= low)
    last = max(index for index, edge in enumerate(edges) if edge <= high)
    return edges[first : last + 1]


def interval_labels(edges: list[int], form: Callable[[float], str], last: int, whole: bool) -> list[str]:
    """`1 ms – 2 ms`; of whole numbers `4 – 7`; what lies behind the last edge goes up to `last`."""
    ends = [*edges[1:], last]
    if not whole:
        spans = zip(edges, ends, strict=True)
        return [f"{form(low)} – {form(high)}" if low != high else form(low) for low, high in spans]
    ends = [*(edge - 1 for edge in edges[1:]), max(last, edges[-1])]
    return [f"{low:,}" if low == high else f"{low:,} – {high:,}" for low, high in zip(edges, ends, strict=True)]


def distribution(name: str, title: str, histogram: Histogram, of_bytes: bool) -> Bars:
    """A histogram, its intervals by powers of two or as 1, 2, 5."""
    edges = size_edges(histogram) if of_bytes else time_edges(histogram)
    labels = interval_labels(edges, size if of_bytes else duration, histogram.percentile(100), of_bytes)
    return Bars(name, title, "count", labels, [float(count) for count in histogram.between(edges)], True)


def sizes(statistics: Statistics) -> list[Chart]:
    """Of application messages, by who sent them."""
    charts: list[Chart] = []
    for sender in (FROM_CLIENT, FROM_SERVER, 0):
        histogram = statistics.payloads[sender]
        if histogram.count:
            title = f"Payload sizes in bytes, {SENDER_LABELS[sender]}"
            charts.append(distribution(f"sizes-{view.SENDER_NAMES[sender]}", title, histogram, True))
    return charts


def times(statistics: Statistics) -> list[Chart]:
    """Of each handshake."""
    charts: list[Chart] = []
    for number, ((name, asker, _), histogram) in enumerate(view.in_order(statistics)):
        title = f"{name}, asked by {asker}"
        charts.append(distribution(f"times-{number}", title, histogram, False))
    return charts


def all_payloads(statistics: Statistics) -> list[Chart]:
    """Application messages, whoever sent them."""
    histogram = Histogram()
    for one in statistics.payloads:
        histogram.add(one)
    return [distribution("sizes", "Payload sizes in bytes", histogram, True)] if histogram.count else []


def qos(statistics: Statistics) -> list[Chart]:
    """Messages of each QoS, by who sent them."""
    table = view.qos(statistics)
    labels = [f"QoS {row[0]}, {row[1]}" for row in table.rows]
    return [Bars("qos", "Messages by QoS and sender", "count", labels, [float(row[2] or 0) for row in table.rows])]


BARS = {  # of tables that are drawn by two of their columns: the labels, the values, their form
    "types": ("type", "packets", "count"),
    "topics": ("topic", "messages", "count"),
    "clients": ("client", "bytes", "bytes"),
    "talkers": ("name", "bytes", "bytes"),
}
OWN = {"rates": rates, "connections": connections}  # over time
DISTRIBUTIONS = {"sizes": sizes, "times": times, "qos": qos}


def charts(name: str, statistics: Statistics, most: int, rows: int) -> list[Chart]:
    """Those of a table, by its name. most: intervals of time. rows: of what has no order of its own."""
    if name in OWN:
        return OWN[name](statistics, most)
    if name in DISTRIBUTIONS:
        return DISTRIBUTIONS[name](statistics)
    if name not in BARS:
        return []
    return bars_of(view.makers(statistics)[name](), *BARS[name], rows)
