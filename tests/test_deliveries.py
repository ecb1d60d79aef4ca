"""`mqttdissect deliveries`: messages from publisher to subscribers, on captures whose course is known."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from conversations import CLOSE, C, Event, S, ack, capture, connack, connect, publish, suback, subscribe

from mqttdissect.analysis import facts
from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.brokers import Broker
from mqttdissect.pipeline import Dissector

CAPTURES = Path(__file__).parent.parent / "captures"
Run = Callable[..., subprocess.CompletedProcess[str]]


def deliveries(run: Run, name: str, *more: str) -> dict[int, dict[str, object]]:
    """By frame of the PUBLISH to the broker."""
    done = run("deliveries", "-T", "json", CAPTURES / name, *more)
    assert done.returncode == 0, done.stderr
    return {one["frame"]: one for one in map(json.loads, done.stdout.splitlines())}


def frames(message: dict[str, object]) -> list[int]:
    """Of its deliveries."""
    return [one["frame"] for one in message["delivered"]]  # type: ignore[attr-defined]


def test_a_retained_message_goes_to_those_who_subscribe_later(mqttdissect: Run) -> None:
    found = deliveries(mqttdissect, "mosquitto-3.1.1-retained.pcapng")
    assert frames(found[8]) == [39]
    assert frames(found[21]) == [39, 92]
    assert found[21]["retain"] is True and found[21]["publisher"] == "setter"


def test_wills_are_tied_to_their_connect(mqttdissect: Run) -> None:
    found = deliveries(mqttdissect, "mosquitto-5.0-wills.pcapng")
    assert {one["publisher"]: frames(one) for one in found.values() if one["will"]} == {
        "dies-now": [49],
        "polite": [62],
        "dies-late": [77],
    }


def test_every_publish_of_a_client_is_there_once(mqttdissect: Run) -> None:
    name = "mosquitto-3.1.1-qos.pcap"
    lines = mqttdissect("-T", "json", CAPTURES / name).stdout.splitlines()
    packets = [json.loads(line) for line in lines]
    sent = [one["frame"] for one in packets if one["packet"] == "PUBLISH" and one["dst"].endswith(":1883")]
    received = [one["frame"] for one in packets if one["packet"] == "PUBLISH" and one["src"].endswith(":1883")]
    done = mqttdissect("deliveries", "-T", "json", CAPTURES / name)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(one["frame"] for one in found) == sorted(sent)
    assert sorted(frame for one in found for frame in frames(one)) == sorted(received)
    for one in found:
        assert not one["missed"]
        for delivery in one["delivered"]:
            assert 0 < float(delivery["after"]) < 1


def test_the_same_payload_again_is_another_message(mqttdissect: Run) -> None:
    found = deliveries(mqttdissect, "rabbitmq-3.1.1-and-3.1.pcap")
    assert frames(found[10]) == [11] and frames(found[44]) == [45], "not the one of the session before"


def test_a_bridge_does_not_get_back_what_it_sends(mqttdissect: Run) -> None:
    found = deliveries(mqttdissect, "mosquitto-bridge.pcap")
    assert not [one for one in found.values() if one["missed"]]


def test_filters_by_topic_and_client(mqttdissect: Run) -> None:
    everything = deliveries(mqttdissect, "mosquitto-bridge.pcap")
    some = deliveries(mqttdissect, "mosquitto-bridge.pcap", "--topic", "edge/+/up")
    assert some == {frame: one for frame, one in everything.items() if str(one["topic"]).endswith("/up") and
                    str(one["topic"]).startswith("edge")}  # fmt: skip
    boss = deliveries(mqttdissect, "mosquitto-bridge.pcap", "--client", "bo*")
    assert boss and all(one["publisher"] == "boss" for one in boss.values())


def test_text_names_the_subscribers(mqttdissect: Run) -> None:
    done = mqttdissect("deliveries", CAPTURES / "mosquitto-5.0-wills.pcapng")
    assert done.stdout.splitlines()[0] == (
        "#13  1.007237  dies-now → will/now  QoS 2  RETAIN  will  16 B  to watcher #49 after 0.196 ms"
    )


def test_what_a_message_owes() -> None:
    """One client or many, in any order: each is owed once, on its last connection, and not more than the bound."""
    clients = [facts.Client(str(number), b"") for number in range(5)]
    message = facts.Message("t", 1, False, 1, 1)
    assert message.owed() == []
    assert all(message.owe(client, 10 + at, 4) for at, client in enumerate(clients[:4]))
    assert not message.owe(clients[4], 14, 4)
    assert message.owe(clients[1], 21, 4)  # it came back
    message.paid(clients[0])
    message.paid(clients[0])
    message.paid(clients[4])
    assert message.owe(clients[4], 24, 4)
    assert [(client.id, number) for client, number in message.owed()] == [("1", 21), ("2", 12), ("3", 13), ("4", 24)]
    assert (message.owed_to(clients[0]), message.owed_to(clients[4])) == (facts.UNKNOWN, 24)
    for client in clients:
        message.paid(client)
    assert (message.owes, message.owed()) == (0, [])
    assert message.owe(clients[2], 32, 4)
    assert message.owed_to(clients[2]) == 32


def order_findings(publishers: int, delivered: list[tuple[int, int]]) -> list[int]:
    """Frames of `delivery-order`, where each of so many clients publishes two messages on t, and a reader gets
    (publisher, which of its messages)."""
    reader = publishers
    events = [Event(reader, C, connect("r")), Event(reader, S, connack())]
    events += [Event(reader, C, subscribe(1, ("t", 0))), Event(reader, S, suback(1, 0))]
    for who in range(publishers):
        events += [Event(who, C, connect(f"p{who}")), Event(who, S, connack())]
    events += [Event(who, C, publish("t", f"{who} {at}")) for at in range(2) for who in range(publishers)]
    events += [Event(reader, S, publish("t", f"{who} {at}")) for who, at in delivered]
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(capture(events))
    dissector.close()
    return [int(one.frame) for one in dissector.analysis.take() if one.rule.id == "delivery-order"]


def test_each_publisher_has_an_order_of_its_own() -> None:
    """Messages of several may be mixed in any way; those of one may not change places, whoever came in between."""
    assert order_findings(3, [(0, 0), (2, 0), (1, 0), (2, 1), (0, 1), (1, 1)]) == []
    assert len(order_findings(3, [(0, 1), (1, 0), (2, 1), (0, 0), (1, 1), (2, 0)])) == 2
    many = 70  # more than are watched on one topic
    assert order_findings(many, [(who, at) for at in range(2) for who in range(many)]) == []
    assert len(order_findings(many, [(many - 1, 1), (many - 1, 0)])) == 1


def test_a_will_may_be_published_before_the_end_of_its_connection_is_captured(mqttdissect: Run) -> None:
    """Such as where the broker closes it: the will is there once, with who got it."""
    events = [Event(0, C, connect("r")), Event(0, S, connack()), Event(0, C, subscribe(1, ("t", 1)))]
    events += [
        Event(0, S, suback(1, 1)),
        Event(1, C, connect("w", 0x2E, rest=b"\0\1t\0\4dead")),
        Event(1, S, connack()),
    ]
    events += [Event(0, S, publish("t", "dead", 1, 1)), Event(0, C, ack(4, 1)), Event(1, S, CLOSE)]
    done = mqttdissect("deliveries", "-T", "json", "-", input=capture(events))
    (will,) = map(json.loads, done.stdout.splitlines())
    assert will["will"] and will["publisher"] == "w" and will["retain"]
    assert [one["client_id"] for one in will["delivered"]] == ["r"]


def test_a_delivery_that_comes_early_for_two_reasons_is_remembered_once() -> None:
    """It may be a will, and a message that looks like one."""
    events = [Event(0, C, connect("r")), Event(0, S, connack()), Event(0, S, publish("t", "dead"))]
    *_, packet = Dissector().feed(capture(events))
    assert packet.stream is not None
    link, delivery, broker = facts.Link(packet.stream, 1, 1, facts.Losses()), facts.Publish(packet), Broker(b"")
    for _ in range(2):
        broker.comes_early(5, link, delivery)
    assert broker.came_early(5, 0) == [delivery]
    assert broker.came_early(5, 0) == []
