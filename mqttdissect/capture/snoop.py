"""snoop, the format of Solaris: a 16-byte header, then records of 24 bytes, a frame and padding each; big-endian.

Source: RFC 1761 (version 2); data link types beyond it from Solaris's <sys/dlpi.h>. A record header that cannot be true
is damage; the next two in a row that can be true end it. One that is odd is believed if another can stand behind it.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.buffer import Buffer
from mqttdissect.capture.damage import Damages, cut_off
from mqttdissect.capture.frame import MAX_FRAME, CaptureError, Frame, Interface
from mqttdissect.capture.octets import u32be

MAGIC: Final = b"snoop\0\0\0"
HEADER: Final = 16
RECORD: Final = 24
VERSION: Final = 2
DAY: Final = 86400
MOST_PADDING: Final = 64  # bytes that usual records have
CLOCK_JUMPS: Final = 8
LONGEST: Final = 1 << 24  # bytes that a frame had on the wire
LIKELY: Final = 262144  # bytes that no common data link's frames exceed
LINK_TYPES: Final[dict[int, int]] = {  # data link type: LINKTYPE_ value
    0: 1,  # IEEE 802.3
    2: 6,  # IEEE 802.5 token ring
    4: 1,  # Ethernet
    5: 104,  # HDLC
    8: 10,  # FDDI
}


@final
class SnoopReader:
    """`feed` it the file from its first byte on; `close` when there is no more.

    Raises `CaptureError` for a version or a data link type that is not known here.
    """

    def __init__(self) -> None:
        self.interfaces: list[Interface] = []
        self.damage = Damages()
        self.frames: i64 = 0
        self._buffer = Buffer()
        self._buffer.need = HEADER
        self._link: i64 = 0
        self._usual: i64 = 0  # what is odd about the records of this file (`_oddity`)
        self._seconds: i64 = -1  # of the last good record
        self._before: i64 = -DAY  # the same before the clock jumped last

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`."""
        if not self._buffer.add(data):
            return []
        if not self.interfaces:
            self._header()
        return self._records(False)

    def close(self) -> list[Frame]:
        """The input has ended; what is left over is damage."""
        buffer = self._buffer
        buffer.settle()
        if not self.interfaces:
            self.damage.note(0, f"the file ends inside its header ({buffer.available()} of {HEADER} bytes)")
            return []
        frames = self._records(True)
        left = buffer.available()
        self.damage.ended(buffer.here() + left, "record", left)
        return frames

    def _header(self) -> None:
        data = self._buffer.data
        version, kind = u32be(data, 8), u32be(data, 12)
        if data[:8] != MAGIC:
            raise CaptureError(f"not a capture (it starts with {data[:8].hex(' ')})")
        if version != VERSION:
            raise CaptureError(f"a snoop capture of version {version}; only version {VERSION} is read here")
        link_type = LINK_TYPES.get(int(kind), -1)
        if link_type < 0:
            raise CaptureError(f"a snoop capture of data link type {kind}, which is not known here")
        self._link = link_type
        self.interfaces.append(Interface(self._link, 0))
        self._buffer.position = HEADER

    def _records(self, last: bool) -> list[Frame]:
        frames: list[Frame] = []
        buffer = self._buffer
        data = buffer.data
        size: i64 = len(data)
        while True:
            if self.damage.lost:
                self._search(last)
                if self.damage.lost:
                    break
            at = buffer.position
            if size - at < RECORD:
                buffer.need = RECORD
                break
            length, whole = u32be(data, at + 4), u32be(data, at + 8)
            if length > MAX_FRAME or whole < RECORD + length or whole - RECORD - length > LIKELY:
                self._lose("no valid record header")
                continue
            if size - at < whole:
                if not last:
                    buffer.need = whole
                    break
                if size - at < RECORD + length or whole > RECORD + length + MOST_PADDING:
                    self._lose(cut_off("record", size - at), True)
                    continue
                whole = size - at  # only padding is missing
            oddity = self._oddity(at, self._seconds)
            if self._seconds < 0:
                self._usual = oddity
            oddity &= ~self._usual
            if oddity:
                if size - at - whole < RECORD and not last:
                    buffer.need = whole + RECORD
                    break
                if size - at - whole >= RECORD:
                    following = self._oddity(at + whole, u32be(data, at + 16)) & ~self._usual
                    both = oddity | following
                    if following and both & (both - 1):
                        self._lose("no valid record header")
                        continue
                    if oddity & CLOCK_JUMPS:
                        self._before = self._seconds
            self.frames += 1
            self._seconds = u32be(data, at + 16)
            time_ns = self._seconds * 1_000_000_000 + u32be(data, at + 20) * 1000
            start = at + RECORD
            frames.append(Frame(self.frames, time_ns, self._link, data, u32be(data, at), 0, start, start + length))
            self.interfaces[0].dropped = u32be(data, at + 12)
            buffer.position = at + whole
        return frames

    def _oddity(self, at: i64, before: i64) -> i64:
        """What is odd about the header at `at`, in bits. before: seconds of the record before it; -1 for none."""
        data = self._buffer.data
        length, whole = u32be(data, at + 4), u32be(data, at + 8)
        odd: i64 = 0
        if length == 0:
            odd |= 1
        if not length <= u32be(data, at) <= LONGEST:
            odd |= 2
        if u32be(data, at + 20) >= 1_000_000:
            odd |= 4
        if before >= 0 and not -DAY < u32be(data, at + 16) - before < DAY:
            odd |= CLOCK_JUMPS
        if length > MAX_FRAME or not RECORD + length <= whole <= RECORD + length + MOST_PADDING:
            odd |= 16
        return odd

    def _lose(self, why: str, cut_off: bool = False) -> None:
        self.damage.lose(self._buffer.here(), why, cut_off)
        self._buffer.position += 1

    def _search(self, last: bool) -> None:
        """Step to where two plausible record headers follow each other; wait there for more if need be."""
        buffer = self._buffer
        size: i64 = len(buffer.data)
        while buffer.position + RECORD <= size:
            whole = self._plausible(buffer.position)
            if whole > 0:
                after = buffer.position + whole
                if after + RECORD <= size:
                    if self._plausible(after) > 0:
                        self.damage.found(buffer.here())
                        return
                elif after == size and last:
                    self.damage.found(buffer.here())
                    return
                elif not last:
                    buffer.need = whole + RECORD
                    return
            buffer.position += 1
        buffer.need = RECORD

    def _plausible(self, at: i64) -> i64:
        """Bytes of the whole record if its header may stand here, else 0."""
        data = self._buffer.data
        original, length, whole = u32be(data, at), u32be(data, at + 4), u32be(data, at + 8)
        seconds = u32be(data, at + 16)
        if length == 0 or length > LIKELY or original < length or original > LONGEST:
            return 0
        if whole < RECORD + length or whole > RECORD + length + MOST_PADDING or u32be(data, at + 20) >= 1_000_000:
            return 0
        near = self._seconds < 0 or -DAY < seconds - self._seconds < DAY or -DAY < seconds - self._before < DAY
        return whole if near else 0
