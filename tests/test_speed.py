"""Does a change make it far slower? Beside tshark, on the same machine at the same time: never in seconds."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import pytest

from mqttdissect.cli.build import build

GENERATE = Path(__file__).parent.parent / "bench" / "generate.py"
FRAMES = 60_000
ROUNDS = 5
LEAST = 1.5
"""Times as fast as tshark, summaries with one process. `docs/performance.md` has four times that, from a quiet
machine and a longer capture, on which the start of both counts less."""

pytestmark = [
    pytest.mark.skipif(not build().startswith("compiled"), reason="only the compiled build is meant to be fast"),
    pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed"),
]


def seconds(line: list[str], folder: Path) -> float:
    """How long a command takes, its output discarded. Not in the checkout, whose own modules are not compiled."""
    begun = time.perf_counter()
    subprocess.run(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, cwd=folder)
    return time.perf_counter() - begun


def test_summaries_are_much_faster_than_with_tshark(tmp_path: Path) -> None:
    path = str(tmp_path / "mixed.pcap")
    make = [sys.executable, str(GENERATE), "--frames", str(FRAMES), "--scenario", "mixed", "--seed", "1", path]
    subprocess.run(make, check=True, timeout=120)
    ours = [sys.executable, "-m", "mqttdissect", "-P", "--jobs", "1", path]
    theirs = ["tshark", "-n", "-r", path, "-Y", "mqtt"]
    rounds = [(seconds(ours, tmp_path), seconds(theirs, tmp_path)) for _ in range(ROUNDS)]
    ratio = median(other for _, other in rounds) / median(own for own, _ in rounds)
    assert ratio >= LEAST, f"only {ratio:.2f} times as fast as tshark: {rounds}"
