"""mqttdissect beside tshark: the same work on the same captures, in one run, as one table.

    python bench/compare.py                       the table
    python bench/compare.py --check               exit status 1 where a goal below is missed
    python bench/compare.py --markdown --json FILE

Makes the captures (or finds them in `--dir`), checks that mqttdissect prints exactly the packets that were
put in, then runs whole commands in turn with their output discarded. Times are medians of `--reps` runs,
peaks are the highest; `measure` says what peak memory is. Exit status: 0; 1 when a goal is missed or other
packets are printed than were put in (the latter also without `--check`); 2 when something could not be run.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import IO

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import mqtt
from bench.generate import GENERATOR, SCENARIOS, Truth, write_capture

SMALL_FRAMES = 16  # the smallest session with ten control packets
OURS, THEIRS = "mqttdissect", "tshark"
NAMED = ("-e", "frame.number", "-e", "mqtt.topic", "-e", "mqtt.msgid")


@dataclass(frozen=True)
class Work:
    """One kind of work: the capture it runs on, the options of both commands, the goals of `--check`."""

    capture: str  # full, part or small
    ours: tuple[str, ...]
    theirs: tuple[str, ...]
    floor: float = 0.0  # tshark's time divided by ours, at least
    ceiling: float = float("inf")  # peak memory in MiB, less than


WORKS = {
    "summary": Work("full", ("-P",), ("-Y", "mqtt"), floor=4.0, ceiling=100.0),
    "fields": Work("full", ("-T", "fields", *NAMED), ("-Y", "mqtt", "-T", "fields", *NAMED)),
    "tree": Work("part", ("--color", "never"), ("-Y", "mqtt", "-V", "-O", "mqtt"), floor=2.0),
    "json": Work("part", ("-T", "json"), ("-Y", "mqtt", "-T", "json", "-J", "mqtt")),
    "small": Work("small", ("-P",), ("-Y", "mqtt"), floor=2.5),  # at most 0.4 of tshark's time
}


class Failure(click.ClickException):
    """Something could not be run; shown as one line."""

    exit_code = 2


@dataclass
class Runs:
    """What the runs of one command cost, a list item a run."""

    wall: list[float] = field(default_factory=list)  # seconds
    cpu: list[float] = field(default_factory=list)  # seconds, user and system, all processes
    peak: list[float] = field(default_factory=list)  # MiB


@dataclass
class Result:
    """One row pair of the table."""

    work: str
    frames: int
    packets: int  # in the capture
    printed: int  # by mqttdissect
    ours: Runs = field(default_factory=Runs)
    theirs: Runs = field(default_factory=Runs)

    @property
    def ratio(self) -> float:
        """How many times as long tshark takes."""
        return median(self.theirs.wall) / median(self.ours.wall)

    def misses(self) -> list[str]:
        """What does not reach its goal, a sentence each."""
        work, peak = WORKS[self.work], max(self.ours.peak)
        found = []
        if self.ratio < work.floor:
            found.append(f"{self.work}: {self.ratio:.2f} times tshark's speed, the goal is {work.floor:g}")
        if peak >= work.ceiling:
            found.append(f"{self.work}: {peak:.0f} MiB, the goal is less than {work.ceiling:g}")
        return found


@dataclass(frozen=True)
class Bench:
    """The commands and captures of one run."""

    command: list[str]
    captures: dict[str, tuple[Path, Truth]]

    def line(self, work: str, tool: str) -> list[str]:
        """The whole command line of one tool."""
        job = WORKS[work]
        path = str(self.captures[job.capture][0])
        return [*self.command, *job.ours, path] if tool == OURS else ["tshark", "-n", "-r", path, *job.theirs]


def capture(folder: Path, scenario: str, frames: int, seed: int) -> tuple[Path, Truth]:
    """A capture and what is in it; made unless `folder` has it from the same generator and seed."""
    path = folder / f"{scenario}-{frames}.pcap"
    beside = path.with_suffix(".json")
    if path.exists() and beside.exists():
        known = json.loads(beside.read_text())
        if (known["generator"], known["seed"], known["bytes"]) == (GENERATOR, seed, path.stat().st_size):
            return path, Truth(**known)
    with path.open("wb") as out:
        truth = write_capture(out, frames, scenario, seed)
    beside.write_text(json.dumps(asdict(truth), indent=2) + "\n")
    return path, truth


def run_once(line: list[str]) -> dict[str, float]:
    """Measure one run of a command line; Failure when it can't be run or fails."""
    launcher = [sys.executable, "-I", "-S", "-E", str(Path(__file__).with_name("measure.py"))]
    done = subprocess.run([*launcher, *line], capture_output=True, text=True, check=False)
    result: dict[str, float] = json.loads(done.stdout) if done.returncode == 0 else {"status": -1}
    if result["status"]:
        raise Failure(f"{shlex.join(line)}: {_last_line(done.stderr) or 'failed'}")
    return result


def read_output(line: list[str], count: Callable[[Iterable[bytes]], Counter[int]]) -> Counter[int]:
    """Run a command and count its output as it comes."""
    try:
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            result = count(_lines(process.stdout))
            if process.wait():
                errors.seek(0)
                raise Failure(f"{shlex.join(line)}: {_last_line(errors.read().decode()) or 'failed'}")
            return result
    except OSError as error:
        raise Failure(f"{shlex.join(line)}: {error.strerror}") from error


def _lines(stream: IO[bytes] | None) -> Iterable[bytes]:
    return stream if stream is not None else ()


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "")


def packets_printed(bench: Bench, work: str) -> int:
    """How many packets mqttdissect prints in this work: lines, or in the tree the headings."""
    mark = b"#" if work == "tree" else b""
    return read_output(bench.line(work, OURS), lambda lines: Counter(line.startswith(mark) for line in lines))[1]


def check_types(bench: Bench, name: str) -> list[str]:
    """Compare the number of packets of each type with what was put in; what differs, a sentence each."""
    path, truth = bench.captures[name]
    line = [*bench.command, "-T", "fields", "-e", "mqtt.msgtype", str(path)]
    printed = read_output(line, lambda lines: Counter(int(row) if row.strip().isdigit() else 0 for row in lines))
    return [
        f"{path.name}: {printed[kind]} {label} printed, {truth.packets.get(label, 0)} in the capture"
        for kind, label in enumerate(mqtt.NAMES)
        if printed[kind] != truth.packets.get(label, 0)
    ]


def compare(bench: Bench, works: list[str], reps: int, say: Callable[[str], None]) -> list[Result]:
    """Run both tools in turn, `reps` times each, for every work."""
    results = []
    for work in works:
        truth = bench.captures[WORKS[work].capture][1]
        say(f"{work}: counting packets")
        result = Result(work, truth.frames, truth.mqtt_packets, packets_printed(bench, work))
        for number in range(reps):
            for tool, runs in ((OURS, result.ours), (THEIRS, result.theirs)):
                say(f"{work}: {tool}, {number + 1} of {reps}")
                cost = run_once(bench.line(work, tool))
                runs.wall.append(cost["wall"])
                runs.cpu.append(cost["user"] + cost["system"])
                runs.peak.append(cost["peak_kib"] / 1024)
        results.append(result)
    return results


COLUMNS = (
    "work",
    "tool",
    "frames",
    "seconds",
    "min-max",
    "CPU s",
    "peak MiB",
    "frames/s",
    "x tshark",
    "packets",
)


def rows(results: list[Result]) -> list[tuple[str, ...]]:
    """The table, two rows a work."""
    out: list[tuple[str, ...]] = []
    for result in results:
        correct = "all" if result.printed == result.packets else "WRONG"
        printed = f"{result.printed:,} ({correct})"
        for tool, runs, ratio, packets in (
            (OURS, result.ours, f"{result.ratio:.2f}", printed),
            (THEIRS, result.theirs, "1.00", ""),
        ):
            wall = median(runs.wall)
            digits = 2 if wall >= 1 else 3
            spread = f"{min(runs.wall):.{digits}f}-{max(runs.wall):.{digits}f}"
            costs = (f"{wall:.{digits}f}", spread, f"{median(runs.cpu):.{digits}f}", f"{max(runs.peak):.0f}")
            speed = f"{result.frames / wall:,.0f}"
            out.append((result.work, tool, f"{result.frames:,}", *costs, speed, ratio, packets))
    return out


def show(results: list[Result], about: list[str], markdown: bool) -> None:
    """Print the table and what it was measured with."""
    if markdown:
        lines = ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, *rows(results))]
        lines.insert(1, "| --- | --- |" + " ---: |" * (len(COLUMNS) - 2))
        print("\n".join([*lines, "", *about]))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    table = Table(caption="\n".join(about), caption_justify="left")
    for number, column in enumerate(COLUMNS):
        table.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    for cells in rows(results):
        table.add_row(*cells, end_section=cells[1] == THEIRS)
    console.print(table)


def find_command(command: str | None) -> list[str]:
    """The mqttdissect named, beside this Python, or on PATH; Failure without it or without tshark."""
    if not shutil.which(THEIRS):
        raise Failure("tshark is not installed; the comparison needs it (apt install tshark)")
    if command:
        return shlex.split(command)
    beside = Path(sys.executable).with_name(OURS)
    found = str(beside) if beside.exists() else shutil.which(OURS)
    if not found:
        raise Failure("mqttdissect is neither beside this Python nor on PATH; name it with --command")
    return [found]


def version(command: list[str]) -> str:
    """The first line of `--version`."""
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"{shlex.join(command)}: {error.strerror}") from error
    return next(iter(done.stdout.strip().splitlines()), "unknown version")


def report(results: list[Result], about: list[str]) -> str:
    """Everything that was measured, as JSON."""
    works = [{**asdict(result), "ratio": result.ratio, "goals_missed": result.misses()} for result in results]
    return json.dumps({"about": about, "works": works}, indent=2) + "\n"


def _works(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    names = value.split(",")
    for name in names:
        if name not in WORKS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(WORKS)}", context, parameter)
    return names


@click.command()
@click.option("--frames", default=1_000_000, show_default=True, type=click.IntRange(100), help="Frames.")
@click.option("--tree-frames", type=click.IntRange(10), help="Frames for tree and json.  [default: a tenth]")
@click.option("--works", default=",".join(WORKS), show_default=True, callback=_works, help="What to compare.")
@click.option("--reps", default=5, show_default=True, type=click.IntRange(1), help="Runs of each command.")
@click.option("--scenario", default="mixed", show_default=True, type=click.Choice(list(SCENARIOS)))
@click.option("--seed", default=1, show_default=True, help="Seed of the captures.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Keeps captures.  [default: TMP/bench]")
@click.option("--command", help="The mqttdissect command.  [default: beside this Python, or from PATH]")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.option("--json", "report_to", type=click.Path(path_type=Path), help="Write every figure to this file.")
@click.option("--check", is_flag=True, help="Exit with 1 where a goal is missed.")
def main(
    frames: int,
    tree_frames: int | None,
    works: list[str],
    reps: int,
    scenario: str,
    seed: int,
    folder: Path | None,
    command: str | None,
    markdown: bool,
    report_to: Path | None,
    check: bool,
) -> None:
    """Compare mqttdissect with tshark on synthetic captures."""
    ours = find_command(command)
    folder = folder or Path(tempfile.gettempdir()) / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    sizes = {"full": frames, "part": tree_frames or max(10, frames // 10), "small": SMALL_FRAMES}
    used = {WORKS[work].capture for work in works}
    about = [
        f"{version(ours)}; {version([THEIRS])}",
        f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
        f"scenario {scenario}, seed {seed}; median of {reps} runs, highest peak; x tshark: its time by this",
    ]
    with Console(stderr=True).status("making captures") as status:
        captures = {name: capture(folder, scenario, size, seed) for name, size in sizes.items() if name in used}
        bench = Bench(ours, captures)
        wrong = [difference for name in captures for difference in check_types(bench, name)]
        results = compare(bench, works, reps, status.update)
    show(results, about, markdown)
    if report_to:
        report_to.write_text(report(results, about))
    missed = [miss for result in results for miss in result.misses()] if check else []
    for line in wrong + missed:
        click.echo(line, err=True)
    if wrong or missed or any(result.printed != result.packets for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
