"""`stats` and `topics`: the numbers are those of other counts, views are what they were, odd input does no harm.

Views are in `snapshots/stats`; after a change that is meant, renew them and look at what changed:

    python tests/test_stats.py
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from support import ACK, CONNACK, DISCONNECT, FIN, PINGREQ, PINGRESP, PSH, Stream, connect, pcap, publish, text
from support import packet as packet_of

from mqttdissect.analysis.series import COMING, GOING, MILLISECOND, Series
from mqttdissect.analysis.statistics import Statistics
from mqttdissect.output.topics import LiveTopics, TopicTree
from mqttdissect.output.units import short_duration
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]
Json = dict[str, Any]
CAPTURES = Path(__file__).parent.parent / "captures"
ONE = CAPTURES / "mosquitto-3.1.1-qos.pcap"
MANY = CAPTURES / "mosquitto-many-clients.pcapng"
SIDES = {1: "client", 2: "broker"}
FROM_CLIENT = {"CONNECT", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"}
FROM_BROKER = {"CONNACK", "SUBACK", "UNSUBACK", "PINGRESP"}


def plain_environment() -> dict[str, str]:
    """Without what others may have said of terminals."""
    named = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    return {**{name: value for name, value in os.environ.items() if name not in named}, "PYTHONUTF8": "1"}


@cache
def output(*arguments: str | Path) -> str:
    """What the command prints; run once for all tests."""
    command = [sys.executable, "-m", "mqttdissect", *map(str, arguments)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env=plain_environment()
    )  # fmt: skip
    return done.stdout.decode()


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


NARROW = ("survey-rabbitmq.pcap", "mosquitto-joined-midway.pcap", "mosquitto-bridge.pcap", MANY.name)


@pytest.mark.parametrize("width", [60, 72])
@pytest.mark.parametrize("capture", [CAPTURES / name for name in NARROW], ids=NARROW)
def test_tables_and_charts_fit_the_width(capture: Path, width: int) -> None:
    pytest.importorskip("plotille")
    for arguments in (("stats",), ("stats", "-s", "times,rates,connections,sizes,talkers"), ("topics",)):
        done = run(*arguments, capture, COLUMNS=str(width))
        assert max((cell_len(line) for line in done.stdout.splitlines()), default=0) <= width


@pytest.mark.parametrize(("most", "words"), [(9, "3.33 min"), (10, "3 min 20 s")])
def test_durations_where_there_is_little_room(most: int, words: str) -> None:
    assert short_duration(200e9, most) == words
    assert short_duration(8_000_000e9, most) == "92 d 14 h"
    assert len(short_duration(9e18, 9)) <= 9


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


SNAPSHOTS = Path(__file__).with_name("snapshots") / "stats"
WIDTHS = (80, 120, 200)
VIEWS = {  # the command and its options, of a capture that shows something
    "overview": ("stats", CAPTURES / "mosquitto-5.0-properties.pcapng"),
    "tables": ("stats", "-s", "capture,clients,qos,talkers", MANY),
    "charts": ("stats", "-s", "rates,connections,sizes,times", "--top", "12", MANY),
    "topics": ("topics", CAPTURES / "mosquitto-5.0-subscriptions.pcapng"),
}


def view(name: str, width: int, color: str) -> str:
    """What a view prints on a terminal of that width."""
    environment = {**plain_environment(), "COLUMNS": str(width), "COLORTERM": "", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "mqttdissect", *map(str, VIEWS[name]), "--color", color]
    return subprocess.run(command, capture_output=True, timeout=120, env=environment).stdout.decode()


def snapshot(name: str, width: int, color: str) -> Path:
    """The file with what it printed before."""
    return SNAPSHOTS / f"{name}-{width}{'-colour' if color == 'always' else ''}.txt"


@pytest.mark.parametrize("color", ["never", "always"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_what_they_were(name: str, width: int, color: str) -> None:
    """Byte for byte; and no line is wider than the terminal."""
    pytest.importorskip("plotille")
    found = view(name, width, color)
    assert found == snapshot(name, width, color).read_text(encoding="utf-8"), (
        "another view; if it is meant to be: python tests/test_stats.py"
    )
    if color == "never":
        assert max(cell_len(line) for line in found.splitlines()) <= width
        assert "\x1b" not in found
    else:
        assert "\x1b[" in found


def test_a_pipe_gets_whole_topics_and_no_colour() -> None:
    """Nothing is cut where lines may be of any length."""
    found = output("topics", CAPTURES / "mosquitto-5.0-topic-aliases.pcap")
    assert "hall-7/line-3/press-12/hydraulics/pressure" in found
    assert "\x1b" not in found


def width_behind(target: int, command: list[str]) -> int:
    """Of what a command writes to a pipe or a file while errors go to a terminal of 70 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mqttdissect", *command], stdin=subprocess.DEVNULL, stdout=target, stderr=slave,
            check=True, timeout=120, env=plain_environment(),
        )  # fmt: skip
    finally:
        os.close(slave)
        os.close(master)
    return max(map(cell_len, done.stdout.decode().splitlines())) if done.stdout else 0


def test_behind_a_pipe_the_width_is_that_of_the_terminal(tmp_path: Path) -> None:
    """As `| less` shows it; a file has lines as long as they need to be."""
    command = ["stats", "-s", "clients,talkers", str(MANY)]
    assert 60 < width_behind(subprocess.PIPE, command) <= 70
    assert width_behind(subprocess.PIPE, ["topics", str(CAPTURES / "mosquitto-5.0-topic-aliases.pcap")]) <= 70
    with (tmp_path / "a.txt").open("w+") as file:
        width_behind(file.fileno(), command)
        file.seek(0)
        assert max(map(cell_len, file.read().splitlines())) > 100


# pictures

SVG = "{http://www.w3.org/2000/svg}"


def structure(path: Path) -> str:
    """What an SVG shows, without what another version of matplotlib may place or name in another way: charts by their
    ids, and in each the texts and how many shapes there are of what was drawn."""
    lines = []
    for chart in ElementTree.parse(path).iter(f"{SVG}g"):
        if not chart.get("id", "").startswith("chart-"):
            continue
        lines.append(chart.get("id", ""))
        lines += [f"  text {text.text}" for text in chart.iter(f"{SVG}text")]
        for part in chart.iter(f"{SVG}g"):
            name = part.get("id", "")
            if name.endswith("-bars") or re.fullmatch(rf"{chart.get('id', '')[6:]}-\d+", name):
                lines.append(f"  shapes {name}: {len(list(part.iter(f'{SVG}path')))}")
    return "\n".join(lines) + "\n"


def picture(folder: Path, name: str, *arguments: str | Path) -> Path:
    """Draw one."""
    path = folder / name
    command = [sys.executable, "-m", "mqttdissect", "stats", "-o", str(path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return path


PICTURES = {"overview": (MANY,), "connections": ("-s", "connections,sizes,qos", MANY)}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_show_what_they_showed(name: str, tmp_path: Path) -> None:
    """Charts, their titles and labels, the number of bars and lines."""
    pytest.importorskip("matplotlib")
    found = structure(picture(tmp_path, "a.svg", *PICTURES[name]))
    assert found == (SNAPSHOTS / f"{name}-svg.txt").read_text(encoding="utf-8"), (
        "another picture; if it is meant to be: python tests/test_stats.py"
    )


def test_a_picture_has_all_charts_that_were_asked_for(tmp_path: Path) -> None:
    """However many there are: a chart of every handshake, and of all else."""
    pytest.importorskip("matplotlib")
    names = "types,rates,topics,clients,qos,connections,sizes,times,talkers"
    found = structure(picture(tmp_path, "a.svg", "-s", names, MANY, "--top", "60"))
    for row in stats(MANY)["times"]["rows"]:
        assert f"text {row['handshake']}, asked by {row['asked_by']}\n" in found
    for name in names.split(","):
        assert f"chart-{name}" in found
    assert found.count("chart-") > 12
    assert found.count("chart-rates") == 3
    assert all(f"text {row['type']}\n" in found for row in stats(MANY)["types"])


def test_what_a_picture_lacks_is_said(tmp_path: Path) -> None:
    """In its titles, and in one line."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.svg"
    done = run("stats", "-s", "capture,types", "-o", path, "--top", "3", ONE)
    count = len(stats(ONE)["types"])
    assert done.returncode == 0
    lacks = f"nothing of capture; only the first 3 of {count} types, --top {count} draws all"
    assert done.stderr == f"mqttdissect: {path} shows {lacks}\n"
    assert f"text Packet types: packets (the first 3 of {count})" in structure(path)


def test_the_same_picture_twice(tmp_path: Path) -> None:
    """No date, no ids by chance."""
    pytest.importorskip("matplotlib")
    first, second = (picture(tmp_path, name, "-s", "types", ONE).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
def test_pictures_can_be_rendered(tmp_path: Path) -> None:
    """By a renderer of SVG that is not matplotlib: a PNG as large as the picture, and not empty."""
    pytest.importorskip("matplotlib")
    path = picture(tmp_path, "a.svg", MANY)
    rendered = tmp_path / "a.png"
    subprocess.run(["rsvg-convert", str(path), "-o", str(rendered)], check=True, timeout=60)
    raw = rendered.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", raw[16:24])
    assert width > 800
    assert height > 600
    assert len(raw) > 20_000


def test_png(tmp_path: Path) -> None:
    """By the file's name."""
    pytest.importorskip("matplotlib")
    assert picture(tmp_path, "a.png", "-s", "rates", MANY).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


# odd input


def run(*arguments: str | Path, input: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with what it is given."""
    done = subprocess.run(
        [sys.executable, "-m", "mqttdissect", *map(str, arguments)],
        input=input, capture_output=True, timeout=120, env={**plain_environment(), **environment},
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


NO_MQTT = pcap(Stream(destination=(bytes([10, 0, 0, 2]), 4000)).handshake().client(b"GET / HTTP/1.1\r\n\r\n").frames)


def test_without_mqtt_there_is_one_clear_line() -> None:
    """And the forms for programs are whole all the same."""
    for command in (("stats",), ("topics",), ("stats", "-s", "rates,times,connections,topics")):
        done = run(*command, "-", input=NO_MQTT)
        assert (done.stdout, done.returncode) == ("", 0)
        assert "no MQTT in 4 frames" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    report = json.loads(run("stats", "-T", "json", "-", input=NO_MQTT).stdout)
    assert report["capture"]["frames"] == 4
    assert report["topics"] == report["types"] == report["rates"]["rows"] == []
    assert run("stats", "-s", "types", "-T", "csv", "-", input=NO_MQTT).stdout.startswith("type,packets")


def test_no_picture_of_nothing(tmp_path: Path) -> None:
    """No file, one line, no success."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.svg"
    for arguments, input in (((), NO_MQTT), (("-s", "times"), pcap(Stream().handshake().client(PINGREQ).frames))):
        done = run("stats", "-o", path, *arguments, "-", input=input)
        assert done.returncode == 2
        assert "is not written: there is nothing to draw" in done.stderr
        assert not path.exists()


def test_a_single_packet(tmp_path: Path) -> None:
    """No time passes, so there are no rates; the views stand."""
    raw = pcap(Stream().handshake().client(publish("a/b", b"x")).frames)
    report = json.loads(run("stats", "-T", "json", "-", input=raw).stdout)
    assert report["topics"][0]["rate"] is None
    assert report["topics"][0]["messages"] == 1
    assert report["capture"]["duration_ns"] == 0
    overview = run("stats", "-", input=raw).stdout
    assert "1 control packets" in overview
    assert re.search(r"^a/b +1 .* – ", overview, re.MULTILINE)
    if find_spec("matplotlib"):
        assert run("stats", "-o", tmp_path / "a.svg", "-", input=raw).returncode == 0


def test_an_empty_table_is_one_clear_line() -> None:
    """Of a capture in which there is nothing for it; an overview leaves it out."""
    capture = pcap(Stream().handshake().client(connect("c"), DISCONNECT).frames)
    for name, says in (
        ("times", "Response times: no packet is an answer to one before it"),
        ("topics", "Topics: none of the packets is a PUBLISH"),
        ("qos", "QoS of messages: none of the packets is a PUBLISH"),
    ):
        done = run("stats", "-s", name, "-", input=capture)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{says}\n", "")
        assert says not in run("stats", "-", input=capture).stdout


def test_connects_count_by_the_level_that_they_ask_for() -> None:
    """Also one that there is not, which is read like 3.1.1; a bridge sets the highest bit."""
    frames: list[bytes] = []
    for number, level in enumerate((4, 9, 9, 0x84, 0x83, 5, 0)):
        stream = Stream(source=(bytes([10, 0, 0, 1]), 1024 + number)).handshake()
        frames += stream.client(connect(f"c{number}", level)).server(CONNACK).frames
    report = json.loads(run("stats", "-T", "json", "-", input=pcap(frames)).stdout)
    expected = {"level 0": 1, "3.1": 1, "3.1.1": 2, "5.0": 1, "level 9": 2}
    assert report["connections"]["totals"]["versions"] == expected


def test_half_a_session() -> None:
    """Joined in the middle: the client has the name of its endpoint, and its side is known by its packets."""
    raw = pcap(Stream().server(publish("a", b"1")).client(PINGREQ).server(PINGRESP).client(publish("b", b"2")).frames)
    report = json.loads(run("stats", "-T", "json", "-", input=raw).stdout)
    (client,) = report["clients"]
    assert (client["client"], client["told"]) == ("10.0.0.1:40000", False)
    assert (client["sent_packets"], client["received_packets"]) == (2, 2)
    assert [row["type"] for row in report["types"]] == ["PUBLISH", "PINGREQ", "PINGRESP"]


HOSTILE = [
    "\x1b[31mred\x1b[0m/\x07bell",
    "<script>alert(1)</script>/&amp;",
    "=cmd|' /C calc'!A0",
    "$SYS/$load$/\\frac{1}{2}",
    "[bold]markup[/bold]/[/]",
    "right\u202eleft/\u200bzero",
    "温度/🌡️/é",
    "long/" + "x" * 60_000,
    "/".join("deep" for _ in range(12_000)),
    "/".join("" for _ in range(200)),
    "-1+2",
]


def hostile() -> bytes:
    """Each as a topic, as a filter and as a client identifier."""
    frames = []
    for number, name in enumerate(HOSTILE):
        stream = Stream(source=(bytes([10, 0, 0, 1]), 30_000 + number)).handshake()
        subscribe = packet_of(0x82, b"\x00\x01" + text(name) + b"\x00")
        stream.client(connect(name)).server(CONNACK).client(subscribe, publish(name, b"1"))
        frames += stream.fin().frames
    return pcap(frames)


def test_hostile_names_are_harmless_on_a_terminal() -> None:
    """No control character, no bidi, no markup is obeyed, no line is wider than the terminal."""
    for arguments in (("stats",), ("stats", "-s", "topics,clients,talkers"), ("topics",), ("topics", "--depth", "3")):
        found = run(*arguments, "--color", "never", "-", input=hostile(), COLUMNS="100")
        assert found.returncode == 0
        for line in found.stdout.splitlines():
            assert line.isprintable(), line
            assert cell_len(line) <= 100, line
    tree = run("topics", "-", input=hostile(), COLUMNS="100").stdout
    assert "\\x1b[31mred" in tree
    assert "<script>alert(1)</script>" in tree.replace("/\n", "/") or "<script>alert(1)<" in tree
    assert "[bold]markup[" in tree


def test_hostile_names_are_harmless_in_csv_and_json() -> None:
    """CSV: no formula. JSON: nothing that a terminal obeys, and the names as they are."""
    rows = list(csv.DictReader(io.StringIO(run("stats", "-s", "topics", "-T", "csv", "-", input=hostile()).stdout)))
    assert len(rows) == len(HOSTILE)
    assert all(row["topic"][0] not in "=+-@" for row in rows)
    printed = run("stats", "-T", "json", "-", input=hostile()).stdout
    assert printed.replace("\n", "").isprintable()
    report = json.loads(printed)
    assert {row["topic"] for row in report["topics"]} == set(HOSTILE)
    assert {row["client"] for row in report["clients"]} == set(HOSTILE)
    assert all(row["subscribers"] == 1 for row in report["topics"])


def test_hostile_names_are_harmless_in_pictures(tmp_path: Path) -> None:
    """SVG is well-formed, has no element but its own, and shows the names as text."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.svg"
    done = run("stats", "-s", "topics,clients", "--top", "20", "-o", path, "-", input=hostile())
    assert (done.returncode, done.stderr) == (0, "")
    root = ElementTree.parse(path).getroot()
    assert not [one for one in root.iter() if one.tag.endswith("script")]
    texts = [one.text or "" for one in root.iter(f"{SVG}text")]
    assert "<script>alert(1)</script>/&amp;" in texts
    assert any("$SYS/$load$" in one for one in texts)
    assert max(map(len, texts)) < 60
    assert run("stats", "-s", "topics", "-o", tmp_path / "a.png", "-", input=hostile()).returncode == 0


def test_marks_do_not_pile_up_in_pictures(tmp_path: Path) -> None:
    """They would be drawn over the charts around."""
    pytest.importorskip("matplotlib")
    capture = pcap(Stream().handshake().client(connect("e" + "\u0301" * 200), publish("t", b"1")).frames)
    path = tmp_path / "a.svg"
    assert run("stats", "-o", path, "-", input=capture).returncode == 0
    assert 0 < path.read_text(encoding="utf-8").count("\u0301") <= 8


def test_what_is_beyond_the_limits_is_summed_up() -> None:
    """Topics and clients that are not told apart any more are one row, and nothing is lost."""
    report = json.loads(output("stats", "-T", "json", "--max-topics", "5", "--max-clients", "3", MANY))
    whole = stats(MANY)
    assert [len(report["topics"]), len(report["clients"])] == [6, 4]
    assert report["topics"][-1]["topic"] == report["clients"][-1]["client"] == "(others)"
    for table, key in (("topics", "messages"), ("topics", "bytes"), ("clients", "sent_packets"), ("clients", "bytes")):
        assert sum(row[key] for row in report[table]) == sum(row[key] for row in whole[table])
    assert report["talkers"] == whole["talkers"]


def test_ten_thousand_clients(tmp_path: Path) -> None:
    """A clear picture, and a table that says how many it leaves out."""
    frames = []
    for number in range(10_000):
        stream = Stream(source=(bytes([10, 1, number >> 8, number & 0xFF]), 40_000))
        stream.client(connect(f"client-{number:05}"), publish(f"t/{number % 100}", b"1"))
        frames += stream.frames
    path = tmp_path / "many.pcap"
    path.write_bytes(pcap(frames))
    overview = run("stats", path, COLUMNS="100").stdout
    assert "10,000 clients" in overview
    assert "… and 9,990 more" in overview
    assert len(overview.splitlines()) < 80
    if find_spec("matplotlib"):
        drawn = tmp_path / "a.svg"
        done = run("stats", "-s", "clients,connections", "-o", drawn, path)
        assert done.stderr == f"mqttdissect: {drawn} shows only the first 20 of 10,000 clients\n"
        texts = structure(drawn)
        assert texts.count("text client-") == 20
        assert "text Clients: bytes (the first 20 of 10,000)" in texts
        assert "--top" not in run("stats", "-s", "clients", "-o", drawn, path, "--top", "9999").stderr
        assert structure(drawn).count("text client-") == 200


def test_streams_that_ended_are_forgotten() -> None:
    """What is kept of streams does not grow with them; sums stay right."""
    statistics = Statistics()
    for number in range(6_000):
        stream = Stream(source=(bytes([10, 0, 0, 1]), 1024 + number)).handshake()
        frames = stream.client(connect(f"c{number % 10}"), publish("t", b"1")).fin().frames
        dissector = Dissector()
        found = dissector.feed(pcap(frames)) + dissector.close()
        for one in found:
            assert one.stream is not None
            one.stream.number = number
        statistics.take(found)
    assert len(statistics._lines) < 2500
    statistics.end()
    assert sum(one.sent for one in statistics.clients.values()) == 12_000
    assert sum(one.closed for one in statistics.clients.values()) == statistics.closed_by_fin == 6_000


def test_usage_errors() -> None:
    """One line that says what to do."""
    for arguments, says in (
        (("-s", "nonsense"), "is none of capture, types"),
        (("-T", "csv"), "CSV is of one table"),
        (("-T", "csv", "-s", "types,qos"), "CSV is of one table"),
        (("-o", "file.doc"), "has to end in .svg"),
        (("-T", "json", "-o", "file.svg"), "is a picture"),
    ):
        done = run("stats", *arguments, ONE)
        assert done.returncode == 2
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert "--depth goes with -T text" in run("topics", "--depth", "2", "-T", "json", ONE).stderr


def test_a_row_that_stands_for_topics_below_says_so() -> None:
    """`--depth` cuts the tree, also where there is one topic only below."""
    stream = Stream().handshake().client(connect(), publish("one/two/three", b"x"), publish("alone", b"x"))
    capture = pcap(stream.server(CONNACK).frames)
    shown = run("topics", "--depth", "1", "-", input=capture).stdout
    assert re.findall(r"^(?:one|alone)\S*", shown, re.MULTILINE) == ["alone", "one/…"]


def test_a_topic_that_begins_with_a_slash_is_known() -> None:
    """Its first level is empty, and is not where messages without a topic are counted."""
    stream = (
        Stream().handshake().client(publish("", b"x", properties=b"\x23\x00\x01"), publish("/x", b"x", properties=b""))
    )
    shown = run("topics", "--mqtt-version", "5.0", "-", input=pcap(stream.frames)).stdout.splitlines()[2:]
    assert [line.split("  ")[0].partition(":")[0] for line in shown] == ["(topic not known", "/x"]
    shown = run("topics", "--depth", "1", "-", input=pcap(stream.frames)).stdout.splitlines()
    assert "(empty)/…" in [line.split("  ")[0] for line in shown]


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    """Without matplotlib and plotille: one line with the extra, and an overview without plots."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['plotille'] = sys.modules['matplotlib'] = None\n"
    )
    done = run("stats", ONE, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0
    assert "PUBLISH" in done.stdout
    assert "plots need plotille: pip install 'mqttdissect[plots]'" in done.stdout
    for arguments in (("-s", "rates"), ("-o", "a.svg")):
        done = run("stats", *arguments, ONE, PYTHONPATH=str(tmp_path))
        assert done.returncode == 2
        assert "pip install 'mqttdissect[plots]'" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_files_are_written(tmp_path: Path) -> None:
    """-o with JSON, CSV and text is what would have been printed; a file that cannot be written is one line."""
    for name in ("a.json", "a.csv", "a.txt"):
        path = tmp_path / name
        arguments = ("-s", "types", "-T", {"json": "json", "csv": "csv", "txt": "text"}[name[2:]])
        assert run("stats", *arguments, "-o", path, ONE).stdout == ""
        assert path.read_text(encoding="utf-8") == output("stats", *arguments, ONE)
    done = run("stats", "-o", tmp_path / "nowhere" / "a.json", ONE)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert len(done.stderr.splitlines()) == 1


# live


def on_terminal(pieces: list[bytes], interrupt: bool = False) -> str:
    """What `topics -` writes to a terminal of 100 columns that gets these pieces, one after the other."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "mqttdissect", "topics", "-"],
        stdin=subprocess.PIPE, stdout=slave, stderr=subprocess.DEVNULL, close_fds=True,
        env={**plain_environment(), "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    assert process.stdin is not None
    shown = bytearray()
    reader = threading.Thread(target=read_all, args=(master, shown), daemon=True)
    reader.start()
    for number, piece in enumerate(pieces):
        process.stdin.write(piece)
        process.stdin.flush()
        wait_for(lambda number=number: ("t/0" if number == 0 else f"─ {number}").encode() in shown)  # type: ignore[misc]
    if interrupt:
        process.send_signal(signal.SIGINT)
    else:
        process.stdin.close()
    assert process.wait(timeout=30) == 0
    reader.join(timeout=10)
    if interrupt:
        process.stdin.close()
    os.close(master)
    return shown.decode()


def read_all(descriptor: int, into: bytearray) -> None:
    """Until the other side has gone."""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            return
        if not piece:
            return
        into += piece


def wait_for(condition: Callable[[], bool]) -> None:
    """At most half a minute."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pieces() -> list[bytes]:
    """A capture as it grows: a topic in each piece."""
    stream = Stream().handshake().client(connect("c"), publish("t/0", b"x"))
    done = [pcap(stream.frames)]
    for number in (1, 2):
        before = len(stream.frames)
        stream.client(publish(f"t/{number}", b"x"))
        done.append(pcap(stream.frames[before:])[24:])
    return done


@pytest.mark.parametrize("interrupt", [False, True])
def test_topics_grow_on_a_terminal(interrupt: bool) -> None:
    """Each topic is there before the next one comes; the end, or Ctrl-C, leaves the whole tree."""
    shown = on_terminal(pieces(), interrupt)
    assert "\x1b[?25l" in shown, "the cursor is hidden while rich draws"
    last = shown[shown.rindex("Topics (3)") :]
    assert [name in last for name in ("├─ 0", "├─ 1", "└─ 2")] == [True] * 3
    assert "\x1b[?25h" in shown, "the cursor is back"


class Screen:
    """A terminal whose size a test sets, and a clock that it moves."""

    def __init__(self, height: int) -> None:
        self.statistics = Statistics(most_topics=40)
        self.dissector = Dissector()
        self.dissector.feed(pcap([]))
        self.stream = Stream()
        self.publish(connect("c"))
        self.now = 0.0
        self.console = Console(file=io.StringIO(), width=100, height=height, force_terminal=True, no_color=True)
        self.live = LiveTopics(TopicTree(self.statistics), self.console, lambda: self.now)

    def publish(self, *packets: bytes) -> None:
        """The next packets come."""
        before = len(self.stream.frames)
        self.stream.client(*packets)
        self.statistics.take(self.dissector.feed(pcap(self.stream.frames[before:])[24:]))

    def rates(self, after: float, height: int) -> dict[str, str]:
        """What the table says, some seconds later."""
        self.now += after
        self.console.height = height
        with self.console.capture() as captured:
            self.console.print(self.live.renderable())
        rows = [line.strip("│├└─ ").split() for line in captured.get().splitlines()]
        return {row[0]: row[-4] for row in rows if len(row) >= 8}


def test_rates_are_right_from_the_first_moment_that_a_row_is_shown() -> None:
    """A row that had no place before, as its topic was one of many, or as the terminal was smaller, and a new topic."""
    screen = Screen(12)
    for number in range(30):
        screen.publish(*[publish(f"t/{number:02}", b"x")] * 50)
    screen.publish(*[publish("t/quiet", b"x")] * 49)
    assert "quiet" not in screen.rates(0, 12)
    assert "quiet" not in screen.rates(2, 12)
    screen.publish(publish("t/quiet", b"x"), publish("t/quiet", b"x"), *[publish("t/new", b"x")] * 60)
    found = screen.rates(2, 12)
    assert (found["t/"], found["quiet"], found["new"]) == ("15.5/s", "0.50/s", "15.0/s")
    screen.publish(*[publish("t/29", b"x")] * 2)
    found = screen.rates(2, 60)
    assert (found["29"], found["00"], found["quiet"], found["new"]) == ("0.33/s", "0/s", "0.33/s", "10.0/s")
    screen.publish(*[publish(f"u/{number}", b"x") for number in range(20)])
    assert screen.rates(2, 60)["(others)"] == "2.00/s"


def renew() -> None:
    """Store what is printed now."""
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for name in VIEWS:
        for width in WIDTHS:
            for color in ("never", "always"):
                snapshot(name, width, color).write_text(view(name, width, color), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in PICTURES.items():
            found = structure(picture(Path(folder), "a.svg", *arguments))
            (SNAPSHOTS / f"{name}-svg.txt").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    renew()
