"""What the fields of a packet say, as values that rules can compare.

Everything is read from the fields that the decoder has found; what is not there has the standard's default.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis.facts import NEVER_EXPIRES, NO_LIMITS, Limits, Link, Publish, Side, Subscription, Will
from mqttdissect.mqtt.codes import REASONS
from mqttdissect.mqtt.fields import GROUP, number, words
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER, values
from mqttdissect.mqtt.registry import (
    AUTH_REASON,
    BRIDGE_LEVEL,
    CLIENT_IDENTIFIER,
    CONNACK_FLAGS,
    CONNACK_REASON,
    CONNECT_FLAGS,
    CONNECT_FLAGS_5,
    DISCONNECT_REASON,
    GRANTED_QOS,
    KEEP_ALIVE,
    PUBACK_REASON,
    PUBCOMP_REASON,
    PUBREC_REASON,
    PUBREL_REASON,
    REQUESTED_QOS,
    RETURN_CODE,
    SUBACK_REASON,
    SUBSCRIPTION_OPTIONS,
    TOPIC_FILTER,
    UNSUBACK_REASON,
    USER_NAME,
    WILL_PAYLOAD,
    WILL_TOPIC,
)

# Properties (MQTT 5.0, table 2-4)
PAYLOAD_FORMAT: Final = 0x01
MESSAGE_EXPIRY: Final = 0x02
CONTENT_TYPE: Final = 0x03
RESPONSE_TOPIC: Final = 0x08
CORRELATION_DATA: Final = 0x09
SUBSCRIPTION_IDENTIFIER: Final = 0x0B
SESSION_EXPIRY: Final = 0x11
ASSIGNED_IDENTIFIER: Final = 0x12
SERVER_KEEP_ALIVE: Final = 0x13
AUTH_METHOD: Final = 0x15
AUTH_DATA: Final = 0x16
PROBLEM_INFORMATION: Final = 0x17
WILL_DELAY: Final = 0x18
REQUEST_RESPONSE_INFORMATION: Final = 0x19
RESPONSE_INFORMATION: Final = 0x1A
REASON_STRING: Final = 0x1F
RECEIVE_MAXIMUM: Final = 0x21
ALIAS_MAXIMUM: Final = 0x22
TOPIC_ALIAS: Final = 0x23
MAXIMUM_QOS: Final = 0x24
RETAIN_AVAILABLE: Final = 0x25
USER_PROPERTY: Final = 0x26
MAXIMUM_PACKET: Final = 0x27
WILDCARDS_AVAILABLE: Final = 0x28
IDENTIFIERS_AVAILABLE: Final = 0x29
SHARED_AVAILABLE: Final = 0x2A

LIMITING: Final = frozenset([
    RECEIVE_MAXIMUM, MAXIMUM_PACKET, ALIAS_MAXIMUM, MAXIMUM_QOS, RETAIN_AVAILABLE, WILDCARDS_AVAILABLE,
    IDENTIFIERS_AVAILABLE, SHARED_AVAILABLE,
])  # fmt: skip
ALIAS_VALUE: Final = BY_IDENTIFIER[TOPIC_ALIAS].value
SUBSCRIPTION_IDENTIFIER_VALUE: Final = BY_IDENTIFIER[SUBSCRIPTION_IDENTIFIER].value
CODE_SPECS: Final = frozenset([
    CONNACK_REASON, RETURN_CODE, PUBACK_REASON, PUBREC_REASON, PUBREL_REASON, PUBCOMP_REASON, DISCONNECT_REASON,
    AUTH_REASON,
])  # fmt: skip
CODES_SPECS: Final = frozenset([SUBACK_REASON, GRANTED_QOS, UNSUBACK_REASON])
CODE_NAMES: Final = REASONS

Properties = list[tuple[int, object]]


def publish(packet: Packet) -> Publish:
    """The facts of a PUBLISH."""
    facts = Publish(packet)
    if packet.glanced:
        known = packet.known
        if known is not None:
            facts.alias = known.alias
            facts.identified = known.identified
            facts.has_properties = True
    elif packet.version >= 5:
        for field in packet.fields:
            spec = field.spec
            if spec is ALIAS_VALUE:
                facts.alias = number(field.value)
            elif spec is SUBSCRIPTION_IDENTIFIER_VALUE:
                facts.identified = True
            elif spec.kind == GROUP and number(field.value) > 1:
                facts.has_properties = True
    return facts


def properties(packet: Packet, of_will: bool) -> Properties:
    """(identifier, value) of each property, in order; of a User Property the value is (name, value)."""
    if packet.glanced:
        return packet.known.values if packet.known is not None else []
    return values(packet.fields, of_will)


def has(found: Properties | None, identifier: int) -> bool:
    """Is this property there?"""
    if found is not None:
        for one, _ in found:
            if one == identifier:
                return True
    return False


def integer(found: Properties | None, identifier: int, default: i64) -> i64:
    """The value of a property that is a number."""
    if found is not None:
        for one, value in found:
            if one == identifier and isinstance(value, int):
                return value
    return default


def text(found: Properties | None, identifier: int) -> str:
    """The value of a property that is text; empty if it is not there."""
    if found is not None:
        for one, value in found:
            if one == identifier:
                return words(value)
    return ""


def connect(packet: Packet, link: Link) -> None:
    """What a CONNECT says of its connection."""
    flags: i64 = 0
    topic = ""
    payload = b""
    link.version = packet.version
    link.connect_frame = packet.frame
    link.connect_ns = packet.time_ns
    link.connect_bad = packet.notes is not None
    for field in packet.fields:
        spec = field.spec
        if spec is CONNECT_FLAGS or spec is CONNECT_FLAGS_5:
            flags = number(field.value)
        elif spec is BRIDGE_LEVEL:
            link.bridge = True
        elif spec is KEEP_ALIVE:
            link.keep_alive = link.keep_alive_told = number(field.value)
        elif spec is CLIENT_IDENTIFIER:
            link.client_id = words(field.value)
        elif spec is WILL_TOPIC:
            topic = words(field.value)
        elif spec is WILL_PAYLOAD:
            payload = field.value if isinstance(field.value, bytes) else b""
        elif spec is USER_NAME:
            link.user_name = words(field.value)
    link.clean = flags & 2 != 0
    if flags & 4:
        link.will = Will(topic, payload, (flags >> 3) & 3, flags & 0x20 != 0)
    if packet.version < 5:
        link.expiry = 0 if link.clean else NEVER_EXPIRES
        return
    found = properties(packet, False)
    link.expiry = link.expiry_told = integer(found, SESSION_EXPIRY, 0)
    link.auth_method = text(found, AUTH_METHOD)
    link.problem_information = integer(found, PROBLEM_INFORMATION, 1) != 0
    link.response_information = integer(found, REQUEST_RESPONSE_INFORMATION, 0) != 0
    takes(link.client_side, link.broker_side, found)
    will = link.will
    if will is not None:
        of_will = properties(packet, True)
        will.delay = integer(of_will, WILL_DELAY, 0)
        will.expiry = integer(of_will, MESSAGE_EXPIRY, -1)
        will.properties = of_will or None


def takes(side: Side, other: Side, found: Properties) -> None:
    """What a CONNECT or CONNACK says that its sender, `side`, takes from the other one."""
    for identifier, value in found:
        if not isinstance(value, int) or identifier not in LIMITING:
            continue
        if side.limits is NO_LIMITS:
            side.limits = Limits()
        limits = side.limits
        if identifier == RECEIVE_MAXIMUM:
            limits.receive_maximum = value
        elif identifier == MAXIMUM_PACKET:
            limits.maximum_packet = value
            other.largest = value
        elif identifier == ALIAS_MAXIMUM:
            limits.alias_maximum = value
        elif identifier == MAXIMUM_QOS:
            limits.maximum_qos = value
        elif identifier == RETAIN_AVAILABLE:
            limits.retain = value != 0
        elif identifier == WILDCARDS_AVAILABLE:
            limits.wildcards = value != 0
        elif identifier == IDENTIFIERS_AVAILABLE:
            limits.subscription_identifiers = value != 0
        elif identifier == SHARED_AVAILABLE:
            limits.shared = value != 0


def session_present(packet: Packet) -> bool:
    """Of a CONNACK; MQTT 3.1 has no such flag."""
    return packet.version > 3 and number(packet.value(CONNACK_FLAGS)) & 1 != 0


def identifier(packet: Packet) -> i64:
    """The packet identifier; 0 for none."""
    return max(packet.identifier, 0)


def code(packet: Packet) -> i64:
    """The return or reason code, 0 where it is left out."""
    if packet.glanced:
        return 0
    for field in packet.fields:
        if field.spec in CODE_SPECS:
            return number(field.value)
    return 0


def codes(packet: Packet) -> list[int]:
    """The codes of a SUBACK or UNSUBACK."""
    return [int(number(field.value)) for field in packet.fields if field.spec in CODES_SPECS]


def code_name(packet: Packet) -> str:
    """`0x87 Not authorized`, or `5 refused, not authorized` before 5.0."""
    for field in packet.fields:
        if field.spec in CODE_SPECS:
            value = number(field.value)
            names = field.spec.names
            name = names.get(int(value), "not defined") if names is not None else ""
            return f"0x{value:02x} {name}" if packet.version >= 5 else f"{value} {name}"
    return "0x00 Success"


def filters(packet: Packet) -> list[str]:
    """The topic filters of a SUBSCRIBE or UNSUBSCRIBE."""
    return [words(field.value) for field in packet.fields if field.spec is TOPIC_FILTER]


def subscriptions(packet: Packet) -> list[Subscription]:
    """Of a SUBSCRIBE, in order."""
    found: list[Subscription] = []
    name = ""
    for field in packet.fields:
        spec = field.spec
        if spec is TOPIC_FILTER:
            name = words(field.value)
        elif spec is REQUESTED_QOS or spec is SUBSCRIPTION_OPTIONS:
            found.append(Subscription(name, number(field.value), packet.version, packet.frame, packet.time_ns))
    if packet.version >= 5 and found:
        number_of_all = integer(properties(packet, False), SUBSCRIPTION_IDENTIFIER, 0)
        for one in found:
            one.identifier = number_of_all
    return found
