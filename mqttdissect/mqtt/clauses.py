"""Where each standard says what this decoder checks: the numbers of its normative statements, or its sections.

Sources: MQTT V3.1 Protocol Specification; OASIS MQTT 3.1.1; OASIS MQTT 5.0. Bracketed numbers are the standards' own.
"""

from typing import Final, final

from mypy_extensions import i64


@final
class Clause:
    """A rule, and where MQTT 3.1, 3.1.1 and 5.0 state it."""

    __slots__ = ("v3", "v4", "v5")

    def __init__(self, v3: str, v4: str, v5: str) -> None:
        self.v3 = v3
        self.v4 = v4
        self.v5 = v5

    def of(self, version: i64) -> str:
        """The place in the standard of this protocol level, as a reader would look it up."""
        if version == 5:
            return f"MQTT 5.0, {self.v5}"
        if version == 3:
            return f"MQTT 3.1, {self.v3}"
        return f"MQTT 3.1.1, {self.v4}"


RESERVED_TYPE: Final = Clause("2.1", "2.2.1", "2.1.2")
FLAGS: Final = Clause("2.1", "[MQTT-2.2.2-2]", "[MQTT-2.1.3-1]")
REMAINING: Final = Clause("2.1", "2.2.3", "2.1.4")
VARINT_BYTES: Final = Clause("2.1", "2.2.3", "1.5.5")
VARINT_SHORTEST: Final = Clause("2.1", "2.2.3", "[MQTT-1.5.5-1]")
QOS_3: Final = Clause("2.1", "[MQTT-3.3.1-4]", "[MQTT-3.3.1-4]")
INTEGER: Final = Clause("2.4", "1.5.2", "1.5.2")
STRING: Final = Clause("2.5", "1.5.3", "1.5.4")
WELL_FORMED: Final = Clause("2.5", "[MQTT-1.5.3-1]", "[MQTT-1.5.4-1]")
NO_NUL: Final = Clause("2.5", "[MQTT-1.5.3-2]", "[MQTT-1.5.4-2]")
IDENTIFIER_ZERO: Final = Clause("2.4", "[MQTT-2.3.1-1]", "[MQTT-2.2.1-3]")
NAME: Final = Clause("3.1", "[MQTT-3.1.2-1]", "[MQTT-3.1.2-1]")
LEVEL: Final = Clause("3.1", "[MQTT-3.1.2-2]", "[MQTT-3.1.2-2]")
CONNECT_RESERVED: Final = Clause("3.1", "[MQTT-3.1.2-3]", "[MQTT-3.1.2-3]")
WILL_QOS_3: Final = Clause("3.1", "[MQTT-3.1.2-14]", "[MQTT-3.1.2-12]")
WILL_QOS_UNUSED: Final = Clause("3.1", "[MQTT-3.1.2-13]", "[MQTT-3.1.2-11]")
WILL_RETAIN_UNUSED: Final = Clause("3.1", "[MQTT-3.1.2-15]", "[MQTT-3.1.2-13]")
PASSWORD_ALONE: Final = Clause("3.1", "[MQTT-3.1.2-22]", "3.1.2.9")
CONNACK_BITS: Final = Clause("3.2", "3.2.2.1", "[MQTT-3.2.2-1]")
TOPIC_LENGTH: Final = Clause("appendix A", "[MQTT-4.7.3-1]", "[MQTT-4.7.3-1]")
TOPIC_OR_ALIAS: Final = Clause("3.3", "[MQTT-4.7.3-1]", "3.3.2.1")
NO_WILDCARDS: Final = Clause("3.3", "[MQTT-3.3.2-2]", "[MQTT-3.3.2-2]")
ALIAS_ZERO: Final = Clause("", "", "[MQTT-3.3.2-8]")
ALIAS_UNKNOWN: Final = Clause("", "", "3.3.2.3.4")
SOME_FILTERS: Final = Clause("3.8", "[MQTT-3.8.3-3]", "[MQTT-3.8.3-2]")
OPTION_BITS: Final = Clause("3.8", "[MQTT-3-8.3-4]", "[MQTT-3.8.3-5]")
OPTION_VALUES: Final = Clause("3.8", "[MQTT-3-8.3-4]", "3.8.3.1")
SOME_CODES: Final = Clause("3.9", "[MQTT-3.8.4-5]", "[MQTT-3.8.4-6]")
SOME_FILTERS_UNSUBSCRIBE: Final = Clause("3.10", "[MQTT-3.10.3-2]", "[MQTT-3.10.3-2]")
PROPERTY_LENGTH: Final = Clause("", "", "2.2.2.1")
PROPERTY: Final = Clause("", "", "2.2.2.2")
CODE: Final = Clause("3.2", "[MQTT-3.9.3-2]", "2.4")
RETURN: Final = Clause("3.2", "3.2.2.3", "3.2.2.2")
STREAM: Final = Clause("appendix A", "4.2", "4.2")
