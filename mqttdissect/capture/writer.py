"""Write frames as pcapng: one section, an interface description block for each link type met, nanosecond stamps.

Source: draft-ietf-opsawg-pcapng, sections 4.1 to 4.3. Sans-IO: `head()` and `frame(...)` return the bytes to write.
"""

from __future__ import annotations

import struct
from typing import Final

from mqttdissect.capture.frame import Frame

SECTION: Final = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
NANOSECONDS: Final = struct.pack("<HHB3xHH", 9, 1, 9, 0, 0)  # if_tsresol 10**-9, end of options


class PcapngWriter:
    """`head()` first, then `frame(one)` for each frame."""

    def __init__(self) -> None:
        self._interfaces: dict[int, int] = {}  # link type: number of its interface

    def head(self) -> bytes:
        """The section header block."""
        return SECTION

    def frame(self, frame: Frame) -> bytes:
        """An enhanced packet block, with the description of its interface before it if that is new."""
        link_type = int(frame.link_type)
        number = self._interfaces.get(link_type)
        before = b""
        if number is None:
            number = self._interfaces[link_type] = len(self._interfaces)
            before = _block(1, struct.pack("<HHI", link_type, 0, 0) + NANOSECONDS)
        time_ns, data = int(frame.time_ns), frame.data
        original = max(int(frame.original_length), len(data))
        head = struct.pack("<IIIII", number, time_ns >> 32, time_ns & 0xFFFF_FFFF, len(data), original)
        return before + _block(6, head + data + bytes(-len(data) % 4))


def _block(kind: int, body: bytes) -> bytes:
    """A block of a type around its body, whose length is a multiple of four."""
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
