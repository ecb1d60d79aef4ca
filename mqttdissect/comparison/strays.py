"""Answers to nothing, of which the other capture has a like to something: they are one difference with that.

Takes the `Record` of a connection in which each packet that only one side has is a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from mqttdissect.comparison.conversation import Conversation, Pair
from mqttdissect.comparison.difference import ONLY_BAD, ONLY_GOOD, VALUE, Change, Difference
from mqttdissect.comparison.facts import BROKER, CLIENT
from mqttdissect.comparison.lanes import ORDERED
from mqttdissect.comparison.record import Record
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.registry import PACKET_IDENTIFIER

STRAYS: Final = frozenset(codes.PACKET_TYPES[kind] for kind in (*ORDERED, codes.CONNACK))
OTHER_SIDE: Final = {ONLY_GOOD: ONLY_BAD, ONLY_BAD: ONLY_GOOD}

Stray = tuple[str, str, int]  # kind of difference, packet type, sender
Missing = tuple[Difference, int]  # an answer, and the packet identifier that it should have


class Strays:
    """`settle()` them. changes: what differs between two packets."""

    def __init__(self, record: Record, conversation: Conversation, changes: Callable[[int, int], list[Change]]) -> None:
        self._record = record
        self._conversation = conversation
        self._changes = changes

    def settle(self, unanswered: list[Missing]) -> None:
        """Do it. unanswered: answers that are missing, and the packet identifier that they should have."""
        missing = {id(one) for one, _ in unanswered}
        strays: dict[Stray, list[Difference]] = defaultdict(list)
        for one in reversed(self._record.differences):
            if id(one) not in missing and one.what in STRAYS and one.kind in OTHER_SIDE:
                strays[one.kind, one.what, self._sender(one)].append(one)
        gone: set[int] = set()
        if strays:
            self._wrong_identifiers(unanswered, strays, gone)
            self._lost_requests(strays, gone)
        self._record.differences = [one for one in self._record.differences if id(one) not in gone]

    def _wrong_identifiers(
        self, unanswered: list[Missing], strays: dict[Stray, list[Difference]], gone: set[int]
    ) -> None:
        """An answer that is missing, and one of that type to nothing: one answer with a wrong packet identifier."""
        for missing, asked in unanswered:
            others = strays.get((OTHER_SIDE[missing.kind], missing.what, self._sender(missing)))
            if others and self._identifier(others[-1]) != asked:
                stray = others.pop()
                gone |= {id(missing), id(stray)}
                for what in missing.answers:
                    gone |= self._also(stray, what, strays)
                self._merge(missing, stray, asked)

    def _also(self, stray: Difference, what: str, strays: dict[Stray, list[Difference]]) -> set[int]:
        """A packet of type `what` that goes on with the same wrong packet identifier, if there is one."""
        number = self._identifier(stray)
        for sender in (CLIENT, BROKER):
            others = strays.get((stray.kind, what, sender), [])
            for one in reversed(others):
                if self._identifier(one) == number and self._packet(one) > self._packet(stray):
                    others.remove(one)
                    return {id(one)}
        return set()

    def _lost_requests(self, strays: dict[Stray, list[Difference]], gone: set[int]) -> None:
        """A request that is missing, and its answers to nothing."""
        for request in self._record.differences:
            if not request.answers or id(request) in gone or request.what in STRAYS:
                continue
            side, head = self._packet(request)
            there: list[str] = []
            for index in self._conversation.lanes[side].answers(head):
                key = self._conversation.key(side, index)
                others = strays.get((OTHER_SIDE[request.kind], self._record.name(side, index), key.sender))
                if others:
                    gone.add(id(others[-1]))
                    there.append(self._record.place(*self._packet(others.pop())))
            if there:
                lost = f"; {request.says}" if request.says else ""
                request.says = f"{' and '.join(there)} {'answer' if len(there) > 1 else 'answers'} nothing{lost}"

    def _packet(self, only: Difference) -> Pair:
        """The packet that only one side has: the side, and its index there."""
        side = 0 if only.kind == ONLY_GOOD else 1
        return side, self._conversation.sessions[side].place((only.good, only.bad)[side])

    def _sender(self, only: Difference) -> int:
        return self._conversation.key(*self._packet(only)).sender

    def _identifier(self, only: Difference) -> int:
        side, index = self._packet(only)
        return self._conversation.sessions[side].identifiers[index]

    def _merge(self, missing: Difference, stray: Difference, asked: int) -> None:
        good, bad = (missing, stray) if missing.kind == ONLY_GOOD else (stray, missing)
        (_, one), (_, two) = self._packet(good), self._packet(bad)
        left, right = self._conversation.sessions
        merged = self._record.difference(VALUE, missing.what, one, two)
        merged.changes = self._changes(one, two)
        merged.changes.append(Change(PACKET_IDENTIFIER, left.identifiers[one], right.identifiers[two], True))
        merged.says = f"{missing.says} with packet identifier {asked}"
        self._record.differences.append(merged)
