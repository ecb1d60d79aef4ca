"""Chunks of MQTT in, decoded packets out, in the order in which they complete."""

from typing import final

from mypy_extensions import i64

from mqttdissect.mqtt.connection import Connection
from mqttdissect.mqtt.framing import Framer
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.net.tcp import Chunk, Stream


@final
class Conversation:
    """The two directions of a stream and what they share. named: is its flow known to whoever follows packets?"""

    __slots__ = ("framers", "named")

    def __init__(self, stream: Stream, version: i64, passing: Passing) -> None:
        connection = Connection(stream, version)
        self.framers: list[Framer] = [Framer(stream, 0, connection, passing), Framer(stream, 1, connection, passing)]
        self.named = False


@final
class MqttDissector:
    """`feed` it chunks of streams that carry MQTT, or `follow` those whose packets somebody else decodes. version: the
    protocol level where nothing tells it, 0 for none."""

    def __init__(self, version: i64 = 0) -> None:
        self.packets: i64 = 0
        self.malformed: i64 = 0
        self.passing = Passing()
        self._version = version

    def feed(self, chunk: Chunk) -> list[Packet]:
        """The packets that `chunk` completes."""
        packets = self._conversation(chunk.stream).framers[chunk.direction].feed(chunk)
        for packet in packets:
            if packet.type != UNDECODED:
                self.packets += 1
                if packet.notes is not None:
                    self.malformed += 1
        if packets:
            self.passing.last_ns = chunk.time_ns
        return packets

    def follow(self, chunk: Chunk) -> None:
        """Come to the same state as with `feed`; what matters of the packets is then in `passing`."""
        passing = self.passing
        before = passing.count
        conversation = self._conversation(chunk.stream)
        passing.active = True
        packets = conversation.framers[chunk.direction].feed(chunk)
        passing.active = False
        if packets or passing.count != before:
            passing.add(chunk)
            if not conversation.named:
                conversation.named = True
                passing.flows.append(chunk.stream.flow)

    def _conversation(self, stream: Stream) -> Conversation:
        state = stream.application
        if state is None:
            conversation = Conversation(stream, self._version, self.passing)
            stream.application = conversation
            return conversation
        assert isinstance(state, Conversation)
        return state
