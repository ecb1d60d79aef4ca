"""What is known of frames beside their bytes: comments, the file that each came from, names of hosts."""

from bisect import bisect_right
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.frame import Frame

MOST_COMMENTS: Final = 10_000  # frames whose comments are kept, the latest ones
MOST_CHARACTERS: Final = 16 * 1024 * 1024  # of all comments that are kept
MOST_CHANGES: Final = 200_000  # from one file to another that are kept, the latest ones


@final
class FrameNotes:
    """`take` frames in order, when they have comments or come from another file than the one before them."""

    def __init__(self) -> None:
        self.hosts: dict[bytes, str] = {}  # names by address, if somebody wants them
        self.files: list[str] = []  # by `Frame.file`; the names matter where there are several
        self.file: i64 = 0  # of the last frame taken
        self._comments: dict[int, list[str]] = {}
        self._characters: i64 = 0
        self._starts: list[int] = [0]  # number of the first frame of each run of frames from one file
        self._sources: list[int] = [0]

    def take(self, frame: Frame) -> None:
        """Keep what is known of it."""
        if frame.file != self.file:
            self.file = frame.file
            self._starts.append(int(frame.number))
            self._sources.append(int(frame.file))
            if len(self._starts) > MOST_CHANGES:
                del self._starts[: MOST_CHANGES // 2]
                del self._sources[: MOST_CHANGES // 2]
        comments = frame.comments
        if comments is not None:
            self._comments[int(frame.number)] = comments
            self._characters += size_of(comments)
            while len(self._comments) > MOST_COMMENTS or self._characters > MOST_CHARACTERS:
                first = next(iter(self._comments))
                self._characters -= size_of(self._comments.pop(first))

    def comments(self, number: int, spans: list[tuple[int, int]] | None) -> list[tuple[int, str]]:
        """The comments on a packet's frames, with the frames' numbers."""
        if not self._comments:
            return []
        numbers = [number] if spans is None else sorted({frame for _, frame in spans} | {number})
        return [(one, comment) for one in numbers for comment in self._comments.get(one, [])]

    def name(self, number: int) -> str:
        """The file of a frame, where there are several; empty if it was too long ago to know."""
        return self.file_of(number) if len(self.files) > 1 else ""

    def file_of(self, number: int) -> str:
        """The same, also where there is only one."""
        if not self.files:
            return ""
        run = bisect_right(self._starts, number) - 1
        return self.files[self._sources[run]] if run >= 0 else ""


def size_of(comments: list[str]) -> i64:
    """Characters in all of them."""
    size: i64 = 0
    for comment in comments:
        size += len(comment)
    return size
