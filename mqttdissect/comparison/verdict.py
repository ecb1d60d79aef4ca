"""What differs in a connection, once it is known which exchanges stand for one another.

Takes a matched `Conversation`; hands on `Difference`s. Within an exchange the answers are compared in turn, so that it
does not matter how exchanges are interleaved. What has no meaning is counted as set aside, unless the options ask for
it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Hashable
from typing import Final

from mqttdissect.comparison.alignment import aligned, in_order
from mqttdissect.comparison.conversation import Conversation, Pair
from mqttdissect.comparison.difference import (
    CLIENT_IDENTIFIERS,
    EXPIRIES,
    ONLY_BAD,
    ONLY_GOOD,
    ORDER,
    PACKET_IDENTIFIERS,
    PAYLOADS,
    PINGS,
    RACES,
    RANDOM_WORDS,
    SIDES,
    TIMING,
    VALUE,
    Change,
    Difference,
    Options,
)
from mqttdissect.comparison.facts import BROKER, ENDED_BY_BROKER, ENDED_OPEN, ENDS, EXPIRY, PLAIN, Facts, Part
from mqttdissect.comparison.lanes import FROM_THE_OTHER, NONE
from mqttdissect.comparison.publishers import NEVER, NOBODY, SEVERAL, Publishers
from mqttdissect.comparison.subscriptions import Subscriptions
from mqttdissect.comparison.volatile import EXACT, STEADY, counted_alike, same_but_random
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE, CLIENT_IDENTIFIER, PACKET_IDENTIFIER, PACKET_TYPE

EXPIRY_SLACK: Final = 5  # seconds
TIMING_CLASSES: Final = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)  # ns
TIMING_NAMES: Final = ("less than 1 ms", "less than 10 ms", "less than 100 ms", "less than 1 s", "1 s or more")
TIMING_APART: Final = 2  # classes
SILENCE_NS: Final = 100_000_000  # that is worth a word
LOOK_BACK: Final = 200  # packets, for one to name as the neighbour
END: Final = "end of the connection"
ORDERED: Final = FROM_THE_OTHER | {codes.PUBREL}

Stray = tuple[str, str, int]  # an answer to nothing: kind of difference, packet type, sender


class Verdict:
    """`find()` fills in differences, aside (how often something was set aside) and timings. mates: pairs of all
    packets that stand for one another, answers too."""

    def __init__(
        self, conversation: Conversation, captures: tuple[Facts, Facts], publishers: Publishers, options: Options
    ) -> None:
        self.differences: list[Difference] = []
        self.timings: list[Difference] = []
        self.aside: Counter[str] = Counter()
        self.mates: list[Pair] = []
        self._conversation = conversation
        self._captures = captures
        self._publishers = publishers
        self._options = options
        self._sessions = conversation.sessions
        self._lanes = conversation.lanes
        self._client = self._sessions[0].client_id or self._sessions[1].client_id
        self._missing: list[tuple[Difference, int]] = []  # answers, and the packet identifier that they should have
        self._told: set[Pair] = set()  # packets in another order

    def find(self) -> None:
        """Find all differences."""
        for one, two in self._conversation.pairs:
            self._exchange(one, two)
        for side in (0, 1):
            self._only(side, sorted(index for lane in self._conversation.left for index in lane[side]))
        self._settle_answers()
        self._orders()
        self._pings()
        self._end()

    def _difference(self, kind: str, what: str, one: int, two: int) -> Difference:
        """A difference about packets with these indices, NONE for none."""
        left, right = self._sessions
        found = Difference(kind, what, self._client, (left.stream, right.stream))
        if one != NONE:
            found.place_good(left.numbers[one], left.frames[one])
        if two != NONE:
            found.place_bad(right.numbers[two], right.frames[two])
        return found

    def _name(self, side: int, index: int) -> str:
        return codes.PACKET_TYPES[self._conversation.key(side, index).type]

    # What one side lacks

    def _only(self, side: int, heads: list[int]) -> None:
        """Exchanges that the other side lacks. Those that its capture cannot have are one difference."""
        heads, cut = self._not_captured(side, heads)
        for group, why in cut:
            count = sum(1 + len(self._lanes[side].answers(index)) for index in group)
            self._report(side, group[0], why, count)
        for index in heads:
            answers = self._lanes[side].answers(index)
            found = self._report(side, index, self._lost(1 - side), 1 + len(answers))
            found.answers = [self._name(side, answer) for answer in answers]

    def _report(self, side: int, index: int, says: str, count: int = 1) -> Difference:
        kind = ONLY_BAD if side else ONLY_GOOD
        found = self._difference(kind, self._name(side, index), NONE if side else index, index if side else NONE)
        found.says = says
        found.count = count
        self.differences.append(found)
        return found

    def _lost(self, side: int) -> str:
        """What may explain that this side lacks something."""
        gap = self._sessions[side].gap_bytes
        return f"the capture of {SIDES[side]} lacks {gap:,} bytes of this connection" if gap else ""

    def _not_captured(self, side: int, heads: list[int]) -> tuple[list[int], list[tuple[list[int], str]]]:
        """`heads` without those before the other capture's first packet of the connection, or behind its last one where
        the capture ends there; these apart, with the reason. Answers to what came before this capture began are left
        out: they are with what they answer in the other one."""
        this, other = self._sessions[side], self._sessions[1 - side]
        who = SIDES[1 - side]
        matched = [pair[side] for pair in self._conversation.pairs]
        cut: list[tuple[list[int], str]] = []
        if other.midway and not this.midway:
            first = min(matched, default=len(this))
            before = [index for index in heads if index < first]
            if before:
                cut.append((before, f"the capture of {who} begins in the middle of this connection"))
                heads = heads[len(before) :]
        if this.midway and not other.midway:
            heads = self._without_earlier(side, heads)
        if other.end == ENDED_OPEN and not other.orderly:
            last = max(matched, default=NONE)
            behind = [index for index in heads if index > last]
            if len(behind) > 1:
                silence = self._captures[1 - side].last_ns - other.times[-1]
                more = f" {silence / 1e9:.1f} s after its last packet" if silence >= SILENCE_NS else ""
                cut.append((behind, f"the capture of {who} ends{more} with the connection open"))
                heads = heads[: len(heads) - len(behind)]
        return heads, cut

    def _without_earlier(self, side: int, heads: list[int]) -> list[int]:
        """`heads` without answers to nothing whose packet identifier nobody has asked with so far."""
        session = self._sessions[side]
        asked: dict[Pair, int] = {}  # by who asked, and with what, the first packet
        for index, identifier in enumerate(session.identifiers):
            asked.setdefault((self._conversation.key(side, index).sender, identifier), index)
        kept: list[int] = []
        for index in heads:
            key = self._conversation.key(side, index)
            asker = 1 - key.sender if key.type in FROM_THE_OTHER else key.sender
            earlier = asked.get((asker, session.identifiers[index]), index) >= index
            if key.type != codes.CONNACK and not (key.type in ORDERED and earlier):
                kept.append(index)
        return kept

    # Exchanges on both sides

    def _exchange(self, one: int, two: int) -> None:
        """Two exchanges that stand for one another: their values, then their answers."""
        self.mates.append((one, two))
        self._values(one, two)
        answers = self._lanes[0].answers(one), self._lanes[1].answers(two)
        if answers[0] and answers[1]:
            self._timing((one, two), (answers[0][0], answers[1][0]))
        if self._is_delivery(one):
            self._delivery_timing(one, two)
        if self._qos(0, one) != self._qos(1, two):
            return  # other answers follow from that
        kinds = [[self._conversation.key(side, index).type for index in answers[side]] for side in (0, 1)]
        found = aligned(kinds[0], kinds[1])
        taken = {i for i, _ in found}, {j for _, j in found}
        extra = [[index for at, index in enumerate(answers[side]) if at not in taken[side]] for side in (0, 1)]
        if extra[0] and extra[1]:
            self._answered_otherwise((one, two), extra)
        elif extra[0] or extra[1]:
            self._not_answered((one, two), extra)
        for i, j in found:
            self.mates.append((answers[0][i], answers[1][j]))
            self._values(answers[0][i], answers[1][j])

    def _qos(self, side: int, index: int) -> int:
        """Of a PUBLISH; else NONE."""
        parts = self._conversation.key(side, index).parts
        return next((int(part.value) for part in parts if part.name == "mqtt.qos"), NONE)

    def _not_answered(self, heads: Pair, extra: list[list[int]]) -> None:
        """Answers that only one side has: one difference for all of an exchange."""
        side = 0 if extra[0] else 1
        first, *others = extra[side]
        lost = self._lost(1 - side)
        says = f"{self._place(1 - side, heads[1 - side])} has no {self._name(side, first)}"
        found = self._report(side, first, f"{says}; {lost}" if lost else says, 1 + len(others))
        found.answers = [self._name(side, index) for index in others]
        if not lost:
            self._missing.append((found, self._sessions[1 - side].identifiers[heads[1 - side]]))

    def _answered_otherwise(self, heads: Pair, extra: list[list[int]]) -> None:
        """Answers of one type on one side, of another on the other; or of one type in another order."""
        one, two = extra[0][0], extra[1][0]
        kinds = [self._conversation.key(side, index).type for side, index in ((0, one), (1, two))]
        if kinds[0] == kinds[1]:
            self._moved((one, two))
            return
        found = self._difference(VALUE, self._name(0, one), one, two)
        found.changes = [Change(PACKET_TYPE, kinds[0], kinds[1], True)]
        told = [
            f"{self._place(side, heads[side])} is answered with {', '.join(self._name(side, i) for i in extra[side])}"
            for side in (0, 1)
        ]
        found.says = "; ".join(told)
        self.differences.append(found)

    def _place(self, side: int, index: int) -> str:
        """PUBLISH #12 of GOOD"""
        return f"{self._name(side, index)} #{self._sessions[side].frames[index]} of {SIDES[side]}"

    def _values(self, one: int, two: int) -> None:
        """Fields of two packets that stand for one another."""
        left, right = self._sessions
        changes = self._changes(one, two)
        if self._conversation.key(0, one).type == codes.CONNECT:
            changes += self._client_id()
        if left.exact[one] != right.exact[two]:
            matters = self._payload_matters(one, two)
            changes.append(Change(APPLICATION_MESSAGE, None, None, matters))
            self.aside[PAYLOADS] += not matters
        if left.identifiers[one] != right.identifiers[two]:
            answer = bool(self._lanes[0].is_answer[one])
            matters = self._options.ids and not answer
            changes.append(Change(PACKET_IDENTIFIER, left.identifiers[one], right.identifiers[two], matters))
            self.aside[PACKET_IDENTIFIERS] += not matters and not answer
        if any(change.meaningful for change in changes):
            found = self._difference(VALUE, self._name(0, one), one, two)
            found.changes = changes
            found.says = self._unpublished(one, two)
            lane = self._conversation.key(0, one).sender
            found.form = EXACT if self._options.payloads else self._conversation.form(0, lane, one)
            self.differences.append(found)

    def _payload_matters(self, one: int, two: int) -> bool:
        """Two payloads that are not the same: is that a difference?"""
        left, right = self._sessions
        lane = self._conversation.key(0, one).sender
        if self._options.payloads:
            return True
        if not left.exact[one] or not right.exact[two] or self._unpublished(one, two):
            return True
        if left.steady[one] == right.steady[two]:
            return False
        return self._conversation.form(0, lane, one) == STEADY or left.shape[one] != right.shape[two]

    def _unpublished(self, one: int, two: int) -> str:
        """Says so, if one of two different payloads was delivered and never published."""
        if self._sessions[0].exact[one] == self._sessions[1].exact[two] or not self._is_delivery(one):
            return ""
        if not self._publishers.topic_published(self._conversation.number(0, self._conversation.meanings.subject, one)):
            return ""
        unknown = [self._conversation.origin(side, index) == NOBODY for side, index in ((0, one), (1, two))]
        if unknown[0] == unknown[1]:
            return ""
        return f"nobody has published this message in {SIDES[unknown[1]]}"

    def _changes(self, one: int, two: int) -> list[Change]:
        """Parts with other values, by name."""
        left, right = self._conversation.key(0, one), self._conversation.key(1, two)
        if left.parts == right.parts:
            return []
        groups: dict[str, tuple[list[Part], list[Part]]] = defaultdict(lambda: ([], []))
        for side, key in enumerate((left, right)):
            for part in key.parts:
                groups[part.name][side].append(part)
        found: list[Change] = []
        for ones, twos in groups.values():
            most = max(len(ones), len(twos))
            for at in range(most):
                place = at + 1 if most > 1 else 0
                if at >= len(ones):
                    found.append(Change(twos[at].spec, None, twos[at].value, True, place))
                elif at >= len(twos):
                    found.append(Change(ones[at].spec, ones[at].value, None, True, place))
                elif ones[at].value != twos[at].value:
                    found.append(self._change(ones[at], twos[at], left.sender, place))
        return found

    def _change(self, one: Part, two: Part, sender: int, place: int) -> Change:
        """Two values of a part."""
        matters = True
        if one.how == EXPIRY:
            near = abs(int(one.value) - int(two.value)) <= EXPIRY_SLACK
            matters = self._options.times or sender != BROKER or not near
            self.aside[EXPIRIES] += not matters
        elif one.how != PLAIN and not self._options.ids:
            meanings = self._conversation.meanings
            matters = meanings.canonical(one, 0) != meanings.canonical(two, 1)
            self.aside[RANDOM_WORDS] += not matters
        return Change(one.spec, one.value, two.value, matters, place)

    def _settle_answers(self) -> None:
        """Answers to nothing that one side has: the other side has them to something, so they are no differences of
        their own."""
        missing = {id(one) for one, _ in self._missing}
        strays: dict[Stray, list[Difference]] = defaultdict(list)
        for one in reversed(self.differences):
            if id(one) not in missing and one.what in STRAYS and one.kind in OTHER_SIDE:
                strays[one.kind, one.what, self._sender(one)].append(one)
        gone: set[int] = set()
        if strays:
            self._wrong_identifiers(strays, gone)
            self._lost_requests(strays, gone)
        self.differences = [one for one in self.differences if id(one) not in gone]

    def _wrong_identifiers(self, strays: dict[Stray, list[Difference]], gone: set[int]) -> None:
        """An answer that is missing, and one of that type to nothing: one answer with a wrong packet identifier."""
        for missing, asked in self._missing:
            others = strays.get((OTHER_SIDE[missing.kind], missing.what, self._sender(missing)))
            if others and self._identifier(others[-1]) != asked:
                gone |= {id(missing), id(others[-1])}
                self._merge(missing, others.pop(), asked)

    def _lost_requests(self, strays: dict[Stray, list[Difference]], gone: set[int]) -> None:
        """A request that is missing, and its answers to nothing."""
        for request in self.differences:
            if not request.answers or id(request) in gone or request.what in STRAYS:
                continue
            side, head = self._packet(request)
            there: list[str] = []
            for index in self._lanes[side].answers(head):
                key = self._conversation.key(side, index)
                others = strays.get((OTHER_SIDE[request.kind], self._name(side, index), key.sender))
                if others:
                    gone.add(id(others[-1]))
                    there.append(self._place(*self._packet(others.pop())))
            if there:
                request.says = f"{' and '.join(there)} {'answer' if len(there) > 1 else 'answers'} nothing"

    def _packet(self, only: Difference) -> Pair:
        """The packet that only one side has: the side, and its index there."""
        side = 0 if only.kind == ONLY_GOOD else 1
        return side, bisect_left(self._sessions[side].numbers, (only.good, only.bad)[side])

    def _sender(self, only: Difference) -> int:
        return self._conversation.key(*self._packet(only)).sender

    def _identifier(self, only: Difference) -> int:
        side, index = self._packet(only)
        return self._sessions[side].identifiers[index]

    def _merge(self, missing: Difference, stray: Difference, asked: int) -> None:
        good, bad = (missing, stray) if missing.kind == ONLY_GOOD else (stray, missing)
        (_, one), (_, two) = self._packet(good), self._packet(bad)
        left, right = self._sessions
        merged = self._difference(VALUE, missing.what, one, two)
        merged.changes = self._changes(one, two)
        merged.changes.append(Change(PACKET_IDENTIFIER, left.identifiers[one], right.identifiers[two], True))
        merged.says = f"{missing.says} with packet identifier {asked}"
        self.differences.append(merged)

    # Order

    def _orders(self) -> None:
        """Exchanges and answers that are in another order, where the order has a meaning."""
        for pair in self._conversation.moved:
            self._moved(pair)
        deliveries = [pair for pair in self._conversation.pairs if self._is_delivery(pair[0])]
        races = out_of_order(deliveries)
        if races:
            for group in self._by_origin(deliveries):
                for pair in out_of_order(group):
                    self._moved(pair)
        self._answer_order()
        if self._options.strict_order:
            for pair in out_of_order(sorted(self.mates)):
                self._moved(pair)
        else:
            self.aside[RACES] += sum(pair not in self._told for pair in races)

    def _is_delivery(self, index: int) -> bool:
        key = self._conversation.key(0, index)
        return key.sender == BROKER and key.type == codes.PUBLISH

    def _by_origin(self, deliveries: list[Pair]) -> list[list[Pair]]:
        """Deliveries that have an order: from one publisher with one QoS, subscribed to and delivered with one QoS;
        across topics, but for retained ones and those with random parts. Where nobody is seen to have published them,
        those of one topic. Two that stand for one another and are of different origin have none."""
        conversation = self._conversation
        subscriptions = Subscriptions(self._sessions[0], self._captures[0].keys)
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
            qos = self._qos(0, one), subscriptions.asked(names[0])
            groups[origins, qos, topic, told].append((one, two))
        return list(groups.values())

    def _answer_order(self) -> None:
        """Answers of one type that are in the order of what they answer on one side only (MQTT 5.0, section 4.6)."""
        groups: dict[Pair, list[tuple[Pair, Pair]]] = defaultdict(list)
        for head in self._conversation.pairs:
            answers = self._lanes[0].answers(head[0]), self._lanes[1].answers(head[1])
            for i, j in zip(*answers, strict=False):
                left, right = self._conversation.key(0, i), self._conversation.key(1, j)
                if left.type == right.type and left.type in ORDERED:
                    groups[left.type, left.sender].append((head, (i, j)))
        for group in groups.values():
            late = [set(out_of_order(sorted((head[side], answer[side]) for head, answer in group))) for side in (0, 1)]
            if late[0] or late[1]:
                for head, answer in group:
                    if ((head[0], answer[0]) in late[0]) != ((head[1], answer[1]) in late[1]):
                        self._moved(answer)

    def _moved(self, pair: Pair) -> None:
        if pair in self._told:
            return
        self._told.add(pair)
        found = self._difference(ORDER, self._name(0, pair[0]), *pair)
        found.says = f"in GOOD {self._behind(0, pair[0])}, in BAD {self._behind(1, pair[1])}"
        self.differences.append(found)

    def _behind(self, side: int, index: int) -> str:
        """behind PUBLISH #12: the packet of the same sender before this one."""
        sender = self._conversation.key(side, index).sender
        for at in range(index - 1, max(NONE, index - LOOK_BACK), -1):
            if self._conversation.key(side, at).sender == sender:
                return f"behind {self._name(side, at)} #{self._sessions[side].frames[at]}"
        return "first"

    # Time, and the connection as a whole

    def _timing(self, heads: Pair, answers: Pair) -> None:
        """How long the first answer took, by class."""
        begun = [session.times[head] for session, head in zip(self._sessions, heads, strict=True)]
        self._took(begun, answers, "")

    def _delivery_timing(self, one: int, two: int) -> None:
        """How long it took from publishing to delivery, for a client that was there."""
        begun: list[int] = []
        for side, index in ((0, one), (1, two)):
            session = self._sessions[side]
            subject = self._conversation.number(side, self._conversation.meanings.subject, index)
            published = self._publishers.published_ns(side, subject, session.exact[index])
            if published == NEVER or published < session.opened_ns:
                return
            begun.append(published)
        self._took(begun, (one, two), "delivered ")

    def _took(self, begun: list[int], ended: Pair, what: str) -> None:
        """By class, from times to packets."""
        took = [session.times[ended[side]] - begun[side] for side, session in enumerate(self._sessions)]
        classes = [sum(ns >= limit for limit in TIMING_CLASSES) for ns in took]
        if abs(classes[0] - classes[1]) >= TIMING_APART:
            found = self._difference(TIMING, self._name(0, ended[0]), *ended)
            found.says = f"{what}in GOOD after {TIMING_NAMES[classes[0]]}, in BAD after {TIMING_NAMES[classes[1]]}"
            self.timings.append(found)

    def _pings(self) -> None:
        """How often a client pings is timing; that nobody answers is not."""
        pings = [lanes.pings for lanes in self._lanes]
        unanswered = [lanes.unanswered for lanes in self._lanes]
        self.aside[PINGS] += max(len(pings[0]), len(pings[1]))
        if len(pings[0]) != len(pings[1]):
            found = self._difference(TIMING, "PINGREQ", *[(one or [NONE])[0] for one in pings])
            found.says = f"{len(pings[0])} in GOOD, {len(pings[1])} in BAD"
            self.timings.append(found)
        if bool(unanswered[0]) == bool(unanswered[1]) or not pings[0] or not pings[1]:
            return
        side = 1 if unanswered[1] else 0
        kind = ONLY_GOOD if side else ONLY_BAD
        index = unanswered[side][0]
        found = self._difference(kind, "PINGRESP", NONE if side else index, index if side else NONE)
        more = f", nor have {len(unanswered[side]) - 1} others" if len(unanswered[side]) > 1 else ""
        found.says = f"{self._place(side, index)} has no PINGRESP{more}"
        self.differences.append(found)

    def _end(self) -> None:
        """How the connection ended, if it was the broker's doing on one side only. A DISCONNECT that this side lacks,
        and nothing else behind what both have, says so itself."""
        one, two = self._sessions
        if (one.end == ENDED_BY_BROKER) == (two.end == ENDED_BY_BROKER):
            return
        side = 0 if two.end == ENDED_BY_BROKER else 1
        goodbye = self._goodbye(side)
        if goodbye is not None:
            ended = f"in {SIDES[1 - side]} {ENDS[ENDED_BY_BROKER]}"
            goodbye.says = f"{ended}; {goodbye.says}" if goodbye.says else ended
            return
        found = self._difference(VALUE, END, len(one) - 1, len(two) - 1)
        found.says = f"in GOOD {ENDS[one.end]}, in BAD {ENDS[two.end]}"
        self.differences.append(found)

    def _goodbye(self, side: int) -> Difference | None:
        """The DISCONNECT that only this side has, if that is all that it has behind what both have."""
        last = max((pair[side] for pair in self.mates), default=NONE)
        behind = [index for lane in self._conversation.left for index in lane[side] if index > last]
        if [self._conversation.key(side, index).type for index in behind] != [codes.DISCONNECT]:
            return None
        number = self._sessions[side].numbers[behind[0]]
        return next((one for one in self.differences if (one.good, one.bad)[side] == number), None)

    def _client_id(self) -> list[Change]:
        """Client identifiers that are not the same."""
        one, two = self._sessions
        if one.client_id == two.client_id:
            return []
        aside = not one.told and not two.told
        if not aside and same_but_random(one.client_id, two.client_id):
            own = self._conversation.meanings.own_ids
            fresh = one.client_id in own[0] and two.client_id in own[1]  # what is made up anew does not come back
            aside = fresh or counted_alike(one.client_id, two.client_id)
        matters = self._options.ids or not aside
        self.aside[CLIENT_IDENTIFIERS] += not matters
        told = [session.client_id if session.told else "" for session in self._sessions]
        return [Change(CLIENT_IDENTIFIER, told[0], told[1], matters)]


STRAYS: Final = frozenset(codes.PACKET_TYPES[kind] for kind in ORDERED)
OTHER_SIDE: Final = {ONLY_GOOD: ONLY_BAD, ONLY_BAD: ONLY_GOOD}


def out_of_order(pairs: list[Pair]) -> list[Pair]:
    """Of pairs sorted by the first, those that have to move for the second to rise too."""
    kept = set(in_order([two for _, two in pairs]))
    return [pair for at, pair in enumerate(pairs) if at not in kept]
