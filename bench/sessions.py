"""MQTT sessions of one client with one broker, frame by frame.

Takes a `World` (random numbers, payloads, addresses, the tally) and hands on frames through `queue`. The
scheduler in `generate` takes frames from many sessions in turn and calls `plan` when a queue is empty, so
memory holds one exchange a session, whatever the size of the capture.
"""

import random
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from bench import mqtt
from bench.wire import CLIENT, MSS, SERVER, ConnectionMaker, Endpoint

ROOM = 20  # frames; no exchange needs more, and `large` looks at the room that there is
BROKER_PORT = 1883
_CLIENTS4, _SERVERS4 = b"\x0a", b"\xc0\xa8\x01"  # the addresses up to the part that tells hosts apart
_CLIENTS6 = bytes.fromhex("20010db8 00000001 0000000000")
_SERVERS6 = bytes.fromhex("20010db8 000000ff 00000000000000")
_LOCALES = ("north", "south", "berlin", "lyon", "osaka", "graz", "plant-7", "plant-12", "hall-3", "roof")
_KINDS = ("temperature", "humidity", "power", "vibration", "status", "door", "co2", "flow/rate", "battery")


class Session(Protocol):
    """What the scheduler needs of a session."""

    queue: deque[bytes]
    done: bool
    closing: int  # frames that have to be kept for its end

    def plan(self, room: int, last: bool) -> None:
        """Fill `queue` with the frames of the next exchange, at most `room`; end the session when `last`."""


class Tally:
    """The ground truth, counted while frames are planned."""

    def __init__(self) -> None:
        self.packets = [0] * 16  # by control packet type
        self.publish_qos = [0, 0, 0]
        self.mqtt_frames = self.pure_acks = self.moved = self.repeated = 0
        self.sessions = self.v5 = self.ipv6 = 0


class World:
    """What all sessions of a capture share."""

    __slots__ = ("blob", "connect", "noise", "payloads", "properties", "random", "serial", "tally")

    def __init__(self, seed: int, connect: ConnectionMaker, payload: tuple[int, int]) -> None:
        self.random = random.Random(seed)
        self.connect = connect
        self.tally = Tally()
        self.serial = 0  # number of the message, so that no two payloads are the same
        sizes = [int(self.random.triangular(*payload, payload[1] * 0.8)) for _ in range(4096)]
        self.payloads = [_json_text(self.random, size) for size in sizes]
        self.blob = b"".join(self.payloads) * 4
        self.noise = self.random.randbytes(1 << 17)
        self.properties = [_publish_properties(self.random) for _ in range(256)]

    def endpoints(self, index: int, port: int, v6: bool) -> tuple[Endpoint, Endpoint]:
        """The client number `index` and the server on `port`; no two clients share an address."""
        number = (index + 2).to_bytes(4, "big")
        client_net, server_net = (_CLIENTS6, _SERVERS6) if v6 else (_CLIENTS4, _SERVERS4)
        host = bytes((5 if port == BROKER_PORT else 20 + index % 50,))
        client = Endpoint(b"\x02\x00" + number, client_net + number[1:], 32768 + index * 7919 % 28000)
        return client, Endpoint(b"\x02\x01\x00\x00\x00" + host, server_net + host, port)


class MqttSession:
    """CONNECT to DISCONNECT of one client, on a TCP connection of its own."""

    closing = 4

    def __init__(self, world: World, index: int, quota: float, exchanges: Sequence["Exchange"]) -> None:
        rng = world.random
        v6 = rng.random() < 0.12
        client, server = world.endpoints(index, BROKER_PORT, v6)
        seqs = (rng.getrandbits(32), rng.getrandbits(32))
        self._conn = world.connect(client, server, seqs, rng.random() < 0.5)
        self.queue = self._conn.queue
        self.done = False
        self._world, self._rnd, self._quota, self._exchanges = world, rng.random, quota, exchanges
        self._opened = self._subscribed = False
        self._version = 5 if rng.random() < 0.4 else 4
        self._name = f"{rng.choice(('sensor', 'gateway', 'meter', 'plc', 'app'))}-{index:06x}"
        site = f"factory/{rng.choice(_LOCALES)}/line-{rng.randint(1, 40)}/{self._name}"
        self._topics = [mqtt.utf8(f"{site}/{kind}") for kind in rng.sample(_KINDS, rng.randint(1, 6))]
        self._commands = [mqtt.utf8(f"{site}/{kind}") for kind in ("cmd", "config/set", "firmware/chunk")]
        self._filters = [f"{site}/cmd", f"{site}/config/#", f"{site}/firmware/+", "site/broadcast", "$share/g1/alarm/#"]
        self._aliased = [False] * len(self._topics) if self._version == 5 and rng.random() < 0.3 else []
        self._ids = [rng.randrange(60000), 0]  # the last packet identifier of each side
        world.tally.sessions += 1
        world.tally.v5 += self._version == 5
        world.tally.ipv6 += v6

    def plan(self, room: int, last: bool) -> None:
        over = last or (self._quota <= 0 and room > 2 * ROOM)
        conn = self._conn
        conn.calm = over or not self._opened  # there the number of frames has to come out exactly
        if not self._opened:
            self._open()
        elif over:
            for _ in range(room if last else 0):
                self._say(CLIENT, self._publish(CLIENT, 0))
            self._close()
        elif not self._subscribed:
            self._subscribed = True
            self.subscribe(room)
        else:
            self._exchanges[int(self._rnd() * len(self._exchanges))](self, room)
        conn.settle()
        self._quota -= len(self.queue)

    # Segments

    def _say(self, way: int, *packets: bytes) -> None:
        """Send whole packets in one segment."""
        counts = self._world.tally.packets
        for packet in packets:
            counts[packet[0] >> 4] += 1
        self._world.tally.mqtt_frames += 1
        self._conn.send(way, packets[0] if len(packets) == 1 else b"".join(packets))

    def _next_id(self, way: int) -> int:
        number = self._ids[way] = self._ids[way] % 65535 + 1
        return number

    def _publish(self, way: int, qos: int, payload: bytes = b"") -> bytes:
        """A PUBLISH; with a QoS, its identifier is afterwards `_ids[way]`."""
        world, rnd = self._world, self._rnd
        if not payload:
            world.serial += 1
            payload = b'{"n":%d,' % world.serial + world.payloads[int(rnd() * 4096)]
        topics = self._topics if way == CLIENT else self._commands
        number = int(rnd() * len(topics))
        topic, props = topics[number], b""
        if self._version == 5:
            props = world.properties[int(rnd() * 256)]
            if self._aliased and way == CLIENT:
                topic, props = self._alias(number, topic)
        world.tally.publish_qos[qos] += 1
        identifier = mqtt.uint16(self._next_id(way)) if qos else b""
        retain = way == CLIENT and rnd() < 0.04
        return mqtt.packet(0x30 | qos << 1 | retain, topic + identifier + props + payload)

    def _alias(self, number: int, topic: bytes) -> tuple[bytes, bytes]:
        """Topic name and properties of a client that uses topic aliases (section 3.3.2.3.4)."""
        props = b"\x03" + mqtt.TOPIC_ALIAS + mqtt.uint16(number + 1)
        known = self._aliased[number]
        self._aliased[number] = True
        return (b"\x00\x00" if known else topic), props

    def _answer(self, kind: int, number: int) -> bytes:
        """An acknowledgement, in 5.0 now and then with a reason code and properties."""
        if self._version == 4 or self._rnd() < 0.7:
            return mqtt.ack(kind, number)
        if self._rnd() < 0.5:
            return mqtt.ack(kind, number, b"\x00")
        return mqtt.ack(kind, number, b"\x00" + mqtt.properties(mqtt.REASON_STRING + mqtt.utf8("done")))

    def _maybe_acknowledge(self, way: int, share: float) -> None:
        if self._rnd() < share:
            self._conn.acknowledge(way)

    def _way(self) -> int:
        return CLIENT if self._rnd() < 0.6 else SERVER

    # The beginning and the end

    def _open(self) -> None:
        """The TCP handshake, CONNECT and CONNACK: 5 frames."""
        self._opened = True
        self._conn.open()
        self._say(CLIENT, self._connect())
        self._say(SERVER, self._connack())

    def _connect(self) -> bytes:
        rnd = self._rnd
        v5 = self._version == 5
        flags, payload, props = 0x02, b"", b""
        if v5:
            maximum = mqtt.RECEIVE_MAXIMUM + b"\x00\x64" if rnd() < 0.6 else b""
            props = mqtt.properties(mqtt.SESSION_EXPIRY + b"\x00\x00\x0e\x10", maximum)
        if rnd() < 0.3:
            flags |= 0x2C  # will with QoS 1, retained
            will = mqtt.properties(mqtt.MESSAGE_EXPIRY + b"\x00\x00\x00\x3c") if v5 else b""
            payload += will + self._topics[0] + mqtt.utf8('{"state":"offline"}')
        if rnd() < 0.5:
            flags |= 0xC0
            payload += mqtt.utf8(self._name) + mqtt.utf8("not-a-real-password")
        return mqtt.connect(self._version, self._name, flags, 60, props, payload)

    def _connack(self) -> bytes:
        if self._version == 4:
            return mqtt.connack(0, b"")
        maximum = mqtt.TOPIC_ALIAS_MAXIMUM + mqtt.uint16(10)
        user = mqtt.USER_PROPERTY + mqtt.utf8("broker") + mqtt.utf8("b-1") if self._rnd() < 0.3 else b""
        return mqtt.connack(0, mqtt.properties(maximum, mqtt.RECEIVE_MAXIMUM + b"\x04\x00", user))

    def _close(self) -> None:
        """DISCONNECT and the end of the TCP connection: 4 frames."""
        with_reason = self._version == 5 and self._rnd() < 0.5
        self._say(CLIENT, b"\xe0\x02\x00\x00" if with_reason else b"\xe0\x00")
        self._conn.close()
        self.done = True
        tally = self._world.tally
        tally.pure_acks += self._conn.pure_acks
        tally.moved += self._conn.moved
        tally.repeated += self._conn.repeated

    # Exchanges: each appends at most `room` frames, and needs at most 10 unless it is `large`

    def subscribe(self, room: int) -> None:
        """SUBSCRIBE with three to five filters, SUBACK. The first three match all that the broker sends."""
        filters = self._filters[: 3 + int(self._rnd() * 3)]
        number = self._next_id(CLIENT)
        props = self._property_list()
        wanted = [(topic, 2 if place < 3 else place % 3) for place, topic in enumerate(filters)]
        self._say(CLIENT, mqtt.subscribe(number, props, wanted))
        self._say(SERVER, mqtt.suback(number, props, bytes(qos for _, qos in wanted)))
        self._maybe_acknowledge(CLIENT, 0.8)

    def unsubscribe(self, room: int) -> None:
        """UNSUBSCRIBE and UNSUBACK, then a new SUBSCRIBE."""
        filters = self._filters[:3]
        number = self._next_id(CLIENT)
        props = self._property_list()
        self._say(CLIENT, mqtt.unsubscribe(number, props, filters))
        self._say(SERVER, mqtt.unsuback(number, props, bytes(len(filters)) if props else b""))
        self.subscribe(room)

    def at_most_once(self, room: int) -> None:
        """A PUBLISH with QoS 0, now and then acknowledged by TCP."""
        way = self._way()
        self._say(way, self._publish(way, 0))
        self._maybe_acknowledge(1 - way, 0.5)

    def at_least_once(self, room: int) -> None:
        """PUBLISH with QoS 1, PUBACK."""
        way = self._way()
        self._say(way, self._publish(way, 1))
        self._say(1 - way, self._answer(mqtt.PUBACK, self._ids[way]))
        self._maybe_acknowledge(way, 0.7)

    def exactly_once(self, room: int) -> None:
        """PUBLISH with QoS 2, PUBREC, PUBREL, PUBCOMP."""
        way = self._way()
        self._say(way, self._publish(way, 2))
        number = self._ids[way]
        self._say(1 - way, self._answer(mqtt.PUBREC, number))
        self._say(way, self._answer(mqtt.PUBREL, number))
        self._say(1 - way, self._answer(mqtt.PUBCOMP, number))
        self._maybe_acknowledge(way, 0.8)

    def ping(self, room: int) -> None:
        """PINGREQ, PINGRESP."""
        self._say(CLIENT, mqtt.PING)
        self._say(SERVER, mqtt.PONG)
        self._maybe_acknowledge(CLIENT, 0.8)

    def burst(self, room: int) -> None:
        """Two to five PUBLISH packets in one segment, and their PUBACKs in another."""
        way = self._way()
        publishes, answers = [], []
        for _ in range(2 + int(self._rnd() * 4)):
            qos = int(self._rnd() * 2)
            publishes.append(self._publish(way, qos))
            if qos:
                answers.append(self._answer(mqtt.PUBACK, self._ids[way]))
        self._say(way, *publishes)
        if answers:
            self._say(1 - way, *answers)
        self._maybe_acknowledge(way if answers else 1 - way, 0.8)

    def split(self, room: int) -> None:
        """One or two PUBLISH packets over two to four segments, cut anywhere but inside Remaining Length.

        tshark 4.0 loses its place in the stream after a segment that ends inside Remaining Length.
        """
        way = self._way()
        publishes = [self._publish(way, 0) for _ in range(1 + (self._rnd() < 0.2))]
        data = b"".join(publishes)
        cuts = {1 + int(self._rnd() * (len(data) - 1)) for _ in range(1 + int(self._rnd() * 3))}
        self._pieces(way, publishes, cuts - {2, len(publishes[0]) + 2})

    def split_length(self, room: int) -> None:
        """Two PUBLISH packets, each cut after its first byte, inside Remaining Length, or both."""
        way = self._way()
        publishes = [self._publish(way, 0), self._publish(way, 0)]
        places = ({1}, {2}, {1, 2})[int(self._rnd() * 3)]
        self._pieces(way, publishes, places | {len(publishes[0]) + place for place in places})

    def _pieces(self, way: int, publishes: list[bytes], cuts: set[int]) -> None:
        """Send one or two PUBLISH packets in segments that end at `cuts`."""
        data = b"".join(publishes)
        start = 0
        ends = sorted(cuts | {len(data)})
        for end in ends:
            self._conn.send(way, data[start:end])
            start = end
        tally = self._world.tally
        tally.packets[mqtt.PUBLISH] += len(publishes)
        first_done = next(end for end in ends if end >= len(publishes[0]))
        tally.mqtt_frames += 1 + (len(publishes) > 1 and first_done < len(data))
        self._maybe_acknowledge(1 - way, 0.9)

    def run(self, room: int) -> None:
        """Three to eight PUBLISH packets with QoS 0, a segment each, the other side silent meanwhile."""
        way = self._way()
        for _ in range(3 + int(self._rnd() * 6)):
            self._say(way, self._publish(way, 0))
        self._maybe_acknowledge(1 - way, 0.9)

    def large(self, room: int) -> None:
        """A PUBLISH of 10 kB to 1 MB, small and large alike in their logarithm, in full segments."""
        way, qos = self._way(), int(self._rnd() * 2)
        blob = self._world.blob
        size = min(int(10_000 * 100 ** self._rnd()), len(blob), (room - 8) * MSS * 3 // 5)
        start = int(self._rnd() * (len(blob) - size))
        self._world.tally.packets[mqtt.PUBLISH] += 1
        self._world.tally.mqtt_frames += 1
        self._conn.stream(way, self._publish(way, qos, blob[start : start + size]))
        if qos:
            self._say(1 - way, self._answer(mqtt.PUBACK, self._ids[way]))
            self._maybe_acknowledge(way, 0.8)

    def _property_list(self) -> bytes:
        """An empty property list, or nothing before 5.0."""
        return b"\x00" if self._version == 5 else b""


Exchange = Callable[[MqttSession, int], None]


def _json_text(rng: random.Random, size: int) -> bytes:
    """JSON of at most `size` bytes (or the shortest there is), without the opening brace: the rest of an object."""
    parts: list[str] = []
    left = size - 8
    while True:
        key = rng.choice(_KINDS).split("/")[0]
        part = f'"{key}":{rng.randint(-4000, 9000) / 100},'
        left -= len(part)
        if left < 0:
            return "".join(parts).encode() + b'"ok":1}'
        parts.append(part)


def _publish_properties(rng: random.Random) -> bytes:
    """The property list of a PUBLISH (section 3.3.2.3); every second one is empty."""
    if rng.random() < 0.5:
        return b"\x00"
    choices = (
        mqtt.MESSAGE_EXPIRY + rng.randint(1, 86400).to_bytes(4, "big"),
        mqtt.CONTENT_TYPE + mqtt.utf8("application/json"),
        mqtt.RESPONSE_TOPIC + mqtt.utf8(f"reply/{rng.randint(1, 99)}"),
        mqtt.CORRELATION_DATA + mqtt.uint16(8) + rng.randbytes(8),
        mqtt.USER_PROPERTY + mqtt.utf8("trace") + mqtt.utf8(f"{rng.getrandbits(32):08x}"),
        mqtt.PAYLOAD_FORMAT + b"\x01",
    )
    return mqtt.properties(*rng.sample(choices, rng.randint(1, 3)))
