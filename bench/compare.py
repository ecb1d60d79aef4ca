"""mqttdissect beside its peers: the same work on the same captures, in one run, as one table and one plot.

    python bench/compare.py                         everything
    python bench/compare.py --works summary,small   some of it
    python bench/compare.py --check                 exit status 1 where a goal below is missed
    python bench/compare.py --markdown --plot docs/performance.svg --json FILE

Makes the captures (or finds them in `--dir`), checks that mqttdissect prints exactly the packets that were put in,
then runs whole commands in turn with their output discarded. Times are medians of `--reps` runs, of three times as many
where they take less than half a second, since chance weighs more there; peaks are the highest; `measure` says what peak
memory is, `curve` what the exponent is. Exit status: 0; 1 when a goal is missed or
other packets are printed than were put in (the latter also without `--check`); 2 when something could not be run.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

import click
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import curve, mqtt
from bench.generate import Truth
from bench.runs import OURS, Failure, Runs, capture, find_command, first_line, read_output, run_once

ONE = f"{OURS} --jobs 1"
TSHARK = "tshark"
PEERS = {"dpkt": 1_000_000, "scapy": 100_000, "pyshark": 10_000}  # the most frames that each can stand
MOST_FRAMES = PEERS | {TSHARK: 1_000_000}
MOST_MIB = 80.0  # peak memory with one process, on any capture
EXPONENT = (0.95, 1.05)  # of cost against size, with one process; several, which large captures get, may have less
SHORT = 0.5  # seconds
NAMED = ("-e", "frame.number", "-e", "mqtt.topic", "-e", "mqtt.msgid")


@dataclass(frozen=True)
class Work:
    """One kind of work: the options of both commands, the capture, and the goals: tshark's time by ours, at least."""

    ours: tuple[str, ...] = ("-P",)
    theirs: tuple[str, ...] = ("-Y", "mqtt")
    goal: float = 0.0
    goal_one: float = 0.0  # with one process
    scenario: str = "mixed"
    frames: int = 0  # whatever --frames says
    peers: bool = False  # can they do something like it?


WORKS = {
    "summary": Work(goal=10.0, goal_one=6.0, peers=True),
    "fields": Work(("-T", "fields", *NAMED), ("-Y", "mqtt", "-T", "fields", *NAMED), 20.0, 12.0),
    "tree": Work(("--color", "never"), ("-Y", "mqtt", "-V", "-O", "mqtt"), 6.0, 3.6),
    "json": Work(("-T", "json"), ("-Y", "mqtt", "-T", "json", "-J", "mqtt"), 6.0, 3.6),
    "mostly-other": Work(goal=10.0, scenario="mostly-other"),
    "many-clients": Work(scenario="many-clients"),
    "few-clients": Work(scenario="few-clients"),
    "large-payloads": Work(scenario="large-payloads"),
    "lossy-order": Work(theirs=("-Y", "mqtt", "-o", "tcp.reassemble_out_of_order:TRUE"), scenario="lossy-order"),
    "small": Work(goal=1 / 0.3, frames=16, peers=True),  # the smallest session with ten packets
}
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


@dataclass
class Result:
    """What one work cost each tool, and how many packets each found."""

    name: str
    truth: Truth
    runs: dict[str, Runs] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)

    def ratio(self, tool: str) -> float | None:
        """How many times as long tshark takes."""
        return self.runs[TSHARK].seconds / self.runs[tool].seconds if TSHARK in self.runs else None

    def expected(self, tool: str) -> int:
        """The packets that a tool should find."""
        return self.truth.packets["PUBLISH"] if tool in PEERS else self.truth.mqtt_packets

    @property
    def wrong(self) -> bool:
        """Has mqttdissect printed other packets than there are?"""
        return any(self.found[tool] != self.expected(tool) for tool in (OURS, ONE) if tool in self.found)


@dataclass(frozen=True)
class Bench:
    """Who does what on which captures."""

    command: list[str]  # mqttdissect
    tools: list[str]
    works: dict[str, Work]
    folder: Path
    frames: int
    seed: int

    def capture(self, name: str) -> tuple[Path, Truth]:
        """The capture of a work."""
        work = self.works[name]
        return capture(self.folder, work.scenario, work.frames or self.frames, self.seed)

    def line(self, name: str, tool: str) -> list[str]:
        """The whole command line of a tool."""
        work, path = self.works[name], str(self.capture(name)[0])
        if tool == TSHARK:
            return [TSHARK, "-n", "-r", path, *work.theirs]
        if tool in PEERS:
            return [sys.executable, str(Path(__file__).with_name("peers") / f"with_{tool}.py"), path]
        return [*self.command, *(("--jobs", "1") if tool == ONE else ()), *work.ours, path]

    def tools_for(self, name: str) -> list[str]:
        """Those that can do the work, and stand its capture."""
        frames = self.capture(name)[1].frames
        able = [tool for tool in self.tools if self.works[name].peers or tool not in PEERS]
        return [tool for tool in able if frames <= MOST_FRAMES.get(tool, frames)]

    @property
    def one(self) -> str:
        """The tool that is mqttdissect with one process."""
        return ONE if ONE in self.tools else OURS

    def misses(self, result: Result) -> list[str]:
        """What does not reach its goal, a sentence each."""
        work, peak, found = self.works[result.name], max(result.runs[self.one].peak), []
        for tool, goal in ((OURS, work.goal), (self.one, work.goal_one)):
            ratio = result.ratio(tool)
            if ratio is not None and ratio < goal:
                found.append(f"{result.name}: {tool} has {ratio:.2f} times tshark's speed, the goal is {goal:.3g}")
        if peak >= MOST_MIB:
            found.append(f"{result.name}: {self.one} takes {peak:.0f} MiB, the goal is less than {MOST_MIB:g}")
        return found


def packets_found(bench: Bench, name: str, tool: str) -> int:
    """How many packets a tool prints: lines, or in the tree the headings."""
    mark = b"#" if name == "tree" else b""
    return read_output(bench.line(name, tool), lambda lines: sum(line.startswith(mark) for line in lines))


def check_types(bench: Bench, name: str) -> list[str]:
    """Compare the number of packets of each type with what was put in; what differs, a sentence each."""
    path, truth = bench.capture(name)
    line = [*bench.command, "-T", "fields", "-e", "mqtt.msgtype", str(path)]
    printed = read_output(line, lambda lines: Counter(int(row) if row.strip().isdigit() else 0 for row in lines))
    return [
        f"{path.name}: {printed[kind]} {label} printed, {truth.packets.get(label, 0)} in the capture"
        for kind, label in enumerate(mqtt.NAMES)
        if printed[kind] != truth.packets.get(label, 0)
    ]


def compare(bench: Bench, name: str, reps: int, say: Callable[[str], None]) -> Result:
    """Run all tools in turn, `reps` times each, and those that are soon done three times as often."""
    say(f"{name}: making the capture")
    tools = bench.tools_for(name)
    result = Result(name, bench.capture(name)[1], {tool: Runs() for tool in tools})
    for tool in tools:
        if tool != TSHARK:  # which prints frames, not packets
            say(f"{name}: counting what {tool} finds")
            result.found[tool] = packets_found(bench, name, tool)
    for number in range(3 * reps):
        for tool in tools:
            runs = result.runs[tool]
            if number < reps or runs.seconds < SHORT:
                say(f"{name}: {tool}, run {number + 1}")
                runs.add(run_once(bench.line(name, tool)))
    return result


def costs(results: list[Result], bench: Bench) -> dict[str, list[curve.Point]]:
    """The cost of the same work (the summary of `mixed`) by size, of each tool."""
    same = [result for result in results if bench.works[result.name].peers]
    return {
        tool: sorted(
            curve.Point(result.truth.frames, runs.seconds, min(runs.wall), max(runs.wall))
            for result in same
            if (runs := result.runs.get(tool))
        )
        for tool in bench.tools
    }


COLUMNS = ("work", "tool", "frames", "seconds", "min-max", "CPU s", "peak MiB", "frames/s", "x tshark", "goal", "found")


def rows(results: list[Result], bench: Bench) -> list[tuple[str, ...]]:
    """The table, a row for each work and tool."""
    out: list[tuple[str, ...]] = []
    for result in results:
        work = bench.works[result.name]
        for tool, runs in result.runs.items():
            digits = 2 if runs.seconds >= 1 else 3
            ratio, goal = result.ratio(tool), {OURS: work.goal, ONE: work.goal_one}.get(tool, 0.0)
            count, expected = result.found.get(tool), result.expected(tool)
            found = "" if count is None else "all" if count == expected else f"{count:,} of {expected:,}"
            out.append(
                (
                    result.name,
                    tool,
                    f"{result.truth.frames:,}",
                    f"{runs.seconds:.{digits}f}",
                    f"{min(runs.wall):.{digits}f}-{max(runs.wall):.{digits}f}",
                    f"{median(runs.cpu):.{digits}f}",
                    f"{max(runs.peak):.0f}",
                    f"{result.truth.frames / runs.seconds:,.0f}",
                    "" if ratio is None else f"{ratio:.2f}",
                    f"{goal:.3g}" if goal else "",
                    found,
                )
            )
    return out


def show(table: list[tuple[str, ...]], about: list[str], markdown: bool) -> None:
    """Print the table and what it was measured with."""
    if markdown:
        lines = ["| " + " | ".join(cells) + " |" for cells in (COLUMNS, *table)]
        lines.insert(1, "| --- | --- |" + " ---: |" * (len(COLUMNS) - 2))
        print("\n".join([*lines, "", *(f"- {line}" for line in about)]))
        return
    console = Console()
    if not console.is_terminal:
        console = Console(width=150)
    grid = Table(caption="\n".join(about), caption_justify="left")
    for number, column in enumerate(COLUMNS):
        grid.add_column(column, justify="left" if number < 2 else "right", no_wrap=True)
    for number, cells in enumerate(table):
        last = number + 1 == len(table) or table[number + 1][0] != cells[0]
        grid.add_row(*cells, end_section=last)
    console.print(grid)


def report(results: list[Result], about: list[str]) -> str:
    """Everything that was measured, as JSON."""
    return json.dumps({"about": about, "works": [asdict(result) for result in results]}, indent=2) + "\n"


def installed(command: list[str], peers: bool) -> list[str]:
    """The tools there are. `--jobs` is asked for in the help, so that older versions can be measured."""
    if not shutil.which(TSHARK):
        raise Failure("tshark is not installed; the comparison needs it (apt install tshark)")
    text = subprocess.run([*command, "--help"], capture_output=True, text=True, check=False).stdout
    tools = [OURS, *([ONE] if "--jobs" in text else []), TSHARK]
    if peers:
        probe = "import sys, importlib.util as i; sys.exit(not i.find_spec(sys.argv[1]))"
        tools += [name for name in PEERS if not subprocess.run([sys.executable, "-c", probe, name]).returncode]
    return tools


def chosen(context: click.Context, parameter: click.Parameter, value: str) -> list[str]:
    """The works named. Raises `BadParameter`."""
    names = value.split(",")
    for name in names:
        if name not in WORKS and name != "sizes":
            raise click.BadParameter(f"{name!r} is none of {', '.join(WORKS)}, sizes", context, parameter)
    return names


def numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Numbers with commas between. Raises `BadParameter`."""
    try:
        return sorted(int(number) for number in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} are not numbers with commas between", context, parameter) from None


@click.command()
@click.option("--frames", default=1_000_000, show_default=True, type=click.IntRange(100), help="Frames of a capture.")
@click.option("--works", default=",".join([*WORKS, "sizes"]), show_default=True, callback=chosen, help="What to do.")
@click.option("--sizes", default=",".join(map(str, SIZES)), show_default=True, callback=numbers, help="For the plot.")
@click.option("--reps", default=5, show_default=True, type=click.IntRange(1), help="Runs of each command.")
@click.option("--peers/--no-peers", default=True, help="Beside dpkt, scapy and pyshark, as far as installed.")
@click.option("--seed", default=1, show_default=True, help="Seed of the captures.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), default=Path(tempfile.gettempdir(), "bench"))
@click.option("--command", help="The mqttdissect command.  [default: beside this Python, or from PATH]")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw cost against size to this SVG file.")
@click.option("--json", "report_to", type=click.Path(path_type=Path), help="Write every figure to this file.")
@click.option("--check", is_flag=True, help="Exit with 1 where a goal is missed.")
def main(
    frames: int, works: list[str], sizes: list[int], reps: int, peers: bool, seed: int, folder: Path,
    command: str | None, markdown: bool, plot: Path | None, report_to: Path | None, check: bool,
) -> None:  # fmt: skip
    """Compare mqttdissect with its peers on synthetic captures."""
    ours = find_command(command)
    jobs = {name: WORKS[name] for name in works if name != "sizes"}
    if "sizes" in works:
        known = frames if "summary" in works else 0  # no need to measure that size twice
        jobs |= {f"size {size:.0e}": Work(frames=size, peers=True) for size in sizes if size != known}
    bench = Bench(ours, installed(ours, peers), jobs, folder, frames, seed)
    about = [
        f"{first_line(*ours, '--version')}; {first_line(TSHARK, '--version')}",
        f"{os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}",
        f"seed {seed}; median of {reps} runs or more, highest peak; x tshark: its time by this",
    ]
    with Console(stderr=True).status("starting") as status:
        results = [compare(bench, name, reps, status.update) for name in jobs]
        status.update("counting packets of each type")
        wrong = [line for name in jobs if name in WORKS for line in check_types(bench, name)]
    missed = [miss for result in results for miss in bench.misses(result)]
    points = costs(results, bench)
    for tool, found in curve.exponents(points).items():
        about.append(f"{tool}: cost grows with the {found:.3f}th power of the number of frames, start-up taken off")
        least = EXPONENT[0] if tool == bench.one else 0.0
        if tool in (OURS, ONE) and not least <= found <= EXPONENT[1]:
            missed.append(f"{tool}: the exponent is {found:.3f}, the goal is {least} to {EXPONENT[1]}")
    show(rows(results, bench), about, markdown)
    if report_to:
        report_to.write_text(report(results, about))
    if plot:
        curve.draw(points, plot)
    for line in wrong + (missed if check else []):
        click.echo(line, err=True)
    if wrong or (missed and check) or any(result.wrong for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
