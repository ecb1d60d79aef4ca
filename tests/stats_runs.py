"""How the tests of `stats` and `topics` run the command, and on what."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

Json = dict[str, Any]
CAPTURES = Path(__file__).parent.parent / "captures"
ONE = CAPTURES / "mosquitto-3.1.1-qos.pcap"
MANY = CAPTURES / "mosquitto-many-clients.pcapng"


def plain_environment() -> dict[str, str]:
    """Without what others may have said of terminals."""
    named = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    return {**{name: value for name, value in os.environ.items() if name not in named}, "PYTHONUTF8": "1"}


def run(*arguments: str | Path, input: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command, with what it is given."""
    done = subprocess.run(
        [sys.executable, "-m", "mqttdissect", *map(str, arguments)],
        input=input, capture_output=True, timeout=120, env={**plain_environment(), **environment},
    )  # fmt: skip
    assert b"Traceback" not in done.stderr
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@cache
def output(*arguments: str | Path) -> str:
    """What the command prints; run once for all tests."""
    command = [sys.executable, "-m", "mqttdissect", *map(str, arguments)]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, env=plain_environment()
    )  # fmt: skip
    return done.stdout.decode()


@cache
def stats(capture: Path) -> Json:
    """All tables of a capture, as JSON."""
    found: Json = json.loads(output("stats", "-T", "json", capture))
    return found


SVG = "{http://www.w3.org/2000/svg}"


def structure(path: Path) -> str:
    """What an SVG shows, without what another version of matplotlib may place or name in another way: charts by their
    ids, and in each the texts and how many shapes there are of what was drawn."""
    lines = []
    for chart in ElementTree.parse(path).iter(f"{SVG}g"):
        if not chart.get("id", "").startswith("chart-"):
            continue
        lines.append(chart.get("id", ""))
        lines += [f"  text {text.text}" for text in chart.iter(f"{SVG}text")]
        for part in chart.iter(f"{SVG}g"):
            name = part.get("id", "")
            if name.endswith("-bars") or re.fullmatch(rf"{chart.get('id', '')[6:]}-\d+", name):
                lines.append(f"  shapes {name}: {len(list(part.iter(f'{SVG}path')))}")
    return "\n".join(lines) + "\n"


def picture(folder: Path, name: str, *arguments: str | Path) -> Path:
    """Draw one."""
    path = folder / name
    command = [sys.executable, "-m", "mqttdissect", "stats", "-o", str(path), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return path
