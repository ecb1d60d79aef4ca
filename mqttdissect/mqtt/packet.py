"""A control packet as it was found on the wire, with its fields and with what is wrong with it."""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.mqtt.clauses import Clause
from mqttdissect.mqtt.codes import PACKET_TYPES
from mqttdissect.mqtt.fields import GROUP, Field, FieldSpec
from mqttdissect.net.stream import CAPTURE_ENDED, DROPPED, ENDINGS, Stream

UNDECODED: Final = -1
"""The `type` of what stands for bytes of a stream that could not be cut into packets."""

# How the version was found (Packet.version_by)
BY_CONNECT: Final = 0
BY_INFERENCE: Final = 1
BY_OPTION: Final = 2
BY_DEFAULT: Final = 3

# Why bytes of a packet are missing, where that is not how its sender ended it (Packet.hole_why)
NOT_CAPTURED: Final = "the capture lacks them"
NOT_HELD: Final = "more than --max-incomplete would have waited"
UNSEEN: Final = frozenset([NOT_CAPTURED, NOT_HELD, ENDINGS[CAPTURE_ENDED], ENDINGS[DROPPED]])


@final
@mypyc_attr(acyclic=True)
class Note:
    """Something malformed: at which byte of the packet, what was expected there, and where the standard says so.

    clause: the rule that is broken, as in `clauses`. section: where the standard of the packet's version states it.
    """

    __slots__ = ("clause", "expected", "offset", "section")

    def __init__(self, offset: i64, expected: str, clause: Clause, version: i64) -> None:
        self.offset = offset
        self.expected = expected
        self.clause = clause
        self.section = clause.of(version)

    def __str__(self) -> str:
        return f"offset {self.offset}: {self.expected} ({self.section})"


NO_FIELDS: Final[list[Field]] = []  # of a packet that was not decoded; nothing is ever added to it


@final
class Exchange:
    """A packet that asks for another one, and its answer: PUBLISH and PUBACK, PUBREC and PUBREL, ... (`answers`).

    asked_frame, asked_ns: of the packet that asks. answered_frame, answered_ns: of its answer; frame 0 until it has
    come. asked_cost, answered_cost: what all packets before each would take in memory, in bytes. began_frame, began_ns:
    of the first packet of a handshake of more than two; frame 0 where it is the one that asks. The rest is for
    `answers` alone.
    """

    __slots__ = (
        "answer_gaps", "answered_cost", "answered_frame", "answered_ns", "asked_cost", "asked_frame", "asked_ns",
        "began_frame", "began_ns", "doubtful", "following", "gaps",
    )  # fmt: skip

    def __init__(self, asked_frame: i64, asked_ns: i64, cost: i64, gaps: i64, answer_gaps: i64) -> None:
        self.asked_frame = asked_frame
        self.asked_ns = asked_ns
        self.asked_cost = cost
        self.answered_cost: i64 = 0
        self.answered_frame: i64 = 0
        self.answered_ns: i64 = 0
        self.began_frame: i64 = 0
        self.began_ns: i64 = 0
        self.gaps = gaps
        self.answer_gaps = answer_gaps
        self.doubtful = False
        self.following: Exchange | None = None


@final
@mypyc_attr(acyclic=True)
class KnownProperties:
    """The properties of a PUBLISH, as they came before and were in order (`glance`). values: (identifier, value) of
    each. alias: 0 for none. identified: is there a Subscription Identifier? utf_8: is the message said to be UTF-8?"""

    __slots__ = ("alias", "identified", "utf_8", "values")

    def __init__(self) -> None:
        self.alias: i64 = 0
        self.identified = False
        self.utf_8 = False
        self.values: list[tuple[int, object]] = []


@final
@mypyc_attr(acyclic=True)
class Packet:
    """One control packet.

    frame, time_ns: of the frame that completed it, or of its last bytes if its end is not captured. begun_ns: when its
    first byte came; paused_ns: the longest time from then on in which nothing of it came. direction: 0 or 1, as in its
    stream. sender: `FROM_CLIENT`, `FROM_SERVER`, or 0 if not known. type: 1 to 15 (0 is reserved), or `UNDECODED`.
    flags: the low four bits of the first byte. version: the protocol level 3, 4 or 5; version_by: how that is known.
    data: its bytes. spans: (offset, frame) where it spans frames, else None. hole_offset, hole_bytes,
    hole_why: where bytes of it are missing, how many, and why; offset -1 for none. gap_bytes, gap_after: bytes of the
    stream that the capture lacks before the packet, and the frame that carried those before them. resent: TCP segments
    of its direction that had been sent again by then.
    request: the exchange that it answers; response: the one that it opens, whose answer comes later; None for none, or
    if nobody asked for it (`MqttDissector.links`).
    identifier: the packet identifier; -1 for none. topic: of a PUBLISH, also the one that its topic alias stands for,
    with bytes that are not UTF-8 escaped; empty if it is not known. message: where its application message starts; 0 if
    that was not reached. glanced: nothing else was read, as it is a common one that is in order (`glance`): its fields
    are once somebody asks for them; known: its properties then, None for none.
    """

    __slots__ = (
        "_fields", "_payload", "begun_ns", "data", "direction", "flags", "frame", "gap_after", "gap_bytes", "glanced",
        "hole_bytes", "hole_offset", "hole_why", "identifier", "known", "message", "notes", "paused_ns", "request",
        "resent", "response", "sender", "spans", "stream", "time_ns", "topic", "type", "version", "version_by",
    )  # fmt: skip

    def __init__(
        self, stream: Stream | None, direction: i64, frame: i64, time_ns: i64, data: bytes, packet_type: i64
    ) -> None:
        self.stream = stream
        self.direction = direction
        self.frame = frame
        self.time_ns = time_ns
        self.begun_ns = time_ns
        self.paused_ns: i64 = 0
        self.data = data
        self.type = packet_type
        self.flags: i64 = 0
        self.sender: i64 = 0
        self.version: i64 = 4
        self.version_by: i64 = BY_DEFAULT
        self._fields = NO_FIELDS
        self._payload: i64 = 0
        self.glanced = False
        self.known: KnownProperties | None = None
        self.topic = ""
        self.identifier: i64 = -1
        self.message: i64 = 0
        self.notes: list[Note] | None = None
        self.spans: list[tuple[int, int]] | None = None
        self.hole_offset: i64 = -1
        self.hole_bytes: i64 = 0
        self.hole_why = ""
        self.gap_bytes: i64 = 0
        self.gap_after: i64 = 0
        self.resent: i64 = 0
        if stream is not None:
            self.resent = stream.half(direction).retransmissions
        self.request: Exchange | None = None
        self.response: Exchange | None = None

    @property
    def fields(self) -> list[Field]:
        """In the order of their bytes."""
        if self.glanced and self._fields is NO_FIELDS:
            from mqttdissect.mqtt.decode import decode_anew

            decode_anew(self)
        return self._fields

    @fields.setter
    def fields(self, fields: list[Field]) -> None:
        self._fields = fields

    @property
    def payload(self) -> i64:
        """Index of the first field of the payload; len(fields) if it has none."""
        return self._payload if self.fields else 0

    @payload.setter
    def payload(self, index: i64) -> None:
        self._payload = index

    @property
    def name(self) -> str:
        """CONNECT, PUBLISH, ...; RESERVED for type 0 and, before 5.0, type 15."""
        if self.type == UNDECODED:
            return "UNDECODED"
        if self.type == 15 and self.version < 5:
            return "RESERVED"
        return PACKET_TYPES[int(self.type)]

    @property
    def malformed(self) -> Note | None:
        """The first thing that is wrong with it."""
        return self.notes[0] if self.notes else None

    @property
    def qos(self) -> i64:
        """Of a PUBLISH."""
        return (self.flags >> 1) & 3

    @property
    def frames(self) -> list[tuple[int, int]]:
        """(offset in `data`, number of the frame that carried the bytes from there on)."""
        return self.spans if self.spans is not None else [(0, int(self.frame))]

    @property
    def message_size(self) -> i64:
        """Bytes of the application message of a PUBLISH, as far as they are there."""
        if self.message == 0:
            return 0
        return (len(self.data) if self.hole_offset < 0 else self.hole_offset) - self.message

    @property
    def application_message(self) -> bytes:
        """These."""
        return self.data[self.message : self.message + self.message_size]

    def value(self, spec: FieldSpec) -> object:
        """The value of the first field of this spec; None if there is none."""
        for field in self.fields:
            if field.spec is spec:
                return field.value
        return None

    def leaves(self) -> list[Field]:
        """The fields that own bytes: together every byte of the packet, each once."""
        return [field for field in self.fields if field.spec.kind != GROUP and field.end > field.start]

    def __repr__(self) -> str:
        return f"Packet({self.name}, frame={self.frame}, {len(self.data)} bytes, {len(self.fields)} fields)"


def variable_header(data: bytes, at: i64, end: i64) -> i64:
    """Where that of the packet from `at` on starts, behind the Remaining Length; -1 if this has no end before `end`."""
    last = min(at + 4, end - 1)
    while at < last:
        at += 1
        if i64(data[at]) < 0x80:
            return at + 1
    return -1
