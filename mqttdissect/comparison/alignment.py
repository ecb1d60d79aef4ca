"""Sequence alignment: which elements of two sequences of numbers stand for one another, in order.

What both begin and end with is matched at once; elements that only one has are left out; the rest is a longest common
subsequence by Myers' greedy algorithm (E. W. Myers, An O(ND) Difference Algorithm and Its Variations, 1986). Where that
would take more than `MOST_STEPS`, elements that occur once in both are anchors, and stretches between them are matched
greedily: linear, and no longer the longest.

Cost: O((N + M) D) for D differences, bounded as said; memory O(D²), at most `MOST_EDITS` squared numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from typing import Final

MOST_STEPS: Final = 2_000_000
MOST_EDITS: Final = 1_200
WINDOW: Final = 200  # elements that the greedy way looks ahead

Pairs = list[tuple[int, int]]


def aligned(one: list[int], two: list[int]) -> Pairs:
    """Indices (in `one`, in `two`) of elements that are equal and in the same order in both."""
    start = 0
    shorter = min(len(one), len(two))
    while start < shorter and one[start] == two[start]:
        start += 1
    end = 0
    while end < shorter - start and one[-1 - end] == two[-1 - end]:
        end += 1
    pairs = [(at, at) for at in range(start)]
    pairs += middle(one, two, start, len(one) - end, len(two) - end)
    pairs += [(len(one) - at, len(two) - at) for at in range(end, 0, -1)]
    return pairs


def middle(one: list[int], two: list[int], start: int, end_one: int, end_two: int) -> Pairs:
    """The same for what lies between a common start and a common end."""
    if start in (end_one, end_two):
        return []
    common = set(one[start:end_one]) & set(two[start:end_two])
    if not common:
        return []
    places_one = [at for at in range(start, end_one) if one[at] in common]
    places_two = [at for at in range(start, end_two) if two[at] in common]
    left, right = [one[at] for at in places_one], [two[at] for at in places_two]
    found = longest(left, right)
    if found is None:
        found = anchored(left, right)
    return [(places_one[i], places_two[j]) for i, j in found]


def longest(one: list[int], two: list[int]) -> Pairs | None:
    """A longest common subsequence; None if that takes too long."""
    n, m = len(one), len(two)
    most = min(n + m, MOST_EDITS)
    reach = array("l", [0]) * (2 * most + 3)  # how far along `one`, by diagonal
    centre = most + 1
    trace: list[array[int]] = []
    steps = 0
    for edits in range(most + 1):
        trace.append(reach[centre - edits - 1 : centre + edits + 2])
        steps += 2 * edits + 1
        for diagonal in range(-edits, edits + 1, 2):
            at = centre + diagonal
            if diagonal == -edits or (diagonal != edits and reach[at - 1] < reach[at + 1]):
                x = reach[at + 1]
            else:
                x = reach[at - 1] + 1
            y = x - diagonal
            begun = x
            while x < n and y < m and one[x] == two[y]:
                x += 1
                y += 1
            steps += x - begun
            reach[at] = x
            if x >= n and y >= m:
                return walked_back(trace, n, m)
        if steps > MOST_STEPS:
            break
    return None


def walked_back(trace: list[array[int]], x: int, y: int) -> Pairs:
    """The pairs on the way that reached the end. trace: of each number of edits, what was reached before it, on the
    diagonals from one below the lowest to one above the highest."""
    pairs: Pairs = []
    for edits in range(len(trace) - 1, -1, -1):
        reach = trace[edits]
        at = x - y + edits + 1
        down = x - y == -edits or (x - y != edits and reach[at - 1] < reach[at + 1])
        from_x = reach[at + 1] if down else reach[at - 1]
        begun = (from_x if down else from_x + 1) if edits else 0
        from_y = from_x - (x - y + (1 if down else -1))
        while x > begun:
            x -= 1
            y -= 1
            pairs.append((x, y))
        x, y = from_x, from_y
    pairs.reverse()
    return pairs


def anchored(one: list[int], two: list[int]) -> Pairs:
    """Elements that occur once in both, as far as they are in order; between them, the greedy way."""
    count_one, count_two = Counter(one), Counter(two)
    place_two = {value: at for at, value in enumerate(two) if count_two[value] == 1}
    unique = [(at, place_two[value]) for at, value in enumerate(one) if count_one[value] == 1 and value in place_two]
    rising = set(in_order([place for _, place in unique]))
    pairs: Pairs = []
    i = j = 0
    ends = [pair for index, pair in enumerate(unique) if index in rising]
    for to_i, to_j in [*ends, (len(one), len(two))]:
        pairs += greedy(one, two, i, to_i, j, to_j)
        if to_i < len(one):
            pairs.append((to_i, to_j))
        i, j = to_i + 1, to_j + 1
    return pairs


def greedy(one: list[int], two: list[int], i: int, end_i: int, j: int, end_j: int) -> Pairs:
    """Match what is equal; where it is not, skip as few elements as make it so again, within a window."""
    pairs: Pairs = []
    while i < end_i and j < end_j:
        if one[i] == two[j]:
            pairs.append((i, j))
            i += 1
            j += 1
            continue
        soonest: dict[int, int] = {}
        for ahead in range(min(WINDOW, end_j - j)):
            soonest.setdefault(two[j + ahead], ahead)
        best, skip = 2 * WINDOW, (1, 1)
        for ahead in range(min(WINDOW, end_i - i)):
            if ahead >= best:
                break
            other = soonest.get(one[i + ahead])
            if other is not None and ahead + other < best:
                best, skip = ahead + other, (ahead, other)
        i += skip[0]
        j += skip[1]
    return pairs


def in_order(places: list[int]) -> list[int]:
    """Indices of a longest rising subsequence; of several, one that keeps the first elements back is not sought."""
    tails: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, place in enumerate(places):
        at = bisect_left(tails, place)
        before.append(last[at - 1] if at else -1)
        if at == len(tails):
            tails.append(place)
            last.append(index)
        else:
            tails[at] = place
            last[at] = index
    found: list[int] = []
    index = last[-1] if last else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    found.reverse()
    return found
