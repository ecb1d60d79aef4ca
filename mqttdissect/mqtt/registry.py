"""Every field of MQTT 3.1, 3.1.1 and 5.0, once.

Names are those of Wireshark's `mqtt` protocol; what it has no name for follows its style. Sections are of MQTT 5.0;
3.1.1 has the same ones for what it shares.
"""

from typing import Final

from mqttdissect.mqtt.codes import (
    AUTH_REASONS,
    CONNACK_REASONS,
    CONNACK_RETURN,
    DISCONNECT_REASONS,
    PACKET_TYPES,
    PROTOCOL_LEVELS,
    PUBACK_REASONS,
    PUBREL_REASONS,
    QOS,
    RETAIN_HANDLING,
    SUBACK_REASONS,
    SUBACK_RETURN,
    UNSUBACK_REASONS,
)
from mqttdissect.mqtt.fields import (
    BINARY,
    BYTE,
    DERIVED,
    GROUP,
    TEXT,
    UINT16,
    UNDECODED,
    VARINT,
    BitSpec,
    FieldSpec,
)

PACKET_TYPE: Final = BitSpec("mqtt.msgtype", "Packet type", 0xF0, PACKET_TYPES)
DUP: Final = BitSpec("mqtt.dupflag", "DUP", 0x08, flag=True)
QOS_LEVEL: Final = BitSpec("mqtt.qos", "QoS", 0x06, QOS)
RETAIN: Final = BitSpec("mqtt.retain", "RETAIN", 0x01, flag=True)
RESERVED_FLAGS: Final = BitSpec("mqtt.hdr_reserved", "Reserved", 0x0F)

HEADER: Final = FieldSpec("mqtt.hdrflags", "Fixed header flags", BYTE, "2.1.1", bits=(PACKET_TYPE, RESERVED_FLAGS))
PUBLISH_HEADER: Final = FieldSpec(
    "mqtt.hdrflags", "Fixed header flags", BYTE, "3.3.1", bits=(PACKET_TYPE, DUP, QOS_LEVEL, RETAIN)
)
REQUEST_HEADER_31: Final = FieldSpec(  # of PUBREL, SUBSCRIBE and UNSUBSCRIBE, which MQTT 3.1 sends at QoS 1
    "mqtt.hdrflags",
    "Fixed header flags",
    BYTE,
    "2.1.1",
    bits=(PACKET_TYPE, DUP, QOS_LEVEL, BitSpec("mqtt.retain_reserved", "Reserved", 0x01)),
)
REMAINING_LENGTH: Final = FieldSpec("mqtt.len", "Remaining length", VARINT, "2.1.4")
PACKET_IDENTIFIER: Final = FieldSpec("mqtt.msgid", "Packet identifier", UINT16, "2.2.1")


def _text(
    name: str, label: str, section: str, length: str, *, kind: int = TEXT, secret: bool = False, alias: str = ""
) -> FieldSpec:
    """A string or binary data with its two-byte length. alias: the name of the bytes of what Wireshark has as text."""
    before = FieldSpec(length, label + " length", UINT16, section)
    return FieldSpec(name, label, kind, section, length=before, secret=secret, alias=alias, text=alias != "")


# CONNECT
PROTOCOL_NAME: Final = _text("mqtt.protoname", "Protocol name", "3.1.2.1", "mqtt.proto_len")
BRIDGE: Final = BitSpec("mqtt.ver.bridge", "Bridge", 0x80, flag=True)
LEVEL: Final = BitSpec("mqtt.ver.level", "Protocol level", 0x7F, PROTOCOL_LEVELS)
PROTOCOL_LEVEL: Final = FieldSpec("mqtt.ver", "Protocol level", BYTE, "3.1.2.2", names=PROTOCOL_LEVELS)
BRIDGE_LEVEL: Final = FieldSpec("mqtt.ver", "Protocol level", BYTE, "3.1.2.2", bits=(BRIDGE, LEVEL))


def _connect_flags(clean: str) -> FieldSpec:
    bits = (
        BitSpec("mqtt.conflag.uname", "User name", 0x80, flag=True),
        BitSpec("mqtt.conflag.passwd", "Password", 0x40, flag=True),
        BitSpec("mqtt.conflag.retain", "Will retain", 0x20, flag=True),
        BitSpec("mqtt.conflag.qos", "Will QoS", 0x18, QOS),
        BitSpec("mqtt.conflag.willflag", "Will", 0x04, flag=True),
        BitSpec("mqtt.conflag.cleansess", clean, 0x02, flag=True),
        BitSpec("mqtt.conflag.reserved", "Reserved", 0x01, flag=True),
    )
    return FieldSpec("mqtt.conflags", "Connect flags", BYTE, "3.1.2.3", bits=bits)


CONNECT_FLAGS: Final = _connect_flags("Clean session")
CONNECT_FLAGS_5: Final = _connect_flags("Clean start")
KEEP_ALIVE: Final = FieldSpec("mqtt.kalive", "Keep alive", UINT16, "3.1.2.10", unit="s")
CLIENT_IDENTIFIER: Final = _text("mqtt.clientid", "Client identifier", "3.1.3.1", "mqtt.clientid_len")
WILL_TOPIC: Final = _text("mqtt.willtopic", "Will topic", "3.1.3.3", "mqtt.willtopic_len")
WILL_PAYLOAD: Final = _text("mqtt.willmsg", "Will payload", "3.1.3.4", "mqtt.willmsg_len", kind=BINARY)
USER_NAME: Final = _text("mqtt.username", "User name", "3.1.3.5", "mqtt.username_len")
PASSWORD: Final = _text(
    "mqtt.passwd", "Password", "3.1.3.6", "mqtt.passwd_len", kind=BINARY, secret=True, alias="mqtt.passwd.bytes"
)

# CONNACK
SESSION_PRESENT: Final = BitSpec("mqtt.conack.flags.sp", "Session present", 0x01, flag=True)
CONNACK_RESERVED: Final = BitSpec("mqtt.conack.flags.reserved", "Reserved", 0xFE)
CONNACK_FLAGS: Final = FieldSpec(
    "mqtt.conack.flags", "Acknowledge flags", BYTE, "3.2.2.1", bits=(CONNACK_RESERVED, SESSION_PRESENT)
)
RETURN_CODE: Final = FieldSpec("mqtt.conack.val", "Return code", BYTE, "3.2.2.2", names=CONNACK_RETURN)

# PUBLISH
TOPIC_NAME: Final = _text("mqtt.topic", "Topic name", "3.3.2.1", "mqtt.topic_len")
APPLICATION_MESSAGE: Final = FieldSpec("mqtt.msg", "Application message", BINARY, "3.3.3")
UNKNOWN_ALIAS: Final = FieldSpec("mqtt.unknown_topic_alias", "Topic name", DERIVED, "3.3.2.3.4")
TOPIC_OF_ALIAS: Final = FieldSpec("mqtt.topic", "Topic name", DERIVED, "3.3.2.3.4")

# SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK
TOPIC_FILTER: Final = _text("mqtt.topic", "Topic filter", "3.8.3", "mqtt.topic_len")
REQUESTED_QOS: Final = FieldSpec(
    "mqtt.sub.options", "Requested QoS", BYTE, "3.8.3",
    bits=(BitSpec("mqtt.sub.reserved", "Reserved", 0xFC), BitSpec("mqtt.sub.qos", "QoS", 0x03, QOS)),
)  # fmt: skip
SUBSCRIPTION_OPTIONS: Final = FieldSpec(
    "mqtt.subscription_options", "Subscription options", BYTE, "3.8.3.1",
    bits=(
        BitSpec("mqtt.subscription_options_reserved", "Reserved", 0xC0),
        BitSpec("mqtt.subscription_options_retain", "Retain handling", 0x30, RETAIN_HANDLING),
        BitSpec("mqtt.subscription_options_rap", "Retain as published", 0x08, flag=True),
        BitSpec("mqtt.subscription_options_nl", "No local", 0x04, flag=True),
        BitSpec("mqtt.subscription_options_qos", "QoS", 0x03, QOS),
    ),
)  # fmt: skip
GRANTED_QOS: Final = FieldSpec("mqtt.suback.qos", "Return code", BYTE, "3.9.3", names=SUBACK_RETURN)


def _reason(packet: str, section: str, names: dict[int, str]) -> FieldSpec:
    return FieldSpec(f"mqtt.{packet}.reason_code", "Reason code", BYTE, section, names=names)


CONNACK_REASON: Final = _reason("connack", "3.2.2.2", CONNACK_REASONS)
PUBACK_REASON: Final = _reason("puback", "3.4.2.1", PUBACK_REASONS)
PUBREC_REASON: Final = _reason("pubrec", "3.5.2.1", PUBACK_REASONS)
PUBREL_REASON: Final = _reason("pubrel", "3.6.2.1", PUBREL_REASONS)
PUBCOMP_REASON: Final = _reason("pubcomp", "3.7.2.1", PUBREL_REASONS)
SUBACK_REASON: Final = _reason("suback", "3.9.3", SUBACK_REASONS)
UNSUBACK_REASON: Final = _reason("unsuback", "3.11.3", UNSUBACK_REASONS)
DISCONNECT_REASON: Final = _reason("disconnect", "3.14.2.1", DISCONNECT_REASONS)
AUTH_REASON: Final = _reason("auth", "3.15.2.1", AUTH_REASONS)
REASON_LEFT_OUT: Final = FieldSpec("mqtt.reason_code.left_out", "Reason code", DERIVED, "3.4.2.1")

# Properties
PROPERTIES: Final = FieldSpec("mqtt.properties", "Properties", GROUP, "2.2.2")
WILL_PROPERTIES: Final = FieldSpec("mqtt.will_properties", "Will properties", GROUP, "3.1.3.2")
PROPERTY_LENGTH: Final = FieldSpec("mqtt.property_len", "Property length", VARINT, "2.2.2.1")

# Between packets: not in `Packet.fields`, but worked out from `Packet.request` and `Packet.response`
REQUEST_IN: Final = FieldSpec("mqtt.request_in", "Request in frame", DERIVED)
RESPONSE_TIME: Final = FieldSpec("mqtt.response_time", "Time since the request", DERIVED, unit="s")
RESPONSE_IN: Final = FieldSpec("mqtt.response_in", "Response in frame", DERIVED)
HANDSHAKE_IN: Final = FieldSpec("mqtt.handshake_in", "Handshake began in frame", DERIVED)
HANDSHAKE_TIME: Final = FieldSpec("mqtt.handshake_time", "Time since the handshake began", DERIVED, unit="s")

# Anything
UNDECODED_BYTES: Final = FieldSpec("mqtt.undecoded", "Undecoded", UNDECODED)
