"""Several captures as one: in order of time or one after the other, sets of files, directories, and where each frame
came from."""

from __future__ import annotations

import gzip
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import CONNACK, SECOND, Stream, connect, pcap, publish

from mqttdissect.capture.frame import CaptureError, Frame
from mqttdissect.capture.merge import Merger
from mqttdissect.capture.notes import MOST_CHANGES, MOST_COMMENTS, FrameNotes
from mqttdissect.files import CaptureFile, Captures, natural

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
QOS = CAPTURES / "mosquitto-3.1.1-qos.pcap"


class Quiet:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def failed(self, name: str, error: CaptureError) -> None:
        """A file that cannot be read."""
        self.told.append(f"{Path(name).name}: {error}")

    def passed_over(self, name: str, count: int) -> None:
        """Files that are no captures."""
        self.told.append(f"{count} passed over")

    def ended(self, file: CaptureFile) -> None:
        """A file that has been read."""
        self.told += [f"{Path(file.name).name}: {one}" for one in file.damage]


def frames_of(*paths: Path, merge: bool = True) -> tuple[list[Frame], list[str], list[str]]:
    """The frames of captures read as one, the files' names, and what there was to tell."""
    quiet = Quiet()
    captures = Captures([str(path) for path in paths], merge, quiet)
    frames = [frame for frames in captures.frames() for frame in frames]
    captures.close()
    return frames, [Path(name).name for name in captures.names], quiet.told


def at(times: list[int], tag: bytes = b"x") -> bytes:
    """A capture with a frame at each of these milliseconds, which says when."""
    capture = pcap([])
    for time in times:
        frame = tag + b"%d" % time
        capture += struct.pack("<IIII", time // 1000, time % 1000 * 1000, len(frame), len(frame)) + frame
    return capture


def conversation(count: int) -> list[bytes]:
    """The frames of a client that publishes `count` times."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    for number in range(count):
        stream.client(publish(f"topic/{number}", b"payload"))
    return stream.fin().frames


def split(frames: list[bytes], size: int) -> list[bytes]:
    """Captures of `size` frames each, a millisecond from frame to frame through all of them."""
    parts = []
    for first in range(0, len(frames), size):
        capture = pcap([])
        for number, frame in enumerate(frames[first : first + size], first):
            capture += struct.pack("<IIII", 1, number * 1000, len(frame), len(frame)) + frame
        parts.append(capture)
    return parts


# --- merging --------------------------------------------------------------------------------------------------------

TIMES = st.lists(st.integers(0, 50), max_size=12)


@given(files=st.lists(TIMES, min_size=1, max_size=5), size=st.integers(1, 4))
def test_merging_is_a_stable_sort_of_sorted_files(files: list[list[int]], size: int) -> None:
    """By time; at the same time the file named first; numbered from 1; in lists of any size."""
    merger = Merger()
    rest = {}
    for index, times in enumerate(files):
        frames = [Frame(0, time, 1, b"%d/%d" % (index, at), 0, 0) for at, time in enumerate(sorted(times))]
        rest[index] = [frames[at : at + size] for at in range(0, len(frames), size)]
        merger.expect(index, frames[0].time_ns if frames else -1)
    merged = []
    while True:
        merged += merger.merge()
        if merger.hungry < 0:
            break
        waiting = rest[merger.hungry]
        if waiting:
            merger.feed(waiting.pop(0))
        else:
            merger.close()
    expected = sorted(
        (time, index, order) for index, times in enumerate(files) for order, time in enumerate(sorted(times))
    )
    assert [(one.time_ns, one.file, one.data) for one in merged] == [
        (time, index, b"%d/%d" % (index, order)) for time, index, order in expected
    ]
    assert [one.number for one in merged] == list(range(1, len(merged) + 1))


def test_by_time_or_in_order(tmp_path: Path) -> None:
    """The same two files both ways; the numbers run on, and each frame knows its file."""
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(at([20, 30, 50]))
    two.write_bytes(at([10, 30, 40, 60]))
    merged, names, told = frames_of(one, two)
    assert [(frame.number, frame.data, names[frame.file]) for frame in merged] == [
        (1, b"x10", "two"), (2, b"x20", "one"), (3, b"x30", "one"), (4, b"x30", "two"), (5, b"x40", "two"),
        (6, b"x50", "one"), (7, b"x60", "two"),
    ]  # fmt: skip
    chained, names, _ = frames_of(one, two, merge=False)
    assert [(frame.number, frame.data, names[frame.file]) for frame in chained] == [
        (1, b"x20", "one"), (2, b"x30", "one"), (3, b"x50", "one"), (4, b"x10", "two"), (5, b"x30", "two"),
        (6, b"x40", "two"), (7, b"x60", "two"),
    ]  # fmt: skip
    assert told == []


def test_as_mergecap_merges(tmp_path: Path) -> None:
    """Time and bytes of every frame of three captures, pieces of which overlap."""
    tool = shutil.which("mergecap")
    if tool is None:
        pytest.skip("mergecap, which comes with Wireshark, is not installed")
    whole, _, _ = frames_of(QOS)
    parts = [tmp_path / str(number) for number in range(3)]
    for number, part in enumerate(parts):
        part.write_bytes(pcap([], nano=True))
        with part.open("ab") as file:
            for frame in whole[number::3]:
                seconds, rest = divmod(int(frame.time_ns), SECOND)
                size = len(frame.data)
                file.write(struct.pack("<IIII", seconds, rest, size, frame.original_length) + frame.data)
    subprocess.run([tool, "-w", str(tmp_path / "merged"), *map(str, parts)], check=True, timeout=60)
    ours, _, _ = frames_of(*parts)
    theirs, _, _ = frames_of(tmp_path / "merged")
    assert [(one.time_ns, one.data) for one in ours] == [(one.time_ns, one.data) for one in theirs]


@pytest.mark.parametrize("options", [[], ["--no-merge"]])
def test_streams_carry_on_across_files(mqttdissect: Run, tmp_path: Path, options: list[str]) -> None:
    """A ring buffer of files of five frames each prints what the whole capture does; one is compressed."""
    frames = conversation(40)
    (tmp_path / "whole.pcap").write_bytes(pcap(frames))
    folder = tmp_path / "ring"
    folder.mkdir()
    for number, part in enumerate(split(frames, 5), 1):
        name = f"cap_{number:05d}_20240101000000.pcap"
        (folder / name).write_bytes(gzip.compress(part) if number == 3 else part)
    whole = mqttdissect("-P", tmp_path / "whole.pcap")
    parts = mqttdissect("-P", *options, folder)
    assert whole.stdout.count("PUBLISH") == 40
    assert (parts.stdout, parts.stderr, parts.returncode) == (whole.stdout, "", 0)


def test_read_option_merges_likewise(mqttdissect: Run, tmp_path: Path) -> None:
    """`-r` names captures too."""
    one, two = split(conversation(6), 7)
    (tmp_path / "one").write_bytes(one)
    (tmp_path / "two").write_bytes(two)
    expected = mqttdissect("-P", tmp_path / "one", tmp_path / "two").stdout
    assert expected.count("PUBLISH") == 6
    assert mqttdissect("-P", tmp_path / "two", "-r", tmp_path / "one").stdout == expected
    assert mqttdissect("-P", "-r", tmp_path / "two", "-r", tmp_path / "one").stdout == expected


def test_standard_input_and_pipes_merge_too(mqttdissect: Run, tmp_path: Path) -> None:
    """They cannot be read twice, and need not be."""
    one, two = split(conversation(6), 7)
    (tmp_path / "one").write_bytes(one)
    expected = mqttdissect("-P", tmp_path / "one", "-", input=two)
    assert expected.stdout.count("PUBLISH") == 6
    assert mqttdissect("-P", "-", tmp_path / "one", input=two).stdout == expected.stdout
    (tmp_path / "two").write_bytes(two)
    command = f"{sys.executable} -m mqttdissect -P <(cat {tmp_path}/two) {tmp_path}/one"
    done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60)
    assert (done.stdout.decode(), done.stderr) == (expected.stdout, b"")


def test_thousands_of_files_with_few_descriptors(tmp_path: Path) -> None:
    """1,200 files, all of the same time, in a process that may open 40."""
    for number in range(1200):
        (tmp_path / f"part{number}").write_bytes(at([number % 7, 1000 + number, 4000 - number]))
    program = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40));"
        "sys.path.insert(0, sys.argv[2]); from test_files import Quiet; from mqttdissect.files import Captures;"
        "captures = Captures([sys.argv[1]], True, Quiet()); last = -1; count = 0\n"
        "for frames in captures.frames():\n"
        "  for frame in frames: count += 1; assert frame.time_ns >= last; last = frame.time_ns\n"
        "print(count)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(Path(__file__).parent)], capture_output=True, timeout=120
    )
    assert done.stdout == b"3600\n", done.stderr


# --- names of files -------------------------------------------------------------------------------------------------


def test_sets_of_files_in_the_order_of_their_names() -> None:
    """tcpdump -C, tcpdump -G, dumpcap -b."""
    for names in (
        ["cap", "cap1", "cap2", "cap10"],
        ["cap.pcap", "cap.pcap1", "cap.pcap2", "cap.pcap10"],
        ["cap.pcap", "cap1.pcap", "cap2.pcap", "cap10.pcap"],
        ["cap_00001_20240101.pcapng", "cap_00002_20240101.pcapng.gz", "cap_00010_20240101.pcapng"],
        ["cap-2024-01-01_10:00:00.pcap", "cap-2024-01-01_11:00:00.pcap"],
    ):
        backwards = names[::-1]
        assert sorted(backwards, key=natural) == names


def test_a_directory_stands_for_its_captures(tmp_path: Path) -> None:
    """By content; what is hidden, in a directory within, no capture or no file is passed over."""
    (tmp_path / "b10").write_bytes(at([1]))
    (tmp_path / "b9").write_bytes(gzip.compress(at([2])))
    (tmp_path / "readme").write_text("not a capture, however named: b11.pcap")
    (tmp_path / "empty").touch()
    (tmp_path / ".hidden").write_bytes(at([3]))
    (tmp_path / "within").mkdir()
    (tmp_path / "within" / "c").write_bytes(at([4]))
    os.mkfifo(tmp_path / "fifo")
    frames, names, told = frames_of(tmp_path, merge=False)
    assert [frame.data for frame in frames] == [b"x2", b"x1"]
    assert (names, told) == (["b9", "b10"], ["2 passed over"])


def test_one_bad_file_among_several(mqttdissect: Run, tmp_path: Path) -> None:
    """Missing, no capture, cut: a line for each, and the packets of the others."""
    one, two = split(conversation(6), 7)
    (tmp_path / "one").write_bytes(one)
    (tmp_path / "two").write_bytes(two[:-5])
    (tmp_path / "bad").write_bytes(b"no capture")
    for options in ([], ["--no-merge"]):
        done = mqttdissect("-P", *options, "one", "bad", "missing", "two")
        assert done.stdout.count("PUBLISH") == 6
        assert done.returncode == 2
        assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["bad", "missing", "two"]
    assert mqttdissect("-P", "one", "two").returncode == 1


def test_the_file_name_travels_with_the_frame(mqttdissect: Run, tmp_path: Path) -> None:
    """In the tree and in JSON, where there are several files, and only there."""
    one, two = split(conversation(6), 7)
    (tmp_path / "one").write_bytes(one)
    (tmp_path / "two\x1b[2J").write_bytes(two)
    rows = [json.loads(line) for line in mqttdissect("-T", "json", "one", "two\x1b[2J").stdout.splitlines()]
    assert [(row["file"], row["frame"] <= 7) for row in rows] == [(row["file"], row["file"] == "one") for row in rows]
    assert {row["file"] for row in rows} == {"one", "two\x1b[2J"}
    tree = mqttdissect("one", "two\x1b[2J").stdout
    assert tree.splitlines()[0].startswith("#4  0.003000  one  10.0.0.1:40000")
    assert "  two\\x1b[2J  10.0.0.1" in tree
    assert "\x1b" not in tree
    assert "file" not in json.loads(mqttdissect("-T", "json", "one").stdout.splitlines()[0])
    assert "  one  " not in mqttdissect("one").stdout


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
                    reason="giving up the right to read everything needs it, and setpriv")  # fmt: skip
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    """It, or a directory, is one line; the others are read."""
    one, two, folder = tmp_path / "one", tmp_path / "two", tmp_path / "folder"
    one.write_bytes(split(conversation(2), 100)[0])
    two.write_bytes(one.read_bytes())
    folder.mkdir()
    two.chmod(0)
    folder.chmod(0)
    rights = "-dac_override,-dac_read_search"
    command = ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", sys.executable, "-m", "mqttdissect", "-P"]
    done = subprocess.run([*command, one, two, folder], capture_output=True, text=True, timeout=60)
    folder.chmod(0o700)
    if "denied" not in done.stderr:
        pytest.skip("this system lets it read all the same")
    assert "CONNECT" in done.stdout
    assert sorted(done.stderr.splitlines()) == [f"mqttdissect: {path}: permission denied" for path in (folder, two)]
    assert done.returncode == 2


def test_names_that_are_no_text(mqttdissect: Run, tmp_path: Path) -> None:
    """Bytes that are not UTF-8 are escaped."""
    one, two = split(conversation(6), 7)
    odd = os.fsencode(tmp_path) + b"/\xff"
    with open(odd, "wb") as file:
        file.write(one)
    (tmp_path / "two").write_bytes(two)
    done = subprocess.run(
        [sys.executable, "-m", "mqttdissect", "-T", "json", odd, str(tmp_path / "two")],
        capture_output=True, timeout=60, env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["file"].endswith("\\udcff")


# --- notes ----------------------------------------------------------------------------------------------------------


def note(number: int, comments: list[str] | None = None, file: int = 0) -> Frame:
    """A frame with something to keep."""
    frame = Frame(number, 0, 1, b"", 0, 0)
    frame.comments = comments
    frame.file = file
    return frame


def test_notes_are_bounded() -> None:
    """The latest comments and the latest changes of file are kept."""
    notes = FrameNotes()
    notes.files = ["a", "b"]
    last = max(MOST_COMMENTS, MOST_CHANGES) + 10
    for number in range(1, last + 1):
        notes.take(note(number, ["c"], number % 2))
    assert notes.comments(last, None) == [(last, "c")]
    assert notes.comments(last - MOST_COMMENTS, None) == []
    assert [notes.name(last), notes.name(last - 1), notes.name(1)] == ["ab"[last % 2], "ab"[(last - 1) % 2], ""]


def test_comments_on_every_frame_of_a_packet() -> None:
    """A packet that spans frames has the comments on all of them."""
    notes = FrameNotes()
    notes.take(note(3, ["three", "more"]))
    notes.take(note(5, ["five"]))
    assert notes.comments(5, [(0, 3), (10, 4)]) == [(3, "three"), (3, "more"), (5, "five")]
    assert notes.comments(4, None) == []


# --- progress -------------------------------------------------------------------------------------------------------


def test_progress_on_a_terminal(tmp_path: Path) -> None:
    """Only on standard error, only there, only after a while; standard output is what it always is."""
    path = tmp_path / "big"
    path.write_bytes(gzip.compress(pcap(conversation(3000))))
    program = (
        "import sys; import mqttdissect.cli.progress as p; p.DELAY = 0.0;from mqttdissect.cli.main import main; main()"
    )
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, "-P", str(path)], stdout=subprocess.PIPE, stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(slave)
    output = process.communicate(timeout=60)[0]
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert output.count(b"PUBLISH") == 3000
    assert b"\x1b" not in output
    assert b"kB" in shown
    quiet = subprocess.run([sys.executable, "-c", program, "-P", str(path)], capture_output=True, timeout=60)
    assert (quiet.stdout, quiet.stderr) == (output, b"")
