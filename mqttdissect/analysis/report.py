"""Where findings are made: what the user wants of a rule, whose fault it is, which bytes show it."""

from collections import deque
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis.facts import Link
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import BROKER, CLIENT, OFF, SENDER, Rule
from mqttdissect.mqtt.codes import FROM_CLIENT
from mqttdissect.mqtt.packet import Packet

MOST_PLAIN: Final = 4096  # topic names that are known to be harmless
CLOSES: Final = frozenset([  # rules besides those of malformed packets whose breach the other side answers by closing
    "first-packet-not-connect", "second-connect", "wrong-direction", "topic-filter-invalid",
    "share-name-invalid", "no-local-on-shared", "response-topic-wildcard", "receive-maximum-exceeded",
    "packet-too-large", "topic-alias-exceeded", "topic-alias-unknown", "maximum-qos-exceeded",
    "retain-unavailable", "auth-unasked", "auth-method-changed", "auth-order", "auth-data-without-method",
    "subscription-identifier-from-client", "dup-on-qos-0", "second-connack", "client-identifier-empty",
])  # fmt: skip
HELD: Final = frozenset([  # rules that are not broken if the capture lacks what somebody else has published
    "delivered-twice", "delivery-below-granted", "delivery-changed", "delivery-no-local", "delivery-order",
    "expiry-not-reduced", "message-expired", "retain-flag-missing", "retained-missing", "retained-stale",
    "shared-delivered-twice", "will-after-disconnect", "will-changed", "will-early",
])  # fmt: skip
OF_SESSION: Final = frozenset([  # and, in a session that goes on, if it lacks a connection of the client
    "answer-unexpected", "delivery-above-granted", "delivery-after-unsubscribe", "delivery-missing",
    "delivery-unsubscribed", "identifier-in-use", "publish-after-pubrel", "redelivery-changed", "redelivery-missing",
    "redelivery-order", "redelivery-without-dup", "retain-flag-set", "retained-unwanted",
    "subscription-identifier-wrong", "will-not-published",
])  # fmt: skip
LOSSES_NS: Final = 60_000_000_000  # in which it becomes known that the capture lacks something
BEFORE_NS: Final = 5_000_000_000  # before a delivery, in which its message may have been published


@final
class Report:
    """`at` reports what a packet shows, `of` what a connection shows; `take` hands out what was found since.

    What the capture's losses could have brought about is held back for a while (`settle`), and not said if there are.

    severities: what the user wants, by rule id. counts: findings made, by rule id.
    """

    def __init__(self, severities: dict[str, int] | None = None) -> None:
        self.severities: dict[str, int] = severities or {}
        self.counts: dict[str, int] = {}
        self.link: Link | None = None  # the connection at hand
        self.closing: i64 = 0  # breaches so far that the other side has to answer by closing the connection
        self._found: list[Finding] = []
        self._held: deque[tuple[Finding, Link]] = deque()
        self._plain: set[str] = set()

    def at(
        self, rule: Rule, packet: Packet, what: str, start: i64 = -1, end: i64 = -1,
        related: list[tuple[int, str]] | None = None, fault: str = "", link: Link | None = None, stated: str = "",
        closes: bool = True, held: bool = False,
    ) -> None:  # fmt: skip
        """`packet` shows it, in its bytes from `start` to `end`. link: the packet's, if it is not the one at hand.
        stated: as in `Finding`. held: as rules of `HELD` are, here."""
        if closes and rule.id in CLOSES:
            self.closing += 1
        severity = self._severity(rule)
        if severity == OFF:
            return
        party = fault or rule.fault
        if party == SENDER:
            party = CLIENT if packet.sender == FROM_CLIENT else BROKER
        finding = Finding(rule, severity, party, what, packet.frame, packet.time_ns)
        if related is not None:
            finding.related = related
        finding.version = packet.version
        finding.packet = packet.name
        finding.stated = stated
        finding.start = start
        finding.end = end
        finding.frames = [frame for _, frame in packet.frames]
        if packet.stream is not None:
            finding.stream = packet.stream.number
        whose = link if link is not None else self.link
        if whose is not None and whose.number == finding.stream:
            finding.client = whose.client_id
            self._hold(finding, whose, held)
        else:
            self._add(finding)

    def of(
        self, rule: Rule, link: Link, frame: i64, time_ns: i64, what: str,
        related: list[tuple[int, str]] | None = None, fault: str = "", stated: str = "",
    ) -> None:  # fmt: skip
        """The connection shows it, at `frame`. stated: as in `Finding`."""
        severity = self._severity(rule)
        if severity == OFF:
            return
        finding = Finding(rule, severity, fault or rule.fault, what, frame, time_ns)
        if related is not None:
            finding.related = related
        finding.version = link.version
        finding.stated = stated
        finding.stream = link.number
        finding.client = link.client_id
        finding.frames = [int(frame)]
        self._hold(finding, link, False)

    def about(self, finding: Finding) -> None:
        """The capture shows it, more than a connection."""
        severity = self._severity(finding.rule)
        if severity != OFF:
            finding.severity = severity
            self._add(finding)

    def _severity(self, rule: Rule) -> i64:
        return self.severities.get(rule.id, int(rule.severity)) if self.severities else rule.severity

    def _hold(self, finding: Finding, link: Link, held: bool) -> None:
        if held or finding.rule.id in HELD or (link.goes_on and finding.rule.id in OF_SESSION):
            self._held.append((finding, link))
        else:
            link.findings += 1
            self._add(finding)

    def _add(self, finding: Finding) -> None:
        self.counts[finding.rule.id] = self.counts.get(finding.rule.id, 0) + 1
        self._found.append(finding)

    def settle(self, now_ns: i64) -> None:
        """Say what was held back long enough, if the capture was not found to lack anything since."""
        while self._held and now_ns - self._held[0][0].time_ns > LOSSES_NS:
            finding, link = self._held.popleft()
            if link.losses.last_ns < 0 or link.losses.last_ns < finding.time_ns - BEFORE_NS:
                link.findings += 1
                self._add(finding)

    def withdraw(self, frame: i64) -> None:
        """What was held back of this frame is explained."""
        if self._held:
            self._held = deque([one for one in self._held if one[0].frame != frame])

    def withdraw_of(self, brokers: set[bytes]) -> None:
        """So is what was held back of these brokers."""
        self._held = deque([one for one in self._held if one[1].broker is None or one[1].broker not in brokers])

    def named(self, link: Link) -> None:
        """The connection's client identifier has become known: what was found in its CONNECT is that client's."""
        for finding in self._found:
            if finding.stream == link.number and not finding.client:
                finding.client = link.client_id

    def plain(self, topic: str) -> bool:
        """Is a topic name without control characters? Most come again and again."""
        if topic in self._plain:
            return True
        if not topic.isprintable():
            return False
        if len(self._plain) >= MOST_PLAIN:
            self._plain = set()
        self._plain.add(topic)
        return True

    def take(self) -> list[Finding]:
        """The findings since this was last asked."""
        found = self._found
        if found:
            self._found = []
        return found
