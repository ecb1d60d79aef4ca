"""Synthetic MQTT captures with known contents, for benchmarks and tests.

    python bench/generate.py --frames 1000000 --scenario mixed --seed 1 --truth truth.json out.pcap

Writes a classic pcap file (microseconds, Ethernet) and, if asked, a JSON file with what is in it. The same
frames, scenario and seed give the same bytes. Every connection is there from its SYN to its FIN, the sequence
numbers and all checksums are right, and the number of frames is exactly the one asked for.

How: many sessions live at once; each step picks one, lets it plan its next exchange if its queue is empty,
and writes one frame of it. `Scheduler.room` is the number of frames that nobody has planned yet and that no
open session needs for its end; when it runs low, one session fills it up and all of them end.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import mqtt
from bench.background import other_session
from bench.disorder import LossyConnection
from bench.sessions import ROOM, Exchange, MqttSession, Session, Tally, World
from bench.wire import PCAP_HEADER, RECORD, Connection

GENERATOR = 2  # goes up when the bytes for the same arguments change
OPENING = 5  # frames
MINIMUM = 10  # frames: one session with one PUBLISH
START = 1_700_000_000_000_000  # microseconds

_M = MqttSession
_MIX: dict[Exchange, int] = {
    _M.at_most_once: 35,
    _M.at_least_once: 30,
    _M.exactly_once: 8,
    _M.ping: 10,
    _M.burst: 6,
    _M.split: 10,
    _M.unsubscribe: 1,
}


@dataclass(frozen=True)
class Scenario:
    """What the sessions of a capture do, how many there are and how long they last."""

    mix: dict[Exchange, int]
    frames_per_client: float  # mean; infinite: until the end
    at_once: int  # sessions that are open at the same time, in a large capture
    payload: tuple[int, int] = (20, 200)  # bytes
    lossy: bool = False
    other: float = 0.0  # share of frames that aren't MQTT's

    @property
    def exchanges(self) -> list[Exchange]:
        """The exchanges, each as often as its weight."""
        return [exchange for exchange, weight in self.mix.items() for _ in range(weight)]


SCENARIOS = {
    "mixed": Scenario(_MIX, 1000, 250),
    "many-clients": Scenario(_MIX, 14, 500),
    "few-clients": Scenario(_MIX, float("inf"), 10),
    "large-payloads": Scenario({_M.large: 80, _M.at_least_once: 10, _M.ping: 10}, 5000, 20),
    "mostly-other": Scenario(_MIX, 200, 20, other=0.99),
    "split-length": Scenario(_MIX | {_M.split_length: 20}, 1000, 250),
    "lossy-order": Scenario(_MIX | {_M.run: 30, _M.split: 20}, 1000, 250, lossy=True),
}


@dataclass(frozen=True)
class Truth:
    """What is in a capture.

    `mqtt_frames`, the frames that complete a packet, is null where segments are disturbed.
    """

    generator: int
    scenario: str
    seed: int
    frames: int
    bytes: int
    mqtt_packets: int
    mqtt_frames: int | None
    packets: dict[str, int]
    publish_qos: list[int]
    sessions: int
    sessions_v5: int
    sessions_ipv6: int
    pure_acks: int
    segments_moved: int
    segments_repeated: int


class Pool:
    """Sessions of one kind that are open at the same time."""

    def __init__(self, size: int, make: Callable[[int], Session]) -> None:
        self.size = size
        self.make = make
        self.sessions: list[Session] = []


class Scheduler:
    """Takes frames from sessions in turn; iterate over it for the frames."""

    def __init__(self, frames: int, scenario: Scenario, seed: int) -> None:
        self.world = World(seed, LossyConnection if scenario.lossy else Connection, scenario.payload)
        self.room = frames
        self._random = random.Random(seed + 1)
        self._clients = 0
        self._other = scenario.other
        exchanges = scenario.exchanges
        length = scenario.frames_per_client
        size = min(scenario.at_once, max(1, int(frames * (1 - scenario.other) / 100)))
        if length == float("inf"):
            size = min(scenario.at_once, max(1, frames // 50))
        self._mqtt = Pool(size, lambda index: _M(self.world, index, self._quota(length), exchanges))
        self._rest = Pool(
            min(300, frames // 200) if scenario.other else 0,
            lambda index: other_session(self.world, index, self._quota(60)),
        )

    def __iter__(self) -> Iterator[bytes]:
        for pool in (self._mqtt, self._rest):
            while len(pool.sessions) < pool.size and self._admit(pool):
                pass
        rnd, rest, other = self._random.random, self._rest.sessions, self._other
        sessions = self._mqtt.sessions
        while sessions or rest:
            pool = self._rest if rest and (rnd() < other or not sessions) else self._mqtt
            place = int(rnd() * len(pool.sessions))
            session = pool.sessions[place]
            queue = session.queue
            if not queue:
                self._advance(pool, place)
                if not queue:
                    continue
            yield queue.popleft()

    def _quota(self, mean: float) -> float:
        return mean if mean == float("inf") else self._random.expovariate(1 / mean)

    def _admit(self, pool: Pool) -> bool:
        """Open a session if there is room for its beginning and its end."""
        if self._clients and self.room < OPENING + ROOM:
            return False
        session = pool.make(self._clients)
        self._clients += 1
        self.room -= session.closing
        session.plan(self.room, False)
        self.room -= len(session.queue)
        pool.sessions.append(session)
        return True

    def _advance(self, pool: Pool, place: int) -> None:
        """Let a session with an empty queue plan, or take it out when it is done."""
        session = pool.sessions[place]
        if session.done:
            last = pool.sessions.pop()
            if last is not session:
                pool.sessions[place] = last
            return
        session.plan(self.room, self.room < ROOM)
        self.room -= len(session.queue)
        if session.done:
            self.room += session.closing
            self._admit(pool)


def write_capture(out: BinaryIO, frames: int, scenario: str = "mixed", seed: int = 1) -> Truth:
    """Write a capture of exactly `frames` frames and return what is in it; ValueError below MINIMUM."""
    if frames < MINIMUM:
        raise ValueError(f"a capture needs at least {MINIMUM} frames")
    scheduler = Scheduler(frames, SCENARIOS[scenario], seed)
    rng = random.Random(seed + 2)
    steps = [int(rng.expovariate(1 / 300)) + 1 for _ in range(4096)]  # microseconds between frames
    pack, time, size, count = RECORD.pack, START, len(PCAP_HEADER), 0
    chunks = [PCAP_HEADER]
    append = chunks.append
    for frame in scheduler:
        time += steps[count & 4095]
        count += 1
        length = len(frame)
        size += length
        append(pack(time // 1_000_000, time % 1_000_000, length, length))
        append(frame)
        if len(chunks) >= 4096:
            out.write(b"".join(chunks))
            chunks.clear()
    out.write(b"".join(chunks))
    return _truth(scheduler.world.tally, scenario, seed, count, size + 16 * count)


def _truth(tally: Tally, scenario: str, seed: int, frames: int, size: int) -> Truth:
    return Truth(
        generator=GENERATOR,
        scenario=scenario,
        seed=seed,
        frames=frames,
        bytes=size,
        mqtt_packets=sum(tally.packets),
        mqtt_frames=None if SCENARIOS[scenario].lossy else tally.mqtt_frames,
        packets={name: count for name, count in zip(mqtt.NAMES, tally.packets, strict=True) if count},
        publish_qos=tally.publish_qos,
        sessions=tally.sessions,
        sessions_v5=tally.v5,
        sessions_ipv6=tally.ipv6,
        pure_acks=tally.pure_acks,
        segments_moved=tally.moved,
        segments_repeated=tally.repeated,
    )


@click.command()
@click.option("--frames", default=1_000_000, show_default=True, type=click.IntRange(MINIMUM))
@click.option("--scenario", default="mixed", show_default=True, type=click.Choice(list(SCENARIOS)))
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same bytes.")
@click.option("--truth", type=click.Path(dir_okay=False, path_type=Path), help="Write what is in it as JSON.")
@click.argument("out", type=click.File("wb"))
def main(frames: int, scenario: str, seed: int, truth: Path | None, out: BinaryIO) -> None:
    """Write a synthetic MQTT capture to OUT ('-' is standard output)."""
    result = write_capture(out, frames, scenario, seed)
    if truth:
        truth.write_text(json.dumps(asdict(result), indent=2) + "\n")


if __name__ == "__main__":
    main()
