"""Where each standard says what this decoder checks: the numbers of its normative statements, or its sections.

Sources: MQTT V3.1 Protocol Specification; OASIS MQTT 3.1.1; OASIS MQTT 5.0. Bracketed numbers are the standards' own.
"""

from typing import Final, final

from mypy_extensions import i64


@final
class Clause:
    """A rule, and where MQTT 3.1, 3.1.1 and 5.0 state it; empty where that version has no such rule.

    name: of the rule in `analysis.rules` that is broken, which states the same places; empty where none is.
    """

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
FLAGS: Final = Clause("reserved-flags", "", "[MQTT-2.2.2-1]", "[MQTT-2.1.3-1]")
BYTES_MISSING: Final = Clause("bytes-missing", "2.1", "2.2.3", "2.1.4")
BYTES_LEFT_OVER: Final = Clause("bytes-left-over", "2.1", "2.2.3", "2.1.4")
VARINT_BYTES: Final = Clause("varint-too-long", "2.1", "2.2.3", "1.5.5")
VARINT_SHORTEST: Final = Clause("varint-not-minimal", "2.1", "2.2.3", "[MQTT-1.5.5-1]")
QOS_3: Final = Clause("qos-3", "2.1", "[MQTT-3.3.1-4]", "[MQTT-3.3.1-4]")
STRING: Final = Clause("string-too-long", "2.5", "1.5.3", "1.5.4")
WELL_FORMED: Final = Clause("not-utf-8", "2.5", "[MQTT-1.5.3-1]", "[MQTT-1.5.4-1]")
NO_NUL: Final = Clause("nul-in-string", "appendix A", "[MQTT-1.5.3-2]", "[MQTT-1.5.4-2]")
IDENTIFIER_ZERO: Final = Clause("packet-identifier-zero", "2.4", "[MQTT-2.3.1-1]", "[MQTT-2.2.1-3]")
NAME: Final = Clause("protocol-name", "3.1", "[MQTT-3.1.2-1]", "[MQTT-3.1.2-1]")
LEVEL: Final = Clause("protocol-level", "3.1", "[MQTT-3.1.2-2]", "[MQTT-3.1.2-2]")
CONNECT_RESERVED: Final = Clause("connect-reserved-flag", "", "[MQTT-3.1.2-3]", "[MQTT-3.1.2-3]")
WILL_QOS_3: Final = Clause("will-qos-3", "3.1", "[MQTT-3.1.2-14]", "[MQTT-3.1.2-12]")
WILL_QOS_UNUSED: Final = Clause("will-qos-without-will", "", "[MQTT-3.1.2-13]", "[MQTT-3.1.2-11]")
WILL_RETAIN_UNUSED: Final = Clause("will-retain-without-will", "", "[MQTT-3.1.2-15]", "[MQTT-3.1.2-13]")
PASSWORD_ALONE: Final = Clause("password-without-user-name", "3.1", "[MQTT-3.1.2-22]", "")
CONNACK_BITS: Final = Clause("connack-reserved-flags", "", "3.2.2.1", "[MQTT-3.2.2-1]")
TOPIC_LENGTH: Final = Clause("topic-empty", "appendix A", "[MQTT-4.7.3-1]", "[MQTT-4.7.3-1]")
TOPIC_OR_ALIAS: Final = Clause("topic-and-alias-missing", "", "", "3.3.2.1")
NO_WILDCARDS: Final = Clause("wildcard-in-topic-name", "3.3", "[MQTT-3.3.2-2]", "[MQTT-3.3.2-2]")
ALIAS_ZERO: Final = Clause("topic-alias-zero", "", "", "[MQTT-3.3.2-8]")
SOME_FILTERS: Final = Clause("subscribe-without-filters", "3.8", "[MQTT-3.8.3-3]", "[MQTT-3.8.3-2]")
SOME_FILTERS_UNSUBSCRIBE: Final = Clause("unsubscribe-without-filters", "3.10", "[MQTT-3.10.3-2]", "[MQTT-3.10.3-2]")
OPTION_BITS: Final = Clause("subscription-reserved-bits", "3.8", "[MQTT-3-8.3-4]", "[MQTT-3.8.3-5]")
OPTION_VALUES: Final = Clause("subscription-options", "3.8", "[MQTT-3-8.3-4]", "3.8.3.1")
SOME_CODES: Final = Clause("answer-without-codes", "3.9", "[MQTT-3.8.4-5]", "[MQTT-3.8.4-6]")
PROPERTY_LENGTH: Final = Clause("property-length", "", "", "2.2.2.1")
PROPERTY_UNDEFINED: Final = Clause("property-undefined", "", "", "2.2.2.2")
PROPERTY_PLACE: Final = Clause("property-not-allowed", "", "", "2.2.2.2")
PROPERTY_ONCE: Final = Clause("property-repeated", "", "", "2.2.2.2")
PROPERTY_VALUE: Final = Clause("property-value", "", "", "2.2.2.2")
REASON: Final = Clause("reason-code", "", "", "2.4")
RETURN: Final = Clause("return-code", "3.2", "3.2.2.3", "")
SUBACK_RETURN: Final = Clause("suback-return-code", "3.9", "[MQTT-3.9.3-2]", "")
STREAM: Final = Clause("", "1", "4.2", "4.2")  # bytes that the capture lacks: no side broke a rule
