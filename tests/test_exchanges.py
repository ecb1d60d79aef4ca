"""Requests and answers, limits, re-deliveries and Keep Alive, in conversations made for it: what is legal is silent,
what is not is found."""

from __future__ import annotations

import pytest
from conversations import CLOSE, DISCONNECT, PINGREQ, PINGRESP, C, Event, S, ack, capture, connack, connect, publish
from support import ACK, FIN, SYN, Stream, pcap, text

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.pipeline import Dissector

PUBACK, PUBREC, PUBREL, PUBCOMP = 4, 5, 6, 7
FOREVER = b"\x11\xff\xff\xff\xff"  # Session Expiry Interval


def findings(events: list[Event], close: bool = True) -> list[Finding]:
    """What is found of severity warning and above; that nobody has subscribed to anything is not the matter here."""
    return judged(capture(events, close=close))


def judged(capture: bytes) -> list[Finding]:
    """The same of any capture."""
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(capture)
    dissector.close()
    found = [one for one in dissector.analysis.take() if one.severity >= WARNING]
    return [one for one in found if not one.rule.id.startswith("deliver")]


def broken(events: list[Event], close: bool = True) -> list[tuple[str, str]]:
    """The rules and who broke them."""
    return [(one.rule.id, one.fault) for one in findings(events, close)]


def begin(
    version: int, at: int = 0, present: int = 0, clean: int = 0, properties: bytes = b"", taken: bytes = b"",
    client: str = "c", keep_alive: int = 60,
) -> list[Event]:  # fmt: skip
    """CONNECT and CONNACK of connection `at`; of MQTT 5.0 with these properties besides a session that stays."""
    expiry = b"" if clean else FOREVER
    asked = connect(client, 2 * clean, keep_alive, level=version, properties=expiry + properties)
    return [Event(at, C, asked), Event(at, S, connack(0, present, taken if version == 5 else None))]


def message(version: int, identifier: int, qos: int = 1, dup: int = 0, payload: str = "", topic: str = "t") -> bytes:
    """A PUBLISH."""
    extra = b"" if version == 5 else None
    return publish(topic, payload or str(identifier), qos, identifier, dup=dup, properties=extra)


def resumed(version: int, *events: Event, properties: bytes = b"", taken: bytes = b"") -> list[Event]:
    """A session, with these events on its first connection, that goes on 20 s later on connection 1."""
    again = begin(version, 1, 1, properties=properties, taken=taken)
    again[0] = again[0]._replace(pause=20)
    # A session that goes on is known only if it was seen to begin
    return [*begin(version), *events, Event(0, C, CLOSE), *again]


# --- a session that goes on ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_an_answer_is_owed_since_the_message_was_sent_again(version: int, sender: int) -> None:
    """Not since it was sent first: in between there was nobody to answer."""
    start = resumed(version, Event(0, sender, message(version, 7)))
    again = Event(1, sender, message(version, 7, dup=1))
    answer = Event(1, 1 - sender, ack(PUBACK, 7))
    assert broken([*start, again, answer]) == []
    assert broken([*start, again, Event(1, C, CLOSE, 0.1)]) == []
    party = ("client", "broker")[1 - sender]
    assert broken([*start, again, answer._replace(pause=3)]) == [("slow-answer", party)]
    missing = findings([*start, again, Event(1, C, CLOSE, 3)])
    assert [(one.rule.id, one.fault) for one in missing] == [("publish-unacknowledged", party)]
    assert "in 3 s until" in missing[0].what
    assert missing[0].frame == 14  # where it was sent again


@pytest.mark.parametrize("version", [4, 5])
def test_the_handshake_of_a_message_that_is_sent_again_starts_anew(version: int) -> None:
    """Its PUBREC had been lost."""
    start = resumed(version, Event(0, C, message(version, 7, 2)), Event(0, S, ack(PUBREC, 7)))
    again = [Event(1, C, message(version, 7, 2, dup=1)), Event(1, S, ack(PUBREC, 7))]
    rest = [Event(1, C, ack(PUBREL, 7)), Event(1, S, ack(PUBCOMP, 7))]
    assert broken([*start, *again, *rest]) == []
    assert broken([*start, *again, rest[0]._replace(pause=3), rest[1]]) == [("slow-answer", "client")]
    assert broken([*start, again[0], Event(1, C, CLOSE, 3)]) == [("publish-unacknowledged", "broker")]


# --- handshakes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_pubrel_that_is_repeated_does_not_hide_who_is_slow(version: int) -> None:
    """The broker takes 4 s for the PUBCOMP; the client repeats PUBREL after 3 s, which MQTT 5.0 alone forbids."""
    events = [*begin(version, clean=1), Event(0, C, message(version, 7, 2)), Event(0, S, ack(PUBREC, 7))]
    events += [Event(0, C, ack(PUBREL, 7)), Event(0, C, ack(PUBREL, 7), 3), Event(0, S, ack(PUBCOMP, 7), 1)]
    both = [*events, Event(0, S, ack(PUBCOMP, 7))]
    found = findings(both)
    expected = [("resent-while-connected", "client")] if version == 5 else []
    assert [(one.rule.id, one.fault) for one in found] == [*expected, ("slow-answer", "broker")]
    assert found[-1].what.startswith("PUBCOMP 7 came 4 s after")
    missing = [*events[:-1], Event(0, C, CLOSE, 3)]
    assert broken(missing) == [*expected, ("pubcomp-missing", "broker")]


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("order", [(PUBREC, PUBCOMP), (PUBCOMP, PUBREC)])
def test_who_answers_a_pubrel_that_came_too_early_does_what_it_has_to(version: int, order: tuple[int, int]) -> None:
    """The client does not wait for the PUBREC, which the broker owes it all the same."""
    events = [*begin(version, clean=1), Event(0, C, message(version, 7, 2)), Event(0, C, ack(PUBREL, 7), 3)]
    events += [Event(0, S, ack(order[0], 7)), Event(0, S, ack(order[1], 7))]
    assert broken(events) == [("acknowledgement-wrong", "client")]


# --- Receive Maximum -------------------------------------------------------------------------------------------------

ONE, TWO = b"\x21\0\1", b"\x21\0\2"  # Receive Maximum


def unacknowledged(sender: int, count: int, limit: bytes, qos: int = 1) -> list[Event]:
    """So many messages under way when a session goes on, whose other side takes `limit` at a time."""
    sent = [Event(0, sender, message(5, number, qos)) for number in range(1, count + 1)]
    if sender == C:
        return resumed(5, *sent, taken=limit)
    return resumed(5, *sent, properties=limit)


def again(sender: int, *identifiers: int, pause: float = 0) -> list[Event]:
    """They are sent again."""
    return [Event(1, sender, message(5, number, dup=1), pause) for number in identifiers]


@pytest.mark.parametrize("sender", [C, S])
def test_messages_that_are_sent_again_count_against_receive_maximum(sender: int) -> None:
    party = ("client", "broker")[sender]
    start = unacknowledged(sender, 3, TWO)
    acks = [Event(1, 1 - sender, ack(PUBACK, number)) for number in (1, 2, 3)]
    assert broken([*start, *again(sender, 1, 2), acks[0], *again(sender, 3), *acks[1:]]) == []
    assert broken([*start, *again(sender, 1, 2, 3), *acks]) == [("receive-maximum-exceeded", party)]


@pytest.mark.parametrize("sender", [C, S])
def test_what_receive_maximum_keeps_back_is_not_missing(sender: int) -> None:
    """Of three messages the second may be sent again only once the first is acknowledged, and so on."""
    who = ("client", "broker")
    start = unacknowledged(sender, 3, ONE)
    ends = Event(1, C, CLOSE, 3)
    slow = [("publish-unacknowledged", who[1 - sender])]
    assert broken([*start, *again(sender, 1), ends]) == slow
    acked = [*start, *again(sender, 1), Event(1, 1 - sender, ack(PUBACK, 1), 0.9)]
    assert broken([*acked, Event(1, C, CLOSE, 0.5)]) == []
    assert broken([*acked, ends]) == [("redelivery-missing", who[sender])] * 2
    assert broken([*acked, *again(sender, 2), ends]) == slow


@pytest.mark.parametrize("sender", [C, S])
def test_a_pubrel_of_the_connection_before_does_not_count_against_receive_maximum(sender: int) -> None:
    """Its PUBCOMP makes room all the same, but never more than there was at first (4.9)."""
    sent = [Event(0, sender, message(5, 7, 2)), Event(0, 1 - sender, ack(PUBREC, 7)), Event(0, sender, ack(PUBREL, 7))]
    start = resumed(5, *sent, taken=TWO) if sender == C else resumed(5, *sent, properties=TWO)
    start.append(Event(1, sender, ack(PUBREL, 7)))
    done = Event(1, 1 - sender, ack(PUBCOMP, 7))
    new = [Event(1, sender, message(5, number)) for number in (8, 9, 10)]
    acks = [Event(1, 1 - sender, ack(PUBACK, number)) for number in (8, 9, 10)]
    exceeded = [("receive-maximum-exceeded", ("client", "broker")[sender])]
    assert broken([*start, *new[:2], done, new[2], *acks]) == []
    assert broken([*start, *new[:2], new[2], done, *acks]) == exceeded
    assert broken([*start, done, *new, *acks]) == exceeded


# --- order (4.6) -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [3, 4, 5])
def test_of_a_client_whose_broker_was_not_captured_nothing_is_unasked(version: int) -> None:
    stream = Stream().add(0, flags=SYN).add(0).client(begin(version, clean=1)[0].data)
    for sent in (ack(PUBACK, 21), ack(PUBREC, 22), ack(PUBCOMP, 22), message(version, 12, qos=2), ack(PUBREL, 12)):
        stream.lose(1, 8).client(sent)
    assert judged(pcap(stream.client(DISCONNECT).add(0, flags=FIN | ACK).frames)) == []


@pytest.mark.parametrize("sender", [C, S])
def test_a_burst_is_no_queue_that_builds_up(sender: int) -> None:
    start = begin(4, clean=1)
    burst = [Event(0, sender, message(4, number)) for number in range(1, 2049)]
    queue = ("queue-build-up", ("client", "broker")[1 - sender])
    assert queue not in broken([*start, *burst])
    burst[127] = burst[127]._replace(pause=6)
    assert broken([*start, *burst]).count(queue) == 5


def clauses(events: list[Event]) -> list[tuple[str, str, str]]:
    """The rules, who broke them, and what is stated."""
    return [(one.rule.id, one.fault, one.clause) for one in findings(events)]


def from_both(version: int, sender: int, qos: int) -> list[Event]:
    """`sender` sends two messages."""
    return [*begin(version, clean=1), *[Event(0, sender, message(version, number, qos)) for number in (7, 8)]]


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(("qos", "kind", "statement"), [(1, PUBACK, 2), (2, PUBREC, 3)])
def test_a_client_acknowledges_in_order_and_a_broker_may_do_otherwise(
    version: int, qos: int, kind: int, statement: int
) -> None:
    rest: list[Event] = []
    if qos == 2:
        rest = [Event(0, C, ack(PUBREL, 8)), Event(0, C, ack(PUBREL, 7))]  # in the order of the PUBRECs
        rest += [Event(0, S, ack(PUBCOMP, 8)), Event(0, S, ack(PUBCOMP, 7))]
    swapped = [Event(0, S, ack(kind, 8)), Event(0, S, ack(kind, 7))]
    assert broken([*from_both(version, C, qos), *swapped, *rest]) == []
    answers = [one._replace(side=1 - one.side) for one in (*swapped, *rest)]
    clause = "MQTT 3.1, section 4.3" if version == 3 else f"[MQTT-4.6.0-{statement}]"
    assert clauses([*from_both(version, S, qos), *answers]) == [("acknowledgement-order", "client", clause)]


@pytest.mark.parametrize(
    ("version", "sender", "clause"),
    [
        (3, C, "MQTT 3.1, section 4.3"), (4, C, "[MQTT-4.6.0-4]"), (5, C, "[MQTT-4.6.0-4]"),
        (3, S, "MQTT 3.1, section 4.3"), (4, S, "[MQTT-4.6.0-6]"), (5, S, ""),
    ],
)  # fmt: skip
def test_pubrels_come_in_the_order_of_the_pubrecs(version: int, sender: int, clause: str) -> None:
    """Also from a broker to its subscribers, until MQTT 5.0 says that of clients alone."""
    start = from_both(version, sender, 2)
    receives = [Event(0, 1 - sender, ack(PUBREC, number)) for number in (7, 8)]
    releases = [Event(0, sender, ack(PUBREL, number)) for number in (7, 8)]
    completes = [Event(0, 1 - sender, ack(PUBCOMP, number)) for number in (7, 8)]
    assert clauses([*start, *receives, *releases, *completes]) == []
    expected = [("acknowledgement-order", ("client", "broker")[sender], clause)] if clause else []
    assert clauses([*start, *receives, *reversed(releases), *completes]) == expected


@pytest.mark.parametrize(
    ("version", "sender", "clause"),
    [(4, C, "[MQTT-4.6.0-1]"), (5, C, "[MQTT-4.6.0-1]"), (4, S, "[MQTT-4.6.0-6]"), (5, S, "[MQTT-4.6.0-5]")],
)
@pytest.mark.parametrize("topics", ["aa", "ab"])
def test_messages_are_sent_again_in_their_order(version: int, sender: int, clause: str, topics: str) -> None:
    """A broker of MQTT 5.0 has to keep it in one topic only."""
    first, second = (Event(0, sender, message(version, 7 + at, topic=name)) for at, name in enumerate(topics))
    start = resumed(version, first, second)
    both = [Event(1, sender, message(version, 7 + at, dup=1, topic=name)) for at, name in enumerate(topics)]
    acks = [Event(1, 1 - sender, ack(PUBACK, number)) for number in (7, 8)]
    assert clauses([*start, *both, *acks]) == []
    found = clauses([*start, *reversed(both), *reversed(acks)])
    legal = version == 5 and sender == S and topics == "ab"
    assert found == ([] if legal else [("redelivery-order", ("client", "broker")[sender], clause)])


# --- Keep Alive ------------------------------------------------------------------------------------------------------


def kept_alive(version: int, seconds: int) -> list[Event]:
    """A connection with this Keep Alive."""
    return begin(version, clean=1, keep_alive=seconds)


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_client_is_not_silent_while_it_sends_a_long_packet(version: int) -> None:
    """Its time counts from the end of one packet to the start of the next."""
    start = kept_alive(version, 4)
    long = message(version, 7, payload="x" * 100)
    pieces = [long[:1], *(long[at : at + 10] for at in range(1, len(long), 10))]
    sent = [Event(0, C, piece, 1) for piece in pieces]
    end = [Event(0, S, ack(PUBACK, 7)), Event(0, C, PINGREQ, 3), Event(0, S, PINGRESP)]
    assert broken([*start, *sent, *end]) == []
    late = [*start, sent[0]._replace(pause=9), *sent[1:], *end]
    assert broken(late) == [("keep-alive-broken", "client"), ("keep-alive-not-enforced", "broker")]
    for side in (C, S):
        assert broken([*start, *sent[:-1], Event(0, side, CLOSE)]) == []
    assert broken([*start, *sent[:-1]], close=False) == []
    if version == 5:
        assert broken([*start, *sent[:-1], Event(0, S, b"\xe0\1\x95"), Event(0, S, CLOSE)]) == []


TIMEOUT = b"\xe0\1\x8d"  # DISCONNECT, Keep Alive timeout


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("says", [False, True])
def test_a_broker_closes_after_one_and_a_half_keep_alives(version: int, says: bool) -> None:
    """In MQTT 5.0 it may say why. Much later is too late, even if it closes in the end."""
    start = [*kept_alive(version, 10), Event(0, C, PINGREQ), Event(0, S, PINGRESP)]

    def closed(after: float) -> list[tuple[str, str]]:
        if says and version == 5:
            return broken([*start, Event(0, S, TIMEOUT, after), Event(0, S, CLOSE)])
        return broken([*start, Event(0, S, CLOSE, after)])

    silent, late = ("keep-alive-broken", "client"), ("keep-alive-not-enforced", "broker")
    assert closed(9) == []
    assert closed(15) == [silent]
    assert closed(19) == [silent]  # it looks now and then
    assert closed(30) == [silent, late]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_a_client_that_stalls_in_the_middle_of_a_packet_is_silent(version: int) -> None:
    """The broker gets no control packet and not a byte: it has to close. While bytes come, nobody can say so."""
    start = kept_alive(version, 10)
    data = message(version, 7, qos=0, payload="x" * 40)
    pieces = [data[at : at + 10] for at in range(0, len(data), 10)]
    answer = [Event(0, C, PINGREQ), Event(0, S, PINGRESP)]
    assert broken([*start, Event(0, C, pieces[0]), *[Event(0, C, one, 8) for one in pieces[1:]], *answer]) == []
    late = ("keep-alive-not-enforced", "broker")
    assert broken([*start, Event(0, C, data[:20]), Event(0, C, data[20:], 30), *answer]) == [late]


def test_a_broker_that_goes_for_another_reason_says_nothing_of_keep_alive() -> None:
    start = kept_alive(5, 10)
    assert broken([*start, Event(0, S, b"\xe0\1\x8b", 9), Event(0, S, CLOSE)]) == []


def test_a_keep_alive_that_the_connack_says_counts_from_there() -> None:
    start, answer = begin(5, clean=1, keep_alive=60)[:2]
    told = answer._replace(data=connack(0, 0, b"\x13\0\5"), pause=9)
    assert broken([start, told, Event(0, C, PINGREQ, 4), Event(0, S, PINGRESP)]) == [("slow-answer", "broker")]
    late = [start, told, Event(0, C, PINGREQ, 7), Event(0, S, PINGRESP)]
    assert clauses(late)[1:] == [("keep-alive-broken", "client", "[MQTT-3.1.2-21]")]


# --- answers to nothing ----------------------------------------------------------------------------------------------

SUBACK, UNSUBACK = b"\x90\x03\0\x63\x01", b"\xb0\x02\0\x63"
SUBSCRIBE_5 = b"\x82\x07\0\x63\0\0\x01t\x01"
SUBACK_5, UNSUBACK_5 = b"\x90\x04\0\x63\0\x01", b"\xb0\x04\0\x63\0\0"


@pytest.mark.parametrize("version", [3, 4, 5])
def test_what_is_no_state_of_a_session_is_known_from_its_connection_alone(version: int) -> None:
    """The session goes on from somewhere that the capture does not have."""
    start = begin(version, present=1 if version > 3 else 0)
    one, other = (SUBACK_5, UNSUBACK_5) if version == 5 else (SUBACK, UNSUBACK)
    end = Event(0, C, PINGREQ, 2), Event(0, S, PINGRESP)
    for answer in (one, other):
        assert broken([*start, Event(0, S, answer), *end]) == [("answer-unexpected", "broker")]
    assert broken([*start, Event(0, S, PINGRESP), *end]) == [("pingresp-unasked", "broker")]
    for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        assert broken([*start, Event(0, S, ack(kind, 99)), *end]) == []


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_an_answer_that_comes_before_its_request_is_to_nothing(version: int, sender: int) -> None:
    """Unless the capture swapped them, which the acknowledgement of TCP shows."""
    start, request = begin(version, clean=1), Event(0, sender, message(version, 7))
    answer = request._replace(side=1 - sender, data=ack(PUBACK, 7))
    party = ("client", "broker")[1 - sender]
    assert broken([*start, answer, request])[0] == ("answer-unexpected", party)
    stream = Stream().handshake()
    for event in (*start, request, answer):
        stream.add(event.side, event.data)
    *before, asked, answered = stream.frames
    assert judged(pcap([*before, answered, asked])) == []


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_a_handshake_of_qos_2_may_be_captured_in_another_order(version: int, sender: int) -> None:
    start = begin(version, clean=1)
    stream = Stream().handshake()
    for event in (*start, Event(0, sender, message(version, 7, 2))):
        stream.add(event.side, event.data)
    before = list(stream.frames)
    stream.frames.clear()
    for side, kind in ((1 - sender, PUBREC), (sender, PUBREL), (1 - sender, PUBCOMP)):
        stream.add(side, ack(kind, 7))
    received, released, completed = stream.frames
    assert judged(pcap([*before, received, completed, released])) == []
    assert judged(pcap([*before, released, received, completed])) == []
    assert judged(pcap([*before[:-1], received, completed, before[-1], released])) == []
    assert judged(pcap([*before[:-1], received, completed, released, before[-1]])) == []


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_an_answer_may_be_captured_first_in_a_session_that_goes_on(version: int, sender: int) -> None:
    start = begin(version, present=1 if version > 3 else 0)
    stream = Stream().handshake()
    for event in (*start, Event(0, sender, message(version, 7)), Event(0, 1 - sender, ack(PUBACK, 7))):
        stream.add(event.side, event.data)
    *before, asked, answered = stream.frames
    stream.add(C, PINGREQ).add(S, PINGRESP)
    last = stream.frames[-2:]
    assert judged(pcap([*before, answered, asked, *last], step_ns=1_000_000_000)) == []


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_an_identifier_is_free_again_after_an_answer_that_the_capture_lacks(version: int, sender: int) -> None:
    """Though the next segment of who answered, which shows that one is missing, is not there yet."""
    start, most = begin(version, clean=1), b"\x21\0\x01" if version == 5 else b""
    if version == 5:
        start = begin(version, clean=1, properties=most, taken=most)
    for first, answer, second in (
        (message(version, 7), ack(PUBACK, 7), message(version, 7, payload="other")),
        (message(version, 7), ack(PUBACK, 7), message(version, 8)),
    ):
        stream = Stream().handshake()
        for event in (*start, Event(0, sender, first)):
            stream.add(event.side, event.data)
        stream.lose(1 - sender, len(answer))
        stream.add(sender, second).add(1 - sender, answer)
        assert [one for one in judged(pcap(stream.frames)) if one.rule.id != "capture-gap"] == []


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_what_is_under_way_in_a_session_is_known_once_it_was_seen_to_begin(version: int, sender: int) -> None:
    known = begin(version, 2, clean=1, client="c") if version == 3 else []
    start = [*known, *([Event(2, C, CLOSE)] if known else []), *resumed(version, Event(0, sender, message(version, 7)))]
    if version == 3:
        start = [one._replace(data=connack()) if one.data == connack(0, 1) else one for one in start]
    answer = Event(1, 1 - sender, ack(PUBACK, 7))
    end = Event(1, C, PINGREQ, 2), Event(1, S, PINGRESP)
    party = ("client", "broker")[1 - sender]
    assert broken([*start, answer, *end]) == []
    for kind in (PUBACK, PUBREC, PUBCOMP):
        wrong = answer._replace(data=ack(kind, 99))
        assert broken([*start, answer, wrong, *end]) == [("answer-unexpected", party)]
    repeated = Event(1, sender, ack(PUBREL, 99)), Event(1, 1 - sender, ack(PUBCOMP, 99))
    assert broken([*start, answer, *repeated, *end]) == []  # the PUBCOMP of then was captured, and did not arrive


@pytest.mark.parametrize("version", [4, 5])
def test_what_is_under_way_at_a_take_over_is_not_known(version: int) -> None:
    """The old connection ends only after the new one was accepted."""
    start = [*begin(version), Event(0, S, message(version, 7, 2)), *begin(version, 1, 1)]
    rest = [Event(0, S, CLOSE), Event(1, C, ack(PUBREC, 7)), Event(1, C, PINGREQ, 2), Event(1, S, PINGRESP)]
    assert broken([*start, *rest]) == []


@pytest.mark.parametrize(("asked", "answer"), [
    (b"\x82\x06\0\x63\0\x01t\x01", b"\x90\x03\0\x63\x01"), (b"\xa2\x05\0\x63\0\x01t", b"\xb0\x02\0\x63"),
])  # fmt: skip
def test_an_answer_that_is_captured_first_is_that_of_its_request(asked: bytes, answer: bytes) -> None:
    stream = Stream().handshake()
    for event in (*begin(4, clean=1), Event(0, C, asked), Event(0, S, answer)):
        stream.add(event.side, event.data)
    *before, request, answered = stream.add(0, DISCONNECT).frames[:-1]
    assert judged(pcap([*before, answered, request, stream.frames[-1]])) == []


@pytest.mark.parametrize("port", [1883, 31883])
def test_whatever_is_captured_first_is_the_answer(port: int) -> None:
    """Two interfaces, one of which is late by all that there is: an answer acknowledges what it is for."""
    stream = Stream(destination=(bytes([10, 0, 0, 2]), port))
    events = [*begin(5, clean=1), Event(0, C, SUBSCRIBE_5), Event(0, S, SUBACK_5), Event(0, C, PINGREQ)]
    events += [Event(0, S, PINGRESP), Event(0, C, message(5, 7, 2)), Event(0, S, ack(PUBREC, 7))]
    events += [Event(0, C, ack(PUBREL, 7)), Event(0, S, ack(PUBCOMP, 7)), Event(0, C, DISCONNECT)]
    stream.handshake()
    for event in events:
        stream.add(event.side, event.data)
    stream.fin()
    from_client = [frame for frame in stream.frames if frame[36:38] == port.to_bytes(2, "big")]
    from_broker = [frame for frame in stream.frames if frame not in from_client]
    assert judged(pcap([*from_broker, *from_client])) == judged(pcap([*from_client, *from_broker])) == []


def test_what_is_wrong_is_found_though_the_capture_swapped_it() -> None:
    stream = Stream().handshake()
    for event in (*begin(4, clean=1), Event(0, C, SUBSCRIBE), Event(0, S, b"\x90\x04\0\x63\x01\x02")):
        stream.add(event.side, event.data)
    *before, asked, answered = stream.frames
    after = Stream.fin(stream).frames[-3:]
    assert [one.rule.id for one in judged(pcap([*before, answered, asked, *after]))] == ["suback-count"]


def test_an_acknowledgement_that_is_captured_early_hides_nothing() -> None:
    """It is of what comes later."""
    stream = Stream().handshake()
    for event in (*begin(4, clean=1), Event(0, S, ack(PUBACK, 7)), Event(0, C, PINGREQ)):
        stream.add(event.side, event.data)
    early = stream.add(1).frames.pop()
    *before, wrong, ping = stream.frames
    after = stream.add(1, PINGRESP).fin().frames[-4:]
    assert [one.rule.id for one in judged(pcap([*before, early, wrong, ping, *after]))] == ["answer-unexpected"]


# --- one rule each ---------------------------------------------------------------------------------------------------

SUBSCRIBE, UNSUBSCRIBE = b"\x82\x06\0\x63\0\x01t\x01", b"\xa2\x05\0\x63\0\x01t"


def again_with_dup(data: bytes) -> bytes:
    """The same with DUP 1."""
    return bytes([data[0] | 8]) + data[1:]


@pytest.mark.parametrize(("asked", "answer"), [(SUBSCRIBE, SUBACK), (UNSUBSCRIBE, UNSUBACK)])
@pytest.mark.parametrize("answers", [1, 2])
def test_mqtt_31_repeats_subscribe_and_unsubscribe_with_dup(asked: bytes, answer: bytes, answers: int) -> None:
    start = [*begin(3, clean=1), Event(0, C, asked)]
    end = [Event(0, S, answer)] * answers
    assert broken([*start, Event(0, C, again_with_dup(asked), 3), *end]) == []
    assert broken([*start, Event(0, C, asked), *end]) == [("identifier-in-use", "client")]


@pytest.mark.parametrize(("asked", "granted", "leaves_with", "raised"), [
    (0, None, 50, True), (0, 100, 50, True), (100, 0, 50, False), (100, None, 50, False), (0, 100, 0, False),
])  # fmt: skip
def test_a_disconnect_raises_the_session_expiry_of_the_connect(
    asked: int, granted: int | None, leaves_with: int, raised: bool
) -> None:
    """Whatever the CONNACK has made of that (3.14.2.2.2)."""

    def expiry(seconds: int | None) -> bytes:
        return b"" if seconds is None else b"\x11" + seconds.to_bytes(4, "big")

    start = [Event(0, C, connect("c", level=5, properties=expiry(asked)))]
    start.append(Event(0, S, connack(properties=expiry(granted))))
    leaves = Event(0, C, b"\xe0\x07\0\x05" + expiry(leaves_with))
    expected = [("session-expiry-raised", "client")] if raised else []
    assert broken([*start, leaves]) == expected
    if granted == 0:  # is there a session then? Nobody can say
        for present in (0, 1):
            assert broken([*start, leaves, Event(0, C, CLOSE), *begin(5, 1, present)]) == []


@pytest.mark.parametrize(("size", "expected"), [(40, []), (39, [("packet-too-large", "broker")])])
def test_a_connack_may_be_too_large(size: int, expected: list[tuple[str, str]]) -> None:
    """The client has said in its CONNECT what it takes."""
    start = begin(5, clean=1, properties=b"\x27" + size.to_bytes(4, "big"), taken=b"\x1f\0\x20" + b"x" * 32)
    assert len(start[1].data) == 40
    assert broken(start) == expected


FAILURE = b"\x90\x03\0\x63\x80"


@pytest.mark.parametrize(("version", "code"), [(3, "failure"), (4, "failure"), (5, "Unspecified error")])
def test_a_refused_subscription_has_the_name_of_its_version(version: int, code: str) -> None:
    asked, answer = SUBSCRIBE, FAILURE
    if version == 5:
        asked, answer = b"\x82\x07\0\x63\0\0\x01t\x01", b"\x90\x04\0\x63\0\x80"
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(capture([*begin(version, clean=1), Event(0, C, asked), Event(0, S, answer)]))
    found = {one.rule.id: one.what for one in dissector.analysis.take()}
    assert found["subscription-refused"].endswith(f": 0x80 {code}")
    assert ("suback-return-code" in found) == (version == 3)  # which can only grant


@pytest.mark.parametrize("version", [3, 4, 5])
@pytest.mark.parametrize(("topic", "rule"), [("t/+", "wildcard-in-topic-name"), ("#", "wildcard-in-topic-name"),
                                             ("", "topic-empty"), ("t", "")])  # fmt: skip
def test_a_will_topic_is_found_wrong_once(version: int, topic: str, rule: str) -> None:
    will = (b"\0" if version == 5 else b"") + text(topic) + text("gone")
    events = [Event(0, C, connect("c", 6, level=version, rest=will)), Event(0, C, CLOSE)]
    assert [one for one in broken(events) if one[1] == "client"] == ([(rule, "client")] if rule else [])


@pytest.mark.parametrize("version", [3, 4, 5])
def test_mqtt_31_asks_nobody_to_close_a_connection_but_for_an_invalid_connect(version: int) -> None:
    dup_on_qos_0 = bytes([0x38]) + message(version, 0, 0)[1:]
    events = [*begin(version, clean=1), Event(0, C, dup_on_qos_0), Event(0, C, PINGREQ, 3), Event(0, S, PINGRESP)]
    found = broken(events)
    assert found[0] == ("dup-on-qos-0", "client")
    assert found[1:] == ([("violation-not-closed", "broker")] if version > 3 else [])
    will = (b"\0" if version == 5 else b"") + text("#") + text("gone")
    invalid = [
        Event(0, C, connect("c", 6, level=version, rest=will)),
        *events[1:2],
        *events[3:],
        Event(0, C, DISCONNECT),
    ]
    assert broken(invalid) == [("wildcard-in-topic-name", "client"), ("violation-not-closed", "broker")]


# --- one answer too many, and what follows from it -------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 5])
def test_a_second_pubrec_is_answered_with_a_second_pubrel(version: int) -> None:
    """Whoever gets a PUBREC must send a PUBREL [MQTT-4.3.3-4]: only the PUBREC is wrong."""
    start = [*begin(version, clean=1), Event(0, C, message(version, 7, 2))]
    twice = [Event(0, S, ack(PUBREC, 7)), Event(0, S, ack(PUBREC, 7))]
    released = [Event(0, C, ack(PUBREL, 7)), Event(0, S, ack(PUBCOMP, 7))]
    for events in (
        [*twice, *released, *released],
        [*twice, released[0], released[0], released[1], released[1]],
        [twice[0], released[0], twice[1], released[1], *released],
    ):
        assert broken([*start, *events]) == [("acknowledgement-wrong", "broker")]


@pytest.mark.parametrize("version", [4, 5])
def test_a_pubrec_to_nothing_is_answered_with_a_pubrel(version: int) -> None:
    events = [*begin(version, clean=1), Event(0, S, ack(PUBREC, 9)), Event(0, C, ack(PUBREL, 9))]
    assert broken([*events, Event(0, S, ack(PUBCOMP, 9))]) == [("answer-unexpected", "broker")]


# --- what follows from a malformed packet that was taken -------------------------------------------------------------

QOS_3 = publish("t", "x", 3, 7)
TOLERATED = {"violation-not-closed"}


def besides(*events: Event) -> set[tuple[str, str]]:
    """What is found, but that somebody did not close the connection, in 3.1.1 with an end after 3 s."""
    found = broken([*begin(4, clean=1), *events, Event(0, C, DISCONNECT, 3), Event(0, C, CLOSE)])
    assert TOLERATED & {rule for rule, _ in found}
    return {(rule, party) for rule, party in found if rule not in TOLERATED}


@pytest.mark.parametrize("sender", [C, S])
def test_who_answers_a_malformed_packet_does_not_answer_nothing(sender: int) -> None:
    """It should have closed the connection, which is said."""
    party = ("client", "broker")[sender]
    answers = [Event(0, 1 - sender, ack(PUBREC, 7)), Event(0, sender, ack(PUBREL, 7))]
    assert besides(Event(0, sender, QOS_3), *answers, Event(0, 1 - sender, ack(PUBCOMP, 7))) == {("qos-3", party)}
    zero = message(4, 0, 1)
    assert besides(Event(0, sender, zero), Event(0, 1 - sender, ack(PUBACK, 7))) == {("packet-identifier-zero", party)}


@pytest.mark.parametrize("sender", [C, S])
def test_a_malformed_answer_is_not_missing_as_well(sender: int) -> None:
    party = ("client", "broker")[1 - sender]
    asked = [Event(0, sender, message(4, 7, 2)), Event(0, 1 - sender, b"\x50\x01\x00")]
    assert besides(*asked) == {("bytes-missing", party)}
    assert besides(*asked, Event(0, sender, ack(PUBREL, 7)), Event(0, 1 - sender, ack(PUBCOMP, 7))) == {
        ("bytes-missing", party)
    }


def test_a_subscribe_that_breaks_off_may_have_been_read_otherwise() -> None:
    cut = b"\x82\x05\x00\x01" + text("t")  # its options are missing
    wrong = {("bytes-missing", "client")}
    assert besides(Event(0, C, cut), Event(0, S, b"\x90\x03\x00\x01\x00"), Event(0, S, publish("t", "x"))) == wrong
    cut = b"\xa2\x08\x00\x01" + text("t") + b"\x00\x02u"
    assert besides(Event(0, C, cut), Event(0, S, b"\xb0\x02\x00\x01")) == {("string-too-long", "client")}


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("sender", [C, S])
def test_what_is_sent_again_has_the_same_retain(version: int, sender: int) -> None:
    start = resumed(version, Event(0, sender, message(version, 7)))
    again = message(version, 7, dup=1)
    answer = Event(1, 1 - sender, ack(PUBACK, 7))
    changed = Event(1, sender, bytes([again[0] | 1]) + again[1:])
    assert broken([*start, changed, answer]) == [("redelivery-changed", ("client", "broker")[sender])]
