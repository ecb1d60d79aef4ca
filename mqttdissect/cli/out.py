"""Text in UTF-8, written as bytes to standard output, or to a file, in the encoding that it has.

What that encoding lacks comes out as escapes. In what people read, lines, arrows and marks are drawn with ASCII that
looks like them instead, each as wide as it was; programs get escapes only, from which the text can be told.
"""

from __future__ import annotations

import codecs
import errno
import os
import sys
from typing import BinaryIO, Final, TextIO

ESCAPES: Final = "backslashreplace"
LOOK_ALIKES: Final = "mqttdissect.look-alikes"
LIKE: Final = {
    **dict.fromkeys("─–⠤", "-"), **dict.fromkeys("┌└├┤┼", "+"), **dict.fromkeys("┊┆⋮", ":"),
    **dict.fromkeys("→▶⟩", ">"), **dict.fromkeys("◀⟨", "<"), **dict.fromkeys("▏▎▍▌▋▊▉█", "#"),
    **dict.fromkeys("✗×", "x"),
    "│": "|", "↑": "^", "↓": "v", "↻": "@", "≠": "!", "…": "~", "·": ".", "µ": "u", "²": "2", "⠀": " ",
}  # fmt: skip
DOTS: Final = range(0x2801, 0x2900)  # of a plot


def look_alikes(error: UnicodeError) -> tuple[str, int]:
    """What to write for characters that an encoding does not have, for `codecs`."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join([LIKE.get(char) or ("*" if ord(char) in DOTS else escaped(char)) for char in text]), error.end


def escaped(char: str) -> str:
    """As an escape."""
    return char.encode("ascii", ESCAPES).decode("ascii")


codecs.register_error(LOOK_ALIKES, look_alikes)


def prepare(people: bool, elsewhere: bool = False) -> None:
    """Standard output is for people, or for programs. elsewhere: what is drawn goes into a file."""
    sys.stdout.reconfigure(errors=LOOK_ALIKES if people else ESCAPES)  # type: ignore[union-attr]
    if people and not elsewhere and not takes_utf_8(sys.stdout):
        from mqttdissect.output.text import limit_to

        limit_to(sys.stdout.encoding)


def takes_utf_8(out: TextIO) -> bool:
    """Is that its encoding?"""
    return codecs.lookup(out.encoding).name == "utf-8"


def translated(text: bytes, out: TextIO) -> bytes:
    """Text in UTF-8, in the encoding of `out`."""
    return text.decode().encode(out.encoding, out.errors or ESCAPES)


def put(text: bytes | memoryview, sink: BinaryIO | None = None) -> None:
    """Write all of it, to standard output if nothing else is said. Where Python was told not to buffer (`python -u`), a
    signal may cut a write short, and one that would have to wait says None if standard output is not to block."""
    left = memoryview(text)
    while left:
        done: int | None = (sink or sys.stdout.buffer).write(left)
        if done is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        left = left[done:]
