"""How far into a frame the unwrapping has come, and the numbers for what can stand there.

A step is a function that is given a `Place` at the start of a layer, and moves it to the next one. Steps check what
they read against `size`, raise nothing, and never look back. `layers.STEPS` says which step belongs to which layer.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be

# Where the unwrapping ends.
NETWORK: Final = -1  # at an IP header
NOT_IP: Final = -2
UNKNOWN_LINK: Final = -3
CUT_SHORT: Final = -4  # headers break off, or contradict themselves
ENCRYPTED: Final = -5
IN_PARTS: Final = -6  # a part of something that is not put together here
SEVERAL: Final = -7  # several packets in one frame: in `parts`

# What is still to be unwrapped: a link type as it is (below ETHERTYPES), or one of these plus a number.
ETHERTYPES: Final = 0x10000
PROTOCOLS: Final = 0x20000  # of IP
PPP_PROTOCOLS: Final = 0x30000
UDP_PORTS: Final = 0x40000
LLC: Final = 0x50000
PPP_FRAME: Final = 0x50001
NLPID: Final = 0x50002

IEEE802_3_LENGTHS: Final = 0x0600  # what is smaller is no EtherType, but a length in bytes


@final
class Place:
    """layer: what stands at `at`. size: where the captured bytes of that layer end. limit: where they ended on the
    wire. found: link type that no step is known for. parts: with `SEVERAL`, a place for each packet of the frame.
    """

    __slots__ = ("at", "data", "found", "layer", "limit", "parts", "size")

    def __init__(self, layer: i64, data: bytes, at: i64, size: i64, limit: i64) -> None:
        self.layer = layer
        self.data = data
        self.at = at
        self.size = size
        self.limit = limit
        self.found: i64 = -1
        self.parts: list[Place] = []

    def go(self, layer: i64, length: i64) -> None:
        """`layer` follows a header of `length` bytes."""
        self.layer = layer
        self.at += length

    def short(self, length: i64) -> bool:
        """Are fewer than `length` bytes left? Then that is the end."""
        if self.at + length <= self.size:
            return False
        self.layer = CUT_SHORT
        return True

    def ends(self, limit: i64) -> None:
        """What follows ends at `limit`, unless it ends before that already."""
        self.limit = min(self.limit, limit)
        self.size = min(self.size, limit)

    def ethertype(self, at: i64, next_at: i64) -> None:
        """The layer at `next_at` is told by the EtherType (or 802.3 length) `at` bytes from here."""
        if self.short(at + 2):
            return
        kind = u16be(self.data, self.at + at)
        self.at += next_at
        if kind >= IEEE802_3_LENGTHS:
            self.layer = ETHERTYPES + kind
            return
        self.layer = LLC
        if kind:
            self.ends(self.at + kind)

    def network(self, length: i64) -> None:
        """An IP header follows a header of `length` bytes, or nothing that is known."""
        if self.short(length + 1):
            return
        self.at += length
        self.layer = NETWORK if i64(self.data[self.at]) >> 4 in (4, 6) else NOT_IP
