"""What bounds memory, time and belief: floods, copies that differ, wrong checksums. The rest is still decoded."""

from __future__ import annotations

import gc
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from support import (
    ACK,
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PSH,
    RST,
    SYN,
    Stream,
    connect,
    dissect,
    names,
    packet,
    pcap,
    publish,
    text,
    varint,
)

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.mqtt.connection import ALIAS_COST, MOST_ALIAS_TEXT, Connection
from mqttdissect.mqtt.cursor import MOST_ITEMS
from mqttdissect.mqtt.registry import TOPIC_NAME, TOPIC_OF_ALIAS, UNDECODED_BYTES
from mqttdissect.net.overlap import POLICIES
from mqttdissect.net.stream import Stream as TcpStream
from mqttdissect.pipeline import AT_ONCE, Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]


def host(number: int) -> tuple[bytes, int]:
    """A socket of its own for each number."""
    return bytes([10, 1 + (number >> 16), number >> 8 & 255, number & 255]), 40000


def copies(first: bytes, second: bytes, shift: int = 0) -> list[bytes]:
    """A session in which two copies of the same bytes wait behind a hole, the second `shift` bytes later."""
    stream = Stream().handshake().client(connect())
    begin = packet(0x30, text("t") + bytes(40))[:5]  # first byte, length, topic: the message is what follows
    at = stream.sequence[0]
    stream.add(0, first, PSH | ACK, at + len(begin) + 10)
    stream.add(0, second, PSH | ACK, at + len(begin) + 10 + shift)
    stream.add(0, begin + b"0123456789", PSH | ACK, at)
    return stream.frames


@pytest.mark.parametrize(
    ("policy", "shift", "expected"),
    [
        ("first", 0, b"A" * 30), ("last", 0, b"B" * 30), ("bsd", 0, b"A" * 30), ("linux", 0, b"A" * 30),
        ("windows", 0, b"A" * 30), ("bsd", -5, b"BBBBB" + b"B" * 25), ("first", -5, b"A" * 30),
    ],
)  # fmt: skip
def test_overlap_policies(policy: str, shift: int, expected: bytes) -> None:
    """Whose bytes count; that they differ is counted."""
    later = b"B" * 30 if shift == 0 else b"56789" + b"B" * 30
    dissector = Dissector(overlap=POLICIES[policy])
    packets = dissector.feed(pcap(copies(b"A" * 30, later, shift)))
    assert packets[1].data[5:] == b"0123456789" + expected
    assert dissector.tcp.conflicts == 1


def test_conflicts_are_said(mqttdissect: Run, tmp_path: Path) -> None:
    """Copies that are the same are not."""
    path = tmp_path / "copies.pcap"
    path.write_bytes(pcap(copies(b"A" * 30, b"B" * 30)))
    assert "1 TCP segments differ from another copy" in mqttdissect("-P", path).stderr
    path.write_bytes(pcap(copies(b"A" * 30, b"A" * 30)))
    assert mqttdissect("-P", path).stderr == ""


def test_a_retransmission_that_differs_from_what_was_handed_on() -> None:
    """It comes too late to count, and is noticed."""
    stream = Stream().handshake().client(connect(), publish("a", b"one"))
    stream.add(0, publish("a", b"two"), PSH | ACK, stream.sequence[0] - len(publish("a", b"one")))
    dissector = Dissector()
    assert names(dissector.feed(pcap(stream.frames))) == ["CONNECT", "PUBLISH"]
    assert dissector.tcp.conflicts == 1


def test_keep_alive_probes_are_no_conflict() -> None:
    """Their byte means nothing."""
    stream = Stream().handshake().client(connect())
    stream.add(0, b"\0", ACK, stream.sequence[0] - 1)
    dissector = Dissector()
    dissector.feed(pcap(stream.frames))
    assert dissector.tcp.conflicts == 0


def checked(data: bytes, spoil: bool) -> bytes:
    """A frame with checksums as scapy writes them, or with a wrong one."""
    segment = TCP(sport=40000, dport=1883, flags="PA", seq=1001 if len(data) > 10 else 1001 + len(connect()))
    frame = Ether(
        bytes(Ether(dst="2:0:0:0:0:1", src="2:0:0:0:0:2") / IP(src="10.0.0.1", dst="10.0.0.2") / segment / Raw(data))
    )
    if spoil:
        frame[TCP].chksum ^= 1
    return bytes(frame)


def test_checksums(mqttdissect: Run, tmp_path: Path) -> None:
    """Off by default, as offloading leaves them wrong; asked for, what is wrong is left out and counted."""
    path = tmp_path / "sums.pcap"
    path.write_bytes(pcap([checked(connect(), False), checked(PINGREQ, True)]))
    assert len(mqttdissect("-P", path).stdout.splitlines()) == 2
    asked = mqttdissect("-P", "--check-checksums", path)
    assert len(asked.stdout.splitlines()) == 1
    assert "1 TCP segments with a wrong checksum were left out" in asked.stderr


def test_syn_flood() -> None:
    """A hundred thousand half-open connections go before the one that has data; it goes on."""
    real = Stream().handshake().client(connect())
    dissector = Dissector(most_streams=1000)
    packets = dissector.feed(pcap(real.frames))
    for start in range(0, 100_000, 20_000):
        flood = [Stream(host(n)).segment(0, flags=SYN) for n in range(start, start + 20_000)]
        dissector.feed_frames([])
        packets += dissector.feed(pcap(flood)[24:])
    packets += dissector.feed(pcap(Stream(sequence=list(real.sequence)).client(PINGREQ).server(CONNACK).frames)[24:])
    assert names(packets) == ["CONNECT", "PINGREQ", "CONNACK"]
    assert dissector.tcp.dropped == 0


def test_too_many_streams_with_data(mqttdissect: Run, tmp_path: Path) -> None:
    """The longest idle ones are given up, and that is said; what they sent before is printed."""
    path = tmp_path / "many.pcap"
    frames = [frame for n in range(100) for frame in Stream(host(n)).handshake().client(connect(str(n))).frames]
    path.write_bytes(pcap(frames))
    done = mqttdissect("-P", "--max-streams", "64", path)
    assert len(done.stdout.splitlines()) == 100
    assert "open streams were given up" in done.stderr


@pytest.mark.parametrize("data", [connect(), b"+\r\n", b"GET / HTTP/1.1\r\n"])
def test_ended_streams_are_forgotten(data: bytes) -> None:
    """Of thousands of short connections about a thousand are kept in the table, and none elsewhere: they are freed
    without the garbage collector, which would take its time."""
    dissector = Dissector()
    frames = [frame for n in range(3000) for frame in Stream(host(n)).handshake().server(data).fin().frames]
    frames += [frame for n in range(3000, 5000) for frame in Stream(host(n)).handshake().client(data).fin().frames]
    gc.collect()
    gc.disable()
    try:
        dissector.feed(pcap(frames))
        alive = sum(type(one) is TcpStream for one in gc.get_objects())
    finally:
        gc.enable()
    assert len(dissector.tcp._table) < 2 * 1100
    assert alive < 1100, alive


def test_what_waits_is_bounded() -> None:
    """Behind a hole that is never filled; the gap is said, and what follows it is found."""
    stream = Stream().handshake().client(connect()).lose(0, 100)
    for number in range(300):
        stream.client(publish("plant/line", b"%d" % number))
    dissector = Dissector(most_waiting=20_000)
    packets = dissector.feed(pcap(stream.frames, step_ns=1000))
    assert dissector.tcp.hurried == 1
    assert 50 < len(packets) < 302
    assert dissector.tcp.gap_bytes == 100
    assert len(packets + dissector.close()) == 301


def test_what_waits_too_long_is_said(mqttdissect: Run, tmp_path: Path) -> None:
    """Of 1 MiB behind a hole that nobody has acknowledged."""
    stream = Stream().handshake().client(connect()).lose(0, 100)
    for number in range(40):
        stream.client(publish("plant/line", bytes(40_000)[number:]))
    path = tmp_path / "waits.pcap"
    path.write_bytes(pcap(stream.frames, step_ns=1000))
    done = mqttdissect("-P", "--max-waiting", "1", path)
    assert "1 gaps were given up early, as more than --max-waiting would have waited" in done.stderr
    assert done.stdout.count("PUBLISH") == 40
    assert mqttdissect("-P", path).stderr == ""


def test_topic_aliases_are_bounded() -> None:
    """Thousands of long topics: those that were set last are known, and so is one that is set again."""
    aliased = [
        publish(f"{number}/" + "x" * 60_000, properties=b"\x23" + number.to_bytes(2, "big")) for number in range(1, 201)
    ]
    asked = [publish("", properties=b"\x23" + number.to_bytes(2, "big")) for number in (1, 200, 150)]
    stream = Stream().handshake().client(connect(level=5), *aliased, *asked, aliased[0], asked[0])
    packets = [one for one in dissect(pcap(stream.frames)) if one.name == "PUBLISH"]
    topics = [str(one.value(TOPIC_OF_ALIAS) or "")[:4] for one in (*packets[200:203], packets[-1])]
    assert topics == ["", "200/", "150/", "1/xx"]
    connection = Connection(TcpStream(0, bytes(12), True), 0, False)
    for number in range(70_000):
        connection._learn(0, number % 65536, "y" * (number % 300))
    known = connection._aliases(0)
    assert connection.alias_text == sum(len(topic) + ALIAS_COST for topic in known.values()) <= MOST_ALIAS_TEXT


def test_a_large_publish_passes_through() -> None:
    """32 MiB in segments; the packet is whole and knows its frames."""
    size = 32 * 1024 * 1024
    message = publish("big", bytes(size))
    stream = Stream().handshake().client(connect())
    pieces = [message[at : at + 60000] for at in range(0, len(message), 60000)]
    packets = dissect(pcap(stream.client(*pieces).frames))
    assert len(packets[1].data) == len(message)
    assert len(packets[1].frames) == len(pieces)


def test_packets_that_are_not_whole_are_bounded(mqttdissect: Run, tmp_path: Path) -> None:
    """Of six messages of 300 KiB that come side by side, three fit into 1 MiB with all their bytes. The others are
    known by their topic, their length and what was given up, and what follows each is decoded."""
    streams = [Stream(host(n)).handshake().client(connect(str(n))) for n in range(6)]
    message = publish("big", bytes(300 * 1024))
    for at in range(0, len(message), 30_000):
        for stream in streams:
            stream.client(message[at : at + 30_000])
    for stream in streams:
        stream.client(PINGREQ)
    frames = [frame for group in zip(*[stream.frames for stream in streams], strict=True) for frame in group]
    path = tmp_path / "incomplete.pcap"
    path.write_bytes(pcap(frames))
    assert mqttdissect("-P", path).stderr == ""
    done = mqttdissect("-P", "--max-incomplete", "1", path)
    assert "3 packets were kept in part, as more than --max-incomplete would have waited" in done.stderr
    lines = done.stdout.splitlines()
    assert sum("PUBLISH" in line and "big" in line for line in lines) == 6
    assert sum("PINGREQ" in line for line in lines) == 6
    dissector = Dissector(most_incomplete=1024 * 1024)
    messages = [one for one in dissector.feed(pcap(frames)) if one.name == "PUBLISH"]
    assert sorted(len(one.data) for one in messages) == [4096] * 3 + [len(message)] * 3
    assert {one.hole_bytes for one in messages} == {0, len(message) - 4096}
    assert [str(note) for note in messages[0].notes or []] == [
        f"offset 4096: {len(message) - 4096} more bytes: more than --max-incomplete would have waited (MQTT 3.1.1, 4.2)"
    ]
    assert dissector.mqtt.room.held == 0
    assert dissector.close() == []


def test_packets_in_many_pieces_are_bounded() -> None:
    """Each piece takes memory, however short it is; the packets are whole in what counts all the same."""
    message = publish("topic", bytes(3000))
    stream = Stream().handshake().client(connect(), *[bytes([byte]) for byte in message + PINGREQ])
    dissector = Dissector(most_incomplete=100_000)
    packets = dissector.feed(pcap(stream.frames))
    assert names(packets) == ["CONNECT", "PUBLISH", "PINGREQ"]
    assert packets[1].value(TOPIC_NAME) == "topic"
    assert 100 < len(packets[1].data) < 1000
    assert packets[1].hole_bytes == len(message) - len(packets[1].data)
    assert (dissector.mqtt.room.held, dissector.mqtt.room.given_up) == (0, 1)
    assert len(dissect(pcap(stream.frames))[1].data) == len(message)


def test_a_gap_in_a_packet_that_is_kept_in_part() -> None:
    """Before and behind what is kept of it; its length is known all the same, and the next packet is found."""
    message = publish("big", bytes(60_000))
    for lost in (1000, 20_000, 45_000):
        stream = Stream().handshake().client(connect(), message[:lost]).lose(0, 5000)
        stream.client(message[lost + 5000 : lost + 10_000], message[lost + 10_000 :], PINGREQ)
        dissector = Dissector(most_incomplete=16 * 1024)
        packets = dissector.feed(pcap(stream.frames)) + dissector.close()
        assert names(packets) == ["CONNECT", "PUBLISH", "PINGREQ"]
        assert len(packets[1].data) == min(lost, 4096)
        assert packets[1].hole_bytes == len(message) - len(packets[1].data)
        assert dissector.mqtt.room.held == 0


@pytest.mark.parametrize("first", [3, 9, 10, 17, 60])
@pytest.mark.parametrize("second", [1, 40, 1000])
def test_payload_behind_the_end_of_a_connection_is_no_packet(first: int, second: int) -> None:
    """Bytes that go on after a RST cut a packet in two are not taken for packets, wherever it was cut and however they
    come, even if they look like some. The end of the packet is known, so what follows it is decoded."""
    forged = publish("topic", publish("a", b"HI") * 20)
    stream = Stream().handshake().client(connect(), forged[:first]).add(1, flags=RST | ACK)
    rest = forged[first:]
    stream.client(*[rest[at : at + second] for at in range(0, len(rest), second)])
    packets = dissect(pcap(stream.client(PINGREQ).frames))
    assert [one.name for one in packets if one.type >= 0] == ["CONNECT", "PUBLISH", "PINGREQ"]
    assert b"".join(one.data for one in packets if one.type < 0) == rest
    assert packets[1].hole_bytes == len(rest)


def test_a_gap_behind_the_end_of_a_connection() -> None:
    """In what was given up it changes nothing; beyond it, a packet is looked for as behind any gap."""
    forged = publish("topic", publish("a", b"HI") * 20)
    behind = forged + publish("gone", b"0") + publish("topic", b"1")
    for lost in (10, len(forged) - 20, len(forged) - 15):
        stream = Stream().handshake().client(connect(), forged[:14]).add(1, flags=RST | ACK).client(forged[14:20])
        stream.lose(0, lost).client(behind[20 + lost :], publish("other", b"2"))
        packets = [one for one in dissect(pcap(stream.frames)) if one.type >= 0]
        assert names(packets)[:2] == ["CONNECT", "PUBLISH"]
        topics = [one.value(TOPIC_NAME) for one in packets if one.name == "PUBLISH"]
        assert topics == (["topic", "gone"] if lost <= len(forged) - 20 else ["topic"]) + ["topic", "other"]


def test_packets_at_the_end_of_long_chains_are_freed() -> None:
    """CPython frees deep nests of objects bit by bit, which writes to a header that packets do not have."""
    chain: object = None
    for one in dissect(pcap(Stream().handshake().client(connect(), *[PINGREQ] * 3000).frames)):
        chain = (chain, one)
    del chain
    assert len(dissect(pcap(Stream().handshake().client(connect(), *[PINGREQ] * 3000).frames))) == 3001


@pytest.mark.parametrize("kind", ["SUBSCRIBE", "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PUBLISH"])
def test_of_very_long_lists_the_end_is_left_alone(kind: str) -> None:
    """Hundreds of thousands of items in one packet: fields take a hundred times as much as bytes of it."""
    none = b"\0\1\0"
    item, head, first = {
        "SUBSCRIBE": (b"\0\1a\0", none, 0x82), "SUBACK": (b"\0", none, 0x90), "UNSUBSCRIBE": (b"\0\1a", none, 0xA2),
        "UNSUBACK": (b"\0", none, 0xB0), "PUBLISH": (b"\x26\0\0\0\0", b"\0\1t", 0x30),
    }[kind]  # fmt: skip
    items = item * 3 * MOST_ITEMS
    behind = varint(len(items)) + items + b"message" if kind == "PUBLISH" else items
    data = packet(first, head + behind)
    pieces = [data[at : at + 60000] for at in range(0, len(data), 60000)]
    stream = Stream().handshake().client(connect(level=5)).server(packet(0x20, b"\0\0\0"))
    stream = stream.server(*pieces) if kind.endswith("ACK") else stream.client(*pieces)
    found = dissect(pcap(stream.frames))[-1]
    assert (found.name, found.malformed) == (kind, None)
    assert len(found.fields) < 6 * MOST_ITEMS + 10
    assert sum(field.end - field.start for field in found.leaves()) == len(data)
    left = [field for field in found.fields if field.spec is UNDECODED_BYTES]
    assert [left[0].value] == ["behind 32,768 others, too many to look at"]
    assert left[0].end - left[0].start == 2 * MOST_ITEMS * len(item)
    if kind == "PUBLISH":
        assert found.application_message == b"message"


def test_filters_that_await_an_answer_are_bounded() -> None:
    """Thousands in each SUBSCRIBE, none of which is answered; the next one is not judged."""
    asked = [packet(0x82, struct.pack(">H", number) + b"\0\1a\0" * 3000) for number in range(1, 10)]
    stream = Stream().handshake().client(connect()).server(CONNACK).client(*asked)
    answers = [packet(0x90, struct.pack(">H", number) + b"\0" * count) for number, count in ((1, 3000), (9, 1))]
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    dissector.feed(pcap(stream.server(*answers).frames))
    (link,) = analysis.open_links
    assert link.asking == 6000
    held = [request for request in link.client_side.pending.values() if request.subscriptions is not None]
    assert len(held) == 2
    dissector.close()
    assert "suback-count" not in {one.rule.id for one in analysis.take()}


def hole_filled(count: int) -> bytes:
    """A capture in which `count` PINGREQs wait, 30,000 in a segment, for one that comes last."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    at = stream.sequence[0]
    for start in range(0, count, 30_000):
        stream.add(0, PINGREQ * min(30_000, count - start), PSH | ACK, at + 2 + 2 * start)
    stream.add(0, PINGREQ, PSH | ACK, at)
    return pcap(stream.frames)


def test_what_waited_behind_a_hole_comes_in_parts() -> None:
    """One frame may complete a million packets; they are not there all at once."""
    dissector = Dissector()
    sizes = [len(packets) for packets in dissector.batches(dissector.reader.feed(hole_filled(150_000)))]
    sizes += [len(packets) for packets in dissector.last_batches()]
    assert sum(sizes) == 150_003
    assert max(sizes) < AT_ONCE + 30_000


@pytest.mark.parametrize("form", ["-P", "-T json"])
def test_parts_of_a_block_from_several_processes(mqttdissect: Run, tmp_path: Path, form: str) -> None:
    """A block of frames whose packets come in several parts is printed once, by whichever process has it."""
    path = tmp_path / "filled.pcap"
    path.write_bytes(hole_filled(70_000))
    one, *others = [mqttdissect(*form.split(), "--jobs", jobs, path) for jobs in (1, 2, 3)]
    assert len(one.stdout.splitlines()) == 70_003
    assert all(other.stdout == one.stdout for other in others)


def test_very_many_pings_without_an_answer(mqttdissect: Run, tmp_path: Path) -> None:
    """They are counted, and answers are still told from those that nobody asked for."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    for _ in range(3):
        stream.client(PINGREQ * 5000)
    stream.server(PINGRESP * 4000)
    path = tmp_path / "pings.pcap"
    path.write_bytes(pcap(stream.frames))
    assert "pingresp-unasked" not in mqttdissect("check", path).stdout
    stream.server(PINGRESP * 11_001)
    path.write_bytes(pcap(stream.frames))
    assert "1  pingresp-unasked" in mqttdissect("check", path).stdout


def test_subscriptions_of_all_clients_are_bounded() -> None:
    """What would be too much is not kept, and its clients are not judged; those that come when others have gone are."""
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()

    def subscribe(number: int, filters: int) -> Stream:
        stream = Stream(host(number)).handshake().client(connect(f"c{number}")).server(CONNACK)
        for start in range(0, filters, 3000):
            names = b"".join(text(f"{number}/{at}") + b"\0" for at in range(start, start + 3000))
            stream.client(packet(0x82, struct.pack(">H", start // 3000 + 1) + names))
            stream.server(packet(0x90, struct.pack(">H", start // 3000 + 1) + bytes(3000)))
        return stream

    streams = [subscribe(number, 9000) for number in range(30)]
    dissector.feed(pcap([frame for stream in streams for frame in stream.frames]))
    assert 180_000 < sum(len(client.subscriptions) for client in analysis.clients.values()) <= 200_000
    known = [client.known for client in analysis.clients.values()]
    assert known == sorted(known, reverse=True)
    assert set(known) == {True, False}
    for stream in streams:
        stream.frames.clear()
        stream.client(DISCONNECT).fin()
    dissector.feed(pcap([frame for stream in streams for frame in stream.frames])[24:])
    dissector.feed(pcap(subscribe(99, 3000).frames + subscribe(100, 9000).frames + subscribe(101, 3000).frames)[24:])
    *_, last = analysis.clients.values()
    assert last.known
    assert len(last.subscriptions) == 3000
