"""What `stats` prints for people: tables and charts of statistics, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mqttdissect.output import statistics as view
from mqttdissect.output.charts import Chart, all_payloads, charts
from mqttdissect.output.tables import WIDEST, Table, shown, to_text
from mqttdissect.output.terminal import NoPlots, chart_lines
from mqttdissect.output.theme import Theme
from mqttdissect.output.units import duration, rate, size

if TYPE_CHECKING:
    from mqttdissect.analysis.statistics import Statistics
    from mqttdissect.pipeline import Dissector

PLOT_WIDTH = 100  # where there is no terminal
MOST_INTERVALS = 120  # in a plot
OVERVIEW = ("types", "rates", "topics", "clients", "qos", "times", "sizes")
NOTHING = {  # why a table has no rows, in captures with packets
    "topics": "none of the packets is a PUBLISH",
    "qos": "none of the packets is a PUBLISH",
    "times": "no packet is an answer to one before it",
}


class Page:
    """`text()` of all of it. names: of tables; none for the overview. top: rows of a table. width: 0 for any.

    Raises `NoPlots` where a plot is asked for by name and cannot be drawn.
    """

    def __init__(
        self, statistics: Statistics, dissector: Dissector, names: tuple[str, ...], top: int, width: int, theme: Theme
    ) -> None:
        self.statistics = statistics
        self.dissector = dissector
        self.names = names
        self.top = top
        self.width = width or WIDEST
        self.plot_width = width or PLOT_WIDTH
        self.theme = theme

    def text(self) -> str:
        """All of it."""
        if not self.names:
            return self._overview()
        return "\n".join(self._section(name) for name in self.names)

    def _overview(self) -> str:
        parts = [self._headline()]
        hint = ""
        for name in OVERVIEW:
            try:
                parts.append(self._brief(name))
            except NoPlots as error:
                hint = f"\n{self.theme.paint(self.theme.hidden, str(error))}\n"
        return "\n".join(part for part in parts if part) + hint

    def _headline(self) -> str:
        """A few lines on all of it."""
        facts = dict(zip(*self._facts(), strict=True))
        span = facts["duration_ns"]
        often = view.per_second(self.statistics, facts["packets"])
        often_text = f" ({rate(often)})" if often is not None else ""
        counts = (
            f"{facts['frames']:,} frames, {facts['tcp_streams']:,} TCP streams, "
            f"{facts['packets']:,} control packets ({size(facts['bytes'])}) "
            f"on {facts['connections']:,} connections in {duration(span)}{often_text}"
        )
        more = (
            f"{facts['messages']:,} messages ({facts['published']:,} from clients, {facts['delivered']:,} from "
            f"brokers), {facts['topics']:,} topics, {facts['clients']:,} clients; connections accepted "
            f"{facts['accepted']:,}, refused {facts['refused']:,}; malformed {facts['malformed']:,}, "
            f"gaps {facts['gaps']:,}"
        )
        return "\n".join(line for text in (counts, more) for line in self._wrapped(text)) + "\n"

    def _facts(self) -> tuple[list[str], list[int]]:
        table = view.capture(self.statistics, self.dissector)
        numbers = [(str(row[0]), row[2]) for row in table.rows if isinstance(row[2], int)]
        return [key for key, _ in numbers], [value for _, value in numbers]

    def _wrapped(self, text: str) -> list[str]:
        from textwrap import wrap

        return wrap(text, self.plot_width)

    def _brief(self, name: str) -> str:
        """A table of the overview, or the chart that says the same."""
        if name == "rates":
            return self._charts(charts("rates", self.statistics, self._intervals(), self.top)[:1])
        if name == "sizes":
            return self._charts(all_payloads(self.statistics))
        if name == "topics":
            return self._topics()
        if name == "clients":
            return self.table_text(view.table(name, self.statistics, self.dissector, self.top).first(self.top))
        return self.table_text(view.table(name, self.statistics, self.dissector))

    def _topics(self) -> str:
        from mqttdissect.output.topics import TopicTree

        return self.table_text(TopicTree(self.statistics, rows=self.top).table())

    def _section(self, name: str) -> str:
        """All that there is of one."""
        if name == "topics":
            return self._topics() or self._nothing("Topics", name)
        table = view.table(name, self.statistics, self.dissector, self.top)
        drawn = ""
        if name in ("rates", "connections", "sizes", "times"):
            drawn = self._charts(charts(name, self.statistics, self._intervals(), self.top))
        if name == "capture":
            table.rows = [[row[0], row[1], fact(row[0], row[2])] for row in table.rows]
        text = self.table_text(table.first(self.top)) or self._nothing(table.title, name)
        return "\n".join(part for part in (text, drawn) if part)

    def _nothing(self, title: str, name: str) -> str:
        """What stands in place of a table that was asked for and has no rows."""
        words = f"{title}: {NOTHING.get(name, 'nothing to show')}"
        return "\n".join(self._wrapped(words)) + "\n"

    def _intervals(self) -> int:
        return min(MOST_INTERVALS, max(self.plot_width - 20, 20))

    def table_text(self, table: Table) -> str:
        """Its title, its rows, and what there is to say of it."""
        if not table.rows:
            return ""
        text = self._painted(table.title) + "\n" + to_text(table, self.width, self.theme)
        return text + "".join(self.theme.paint(self.theme.hidden, line) + "\n" for line in self._wrapped(table.more))

    def _charts(self, drawn: list[Chart]) -> str:
        parts = []
        for chart in drawn:
            lines = chart_lines(chart, self.plot_width, self.theme)
            parts.append("\n".join([self._painted(chart.title), *lines]) + "\n")
        return "\n".join(parts)

    def _painted(self, title: str) -> str:
        return self.theme.paint(self.theme.heading, title)


def fact(key: object, value: object) -> str:
    """A value of the table of the whole capture."""
    if key == "duration_ns" and isinstance(value, int):
        return duration(value)
    return f"{value:,}" if isinstance(value, int) else shown(str(value) if value is not None else None, "text")
