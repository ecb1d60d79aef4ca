"""What `check` says of deliveries: what a broker may do is not reported, and what it may not do is."""

from __future__ import annotations

from collections.abc import Callable, Container

import pytest
from conversations import (
    CLOSE,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    RESET,
    C,
    S,
    Timed,
    ack,
    connack,
    connect,
    publish,
    suback,
    subscribe,
    timed,
    unsuback,
    unsubscribe,
)
from support import CLIENT, Stream, packet, pcap, text

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.brokers import MOST_BROKERS
from mqttdissect.analysis.rule import NOTE
from mqttdissect.analysis.wills import MOST_ALIKE
from mqttdissect.pipeline import Dissector

READER, WRITER, OTHER, AGAIN = 0, 1, 2, 3  # connections
MAXIMUM_PACKET = 0x27
EXPIRY = b"\x02" + (500).to_bytes(4, "big")


def found(events: list[Timed], notes: bool = False, elsewhere: Container[int] = ()) -> list[tuple[str, str, str]]:
    """(rule, statement, whose fault) of each finding, in order; notes only if they are wanted. elsewhere: connections
    to another port of the broker's address."""
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    dissector.feed(timed(sorted(events, key=lambda event: event.time), elsewhere))
    dissector.close()
    return [(one.rule.id, one.clause, one.fault) for one in analysis.take() if notes or one.severity > NOTE]


def rules(events: list[Timed], notes: bool = False, elsewhere: Container[int] = ()) -> list[str]:
    """The rules alone."""
    return [rule for rule, _, _ in found(events, notes, elsewhere)]


def both(level: int = 4, subscribed: bytes = b"", granted: bytes = b"", reader: bytes = b"") -> list[Timed]:
    """A reader and a writer connect within the first second; the reader may subscribe at 0.4 s. It ends after 20 s."""
    five = level == 5
    properties = b"" if five else None
    opened = [
        Timed(0.1, READER, C, connect("reader", level=level, properties=reader)),
        Timed(0.15, READER, S, connack(properties=properties)),
        Timed(0.2, WRITER, C, connect("writer", level=level)),
        Timed(0.25, WRITER, S, connack(properties=properties)),
    ]
    if subscribed:
        opened += [Timed(0.4, READER, C, subscribed), Timed(0.45, READER, S, granted)]
    for one in (READER, WRITER):
        opened += [Timed(20, one, C, DISCONNECT), Timed(20.01, one, C, CLOSE)]
    return opened


def subscribing(level: int, *filters: tuple[str, int], identifier: int = 0) -> tuple[bytes, bytes]:
    """SUBSCRIBE and its SUBACK, which grants what was asked."""
    extra = None if level < 5 else b"" if not identifier else bytes([0x0B, identifier])
    return subscribe(1, *filters, properties=extra), suback(
        1, *[options & 3 for _, options in filters], five=level == 5
    )


def sent(
    level: int, time: float, topic: str, payload: str = "x", qos: int = 0, number: int = 7, retain: int = 0,
    properties: bytes = b"",
) -> list[Timed]:  # fmt: skip
    """The writer publishes; QoS 1 is acknowledged at once."""
    extra = properties if level == 5 else None
    events = [Timed(time, WRITER, C, publish(topic, payload, qos, number, retain, properties=extra))]
    if qos == 1:
        events.append(Timed(time + 0.001, WRITER, S, ack(4, number)))
    return events


def got(
    level: int, time: float, topic: str, payload: str = "x", qos: int = 0, number: int = 1, retain: int = 0,
    properties: bytes = b"", who: int = READER,
) -> list[Timed]:  # fmt: skip
    """A subscriber, the reader unless it is said, gets a message; QoS 1 and 2 it acknowledges."""
    extra = properties if level == 5 else None
    events = [Timed(time, who, S, publish(topic, payload, qos, number, retain, properties=extra))]
    if qos == 1:
        events.append(Timed(time + 0.001, who, C, ack(4, number)))
    if qos == 2:
        events += [
            Timed(time + 0.001 * step, who, side, ack(kind, number))
            for step, side, kind in ((1, C, 5), (2, S, 6), (3, C, 7))
        ]
    return events


def sharing() -> list[Timed]:
    """The reader and another client share a subscription; the writer publishes at 2 s. The reader's end is open."""
    asked, granted = subscribing(5, ("$share/g/a", 1))
    opened = [one for one in both(5, asked, granted) if one.time < 20 or one.connection == WRITER]
    return [
        *opened, Timed(0.5, OTHER, C, connect("other", level=5)), Timed(0.51, OTHER, S, connack(properties=b"")),
        Timed(0.52, OTHER, C, asked), Timed(0.53, OTHER, S, granted), *sent(5, 2, "a", qos=1),
        Timed(19, OTHER, C, DISCONNECT), Timed(19.1, OTHER, C, CLOSE),
    ]  # fmt: skip


LEVELS = pytest.mark.parametrize("level", [4, 5])


@LEVELS
def test_a_client_may_subscribe_before_its_connack(level: int) -> None:
    """3.1.4: it need not wait for it."""
    asked, granted = subscribing(level, ("a", 0))
    early = [one for one in both(level) if (one.connection, one.side) != (READER, S)]
    early += [
        Timed(0.11, READER, C, asked),
        Timed(0.15, READER, S, connack(properties=b"" if level == 5 else None)),
        Timed(0.16, READER, S, granted),
    ]
    assert rules([*early, *sent(level, 2, "a"), *got(level, 2.01, "a")]) == []
    assert rules([*early, *sent(level, 2, "a")]) == ["delivery-missing"]


@LEVELS
def test_after_a_clean_connection_the_subscriptions_of_the_one_before_are_gone(level: int) -> None:
    asked, granted = subscribing(level, ("a", 0))
    events = [one for one in both(level, asked, granted) if one.time < 20 or one.connection == WRITER]
    properties = b"" if level == 5 else None
    events += [
        Timed(1, READER, C, DISCONNECT), Timed(1.01, READER, C, CLOSE),
        Timed(2, AGAIN, C, connect("reader", level=level)), Timed(2.1, AGAIN, S, connack(properties=properties)),
        *sent(level, 5, "a"), *got(level, 5.01, "a", who=AGAIN),
        Timed(20, AGAIN, C, DISCONNECT), Timed(20.1, AGAIN, C, CLOSE),
    ]  # fmt: skip
    assert rules(events) == ["delivery-unsubscribed"]


def test_a_message_longer_than_the_client_takes_is_not_missing() -> None:
    """[MQTT-3.1.2-25]"""
    limit = bytes([MAXIMUM_PACKET]) + (100).to_bytes(4, "big")
    opened = both(5, *subscribing(5, ("a", 0)), reader=limit)
    assert rules([*opened, *sent(5, 2, "a", "x" * 200)]) == []
    assert rules([*opened, *sent(5, 2, "a", "x" * 20)]) == ["delivery-missing"]
    retained = sent(5, 0.3, "a", "x" * 200, qos=1, retain=1)
    late = [one._replace(time=one.time + 4) if 0.4 <= one.time < 1 else one for one in opened]
    assert rules([*late, *retained]) == []
    assert rules([*late, *sent(5, 0.3, "a", "x" * 20, qos=1, retain=1)]) == ["retained-missing"]


@LEVELS
def test_a_retained_message_may_come_late_with_retain_1(level: int) -> None:
    """It was published before the client subscribed; that it waited, for a slow client, changes nothing."""
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 2) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    retained = sent(level, 0.3, "a", qos=1, retain=1)
    assert rules([*late, *retained, *got(level, 9, "a", qos=1, retain=1)]) == []
    assert rules([*late, *sent(level, 5, "a", qos=1, retain=1), *got(level, 5.01, "a", qos=1, retain=1)]) == [
        "retain-flag-set"
    ]


@LEVELS
def test_a_message_published_after_the_suback_has_retain_0(level: int) -> None:
    """However soon after it."""
    opened = both(level, *subscribing(level, ("a", 0)))
    assert rules([*opened, *sent(level, 0.9, "a"), *got(level, 0.91, "a", retain=1)]) == ["retain-flag-set"]


def test_retain_as_published_keeps_retain_0() -> None:
    opened = both(5, *subscribing(5, ("a", 0x08)))
    assert found([*opened, *sent(5, 5, "a"), *got(5, 5.01, "a", retain=1)]) == [
        ("retain-flag-set", "[MQTT-3.3.1-13]", "broker")
    ]
    assert rules([*opened, *sent(5, 5, "a", retain=1), *got(5, 5.01, "a", retain=1)]) == []


@LEVELS
def test_a_retained_message_may_come_before_the_suback(level: int) -> None:
    """3.8.4"""
    asked, _ = subscribing(level, ("a", 1))
    opened = both(level)
    opened += [*sent(level, 0.3, "a", qos=1, retain=1), Timed(3, READER, C, asked)]
    opened += [Timed(3.02, READER, S, suback(1, 1, five=level == 5))]
    assert rules([*opened, *got(level, 3.01, "a", qos=1, retain=1)]) == []
    assert rules(opened) == ["retained-missing"]


@LEVELS
def test_a_retained_message_of_qos_0_may_be_discarded(level: int) -> None:
    """3.3.1.3: at any time. It is worth a note."""
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 3) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    assert rules([*late, *sent(level, 0.3, "a", retain=1)], notes=True) == ["retained-discarded"]
    assert rules([*late, *sent(level, 0.3, "a", qos=1, retain=1)], notes=True) == ["retained-missing"]


@LEVELS
def test_a_retained_message_sent_with_retain_0_is_not_missing_as_well(level: int) -> None:
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 3) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    events = [*late, *sent(level, 0.3, "a", qos=1, retain=1), *got(level, 3.5, "a", qos=1)]
    assert rules(events) == ["retain-flag-missing"]


@LEVELS
def test_the_retained_message_is_the_last_one(level: int) -> None:
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 6) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    first, second = sent(level, 0.3, "a", "1", 1, retain=1), sent(level, 2, "a", "2", 1, 8, retain=1)
    deleted = sent(level, 2, "a", "", 1, 8, retain=1)
    old, new = got(level, 6.5, "a", "1", 1, retain=1), got(level, 6.5, "a", "2", 1, retain=1)
    assert rules([*late, *first, *second, *new]) == []
    replaced = "[MQTT-3.3.1-5]"
    assert found([*late, *first, *second, *old])[0] == ("retained-stale", replaced, "broker")
    by_deletion = "[MQTT-3.3.1-10]" if level == 4 else "[MQTT-3.3.1-6]"
    assert found([*late, *first, *deleted, *old]) == [("retained-stale", by_deletion, "broker")]
    assert rules([*late, *first, *deleted]) == []
    live = [  # to another, so that it is known
        Timed(1, OTHER, C, connect("other", level=level)),
        Timed(1.1, OTHER, S, connack(properties=b"" if level == 5 else None)),
        Timed(1.2, OTHER, C, asked), Timed(1.3, OTHER, S, granted), *got(level, 1.4, "a", "1", 1, retain=1, who=OTHER),
        *sent(level, 4, "a", "3", 1, 9), *got(level, 4.1, "a", "3", 1, 2, who=OTHER), Timed(20, OTHER, C, DISCONNECT),
    ]  # fmt: skip
    stated = "[MQTT-3.3.1-12]" if level == 4 else "[MQTT-3.3.1-8]"
    events = [*late, *first, *live, *got(level, 6.5, "a", "3", 1, retain=1)]
    assert found(events)[0] == ("retained-stale", stated, "broker")


@LEVELS
def test_a_retained_message_may_be_for_the_subscription_that_was_just_replaced(level: int) -> None:
    """The broker has sent it before the new one came in, and before that another message."""
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 6) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    first, second = sent(level, 0.3, "a", "1", 1, retain=1), sent(level, 6.5, "a", "2", 1, 8, retain=1)
    old = [*got(level, 6.9, "a", "1", 1, retain=1), *got(level, 6.91, "a", "2", 1, 2)]
    for time, expected in ((6.8, []), (9, ["retained-stale"])):
        again = [Timed(time, READER, C, asked), Timed(time + 0.2, READER, S, granted)]
        delivered = [one._replace(time=one.time + time - 6.8) for one in old]
        assert rules([*late, *first, *second, *again, *delivered])[:1] == expected


@LEVELS
def test_an_empty_message_is_not_retained(level: int) -> None:
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 6) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    empty = sent(level, 2, "a", "", 1, retain=1)
    stated = "[MQTT-3.3.1-11]" if level == 4 else "[MQTT-3.3.1-7]"
    assert rules([*late, *empty]) == []
    assert found([*late, *empty, *got(level, 6.5, "a", "", 1, retain=1)]) == [("retained-stale", stated, "broker")]


def test_a_shared_subscription_brings_no_retained_messages() -> None:
    """4.8.2"""
    asked, granted = subscribing(5, ("$share/g/a", 1))
    late = [one._replace(time=one.time + 6) if 0.4 <= one.time < 1 else one for one in both(5, asked, granted)]
    events = [*late, *sent(5, 2, "a", qos=1, retain=1)]
    assert rules(events) == []
    unwanted = ("retained-unwanted", "MQTT 5.0, section 4.8.2", "broker")
    assert found([*events, *got(5, 6.5, "a", qos=1, retain=1)]) == [unwanted]


def test_one_of_a_shared_subscription_may_follow_another_that_lost_its_connection() -> None:
    """4.8.2, of QoS 1"""
    opened = [*sharing(), Timed(2.01, READER, S, publish("a", "x", 1, 3, properties=b""))]
    second = got(5, 4, "a", qos=1, who=OTHER)
    assert rules([*opened, Timed(3, READER, C, CLOSE), *second]) == []
    assert "shared-delivered-twice" in rules([*opened, Timed(10, READER, C, CLOSE), *second])


def test_no_local_spares_a_client_its_own_retained_message() -> None:
    events = [
        Timed(0.1, WRITER, C, connect("writer", level=5)), Timed(0.2, WRITER, S, connack(properties=b"")),
        *sent(5, 0.3, "a", qos=1, retain=1),
        Timed(3, WRITER, C, subscribe(1, ("a", 0x05), properties=b"")), Timed(3.1, WRITER, S, suback(1, 1, five=True)),
        Timed(20, WRITER, C, DISCONNECT), Timed(20.1, WRITER, C, CLOSE),
    ]  # fmt: skip
    assert rules(events) == []


@LEVELS
def test_a_wildcard_does_not_stand_for_a_dollar_in_front(level: int) -> None:
    for topic_filter, expected in (("#", 1), ("+/uptime", 1), ("$SYS/#", 0), ("a", 0)):
        opened = both(level, *subscribing(level, (topic_filter, 0)))
        findings = found([*opened, *got(level, 5, "$SYS/uptime")])
        assert findings == [("delivery-unsubscribed", "[MQTT-4.7.2-1]", "broker")] * expected


@LEVELS
def test_a_broker_may_keep_what_clients_publish_on_its_own_topics(level: int) -> None:
    """It should even: section 4.7.2."""
    asked, granted = subscribing(level, ("$SYS/a", 1))
    again = [Timed(8, READER, C, asked), Timed(8.01, READER, S, granted)]
    will = [Timed(5, OTHER, C, connect("other", 6, rest=text("$SYS/a") + text("x"))), Timed(5.01, OTHER, S, connack())]
    events = [*both(level, asked, granted), *again, *will, Timed(6, OTHER, C, RESET)]
    assert rules(events + sent(level, 2, "$SYS/a", qos=1, retain=1)) == []


@LEVELS
def test_the_qos_of_a_subscription_that_was_replaced_counts_no_longer(level: int) -> None:
    """But for messages that were published before."""
    opened = both(level, *subscribing(level, ("a", 2)))
    extra = b"" if level == 5 else None
    opened += [Timed(3, READER, C, subscribe(2, ("a", 0), properties=extra))]
    opened += [Timed(3.01, READER, S, suback(2, 0, five=level == 5))]
    assert rules([*opened, *sent(level, 6, "a", qos=1), *got(level, 6.1, "a", qos=1)]) == ["delivery-above-granted"]
    assert rules([*opened, *sent(level, 2, "a", qos=1), *got(level, 4.5, "a", qos=1)]) == []


@LEVELS
def test_of_overlapping_subscriptions_the_highest_qos_is_respected(level: int) -> None:
    """By one copy, or by one of several."""
    opened = both(level, *subscribing(level, ("a/#", 0), ("a/b", 1)))
    events = [*opened, *sent(level, 5, "a/b", qos=1)]
    assert rules([*events, *got(level, 5.01, "a/b", qos=1)]) == []
    assert rules([*events, *got(level, 5.01, "a/b"), *got(level, 5.02, "a/b", qos=1)]) == []
    stated = "[MQTT-3.3.5-1]" if level == 4 else "[MQTT-3.3.4-2]"
    assert found([*events, *got(level, 5.01, "a/b")]) == [("delivery-below-granted", stated, "broker")]


def test_a_single_copy_names_all_subscriptions() -> None:
    """[MQTT-3.3.4-4]; one of several names its own."""
    opened = both(5, *subscribing(5, ("a/#", 0), identifier=7))
    opened += [
        Timed(0.6, READER, C, subscribe(2, ("a/b", 0), properties=b"\x0b\x08")),
        Timed(0.7, READER, S, suback(2, 0, five=True)),
        *sent(5, 5, "a/b"),
    ]
    assert rules([*opened, *got(5, 5.01, "a/b", properties=b"\x0b\x07\x0b\x08")]) == []
    copies = [*got(5, 5.01, "a/b", properties=b"\x0b\x07"), *got(5, 5.02, "a/b", properties=b"\x0b\x08")]
    assert rules([*opened, *copies]) == []
    assert found([*opened, *got(5, 5.01, "a/b", properties=b"\x0b\x07")]) == [
        ("subscription-identifier-wrong", "[MQTT-3.3.4-4]", "broker")
    ]


def test_the_message_expiry_interval_is_passed_on() -> None:
    opened = both(5, *subscribing(5, ("a", 0)))
    events = [*opened, *sent(5, 5, "a", properties=EXPIRY)]
    assert rules([*events, *got(5, 5.01, "a", properties=EXPIRY)]) == []
    assert rules([*events, *got(5, 5.01, "a")]) == ["expiry-not-reduced"]
    for seconds, expected in ((498, []), (497, ["expiry-not-reduced"]), (501, ["expiry-not-reduced"])):
        assert rules([*events, *got(5, 5.01, "a", properties=b"\x02" + seconds.to_bytes(4, "big"))]) == expected


def test_what_is_published_after_the_unsuback_does_not_come_any_more() -> None:
    """What was published before may."""
    opened = both(4, *subscribing(4, ("a", 0)))
    opened += [Timed(3, READER, C, unsubscribe(2, "a")), Timed(3.01, READER, S, unsuback(2))]
    assert rules([*opened, *sent(4, 3.3, "a"), *got(4, 3.31, "a")]) == ["delivery-after-unsubscribe"]
    assert rules([*opened, *sent(4, 2.99, "a"), *got(4, 3.2, "a")]) == []
    assert rules([*opened, *sent(4, 2.999, "a")]) == []  # the two crossed


@LEVELS
def test_messages_with_retain_keep_their_order_as_well(level: int) -> None:
    opened = both(level, *subscribing(level, ("a", 0)))
    events = [*opened, *sent(level, 5, "a", "1", retain=1), *sent(level, 5.1, "a", "2", retain=1)]
    assert rules([*events, *got(level, 5.2, "a", "1"), *got(level, 5.3, "a", "2")]) == []
    assert rules([*events, *got(level, 5.2, "a", "2"), *got(level, 5.3, "a", "1")]) == ["delivery-order"]


def test_a_message_that_the_broker_refused_is_missed_by_nobody() -> None:
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    analysis.deliveries.watching = True
    opened = both(5, *subscribing(5, ("a", 1)))
    events = [
        *opened,
        Timed(5, WRITER, C, publish("a", "x", 1, 7, properties=b"")),
        Timed(5.1, WRITER, S, ack(4, 7, 0x87)),
    ]
    dissector.feed(timed(sorted(events, key=lambda event: event.time)))
    dissector.close()
    (message,) = analysis.take_messages()
    assert message.refused and message.missed() == []


def test_for_a_shared_subscription_another_client_may_have_got_the_copy_with_the_higher_qos() -> None:
    opened = both(5, *subscribing(5, ("a", 0), ("$share/g/a", 1)))
    assert rules([*opened, *sent(5, 5, "a", qos=1), *got(5, 5.01, "a")]) == []


def test_what_is_new_on_a_connection_comes_behind_what_is_sent_again() -> None:
    """Also where both are sent again on the connection after it, in the order in which they first came."""
    asked, granted = subscribing(4, ("a", 1))
    resumed = connect("reader", flags=0)
    events = [Timed(0.1, READER, C, resumed), Timed(0.2, READER, S, connack()), Timed(0.3, READER, C, asked)]
    events += [Timed(0.4, READER, S, granted), Timed(1, READER, S, publish("a", "1", 1, 1))]
    events += [Timed(1.1, READER, S, publish("a", "2", 1, 2)), Timed(1.5, READER, C, CLOSE)]

    def again(time: float, who: int, *numbers: int, dup: int = 1) -> list[Timed]:
        return [
            Timed(time + 0.1 * at, who, S, publish("a", str(number), 1, number, dup=dup))
            for at, number in enumerate(numbers)
        ]

    events += [Timed(2, WRITER, C, resumed), Timed(2.1, WRITER, S, connack(flags=1)), *again(2.2, WRITER, 1, 2)]
    events += [*again(2.5, WRITER, 3, 4, dup=0), Timed(3, WRITER, C, CLOSE)]
    events += [Timed(4, OTHER, C, resumed), Timed(4.1, OTHER, S, connack(flags=1))]
    acknowledged = [Timed(5 + number / 10, OTHER, C, ack(4, number)) for number in (1, 2, 3, 4)]
    end = [*acknowledged, Timed(6, OTHER, C, DISCONNECT), Timed(6.1, OTHER, C, CLOSE)]
    publisher = 4
    events += [Timed(0.05, publisher, C, connect("publisher")), Timed(0.06, publisher, S, connack())]
    for at, time in enumerate((0.99, 1.09, 2.49, 2.59)):
        events.append(Timed(time, publisher, C, publish("a", str(at + 1), 1, at + 1)))
        events.append(Timed(time + 0.005, publisher, S, ack(4, at + 1)))
    assert "redelivery-order" not in rules([*events, *again(4.2, OTHER, 1, 2, 3, 4), *end])
    assert "redelivery-order" in rules([*events, *again(4.2, OTHER, 3, 1, 2, 4), *end])


def test_a_message_of_qos_2_is_retained_when_it_is_released() -> None:
    """Then it may be the last one, though another was published before."""
    asked, granted = subscribing(4, ("a", 1))
    late = [one._replace(time=one.time + 6) if 0.4 <= one.time < 1 else one for one in both(4, asked, granted)]
    events = [
        *late, Timed(2, WRITER, C, publish("a", "1", 2, 8, 1)), Timed(2.1, WRITER, S, ack(5, 8)),
        *sent(4, 2.2, "a", "2", 1, 9, retain=1), Timed(2.3, WRITER, C, ack(6, 8)), Timed(2.4, WRITER, S, ack(7, 8)),
    ]  # fmt: skip
    assert rules([*events, *got(4, 6.5, "a", "1", 1, retain=1)]) == []
    assert rules([*events, *sent(4, 2.25, "a", "1", 1, 9, retain=1), *sent(4, 2.27, "a", "", 1, 9, retain=1),
                  *got(4, 6.5, "a", "1", 1, retain=1)]) == []  # fmt: skip


@LEVELS
def test_a_deletion_of_qos_2_may_count_when_it_is_published_or_released(level: int) -> None:
    """What is retained in between is there afterwards, or is not."""
    asked, granted = subscribing(level, ("a", 1))
    late = [one._replace(time=one.time + 8) if 0.4 <= one.time < 1 else one for one in both(level, asked, granted)]
    extra = b"" if level == 5 else None
    deleted = [Timed(2, WRITER, C, publish("a", "", 2, 8, 1, properties=extra)), Timed(2.1, WRITER, S, ack(5, 8))]
    released = [Timed(2.6, WRITER, C, ack(6, 8)), Timed(2.61, WRITER, S, ack(7, 8))]
    kept = sent(level, 2.5, "a", "2", 1, 9, retain=1)
    new = got(level, 8.5, "a", "2", 1, retain=1)
    assert rules([*late, *deleted, *kept, *released, *new]) == []
    assert rules([*late, *deleted, *kept, *released]) == []
    assert rules([*late, *deleted, *sent(level, 2.3, "a", "", 1, 9, retain=1), *kept, *released]) == []
    later = sent(level, 6, "a", "2", 1, 9, retain=1)
    assert rules([*late, *deleted, *kept, *later]) == ["pubrel-missing"]
    assert rules([*late, *deleted, *kept, *released, *later]) == ["retained-missing"]


def test_a_message_of_qos_2_that_is_not_complete_is_not_retained_for_sure() -> None:
    asked, granted = subscribing(4, ("a", 1))
    late = [one._replace(time=one.time + 2.7) if 0.4 <= one.time < 1 else one for one in both(4, asked, granted)]
    events = [
        *late, Timed(2, WRITER, C, publish("a", "1", 2, 8, 1)), Timed(2.1, WRITER, S, ack(5, 8)),
        Timed(2.9, WRITER, C, ack(6, 8)), Timed(3.5, WRITER, S, ack(7, 8)),
    ]  # fmt: skip
    assert rules([*events, *got(4, 3.51, "a", "1", 1)]) == []


def test_a_copy_is_due_only_for_a_subscription_that_surely_brings_one() -> None:
    """Not for one with No Local, of a client's own message; nor for one that came after the message."""
    opened = both(5, *subscribing(5, ("a/#", 0)))
    second = [
        Timed(6, READER, C, subscribe(2, ("a/b", 1), properties=b"")),
        Timed(6.1, READER, S, suback(2, 1, five=True)),
    ]
    queued = [*sent(5, 5, "a/b", qos=1), *got(5, 6.2, "a/b")]
    assert rules([*opened, *second, *queued]) == []
    own = [
        Timed(0.5, WRITER, C, subscribe(3, ("a/#", 0), ("a/b", 0x05), properties=b"")),
        Timed(0.6, WRITER, S, suback(3, 0, 1, five=True)),
    ]
    events = [*both(5), *own, *sent(5, 5, "a/b", qos=1), *got(5, 5.1, "a/b", who=WRITER)]
    assert rules(events) == []


@LEVELS
def test_another_copy_may_wait_for_the_acknowledgement_of_the_first(level: int) -> None:
    opened = both(level, *subscribing(level, ("a/#", 1), ("a/b", 2)))
    extra = b"" if level == 5 else None
    events = [
        *opened, Timed(5, WRITER, C, publish("a/b", "x", 2, 7, properties=extra)), Timed(5.1, WRITER, S, ack(5, 7)),
        Timed(5.2, WRITER, C, ack(6, 7)), Timed(5.3, WRITER, S, ack(7, 7)),
        Timed(5.4, READER, S, publish("a/b", "x", 1, 1, properties=extra)), Timed(13, READER, C, ack(4, 1)),
    ]  # fmt: skip
    assert "delivery-below-granted" not in rules([*events, *got(level, 13.1, "a/b", qos=2, number=2)])
    assert "delivery-below-granted" in rules(events)


@LEVELS
def test_what_was_buffered_for_the_subscription_before_may_still_come(level: int) -> None:
    """3.10.4: also after an UNSUBACK, and though the client has subscribed again with another QoS."""
    opened = both(level, *subscribing(level, ("a", 1)))
    extra = b"" if level == 5 else None
    left = packet(0xA2, b"\0\x02" + (b"\0" if level == 5 else b"") + b"\0\x01a")
    opened += [
        Timed(3, READER, C, left),
        Timed(3.1, READER, S, packet(0xB0, b"\0\x02" + (b"\0\0" if level == 5 else b""))),
    ]
    buffered = [*sent(level, 2.9, "a", qos=1), *got(level, 6, "a", qos=1)]
    assert rules([*opened, *buffered]) == []
    anew = [
        Timed(3.2, READER, C, subscribe(4, ("a", 0), properties=extra)),
        Timed(3.3, READER, S, suback(4, 0, five=level == 5)),
    ]
    assert rules([*opened, *anew, *buffered]) == []
    assert rules([*opened, *anew, *sent(level, 5, "a", qos=1), *got(level, 6, "a", qos=1)]) == [
        "delivery-above-granted"
    ]


def test_one_of_a_shared_subscription_that_has_acknowledged_is_the_only_one() -> None:
    opened = [*sharing(), *got(5, 2.01, "a", qos=1, number=3), Timed(3, READER, C, CLOSE)]
    assert "shared-delivered-twice" in rules([*opened, *got(5, 4, "a", qos=1, who=OTHER)])


def test_what_the_capture_did_not_see_makes_no_retained_message_stale() -> None:
    """A will, a message with a topic alias from before the capture, or what a broker ignored of a client at fault."""
    asked, granted = subscribing(5, ("a", 1))
    late = [one._replace(time=one.time + 6) if 0.4 <= one.time < 1 else one for one in both(5, asked, granted)]
    first, second = sent(5, 0.3, "a", "1", 1, retain=1), sent(5, 2, "a", "2", 1, 8, retain=1)
    old = got(5, 6.5, "a", "1", 1, retain=1)
    assert rules([*late, *first, *second, *old]) == ["retained-stale"]
    aliased = publish("", "1", 0, 0, 1, properties=b"\x23\0\x01")
    alias = [Timed(1, OTHER, C, packet(0xC0)), Timed(1.1, OTHER, S, packet(0xD0)), Timed(3, OTHER, C, aliased)]
    assert "retained-stale" not in rules([*late, *first, *second, *alias, *old])
    at_fault = [Timed(1.9, WRITER, C, subscribe(5, ("a#b", 0), properties=b"")), *second]
    assert "retained-stale" not in rules([*late, *first, *at_fault, *old])


@LEVELS
def test_the_retained_message_and_one_that_looks_like_it_are_two(level: int) -> None:
    """The same message is published again while the client subscribes: it gets both, and QoS 2 has not failed."""
    opened = both(level, *subscribing(level, ("a", 2)))
    extra = b"" if level == 5 else None
    again = [
        Timed(0.455, WRITER, C, publish("a", "x", 2, 8, 1, properties=extra)), Timed(0.456, WRITER, S, ack(5, 8)),
        Timed(0.457, WRITER, C, ack(6, 8)), Timed(0.458, WRITER, S, ack(7, 8)),
    ]  # fmt: skip
    live = got(level, 0.48, "a", qos=2, number=2)
    assert rules([*opened, *again, *got(level, 0.46, "a", retain=1), *live]) == []
    assert rules([*opened, *again, *live, *got(level, 0.6, "a", qos=2, number=3)]) == ["delivered-twice"]


@pytest.mark.parametrize("ports", [1, 50])
def test_brokers_are_bounded(ports: int) -> None:
    """Somebody looks for brokers, at very many addresses; one to which clients connect now and then stays known."""
    asked, granted = subscribing(4, ("a/#", 0))
    reader = Stream().handshake().client(connect("r")).server(connack()).client(asked).server(granted)
    frames = reader.frames.copy()
    for number in range(MOST_BROKERS + 500):
        address = bytes([20, *(number // ports).to_bytes(3, "big")])
        found = Stream(destination=(address, 1000 + number % ports)).handshake().client(connect(f"s{number}"))
        frames += found.server(connack()).client(DISCONNECT).fin().frames
        if number % 1000 == 0:
            frames += Stream(source=(CLIENT[0], 1000 + number)).handshake().client(connect(f"o{number}")).frames
    writer = Stream(source=(CLIENT[0], 900)).handshake().client(connect("w")).server(connack())
    frames += writer.client(publish("a/b", "lost")).client(PINGREQ).server(PINGRESP).frames
    frames += reader.client(PINGREQ).server(PINGRESP).frames[-2:]
    dissector = Dissector(ports=frozenset([1883, *range(1000, 1050)]))
    analysis = dissector.analysis = Analysis()
    dissector.feed(pcap(frames, pauses={len(frames) - 2: 10}))
    brokers = list(analysis.deliveries.brokers)
    assert len(brokers) <= MOST_BROKERS
    assert max(len(one.others) for one in brokers) == min(ports - 1, 16)
    dissector.close()
    assert "delivery-missing" in {one.rule.id for one in analysis.take()}


def test_wills_of_one_topic_are_bounded() -> None:
    """Clients with new identifiers, one after the other, that all leave the same will."""
    asked, granted = subscribing(4, ("gone", 0))
    events = [event for event in both(4, asked, granted) if event.connection == READER]
    for number in range(MOST_ALIKE + 100):
        at, who = 1 + number * 0.01, 10 + number
        events += [
            Timed(at, who, C, connect(f"device-{number}", 6, rest=text("gone") + text("x"))),
            Timed(at + 0.001, who, S, connack()), Timed(at + 0.002, who, C, CLOSE),
            *got(4, at + 0.003, "gone"),
        ]  # fmt: skip
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    dissector.feed(timed(sorted(events, key=lambda event: event.time)))
    assert [len(links) for broker in analysis.deliveries.brokers for links in broker.wills.values()] == [MOST_ALIKE]
    dissector.close()
    assert {one.rule.id for one in analysis.take() if one.severity > NOTE} <= {"reconnect-storm"}


GONE = b"\0\0\4gone\0\4dead"  # a will of MQTT 5.0


def dying(flags: int = 0x0E, will: bytes = GONE, properties: bytes = b"") -> list[Timed]:
    """The reader, which has subscribed to it with QoS 1, and a client whose will is due at 2 s."""
    return [
        *both(5, *subscribing(5, ("gone", 1))),
        Timed(1, OTHER, C, connect("other", flags, level=5, properties=properties, rest=will)),
        Timed(1.1, OTHER, S, connack(properties=b"")), Timed(2, OTHER, C, CLOSE),
    ]  # fmt: skip


def lacking(events: list[Timed], lost: Callable[[int, bytes], bool]) -> list[str]:
    """The rules, where the capture lacks these frames; told by second and bytes."""
    whole = timed(sorted(events, key=lambda event: event.time))
    kept, at = [whole[:24]], 24
    while at < len(whole):
        end = at + 16 + int.from_bytes(whole[at + 8 : at + 12], "little")
        if not lost(int.from_bytes(whole[at : at + 4], "little") - 1_000, whole[at + 16 : end]):
            kept.append(whole[at:end])
        at = end
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    dissector.feed(b"".join(kept))
    dissector.close()
    return [one.rule.id for one in analysis.take() if one.severity > NOTE and one.rule.id != "capture-gap"]


def later(time: float, *said: bytes) -> list[Timed]:
    """Somebody subscribes to the will at this time, and is sent this, half a second later."""
    asked, granted = subscribing(5, ("gone", 1))
    return [
        Timed(time, AGAIN, C, connect("later", level=5)), Timed(time + 0.1, AGAIN, S, connack(properties=b"")),
        Timed(time + 0.2, AGAIN, C, asked), Timed(time + 0.3, AGAIN, S, granted),
        *(Timed(time + 0.5, AGAIN, S, one) for one in said), Timed(time + 2.6, AGAIN, C, DISCONNECT),
    ]  # fmt: skip


def test_a_retained_will_is_replaced_and_deleted_as_any_other_message() -> None:
    opened = [*dying(0x26), *got(5, 2.1, "gone", "dead")]
    will = publish("gone", "dead", retain=1, properties=b"")
    for payload, how in (("", "[MQTT-3.3.1-6]"), ("alive", "[MQTT-3.3.1-5]")):
        gone = [*sent(5, 6, "gone", payload, 1, retain=1), *got(5, 6.01, "gone", payload, 1)]
        assert rules([*opened, *later(3, will), *gone]) == []
        assert found([*opened, *gone, *later(9, will)])[0] == ("retained-stale", how, "broker")
    assert rules([*opened, *later(9, will)]) == []
    assert rules([*opened, *later(9)], notes=True) == ["closed-without-disconnect", "retained-discarded"]
    quick = [*dying(0x2E), *got(5, 2.1, "gone", "dead", 1)]
    assert rules([*quick, *later(9)]) == ["retained-missing"]


def test_a_will_may_be_published_where_the_broker_has_not_read_the_disconnect() -> None:
    """Then it is not the retained one of before that looks like it."""
    other = [
        Timed(5, 9, C, connect("twin", 0x26, level=5, rest=GONE)), Timed(5.1, 9, S, connack(properties=b"")),
        Timed(9.45, 9, C, DISCONNECT),
    ]  # fmt: skip
    opened = [*dying(0x26), *got(5, 2.1, "gone", "dead"), *other, *later(9, publish("gone", "dead", properties=b""))]
    assert rules([*opened, Timed(9.46, 9, C, CLOSE)]) == ["retain-flag-missing"]
    assert rules([*opened, Timed(9.46, 9, C, RESET)]) == []


def test_a_retained_will_that_was_cancelled_hides_no_stale_message() -> None:
    polite = [*dying(0x26), Timed(1.9, OTHER, C, DISCONNECT)]
    first, second = sent(5, 0.5, "gone", "1", 1, retain=1), sent(5, 4, "gone", "2", 1, 8, retain=1)
    seen = [*got(5, 0.51, "gone", "1", 1), *got(5, 4.1, "gone", "2", 1, 2)]
    old = publish("gone", "1", retain=1, properties=b"")
    assert "retained-stale" in rules([*polite, *first, *second, *seen, *later(9, old)])


def test_a_retained_will_expires_as_any_other_message() -> None:
    """3.1.3.2.4"""
    expires = b"\x02\0\0\0\x03"
    opened = dying(0x26, b"\5" + expires + GONE[1:])
    seen = got(5, 2.1, "gone", "dead", properties=expires)
    will = publish("gone", "dead", retain=1, properties=b"\x02\0\0\0\x01")
    assert rules([*opened, *seen, *later(3, will)]) == []
    assert rules([*opened, *seen, *later(15)]) == []
    assert rules([*opened, *seen, *later(15, will)]) == ["message-expired"]
    assert rules([*opened, *got(5, 2.1, "gone", "dead")]) == ["expiry-not-reduced"]


@pytest.mark.parametrize("payload", ["alive", "dead"])
def test_a_message_that_the_capture_lacks_is_not_a_will_that_was_changed(payload: str) -> None:
    """That it lacks something it tells only later, when the publisher goes on."""
    opened = [*dying(), *got(5, 2.4, "gone", "dead", 1)]
    other, delivered = sent(5, 2.3, "gone", payload), got(5, 2.301, "gone", payload)
    assert rules([*opened, *other, *delivered]) == []
    later = sent(5, 9, "x", "more")
    lost, port = publish("gone", payload, properties=b""), (1883).to_bytes(2, "big")
    assert lacking([*opened, *other, *delivered, *later], lambda _, frame: lost in frame and frame[36:38] == port) == []
    assert rules([*opened, *delivered]) == ["will-changed"]


def test_what_a_capture_that_joins_late_cannot_read_is_not_a_will_that_was_changed() -> None:
    """The topic alias was set before the capture, and nothing tells who is the client."""
    opened = [*dying(), *got(5, 2.301, "gone", "alive"), *got(5, 2.4, "gone", "dead", 1)]
    aliased = Timed(2.3, WRITER, C, publish("", "alive", properties=b"\x23\0\x01"))
    port = (40000 + WRITER).to_bytes(2, "big")
    joined = [one for one in opened if one.connection != WRITER or one.time < 2]
    assert lacking([*joined, aliased], lambda second, frame: second < 2 and port in frame) == []


@LEVELS
def test_a_delivery_may_be_captured_before_what_was_published(level: int) -> None:
    """By a little: from two interfaces, packets come out of order. Whatever looks like it came before, or is a will."""
    opened = both(level, *subscribing(level, ("a", 2)))
    for qos in (0, 1):
        swapped = [*got(level, 5, "a", qos=qos), *sent(level, 5.004, "a", qos=qos)]
        before = [*sent(level, 3, "a", qos=qos), *got(level, 3.01, "a", qos=qos)]
        assert rules([*opened, *swapped]) == []
        assert rules([*opened, *before, *swapped]) == []
        assert rules([*opened, *swapped, *sent(level, 8, "a", qos=qos)]) == ["delivery-missing"]


@LEVELS
def test_several_deliveries_may_be_captured_before_what_was_published(level: int) -> None:
    opened = both(level, *subscribing(level, ("a", 2), ("b", 2)))
    early = [*got(level, 5, "a"), *got(level, 5.001, "b")]
    assert rules([*opened, *early, *sent(level, 5.003, "a"), *sent(level, 5.004, "b")]) == []


@LEVELS
def test_a_delivery_may_look_like_that_of_an_earlier_message(level: int) -> None:
    """Which nobody got: the one that it is of is captured later, by a little."""
    opened = both(level, *subscribing(level, ("a", 1)))
    first = sent(level, 4.9, "a", qos=1)
    assert rules([*opened, *first, *got(level, 5, "a"), *sent(level, 5.004, "a")]) == []
    assert rules([*opened, *first, *got(level, 5, "a"), *sent(level, 5.1, "a")]) != []


@LEVELS
def test_a_message_that_is_captured_just_behind_a_suback_may_have_come_before(level: int) -> None:
    opened = both(level, *subscribing(level, ("a", 1)))
    since = next(one.time for one in opened if one.data[:1] == b"\x90")
    assert rules([*opened, *sent(level, since + 0.004, "a")]) == []
    assert rules([*opened, *sent(level, since + 0.4, "a")]) == ["delivery-missing"]


def test_a_message_of_qos_2_may_be_captured_after_its_delivery() -> None:
    opened = both(4, *subscribing(4, ("a", 2)))

    def written(time: float, number: int) -> list[Timed]:
        said = [(C, publish("a", "x", 2, number)), (S, ack(5, number)), (C, ack(6, number)), (S, ack(7, number))]
        return [Timed(time + 0.001 * at, WRITER, side, data) for at, (side, data) in enumerate(said)]

    events = [*opened, *written(3, 1), *got(4, 3.01, "a", qos=2), *got(4, 5, "a", qos=2, number=2)]
    assert rules([*events, *written(5.004, 2)]) == []
    assert rules(events) == ["delivered-twice"]


def test_a_message_that_is_captured_after_its_delivery_is_not_a_will() -> None:
    cancelled = [Timed(1.9, OTHER, C, DISCONNECT), *got(5, 2.1, "gone", "dead", 1)]
    assert rules([*dying(), *cancelled, *sent(5, 2.104, "gone", "dead", 1)]) == []
    assert rules([*dying(), *cancelled]) == ["will-after-disconnect"]


@pytest.mark.parametrize("client", ["reader", "somebody else"])
@pytest.mark.parametrize("flags", [0, 2])
def test_the_session_of_a_client_may_be_that_of_another_port(client: str, flags: int) -> None:
    """Two ports of one address may be one broker, or two."""

    def connection(number: int, time: float, client: str, flags: int, present: int) -> list[Timed]:
        return [
            Timed(time, number, C, connect(client, flags)), Timed(time + 0.1, number, S, connack(0, present)),
            Timed(time + 1, number, C, DISCONNECT), Timed(time + 1.1, number, C, CLOSE),
        ]  # fmt: skip

    begun = [*connection(READER, 1, "reader", 0, 0), *connection(OTHER, 4, client, flags, 0)]
    wrong = [] if client == "reader" else ["session-present-wrong"]
    assert rules([*begun, *connection(AGAIN, 8, "reader", 0, 1)], elsewhere=[OTHER]) == []
    assert rules([*begun, *connection(AGAIN, 8, "reader", 0, 0)], elsewhere=[OTHER]) == wrong


def test_a_message_may_come_in_by_another_port() -> None:
    """It is no will that was changed, and may be the one of two that look alike."""
    opened = [*dying(), *got(5, 2.4, "gone", "dead", 1)]
    other, delivered = sent(5, 2.3, "gone", "alive"), got(5, 2.301, "gone", "alive")
    assert rules([*opened, *other, *delivered], elsewhere=[WRITER]) == []
    assert rules([*opened, *delivered], elsewhere=[WRITER]) == ["will-changed"]
    opened = both(5, *subscribing(5, ("a", 1)))
    opened += [Timed(1, OTHER, C, connect("other", level=5)), Timed(1.1, OTHER, S, connack(properties=b""))]
    opened += [Timed(2, OTHER, C, publish("a", "x", properties=b"")), *got(5, 2.1, "a", qos=1)]
    assert rules([*opened, *sent(5, 1.9, "a", qos=1), *got(5, 2.2, "a")], elsewhere=[WRITER]) == []
    assert rules(opened, elsewhere=[WRITER]) == ["delivery-above-granted"]


def test_a_client_may_come_back_by_another_port_and_cancel_its_will() -> None:
    late = b"\5\x18\0\0\0\5" + GONE[1:]
    expires = b"\x11\0\0\0\x3c"
    opened = [*dying(0x0C, late, expires), Timed(4, AGAIN, C, connect("other", 0, level=5, properties=expires))]
    opened += [Timed(4.1, AGAIN, S, connack(0, 1, b"")), Timed(19, AGAIN, C, DISCONNECT)]
    assert rules(opened, elsewhere=[AGAIN]) == []
    assert rules([one for one in opened if one.connection != AGAIN]) == ["will-not-published"]


def test_a_message_that_the_client_had_on_an_earlier_connection_is_not_due_again() -> None:
    """It looks like the one that is."""
    asked, granted = subscribing(4, ("a", 1))
    opened = [event for event in both(4) if event.connection == WRITER]
    opened += [
        Timed(0.1, READER, C, connect("reader", 0)), Timed(0.2, READER, S, connack()),
        Timed(0.3, READER, C, asked), Timed(0.4, READER, S, granted),
        *sent(4, 2, "a"), *got(4, 2.1, "a"), Timed(3, READER, C, DISCONNECT), Timed(3.1, READER, C, CLOSE),
        Timed(4, AGAIN, C, connect("reader", 0)), Timed(4.1, AGAIN, S, connack(0, 1)),
    ]  # fmt: skip
    end = [Timed(20, AGAIN, C, DISCONNECT), Timed(20.1, AGAIN, C, CLOSE)]
    assert rules([*opened, *sent(4, 8, "a", qos=1), *got(4, 8.1, "a", qos=1, who=AGAIN), *end]) == []
    assert rules([*opened, *sent(4, 8, "a", qos=1), *end]) == ["delivery-missing"]
    queued = sent(4, 3.5, "a", qos=1)
    assert rules([*opened, *queued, *got(4, 4.2, "a", qos=1, who=AGAIN), *end]) == []
    assert rules([*opened, *queued, *end]) == ["delivery-missing"]


def test_of_messages_that_look_alike_one_that_was_retained_is_the_retained_one() -> None:
    """The other one has expired, and was the reader's own."""
    opened = [*both(5, *subscribing(5, ("a", 0x05))), *sent(5, 1, "a", qos=1, retain=1), *got(5, 1.1, "a", qos=1)]
    own = [Timed(2, READER, C, publish("a", "x", properties=b"\x02\0\0\0\x01"))]
    again = [Timed(9, READER, C, subscribe(2, ("a", 1), properties=b""))]
    again += [Timed(9.1, READER, S, suback(2, 1, five=True)), *got(5, 9.2, "a", qos=1, retain=1, number=2)]
    assert rules([*opened, *own, *again]) == []


def test_a_retained_message_expires_however_long_ago_it_was_published() -> None:
    opened = [one for one in both(5) if one.connection == WRITER and one.time < 20]
    opened += sent(5, 1, "a", qos=1, retain=1, properties=b"\x02\0\0\0\x0a")
    opened += [event for at in (50, 95) for event in sent(5, at, "b", qos=1, retain=1)]
    late = [one for one in both(5, *subscribing(5, ("a", 1))) if one.connection == READER]
    events = [*opened, *(one._replace(time=one.time + 100) for one in late), Timed(140, WRITER, C, DISCONNECT)]
    assert rules(events) == []
    assert rules([*events, *got(5, 101, "a", qos=1, retain=1)]) == ["message-expired"]


def test_of_two_messages_that_look_alike_another_client_may_have_published_the_one_with_no_local() -> None:
    opened = both(5, *subscribing(5, ("a", 0x05)))
    opened += [Timed(1, OTHER, C, connect("other", level=5)), Timed(1.1, OTHER, S, connack(properties=b""))]
    own = [Timed(3, READER, C, publish("a", "x", properties=b""))]
    assert rules([*opened, *own, *sent(5, 3.1, "a", qos=1), *got(5, 3.2, "a", qos=1)]) == []
    assert rules([*opened, *own, *got(5, 3.2, "a")]) == ["delivery-no-local"]


def test_a_connection_whose_connack_is_not_captured_may_leave_a_session() -> None:
    events: list[Timed] = []
    for time, flags, present in ((1, 2, 0), (3, 0, 0), (5, 0, 1)):
        events += [
            Timed(time, time, C, connect("c", flags)), Timed(time + 0.1, time, S, connack(0, present)),
            Timed(time + 1, time, C, DISCONNECT), Timed(time + 1.1, time, C, CLOSE),
        ]  # fmt: skip
    assert rules(events) == []
    assert lacking(events, lambda second, frame: second == 3 and from_broker(frame)) == []


@LEVELS
def test_a_message_that_the_capture_lacks_may_look_like_another_one(level: int) -> None:
    opened = both(level, *subscribing(level, ("a", 1)))
    first, second = sent(level, 0.6, "a", qos=1), [*sent(level, 4, "a"), *got(level, 4.5, "a")]
    events = [*opened, *first, *second, *sent(level, 4.7, "b")]
    assert rules([*opened, *first, *got(level, 4.5, "a")]) == ["delivery-below-granted"]
    assert lacking(events, lambda second, frame: second == 4 and b"\0\1a" in frame and not from_broker(frame)) == []


def from_broker(frame: bytes) -> bool:
    """By its TCP port."""
    return frame[34:36] == (1883).to_bytes(2, "big")


def test_a_connection_whose_connect_is_not_captured_may_have_a_will() -> None:
    """Which looks like a message that somebody else has published."""
    unknown = [
        Timed(0.01, OTHER, C, connect("other", 0x0E, level=5, rest=GONE)),
        Timed(0.02, OTHER, S, connack(properties=b"")), Timed(9, OTHER, C, CLOSE),
    ]  # fmt: skip
    seen = [*sent(5, 8.9, "gone", "dead"), *got(5, 9.01, "gone", "dead", 1)]
    events = [*both(5, *subscribing(5, ("gone", 1))), *unknown, *seen]
    assert lacking(events, lambda second, frame: b"\0\5other" in frame) == []


def test_a_message_of_qos_2_that_is_sent_again_under_its_identifier_is_one_delivery() -> None:
    """Sent again without DUP it is wrong enough: its receiver knows the identifier, and takes it once (4.3.3)."""
    first = got(4, 2.1, "a", qos=2, number=3)
    events = [*both(4, *subscribing(4, ("a", 2))), *sent(4, 2, "a", qos=2), *first[:1], *first]
    events += [Timed(2.01, WRITER, S, ack(5, 7)), Timed(2.02, WRITER, C, ack(6, 7)), Timed(2.03, WRITER, S, ack(7, 7))]
    assert rules(events) == ["redelivery-without-dup"]
    assert rules([*events, *got(4, 3, "a", qos=2, number=4)]) == ["redelivery-without-dup", "delivered-twice"]


@LEVELS
@pytest.mark.parametrize("topic", ["a\0", "+", ""])
def test_a_delivery_that_is_malformed_may_be_the_one_that_is_due(level: int, topic: str) -> None:
    """What is missing then is no message."""
    broken = rules([*both(level, *subscribing(level, ("a", 0))), *sent(level, 2, "a"), *got(level, 2.1, topic)])
    assert "delivery-missing" not in broken
    assert len(broken) == 2  # what is wrong with it, and that the client does not close the connection


@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("retain", [0, 1])
def test_a_bridge_may_be_sent_retain_as_it_was_published(level: int, retain: int) -> None:
    """It asks for that with the highest bit of its protocol level."""
    events = [*sent(level, 5, "a", retain=1), *got(level, 5.01, "a", retain=retain)]
    opened = both(level, *subscribing(level, ("a", 0)))
    assert rules([*opened, *events]) == ["retain-flag-set"] * retain
    bridge = [one._replace(data=connect("reader", level=0x80 | level)) if one.time == 0.1 else one for one in opened]
    if level == 3:
        bridge[0] = bridge[0]._replace(data=bridge[0].data.replace(text("MQTT"), text("MQIsdp")))
        bridge[0] = bridge[0]._replace(data=bytes([0x10, len(bridge[0].data) - 2]) + bridge[0].data[2:])
    assert rules([*bridge, *events]) == []


def released(time: float) -> list[Timed]:
    """The rest of the writer's message of QoS 2."""
    return [Timed(time, WRITER, S, ack(5, 7)), Timed(time, WRITER, C, ack(6, 7)), Timed(time, WRITER, S, ack(7, 7))]


def test_a_retained_message_may_come_again_for_a_subscription_made_anew() -> None:
    """With Retain As Published too it is not the message that was published, delivered a second time."""
    events = [*both(5, *subscribing(5, ("a", 2))), *sent(5, 2, "a", qos=2, retain=1), *released(2.01)]
    events += got(5, 2.1, "a", qos=2, number=3)
    asked, granted = subscribing(5, ("a", 8 | 2))
    again = [Timed(8, READER, C, asked), Timed(8.01, READER, S, granted)]
    assert rules([*events, *again, *got(5, 8.02, "a", qos=2, number=4, retain=1)]) == []
    assert rules([*events, *got(5, 8.02, "a", qos=2, number=4)]) == ["delivered-twice"]


@pytest.mark.parametrize("options", [1, 8 | 1])
def test_a_retained_message_for_a_shared_subscription_is_not_a_second_delivery(options: int) -> None:
    """It is one that the broker must not send (4.8.2), whether or not RETAIN is as published."""
    asked, granted = subscribing(5, ("$share/g/a", options))
    opened = [
        *both(5, asked, granted),
        *sent(5, 2, "a", qos=1, retain=1),
        *got(5, 2.1, "a", qos=1, retain=options >> 3),
    ]
    other = [Timed(6, OTHER, C, connect("other", level=5)), Timed(6.01, OTHER, S, connack(properties=b""))]
    other += [Timed(6.1, OTHER, C, asked), Timed(6.11, OTHER, S, granted)]
    retained = got(5, 6.12, "a", qos=1, retain=1, who=OTHER)
    assert found([*opened, *other, *retained]) == [("retained-unwanted", "MQTT 5.0, section 4.8.2", "broker")]


def test_of_copies_that_look_alike_none_is_the_only_one() -> None:
    """The second copy of the first message may be taken for the first copy of the second."""
    opened = both(5, *subscribing(5, ("a", 0), identifier=1))
    again = subscribe(2, ("#", 0), properties=b"\x0b\x02")
    opened += [Timed(0.5, READER, C, again), Timed(0.51, READER, S, suback(2, 0, five=True))]
    copies = [
        one
        for at in (5.01, 5.02)
        for number in (b"\x0b\x01", b"\x0b\x02")
        for one in got(5, at, "a", properties=number)
    ]
    assert rules([*opened, *sent(5, 5, "a"), *copies[:1]]) == ["subscription-identifier-wrong"]
    assert rules([*opened, *sent(5, 5, "a"), *sent(5, 5.005, "a"), *copies]) == []


def test_a_retained_will_may_come_late_to_a_new_subscriber() -> None:
    """Then it is sent because it is published, with RETAIN 0."""
    will = connect("other", 0x26, rest=text("w") + text("x"))
    opened = [*both(4), Timed(1, OTHER, C, will), Timed(1.01, OTHER, S, connack()), Timed(2, OTHER, C, RESET)]
    asked, granted = subscribing(4, ("w", 0))
    opened += [Timed(4, READER, C, asked), Timed(4.01, READER, S, granted)]
    assert rules([*opened, *got(4, 4.5, "w")]) == []


@pytest.mark.parametrize("qos", [0, 1])
def test_a_copy_of_qos_0_is_not_due_to_a_client_that_was_away(qos: int) -> None:
    """A session keeps those of QoS 1 and 2 (3.1.2.4): the copy for another subscription may be the only one."""
    asked, granted = subscribing(5, ("a", 1), identifier=1)
    opened = [
        one for one in both(5, asked, granted, b"\x11\xff\xff\xff\xff") if one.time < 1 or one.connection == WRITER
    ]
    opened += [Timed(0.5, READER, C, subscribe(2, ("#", qos), properties=b"\x0b\x02"))]
    opened += [Timed(0.51, READER, S, suback(2, qos, five=True)), Timed(1, READER, C, CLOSE)]
    opened += [Timed(4, AGAIN, C, connect("reader", 0, level=5)), Timed(4.01, AGAIN, S, connack(0, 1, b""))]
    opened += [*sent(5, 2, "a", qos=1), *got(5, 4.02, "a", qos=1, who=AGAIN, properties=b"\x0b\x01")]
    opened += [*sent(5, 11, "b"), *got(5, 11.01, "b", qos=0, who=AGAIN, properties=b"\x0b\x02")]
    assert rules([*opened, Timed(19, AGAIN, C, DISCONNECT)]) == ["subscription-identifier-wrong"] * qos
