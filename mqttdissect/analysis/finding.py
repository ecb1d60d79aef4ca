"""One thing that is wrong in a capture: which rule, who, where, and what exactly."""

from typing import TypeAlias, final

from mypy_extensions import i64

from mqttdissect.analysis import rules
from mqttdissect.analysis.rule import Rule, place

Values: TypeAlias = tuple[
    str, int, str, str, int, int, int, int, str, str, str, int, int, list[int], list[tuple[int, str]]
]


@final
class Finding:
    """rule: what was broken. severity: as the user wants it for this rule. fault: who broke it, one of `rule`.

    what: one sentence about this very case. version: the protocol level. stream: number of the TCP stream; -1 for none.
    client: client identifier, empty if not known. packet: name of the control packet, empty for none. frame, time_ns:
    of the packet, or of what showed it. start, end: the bytes of the packet that are wrong; -1 for none.
    stated: the statement or section that is broken, where the rule has several; empty for the rule's own.
    frames: the bytes' frames (number of each frame that carried the packet). related: (frame, what is there).
    """

    __slots__ = (
        "client", "end", "fault", "frame", "frames", "packet", "related", "rule", "severity", "start", "stated",
        "stream", "time_ns", "version", "what",
    )  # fmt: skip

    def __init__(self, rule: Rule, severity: i64, fault: str, what: str, frame: i64, time_ns: i64) -> None:
        self.rule = rule
        self.severity = severity
        self.fault = fault
        self.what = what
        self.frame = frame
        self.time_ns = time_ns
        self.version: i64 = 4
        self.stream: i64 = -1
        self.client = ""
        self.packet = ""
        self.stated = ""
        self.start: i64 = -1
        self.end: i64 = -1
        self.frames: list[int] = []
        self.related: list[tuple[int, str]] = []

    @property
    def clause(self) -> str:
        """`[MQTT-3.1.0-2]`, or `MQTT 3.1, section 3.1`; empty where it is bad practice only."""
        clause = self.stated or rules.clause(self.rule, self.version, self.packet, self.fault)
        return clause if clause.startswith("[") else place(self.version, clause)

    @property
    def place(self) -> str:
        """The same, always with the standard: `MQTT 5.0 [MQTT-3.1.0-2]`."""
        return place(self.version, self.stated or rules.clause(self.rule, self.version, self.packet, self.fault))

    def values(self) -> Values:
        """All that it holds, in types that `marshal` knows: `of_values` makes the same again, in another process."""
        return (
            self.rule.id, int(self.severity), self.fault, self.what, int(self.frame), int(self.time_ns),
            int(self.version), int(self.stream), self.client, self.packet, self.stated, int(self.start), int(self.end),
            self.frames, self.related,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"Finding({self.rule.id!r}, frame={self.frame}, {self.what!r})"


def of_values(values: Values) -> Finding:
    """What `Finding.values` was of."""
    finding = Finding(rules.RULES[values[0]], *values[1:6])
    finding.version, finding.stream = values[6:8]
    finding.client, finding.packet, finding.stated = values[8:11]
    finding.start, finding.end = values[11:13]
    finding.frames = values[13]
    finding.related = values[14]
    return finding
