"""What the capture cannot decide is not reported: frames are taken out of the shipped captures, and no rule may be
broken by that which is not broken in the whole capture."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conversations import suback, subscribe
from support import PINGREQ, PINGRESP, Stream, pcap

from mqttdissect import open_capture
from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.rule import WARNING
from mqttdissect.capture.frame import Frame
from mqttdissect.capture.reader import CaptureReader
from mqttdissect.net.ip import Unwrapper
from mqttdissect.net.segment import reverse
from mqttdissect.pipeline import Dissector

Frames = list[Frame]


def rules_broken(frames: Frames) -> set[str]:
    """The rules whose findings are warnings or errors."""
    dissector = Dissector()
    analysis = dissector.analysis = Analysis()
    for at in range(0, len(frames), 64):
        dissector.feed_frames(frames[at : at + 64])
    dissector.flush()
    return {one.rule.id for one in analysis.take() if one.severity >= WARNING}


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


def test_one_side_alone_breaks_no_rule_of_both(capture: Path) -> None:
    frames = list(open_capture(capture))
    for port in (b"\x07\x5b",):  # 1883
        to_broker = [frame for frame in frames if port in frame.data[34:60] and frame.data[36:38] == port]
        alone = rules_broken(to_broker)
        assert not alone & {"suback-missing", "publish-unacknowledged", "pingreq-unanswered", "connack-missing"}


def test_codes_of_a_suback_are_not_counted_if_the_version_is_a_guess() -> None:
    """The Property Length of MQTT 5.0 may be taken for a code, if the SUBACK is captured first."""
    one = Stream().server(PINGRESP).client(PINGREQ).server(suback(4, 1, five=True))
    one.client(subscribe(4, ("a", 1), properties=b"")).fin()
    assert rules_broken(CaptureReader().feed(pcap(one.frames))) == set()
