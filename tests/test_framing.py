"""From streams to packets: cuts, versions, aliases, gaps, and finding the way back after damage."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    ACK,
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PSH,
    SYN,
    Stream,
    connect,
    dissect,
    names,
    packet,
    pcap,
    publish,
    told,
)

from mqttdissect.mqtt.packet import BY_CONNECT, BY_DEFAULT, BY_INFERENCE, BY_OPTION
from mqttdissect.output.gist import gap
from mqttdissect.pipeline import Dissector

SESSION = [
    connect(level=5),
    publish("a/b", b"x" * 300, 1, 7, b""),
    PINGREQ,
    publish("", b"alias", properties=b"\x23\x00\x01"),
    packet(0x82, b"\x00\x01\x00\x00\x01a\x01"),
    packet(0x30, b"\x00\x01\x00"),  # malformed: a NUL in the topic, and no properties
    publish("t" * 200, b"y" * 20000, 2, 9, b"\x26\x00\x01k\x00\x01v"),
    DISCONNECT,
]


def whole() -> list[tuple[object, ...]]:
    """The session, a packet a segment."""
    return told(dissect(pcap(Stream().handshake().client(*SESSION).frames)))


@given(st.lists(st.integers(1, 20800), max_size=40))
def test_segmentation_does_not_matter(cuts: list[int]) -> None:
    """Any cut of the client's bytes into segments gives the same packets."""
    data = b"".join(SESSION)
    edges = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    pieces = [data[a:b] for a, b in pairwise(edges)]
    assert told(dissect(pcap(Stream().handshake().client(*pieces).frames))) == whole()


def test_a_byte_a_segment() -> None:
    """The smallest cut, and each byte knows its frame."""
    data = connect("someone") + publish("a", b"b")
    packets = dissect(pcap(Stream().handshake().client(*[data[i : i + 1] for i in range(len(data))]).frames))
    assert names(packets) == ["CONNECT", "PUBLISH"]
    assert packets[0].frames == [(i, 4 + i) for i in range(len(packets[0].data))]
    assert packets[0].frame == 3 + len(packets[0].data)


@given(st.data())
def test_order_and_overlap_do_not_matter(data: st.DataObject) -> None:
    """Segments of random size, overlapping, repeated and in random order, all acknowledged at the end."""
    raw = b"".join(SESSION)
    stream = Stream().handshake()
    start = stream.sequence[0]
    size = data.draw(st.integers(200, 4000))
    pieces = []
    for at in range(0, len(raw), size):
        before = data.draw(st.integers(0, min(at, 50)))
        pieces.append(stream.segment(0, raw[at - before : at + size], PSH | ACK, start + at - before))
    pieces += data.draw(st.lists(st.sampled_from(pieces), max_size=5))
    stream.frames += data.draw(st.permutations(pieces))
    assert told(dissect(pcap(stream.frames))) == whole()


CAPTURES = sorted((Path(__file__).parent.parent / "captures").glob("*.pcap*"))


@given(st.sampled_from(CAPTURES), st.lists(st.integers(1, 20000), min_size=1, max_size=20))
def test_pieces_of_the_capture_do_not_matter(path: Path, sizes: list[int]) -> None:
    """A capture fed in pieces of random size gives the same packets, notes and frames."""
    raw = path.read_bytes()[:60000]
    dissector = Dissector()
    packets = []
    at = 0
    while at < len(raw):
        sizes.append(sizes.pop(0))
        size = sizes[-1]
        packets += dissector.feed(raw[at : at + size])
        at += size
    packets += dissector.close()
    expected = dissect(raw)
    assert told(packets) == told(expected)
    assert [one.frames for one in packets] == [one.frames for one in expected]


def test_a_packet_of_a_quarter_million_segments_takes_linear_time() -> None:
    """Twice the segments take about twice as long: nothing is joined again for each one."""
    import time

    def seconds(count: int) -> float:
        frames = Stream().handshake().client(connect() + publish("a", b"x" * (count * 10))[:4])
        frames.client(*[b"x" * 10] * count)
        capture = pcap(frames.frames)
        start = time.process_time()
        packets = dissect(capture)
        assert names(packets)[:2] == ["CONNECT", "PUBLISH"]
        return time.process_time() - start

    small, large = min(seconds(30_000) for _ in range(2)), min(seconds(120_000) for _ in range(2))
    assert large < small * 4 * 4


def test_versions_come_from_connect() -> None:
    """Each connection has its own."""
    frames = []
    for port, level in ((40001, 3), (40002, 4), (40003, 5)):
        frames += Stream(source=(bytes([10, 0, 0, 1]), port)).handshake().client(connect(level=level), PINGREQ).frames
    packets = dissect(pcap(frames))
    assert [one.version for one in packets] == [3, 3, 4, 4, 5, 5]
    assert all(one.version_by == BY_CONNECT for one in packets)


@pytest.mark.parametrize(
    ("sent", "version"),
    [
        (publish("a", b"text", 1, 1), 4),
        (publish("a", b"text", 1, 1, b"\x01\x01"), 5),
        (packet(0x40, b"\x00\x01\x10"), 5),
        (packet(0x82, b"\x00\x01\x00\x01a\x01"), 4),
        (packet(0x82, b"\x00\x01\x00\x00\x01a\x01"), 5),
        (packet(0xE0, b"\x8e"), 5),
        (packet(0xF0, b"\x18"), 5),
    ],
    ids=["text payload", "properties", "reason code", "SUBSCRIBE 3.1.1", "SUBSCRIBE 5.0", "DISCONNECT", "AUTH"],
)
def test_version_is_inferred_in_the_middle_of_a_stream(sent: bytes, version: int) -> None:
    """Where only one version makes sense of what follows."""
    packets = dissect(pcap(Stream().client(sent, PINGREQ).frames))
    assert [one.version for one in packets] == [version, version]
    assert packets[1].version_by == BY_INFERENCE


def test_version_that_nothing_tells() -> None:
    """3.1.1 is assumed, unless an option says otherwise."""
    capture = pcap(Stream().client(PINGREQ).frames)
    assert (dissect(capture)[0].version, dissect(capture)[0].version_by) == (4, BY_DEFAULT)
    assert (dissect(capture, version=5)[0].version, dissect(capture, version=5)[0].version_by) == (5, BY_OPTION)


def test_topic_aliases_are_resolved_by_direction() -> None:
    """An alias of the server is not one of the client."""
    alias = b"\x23\x00\x05"
    stream = Stream().handshake().client(connect(level=5), publish("up", properties=alias))
    stream.server(publish("down", properties=alias), publish("", properties=alias)).client(
        publish("", properties=alias)
    )
    resolved = [
        field.value for one in dissect(pcap(stream.frames)) for field in one.fields if field.spec.name == "mqtt.topic"
    ]
    assert resolved == ["up", "down", "", "down", "", "up"]


def test_alias_set_before_the_capture() -> None:
    """It is said that nobody can know."""
    stream = Stream().handshake().client(connect(level=5), publish("", properties=b"\x23\x00\x05"))
    found = [field.spec.name for field in dissect(pcap(stream.frames))[1].fields]
    assert "mqtt.unknown_topic_alias" in found


def test_stream_goes_on_behind_a_malformed_packet() -> None:
    """The Remaining Length says where the next packet starts."""
    bad = packet(0x30, b"\x00\x09short")
    packets = dissect(pcap(Stream().handshake().client(connect() + bad + PINGREQ).frames))
    assert names(packets) == ["CONNECT", "PUBLISH", "PINGREQ"]
    assert packets[1].malformed is not None


def test_framing_is_found_again_behind_a_remaining_length_without_end() -> None:
    """Nobody can know where the next packet starts, until something plausible does."""
    stream = Stream().handshake().client(connect(), b"\x30\xff\xff\xff\xff\x01rest", publish("plant/line", b"ok"))
    packets = dissect(pcap(stream.frames))
    assert names(packets) == ["CONNECT", "PUBLISH", "UNDECODED", "PUBLISH"]
    assert b"".join(one.data for one in packets) == b"".join([connect(), b"\x30\xff\xff\xff\xff\x01rest",
                                                              publish("plant/line", b"ok")])  # fmt: skip


def test_gap_inside_a_packet_keeps_the_framing() -> None:
    """Its length is known, so is the next packet's place; the packet says what it lacks."""
    long = publish("a/b", b"x" * 100)
    stream = Stream().handshake().client(connect(), long[:40]).lose(0, 30).client(long[70:] + PINGREQ)
    stream.add(1)  # acknowledges everything
    packets = dissect(pcap(stream.frames))
    assert names(packets) == ["CONNECT", "PUBLISH", "PINGREQ"]
    assert "30 more bytes: the capture lacks them" in str(packets[1].malformed)
    assert packets[1].malformed is not None
    assert packets[1].malformed.offset == 40


def test_gap_between_packets() -> None:
    """What follows a gap is taken up at the next plausible packet."""
    stream = Stream().handshake().client(connect()).lose(0, 500).client(publish("plant/line", b"ok")).add(1)
    packets = dissect(pcap(stream.frames))
    assert names(packets) == ["CONNECT", "PUBLISH"]
    assert [(one.gap_bytes, one.gap_after) for one in packets] == [(0, 0), (500, 4)]
    assert gap(packets[1]) == "[gap: 500 bytes missing between #4 and #5]"


def test_packet_cut_off_by_the_end_of_the_connection() -> None:
    """FIN, RST and the capture's end are told apart."""
    cut = publish("a/b", b"x" * 100)[:50]
    fin = dissect(pcap(Stream().handshake().client(connect(), cut).fin().frames))[1]
    ended = dissect(pcap(Stream().handshake().client(connect(), cut).frames))[1]
    assert "57 more bytes: the sender closed the connection (FIN)" in str(fin.malformed)
    assert "the capture ends" in str(ended.malformed)


def test_headers_that_promise_256_mib_cost_nothing() -> None:
    """Only what arrives is kept."""
    stream = Stream().handshake().client(connect(), b"\x30\xff\xff\xff\x7f\x00\x01a")
    assert names(dissect(pcap(stream.frames))) == ["CONNECT", "PUBLISH"]


def test_connect_on_any_port_and_nothing_else() -> None:
    """A CONNECT tells; other bytes on other ports do not, and `ports` adds some."""
    away = (bytes([10, 0, 0, 2]), 8080)
    capture = pcap(Stream(destination=away).handshake().client(connect(), PINGREQ).server(CONNACK).frames)
    assert names(dissect(capture)) == ["CONNECT", "PINGREQ", "CONNACK"]
    joined = pcap(Stream(destination=away).client(PINGREQ, PINGREQ).frames)
    assert names(dissect(joined)) == []
    assert names(dissect(joined, ports=frozenset([8080]))) == ["PINGREQ", "PINGREQ"]


def test_connect_that_arrives_byte_by_byte_on_an_odd_port() -> None:
    """The decision waits until the protocol name is there."""
    data = connect() + PINGREQ
    stream = Stream(destination=(bytes([10, 0, 0, 2]), 8080)).handshake()
    stream.client(*[data[i : i + 1] for i in range(len(data))])
    assert names(dissect(pcap(stream.frames))) == ["CONNECT", "PINGREQ"]


@pytest.mark.parametrize(("first", "what"), [(b"\x16\x03\x01\x02\x00\x01", "TLS"), (b"GET /mqtt HTTP/1.1\r\n", "HTTP")])
def test_other_protocols_on_the_port_of_mqtt(first: bytes, what: str) -> None:
    """They are named, not decoded as garbage."""
    dissector = Dissector()
    assert dissector.feed(pcap(Stream().handshake().client(first).frames)) + dissector.close() == []
    assert dissector.transport.others == {what: 1}


def test_port_reuse_is_a_new_connection() -> None:
    """The second CONNECT is the first packet of another stream, with another version."""
    first = Stream().handshake().client(connect(level=5), PINGREQ)
    second = Stream(sequence=[900000, 800000])
    second.add(0, flags=SYN).add(1, flags=SYN | ACK).add(0).client(connect(level=4), PINGREQ)
    packets = dissect(pcap(first.frames + second.frames))
    assert [(one.stream.number if one.stream else None, one.version) for one in packets] == [(0, 5)] * 2 + [(1, 4)] * 2
