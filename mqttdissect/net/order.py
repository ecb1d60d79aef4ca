"""Chunks in the order in which they could be read, though some were held behind a hole that is in the capture only.

Theory of operation
-------------------
What waits behind a hole (`tcp`) is handed on once the hole is given up, with the frames that carried it. By then, what
came behind it was handed on already: answers before their requests, deliveries before what was published. Whoever ties
these together, or draws them, wants them as they were on the wire. So while segments wait, chunks of later frames wait
too, of all streams, and go in the order of their frames.

They wait for `PATIENCE_NS` at most, `MOST_WAITING` of them, or `MOST_BYTES`. A stream's own chunks keep their order.

Cost: nothing while there is no hole; else a logarithm of the waiting chunks for each.
"""

from heapq import heappop, heappush
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.stream import CAPTURE_ENDED, OPEN, Chunk
from mqttdissect.net.tcp import ANY_FRAME, Reassembler

PATIENCE_NS: Final = 1_000_000_000
MOST_WAITING: Final = 4096
MOST_BYTES: Final = 16 * 1024 * 1024


@final
class Order:
    """`take` chunks as `tcp` hands them on; those whose turn it is come out. waiting: how many do not.

    `Half.queued` counts them all, and who goes through what comes out counts down with `passed`: a direction has come
    only as far as that, whatever was captured of it."""

    def __init__(self, tcp: Reassembler) -> None:
        self.waiting: i64 = 0
        self._tcp = tcp
        self._heap: list[tuple[int, int, Chunk]] = []  # by the frame with which they could be read
        self._taken: i64 = 0
        self._bytes: i64 = 0

    @property
    def first(self) -> i64:
        """The frame of the first that waits; greater than any if none does."""
        return self._heap[0][0] if self._heap else ANY_FRAME

    def take(self, chunks: list[Chunk], now_ns: i64) -> list[Chunk]:
        """Those whose turn it is with these, in order. now_ns: the time of the frame at hand."""
        heap = self._heap
        for chunk in chunks:
            self._taken += 1
            frame = ANY_FRAME if chunk.ending == CAPTURE_ENDED else chunk.arrival
            heappush(heap, (int(frame), int(self._taken), chunk))
            half = chunk.stream.half(chunk.direction)
            if half.queued == 0:
                half.handed = chunk.end - len(chunk.data) if chunk.ending == OPEN else chunk.end - 1
            half.queued += 1
            self._bytes += len(chunk.data)
        out: list[Chunk] = []
        first = self._tcp.first_waiting()
        count: i64 = len(heap)
        while count:
            head = heap[0][2]
            if heap[0][0] > first and count <= MOST_WAITING and self._bytes <= MOST_BYTES:
                if -PATIENCE_NS <= now_ns - head.time_ns <= PATIENCE_NS:
                    break
            heappop(heap)
            count -= 1
            self._bytes -= len(head.data)
            out.append(head)
        self.waiting = count
        return out


def passed(chunk: Chunk) -> None:
    """It was its turn."""
    half = chunk.stream.half(chunk.direction)
    if half.queued:
        half.queued -= 1
        half.handed = chunk.end
