"""Are payloads the same in both captures, or do they vary by themselves, as readings and counters do?

Takes the messages of topics of one pattern, in order; hands on which form of their payloads counts. They vary by
themselves if they do so within one capture and hardly any is the same in the other one; a few that differ among many
that are the same are differences.
"""

from __future__ import annotations

from typing import Final

from mqttdissect.comparison.alignment import aligned

STEADY: Final = 0  # all but times and random tokens counts
SHAPE: Final = 1  # all but numbers counts; of binary payloads, nothing
FEW: Final = 4  # one of so many may differ and is still a difference

Forms = tuple[list[int], list[int]]  # of one topic's messages, in each capture


def form_that_counts(topics: list[Forms]) -> int:
    """STEADY or SHAPE. topics: hashes of the steady forms, for each topic of the pattern."""
    both = sum(min(len(one), len(two)) for one, two in topics)
    changed = 0
    for one, two in topics:
        same = len(aligned(one, two))
        changed += min(len(one), len(two)) - same
    if changed <= max(1, both // FEW):
        return STEADY
    varies = any(len({form for forms in topics for form in forms[side]}) > 1 for side in (0, 1))
    return SHAPE if varies else STEADY
