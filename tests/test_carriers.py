"""MQTT in WebSocket, and behind a PROXY header: what comes out is what went in, however it was cut."""

from __future__ import annotations

import json
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    ACK,
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PSH,
    Stream,
    connect,
    dissect,
    names,
    packet,
    pcap,
    publish,
    text,
    told,
)

from mqttdissect.mqtt.packet import UNDECODED
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]

WEB = (bytes([10, 0, 0, 2]), 8080)
GET = (
    b"GET /mqtt HTTP/1.1\r\nHost: broker\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: Upgrade\r\n%b\r\n"
MQTT = b"Sec-WebSocket-Protocol: mqtt\r\n"
KEY = bytes.fromhex("37fa213d")
SESSION = [
    (0, connect(), "CONNECT"), (1, CONNACK, "CONNACK"), (0, publish("a/b", b"x" * 200), "PUBLISH"),
    (1, publish("a/c", b"y" * 70_000), "PUBLISH"), (0, PINGREQ, "PINGREQ"), (1, PINGRESP, "PINGRESP"),
    (0, DISCONNECT, "DISCONNECT"),
]  # fmt: skip
NAMES = [name for _, _, name in SESSION]


def frame(data: bytes, masked: bool, first: int = 0x82) -> bytes:
    """A frame of WebSocket (RFC 6455, section 5.2)."""
    size = len(data)
    if size < 126:
        length = bytes([size | masked << 7])
    elif size < 65536:
        length = struct.pack(">BH", 126 | masked << 7, size)
    else:
        length = struct.pack(">BQ", 127 | masked << 7, size)
    if not masked:
        return bytes([first]) + length + data
    return bytes([first]) + length + KEY + bytes(one ^ KEY[at % 4] for at, one in enumerate(data))


def upgraded(offered: bytes = MQTT, selected: bytes = MQTT, destination: tuple[bytes, int] = WEB) -> Stream:
    """A connection behind its upgrade."""
    return Stream(destination=destination).handshake().client(GET % offered).server(SWITCH % selected)


def session(stream: Stream, wrap: Callable[[bytes, bool], list[bytes]] | None = None) -> Stream:
    """`SESSION` in frames, a segment each."""
    for side, data, _ in SESSION:
        for piece in wrap(data, side == 0) if wrap is not None else [frame(data, side == 0)]:
            send(stream, side, piece)
    return stream


def send(stream: Stream, side: int, data: bytes, size: int = 60_000) -> None:
    """Data in segments of this size."""
    for at in range(0, len(data), size):
        stream.add(side, data[at : at + size], PSH | ACK)


def in_three(data: bytes, masked: bool) -> list[bytes]:
    """A message in fragments, with pings and pongs between them."""
    third = max(1, len(data) // 3)
    return [
        frame(b"hello", masked, 0x89), frame(data[:third], masked, 0x02), frame(b"", masked, 0x8A),
        frame(data[third : 2 * third], masked, 0x00) + frame(b"bye", masked, 0x89),
        frame(data[2 * third :], masked, 0x80),
    ]  # fmt: skip


@pytest.mark.parametrize("wrap", [None, in_three], ids=["a frame each", "fragments and pings"])
@pytest.mark.parametrize("port", [80, 1883, 9001, 15675])
def test_every_packet(wrap: Callable[[bytes, bool], list[bytes]] | None, port: int) -> None:
    """Whatever the port and the frames are, the packets are those without WebSocket."""
    packets = dissect(pcap(session(upgraded(destination=(WEB[0], port)), wrap).fin().frames))
    direct = Stream().handshake()
    for side, data, _ in SESSION:
        send(direct, side, data)
    assert told(packets) == told(dissect(pcap(direct.fin().frames)))
    assert packets[0].stream is not None
    assert packets[0].stream.carrier == "WebSocket"


def test_messages_and_packets_need_not_align() -> None:
    """A message may have several packets, and a packet take several messages."""
    stream = upgraded()
    both = connect() + publish("a", b"12345678")
    for at in range(0, len(both), 7):
        stream.client(frame(both[at : at + 7], True))
    stream.client(frame(PINGREQ + PINGREQ + DISCONNECT, True))
    assert names(dissect(pcap(stream.frames))) == ["CONNECT", "PUBLISH", "PINGREQ", "PINGREQ", "DISCONNECT"]


@given(st.integers(1, 60), st.booleans())
def test_segments_may_be_cut_anywhere(size: int, fragments: bool) -> None:
    """In the head, in a frame's header, in a mask."""
    stream = Stream(destination=WEB).handshake()
    send(stream, 0, GET % MQTT, size)
    send(stream, 1, SWITCH % MQTT, size)
    short = [data if len(data) < 300 else publish("a/c", b"y" * 300) for _, data, _ in SESSION]
    for (side, _, _), data in zip(SESSION, short, strict=True):
        for piece in in_three(data, side == 0) if fragments else [frame(data, side == 0)]:
            send(stream, side, piece, size)
    assert [one.data for one in dissect(pcap(stream.frames))] == short


def squeezed(messages: list[bytes], alone: bool) -> list[bytes]:
    """Compressed messages (RFC 7692, section 7.2.1)."""
    deflater = zlib.compressobj(wbits=-15)
    out = []
    for message in messages:
        data = deflater.compress(message) + deflater.flush(zlib.Z_SYNC_FLUSH)
        out.append(data[:-4])
        if alone:
            deflater = zlib.compressobj(wbits=-15)
    return out


@pytest.mark.parametrize("alone", [False, True])
def test_compressed(alone: bool) -> None:
    """With what was sent before as context, and without; in several fragments; beside messages that are not."""
    extension = b"; client_no_context_takeover; server_no_context_takeover" if alone else b""
    stream = upgraded(selected=MQTT + b"Sec-WebSocket-Extensions: permessage-deflate%b\r\n" % extension)
    messages = [connect(), publish("a/b", b"z" * 3000), publish("a/b", bytes(range(256)) * 40), DISCONNECT]
    first, second, third, fourth = squeezed(messages, alone)
    stream.client(frame(first, True, 0xC2))
    stream.client(frame(second[:9], True, 0x42), frame(second[9:], True, 0x80))
    stream.client(frame(PINGREQ, True))
    stream.client(frame(third, True, 0xC2), frame(fourth, True, 0xC2))
    packets = dissect(pcap(stream.frames))
    assert [one.data for one in packets] == [*messages[:2], PINGREQ, *messages[2:]]


@pytest.mark.parametrize("alone", [False, True])
def test_a_message_may_end_its_compression(alone: bool) -> None:
    """What follows, in this message or the next one, begins anew, and may still refer to what came before."""
    extension = b"; client_no_context_takeover" if alone else b""
    stream = upgraded(selected=MQTT + b"Sec-WebSocket-Extensions: permessage-deflate%b\r\n" % extension)
    messages = [connect(), publish("a/b", b"abcdefgh" * 30), PINGREQ]
    before = b""
    for message in messages:
        deflater = zlib.compressobj(wbits=-15, zdict=before) if before else zlib.compressobj(wbits=-15)
        stream.client(frame(deflater.compress(message) + deflater.flush() + b"\0", True, 0xC2))
        before = b"" if alone else before + message
    assert [one.data for one in dissect(pcap(stream.frames))] == messages


def test_endless_ends_of_compression_cost_little() -> None:
    """They are given up, and said to be missing."""
    stream = upgraded(selected=MQTT + b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    (data,) = squeezed([connect()], True)
    stream.client(frame(data, True, 0xC2))
    for _ in range(300):
        stream.client(frame(b"\x03\x00" * 25_000, True, 0xC2))
    packets = dissect(pcap(stream.fin().frames))
    assert names(packets) == ["CONNECT"]


def test_the_capture_begins_between_the_head_of_the_client_and_that_of_the_server() -> None:
    """The client's frames are found without its head, however much it sends."""
    stream = session(upgraded())
    stream.client(*[frame(publish("a", b"m" * 1000), True) for _ in range(20)]).server(frame(PINGRESP, False))
    found = names(dissect(pcap(stream.frames[4:])))
    assert found.count("PUBLISH") == 22
    assert found[-1] == "PINGRESP"


def test_what_looks_like_text_behind_a_gap_may_be_no_frame(mqttdissect: Run, tmp_path: Path) -> None:
    """It is not said to be a text message."""
    stream = upgraded().client(frame(connect(), True)).server(frame(CONNACK, False))
    data = frame(publish("a", bytes(3000)), True)
    stream.lose(0, 1000).client(b"\x81\x85" + data[1002:2000]).client(data[2000:]).client(frame(DISCONNECT, True))
    path = tmp_path / "gap.pcap"
    path.write_bytes(pcap(stream.fin().frames))
    assert "websocket-text" not in mqttdissect("check", path).stdout


def test_joined_on_a_port_that_is_named() -> None:
    """`-d` does no harm; a SUBSCRIBE, which begins like a frame, is none."""
    stream = Stream(destination=(WEB[0], 9001))
    for index in range(3):
        stream.client(frame(publish("a/b", b"%d" % index), True)).server(frame(PINGRESP, False))
    assert names(dissect(pcap(stream.frames), ports=frozenset([9001]))) == ["PUBLISH", "PINGRESP"] * 3
    subscribe = packet(0x82, b"\x30\x07" + text("a/") + b"\x00" + text("b") + b"\x00")
    assert names(dissect(pcap(Stream().client(subscribe, PINGREQ).frames)))[0] == "SUBSCRIBE"


def test_a_bomb_does_not_go_off() -> None:
    """What grows out of all proportion is given up, in bounded memory, and said to be missing."""
    stream = upgraded(selected=MQTT + b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    (data,) = squeezed([connect() + packet(0x30, text("t") + bytes(100_000_000))], True)
    stream.client(frame(data[:60_000], True, 0x42), frame(data[60_000:], True, 0x80)).fin()
    dissector = Dissector()
    packets = dissector.feed(pcap(stream.frames)) + dissector.close()
    assert names(packets)[0] == "CONNECT"
    assert packets[1].malformed


@pytest.mark.parametrize("lost", range(1, 5))
def test_a_gap_within_a_payload_is_one_of_the_packet(lost: int) -> None:
    """As many bytes of MQTT are missing, and what follows is read."""
    stream = upgraded()
    stream.client(frame(connect(), True))
    data = frame(publish("a", b"m" * 100), True)
    stream.client(data[:40]).lose(0, lost).client(data[40 + lost :]).client(frame(PINGREQ, True))
    packets = dissect(pcap(stream.fin().frames))
    assert names(packets) == ["CONNECT", "PUBLISH", "PINGREQ"]
    assert (packets[1].hole_bytes, packets[1].hole_offset) == (lost, 40 - 6)
    stream.frames.clear()


@pytest.mark.parametrize("cut", [0, 1, 3, 40])
def test_a_gap_over_the_start_of_a_frame(cut: int) -> None:
    """How much of MQTT is missing is not known: the packet at hand ends there, and the next frame is found."""
    stream = upgraded()
    message = publish("a", b"m" * 1000)
    stream.client(frame(connect(), True))
    stream.client(frame(message[:200], True, 0x02))
    rest = frame(message[200:], True, 0x80)
    stream.lose(0, cut or len(rest))
    if cut:
        stream.client(rest[cut:])
    stream.client(frame(publish("b", b"n"), True), frame(PINGREQ, True), frame(publish("c", b"o"), True))
    packets = [one for one in dissect(pcap(stream.fin().frames)) if one.type != UNDECODED]
    assert [one.data for one in packets[2:]] == [publish("b", b"n"), PINGREQ, publish("c", b"o")]
    assert names(packets)[:2] == ["CONNECT", "PUBLISH"]
    assert packets[1].malformed
    assert packets[2].gap_bytes


def test_joined_in_the_middle() -> None:
    """A frame with a whole packet in it is known on any port."""
    stream = Stream(destination=WEB)
    for index in range(5):
        stream.client(frame(publish("a/b", b"%d" % index), True)).server(frame(PINGRESP, False))
    found = names(dissect(pcap(stream.frames)))
    assert found.count("PUBLISH") == 5
    assert found.count("PINGRESP") == 5


def test_one_side_only() -> None:
    """The answer alone says that it is MQTT; so does the CONNECT where no subprotocol is offered."""
    both = session(upgraded()).frames
    from_server = [one for one in both if one[34:36] == struct.pack(">H", WEB[1])]
    from_client = [one for one in both if one[36:38] == struct.pack(">H", WEB[1])]
    assert names(dissect(pcap(from_server))) == ["CONNACK", "PUBLISH", "PINGRESP"]
    assert names(dissect(pcap(from_client))) == ["CONNECT", "PUBLISH", "PINGREQ", "DISCONNECT"]
    assert names(dissect(pcap(session(upgraded(b"", b"")).frames))) == NAMES


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        (upgraded(b"", b"").client(frame(b"hello there, this is a chat", True)).fin().frames, "WebSocket without MQTT"),
        (Stream(destination=WEB).handshake().client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").fin().frames, "HTTP"),
        (Stream(destination=WEB).handshake().client(b"POST / HTTP/1.1\r\nHost: a\r\n\r\n").fin().frames, "HTTP"),
        (
            Stream(destination=WEB).handshake().client(GET % MQTT).server(b"HTTP/1.1 403 No\r\n\r\n").fin().frames,
            "WebSocket that was refused",
        ),
        (Stream(destination=WEB).handshake().client(b"GET /" + b"a" * 40_000).fin().frames, "HTTP"),
    ],
)
def test_what_is_something_else(mqttdissect: Run, tmp_path: Path, frames: list[bytes], said: str) -> None:
    """It is named, and not taken for MQTT."""
    path = tmp_path / "other.pcap"
    path.write_bytes(pcap(frames))
    done = mqttdissect("-P", path)
    assert done.stdout == ""
    assert f"1 TCP streams on ports that brokers use are {said}, which is not dissected" in done.stderr


def test_what_the_standard_asks_of_websocket(mqttdissect: Run, tmp_path: Path) -> None:
    """The subprotocol, and binary messages."""
    path = tmp_path / "text.pcap"
    wrong = session(upgraded(b"Sec-WebSocket-Protocol: \x1b[31mchat\r\n", b""), lambda d, m: [frame(d, m, 0x81)])
    path.write_bytes(pcap(wrong.fin().frames))
    found = [json.loads(line) for line in mqttdissect("check", "-T", "json", path).stdout.splitlines()]
    told = {(one["rule"], one["fault"], one["clause"], *one["frames"]) for one in found if "rule" in one}
    assert {one for one in told if one[0].startswith("websocket")} == {
        ("websocket-subprotocol", "client", "[MQTT-6.0.0-3]", 4),
        ("websocket-text", "client", "[MQTT-6.0.0-1]", 6),
        ("websocket-text", "broker", "[MQTT-6.0.0-1]", 7),
    }
    assert "\x1b" not in mqttdissect("check", path).stdout
    path.write_bytes(pcap(session(upgraded(MQTT, b"")).fin().frames))
    found = [json.loads(line) for line in mqttdissect("check", "-T", "json", path).stdout.splitlines()]
    (one,) = [one for one in found if one.get("rule", "").startswith("websocket")]
    assert (one["fault"], one["clause"], one["frame"]) == ("broker", "[MQTT-6.0.0-4]", 5)
    path.write_bytes(pcap(session(upgraded()).fin().frames))
    assert "websocket" not in mqttdissect("check", path).stdout


def proxy_2(command: int = 0x21, family: int = 0x11, addresses: bytes | None = None) -> bytes:
    """A PROXY header of version 2."""
    body = bytes([203, 0, 113, 5, 10, 0, 0, 2]) + struct.pack(">HH", 50000, 1883) if addresses is None else addresses
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack(">BBH", command, family, len(body)) + body


V6 = bytes.fromhex("20010db8" + "00" * 11 + "01" + "20010db8" + "00" * 11 + "02") + struct.pack(">HH", 50000, 1883)


@pytest.mark.parametrize("port", [1883, 5000])
@pytest.mark.parametrize(
    ("header", "carrier"),
    [
        (b"PROXY TCP4 203.0.113.5 10.0.0.2 50000 1883\r\n", "PROXY for 203.0.113.5:50000"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 50000 1883\r\n", "PROXY for [2001:db8::1]:50000"),
        (b"PROXY UNKNOWN\r\n", "PROXY"),
        (b"PROXY TCP4 \x1b[31m 10.0.0.2 50000 1883\r\n", "PROXY"),
        (proxy_2(), "PROXY for 203.0.113.5:50000"),
        (proxy_2(family=0x21, addresses=V6 + bytes([3, 0, 4, 1, 2, 3, 4])), "PROXY for [2001:db8::1]:50000"),
        (proxy_2(command=0x20, family=0, addresses=b""), "PROXY"),
        (proxy_2(family=0x31, addresses=bytes(216)), "PROXY"),
    ],
)
def test_proxy_headers(header: bytes, carrier: str, port: int) -> None:
    """They are taken off wherever segments are cut, and say who the client is."""
    for size in (1, 5, 13, len(header) - 1, len(header), 1000):
        stream = Stream(destination=(WEB[0], port)).handshake()
        sent = header + connect()
        stream.client(*[sent[at : at + size] for at in range(0, len(sent), size)]).server(CONNACK).client(DISCONNECT)
        packets = dissect(pcap(stream.frames))
        assert names(packets) == ["CONNECT", "CONNACK", "DISCONNECT"]
        assert packets[0].data == connect()
        assert packets[0].stream is not None
        assert packets[0].stream.carrier == carrier


@pytest.mark.parametrize("port", [1883, 5000])
def test_several_proxies(port: int) -> None:
    """Each has put its header before the others."""
    headers = b"PROXY UNKNOWN\r\n" + proxy_2() + b"PROXY TCP4 192.0.2.7 10.0.0.2 50001 1883\r\n"
    for size in (1, 20, 1000):
        stream = Stream(destination=(WEB[0], port)).handshake()
        send(stream, 0, headers + connect(), size)
        packets = dissect(pcap(stream.server(CONNACK).frames))
        assert names(packets) == ["CONNECT", "CONNACK"]
        assert packets[0].stream is not None
        assert packets[0].stream.carrier == "PROXY for 192.0.2.7:50001"


def test_a_proxy_header_that_is_too_long_is_none() -> None:
    """Whoever announces 64 KB and sends them byte by byte is not waited for."""
    stream = Stream(destination=(WEB[0], 5000)).handshake()
    stream.client(proxy_2()[:14] + b"\xff\xff", *[b"x" for _ in range(20_000)])
    assert dissect(pcap(stream.frames)) == []


def test_websocket_behind_a_proxy(mqttdissect: Run, tmp_path: Path) -> None:
    """Both are taken off, and named."""
    stream = Stream(destination=WEB).handshake().client(proxy_2() + GET % MQTT).server(SWITCH % MQTT)
    path = tmp_path / "both.pcap"
    path.write_bytes(pcap(session(stream).frames))
    rows = [json.loads(line) for line in mqttdissect("-T", "json", path).stdout.splitlines()]
    assert [one["packet"] for one in rows] == NAMES
    assert {one["carrier"] for one in rows} == {"PROXY for 203.0.113.5:50000, WebSocket"}
    assert "10.0.0.2:8080  PROXY for 203.0.113.5:50000, WebSocket  stream 0" in mqttdissect(path).stdout
    page = mqttdissect("sessions", "--stream", "0", path).stdout
    assert "carried by      PROXY for 203.0.113.5:50000, WebSocket" in page


@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
def test_any_bytes(client: bytes, server: bytes, masked: bool) -> None:
    """Nothing that comes in WebSocket breaks anything."""
    stream = upgraded().client(frame(client, masked), client).server(frame(server, masked), server)
    stream.lose(0, 3).client(client).fin()
    dissect(pcap(stream.frames))
    dissect(pcap(Stream(destination=WEB).handshake().client(b"GET " + client, server).server(server).fin().frames))
    dissect(pcap(Stream(destination=WEB).handshake().client(b"PROXY " + client, proxy_2() + server).fin().frames))
