"""What waits behind a hole that is in the capture only comes at its place, with the time that it has on the wire."""

from __future__ import annotations

from pathlib import Path

import pytest
from conversations import connack
from support import PINGREQ, PINGRESP, Stream, connect, dissected, pcap, whole_frames

from mqttdissect import open_capture
from mqttdissect.capture.frame import Frame
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net import order, tcp
from mqttdissect.pipeline import Dissector

SECOND = 1_000_000_000
LOST = 12  # frames of each capture, one after the other

Told = tuple[int, int, bytes]


def told(packet: Packet) -> Told:
    """Which one it is, and when."""
    return int(packet.frame), int(packet.time_ns), packet.data


def test_all_others_are_as_if_the_frame_had_not_been_lost(capture: Path) -> None:
    if "snaplen" in capture.name:
        pytest.skip("its frames are cut, so that another one that is lost widens a hole")
    frames = list(open_capture(capture))
    packets = dissected(frames)
    for lost in whole_frames(packets, LOST):
        rest = dissected([frame for frame in frames if frame.number != lost])
        assert list(map(told, rest)) == [told(one) for one in packets if one.frame != lost], f"without frame {lost}"


def read(
    stream: Stream, *others: bytes, step_ns: int = 1_000_000, pauses: dict[int, float] | None = None
) -> list[Frame]:
    """Its frames, and others behind them."""
    return CaptureReader().feed(pcap([*stream.frames, *others], nano=True, step_ns=step_ns, pauses=pauses))


def broken() -> Stream:
    """A connection that lacks a PINGREQ, frame 6: what the client sends from then on, frames 7 and 9, waits."""
    stream = Stream().handshake().client(connect("one")).server(connack(0))
    stream.lose(0, 2).server(PINGRESP).client(PINGREQ).server(PINGRESP).client(PINGREQ)
    return stream


def another(port: int) -> Stream:
    """A connection beside it."""
    return (
        Stream(source=(bytes([10, 0, 0, 3]), port))
        .handshake()
        .client(connect("two"))
        .server(connack(0))
        .client(PINGREQ)
    )


def test_answers_come_behind_their_requests() -> None:
    frames = read(broken())
    assert [int(packet.frame) for packet in dissected(frames)] == [4, 5, 6, 7, 8, 9]
    unordered = Dissector()
    packets = unordered.feed_frames(frames) + unordered.flush()
    assert [int(packet.frame) for packet in packets] == [4, 5, 6, 8, 7, 9]
    assert {told(packet) for packet in packets} == set(map(told, dissected(frames)))


def test_other_connections_wait_too() -> None:
    frames = read(broken(), *another(40001).frames)
    assert [int(packet.frame) for packet in dissected(frames)] == [4, 5, 6, 7, 8, 9, 13, 14, 15]


def test_nothing_waits_for_longer_than_its_patience() -> None:
    dissector = Dissector()
    dissector.put_in_order()
    beside = another(40001)
    frames = read(broken(), *beside.frames, *beside.client(PINGREQ).frames[-1:], pauses={15: 1.1})
    out = [int(packet.frame) for packet in dissector.feed_frames(frames[:-1])]
    assert out == [4, 5, 6] and dissector.held_from == 7
    assert dissector.tcp.has_holes
    late = [int(packet.frame) for packet in dissector.feed_frames(frames[-1:])]
    assert (
        late[:2] == [7, 8] and late[-1] == 16 and late == sorted(late)
    )  # the sweep has found the hole overdue by then


def test_so_many_wait_and_no_more() -> None:
    dissector = Dissector()
    dissector.put_in_order()
    beside = another(40001).client(*[PINGREQ] * 5000)
    packets = dissector.feed_frames(read(broken(), *beside.frames, step_ns=1000))
    ordered = dissector._order
    assert ordered is not None and ordered.waiting == order.MOST_WAITING
    packets += dissector.flush()
    assert len(packets) == 5000 + 9
    assert dissector.held_from == tcp.ANY_FRAME
