"""Two captures, connection by connection: what differs in meaning.

Connections are matched (`matching`), then their exchanges (`conversation`), then what these say (`verdict`). Here
everything is put together, in the order in which it happened in the first capture.

Memory: what `facts` keeps, eight bytes a packet besides, and one connection's exchanges at a time.
"""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Callable
from typing import Final

from mqttdissect.comparison.conversation import Conversation
from mqttdissect.comparison.difference import (
    NOWHERE,
    ONLY_BAD,
    ONLY_GOOD,
    ORDER,
    Difference,
    Options,
    Place,
    Result,
)
from mqttdissect.comparison.facts import Facts, Session
from mqttdissect.comparison.matching import matched
from mqttdissect.comparison.meaning import Meanings
from mqttdissect.comparison.payloads import everywhere
from mqttdissect.comparison.publishers import Publishers
from mqttdissect.comparison.verdict import END, Verdict

MOST_DIFFERENCES: Final = 100_000  # kept; more are counted
CONNECTION: Final = "connection"


def compare(good: Facts, bad: Facts, options: Options, wanted: Callable[[str], bool] | None = None) -> Result:
    """All differences. wanted: only of connections whose client identifier in either capture it says yes to."""
    return Comparison((good, bad), options).run(wanted)


class Comparison:
    """Two captures and what has been found so far."""

    def __init__(self, captures: tuple[Facts, Facts], options: Options) -> None:
        self._captures = captures
        self._options = options
        self._meanings = Meanings(captures)
        self._result = Result(*captures)
        self._mates = array("q", [NOWHERE]) * captures[1].packets  # of packets of the second, those of the first

    def run(self, wanted: Callable[[str], bool] | None) -> Result:
        """Compare everything."""
        result = self._result
        pairs, left, right = matched(self._captures, self._meanings)
        if wanted is not None:
            pairs = [pair for pair in pairs if wanted(pair[0].client_id) or wanted(pair[1].client_id)]
            left = [one for one in left if wanted(one.client_id)]
            right = [one for one in right if wanted(one.client_id)]
        result.matched = len(pairs)
        result.by_id = sum(one.client_id == two.client_id != "" for one, two in pairs)
        result.only = [len(left), len(right)]
        forms = everywhere(self._captures, self._meanings, pairs)
        publishers = Publishers(self._captures, self._meanings, pairs)
        for one, two in pairs:
            self._conversation(one, two, forms, publishers)
        self._alone(left, 0)
        self._alone(right, 1)
        for difference in [*result.differences, *result.timings]:
            difference.place = self._place(difference)
        result.differences.sort(key=lambda one: one.place)
        result.timings.sort(key=lambda one: one.place)
        return result

    def _conversation(
        self, one: Session, two: Session, forms: dict[tuple[int, int], int], publishers: Publishers
    ) -> None:
        conversation = Conversation(self._captures, self._meanings, publishers, forms, one, two)
        conversation.match()
        verdict = Verdict(conversation, self._captures, publishers, self._options)
        verdict.find()
        for i, j in verdict.mates:
            self._mates[two.numbers[j]] = one.numbers[i]
        result = self._result
        result.compared += len(verdict.mates)
        result.aside.update(verdict.aside)
        for difference in verdict.differences:
            self._add(difference)
        for difference in verdict.timings:
            if self._options.times:
                self._add(difference)
            elif len(result.timings) < MOST_DIFFERENCES:
                result.timings.append(difference)

    def _add(self, difference: Difference) -> None:
        """Keep or count a difference."""
        self._result.counts[difference.kind] += 1
        if len(self._result.differences) < MOST_DIFFERENCES:
            self._result.differences.append(difference)

    def _place(self, difference: Difference) -> Place:
        """At its packet of the first capture; where there is none, or where it came later, behind the one whose
        counterpart comes before it in the second."""
        good, bad = difference.good, difference.bad
        ended = difference.what == END
        if good != NOWHERE and difference.kind != ORDER and not ended:
            return good, 0, bad
        behind = bad if ended else bad - 1
        while behind >= 0 and self._mates[behind] == NOWHERE:
            behind -= 1
        after = self._mates[behind] if behind >= 0 else NOWHERE
        if good != NOWHERE and good <= after:
            return good, int(ended), bad
        return after, 1, bad

    def _alone(self, sessions: list[Session], side: int) -> None:
        """Connections that only one capture has, those of one client together."""
        groups: dict[str, list[Session]] = defaultdict(list)
        for session in sessions:
            groups[session.client_id or f"\0{session.index}"].append(session)
        for group in groups.values():
            first = group[0]
            connection = (NOWHERE, first.stream) if side else (first.stream, NOWHERE)
            difference = Difference(ONLY_BAD if side else ONLY_GOOD, CONNECTION, first.client_id, connection)
            difference.count = sum(len(one) for one in group)
            many = f"{len(group):,} connections" if len(group) > 1 else "a connection"
            difference.says = f"{many} with {difference.count:,} packet{'s' if difference.count > 1 else ''}"
            if side:
                difference.place_bad(first.numbers[0], first.frames[0])
            else:
                difference.place_good(first.numbers[0], first.frames[0])
            self._add(difference)
