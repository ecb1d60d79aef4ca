"""Plays a kind of fault, and holds what `check` finds against what it should."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from faults.kinds import KINDS, Kind
from faults.proxy import Proxy
from faults.stage import Brokers, Loop, converse
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.pipeline import Dissector


def play(
    loop: Loop, brokers: Brokers, kind: Kind, source: str = "", listening: Callable[[Proxy], object] | None = None
) -> bytes:
    """The capture of one kind."""
    serial = f"k{KINDS.index(kind)}{'d' if source else ''}"
    return converse(
        loop, brokers.port[kind.broker], kind.scenario, serial, kind.version, kind.fault, kind.captured, kind.patience,
        kind.linger, source, listening,
    )  # fmt: skip


def findings(capture: bytes) -> list[Finding]:
    """What the analysis finds in a capture."""
    from mqttdissect.analysis.analysis import Analysis

    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(capture)
    dissector.close()
    return dissector.analysis.take()


def pairs(found: list[Finding]) -> set[tuple[str, str]]:
    """(rule, party) of those of severity warning or above."""
    return {(one.rule.id, one.fault) for one in found if one.severity >= WARNING}


@dataclass
class Verdict:
    """missing: expected and not found, notes among them; extra: found, not expected; lines: how to read of it."""

    missing: set[tuple[str, str]]
    extra: set[tuple[str, str]]
    lines: list[str]

    @property
    def right(self) -> bool:
        """Exactly what was expected?"""
        return not self.missing and not self.extra


def judge(kind: Kind, capture: bytes) -> Verdict:
    """Is found in the capture of a kind what should be?"""
    found = findings(capture)
    got = pairs(found)
    noted = {one.rule.id for one in found}
    missing = (kind.wanted - got) | {(id, "note") for id in kind.notes - noted}
    extra = got - kind.wanted
    lines = [f"missing {id} ({party})" for id, party in sorted(missing)]
    for one in found:
        mark = "extra  " if (one.rule.id, one.fault) in extra else "found  "
        lines.append(f"{mark} {one.rule.id} ({one.fault}, {one.severity}) frame {one.frame}: {one.what}")
    return Verdict(missing, extra, lines)
