"""What differs between any two runs of the same conversation: random identifiers, times, counters.

Takes text and payloads; hands on what is left of them when that is masked. Three forms of a payload are told apart: as
it is; `steady`, without what is volatile by its form (times near that of the capture, dates, UUIDs, long random
tokens); and `shape`, without any number. Whether numbers are volatile is not for one payload to say: `payloads` decides
it from how they vary.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Final

# Forms of a payload
EXACT: Final = -1
STEADY: Final = 0  # all but times and random tokens counts
SHAPE: Final = 1  # all but numbers counts; of binary payloads, nothing

MASK: Final = "\0"  # no string of MQTT may hold it (1.5.4)
LARGEST_MASKED: Final = 64 * 1024  # bytes of a payload that is looked into
YEAR_NS: Final = 31_556_952_000_000_000  # on average
NEAR_YEARS: Final = 10
NEAR_S: Final = 366 * 24 * 3600  # a number so near the capture's time is taken for a time
SHORTEST_COMMON: Final = 3  # characters that client identifiers of one origin share
SHORTEST_RANDOM: Final = 4  # characters of a part of an identifier that is random
SHORTEST_PIECE: Final = 3  # letters of a word, on average

UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
TOKEN: Final = re.compile(UUID + "|[0-9A-Za-z]+")
VOLATILE: Final = re.compile(
    (
        UUID
        + r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?"
        + r"|\b\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?\b"
        + r"|\b(?=[a-f]*\d)(?=\d*[a-f])[0-9a-f]{16,}\b"
        + r"|\b\d{10}(?:\d{3}){0,3}(?:\.\d{1,9})?\b"
    ).encode()
)
NUMBER: Final = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
LONG: Final = re.compile(rb"[0-9A-Za-z+/=]{16,}")
DIGITS: Final = re.compile(r"\d+")
PIECE: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
FOLLOWS: Final = {  # by letter, those that often follow it in words and in names of rooms, things and roles
    "a": "abcdgiklmnprstuvwy", "b": "aeilorsuy", "c": "acdehiklorstu", "d": "abdeilorsuy", "e": "acdefgilmnopqrstvwxy",
    "f": "aefilorstu", "g": "aehilnorsu", "h": "aeiortu", "i": "abcdefglmnoprstvxz", "j": "aeou", "k": "aeilosty",
    "l": "acdeilostuvy", "m": "abeimopsuy", "n": "acdefginostuvz", "o": "abcdfgiklmnoprstuvw", "p": "aehiloprstuy",
    "q": "u", "r": "acdefgiklmnoprstuvy", "s": "acehilopqstuy", "t": "acdefhiloprstuy", "u": "abcefgilmnprst",
    "v": "aeio", "w": "aehiors", "x": "aceipt", "y": "aelnopst", "z": "aeiowz",
}  # fmt: skip
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
    steady = VOLATILE.sub(lambda match: timeless(match[0], time_ns), payload)
    shape = NUMBER.sub(b"#", LONG.sub(lambda match: opaque(match[0]), steady))
    return exact, (exact if steady == payload else hash(steady)), hash(shape)


class Form:
    """A payload as it is compared. text: with marks in place of what was set aside. aside: bytes of the payload that
    were."""

    def __init__(self, payload: bytes) -> None:
        self.text = payload
        self.aside: list[tuple[int, int]] = []
        self._places: list[int] | None = None  # of each byte of the text, where it starts in the payload; the end too

    def place(self, at: int) -> tuple[int, int]:
        """The bytes of the payload that a byte of the text stands for; behind the last one, none."""
        if self._places is None:
            return at, min(at + 1, len(self.text))
        return self._places[at], self._places[min(at + 1, len(self.text))]

    def without(self, pattern: re.Pattern[bytes], marked: Callable[[bytes], bytes]) -> None:
        """Put marks in place of what the pattern finds, unless it stays itself."""
        places = self._places or list(range(len(self.text) + 1))
        parts: list[bytes] = []
        kept: list[int] = []
        before = 0
        for match in pattern.finditer(self.text):
            start, end = match.span()
            mark = marked(match[0])
            if mark == match[0]:
                continue
            parts += [self.text[before:start], mark]
            kept += [*places[before:start], *[places[start]] * len(mark)]
            self.aside.append((places[start], places[end]))
            before = end
        self.text = b"".join([*parts, self.text[before:]])
        self._places = kept + places[before:]


def counted(payload: bytes, time_ns: int, form: int) -> Form:
    """A payload in one of its forms, as `forms` has it."""
    found = Form(payload)
    if form == EXACT or len(payload) > LARGEST_MASKED:
        return found
    try:
        payload.decode()
    except UnicodeDecodeError:
        return found
    found.without(VOLATILE, lambda match: timeless(match, time_ns))
    if form == SHAPE:
        found.without(LONG, opaque)
        found.without(NUMBER, lambda match: b"#")
    found.aside.sort()
    return found


def timeless(found: bytes, time_ns: int) -> bytes:
    """A mask, but the number itself if it is no time near the capture's. Of a date that is years off, the year is left:
    a clock that was never set is a difference."""
    if found[4:5] == b"-" and found[7:8] == b"-":
        year = int(found[:4])
        return b"@near" if abs(year - 1970 - time_ns // YEAR_NS) <= NEAR_YEARS else b"@" + found[:4]
    whole = found.partition(b".")[0]
    if not whole.isdigit():
        return b"@"
    unit = UNITS.get(len(whole))
    near = unit is not None and abs(int(whole) // unit - time_ns // 1_000_000_000) < NEAR_S
    return b"@" if near or (len(whole) >= 16 and unit is None) else found


def opaque(found: bytes) -> bytes:
    """A mark for what is base64 or the like; else the text itself."""
    return b"#" if not found.islower() and any(char in b"0123456789" for char in found) else found


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
    if counted_alike(one, other):
        return True
    tokens = TOKEN.findall(one), TOKEN.findall(other)
    if TOKEN.sub(MASK, one) != TOKEN.sub(MASK, other):
        return False
    told = any(left == right for left, right in zip(*tokens, strict=True))
    return all(left == right or made_up(left, right, told) for left, right in zip(*tokens, strict=True))


def counted_alike(one: str, other: str) -> bool:
    """Are two client identifiers the same but for numbers and what looks random by itself?"""
    return numberless(masked(one, set())) == numberless(masked(other, set()))


def made_up(one: str, other: str, told: bool) -> bool:
    """Did a machine make up these two parts of client identifiers? They are numbers, or they are of one length, not
    like each other, and not both words; what one of them has in common with a word may be chance. told: the rest of
    the identifiers says that they are of one origin; if it does not, or if the lengths differ, none may be a word."""
    if one.isdigit() and other.isdigit():
        return True
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    while start and one[start - 1].isdigit():
        start -= 1
    if start >= SHORTEST_COMMON:
        one, other, told = one[start:], other[start:], True
    if min(len(one), len(other)) < SHORTEST_RANDOM:
        return False
    words = like_a_word(one) + like_a_word(other)
    if len(one) != len(other):
        return told and not words
    differ = sum(left != right for left, right in zip(one, other, strict=True))
    return 2 * differ >= len(one) and words <= told


def like_a_word(token: str) -> bool:
    """A word or a name, or a few of them, perhaps with a number behind: most letters follow one that they follow in
    words, and there are not many pieces."""
    letters = token.rstrip("0123456789")
    pieces = PIECE.findall(letters)
    pairs = [pair for piece in pieces for pair in pairwise(piece.lower())]
    usual = sum(two in FOLLOWS[one] for one, two in pairs)
    return (
        letters.isalpha()
        and 2 * len(letters) >= len(token)
        and len(letters) >= SHORTEST_PIECE * len(pieces)
        and 4 * usual >= 3 * len(pairs)
    )
