"""`diff`: differences are found where they were put, each as the first one."""

from __future__ import annotations

import pytest
from conversations import (
    CLOSE,
    DISCONNECT,
    PINGRESP,
    C,
    Event,
    S,
    ack,
    capture,
    connack,
    connect,
    publish,
    suback,
    subscribe,
    unsuback,
    unsubscribe,
)
from differing import (
    FIVE,
    OTHER,
    READER,
    WILL,
    WRITER,
    WRITER_CONNECT,
    Change,
    base,
    between,
    both,
    drop,
    five,
    hello,
    insert,
    noisy,
    of,
    only_until,
    other,
    swap,
)
from support import text

from mqttdissect.comparison.difference import Difference, Result
from mqttdissect.comparison.facts import short

READER_CONNECT = connect("reader", keep_alive=30)
FIVE_CONNECT = connect("five", level=5, properties=b"\x21\x00\x14")
FIVE_CONNACK = connack(properties=b"\x13\x00\x1e")
KEPT = publish("home/kept", "since yesterday", 1, 1, retain=1)
SUBSCRIBE = subscribe(1, ("home/#", 2))
UNSUBSCRIBE = unsubscribe(2, "home/#")
LIGHT = publish("home/light", "on", 0)
ALARM = publish("home/alarm", "armed", 2, 2)
HALL_DATA = publish("home/hall", "hello", 0)
USER = b"\x26" + text("unit") + text("celsius")
HALL = of(READER, S, publish("home/hall", "hello", 0))
FIVE_IN = publish("five/a", "warm", 1, 1, properties=b"\x0b\x07" + USER + b"\x02\x00\x00\x00\x78")
FIVE_SUBSCRIBE = subscribe(1, ("five/+", 1), properties=b"\x0b\x07")
KELVIN = b"\x0b\x07\x26" + text("unit") + text("kelvin") + b"\x02\x00\x00\x00\x78"
INJECTED: list[tuple[str, Change, str, str, str]] = [  # what, how, and the first difference: kind, packet, words
    (
        "keep alive",
        other(READER, C, READER_CONNECT, connect("reader", keep_alive=31)),
        "other value",
        "CONNECT",
        "Keep alive: 30 s | 31 s",
    ),
    (
        "clean session",
        other(READER, C, READER_CONNECT, connect("reader", 0, 30)),
        "other value",
        "CONNECT",
        "Clean session: 1 | 0",
    ),
    (
        "client identifier",
        other(OTHER, C, connect("other"), connect("somebody")),
        "other value",
        "CONNECT",
        "Client identifier: other | somebody",
    ),
    (
        "will message",
        other(WRITER, C, WRITER_CONNECT, connect("writer", flags=0xC6, rest=WILL.replace(b"gone", b"dead"))),
        "other value",
        "CONNECT",
        "Will payload: gone | dead",
    ),
    (
        "will QoS",
        other(WRITER, C, WRITER_CONNECT, connect("writer", flags=0xCE, rest=WILL)),
        "other value",
        "CONNECT",
        "Will QoS: 0 at most once | 1 at least once",
    ),
    (
        "user name",
        other(WRITER, C, WRITER_CONNECT, connect("writer", flags=0xC6, rest=WILL.replace(b"alice", b"queen"))),
        "other value",
        "CONNECT",
        "User name: alice | queen",
    ),
    (
        "password",
        other(
            WRITER, C, WRITER_CONNECT, connect("writer", flags=0xC6, rest=WILL.replace(b"wonderland", b"hearts1234"))
        ),
        "other value",
        "CONNECT",
        "Password: ******** | ********",
    ),
    (
        "connection refused",
        only_until(WRITER, of(WRITER, C, WRITER_CONNECT), Event(WRITER, S, connack(5)), Event(WRITER, S, CLOSE)),
        "other value",
        "CONNACK",
        "Return code: 0 connection accepted | 5 refused, not authorized",
    ),
    (
        "session present",
        other(READER, S, connack(), connack(flags=1)),
        "other value",
        "CONNACK",
        "Session present: 0 | 1",
    ),
    (
        "no CONNACK",
        only_until(WRITER, of(WRITER, C, WRITER_CONNECT)),
        "only in GOOD",
        "CONNACK",
        "CONNECT #13 of BAD has no CONNACK",
    ),
    (
        "filter",
        other(READER, C, SUBSCRIBE, subscribe(1, ("home/+", 2))),
        "other value",
        "SUBSCRIBE",
        "Topic filter: home/# | home/+",
    ),
    (
        "requested QoS",
        other(READER, C, SUBSCRIBE, subscribe(1, ("home/#", 1))),
        "other value",
        "SUBSCRIBE",
        "QoS: 2 exactly once | 1 at least once",
    ),
    (
        "granted QoS",
        other(READER, S, suback(1, 2), suback(1, 1)),
        "other value",
        "SUBACK",
        "Return code: 2 granted QoS 2 | 1 granted QoS 1",
    ),
    ("subscription refused", other(READER, S, suback(1, 2), suback(1, 0x80)), "other value", "SUBACK", "0x80 failure"),
    ("no SUBACK", drop(of(READER, S, suback(1, 2))), "only in GOOD", "SUBACK", "SUBSCRIBE #6 of BAD has no SUBACK"),
    ("no SUBSCRIBE", drop(of(READER, C, SUBSCRIBE), of(READER, S, suback(1, 2))), "only in GOOD", "SUBSCRIBE", ""),
    ("only SUBSCRIBE lost", drop(of(READER, C, SUBSCRIBE)), "only in GOOD", "SUBSCRIBE", "of BAD answers nothing"),
    (
        "only PUBLISH lost",
        drop(of(WRITER, C, ALARM)),
        "only in GOOD",
        "PUBLISH",
        "PUBREC #21 of BAD and PUBREL #22 of BAD answer nothing",
    ),
    ("retained message missing", drop(of(READER, S, KEPT), of(READER, C, ack(4, 1))), "only in GOOD", "PUBLISH", ""),
    (
        "RETAIN",
        other(READER, S, KEPT, publish("home/kept", "since yesterday", 1, 1)),
        "other value",
        "PUBLISH",
        "RETAIN: 1 | 0",
    ),
    (
        "DUP",
        other(READER, S, publish("home/door", "open", 1, 2), publish("home/door", "open", 1, 2, dup=1)),
        "other value",
        "PUBLISH",
        "DUP: 0 | 1",
    ),
    (
        "topic",
        other(WRITER, C, LIGHT, publish("home/lamp", "on", 0)),
        "other value",
        "PUBLISH",
        "Topic name: home/light | home/lamp",
    ),
    (
        "payload",
        other(WRITER, C, LIGHT, publish("home/light", "off", 0)),
        "other value",
        "PUBLISH",
        "Application message",
    ),
    (
        "delivered payload",
        other(READER, S, LIGHT, publish("home/light", "oN", 0)),
        "other value",
        "PUBLISH",
        "Application message",
    ),
    (
        "delivered topic",
        other(READER, S, publish("home/alarm", "armed", 2, 3), publish("home/Alarm", "armed", 2, 3)),
        "other value",
        "PUBLISH",
        "Topic name: home/alarm | home/Alarm",
    ),
    (
        "published QoS",
        both(
            drop(of(WRITER, S, ack(4, 1))),
            other(WRITER, C, publish("home/door", "open", 1, 1), publish("home/door", "open", 0)),
        ),
        "other value",
        "PUBLISH",
        "QoS: 1 at least once | 0 at most once",
    ),
    (
        "delivered QoS",
        both(
            drop(of(READER, C, ack(4, 2))),
            other(READER, S, publish("home/door", "open", 1, 2), publish("home/door", "open", 0)),
        ),
        "other value",
        "PUBLISH",
        "QoS: 1 at least once | 0 at most once",
    ),
    ("not delivered", drop(of(READER, S, LIGHT)), "only in GOOD", "PUBLISH", ""),
    (
        "QoS 2 not delivered",
        drop(
            *[
                of(READER, side, data)
                for side, data in (
                    (S, publish("home/alarm", "armed", 2, 3)),
                    (C, ack(5, 3)),
                    (S, ack(6, 3)),
                    (C, ack(7, 3)),
                )
            ]
        ),
        "only in GOOD",
        "PUBLISH",
        "",
    ),
    ("delivered twice", insert(HALL, HALL), "only in BAD", "PUBLISH", ""),
    (
        "delivery nobody published",
        insert(HALL, Event(READER, S, publish("home/ghost", "boo", 0))),
        "only in BAD",
        "PUBLISH",
        "",
    ),
    ("no PUBACK", drop(of(WRITER, S, ack(4, 1))), "only in GOOD", "PUBACK", "PUBLISH #17 of BAD has no PUBACK"),
    ("client's PUBACK missing", drop(of(READER, C, ack(4, 2))), "only in GOOD", "PUBACK", "of BAD has no PUBACK"),
    ("no PUBREC", drop(of(WRITER, S, ack(5, 2))), "only in GOOD", "PUBREC", ""),
    ("no PUBREL", drop(of(READER, S, ack(6, 3))), "only in GOOD", "PUBREL", ""),
    ("no PUBCOMP", drop(of(WRITER, S, ack(7, 2))), "only in GOOD", "PUBCOMP", ""),
    ("PUBACK twice", insert(of(WRITER, S, ack(4, 1)), Event(WRITER, S, ack(4, 1))), "only in BAD", "PUBACK", ""),
    (
        "wrong packet identifier",
        other(WRITER, S, ack(4, 1), ack(4, 77)),
        "other value",
        "PUBACK",
        "Packet identifier: 1 | 77",
    ),
    (
        "published in another order",
        swap(of(WRITER, C, LIGHT), of(WRITER, C, publish("home/door", "open", 1, 1))),
        "other order",
        "PUBLISH",
        "",
    ),
    (
        "delivered in another order",
        swap(
            of(READER, S, publish("home/door", "closed", 1, 4)), of(READER, S, publish("home/window", "closed", 1, 5))
        ),
        "other order",
        "PUBLISH",
        "",
    ),
    (
        "acknowledged in another order",
        swap(of(WRITER, S, ack(4, 3)), of(WRITER, S, ack(4, 4))),
        "other order",
        "PUBACK",
        "",
    ),
    ("no UNSUBACK", drop(of(READER, S, unsuback(2))), "only in GOOD", "UNSUBACK", ""),
    ("no UNSUBSCRIBE", drop(of(READER, C, UNSUBSCRIBE), of(READER, S, unsuback(2))), "only in GOOD", "UNSUBSCRIBE", ""),
    ("no DISCONNECT", drop(of(OTHER, C, DISCONNECT)), "only in GOOD", "DISCONNECT", ""),
    ("no PINGRESP", drop(of(READER, S, PINGRESP)), "only in GOOD", "PINGRESP", "of BAD has no PINGRESP"),
    (
        "closed by the broker",
        only_until(WRITER, of(WRITER, C, LIGHT), Event(WRITER, S, CLOSE)),
        "other value",
        "end of the connection",
        "in BAD closed by the broker",
    ),
    (
        "closed by the broker where DISCONNECT was due",
        only_until(OTHER, of(OTHER, C, HALL_DATA), Event(OTHER, S, CLOSE)),
        "only in GOOD",
        "DISCONNECT",
        "in BAD closed by the broker without DISCONNECT",
    ),
    (
        "reserved flags",
        other(READER, S, unsuback(2), b"\xb1" + unsuback(2)[1:]),
        "other value",
        "UNSUBACK",
        "the flags of UNSUBACK to be 0000, not 0001",
    ),
    (
        "connection missing",
        lambda events: [one for one in events if one.connection != OTHER and one != HALL],
        "only in GOOD",
        "connection",
        "a connection with",
    ),
    (
        "reconnect",
        insert(
            of(OTHER, C, DISCONNECT), Event(9, C, connect("other")), Event(9, S, connack()), Event(9, C, DISCONNECT)
        ),
        "only in BAD",
        "connection",
        "a connection with 3 packets",
    ),
    (
        "receive maximum",
        other(FIVE, C, FIVE_CONNECT, connect("five", level=5, properties=b"\x21\x00\x15")),
        "other value",
        "CONNECT",
        "Receive Maximum: 20 | 21",
    ),
    (
        "property of the broker",
        other(FIVE, S, FIVE_CONNACK, connack(properties=b"\x13\x00\x1e\x24\x01")),
        "other value",
        "CONNACK",
        "Maximum QoS: 2 exactly once (default) | 1 at least once",
    ),
    (
        "server keep alive",
        other(FIVE, S, FIVE_CONNACK, connack(properties=b"")),
        "other value",
        "CONNACK",
        "Server Keep Alive: 30 s | 60 s (default)",
    ),
    (
        "user property lost",
        other(FIVE, S, FIVE_IN, publish("five/a", "warm", 1, 1, properties=b"\x0b\x07\x02\x00\x00\x00\x78")),
        "other value",
        "PUBLISH",
        "User Property unit: celsius | (none)",
    ),
    (
        "user property of another value",
        other(FIVE, S, FIVE_IN, publish("five/a", "warm", 1, 1, properties=KELVIN)),
        "other value",
        "PUBLISH",
        "User Property unit: celsius | kelvin",
    ),
    (
        "subscription options",
        other(FIVE, C, FIVE_SUBSCRIBE, subscribe(1, ("five/+", 0x2D), properties=b"\x0b\x07")),
        "other value",
        "SUBSCRIBE",
        "Retain handling: 0 send retained messages at subscribe | 2 do not send retained messages at subscribe",
    ),
    (
        "reason code that was left out",
        other(FIVE, C, ack(4, 1), ack(4, 1, 0x80)),
        "other value",
        "PUBACK",
        "Reason code: 0 Success (default) | 0x80 Unspecified error",
    ),
    (
        "subscription identifier",
        other(FIVE, S, FIVE_IN, FIVE_IN.replace(b"\x0b\x07", b"\x0b\x08")),
        "other value",
        "PUBLISH",
        "Subscription Identifier: 7 | 8",
    ),
    (
        "message expiry",
        other(FIVE, S, FIVE_IN, FIVE_IN.replace(b"\x00\x78", b"\x00\x10")),
        "other value",
        "PUBLISH",
        "Message Expiry Interval: 120 s | 16 s",
    ),
    ("reason code", other(FIVE, S, ack(4, 2, 0), ack(4, 2, 0x10)), "other value", "PUBACK", "No matching subscribers"),
    (
        "disconnected by the broker",
        only_until(FIVE, of(FIVE, C, ack(4, 1)), Event(FIVE, S, b"\xe0\x01\x8b"), Event(FIVE, S, CLOSE)),
        "only in BAD",
        "DISCONNECT",
        "",
    ),
]


def first_of(result: Result) -> tuple[Difference, str]:
    """The first difference, and what is said about it."""
    from mqttdissect.output.differences import Shown, Text
    from mqttdissect.output.theme import no_colour

    difference = result.differences[0]
    details = Text(no_colour(), 0, 56, False, 0, 1)._details(difference, Shown(), 0)
    return difference, "\n".join(details)


@pytest.mark.parametrize(
    ("change", "kind", "what", "says"), [one[1:] for one in INJECTED], ids=[one[0] for one in INJECTED]
)
def test_what_was_put_in_is_the_first_difference(change: Change, kind: str, what: str, says: str) -> None:
    """Each, and in the other direction as well."""
    good, bad = capture(base()), capture(change(base()))
    difference, details = first_of(between(good, bad))
    assert (difference.kind, difference.what) == (kind, what), details
    assert says in details
    opposite = {"only in GOOD": "only in BAD", "only in BAD": "only in GOOD"}
    back = between(bad, good).differences[:2]  # the second where something else is in its place
    assert (opposite.get(kind, kind), what) in [(one.kind, one.what) for one in back]


@pytest.mark.parametrize(("change", "kind", "what"), [one[1:4] for one in INJECTED], ids=[one[0] for one in INJECTED])
def test_what_was_put_in_is_the_first_difference_of_another_run(change: Change, kind: str, what: str) -> None:
    """Also where everything else is as another run of the same has it."""
    bad = capture(noisy(change(base())), first_port=50000, step_ns=3_000_000)
    found = between(capture(base()), bad).differences[:2]
    assert (kind, what) in [(one.kind, one.what) for one in found]


def test_a_long_text_has_the_same_name_in_every_run() -> None:
    name = f"{'x' * 128}… 172 hjlmgfpgiagm 06eb05c555288"
    assert [short("x" * 300), short(b"x" * 300)] == [name, name]
    assert short("x" * 256) == "x" * 256


WORDS = "the quick brown fox jumps over the lazy dog "
LONG_ID = "0f8c2a7e-31c4-4b0e-9d57-6a1f0c9e2b11"


@pytest.mark.parametrize("count", [1, 5, 7, 60])
@pytest.mark.parametrize(
    ("one", "two", "differ"),
    [("alpha", "omega", True), ("same", "same", False), (LONG_ID, LONG_ID.replace("0f8c", "7d21"), False)],
    ids=["words", "same", "random"],
)
def test_what_differs_far_behind_in_a_text(count: int, one: str, two: str, differ: bool) -> None:
    """In a topic, a will, a User Property: behind the characters that are kept too."""

    def conversation(word: str) -> list[Event]:
        value = WORDS * count + word
        user = b"\x26" + text("note") + text(value)
        return five(
            Event(0, C, publish("t", "x", properties=user)),
            Event(1, C, connect("other", flags=0x06, rest=text("will/" + value) + text(value))),
        )

    result = between(capture(conversation(one)), capture(conversation(two)))
    assert [found.what for found in result.differences] == (["PUBLISH", "CONNECT"] if differ else [])
    if differ:
        told = first_of(result)[1]
        assert ("alpha | " in told and "omega" in told) if count < 6 else "then another" in told
    topics = [hello("c", Event(0, C, publish(WORDS.replace(" ", "/") * count + word, "x"))) for word in (one, two)]
    assert between(*map(capture, topics)).same != differ


def test_an_ellipsis_in_a_text_is_one() -> None:
    """And no sign that the rest was cut."""
    values = ("wait… for alpha", "wait… for omega")
    good, bad = (five(Event(0, C, publish("t", "x", properties=b"\x26" + text("k") + text(one)))) for one in values)
    assert first_of(between(capture(good), capture(bad)))[1] == "User Property k: wait… for alpha | wait… for omega"


def test_unsuback_has_no_codes_before_5() -> None:
    """That a version has what another one has not is no difference."""
    four = hello("c", Event(0, C, unsubscribe(2, "a")), Event(0, S, unsuback(2)))
    new = [Event(0, C, connect("c", level=5)), Event(0, S, connack(properties=b""))]
    new += [Event(0, C, b"\xa2\x06\x00\x02\x00\x00\x01a"), Event(0, S, b"\xb0\x04\x00\x02\x00\x00")]
    (one,) = between(capture(four), capture(new)).differences
    assert one.what == "CONNECT"


@pytest.mark.parametrize(
    ("asked", "granted", "same"),
    [
        (b"\x11\x00\x00\x00\x78", b"\x11\x00\x00\x00\x78\x13\x00\x3c", True),
        (b"", b"\x11\x00\x00\x00\x00", True),
        (b"\x11\x00\x00\x00\x78", b"\x11\x00\x00\x00\x77", False),
        (b"", b"\x13\x00\x3b", False),
    ],
)
def test_a_broker_that_says_what_the_client_asked_for(asked: bytes, granted: bytes, same: bool) -> None:
    """Session Expiry Interval and Server Keep Alive mean the same as none if they are the client's own (3.2.2.3.2 and
    3.2.2.3.14 of MQTT 5.0); so does that of a DISCONNECT (3.14.2.2.2)."""
    opening = Event(0, C, connect("c", level=5, properties=asked))
    told = [
        opening,
        Event(0, S, connack(properties=granted)),
        Event(0, C, b"\xe0\x07\x00\x05" + asked if asked else b"\xe0\x00"),
    ]
    silent = [opening, Event(0, S, connack(properties=b"")), Event(0, C, b"\xe0\x00")]
    result = between(capture(silent), capture(told))
    assert [one.what for one in result.differences] == ([] if same else ["CONNACK"])
