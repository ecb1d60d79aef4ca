"""The tree of topics as a table: guides and names in its first column, sums in the others."""

from __future__ import annotations

from mqttdissect.analysis.series import SECOND
from mqttdissect.analysis.statistics import Statistics
from mqttdissect.analysis.topictree import DEEPEST, Place, ordered, tree
from mqttdissect.output.statistics import OTHERS, UNKNOWN_TOPIC, span_ns
from mqttdissect.output.tables import TEXT, Cell, Column, Table, shown

COLUMNS = [
    Column("topic", "Topic", TEXT),
    Column("messages", "Messages"),
    Column("published", "Published", rank=4),
    Column("delivered", "Delivered", rank=4),
    Column("bytes", "Bytes", "bytes", 1),
    Column("rate", "Rate", "rate", 1),
    Column("retained", "Retained", rank=3),
    Column("publishers", "Publishers", rank=2),
    Column("subscribers", "Subscribers", rank=2),
]


class TopicTree:
    """`table()` of the tree. depth: levels that are shown, with the sums of what is below. rows: of the table, at most.

    order: one of `topictree.ORDERS`. Rows are given to the places that come first in that order, all levels alike.
    """

    def __init__(
        self, statistics: Statistics, depth: int = DEEPEST, rows: int = 1_000_000, order: str = "messages"
    ) -> None:
        self.statistics = statistics
        self.depth = depth
        self.rows = rows
        self.order = order

    def table(self) -> Table:
        """Depth first, so that every place stands below the one that it belongs to."""
        root = tree(self.statistics, self.depth)
        chosen = self._chosen(root)
        table = Table("topics", f"Topics ({root.topics:,})", COLUMNS, [])
        self._add(root, "", chosen, table)
        if self.statistics.topics_left_out:
            other = Place(OTHERS, "")
            other.add(self.statistics.other_topics)
            self._row(other, OTHERS, "", table)
        hidden = root.topics - sum(place.topic is not None for place in chosen)
        if hidden > 0:
            table.more = f"{hidden:,} topics have no row of their own, and are in the sums of those above them"
        return table

    def _chosen(self, root: Place) -> set[Place]:
        """The places that get a row: level by level the first of each, as long as there are rows."""
        chosen: set[Place] = set()
        left = self.rows
        front = [root]
        while front and left > 0:
            following = [one for place in front for one in ordered(place, self.order)]
            following = sorted(following, key=lambda one: -one.messages)[:left]
            chosen.update(following)
            left -= len(following)
            front = following
        return chosen

    def _add(self, root: Place, indent: str, chosen: set[Place], table: Table) -> None:
        """Rows for what is below a place. Not recursive: a topic may have many levels."""
        stack = [(root, indent, "")]
        while stack:
            place, before, guide = stack.pop()
            if place is not root:
                self._row(place, place.name, guide, table)
            below = [one for one in ordered(place, self.order) if one in chosen]
            for number, one in reversed(list(enumerate(below))):
                last = number == len(below) - 1
                if place is root:
                    stack.append((one, "", ""))
                else:
                    stack.append((one, before + ("   " if last else "│  "), before + ("└─ " if last else "├─ ")))

    def _row(self, place: Place, name: str, guide: str, table: Table) -> None:
        span = span_ns(self.statistics)
        rate = place.messages * SECOND / span if span > 0 else None
        below = "/" if place.below else ""
        table.indents.append(guide)
        row: list[Cell] = [
            shown(name, TEXT) + below if name else UNKNOWN_TOPIC if place.path == "" else "(empty level)" + below,
            place.messages, place.published, place.delivered, place.bytes, rate, place.retained,
            len(place.publishers), place.subscribers if place.subscribers != -1 else None,
        ]  # fmt: skip
        table.rows.append(row)
