"""Fuzz mqttdissect: `python fuzz/fuzz.py run --seconds 60`. README.md says what is tried and what has to hold."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import click

sys.path.insert(0, str(Path(__file__).resolve().parent))

from inputs import TARGETS, Case, Inputs
from invariants import Broken, check
from mutate import records

HANG_SECONDS = 60  # after which the process ends itself, with a traceback
MOST_MEMORY = 96 * 1024 * 1024  # bytes that one input may add to the peak, and 1000 for each of its own bytes
MOST_GROWTH = 64 * 1024 * 1024  # bytes that the process may grow by, all inputs together
WARM_UP = 500  # inputs before growth counts


@dataclass(frozen=True)
class Trouble:
    """What goes wrong with an input. kind: the same for all inputs with which the same goes wrong."""

    kind: str
    text: str


Failure = tuple[Case, str]


def peak() -> int:
    """The most memory that the process has had, in bytes."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def resident() -> int:
    """The memory that the process has now, in bytes; 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0


def problem(case: Case) -> Trouble | None:
    """What goes wrong with `case`."""
    before = peak()
    try:
        check(case)
    except Broken as broken:
        return Trouble(broken.what, str(broken))
    except Exception as error:
        places = [f"{Path(one.filename).name}:{one.name}" for one in traceback.extract_tb(error.__traceback__)]
        return Trouble(f"{type(error).__name__} in {places[-1]}", traceback.format_exc())
    grown = peak() - before
    if grown > MOST_MEMORY + 1000 * len(case.data):
        return Trouble("takes too much memory", f"takes {grown:,} bytes of memory")
    return None


def file_name(case: Case) -> str:
    """The name under which an input is kept; it says how to run it again."""
    digest = hashlib.sha256(case.data).hexdigest()[:12]
    return f"{case.target}-v{case.version}-{digest}.bin"


def from_file(path: Path) -> Case:
    """The input that was kept as `path`."""
    target, version, _ = path.name.split("-", 2)
    if target not in TARGETS or version[:1] != "v":
        raise click.BadParameter(f"{path.name} is not named <target>-v<version>-<name>")
    return Case(target, int(version[1:]), path.read_bytes())


def smaller(case: Case, seconds: float = 60) -> Case:
    """`case`, cut down for as long as the same thing goes wrong."""
    trouble = problem(case)
    until = time.monotonic() + seconds

    def fails(data: bytes) -> bool:
        found = problem(replace(case, data=data))
        return found is not None and trouble is not None and found.kind == trouble.kind

    data = case.data
    if trouble is None or case.expected is not None:
        return case
    for at, length in reversed(records(data)):  # whole records first
        less = data[:at] + data[at + length :]
        if fails(less) and time.monotonic() < until:
            data = less
    step = len(data) // 2
    while step and time.monotonic() < until:
        at = 0
        while at < len(data) and time.monotonic() < until:
            less = data[:at] + data[at + step :]
            if less and fails(less):
                data = less
            else:
                at += step
        step //= 2
    return replace(case, data=data)


def cases(inputs: Inputs, targets: tuple[str, ...], seed: int, start: int = 0) -> Iterator[tuple[int, Case]]:
    """Inputs without end: their numbers, and one of each target in turn."""
    for number in count(start):
        for target in targets:
            yield number, inputs.case(target, seed, number)


class Run:
    """A run of the fuzzer: what it has tried, and what went wrong."""

    def __init__(self, save: Path | None = None) -> None:
        self.save = save
        self.tried = 0
        self.failures: dict[str, Failure] = {}
        self._base = 0

    def one(self, number: int, case: Case) -> None:
        """Try one input."""
        faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
        if self.save is not None:
            (self.save / f"last-{os.getpid()}.bin").write_bytes(case.data)
        trouble = problem(case)
        faulthandler.cancel_dump_traceback_later()
        self.tried += 1
        if trouble is not None and trouble.kind not in self.failures:
            self.failures[trouble.kind] = case, f"input {number} of target {case.target}: {trouble.text}"
            self._tell(number, case, trouble.text)
        if self.tried == WARM_UP:
            self._base = resident()
        elif self.tried > WARM_UP and self.tried % 100 == 0 and resident() - self._base > MOST_GROWTH:
            grown = resident() - self._base
            self.failures["growth"] = case, f"the process grew by {grown:,} bytes in {self.tried - WARM_UP} inputs"
            self._base = resident()

    def _tell(self, number: int, case: Case, trouble: str) -> None:
        click.echo(f"\nFAILED: input {number} of target {case.target}, {len(case.data)} bytes\n{trouble}", err=True)
        if self.save is not None:
            path = self.save / file_name(case)
            path.write_bytes(case.data)
            click.echo(f"again: python fuzz/fuzz.py replay {path}", err=True)


def run_for(seconds: float, seed: int, targets: tuple[str, ...], inputs: Inputs, run: Run,
            progress: Callable[[Run], None] | None = None, start: int = 0) -> Run:  # fmt: skip
    """Try inputs until the time is over."""
    until = time.monotonic() + seconds
    for number, case in cases(inputs, targets, seed, start):
        if time.monotonic() > until:
            break
        run.one(number, case)
        if progress is not None:
            progress(run)
    return run


def progress_line() -> Callable[[Run], None] | None:
    """Something that keeps a line on standard error up to date, if that is a terminal."""
    if not sys.stderr.isatty():
        return None
    began = shown = time.monotonic()

    def show(run: Run) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown > 0.5:
            shown = now
            rate = run.tried / (now - began)
            click.echo(f"\r{run.tried:,} inputs, {rate:.0f}/s, {len(run.failures)} failures ", err=True, nl=False)

    return show


FOLDER = click.Path(file_okay=False, path_type=Path)
EXISTING = click.Path(exists=True, file_okay=False, path_type=Path)


@click.group()
def main() -> None:
    """Feed mqttdissect with damaged captures, streams and packets."""


@main.command("run")
@click.option("--seconds", default=60.0, show_default=True, help="How long.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same inputs.")
@click.option("--start", default=0, help="Number of the first input.")
@click.option("--target", "targets", multiple=True, type=click.Choice(TARGETS), help="One of them only; default: all.")
@click.option("--corpus", type=EXISTING, help="A folder of more captures to damage.")
@click.option("--save", type=FOLDER, help="Where inputs that fail are kept.")
def run_command(seconds: float, seed: int, start: int, targets: tuple[str, ...], corpus: Path | None,
                save: Path | None) -> None:  # fmt: skip
    """Try inputs for a while. Exit status 1 if something goes wrong."""
    if save is not None:
        save.mkdir(parents=True, exist_ok=True)
    run = run_for(seconds, seed, targets or TARGETS, Inputs(corpus), Run(save), progress_line(), start)
    for kind, (_, trouble) in run.failures.items():
        click.echo(f"{kind}  ({trouble.splitlines()[0][:150]})")
    click.echo(f"{run.tried:,} inputs, {len(run.failures)} kinds of failure")
    sys.exit(1 if run.failures else 0)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--minimise", is_flag=True, help="Cut the input down and write it beside, as *-small.bin.")
def replay(files: tuple[Path, ...], minimise: bool) -> None:
    """Try inputs that were kept. Their names say what they are: <target>-v<version>-<anything>."""
    failed = 0
    for path in files:
        case = from_file(path)
        trouble = problem(case)
        failed += trouble is not None
        click.echo(f"{path}: {trouble.text if trouble is not None else 'fine'}")
        if trouble is not None and minimise:
            small = smaller(case)
            path.with_name(path.stem + "-small.bin").write_bytes(small.data)
            click.echo(f"{len(small.data)} bytes do it: {small.data.hex()}")
    sys.exit(1 if failed else 0)


@main.command()
@click.argument("number", type=int)
@click.option("--seed", default=1, show_default=True)
@click.option("--target", required=True, type=click.Choice(TARGETS))
@click.option("--minimise", is_flag=True, help="Cut it down first.")
@click.option("--save", type=FOLDER, default=".", help="Where to write it.")
def make(number: int, seed: int, target: str, minimise: bool, save: Path) -> None:
    """Write an input, by its number, and try it."""
    case = Inputs().case(target, seed, number)
    case = smaller(case) if minimise else case
    path = Path(save) / file_name(case)
    path.write_bytes(case.data)
    trouble = problem(case)
    click.echo(f"{path}: {trouble.text if trouble is not None else 'fine'}")


@main.command()
@click.option("--seed", default=1, show_default=True)
@click.option("--count", "most", default=1000, show_default=True, help="Inputs of each target.")
@click.option("--target", "targets", multiple=True, type=click.Choice(TARGETS))
def digest(seed: int, most: int, targets: tuple[str, ...]) -> None:
    """A line for each input with a digest of all that comes out, to compare two builds with `diff`."""
    total = hashlib.sha256()
    for number, case in cases(Inputs(), targets or TARGETS, seed):
        if number >= most:
            break
        try:
            outcome = repr(check(case))
        except Broken as broken:
            outcome = f"Broken: {broken.what}"
        except Exception as error:
            outcome = type(error).__name__
        line = hashlib.sha256(outcome.encode("utf-8", "backslashreplace")).hexdigest()[:16]
        total.update(line.encode())
        click.echo(f"{case.target} {number} {line}{' ' + outcome if len(outcome) < 200 else ''}")
    click.echo(f"total {total.hexdigest()}")


if __name__ == "__main__":
    main()
