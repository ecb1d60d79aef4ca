"""`diff` where a capture lacks frames: what is missing is told, with the reason; everything else is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conversations import PINGREQ, publish
from differing import CAPTURES, Run, between, kept, written
from support import Stream, connect, pcap

from mqttdissect import open_capture
from mqttdissect.capture.frame import Frame
from mqttdissect.comparison.compare import compare
from mqttdissect.comparison.difference import ORDER, UNSEEN_PARTS, Options
from mqttdissect.mqtt.packet import UNDECODED, Packet
from mqttdissect.pipeline import Dissector

LOST = 20  # frames of each capture, one after the other
RECORDED = (
    "survey-mosquitto.pcap", "survey-aedes.pcap", "survey-rabbitmq.pcap", "survey-amqtt.pcap",
    "mosquitto-3.1.1-qos.pcap", "mosquitto-3.1-mqisdp.pcap", "aedes-3.1.1-websocket.pcapng", "mosquitto-bridge.pcap",
)  # fmt: skip


def dissected(frames: list[Frame]) -> list[Packet]:
    """In order."""
    dissector = Dissector()
    dissector.put_in_order()
    return dissector.feed_frames(frames) + dissector.flush()


def fit(packets: list[Packet]) -> list[int]:
    """Frames that carry whole packets, and nothing else; without a CONNECT."""
    spread = {frame for packet in packets if packet.spans for _, frame in packet.spans}
    unfit = {int(packet.frame) for packet in packets if packet.type == UNDECODED or packet.name == "CONNECT"}
    frames = sorted({int(packet.frame) for packet in packets} - spread - unfit)
    return frames[:: max(len(frames) // LOST, 1)]


@pytest.mark.parametrize("name", RECORDED)
def test_a_lost_frame_is_all_that_differs(name: str) -> None:
    """Nothing is in another order, or has another value; nothing but what was lost, and its answer, is told."""
    frames = list(open_capture(CAPTURES / name))
    packets = dissected(frames)
    whole = kept(packets)
    for lost in fit(packets):
        bad = kept(dissected([frame for frame in frames if frame.number != lost]))
        result = compare(whole, bad, Options(times=True))
        assert ORDER not in result.counts
        for one in result.differences:
            assert one.frames[0] == lost or one.what in ("PINGRESP", "PINGREQ"), f"without frame {lost}"
            assert one.what == "PINGREQ" or "the capture of BAD lacks" in one.says, f"without frame {lost}"


def message(whole: bool) -> bytes:
    """A connection with a long message, in three segments of which the second may be missing."""
    stream = Stream().handshake().client(connect("c"))
    data = publish("t/long", bytes(range(256)) * 12, 1, 5)
    stream.client(data[:1000])
    if whole:
        stream.client(data[1000:2000])
    else:
        stream.lose(0, 1000)
    return pcap(stream.client(data[2000:]).server(b"\x40\x02\x00\x05").client(PINGREQ).frames)


def test_a_hole_in_a_packet_is_no_other_value(mqttdissect: Run, tmp_path: Path) -> None:
    """What the capture lacks of it is set aside, and said."""
    result = between(message(True), message(False))
    assert result.same and result.aside[UNSEEN_PARTS] == 1
    done = mqttdissect("diff", *written(tmp_path, message(True), message(False)))
    assert done.returncode == 0
    assert "Set aside: 1 parts of packets that a capture lacks" in done.stdout
    assert "The capture of BAD lacks 1,000 bytes of MQTT: what is missing may be due to that" in done.stdout
    done = mqttdissect("diff", "-T", "json", *written(tmp_path, message(True), message(False)))
    assert json.loads(done.stdout)["summary"]["bytes_not_captured"] == [0, 1000]


def test_what_is_lost_at_the_end_is_told() -> None:
    """Its sender was acknowledged more than the capture has."""
    whole, lost = Stream().handshake(), Stream().handshake()
    for stream in (whole, lost):
        stream.client(connect("c"), publish("t", "x", 1, 5))
        stream.client(publish("t", "y", 1, 6)) if stream is whole else stream.lose(0, 9)
        stream.server(b"\x20\x02\x00\x00").fin()
    (one,) = between(pcap(whole.frames), pcap(lost.frames)).differences
    assert (one.what, one.says) == ("PUBLISH", "the capture of BAD lacks 9 bytes of this connection")
