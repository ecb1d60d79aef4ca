"""Clients that were not captured may have done what a broker would be blamed for: what shows that there are any."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from conversations import CLOSE, DISCONNECT, C, S, Timed, ack, connack, connect, publish, suback, subscribe, timed
from support import SERVER, Stream, pcap

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.analysis.unread import offered, whose
from mqttdissect.net.stream import Chunk
from mqttdissect.net.stream import Stream as TcpStream
from mqttdissect.pipeline import Dissector

OLD, NEW, READER, WRITER, UNREAD, LATE = range(6)  # connections
SESSION_TAKEN_OVER = b"\xe0\x02\x8e\x00"


def found(capture: bytes) -> list[Finding]:
    """All findings."""
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    dissector.feed(capture)
    dissector.close()
    return analysis.take()


def rules(capture: bytes) -> set[str]:
    """Those that were broken."""
    return {one.rule.id for one in found(capture) if one.severity >= WARNING}


def traces(*events: Timed) -> list[Finding]:
    """What has shown that there are clients which were not captured."""
    capture = timed(sorted(events, key=lambda event: event.time), (UNREAD, LATE))
    return [one for one in found(capture) if one.rule.id == "clients-not-captured"]


def broken(*events: Timed) -> set[str]:
    """Those that were broken in a conversation; connections `UNREAD` and `LATE` are to another port of the broker."""
    return rules(timed(sorted(events, key=lambda event: event.time), (UNREAD, LATE)))


def hello(*protocols: bytes) -> bytes:
    """A ClientHello that offers these application protocols."""
    names = b"".join(bytes([len(one)]) + one for one in protocols)
    alpn = struct.pack(">HHH", 16, len(names) + 2, len(names)) + names if protocols else b""
    extensions = b"\x00\x17\x00\x00" + alpn
    body = b"\x03\x03" + bytes(32) + b"\x02ab" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    body = b"\x01" + struct.pack(">I", len(body))[1:] + body
    return b"\x16\x03\x01" + struct.pack(">H", len(body)) + body


def session(unsubscribed: bool = False) -> list[Timed]:
    """A client has a session without subscriptions from 1 s on, goes, and comes back at 10 s; the broker has lost the
    session, or delivers what the client has not subscribed to."""
    persistent = connect("c", flags=0)
    events = [Timed(1, OLD, C, persistent), Timed(1.1, OLD, S, connack())]
    events += [Timed(2, OLD, C, DISCONNECT), Timed(2.1, OLD, C, CLOSE)]
    events += [Timed(10, NEW, C, persistent), Timed(10.1, NEW, S, connack(flags=int(unsubscribed)))]
    if unsubscribed:
        events.append(Timed(20, NEW, S, publish("a/b", "nobody asked")))
    return [*events, Timed(30, NEW, C, DISCONNECT), Timed(30.1, NEW, C, CLOSE)]


def reading(*filters: str, until: float = 25) -> list[Timed]:
    """A reader subscribes at 0.3 s, and a writer connects."""
    events = [Timed(0.1, READER, C, connect("reader")), Timed(0.2, READER, S, connack())]
    events += [Timed(0.3, READER, C, subscribe(1, *[(one, 0) for one in filters]))]
    events += [Timed(0.4, READER, S, suback(1, *[0 for _ in filters]))]
    events += [Timed(0.5, WRITER, C, connect("writer")), Timed(0.6, WRITER, S, connack())]
    for one in (READER, WRITER):
        events += [Timed(until, one, C, DISCONNECT), Timed(until + 0.1, one, C, CLOSE)]
    return events


UPGRADE = b"GET /mqtt HTTP/1.1\r\nHost: b\r\nUpgrade: websocket\r\n\r\n"
CARRIERS = [hello(), hello(b"mqtt"), hello(b"http/1.1"), b"AMQP\x00\x00\x09\x01"]
OTHERS = [hello(b"h2", b"http/1.1"), b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", b"SSH-2.0-x\r\n", UPGRADE]


def test_the_conversations_break_these_rules_when_all_clients_were_captured() -> None:
    assert broken(*session()) == {"session-present-wrong"}
    assert broken(*session(unsubscribed=True)) == {"delivery-unsubscribed"}


@pytest.mark.parametrize("data", CARRIERS, ids=["TLS", "MQTT in TLS", "browser", "AMQP"])
@pytest.mark.parametrize("time", [0.5, 5, 25], ids=["before", "meanwhile", "later"])
def test_a_stream_that_may_carry_mqtt_hides_clients(data: bytes, time: float) -> None:
    """Also one that is captured after what it explains: it may have been open then."""
    unread = [Timed(time, UNREAD, C, data), Timed(time + 0.1, UNREAD, S, b"\x16\x03\x03\x00\x02ab")]
    assert broken(*session(), *unread) == set()
    assert broken(*session(unsubscribed=True), *unread) == set()


@pytest.mark.parametrize("data", OTHERS, ids=["web page in TLS", "web page", "SSH", "WebSocket, which is read"])
def test_a_stream_of_something_else_hides_nobody(data: bytes) -> None:
    assert broken(*session(), Timed(5, UNREAD, C, data)) == {"session-present-wrong"}


def test_what_does_not_rest_on_other_clients_is_said_all_the_same() -> None:
    """A subscription of this very connection, of which all is there, and Session Present after Clean Session."""
    unread = Timed(0.05, UNREAD, C, hello())
    delivered = [Timed(1, WRITER, C, publish("b", "x")), Timed(1.01, READER, S, publish("b", "x"))]
    assert broken(*reading("a"), *delivered, unread) == {"delivery-unsubscribed"}
    clean = [Timed(1, OLD, C, connect("c")), Timed(1.1, OLD, S, connack(flags=1)), Timed(3, OLD, C, DISCONNECT)]
    assert broken(*clean, unread) == {"session-present-wrong"}


def test_a_message_that_nobody_has_published_shows_a_client_that_was_not_captured() -> None:
    orphan = Timed(5, READER, S, publish("a", "from somebody"))
    assert broken(*session(), *reading("a"), orphan) == set()
    assert broken(*session(), *reading("a")) == {"session-present-wrong"}


@pytest.mark.parametrize(
    "delivered",
    [
        [Timed(5, READER, S, publish("a", "x")), Timed(5.003, WRITER, C, publish("a", "x"))],
        [Timed(5, READER, S, publish("a", "x", retain=1))],
        [Timed(5, READER, S, publish("$SYS/uptime", "x"))],
        [Timed(5, READER, S, publish("w", "gone")), Timed(5.4, LATE, C, CLOSE)],
        [Timed(5, LATE, C, publish("a", "x")), Timed(5.1, READER, S, publish("a", "x"))],
    ],
    ids=["captured a little early", "retained", "the broker's own", "a will", "published at another port"],
)
def test_other_deliveries_show_nobody(delivered: list[Timed]) -> None:
    will = connect("late", flags=6, rest=b"\x00\x01w\x00\x04gone")
    there = [Timed(0.7, LATE, C, will), Timed(0.8, LATE, S, connack())]
    found = broken(*session(), *reading("a", "w", "$SYS/#"), *there, *delivered)
    assert "session-present-wrong" in found


def test_what_waited_for_the_end_of_its_connection_is_not_said_either() -> None:
    """A client that was not captured may have deleted the retained message."""
    retained = [Timed(1, WRITER, C, publish("r", "kept", 1, 1, retain=1)), Timed(1.1, WRITER, S, ack(4, 1))]
    new = [Timed(5, NEW, C, connect("new")), Timed(5.1, NEW, S, connack()), Timed(6, NEW, C, subscribe(1, ("r", 0)))]
    new += [Timed(6.1, NEW, S, suback(1, 0)), Timed(20, NEW, C, DISCONNECT), Timed(20.1, NEW, C, CLOSE)]
    assert broken(*reading("a"), *retained, *new) == {"retained-missing"}
    assert broken(*reading("a"), *retained, *new, Timed(10, READER, S, publish("a", "from somebody"))) == set()


def test_a_take_over_by_nobody_shows_a_client_that_was_not_captured() -> None:
    five = [Timed(3, READER, C, connect("five", level=5)), Timed(3.1, READER, S, connack(properties=b""))]
    over = [Timed(5, READER, S, SESSION_TAKEN_OVER), Timed(5.1, READER, S, CLOSE)]
    assert broken(*session(), *five, *over) == set()
    seen = [Timed(4.99, WRITER, C, connect("five", level=5)), Timed(5.01, WRITER, S, connack(properties=b""))]
    assert broken(*session(), *five, *over, *seen) == {"session-present-wrong"}


def only(keep: Callable[[bytes], bool], *events: Timed) -> bytes:
    """The frames of the conversation that are to be kept."""
    raw = timed(sorted(events, key=lambda event: event.time))
    out, at = [raw[:24]], 24
    while at < len(raw):
        end = at + 16 + struct.unpack_from("<I", raw, at + 8)[0]
        if keep(raw[at + 16 : end]):
            out.append(raw[at:end])
        at = end
    return b"".join(out)


def source(frame: bytes) -> int:
    """Its TCP port."""
    return int.from_bytes(frame[34:36], "big")


def client(frame: bytes) -> int:
    """The client's port."""
    return max(source(frame), int.from_bytes(frame[36:38], "big"))


def test_a_connection_with_the_brokers_side_alone_hides_what_its_client_publishes() -> None:
    assert rules(only(lambda frame: source(frame) != 40000 + WRITER, *session(), *reading("a"))) == set()


def test_a_session_is_not_known_from_a_connection_with_the_clients_side_alone() -> None:
    """Its next connection may go on with it, and the one before has not been its last."""
    clean = [Timed(5, READER, C, connect("c")), Timed(5.1, READER, S, connack()), Timed(10.05, READER, S, CLOSE)]

    def client_alone(frame: bytes) -> bool:
        return source(frame) != 1883 or client(frame) != 40000 + READER

    assert rules(only(client_alone, *session(), *clean)) == set()


@pytest.mark.parametrize("handshake", [True, False], ids=["the broker's side alone", "joined"])
def test_mqtt_that_is_not_recognised_at_the_port_of_a_broker(handshake: bool) -> None:
    """On a port that is not known, MQTT is found by its CONNECT."""
    end = (SERVER[0], 31883)
    hidden = Stream((bytes([10, 0, 0, 9]), 41000), end).handshake()
    if not handshake:
        hidden.frames.clear()
    hidden.server(publish("a", "x") if not handshake else connack())
    hidden.frames = [one for one in hidden.frames if source(one) == end[1]]
    frames: list[bytes] = []
    for port, present in ((40001, 0), (40002, 0)):
        one = Stream((bytes([10, 0, 0, 1]), port), end).handshake()
        one.client(connect("c", flags=0)).server(connack(flags=present)).client(DISCONNECT).fin()
        frames += one.frames
    assert rules(pcap(frames)) == {"session-present-wrong"}
    assert rules(pcap(hidden.frames + frames)) == set()


def test_messages_under_way_are_not_carried_over_what_the_capture_lacks() -> None:
    """An acknowledgement may be among it; then the packet identifier is free."""
    persistent = connect("c", flags=0)
    events = [Timed(1, OLD, C, persistent), Timed(1.1, OLD, S, connack()), Timed(2, OLD, C, publish("a", "1", 1, 1))]
    events += [Timed(2.1, OLD, C, CLOSE), Timed(10, NEW, C, persistent), Timed(10.1, NEW, S, connack(flags=1))]
    events += [Timed(11, NEW, C, publish("a", "2", 1, 1)), Timed(11.1, NEW, S, ack(4, 1))]
    events += [Timed(30, NEW, C, DISCONNECT), Timed(30.1, NEW, C, CLOSE)]
    assert "identifier-in-use" in broken(*events)
    assert broken(*events, Timed(5, UNREAD, C, hello())) == set()
    joined = [Timed(4, READER, C, publish("a", "of somebody")), Timed(6, READER, C, CLOSE)]

    def no_syn(frame: bytes) -> bool:
        return not frame[47] & 2 or client(frame) != 40000 + READER

    assert "identifier-in-use" in rules(only(no_syn, *events))
    assert "identifier-in-use" not in rules(only(no_syn, *events, *joined))


def test_which_protocols_a_client_hello_offers() -> None:
    """As far as it is there."""
    whole = hello(b"h2", b"mqtt")
    assert offered(whole) == [b"h2", b"mqtt"]
    assert offered(hello()) == []
    for end in range(len(whole)):
        assert [one for one in offered(whole[:end]) if one not in (b"h2", b"mqtt"[: len(one)], b"h"[: len(one)])] == []


def test_whose_clients_a_stream_hides() -> None:
    """The server's end is where the SYN goes to; else it has the lower port."""
    flow = bytes([10, 0, 0, 1, 10, 0, 0, 2]) + struct.pack(">HH", 40000, 31883)
    joined = TcpStream(0, flow, False)
    assert whose(Chunk(joined, 1, b"\x32\x00", 1, 1, 0, 0, 0)) == bytes([10, 0, 0, 2]) + struct.pack(">H", 31883)
    assert whose(Chunk(joined, 0, b"\x17\x03\x03\x00", 1, 1, 0, 0, 0)) == bytes([10, 0, 0, 2])


def test_it_is_said_what_shows_that_clients_were_not_captured() -> None:
    """Once for a broker, however much shows it, and with the frame."""
    unread = [Timed(time, UNREAD, C, hello()) for time in (5, 6)]
    orphans = [Timed(time, READER, S, publish("a", f"from somebody {time}")) for time in (7, 8)]
    (said,) = traces(*reading("a"), *unread, *orphans)
    assert said.what == "Not all clients were captured: a stream to its address may carry MQTT that is not read"
    (said,) = traces(*reading("a"), *orphans)
    assert said.what == "Not all clients were captured: a message is delivered that nobody was seen to publish"
    assert (said.fault, said.stream) == ("capture", 0)
    assert traces(*reading("a")) == []
