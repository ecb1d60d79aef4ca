"""Find where control packets start again in bytes whose framing was lost.

A place is taken for a boundary when the bytes from it on decode, packet after packet, without a single note, up to
the end of what is there; the last packet may go on in what is still to come. How much of that is needed depends on how
likely it is by chance: a place where a segment starts needs one packet, any other place more.

The decoder is the one that decodes everything else: there is no second opinion of what a packet looks like.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import CONNECT, FROM_CLIENT, FROM_SERVER, PUBLISH, PUBREL, SENDERS, SUBSCRIBE, UNSUBSCRIBE
from mqttdissect.mqtt.connection import Connection, trial
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import TOPIC_NAME

NOT_YET: Final = -1

ENOUGH_AT_START: Final = 12  # bits of evidence, at a place where a segment starts
ENOUGH: Final = 30  # anywhere else
LONGEST: Final = 2 * 1024 * 1024  # bytes of a packet that is believed without having been seen whole


def boundary(data: bytes, segment: i64, connection: Connection, direction: i64) -> i64:
    """Offset in `data` of the first boundary; `NOT_YET` if there is none so far.

    segment: offset in `data` where the newest segment starts; those before it were looked at already.
    """
    size: i64 = len(data)
    if chain(data, segment, size, connection, direction) >= ENOUGH_AT_START:
        return segment
    at: i64 = 0
    while at < size:
        if at != segment and may_start(data, at, size, connection, direction):
            if chain(data, at, size, connection, direction) >= ENOUGH:
                return at
        at += 1
    return NOT_YET


def may_start(data: bytes, at: i64, size: i64, connection: Connection, direction: i64) -> bool:
    """May the byte at `at` be the first of a packet in this direction?"""
    first: i64 = data[at]
    kind = first >> 4
    flags = first & 0x0F
    if kind == 0 or kind == CONNECT:
        return False
    if kind == PUBLISH:
        return flags & 0x06 != 0x06
    if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE):
        if flags != 2:
            return False
    elif flags:
        return False
    if connection.client == -1:
        return True
    sender: i64 = FROM_CLIENT if direction == connection.client else FROM_SERVER
    return SENDERS[kind] & sender != 0


def chain(data: bytes, at: i64, size: i64, connection: Connection, direction: i64) -> i64:
    """Bits of evidence that packets follow each other from `at` to the end of `data`; 0 if they do not."""
    evidence: i64 = 0
    while at < size:
        if not may_start(data, at, size, connection, direction):
            return 0
        length: i64 = 0
        shift: i64 = 0
        position = at + 1
        while True:
            if position >= size:
                return evidence
            if shift > 21:
                return 0
            byte: i64 = data[position]
            length |= (byte & 0x7F) << shift
            shift += 7
            position += 1
            if byte < 0x80:
                break
        end = position + length
        if end > size:
            return evidence + begun(data, at, position, end, size) if end - at <= LONGEST else 0
        bits = weight(data, at, position, end, connection, direction)
        if bits == 0:
            return 0
        evidence += bits
        at = end
    return evidence


def weight(data: bytes, at: i64, body: i64, end: i64, connection: Connection, direction: i64) -> i64:
    """Bits of evidence in one whole packet; 0 if it is malformed."""
    packet = Packet(None, direction, 0, 0, data[at:end], 0)
    packet = trial(packet, connection.version)
    if packet.notes is not None and connection.version_by != 0:
        packet = trial(packet, 9 - connection.version if connection.version in (4, 5) else 4)
    if packet.notes is not None:
        return 0
    if packet.type != PUBLISH:
        return 14 + 2 * (end - body if end - body < 8 else 8)
    topic = packet.value(TOPIC_NAME)
    if not isinstance(topic, str) or not topic.isprintable():
        return 0
    return 14 + 3 * (len(topic) if len(topic) < 12 else 12)


def begun(data: bytes, at: i64, body: i64, end: i64, size: i64) -> i64:
    """Bits of evidence in a packet whose end is not there yet: only a PUBLISH shows some, in its topic name."""
    if data[at] >> 4 != PUBLISH or body + 2 > size:
        return 0
    length = i64(data[body]) << 8 | i64(data[body + 1])
    if length == 0 or body + 2 + length > end:
        return 0
    topic = data[body + 2 : min(body + 2 + length, size)]
    for byte in topic:
        if byte < 0x20 or byte == 0x7F or byte == 0x23 or byte == 0x2B:
            return 0
    return 8 + 3 * (len(topic) if len(topic) < 12 else 12)
