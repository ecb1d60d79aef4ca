"""`topics` from a pipe on a terminal: the tree as it grows, with the rates of the last seconds."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable

import pytest
from rich.console import Console
from stats_runs import plain_environment
from support import Stream, connect, pcap, publish

from mqttdissect.analysis.statistics import Statistics
from mqttdissect.output.topics import LiveTopics, TopicTree
from mqttdissect.pipeline import Dissector


def on_terminal(pieces: list[bytes], interrupt: bool = False) -> str:
    """What `topics -` writes to a terminal of 100 columns that gets these pieces, one after the other."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "mqttdissect", "topics", "-"],
        stdin=subprocess.PIPE, stdout=slave, stderr=subprocess.DEVNULL, close_fds=True,
        env={**plain_environment(), "TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(slave)
    assert process.stdin is not None
    shown = bytearray()
    reader = threading.Thread(target=read_all, args=(master, shown), daemon=True)
    reader.start()
    for number, piece in enumerate(pieces):
        process.stdin.write(piece)
        process.stdin.flush()
        wait_for(lambda number=number: ("t/0" if number == 0 else f"─ {number}").encode() in shown)  # type: ignore[misc]
    if interrupt:
        process.send_signal(signal.SIGINT)
    else:
        process.stdin.close()
    assert process.wait(timeout=30) == 0
    reader.join(timeout=10)
    if interrupt:
        process.stdin.close()
    os.close(master)
    return shown.decode()


def read_all(descriptor: int, into: bytearray) -> None:
    """Until the other side has gone."""
    while True:
        try:
            piece = os.read(descriptor, 65536)
        except OSError:
            return
        if not piece:
            return
        into += piece


def wait_for(condition: Callable[[], bool]) -> None:
    """At most half a minute."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def pieces() -> list[bytes]:
    """A capture as it grows: a topic in each piece."""
    stream = Stream().handshake().client(connect("c"), publish("t/0", b"x"))
    done = [pcap(stream.frames)]
    for number in (1, 2):
        before = len(stream.frames)
        stream.client(publish(f"t/{number}", b"x"))
        done.append(pcap(stream.frames[before:])[24:])
    return done


@pytest.mark.parametrize("interrupt", [False, True])
def test_topics_grow_on_a_terminal(interrupt: bool) -> None:
    """Each topic is there before the next one comes; the end, or Ctrl-C, leaves the whole tree."""
    shown = on_terminal(pieces(), interrupt)
    assert "\x1b[?25l" in shown, "the cursor is hidden while rich draws"
    last = shown[shown.rindex("Topics (3)") :]
    assert [name in last for name in ("├─ 0", "├─ 1", "└─ 2")] == [True] * 3
    assert "\x1b[?25h" in shown, "the cursor is back"


class Screen:
    """A terminal whose size a test sets, and a clock that it moves."""

    def __init__(self, height: int) -> None:
        self.statistics = Statistics(most_topics=40)
        self.dissector = Dissector()
        self.dissector.feed(pcap([]))
        self.stream = Stream()
        self.publish(connect("c"))
        self.now = 0.0
        self.console = Console(file=io.StringIO(), width=100, height=height, force_terminal=True, no_color=True)
        self.live = LiveTopics(TopicTree(self.statistics), self.console, lambda: self.now)

    def publish(self, *packets: bytes) -> None:
        """The next packets come."""
        before = len(self.stream.frames)
        self.stream.client(*packets)
        self.statistics.take(self.dissector.feed(pcap(self.stream.frames[before:])[24:]))

    def rates(self, after: float, height: int) -> dict[str, str]:
        """What the table says, some seconds later."""
        self.now += after
        self.console.height = height
        with self.console.capture() as captured:
            self.console.print(self.live.renderable())
        rows = [line.strip("│├└─ ").split() for line in captured.get().splitlines()]
        return {row[0]: row[-4] for row in rows if len(row) >= 8}


def test_rates_are_right_from_the_first_moment_that_a_row_is_shown() -> None:
    """A row that had no place before, as its topic was one of many, or as the terminal was smaller, and a new topic."""
    screen = Screen(12)
    for number in range(30):
        screen.publish(*[publish(f"t/{number:02}", b"x")] * 50)
    screen.publish(*[publish("t/quiet", b"x")] * 49)
    assert "quiet" not in screen.rates(0, 12)
    assert "quiet" not in screen.rates(2, 12)
    screen.publish(publish("t/quiet", b"x"), publish("t/quiet", b"x"), *[publish("t/new", b"x")] * 60)
    found = screen.rates(2, 12)
    assert (found["t/"], found["quiet"], found["new"]) == ("15.5/s", "0.50/s", "15.0/s")
    screen.publish(*[publish("t/29", b"x")] * 2)
    found = screen.rates(2, 60)
    assert (found["29"], found["00"], found["quiet"], found["new"]) == ("0.33/s", "0/s", "0.33/s", "10.0/s")
    screen.publish(*[publish(f"u/{number}", b"x") for number in range(20)])
    assert screen.rates(2, 60)["(others)"] == "2.00/s"
