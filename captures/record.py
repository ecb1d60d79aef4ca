#!/usr/bin/env python3
"""Makes the recordings in this folder again: real brokers, real clients, the loopback interface.

Everything runs in a network namespace of its own (`unshare --net`), so port 1883 is always free and no packet
of the machine gets into a recording. Programs from PyPI and npm are put into a cache folder outside the
repository.
A recording is one function below, marked with `@recording`; its docstring says what the recording shows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click

HERE = Path(__file__).resolve().parent
SCENARIOS = HERE / "scenarios"
INSIDE = "MQTTDISSECT_RECORDING"
PYTHON_PACKAGES = ["paho-mqtt", "amqtt", "mqttools"]
NODE_PACKAGES = ["mqtt", "aedes", "ws"]
PROGRAMS = {
    "tcpdump": "tcpdump",
    "dumpcap": "wireshark-common",
    "editcap": "wireshark-common",
    "tshark": "tshark",
    "ip": "iproute2",
    "tc": "iproute2",
    "unshare": "util-linux",
    "gcc": "gcc, mosquitto-dev, libmosquitto-dev",
    "openssl": "openssl",
    "node": "nodejs",
    "npm": "npm",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "rabbitmq-server": "rabbitmq-server",
    "erl": "ejabberd",
}
EJABBERD_ALICE = ("-u", "alice@localhost", "-P", "wonderland")
OPEN = ("listener 1883 127.0.0.1", "allow_anonymous true")


class RecordingError(Exception):
    """A program did not do what a recording needs."""


class Run:
    """One recording: the processes started for it, the folder of its files, the capture that grows."""

    def __init__(self, name: str, cache: Path, folder: Path) -> None:
        self.name = name
        self.cache = cache
        self.folder = folder
        self.capture = folder / name
        self.recorder: subprocess.Popen[str] | None = None
        self.processes: list[subprocess.Popen[str]] = []

    # Processes

    def spawn(self, *argv: str | Path, env: Mapping[str, str] | None = None, log: str = "") -> subprocess.Popen[str]:
        """Starts a program that goes on in the background; its output goes to `log`, or to pipes."""
        with contextlib.ExitStack() as stack:
            out: int | None = subprocess.PIPE
            if log:
                out = stack.enter_context(open(self.folder / log, "ab")).fileno()
            process = subprocess.Popen(
                [str(arg) for arg in argv],
                env={**os.environ, **(env or {})},
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=self.folder,
            )
        self.processes.append(process)
        return process

    def call(self, *argv: str | Path, env: Mapping[str, str] | None = None, text: str = "", check: bool = True) -> str:
        """Runs a program to its end and returns what it printed."""
        done = subprocess.run(
            [str(arg) for arg in argv],
            env={**os.environ, **(env or {})},
            input=text,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=self.folder,
        )
        output = done.stdout + done.stderr
        if check and done.returncode:
            raise RecordingError(f"{argv[0]} ended with {done.returncode}:\n{output}")
        return output

    def stop(self, process: subprocess.Popen[str], sig: signal.Signals = signal.SIGTERM) -> None:
        if process.poll() is None:
            process.send_signal(sig)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def close(self) -> None:
        self.stop_recording()
        for process in reversed(self.processes):
            self.stop(process)

    def wait_listening(self, *ports: int, seconds: float = 60) -> None:
        """Waits until the ports are open, without connecting: a connection would be in the recording."""
        end = time.monotonic() + seconds
        while missing := set(ports) - listening():
            if time.monotonic() > end:
                raise RecordingError(f"nothing listens on {missing}")
            time.sleep(0.05)

    # Recording

    def record(self, *ports: int, link: str = "", nanoseconds: bool = False, snap: int = 0) -> None:
        """Starts tcpdump (.pcap) or dumpcap (.pcapng) on the ports; on `-i any` when a link type is given."""
        ports = ports or (1883,)
        wanted = " or ".join(f"tcp port {port}" for port in ports)
        interface = "any" if link else "lo"
        if self.capture.suffix == ".pcapng":
            argv = ["dumpcap", "-q", "-i", interface, "-f", wanted, "-w", str(self.capture)]
        else:
            argv = [
                "tcpdump",
                "-i",
                interface,
                "-U",
                "--immediate-mode",
                "-Z",
                "root",
                "-w",
                str(self.capture),
            ]
            argv += ["-y", link] if link else []
            argv += ["--time-stamp-precision=nano"] if nanoseconds else []
            argv += ["-s", str(snap)] if snap else []
            argv += [wanted]
        self.recorder = self.spawn(*argv, log="recorder.log")
        log = self.folder / "recorder.log"
        for _ in range(100):
            if "listening on" in log.read_text() or (self.capture.exists() and self.capture.stat().st_size > 20):
                break
            time.sleep(0.05)
        else:
            raise RecordingError(log.read_text())
        time.sleep(0.3)

    def stop_recording(self) -> None:
        if self.recorder is not None and self.recorder.poll() is None:
            time.sleep(1.2)
            self.stop(self.recorder, signal.SIGINT)
        self.recorder = None

    # Clients

    def python(self, script: str, scenario: str, *args: str | Path, **env: str) -> None:
        click.echo(self.call(self.cache / "venv/bin/python", SCENARIOS / script, scenario, *args, env=env), nl=False)

    def node(self, scenario: str, **env: str) -> None:
        click.echo(self.call("node", SCENARIOS / "mqttjs.mjs", scenario, env={**self.node_env(), **env}), nl=False)

    def node_env(self) -> dict[str, str]:
        return {"NODE_MODULES_OF": str(self.cache / "npm" / "package.json")}

    def pub(self, *args: str, version: str = "311", text: str = "") -> None:
        self.call("mosquitto_pub", "-h", "127.0.0.1", "-V", version, *args, text=text)

    def sub(self, *args: str, version: str = "311") -> subprocess.Popen[str]:
        """Starts a subscriber and waits for its SUBACK."""
        process = self.spawn("stdbuf", "-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-V", version, *args)
        assert process.stdout is not None
        for line in process.stdout:
            if "received SUBACK" in line or "Subscribed" in line:
                return process
        raise RecordingError("mosquitto_sub ended")

    # Brokers

    def mosquitto(self, *lines: str, name: str = "mosquitto", ports: Sequence[int] = (1883,)) -> subprocess.Popen[str]:
        config = self.folder / f"{name}.conf"
        config.write_text("\n".join(["user root", "log_dest stdout", "log_type all", *lines, ""]))
        process = self.spawn("mosquitto", "-c", config, log=f"{name}.log")
        self.wait_listening(*ports)
        return process

    def passwords(self) -> str:
        """The configuration line of a mosquitto that knows alice."""
        self.call("mosquitto_passwd", "-b", "-c", self.folder / "passwords", "alice", "wonderland")
        return f"password_file {self.folder}/passwords"

    def rabbitmq(self) -> None:
        base = {
            "HOME": str(self.folder),
            "ERL_EPMD_PORT": "14369",
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "rabbit@localhost",
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "none"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        (self.folder / "plugins").write_text("[rabbitmq_mqtt].\n")
        (self.folder / "rabbitmq.conf").write_text(
            "listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:1883\nmqtt.allow_anonymous = false\n"
            "default_user = alice\ndefault_pass = wonderland\n"
        )
        self.spawn("epmd", "-address", "127.0.0.1", "-port", "14369", log="epmd.log")
        server = next(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
        self.spawn(server, env=base, log="rabbitmq.log")
        self.wait_listening(1883)
        time.sleep(1)

    def ejabberd(self) -> subprocess.Popen[str]:
        (self.folder / "ejabberd.yml").write_text(
            "hosts: [localhost]\nauth_method: [internal]\nlisten:\n"
            "  - {port: 1883, ip: '127.0.0.1', module: mod_mqtt}\n"
            "modules:\n  mod_mqtt: {max_topic_aliases: 5}\n"
        )
        ebin = str(next(Path("/usr/lib").glob("*/ejabberd-*/ebin")))
        env = {
            "HOME": str(self.folder),
            "SPOOL_DIR": str(self.folder),
            "EJABBERD_CONFIG_PATH": str(self.folder / "ejabberd.yml"),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
        }
        user = 'ejabberd_auth:try_register(<<"alice">>, <<"localhost">>, <<"wonderland">>)'
        mnesia = f'"{self.folder}/mnesia"'
        argv = ["erl", "-noinput", "-pa", ebin, "-mnesia", "dir", mnesia, "-s", "ejabberd", "-eval", user]
        process = self.spawn(*argv, env=env, log="ejabberd.out")
        self.wait_listening(1883)
        time.sleep(1)
        return process

    def aedes(self, port: int = 1883, websocket: int = 0) -> None:
        env = self.node_env() | {"MQTT_PORT": str(port)}
        if websocket:
            env["MQTT_WS_PORT"] = str(websocket)
        self.spawn("node", SCENARIOS / "broker_aedes.mjs", env=env, log="aedes.log")
        self.wait_listening(websocket or port)

    def amqtt(self, port: int) -> None:
        (self.folder / "amqtt.yml").write_text(
            f"listeners: {{default: {{type: tcp, bind: '127.0.0.1:{port}'}}}}\n"
            "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}\n"
        )
        self.spawn(self.cache / "venv/bin/amqtt", "-c", self.folder / "amqtt.yml", log="amqtt.log")
        self.wait_listening(port)

    # The network

    @contextlib.contextmanager
    def ethernet(self, *qdisc: str) -> Iterator[None]:
        """Loopback with the MTU of Ethernet and no segmentation offload, so that messages span segments."""
        self.call("ip", "link", "set", "lo", "mtu", "1500", "gso_max_size", "1500")
        if qdisc:
            self.call("tc", "qdisc", "add", "dev", "lo", "root", *qdisc)
        try:
            yield
        finally:
            if qdisc:
                self.call("tc", "qdisc", "del", "dev", "lo", "root")
            self.call("ip", "link", "set", "lo", "mtu", "65536", "gso_max_size", "65536")


def listening() -> set[int]:
    """The TCP ports on which something listens, from the kernel's table."""
    ports = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            if state == "0A":
                ports.add(int(local.rsplit(":", 1)[1], 16))
    return ports


Recording = Callable[[Run], None]
RECORDINGS: dict[str, Recording] = {}


def recording(name: str) -> Callable[[Recording], Recording]:
    def register(function: Recording) -> Recording:
        RECORDINGS[name] = function
        return function

    return register


# mosquitto, MQTT 3.1 and 3.1.1


@recording("mosquitto-3.1-mqisdp.pcap")
def mqisdp(run: Run) -> None:
    """MQTT 3.1 (MQIsdp, level 3): QoS 0, 1, 2 both ways, user name and password, PINGREQ, UNSUBSCRIBE."""
    run.mosquitto("listener 1883 127.0.0.1", "allow_anonymous false", run.passwords())
    run.record()
    run.python("paho_311.py", "messages-3.1")


@recording("mosquitto-3.1.1-qos.pcap")
def qos(run: Run) -> None:
    """QoS 0, 1, 2 both ways; text, JSON, binary, empty payloads; non-ASCII topics; PINGREQ; UNSUBSCRIBE."""
    run.mosquitto("listener 1883 127.0.0.1", "allow_anonymous false", run.passwords())
    run.record()
    run.python("paho_311.py", "messages")


@recording("mosquitto-3.1.1-retained.pcapng")
def retained(run: Run) -> None:
    """Retained messages: set, delivered to a later subscriber, changed, cleared with an empty payload."""
    run.mosquitto(*OPEN)
    run.record()
    run.pub("-i", "setter", "-t", "sensor/cellar", "-m", '{"humidity":61}', "-r", "-q", "1")
    run.pub("-i", "setter", "-t", "sensor/attic", "-m", '{"humidity":38}', "-r", "-q", "2")
    reader = run.sub("-i", "reader", "-t", "sensor/+", "-q", "1")
    time.sleep(0.3)
    run.pub("-i", "setter", "-t", "sensor/cellar", "-m", '{"humidity":64}', "-r", "-q", "1")
    run.pub("-i", "setter", "-t", "sensor/cellar", "-n", "-r", "-q", "1")
    time.sleep(0.3)
    run.stop(reader)
    run.call("mosquitto_sub", "-h", "127.0.0.1", "-i", "late-reader", "-t", "sensor/+", "-q", "1", "-C", "1")
    run.pub("-i", "setter", "-t", "sensor/attic", "-n", "-r")


@recording("mosquitto-3.1.1-session.pcapng")
def session(run: Run) -> None:
    """Clean session 0: queued messages, session present, takeover, session cleared."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("paho_311.py", "session")


@recording("mosquitto-3.1.1-redelivery.pcap")
def redelivery(run: Run) -> None:
    """Connections lost inside the QoS 1 and 2 handshakes: PUBLISH with DUP from both sides, PUBREL again."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("raw.py", "redelivery")


@recording("mosquitto-3.1.1-will.pcap")
def will(run: Run) -> None:
    """Wills of a killed client (QoS 1, retained) and of one whose keep alive runs out; one cancelled."""
    run.mosquitto(*OPEN)
    run.record()
    watcher = run.sub("-i", "watcher", "-t", "will/#", "-q", "2")
    options = ("--will-qos", "1", "--will-retain", "-t", "other")
    doomed = run.sub("-i", "doomed", "--will-topic", "will/doomed", "--will-payload", "killed", *options)
    frozen = run.sub(
        "-i", "frozen", "--will-topic", "will/frozen", "--will-payload", "silent", "-k", "5", "-t", "other"
    )
    clean = run.sub("-i", "clean", "--will-topic", "will/clean", "--will-payload", "never seen", "-t", "other")
    time.sleep(0.3)
    run.stop(doomed, signal.SIGKILL)
    run.stop(clean)
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(12)
    frozen.kill()
    run.pub("-i", "sweeper", "-t", "will/doomed", "-n", "-r")
    time.sleep(0.3)
    run.stop(watcher)


@recording("mosquitto-3.1.1-refused.pcap")
def refused(run: Run) -> None:
    """3.1 and 3.1.1 CONNECTs refused: return codes 1, 2 and 5; one accepted."""
    run.mosquitto("listener 1883 127.0.0.1", "allow_anonymous false", run.passwords())
    run.record()
    run.python("raw.py", "refused-3.1.1")


@recording("mosquitto-3.1.1-many-per-segment.pcapng")
def burst(run: Run) -> None:
    """500 small PUBLISH packets, many to a TCP segment, cut by segment ends; acknowledgements in bulk."""
    with run.ethernet():
        run.mosquitto(*OPEN, "max_inflight_messages 0", "max_queued_messages 0")
        run.record()
        run.node("burst")


@recording("mosquitto-3.1.1-few-bytes-a-segment.pcap")
def slow(run: Run) -> None:
    """A client that writes 1 to 7 bytes at a time: every control packet over many segments."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("raw.py", "slow")


@recording("mosquitto-bridge.pcap")
def bridge(run: Run) -> None:
    """Two brokers bridged three times: 3.1 and 3.1.1 with the bridge bit (levels 0x83, 0x84), and 5.0."""
    run.mosquitto(*OPEN, name="centre")
    run.record(1883, 21884)
    lines = ["listener 21884 127.0.0.1", "allow_anonymous true"]
    for name, version in (("v31", "mqttv31"), ("v311", "mqttv311"), ("v5", "mqttv50")):
        lines += [
            f"connection {name}",
            "address 127.0.0.1:1883",
            f"bridge_protocol_version {version}",
            f"remote_clientid bridge-{name}",
            f"local_clientid local-{name}",
            "try_private true",
            "keepalive_interval 5",
            "restart_timeout 1",
            f"topic # both 2 {name}/ edge/{name}/",
        ]
    edge = run.mosquitto(*lines, name="edge", ports=(21884,))
    time.sleep(2)
    watcher = run.sub("-i", "watcher", "-t", "edge/#", "-q", "2")
    for qos, name in enumerate(("v31", "v311", "v5")):
        run.pub(
            "-i",
            "sensor",
            "-p",
            "21884",
            "-t",
            f"{name}/up",
            "-m",
            f"from the edge over {name}",
            "-q",
            str(qos),
        )
        run.pub("-i", "boss", "-t", f"edge/{name}/down", "-m", f"from the centre over {name}", "-q", str(qos))
    time.sleep(6)
    run.stop(watcher)
    run.stop(edge)
    time.sleep(0.3)


@recording("mosquitto-3.1.1-ipv6-port-21883.pcapng")
def ipv6(run: Run) -> None:
    """3.1.1 on ::1, port 21883: MQTT where no port number says so."""
    run.mosquitto("listener 21883 ::1", "allow_anonymous true", ports=(21883,))
    run.record(21883)
    run.python("paho_311.py", "simple", MQTT_HOST="::1", MQTT_PORT="21883")


@recording("mosquitto-3.1.1-nanoseconds.pcap")
def nanoseconds(run: Run) -> None:
    """pcap with nanosecond timestamps."""
    run.mosquitto(*OPEN)
    run.record(nanoseconds=True)
    run.python("paho_311.py", "simple")


@recording("mosquitto-3.1.1-any-sll.pcap")
def any_sll(run: Run) -> None:
    """Recorded on `-i any`: Linux cooked capture v1."""
    run.mosquitto(*OPEN)
    run.record(link="LINUX_SLL")
    run.python("paho_311.py", "simple")


@recording("mosquitto-3.1.1-any-sll2.pcap")
def any_sll2(run: Run) -> None:
    """Recorded on `-i any`: Linux cooked capture v2."""
    run.mosquitto(*OPEN)
    run.record(link="LINUX_SLL2")
    run.python("paho_311.py", "simple")


@recording("mosquitto-3.1.1-snaplen-120.pcap")
def snaplen(run: Run) -> None:
    """Recorded with a snap length of 120 bytes: the longer frames are cut off."""
    run.mosquitto(*OPEN)
    run.record(snap=120)
    run.python("paho_311.py", "simple")


@recording("mosquitto-joined-midway.pcap")
def joined(run: Run) -> None:
    """Begins after both CONNECTs (a 3.1.1 reader, a 5.0 writer): the version is nowhere on the wire."""
    run.mosquitto(*OPEN)
    client = run.spawn(run.cache / "venv/bin/python", SCENARIOS / "paho_311.py", "joined")
    assert client.stdout is not None and client.stdin is not None
    client.stdout.readline()
    run.record()
    client.stdin.write("go\n")
    client.stdin.close()
    if client.wait(60):
        raise RecordingError(client.stdout.read())


@recording("mosquitto-many-clients.pcapng")
def many_clients(run: Run) -> None:
    """36 clients at once: 3.1, 3.1.1, 5.0 by turns, IPv4 and IPv6 by turns, some gone without DISCONNECT."""
    run.mosquitto(*OPEN, "listener 1883 ::1")
    run.record()
    run.python("paho_311.py", "many-clients")


@recording("mosquitto-malformed-packets.pcapng")
def malformed(run: Run) -> None:
    """38 connections, one fault each, in 3.1.1 and 5.0; the list is in scenarios/raw.py, in that order."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("raw.py", "malformed")


# mosquitto, MQTT 5.0


@recording("mosquitto-5.0-properties.pcapng")
def properties(run: Run) -> None:
    """5.0 request and response: properties of CONNECT, will, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, DISCONNECT."""
    run.mosquitto("listener 1883 127.0.0.1", "allow_anonymous false", run.passwords())
    run.record()
    run.python("paho_5.py", "properties")


@recording("mosquitto-5.0-broker-limits.pcap")
def limits(run: Run) -> None:
    """CONNACK with the broker's limits; DISCONNECT 0x95, 0x9B, 0x9A, 0x94 for those who pass them."""
    listener = ("listener 1883 127.0.0.1", "max_qos 1", "max_topic_alias 4", "allow_anonymous true")
    limit = ("max_packet_size 2048", "max_keepalive 30", "retain_available false", "max_inflight_messages 5")
    run.mosquitto(*listener, *limit)
    run.record()
    run.python("paho_5.py", "limits")


@recording("mosquitto-5.0-wills.pcapng")
def wills(run: Run) -> None:
    """Will properties; Will Delay Interval waited out, or cancelled by coming back; DISCONNECT 0x04."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("paho_5.py", "wills")


@recording("mosquitto-5.0-auth.pcapng")
def auth(run: Run) -> None:
    """AUTH both ways (method X-REVERSE of a plugin), re-authentication, refusals 0x87 and 0x8C."""
    plugin = run.folder / "auth_plugin.so"
    run.call("gcc", "-Wall", "-shared", "-fPIC", "-o", plugin, SCENARIOS / "auth_plugin.c")
    run.mosquitto(*OPEN, f"plugin {plugin}")
    run.record()
    run.node("auth")


@recording("mosquitto-5.0-refused.pcap")
def refused_5(run: Run) -> None:
    """5.0 CONNECTs refused with reason codes, one accepted."""
    limit = ("max_qos 1", "retain_available false")
    run.mosquitto("listener 1883 127.0.0.1", "allow_anonymous false", *limit, run.passwords())
    run.record()
    run.python("raw.py", "refused-5.0")


@recording("mosquitto-5.0-subscriptions.pcapng")
def subscriptions(run: Run) -> None:
    """All subscription options, Subscription Identifiers (also several), shared ones, UNSUBACK 0x11."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("paho_5.py", "options")


@recording("mosquitto-5.0-topic-aliases.pcap")
def aliases(run: Run) -> None:
    """Topic aliases set, used and set anew by the client; an unknown one and the DISCONNECT that follows."""
    run.mosquitto(*OPEN)
    run.record()
    run.python("paho_5.py", "aliases")


@recording("mosquitto-5.0-large-messages.pcapng")
def large(run: Run) -> None:
    """A PUBLISH of 300 KB (QoS 1, JSON) and one of 120 KB (QoS 2, binary), each to the broker and back."""
    with run.ethernet():
        run.mosquitto(*OPEN)
        run.record()
        run.python("paho_5.py", "large")


@recording("mosquitto-5.0-lossy-link.pcap")
def lossy(run: Run) -> None:
    """A link that drops packets: gaps, retransmissions, segments out of order."""
    with run.ethernet("tbf", "rate", "20mbit", "burst", "3000", "limit", "9000"):
        run.mosquitto(*OPEN)
        run.record()
        run.python("paho_5.py", "lossy")


@recording("mosquitto-5.0-tls.pcapng")
def tls(run: Run) -> None:
    """TLS 1.3 and 1.2 on port 8883; the keys are in the file (Decryption Secrets Block)."""
    subject = [
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost",
    ]
    run.call("openssl", "req", "-x509", "-days", "3650", *subject, "-keyout", "key.pem", "-out", "ca.pem")
    files = (f"cafile {run.folder}/ca.pem", f"certfile {run.folder}/ca.pem", f"keyfile {run.folder}/key.pem")
    secured = ("listener 8883 127.0.0.1", "allow_anonymous false", *files, run.passwords())
    run.mosquitto(*secured, ports=(8883,))
    run.record(8883)
    run.python("paho_5.py", "tls", run.folder, MQTT_PORT="8883")
    run.stop_recording()
    plain = run.folder / "without-keys.pcapng"
    run.capture.rename(plain)
    run.call("editcap", "--inject-secrets", f"tls,{run.folder}/keys.txt", plain, run.capture)


# Other brokers


@recording("rabbitmq-3.1.1-and-3.1.pcap")
def rabbitmq(run: Run) -> None:
    """QoS 2 granted as 1; return code 4; session present; levels 5 and 9 closed without a CONNACK."""
    run.rabbitmq()
    run.record()
    run.python("paho_311.py", "rabbitmq")
    run.python("raw.py", "level-5")


@recording("aedes-3.1.1-mqttjs.pcapng")
def aedes(run: Run) -> None:
    """QoS 0, 1, 2 both ways, a retained will, PINGREQ; return codes 1, 2, 3 and 4."""
    run.aedes()
    run.record()
    run.node("messages")
    run.python("raw.py", "long-client-id")


@recording("aedes-3.1.1-websocket.pcapng")
def websocket(run: Run) -> None:
    """WebSocket on port 9001, the same scenario; control packets spread over WebSocket messages."""
    run.aedes(websocket=9001)
    run.record(9001)
    run.node("websocket", MQTT_PORT="9001")


@recording("amqtt-3.1.1-port-31883.pcap")
def amqtt(run: Run) -> None:
    """Port 31883: QoS 0, 1, 2, a retained message, a will, session present."""
    run.amqtt(31883)
    run.record(31883)
    run.python("paho_311.py", "amqtt", MQTT_PORT="31883")


@recording("ejabberd-5.0-reason-strings.pcap")
def ejabberd(run: Run) -> None:
    """Reason Strings in PUBACK, PUBREC, DISCONNECT; server properties in CONNACK; 0x90, 0x99, 0x9E."""
    run.ejabberd()
    run.record()
    run.python("paho_5.py", "ejabberd")


@recording("ejabberd-5.0-server-disconnect.pcap")
def server_disconnect(run: Run) -> None:
    """DISCONNECT by the broker: session taken over 0x8E, keep alive timeout 0x8D; at last it is stopped."""
    broker = run.ejabberd()
    run.record()
    frozen = run.sub("-i", "frozen", "-k", "5", "-t", "other", *EJABBERD_ALICE, version="5")
    frozen.send_signal(signal.SIGSTOP)
    client = run.spawn(run.cache / "venv/bin/python", SCENARIOS / "paho_5.py", "server-disconnect")
    assert client.stdout is not None
    client.stdout.readline()
    time.sleep(11)
    run.stop(broker)
    if client.wait(60):
        raise RecordingError(client.stdout.read())
    frozen.kill()


@recording("mqttools-5.0-qos0-only.pcap")
def mqttools(run: Run) -> None:
    """A broker with QoS 0 only, no wildcards, no shared subscriptions; CONNACK 0x86; DISCONNECT 0x81."""
    run.spawn(run.cache / "venv/bin/mqttools", "broker", "--host", "127.0.0.1", "--port", "1883", log="mqttools.log")
    run.wait_listening(1883)
    run.record()
    run.node("small")


@recording("scripted-5.0-server-properties.pcapng")
def scripted(run: Run) -> None:
    """A scripted server, no broker: all CONNACK properties, aliases to the client, 0x9C, 0x9D."""
    run.spawn(
        "node",
        SCENARIOS / "broker_scripted.mjs",
        env={**run.node_env(), "MQTT_PORT": "1883"},
        log="server.log",
    )
    run.wait_listening(1883)
    run.record()
    run.node("scripted")


# The same client with four brokers: docs/differences.md tells of what `diff` finds between these


@recording("survey-mosquitto.pcap")
def survey_mosquitto(run: Run) -> None:
    """The same client with four brokers, here mosquitto: every QoS, retained, a will, a session."""
    run.mosquitto("listener 1883 127.0.0.1", "allow_anonymous false", run.passwords())
    survey(run)


@recording("survey-rabbitmq.pcap")
def survey_rabbitmq(run: Run) -> None:
    """The same with RabbitMQ."""
    run.rabbitmq()
    survey(run)


@recording("survey-aedes.pcap")
def survey_aedes(run: Run) -> None:
    """The same with aedes."""
    run.aedes()
    survey(run)


@recording("survey-amqtt.pcap")
def survey_amqtt(run: Run) -> None:
    """The same with aMQTT."""
    run.amqtt(1883)
    survey(run)


def survey(run: Run) -> None:
    run.record()
    run.python("paho_brokers.py", "survey")


# The command


def prepare(cache: Path) -> None:
    """Puts the PyPI and npm programs into the cache folder, once."""
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    if missing:
        raise click.ClickException(f"Debian packages needed: {', '.join(sorted(missing))}")
    if not (cache / "venv/done").exists():
        venv.create(cache / "venv", with_pip=True, clear=True)
        subprocess.run([cache / "venv/bin/pip", "install", "-q", *PYTHON_PACKAGES], check=True)
        (cache / "venv/done").touch()
    if not (cache / "npm/done").exists():
        (cache / "npm").mkdir(exist_ok=True)
        (cache / "npm/package.json").write_text("{}\n")
        subprocess.run(["npm", "install", "--silent", *NODE_PACKAGES], check=True, cwd=cache / "npm")
        (cache / "npm/done").touch()


def record(name: str, cache: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mqtt-recording-") as folder:
        run = Run(name, cache, Path(folder))
        try:
            RECORDINGS[name](run)
        except BaseException:
            run.close()
            for log in sorted(Path(folder).glob("*.log")):
                click.echo(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", err=True)
            raise
        run.close()
        if not run.capture.exists():
            raise RecordingError(f"{name} was not written")
        shutil.copyfile(run.capture, out / name)
    types = run_tshark(out / name)
    click.echo(f"{name}: {(out / name).stat().st_size} bytes, {types} MQTT packets on port 1883")


def run_tshark(path: Path) -> int:
    """The number of MQTT packets that tshark finds without being told where."""
    argv = ["tshark", "-n", "-r", str(path), "-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype"]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return len(printed.replace(",", "\n").split())


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="Print the names of the recordings and end.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for the PyPI and npm programs.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=HERE, help="Where recordings go.")
def main(names: tuple[str, ...], listing: bool, cache: Path | None, out: Path) -> None:
    """Makes the recordings NAMES (parts of names will do), or all of them."""
    chosen = [name for name in RECORDINGS if not names or any(part in name for part in names)]
    if listing:
        for name in chosen:
            click.echo(f"{name}: {(RECORDINGS[name].__doc__ or '').strip()}")
        return
    if not chosen:
        raise click.UsageError("no recording has such a name")
    cache = (cache or Path(tempfile.gettempdir(), f"mqttdissect-recording-{os.getuid()}")).resolve()
    if os.geteuid() != 0:
        raise click.ClickException("recording needs root")
    if INSIDE not in os.environ:
        cache.mkdir(parents=True, exist_ok=True)
        prepare(cache)
        argv = ["unshare", "--net", sys.executable, *sys.argv]
        os.execvpe("unshare", argv, {**os.environ, INSIDE: "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in chosen:
        try:
            record(name, cache, out)
        except (RecordingError, OSError, subprocess.SubprocessError, StopIteration) as error:
            click.echo(f"{name}: {error}", err=True)
            failed.append(name)
    if failed:
        raise click.ClickException(f"not recorded: {', '.join(failed)}")


if __name__ == "__main__":
    main()
