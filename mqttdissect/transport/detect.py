"""Find MQTT in TCP streams: by the first bytes of a side, which are a CONNECT on any port, or by the port.

A stream on a known port, which is IANA's for mqtt, is MQTT from its first byte, unless those bytes are the start of
something else that is often put there (TLS, HTTP): then it is named in `others` and left alone. A PROXY header before
it is taken off, and MQTT is taken out of WebSocket, on any port.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.sequence import unfold
from mqttdissect.net.stream import OPEN, Chunk, Stream
from mqttdissect.transport.beginnings import (
    LONGEST_HEAD,
    LONGEST_PROXY_LINE,
    MORE,
    NO,
    YES,
    foreign,
    is_connect,
    is_proxied,
    proxied_for,
    proxy_length,
)
from mqttdissect.transport.websocket import CLIENT_BEGINS, SERVER_BEGINS, WebSocket, is_joined

MQTT_PORT: Final = 1883
LIKELY_PORTS: Final = frozenset([1883, 1884, 8080, 8081, 8083, 8084, 8883, 8884, 9001])  # where brokers listen
HELD_BYTES: Final = 65536  # of an undecided stream
MOST_PROXIES: Final = 8  # headers that came at once
UNDECIDED: Final = 0
MQTT: Final = 1
OTHER: Final = 2
BOTH: Final = 3


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
    """`feed` it chunks; it returns those that carry MQTT, held ones first once their stream is known to be MQTT. What
    they ride in is taken off, and named in `Stream.carrier`."""

    def __init__(self, ports: frozenset[int] = frozenset([MQTT_PORT])) -> None:
        self.ports = ports
        self.mqtt_streams: i64 = 0
        self.others: dict[str, int] = {}  # what else was on the ports of brokers: streams

    def feed(self, chunk: Chunk) -> list[Chunk]:
        """The chunks of MQTT that `chunk` lets out."""
        stream = chunk.stream
        state = stream.transport
        if isinstance(state, WebSocket):
            return self._websocket(stream, state, chunk)
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
        proxied = is_proxied(head) if head else NO
        for _ in range(MOST_PROXIES):
            if proxied != YES:
                break
            answer = self._unproxied(stream, probe, direction)
            if answer == MORE and probe.held_bytes <= HELD_BYTES:
                return []
            if answer != YES:
                break
            head = probe.head[direction]
            proxied = is_proxied(head) if head else NO
        if not head:
            return []
        known = int(stream.port(0)) in self.ports or int(stream.port(1)) in self.ports
        for start, client in ((CLIENT_BEGINS, direction), (SERVER_BEGINS, 1 - direction)):
            if head.startswith(start):
                return self._begin(stream, probe, WebSocket(client))
            if start.startswith(head) and chunk.ending == OPEN:
                return []
        if (not stream.handshake or chunk.gap) and is_joined(chunk.data):
            masked = chunk.data[1] >= 0x80
            if masked or not known or int(stream.port(direction)) in self.ports:  # a SUBSCRIBE is a client's
                websocket = WebSocket(direction if masked else 1 - direction)
                websocket.join()
                return self._begin(stream, probe, websocket)
        if known:
            name = foreign(head)
            if (name is None or proxied == MORE) and chunk.ending == OPEN:
                return []
            if not name:
                return self._decide(stream, probe, MQTT)
            self._name(stream, name)
            return self._decide(stream, probe, OTHER)
        answer = is_connect(head)
        if answer == YES:
            return self._decide(stream, probe, MQTT)
        other = probe.head[1 - direction]
        client_is_known = stream.handshake and direction == 0 and proxied == NO
        if answer == NO and (client_is_known or (other and is_connect(other) == NO)):
            self._name(stream, foreign(head))
            return self._decide(stream, probe, OTHER)
        if probe.held_bytes > HELD_BYTES or (chunk.ending != OPEN and direction == 0):
            return self._decide(stream, probe, OTHER)
        return []

    def _unproxied(self, stream: Stream, probe: Probe, direction: i64) -> i64:
        """Take off the PROXY header of one direction. Was it there? `MORE` if it is not whole yet."""
        begin = b""
        for one in probe.held:
            if one.direction == direction:
                begin += one.data[:LONGEST_PROXY_LINE]
                if len(begin) >= LONGEST_PROXY_LINE:
                    break
        length = proxy_length(begin)
        if length <= 0 or length > probe.held_bytes:
            return NO if length < 0 else MORE
        data = b"".join([one.data for one in probe.held if one.direction == direction])
        if length > len(data):
            return MORE
        left = length
        for one in probe.held:
            if one.direction == direction:
                size: i64 = len(one.data)
                one.data = one.data[left:]
                left -= min(left, size)
        probe.held = [one for one in probe.held if one.data or one.gap or one.ending != OPEN]
        probe.head[direction] = data[length : length + LONGEST_HEAD]
        address = proxied_for(data[:length])
        stream.carrier = f"PROXY for {address}" if address else "PROXY"
        return YES

    def _begin(self, stream: Stream, probe: Probe, websocket: WebSocket) -> list[Chunk]:
        """A stream may carry MQTT in WebSocket."""
        stream.transport = websocket
        out: list[Chunk] = []
        for held in probe.held:
            out.extend(self._websocket(stream, websocket, held))
            if websocket.is_mqtt is False:
                return []
        return out

    def _websocket(self, stream: Stream, websocket: WebSocket, chunk: Chunk) -> list[Chunk]:
        before = websocket.is_mqtt
        out = websocket.feed(chunk)
        if websocket.is_mqtt is False:
            self._name(stream, websocket.name)
            self._decide(stream, IS_OTHER, OTHER)
        elif websocket.is_mqtt and not before:
            stream.carrier += ", WebSocket" if stream.carrier else "WebSocket"
            self.mqtt_streams += 1
        return out

    def _name(self, stream: Stream, name: str | None) -> None:
        """A stream on a port of brokers carries something else."""
        ports = int(stream.port(0)), int(stream.port(1))
        if name and any(port in LIKELY_PORTS or port in self.ports for port in ports):
            self.others[name] = self.others.get(name, 0) + 1

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
