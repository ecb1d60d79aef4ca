"""One decoder per control packet type. Each reads like the standard's own description of the packet.

Sources: MQTT 3.1 (chapter 3), MQTT 3.1.1 (chapter 3), MQTT 5.0 (chapter 3). `decode` never raises: what is wrong is in
the packet's notes, and bytes that could not be read are in a field that says why.
"""

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from mqttdissect.mqtt import clauses, codes
from mqttdissect.mqtt.cursor import Broken, Cursor
from mqttdissect.mqtt.fields import BYTE, TEXT, UINT16, UINT32, VARINT, Field, FieldSpec, number
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER, PAIR, PROPERTY_IDENTIFIER, TOPIC_ALIAS, WILL, Property
from mqttdissect.mqtt.registry import (
    APPLICATION_MESSAGE,
    AUTH_REASON,
    BRIDGE_LEVEL,
    CLIENT_IDENTIFIER,
    CONNACK_FLAGS,
    CONNACK_REASON,
    CONNECT_FLAGS,
    CONNECT_FLAGS_5,
    DISCONNECT_REASON,
    GRANTED_QOS,
    HEADER,
    KEEP_ALIVE,
    PACKET_IDENTIFIER,
    PASSWORD,
    PROPERTIES,
    PROPERTY_LENGTH,
    PROTOCOL_LEVEL,
    PROTOCOL_NAME,
    PUBACK_REASON,
    PUBCOMP_REASON,
    PUBLISH_HEADER,
    PUBREC_REASON,
    PUBREL_REASON,
    REASON_LEFT_OUT,
    REMAINING_LENGTH,
    REQUEST_HEADER_31,
    REQUESTED_QOS,
    RETURN_CODE,
    SUBACK_REASON,
    SUBSCRIPTION_OPTIONS,
    TOPIC_FILTER,
    TOPIC_NAME,
    TOPIC_OF_ALIAS,
    UNKNOWN_ALIAS,
    UNSUBACK_REASON,
    USER_NAME,
    WILL_PAYLOAD,
    WILL_PROPERTIES,
    WILL_TOPIC,
)

Decoder = Callable[[Cursor, Packet], None]


def decode(packet: Packet) -> None:
    """Fill in the fields and notes of `packet` from its data, by its `version`."""
    c = Cursor(packet)
    if packet.hole_offset >= 0:
        c.end = packet.hole_offset
    try:
        fixed_header(c, packet)
        kind = packet.type
        if kind == codes.PUBLISH:  # most packets are; a direct call is far cheaper than one by the table
            publish(c, packet)
        else:
            DECODERS[kind](c, packet)
        if c.position < c.end:
            c.note(
                c.position, f"{packet.name} to end here; bytes left over: {c.end - c.position}", clauses.BYTES_LEFT_OVER
            )
            c.undecoded(c.end, "behind the end of the packet's fields")
    except Broken:
        c.undecoded(c.end, "behind what is malformed")
    if packet.payload == 0:
        packet.payload = len(packet.fields)
    if packet.hole_offset >= 0:
        hole(c, packet)


def decode_anew(packet: Packet) -> None:
    """Decode what was only glanced at."""
    topic = packet.topic
    decode(packet)
    if packet.topic != topic:
        for index in range(len(packet.fields)):
            if packet.fields[index].spec is ALIAS.value:
                explain_alias(packet, index, topic)
                return


def explain_alias(packet: Packet, index: i64, topic: str | None) -> None:
    """Say behind the topic alias, the field at `index`, which topic it stands for; None: not known."""
    fields = packet.fields
    end = fields[index].end
    if topic is None:
        fields.insert(index + 1, Field(UNKNOWN_ALIAS, end, end, NO_TOPIC))
    else:
        fields.insert(index + 1, Field(TOPIC_OF_ALIAS, end, end, topic))
        packet.topic = topic
    packet.payload += 1
    for field in fields:
        if field.spec is PROPERTIES:
            field.value = number(field.value) + 1


NO_TOPIC: Final = "not known: its alias was set before the capture, or never"


def hole(c: Cursor, packet: Packet) -> None:
    """Bytes of this packet are missing: what was noted of its end is due to that, and what lies behind the hole has no
    certain meaning."""
    packet.notes = [note for note in packet.notes or [] if note.offset == 0] or None
    unit = "byte" if packet.hole_bytes == 1 else "bytes"
    c.note(packet.hole_offset, f"{packet.hole_bytes} more {unit}: {packet.hole_why}", clauses.STREAM)
    c.position = packet.hole_offset
    c.end = len(packet.data)
    c.undecoded(c.end, "behind missing bytes")


def fixed_header(c: Cursor, packet: Packet) -> None:
    """Packet type, flags and Remaining Length (MQTT 5.0, section 2.1)."""
    first: i64 = packet.data[0]
    kind = first >> 4
    flags = first & 0x0F
    packet.type = kind
    packet.flags = flags
    if kind == codes.PUBLISH:
        c.fields.append(PUBLISH_HEADERS[flags])
        if flags & 0x06 == 0x06:
            c.note(0, "QoS 0, 1 or 2; 3 is reserved", clauses.QOS_3)
    elif packet.version == 3:  # the other flags are not checked by anybody there
        c.fields.append(HEADERS_31[first])
        if flags & 0x06 == 0x06 and HEADERS_31[first].spec is REQUEST_HEADER_31:
            c.note(0, "QoS 1; 3 is reserved", clauses.QOS_3)
    else:
        c.fields.append(HEADERS[first])
        expected: i64 = 2 if kind in (codes.PUBREL, codes.SUBSCRIBE, codes.UNSUBSCRIBE) else 0
        if flags != expected:
            c.note(0, f"the flags of {packet.name} to be {bits4(expected)}, not {bits4(flags)}", clauses.FLAGS)
    c.position = 1
    if c.end > 1 and i64(packet.data[1]) < 0x80:
        c.fields.append(SHORT_LENGTHS[packet.data[1]])
        c.position = 2
    else:
        c.varint(REMAINING_LENGTH)


def header_31(kind: int) -> FieldSpec:
    """MQTT 3.1 has DUP and QoS in these requests too."""
    return REQUEST_HEADER_31 if kind in (codes.PUBREL, codes.SUBSCRIBE, codes.UNSUBSCRIBE) else HEADER


# The fields that nearly every packet begins with, made once.
PUBLISH_HEADERS: Final = [Field(PUBLISH_HEADER, 0, 1, codes.PUBLISH << 4 | flags) for flags in range(16)]
HEADERS: Final = [Field(HEADER, 0, 1, first) for first in range(256)]
HEADERS_31: Final = [Field(header_31(first >> 4), 0, 1, first) for first in range(256)]
SHORT_LENGTHS: Final = [Field(REMAINING_LENGTH, 1, 2, length) for length in range(128)]


def bits4(value: i64) -> str:
    """0010"""
    return f"{value >> 3 & 1}{value >> 2 & 1}{value >> 1 & 1}{value & 1}"


def reserved(c: Cursor, packet: Packet) -> None:
    """Type 0, and type 15 before MQTT 5.0."""
    c.note(
        0,
        f"a packet type from 1 to {14 if packet.version < 5 else 15}; {packet.type} is reserved",
        clauses.RESERVED_TYPE,
    )
    c.undecoded(c.end, "of a reserved packet type")


def connect(c: Cursor, packet: Packet) -> None:
    """CONNECT (3.1). Its protocol level is the version of all that follows on the connection."""
    start = c.position
    name = c.text(PROTOCOL_NAME)
    at = c.position
    level = c.data[at] if at < c.end else 0
    c.byte(BRIDGE_LEVEL if level & 0x80 else PROTOCOL_LEVEL)
    version = level & 0x7F
    if version in codes.VERSIONS:
        packet.version = version
    expected = "MQIsdp" if version == 3 else "MQTT"
    if name != expected:
        c.note(start, f"the protocol name {expected}", clauses.NAME)
    if version not in codes.VERSIONS:
        c.note(at, "the protocol level 3, 4 or 5", clauses.LEVEL)
    v5 = packet.version >= 5
    at = c.position
    flags = c.byte(CONNECT_FLAGS_5 if v5 else CONNECT_FLAGS)
    connect_flags(c, packet, at, flags)
    c.uint16(KEEP_ALIVE)
    if v5:
        properties(c, codes.CONNECT, False)
    c.payload()
    c.text(CLIENT_IDENTIFIER)
    if flags & 0x04:
        if v5:
            properties(c, WILL, False)
        topic_name(c, WILL_TOPIC)
        c.binary(WILL_PAYLOAD)
    if packet.version == 3 and c.position == c.end:
        return  # MQTT 3.1 lets the Remaining Length, not the flags, say whether these follow
    if flags & 0x80:
        c.text(USER_NAME)
    if flags & 0x40 and not (packet.version == 3 and c.position == c.end):
        c.binary(PASSWORD)


def connect_flags(c: Cursor, packet: Packet, at: i64, flags: i64) -> None:
    """Connect Flags that the standard does not allow together (3.1.2.3 and on)."""
    if flags & 0x01 and packet.version > 3:
        c.note(at, "the reserved connect flag to be 0", clauses.CONNECT_RESERVED)
    if flags & 0x18 == 0x18:
        c.note(at, "will QoS 0, 1 or 2; 3 is reserved", clauses.WILL_QOS_3)
    if not flags & 0x04 and packet.version > 3:  # MQTT 3.1 says that they are disregarded then
        if flags & 0x18:
            c.note(at, "will QoS 0, as there is no will", clauses.WILL_QOS_UNUSED)
        if flags & 0x20:
            c.note(at, "will retain 0, as there is no will", clauses.WILL_RETAIN_UNUSED)
    if flags & 0xC0 == 0x40 and packet.version < 5:
        c.note(at, "no password without a user name", clauses.PASSWORD_ALONE)


def connack(c: Cursor, packet: Packet) -> None:
    """CONNACK (3.2)"""
    at = c.position
    if c.byte(CONNACK_FLAGS) & 0xFE and packet.version > 3:
        c.note(at, "the reserved bits of the acknowledge flags to be 0", clauses.CONNACK_BITS)
    if packet.version >= 5:
        code(c, CONNACK_REASON)
        properties(c, codes.CONNACK, False)
    else:
        at = c.position
        if c.byte(RETURN_CODE) > 5:
            c.note(at, "a return code from 0 to 5", clauses.RETURN)


def code(c: Cursor, spec: FieldSpec) -> None:
    """A reason code of MQTT 5.0."""
    at = c.position
    value = c.byte(spec)
    names = spec.names
    if names is not None and int(value) not in names:
        known = codes.REASONS.get(int(value))
        what = f"0x{value:02x} ({known}) is for other packets" if known else f"0x{value:02x} is not defined"
        c.note(at, f"a reason code of {c.packet.name}; {what}", clauses.REASON)


def identifier(c: Cursor) -> None:
    """A packet identifier (2.2.1)."""
    at = c.position
    number = c.uint16(PACKET_IDENTIFIER)
    c.packet.identifier = number
    if number == 0:
        c.note(at, "a packet identifier from 1 to 65535", clauses.IDENTIFIER_ZERO)


def topic_name(c: Cursor, spec: FieldSpec) -> str:
    """The topic of a message or of a will (4.7). In MQTT 5.0 that of a message may be empty, for an alias."""
    at = c.position
    start = c.length(spec)
    raw = c.data[start : c.position]
    known = TOPICS.get(raw)
    if known is not None:
        c.fields.append(Field(spec, start, c.position, known))
        return known
    topic = c.characters(spec, start, raw)
    if "#" in topic or "+" in topic:
        c.note(at + 2, f"a {spec.label.lower()} without wildcards", clauses.NO_WILDCARDS)
    elif topic == "" and (c.packet.version < 5 or spec is WILL_TOPIC):
        c.note(at, f"a {spec.label.lower()} of at least one character", clauses.TOPIC_LENGTH)
    elif topic and len(raw) <= LONGEST_KEPT and c.packet.notes is None and topic.isprintable():
        if len(TOPICS) >= MOST_KEPT:
            TOPICS.clear()
        TOPICS[raw] = topic
    return topic


# Those that were in order, without control characters either: one that comes again is the same string
TOPICS: Final[dict[bytes, str]] = {}
MOST_KEPT: Final = 8192  # of them
LONGEST_KEPT: Final = 256  # bytes of one


def publish(c: Cursor, packet: Packet) -> None:
    """PUBLISH (3.3)"""
    topic = topic_name(c, TOPIC_NAME)
    packet.topic = topic
    if packet.flags & 0x06:
        identifier(c)
    if packet.version >= 5:
        properties(c, codes.PUBLISH, topic == "")
    packet.message = c.position
    c.payload()
    c.rest(APPLICATION_MESSAGE)


def acknowledgement(c: Cursor, packet: Packet, spec: FieldSpec) -> None:
    """PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7): MQTT 5.0 lets a sender leave out what is success."""
    identifier(c)
    if packet.version < 5:
        return
    if c.position == c.end:
        if packet.hole_offset < 0:
            c.derived(REASON_LEFT_OUT, "Success")
        return
    code(c, spec)
    if c.position < c.end:
        properties(c, packet.type, False)


def puback(c: Cursor, packet: Packet) -> None:
    """PUBACK (3.4)"""
    acknowledgement(c, packet, PUBACK_REASON)


def pubrec(c: Cursor, packet: Packet) -> None:
    """PUBREC (3.5)"""
    acknowledgement(c, packet, PUBREC_REASON)


def pubrel(c: Cursor, packet: Packet) -> None:
    """PUBREL (3.6)"""
    acknowledgement(c, packet, PUBREL_REASON)


def pubcomp(c: Cursor, packet: Packet) -> None:
    """PUBCOMP (3.7)"""
    acknowledgement(c, packet, PUBCOMP_REASON)


def topic_filter(c: Cursor) -> None:
    """One topic filter of a SUBSCRIBE or UNSUBSCRIBE (4.7)."""
    at = c.position
    if c.text(TOPIC_FILTER) == "":
        c.note(at, "a topic filter of at least one character", clauses.TOPIC_LENGTH)


def subscribe(c: Cursor, packet: Packet) -> None:
    """SUBSCRIBE (3.8)"""
    identifier(c)
    v5 = packet.version >= 5
    if v5:
        properties(c, codes.SUBSCRIBE, False)
    c.payload()
    if c.position == c.end:
        c.note(c.position, "at least one topic filter", clauses.SOME_FILTERS)
    while c.more():
        topic_filter(c)
        at = c.position
        if v5:
            options = c.byte(SUBSCRIPTION_OPTIONS)
            if options & 0xC0:
                c.note(at, "the reserved bits of the subscription options to be 0", clauses.OPTION_BITS)
            if options & 0x30 == 0x30:
                c.note(at, "retain handling 0, 1 or 2", clauses.OPTION_VALUES)
        else:
            options = c.byte(REQUESTED_QOS)
            if options & 0xFC:
                c.note(at, "the reserved bits of the requested QoS to be 0", clauses.OPTION_BITS)
        if options & 0x03 == 0x03:
            c.note(at, "QoS 0, 1 or 2", clauses.OPTION_VALUES)


def suback(c: Cursor, packet: Packet) -> None:
    """SUBACK (3.9)"""
    identifier(c)
    v5 = packet.version >= 5
    if v5:
        properties(c, codes.SUBACK, False)
    c.payload()
    if c.position == c.end:
        c.note(c.position, "a code for each topic filter", clauses.SOME_CODES)
    while c.more():
        if v5:
            code(c, SUBACK_REASON)
        else:
            at = c.position
            granted = c.byte(GRANTED_QOS)
            if packet.version < 4 and granted > 2:
                c.note(at, "a granted QoS 0, 1 or 2", clauses.SUBACK_RETURN)
            elif granted > 2 and granted != 0x80:
                c.note(at, "a return code 0x00, 0x01, 0x02 or 0x80", clauses.SUBACK_RETURN)


def unsubscribe(c: Cursor, packet: Packet) -> None:
    """UNSUBSCRIBE (3.10)"""
    identifier(c)
    if packet.version >= 5:
        properties(c, codes.UNSUBSCRIBE, False)
    c.payload()
    if c.position == c.end:
        c.note(c.position, "at least one topic filter", clauses.SOME_FILTERS_UNSUBSCRIBE)
    while c.more():
        topic_filter(c)


def unsuback(c: Cursor, packet: Packet) -> None:
    """UNSUBACK (3.11)"""
    identifier(c)
    if packet.version < 5:
        return
    properties(c, codes.UNSUBACK, False)
    c.payload()
    if c.position == c.end:
        c.note(c.position, "a reason code for each topic filter", clauses.SOME_CODES)
    while c.more():
        code(c, UNSUBACK_REASON)


def ping(c: Cursor, packet: Packet) -> None:
    """PINGREQ and PINGRESP (3.12, 3.13) are a fixed header and nothing else."""


def disconnect(c: Cursor, packet: Packet) -> None:
    """DISCONNECT (3.14)"""
    short_reason(c, packet, DISCONNECT_REASON, "Normal disconnection")


def auth(c: Cursor, packet: Packet) -> None:
    """AUTH (3.15), which MQTT 5.0 brought."""
    if packet.version < 5:
        reserved(c, packet)
    else:
        short_reason(c, packet, AUTH_REASON, "Success")


def short_reason(c: Cursor, packet: Packet, spec: FieldSpec, left_out: str) -> None:
    """A reason code and properties, both of which may be left out, in MQTT 5.0."""
    if packet.version < 5:
        return
    if c.position == c.end:
        if packet.hole_offset < 0:
            c.derived(REASON_LEFT_OUT, left_out)
        return
    code(c, spec)
    if c.position < c.end:
        properties(c, packet.type, False)


def properties(c: Cursor, where: i64, needs_alias: bool) -> None:
    """Property Length and the properties (2.2.2) of the packet type, or `WILL`, that `where` names.

    needs_alias: a topic alias has to be among them. A property that cannot be read costs only the rest of them, as
    their length says where the packet goes on.
    """
    at = c.position
    if at < MOST_SHARED and at < c.end and c.data[at] == 0 and where != WILL and not needs_alias:
        c.fields.append(NO_PROPERTIES[at])
        c.fields.append(ZERO_LENGTHS[at])
        c.position = at + 1
        return
    group = Field(WILL_PROPERTIES if where == WILL else PROPERTIES, at, at, 0)
    c.fields.append(group)
    first = len(c.fields)
    end = c.end
    length = c.varint(PROPERTY_LENGTH)
    limit = c.position + length
    if limit > end:
        c.note(c.position, f"{length} bytes of properties, {end - c.position} left", clauses.PROPERTY_LENGTH)
        limit = end
    c.end = limit
    c.seen = 0
    c.items = 0
    try:
        while c.more():
            one_property(c, where)
    except Broken:
        c.undecoded(limit, "behind a malformed property")
    c.end = end
    group.end = limit
    group.value = len(c.fields) - first
    if needs_alias and not c.seen & ALIAS.bit:
        c.note(c.position, "a topic name, or a topic alias in its place", clauses.TOPIC_OR_ALIAS)


MOST_SHARED: Final = 128
# No properties at all, by the offset of their length.
NO_PROPERTIES: Final = [Field(PROPERTIES, at, at + 1, 1) for at in range(MOST_SHARED)]
ZERO_LENGTHS: Final = [Field(PROPERTY_LENGTH, at, at + 1, 0) for at in range(MOST_SHARED)]


def one_property(c: Cursor, where: i64) -> None:
    """One property: identifier and value."""
    at = c.position
    number = c.varint(PROPERTY_IDENTIFIER)
    found = BY_IDENTIFIER.get(int(number))
    if found is None:
        c.note(at, f"a property of MQTT 5.0; 0x{number:02x} is not defined", clauses.PROPERTY_UNDEFINED)
        raise Broken()
    if not found.packets >> where & 1:
        place = "a will" if where == WILL else c.packet.name
        c.note(at, f"a property that {place} may have; {found.name} is not", clauses.PROPERTY_PLACE)
    if c.seen & found.bit and not (found.repeats and (found.kind == PAIR or where == codes.PUBLISH)):
        c.note(at, f"{found.name} once", clauses.PROPERTY_ONCE)
    c.seen |= found.bit
    property_value(c, found, at)


def property_value(c: Cursor, found: Property, at: i64) -> None:
    """The value of a property whose identifier stands at `at`."""
    kind = found.kind
    spec = found.value
    if kind == BYTE:
        value = c.byte(spec)
        if value > 1:
            c.note(at, f"{found.name} 0 or 1", clauses.PROPERTY_VALUE)
    elif kind == UINT16:
        value = c.uint16(spec)
        if value == 0 and found.identifier in NOT_ZERO:
            clause = clauses.ALIAS_ZERO if found.identifier == TOPIC_ALIAS else clauses.PROPERTY_VALUE
            c.note(at, f"{found.name} above 0", clause)
    elif kind == UINT32:
        value = c.uint32(spec)
        if value == 0 and found.identifier in NOT_ZERO:
            c.note(at, f"{found.name} above 0", clauses.PROPERTY_VALUE)
    elif kind == VARINT:
        if c.varint(spec) == 0:
            c.note(at, f"{found.name} above 0", clauses.PROPERTY_VALUE)
    elif kind == TEXT:
        c.text(spec)
    elif kind == PAIR:
        c.text(found.key)
        c.text(spec)
    else:
        c.binary(spec)


ALIAS: Final = BY_IDENTIFIER[TOPIC_ALIAS]
NOT_ZERO: Final = frozenset([0x21, TOPIC_ALIAS, 0x27])  # Receive Maximum, Topic Alias, Maximum Packet Size

DECODERS: Final[list[Decoder]] = [
    reserved,
    connect,
    connack,
    publish,
    puback,
    pubrec,
    pubrel,
    pubcomp,
    subscribe,
    suback,
    unsubscribe,
    unsuback,
    ping,
    ping,
    disconnect,
    auth,
]


def undecoded(packet: Packet, why: str) -> None:
    """Make `packet` stand for bytes that could not be cut into packets."""
    packet.type = UNDECODED
    Cursor(packet).undecoded(len(packet.data), why)
    packet.payload = len(packet.fields)
