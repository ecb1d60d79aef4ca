"""What differs in a connection, once it is known which exchanges stand for one another.

Takes a matched `Conversation`; hands on `Difference`s. Within an exchange the answers are compared in turn, so that it
does not matter how exchanges are interleaved. What has no meaning is counted as set aside, unless the options ask for
it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from mqttdissect.comparison.alignment import aligned
from mqttdissect.comparison.conversation import Conversation, Pair
from mqttdissect.comparison.difference import (
    CLIENT_IDENTIFIERS,
    EXPIRIES,
    ONLY_BAD,
    ONLY_GOOD,
    PACKET_IDENTIFIERS,
    PAYLOADS,
    PINGS,
    RACES,
    RANDOM_WORDS,
    SIDES,
    TIMING,
    UNSEEN_PARTS,
    VALUE,
    Change,
    Difference,
    Options,
)
from mqttdissect.comparison.facts import (
    BROKER,
    ENDED_BY_BROKER,
    ENDED_OPEN,
    ENDS,
    EXPIRY,
    MESSAGE_SIZE,
    PLAIN,
    UNKNOWN_SIZE,
    Facts,
    Key,
    Part,
    left_out,
)
from mqttdissect.comparison.lanes import FROM_THE_OTHER, NONE, ORDERED
from mqttdissect.comparison.orders import Orders
from mqttdissect.comparison.publishers import NOBODY, Publishers
from mqttdissect.comparison.record import Record
from mqttdissect.comparison.strays import Missing, Strays
from mqttdissect.comparison.volatile import EXACT, STEADY, counted_alike, same_but_random
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.fields import BitSpec
from mqttdissect.mqtt.registry import APPLICATION_MESSAGE, CLIENT_IDENTIFIER, PACKET_IDENTIFIER, PACKET_TYPE

ANSWERS: Final = ORDERED | {codes.PINGRESP}
EXPIRY_SLACK: Final = 5  # seconds
TIMING_CLASSES: Final = (1_000_000, 10_000_000, 100_000_000, 1_000_000_000)  # ns
TIMING_NAMES: Final = ("less than 1 ms", "less than 10 ms", "less than 100 ms", "less than 1 s", "1 s or more")
TIMING_APART: Final = 2  # classes
SILENCE_NS: Final = 100_000_000  # that is worth a word
END: Final = "end of the connection"


class Verdict:
    """`find()` fills in differences, aside (how often something was set aside) and timings. mates: pairs of all
    packets that stand for one another, answers too."""

    def __init__(
        self, conversation: Conversation, captures: tuple[Facts, Facts], publishers: Publishers, options: Options
    ) -> None:
        self.timings: list[Difference] = []
        self.aside: Counter[str] = Counter()
        self.mates: list[Pair] = []
        self._conversation = conversation
        self._captures = captures
        self._publishers = publishers
        self._options = options
        self._sessions = conversation.sessions
        self._lanes = conversation.lanes
        self._record = Record(conversation)
        self._missing: list[Missing] = []
        self._orders = Orders(self._record, conversation)

    @property
    def differences(self) -> list[Difference]:
        """What was found."""
        return self._record.differences

    def find(self) -> None:
        """Find all differences."""
        for one, two in self._conversation.pairs:
            self._exchange(one, two)
        for side in (0, 1):
            self._only(side, sorted(index for lane in self._conversation.left for index in lane[side]))
        Strays(self._record, self._conversation, self._changes).settle(self._missing)
        races = self._orders.find(self.mates, self._options.strict_order)
        self.aside[RACES] += 0 if self._options.strict_order else races
        self._pings()
        self._end()

    # What one side lacks

    def _only(self, side: int, heads: list[int]) -> None:
        """Exchanges that the other side lacks. Those that its capture cannot have are one difference."""
        heads, cut = self._not_captured(side, heads)
        for group, why in cut:
            count = sum(1 + len(self._lanes[side].answers(index)) for index in group)
            self._record.only(side, group[0], why, count)
        for index in heads:
            answers = self._lanes[side].answers(index)
            lost = self._lost(1 - side)
            if not lost and self._conversation.key(side, index).type in ANSWERS:
                lost = self._lost(side)  # perhaps what it answers
            found = self._record.only(side, index, lost, 1 + len(answers))
            found.answers = [self._record.name(side, answer) for answer in answers]

    def _lost(self, side: int) -> str:
        """What may explain that this side lacks something."""
        session = self._sessions[side]
        gap, lost = session.gap_bytes, session.undecoded_bytes
        if gap:
            more = f", and {lost:,} are undecoded" if lost else ""
            return f"the capture of {SIDES[side]} lacks {gap:,} bytes of this connection{more}"
        return f"{lost:,} bytes of this connection are undecoded in {SIDES[side]}" if lost else ""

    def _not_captured(self, side: int, heads: list[int]) -> tuple[list[int], list[tuple[list[int], str]]]:
        """`heads` without those before the other capture's first packet of the connection, or behind its last one where
        the capture ends there; these apart, with the reason. Answers to what came before this capture began are left
        out: they are with what they answer in the other one."""
        this, other = self._sessions[side], self._sessions[1 - side]
        who = SIDES[1 - side]
        matched = [pair[side] for pair in self._conversation.pairs]
        cut: list[tuple[list[int], str]] = []
        if other.midway and not this.midway and not other.handshake:
            first = min(matched, default=len(this))
            before = [index for index in heads if index < first]
            if before:
                cut.append((before, f"the capture of {who} begins in the middle of this connection"))
                heads = heads[len(before) :]
        if this.midway and not other.midway and not this.handshake:
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
        if self._conversation.is_delivery(one):
            self._delivery_timing(one, two)
        if self._conversation.qos(0, one) != self._conversation.qos(1, two):
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

    def _not_answered(self, heads: Pair, extra: list[list[int]]) -> None:
        """Answers that only one side has: one difference for all of an exchange."""
        side = 0 if extra[0] else 1
        first, *others = extra[side]
        lost = self._lost(1 - side)
        says = f"{self._record.place(1 - side, heads[1 - side])} has no {self._record.name(side, first)}"
        found = self._record.only(side, first, f"{says}; {lost}" if lost else says, 1 + len(others))
        found.answers = [self._record.name(side, index) for index in others]
        if not lost:
            self._missing.append((found, self._sessions[1 - side].identifiers[heads[1 - side]]))

    def _answered_otherwise(self, heads: Pair, extra: list[list[int]]) -> None:
        """Answers of one type on one side, of another on the other; or of one type in another order."""
        one, two = extra[0][0], extra[1][0]
        kinds = [self._conversation.key(side, index).type for side, index in ((0, one), (1, two))]
        if kinds[0] == kinds[1]:
            self._orders.moved((one, two))
            return
        found = self._record.difference(VALUE, self._record.name(0, one), one, two)
        found.changes = [Change(PACKET_TYPE, kinds[0], kinds[1], True)]
        told: list[str] = []
        for side in (0, 1):
            names = [self._record.name(side, index) for index in extra[side]]
            told.append(f"{self._record.place(side, heads[side])} is answered with {', '.join(names)}")
        found.says = "; ".join(told)
        self._record.differences.append(found)

    def _values(self, one: int, two: int) -> None:
        """Fields of two packets that stand for one another."""
        left, right = self._sessions
        changes = self._changes(one, two)
        if self._conversation.key(0, one).type == codes.CONNECT:
            changes += self._client_id()
        if left.exact[one] != right.exact[two]:
            unseen = one in left.holes or two in right.holes
            matters = not unseen and self._payload_matters(one, two)
            if unseen:
                changes += self._sizes(one, two)
            changes.append(Change(APPLICATION_MESSAGE, None, None, matters))
            self.aside[UNSEEN_PARTS if unseen else PAYLOADS] += not matters
        if left.identifiers[one] != right.identifiers[two]:
            answer = bool(self._lanes[0].is_answer[one])
            matters = self._options.ids and not answer
            changes.append(Change(PACKET_IDENTIFIER, left.identifiers[one], right.identifiers[two], matters))
            self.aside[PACKET_IDENTIFIERS] += not matters and not answer
        if any(change.meaningful for change in changes):
            found = self._record.difference(VALUE, self._record.name(0, one), one, two)
            found.changes = changes
            found.says = self._unpublished(one, two)
            lane = self._conversation.key(0, one).sender
            found.form = EXACT if self._options.payloads else self._conversation.form(0, lane, one)
            self._record.differences.append(found)

    def _sizes(self, one: int, two: int) -> list[Change]:
        """The sizes of two payloads of which one at least is not whole: all that can be compared of them."""
        sizes = [
            session.holes.get(index, session.sizes[index])
            for session, index in zip(self._sessions, (one, two), strict=True)
        ]
        if sizes[0] == sizes[1] or UNKNOWN_SIZE in sizes:
            return []
        steady = self._conversation.form(0, self._conversation.key(0, one).sender, one) == STEADY
        return [Change(MESSAGE_SIZE, sizes[0], sizes[1], steady or self._options.payloads)]

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
        if self._sessions[0].exact[one] == self._sessions[1].exact[two] or not self._conversation.is_delivery(one):
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
                    found += self._lacking(0, twos[at], left, one, place)
                elif at >= len(twos):
                    found += self._lacking(1, ones[at], left, two, place)
                elif ones[at].value != twos[at].value:
                    found.append(self._change(ones[at], twos[at], left.sender, place))
        return found

    def _lacking(self, side: int, part: Part, key: Key, index: int, place: int) -> list[Change]:
        """A part that the packet at `index` of `side` lacks, perhaps because the capture does."""
        session = self._sessions[side]
        unseen = index in session.holes or (index in session.nameless and part.name == "topic")
        if key.type == codes.UNSUBACK and part.name == "code" and part.value == 0 and session.version < 5:
            return []  # before 5.0 it has no codes, and always means success
        default = None if unseen else left_out(part, key.type, key.sender, session.asked)
        implied = side if default is not None and not isinstance(part.spec, BitSpec) else -1
        self.aside[UNSEEN_PARTS] += unseen
        good, bad = (default, part.value) if side == 0 else (part.value, default)
        return [Change(part.spec, good, bad, not unseen, place, part.key, implied)]

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
        return Change(one.spec, one.value, two.value, matters, place, one.key)

    # Time, and the connection as a whole

    def _timing(self, heads: Pair, answers: Pair) -> None:
        """How long the first answer took, by class."""
        begun = [session.times[head] for session, head in zip(self._sessions, heads, strict=True)]
        self._took(begun, answers, "")

    def _delivery_timing(self, one: int, two: int) -> None:
        """How long it took from publishing to delivery, for a client that was there."""
        begun: list[int] = []
        for side, index in ((0, one), (1, two)):
            _, published = self._conversation.published(side, index)
            if published < self._sessions[side].opened_ns:
                return
            begun.append(published)
        self._took(begun, (one, two), "delivered ")

    def _took(self, begun: list[int], ended: Pair, what: str) -> None:
        """By class, from times to packets."""
        took = [session.times[ended[side]] - begun[side] for side, session in enumerate(self._sessions)]
        classes = [sum(ns >= limit for limit in TIMING_CLASSES) for ns in took]
        if abs(classes[0] - classes[1]) >= TIMING_APART:
            found = self._record.difference(TIMING, self._record.name(0, ended[0]), *ended)
            found.says = f"{what}in GOOD after {TIMING_NAMES[classes[0]]}, in BAD after {TIMING_NAMES[classes[1]]}"
            self.timings.append(found)

    def _pings(self) -> None:
        """How often a client pings is timing; that nobody answers is not."""
        pings = [lanes.pings for lanes in self._lanes]
        unanswered = [lanes.unanswered for lanes in self._lanes]
        self.aside[PINGS] += 0 if self._options.times else max(len(pings[0]), len(pings[1]))
        if len(pings[0]) != len(pings[1]):
            found = self._record.difference(TIMING, "PINGREQ", *[(one or [NONE])[0] for one in pings])
            found.says = f"{len(pings[0])} in GOOD, {len(pings[1])} in BAD"
            self.timings.append(found)
        if bool(unanswered[0]) == bool(unanswered[1]) or not pings[0] or not pings[1]:
            return
        side = 1 if unanswered[1] else 0
        kind = ONLY_GOOD if side else ONLY_BAD
        index = unanswered[side][0]
        found = self._record.difference(kind, "PINGRESP", NONE if side else index, index if side else NONE)
        more = f", nor have {len(unanswered[side]) - 1} others" if len(unanswered[side]) > 1 else ""
        lost = self._lost(side)
        found.says = f"{self._record.place(side, index)} has no PINGRESP{more}{f'; {lost}' if lost else ''}"
        self._record.differences.append(found)

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
        found = self._record.difference(VALUE, END, len(one) - 1, len(two) - 1)
        found.says = f"in GOOD {ENDS[one.end]}, in BAD {ENDS[two.end]}"
        self._record.differences.append(found)

    def _goodbye(self, side: int) -> Difference | None:
        """The DISCONNECT that only this side has, if that is all that it has behind what both have."""
        last = max((pair[side] for pair in self.mates), default=NONE)
        behind = [index for lane in self._conversation.left for index in lane[side] if index > last]
        if [self._conversation.key(side, index).type for index in behind] != [codes.DISCONNECT]:
            return None
        number = self._sessions[side].numbers[behind[0]]
        return next((one for one in self._record.differences if (one.good, one.bad)[side] == number), None)

    def _client_id(self) -> list[Change]:
        """Client identifiers that are not the same."""
        one, two = self._sessions
        told = [session.client_id if session.told else "" for session in self._sessions]
        if one.client_id == two.client_id or (told == ["", ""] and "" in (one.client_id, two.client_id)):
            return []  # the same, or that of the one whose broker gave it is not in the capture
        aside = not one.told and not two.told
        if not aside and same_but_random(one.client_id, two.client_id):
            own = self._conversation.meanings.own_ids
            fresh = one.client_id in own[0] and two.client_id in own[1]  # what is made up anew does not come back
            aside = fresh or counted_alike(one.client_id, two.client_id)
        matters = self._options.ids or not aside
        self.aside[CLIENT_IDENTIFIERS] += not matters
        return [Change(CLIENT_IDENTIFIER, told[0], told[1], matters)]
