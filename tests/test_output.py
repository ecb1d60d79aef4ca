"""What people and scripts see: tree, summary, JSON, fields, CSV, hex, colours, secrets, harmless text."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import Stream, connect, dissect, packet, pcap, publish, text

from mqttdissect import decode
from mqttdissect.output.clock import Clock, seconds
from mqttdissect.output.text import BLANK, MAYBE_PILED, MOST_MARKS, cells, is_mark, visible, wrapped
from mqttdissect.output.theme import no_colour
from mqttdissect.output.tree import TreeWriter
from mqttdissect.output.values import what_is

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def session(tmp_path: Path) -> Path:
    """A small capture with everything that the tests below look at."""
    path = tmp_path / "session.pcap"
    login = connect("cl", flags=0xC2, rest=text("alice") + text("wonderland"))
    frames = Stream().handshake().client(login, publish("topicX", b'{"a":1}', 1, 1), publish("t", b"\x00\xff"))
    path.write_bytes(pcap(frames.frames))
    return path


def test_tree(mqttdissect: Run, session: Path) -> None:
    """The tree of a PUBLISH, whole, as the README shows it."""
    output = mqttdissect(session, "--color", "never").stdout
    assert output.split("\n\n")[1] == (
        "#5  0.004000  10.0.0.1:40000 → 10.0.0.2:1883  stream 0  PUBLISH  QoS 1  id 1  topicX  19 bytes\n"
        "├─ Fixed header\n"
        "│  ├─ 0000  32        0011 ....  Packet type               PUBLISH (3)\n"
        "│  │                  .... 0...  DUP                       0\n"
        "│  │                  .... .01.  QoS                       1  at least once\n"
        "│  │                  .... ...0  RETAIN                    0\n"
        "│  └─ 0001  11        0001 0001  Remaining length          17\n"
        "├─ Variable header\n"
        "│  ├─ 0002  00 06                Topic name length         6\n"
        "│  ├─ 0004  74 6f 70 69 63 58    Topic name                topicX\n"
        "│  └─ 000a  00 01                Packet identifier         1\n"
        "└─ Payload\n"
        '   └─ 000c  7b 22 61 22 3a 31 7d Application message       {"a":1}  (7 bytes, JSON)'
    )


def test_tree_of_a_long_remaining_length() -> None:
    """Continuation bit and value bits of each byte."""
    tree = TreeWriter(no_colour(), Clock(), 0, 56, False).text(decode(publish("t", b"x" * 197)))
    assert "│  └─ 0001  c8 01                Remaining length          200\n" in tree
    assert "│           c8        1... ....    Continuation            1  more follow\n" in tree
    assert "│                     .000 0001    Value bits              1 × 128 = 128\n" in tree


def test_tree_folds_long_fields() -> None:
    """With a count of what is not shown; fold 0 shows all."""
    one = decode(publish("t", bytes(range(100, 200))))
    assert "… 44 more bytes" in TreeWriter(no_colour(), Clock(), 0, 56, False).text(one)
    assert "more bytes" not in TreeWriter(no_colour(), Clock(), 0, 0, False).text(one)


def test_tree_says_what_is_malformed_and_where() -> None:
    """At the end, with the section."""
    tree = TreeWriter(no_colour(), Clock(), 0, 56, False).text(decode(bytes.fromhex("30050009616869")))
    assert tree.rstrip().endswith(
        "└─ Malformed at offset 0004: expected 9 bytes of Topic name, only 3 are left. See MQTT 3.1.1, 1.5.3."
    )
    assert "Undecoded                 behind what is malformed" in tree


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_tree_fits_the_terminal(width: int) -> None:
    """Values wrap in their column, wide and combining characters counted as terminals do."""
    topic = "温度/キッチン/é" * 8
    tree = TreeWriter(no_colour(), Clock(), width, 0, False).text(decode(publish(topic, topic.encode() * 3)))
    lines = [line for line in tree.splitlines()[1:] if line]
    assert max(cells(line) for line in lines) <= max(width, 6 + 6 + 21 + 26 + 20)


def test_packet_over_several_frames_says_which_bytes_came_in_which() -> None:
    """Offsets and frame numbers."""
    data = publish("a/b", b"x" * 20)
    packets = dissect(pcap(Stream().handshake().client(connect(), data[:10], data[10:]).frames))
    assert "Frames  0000–0009 #5, 000a–001a #6" in TreeWriter(no_colour(), Clock(), 0, 56, False).text(packets[1])


def test_summary_is_aligned(mqttdissect: Run) -> None:
    """One line a packet, the types below each other."""
    lines = mqttdissect("-P", CAPTURES / "mosquitto-3.1.1-qos.pcap").stdout.splitlines()
    assert len(lines) == 60
    assert len({re.search(r"CONN|PUB|SUB|UNSUB|PING|DISC", line).start() for line in lines if "UNSUB" not in line}) == 1  # type: ignore[union-attr]


def test_json(mqttdissect: Run, session: Path) -> None:
    """The object that scripts rely on."""
    lines = [json.loads(line) for line in mqttdissect("-T", "json", session).stdout.splitlines()]
    one = lines[1]
    assert {key: one[key] for key in ("frame", "time", "stream", "src", "dst", "packet", "version", "length")} == {
        "frame": 5, "time": "1.004000000", "stream": 0, "src": "10.0.0.1:40000", "dst": "10.0.0.2:1883",
        "packet": "PUBLISH", "version": "3.1.1", "length": 19,
    }  # fmt: skip
    assert one["malformed"] is None
    assert one["mqtt"]["mqtt.msgtype"] == 3
    assert one["mqtt"]["mqtt.dupflag"] is False
    assert one["mqtt"]["mqtt.msg"] == "7b2261223a317d"
    assert one["fields"][3] == {
        "name": "mqtt.topic", "label": "Topic name", "start": 4, "end": 10, "value": "topicX", "display": "topicX",
    }  # fmt: skip


def test_json_of_every_capture(capture: Path, mqttdissect: Run) -> None:
    """Every line is JSON; the fields cover every byte once."""
    for line in mqttdissect("-T", "json", capture).stdout.splitlines():
        one = json.loads(line)
        at = 0
        for field in one["fields"]:
            if not field.get("derived") and field["end"] > field["start"]:
                assert field["start"] == at
                at = field["end"]
        assert at == one["length"]


def test_repeated_fields_are_lists(mqttdissect: Run, tmp_path: Path) -> None:
    """In `mqtt`; joined with commas in -T fields."""
    path = tmp_path / "sub.pcap"
    request = packet(0x82, b"\x00\x01" + text("a/#") + b"\x00" + text("b") + b"\x01")
    path.write_bytes(pcap(Stream().handshake().client(connect(), request).frames))
    assert json.loads(mqttdissect("-T", "json", path).stdout.splitlines()[1])["mqtt"]["mqtt.topic"] == ["a/#", "b"]
    rows = mqttdissect("-T", "fields", "-e", "mqtt.topic", "-e", "mqtt.sub.qos", path).stdout.splitlines()
    assert rows == ["\t", "a/#,b\t0,1"]


def test_fields_and_csv(mqttdissect: Run, session: Path) -> None:
    """One row a packet in the order of -e; CSV with a heading."""
    names = ["frame.number", "ip.src", "mqtt.msgtype", "mqtt.qos", "mqtt.topic", "mqtt.hdrflags", "mqtt.clientid"]
    options = [word for name in names for word in ("-e", name)]
    rows = [row.split("\t") for row in mqttdissect("-T", "fields", *options, session).stdout.splitlines()]
    assert rows[0] == ["4", "10.0.0.1", "1", "", "", "0x10", "cl"]
    assert rows[1] == ["5", "10.0.0.1", "3", "1", "topicX", "0x32", ""]
    table = list(csv.reader(io.StringIO(mqttdissect("-T", "csv", *options, session).stdout)))
    assert table == [names, *rows]


def test_csv_is_no_formula(mqttdissect: Run, tmp_path: Path) -> None:
    """A spreadsheet must not run what came from the wire."""
    path = tmp_path / "formula.pcap"
    path.write_bytes(pcap(Stream().handshake().client(connect('=cmd|"/c calc"!A1')).frames))
    assert mqttdissect("-T", "csv", "-e", "mqtt.clientid", path).stdout.splitlines()[1].startswith("\"'=cmd")


def test_hex(mqttdissect: Run, session: Path) -> None:
    """Offset, sixteen bytes, their characters."""
    output = mqttdissect("-P", "-x", session).stdout
    assert '   0000  32 11 00 06 74 6f 70 69  63 58 00 01 7b 22 61 22  2...topicX..{"a"\n' in output
    assert re.search(r"   0010  3a 31 7d {40,}:1}\n", output)


def test_hex_colours_bytes_by_field(mqttdissect: Run, session: Path) -> None:
    """Neighbouring fields differ in colour; without the colours it is the same text."""
    plain = mqttdissect("-x", "--color", "never", session).stdout
    coloured = mqttdissect("-x", "--color", "always", session).stdout
    assert ESCAPES.sub("", coloured) == plain
    row = next(
        line for line in coloured.splitlines() if "2" in line and "\x1b" in line and "0000" in line and "…" not in line
    )
    assert len(set(ESCAPES.findall(row))) > 2


@pytest.mark.parametrize("form", [["-V"], ["-P"], ["-T", "json"], ["-T", "fields", "-e", "mqtt.passwd"],
                                  ["-T", "fields", "-e", "mqtt.passwd.bytes"], ["-T", "csv", "-e", "mqtt.passwd"],
                                  ["-x"]])  # fmt: skip
def test_passwords_are_masked_unless_asked_for(mqttdissect: Run, session: Path, form: list[str]) -> None:
    """As text, bytes and hex alike."""
    hidden = mqttdissect(*form, session).stdout
    secret, raw = "wonderland", b"wonderland"
    for shown in (secret, raw.hex(), raw.hex(" "), raw[:7].hex(" "), raw[:4].hex(" "), "wonder", "derland"):
        assert shown not in hidden
    if form != ["-P"]:
        shown = mqttdissect(*form, "--show-secrets", session).stdout
        assert secret in shown or raw.hex() in shown


def test_authentication_data_is_masked(mqttdissect: Run) -> None:
    """In CONNECT, CONNACK and AUTH."""
    path = CAPTURES / "mosquitto-5.0-auth.pcapng"
    for form in (["-V", "-x"], ["-T", "json"], ["-T", "fields", "-e", "mqtt.prop_string"]):
        assert "jabberwocky" not in mqttdissect(*form, path).stdout
        assert "jabberwocky" in mqttdissect(*form, "--show-secrets", path).stdout


EVIL = "a\x1b[31m\x07\x9b2J\u202egnp\u200b[red]x[/red]\r\n\x7f"


@pytest.mark.parametrize("form", [["-V"], ["-P"], ["-V", "-x"], ["-T", "fields", "-e", "mqtt.topic"]])
def test_text_from_the_wire_is_shown_not_obeyed(mqttdissect: Run, tmp_path: Path, form: list[str]) -> None:
    """Escape sequences, bidi controls, invisible characters and rich markup."""
    path = tmp_path / "evil.pcap"
    sent = [connect(EVIL), publish(EVIL, EVIL.encode(), properties=None), publish("t", EVIL.encode())]
    path.write_bytes(pcap(Stream().handshake().client(*sent).frames))
    output = mqttdissect(*form, "--color", "never", path).stdout
    assert all(char.isprintable() or char in "\n\t" for char in output)
    if form != ["-P"]:
        assert "\\x1b[31m" in output
    assert "[red]x[/red]" in output


@given(st.text())
def test_visible_text_is_printable(value: str) -> None:
    """Whatever came in; what is printable already, and has no piles of marks, stays as it is."""
    found = visible(value)
    assert found.isprintable()
    if value.isprintable() and longest_pile(value) <= MOST_MARKS and not BLANK.search(value):
        assert found == value


def test_fillers_are_seen() -> None:
    """Letters, as Unicode has it, that are blank."""
    assert visible("a\u3164b\\") == "a\\u3164b\\\\"
    assert visible("\u1160") == "\\u1160"


def longest_pile(value: str) -> int:
    """Of marks that take no column, one behind the other."""
    return max((len(list(run)) for mark, run in groupby(value, is_mark) if mark), default=0)


MARKS = "\u0301\u20dd\u0e31\u0ccc\u1160\u11ff\ua672\ufe0f\U0001f3fd\U000e0100"


@given(st.text(st.sampled_from("a\\日é" + MARKS), max_size=60))
def test_marks_do_not_pile_up(value: str) -> None:
    """So many on one character, then escapes, from which the text can be told."""
    found = visible(value)
    assert longest_pile(found) <= MOST_MARKS
    assert len(found) <= 5 * cells(found) + MOST_MARKS
    if found != value:
        raw = found.encode("ascii", "backslashreplace").decode("ascii")
        assert raw.encode("ascii").decode("unicode_escape") == value


def test_what_is_written_with_marks_stays_itself() -> None:
    """In scripts that need several on one character."""
    for word in ("नमस्ते/क्ष्मि", "ที่นี่/กำลัง", "שָׁלוֹם", "Việt Nam", "각", "é\\ü", "❤️/👍🏽"):
        assert visible(word.replace("\u200d", "")) == word


def test_every_mark_is_looked_for() -> None:
    """The quick look overlooks none."""
    one = re.compile(MAYBE_PILED.pattern.rsplit("{", 1)[0])
    for point in range(0x110000):
        char = chr(point)
        if is_mark(char):
            assert one.match(char), hex(point)


@given(st.text(st.characters(blacklist_categories=["C"])), st.integers(4, 30))
def test_wrapping_loses_nothing(value: str, width: int) -> None:
    """The lines together are the text, none wider than asked."""
    lines = wrapped(value, width)
    assert "".join(lines) == value
    assert all(cells(line) <= width for line in lines)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [(b'{"a": 1}', "JSON"), (b"[1,2]", "JSON"), (b"{not", "text"), ("grün\n".encode(), "text"), (b"\x00\x01", "binary"),
     (b"\xff\xfe", "binary")],
)  # fmt: skip
def test_what_a_payload_is(raw: bytes, kind: str) -> None:
    """JSON, text or binary."""
    assert what_is(raw) == kind


@given(st.integers(-(10**18), 10**18))
def test_times_are_exact(ns: int) -> None:
    """Integers of nanoseconds throughout."""
    whole, _, fraction = seconds(ns, 9).partition(".")
    assert int(whole + fraction) == ns


@pytest.mark.parametrize(
    ("form", "expected"),
    [("r", "0.003000"), ("e", "1.003000000"), ("u", "00:00:01.003000"), ("ud", "1970-01-01 00:00:01.003000"),
     ("a", "00:00:01.003000"), ("ad", "1970-01-01 00:00:01.003000"), ("d", "0.000000")],
)  # fmt: skip
def test_time_formats(mqttdissect: Run, session: Path, form: str, expected: str) -> None:
    """As in tshark."""
    first = mqttdissect("-P", "-t", form, session, TZ="UTC").stdout.splitlines()[0]
    assert first.split("10.0.0.1")[0].strip().endswith(expected)


@pytest.mark.parametrize("command", [[], ["-P"], ["ladder"], ["stats"], ["topics"], ["check"], ["sessions", "--pages"]])
def test_an_encoding_without_lines_gets_ones_of_ascii(mqttdissect: Run, command: list[str]) -> None:
    """In what people read; as wide as they were. Text from the wire that it does not have comes as escapes."""
    capture = CAPTURES / "mosquitto-5.0-properties.pcapng"
    drawn = mqttdissect(*command, capture, COLUMNS="100")
    plain = mqttdissect(*command, capture, COLUMNS="100", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert plain.stdout.isascii() and "\\u25" not in plain.stdout
    lines = zip(drawn.stdout.splitlines(), plain.stdout.splitlines(), strict=True)
    assert all(len(one) == len(two) for one, two in lines if "\\" not in two)
    assert plain.returncode == drawn.returncode


@pytest.mark.parametrize("command", [["ladder"], ["topics"], ["diff"]])
def test_escapes_are_as_wide_as_they_are(mqttdissect: Run, tmp_path: Path, command: list[str]) -> None:
    """No line is wider than it would be with an encoding that has everything."""
    name = "温度" * 30
    path = tmp_path / "names.pcap"
    path.write_bytes(pcap(Stream().handshake().client(connect(name), publish(name, b"x")).frames))
    paths = [path, CAPTURES / "mosquitto-5.0-properties.pcapng"] if command == ["diff"] else [path]
    done = mqttdissect(*command, *paths, COLUMNS="80", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    assert "\\u6e29" in done.stdout
    drawn = tmp_path / "names.svg"
    mqttdissect("ladder", "-o", drawn, path, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert "温度" in drawn.read_text("utf-8")


def test_programs_get_escapes(mqttdissect: Run, tmp_path: Path) -> None:
    """From which the text can be told."""
    path = tmp_path / "arrows.pcap"
    path.write_bytes(pcap(Stream().handshake().client(connect("a→b"), publish("x│y", b"1")).frames))
    ascii_only = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = mqttdissect("-T", "json", path, **ascii_only).stdout.splitlines()
    assert [json.loads(line)["packet"] for line in done] == ["CONNECT", "PUBLISH"]
    assert json.loads(done[1])["mqtt"]["mqtt.topic"] == "x│y"
    assert mqttdissect("-T", "fields", "-e", "mqtt.topic", path, **ascii_only).stdout.split() == ["x\\u2502y"]
