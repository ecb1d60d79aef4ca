"""The whole path in one object: a capture's bytes in, MQTT control packets out.

Sans-IO like the stages it joins: the result does not depend on how the input was cut.
"""

from typing import final

from mypy_extensions import i64

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.capture.damage import Damage
from mqttdissect.capture.frame import Frame
from mqttdissect.capture.notes import FrameNotes
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.mqtt.dissector import MqttDissector
from mqttdissect.mqtt.framing import MOST_INCOMPLETE
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.fragments import Fragments
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.overlap import FIRST
from mqttdissect.net.stream import Chunk
from mqttdissect.net.tcp import MAX_WAITING, MOST_STREAMS, Reassembler
from mqttdissect.transport.detect import IS_MQTT, MQTT_PORT, Transport


@final
class Dissector:
    """`feed` it a capture from its first byte on, `close` it at the end; both return packets as they complete. Or
    `feed_frames`, and `flush` at the end. `notes` has the comments on frames. `analysis` looks at every packet,
    if it is set.

    ports: TCP ports whose streams are MQTT whatever they start with. version: the protocol level to assume where
    nothing in a stream tells it (3, 4, 5; 0 for the default). check: leave out segments whose checksum is wrong.
    overlap: one of `net.overlap`, whose bytes count where segments differ. most_streams, most_waiting: bounds of
    `net.tcp`. fragments: what collects those of IP, within its own bounds. most_incomplete: bytes of packets that
    are not whole yet. Raises `CaptureError` if the input is no capture.
    """

    def __init__(
        self,
        ports: frozenset[int] = frozenset([MQTT_PORT]),
        version: i64 = 0,
        check: bool = False,
        overlap: i64 = FIRST,
        most_streams: i64 = MOST_STREAMS,
        most_waiting: i64 = MAX_WAITING,
        fragments: Fragments | None = None,
        most_incomplete: i64 = MOST_INCOMPLETE,
    ) -> None:
        self.reader = CaptureReader()
        self.unwrapper = Unwrapper(check, fragments)
        self.tcp = Reassembler(most_streams, most_waiting, overlap)
        self.transport = Transport(ports)
        self.mqtt = MqttDissector(version, most_incomplete)
        self.frames: i64 = 0
        self.first_ns: i64 = -1  # time of the first frame; -1 before it
        self.last_ns: i64 = -1  # and of the last one
        self.notes = FrameNotes()
        self.returns = True  # are packets returned? To an analysis they are shown all the same
        self._analysis: Analysis | None = None
        self._following = False

    @property
    def analysis(self) -> Analysis | None:
        """What looks at every packet; set it before anything is fed."""
        return self._analysis

    @analysis.setter
    def analysis(self, analysis: Analysis | None) -> None:
        self._analysis = analysis
        self.mqtt.glances = analysis is not None

    def feed(self, data: bytes) -> list[Packet]:
        """The packets that `data` completes."""
        return self.feed_frames(self.reader.feed(data))

    def close(self) -> list[Packet]:
        """The packets that only the end of the capture completes."""
        packets = self.feed_frames(self.reader.close())
        packets.extend(self.flush())
        return packets

    def flush(self) -> list[Packet]:
        """`close` for those who feed frames."""
        packets: list[Packet] = []
        self.unwrapper.close()
        self._chunks(self.tcp.close(), packets)
        if self._analysis is not None:
            self._analysis.close()
        return packets

    def follow_frames(self, frames: list[Frame]) -> None:
        """Come to the same state as with `feed_frames`, without the packets, which somebody else decodes: faster.
        What matters of them for columns is in `mqtt.passing`. Not with an analysis, which has to see them."""
        self.mqtt.passing.begin()
        self._following = True
        self.feed_frames(frames)
        self._following = False

    @property
    def damage(self) -> list[Damage]:
        """What could not be read of the capture so far."""
        return self.reader.damage

    def feed_frames(self, frames: list[Frame]) -> list[Packet]:
        """The same as `feed`, from frames that somebody else has read, perhaps from several captures."""
        packets: list[Packet] = []
        if not frames:
            return packets
        if self.first_ns < 0:
            self.first_ns = frames[0].time_ns
        self.frames += len(frames)
        self.last_ns = frames[-1].time_ns
        unwrapper = self.unwrapper
        tcp = self.tcp
        notes = self.notes
        file = notes.file
        chunks: list[Chunk] = []
        for frame in frames:
            if frame.file != file or frame.comments is not None:
                notes.take(frame)
                file = frame.file
            segment = unwrapper.segment(frame)
            if segment is not None:
                chunk = tcp.take(segment, chunks)
                if chunk is not None:
                    self._chunk(chunk, packets)
                elif chunks:
                    self._chunks(chunks, packets)
                    chunks.clear()
                if unwrapper.more:  # an A-MSDU has several
                    for other in unwrapper.more:
                        self._chunks(tcp.feed(other), packets)
        return packets

    def _chunks(self, chunks: list[Chunk], packets: list[Packet]) -> None:
        for chunk in chunks:
            self._chunk(chunk, packets)

    def _chunk(self, chunk: Chunk, packets: list[Packet]) -> None:
        if chunk.stream.transport is IS_MQTT:
            self._mqtt(chunk, packets)
        else:
            let_out = self.transport.feed(chunk)
            for held in let_out:
                self._mqtt(held, packets)
            if not let_out and chunk.data and self._analysis is not None:
                self._analysis.unread(chunk)

    def _mqtt(self, chunk: Chunk, packets: list[Packet]) -> None:
        """A chunk of a stream that carries MQTT."""
        if self._following:
            self.mqtt.follow(chunk)
        elif self._analysis is None:
            self.mqtt.take(chunk, packets)
        else:
            found = self.mqtt.feed(chunk)
            self._analysis.chunk(chunk, found)
            if self.returns:
                packets.extend(found)
