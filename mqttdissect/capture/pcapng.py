"""pcapng: a file of typed blocks; each section names its own byte order, interfaces and clocks.

Source: draft-ietf-opsawg-pcapng. Blocks of types not known here, custom blocks among them, are stepped over without
being held in memory. Names of addresses, counts of dropped packets and decryption secrets are kept for whoever asks.
A block that cannot be true is damage; the next block whose two lengths agree ends it. A long block that is stepped over
is one too if blocks follow each other within it: then its length is wrong.
"""

import re
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.buffer import Buffer
from mqttdissect.capture.damage import Damages, cut_off
from mqttdissect.capture.frame import MAX_FRAME, Frame, Interface
from mqttdissect.capture.octets import u16be, u16le, u32be, u32le

SECTION_HEADER: Final = 0x0A0D0D0A
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
NAME_RESOLUTION: Final = 4
INTERFACE_STATISTICS: Final = 5
ENHANCED_PACKET: Final = 6
DECRYPTION_SECRETS: Final = 10
TLS_KEY_LOG: Final = 0x544C534B
SMALLEST: Final[dict[int, int]] = {  # bytes that a block of each type has at least, with its 12 bytes of frame
    SECTION_HEADER: 28,
    INTERFACE_DESCRIPTION: 20,
    OBSOLETE_PACKET: 32,
    SIMPLE_PACKET: 16,
    ENHANCED_PACKET: 32,
}
KNOWN: Final = frozenset([SECTION_HEADER, *range(1, 11), 0xBAD, 0x40000BAD])
NUMBERED: Final = frozenset([9, 0xBAD, 0x40000BAD])  # journal entries, custom blocks: Wireshark numbers them as frames
LOCAL: Final = 0x8000_0000  # types from here on are anybody's
MAGIC: Final = b"\x0a\x0d\x0d\x0a"
BYTE_ORDER_BIG: Final = b"\x1a\x2b\x3c\x4d"
BYTE_ORDER_LITTLE: Final = b"\x4d\x3c\x2b\x1a"
OPTION_END: Final = 0
OPTION_COMMENT: Final = 1
OPTION_NAME: Final = 2
OPTION_RESOLUTION: Final = 9
OPTION_OFFSET: Final = 14
OPTION_DROPS: Final = 4  # of an enhanced packet block: since the packet before it
OPTION_DROPS_INTERFACE: Final = 5  # of an interface statistics block, and the next, both since the capture began
OPTION_DROPS_SYSTEM: Final = 7
NAME_IPV4: Final = 1  # record of a name resolution block
NAME_IPV6: Final = 2
LIKELY: Final = 262144  # bytes of a block that is believed in while looking for one
HEAD: Final = 8  # bytes of a block's type and first length; those of a likely one:
LIKELY_LITTLE: Final[re.Pattern[bytes]] = re.compile(rb"[\x01-\x06]\0\0\0..[\0-\4]\0", re.DOTALL)
LIKELY_BIG: Final[re.Pattern[bytes]] = re.compile(rb"\0\0\0[\x01-\x06]\0[\0-\4]..", re.DOTALL)
LARGEST: Final = MAX_FRAME + 65536  # bytes of a block that is read rather than stepped over
MOST_INTERFACES: Final = 1_000_000
MOST_NAMES: Final = 100_000
LONGEST_NAME: Final = 255  # bytes that are kept of one (RFC 1035, section 2.3.4)
MOST_SECRETS: Final = 64 * 1024 * 1024  # bytes


@final
class PcapngReader:
    """`feed` it the file from its first byte on; `close` when there is no more. Raises nothing. names: where to add
    those of IP addresses."""

    def __init__(self, names: dict[bytes, str] | None = None) -> None:
        self.interfaces: list[Interface] = []
        self.damage = Damages()
        self.frames: i64 = 0
        self.names: dict[bytes, str] = names if names is not None else {}
        self.secrets: list[tuple[int, bytes]] = []  # type and contents
        self._secret_bytes: i64 = 0
        self._buffer = Buffer()
        self._buffer.need = 12
        self._big = False
        self._section: i64 = 0  # index of the section's first interface in interfaces
        self._in_section = False
        self._skip: i64 = 0  # bytes left of a block that is being stepped over, and where it starts
        self._skip_at: i64 = 0
        self._time_ns: i64 = 0  # of the last frame; a simple packet block has no stamp of its own

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`."""
        return self._blocks(False) if self._buffer.add(data) else []

    def close(self) -> list[Frame]:
        """The input has ended; what is left over is damage."""
        self._buffer.settle()
        frames = self._blocks(True)
        left = self._buffer.available()
        end = self._buffer.here() + left
        self.damage.ended(end, "block", end - self._skip_at if self._skip else left)
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
            if self._skip and not self._step_over(size, last):
                break
            if self.damage.lost:
                self._search(last)
                if self.damage.lost:
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
            if kind not in SMALLEST and length > (LARGEST if kind == DECRYPTION_SECRETS else LIKELY):
                self._skip_at = buffer.here()
                self._skip = length
                if kind in NUMBERED:
                    self.frames += 1
                continue
            if size - at < length:
                if not last:
                    buffer.need = length
                    break
                self._lose(cut_off("block", size - at), True)
                continue
            if self._u32(at + length - 4) != length:
                self._lose(f"a block whose two lengths differ ({length} and {self._u32(at + length - 4)})")
                continue
            frame = self._block(kind, at, length)
            if frame is not None:
                frames.append(frame)
            buffer.position = at + length
        return frames

    def _step_over(self, size: i64, last: bool) -> bool:
        """Go on in a block that is not read; True behind its end, or where it turns out to have ended before."""
        buffer = self._buffer
        step = min(self._skip - 4, size - buffer.position)
        within = self._blocks_within(buffer.position + step, last)
        if within >= 0:
            step = within - buffer.position
            if not buffer.need:
                claimed = buffer.here() + self._skip - self._skip_at
                buffer.position = within
                skipped = buffer.here() - self._skip_at
                self.damage.note(
                    self._skip_at, f"a block of {claimed} bytes with other blocks in it; {skipped} bytes skipped"
                )
                self._skip = 0
                return True
        elif self._skip - 4 > step and not last:  # the next block may begin in the last few bytes
            step = max(step - (HEAD - 1), 0)
            buffer.need = HEAD
        buffer.position += step
        self._skip -= step
        if self._skip > 4 or size - buffer.position < 4:
            buffer.need = max(buffer.need, min(self._skip, 4))
            return False
        length = buffer.here() + 4 - self._skip_at
        if self._u32(buffer.position) != length:
            why = f"a block whose two lengths differ ({length} and {self._u32(buffer.position)})"
            self.damage.note(self._skip_at, f"{why}; {length} bytes skipped")
        buffer.position += 4
        self._skip = 0
        return True

    def _blocks_within(self, stop: i64, last: bool) -> i64:
        """Where, before `stop`, two blocks follow each other, or one that ends the file; -1 if nowhere. It is not
        certain yet if `Buffer.need` is set: then so many bytes are needed from there on."""
        buffer = self._buffer
        size: i64 = len(buffer.data)
        limit = buffer.position + self._skip  # of the block that is stepped over
        for match in (LIKELY_BIG if self._big else LIKELY_LITTLE).finditer(buffer.data, buffer.position, stop):
            at: i64 = match.start()
            end = self._end_of_block(at)
            if end < 0 or end + 12 > limit:
                continue
            if end == size and last and self._agree(at, end):
                return at
            if end + 12 > size:
                if last:
                    continue
                buffer.need = end + 12 - at
                return at
            after = self._end_of_block(end)
            if after < 0 or not self._agree(at, end):
                continue
            if after > size:
                if last:
                    continue
                buffer.need = after - at
                return at
            if self._agree(end, after):
                return at
        return -1

    def _end_of_block(self, at: i64) -> i64:
        """Where a block ends, by its first length, if one of a known type can stand at `at`; else -1."""
        kind, length = self._u32(at), self._u32(at + 4)
        return at + length if kind in KNOWN and length <= LIKELY and not self._wrong(kind, length) else -1

    def _agree(self, at: i64, end: i64) -> bool:
        """Has the block that ends at `end` the same length there as at its start?"""
        return self._u32(end - 4) == end - at

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
        if kind not in KNOWN and kind < LOCAL and length > LIKELY:
            return f"a block of the unknown type 0x{kind:08x} and {length} bytes"
        if not self._in_section and kind != SECTION_HEADER:
            return "a block outside of any section"
        return ""

    def _block(self, kind: i64, at: i64, length: i64) -> Frame | None:
        """Read the whole block of `length` bytes at `at`."""
        if kind in (ENHANCED_PACKET, OBSOLETE_PACKET):  # alike, but for the width of the interface number
            interface = self._u32(at + 8) if kind == ENHANCED_PACKET else self._u16(at + 8)
            time_ns = self._stamp(interface, self._u32(at + 12), self._u32(at + 16))
            return self._packet(at, 28, length, interface, time_ns, self._u32(at + 20), self._u32(at + 24))
        if kind == SIMPLE_PACKET:
            original = self._u32(at + 8)
            captured = min(original, length - 16)
            if self._section < len(self.interfaces):
                snap = self.interfaces[self._section].snap_length
                if 0 < snap < captured:
                    captured = snap
            return self._packet(at, 12, length, 0, self._time_ns, captured, original)
        if kind == INTERFACE_DESCRIPTION:
            self._interface(at, length)
        elif kind == SECTION_HEADER:
            self._section = len(self.interfaces)
            self._in_section = True
        elif kind == NAME_RESOLUTION:
            self._names(at + 8, at + length - 4)
        elif kind in NUMBERED:
            self.frames += 1
        elif kind == INTERFACE_STATISTICS and length >= 24:
            self._statistics(at, length)
        elif kind == DECRYPTION_SECRETS and length >= 20:
            self._secrets(at, length)
        return None

    def _stamp(self, interface: i64, high: i64, low: i64) -> i64:
        """Nanoseconds since 1970 of a time stamp in two halves, on the clock of an interface of the section."""
        index = self._section + interface
        if index >= len(self.interfaces):
            return 0
        clock = self.interfaces[index]
        if clock.offset == 0:
            if clock.resolution == 6 and high < 1 << 20:
                return (high << 32 | low) * 1000
            if clock.resolution == 9 and high < 1 << 31:
                return high << 32 | low
        return clock.nanoseconds(int(high) << 32 | int(low))

    def _packet(
        self, at: i64, head: i64, length: i64, interface: i64, time_ns: i64, captured: i64, original: i64
    ) -> Frame | None:
        """The frame in the packet block at `at`, `head` bytes behind its start."""
        index = self._section + interface
        if index >= len(self.interfaces):
            self._note(at, f"a packet on interface {interface}, which the section does not describe")
            return None
        room = length - 4 - head
        if captured > room:
            self._note(at, f"a packet of {captured} bytes in a block with room for {room}")
            captured = room
        self._time_ns = time_ns
        self.frames += 1
        start = at + head
        frame = Frame(
            self.frames, time_ns, self.interfaces[index].link_type, self._buffer.data, original, index,
            start, start + captured,
        )  # fmt: skip
        padded = head + (captured + 3) // 4 * 4
        if padded + 4 < length and head == 28:
            self._options(frame, at + padded, at + length - 4, index)
        return frame

    def _options(self, frame: Frame, at: i64, limit: i64, interface: i64) -> None:
        """The options of a packet block."""
        for code, value in self._list(at, limit):
            if code == OPTION_COMMENT and value:
                if frame.comments is None:
                    frame.comments = []
                frame.comments.append(value.decode("utf-8", "backslashreplace"))
            elif code == OPTION_DROPS and len(value) == 8:
                self.interfaces[interface].lost += self._count(value)

    def _list(self, position: i64, limit: i64) -> list[tuple[int, bytes]]:
        """Options, or the records of a name resolution block, which look alike: code and value."""
        found: list[tuple[int, bytes]] = []
        data = self._buffer.data
        while position + 4 <= limit:
            code, size = self._u16(position), self._u16(position + 2)
            if code == OPTION_END or position + 4 + size > limit:
                break
            found.append((int(code), data[position + 4 : position + 4 + size]))
            position += 4 + (size + 3) // 4 * 4
        return found

    def _count(self, value: bytes) -> i64:
        """A count of eight bytes; one that cannot be true means that it is not known."""
        count = int.from_bytes(value, "big" if self._big else "little")
        return i64(count) if count < 1 << 48 else 0

    def _names(self, at: i64, limit: i64) -> None:
        """A name resolution block: an address, and names each with a NUL behind."""
        for code, value in self._list(at, limit):
            size = 4 if code == NAME_IPV4 else 16
            if code in (NAME_IPV4, NAME_IPV6) and len(value) > size and len(self.names) < MOST_NAMES:
                name = value[size : size + LONGEST_NAME].split(b"\0")[0].decode("utf-8", "backslashreplace")
                if name:
                    self.names.setdefault(value[:size], name)

    def _statistics(self, at: i64, length: i64) -> None:
        """An interface statistics block: what it says replaces what an earlier one said."""
        index = self._section + self._u32(at + 8)
        if index >= len(self.interfaces):
            return
        dropped: i64 = 0
        for code, value in self._list(at + 20, at + length - 4):
            if code in (OPTION_DROPS_INTERFACE, OPTION_DROPS_SYSTEM) and len(value) == 8:
                dropped += self._count(value)
        self.interfaces[index].dropped = dropped

    def _secrets(self, at: i64, length: i64) -> None:
        """A decryption secrets block."""
        kind, size = self._u32(at + 8), min(self._u32(at + 12), length - 20)
        if self._secret_bytes + size > MOST_SECRETS:
            self._note(at, f"more than {MOST_SECRETS} bytes of decryption secrets; these are not kept")
            return
        self._secret_bytes += size
        self.secrets.append((int(kind), self._buffer.data[at + 16 : at + 16 + size]))

    def _interface(self, at: i64, length: i64) -> None:
        link_type = self._u16(at + 8)
        interface = Interface(link_type, self._u32(at + 12))
        for code, value in self._list(at + 16, at + length - 4):
            if code == OPTION_NAME:
                interface.name = value.decode("utf-8", "replace")
            elif code == OPTION_RESOLUTION and value:
                interface.resolution = i64(value[0])
            elif code == OPTION_OFFSET and len(value) == 8:
                interface.offset = int.from_bytes(value, "big" if self._big else "little", signed=True)
        if len(self.interfaces) < MOST_INTERFACES:
            self.interfaces.append(interface)
        else:
            self._note(at, f"more than {MOST_INTERFACES} interfaces")

    def _note(self, at: i64, message: str) -> None:
        self.damage.note(self._buffer.offset + at, message)

    def _lose(self, why: str, cut_off: bool = False) -> None:
        self.damage.lose(self._buffer.here(), why, cut_off)
        self._buffer.position += 1

    def _search(self, last: bool) -> None:
        """Step to the next block whose type is known and whose two lengths agree; wait there for more if need be."""
        buffer = self._buffer
        data = buffer.data
        size: i64 = len(data)
        while buffer.position + 12 <= size:
            at = buffer.position
            big = self._big
            if data[at : at + 4] != MAGIC or self._byte_order(at + 8):
                kind, length = self._u32(at), self._u32(at + 4)
                if kind in KNOWN and length <= LIKELY and not self._wrong(kind, length):
                    if at + length <= size and self._u32(at + length - 4) == length:
                        self.damage.found(buffer.here())
                        return
                    if at + length > size and not last:
                        self._big = big
                        buffer.need = length
                        return
            self._big = big
            buffer.position += 1
        buffer.need = 12
