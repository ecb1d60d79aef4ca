"""Control packets built by hand and sent over a plain socket, for what no client library would send."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable

HOST = os.environ.get("MQTT_HOST", "127.0.0.1")
PORT = int(os.environ.get("MQTT_PORT", "1883"))


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + varint(len(body)) + body


def connect(
    client_id: str | bytes,
    level: int = 4,
    flags: int = 0x02,
    name: str = "MQTT",
    properties: bytes = b"",
    rest: bytes = b"",
    keepalive: int = 60,
) -> bytes:
    middle = varint(len(properties)) + properties if level & 0x7F >= 5 else b""
    body = text(name) + bytes([level, flags]) + keepalive.to_bytes(2, "big") + middle + text(client_id) + rest
    return packet(0x10, body)


def talk(*pieces: bytes, wait: float = 0.4) -> bytes:
    """Opens a connection, sends each piece when the broker is silent, and returns all that it said."""
    heard = b""
    with socket.create_connection((HOST, PORT), timeout=wait) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            try:
                sock.sendall(piece)
                while data := sock.recv(65536):
                    heard += data
                break
            except TimeoutError:
                continue
            except OSError as error:
                print(f"  {error}")
                break
    print("  heard", heard.hex(" "))
    return heard


def malformed() -> None:
    """Each fault on its own connection, first in 3.1.1, then in 5.0; what precedes the fault is sound."""
    hello = connect("raw-client")
    hello5 = connect("raw-client", level=5)
    faults: list[tuple[str, bytes, bytes]] = [
        ("SUBSCRIBE with reserved flags 0000", hello, packet(0x80, b"\x00\x01" + text("a/b") + b"\x00")),
        ("PUBREL with reserved flags 0000", hello, packet(0x60, b"\x00\x01")),
        ("PINGREQ with reserved flags 1111", hello, b"\xcf\x00"),
        ("PUBLISH with QoS 3", hello, packet(0x36, text("a/b") + b"\x00\x01hello")),
        ("PUBLISH with DUP 1 and QoS 0", hello, packet(0x38, text("a/b") + b"hello")),
        ("PUBLISH with an overlong UTF-8 topic", hello, packet(0x30, text(b"a/\xc0\xaf") + b"hello")),
        ("PUBLISH with a surrogate in the topic", hello, packet(0x30, text(b"a/\xed\xa0\x80") + b"hello")),
        ("PUBLISH with U+0000 in the topic", hello, packet(0x30, text(b"a/\x00b") + b"hello")),
        ("PUBLISH with a wildcard topic", hello, packet(0x30, text("a/#") + b"hello")),
        ("PUBLISH with packet identifier 0", hello, packet(0x32, text("a/b") + b"\x00\x00hello")),
        ("PUBLISH whose topic is longer than the packet", hello, packet(0x30, b"\x00\xffa/b")),
        ("Remaining Length of five bytes", hello, b"\x30\xff\xff\xff\xff\x01" + b"hello"),
        ("SUBSCRIBE without a topic filter", hello, packet(0x82, b"\x00\x01")),
        ("SUBSCRIBE with QoS 3", hello, packet(0x82, b"\x00\x01" + text("a/b") + b"\x03")),
        ("SUBSCRIBE with filter a/#/b", hello, packet(0x82, b"\x00\x01" + text("a/#/b") + b"\x00")),
        ("packet type 0", hello, b"\x00\x00"),
        ("packet type 15 (AUTH) in 3.1.1", hello, b"\xf0\x00"),
        ("second CONNECT", hello, hello),
        ("CONNACK sent by the client", hello, b"\x20\x02\x00\x00"),
        ("CONNECT with the reserved flag", b"", connect("raw-client", flags=0x03)),
        ("CONNECT with will QoS 3", b"", connect("raw-client", flags=0x1E, rest=text("w") + text("bye"))),
        ("CONNECT that breaks off", b"", connect("raw-client")[:14]),
        ("CONNECT with protocol name MQTX", b"", connect("raw-client", name="MQTX")),
        ("PUBLISH before CONNECT", b"", packet(0x30, text("a/b") + b"hello")),
        ("PINGREQ with a body", hello, b"\xc0\x01\x00"),
        ("5.0 unknown property 0x7F", hello5, packet(0x30, text("a/b") + b"\x02\x7f\x00" + b"hello")),
        ("5.0 property of another packet", hello5, packet(0x30, text("a/b") + b"\x03\x21\x00\x05hello")),
        (
            "5.0 Payload Format Indicator twice",
            hello5,
            packet(0x30, text("a/b") + b"\x04\x01\x01\x01\x01hello"),
        ),
        ("5.0 Payload Format Indicator 2", hello5, packet(0x30, text("a/b") + b"\x02\x01\x02hello")),
        ("5.0 Topic Alias 0", hello5, packet(0x30, text("a/b") + b"\x03\x23\x00\x00hello")),
        ("5.0 empty topic without alias", hello5, packet(0x30, text("") + b"\x00hello")),
        ("5.0 Property Length past the end", hello5, packet(0x30, text("a/b") + b"\x7fhello")),
        (
            "5.0 Subscription Identifier 0",
            hello5,
            packet(0x82, b"\x00\x01\x02\x0b\x00" + text("a/b") + b"\x00"),
        ),
        (
            "5.0 SUBSCRIBE with reserved options",
            hello5,
            packet(0x82, b"\x00\x01\x00" + text("a/b") + b"\xc0"),
        ),
        ("5.0 Retain Handling 3", hello5, packet(0x82, b"\x00\x01\x00" + text("a/b") + b"\x30")),
        ("5.0 AUTH without an Authentication Method", hello5, b"\xf0\x00"),
        ("5.0 Receive Maximum 0", b"", connect("raw-client", level=5, properties=b"\x21\x00\x00")),
        (
            "5.0 User Property with bad UTF-8",
            hello5,
            packet(0x30, text("a/b") + b"\x08\x26\x00\x01k\x00\x02\xff\xfehi"),
        ),
    ]
    for what, first, fault in faults:
        print(what)
        talk(*([first] if first else []), fault)


def refused_311() -> None:
    """CONNECTs that a broker without anonymous access refuses, each in the way that its version has."""
    login = text("alice") + text("wonderland")
    wrong = text("alice") + text("queen-of-hearts")
    print("bad password")
    talk(connect("refused-1", flags=0xC2, rest=wrong))
    print("no user name")
    talk(connect("refused-2"))
    print("protocol level 9")
    talk(connect("refused-3", level=9, flags=0xC2, rest=login))
    print("empty client identifier with clean session 0")
    talk(connect("", flags=0xC0, rest=login))
    print("3.1: empty client identifier")
    talk(connect("", level=3, name="MQIsdp", flags=0xC2, rest=login))
    print("3.1: bad password")
    talk(connect("refused-4", level=3, name="MQIsdp", flags=0xC2, rest=wrong))
    print("accepted")
    talk(connect("welcome", flags=0xC2, rest=login), b"\xe0\x00")


def refused_5() -> None:
    """The same in 5.0, plus an Authentication Method that the broker does not have."""
    login = text("alice") + text("wonderland")
    wrong = text("alice") + text("queen-of-hearts")
    print("bad password")
    talk(connect("refused-1", level=5, flags=0xC2, rest=wrong))
    print("no user name")
    talk(connect("refused-2", level=5))
    print("protocol level 6")
    talk(connect("refused-3", level=6, flags=0xC2, rest=login))
    print("Authentication Method that is not there")
    method = b"\x15" + text("SCRAM-SHA-256") + b"\x16" + text("n,,n=alice,r=fyko+d2lbbFgONRv9qkxdawL")
    talk(connect("refused-4", level=5, properties=method))
    print("will with QoS 2 where the broker allows 1")
    will = b"\x00" + text("will/refused") + text("bye")
    talk(connect("refused-5", level=5, flags=0xD6, rest=will + login))
    print("will retained where the broker keeps nothing")
    talk(connect("refused-6", level=5, flags=0xE6, rest=will + login))
    print("accepted")
    talk(connect("welcome", level=5, flags=0xC2, rest=login), b"\xe0\x00")


def long_client_id() -> None:
    """3.1 allows 23 bytes in a client identifier; aedes holds clients to it."""
    talk(connect("a-client-identifier-of-more-than-23-bytes", level=3, name="MQIsdp"))
    talk(connect("level-5-refused", level=5))
    talk(connect("bad-login", flags=0xC2, rest=text("alice") + text("queen-of-hearts")))
    talk(connect("asleep", flags=0xC2, rest=text("dormouse") + text("wonderland")))


def level_5() -> None:
    """5.0 to a broker that does not know it."""
    login = text("alice") + text("wonderland")
    talk(connect("rabbit-5", level=5, flags=0xC2, rest=login), wait=2)
    print("level 9, laid out as in 3.1.1")
    talk(connect("rabbit-9", level=4, flags=0xC2, rest=login).replace(b"MQTT\x04", b"MQTT\x09"), wait=2)


def redelivery() -> None:
    """Connections that end inside a QoS 1 or 2 handshake, from both sides; each `talk` is one connection."""
    hello = connect("forgetful", flags=0x00)
    subscribe = packet(0x82, b"\x00\x01" + text("again/#") + b"\x02")
    talk(hello, subscribe)
    print("PUBLISH from the client, its answers never read by the session")
    talk(
        hello,
        packet(0x32, text("other/1") + b"\x00\x0aonce"),
        packet(0x34, text("other/2") + b"\x00\x0btwice"),
    )
    print("the same again with DUP, then PUBREL, then PUBREL again")
    again = packet(0x3A, text("other/1") + b"\x00\x0aonce") + packet(0x3C, text("other/2") + b"\x00\x0btwice")
    talk(hello, again, packet(0x62, b"\x00\x0b"))
    talk(hello, packet(0x62, b"\x00\x0b"))
    print("messages for the session, never acknowledged")
    messages = packet(0x32, text("again/1") + b"\x00\x14one") + packet(0x34, text("again/2") + b"\x00\x15two")
    talk(hello, messages + packet(0x62, b"\x00\x15"))
    print("delivered again with DUP; acknowledged as far as PUBREC")
    heard = talk(hello)
    ids = dict(publishes(heard))
    talk(hello, packet(0x40, ids[1]) + packet(0x50, ids[2]))
    print("PUBREL again, PUBCOMP at last")
    talk(hello, packet(0x70, ids[2]), b"\xe0\x00")
    talk(connect("forgetful"), b"\xe0\x00")


def publishes(stream: bytes) -> list[tuple[int, bytes]]:
    """QoS and packet identifier of every PUBLISH with one in a stream of short packets."""
    found = []
    while stream:
        first, length, body, stream = stream[0], stream[1], stream[2 : 2 + stream[1]], stream[2 + stream[1] :]
        qos = first >> 1 & 3
        if first >> 4 == 3 and qos and length:
            end = 2 + int.from_bytes(body[:2], "big")
            found.append((qos, body[end : end + 2]))
    return found


def slow() -> None:
    """A client that writes a few bytes at a time: control packets cut anywhere, several segments each."""
    sock = socket.create_connection((HOST, PORT), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = (
        connect("slow-client")
        + packet(0x82, b"\x00\x01" + text("slow/#") + b"\x01")
        + packet(0x32, text("slow/motion") + b"\x00\x02" + b"a payload that arrives in pieces " * 5)
        + b"\xc0\x00"
    )
    step = 1
    while stream:
        sock.sendall(stream[:step])
        stream = stream[step:]
        step = step % 7 + 1
        time.sleep(0.01)
    time.sleep(0.3)
    sock.sendall(packet(0x40, b"\x00\x01") + b"\xe0\x00")
    time.sleep(0.2)
    sock.close()


SCENARIOS: dict[str, Callable[[], None]] = {
    "malformed": malformed,
    "refused-3.1.1": refused_311,
    "refused-5.0": refused_5,
    "long-client-id": long_client_id,
    "level-5": level_5,
    "redelivery": redelivery,
    "slow": slow,
}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]]()
