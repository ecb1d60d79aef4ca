"""Who has sent and received the most, without a place for everybody: a sketch of heavy hitters.

After Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data Streams" (2005),
with the weakest half thrown out at once where theirs replaces one at a time. Whoever comes back, or comes late, may
have been thrown out before, so `error` says how many bytes may be missing of a total; 0 while there was room.
"""

from typing import Final, final

from mypy_extensions import i64

CAPACITY: Final = 8192


@final
class Talker:
    """Totals of one name. error: bytes that may be missing of them."""

    __slots__ = ("bytes_in", "bytes_out", "error", "name", "packets_in", "packets_out")

    def __init__(self, name: str, error: i64) -> None:
        self.name = name
        self.error = error
        self.packets_out: i64 = 0
        self.packets_in: i64 = 0
        self.bytes_out: i64 = 0
        self.bytes_in: i64 = 0

    def all_bytes(self) -> int:
        """Both ways."""
        return int(self.bytes_out + self.bytes_in)


@final
class Talkers:
    """`add` what was sent and received under a name; `top(n)` are those with the most bytes."""

    def __init__(self, capacity: i64 = CAPACITY) -> None:
        self.capacity = capacity
        self.dropped = 0  # bytes that the greatest of those thrown out had
        self._known: dict[str, Talker] = {}

    def add(self, name: str, packets_out: i64, bytes_out: i64, packets_in: i64, bytes_in: i64) -> None:
        """Traffic of `name`."""
        talker = self._known.get(name)
        if talker is None:
            if len(self._known) >= self.capacity:
                self._throw_out()
            talker = Talker(name, self.dropped)
            self._known[name] = talker
        talker.packets_out += packets_out
        talker.bytes_out += bytes_out
        talker.packets_in += packets_in
        talker.bytes_in += bytes_in

    def top(self, count: int = CAPACITY) -> list[Talker]:
        """The greatest first; those with as many bytes by name."""
        return sorted(self._known.values(), key=lambda one: (-one.all_bytes(), one.name))[:count]

    def __len__(self) -> int:
        return len(self._known)

    def _throw_out(self) -> None:
        """The half with fewer bytes; of those that have as many, the later ones."""
        keep = len(self._known) // 2
        least = sorted([one.all_bytes() for one in self._known.values()], reverse=True)[keep]
        left = keep - len([0 for one in self._known.values() if one.all_bytes() > least])
        kept: dict[str, Talker] = {}
        for one in self._known.values():
            size = one.all_bytes()
            if size > least or (size == least and left > 0):
                kept[one.name] = one
                left -= 1 if size == least else 0
            else:
                self.dropped = max(self.dropped, size + int(one.error))
        self._known = kept
