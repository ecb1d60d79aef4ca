"""What other tools report of MQTT, and the rules here that report it: for those who come from there.

Sources: Suricata, rules/mqtt-events.rules and rust/src/mqtt (app-layer-event:mqtt.*); Wireshark, epan/dissectors/
packet-mqtt.c (its three expert items), and what tshark says of packets that break off.
"""

from typing import Final, NamedTuple


class Peer(NamedTuple):
    """name: as the other tool writes it. says: when it does. rules: ids here. but: what differs; may be empty."""

    name: str
    says: str
    rules: tuple[str, ...]
    but: str


SURICATA: Final = [
    Peer("mqtt.missing_connect", "CONNACK without a CONNECT", ("first-packet-not-connect", "second-connack"),
         "not where the capture joined the connection later"),
    Peer("mqtt.missing_publish", "PUBACK, PUBREC, PUBREL or PUBCOMP without a PUBLISH",
         ("answer-unexpected", "acknowledgement-wrong"), "those of an earlier connection's messages are none"),
    Peer("mqtt.missing_subscribe", "SUBACK without a SUBSCRIBE", ("answer-unexpected",), ""),
    Peer("mqtt.missing_unsubscribe", "UNSUBACK without an UNSUBSCRIBE", ("answer-unexpected",), ""),
    Peer("mqtt.double_connect", "A second CONNECT", ("second-connect",), ""),
    Peer("mqtt.unintroduced_message", "A packet before CONNECT and CONNACK are through",
         ("first-packet-not-connect", "first-answer-not-connack", "packet-during-auth", "packet-after-refusal"),
         "a client may send more before it has the CONNACK, but for AUTH exchanges"),
    Peer("mqtt.invalid_qos_level", "QoS 3", ("qos-3", "will-qos-3", "subscription-options"), ""),
    Peer("mqtt.missing_msg_id", "No packet identifier where there has to be one",
         ("packet-identifier-zero", "bytes-missing"), ""),
    Peer("mqtt.unassigned_msg_type", "Packet type 0", ("reserved-type",), "type 15 before MQTT 5.0 too"),
    Peer("mqtt.too_many_transactions", "More unfinished exchanges than Suricata keeps",
         ("receive-maximum-exceeded", "queue-build-up"), "a limit of the protocol or a trend, not one of the tool"),
    Peer("mqtt.malformed_traffic", "A packet that cannot be parsed",
         ("bytes-missing", "bytes-left-over", "string-too-long", "varint-too-long", "property-length",
          "property-undefined", "undecoded-bytes"), "each with its byte and with what was expected there"),
]  # fmt: skip

WIRESHARK: Final = [
    Peer("mqtt.illegal_topic_length", "Length cannot be 0 (a topic of no characters)",
         ("topic-empty", "topic-and-alias-missing"), "an empty topic with an alias is none"),
    Peer("mqtt.unknown_version", "Unknown version (missing the CONNECT packet?)", (),
         "the version is inferred, and the packet says so; not a finding"),
    Peer("mqtt.unknown_topic_alias", "Unknown topic alias", ("topic-alias-unknown",),
         "not where the capture lacks what may have set it"),
    Peer("_ws.malformed", "Malformed Packet (the dissector ran out of bytes)",
         ("bytes-missing", "string-too-long", "property-length"), ""),
]  # fmt: skip


def elsewhere(rule: str) -> list[str]:
    """`Suricata mqtt.double_connect`, ...: who else reports it."""
    found = [f"Suricata {one.name}" for one in SURICATA if rule in one.rules]
    return found + [f"Wireshark {one.name}" for one in WIRESHARK if rule in one.rules]
