"""Tie answers to what they answer, in both directions of a connection.

Who answers whom: MQTT 5.0, sections 3.1 to 3.15 (`WANTED` below is their table), 4.3 (delivery at QoS 1 and 2), 4.12
(AUTH). 2.2.1: packet identifiers count for each direction by itself, and are free again when the answer has come.

Theory of operation
-------------------
A packet that asks for another opens an `Exchange`, which waits under the direction, type and packet identifier of the
answer. The answer takes the oldest one that waits there: TCP keeps the order, and so must both sides. A packet in the
middle of a handshake (PUBREC, PUBREL, AUTH) answers one exchange and opens the next.

Several that wait under the same key are re-deliveries, each of which is answered; or the identifier was used again too
early, or the first was never answered: nobody can tell, so these are not tied to anything.

Gaps. An answer may be tied to the wrong packet only if the capture lacks bytes of both directions since that packet:
the right answer, and the next packet with the same identifier. Where it lacks bytes of the answering direction alone, a
new packet under the same key shows that the one before it was answered. A PINGREQ has no identifier: those that follow
a gap closely are not tied. Several that wait under one key when a gap shows are given up. A packet that waited behind a
hole may come later than its answer: then it is not tied.

Cost: a look-up for each packet that asks or answers, nothing for a PUBLISH at QoS 0. Packets are not kept, only frame
numbers and times; of their fields nothing is asked, so that those which are only followed need not be decoded.
"""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.mqtt.codes import (
    AUTH,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from mqttdissect.mqtt.packet import UNDECODED, Exchange, Packet, variable_header

MOST_WAITING: Final = 4096  # keys under which exchanges of a connection wait; then the older half is forgotten
MOST_ALIKE: Final = 8  # exchanges that wait under one key
MOST_EARLY: Final = 256  # answers to nothing that are remembered
PATIENCE_NS: Final = 30_000_000_000  # a key that is used again so much later was free, answered or not
UNSURE_NS: Final = 5_000_000_000  # a PINGRESP may be the answer to a PINGREQ that the capture lacks, so long ago

# The type under which the answer to a packet waits, by the packet's type; 0: it has none. A CONNACK and the server's
# AUTH can both be the answer to a CONNECT or AUTH, so both go under AUTH. A PUBLISH has its own rule.
WANTED: Final[list[int]] = [0, AUTH, 0, 0, 0, PUBREL, PUBCOMP, 0, SUBACK, 0, UNSUBACK, 0, PINGRESP, 0, 0, AUTH]
# The type under which a packet looks for what it answers, by its type; 0: it answers nothing.
ANSWERS: Final[list[int]] = [
    0, 0, AUTH, 0, PUBACK, PUBREC, PUBREL, PUBCOMP, 0, SUBACK, 0, UNSUBACK, 0, PINGRESP, 0, AUTH,
]  # fmt: skip
NUMBERED: Final[list[bool]] = [PUBLISH <= kind <= UNSUBACK for kind in range(16)]  # has a packet identifier
MARKED: Final = frozenset([PUBLISH, SUBSCRIBE, UNSUBSCRIBE])  # DUP tells a re-delivery; others come again without it
DUP: Final = 0x08  # in the fixed header
QOS: Final = 0x06
QOS_1: Final = 0x02

NOTHING_WAITING: Final[dict[object, Exchange]] = {}  # shared by all connections on which nothing waits, never added to
NOTHING_EARLY: Final[dict[object, int]] = {}
NOTHING_ALIKE: Final[set[object]] = set()


@final
@mypyc_attr(acyclic=True, free_list_len=1)
class Step:
    """What matters here of a packet. type to time_ns: as in `Packet`. number: its packet identifier, 0 if its type has
    none. captured: the frame that its last bytes came in, if it has waited behind a hole since; else 0. cost: what all
    packets before it would take in memory, in bytes. request, response: what is found, as in `Packet`."""

    __slots__ = (
        "captured", "cost", "direction", "flags", "frame", "number", "request", "response", "time_ns", "type",
    )  # fmt: skip

    def __init__(self, kind: i64, flags: i64, direction: i64, frame: i64, time_ns: i64, cost: i64) -> None:
        self.type = kind
        self.flags = flags
        self.direction = direction
        self.frame = frame
        self.time_ns = time_ns
        self.cost = cost
        self.number: i64 = 0
        self.captured: i64 = 0
        self.request: Exchange | None = None
        self.response: Exchange | None = None


@final
class Answers:
    """Of one connection: `take` every packet in the order in which they complete, or `pass_over` those that somebody
    else decodes."""

    __slots__ = ("_alike", "_early", "_gaps_0", "_gaps_1", "_unsure_ns", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[object, Exchange] = NOTHING_WAITING
        self._alike: set[object] = NOTHING_ALIKE  # keys under which several have waited
        self._early: dict[object, int] = (
            NOTHING_EARLY  # frames of answers that came before what they answer, or to nothing
        )
        self._gaps_0: i64 = 0  # of each direction, so far
        self._gaps_1: i64 = 0
        self._unsure_ns: i64 = 0  # until when a PINGREQ is not tied

    def take(self, packet: Packet, cost: i64) -> None:
        """Fill in `request` and `response` of the packet, and the answer of the exchange that it completes.

        cost: what all packets before it would take in memory, in bytes.
        """
        if packet.gap_bytes or packet.type == UNDECODED:
            self._gap(packet)
            if packet.type == UNDECODED:
                return
        data = packet.data
        if not is_tied(data[0]):
            return
        end: i64 = packet.hole_offset
        if end < 0:
            end = len(data)
        step = Step(packet.type, packet.flags, packet.direction, packet.frame, packet.time_ns, cost)
        spans = packet.spans
        if spans is not None:
            step.captured = spans[-1][1]
        self._tie(step, data, 0, end, packet.version)
        packet.request = step.request
        packet.response = step.response

    def pass_over(
        self, data: bytes, at: i64, end: i64, direction: i64, frame: i64, time_ns: i64, version: i64, cost: i64
    ) -> None:
        """The same for a whole packet, from `at` to `end` of `data`, that came in one frame."""
        first: i64 = data[at]
        self._tie(Step(first >> 4, first & 0x0F, direction, frame, time_ns, cost), data, at, end, version)

    def _tie(self, step: Step, data: bytes, at: i64, end: i64, version: i64) -> None:
        """Tie the packet that lies from `at` to `end` of `data`."""
        kind = step.type
        wanted: i64 = WANTED[kind]
        answers: i64 = ANSWERS[kind]
        if kind == PUBLISH:
            if step.flags & QOS == QOS:  # there is no QoS 3
                return
        elif wanted == 0 and answers == 0:
            return
        if NUMBERED[kind]:
            number = identifier(data, at, end)
            if number < 0:
                return
            step.number = number
        if kind == PUBLISH:
            self._publish(step)
            return
        if answers:
            step.request = self._answer(step, key_of(step.direction, answers, step.number))
        if wanted and (version < 5 or goes_on(kind, data, at, end)):
            self._ask(step, key_of(1 - step.direction, wanted, step.number))
        elif not self._waiting and not PUBACK <= kind <= PUBCOMP:
            self._waiting = NOTHING_WAITING  # most connections are idle: they need no table of their own

    def _gap(self, packet: Packet) -> None:
        """The capture lacks bytes before the packet, or they could not be read."""
        if packet.direction == 0:
            self._gaps_0 += 1
        else:
            self._gaps_1 += 1
        self._unsure_ns = packet.time_ns + UNSURE_NS
        waiting = self._waiting
        for key in self._alike:
            first = waiting.get(key)
            if first is not None and first.following is not None:
                del waiting[key]
        self._alike = NOTHING_ALIKE

    def _gaps(self, direction: i64) -> i64:
        return self._gaps_0 if direction == 0 else self._gaps_1

    def _publish(self, step: Step) -> None:
        """At QoS 1 or 2."""
        direction, number = step.direction, step.number
        if step.flags & QOS == QOS_1:
            self._ask(step, key_of(1 - direction, PUBACK, number))
            return
        if not step.flags & DUP:  # whatever became of the message that had the identifier before
            self._waiting.pop(key_of(direction, PUBREL, number), None)
            self._waiting.pop(key_of(1 - direction, PUBCOMP, number), None)
        self._ask(step, key_of(1 - direction, PUBREC, number))

    def _ask(self, step: Step, key: object) -> None:
        """Open an exchange that waits under `key`; in the middle of a handshake, behind the one that was answered."""
        if step.type == PINGREQ and step.time_ns < self._unsure_ns:
            return
        if self._early and has_waited(step, self._early.pop(key, 0)):
            return
        direction = step.direction
        new = Exchange(step.frame, step.time_ns, step.cost, self._gaps(direction), self._gaps(1 - direction))
        asked = step.request
        if asked is not None:
            if asked.began_frame != 0:
                new.began_frame = asked.began_frame
                new.began_ns = asked.began_ns
            elif step.type != PUBREL:  # else its PUBLISH is not in the capture
                new.began_frame = asked.asked_frame
                new.began_ns = asked.asked_ns
        step.response = new
        waiting = self._waiting
        if waiting is NOTHING_WAITING:
            self._waiting = waiting = {}
        first = waiting.get(key)
        if first is None or first.answer_gaps != new.answer_gaps:
            if first is None and len(waiting) >= MOST_WAITING:
                for old in list(waiting)[: MOST_WAITING // 2]:
                    del waiting[old]
            waiting[key] = new
            return
        last = first
        alike: i64 = 1
        while last.following is not None:
            last = last.following
            alike += 1
        since = new.asked_ns - last.asked_ns
        if since > PATIENCE_NS:
            waiting[key] = new
            return
        if step.type == PINGREQ:
            if since > UNSURE_NS or alike == MOST_ALIKE:
                first.doubtful = True
                self._unsure_ns = new.asked_ns + UNSURE_NS
        elif step.type in MARKED and not step.flags & DUP:
            first.doubtful = True
        if alike == MOST_ALIKE:
            first.doubtful = True
        else:
            last.following = new
            if self._alike is NOTHING_ALIKE or len(self._alike) >= MOST_WAITING:
                self._alike = set()
            self._alike.add(key)

    def _answer(self, step: Step, key: object) -> Exchange | None:
        """Complete the exchange that waits under `key`, and return it; None if there is none that is certain."""
        waiting = self._waiting
        first = waiting.get(key)
        if first is None:
            if self._early is NOTHING_EARLY or len(self._early) == MOST_EARLY:
                self._early = {}
            self._early[key] = int(step.frame)
            return None
        following = first.following
        if following is None:
            del waiting[key]
        else:
            following.doubtful = first.doubtful
            waiting[key] = following
            first.following = None
        direction = step.direction
        if first.doubtful or (first.answer_gaps != self._gaps(direction) and first.gaps != self._gaps(1 - direction)):
            return None
        first.answered_frame = step.frame
        first.answered_ns = step.time_ns
        first.answered_cost = step.cost
        return first


def is_tied(first: i64) -> bool:
    """Does a packet that starts with this byte matter here?"""
    kind = first >> 4
    if kind == PUBLISH:
        return first & QOS != 0
    return kind != DISCONNECT


def key_of(direction: i64, kind: i64, number: i64) -> object:
    """The direction, type and packet identifier of an answer, in one number: an object, as a dictionary wants it."""
    return int((direction * 16 + kind) * 65536 + number)


def has_waited(step: Step, answer: int) -> bool:
    """Was the packet held up behind a hole in the stream, and captured before the frame of an answer, 0 for none?"""
    return 0 < step.captured < answer


def identifier(data: bytes, at: i64, end: i64) -> i64:
    """The packet identifier of a packet, from `at` to `end` of `data`, that is to have one (2.2.1); -1 if its bytes end
    before. No field is needed."""
    publish = i64(data[at]) >> 4 == PUBLISH
    at = variable_header(data, at, end)
    if at < 0 or at + 2 > end:
        return -1
    if publish:
        at += 2 + (i64(data[at]) << 8 | i64(data[at + 1]))
        if at + 2 > end:
            return -1
    return i64(data[at]) << 8 | i64(data[at + 1])


def goes_on(kind: i64, data: bytes, at: i64, end: i64) -> bool:
    """Is there to be an answer, in MQTT 5.0? Not to a PUBREC that refuses the message, nor to an AUTH that says
    success."""
    if kind == PUBREC:
        return reason(data, at, end, 2) < 0x80
    return kind != AUTH or reason(data, at, end, 0) != 0


def reason(data: bytes, at: i64, end: i64, behind: i64) -> i64:
    """The reason code, so many bytes behind the start of the variable header; 0, success, where it is left out."""
    at = variable_header(data, at, end)
    if at < 0 or at + behind >= end:
        return 0
    return i64(data[at + behind])
