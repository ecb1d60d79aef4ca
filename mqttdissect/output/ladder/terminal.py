"""A ladder as lines of text, as wide as the terminal, each written as soon as its packet is there.

Clients stand at the left, close together; brokers at the right edge. Every arrow crosses the room between them, where
all text stands, one line below the other:

    frame       time  dev-1   dev-2                                    10.0.0.2:1883
        8   0.000525  ├───────┼─ PUBLISH ⟨1⟩  QoS 1  id 1  topicX ─────────────────▶│
        9   0.000731  │       │◀ PUBLISH ⟨1⟩  QoS 0  topicX ─────────────────────────┤

Nothing of what comes later is known: a client's column begins with its first packet, and is given to the next client
once it has ended. Text that is too long for its line goes on in the next, up to `MOST_LINES`.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.output.clock import Clock
from mqttdissect.output.ladder.scale import rows, spoken
from mqttdissect.output.ladder.step import (
    ARROW,
    BROKER,
    JOIN,
    LEAVE,
    NOBODY,
    NOTE,
    RENAME,
    SYMBOLS,
    Step,
)
from mqttdissect.output.text import cells, wrapped
from mqttdissect.output.theme import Theme

NARROWEST: Final = 60
MOST_LINES: Final = 3  # of one text
HEADING_EVERY: Final = 40  # lines
LONGEST_ADDRESS: Final = 46  # columns of the first broker's, which may stand over the text
LONGEST_NAME: Final = 24  # columns of a name in a heading
TAG_COLOURS: Final = (0, 1, 2, 3, 4, 6)  # of the palette: without red, which is for what is wrong
SHAPES: Final = (  # least width; columns of a client, least text, frame number, time, a broker; most brokers
    (0, 6, 34, 5, 9, 12, 2),
    (100, 6, 44, 6, 10, 20, 3),
    (120, 8, 48, 7, 11, 24, 3),
    (160, 10, 70, 7, 11, 24, 4),
)
OPEN_LINE: Final = "│"
PAUSE_LINE: Final = "┊"


@final
class Shape:
    """How a width is shared out. lane: columns of a client; lanes: most clients, `others` being the last one. broker:
    most columns of a broker but the last; brokers: most of them. number, time: columns of frame number and time."""

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
class TerminalLadder:
    """`text(steps)`: the lines, with their newlines."""

    def __init__(self, theme: Theme, clock: Clock, shape: Shape) -> None:
        self.theme = theme
        self.clock = clock
        self.shape = shape
        self._number_width = shape.number
        self._time_width = shape.time
        self._names: list[str] = []  # of the lanes
        self._open: list[bool] = []  # which of them are in use
        self._brokers: list[str] = []
        self._broker: i64 = 8  # columns of each but the last
        self._out: list[str] = []
        self._since_heading: i64 = HEADING_EVERY
        self._last_ns: i64 = -1
        self._last_frame: i64 = -1
        self._waiting: list[Step] = []  # brokers' and clients' columns that begin
        # worked out from the above, when it has changed
        self._stale = True
        self._blank = ""  # a line's start without number and time
        self._rails: list[str] = []  # of each lane and the end: the lifelines before it
        self._strokes: list[list[str]] = []  # of each lane: the start of an arrow into it and out of it
        self._ends: list[list[str]] = []  # of each broker: the end of an arrow into the client and out of it
        self._after: list[str] = []  # and the lifelines behind that
        self._edge = ""  # the brokers' lifelines
        self._room: i64 = 0  # columns of text
        self._level_styles = [theme.hidden, theme.bits, theme.bits, theme.bits, theme.error]
        self._tag_styles = [theme.palette[index] for index in TAG_COLOURS]

    def text(self, steps: list[Step]) -> str:
        """The lines of the next steps."""
        for step in steps:
            kind = step.kind
            if kind == ARROW:
                self._arrow(step)
            elif kind == NOTE:
                self._note(step)
            elif kind == JOIN:
                self._join(step)
            elif kind == LEAVE:
                self._leave(step)
            elif kind == RENAME:
                self._names[step.lane] = step.text
                self._line_from(step.lane, self._start(step), "├ ", step.text, step.more, self.theme.heading)
            elif kind == BROKER:
                self._brokers.append(step.text)
                self._broker = max(self._broker, min(self.shape.broker, cells(step.text) + 2))
                self._stale = True
                self._since_heading = HEADING_EVERY
        out = "".join(self._out)
        self._out.clear()
        return out

    # Lines

    def _arrow(self, step: Step) -> None:
        start = self._start(step)
        lane = step.lane
        broker = step.broker
        out: i64 = 1 if step.out else 0
        theme = self.theme
        tag = step.tag
        colour = self._tag_styles[tag % len(TAG_COLOURS)] if tag else theme.address
        name = step.text
        head = f"{name} ⟨{tag}⟩" if tag else name
        about = f"{head}  {step.more}" if step.more else head
        room = self._room - 4
        width = cells(name) + len(about) - len(name) - len(step.more) + cells(step.more)
        more: list[str] = []
        if width > room:
            lines = fold(about, room, room - 1)
            about = lines[0]
            more = lines[1:]
            width = cells(about)
        end = self._ends[broker][out]
        fill = "─" * (room - width + 1)
        if not theme.colour:
            line = f"{start}{self._rails[lane]}{self._strokes[lane][out]} {about} {fill}{end}{self._after[broker]}\n"
            self._out.append(line)
        else:
            stop = theme.end
            size = len(name)
            self._out.append(
                f"{start}{self._rails[lane]}{colour}{self._strokes[lane][out]} {theme.value}{about[:size]}{stop}"
                f"{colour}{about[size:]} {fill}{end}{stop}{self._after[broker]}\n"
            )
        self._since_heading += 1
        for line in more:
            self._beside(f"   {theme.paint(colour, line)}", 3 + cells(line))

    def _note(self, step: Step) -> None:
        level = step.level
        style = self._level_styles[level]
        start = self._start(step)
        lines = fold(f"{SYMBOLS[level]} {step.text}", self._room - 2, self._room - 4)
        for index in range(len(lines)):
            line = lines[index] if index == 0 else f"  {lines[index]}"
            self._beside(f" {self.theme.paint(style, line)}", 1 + cells(line), start if index == 0 else "", step.lane)

    def _join(self, step: Step) -> None:
        start = self._start(step)
        lane = step.lane
        while len(self._names) <= lane:
            self._names.append("")
            self._open.append(False)
        self._names[lane] = step.text
        self._open[lane] = True
        self._stale = True
        self._line_from(lane, start, "┌ ", step.text, step.more, self.theme.heading)

    def _leave(self, step: Step) -> None:
        start = self._start(step)
        self._open[step.lane] = False
        self._stale = True
        self._line_from(step.lane, start, "└ ", step.text, "", self.theme.hidden)

    def _line_from(self, lane: i64, start: str, mark: str, text: str, more: str, style: str) -> None:
        """Text that starts at a client's column and goes over those behind it."""
        self._refresh()
        theme = self.theme
        room = self._room + (len(self._names) - lane) * self.shape.lane - 3
        whole = f"{text}  {more}" if more else text
        lines = fold(whole, room, room)
        for index in range(len(lines)):
            line = lines[index]
            pad = " " * (room - cells(line) + 1)
            if index == 0 and line.startswith(text):
                line = theme.paint(style, text) + theme.paint(theme.hidden, line[len(text) :])
            else:
                line = theme.paint(theme.hidden, line)
            first = start if index == 0 else self._blank
            begin = mark if index == 0 else "│ " if self._open[lane] else "  "
            self._out.append(f"{first}{self._rails[lane]}{theme.paint(theme.guide, begin)}{line}{pad}{self._edge}\n")
        self._since_heading += len(lines)

    def _beside(self, line: str, width: i64, start: str = "", lane: i64 = NOBODY) -> None:
        """A line of text of `width` columns, between lifelines. lane: the client that it is about."""
        rail = self._rails[len(self._names)]
        if lane != NOBODY and lane < len(self._names):
            rail = self._marked(lane)
        self._out.append(f"{start or self._blank}{rail}{line}{' ' * (self._room - width)}{self._edge}\n")
        self._since_heading += 1

    def _marked(self, lane: i64) -> str:
        """The lifelines, with a mark on one."""
        guide = self.theme.guide
        behind = "".join([self._lifeline(index) for index in range(int(lane) + 1, len(self._names))])
        mark = f"┆{' ' * (self.shape.lane - 1)}" if self._open[lane] else " " * self.shape.lane
        return self._rails[lane] + self.theme.paint(guide, f"{mark}{behind}")

    def _heading(self) -> None:
        """Who is who, again and again, since the first lines scroll away."""
        self._refresh()
        self._since_heading = 0
        theme = self.theme
        lines = self._name_lines()
        right = ""
        for index in range(len(self._brokers)):
            most = LONGEST_ADDRESS if index == 0 else self._broker - 1
            right += abbreviated(self._brokers[index], most).rjust(self._broker)
        number = "frame".rjust(self._number_width)
        time = "time".rjust(self._time_width)
        last = self.shape.width - self._number_width - self._time_width - 4
        left = lines[len(lines) - 1]
        shared = last - cells(left) - len(right)
        if shared < 0:  # a broker's name is longer than its columns
            right = right[-shared:]
        for line in lines[: len(lines) - 1]:
            self._out.append(f"{self._blank}{theme.paint(theme.heading, line)}\n")
        self._out.append(theme.paint(theme.heading, f"{number}  {time}  {left}{' ' * shared}{right}") + "\n")

    def _name_lines(self) -> list[str]:
        """The clients' names, each above its column: side by side while they are short, else in lines of their own, or
        shortened."""
        lane = self.shape.lane
        lines = [""]
        for index in range(len(self._names)):
            if self._open[index]:
                name = abbreviated(self._names[index], LONGEST_NAME)
                line = lines[len(lines) - 1]
                if line and cells(line) >= index * lane:
                    lines.append("")
                    line = self._lifelines(0, index).rstrip()
                lines[len(lines) - 1] = line + " " * (index * lane - cells(line)) + name
        if len(lines) <= MOST_LINES:
            return lines
        names = [
            abbreviated(self._names[index], lane - 1) if self._open[index] else "" for index in range(len(self._names))
        ]
        return ["".join([name + " " * (lane - cells(name)) for name in names])]

    def _start(self, step: Step) -> str:
        """Heading and pause where they are due, then the number and time that start a step's line."""
        if step.time_ns == -1:
            self._refresh()
            return self._blank
        if self._last_ns != -1:
            pause = rows(step.time_ns - self._last_ns)
            if pause:
                self._pause(pause, step.time_ns - self._last_ns)
        self._last_ns = step.time_ns
        if self._since_heading >= HEADING_EVERY:
            self._heading()
        if step.frame == 0:
            self._refresh()
            return self._blank
        if step.kind == NOTE and step.frame == self._last_frame:
            self._refresh()
            return self._blank
        self._last_frame = step.frame
        number = str(step.frame)
        time = self.clock.text(step.time_ns)
        if len(number) > self._number_width or len(time) > self._time_width:
            self._number_width = max(self._number_width, len(number))
            self._time_width = max(self._time_width, len(time))
            self._stale = True
        self._refresh()
        number = number.rjust(self._number_width)
        time = time.rjust(self._time_width)
        theme = self.theme
        if not theme.colour:
            return f"{number}  {time}  "
        return f"{theme.frame}{number}{theme.end}  {theme.time}{time}{theme.end}  "

    def _pause(self, count: i64, pause_ns: i64) -> None:
        """Lines for time that passes, one of which says how much."""
        self._refresh()
        theme = self.theme
        lane = self.shape.lane
        left = "".join([f"{PAUSE_LINE if one else ' '}{' ' * (lane - 1)}" for one in self._open])
        right = self._edge_of(PAUSE_LINE)
        words = f" {PAUSE_LINE} {spoken(pause_ns)}"
        for index in range(count):
            text = words if index == count // 2 else ""
            line = f"{left}{text}{' ' * (self._room - len(text))}"
            self._out.append(f"{self._blank}{theme.paint(theme.guide, line)}{theme.paint(theme.guide, right)}\n")
        self._since_heading += count

    # What they are made of

    def _refresh(self) -> None:
        """Work out the pieces of lines, if columns have changed."""
        if not self._stale:
            return
        self._stale = False
        theme = self.theme
        lane = self.shape.lane
        start = self._number_width + self._time_width + 4
        self._blank = " " * start
        brokers = max(1, len(self._brokers))
        count = len(self._names)
        self._room = max(8, self.shape.width - start - count * lane - (brokers - 1) * self._broker - 1)
        self._rails = [""] + [theme.paint(theme.guide, self._lifelines(0, index)) for index in range(1, count + 1)]
        self._strokes = []
        for index in range(count):
            crossing = "".join([("┼" if one else "─") + "─" * (lane - 1) for one in self._open[index + 1 :]])
            self._strokes.append([f"│◀{'─' * (lane - 2)}{crossing}", f"├{'─' * (lane - 1)}{crossing}"])
        self._ends = []
        self._after = []
        for index in range(brokers):
            crossing = ("┼" + "─" * (self._broker - 1)) * index
            self._ends.append([f"─{crossing}┤", "▶│" if index == 0 else f"─{crossing[:-1]}▶│"])
            behind = f"{' ' * (self._broker - 1)}│" * (brokers - 1 - index)
            self._after.append(theme.paint(theme.guide, behind) if behind else "")
        self._edge = theme.paint(theme.guide, self._edge_of(OPEN_LINE))

    def _edge_of(self, line: str) -> str:
        return line + f"{' ' * (self._broker - 1)}{line}" * (max(1, len(self._brokers)) - 1)

    def _lifelines(self, first: i64, last: i64) -> str:
        return "".join([self._lifeline(index) for index in range(int(first), int(last))])

    def _lifeline(self, lane: i64) -> str:
        return f"{OPEN_LINE if self._open[lane] else ' '}{' ' * (self.shape.lane - 1)}"


def fold(text: str, first: i64, other: i64) -> list[str]:
    """`text` in lines of at most `first`, then `other` columns, broken at spaces where there are some; what does not
    go into `MOST_LINES` is left out, with an ellipsis."""
    lines: list[str] = []
    room = first
    while text:
        if cells(text) <= room:
            lines.append(text)
            break
        if len(lines) == MOST_LINES - 1:
            lines.append(wrapped(text, int(room) - 1)[0].rstrip() + "…")
            break
        piece = wrapped(text, int(room))[0]
        if not text.startswith("  ", len(piece)):
            at = piece.rfind("  ")
            if at <= room // 3:
                at = len(piece) if text.startswith(" ", len(piece)) else piece.rfind(" ")
            if at > room // 3:
                piece = piece[:at]
        lines.append(piece.rstrip())
        text = text[len(piece) :].lstrip()
        room = other
    return lines or [""]


def abbreviated(text: str, width: i64) -> str:
    """`text` in `width` columns, its middle left out if it is longer: its end often tells it from the others."""
    if cells(text) <= width:
        return text
    if not text.isascii():
        return wrapped(text, int(width) - 1)[0] + "…"
    back = (width - 1) // 2
    return f"{text[: width - 1 - back]}…{text[len(text) - back :] if back else ''}"
