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


OUT_OF_TIME: Final = ("first-packet-not-connect", "first-answer-not-connack", "packet-after-disconnect")
"""Of a packet that may not come at all by then, only that is reported."""

SURICATA: Final = [
    Peer("mqtt.missing_connect", "CONNACK without a CONNECT",
         ("connack-unasked", "second-connack", "wrong-direction", "first-packet-not-connect",
          "packet-after-disconnect"),
         "not where the capture joined the connection later; after a first packet that is no CONNECT, only that"),
    Peer("mqtt.missing_publish", "PUBACK, PUBREC, PUBREL or PUBCOMP without a PUBLISH",
         ("answer-unexpected", "acknowledgement-wrong", "packet-identifier-zero", *OUT_OF_TIME),
         "those that may be of an earlier connection's messages are none"),
    Peer("mqtt.missing_subscribe", "SUBACK without a SUBSCRIBE",
         ("answer-unexpected", "acknowledgement-wrong", "packet-identifier-zero", "wrong-direction", *OUT_OF_TIME), ""),
    Peer("mqtt.missing_unsubscribe", "UNSUBACK without an UNSUBSCRIBE",
         ("answer-unexpected", "acknowledgement-wrong", "packet-identifier-zero", "wrong-direction", *OUT_OF_TIME), ""),
    Peer("mqtt.double_connect", "A second CONNECT",
         ("second-connect", "wrong-direction", "packet-after-refusal", "packet-after-disconnect"), ""),
    Peer("mqtt.unintroduced_message", "A packet before CONNECT and CONNACK are through",
         ("answer-unexpected", "packet-identifier-zero", "wrong-direction", "reserved-type", "auth-unasked",
          "packet-during-auth", *OUT_OF_TIME),
         "what a client may send before it has the CONNACK is none, nor are AUTH exchanges; of what comes before any "
         "CONNECT, the first packet"),
    Peer("mqtt.invalid_qos_level", "QoS 3 in a fixed header", ("qos-3", "reserved-flags"), ""),
    Peer("mqtt.missing_msg_id", "No packet identifier where there has to be one",
         ("packet-identifier-zero", "bytes-missing"), ""),
    Peer("mqtt.unassigned_msg_type", "Packet type 0", ("reserved-type",), "type 15 before MQTT 5.0 too"),
    Peer("mqtt.too_many_transactions", "More unfinished exchanges than Suricata keeps (1,024)",
         ("many-in-flight",), "of each side; `queue-build-up` has them from 128 on, if they wait long"),
    Peer("mqtt.malformed_traffic", "A packet that cannot be parsed",
         ("bytes-missing", "string-too-long", "varint-too-long", "property-length", "property-undefined",
          "subscribe-without-filters", "reserved-type", "protocol-level", "auth-unasked", "auth-method-changed"),
         "each with its byte and with what was expected there; a refusal in the form of 3.1.1 is none in 5.0, nor is a "
         "CONNECT of 3.1 that ends before its user name; where no CONNECT was seen, only that is reported"),
]  # fmt: skip

WIRESHARK: Final = [
    Peer("mqtt.illegal_topic_length", "Length cannot be 0 (a topic of no characters)",
         ("topic-empty", "topic-and-alias-missing", "topic-alias-zero"),
         "an empty topic with an alias is none; where no CONNECT was seen, only that is reported"),
    Peer("mqtt.unknown_version", "Unknown version (missing the CONNECT packet?)",
         ("first-packet-not-connect", "first-answer-not-connack", "connack-unasked", "connect-not-captured"),
         "once a connection; every packet says if its version is inferred"),
    Peer("mqtt.unknown_topic_alias", "Unknown topic alias", ("topic-alias-unknown", "topic-alias-exceeded"),
         "not where the capture lacks what may have set it"),
    Peer("_ws.malformed", "Malformed Packet (the dissector ran out of bytes)",
         ("bytes-missing", "string-too-long", "property-length", "protocol-level"),
         "a refusal in the form of 3.1.1 is none in 5.0; where no CONNECT was seen, only that is reported (Wireshark "
         "reads all as 3.1.1 then)"),
]  # fmt: skip


def elsewhere(rule: str) -> list[str]:
    """`Suricata mqtt.double_connect`, ...: who else reports it."""
    found = [f"Suricata {one.name}" for one in SURICATA if rule in one.rules]
    return found + [f"Wireshark {one.name}" for one in WIRESHARK if rule in one.rules]
