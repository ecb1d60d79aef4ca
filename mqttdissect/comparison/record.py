"""The differences of a connection as they are found, and what its packets are called.

Takes a matched `Conversation`; packets are told by side and by index in the session.
"""

from __future__ import annotations

from mqttdissect.comparison.conversation import Conversation
from mqttdissect.comparison.difference import ONLY_BAD, ONLY_GOOD, SIDES, Difference
from mqttdissect.comparison.lanes import NONE
from mqttdissect.mqtt import codes


class Record:
    """differences: what was found. Changed by whoever finds out that several are one."""

    def __init__(self, conversation: Conversation) -> None:
        self.differences: list[Difference] = []
        self._conversation = conversation
        self._sessions = conversation.sessions
        self._client = self._sessions[0].client_id or self._sessions[1].client_id

    def difference(self, kind: str, what: str, one: int, two: int) -> Difference:
        """A difference about packets with these indices, NONE for none. It is not kept yet."""
        left, right = self._sessions
        found = Difference(kind, what, self._client, (left.stream, right.stream))
        if one != NONE:
            found.place_good(left.numbers[one], left.frames[one])
        if two != NONE:
            found.place_bad(right.numbers[two], right.frames[two])
        return found

    def only(self, side: int, index: int, says: str, count: int = 1) -> Difference:
        """A packet that only one side has; count: with those that follow from it."""
        kind = ONLY_BAD if side else ONLY_GOOD
        found = self.difference(kind, self.name(side, index), NONE if side else index, index if side else NONE)
        found.says = says
        found.count = count
        self.differences.append(found)
        return found

    def name(self, side: int, index: int) -> str:
        """PUBLISH"""
        return codes.PACKET_TYPES[self._conversation.key(side, index).type]

    def place(self, side: int, index: int) -> str:
        """PUBLISH #12 of GOOD"""
        return f"{self.name(side, index)} #{self._sessions[side].frames[index]} of {SIDES[side]}"
