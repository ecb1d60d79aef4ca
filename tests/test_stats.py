"""`stats` and `topics`: the numbers are those of other counts, by script and by tshark."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stats_runs import MANY, output, run, stats
from support import ACK, CONNACK, DISCONNECT, FIN, PINGREQ, PINGRESP, PSH, Stream, connect, pcap, publish

from mqttdissect.analysis.series import COMING, GOING, MILLISECOND, Series

Run = Callable[..., subprocess.CompletedProcess[str]]
Json = dict[str, Any]
SIDES = {1: "client", 2: "broker"}
FROM_CLIENT = {"CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"}
FROM_BROKER = {"CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"}


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


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 2_000)), min_size=1, max_size=40), st.integers(1, 30))
def test_the_most_at_a_time_is_that_of_a_count(spans: list[tuple[int, int]], most: int) -> None:
    """In every interval, however many were joined: what is there at a moment, for each moment of the interval."""
    times = [(start * MILLISECOND, (start + length) * MILLISECOND) for start, length in spans]
    moves = sorted([(start, COMING) for start, _ in times] + [(end, GOING) for _, end in times])
    series = Series(3, peak=2)
    for time_ns, column in moves:
        series.move(time_ns, column)
    coarse = series.coarse(most)
    level, left = 0, list(moves)
    for index, row in enumerate(coarse.rows):
        highest, before = level, level
        while left and left[0][0] < coarse.start(index + 1):
            level += 1 if left.pop(0)[1] == COMING else -1
            highest = max(highest, level)
        assert (row[2], row[COMING] - row[GOING]) == (highest - before, level - before)
    assert level == 0


def one_after_another(count: int) -> bytes:
    """Connections of which none begins before the one before has ended."""
    frames: list[bytes] = []
    for number in range(count):
        stream = Stream(source=(bytes([10, 0, 0, 1]), 1024 + number)).handshake()
        frames += stream.client(connect(f"c{number}")).server(CONNACK).client(DISCONNECT).fin().frames
    return pcap(frames)


def test_connections_one_after_another_are_one_at_a_time(tmp_path: Path) -> None:
    """In the table and in the plot, whose axis has the 1; also where far more came and went than are looked at once."""
    path = tmp_path / "a.pcap"
    path.write_bytes(one_after_another(2_500))
    rows = list(csv.DictReader(io.StringIO(run("stats", "-s", "connections", "-T", "csv", path).stdout)))
    assert sum(int(row["opened"]) for row in rows) == 2_500
    assert {row["most_open"] for row in rows} == {"1"}
    pytest.importorskip("plotille")
    plot = run("stats", "-s", "connections", path, COLUMNS="80").stdout.partition("Most connections open")[2]
    assert [line.split()[0] for line in plot.splitlines() if re.match(r" *[\d,]+ \|", line)] == ["1", "0"]


def test_a_connection_that_ends_in_its_first_frame_was_open() -> None:
    """It comes before it goes."""
    stream = Stream()
    stream.add(0, connect("c"), PSH | ACK | FIN).add(1, flags=FIN | ACK)
    rows = json.loads(run("stats", "-T", "json", "-", input=pcap(stream.frames)).stdout)["connections"]["rows"]
    assert [(row["opened"], row["closed"], row["most_open"], row["open"]) for row in rows] == [(1, 1, 1, 0)]


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


ANSWERS = {  # what each packet type answers, by packet identifier where it has one
    "CONNACK": "CONNECT", "SUBACK": "SUBSCRIBE", "UNSUBACK": "UNSUBSCRIBE", "PINGRESP": "PINGREQ", "PUBACK": "PUBLISH",
    "PUBREC": "PUBLISH", "PUBREL": "PUBREC", "PUBCOMP": "PUBREL",
}  # fmt: skip
UNCERTAIN = {
    "mosquitto-5.0-lossy-link.pcap": "packets are missing, and what could be the wrong answer is not timed",
    "mosquitto-3.1.1-redelivery.pcap": "messages are sent again, and each is answered",
    "mosquitto-malformed-packets.pcapng": "answers to what nobody meant to ask",
    "mosquitto-3.1.1-snaplen-120.pcap": "packets are cut, so what follows is not certain",
    "aedes-3.1.1-mqttjs.pcapng": "the broker sends a PUBREL twice, and another one not at all",
    "rabbitmq-3.1.1-and-3.1.pcap": "the broker answers QoS 2 with PUBACK, which is not timed",
    "survey-rabbitmq.pcap": "the same",
}


def response_times(listed: list[Json]) -> dict[tuple[str, str, str], list[int]]:
    """From each packet that asks to the next one of the other side that answers: by stream, type and identifier."""
    waiting: dict[tuple[object, ...], tuple[int, int]] = {}
    found: dict[tuple[str, str, str], list[int]] = {}
    for packet in listed:
        kind, stream, now = packet["packet"], packet["stream"], nanoseconds(packet["time"])
        number = packet["mqtt"].get("mqtt.msgid", 0)
        asked = ANSWERS.get(kind, "")
        began = 0
        key = (stream, packet["dst"], asked, number)
        if asked and key in waiting:
            since, began = waiting.pop(key)
            found.setdefault((asked, kind, packet["dst"]), []).append(now - since)
            if kind == "PUBCOMP" and began:
                found.setdefault(("QoS 2", "in all", packet["dst"]), []).append(now - began)
        refused = packet["mqtt"].get("mqtt.pubrec.reason_code", 0) >= 0x80
        if kind in ANSWERS.values() and not (kind == "PUBLISH" and packet["mqtt"]["mqtt.qos"] == 0) and not refused:
            waiting[stream, packet["src"], kind, number] = (now, began or (now if kind == "PUBLISH" else 0))
    return found


def test_response_times_are_those_of_a_count(capture: Path) -> None:
    """How many, how long in all, the shortest, the longest, and the percentiles to within their precision."""
    if capture.name in UNCERTAIN:
        pytest.skip(UNCERTAIN[capture.name])
    listed = packets(capture)
    clients = set(client_ends(listed).values())
    expected: dict[tuple[str, str], list[int]] = {}
    for (asked, kind, asker), found in response_times(listed).items():
        name = "QoS 2 in all" if asked == "QoS 2" else f"{asked} → {kind}"
        expected.setdefault((name, "client" if asker in clients else "broker"), []).extend(found)
    rows = {(row["handshake"], row["asked_by"]): row for row in stats(capture)["times"]["rows"]}
    if any(asker == "unknown" for _, asker in rows):
        assert capture.name == "mosquitto-joined-midway.pcap"
        counts: Counter[str] = Counter()
        for (name, _), found in expected.items():
            counts[name] += len(found)
        for (name, _), row in rows.items():
            counts[name] -= row["count"]
        assert not any(counts.values())
        return
    assert {key: row["count"] for key, row in rows.items()} == {key: len(found) for key, found in expected.items()}
    for key, found in expected.items():
        row = rows[key]
        assert (row["sum"], row["min"], row["max"]) == (sum(found), min(found), max(found)), key
        assert abs(row["p50"] - sorted(found)[-(-len(found) // 2) - 1]) <= row["p50"] * 0.01, key


TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
DECODE_AS = {
    "amqtt-3.1.1-port-31883.pcap": ["-d", "tcp.port==31883,mqtt"],
    "mosquitto-3.1.1-ipv6-port-21883.pcapng": ["-d", "tcp.port==21883,mqtt"],
    "mosquitto-5.0-lossy-link.pcap": ["-o", "tcp.reassemble_out_of_order:TRUE"],
    "mosquitto-bridge.pcap": ["-d", "tcp.port==21884,mqtt"],
}
NOT_BY_TSHARK = {
    "aedes-3.1.1-websocket.pcapng": "tshark takes each WebSocket message for a control packet",
    "mosquitto-5.0-tls.pcapng": "TLS",
}

MORE_THAN_TSHARK = {"mosquitto-malformed-packets.pcapng": "behind a Remaining Length without end tshark waits for ever"}


@pytest.mark.parametrize(("pause", "count"), [(0.5, 1), (-0.5, 0)])
def test_an_answer_before_its_request_has_no_response_time(pause: float, count: int) -> None:
    """The clock is set back between them."""
    stream = Stream().handshake().client(connect()).server(CONNACK).client(PINGREQ).server(PINGRESP)
    capture = pcap(stream.frames, pauses={len(stream.frames) - 1: pause})
    found = json.loads(run("stats", "-T", "json", "-", input=capture).stdout)
    times = {row["handshake"]: row["count"] for row in found["times"]["histograms"]}
    assert (times["CONNECT → CONNACK"], times.get("PINGREQ → PINGRESP", 0)) == (1, count)


def test_the_first_is_not_later_than_the_last() -> None:
    """Though the clock is set back in between."""
    stream = Stream().handshake().client(connect(), publish("t", b"x")).server(CONNACK).client(publish("t", b"y"))
    capture = pcap(stream.frames, pauses={len(stream.frames) - 1: -0.5})
    found = json.loads(run("stats", "-T", "json", "-", input=capture).stdout)
    for row in (found["topics"][0], found["clients"][0], found["capture"]):
        assert 0.49 < float(row["last"]) - float(row["first"]) < 0.5


def test_what_waits_for_a_lost_frame_keeps_its_time() -> None:
    """A lost PINGREQ: PUBACKs of what came behind it take the millisecond that they took, not until it was given up."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    stream.lose(0, 2).server(PINGRESP)
    for number in range(1, 90):
        stream.client(publish("t", b"x", qos=1, identifier=number)).server(b"\x40\x02" + number.to_bytes(2, "big"))
    found = json.loads(run("stats", "-T", "json", "-", input=pcap(stream.frames)).stdout)
    (row,) = [row for row in found["times"]["histograms"] if row["handshake"] == "PUBLISH → PUBACK"]
    assert (row["count"], row["min"], row["max"]) == (89, 1_000_000, 1_000_000)


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
