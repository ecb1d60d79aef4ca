"""How connections begin and end, and what a session and a will make of it: small conversations, and what is found."""

from __future__ import annotations

import pytest
from conversations import PINGREQ, PINGRESP, C, S, ack, connack, publish, suback, subscribe
from conversations import connect as connect_3
from support import ACK, CLIENT, DISCONNECT, FIN, SERVER, Stream, enhanced, interface, packet, pcap, section, text

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.facts import Link
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.output.sessions import ending, expiry_words, will_words
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
    return judged(b"".join(blocks))


def judged(capture: bytes) -> tuple[list[Finding], list[Link]]:
    """The findings, and the connections of a capture."""
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(capture)
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


@pytest.mark.parametrize(("asked", "limit", "said", "words"), [
    (100, None, None, "after 100 s"), (100, 10, None, "after 10 s"), (10, 100, None, "after 100 s"),
    (100, None, 20, "after 20 s"), (20, None, 100, "after 100 s"), (100, 20, 10, "after 10 s"),
    (100, 10, 40, "after 10 s (the broker's) or after 40 s"), (100, 0, 40, "after 0 s (the broker's) or after 40 s"),
    (10, 100, 40, "after 40 s"),
])  # fmt: skip
def test_a_session_ends_when_the_last_that_was_said_of_it_is_over(
    asked: int, limit: int | None, said: int | None, words: str
) -> None:
    """The client in its CONNECT, the broker in its CONNACK (3.2.2.3.2), the client in its DISCONNECT (3.14.2.2.2): but
    a broker that limits the first may limit the last as well."""

    def expiry(seconds: int | None) -> bytes:
        return b"" if seconds is None else b"\x11" + seconds.to_bytes(4, "big")

    leaves = b"\xe0\x07\0\x05" + expiry(said) if said is not None else DISCONNECT
    begin: list[Said] = [
        (0, 0, C, connect("x", 2, expiry(asked))), (0, 0, S, accept(0, expiry(limit))), (1, 0, C, leaves),
        (1, 0, C, CLOSE),
    ]  # fmt: skip

    def back(seconds: float, present: int) -> bool:
        resumed: list[Said] = [(seconds, 1, C, connect("x", 0)), (seconds, 1, S, accept(present))]
        end: list[Said] = [(seconds + 1, 1, C, DISCONNECT), (seconds + 1, 1, C, CLOSE)]
        return found(*begin, *resumed, *end) == [("session-present-wrong", "broker")]

    kept = [int(word) for word in words.split() if word.isdigit()]
    assert expiry_words(analysed(*begin)[1][0]) == f"session expires {words}"
    for seconds in (5, 15, 30, 60, 130):
        assert back(1 + seconds, 0) == (seconds < kept[0])
        assert back(1 + seconds, 1) == (seconds > kept[-1])


# --- DISCONNECT -----------------------------------------------------------------------------------------------------

WILL = b"\0\0\3t/w\0\4dead"  # no properties, topic t/w, payload


def watched(*said: Said) -> list[Said]:
    """The same while connection 9 is subscribed to the will, until second 30."""
    return [
        (0, 9, C, connect("watcher")), (0, 9, S, accept()),
        (0, 9, C, subscribe(1, ("t/#", 2), properties=b"")), (0, 9, S, suback(1, 2, five=True)),
        *said,
        (30, 9, C, DISCONNECT), (30, 9, C, CLOSE),
    ]  # fmt: skip


def will_seen(seconds: float, properties: bytes = b"", retain: int = 0) -> list[Said]:
    """The watcher gets the will."""
    return [
        (seconds, 9, S, publish("t/w", b"dead", 1, 1, retain, properties=properties)), (seconds, 9, C, ack(4, 1)),
    ]  # fmt: skip


def crossing(first: int, code: int) -> list[Said]:
    """The DISCONNECTs of both sides of a client with a will cross."""
    said: list[Said] = [(1, 0, C, connect("w", 0x0E, rest=WILL)), (1, 0, S, accept())]
    both: list[Said] = [(2, 0, C, disconnect(code)), (2, 0, S, disconnect(0x8B))]
    return [*said, both[first], both[1 - first], (2, 0, S, CLOSE)]


@pytest.mark.parametrize("first", [C, S])
def test_of_disconnects_that_cross_the_first_counts(first: int) -> None:
    findings, links = analysed(*crossing(first, 0))
    assert [one.rule.id for one in findings if one.severity >= WARNING] == []
    assert ending(links[0]) == ["DISCONNECT by the client 0x00 Normal disconnection",
                                "DISCONNECT by the broker 0x8b Server shutting down"][first]  # fmt: skip


@pytest.mark.parametrize("first", [C, S])
def test_whether_a_will_is_cancelled_by_a_disconnect_that_crosses_another_is_not_known(first: int) -> None:
    assert found(*watched(*crossing(first, 0), *will_seen(2.1))) == []
    assert found(*watched(*crossing(first, 0))) == []


@pytest.mark.parametrize("first", [C, S])
def test_a_disconnect_with_will_message_asks_for_the_will_whatever_it_crosses(first: int) -> None:
    assert found(*watched(*crossing(first, 4), *will_seen(2.1))) == []
    assert found(*watched(*crossing(first, 4))) == [("will-not-published", "broker")]


@pytest.mark.parametrize("first", [C, S])
@pytest.mark.parametrize("side", [C, S])
def test_nothing_follows_a_disconnect_that_crosses_another(first: int, side: int) -> None:
    *said, close = crossing(first, 0)
    late: Said = (2, 0, side, publish("a", b"x", properties=b""))
    broken = ("packet-after-disconnect", ("client", "broker")[side])
    assert broken in found(*said, late, close)
    assert broken not in found(*said[:2], late, *said[2:], close)


def test_a_disconnect_cancels_the_will() -> None:
    said = [(1, 0, C, connect("w", 0x0E, rest=WILL)), (1, 0, S, accept()), (2, 0, C, DISCONNECT), (2, 0, C, CLOSE)]
    assert found(*watched(*said)) == []
    assert found(*watched(*said, *will_seen(2.1))) == [("will-after-disconnect", "broker")]


LEFT: list[Said] = [  # a client with a will
    (1, 0, C, connect("w", 0x2E, rest=WILL)), (1, 0, S, accept()), (2, 0, C, DISCONNECT), (2, 0, C, CLOSE),
]  # fmt: skip


def late(flags: int, present: int, options: int, said: bytes) -> list[Said]:
    """Somebody subscribes a hundred seconds later, with these options, and gets this."""
    return [
        (102, 8, C, connect("late", flags, EXPIRES)), (102, 8, S, accept(present)),
        (102.1, 8, C, subscribe(1, ("t/#", options), properties=b"")), (102.1, 8, S, suback(1, 0, five=True)),
        (102.2, 8, S, said), (103, 8, C, DISCONNECT), (103, 8, C, CLOSE),
    ]  # fmt: skip


@pytest.mark.parametrize("as_published", [0, 8])
def test_what_is_retained_is_not_the_will_of_one_that_has_left(as_published: int) -> None:
    kept = publish("t/w", b"dead", 0, retain=1, properties=b"")
    assert found(*LEFT, *late(2, 0, as_published, kept)) == []


def test_what_has_waited_for_its_receiver_is_not_the_will_of_one_that_has_left() -> None:
    old = publish("t/w", b"dead", 0, properties=b"")
    assert found(*LEFT, *late(0, 1, 0, old)) == []
    assert ("will-after-disconnect", "broker") in found(*LEFT, *late(2, 0, 0, old))


def test_a_client_that_is_taken_over_may_leave_too_late() -> None:
    """Its DISCONNECT crosses the end of its connection."""
    begin = [(1, 0, C, connect("w", 0x0E, rest=WILL)), (1, 0, S, accept())]
    taken = [(2, 1, C, connect("w")), (2.001, 0, C, DISCONNECT), (2.002, 0, S, CLOSE), (2.003, 1, S, accept())]
    left = [(2, 0, C, DISCONNECT), (2.002, 0, S, CLOSE)]
    end = [(20, 1, C, DISCONNECT), (20, 1, C, CLOSE)]
    assert found(*watched(*begin, *taken, *will_seen(2.1), *end)) == []
    assert found(*watched(*begin, *taken, *end)) == []
    assert found(*watched(*begin, *left, *will_seen(2.1))) == [("will-after-disconnect", "broker")]


# --- authentication -------------------------------------------------------------------------------------------------

METHOD = b"\x15\0\5SCRAM"


def auth(code: int) -> bytes:
    """AUTH"""
    return packet(0xF0, bytes([code, len(METHOD)]) + METHOD)


def authenticated(*said: tuple[int, bytes], code: int | None = 0) -> list[tuple[str, str]]:
    """What is found where both sides say this behind a CONNECT with an authentication method. code: of the DISCONNECT;
    None to let the client close without one."""
    end = 0.1 + len(said) / 10
    spoken: list[Said] = [(0.1 + number / 10, 0, side, data) for number, (side, data) in enumerate(said)]
    spoken += [] if code is None else [(end, 0, C, disconnect(code))]
    return found((0, 0, C, connect("x", 2, METHOD)), *spoken, (end, 0, C, CLOSE))


LET_IN = (S, accept(0, METHOD))
CHALLENGE = [(S, auth(0x18)), (C, auth(0x18))]
AGAIN = (C, auth(0x19))
ORDER_BROKEN_BY_CLIENT, ORDER_BROKEN_BY_BROKER = [("auth-order", "client")], [("auth-order", "broker")]


@pytest.mark.parametrize(
    "said",
    [
        [LET_IN],
        [*CHALLENGE, LET_IN],
        [*CHALLENGE, *CHALLENGE, LET_IN],
        [*CHALLENGE, LET_IN, AGAIN, (S, auth(0))],
        [LET_IN, AGAIN, *CHALLENGE, *CHALLENGE, (S, auth(0)), AGAIN, (S, auth(0))],
        [LET_IN, AGAIN, (C, b"\xc0\0"), (S, b"\xd0\0"), *CHALLENGE, (S, auth(0))],
    ],
)
def test_authentication_in_turn(said: list[tuple[int, bytes]]) -> None:
    assert authenticated(*said) == []


@pytest.mark.parametrize(
    ("said", "broken"),
    [
        ([(C, auth(0x18)), LET_IN], ORDER_BROKEN_BY_CLIENT),  # before the broker asked for anything
        ([*CHALLENGE, (C, auth(0x18)), LET_IN], ORDER_BROKEN_BY_CLIENT),  # twice
        ([(S, auth(0x18)), (S, auth(0x18)), (C, auth(0x18)), LET_IN], ORDER_BROKEN_BY_BROKER),
        ([*CHALLENGE, LET_IN, (C, auth(0x18))], ORDER_BROKEN_BY_CLIENT),  # though it is over
        ([*CHALLENGE, LET_IN, (S, auth(0x18))], ORDER_BROKEN_BY_BROKER),
        ([LET_IN, (S, auth(0))], ORDER_BROKEN_BY_BROKER),
        ([LET_IN, AGAIN, (C, auth(0x18)), (S, auth(0))], ORDER_BROKEN_BY_CLIENT),
        ([LET_IN, AGAIN, (S, auth(0)), (S, auth(0))], ORDER_BROKEN_BY_BROKER),
        ([LET_IN, AGAIN, (S, auth(0x18)), (S, auth(0))], ORDER_BROKEN_BY_BROKER),
        ([(C, auth(0x19)), LET_IN], ORDER_BROKEN_BY_CLIENT),  # before it was let in
        ([(S, auth(0)), LET_IN], ORDER_BROKEN_BY_BROKER),
        ([(S, auth(0)), (C, auth(0x18)), LET_IN], ORDER_BROKEN_BY_BROKER),  # the client takes it for another challenge
        ([LET_IN, (S, auth(0x19))], ORDER_BROKEN_BY_BROKER),
        ([LET_IN, AGAIN, (S, auth(0x18)), (C, auth(0))], ORDER_BROKEN_BY_CLIENT),
    ],
)
def test_authentication_out_of_turn(said: list[tuple[int, bytes]], broken: list[tuple[str, str]]) -> None:
    assert authenticated(*said) == broken


def test_what_the_capture_swapped_is_in_turn() -> None:
    """The broker's second AUTH stands in front of the client's, which it acknowledges."""
    stream = Stream().handshake().client(connect("x", 2, METHOD)).server(auth(0x18)).client(auth(0x18))
    stream.server(auth(0x18)).client(auth(0x18)).server(accept(0, METHOD)).client(DISCONNECT).fin()
    frames = stream.frames
    frames[5], frames[6] = frames[6], frames[5]
    assert [one.rule.id for one in judged(pcap(frames))[0] if one.severity >= WARNING] == []


def unanswered(*said: Said, properties: bytes = METHOD) -> list[tuple[str, str]]:
    """What is found where the broker lets nobody in."""
    return found((0, 0, C, connect("x", 2, properties)), *said)


def test_a_broker_that_waits_for_the_client_owes_no_connack() -> None:
    assert unanswered((0.1, 0, S, auth(0x18)), (8, 0, C, CLOSE)) == []
    assert unanswered((0.1, 0, S, auth(0x18)), (8, 0, S, CLOSE)) == []
    assert unanswered((0.1, 0, S, auth(0x18)), (6, 0, C, auth(0x18)), (6.1, 0, C, CLOSE)) == []


def test_a_broker_whose_turn_it_is_owes_a_connack() -> None:
    missing = [("connack-missing", "broker")]
    assert unanswered((8, 0, C, CLOSE)) == missing
    assert unanswered((8, 0, C, CLOSE), properties=b"") == missing
    assert unanswered((0.1, 0, S, CLOSE)) == missing
    assert unanswered((0.1, 0, S, auth(0x18)), (0.2, 0, C, auth(0x18)), (8, 0, C, CLOSE)) == missing
    assert unanswered((0.1, 0, S, auth(0x18)), (0.2, 0, C, auth(0x18)), (0.3, 0, S, CLOSE)) == missing


def test_a_client_that_breaks_the_protocol_is_closed_on_without_a_connack() -> None:
    data = b"\x16\0\1d"  # Authentication Data
    wrong = bytes([auth(0x18)[0] | 1]) + auth(0x18)[1:]
    assert unanswered((0.1, 0, S, CLOSE), properties=data) == [("auth-data-without-method", "client")]
    assert unanswered((0.1, 0, S, auth(0x18)), (0.2, 0, C, wrong), (0.3, 0, S, CLOSE)) == [("reserved-flags", "client")]
    assert unanswered((0.1, 0, C, auth(0x18)), (0.2, 0, S, CLOSE)) == [("auth-order", "client")]


# --- wills ----------------------------------------------------------------------------------------------------------

DELAY = b"\x18\0\0\0\x0a"  # Will Delay Interval 10 s
LATE_WILL = bytes([len(DELAY)]) + DELAY + WILL[1:]
NOT_PUBLISHED, EARLY, CHANGED = (
    [("will-not-published", "broker")],
    [("will-early", "broker")],
    [("will-changed", "broker")],
)


def waits(*said: Said) -> list[Said]:
    """A client whose session lives for 60 s, and whose will is delayed by 10 s, goes at second 2 without a word."""
    gone: list[Said] = [(1, 0, C, connect("w", 4 | 8, EXPIRES, LATE_WILL)), (1, 0, S, accept()), (2, 0, C, CLOSE)]
    return watched(*gone, *said)


def back(seconds: float, clean: int, code: int = 0) -> list[Said]:
    """The client comes back, and stays."""
    return [
        (seconds, 1, C, connect("w", 2 if clean else 0, EXPIRES)),
        (seconds + 0.1, 1, S, connack(code, 0 if clean or code else 1, properties=b"")),
        (29, 1, C, DISCONNECT), (29, 1, C, CLOSE),
    ]  # fmt: skip


def test_a_will_comes_when_its_delay_is_over() -> None:
    assert found(*waits(*will_seen(12))) == []
    assert found(*waits()) == NOT_PUBLISHED
    assert found(*waits(*will_seen(5))) == EARLY


def in_order(said: list[Said]) -> list[Said]:
    """By time."""
    return sorted(said, key=lambda one: one[0])


def test_a_client_that_comes_back_to_its_session_cancels_its_will() -> None:
    assert found(*waits(*back(5, clean=0))) == []
    for seconds in (5.5, 6.5, 12):
        assert found(*in_order(waits(*back(5, clean=0), *will_seen(seconds)))) == EARLY


def test_a_will_whose_client_comes_back_when_it_is_due_may_come_or_not() -> None:
    assert found(*in_order(waits(*back(11.5, clean=0), *will_seen(12)))) == []
    assert found(*waits(*back(11.5, clean=0))) == []


def test_the_will_of_a_session_that_a_clean_start_ends_may_come_or_not() -> None:
    """[MQTT-3.1.2-8] takes it back, since there is a new connection; by 3.1.4 it comes, since the session has ended."""
    for seconds in (5.05, 5.2):  # before the CONNACK, and after it
        said = in_order(waits(*back(5, clean=1), *will_seen(seconds)))
        findings, links = analysed(*said)
        assert [one.rule.id for one in findings if one.severity >= WARNING] == []
        will = next(one.will for one in links if one.will is not None)
        assert will.fired and not will.cancelled and will_words(will).endswith(f"published in #{will.fired}")
    assert found(*waits(*back(5, clean=1))) == []


def test_a_clean_start_that_takes_over_may_let_a_will_out_before_its_connack() -> None:
    begin = [(1, 0, C, connect("w", 4 | 8, EXPIRES, LATE_WILL)), (1, 0, S, accept())]
    taken = [(5, 1, C, connect("w")), (5.1, 0, S, CLOSE), *will_seen(5.2), (5.3, 1, S, accept())]
    assert found(*watched(*begin, *taken, (29, 1, C, DISCONNECT), (29, 1, C, CLOSE))) == []


def test_of_wills_that_look_alike_one_may_come_before_the_end_of_its_connection() -> None:
    """And not the one before, which nobody has seen."""
    expires = b"\x05\x02\0\0\0\x02" + WILL[1:]
    said: list[Said] = [
        (1, 0, C, connect("w", 2 | 4 | 8, rest=expires)), (1, 0, S, accept()), (2, 0, C, CLOSE),
        (15, 1, C, connect("w", 2 | 4 | 8, rest=WILL)), (15, 1, S, accept()), *will_seen(20), (20, 1, S, CLOSE),
    ]  # fmt: skip
    late = [one if one[1] != 9 or 1 < one[0] < 30 else (max(one[0], 10), *one[1:]) for one in watched(*said)]
    assert found(*in_order(late)) == []


def test_a_refused_client_has_not_come_back() -> None:
    said = [*back(5, clean=0, code=0x87)[:2], (5.2, 1, S, CLOSE)]
    assert found(*in_order(waits(*said, *will_seen(12)))) == []
    assert found(*in_order(waits(*said))) == NOT_PUBLISHED


@pytest.mark.parametrize("clean", [0, 1])
@pytest.mark.parametrize("delayed", [False, True])
def test_the_will_of_a_connection_that_is_taken_over(clean: int, delayed: bool) -> None:
    """It is published, but for one with a delay: that must not come if the session goes on, and may if it does not."""
    start = [
        (1, 0, C, connect("w", 4 | 8, EXPIRES, LATE_WILL if delayed else WILL)), (1, 0, S, accept()),
        (5, 1, C, connect("w", 2 if clean else 0, EXPIRES)),
    ]  # fmt: skip
    end = [
        (5.1, 0, S, disconnect(0x8E)), (5.1, 0, S, CLOSE), (5.1, 1, S, accept(1 - clean)),
        (29, 1, C, DISCONNECT), (29, 1, C, CLOSE),
    ]  # fmt: skip
    assert found(*watched(*start, *end)) == ([] if delayed else NOT_PUBLISHED)
    for seconds in (5.05, 5.2):  # before the connection is closed, and after it
        seen = found(*in_order(watched(*start, *end, *will_seen(seconds))))
        assert seen == (EARLY if delayed and not clean and seconds > 5.1 else [])


def test_a_will_that_waits_does_not_hide_others() -> None:
    """The first one waits for a minute; nobody publishes the second one, which is due at once."""
    late = b"\5\x18\0\0\0\x3c\0\3t/v\0\4dead"
    said: list[Said] = [
        (1, 0, C, connect("v", 4 | 8, EXPIRES, late)), (1, 0, S, accept()), (2, 0, C, CLOSE),
        (3, 1, C, connect("w", 4 | 8, EXPIRES, WILL)), (3, 1, S, accept()), (4, 1, C, CLOSE),
        (10, 9, S, publish("t/x", b"alive", 0, properties=b"")), (10.1, 9, S, CLOSE),
    ]  # fmt: skip
    assert found(*[one for one in watched(*said) if one[0] < 30]) == NOT_PUBLISHED


PROPERTIES = b"\3\0\1c" + b"\x26\0\1a\0\1b" + b"\x26\0\1c\0\1d"  # Content Type, User Properties


def test_a_will_comes_with_its_properties() -> None:
    rest = bytes([len(PROPERTIES)]) + PROPERTIES + WILL[1:]
    said: list[Said] = [(1, 0, C, connect("w", 2 | 4 | 8, rest=rest)), (1, 0, S, accept()), (2, 0, C, CLOSE)]
    assert found(*watched(*said, *will_seen(2.1, PROPERTIES))) == []
    turned = PROPERTIES[:4] + PROPERTIES[11:] + PROPERTIES[4:11]
    for properties in (PROPERTIES[4:], PROPERTIES[:4], turned):
        assert found(*watched(*said, *will_seen(2.1, properties))) == CHANGED


@pytest.mark.parametrize("retain", [0, 1])
def test_a_will_is_retained_as_its_connect_says(retain: int) -> None:
    """A client that subscribes later gets it with RETAIN 1, if it is kept."""
    flags = 2 | 4 | 8 | retain << 5
    said: list[Said] = [(1, 0, C, connect("w", flags, rest=WILL)), (1, 0, S, accept()), (2, 0, C, CLOSE)]
    later: list[Said] = [
        (8, 2, C, connect("later")), (8, 2, S, accept()),
        (9, 2, C, subscribe(1, ("t/w", 1), properties=b"")), (9, 2, S, suback(1, 1, five=True)),
        (9.1, 2, S, publish("t/w", b"dead", 1, 1, 1, properties=b"")), (9.1, 2, C, ack(4, 1)),
        (20, 2, C, DISCONNECT), (20, 2, C, CLOSE),
    ]  # fmt: skip
    assert found(*watched(*said, *will_seen(2.1), *later)) == ([] if retain else CHANGED)
    before: list[Said] = [(0.5, 9, S, publish("t/w", b"dead", 0, 0, 1, properties=b""))]
    assert found(*watched(*before, *said, *will_seen(2.1), *later)) == []  # that of another


def test_a_broker_refuses_with_a_connack() -> None:
    """[MQTT-3.14.0-1]: DISCONNECT comes after a CONNACK with success only."""
    wrong = [("first-answer-not-connack", "broker")]
    assert unanswered((0.1, 0, S, disconnect(0x87)), (0.1, 0, S, CLOSE)) == wrong
    assert unanswered((0.1, 0, S, auth(0x18)), (0.2, 0, S, disconnect(0x87)), (0.2, 0, S, CLOSE)) == wrong
    assert unanswered((0.1, 0, S, connack(0x87, properties=b"")), (0.1, 0, S, CLOSE)) == []
    assert unanswered((0.1, 0, S, auth(0x18)), (0.2, 0, C, disconnect(0x80)), (0.2, 0, C, CLOSE)) == []


# --- what has to be answered with a close ----------------------------------------------------------------------------


def tolerated(*said: Said) -> set[tuple[str, str]]:
    """What is found where the connection goes on for five seconds, and the client leaves it in order."""
    return set(found(*said, (6, 0, C, DISCONNECT), (6, 0, C, CLOSE)))


def test_a_client_does_not_go_on_with_a_session_that_it_does_not_have() -> None:
    five: list[Said] = [(1, 0, C, connect("x")), (1, 0, S, accept(1))]
    wrong = ("session-present-wrong", "broker")
    assert tolerated(*five) == {wrong, ("violation-not-closed", "client")}
    assert found(*five, (1.1, 0, C, disconnect(0x82)), (1.1, 0, C, CLOSE)) == [wrong]
    assert tolerated((1, 0, C, connect_3("x")), (1, 0, S, connack(0, 1))) == {wrong}  # before 5.0 it may choose


def test_an_empty_client_identifier_is_refused() -> None:
    nameless, wrong = connect_3("", 0), ("client-identifier-empty", "client")
    assert tolerated((1, 0, C, nameless), (1, 0, S, connack())) == {wrong, ("violation-not-closed", "broker")}
    assert found((1, 0, C, nameless), (1, 0, S, connack(2)), (1.1, 0, S, CLOSE)) == [wrong]
    assert tolerated((1, 0, C, nameless), (1, 0, S, connack(2))) >= {wrong, ("open-after-refusal", "broker")}
    assert ("violation-not-closed", "broker") not in tolerated((1, 0, C, nameless), (1, 0, S, connack(2)))


def test_authentication_data_without_a_method_ends_the_connection() -> None:
    said: list[Said] = [(1, 0, C, connect("x", 2, b"\x16\0\1d")), (1, 0, S, accept())]
    assert tolerated(*said) == {("auth-data-without-method", "client"), ("violation-not-closed", "broker")}


@pytest.mark.parametrize(
    ("limit", "properties", "topic_filter", "rule"),
    [
        (b"\x28\0", b"", "t/#", "wildcard-unavailable"),
        (b"\x29\0", b"\x0b\4", "t", "subscription-identifier-unavailable"),
        (b"\x2a\0", b"", "$share/g/t", "shared-unavailable"),
    ],
)
def test_what_a_broker_does_not_take_it_refuses_or_closes(
    limit: bytes, properties: bytes, topic_filter: str, rule: str
) -> None:
    asked: list[Said] = [
        (1, 0, C, connect("x")), (1, 0, S, accept(0, limit)),
        (1.1, 0, C, subscribe(1, (topic_filter, 1), properties=properties)),
    ]  # fmt: skip
    wrong = (rule, "client")
    assert tolerated(*asked, (1.2, 0, S, suback(1, 1, five=True))) == {wrong, ("violation-not-closed", "broker")}
    assert tolerated(*asked, (1.2, 0, S, suback(1, 0x80, five=True))) == {wrong}
    assert found(*asked, (1.2, 0, S, disconnect(0x82)), (1.2, 0, S, CLOSE)) == [wrong]


# --- what the CONNECT of a will shows --------------------------------------------------------------------------------


def with_will(properties: bytes, payload: bytes = b"dead", accepts: bool = True) -> list[tuple[str, str]]:
    """What is found where the broker accepts this will, or closes the connection."""
    rest = bytes([len(properties)]) + properties + text("t/w") + text(payload)
    answer: list[Said] = [(0.1, 0, S, accept()), (0.2, 0, C, DISCONNECT), (0.2, 0, C, CLOSE)]
    return found((0, 0, C, connect("w", 2 | 4, rest=rest)), *(answer if accepts else [(0.1, 0, S, CLOSE)]))


def test_the_response_topic_of_a_will_has_no_wildcards() -> None:
    wrong = [("response-topic-wildcard", "client")]
    assert with_will(b"\x08\0\3a/b") == []
    assert with_will(b"\x08\0\3a/+") == wrong
    assert with_will(b"\x08\0\3a/+", accepts=False) == wrong  # and a broker may close the connection for it


def test_a_will_is_utf_8_where_it_says_so() -> None:
    assert with_will(b"\x01\1", "schön".encode()) == []
    assert with_will(b"\x01\0", b"sch\xf6n") == []
    assert with_will(b"\x01\1", b"sch\xf6n") == [("payload-not-utf-8", "client")]


# --- one fault is said once, and is not somebody else's --------------------------------------------------------------


def test_a_connect_from_the_broker_is_its_fault() -> None:
    start: list[Said] = [(0, 0, C, connect()), (0.1, 0, S, accept())]
    end: list[Said] = [(0.3, 0, C, disconnect(0x82)), (0.3, 0, C, CLOSE)]
    assert found(*start, (0.2, 0, S, connect()), *end) == [("wrong-direction", "broker")]
    assert found(*start, (0.2, 0, C, connect()), (0.3, 0, S, CLOSE)) == [("second-connect", "client")]


def test_only_one_packet_is_the_first_one() -> None:
    start: list[Said] = [(0, 0, C, connect()), (0.1, 0, C, PINGREQ), (0.2, 0, C, PINGREQ)]
    answers: list[Said] = [(0.3, 0, S, PINGRESP), (0.4, 0, S, PINGRESP), (0.5, 0, C, CLOSE)]
    assert found(*start, *answers) == [("first-answer-not-connack", "broker")]


def test_who_goes_on_after_a_refusal_does_so_once() -> None:
    """But a client may say DISCONNECT: it wants the connection closed, as it should be (3.2.2.2)."""
    start: list[Said] = [(0, 0, C, connect()), (0.1, 0, S, connack(0x87, properties=b""))]
    end: list[Said] = [(1.5, 0, S, CLOSE)]
    assert found(*start, (1, 0, C, DISCONNECT), *end) == []
    for side, party in ((C, "client"), (S, "broker")):
        twice: list[Said] = [(at, 0, side, publish("t", properties=b"")) for at in (1.0, 1.2)]
        assert found(*start, *twice, *end) == [("packet-after-refusal", party)]


@pytest.mark.parametrize("level", [3, 4, 6])
def test_a_broker_of_5_0_alone_refuses_as_5_0_has_it(level: int) -> None:
    """3.1.2.2: CONNACK with 0x84."""
    asked = connect_3("x", 2, level=level)
    findings, _ = analysed((0, 0, C, asked), (0.1, 0, S, connack(0x84, properties=b"")), (0.1, 0, S, CLOSE))
    refused = [one for one in findings if one.fault == "broker"]
    assert [one.rule.id for one in refused] == ["connection-refused"]
    assert refused[0].what.endswith(": 0x84 Unsupported Protocol Version, in the form of MQTT 5.0")
    wrong: list[Said] = [(0, 0, C, asked), (0.1, 0, S, connack(0x87, properties=b"")), (0.1, 0, S, CLOSE)]
    assert ("bytes-left-over", "broker") in found(*wrong)
