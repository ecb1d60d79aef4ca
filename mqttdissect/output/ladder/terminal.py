"""A ladder as lines of text, as wide as the terminal, each written as soon as its packet is there.

Clients stand at the left, close together; brokers at the right edge. Every arrow crosses the room between them, where
all text stands, one line below the other:

    frame       time  pub sub                                        10.0.0.2:1883
        8   0.000525  ├───┼─── PUBLISH ⟨1⟩  QoS 1  id 1  topicX ────────────────▶│
        9   0.000731  │   │◀── PUBLISH ⟨1⟩  QoS 0  topicX ───────────────────────┤

Nothing of what comes later is known: a client's column begins with its first packet, and is given to the next client
once it has ended. Text that is too long for its line goes on in the next.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.output.clock import Clock
from mqttdissect.output.ladder.deliveries import LAST_TAG
from mqttdissect.output.ladder.fold import abbreviated, fold
from mqttdissect.output.ladder.pieces import OPEN_LINE, PAUSE_LINE, Pieces, Shape
from mqttdissect.output.ladder.scale import SHORTEST, rows, spoken
from mqttdissect.output.ladder.step import ARROW, BROKER, JOIN, LEAVE, NO_TOPIC, NOBODY, NOTE, RENAME, SYMBOLS, Step
from mqttdissect.output.pieces import Column
from mqttdissect.output.text import cells
from mqttdissect.output.theme import Theme

HEADING_EVERY: Final = 40  # lines
MOST_HEADING: Final = 8  # lines of a heading
LONGEST_ADDRESS: Final = 46  # columns of a broker's name in a heading
LONGEST_NAME: Final = 24  # columns of a name in a heading
TAG_COLOURS: Final = (1, 2, 3, 4, 7, 8)  # of the palette: without red, for what is wrong, and cyan, for the others
TAGS: Final[list[bytes]] = [b"", *[f" ⟨{tag}⟩".encode() for tag in range(1, LAST_TAG + 1)]]
TAG_WIDTHS: Final[list[int]] = [0, *[3 + len(str(tag)) for tag in range(1, LAST_TAG + 1)]]
LEAST_TOPIC: Final = 20  # columns of a topic that is shortened
INDENT: Final = b"   "  # of what goes on in the next line
TWO: Final = b"  "
NOTHING: Final[list[str]] = []


@final
class TerminalLadder:
    """`text(steps)`: the lines in UTF-8, with their newlines."""

    def __init__(self, theme: Theme, clock: Clock, shape: Shape) -> None:
        self.theme = theme
        self.clock = clock
        self.shape = shape
        self._pieces = Pieces(theme, shape)
        self._pieces.time = max(shape.time, clock.usual_width())
        self._names: list[str] = []  # of the clients, by column
        self._brokers: list[str] = []
        self._out: list[bytes] = []
        self._since_heading: i64 = HEADING_EVERY
        self._headed = b""  # the heading, as long as it stays the same
        self._last_ns: i64 = -1
        self._last_frame: i64 = -1
        self._numbers = Column(self._pieces.number, f"{theme.end}  {theme.time}".encode())
        clock.end_with(f"{theme.end}  ".encode())
        self._frame_style = theme.frame.encode()
        self._name_style = theme.value.encode()
        self._end = theme.end.encode()
        self._level_styles = [theme.hidden, theme.bits, theme.bits, theme.bits, theme.error]
        styles = [theme.palette[TAG_COLOURS[tag % len(TAG_COLOURS)]] for tag in range(LAST_TAG + 1)]
        styles[0] = theme.address
        self._tag_styles = [style.encode() for style in styles]

    def text(self, steps: list[Step]) -> bytes:
        """The lines of the next steps."""
        for step in steps:
            kind = step.kind
            if kind == ARROW:
                self._arrow(step)
                continue
            if kind == NOTE:
                self._note(step)
                continue
            if kind == JOIN:
                self._join(step)
            elif kind == LEAVE:
                self._leave(step)
            elif kind == RENAME:
                self._names[step.lane] = step.text
                self._line_from(step.lane, self._start(step), "├ ", step.text, step.more, self.theme.heading)
            elif kind == BROKER:
                self._brokers.append(step.text)
                self._pieces.broker()
                self._since_heading = HEADING_EVERY
            self._headed = b""
        out = b"".join(self._out)
        self._out.clear()
        return out

    # Arrows

    def _arrow(self, step: Step) -> None:
        self._time_passes(step)
        self._number_and_time(step)
        self._since_heading += 1
        name = step.text
        more = step.more
        topic = step.topic
        tag_width: i64 = TAG_WIDTHS[step.tag]
        room = self._pieces.room - 4
        left = room - step.text_width - tag_width
        if left < 0:  # not even its name fits
            name = abbreviated(name, room - tag_width)
            left = room - cells(name) - tag_width
        width = step.more_width
        below = topic is not NO_TOPIC  # does the topic stand in the next line?
        before = b""  # what stands there before it
        further = NOTHING
        folded = False  # does it take lines of its own, below `further`?
        if more and width + 2 <= left:
            left -= width + 2
            if below and topic.width + 2 <= left:
                left -= topic.width + 2
                below = False
        elif below and width + LEAST_TOPIC < room:
            before = f"{more}  ".encode()
            more = ""
        elif more:
            folded = below
            below = False
            further = ["", *fold(more, room - 1, room - 1)] if folded else self._split(more, width, room - left)
            more = further[0]
            left -= cells(more) + 2 if more else 0
        out = self._out
        self._head(step, name)
        if more:
            out.append(TWO)
            out.append(more.encode())
            if topic is not NO_TOPIC and not below and not folded:
                out.append(TWO)
                out.append(topic.raw)
        way: i64 = 1 if step.out else 0
        out.append(self._pieces.tails[step.broker * 2 + way][max(0, left + 1)])
        if below:
            width = width + 2 if before else 0
            if width + topic.width < room:
                self._further(before, topic.raw, width + topic.width, step.tag)
            else:
                topic.shorten(room - 1 - width)
                self._further(before, topic.cut, width + topic.cut_width, step.tag)
        for index in range(1, len(further)):
            self._further(b"", further[index].encode(), cells(further[index]), step.tag)
        if folded:
            topic.fold(room - 1)
            for line, width in topic.lines:
                self._further(b"", line, width, step.tag)

    def _number_and_time(self, step: Step) -> None:
        """The start of an arrow's line; what is wider than before moves all that follows."""
        pieces = self._pieces
        out = self._out
        if self.theme.colour:
            out.append(self._frame_style)
        self._numbers.width = pieces.number
        self._numbers.write(step.frame, out)
        time = self.clock.write(step.time_ns, pieces.time, out)
        if pieces.stamp(self._numbers.width, time):
            self._columns_move()
        pieces.refresh()
        self._last_frame = step.frame

    def _columns_move(self) -> None:
        """Frame number or time is wider than before: say once more who is who."""
        self._headed = b""
        self._since_heading = HEADING_EVERY

    def _head(self, step: Step, name: str) -> None:
        """The start of an arrow, its name and its tag."""
        pieces = self._pieces
        out = self._out
        start: i64 = step.lane * 2 + (1 if step.out else 0)
        if self.theme.colour:
            colour = self._tag_styles[step.tag]
            out.append(pieces.rails[step.lane])
            out.append(colour)
            out.append(pieces.strokes[start])
            out.append(self._name_style)
            out.append(name.encode())
            out.append(self._end)
            out.append(colour)
        else:
            out.append(pieces.whole_strokes[start])
            out.append(name.encode())
        if step.tag:
            out.append(TAGS[step.tag])

    def _further(self, before: bytes, text: bytes, width: i64, tag: i64) -> None:
        """What goes on below its arrow, in so many columns."""
        pieces = self._pieces
        out = self._out
        out.append(pieces.blank)
        out.append(pieces.rails[len(self._names)])
        out.append(INDENT)
        if self.theme.colour:
            out.append(self._tag_styles[tag])
        if before:
            out.append(before)
        out.append(text)
        if self.theme.colour:
            out.append(self._end)
        out.append(pieces.pads[max(0, pieces.room - 3 - width)])
        self._since_heading += 1

    def _split(self, more: str, width: i64, used: i64) -> list[str]:
        """What follows the name of an arrow that is too long for its line: in this line, and in those below. width: of
        `more`; used: columns that are taken already."""
        room = self._pieces.room - 4
        if ", " not in more:  # its last part, such as a filter, goes below, with what does not fit either
            at: i64 = max(more.rfind("  "), 0)
            before = more[:at]
            last = more[at:].lstrip()
            start = cells(before)
            end = width - start - (len(more) - at - len(last))
            if used + 2 + start <= room:
                return [before, last if end < room else abbreviated(last, room - 1)]
            if start + LEAST_TOPIC < room:
                if end > room - start - 3:
                    last = abbreviated(last, room - start - 3)
                return ["", f"{before}  {last}"]
        if room - used - 2 < room // 3:
            return ["", *fold(more, room - 1, room - 1)]
        return fold(more, room - used - 2, room - 1)

    # Everything else

    def _note(self, step: Step) -> None:
        level = step.level
        style = self._level_styles[level]
        start = self._start(step)
        pieces = self._pieces
        room = pieces.room
        lines = fold(f"{SYMBOLS[level]} {step.text}", room - 2, room - 4)
        for index in range(len(lines)):
            line = lines[index] if index == 0 else f"  {lines[index]}"
            said = f" {self.theme.paint(style, line)}".encode()
            self._beside(start if index == 0 else pieces.blank, said, 1 + cells(line), step.lane)

    def _join(self, step: Step) -> None:
        start = self._start(step)
        lane = step.lane
        while len(self._names) <= lane:
            self._names.append("")
        self._names[lane] = step.text
        self._pieces.lane(lane, True)
        self._line_from(lane, start, "┌ ", step.text, step.more, self.theme.heading)

    def _leave(self, step: Step) -> None:
        start = self._start(step)
        self._pieces.lane(step.lane, False)
        self._line_from(step.lane, start, "└ ", step.text, "", self.theme.hidden)

    def _line_from(self, lane: i64, start: bytes, mark: str, text: str, more: str, style: str) -> None:
        """Text that starts at a client's column and goes over those behind it."""
        pieces = self._pieces
        pieces.refresh()
        theme = self.theme
        room = pieces.room + (len(self._names) - lane) * self.shape.lane - 3
        lines = fold(f"{text}  {more}" if more else text, room, room)
        for index in range(len(lines)):
            line = lines[index]
            pad = " " * (room - cells(line) + 1)
            if index == 0 and line.startswith(text):
                line = theme.paint(style, text) + theme.paint(theme.hidden, line[len(text) :])
            else:
                line = theme.paint(theme.hidden, line)
            begin = mark if index == 0 else f"{OPEN_LINE} " if pieces.open[lane] else "  "
            self._out.append(start if index == 0 else pieces.blank)
            self._out.append(pieces.rails[lane])
            self._out.append(f"{pieces.painted(begin)}{line}{pad}".encode())
            self._out.append(pieces.edge)
        self._since_heading += len(lines)

    def _beside(self, start: bytes, line: bytes, width: i64, lane: i64) -> None:
        """A line of text of `width` columns, between lifelines. lane: the client that it is about."""
        pieces = self._pieces
        names: i64 = len(self._names)
        self._out.append(start)
        self._out.append(pieces.marked(lane) if lane != NOBODY and lane < names else pieces.rails[names])
        self._out.append(line)
        self._out.append(pieces.pads[max(0, pieces.room - width)])
        self._since_heading += 1

    def _start(self, step: Step) -> bytes:
        """The start of a step's line, up to the first column: with number and time if it has its own."""
        if step.time_ns != -1:
            self._time_passes(step)
        pieces = self._pieces
        if step.time_ns == -1 or step.frame == 0 or (step.kind == NOTE and step.frame == self._last_frame):
            pieces.refresh()
            return pieces.blank
        self._last_frame = step.frame
        number = str(step.frame)
        time = self.clock.text(step.time_ns)
        if pieces.stamp(len(number), len(time)):
            self._columns_move()
        pieces.refresh()
        theme = self.theme
        stamp = theme.paint(theme.frame, number.rjust(pieces.number))
        return f"{stamp}  {theme.paint(theme.time, time.rjust(pieces.time))}  ".encode()

    def _time_passes(self, step: Step) -> None:
        """The pause up to a step, and a heading, where they are due."""
        if not step.late:
            since = step.time_ns - self._last_ns
            if (since >= SHORTEST or since < 0) and self._last_ns != -1:
                self._pause(rows(since), since)
            self._last_ns = step.time_ns
        if self._since_heading >= HEADING_EVERY:
            self._heading()

    def _pause(self, count: i64, pause_ns: i64) -> None:
        """Lines for time that passes, one of which says how much."""
        pieces = self._pieces
        pieces.refresh()
        left = pieces.lifelines(PAUSE_LINE)
        right = pieces.edge_of(PAUSE_LINE)
        words = f" {PAUSE_LINE} {spoken(pause_ns)}"
        if len(words) > pieces.room:
            words = abbreviated(f" {PAUSE_LINE} -{spoken(-pause_ns)}" if pause_ns < 0 else words, pieces.room)
        for index in range(count):
            text = words if index == count // 2 else ""
            line = f"{left}{text}{' ' * (pieces.room - len(text))}{right}"
            self._out.append(pieces.blank)
            self._out.append(f"{pieces.painted(line)}\n".encode())
        self._since_heading += count

    def _heading(self) -> None:
        """Who is who, again and again, since the first lines scroll away: each name above its column."""
        self._since_heading = 0
        if not self._headed:
            self._headed = self._heading_lines()
        self._out.append(self._headed)

    def _heading_lines(self) -> bytes:
        """The lines of a heading, which are the same as long as nobody comes or goes."""
        pieces = self._pieces
        pieces.refresh()
        out = ""
        theme = self.theme
        lines = self._name_lines()
        brokers = len(self._brokers)
        count = max(len(lines), brokers)
        lines = [""] * (count - len(lines)) + lines
        head = f"{'frame'.rjust(pieces.number)}  {'time'.rjust(pieces.time)}  "
        blank = " " * len(head)
        for index in range(count):
            left = lines[index]
            broker = index - (count - brokers)
            if broker >= 0:  # the first one's name is uppermost
                name = abbreviated(self._brokers[broker], LONGEST_ADDRESS)
                end = self.shape.width - (brokers - 1 - broker) * self.shape.broker
                space = end - len(head) - cells(left)
                if cells(name) >= space:
                    name = abbreviated(name, max(1, space - 1))
                left += " " * (space - cells(name)) + name
            start = head if index == count - 1 else blank
            out += f"{theme.paint(theme.heading, start + left)}\n"
        return out.encode()

    def _name_lines(self) -> list[str]:
        """The clients' names, each above its column: side by side while they are short, else in lines of their own, or
        shortened."""
        pieces = self._pieces
        lane = self.shape.lane
        lines = [""]
        end: i64 = 0  # columns of the last line
        for index in range(len(self._names)):
            if pieces.open[index]:
                name = abbreviated(self._names[index], LONGEST_NAME)
                at = index * lane
                if end >= at and end:
                    lines.append("".join([pieces.lifeline(before, OPEN_LINE) for before in range(index)]))
                    end = at
                lines[len(lines) - 1] += " " * (at - end) + name
                end = at + cells(name)
        if len(lines) <= MOST_HEADING:
            return lines
        names = [
            abbreviated(self._names[index], lane - 1) if pieces.open[index] else "" for index in range(len(self._names))
        ]
        return ["".join([name + " " * (lane - cells(name)) for name in names])]
