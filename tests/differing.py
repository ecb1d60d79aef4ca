"""What tests of `diff` compare: a conversation of four clients, smaller ones, changes to them, and the comparison."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

from conversations import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    C,
    Event,
    S,
    ack,
    connack,
    connect,
    publish,
    suback,
    subscribe,
    unsuback,
    unsubscribe,
)
from support import text

from mqttdissect.comparison.compare import compare
from mqttdissect.comparison.difference import Options, Result
from mqttdissect.comparison.facts import Facts
from mqttdissect.mqtt.packet import Packet
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]
Change = Callable[[list[Event]], list[Event]]
CAPTURES = Path(__file__).parent.parent / "captures"
GOOD, BAD = CAPTURES / "survey-mosquitto.pcap", CAPTURES / "survey-rabbitmq.pcap"

READER, WRITER, OTHER, FIVE = range(4)
WILL = text("will/writer") + text("gone") + text("alice") + text("wonderland")
WRITER_CONNECT = connect("writer", flags=0xC6, rest=WILL)


def base() -> list[Event]:
    """Four clients: a reader, two writers, and one of MQTT 5.0."""
    five_properties = b"\x21\x00\x14"
    user = b"\x26" + text("unit") + text("celsius")
    return [
        Event(READER, C, connect("reader", keep_alive=30)),
        Event(READER, S, connack()),
        Event(READER, C, subscribe(1, ("home/#", 2))),
        Event(READER, S, suback(1, 2)),
        Event(READER, S, publish("home/kept", "since yesterday", 1, 1, retain=1)),
        Event(READER, C, ack(4, 1)),
        Event(WRITER, C, connect("writer", flags=0xC6, rest=WILL)),
        Event(WRITER, S, connack()),
        Event(WRITER, C, publish("home/light", "on", 0)),
        Event(READER, S, publish("home/light", "on", 0)),
        Event(WRITER, C, publish("home/door", "open", 1, 1)),
        Event(WRITER, S, ack(4, 1)),
        Event(READER, S, publish("home/door", "open", 1, 2)),
        Event(READER, C, ack(4, 2)),
        Event(WRITER, C, publish("home/alarm", "armed", 2, 2)),
        Event(WRITER, S, ack(5, 2)),
        Event(WRITER, C, ack(6, 2)),
        Event(WRITER, S, ack(7, 2)),
        Event(READER, S, publish("home/alarm", "armed", 2, 3)),
        Event(READER, C, ack(5, 3)),
        Event(READER, S, ack(6, 3)),
        Event(READER, C, ack(7, 3)),
        Event(WRITER, C, publish("home/door", "closed", 1, 3)),
        Event(WRITER, C, publish("home/window", "closed", 1, 4)),
        Event(WRITER, S, ack(4, 3)),
        Event(WRITER, S, ack(4, 4)),
        Event(READER, S, publish("home/door", "closed", 1, 4)),
        Event(READER, S, publish("home/window", "closed", 1, 5)),
        Event(READER, C, ack(4, 4)),
        Event(READER, C, ack(4, 5)),
        Event(READER, C, PINGREQ),
        Event(READER, S, PINGRESP),
        Event(OTHER, C, connect("other")),
        Event(OTHER, S, connack()),
        Event(OTHER, C, publish("home/hall", "hello", 0)),
        Event(READER, S, publish("home/hall", "hello", 0)),
        Event(OTHER, C, PINGREQ),
        Event(OTHER, S, PINGRESP),
        Event(OTHER, C, DISCONNECT),
        Event(FIVE, C, connect("five", level=5, properties=five_properties)),
        Event(FIVE, S, connack(properties=b"\x13\x00\x1e")),
        Event(FIVE, C, subscribe(1, ("five/+", 1), properties=b"\x0b\x07")),
        Event(FIVE, S, suback(1, 1, five=True)),
        Event(FIVE, C, publish("five/a", "warm", 1, 2, properties=user + b"\x02\x00\x00\x00\x78")),
        Event(FIVE, S, publish("five/a", "warm", 1, 1, properties=b"\x0b\x07" + user + b"\x02\x00\x00\x00\x78")),
        Event(FIVE, S, ack(4, 2, 0)),
        Event(FIVE, C, ack(4, 1)),
        Event(FIVE, C, DISCONNECT),
        Event(READER, C, unsubscribe(2, "home/#")),
        Event(READER, S, unsuback(2)),
        Event(READER, C, DISCONNECT),
        Event(WRITER, C, DISCONNECT),
    ]


def facts(raw: bytes) -> Facts:
    """What is kept of a capture."""
    dissector = Dissector()
    dissector.put_in_order()
    return kept(dissector.feed(raw) + dissector.close())


def kept(packets: list[Packet]) -> Facts:
    """What is kept of a capture's packets."""
    found = Facts("capture")
    found.take(packets)
    found.close()
    return found


def between(good: bytes, bad: bytes, **options: bool) -> Result:
    """The comparison of two captures."""
    return compare(facts(good), facts(bad), Options(**options))


def replace(old: Event, *new: Event) -> Change:
    """The first such event is another, or several, or none."""

    def change(events: list[Event]) -> list[Event]:
        at = events.index(old)
        return [*events[:at], *new, *events[at + 1 :]]

    return change


def of(connection: int, side: int, data: bytes) -> Event:
    """An event of the base."""
    event = Event(connection, side, data)
    assert event in base()
    return event


def other(connection: int, side: int, old: bytes, new: bytes) -> Change:
    """A packet is another one."""
    return replace(of(connection, side, old), Event(connection, side, new))


def both(one: Change, two: Change) -> Change:
    """One change, then another."""
    return lambda events: two(one(events))


def drop(*gone: Event) -> Change:
    """These do not happen."""

    def change(events: list[Event]) -> list[Event]:
        for one in gone:
            assert one in events
        return [one for one in events if one not in gone]

    return change


def swap(one: Event, two: Event) -> Change:
    """Each in the place of the other."""
    return lambda events: [two if event == one else one if event == two else event for event in events]


def insert(after: Event, *new: Event) -> Change:
    """These happen too."""
    return replace(after, after, *new)


def only_until(connection: int, last: Event, *then: Event) -> Change:
    """The connection breaks off behind an event."""

    def change(events: list[Event]) -> list[Event]:
        at = events.index(last)
        rest = [event for event in events[at + 1 :] if event.connection != connection]
        return [*events[: at + 1], *then, *rest]

    return change


def renumbered(event: Event, by: int = 1000) -> Event:
    """With another packet identifier."""
    data = event.data
    at = 2 if data[:1] and data[0] >> 4 in (4, 5, 6, 7, 8, 9, 10, 11) else 0
    if data[:1] and data[0] >> 4 == 3 and data[0] & 6:
        at = 4 + data[3] + (data[2] << 8)
    if not at:
        return event
    number = struct.unpack_from(">H", data, at)[0] + by
    return Event(event.connection, event.side, data[:at] + struct.pack(">H", number) + data[at + 2 :])


def noisy(events: list[Event]) -> list[Event]:
    """The same conversation as another run has it: connections one after the other, other packet identifiers, more
    PINGs."""
    found: list[Event] = []
    for event in sorted(events, key=lambda one: one.connection):
        found.append(renumbered(event))
        if event.data == PINGRESP:
            found += [Event(event.connection, C, PINGREQ), Event(event.connection, S, PINGRESP)]
    return found


def five(*more: Event) -> list[Event]:
    """A client of MQTT 5.0."""
    return [Event(0, C, connect("five", level=5)), Event(0, S, connack(properties=b"")), *more]


def hello(client: str, *more: Event) -> list[Event]:
    """A client of 3.1.1."""
    return [Event(0, C, connect(client)), Event(0, S, connack()), *more]


def sent(topic: str, *payloads: str | bytes) -> list[Event]:
    """Messages of QoS 0."""
    return [Event(0, C, publish(topic, payload)) for payload in payloads]


def written(folder: Path, good: bytes, bad: bytes) -> tuple[Path, Path]:
    """As files."""
    paths = folder / "good.pcap", folder / "bad.pcap"
    for path, content in zip(paths, (good, bad), strict=True):
        path.write_bytes(content)
    return paths
