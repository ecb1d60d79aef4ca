"""Time stamps as `-t` asks for them; the letters are tshark's.

r: seconds since the first frame. d: since the packet before. e: since 1970. a, ad: local time, with date.
u, ud: UTC, with date. Always with nine digits where the capture may have them; nanoseconds stay integers throughout.
"""

from datetime import datetime, timezone
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.passing import Passing
from mqttdissect.output.pieces import POINT_THREE, THREE, aligned, spaces

FORMATS: Final = ("r", "d", "e", "a", "ad", "u", "ud")


def seconds(ns: int, digits: int = 6) -> str:
    """Nanoseconds as decimal seconds: cut, not rounded, to `digits` digits."""
    sign = "-" if ns < 0 else ""
    ns = abs(ns)
    return f"{sign}{ns // 1_000_000_000}.{str(ns % 1_000_000_000).rjust(9, '0')[:digits]}"


@final
class Clock:
    """`text(time_ns)` of each packet in turn. `end_with` sets what `write` adds to each stamp."""

    def __init__(self, form: str = "r") -> None:
        self.form = form
        self.first_ns: i64 = -1
        self._before_ns: i64 = -1
        self._whole: i64 = -1  # seconds of the stamp that was written last
        self._asked: i64 = 0  # the width that it was to have, and the one that it took
        self._taken: i64 = 0
        self._second = b""  # its seconds as written
        self._behind = b""
        self._ends = THREE  # the last digits of a stamp, and what follows

    def end_with(self, behind: bytes) -> None:
        """Let `write` add this to each stamp."""
        self._behind = behind
        self._ends = [three + behind for three in THREE]

    def text(self, time_ns: i64) -> str:
        """The stamp of the next packet."""
        form = self.form
        if form == "r":
            since = time_ns - self.first_ns
            if since < 0:
                return seconds(int(since))
            return f"{since // 1_000_000_000}.{str(1_000_000 + since % 1_000_000_000 // 1000)[1:]}"
        if form == "d":
            before = self._before_ns if self._before_ns >= 0 else time_ns
            self._before_ns = time_ns
            return seconds(int(time_ns - before))
        if form == "e":
            return seconds(int(time_ns), 9)
        return calendar(int(time_ns), form)

    def write(self, time_ns: i64, width: i64, out: list[bytes]) -> i64:
        """Add the stamp of the next packet on the right of `width` columns; returns the columns that it took."""
        since = time_ns - self.first_ns
        if self.form == "r" and since >= 0:
            micros = since // 1000
            whole = micros // 1_000_000
            micros -= whole * 1_000_000
            if whole != self._whole or width != self._asked:
                pieces: list[bytes] = []
                self._taken = aligned(whole, width - 7, pieces) + 7
                self._second = b"".join(pieces)
                self._whole, self._asked = whole, width
            millis = micros // 1000
            out.append(self._second)
            out.append(POINT_THREE[millis])
            out.append(self._ends[micros - millis * 1000])
            return self._taken
        text = self.text(time_ns).encode()
        length: i64 = len(text)
        if length < width:
            out.append(spaces(width - length))
        else:
            width = length
        out.append(text)
        if self._behind:
            out.append(self._behind)
        return width

    def usual_width(self) -> int:
        """Characters of a stamp that does not count from the capture or the packet before; else 0."""
        return 0 if self.form in ("r", "d") else len(Clock(self.form).text(1_700_000_000_000_000_000))

    def width(self, passing: Passing) -> int:
        """Characters of the longest stamp of packets that others write, which go by here."""
        if self.form == "d":
            return max(len(seconds(int(passing.least_step))), len(seconds(int(passing.greatest_step))))
        return max(len(self.text(passing.earliest_ns)), len(self.text(passing.latest_ns)))

    def follow(self, passing: Passing) -> None:
        """These packets have gone by."""
        self._before_ns = passing.last_ns


def calendar(time_ns: int, form: str) -> str:
    """Local or UTC time of day, perhaps with the date."""
    whole, fraction = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(whole, timezone.utc)
    if form.startswith("a"):
        moment = moment.astimezone()
    return f"{moment:{'%Y-%m-%d ' if form.endswith('d') else ''}%H:%M:%S}.{fraction // 1000:06d}"
