"""How long a packet takes from the pipe to the line: `python bench/latency.py`.

Writes a live capture into the pipe of `mqttdissect -P -`, a PUBLISH a frame at a steady rate, and notes when each line
comes out. Prints percentiles of the time between. The same for `tshark -l -r -`, which is asked for its own live mode.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from support import Stream, connect, pcap, publish

from bench.runs import find_command


def records(rate: int, seconds: float) -> tuple[bytes, list[bytes]]:
    """The start of a capture, and the records of the packets to come, a frame each."""
    stream = Stream().handshake().client(connect())
    begun = len(stream.frames)
    for number in range(int(rate * seconds)):
        stream.client(publish(f"t/{number}", b"x" * 50))
    head = pcap(stream.frames[:begun])
    return head, [pcap([frame])[24:] for frame in stream.frames[begun:]]


def measure(command: list[str], rate: int, seconds: float) -> list[float]:
    """Milliseconds from each record's writing to its line, sorted."""
    head, packets = records(rate, seconds)
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdin is not None
    assert process.stdout is not None
    written: list[float] = []

    def feed() -> None:
        assert process.stdin is not None
        start = time.perf_counter()
        for number, packet in enumerate(packets):
            wait = start + number / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            written.append(time.perf_counter())
            process.stdin.write(packet)
            process.stdin.flush()
        process.stdin.close()

    process.stdin.write(head)
    process.stdin.flush()
    process.stdout.readline()  # CONNECT: it runs
    feeder = threading.Thread(target=feed)
    feeder.start()
    read = [time.perf_counter() for _ in process.stdout]
    feeder.join()
    process.wait()
    if len(read) != len(packets):
        raise click.ClickException(f"{command[0]} printed {len(read)} lines for {len(packets)} packets")
    return sorted((out - into) * 1000 for into, out in zip(written, read, strict=True))


@click.command()
@click.option("--rate", default=1000, show_default=True, help="Packets a second.")
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--command", help="The mqttdissect to run.")
@click.option("--tshark/--no-tshark", default=shutil.which("tshark") is not None, help="Beside tshark.")
@click.option("--check", type=float, help="Exit status 1 if the 99th percentile is above so many milliseconds.")
def main(rate: int, seconds: float, command: str | None, tshark: bool, check: float | None) -> None:
    """Print how long packets take from the pipe to the line."""
    tools = {"mqttdissect -P -": [*find_command(command), "-P", "-"]}
    if tshark:
        tools["tshark -l -n -r - -Y mqtt"] = ["tshark", "-l", "-n", "-r", "-", "-Y", "mqtt"]
    table = Table("at " + f"{rate:,} packets a second", "median", "99%", "99.9%", "longest")
    missed = False
    for name, line in tools.items():
        times = measure(line, rate, seconds)
        cells = [times[int(len(times) * part)] for part in (0.5, 0.99, 0.999)] + [times[-1]]
        table.add_row(name, *[f"{cell:.2f} ms" for cell in cells])
        missed = missed or (line is tools["mqttdissect -P -"] and check is not None and cells[1] > check)
    Console().print(table)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
