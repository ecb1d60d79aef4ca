"""`python tests/faults/clean.py [NAME...]`: real brokers and clients, nothing made wrong, and what `check` finds in it.

Exit status 1 if that is anything of severity warning or above which `DEVIATIONS` does not have.

Brokers: mosquitto, RabbitMQ with its MQTT plugin, aedes, aMQTT. Clients: paho-mqtt, mqtt.js, mosquitto_pub and _sub.
Needs the Debian packages mosquitto, mosquitto-clients, rabbitmq-server and nodejs with npm; what comes from PyPI and
npm is put into a cache folder. A broker that is not there is named and left out.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import click

from faults import scenarios
from faults.judge import findings, pairs
from faults.recorder import CLIENT
from faults.scenarios import scenario
from faults.stage import Loop, Scenario, Stage, converse, free_port

HERE = Path(__file__).parent
AEDES = HERE.parent.parent / "captures" / "scenarios" / "broker_aedes.mjs"
LOGIN = ("alice", "wonderland")

# By broker: (rule, party): why; docs/deviations.md tells more
DEVIATIONS: dict[str, dict[tuple[str, str], str]] = {
    "mosquitto": {
        ("delivery-below-granted", "broker"): "2.0.11 takes the QoS of one of several subscriptions that match",
    },
    "rabbitmq": {
        ("acknowledgement-wrong", "broker"): "3.10 answers a PUBLISH of QoS 2 with PUBACK",
        ("identifier-in-use", "broker"): "3.10 counts packet identifiers anew on each connection",
        ("connack-missing", "broker"): "3.10 closes some connections of a client that comes back at once",
        ("redelivery-without-dup", "broker"): "3.10 so gives a message the identifier of one that looks the same",
        ("delivery-above-granted", "broker"): "3.10 keeps a subscription of QoS 1 beside its renewal with QoS 0",
        ("will-not-published", "broker"): "3.10 loses subscriptions of QoS 0 when a session goes on, and wills",
        ("session-present-wrong", "broker"): "3.10 has a session only where there are subscriptions",
        ("delivery-after-unsubscribe", "broker"): "3.10 keeps subscriptions that an earlier connection has made",
    },
    "aedes": {
        ("redelivery-without-dup", "broker"): "1.2.0 sends again with DUP 0",
        ("redelivery-order", "broker"): "1.2.0 sends again in the order of its store",
        ("pubrel-missing", "broker"): "1.2.0 sends one PUBREL twice in place of another",
        ("acknowledgement-order", "broker"): "1.2.0 sends PUBREL as its store answers",
        ("delivery-above-granted", "broker"): "1.2.0 delivers QoS 2 to a subscription of QoS 1",
        ("delivery-below-granted", "broker"): "1.2.0 takes the QoS of one of several subscriptions that match",
        ("session-present-wrong", "broker"): "1.2.0 has a session only where there are subscriptions",
        ("retain-flag-set", "broker"): "1.2.0 sends what it has queued for a session as it was published",
        ("retained-stale", "broker"): "1.2.0 so sends a message that deletes a retained one",
        ("redelivery-missing", "broker"): "1.2.0 does not send every PUBREL again",
        ("identifier-in-use", "broker"): "1.2.0 gives a message the identifier of one that is under way",
    },
    "amqtt": {
        ("delivery-above-granted", "broker"): "0.12.1 delivers with the QoS of the subscription",
        ("delivery-below-granted", "broker"): "0.12.1 delivers with the QoS of the subscription",
        (
            "delivery-unsubscribed",
            "broker",
        ): "0.12.1 sends retained messages to whoever connects",
        ("delivered-twice", "broker"): "0.12.1 keeps the subscriptions of a Clean Session connection",
        ("delivery-after-unsubscribe", "broker"): "0.12.1 so has several of a filter, of which UNSUBSCRIBE takes one",
        ("session-present-wrong", "broker"): "0.12.1 keeps the session of a Clean Session connection",
        ("suback-missing", "broker"): "0.12.1 stops to answer under load",
        ("unsuback-missing", "broker"): "0.12.1 stops to answer under load",
        ("retain-flag-set", "broker"): "0.12.1 sends retained messages again to whoever has subscribed already",
        ("retained-stale", "broker"): "0.12.1 does not delete every retained message under load",
        ("will-changed", "broker"): "0.12.1 delivers with the QoS of the subscription",
        ("will-not-published", "broker"): "0.12.1 does not deliver all wills under load",
        ("slow-answer", "broker"): "0.12.1 answers late under load",
        ("redelivery-missing", "broker"): "0.12.1 does not send unacknowledged messages again",
        ("delivery-missing", "broker"): "0.12.1 does not deliver to a session what came while its client was away",
        ("takeover-not-closed", "broker"): "0.12.1 leaves the older connection of a client identifier open",
    },
}


@dataclass
class Broker:
    """versions: that it knows. login: does it want one? start: gets a folder, a port and the cache."""

    name: str
    versions: tuple[int, ...]
    start: Callable[[Path, int, Path], list[subprocess.Popen[bytes]]]
    login: bool = False


def spawn(folder: Path, name: str, *argv: str | Path, **env: str) -> subprocess.Popen[bytes]:
    """A program in the background, its output in a file."""
    with open(folder / f"{name}.log", "ab") as log:
        return subprocess.Popen(
            [str(one) for one in argv], stdout=log, stderr=log, cwd=folder, env={**os.environ, **env},
            start_new_session=True,
        )  # fmt: skip


def mosquitto(folder: Path, port: int, cache: Path) -> list[subprocess.Popen[bytes]]:
    """Debian's."""
    (folder / "mosquitto.conf").write_text(f"user root\nlistener {port} 127.0.0.1\nallow_anonymous true\n")
    return [spawn(folder, "mosquitto", "/usr/sbin/mosquitto", "-c", folder / "mosquitto.conf")]


def rabbitmq(folder: Path, port: int, cache: Path) -> list[subprocess.Popen[bytes]]:
    """Debian's, with the plugin that comes with it; all its files in the folder."""
    epmd = free_port()
    (folder / "plugins").write_text("[rabbitmq_mqtt].\n")
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp = none\nmqtt.listeners.tcp.1 = 127.0.0.1:{port}\nmqtt.allow_anonymous = false\n"
        f"default_user = {LOGIN[0]}\ndefault_pass = {LOGIN[1]}\n"
    )
    server = next(Path("/usr/lib/rabbitmq/lib").glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    first = spawn(folder, "epmd", "epmd", "-address", "127.0.0.1", "-port", str(epmd))
    return [
        first,
        spawn(
            folder, "rabbitmq", server, HOME=str(folder), ERL_EPMD_PORT=str(epmd), ERL_EPMD_ADDRESS="127.0.0.1",
            RABBITMQ_NODENAME="rabbit@localhost", RABBITMQ_CONFIG_FILE=str(folder / "rabbitmq.conf"),
            RABBITMQ_CONF_ENV_FILE=str(folder / "none"), RABBITMQ_MNESIA_BASE=str(folder / "mnesia"),
            RABBITMQ_LOG_BASE=str(folder), RABBITMQ_ENABLED_PLUGINS_FILE=str(folder / "plugins"),
            RABBITMQ_DIST_PORT=str(free_port()),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
        ),
    ]  # fmt: skip


def aedes(folder: Path, port: int, cache: Path) -> list[subprocess.Popen[bytes]]:
    """npm's."""
    return [spawn(folder, "aedes", "node", AEDES, MQTT_PORT=str(port), NODE_MODULES_OF=str(cache / "npm/package.json"))]


def amqtt(folder: Path, port: int, cache: Path) -> list[subprocess.Popen[bytes]]:
    """PyPI's."""
    (folder / "amqtt.yml").write_text(
        f"listeners: {{default: {{type: tcp, bind: '127.0.0.1:{port}'}}}}\n"
        "plugins:\n  amqtt.plugins.authentication.AnonymousAuthPlugin: {allow_anonymous: true}\n"
    )
    return [spawn(folder, "amqtt", cache / "venv/bin/amqtt", "-c", folder / "amqtt.yml")]


BROKERS = (
    Broker("mosquitto", (3, 4, 5), mosquitto),
    Broker("rabbitmq", (3, 4), rabbitmq, True),
    Broker("aedes", (3, 4), aedes),
    Broker("amqtt", (4,), amqtt),
)

# Clients: each plays a conversation of a version, through the proxy

PAHO: list[tuple[str, Scenario, tuple[int, ...]]] = [
    ("messages", scenarios.messages, (3, 4, 5)),
    ("deliver", scenario(scenarios.deliver, 2, rest=1.5), (3, 4, 5)),
    ("stream QoS 0", scenario(scenarios.stream, 0, 40), (3, 4, 5)),
    ("stream QoS 1", scenario(scenarios.stream, 1, 40), (3, 4, 5)),
    ("stream QoS 2", scenario(scenarios.stream, 2, 40), (3, 4, 5)),
    ("unsubscribed", scenarios.unsubscribed, (3, 4, 5)),
    ("retained", scenario(scenarios.retained, rest=2.5, before=1.2), (3, 4, 5)),
    ("session", scenarios.session, (3, 4, 5)),
    ("unread", scenarios.unread, (3, 4, 5)),
    ("idle", scenario(scenarios.idle, 1, 5), (3, 4, 5)),
    ("will", scenarios.will, (3, 4, 5)),
    ("polite will", scenario(scenarios.will, polite=True), (3, 4, 5)),
    ("twins", scenarios.twins, (3, 4, 5)),
    ("nameless", scenarios.nameless, (4, 5)),
    ("overlapping", scenario(scenarios.deliver, 1, filters=("d/#", "d/+")), (3, 4, 5)),
    ("shared", scenarios.shared, (5,)),
    ("to itself", scenarios.to_itself, (5,)),
    ("identifiers", scenario(scenarios.deliver, 1, options={}), (5,)),
    ("properties", scenario(scenarios.deliver, 1, publish={"UserProperty": ("k", "v"), "ContentType": "x"}), (5,)),
    ("crowd", scenario(scenarios.crowd, 1, 6, 3.0), (3, 4, 5)),
    ("another crowd", scenario(scenarios.crowd, 2, 6, 3.0), (3, 4, 5)),
    ("late will", scenario(scenarios.will, session=60, seconds=3, WillDelayInterval=1), (5,)),
]


def paho(broker: Broker, version: int, port: int, loop: Loop, cache: Path) -> list[tuple[str, bytes]]:
    """The scenarios of this folder."""
    captures = []
    for index, (name, one, versions) in enumerate(PAHO):
        if version in versions:
            serial = f"p{broker.name[:2]}{version}{index}"
            login = LOGIN if broker.login else None
            captures.append((name, converse(loop, port, one, serial, version, None, CLIENT, login=login, lenient=True)))
    return captures


def mqttjs(broker: Broker, version: int, port: int, loop: Loop, cache: Path) -> list[tuple[str, bytes]]:
    """`mqttjs.mjs`."""

    def play(stage: Stage) -> None:
        env = {"MQTT_PORT": str(stage.proxy.port), "NODE_MODULES_OF": str(cache / "npm/package.json")}
        if broker.login:
            env |= {"MQTT_USER": LOGIN[0], "MQTT_PASSWORD": LOGIN[1]}
        argv = ["node", str(HERE / "mqttjs.mjs"), str(version), stage.serial]
        done = subprocess.run(argv, env={**os.environ, **env}, timeout=60, capture_output=True, text=True)
        if done.returncode:
            click.echo(f"      mqtt.js: {done.stderr.strip()[-300:]}")

    return [("conversation", converse(loop, port, play, f"j{broker.name[:2]}{version}", version, None, CLIENT))]


def mosquitto_clients(broker: Broker, version: int, port: int, loop: Loop, cache: Path) -> list[tuple[str, bytes]]:
    """mosquitto_pub and mosquitto_sub."""

    def play(stage: Stage) -> None:
        common = [
            "-p",
            str(stage.proxy.port),
            "-h",
            "127.0.0.1",
            "-V",
            {3: "mqttv31", 4: "mqttv311", 5: "mqttv5"}[version],
        ]
        common += ["-u", LOGIN[0], "-P", LOGIN[1]] if broker.login else []
        topic = stage.topic
        argv = ["mosquitto_sub", *common, "-i", "reader-m", "-q", "2", "-t", topic("#"), "-C", "8", "-W", "8"]
        reader = subprocess.Popen([*argv, "-k", "5"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)

        def pub(name: str, *more: str) -> None:
            subprocess.run(["mosquitto_pub", *common, "-t", topic(name), *more], timeout=20, capture_output=True)

        for qos in ("0", "1", "2"):
            pub("m", "-q", qos, "-m", f"QoS {qos}")
        pub("kept", "-q", "1", "-r", "-m", "kept")
        lines = subprocess.run(
            ["mosquitto_pub", *common, "-t", topic("lines"), "-q", "1", "-l"], input=b"1\n2\n3\n", timeout=20,
        )  # fmt: skip
        assert lines.returncode == 0
        time.sleep(1.2)
        late = ["mosquitto_sub", *common, "-t", topic("kept"), "-q", "1", "-C", "2", "-W", "3"]
        subprocess.run(late, timeout=20, capture_output=True)
        doomed = [
            "mosquitto_sub",
            *common,
            "-t",
            topic("none"),
            "--will-topic",
            topic("will"),
            "--will-payload",
            "gone",
        ]
        owner = subprocess.Popen(doomed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.4)
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        reader.wait(20)
        pub("kept", "-q", "1", "-r", "-n")

    return [("conversation", converse(loop, port, play, f"m{broker.name[:2]}{version}", version, None, CLIENT))]


CLIENTS: dict[str, Callable[[Broker, int, int, Loop, Path], list[tuple[str, bytes]]]] = {
    "paho-mqtt": paho,
    "mqtt.js": mqttjs,
    "mosquitto_pub/sub": mosquitto_clients,
}
NAMES = {3: "3.1", 4: "3.1.1", 5: "5.0"}


def prepare(cache: Path) -> None:
    """What comes from PyPI and npm, once."""
    cache.mkdir(parents=True, exist_ok=True)
    if not (cache / "venv/bin/amqtt").exists():
        venv.create(cache / "venv", with_pip=True, clear=True)
        subprocess.run([cache / "venv/bin/pip", "install", "-q", "amqtt"], check=True)
    if not (cache / "npm/node_modules/aedes").exists():
        (cache / "npm").mkdir(exist_ok=True)
        (cache / "npm/package.json").write_text("{}\n")
        subprocess.run(["npm", "install", "--silent", "mqtt", "aedes", "ws"], check=True, cwd=cache / "npm")


def listens(port: int, seconds: float = 60) -> bool:
    """Does anything listen on the port, within so many seconds?"""
    wanted = f":{port:04X}"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        if any(line[1].endswith(wanted) and line[3] == "0A" for line in lines):
            return True
        time.sleep(0.1)
    return False


def stop(process: subprocess.Popen[bytes]) -> None:
    """It and those that it has started: they are a session of their own."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, sig)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                continue


@click.command()
@click.argument("names", nargs=-1)
@click.option("--cache", type=click.Path(path_type=Path), help="folder for what comes from PyPI and npm")
@click.option("--crowds", type=click.IntRange(0), default=0, help="so many more crowds for each version")
@click.option("-w", "out", type=click.Path(file_okay=False, path_type=Path), help="write the captures there")
def main(names: tuple[str, ...], cache: Path | None, crowds: int, out: Path | None) -> None:
    """Play conversations without a fault between real brokers and clients (NAMES: parts of their names)."""
    for seed in range(100, 100 + crowds):
        PAHO.append((f"crowd {seed}", scenario(scenarios.crowd, seed, 6, 3.0), (3, 4, 5)))
    cache = (cache or Path(tempfile.gettempdir(), f"mqttdissect-clean-{os.getuid()}")).resolve()
    prepare(cache)
    loop = Loop()
    bad = total = 0
    for broker in BROKERS:
        if names and not any(one in broker.name for one in names):
            continue
        with tempfile.TemporaryDirectory(prefix="mqtt-clean-") as folder:
            port = free_port()
            processes: list[subprocess.Popen[bytes]] = []
            try:
                processes = broker.start(Path(folder), port, cache)
                if not listens(port):
                    click.echo(f"{broker.name}: does not start")
                    bad += 1
                    continue
                time.sleep(1)
                for client, play in CLIENTS.items():
                    for version in broker.versions:
                        for name, capture in play(broker, version, port, loop, cache):
                            total += 1
                            bad += tell(broker, client, version, name, capture, out)
            except (OSError, StopIteration) as error:
                click.echo(f"{broker.name}: left out, {error!r}")
            finally:
                for process in reversed(processes):
                    stop(process)
    loop.close()
    click.echo(f"{total} conversations, {bad} with findings that nobody knows of")
    sys.exit(1 if bad else 0)


def tell(broker: Broker, client: str, version: int, name: str, capture: bytes, out: Path | None) -> int:
    """Print what was found in a conversation; 1 if it is more than is known."""
    if out is not None:
        out.mkdir(exist_ok=True)
        label = f"{broker.name}-{client.replace('/', '+')}-{NAMES[version]}-{name.replace(' ', '-')}"
        (out / f"{label}.pcap").write_bytes(capture)
    found = findings(capture)
    known = DEVIATIONS[broker.name]
    got = pairs(found)
    unknown = got - set(known)
    mark = "!!" if unknown else "ok"
    click.echo(f"{mark} {broker.name} {client} {NAMES[version]} {name}: {len(capture)} bytes, {len(got)} deviations")
    for pair in sorted(got):
        same = [one for one in found if (one.rule.id, one.fault) == pair]
        why = known.get(pair, "unknown")
        click.echo(f"      {len(same)} {pair[0]} ({pair[1]}), first in frame {same[0].frame}: {same[0].what}  [{why}]")
    return 1 if unknown else 0


if __name__ == "__main__":
    main()
