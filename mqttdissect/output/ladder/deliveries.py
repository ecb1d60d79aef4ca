"""Which PUBLISHes are one delivery end to end, and which acknowledgements are theirs.

A PUBLISH to the broker gets a number (its tag); the PUBLISHes that the broker sends on with the same topic and payload
within `WINDOW_MS` get the same one, and so do the acknowledgements of all of them. Where a message is published several
times, a delivery is that of the first one in the last `SOON_MS` which this one has not got yet, or else of the last.

Memory is bounded: tables keep an old and a young half; when the young one is full it becomes the old one.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import PUBACK, PUBCOMP, PUBLISH, PUBREL
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.topics import matches

WINDOW_MS: Final = 60_000
SOON_MS: Final = 500
MOST_MESSAGES: Final = 4096  # in half a table
MOST_EXCHANGES: Final = 16_384
MOST_COPIES: Final = 16  # of one message, published again and again
MOST_RECEIVERS: Final = 256  # of one message, whose deliveries are told apart
MOST_REPEATED: Final = 1024
LAST_TAG: Final = 999  # then they start again
TAGS: Final = 1024  # more than there are
NEVER: Final = -1
UNTAGGED: Final = 0
UNKNOWN: Final = -1


@final
class Message:
    """A topic and payload published more than once. tags, times: of its publications, in order, the latest of them.
    delivered: how many of all publications each stream got."""

    __slots__ = ("delivered", "dropped", "tags", "times")

    def __init__(self) -> None:
        self.tags: list[int] = []
        self.times: list[int] = []
        self.dropped: i64 = 0  # publications no longer in `tags`
        self.delivered: dict[int, int] = {}

    def published(self, tag: i64, time_ms: i64) -> None:
        """Once more."""
        self.tags.append(int(tag))
        self.times.append(int(time_ms))
        if len(self.tags) > MOST_COPIES:
            del self.tags[0]
            del self.times[0]
            self.dropped += 1

    def to(self, stream: i64, again: bool, time_ms: i64) -> i64:
        """The tag of the next delivery on a stream; `again`: of the same one as before."""
        count: i64 = self.delivered.get(int(stream), 0)
        index = count - self.dropped - (1 if again and count else 0)
        last: i64 = len(self.tags) - 1
        index = max(0, min(index, last))
        while index < last and time_ms - self.times[index] > SOON_MS:
            index += 1
        if time_ms - self.times[index] > WINDOW_MS:
            return UNTAGGED
        if len(self.delivered) < MOST_RECEIVERS or int(stream) in self.delivered:
            self.delivered[int(stream)] = int(index + self.dropped) + 1
        return self.tags[index]


@final
class Deliveries:
    """`tag(packet, to_broker, session)` of each packet in turn. session: a number, the same on all connections of one.

    filters: topic filters. fits: is the packet that was last asked about a PUBLISH whose topic matches one of them, or
    an acknowledgement of such a PUBLISH?
    """

    def __init__(self, filters: tuple[str, ...] = ()) -> None:
        self.fits = False
        self._filters = filters
        self._fitting: dict[str, bool] = {}  # topics that were looked at
        self._next: i64 = 1
        self._latest: dict[object, int] = {}  # by hash of topic and payload: time, tag and whether it was delivered
        self._old_latest: dict[object, int] = {}
        self._repeated: dict[object, Message] = {}  # those that were published more than once
        self._exchanges: dict[int, int] = {}  # by session, direction and identifier: tag, and `fits`
        self._old_exchanges: dict[int, int] = {}

    def tag(self, packet: Packet, to_broker: bool, session: i64) -> i64:
        """Its tag; `UNTAGGED` for a PUBLISH that belongs to no other; `UNKNOWN` for what belongs to no PUBLISH."""
        kind = packet.type
        self.fits = False
        if kind == PUBLISH:
            return self._publish(packet, to_broker, session)
        if kind < PUBACK or kind > PUBCOMP:
            return UNKNOWN
        return self._acknowledgement(packet, to_broker, session)

    def _publish(self, packet: Packet, to_broker: bool, session: i64) -> i64:
        topic = packet.topic
        identifier = packet.identifier
        if self._filters:
            self.fits = self._fit(topic)
        stream = packet.stream
        number: i64 = stream.number if stream is not None else 0
        key: object = hash((topic, packet.application_message))  # an object, so as to be made into one once only
        again = packet.flags & 8 != 0
        time_ms = packet.time_ns // 1_000_000
        tag = self._published(key, again, time_ms) if to_broker else self._delivered(key, again, time_ms, number)
        if identifier != -1:
            if len(self._exchanges) >= MOST_EXCHANGES:
                self._old_exchanges = self._exchanges
                self._exchanges = {}
            self._exchanges[exchange(session, to_broker, identifier)] = int(tag * 2 + (1 if self.fits else 0))
        return tag

    def _published(self, key: object, again: bool, time_ms: i64) -> i64:
        """The tag of a PUBLISH to the broker: a new one, unless it comes again."""
        known = self._of(key)
        if known != NEVER and again:
            return known // 2 % TAGS
        tag = self._next
        self._next = 1 if tag == LAST_TAG else tag + 1
        if known != NEVER:
            message = self._repeated.get(key)
            if message is None:
                if len(self._repeated) >= MOST_REPEATED:
                    self._repeated.clear()
                message = Message()
                self._repeated[key] = message
                if known % 2 == 0:  # else the first one has arrived
                    message.published(known // 2 % TAGS, known // 2 // TAGS)
            message.published(tag, time_ms)
        if len(self._latest) >= MOST_MESSAGES:
            self._old_latest = self._latest
            self._latest = {}
        self._latest[key] = int((time_ms * TAGS + tag) * 2)
        return tag

    def _delivered(self, key: object, again: bool, time_ms: i64, stream: i64) -> i64:
        """The tag of a PUBLISH from the broker: that of the one that it passes on."""
        known = self._of(key)
        if known == NEVER:
            return UNTAGGED
        if self._repeated:
            message = self._repeated.get(key)
            if message is not None:
                return message.to(stream, again, time_ms)
        if time_ms - known // 2 // TAGS > WINDOW_MS:
            return UNTAGGED
        if known % 2 == 0:
            self._latest[key] = int(known + 1)
        return known // 2 % TAGS

    def _of(self, key: object) -> i64:
        """What is known of the latest publication of a topic and payload."""
        known = self._latest.get(key)
        if known is None:
            known = self._old_latest.get(key)
        return NEVER if known is None else known

    def _acknowledgement(self, packet: Packet, to_broker: bool, session: i64) -> i64:
        kind = packet.type
        identifier = packet.identifier
        if identifier == -1:
            return UNKNOWN
        key = exchange(session, to_broker == (kind == PUBREL), identifier)
        known = self._exchanges.get(key)
        if known is not None:
            if kind in (PUBACK, PUBCOMP):  # the last of its exchange
                del self._exchanges[key]
        else:
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


def exchange(session: i64, to_broker: bool, identifier: i64) -> int:
    """One number for the three. to_broker: was the message sent to it?"""
    return int((session * 2 + (1 if to_broker else 0)) * 65536 + identifier)
