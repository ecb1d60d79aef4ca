"""Other brokers; and the same client with four of them, which `docs/differences.md` tells of."""

from __future__ import annotations

import signal
import time

from run import SCENARIOS, RecordingError, Run

from recordings.registry import recording

EJABBERD_ALICE = ("-u", "alice@localhost", "-P", "wonderland")


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
