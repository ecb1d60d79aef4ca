"""What a ladder costs beside one line a packet, and when its first line is there.

    python bench/ladder.py                            # a minute; the installed mqttdissect, captures in /tmp/bench
    python bench/ladder.py --frames 100000 --rounds 3 --python .venv/bin/python

The commands take turns on the same capture. CPU seconds are of the whole command, start-up included; the ratio is to
`-P`. Findings cost what the analysis costs, whoever prints them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.generate import write_capture

MEASURE = Path(__file__).with_name("measure.py")
COMMANDS = {
    "-P": ["-P"],
    "ladder --no-findings, 80 columns": ["ladder", "--no-findings", "--width", "80"],
    "ladder --no-findings, 120 columns": ["ladder", "--no-findings", "--width", "120"],
    "ladder --no-findings, 200 columns": ["ladder", "--no-findings", "--width", "200"],
    "ladder, 120 columns": ["ladder", "--width", "120"],
    "ladder -T svg": ["ladder", "-T", "svg"],
}


def cost(program: list[str], arguments: list[str], capture: Path) -> tuple[float, float]:
    """CPU seconds and peak MiB."""
    command = [sys.executable, "-I", "-S", "-E", str(MEASURE), *program, *arguments, str(capture)]
    done = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return done["user"] + done["system"], done["peak_kib"] / 1024


def first_line(program: list[str], capture: Path) -> float:
    """Seconds until the first line of a ladder is there."""
    start = time.perf_counter()
    with subprocess.Popen([*program, "ladder", str(capture)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        assert run.stdout is not None
        run.stdout.readline()
        seconds = time.perf_counter() - start
        run.kill()
    return seconds


@click.command()
@click.option("--frames", type=click.IntRange(10), default=300_000, help="Of a capture (300000).")
@click.option("--rounds", type=click.IntRange(1), default=5, help="Runs of each command (5).")
@click.option("--scenario", "scenarios", multiple=True, default=("few-clients", "mixed"), help="As in generate.py.")
@click.option("--python", default=sys.executable, help="The Python whose mqttdissect is measured.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path("/tmp/bench"), help="For captures.")
def main(frames: int, rounds: int, scenarios: tuple[str, ...], python: str, folder: Path) -> None:
    """Print a table for each scenario."""
    program = [python, "-m", "mqttdissect"]
    folder.mkdir(parents=True, exist_ok=True)
    for scenario in scenarios:
        capture = folder / f"ladder-{scenario}-{frames}.pcap"
        if not capture.exists():
            with capture.open("wb") as file:
                write_capture(file, frames, scenario)
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
        for _ in range(rounds):
            for name, arguments in COMMANDS.items():
                taken[name].append(cost(program, arguments, capture))
        one = median(seconds for seconds, _ in taken["-P"])
        click.echo(f"{scenario}, {frames:,} frames: first line after {first_line(program, capture):.2f} s")
        for name, runs in taken.items():
            seconds = median(run[0] for run in runs)
            peak = max(run[1] for run in runs)
            click.echo(f"  {name:36}{seconds:7.2f} s {seconds / one:6.2f} × {peak:6.0f} MiB")


if __name__ == "__main__":
    main()
