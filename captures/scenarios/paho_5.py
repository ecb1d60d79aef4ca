"""MQTT 5.0 scenarios played by paho-mqtt. One function is one scenario."""

from __future__ import annotations

import json
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt.subscribeoptions import SubscribeOptions
from peer import MQTTv5, Peer, properties

TRACE = [("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("größe", "42 ✓")]


def every_property() -> None:
    """Every property that paho may put into CONNECT, will, PUBLISH, SUBSCRIBE, UNSUBSCRIBE and DISCONNECT."""
    asker = Peer("", MQTTv5)
    asker.will(
        "will/asker", '{"gone":true}', 1, True, WillDelayInterval=5, PayloadFormatIndicator=1,
        MessageExpiryInterval=3600, ContentType="application/json", ResponseTopic="will/answers",
        CorrelationData=b"\x00\x01will", UserProperty=[("kind", "will"), ("kind", "twice")],
    )  # fmt: skip
    asker.login("alice", "wonderland").connect(
        SessionExpiryInterval=120, ReceiveMaximum=10, MaximumPacketSize=65535, TopicAliasMaximum=5,
        RequestResponseInformation=1, RequestProblemInformation=1, UserProperty=TRACE,
    )  # fmt: skip
    replier = Peer("replier", MQTTv5, clean=False)
    replier.login("alice", "wonderland").connect(SessionExpiryInterval=0xFFFFFFFF)
    replier.subscribe(("ask/#", 2), SubscriptionIdentifier=268435455, UserProperty=("who", "replier"))
    asker.subscribe(("answers/asker", 1), SubscriptionIdentifier=7)
    asker.publish(
        "ask/time", json.dumps({"question": "what time is it?"}), 2, PayloadFormatIndicator=1,
        MessageExpiryInterval=30, ContentType="application/json", ResponseTopic="answers/asker",
        CorrelationData=b"\xde\xad\xbe\xef", UserProperty=TRACE,
    )  # fmt: skip
    question = vars(replier.receive()[0].properties)
    replier.publish(
        question["ResponseTopic"], "四時, tea time", 1, PayloadFormatIndicator=1,
        CorrelationData=question["CorrelationData"], ContentType="text/plain; charset=utf-8",
    )  # fmt: skip
    asker.receive()
    asker.publish("ask/binary", bytes(range(64)), 0, PayloadFormatIndicator=0, ContentType="application/octet-stream")
    asker.publish("nobody/listens", "no matching subscribers", 1)
    asker.publish("nobody/listens", "no matching subscribers", 2)
    replier.receive()
    asker.unsubscribe("answers/asker", "never/subscribed", UserProperty=("why", "done"))
    asker.disconnect(0, SessionExpiryInterval=0, ReasonString="tea is over", UserProperty=("mood", "calm"))
    replier.disconnect()


def limits() -> None:
    """A broker with limits: what it says in CONNACK, and what it does with those who do not listen."""
    client = Peer("", MQTTv5)
    client.connect(keepalive=600, SessionExpiryInterval=60)
    client.publish("limits/fine", "QoS 1 is allowed", 1)
    client.subscribe(("limits/#", 2))
    client.disconnect()
    loud = Peer("loud", MQTTv5)
    loud.connect(keepalive=600)
    loud.client.publish("limits/large", b"x" * 3000, 1)
    loud.wait_gone()
    # paho itself would refuse what the CONNACK forbids, so the limits that it learnt are taken from it.
    for name, qos, retain in (("eager", 2, False), ("keeper", 1, True)):
        client = Peer(name, MQTTv5)
        client.connect(keepalive=600)
        client.client.publish(f"limits/{name}", "not allowed here", qos, retain)
        client.wait_gone()
    alias = Peer("alias", MQTTv5)
    alias.connect(keepalive=600)
    alias.publish("limits/alias", "one", TopicAlias=3)
    alias.client.publish("limits/alias", "eleven", 0, False, properties("PUBLISH", TopicAlias=11))
    alias.wait_gone()


def server_disconnect() -> None:
    """The broker sends DISCONNECT: session taken over; a shutdown follows from outside."""
    first = Peer("twin", MQTTv5).login("alice@localhost", "wonderland")
    first.connect(SessionExpiryInterval=300)
    first.subscribe(("twin/#", 1))
    second = Peer("twin", MQTTv5, clean=False).login("alice@localhost", "wonderland")
    second.connect(SessionExpiryInterval=300)
    first.wait_gone()
    second.publish("twin/two", "the session moved here", 1)
    second.receive()
    print("ready", flush=True)
    second.wait_gone()


def options() -> None:
    """Subscription options, overlapping subscriptions with identifiers, shared subscriptions, wildcards."""
    source = Peer("source", MQTTv5)
    source.connect()
    source.publish("opt/retained", "kept before", 1, True)
    reader = Peer("reader", MQTTv5)
    reader.connect()
    for number, (handling, rap) in enumerate(((0, False), (0, True), (1, False), (1, True), (2, True)), 1):
        choice = SubscribeOptions(qos=1, retainAsPublished=rap, retainHandling=handling)
        reader.subscribe(("opt/retained", choice), SubscriptionIdentifier=number)
    reader.receive(2)
    reader.subscribe(("opt/self", SubscribeOptions(qos=2, noLocal=True)), SubscriptionIdentifier=20)
    reader.publish("opt/self", "not to myself", 1)
    source.publish("opt/self", "from another", 2)
    reader.receive()
    reader.subscribe(("opt/+/x", 0), SubscriptionIdentifier=200)
    reader.subscribe(("opt/#", 2), SubscriptionIdentifier=20000)
    reader.subscribe(("opt/a/x", 1), SubscriptionIdentifier=2097152)
    source.publish("opt/a/x", "three subscriptions match", 2)
    source.publish("opt/retained", "kept, newer", 1, True)
    time.sleep(0.3)
    workers = [Peer(f"worker-{number}", MQTTv5) for number in range(3)]
    for worker in workers:
        worker.connect()
        worker.subscribe(("$share/crew/jobs/+", 1))
    for number in range(9):
        source.publish(f"jobs/{number}", f"job {number}", 1)
    time.sleep(0.3)
    print("shared:", [worker.inbox.qsize() for worker in workers])
    workers[0].unsubscribe("$share/crew/jobs/+")
    reader.unsubscribe("opt/retained", "opt/self", "opt/not/there")
    source.publish("opt/retained", b"", 1, True)
    reader.receive()
    for client in (source, reader, *workers):
        client.disconnect()


def aliases() -> None:
    """Topic aliases that the client sets, uses and sets anew."""
    client = Peer("alias-client", MQTTv5)
    client.connect(TopicAliasMaximum=10)
    client.subscribe(("plant/#", 1))
    long_topic = "plant/hall-7/line-3/press-12/hydraulics/pressure"
    client.publish(long_topic, "17.0", 0, TopicAlias=1)
    for value in range(4):
        client.publish("", f"17.{value}", 1, TopicAlias=1)
    client.publish("plant/other", "alias 2", 2, TopicAlias=2)
    client.publish("plant/reused", "alias 1 means something else now", 1, TopicAlias=1)
    client.publish("", "by alias 1", 1, TopicAlias=1)
    client.publish("", "by alias 2", 1, TopicAlias=2)
    client.receive(9)
    client.client.publish("", "alias 9 was never set", 1, False, properties("PUBLISH", TopicAlias=9))
    client.wait_gone()


def wills() -> None:
    """Will properties, with and without delay; a will sent on request (DISCONNECT 0x04), one cancelled."""
    watcher = Peer("watcher", MQTTv5)
    watcher.connect()
    watcher.subscribe(("will/#", SubscribeOptions(qos=2, retainAsPublished=True)))
    extras: dict[str, Any] = {
        "ContentType": "application/json",
        "UserProperty": [("site", "north"), ("site", "süd")],
    }
    now = Peer("dies-now", MQTTv5).will("will/now", '{"state":"dead"}', 2, True, **extras)
    now.connect()
    late = Peer("dies-late", MQTTv5).will("will/late", "two seconds later", 1, WillDelayInterval=2, **extras)
    late.connect(SessionExpiryInterval=60)
    back = Peer("comes-back", MQTTv5).will("will/never", "never to be seen", 1, WillDelayInterval=3)
    back.connect(SessionExpiryInterval=60)
    polite = Peer("polite", MQTTv5).will("will/asked-for", "sent because asked", 0, PayloadFormatIndicator=1)
    polite.connect()
    quiet = Peer("quiet", MQTTv5).will("will/cancelled", "never to be seen", 0)
    quiet.connect()
    for client in (now, late, back):
        client.drop()
    polite.disconnect(4)
    quiet.disconnect(0)
    back = Peer("comes-back", MQTTv5, clean=False)
    print("session present expected:", back.connect(SessionExpiryInterval=60))
    watcher.receive(3)
    time.sleep(1.5)
    watcher.publish("will/now", b"", 1, True)
    back.disconnect(0, SessionExpiryInterval=0)
    watcher.disconnect()


def large() -> None:
    """One message of 300 KB with QoS 1 and one of 120 KB with QoS 2, each to the broker and back."""
    client = Peer("large", MQTTv5)
    client.connect(MaximumPacketSize=1_000_000)
    client.subscribe(("large/#", 2))
    client.publish("large/json", json.dumps([{"n": n, "square": n * n} for n in range(20_000)])[:300_000], 1)
    client.receive()
    client.publish("large/binary", bytes(n * n >> 3 & 0xFF for n in range(120_000)), 2)
    client.receive()
    client.disconnect()


def lossy() -> None:
    """Messages over a link that drops packets when its queue is full: gaps, duplicates, retransmissions."""
    client = Peer("lossy", MQTTv5)
    client.connect(ReceiveMaximum=100)
    client.subscribe(("lossy/#", 1))
    for number in range(12):
        client.client.publish(f"lossy/{number}", f"{number:04}:" + "lossy " * 1000, number % 2)
    client.receive(12)
    client.disconnect()


def tls() -> None:
    """A simple exchange in TLS 1.3 and 1.2, the keys written to a file (argument: the folder)."""
    folder = Path(sys.argv[2])
    for version in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
        context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
        context.minimum_version = context.maximum_version = version
        context.keylog_filename = str(folder / "keys.txt")
        client = Peer(f"tls-{version.name}", MQTTv5).login("alice", "wonderland")
        client.client.tls_set_context(context)
        client.connect(host="localhost")
        client.subscribe(("tls/#", 2))
        for qos in (0, 1, 2):
            client.publish(f"tls/{qos}", f"secret {qos}", qos, UserProperty=("inside", version.name))
        client.receive(3)
        client.disconnect()


def ejabberd() -> None:
    """ejabberd explains its refusals in Reason Strings."""
    client = Peer("", MQTTv5).login("alice@localhost", "wonderland")
    client.connect(keepalive=30, SessionExpiryInterval=60, RequestProblemInformation=1)
    client.subscribe(("tea/#", 2), SubscriptionIdentifier=5)
    print("none:", client.unsubscribe("never/subscribed"))
    client.publish("tea/party", "with a full topic", 1, TopicAlias=1)
    client.publish("", "by alias", 2, TopicAlias=1)
    client.publish("nobody/listens", "hello", 1)
    client.publish("$SYS/forbidden", "hello", 1)
    client.publish("$SYS/forbidden", "hello", 2)
    client.receive(2)
    client.client.publish("tea/utf8", b"\xff\xfe not UTF-8", 1, False, properties("PUBLISH", PayloadFormatIndicator=1))
    client.wait_gone()
    print("bad password:", Peer("", MQTTv5).login("alice@localhost", "queen-of-hearts").connect())
    alias = Peer("alias", MQTTv5).login("alice@localhost", "wonderland")
    alias.connect()
    alias.client.publish("", "alias 9 was never set", 1, False, properties("PUBLISH", TopicAlias=9))
    alias.wait_gone()
    sharer = Peer("sharer", MQTTv5).login("alice@localhost", "wonderland")
    sharer.connect()
    sharer.client.subscribe("$share/crew/tea", options=SubscribeOptions(qos=1))
    sharer.wait_gone()


SCENARIOS: dict[str, Callable[[], None]] = {
    "properties": every_property,
    "limits": limits,
    "server-disconnect": server_disconnect,
    "options": options,
    "aliases": aliases,
    "wills": wills,
    "large": large,
    "lossy": lossy,
    "tls": tls,
    "ejabberd": ejabberd,
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
