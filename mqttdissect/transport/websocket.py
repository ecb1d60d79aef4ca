"""Take MQTT out of WebSocket: the HTTP upgrade, the frames with their masks, and compression.

Sources: RFC 6455, sections 4 (the upgrade) and 5 (frames); RFC 7692 (permessage-deflate); MQTT 5.0, chapter 6.

What comes out are chunks like those that went in, with the bytes of MQTT only; the frame that carried them is the same.
A gap within the payload of a WebSocket frame is one of MQTT's bytes. After any other gap the next frame is looked for
at the start of each segment, as that is where senders begin them; how much of MQTT is missing is not known then
(`Chunk.unsure`).
"""

import zlib
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.stream import OPEN, Chunk
from mqttdissect.transport.beginnings import LONGEST_HEAD, NO, YES, is_connect

CLIENT_BEGINS: Final = b"GET "
SERVER_BEGINS: Final = b"HTTP/1.1 101"
LONGEST_UPGRADE: Final = 8192  # bytes of a head
HELD_BYTES: Final = 65536  # of a stream of which it is not known yet whether MQTT is in it
LONGEST_FRAME: Final = 1 << 32  # bytes; what says more is no frame
PIECE: Final = 65536  # bytes of one chunk out of compressed ones
MOST_INFLATED: Final = 16 * 1024 * 1024  # bytes that one segment may grow to
WINDOW: Final = 32768  # bytes of output that a sender may refer back to
MOST_STREAMS: Final = 16  # compressed ones in a message; usual is none that ends
FLUSHED: Final = b"\x00\x00\xff\xff"  # what a sender leaves off behind a compressed message

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PONG: Final = 10

FIN: Final = 0x80
COMPRESSED: Final = 0x40  # RSV1
RESERVED: Final = 0x30
MASKED: Final = 0x80

MORE: Final = 0  # instead of a length
BAD: Final = -1

FIELDS: Final = frozenset(["upgrade", "sec-websocket-protocol", "sec-websocket-extensions"])
PUBLISH: Final = 3
WITH_FLAGS: Final = frozenset([6, 8, 10])  # PUBREL, SUBSCRIBE, UNSUBSCRIBE
SUBPROTOCOL: Final = "mqtt"  # that of MQTT 3.1 is mqttv3.1


def header_length(data: bytes, at: i64, size: i64) -> i64:
    """Bytes of the frame header at `at`; `MORE` if `data` ends in it, `BAD` if it is none."""
    if size - at < 2:
        return MORE
    first: i64 = data[at]
    opcode = first & 0x0F
    second: i64 = data[at + 1]
    length = second & 0x7F
    if first & RESERVED or TEXT + 1 < opcode < CLOSE or opcode > PONG:
        return BAD
    if opcode >= CLOSE and (length > 125 or not first & FIN or first & COMPRESSED):
        return BAD
    count: i64 = 2
    if length == 126:
        count = 4
    elif length == 127:
        count = 10
    if second & MASKED:
        count += 4
    return count if size - at >= count else MORE


def payload_length(data: bytes, at: i64) -> i64:
    """Bytes of the payload behind the frame header at `at`, which is whole; `BAD` if no frame is as long."""
    length: i64 = data[at + 1] & 0x7F
    if length < 126:
        return length
    end: i64 = at + 4 if length == 126 else at + 10
    longer = int.from_bytes(data[at + 2 : end], "big")
    return longer if longer <= LONGEST_FRAME else BAD


def unmask(data: bytes, key: bytes, phase: i64) -> bytes:
    """`data` without the mask of which `phase` bytes have gone before (RFC 6455, section 5.3)."""
    size = len(data)
    repeated = (key * (size // 4 + 2))[phase & 3 :][:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")).to_bytes(size, "little")


def is_frame(data: bytes, masked: bool) -> bool:
    """Does a frame begin here, as far as its header tells? masked: is it a client's?"""
    size: i64 = len(data)
    count = header_length(data, 0, size)
    if count == BAD or (size >= 2 and (data[1] & MASKED != 0) != masked):
        return False
    if count == MORE:
        return True
    length = payload_length(data, 0)
    least: i64 = 0
    if data[1] & 0x7F == 126:
        least = 126
    elif data[1] & 0x7F == 127:
        least = 65536
    return length >= least


class Upgrade:
    """What an HTTP head says. agrees: does it switch protocols? fields: values of `FIELDS` by name, those of one that
    comes several times joined by commas (RFC 9110, section 5.3). frame, time_ns: of its end."""

    def __init__(self, head: bytes, frame: i64, time_ns: i64) -> None:
        self.frame = frame
        self.time_ns = time_ns
        lines = head.decode("latin-1").split("\r\n")
        self.agrees = head.startswith(SERVER_BEGINS)
        self.fields: dict[str, str] = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            name, value = name.strip().lower(), value.strip()
            if colon and name in FIELDS:
                before = self.fields.get(name)
                self.fields[name] = value if before is None else f"{before}, {value}"

    @property
    def is_websocket(self) -> bool:
        """Does it ask for WebSocket, or agree to it?"""
        return "websocket" in self.fields.get("upgrade", "").lower()

    @property
    def subprotocols(self) -> list[str]:
        """Those that are offered, or the one that was selected."""
        return [one.strip() for one in self.fields.get("sec-websocket-protocol", "").split(",") if one.strip()]

    @property
    def extensions(self) -> str:
        """In small letters; empty for none."""
        return self.fields.get("sec-websocket-extensions", "").lower()


def is_joined(data: bytes) -> bool:
    """Is this a frame of a stream that was joined in the middle, with a control packet in it, both whole?"""
    size: i64 = len(data)
    count = header_length(data, 0, size)
    if count <= MORE or data[0] != FIN | BINARY or payload_length(data, 0) != size - count:
        return False
    inner = data[count:]
    if data[1] & MASKED:
        inner = unmask(inner, data[count - 4 : count], 0)
    length: i64 = 0
    shift: i64 = 0
    for at in range(1, min(5, len(inner))):
        byte: i64 = inner[at]
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return may_begin(inner[0]) and length == len(inner) - 1 - at
    return False


def may_begin(first: int) -> bool:
    """Is this the first byte of a control packet, with the flags that it should have (MQTT 5.0, section 2.1.3)?"""
    kind, flags = first >> 4, first & 0x0F
    return kind == PUBLISH or (kind > 0 and flags == (2 if kind in WITH_FLAGS else 0))


@final
class Side:
    """What one side sends: `begin` with the HTTP, then `take` frames.

    upgrade: what the head says, once it is there. masked: is it the client's? alone: is each message compressed without
    those before? texts: text messages; text_frame, text_ns: of the first.
    """

    __slots__ = ("_broken", "_ended", "_head", "_inflater", "_key", "_left", "_lost", "_missing", "_opcode", "_phase",
                 "_squeezed", "_tail", "_unsure", "_whole", "alone", "masked", "text_frame", "text_ns", "texts",
                 "upgrade")  # fmt: skip

    def __init__(self) -> None:
        self.upgrade: Upgrade | None = None
        self.masked = False
        self.alone = False
        self.texts: i64 = 0
        self.text_frame: i64 = 0
        self.text_ns: i64 = 0
        self._head = b""  # of HTTP, or of a frame: what there is of it
        self._left: i64 = 0  # bytes that the frame at hand still has
        self._key = b""
        self._phase: i64 = 0  # bytes of its payload before
        self._opcode: i64 = BINARY
        self._whole = True  # does the message end with this frame?
        self._squeezed = False  # is it compressed?
        self._inflater: zlib._Decompress | None = None
        self._tail = b""  # of what came out of it
        self._ended: i64 = 0  # compressed streams of the message that have come to their end
        self._broken = False  # does it lack what came before?
        self._lost = False  # is it not known where frames begin?
        self._missing: i64 = 0  # bytes before the next chunk,
        self._unsure = False  # perhaps fewer

    def begin(self, chunk: Chunk) -> bytes | None:
        """More of the head: what lies behind it, None before its end."""
        self._head += chunk.data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return None
        self.upgrade = Upgrade(self._head[:end], chunk.arrival, chunk.time_ns)
        rest = self._head[end + 4 :]
        self._head = b""
        return rest

    def fits(self, chunk: Chunk, start: bytes) -> bool:
        """May a head that begins like this have come, or go on here?"""
        head = (self._head + chunk.data)[: len(start)] if len(self._head) < len(start) else start
        return start.startswith(head)

    @property
    def too_long(self) -> bool:
        """Is the head longer than any?"""
        return len(self._head) > LONGEST_UPGRADE

    def join(self) -> None:
        """The head was not captured: frames begin somewhere."""
        self._head = b""
        self._lost = True
        self._broken = True

    @property
    def joined(self) -> bool:
        """Has it begun without a head?"""
        return self.upgrade is None and self._broken

    def take(self, data: bytes, chunk: Chunk, out: list[Chunk]) -> None:
        """Add the chunks of MQTT in `data`, which belongs to `chunk`."""
        if chunk.gap:
            self._gap(chunk.gap)
        if chunk.ending != OPEN:
            self._missing += len(self._head)
            out.append(self._chunk(chunk, b""))
            return
        if self._lost:
            if not is_frame(data, self.masked):
                self._lose(len(data))
                return
            self._lost = False
        if self._head:
            data = self._head + data
            self._head = b""
        at: i64 = 0
        size: i64 = len(data)
        while at < size:
            if self._left == 0:
                count = header_length(data, at, size)
                if count == MORE:
                    self._head = data[at:]
                    return
                if count == BAD or not self._open(data, at, count, chunk):
                    self._lose(size - at)
                    return
                at += count
            end = min(size, at + self._left)
            self._payload(data[at:end], chunk, out)
            self._left -= end - at
            at = end
            if self._left == 0 and self._whole and self._squeezed and self._opcode < CLOSE:
                self._inflate(FLUSHED, chunk, out)

    def _put(self, data: bytes, chunk: Chunk, out: list[Chunk]) -> None:
        """Bytes of MQTT."""
        if not data:
            return
        if out and not self._missing and len(out[-1].data) < PIECE:
            out[-1].data += data
        else:
            out.append(self._chunk(chunk, data))

    def _chunk(self, chunk: Chunk, data: bytes) -> Chunk:
        made = Chunk(
            chunk.stream, chunk.direction, data, chunk.frame, chunk.arrival, chunk.time_ns, self._missing, chunk.ending
        )
        made.before = chunk.before
        made.end = chunk.end
        made.acknowledgement = chunk.acknowledgement
        made.unsure = self._unsure
        self._missing = 0
        self._unsure = False
        return made

    def _gap(self, gap: i64) -> None:
        """Bytes are missing: of the payload at hand, or nobody knows of what."""
        control = self._opcode >= CLOSE
        if self._lost or self._head or gap > self._left or (self._squeezed and not control):
            self._missing += gap
            self._lose(0)
            return
        self._left -= gap
        self._phase += gap
        if not control:
            self._missing += gap

    def _lose(self, count: i64) -> None:
        """It is not known any more where frames begin; `count` bytes are of no use."""
        self._missing += count + len(self._head)
        self._unsure = True
        self._lost = True
        self._left = 0
        self._head = b""
        self._squeezed = False
        self._broken = True

    def _open(self, data: bytes, at: i64, count: i64, chunk: Chunk) -> bool:
        """A frame's header is whole. Can what follows be read?"""
        length = payload_length(data, at)
        if length == BAD:
            return False
        first: i64 = data[at]
        self._left = length
        self._key = data[at + count - 4 : at + count] if data[at + 1] & MASKED else b""
        self._phase = 0
        self._opcode = first & 0x0F
        if self._opcode >= CLOSE:  # it may come between the frames of a message
            return True
        self._whole = first & FIN != 0
        if self._opcode == CONTINUATION:
            return True
        if self._opcode == TEXT and not self._broken:  # else it may be no frame
            self.texts += 1
            if self.texts == 1:
                self.text_frame = chunk.arrival
                self.text_ns = chunk.time_ns
        self._squeezed = first & COMPRESSED != 0
        self._ended = 0
        if self._squeezed:
            if self.alone or (self._inflater is None and not self._broken):
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
                self._tail = b""
            elif self._broken:
                self._inflater = None
        return True

    def _payload(self, data: bytes, chunk: Chunk, out: list[Chunk]) -> None:
        """Bytes of the frame at hand."""
        if self._opcode >= CLOSE or not data:
            return
        if self._key:
            data = unmask(data, self._key, self._phase)
            self._phase += len(data)
        if self._squeezed:
            self._inflate(data, chunk, out)
        else:
            self._put(data, chunk, out)

    def _inflate(self, data: bytes, chunk: Chunk, out: list[Chunk]) -> None:
        """The same of a compressed message."""
        inflater = self._inflater
        room = MOST_INFLATED
        try:
            while data and inflater is not None and room > 0:
                part = inflater.decompress(data, PIECE)
                room -= len(part)
                self._put(part, chunk, out)
                self._tail = (self._tail + part)[-WINDOW:]
                data = inflater.unconsumed_tail
                if inflater.eof:  # it may end, and another one begins (RFC 7692, section 7.2.3.4)
                    data = inflater.unused_data
                    self._ended += 1
                    self._again()
                    inflater = self._inflater
        except zlib.error:
            room = 0
        if inflater is None or room <= 0:
            self._inflater = None
            self._broken = True
            self._missing += len(data)
            self._unsure = True

    def _again(self) -> None:
        """For what is compressed next, with what came before as context."""
        if self._ended >= MOST_STREAMS:
            self._inflater = None
        elif self._tail:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS, self._tail)
        else:
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)


@final
class WebSocket:
    """A stream in which MQTT may come in WebSocket: `feed` it chunks, it returns those of MQTT inside. client: the
    direction of the side that asks for WebSocket. is_mqtt: None until it is known. name: what it is, if not MQTT."""

    __slots__ = ("_held", "_held_bytes", "_promised", "_start", "client", "is_mqtt", "name", "sides")

    def __init__(self, client: i64) -> None:
        self.client = client
        self.is_mqtt: bool | None = None
        self.name = "HTTP"
        self.sides = [Side(), Side()]
        self.sides[client].masked = True
        self._promised = False  # did a head say that it is?
        self._held: list[Chunk] = []  # until it is known
        self._held_bytes: i64 = 0
        self._start = b""  # of what the client sends

    def feed(self, chunk: Chunk) -> list[Chunk]:
        """The chunks of MQTT that `chunk` lets out."""
        side = self.sides[chunk.direction]
        out: list[Chunk] = []
        data: bytes | None = chunk.data
        if side.upgrade is None and not side.joined:
            start = CLIENT_BEGINS if chunk.direction == self.client else SERVER_BEGINS[:4]
            if chunk.gap or (self.is_mqtt and (chunk.ending != OPEN or side.too_long)) or not side.fits(chunk, start):
                side.join()
            else:
                data = side.begin(chunk)
                if data is None:
                    if (side.too_long and not self.is_mqtt) or chunk.ending != OPEN:
                        self.is_mqtt = False
                    return out
                self._upgraded(chunk.direction, side)
        if data or chunk.ending != OPEN:
            assert data is not None
            side.take(data, chunk, out)
        if self.is_mqtt is None:
            return self._undecided(chunk, out)
        return out if self.is_mqtt else []

    def join(self) -> None:
        """The capture has joined it in the middle, and knows MQTT in it."""
        self.is_mqtt = True
        for side in self.sides:
            side.join()

    def _undecided(self, chunk: Chunk, out: list[Chunk]) -> list[Chunk]:
        self._held.extend(out)
        for one in out:
            self._held_bytes += len(one.data)
            if chunk.direction == self.client:
                self._start += one.data[:LONGEST_HEAD]
        answer = is_connect(self._start)
        if answer == YES or (self._promised and self._held_bytes):
            self.is_mqtt = True
            held, self._held = self._held, []
            return held
        if (answer == NO and self._start) or chunk.ending != OPEN or self._held_bytes > HELD_BYTES:
            self.is_mqtt = False
            self._held = []
        return []

    def _upgraded(self, direction: i64, side: Side) -> None:
        """The head of a side is there."""
        upgrade = side.upgrade
        assert upgrade is not None
        agreed = upgrade.is_websocket and (direction == self.client or upgrade.agrees)
        if not agreed:
            self.is_mqtt = False
            if self.name != "HTTP":
                self.name = "WebSocket that was refused"
            return
        self.name = "WebSocket without MQTT"
        names = upgrade.subprotocols
        if any(one.lower().startswith(SUBPROTOCOL) for one in names):
            self._promised = True
        elif names and direction != self.client:  # the broker has selected something else
            self._promised = False
        if direction != self.client and "permessage-deflate" in upgrade.extensions:
            self.sides[self.client].alone = "client_no_context_takeover" in upgrade.extensions
            side.alone = "server_no_context_takeover" in upgrade.extensions
