"""`diff`: what it prints, whole and readable at any width, from any input, and its exit status."""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from conversations import (
    PINGREQ,
    C,
    Event,
    S,
    capture,
    connect,
    suback,
    subscribe,
)
from differing import BAD, CAPTURES, GOOD, WILL, WRITER, WRITER_CONNECT, Run, base, between, hello, other, sent, written
from hypothesis import given
from hypothesis import strategies as st
from support import Stream, pcap

from mqttdissect.comparison.marks import Payload, marks
from mqttdissect.comparison.volatile import EXACT, SHAPE, STEADY, counted, forms
from mqttdissect.output.text import cells

SNAPSHOTS = Path(__file__).with_name("snapshots") / "diff"
VIEWS = {"80": ["--width", "80"], "200": ["--width", "200"], "200-colour": ["--width", "200", "--color", "always"]}


def view(name: str) -> str:
    """What is printed."""
    argv = [sys.executable, "-m", "mqttdissect", "diff", *VIEWS[name], "--trees", "2", GOOD.name, BAD.name]
    environment = {**os.environ, "PYTHONUTF8": "1", "TERM": "xterm-256color", "NO_COLOR": "", "COLORTERM": ""}
    return subprocess.run(argv, capture_output=True, cwd=CAPTURES, timeout=60, env=environment).stdout.decode()


@pytest.mark.parametrize("name", VIEWS)
def test_snapshots(name: str) -> None:
    """What users see, whole. After a change that is meant: python tests/test_diff_output.py"""
    assert view(name) == (SNAPSHOTS / f"{name}.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [60, 80, 120, 160, 200])
def test_lines_fit_the_width(mqttdissect: Run, width: int) -> None:
    """Trees and lists, also of wide characters."""
    wide = CAPTURES / "mosquitto-3.1.1-qos.pcap", CAPTURES / "mosquitto-3.1-mqisdp.pcap"
    for good, bad in ((GOOD, BAD), wide):
        done = mqttdissect("diff", "--width", str(width), "--trees", "9", good, bad)
        assert done.returncode == 1
        assert max(cells(line) for line in done.stdout.splitlines()) <= width


@pytest.mark.parametrize("width", [60, 70, 78, 80, 81, 160, 162])
def test_wrapped_values_lose_nothing(mqttdissect: Run, tmp_path: Path, width: int) -> None:
    """Every character of a payload is there, in the lines that the width makes of it."""
    payload = "abcdefghijklmnopqrstuvwxyz0123456789" * 2
    paths = written(tmp_path, capture(hello("c", *sent("t", payload))), capture(hello("c")))
    done = mqttdissect("diff", "--width", str(width), "--fold", "1", *paths)
    tree = done.stdout.partition("Application message")[2].partition("All ")[0]
    assert payload in re.sub(r"\s", "", tree)


def test_a_packet_beside_nothing_has_all_the_room(tmp_path: Path) -> None:
    """Where no terminal has a width."""
    base = hello("c")
    paths = written(tmp_path, capture(base), capture([*base, *sent("a/topic", "x")]))
    command = [sys.executable, "-m", "mqttdissect", "diff", *map(str, paths)]
    environment = {**os.environ, "PYTHONUTF8": "1", "COLUMNS": ""}
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, env=environment, timeout=60)
    assert "(nothing)   #6  0.005000  10.0.0.1:40000" in done.stdout.decode()
    assert "            │  └─ 0004  61 2f 74 6f 70 69 63" in done.stdout.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such terminals")
@pytest.mark.parametrize(("piped", "fits"), [(True, True), (False, False)], ids=["pipe", "file"])
def test_before_a_pipe_the_terminal_of_the_errors_has_the_width(tmp_path: Path, piped: bool, fits: bool) -> None:
    """As for `| less -R`; in a file lines may be of any length."""
    import fcntl
    import pty
    import termios

    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 90, 0, 0))
    target = tmp_path / "out.txt"
    argv = [sys.executable, "-m", "mqttdissect", "diff", str(GOOD), str(BAD)]
    environment = {**os.environ, "COLUMNS": "", "PYTHONUTF8": "1"}
    with target.open("wb") as file:
        stdout = subprocess.PIPE if piped else file
        done = subprocess.run(argv, stdout=stdout, stderr=terminal, timeout=60, env=environment)
    for one in (master, terminal):
        os.close(one)
    text = (done.stdout if piped else target.read_bytes()).decode()
    assert (max(map(cells, text.splitlines())) <= 90) == fits


def test_exit_status_and_words(mqttdissect: Run) -> None:
    """0 for the same, 1 for different; a line tells what was compared."""
    same = mqttdissect("diff", GOOD, GOOD)
    assert (same.returncode, same.stderr) == (0, "")
    assert "No differences in meaning." in same.stdout
    assert "5 pairs of connections (5 by client identifier); 97 pairs of packets" in same.stdout
    different = mqttdissect("diff", GOOD, BAD)
    assert different.returncode == 1
    assert (
        different.stdout.index("First difference")
        < different.stdout.index("All ")
        < different.stdout.index("Compared:")
    )


def test_json(mqttdissect: Run) -> None:
    """An object for each difference, with both packets as `-T json` has them, then the summary."""
    done = mqttdissect("diff", "-T", "json", GOOD, BAD)
    *differences, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    first = differences[0]
    assert (first["difference"], first["what"], first["client"]) == ("other value", "SUBACK", "surveyor")
    assert first["fields"] == [
        {"name": "mqtt.suback.qos", "label": "Return code", "counts": True, "place": 3, "good": 2, "bad": 1}
    ]
    assert first["good"]["mqtt"]["mqtt.suback.qos"] == [0, 1, 2]
    assert first["bad"]["mqtt"]["mqtt.suback.qos"] == [0, 1, 1]
    assert last["summary"]["same"] is False
    assert sum(last["summary"]["differences"].values()) == len(differences)
    alike = json.loads(mqttdissect("diff", "-T", "json", GOOD, GOOD).stdout)
    assert alike["summary"]["same"] is True


PAIRS = re.compile(r"^\| (mosquitto|RabbitMQ|aedes|aMQTT), (\w+) \| (\d+) \|(.*)\|$", re.MULTILINE)


def test_the_docs_explain_every_difference_of_the_six_pairs() -> None:
    """Each pair is there, with as many differences as there are, each explained once."""
    rows = PAIRS.findall((CAPTURES.parent / "docs" / "differences.md").read_text(encoding="utf-8"))
    assert len(rows) == 6
    for one, two, total, reasons in rows:
        paths = [CAPTURES / f"survey-{name.lower()}.pcap" for name in (one, two)]
        found = between(*(path.read_bytes() for path in paths))
        assert len(found.differences) == int(total), (one, two)
        assert sorted(map(int, re.findall(r"\d+", reasons))) == list(range(1, int(total) + 1)), (one, two)


def test_one_client_only(mqttdissect: Run) -> None:
    """By its identifier; a pattern will do; one that nobody has is an error."""
    done = mqttdissect("diff", "--trees", "0", "--client", "collect*", GOOD, BAD)
    assert "collector" in done.stdout and "surveyor" not in done.stdout
    none = mqttdissect("diff", "--client", "nobody", GOOD, BAD)
    assert none.returncode == 2
    assert none.stderr == "mqttdissect: no connection in either capture is of that client identifier\n"


def test_from_a_pipe(mqttdissect: Run) -> None:
    """Standard input is read twice all the same."""
    done = mqttdissect("diff", "-", BAD, input=GOOD.read_bytes())
    assert done.returncode == 1
    assert "GOOD  standard input" in done.stdout
    assert "SUBACK" in done.stdout


@pytest.mark.parametrize(("size", "said"), [(0, "empty: not a single byte to read"), (3000, "damaged at offset 2")])
def test_what_is_wrong_with_standard_input(mqttdissect: Run, size: int, said: str) -> None:
    """By its name, not that of a file in between."""
    done = mqttdissect("diff", "-", BAD, input=GOOD.read_bytes()[:size])
    assert done.stderr.startswith(f"mqttdissect: standard input: {said}")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([GOOD], "takes two captures"),
        ([GOOD, GOOD, GOOD], "takes two captures"),
        (["-", "-"], "one capture only"),
        (["-i", "lo", GOOD, GOOD], "captures that are there"),
        ([GOOD, "nowhere.pcap"], "no such file"),
        ([GOOD, Path(__file__)], "not a pcap"),
    ],
)
def test_wrong_use(mqttdissect: Run, arguments: list[str | Path], says: str) -> None:
    """One line, exit status 2."""
    done = mqttdissect("diff", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_no_mqtt(mqttdissect: Run, tmp_path: Path) -> None:
    """One line names the capture without any."""
    other = Stream(destination=(bytes([10, 0, 0, 9]), 80)).handshake().client(b"GET / HTTP/1.1\r\n\r\n")
    good, bad = written(tmp_path, capture(base()), pcap(other.frames))
    done = mqttdissect("diff", good, bad)
    assert (done.returncode, done.stdout) == (2, "")
    assert "bad.pcap: no MQTT" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_damaged_captures(mqttdissect: Run, tmp_path: Path) -> None:
    """They are compared as far as they go, which is said; the exit status is that of the comparison."""
    whole = capture(hello("c", *sent("t", "x", "y")), close=False)
    good, bad = written(tmp_path, whole + whole[24:34], whole)
    same = mqttdissect("diff", good, good)
    assert same.returncode == 0
    assert "No differences in meaning." in same.stdout
    assert "The capture of GOOD is damaged" in same.stdout and "The capture of BAD is damaged" in same.stdout
    assert same.stderr.count(": damaged at ") == 2
    one = mqttdissect("diff", "-T", "json", good, bad)
    assert one.returncode == 0
    assert json.loads(one.stdout)["summary"]["damaged"] == [True, False]
    (tmp_path / "bad.pcap").write_bytes(capture(hello("c", *sent("t", "x")), close=False))
    assert mqttdissect("diff", good, bad).returncode == 1


def test_a_single_packet(mqttdissect: Run, tmp_path: Path) -> None:
    """It is compared like any other."""
    good, bad = written(tmp_path, capture([Event(0, C, PINGREQ)]), capture([Event(0, C, connect("c"))]))
    assert mqttdissect("diff", good, good).returncode == 0
    done = mqttdissect("diff", good, bad)
    assert done.returncode == 1
    assert "CONNECT" in done.stdout


HOSTILE = ["\x1b[2J\x1b]0;title\x07", "\u202egnp.exe", "a\tb\nc", "[bold]markup[/bold]", "t" * 60_000]


@pytest.mark.parametrize("name", HOSTILE, ids=["escape", "bidi", "line end", "markup", "60 KB"])
def test_hostile_names_are_harmless_and_readable(mqttdissect: Run, tmp_path: Path, name: str) -> None:
    """In client identifiers, topics and filters; nothing reaches the terminal raw, no line gets long."""
    good = [*hello(name, Event(0, C, subscribe(1, (name, 1))), Event(0, S, suback(1, 1)), *sent(name, "one"))]
    bad = [
        *hello(name, Event(0, C, subscribe(1, (name + "x", 1))), Event(0, S, suback(1, 0x80)), *sent(name + "y", "one"))
    ]
    paths = written(tmp_path, capture(good), capture(bad))
    for arguments in (["--width", "100", "--trees", "9"], ["-T", "json"], ["--trees", "9"]):
        done = mqttdissect("diff", *arguments, *paths)
        assert done.returncode == 1, done.stderr
        assert all(char.isprintable() or char == "\n" for char in done.stdout)
        assert len(between(capture(good), capture(bad)).differences) == 3
    assert max(map(len, mqttdissect("diff", "--width", "100", *paths).stdout.splitlines())) <= 200


def test_bytes_that_differ_far_behind_the_fold_are_shown(mqttdissect: Run, tmp_path: Path) -> None:
    """With their offset."""
    payload = bytes(range(32, 127)) * 9
    other = payload[:700] + b"#" + payload[701:]
    paths = written(tmp_path, capture(hello("c", *sent("t", payload))), capture(hello("c", *sent("t", other))))
    done = mqttdissect("diff", "--width", "180", *paths)
    assert "first byte that differs" in done.stdout
    assert "from byte 700 on" in done.stdout


def reading(number: int, status: str, unit: str = "bar") -> str:
    """What a pump says."""
    name = "the pump in the hall behind the house"
    return f'{{"seq": {number}, "at": {number / 8}, "name": "{name}", "status": "{status}", "{unit}": 1}}'


OTHERS: list[tuple[list[str], list[str], tuple[int, int], str, str]] = [  # payloads, first byte, what is marked
    (
        [reading(102 + n, "running") for n in range(4)],
        [reading(902 + 3 * n, "stopped" if n == 2 else "running") for n in range(4)],
        (85, 86),
        "running",
        "stopped",
    ),
    (
        [reading(7 + n, "on") for n in range(4)],
        [reading(1996 + n, "on", "mbar" if n == 2 else "bar") for n in range(4)],
        (90, 94),
        "",
        "m",
    ),
    (["x" * 65_000], ["x" * 64_999 + "y"], (64_999, 64_999), "x", "y"),
    (["on, off, on"], ["on, up, off"], (4, 4), "off, on", "up, off"),
]


@pytest.mark.parametrize(("good", "bad", "first", "left", "right"), OTHERS, ids=["word", "one more", "last", "several"])
def test_what_differs_in_a_payload_is_named_and_marked(
    mqttdissect: Run, tmp_path: Path, good: list[str], bad: list[str], first: tuple[int, int], left: str, right: str
) -> None:
    """Not the counters before it; also where the tree does not show so many bytes."""
    paths = written(tmp_path, capture(hello("c", *sent("t", *good))), capture(hello("c", *sent("t", *bad))))
    done = mqttdissect("diff", "--width", "200", *paths)
    place = " | ".join(map(str, dict.fromkeys(first)))
    assert f"Application message, from byte {place} on: " in done.stdout
    line = json.loads(mqttdissect("diff", "-T", "json", *paths).stdout.splitlines()[0])
    (field,) = [one for one in line["fields"] if one["counts"]]
    assert (field["good_from"], field["bad_from"]) == first
    assert left in field["good"] and right in field["bad"]
    marked = [b"", b""]
    for row, below in pairwise(done.stdout.splitlines()):
        for match in re.finditer(r"\^\^", below if "≠" in row else ""):
            marked[match.start() > 100] += bytes.fromhex(row[match.start() : match.end()])
    assert [part.decode() for part in marked] == [left, right]


PARTS = st.sampled_from(
    [
        "a",
        "12",
        "-4.5",
        " ",
        '"',
        "2026-11-26T10:00:00Z",
        "1700000000",
        "8a3f2c1b8a3f2c1bff",
        "QWxhZGRpbjpvcGVu1a=",
        "ü",
    ]
)
TEXTS = st.lists(PARTS, max_size=12).map("".join)


@given(TEXTS, TEXTS, st.sampled_from([EXACT, STEADY, SHAPE]))
def test_marks_cover_what_differs(good: str, bad: str, form: int) -> None:
    """Forms are equal as their hashes are; something is marked if they are not, and lies within the payloads."""
    payloads = Payload(good.encode(), 0), Payload(bad.encode(), 0)
    found = marks(*payloads, form)
    same = [counted(one.data, 0, form) for one in payloads]
    assert (same[0].text == same[1].text) == (len({forms(one.data, 0)[form + 1] for one in payloads}) == 1)
    if good == bad:
        assert found.spans == ([], [])
    elif same[0].text != same[1].text:
        assert found.spans != ([], [])
        for side in (0, 1):
            for start, end in found.spans[side]:
                assert 0 <= start <= end <= len(payloads[side].data)


def test_secrets_stay_secret(mqttdissect: Run, tmp_path: Path) -> None:
    """That passwords differ is said, not what they are or where."""
    changed = other(WRITER, C, WRITER_CONNECT, connect("writer", flags=0xC6, rest=WILL.replace(b"wonder", b"wander")))
    paths = written(tmp_path, capture(base()), capture(changed(base())))
    for arguments in ([], ["-T", "json"]):
        done = mqttdissect("diff", *arguments, *paths)
        assert "wonderland" not in done.stdout and "wanderland" not in done.stdout
        assert b"wonderland".hex() not in done.stdout and b"wonderland".hex(" ") not in done.stdout
        assert "********" in done.stdout
    assert "^" not in "".join(line for line in mqttdissect("diff", *paths).stdout.splitlines() if "**" in line)


if __name__ == "__main__":
    SNAPSHOTS.mkdir(parents=True, exist_ok=True)
    for one in VIEWS:
        (SNAPSHOTS / f"{one}.txt").write_text(view(one), encoding="utf-8")
