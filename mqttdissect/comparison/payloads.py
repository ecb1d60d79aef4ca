"""Are payloads the same in both captures, or do they vary by themselves, as readings and counters do?

Takes the messages of topics of one pattern, in order; hands on which form of their payloads counts. They vary by
themselves if they do so within one capture and hardly any is the same in the other one; a few that differ among many
that are the same are differences. `form_that_counts` asks this of one connection, `everywhere` of all that are matched.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from mqttdissect.comparison.alignment import aligned
from mqttdissect.comparison.facts import Facts, Session
from mqttdissect.comparison.meaning import Meanings
from mqttdissect.comparison.volatile import SHAPE, STEADY

FEW: Final = 4  # one of so many may differ and is still a difference

Forms = tuple[list[int], list[int]]  # of one topic's messages, in each capture


def form_that_counts(topics: list[Forms], anywhere: bool) -> int:
    """STEADY or SHAPE. topics: hashes of the steady forms, for each topic of the pattern. anywhere: what occurs once in
    both captures is the same message, wherever it comes."""
    both = sum(min(len(one), len(two)) for one, two in topics)
    changed = both
    for one, two in topics:
        moved = len(once(one) & once(two)) if anywhere else 0
        changed -= max(len(aligned(one, two)), moved)
    if changed <= max(1, both // FEW):
        return STEADY
    varies = any(len({form for forms in topics for form in forms[side]}) > 1 for side in (0, 1))
    return SHAPE if varies else STEADY


def once(forms: list[int]) -> set[int]:
    """What occurs once."""
    return {form for form, count in Counter(forms).items() if count == 1}


class Variation:
    """What is known of the payloads of one pattern: messages in both captures, those that have no equal, and whether
    there are several in one."""

    __slots__ = ("both", "changed", "first", "varies")

    def __init__(self) -> None:
        self.both = 0
        self.changed = 0
        self.first: list[int] = [0, 0]
        self.varies = False

    def add(self, one: list[int], two: list[int]) -> None:
        """The messages of a connection."""
        common = sum((Counter(one) & Counter(two)).values())
        self.both += min(len(one), len(two))
        self.changed += min(len(one), len(two)) - common
        for side, forms in enumerate((one, two)):
            if forms:
                self.first[side] = self.first[side] or forms[0]
                self.varies = self.varies or any(form != self.first[side] for form in forms)


def everywhere(
    captures: tuple[Facts, Facts], meanings: Meanings, matched: list[tuple[Session, Session]]
) -> dict[tuple[int, int], int]:
    """By sender and pattern, SHAPE where payloads vary by themselves over all connections."""
    known: dict[tuple[int, int], Variation] = defaultdict(Variation)
    for pair in matched:
        found: dict[tuple[int, int], Forms] = defaultdict(lambda: ([], []))
        for side, session in enumerate(pair):
            keys, pattern = captures[side].keys, meanings.pattern[side]
            for index, key in enumerate(session.keys):
                if session.exact[index]:
                    found[keys[key].sender, pattern[key]][side].append(session.steady[index])
        for place, (one, two) in found.items():
            known[place].add(one, two)
    return {place: SHAPE for place, one in known.items() if one.varies and one.changed > max(1, one.both // FEW)}
