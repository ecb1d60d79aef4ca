"""Sums over time in constant memory: intervals of equal width, which grow wider when there are too many of them.

`WIDTHS` are those that people read easily (1, 2, 10, 20 ms, ... 1, 2, 10, 30 s, 1, 2, 10 min, ... 1 d); each
is a multiple of the one before, so that intervals are joined without loss.
"""

from typing import Final, final

from mypy_extensions import i64

MOST: Final = 2000  # intervals
MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
WIDTHS: Final[list[int]] = [
    *(n * MILLISECOND for n in (1, 2, 10, 20, 100, 200)),
    *(n * SECOND for n in (1, 2, 10, 30)),
    *(n * MINUTE for n in (1, 2, 10, 30)),
    *(n * HOUR for n in (1, 2, 6, 12, 24)),
]  # nanoseconds


def wider(width: int) -> int:
    """The next width: by the list, or twice as much for one that is not in it."""
    if width in WIDTHS and width != WIDTHS[-1]:
        return WIDTHS[WIDTHS.index(width) + 1]
    return width * 2


COMING: Final = 0  # columns of what comes and goes, where a series has a peak
GOING: Final = 1


@final
class Series:
    """`add(time_ns, column, amount)`, in any order of time. After that `rows` has a list of sums for each interval.

    most: intervals that there may be. origin: where the first one starts; -1 while there is none. width: of each, in
    nanoseconds. `slot(time_ns)` is for those who add up what falls into one interval themselves.

    peak: a column that has no sum, but the most that were there at a time in an interval, beyond those that were there
    when it began; -1 for none. It is exact where `move` is told of what comes and goes in the order of time. Intervals
    are joined without loss: the peak of two is that of the first, or the peak of the second on what the first leaves.
    """

    def __init__(self, columns: int, width: int = MILLISECOND, most: int = MOST, peak: int = -1) -> None:
        self.columns = columns
        self.width: i64 = width
        self.most = most
        self.peak = peak
        self.origin: i64 = -1
        self.rows: list[list[int]] = []

    def add(self, time_ns: i64, column: int, amount: int = 1) -> None:
        """So much more in a column at that time."""
        index = self.slot(time_ns)  # which may make other rows
        self.rows[index][column] += amount

    def move(self, time_ns: i64, column: int) -> None:
        """One comes, or goes: `COMING` or `GOING`. What is told late counts as the last of its interval."""
        index = self.slot(time_ns)
        row = self.rows[index]
        row[column] += 1
        row[self.peak] = max(row[self.peak], row[COMING] - row[GOING])

    def slot(self, time_ns: i64) -> i64:
        """The index of the interval that `time_ns` falls into; it is there when this returns."""
        if self.origin == -1:
            self.origin = time_ns
        while not self._fits(time_ns):
            self._widen()
        if time_ns < self.origin:
            self._prepend((self.origin - time_ns + self.width - 1) // self.width)
        index = (time_ns - self.origin) // self.width
        while index >= len(self.rows):
            self.rows.append([0] * self.columns)
        return index

    def start(self, index: i64) -> i64:
        """When an interval starts."""
        return self.origin + index * self.width

    def _fits(self, time_ns: i64) -> bool:
        if time_ns >= self.origin:
            return (time_ns - self.origin) // self.width < self.most
        return (self.origin - time_ns) // self.width + len(self.rows) + 1 < self.most

    def _widen(self) -> None:
        width = wider(int(self.width))
        self.rows = joined(self.rows, width // int(self.width), self.columns, self.peak)
        self.width = width

    def _prepend(self, count: i64) -> None:
        self.rows = [[0] * self.columns for _ in range(int(count))] + self.rows
        self.origin -= count * self.width

    def coarse(self, most: int) -> "Series":
        """The same sums in at most `most` intervals."""
        made = Series(self.columns, int(self.width), self.most, self.peak)
        made.origin = self.origin
        made.rows = [list(row) for row in self.rows]
        while len(made.rows) > max(most, 1):
            made._widen()
        return made


def joined(rows: list[list[int]], count: int, columns: int, peak: int = -1) -> list[list[int]]:
    """The sums of every `count` rows, and their peak."""
    out: list[list[int]] = []
    for at in range(0, len(rows), count):
        row = [0] * columns
        for part in rows[at : at + count]:
            highest = max(row[peak], row[COMING] - row[GOING] + part[peak]) if peak != -1 else 0
            for column in range(columns):
                row[column] += part[column]
            if peak != -1:
                row[peak] = highest
        out.append(row)
    return out
