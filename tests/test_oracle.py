"""Packets that others encoded decode to what they encoded: npm's mqtt-packet, and paho-mqtt.

Random, but the same ones every time: `MQTTDISSECT_ORACLE_SEED` and `MQTTDISSECT_ORACLE_COUNT` (packets per encoder and
version) say which and how many. mqtt-packet needs Node, and `MQTTDISSECT_NODE_MODULES` to name the folder that holds it
unless Node finds it from here or among npm's global packages; without it these tests are skipped, but fail if that
variable is set.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import support
from oracle import paho_codec
from oracle.expectation import TYPES, Description, Row, check_structure, decoded, expected, property_rows, standard_name
from paho.mqtt.packettypes import PacketTypes

from mqttdissect import Packet, decode
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.fields import GROUP
from mqttdissect.mqtt.properties import BY_IDENTIFIER, WILL
from mqttdissect.mqtt.registry import WILL_PROPERTIES

COUNT = int(os.environ.get("MQTTDISSECT_ORACLE_COUNT", "4000"))
SEED = int(os.environ.get("MQTTDISSECT_ORACLE_SEED", "1"))
SCRIPT = Path(__file__).parent / "oracle" / "generate.mjs"
NOT_FOUND = 3  # how the script ends without mqtt-packet

REASONS = {
    "connack": codes.CONNACK_REASONS, "puback": codes.PUBACK_REASONS, "pubrec": codes.PUBACK_REASONS,
    "pubrel": codes.PUBREL_REASONS, "pubcomp": codes.PUBREL_REASONS, "suback": codes.SUBACK_REASONS,
    "unsuback": codes.UNSUBACK_REASONS, "disconnect": codes.DISCONNECT_REASONS, "auth": codes.AUTH_REASONS,
}  # fmt: skip

Encoded = tuple[bytes, Description]
versions = pytest.mark.parametrize("version", [3, 4, 5], ids=["3.1", "3.1.1", "5.0"])


def buffers(value: dict[str, Any]) -> Any:
    """The script's way to write bytes."""
    return bytes.fromhex(value["hex"]) if value.keys() == {"hex"} else value


def as_encoded(line: str) -> Encoded:
    """A line of the script: the packet's bytes and its description."""
    made = json.loads(line, object_hook=buffers)
    told: Description = made["packet"]
    if told["cmd"] in ("puback", "pubrec", "pubrel", "pubcomp") and "properties" not in told:
        told["short"] = 0 if told.get("reasonCode") else 2  # mqtt-packet leaves out both, or neither
    return bytes.fromhex(made["hex"]), told


def run_script(version: int, modules: str) -> subprocess.CompletedProcess[str]:
    """Run the script with mqtt-packet from the folder `modules`; from where Node finds it if that is empty."""
    node = shutil.which("node")
    assert node is not None
    command = [node, str(SCRIPT), str(COUNT), str(SEED), str(version), *([modules] if modules else [])]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300)


def global_modules() -> str:
    """npm's folder of global packages."""
    npm = shutil.which("npm")
    return subprocess.run([npm, "root", "-g"], capture_output=True, text=True).stdout.strip() if npm else ""


@cache
def run_mqtt_packet(version: int) -> list[Encoded] | str:
    """Packets from mqtt-packet, or why there are none."""
    if shutil.which("node") is None:
        return "there is no node"
    wanted = os.environ.get("MQTTDISSECT_NODE_MODULES", "")
    done = run_script(version, wanted)
    if done.returncode == NOT_FOUND and not wanted:
        done = run_script(version, global_modules())
    if done.returncode == NOT_FOUND:
        return f"no mqtt-packet for node ({done.stderr.strip()}); MQTTDISSECT_NODE_MODULES names the folder that has it"
    assert done.returncode == 0, done.stderr[-2000:]
    return [as_encoded(line) for line in done.stdout.splitlines()]


def mqtt_packets(version: int) -> list[Encoded]:
    """Packets from mqtt-packet. Skips where it is not installed, and nobody said that it is."""
    made = run_mqtt_packet(version)
    if isinstance(made, str):
        if "MQTTDISSECT_NODE_MODULES" in os.environ:
            pytest.fail(made)
        pytest.skip(made)
    return made


def check(data: bytes, told: Description, version: int) -> Packet:
    """Decode `data`: it is what was encoded, all of it, and nothing else."""
    another = {3: 4, 4: 5, 5: 3}[version]  # a CONNECT says itself what it is
    packet = decode(data, another if told["cmd"] == "connect" else version)
    try:
        check_structure(packet, data)
        assert (packet.version, packet.type, packet.name.lower()) == (version, TYPES.index(told["cmd"]), told["cmd"])
        assert packet.flags == data[0] & 15 and (told["cmd"] != "publish" or packet.qos == told["qos"])
        found, wanted = decoded(packet), expected(told, version)
        differences = [pair for pair in zip(found, wanted, strict=False) if pair[0] != pair[1]]
        assert not differences and len(found) == len(wanted), f"{differences[:3]}, {len(found)} for {len(wanted)}"
    except AssertionError as error:
        raise AssertionError(f"{error}\n{told!r:.2000}\n{data[:400].hex(' ')}") from error
    return packet


def check_all(made: Iterable[Encoded], version: int) -> list[Packet]:
    """The same for many."""
    return [check(data, told, version) for data, told in made]


@versions
def test_what_mqtt_packet_encodes(version: int) -> None:
    assert len(check_all(mqtt_packets(version), version)) == COUNT


@versions
def test_what_a_paho_client_sends(version: int) -> None:
    made = list(paho_codec.from_client(version, COUNT, SEED))
    assert len(check_all(made, version)) >= COUNT
    sent = {"connect", "publish", "subscribe", "unsubscribe", "pingreq", "pingresp", "disconnect"}
    assert {told["cmd"] for _, told in made} == sent | {"puback", "pubrec", "pubrel", "pubcomp"}
    assert any(told["dup"] for _, told in made if told["cmd"] == "publish")


def test_what_pahos_properties_and_reason_codes_pack() -> None:
    made = list(paho_codec.from_parts(COUNT, SEED))
    assert len(check_all(made, 5)) == COUNT
    for cmd in REASONS:
        lists = [told.get("granted", [told["reasonCode"]]) for _, told in made if told["cmd"] == cmd]
        assert {code for one in lists for code in one} == set(paho_codec.reason_codes(TYPES.index(cmd)))


@versions
@pytest.mark.parametrize("length", [127, 128, 16383, 16384, 2097151, 2097152])
def test_remaining_lengths_of_paho(version: int, length: int) -> None:
    talk = paho_codec.Talk(version, paho_codec.Chooser(SEED))
    list(talk.connect())
    payload = bytes(length - (4 if version == 5 else 3))  # behind the topic and, in 5.0, no properties
    talk.session.publish("t", payload)
    told = {"cmd": "publish", "dup": False, "qos": 0, "retain": False, "topic": "t", "payload": payload}
    assert check(talk.session.took(), told, version).fields[1].value == length


# What the encoders do not write, though it is legal


def test_password_without_user_name() -> None:
    """Allowed since MQTT 5.0 (3.1.2.9). mqtt-packet refuses it, paho leaves it out."""
    data = support.connect("c", 5, 0x42, b"", support.text(b"secret"))
    told = {"cmd": "connect", "protocolId": "MQTT", "clean": True, "keepalive": 60, "clientId": "c"}
    check(data, {**told, "password": b"secret"}, 5)


def test_pubrel_again() -> None:
    """MQTT 3.1, section 2.1: with DUP. mqtt-packet throws; paho never sets it."""
    check(b"\x6a\x02\x12\x34", {"cmd": "pubrel", "dup": True, "messageId": 0x1234}, 3)


# The random packets reach all that there is


@versions
def test_mqtt_packet_covers_the_protocol(version: int) -> None:
    made = mqtt_packets(version)
    of = {cmd: [told for _, told in made if told["cmd"] == cmd] for cmd in TYPES[1:]}
    assert all(of[cmd] for cmd in TYPES[1 : 16 if version == 5 else 15])
    assert {packet.fields[1].end for packet in check_all(made, version)} == {2, 3, 4, 5}  # remaining lengths
    assert len({(one["dup"], one["qos"], one["retain"]) for one in of["publish"]}) == 10
    assert any(one["payload"] == b"" for one in of["publish"])
    assert any(len(one["topic"].encode()) == 65535 for one in of["publish"])
    wills = [one["will"] for one in of["connect"] if "will" in one]
    assert len({(one["qos"], one["retain"]) for one in wills}) == 6
    logins = {(one["clean"], "will" in one, "username" in one, "password" in one) for one in of["connect"]}
    assert len(logins) == 12
    assert {one.get("bridgeMode", False) for one in of["connect"]} == ({False} if version == 5 else {False, True})
    options = [one for told in of["subscribe"] for one in told["subscriptions"]]
    combinations = {(one["qos"], one.get("nl"), one.get("rap"), one.get("rh")) for one in options}
    assert len(combinations) == (36 if version == 5 else 3)
    if version < 5:
        assert {one["returnCode"] for one in of["connack"]} == set(range(6))
        granted = {code for one in of["suback"] for code in one["granted"]}
        assert granted == ({0, 1, 2} if version == 3 else {0, 1, 2, 0x80})
    assert {one.get("dup") for one in of["subscribe"]} == ({False, True} if version == 3 else {False})


def all_properties(made: list[Encoded]) -> list[tuple[int, Description]]:
    """All sets of properties, with the packet type, or `WILL`, that they are of."""
    own = [(TYPES.index(told["cmd"]), told.get("properties", {})) for _, told in made]
    return own + [(WILL, told["will"].get("properties", {})) for _, told in made if "will" in told]


def test_mqtt_packet_covers_properties_and_reason_codes() -> None:
    """Each property of table 2-4 wherever it may stand, and each reason code."""
    made = mqtt_packets(5)
    table = paho_codec.properties_of(PacketTypes.CONNECT)
    may = {
        (WILL if kind == PacketTypes.WILLMESSAGE else kind, paho_codec.standard_property(name))
        for name, identifier in table.names.items()
        for kind in table.properties[identifier][1]
    }
    found = [(kind, name) for kind, properties in all_properties(made) for name in properties]
    assert {(kind, standard_name(name).replace(" ", "")) for kind, name in found} == may
    for cmd, reasons in REASONS.items():
        lists = [told.get("granted", [told.get("reasonCode")]) for _, told in made if told["cmd"] == cmd]
        assert {code for one in lists for code in one} == set(reasons), cmd
    several = [one.get("subscriptionIdentifier") for kind, one in all_properties(made) if kind == codes.PUBLISH]
    assert any(isinstance(one, list) and len(one) > 1 for one in several)
    keys = [[row[1] for row in property_rows(one) if row[0].endswith(".key")] for _, one in all_properties(made)]
    assert any(len(set(one)) < len(one) for one in keys)


# paho's own tables, and paho as a reader


def test_paho_agrees_on_properties() -> None:
    """Identifier, name and packets. paho calls one by another name; `standard_property` knows."""
    table = paho_codec.properties_of(PacketTypes.CONNECT)
    assert set(table.names.values()) == set(BY_IDENTIFIER)
    for name, identifier in table.names.items():
        ours = BY_IDENTIFIER[identifier]
        assert ours.name.replace(" ", "") == paho_codec.standard_property(name)
        kinds = {WILL if kind == PacketTypes.WILLMESSAGE else kind for kind in table.properties[identifier][1]}
        assert kinds == {kind for kind in range(17) if ours.packets >> kind & 1}, name


PAHO_DIFFERS = {  # (packet, reason code): what paho makes of it
    ("connack", 0x99): None,  # of a will; in 3.2.2.2
    ("suback", 0x9E): "Shared subscription not supported",  # "Shared Subscriptions" in 3.9.3, 3.14.2.1
    ("disconnect", 0x9E): "Shared subscription not supported",
    ("suback", 0xA2): "Wildcard subscription not supported",  # "Wildcard Subscriptions"
    ("disconnect", 0xA2): "Wildcard subscription not supported",
    ("unsuback", 0x11): "No subscription found",  # "No subscription existed" in 3.11.3
}


@pytest.mark.parametrize("cmd", REASONS)
def test_paho_agrees_on_reason_codes(cmd: str) -> None:
    theirs = paho_codec.reason_codes(TYPES.index(cmd))
    assert set(theirs) <= set(REASONS[cmd])
    for code, name in REASONS[cmd].items():
        differs = (cmd, code) in PAHO_DIFFERS
        known = PAHO_DIFFERS[cmd, code] if differs else name
        assert (theirs.get(code) or "").lower() == (known or "").lower() or (differs and theirs.get(code) == name)


def by_property(rows: Iterable[Row]) -> dict[object, list[tuple[object, ...]]]:
    """Rows of properties, by the property's name: paho does not keep the order of different ones."""
    grouped: dict[object, list[tuple[object, ...]]] = {}
    for name, value in rows:
        if name == "mqtt.property_id":
            held = grouped.setdefault(value, [])
            held.append(())
        else:
            held[-1] = (*held[-1], value)
    return grouped


def paho_refuses(properties: Description) -> bool:
    """Does paho refuse these, though they are legal? U+FEFF, of which MQTT-1.5.4-3 only says that it is not to be
    stripped, and more than 268435455 as Maximum Packet Size."""
    strings = [value for _, value in property_rows(properties) if isinstance(value, str)]
    return any("\ufeff" in one for one in strings) or properties.get("maximumPacketSize", 0) > 268435455


def read_by_paho(kind: int, data: bytes) -> Description:
    """Properties, as paho unpacks them."""
    properties = paho_codec.properties_of(PacketTypes.WILLMESSAGE if kind == WILL else kind)
    _, length = properties.unpack(data)  # type: ignore[no-untyped-call]
    assert length == len(data)
    names = {name: name.replace(" ", "") for name in properties.names}
    held = {name: getattr(properties, short) for name, short in names.items() if hasattr(properties, short)}
    return {paho_codec.standard_property(name): value for name, value in held.items()}


def test_paho_reads_the_same_properties() -> None:
    """Three of a mind: mqtt-packet wrote the properties, and paho reads in them what we do."""
    compared = 0
    for data, told in mqtt_packets(5):
        packet = decode(data, 5)
        for number, group in enumerate(packet.fields):
            if group.spec.kind != GROUP:
                continue
            will = group.spec is WILL_PROPERTIES
            source = told["will"] if will else told
            if paho_refuses(source.get("properties", {})):
                continue
            kind = WILL if will else TYPES.index(told["cmd"])
            theirs = read_by_paho(kind, data[group.start : group.end])
            assert isinstance(group.value, int)
            part = Packet(None, 0, 0, 0, data, packet.type)
            part.fields = packet.fields[number + 1 : number + 1 + group.value]
            part.payload = len(part.fields)
            assert by_property(property_rows(theirs)) == by_property(decoded(part)[:-1])
            compared += 1
    assert compared > COUNT / 2
