"""`diff`: what any two runs of one conversation have otherwise is no difference, unless it is asked for."""

from __future__ import annotations

import random

import pytest
from conversations import (
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
)
from differing import base, between, five, hello, noisy, renumbered, sent
from support import Stream, pcap, text

from mqttdissect.comparison.difference import PINGS
from mqttdissect.comparison.volatile import looks_random, same_but_random


def test_the_same_is_the_same() -> None:
    """Nothing is different, and nothing but PINGs is set aside."""
    result = between(capture(base()), capture(base()))
    assert result.same
    assert {what for what, count in result.aside.items() if count} == {PINGS}
    assert result.compared == len(base()) - 4  # without PINGs


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


def followed(*numbers: int) -> list[Event]:
    """A client counts, in some order, and another is told so."""
    found = [*hello("writer"), Event(1, C, connect("reader")), Event(1, S, connack())]
    found += sent("t", *[f"step {number}" for number in numbers])
    return [*found, *[Event(1, S, publish("t", f"step {number}")) for number in numbers]]


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
    ("deliveries follow their publisher", followed(0, 1, 2, 3), followed(3, 2, 1, 0)),
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
