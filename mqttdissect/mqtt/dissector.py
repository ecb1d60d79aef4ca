"""Chunks of MQTT in, decoded packets out, in the order in which they complete."""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.answers import Answers
from mqttdissect.mqtt.connection import Connection
from mqttdissect.mqtt.framing import MOST_INCOMPLETE, Framer, Room
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.net.stream import Chunk, Stream

PACKET_COST: Final = 1024  # bytes that a packet takes besides its own, about


@final
class Conversation:
    """The two directions of a stream and what they share. named: is its flow known to whoever follows packets?"""

    __slots__ = ("answers", "from_destination", "from_source", "named")

    def __init__(self, stream: Stream, version: i64, glances: bool, passing: Passing, room: Room) -> None:
        connection = Connection(stream, version, glances)
        self.answers = Answers()
        self.from_source = Framer(0, connection, self.answers, passing, room)
        self.from_destination = Framer(1, connection, self.answers, passing, room)
        self.named = False

    def framer(self, direction: i64) -> Framer:
        """Of one direction."""
        return self.from_source if direction == 0 else self.from_destination


@final
class MqttDissector:
    """`feed` it chunks of streams that carry MQTT, or `follow` those whose packets somebody else decodes. version: the
    protocol level where nothing tells it, 0 for none. most_incomplete: bytes of packets that are not whole yet.

    links: tie answers to what they answer (`Packet.request`, `Packet.response`); off unless somebody wants it, as it
    costs an eighth of the way to packets. cost: with links, how many bytes all packets so far would take in memory.
    glances: whoever takes the packets can do with a look at common ones (`Packet.glanced`); set it before any is fed.
    """

    def __init__(self, version: i64 = 0, most_incomplete: i64 = MOST_INCOMPLETE) -> None:
        self.packets: i64 = 0
        self.malformed: i64 = 0
        self.passing = Passing()
        self.links = False
        self.glances = False
        self.cost: i64 = 0
        self.room = Room(most_incomplete)
        self._version = version
        self._followed: list[Packet] = []  # of one chunk

    def feed(self, chunk: Chunk) -> list[Packet]:
        """The packets that `chunk` completes."""
        packets: list[Packet] = []
        self.take(chunk, packets)
        return packets

    def take(self, chunk: Chunk, out: list[Packet]) -> None:
        """Add the same to `out`."""
        conversation = self._conversation(chunk.stream)
        before: i64 = len(out)
        conversation.framer(chunk.direction).take(chunk, out)
        count: i64 = len(out)
        for index in range(before, count):
            packet = out[index]
            if packet.type != UNDECODED:
                self.packets += 1
                if packet.notes is not None:
                    self.malformed += 1
        if count > before:
            self.passing.last_ns = out[count - 1].time_ns
        if self.links:
            self._tie(conversation, chunk, out, before, 0)

    def follow(self, chunk: Chunk) -> None:
        """Come to the same state as with `feed`; what matters of the packets is then in `passing`."""
        passing = self.passing
        before = passing.count
        conversation = self._conversation(chunk.stream)
        packets = self._followed
        passing.active = True
        passing.links = self.links
        passing.cost = self.cost
        conversation.framer(chunk.direction).take(chunk, packets)
        passing.active = False
        if packets or passing.count != before:
            for packet in packets:
                if packet.time_ns != chunk.time_ns:  # it was held while the framing was lost
                    passing.add(packet.frame, packet.time_ns)
            if passing.count != before or packets[-1].time_ns == chunk.time_ns:
                passing.add(chunk.arrival, chunk.time_ns)
            if not conversation.named:
                conversation.named = True
                passing.flows.append(chunk.stream.flow)
        if self.links:
            self._tie(conversation, chunk, packets, 0, passing.count - before)
        if packets:
            packets.clear()

    def _tie(self, conversation: Conversation, chunk: Chunk, packets: list[Packet], at: i64, passed: i64) -> None:
        """Tie packets of a chunk, from index `at` on; it has as many others that were passed over."""
        count: i64 = len(packets)
        for index in range(at, count):
            conversation.answers.take(packets[index], self.cost)
        self.cost += len(chunk.data) + PACKET_COST * (count - at + passed)

    def _conversation(self, stream: Stream) -> Conversation:
        state = stream.application
        if state is None:
            conversation = Conversation(stream, self._version, self.glances, self.passing, self.room)
            stream.application = conversation
            return conversation
        assert isinstance(state, Conversation)
        return state
