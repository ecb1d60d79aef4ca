"""Damage bytes: flips, cuts, insertions, copies, numbers that lie; and, in captures, the fields that hold lengths.

Everything takes its choices from the `Random` it is given, so that the same seed does the same damage.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random

INTERESTING = [0, 1, 2, 3, 4, 7, 8, 11, 12, 15, 16, 20, 24, 28, 31, 32, 60, 64, 127, 128, 255, 256, 1500, 4096,
               32767, 32768, 65535, 65536, 262144, 262145, 0xFFFFFF, 0x1000000, 0x1000001, 0x1010000,
               0x7FFFFFFF, 0x80000000, 0xFFFFFFF0, 0xFFFFFFFC, 0xFFFFFFFE, 0xFFFFFFFF]  # fmt: skip
TOKENS = [b"\x00\x04MQTT", b"\x00\x06MQIsdp", b"\x80\x80\x80\x80", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff",
          b"\xc0\x00", b"\x0a\x0d\x0d\x0a", b"\x4d\x3c\x2b\x1a", b"\x1a\x2b\x3c\x4d", b"\x00\x00", b"\x1b[31m",
          b"\xc2\x9b2J", b"\xe2\x80\xae", b"\xed\xa0\x80", b"\xf0\x9f\x92\xa9", b"\xcc\x81", b"=1+1", b"\"\n,",
          b"\x10\x0c", b"\x30\x7f", b"{\"a\":1}", b"[" * 40, b"\xe4\xb8\xad" * 9]  # fmt: skip
PCAP_MAGICS = {b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">", b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<"}
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"

Mutator = Callable[[Random, bytearray], None]


def place(rng: Random, data: bytearray, width: int = 1) -> int:
    """A place where `width` bytes stand; 0 if there are not that many."""
    return rng.randrange(max(len(data) - width, 0) + 1)


def flip(rng: Random, data: bytearray) -> None:
    """One bit."""
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def change(rng: Random, data: bytearray) -> None:
    """One byte."""
    if data:
        data[rng.randrange(len(data))] = rng.choice([rng.randrange(256), 0, 0x7F, 0x80, 0xFF])


def number(rng: Random, data: bytearray) -> None:
    """A number of 2, 4 or 8 bytes, in either byte order."""
    form, mask = rng.choice([("H", 0xFFFF), ("I", 0xFFFFFFFF), ("Q", 0xFFFFFFFFFFFFFFFF)])
    value = rng.choice(INTERESTING) if rng.random() < 0.8 else rng.getrandbits(64)
    raw = struct.pack(rng.choice("<>") + form, value & mask)
    at = place(rng, data, len(raw))
    data[at : at + len(raw)] = raw


def delete(rng: Random, data: bytearray) -> None:
    """A run of bytes."""
    at = place(rng, data)
    del data[at : at + rng.choice([1, 1, 2, 4, rng.randrange(1, 64), rng.randrange(1, 2000)])]


def insert(rng: Random, data: bytearray) -> None:
    """Random bytes, or some that mean something."""
    at = place(rng, data)
    data[at:at] = rng.choice([rng.choice(TOKENS), rng.randbytes(rng.choice([1, 2, 4, rng.randrange(1, 64)]))])


def overwrite(rng: Random, data: bytearray) -> None:
    """The same, over what stands there."""
    raw = rng.choice(TOKENS) if rng.random() < 0.5 else rng.randbytes(rng.randrange(1, 32))
    at = place(rng, data, len(raw))
    data[at : at + len(raw)] = raw


def truncate(rng: Random, data: bytearray) -> None:
    """The end is missing."""
    del data[place(rng, data) :]


def copy(rng: Random, data: bytearray) -> None:
    """A run of bytes occurs again somewhere else."""
    at, to = place(rng, data), place(rng, data)
    data[to:to] = data[at : at + rng.randrange(1, 400)]


def fill(rng: Random, data: bytearray) -> None:
    """A run of one byte."""
    at = place(rng, data)
    count = min(rng.randrange(1, 200), len(data) - at)
    data[at : at + count] = bytes([rng.choice([0, 0x20, 0x7F, 0x80, 0xFF, rng.randrange(256)])]) * count


MUTATORS: list[Mutator] = [flip, flip, change, change, number, number, delete, insert, overwrite, truncate, copy, fill]


def mutated(rng: Random, data: bytes, most: int = 6) -> bytes:
    """`data` with one to `most` damages."""
    damaged = bytearray(data)
    for _ in range(rng.randrange(1, most + 1)):
        rng.choice(MUTATORS)(rng, damaged)
    return bytes(damaged)


def spliced(rng: Random, one: bytes, other: bytes) -> bytes:
    """The start of `one` and the end of `other`."""
    return one[: rng.randrange(len(one) + 1)] + other[rng.randrange(len(other) + 1) :]


def records(capture: bytes) -> list[tuple[int, int]]:
    """(offset, bytes) of each record or block of a sound capture."""
    found: list[tuple[int, int]] = []
    if capture[:4] in PCAP_MAGICS:
        order, at, head = PCAP_MAGICS[capture[:4]], 24, 16
    elif capture[:4] == PCAPNG_MAGIC:
        order, at, head = (">" if capture[8:12] == b"\x1a\x2b\x3c\x4d" else "<"), 0, 8
    else:
        return found
    while at + head <= len(capture):
        length: int = struct.unpack_from(order + "I", capture, at + (8 if head == 16 else 4))[0]
        length += 16 if head == 16 else 0
        if length < head:
            break
        found.append((at, length))
        at += length
    return found


def smashed(rng: Random, capture: bytes) -> bytes:
    """`capture` with a word in the heads of one to four records or blocks, or in a block's second length, replaced."""
    places = records(capture)
    damaged = bytearray(capture)
    order = PCAP_MAGICS.get(capture[:4], ">" if capture[8:12] == b"\x1a\x2b\x3c\x4d" else "<")
    for _ in range(rng.randrange(1, 5)):
        at, length = rng.choice(places) if places else (0, 24)
        words = [at, at + 4, at + 8, at + 12, at + 16, at + 20, at + 24, at + length - 4]
        word = rng.choice(words)
        if word + 4 > len(damaged):
            continue
        old: int = struct.unpack_from(order + "I", damaged, word)[0]
        near = old + rng.choice([-8, -4, -1, 1, 4, 8, 16, 100])
        value = rng.choice([rng.choice(INTERESTING), near, rng.getrandbits(32), old << 8, old >> 8])
        struct.pack_into(order + "I", damaged, word, value & 0xFFFFFFFF)
    return bytes(damaged)


def shuffled(rng: Random, capture: bytes) -> bytes:
    """`capture` with records or blocks left out, doubled or moved."""
    places = records(capture)
    if len(places) < 3:
        return capture
    parts = [capture[at : at + length] for at, length in places]
    for _ in range(rng.randrange(1, 8)):
        one, other = rng.randrange(len(parts)), rng.randrange(len(parts))
        choice = rng.randrange(3)
        if choice == 0:
            parts[one], parts[other] = parts[other], parts[one]
        elif choice == 1:
            parts.insert(one, parts[other])
        elif len(parts) > 1:
            del parts[one]
    return capture[: places[0][0]] + b"".join(parts)
