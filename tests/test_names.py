"""What a capture says of frames and addresses beside its packets, in every format: names of hosts, comments, files."""

from __future__ import annotations

import csv
import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import CONNACK, SERVER, Stream, block, connect, enhanced, interface, option, pcap, publish, section

from mqttdissect.capture.reader import CaptureReader
from mqttdissect.output.hosts import Hosts, shown

Run = Callable[..., subprocess.CompletedProcess[str]]
V6 = bytes(15) + b"\x01", bytes(15) + b"\x02"


def resolution(*names: tuple[bytes, bytes]) -> bytes:
    """A name resolution block."""
    return block(4, b"".join(option(1 if len(at) == 4 else 2, at + name + b"\0") for at, name in names) + bytes(4))


def capture(*names: tuple[bytes, bytes], last: bool = True, six: bool = False) -> bytes:
    """A conversation, the names of its hosts at the end or at the start, and a comment on its first PUBLISH."""
    ends = ((V6[0], 40000), (V6[1], 1883)) if six else ()
    stream = Stream(*ends).handshake().client(connect()).server(CONNACK).client(publish("a", b"1"), publish("b", b"2"))
    blocks = [enhanced(frame, 1000 + number) for number, frame in enumerate(stream.frames)]
    body = blocks[5][8:-4] + option(1, b"=look,\x1bhere") + option(1, b"twice") + bytes(4)
    blocks[5] = block(6, body)
    parts = [section(), interface(), resolution(*names), *blocks]
    if last:
        parts.append(parts.pop(2))
    return b"".join(parts)


@pytest.mark.parametrize("last", [False, True])
def test_names_of_hosts(mqttdissect: Run, tmp_path: Path, last: bool) -> None:
    """Where they are asked for, from the first packet on, though they may stand at the end of the file; JSON has them
    beside the addresses."""
    path = tmp_path / "names.pcapng"
    path.write_bytes(capture((SERVER[0], b"broker.example"), last=last))
    assert mqttdissect("-P", "--names", path).stdout.splitlines()[0].split()[2:5] == [
        "10.0.0.1:40000", "→", "broker.example:1883",
    ]  # fmt: skip
    assert "10.0.0.1:40000 → broker.example:1883  stream 0  CONNECT" in mqttdissect("--names", path).stdout
    rows = [json.loads(line) for line in mqttdissect("-T", "json", "--names", path).stdout.splitlines()]
    assert (rows[0]["src"], rows[0]["dst"], rows[0]["dst_name"]) == (
        "10.0.0.1:40000", "10.0.0.2:1883", "broker.example",
    )  # fmt: skip
    assert "src_name" not in rows[0]
    assert rows[1]["src_name"] == "broker.example"
    for form in ("-P", "-V", "-Tjson"):
        assert "broker" not in mqttdissect(form, path).stdout


def test_names_as_columns(mqttdissect: Run, tmp_path: Path) -> None:
    """Named as in tshark; without a name, or without --names, the address."""
    path, path6 = tmp_path / "names.pcapng", tmp_path / "six.pcapng"
    path.write_bytes(capture((SERVER[0], b"broker")))
    path6.write_bytes(capture((V6[1], b"broker6"), six=True))
    columns = [f"-e{kind}.{side}_host" for kind in ("ip", "ipv6") for side in ("src", "dst")]
    assert mqttdissect("-T", "fields", *columns, "--names", path).stdout.splitlines()[0] == "10.0.0.1\tbroker\t\t"
    assert mqttdissect("-T", "fields", *columns, path).stdout.splitlines()[0] == "10.0.0.1\t10.0.0.2\t\t"
    assert mqttdissect("-T", "fields", *columns, "--names", path6).stdout.splitlines()[0] == "\t\t::1\tbroker6"
    path.write_bytes(capture((SERVER[0], b"broker"), last=False))
    wanted = ["-T", "fields", "-e", "ip.src_host", "-e", "ip.dst_host"]
    if shutil.which("tshark"):
        told = subprocess.run(["tshark", "-N", "n", "-Y", "mqtt", *wanted, "-r", path], capture_output=True, text=True)
        assert mqttdissect(*wanted, "--names", path).stdout == told.stdout


def test_names_in_a_pipe(mqttdissect: Run) -> None:
    """As they come."""
    early = capture((SERVER[0], b"broker"), last=False)
    assert "broker:1883" in mqttdissect("-P", "--names", "-", input=early).stdout.splitlines()[0]
    late = capture((SERVER[0], b"broker")) + b"".join(
        enhanced(frame, 5000) for frame in Stream((b"\x0a\0\0\x09", 1)).handshake().client(connect("late")).frames
    )
    lines = mqttdissect("-P", "--names", "-", input=late).stdout.splitlines()
    assert "broker:1883" in lines[-1] and "late" in lines[-1]


def test_names_are_the_same_with_several_processes(mqttdissect: Run, tmp_path: Path) -> None:
    """Each has all of them from the start."""
    path = tmp_path / "names.pcapng"
    path.write_bytes(capture((SERVER[0], b"broker")))
    for form in ("-P", "-V", "-Tjson"):
        one = mqttdissect(form, "--names", "--jobs", "1", path).stdout
        assert mqttdissect(form, "--names", "--jobs", "3", path).stdout == one


@pytest.mark.parametrize(
    ("name", "eye"),
    [
        ("broker-1.example.org.", "broker-1.example.org."),
        ("10.0.0.9", '"10.0.0.9"'),
        ("::1", '"::1"'),
        ("a → b", '"a → b"'),
        ("x\x1b[2Jy", '"x\\x1b[2Jy"'),
        ('quo"te', '"quo\\"te"'),
        ("\u202eevil", '"\\u202eevil"'),
        ("bröker", '"bröker"'),
        ("a" * 70, '"' + "a" * 64 + '…"'),
        ("", '""'),
    ],
)
def test_names_are_not_trusted(name: str, eye: str) -> None:
    """What could be taken for an address, or for more than a name, stands in quotes; nothing is obeyed."""
    assert shown(name) == eye


def test_a_name_that_is_an_attack(mqttdissect: Run, tmp_path: Path) -> None:
    """In each format; a formula is none in CSV."""
    path = tmp_path / "names.pcapng"
    path.write_bytes(capture((SERVER[0], b"\x1b]0;owned\x07"), (bytes([10, 0, 0, 1]), b"=cmd()")))
    for options in (["-P"], ["-V"], ["-T", "json"], ["-T", "csv", "-e", "ip.dst_host", "-e", "ip.src_host"]):
        out = mqttdissect(*options, "--names", path).stdout
        assert "owned" in out and "\x1b" not in out and "\x07" not in out
        assert not any(cell.startswith("=") for row in csv.reader(out.splitlines()) for cell in row)


def test_names_are_bounded() -> None:
    """Of a name that goes on for 64 KiB the first 255 bytes are kept; an empty one is none."""
    reader = CaptureReader()
    reader.feed(section() + resolution((SERVER[0], b"a" * 60_000), (b"\x0a\0\0\x03", b"")))
    assert reader.names == {SERVER[0]: "a" * 255}
    assert Hosts(reader.names).endpoint(b"\x0a\0\0\1" + SERVER[0] + struct.pack(">HH", 7, 8), True) == "10.0.0.1:7"


def test_comments_and_files_as_columns(mqttdissect: Run, tmp_path: Path) -> None:
    """All comments on a packet's frames, joined like other fields that occur again; the file, also of one."""
    one, two = tmp_path / "one.pcapng", tmp_path / "two\x1b.pcap"
    one.write_bytes(capture())
    two.write_bytes(pcap(Stream((bytes([10, 0, 0, 5]), 1)).handshake().client(connect()).frames))
    columns = ["-e", "frame.number", "-e", "frame.comment", "-e", "frame.file"]
    rows = [line.split("\t") for line in mqttdissect("-T", "fields", *columns, one).stdout.splitlines()]
    assert [row[1] for row in rows] == ["", "", "=look,\\x1bhere,twice", ""]
    assert {row[2] for row in rows} == {str(one)}
    rows = list(csv.reader(mqttdissect("-T", "csv", *columns, one, two).stdout.splitlines()))
    assert [row[1] for row in rows] == ["frame.comment", "", "", "'=look,\\x1bhere,twice", "", ""]
    assert [row[2] for row in rows[1:]] == [str(one)] * 4 + [str(two).replace("\x1b", "\\x1b")]
    if shutil.which("tshark"):
        command = ["tshark", "-r", one, "-Y", "mqtt.topic == a", "-T", "fields", *columns[:4]]
        told = subprocess.run(command, capture_output=True, text=True).stdout.split("\t")
        assert (told[0], told[1].endswith("twice\n")) == (rows[3][0], True)
