"""What every capture reader hands on: frames, and the interfaces they came in by."""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

MAX_FRAME: Final = 16 * 1024 * 1024
"""Bytes; a record that claims to hold more is damage, not a frame (Wireshark draws that line at 256 KiB for most
link types, and at 128 MiB for none that carry IP)."""

LATEST_NS: Final = 0x7FFF_FFFF_FFFF_FFFF
"""The last instant that fits signed 64-bit nanoseconds since 1970 (in the year 2262); later stamps are held there."""


class CaptureError(Exception):
    """The input cannot be read as a capture at all. Its text is one line for the user."""


@final
@mypyc_attr(acyclic=True)
class Frame:
    """One captured frame.

    number: from 1, in the order of the file. time_ns: nanoseconds since 1970-01-01 UTC. link_type: the LINKTYPE_ value
    of its interface. data: the bytes captured, perhaps cut by a snap length; they lie in `block`, which was read at
    once and lives as long as the frame, from `start` to `end`. original_length: bytes on the wire. interface: index
    into the reader's `interfaces`. comments: what somebody wrote about it (pcapng). file: index of its file where
    several are read as one.
    """

    __slots__ = ("block", "comments", "end", "file", "interface", "link_type", "number", "original_length", "start",
                 "time_ns")  # fmt: skip

    def __init__(
        self, number: i64, time_ns: i64, link_type: i64, data: bytes, original_length: i64, interface: i64,
        start: i64 = 0, end: i64 = -1,
    ) -> None:  # fmt: skip
        self.number = number
        self.time_ns = time_ns
        self.link_type = link_type
        self.block = data
        self.start = start
        if end < 0:
            end = len(data)
        self.end = end
        self.original_length = original_length
        self.interface = interface
        self.comments: list[str] | None = None
        self.file: i64 = 0

    @property
    def data(self) -> bytes:
        """A copy of the captured bytes."""
        return self.block[self.start : self.end]

    def __repr__(self) -> str:
        size = self.end - self.start
        return f"Frame(number={self.number}, time_ns={self.time_ns}, link_type={self.link_type}, {size} bytes)"


@final
class Interface:
    """A capture interface: its link type, snap length, and how its time stamps count.

    resolution: the if_tsresol byte (pcapng, section 4.2): 10 to the minus that, or 2 to the minus its low 7 bits.
    offset: seconds to add to each stamp. dropped: frames that the capturing machine lost, as far as the file says;
    lost: the same, summed from what each packet says about the time before it.
    """

    __slots__ = ("dropped", "link_type", "lost", "name", "offset", "resolution", "snap_length")

    def __init__(self, link_type: i64, snap_length: i64, resolution: i64 = 6, offset: int = 0, name: str = "") -> None:
        self.link_type = link_type
        self.snap_length = snap_length
        self.resolution = resolution
        self.offset = offset
        self.name = name
        self.dropped: i64 = 0
        self.lost: i64 = 0

    def nanoseconds(self, ticks: int) -> i64:
        """The time of a stamp of `ticks` units, in nanoseconds since 1970, held between 1970 and `LATEST_NS`."""
        resolution = int(self.resolution)
        if resolution & 0x80:
            time = (ticks * 1_000_000_000) >> (resolution & 0x7F)
        elif resolution <= 9:
            time = ticks * POWERS_OF_TEN[9 - resolution]
        else:
            time = ticks // 10 ** (resolution - 9)
        return i64(min(max(time + self.offset * 1_000_000_000, 0), LATEST_NS))


POWERS_OF_TEN: Final[list[int]] = [10**n for n in range(10)]
