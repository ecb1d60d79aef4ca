"""The 27 properties of MQTT 5.0: identifier, type of value, and which packets may carry each.

Source: MQTT 5.0, section 2.2.2.2, table 2-4. To know whether a property may stand in a packet is one bit test.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    NO_YES,
    PAYLOAD_FORMAT,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    QOS,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
)
from mqttdissect.mqtt.fields import BINARY, BYTE, GROUP, TEXT, UINT16, UINT32, VARINT, Field, FieldSpec, number, words
from mqttdissect.mqtt.registry import WILL_PROPERTIES

WILL: Final = 16  # the will properties of a CONNECT, numbered behind the packet types

PAIR: Final = 9  # a UTF-8 String Pair: a kind of value besides those of `fields`


@final
class Property:
    """identifier: its number. kind: the type of its value. packets: a bit for each packet type that may carry it.

    value: the spec of the value, for a pair of the second string. key: of the first. repeats: may it occur again?
    """

    __slots__ = ("bit", "identifier", "key", "kind", "name", "packets", "repeats", "value")

    def __init__(self, identifier: int, name: str, kind: int, packets: i64, value: FieldSpec, repeats: bool) -> None:
        self.identifier = identifier
        self.bit: i64 = 1 << identifier  # for sets of properties
        self.name = name
        self.kind = kind
        self.packets = packets
        self.value = value
        self.repeats = repeats
        self.key = value


def _bits(*packets: int) -> int:
    return sum(1 << packet for packet in packets)


ACKS: Final = (PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK)
EVERY: Final = (CONNECT, CONNACK, PUBLISH, *ACKS, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT, AUTH, WILL)

TOPIC_ALIAS: Final = 0x23

TABLE: Final[list[tuple[int, str, int, int, str, dict[int, str] | None]]] = [
    # identifier, name, type, packets, unit, names of values
    (0x01, "Payload Format Indicator", BYTE, _bits(PUBLISH, WILL), "", PAYLOAD_FORMAT),
    (0x02, "Message Expiry Interval", UINT32, _bits(PUBLISH, WILL), "s", None),
    (0x03, "Content Type", TEXT, _bits(PUBLISH, WILL), "", None),
    (0x08, "Response Topic", TEXT, _bits(PUBLISH, WILL), "", None),
    (0x09, "Correlation Data", BINARY, _bits(PUBLISH, WILL), "", None),
    (0x0B, "Subscription Identifier", VARINT, _bits(PUBLISH, SUBSCRIBE), "", None),
    (0x11, "Session Expiry Interval", UINT32, _bits(CONNECT, CONNACK, DISCONNECT), "s", {0xFFFF_FFFF: "never"}),
    (0x12, "Assigned Client Identifier", TEXT, _bits(CONNACK), "", None),
    (0x13, "Server Keep Alive", UINT16, _bits(CONNACK), "s", None),
    (0x15, "Authentication Method", TEXT, _bits(CONNECT, CONNACK, AUTH), "", None),
    (0x16, "Authentication Data", BINARY, _bits(CONNECT, CONNACK, AUTH), "", None),
    (0x17, "Request Problem Information", BYTE, _bits(CONNECT), "", NO_YES),
    (0x18, "Will Delay Interval", UINT32, _bits(WILL), "s", None),
    (0x19, "Request Response Information", BYTE, _bits(CONNECT), "", NO_YES),
    (0x1A, "Response Information", TEXT, _bits(CONNACK), "", None),
    (0x1C, "Server Reference", TEXT, _bits(CONNACK, DISCONNECT), "", None),
    (0x1F, "Reason String", TEXT, _bits(CONNACK, *ACKS, DISCONNECT, AUTH), "", None),
    (0x21, "Receive Maximum", UINT16, _bits(CONNECT, CONNACK), "", None),
    (0x22, "Topic Alias Maximum", UINT16, _bits(CONNECT, CONNACK), "", None),
    (0x23, "Topic Alias", UINT16, _bits(PUBLISH), "", None),
    (0x24, "Maximum QoS", BYTE, _bits(CONNACK), "", QOS),
    (0x25, "Retain Available", BYTE, _bits(CONNACK), "", NO_YES),
    (0x26, "User Property", PAIR, _bits(*EVERY), "", None),
    (0x27, "Maximum Packet Size", UINT32, _bits(CONNECT, CONNACK), "bytes", None),
    (0x28, "Wildcard Subscription Available", BYTE, _bits(CONNACK), "", NO_YES),
    (0x29, "Subscription Identifiers Available", BYTE, _bits(CONNACK), "", NO_YES),
    (0x2A, "Shared Subscription Available", BYTE, _bits(CONNACK), "", NO_YES),
]

# Where Wireshark names the property itself, rather than its type of value
OWN_NAMES: Final[dict[int, str]] = {
    0x03: "mqtt.property.content_type",
    0x23: "mqtt.property.topic_alias",
    0x24: "mqtt.property.max_qos",
}
SECTIONS: Final[dict[int, str]] = {  # where a property is defined for the packet that carries it first
    0x01: "3.3.2.3.2", 0x02: "3.3.2.3.3", 0x03: "3.3.2.3.9", 0x08: "3.3.2.3.5", 0x09: "3.3.2.3.6", 0x0B: "3.3.2.3.8",
    0x11: "3.1.2.11.2", 0x12: "3.2.2.3.7", 0x13: "3.2.2.3.14", 0x15: "3.1.2.11.9", 0x16: "3.1.2.11.10",
    0x17: "3.1.2.11.7", 0x18: "3.1.3.2.2", 0x19: "3.1.2.11.6", 0x1A: "3.2.2.3.15", 0x1C: "3.2.2.3.16",
    0x1F: "3.2.2.3.9", 0x21: "3.1.2.11.3", 0x22: "3.1.2.11.5", 0x23: "3.3.2.3.4", 0x24: "3.2.2.3.4",
    0x25: "3.2.2.3.5", 0x26: "3.1.2.11.8", 0x27: "3.1.2.11.4", 0x28: "3.2.2.3.11", 0x29: "3.2.2.3.12",
    0x2A: "3.2.2.3.13",
}  # fmt: skip


def _property(identifier: int, name: str, kind: int, packets: int, unit: str, names: dict[int, str] | None) -> Property:
    own = "mqtt.property." + name.lower().replace(" ", "_")
    section = SECTIONS[identifier]
    repeats = name in ("User Property", "Subscription Identifier")
    if kind == PAIR:
        value = _string("mqtt.prop_value", name, own + ".value", "mqtt.prop_value_len", TEXT, section)
        pair = Property(identifier, name, kind, packets, value, repeats)
        pair.key = _string("mqtt.prop_key", name + " key", own + ".key", "mqtt.prop_key_len", TEXT, section)
        return pair
    wireshark = OWN_NAMES.get(identifier, "mqtt.prop_string" if kind in (TEXT, BINARY) else "mqtt.prop_number")
    if kind in (TEXT, BINARY):
        value = _string(wireshark, name, own, "mqtt.prop_string_len", kind, section, name == "Authentication Data")
    else:
        alias = own if own != wireshark else ""
        value = FieldSpec(wireshark, name, kind, section, alias=alias, names=names, unit=unit)
    return Property(identifier, name, kind, packets, value, repeats)


def _string(name: str, label: str, alias: str, length: str, kind: int, section: str, secret: bool = False) -> FieldSpec:
    before = FieldSpec(length, label + " length", UINT16, section)
    return FieldSpec(
        name,
        label,
        kind,
        section,
        alias=alias if alias != name else "",
        length=before,
        secret=secret,
        text=kind == BINARY,
    )


BY_IDENTIFIER: Final[dict[int, Property]] = {row[0]: _property(*row) for row in TABLE}
PROPERTY_NAMES: Final[dict[int, str]] = {row[0]: row[1] for row in TABLE}
PROPERTY_IDENTIFIER: Final = FieldSpec("mqtt.property_id", "Property", VARINT, "2.2.2.2", names=PROPERTY_NAMES)


def values(fields: list[Field], of_will: bool) -> list[tuple[int, object]]:
    """(identifier, value) of each property among `fields`, in order; of a User Property the value is (name, value)."""
    found: list[tuple[int, object]] = []
    inside = False
    identifier: int = -1
    name = ""
    for field in fields:
        spec = field.spec
        if spec.kind == GROUP:
            inside = (spec is WILL_PROPERTIES) == of_will
        elif inside:
            if spec is PROPERTY_IDENTIFIER:
                identifier = int(number(field.value))
                continue
            known = BY_IDENTIFIER.get(identifier)
            if known is None:
                continue
            if spec is known.value:
                found.append((identifier, (name, words(field.value)) if known.kind == PAIR else field.value))
            elif spec is known.key:
                name = words(field.value)
    return found
