"""Names that the standards give to numbers: packet types, QoS, return and reason codes.

Sources: MQTT 3.1 (sections 2.1, 3.2), MQTT 3.1.1 (2.2.1, 3.2.2.3, 3.9.3), MQTT 5.0 (2.1.2, 2.4 and each packet's own
table of reason codes).
"""

from typing import Final

CONNECT: Final = 1
CONNACK: Final = 2
PUBLISH: Final = 3
PUBACK: Final = 4
PUBREC: Final = 5
PUBREL: Final = 6
PUBCOMP: Final = 7
SUBSCRIBE: Final = 8
SUBACK: Final = 9
UNSUBSCRIBE: Final = 10
UNSUBACK: Final = 11
PINGREQ: Final = 12
PINGRESP: Final = 13
DISCONNECT: Final = 14
AUTH: Final = 15

PACKET_TYPES: Final[dict[int, str]] = {
    0: "RESERVED",
    1: "CONNECT",
    2: "CONNACK",
    3: "PUBLISH",
    4: "PUBACK",
    5: "PUBREC",
    6: "PUBREL",
    7: "PUBCOMP",
    8: "SUBSCRIBE",
    9: "SUBACK",
    10: "UNSUBSCRIBE",
    11: "UNSUBACK",
    12: "PINGREQ",
    13: "PINGRESP",
    14: "DISCONNECT",
    15: "AUTH",
}

FROM_CLIENT: Final = 0b1  # who may send a packet type, by bits
FROM_SERVER: Final = 0b10
SENDERS: Final[list[int]] = [0, 1, 2, 3, 3, 3, 3, 3, 1, 2, 1, 2, 1, 2, 3, 3]  # MQTT 5.0, table 2-1

VERSIONS: Final[dict[int, str]] = {3: "3.1", 4: "3.1.1", 5: "5.0"}
PROTOCOL_LEVELS: Final[dict[int, str]] = {3: "MQTT 3.1", 4: "MQTT 3.1.1", 5: "MQTT 5.0"}

QOS: Final[dict[int, str]] = {0: "at most once", 1: "at least once", 2: "exactly once", 3: "reserved"}

RETAIN_HANDLING: Final[dict[int, str]] = {
    0: "send retained messages at subscribe",
    1: "send retained messages if the subscription is new",
    2: "do not send retained messages at subscribe",
    3: "reserved",
}

PAYLOAD_FORMAT: Final[dict[int, str]] = {0: "unspecified bytes", 1: "UTF-8"}
NO_YES: Final[dict[int, str]] = {0: "no", 1: "yes"}

CONNACK_RETURN: Final[dict[int, str]] = {
    0: "connection accepted",
    1: "refused, unacceptable protocol version",
    2: "refused, identifier rejected",
    3: "refused, server unavailable",
    4: "refused, bad user name or password",
    5: "refused, not authorized",
}

SUBACK_RETURN: Final[dict[int, str]] = {0: "granted QoS 0", 1: "granted QoS 1", 2: "granted QoS 2", 0x80: "failure"}

REASONS: Final[dict[int, str]] = {
    0x00: "Success",
    0x01: "Granted QoS 1",
    0x02: "Granted QoS 2",
    0x04: "Disconnect with Will Message",
    0x10: "No matching subscribers",
    0x11: "No subscription existed",
    0x18: "Continue authentication",
    0x19: "Re-authenticate",
    0x80: "Unspecified error",
    0x81: "Malformed Packet",
    0x82: "Protocol Error",
    0x83: "Implementation specific error",
    0x84: "Unsupported Protocol Version",
    0x85: "Client Identifier not valid",
    0x86: "Bad User Name or Password",
    0x87: "Not authorized",
    0x88: "Server unavailable",
    0x89: "Server busy",
    0x8A: "Banned",
    0x8B: "Server shutting down",
    0x8C: "Bad authentication method",
    0x8D: "Keep Alive timeout",
    0x8E: "Session taken over",
    0x8F: "Topic Filter invalid",
    0x90: "Topic Name invalid",
    0x91: "Packet Identifier in use",
    0x92: "Packet Identifier not found",
    0x93: "Receive Maximum exceeded",
    0x94: "Topic Alias invalid",
    0x95: "Packet too large",
    0x96: "Message rate too high",
    0x97: "Quota exceeded",
    0x98: "Administrative action",
    0x99: "Payload format invalid",
    0x9A: "Retain not supported",
    0x9B: "QoS not supported",
    0x9C: "Use another server",
    0x9D: "Server moved",
    0x9E: "Shared Subscriptions not supported",
    0x9F: "Connection rate exceeded",
    0xA0: "Maximum connect time",
    0xA1: "Subscription Identifiers not supported",
    0xA2: "Wildcard Subscriptions not supported",
}


def _reasons(codes: str, **renamed: str) -> dict[int, str]:
    """The part of `REASONS` that one packet type may carry; `renamed`: what this packet calls x00."""
    table = {int(code, 16): REASONS[int(code, 16)] for code in codes.split()}
    table.update({int(code[1:], 16): name for code, name in renamed.items()})
    return table


PUBACK_REASONS: Final = _reasons("00 10 80 83 87 90 91 97 99")
PUBREL_REASONS: Final = _reasons("00 92")
CONNACK_REASONS: Final = _reasons("00 80 81 82 83 84 85 86 87 88 89 8a 8c 90 95 97 99 9a 9b 9c 9d 9f")
SUBACK_REASONS: Final = _reasons("00 01 02 80 83 87 8f 91 97 9e a1 a2", x00="Granted QoS 0")
UNSUBACK_REASONS: Final = _reasons("00 11 80 83 87 8f 91")
DISCONNECT_REASONS: Final = _reasons(
    "00 04 80 81 82 83 87 89 8b 8c 8d 8e 8f 90 93 94 95 96 97 98 99 9a 9b 9c 9d 9e 9f a0 a1 a2",
    x00="Normal disconnection",
)
AUTH_REASONS: Final = _reasons("00 18 19")
