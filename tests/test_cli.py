"""The command as people use it: errors in one line, exit status, pipes, terminals, help."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Stream, connect, pcap, publish

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
ONE = CAPTURES / "mosquitto-3.1.1-qos.pcap"


def one_line(done: subprocess.CompletedProcess[str], status: int) -> str:
    """The only line on standard error, with the exit status as it should be."""
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty"), (b"\xd4", "it ends after 1 byte"), (b"GIF89a....", "not a pcap or pcapng capture"),
     (b"\xd4\xc3\xb2\xa1\x02\x00", "ends inside its header")],
    ids=["empty", "one byte", "something else", "half a header"],
)  # fmt: skip
def test_files_that_are_no_captures(mqttdissect: Run, tmp_path: Path, content: bytes, says: str) -> None:
    """One clear line."""
    path = tmp_path / "file"
    path.write_bytes(content)
    done = mqttdissect(path)
    assert says in done.stderr
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_missing_file_and_directory(mqttdissect: Run, tmp_path: Path) -> None:
    """The reason is the system's."""
    assert "no such file" in one_line(mqttdissect("nowhere.pcap"), 2)
    assert "a directory without captures" in one_line(mqttdissect(tmp_path), 2)


def test_truncated_file(mqttdissect: Run, tmp_path: Path) -> None:
    """Everything before the damage is printed; the line names the offset."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(ONE.read_bytes()[:-10])
    done = mqttdissect("-P", path)
    assert len(done.stdout.splitlines()) >= 55
    assert "damaged at offset" in one_line(done, 1)


def test_one_bad_file_does_not_hide_the_good_one(mqttdissect: Run) -> None:
    """The others are still printed, the status says that something was wrong."""
    done = mqttdissect("-P", "nowhere.pcap", ONE)
    assert len(done.stdout.splitlines()) == 60
    one_line(done, 2)


def test_standard_input(mqttdissect: Run) -> None:
    """`-`, and `-r -`; closed at once is one line."""
    expected = mqttdissect("-P", ONE).stdout
    assert mqttdissect("-P", "-", input=ONE.read_bytes()).stdout == expected
    assert mqttdissect("-P", "-r", "-", input=ONE.read_bytes()).stdout == expected
    assert "standard input: empty" in one_line(mqttdissect("-"), 2)


def test_closed_pipe_is_silent() -> None:
    """| head -1"""
    command = f"{sys.executable} -m mqttdissect {CAPTURES / 'mosquitto-many-clients.pcapng'} | head -1"
    done = subprocess.run(["bash", "-c", command + "; echo ${PIPESTATUS[0]}"], capture_output=True, timeout=60)
    assert done.stdout.decode().splitlines()[-1] == "0"
    assert done.stderr == b""


def test_full_disk(mqttdissect: Run) -> None:
    """Said in one line."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mqttdissect", str(ONE)], stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert done.returncode == 2
    assert done.stderr.decode().startswith("mqttdissect: cannot write: ")
    assert len(done.stderr.splitlines()) == 1


def test_usage_errors(mqttdissect: Run) -> None:
    """One line that says what to do."""
    assert "name a capture" in one_line(mqttdissect("-P"), 2)
    assert "No such option" in one_line(mqttdissect("--nonsense", ONE), 2)
    assert "did you mean mqtt.topic" in one_line(mqttdissect("-T", "fields", "-e", "mqtt.topc", ONE), 2)
    assert "-e frame.number" in one_line(mqttdissect("-T", "fields", ONE), 2)
    assert "tcp.port==1884,mqtt" in one_line(mqttdissect("-d", "udp.port==1,mqtt", ONE), 2)


def test_help_and_version(mqttdissect: Run) -> None:
    """Help shows examples; version says which build runs."""
    help_text = mqttdissect("--help").stdout
    assert "mqttdissect -P file.pcapng" in help_text
    assert "fields" in help_text
    assert mqttdissect().stdout == help_text
    version = mqttdissect("--version").stdout
    assert version.startswith("mqttdissect 0.")
    assert "compiled" in version or "interpreted" in version
    assert "tcp.port==N,mqtt" in mqttdissect("--help").stdout, "as it has to be typed"


def test_list_of_fields(mqttdissect: Run) -> None:
    """All that -e takes, filtered by words."""
    rows = mqttdissect("fields").stdout.splitlines()
    assert any(row.startswith("mqtt.topic\t") for row in rows)
    assert all("reason" in row.lower() for row in mqttdissect("fields", "reason").stdout.splitlines())


def test_count(mqttdissect: Run) -> None:
    """-c"""
    assert len(mqttdissect("-P", "-c", "7", ONE).stdout.splitlines()) == 7


def test_decode_as_and_version(mqttdissect: Run, tmp_path: Path) -> None:
    """A stream on another port that was joined in the middle."""
    path = tmp_path / "odd.pcap"
    away = (bytes([10, 0, 0, 2]), 4000)
    path.write_bytes(pcap(Stream(destination=away).client(b"\xc0\x00").frames))
    nothing = mqttdissect("-P", path)
    assert nothing.stdout == ""
    assert "-d tcp.port==N,mqtt" in nothing.stderr
    found = mqttdissect("-P", "-d", "tcp.port==4000,mqtt", path)
    assert "[MQTT 3.1.1 assumed; --mqtt-version sets it]" in found.stdout
    assert "[MQTT 5.0, by --mqtt-version]" in mqttdissect(
        "-P", "-d", "tcp.port==4000,mqtt", "--mqtt-version", "5.0", path
    ).stdout  # fmt: skip


def test_other_protocols_are_named(mqttdissect: Run) -> None:
    """TLS on 8883."""
    assert "TLS" in mqttdissect("-P", CAPTURES / "mosquitto-5.0-tls.pcapng").stderr


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    """What the command writes to a terminal of 80 columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mqttdissect", *map(str, arguments)],
        stdin=slave, stdout=slave, stderr=slave, close_fds=True,
        env={**{k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}, "TERM": "xterm-256color",
             "COLUMNS": "80", "PYTHONUTF8": "1", **environment},
    )  # fmt: skip
    os.close(slave)
    output = bytearray()
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        output += piece
    process.wait(timeout=60)
    os.close(master)
    return output.decode()


def test_terminal_has_colours_and_a_last_line() -> None:
    """Frames, streams, packets, malformed, gaps."""
    output = on_terminal("-P", ONE)
    assert "\x1b[" in output
    assert output.splitlines()[-1].startswith("89 frames, 2 TCP streams (2 of MQTT), 60 packets, 0 malformed, no gaps")


def test_no_color_is_respected() -> None:
    """NO_COLOR, and --color over it."""
    assert "\x1b[" not in on_terminal("-P", ONE, NO_COLOR="1")
    assert "\x1b[" not in on_terminal("-P", "--color", "never", ONE)
    assert "\x1b[" in on_terminal("-P", "--color", "always", ONE, NO_COLOR="1")


def test_pipes_have_no_colour(mqttdissect: Run) -> None:
    """Unless asked for."""
    assert "\x1b[" not in mqttdissect("-P", ONE).stdout
    assert "\x1b[" in mqttdissect("-P", "--color", "always", ONE).stdout
    assert "\x1b[" in mqttdissect("-P", ONE, FORCE_COLOR="1").stdout


def test_output_appears_as_packets_arrive(tmp_path: Path) -> None:
    """A live capture in a pipe: a packet is printed before the next one comes."""
    stream = Stream().handshake().client(connect(), publish("a", b"b"))
    first = pcap(stream.frames[:4])
    process = subprocess.Popen(
        [sys.executable, "-m", "mqttdissect", "-P", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(first)
    process.stdin.flush()
    assert b"CONNECT" in process.stdout.readline()
    process.stdin.write(pcap(stream.frames[4:])[24:])
    process.stdin.close()
    assert b"PUBLISH" in process.stdout.read()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


def test_completion_for_shells(mqttdissect: Run) -> None:
    """click writes the script."""
    done = mqttdissect(_MQTTDISSECT_COMPLETE="bash_source")
    assert "complete" in done.stdout
