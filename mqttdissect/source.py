"""Where bytes come from: a file, standard input, or anything with `read`. The only I/O before the output."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from mqttdissect.capture.frame import CaptureError

BLOCK = 128 * 1024  # bytes; more objects alive at once than this makes would not fit a core's cache


def blocks(path: str) -> Iterator[bytes]:
    """The bytes of a file, or of standard input for `-`, as they come. Raises `CaptureError` if it cannot be read."""
    if path == "-":
        if sys.stdin is None or sys.stdin.closed:
            raise CaptureError("standard input is closed")
        yield from _read(sys.stdin.fileno())
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise CaptureError(_reason(error)) from None
    try:
        yield from _read(descriptor)
    finally:
        os.close(descriptor)


def _read(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            block = os.read(descriptor, BLOCK)
        except OSError as error:
            raise CaptureError(_reason(error)) from None
        if not block:
            return
        yield block


def _reason(error: OSError) -> str:
    """`No such file or directory`, in the middle of a line."""
    text = error.strerror or str(error)
    return text[:1].lower() + text[1:]


def blocks_of(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[bytes]:
    """The same for what the public functions take: a path, a capture's bytes, or a binary file."""
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, (str, os.PathLike)):
        yield from blocks(str(Path(source)) if source != "-" else "-")
    else:
        while block := source.read(BLOCK):
            yield block
