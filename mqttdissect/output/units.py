"""Numbers as people read them: 12.3 kB, 1.24 ms, 48/s, 12%. Three digits that count; units are decimal."""

from __future__ import annotations

import math

BYTES = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
LONG_TIMES = ((86_400, "d"), (3600, "h"), (60, "min"))
TIMES = ((1, "ns"), (1_000, "µs"), (1_000_000, "ms"))


def digits(value: float) -> str:
    """Three digits that count, without an exponent: 1.24, 12.4, 124, 1,240."""
    if value >= 99.95:
        return f"{value:,.0f}"
    if value >= 9.995:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 0.0995 or value == 0 else f"{value:.2g}"


def size(count: float) -> str:
    """Bytes: 832 B, 12.3 kB."""
    if count < 1000:
        return f"{count:.0f} B" if float(count).is_integer() else f"{digits(count)} B"
    unit = 0
    value = float(count)
    while value >= 999.5 and unit < len(BYTES) - 1:
        value /= 1000
        unit += 1
    return f"{digits(value)} {BYTES[unit]}"


def duration(ns: float) -> str:
    """Nanoseconds: 850 ns, 1.24 ms, 12.4 s, 3 min 20 s, 4 h 05 min, 9 d 04 h."""
    if ns >= 119_500_000_000:
        seconds = round(ns / 1_000_000_000)
        if seconds >= 172_800:
            return f"{seconds // 86_400:,} d {seconds % 86_400 // 3600:02} h"
        if seconds >= 7200:
            return f"{seconds // 3600:,} h {seconds % 3600 // 60:02} min"
        return f"{seconds // 60} min {seconds % 60:02} s"
    if ns == 0:
        return "0 s"
    for factor, unit in TIMES:
        if ns / factor < 999.5:
            return in_unit(ns / factor, unit)
    return in_unit(ns / 1_000_000_000, "s")


def short_duration(ns: float, longest: int) -> str:
    """The same in one unit, where two take more than `longest` characters: 3.33 min, 4.08 h, 9.17 d."""
    text = duration(ns)
    if len(text) <= longest:
        return text
    unit, name = next((one for one in LONG_TIMES if ns >= 2e9 * one[0]), (1, "s"))
    return in_unit(ns / 1e9 / unit, name)


def in_unit(value: float, unit: str) -> str:
    """Whole numbers without decimals."""
    return f"{value:.0f} {unit}" if value == round(value) else f"{digits(value)} {unit}"


def rate(per_second: float) -> str:
    """48.2/s"""
    if per_second == 0:
        return "0/s"
    if per_second >= 999_500:
        return f"{digits(per_second / 1_000_000)}M/s"
    if per_second >= 99_950:
        return f"{digits(per_second / 1000)}k/s"
    return f"{digits(per_second)}/s"


def size_rate(per_second: float) -> str:
    """12.3 kB/s"""
    return f"{size(per_second)}/s"


def share(part: float) -> str:
    """Of 1: 12.4%"""
    return f"{part * 100:.1f}%"


ROUND = (1, 2, 5, 10)
ROUGH = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def nice(step: float, factors: tuple[float, ...] = ROUND) -> float:
    """The least of ..., 1, 2, 5, 10, 20, ... that is not below `step`; 1 for 0."""
    if step <= 0:
        return 1.0
    power = math.floor(math.log10(step))
    for factor in factors:
        found = float(f"{factor}e{power}")
        if found >= step * 0.999_999:
            return found
    return float(f"1e{power + 1}")
