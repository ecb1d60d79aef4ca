"""The two directions of a connection in the order in which they were sent, though the capture swapped frames.

Theory of operation
-------------------
Each segment acknowledges what its sender had received by then. One that acknowledges bytes that were not captured yet
was sent behind these, and captured before them: its chunk waits for them, and with it what follows in its direction.
So a request comes before its answer, whatever the packets are. It waits `EARLY_NS` at most: then the capture lacks the
bytes, and what waited goes on without them. What different connections send has no such order.

Cost: nothing while there is nothing that waits.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.sequence import unfold
from mqttdissect.net.stream import FINISHED, OPEN, Chunk, Half

EARLY_NS: Final = 1_000_000_000  # by which a capture may have packets before those that they answer
MOST_WAITING: Final = 4096  # chunks, of all connections
MOST_GIVEN_UP: Final = 65536  # directions of connections that waited in vain
ALL: Final = 1 << 62  # positions

Found = tuple[Chunk, list[Packet]]  # a chunk and the packets that it completes


@final
class Early:
    """Chunks of one direction, and the position in the other one that each of them waits for."""

    __slots__ = ("chunks", "direction")

    def __init__(self, direction: i64) -> None:
        self.direction = direction
        self.chunks: list[tuple[int, Found]] = []


@final
class Turns:
    """`take` the chunks whose turn it is. waiting: how many there are that wait. overdue: numbers of streams that have
    waited in vain, for who looks at them."""

    def __init__(self) -> None:
        self.waiting: i64 = 0
        self.overdue: list[int] = []
        self._streams: dict[int, Early] = {}  # by number, those that wait longest first
        self._given_up: dict[tuple[int, int], int] = {}  # by stream and direction, the position that came too late

    def take(self, chunk: Chunk, found: list[Packet], now_ns: i64) -> list[Found]:
        """Those whose turn it is with this one; itself among them, if it is."""
        out: list[Found] = []
        while self._streams:
            number, early = next(iter(self._streams.items()))
            if now_ns - early.chunks[0][1][0].time_ns <= EARLY_NS and self.waiting < MOST_WAITING:
                break
            seen = early.chunks[0][1][0].stream.half(1 - early.direction).seen
            self._given_up[number, int(early.direction)] = (
                max(position for position, _ in early.chunks) if seen else ALL  # that side is not captured at all
            )
            if len(self._given_up) > MOST_GIVEN_UP:
                del self._given_up[next(iter(self._given_up))]
            self._let_go(number, ALL, out)
        number = int(chunk.stream.number)
        direction = chunk.direction
        waits = self._streams.get(number)
        if chunk.ending != OPEN:
            self._given_up.pop((number, int(direction)), None)
            if chunk.ending != FINISHED:
                self._let_go(number, ALL, out)
                out.append((chunk, found))
                return out
        if waits is not None and direction != waits.direction:
            out.append((chunk, found))
            self._let_go(number, chunk.end if chunk.ending == OPEN else ALL, out)
            return out
        other = chunk.stream.half(1 - direction)
        position = unfold(chunk.acknowledgement, other.next)
        limit = captured(other)
        if waits is None:
            if not other.known or position <= max(limit, self._given_up.get((number, int(direction)), limit)):
                out.append((chunk, found))
                return out
            waits = self._streams[number] = Early(direction)
        waits.chunks.append((int(position), (chunk, found)))
        self.waiting += 1
        return out

    def _let_go(self, number: int, end: i64, out: list[Found]) -> None:
        """It is the turn of those that wait for nothing behind this position."""
        early = self._streams.get(number)
        if early is None:
            return
        if early.chunks[-1][0] > captured(early.chunks[0][1][0].stream.half(1 - early.direction)) and end == ALL:
            self.overdue.append(number)
        due = 0
        while due < len(early.chunks) and early.chunks[due][0] <= end:
            out.append(early.chunks[due][1])
            due += 1
        del early.chunks[:due]
        self.waiting -= due
        if not early.chunks:
            del self._streams[number]


def captured(half: Half) -> i64:
    """The position up to which all of a direction has come, its FIN included."""
    if half.queued:
        return half.handed
    return half.next if half.finish == -1 else half.next + 1
