"""Each control packet type, field by field: bytes in hex, what they mean beside them."""

from __future__ import annotations

import pytest

from mqttdissect import Packet, decode
from mqttdissect.mqtt.fields import GROUP


def fields(packet: Packet) -> dict[str, object]:
    """Label and value of every field that is no group."""
    return {field.spec.label: field.value for field in packet.fields if field.spec.kind != GROUP}


def read(text: str, version: int = 4) -> Packet:
    """The packet in a hex string."""
    return decode(bytes.fromhex(text), version)


def clean(text: str, version: int = 4) -> dict[str, object]:
    """The fields of a packet that has nothing wrong with it."""
    packet = read(text, version)
    assert packet.malformed is None
    return fields(packet)


def notes(text: str, version: int = 4) -> list[str]:
    """What is wrong with a packet."""
    return [str(note) for note in read(text, version).notes or []]


def test_connect_3_1() -> None:
    """MQIsdp, level 3."""
    found = clean("10 10  0006 4d5149736470  03 02 003c  0002 6162")
    assert found["Protocol name"] == "MQIsdp"
    assert found["Client identifier"] == "ab"
    assert read("10 10  0006 4d5149736470  03 02 003c  0002 6162").version == 3


def test_connect_3_1_may_leave_out_what_its_flags_promise() -> None:
    """MQTT 3.1, section 3.1: the Remaining Length takes precedence over the user name and password flags."""
    assert "User name" not in clean("10 10  0006 4d5149736470  03 c2 003c  0002 6162")


def test_connect_with_everything() -> None:
    """Will, user name and password of a 3.1.1 CONNECT, at will QoS 1 and retained."""
    found = clean("10 1a  0004 4d515454 04 ee 003c  0001 61  0001 77  0002 6869  0001 75  0001 70")
    assert found["Connect flags"] == 0xEE
    assert [found["Will topic"], found["Will payload"], found["User name"], found["Password"]] == [
        "w",
        b"hi",
        "u",
        b"p",
    ]


def test_connect_5_with_will_properties() -> None:
    """Session expiry 10 s; a will with a delay of 5 s."""
    found = clean("10 20  0004 4d515454 05 06 0000  05 11 0000000a  0001 61  05 18 00000005  0001 77  0002 6869", 5)
    assert found["Session Expiry Interval"] == 10
    assert found["Will Delay Interval"] == 5


@pytest.mark.parametrize(
    ("level", "version"), [("83", 3), ("84", 4)], ids=["bridge speaking 3.1", "bridge speaking 3.1.1"]
)
def test_bridge_bit(level: str, version: int) -> None:
    """Mosquitto's bridges set the top bit of the protocol level."""
    name = "0006 4d5149736470" if version == 3 else "0004 4d515454"
    length = "0f" if version == 3 else "0d"
    packet = read(f"10 {length} {name} {level} 02 003c 0001 61")
    assert packet.version == version
    assert packet.malformed is None
    assert [bit.name for bit in packet.fields[4].spec.bits] == ["mqtt.ver.bridge", "mqtt.ver.level"]


@pytest.mark.parametrize(
    ("flags", "version", "expected"),
    [
        ("03", 4, "reserved connect flag"),
        ("1e", 4, "will QoS 0, 1 or 2"),
        ("0a", 4, "will QoS 0, as there is no will"),
        ("22", 4, "will retain 0"),
        ("42", 4, "no password without a user name"),
    ],
)
def test_connect_flags_that_contradict(flags: str, version: int, expected: str) -> None:
    """Each gets a note with the statement that forbids it, and decoding goes on."""
    data = f"10 13 0004 4d515454 04 {flags} 003c 0001 61 0001 62 0001 63"
    assert any(expected in note and "[MQTT-3.1.2-" in note for note in notes(data, version))


def test_connack_3_1_1() -> None:
    """Session present, accepted."""
    assert clean("20 02 01 00") == {
        "Fixed header flags": 0x20, "Remaining length": 2, "Acknowledge flags": 1, "Return code": 0,
    }  # fmt: skip


def test_connack_5() -> None:
    """Not authorized, with a reason string."""
    found = clean("20 09 00 87 06 1f 0003 6e6f70", 5)
    assert (found["Reason code"], found["Reason String"]) == (0x87, "nop")


def test_publish_qos_0_has_no_packet_identifier() -> None:
    """Topic a, message hi."""
    found = clean("30 05 0001 61 6869")
    assert "Packet identifier" not in found
    assert found["Application message"] == b"hi"


def test_publish_5_with_properties() -> None:
    """Two subscription identifiers, a user property, and a message that is empty."""
    packet = read("32 11 0001 61 0007 0b 0b01 0b8002 26 0001 6b 0000", 5)
    assert packet.malformed is None
    assert [field.value for field in packet.fields if field.spec.label == "Subscription Identifier"] == [1, 256]
    assert fields(packet)["Application message"] == b""


@pytest.mark.parametrize("kind", [4, 5, 6, 7])
def test_acknowledgements_of_5_may_leave_out_the_reason(kind: int) -> None:
    """Two bytes: reason and properties left out; three: properties left out; more: all there."""
    flags = 2 if kind == 6 else 0
    first = f"{kind:x}{flags}"
    assert clean(f"{first} 02 0001", 5)["Reason code"] == "Success"
    assert clean(f"{first} 03 0001 92" if kind > 5 else f"{first} 03 0001 10", 5)["Reason code"] in (0x92, 0x10)
    assert clean(f"{first} 04 0001 00 00", 5)["Property length"] == 0


def test_subscribe_and_suback() -> None:
    """Two filters; two codes."""
    packet = read("82 0c 0001 0001 61 01 0003 622f23 02")
    assert [field.value for field in packet.fields if field.spec.label == "Topic filter"] == ["a", "b/#"]
    assert [field.value for field in packet.fields if field.spec.label == "Requested QoS"] == [1, 2]
    assert clean("90 04 0001 01 80")["Return code"] == 0x80


def test_subscription_options_5() -> None:
    """Retain handling 2, retain as published, no local, QoS 1, on a subscription with identifier 300."""
    packet = read("82 0a 0001 03 0bac02 0001 61 2d", 5)
    options = next(field for field in packet.fields if field.spec.bits and field.start > 1)
    assert {bit.label: bit.value(0x2D) for bit in options.spec.bits} == {
        "Reserved": 0, "Retain handling": 2, "Retain as published": 1, "No local": 1, "QoS": 1,
    }  # fmt: skip
    assert fields(packet)["Subscription Identifier"] == 300


def test_unsubscribe_and_unsuback() -> None:
    """UNSUBACK has reason codes only in 5.0."""
    assert clean("a2 05 0001 0001 61")["Topic filter"] == "a"
    assert clean("b0 02 0001") == {"Fixed header flags": 0xB0, "Remaining length": 2, "Packet identifier": 1}
    assert clean("b0 04 0001 00 11", 5)["Reason code"] == 0x11


def test_ping_disconnect_auth() -> None:
    """Fixed headers, and what 5.0 adds to the last two."""
    assert read("c0 00").name == "PINGREQ"
    assert read("d0 00").name == "PINGRESP"
    assert clean("e0 00", 5)["Reason code"] == "Normal disconnection"
    assert clean("e0 01 04", 5)["Reason code"] == 4
    assert clean("f0 08 18 06 15 0003 412d42", 5)["Authentication Method"] == "A-B"


def test_reserved_types() -> None:
    """Type 0 in all versions, type 15 before 5.0; the packet's end is still known."""
    assert read("00 02 abcd").name == "RESERVED"
    assert "a packet type from 1 to 14" in notes("f0 00")[0]
    assert "MQTT 3.1.1, 2.2.1" in notes("00 00")[0]
    assert "MQTT 5.0, 2.1.2" in notes("00 00", 5)[0]


@pytest.mark.parametrize(
    ("data", "version", "expected"),
    [
        ("80 06 0001 0001 61 00", 4, "the flags of SUBSCRIBE to be 0010, not 0000 (MQTT 3.1.1, [MQTT-2.2.2-1])"),
        ("c5 00", 5, "the flags of PINGREQ to be 0000, not 0101 (MQTT 5.0, [MQTT-2.1.3-1])"),
        ("36 05 0001 61 0001", 4, "QoS 0, 1 or 2; 3 is reserved"),
        ("32 05 0001 61 0000", 4, "a packet identifier from 1 to 65535"),
        ("30 03 0001 23", 4, "a topic name without wildcards"),
        ("10 14 0004 4d515454 04 06 003c 0001 61 0003 612f23 0000", 4, "a will topic without wildcards"),
        ("10 11 0004 4d515454 04 06 003c 0001 61 0000 0000", 4, "a will topic of at least one character"),
        ("30 02 0000", 4, "a topic name of at least one character"),
        ("30 03 0000 00", 5, "a topic name, or a topic alias in its place"),
        ("30 04 0002 c328", 4, "Topic name in well-formed UTF-8"),
        ("30 03 0001 00", 4, "without the null character"),
        ("30 05 0009 61 6869", 4, "9 bytes of Topic name, only 3 are left"),
        ("30 01 00", 4, "2 bytes of Topic name length, only 1 is left"),
        ("82 02 0001", 4, "at least one topic filter"),
        ("82 06 0001 0001 61 03", 4, "QoS 0, 1 or 2"),
        ("82 06 0001 0001 61 04", 4, "reserved bits of the requested QoS"),
        ("82 07 0001 00 0001 61 40", 5, "reserved bits of the subscription options"),
        ("82 07 0001 00 0001 61 30", 5, "retain handling 0, 1 or 2"),
        ("90 03 0001 03", 4, "a return code 0x00, 0x01, 0x02 or 0x80"),
        ("90 04 0001 00 11", 5, "a reason code of SUBACK; 0x11 (No subscription existed) is for other packets"),
        ("20 03 00 7f 00", 5, "0x7f is not defined"),
        ("20 02 02 00", 4, "reserved bits of the acknowledge flags"),
        ("20 02 00 06", 4, "a return code from 0 to 5"),
        ("40 03 0001 00", 4, "PUBACK to end here; bytes left over: 1"),
        ("30 06 0001 61 02 7f00", 5, "0x7f is not defined"),
        ("30 07 0001 61 03 210001", 5, "a property that PUBLISH may have; Receive Maximum is not"),
        ("30 08 0001 61 04 0100 0100", 5, "Payload Format Indicator once"),
        ("30 06 0001 61 02 0102", 5, "Payload Format Indicator 0 or 1"),
        ("30 07 0001 61 03 230000", 5, "Topic Alias above 0 (MQTT 5.0, [MQTT-3.3.2-8])"),
        ("30 05 0001 61 05 00", 5, "5 bytes of properties, 1 left"),
        ("30 05 0001 61 80 00", 5, "Property length 0 in the fewest bytes, not 2"),
        ("30 80 80 80 80 01", 4, "Remaining length to end in its fourth byte"),
    ],
)
def test_malformed(data: str, version: int, expected: str) -> None:
    """What was expected, where, by which section."""
    assert any(expected in note for note in notes(data, version)), notes(data, version)


def test_a_bad_property_costs_only_the_properties() -> None:
    """Their length says where the payload starts."""
    packet = read("30 08 0001 61 02 7f00 6869", 5)
    assert fields(packet)["Application message"] == b"hi"
    assert fields(packet)["Undecoded"] == "behind a malformed property"


def test_text_that_is_not_utf8_keeps_its_bytes() -> None:
    """The note points at the first bad byte."""
    packet = read("30 05 0003 61 c3 28")
    assert fields(packet)["Topic name"] == b"a\xc3("
    assert packet.notes is not None
    assert packet.notes[0].offset == 5


def test_decode_of_part_of_a_packet() -> None:
    """What is there is decoded; what is missing is said."""
    packet = decode(bytes.fromhex("32 20 0001 61 0007 7b"))
    assert fields(packet)["Packet identifier"] == 7
    assert "26 more bytes: the data ends" in str(packet.malformed)


def test_decode_refuses_nothing_and_other_versions() -> None:
    """These are mistakes of the caller."""
    with pytest.raises(ValueError, match="no bytes"):
        decode(b"")
    with pytest.raises(ValueError, match="protocol level 6"):
        decode(b"\xc0\x00", 6)


@pytest.mark.parametrize(("name", "level", "malformed"), [("MQIsdp", 3, False), ("MQTT", 4, True)])
def test_will_flags_without_a_will(name: str, level: int, malformed: bool) -> None:
    """MQTT 3.1, section 3.1: without the will flag, will QoS and will retain are disregarded; later they are 0."""
    body = bytes([0, len(name)]) + name.encode() + bytes([level, 0b0010_1010, 0, 60, 0, 1]) + b"c"
    packet = decode(bytes([0x10, len(body)]) + body)
    assert packet.version == level
    assert (packet.malformed is not None) is malformed
