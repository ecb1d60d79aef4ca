"""Inputs to fuzz with, by number: `case(target, seed, number)` is the same everywhere.

capture: shipped captures, damaged, and files made of nothing. stream: MQTT in TCP segments that are lost, doubled, cut
anew and out of order, in a sound file. packet: control packets, damaged.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))  # appended, so that an installed build is not hidden

import support  # noqa: E402
from conversation import messages  # noqa: E402
from mutate import mutated, shuffled, smashed, spliced  # noqa: E402

TARGETS = ("capture", "stream", "packet")
LARGEST_SEED = 48_000  # bytes; of larger captures only the start is used
MOST_FRAMES = 300  # of one connection, about
UNITS = [b"\xc0\x00", b"\x30\x80", b"\x40\x02\0\1", b"\x30", b"\x10", b"\xd0\0\xc0\0", b"\x30\x03\0\1a"]
HOSTS = [b"broker", b"a.b-c", b"10.0.0.9", b"=x", b"\x1b[2J\xff", "\u202ex".encode(), b"n" * 300, b""]
LINKS = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276, 147]


COMPRESSORS = [
    gzip.compress,
    bz2.compress,
    lzma.compress,
    zlib.compress,
    lambda data: gzip.compress(bz2.compress(data)),
]


def encapsulated() -> list[bytes]:
    """A short conversation in each link type and tunnel, some to a file."""
    from encapsulations import CASES

    stream = support.Stream().handshake().client(support.connect()).server(support.CONNACK)
    stream.client(support.publish("a/b", b"x" * 40), support.DISCONNECT).fin()
    names = sorted(CASES)
    files = []
    for at in range(0, len(names), 8):
        some = names[at : at + 8]
        parts = [support.section(), *(support.interface(CASES[name][0]) for name in some)]
        for index, name in enumerate(some):
            parts += [support.enhanced(CASES[name][1](frame[14:]), 1_000_000, index) for frame in stream.frames]
        files.append(b"".join(parts))
    return files


def records(pcap: bytes) -> list[bytes]:
    """The frames of a little-endian pcap file."""
    found = []
    at = 24
    while at + 16 <= len(pcap):
        size = struct.unpack_from("<I", pcap, at + 8)[0]
        found.append(pcap[at + 16 : at + 16 + size])
        at += 16 + size
    return found


def as_snoop(pcap: bytes) -> bytes:
    """The same frames in a snoop file (RFC 1761)."""
    out = [b"snoop\0\0\0" + struct.pack(">II", 2, 4)]
    for frame in records(pcap):
        pad = -len(frame) % 4
        out.append(struct.pack(">IIIIII", len(frame), len(frame), 24 + len(frame) + pad, 0, 1, 0) + frame + bytes(pad))
    return b"".join(out)


def as_modified(pcap: bytes) -> bytes:
    """The same frames in a modified pcap file, whose record headers have eight bytes more."""
    out = [struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 1)]
    for frame in records(pcap):
        out.append(struct.pack("<IIIIIHBB", 1, 0, len(frame), len(frame), 1, 8, 0, 0) + frame)
    return b"".join(out)


@dataclass(frozen=True)
class Case:
    """An input. version: what `--mqtt-version` says, 0 for nothing; of a packet, its protocol level.

    expected: the bytes of both directions, where the capture has every one of them, else None.
    """

    target: str
    version: int
    data: bytes
    expected: tuple[bytes, bytes] | None = field(default=None, compare=False)


class Inputs:
    """`case(target, seed, number)` makes an input. corpus: a folder of more captures to start from."""

    def __init__(self, corpus: Path | None = None) -> None:
        files = sorted((ROOT / "captures").glob("*.pcap*"))
        if corpus is not None:
            files += sorted(path for path in corpus.iterdir() if path.is_file())
        self.seeds = [path.read_bytes()[:LARGEST_SEED] for path in files]
        self.seeds += encapsulated() + [as_snoop(self.seeds[0]), as_modified(self.seeds[0])]

    def case(self, target: str, seed: int, number: int) -> Case:
        """The input of this number."""
        rng = Random(f"{seed} {target} {number}")
        if target == "capture":
            return Case(target, rng.choice([0, 0, 0, 3, 4, 5]), self._capture(rng))
        if target == "stream":
            return stream_case(rng)
        version = rng.choice([3, 4, 5])
        data = rng.choice(messages(rng, version, 12))[1]
        if rng.random() < 0.05:
            data = rng.randbytes(rng.randrange(1, 200))
        elif rng.random() < 0.97:
            data = mutated(rng, data) or b"\0"
        return Case(target, rng.choice([version, 3, 4, 5]), data)

    def _capture(self, rng: Random) -> bytes:
        data = self._plain(rng)
        if rng.random() < 0.1:
            data = rng.choice(COMPRESSORS)(data)
            return mutated(rng, data) if rng.random() < 0.6 else data
        return data

    def _plain(self, rng: Random) -> bytes:
        choice = rng.random()
        if choice < 0.15 or not self.seeds:
            return made_up(rng)
        data = rng.choice(self.seeds)
        if choice < 0.35:
            data = smashed(rng, data)
        elif choice < 0.45:
            data = shuffled(rng, data)
        elif choice < 0.55:
            data = spliced(rng, data, rng.choice(self.seeds))
        elif choice < 0.57:
            return rng.randbytes(rng.randrange(0, 400))
        if rng.random() < 0.2:
            data = with_run(rng, data)
        return mutated(rng, data, 40 if rng.random() < 0.3 else 4) if choice > 0.3 else data


def with_run(rng: Random, data: bytes) -> bytes:
    """The same with a run of zeros, junk or text in it, between its bytes or over them."""
    run = rng.choice([bytes(1), b"\xff", b"disk full\n", rng.randbytes(40)]) * rng.randrange(1, 5000)
    run = run[: rng.choice([1, 16, 64, 5000])]
    at = rng.randrange(len(data) + 1)
    return data[:at] + run + data[at + rng.choice([0, len(run), rng.randrange(64)]) :]


def made_up(rng: Random) -> bytes:
    """A file made of nothing: sound or senseless blocks around frames that may hold MQTT."""
    frames = [reframed(rng, frame) for frame in stream_frames(rng)[0]]
    if rng.random() < 0.1:
        frames = [rng.randbytes(rng.randrange(0, 200)) for _ in range(rng.randrange(1, 30))]
    link = rng.choice(LINKS)
    if link != 1:
        frames = [relinked(rng, frame, link) for frame in frames]
    if rng.random() < 0.4:
        data = support.pcap(frames, link, rng.choice("<>"), rng.random() < 0.5, rng.choice([0, 1, 1000, 10**6, 10**9]))
        if rng.random() < 0.5:
            data = cut_short(rng, data)
    else:
        data = blocks(rng, frames, link)
    return mutated(rng, data) if rng.random() < 0.3 else data


def cut_short(rng: Random, data: bytes) -> bytes:
    """The same classic file as a snap length leaves it."""
    snap = rng.choice([0, 14, 34, 54, 60, 80, 100, rng.randrange(200)])
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    out, at = [data[:24]], 24
    while at + 16 <= len(data):
        stamp, fraction, length, original = struct.unpack_from(order + "IIII", data, at)
        out.append(struct.pack(order + "IIII", stamp, fraction, min(snap, length), original))
        out.append(data[at + 16 : at + 16 + min(snap, length)])
        at += 16 + length
    return b"".join(out)


def blocks(rng: Random, frames: list[bytes], link: int) -> bytes:
    """A pcapng file with every kind of block, in every order."""
    order = rng.choice("<>")
    number = 0
    out = [support.section(order), interface(rng, link, order)]
    for index, frame in enumerate(frames):
        choice = rng.random()
        ticks = rng.choice([index * 1000, index * 1000, rng.getrandbits(64), 2**64 - 1, 2**63, 2**52])
        if choice < 0.7:
            out.append(support.enhanced(frame, ticks, rng.randrange(number + 1), order))
        elif choice < 0.8:
            out.append(support.block(3, struct.pack(order + "I", len(frame)) + frame, order))
        elif choice < 0.85:
            head = struct.pack(order + "HHIIII", 0, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
            out.append(support.block(2, head + frame, order))
        elif choice < 0.9:
            out.append(interface(rng, link, order))
            number += 1
        elif choice < 0.93:
            out.append(support.block(rng.choice([4, 5, 10, 0xBAD, 77]), rng.randbytes(rng.randrange(60)), order))
        elif choice < 0.94:
            out.append(support.block(rng.choice([10, 78]), bytes(rng.choice([65536, 70000])), order))
        elif choice < 0.945:
            lie = rng.choice([300_000, 2**24 - 4, 2**28, 2**32 - 4])
            out.append(struct.pack(order + "II", rng.choice([4, 5, 10, 0xBAD, 2**31 + 1]), lie) + rng.randbytes(20))
        elif choice < 0.955:
            names = [
                support.option(kind, rng.choice([frame[26:30], bytes(15) + b"\1"]) + rng.choice(HOSTS) + b"\0", order)
                for kind in rng.choices([1, 2, 3], k=rng.randrange(4))
            ]
            out.append(support.block(4, b"".join(names) + bytes(4), order))
        elif choice < 0.96:
            order = rng.choice("<>")
            number = 0
            out += [support.section(order), interface(rng, link, order)]
    return b"".join(out)


def interface(rng: Random, link: int, order: str) -> bytes:
    """An interface with options that make sense or not."""
    options = b""
    for _ in range(rng.randrange(4)):
        code = rng.choice([0, 1, 2, 9, 9, 14, 14, rng.randrange(20)])
        value = rng.choice([bytes([rng.randrange(256)]), rng.randbytes(8), b"lo\x1b[1m\xff", b"", rng.randbytes(3)])
        options += support.option(code, value, order)
    return support.interface(link, options, order, rng.choice([0, 0, 262144, 60]))


def reframed(rng: Random, frame: bytes) -> bytes:
    """An Ethernet frame with tags, IP options, extension headers or damage, now and then."""
    choice = rng.random()
    head, packet = frame[:14], frame[14:]
    if choice < 0.05:
        return head[:12] + b"\x81\x00" + rng.randbytes(2) + head[12:] + packet
    if choice < 0.1:
        return mutated(rng, frame)
    if choice < 0.13:
        return frame[: rng.randrange(len(frame) + 1)]
    if choice < 0.2 and packet[0] == 0x45:
        options = rng.randrange(1, 11)
        total = len(packet) + 4 * options
        return head + bytes([0x45 + options]) + packet[1:2] + struct.pack(">H", total) + packet[4:20] + bytes(
            4 * options) + packet[20:]  # fmt: skip
    if choice < 0.3 and packet[0] == 0x45:
        inner = packet[20:]
        following = 6
        for _ in range(rng.randrange(4)):
            kind = rng.choice([0, 43, 44, 51, 60, 135, 139, 140, 50, 59])
            inner = bytes([following, rng.choice([0, 0, 1, 255]), 0, rng.choice([0, 0, 1, 8])]) + bytes(4) + inner
            following = kind
        return head[:12] + b"\x86\xdd" + support.ip(bytes(15) + b"\1", bytes(15) + b"\2", inner, following)
    return frame


def relinked(rng: Random, frame: bytes, link: int) -> bytes:
    """The same IP packet behind another link header."""
    packet = frame[14:]
    if link == 113:
        return rng.randbytes(14) + frame[12:14] + packet
    if link == 276:
        return frame[12:14] + rng.randbytes(18) + packet
    if link in (0, 108):
        return rng.choice([b"\x02\0\0\0", b"\0\0\0\x02", b"\0\0\0\x1e", rng.randbytes(4)]) + packet
    return packet


@dataclass
class Side:
    """One direction of a connection that is being written: its bytes, and how far they have been sent."""

    data: bytes
    start: int
    sent: int = 0


def stream_case(rng: Random) -> Case:
    """A connection, or a few at once, in a sound capture."""
    frames, expected = stream_frames(rng)
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        more, _ = stream_frames(rng)
        frames = [frame for pair in zip(frames, more, strict=False) for frame in pair]
        expected = None
    order, step = rng.choice("<>"), rng.choice([1000, 10**6, 10**6, 10**6, 10**8, 3 * 10**9])
    if step > 10**6:
        expected = None
    return Case("stream", rng.choice([0, 0, 0, 3, 4, 5]), support.pcap(frames, 1, order, True, step), expected)


def stream_bytes(rng: Random) -> list[tuple[int, bytes]]:
    """Who says what, in turn: packets, mostly sound; now and then something that only looks like them."""
    said = messages(rng, rng.choice([3, 4, 5]), rng.randrange(1, 40))
    choice = rng.random()
    if choice < 0.4:
        said = [(side, mutated(rng, data, 2) if rng.random() < 0.1 else data) for side, data in said]
    elif choice < 0.5:
        unit = rng.choice(UNITS)
        run = unit * rng.randrange(1, 6000 // len(unit)) + rng.choice([b"", b"\xff", b"\xff" * 9, b"\0"])
        said.insert(rng.randrange(len(said) + 1), (rng.randrange(2), run))
    elif choice < 0.55:
        said.insert(rng.randrange(len(said) + 1), (rng.randrange(2), rng.randbytes(rng.randrange(1, 4000))))
    return said


def stream_frames(rng: Random) -> tuple[list[bytes], tuple[bytes, bytes] | None]:
    """The frames of one connection; and the bytes of both its directions, if all of them are there to be found."""
    said = stream_bytes(rng)
    handshake, six = rng.random() < 0.7, rng.random() < 0.2
    port = rng.choice([1883, 1883, 1883, 21883, 8883])
    ends = [(bytes(15) + bytes([n]), 0) if six else (bytes([10, 0, 0, n]), 0) for n in (1, 2)]
    stream = support.Stream((ends[0][0], rng.randrange(30000, 30004)), (ends[1][0], port))
    stream.sequence = [rng.choice([1000, 0, 2**32 - 1, 2**32 - rng.randrange(1, 3000), 2**31]) for _ in range(2)]
    if handshake:
        stream.handshake()
    begun = len(stream.frames)
    trouble = rng.choice([0.0, 0.02, 0.1, 0.4])
    lossless = handshake and rng.random() < 0.5
    most = max(rng.choice([1, 3, 20, 200, 1448]), 2 * sum(len(data) for _, data in said) // MOST_FRAMES)
    for side, data in said:
        at = 0
        while at < len(data):
            piece = data[at : at + rng.randrange(1, most + 1)]
            start = stream.sequence[side]
            stream.add(side, piece, support.PSH | support.ACK)
            at += len(piece)
            if rng.random() < trouble:
                again(rng, stream, side, data, at, start + len(piece) - at, lossless)
    if lossless:
        frames = stream.frames[:begun] + late(rng, stream.frames[begun:], trouble)
        stream.frames = frames
        stream.fin()
        return stream.frames, (b"".join(d for s, d in said if s == 0), b"".join(d for s, d in said if s == 1))
    frames = troubled(rng, stream, trouble)
    return frames, None


def again(rng: Random, stream: support.Stream, side: int, data: bytes, at: int, zero: int, lossless: bool) -> None:
    """Some of the bytes before `at` once more, cut anew. zero: sequence number of data[0]."""
    start = rng.randrange(max(0, at - 3000), at)
    stream.add(side, data[start : rng.randrange(start, at) + 1], sequence=zero + start)
    if lossless:
        return
    choice = rng.random()
    if choice < 0.1:
        stream.add(side, rng.randbytes(rng.randrange(1, 100)), sequence=zero + at + rng.randrange(-50, 50))
    elif choice < 0.2:
        stream.lose(side, rng.choice([1, 2, 100, 1460, 10**6, 2**31 - 1]))
    elif choice < 0.25:
        flags = rng.choice([support.RST, support.RST | support.ACK, support.FIN | support.ACK, support.SYN, 63, 0])
        stream.add(side, b"", flags)
    elif choice < 0.27:
        stream.sequence[side] = rng.getrandbits(32)
    elif choice < 0.29:
        stream.handshake()


def late(rng: Random, frames: list[bytes], trouble: float) -> list[bytes]:
    """Frames that change places with near ones; none is lost."""
    keys = [index + (rng.random() * 12 if rng.random() < trouble else 0) for index in range(len(frames))]
    return [frame for _, frame in sorted(zip(keys, frames, strict=True), key=lambda pair: pair[0])]


def troubled(rng: Random, stream: support.Stream, trouble: float) -> list[bytes]:
    """Frames that are late, doubled or lost, and an end, or none."""
    if rng.random() < 0.5:
        stream.fin()
    frames = late(rng, stream.frames, trouble)
    kept: list[bytes] = []
    for frame in frames:
        if rng.random() >= trouble / 4:
            kept.append(frame)
        if rng.random() < trouble / 4:
            kept.append(frame)
    return kept
