"""Real TCP through the tunnels of Open vSwitch, which has its own code for them and needs none of the kernel's.

Needs root, iproute2, tcpdump and Open vSwitch's programs; each test starts a switch of its own in each of two network
namespaces and stops it. tshark has to find the same packets.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from namespaces import MARKS, Namespaces, captured, check, namespaces

PROGRAMS = {
    name: shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/lib/openvswitch-switch")
    for name in ("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovs-ofctl")
}
SCHEMA = Path(os.environ.get("OVS_PKGDATADIR", "/usr/share/openvswitch"), "vswitch.ovsschema")
pytestmark = [
    *MARKS,
    pytest.mark.skipif(not all(PROGRAMS.values()) or not SCHEMA.exists(), reason="Open vSwitch is not installed"),
]


class Switch:
    """An Open vSwitch in a namespace: bridge `outside` with the cable, bridge `inside` with the tunnel."""

    def __init__(self, net: Namespaces, name: str, folder: Path) -> None:
        self.net = net
        self.name = name
        self.folder = folder
        self.environment = {**os.environ, **dict.fromkeys(("OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"), str(folder))}
        folder.mkdir()
        self.run("ovsdb-tool", "create", str(folder / "conf.db"), str(SCHEMA))
        self.started = [
            self.start("ovsdb-server", str(folder / "conf.db"), f"--remote=punix:{folder}/db.sock"),
            self.start("ovs-vswitchd", f"unix:{folder}/db.sock"),
        ]

    def start(self, program: str, *arguments: str) -> Path:
        """A daemon; the file that says its process number."""
        file = self.folder / f"{program}.pid"
        control = f"--unixctl={self.folder}/{program}.ctl"
        self.run(program, *arguments, control, f"--pidfile={file}", "--detach", "--log-file")
        return file

    def run(self, program: str, *arguments: str) -> None:
        """One of its programs, in the namespace."""
        command = self.net.command(self.name, str(PROGRAMS[program]), *arguments)
        done = subprocess.run(command, capture_output=True, env=self.environment, timeout=60)
        assert done.returncode == 0, done.stderr.decode()

    def configure(self, line: str) -> None:
        """A command of ovs-vsctl."""
        self.run("ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--timeout=20", *line.split())

    def flow(self, line: str) -> None:
        """A flow of the bridge with the tunnel."""
        self.run("ovs-ofctl", "add-flow", "-OOpenFlow13", f"unix:{self.folder}/inside.mgmt", line)

    def stop(self) -> None:
        """The daemons that this object started."""
        for file in reversed(self.started):
            if file.exists():
                os.kill(int(file.read_text()), 15)


@pytest.fixture
def net() -> Iterator[Namespaces]:
    """Two hosts with a cable between them."""
    yield from namespaces()


@pytest.fixture
def switches(net: Namespaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Switch]]:
    """A switch in each host, stopped whatever happens."""
    net.make("a")
    net.make("b")
    net.link("a", "b", "10.9.9")
    made: list[Switch] = []
    try:
        for name in ("a", "b"):
            made.append(Switch(net, name, tmp_path_factory.mktemp("ovs") / name))
        yield made
    finally:
        for switch in made:
            switch.stop()


@dataclass
class Tunnel:
    """options: of the tunnel's port. flows: where the switch cannot learn by itself; 1 is the tunnel."""

    kind: str
    options: str = ""
    flows: list[str] = field(default_factory=list)
    outer6: bool = False


TO_US = "set_field:02:00:00:00:02:0{here}->eth_dst,LOCAL"
L3 = ["in_port=1,actions=" + TO_US, "in_port=LOCAL,ip,actions=output:1"]
LABEL = [
    "in_port=1,dl_type=0x8847,actions=pop_mpls:0x0800,LOCAL",
    "in_port=LOCAL,ip,actions=push_mpls:0x8847,set_field:100->mpls_label,output:1",
]
TUNNELS = {
    "GRE": Tunnel("gre"),
    "GRE with key and sequence": Tunnel("gre", "options:key=7 options:seq=true"),
    "GRE over IPv6": Tunnel("gre", outer6=True),
    "GRE with bare IP": Tunnel("gre", "options:packet_type=legacy_l3", L3),
    "GRE with MPLS in Ethernet": Tunnel("gre", "", LABEL),
    "ERSPAN II": Tunnel("erspan", "options:key=5 options:erspan_ver=1 options:erspan_idx=3"),
    "ERSPAN III": Tunnel("erspan", "options:key=5 options:erspan_ver=2 options:erspan_dir=0 options:erspan_hwid=4"),
    "VXLAN": Tunnel("vxlan", "options:key=5"),
    "VXLAN over IPv6, Linux' port": Tunnel("vxlan", "options:key=5 options:dst_port=8472", outer6=True),
    "Geneve": Tunnel("geneve", "options:key=5"),
    "Geneve over IPv6": Tunnel("geneve", "options:key=5", outer6=True),
}
TSHARK_OPTIONS = ["-d", "udp.port==8472,vxlan"]


@pytest.mark.parametrize("name", TUNNELS)
def test_tcp_through_a_switchs_tunnels(name: str, net: Namespaces, switches: list[Switch], tmp_path: Path) -> None:
    """Captured on the cable, found inside of the tunnel."""
    kind = TUNNELS[name]
    for switch, other, here, there in ((switches[0], "b", 1, 2), (switches[1], "a", 2, 1)):
        for bridge, number in (("outside", 1), ("inside", 2)):
            switch.configure(
                f"add-br {bridge} -- set bridge {bridge} datapath_type=netdev fail-mode=standalone"
                f" other-config:hwaddr=02:00:00:00:0{number}:0{here}"
            )
        switch.configure(f"add-port outside to-{other}")
        net.ip(switch.name, f"address add 10.9.1.{here}/24 dev outside")
        net.ip(switch.name, f"address add fd00:1::{here}/64 dev outside nodad")
        net.ip(switch.name, "link set outside up")
        net.ip(switch.name, f"address add 10.99.1.{here}/24 dev inside")
        net.ip(switch.name, "link set inside up mtu 1380")
        net.ip(switch.name, f"neighbour replace 10.99.1.{there} lladdr 02:00:00:00:02:0{there} dev inside")
        remote = f"fd00:1::{there}" if kind.outer6 else f"10.9.1.{there}"
        switch.configure(
            f"add-port inside tunnel -- set interface tunnel type={kind.kind} ofport_request=1"
            f" options:remote_ip={remote} {kind.options}"
        )
        for flow in kind.flows:
            switch.flow(flow.format(here=here))
    path = tmp_path / "wire.pcap"
    check(captured(net, path, "b", "to-a", "10.99.1.2"), path, *TSHARK_OPTIONS)
