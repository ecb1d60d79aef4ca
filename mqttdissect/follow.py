"""A capture that is still being written: wait at its end for more, and go on with the next file when it is rotated.

Rotation is seen by another file under the same name, or by one that has become shorter; what the old file still has
is read first. The frames are numbered through.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from mqttdissect.capture.frame import CaptureError, Frame
from mqttdissect.capture.merge import renumber
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.files import Listener, name_of
from mqttdissect.source import BLOCK, STOP, opened

HEAD = 8  # bytes that tell whether a file is a capture
POLL = 0.005  # seconds between two looks at a file that has not grown


class Followed:
    """`frames()`: lists of frames as the file grows, without end."""

    def __init__(self, path: str, listener: Listener, hosts: dict[bytes, str] | None = None) -> None:
        self._hosts = hosts
        self.names = [name_of(path)]
        self.total = -1
        self.position = 0
        self._path = path
        self._listener = listener
        self._number = 1
        self._head = b""  # how the file at hand started when it was first read

    def frames(self) -> Iterator[list[Frame]]:
        """Lists of frames; the first file has to be there, the next ones are waited for."""
        descriptor = opened(self._path)
        while True:
            try:
                yield from self._one(descriptor)
            except CaptureError as error:
                self._listener.failed(self.names[0], error)
                self._await_another(descriptor)
            finally:
                os.close(descriptor)
            while True:
                try:
                    descriptor = opened(self._path)
                    break
                except CaptureError:
                    STOP.pause(POLL * 10)

    def _await_another(self, descriptor: int) -> None:
        """Wait until the file that cannot be read has been replaced, or written anew."""
        while not replaced(self._path, descriptor) and head_of(descriptor).startswith(self._head):
            STOP.pause(POLL * 10)

    def close(self) -> None:
        """Nothing is left to say: the end of a growing file is no damage."""

    def _one(self, descriptor: int) -> Iterator[list[Frame]]:
        """One file, until another has taken its name."""
        reader = CaptureReader(self._hosts)
        size = 0
        gone = False
        while True:
            block = os.read(descriptor, BLOCK)
            if block:
                if size == 0:
                    self._head = block[:HEAD]
                size += len(block)
                self.position += len(block)
                frames = reader.feed(block)
                renumber(frames, self._number, 0)
                self._number += len(frames)
                if frames:
                    yield frames
                continue
            if gone or os.fstat(descriptor).st_size < size:
                return
            gone = replaced(self._path, descriptor)
            if not gone:
                STOP.pause(POLL)


def head_of(descriptor: int) -> bytes:
    """The first bytes of a file, wherever it is read."""
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    os.lseek(descriptor, 0, os.SEEK_SET)
    head = os.read(descriptor, HEAD)
    os.lseek(descriptor, position, os.SEEK_SET)
    return head


def replaced(path: str, descriptor: int) -> bool:
    """Does another file have the name by now? One that is merely gone may still be written to."""
    try:
        return not os.path.samestat(os.stat(path), os.fstat(descriptor))
    except OSError:
        return False
