"""The pieces that lines of a ladder are put together from, as bytes: worked out when columns change, so that a line is
one join.

A line is, from left to right: frame number and time; a column for each client; room for text; the brokers' lifelines.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.output.theme import Theme

NARROWEST: Final = 60
SHAPES: Final = (  # least width; columns of a client, least text, frame number, time, a broker; most brokers
    (0, 4, 40, 5, 9, 6, 2),
    (100, 4, 48, 6, 10, 8, 3),
    (120, 5, 56, 7, 11, 10, 3),
    (160, 8, 70, 7, 11, 14, 4),
)
LEAST_ROOM: Final = 8
OPEN_LINE: Final = "│"
PAUSE_LINE: Final = "┊"
NOTE_LINE: Final = "┆"


@final
class Shape:
    """How a width is shared out. lane: columns of a client; lanes: most clients, `others` being the last one. broker:
    columns of a broker but the last; brokers: most of them. number, time: columns of frame number and time."""

    def __init__(self, width: i64) -> None:
        self.width = max(width, NARROWEST)
        chosen = SHAPES[0]
        for shape in SHAPES:
            if self.width >= shape[0]:
                chosen = shape
        _, lane, text, number, time, broker, brokers = chosen
        self.lane: i64 = lane
        self.number: i64 = number
        self.time: i64 = time
        self.broker: i64 = broker
        self.brokers: i64 = brokers
        self.lanes: i64 = max(2, (self.width - self.number - self.time - 4 - text) // self.lane)


@final
class Pieces:
    """Say what changes with `lane`, `broker` and `stamp`, then `refresh`.

    number, time: columns of frame number and time. open: the clients' columns that are in use. brokers: how many.

    blank: the start of a line without number and time. room: columns of text. rails: of each client, and the end, the
    lifelines before it. strokes: of each client the start of an arrow into it, and out of it; whole_strokes: the same
    behind the lifelines before them, where nothing is coloured. tails: of each broker the end of an arrow from it, and
    into it, by how many columns are left of `room` - 3. edge: the brokers' lifelines; pads: the same by how many
    columns are left of `room`.
    """

    def __init__(self, theme: Theme, shape: Shape) -> None:
        self.theme = theme
        self.shape = shape
        self.number = shape.number
        self.time = shape.time
        self.open: list[bool] = []
        self.brokers: i64 = 0
        self.blank = b""
        self.room: i64 = 0
        self.rails: list[bytes] = []
        self.strokes: list[bytes] = []
        self.whole_strokes: list[bytes] = []
        self.tails: list[list[bytes]] = []
        self.edge = b""
        self.pads: list[bytes] = []
        self._stale = True  # another column is open
        self._moved = True  # columns have moved

    def lane(self, index: i64, is_open: bool) -> None:
        """A client's column begins or ends."""
        while len(self.open) <= index:
            self.open.append(False)
            self._moved = True
        self.open[index] = is_open
        self._stale = True

    def broker(self) -> None:
        """One more broker."""
        self.brokers += 1
        self._moved = True

    def stamp(self, number: i64, time: i64) -> bool:
        """Frame number and time take so many columns. Is that more than before?"""
        if number <= self.number and time <= self.time:
            return False
        self.number = max(self.number, number)
        self.time = max(self.time, time)
        self._moved = True
        return True

    def refresh(self) -> None:
        """Work out what has changed."""
        if self._moved:
            self._positions()
        if self._stale:
            self._lifelines()
        self._moved = self._stale = False

    def _positions(self) -> None:
        self._stale = True
        start = self.number + self.time + 4
        brokers: i64 = max(1, self.brokers)
        room = self.shape.width - start - len(self.open) * self.shape.lane - (brokers - 1) * self.shape.broker - 1
        self.room = max(LEAST_ROOM, room)
        self.blank = b" " * int(start)
        theme = self.theme
        edge = self.painted(self.edge_of(OPEN_LINE))
        self.edge = f"{edge}\n".encode()
        self.pads = [f"{' ' * count}{edge}\n".encode() for count in range(int(self.room) + 1)]
        self.tails = []
        for index in range(brokers):
            crossing = ("┼" + "─" * (self.shape.broker - 1)) * index
            behind = f"{' ' * (self.shape.broker - 1)}{OPEN_LINE}" * (brokers - 1 - index)
            after = f"{theme.end}{self.painted(behind)}\n"
            for end in (f"─{crossing}┤", f"▶{OPEN_LINE}" if index == 0 else f"─{crossing[:-1]}▶{OPEN_LINE}"):
                self.tails.append([f" {'─' * count}{end}{after}".encode() for count in range(int(self.room))])

    def _lifelines(self) -> None:
        lane = self.shape.lane
        count = len(self.open)
        crossings = [("┼" if one else "─") + "─" * (lane - 1) for one in self.open]
        lines = [self.lifeline(index, OPEN_LINE) for index in range(count)]
        self.rails = []
        self.strokes = []
        for index in range(count + 1):
            self.rails.append(self.painted("".join(lines[:index])).encode())
            if index < count:
                behind = "".join(crossings[index + 1 :])
                self.strokes.append(f"│◀{'─' * (lane - 2)}{behind} ".encode())
                self.strokes.append(f"├{'─' * (lane - 1)}{behind} ".encode())
        self.whole_strokes = [self.rails[index // 2] + self.strokes[index] for index in range(2 * count)]

    def painted(self, text: str) -> str:
        """Lifelines in their colour."""
        return self.theme.paint(self.theme.guide, text) if text else ""

    def edge_of(self, line: str) -> str:
        """The brokers' lifelines."""
        return line + f"{' ' * (self.shape.broker - 1)}{line}" * (max(1, int(self.brokers)) - 1)

    def lifeline(self, index: i64, line: str) -> str:
        """A client's column where nothing happens."""
        return f"{line if self.open[index] else ' '}{' ' * (self.shape.lane - 1)}"

    def lifelines(self, line: str) -> str:
        """All clients' columns, without colour."""
        return "".join([self.lifeline(index, line) for index in range(len(self.open))])

    def marked(self, lane: i64) -> bytes:
        """All clients' columns, with a mark on one."""
        columns = [self.lifeline(index, NOTE_LINE if index == lane else OPEN_LINE) for index in range(len(self.open))]
        return self.painted("".join(columns)).encode()
