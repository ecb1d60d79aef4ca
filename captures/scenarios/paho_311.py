"""MQTT 3.1 and 3.1.1 scenarios played by paho-mqtt. One function is one scenario."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable

from peer import HOST, PORT, MQTTv5, MQTTv31, MQTTv311, Peer

UNICODE = "дом/キッチン/🌡️"


def messages(version: int = MQTTv311) -> None:
    """QoS 0, 1 and 2 in both directions; text, JSON, binary and empty payloads; UNSUBSCRIBE; PINGREQ."""
    label = "mqisdp" if version == MQTTv31 else "messages"
    reader, writer = Peer(f"{label}-reader", version), Peer(f"{label}-writer", version)
    reader.login("alice", "wonderland").connect(keepalive=2)
    writer.login("alice", "wonderland").connect(keepalive=60)
    reader.subscribe(("home/+/qos0", 0), ("home/+/qos1", 1), ("home/+/qos2", 2), (f"{UNICODE}/#", 2))
    reader.subscribe(("home/binary", 1))
    for qos in (0, 1, 2):
        writer.publish(f"home/kitchen/qos{qos}", f"text at QoS {qos}", qos)
        writer.publish(f"home/hall/qos{qos}", json.dumps({"temperature": 21.5, "qos": qos, "unit": "°C"}), qos)
    writer.publish(f"{UNICODE}/температура", "二十一度 ✓", 1)
    writer.publish("home/binary", bytes(range(256)), 1)
    writer.publish("home/binary", b"", 1)
    reader.receive(9)
    reader.unsubscribe("home/+/qos0", "home/+/qos1")
    writer.publish("home/kitchen/qos1", "nobody listens", 1)
    time.sleep(4.5)
    reader.unsubscribe("never/subscribed")
    writer.disconnect()
    reader.disconnect()


def messages_31() -> None:
    messages(MQTTv31)


def session() -> None:
    """Clean session 0: queued messages, session present, a takeover, the session cleared."""
    reader = Peer("sleeper", clean=False)
    reader.connect()
    reader.subscribe(("queue/#", 2))
    reader.disconnect()
    writer = Peer("postman")
    writer.connect()
    for number, qos in enumerate((0, 1, 2, 1, 2)):
        writer.publish(f"queue/{number}", f"while you slept, QoS {qos}", qos)
    reader = Peer("sleeper", clean=False)
    reader.connect()
    reader.receive(4)
    # The session moves to a second connection while the first is open: 3.1.1 closes the first without a word.
    second = Peer("sleeper", clean=False)
    second.connect()
    reader.wait_gone()
    writer.publish("queue/5", "to the second connection", 1)
    second.receive()
    second.disconnect()
    last = Peer("sleeper", clean=True)
    last.connect()
    last.disconnect()
    writer.disconnect()


def many_clients() -> None:
    """36 clients of three versions, IPv4 and IPv6, all at once."""
    rng = random.Random(1883)
    versions = [MQTTv31, MQTTv311, MQTTv5]
    clients = [Peer(f"client-{number:02}", versions[number % 3]) for number in range(36)]
    for number, client in enumerate(clients):
        client.connect(host="::1" if number % 2 else "127.0.0.1", keepalive=30 + number)
    for number, client in enumerate(clients):
        client.subscribe((f"room/{number % 6}/#", number % 3))
    for _ in range(60):
        number = rng.randrange(36)
        clients[number].publish(f"room/{rng.randrange(6)}/{number}", f"from {number}", rng.randrange(3))
    time.sleep(0.5)
    for number, client in enumerate(clients):
        client.drop() if number % 9 == 8 else client.disconnect()


def simple() -> None:
    """Subscribe, three messages of rising QoS, goodbye: for recordings whose point is the capture format."""
    client = Peer("simple")
    client.connect(host=HOST, port=PORT)
    client.subscribe(("simple/#", 2))
    for qos in (0, 1, 2):
        client.publish(f"simple/{qos}", f"message {qos}: " + "mqtt " * 20, qos)
    client.receive(3)
    client.unsubscribe("simple/#")
    client.disconnect()


def joined() -> None:
    """Two clients that are connected when the recording begins (the recorder waits for 'ready')."""
    reader, writer = Peer("early-reader"), Peer("early-writer", MQTTv5)
    reader.connect(keepalive=2)
    writer.connect()
    reader.subscribe(("joined/#", 2))
    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(6):
        writer.publish(f"joined/{number}", json.dumps({"number": number}), number % 3, MessageExpiryInterval=60)
    reader.receive(6)
    time.sleep(2.5)
    reader.disconnect()
    writer.disconnect()


def rabbitmq() -> None:
    """RabbitMQ 3.10 speaks 3.1 and 3.1.1 and grants QoS 1 where 2 is asked for."""
    for version in (MQTTv311, MQTTv31):
        client = Peer(f"rabbit-{version}", version, clean=version == MQTTv31).login("alice", "wonderland")
        client.will("rabbit/will", "gone", 1).connect(keepalive=2)
        client.subscribe(("rabbit/+/data", 2), ("rabbit/will", 0))
        for qos in (0, 1, 2):
            client.publish("rabbit/hole/data", f"QoS {qos}", qos)
        client.publish("rabbit/retained/data", "kept", 1, retain=True)
        client.receive(4)
        time.sleep(2.5)
        client.unsubscribe("rabbit/+/data")
        client.disconnect()
    print("bad password:", Peer("rabbit-bad").login("alice", "queen-of-hearts").connect())
    again = Peer("rabbit-4", clean=False).login("alice", "wonderland")
    again.connect()
    again.drop()


def amqtt() -> None:
    """aMQTT over 3.1.1: every QoS, a retained message, a will, a session that is there again."""
    reader = Peer("amqtt-reader", clean=False)
    reader.connect(keepalive=2)
    reader.subscribe(("amqtt/#", 2))
    writer = Peer("amqtt-writer").will("amqtt/will", "the writer has gone", 1)
    writer.connect()
    for qos in (0, 1, 2):
        writer.publish(f"amqtt/{qos}", f"QoS {qos}", qos)
    writer.publish("amqtt/retained", "kept", 1, retain=True)
    reader.receive(4)
    writer.drop()
    reader.receive(1)
    time.sleep(2.5)
    reader.disconnect()
    reader = Peer("amqtt-reader", clean=False)
    reader.connect()
    reader.disconnect()


SCENARIOS: dict[str, Callable[[], None]] = {
    "messages": messages,
    "messages-3.1": messages_31,
    "session": session,
    "many-clients": many_clients,
    "simple": simple,
    "joined": joined,
    "rabbitmq": rabbitmq,
    "amqtt": amqtt,
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
