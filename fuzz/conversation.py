"""What a client and a server say to each other, packet by packet, at random: what damage starts from."""

from __future__ import annotations

import struct
from random import Random

from support import CONNACK, PINGREQ, PINGRESP, connect, packet, publish, text, varint

WORDS = ["a", "sensors/1", "home/kitchen/temperature", "$SYS/broker/load", "+/#", "ünï/日本語", "x" * 300, "", "\x7f",
         "é\u202e"]  # fmt: skip
BYTE, UINT16, UINT32, VARINT, TEXT, BINARY, PAIR = range(7)
PROPERTIES = {
    0x01: BYTE, 0x02: UINT32, 0x03: TEXT, 0x08: TEXT, 0x09: BINARY, 0x0B: VARINT, 0x11: UINT32, 0x12: TEXT,
    0x13: UINT16, 0x15: TEXT, 0x16: BINARY, 0x17: BYTE, 0x18: UINT32, 0x19: BYTE, 0x1A: TEXT, 0x1C: TEXT, 0x1F: TEXT,
    0x21: UINT16, 0x22: UINT16, 0x23: UINT16, 0x24: BYTE, 0x25: BYTE, 0x26: PAIR, 0x27: UINT32, 0x28: BYTE,
    0x29: BYTE, 0x2A: BYTE,
}  # fmt: skip
OF_PUBLISH = [0x01, 0x02, 0x03, 0x08, 0x09, 0x0B, 0x23, 0x26]
CODES = [0, 0, 0, 1, 2, 0x10, 0x80, 0x87, 0x9D, 0xA2, 5, 255]


def one_property(rng: Random, identifier: int) -> bytes:
    """A property with a value of its type."""
    kind = PROPERTIES[identifier]
    if kind == BYTE:
        value = bytes([rng.choice([0, 1, 1, 2])])
    elif kind == UINT16:
        value = struct.pack(">H", rng.choice([0, 1, 2, 3, 65535]))
    elif kind == UINT32:
        value = struct.pack(">I", rng.choice([0, 1, 60, 2**32 - 1]))
    elif kind == VARINT:
        value = varint(rng.choice([0, 1, 127, 128, 2**28 - 1]))
    elif kind == TEXT:
        value = text(rng.choice(WORDS))
    elif kind == BINARY:
        value = text(rng.randbytes(rng.randrange(20)))
    else:
        value = text(rng.choice(WORDS)) + text(rng.choice(WORDS))
    return varint(identifier) + value


def properties(rng: Random, most: int = 3, of: list[int] | None = None) -> bytes:
    """Properties, without their length; mostly ones that may stand here."""
    allowed = of if of is not None and rng.random() < 0.9 else list(PROPERTIES)
    return b"".join(one_property(rng, rng.choice(allowed)) for _ in range(rng.randrange(most + 1)))


def listed(rng: Random, version: int, most: int = 3) -> bytes:
    """Properties with their length, where the version has any."""
    if version < 5:
        return b""
    found = properties(rng, most)
    return varint(len(found)) + found


def opening(rng: Random, version: int) -> bytes:
    """A CONNECT."""
    flags = rng.choice([2, 0, 2, 0xC2, 0x82, 0x06, 0x2E, 0xFE, 0xEE, 0x46, rng.randrange(256)])
    rest = b""
    if flags & 4:
        rest += listed(rng, version) + text(rng.choice(WORDS)) + text(rng.randbytes(rng.randrange(30)))
    if flags & 0x80:
        rest += text(rng.choice(WORDS))
    if flags & 0x40:
        rest += text(rng.randbytes(rng.randrange(12)))
    level = version | (0x80 if rng.random() < 0.05 else 0)
    return connect(rng.choice(WORDS), level, flags, properties(rng), rest)


def message(rng: Random, version: int) -> bytes:
    """A PUBLISH."""
    payload = rng.choice([b"", b"21.5", b'{"t": [1, 2.5, null]}', "größe \U0001f4a9".encode(), rng.randbytes(40),
                          b"\xc0\x00" * 30, b"\x1b[2J\x9b", rng.randbytes(rng.randrange(2500))])  # fmt: skip
    extra = properties(rng, 3, OF_PUBLISH) if version >= 5 else None
    made = publish(rng.choice(WORDS), payload, rng.randrange(3), rng.randrange(65536), extra)
    return bytes([made[0] | rng.choice([0, 0, 1, 8, 9])]) + made[1:]


def acknowledgement(rng: Random, version: int, first: int) -> bytes:
    """PUBACK and its like."""
    body = struct.pack(">H", rng.randrange(65536))
    if version >= 5 and rng.random() < 0.6:
        body += bytes([rng.choice(CODES)])
        if rng.random() < 0.5:
            body += listed(rng, version)
    return packet(first, body)


def request(rng: Random, version: int, first: int) -> bytes:
    """SUBSCRIBE (0x82) or UNSUBSCRIBE (0xa2)."""
    body = struct.pack(">H", rng.randrange(65536)) + listed(rng, version)
    for _ in range(rng.randrange(5)):
        body += text(rng.choice(WORDS))
        if first == 0x82:
            body += bytes([rng.choice([0, 1, 2, 0x2C, rng.randrange(256)])])
    return packet(first, body)


def answer(rng: Random, version: int, first: int) -> bytes:
    """SUBACK (0x90) or UNSUBACK (0xb0)."""
    body = struct.pack(">H", rng.randrange(65536)) + listed(rng, version)
    if first == 0x90 or version >= 5:
        body += bytes(rng.choice(CODES) for _ in range(rng.randrange(6)))
    return packet(first, body)


def farewell(rng: Random, version: int, first: int) -> bytes:
    """DISCONNECT (0xe0) or AUTH (0xf0)."""
    body = b""
    if version >= 5 and rng.random() < 0.7:
        body = bytes([rng.choice([0, 4, 0x18, 0x19, 0x8B, 0x9C, 0x11])])
        if rng.random() < 0.6:
            body += listed(rng, version)
    return packet(first, body)


def any_message(rng: Random, version: int) -> tuple[int, bytes]:
    """Something that one side says after the opening: (direction, packet)."""
    choice = rng.randrange(12)
    if choice < 4:
        return rng.randrange(2), message(rng, version)
    if choice < 6:
        return rng.randrange(2), acknowledgement(rng, version, rng.choice([0x40, 0x50, 0x62, 0x70]))
    if choice == 6:
        return 0, request(rng, version, rng.choice([0x82, 0xA2]))
    if choice == 7:
        return 1, answer(rng, version, rng.choice([0x90, 0xB0]))
    if choice == 8:
        return 0, PINGREQ
    if choice == 9:
        return 1, PINGRESP
    if choice == 10:
        return rng.randrange(2), farewell(rng, version, rng.choice([0xE0, 0xF0]))
    return 0, opening(rng, version)


def messages(rng: Random, version: int, count: int) -> list[tuple[int, bytes]]:
    """An opening, mostly, and `count` messages: (direction, packet) each."""
    said: list[tuple[int, bytes]] = []
    if rng.random() < 0.8:
        accepted = CONNACK if version < 5 else packet(0x20, b"\0\0" + listed(rng, 5, 6))
        said += [(0, opening(rng, version)), (1, accepted)]
    return said + [any_message(rng, version) for _ in range(count)]
