"""What holds for every input, sound or not; `check` raises `Broken` where it does not.

No exception but `CaptureError`. Every byte of a packet belongs to one field. Every byte of a stream belongs to one
packet. How the input is cut makes no difference. Text holds nothing that a terminal obeys. Nothing takes long.
"""

from __future__ import annotations

import json
import re
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from random import Random

import support
from inputs import Case

from mqttdissect import CaptureError, Dissector, Packet, decode
from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.rules import RULES
from mqttdissect.capture.compressed import Decompressor
from mqttdissect.capture.notes import FrameNotes
from mqttdissect.mqtt.fields import BYTE, DERIVED, GROUP
from mqttdissect.net.fragments import Fragments
from mqttdissect.net.stream import Chunk
from mqttdissect.output import deliveries, sessions
from mqttdissect.output.clock import Clock
from mqttdissect.output.columns import ABOUT_FRAMES, Columns, FieldsWriter, specs
from mqttdissect.output.hexdump import WithDump, hexdump
from mqttdissect.output.ndjson import JsonWriter
from mqttdissect.output.summary import SummaryWriter
from mqttdissect.output.theme import PALETTE, STYLES, Theme, no_colour
from mqttdissect.output.tree import TreeWriter

LONGEST_SECONDS = 2.0  # for a dissection, and for each way to write it
SGR = re.compile(r"\x1b\[[0-9;]*m")
RESET = "\x1b[0m"
COLOURS = Theme({name: f"\x1b[1;{31 + index % 7}m" for index, name in enumerate(STYLES) if STYLES[name]},
                [f"\x1b[{90 + index}m" for index in range(len(PALETTE))], RESET)  # fmt: skip
NAMES = list(ABOUT_FRAMES) + list(
    dict.fromkeys(
        name for spec in specs() for name in [spec.name, spec.alias, *(bit.name for bit in spec.bits)] if name
    )
)

Told = tuple[object, ...]
Write = Callable[[Packet], str]


class Broken(Exception):
    """Something that holds for every input does not hold for this one. what: which, without particulars."""

    def __init__(self, what: str, *about: object) -> None:
        super().__init__(" ".join([what, *map(repr, about)]))
        self.what = what


def require(holds: bool, what: str, *about: object) -> None:
    """Raise `Broken` unless it holds."""
    if not holds:
        raise Broken(what, *about)


def timed(what: str, began: float) -> None:
    """Raise `Broken` if more processor time has gone by than anything may take."""
    took = time.process_time() - began
    require(took <= LONGEST_SECONDS, f"{what} takes too long", f"{took:.1f} s")


def pieces(data: bytes) -> list[bytes]:
    """The input, cut at random; small inputs now and then into single bytes. The same cuts for the same bytes."""
    rng = Random(zlib.crc32(data))
    if len(data) < 4000 and rng.random() < 0.2:
        return [data[at : at + 1] for at in range(len(data))]
    found: list[bytes] = []
    most = rng.choice([3, 30, 300, 3000, 30000]) if len(data) < 10_000 else rng.choice([300, 3000, 30000])
    at = 0
    while at < len(data):
        step = rng.randrange(0, most)
        found.append(data[at : at + step])
        at += step
    return found


def unpacked(data: bytes, parts: list[bytes]) -> bytes:
    """What `data` holds, if it is compressed; the same however it was cut, unless it is corrupt."""
    found = []
    for cut in ([data], parts):
        unpacker = Decompressor()
        try:
            held = [piece for part in cut for piece in unpacker.feed(part)]
            held += unpacker.close()
        except CaptureError:
            return b""
        require(all(len(piece) <= 131072 or not unpacker.name for piece in held), "a piece beyond the bound", len(cut))
        found.append((b"".join(held), bool(unpacker.damage)))
    require(found[0] == found[1] or found[0][1] or found[1][1], "cut into pieces, it unpacks to something else", "")
    return found[0][0]


def dissected(version: int, parts: list[bytes]) -> tuple[list[Packet], Told]:
    """The packets, and all that can be told of the run: it has to be the same however the input was cut."""
    dissector = Dissector(version=version)
    analysis = dissector.analysis = Analysis()
    analysis.deliveries.watching = True
    packets: list[Packet] = []
    error = ""
    try:
        for part in parts:
            packets += dissector.feed(part)
        packets += dissector.close()
    except CaptureError as refused:
        error = str(refused)
        require(error.isprintable() and bool(error), "an error that is not a line", error)
    damage = [(int(one.offset), one.message) for one in dissector.damage]
    counts = [int(count) for count in (dissector.frames, dissector.first_ns, dissector.tcp.streams, dissector.tcp.gaps,
              dissector.tcp.gap_bytes, dissector.mqtt.packets, dissector.mqtt.malformed, dissector.unwrapper.broken,
              dissector.unwrapper.fragments)]  # fmt: skip
    others = sorted(dissector.transport.others.items()) + sorted(dissector.unwrapper.unknown_links.items())
    meaning = analysed(analysis) if not error else ()
    return packets, (error, support.told(packets), [placed(one) for one in packets], damage, counts, others, meaning)


def bounded(version: int, data: bytes) -> None:
    """With next to no room for anything the run is the same however the input was cut, and leaves nothing behind."""
    found = []
    for parts in ([data], pieces(data)):
        dissector = Dissector(
            version=version,
            most_streams=16,
            most_waiting=2000,
            fragments=Fragments(3000, 2, 10**9),
            most_incomplete=6000,
        )
        packets: list[Packet] = []
        try:
            for part in parts:
                packets += dissector.feed(part)
            packets += dissector.close()
        except CaptureError:
            return
        for packet in packets:
            every_byte_once(packet)
        require(
            dissector.mqtt.room.held == 0, "bytes of packets that are held by nobody", int(dissector.mqtt.room.held)
        )
        require(dissector.unwrapper.held.bytes == 0, "fragments that are held by nobody", "")
        given_up = [
            int(dissector.mqtt.room.given_up),
            int(dissector.tcp.dropped),
            dissector.unwrapper.fragments_dropped,
        ]
        found.append((support.told(packets), [placed(one) for one in packets], given_up))
    for whole, cut in zip(*found, strict=True):
        require(whole == cut, "with little room, cut into pieces, something else:", difference(whole, cut))


def analysed(analysis: Analysis) -> Told:
    """What the analysis tells: findings, connections, deliveries; as text, which is harmless."""
    findings = analysis.take()
    for one in findings:
        require(one.rule.id in RULES and one.what != "", "a finding without a rule or a word", one)
        require(one.fault in ("client", "broker", "network", "capture"), "a finding without a culprit", one, one.fault)
        require(one.start == -1 or 0 <= one.start <= one.end, "bytes that are none", one)
    pages = [sessions.page(link, [], 0, no_colour()) for link in analysis.take_links()]
    clock = Clock("e")
    lines = [deliveries.line(one, clock, no_colour()) for one in analysis.take_messages()]
    for text in (*pages, *lines):
        harmless("sessions", text)
    require(not analysis.open_links, "connections that never end", "")
    told = [(one.rule.id, int(one.frame), int(one.stream), one.what, one.fault, one.related) for one in findings]
    return told, pages, lines


def placed(packet: Packet) -> Told:
    """Where a packet was found."""
    stream = packet.stream
    return (
        int(packet.frame), int(packet.time_ns), None if stream is None else int(stream.number), packet.frames,
        int(packet.hole_offset), int(packet.hole_bytes), packet.hole_why, int(packet.version_by), int(packet.sender),
        int(packet.flags), int(packet.type),
    )  # fmt: skip


def every_byte_once(packet: Packet) -> None:
    """The leaves follow each other without a gap from the first byte to the last; fields say what they are."""
    at = 0
    for field in packet.leaves():
        require(field.start == at, "leaves leave a gap or overlap", packet, field)
        at = int(field.end)
        require(not field.spec.bits or field.end - field.start == 1, "bits in more than a byte", field)
    require(at == len(packet.data), "leaves end too soon or too late", packet, at)
    require(0 <= packet.time_ns < 2**63, "a time that is none", packet, int(packet.time_ns))
    require(0 <= packet.payload <= len(packet.fields), "a payload behind the fields", packet, int(packet.payload))
    ends: list[tuple[int, int]] = []
    for index, one in enumerate(packet.fields):
        require(0 <= one.start <= one.end <= len(packet.data), "a field outside of its packet", packet, one)
        require(not one.spec.bits or one.spec.kind == BYTE, "bits in something else than a byte", one)
        require(one.spec.kind != DERIVED or one.start == one.end, "a derived field with bytes", one)
        if one.spec.kind == GROUP:
            require(isinstance(one.value, int), "a group without a count", one)
            ends.append((index + int(str(one.value)), index))
    for end, index in ends:
        group = packet.fields[index]
        require(end < len(packet.fields), "a group that goes on behind the last field", packet, group)
        inside = packet.fields[index + 1 : end + 1]
        require(all(group.start <= one.start and one.end <= group.end for one in inside), "outside its group", group)
    for note in packet.notes or []:
        require(0 <= note.offset <= len(packet.data), "a note about a byte that is not there", packet, str(note))


def frames_of_bytes(packet: Packet) -> None:
    """Every byte came in one frame."""
    spans = packet.frames
    require(spans[0][0] == 0, "frames do not tell where the first byte came from", packet, spans)
    require(all(one[0] < two[0] for one, two in pairwise(spans)), "frames go back", packet, spans)
    require(spans[-1][0] < len(packet.data), "frames behind the end", packet, spans)


def streams(version: int, data: bytes) -> tuple[dict[tuple[int, int], bytes], dict[tuple[int, int], bytes]]:
    """What TCP hands on of every direction, and the part of it that is taken for MQTT, by (stream, direction)."""
    dissector = Dissector(version=version)
    all_bytes: dict[tuple[int, int], bytearray] = {}
    mqtt: dict[tuple[int, int], bytearray] = {}
    ignored: set[int] = set()

    def take(chunks: list[Chunk]) -> None:
        for chunk in chunks:
            key = int(chunk.stream.number), int(chunk.direction)
            all_bytes.setdefault(key, bytearray()).extend(chunk.data)
            for one in dissector.transport.feed(chunk):
                mqtt.setdefault((int(one.stream.number), int(one.direction)), bytearray()).extend(one.data)
            if chunk.stream.ignored:  # no MQTT: its segments pass without being put in order
                ignored.add(int(chunk.stream.number))

    try:
        frames = dissector.reader.feed(data)
        frames += dissector.reader.close()
    except CaptureError:
        return {}, {}
    for frame in frames:
        segment = dissector.unwrapper.segment(frame)
        if segment is not None:
            take(dissector.tcp.feed(segment))
    take(dissector.tcp.close())
    kept = {key: bytes(one) for key, one in all_bytes.items() if key[0] not in ignored}
    return kept, {key: bytes(one) for key, one in mqtt.items() if one}


def nothing_lost(case: Case, packets: list[Packet]) -> None:
    """Every byte of MQTT is in one packet, in order; where every byte was captured, every byte is handed on."""
    everything, mqtt = streams(case.version, case.data)
    found: dict[tuple[int, int], bytearray] = {}
    for packet in packets:
        stream = packet.stream
        if stream is None:
            raise Broken("a packet without a stream")
        found.setdefault((int(stream.number), int(packet.direction)), bytearray()).extend(packet.data)
    for key in mqtt.keys() | found.keys():
        require(mqtt.get(key, b"") == bytes(found.get(key, b"")), "packets are not the bytes of their stream", key)
    if case.expected is not None:
        for direction, expected in enumerate(case.expected):
            require(
                everything.get((0, direction), expected) == expected, "TCP does not hand on what was sent", direction
            )


def writers(first_ns: int) -> dict[str, Write]:
    """Every way to write packets, by name."""

    def clock(form: str = "r") -> Clock:
        made = Clock(form)
        made.first_ns = first_ns
        return made

    plain, about = no_colour(), FrameNotes()
    about.hosts = {
        bytes([10, 0, 0, 1]): "\x1b]0;host\x07",
        bytes([10, 0, 0, 2]): "broker",
        bytes(15) + b"\1": "=\u202e",
    }
    about.files = ["one\x1b[2J", "two"]
    return {
        "tree, named": TreeWriter(plain, clock(), 0, 0, False, about).text,
        "summary, named": SummaryWriter(plain, clock(), names=about.hosts).text,
        "json, named": JsonWriter(False, about).text,
        "csv, named": FieldsWriter(Columns(NAMES, clock(), False, about), True).text,
        "tree": TreeWriter(plain, clock(), 0, 0, False).text,
        "tree, folded": TreeWriter(plain, clock("ud"), 80, 40, True).text,
        "tree, coloured": TreeWriter(COLOURS, clock("d"), 0, 256, False).text,
        "tree, coloured, wrapped": TreeWriter(COLOURS, clock("e"), 80, 0, True).text,
        "summary": SummaryWriter(plain, clock()).text,
        "summary, coloured": SummaryWriter(COLOURS, clock("u")).text,
        "json": JsonWriter(False).text,
        "json, secrets": JsonWriter(True).text,
        "fields": FieldsWriter(Columns(NAMES, clock(), False), False).text,
        "csv": FieldsWriter(Columns(NAMES, clock(), True), True).text,
        "dump": lambda packet: hexdump(packet, plain, False),
        "dump, coloured": WithDump(SummaryWriter(COLOURS, clock()), COLOURS, True).text,
    }


def harmless(name: str, text: str) -> None:
    """No character that a terminal obeys, but for line ends and whole colours that end where they should."""
    if "coloured" in name:
        for line in text.split("\n"):
            found = SGR.findall(line)
            require(not found or found[-1] == RESET, f"{name}: a colour that goes on behind its line", line)
        text = SGR.sub("", text)
    if name == "fields":
        text = text.replace("\t", "")
    require(text.endswith("\n") or not text, f"{name}: text without its newline", text[-80:])
    if name.startswith("json"):
        require(text.count("\n") == 1, f"{name}: not one line")
        require(all(char >= " " for char in text[:-1]), f"{name}: a control character")
        return
    if not text.replace("\n", "").isprintable():
        bad = next(char for char in text if char != "\n" and not char.isprintable())
        raise Broken(f"{name}: a character that is not printable", bad)


def agrees(packet: Packet, text: str) -> None:
    """The JSON is valid, and says what the packet says."""
    line = json.loads(text)
    require(line["length"] == len(packet.data), "json: another length", packet)
    plain = [field for field in packet.fields if field.spec.kind != GROUP]
    require(len(line["fields"]) == len(plain), "json: another number of fields", packet)
    for entry, field in zip(line["fields"], plain, strict=True):
        require((entry["start"], entry["end"]) == (field.start, field.end), "json: another place", field)
    require((line["malformed"] is None) == (packet.notes is None), "json: malformed or not?", packet)


def written(packets: list[Packet], first_ns: int) -> list[str]:
    """All packets in all ways, each checked; one text for each way."""
    texts: list[str] = []
    for name, write in writers(first_ns).items():
        began = time.process_time()
        parts = [write(packet) for packet in packets]
        timed(f"writing {name}", began)
        for packet, part in zip(packets, parts, strict=True):
            harmless(name, part)
            if name.startswith("json"):
                agrees(packet, part)
        texts.append("".join(parts))
    return texts


def check(case: Case) -> list[object]:
    """Put `case` through everything; return all that came out, for comparing builds."""
    began = time.process_time()
    if case.target == "packet":
        packets = [decode(case.data, case.version)]
        told: Told = (support.told(packets), [placed(one) for one in packets])
        timed("decoding", began)
    else:
        data = unpacked(case.data, pieces(case.data))
        case = replace(case, data=data)
        packets, told = dissected(case.version, [case.data])
        timed("dissecting", began)
        began = time.process_time()
        _, again = dissected(case.version, pieces(case.data))
        timed("dissecting in pieces", began)
        for whole, cut in zip(told, again, strict=True):
            require(whole == cut, "cut into pieces, the input tells something else:", difference(whole, cut))
        nothing_lost(case, packets)
        if zlib.crc32(case.data) % 4 == 0:
            bounded(case.version, case.data)
    for packet in packets:
        every_byte_once(packet)
    texts = written(packets, int(packets[0].time_ns) if packets else 0)
    for packet in packets:
        frames_of_bytes(packet)
    return [told, texts]


def difference(one: object, other: object) -> object:
    """Where two results differ first."""
    if isinstance(one, list) and isinstance(other, list):
        for left, right in zip(one, other, strict=False):
            if left != right:
                return left, right
        return f"{len(one)} and {len(other)}"
    return one, other
