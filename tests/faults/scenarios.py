"""What the clients do: short conversations that keep every rule, each the ground for some kinds of fault."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from random import Random

from paho.mqtt.subscribeoptions import SubscribeOptions

from faults.clients import Gone, Peer
from faults.packets import AUTH, CONNACK, PUBACK, PUBLISH, PUBREC, SUBACK, packet, packet_identifier, text, varint
from faults.stage import Scenario, Stage


def scenario(function: Callable[..., None], *arguments: object, **options: object) -> Scenario:
    """One with some of its arguments given."""
    return lambda stage: function(stage, *arguments, **options)


def messages(stage: Stage) -> None:
    """One client subscribes, publishes each QoS to itself, unsubscribes, goes."""
    one = stage.peer("one").connect().subscribe((stage.topic("m/#"), 2))
    for qos in (0, 1, 2):
        one.publish(stage.topic(f"m/{qos}"), f"QoS {qos}", qos).receive()
    one.unsubscribe(stage.topic("m/#")).disconnect()


def talk(stage: Stage, qos: int = 1, count: int = 1, clean: bool = True, keep_alive: int = 60, size: int = 5,
         rest: float = 0.05, **options: object) -> None:  # fmt: skip
    """A client publishes to nobody. rest: seconds until it goes. options: properties of CONNECT."""
    one = stage.peer("one", clean).connect(keep_alive, **options)
    for index in range(count):
        one.publish(stage.topic(f"t/{index}"), "x" * size, qos)
    one.rest(rest).disconnect()


def ask(stage: Stage, *filters: tuple[str, int], drop: bool = True, **options: object) -> None:
    """A client subscribes (to its own topic if to nothing else) and unsubscribes. options: of SUBSCRIBE."""
    wanted = [(stage.topic(name), qos) for name, qos in filters or (("s/#", 1),)]
    one = stage.peer("one").connect().subscribe(*wanted, **options)
    if drop:
        one.unsubscribe(*(name for name, _ in wanted))
    one.rest(0.05).disconnect()


def logged_in(stage: Stage) -> None:
    """A client with user name and password comes and goes."""
    one = stage.peer("one")
    one.client.username_pw_set("alice", "wonderland")
    one.connect().rest(0.05).disconnect()


def nameless(stage: Stage) -> None:
    """A client without an identifier: the broker gives it one."""
    stage.peer("one", client_id="").connect().rest(0.05).disconnect()


SURE = 0.02  # seconds between two packets of different connections whose order does not count as swapped by the capture


def deliver(stage: Stage, qos: int = 1, granted: int = 2, count: int = 1, retain: bool = False,
            subscribe: dict[str, object] | None = None, options: dict[str, object] | None = None,
            publish: dict[str, object] | None = None, filters: tuple[str, ...] = ("d/#",), before: float = SURE,
            rest: float = 0.1, connect: dict[str, object] | None = None) -> None:  # fmt: skip
    """A writer publishes, a reader gets it. subscribe: subscription options; options, publish, connect: properties of
    SUBSCRIBE, of PUBLISH, of the reader's CONNECT. before, rest: seconds between SUBSCRIBE and PUBLISH, and at last."""
    reader = stage.peer("reader").connect(**(connect or {}))
    for index, name in enumerate(filters):
        wanted = SubscribeOptions(granted, **subscribe) if subscribe else granted  # type: ignore[arg-type]
        extra = {"SubscriptionIdentifier": index + 1} if options is not None else {}
        reader.subscribe((stage.topic(name), wanted), **{**extra, **(options or {})})
    reader.rest(before)
    writer = stage.peer("writer").connect()
    for index in range(count):
        writer.publish(stage.topic(f"d/{index}"), f"message {index}", qos, retain, **(publish or {}))
    reader.receive(count).rest(rest)
    if retain:
        writer.publish(stage.topic("d/0"), b"", qos, True)
        reader.receive().rest(0.05)
    writer.disconnect()
    reader.disconnect()


def stream(stage: Stage, qos: int = 1, count: int = 5) -> None:
    """A writer publishes several messages on one topic, not waiting for each; a reader gets them in order."""
    reader = stage.peer("reader").connect().subscribe((stage.topic("d"), qos))
    writer = stage.peer("writer").connect()
    for index in range(count - 1):
        writer.publish(stage.topic("d"), f"message {index}", qos, wait=False)
    writer.publish(stage.topic("d"), f"message {count - 1}", qos)
    reader.receive(count).rest(0.1)
    writer.disconnect()
    reader.disconnect()


def to_itself(stage: Stage) -> None:
    """A client with No Local on its own topic."""
    wanted = SubscribeOptions(1, noLocal=True)
    one = stage.peer("one").connect().subscribe((stage.topic("own"), wanted))
    one.publish(stage.topic("own"), "not to me", 1).rest(0.2).disconnect()


def unsubscribed(stage: Stage) -> None:
    """A reader gets a message, unsubscribes, and gets none of the next."""
    reader = stage.peer("reader").connect().subscribe((stage.topic("u"), 0))
    writer = stage.peer("writer").connect().publish(stage.topic("u"), "first")
    reader.receive().unsubscribe(stage.topic("u")).rest(1.2)
    writer.publish(stage.topic("u"), "second").rest(0.1)
    writer.disconnect()
    reader.rest(0.2).disconnect()


def retained(stage: Stage, handling: int = 0, kept: bool = False, times: int = 1, rest: float = 0.15,
             before: float = 0, qos: int = 1, earlier: str = "") -> None:  # fmt: skip
    """A writer leaves a retained message, perhaps after an earlier one; a reader subscribes (`times` times), gets it;
    the message is deleted."""
    writer = stage.peer("writer").connect()
    for message in (earlier, "kept") if earlier else ("kept",):
        writer.publish(stage.topic("r"), message, qos, True).rest(before)
    reader = stage.peer("reader").connect()
    for _ in range(times):
        wanted = SubscribeOptions(1, retainHandling=handling, retainAsPublished=kept) if stage.version == 5 else 1
        reader.subscribe((stage.topic("r"), wanted))
        if handling == 0:
            reader.receive()
        reader.rest(rest)
    reader.disconnect()
    writer.publish(stage.topic("r"), b"", 1, True).disconnect()


def shared(stage: Stage) -> None:
    """Two workers share a subscription; each message goes to one of them."""
    workers = [stage.peer(name).connect() for name in ("left", "right")]
    for worker in workers:
        worker.subscribe((f"$share/crew/{stage.topic('jobs')}", 0))
    writer = stage.peer("writer").connect()
    for index in range(4):
        writer.publish(stage.topic("jobs"), f"job {index}")
    writer.rest(0.2).disconnect()
    for worker in workers:
        worker.disconnect()


def session(stage: Stage, clean_before: bool = True, options: dict[str, object] | None = None, away: float = 0.1,
            count: int = 2, publish: dict[str, object] | None = None, rest: float = 0.1) -> None:  # fmt: skip
    """A reader with a session goes and comes back; what was published meanwhile waits for it."""
    given = options if options is not None else {"SessionExpiryInterval": 60} if stage.version == 5 else {}
    if clean_before:
        stage.peer("reader").connect().disconnect()
    stage.peer("reader", False).connect(**given).subscribe((stage.topic("q"), 1)).disconnect()
    writer = stage.peer("writer").connect()
    for index in range(count):
        writer.publish(stage.topic("q"), f"queued {index}", 1, **(publish or {}))
    writer.disconnect()
    time.sleep(away)
    stage.peer("reader", False).connect(**given).receive(count).rest(rest).disconnect()


def unread(stage: Stage, count: int = 2) -> None:
    """A reader goes without having acknowledged; the broker sends again when it is back."""
    sample = stage.raw()
    name = stage.client_id("reader")
    keep = b"\x11" + (60).to_bytes(4, "big") if stage.version == 5 else b""
    sample.send(sample.packets.connect(name))
    sample.hear(CONNACK)
    sample.send(b"\xe0\0").close()
    time.sleep(0.1)
    sample = stage.raw()
    sample.send(sample.packets.connect(name, 0, properties=keep))
    sample.hear(CONNACK)
    sample.send(sample.packets.subscribe(1, (stage.topic("again"), 1)))
    sample.hear(SUBACK)
    writer = stage.peer("writer").connect()
    for index in range(count):
        writer.publish(stage.topic("again"), f"again {index}", 1)
    for _ in range(count):
        sample.hear(PUBLISH)
    sample.close()
    time.sleep(0.15)
    writer.disconnect()
    sample = stage.raw()
    sample.send(sample.packets.connect(name, 0, properties=keep))
    sample.hear(CONNACK)
    for _ in range(count):
        got = sample.hear(PUBLISH)
        if got and got[0] & 6:
            sample.send(sample.packets.answer(PUBACK, int.from_bytes(packet_identifier(got), "big")))
    sample.rest(0.1).send(b"\xe0\0").rest(0.1)


def idle(stage: Stage, keep_alive: int = 1, seconds: float = 3.0) -> None:
    """A client that only keeps its connection alive."""
    stage.peer("one").connect(keep_alive).rest(seconds).disconnect()


def will(stage: Stage, qos: int = 1, polite: bool = False, seconds: float = 0.0, code: int | None = None,
         session: int = 0, rest: float = 0.1, **options: object) -> None:  # fmt: skip
    """A watcher waits for a will; its owner is cut off (or goes with DISCONNECT: no will)."""
    watcher = stage.peer("watcher").connect().subscribe((stage.topic("will"), 2))
    owner = stage.peer("owner").will(stage.topic("will"), "gone", qos, **options)
    owner.connect(**({"SessionExpiryInterval": session} if session else {})).rest(0.05)
    if polite:
        owner.disconnect(code)
        watcher.rest(0.3)
    else:
        owner.drop()
        watcher.receive(1, seconds).rest(rest)
    watcher.disconnect()


def twins(stage: Stage, rest: float = 0.0) -> None:
    """A client connects under the identifier of another: the first one's connection is closed.

    rest: seconds that both stay if the second is not let in.
    """
    first = stage.peer("twin").connect().rest(0.1)
    second = stage.peer("twin")
    with contextlib.suppress(Gone):
        second.connect().rest(0.2)
    second.rest(2.2 if not first.gone.is_set() else 0)
    if second.client.is_connected():
        second.disconnect()
    first.rest(rest)
    if first.gone.is_set():
        first.client.loop_stop()


def bare(stage: Stage, *steps: bytes, connect: dict[str, object] | None = None, pause: float = 0.15,
         end: bytes = b"\xe0\0") -> None:  # fmt: skip
    """A scripted client: CONNECT, then each step after a pause, then DISCONNECT."""
    one = stage.raw()
    one.send(one.packets.connect(stage.client_id("one"), **(connect or {})))  # type: ignore[arg-type]
    one.hear(CONNACK)
    for step in steps:
        one.send(step).rest(pause)
    if end:
        one.send(end).rest(0.1)


def stays(stage: Stage, seconds: float = 1.5, connect: dict[str, object] | None = None) -> None:
    """A scripted client that connects and then neither says a word nor closes."""
    one = stage.raw()
    one.send(one.packets.connect(stage.client_id("one"), **(connect or {}))).rest(seconds)  # type: ignore[arg-type]


METHOD = b"\x15" + text("X-ONCE")
DATA = b"\x16" + text(b"proof")


def auth(code: int, properties: bytes = METHOD + DATA) -> bytes:
    """AUTH."""
    return packet(AUTH << 4, bytes([code]), varint(len(properties)), properties)


def challenge(stage: Stage, reply: bytes = auth(0x18), before: bytes = b"", again: bool = False) -> None:
    """A client with an Authentication Method answers a challenge, and perhaps authenticates again later."""
    one = stage.raw()
    one.send(one.packets.connect(stage.client_id("one"), properties=METHOD + DATA))
    one.hear(AUTH)
    one.send(before + reply)
    one.hear(CONNACK)
    if again:
        one.send(auth(0x19))
        one.hear(AUTH)
    one.rest(0.1).send(b"\xe0\0").rest(0.1)


def in_flight(stage: Stage, qos: int = 1, count: int = 3) -> None:
    """A reader gets several messages at once, a writer sends them without waiting."""
    stream(stage, qos, count)


def resume(
    stage: Stage, qos: int = 1, pubrel: bool = False, after: str = "again", payload: bytes = b"first", rest: float = 0.3
) -> None:
    """A scripted client loses its connection inside a QoS 1 or 2 handshake, comes back, and goes on with it.

    pubrel: it had sent PUBREL already. after: what it does then, `again` (what the standard wants), `publish` (its
    PUBLISH, PUBREL or not) or `nothing`. rest: seconds until it goes.
    """
    name = stage.client_id("one")
    keep = b"\x11" + (60).to_bytes(4, "big") if stage.version == 5 else b""
    one = stage.raw()
    one.send(one.packets.connect(name))
    one.hear(CONNACK)
    one.send(b"\xe0\0").close()
    time.sleep(0.1)
    one = stage.raw()
    one.send(one.packets.connect(name, 0, properties=keep))
    one.hear(CONNACK)
    one.send(one.packets.publish(stage.topic("t"), b"first", qos, 7))
    if qos == 2 and pubrel:
        one.hear(PUBREC)
        one.send(one.packets.answer(6, 7))
    one.rest(0.1).close()
    time.sleep(0.15)
    one = stage.raw()
    one.send(one.packets.connect(name, 0, properties=keep))
    one.hear(CONNACK)
    if after == "publish" or (after == "again" and not pubrel):
        one.send(one.packets.publish(stage.topic("t"), payload, qos, 7, dup=True))
        if qos == 2:
            one.hear(PUBREC)
    if after != "nothing" and qos == 2:
        one.send(one.packets.answer(6, 7))
    one.rest(rest).send(b"\xe0\0").rest(0.1)


def fight(stage: Stage, rounds: int) -> None:
    """Two clients of the same identifier, each of which connects again when the other has taken over."""
    for _ in range(rounds):
        one = stage.raw()
        one.send(one.packets.connect(stage.client_id("twin")))
        one.hear(CONNACK)
        one.rest(0.1)


def storm(stage: Stage, rounds: int) -> None:
    """A client connects, goes, and connects again at once, many times."""
    for _ in range(rounds):
        one = stage.raw()
        one.send(one.packets.connect(stage.client_id("one")))
        one.hear(CONNACK)
        one.send(b"\xe0\0").rest(0.02)
        one.close()


def pile(stage: Stage, count: int, seconds: float, more: int) -> None:
    """A client publishes many messages with QoS 1 without waiting, and some time later more."""
    one = stage.peer("one")
    one.client.max_inflight_messages_set(0)
    one.connect()
    for index in range(count):
        one.publish(stage.topic("pile"), f"message {index}", 1, wait=False)
    one.rest(seconds)
    for index in range(more):
        one.publish(stage.topic("pile"), f"message {count + index}", 1, wait=False)
    one.rest(1.2).disconnect()


MOST_VISITS = 8  # more would be a storm of reconnections, which is a finding of its own


def crowd(stage: Stage, seed: int, clients: int = 8, seconds: float = 4.0) -> None:
    """Clients that connect, subscribe, publish, unsubscribe, come back and vanish as they like, but by the rules."""
    threads = [threading.Thread(target=_visitor, args=(stage, seed * 100 + one, seconds)) for one in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _visitor(stage: Stage, seed: int, seconds: float) -> None:
    """One of the crowd."""
    random = Random(seed)
    until = time.monotonic() + seconds
    topics = [stage.topic(f"{floor}/{room}") for floor in "ab" for room in "xyz"]
    filters = [*topics, stage.topic("#"), stage.topic("+/x"), stage.topic("a/#")]
    role = f"visitor{seed}"
    gone = False  # did the broker end the last connection? What was under way then is not known any more
    for _ in range(MOST_VISITS):
        if time.monotonic() > until:
            return
        one = stage.peer(role, gone or random.random() < 0.6)
        if random.random() < 0.4:
            one.will(random.choice(topics), f"will of {role}", random.randrange(3), random.random() < 0.3)
        lasting = {} if stage.version < 5 or one.clean else {"SessionExpiryInterval": 30}
        gone = True
        with contextlib.suppress(Gone):
            one.connect(random.choice([5, 60]), **lasting)
            for _ in range(random.randrange(3, 25)):
                _step(random, one, topics, filters, role)
            gone = False
        if random.random() < 0.3 and one.clean:
            one.drop()
        else:
            one.close()
        time.sleep(random.random() * 0.3)


def _step(random: Random, one: Peer, topics: list[str], filters: list[str], role: str) -> None:
    """One thing that a visitor does."""
    what = random.random()
    if what < 0.2:
        chosen = random.sample(filters, random.randrange(1, 3))
        one.subscribe(*((name, random.randrange(3)) for name in chosen))
    elif what < 0.27:
        one.unsubscribe(random.choice(filters))
    elif what < 0.9:
        payload = f"{role} {random.randrange(10**9)}" if random.random() < 0.7 else "the same"
        retain = random.random() < 0.15
        if retain and random.random() < 0.4:
            payload = ""
        one.publish(
            random.choice(topics), payload, random.randrange(3), retain, wait=not one.clean or random.random() < 0.5
        )
    else:
        one.rest(random.random() * 0.5)
