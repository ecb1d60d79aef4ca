"""Frames of several captures in order of time, numbered from 1 on: what mergecap does, as they are read.

Sans-IO: `merge` hands on what is certain, then `hungry` is the file that must be fed or closed before there is more. A
file's own order is kept, and at the same time the file that was named first comes first. At most one list of frames a
file is held; a file that is only expected costs nothing until its time has come.
"""

from heapq import heappop, heappush, heapreplace
from typing import final

from mypy_extensions import i64

from mqttdissect.capture.frame import Frame


@final
class Merger:
    """`expect` every file with the time of its first frame; then `merge` and do as `hungry` says until it is -1."""

    def __init__(self) -> None:
        self.hungry: i64 = -1
        self._number: i64 = 0  # of the last frame
        self._heads: list[tuple[int, int]] = []  # a heap: time of a file's next frame, file
        self._frames: dict[int, list[Frame]] = {}  # of a file, from index _at on
        self._at: dict[int, int] = {}

    def expect(self, file: int, time_ns: int) -> None:
        """A file whose first frame has this time."""
        heappush(self._heads, (time_ns, file))

    def feed(self, frames: list[Frame]) -> None:
        """The next frames of the file that is hungry; at least one."""
        file = int(self.hungry)
        self._frames[file] = frames
        self._at[file] = 0
        heapreplace(self._heads, (int(frames[0].time_ns), file))

    def close(self) -> None:
        """The file that is hungry has no more."""
        heappop(self._heads)

    def merge(self) -> list[Frame]:
        """The frames that are next, in order."""
        merged: list[Frame] = []
        heads = self._heads
        while heads:
            file = heads[0][1]
            frames = self._frames.get(file)
            if frames is None:
                self.hungry = file
                return merged
            limit, other = self._next()
            at = self._at[file]
            size = len(frames)
            while at < size:
                frame = frames[at]
                if frame.time_ns > limit or (frame.time_ns == limit and file > other):
                    break
                self._number += 1
                frame.number = self._number
                frame.file = file
                merged.append(frame)
                at += 1
            if at == size:
                del self._frames[file]
                self.hungry = file
                return merged
            self._at[file] = at
            heapreplace(heads, (int(frames[at].time_ns), file))
        self.hungry = -1
        return merged

    def _next(self) -> tuple[i64, i64]:
        """Time and file of the head behind the first."""
        heads = self._heads
        if len(heads) < 2:
            return 0x7FFF_FFFF_FFFF_FFFF, 0x7FFF_FFFF
        second = heads[1] if len(heads) == 2 or heads[1] < heads[2] else heads[2]
        return second[0], second[1]


def renumber(frames: list[Frame], number: i64, file: i64) -> None:
    """Number the frames of a file from `number` on."""
    for frame in frames:
        frame.number = number
        frame.file = file
        number += 1
