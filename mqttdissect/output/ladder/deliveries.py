"""Which PUBLISHes are one delivery end to end, and which acknowledgements are theirs.

A PUBLISH to the broker gets a number (its tag); the PUBLISHes that the broker sends on with the same topic and payload
within `WINDOW_NS` get the same one, and so do the acknowledgements of all of them. Where a message is published several
times, a delivery is that of the first one in the last `SOON_NS` which this one has not got yet, or else of the last.

Memory is bounded: both tables keep an old and a young half; when the young one is full it becomes the old one.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis.matching import matches
from mqttdissect.mqtt.codes import PUBACK, PUBCOMP, PUBLISH, PUBREL
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE, PACKET_IDENTIFIER, TOPIC_NAME, TOPIC_OF_ALIAS

WINDOW_NS: Final = 60_000_000_000
SOON_NS: Final = 500_000_000
MOST_MESSAGES: Final = 4096  # in half a table
MOST_EXCHANGES: Final = 16_384
MOST_COPIES: Final = 16  # of one message, published again and again
MOST_RECEIVERS: Final = 256  # of one message, whose deliveries are told apart
LAST_TAG: Final = 99  # then they start again
UNTAGGED: Final = 0
UNKNOWN: Final = -1


@final
class Message:
    """A topic and payload. tags, times: of its publications, in order. delivered: how many of them each stream got."""

    __slots__ = ("delivered", "dropped", "tags", "times")

    def __init__(self) -> None:
        self.tags: list[int] = []
        self.times: list[int] = []
        self.dropped: i64 = 0  # publications no longer in `tags`
        self.delivered: dict[int, int] = {}

    def published(self, tag: i64, time_ns: i64) -> None:
        """Once more."""
        self.tags.append(int(tag))
        self.times.append(int(time_ns))
        if len(self.tags) > MOST_COPIES:
            del self.tags[0]
            del self.times[0]
            self.dropped += 1

    def to(self, stream: i64, again: bool, time_ns: i64) -> i64:
        """The tag of the next delivery on a stream; `again`: of the same one as before."""
        count: i64 = self.delivered.get(int(stream), 0)
        index = count - self.dropped - (1 if again and count else 0)
        last: i64 = len(self.tags) - 1
        index = max(0, min(index, last))
        while index < last and time_ns - self.times[index] > SOON_NS:
            index += 1
        if time_ns - self.times[index] > WINDOW_NS:
            return UNTAGGED
        if len(self.delivered) < MOST_RECEIVERS or int(stream) in self.delivered:
            self.delivered[int(stream)] = int(index + self.dropped) + 1
        return self.tags[index]


@final
class Deliveries:
    """`tag(packet, to_broker)` of each packet in turn.

    filters: topic filters. fits: is the packet that was last asked about a PUBLISH whose topic matches one of them, or
    an acknowledgement of such a PUBLISH?
    """

    def __init__(self, filters: tuple[str, ...] = ()) -> None:
        self.fits = False
        self._filters = filters
        self._fitting: dict[str, bool] = {}  # topics that were looked at
        self._next: i64 = 1
        self._messages: dict[int, Message] = {}
        self._old_messages: dict[int, Message] = {}
        self._exchanges: dict[
            int, int
        ] = {}  # stream, direction of the PUBLISH and packet identifier: its tag, and `fits`
        self._old_exchanges: dict[int, int] = {}

    def tag(self, packet: Packet, to_broker: bool) -> i64:
        """Its tag; `UNTAGGED` for a PUBLISH that belongs to no other; `UNKNOWN` for what belongs to no PUBLISH."""
        kind = packet.type
        self.fits = False
        if kind == PUBLISH:
            return self._publish(packet, to_broker)
        if kind < PUBACK or kind > PUBCOMP:
            return UNKNOWN
        return self._acknowledgement(packet, kind)

    def _publish(self, packet: Packet, to_broker: bool) -> i64:
        topic = ""
        payload = b""
        identifier: i64 = -1
        for field in packet.fields:
            spec = field.spec
            value = field.value
            if spec is TOPIC_NAME or spec is TOPIC_OF_ALIAS:
                if isinstance(value, str):
                    topic = value
            elif spec is PACKET_IDENTIFIER:
                if isinstance(value, int):
                    identifier = value
            elif spec is APPLICATION_MESSAGE:
                if isinstance(value, bytes):
                    payload = value
        self.fits = self._fit(topic)
        key = hash((topic, payload))
        message = self._messages.get(key)
        if message is None:
            message = self._old_messages.get(key)
            if message is not None:
                self._remember(key, message)
        stream = packet.stream
        number: i64 = stream.number if stream is not None else 0
        again = packet.flags & 8 != 0
        tag: i64 = UNTAGGED
        if to_broker:
            if again and message is not None:
                tag = message.tags[len(message.tags) - 1]
            else:
                tag = self._next
                self._next = 1 if tag == LAST_TAG else tag + 1
                if message is None:
                    message = Message()
                    self._remember(key, message)
                message.published(tag, packet.time_ns)
        elif message is not None:
            tag = message.to(number, again, packet.time_ns)
        if identifier != -1:
            self._exchanges[exchange(number, packet.direction, identifier)] = int(tag) * 2 + int(self.fits)
            if len(self._exchanges) > MOST_EXCHANGES:
                self._old_exchanges = self._exchanges
                self._exchanges = {}
        return tag

    def _remember(self, key: int, message: Message) -> None:
        if len(self._messages) >= MOST_MESSAGES:
            self._old_messages = self._messages
            self._messages = {}
        self._messages[key] = message

    def _acknowledgement(self, packet: Packet, kind: i64) -> i64:
        identifier: i64 = -1
        for field in packet.fields:
            if field.spec is PACKET_IDENTIFIER:
                value = field.value
                if isinstance(value, int):
                    identifier = value
                break
        stream = packet.stream
        if identifier == -1 or stream is None:
            return UNKNOWN
        direction = packet.direction if kind == PUBREL else 1 - packet.direction
        key = exchange(stream.number, direction, identifier)
        known = self._exchanges.get(key)
        if known is None:
            known = self._old_exchanges.get(key)
            if known is None:
                return UNKNOWN
        self.fits = known % 2 == 1
        return known // 2

    def _fit(self, topic: str) -> bool:
        if not self._filters:
            return False
        known = self._fitting.get(topic)
        if known is None:
            known = any(matches(one, topic) for one in self._filters)
            if len(self._fitting) >= MOST_MESSAGES:
                self._fitting.clear()
            self._fitting[topic] = known
        return known


def exchange(stream: i64, direction: i64, identifier: i64) -> int:
    """One number for the three."""
    return (int(stream) * 2 + int(direction)) * 65536 + int(identifier)
