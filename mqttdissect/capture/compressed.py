"""Compressed captures: gzip, bzip2, xz, zstd and lz4, known by their first bytes, also one around another.

Bytes in, decompressed bytes out in pieces of at most `PIECE`, each worked out when it is asked for: what a file grows
to costs time, never memory. Concatenated members are one stream, zeros behind the last are padding. Data that breaks
off or is corrupt gives what came before, and is damage. Sources: RFC 1952, RFC 8878, the xz and lz4 frame formats.

Not compiled: the time goes into the libraries, whose types mypyc does not know.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any, Final, Protocol

from mqttdissect.capture.damage import Damage
from mqttdissect.capture.frame import CaptureError

PIECE: Final = 128 * 1024  # bytes that come out at once, at most
STEP: Final = 8 * 1024  # bytes that go in at once; what a corrupt step gave before the fault is lost, but for gzip
MOST_LAYERS: Final = 2  # of compression around a capture
XZ_MEMORY: Final = 256 * 1024 * 1024  # bytes; xz -9 needs 65 MiB, a forged header may ask for 4 GiB
LONGEST_MAGIC: Final = 6


class Codec(Protocol):
    """The shape of `bz2.BZ2Decompressor`, which the others share."""

    eof: bool
    needs_input: bool
    unused_data: bytes | None

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most `max_length` bytes; again with no data while `needs_input` is false."""


class Corrupt(Exception):
    """What could still be decompressed, and how many bytes are left from the fault on."""

    def __init__(self, rest: bytes, left: int, why: str) -> None:
        super().__init__(why)
        self.rest = rest
        self.left = left


class Gzip:
    """zlib's decompressor in the shape of the others. It can be copied, so a fault costs nothing that came before."""

    def __init__(self) -> None:
        self.eof = False
        self.needs_input = True
        self.unused_data: bytes | None = b""
        self._tail = b""
        self._inflate = zlib.decompressobj(31)

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """As `Codec`."""
        data = self._tail + data
        before = self._inflate.copy()
        try:
            out = self._inflate.decompress(data, max_length)
        except zlib.error:
            raise self._rescue(before, data) from None
        self._tail = self._inflate.unconsumed_tail
        self.eof = self._inflate.eof
        self.unused_data = self._inflate.unused_data
        self.needs_input = not self._tail and len(out) < max_length
        return out

    def _rescue(self, inflate: Any, data: bytes) -> Corrupt:
        """Byte by byte up to the fault."""
        out: list[bytes] = []
        for at in range(len(data)):
            try:
                out.append(inflate.decompress(data[at : at + 1]))
            except zlib.error as error:
                return Corrupt(b"".join(out), len(data) - at, reason(error))
        return Corrupt(b"".join(out), 0, "invalid data")


class Skipped:
    """A skippable frame (RFC 8878, 3.1.2), which zstd and lz4 share: a magic number, a length, bytes of no meaning."""

    def __init__(self) -> None:
        self.eof = False
        self.needs_input = True
        self.unused_data: bytes | None = b""
        self._head = b""
        self._left = -1

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """Nothing, ever."""
        if self._left < 0:
            data = self._head + data
            if len(data) < 8:
                self._head = data
                return b""
            self._left = int.from_bytes(data[4:8], "little")
            data = data[8:]
        self.unused_data = data[self._left :]
        self._left -= len(data) - len(self.unused_data)
        self.eof = self._left == 0
        return b""


def bzip2() -> Codec:
    """bzip2, of the standard library."""
    codec: Codec = import_module("bz2").BZ2Decompressor()
    return codec


def xz() -> Codec:
    """xz, of the standard library."""
    lzma = import_module("lzma")
    codec: Codec = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
    return codec


def zstd() -> Codec:
    """zstd: of the standard library from Python 3.14 on, else of the extra."""
    module = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
    codec: Codec = extra(module, "zstd").ZstdDecompressor()
    return codec


def lz4() -> Codec:
    """lz4 frames, of the extra."""
    codec: Codec = extra("lz4.frame", "lz4").LZ4FrameDecompressor()
    return codec


def extra(module: str, name: str) -> Any:
    """An optional module. Raises `CaptureError` if it is not installed."""
    try:
        return import_module(module)
    except ImportError:
        raise CaptureError(f"compressed with {name}, which `pip install 'mqttdissect[{name}]'` adds") from None


SKIPPABLE: Final = "skippable"
CODECS: Final[list[tuple[bytes, str, Callable[[], Codec]]]] = [
    (b"\x1f\x8b\x08", "gzip", Gzip),
    (b"\x28\xb5\x2f\xfd", "zstd", zstd),
    (b"\x04\x22\x4d\x18", "lz4", lz4),
    (b"\xfd7zXZ\x00", "xz", xz),
    (b"BZh", "bzip2", bzip2),
    *((bytes([0x50 + low, 0x2A, 0x4D, 0x18]), SKIPPABLE, Skipped) for low in range(16)),
]


def reason(error: Exception) -> str:
    """A library's words, in the middle of a line."""
    text = str(error).split(": ", 1)[-1].strip().rstrip(".")
    return text[:1].lower() + text[1:]


class Decompressor:
    """`feed` it a file from its first byte on and `close` it: iterators of the file's bytes, decompressed if need be.

    Each iterator must be read to its end before the next call. Raises `CaptureError` while one is read: a package is
    missing, or there are more than two layers of compression. `damage`: offsets in the compressed bytes.
    """

    def __init__(self, layers: int = MOST_LAYERS) -> None:
        self.name = ""  # of the compression; empty if there is none, or not known yet
        self.ended = False  # at a fault: what follows is of no use
        self._layers = layers
        self._plain = False
        self._waiting = b""  # bytes in which a magic number may start
        self._codec: Codec | None = None
        self._taken = 0  # bytes before the next step
        self._damage: list[Damage] = []
        self._inner: Decompressor | None = None

    @property
    def damage(self) -> list[Damage]:
        """Where the compressed data was corrupt or ended."""
        within = self._inner.damage if self._inner is not None else []
        return self._damage + [Damage(one.offset, f"{one.message} (inside the {self.name} data)") for one in within]

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The pieces that `data` gives."""
        if self._plain:
            yield data
            return
        if not self.name:
            data = self._waiting + data
            self._waiting = b""
            if len(data) < LONGEST_MAGIC:
                self._waiting = data
                return
            self._recognise(data)
            if self._plain:
                yield data
                return
        yield from self._within(data)

    def close(self) -> Iterator[bytes]:
        """The input has ended."""
        if not self.name:
            if self._waiting:
                self._recognise(self._waiting)
            if not self.name:
                yield self._waiting
                return
            yield from self._within(b"")
        yield from self._within(b"", True)
        if not self.ended and (self._codec is not None or self._waiting):
            self._fault(self._taken + len(self._waiting), "the {} data breaks off")
        inner = self._inner
        if inner is not None:
            known = len(inner._damage)
            yield from inner.close()
            if self._damage:
                del inner._damage[known:]  # it breaks off because this does

    def _recognise(self, data: bytes) -> None:
        found = codec_of(data)
        if found is None:
            self._plain = True
        elif self._layers == 0:
            raise CaptureError(f"compressed more than {MOST_LAYERS} times over")
        else:
            self.name = found[0]
            self._inner = Decompressor(self._layers - 1)

    def _within(self, data: bytes, last: bool = False) -> Iterator[bytes]:
        """What the layers within make of what this one gives."""
        inner = self._inner
        assert inner is not None
        for piece in self._members(data, last):
            if not inner.ended:
                yield from inner.feed(piece)

    def _members(self, data: bytes, last: bool) -> Iterator[bytes]:
        """Decompress one member after the other."""
        data = self._waiting + data
        self._waiting = b""
        while data and not self.ended:
            if self._codec is None:
                data = self._start(data, last)
                if self._codec is None:
                    return
            step = data[:STEP]
            data = data[STEP:]
            codec = self._codec
            yield from self._step(codec, step)
            if codec.eof and not self.ended:
                rest = codec.unused_data or b""
                self._taken -= len(rest)
                data = rest + data
                self._codec = None

    def _start(self, data: bytes, last: bool) -> bytes:
        """Step over padding to the next member; its bytes."""
        if self._taken:
            rest = data.lstrip(b"\0")
            self._taken += len(data) - len(rest)
            data = rest
        found = codec_of(data)
        if found is not None:
            if self.name == SKIPPABLE:
                self.name = found[0]
            self._codec = found[1]()
        elif len(data) < LONGEST_MAGIC and not last:
            self._waiting = data
        elif data:
            self._fault(self._taken, "bytes that are no {} data")
        return data

    def _step(self, codec: Codec, step: bytes) -> Iterator[bytes]:
        """Decompress a few bytes, piece by piece."""
        try:
            out = codec.decompress(step, PIECE)
            while True:
                if out:
                    yield out
                if codec.eof or (codec.needs_input and len(out) < PIECE):
                    break
                out = codec.decompress(b"", PIECE)
        except Corrupt as error:
            if error.rest:
                yield error.rest
            self._fault(self._taken + len(step) - error.left, f"the {{}} data is corrupt: {error}")
        except CaptureError:
            raise
        except Exception as error:  # each library has its own, and some have several
            self._fault(self._taken, f"the {{}} data is corrupt: {reason(error)}")
        self._taken += len(step)

    def _fault(self, at: int, message: str) -> None:
        self.ended = True
        self._damage.append(Damage(at, message.format(self.name)))


def codec_of(data: bytes) -> tuple[str, Callable[[], Codec]] | None:
    """Name and maker of the decompressor for what starts with `data`."""
    for magic, name, make in CODECS:
        if data.startswith(magic):
            return name, make
    return None
