"""`stats` and `topics`: odd input does no harm, limits hold, what is wrong is one clear line."""

from __future__ import annotations

import csv
import io
import json
import re
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.cells import cell_len
from stats_runs import MANY, ONE, SVG, output, run, stats, structure
from support import CONNACK, DISCONNECT, PINGREQ, PINGRESP, Stream, connect, pcap, publish, text
from support import packet as packet_of

from mqttdissect.analysis.statistics import Statistics
from mqttdissect.pipeline import Dissector

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
