"""What a packet has to decode to, told from what an encoder was given, in the words of the standard's own tables.

A packet is described as mqtt-packet does: `{"cmd": "publish", "topic": ..., "messageId": ...}`. `expected` lays such a
description out as the flat list of (name, value), in the order of the bytes, that `decoded` makes of a decoded packet.
Nothing here comes from the decoder's own tables but the names of the fields.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mqttdissect import Packet
from mqttdissect.mqtt.fields import DERIVED, GROUP, UNDECODED, Field
from mqttdissect.mqtt.properties import PROPERTY_IDENTIFIER
from mqttdissect.mqtt.registry import PROPERTY_LENGTH, REMAINING_LENGTH

Description = dict[str, Any]
Row = tuple[str, object]

TYPES = [
    "reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp", "subscribe", "suback",
    "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth",
]  # fmt: skip
PAYLOAD: Row = ("(payload)", None)
"""Where the payload starts: not a field."""


def standard_name(name: str) -> str:
    """sessionExpiryInterval, or SessionExpiryInterval, in the standard's words."""
    odd = {"maximumQoS": "Maximum QoS", "MaximumQoS": "Maximum QoS", "userProperties": "User Property"}
    return odd.get(name) or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name[0].upper() + name[1:])


def property_rows(properties: Description) -> Iterator[Row]:
    """Each property: its identifier (by name), then its value; a list is as many properties."""
    for name, values in properties.items():
        standard = standard_name(name)
        field = "mqtt.property." + standard.lower().replace(" ", "_")
        for value in values if isinstance(values, list) else [values]:
            for one in pairs(value) if isinstance(value, (dict, tuple)) else [value]:
                yield "mqtt.property_id", standard
                if isinstance(one, tuple):
                    yield field + ".key", one[0]
                    yield field + ".value", one[1]
                else:
                    yield field, one


def pairs(value: dict[str, str | list[str]] | tuple[str, str]) -> Iterator[tuple[str, str]]:
    """User properties: one pair, or an object with one or several values for each key."""
    if isinstance(value, tuple):
        yield value
        return
    for key, held in value.items():
        for one in held if isinstance(held, list) else [held]:
            yield key, one


def group(properties: Description | None, name: str = "mqtt.properties") -> Iterator[Row]:
    """Properties as a whole; none at all are encoded like an empty set."""
    yield name, None
    yield from property_rows(properties or {})


def header(kind: int, version: int, packet: Description) -> Iterator[Row]:
    """The first byte, by its bits."""
    yield "mqtt.msgtype", kind
    if kind == 3:
        yield "mqtt.dupflag", packet["dup"]
        yield "mqtt.qos", packet["qos"]
        yield "mqtt.retain", packet["retain"]
    elif kind in (6, 8, 10) and version == 3:
        yield "mqtt.dupflag", packet.get("dup", False)
        yield "mqtt.qos", 1
        yield "mqtt.retain_reserved", 0
    else:
        yield "mqtt.hdr_reserved", 2 if kind in (6, 8, 10) else 0


def connect(packet: Description, version: int) -> Iterator[Row]:
    """CONNECT (3.1)"""
    will, user, password = packet.get("will"), packet.get("username"), packet.get("password")
    yield "mqtt.protoname", packet["protocolId"]
    if packet.get("bridgeMode"):
        yield "mqtt.ver.bridge", True
        yield "mqtt.ver.level", version
    else:
        yield "mqtt.ver", version
    yield "mqtt.conflag.uname", user is not None
    yield "mqtt.conflag.passwd", password is not None
    yield "mqtt.conflag.retain", will is not None and will["retain"]
    yield "mqtt.conflag.qos", will["qos"] if will else 0
    yield "mqtt.conflag.willflag", will is not None
    yield "mqtt.conflag.cleansess", packet["clean"]
    yield "mqtt.conflag.reserved", 0
    yield "mqtt.kalive", packet["keepalive"]
    if version == 5:
        yield from group(packet.get("properties"))
    yield PAYLOAD
    yield "mqtt.clientid", packet["clientId"]
    if will:
        if version == 5:
            yield from group(will.get("properties"), "mqtt.will_properties")
        yield "mqtt.willtopic", will["topic"]
        yield "mqtt.willmsg", will["payload"]
    if user is not None:
        yield "mqtt.username", user
    if password is not None:
        yield "mqtt.passwd.bytes", password


def connack(packet: Description, version: int) -> Iterator[Row]:
    """CONNACK (3.2)"""
    yield "mqtt.conack.flags.reserved", 0
    yield "mqtt.conack.flags.sp", packet["sessionPresent"]
    if version == 5:
        yield "mqtt.connack.reason_code", packet["reasonCode"]
        yield from group(packet.get("properties"))
    else:
        yield "mqtt.conack.val", packet["returnCode"]


def publish(packet: Description, version: int) -> Iterator[Row]:
    """PUBLISH (3.3)"""
    yield "mqtt.topic", packet["topic"]
    if packet["qos"]:
        yield "mqtt.msgid", packet["messageId"]
    if version == 5:
        yield from group(packet.get("properties"))
    yield PAYLOAD
    yield "mqtt.msg", packet["payload"]


def reason(packet: Description, version: int, left_out: str) -> Iterator[Row]:
    """What of MQTT 5.0 may be left out (3.4.2.1, 3.14.2.1): the properties, or those and the reason code.

    `short`: the packet ends behind its packet identifier (2), or behind its reason code (1).
    """
    if version < 5:
        return
    if packet.get("short") == 2:
        yield "mqtt.reason_code.left_out", left_out
        return
    yield f"mqtt.{packet['cmd']}.reason_code", packet["reasonCode"]
    if packet.get("short") != 1:
        yield from group(packet.get("properties"))


def acknowledgement(packet: Description, version: int) -> Iterator[Row]:
    """PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7)"""
    yield "mqtt.msgid", packet["messageId"]
    yield from reason(packet, version, "Success")


def subscribe(packet: Description, version: int) -> Iterator[Row]:
    """SUBSCRIBE (3.8)"""
    yield "mqtt.msgid", packet["messageId"]
    if version == 5:
        yield from group(packet.get("properties"))
    yield PAYLOAD
    for one in packet["subscriptions"]:
        yield "mqtt.topic", one["topic"]
        if version == 5:
            yield "mqtt.subscription_options_reserved", 0
            yield "mqtt.subscription_options_retain", one["rh"]
            yield "mqtt.subscription_options_rap", one["rap"]
            yield "mqtt.subscription_options_nl", one["nl"]
            yield "mqtt.subscription_options_qos", one["qos"]
        else:
            yield "mqtt.sub.reserved", 0
            yield "mqtt.sub.qos", one["qos"]


def suback(packet: Description, version: int) -> Iterator[Row]:
    """SUBACK (3.9)"""
    yield "mqtt.msgid", packet["messageId"]
    if version == 5:
        yield from group(packet.get("properties"))
    yield PAYLOAD
    for code in packet["granted"]:
        yield "mqtt.suback.reason_code" if version == 5 else "mqtt.suback.qos", code


def unsubscribe(packet: Description, version: int) -> Iterator[Row]:
    """UNSUBSCRIBE (3.10)"""
    yield "mqtt.msgid", packet["messageId"]
    if version == 5:
        yield from group(packet.get("properties"))
    yield PAYLOAD
    for topic in packet["unsubscriptions"]:
        yield "mqtt.topic", topic


def unsuback(packet: Description, version: int) -> Iterator[Row]:
    """UNSUBACK (3.11)"""
    yield "mqtt.msgid", packet["messageId"]
    if version == 5:
        yield from group(packet.get("properties"))
        yield PAYLOAD
        for code in packet["granted"]:
            yield "mqtt.unsuback.reason_code", code


def body(packet: Description, version: int) -> Iterator[Row]:
    """All behind the fixed header."""
    cmd = packet["cmd"]
    if cmd in ("puback", "pubrec", "pubrel", "pubcomp"):
        return acknowledgement(packet, version)
    if cmd in ("disconnect", "auth"):
        return reason(packet, version, "Normal disconnection" if cmd == "disconnect" else "Success")
    if cmd in ("pingreq", "pingresp"):
        return iter(())
    layouts = {
        "connect": connect, "connack": connack, "publish": publish, "subscribe": subscribe, "suback": suback,
        "unsubscribe": unsubscribe, "unsuback": unsuback,
    }  # fmt: skip
    return layouts[cmd](packet, version)


def expected(packet: Description, version: int) -> list[Row]:
    """All that was encoded, in the order of its bytes."""
    rows = [*header(TYPES.index(packet["cmd"]), version, packet), *body(packet, version)]
    if PAYLOAD not in rows:
        rows.append(PAYLOAD)
    return [(name, int(value) if isinstance(value, bool) else value) for name, value in rows]


def field_rows(one: Field) -> Iterator[Row]:
    """A decoded field: one row, or one for each of its bits."""
    value, spec = one.value, one.spec
    if spec.bits:
        assert isinstance(value, int)
        for bit in spec.bits:
            yield bit.name, bit.value(value)
    elif spec is PROPERTY_IDENTIFIER:
        assert isinstance(value, int) and spec.names is not None
        yield spec.name, spec.names[value]
    else:
        yield spec.alias or spec.name, None if spec.kind == GROUP else value


def decoded(packet: Packet) -> list[Row]:
    """All that was decoded, but for lengths, which `check_structure` looks at."""
    lengths = {id(REMAINING_LENGTH), id(PROPERTY_LENGTH)}
    lengths.update(id(one.spec.length) for one in packet.fields if one.spec.length is not None)
    rows: list[Row] = []
    for number, one in enumerate(packet.fields):
        if number == packet.payload:
            rows.append(PAYLOAD)
        if id(one.spec) not in lengths:
            rows.extend(field_rows(one))
    return rows if packet.payload < len(packet.fields) else [*rows, PAYLOAD]


def check_structure(packet: Packet, data: bytes) -> None:
    """No complaint; every byte in one leaf; every length as long as what it counts."""
    assert packet.data == data
    assert packet.notes is None and packet.malformed is None, [str(note) for note in packet.notes or []]
    place = 0
    for leaf in packet.leaves():
        assert leaf.start == place and leaf.spec.kind not in (UNDECODED, DERIVED), leaf
        place = leaf.end
    assert place == len(data)
    for before, one in zip([None, *packet.fields], packet.fields, strict=False):
        if one.spec.length is not None:
            assert before is not None and before.spec is one.spec.length
            assert before.end == one.start and before.value == one.end - one.start, one
        elif one.spec is REMAINING_LENGTH:
            assert one.value == len(data) - one.end
        elif one.spec is PROPERTY_LENGTH:
            assert before is not None and before.spec.kind == GROUP
            assert one.value == before.end - one.end, before
    check_groups(packet.fields)


def check_groups(fields: list[Field]) -> None:
    """A group spans just the fields that it counts."""
    for number, one in enumerate(fields):
        if one.spec.kind == GROUP:
            assert isinstance(one.value, int)
            inside = fields[number + 1 : number + 1 + one.value]
            assert (one.start, one.end) == (inside[0].start, inside[-1].end), one
