"""snoop, the format of Solaris: a 16-byte header, then records of 24 bytes, a frame and padding each; big-endian.

Source: RFC 1761 (version 2); data link types beyond it from Solaris's <sys/dlpi.h>. A record header that cannot be true
is damage; the next two in a row that can be true end it.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.buffer import Buffer
from mqttdissect.capture.frame import MAX_FRAME, CaptureError, Damage, Frame, Interface, note_damage
from mqttdissect.capture.octets import u32be

MAGIC: Final = b"snoop\0\0\0"
HEADER: Final = 16
RECORD: Final = 24
VERSION: Final = 2
DAY: Final = 86400
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
        self.damage: list[Damage] = []
        self.frames: i64 = 0
        self._buffer = Buffer()
        self._buffer.need = HEADER
        self._link: i64 = 0
        self._seconds: i64 = -1  # of the last good record
        self._lost_at: i64 = -1  # offset where records stopped making sense
        self._lost_why = ""

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
            note_damage(self.damage, 0, f"the file ends inside its header ({buffer.available()} of {HEADER} bytes)")
            return []
        frames = self._records(True)
        left = buffer.available()
        if self._lost_at >= 0:
            self._found(buffer.here() + left)
        elif left:
            note_damage(self.damage, buffer.here(), f"the file ends inside a record ({left} bytes of it are there)")
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
            if self._lost_at >= 0:
                self._search(last)
                if self._lost_at >= 0:
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
                if size - at < RECORD + length:
                    self._lose(f"the file ends inside a record ({size - at} bytes of it are there)")
                    continue
                whole = size - at  # only padding is missing
            self.frames += 1
            self._seconds = u32be(data, at + 16)
            time_ns = self._seconds * 1_000_000_000 + u32be(data, at + 20) * 1000
            frame = data[at + RECORD : at + RECORD + length]
            frames.append(Frame(self.frames, time_ns, self._link, frame, u32be(data, at), 0))
            self.interfaces[0].dropped = u32be(data, at + 12)
            buffer.position = at + whole
        return frames

    def _lose(self, why: str) -> None:
        self._lost_at = self._buffer.here()
        self._lost_why = why
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
                        self._found(buffer.here())
                        return
                elif after == size and last:
                    self._found(buffer.here())
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
        if length == 0 or length > LIKELY or original < length or original > 1 << 24:
            return 0
        if whole < RECORD + length or whole > RECORD + length + 64 or u32be(data, at + 20) >= 1_000_000:
            return 0
        if self._seconds >= 0 and not -DAY < seconds - self._seconds < DAY:
            return 0
        return whole

    def _found(self, here: i64) -> None:
        if self._lost_why.startswith("the file ends") and here == self._buffer.here() + self._buffer.available():
            note_damage(self.damage, self._lost_at, self._lost_why)
        else:
            note_damage(self.damage, self._lost_at, f"{self._lost_why}; {here - self._lost_at} bytes skipped")
        self._lost_at = -1
