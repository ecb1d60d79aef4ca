"""A TCP connection whose segments reach the capture twice, re-cut or out of order, with nothing lost.

Takes the segments of one exchange, hands on frames; used by the scenario `lossy-order`. About one data
segment in five is disturbed: some move behind the next one to three segments of the same side (reordering),
the others are seen again one to three frames later, some of them grown to cover the next segment
(retransmission with an overlap). Segments move only past segments of their own side, so no acknowledgement
precedes what it covers.
"""

import random
from dataclasses import dataclass, replace

from bench.wire import ACK, FIN, PSH, Connection, Endpoint


@dataclass(slots=True)
class Segment:
    """A segment on its way to becoming a frame."""

    way: int
    seq: int
    ack: int
    flags: int
    options: bytes
    data: bytes


class LossyConnection(Connection):
    """As `Connection`, but segments wait until `settle` and are disturbed there while `calm` is false."""

    __slots__ = ("_random", "_segments")

    def __init__(self, client: Endpoint, server: Endpoint, seqs: tuple[int, int], timestamps: bool) -> None:
        super().__init__(client, server, seqs, timestamps)
        self._random = random.Random(seqs[0])
        self._segments: list[Segment] = []

    def send(self, way: int, data: bytes, flags: int = PSH | ACK) -> None:
        flow = self._flows[way]
        seq = flow.seq
        flow.seq = seq + len(data) + (flags & FIN) & 0xFFFFFFFF
        options = self._timestamps(way)
        self._segments.append(Segment(way, seq, self._flows[1 - way].seq, flags, options, data))

    def settle(self) -> None:
        """Turn what was sent since the last call into frames."""
        segments = self._segments if self.calm else self._disturb(self._segments)
        for s in segments:
            self.queue.append(self._flows[s.way].frame(s.seq, s.ack, s.flags, s.options, s.data))
        self._segments = []

    def _disturb(self, segments: list[Segment]) -> list[Segment]:
        out = list(segments)
        for segment in segments:
            if not segment.data or self._random.random() >= 0.2:
                continue
            at = next(i for i, other in enumerate(out) if other is segment)
            room = self._room_to_move(out, at)
            if room and self._random.random() < 0.75:
                out.insert(at + self._random.randint(1, room), out.pop(at))
                self.moved += 1
            else:
                out.insert(min(len(out), at + self._random.randint(2, 4)), self._again(out, at))
                self.repeated += 1
        return out

    @staticmethod
    def _room_to_move(out: list[Segment], at: int) -> int:
        """How many data segments (at most 3) of the same side follow directly."""
        room = 0
        for other in out[at + 1 : at + 4]:
            if other.way != out[at].way or not other.data:
                break
            room += 1
        return room

    def _again(self, out: list[Segment], at: int) -> Segment:
        """A copy of a segment; one in three covers the next as well, as a re-cut retransmission does."""
        first = out[at]
        data = first.data
        for following in out[at + 1 : at + 2]:
            end = (first.seq + len(data)) & 0xFFFFFFFF
            if following.way == first.way and following.seq == end and self._random.random() < 0.33:
                data += following.data
        return replace(first, data=data)
