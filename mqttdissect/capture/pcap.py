"""Classic pcap: a 24-byte header, then records of 16 bytes and a frame each.

Source: draft-ietf-opsawg-pcap. The magic number tells byte order and whether stamps count micro- or nanoseconds.
A record header that cannot be true is damage; the next two record headers in a row that can be true end it. One that is
odd is believed if another can stand behind it.

Alexey Kuznetzov's patches to libpcap, which distributions of the 1990s shipped, append to the record's header:
interface index (4 bytes), protocol (2), packet type (1) and a pad (1), and the patch of 1999-09-15 four more. A magic
number of their own says so, but for the first of them, of 1999-04-17, which kept the usual one. Which record it is, the
first one tells: by those eight bytes, and by whether a header can stand where its length puts the next one.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.buffer import Buffer
from mqttdissect.capture.damage import Damages, cut_off
from mqttdissect.capture.frame import MAX_FRAME, Frame, Interface
from mqttdissect.capture.octets import u32be, u32le

MAGICS: Final[dict[bytes, tuple[bool, int]]] = {  # big-endian?, nanoseconds in a unit of the stamp's fraction
    b"\xa1\xb2\xc3\xd4": (True, 1000),
    b"\xd4\xc3\xb2\xa1": (False, 1000),
    b"\xa1\xb2\x3c\x4d": (True, 1),
    b"\x4d\x3c\xb2\xa1": (False, 1),
    b"\xa1\xb2\xcd\x34": (True, 1000),  # modified, or Kuznetzov's
    b"\x34\xcd\xb2\xa1": (False, 1000),
}
MODIFIED: Final = frozenset([b"\xa1\xb2\xcd\x34", b"\x34\xcd\xb2\xa1"])
HEADER: Final = 24
RECORD: Final = 16
RECORD_MODIFIED: Final = 24
RECORD_OF_SEPTEMBER: Final = 28
DAY: Final = 86400
CLOCK_JUMPS: Final = 8
LONGEST: Final = 1 << 24  # bytes that a frame had on the wire
LIKELY: Final = 262144  # bytes that no common link type's frames exceed


@final
class PcapReader:
    """`feed` it the file from its first byte on; `close` when there is no more. Raises nothing."""

    def __init__(self) -> None:
        self.interfaces: list[Interface] = []
        self.damage = Damages()
        self.frames: i64 = 0
        self._buffer = Buffer()
        self._buffer.need = HEADER
        self._big = False
        self._unit: i64 = 1000
        self._link: i64 = 0
        self._modified = False
        self._record: i64 = 0  # bytes of a record's header; 0 until it is known
        self._seconds: i64 = -1  # of the last good record
        self._before: i64 = -DAY  # the same before the clock jumped last
        self._usual: i64 = 0  # what is odd about the records of this file (`_oddity`)
        self._limit: i64 = MAX_FRAME  # bytes that a frame may have

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`."""
        if not self._buffer.add(data):
            return []
        if not self.interfaces:
            self._header()
        if self._record == 0:
            self._record = self._kind(False)
            if self._record == 0:
                return []
        return self._records(False)

    def close(self) -> list[Frame]:
        """The input has ended; what is left over is damage."""
        self._buffer.settle()
        if not self.interfaces:
            self.damage.note(0, f"the file ends inside its header ({self._buffer.available()} of {HEADER} bytes)")
            return []
        if self._record == 0:
            self._record = self._kind(True)
            self._buffer.need = 0
        frames = self._records(True)
        left = self._buffer.available()
        self.damage.ended(self._buffer.here() + left, "record", left)
        return frames

    def _header(self) -> None:
        data = self._buffer.data
        self._big, unit = MAGICS[data[:4]]
        self._unit = unit
        self._modified = data[:4] in MODIFIED
        snap = self._u32(16)
        self._link = self._u32(20) & 0xFFFF  # the upper half is about the frame check sequence
        self.interfaces.append(Interface(self._link, snap, 6 if unit == 1000 else 9))
        if 0 < snap <= LIKELY:
            self._limit = LIKELY
        self._buffer.position = HEADER

    def _u32(self, at: i64) -> i64:
        """Four bytes of what is in the buffer, in the file's byte order."""
        data = self._buffer.data
        return u32be(data, at) if self._big else u32le(data, at)

    def _kind(self, last: bool) -> i64:
        """Bytes that a record's header has, from the first record; 0 while more of the file is needed to tell."""
        buffer = self._buffer
        data = buffer.data
        at = buffer.position
        left = len(data) - at
        if left < RECORD:
            buffer.need = RECORD
            return RECORD if last else 0
        if not self._modified:
            length = self._u32(at + 8)
            if length < RECORD_MODIFIED - RECORD:
                return RECORD
            if left < RECORD_MODIFIED:
                buffer.need = RECORD_MODIFIED
                return RECORD if last else 0
            if not self._appended(at + RECORD):
                return RECORD
        usual, other = (RECORD_MODIFIED, RECORD_OF_SEPTEMBER) if self._modified else (RECORD, RECORD_MODIFIED)
        length = self._plausible(at)
        if length < 0:
            return usual
        if left < other + length + RECORD and not last:
            buffer.need = other + length + RECORD
            return 0
        self._seconds = self._u32(at)
        return other if self._followed(at + other + length) and not self._followed(at + usual + length) else usual

    def _appended(self, at: i64) -> bool:
        """Can these eight bytes be what Kuznetzov appended: a small index, any protocol, a packet type up to 7, 0?"""
        data = self._buffer.data
        return self._u32(at) < 65536 and data[at + 6] < 8 and data[at + 7] == 0

    def _followed(self, at: i64) -> bool:
        """Does the file end here, or can a record's header stand here?"""
        left = len(self._buffer.data) - at
        return left == 0 or (left >= RECORD and self._plausible(at) >= 0)

    def _records(self, last: bool) -> list[Frame]:
        frames: list[Frame] = []
        buffer = self._buffer
        data = buffer.data
        size: i64 = len(data)
        position = buffer.position
        header = self._record
        big = self._big
        unit = self._unit
        link = self._link
        number = self.frames
        full = 1_000_000_000 // unit  # fractions in a second
        while size - position >= header:
            if self.damage.lost:
                position = self._search(position, last)
                if self.damage.lost:
                    break
            if big:
                seconds = u32be(data, position)
                fraction = u32be(data, position + 4)
                length = u32be(data, position + 8)
                original = u32be(data, position + 12)
            else:
                seconds = u32le(data, position)
                fraction = u32le(data, position + 4)
                length = u32le(data, position + 8)
                original = u32le(data, position + 12)
            end = position + header + length
            if length > self._limit or (end > size and last):
                self._lose(buffer.offset + position, length, size - position)
                position += 1
                continue
            if end > size:
                buffer.need = header + length
                break
            if length == 0 or original < length or fraction >= full or not -DAY < seconds - self._seconds < DAY:
                if size - end < RECORD and not last:
                    buffer.need = header + length + header
                    break
                if not self._believed(position, end):
                    self.damage.lose(buffer.offset + position, "no valid record header")
                    position += 1
                    continue
            number += 1
            time_ns = seconds * 1_000_000_000 + fraction * unit
            frames.append(Frame(number, time_ns, link, data, original, 0, position + header, end))
            self._seconds = seconds
            position = end
        self.frames = number
        buffer.position = position
        if buffer.need == 0:
            buffer.need = header
        return frames

    def _lose(self, at: i64, length: i64, left: i64) -> None:
        """The record at `at` of the file claims `length` bytes, which cannot be, or which are not there any more."""
        if length <= self._limit:
            self.damage.lose(at, cut_off("record", left), True)
        else:
            self.damage.lose(at, "no valid record header")

    def _believed(self, at: i64, end: i64) -> bool:
        """Is the record from `at` to `end` one, though its header says what few do? If it is the file's first one, all
        may be like it. Any other is not, if the one behind it is odd too, unless it is only in one way."""
        oddity = self._oddity(at, self._seconds)
        if self._seconds < 0:
            self._usual = oddity
            return True
        oddity &= ~self._usual
        if oddity == 0 or len(self._buffer.data) - end < RECORD:
            return True
        following = self._oddity(end, self._u32(at)) & ~self._usual
        both = oddity | following
        if following and both & (both - 1):
            return False
        if oddity & CLOCK_JUMPS:
            self._before = self._seconds
        return True

    def _oddity(self, at: i64, before: i64) -> i64:
        """What is odd about the header at `at`, in bits. before: seconds of the record before it; -1 for none."""
        seconds, fraction = self._u32(at), self._u32(at + 4)
        length, original = self._u32(at + 8), self._u32(at + 12)
        odd: i64 = 0
        if length == 0:
            odd |= 1
        if original < length or original > LONGEST:
            odd |= 2
        if fraction * self._unit >= 1_000_000_000:
            odd |= 4
        if before >= 0 and not -DAY < seconds - before < DAY:
            odd |= CLOCK_JUMPS
        if length > self._limit:
            odd |= 16
        return odd

    def _search(self, position: i64, last: bool) -> i64:
        """Where two plausible record headers follow each other, from `position` on; else where to go on looking."""
        data = self._buffer.data
        size: i64 = len(data)
        header = self._record
        while position + header <= size:
            length = self._plausible(position)
            if length >= 0:
                after = position + header + length
                if after + header <= size:
                    if self._plausible(after) >= 0:
                        self.damage.found(self._buffer.offset + position)
                        return position
                elif after == size and last:
                    self.damage.found(self._buffer.offset + position)
                    return position
                elif not last:
                    self._buffer.need = header + length + header
                    return position
            position += 1
        return position

    def _plausible(self, at: i64) -> i64:
        """The captured length if a record header may stand here, else -1."""
        seconds, fraction = self._u32(at), self._u32(at + 4)
        length, original = self._u32(at + 8), self._u32(at + 12)
        if length == 0 or length > LIKELY or original < length or original > LONGEST:
            return -1
        if fraction * self._unit >= 1_000_000_000:
            return -1
        near = self._seconds < 0 or -DAY < seconds - self._seconds < DAY or -DAY < seconds - self._before < DAY
        return length if near else -1
