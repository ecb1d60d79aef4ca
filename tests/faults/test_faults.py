"""Fault injection: real brokers and clients, one thing made wrong at a time, and exactly the expected findings.

`kinds.py` has the kinds. All asked for are played at once, before the first test; then each is a test of its own.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import dissect

faults = pytest.importorskip("faults.judge", reason="paho-mqtt is not installed")

from faults import scenarios  # noqa: E402
from faults.clean import DEVIATIONS  # noqa: E402
from faults.judge import findings, judge, pairs, play  # noqa: E402
from faults.kinds import KINDS, Kind  # noqa: E402
from faults.packets import Connect, Publish, Sample, cut, properties  # noqa: E402
from faults.proxy import Proxy  # noqa: E402
from faults.recorder import BROKER, CLIENT  # noqa: E402
from faults.stage import Brokers, Loop, Scenario, converse  # noqa: E402

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
needs_tcpdump = pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")
AT_ONCE = 24
RECALL = 0.98

CLEAN: list[tuple[str, Scenario, tuple[int, ...]]] = [
    ("messages", scenarios.messages, (3, 4, 5)),
    ("ask", scenarios.ask, (3, 4, 5)),
    ("deliver", scenarios.deliver, (3, 4, 5)),
    ("deliver qos 2", scenarios.scenario(scenarios.deliver, 2), (3, 4, 5)),
    ("stream", scenarios.stream, (3, 4, 5)),
    ("unsubscribed", scenarios.unsubscribed, (3, 4, 5)),
    ("retained", scenarios.retained, (3, 4, 5)),
    ("session", scenarios.session, (3, 4, 5)),
    ("unread", scenarios.unread, (3, 4, 5)),
    ("idle", scenarios.scenario(scenarios.idle, 1, 2.5), (3, 4, 5)),
    ("will", scenarios.will, (3, 4, 5)),
    ("polite will", scenarios.scenario(scenarios.will, polite=True), (3, 4, 5)),
    ("twins", scenarios.twins, (3, 4, 5)),
    ("nameless", scenarios.nameless, (4, 5)),
    ("shared", scenarios.shared, (5,)),
    ("to itself", scenarios.to_itself, (5,)),
    ("subscription identifiers", scenarios.scenario(scenarios.deliver, 1, options={}), (5,)),
    ("retain as published", scenarios.scenario(scenarios.retained, kept=True), (5,)),
    ("retain handling", scenarios.scenario(scenarios.retained, handling=1, times=2), (5,)),
    ("late will", scenarios.scenario(scenarios.will, session=60, seconds=3, WillDelayInterval=1), (5,)),
]
CROWDS = [(seed, version) for version in (3, 4, 5) for seed in (1, 2)]
OF_A_BUSY_MACHINE = {"slow-answer", "reconnect-storm"}  # a crowd has them: its members come again and again
CLEAN_RUNS = [(f"{name} {version}", scenario, version) for name, scenario, versions in CLEAN for version in versions]


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Brokers, Loop]]:
    """Two mosquittos, and the thread of the proxies."""
    brokers, loop = Brokers(tmp_path_factory.mktemp("brokers")), Loop()
    yield brokers, loop
    brokers.close()
    loop.close()


@pytest.fixture(scope="session")
def played(request: pytest.FixtureRequest, ground: tuple[Brokers, Loop]) -> dict[str, bytes]:
    """The captures of all kinds that this run asks for, by name."""
    brokers, loop = ground
    asked = [params(item).get("kind") for item in request.session.items]
    names = {kind.name for kind in asked if isinstance(kind, Kind)}
    whole = any(item.name == "test_recall" for item in request.session.items)
    kinds = [kind for kind in KINDS if whole or kind.name in names]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        captures = list(pool.map(lambda one: play(loop, brokers, one), kinds))
    return {kind.name: capture for kind, capture in zip(kinds, captures, strict=True)}


@pytest.fixture(scope="session")
def clean(ground: tuple[Brokers, Loop]) -> dict[str, bytes]:
    """The captures of all scenarios without a fault, by name."""
    brokers, loop = ground
    with ThreadPoolExecutor(AT_ONCE) as pool:
        captures = pool.map(
            lambda at: converse(
                loop,
                brokers.port["open"],
                CLEAN_RUNS[at][1],
                f"c{at}",
                CLEAN_RUNS[at][2],
                None,
                (CLIENT, BROKER)[at % 2],
            ),
            range(len(CLEAN_RUNS)),
        )
        return {run[0]: capture for run, capture in zip(CLEAN_RUNS, captures, strict=True)}


def params(item: pytest.Item) -> dict[str, object]:
    """What a test is parametrized with."""
    return item.callspec.params if hasattr(item, "callspec") else {}


@needs_mosquitto
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_fault(kind: Kind, played: dict[str, bytes]) -> None:
    """Exactly the expected findings come out: rule and party, of severity warning and above."""
    verdict = judge(kind, played[kind.name])
    assert verdict.right, "\n".join([kind.name, *verdict.lines])


@needs_mosquitto
def test_recall(played: dict[str, bytes]) -> None:
    """Of all findings expected of all kinds, at least 98% come out; and there are at least 80 kinds."""
    expected = found = 0
    for kind in KINDS:
        missing = judge(kind, played[kind.name]).missing
        wanted = len(kind.wanted) + len(kind.notes)
        expected += wanted
        found += wanted - len(missing)
    assert len({kind.name.rsplit("-", 1)[0] for kind in KINDS}) >= 80
    assert found / expected >= RECALL


@needs_mosquitto
@pytest.mark.parametrize("name", [run[0] for run in CLEAN_RUNS])
def test_without_a_fault(name: str, clean: dict[str, bytes]) -> None:
    """The same conversations through the same proxy, nothing changed: no finding."""
    found = findings(clean[name])
    assert not pairs(found), found
    assert len(dissect(clean[name])) > 1


@needs_mosquitto
def test_crowds(ground: tuple[Brokers, Loop]) -> None:
    """Clients that do all that is allowed, each in its own way: races, re-deliveries, wills, retained messages."""
    brokers, loop = ground

    def play_crowd(at: int) -> bytes:
        seed, version = CROWDS[at]
        crowd = scenarios.scenario(scenarios.crowd, seed, 6, 2.5)
        return converse(
            loop, brokers.port["open"], crowd, f"crowd{at}", version, None, (CLIENT, BROKER)[at % 2], lenient=True
        )

    with ThreadPoolExecutor(len(CROWDS)) as pool:
        captures = list(pool.map(play_crowd, range(len(CROWDS))))
    for capture in captures:
        found = findings(capture)
        assert {rule for rule, _ in pairs(found) - set(DEVIATIONS["mosquitto"])} <= OF_A_BUSY_MACHINE, found
        assert len(dissect(capture)) > 100


# The harness itself


def test_kinds_have_names_of_their_own() -> None:
    """No two kinds are called the same."""
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def test_cut() -> None:
    """Packets are cut out of any stream of bytes, what is not whole stays."""
    one, two = b"\x30\x03\0\1a", b"\x30\x80\x01" + bytes(128)
    buffer = bytearray(one + two + b"\x30\x80")
    assert cut(buffer) == [one, two]
    assert buffer == b"\x30\x80"
    broken = bytearray(b"\x30\xff\xff\xff\xff\x01")
    assert cut(broken) == [b"\x30\xff\xff\xff\xff\x01"]


@pytest.mark.parametrize("version", [3, 4, 5])
def test_packets_come_apart_and_together(version: int) -> None:
    """Taking a packet apart and putting it together gives the same bytes."""
    sample = Sample(version)
    extra = b"\x26\0\1k\0\1v\x01\x01" if version == 5 else b""
    publish = sample.publish("a/b", b"x" * 200, 2, 7, extra, True, True)
    assert Publish.of(publish, version).bytes() == publish
    if version == 5:
        assert properties(extra) == [(0x26, b"\0\1k\0\1v"), (0x01, b"\x01")]
    connect = sample.connect("client", 0xC2, 10, b"\x21\0\5" if version == 5 else b"", b"\0\1u\0\1p")
    assert Connect.of(connect).bytes() == connect


ON_THE_WIRE = [
    "pubrel-flags-0-5.0",
    "topic-with-wildcard-3.1.1",
    "puback-for-nothing-from-broker-5.0",
    "user-property-lost-5.0",
    "will-after-disconnect-3.1.1",
    "session-forgotten-5.0",
]


class Tcpdump:
    """tcpdump on the loopback interface while the proxy runs, of the side that the proxy records."""

    def __init__(self, path: Path, captured: int, source: str) -> None:
        self.path = path
        self.captured = captured
        self.source = source
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, proxy: Proxy) -> None:
        """Once the proxy listens."""
        where = f"tcp port {proxy.port}" if self.captured == CLIENT else f"host {self.source}"
        options = ["-i", "lo", "-U", "--immediate-mode", "-B", "8192", "-Z", "root", "-w", str(self.path), where]
        self.process = subprocess.Popen(["tcpdump", *options], stderr=subprocess.PIPE)
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if b"listening on" in line:
                return
        pytest.skip("tcpdump may not capture on lo")

    def stop(self) -> bytes:
        """What it saw, once nothing more comes."""
        assert self.process is not None
        size = -1
        while size != (size := self.path.stat().st_size):
            time.sleep(0.3)
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=10)
        return self.path.read_bytes()


@needs_mosquitto
@needs_tcpdump
@pytest.mark.parametrize("name", ON_THE_WIRE)
def test_on_the_wire(name: str, ground: tuple[Brokers, Loop], tmp_path: Path) -> None:
    """What tcpdump sees of the recorded side is what the proxy writes down, and has the same findings."""
    brokers, loop = ground
    kind = next(kind for kind in KINDS if kind.name == name)
    tcpdump = Tcpdump(tmp_path / "lo.pcap", kind.captured, f"127.77.0.{1 + KINDS.index(kind) % 250}")
    own = play(loop, brokers, kind, tcpdump.source, tcpdump.start)
    seen = tcpdump.stop()
    assert told(own) == told(seen)
    assert judge(kind, seen).right


def told(capture: bytes) -> list[tuple[int, bytes]]:
    """Sender and bytes of each control packet, each side's in order."""
    return sorted(((int(one.sender), bytes(one.data)) for one in dissect(capture)), key=lambda one: one[0])
