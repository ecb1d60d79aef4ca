"""What is in another order in a connection, where the order has a meaning: deliveries have that of publishing, answers
that of what they answer.

Takes a matched `Conversation`; adds to the `Record` of its differences.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable
from typing import Final

from mqttdissect.comparison.alignment import in_order
from mqttdissect.comparison.conversation import Conversation, Pair
from mqttdissect.comparison.difference import ORDER
from mqttdissect.comparison.lanes import NONE, ORDERED
from mqttdissect.comparison.publishers import NEVER, NOBODY, SEVERAL
from mqttdissect.comparison.record import Record
from mqttdissect.comparison.subscriptions import Subscriptions

LOOK_BACK: Final = 200  # packets, for one to name as the neighbour


class Orders:
    """`find()` all, or tell of one that `moved()`."""

    def __init__(self, record: Record, conversation: Conversation) -> None:
        self._record = record
        self._conversation = conversation
        self._told: set[Pair] = set()

    def find(self, mates: list[Pair], strict: bool) -> int:
        """Exchanges and answers that are in another order, where the order has a meaning; strict: any packets. Returns
        how many deliveries have moved and are not told."""
        for pair in self._conversation.moved:
            self.moved(pair)
        deliveries = [pair for pair in self._conversation.pairs if self._conversation.is_delivery(pair[0])]
        races = out_of_order(deliveries)
        if races:
            for group in self._by_origin(deliveries):
                for pair in self._disordered(group):
                    self.moved(pair)
        self._answer_order()
        if strict:
            for pair in out_of_order(sorted(mates)):
                self.moved(pair)
        return sum(pair not in self._told for pair in races)

    def _by_origin(self, deliveries: list[Pair]) -> list[list[Pair]]:
        """Deliveries that have an order: from one publisher with one QoS, subscribed to and delivered with one QoS;
        across topics, but for retained ones and those with random parts. Where nobody is seen to have published them,
        those of one topic. Two that stand for one another and are of different origin have none."""
        conversation = self._conversation
        subscriptions = Subscriptions(conversation.lanes[0])
        groups: dict[Hashable, list[Pair]] = defaultdict(list)
        for one, two in deliveries:
            origins = conversation.origin(0, one), conversation.origin(1, two)
            if SEVERAL in origins or (origins[0] != origins[1] and NOBODY not in origins):
                continue
            retained = any(part.name == "mqtt.retain" and part.value for part in conversation.key(0, one).parts)
            subject = conversation.number(0, conversation.meanings.subject, one)
            topic = subject if retained or NOBODY in origins else NONE
            names = conversation.key(0, one).subject, conversation.key(1, two).subject
            told = names if subject in conversation.nameless else ("", "")
            qos = conversation.qos(0, one), subscriptions.asked(names[0])
            groups[origins, qos, topic, told].append((one, two))
        return list(groups.values())

    def _disordered(self, group: list[Pair]) -> list[Pair]:
        """Of deliveries that have an order, those that keep to that of publishing on one side only; where that is not
        known, those that moved."""
        late: list[set[int]] = []
        for side in (0, 1):
            published = [(self._conversation.published(side, pair[side]), pair[side]) for pair in group]
            if any(when == NEVER for when, _ in published):
                return out_of_order(group)
            late.append({index for _, index in out_of_order(sorted((when[0], index) for when, index in published))})
        return [pair for pair in group if (pair[0] in late[0]) != (pair[1] in late[1])]

    def _answer_order(self) -> None:
        """Answers of one type that are in the order of what they answer on one side only (MQTT 5.0, section 4.6)."""
        groups: dict[Pair, list[tuple[Pair, Pair]]] = defaultdict(list)
        for head in self._conversation.pairs:
            answers = self._conversation.lanes[0].answers(head[0]), self._conversation.lanes[1].answers(head[1])
            for i, j in zip(*answers, strict=False):
                left, right = self._conversation.key(0, i), self._conversation.key(1, j)
                if left.type == right.type and left.type in ORDERED:
                    groups[left.type, left.sender].append((head, (i, j)))
        for group in groups.values():
            late = [set(out_of_order(sorted((head[side], answer[side]) for head, answer in group))) for side in (0, 1)]
            if late[0] or late[1]:
                for head, answer in group:
                    if ((head[0], answer[0]) in late[0]) != ((head[1], answer[1]) in late[1]):
                        self.moved(answer)

    def moved(self, pair: Pair) -> None:
        """Two packets that stand for one another are in another order. It is told once."""
        if pair in self._told:
            return
        self._told.add(pair)
        found = self._record.difference(ORDER, self._record.name(0, pair[0]), *pair)
        found.says = f"in GOOD {self._behind(0, pair[0])}, in BAD {self._behind(1, pair[1])}"
        self._record.differences.append(found)

    def _behind(self, side: int, index: int) -> str:
        """behind PUBLISH #12: the packet of the same sender before this one."""
        sender = self._conversation.key(side, index).sender
        for at in range(index - 1, max(NONE, index - LOOK_BACK), -1):
            if self._conversation.key(side, at).sender == sender:
                return f"behind {self._record.name(side, at)} #{self._conversation.sessions[side].frames[at]}"
        return "first"


def out_of_order(pairs: list[Pair]) -> list[Pair]:
    """Of pairs sorted by the first, those that have to move for the second to rise too."""
    kept = set(in_order([two for _, two in pairs]))
    return [pair for at, pair in enumerate(pairs) if at not in kept]
