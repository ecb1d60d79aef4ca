"""Sequence alignment: a longest common subsequence, or what is linear and in order."""

from __future__ import annotations

import random
import time
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from mqttdissect.comparison.alignment import aligned, anchored, in_order


def test_a_long_connection_is_bounded() -> None:
    """Two sequences with nothing in order but much in common: linear, and what is matched is equal and in order."""
    rng = random.Random(3)
    one, two = ([rng.randrange(60) for _ in range(60_000)] for _ in (0, 1))
    begun = time.monotonic()
    pairs = aligned(one, two)
    assert time.monotonic() - begun < 20
    assert all(one[i] == two[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))
    assert len(pairs) > 10_000


@given(st.lists(st.integers(0, 4), max_size=14), st.lists(st.integers(0, 4), max_size=14))
def test_alignment_is_a_longest_common_subsequence(one: list[int], two: list[int]) -> None:
    """As the textbook's table has it; the linear way is a common subsequence too."""
    table = [[0] * (len(two) + 1) for _ in range(len(one) + 1)]
    for i, left in enumerate(one):
        for j, right in enumerate(two):
            table[i + 1][j + 1] = table[i][j] + 1 if left == right else max(table[i][j + 1], table[i + 1][j])
    assert len(aligned(one, two)) == table[-1][-1]
    for pairs in (aligned(one, two), anchored(one, two)):
        assert all(one[i] == two[j] for i, j in pairs)
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))


def rising_runs(places: list[int]) -> list[list[int]]:
    """Neighbours that rise: each is a rising subsequence."""
    runs = [[places[0]]]
    for one, two in pairwise(places):
        if two > one:
            runs[-1].append(two)
        else:
            runs.append([two])
    return runs


@given(st.permutations(range(9)))
def test_what_is_in_order(places: list[int]) -> None:
    """The indices rise, and so do the places."""
    found = in_order(places)
    assert all(a < b and places[a] < places[b] for a, b in pairwise(found))
    assert all(len(found) >= len(run) for run in rising_runs(places))
