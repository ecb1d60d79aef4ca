"""Whose bytes count where two TCP segments overlap and differ: what the receiving system would have taken.

Source: Novak and Sturges, "Target-Based TCP Stream Reassembly" (2007), which measured what systems do.
"""

from typing import Final

from mypy_extensions import i64

FIRST: Final = 0  # the segment that came first
LAST: Final = 1  # the one that came last
BSD: Final = 2  # the first, unless the later one starts before it
LINUX: Final = 3  # the same, and also if it starts with it and goes on behind it
WINDOWS: Final = 4  # the first, unless the later one starts before it and goes on behind it
POLICIES: Final[dict[str, int]] = {"first": FIRST, "last": LAST, "bsd": BSD, "linux": LINUX, "windows": WINDOWS}


def later_wins(policy: i64, start: i64, end: i64, later_start: i64, later_end: i64) -> bool:
    """Does a later segment from `later_start` to `later_end` win over an earlier one from `start` to `end`?"""
    if policy == LAST:
        return True
    if policy == BSD:
        return later_start < start
    if policy == LINUX:
        return later_start < start or (later_start == start and later_end > end)
    if policy == WINDOWS:
        return later_start < start and later_end > end
    return False
