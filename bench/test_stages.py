"""Each stage on its own, fed with what the one before makes of a synthetic capture: where does it get slower?

    pytest bench                                          the installed build, half a minute
    pytest bench --benchmark-autosave                     keep the figures in .benchmarks
    pytest bench --benchmark-compare --benchmark-sort=fullname

The stages run outside of the pipeline, so each item costs a call from interpreted code that it does not cost there;
compare a stage with itself, not with another.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parent.parent))  # behind the installed package, not before it

from bench.generate import write_capture
from mqttdissect.capture.frame import Frame
from mqttdissect.capture.notes import FrameNotes
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.mqtt.dissector import MqttDissector
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.segment import Segment
from mqttdissect.net.stream import Chunk
from mqttdissect.net.tcp import Reassembler
from mqttdissect.output.clock import Clock
from mqttdissect.output.columns import Columns, FieldsWriter
from mqttdissect.output.hexdump import WithDump
from mqttdissect.output.ladder.model import Ladder
from mqttdissect.output.ladder.parties import Columns as Places
from mqttdissect.output.ladder.pieces import Shape
from mqttdissect.output.ladder.selection import Selection
from mqttdissect.output.ladder.terminal import TerminalLadder
from mqttdissect.output.ndjson import JsonWriter
from mqttdissect.output.summary import SummaryWriter
from mqttdissect.output.theme import Theme, no_colour, theme_for
from mqttdissect.output.tree import TreeWriter
from mqttdissect.output.writer import Writer
from mqttdissect.pipeline import Dissector
from mqttdissect.source import BLOCK
from mqttdissect.transport.detect import MQTT_PORT, Transport

Stage = Callable[[str, int, Callable[[], tuple[object, ...]], Callable[..., object]], None]  # of conftest
FRAMES = 30_000
SCENARIOS = ("mixed", "mostly-other", "lossy-order", "large-payloads")


@dataclass(frozen=True)
class Inputs:
    """What each stage is fed with."""

    blocks: list[bytes]
    frames: list[Frame]
    segments: list[Segment]
    chunks: list[Chunk]
    streams: list[Chunk]  # of MQTT
    packets: list[Packet]


def inputs(scenario: str) -> Inputs:
    """A capture, and what becomes of it from stage to stage."""
    file = io.BytesIO()
    write_capture(file, FRAMES, scenario)
    data = file.getvalue()
    blocks = [data[at : at + BLOCK] for at in range(0, len(data), BLOCK)]
    reader, unwrapper, tcp, transport, mqtt = CaptureReader(), Unwrapper(), Reassembler(), detector(), MqttDissector(0)
    frames = [frame for block in blocks for frame in reader.feed(block)]
    segments = [segment for frame in frames if (segment := unwrapper.segment(frame)) is not None]
    chunks = [chunk for segment in segments for chunk in tcp.feed(segment)] + tcp.close()
    streams = [one for chunk in chunks for one in transport.feed(chunk)]
    packets = [packet for chunk in streams for packet in mqtt.feed(chunk)]
    return Inputs(blocks, frames, segments, chunks, streams, packets)


def detector() -> Transport:
    """Looks for MQTT on its port."""
    return Transport(frozenset([MQTT_PORT]))


@pytest.fixture(scope="module", params=SCENARIOS)
def made(request: pytest.FixtureRequest) -> Inputs:
    """Each scenario in turn."""
    return inputs(request.param)


@pytest.fixture(scope="module")
def mixed() -> Inputs:
    """For the writers, which do not see much of a scenario."""
    return inputs("mixed")


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """The command hardly collects either: nearly nothing is in cycles."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def each(call: Callable[..., object], items: list[object]) -> None:
    """Hand over the items, one by one."""
    for item in items:
        call(item)


def test_frames(stage: Stage, made: Inputs) -> None:
    stage("frames", FRAMES, lambda: (CaptureReader().feed, made.blocks), each)


def test_segments(stage: Stage, made: Inputs) -> None:
    stage("frames", FRAMES, lambda: (Unwrapper().segment, made.frames), each)


def test_chunks(stage: Stage, made: Inputs) -> None:
    stage("segments", len(made.segments), lambda: (Reassembler().feed, made.segments), each)


def test_transport(stage: Stage, made: Inputs) -> None:
    stage("chunks", len(made.chunks), lambda: (detector().feed, made.chunks), each)


def test_packets(stage: Stage, made: Inputs) -> None:
    stage("packets", len(made.packets), lambda: (MqttDissector(0).feed, made.streams), each)


def test_all_stages(stage: Stage, made: Inputs) -> None:
    stage("frames", FRAMES, lambda: (Dissector().feed, made.blocks), each)


def columns(comma: bool) -> Writer:
    """Three columns."""
    return FieldsWriter(Columns(["frame.number", "mqtt.topic", "mqtt.msgid"], Clock("r"), False), comma)


class Drawn:
    """A ladder as a writer."""

    def __init__(self, theme: Theme) -> None:
        shape = Shape(120)
        self.ladder = Ladder(Selection(), Places(shape.lanes, True), shape.brokers, True)
        self.view = TerminalLadder(theme, Clock("r"), shape)

    def text(self, packet: Packet) -> str:
        """Its lines."""
        return self.view.text(self.ladder.add([packet])).decode()


WRITERS: dict[str, Callable[[], Writer]] = {
    "summary": lambda: SummaryWriter(no_colour(), Clock("r")),
    "summary-colour": lambda: SummaryWriter(theme_for(sys.stdout, "always"), Clock("r")),
    "tree": lambda: TreeWriter(no_colour(), Clock("r"), 0, 56, False, FrameNotes()),
    "tree-colour": lambda: TreeWriter(theme_for(sys.stdout, "always"), Clock("r"), 0, 56, False, FrameNotes()),
    "hex": lambda: WithDump(WRITERS["tree"](), no_colour(), False),
    "json": lambda: JsonWriter(False, FrameNotes()),
    "fields": lambda: columns(False),
    "csv": lambda: columns(True),
    "ladder": lambda: Drawn(no_colour()),
    "ladder-colour": lambda: Drawn(theme_for(sys.stdout, "always")),
}


@pytest.mark.parametrize("form", WRITERS)
def test_writer(stage: Stage, mixed: Inputs, form: str) -> None:
    stage("packets", len(mixed.packets), lambda: (WRITERS[form]().text, mixed.packets), each)
