"""How time is drawn: nothing for what follows at once, then room that grows with the logarithm of the pause."""

from typing import Final

from mypy_extensions import i64

MILLISECOND: Final = 1_000_000
SECOND: Final = 1_000_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
PAUSES: Final = (100 * MILLISECOND, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, DAY)  # each adds a row
SHORTEST: Final = 100 * MILLISECOND  # the first of them


def rows(pause_ns: i64) -> i64:
    """Rows for a pause: 0 below 100 ms, 1 below a second, ... 7 from a day on. Going back in time takes one."""
    if pause_ns < 0:
        return 1 if -pause_ns >= PAUSES[0] else 0
    count: i64 = 0
    for limit in PAUSES:
        if pause_ns < limit:
            break
        count += 1
    return count


def spoken(pause_ns: i64) -> str:
    """`310 ms`, `2.3 s`, `3 min 5 s`, `2 h 14 min`, `3 d 4 h`; going back in time is said."""
    ns = int(pause_ns)
    if ns < 0:
        return f"the clock goes back {spoken(-ns)}"
    if ns < SECOND:
        return f"{ns // MILLISECOND} ms"
    if ns < MINUTE:
        return f"{ns // SECOND}.{ns % SECOND // (100 * MILLISECOND)} s"
    for unit, name, part, part_name in UNITS:
        if ns >= unit:
            rest = ns % unit // part
            return f"{ns // unit} {name} {rest} {part_name}" if rest else f"{ns // unit} {name}"
    return ""


UNITS: Final = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", SECOND, "s"))
