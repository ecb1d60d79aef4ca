"""`stats` and `topics`: tables, charts and pictures are what they were, as wide as they may be.

Views are in `snapshots/stats`; after a change that is meant, renew them and look at what changed:

    python tests/test_stats_views.py
"""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

import pytest
from rich.cells import cell_len
from stats_runs import CAPTURES, MANY, ONE, output, picture, plain_environment, run, stats, structure

from mqttdissect.output.units import short_duration

NARROW = ("survey-rabbitmq.pcap", "mosquitto-joined-midway.pcap", "mosquitto-bridge.pcap", MANY.name)


@pytest.mark.parametrize("width", [60, 72])
@pytest.mark.parametrize("capture", [CAPTURES / name for name in NARROW], ids=NARROW)
def test_tables_and_charts_fit_the_width(capture: Path, width: int) -> None:
    pytest.importorskip("plotille")
    for arguments in (("stats",), ("stats", "-s", "times,rates,connections,sizes,talkers"), ("topics",)):
        done = run(*arguments, capture, COLUMNS=str(width))
        assert max((cell_len(line) for line in done.stdout.splitlines()), default=0) <= width


@pytest.mark.parametrize(("most", "words"), [(9, "3.33 min"), (10, "3 min 20 s")])
def test_durations_where_there_is_little_room(most: int, words: str) -> None:
    assert short_duration(200e9, most) == words
    assert short_duration(8_000_000e9, most) == "92 d 14 h"
    assert len(short_duration(9e18, 9)) <= 9


SNAPSHOTS = Path(__file__).with_name("snapshots") / "stats"
WIDTHS = (80, 120, 200)
VIEWS = {  # the command and its options, of a capture that shows something
    "overview": ("stats", CAPTURES / "mosquitto-5.0-properties.pcapng"),
    "tables": ("stats", "-s", "capture,clients,qos,talkers", MANY),
    "charts": ("stats", "-s", "rates,connections,sizes,times", "--top", "12", MANY),
    "topics": ("topics", CAPTURES / "mosquitto-5.0-subscriptions.pcapng"),
}


def view(name: str, width: int, color: str) -> str:
    """What a view prints on a terminal of that width."""
    environment = {**plain_environment(), "COLUMNS": str(width), "COLORTERM": "", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "mqttdissect", *map(str, VIEWS[name]), "--color", color]
    return subprocess.run(command, capture_output=True, timeout=120, env=environment).stdout.decode()


def snapshot(name: str, width: int, color: str) -> Path:
    """The file with what it printed before."""
    return SNAPSHOTS / f"{name}-{width}{'-colour' if color == 'always' else ''}.txt"


@pytest.mark.parametrize("color", ["never", "always"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", VIEWS)
def test_views_are_what_they_were(name: str, width: int, color: str) -> None:
    """Byte for byte; and no line is wider than the terminal."""
    pytest.importorskip("plotille")
    found = view(name, width, color)
    assert found == snapshot(name, width, color).read_text(encoding="utf-8"), (
        "another view; if it is meant to be: python tests/test_stats_views.py"
    )
    if color == "never":
        assert max(cell_len(line) for line in found.splitlines()) <= width
        assert "\x1b" not in found
    else:
        assert "\x1b[" in found


def test_a_pipe_gets_whole_topics_and_no_colour() -> None:
    """Nothing is cut where lines may be of any length."""
    found = output("topics", CAPTURES / "mosquitto-5.0-topic-aliases.pcap")
    assert "hall-7/line-3/press-12/hydraulics/pressure" in found
    assert "\x1b" not in found


def width_behind(target: int, command: list[str]) -> int:
    """Of what a command writes to a pipe or a file while errors go to a terminal of 70 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    try:
        done = subprocess.run(
            [sys.executable, "-m", "mqttdissect", *command], stdin=subprocess.DEVNULL, stdout=target, stderr=slave,
            check=True, timeout=120, env=plain_environment(),
        )  # fmt: skip
    finally:
        os.close(slave)
        os.close(master)
    return max(map(cell_len, done.stdout.decode().splitlines())) if done.stdout else 0


def test_behind_a_pipe_the_width_is_that_of_the_terminal(tmp_path: Path) -> None:
    """As `| less` shows it; a file has lines as long as they need to be."""
    command = ["stats", "-s", "clients,talkers", str(MANY)]
    assert 60 < width_behind(subprocess.PIPE, command) <= 70
    assert width_behind(subprocess.PIPE, ["topics", str(CAPTURES / "mosquitto-5.0-topic-aliases.pcap")]) <= 70
    with (tmp_path / "a.txt").open("w+") as file:
        width_behind(file.fileno(), command)
        file.seek(0)
        assert max(map(cell_len, file.read().splitlines())) > 100


# pictures

PICTURES = {"overview": (MANY,), "connections": ("-s", "connections,sizes,qos", MANY)}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_show_what_they_showed(name: str, tmp_path: Path) -> None:
    """Charts, their titles and labels, the number of bars and lines."""
    pytest.importorskip("matplotlib")
    found = structure(picture(tmp_path, "a.svg", *PICTURES[name]))
    assert found == (SNAPSHOTS / f"{name}-svg.txt").read_text(encoding="utf-8"), (
        "another picture; if it is meant to be: python tests/test_stats_views.py"
    )


def test_a_picture_has_all_charts_that_were_asked_for(tmp_path: Path) -> None:
    """However many there are: a chart of every handshake, and of all else."""
    pytest.importorskip("matplotlib")
    names = "types,rates,topics,clients,qos,connections,sizes,times,talkers"
    found = structure(picture(tmp_path, "a.svg", "-s", names, MANY, "--top", "60"))
    for row in stats(MANY)["times"]["rows"]:
        assert f"text {row['handshake']}, asked by {row['asked_by']}\n" in found
    for name in names.split(","):
        assert f"chart-{name}" in found
    assert found.count("chart-") > 12
    assert found.count("chart-rates") == 3
    assert all(f"text {row['type']}\n" in found for row in stats(MANY)["types"])


def test_what_a_picture_lacks_is_said(tmp_path: Path) -> None:
    """In its titles, and in one line."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "a.svg"
    done = run("stats", "-s", "capture,types", "-o", path, "--top", "3", ONE)
    count = len(stats(ONE)["types"])
    assert done.returncode == 0
    lacks = f"nothing of capture; only the first 3 of {count} types, --top {count} draws all"
    assert done.stderr == f"mqttdissect: {path} shows {lacks}\n"
    assert f"text Packet types: packets (the first 3 of {count})" in structure(path)


def test_the_same_picture_twice(tmp_path: Path) -> None:
    """No date, no ids by chance."""
    pytest.importorskip("matplotlib")
    first, second = (picture(tmp_path, name, "-s", "types", ONE).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
def test_pictures_can_be_rendered(tmp_path: Path) -> None:
    """By a renderer of SVG that is not matplotlib: a PNG as large as the picture, and not empty."""
    pytest.importorskip("matplotlib")
    path = picture(tmp_path, "a.svg", MANY)
    rendered = tmp_path / "a.png"
    subprocess.run(["rsvg-convert", str(path), "-o", str(rendered)], check=True, timeout=60)
    raw = rendered.read_bytes()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", raw[16:24])
    assert width > 800
    assert height > 600
    assert len(raw) > 20_000


def test_png(tmp_path: Path) -> None:
    """By the file's name."""
    pytest.importorskip("matplotlib")
    assert picture(tmp_path, "a.png", "-s", "rates", MANY).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def renew() -> None:
    """Store what is printed now."""
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for name in VIEWS:
        for width in WIDTHS:
            for color in ("never", "always"):
                snapshot(name, width, color).write_text(view(name, width, color), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments in PICTURES.items():
            found = structure(picture(Path(folder), "a.svg", *arguments))
            (SNAPSHOTS / f"{name}-svg.txt").write_text(found, encoding="utf-8")


if __name__ == "__main__":
    renew()
