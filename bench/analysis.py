"""What the analysing commands cost beside the summary: `python bench/analysis.py`.

Runs `mqttdissect -P --jobs 1` and each command on the same synthetic captures in turn, and prints medians of the time
from start to end, its ratio to the summary's, the same of processor time, and peak memory (of the greatest process).
`--check`: exit status 1 where a command of `GOALS` takes longer, or more memory, than `BOUNDS` allows. The goal is 1.4
on `mixed`; on `many-clients` nearly every packet is about a client that is new, and its bounds only tell when things
get worse.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.runs import Runs, capture, find_command, run_once

BOUNDS = {"mixed": (1.4, 100), "few-clients": (1.5, 100), "many-clients": (3.0, 250)}  # times -P, MiB
BASE = "-P"
COMMANDS = {
    BASE: ["-P", "--jobs", "1"],
    "check": ["check"],
    "sessions": ["sessions"],
    "deliveries": ["deliveries"],
    "stats": ["stats"],
    "topics": ["topics"],
    "ladder --no-findings": ["ladder", "--no-findings"],
    "ladder": ["ladder"],
}
GOALS = ("check", "sessions", "stats", "topics", "ladder --no-findings", "ladder")  # from start to end


@click.command()
@click.option("--frames", type=int, default=1_000_000, show_default=True)
@click.option("--scenario", "scenarios", multiple=True, default=("mixed", "few-clients", "many-clients"))
@click.option("--reps", type=int, default=5, show_default=True)
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(tempfile.gettempdir(), "bench"))
@click.option("--command", help="The mqttdissect to run.")
@click.option("--check", is_flag=True, help="Exit status 1 where the bounds are missed.")
def main(frames: int, scenarios: tuple[str, ...], reps: int, folder: Path, command: str | None, check: bool) -> None:
    """Print what the analysing commands cost, a table for each scenario."""
    ours = find_command(command)
    missed = [one for one in scenarios if not measure(ours, folder, one, frames, reps)]
    sys.exit(1 if check and missed else 0)


def measure(ours: list[str], folder: Path, scenario: str, frames: int, reps: int) -> bool:
    """Print the table of one scenario. Are its bounds kept?"""
    path, truth = capture(folder, scenario, frames, 1)
    runs = {name: Runs() for name in COMMANDS}
    for _ in range(reps):
        for name, arguments in COMMANDS.items():
            runs[name].add(run_once([*ours, *arguments, str(path)]))
    base = median(runs[BASE].wall)
    base_cpu = median(runs[BASE].cpu)
    most, most_mib = BOUNDS.get(scenario, BOUNDS["mixed"])
    table = Table("command", "time", "to -P", "processor time", "to -P", "peak memory")
    missed = False
    for name, one in runs.items():
        ratio, peak = median(one.wall) / base, max(one.peak)
        cpu = median(one.cpu)
        row = [name, f"{median(one.wall):.2f} s", f"{ratio:.2f}", f"{cpu:.2f} s", f"{cpu / base_cpu:.2f}"]
        table.add_row(*row, f"{peak:.0f} MiB")
        missed = missed or (name in GOALS and (ratio > most or peak > most_mib))
    Console().print(table)
    click.echo(f"{scenario}: {frames:,} frames, {truth.mqtt_packets:,} packets; medians of {reps}")
    return not missed


if __name__ == "__main__":
    main()
