"""What the benchmarks share: captures with known contents, the command to measure, and what one run of it costs."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TypeVar

import click

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.generate import GENERATOR, Truth, write_capture

OURS = "mqttdissect"
T = TypeVar("T")


class Failure(click.ClickException):
    """Something could not be run; shown as one line."""

    exit_code = 2


@dataclass
class Runs:
    """What the runs of one command cost, a list item a run."""

    wall: list[float] = field(default_factory=list)  # seconds
    cpu: list[float] = field(default_factory=list)  # seconds, user and system, all processes
    peak: list[float] = field(default_factory=list)  # MiB

    def add(self, cost: dict[str, float]) -> None:
        """What `run_once` measured."""
        self.wall.append(cost["wall"])
        self.cpu.append(cost["user"] + cost["system"])
        self.peak.append(cost["peak_kib"] / 1024)

    @property
    def seconds(self) -> float:
        """The median."""
        return median(self.wall)


def capture(folder: Path, scenario: str, frames: int, seed: int) -> tuple[Path, Truth]:
    """A capture and what is in it; made unless `folder` has it from the same generator and seed."""
    path = folder / f"{scenario}-{frames}.pcap"
    beside = path.with_suffix(".json")
    if path.exists() and beside.exists():
        known = json.loads(beside.read_text())
        if (known["generator"], known["seed"], known["bytes"]) == (GENERATOR, seed, path.stat().st_size):
            return path, Truth(**known)
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        truth = write_capture(out, frames, scenario, seed)
    beside.write_text(json.dumps(asdict(truth), indent=2) + "\n")
    return path, truth


def run_once(line: list[str]) -> dict[str, float]:
    """Measure one run of a command line (`measure` says what); Failure when it can't be run or fails."""
    launcher = [sys.executable, "-I", "-S", "-E", str(Path(__file__).with_name("measure.py"))]
    done = subprocess.run([*launcher, *line], capture_output=True, text=True, check=False)
    result: dict[str, float] = json.loads(done.stdout) if done.returncode == 0 else {"status": -1}
    if result["status"]:
        raise Failure(f"{shlex.join(line)}: {_last_line(done.stderr) or 'failed'}")
    return result


def read_output(line: list[str], count: Callable[[Iterable[bytes]], T]) -> T:
    """Run a command and count its output as it comes."""
    try:
        with (
            tempfile.TemporaryFile() as errors,
            subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors) as process,
        ):
            result = count(process.stdout or ())
            if process.wait():
                errors.seek(0)
                raise Failure(f"{shlex.join(line)}: {_last_line(errors.read().decode()) or 'failed'}")
            return result
    except OSError as error:
        raise Failure(f"{shlex.join(line)}: {error.strerror}") from error


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "")


def find_command(command: str | None) -> list[str]:
    """The mqttdissect named, beside this Python, or on PATH; Failure without it."""
    if command:
        return shlex.split(command)
    beside = Path(sys.executable).with_name(OURS)
    found = str(beside) if beside.exists() else shutil.which(OURS)
    if not found:
        raise Failure("mqttdissect is neither beside this Python nor on PATH; name it with --command")
    return [found]


def first_line(*line: str) -> str:
    """What a command says first."""
    try:
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Failure(f"{shlex.join(line)}: {error.strerror}") from error
    return next(iter(done.stdout.strip().splitlines()), "")
