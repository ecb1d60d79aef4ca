"""Packets that IP cut into fragments, put back together (RFC 791, section 3.2; RFC 8200, section 4.5).

Where fragments overlap, the bytes that came first win. Receivers differ there (BSD's and Windows' rules, Linux' drop of
the whole packet, RFC 5722 for IPv6), and a capture cannot tell which one it was. A fragment that comes again just as
it was, perhaps since it was captured on two interfaces, adds nothing, also after its packet is whole.

What waits is bounded in bytes, in packets, and in age by the capture's own clock; the oldest goes first, counted in
`dropped`, and in `dropped_early` if a bound was why. A fragment that was cut by the snap length counts with its length
on the wire; the packet is then whole, but captured only up to that cut. Cost: O(n log n) in the fragments of a packet,
since covered ranges are kept merged.
"""

from bisect import bisect_left
from typing import Final, final

from mypy_extensions import i64

TCP: Final = 6
UDP: Final = 17
LONGEST: Final = 0xFFFF
MOST_BYTES: Final = 4 * 1024 * 1024
MOST_PACKETS: Final = 1024
MOST_AGE_NS: Final = 30_000_000_000
OVERHEAD: Final = 100  # bytes that a piece takes besides its data, more or less
MOST_REMEMBERED: Final = 64  # fragments of a packet that are known again once it is whole


@final
class Whole:
    """A packet put back together: what its fragments carried. length: on the wire; more than len(data) if cut."""

    __slots__ = ("data", "length", "protocol")

    def __init__(self, protocol: i64, data: bytes, length: i64) -> None:
        self.protocol = protocol
        self.data = data
        self.length = length


@final
class Partial:
    """A packet of which fragments are missing. starts, ends: the ranges that are there, merged, in order."""

    __slots__ = ("bytes", "count", "ends", "pieces", "protocol", "shapes", "starts", "time_ns", "total", "wanted")

    def __init__(self, protocol: i64, time_ns: i64) -> None:
        self.protocol = protocol
        self.time_ns = time_ns
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.pieces: dict[int, tuple[int, bytes]] = {}  # start: end on the wire, bytes captured
        self.shapes: set[int] = set()  # hashes of the fragments, to know them again
        self.count: i64 = 0
        self.bytes: i64 = 0
        self.total: i64 = -1  # length, once the last fragment was seen
        self.wanted = True

    def take(self, start: i64, end: i64, data: bytes) -> None:
        """Bytes `start` to `end`, as far as they are not there yet."""
        first: i64 = bisect_left(self.ends, start)
        last = first
        at = start
        low, high = start, end
        while last < len(self.starts) and self.starts[last] <= end:
            there: i64 = self.starts[last]
            if at < there:
                self._keep(at, there, data[at - start : there - start])
            at = max(at, self.ends[last])
            low = min(low, there)
            high = max(high, self.ends[last])
            last += 1
        if at < end:
            self._keep(at, end, data[at - start : end - start])
        self.starts[first:last] = [low]
        self.ends[first:last] = [high]

    def _keep(self, start: i64, end: i64, data: bytes) -> None:
        self.pieces[start] = (end, data)
        self.bytes += len(data) + OVERHEAD

    def whole(self) -> bool:
        """Is every byte there?"""
        return self.total >= 0 and self.starts[0] == 0 and self.ends[0] >= self.total

    def join(self) -> bytes:
        """The bytes up to the first that was not captured."""
        out: list[bytes] = []
        for start in sorted(self.pieces):
            end, data = self.pieces[start]
            out.append(data)
            if len(data) < end - start:
                break
        return b"".join(out)[: self.total]


@final
class Fragments:
    """`add` each fragment; `close` at the end. Raises nothing.

    most_bytes, most_packets, most_age_ns: what may wait, and for how long by the clock of the capture.
    """

    def __init__(
        self, most_bytes: i64 = MOST_BYTES, most_packets: i64 = MOST_PACKETS, most_age_ns: i64 = MOST_AGE_NS
    ) -> None:
        self.most_bytes = most_bytes
        self.most_packets = most_packets
        self.most_age_ns = most_age_ns
        self.dropped: i64 = 0  # fragments given up, of packets that could have carried TCP
        self.dropped_early: i64 = 0  # those of them that were given up before the capture ended
        self.joined: i64 = 0  # packets
        self.bytes: i64 = 0  # held
        self._partials: dict[bytes, Partial] = {}  # in the order in which they began
        self._done: dict[bytes, tuple[int, set[int]]] = {}  # when a packet became whole, and hashes of its fragments

    def add(
        self, key: bytes, protocol: i64, start: i64, more: bool, data: bytes, length: i64, time_ns: i64, wanted: bool
    ) -> Whole | None:
        """The packet that a fragment completes. key: what tells packets apart. start: in bytes. length: on the wire.

        wanted: False if the fragment shows that its packet is of no use: then the rest is not kept either.
        """
        if self._partials:
            self._age(time_ns)
        shape = hash((int(start), more, int(length), data))
        partial = self._partials.get(key)
        if partial is None:
            if self._again(key, shape, time_ns):
                return None
            partial = Partial(protocol, time_ns)
            self._partials[key] = partial
        end = start + length
        if start == 0:
            partial.protocol = protocol
            if not wanted:
                partial.wanted = False
                self.bytes -= partial.bytes
                partial.bytes = 0
                partial.pieces = {}
        partial.count += 1
        if partial.wanted and (partial.total < 0 or end <= partial.total):
            self._take(partial, start, end, more, data, shape)
            if partial.whole():
                return self._finish(key, partial, time_ns)
        while self.bytes > self.most_bytes or len(self._partials) > self.most_packets:
            self._drop(next(iter(self._partials)))
        return None

    def _take(self, partial: Partial, start: i64, end: i64, more: bool, data: bytes, shape: int) -> None:
        if not more:
            if partial.ends and partial.ends[-1] > end:
                return  # the end lies before bytes that came first
            partial.total = end
        before = partial.bytes
        partial.take(start, end, data)
        self.bytes += partial.bytes - before
        if len(partial.shapes) < MOST_REMEMBERED:
            partial.shapes.add(shape)

    def _finish(self, key: bytes, partial: Partial, time_ns: i64) -> Whole:
        del self._partials[key]
        self.bytes -= partial.bytes
        self.joined += 1
        self._done.pop(key, None)
        self._done[key] = (int(time_ns), partial.shapes)
        if len(self._done) > self.most_packets:
            del self._done[next(iter(self._done))]
        return Whole(partial.protocol, partial.join(), partial.total)

    def _again(self, key: bytes, shape: int, time_ns: i64) -> bool:
        """Is this a fragment of a packet that is whole already?"""
        done = self._done.get(key)
        return done is not None and shape in done[1] and time_ns - done[0] <= self.most_age_ns

    def _age(self, time_ns: i64) -> None:
        """Give up what has waited for too long."""
        while self._partials:
            key = next(iter(self._partials))
            if time_ns - self._partials[key].time_ns <= self.most_age_ns:
                return
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        partial = self._partials.pop(key)
        self.bytes -= partial.bytes
        if partial.wanted and (partial.protocol != UDP or (partial.starts and partial.starts[0] == 0)):
            self.dropped += partial.count

    def close(self) -> None:
        """The capture has ended: what waits is given up."""
        self.dropped_early = self.dropped
        for key in list(self._partials):
            self._drop(key)
