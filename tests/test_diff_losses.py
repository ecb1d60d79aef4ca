"""`diff` where a capture lacks frames: what is missing is told, with the reason; everything else is the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conversations import PINGREQ, publish
from differing import CAPTURES, Run, between, kept, written
from support import Stream, connect, dissected, pcap, whole_frames

from mqttdissect import open_capture
from mqttdissect.comparison.compare import compare
from mqttdissect.comparison.difference import ORDER, UNSEEN_PARTS, Options

LOST = 20  # frames of each capture, one after the other
RECORDED = (
    "survey-mosquitto.pcap", "survey-aedes.pcap", "survey-rabbitmq.pcap", "survey-amqtt.pcap",
    "mosquitto-3.1.1-qos.pcap", "mosquitto-3.1-mqisdp.pcap", "aedes-3.1.1-websocket.pcapng", "mosquitto-bridge.pcap",
)  # fmt: skip


@pytest.mark.parametrize("name", RECORDED)
def test_a_lost_frame_is_all_that_differs(name: str) -> None:
    """Nothing is in another order, or has another value; nothing but what was lost, and its answer, is told."""
    frames = list(open_capture(CAPTURES / name))
    packets = dissected(frames)
    whole = kept(packets)
    for lost in whole_frames(packets, LOST):
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
    assert "Not compared: 1 parts of packets that a capture lacks" in done.stdout
    assert "The capture of BAD lacks 1,000 bytes of MQTT: what is missing may be due to that" in done.stdout
    done = mqttdissect("diff", "-T", "json", *written(tmp_path, message(True), message(False)))
    assert json.loads(done.stdout)["summary"]["bytes_not_captured"] == [0, 1000]


def resized(size: int, lost: bool) -> bytes:
    """A message of so many bytes, of which the capture may lack some."""
    stream = Stream().handshake().client(connect("c"))
    data = publish("t/long", b"\xff" * size, 1, 5)
    stream.client(data[:1000])
    stream.lose(0, 500) if lost else stream.client(data[1000:1500])
    return pcap(stream.client(data[1500:]).server(b"\x40\x02\x00\x05").frames)


def test_the_size_of_what_is_not_whole_is_compared() -> None:
    (one,) = between(resized(3000, False), resized(2990, True)).differences
    (size,) = [change for change in one.changes if change.meaningful]
    assert (size.spec.label, size.good, size.bad) == ("Bytes of the application message", 3000, 2990)
    assert between(resized(3000, False), resized(3000, True)).same


@pytest.mark.parametrize("lost", [False, True])
def test_the_end_of_a_message_is_lost(mqttdissect: Run, tmp_path: Path, lost: bool) -> None:
    """It has the frame and time of what there is, though it is known for what it is ten seconds later only."""

    def capture(lost: bool) -> bytes:
        stream = Stream().handshake().client(connect("c")).server(b"\x20\x02\x00\x00")
        data = publish("t/long", b"x" * 1500, 1, 5)
        stream.client(data[:1000])
        stream.lose(0, len(data) - 1000) if lost else stream.client(data[1000:])
        stream.server(b"\x40\x02\x00\x05")
        count = len(stream.frames)
        return pcap(stream.client(PINGREQ).server(b"\xd0\x00").frames, pauses={count: 10.0})

    good, bad = written(tmp_path, capture(False), capture(lost))
    done = mqttdissect("diff", good, bad)
    assert done.returncode == 0 and "No differences in meaning" in done.stdout
    drawn = mqttdissect("ladder", bad).stdout
    assert "goes back" not in drawn and drawn.count("10.0 s") == 1
    (row,) = [line for line in drawn.splitlines() if "PUBLISH" in line]
    assert row.split()[0] == ("6" if lost else "7")


def test_a_lost_connect_of_a_client_that_is_named_in_topics() -> None:
    """That the other capture does not have its identifier from a CONNECT does not make its topics random."""

    def crowd(lost: bool) -> bytes:
        frames: list[bytes] = []
        for number, name in enumerate(("sensor-17", "sensor-18", "gateway")):
            stream = Stream(source=(bytes([10, 0, 0, 3 + number]), 40001)).handshake()
            hello = connect(name)
            stream.lose(0, len(hello)) if lost and name == "sensor-18" else stream.client(hello)
            stream.server(b"\x20\x02\x00\x00")
            for value in ("1", "2"):
                stream.client(publish(f"data/{name}/t", value))
            frames += stream.client(PINGREQ).server(b"\xd0\x00").frames
        return pcap(frames)

    (one,) = between(crowd(False), crowd(True)).differences
    assert (one.kind, one.what, one.client) == ("only in GOOD", "CONNECT", "sensor-18")
    assert "CONNACK #13 of BAD answers nothing; the capture of BAD lacks 23 bytes" in one.says


def test_an_alias_whose_topic_is_lost() -> None:
    """It may be any topic: only what set it is missing."""

    def aliased(lost: bool) -> bytes:
        stream = Stream().handshake().client(connect("c", level=5)).server(b"\x20\x03\x00\x00\x00")
        data = publish("a/long/topic", b"1", properties=b"\x23\x00\x03")
        stream.lose(0, len(data)) if lost else stream.client(data)
        for value in (b"2", b"3"):
            stream.client(publish("", value, properties=b"\x23\x00\x03")).server(b"\xd0\x00")
        return pcap(stream.frames)

    result = between(aliased(False), aliased(True))
    (one,) = result.differences
    assert (one.what, one.frames, result.aside[UNSEEN_PARTS]) == ("PUBLISH", (6, 0), 2)


def test_what_is_lost_at_the_end_is_told() -> None:
    """Its sender was acknowledged more than the capture has."""
    whole, lost = Stream().handshake(), Stream().handshake()
    for stream in (whole, lost):
        stream.client(connect("c"), publish("t", "x", 1, 5))
        stream.client(publish("t", "y", 1, 6)) if stream is whole else stream.lose(0, 9)
        stream.server(b"\x20\x02\x00\x00").fin()
    (one,) = between(pcap(whole.frames), pcap(lost.frames)).differences
    assert (one.what, one.says) == ("PUBLISH", "the capture of BAD lacks 9 bytes of this connection")
