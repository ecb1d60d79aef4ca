"""Captures that are damaged in the middle: what is whole in the file is read, and what is not is said with its offset.

Bytes are overwritten, lost or inserted at the start of a record or in it, in every format; random, but the same each
time. A record or block that the damage touches may be read or not, and one more may go with it, since some damage shows
only behind the next header.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import CLIENT, SERVER, Stream, connect, enhanced, ethernet, ip, pcap, publish, section, tcp
from support import interface as description

from mqttdissect.capture.reader import CaptureReader

Run = Callable[..., subprocess.CompletedProcess[str]]

COUNT = 120
MESSAGES = [publish(f"t/{number}", random.Random(number).randbytes(30 + number)) for number in range(COUNT)]
FRAMES = [
    ethernet(ip(CLIENT[0], SERVER[0], tcp(CLIENT, SERVER, number * 1000, 1, 24, message)))
    for number, message in enumerate(MESSAGES)
]
START = 1_700_000_000


def in_pcap(order: str, nano: bool) -> tuple[bytes, list[int]]:
    """The capture, and where each of its records starts."""
    parts = [pcap([], order=order, nano=nano)]
    for number, frame in enumerate(FRAMES):
        stamp = START + number // 50, number % 50 * (1_000_000 if nano else 1000)
        parts.append(struct.pack(order + "IIII", *stamp, len(frame), len(frame)) + frame)
    return joined(parts)


def in_pcapng(order: str) -> tuple[bytes, list[int]]:
    """The same."""
    parts = [section(order) + description(1, b"", order)]
    for number, frame in enumerate(FRAMES):
        parts.append(enhanced(frame, START * 1_000_000 + number * 1000, order=order))
    return joined(parts)


def in_snoop() -> tuple[bytes, list[int]]:
    """The same."""
    parts = [b"snoop\0\0\0" + struct.pack(">II", 2, 4)]
    for number, frame in enumerate(FRAMES):
        pad = bytes(-len(frame) % 4)
        length = len(frame)
        head = struct.pack(">IIIIII", length, length, 24 + length + len(pad), 0, START + number // 50, number)
        parts.append(head + frame + pad)
    return joined(parts)


def joined(parts: list[bytes]) -> tuple[bytes, list[int]]:
    """The parts as one, and where each but the first starts."""
    starts = []
    at = 0
    for part in parts:
        starts.append(at)
        at += len(part)
    return b"".join(parts), starts[1:]


FORMATS: dict[str, tuple[tuple[bytes, list[int]], int]] = {  # the capture, and where in a record its length stands
    "pcap": (in_pcap("<", False), 8),
    "pcap, nanoseconds, big-endian": (in_pcap(">", True), 8),
    "pcapng": (in_pcapng("<"), 4),
    "pcapng, big-endian": (in_pcapng(">"), 4),
    "snoop": (in_snoop(), 4),
}

Harm = Callable[[bytearray, int, int, random.Random], int]  # returns how many bytes of the capture it touches


def overwrite(data: bytearray, at: int, new: bytes) -> int:
    """Other bytes in their place."""
    new = new[: len(data) - at]
    data[at : at + len(new)] = new
    return len(new)


def insert(data: bytearray, at: int, new: bytes) -> int:
    """Bytes that do not belong there."""
    data[at:at] = new
    return 1


def remove(data: bytearray, at: int, count: int) -> int:
    """Bytes that are gone."""
    del data[at : at + count]
    return count


HARM: dict[str, Harm] = {
    "any length": lambda data, at, length, rng: overwrite(data, at + length, rng.randbytes(4)) + length,
    "a wrong length": lambda data, at, length, rng: (
        overwrite(data, at + length, bytes([data[at + length] ^ 1 << rng.randrange(2, 8)])) + length
    ),
    "all ones as length": lambda data, at, length, rng: overwrite(data, at + length, b"\xff" * 4) + length,
    "zeros": lambda data, at, length, rng: overwrite(data, at, bytes(rng.choice([16, 100, 4096]))),
    "junk": lambda data, at, length, rng: overwrite(data, at, rng.randbytes(rng.choice([16, 100, 4096]))),
    "zeros between": lambda data, at, length, rng: insert(data, at, bytes(rng.choice([1, 7, 16, 64, 5000]))),
    "junk between": lambda data, at, length, rng: insert(data, at, rng.randbytes(rng.choice([1, 7, 64, 5000]))),
    "text between": lambda data, at, length, rng: insert(data, at, b"disk full, please retry\n" * rng.choice([1, 300])),
    "bytes lost": lambda data, at, length, rng: remove(data, at, rng.choice([1, 4, 16, 30, 2000])),
}


def read(capture: bytes, size: int) -> tuple[list[bytes], list[int]]:
    """The frames of a capture that comes in pieces, and the offsets of its damage."""
    reader = CaptureReader()
    frames = [frame for at in range(0, len(capture), size) for frame in reader.feed(capture[at : at + size])]
    return [frame.data for frame in frames + reader.close()], [int(one.offset) for one in reader.damage]


@pytest.mark.parametrize("harm", HARM)
@pytest.mark.parametrize("form", FORMATS)
def test_the_rest_is_read(form: str, harm: str) -> None:
    """At 40 places of each capture, at the start of a record and within it."""
    (whole, starts), length = FORMATS[form]
    rng = random.Random(f"{form} {harm}")
    for trial in range(40):
        data = bytearray(whole)
        at = rng.choice(starts[2:-40]) + (0 if trial % 4 else rng.randrange(1, 60))
        touched = HARM[harm](data, at, length, rng)
        frames, damage = read(bytes(data), 777)
        hit = [
            number
            for number, start in enumerate(starts)
            if start + record(starts, number) > at and start < at + touched
        ]
        spared = [frame for number, frame in enumerate(FRAMES) if number not in (*hit, hit[-1] + 1)]
        assert [frame for frame in spared if frame not in frames] == [], (trial, at)
        assert len([frame for frame in frames if frame not in FRAMES]) <= 2, (trial, at)
        assert len(damage) <= 2
        if len(frames) + len(hit) < COUNT:
            assert damage, (trial, at)
        for offset in damage:
            assert starts[hit[0]] <= offset <= at + len(data) - len(whole) + 5000 + touched


def record(starts: list[int], number: int) -> int:
    """Bytes of a record."""
    return (starts[number + 1] if number + 1 < len(starts) else starts[number] + 400) - starts[number]


@pytest.mark.parametrize("form", FORMATS)
def test_cut_off_in_the_middle(form: str) -> None:
    """Of a record, wherever: all before it are read, and where it starts is said."""
    (whole, starts), _ = FORMATS[form]
    for missing in range(1, 60, 7):
        frames, damage = read(whole[: starts[50] - missing], 500)
        assert frames in (FRAMES[:49], FRAMES[:50])  # without the padding behind a frame it is still whole
        assert damage in ([starts[49]], [])
        assert damage or frames == FRAMES[:50]


@pytest.mark.parametrize("kind", [0x0BAD, 0x8000_1234, 4, 5, 10])
@pytest.mark.parametrize("length", [300_000, 0x00FF_FFFC, 0x0FFF_FFFC, 0xFFFF_FFFC])
@pytest.mark.parametrize("size", [13, 100_000])
def test_a_block_that_is_stepped_over_and_lies_about_its_length(kind: int, length: int, size: int) -> None:
    """Blocks that follow each other within it are believed rather than its length."""
    (whole, starts), _ = FORMATS["pcapng"]
    false = struct.pack("<II", kind, length) + b"somewhat" + struct.pack("<I", 20)
    frames, damage = read(whole[: starts[60]] + false + whole[starts[60] :], size)
    assert (frames, damage) == (FRAMES, [starts[60]])


def test_a_single_block_behind_one_that_lies() -> None:
    """It ends the file, so it is believed alone."""
    (whole, starts), _ = FORMATS["pcapng"]
    false = struct.pack("<II", 0x0BAD, 0x0FFF_FFFC) + bytes(8) + struct.pack("<I", 20)
    frames, damage = read(whole[: starts[-1]] + false + whole[starts[-1] :], 64)
    assert (frames, damage) == (FRAMES, [starts[-1]])


@pytest.mark.parametrize("length", [0, 10, 3, 1])
def test_odd_headers_that_are_true(length: int) -> None:
    """Some writers put 0 for the length on the wire, have fractions beyond a second, or empty frames; clocks jump."""
    frames = [bytes([n]) * length for n in range(1, 6)]
    records = [
        [struct.pack("<IIII", START, 2_000_000, len(one), len(one)) + one for one in frames],
        [struct.pack("<IIII", START, 5, len(one), 0) + one for one in frames],
        [struct.pack("<IIII", START * (n % 2), 5, len(one), len(one)) + one for n, one in enumerate(frames)],
    ]
    for odd in records:
        if length == 0 and odd is records[2]:
            continue  # an empty frame in 1970 is what a run of zeros looks like
        got, damage = read(pcap([]) + b"".join(odd), 7)
        assert (got, damage) == (frames, [])


def test_damage_is_said_and_the_rest_dissected(mqttdissect: Run, tmp_path: Path) -> None:
    """One line with the offset, exit status 1, and the packets behind it."""
    stream = Stream().handshake().client(connect(), *[publish("topic", bytes([n])) for n in range(20)])
    parts = [section() + description(), *[enhanced(frame, 1000 + n) for n, frame in enumerate(stream.frames)]]
    whole, starts = joined(parts)
    data = bytearray(whole)
    data[starts[10] + 4 : starts[10] + 8] = b"\xff\xff\xff\x7f"
    path = tmp_path / "damaged.pcapng"
    path.write_bytes(data)
    done = mqttdissect("-P", path)
    assert done.returncode == 1
    assert f"{path}: damaged at offset {starts[10]}: " in done.stderr
    assert done.stdout.count("PUBLISH") == 19
