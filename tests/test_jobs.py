"""Several processes: the same bytes on every descriptor, and nothing left behind whatever happens to one of them."""

from __future__ import annotations

import marshal
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
from test_identical import COLUMNS, command

from mqttdissect import files, parallel
from mqttdissect.cli import checked, ladder
from mqttdissect.files import Captures, Listener

GENERATE = Path(__file__).parent.parent / "bench" / "generate.py"
CAPTURES = Path(__file__).parent.parent / "captures"
LINUX = Path("/proc/self/task").exists()
T = TypeVar("T")
FORMATS = {
    "tree": ["--color", "never"],
    "tree, time since the packet before": ["--color", "never", "-t", "d"],
    "summary": ["-P"],
    "summary with links, time since the packet before": ["-P", "--links", "-t", "d"],
    "summary in colour": ["-P", "--color", "always"],
    "summary, time since the packet before": ["-P", "-t", "d"],
    "summary, time since 1970": ["-P", "-t", "e"],
    "hex": ["-x", "--color", "never"],
    "json": ["-T", "json"],
    "fields": ["-T", "fields", *COLUMNS],
    "csv": ["-T", "csv", *COLUMNS],
    "links": ["-T", "fields", "-e", "mqtt.request_in", "-e", "mqtt.response_in", "-e", "mqtt.handshake_time"],
    "requests": ["-T", "fields", "-e", "mqtt.request_in"],
}
Printed = tuple[int, bytes, bytes]  # exit status, standard output, standard error


def generated(folder: Path, scenario: str, frames: int) -> Path:
    """A capture of `bench/generate.py`."""
    path = folder / f"{scenario}-{frames}.pcap"
    line = [sys.executable, str(GENERATE), "--frames", str(frames), "--scenario", scenario, "--seed", "7", str(path)]
    subprocess.run(line, check=True, capture_output=True, timeout=120)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For what is generated once."""
    return tmp_path_factory.mktemp("generated")


@pytest.fixture(scope="module", params=["mixed", "many-clients", "lossy-order", "split-length"])
def synthetic(request: pytest.FixtureRequest, folder: Path) -> Path:
    """Each scenario in turn, small."""
    return generated(folder, request.param, 1500)


@pytest.fixture(scope="module")
def large(folder: Path) -> Path:
    """More than fits the buffers between processes, and than the leader keeps of its own while a helper is slow."""
    return generated(folder, "mixed", 120_000)


def printed(arguments: list[str | Path], jobs: int, block: int = 2000) -> Printed:
    """What the command prints with so many processes, which take turns after so many bytes. In a fork, which is
    cheaper than a new Python."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            files.BLOCK = files.SMALL_BLOCK = ladder.BLOCK = block
            os._exit(command([*map(str, arguments), "--jobs", str(jobs)], out.fileno(), err.fileno()))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        out.seek(0)
        err.seek(0)
        return status, out.read(), err.read()


@pytest.mark.parametrize("form", FORMATS)
def test_generated_captures_are_printed_the_same(synthetic: Path, form: str) -> None:
    arguments = [*FORMATS[form], synthetic]
    one = printed(arguments, 1)
    assert one[0] == 0
    assert one[1].count(b"\n") > 500
    assert printed(arguments, 2) == one
    assert printed(arguments, 5, 700) == one


@pytest.mark.parametrize("form", ["summary", "json"])
def test_shipped_captures_are_printed_the_same(capture: Path, form: str) -> None:
    """In blocks so small that every process has some."""
    arguments = [*FORMATS[form], capture]
    assert printed(arguments, 3, 500) == printed(arguments, 1)


@pytest.mark.parametrize("form", ["text", "svg"])
def test_ladders_of_generated_captures_are_the_same(
    synthetic: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a second process makes the findings; with packets that wait for them and without."""
    arguments = ["ladder", "-T", form, synthetic]
    for held in (checked.HELD, 40):
        monkeypatch.setattr(checked, "HELD", held)
        one = printed(arguments, 1)
        assert one[0] == 0 and one[1].count(b"\n") > 500
        assert printed(arguments, 2) == one


def test_ladders_of_shipped_captures_are_the_same(capture: Path) -> None:
    """In small blocks."""
    assert printed(["ladder", capture], 2, 500) == printed(["ladder", capture], 1, 500)


def test_findings_go_from_one_process_to_the_other() -> None:
    """All of each."""
    from mqttdissect.analysis.finding import Finding, of_values
    from mqttdissect.analysis.rules import RESERVED_FLAGS

    finding = Finding(RESERVED_FLAGS, 2, "broker", "what \udcff", 1 << 40, 1 << 62)
    finding.version, finding.stream, finding.start, finding.end = 5, 7, 1, 2
    finding.client, finding.packet, finding.stated = "c", "PUBREL", "[MQTT-2.1.3-1]"
    finding.frames, finding.related = [3, 4], [(3, "CONNECT")]
    copy = of_values(marshal.loads(marshal.dumps(finding.values())))
    assert copy.values() == finding.values()
    names = ("client", "end", "fault", "frame", "frames", "packet", "related", "rule", "severity", "start", "stated")
    for name in (*names, "stream", "time_ns", "version", "what"):
        assert getattr(copy, name) == getattr(finding, name)


def test_several_captures_and_their_damage(tmp_path: Path, synthetic: Path) -> None:
    """Merged by time or one after the other; what is said on standard error is said once."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(synthetic.read_bytes()[:50_000])
    for options in (["--merge"], ["--no-merge"]):
        for asked in (["-T", "json"], ["ladder"]):
            several = [cut, synthetic, CAPTURES / "mosquitto-5.0-lossy-link.pcap", "nowhere"]
            arguments = [*asked, *options, *several]
            one = printed(arguments, 1)
            assert one[0] == 2
            assert b"damaged at" in one[2]
            assert printed(arguments, 3) == one


def test_what_is_said_stands_where_it_does_with_one_process(tmp_path: Path, synthetic: Path) -> None:
    """With both outputs in one file, the damage is told behind the packets of the damaged capture."""
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(synthetic.read_bytes()[:50_000])
    line = [sys.executable, "-m", "mqttdissect", "-P", "--no-merge", str(cut), str(synthetic), "--jobs"]
    one, two = (subprocess.run([*line, jobs], stdout=-1, stderr=-2, timeout=60).stdout for jobs in ("1", "2"))
    assert b"damaged at" in one
    assert two == one


def test_limits_hold_with_several_processes(synthetic: Path, tmp_path: Path) -> None:
    """`-c` and `-w` mean the same."""
    for asked in (["-P"], ["ladder"]):
        for arguments in ([*asked, "-c", "77", synthetic], [*asked, "--max-streams", "16", synthetic]):
            assert printed(arguments, 4) == printed(arguments, 1)
    copies = [tmp_path / "1.pcapng", tmp_path / "3.pcapng"]
    for jobs, copy in zip((1, 3), copies, strict=True):
        assert printed(["-P", "-w", copy, synthetic], jobs)[0] == 0
    assert copies[0].read_bytes() == copies[1].read_bytes()


def test_number_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the size of the captures and the cores, unless the user says so; one for what cannot be read twice."""
    monkeypatch.setattr(parallel.threading, "active_count", lambda: 1)  # other tests may have left some
    monkeypatch.setattr(parallel, "cores", lambda: 4)
    assert parallel.processes(0, parallel.WORTHWHILE) == 4
    assert parallel.processes(0, parallel.WORTHWHILE - 1) == 1
    assert parallel.processes(3, 10) == 3
    assert parallel.processes(3, -1) == 1
    monkeypatch.setattr(parallel, "cores", lambda: 128)
    assert parallel.processes(0, 10**12) == parallel.MOST_BY_DEFAULT


def test_files_that_grow_are_read_as_they_were(tmp_path: Path, synthetic: Path) -> None:
    """Else each process would see another end."""

    class Nobody(Listener):
        def ended(self, file: object) -> None:
            pass

    data = synthetic.read_bytes()
    path = tmp_path / "growing.pcap"
    path.write_bytes(data[:100_000])
    captures = Captures([str(path)], True, Nobody())
    captures.bound()
    path.write_bytes(data)
    assert sum(len(frames) for frames in captures.frames()) < 1500
    assert captures.position == 100_000


@contextmanager
def running(*arguments: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command with two processes, in a process group of its own; it waits until its output is read."""
    line = [sys.executable, "-m", "mqttdissect", *map(str, arguments), "--jobs", "2"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(look: Callable[[], T]) -> T:
    """What `look` finds, as soon as it finds something."""
    end = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < end, "this did not come about"
        time.sleep(0.01)
    return found


def children(process: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def alive(process: int) -> bool:
    """Is it there, and not as a zombie?"""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(not LINUX, reason="looks at processes in /proc")
@pytest.mark.parametrize("command", ["-V", "ladder"])
class TestEnds:
    """However a run ends, no process stays behind."""

    def test_helper_that_dies(self, large: Path, command: str) -> None:
        """One line that says so, exit status 2, and no hang."""
        with running(command, large) as process:
            helper = wait_for(lambda: children(process.pid))[0]
            os.kill(helper, signal.SIGKILL)
            _, err = process.communicate(timeout=30)
            assert process.returncode == 2
            assert err.decode().splitlines() == [
                "mqttdissect: a process that helped was ended by signal 9; --jobs 1 does without"
            ]

    def test_leader_that_dies(self, large: Path, command: str) -> None:
        """Its helper follows."""
        with running(command, large) as process:
            helper = wait_for(lambda: children(process.pid))[0]
            process.kill()
            wait_for(lambda: not alive(helper))

    def test_reader_that_goes_away(self, large: Path, command: str) -> None:
        """`| head` is success, without a word."""
        with running(command, large) as process:
            helper = wait_for(lambda: children(process.pid))[0]
            assert process.stdout
            process.stdout.readline()
            process.stdout.close()
            assert process.wait(30) == 0
            assert process.stderr
            assert process.stderr.read() == b""
            assert not alive(helper)

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_interrupt(self, large: Path, unbuffered: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ctrl-C reaches all of them: what had been read is printed whole, in order, though it breaks into a write."""
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        command = "-P" if command == "-V" else command
        with running(command, large) as process:
            helper = wait_for(lambda: children(process.pid))[0]
            assert process.stdout
            first = process.stdout.readline()
            time.sleep(0.1)  # now the pipe is full
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=30)
            assert (process.returncode, err) == (0, b"")
            assert not alive(helper)
        whole = printed([command, large], 1, files.BLOCK if command == "-P" else ladder.BLOCK)[1]
        cut = (first + out).splitlines(True)
        assert 100 < len(cut) < whole.count(b"\n")
        assert whole.splitlines(True)[: len(cut) - 100] == cut[:-100]  # the last ones are of packets that break off

    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_output_that_does_not_block(
        self, large: Path, unbuffered: str, command: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing is lost without a word where nobody reads."""
        monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        line = [sys.executable, "-m", "mqttdissect", command, "--jobs", "2", str(large)]
        done = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, timeout=60)
        os.close(reading)
        os.close(writing)
        assert done.returncode == 2
        assert done.stderr.startswith(b"mqttdissect: cannot write: ") and done.stderr.count(b"\n") == 1

    def test_full_disk(self, large: Path, command: str) -> None:
        """Said in one line."""
        line = [sys.executable, "-m", "mqttdissect", command, "--jobs", "2", str(large)]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert done.returncode == 2
        assert done.stderr == b"mqttdissect: cannot write: No space left on device\n"
