"""`diff`: which packets stand for one another, and what one capture lacks or has otherwise is one difference."""

from __future__ import annotations

import random
import time
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
from differing import (
    READER,
    base,
    between,
    facts,
    hello,
    sent,
)
from support import Stream, pcap

from mqttdissect.comparison.compare import compare
from mqttdissect.comparison.difference import Options

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


@pytest.mark.parametrize("delivered", [(3, 2, 1, 0), (2, 3, 0, 1)], ids=["reversed", "in part"])
def test_numbered_messages_that_are_delivered_in_another_order(delivered: tuple[int, ...]) -> None:
    """They are no readings: each is there."""
    start = [*hello("writer"), Event(1, C, connect("reader")), Event(1, S, connack())]
    start += sent("t", *[f"step {number}" for number in range(4)])
    good, bad = (
        [*start, *[Event(1, S, publish("t", f"step {number}")) for number in order]] for order in (range(4), delivered)
    )
    found = between(capture(good), capture(bad)).differences
    assert {(one.kind, one.what) for one in found} == {("other order", "PUBLISH")}


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


def test_a_wrong_packet_identifier_of_qos_2() -> None:
    """What goes on with it is the same difference."""
    answers = [Event(0, S, ack(5, 3)), Event(0, C, ack(6, 3)), Event(0, S, ack(7, 3))]
    good, bad = (hello("c", Event(0, C, publish("t", "x", 2, number)), *answers) for number in (3, 11))
    (found,) = between(capture(good), capture(bad)).differences
    assert (found.what, found.says) == ("PUBREC", "PUBLISH #6 of BAD has no PUBREC with packet identifier 11")


@pytest.mark.parametrize("answers", [1, 2])
@pytest.mark.parametrize(
    ("request_of_client", "answer"),
    [
        (subscribe(5, ("a/#", 1)), suback(5, 1)),
        (unsubscribe(5, "a/#"), unsuback(5)),
        (publish("t", "x", 1, 5), ack(4, 5)),
    ],
    ids=["SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH"],
)
def test_a_request_that_is_sent_twice_is_one_difference(request_of_client: bytes, answer: bytes, answers: int) -> None:
    """Answered once or twice; the first answer is that of the first."""
    asked, answered = Event(0, C, request_of_client), Event(0, S, answer)
    good = hello("c", asked, answered, *sent("u", "y"))
    bad = hello("c", asked, asked, *[answered] * answers, *sent("u", "y"))
    (found,) = between(capture(good), capture(bad)).differences
    assert (found.kind, found.count) == ("only in BAD", answers)
    assert found.what in ("SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH")


def test_a_connect_that_is_sent_twice_is_one_difference() -> None:
    """Its answer is that of the first."""
    twice = [Event(0, C, connect("c")), *hello("c")]
    (found,) = between(capture(hello("c")), capture(twice)).differences
    assert (found.kind, found.what, found.count) == ("only in BAD", "CONNECT", 1)


@pytest.mark.parametrize("gone", range(5))
def test_one_of_several_connections_of_a_client(gone: int) -> None:
    """By what is published, though all else is alike; whichever it is, and in which capture."""
    words = ("alpha rises", "beta falls", "gamma waits", "delta runs", "omega ends")
    runs = [
        [event._replace(connection=at) for event in [*hello("gw"), *sent("t", word)]] for at, word in enumerate(words)
    ]
    whole = [event for run in runs for event in run]
    less = [event for at, run in enumerate(runs) if at != gone for event in run]
    for captures, kind in (((whole, less), "only in GOOD"), ((less, whole), "only in BAD")):
        (found,) = between(*map(capture, captures)).differences
        assert (found.kind, found.what) == (kind, "connection")
        assert gone in found.connection


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


def test_half_a_conversation(tmp_path: Path) -> None:
    """What the capture cannot have is one difference for each connection, which says so."""
    events = base()
    frames = capture(events, close=False)
    reader = [event for event in events if event.connection == READER]
    cut = capture(reader[:9], close=False)
    result = between(capture(reader), cut)
    assert [(one.kind, one.count) for one in result.differences if one.count > 1]
    assert any("the capture of BAD ends with the connection open" in one.says for one in result.differences)
    late = [
        event
        for event in reader
        if event.data not in (connect("reader", keep_alive=30), connack(), subscribe(1, ("home/#", 2)), suback(1, 2))
    ]
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
