"""A connection in both captures: which exchanges stand for one another.

The exchanges that the client began are aligned in their order; of those that the broker began, deliveries topic by
topic, and in it by their origin (`publishers`), since only messages of one publisher have an order (MQTT 5.0, section
4.6). Elements are whole meanings (`meaning`) with the form of the payload that counts (`payloads`). What is left over
on both sides was moved; of the rest, the two that are most alike between the same neighbours are one exchange with
other values.

Cost: that of the alignments, which are bounded, and `MOST_PAIRED` squared for each gap between what is the same.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from typing import Final

from mqttdissect.comparison.alignment import aligned
from mqttdissect.comparison.facts import BROKER, CLIENT, Facts, Key, Session
from mqttdissect.comparison.lanes import NONE, Lanes
from mqttdissect.comparison.meaning import Canonical, Meanings
from mqttdissect.comparison.payloads import form_that_counts
from mqttdissect.comparison.publishers import NOBODY, SEVERAL, Publishers
from mqttdissect.comparison.volatile import STEADY
from mqttdissect.mqtt import codes

MOST_PAIRED: Final = 60  # exchanges of a gap that are compared with each other

Pair = tuple[int, int]
Heads = tuple[list[int], list[int]]  # in each session


class Conversation:
    """`match()` fills in: pairs of heads, by their indices in the two sessions; moved: those of them that are in
    another order, deliveries apart; left: heads without a counterpart, by lane and side; forms: by lane and pattern of
    topics, the form of the payload that counts. nameless: subjects that stand for several topics or filters with random
    parts: nobody can tell which of them is which in the other capture, so they have no order among them."""

    def __init__(
        self, captures: tuple[Facts, Facts], meanings: Meanings, publishers: Publishers, everywhere: dict[Pair, int],
        one: Session, two: Session,
    ) -> None:  # fmt: skip
        self.meanings = meanings
        self.sessions = (one, two)
        self.lanes = (
            Lanes(one, captures[0].keys, captures[0].last_ns),
            Lanes(two, captures[1].keys, captures[1].last_ns),
        )
        self.pairs: list[Pair] = []
        self.moved: list[Pair] = []
        self.left: tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]] = (([], []), ([], []))
        self.forms: dict[Pair, int] = {}
        self.nameless = self._several(0) | self._several(1)
        self._publishers = publishers
        self._everywhere = everywhere  # what the other connections say about forms
        self._elements: dict[tuple[int, int, bool], int] = {}

    def match(self) -> None:
        """Find the pairs."""
        for lane in (CLIENT, BROKER):
            self._decide_forms(lane)
        self._leave(CLIENT, self._match(CLIENT, self.lanes[0].heads[CLIENT], self.lanes[1].heads[CLIENT]))
        topics = [self._by_topic(side) for side in (0, 1)]
        for topic in dict.fromkeys([*topics[0], *topics[1]]):
            heads = topics[0].get(topic, []), topics[1].get(topic, [])
            self._leave(BROKER, self._match(BROKER, *heads) if topic == NONE else self._deliveries(*heads))
        for lane in (CLIENT, BROKER):
            self._same_payload(lane)
            for left in self.left[lane]:
                left.sort()
        self.pairs.sort()
        self.moved.sort()

    def key(self, side: int, index: int) -> Key:
        """What a packet means."""
        return self.lanes[side].key(index)

    def number(self, side: int, tables: list[array[int]], index: int) -> int:
        """The number of a packet's meaning in one of the tables of `Meanings`."""
        return tables[side][self.sessions[side].keys[index]]

    def qos(self, side: int, index: int) -> int:
        """Of a PUBLISH; else NONE."""
        parts = self.key(side, index).parts
        return next((int(part.value) for part in parts if part.name == "mqtt.qos"), NONE)

    def is_delivery(self, index: int) -> bool:
        """Of the first session."""
        key = self.key(0, index)
        return key.sender == BROKER and key.type == codes.PUBLISH

    def form(self, side: int, lane: int, index: int) -> int:
        """The form of a message's payload that counts."""
        return self.forms.get((lane, self.number(side, self.meanings.pattern, index)), STEADY)

    def _several(self, side: int) -> set[int]:
        """Subjects that stand for more than one topic, or filter, of the connection."""
        subject = self.meanings.subject[side]
        first: dict[int, str] = {}
        names = [(subject[key], self.meanings.key(side, key).subject) for key in set(self.sessions[side].keys)]
        return {number for number, name in names if first.setdefault(number, name) != name}

    def _decide_forms(self, lane: int) -> None:
        found: dict[int, dict[int, tuple[list[int], list[int]]]] = defaultdict(lambda: defaultdict(lambda: ([], [])))
        strange: set[int] = set()  # patterns of which not all messages are known to be deliveries of one publisher each
        for side in (0, 1):
            session = self.sessions[side]
            for index in self.lanes[side].heads[lane]:
                if session.exact[index]:
                    pattern = self.number(side, self.meanings.pattern, index)
                    topic = self.number(side, self.meanings.subject, index)
                    found[pattern][topic][side].append(session.steady[index])
                    if lane == CLIENT or self.origin(side, index) in (NOBODY, SEVERAL):
                        strange.add(pattern)
        for pattern, topics in found.items():
            place = lane, pattern
            form = form_that_counts(list(topics.values()), pattern not in strange)
            self.forms[place] = self._everywhere.get(place) or form

    def _by_topic(self, side: int) -> dict[int, list[int]]:
        """Deliveries by topic; whatever else the broker begins is one group."""
        groups: dict[int, list[int]] = defaultdict(list)
        for index in self.lanes[side].heads[BROKER]:
            delivery = self.key(side, index).type == codes.PUBLISH
            groups[self.number(side, self.meanings.subject, index) if delivery else NONE].append(index)
        return groups

    def _element(self, side: int, lane: int, index: int) -> int:
        """What has to be equal for two heads to be the same."""
        session = self.sessions[side]
        payload = 0
        if session.exact[index]:
            steady = self.form(side, lane, index) == STEADY
            payload = session.steady[index] if steady else session.shape[index]
        meaning = self.number(side, self.meanings.whole, index)
        again = index in self.lanes[side].again
        return self._elements.setdefault((meaning, payload, again), len(self._elements))

    def origin(self, side: int, index: int) -> int:
        """Who published a delivery, and how (`Publishers.origin`)."""
        subject = self.number(side, self.meanings.subject, index)
        return self._publishers.origin(side, subject, self.sessions[side].exact[index])

    def published(self, side: int, index: int) -> tuple[int, int]:
        """Which packet published a delivery, and when (`Publishers.published`)."""
        subject = self.number(side, self.meanings.subject, index)
        return self._publishers.published(side, subject, self.sessions[side].exact[index])

    def _leave(self, lane: int, heads: Heads) -> None:
        """These have no counterpart."""
        for side in (0, 1):
            self.left[lane][side].extend(heads[side])

    def _deliveries(self, left: list[int], right: list[int]) -> Heads:
        """Match deliveries of one topic: those of one origin first, then what is left, for which the captures do not
        agree who published it."""
        origins: dict[int, Heads] = defaultdict(lambda: ([], []))
        for side, heads in enumerate((left, right)):
            for index in heads:
                origins[self.origin(side, index)][side].append(index)
        rest: Heads = ([], [])
        for group in origins.values():
            for side, heads in enumerate(self._match(BROKER, *group, ordered=False)):
                rest[side].extend(heads)
        return self._match(BROKER, sorted(rest[0]), sorted(rest[1]), ordered=False) if len(origins) > 1 else rest

    def _match(self, lane: int, left: list[int], right: list[int], ordered: bool = True) -> Heads:
        """Match heads in order, then those that moved, then those that are alike; hands on what is left. ordered: it
        is a difference that they moved."""
        ones = [self._element(0, lane, index) for index in left]
        twos = [self._element(1, lane, index) for index in right]
        found = aligned(ones, twos)
        same = list(found)
        free = (set(range(len(left))) - {i for i, _ in found}, set(range(len(right))) - {j for _, j in found})
        spare: dict[int, list[int]] = defaultdict(list)
        for j in sorted(free[1], reverse=True):
            spare[twos[j]].append(j)
        for i in sorted(free[0]):
            if spare.get(ones[i]):
                j = spare[ones[i]].pop()
                free[0].discard(i)
                free[1].discard(j)
                same.append((i, j))
                if ordered and self.number(0, self.meanings.subject, left[i]) not in self.nameless:
                    self.moved.append((left[i], right[j]))
        if not ordered:
            same = uncrossed(same, ones)
        self.pairs += [(left[i], right[j]) for i, j in same]
        rest: Heads = ([], [])
        i = j = 0
        for to_i, to_j in [*found, (len(left), len(right))]:
            gap_one = [left[at] for at in range(i, to_i) if at in free[0]]
            gap_two = [right[at] for at in range(j, to_j) if at in free[1]]
            alike = self._alike(gap_one, gap_two)
            self.pairs += alike
            rest[0].extend(set(gap_one) - {one for one, _ in alike})
            rest[1].extend(set(gap_two) - {two for _, two in alike})
            i, j = to_i + 1, to_j + 1
        return rest

    def _alike(self, left: list[int], right: list[int]) -> list[Pair]:
        """Of heads between the same neighbours, which are the same with other values: the best choice in order (S. B.
        Needleman and C. D. Wunsch, 1970)."""
        if not left or not right:
            return []
        if len(left) > MOST_PAIRED or len(right) > MOST_PAIRED:
            subjects = [
                [self.number(side, self.meanings.subject, index) for index in heads]
                for side, heads in enumerate((left, right))
            ]
            return [(left[i], right[j]) for i, j in aligned(subjects[0], subjects[1])]
        parts = [
            [self.meanings.parts(side, self.sessions[side].keys[index]) for index in heads]
            for side, heads in enumerate((left, right))
        ]
        scores = [
            [self._likeness(one, two, parts[0][i], parts[1][j]) for j, two in enumerate(right)]
            for i, one in enumerate(left)
        ]
        best = [[0.0] * (len(right) + 1) for _ in range(len(left) + 1)]
        for i in range(len(left) - 1, -1, -1):
            for j in range(len(right) - 1, -1, -1):
                together = best[i + 1][j + 1] + scores[i][j] if scores[i][j] else 0.0
                best[i][j] = max(together, best[i + 1][j], best[i][j + 1])
        found: list[Pair] = []
        i = j = 0
        while i < len(left) and j < len(right):
            if scores[i][j] and best[i][j] == best[i + 1][j + 1] + scores[i][j]:
                found.append((left[i], right[j]))
                i += 1
                j += 1
            elif best[i][j] == best[i + 1][j]:
                i += 1
            else:
                j += 1
        return found

    def _likeness(self, one: int, two: int, parts_one: set[Canonical], parts_two: set[Canonical]) -> float:
        """0: another packet. More: the same with other values."""
        left, right = self.key(0, one), self.key(1, two)
        if left.type != right.type or left.sender != right.sender:
            return 0.0
        common = len(parts_one & parts_two) / max(1, len(parts_one), len(parts_two))
        if left.type != codes.PUBLISH:
            return 1.0 + common
        payload = self.sessions[0].exact[one] == self.sessions[1].exact[two]
        topic = self.number(0, self.meanings.subject, one) == self.number(1, self.meanings.subject, two)
        if not topic and not (payload and self.sessions[0].exact[one]):
            return 0.0
        return common + (1.0 if payload else 0.0) + (1.0 if topic else 0.0)

    def _same_payload(self, lane: int) -> None:
        """Of what is left over, messages of one payload: under another topic, or far away."""
        left, right = self.left[lane]
        spare: dict[int, list[int]] = defaultdict(list)
        for two in sorted(right, reverse=True):
            if self.sessions[1].exact[two]:
                spare[self.sessions[1].exact[two]].append(two)
        for one in sorted(left):
            same = spare.get(self.sessions[0].exact[one])
            if same:
                two = same.pop()
                left.remove(one)
                right.remove(two)
                self.pairs.append((one, two))


def uncrossed(pairs: list[Pair], elements: list[int]) -> list[Pair]:
    """The same pairs, with those of one element in order. elements: of the first sequence."""
    places: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for i, j in pairs:
        places[elements[i]][0].append(i)
        places[elements[i]][1].append(j)
    return [pair for ones, twos in places.values() for pair in zip(sorted(ones), sorted(twos), strict=True)]
