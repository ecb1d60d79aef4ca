"""What a capture adds up to: one pass over its packets, in bounded memory, however long it is.

`Statistics.take` is handed packets as they complete; `end` when there are no more; then its tables hold the sums.
Topics, clients and names of hosts are kept up to a number; the rest is summed up as one "other". Rates are kept by
`series`, sizes and times by `histogram`, hosts by `talkers`, subscriptions by `audience`. What is known of a TCP stream
is dropped when the stream has ended.

Who sent a packet is as its connection knows it: `FROM_CLIENT`, `FROM_SERVER`, or 0 where nothing tells. A message is a
PUBLISH packet: published where a client sent it, delivered where a broker did.
"""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.analysis.audience import Audience
from mqttdissect.analysis.histogram import Histogram
from mqttdissect.analysis.series import COMING, GOING, MILLISECOND, MOST, Series
from mqttdissect.analysis.talkers import Talkers
from mqttdissect.mqtt.codes import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    FROM_CLIENT,
    FROM_SERVER,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
)
from mqttdissect.mqtt.packet import UNDECODED, Exchange, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER
from mqttdissect.mqtt.registry import (
    BRIDGE_LEVEL,
    CLIENT_IDENTIFIER,
    CONNACK_REASON,
    GRANTED_QOS,
    PROTOCOL_LEVEL,
    RETURN_CODE,
    SUBACK_REASON,
    TOPIC_FILTER,
)
from mqttdissect.net.address import address
from mqttdissect.net.stream import DROPPED, OPEN, REPLACED, RESET, Stream

MOST_TOPICS: Final = 50_000
MOST_CLIENTS: Final = 50_000
MOST_PAIRS: Final = 400_000  # of topic and client, and of filter and client
MOST_TEXT: Final = 8_000_000  # characters of topics, and of client identifiers
MOST_STREAMS: Final = 65_536  # whose facts are kept at a time
MOST_ASKED_FOR: Final = 100_000  # intervals, where the user says how long they are
LONGEST: Final = 256  # characters of a name that talkers are known by
MOST_ADDRESSES: Final = 8192  # that are kept as text
MOST_PENDING: Final = 256  # SUBSCRIBEs of a stream without an answer
SWEEP_EVERY: Final = 4096  # packets, at least
MQTT_PORT: Final = 1883

ASSIGNED_CLIENT_IDENTIFIER: Final = BY_IDENTIFIER[0x12].value
SENDERS: Final = 3  # unknown, client, broker: 0, `FROM_CLIENT`, `FROM_SERVER`
UNDECODED_TYPE: Final = 16  # bytes that no packet was found in, numbered behind the packet types
TYPES: Final = 17

# What is timed, by the type of the answer; see `HANDSHAKES`
QOS_2_IN_ALL: Final = 0
HANDSHAKES: Final[dict[int, tuple[str, str]]] = {
    CONNACK: ("CONNECT", "CONNACK"),
    SUBACK: ("SUBSCRIBE", "SUBACK"),
    UNSUBACK: ("UNSUBSCRIBE", "UNSUBACK"),
    PINGRESP: ("PINGREQ", "PINGRESP"),
    PUBACK: ("PUBLISH", "PUBACK"),
    PUBREC: ("PUBLISH", "PUBREC"),
    PUBREL: ("PUBREC", "PUBREL"),
    PUBCOMP: ("PUBREL", "PUBCOMP"),
    QOS_2_IN_ALL: ("PUBLISH", "PUBCOMP"),
}
# Columns of `Statistics.rates`: each for the three senders
PACKETS: Final = 0
BYTES: Final = 3
MESSAGES: Final = 6
RATE_COLUMNS: Final = 9
# Columns of `Statistics.connections`
OPENED: Final = COMING
CLOSED: Final = GOING
REFUSED: Final = 2
PEAK: Final = 3  # the most that were open at a time, beyond those at the start of the interval
CONNECTION_COLUMNS: Final = 4
LAST_FRAME: Final = 0x3FFF_FFFF_FFFF_FFFF


@final
@mypyc_attr(acyclic=True)
class Members:
    """The distinct numbers of clients, as far as there is room for them."""

    __slots__ = ("_all", "_one", "more")

    def __init__(self) -> None:
        self._one: i64 = -1
        self._all: set[int] | None = None
        self.more = False  # there were others, for which there was no room

    def has(self, number: i64) -> bool:
        """Is it one of them?"""
        if number == self._one:
            return True
        return self._all is not None and int(number) in self._all

    def put(self, number: i64) -> None:
        """One more."""
        if self._one == -1:
            self._one = number
        elif self._all is None:
            self._all = {int(number)}
        else:
            self._all.add(int(number))

    def join(self, numbers: list[int]) -> None:
        """All of these too."""
        for number in numbers:
            if not self.has(number):
                self.put(number)

    def numbers(self) -> list[int]:
        """All of them."""
        if self._one == -1:
            return []
        return [int(self._one), *(self._all or ())]

    def __len__(self) -> int:
        if self._one == -1:
            return 0
        return 1 + (len(self._all) if self._all is not None else 0)


@final
@mypyc_attr(acyclic=True)
class Topic:
    """Sums of one topic name. bytes: of whole PUBLISH packets. payload: of their application messages alone.

    published, delivered: messages that clients, and brokers, sent; together they may be fewer than `messages`, where
    the sender is not known. retained: messages with the RETAIN flag. repeated: with DUP. qos: messages of each.
    publishers, receivers: clients that sent it, and those that were sent it.
    """

    __slots__ = (
        "bytes", "delivered", "first_ns", "last_ns", "messages", "payload", "published", "publishers", "qos0", "qos1",
        "qos2", "receivers", "repeated", "retained",
    )  # fmt: skip

    def __init__(self) -> None:
        self.messages: i64 = 0
        self.published: i64 = 0
        self.delivered: i64 = 0
        self.bytes: i64 = 0
        self.payload: i64 = 0
        self.retained: i64 = 0
        self.repeated: i64 = 0
        self.qos0: i64 = 0
        self.qos1: i64 = 0
        self.qos2: i64 = 0
        self.first_ns: i64 = -1
        self.last_ns: i64 = -1
        self.publishers = Members()
        self.receivers = Members()


@final
@mypyc_attr(acyclic=True)
class Client:
    """Sums of one client identifier, over all its connections.

    told: did a CONNECT or a CONNACK tell its identifier? Else it has the name of its endpoint. version: of its last
    connection. sent: by the client; received: from the broker. closed, reset: connections that ended with a FIN, or
    with a RST. disconnects: DISCONNECTs that it sent.
    """

    __slots__ = (
        "bytes_received", "bytes_sent", "closed", "connections", "delivered", "disconnects", "first_ns", "host",
        "last_ns", "name", "number", "published", "received", "refused", "reset", "sent", "subscriptions", "told",
        "version",
    )  # fmt: skip

    def __init__(self, number: i64, name: str, told: bool) -> None:
        self.number = number
        self.name = name
        self.told = told
        self.host = ""
        self.version: i64 = 0
        self.connections: i64 = 0
        self.refused: i64 = 0
        self.closed: i64 = 0
        self.reset: i64 = 0
        self.disconnects: i64 = 0
        self.sent: i64 = 0
        self.received: i64 = 0
        self.bytes_sent: i64 = 0
        self.bytes_received: i64 = 0
        self.published: i64 = 0
        self.delivered: i64 = 0
        self.subscriptions: i64 = 0
        self.first_ns: i64 = -1
        self.last_ns: i64 = -1


@final
@mypyc_attr(acyclic=True)
class Line:
    """What is known of one TCP stream, and its traffic since it was last settled. direction: from the client."""

    def __init__(self, stream: Stream | None, number: i64, direction: i64, client: Client) -> None:
        self.stream = stream
        self.number = number
        self.direction = direction
        self.client = client
        self.name = client.name  # not a longer one than `LONGEST`; also where the client is one of the others
        self.pending: dict[int, list[str]] | None = None  # filters of SUBSCRIBEs without an answer, by identifier
        self.sent: i64 = 0
        self.received: i64 = 0
        self.bytes_sent: i64 = 0
        self.bytes_received: i64 = 0
        self.first_ns: i64 = -1
        self.last_ns: i64 = -1
        self.closed = False  # its end is among the moves


@final
class Statistics:
    """most_topics, most_clients: how many are told apart. interval: of rates, in nanoseconds; 0 for a fitting one,
    which grows with the capture.

    types, type_bytes: packets and their bytes, at sender * `TYPES` + type. qos_*: of messages, at sender * 4 + QoS.
    """

    def __init__(self, most_topics: int = MOST_TOPICS, most_clients: int = MOST_CLIENTS, interval: int = 0) -> None:
        self.most_topics = most_topics
        self.most_clients = most_clients
        self.packets: i64 = 0
        self.bytes: i64 = 0
        self.malformed: i64 = 0
        self.first_ns: i64 = -1
        self.last_ns: i64 = -1
        self.types: list[int] = [0] * (SENDERS * TYPES)
        self.type_bytes: list[int] = [0] * (SENDERS * TYPES)
        self.qos_messages: list[int] = [0] * (SENDERS * 4)
        self.qos_payload: list[int] = [0] * (SENDERS * 4)
        self.qos_retained: list[int] = [0] * (SENDERS * 4)
        self.qos_repeated: list[int] = [0] * (SENDERS * 4)
        self.payloads = [Histogram(), Histogram(), Histogram()]  # sizes of application messages, by sender
        self.sizes = [Histogram(), Histogram(), Histogram()]  # of control packets
        # from a request to its answer, by the answer's type and its sender
        self.times: dict[tuple[int, int], Histogram] = {}
        self.topics: dict[str, Topic] = {}
        self.other_topics = Topic()
        self.topics_left_out: i64 = 0  # messages in `other_topics`
        self.clients: dict[str, Client] = {}
        self.other_clients = Client(0, "", False)
        self.clients_left_out: i64 = 0  # connections in `other_clients`
        self.versions: dict[int, int] = {}  # CONNECTs by protocol level, also one that no version has
        self.answers: dict[tuple[int, int], int] = {}  # CONNACKs by protocol level and code
        self.opened: i64 = 0
        self.closed_by_fin: i64 = 0
        self.closed_by_reset: i64 = 0
        self.hosts = Talkers()
        self.heavy_clients = Talkers()
        self.audience = Audience(MOST_PAIRS)
        width, most = (interval, MOST_ASKED_FOR) if interval else (MILLISECOND, MOST)
        self.rates = Series(RATE_COLUMNS, width, most)
        self.connections = Series(CONNECTION_COLUMNS, width, most, PEAK)
        self._moves: list[tuple[int, int, int]] = []  # time, frame, `OPENED` or `CLOSED`: not yet in `connections`
        self._sums: list[int] = [0] * RATE_COLUMNS  # so far, in all
        self._mark: list[int] = [0] * RATE_COLUMNS  # the same when the interval at hand began
        self._slot: i64 = -1
        self._slot_start: i64 = 0
        self._slot_end: i64 = -1
        self._lines: dict[int, Line] = {}
        self._nobody = Line(None, -1, 0, self.other_clients)  # of packets that no stream carried
        self._line = self._nobody
        self._addresses: dict[bytes, str] = {}
        self._pairs: i64 = 0
        self._topic_text: i64 = 0
        self._client_text: i64 = 0
        self._clients_made: i64 = 0
        self._until_sweep: i64 = SWEEP_EVERY

    def start(self, time_ns: i64) -> None:
        """When the capture begins: intervals are counted from there, as tshark does."""
        if self.rates.origin == -1:
            self.rates.origin = time_ns
            self.connections.origin = time_ns

    def take(self, packets: list[Packet]) -> None:
        """Count packets."""
        for packet in packets:
            self._count(packet)
        self._until_sweep -= len(packets)
        if self._until_sweep <= 0:
            self._sweep()

    def end(self) -> None:
        """There are no more: what is known of open streams is counted too. May be asked for again later."""
        self._close_slot()
        for line in list(self._lines.values()):
            if ended(line):
                self._close(line)
            else:
                self._settle(line)
                self._closes(line)
        self._move()

    def _count(self, packet: Packet) -> None:
        time_ns = packet.time_ns
        if time_ns < self._slot_start or time_ns >= self._slot_end:
            self._turn(time_ns)
        if time_ns > self.last_ns:
            self.last_ns = time_ns
        if time_ns < self.first_ns or self.first_ns == -1:
            self.first_ns = time_ns
        sender = packet.sender
        kind = packet.type
        size = len(packet.data)
        stream = packet.stream
        line = self._line
        if stream is None:
            line = self._nobody
        elif stream.number != line.number:
            line = self._line_of(stream, packet)
        if kind == UNDECODED:
            at = sender * TYPES + UNDECODED_TYPE
            self.types[at] += 1
            self.type_bytes[at] += size
            return
        if kind == AUTH and packet.version < 5:
            kind = 0  # reserved
        self.packets += 1
        self.bytes += size
        if packet.notes is not None:
            self.malformed += 1
        at = sender * TYPES + kind
        self.types[at] += 1
        self.type_bytes[at] += size
        sums = self._sums
        sums[PACKETS + sender] += 1
        sums[BYTES + sender] += size
        self.sizes[sender].record(size)
        request = packet.request
        if request is not None:
            self._answered(packet, request)
        if kind == PUBLISH:
            sums[MESSAGES + sender] += 1
            self._publish(packet, sender, line)
        elif kind == CONNECT:
            line = self._connect(packet, line)
        elif kind == CONNACK:
            self._connack(packet, line)
        elif kind == SUBSCRIBE:
            self._subscribe(packet, line)
        elif kind == SUBACK:
            self._suback(packet, line)
        elif kind == DISCONNECT and sender == FROM_CLIENT:
            line.client.disconnects += 1
        if packet.direction == line.direction:
            line.sent += 1
            line.bytes_sent += size
        else:
            line.received += 1
            line.bytes_received += size
        if time_ns > line.last_ns:
            line.last_ns = time_ns
        elif time_ns < line.first_ns:
            line.first_ns = time_ns

    # messages

    def _publish(self, packet: Packet, sender: i64, line: Line) -> None:
        payload = packet.message_size
        flags = packet.flags
        at = sender * 4 + (flags >> 1 & 3)
        self.qos_messages[at] += 1
        self.qos_payload[at] += payload
        if flags & 1:
            self.qos_retained[at] += 1
        if flags & 8:
            self.qos_repeated[at] += 1
        self.payloads[sender].record(payload)
        topic = self._topic_of(packet.topic)
        topic.messages += 1
        topic.bytes += len(packet.data)
        topic.payload += payload
        if flags & 1:
            topic.retained += 1
        if flags & 8:
            topic.repeated += 1
        if flags & 6 == 0:
            topic.qos0 += 1
        elif flags & 6 == 2:
            topic.qos1 += 1
        else:
            topic.qos2 += 1
        if packet.time_ns > topic.last_ns:
            topic.last_ns = packet.time_ns
        if packet.time_ns < topic.first_ns or topic.first_ns == -1:
            topic.first_ns = packet.time_ns
        client = line.client
        if sender == FROM_CLIENT:
            topic.published += 1
            client.published += 1
            if not topic.publishers.has(client.number):
                self._join(topic.publishers, client.number)
        elif sender == FROM_SERVER:
            topic.delivered += 1
            client.delivered += 1
            if not topic.receivers.has(client.number):
                self._join(topic.receivers, client.number)

    def _topic_of(self, name: str) -> Topic:
        topic = self.topics.get(name)
        if topic is None:
            if len(self.topics) >= self.most_topics or self._topic_text + len(name) > MOST_TEXT:
                self.topics_left_out += 1
                return self.other_topics
            topic = Topic()
            self.topics[name] = topic
            self._topic_text += len(name)
        return topic

    def _join(self, members: Members, number: i64) -> None:
        if self._pairs >= MOST_PAIRS:
            members.more = True
            return
        self._pairs += 1
        members.put(number)

    # response times

    def _answered(self, packet: Packet, request: Exchange) -> None:
        """The packet is the answer to another one."""
        kind = packet.type
        began = request.began_frame != 0  # the request was not the first packet of its handshake
        asked_ns = request.asked_ns
        if kind == CONNACK and began:
            asked_ns = request.began_ns  # what authentication took is part of it
        self._time(kind, packet.sender, packet.time_ns - asked_ns)
        if kind == PUBCOMP and began:
            self._time(QOS_2_IN_ALL, packet.sender, packet.time_ns - request.began_ns)

    def _time(self, kind: i64, sender: i64, took_ns: i64) -> None:
        if took_ns < 0:  # the clock was set back meanwhile
            return
        key = (int(kind), int(sender))
        histogram = self.times.get(key)
        if histogram is None:
            histogram = Histogram()
            self.times[key] = histogram
        histogram.record(took_ns)

    # connections and clients

    def _line_of(self, stream: Stream, packet: Packet) -> Line:
        line = self._lines.get(int(stream.number))
        if line is None:
            if len(self._lines) >= MOST_STREAMS:
                self._make_room()
            direction = client_direction(stream, packet)
            if packet.type == CONNECT:
                client = self.other_clients  # for a moment: the packet at hand says who it is
            else:
                client = self._client(self._endpoint(stream, direction), False)
            line = Line(stream, stream.number, direction, client)
            line.name = self._endpoint(stream, direction)
            line.first_ns = packet.time_ns
            line.last_ns = packet.time_ns
            self._lines[int(stream.number)] = line
            self.opened += 1
            self._moves.append((int(packet.time_ns), int(packet.frame), OPENED))
            if packet.type != CONNECT:
                self._new_connection(line, packet)
        self._line = line
        return line

    def _client(self, name: str, told: bool) -> Client:
        client = self.clients.get(name)
        if client is None:
            if len(self.clients) >= self.most_clients or self._client_text + len(name) > MOST_TEXT:
                self.clients_left_out += 1
                return self.other_clients
            self._clients_made += 1
            client = Client(self._clients_made, name, told)
            self.clients[name] = client
            self._client_text += len(name)
        return client

    def _new_connection(self, line: Line, packet: Packet) -> None:
        """Of the client that the line has now."""
        client = line.client
        client.connections += 1
        client.version = packet.version
        stream = line.stream
        if stream is not None:
            client.host = self._address(stream, line.direction)
        if client.first_ns == -1:
            client.first_ns = packet.time_ns

    def _connect(self, packet: Packet, line: Line) -> Line:
        """Who is the client? A second CONNECT on the same stream is not allowed, but may be another one."""
        self._settle(line)
        level = protocol_level(packet)
        self.versions[level] = self.versions.get(level, 0) + 1
        name = words(packet.value(CLIENT_IDENTIFIER))
        stream = line.stream
        line.direction = packet.direction
        told = name != "" or stream is None
        if stream is not None and not told:
            name = self._endpoint(stream, packet.direction)
        line.client = self._client(name, told)
        line.name = short(name)
        line.pending = None
        self._new_connection(line, packet)
        return line

    def _connack(self, packet: Packet, line: Line) -> None:
        code: i64 = -1
        name = ""
        for field in packet.fields:
            spec = field.spec
            if spec is CONNACK_REASON or spec is RETURN_CODE:
                code = integer(field.value)
            elif spec is ASSIGNED_CLIENT_IDENTIFIER:
                name = words(field.value)
        if code == -1:
            return
        key = (int(packet.version), int(code))
        self.answers[key] = self.answers.get(key, 0) + 1
        if code:
            line.client.refused += 1
            self.connections.add(packet.time_ns, REFUSED)
        elif name and not line.client.told:
            self._assign(line, name, packet)

    def _assign(self, line: Line, name: str, packet: Packet) -> None:
        """The broker has given the client its identifier."""
        client = line.client
        if client is self.other_clients:
            return
        if name not in self.clients and client.connections == 1:
            del self.clients[client.name]
            self._client_text += len(name) - len(client.name)
            client.name = name
            client.told = True
            line.name = short(name)
            self.clients[name] = client
            return
        self._settle(line)
        client.connections -= 1
        line.client = self._client(name, True)
        line.name = short(name)
        self._new_connection(line, packet)

    def _address(self, stream: Stream, direction: i64) -> str:
        """From which the segments of a direction come."""
        flow = stream.flow
        half = (len(flow) - 4) // 2
        raw = flow[:half] if direction == 0 else flow[half : 2 * half]
        known = self._addresses.get(raw)
        if known is None:
            if len(self._addresses) >= MOST_ADDRESSES:
                self._addresses.clear()
            known = self._addresses[raw] = address(flow, direction == 0)
        return known

    def _endpoint(self, stream: Stream, direction: i64) -> str:
        """The same with its port."""
        host = self._address(stream, direction)
        number = stream.port(direction)
        return f"[{host}]:{number}" if ":" in host else f"{host}:{number}"

    # subscriptions

    def _subscribe(self, packet: Packet, line: Line) -> None:
        """They count until the broker refuses them."""
        asked: list[str] = []
        client = line.client
        for field in packet.fields:
            spec = field.spec
            if spec is TOPIC_FILTER:
                name = words(field.value)
                new = client.number and self.audience.subscribe(name, int(client.number))
                if new:
                    client.subscriptions += 1
                asked.append(name if new else "")
        if line.pending is None:
            line.pending = {}
        if len(line.pending) < MOST_PENDING:
            line.pending[int(packet.identifier)] = asked

    def _suback(self, packet: Packet, line: Line) -> None:
        if line.pending is None:
            return
        index = -1
        asked = line.pending.pop(int(packet.identifier), None)
        for field in packet.fields:
            spec = field.spec
            if spec is GRANTED_QOS or spec is SUBACK_REASON:
                index += 1
                if asked is not None and index < len(asked) and asked[index] and integer(field.value) >= 0x80:
                    self.audience.refuse(asked[index], int(line.client.number))
                    line.client.subscriptions -= 1

    # rates

    def _turn(self, time_ns: i64) -> None:
        """Another interval of `rates`."""
        self._close_slot()
        self._slot = self.rates.slot(time_ns)
        self._slot_start = self.rates.start(self._slot)
        self._slot_end = self._slot_start + self.rates.width

    def _close_slot(self) -> None:
        """What has come since the interval at hand began is in it."""
        if self._slot == -1:
            return
        row = self.rates.rows[self._slot]
        sums, mark = self._sums, self._mark
        for column in range(RATE_COLUMNS):
            row[column] += sums[column] - mark[column]
            mark[column] = sums[column]

    # the end of streams

    def _sweep(self) -> None:
        """Forget the streams that have ended."""
        for line in list(self._lines.values()):
            if ended(line):
                self._close(line)
            else:
                self._closes(line)
        self._move()
        self._until_sweep = max(SWEEP_EVERY, 2 * len(self._lines))

    def _make_room(self) -> None:
        """Above `MOST_STREAMS`, a quarter goes: those that were silent for the longest time."""
        self._sweep()
        if len(self._lines) < MOST_STREAMS:
            return
        ordered = sorted(self._lines.values(), key=lambda line: int(line.last_ns))
        for line in ordered[: MOST_STREAMS // 4]:
            self._close(line)

    def _close(self, line: Line) -> None:
        """Its last traffic, and how it ended."""
        self._settle(line)
        stream = line.stream
        if stream is not None:
            self._closes(line)
            if not line.closed:  # it was given up, or its ports were taken over
                self._moves.append((int(line.last_ns), LAST_FRAME, CLOSED))
            elif stream.closed_how == RESET:
                self.closed_by_reset += 1
                line.client.reset += 1
            else:
                self.closed_by_fin += 1
                line.client.closed += 1
        del self._lines[int(line.number)]
        if self._line is line:
            self._line = self._nobody

    def _closes(self, line: Line) -> None:
        """Its first FIN or RST is one of the moves, though the other side may still send."""
        stream = line.stream
        if stream is None or stream.closed_ns == -1 or line.closed:
            return
        line.closed = True
        if stream.closed_ns < line.first_ns:  # what was sent before came later
            self._moves.append((int(line.first_ns), LAST_FRAME, CLOSED))
        else:
            self._moves.append((int(stream.closed_ns), int(stream.closed_frame), CLOSED))

    def _move(self) -> None:
        """Connections that came and went since this was last done are counted, in the order in which they did."""
        for time_ns, _, column in sorted(self._moves):
            self.connections.move(time_ns, column)
        self._moves.clear()

    def _settle(self, line: Line) -> None:
        """Hand its traffic on to its client and its hosts."""
        stream = line.stream
        if stream is None or (not line.sent and not line.received):
            return
        client = line.client
        client.sent += line.sent
        client.received += line.received
        client.bytes_sent += line.bytes_sent
        client.bytes_received += line.bytes_received
        if line.last_ns > client.last_ns:
            client.last_ns = line.last_ns
        if line.first_ns < client.first_ns:
            client.first_ns = line.first_ns
        ours, theirs = self._address(stream, line.direction), self._address(stream, 1 - line.direction)
        sent, received = line.sent, line.received
        bytes_sent, bytes_received = line.bytes_sent, line.bytes_received
        self.hosts.add(ours, sent, bytes_sent, received, bytes_received)
        if theirs != ours:
            self.hosts.add(theirs, received, bytes_received, sent, bytes_sent)
        self.heavy_clients.add(line.name, sent, bytes_sent, received, bytes_received)
        line.sent = 0
        line.received = 0
        line.bytes_sent = 0
        line.bytes_received = 0


def client_direction(stream: Stream, packet: Packet) -> i64:
    """From which direction the client sends: as the packet tells, or the SYN, or the port that brokers use."""
    if packet.sender == FROM_CLIENT:
        return packet.direction
    if packet.sender == FROM_SERVER:
        return 1 - packet.direction
    if not stream.handshake and stream.port(0) == MQTT_PORT:
        return 1
    return 0


def protocol_level(packet: Packet) -> int:
    """What a CONNECT says, without the mark of a bridge; as it was read, where it is cut off before that."""
    for spec in (PROTOCOL_LEVEL, BRIDGE_LEVEL):
        value = packet.value(spec)
        if isinstance(value, int):
            return value & 0x7F
    return int(packet.version)


def ended(line: Line) -> bool:
    """Will nothing more come, as the stream was closed, or given up, or its ports were taken over?"""
    stream = line.stream
    if stream is None:
        return True
    first, second = stream.source.ending, stream.destination.ending
    over = stream.closed_ns != -1 or first in (REPLACED, DROPPED)
    return over and first != OPEN and second != OPEN


def words(value: object) -> str:
    """Text of a packet; what is not UTF-8 in it, escaped."""
    if isinstance(value, str):
        return value
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else ""


def short(name: str) -> str:
    """The start of a long name."""
    return name if len(name) <= LONGEST else name[:LONGEST] + "…"


def integer(value: object) -> i64:
    """A field's value that is a number."""
    return value if isinstance(value, int) else 0
