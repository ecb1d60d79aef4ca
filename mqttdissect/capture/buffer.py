"""Bytes that arrive in pieces of any size, read as records that need a known number of them.

Cost: every byte is copied at most once more per record it belongs to, however small the pieces are, because pieces
are only joined when the record at hand is complete.
"""

from mypy_extensions import i64


class Buffer:
    """`add` a piece; when it says True, `data` holds at least `need` bytes from `position` on (if `need` was kept)."""

    __slots__ = ("_pieces", "_waiting", "data", "need", "offset", "position")

    def __init__(self) -> None:
        self.data: bytes = b""
        self.position: i64 = 0  # of the next unread byte in data
        self.offset: i64 = 0  # of data[0] in the whole input
        self.need: i64 = 0  # bytes that the next record is known to need
        self._pieces: list[bytes] = []
        self._waiting: i64 = 0  # bytes in _pieces

    def add(self, piece: bytes) -> bool:
        """Take a piece; True when there is enough for the record at hand."""
        left = len(self.data) - self.position
        if left + self._waiting + len(piece) < self.need:
            self._pieces.append(piece)
            self._waiting += len(piece)
            return False
        if left == 0 and not self._pieces:
            self.offset += self.position
            self.data = piece
        else:
            rest = self.data[self.position :]
            self.offset += self.position
            self.data = b"".join([rest, *self._pieces, piece])
            self._pieces = []
            self._waiting = 0
        self.position = 0
        self.need = 0
        return True

    def settle(self) -> None:
        """Join what waits, enough or not: the input has ended."""
        self.need = 0
        self.add(b"")

    def available(self) -> i64:
        return len(self.data) - self.position

    def here(self) -> i64:
        """Offset of the next unread byte in the whole input."""
        return self.offset + self.position
