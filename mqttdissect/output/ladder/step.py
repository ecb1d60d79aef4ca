"""What a ladder is made of, from top to bottom: `Step`s, which the model makes and every renderer draws."""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.output.ladder.fold import abbreviated, fold
from mqttdissect.output.text import cells

# Kinds
JOIN: Final = 0  # a client's column begins: `text` is its name, `more` what else is known of the connection
LEAVE: Final = 1  # it ends: `text` says how
RENAME: Final = 2  # its name has become known: `text`
ARROW: Final = 3  # a control packet: `text` is its type, `more` what matters of it
NOTE: Final = 4  # something to say: `text`, of kind `level`
BROKER: Final = 5  # a broker's column begins: `text` is its name

# Levels of notes
REMARK: Final = 0
RESENT: Final = 1  # TCP sent something again
MISSING: Final = 2  # the capture lacks bytes
WARNING: Final = 3
ERROR: Final = 4
SYMBOLS: Final = ("·", "↻", "…", "!", "✗")

NOBODY: Final = -1  # no column


@final
class Topic:
    """A topic name, harmless and not too long. raw: in UTF-8; width: columns that it takes. cut, cut_width: the same of
    what `shorten` has made of it; lines: what `fold` has."""

    __slots__ = ("_cut_to", "_folded_to", "cut", "cut_width", "lines", "raw", "text", "width")

    def __init__(self, text: str) -> None:
        self.text = text
        self.raw = text.encode()
        self.width: i64 = cells(text)
        self.cut = self.raw
        self.cut_width = self.width
        self.lines: list[tuple[bytes, i64]] = []
        self._cut_to: i64 = -1
        self._folded_to: i64 = -1

    def shorten(self, room: i64) -> None:
        """Let `cut` fit into so many columns."""
        if room != self._cut_to:
            self._cut_to = room
            text = abbreviated(self.text, room)
            self.cut = text.encode()
            self.cut_width = cells(text)

    def fold(self, room: i64) -> None:
        """Let `lines` be it in lines of so many columns, each with the columns that it takes."""
        if room != self._folded_to:
            self._folded_to = room
            self.lines = [(line.encode(), cells(line)) for line in fold(self.text, room, room)]


NO_TOPIC: Final = Topic("")


@final
@mypyc_attr(acyclic=True)
class Step:
    """kind, level: as above. lane: the client's column, broker: the broker's; `NOBODY` for none. out: from the client
    to the broker. frame, time_ns: when. frame is 0 for what has no frame of its own; time_ns is then that of the arrow
    which follows, or -1 for what belongs to the arrow before. tag: what the packets of one delivery share; 0 for none.
    topic: of a PUBLISH, which comes behind `more`. text_width, more_width: columns of both, of an arrow. stamp:
    `time_ns` in words, for renderers that need it more than once. late: packets of later frames were drawn before.
    """

    __slots__ = (
        "broker", "frame", "kind", "lane", "late", "level", "more", "more_width", "out", "stamp", "tag", "text",
        "text_width", "time_ns", "topic",
    )  # fmt: skip

    def __init__(self, kind: i64, lane: i64, broker: i64, text: str, more: str = "") -> None:
        self.kind = kind
        self.lane = lane
        self.broker = broker
        self.text = text
        self.more = more
        self.out = True
        self.frame: i64 = 0
        self.time_ns: i64 = -1
        self.stamp = ""
        self.topic = NO_TOPIC
        self.text_width: i64 = 0
        self.more_width: i64 = 0
        self.tag: i64 = 0
        self.level: i64 = REMARK
        self.late = False

    @property
    def about(self) -> str:
        """All that stands behind `text`."""
        return f"{self.more}  {self.topic.text}" if self.topic is not NO_TOPIC else self.more

    def __repr__(self) -> str:
        return f"Step({self.kind}, {self.lane}, {self.broker}, {self.text!r}, {self.more!r})"
