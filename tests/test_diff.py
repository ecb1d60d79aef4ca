"""`diff`: differences are found where they were put, what any two runs have otherwise is none, and it is readable."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conversations import (
    CLOSE,
    DISCONNECT,
    PINGREQ,
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
from support import dissect, text

from mqttdissect.comparison.compare import compare
from mqttdissect.comparison.difference import Difference, Options, Result
from mqttdissect.comparison.facts import Facts

Run = Callable[..., subprocess.CompletedProcess[str]]
Change = Callable[[list[Event]], list[Event]]
CAPTURES = Path(__file__).parent.parent / "captures"
QOS = CAPTURES / "mosquitto-3.1.1-qos.pcap"

READER, WRITER, OTHER, FIVE = range(4)
WILL = text("will/writer") + text("gone") + text("alice") + text("wonderland")


def base() -> list[Event]:
    """Four clients: a reader, two writers, and one of MQTT 5.0."""
    five_properties = b"\x21\x00\x14"
    user = b"\x26" + text("unit") + text("celsius")
    return [
        Event(READER, C, connect("reader", keep_alive=30)),
        Event(READER, S, connack()),
        Event(READER, C, subscribe(1, ("home/#", 2))),
        Event(READER, S, suback(1, 2)),
        Event(READER, S, publish("home/kept", "since yesterday", 1, 1, retain=1)),
        Event(READER, C, ack(4, 1)),
        Event(WRITER, C, connect("writer", flags=0xC6, rest=WILL)),
        Event(WRITER, S, connack()),
        Event(WRITER, C, publish("home/light", "on", 0)),
        Event(READER, S, publish("home/light", "on", 0)),
        Event(WRITER, C, publish("home/door", "open", 1, 1)),
        Event(WRITER, S, ack(4, 1)),
        Event(READER, S, publish("home/door", "open", 1, 2)),
        Event(READER, C, ack(4, 2)),
        Event(WRITER, C, publish("home/alarm", "armed", 2, 2)),
        Event(WRITER, S, ack(5, 2)),
        Event(WRITER, C, ack(6, 2)),
        Event(WRITER, S, ack(7, 2)),
        Event(READER, S, publish("home/alarm", "armed", 2, 3)),
        Event(READER, C, ack(5, 3)),
        Event(READER, S, ack(6, 3)),
        Event(READER, C, ack(7, 3)),
        Event(WRITER, C, publish("home/door", "closed", 1, 3)),
        Event(WRITER, C, publish("home/window", "closed", 1, 4)),
        Event(WRITER, S, ack(4, 3)),
        Event(WRITER, S, ack(4, 4)),
        Event(READER, S, publish("home/door", "closed", 1, 4)),
        Event(READER, S, publish("home/window", "closed", 1, 5)),
        Event(READER, C, ack(4, 4)),
        Event(READER, C, ack(4, 5)),
        Event(READER, C, PINGREQ),
        Event(READER, S, PINGRESP),
        Event(OTHER, C, connect("other")),
        Event(OTHER, S, connack()),
        Event(OTHER, C, publish("home/hall", "hello", 0)),
        Event(READER, S, publish("home/hall", "hello", 0)),
        Event(OTHER, C, PINGREQ),
        Event(OTHER, S, PINGRESP),
        Event(OTHER, C, DISCONNECT),
        Event(FIVE, C, connect("five", level=5, properties=five_properties)),
        Event(FIVE, S, connack(properties=b"\x13\x00\x3c")),
        Event(FIVE, C, subscribe(1, ("five/+", 1), properties=b"\x0b\x07")),
        Event(FIVE, S, suback(1, 1, five=True)),
        Event(FIVE, C, publish("five/a", "warm", 1, 2, properties=user + b"\x02\x00\x00\x00\x78")),
        Event(FIVE, S, publish("five/a", "warm", 1, 1, properties=b"\x0b\x07" + user + b"\x02\x00\x00\x00\x78")),
        Event(FIVE, S, ack(4, 2, 0)),
        Event(FIVE, C, ack(4, 1)),
        Event(FIVE, C, DISCONNECT),
        Event(READER, C, unsubscribe(2, "home/#")),
        Event(READER, S, unsuback(2)),
        Event(READER, C, DISCONNECT),
        Event(WRITER, C, DISCONNECT),
    ]


def facts(raw: bytes) -> Facts:
    """What is kept of a capture."""
    found = Facts("capture")
    found.take(dissect(raw))
    found.close()
    return found


def between(good: bytes, bad: bytes, **options: bool) -> Result:
    """The comparison of two captures."""
    return compare(facts(good), facts(bad), Options(**options))


def replace(old: Event, *new: Event) -> Change:
    """The first such event is another, or several, or none."""

    def change(events: list[Event]) -> list[Event]:
        at = events.index(old)
        return [*events[:at], *new, *events[at + 1 :]]

    return change


def other(connection: int, side: int, old: bytes, new: bytes) -> Change:
    """A packet is another one."""
    return replace(of(connection, side, old), Event(connection, side, new))


def both(one: Change, two: Change) -> Change:
    """One change, then another."""
    return lambda events: two(one(events))


def drop(*gone: Event) -> Change:
    """These do not happen."""

    def change(events: list[Event]) -> list[Event]:
        for one in gone:
            assert one in events
        return [one for one in events if one not in gone]

    return change


def swap(one: Event, two: Event) -> Change:
    """Each in the place of the other."""
    return lambda events: [two if event == one else one if event == two else event for event in events]


def insert(after: Event, *new: Event) -> Change:
    """These happen too."""
    return replace(after, after, *new)


def only_until(connection: int, last: Event, *then: Event) -> Change:
    """The connection breaks off behind an event."""

    def change(events: list[Event]) -> list[Event]:
        at = events.index(last)
        rest = [event for event in events[at + 1 :] if event.connection != connection]
        return [*events[: at + 1], *then, *rest]

    return change


def of(connection: int, side: int, data: bytes) -> Event:
    """An event of the base."""
    event = Event(connection, side, data)
    assert event in base()
    return event


READER_CONNECT = connect("reader", keep_alive=30)
WRITER_CONNECT = connect("writer", flags=0xC6, rest=WILL)
FIVE_CONNECT = connect("five", level=5, properties=b"\x21\x00\x14")
FIVE_CONNACK = connack(properties=b"\x13\x00\x3c")
KEPT = publish("home/kept", "since yesterday", 1, 1, retain=1)
SUBSCRIBE = subscribe(1, ("home/#", 2))
UNSUBSCRIBE = unsubscribe(2, "home/#")
LIGHT = publish("home/light", "on", 0)
HALL_DATA = publish("home/hall", "hello", 0)
USER = b"\x26" + text("unit") + text("celsius")
HALL = of(READER, S, publish("home/hall", "hello", 0))
FIVE_IN = publish("five/a", "warm", 1, 1, properties=b"\x0b\x07" + USER + b"\x02\x00\x00\x00\x78")
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
        only_until(OTHER, of(OTHER, C, HALL_DATA), Event(OTHER, S, CLOSE)),
        "other value",
        "end of the connection",
        "in BAD closed by the broker",
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
        other(FIVE, S, FIVE_CONNACK, connack(properties=b"\x13\x00\x3c\x24\x01")),
        "other value",
        "CONNACK",
        "Maximum QoS: (none) | 1 at least once",
    ),
    (
        "server keep alive",
        other(FIVE, S, FIVE_CONNACK, connack(properties=b"")),
        "other value",
        "CONNACK",
        "Server Keep Alive: 60 s | (none)",
    ),
    (
        "user property lost",
        other(FIVE, S, FIVE_IN, publish("five/a", "warm", 1, 1, properties=b"\x0b\x07\x02\x00\x00\x00\x78")),
        "other value",
        "PUBLISH",
        "User Property: celsius | (none)",
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
