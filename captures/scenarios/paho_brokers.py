"""One conversation for any broker of MQTT 3.1.1, for telling brokers apart: `survey`. It waits for what a broker should
send, and goes on if that does not come."""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import time

from peer import Peer

PATIENCE = 1.5  # seconds, for a message that does not come
AWAY = 0.5  # seconds


def expect(peer: Peer, count: int = 1) -> None:
    """Wait for messages, and let the acknowledgements get through."""
    for _ in range(count):
        try:
            peer.inbox.get(timeout=PATIENCE)
        except queue.Empty:
            break
    time.sleep(0.1)


def leave(peer: Peer, *filters: str) -> None:
    """UNSUBSCRIBE; that the broker has gone, or does not answer, is part of the picture."""
    if peer.gone.is_set():
        return
    peer.client.unsubscribe(list(filters))
    with contextlib.suppress(queue.Empty):
        peer.answers.get(timeout=PATIENCE)


def reading(number: int) -> str:
    """A payload with a counter and a time, as devices send it."""
    return json.dumps({"number": number, "time": time.time(), "state": "fine"})


def survey() -> None:
    """Subscriptions of each QoS, messages of each QoS, retained ones, UNSUBSCRIBE, PING, a will, a session."""
    watcher = Peer("watcher").login("alice", "wonderland")
    watcher.connect()
    watcher.subscribe(("survey/will", 1))
    surveyor = Peer("surveyor", clean=False).login("alice", "wonderland").will("survey/will", "lost", 1)
    surveyor.connect(keepalive=2)
    surveyor.subscribe(("survey/zero/#", 0), ("survey/one/+", 1), ("survey/two", 2))
    number = 0
    for topic in ("survey/zero/a", "survey/one/b", "survey/two"):
        for qos in (0, 1, 2):
            number += 1
            surveyor.publish(topic, reading(number), qos)
            expect(surveyor)
    surveyor.publish("survey/kept/attic", "cold", 1, retain=True)
    surveyor.publish("survey/kept/cellar", "damp", 2, retain=True)
    surveyor.subscribe(("survey/kept/attic", 1))
    expect(surveyor)
    leave(surveyor, "survey/zero/#", "survey/kept/attic")
    surveyor.publish("survey/zero/a", "nobody listens", 1)
    time.sleep(2.7)
    surveyor.drop()
    expect(watcher)
    time.sleep(AWAY)
    for qos in (0, 1, 2):
        watcher.publish("survey/one/b", f"while you were away, QoS {qos}", qos)
    guest = Peer(f"guest-{secrets.token_hex(6)}").login("alice", "wonderland")
    guest.connect()
    guest.publish("survey/two", "from a guest", 1)
    guest.disconnect()
    time.sleep(0.2)
    surveyor = Peer("surveyor", clean=False).login("alice", "wonderland")
    surveyor.connect()
    expect(surveyor, 3)
    collector = Peer("collector").login("alice", "wonderland")
    collector.connect()
    collector.subscribe(("survey/kept/cellar", 2))
    expect(collector)
    leave(collector, "survey/kept/cellar")
    collector.client.disconnect()
    collector.wait_gone()
    surveyor.publish("survey/kept/attic", b"", 1, retain=True)
    surveyor.publish("survey/kept/cellar", b"", 1, retain=True)
    expect(surveyor)
    surveyor.disconnect()
    watcher.disconnect()


if __name__ == "__main__":
    survey()
