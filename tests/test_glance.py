"""A look at common packets shows what decoding them shows: `mqtt.glance`, and who makes do with it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Stream, connect, pcap, varint
from support import packet as packet_of

from mqttdissect.analysis import extract
from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.decode import decode
from mqttdissect.mqtt.glance import KNOWN, LONGEST_KNOWN, MOST_KNOWN, glance, remember
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE, PACKET_IDENTIFIER, TOPIC_NAME, TOPIC_OF_ALIAS
from mqttdissect.pipeline import Dissector


@pytest.fixture(autouse=True)
def nothing_known() -> None:
    """Tests before have left no properties that are known."""
    KNOWN.clear()


def made(data: bytes, version: int, hole: int = -1) -> Packet:
    """A packet that nobody has looked at yet."""
    packet = Packet(None, 0, 1, 0, data, data[0] >> 4)
    packet.version = version
    if hole >= 0:
        packet.hole_offset = hole
        packet.hole_bytes = 1
    return packet


def shown(packet: Packet) -> tuple[object, ...]:
    """All that decoding finds."""
    fields = [(field.spec, field.start, field.end, field.value) for field in packet.fields]
    notes = [str(note) for note in packet.notes or []]
    return packet.type, packet.flags, packet.name, packet.payload, fields, notes


def noted(packet: Packet) -> None:
    """What decoding notes of a packet is what its fields say."""
    identifier, topic = packet.value(PACKET_IDENTIFIER), packet.value(TOPIC_OF_ALIAS) or packet.value(TOPIC_NAME)
    message = packet.value(APPLICATION_MESSAGE)
    assert packet.identifier == (-1 if identifier is None else identifier)
    assert packet.topic == (topic.decode("utf-8", "backslashreplace") if isinstance(topic, bytes) else topic or "")
    assert packet.application_message == (message or b"")
    assert packet.message_size == len(packet.application_message)
    assert (packet.message > 0) == (message is not None)


def looked_at(data: bytes, version: int, hole: int = -1) -> bool:
    """Is a look enough? Then it shows the same as decoding does, and so do the fields that are asked for later."""
    whole, packet = made(data, version, hole), made(data, version, hole)
    decode(whole)
    noted(whole)
    if not glance(packet):
        assert not packet.glanced
        return False
    assert whole.notes is None
    assert (packet.identifier, packet.topic, packet.message) == (whole.identifier, whole.topic, whole.message)
    if packet.type == codes.PUBLISH:
        facts, expected = extract.publish(packet), extract.publish(whole)
        for name in ("topic", "alias", "identifier", "digest", "size", "has_properties", "identified", "qos", "dup"):
            assert getattr(facts, name) == getattr(expected, name)
    assert extract.code(packet) == extract.code(whole)
    assert extract.properties(packet, False) == extract.properties(whole, False)
    assert shown(packet) == shown(whole)
    return True


def publish(topic: bytes, flags: int = 0, rest: bytes = b"", head: bytes = b"") -> bytes:
    """A PUBLISH. head: its Remaining Length, where that is not written as usual."""
    body = struct.pack(">H", len(topic)) + topic + rest
    return bytes([0x30 | flags]) + (head or varint(len(body))) + body


@pytest.mark.parametrize(
    ("data", "version", "enough"),
    [
        (publish(b"a/b"), 4, True),
        (publish(b"a/b", rest=b"message"), 3, True),
        (publish(b"a/b", 0x0B, b"\x00\x07message"), 4, True),  # DUP, QoS 1, RETAIN
        (publish(b"a/b", 0x04, b"\x01\x00\x00message"), 5, True),
        (publish(b"a/b", rest=b"\x00"), 5, True),
        (publish(b"a/b", rest=b"x" * 300, head=b"\xb1\x02"), 4, True),
        (publish(b"a/b", rest=b""), 5, False),  # its properties are missing
        (publish(b"a/b", rest=b"\x02\x01\x01message"), 5, False),  # it has some
        (publish(b"a/b", rest=b"x", head=b"\x86\x00"), 4, False),  # a byte too many in its Remaining Length
        (publish(b"a/b", 0x06, b"\x00\x07message"), 4, False),  # QoS 3
        (publish(b"a/b", 0x02, b"\x00\x00message"), 4, False),  # packet identifier 0
        (publish(b"a/b", 0x02, b"\x00"), 4, False),
        (publish(b"a/+"), 4, False),
        (publish(b""), 4, False),
        (publish(b"a\xff"), 4, False),
        (publish(b"a\0"), 4, False),
        (publish(b"a\x01"), 4, False),  # a control character, which a finding is about
        (b"\x30\x03\x00\x07a", 4, False),
        (b"\x30\x01\x00", 4, False),
        (b"\x40\x02\x00\x01", 4, True),
        (b"\x50\x02\x00\x01", 5, True),
        (b"\x62\x02\xff\xff", 3, True),
        (b"\x70\x02\x00\x01", 5, True),
        (b"\x60\x02\x00\x01", 4, False),  # flags of PUBREL
        (b"\x41\x02\x00\x01", 4, False),
        (b"\x40\x02\x00\x00", 4, False),
        (b"\x40\x03\x00\x01\x10", 5, False),
        (b"\x40\x03\x00\x01\x00", 5, True),  # Success, though it could be left out
        (b"\x40\x03\x00\x01\x00", 4, False),
        (b"\x40\x02\x00\x01\x00", 5, False),  # a byte behind the packet
        (b"\x40\x01\x00", 4, False),
        (b"\xc0\x00", 4, True),
        (b"\xd0\x00", 5, True),
        (b"\xc1\x00", 4, False),
        (b"\xd0\x01\x00", 4, False),
        (b"\xe0\x00", 5, False),
        (b"\xff\xff\xff\xff\xff", 4, False),
        (b"\x30\xff\xff\xff\xff", 4, False),
        (b"\x30", 4, False),
    ],
)
def test_when_a_look_is_enough(data: bytes, version: int, enough: bool) -> None:
    assert looked_at(data, version) == enough


def test_of_a_packet_with_a_hole_a_look_is_not_enough() -> None:
    data = publish(b"a/b", rest=b"message")
    assert looked_at(data, 4)
    assert not looked_at(data, 4, len(data) - 1)


@given(
    first=st.one_of(st.integers(0, 255), st.sampled_from([0x30, 0x32, 0x34, 0x3B, 0x40, 0x50, 0x62, 0x70, 0xC0, 0xD0])),
    version=st.sampled_from([3, 4, 5]),
    topic=st.one_of(st.sampled_from([b"a", b"a/b", b"\xc3\xa4", b"$SYS/x", b" "]), st.binary(max_size=6)),
    length=st.integers(-2, 2),
    rest=st.binary(max_size=12),
    head=st.one_of(st.none(), st.binary(min_size=1, max_size=5)),
    hole=st.one_of(st.just(-1), st.integers(1, 20)),
)
def test_a_look_shows_what_decoding_shows(
    first: int, version: int, topic: bytes, length: int, rest: bytes, head: bytes | None, hole: int
) -> None:
    body = struct.pack(">H", max(len(topic) + length, 0)) + topic + rest
    if first >> 4 != codes.PUBLISH:
        body = rest
    data = bytes([first]) + (head if head is not None else bytes([len(body)])) + body
    looked_at(data, version, min(hole, len(data)))


def with_properties(found: bytes, topic: bytes = b"a/b", flags: int = 0) -> bytes:
    """A PUBLISH of MQTT 5.0."""
    return publish(topic, flags, (b"\x00\x07" if flags & 6 else b"") + varint(len(found)) + found + b"message")


@pytest.mark.parametrize(
    ("found", "enough"),
    [
        (b"\x01\x00", True),  # Payload Format Indicator
        (b"\x01\x01\x02\x00\x00\x00\x3c", True),  # Message Expiry Interval
        (b"\x03\x00\x0aimage/jpeg", True),
        (b"\x08\x00\x03r/s", True),
        (b"\x0b\x07\x0b\xff\x01", True),  # two Subscription Identifiers
        (b"\x23\x00\x05", True),
        (b"\x26\x00\x01k\x00\x01v\x26\x00\x01k\x00\x01w", True),
        (b"\x01\x02", False),  # malformed ones
        (b"\x01\x00\x01\x00", False),
        (b"\x02\x00", False),
        (b"\x03\x00\x01\xff", False),
        (b"\x11\x00\x00\x00\x01", False),
        (b"\x23\x00\x00", False),
        (b"\x7f", False),
        (b"\x03\x00\x01\x01", False),  # those that a finding is about
        (b"\x08\x00\x03r/+", False),
        (b"\x08\x00\x01#", False),
        (b"\x09\x00\x02id", False),  # not worth it
        (b"\x26\x00\x01k" + struct.pack(">H", LONGEST_KNOWN - 7) + b"v" * (LONGEST_KNOWN - 7), True),
        (b"\x26\x00\x01k" + struct.pack(">H", LONGEST_KNOWN - 6) + b"v" * (LONGEST_KNOWN - 6), False),
    ],
)
@pytest.mark.parametrize("flags", [0, 2])
def test_properties_that_came_before_need_no_more_than_a_look(found: bytes, flags: int, enough: bool) -> None:
    data = with_properties(found, flags=flags)
    assert not looked_at(data, 5)
    first = made(data, 5)
    decode(first)
    remember(first)
    assert looked_at(data, 5) == enough
    assert len(KNOWN) == enough


def test_known_properties_are_bounded() -> None:
    for number in range(MOST_KNOWN + 1):
        packet = made(with_properties(b"\x02" + struct.pack(">I", number)), 5)
        decode(packet)
        remember(packet)
    assert len(KNOWN) == 1


def conversation(*published: bytes) -> tuple[list[Packet], list[Finding]]:
    """What a client of MQTT 5.0 publishes, and what is found in that; both sides take ten topic aliases."""
    alias_maximum = b"\x22\x00\x0a"
    stream = Stream().handshake().client(connect(level=5, properties=alias_maximum))
    stream.server(packet_of(0x20, b"\x00\x00\x03" + alias_maximum)).client(*published)
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    found = dissector.feed(pcap(stream.frames)) + dissector.close()
    return found[2:], [one for one in analysis.take() if one.severity >= WARNING]


def test_a_look_knows_what_a_topic_alias_stands_for() -> None:
    learn, use = with_properties(b"\x23\x00\x05", b"x/1"), with_properties(b"\x23\x00\x05", b"")
    other = with_properties(b"\x23\x00\x05", b"x/2")
    found, findings = conversation(use, learn, use, other, learn, use, other, use)
    assert [packet.topic for packet in found] == ["", "x/1", "x/1", "x/2", "x/1", "x/1", "x/2", "x/2"]
    assert [packet.glanced for packet in found][-4:] == [True] * 4
    assert [one.rule.id for one in findings] == ["topic-alias-unknown"]
    for packet in found:
        noted(packet)
    assert shown(found[2])[3:] == shown(found[5])[3:]  # the first was decoded, the second glanced at
    assert found[7].value(TOPIC_OF_ALIAS) == "x/2"


def test_rules_about_properties_need_no_more_than_a_look() -> None:
    identified, text = with_properties(b"\x0b\x07"), with_properties(b"\x01\x01")
    found, findings = conversation(identified, identified, text, text, text[:-1] + b"\xff", text)
    assert [packet.glanced for packet in found][3:] == [True] * 3
    assert [(one.rule.id, one.frame) for one in findings] == [
        ("subscription-identifier-from-client", found[0].frame),
        ("subscription-identifier-from-client", found[1].frame),
        ("payload-not-utf-8", found[4].frame),
    ]


def packets(path: Path, glances: bool) -> tuple[list[Packet], list[Finding]]:
    """Of a capture, and what is found in it."""
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    assert dissector.mqtt.glances
    dissector.mqtt.glances = glances
    found = dissector.feed(path.read_bytes()) + dissector.close()
    return found, analysis.take()


def told(finding: Finding) -> tuple[object, ...]:
    """What a finding says."""
    return (
        finding.rule.id, finding.severity, finding.fault, finding.what, finding.frame, finding.start, finding.end,
        finding.client, finding.stream, finding.related, finding.frames,
    )  # fmt: skip


def test_captures_are_found_the_same(capture: Path) -> None:
    full, full_findings = packets(capture, False)
    glanced, findings = packets(capture, True)
    assert not any(packet.glanced for packet in full)
    for packet in full:
        noted(packet)
    assert [told(one) for one in findings] == [told(one) for one in full_findings]
    assert [shown(packet) for packet in glanced] == [shown(packet) for packet in full]
    if "many-clients" in capture.name:
        assert sum(packet.glanced for packet in glanced) > len(full) // 2


def test_packets_are_shown_to_an_analysis_that_are_not_returned(capture: Path) -> None:
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    dissector.returns = False
    assert dissector.feed(capture.read_bytes()) == dissector.close() == []
    full, findings = packets(capture, True)
    assert [told(one) for one in analysis.take()] == [told(one) for one in findings]
    assert dissector.mqtt.packets == sum(packet.type >= 0 for packet in full)
