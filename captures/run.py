"""One recording while it is made: the brokers, clients and recorders that it starts, and the folder of their files."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

SCENARIOS = Path(__file__).resolve().parent / "scenarios"
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
