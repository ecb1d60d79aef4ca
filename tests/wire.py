"""A TCP connection for tests of `net.tcp`: segments by position, fed as they are sent.

Positions count from a side's first byte of data: its SYN is at -1. `Wire` turns them into sequence numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partialmethod

from support import ACK, SYN

from mqttdissect.net.segment import Segment, reverse
from mqttdissect.net.stream import OPEN, Chunk, Stream
from mqttdissect.net.tcp import Reassembler

MS = 1_000_000
TO_SERVER = bytes([10, 0, 0, 1, 10, 0, 0, 2]) + bytes.fromhex("9c40 075b")
FLOWS = [TO_SERVER, reverse(TO_SERVER)]
CLIENT, SERVER = 0, 1


class Wire:
    """A reassembler and what it is fed: frames from 1 on, a millisecond apart unless told otherwise."""

    def __init__(self, first: Sequence[int] = (1000, 5000)) -> None:
        self.reassembler = Reassembler()
        self.first = list(first)  # sequence numbers of each side's first byte of data
        self.frame = 0
        self.now = 0

    def send(
        self, side: int, at: int, data: bytes = b"", flags: int = 0, ack: int | None = None, after: int = MS,
        length: int | None = None, window: int = 65535, scale: int = -1,
    ) -> list[Chunk]:  # fmt: skip
        """A segment; `ack` is a position of the other side. What the reassembler makes of it."""
        self.frame += 1
        self.now += after
        segment = Segment(
            FLOWS[side],
            (self.first[side] + at) & 0xFFFFFFFF,
            0 if ack is None else (self.first[1 - side] + ack) & 0xFFFFFFFF,
            flags if ack is None else flags | ACK,
            window,
            len(data) if length is None else length,
            data,
            self.frame,
            self.now,
        )
        segment.scale = scale
        chunks: list[Chunk] = []
        only = self.reassembler.take(segment, chunks)
        if only is None:
            return chunks
        assert not chunks  # they would come before it
        return [only]

    client = partialmethod(send, CLIENT)
    server = partialmethod(send, SERVER)

    def handshake(self) -> Wire:
        """SYN, SYN-ACK, ACK: frames 1 to 3."""
        assert self.client(-1, flags=SYN) + self.server(-1, flags=SYN, ack=0) + self.client(0, ack=0) == []
        return self

    def stream(self, side: int = CLIENT) -> Stream:
        """The one at hand."""
        return self.reassembler._table[FLOWS[side]]

    def close(self) -> list[Chunk]:
        """The end of the capture."""
        return self.reassembler.close()


def told(chunks: list[Chunk]) -> list[tuple[int, bytes]]:
    """The gap before each chunk, and its bytes."""
    return [(chunk.gap, chunk.data) for chunk in chunks]


def ends(chunks: list[Chunk]) -> list[tuple[int, int]]:
    """Directions that end with these chunks, and why."""
    return [(chunk.direction, chunk.ending) for chunk in chunks if chunk.ending != OPEN]
