"""mosquitto, MQTT 3.1 and 3.1.1."""

from __future__ import annotations

import signal
import time

from run import OPEN, SCENARIOS, RecordingError, Run

from recordings.registry import recording


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
