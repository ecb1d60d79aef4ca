"""What a rule is: one thing that the standard forbids, or that is known to break in practice.

A rule is a definition only; whoever watches for it reports it (`Analysis.report`). All of them are in `rules`.
"""

from typing import Final, final

from mypy_extensions import i64

OFF: Final = 0
NOTE: Final = 1
WARNING: Final = 2
ERROR: Final = 3
SEVERITIES: Final = ("off", "note", "warning", "error")

# At fault
CLIENT: Final = "client"
BROKER: Final = "broker"
NETWORK: Final = "network"
CAPTURE: Final = "capture"
SENDER: Final = "sender"  # client or broker: whoever sent the packet

STANDARDS: Final[dict[int, str]] = {3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5.0"}  # by protocol level


@final
class Rule:
    """id: its name, such as `second-connect`. severity: unless the user says otherwise. fault: whose it usually is.

    title: what is wrong, in a few words. expected: one sentence on what should have been. cause: one sentence on what
    usually brings it about. v3, v4, v5: the normative statement or the section that is broken, in MQTT 3.1, 3.1.1 and
    5.0; empty where that version has no such rule, and in all three for what is bad practice only.
    """

    __slots__ = ("cause", "expected", "fault", "id", "severity", "title", "v3", "v4", "v5")

    def __init__(
        self, id: str, severity: i64, fault: str, title: str, expected: str, cause: str,
        v3: str = "", v4: str = "", v5: str = "",
    ) -> None:  # fmt: skip
        self.id = id
        self.severity = severity
        self.fault = fault
        self.title = title
        self.expected = expected
        self.cause = cause
        self.v3 = v3
        self.v4 = v4
        self.v5 = v5

    @property
    def practice(self) -> bool:
        """No standard forbids it, but it is known to break."""
        return not (self.v3 or self.v4 or self.v5)

    def clause(self, version: i64) -> str:
        """Where the standard of this protocol level states it: `[MQTT-3.1.0-2]`, or a section; empty for none."""
        return self.v5 if version == 5 else self.v3 if version == 3 else self.v4

    def place(self, version: i64) -> str:
        """The same as a reader would look it up."""
        return place(version, self.clause(version))

    def __repr__(self) -> str:
        return f"Rule({self.id!r})"


def place(version: i64, clause: str) -> str:
    """`MQTT 5.0 [MQTT-3.1.0-2]`, `MQTT 3.1, section 2.1`, `MQTT 3.1, appendix A`; empty for no clause."""
    if not clause:
        return ""
    standard = STANDARDS.get(int(version), "MQTT")
    if clause.startswith("["):
        return f"{standard} {clause}"
    return f"{standard}, {clause}" if clause.startswith("appendix") else f"{standard}, section {clause}"
