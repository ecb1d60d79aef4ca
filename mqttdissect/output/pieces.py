"""Numbers, spaces and bytes as pieces of output (`writer`): those that are common are made once."""

from typing import Final, final

from mypy_extensions import i64

SMALL: Final = 4096
NUMBERS: Final = [b"%d" % n for n in range(SMALL)]
THREE: Final = [b"%03d" % n for n in range(1000)]
POINT_THREE: Final = [b".%03d" % n for n in range(1000)]
SPACES: Final = [b" " * n for n in range(64)]
PAIRS: Final = [b"%02x" % n for n in range(256)]


def number(value: i64) -> bytes:
    """A whole number."""
    if 0 <= value < SMALL:
        return NUMBERS[value]
    return str(value).encode()


def digits(value: i64) -> i64:
    """How many a number that is not negative has."""
    count: i64 = 1
    limit: i64 = 10
    while value >= limit and count < 18:
        limit *= 10
        count += 1
    return count if value < limit else 19


def aligned(value: i64, width: i64, out: list[bytes]) -> i64:
    """Add a number that is not negative, on the right of `width` columns; returns the columns that it took."""
    count = digits(value)
    if count < width:
        out.append(spaces(width - count))
    else:
        width = count
    if value < SMALL:
        out.append(NUMBERS[value])
    elif value < SMALL * 1000:
        out.append(NUMBERS[value // 1000])
        out.append(THREE[value % 1000])
    elif value < SMALL * 1_000_000:
        out.append(NUMBERS[value // 1_000_000])
        out.append(THREE[value // 1000 % 1000])
        out.append(THREE[value % 1000])
    else:
        out.append(str(value).encode())
    return width


@final
class Column:
    """Numbers that are not negative, on the right of a column that never shrinks. width: of the column. behind: what
    follows each.

    Each is mostly near the one before, so that all but its last three digits are kept as they were written.
    """

    def __init__(self, width: i64, behind: bytes = b"") -> None:
        self.width = width
        self._behind = behind
        self._ends = [three + behind for three in THREE]
        self._thousands: i64 = 0
        self._start = b""  # they, in a column of `_start_width`
        self._start_width: i64 = 0

    def write(self, value: i64, out: list[bytes]) -> None:
        """Add a number."""
        thousands = value // 1000
        if thousands == 0:
            self.width = aligned(value, self.width, out)
            out.append(self._behind)
            return
        if thousands != self._thousands or self.width != self._start_width:
            pieces: list[bytes] = []
            self.width = aligned(thousands, self.width - 3, pieces) + 3
            self._start = b"".join(pieces)
            self._start_width = self.width
            self._thousands = thousands
        out.append(self._start)
        out.append(self._ends[value - thousands * 1000])


def spaces(count: i64) -> bytes:
    """So many."""
    return SPACES[count] if count < 64 else b" " * int(count)


def decimal(ns: i64, out: list[bytes]) -> None:
    """Add nanoseconds as seconds with nine digits."""
    if ns < 0:
        out.append(b"-")
        ns = -ns
    whole = ns // 1_000_000_000
    rest = ns - whole * 1_000_000_000
    out.append(number(whole))
    out.append(POINT_THREE[rest // 1_000_000])
    out.append(THREE[rest // 1000 % 1000])
    out.append(THREE[rest % 1000])
