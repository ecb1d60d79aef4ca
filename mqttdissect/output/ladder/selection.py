"""What of a capture is drawn: clients, streams, topics, a span of time."""

from fnmatch import translate
from re import Pattern, compile
from typing import final

from mypy_extensions import i64

from mqttdissect.analysis.finding import Finding
from mqttdissect.output.ladder.parties import Party


@final
class Selection:
    """clients: client identifiers or addresses, with `*`, `?` and `[...]` as in a shell. streams: numbers of TCP
    streams. topics: topic filters. start_ns, end_ns: since the first frame, -1 for no bound. Empty ones select
    everything; of clients and streams one has to fit, and of the rest all.
    """

    def __init__(
        self, clients: tuple[str, ...] = (), streams: tuple[int, ...] = (), topics: tuple[str, ...] = (),
        start_ns: i64 = -1, end_ns: i64 = -1,
    ) -> None:  # fmt: skip
        self.clients: list[Pattern[str]] = [compile(translate(one)) for one in clients]
        self.streams: frozenset[int] = frozenset(streams)
        self.topics = topics
        self.start_ns = start_ns
        self.end_ns = end_ns
        self.parties = bool(clients or streams)

    def chooses(self, party: Party, name: str) -> bool:
        """Is this one of the clients and streams? name: its client identifier; empty if that is not known."""
        if not self.parties or int(party.number) in self.streams:
            return True
        return any(one.match(name) or one.match(party.address) for one in self.clients)

    def includes(self, since_ns: i64) -> bool:
        """Is it in the span of time? since_ns: since the first frame."""
        return since_ns >= self.start_ns and (self.end_ns < 0 or since_ns <= self.end_ns)

    def fits(self, finding: Finding) -> bool:
        """Does a finding belong to one of the clients and streams?"""
        if not self.parties or int(finding.stream) in self.streams:
            return True
        return any(one.match(finding.client) is not None for one in self.clients)
