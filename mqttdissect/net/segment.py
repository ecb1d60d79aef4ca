"""A TCP segment as it was found in a frame."""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

FIN: Final = 0x01
SYN: Final = 0x02
RST: Final = 0x04
PSH: Final = 0x08
ACK: Final = 0x10
GREATEST_SCALE: Final = 14  # bits that a window is shifted by at most (RFC 7323, section 2.3)


@final
@mypyc_attr(acyclic=True, free_list_len=1)
class Segment:
    """flow: source address, destination address, source port, destination port as they stand in the headers
    (12 bytes for IPv4, 36 for IPv6). length: payload bytes on the wire. data: those that were captured, perhaps fewer.
    scale: of the window, as a SYN says (RFC 7323, section 2.2); -1 for none.
    """

    __slots__ = (
        "acknowledgement",
        "data",
        "flags",
        "flow",
        "frame",
        "length",
        "scale",
        "sequence",
        "time_ns",
        "window",
    )

    def __init__(
        self, flow: bytes, sequence: i64, acknowledgement: i64, flags: i64, window: i64,
        length: i64, data: bytes, frame: i64, time_ns: i64,
    ) -> None:  # fmt: skip
        self.flow = flow
        self.sequence = sequence
        self.acknowledgement = acknowledgement
        self.flags = flags
        self.window = window
        self.scale: i64 = -1
        self.length = length
        self.data = data
        self.frame = frame
        self.time_ns = time_ns


def reverse(flow: bytes) -> bytes:
    """The flow of the segments that go the other way."""
    half = (len(flow) - 4) // 2
    return flow[half : 2 * half] + flow[:half] + flow[-2:] + flow[-4:-2]
