"""Field for field with tshark, an independent dissector, on every shipped capture.

Where tshark is wrong or looks at things in another way, `DIFFERENT` names the capture, the field and why; nothing
else may differ. Runs where tshark is installed (CI installs it).
"""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from mqttdissect.output.columns import listing, specs

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

OPTIONS = {
    "amqtt-3.1.1-port-31883.pcap": ["-d", "tcp.port==31883,mqtt"],
    "mosquitto-3.1.1-ipv6-port-21883.pcapng": ["-d", "tcp.port==21883,mqtt"],
    "mosquitto-5.0-lossy-link.pcap": ["-o", "tcp.reassemble_out_of_order:TRUE"],
}
NOT_YET = {"mosquitto-5.0-tls.pcapng": "TLS with keys in the file"}
NOT_BY_TSHARK = {"aedes-3.1.1-websocket.pcapng": 47}  # packets: it takes each WebSocket message for one
DIFFERENT: dict[tuple[str, str], str] = {
    ("*", "mqtt.unknown_version"): "tshark's own remark, a version is inferred here",
    ("*", "mqtt.unknown_topic_alias"): "a remark without a value in tshark, with an explanation here",
    ("*", "mqtt.properties"): "a heading, no value",
    ("*", "mqtt.will_properties"): "a heading, no value",
    ("mosquitto-bridge.pcap", "mqtt.connack.reason_code"): "tshark takes a bridge's level 0x84 for an unknown version",
    ("mosquitto-bridge.pcap", "mqtt.suback.reason_code"): "the same",
    ("mosquitto-bridge.pcap", "mqtt.hdr_reserved"): "MQTT 3.1 by a bridge: tshark does not see its version",
    ("mosquitto-3.1.1-refused.pcap", "mqtt.connack.reason_code"): "answer to an unsupported level, read as 5.0",
    ("mosquitto-5.0-refused.pcap", "mqtt.connack.reason_code"): "answer to an unsupported level, read as 5.0",
    ("mosquitto-5.0-properties.pcapng", "mqtt.prop_string"): "tshark shows binary data as text up to the first NUL",
    ("mosquitto-5.0-properties.pcapng", "mqtt.prop_string_len"): "tshark has none for Content Type",
    ("mosquitto-malformed-packets.pcapng", "mqtt.topic"): "bad UTF-8 is escaped here, replaced there; cut at NUL there",
    ("mosquitto-malformed-packets.pcapng", "mqtt.prop_value"): "the same",
    ("mosquitto-malformed-packets.pcapng", "mqtt.illegal_topic_length"): "tshark's own remark",
    ("mosquitto-malformed-packets.pcapng", "mqtt.prop_unknown"): "what tshark says of an unknown property",
    ("mosquitto-5.0-properties.pcapng", "mqtt.property_len"): "tshark shows the raw bytes of a two-byte length",
    ("mosquitto-joined-midway.pcap", "mqtt.msg"): "tshark does not see that it is 5.0: properties are payload to it",
    ("scripted-5.0-server-properties.pcapng", "mqtt.property_len"): "the same",
}
OTHER_FRAMES = {
    "mosquitto-malformed-packets.pcapng": "behind a Remaining Length without end tshark waits for ever",
    "mosquitto-bridge.pcap": "one of the brokers is on another port",
    "mosquitto-3.1.1-snaplen-120.pcap": "tshark takes frames cut by the snap length for whole packets",
}
HEX = {"mqtt.hdrflags", "mqtt.conack.flags", "mqtt.conflags", "mqtt.subscription_options", "mqtt.property_id"}
BYTES = {"mqtt.msg", "mqtt.willmsg"}

Values = dict[str, list[str]]


def by_tshark(path: Path) -> dict[int, list[Values]]:
    """Frame number: the fields of each control packet that tshark finds in it."""
    command = ["tshark", "-n", "-r", str(path), "-Y", "mqtt", "-T", "pdml", *OPTIONS.get(path.name, [])]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    frames: dict[int, list[Values]] = {}
    for _, element in ET.iterparse(io.BytesIO(output)):
        if element.tag != "packet":
            continue
        number = next(int(field.get("show", "")) for field in element.iter("field") if field.get("name") == "num")
        frames[number] = [values(proto) for proto in element.findall("proto") if proto.get("name") == "mqtt"]
    return frames


def values(proto: ET.Element) -> Values:
    """Every named value below a protocol's element, as this tool would print it."""
    found: Values = {}
    for field in proto.iter("field"):
        name, show = field.get("name", ""), field.get("show", "")
        if name in HEX or name.endswith("options_reserved"):
            show = str(int(show, 16))
        if name in BYTES:
            show = show.replace(":", "")
        if name.startswith("mqtt."):
            found.setdefault(name, []).append(show)
    return found


def by_mqttdissect(run: Callable[..., subprocess.CompletedProcess[str]], path: Path) -> dict[int, list[Values]]:
    """The same of this tool."""
    frames: dict[int, list[Values]] = {}
    for line in run("-T", "json", "--show-secrets", path).stdout.splitlines():
        packet = json.loads(line)
        if packet["packet"] is not None:
            mqtt = {name: [printed(one) for one in each(value)] for name, value in packet["mqtt"].items()}
            frames.setdefault(packet["frame"], []).append(mqtt)
    return frames


def each(value: object) -> list[object]:
    """A list, of one if need be."""
    return value if isinstance(value, list) else [value]


def printed(value: object) -> str:
    """Flags as tshark prints them."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def test_every_field_of_every_packet(
    capture: Path, mqttdissect: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The frames that complete packets, and all that tshark has a name for in them."""
    if capture.name in NOT_YET:
        assert by_mqttdissect(mqttdissect, capture) == {}, "it is read now: take it out of NOT_YET"
        return
    theirs, ours = by_tshark(capture), by_mqttdissect(mqttdissect, capture)
    if capture.name in NOT_BY_TSHARK:
        assert sum(len(packets) for packets in ours.values()) == NOT_BY_TSHARK[capture.name]
        assert not theirs
        return
    assert theirs, "tshark finds nothing: the test would be of no use"
    if capture.name not in OTHER_FRAMES:
        assert {number: len(packets) for number, packets in ours.items()} == {
            number: len(packets) for number, packets in theirs.items()
        }
    compared = 0
    for number, packets in theirs.items():
        if len(ours.get(number, [])) != len(packets):
            assert capture.name in OTHER_FRAMES
            continue
        for mine, other in zip(ours[number], packets, strict=True):
            compared += 1
            for name, expected in other.items():
                if ("*", name) in DIFFERENT or (capture.name, name) in DIFFERENT:
                    continue
                if capture.name == "mosquitto-3.1.1-snaplen-120.pcap" and mine.get(name) != expected:
                    continue
                assert mine.get(name) == expected, (number, name)
    assert compared > 9


def test_every_difference_is_a_difference(mqttdissect: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A case that tshark and this tool agree on by now does not stay in the table."""
    captures = Path(__file__).parent.parent / "captures"
    for name, field in DIFFERENT:
        if name == "*":
            continue
        theirs, ours = by_tshark(captures / name), by_mqttdissect(mqttdissect, captures / name)
        pairs = [
            (mine.get(field), other.get(field))
            for number, packets in theirs.items()
            for mine, other in zip(ours.get(number, []), packets, strict=False)
        ]
        assert any(mine != other for mine, other in pairs), (name, field)


def test_names_are_wiresharks_where_it_has_them() -> None:
    """Every field of Wireshark's mqtt protocol has its name here, but for its own remarks and its text copies."""
    lines = subprocess.run(["tshark", "-G", "fields"], capture_output=True, check=True).stdout.decode().splitlines()
    theirs = {
        line.split("\t")[2] for line in lines if line.startswith("F\t") and line.split("\t")[2].startswith("mqtt.")
    }
    own = {"mqtt.properties", "mqtt.will_properties", "mqtt.prop_unknown", "mqtt.unknown_version", "mqtt.msg_text",
           "mqtt.msg_decoded_as", "mqtt.willmsg_text", "mqtt.illegal_topic_length"}  # fmt: skip
    assert theirs - own - {row[0] for row in listing(specs())} == set()
