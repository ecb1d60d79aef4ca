"""What differs between any two runs of the same conversation: random identifiers, times, counters.

Takes text and payloads; hands on what is left of them when that is masked. Three forms of a payload are told apart: as
it is; `steady`, without what is volatile by its form (times near that of the capture, dates, UUIDs, long random
tokens); and `shape`, without any number. Whether numbers are volatile is not for one payload to say: `payloads` decides
it from how they vary.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

MASK: Final = "\0"  # no string of MQTT may hold it (1.5.4)
LARGEST_MASKED: Final = 64 * 1024  # bytes of a payload that is looked into
NEAR_S: Final = 366 * 24 * 3600  # a number so near the capture's time is taken for a time
SHORTEST_COMMON: Final = 3  # characters that client identifiers of one origin share

UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
TOKEN: Final = re.compile(UUID + "|[0-9A-Za-z]+")
STEADY: Final = re.compile(
    (
        UUID
        + r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
        + r"|\b\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?\b"
        + r"|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,}\b"
        + r"|\b\d{10}(?:\d{3}){0,3}(?:\.\d{1,9})?\b"
    ).encode()
)
NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
SHAPE: Final = re.compile(rb"[0-9A-Za-z+/=]{16,}|" + NUMBER.pattern)
DIGITS: Final = re.compile(r"\d+")
UNITS: Final = {10: 1, 13: 1_000, 16: 1_000_000, 19: 1_000_000_000}  # digits of a time since 1970: units a second


def forms(payload: bytes, time_ns: int) -> tuple[int, int, int]:
    """Hashes of the payload as it is, `steady`, and as `shape`; the last is 0 for binary data. time_ns: when it was
    captured. The hashes hold for this process only."""
    exact = hash(payload)
    if len(payload) > LARGEST_MASKED:
        return exact, exact, 0
    try:
        payload.decode()
    except UnicodeDecodeError:
        return exact, exact, 0
    steady = STEADY.sub(lambda match: timeless(match[0], time_ns), payload)
    shape = SHAPE.sub(lambda match: shapeless(match[0]), steady)
    return exact, (exact if steady == payload else hash(steady)), hash(shape)


def timeless(found: bytes, time_ns: int) -> bytes:
    """A mask, but the number itself if it is no time near the capture's."""
    whole = found.partition(b".")[0]
    if not whole.isdigit():
        return b"@"
    unit = UNITS.get(len(whole))
    near = unit is not None and abs(int(whole) // unit - time_ns // 1_000_000_000) < NEAR_S
    return b"@" if near or (len(whole) >= 16 and unit is None) else found


def shapeless(found: bytes) -> bytes:
    """A mark for a number, and for what is base64 or the like; else the text with its numbers marked."""
    if len(found) >= 16 and any(char in b"0123456789" for char in found) and not found.islower():
        return b"#"
    return NUMBER.sub(b"#", found)


def tokens(text: str) -> list[str]:
    """The parts of a text that look random."""
    return [match[0] for match in TOKEN.finditer(text) if looks_random(match[0])]


def masked(text: str, stable: set[str]) -> str:
    """The text without what looks random, but for the tokens in `stable`."""
    return TOKEN.sub(lambda m: MASK if looks_random(m[0]) and m[0] not in stable else m[0], text)


def numberless(text: str) -> str:
    """The text with any number as one mark: topics of one pattern have it in common."""
    return DIGITS.sub("#", text)


def looks_random(token: str) -> bool:
    """UUIDs, long numbers, hexadecimal, and letters, digits and cases mixed as no word has them."""
    size = len(token)
    if size < 6:
        return False
    if "-" in token:
        return True
    if token.isdigit():
        return True
    if size < 8:
        return False
    digits = sum(char.isdigit() for char in token)
    if digits and all(char in "0123456789abcdefABCDEF" for char in token):
        return True
    changes = sum(kind(one) != kind(two) for one, two in pairwise(token))
    capitals = sum(one.islower() and two.isupper() for one, two in pairwise(token))
    if digits:
        return changes >= 4
    return capitals >= 3 and capitals * 4 >= size


def kind(char: str) -> int:
    """Digit, capital or small letter."""
    return 0 if char.isdigit() else 1 if char.isupper() else 2


def same_but_random(one: str, other: str) -> bool:
    """Are two client identifiers of one origin, and random or counted otherwise?"""
    if not one or not other:
        return False
    if numberless(masked(one, set())) == numberless(masked(other, set())):
        return True
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    if start < SHORTEST_COMMON and start > 0:
        start = 0
    tails = one[start:], other[start:]
    return all(tail_is_random(tail) for tail in tails) and (start > 0 or len(one) == len(other))


def tail_is_random(tail: str) -> bool:
    """Does the end of an identifier look made up by a machine?"""
    if tail.isdigit() or looks_random(tail):
        return True
    return len(tail) >= 4 and any(char.isdigit() for char in tail) and any(char.isalpha() for char in tail)
