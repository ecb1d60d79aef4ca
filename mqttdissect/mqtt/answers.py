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

from mypy_extensions import i64

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
DUP: Final = 8

NOTHING_WAITING: Final[dict[object, Exchange]] = {}  # shared by all connections on which nothing waits, never added to
NOTHING_EARLY: Final[dict[object, int]] = {}
NOTHING_ALIKE: Final[set[object]] = set()


@final
class Answers:
    """Of one connection: `take` every packet in the order in which they complete."""

    __slots__ = ("_alike", "_cost", "_early", "_gaps_0", "_gaps_1", "_unsure_ns", "_waiting")

    def __init__(self) -> None:
        self._waiting: dict[object, Exchange] = NOTHING_WAITING
        self._alike: set[object] = NOTHING_ALIKE  # keys under which several have waited
        self._early: dict[object, int] = (
            NOTHING_EARLY  # frames of answers that came before what they answer, or to nothing
        )
        self._cost: i64 = 0
        self._gaps_0: i64 = 0  # of each direction, so far
        self._gaps_1: i64 = 0
        self._unsure_ns: i64 = 0  # until when a PINGREQ is not tied

    def take(self, packet: Packet, cost: i64) -> None:
        """Fill in `request` and `response` of the packet, and the answer of the exchange that it completes.

        cost: what all packets before it would take in memory, in bytes.
        """
        self._cost = cost
        kind = packet.type
        if packet.gap_bytes or kind == UNDECODED:
            self._gap(packet)
            if kind == UNDECODED:
                return
        if kind == PUBLISH:
            self._publish(packet)
            return
        wanted: i64 = WANTED[kind]
        answers: i64 = ANSWERS[kind]
        if wanted == 0 and answers == 0:
            return
        number: i64 = 0
        if NUMBERED[kind]:
            number = identifier(packet)
            if number < 0:
                return
        asked: Exchange | None = None
        if answers:
            asked = self._answer(packet, key_of(packet.direction, answers, number))
        if wanted and goes_on(packet):
            self._ask(packet, key_of(1 - packet.direction, wanted, number), asked)
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

    def _publish(self, packet: Packet) -> None:
        qos = packet.qos
        if qos != 1 and qos != 2:
            return
        number = identifier(packet)
        if number < 0:
            return
        if qos == 1:
            self._ask(packet, key_of(1 - packet.direction, PUBACK, number), None)
            return
        if not packet.flags & DUP:  # whatever became of the message that had the identifier before
            self._waiting.pop(key_of(packet.direction, PUBREL, number), None)
            self._waiting.pop(key_of(1 - packet.direction, PUBCOMP, number), None)
        self._ask(packet, key_of(1 - packet.direction, PUBREC, number), None)

    def _ask(self, packet: Packet, key: object, asked: Exchange | None) -> None:
        """Open an exchange that waits under `key`. asked: the one before it in a handshake."""
        if packet.type == PINGREQ and packet.time_ns < self._unsure_ns:
            return
        if self._early and has_waited(packet, self._early.pop(key, 0)):
            return
        direction = packet.direction
        new = Exchange(packet.frame, packet.time_ns, self._cost, self._gaps(direction), self._gaps(1 - direction))
        if asked is not None:
            begun = asked.began_frame != 0
            new.began_frame = asked.began_frame if begun else asked.asked_frame
            new.began_ns = asked.began_ns if begun else asked.asked_ns
        packet.response = new
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
        if packet.type == PINGREQ:
            if since > UNSURE_NS or alike == MOST_ALIKE:
                first.doubtful = True
                self._unsure_ns = new.asked_ns + UNSURE_NS
        elif packet.type in MARKED and not packet.flags & DUP:
            first.doubtful = True
        if alike == MOST_ALIKE:
            first.doubtful = True
        else:
            last.following = new
            if self._alike is NOTHING_ALIKE or len(self._alike) >= MOST_WAITING:
                self._alike = set()
            self._alike.add(key)

    def _answer(self, packet: Packet, key: object) -> Exchange | None:
        """Complete the exchange that waits under `key`, and return it; None if there is none that is certain."""
        waiting = self._waiting
        first = waiting.get(key)
        if first is None:
            if self._early is NOTHING_EARLY or len(self._early) == MOST_EARLY:
                self._early = {}
            self._early[key] = int(packet.frame)
            return None
        following = first.following
        if following is None:
            del waiting[key]
        else:
            following.doubtful = first.doubtful
            waiting[key] = following
            first.following = None
        direction = packet.direction
        if first.doubtful or (first.answer_gaps != self._gaps(direction) and first.gaps != self._gaps(1 - direction)):
            return None
        first.answered_frame = packet.frame
        first.answered_ns = packet.time_ns
        first.answered_cost = self._cost
        packet.request = first
        return first


def is_tied(first: i64) -> bool:
    """Does a packet that starts with this byte matter here?"""
    kind = first >> 4
    if kind == PUBLISH:
        return first & 0x06 != 0
    return kind != DISCONNECT


def key_of(direction: i64, kind: i64, number: i64) -> object:
    """The direction, type and packet identifier of an answer, in one number: an object, as a dictionary wants it."""
    return int((direction * 16 + kind) * 65536 + number)


def has_waited(packet: Packet, answer: int) -> bool:
    """Was the packet held up behind a hole in the stream, and captured before the frame of an answer, 0 for none?"""
    spans = packet.spans
    return spans is not None and spans[-1][1] < answer


def identifier(packet: Packet) -> i64:
    """The packet identifier of a packet that is to have one (2.2.1); -1 if its bytes end before. No field is needed."""
    data = packet.data
    end: i64 = packet.hole_offset if packet.hole_offset >= 0 else len(data)
    at = variable_header(data, 0, end)
    if at < 0:
        return -1
    if packet.type == PUBLISH:
        if at + 2 > end:
            return -1
        at += 2 + (i64(data[at]) << 8 | i64(data[at + 1]))
    if at + 2 > end:
        return -1
    return i64(data[at]) << 8 | i64(data[at + 1])


def goes_on(packet: Packet) -> bool:
    """Is there to be an answer? Not to a PUBREC that refuses the message, nor to an AUTH that says success."""
    if packet.version < 5:
        return True
    if packet.type == PUBREC:
        return reason(packet, 2) < 0x80
    return packet.type != AUTH or reason(packet, 0) != 0


def reason(packet: Packet, behind: i64) -> i64:
    """The reason code, so many bytes behind the start of the variable header; 0, success, where it is left out."""
    data = packet.data
    end: i64 = packet.hole_offset if packet.hole_offset >= 0 else len(data)
    at = variable_header(data, 0, end)
    return i64(data[at + behind]) if 0 <= at < end - behind else 0
