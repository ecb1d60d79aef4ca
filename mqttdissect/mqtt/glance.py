"""A look at common packets: only what matters of them is read, and their fields once somebody asks (`Packet.fields`).

A look is enough for a PUBLISH on a topic, and with properties, that came before and were in order; for acknowledgements
of success without properties; for pings. Of all others nothing is read here: they are decoded.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.mqtt import codes
from mqttdissect.mqtt.decode import TOPICS
from mqttdissect.mqtt.fields import GROUP, TEXT, number
from mqttdissect.mqtt.packet import KnownProperties, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER, TOPIC_ALIAS, values

PAYLOAD_FORMAT: Final = BY_IDENTIFIER[0x01].value
CORRELATION_DATA: Final = BY_IDENTIFIER[0x09].value
SUBSCRIPTION_IDENTIFIER: Final = BY_IDENTIFIER[0x0B].value
ALIAS: Final = BY_IDENTIFIER[TOPIC_ALIAS].value

KNOWN: Final[dict[bytes, KnownProperties]] = {}  # by their bytes, with the length before them
MOST_KNOWN: Final = 4096
LONGEST_KNOWN: Final = 0x80  # bytes, of which the first is their length


def glance(packet: Packet) -> bool:
    """Read what matters of `packet`, if a look is enough. Else False, and nothing was read."""
    data = packet.data
    size: i64 = len(data)
    if size < 2 or packet.hole_offset >= 0:
        return False
    first: i64 = data[0]
    kind = first >> 4
    if kind == codes.PUBLISH:
        if not publish(packet, data, size, first & 0x06):
            return False
    elif kind >= codes.PUBACK and kind <= codes.PUBCOMP:
        if i64(data[1]) != size - 2 or first & 0x0F != (2 if kind == codes.PUBREL else 0):
            return False
        if size != 4 and (size != 5 or packet.version < 5 or i64(data[4]) != 0):
            return False
        identifier = i64(data[2]) << 8 | i64(data[3])
        if identifier == 0:
            return False
        packet.identifier = identifier
    elif size != 2 or i64(data[1]) != 0 or (first != codes.PINGREQ << 4 and first != codes.PINGRESP << 4):
        return False
    packet.type = kind
    packet.flags = first & 0x0F
    packet.glanced = True
    return True


def publish(packet: Packet, data: bytes, size: i64, qos: i64) -> bool:
    """The same for a PUBLISH. qos: its two flags, in their place."""
    at: i64 = 2
    if i64(data[1]) >= 0x80:
        while at < size and at < 5 and i64(data[at]) >= 0x80:
            at += 1
        if at == size or at == 5 or data[at] == 0:  # it has no end, or is longer than it need be
            return False
        at += 1
    if qos == 0x06 or at + 2 > size:
        return False
    start = at + 2
    end = start + (i64(data[at]) << 8 | i64(data[at + 1]))
    if end > size:
        return False
    topic = ""  # of an alias
    if end > start or packet.version < 5:
        before = TOPICS.get(data[start:end])
        if before is None:
            return False
        topic = before
    identifier: i64 = -1
    if qos:
        if end + 2 > size:
            return False
        identifier = i64(data[end]) << 8 | i64(data[end + 1])
        if identifier == 0:
            return False
        end += 2
    if packet.version >= 5:
        if end >= size:
            return False
        length: i64 = data[end]
        known: KnownProperties | None = None
        if length:
            if length >= LONGEST_KNOWN:
                return False
            known = KNOWN.get(data[end : end + 1 + length])
            if known is None:
                return False
        if topic == "" and (known is None or known.alias == 0):
            return False
        packet.known = known
        end += 1 + length
    packet.topic = topic
    packet.identifier = identifier
    packet.message = end
    return True


def remember(packet: Packet) -> None:
    """The properties of a PUBLISH that was decoded: if they are in order, a look is enough for the next one that has
    the same. Correlation Data is not remembered, as it seldom comes again."""
    if packet.notes is not None or packet.hole_offset >= 0:
        return
    known = KnownProperties()
    start: i64 = -1
    end: i64 = -1
    for field in packet.fields:
        spec = field.spec
        if spec.kind == GROUP:
            start, end = field.start, field.end
        elif field.start >= end:
            continue
        elif spec is ALIAS:
            known.alias = number(field.value)
        elif spec is SUBSCRIPTION_IDENTIFIER:
            known.identified = True
        elif spec is PAYLOAD_FORMAT:
            known.utf_8 = field.value == 1
        elif spec is CORRELATION_DATA or (spec.kind == TEXT and not is_harmless(field.value)):
            return
    if end - start == 1 or end - start > LONGEST_KNOWN:
        return
    known.values = values(packet.fields, False)
    if len(KNOWN) >= MOST_KNOWN:
        KNOWN.clear()
    KNOWN[packet.data[start:end]] = known


def is_harmless(value: object) -> bool:
    """Is it text that no rule has anything to say of, wherever it stands?"""
    return isinstance(value, str) and value.isprintable() and "+" not in value and "#" not in value
