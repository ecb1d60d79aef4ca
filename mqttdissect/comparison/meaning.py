"""Numbers for meanings, the same in both captures where the meaning is the same.

Takes the keys of both; hands on, for each key of each capture, the number of its whole meaning, of its subject (type,
topic or filters) and of its subject's pattern. A random token that only one capture has is masked; one that both have
is not random. So are identifiers of clients that only one has, where they are a level of a topic.
"""

from __future__ import annotations

from array import array
from typing import Final

from mqttdissect.comparison.facts import EXPIRY, PRESENCE, RANDOM, WORDS, Facts, Key, Part
from mqttdissect.comparison.volatile import MASK, masked, numberless, tokens
from mqttdissect.mqtt import codes

SHORTEST_ID: Final = 3  # characters of a client identifier that is looked for in topics
SUBJECTS: Final = ("topic", "filter")

Canonical = tuple[str, object]


class Meanings:
    """whole, subject, pattern: by capture (0 and 1) and key, the number."""

    def __init__(self, captures: tuple[Facts, Facts]) -> None:
        self._captures = captures
        self._numbers: dict[object, int] = {}
        ids = [{one.client_id for one in facts.sessions if one.client_id} for facts in captures]
        seen = [random_values(facts) for facts in captures]
        levels = [levels_of(facts) for facts in captures]
        self.stable = [seen[1], seen[0]]  # by capture: what the other has too
        self.own_ids = [
            {one for one in ids[side] - ids[1 - side] - levels[1 - side] if len(one) >= SHORTEST_ID} for side in (0, 1)
        ]  # one that is in topics of the other capture may be that of a client whose CONNECT it lacks
        self.whole = [array("q"), array("q")]
        self.subject = [array("q"), array("q")]
        self.pattern = [array("q"), array("q")]
        for side in (0, 1):
            for key in captures[side].keys:
                parts = tuple(self.canonical(part, side) for part in key.parts)
                subject = tuple(part for part in parts if part[0] in SUBJECTS)
                pattern = tuple(numberless(str(value)) for _, value in subject)
                self.whole[side].append(self.number((key.type, key.sender, parts)))
                self.subject[side].append(self.number((key.type, subject)))
                self.pattern[side].append(self.number((key.type, pattern)))

    def number(self, meaning: object) -> int:
        """Its number."""
        return self._numbers.setdefault(meaning, len(self._numbers))

    def canonical(self, part: Part, side: int) -> Canonical:
        """Name and value without what is volatile."""
        value = part.value
        if part.how == WORDS and isinstance(value, str):
            return part.name, self.words(value, side)
        if part.how == RANDOM:
            return part.name, value if value in self.stable[side] else MASK
        if part.how in (PRESENCE, EXPIRY):
            return part.name, MASK
        return part.name, value

    def topic(self, side: int, name: str) -> int:
        """The number of the subject of a PUBLISH to a topic."""
        return self.number((codes.PUBLISH, (("topic", self.words(name, side)),)))

    def words(self, text: str, side: int) -> str:
        """A text without random tokens and client identifiers that only this capture has."""
        own = self.own_ids[side]
        if own and text in own:
            return MASK
        if own and "/" in text:
            text = "/".join([MASK if level in own else level for level in text.split("/")])
        return masked(text, self.stable[side])

    def parts(self, side: int, key: int) -> set[Canonical]:
        """The parts of a key, for telling how alike two are."""
        return {self.canonical(part, side) for part in self._captures[side].keys[key].parts}

    def key(self, side: int, key: int) -> Key:
        """The key itself."""
        return self._captures[side].keys[key]


def random_values(facts: Facts) -> set[str]:
    """What looks random in a capture's texts."""
    found: set[str] = set()
    for key in facts.keys:
        for part in key.parts:
            if isinstance(part.value, str):
                if part.how == WORDS:
                    found.update(tokens(part.value))
                elif part.how == RANDOM:
                    found.add(part.value)
    return found


def levels_of(facts: Facts) -> set[str]:
    """The levels of a capture's topics and filters."""
    found: set[str] = set()
    for key in facts.keys:
        for part in key.parts:
            if part.name in SUBJECTS and isinstance(part.value, str):
                found.update(part.value.split("/"))
    return found
