"""Peak memory against the length of the capture: `python bench/memory.py`.

Runs `mqttdissect -P` with one process and with as many as it takes by itself, and tshark to a million frames, on
synthetic captures of growing length, each once, and prints their peaks and the ratio of the longest to the shortest.
`--check`: exit status 1 if ours grows by more than 1.2 times or over 80 MiB.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.runs import capture, find_command, run_once

GROWTH = 1.2
MOST_MIB = 80.0
MOST_TSHARK = 1_000_000  # frames


@click.command()
@click.option("--frames", multiple=True, type=int, default=(200_000, 1_000_000, 2_000_000), show_default=True)
@click.option("--scenario", multiple=True, default=("mixed", "many-clients"), show_default=True)
@click.option("--tshark/--no-tshark", default=shutil.which("tshark") is not None, help="Beside tshark.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(tempfile.gettempdir(), "bench"))
@click.option("--command", help="The mqttdissect to run.")
@click.option("--check", is_flag=True, help="Exit status 1 where the bounds are missed.")
def main(
    frames: tuple[int, ...], scenario: tuple[str, ...], tshark: bool, folder: Path, command: str | None, check: bool
) -> None:
    """Print peak memory by length of the capture."""
    folder.mkdir(parents=True, exist_ok=True)
    ours = find_command(command)
    table = Table("capture", "frames", "mqttdissect -P --jobs 1", "mqttdissect -P", "tshark -Y mqtt")
    missed = False
    for name in scenario:
        peaks: list[list[float]] = []
        for count in frames:
            path, _ = capture(folder, name, count, 1)
            ways = [["--jobs", "1"], []]
            peaks.append([run_once([*ours, "-P", *way, str(path)])["peak_kib"] / 1024 for way in ways])
            theirs = "-"
            if tshark and count <= MOST_TSHARK:
                theirs = f"{run_once(['tshark', '-n', '-r', str(path), '-Y', 'mqtt'])['peak_kib'] / 1024:.0f} MiB"
            table.add_row(name, f"{count:,}", *[f"{peak:.1f} MiB" for peak in peaks[-1]], theirs)
        growth = [last / first for first, last in zip(peaks[0], peaks[-1], strict=True)]
        table.add_row(name, "growth", *[f"{one:.2f} times" for one in growth], "")
        missed = missed or max(growth) > GROWTH or max(map(max, peaks)) > MOST_MIB
    Console().print(table)
    sys.exit(1 if check and missed else 0)


if __name__ == "__main__":
    main()
