"""What one packet shows on its own: what the decoder has noted, and what is well-formed but not allowed.

`check` looks at a packet once, before anything is made of it. Whether a side may send it now is for `opening` and
`exchange`.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis import extract, rules
from mqttdissect.analysis.extract import Properties
from mqttdissect.analysis.facts import BROKER_SIDE, CLIENT_SIDE, Link
from mqttdissect.analysis.report import Report
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.codes import FROM_CLIENT, FROM_SERVER, SENDERS
from mqttdissect.mqtt.fields import TEXT, Field, FieldSpec, number, words
from mqttdissect.mqtt.packet import BY_CONNECT, BY_OPTION, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER
from mqttdissect.mqtt.registry import (
    APPLICATION_MESSAGE,
    CLIENT_IDENTIFIER,
    CONNECT_FLAGS,
    CONNECT_FLAGS_5,
    PASSWORD,
    SUBSCRIPTION_OPTIONS,
    TOPIC_FILTER,
    TOPIC_NAME,
    WILL_PAYLOAD,
)
from mqttdissect.mqtt.topics import has_wildcard, is_valid

LONGEST_31: Final = 23  # characters of a client identifier in MQTT 3.1
BROKER_REASONS: Final = frozenset(
    [  # of a DISCONNECT that only the broker may send (MQTT 5.0, table 3-10)
        0x87,
        0x89,
        0x8B,
        0x8D,
        0x8E,
        0x8F,
        0x9A,
        0x9B,
        0x9C,
        0x9D,
        0x9E,
        0x9F,
        0xA0,
        0xA1,
        0xA2,
    ]
)
PLUS: Final[dict[i64, str]] = {4: "[MQTT-4.7.1-3]", 5: "[MQTT-4.7.1-2]"}  # where + may stand, by version
WITH_WILL: Final = 0x04
UNSUPPORTED_VERSION: Final = 0x84
WITH_REASON_STRING: Final = frozenset([codes.CONNACK, codes.DISCONNECT])
RESPONSE_TOPIC_SPEC: Final = BY_IDENTIFIER[extract.RESPONSE_TOPIC].value
SUBSCRIPTION_IDENTIFIER_SPEC: Final = BY_IDENTIFIER[extract.SUBSCRIPTION_IDENTIFIER].value
PAYLOAD_FORMAT_SPEC: Final = BY_IDENTIFIER[extract.PAYLOAD_FORMAT].value


def check(report: Report, link: Link, packet: Packet) -> None:
    """Report what is wrong with `packet`, whatever came before it."""
    if packet.notes is not None:
        malformed(report, link, packet)
    kind = packet.type
    sender = packet.sender
    if sender and kind and not SENDERS[kind] & sender:
        wrong_direction(report, packet)
    elif kind == codes.DISCONNECT and sender == FROM_SERVER and packet.version < 5:
        if packet.version_by in (BY_CONNECT, BY_OPTION):
            wrong_direction(report, packet)
    if kind == codes.PUBLISH:
        publish(report, packet)
    elif packet.glanced:
        return
    elif kind == codes.CONNECT:
        strings(report, packet)
        connect(report, packet)
    elif kind == codes.SUBSCRIBE or kind == codes.UNSUBSCRIBE:
        strings(report, packet)
        filters(report, packet)
    elif packet.version >= 5 and len(packet.fields) > 4:
        strings(report, packet)


def malformed(report: Report, link: Link, packet: Packet) -> None:
    """What the decoder has noted; unless it rests on a version, or a place in the stream, that was only guessed."""
    if packet.version_by not in (BY_CONNECT, BY_OPTION) or packet.gap_bytes:
        return
    if is_old_refusal(packet) or is_new_refusal(packet):
        return
    for note in packet.notes or []:
        rule = rules.RULES.get(note.clause.name)
        if rule is not None:
            report.closing += 1
            start, end = around(packet, note.offset)
            report.at(rule, packet, f"Expected {note.expected}", start, end)
        if rule is rules.PROTOCOL_LEVEL or rule is rules.PROPERTY_LENGTH:
            return  # what follows may be something else than it was taken for


def is_old_refusal(packet: Packet) -> bool:
    """A CONNACK as a broker sends it that does not know MQTT 5.0 and says so, or refuses for another reason."""
    data = packet.data
    return packet.type == codes.CONNACK and packet.version >= 5 and len(data) == 4 and data[2] == 0 and 0 < data[3] < 6


def is_new_refusal(packet: Packet) -> bool:
    """A CONNACK as a broker sends it that knows nothing but MQTT 5.0, and says so (3.1.2.2 of it)."""
    data = packet.data
    if packet.type != codes.CONNACK or packet.version >= 5 or len(data) < 5:
        return False
    return data[2] == 0 and data[3] == UNSUPPORTED_VERSION and data[4] == len(data) - 5


def around(packet: Packet, offset: i64) -> tuple[int, int]:
    """The bytes of the field that `offset` lies in; from there to the end if it lies in none."""
    for field in packet.leaves():
        if field.start <= offset < field.end:
            return int(field.start), int(field.end)
    size = len(packet.data)
    return min(int(offset), size), size


def of(packet: Packet, spec: FieldSpec) -> Field | None:
    """The first field of this spec."""
    for field in packet.fields:
        if field.spec is spec:
            return field
    return None


def wrong_direction(report: Report, packet: Packet) -> None:
    """A type that this side may not send (2.2.1 in MQTT 3.1.1, 2.1.2 in 5.0)."""
    who = "client" if packet.sender == FROM_CLIENT else "broker"
    only = "the broker" if packet.sender == FROM_CLIENT else "the client"
    if packet.type == codes.DISCONNECT:
        only = "the client, before MQTT 5.0"
    report.at(rules.WRONG_DIRECTION, packet, f"The {who} sent {packet.name}, which only {only} may send", 0, 1)


def publish(report: Report, packet: Packet) -> None:
    """PUBLISH, of which there are many: nothing is looked for that cannot be there."""
    flags = packet.flags
    if flags & 0x0E == 0x08:
        report.at(rules.DUP_ON_QOS_0, packet, "DUP is 1 in a PUBLISH of QoS 0", 0, 1)
    if packet.glanced:  # its topic is harmless, and so are the texts of its properties
        known = packet.known
        if known is not None and (
            (known.utf_8 and not packet.application_message.isascii())
            or (known.identified and packet.sender == FROM_CLIENT)
        ):
            properties_of_publish(report, packet)
        return
    if packet.version < 5:
        for field in packet.fields:
            if field.spec is TOPIC_NAME:
                value = field.value
                if isinstance(value, str) and not report.plain(value):
                    controls(report, packet, field, value)
                return
        return
    properties_of_publish(report, packet)


def properties_of_publish(report: Report, packet: Packet) -> None:
    """Those of MQTT 5.0."""
    for field in packet.fields:
        spec = field.spec
        kind = spec.kind
        if kind == TEXT:
            value = field.value
            if isinstance(value, str) and field.end > field.start:
                if not (report.plain(value) if spec is TOPIC_NAME else value.isprintable()):
                    controls(report, packet, field, value)
            if spec is RESPONSE_TOPIC_SPEC:
                response_topic(report, packet, field)
        elif spec is SUBSCRIPTION_IDENTIFIER_SPEC and packet.sender == FROM_CLIENT:
            what = f"A PUBLISH to the broker has the Subscription Identifier {field.value}"
            report.at(rules.SUBSCRIPTION_IDENTIFIER_FROM_CLIENT, packet, what)
        elif spec is PAYLOAD_FORMAT_SPEC and field.value == 1:
            payload_format(report, packet, APPLICATION_MESSAGE)


def response_topic(report: Report, packet: Packet, field: Field) -> None:
    """The Response Topic of a message or of a will is a topic name (3.3.2.3.5)."""
    value = field.value
    if isinstance(value, str) and has_wildcard(value):
        what = f"The response topic {value!r} has a wildcard"
        report.at(rules.RESPONSE_TOPIC_WILDCARD, packet, what, field.start, field.end)


def payload_format(report: Report, packet: Packet, spec: FieldSpec) -> None:
    """Payload Format Indicator 1 says that the message, or the will, is UTF-8 (3.3.2.3.2, 3.1.3.2.3)."""
    field = of(packet, spec)
    if field is None or packet.hole_offset >= 0 or not isinstance(field.value, bytes):
        return
    try:
        field.value.decode("utf-8")
    except UnicodeDecodeError as error:
        at = int(field.start) + error.start
        report.at(
            rules.PAYLOAD_NOT_UTF_8,
            packet,
            f"The {'will' if spec is WILL_PAYLOAD else 'message'} is not UTF-8, as its Payload Format Indicator says",
            at,
            at + 1,
        )


def strings(report: Report, packet: Packet) -> None:
    """Control characters in any string."""
    for field in packet.fields:
        if field.spec.kind == TEXT and field.end > field.start:
            value = field.value
            if isinstance(value, str) and not value.isprintable():
                controls(report, packet, field, value)


def controls(report: Report, packet: Packet, field: Field, value: str) -> None:
    """U+0001 to U+001F, U+007F to U+009F and noncharacters should not be in a string (1.5.3; 1.5.4 in MQTT 5.0)."""
    if packet.version < 4 and packet.type != codes.PUBLISH:
        return
    for char in value:
        point: i64 = ord(char)
        if 0 < point < 0x20 or 0x7F <= point <= 0x9F or 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE:
            what = f"{field.spec.label} contains U+{point:04X}"
            report.at(rules.CONTROL_CHARACTERS, packet, what, field.start, field.end)
            return


def filters(report: Report, packet: Packet) -> None:
    """Topic filters, shared ones too (4.7.1, 4.8.2), and the options beside them."""
    shared = False
    for field in packet.fields:
        if field.spec is TOPIC_FILTER:
            name = words(field.value)
            shared = packet.version >= 5 and name.startswith("$share/")
            topic = name
            if shared:
                parts = name.split("/", 2)
                topic = parts[2] if len(parts) > 2 else ""
                if not topic or not parts[1] or "+" in parts[1] or "#" in parts[1]:
                    report.at(
                        rules.SHARE_NAME_INVALID,
                        packet,
                        f"{name!r} is not of the form $share/NAME/FILTER",
                        field.start,
                        field.end,
                        stated="" if parts[1] else "[MQTT-4.8.2-1]",
                    )
                    continue
            if topic and not is_valid(topic):
                report.at(
                    rules.TOPIC_FILTER_INVALID,
                    packet,
                    f"A wildcard in {name!r} stands where it may not",
                    field.start,
                    field.end,
                    stated=PLUS.get(packet.version, "") if is_valid(topic.replace("+", "-")) else "",
                )
        elif field.spec is SUBSCRIPTION_OPTIONS and shared and number(field.value) & 4:
            report.at(
                rules.NO_LOCAL_ON_SHARED, packet, "No Local is 1 on a shared subscription", field.start, field.end
            )


def connect(report: Report, packet: Packet) -> None:
    """CONNECT (3.1)."""
    flags: i64 = 0
    for field in packet.fields:
        spec = field.spec
        if spec is CONNECT_FLAGS or spec is CONNECT_FLAGS_5:
            flags = number(field.value)
        elif spec is CLIENT_IDENTIFIER:
            client_identifier(report, packet, field, flags)
        elif spec is RESPONSE_TOPIC_SPEC:
            response_topic(report, packet, field)
        elif spec is PAYLOAD_FORMAT_SPEC and field.value == 1:
            payload_format(report, packet, WILL_PAYLOAD)
        elif spec is PASSWORD and field.end > field.start:
            report.at(
                rules.PASSWORD_IN_CLEAR,
                packet,
                "The password can be read by anybody on the way",
                field.start,
                field.end,
            )
    if packet.version >= 5:
        found = extract.properties(packet, False)
        if extract.has(found, extract.AUTH_DATA) and not extract.has(found, extract.AUTH_METHOD):
            report.at(
                rules.AUTH_DATA_WITHOUT_METHOD, packet, "There is Authentication Data, but no Authentication Method"
            )


def client_identifier(report: Report, packet: Packet, field: Field, flags: i64) -> None:
    """3.1.3.1 in MQTT 3.1.1 and 5.0; 3.1 in MQTT 3.1."""
    size = len(words(field.value))
    start, end = int(field.start) - 2, int(field.end)
    if packet.version == 3 and size == 0:
        report.at(rules.CLIENT_IDENTIFIER_EMPTY, packet, "The client identifier is empty", start, end)
    elif packet.version == 3 and size > LONGEST_31:
        report.at(rules.CLIENT_IDENTIFIER_LONG, packet, f"The client identifier has {size} characters", start, end)
    elif packet.version == 4 and size == 0 and not flags & 2:
        report.at(
            rules.CLIENT_IDENTIFIER_EMPTY, packet, "The client identifier is empty, and Clean Session is 0", start, end
        )


def disconnect(report: Report, link: Link, packet: Packet, side: i64) -> None:
    """DISCONNECT of MQTT 5.0 (3.14.2)."""
    code = extract.code(packet)
    if (side == CLIENT_SIDE and int(code) in BROKER_REASONS) or (side == BROKER_SIDE and code == WITH_WILL):
        who = "client" if side == CLIENT_SIDE else "broker"
        report.at(rules.DISCONNECT_REASON_SIDE, packet, f"The {who} sent the reason {extract.code_name(packet)}")
    expiry = extract.integer(extract.properties(packet, False), extract.SESSION_EXPIRY, -1)
    if expiry < 0:
        return
    if side == BROKER_SIDE:
        report.at(rules.SESSION_EXPIRY_FROM_BROKER, packet, "The broker's DISCONNECT has a Session Expiry Interval")
    elif expiry > 0 and link.connect_frame and link.expiry_told == 0:
        report.at(
            rules.SESSION_EXPIRY_RAISED,
            packet,
            f"Session Expiry Interval {expiry} s, after 0 in the CONNECT",
            related=[(int(link.connect_frame), "CONNECT")],
        )


def unwanted(report: Report, link: Link, packet: Packet, found: Properties) -> None:
    """Reason String and User Property, although the CONNECT's Request Problem Information is 0 (3.1.2.11.7)."""
    if link.problem_information or packet.type in WITH_REASON_STRING or packet.type == codes.PUBLISH:
        return
    for identifier, _ in found:
        if identifier == extract.REASON_STRING or identifier == extract.USER_PROPERTY:
            what = "a Reason String" if identifier == extract.REASON_STRING else "a User Property"
            report.at(
                rules.REASON_STRING_UNWANTED,
                packet,
                f"{packet.name} has {what}, though the client wants none",
                related=[(int(link.connect_frame), "Request Problem Information 0")],
            )
            return
