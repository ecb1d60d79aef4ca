"""Which connection of one capture stands for which of the other.

First by client identifier where both captures have it, unless what the two do has little in common. The others by what
happens on the connection: the same identifier but for random parts and all the same, the same identifier but for these
and the same behaviour, the same behaviour, then whoever is most alike. Addresses and times play no part. Behaviour is
what the client asks for: CONNECT, filters, topics, QoS. All the same: also what either side sends, with payloads or, if
these vary, without. Who is left over and sends the same types of packets, under such an identifier, is the same too.

Cost: linear in the connections for all that behave alike; `MOST_COMPARED` squared for the rest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import zip_longest
from typing import Final

from mqttdissect.comparison.alignment import aligned
from mqttdissect.comparison.facts import CLIENT, Facts, Session
from mqttdissect.comparison.meaning import Meanings
from mqttdissect.comparison.volatile import masked, numberless, same_but_random
from mqttdissect.mqtt import codes

MOST_COMPARED: Final = 250  # connections of each capture that are compared with each other
MOST_DEEDS: Final = 300  # different ones of a client
ALIKE: Final = 0.34
PLAUSIBLE: Final = 0.2  # for two of the same client identifier
SAME_ID: Final = 0.3  # so much more alike
PINGS: Final = frozenset([codes.PINGREQ, codes.PINGRESP])
DEEDS: Final = frozenset([codes.PUBLISH, codes.SUBSCRIBE, codes.UNSUBSCRIBE, codes.AUTH])

Match = tuple[Session, Session]


class Roles:
    """What clients do, as sets and sequences of numbers."""

    def __init__(self, captures: tuple[Facts, Facts], meanings: Meanings) -> None:
        self._captures = captures
        self._meanings = meanings
        self._deeds: list[dict[int, frozenset[int]]] = [{}, {}]

    def deeds(self, side: int, session: Session) -> frozenset[int]:
        """What the client asks for once it is connected, without order and repeats."""
        known = self._deeds[side].get(session.index)
        if known is None:
            keys, subject = self._captures[side].keys, self._meanings.subject[side]
            found: set[int] = set()
            for key in session.keys:
                if keys[key].sender == CLIENT and keys[key].type in DEEDS:
                    found.add(subject[key])
                    if len(found) >= MOST_DEEDS:
                        break
            known = self._deeds[side][session.index] = frozenset(found)
        return known

    def course(self, side: int, session: Session) -> int:
        """What the client sends, its CONNECT too, in order, as one number."""
        keys, whole = self._captures[side].keys, self._meanings.whole[side]
        return hash(
            tuple(
                whole[key]
                for key in session.keys
                if keys[key].sender == CLIENT and (keys[key].type in DEEDS or keys[key].type == codes.CONNECT)
            )
        )

    def kinds(self, side: int, session: Session) -> tuple[int, ...]:
        """The types of packets that the client sends, each once in the order in which they first come."""
        keys = self._captures[side].keys
        return tuple(dict.fromkeys(keys[key].type for key in session.keys if keys[key].sender == CLIENT))

    def story(self, side: int, session: Session, payloads: Sequence[int] = ()) -> int:
        """The course, and whatever else either side sends, but for PINGs, in any order, as one number. payloads: a form
        of each packet's, as the session has it; nothing to leave them out."""
        keys, whole = self._captures[side].keys, self._meanings.whole[side]
        told = [
            (whole[key], payload)
            for key, payload in zip_longest(session.keys, payloads, fillvalue=0)
            if keys[key].type not in PINGS
        ]
        return hash((self.course(side, session), tuple(sorted(told))))

    def alike(self, one: Session, two: Session) -> float:
        """From 0 to 1: how much of what they do is the same; where one does only a part of the other, more than that.
        Who does nothing is a little like anybody that connects in the same way."""
        left, right = self.deeds(0, one), self.deeds(1, two)
        if not left or not right:
            first, second = (self._meanings.whole[side][s.keys[0]] for side, s in enumerate((one, two)))
            return ALIKE if first == second else 0.0
        common = len(left & right)
        return common / (len(left) + len(right)) + 0.5 * common / min(len(left), len(right))


def matched(captures: tuple[Facts, Facts], meanings: Meanings) -> tuple[list[Match], list[Session], list[Session]]:
    """Pairs, in the order of the first capture, and the connections that only the first or only the second has."""
    roles = Roles(captures, meanings)
    left = [one for one in captures[0].sessions if len(one)]
    right = [one for one in captures[1].sessions if len(one)]
    alone = len(left) == len(right) == 1
    pairs: list[Match] = []

    def take(found: list[Match]) -> None:
        nonlocal left, right
        pairs.extend(found)
        done = ({one.index for one, _ in found}, {two.index for _, two in found})
        left = [one for one in left if one.index not in done[0]]
        right = [two for two in right if two.index not in done[1]]

    def pattern(session: Session) -> str:
        return numberless(masked(session.client_id, set()))

    def by_id(side: int, one: Session) -> str | None:
        return one.client_id or None

    by_name = same_key(left, right, by_id, roles)
    take([pair for pair in by_name if plausible(roles, *pair)])
    take(same_key(left, right, lambda side, one: (pattern(one), roles.story(side, one, one.steady)), roles))
    take(same_key(left, right, lambda side, one: (pattern(one), roles.story(side, one)), roles))
    take(same_key(left, right, lambda side, one: (pattern(one), roles.course(side, one)), roles))
    take(same_key(left, right, lambda side, one: roles.course(side, one), roles))
    take(same_key(left, right, lambda side, one: (pattern(one), roles.deeds(side, one)), roles))
    take(most_alike(left[:MOST_COMPARED], right[:MOST_COMPARED], roles))
    take(same_key(left, right, lambda side, one: (pattern(one), roles.kinds(side, one)), roles))
    take(same_key(left, right, by_id, roles))
    if alone and left:
        take([(left[0], right[0])])
    pairs.sort(key=lambda pair: pair[0].index)
    return pairs, left, right


def same_key(
    left: list[Session], right: list[Session], key: Callable[[int, Session], Hashable | None], roles: Roles
) -> list[Match]:
    """Connections of one key: as many on both sides in order, else aligned by what they do."""
    groups: dict[Hashable, tuple[list[Session], list[Session]]] = defaultdict(lambda: ([], []))
    for side, sessions in enumerate((left, right)):
        for one in sessions:
            value = key(side, one)
            if value is not None:
                groups[value][side].append(one)
    found: list[Match] = []
    for ones, twos in groups.values():
        if len(ones) == len(twos):
            found += zip(ones, twos, strict=True)
        else:
            found += in_order(ones, twos, roles)
    return found


TELLS: Final[tuple[Callable[[Roles, int, Session], int], ...]] = (  # the most that is the same in both captures first
    lambda roles, side, one: roles.story(side, one, one.shape),
    lambda roles, side, one: roles.story(side, one),
    lambda roles, side, one: roles.course(side, one),
)


def in_order(ones: list[Session], twos: list[Session], roles: Roles, level: int = 0) -> list[Match]:
    """Connections of one client, of which one capture has more: those that are the same, and between them as many more
    as both have. Numbers in payloads do not count: by chance, some are the same."""
    if not ones or not twos or level == len(TELLS):
        return list(zip(ones, twos, strict=False))
    numbers = [[TELLS[level](roles, side, one) for one in group] for side, group in enumerate((ones, twos))]
    found: list[Match] = []
    i = j = 0
    for to_i, to_j in [*aligned(numbers[0], numbers[1]), (len(ones), len(twos))]:
        found += in_order(ones[i:to_i], twos[j:to_j], roles, level + 1)
        if to_i < len(ones):
            found.append((ones[to_i], twos[to_j]))
        i, j = to_i + 1, to_j + 1
    return found


def plausible(roles: Roles, one: Session, two: Session) -> bool:
    """Of one identifier: do they also do something in common, or too little to tell?"""
    idle = not roles.deeds(0, one) or not roles.deeds(1, two)
    return idle or roles.alike(one, two) >= PLAUSIBLE


def most_alike(left: list[Session], right: list[Session], roles: Roles) -> list[Match]:
    """The best pairs, the very best first."""
    scores: list[tuple[float, int, int]] = []
    for i, one in enumerate(left):
        for j, two in enumerate(right):
            score = roles.alike(one, two)
            if one.client_id and one.client_id == two.client_id:
                score += SAME_ID
            elif same_but_random(one.client_id, two.client_id):
                score += SAME_ID / 2
            if score >= ALIKE:
                scores.append((-score, i, j))
    scores.sort()
    taken: tuple[set[int], set[int]] = (set(), set())
    found: list[Match] = []
    for _, i, j in scores:
        if i not in taken[0] and j not in taken[1]:
            taken[0].add(i)
            taken[1].add(j)
            found.append((left[i], right[j]))
    return found
