"""mosquitto, MQTT 5.0."""

from __future__ import annotations

from run import OPEN, SCENARIOS, Run

from recordings.registry import recording


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
