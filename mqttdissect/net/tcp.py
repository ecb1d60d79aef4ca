"""TCP reassembly: segments in, as they were captured; each direction's bytes out, in order, once.

Theory of operation
-------------------
Each direction of a stream is a `Half` (`stream`), which knows the position of the next byte that it can
hand on. Positions are sequence numbers unfolded into 64 bits, so comparisons are plain. A segment that starts there
goes out as one `Chunk`; what lies before it was seen already (a retransmission or a keep-alive probe) and is cut
away; what lies behind it leaves a hole and waits, in a heap by position (`Beyond`), until the hole is filled.

A hole that will never be filled is given up, and the next chunk says how many bytes are missing before it:
- the other side has acknowledged it, so it did arrive and only the capture lacks it; a short grace (`GRACE_SEGMENTS`
  or `GRACE_NS`) lets a capture that swapped packets and acknowledgements catch up;
- more was sent behind it than the greatest window that the other side ever announced: so it has acknowledged the hole,
  and the capture lacks that too; the same grace, in case the window has grown unseen;
- no acknowledgements are captured at all, and it has been open for `PATIENCE_NS`;
- more than `MAX_WAITING` bytes wait behind holes, of all streams together; or the stream or the capture ends.

The table of streams is bounded too: those that have ended are forgotten after `ENDED_KEPT` others have; above
`MOST_STREAMS` a quarter goes, first those without data, then those that no later stage wants, then the rest, each the
longest idle first.

A RST that was captured before bytes that were sent earlier, of its own direction or of the other one, waits for them,
for `GRACE_NS` at most.

A SYN with another initial sequence number, or a segment far from everything expected, is a new stream on the same
ports. A stream whose SYN was not captured starts with its first segment.

Cost: constant time a segment in order; a logarithm of the waiting ones for a segment out of order. Streams are in no
reference cycles, nor may what later stages keep with them refer back to them: one that is forgotten is freed at once.
"""

from collections import deque
from heapq import heappop, heappush
from itertools import islice
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.overlap import FIRST, later_wins
from mqttdissect.net.segment import ACK, FIN, GREATEST_SCALE, RST, SYN, Segment, reverse
from mqttdissect.net.sequence import unfold
from mqttdissect.net.stream import (
    CAPTURE_ENDED,
    DROPPED,
    FINISHED,
    OPEN,
    REPLACED,
    RESET,
    Beyond,
    Chunk,
    Half,
    Stream,
    Waiting,
)

GRACE_SEGMENTS: Final = 64
GRACE_NS: Final = 200_000_000
PATIENCE_NS: Final = 10_000_000_000
MAX_WAITING: Final = 64 * 1024 * 1024
MOST_COMPARED: Final = 32  # waiting segments that are looked through for overlaps
WAITING_COST: Final = 256  # bytes that a waiting segment takes besides its payload
MOST_STREAMS: Final = 32_768
ENDED_KEPT: Final = 1024  # streams that have ended are kept so long for what comes late
FAR_BACK: Final = 64 * 1024 * 1024
FAR_AHEAD: Final = 1024 * 1024 * 1024
ANY_WINDOW: Final = FAR_AHEAD * 2
ANY_FRAME: Final = 1 << 62  # greater than the number of any
UNKNOWN: Final = -1  # frame
MOST_HOLES: Final = 64  # that are looked through for the first frame behind one


@final
class Reassembler:
    """`feed` it segments in the order of capture; `close` at the end. Both return chunks. Raises nothing."""

    def __init__(self, most_streams: i64 = MOST_STREAMS, most_waiting: i64 = MAX_WAITING, overlap: i64 = FIRST) -> None:
        self.overlap = overlap
        self.conflicts: i64 = 0  # segments that differ from another one where they overlap
        self.most_streams = most_streams
        self.most_waiting = most_waiting
        self.dropped: i64 = 0  # streams given up, while open and with data, because there were too many
        self.streams: i64 = 0  # seen so far
        self._live: i64 = 0  # streams in the table
        self._ended: deque[Stream] = deque()  # those of them that have ended, oldest first
        self.gaps: i64 = 0
        self.gap_bytes: i64 = 0
        self.hurried: i64 = 0  # holes given up because too much waited behind them
        self._table: dict[bytes, Stream] = {}  # by the flows of both directions
        self._holes: dict[Half, Stream] = {}  # the halves with a hole, in the order in which they opened
        self._swept_ns: i64 = 0
        self._waiting_bytes: i64 = 0  # behind holes, of all streams
        self._unswept: i64 = 0  # segments since then
        self._first: i64 = UNKNOWN  # of `first_waiting`, while no hole has gone
        self._asked: i64 = 0

    def feed(self, segment: Segment) -> list[Chunk]:
        """The chunks that `segment` completes: of its own stream, or of others whose holes are overdue."""
        out: list[Chunk] = []
        chunk = self.take(segment, out)
        if chunk is not None:
            out.append(chunk)
        return out

    def take(self, segment: Segment, out: list[Chunk]) -> Chunk | None:
        """The same: the chunk, if it is the only one, as it nearly always is; else None, and those that there are are
        added to `out`, which has to be empty."""
        flags = segment.flags
        flow = segment.flow
        stream = self._table.get(flow)
        if stream is None:
            stream = self._open(segment, out)
            half = stream.of(flow)
        else:
            half = stream.of(flow)
            if stream.ignored and not flags & SYN:
                half.time_ns = segment.time_ns
                if flags & (FIN | RST):
                    closes(stream, half, segment)
                    self._end_ignored(stream)
                return None
            if (flags & SYN or segment.length or half.ending != OPEN) and not same_stream(half, segment):
                self._finish_stream(stream, REPLACED, out)
                self._live -= 1
                stream = self._open(segment, out)
                half = stream.of(flow)
        half.frame = segment.frame
        half.time_ns = segment.time_ns
        if segment.window == 0 or half.zero_since_ns != -1:
            watch_window(half, segment)
        if stream.established_ns == -1:
            watch_handshake(stream, half, segment)
        if flags & ACK:
            back = stream.half(1 - half.direction)
            if not back.known and opens(half, segment):
                back.known = True  # its SYN is captured later, and what it sends starts there
                back.start = back.next = segment.acknowledgement
            acknowledge(back, segment)
        chunk: Chunk | None = None
        if flags & RST:
            self._reset(stream, half, segment, out)
        else:
            chunk = self._ordered(stream, half, segment, out)
        if out or self._holes:
            if chunk is not None:
                out.append(chunk)
            if self._holes:
                self._sweep(segment, out)
            return None
        return chunk

    def _ordered(self, stream: Stream, half: Half, segment: Segment, out: list[Chunk]) -> Chunk | None:
        """Put a segment in its place: SYN, payload and FIN. The chunk that is the last it makes, if there is one; those
        before it are added to `out`."""
        flags = segment.flags
        position = unfold(segment.sequence, half.next) if half.known else segment.sequence
        if flags & SYN:
            position += 1
            half.initial = segment.sequence
            half.scale = segment.scale
        if not half.known:
            half.known = True
            half.start = half.next = position
        chunk: Chunk | None = None
        if segment.length:
            chunk = self._data(stream, half, position, segment, out)
        if flags & FIN and half.ending == OPEN:
            closes(stream, half, segment)
            half.finish = position + segment.length
        if half.finish == half.next and half.ending == OPEN:
            if chunk is not None:
                out.append(chunk)
            self._end(stream, half, FINISHED, out)
            return None
        return chunk

    @property
    def has_holes(self) -> bool:
        """Does any segment wait, or a RST?"""
        return len(self._holes) > 0

    def first_waiting(self) -> i64:
        """The first frame that waits behind a hole, of streams that somebody wants; greater than any if there is none.
        Of very many holes only the oldest are looked at."""
        self._asked += 1
        if self._first != UNKNOWN and self._asked & 63:
            return self._first
        first: i64 = ANY_FRAME
        for half, stream in islice(self._holes.items(), MOST_HOLES):
            beyond = half.beyond
            if beyond is not None and not stream.ignored:
                for held in beyond.waiting.values():  # in the order in which they came
                    first = min(first, held.frame)
                    break
        self._first = first
        return first

    def close(self) -> list[Chunk]:
        """The capture has ended: what waits is handed on with its gaps, and every open direction ends."""
        out: list[Chunk] = []
        for stream in self._streams():
            self._finish_stream(stream, CAPTURE_ENDED, out)
        self._table = {}
        self._first = UNKNOWN
        return out

    def _streams(self) -> list[Stream]:
        """Those in the table, in the order in which they came."""
        return [stream for flow, stream in self._table.items() if flow == stream.flow]

    def _open(self, segment: Segment, out: list[Chunk]) -> Stream:
        """A new stream; its direction 0 is the client's where a SYN tells."""
        if self._live >= self.most_streams:
            self._make_room(out)
        syn = segment.flags & SYN != 0
        flow = segment.flow
        back = reverse(flow)
        from_server = syn and segment.flags & ACK != 0
        stream = Stream(self.streams, back if from_server else flow, syn, segment.frame, segment.time_ns)
        self.streams += 1
        self._live += 1
        self._table[flow] = stream
        self._table[back] = stream
        return stream

    def _data(self, stream: Stream, half: Half, position: i64, segment: Segment, out: list[Chunk]) -> Chunk | None:
        """The same for a payload, which starts at `position`."""
        if not half.delivered and half.initial == -1 and position == half.next + 1 and half.beyond is None:
            half.next = position  # the stream was joined at a keep-alive probe, which lies one byte back
        if position > half.next:
            self._wait(stream, half, position, segment)
            return None
        end = position + segment.length
        data = segment.data
        if position < half.next:
            probe = segment.length == 1 and end == half.next  # a keep-alive, whose byte means nothing
            if data and not probe:
                self._compare(half.recent, half.recent_start, data, position)
            if end <= half.next:
                if not probe:
                    half.retransmissions += 1
                    half.retransmitted_ns = segment.time_ns
                return None
            data = data[half.next - position :]
        frame, time_ns = segment.frame, segment.time_ns
        chunk = self._deliver(stream, half, end, data, frame, segment.acknowledgement, frame, time_ns)
        beyond = half.beyond
        if beyond is None:
            return chunk
        if chunk is not None:
            out.append(chunk)
        beyond.acknowledged_ns = -1
        self._drain(stream, half, beyond, frame, time_ns, out)
        return None

    def _deliver(
        self, stream: Stream, half: Half, end: i64, data: bytes, frame: i64, acknowledgement: i64,
        arrival: i64, time_ns: i64,
    ) -> Chunk | None:  # fmt: skip
        """Hand on `data`, which was captured of the bytes from `half.next` to `end`; None if none were."""
        captured: i64 = len(data)
        chunk: Chunk | None = None
        if half.ending != OPEN:  # bytes behind a RST that nobody heeded, or behind a FIN: on the wire all the same
            half.ending = OPEN
            half.finish = -1
        if captured:
            chunk = Chunk(stream, half.direction, data, frame, arrival, time_ns, half.missing, OPEN)
            chunk.before = half.carried
            chunk.end = end
            chunk.acknowledgement = acknowledgement
            half.carried = frame
            half.arrived = arrival
            half.arrived_ns = time_ns
            half.missing = 0
            half.delivered = True
            half.recent = data
            half.recent_start = half.next
        cut = end - half.next - captured
        if cut:
            self._give_up(half, cut)
        half.next = end
        return chunk

    def _wait(self, stream: Stream, half: Half, position: i64, segment: Segment) -> None:
        beyond = half.beyond
        if beyond is None:
            half.beyond = beyond = Beyond()
            self._holes[half] = stream
        new = Waiting(segment, beyond.segments)
        self._settle(half, beyond, position, new)
        held = beyond.waiting.get(int(position))
        if held is None:
            heappush(beyond.order, int(position))
        elif held.length >= new.length and len(held.data) >= len(new.data):
            half.retransmissions += 1
            half.retransmitted_ns = segment.time_ns
            return
        else:
            self._waiting_bytes -= len(held.data) + WAITING_COST
        beyond.waiting[int(position)] = new
        if segment.frame < self._first and not stream.ignored:
            self._first = segment.frame
        self._waiting_bytes += len(new.data) + WAITING_COST
        if new.length > beyond.widest:
            beyond.widest = new.length
        if position + new.length > beyond.furthest:
            beyond.furthest = position + new.length

    def _settle(self, half: Half, beyond: Beyond, position: i64, new: Waiting) -> None:
        """Settle whose bytes count where `new` overlaps what waits.

        Only what differs matters: the bytes that win are written over the others, so that the order in which they
        are handed on does not. Where all is the same, which is nearly always, nothing is done.
        """
        end = position + new.length
        if not beyond.waiting or len(new.data) != new.length:
            return
        for start in neighbours(half, beyond, position, end):
            held = beyond.waiting[int(start)]
            if not self._compare(held.data, start, new.data, position):
                continue
            low, high = max(start, position), min(start + len(held.data), end)
            if later_wins(self.overlap, start, start + held.length, position, end):
                middle = new.data[low - position : high - position]
                held.data = held.data[: low - start] + middle + held.data[high - start :]
            else:
                middle = held.data[low - start : high - start]
                new.data = new.data[: low - position] + middle + new.data[high - position :]

    def _compare(self, data: bytes, start: i64, other: bytes, position: i64) -> bool:
        """Do bytes from `start` and others from `position` differ where they overlap? Counts it."""
        low = max(start, position)
        high = min(start + len(data), position + len(other))
        if low >= high or data[low - start : high - start] == other[low - position : high - position]:
            return False
        self.conflicts += 1
        return True

    def _drain(self, stream: Stream, half: Half, beyond: Beyond, arrival: i64, time_ns: i64, out: list[Chunk]) -> None:
        """Hand on what waits and has no hole before it any more: the frame that filled it, and its time, are given.
        Without one, 0, the hole was in the capture only: who received the bytes could read them as they came."""
        self._first = UNKNOWN
        order = beyond.order
        while order and order[0] <= half.next:
            position: i64 = heappop(order)
            held = beyond.waiting.pop(int(position))
            self._waiting_bytes -= len(held.data) + WAITING_COST
            end = position + held.length
            if end > half.next:
                data = held.data[half.next - position :] if position < half.next else held.data
                frame, held_ns = arrival, time_ns
                if frame == 0:
                    frame, held_ns = held.frame, held.time_ns
                    if frame < half.arrived:  # but not before what is in front of them
                        frame, held_ns = half.arrived, half.arrived_ns
                chunk = self._deliver(stream, half, end, data, held.frame, held.acknowledgement, frame, held_ns)
                if chunk is not None:
                    out.append(chunk)
        if not order:
            half.beyond = None
            if half.reset is None:
                self._holes.pop(half, None)
        if half.finish == half.next and half.ending == OPEN:
            self._end(stream, half, FINISHED, out)

    def _give_up(self, half: Half, missing: i64) -> None:
        half.missing += missing
        half.lost += missing
        self.gaps += 1
        self.gap_bytes += missing

    def _skip_hole(self, stream: Stream, half: Half, beyond: Beyond, out: list[Chunk]) -> None:
        """Give up the hole before the first waiting segment, and hand on what follows it."""
        first: i64 = beyond.order[0]
        self._give_up(half, first - half.next)
        half.next = first
        self._drain(stream, half, beyond, 0, 0, out)

    def _overdue(self, stream: Stream, half: Half, beyond: Beyond, now_ns: i64) -> bool:
        if self._waiting_bytes > self.most_waiting:
            return True
        first: i64 = beyond.order[0]
        held = beyond.waiting[int(first)]  # arrived when the hole opened
        if half.acknowledged < first and beyond.furthest <= half.next + widest_window(stream, half):
            if half.acknowledged == -1:
                return now_ns - held.time_ns > PATIENCE_NS
            other = stream.half(1 - half.direction)  # waits too, if it is still there
            return now_ns - max(held.time_ns, other.time_ns) > PATIENCE_NS
        if beyond.acknowledged_ns == -1:
            beyond.acknowledged_ns = now_ns
            beyond.acknowledged_count = beyond.segments - 1
        if now_ns - max(held.time_ns, beyond.acknowledged_ns) > GRACE_NS:
            return True
        return beyond.segments - max(held.count, beyond.acknowledged_count) > GRACE_SEGMENTS

    def _sweep(self, segment: Segment, out: list[Chunk]) -> None:
        """Give up the holes that are overdue: of this segment's stream, and now and then of all."""
        stream = self._table[segment.flow]
        half = stream.of(segment.flow)
        for one in (half, stream.half(1 - half.direction)):
            beyond = one.beyond
            if beyond is not None:
                beyond.segments += 1
            if beyond is not None or one.reset is not None:
                self._skip_overdue(stream, one, segment.time_ns, out)
        self._unswept += 1
        since = segment.time_ns - self._swept_ns
        if since < 0:
            self._swept_ns = segment.time_ns
        elif since >= GRACE_NS and self._unswept * 4 >= len(self._holes):
            self._swept_ns = segment.time_ns
            self._unswept = 0
            for one, stream in list(self._holes.items()):
                self._skip_overdue(stream, one, segment.time_ns, out)

    def _skip_overdue(self, stream: Stream, half: Half, now_ns: i64, out: list[Chunk]) -> None:
        reset = half.reset
        if reset is not None and (now_ns - reset.time_ns > GRACE_NS or not is_early(stream, half, reset)):
            self._finish_stream(stream, RESET, out)
            return
        while True:
            beyond = half.beyond
            if beyond is None or not self._overdue(stream, half, beyond, now_ns):
                return
            if self._waiting_bytes > self.most_waiting:
                self.hurried += 1
            self._skip_hole(stream, half, beyond, out)

    def _reset(self, stream: Stream, half: Half, segment: Segment, out: list[Chunk]) -> None:
        """A RST that lies where the receiver would take it ends both directions."""
        if half.known:
            position = unfold(segment.sequence, half.next)
            if not half.next - 1 <= position <= half.next + FAR_BACK and segment.sequence != 0:
                return
            if is_early(stream, half, segment) and segment.sequence != 0:
                if half.reset is None:
                    half.reset = segment
                    self._holes[half] = stream
                return
        closes(stream, half, segment)
        self._finish_stream(stream, RESET, out)

    def _finish_stream(self, stream: Stream, ending: i64, out: list[Chunk]) -> None:
        for half in (stream.source, stream.destination):
            reset = half.reset
            if reset is not None:
                half.reset = None
                self._holes.pop(half, None)
                ending = RESET
                closes(stream, half, reset)
                half.finish = max(half.finish, unfold(reset.sequence, half.next) - 1)
        for half in (stream.source, stream.destination):
            while True:
                beyond = half.beyond
                if beyond is None:
                    break
                self._skip_hole(stream, half, beyond, out)
            if half.ending == OPEN:
                limit = half.next
                if half.finish > limit:
                    limit = half.finish
                elif half.delivered and half.acknowledged > limit + 1:  # one more may be a FIN
                    limit = half.acknowledged
                if limit > half.next:
                    self._give_up(half, limit - half.next)
                    half.next = limit
                self._end(stream, half, ending, out)

    def _end(self, stream: Stream, half: Half, ending: i64, out: list[Chunk]) -> None:
        half.ending = ending
        half.recent = b""
        if stream.source.ending != OPEN and stream.destination.ending != OPEN:
            self._ended.append(stream)
            if len(self._ended) > ENDED_KEPT:
                self._forget(self._ended.popleft())
        last = half.frame
        chunk = Chunk(stream, half.direction, b"", last, last, half.time_ns, half.missing, ending)
        chunk.end = half.next + 1
        chunk.acknowledgement = stream.half(1 - half.direction).acknowledged & 0xFFFFFFFF
        out.append(chunk)
        half.missing = 0

    def _end_ignored(self, stream: Stream) -> None:
        """A stream that nobody wants has ended, or begins to: it may be forgotten with the ended ones."""
        if stream.source.ending == OPEN or stream.destination.ending == OPEN:
            stream.source.ending = stream.destination.ending = FINISHED
            self._ended.append(stream)
            if len(self._ended) > ENDED_KEPT:
                self._forget(self._ended.popleft())

    def _forget(self, stream: Stream) -> None:
        """Take a stream out of the table, if it is still there and has not come to life again."""
        if stream.source.ending == OPEN or stream.destination.ending == OPEN:
            return
        if self._table.get(stream.flow) is stream:
            del self._table[stream.flow]
            self._table.pop(reverse(stream.flow), None)
            self._live -= 1

    def _make_room(self, out: list[Chunk]) -> None:
        """There are too many streams: the quarter that is worth least goes."""
        while self._ended:
            self._forget(self._ended.popleft())
        streams = self._streams()
        streams.sort(key=worth)
        for stream in streams[: len(streams) // 4]:
            if stream.source.delivered or stream.destination.delivered:
                if not stream.ignored:
                    self.dropped += 1
                self._finish_stream(stream, DROPPED, out)
            stream.source.ending = stream.destination.ending = DROPPED
            self._forget(stream)


def same_stream(half: Half, segment: Segment) -> bool:
    """Can `segment` belong to the stream that has `half`?"""
    if not half.known:
        return True
    position = unfold(segment.sequence, half.next)
    if segment.flags & SYN:
        if half.initial == segment.sequence:
            return True
        # or the SYN was captured after the first acknowledgement, or the first data
        return half.initial == -1 and position + 1 == half.start
    if segment.flags & RST or not segment.length:
        return True
    if half.ending != OPEN:
        return half.next - FAR_BACK <= position <= half.next
    return half.next - FAR_BACK <= position <= half.next + FAR_AHEAD


def is_early(stream: Stream, half: Half, reset: Segment) -> bool:
    """Were bytes sent before this RST that were not captured yet? One more may be a FIN."""
    other = stream.half(1 - half.direction)
    return unfold(reset.sequence, half.next) > half.next + 1 or (other.known and other.acknowledged > other.next + 1)


def opens(half: Half, segment: Segment) -> bool:
    """Is this the SYN-ACK, or the client's first answer to it? Then it acknowledges nothing but a SYN."""
    return segment.flags & SYN != 0 or (half.initial != -1 and segment.sequence == (half.initial + 1) & 0xFFFFFFFF)


def acknowledge(half: Half, segment: Segment) -> None:
    """How far `half`, the other direction, has come to its receiver, and what that has room for."""
    if segment.window > half.window:
        half.window = segment.window
    if half.known:
        position = unfold(segment.acknowledgement, half.next)
        if half.acknowledged == -1 or position > half.acknowledged:
            half.acknowledged = position


def widest_window(stream: Stream, half: Half) -> i64:
    """The most bytes at a time that the receiver of `half` may have said to take; `ANY_WINDOW` if it has not been seen
    to say so."""
    if half.window == 0:
        return ANY_WINDOW
    scale = GREATEST_SCALE
    if stream.source.initial != -1 and stream.destination.initial != -1:
        scale = stream.half(1 - half.direction).scale
        if scale == -1 or half.scale == -1:  # only if both sides know it (RFC 7323, section 2.2)
            scale = 0
    return half.window << scale


def neighbours(half: Half, beyond: Beyond, position: i64, end: i64) -> list[int]:
    """The positions of waiting segments that may overlap bytes from `position` to `end`."""
    order, waiting = beyond.order, beyond.waiting
    if len(order) <= MOST_COMPARED:
        return [at for at in order if at < end and at + waiting[at].length > position]
    found: list[int] = []
    at = max(position - beyond.widest, half.next)
    if end - at <= len(order) + MOST_COMPARED:  # few places to look at: each is one look-up
        while at < end:
            if int(at) in waiting and at + waiting[int(at)].length > position:
                found.append(int(at))
            at += 1
    elif int(position) in waiting:
        found.append(int(position))
    return found


def watch_window(half: Half, segment: Segment) -> None:
    """Note when a side's window closes and opens again; what a SYN, FIN or RST says of it does not count."""
    if segment.window:
        half.zero_ns += max(segment.time_ns - half.zero_since_ns, 0)
        half.zero_since_ns = -1
    elif half.zero_since_ns == -1 and not segment.flags & (SYN | FIN | RST):
        half.zero_windows += 1
        half.zero_since_ns = segment.time_ns


def watch_handshake(stream: Stream, half: Half, segment: Segment) -> None:
    """Note the SYN-ACK, and the client's answer to it."""
    flags = segment.flags
    if flags & SYN:
        if flags & ACK and stream.synack_ns == -1:
            stream.synack_ns = segment.time_ns
    elif stream.synack_ns != -1 and half.direction == 0 and flags & ACK and not flags & RST:
        stream.established_ns = segment.time_ns


def closes(stream: Stream, half: Half, segment: Segment) -> None:
    """A FIN, or a RST that counts: the first of a stream says who ended it, and how."""
    if segment.flags & RST:
        stream.reset_by = half.direction
    if stream.closed_by == -1:
        stream.closed_by = half.direction
        stream.closed_how = RESET if segment.flags & RST else FINISHED
        stream.closed_ns = segment.time_ns
        stream.closed_frame = segment.frame


def worth(stream: Stream) -> tuple[int, int]:
    """For sorting streams by what is lost without them: do they have data that somebody wants, when was the last?"""
    source, destination = stream.source, stream.destination
    wanted = 0
    if source.delivered or destination.delivered:
        wanted = 1 if stream.ignored else 2
    return wanted, int(max(source.time_ns, destination.time_ns))
