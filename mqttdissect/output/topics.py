"""The tree of topics as a table: guides and names in its first column, sums in the others; once, or again and again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from mqttdissect.analysis.series import SECOND
from mqttdissect.analysis.statistics import Statistics
from mqttdissect.analysis.topictree import (
    DEEPEST,
    ORDERS,
    Counts,
    Place,
    count_subscribers,
    everywhere,
    ordered,
    tree,
)
from mqttdissect.output.statistics import OTHERS, UNKNOWN_TOPIC, span_ns
from mqttdissect.output.tables import TEXT, Cell, Column, Table, shown, to_rich
from mqttdissect.output.units import duration, size

if TYPE_CHECKING:
    from rich.console import Console, ConsoleRenderable, RichCast

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
EVERY_ROW = 1 << 60
MARGIN = 5  # lines that a live table leaves for its headings
WINDOW_S = 5.0  # that rates of a live table are over
SNAPSHOTS_S = 1.0  # between two of them
AT_MOST = 0.2  # of the time may be spent on drawing


class TopicTree:
    """`table()` of the tree. depth: levels that are shown, with the sums of what is below. rows: of the table, at most.

    order: one of `topictree.ORDERS`. Rows are given to the upper levels first, within a level in that order.
    """

    def __init__(
        self, statistics: Statistics, depth: int = DEEPEST, rows: int = EVERY_ROW, order: str = "messages"
    ) -> None:
        self.statistics = statistics
        self.depth = depth
        self.rows = rows
        self.order = order

    def table(
        self, rows: int = EVERY_ROW, rate: Callable[[Place], float | None] | None = None, before: Counts | None = None
    ) -> Table:  # fmt: skip
        """Depth first, so that every place stands below the one that it belongs to. rows: fewer than there may be.

        rate: of the messages of a place, which it may compare with those `before`; over all of the capture if it is not
        given.
        """
        root = tree(self.statistics, self.depth, before)
        if self.order == "subscribers":
            count_subscribers(everywhere(root), self.statistics.audience)
        chosen = self._chosen(root, min(rows, self.rows))
        if self.order != "subscribers":
            count_subscribers(list(chosen), self.statistics.audience)
        table = Table("topics", f"Topics ({root.topics:,})", COLUMNS, [])
        self._add(root, chosen, table, rate or self._rate)
        if self.statistics.topics_left_out:
            other = Place(OTHERS, OTHERS)
            topic = self.statistics.other_topics
            earlier = before.others if before is not None else 0
            other.add(topic, topic.publishers.numbers(), topic.receivers.numbers(), earlier)
            self._row(other, "", table, rate or self._rate)
        hidden = root.topics - sum(place.topic is not None for place in chosen)
        if hidden > 0:
            those = (
                "1 topic has no row of its own, and is"
                if hidden == 1
                else f"{hidden:,} topics have no row of their own, and are"
            )
            table.more = f"{those} in the sums of what is above"
        return table

    def _rate(self, place: Place) -> float | None:
        span = span_ns(self.statistics)
        return place.messages * SECOND / span if span > 0 else None

    def _chosen(self, root: Place, left: int) -> set[Place]:
        """The places that get a row: level by level the first of each, as long as there are rows."""
        chosen: set[Place] = set()
        front = [root]
        while front and left > 0:
            front = [one for place in front for one in place.below.values()]
            if len(front) > left:
                front = sorted(front, key=ORDERS[self.order])[:left]
            chosen.update(front)
            left -= len(front)
        return chosen

    def _add(
        self, root: Place, chosen: set[Place], table: Table, rate: Callable[[Place], float | None]
    ) -> None:  # fmt: skip
        """A row for each. Not recursive: a topic may have many levels."""
        stack = [(root, "", "")]
        while stack:
            place, before, guide = stack.pop()
            if place is not root:
                self._row(place, guide, table, rate)
            below = [one for one in ordered(place, self.order) if one in chosen]
            for number, one in reversed(list(enumerate(below))):
                last = number == len(below) - 1
                if place is root:
                    stack.append((one, "", ""))
                else:
                    stack.append((one, before + ("   " if last else "│  "), before + ("└─ " if last else "├─ ")))

    def _row(self, place: Place, guide: str, table: Table, rate: Callable[[Place], float | None]) -> None:
        table.indents.append(guide)
        row: list[Cell] = [
            name_of(place), place.messages, place.published, place.delivered, place.bytes, rate(place),
            place.retained, len(place.publishers), place.subscribers if place.subscribers != -1 else None,
        ]  # fmt: skip
        table.rows.append(row)


def name_of(place: Place) -> str:
    """As it stands in the tree: with a slash where something is below, and words where there is nothing to see."""
    if place.unknown:
        return UNKNOWN_TOPIC
    hidden = place.topics - (place.topic is not None)  # topics below it that have no row
    below = "/" if place.below else "/…" if hidden > 0 and place.path != OTHERS else ""
    return (shown(place.name, TEXT) or "(empty)") + below


class LiveTopics:
    """`renderable()` is the tree as it is now, as high as the terminal; rates are of the last few seconds.

    Drawing takes at most a fifth of the time: with very many topics the picture stays as it is for a while.
    """

    def __init__(self, tree: TopicTree, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.tree = tree
        self.console = console
        self._clock = clock
        self._began = clock()
        self._drawn: ConsoleRenderable | RichCast | str = "waiting for packets …"
        self._again = 0.0
        self._before: deque[tuple[float, Counts]] = deque()

    def renderable(self) -> ConsoleRenderable | RichCast | str:
        """For rich."""
        began = self._clock()
        if began >= self._again:
            if self.tree.statistics.packets:
                self._drawn = self._draw(began)
            self._again = began + (self._clock() - began) * (1 / AT_MOST - 1)
        return self._drawn

    def _draw(self, now: float) -> ConsoleRenderable:
        from rich.console import Group
        from rich.text import Text

        height, width = max(self.console.height - MARGIN, 1), self.console.width
        statistics = self.tree.statistics
        while len(self._before) > 1 and now - self._before[1][0] >= WINDOW_S:
            self._before.popleft()
        since, before = self._before[0] if self._before else (now, None)
        table = self.tree.table(height, lambda place: rate_since(place, now - since), before)
        if not self._before or now - self._before[-1][0] >= SNAPSHOTS_S:
            self._before.append((now, Counts(statistics)))
        messages = sum(statistics.qos_messages)
        heading = (
            f"{duration(int(now - self._began) * SECOND)}  {statistics.packets:,} packets "
            f"({size(int(statistics.bytes))})  {messages:,} messages  {len(statistics.topics):,} topics  "
            f"{len(statistics.clients):,} clients"
        )
        more = [Text(table.more, style="dim", no_wrap=True, overflow="ellipsis")] if table.more else []
        return Group(Text(heading, style="bold", no_wrap=True, overflow="ellipsis"), to_rich(table, width), *more)


def rate_since(place: Place, span_s: float) -> float | None:
    """Of the messages that have come in so many seconds."""
    return (place.messages - place.before) / span_s if span_s > 0 else None


def live_console(stream: IO[str], color: str) -> Console:
    """For a table that is drawn again and again. color: auto, always or never."""
    from rich.console import Console

    plain = True if color == "never" else None
    return Console(file=stream, no_color=plain, force_terminal=True, highlight=False, markup=False, emoji=False)
