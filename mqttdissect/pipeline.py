"""The whole path in one object: a capture's bytes in, MQTT control packets out.

Sans-IO like the stages it joins: the result does not depend on how the input was cut.
"""

from collections.abc import Iterator
from typing import Final, final

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
from mqttdissect.net.order import Order
from mqttdissect.net.overlap import FIRST
from mqttdissect.net.stream import Chunk
from mqttdissect.net.tcp import ANY_FRAME, MAX_WAITING, MOST_STREAMS, Reassembler
from mqttdissect.transport.detect import IS_MQTT, MQTT_PORT, Transport, in_turn
from mqttdissect.transport.websocket import WebSocket

AT_ONCE: Final = 8192  # packets in one of `batches`, about: one frame may bring all that waited behind a hole
NO_BOUND: Final = 1 << 60


@final
class Dissector:
    """`feed` it a capture from its first byte on, `close` it at the end; both return packets as they complete. Or
    `feed_frames`, and `flush` at the end; or `batches` and `last_batches`, which hand on many packets in several lists,
    and are to be gone through to their end. `notes` has the comments on frames. `analysis` looks at every packet,
    if it is set. `put_in_order`: packets come in the order of their frames, also those held behind a hole that is in
    the capture only, for which all others wait then; an analysis needs that.

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
        self._order: Order | None = None
        self._frames: list[Frame] = []  # at hand, and how many of them have been taken
        self._taken: i64 = 0
        self._pending: list[Chunk] = []  # of MQTT, that one of them brought; and how many of them have been taken
        self._passed: i64 = 0

    @property
    def analysis(self) -> Analysis | None:
        """What looks at every packet; set it before anything is fed."""
        return self._analysis

    @analysis.setter
    def analysis(self, analysis: Analysis | None) -> None:
        self._analysis = analysis
        self.mqtt.glances = analysis is not None
        if analysis is not None:
            self.put_in_order()

    def put_in_order(self) -> None:
        """Call it before anything is fed."""
        self._order = Order(self.tcp)

    @property
    def held_from(self) -> i64:
        """Packets of this frame and later ones wait, so as to be in order; greater than any frame if none do."""
        return ANY_FRAME if self._order is None else self._order.first

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
        return [packet for packets in self.last_batches() for packet in packets]

    def last_batches(self) -> Iterator[list[Packet]]:
        """The same in lists of about `AT_ONCE` at most."""
        yield from self._lists()
        self.unwrapper.close()
        self._pending.extend(self.tcp.close())
        self._unwrap()
        if self._order is not None:
            self._order.sort(self._pending, self.last_ns)
        yield from self._lists()
        if self._analysis is not None:
            self._analysis.close()

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
        if frames:
            self._begin(frames)
            self._take(packets, NO_BOUND)
        return packets

    def batches(self, frames: list[Frame]) -> Iterator[list[Packet]]:
        """The same in lists of about `AT_ONCE` at most, one at least."""
        if frames:
            self._begin(frames)
        return self._lists()

    def _begin(self, frames: list[Frame]) -> None:
        if self.first_ns < 0:
            self.first_ns = frames[0].time_ns
        self.frames += len(frames)
        self.last_ns = frames[-1].time_ns
        self._frames = frames
        self._taken = 0

    def _lists(self) -> Iterator[list[Packet]]:
        more = True
        while more:
            packets: list[Packet] = []
            more = self._take(packets, AT_ONCE)
            yield packets

    def _take(self, packets: list[Packet], most: i64) -> bool:
        """Add packets of what is at hand, until there are `most`. Is there more?"""
        if self._pending and self._chunks(packets, most):
            return True
        unwrapper = self.unwrapper
        tcp = self.tcp
        notes = self.notes
        file = notes.file
        chunks = self._pending
        order = self._order
        frames = self._frames
        count: i64 = len(frames)
        for index in range(self._taken, count):
            frame = frames[index]
            if frame.file != file or frame.comments is not None:
                notes.take(frame)
                file = frame.file
            segment = unwrapper.segment(frame)
            if segment is not None:
                chunk = tcp.take(segment, chunks)
                if chunk is not None:
                    if order is None or order.waiting == 0:
                        self._chunk(chunk, packets)
                    else:
                        chunks.append(chunk)
                if unwrapper.more:  # an A-MSDU has several
                    for other in unwrapper.more:
                        chunks.extend(tcp.feed(other))
                if chunks or (order is not None and order.waiting):
                    self._unwrap()
                    if order is not None and (order.waiting or len(chunks) > 1 or tcp.has_holes):
                        order.sort(chunks, segment.time_ns)
                    self._chunks(packets, most)
                if chunks or len(packets) >= most:
                    self._taken = index + 1
                    return True
        self._taken = count
        return False

    def _chunks(self, packets: list[Packet], most: i64) -> bool:
        """Take those that are pending. Are some left, as there are enough packets?"""
        chunks = self._pending
        count: i64 = len(chunks)
        for index in range(self._passed, count):
            self._mqtt(chunks[index], packets)
            if len(packets) >= most:
                self._passed = index + 1
                return True
        chunks.clear()
        self._passed = 0
        return False

    def _unwrap(self) -> None:
        """Of what one segment has completed, of its own stream or of others, keep the chunks of MQTT pending."""
        chunks = self._pending
        count = len(chunks)
        if count == 0 or (count == 1 and chunks[0].stream.transport is IS_MQTT):
            return
        if chunks[0].stream.transport is not IS_MQTT and len({chunk.stream for chunk in chunks}) == 1:
            chunks[:] = in_turn([one for chunk in chunks for one in self._carried(chunk)])
        else:
            chunks[:] = [one for chunk in chunks for one in in_turn(self._carried(chunk))]

    def _chunk(self, chunk: Chunk, packets: list[Packet]) -> None:
        if chunk.stream.transport is IS_MQTT:
            self._mqtt(chunk, packets)
        else:
            for held in in_turn(self._carried(chunk)):
                self._mqtt(held, packets)

    def _carried(self, chunk: Chunk) -> list[Chunk]:
        """The chunks of MQTT that one lets out of a stream that is not MQTT alone, or not known to be."""
        out = self.transport.feed(chunk)
        if not out and chunk.data and self._analysis is not None and not isinstance(chunk.stream.transport, WebSocket):
            self._analysis.unread(chunk)
        return out

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
