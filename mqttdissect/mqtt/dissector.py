"""Chunks of MQTT in, decoded packets out, in the order in which they complete."""

from typing import final

from mypy_extensions import i64

from mqttdissect.mqtt.connection import Connection
from mqttdissect.mqtt.framing import Framer
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.net.tcp import Chunk, Stream


@final
class Conversation:
    """The two directions of a stream and what they share."""

    __slots__ = ("framers",)

    def __init__(self, stream: Stream, version: i64) -> None:
        connection = Connection(stream, version)
        self.framers: list[Framer] = [Framer(stream, 0, connection), Framer(stream, 1, connection)]


@final
class MqttDissector:
    """`feed` it chunks of streams that carry MQTT. version: the protocol level where nothing tells it, 0 for none."""

    def __init__(self, version: i64 = 0) -> None:
        self.packets: i64 = 0
        self.malformed: i64 = 0
        self._version = version

    def feed(self, chunk: Chunk) -> list[Packet]:
        """The packets that `chunk` completes."""
        stream = chunk.stream
        state = stream.application
        if state is None:
            conversation = Conversation(stream, self._version)
            stream.application = conversation
        else:
            assert isinstance(state, Conversation)
            conversation = state
        packets = conversation.framers[chunk.direction].feed(chunk)
        for packet in packets:
            if packet.type != UNDECODED:
                self.packets += 1
                if packet.notes is not None:
                    self.malformed += 1
        return packets
