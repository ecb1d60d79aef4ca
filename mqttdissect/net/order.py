"""Chunks in the order in which they could be read, though some were held behind a hole that is in the capture only.

Theory of operation
-------------------
What waits behind a hole (`tcp`) is handed on once the hole is given up, with the frames that carried it. By then, what
came behind it was handed on already: answers before their requests, deliveries before what was published. Whoever ties
these together, or draws them, wants them as they were on the wire. So while segments wait, chunks of later frames wait
too, of all streams, and go in the order of their frames.

They wait for `PATIENCE_NS` at most, `MOST_WAITING` of them, or `MOST_BYTES`. A stream's own chunks keep their order.

Cost: nothing while there is no hole; else constant time a chunk, and a search among those that wait for each of those
that were held.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.stream import CAPTURE_ENDED, OPEN, Chunk
from mqttdissect.net.tcp import ANY_FRAME, Reassembler

PATIENCE_NS: Final = 1_000_000_000
MOST_WAITING: Final = 4096
MOST_BYTES: Final = 16 * 1024 * 1024
MOST_GONE: Final = 256


@final
class Order:
    """`sort` chunks as `tcp` hands them on; those whose turn it is are left. waiting: how many are kept.

    `Half.queued` counts them all, and who goes through what is left counts down with `passed`: a direction has come
    only as far as that, whatever was captured of it.
    """

    def __init__(self, tcp: Reassembler) -> None:
        self.waiting: i64 = 0
        self._tcp = tcp
        self._queue: list[Chunk] = []  # by the frame with which they could be read; those before `_head` have gone
        self._head: i64 = 0
        self._bytes: i64 = 0

    @property
    def first(self) -> i64:
        """The frame of the first that waits, here or behind its hole; greater than any if none does."""
        first = self._tcp.first_waiting()
        return min(first, place(self._queue[self._head])) if self.waiting else first

    def sort(self, chunks: list[Chunk], now_ns: i64) -> None:
        """Keep these, and leave in the list those whose turn it is. now_ns: the time of the frame at hand."""
        queue = self._queue
        for chunk in chunks:
            half = chunk.stream.half(chunk.direction)
            if half.queued == 0:
                half.handed = chunk.end - len(chunk.data) if chunk.ending == OPEN else chunk.end - 1
            half.queued += 1
            self._bytes += len(chunk.data)
            if self.waiting == 0 or place(chunk) >= place(queue[-1]):
                queue.append(chunk)
            else:
                self._insert(chunk)
            self.waiting += 1
        chunks.clear()
        if self.waiting == 0:
            return
        first = self._tcp.first_waiting()
        while self.waiting:
            chunk = queue[self._head]
            if place(chunk) > first and self.waiting <= MOST_WAITING and self._bytes <= MOST_BYTES:
                if -PATIENCE_NS <= now_ns - chunk.time_ns <= PATIENCE_NS:
                    break
            self._head += 1
            self.waiting -= 1
            self._bytes -= len(chunk.data)
            chunks.append(chunk)
        if self._head > MOST_GONE or self.waiting == 0:
            del queue[: self._head]
            self._head = 0

    def _insert(self, chunk: Chunk) -> None:
        """Behind those of its frame and earlier ones."""
        queue = self._queue
        frame = place(chunk)
        low, high = self._head, i64(len(queue))
        while low < high:
            middle = (low + high) // 2
            if place(queue[middle]) <= frame:
                low = middle + 1
            else:
                high = middle
        queue.insert(int(low), chunk)


def place(chunk: Chunk) -> i64:
    """The frame that it belongs to: that the capture ends is behind all."""
    return ANY_FRAME if chunk.ending == CAPTURE_ENDED else chunk.arrival


def passed(chunk: Chunk) -> None:
    """It was its turn."""
    half = chunk.stream.half(chunk.direction)
    if half.queued:
        half.queued -= 1
        half.handed = chunk.end
