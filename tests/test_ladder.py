"""`mqttdissect ladder`: what is drawn, where, and how wide. Snapshots of the terminal views are beside this file, in
`snapshots/ladder`; after a change that is meant, renew them and look at what changed:

    python tests/test_ladder.py
"""

from __future__ import annotations

import os
import random
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.cells import cell_len
from support import ACK, CLIENT, CONNACK, DISCONNECT, PINGREQ, RST, SERVER, Stream, connect, packet, publish, text

from mqttdissect.output.clock import Clock
from mqttdissect.output.ladder.fold import MOST_LINES, abbreviated, fold
from mqttdissect.output.ladder.model import Ladder
from mqttdissect.output.ladder.parties import MOST_PARTIES, Columns
from mqttdissect.output.ladder.pieces import Shape
from mqttdissect.output.ladder.scale import DAY, HOUR, MILLISECOND, MINUTE, SECOND, rows, spoken
from mqttdissect.output.ladder.selection import Selection
from mqttdissect.output.ladder.terminal import TerminalLadder
from mqttdissect.output.text import cells, narrow
from mqttdissect.output.theme import no_colour
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
SNAPSHOTS = Path(__file__).with_name("snapshots") / "ladder"
DRAWN = ("mosquitto-3.1.1-redelivery.pcap", "mosquitto-5.0-wills.pcapng", "mosquitto-joined-midway.pcap")
WIDTHS = (80, 120, 200)
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
TERMINAL = {"TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": "", "FORCE_COLOR": "", "TZ": "UTC"}
MS = MILLISECOND


class Scene:
    """Connections that write down their frames together: `at(ms)` moves the clock, which ticks 1 ms a frame."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, bytes]] = []
        self.now = 0
        self.streams: list[Stream] = []

    def at(self, ms: float) -> Scene:
        """Go on at this time."""
        self.now = round(ms * MS)
        return self

    def open(self, client: str = "", broker: int = 2) -> Stream:
        """A new connection, with its CONNECT and CONNACK if it has a client identifier."""
        count = len(self.streams)
        source = (bytes([10, 0, 1, count % 250]), 40000 + count // 250)
        stream = Stream(source, (bytes([10, 0, 0, broker]), 1883))
        self.streams.append(stream)
        self.keep(stream.handshake())
        if client:
            self.keep(stream.client(connect(client)).server(CONNACK))
        return stream

    def keep(self, stream: Stream) -> Scene:
        """What the connection has written down since."""
        for frame in stream.frames:
            self.frames.append((self.now, frame))
            self.now += MS
        stream.frames.clear()
        return self

    def pcap(self) -> bytes:
        """All of it, with nanoseconds."""
        out = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)]
        for ns, frame in self.frames:
            out.append(struct.pack("<IIII", 1000 + ns // SECOND, ns % SECOND, len(frame), len(frame)) + frame)
        return b"".join(out)


def draw(
    capture: bytes, width: int = 80, selection: Selection | None = None, piece: int = 1 << 20, times: str = "r"
) -> list[str]:
    """The lines for a capture, read in pieces of so many bytes."""
    dissector = Dissector()
    clock = Clock(times)
    shape = Shape(width)
    view = TerminalLadder(no_colour(), clock, shape)
    ladder = Ladder(selection or Selection(), Columns(shape.lanes, True), shape.brokers, True)
    out = []
    for at in range(0, len(capture) + piece, piece):
        packets = dissector.feed(capture[at : at + piece]) if at < len(capture) else dissector.close()
        clock.first_ns = ladder.first_ns = dissector.first_ns
        out.append(view.text(ladder.begin([])) + view.text(ladder.add(packets)) + view.text(ladder.settle()))
    out.append(view.text(ladder.close()))
    return b"".join(out).decode().splitlines()


def with_text(lines: list[str], what: str) -> list[str]:
    """The lines that have this text."""
    return [line for line in lines if what in line]


def snapshot(capture: str, width: int, colour: str) -> str:
    """What the command prints."""
    arguments = [
        sys.executable,
        "-m",
        "mqttdissect",
        "ladder",
        "--no-findings",
        "--width",
        str(width),
        "--color",
        colour,
        capture,
    ]
    done = subprocess.run(arguments, cwd=CAPTURES, capture_output=True, check=True, env={**os.environ, **TERMINAL})
    return done.stdout.decode()


def stored(capture: str, width: int, colour: str) -> Path:
    """Where a snapshot is."""
    return SNAPSHOTS / f"{Path(capture).stem}-{width}{'-colour' if colour == 'always' else ''}.txt"


@pytest.mark.parametrize("capture", DRAWN)
@pytest.mark.parametrize("width", WIDTHS)
def test_snapshots(capture: str, width: int) -> None:
    """Line by line as stored, with colour and without; the colours change nothing else."""
    plain, coloured = snapshot(capture, width, "never"), snapshot(capture, width, "always")
    assert plain == stored(capture, width, "never").read_text(encoding="utf-8")
    assert coloured == stored(capture, width, "always").read_text(encoding="utf-8")
    assert ESCAPES.sub("", coloured) == plain


def test_an_exchange_to_the_eye() -> None:
    """The whole picture, as the docs describe it: names, both ends of a delivery, a pause, the ends."""
    scene = Scene()
    publisher, subscriber = scene.open("pub"), scene.open("sub")
    message = publish("room/light", b"on", 1, 7)
    scene.keep(publisher.client(message)).keep(subscriber.server(publish("room/light", b"on", 0)))
    scene.keep(publisher.server(packet(0x40, b"\x00\x07")))
    scene.at(2500).keep(publisher.client(DISCONNECT).fin())
    assert draw(scene.pcap()) == [
        "frame       time                                                   10.0.0.2:1883",
        "                  ┌ pub  10.0.1.0:40000, stream 0, MQTT 3.1.1                  │",
        "    4   0.003000  ├─── CONNECT  MQTT 3.1.1  clean session  keep alive 60 s ───▶│",
        "    5   0.004000  │◀── CONNACK  0 connection accepted ─────────────────────────┤",
        "                  │   ┌ sub  10.0.1.1:40000, stream 1, MQTT 3.1.1              │",
        "    9   0.008000  │   ├─── CONNECT  MQTT 3.1.1  clean session ────────────────▶│",
        "                  │   │      keep alive 60 s                                   │",
        "   10   0.009000  │   │◀── CONNACK  0 connection accepted ─────────────────────┤",
        "   11   0.010000  ├───┼─── PUBLISH ⟨1⟩  QoS 1  id 7  room/light ──────────────▶│",
        "   12   0.011000  │   │◀── PUBLISH ⟨1⟩  QoS 0  room/light ─────────────────────┤",
        "   13   0.012000  │◀──┼─── PUBACK ⟨1⟩  id 7 ───────────────────────────────────┤",
        "                  ┊   ┊                                                        ┊",
        "                  ┊   ┊    ┊ 2.4 s                                             ┊",
        "   14   2.500000  ├───┼─── DISCONNECT ────────────────────────────────────────▶│",
        "   15   2.501000  └ closed by the client (FIN)                                 │",
    ]


@pytest.mark.parametrize("width", [1, 60, 79, 80, 100, 119, 120, 160, 200, 500])
def test_no_line_is_wider_than_the_terminal(capture: Path, width: int) -> None:
    """Whatever a capture holds; from 60 columns on."""
    if capture.stat().st_size > 200_000:
        pytest.skip("nothing else in it, and it takes long")
    raw = capture.read_bytes()
    assert max((cells(line) for line in draw(raw, width)), default=0) <= max(width, 60)


@pytest.mark.parametrize("piece", [1, 100])
def test_how_the_input_is_cut_does_not_matter(piece: int) -> None:
    """Ends of connections, too, stand where they belong."""
    raw = (CAPTURES / DRAWN[0]).read_bytes()
    assert draw(raw, piece=piece) == draw(raw)


# Deliveries


def test_all_receivers_and_their_acknowledgements_share_the_tag() -> None:
    """And other payloads do not; what nobody was seen to publish has none."""
    scene = Scene()
    publisher, one, two = scene.open("p"), scene.open("one"), scene.open("two")
    scene.keep(publisher.client(publish("t", b"a", 2, 1), publish("t", b"b", 0)))
    scene.keep(one.server(publish("t", b"b", 0), publish("t", b"a", 1, 5)).client(packet(0x40, b"\x00\x05")))
    scene.keep(two.server(publish("t", b"a", 2, 9)).client(packet(0x50, b"\x00\x09")).server(packet(0x62, b"\x00\x09")))
    scene.keep(two.client(packet(0x70, b"\x00\x09")).server(publish("t", b"c", 0)))
    tagged = [re.search(r"(PUB\w+)( ⟨\d⟩)?", line) for line in with_text(draw(scene.pcap()), "PUB")]
    assert [match[0] for match in tagged if match] == [
        "PUBLISH ⟨1⟩", "PUBLISH ⟨2⟩", "PUBLISH ⟨2⟩", "PUBLISH ⟨1⟩", "PUBACK ⟨1⟩", "PUBLISH ⟨1⟩", "PUBREC ⟨1⟩",
        "PUBREL ⟨1⟩", "PUBCOMP ⟨1⟩", "PUBLISH",
    ]  # fmt: skip


@pytest.mark.parametrize(("flags", "tag"), [(0, " ⟨1⟩"), (2, "")])
def test_a_handshake_that_goes_on_with_the_session_keeps_the_tag(flags: int, tag: str) -> None:
    """On the next connection, unless that begins a session of its own."""
    scene = Scene()
    for release in (False, True):
        stream = scene.open()
        scene.keep(stream.client(connect("c", flags=flags)).server(CONNACK))
        if not release:
            scene.keep(stream.client(publish("t", b"a", 2, 7)).server(packet(0x50, b"\0\7")).add(0, flags=RST))
        else:
            scene.keep(stream.client(packet(0x62, b"\0\7")).server(packet(0x70, b"\0\7")))
    lines = draw(scene.pcap(), 100)
    assert f"PUBREL{tag}  id 7" in with_text(lines, "PUBREL")[0]
    assert f"PUBCOMP{tag}  id 7" in with_text(lines, "PUBCOMP")[0]


@pytest.mark.parametrize(("seconds", "tag"), [(59, "⟨1⟩"), (61, "PUBLISH  ")])
def test_a_delivery_is_one_within_a_minute(seconds: int, tag: str) -> None:
    """A later one of the same topic and payload is something else."""
    scene = Scene()
    publisher, subscriber = scene.open("p"), scene.open("s")
    scene.keep(publisher.client(publish("t", b"a")))
    scene.at(seconds * 1000 + 8).keep(subscriber.server(publish("t", b"a")))
    assert tag in with_text(draw(scene.pcap()), "PUBLISH")[1]


def test_the_same_message_again_and_again() -> None:
    """Deliveries are counted; somebody who joins later gets the last; a DUP is the one before."""
    scene = Scene()
    publisher, early = scene.open("p"), scene.open("early")
    again = b"\x3a" + publish("t", b"x", 1, 5)[1:]  # DUP
    scene.keep(publisher.client(publish("t", b"x"), publish("t", b"x")))
    scene.keep(early.server(publish("t", b"x"), publish("t", b"x", 1, 5), again))
    late = scene.at(5000).open("late")
    scene.keep(publisher.client(publish("t", b"x"))).keep(late.server(publish("t", b"x")))
    tags = [re.search(r"⟨(\d)⟩", line) for line in with_text(draw(scene.pcap()), "PUBLISH")]
    assert [match[1] for match in tags if match] == ["1", "2", "1", "2", "2", "3", "3"]


# Columns


def test_a_client_that_comes_back_has_its_column() -> None:
    """While that is free; its name stands there again."""
    scene = Scene()
    first = scene.open("a")
    scene.open("b")
    scene.keep(first.fin())
    scene.open("a")
    joins = with_text(draw(scene.pcap()), "┌")
    assert [line.index("┌") for line in joins] == [18, 22, 18]


def test_two_connections_of_one_client_have_a_column_each() -> None:
    """As in a session that is taken over."""
    scene = Scene()
    scene.open("a")
    scene.open("a")
    assert [line.index("┌") for line in with_text(draw(scene.pcap()), "┌")] == [18, 22]


def test_more_clients_than_columns_share_the_last() -> None:
    """Their names stand at their packets."""
    scene = Scene()
    for index in range(12):
        scene.open(f"client-{index}")
    lines = draw(scene.pcap())
    assert len(with_text(lines, "┌")) == Shape(80).lanes
    assert len(with_text(lines, "┌ others")) == 1
    assert "client-11: CONNECT  MQTT" in with_text(lines, "client-11")[0]
    assert max(map(len, lines)) == 80


def test_ten_thousand_clients() -> None:
    """That come and go: two columns are enough, and those who have gone are forgotten."""
    columns = Columns(Shape(80).lanes, True)
    ladder = Ladder(Selection(), columns, 2, True)
    dissector = Dissector()
    scene = Scene()
    drawn = len(dissector.feed(scene.pcap()))
    for index in range(10_000):
        scene.frames.clear()
        scene.keep(scene.open(f"client-{index}").client(DISCONNECT).fin())
        scene.streams[-1] = scene.streams[0]
        packets = dissector.feed(scene.pcap()[24:])
        for steps in (ladder.begin([]), ladder.add(packets), ladder.settle()):
            drawn += sum(step.kind == 3 for step in steps)
    assert drawn == 30_000
    assert len(columns.all) <= 2
    assert len(ladder._parties) <= MOST_PARTIES


def test_a_name_that_the_broker_assigns() -> None:
    """The column begins with the address."""
    scene = Scene()
    stream = scene.open()
    connack = packet(0x20, b"\x00\x00" + b"\x07\x12" + text("auto"))
    scene.keep(stream.client(connect("", 5)).server(connack))
    lines = draw(scene.pcap())
    assert "┌ 10.0.1.0:40000" in lines[1]
    assert "├ auto" in lines[-2]


def test_two_brokers_and_more() -> None:
    """A column each, as far as there is room, and then one for all others, with their addresses."""
    scene = Scene()
    for broker in (2, 3, 4):
        scene.open(f"c{broker}", broker)
    lines = draw(scene.pcap(), 80)
    assert with_text(lines, "other brokers")
    assert with_text(lines, "(10.0.0.4:1883)")
    assert with_text(lines, "CONNACK")[-1].endswith("┼─────┤")


def test_how_connections_end() -> None:
    """FIN and RST, of either side; what comes behind a FIN is still drawn."""
    scene = Scene()
    one, two = scene.open("one"), scene.open("two")
    scene.keep(one.add(1, flags=RST)).keep(two.add(0, flags=1 | ACK).server(publish("t", b"late")))
    lines = draw(scene.pcap())
    assert "└ reset by the broker (RST)" in lines[-3]
    assert "└ closed by the client (FIN)" in lines[-2]
    assert "PUBLISH  QoS 0  t" in lines[-1]


# What went wrong


def test_pauses_are_drawn_to_a_logarithmic_scale() -> None:
    """So that a day fits on a screen."""
    limits = [99 * MS, 100 * MS, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, DAY, 365 * DAY]
    assert [rows(limit) for limit in limits] == [0, 1, 2, 3, 4, 5, 6, 7, 7]
    assert [spoken(one) for one in (310 * MS, 2345 * MS, 59_999 * MS, 185 * SECOND, HOUR, 2 * HOUR + 14 * MINUTE)] == [
        "310 ms", "2.3 s", "59.9 s", "3 min 5 s", "1 h", "2 h 14 min",
    ]  # fmt: skip
    assert spoken(3 * DAY + 4 * HOUR) == "3 d 4 h"
    assert (rows(-50 * MS), rows(-2 * SECOND), spoken(-2 * SECOND)) == (0, 1, "the clock goes back 2.0 s")


def test_retransmissions_stand_at_the_packet_before_which_they_came() -> None:
    """Those behind the last packet at the end of the connection, or of the capture."""
    scene = Scene()
    stream = scene.open("c")
    start = stream.sequence[0]
    scene.keep(stream.client(publish("t", b"1")))
    scene.keep(stream.add(0, publish("t", b"1"), sequence=start).add(0, publish("t", b"1"), sequence=start))
    last = stream.sequence[0]
    scene.keep(stream.client(publish("t", b"2"))).keep(stream.add(0, publish("t", b"2"), sequence=last))
    lines = draw(scene.pcap())
    assert "↻ 2 TCP segments sent again by the client" in lines[-3]
    assert "PUBLISH ⟨2⟩" in lines[-2]
    assert "↻ 1 TCP segment sent again by the client" in lines[-1]


def test_gaps_and_holes_and_malformed_packets() -> None:
    """Each at its packet."""
    scene = Scene()
    stream = scene.open("c")
    scene.keep(stream.client(packet(0x30, b"\x00\x09abc")).lose(0, 300).client(*[publish("t", b"x")] * 3))
    scene.keep(stream.server(PINGREQ))
    lines = draw(scene.pcap(), 120)
    assert "✗ malformed at offset 4: expected 9 bytes of Topic name" in with_text(lines, "✗")[0]
    assert with_text(lines, "… gap: 300 bytes missing between #6 and #7")


@pytest.mark.parametrize(("form", "width"), [("r", 11), ("e", 20), ("a", 15), ("ad", 26), ("u", 15), ("ud", 26)])
def test_columns_begin_where_they_go_on(mqttdissect: Run, form: str, width: int) -> None:
    """However long times are."""
    drawn = mqttdissect(
        "ladder", "-t", form, CAPTURES / "mosquitto-5.0-wills.pcapng", COLUMNS="120"
    ).stdout.splitlines()
    first = next(line for line in drawn if "CONNECT" in line)
    assert {drawn[1].index("┌"), first.index("├")} == {7 + 2 + width + 2}


def test_a_client_that_was_taken_for_a_broker() -> None:
    """Where nothing but the ports tells at first, and they tell it wrong: columns change as soon as a packet tells."""
    scene = Scene()
    stream = Stream((bytes([10, 0, 0, 9]), 1883), (bytes([10, 0, 0, 2]), 50000))
    scene.keep(stream.client(*[publish("t", b"x")] * 3).client(b"\xc0\x00").server(b"\xd0\x00", b"\xd0\x00"))
    lines = draw(scene.pcap())
    assert "└ is no client, but a broker" in "\n".join(lines)
    assert "┌ 10.0.0.9:1883" in with_text(lines, "┌")[-1]
    assert len({line.index("│◀") for line in with_text(lines, "PINGRESP")}) == 1


# What is selected


def everyone() -> bytes:
    """Three clients; `other` publishes on another topic, and half a second later."""
    scene = Scene()
    one, two, other = scene.open("dev-1"), scene.open("dev-2"), scene.open("other")
    scene.keep(one.client(publish("a/b", b"1", 1, 4)).server(packet(0x40, b"\x00\x04")))
    scene.keep(two.server(publish("a/b", b"1", 1, 8)).client(packet(0x40, b"\x00\x08")))
    scene.at(500).keep(other.client(publish("c", b"1", 1, 4)).server(packet(0x40, b"\x00\x04")))
    return scene.pcap()


def arrows(lines: list[str]) -> list[str]:
    """The packet types."""
    return re.findall(r"[─◀]─ ([A-Z]+)", "\n".join(lines))


def test_selection() -> None:
    """By client with wildcards, by address, by stream, by topic with what acknowledges it, by time."""
    raw = everyone()
    session, exchange = ["CONNECT", "CONNACK"], ["PUBLISH", "PUBACK"]
    assert arrows(draw(raw)) == session * 3 + exchange * 3
    assert arrows(draw(raw, selection=Selection(clients=("dev-*",)))) == session * 2 + exchange * 2
    assert arrows(draw(raw, selection=Selection(clients=("10.0.1.2:*",)))) == session + exchange
    assert arrows(draw(raw, selection=Selection(streams=(0,), clients=("other",)))) == session * 2 + exchange * 2
    assert arrows(draw(raw, selection=Selection(topics=("a/+",)))) == exchange * 2
    assert arrows(draw(raw, selection=Selection(topics=("a/+",), clients=("dev-2",)))) == exchange
    assert arrows(draw(raw, selection=Selection(start_ns=400 * MS))) == exchange
    assert arrows(draw(raw, selection=Selection(end_ns=12 * MS))) == session * 2
    assert draw(raw, selection=Selection(clients=("nobody",))) == []


# Bad input


def test_captures_without_mqtt_have_one_clear_line(mqttdissect: Run) -> None:
    """And no picture."""
    done = mqttdissect("ladder", CAPTURES / "mosquitto-5.0-tls.pcapng")
    assert (done.stdout, done.returncode) == ("", 0)
    assert "TLS, which is not dissected" in done.stderr
    assert "no MQTT in" in done.stderr


def test_a_selection_of_nothing_has_one_clear_line(mqttdissect: Run) -> None:
    """That says that there is something else."""
    done = mqttdissect("ladder", "--client", "nobody", CAPTURES / DRAWN[0])
    assert (done.stdout, done.returncode) == ("", 0)
    assert done.stderr.splitlines() == [
        f"mqttdissect: nothing to draw: none of the {51} packets fits the selection"
    ]  # fmt: skip


def test_half_a_session_and_a_single_packet() -> None:
    """One direction only; one packet only."""
    scene = Scene()
    stream = Stream(CLIENT, SERVER)
    scene.keep(stream.client(connect("c"), publish("t", b"x"), DISCONNECT))
    assert arrows(draw(scene.pcap())) == ["CONNECT", "PUBLISH", "DISCONNECT"]
    single = Scene()
    single.keep(Stream(CLIENT, SERVER).client(connect("c")))
    assert arrows(draw(single.pcap())) == ["CONNECT"]


@pytest.mark.parametrize(
    "evil",
    [
        "\x1b[31m\x07\x9b2J\u202e",
        "<script>alert(1)</script>",
        "x" * 60_000,
        "温度" * 9000,
        "a\r\nb\tc",
        "[red]x[/red]",
        "e" + "\u0301" * 30_000,
        "\u0301" * 300,
    ],
)
@pytest.mark.parametrize("width", [60, 80, 200])
def test_text_from_the_wire_is_shown_not_obeyed(evil: str, width: int) -> None:
    """In names, topics and user names; no line is too wide, no character is invisible."""
    scene = Scene()
    stream = scene.open(evil)
    scene.keep(stream.client(publish(evil.replace("[", "("), b"x"), packet(0x82, b"\x00\x01" + text(evil) + b"\x00")))
    lines = draw(scene.pcap(), width)
    assert all(line.isprintable() and cells(line) <= width and len(line) < 3 * width for line in lines)
    assert len(lines) < 20


@pytest.mark.parametrize("times", ["r", "ud"])
@pytest.mark.parametrize("width", [60, 77, 100, 133, 180])
@pytest.mark.parametrize("seed", range(3))
def test_every_line_ends_at_the_edge(seed: int, width: int, times: str) -> None:
    """Whatever texts, pauses, steps of the clock, and numbers of clients and brokers."""
    chance = random.Random(seed)
    topics = ["日本語/トピック", "a/b", "emoji/😀/👨‍👩‍👧", "x" * 300, "e\u0301/é", "a, b  c", "\x1b[31mred", "l/" * 40]
    names = ["c", "クライアント一号", "😀", "x" * 200, "é" * 30, "a\u202eb"]
    scene = Scene()
    streams = [scene.open(chance.choice(names) + str(n), chance.randrange(2, 6)) for n in range(3 + seed * 6)]
    for count in range(1, 100):
        stream = chance.choice(streams)
        scene.at(max(0, scene.now / MS + chance.choice((0, 0, 0, 40, 150, 20_000, 8_000_000, -130))))
        qos = chance.randrange(3)
        send, answer = (stream.client, stream.server) if count % 3 else (stream.server, stream.client)
        send(publish(chance.choice(topics), b"%d" % (count % 5), qos, count))
        if qos == 1:
            answer(packet(0x40, struct.pack(">H", count)))
        if count % 20 == 0:
            stream.lose(0, count)
        scene.keep(stream)
    for line in draw(scene.pcap(), width, times=times):
        assert cells(line) == width or (cells(line) < width and line[-1] not in "│┤┊"), line


def test_a_topic_that_takes_no_column_is_there() -> None:
    """Marks alone are drawn over what stands before them."""
    scene = Scene()
    stream = scene.open("c")
    scene.keep(stream.client(publish("\u0301\u0301", b"")))
    assert with_text(draw(scene.pcap()), "QoS 0  \u0301\u0301")


def test_what_is_narrow_is_so_for_rich_too() -> None:
    """The quick answer for characters that are no ASCII is the slow one's."""
    for point in range(0xD800):
        char = chr(point)
        assert not narrow(char) or not char.isprintable() or cell_len(char) == 1, hex(point)
    assert narrow("Küche/дом → ⟨1⟩…✗")
    assert not narrow("温度")


def test_a_long_topic_has_its_beginning_and_its_end() -> None:
    """In its line where there is room, else below, with one ellipsis; so do topics in letters of any width."""
    for level in ("machine", "温度计"):
        ends = [f"{'/'.join([level] * 16)}/{last}" for last in ("first", "last")]
        scene = Scene()
        scene.keep(scene.open("c").client(*[publish(topic, b"x") for topic in ends]))
        wide = "\n".join(draw(scene.pcap(), 240))
        assert all(topic in wide for topic in ends)
        narrow = draw(scene.pcap(), 80)
        assert [len(with_text(narrow, f"/{last} ")) for last in ("first", "last")] == [1, 1]
        assert all(line.count("…") == 1 and f"  {level}/" in line for line in with_text(narrow, "st  "))
    assert abbreviated("温度/客厅/一二三", 9) == "温度…二三"
    assert abbreviated("é" * 4 + "e\u0301" * 20, 9) == "éééé…" + "e\u0301" * 2


def test_folding() -> None:
    """At double spaces, at spaces, anywhere; in so many lines at most."""
    assert fold("one two  three four", 12, 12) == ["one two", "three four"]
    assert fold("x" * 100, 10, 8) == ["x" * 10, "x" * 8, "x" * 8, "x" * 7 + "…"]
    assert fold("room/kitchen/light", 10, 10) == ["room/", "kitchen/", "light"]
    assert fold("0 connection accepted", 10, 22) == ["", "0 connection accepted"]
    assert fold("", 10, 10) == [""]
    assert len(fold("word " * 1000, 20, 18)) == MOST_LINES
    assert [abbreviated("sensor-0001", width) for width in (11, 8, 2, 1)] == ["sensor-0001", "sens…001", "s…", "…"]


def test_usage(mqttdissect: Run) -> None:
    """One line that says what is wrong."""
    for options, says in (
        (["--topic", "a/#/b"], "no topic filter"),
        (["--from", "5", "--to", "4"], "is after --to"),
        (["--width", "3"], "--width"),
    ):
        done = mqttdissect("ladder", *options, CAPTURES / DRAWN[0])
        assert done.returncode == 2
        assert says in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_first_lines_are_there_while_the_input_goes_on(tmp_path: Path) -> None:
    """As for somebody who watches tcpdump."""
    raw = (CAPTURES / "mosquitto-3.1.1-qos.pcap").read_bytes()
    arguments = [sys.executable, "-m", "mqttdissect", "ladder", "--width", "100", "-"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert run.stdin is not None and run.stdout is not None
        run.stdin.write(raw[:2000])
        run.stdin.flush()
        lines = [run.stdout.readline().decode() for _ in range(3)]
        assert "CONNECT" in lines[2]
        run.stdin.write(raw[2000:])
        run.stdin.close()
        assert b"DISCONNECT" in run.stdout.read()


def test_the_width_is_told_by_columns(mqttdissect: Run) -> None:
    """Or by --width."""
    for options, columns in (([], "90"), (["--width", "90"], "150")):
        done = mqttdissect("ladder", *options, CAPTURES / DRAWN[0], COLUMNS=columns)
        assert max(map(len, done.stdout.splitlines())) == 90


if __name__ == "__main__":
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for one in DRAWN:
        for columns in WIDTHS:
            for when in ("never", "always"):
                stored(one, columns, when).write_text(snapshot(one, columns, when), encoding="utf-8")
