"""Several captures as one: which files there are, and their frames in order of time or one file after the other."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Protocol

from mqttdissect.capture.frame import CaptureError, Frame
from mqttdissect.capture.merge import Merger, renumber
from mqttdissect.capture.reader import CaptureReader, known
from mqttdissect.source import BLOCK, Input, reason, regular_size

MANY = 64  # files; of more than that none is held open, and each is read in smaller blocks
SMALL_BLOCK = 16 * 1024  # bytes
MAGIC = 8  # bytes that tell a capture


class Listener(Protocol):
    """Who is told about files."""

    def failed(self, name: str, error: CaptureError) -> None:
        """A file that cannot be read, or not to its end."""

    def passed_over(self, name: str, count: int) -> None:
        """A directory, and how many of its files are no captures."""

    def ended(self, file: CaptureFile) -> None:
        """A file has been read, to its end or as far as anybody wanted."""


class Source(Protocol):
    """Where a run has its frames from: captures, a growing one, or an interface."""

    names: list[str]
    total: int

    @property
    def position(self) -> int:
        """Bytes read so far, of `total`; that is -1 where nobody can know."""

    def frames(self) -> Iterator[list[Frame]]:
        """Lists of frames, once."""

    def close(self) -> None:
        """Nobody wants more."""


class CaptureFile:
    """One capture: `frames()` once; what is left to say is then in `reader` and `damage`."""

    def __init__(
        self, path: str, block: int = BLOCK, hold: bool = True, size: int = -1, hosts: dict[bytes, str] | None = None
    ) -> None:
        self.name = name_of(path)
        self.reader = CaptureReader(hosts)
        self.input = Input(path, block, hold, size)

    def frames(self) -> Iterator[list[Frame]]:
        """Lists of frames, none empty. Raises `CaptureError` if this is no capture, or cannot be read."""
        reader = self.reader
        for piece in self.input.pieces():
            frames = reader.feed(piece)
            if frames:
                yield frames
        known_damage = len(reader.damage)
        broken = self.input.unpacker.damage
        if broken and reader.bytes == 0:
            return
        frames = reader.close()
        if broken:
            del reader.damage[known_damage:]  # it breaks off because the compressed data does
        if frames:
            yield frames

    @property
    def damage(self) -> list[str]:
        """What could not be read: where, and what."""
        unpacker = self.input.unpacker
        within = f" of what the {unpacker.name} data holds" if unpacker.name else ""
        found = [f"offset {one.offset}{within}: {one.message}" for one in self.reader.damage]
        return found + [str(one) for one in unpacker.damage]


class Captures:
    """`frames()` of all captures named by `paths`, once; a directory stands for the captures in it.

    merge: in order of time, else one file after the other. The frames are numbered through, and `Frame.file` is the
    index into `names`. total: bytes of all files, -1 if not known; `position` of them have been read. hosts: where to
    add names of IP addresses. block: bytes that are read at once, at most.
    """

    def __init__(
        self, paths: list[str], merge: bool, listener: Listener, hosts: dict[bytes, str] | None = None,
        block: int = BLOCK,
    ) -> None:  # fmt: skip
        self._listener = listener
        self._block = block
        self._hosts = hosts
        self._merge = merge
        self._paths = expanded(paths, listener)
        self._open: dict[int, CaptureFile] = {}
        self._done = 0  # bytes of the files that have ended
        self._sizes = [regular_size(path) for path in self._paths]
        self._regular = [size >= 0 for size in self._sizes]
        self._bounded = False
        self.total = -1 if -1 in self._sizes else sum(self._sizes)
        self.names = [name_of(path) for path in self._paths]

    @property
    def position(self) -> int:
        """Bytes read so far, as they are in the files."""
        return self._done + sum(file.input.position for file in self._open.values())

    def bound(self) -> None:
        """Read files that are still growing only as far as they were when this was made: whoever else does so sees the
        same."""
        self._bounded = True

    def learn_hosts(self) -> None:
        """Read the names of IP addresses in all files that can be read twice: they often stand at the end."""
        for path, regular in zip(self._paths, self._regular, strict=True):
            if regular:
                reader = CaptureReader(self._hosts)
                try:
                    for piece in Input(path).pieces():
                        reader.feed(piece)
                        if not reader.may_name:
                            break
                except CaptureError:
                    pass  # it is said when the frames are read

    def frames(self) -> Iterator[list[Frame]]:
        """Lists of frames, none empty."""
        if len(self._paths) == 1:
            yield from self._of(0)
        elif self._merge:
            yield from self._merged()
        else:
            number = 1
            for index in range(len(self._paths)):
                for frames in self._of(index):
                    renumber(frames, number, index)
                    number += len(frames)
                    yield frames

    def close(self) -> None:
        """Nobody wants more: the files that are open end here."""
        for index in list(self._open):
            self._end(index)

    def _of(self, index: int) -> Iterator[list[Frame]]:
        """The frames of one file. That it cannot be read is for the listener to know."""
        many = len(self._paths) > MANY
        hold = not many or not self._regular[index]
        size = self._sizes[index] if self._bounded else -1
        file = self._open[index] = CaptureFile(
            self._paths[index], SMALL_BLOCK if many else self._block, hold, size, self._hosts
        )
        try:
            yield from file.frames()
        except CaptureError as error:
            self._listener.failed(file.name, error)
        self._end(index)

    def _end(self, index: int) -> None:
        file = self._open.pop(index, None)
        if file is not None:
            self._done += file.input.position
            self._listener.ended(file)

    def _merged(self) -> Iterator[list[Frame]]:
        merger = Merger()
        started: dict[int, Iterator[list[Frame]]] = {}
        for index, path in enumerate(self._paths):
            merger.expect(index, first_time(path) if self._regular[index] else -1)
        while True:
            frames = merger.merge()
            if frames:
                yield frames
            hungry = int(merger.hungry)
            if hungry < 0:
                return
            if hungry not in started:
                started[hungry] = self._of(hungry)
            more = next(started[hungry], None)
            if more is None:
                del started[hungry]
                merger.close()
            else:
                merger.feed(more)


def name_of(path: str) -> str:
    """What a file is called in output."""
    return "standard input" if path == "-" else path.encode("utf-8", "backslashreplace").decode()


def first_time(path: str) -> int:
    """When the first frame of a file was captured; -1 if there is none, which is looked into when it is read."""
    try:
        for frames in CaptureFile(path, SMALL_BLOCK).frames():
            return int(frames[0].time_ns)
    except CaptureError:
        pass
    return -1


def expanded(paths: list[str], listener: Listener) -> list[str]:
    """The paths, in the place of each directory the captures in it, in the order of their names."""
    found: list[str] = []
    for path in paths:
        if path == "-" or not os.path.isdir(path):
            found.append(path)
            continue
        try:
            names = sorted((one.name for one in os.scandir(path) if is_candidate(one)), key=natural)
        except OSError as error:
            listener.failed(path, CaptureError(reason(error)))
            continue
        files = [os.path.join(path, name) for name in names]
        captures = [file for file in files if is_capture(file)]
        found += captures
        if not captures:
            listener.failed(path, CaptureError("a directory without captures"))
        elif len(captures) < len(files):
            listener.passed_over(path, len(files) - len(captures))
    return found


def is_candidate(entry: os.DirEntry[str]) -> bool:
    """A regular file that is not hidden."""
    try:
        return not entry.name.startswith(".") and entry.is_file()
    except OSError:
        return False


def is_capture(path: str) -> bool:
    """Does its content, decompressed if need be, start like a capture? A file that cannot be read may be one."""
    head = b""
    try:
        for piece in Input(path, 4096).pieces():
            head += piece
            if len(head) >= MAGIC:
                break
    except CaptureError:
        return True
    return known(head)


def natural(name: str) -> tuple[list[str | int], list[str | int], str]:
    """A key that sorts cap, cap1, cap2, cap10, also before a suffix: text and numbers in turn."""
    stem, _, suffix = name.partition(".")
    return digits(stem), digits(suffix), name


def digits(text: str) -> list[str | int]:
    """Text and numbers in turn."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", text))]
