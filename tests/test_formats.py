"""Formats of captures: compressed ones, the variants of pcap, snoop, and what pcapng says beside packets."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import CONNACK, SECOND, Stream, block, connect, enhanced, interface, option, pcap, publish, section

from mqttdissect.capture.compressed import PIECE, Decompressor, extra
from mqttdissect.capture.frame import CaptureError, Frame
from mqttdissect.capture.reader import CaptureReader

Run = Callable[..., subprocess.CompletedProcess[str]]
CAPTURES = Path(__file__).parent.parent / "captures"
QOS = CAPTURES / "mosquitto-3.1.1-qos.pcap"
NANOSECONDS = CAPTURES / "mosquitto-3.1.1-nanoseconds.pcap"
WILLS = CAPTURES / "mosquitto-5.0-wills.pcapng"


def zstd(data: bytes) -> bytes:
    """A zstd frame with a checksum."""
    module = extra("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", "zstd")
    compressed: bytes = module.compress(data, options={module.CompressionParameter.checksum_flag: 1})
    return compressed


def lz4_frame(data: bytes) -> bytes:
    """An lz4 frame with a checksum."""
    compressed: bytes = lz4.frame.compress(data, content_checksum=True)
    return compressed


Pack = Callable[[bytes], bytes]
PACKS: dict[str, Pack] = {
    "gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress, "zstd": zstd, "lz4": lz4_frame
}  # fmt: skip
every_compression = pytest.mark.parametrize("name", PACKS)


def unpack(data: bytes, cuts: list[int] | None = None) -> tuple[bytes, list[tuple[int, str]]]:
    """What a file decompresses to, fed in the pieces between `cuts`, and its damage."""
    decompressor = Decompressor()
    out = []
    start = 0
    for end in [*sorted(cuts or []), len(data)]:
        out += list(decompressor.feed(data[start:end]))
        start = end
    out += list(decompressor.close())
    assert all(len(piece) <= PIECE for piece in out if decompressor.name)
    return b"".join(out), [(one.offset, one.message) for one in decompressor.damage]


def frames_of(capture: bytes) -> tuple[list[Frame], CaptureReader]:
    """The frames of a capture, and its reader."""
    reader = CaptureReader()
    return reader.feed(capture) + reader.close(), reader


def facts(frames: list[Frame]) -> list[tuple[int, bytes, int, int]]:
    """What a frame is, whatever format it was in."""
    return [(int(one.time_ns), one.data, int(one.original_length), int(one.link_type)) for one in frames]


def in_microseconds(frames: list[Frame]) -> list[tuple[int, bytes, int, int]]:
    """The same, as a format without nanoseconds keeps it."""
    return [(time // 1000 * 1000, *rest) for time, *rest in facts(frames)]  # type: ignore[misc]


def tool(name: str, *arguments: str | Path) -> bytes:
    """What another program prints; the test is skipped where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return subprocess.run([path, *map(str, arguments)], check=True, capture_output=True, timeout=60).stdout


# --- compressed -----------------------------------------------------------------------------------------------------


@every_compression
def test_known_by_content(mqttdissect: Run, tmp_path: Path, name: str) -> None:
    """Whatever the file is called, on standard input too, also twice."""
    expected = mqttdissect("-P", QOS).stdout
    compressed = PACKS[name](QOS.read_bytes())
    path = tmp_path / "no-suffix"
    for content in (compressed, PACKS[name](compressed), gzip.compress(compressed)):
        path.write_bytes(content)
        done = mqttdissect("-P", path)
        assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    assert mqttdissect("-P", "-", input=compressed).stdout == expected


@pytest.mark.parametrize(
    "command",
    ["gzip -9", "bzip2", "xz", "xz --check=sha256 -T2 --block-size=4096", "zstd", "zstd --long -19", "lz4", "lz4 -BX"],
)  # fmt: skip
def test_compressed_by_the_usual_programs(command: str) -> None:
    """As their command lines write it."""
    program, *options = command.split()
    for capture in (QOS, WILLS):
        assert unpack(tool(program, *options, "-c", capture)) == (capture.read_bytes(), [])


@every_compression
def test_members_one_after_the_other(name: str) -> None:
    """`cat a.gz b.gz`, empty ones and padding between and behind them."""
    pack = PACKS[name]
    data = pack(b"one" * 1000) + pack(b"") + pack(b"two") + bytes(512)
    assert unpack(data) == (b"one" * 1000 + b"two", [])


def test_skippable_frames() -> None:
    """Between, before and behind the frames of zstd and lz4."""
    skipped = bytes.fromhex("5c2a4d18 05000000") + b"12345"
    for pack in (zstd, lz4_frame):
        assert unpack(skipped + pack(b"one") + skipped + pack(b"two") + skipped) == (b"onetwo", [])


def test_plain_captures_go_through_untouched() -> None:
    """No copy, no delay: the piece itself."""
    data = QOS.read_bytes()
    (piece,) = Decompressor().feed(data)
    assert piece is data


LARGE = b"".join(struct.pack("<I", number * number % 65521) for number in range(20_000))
MADE = {
    **{name: pack(LARGE) for name, pack in PACKS.items()},
    "twice": gzip.compress(zstd(LARGE)),
    "members": lzma.compress(LARGE[:50]) + bytes(4) + lzma.compress(LARGE[50:]),
}
FIRST_MEMBER = len(lzma.compress(LARGE[:50]))
BETWEEN_MEMBERS = range(FIRST_MEMBER, FIRST_MEMBER + 5)  # cut off in the padding, nothing is missing of the first one


@given(name=st.sampled_from(sorted(MADE)), size=st.integers(0, 100_000), cuts=st.lists(st.integers(0, 100_000)))
@example(name="members", size=FIRST_MEMBER, cuts=[])
@example(name="members", size=FIRST_MEMBER + 4, cuts=[])
@example(name="members", size=FIRST_MEMBER + 5, cuts=[])
def test_pieces_do_not_matter(name: str, size: int, cuts: list[int]) -> None:
    """Any cut of the compressed bytes gives the same, whole or broken off; broken off, it is a part from the start."""
    data = MADE[name][: max(size, 12)]
    whole = unpack(data)
    assert unpack(data, [min(cut, len(data)) for cut in cuts]) == whole
    assert LARGE.startswith(whole[0])
    assert bool(whole[1]) == (len(data) < len(MADE[name]) and not (name == "members" and len(data) in BETWEEN_MEMBERS))


@given(
    name=st.sampled_from(sorted(MADE)),
    changes=st.lists(st.tuples(st.integers(0, 80_000), st.integers(0, 255)), min_size=1, max_size=5),
)
def test_corrupt_bytes_raise_nothing(name: str, changes: list[tuple[int, int]]) -> None:
    """Anything may come out, but not an exception, and not more damage than one place a layer."""
    data = bytearray(MADE[name])
    for at, byte in changes:
        data[12 + at % (len(data) - 12)] = byte
    assert len(unpack(bytes(data))[1]) <= 2


def test_all_that_gzip_data_holds_before_a_fault() -> None:
    """The fault is in the checksum: every byte is there."""
    data = bytearray(gzip.compress(LARGE))
    data[-8] ^= 1
    out, damage = unpack(bytes(data))
    assert out == LARGE
    assert damage == [(len(data) - 5, "the gzip data is corrupt: incorrect data check")]


@every_compression
def test_broken_off(mqttdissect: Run, tmp_path: Path, name: str) -> None:
    """What came before is dissected; one line says where the compressed data ends; status 1."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    for number in range(4000):
        stream.client(publish(f"topic/{number * number}", bytes([number % 251] * 50)))
    compressed = PACKS[name](pcap(stream.frames))
    path = tmp_path / "cut"
    path.write_bytes(compressed[:-100])
    done = mqttdissect("-P", path)
    assert done.returncode == 1
    assert done.stderr == (
        f"mqttdissect: {path}: damaged at offset {len(compressed) - 100}: the {name} data breaks off\n"
    )
    assert done.stdout.count("PUBLISH") > (100 if name != "bzip2" else -1)


def test_nothing_before_the_damage(mqttdissect: Run, tmp_path: Path) -> None:
    """Then that line is all there is."""
    path = tmp_path / "cut"
    path.write_bytes(gzip.compress(QOS.read_bytes())[:12])
    done = mqttdissect(path)
    assert (done.returncode, done.stderr) == (
        1, f"mqttdissect: {path}: damaged at offset 12: the gzip data breaks off\n"
    )  # fmt: skip


def test_something_else_behind_it() -> None:
    """Is damage, where it starts."""
    data = gzip.compress(b"data")
    assert unpack(data + b"something else") == (b"data", [(len(data), "bytes that are no gzip data")])


def test_damage_within_compressed_data(mqttdissect: Run, tmp_path: Path) -> None:
    """A damaged capture that was compressed as it is: the offset is in what comes out."""
    path = tmp_path / "cut"
    path.write_bytes(gzip.compress(QOS.read_bytes()[:-10]))
    done = mqttdissect("-P", path)
    assert done.returncode == 1
    assert "of what the gzip data holds: the file ends inside a record" in done.stderr


def test_three_layers_are_too_many(mqttdissect: Run, tmp_path: Path) -> None:
    """Nobody does that to a capture who means well."""
    path = tmp_path / "deep"
    path.write_bytes(gzip.compress(gzip.compress(gzip.compress(QOS.read_bytes()))))
    done = mqttdissect(path)
    assert (done.returncode, done.stderr) == (2, f"mqttdissect: {path}: compressed more than 2 times over\n")


def test_compressed_but_no_capture(mqttdissect: Run, tmp_path: Path) -> None:
    """One line, as without compression."""
    path = tmp_path / "file"
    for content, says in ((b"GIF89a....", "not a pcap or pcapng capture"), (b"", "empty")):
        path.write_bytes(gzip.compress(content))
        done = mqttdissect(path)
        assert says in done.stderr
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


@pytest.mark.parametrize(("name", "module"), [("zstd", "zstd"), ("lz4", "lz4.frame")])
def test_a_missing_package_is_named(tmp_path: Path, name: str, module: str) -> None:
    """One line, with the extra that brings it."""
    path = tmp_path / "file"
    path.write_bytes(PACKS[name](QOS.read_bytes()))
    hide = "sys.modules.update({'backports.zstd': None, 'compression.zstd': None, 'lz4.frame': None})"
    command = f"import sys; {hide}; sys.argv[1:] = [{str(path)!r}]; from mqttdissect.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        f"mqttdissect: {path}: compressed with {name}, which `pip install 'mqttdissect[{name}]'` adds\n"
    )


def compressor(name: str) -> Any:
    """An object with `compress` and `flush`."""
    if name == "gzip":
        import zlib

        return zlib.compressobj(9, wbits=31)
    if name == "zstd":
        return extra("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd", "zstd").ZstdCompressor()
    return {"bzip2": bz2.BZ2Compressor, "xz": lzma.LZMACompressor, "lz4": lz4.frame.LZ4FrameCompressor}[name]()


BOMB = 256 * 1024 * 1024


@every_compression
def test_bombs_take_no_memory(tmp_path: Path, name: str) -> None:
    """A quarter of a GiB of zeros in a few KiB, compressed once more; the packet behind them is found in 160 MiB."""
    pack = compressor(name)
    out = [pack.begin()] if name == "lz4" else []
    head = struct.pack("<II", 0xBAD, BOMB + 12)
    stream = Stream().handshake().client(connect())
    tail = head[4:] + interface() + b"".join(enhanced(frame, 1) for frame in stream.frames)
    for piece in (section() + head, *[bytes(BOMB // 256)] * 256, tail):
        out.append(pack.compress(piece))
    out.append(pack.flush())
    path = tmp_path / "bomb"
    path.write_bytes(gzip.compress(b"".join(out)))
    assert path.stat().st_size < BOMB / 200
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process's memory is read from /proc")
    measure = "print([line for line in open('/proc/self/status') if 'VmHWM' in line][0].split()[1], file=sys.stderr)"
    command = f"import sys, atexit; atexit.register(lambda: exec({measure!r})); sys.argv[1:] = ['-P', {str(path)!r}]"
    command += "; from mqttdissect.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, timeout=120)
    assert b"CONNECT" in done.stdout, done.stderr
    assert int(done.stderr.split()[-1]) < 160 * 1024


# --- variants of pcap -----------------------------------------------------------------------------------------------


def old_record(frame: bytes, extra_bytes: bytes, order: str, time: int = 1) -> bytes:
    """A record whose header goes on for a while."""
    return struct.pack(order + "IIII", time, 5, len(frame), len(frame) + 1) + extra_bytes + frame


FRAMES = [b"\x45first frame", b"\x45second", b"\x45", b"\x45fourth one"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize(
    ("magic", "form"),
    [(0xA1B2C3D4, "IHBx"), (0xA1B2CD34, "IHBx"), (0xA1B2CD34, "IHBBBxxx")],
    ids=["ss990417", "modified, ss991029", "ss990915"],
)
def test_kuznetzov_pcap(order: str, count: int, magic: int, form: str) -> None:
    """Interface index 2, protocol IP, packet type 4 (outgoing), and in one of them two processors."""
    appended = struct.pack(order + form, *[2, 0x0800, 4, 0, 1][: 3 if form == "IHBx" else 5])
    header = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 101)
    capture = header + b"".join(old_record(frame, appended, order) for frame in FRAMES[:count])
    expected = [(1_000_005_000, frame, len(frame) + 1, 101) for frame in FRAMES[:count]]
    assert facts(frames_of(capture)[0]) == expected
    for size in (1, 7, 24):
        reader = CaptureReader()
        frames = []
        for at in range(0, len(capture), size):
            frames += reader.feed(capture[at : at + size])
        assert facts(frames + reader.close()) == expected
        assert reader.damage == []


def test_usual_pcap_is_not_taken_for_another() -> None:
    """Frames that start with zeros, as those of a loopback interface do, and a first frame without a byte."""
    for frames in ([bytes(60)], [bytes(60)] * 2, [bytes(8), b"x" * 40], [b"", b"second"], [b"\0"], [bytes(7)]):
        got, reader = frames_of(pcap(frames))
        assert ([one.data for one in got], reader.damage) == (frames, [])


def test_damage_in_modified_pcap() -> None:
    """Is found and left behind as in any other."""
    capture = struct.pack("<IHHiIII", 0xA1B2CD34, 2, 4, 0, 0, 65535, 101)
    good = b"".join(old_record(frame, struct.pack("<IHBx", 2, 0x0800, 4), "<") for frame in FRAMES)
    frames, reader = frames_of(capture + good + b"\xff" * 50 + good)
    assert [one.data for one in frames] == FRAMES * 2
    assert [str(one) for one in reader.damage] == [f"offset {24 + len(good)}: no valid record header; 50 bytes skipped"]


EDITCAP = ["pcap", "nsecpcap", "modpcap", "rh6_1pcap", "suse6_3pcap", "snoop", "pcapng"]


@pytest.mark.parametrize("form", EDITCAP)
@pytest.mark.parametrize("capture", [QOS, NANOSECONDS, WILLS], ids=lambda path: path.name)
def test_written_by_editcap(tmp_path: Path, capture: Path, form: str) -> None:
    """The same frames; times to the microsecond where the format has no more."""
    tool("editcap", "-F", form, capture, tmp_path / "out")
    before, _ = frames_of(capture.read_bytes())
    after, reader = frames_of((tmp_path / "out").read_bytes())
    exact = form in ("nsecpcap", "pcapng")
    assert facts(after) == (facts(before) if exact else in_microseconds(before))
    assert reader.damage == []


@pytest.mark.parametrize("form", EDITCAP)
def test_tshark_reads_the_same(tmp_path: Path, form: str) -> None:
    """Number, time, length and link type of every frame, and every packet, in each format."""
    tool("editcap", "-F", form, WILLS, tmp_path / "out")
    fields = ["frame.number", "frame.time_epoch", "frame.len", "frame.cap_len"]
    arguments = [word for field in fields for word in ("-e", field)]
    rows = tool("tshark", "-n", "-r", tmp_path / "out", "-T", "fields", *arguments).decode().splitlines()
    got, _ = frames_of((tmp_path / "out").read_bytes())
    assert rows == [
        f"{one.number}\t{one.time_ns // SECOND}.{one.time_ns % SECOND:09d}\t{one.original_length}\t{len(one.data)}"
        for one in got
    ]


# --- snoop ----------------------------------------------------------------------------------------------------------


def snoop_record(frame: bytes, drops: int = 0, original: int | None = None, pad: int = 2) -> bytes:
    """A record with `pad` bytes behind the frame."""
    size = len(frame)
    return struct.pack(">6I", original or size, size, 24 + size + pad, drops, 7, 250_000) + frame + bytes(pad)


SNOOP = b"snoop\0\0\0" + struct.pack(">II", 2, 4)


def test_a_snoop_file() -> None:
    """RFC 1761: Ethernet, frames with padding, drops counted from the start."""
    capture = SNOOP + snoop_record(b"frame", original=1514) + snoop_record(b"next", drops=3, pad=0)
    frames, reader = frames_of(capture)
    assert facts(frames) == [(7_250_000_000, b"frame", 1514, 1), (7_250_000_000, b"next", 4, 1)]
    assert (reader.interfaces[0].dropped, reader.damage) == (3, [])


@pytest.mark.parametrize(
    ("header", "says"),
    [(struct.pack(">II", 1, 4), "a snoop capture of version 1; only version 2 is read here"),
     (struct.pack(">II", 2, 99), "a snoop capture of data link type 99, which is not known here")],
)  # fmt: skip
def test_snoop_files_that_are_not_read(header: bytes, says: str) -> None:
    """With the reason."""
    with pytest.raises(CaptureError, match=says):
        frames_of(SNOOP[:8] + header + snoop_record(b"x"))


def test_damaged_snoop() -> None:
    """Garbage between records, and a last one that is cut."""
    good = snoop_record(b"one") + snoop_record(b"two")
    frames, reader = frames_of(SNOOP + good + b"\xff" * 33 + good + snoop_record(b"three")[:-5])
    assert [one.data for one in frames] == [b"one", b"two"] * 2
    assert [str(one) for one in reader.damage] == [
        f"offset {16 + len(good)}: no valid record header; 33 bytes skipped",
        f"offset {49 + 2 * len(good)}: the file ends inside a record (26 bytes of it are there)",
    ]


@given(
    changes=st.lists(st.tuples(st.integers(8, 400), st.binary(min_size=1, max_size=4)), max_size=4),
    size=st.integers(8, 400),
    cuts=st.lists(st.integers(0, 400), max_size=8),
    form=st.sampled_from(["snoop", "modified", "ss990417"]),
)
def test_pieces_do_not_matter_for_any_format(
    changes: list[tuple[int, bytes]], size: int, cuts: list[int], form: str
) -> None:
    """Damaged or not."""
    if form == "snoop":
        capture = bytearray(SNOOP + b"".join(snoop_record(bytes([65 + n] * 9 * n)) for n in range(8)))
    else:
        magic = 0xA1B2CD34 if form == "modified" else 0xA1B2C3D4
        capture = bytearray(struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 65535, 101))
        capture += b"".join(old_record(frame, struct.pack("<IHBx", 2, 0x0800, 4), "<") for frame in FRAMES * 3)
    for at, new in changes:
        capture[at : at + len(new)] = new
    data = bytes(capture[:size])

    def outcome(pieces: list[bytes]) -> object:
        reader = CaptureReader()
        try:
            frames = [frame for piece in pieces for frame in reader.feed(piece)] + reader.close()
        except CaptureError as error:
            return str(error)
        return facts(frames), [str(one) for one in reader.damage]

    marks = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert outcome([data[a:b] for a, b in pairwise(marks)]) == outcome([data])


@pytest.mark.parametrize("form", ["netmon2", "ngwsniffer_2_0", "btsnoop"])
def test_other_formats_are_named(tmp_path: Path, form: str) -> None:
    """With the way out."""
    if form == "btsnoop":
        (tmp_path / "out").write_bytes(b"btsnoop\0" + bytes(8))
    else:
        tool("editcap", "-F", form, QOS, tmp_path / "out")
    with pytest.raises(CaptureError, match="editcap -F pcapng"):
        frames_of((tmp_path / "out").read_bytes())


# --- what pcapng says beside packets --------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["<", ">"])
def test_comments_on_packets(order: str) -> None:
    """Several, behind a frame of any length; other options between them."""
    head = section(order) + interface(order=order)
    options = option(1, b"first", order) + option(2, bytes(4), order) + option(1, "zwölf".encode(), order)
    for size in range(5):
        body = struct.pack(order + "IIIII", 0, 0, 5, size, size) + bytes(size) + bytes(-size % 4)
        frames, reader = frames_of(head + block(6, body + options + option(0, b"", order), order) * 2)
        assert [one.comments for one in frames] == [["first", "zwölf"]] * 2
        assert [one.data for one in frames] == [bytes(size)] * 2
        assert reader.damage == []


def test_names_statistics_and_secrets() -> None:
    """Name resolution (4), interface statistics (5), decryption secrets (10) and custom blocks (0xBAD)."""
    v4 = struct.pack("<HH", 1, 4 + 14) + bytes([10, 0, 0, 1]) + b"broker\0second\0" + bytes(2)
    v6 = struct.pack("<HH", 2, 16 + 2) + bytes(range(16)) + b"b\0" + bytes(2)
    statistics = struct.pack("<III", 0, 0, 0) + option(4, struct.pack("<Q", 99))
    drops = statistics + option(5, struct.pack("<Q", 7)) + option(7, struct.pack("<Q", 2))
    keys = b"CLIENT_RANDOM 00 11\n"
    secrets = struct.pack("<II", 0x544C534B, len(keys)) + keys
    capture = (
        section() + interface(options=option(2, b"eth0")) + block(10, secrets) + block(4, v4 + v6 + bytes(4))
        + block(0xBAD, b"anything") + block(0x40000BAD, b"at all") + enhanced(b"x", 1)
        + block(5, statistics + option(5, struct.pack("<Q", 3))) + block(5, drops)
    )  # fmt: skip
    frames, reader = frames_of(capture)
    assert len(frames) == 1
    assert reader.names == {bytes([10, 0, 0, 1]): "broker", bytes(range(16)): "b"}
    assert reader.secrets == [(0x544C534B, keys)]
    assert reader.interfaces[0].dropped == 9
    assert reader.damage == []


def test_drops_are_reported(mqttdissect: Run, tmp_path: Path) -> None:
    """On standard error; the exit status stays 0."""
    stream = Stream().handshake().client(connect())
    body = section() + interface(options=option(2, b"eth0")) + b"".join(enhanced(one, 1) for one in stream.frames)
    path = tmp_path / "dropped.pcapng"
    path.write_bytes(body + block(5, struct.pack("<III", 0, 0, 0) + option(5, struct.pack("<Q", 1234))))
    done = mqttdissect("-P", path)
    assert "CONNECT" in done.stdout
    assert (done.returncode, done.stderr) == (
        0, f"mqttdissect: {path}: 1,234 packets were dropped while capturing (interface eth0)\n"
    )  # fmt: skip


def test_drops_between_packets() -> None:
    """Option 4 of a packet, where there are no statistics."""
    packet = struct.pack("<IIIII", 0, 0, 5, 4, 4) + b"data" + option(4, struct.pack("<Q", 5))
    _, reader = frames_of(section() + interface() + block(6, packet) * 2)
    assert (reader.interfaces[0].lost, reader.interfaces[0].dropped) == (10, 0)


def test_secrets_injected_by_editcap(tmp_path: Path) -> None:
    """Kept as they are, and the packets as before."""
    keys = b"CLIENT_RANDOM " + b"ab" * 32 + b" " + b"cd" * 48 + b"\n"
    (tmp_path / "keys").write_bytes(keys)
    tool("editcap", "--inject-secrets", f"tls,{tmp_path / 'keys'}", WILLS, tmp_path / "out.pcapng")
    frames, reader = frames_of((tmp_path / "out.pcapng").read_bytes())
    assert reader.secrets == [(0x544C534B, keys)]
    assert facts(frames) == facts(frames_of(WILLS.read_bytes())[0])


def test_comments_made_by_editcap(mqttdissect: Run, tmp_path: Path) -> None:
    """In the tree of the packet whose frame it is on, made harmless; in JSON as a list."""
    import json

    rows = [json.loads(line) for line in mqttdissect("-T", "json", WILLS).stdout.splitlines()]
    number = rows[3]["frame"]
    path = tmp_path / "out.pcapng"
    tool("editcap", "-a", f"{number}:look \x1b[31mhere [bold]", WILLS, path)
    tree = mqttdissect(path).stdout
    assert tree.count("Comment on frame") == sum(row["frame"] == number for row in rows)
    assert f"Comment on frame #{number}  look \\x1b[31mhere [bold]\n" in tree
    commented = [json.loads(line) for line in mqttdissect("-T", "json", path).stdout.splitlines()]
    assert commented == [
        {**row, "comments": ["look \x1b[31mhere [bold]"]} if row["frame"] == number else row for row in rows
    ]


def test_hex_dump_made_into_a_capture(mqttdissect: Run, tmp_path: Path) -> None:
    """text2pcap: bytes from a log, with a TCP header that it makes up."""
    (tmp_path / "dump").write_text("0000 c0 00\n")
    tool("text2pcap", "-q", "-T", "40000,1883", tmp_path / "dump", tmp_path / "out")
    assert "PINGREQ" in mqttdissect("-P", tmp_path / "out").stdout


def test_binary_file_objects_and_bytes() -> None:
    """The public functions take compressed captures too."""
    from mqttdissect import dissect, open_capture

    data = QOS.read_bytes()
    for source in (gzip.compress(data), BytesIO(gzip.compress(data))):
        assert len(list(open_capture(source))) == 89
    assert len(list(dissect(zstd(data)))) == 60


def test_damage_without_end() -> None:
    """The first 10,000 places are kept, so that a bomb of damage does not fill the memory."""
    piece = snoop_record(b"one") + snoop_record(b"two") + b"\xff" * 9
    _, reader = frames_of(SNOOP + piece * 12_000)
    assert len(reader.damage) == 10_000
    assert reader.damage[-1].message.endswith("further damage is not counted")
