"""How connections begin and end, and what a session and a will make of it: small conversations, and what is found."""

from __future__ import annotations

from conversations import C, S, connack, suback, subscribe
from conversations import connect as connect_3
from support import ACK, CLIENT, DISCONNECT, FIN, SERVER, Stream, enhanced, interface, section

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.facts import Link
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.pipeline import Dissector

Said = tuple[float, int, int, bytes]  # seconds, connection, side (`C` or `S`), bytes; none to close the connection

CLOSE = b""
EXPIRES = b"\x11\0\0\0\x3c"  # Session Expiry Interval 60 s


def connect(client: str = "x", flags: int = 2, properties: bytes = b"", rest: bytes = b"") -> bytes:
    """CONNECT of MQTT 5.0"""
    return connect_3(client, flags, rest=rest, level=5, properties=properties)


def accept(present: int = 0, properties: bytes = b"") -> bytes:
    """CONNACK of MQTT 5.0"""
    return connack(0, present, properties)


def disconnect(code: int) -> bytes:
    """DISCONNECT of MQTT 5.0"""
    return bytes([0xE0, 1, code])


def analysed(*said: Said) -> tuple[list[Finding], list[Link]]:
    """The findings, and the connections. A connection that nobody closes is open when the capture ends."""
    streams: dict[int, Stream] = {}
    blocks = [section(), interface()]
    for seconds, connection, side, data in said:
        stream = streams.get(connection)
        if stream is None:
            stream = streams[connection] = Stream((CLIENT[0], 40000 + connection), SERVER).handshake()
        if data == CLOSE:
            stream.add(side, flags=FIN | ACK).add(1 - side, flags=FIN | ACK).add(side)
        else:
            stream.add(side, data).add(1 - side)
        blocks += [enhanced(frame, int(seconds * 1_000_000)) for frame in stream.frames]
        stream.frames.clear()
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(b"".join(blocks))
    dissector.close()
    return dissector.analysis.take(), dissector.analysis.take_links()


def found(*said: Said) -> list[tuple[str, str]]:
    """Rule and party of each finding of severity warning or above."""
    return [(one.rule.id, one.fault) for one in analysed(*said)[0] if one.severity >= WARNING]


# --- sessions -------------------------------------------------------------------------------------------------------


def taken_over(present: int) -> list[Said]:
    """A session is resumed, used for longer than it would have lived, and taken over."""
    resume = connect("x", 0, EXPIRES)
    return [
        (0, 0, C, connect("x", 2, EXPIRES)), (0, 0, S, accept()), (1, 0, C, DISCONNECT), (1, 0, C, CLOSE),
        (2, 1, C, resume), (2, 1, S, accept(1)), (50, 1, C, b"\xc0\0"), (50, 1, S, b"\xd0\0"),
        (100, 2, C, resume), (100, 2, S, accept(present)),
        (100.1, 1, S, disconnect(0x8E)), (100.1, 1, S, CLOSE),
        (101, 2, C, DISCONNECT), (101, 2, C, CLOSE),
    ]  # fmt: skip


def test_a_session_does_not_expire_while_its_client_is_connected() -> None:
    assert found(*taken_over(1)) == []
    assert found(*taken_over(0)) == [("session-present-wrong", "broker")]
