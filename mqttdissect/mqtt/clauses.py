"""Where each standard says what this decoder checks: the numbers of its normative statements, or its sections.

Sources: MQTT V3.1 Protocol Specification; OASIS MQTT 3.1.1; OASIS MQTT 5.0. Bracketed numbers are the standards' own.
"""

from typing import Final, final

from mypy_extensions import i64


@final
class Clause:
    """A rule, and where MQTT 3.1, 3.1.1 and 5.0 state it. name: of the rule that the analysis reports where it is
    broken."""

    __slots__ = ("name", "v3", "v4", "v5")

    def __init__(self, name: str, v3: str, v4: str, v5: str) -> None:
        self.name = name
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


RESERVED_TYPE: Final = Clause("reserved-type", "2.1", "2.2.1", "2.1.2")
FLAGS: Final = Clause("flags", "2.1", "[MQTT-2.2.2-2]", "[MQTT-2.1.3-1]")
REMAINING: Final = Clause("remaining", "2.1", "2.2.3", "2.1.4")
VARINT_BYTES: Final = Clause("varint-bytes", "2.1", "2.2.3", "1.5.5")
VARINT_SHORTEST: Final = Clause("varint-shortest", "2.1", "2.2.3", "[MQTT-1.5.5-1]")
QOS_3: Final = Clause("qos-3", "2.1", "[MQTT-3.3.1-4]", "[MQTT-3.3.1-4]")
INTEGER: Final = Clause("integer", "2.4", "1.5.2", "1.5.2")
STRING: Final = Clause("string", "2.5", "1.5.3", "1.5.4")
WELL_FORMED: Final = Clause("well-formed", "2.5", "[MQTT-1.5.3-1]", "[MQTT-1.5.4-1]")
NO_NUL: Final = Clause("no-nul", "2.5", "[MQTT-1.5.3-2]", "[MQTT-1.5.4-2]")
IDENTIFIER_ZERO: Final = Clause("identifier-zero", "2.4", "[MQTT-2.3.1-1]", "[MQTT-2.2.1-3]")
NAME: Final = Clause("name", "3.1", "[MQTT-3.1.2-1]", "[MQTT-3.1.2-1]")
LEVEL: Final = Clause("level", "3.1", "[MQTT-3.1.2-2]", "[MQTT-3.1.2-2]")
CONNECT_RESERVED: Final = Clause("connect-reserved", "3.1", "[MQTT-3.1.2-3]", "[MQTT-3.1.2-3]")
WILL_QOS_3: Final = Clause("will-qos-3", "3.1", "[MQTT-3.1.2-14]", "[MQTT-3.1.2-12]")
WILL_QOS_UNUSED: Final = Clause("will-qos-unused", "3.1", "[MQTT-3.1.2-13]", "[MQTT-3.1.2-11]")
WILL_RETAIN_UNUSED: Final = Clause("will-retain-unused", "3.1", "[MQTT-3.1.2-15]", "[MQTT-3.1.2-13]")
PASSWORD_ALONE: Final = Clause("password-alone", "3.1", "[MQTT-3.1.2-22]", "3.1.2.9")
CONNACK_BITS: Final = Clause("connack-bits", "3.2", "3.2.2.1", "[MQTT-3.2.2-1]")
TOPIC_LENGTH: Final = Clause("topic-length", "appendix A", "[MQTT-4.7.3-1]", "[MQTT-4.7.3-1]")
TOPIC_OR_ALIAS: Final = Clause("topic-or-alias", "3.3", "[MQTT-4.7.3-1]", "3.3.2.1")
NO_WILDCARDS: Final = Clause("no-wildcards", "3.3", "[MQTT-3.3.2-2]", "[MQTT-3.3.2-2]")
ALIAS_ZERO: Final = Clause("alias-zero", "", "", "[MQTT-3.3.2-8]")
ALIAS_UNKNOWN: Final = Clause("alias-unknown", "", "", "3.3.2.3.4")
SOME_FILTERS: Final = Clause("some-filters", "3.8", "[MQTT-3.8.3-3]", "[MQTT-3.8.3-2]")
OPTION_BITS: Final = Clause("option-bits", "3.8", "[MQTT-3-8.3-4]", "[MQTT-3.8.3-5]")
OPTION_VALUES: Final = Clause("option-values", "3.8", "[MQTT-3-8.3-4]", "3.8.3.1")
SOME_CODES: Final = Clause("some-codes", "3.9", "[MQTT-3.8.4-5]", "[MQTT-3.8.4-6]")
SOME_FILTERS_UNSUBSCRIBE: Final = Clause("some-filters-unsubscribe", "3.10", "[MQTT-3.10.3-2]", "[MQTT-3.10.3-2]")
PROPERTY_LENGTH: Final = Clause("property-length", "", "", "2.2.2.1")
PROPERTY: Final = Clause("property", "", "", "2.2.2.2")
CODE: Final = Clause("code", "3.2", "[MQTT-3.9.3-2]", "2.4")
RETURN: Final = Clause("return", "3.2", "3.2.2.3", "3.2.2.2")
STREAM: Final = Clause("stream", "appendix A", "4.2", "4.2")
