"""Where two payloads differ in meaning, byte by byte.

Takes two payloads, when they were captured, and which of their forms counts (`payloads`); hands on `Marks`. What the
form sets aside is one unit each, whatever its bytes are. What both begin and end with is the same; between that, units
are compared one by one if there are as many, else words are aligned.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mqttdissect.comparison.alignment import aligned
from mqttdissect.comparison.volatile import Form, counted

WORD: Final = re.compile(rb"[0-9A-Za-z_]+|.", re.DOTALL)

Span = tuple[int, int]  # bytes, the end not included


class Payload(NamedTuple):
    """A message's bytes, and when it was captured (ns)."""

    data: bytes
    time_ns: int


class Marks(NamedTuple):
    """Of both payloads: first: the byte where they begin to differ, or where one has more. spans: bytes that differ in
    meaning. aside: bytes that were set aside and are not the same."""

    first: tuple[int, int]
    spans: tuple[list[Span], list[Span]]
    aside: tuple[list[Span], list[Span]]


def marks(good: Payload, bad: Payload, form: int) -> Marks:
    """What differs. If nothing does in this form, what differs at all."""
    one, two = counted(good.data, good.time_ns, form), counted(bad.data, bad.time_ns, form)
    if one.text == two.text:
        one, two = Form(good.data), Form(bad.data)
    start = first_difference(one.text, two.text)
    rest = one.text[start:], two.text[start:]
    end = first_difference(rest[0][::-1], rest[1][::-1])
    middle = rest[0][: len(rest[0]) - end], rest[1][: len(rest[1]) - end]
    units = one_by_one(*middle) if len(middle[0]) == len(middle[1]) else by_words(*middle)
    spans = (
        joined([one.place(start + at) for at in units[0]]),
        joined([two.place(start + at) for at in units[1]]),
    )
    return Marks((one.place(start)[0], two.place(start)[0]), spans, set_aside((good, bad), (one, two)))


def first_difference(one: bytes, two: bytes) -> int:
    """Offset of the first byte that differs, or where one ends."""
    shorter = min(len(one), len(two))
    if one[:shorter] == two[:shorter]:
        return shorter
    low, high = 0, shorter  # the first `low` bytes are equal, the first `high` are not
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == two[low:middle]:
            low = middle
        else:
            high = middle
    return low


def one_by_one(one: bytes, two: bytes) -> tuple[list[int], list[int]]:
    """Where two texts of one length differ."""
    found = [at for at, (left, right) in enumerate(zip(one, two, strict=True)) if left != right]
    return found, found


def by_words(one: bytes, two: bytes) -> tuple[list[int], list[int]]:
    """The bytes of words that only one of two texts has, in this order."""
    numbers: dict[bytes, int] = {}
    words = [list(WORD.finditer(text)) for text in (one, two)]
    pairs = aligned(*[[numbers.setdefault(word[0], len(numbers)) for word in side] for side in words])
    same = {i for i, _ in pairs}, {j for _, j in pairs}
    left, right = (
        [at for index, word in enumerate(words[side]) if index not in same[side] for at in range(*word.span())]
        for side in (0, 1)
    )
    return left, right


def set_aside(payloads: tuple[Payload, Payload], forms: tuple[Form, Form]) -> tuple[list[Span], list[Span]]:
    """What was set aside, without what is the same in both."""
    ones, twos = forms[0].aside, forms[1].aside
    if len(ones) != len(twos):
        return ones, twos
    differ = [at for at in range(len(ones)) if payloads[0].data[slice(*ones[at])] != payloads[1].data[slice(*twos[at])]]
    return [ones[at] for at in differ], [twos[at] for at in differ]


def joined(spans: list[Span]) -> list[Span]:
    """Spans in order, those that touch as one."""
    found: list[Span] = []
    for start, end in spans:
        if found and found[-1][1] == start:
            found[-1] = found[-1][0], end
        else:
            found.append((start, end))
    return found
