"""What a comparison hands on: differences, what was set aside, how much was compared."""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from mqttdissect.comparison.facts import Facts
from mqttdissect.comparison.volatile import EXACT
from mqttdissect.mqtt.fields import BitSpec, FieldSpec

ONLY_GOOD: Final = "only in GOOD"
ONLY_BAD: Final = "only in BAD"
ORDER: Final = "other order"
VALUE: Final = "other value"
TIMING: Final = "other timing class"
SIDES: Final = ("GOOD", "BAD")
KINDS: Final = (ONLY_GOOD, ONLY_BAD, ORDER, VALUE, TIMING)

NOWHERE: Final = -1

# What was set aside
PACKET_IDENTIFIERS: Final = "packet identifiers"
CLIENT_IDENTIFIERS: Final = "client identifiers"
RANDOM_WORDS: Final = "identifiers and random words in topics and properties"
PAYLOADS: Final = "times, counters and readings in payloads"
UNSEEN_PARTS: Final = "parts of packets that a capture lacks"
EXPIRIES: Final = "message expiry, by seconds waited"
PINGS: Final = "PINGREQ and PINGRESP, how many and when"
RACES: Final = "order of messages that nobody orders"

Place = tuple[int, int, int]
Value = int | str | bytes | None


class Change(NamedTuple):
    """A field with two values; None where a packet lacks it and that means no value. meaningful: false if it was set
    aside. place: which of several, from 1; 0 for the only one. key: of a User Property. implied: the capture, 0 or 1,
    whose packet may leave the field out, as it has the default value; -1 for none. Secret values come as hashes and are
    not for showing."""

    spec: FieldSpec | BitSpec
    good: Value
    bad: Value
    meaningful: bool
    place: int = 0
    key: str = ""
    implied: int = -1


class Options(NamedTuple):
    """What counts as well: identifiers, payloads as they are, times; the order between client and broker."""

    ids: bool = False
    payloads: bool = False
    times: bool = False
    strict_order: bool = False


class Difference:
    """One difference. good, bad: numbers of the packets in their captures, from 0; NOWHERE for none. frames: theirs.

    client: who it is about. connection: numbers of the TCP streams. what: the packet's type, or what else differs.
    says: one clause of plain words. count: packets that this stands for. answers: packet types of the exchange that
    are missing with it. form: the one of the payload that counts (`volatile`). place: sorts differences in the
    order of the first capture.
    """

    __slots__ = ("answers", "bad", "changes", "client", "connection", "count", "form", "frames", "good", "kind",
                 "place", "says", "what")  # fmt: skip

    def __init__(self, kind: str, what: str, client: str, connection: tuple[int, int]) -> None:
        self.kind = kind
        self.what = what
        self.client = client
        self.connection = connection
        self.good = NOWHERE
        self.bad = NOWHERE
        self.frames = (0, 0)
        self.changes: list[Change] = []
        self.says = ""
        self.count = 1
        self.answers: list[str] = []
        self.form = EXACT
        self.place: Place = (0, 0, 0)

    def place_good(self, number: int, frame: int) -> None:
        """It is about this packet of the first capture."""
        self.good = number
        self.frames = (frame, self.frames[1])

    def place_bad(self, number: int, frame: int) -> None:
        """It is about this packet of the second capture."""
        self.bad = number
        self.frames = (self.frames[0], frame)


class Result:
    """differences: in order. aside: how often something was set aside, by what. matched: connections; by_id: those of
    the same client identifier. more: differences that were counted only, by kind."""

    def __init__(self, good: Facts, bad: Facts) -> None:
        self.captures = (good, bad)
        self.differences: list[Difference] = []
        self.counts: Counter[str] = Counter()
        self.aside: Counter[str] = Counter()
        self.matched = 0
        self.by_id = 0
        self.only = [0, 0]
        self.compared = 0  # packets that have their counterpart
        self.timings: list[Difference] = []

    @property
    def same(self) -> bool:
        """Is there no difference?"""
        return not self.counts
