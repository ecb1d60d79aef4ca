"""`-T sarif`: findings for code scanning and other tools, written while they are found.

Source: OASIS Static Analysis Results Interchange Format (SARIF) 2.1.0. The capture is the artifact. A region of it is
not given, since it would have to say where in the file, not in the packet; the bytes of the packet are an address
(section 3.32), counted from the packet's first byte.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from mqttdissect import __version__
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import OFF, SEVERITIES, STANDARDS, Rule
from mqttdissect.analysis.rules import RULES
from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.codes import VERSIONS
from mqttdissect.output.clock import seconds
from mqttdissect.output.findings import Tally, place_of, sentence, severity_of
from mqttdissect.output.ndjson import escaped
from mqttdissect.output.text import visible

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
PACKET = {"name": "the control packet", "kind": "data", "relativeAddress": 0}  # where the addresses of bytes count from
HELP = "https://docs.oasis-open.org/mqtt/mqtt/"


def uri(name: str) -> str:
    """The capture as a relative or absolute URI reference."""
    path = name.replace("\\", "/")
    return ("file://" if path[:1] == "/" else "") + quote(path, errors="surrogateescape")


def places(rule: Rule) -> str:
    """Where the standards say so, in one line."""
    found = [rule.place(version) for version in STANDARDS if rule.place(version)]
    return "; ".join(found) or "practice: no standard forbids it"


def descriptor(rule: Rule, severity: int) -> dict[str, object]:
    """A reportingDescriptor (3.49) of a rule at this severity."""
    level = SEVERITIES[severity] if severity != OFF else SEVERITIES[int(rule.severity)]
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.expected},
        "help": {
            "text": f"{rule.expected} Usual cause: {rule.cause} Standard: {places(rule)}.",
            "markdown": f"{rule.expected}\n\n**Usual cause:** {rule.cause}\n\n**Standard:** {places(rule)}.",
        },
        "helpUri": HELP,
        "defaultConfiguration": {"enabled": severity != OFF, "level": level},
        "properties": {"tags": ["mqtt", rule.fault, "practice" if rule.practice else "standard"]},
    }


class SarifView:
    """One log with one run. severities: what the user wants, by rule id. notes: has the names of the captures."""

    def __init__(self, severities: dict[str, int], notes: FrameNotes) -> None:
        self._severities = severities
        self._notes = notes
        self._index = {id: index for index, id in enumerate(RULES)}
        self._first = True

    def head(self) -> str:
        """The log up to the first result."""
        rules = [descriptor(rule, self._severities.get(rule.id, int(rule.severity))) for rule in RULES.values()]
        driver = {"name": "mqttdissect", "version": __version__, "informationUri": HELP, "rules": rules}
        return (
            f'{{"$schema": "{SCHEMA}", "version": "2.1.0", "runs": [{{"tool": {{"driver": {dumped(driver)}}},\n'
            f'"artifacts": {dumped([self._artifact(name) for name in self._notes.files])},\n"results": ['
        )

    def _artifact(self, name: str) -> dict[str, object]:
        return {"location": {"uri": uri(name)}, "roles": ["analysisTarget"]}

    def text(self, finding: Finding) -> str:
        """A result (3.27)."""
        comma, self._first = ("\n" if self._first else ",\n"), False
        return comma + dumped(self._result(finding))

    def _result(self, finding: Finding) -> dict[str, object]:
        result: dict[str, object] = {
            "ruleId": finding.rule.id,
            "ruleIndex": self._index[finding.rule.id],
            "level": severity_of(finding),
            "message": {"text": f"{sentence(finding)}."},
            "locations": [self._location(finding, int(finding.frame))],
        }
        if finding.related:
            result["relatedLocations"] = [
                {"id": number, **self._related(finding, int(frame), what)}
                for number, (frame, what) in enumerate(finding.related, 1)
            ]
        result["properties"] = {
            "frame": int(finding.frame),
            "frames": [int(frame) for frame in finding.frames],
            "time": seconds(int(finding.time_ns), 9),
            "stream": int(finding.stream) if finding.stream >= 0 else None,
            "client": visible(finding.client) or None,
            "fault": finding.fault,
            "version": VERSIONS.get(int(finding.version)),
            "clause": finding.clause or None,
            "packet": finding.packet or None,
            "start": int(finding.start) if finding.start >= 0 else None,
            "end": int(finding.end) if finding.start >= 0 else None,
        }
        return result

    def _location(self, finding: Finding, frame: int) -> dict[str, object]:
        """The capture, the bytes of the packet, and frame, stream and client as logical places."""
        physical = self._physical(frame)
        if finding.start >= 0:
            physical["address"] = {
                "parentIndex": 0,
                "offsetFromParent": int(finding.start),
                "length": int(finding.end - finding.start),
                "kind": "data",
                "name": place_of(finding),
            }
        return {"physicalLocation": physical, "logicalLocations": self._logical(finding, frame)}

    def _related(self, finding: Finding, frame: int, what: str) -> dict[str, object]:
        return {
            "physicalLocation": self._physical(frame),
            "logicalLocations": [{"name": f"frame {frame}", "kind": "frame"}],
            "message": {"text": visible(what)},
        }

    def _physical(self, frame: int) -> dict[str, object]:
        files = self._notes.files
        name = self._notes.name(frame) or (files[0] if files else "capture")
        location: dict[str, object] = {"uri": uri(name)}
        if name in files:
            location["index"] = files.index(name)
        return {"artifactLocation": location}

    def _logical(self, finding: Finding, frame: int) -> list[dict[str, object]]:
        places: list[dict[str, object]] = [{"name": f"frame {frame}", "kind": "frame"}]
        if finding.stream >= 0:
            places.append({"name": f"stream {finding.stream}", "kind": "stream"})
        if finding.client:
            places.append({"name": visible(finding.client), "kind": "client"})
        return places

    def tail(self, tally: Tally) -> str:
        """The rest of the log: which connections were not whole, as notifications (3.58)."""
        notifications = [
            {"level": "note", "message": {"text": f"stream {stream} is not whole: {visible('; '.join(why))}."}}
            for stream, _, why in tally.partial
        ]
        notifications += [
            {
                "level": "note",
                "message": {"text": f"{count} more findings of {rule} are not in this log."},
                "associatedRule": {"id": rule, "index": self._index[rule]},
            }
            for rule, count in tally.held_back.items()
        ]
        invocation = {"executionSuccessful": True, "toolExecutionNotifications": notifications}
        return f'\n],\n"addresses": {dumped([PACKET])},\n"invocations": {dumped([invocation])}}}]}}\n'


def dumped(thing: object) -> str:
    """JSON without anything that a terminal would obey."""
    text = json.dumps(thing, ensure_ascii=False)
    return text if text.isprintable() else escaped(text)
