#!/usr/bin/env python3
"""What `mqttdissect diff` says of one client with four brokers, and of the same client with the same broker again.

Without options: the six pairs of the shipped recordings `survey-*.pcap`. With `--repeat N`: records each of them N
times (as `record.py` does, with what that needs) into a folder, compares every two runs of a broker, and prints how
many pairs differ, which should be none. A recording in which tcpdump missed frames, as it may on a busy
machine, is made again. Run it where mqttdissect is installed.
"""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
BROKERS = ("mosquitto", "rabbitmq", "aedes", "amqtt")


def diff(good: Path, bad: Path, *options: str) -> tuple[int, str]:
    """Exit status and output."""
    argv = [sys.executable, "-m", "mqttdissect", "diff", "--trees", "0", *options, good, bad]
    done = subprocess.run([str(arg) for arg in argv], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def whole(path: Path) -> bool:
    """Is the recording there, and has it all that was sent?"""
    return path.exists() and " lacks " not in diff(path, path)[1]


def recorded(times: int, folder: Path, cache: Path | None) -> None:
    """Record all surveys `times` times; what is there already stays."""
    for run in range(1, times + 1):
        out = folder / f"{run:02}"
        while names := [f"survey-{broker}.pcap" for broker in BROKERS if not whole(out / f"survey-{broker}.pcap")]:
            more = ["--cache", cache] if cache else []
            argv = [sys.executable, HERE / "record.py", *more, "--out", out, *names]
            subprocess.run([str(arg) for arg in argv], check=True)


@click.command()
@click.option("--repeat", type=click.IntRange(2), metavar="N", help="Record N times, and compare every two.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("surveys"), help="Where recordings go (surveys)."
)
@click.option("--cache", type=click.Path(path_type=Path), help="As for record.py.")
def main(repeat: int | None, folder: Path, cache: Path | None) -> None:
    """Compare brokers, or runs."""
    if repeat is None:
        for one, two in itertools.combinations(BROKERS, 2):
            status, output = diff(HERE / f"survey-{one}.pcap", HERE / f"survey-{two}.pcap")
            click.echo(f"== {one} and {two}: exit status {status}\n{output}")
        return
    recorded(repeat, folder, cache)
    wrong = 0
    for broker in BROKERS:
        runs = [folder / f"{run:02}" / f"survey-{broker}.pcap" for run in range(1, repeat + 1)]
        found = [diff(one, two) for one, two in itertools.combinations(runs, 2)]
        different = [output for status, output in found if status]
        wrong += len(different)
        click.echo(f"{broker}: {repeat} runs, {len(different)} of {len(found)} pairs differ")
        for output in different:
            click.echo(output)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
