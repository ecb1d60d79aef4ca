"""What the capture cannot decide is not reported: frames of the shipped captures are taken out, or written down in
another order, and no rule may be broken by that which is not broken in the capture as it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conversations import connack, connect, publish, suback, subscribe
from support import PINGREQ, PINGRESP, Stream, pcap

from mqttdissect import open_capture
from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import WARNING
from mqttdissect.capture.frame import Frame
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.segment import reverse
from mqttdissect.pipeline import Dissector

Frames = list[Frame]


def findings(frames: Frames) -> list[Finding]:
    """All of them, notes too."""
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    for at in range(0, len(frames), 64):
        dissector.feed_frames(frames[at : at + 64])
    dissector.flush()
    return analysis.take()


def rules_broken(frames: Frames) -> set[str]:
    """The rules whose findings are warnings or errors."""
    return {one.rule.id for one in findings(frames) if one.severity >= WARNING}


def at_random(share: float, seed: int) -> Callable[[Frames], Frames]:
    """Each frame is lost with this probability."""

    def lose(frames: Frames) -> Frames:
        chance = random.Random(seed)
        return [frame for frame in frames if chance.random() >= share]

    return lose


def connections(share: float, seed: int, sides: bool = False) -> Callable[[Frames], Frames]:
    """Each TCP connection is missing with this probability, or one side of it."""

    def lose(frames: Frames) -> Frames:
        chance = random.Random(seed)
        unwrapper = Unwrapper()
        missing: dict[bytes, bool] = {}
        kept: Frames = []
        for frame in frames:
            segment = unwrapper.segment(frame)
            if segment is not None:
                flow = bytes(segment.flow)
                if flow not in missing:
                    missing[flow] = chance.random() < share
                    missing[reverse(flow)] = missing[flow] and not sides
                if missing[flow]:
                    continue
            kept.append(frame)
        return kept

    return lose


WAYS: dict[str, Callable[[Frames], Frames]] = {
    "the first quarter": lambda frames: frames[len(frames) // 4 :],
    "the last quarter": lambda frames: frames[: len(frames) * 3 // 4],
    "a burst": lambda frames: frames[: len(frames) // 3] + frames[len(frames) // 3 + 5 :],
    **{f"{share:.0%}, {seed}": at_random(share, seed) for share in (0.01, 0.05, 0.2) for seed in (1, 2)},
    **{f"{share:.0%} of the connections, {seed}": connections(share, seed) for share in (0.2, 0.6) for seed in (1, 2)},
    **{f"a side of {share:.0%}, {seed}": connections(share, seed, True) for share in (0.2, 0.6) for seed in (1, 2)},
}


@pytest.mark.parametrize("way", WAYS)
def test_lost_frames_break_no_rule(capture: Path, way: str) -> None:
    frames = list(open_capture(capture))
    assert rules_broken(WAYS[way](frames)) <= rules_broken(frames), f"without {way}"


def late(by_ns: int, seed: int, kept: bool, whole: Callable[[Frame], bytes]) -> Callable[[Frames], Frames]:
    """Frames are written down up to `by_ns` late, those of one interface all by the same time. whole: the interface;
    empty where each frame has its own time. kept: do they keep their time stamps, or are these those of the writing?"""

    def disturb(frames: Frames) -> Frames:
        chance = random.Random(seed)
        interfaces: dict[bytes, int] = {}
        written = []
        for frame in frames:
            delay = chance.randrange(by_ns)
            interface = whole(frame)
            written.append(frame.time_ns + (interfaces.setdefault(interface, delay) if interface else delay))
        times = sorted(written)
        order = sorted(range(len(frames)), key=lambda at: (written[at], at))
        return [
            Frame(number, frames[at].time_ns if kept else times[number - 1], frames[at].link_type, frames[at].data,
                  frames[at].original_length, frames[at].interface)
            for number, at in enumerate(order, 1)
        ]  # fmt: skip

    return disturb


def side(frame: Frame) -> bytes:
    """To the broker, or from it, of Ethernet and IPv4."""
    return b"from" if frame.data[34:36] < frame.data[36:38] else b"to"


def ends(frame: Frame) -> bytes:
    """The connection, of Ethernet and IPv4."""
    return b"".join(sorted([frame.data[26:30] + frame.data[34:36], frame.data[30:34] + frame.data[36:38]]))


ORDERS = {
    f"{name}, {by_ns // 1_000_000} ms, {'kept' if kept else 'anew'}": late(by_ns, 1, kept, whole)
    for name, whole in (("frames", lambda frame: b""), ("sides", side), ("connections", ends))
    for by_ns, kept in ((1_000_000, True), (5_000_000, True), (1_000_000, False))
    if name != "frames" or by_ns == 1_000_000  # 5 ms are longer than it takes to connect on one machine
}


@pytest.mark.parametrize("order", ORDERS)
def test_swapped_frames_break_no_rule(capture: Path, order: str) -> None:
    frames = list(open_capture(capture))
    assert rules_broken(ORDERS[order](frames)) <= rules_broken(frames), f"with {order}"


def test_one_side_alone_breaks_no_rule_of_both(capture: Path) -> None:
    frames = list(open_capture(capture))
    for port in (b"\x07\x5b",):  # 1883
        to_broker = [frame for frame in frames if port in frame.data[34:60] and frame.data[36:38] == port]
        alone = rules_broken(to_broker)
        assert not alone & {"suback-missing", "publish-unacknowledged", "pingreq-unanswered", "connack-missing"}


@pytest.mark.parametrize(("lost", "known"), [(0, True), (2, False)])
def test_a_disconnect_may_be_what_the_capture_lacks(lost: int, known: bool) -> None:
    """Is it said that there was none?"""
    one = (
        Stream().handshake().client(connect("c")).server(connack()).client(PINGREQ).server(PINGRESP).lose(0, lost).fin()
    )
    found = {one.rule.id for one in findings(CaptureReader().feed(pcap(one.frames)))}
    assert ("closed-without-disconnect" in found) == known


def test_codes_of_a_suback_are_not_counted_if_the_version_is_a_guess() -> None:
    """The Property Length of MQTT 5.0 may be taken for a code, if the SUBACK is captured first."""
    one = Stream().server(PINGRESP).client(PINGREQ).server(suback(4, 1, five=True))
    one.client(subscribe(4, ("a", 1), properties=b"")).fin()
    assert rules_broken(CaptureReader().feed(pcap(one.frames))) == set()


def test_the_sender_of_a_disconnect_is_not_at_fault_if_the_version_is_a_guess() -> None:
    """A PUBLISH with an undefined property is none of MQTT 5.0, so that 3.1.1 is taken for the version."""
    one = Stream().handshake().lose(0, 25).server(connack(properties=b""))
    one.client(publish("a/b", "x", properties=b"\x7f\x01")).server(b"\xe0\x01\x81").fin()
    assert rules_broken(CaptureReader().feed(pcap(one.frames))) == set()


@pytest.mark.parametrize(("accepted", "hidden"), [(True, False), (False, False)])
def test_a_client_that_was_taken_over_before_its_connack_was_captured(accepted: bool, hidden: bool) -> None:
    """Its successor may well be captured."""
    yes = connack(properties=b"")
    one = Stream().handshake().client(connect("twin", level=5))
    one = one.server(yes) if accepted else one.lose(1, len(yes))
    two = Stream(source=(bytes([10, 0, 0, 3]), 40001)).handshake().client(connect("twin", level=5))
    first = len(one.client(PINGREQ).frames)
    frames = one.server(PINGRESP).server(b"\xe0\x01\x8e").fin().frames
    found = findings(
        CaptureReader().feed(pcap(frames[:first] + two.frames + frames[first:] + two.server(yes).frames[-1:]))
    )
    assert ("clients-not-captured" in {one.rule.id for one in found}) == hidden
