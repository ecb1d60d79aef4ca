"""How often which values occurred: nanoseconds or bytes, in constant memory, with percentiles.

A log-linear histogram as HdrHistogram has it (Gil Tene; hdrhistogram.org): values below 256 have a bucket each; above,
every power of two is divided into 128 buckets of equal width. A bucket is at most 1/128 of its lowest value wide and
stands for its middle, so what is said of a value is off by at most 0.4%. All values of 63 bits need 7,296 buckets, of
which only those up to the largest value seen are kept. Two histograms add up to the one of both inputs, exactly.
"""

from typing import Final, final

from mypy_extensions import i64

EXACT: Final = 256  # values below have a bucket each
STEPS: Final = 128  # buckets of each power of two from there on
HIGHEST: Final = 0x7FFF_FFFF_FFFF_FFFF
SCHEME: Final = "log-linear-128"  # in JSON: how `counts` came about


def index_of(value: i64) -> i64:
    """The number of the bucket that `value` falls into, from 0 to 7,295."""
    octave: i64 = 0
    while value >= EXACT:
        value >>= 1
        octave += 1
    return octave * STEPS + value


def lowest_of(index: i64) -> i64:
    """The lowest value of a bucket."""
    if index < EXACT:
        return index
    octave: i64 = index // STEPS - 1
    return (index - octave * STEPS) << octave


def middle_of(index: i64) -> i64:
    """What a bucket stands for: the value in its middle, rounded down."""
    if index < EXACT:
        return index
    lowest = lowest_of(index)
    steps = index - (index // STEPS - 1) * STEPS
    return lowest + lowest // steps // 2  # not by shifting 1: compiled, that has 32 bits


@final
class Histogram:
    """`record` values; ask for `percentile`. Values below 0 count as 0.

    count: values so far. total: their sum. low, high: the least and the greatest of them, exactly; 0 if there are none.
    """

    __slots__ = ("_counts", "count", "high", "low", "total")

    def __init__(self) -> None:
        self.count: i64 = 0
        self.total = 0  # without a bound: 63 bits would do for centuries of nanoseconds only
        self.low: i64 = 0
        self.high: i64 = 0
        self._counts: list[int] = []

    def record(self, value: i64) -> None:
        """One more value."""
        if value < 0:
            value = 0
        index = index_of(value)
        counts = self._counts
        if index >= len(counts):
            counts.extend([0] * int(index + 1 - len(counts)))
        counts[index] += 1
        if self.count == 0 or value < self.low:
            self.low = value
        if value > self.high:
            self.high = value
        self.count += 1
        self.total += int(value)

    def add(self, other: "Histogram") -> None:
        """All values of `other` too."""
        if other.count == 0:
            return
        mine, theirs = self._counts, other._counts
        if len(theirs) > len(mine):
            mine.extend([0] * (len(theirs) - len(mine)))
        for index in range(len(theirs)):
            mine[index] += theirs[index]
        self.low = other.low if self.count == 0 else min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.count += other.count
        self.total += other.total

    def percentile(self, percent: float) -> int:
        """The least value that `percent` % of all values do not exceed (nearest rank, to a thousandth of a percent), as
        its bucket has it; 0 if there are none. The 0th and the 100th are `low` and `high`.
        """
        if self.count == 0:
            return 0
        rank = -(-int(self.count) * round(percent * 1000) // 100_000)
        if rank <= 1:
            return int(self.low)
        if rank >= self.count:
            return int(self.high)
        seen = 0
        counts = self._counts
        for index in range(len(counts)):
            seen += counts[index]
            if seen >= rank:
                return int(max(self.low, min(self.high, middle_of(index))))
        return int(self.high)

    def mean(self) -> float:
        """The arithmetic mean; 0 if there are none."""
        return self.total / int(self.count) if self.count else 0.0

    def between(self, edges: list[int]) -> list[int]:
        """How many values lie from each edge up to, not including, the next; the last number is of those from the last
        edge on. Those below the first edge are left out. Edges that are powers of two, or below 256, are exact;
        others as exact as the buckets are.
        """
        found = [0] * len(edges)
        at = -1
        counts = self._counts
        for index in range(len(counts)):
            if counts[index]:
                value = int(max(self.low, min(self.high, middle_of(index))))
                while at + 1 < len(edges) and value >= edges[at + 1]:
                    at += 1
                if at >= 0:
                    found[at] += counts[index]
        return found

    def to_json(self) -> dict[str, object]:
        """For `from_json`, and for others: `counts` has pairs of a bucket's lowest value and how many fell into it."""
        counts = self._counts
        pairs = [[int(lowest_of(index)), counts[index]] for index in range(len(counts)) if counts[index]]
        return {
            "scheme": SCHEME,
            "count": int(self.count),
            "sum": self.total,
            "min": int(self.low),
            "max": int(self.high),
            "counts": pairs,
        }


def from_json(found: dict[str, object]) -> Histogram:
    """The histogram that `to_json` wrote. Raises `ValueError` if it is not one."""
    try:
        return _read(found)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("not a histogram") from error


def _read(found: dict[str, object]) -> Histogram:
    pairs = found["counts"]
    if found["scheme"] != SCHEME or not isinstance(pairs, list):
        raise ValueError("not a histogram")
    made = Histogram()
    counts: dict[int, int] = {}
    for pair in pairs:
        value, count = whole(pair[0]), whole(pair[1])
        counts[int(index_of(value))] = count
    made._counts = [counts.get(index, 0) for index in range(max(counts, default=-1) + 1)]
    made.count = whole(found["count"])
    made.total = whole(found["sum"])
    made.low = whole(found["min"])
    made.high = whole(found["max"])
    if sum(made._counts) != made.count:
        raise ValueError("a histogram whose counts do not add up")
    return made


def whole(value: object) -> int:
    """A number from 0 on. Raises `ValueError` for anything else."""
    if not isinstance(value, int) or value < 0:
        raise ValueError("not a histogram")
    return value
