"""Real TCP through real tunnels: network namespaces, the kernel's own tunnel devices, tcpdump on the wire.

Needs a kernel that has the kind of device; what is missing is named and skipped. tshark has to find the same packets.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from namespaces import EXPECTED, MARKS, WRITE, Namespaces, captured, check, namespaces
from support import Stream, connect, publish

from mqttdissect.pipeline import Dissector

pytestmark = MARKS


@pytest.fixture
def net() -> Iterator[Namespaces]:
    """Namespaces that go away whatever happens."""
    yield from namespaces()


@dataclass
class Tunnel:
    """A device type with its options in each of the two hosts; the addresses that it gets, without the last part."""

    device: str
    network: str = "10.99.1."


MTU = 1400
V4 = "local 10.9.1.{here} remote 10.9.1.{there}"
V6 = "local fd00:1::{here} remote fd00:1::{there}"
TUNNELS = {
    "VLAN": Tunnel("link {cable} type vlan id 5"),
    "VLAN in 802.1ad": Tunnel("link {cable} type vlan proto 802.1ad id 5"),
    "IPIP": Tunnel("type ipip " + V4),
    "6in4": Tunnel("type sit " + V4, network="fd01::"),
    "IPv4 in IPv6": Tunnel("type ip6tnl mode ipip6 " + V6),
    "IPv6 in IPv6": Tunnel("type ip6tnl mode ip6ip6 " + V6, network="fd01::"),
    "GRE": Tunnel("type gre " + V4),
    "GRE with key, checksum, sequence": Tunnel("type gre key 7 csum seq " + V4),
    "GRE over IPv6": Tunnel("type ip6gre " + V6),
    "GRE with Ethernet": Tunnel("type gretap " + V4),
    "ERSPAN II": Tunnel("type erspan seq key 5 erspan_ver 1 erspan 1 " + V4),
    "ERSPAN III": Tunnel("type erspan seq key 5 erspan_ver 2 erspan_dir ingress erspan_hwid 1 " + V4),
    "VXLAN": Tunnel("type vxlan id 5 dstport 4789 dev {cable} " + V4),
    "VXLAN over IPv6": Tunnel("type vxlan id 5 dstport 4789 dev {cable} " + V6),
    "VXLAN with policy": Tunnel("type vxlan id 5 dstport 4789 gbp dev {cable} " + V4),
    "VXLAN with IPv6": Tunnel("type vxlan id 5 dstport 4789 dev {cable} " + V4, network="fd01::"),
    "Geneve": Tunnel("type geneve id 5 remote 10.9.1.{there}"),
}


def tunnel(net: Namespaces, kind: Tunnel) -> str:
    """Two hosts, a cable and a tunnel between them; the server's address in the tunnel."""
    net.make("a")
    net.make("b")
    net.link("a", "b", "10.9.1")
    slash, last = ("64", " nodad") if ":" in kind.network else ("24", "")
    for name, other, here, there in (("a", "b", 1, 2), ("b", "a", 2, 1)):
        device = kind.device.format(cable=f"to-{other}", here=here, there=there)
        under, found, rest = device.rpartition("type ")
        net.ip(name, f"link add {under}name tunnel {found}{rest}")
        net.ip(name, f"address add {kind.network}{here}/{slash} dev tunnel{last}")
        net.ip(name, f"link set tunnel up mtu {MTU} gso_max_segs 1")
    return kind.network + "2"


@pytest.mark.parametrize("name", TUNNELS)
def test_tcp_through_the_kernels_tunnels(name: str, net: Namespaces, tmp_path: Path) -> None:
    """Captured outside of the tunnel, found inside of it."""
    kind = TUNNELS[name]
    address = tunnel(net, kind)
    path = tmp_path / "wire.pcap"
    _, packets = check(captured(net, path, "b", "to-a", address), path)
    assert packets[0].stream is not None
    assert len(packets[0].stream.flow) == (36 if ":" in kind.network else 12)


@pytest.mark.parametrize("link", ["LINUX_SLL", "LINUX_SLL2"])
def test_any_device_of_a_host(link: str, net: Namespaces, tmp_path: Path) -> None:
    """`tcpdump -i any` sees each packet twice where there is a tunnel: in it, and through its device."""
    address = tunnel(net, TUNNELS["VXLAN"])
    path = tmp_path / "any.pcap"
    capture = captured(net, path, "b", "any", address, "-y", link)
    dissector, _ = check(capture, path)
    assert dissector.tcp.streams == 1


def routed(net: Namespaces) -> None:
    """Two hosts that allow fragments, and between them a router with a link of 600 bytes to `b`."""
    for name in ("a", "r", "b"):
        net.make(name)
    net.link("r", "a", "10.9.1")
    net.link("r", "b", "10.9.2", mtu=600)
    net.setting("r", "net/ipv4/ip_forward", "1")
    for name in ("a", "b"):
        net.setting(name, "net/ipv4/ip_no_pmtu_disc", "1")
        net.ip(name, f"route add default via 10.9.{1 if name == 'a' else 2}.1")


def test_a_router_that_cuts_packets(net: Namespaces, tmp_path: Path) -> None:
    """Captured where they arrive."""
    routed(net)
    path = tmp_path / "wire.pcap"
    dissector, _ = check(captured(net, path, "b", "to-r", "10.9.2.2"), path)
    assert dissector.unwrapper.reassembled >= 8
    assert dissector.unwrapper.fragments >= 24


def test_a_router_that_cuts_packets_seen_from_inside(net: Namespaces, tmp_path: Path) -> None:
    """Captured on all of the router's devices: each packet is there whole, and again in parts."""
    routed(net)
    dissector = Dissector()
    packets = dissector.feed(captured(net, tmp_path / "wire.pcap", "r", "any", "10.9.2.2")) + dissector.close()
    assert sorted(packet.name for packet in packets) == sorted(EXPECTED)
    assert dissector.unwrapper.reassembled >= 8


def test_a_tunnel_through_a_router_that_cuts_packets(net: Namespaces, tmp_path: Path) -> None:
    """VXLAN's own packets are cut, somewhere on the way."""
    routed(net)
    for name, here, there in (("a", "10.9.1.2", "10.9.2.2"), ("b", "10.9.2.2", "10.9.1.2")):
        net.ip(name, f"link add name tunnel type vxlan id 5 dstport 4789 local {here} remote {there}")
        net.ip(name, f"address add 10.99.1.{1 if name == 'a' else 2}/24 dev tunnel")
        net.ip(name, f"link set tunnel up mtu {MTU} gso_max_segs 1")
    path = tmp_path / "wire.pcap"
    dissector, _ = check(captured(net, path, "b", "to-r", "10.99.1.2"), path)
    assert dissector.unwrapper.reassembled >= 8


SENDER = """
import socket, sys, time
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
with socket.socket(family, socket.SOCK_DGRAM) as sender:
    for _ in range(15):  # until the neighbour's address is known
        sender.sendto(b"", (sys.argv[1], 9))
        time.sleep(0.1)
    for line in sys.stdin:
        sender.sendto(bytes.fromhex(line), (sys.argv[1], 4789))
        time.sleep(0.05)
"""


@pytest.mark.parametrize("address", ["10.9.1.2", "fd00:1::2"])
def test_fragments_as_the_kernel_cuts_them(address: str, net: Namespaces, tmp_path: Path) -> None:
    """Datagrams of up to 60 KB with VXLAN in them, over IPv4 and over IPv6, where only senders cut."""
    net.make("a")
    net.make("b")
    net.link("a", "b", "10.9.1")
    stream = Stream().handshake().client(connect(), *(publish("t", bytes(n * 10_000)) for n in range(7)))
    path = tmp_path / "wire.pcap"
    dump = subprocess.Popen(
        net.command("b", "tcpdump", "-i", "to-a", *WRITE, str(path)),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert dump.stderr is not None
        assert "listening" in next(line for line in dump.stderr if "listening" in line or "rror" in line)
        lines = "\n".join((bytes.fromhex("0800000000000500") + frame).hex() for frame in stream.frames)
        subprocess.run(net.command("a", sys.executable, "-c", SENDER, address), input=lines.encode(), check=True)
        time.sleep(0.3)
        dump.send_signal(signal.SIGINT)
        dump.communicate(timeout=10)
    finally:
        if dump.poll() is None:
            dump.kill()
            dump.communicate()
    dissector = Dissector()
    packets = dissector.feed(path.read_bytes()) + dissector.close()
    assert [packet.name for packet in packets] == ["CONNECT", *["PUBLISH"] * 7]
    assert [len(packet.data) for packet in packets[2:]] == [n * 10_000 + 5 + (2 if n > 1 else 1) for n in range(1, 7)]
    assert (dissector.unwrapper.reassembled, dissector.tcp.gaps) == (6, 0)
