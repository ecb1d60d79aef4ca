"""Find MQTT in TCP streams: by the first bytes of a side, which are a CONNECT on any port, or by the port.

Sources: MQTT 5.0, sections 3.1.1 and 3.1.2 (the first packet of a client is a CONNECT; its first bytes are fixed
but for the length); the port is IANA's for mqtt.

A stream on a known port is MQTT from its first byte, unless those bytes are the start of something else that is
often put there (TLS, HTTP, PROXY): then it is named in `others` and left alone.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.sequence import unfold
from mqttdissect.net.stream import OPEN, Chunk, Stream

MQTT_PORT: Final = 1883
LIKELY_PORTS: Final = frozenset([1883, 1884, 8080, 8081, 8083, 8084, 8883, 8884, 9001])  # where brokers listen
HELD_BYTES: Final = 65536  # of an undecided stream
UNDECIDED: Final = 0
MQTT: Final = 1
OTHER: Final = 2
BOTH: Final = 3
YES: Final = 0
NO: Final = 1
MORE: Final = 2

FOREIGN: Final[dict[bytes, str]] = {  # how streams start that share MQTT's ports without being plain MQTT
    b"\x16\x03": "TLS",
    b"GET ": "HTTP or WebSocket",
    b"HTTP/": "HTTP or WebSocket",
    b"POST ": "HTTP",
    b"PROXY ": "PROXY protocol",
    b"\r\n\r\n\x00\r\nQUIT\n": "PROXY protocol",
    b"SSH-": "SSH",
    b"AMQP": "AMQP",
}
NAMES: Final[list[bytes]] = [b"\x00\x04MQTT", b"\x00\x06MQIsdp"]
LONGEST_HEAD: Final = 13  # bytes that tell: a CONNECT's fixed header (5) and protocol name (8); the longest in FOREIGN


def is_connect(data: bytes) -> i64:
    """Are these the first bytes of a CONNECT? `YES`, `NO`, or `MORE` are needed to tell."""
    size: i64 = len(data)
    if size and data[0] != 0x10:
        return NO
    at: i64 = 1
    length: i64 = 0
    shift: i64 = 0
    while True:
        if at >= size:
            return MORE
        byte: i64 = data[at]
        length |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            break
        shift += 7
        if shift > 21:
            return NO
    if length < 12:  # name, level, flags, keep alive and an empty client identifier
        return NO
    for name in NAMES:
        part = data[at : at + len(name)]
        if part == name:
            return YES
        if name.startswith(part):
            return MORE
    return NO


def foreign(data: bytes) -> str | None:
    """What these first bytes of a stream on a known port are, if they are not MQTT; empty if they may be MQTT, None
    if more of them are needed to tell."""
    more = False
    for start, name in FOREIGN.items():
        if data.startswith(start):
            return name
        if len(data) < len(start) and start.startswith(data):
            more = True
    return None if more else ""


@final
class Probe:
    """What is known of a stream that is not decided: the chunks held back, and each direction's first bytes."""

    __slots__ = ("ended", "head", "held", "held_bytes", "verdict")

    def __init__(self, verdict: i64) -> None:
        self.verdict = verdict
        self.ended: i64 = 0  # directions that have, by bits
        self.held: list[Chunk] = []
        self.held_bytes: i64 = 0
        self.head: list[bytes] = [b"", b""]


IS_MQTT: Final = Probe(MQTT)  # of all streams that are
IS_OTHER: Final = Probe(OTHER)


@final
class Transport:
    """`feed` it chunks; it returns those that carry MQTT, held ones first once their stream is known to be MQTT."""

    def __init__(self, ports: frozenset[int] = frozenset([MQTT_PORT])) -> None:
        self.ports = ports
        self.mqtt_streams: i64 = 0
        self.others: dict[str, int] = {}  # what else was on the ports of brokers: streams

    def feed(self, chunk: Chunk) -> list[Chunk]:
        """The chunks of MQTT that `chunk` lets out."""
        stream = chunk.stream
        state = stream.transport
        if state is None:
            probe = Probe(UNDECIDED)
            stream.transport = probe
        else:
            assert isinstance(state, Probe)
            probe = state
        if probe.verdict == MQTT:
            return [chunk]
        if probe.verdict == OTHER:
            return []
        out = self._undecided(stream, probe, chunk)
        if chunk.ending != OPEN:
            probe.ended |= chunk.direction + 1
            if probe.ended == BOTH:  # what is still held refers to the stream, which refers to it
                probe.held = []
        return out

    def _undecided(self, stream: Stream, probe: Probe, chunk: Chunk) -> list[Chunk]:
        direction = chunk.direction
        probe.held.append(chunk)
        probe.held_bytes += len(chunk.data)
        if len(probe.head[direction]) < LONGEST_HEAD:
            probe.head[direction] += chunk.data[:LONGEST_HEAD]
        head = probe.head[direction]
        if not head:
            return []
        if int(stream.port(0)) in self.ports or int(stream.port(1)) in self.ports:
            name = foreign(head)
            if name is None and chunk.ending == OPEN:
                return []
            if not name:
                return self._decide(stream, probe, MQTT)
            self.others[name] = self.others.get(name, 0) + 1
            return self._decide(stream, probe, OTHER)
        answer = is_connect(head)
        if answer == YES:
            return self._decide(stream, probe, MQTT)
        other = probe.head[1 - direction]
        client_is_known = stream.handshake and direction == 0
        if answer == NO and (client_is_known or (other and is_connect(other) == NO)):
            if int(stream.port(0)) in LIKELY_PORTS or int(stream.port(1)) in LIKELY_PORTS:
                name = foreign(head)
                if name:
                    self.others[name] = self.others.get(name, 0) + 1
            return self._decide(stream, probe, OTHER)
        if probe.held_bytes > HELD_BYTES or (chunk.ending != OPEN and direction == 0):
            return self._decide(stream, probe, OTHER)
        return []

    def _decide(self, stream: Stream, probe: Probe, verdict: i64) -> list[Chunk]:
        if verdict != MQTT:
            stream.transport = IS_OTHER
            stream.ignore()
            return []
        stream.transport = IS_MQTT
        self.mqtt_streams += 1
        return probe.held


def in_turn(held: list[Chunk]) -> list[Chunk]:
    """Chunks of one stream, of both directions, in the order in which they were sent: behind what they acknowledge,
    else in that of the capture."""
    source = [chunk for chunk in held if chunk.direction == 0]
    destination = [chunk for chunk in held if chunk.direction != 0]
    out: list[Chunk] = []
    while source and destination:
        one, other = source[-1], destination[-1]  # which is the last of all?
        is_answer = unfold(one.acknowledgement, other.end) >= other.end
        is_answered = unfold(other.acknowledgement, one.end) >= one.end
        last = one.arrival > other.arrival if is_answer == is_answered else is_answer
        out.append(source.pop() if last else destination.pop())
    out.reverse()
    return (source or destination) + out
