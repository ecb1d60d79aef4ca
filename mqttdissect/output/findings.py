"""Findings as they are read by people and by programs: text, one line each in brief, JSON; and what was found in all.

Text from the wire (client identifiers, topics in the sentence about a case) never gets out raw.
"""

from __future__ import annotations

import textwrap
from typing import Final, Protocol

import orjson

from mqttdissect.analysis.facts import Link
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import SEVERITIES, Rule
from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.codes import VERSIONS
from mqttdissect.output.clock import Clock, seconds
from mqttdissect.output.ndjson import escaped
from mqttdissect.output.text import shortened, visible
from mqttdissect.output.theme import Theme

LABEL: Final = 10  # columns
LONGEST_CLIENT: Final = 64  # characters of a client identifier in text
LONGEST: Final = 1000  # characters of a sentence
MOST_FRAMES: Final = 6  # frames that are named of a packet that spans many
MOST_PARTIAL: Final = 20  # connections of which the capture lacks something that are named
MOST_STREAMS: Final = 100_000  # of which it is known how often each rule was printed


class View(Protocol):
    """How findings are printed: `head`, `text` of each as it is found, `tail` with what there was in all."""

    def head(self) -> str:
        """Before the first finding."""

    def text(self, finding: Finding) -> str:
        """A finding."""

    def tail(self, tally: Tally) -> str:
        """Behind the last."""


def severity_of(finding: Finding) -> str:
    """note, warning or error."""
    return SEVERITIES[int(finding.severity)]


def sentence(finding: Finding) -> str:
    """What is wrong here, harmless and of bounded length."""
    return shortened(visible(finding.what), LONGEST)


def client_of(finding: Finding) -> str:
    """The client identifier, harmless and short."""
    return shortened(visible(finding.client), LONGEST_CLIENT)


def span(start: int, end: int) -> str:
    """`byte 0`, `bytes 2 to 5`"""
    return f"byte {start}" if end - start == 1 else f"bytes {start} to {end - 1}"


def listed(numbers: list[int]) -> str:
    """`frame 4`, `frames 4, 5, …, 9`"""
    unique = list(dict.fromkeys(numbers))
    if len(unique) > MOST_FRAMES:
        shown = [str(number) for number in unique[: MOST_FRAMES - 1]] + ["…", str(unique[-1])]
    else:
        shown = [str(number) for number in unique]
    return f"frame{'s' if len(unique) > 1 else ''} {', '.join(shown)}"


def against(finding: Finding) -> str:
    """Who is at fault, and what that breaks."""
    return f"{finding.fault}, against {finding.place}" if finding.place else f"{finding.fault} (practice)"


def place_of(finding: Finding) -> str:
    """Where in the packet; empty for a finding about more than bytes."""
    if finding.start < 0:
        return ""
    frames = [int(number) for number in finding.frames] or [int(finding.frame)]
    return f"{span(int(finding.start), int(finding.end))} of {finding.packet}, in {listed(frames)}"


class Tally:
    """What was found in all. printed: findings; by rule and severity in `counts`.

    held_back: by rule, findings that were counted but not printed. partial: (stream, client, why) of connections of
    which the capture lacks something, the first ones; `more_partial` counts the others.
    """

    def __init__(self) -> None:
        self.counts: dict[str, dict[str, int]] = {}
        self.rules: dict[str, Rule] = {}
        self.held_back: dict[str, int] = {}
        self.links = 0
        self.packets = 0
        self.partial: list[tuple[int, str, list[str]]] = []
        self.more_partial = 0

    def count(self, finding: Finding) -> None:
        """One more."""
        by_severity = self.counts.setdefault(finding.rule.id, {})
        name = severity_of(finding)
        by_severity[name] = by_severity.get(name, 0) + 1
        self.rules[finding.rule.id] = finding.rule

    def of(self, severity: str) -> int:
        """How many there were of a severity."""
        return sum(by_severity.get(severity, 0) for by_severity in self.counts.values())

    def ended(self, link: Link) -> None:
        """A connection, once all of it was seen."""
        self.links += 1
        if link.partial:
            if len(self.partial) < MOST_PARTIAL:
                self.partial.append((int(link.number), link.client_id, link.partial[:2]))
            else:
                self.more_partial += 1

    @property
    def total(self) -> int:
        """Findings."""
        return sum(self.of(severity) for severity in SEVERITIES)


class Limiter:
    """Lets the first `most` findings of a rule on a stream pass; 0: all."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._seen: dict[int, dict[str, int]] = {}  # by stream, by rule

    def passes(self, finding: Finding) -> bool:
        """Is it to be printed?"""
        if not self.most:
            return True
        stream = int(finding.stream)
        if stream not in self._seen and len(self._seen) >= MOST_STREAMS:
            del self._seen[next(iter(self._seen))]
        rules = self._seen.setdefault(stream, {})
        count = rules[finding.rule.id] = rules.get(finding.rule.id, 0) + 1
        return count <= self.most

    def ended(self, link: Link) -> None:
        """Little more is to be said of this stream."""
        self._seen.pop(int(link.number), None)


class TextView:
    """For people. width: columns to fold lines at; 0 for none. brief: a line each. file: names those of several."""

    def __init__(
        self, theme: Theme, clock: Clock, width: int = 0, brief: bool = False, notes: FrameNotes | None = None
    ):
        self._theme = theme
        self._clock = clock
        self._width = width
        self._brief = brief
        self._notes = notes if notes is not None else FrameNotes()
        self._explained: set[str] = set()

    def head(self) -> str:
        """Nothing."""
        return ""

    def text(self, finding: Finding) -> str:
        """The finding; what should have been and what usually causes it only the first time for a rule."""
        if self._brief:
            return self._line(finding)
        rule = finding.rule
        parts = [self._heading(finding), self._entry("", f"{sentence(finding)}.")]
        parts.append(self._entry("fault", against(finding)))
        place = place_of(finding)
        if place:
            parts.append(self._entry("bytes", place))
        for frame, what in finding.related:
            parts.append(self._entry("see", f"frame {frame}: {shortened(visible(what), LONGEST)}"))
        if rule.id not in self._explained:
            self._explained.add(rule.id)
            parts.append(self._entry("expected", rule.expected))
            parts.append(self._entry("cause", rule.cause))
        parts.append("\n")
        return "".join(parts)

    def _heading(self, finding: Finding) -> str:
        """error    second-connect  frame 4  0.000123  stream 0  client c"""
        theme = self._theme
        severity = severity_of(finding)
        pieces = [
            theme.paint(theme.severity(severity), severity.ljust(LABEL - 1))
            + theme.paint(theme.heading, finding.rule.id),
            theme.paint(theme.frame, f"frame {finding.frame}"),
            theme.paint(theme.time, self._clock.text(finding.time_ns)),
        ]
        if finding.stream >= 0:
            pieces.append(f"stream {finding.stream}")
        if finding.client:
            pieces.append("client " + theme.paint(theme.topic, client_of(finding)))
        file = self._notes.name(int(finding.frame))
        if file:
            pieces.append(visible(file))
        return "  ".join(pieces) + "\n"

    def _line(self, finding: Finding) -> str:
        """error    4  0.000123  stream 0  c  second-connect [MQTT-3.1.0-2]  client: A second CONNECT"""
        theme = self._theme
        severity = severity_of(finding)
        clause = f" {finding.clause}" if finding.clause.startswith("[") else ""
        pieces = [
            theme.paint(theme.severity(severity), severity.ljust(7)),
            theme.paint(theme.frame, str(finding.frame)),
            theme.paint(theme.time, self._clock.text(finding.time_ns)),
        ]
        if finding.stream >= 0:
            pieces.append(f"stream {finding.stream}")
        if finding.client:
            pieces.append(theme.paint(theme.topic, client_of(finding)))
        pieces.append(theme.paint(theme.heading, finding.rule.id) + clause)
        pieces.append(f"{finding.fault}: {sentence(finding)}")
        return "  ".join(pieces) + "\n"

    def _entry(self, label: str, text: str) -> str:
        """A label, and text beside it; without a label, text that starts where labels do."""
        first = f"  {self._theme.paint(self._theme.guide, label.ljust(LABEL))}" if label else "  "
        indent = 2 + LABEL if label else 2
        if not self._width:
            return f"{first}{text}\n"
        room = max(self._width - indent, 20)
        lines = textwrap.wrap(text, room, break_on_hyphens=False) or [""]
        return first + f"\n{' ' * indent}".join(lines) + "\n"

    def tail(self, tally: Tally) -> str:
        """How many of which, and of which connections the capture lacks something."""
        parts = [summary(tally) + "\n"]
        parts += [self._row(*row, tally) for row in rows(tally)]
        if tally.partial:
            parts.append(self._partial(tally))
        return "".join(parts)

    def _row(self, severity: str, count: int, rule: Rule, tally: Tally) -> str:
        """error        2  second-connect  Second CONNECT"""
        theme = self._theme
        name = theme.paint(theme.severity(severity), severity.ljust(LABEL))
        held = tally.held_back.get(rule.id, 0)
        more = f" ({held:,} of them not printed: --all prints all)" if held else ""
        return f"  {name}{count:>6,}  {theme.paint(theme.heading, rule.id)}  {rule.title}{more}\n"

    def _partial(self, tally: Tally) -> str:
        """Which rules could not be applied to everything, and why."""
        count = len(tally.partial) + tally.more_partial
        of = "connection" if count == 1 else "connections"
        lines = [f"The capture lacks part of {count:,} {of}; nothing is said there of what may be in that part:\n"]
        for stream, client, why in tally.partial:
            name = f" ({shortened(visible(client), LONGEST_CLIENT)})" if client else ""
            lines.append(self._entry("", f"stream {stream}{name}: {'; '.join(visible(one) for one in why)}"))
        if tally.more_partial:
            lines.append(f"  … and {tally.more_partial:,} more\n")
        return "".join(lines)


def rows(tally: Tally) -> list[tuple[str, int, Rule]]:
    """(severity, how many, rule): the worst first, and the most frequent."""
    found = [
        (severity, count, tally.rules[id])
        for id, by_severity in tally.counts.items()
        for severity, count in by_severity.items()
    ]
    return sorted(found, key=lambda row: (-SEVERITIES.index(row[0]), -row[1], row[2].id))


def plural(count: int, of: str) -> str:
    """`1 error`, `2 errors`"""
    return f"{count:,} {of}{'' if count == 1 else 's'}"


def summary(tally: Tally) -> str:
    """12 findings (2 errors, 10 notes) in 4 connections of 60 packets"""
    where = f"{plural(tally.links, 'connection')} and {plural(tally.packets, 'packet')}"
    if not tally.total:
        return f"No findings in {where}"
    kinds = [plural(tally.of(severity), severity) for severity in ("error", "warning", "note") if tally.of(severity)]
    return f"{plural(tally.total, 'finding')} in {where}: {', '.join(kinds)}"


class JsonView:
    """One object a line, a line a finding; always the same keys."""

    def __init__(self, notes: FrameNotes | None = None) -> None:
        self._notes = notes if notes is not None else FrameNotes()

    def head(self) -> str:
        """Nothing."""
        return ""

    def text(self, finding: Finding) -> str:
        """The object, with its newline. Absent: null."""
        rule = finding.rule
        in_packet = finding.start >= 0
        one: dict[str, object] = {
            "rule": rule.id,
            "severity": severity_of(finding),
            "fault": finding.fault,
            "what": finding.what,
            "frame": int(finding.frame),
            "time": seconds(int(finding.time_ns), 9),
            "stream": int(finding.stream) if finding.stream >= 0 else None,
            "client": finding.client or None,
            "version": VERSIONS.get(int(finding.version)),
            "clause": finding.clause or None,
            "packet": finding.packet or None,
            "start": int(finding.start) if in_packet else None,
            "end": int(finding.end) if in_packet else None,
            "frames": [int(frame) for frame in finding.frames],
            "related": [{"frame": int(frame), "what": what} for frame, what in finding.related],
            "title": rule.title,
            "expected": rule.expected,
            "cause": rule.cause,
            "file": self._notes.name(int(finding.frame)) or None,
        }
        line = dumped(one)
        return (line if line.isprintable() else escaped(line)) + "\n"

    def tail(self, tally: Tally) -> str:
        """Nothing."""
        return ""


def dumped(thing: dict[str, object]) -> str:
    """JSON of an object. Lone surrogates, which no JSON may hold, as escapes."""
    try:
        return orjson.dumps(thing).decode()
    except TypeError:
        import json

        return json.dumps(thing)
