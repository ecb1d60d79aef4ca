"""How much survives when a capture lost frames: `python bench/loss.py`.

Removes frames at random from a capture (a synthetic one, or any given), and compares what is found in the rest with
what is in the whole one. A packet counts as whole when every frame that carried a byte of it is still there. It is
found when the damaged capture gives the same bytes from the same frames. One that was reported as whole and is not in
the undamaged capture never existed. tshark is asked the same, of packets that lie whole in one frame.
"""

from __future__ import annotations

import random
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).parent.parent))

from bench.generate import write_capture
from mqttdissect import Packet, dissect

Key = tuple[object, ...]
RATES = (1.0, 5.0, 20.0)


def records(raw: bytes) -> list[bytes]:
    """The records of a classic little-endian pcap file."""
    found = []
    at = 24
    while at + 16 <= len(raw):
        end = at + 16 + struct.unpack_from("<I", raw, at + 8)[0]
        found.append(raw[at:end])
        at = end
    return found


def carriers(packet: Packet, numbers: list[int]) -> tuple[int, ...]:
    """The frames that carried the packet, as numbered in the whole capture."""
    return tuple(numbers[frame - 1] for _, frame in packet.frames)


def found_in(path: Path, numbers: list[int]) -> dict[Key, Packet]:
    """The packets of a capture that are reported as whole, by their bytes, frames and place among equal ones."""
    seen: Counter[Key] = Counter()
    packets: dict[Key, Packet] = {}
    for packet in dissect(path):
        if packet.hole_offset >= 0 or packet.type < 0:
            continue
        key: Key = (packet.data, carriers(packet, numbers))
        seen[key] += 1
        packets[(*key, seen[key])] = packet
    return packets


def by_tshark(path: Path, numbers: list[int]) -> Counter[Key]:
    """Frame, type, length, identifier and topic of what tshark reports."""
    fields = ("frame.number", "mqtt.msgtype", "mqtt.len")
    command = ["tshark", "-n", "-r", str(path), "-Y", "mqtt", "-T", "fields"]
    for name in fields:
        command += ["-e", name]
    found: Counter[Key] = Counter()
    for line in subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines():
        frame, types, lengths = line.split("\t")
        kinds, sizes = types.split(","), lengths.split(",")
        for index in range(max(len(kinds), len(sizes))):
            kind = kinds[index] if index < len(kinds) else ""
            size = sizes[index] if index < len(sizes) else ""
            found[(numbers[int(frame) - 1], kind, size)] += 1
    return found


def measure(raw: bytes, rate: float, seed: int, folder: Path, ask_tshark: bool) -> dict[str, float]:
    """One rate of loss, in percent."""
    everything = records(raw)
    chance = random.Random(seed)
    kept = [n for n in range(1, len(everything) + 1) if chance.random() * 100 >= rate]
    whole, damaged = folder / "whole.pcap", folder / "damaged.pcap"
    whole.write_bytes(raw)
    damaged.write_bytes(raw[:24] + b"".join(everything[n - 1] for n in kept))
    truth = found_in(whole, list(range(1, len(everything) + 1)))
    ours = found_in(damaged, kept)
    there = set(kept)
    still_whole = {key for key, packet in truth.items() if all(frame in there for _, frame in packet.frames)}
    result = {
        "whole": len(still_whole),
        "found": 100 * len(still_whole & ours.keys()) / len(still_whole),
        "wrong": 100 * len(ours.keys() - truth.keys()) / len(ours),
    }
    if ask_tshark:
        alone: Counter[Key] = Counter()
        for key in still_whole:
            packet = truth[key]
            if len(packet.frames) == 1:
                length = next(field.value for field in packet.fields if field.spec.name == "mqtt.len")
                alone[(packet.frame, str(packet.type), str(length))] += 1
        reported = by_tshark(damaged, kept)
        known = Counter((packet.frame, str(packet.type), str(packet.fields[1].value)) for packet in truth.values())
        result["tshark found"] = 100 * (alone & reported).total() / alone.total()
        result["tshark wrong"] = 100 * (reported - known).total() / reported.total()
    return result


@click.command()
@click.option("--frames", default=100_000, help="Frames of the synthetic capture.")
@click.option("--scenario", default="mixed", help="Of bench/generate.py.")
@click.option("--capture", type=click.Path(exists=True, dir_okay=False), help="A classic pcap file instead.")
@click.option("--seed", default=1, help="Of the capture and of the loss.")
@click.option("--tshark/--no-tshark", default=shutil.which("tshark") is not None, help="Ask tshark too.")
def main(frames: int, scenario: str, capture: str | None, seed: int, tshark: bool) -> None:
    """Print, for 1%, 5% and 20% of frames lost, what part of the packets that are still whole is found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = Path(capture) if capture else folder / "source.pcap"
        if not capture:
            with source.open("wb") as file:
                write_capture(file, frames, scenario, seed)
        raw = source.read_bytes()
        table = Table("frames lost", "packets still whole", "found", "never existed", "tshark: found", "never existed")
        for rate in RATES:
            row = measure(raw, rate, seed, folder, tshark)
            cells = [f"{rate:g}%", f"{row['whole']:,.0f}", f"{row['found']:.2f}%", f"{row['wrong']:.3f}%"]
            if tshark:
                cells += [f"{row['tshark found']:.1f}%", f"{row['tshark wrong']:.1f}%"]
            table.add_row(*cells)
        Console().print(table)


if __name__ == "__main__":
    main()
