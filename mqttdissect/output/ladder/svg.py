"""A ladder as a picture that stands alone: SVG 1.1 with its own style sheet, no script, no font or file from elsewhere.

Laid out as in the terminal: clients at the left, brokers at the right, all text between them, one row below the other.
Every text is cut to its room; the whole of it (1,000 characters of a topic) is the tooltip of its arrow. Colours follow
the reader's light or dark scheme where the viewer knows it.
"""

from __future__ import annotations

import html
from typing import Final

from mqttdissect.output.ladder.fold import abbreviated, fold
from mqttdissect.output.ladder.picture import COLOURS, NOTHING, Picture, words
from mqttdissect.output.ladder.step import (
    ARROW,
    ERROR,
    JOIN,
    LEAVE,
    MISSING,
    NO_TOPIC,
    NOBODY,
    NOTE,
    RENAME,
    RESENT,
    WARNING,
    Step,
)
from mqttdissect.output.text import cells

CHARACTER: Final = 6.63  # pixels of a character: 0.602 em of 11 pixels, as monospaced fonts have it
ROW: Final = 24  # of an arrow
LINE: Final = 15  # of a note
PAUSE: Final = 11  # of each step of a pause
MARGIN: Final = 16
HEAD: Final = 46  # above the first row
CLIENT: Final = (70, 190)  # least and most width of a column
BROKER: Final = 190
LEAST_TOPIC: Final = 20  # columns of a topic that is shortened
NAMES_EVERY: Final = 960  # the names of the columns are repeated
TEXT: Final = (320, 680)  # least and most room for text
LEVELS: Final = {ERROR: "error", WARNING: "warning", RESENT: "warning", MISSING: "warning"}

LIGHT: Final = ("#0b62a8", "#a85400", "#0a7a4f", "#7a3db8", "#00717d", "#7a6a00")
DARK: Final = ("#6cb6ff", "#f0a45d", "#56d39a", "#c9a0ff", "#4fd0dc", "#d7c64f")


def style_sheet() -> str:
    """Once for both schemes."""

    def scheme(
        colours: tuple[str, ...], ink: str, dim: str, line: str, paper: str, band: str, bad: str, odd: str
    ) -> str:  # fmt: skip
        rules = [
            f".paper{{fill:{paper}}}",
            f"text{{fill:{ink}}}",
            f".dim{{fill:{dim}}}",
            f".lifeline{{stroke:{line}}}",
            f".open{{fill:{line}}}",
            f".pause{{fill:{band}}}",
            f".arrow line{{stroke:{ink}}}",
            f".arrow path{{fill:{ink}}}",
            f".error{{fill:{bad}}}",
            f".warning{{fill:{odd}}}",
            f".halo{{stroke:{paper}}}",
        ]
        for number, colour in enumerate(colours):
            rules.append(f".d{number} line{{stroke:{colour}}}")
            rules.append(f".d{number} path,.d{number} .label{{fill:{colour}}}")
        return "".join(rules)

    light = scheme(LIGHT, "#1f2328", "#656d76", "#b6bec7", "#ffffff", "#f3f5f7", "#c4162a", "#8a5a00")
    dark = scheme(DARK, "#e6edf3", "#8d96a0", "#4a525c", "#0d1117", "#161b22", "#ff6b73", "#e3b341")
    return (
        "text{font:11px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace}"
        ".name,.type{font-weight:bold}.lifeline{stroke-width:1;stroke-dasharray:2 4}.arrow line{stroke-width:1.4}"
        ".halo{stroke-width:4;paint-order:stroke;stroke-linejoin:round}"
        f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
    )


class Svg:
    """`text()` is the whole file."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self.body: list[str] = []
        stamps = [step.stamp for step in picture.steps]
        frames = [str(step.frame) for step in picture.steps if step.frame]
        self.number_end = MARGIN + max(5, *map(len, frames), 0) * CHARACTER if frames else MARGIN
        self.time_end = self.number_end + 12 + max(map(len, stamps), default=0) * CHARACTER
        names = [cells(name) for name in picture.clients]
        least, most = CLIENT
        widest = max(names, default=0) * CHARACTER + 14
        crowd = 110 if len(names) > 8 else most
        self.client = min(max(least, widest), crowd)
        self.first = self.time_end + 22
        self.text_start = self.first + len(names) * self.client
        longest = max([cells(words(step)) for step in picture.steps if step.kind in (ARROW, NOTE)], default=0)
        least, most = TEXT
        self.room = min(max(least, longest * CHARACTER + 36), most)
        self.edge = self.text_start + self.room
        self.rest = picture.rest() if picture.steps else NOTHING
        self.width = max(
            self.edge + max(0, len(picture.brokers) - 1) * BROKER + MARGIN + 8,
            self.first + len(self.rest) * CHARACTER + MARGIN,
        )
        self.y = float(HEAD)
        self.opened: dict[int, float] = {}  # where the connection of a column begins
        self.bars: list[str] = []
        self.last_frame = 0
        self.named = 0.0  # where the names of the columns stand

    def lane(self, client: int) -> float:
        """Where a client's lifeline is."""
        return self.first + client * self.client

    def broker(self, index: int) -> float:
        """Where a broker's lifeline is."""
        return self.edge + index * BROKER

    def text(self) -> str:
        """The file."""
        for step in self.picture.steps:
            self._pause(step)
            if step.kind == ARROW:
                self._names_again()
                self._arrow(step)
            elif step.kind == NOTE:
                self._note(step)
            elif step.kind in (JOIN, RENAME, LEAVE):
                self._event(step)
        for client in list(self.opened):
            self._bar(client)
        if self.rest:
            self.y += LINE
            at = f'x="{number(self.first)}" y="{number(self.y)}"'
            self.body.append(f'<text class="rest dim" {at}>{escape(self.rest)}</text>')
        height = self.y + MARGIN
        size = f'width="{number(self.width)}" height="{number(height)}"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {number(self.width)} {number(height)}">',
                "<title>Sequence diagram of MQTT sessions</title>",
                f"<style>{style_sheet()}</style>",
                f'<rect class="paper" {size}/>',
                *self._lifelines(height),
                *self.bars,
                *self.body,
                "</svg>",
                "",
            ]
        )

    def _columns(self) -> list[tuple[str, str, float, float, str]]:
        """Kind, name, place, room for the name, and which end of it is at that place."""
        clients = enumerate(self.picture.clients)
        brokers = enumerate(self.picture.brokers)
        columns = [("client", name, self.lane(index), self.client, "start") for index, name in clients]
        return columns + [
            ("broker", name, self.broker(index), BROKER if index else self.room, "end") for index, name in brokers
        ]

    def _lifelines(self, height: float) -> list[str]:
        """Of each column, with its name."""
        out = []
        for kind, name, x, room, anchor in self._columns():
            out.append(
                f'<g class="column {kind}"><title>{escape(name)}</title>{label(name, x, 26, room, anchor, "name")}'
                f'<line class="lifeline" x1="{number(x)}" y1="34" x2="{number(x)}" y2="{number(height - MARGIN)}"/></g>'
            )
        return out

    def _names_again(self) -> None:
        """The names of the columns, where those above are out of sight."""
        if self.y - self.named < NAMES_EVERY:
            return
        self.y += ROW
        self.named = self.y
        for _, name, x, room, anchor in self._columns():
            self.body.append(label(name, x, self.y, room, anchor, "again dim halo"))

    def _pause(self, step: Step) -> None:
        count, said = self.picture.pause(step)
        if not count:
            return
        height = count * PAUSE + 6
        self.y += 6
        middle = self.y + height / 2 + 4
        self.body.append(
            f'<g class="gap"><rect class="pause" x="{MARGIN / 2}" y="{number(self.y)}" '
            f'width="{number(self.width - MARGIN)}" height="{height}" rx="4"/>'
            f'<text class="dim" x="{number(self.text_start + 14)}" y="{number(middle)}">⋮ {escape(said)}</text></g>'
        )
        self.y += height - 2

    def _stamp(self, step: Step, y: float) -> str:
        """Frame and time."""
        if not step.frame or (step.kind == NOTE and step.frame == self.last_frame):
            return ""
        self.last_frame = step.frame
        parts = (("frame", self.number_end, str(step.frame)), ("time dim", self.time_end, step.stamp))
        return "".join(
            [
                f'<text class="{kind}" x="{number(x)}" y="{number(y)}" text-anchor="end">{escape(text)}</text>'
                for kind, x, text in parts
            ]
        )

    def _arrow(self, step: Step) -> None:
        self.y += ROW
        picture = self.picture
        client, broker = self.lane(step.lane), self.broker(step.broker)
        start, end = (client, broker) if step.out else (broker, client)
        towards = 1 if step.out else -1
        tip = end - 5 * towards
        whole = words(step)
        short = shortened(step, whole, int((self.room - 30) / CHARACTER))
        kind = f'<tspan class="type">{escape(short[: len(step.text)])}</tspan>{escape(short[len(step.text) :])}'
        ends = [picture.clients[step.lane], picture.brokers[step.broker]]
        about = f"#{step.frame} {step.stamp} {' → '.join(ends if step.out else ends[::-1])}: {whole}"
        colour = f" d{step.tag % COLOURS}" if step.tag else ""
        y = number(self.y)
        self.body.append(
            f'<g class="arrow{colour}"><title>{escape(about)}</title>{self._stamp(step, self.y - 5)}'
            f'<line x1="{number(start)}" y1="{y}" x2="{number(tip - 3 * towards)}" y2="{y}"/>'
            f'<path d="M{number(tip)} {y}l{-8 * towards} -4v8z"/>'
            f'<text class="label halo" x="{number(self.text_start + 14)}" y="{number(self.y - 5)}">{kind}</text></g>'
        )

    def _note(self, step: Step) -> None:
        level = LEVELS.get(step.level, "dim")
        room = int((self.room - 44) / CHARACTER)
        stamp = ""
        lines = fold(words(step), room, room - 2)
        self.y += 2
        for index, line in enumerate(lines):
            self.y += LINE
            if index == 0:
                stamp = self._stamp(step, self.y)
            indent = 14 if index == 0 else 14 + 2 * CHARACTER
            self.body.append(
                f'<text class="note {level} halo" x="{number(self.text_start + indent)}" y="{number(self.y)}">'
                f"{escape(line)}</text>"
            )
        title = f"<title>{escape(words(step))}</title>"
        mark = ""
        if step.lane != NOBODY:
            at = number(self.y - (len(lines) - 1) * LINE - 4)
            mark = f'<circle class="{level}" cx="{number(self.lane(step.lane))}" cy="{at}" r="4">{title}</circle>'
        self.body.append(f'<g class="mark">{stamp}{mark}</g>')

    def _event(self, step: Step) -> None:
        """A connection begins or ends, or its client's name becomes known."""
        self.y += LINE + 4
        x = self.lane(step.lane)
        if step.kind == JOIN:
            self._bar(step.lane)
            self.opened[step.lane] = self.y - 4
        text = f"{step.text}  {step.about}" if step.about else step.text
        kind = {JOIN: "join", LEAVE: "leave"}.get(step.kind, "rename")
        room = int((self.edge - x - 24) / CHARACTER)
        self.body.append(
            f'<g class="{kind}"><title>{escape(text)}</title>{self._stamp(step, self.y)}'
            f'<text class="dim halo" x="{number(x + 9)}" y="{number(self.y)}">{escape(cut(text, room))}</text></g>'
        )
        if step.kind == LEAVE:
            self._bar(step.lane)

    def _bar(self, client: int) -> None:
        """The time for which a connection was open."""
        begun = self.opened.pop(client, None)
        if begun is not None:
            x = self.lane(client)
            self.bars.append(
                f'<rect class="open" x="{number(x - 2.5)}" y="{number(begun)}" width="5" '
                f'height="{number(max(4, self.y - 4 - begun))}" rx="2.5"/>'
            )


def escape(text: str) -> str:
    """Text as XML has it; spaces stay as many as they are."""
    return html.escape(text.replace("  ", "\u00a0 "))


def label(name: str, x: float, y: float, room: float, anchor: str, kind: str) -> str:
    """A column's name."""
    at = x - 4 if anchor == "start" else x + 4
    short = escape(abbreviated(name, int((room - 10) / CHARACTER)))
    return f'<text class="{kind}" x="{number(at)}" y="{number(y)}" text-anchor="{anchor}">{short}</text>'


def number(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def shortened(step: Step, whole: str, width: int) -> str:
    """An arrow's text in so many columns: its topic has both ends, where there is room for them."""
    room = width - (cells(whole) - step.topic.width)
    if step.topic is NO_TOPIC or room < LEAST_TOPIC:
        return cut(whole, width)
    return whole[: len(whole) - len(step.topic.text)] + abbreviated(step.topic.text, room)


def cut(text: str, width: int) -> str:
    """`text` in so many columns, with an ellipsis if there is more."""
    if cells(text) <= width:
        return text
    while cells(text) > width - 1:
        text = text[: max(0, min(len(text) - 1, width - 1))]
    return text.rstrip() + "…"


def svg(picture: Picture) -> str:
    """The whole file."""
    return Svg(picture).text()
