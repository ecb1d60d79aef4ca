"""A connection as exchanges: which packet answers which, what the client did and what the broker did, each in order.

An exchange begins with a packet that asks for something or stands for itself (its head) and goes on with the packets
that answer it: PUBLISH, PUBREC, PUBREL, PUBCOMP are one (MQTT 5.0, section 4.3; 3.1.1 the same). Exchanges that the
client began are one lane, those that the broker began another: the order within a lane has a meaning, that between
them is chance. An answer to nothing is a head of its own. PINGREQ and PINGRESP are only counted; a PINGREQ is
unanswered once its answer is late. A connection, or a capture, that ends just behind it cannot tell.
"""

from __future__ import annotations

from array import array
from typing import Final

from mqttdissect.comparison.facts import BROKER, CLIENT, ENDED_OPEN, Key, Session
from mqttdissect.mqtt import codes

NONE: Final = -1
LATE_NS: Final = 1_000_000_000  # a PINGREQ that nobody answered for so long
FROM_THE_OTHER: Final = frozenset([codes.PUBACK, codes.PUBREC, codes.PUBCOMP, codes.SUBACK, codes.UNSUBACK])
ORDERED: Final = FROM_THE_OTHER | {codes.PUBREL}
LAST: Final = frozenset([codes.PUBACK, codes.PUBCOMP, codes.SUBACK, codes.UNSUBACK])
REQUESTS: Final = frozenset([codes.SUBSCRIBE, codes.UNSUBSCRIBE])
ASKED_BY: Final[dict[int, tuple[int, ...]]] = {  # what an answer answers
    codes.PUBACK: (codes.PUBLISH,),
    codes.PUBREC: (codes.PUBLISH,),
    codes.PUBREL: (codes.PUBLISH,),
    codes.PUBCOMP: (codes.PUBLISH, codes.PUBREL),
    codes.SUBACK: (codes.SUBSCRIBE,),
    codes.UNSUBACK: (codes.UNSUBSCRIBE,),
}


class Lanes:
    """heads: of CLIENT and of BROKER, indices of the session's packets. following: of each packet, the next one of its
    exchange, or NONE. pings: indices of PINGREQs; unanswered: those of them that got no PINGRESP.
    again: heads that were sent before and are not answered yet: the first answer is to the first, another to them."""

    def __init__(self, session: Session, keys: list[Key], capture_end_ns: int) -> None:
        self.session = session
        self.heads: tuple[list[int], list[int]] = ([], [])
        self.following = array("l", [NONE]) * len(session)
        self.pings: list[int] = []
        self.is_answer = bytearray(len(session))
        self.again: set[int] = set()
        self._keys = keys
        self._last: dict[int, int] = {}  # the last packet of an exchange, by head, while it goes on
        self._pending: dict[tuple[int, int], int] = {}  # heads by who asked, and the packet identifier
        self._repeated: dict[tuple[int, int], int] = {}  # the last of `again`, likewise
        self._opening = NONE  # CONNECT, or an AUTH exchange
        self._waiting: list[int] = []  # PINGREQs
        self._answered = NONE  # the latest request of the client that has an answer
        for index in range(len(session)):
            self._one(index)
        end_ns = capture_end_ns if session.end == ENDED_OPEN else session.end_ns
        self.unanswered = [
            ping for ping in self._waiting if ping < self._answered or end_ns - session.times[ping] > LATE_NS
        ]
        self._last.clear()
        self._pending.clear()

    def key(self, index: int) -> Key:
        """What a packet means."""
        return self._keys[self.session.keys[index]]

    def answers(self, head: int) -> list[int]:
        """The packets that follow it in its exchange."""
        found: list[int] = []
        index = self.following[head]
        while index != NONE:
            found.append(index)
            index = self.following[index]
        return found

    def _one(self, index: int) -> None:
        key = self.key(index)
        kind = key.type
        if kind == codes.PINGREQ:
            self._waiting.append(index)
            self.pings.append(index)
        elif kind == codes.PINGRESP and self._waiting:
            self._answered = max(self._answered, self._waiting.pop())
        elif kind in (codes.CONNACK, codes.AUTH) and self._opening != NONE:
            self._attach(self._opening, index)
            if kind == codes.CONNACK:
                self._opening = NONE
        elif kind in ASKED_BY:
            self._answer(index, key)
        else:
            self._head(index, key)

    def _answer(self, index: int, key: Key) -> None:
        asker = 1 - key.sender if key.type in FROM_THE_OTHER else key.sender
        at = (asker, self.session.identifiers[index])
        head = self._pending.get(at, NONE)
        if head == NONE:
            head = self._repeated.get(at, NONE)
        if head == NONE or self.key(head).type not in ASKED_BY[key.type]:
            self._head(index, key)
            return
        self._attach(head, index)
        if key.type in LAST:
            (self._pending if at in self._pending else self._repeated).pop(at)

    def _head(self, index: int, key: Key) -> None:
        self.heads[CLIENT if key.sender == CLIENT else BROKER].append(index)
        identifier = self.session.identifiers[index]
        if key.type in (codes.CONNECT, codes.AUTH):
            if self._opening != NONE and key.type == codes.CONNECT and self.key(self._opening) == key:
                self.again.add(index)
            else:
                self._opening = index
        elif identifier and key.type in (codes.PUBLISH, codes.SUBSCRIBE, codes.UNSUBSCRIBE, codes.PUBREL):
            waiting = self._pending.get((key.sender, identifier), NONE)
            if waiting != NONE and self._same(waiting, index):
                self.again.add(index)
                self._repeated[key.sender, identifier] = index
            else:
                self._pending[key.sender, identifier] = index
                self._repeated.pop((key.sender, identifier), None)

    def _same(self, head: int, index: int) -> bool:
        """Is the second one the first one once more, perhaps with DUP?"""
        exact = self.session.exact
        one, two = self.key(head), self.key(index)
        if one.type == two.type == codes.PUBLISH:
            return exact[head] == exact[index] and one.subject == two.subject
        return one.type in REQUESTS and one == two

    def _attach(self, head: int, index: int) -> None:
        self.following[self._last.get(head, head)] = index
        self._last[head] = index
        if self.key(head).sender == CLIENT:
            self._answered = max(self._answered, head)
        self.is_answer[index] = 1
