"""Text in UTF-8, written as bytes to standard output, or to a file, in the encoding that it has."""

from __future__ import annotations

import codecs
import errno
import os
import sys
from typing import BinaryIO, TextIO


def takes_utf_8(out: TextIO) -> bool:
    """Is that its encoding?"""
    return codecs.lookup(out.encoding).name == "utf-8"


def translated(text: bytes, out: TextIO) -> bytes:
    """Text in UTF-8, in the encoding of `out`; what that does not have as escapes."""
    return text.decode().encode(out.encoding, "backslashreplace")


def put(text: bytes | memoryview, sink: BinaryIO | None = None) -> None:
    """Write all of it, to standard output if nothing else is said. Where Python was told not to buffer (`python -u`), a
    signal may cut a write short, and one that would have to wait says None if standard output is not to block."""
    left = memoryview(text)
    while left:
        done: int | None = (sink or sys.stdout.buffer).write(left)
        if done is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[done:]
