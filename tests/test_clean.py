"""Conversations in which nobody errs have no finding of severity warning or above.

The shipped captures are held to the two tables below: what is in neither must have no finding, and what is in them must
have exactly those. `docs/deviations.md` explains the deviations.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support import CONNACK, PINGREQ, PINGRESP, Stream, connect, pcap, publish

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.rule import WARNING
from mqttdissect.pipeline import Dissector

Finding = tuple[str, str]  # rule, party

# What brokers and clients do of their own accord that the standard does not allow
DEVIATIONS: dict[str, dict[Finding, str]] = {
    "aedes-3.1.1-mqttjs.pcapng": {
        ("pubrel-missing", "broker"): "aedes sends PUBREL 24343 twice and PUBREL 24342 never",
    },
    "amqtt-3.1.1-port-31883.pcap": {
        ("delivery-above-granted", "broker"): "aMQTT delivers with the QoS of the subscription, whatever was published",
    },
    "ejabberd-5.0-reason-strings.pcap": {
        ("answer-unexpected", "client"): "paho-mqtt sends PUBREL after a PUBREC that refuses the message",
    },
    "mqttools-5.0-qos0-only.pcap": {
        ("wildcard-unavailable", "client"): "mqtt.js does not heed Wildcard Subscription Available",
    },
    "rabbitmq-3.1.1-and-3.1.pcap": {
        ("acknowledgement-wrong", "broker"): "RabbitMQ 3.10 answers a PUBLISH of QoS 2 with PUBACK",
        ("retained-missing", "broker"): "RabbitMQ 3.10 does not send retained messages for filters with wildcards",
        ("connack-missing", "broker"): "RabbitMQ 3.10 closes on MQTT 5.0 without a CONNACK",
    },
    "scripted-5.0-server-properties.pcapng": {
        ("maximum-qos-exceeded", "client"): "mqtt.js does not heed Maximum QoS",
        ("shared-unavailable", "client"): "mqtt.js does not heed Shared Subscription Available",
    },
    "survey-aedes.pcap": {
        ("delivery-above-granted", "broker"): "aedes delivers QoS 2 to a subscription that was granted QoS 1",
    },
    "survey-amqtt.pcap": {
        ("delivery-above-granted", "broker"): "aMQTT delivers with the QoS of the subscription, whatever was published",
        ("delivery-unsubscribed", "broker"): "aMQTT sends a retained message to every client that connects",
        ("session-present-wrong", "broker"): "aMQTT does not keep the session of a client that was dropped",
    },
    "survey-rabbitmq.pcap": {
        ("acknowledgement-wrong", "broker"): "RabbitMQ 3.10 answers a PUBLISH of QoS 2 with PUBACK",
    },
}

# What a scenario does on purpose, with scripted clients or against limits
PROVOKED: dict[str, set[Finding]] = {
    "aedes-3.1.1-mqttjs.pcapng": {("client-identifier-long", "client")},
    "ejabberd-5.0-reason-strings.pcap": {
        ("payload-not-utf-8", "client"), ("shared-unavailable", "client"), ("topic-alias-exceeded", "client"),
    },
    "ejabberd-5.0-server-disconnect.pcap": {("keep-alive-broken", "client")},
    "mosquitto-3.1.1-refused.pcap": {("client-identifier-empty", "client"), ("protocol-level", "client")},
    "mosquitto-3.1.1-will.pcap": {("keep-alive-broken", "client")},
    "mosquitto-5.0-broker-limits.pcap": {
        ("maximum-qos-exceeded", "client"), ("packet-too-large", "client"), ("retain-unavailable", "client"),
        ("topic-alias-exceeded", "client"),
    },
    "mosquitto-5.0-refused.pcap": {("protocol-level", "client")},
    "mosquitto-5.0-topic-aliases.pcap": {("topic-alias-unknown", "client")},
    "rabbitmq-3.1.1-and-3.1.pcap": {("protocol-level", "client")},
    "scripted-5.0-server-properties.pcapng": {
        ("subscription-identifier-wrong", "broker"), ("violation-not-closed", "broker"),
    },
}  # fmt: skip
FAULTY = "mosquitto-malformed-packets.pcapng"  # one fault a connection


def findings(capture: bytes) -> set[Finding]:
    """What is found in a capture, of severity warning or above."""
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(capture)
    dissector.close()
    return {(one.rule.id, one.fault) for one in dissector.analysis.take() if one.severity >= WARNING}


def test_shipped_captures(capture: Path) -> None:
    """Exactly what the tables say."""
    if capture.name == FAULTY:
        assert len(findings(capture.read_bytes())) >= 25
        return
    wanted = set(DEVIATIONS.get(capture.name, {})) | PROVOKED.get(capture.name, set())
    assert findings(capture.read_bytes()) == wanted


def test_tables_name_shipped_captures() -> None:
    """Nothing is allowed that is not there."""
    folder = Path(__file__).parent.parent / "captures"
    assert all((folder / name).exists() for name in (*DEVIATIONS, *PROVOKED, FAULTY))


def test_every_deviation_is_explained() -> None:
    """The page on deviations has each rule and each capture."""
    page = (Path(__file__).parent.parent / "docs" / "deviations.md").read_text()
    for name, rules in DEVIATIONS.items():
        assert name in page
        for rule, _ in rules:
            assert f"`{rule}`" in page


def stream(port: int) -> Stream:
    """A connection that has been let in."""
    one = Stream((bytes([10, 0, 0, 1]), port)).handshake()
    return one.client(connect(f"client-{port}")).server(CONNACK)


def test_an_idle_connection_at_the_end_is_no_jump_of_the_clock() -> None:
    """A connection whose last segment was long before the capture ends."""
    idle, busy = stream(40001), stream(40002)
    for _ in range(20):
        busy.client(PINGREQ).server(PINGRESP)
    assert findings(pcap(idle.frames + busy.frames, step_ns=500_000_000)) == set()


@pytest.mark.parametrize("late", [publish("a/b", b"late"), b"\xe0\0"], ids=["PUBLISH", "DISCONNECT"])
def test_packets_behind_the_end_of_the_other_side(late: bytes) -> None:
    """What a client still sends when the broker has closed begins no new connection."""
    one = stream(40001)
    one.add(1, flags=17).add(0).client(late).add(0, flags=17).add(1)
    assert findings(pcap(one.frames)) == set()
