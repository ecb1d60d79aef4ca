"""Hosts of a test's own, as network namespaces: real TCP between them, captured by tcpdump.

Needs root, iproute2 and tcpdump. Nothing leaves the namespaces, and they go away with the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import CONNACK, DISCONNECT, connect, publish

from mqttdissect.mqtt.packet import Packet
from mqttdissect.pipeline import Dissector

MISSING = [tool for tool in ("ip", "tcpdump") if shutil.which(tool) is None]
MARKS = [
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root makes network namespaces"),
]

CONNECT = connect()
WRITE = ["-U", "--immediate-mode", "-B", "16384", "-s", "4000", "-Z", "root", "-w"]
SENT = CONNECT + b"".join(publish(f"topic/{n}", bytes([n]) * 1400) for n in range(8)) + DISCONNECT
EXPECTED = ["CONNECT", "CONNACK", *["PUBLISH"] * 8, "DISCONNECT"]
SERVER = f"""
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.create_server((sys.argv[1], 1883), family=family) as listener:
    print("ready", flush=True)
    with listener.accept()[0] as peer:
        data = peer.recv({len(CONNECT)})
        peer.sendall({CONNACK!r})
        while piece := peer.recv(65536):
            data += piece
print(len(data), flush=True)
"""
CLIENT = f"""
import socket, sys, time
sent = {SENT!r}
with socket.create_connection((sys.argv[1], 1883), 10) as peer:
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(sent[:{len(CONNECT)}])
    assert peer.recv(4) == {CONNACK!r}
    for at in range({len(CONNECT)}, len(sent), 1410):
        peer.sendall(sent[at : at + 1410])
        time.sleep(0.02)
"""


class Namespaces:
    """Two hosts, or two with a router between; every command runs in one of them."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def make(self, name: str) -> None:
        """A namespace of our own."""
        full = f"mqttdissect-{os.getpid()}-{name}"
        done = subprocess.run(["ip", "netns", "add", full], capture_output=True)
        if done.returncode:
            pytest.skip(f"no network namespaces here: {done.stderr.decode().strip()}")
        self.names[name] = full
        self.ip(name, "link set lo up")

    def command(self, name: str, *command: str) -> list[str]:
        """What runs `command` in a namespace."""
        return ["ip", "netns", "exec", self.names[name], *command]

    def ip(self, name: str, line: str) -> None:
        """An `ip` command; a device that the kernel does not have skips the test."""
        done = subprocess.run(["ip", "-n", self.names[name], *line.split()], capture_output=True)
        if done.returncode:
            trouble = done.stderr.decode().strip()
            if "link add" in line and ("Unknown device type" in trouble or "not supported" in trouble):
                pytest.skip(f"this kernel has no such device: ip {line}")
            raise AssertionError(f"ip {line}: {trouble}")

    def setting(self, name: str, key: str, value: str) -> None:
        """A sysctl of the namespace's own network stack."""
        script = f"open('/proc/sys/{key}', 'w').write('{value}')"
        subprocess.run(self.command(name, sys.executable, "-c", script), check=True)

    def link(self, one: str, other: str, network: str, mtu: int = 1500) -> None:
        """A cable between two of them, with IPv4 and IPv6 addresses; mtu: of the first one's end."""
        here, there = f"to-{other}", f"to-{one}"
        self.ip(one, f"link add dev {here} type veth peer name {there} netns {self.names[other]}")
        for name, device, last in ((one, here, 1), (other, there, 2)):
            self.ip(name, f"address add {network}.{last}/24 dev {device}")
            self.ip(name, f"address add fd00:{network.split('.')[2]}::{last}/64 dev {device} nodad")
            self.ip(name, f"link set {device} up gso_max_segs 1")
        self.ip(one, f"link set {here} mtu {mtu}")

    def remove(self) -> None:
        """Without a trace."""
        for full in self.names.values():
            subprocess.run(["ip", "netns", "delete", full], capture_output=True)


def namespaces() -> Iterator[Namespaces]:
    """Namespaces that go away whatever happens; for a fixture to yield from."""
    made = Namespaces()
    try:
        yield made
    finally:
        made.remove()


def captured(net: Namespaces, path: Path, on: str, device: str, address: str, *options: str) -> bytes:
    """What tcpdump sees on a device while the client in `a` talks to the server in `b` at this address."""
    started: list[subprocess.Popen[str]] = []

    def start(name: str, *command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            net.command(name, *command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    try:
        dump = start(on, "tcpdump", "-i", device, *WRITE, str(path), *options)
        assert dump.stderr is not None
        assert "listening" in next(line for line in dump.stderr if "listening" in line or "rror" in line)
        server = start("b", sys.executable, "-c", SERVER, address)
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        client = start("a", sys.executable, "-c", CLIENT, address)
        _, trouble = client.communicate(timeout=30)
        assert client.returncode == 0, trouble
        assert server.stdout.readline() == f"{len(SENT)}\n"
        time.sleep(0.3)
        dump.send_signal(signal.SIGINT)
        dump.communicate(timeout=10)
    finally:
        for process in started:
            if process.poll() is None:
                process.kill()
                process.communicate()
    return path.read_bytes()


def check(capture: bytes, path: Path, *options: str) -> tuple[Dissector, list[Packet]]:
    """All of the conversation is found, once, without gaps; and tshark finds it in the same frames."""
    dissector = Dissector()
    packets = dissector.feed(capture) + dissector.close()
    unwrapper = dissector.unwrapper
    unwrapper.close()
    assert [packet.name for packet in sorted(packets, key=lambda one: one.time_ns)] == EXPECTED
    assert (dissector.tcp.gaps, unwrapper.broken, unwrapper.unknown_links, unwrapper.fragments_dropped) == (0, 0, {}, 0)
    if shutil.which("tshark"):
        command = [
            "tshark",
            "-n",
            "-r",
            str(path),
            "-Y",
            "mqtt",
            "-T",
            "fields",
            "-e",
            "frame.number",
            "-e",
            "mqtt.msgtype",
            *options,
        ]
        found: list[tuple[int, int]] = []
        for line in subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines():
            number, types = line.split("\t")
            found += [(int(number), int(one)) for one in types.split(",")]
        assert [(int(one.frame), int(one.type)) for one in packets] == found
    return dissector, packets
