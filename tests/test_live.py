"""As it happens: growing files, rotation, time limits, Ctrl-C, what -w writes, and what can go wrong with each."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support import CONNACK, PINGREQ, Stream, connect, pcap, publish

from mqttdissect import open_capture
from mqttdissect.live import interfaces
from mqttdissect.source import Stop

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
ONE = CAPTURES / "mosquitto-3.1.1-qos.pcap"
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class Running:
    """A command that goes on; its lines as they come."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mqttdissect", *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def line(self) -> str:
        """The next line of output."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def error(self) -> str:
        """The next line of errors."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().decode()

    def interrupt(self) -> tuple[str, str, int]:
        """Ctrl-C: the rest of its output, its errors, its exit status."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        return out.decode(), err.decode(), self.process.returncode


@contextmanager
def running(*arguments: str | Path) -> Iterator[Running]:
    """Ended whatever happens."""
    one = Running(*arguments)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def frames() -> list[bytes]:
    """A small session."""
    return Stream().handshake().client(connect(), publish("a", b"1")).server(CONNACK).client(publish("b", b"2")).frames


def test_follow_reads_what_is_added(tmp_path: Path) -> None:
    """Also a frame that is there only in part at first."""
    path = tmp_path / "growing.pcap"
    raw = pcap(frames())
    cut = len(pcap(frames()[:4])) + 20
    path.write_bytes(raw[:cut])
    with running("-P", "--follow", path) as one:
        assert "CONNECT" in one.line()
        with path.open("ab") as file:
            file.write(raw[cut:])
        assert [one.line().split()[5] for _ in range(3)] == ["PUBLISH", "CONNACK", "PUBLISH"]
        assert one.interrupt() == ("", "", 0)


def test_follow_goes_on_with_the_next_file(tmp_path: Path) -> None:
    """Rotation: the old file is read to its end, the new one from its start, as one capture."""
    path = tmp_path / "ring.pcap"
    path.write_bytes(pcap(frames()[:4]))
    with running("-P", "--follow", path) as one:
        assert "CONNECT" in one.line()
        path.rename(tmp_path / "ring.pcap.1")
        time.sleep(0.1)
        new = tmp_path / "new"
        new.write_bytes(pcap(frames()[4:]))
        new.rename(path)
        assert "    5 " in one.line()


def test_follow_of_a_file_that_is_replaced_by_none(tmp_path: Path) -> None:
    """Something else under its name is said once; the next capture there is read."""
    path = tmp_path / "ring.pcap"
    path.write_bytes(pcap(frames()[:4]))
    with running("-P", "--follow", path) as one:
        assert "CONNECT" in one.line()
        new = tmp_path / "new"
        for content, start in ((b"this is no capture", "74 68 69 73"), (b"nor is this", "6e 6f 72 20")):
            new.write_bytes(content)
            new.rename(path)
            assert one.error() == f"mqttdissect: {path}: not a pcap or pcapng capture (it starts with {start})\n"
            time.sleep(0.3)
        new.write_bytes(pcap(frames()[4:]))
        new.rename(path)
        assert "    5 " in one.line()
        _, err, status = one.interrupt()
    assert (err, status) == ("", 2)


def test_follow_of_a_file_that_is_written_anew(tmp_path: Path) -> None:
    """Or was none yet when it was opened."""
    path = tmp_path / "slow.pcap"
    path.write_bytes(b"not yet")
    with running("-P", "--follow", path) as one:
        assert "not a pcap or pcapng capture" in one.error()
        path.write_bytes(pcap(frames()))
        assert "CONNECT" in one.line()
        path.unlink()
        assert [one.line().split()[5] for _ in range(3)] == ["PUBLISH", "CONNACK", "PUBLISH"]
        assert one.interrupt()[2] == 2


def test_follow_needs_one_file(mqttdissect: Run) -> None:
    """One line."""
    assert "--follow takes one file" in mqttdissect("--follow", "-").stderr
    assert "no such file" in mqttdissect("--follow", "nowhere").stderr
    assert mqttdissect("--follow", "nowhere").returncode == 2


def test_ctrl_c_ends_with_what_was_read() -> None:
    """A pipe that stays open: packets printed so far are whole, the status is success."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mqttdissect", "-P", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    cut = publish("a", b"x" * 500)[:40]
    process.stdin.write(pcap(Stream().handshake().client(connect(), cut).frames))
    process.stdin.flush()
    assert b"CONNECT" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert b"the capture ends" in out
    assert (err, process.returncode) == (b"", 0)


def test_duration(tmp_path: Path) -> None:
    """Stops by itself."""
    path = tmp_path / "growing.pcap"
    path.write_bytes(pcap(frames()))
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "mqttdissect", "-P", "--follow", "--duration", "1", str(path)],
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 4
    assert 0.9 < time.monotonic() - start < 15


def test_a_wish_to_stop_that_came_before_the_waiting_ends_it() -> None:
    """Else a signal between two looks at a file that does not grow, or before a pipe is read, would be forgotten."""
    stop = Stop()
    stop.request()
    reading, writing = os.pipe()
    start = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            stop.pause(10)
        with pytest.raises(KeyboardInterrupt):
            stop.read(reading, 1)
    finally:
        os.close(reading)
        os.close(writing)
    assert time.monotonic() - start < 5


def test_write_keeps_every_frame(mqttdissect: Run, tmp_path: Path) -> None:
    """As pcapng, with its time, link type and length."""
    path = tmp_path / "copy.pcapng"
    printed = mqttdissect("-P", "-w", path, ONE).stdout
    assert mqttdissect("-P", path).stdout == printed
    before, after = list(open_capture(ONE)), list(open_capture(path))
    assert [(f.time_ns, f.link_type, f.data, f.original_length) for f in before] == [
        (f.time_ns, f.link_type, f.data, f.original_length) for f in after
    ]


def test_write_of_several_link_types(mqttdissect: Run, tmp_path: Path) -> None:
    """Each has its interface."""
    path = tmp_path / "both.pcapng"
    cooked = CAPTURES / "mosquitto-3.1.1-any-sll.pcap"
    mqttdissect("-P", "-w", path, "--no-merge", ONE, cooked)
    assert {frame.link_type for frame in open_capture(path)} == {1, 113}


def test_write_where_one_cannot(mqttdissect: Run, tmp_path: Path) -> None:
    """One line each; a full disk does not end the dissection."""
    nowhere = mqttdissect("-w", tmp_path / "no" / "where", ONE)
    assert nowhere.stderr == f"mqttdissect: cannot write {tmp_path}/no/where: no such file or directory\n"
    assert (nowhere.stdout, nowhere.returncode) == ("", 2)
    copy = tmp_path / "one.pcap"
    copy.write_bytes(ONE.read_bytes())
    refused = mqttdissect("-w", copy, copy)
    assert "is the file that is read" in refused.stderr
    assert (refused.returncode, copy.read_bytes()) == (2, ONE.read_bytes())


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit on file sizes here")
def test_full_disk_on_write(tmp_path: Path) -> None:
    """A limit on file sizes stands in for a full disk: the file ends behind a whole frame, and that is said."""
    path = tmp_path / "copy.pcapng"
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096));"
        "from mqttdissect.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "-P", "-w", str(path), str(ONE)], capture_output=True, timeout=60
    )
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 60
    assert b"file too large; it ends after" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    said = int(done.stderr.split()[-2])
    assert len(list(open_capture(path))) == said
    assert 3900 < path.stat().st_size <= 4096  # as much as there was room for


def test_options_that_do_not_go_together(mqttdissect: Run) -> None:
    """One line each."""
    assert "-f goes with -i" in mqttdissect("-f", "port 1883", ONE).stderr
    assert "-i captures live" in mqttdissect("-i", "lo", ONE).stderr


def test_list_of_interfaces(mqttdissect: Run) -> None:
    """Loopback is there."""
    names = [line.split("\t")[0] for line in mqttdissect("-D").stdout.splitlines()]
    assert names == [name for name, _ in interfaces()]
    assert names


def test_unknown_interface_and_wrong_filter(mqttdissect: Run) -> None:
    """One line each, that says what there is."""
    unknown = mqttdissect("-i", "nowhere0")
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)
    assert "no interface 'nowhere0'; there are" in unknown.stderr
    if ROOT and sys.platform == "linux":
        wrong = mqttdissect("-i", "lo", "-f", "prot 1883")
        assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)
        assert "filter 'prot 1883'" in wrong.stderr


@pytest.mark.skipif(not ROOT or sys.platform != "linux", reason="capturing on loopback needs root on Linux")
def test_live_capture(tmp_path: Path) -> None:
    """Real traffic on loopback, filtered, printed as it comes, and written down."""
    path = tmp_path / "seen.pcapng"
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    with server, running("-P", "-i", "lo", "-f", f"tcp port {port}", "-w", path) as one:
        stop = threading.Event()

        def talk() -> None:
            while not stop.is_set():  # until the capture has begun, however long scapy takes to load
                with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0] as peer:
                    client.sendall(connect())
                    peer.recv(100)
                    client.sendall(PINGREQ)
                    peer.recv(100)
                time.sleep(0.1)

        talker = threading.Thread(target=talk)
        talker.start()
        try:
            names = {one.line().split()[5] for _ in range(4)}
        finally:
            stop.set()
            talker.join()
        _out, err, status = one.interrupt()
    assert names == {"CONNECT", "PINGREQ"}
    assert (err, status) == ("", 0)
    assert len(list(open_capture(path))) > 10


def without_raw_sockets() -> None:
    """In the child, before it starts: take CAP_NET_RAW out of what it may ever have (prctl, PR_CAPBSET_DROP)."""
    ctypes.CDLL(None).prctl(24, 13, 0, 0, 0)


@pytest.mark.skipif(not ROOT or sys.platform != "linux", reason="gives up one of root's capabilities")
def test_no_permission() -> None:
    """One line that says what to do."""
    done = subprocess.run(
        [sys.executable, "-m", "mqttdissect", "-i", "lo"],
        capture_output=True, timeout=60, preexec_fn=without_raw_sockets,
    )  # fmt: skip
    assert done.returncode == 2
    assert b"no permission to capture on lo: run as root, or pipe tcpdump into `mqttdissect -`" in done.stderr
    assert len(done.stderr.splitlines()) == 1
