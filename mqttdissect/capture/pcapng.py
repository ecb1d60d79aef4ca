"""pcapng: a file of typed blocks; each section names its own byte order, interfaces and clocks.

Source: draft-ietf-opsawg-pcapng. Blocks of types not known here are stepped over without being held in memory.
A block that cannot be true is damage; the next block whose two lengths agree ends it.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.buffer import Buffer
from mqttdissect.capture.frame import MAX_FRAME, Damage, Frame, Interface
from mqttdissect.capture.octets import u16be, u16le, u32be, u32le

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6
SMALLEST: Final[dict[int, int]] = {  # bytes that a block of each type has at least, with its 12 bytes of frame
    SECTION_HEADER: 28,
    INTERFACE_DESCRIPTION: 20,
    OBSOLETE_PACKET: 32,
    SIMPLE_PACKET: 16,
    ENHANCED_PACKET: 32,
}
KNOWN: Final = frozenset([SECTION_HEADER, *range(1, 11), 0xBAD, 0x40000BAD])
MAGIC: Final = b"\x0a\x0d\x0d\x0a"
BYTE_ORDER_BIG: Final = b"\x1a\x2b\x3c\x4d"
BYTE_ORDER_LITTLE: Final = b"\x4d\x3c\x2b\x1a"
OPTION_END: Final = 0
OPTION_NAME: Final = 2
OPTION_RESOLUTION: Final = 9
OPTION_OFFSET: Final = 14
LARGEST: Final = MAX_FRAME + 65536  # bytes of a block that is read rather than stepped over


@final
class PcapngReader:
    """`feed` it the file from its first byte on; `close` when there is no more. Raises nothing."""

    def __init__(self) -> None:
        self.interfaces: list[Interface] = []
        self.damage: list[Damage] = []
        self.frames: i64 = 0
        self._buffer = Buffer()
        self._buffer.need = 12
        self._big = False
        self._section: i64 = 0  # index of the section's first interface in interfaces
        self._in_section = False
        self._skip: i64 = 0  # bytes of a block that is being stepped over
        self._time_ns: i64 = 0  # of the last frame; a simple packet block has no stamp of its own
        self._lost_at: i64 = -1
        self._lost_why = ""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`."""
        return self._blocks(False) if self._buffer.add(data) else []

    def close(self) -> list[Frame]:
        """The input has ended; what is left over is damage."""
        self._buffer.settle()
        frames = self._blocks(True)
        left = self._buffer.available()
        if self._lost_at >= 0:
            self._found(self._buffer.here() + left)
        elif left or self._skip:
            self.damage.append(
                Damage(self._buffer.here(), f"the file ends inside a block ({left} bytes of it are there)")
            )
        return frames

    def _u16(self, at: i64) -> i64:
        return u16be(self._buffer.data, at) if self._big else u16le(self._buffer.data, at)

    def _u32(self, at: i64) -> i64:
        return u32be(self._buffer.data, at) if self._big else u32le(self._buffer.data, at)

    def _blocks(self, last: bool) -> list[Frame]:
        frames: list[Frame] = []
        buffer = self._buffer
        size: i64 = len(buffer.data)
        while True:
            if self._skip:
                step = min(self._skip, size - buffer.position)
                buffer.position += step
                self._skip -= step
                if self._skip:
                    buffer.need = 1
                    break
            if self._lost_at >= 0:
                self._search(last)
                if self._lost_at >= 0:
                    break
            at = buffer.position
            if size - at < 12:
                buffer.need = 12
                break
            if buffer.data[at : at + 4] == MAGIC and not self._byte_order(at + 8):
                self._lose("a section header with no valid byte-order mark")
                continue
            kind = self._u32(at)
            length = self._u32(at + 4)
            why = self._wrong(kind, length)
            if why:
                self._lose(why)
                continue
            if kind not in SMALLEST and length > 65536:
                self._skip = length
                continue
            if size - at < length:
                buffer.need = length
                break
            if self._u32(at + length - 4) != length:
                self._lose(f"a block whose two lengths differ ({length} and {self._u32(at + length - 4)})")
                continue
            frame = self._block(kind, at, length)
            if frame is not None:
                frames.append(frame)
            buffer.position = at + length
        return frames

    def _byte_order(self, at: i64) -> bool:
        mark = self._buffer.data[at : at + 4]
        if mark == BYTE_ORDER_BIG:
            self._big = True
        elif mark == BYTE_ORDER_LITTLE:
            self._big = False
        else:
            return False
        return True

    def _wrong(self, kind: i64, length: i64) -> str:
        """Why a block of this type cannot have this length; empty if it can."""
        smallest = SMALLEST.get(int(kind), 12)
        if length % 4:
            return f"a block of {length} bytes, which is not a multiple of 4"
        if length < smallest:
            return f"a block of type {kind} and {length} bytes; it needs {smallest}"
        if kind in SMALLEST and length > LARGEST:
            return f"a block of type {kind} and {length} bytes"
        if not self._in_section and kind != SECTION_HEADER:
            return "a block outside of any section"
        return ""

    def _block(self, kind: i64, at: i64, length: i64) -> Frame | None:
        """Read the whole block of `length` bytes at `at`."""
        if kind == ENHANCED_PACKET:
            ticks = self._u32(at + 12) << 32 | self._u32(at + 16)
            return self._packet(
                at, at + 28, at + length - 4, self._u32(at + 8), ticks, self._u32(at + 20), self._u32(at + 24)
            )
        if kind == SIMPLE_PACKET:
            original = self._u32(at + 8)
            captured = original
            if self._section < len(self.interfaces):
                snap = self.interfaces[self._section].snap_length
                if snap and snap < captured:
                    captured = snap
            return self._packet(at, at + 12, at + length - 4, 0, -1, min(captured, length - 16), original)
        if kind == OBSOLETE_PACKET:
            ticks = self._u32(at + 12) << 32 | self._u32(at + 16)
            return self._packet(
                at, at + 28, at + length - 4, self._u16(at + 8), ticks, self._u32(at + 20), self._u32(at + 24)
            )
        if kind == INTERFACE_DESCRIPTION:
            self._interface(at, length)
        elif kind == SECTION_HEADER:
            self._section = len(self.interfaces)
            self._in_section = True
        return None

    def _packet(
        self, block: i64, start: i64, limit: i64, interface: i64, ticks: i64, length: i64, original: i64
    ) -> Frame | None:
        """The frame of a packet block. ticks: its time stamp, -1 for none. limit: where the block's data ends."""
        index = self._section + interface
        if index >= len(self.interfaces):
            self._note(block, f"a packet on interface {interface}, which the section does not describe")
            return None
        if length > limit - start:
            self._note(block, f"a packet of {length} bytes in a block with room for {limit - start}")
            length = limit - start
        at = self.interfaces[index]
        if ticks == -1:
            time_ns = self._time_ns
        elif at.resolution == 6 and at.offset == 0 and 0 <= ticks < 1 << 52:
            time_ns = ticks * 1000
        elif at.resolution == 9 and at.offset == 0 and ticks >= 0:
            time_ns = ticks
        else:
            time_ns = at.nanoseconds(int(ticks) & 0xFFFF_FFFF_FFFF_FFFF)
        self._time_ns = time_ns
        self.frames += 1
        return Frame(self.frames, time_ns, at.link_type, self._buffer.data[start : start + length], original, index)

    def _interface(self, at: i64, length: i64) -> None:
        link_type = self._u16(at + 8)
        interface = Interface(link_type, self._u32(at + 12))
        position = at + 16
        limit = at + length - 4
        data = self._buffer.data
        while position + 4 <= limit:
            code = self._u16(position)
            size = self._u16(position + 2)
            value = data[position + 4 : position + 4 + size]
            if code == OPTION_END or position + 4 + size > limit:
                break
            if code == OPTION_NAME:
                interface.name = value.decode("utf-8", "replace")
            elif code == OPTION_RESOLUTION and size >= 1:
                interface.resolution = i64(value[0])
            elif code == OPTION_OFFSET and size == 8:
                interface.offset = int.from_bytes(value, "big" if self._big else "little", signed=True)
            position += 4 + (size + 3) // 4 * 4
        self.interfaces.append(interface)

    def _note(self, at: i64, message: str) -> None:
        self.damage.append(Damage(self._buffer.offset + at, message))

    def _lose(self, why: str) -> None:
        self._lost_at = self._buffer.here()
        self._lost_why = why
        self._buffer.position += 4

    def _search(self, last: bool) -> None:
        """Step to the next block whose type is known and whose two lengths agree; wait there for more if need be."""
        buffer = self._buffer
        data = buffer.data
        size: i64 = len(data)
        while buffer.position + 12 <= size:
            at = buffer.position
            if data[at : at + 4] == MAGIC:
                big = self._big
                if not self._byte_order(at + 8):
                    self._big = big
                    buffer.position += 1
                    continue
            kind, length = self._u32(at), self._u32(at + 4)
            if kind in KNOWN and length <= 262144 and not self._wrong(kind, length):
                if at + length > size and not last:
                    buffer.need = length
                    return
                if at + length <= size and self._u32(at + length - 4) == length:
                    self._found(buffer.here())
                    return
            buffer.position += 1
        buffer.need = 12

    def _found(self, here: i64) -> None:
        self.damage.append(Damage(self._lost_at, f"{self._lost_why}; {here - self._lost_at} bytes skipped"))
        self._lost_at = -1
