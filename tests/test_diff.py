"""`diff`: differences are found where they were put, what any two runs have otherwise is none, and it is readable."""

from __future__ import annotations

import json
import os
import random
import re
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
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
from hypothesis import given
from hypothesis import strategies as st
from support import Stream, dissect, pcap, text

from mqttdissect.comparison.alignment import aligned, anchored, in_order
from mqttdissect.comparison.compare import compare
from mqttdissect.comparison.difference import PINGS, Difference, Options, Result
from mqttdissect.comparison.facts import Facts
from mqttdissect.comparison.marks import Payload, marks
from mqttdissect.comparison.volatile import EXACT, SHAPE, STEADY, counted, forms, looks_random, same_but_random
from mqttdissect.output.text import cells

Run = Callable[..., subprocess.CompletedProcess[str]]
Change = Callable[[list[Event]], list[Event]]
CAPTURES = Path(__file__).parent.parent / "captures"

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
ALARM = publish("home/alarm", "armed", 2, 2)
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


def renumbered(event: Event, by: int = 1000) -> Event:
    """With another packet identifier."""
    data = event.data
    at = 2 if data[:1] and data[0] >> 4 in (4, 5, 6, 7, 8, 9, 10, 11) else 0
    if data[:1] and data[0] >> 4 == 3 and data[0] & 6:
        at = 4 + data[3] + (data[2] << 8)
    if not at:
        return event
    number = struct.unpack_from(">H", data, at)[0] + by
    return Event(event.connection, event.side, data[:at] + struct.pack(">H", number) + data[at + 2 :])


def noisy(events: list[Event]) -> list[Event]:
    """The same conversation as another run has it: connections one after the other, other packet identifiers, more
    PINGs."""
    found: list[Event] = []
    for event in sorted(events, key=lambda one: one.connection):
        found.append(renumbered(event))
        if event.data == PINGRESP:
            found += [Event(event.connection, C, PINGREQ), Event(event.connection, S, PINGRESP)]
    return found


@pytest.mark.parametrize(("change", "kind", "what"), [one[1:4] for one in INJECTED], ids=[one[0] for one in INJECTED])
def test_what_was_put_in_is_the_first_difference_of_another_run(change: Change, kind: str, what: str) -> None:
    """Also where everything else is as another run of the same has it."""
    bad = capture(noisy(change(base())), first_port=50000, step_ns=3_000_000)
    found = between(capture(base()), bad).differences[:2]
    assert (kind, what) in [(one.kind, one.what) for one in found]


def test_the_same_is_the_same() -> None:
    """Nothing is different, and nothing but PINGs is set aside."""
    result = between(capture(base()), capture(base()))
    assert result.same
    assert {what for what, count in result.aside.items() if count} == {PINGS}
    assert result.compared == len(base()) - 4  # without PINGs


def five(*more: Event) -> list[Event]:
    """A client of MQTT 5.0."""
    return [Event(0, C, connect("five", level=5)), Event(0, S, connack(properties=b"")), *more]


def hello(client: str, *more: Event) -> list[Event]:
    """A client of 3.1.1."""
    return [Event(0, C, connect(client)), Event(0, S, connack()), *more]


def sent(topic: str, *payloads: str | bytes) -> list[Event]:
    """Messages of QoS 0."""
    return [Event(0, C, publish(topic, payload)) for payload in payloads]


SECONDS_WAITED = (
    five(Event(0, S, publish("t", "x", properties=b"\x02\x00\x00\x00\x3c"))),
    five(Event(0, S, publish("t", "x", properties=b"\x02\x00\x00\x00\x3a"))),
)
TO, ACK, BACK = Event(0, C, publish("t", "x", 1, 5)), Event(0, S, ack(4, 5)), Event(0, S, publish("t", "x"))
ANSWER_RACES = (hello("c", TO, ACK, BACK), hello("c", TO, BACK, ACK))


def shared(*delivered: bytes, qos: tuple[int, int] = (1, 1), topics: tuple[str, str] = ("t", "t")) -> list[Event]:
    """Two clients publish to one topic, each two messages, which a third gets in some order; one that dies has a
    will."""
    found = hello("c")
    for client in (1, 2):
        will = text("t") + text("gone")
        found += [Event(client, C, connect(f"writer {'-ab'[client]}", 6, rest=will)), Event(client, S, connack())]
        found += [Event(client, C, publish(topics[at], f"{client}{at}", qos[at], 1 + at)) for at in (0, 1)]
        found.append(Event(client, C, publish("t", "the same", 0)))
    return [*found, *[Event(0, S, one) for one in delivered]]


def readings(order: tuple[int, ...], base: int) -> list[Event]:
    """Two clients in turn publish numbers to two topics, which a third gets at once. order: who is next."""
    found = hello("c")
    for client in (1, 2):
        found += [Event(client, C, connect(f"writer {'-ab'[client]}")), Event(client, S, connack())]
    sent_by = {1: 0, 2: 0}
    for client in order:
        number = sent_by[client] = sent_by[client] + 1
        data = publish(f"t/{number % 2}", f"{base + 10 * number + client}")
        found += [Event(client, C, data), Event(0, S, data)]
    return found


def subscribed(*delivered: bytes, filters: tuple[tuple[str, int], ...] = (("t", 0), ("u/#", 1))) -> list[Event]:
    """A client with two subscriptions gets what another has published to both."""
    asked = [Event(0, C, subscribe(1, *filters)), Event(0, S, suback(1, *[qos for _, qos in filters]))]
    return [*asked, *shared(*delivered, topics=("t", "u"))]


def answering(*answers: tuple[str, str]) -> list[Event]:
    """A client answers two callers, whoever has asked first, and a third client listens."""
    found = [*hello("server"), Event(1, C, connect("listener")), Event(1, S, connack())]
    for topic, answer in answers:
        found += [*sent(f"answers/{topic}", answer), Event(1, S, publish(f"answers/{topic}", answer))]
    return found


BOTH = (("+", 1), ("$share/group/u", 1))
CALLERS = [("8a3f2c1b", "yes"), ("0d44e9fa", "no"), ("b7c20e51", "yes"), ("41d9a3e6", "no")]
A0, A1, B0, B1 = (publish("t", f"{client}{at}", 1, 9) for client in (1, 2) for at in (0, 1))
SAME, GONE = publish("t", "the same"), publish("t", "gone")
U1 = publish("u", "11", 1, 9)
ALIKE: list[tuple[str, list[Event], list[Event]]] = [
    ("another run", base(), noisy(base())),
    ("a client identifier made up", hello("mosq-Tx9aB2cD3eF4"), hello("mosq-Zy8wV7uT6sR5")),
    ("a hexadecimal one", hello("mqttjs_8a3f2c1b"), hello("mqttjs_0d44e9fa")),
    ("letters only", hello("amqtt/jHgsDkaHDKhQ"), hello("amqtt/wErtZuiOpKlM")),
    ("counted", hello("worker-7"), hello("worker-12")),
    (
        "assigned by the broker",
        [Event(0, C, connect("", level=5)), Event(0, S, connack(properties=b"\x12" + text("auto-one")))],
        [Event(0, C, connect("", level=5)), Event(0, S, connack(properties=b"\x12" + text("other/42")))],
    ),
    (
        "client identifier in topics",
        hello("c8a3f2c1b", *sent("dev/c8a3f2c1b/up", "x")),
        hello("c0d44e9fa", *sent("dev/c0d44e9fa/up", "x")),
    ),
    (
        "UUID in a topic",
        hello("c", *sent("reply/0f8fad5b-d9cb-469f-a165-70867728950e", "x")),
        hello("c", *sent("reply/7c9e6679-7425-40de-944b-e07fc1f90ae7", "x")),
    ),
    (
        "times in payloads",
        hello("c", *sent("t", '{"at": "2024-01-31T10:00:00Z"}')),
        hello("c", *sent("t", '{"at": "2024-02-01T11:30:59Z"}')),
    ),
    (
        "readings",
        hello("c", *sent("t", *[f"{20 + n / 7:.2f}" for n in range(9)])),
        hello("c", *sent("t", *[f"{22 - n / 9:.2f}" for n in range(9)])),
    ),
    (
        "counters",
        hello("c", *sent("t", *[f'{{"n": {n}}}' for n in range(9)])),
        hello("c", *sent("t", *[f'{{"n": {n}}}' for n in range(700, 709)])),
    ),
    (
        "binary readings",
        hello("c", *sent("t", *[bytes([0xFF, n, 0x80]) for n in range(9)])),
        hello("c", *sent("t", *[bytes([0xFF, n, 0x81]) for n in range(9)])),
    ),
    (
        "reason code 0, or none",
        five(Event(0, C, publish("t", "x", 1, 1, properties=b"")), Event(0, S, ack(4, 1))),
        five(Event(0, C, publish("t", "x", 1, 1, properties=b"")), Event(0, S, ack(4, 1, 0))),
    ),
    (
        "properties in another order",
        five(*[Event(0, C, publish("t", "x", properties=b"\x01\x01\x03\x00\x01a"))]),
        five(*[Event(0, C, publish("t", "x", properties=b"\x03\x00\x01a\x01\x01"))]),
    ),
    (
        "a default value told",
        five(Event(0, C, publish("t", "x", properties=b""))),
        five(Event(0, C, publish("t", "x", properties=b"\x01\x00"))),
    ),
    (
        "topic aliases",
        five(*[Event(0, C, publish("t", "x", properties=b"\x23\x00\x01"))] * 2),
        five(
            Event(0, C, publish("t", "x", properties=b"\x23\x00\x09")),
            Event(0, C, publish("", "x", properties=b"\x23\x00\x09")),
        ),
    ),
    (
        "seconds waited",
        five(Event(0, S, publish("t", "x", properties=b"\x02\x00\x00\x00\x3c"))),
        five(Event(0, S, publish("t", "x", properties=b"\x02\x00\x00\x00\x3a"))),
    ),
    (
        "answer and delivery race",
        hello("c", Event(0, C, publish("t", "x", 1, 5)), Event(0, S, ack(4, 5)), Event(0, S, publish("t", "x"))),
        hello("c", Event(0, C, publish("t", "x", 1, 5)), Event(0, S, publish("t", "x")), Event(0, S, ack(4, 5))),
    ),
    (
        "publishers race",
        [
            *hello("c"),
            Event(1, C, connect("a")),
            Event(2, C, connect("b")),
            Event(1, C, publish("a", "1")),
            Event(2, C, publish("b", "2")),
            Event(0, S, publish("a", "1")),
            Event(0, S, publish("b", "2")),
        ],
        [
            *hello("c"),
            Event(1, C, connect("a")),
            Event(2, C, connect("b")),
            Event(1, C, publish("a", "1")),
            Event(2, C, publish("b", "2")),
            Event(0, S, publish("b", "2")),
            Event(0, S, publish("a", "1")),
        ],
    ),
    ("publishers race in one topic", shared(A0, A1, B0, B1), shared(B0, A0, B1, A1)),
    (
        "readings of several publishers in several topics",
        readings((2, 1, 1, 2, 1, 2, 1, 2), 0),
        readings((2, 2, 2, 2, 1, 1, 1, 1), 100),
    ),
    ("subscriptions of different QoS race", subscribed(A0, U1), subscribed(U1, A0)),
    ("answers to callers with random topics", answering(*CALLERS[:2]), answering(*reversed(CALLERS[2:]))),
    ("messages of several publishers", shared(A0, SAME, A1, SAME), shared(SAME, A0, A1, SAME)),
    ("a will races", shared(A0, GONE, A1), shared(A0, A1, GONE)),
    ("QoS 2 is overtaken", shared(A0, A1, qos=(2, 1)), shared(A1, A0, qos=(2, 1))),
    (
        "QoS 2 is overtaken in another topic",
        shared(A0, U1, qos=(2, 1), topics=("t", "u")),
        shared(U1, A0, qos=(2, 1), topics=("t", "u")),
    ),
    (
        "retained messages in any order",
        hello("c", Event(0, S, publish("a", "1", retain=1)), Event(0, S, publish("b", "2", retain=1))),
        hello("c", Event(0, S, publish("b", "2", retain=1)), Event(0, S, publish("a", "1", retain=1))),
    ),
]


@pytest.mark.parametrize(("good", "bad"), [one[1:] for one in ALIKE], ids=[one[0] for one in ALIKE])
def test_what_any_two_runs_differ_in_is_no_difference(good: list[Event], bad: list[Event]) -> None:
    """It is set aside."""
    result = between(capture(good), capture(bad, first_port=50000, step_ns=7_000_000))
    assert result.same, [(one.kind, one.what, one.says, one.changes) for one in result.differences]


@pytest.mark.parametrize(
    ("good", "bad", "kind"),
    [
        (shared(A0, B0, A1, B1), shared(B0, A1, A0, B1), "other order"),
        (shared(A0, U1, topics=("t", "u")), shared(U1, A0, topics=("t", "u")), "other order"),
        (subscribed(A0, U1, filters=BOTH), subscribed(U1, A0, filters=BOTH), "other order"),
        (hello("c", Event(0, S, A0), Event(0, S, A1)), hello("c", Event(0, S, A1), Event(0, S, A0)), "other order"),
        (shared(A0, B0, A1, B1), shared(B0, B1, A0), "only in GOOD"),
        (shared(A0, B0, A1, B1), shared(B0, B1, A0, publish("t", "1?", 1, 9)), "other value"),
        (shared(A0, B0), shared(B0, publish("t", "", 1, 9)), "other value"),
    ],
    ids=["one publisher", "across topics", "subscriptions of one QoS", "nobody published", "missing", "other payload",
         "no payload"],
)  # fmt: skip
def test_among_deliveries_of_several_publishers(good: list[Event], bad: list[Event], kind: str) -> None:
    """One thing is not the same; the rest is in an order that is chance."""
    found = between(capture(good), capture(bad)).differences
    assert [(one.kind, one.what) for one in found] == [(kind, "PUBLISH")]


def test_a_random_client_identifier_that_comes_back_is_none() -> None:
    """Two that have changed their parts are told."""
    up, down = sent("up", "x"), sent("down", "x")

    def roles(first: str, second: str) -> bytes:
        other = [event._replace(connection=1) for event in hello(second, *down)]
        return capture([*hello(first, *up), *other])

    good = roles("node-a1f3", "node-a1c9")
    assert between(good, roles("node-77b2", "node-0d4e")).same
    found = between(good, roles("node-a1c9", "node-a1f3")).differences
    assert [(one.kind, one.what) for one in found] == [("other value", "CONNECT")] * 2


def test_a_reading_that_is_sent_again() -> None:
    """It is the second that is not in the other capture, and the answer is to the first."""

    def run(base: int, again: int) -> bytes:
        events = hello("c")
        for number in range(8):
            event = Event(0, C, publish("t", str(base + 3 * number), 1, 1 + number))
            events += [*[event] * (1 + (number == again)), Event(0, S, ack(4, 1 + number))]
        return capture(events)

    (found,) = between(run(10, -1), run(70, 4)).differences
    assert (found.kind, found.what, found.frames[1]) == ("only in BAD", "PUBLISH", 15)


def test_clients_without_a_name_that_are_left_over() -> None:
    """They are matched if they do the same kinds of things: the topic is what differs."""
    others = [event._replace(connection=1) for event in hello("c", *sent("t", "x"))]
    good, bad = ([*hello("", *sent(topic, "x")), *others] for topic in ("here", "there"))
    (found,) = between(capture(good), capture(bad)).differences
    assert (found.kind, found.what) == ("other value", "PUBLISH")


@pytest.mark.parametrize("payload", ["x", "{seed}"], ids=["the same payload", "readings"])
def test_clients_that_differ_only_in_how_they_leave(payload: str) -> None:
    """They are matched by that, whoever comes first."""

    def two(seed: int, *goodbyes: bool) -> bytes:
        found: list[Event] = []
        for at, says_so in enumerate(goodbyes):
            name = f"sensor-{random.Random(seed + at).getrandbits(40):010x}"
            messages = sent("t", *[payload.format(seed=seed + at + n) for n in range(3)])
            found += [event._replace(connection=at) for event in hello(name, *messages)]
            found += [Event(at, C, DISCONNECT)] * says_so
        return capture(found)

    assert between(two(100, True, False), two(200, False, True)).same


def test_the_same_bytes_in_other_segments() -> None:
    """One byte a segment, or all at once."""
    good, bad = Stream().handshake(), Stream().handshake()
    data = connect("c") + publish("t", "payload")
    good.client(data)
    bad.client(*[bytes([byte]) for byte in data])
    assert between(pcap(good.frames), pcap(bad.frames)).same


@pytest.mark.parametrize(
    ("good", "bad", "option"),
    [
        (hello("mqttjs_8a3f2c1b"), hello("mqttjs_0d44e9fa"), "ids"),
        (base(), [renumbered(event) for event in base()], "ids"),
        (hello("c", *sent("t", *map(str, range(9)))), hello("c", *sent("t", *map(str, range(50, 59)))), "payloads"),
        (hello("c", Event(0, C, PINGREQ), Event(0, S, PINGRESP)), hello("c"), "times"),
        (*SECONDS_WAITED, "times"),
        (*ANSWER_RACES, "strict_order"),
    ],
)  # fmt: skip
def test_what_was_set_aside_counts_if_asked_for(good: list[Event], bad: list[Event], option: str) -> None:
    """Each option for its own."""
    one, two = capture(good), capture(bad)
    assert between(one, two).same
    assert not between(one, two, **{option: True}).same


def test_a_delivery_that_takes_long_is_of_another_timing_class() -> None:
    """From the PUBLISH that was published; only for a client that was there."""
    away = [Event(1, C, connect("reader")), Event(1, S, connack())]
    writer = hello("writer", *sent("t", "news"))
    wait = [Event(2, C, PINGREQ)] * 200
    delivered = Event(1, S, publish("t", "news"))
    soon, late = [*away, *writer, delivered, *wait], [*away, *writer, *wait, delivered]
    assert between(capture(soon), capture(late)).same
    (found,) = [one for one in between(capture(soon), capture(late), times=True).differences if one.what == "PUBLISH"]
    assert found.says == "delivered in GOOD after less than 10 ms, in BAD after less than 1 s"
    kept = [*writer, *wait, *away, delivered]
    assert "PUBLISH" not in [one.what for one in between(capture(soon), capture(kept), times=True).differences]


def test_a_clock_that_was_never_set() -> None:
    """A date years from the others is a difference; days are not."""
    year = 1970
    dates = [f'{{"at": "{year + years}-03-01T00:00:05Z", "v": "a"}}' for years in (0, 1, 54, 55)]
    one, near, far, other = [capture(hello("c", *sent("t", date))) for date in dates]
    assert between(one, near).same
    assert between(far, far).same
    assert not between(one, far).same
    assert not between(far, other).same


ASKED, ANSWERED = Event(0, C, PINGREQ), Event(0, S, PINGRESP)
PUBLISHED, GOT_IT = Event(0, C, publish("t", "x", 1, 5)), Event(0, S, ack(4, 5))
DELIVERED, TAKEN = Event(0, S, publish("t", "x", 1, 5)), Event(0, C, ack(4, 5))
LATER, CLOSED = Event(1, C, PINGREQ, 1.5), Event(0, C, CLOSE)


@pytest.mark.parametrize(
    ("after", "tells"),
    [
        ([], False),
        ([LATER], True),
        ([CLOSED, LATER], False),
        ([LATER, CLOSED], True),
        ([Event(0, C, DISCONNECT), CLOSED, LATER], False),
        ([PUBLISHED, GOT_IT], True),
        ([DELIVERED, TAKEN], False),
        ([ASKED, ANSWERED], True),
    ],
    ids=["the capture ends", "it goes on", "closed at once", "closed later", "DISCONNECT",
         "a later request is answered", "a delivery is", "a later PINGREQ is"],
)  # fmt: skip
def test_a_ping_that_nobody_answers(after: list[Event], tells: bool) -> None:
    """It is a difference if the answer would have been there before the connection, or the capture, ended."""
    good, bad = (capture(hello("c", ASKED, *answer, *after), close=False) for answer in ([ANSWERED], []))
    found = between(good, bad).differences
    assert [(one.kind, one.what) for one in found] == [("only in GOOD", "PINGRESP")] * tells


def test_pings_may_be_answered_together() -> None:
    """Two that are on their way get two answers."""
    good, bad = hello("c", ASKED, ANSWERED, ASKED, ANSWERED), hello("c", ASKED, ASKED, ANSWERED, ANSWERED)
    assert between(capture(good), capture(bad)).same


def test_answers_of_an_exchange_in_another_order() -> None:
    """Each is there."""
    start = hello("c", Event(0, C, publish("t", "x", 2, 5)))
    answers = [Event(0, S, ack(5, 5)), Event(0, C, ack(6, 5)), Event(0, S, ack(7, 5))]
    found = between(capture([*start, *answers]), capture([*start, *answers[1:2], answers[0], answers[2]])).differences
    assert [(one.kind, one.what) for one in found] == [("other order", "PUBREC")]


def test_a_wrong_packet_identifier_of_another_run() -> None:
    """It is wrong for what it answers, whatever the other capture has there."""
    good = hello("c", Event(0, C, publish("t", "x", 1, 5)), Event(0, S, ack(4, 5)))
    bad = hello("c", Event(0, C, publish("t", "x", 1, 8)), Event(0, S, ack(4, 7)))
    (found,) = between(capture(good), capture(bad)).differences
    assert (found.what, found.says) == ("PUBACK", "PUBLISH #6 of BAD has no PUBACK with packet identifier 8")


def test_a_capture_that_ends_early_is_one_difference() -> None:
    """Also where deliveries are missing."""
    good = hello("c", PUBLISHED, GOT_IT, DELIVERED, TAKEN, Event(0, C, publish("u", "y")))
    (found,) = between(capture(good), capture(good[:2], close=False)).differences
    assert (found.kind, found.count) == ("only in GOOD", 5)


def test_a_delivery_that_nobody_published_says_so() -> None:
    """Its PUBLISH may be missing."""
    base = [Event(1, C, connect("reader")), Event(1, S, connack()), *hello("writer")]
    good = [*base, *sent("t", "7", "8"), *[Event(1, S, publish("t", payload)) for payload in "78"]]
    bad = [event for event in good if event.data != publish("t", "8") or event.side == S]
    bad = [event._replace(data=publish("t", "9")) if event.data == publish("t", "8") else event for event in bad]
    found = between(capture(good), capture(bad)).differences
    assert [(one.kind, one.what, one.says) for one in found] == [
        ("only in GOOD", "PUBLISH", ""),
        ("other value", "PUBLISH", "nobody has published this message in BAD"),
    ]


SNAPSHOTS = Path(__file__).with_name("snapshots") / "diff"
GOOD, BAD = CAPTURES / "survey-mosquitto.pcap", CAPTURES / "survey-rabbitmq.pcap"
VIEWS = {"80": ["--width", "80"], "200": ["--width", "200"], "200-colour": ["--width", "200", "--color", "always"]}


def view(name: str) -> str:
    """What is printed."""
    argv = [sys.executable, "-m", "mqttdissect", "diff", *VIEWS[name], "--trees", "2", GOOD.name, BAD.name]
    environment = {**os.environ, "PYTHONUTF8": "1", "TERM": "xterm-256color", "NO_COLOR": "", "COLORTERM": ""}
    return subprocess.run(argv, capture_output=True, cwd=CAPTURES, timeout=60, env=environment).stdout.decode()


@pytest.mark.parametrize("name", VIEWS)
def test_snapshots(name: str) -> None:
    """What users see, whole. After a change that is meant: python tests/test_diff.py"""
    assert view(name) == (SNAPSHOTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120, 160, 200])
def test_lines_fit_the_width(mqttdissect: Run, width: int) -> None:
    """Trees and lists, also of wide characters."""
    wide = CAPTURES / "mosquitto-3.1.1-qos.pcap", CAPTURES / "mosquitto-3.1-mqisdp.pcap"
    for good, bad in ((GOOD, BAD), wide):
        done = mqttdissect("diff", "--width", str(width), "--trees", "9", good, bad)
        assert done.returncode == 1
        assert max(cells(line) for line in done.stdout.splitlines()) <= width


@pytest.mark.parametrize("width", [60, 70, 78, 80, 81, 160, 162])
def test_wrapped_values_lose_nothing(mqttdissect: Run, tmp_path: Path, width: int) -> None:
    """Every character of a payload is there, in the lines that the width makes of it."""
    payload = "abcdefghijklmnopqrstuvwxyz0123456789" * 2
    paths = written(tmp_path, capture(hello("c", *sent("t", payload))), capture(hello("c")))
    done = mqttdissect("diff", "--width", str(width), "--fold", "1", *paths)
    tree = done.stdout.partition("Application message")[2].partition("All ")[0]
    assert payload in re.sub(r"\s", "", tree)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(("piped", "fits"), [(True, True), (False, False)], ids=["pipe", "file"])
def test_before_a_pipe_the_terminal_of_the_errors_has_the_width(tmp_path: Path, piped: bool, fits: bool) -> None:
    """As for `| less -R`; in a file lines may be of any length."""
    import fcntl
    import pty
    import termios

    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    target = tmp_path / "out.txt"
    argv = [sys.executable, "-m", "mqttdissect", "diff", str(GOOD), str(BAD)]
    environment = {**os.environ, "COLUMNS": "", "PYTHONUTF8": "1"}
    with target.open("wb") as file:
        stdout = subprocess.PIPE if piped else file
        done = subprocess.run(argv, stdout=stdout, stderr=terminal, timeout=60, env=environment)
    for one in (master, terminal):
        os.close(one)
    text = (done.stdout if piped else target.read_bytes()).decode()
    assert (max(map(cells, text.splitlines())) <= 90) == fits


def test_exit_status_and_words(mqttdissect: Run) -> None:
    """0 for the same, 1 for different; a line tells what was compared."""
    same = mqttdissect("diff", GOOD, GOOD)
    assert (same.returncode, same.stderr) == (0, "")
    assert "No differences in meaning." in same.stdout
    assert "5 pairs of connections (5 by client identifier); 97 pairs of packets" in same.stdout
    different = mqttdissect("diff", GOOD, BAD)
    assert different.returncode == 1
    assert (
        different.stdout.index("First difference")
        < different.stdout.index("All ")
        < different.stdout.index("Compared:")
    )


def test_json(mqttdissect: Run) -> None:
    """An object for each difference, with both packets as `-T json` has them, then the summary."""
    done = mqttdissect("diff", "-T", "json", GOOD, BAD)
    *differences, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    first = differences[0]
    assert (first["difference"], first["what"], first["client"]) == ("other value", "SUBACK", "surveyor")
    assert first["fields"] == [
        {"name": "mqtt.suback.qos", "label": "Return code", "counts": True, "place": 3, "good": 2, "bad": 1}
    ]
    assert first["good"]["mqtt"]["mqtt.suback.qos"] == [0, 1, 2]
    assert first["bad"]["mqtt"]["mqtt.suback.qos"] == [0, 1, 1]
    assert last["summary"]["same"] is False
    assert sum(last["summary"]["differences"].values()) == len(differences)
    alike = json.loads(mqttdissect("diff", "-T", "json", GOOD, GOOD).stdout)
    assert alike["summary"]["same"] is True


PAIRS = re.compile(r"^\| (mosquitto|RabbitMQ|aedes|aMQTT), (\w+) \| (\d+) \|(.*)\|$", re.MULTILINE)


def test_the_docs_explain_every_difference_of_the_six_pairs() -> None:
    """Each pair is there, with as many differences as there are, each explained once."""
    rows = PAIRS.findall((CAPTURES.parent / "docs" / "differences.md").read_text(encoding="utf-8"))
    assert len(rows) == 6
    for one, two, total, reasons in rows:
        paths = [CAPTURES / f"survey-{name.lower()}.pcap" for name in (one, two)]
        found = between(*(path.read_bytes() for path in paths))
        assert len(found.differences) == int(total), (one, two)
        assert sorted(map(int, re.findall(r"\d+", reasons))) == list(range(1, int(total) + 1)), (one, two)


def test_one_client_only(mqttdissect: Run) -> None:
    """By its identifier; a pattern will do; one that nobody has is an error."""
    done = mqttdissect("diff", "--trees", "0", "--client", "collect*", GOOD, BAD)
    assert "collector" in done.stdout and "surveyor" not in done.stdout
    none = mqttdissect("diff", "--client", "nobody", GOOD, BAD)
    assert none.returncode == 2
    assert none.stderr == "mqttdissect: no connection in either capture is of that client identifier\n"


def test_from_a_pipe(mqttdissect: Run) -> None:
    """Standard input is read twice all the same."""
    done = mqttdissect("diff", "-", BAD, input=GOOD.read_bytes())
    assert done.returncode == 1
    assert "GOOD  standard input" in done.stdout
    assert "SUBACK" in done.stdout


@pytest.mark.parametrize(("size", "said"), [(0, "empty: not a single byte to read"), (3000, "damaged at offset 2")])
def test_what_is_wrong_with_standard_input(mqttdissect: Run, size: int, said: str) -> None:
    """By its name, not that of a file in between."""
    done = mqttdissect("diff", "-", BAD, input=GOOD.read_bytes()[:size])
    assert done.stderr.startswith(f"mqttdissect: standard input: {said}")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([GOOD], "takes two captures"),
        ([GOOD, GOOD, GOOD], "takes two captures"),
        (["-", "-"], "one capture only"),
        (["-i", "lo", GOOD, GOOD], "captures that are there"),
        ([GOOD, "nowhere.pcap"], "no such file"),
        ([GOOD, Path(__file__)], "not a pcap"),
    ],
)
def test_wrong_use(mqttdissect: Run, arguments: list[str | Path], says: str) -> None:
    """One line, exit status 2."""
    done = mqttdissect("diff", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def written(folder: Path, good: bytes, bad: bytes) -> tuple[Path, Path]:
    """As files."""
    paths = folder / "good.pcap", folder / "bad.pcap"
    for path, content in zip(paths, (good, bad), strict=True):
        path.write_bytes(content)
    return paths


def test_no_mqtt(mqttdissect: Run, tmp_path: Path) -> None:
    """One line names the capture without any."""
    other = Stream(destination=(bytes([10, 0, 0, 9]), 80)).handshake().client(b"GET / HTTP/1.1\r\n\r\n")
    good, bad = written(tmp_path, capture(base()), pcap(other.frames))
    done = mqttdissect("diff", good, bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.pcap: no MQTT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_damaged_captures(mqttdissect: Run, tmp_path: Path) -> None:
    """They are compared as far as they go, which is said; the exit status is that of the comparison."""
    whole = capture(hello("c", *sent("t", "x", "y")), close=False)
    good, bad = written(tmp_path, whole + whole[24:34], whole)
    same = mqttdissect("diff", good, good)
    assert same.returncode == 0
    assert "No differences in meaning." in same.stdout
    assert "The capture of GOOD is damaged" in same.stdout and "The capture of BAD is damaged" in same.stdout
    assert same.stderr.count(": damaged at ") == 2
    one = mqttdissect("diff", "-T", "json", good, bad)
    assert one.returncode == 0
    assert json.loads(one.stdout)["summary"]["damaged"] == [True, False]
    (tmp_path / "bad.pcap").write_bytes(capture(hello("c", *sent("t", "x")), close=False))
    assert mqttdissect("diff", good, bad).returncode == 1


def test_a_single_packet(mqttdissect: Run, tmp_path: Path) -> None:
    """It is compared like any other."""
    good, bad = written(tmp_path, capture([Event(0, C, PINGREQ)]), capture([Event(0, C, connect("c"))]))
    assert mqttdissect("diff", good, good).returncode == 0
    done = mqttdissect("diff", good, bad)
    assert done.returncode == 1
    assert "CONNECT" in done.stdout


def test_half_a_conversation(tmp_path: Path) -> None:
    """What the capture cannot have is one difference for each connection, which says so."""
    events = base()
    frames = capture(events, close=False)
    reader = [event for event in events if event.connection == READER]
    cut = capture(reader[:9], close=False)
    result = between(capture(reader), cut)
    assert [(one.kind, one.count) for one in result.differences if one.count > 1]
    assert any("the capture of BAD ends with the connection open" in one.says for one in result.differences)
    late = [event for event in reader if event.data not in (READER_CONNECT, connack(), SUBSCRIBE, suback(1, 2))]
    stream = Stream(sequence=[900, 900])
    for event in late:
        stream.add(event.side, event.data)
    joined = between(capture(reader), pcap(stream.frames))
    first = joined.differences[0]
    assert (first.kind, first.what) == ("only in GOOD", "CONNECT")
    assert first.says == "the capture of BAD begins in the middle of this connection"
    assert between(frames, frames).same


def test_an_answer_to_what_was_before_the_capture() -> None:
    """It is not in that capture alone: the other has it with what it answers."""
    events = hello("c", Event(0, C, publish("t", "x", 2, 5)), Event(0, S, ack(5, 5)), Event(0, C, ack(6, 5)))
    events += [Event(0, S, ack(7, 5)), *sent("t", "y", "z")]
    stream = Stream(sequence=[900, 900])
    for event in events[-3:]:
        stream.add(event.side, event.data)
    (found,) = between(capture(events), pcap(stream.frames)).differences
    assert (found.kind, found.what, found.count) == ("only in GOOD", "CONNECT", 6)


def test_answers_of_opposite_directions_are_two() -> None:
    """A missing PUBREC of the broker and one too many of the client are not one with another packet identifier."""
    out = [Event(0, C, publish("a", "x", 2, 5)), Event(0, S, ack(5, 5)), Event(0, C, ack(6, 5)), Event(0, S, ack(7, 5))]
    into = [Event(0, S, publish("b", "y", 2, 1)), Event(0, C, ack(5, 1))]
    result = between(capture(hello("c", *out, *into)), capture(hello("c", out[0], *out[2:], *into, into[1])))
    assert [(one.kind, one.what) for one in result.differences] == [
        ("only in GOOD", "PUBREC"),
        ("only in BAD", "PUBREC"),
    ]


def test_gaps_are_named(tmp_path: Path) -> None:
    """Where the capture lacks bytes, what is missing may be due to that."""
    stream = Stream().handshake()
    lost = Stream().handshake()
    for at in range(6):
        data = publish(f"t/{at}", "some payload")
        stream.client(data)
        lost.lose(0, len(data)) if at in (2, 3) else lost.client(data)
    stream.server(b"\xd0\x00")
    lost.server(b"\xd0\x00")
    start = [connect("c")]
    result = between(pcap(Stream().handshake().client(*start).frames + stream.frames[3:]), pcap(lost.frames))
    assert not result.same


HOSTILE = ["\x1b[2J\x1b]0;title\x07", "\u202egnp.exe", "a\tb\nc", "[bold]markup[/bold]", "t" * 60_000]


@pytest.mark.parametrize("name", HOSTILE, ids=["escape", "bidi", "line end", "markup", "60 KB"])
def test_hostile_names_are_harmless_and_readable(mqttdissect: Run, tmp_path: Path, name: str) -> None:
    """In client identifiers, topics and filters; nothing reaches the terminal raw, no line gets long."""
    good = [*hello(name, Event(0, C, subscribe(1, (name, 1))), Event(0, S, suback(1, 1)), *sent(name, "one"))]
    bad = [
        *hello(name, Event(0, C, subscribe(1, (name + "x", 1))), Event(0, S, suback(1, 0x80)), *sent(name + "y", "one"))
    ]
    paths = written(tmp_path, capture(good), capture(bad))
    for arguments in (["--width", "100", "--trees", "9"], ["-T", "json"], ["--trees", "9"]):
        done = mqttdissect("diff", *arguments, *paths)
        assert done.returncode == 1, done.stderr
        assert all(char.isprintable() or char == "\n" for char in done.stdout)
        assert len(between(capture(good), capture(bad)).differences) == 3
    assert max(map(len, mqttdissect("diff", "--width", "100", *paths).stdout.splitlines())) <= 200


def test_bytes_that_differ_far_behind_the_fold_are_shown(mqttdissect: Run, tmp_path: Path) -> None:
    """With their offset."""
    payload = bytes(range(32, 127)) * 9
    other = payload[:700] + b"#" + payload[701:]
    paths = written(tmp_path, capture(hello("c", *sent("t", payload))), capture(hello("c", *sent("t", other))))
    done = mqttdissect("diff", "--width", "180", *paths)
    assert "first byte that differs" in done.stdout
    assert "from byte 700 on" in done.stdout


def reading(number: int, status: str, unit: str = "bar") -> str:
    """What a pump says."""
    name = "the pump in the hall behind the house"
    return f'{{"seq": {number}, "at": {number / 8}, "name": "{name}", "status": "{status}", "{unit}": 1}}'


OTHERS: list[tuple[list[str], list[str], tuple[int, int], str, str]] = [  # payloads, first byte, what is marked
    (
        [reading(102 + n, "running") for n in range(4)],
        [reading(902 + 3 * n, "stopped" if n == 2 else "running") for n in range(4)],
        (85, 86),
        "running",
        "stopped",
    ),
    (
        [reading(7 + n, "on") for n in range(4)],
        [reading(1996 + n, "on", "mbar" if n == 2 else "bar") for n in range(4)],
        (90, 94),
        "",
        "m",
    ),
    (["x" * 65_000], ["x" * 64_999 + "y"], (64_999, 64_999), "x", "y"),
    (["on, off, on"], ["on, up, off"], (4, 4), "off, on", "up, off"),
]


@pytest.mark.parametrize(("good", "bad", "first", "left", "right"), OTHERS, ids=["word", "one more", "last", "several"])
def test_what_differs_in_a_payload_is_named_and_marked(
    mqttdissect: Run, tmp_path: Path, good: list[str], bad: list[str], first: tuple[int, int], left: str, right: str
) -> None:
    """Not the counters before it; also where the tree does not show so many bytes."""
    paths = written(tmp_path, capture(hello("c", *sent("t", *good))), capture(hello("c", *sent("t", *bad))))
    done = mqttdissect("diff", "--width", "200", *paths)
    place = " | ".join(map(str, dict.fromkeys(first)))
    assert f"Application message, from byte {place} on: " in done.stdout
    line = json.loads(mqttdissect("diff", "-T", "json", *paths).stdout.splitlines()[0])
    (field,) = [one for one in line["fields"] if one["counts"]]
    assert (field["good_from"], field["bad_from"]) == first
    assert left in field["good"] and right in field["bad"]
    marked = [b"", b""]
    for row, below in pairwise(done.stdout.splitlines()):
        for match in re.finditer(r"\^\^", below if "≠" in row else ""):
            marked[match.start() > 100] += bytes.fromhex(row[match.start() : match.end()])
    assert [part.decode() for part in marked] == [left, right]


PARTS = st.sampled_from(
    [
        "a",
        "12",
        "-4.5",
        " ",
        '"',
        "2026-11-26T10:00:00Z",
        "1700000000",
        "8a3f2c1b8a3f2c1bff",
        "QWxhZGRpbjpvcGVu1a=",
        "ü",
    ]
)
TEXTS = st.lists(PARTS, max_size=12).map("".join)


@given(TEXTS, TEXTS, st.sampled_from([EXACT, STEADY, SHAPE]))
def test_marks_cover_what_differs(good: str, bad: str, form: int) -> None:
    """Forms are equal as their hashes are; something is marked if they are not, and lies within the payloads."""
    payloads = Payload(good.encode(), 0), Payload(bad.encode(), 0)
    found = marks(*payloads, form)
    same = [counted(one.data, 0, form) for one in payloads]
    assert (same[0].text == same[1].text) == (len({forms(one.data, 0)[form + 1] for one in payloads}) == 1)
    if good == bad:
        assert found.spans == ([], [])
    elif same[0].text != same[1].text:
        assert found.spans != ([], [])
        for side in (0, 1):
            for start, end in found.spans[side]:
                assert 0 <= start <= end <= len(payloads[side].data)


def test_secrets_stay_secret(mqttdissect: Run, tmp_path: Path) -> None:
    """That passwords differ is said, not what they are or where."""
    changed = other(WRITER, C, WRITER_CONNECT, connect("writer", flags=0xC6, rest=WILL.replace(b"wonder", b"wander")))
    paths = written(tmp_path, capture(base()), capture(changed(base())))
    for arguments in ([], ["-T", "json"]):
        done = mqttdissect("diff", *arguments, *paths)
        assert "wonderland" not in done.stdout and "wanderland" not in done.stdout
        assert b"wonderland".hex() not in done.stdout and b"wonderland".hex(" ") not in done.stdout
        assert "********" in done.stdout
    assert "^" not in "".join(line for line in mqttdissect("diff", *paths).stdout.splitlines() if "**" in line)


def test_ten_thousand_clients(tmp_path: Path) -> None:
    """With random identifiers, in another order, one of which gets no PUBACK: found in seconds."""

    def crowd(seed: int, silent: int) -> bytes:
        rng = random.Random(seed)
        events: list[Event] = []
        for at in rng.sample(range(10_000), 10_000):
            events += [
                Event(at, C, connect(f"dev-{rng.getrandbits(48):012x}")),
                Event(at, S, connack()),
                Event(at, C, publish(f"plant/{at % 40}", '{"v": 1}', 1, 1)),
            ]
            if at != silent:
                events.append(Event(at, S, ack(4, 1)))
        return capture(events, step_ns=10_000)

    good, bad = facts(crowd(1, -1)), facts(crowd(2, 4711))
    begun = time.monotonic()
    result = compare(good, bad, Options())
    assert time.monotonic() - begun < 20
    assert [(one.kind, one.what) for one in result.differences] == [("only in GOOD", "PUBACK")]
    assert result.matched == 10_000


def test_a_long_connection_is_bounded() -> None:
    """Two sequences with nothing in order but much in common: linear, and what is matched is equal and in order."""
    rng = random.Random(3)
    one, two = ([rng.randrange(60) for _ in range(60_000)] for _ in (0, 1))
    begun = time.monotonic()
    pairs = aligned(one, two)
    assert time.monotonic() - begun < 20
    assert all(one[i] == two[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
    assert len(pairs) > 10_000


@given(st.lists(st.integers(0, 4), max_size=14), st.lists(st.integers(0, 4), max_size=14))
def test_alignment_is_a_longest_common_subsequence(one: list[int], two: list[int]) -> None:
    """As the textbook's table has it; the linear way is a common subsequence too."""
    table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(two):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert len(aligned(one, two)) == table[-1][-1]
    for pairs in (aligned(one, two), anchored(one, two)):
        assert all(one[i] == two[j] for i, j in pairs)
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))


def rising_runs(places: list[int]) -> list[list[int]]:
    """Neighbours that rise: each is a rising subsequence."""
    runs = [[places[0]]]
    for one, two in pairwise(places):
        if two > one:
            runs[-1].append(two)
        else:
            runs.append([two])
    return runs


@given(st.permutations(range(9)))
def test_what_is_in_order(places: list[int]) -> None:
    """The indices rise, and so do the places."""
    found = in_order(places)
    assert all(a < b and places[a] < places[b] for a, b in pairwise(found))
    assert all(len(found) >= len(run) for run in rising_runs(places))


@pytest.mark.parametrize(
    ("token", "random"),
    [("0f8fad5b-d9cb-469f-a165-70867728950e", True), ("8a3f2c1b", True), ("1700000000", True), ("jHgsDkaHDKh", True),
     ("kitchen", False), ("sensor01", False), ("deadbeef", False), ("temperature", False), ("qos2", False)],
)  # fmt: skip
def test_what_looks_random(token: str, random: bool) -> None:
    """Not words, nor words with a number."""
    assert looks_random(token) == random


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [("reader-1", "reader-2", True), ("mosq-Tx9aB2", "mosq-Zy8wV7", True), ("alice", "bob", False),
     ("reader", "writer", False), ("kitchen-light", "kitchen-door", False), ("", "x", False),
     ("sensor-a", "sensor-b", False), ("kitchen", "garage", False), ("kitchen", "bedroom", False),
     ("dev-livingRoom1", "dev-diningRoom2", False), ("temp1", "hall2", False), ("rack-12a4", "rack-12b4", False),
     ("room-2a", "room-2b", False), ("dev-zwwijsft", "gw-qxkvlpms", False), ("dev-zwwijsft", "dev-qxkv-pms", False),
     ("sensor-3-zwwijsft", "sensor-3-xq5vl7ms", True), ("node-a1f3", "node-a1c9", True), ("qzxvbnwk", "hjkqwpzx", True),
     ("dev-QzXvBnWk", "dev-hjKqwPzx", True), ("node-bead", "node-3f0c", True), ("ESP32A4C1F0", "ESP32B9D2E3", True)],
)  # fmt: skip
def test_client_identifiers_of_one_origin(one: str, two: str, same: bool) -> None:
    """Random or counted at the end, not another word."""
    assert same_but_random(one, two) == same


if __name__ == "__main__":
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for one in VIEWS:
        (SNAPSHOTS / f"{one}.txt").write_text(view(one), encoding="utf-8")
