"""`stats` and `topics`: the numbers are those of other counts, views are what they were, odd input does no harm."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
Json = dict[str, Any]
CAPTURES = Path(__file__).parent.parent / "captures"
ONE = CAPTURES / "mosquitto-3.1.1-qos.pcap"
MANY = CAPTURES / "mosquitto-many-clients.pcapng"
SIDES = {1: "client", 2: "broker"}
FROM_CLIENT = {"CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"}
FROM_BROKER = {"CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"}


@cache
def output(*arguments: str | Path) -> str:
    """What the command prints; run once for all tests."""
    command = [sys.executable, "-m", "mqttdissect", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120).stdout.decode()


@cache
def stats(capture: Path) -> Json:
    """All tables of a capture, as JSON."""
    found: Json = json.loads(output("stats", "-T", "json", capture))
    return found


@cache
def packets(capture: Path) -> list[Json]:
    """The control packets of a capture, as `-T json` prints them."""
    return [packet for packet in map(json.loads, output("-T", "json", capture).splitlines()) if packet["packet"]]


def client_ends(packets: list[Json]) -> dict[int, str]:
    """Of each stream: its client's endpoint, by a CONNECT, or a packet that only one side may send, or the port."""
    ends = {packet["stream"]: packet["src"] for packet in packets if packet["packet"] == "CONNECT"}
    for packet in packets:
        if packet["packet"] in FROM_CLIENT:
            ends.setdefault(packet["stream"], packet["src"])
        elif packet["packet"] in FROM_BROKER:
            ends.setdefault(packet["stream"], packet["dst"])
    for packet in packets:
        if packet["dst"].endswith(":1883"):
            ends.setdefault(packet["stream"], packet["src"])
    return ends


def payload(packet: Json) -> int:
    """Bytes of the application message."""
    return sum(field["end"] - field["start"] for field in packet["fields"] if field["name"] == "mqtt.msg")


def nanoseconds(time: str) -> int:
    """Of decimal seconds with nine digits."""
    return int(time.replace(".", ""))


def test_packet_types_are_those_of_a_count(capture: Path) -> None:
    """Packets and bytes, in all and by direction."""
    counts: Counter[str] = Counter()
    lengths: Counter[str] = Counter()
    listed = packets(capture)
    ends = client_ends(listed)
    sides: Counter[tuple[str, bool]] = Counter()
    for packet in listed:
        counts[packet["packet"]] += 1
        lengths[packet["packet"]] += packet["length"]
        sides[packet["packet"], packet["src"] == ends.get(packet["stream"])] += 1
    report = stats(capture)
    rows = {row["type"]: row for row in report["types"] if row["type"] != "UNDECODED"}
    assert {name: row["packets"] for name, row in rows.items()} == counts
    assert {name: row["bytes"] for name, row in rows.items()} == lengths
    for name, row in rows.items():
        if not row["unknown_packets"]:
            assert (row["client_packets"], row["broker_packets"]) == (sides[name, True], sides[name, False])
        assert row["client_packets"] + row["broker_packets"] + row["unknown_packets"] == row["packets"]
        assert row["client_bytes"] + row["broker_bytes"] + row["unknown_bytes"] == row["bytes"]
    whole = report["capture"]
    assert whole["packets"] == len(listed)
    assert whole["bytes"] == sum(lengths.values())
    assert whole["malformed"] == sum(packet["malformed"] is not None for packet in listed)
    assert whole["connections"] == len({packet["stream"] for packet in listed})


def test_topics_are_those_of_a_count(capture: Path) -> None:
    """Messages, bytes, payloads, flags, QoS; and every message is in exactly one topic."""
    found: dict[str, Counter[str]] = {}
    for packet in packets(capture):
        if packet["packet"] == "PUBLISH":
            mqtt = packet["mqtt"]
            topic = found.setdefault(mqtt.get("mqtt.topic", ""), Counter())
            qos = mqtt["mqtt.qos"]
            topic.update(messages=1, bytes=packet["length"], payload_bytes=payload(packet))
            topic.update({f"qos{min(qos, 2)}": 1}, retained=mqtt["mqtt.retain"], repeated=mqtt["mqtt.dupflag"])
    rows = {row["topic"]: row for row in stats(capture)["topics"]}
    if "" in found:
        found["(topic not known: its alias was set before the capture, or never)"] = found.pop("")
    assert set(rows) == set(found)
    for name, counts in found.items():
        for key in ("messages", "bytes", "payload_bytes", "qos0", "qos1", "qos2", "retained", "repeated"):
            assert rows[name][key] == counts[key], (name, key)
        assert rows[name]["published"] + rows[name]["delivered"] <= rows[name]["messages"]


def test_qos_sizes_and_rates_add_up(capture: Path) -> None:
    """The same messages in three more tables."""
    listed = packets(capture)
    messages = [packet for packet in listed if packet["packet"] == "PUBLISH"]
    report = stats(capture)
    by_qos: Counter[str] = Counter()
    for row in report["qos"]:
        by_qos[row["qos"]] += row["messages"]
    assert by_qos == Counter(str(packet["mqtt"]["mqtt.qos"]) for packet in messages)
    sizes = [row for row in report["sizes"]["rows"] if row["of"] == "payload"]
    lengths = [payload(packet) for packet in messages]
    assert sum(row["count"] for row in sizes) == len(lengths)
    assert sum(row["sum"] for row in sizes) == sum(lengths)
    if lengths:
        assert (min(row["min"] for row in sizes), max(row["max"] for row in sizes)) == (min(lengths), max(lengths))
    rates = report["rates"]["rows"]
    assert sum(row["packets"] for row in rates) == len(listed)
    assert sum(row["bytes"] for row in rates) == sum(packet["length"] for packet in listed)
    assert sum(row["messages"] for row in rates) == len(messages)


def test_each_interval_has_its_packets() -> None:
    """Counted by their times, from the first frame on."""
    first = nanoseconds(output("-T", "fields", "-e", "frame.time_epoch", "-c", "1", MANY).strip())
    relative = float(output("-T", "fields", "-e", "frame.time_relative", "-c", "1", MANY))
    start = first - round(relative * 1e9)
    rows = csv.DictReader(io.StringIO(output("stats", "-s", "rates", "-T", "csv", "--interval", "0.1", MANY)))
    expected = Counter((nanoseconds(packet["time"]) - start) // 100_000_000 for packet in packets(MANY))
    found = {round(float(row["offset_s"]) * 10): int(row["packets"]) for row in rows}
    assert {index: count for index, count in found.items() if count} == expected


def test_clients_are_those_of_a_count(capture: Path) -> None:
    """Packets and bytes that each sent and received, by the identifier that CONNECT or CONNACK told last."""
    listed = packets(capture)
    ends = client_ends(listed)
    names: dict[int, str] = {}
    sent: Counter[str] = Counter()
    received: Counter[str] = Counter()
    assigned = {
        packet["stream"]: field["value"]
        for packet in listed
        for field in packet["fields"]
        if packet["packet"] == "CONNACK" and field["label"] == "Assigned Client Identifier"
    }
    for packet in listed:
        stream = packet["stream"]
        if packet["packet"] == "CONNECT":
            names[stream] = packet["mqtt"].get("mqtt.clientid", "") or assigned.get(stream) or packet["src"]
        if stream in names:
            (sent if packet["src"] == ends[stream] else received)[names[stream]] += 1
    rows = {row["client"]: row for row in stats(capture)["clients"]}
    assert {name for name, row in rows.items() if row["told"]} <= set(names.values())
    for name in set(names.values()):
        assert (rows[name]["sent_packets"], rows[name]["received_packets"]) == (sent[name], received[name]), name


def test_hosts_have_the_bytes_of_their_packets(capture: Path) -> None:
    """What they sent, by address."""
    sent: Counter[str] = Counter()
    for packet in packets(capture):
        sent[packet["src"].rpartition(":")[0].strip("[]")] += packet["length"]
    rows = {row["name"]: row["sent_bytes"] for row in stats(capture)["talkers"] if row["kind"] == "host"}
    loopback = [name for name in rows if ip_address(name).is_loopback]
    for name in set(rows) - set(loopback):
        assert rows[name] == sent[name]
    assert set(rows) >= set(sent)


TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
DECODE_AS = {
    "amqtt-3.1.1-port-31883.pcap": ["-d", "tcp.port==31883,mqtt"],
    "mosquitto-3.1.1-ipv6-port-21883.pcapng": ["-d", "tcp.port==21883,mqtt"],
    "mosquitto-5.0-lossy-link.pcap": ["-o", "tcp.reassemble_out_of_order:TRUE"],
    "mosquitto-bridge.pcap": ["-d", "tcp.port==21884,mqtt"],
}
NOT_BY_TSHARK = {
    "aedes-3.1.1-websocket.pcapng": "MQTT in WebSocket on a port that tshark does not look at",
    "mosquitto-5.0-tls.pcapng": "TLS",
}

MORE_THAN_TSHARK = {"mosquitto-malformed-packets.pcapng": "behind a Remaining Length without end tshark waits for ever"}


def tshark(capture: Path, *arguments: str) -> list[str]:
    """Lines of its output."""
    command = ["tshark", "-n", "-r", str(capture), *DECODE_AS.get(capture.name, []), *arguments]
    return subprocess.run(command, capture_output=True, check=True, timeout=60).stdout.decode().splitlines()


@TSHARK
def test_packet_types_are_those_of_tshark(capture: Path) -> None:
    """`-T fields -e mqtt.msgtype`: every packet of every frame."""
    if capture.name in NOT_BY_TSHARK:
        pytest.skip(NOT_BY_TSHARK[capture.name])
    lines = tshark(capture, "-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype")
    theirs = Counter(int(number) for line in lines for number in line.split(",") if number)
    names = ["RESERVED", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE",
             "SUBACK", "UNSUBSCRIBE", "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH"]  # fmt: skip
    ours = Counter({row["type"]: row["packets"] for row in stats(capture)["types"] if row["type"] != "UNDECODED"})
    if capture.name in MORE_THAN_TSHARK:
        theirs[0] += theirs.pop(15)  # before 5.0 the type of AUTH is reserved
        ours["RESERVED"] += ours.pop("AUTH")
        assert Counter(ours) > Counter({names[number]: count for number, count in theirs.items()})
        return
    assert ours == {names[number]: count for number, count in theirs.items()}


@TSHARK
def test_streams_are_those_of_tshark(capture: Path) -> None:
    """`-z conv,tcp` has a line for each stream, and `-z io,stat` the frames."""
    lines = [line for line in tshark(capture, "-q", "-z", "conv,tcp") if "<->" in line]
    whole = stats(capture)["capture"]
    assert whole["tcp_streams"] == len(lines)
    total = next(line for line in tshark(capture, "-q", "-z", "io,stat,0") if "<>" in line)
    assert whole["frames"] == int(total.split("|")[2])


@TSHARK
def test_topics_are_those_of_tshark(capture: Path) -> None:
    """`-z io,stat` with a filter counts the frames with a message to each of the topics that are in one frame each."""
    if capture.name in NOT_BY_TSHARK:
        pytest.skip(NOT_BY_TSHARK[capture.name])
    rows = stats(capture)["topics"]
    plain = [row for row in rows if row["topic"].isascii() and row["topic"].isprintable() and '"' not in row["topic"]]
    plain = [row for row in plain if "(" not in row["topic"] and "\\" not in row["topic"]][:4]
    for row in plain:
        expression = f'mqtt.msgtype == 3 && mqtt.topic == "{row["topic"]}"'
        frames = tshark(capture, "-Y", expression, "-T", "fields", "-e", "mqtt.msgtype", "-e", "mqtt.topic")
        single = [line for line in frames if line == f"3\t{row['topic']}"]
        if len(single) == len(frames):
            assert row["messages"] - row["repeated"] <= len(frames) <= row["messages"], row["topic"]
