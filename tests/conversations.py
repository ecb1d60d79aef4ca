"""Conversations as lists of what was sent, for tests that change one thing in them: events in, a capture out."""

from __future__ import annotations

import struct
from collections.abc import Container, Iterable
from typing import NamedTuple

from support import FIN, RST, SERVER, Stream, packet, pcap, text, varint

C, S = 0, 1


class Event(NamedTuple):
    """Someone sends something: connection (from 0), side (`C` or `S`), and the bytes; none to close the connection.
    pause: seconds that pass before."""

    connection: int
    side: int
    data: bytes
    pause: float = 0


def number(value: int) -> bytes:
    """A Two Byte Integer."""
    return struct.pack(">H", value)


def connect(
    client: str, flags: int = 2, keep_alive: int = 60, rest: bytes = b"", level: int = 4, properties: bytes = b""
) -> bytes:
    """CONNECT; `rest` follows the client identifier."""
    extra = varint(len(properties)) + properties if level == 5 else b""
    name = text("MQIsdp" if level == 3 else "MQTT")
    return packet(0x10, name + bytes([level, flags]) + number(keep_alive) + extra + text(client) + rest)


def connack(code: int = 0, flags: int = 0, properties: bytes | None = None) -> bytes:
    """CONNACK; with `properties` (perhaps empty) as of 5.0."""
    extra = b"" if properties is None else varint(len(properties)) + properties
    return packet(0x20, bytes([flags, code]) + extra)


def subscribe(identifier: int, *filters: tuple[str, int], properties: bytes | None = None) -> bytes:
    """SUBSCRIBE: filters with their options."""
    extra = b"" if properties is None else varint(len(properties)) + properties
    body = b"".join(text(one) + bytes([options]) for one, options in filters)
    return packet(0x82, number(identifier) + extra + body)


def suback(identifier: int, *codes: int, five: bool = False) -> bytes:
    """SUBACK"""
    return packet(0x90, number(identifier) + (b"\0" if five else b"") + bytes(codes))


def unsubscribe(identifier: int, *filters: str) -> bytes:
    """UNSUBSCRIBE of 3.1.1."""
    return packet(0xA2, number(identifier) + b"".join(map(text, filters)))


def unsuback(identifier: int) -> bytes:
    """UNSUBACK of 3.1.1."""
    return packet(0xB0, number(identifier))


def publish(
    topic: str, payload: bytes | str = b"", qos: int = 0, identifier: int = 0, retain: int = 0, dup: int = 0,
    properties: bytes | None = None,
) -> bytes:  # fmt: skip
    """PUBLISH"""
    extra = b"" if properties is None else varint(len(properties)) + properties
    raw = payload.encode() if isinstance(payload, str) else payload
    return packet(0x30 | dup << 3 | qos << 1 | retain, text(topic) + (number(identifier) if qos else b"") + extra + raw)


def ack(kind: int, identifier: int, code: int | None = None) -> bytes:
    """PUBACK (4), PUBREC (5), PUBREL (6) or PUBCOMP (7)."""
    return packet(kind << 4 | (2 if kind == 6 else 0), number(identifier) + (b"" if code is None else bytes([code])))


CLOSE = b""
RESET = b"RST"  # of `timed` only
PINGREQ, PINGRESP, DISCONNECT = b"\xc0\x00", b"\xd0\x00", b"\xe0\x00"


def capture(events: Iterable[Event], first_port: int = 40000, step_ns: int = 1_000_000, close: bool = True) -> bytes:
    """A pcap of it all. close: connections that no event closes end with the client's FIN."""
    streams: dict[int, Stream] = {}
    frames: list[bytes] = []
    closed: set[int] = set()
    pauses: dict[int, float] = {}

    def moved(stream: Stream) -> None:
        frames.extend(stream.frames)
        stream.frames.clear()

    for event in events:
        stream = streams.get(event.connection)
        if stream is None:
            stream = streams[event.connection] = Stream(
                (bytes([10, 0, event.connection // 20000, 1]), first_port + event.connection % 20000), SERVER
            )
            stream.handshake()
        if event.pause:
            moved(stream)
            pauses[len(frames)] = event.pause
        if event.data == CLOSE:
            stream.add(event.side, flags=FIN | 16).add(1 - event.side, flags=FIN | 16)
            closed.add(event.connection)
        else:
            stream.add(event.side, event.data)
        moved(stream)
    if close:
        for index, stream in streams.items():
            if index not in closed:
                stream.fin()
                moved(stream)
    return pcap(frames, step_ns=step_ns, pauses=pauses)


class Timed(NamedTuple):
    """The same at a time, in seconds."""

    time: float
    connection: int
    side: int
    data: bytes


def timed(events: Iterable[Timed], elsewhere: Container[int] = ()) -> bytes:
    """A pcap of it all, each event at its time; connections are opened just before their first one. elsewhere: those to
    another port of the broker's address."""
    streams: dict[int, Stream] = {}
    frames: list[tuple[float, bytes]] = []
    for event in events:
        stream = streams.get(event.connection)
        if stream is None:
            broker = (SERVER[0], 1884) if event.connection in elsewhere else SERVER
            stream = streams[event.connection] = Stream((bytes([10, 0, 0, 1]), 40000 + event.connection), broker)
            stream.handshake()
        if event.data == CLOSE:
            stream.add(event.side, flags=FIN | 16).add(1 - event.side, flags=FIN | 16)
        elif event.data == RESET:
            stream.add(event.side, flags=RST | 16)
        else:
            stream.add(event.side, event.data)
        frames += [(event.time, frame) for frame in stream.frames]
        stream.frames.clear()
    out = [pcap([])]
    for time, frame in frames:
        seconds, rest = divmod(round(time * 1_000_000), 1_000_000)
        out.append(struct.pack("<IIII", 1_000 + seconds, rest, len(frame), len(frame)) + frame)
    return b"".join(out)
