"""Where bytes come from: a file, standard input, or anything with `read`; decompressed.

With `files`, the only I/O before the output.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from collections.abc import Iterator
from typing import BinaryIO

from mqttdissect.capture.compressed import Decompressor
from mqttdissect.capture.frame import CaptureError

BLOCK = 64 * 1024  # bytes; more objects alive at once than this makes would not fit a core's cache


class Stop:
    """A wish to stop, from Ctrl-C or a time limit: it breaks into waiting for input, and into nothing else, so that
    what has been read is dissected to the end. One that came before the waiting ends it as well, for a source that has
    nothing to hand on would wait for ever. `wanted` is for loops to look at."""

    def __init__(self) -> None:
        self.wanted = False
        self._waiting = False

    def request(self) -> None:
        """Stop soon; asked a second time, at once."""
        again, self.wanted = self.wanted, True
        if self._waiting or again:
            raise KeyboardInterrupt

    def _wait(self) -> None:
        """From here on a request breaks in; has it come already?"""
        self._waiting = True
        if self.wanted:
            raise KeyboardInterrupt

    def read(self, descriptor: int, size: int) -> bytes:
        """`os.read`, which a request breaks off."""
        try:
            self._wait()
            return os.read(descriptor, size)
        finally:
            self._waiting = False

    def pause(self, seconds: float) -> None:
        """`time.sleep`, which a request breaks off."""
        try:
            self._wait()
            time.sleep(seconds)
        finally:
            self._waiting = False


STOP = Stop()


class Input:
    """The bytes of a file, or of standard input for `-`: `pieces()` once.

    block: bytes that are read at once. hold: keep the file open between reads; else it is opened for each, so that
    thousands of inputs need no more than one descriptor. size: read no more bytes than that, if it is not negative.
    position: bytes read.
    """

    def __init__(self, path: str, block: int = BLOCK, hold: bool = True, size: int = -1) -> None:
        self.path = path
        self.position = 0
        self.unpacker = Decompressor()
        self._block = block
        self._hold = hold
        self._size = size

    def pieces(self) -> Iterator[bytes]:
        """The bytes as they come, decompressed. Raises `CaptureError` if the file cannot be read."""
        for block in self._blocks():
            self.position += len(block)
            yield from self.unpacker.feed(block)
            if self.unpacker.ended:
                break
        yield from self.unpacker.close()

    def _blocks(self) -> Iterator[bytes]:
        if self.path == "-":
            if sys.stdin is None or sys.stdin.closed:
                raise CaptureError("standard input is closed")
            yield from self._read(sys.stdin.fileno())
        elif self._hold:
            descriptor = opened(self.path)
            try:
                yield from self._read(descriptor)
            finally:
                os.close(descriptor)
        else:
            while block := self._read_at(self.position):
                yield block

    def _read(self, descriptor: int) -> Iterator[bytes]:
        while True:
            try:
                block = STOP.read(descriptor, self._next())
            except OSError as error:
                raise CaptureError(reason(error)) from None
            if not block:
                return
            yield block

    def _next(self) -> int:
        """Bytes to ask for."""
        return self._block if self._size < 0 else min(self._block, self._size - self.position)

    def _read_at(self, position: int) -> bytes:
        descriptor = opened(self.path)
        try:
            os.lseek(descriptor, position, os.SEEK_SET)
            return os.read(descriptor, self._next())
        except OSError as error:
            raise CaptureError(reason(error)) from None
        finally:
            os.close(descriptor)


def opened(path: str) -> int:
    """A descriptor. Raises `CaptureError`."""
    try:
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise CaptureError(reason(error)) from None


def reason(error: Exception) -> str:
    """`No such file or directory`, in the middle of a line."""
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return text[:1].lower() + text[1:]


def regular_size(path: str) -> int:
    """Bytes of a regular file; -1 for anything else, which cannot be read twice."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return -1
    return status.st_size if path != "-" and stat.S_ISREG(status.st_mode) else -1


def blocks_of(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[bytes]:
    """The same for what the public functions take: a path, a capture's bytes, or a binary file."""
    if isinstance(source, (str, os.PathLike)):
        yield from Input(os.fspath(source)).pieces()
        return
    unpacker = Decompressor()
    if isinstance(source, bytes):
        yield from unpacker.feed(source)
    else:
        while block := source.read(BLOCK):
            yield from unpacker.feed(block)
    yield from unpacker.close()
