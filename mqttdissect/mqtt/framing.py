"""Cut a direction's bytes into control packets by the Remaining Length (MQTT 5.0, section 2.1.4).

Theory of operation
-------------------
A packet that lies whole in a chunk is one slice of it. One that does not is kept as the pieces it arrived in, which
are joined once, when the last has come: the cost is linear in its size, however many segments it took.

Gaps inside a packet whose length is known leave the framing intact: the packet is marked, its end is known. After
any other gap, after a Remaining Length that is none, and on a stream that was joined in the middle, the framing is
lost: bytes are held until a place is found from which everything looks like control packets (`resync`), and those
before it are handed on as undecoded.

What all packets that are not whole yet hold is bounded by `Room`: of the one that began first only the head is kept
then, and the rest of it is a hole.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.answers import Answers, is_tied
from mqttdissect.mqtt.connection import Connection
from mqttdissect.mqtt.decode import undecoded
from mqttdissect.mqtt.packet import NOT_CAPTURED, NOT_HELD, UNSEEN, Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.mqtt.resync import NOT_YET, Search
from mqttdissect.net.stream import ENDINGS, OPEN, Chunk

HELD_WHILE_LOST: Final = 32768  # bytes; of more, those that no candidate needs are given up, at least half

MOST_INCOMPLETE: Final = 512 * 1024 * 1024
PIECE_COST: Final = 256  # bytes in memory that a piece takes besides its own
HEAD_KEPT: Final = 4096  # bytes of a packet that is too large to hold; those that are no larger are not looked at

BEHIND_THE_END: Final = "behind the end of the connection"

INCOMPLETE: Final = 0
MALFORMED: Final = -1


def packet_length(data: bytes, at: i64, size: i64) -> i64:
    """Bytes of the packet that starts at `at`, its fixed header included; `INCOMPLETE` if `data` ends inside its
    Remaining Length, `MALFORMED` if that has no end."""
    position = at + 1
    if position >= size:
        return INCOMPLETE
    byte: i64 = data[position]
    if byte < 0x80:
        return byte + 2
    value = byte & 0x7F
    shift: i64 = 7
    while shift <= 21:
        position += 1
        if position >= size:
            return INCOMPLETE
        byte = data[position]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return position + 1 - at + value
        shift += 7
    return MALFORMED


@final
class Room:
    """What packets may take in memory that are not whole yet, in bytes, all streams together.

    held: what they take. given_up: packets of which only the head was kept.
    """

    def __init__(self, most: i64 = MOST_INCOMPLETE) -> None:
        self.most = most
        self.held: i64 = 0
        self.given_up: i64 = 0
        self._framers: dict[Framer, None] = {}  # those with large ones, in the order in which these began

    def large(self, framer: "Framer") -> None:
        """Its packet has become one that matters."""
        self._framers[framer] = None

    def done(self, framer: "Framer") -> None:
        """It has not any more."""
        self._framers.pop(framer, None)

    def make(self) -> None:
        """Let packets go until there is room."""
        while self.held > self.most and self._framers:
            framer = next(iter(self._framers))
            del self._framers[framer]
            self.given_up += 1
            framer.keep_head()


@final
class Framer:
    """One direction of a connection: it takes chunks and adds decoded packets. Raises nothing.

    While `passing` is active, packets that change nothing for later ones are counted there instead.
    """

    __slots__ = ("_answers", "_begun_ns", "_connection", "_direction", "_gap_after", "_gap_bytes", "_have", "_held",
                 "_hole_bytes", "_hole_offset", "_last_frame", "_last_ns", "_lost", "_moments", "_need", "_passing",
                 "_paused_ns", "_pieces", "_reason", "_rest", "_room", "_search", "_spans", "_started",
                 "_trimmed")  # fmt: skip

    def __init__(self, direction: i64, connection: Connection, answers: Answers, passing: Passing, room: Room) -> None:
        # In the order of use: attributes lie in memory like that.
        self._started = False
        self._lost = False
        self._trimmed = False  # is only the head of the packet at hand kept?
        self._have: i64 = 0  # bytes of it seen, counting those in its hole
        self._rest: i64 = 0  # bytes that still belong to a packet which the end of the connection cut off
        self._gap_bytes: i64 = 0  # before the next packet, and the frame before them
        self._passing = passing
        self._connection = connection
        self._answers = answers
        self._direction = direction
        self._hole_offset: i64 = -1
        self._hole_bytes: i64 = 0
        self._gap_after: i64 = 0
        self._need: i64 = 0  # bytes that the packet has in all; 0 until its Remaining Length is complete
        self._begun_ns: i64 = 0  # when its first piece came,
        self._last_ns: i64 = 0  # and its last one, and with which frame
        self._last_frame: i64 = 0
        self._paused_ns: i64 = 0  # the longest time between two of them
        self._pieces: list[bytes] = []  # of it
        self._spans: list[tuple[int, int]] = []
        self._moments: list[tuple[int, int]] = []  # while framing is lost: frame and time with which each span came
        self._held: i64 = 0  # bytes of it in memory, as `room` knows
        self._room = room
        self._reason = ""  # why the framing is lost
        self._search: Search | None = None

    def take(self, chunk: Chunk, out: list[Packet]) -> None:
        """Add the packets that `chunk` completes to `out`."""
        if chunk.gap and not self._gap(chunk, out):
            self._gap_bytes += chunk.gap
            self._gap_after = chunk.before
        following: i64 = len(out)  # index of the first packet behind the gap
        if chunk.ending != OPEN:
            self._end(chunk, out)
            return
        if not self._started:
            self._started = True
            if not chunk.stream.handshake and chunk.data[0] != 0x10:
                self._lost = True
                self._reason = "the capture joined the stream in the middle"
        if self._rest:
            self._behind_the_end(chunk, out)
        elif self._lost:
            self._find(chunk, out)
        elif self._have:
            self._continue(chunk, out)
        else:
            self._cut(chunk.data, 0, chunk, out)
        if self._gap_bytes and len(out) > following:
            out[following].gap_bytes = self._gap_bytes
            out[following].gap_after = self._gap_after
            self._gap_bytes = 0

    def _cut(self, data: bytes, at: i64, chunk: Chunk, out: list[Packet]) -> None:
        """Cut `data`, which belongs to the frame of `chunk`, into packets from `at` on; keep what is left over."""
        size: i64 = len(data)
        while at < size:
            length = packet_length(data, at, size)
            end = at + length
            if length == MALFORMED:
                self._malformed(data[at : at + 5], chunk, out)
                if at + 5 < size:
                    self._keep(data[at + 5 :], chunk)
                return
            if length == INCOMPLETE or end > size:
                self._need = length
                self._keep(data[at:], chunk)
                return
            if self._passing.active and self._passes(data, at, end, chunk, out):
                at = end
                continue
            packet = Packet(
                chunk.stream, self._direction, chunk.arrival, chunk.time_ns, data[at:end] if length < size else data, 0
            )
            if chunk.arrival != chunk.frame:
                packet.spans = [(0, int(chunk.frame))]
            self._connection.decode(packet)
            out.append(packet)
            at = end

    def _passes(self, data: bytes, at: i64, end: i64, chunk: Chunk, out: list[Packet]) -> bool:
        """Pass over the packet from `at` to `end` of `data`, if nothing of it is needed but what it asks or answers.
        Not behind a gap or hole, nor behind others of the chunk, which are tied later."""
        if self._gap_bytes or self._hole_offset >= 0 or not self._connection.unaffected(data, at, end):
            return False
        passing = self._passing
        if passing.links and is_tied(data[at]):
            if out or chunk.arrival != chunk.frame:
                return False
            version, cost = self._connection.version, passing.cost
            self._answers.pass_over(data, at, end, self._direction, chunk.arrival, chunk.time_ns, version, cost)
        passing.count += 1
        return True

    def _keep(self, data: bytes, chunk: Chunk) -> None:
        size: i64 = len(data)
        if self._trimmed:
            self._have += size
            self._hole_bytes += size
            self._last_ns = chunk.time_ns
            self._last_frame = chunk.arrival
            return
        if not self._pieces:
            self._begun_ns = chunk.time_ns
            self._paused_ns = 0
        elif chunk.time_ns - self._last_ns > self._paused_ns:
            self._paused_ns = chunk.time_ns - self._last_ns
        self._last_ns = chunk.time_ns
        self._last_frame = chunk.arrival
        self._spans.append((int(self._have - self._hole_bytes), int(chunk.frame)))
        self._pieces.append(data)
        self._have += size
        if self._lost:  # bounded by `HELD_WHILE_LOST`
            self._moments.append((int(chunk.arrival), int(chunk.time_ns)))
            return
        room = self._room
        room.held += size + PIECE_COST
        before = self._held
        self._held = before + size + PIECE_COST
        if before <= HEAD_KEPT < self._held:
            room.large(self)
        if room.held > room.most:
            room.make()

    def keep_head(self) -> None:
        """Of the packet at hand, which has become too much to hold, only the head is worth its memory."""
        kept: i64 = HEAD_KEPT if self._hole_offset == -1 else min(HEAD_KEPT, self._hole_offset)
        kept = min(kept, self._have)
        head = b""
        for piece in self._pieces:
            head += piece[: kept - len(head)]
        self._pieces = [head]
        self._spans = [(start, frame) for start, frame in self._spans if start < kept]
        self._hole_offset = kept
        self._hole_bytes = self._have - kept
        self._trimmed = True
        self._room.held += kept + PIECE_COST - self._held
        self._held = kept + PIECE_COST

    def _continue(self, chunk: Chunk, out: list[Packet]) -> None:
        """The packet at hand goes on in `chunk`."""
        data = chunk.data
        size: i64 = len(data)
        if self._need == 0:
            self._header(chunk, out)
            return
        missing = self._need - self._have
        if size < missing:
            self._keep(data, chunk)
            return
        self._keep(data[:missing] if size > missing else data, chunk)
        self._complete(chunk, out)
        if size > missing:
            self._cut(data, missing, chunk, out)

    def _header(self, chunk: Chunk, out: list[Packet]) -> None:
        """The packet at hand lacks the end of its Remaining Length; at most four bytes of it are there."""
        head = b"".join(self._pieces)
        begun: i64 = len(head)
        head += chunk.data[:5]
        length = packet_length(head, 0, len(head))
        if length == MALFORMED:
            self._reset_packet()
            self._malformed(head[:5], chunk, out)
            if len(chunk.data) > 5 - begun:
                self._keep(chunk.data[5 - begun :], chunk)
            return
        if length == INCOMPLETE:
            self._keep(chunk.data, chunk)
            return
        self._need = length
        self._continue(chunk, out)

    def _complete(self, chunk: Chunk, out: list[Packet]) -> None:
        """All pieces of the packet at hand are there, or known to be missing."""
        data = b"".join(self._pieces)
        if self._passing.active and self._passes(data, 0, len(data), chunk, out):
            self._reset_packet()
            return
        packet = Packet(chunk.stream, self._direction, self._last_frame, self._last_ns, data, 0)
        self._emit(packet, out, NOT_CAPTURED)

    def _emit(self, packet: Packet, out: list[Packet], why: str) -> None:
        if len(self._spans) > 1 or (self._spans and self._spans[0][1] != packet.frame):
            packet.spans = self._spans
        packet.begun_ns = self._begun_ns
        packet.paused_ns = max(self._paused_ns, packet.time_ns - self._last_ns)
        packet.hole_offset = self._hole_offset
        packet.hole_bytes = self._hole_bytes
        packet.hole_why = NOT_HELD if self._trimmed else why
        self._reset_packet()
        self._connection.decode(packet)
        out.append(packet)

    def _reset_packet(self) -> None:
        self._pieces = []
        self._spans = []
        self._moments = []
        self._have = 0
        self._need = 0
        self._hole_offset = -1
        self._hole_bytes = 0
        if self._held:
            self._room.held -= self._held
            if self._held >= HEAD_KEPT:
                self._room.done(self)
            self._held = 0
        self._trimmed = False

    def _malformed(self, head: bytes, chunk: Chunk, out: list[Packet]) -> None:
        """A fixed header whose Remaining Length has no end: nobody can know where the next packet starts."""
        packet = Packet(chunk.stream, self._direction, chunk.arrival, chunk.time_ns, head, 0)
        self._connection.decode(packet)
        out.append(packet)
        self._lost = True
        self._search = None
        self._reason = "behind a malformed Remaining Length"

    def _gap(self, chunk: Chunk, out: list[Packet]) -> bool:
        """Bytes are missing before `chunk`. True if all of them belong to the packet at hand."""
        gap = chunk.gap
        if gap <= self._rest:
            self._rest -= gap
            return True
        self._rest = 0
        if not self._started:
            self._started = True
        elif not self._lost and self._need and self._have + gap <= self._need and not chunk.unsure:
            if self._hole_offset == -1:
                self._hole_offset = self._have
            self._hole_bytes += gap
            self._have += gap
            if self._have == self._need:
                self._complete(chunk, out)
            return True
        if self._lost:
            self._give_up(chunk, self._have, out)
        elif self._have:
            self._cut_off(chunk, NOT_CAPTURED, out)
        self._lost = True
        self._search = None
        self._reason = f"behind {gap} bytes that the capture lacks"
        return False

    def _cut_off(self, chunk: Chunk, why: str, out: list[Packet]) -> None:
        """The packet at hand will not be completed. It has the frame and time of its last bytes, unless it was its
        sender who ended it then."""
        unseen = self._hole_offset >= 0 or why in UNSEEN
        data = b"".join(self._pieces)
        if self._hole_offset == -1:
            self._hole_offset = len(data)
            self._hole_bytes = self._need - self._have if self._need else 1
        else:
            self._hole_bytes += self._need - self._have
        frame, time_ns = chunk.arrival, chunk.time_ns
        if unseen:
            frame, time_ns = self._last_frame, self._last_ns
        packet = Packet(chunk.stream, self._direction, frame, time_ns, data, 0)
        self._emit(packet, out, why)

    def _end(self, chunk: Chunk, out: list[Packet]) -> None:
        """The direction has ended."""
        if self._lost:
            self._give_up(chunk, self._have, out)
        elif self._have:
            rest = self._need - self._have
            self._cut_off(chunk, ENDINGS[int(chunk.ending)], out)
            if rest > 0:
                self._rest = rest
                return
        else:
            return
        self._lost = True  # should anything follow all the same, it is not the start of a packet
        self._search = None
        self._reason = BEHIND_THE_END

    def _behind_the_end(self, chunk: Chunk, out: list[Packet]) -> None:
        """The connection goes on in spite of its end: what the packet still lacked then has been given up with it."""
        data = chunk.data
        count: i64 = min(self._rest, len(data))
        self._rest -= count
        self._reason = BEHIND_THE_END
        moment = int(chunk.arrival), int(chunk.time_ns)
        self._undecoded(data[:count], [(0, int(chunk.frame))], moment, chunk, out)
        self._cut(data, count, chunk, out)

    def _joined(self) -> bytes:
        """What is held while the framing is lost, in one piece."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def _find(self, chunk: Chunk, out: list[Packet]) -> None:
        """Framing is lost: look for a packet boundary in what is held and in `chunk`."""
        starts = self._have
        self._keep(chunk.data, chunk)
        data = self._joined()
        search = self._search
        if search is None:
            self._search = search = Search(self._connection, self._direction)
        found = search.add(data, starts)
        if found == NOT_YET:
            if self._have > HELD_WHILE_LOST:
                needed = search.needed()
                useless = self._have if needed == NOT_YET else max(needed, self._have // 2)
                search.drop(useless)
                self._give_up(chunk, useless, out)
            return
        if found > 0:
            self._give_up(chunk, found, out)
            data = self._joined()
        spans, moments = self._spans, self._moments
        self._lost = False
        self._search = None
        self._reset_packet()
        active = self._passing.active
        self._passing.active = False  # what has several times is no chunk that can be passed over
        for index in range(len(spans)):
            start, frame = spans[index]
            end = spans[index + 1][0] if index + 1 < len(spans) else len(data)
            arrival, time_ns = moments[index]
            part = Chunk(chunk.stream, self._direction, data[start:end], frame, arrival, time_ns, 0, OPEN)
            self.take(part, out)
        self._passing.active = active

    def _undecoded(
        self, data: bytes, spans: list[tuple[int, int]], moment: tuple[int, int], chunk: Chunk, out: list[Packet]
    ) -> None:
        """Hand on bytes that are no packet. moment: frame and time with which the last of them came."""
        frame, time_ns = moment
        packet = Packet(chunk.stream, self._direction, frame, time_ns, data, 0)
        if len(spans) > 1 or spans[0][1] != packet.frame:
            packet.spans = spans
        packet.version = self._connection.version
        packet.version_by = self._connection.version_by
        undecoded(packet, self._reason)
        out.append(packet)

    def _give_up(self, chunk: Chunk, count: i64, out: list[Packet]) -> None:
        """Hand on the first `count` bytes held as undecoded."""
        if count == 0:
            return
        data = self._joined()
        taken = [(start, frame) for start, frame in self._spans if start < count]
        self._undecoded(data[:count], taken, self._moments[len(taken) - 1], chunk, out)
        rest = [(start - int(count), frame) for start, frame in self._spans if start >= count]
        moments = self._moments[len(taken) :]
        if len(data) > count and (not rest or rest[0][0] > 0):
            rest.insert(0, (0, taken[-1][1]))
            moments.insert(0, self._moments[len(taken) - 1])
        self._spans = rest
        self._moments = moments
        self._pieces = [data[count:]] if count < len(data) else []
        self._have = len(data) - count
