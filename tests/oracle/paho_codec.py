"""Random packets, encoded by paho-mqtt: by a client whose socket is a list of bytes; from paho's parts of packets.

Each comes with its description (see `expectation`). What paho does not do as the standard has it:

- it refuses a Maximum Packet Size above 268435455, the largest packet there can be; the standard (3.1.2.11.4) has no
  such limit, so mqtt-packet tests the rest of the range;
- it leaves out a password without a user name, which MQTT 5.0 allows (3.1.2.9);
- its PUBREL never has DUP, which MQTT 3.1 wants for one that is sent again (3.1, section 2.1);
- it sends acknowledgements without reason code and properties only: those of MQTT 5.0 with them are put together here
  from paho's parts, as is what only a server sends.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import support
from oracle.expectation import TYPES, Description
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

Encoded = tuple[bytes, Description]

CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCXYZ0123456789 -_.:$%\"'\\{}äßñπЯשि€中한ｱ☃\u200b\ufffd😀𝄞🏳\U0010fffd"
EDGES = (0, 1, 127, 128, 255, 256, 16383, 16384, 65534, 65535, 2097151, 2097152, 268435455, 4294967295)


class Wire:
    """A socket for paho: what it sends, and what it is to receive."""

    def __init__(self) -> None:
        self.sent = bytearray()
        self.inbox = bytearray()

    def send(self, data: bytes) -> int:
        """Take all of it."""
        self.sent += data
        return len(data)

    def recv(self, count: int) -> bytes:
        """Give what there is."""
        if not self.inbox:
            raise BlockingIOError
        data = bytes(self.inbox[:count])
        del self.inbox[:count]
        return data

    def setblocking(self, flag: bool) -> None:
        """It never blocks."""

    def close(self) -> None:
        """Nothing to close."""


class Session(Client):
    """A paho client at a `Wire`; `took` is all that it sent since the last time one asked."""

    wire: Wire

    def _create_socket(self) -> Wire:  # type: ignore[override]
        self.wire = Wire()
        return self.wire

    def took(self) -> bytes:
        """What it sent."""
        sent = bytes(self.wire.sent)
        self.wire.sent.clear()
        return sent

    def receive(self, data: bytes) -> bytes:
        """Let it receive `data`; what it sent in answer."""
        self.wire.inbox += data
        while self.wire.inbox:
            assert self.loop_read() == 0
        return self.took()


class Chooser:
    """Random values, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def flag(self, share: float = 0.5) -> bool:
        """Yes or no."""
        return self.random.random() < share

    def number(self, low: int, high: int) -> int:
        """A number from low to high, often one where an encoding changes."""
        edge = self.random.choice(EDGES)
        return edge if self.flag(0.3) and low <= edge <= high else self.random.randint(low, high)

    def size(self) -> int:
        """A length, mostly short."""
        kind = self.random.random()
        if kind < 0.12:
            return 0
        if kind < 0.95:
            return self.random.randint(1, 40)
        return self.random.randint(100, 700) if kind < 0.99 else self.random.randint(5000, 16000)

    def text(self, length: int = -1) -> str:
        """Characters of one to four bytes."""
        return "".join(self.random.choices(CHARACTERS, k=self.size() if length < 0 else length))

    def octets(self) -> bytes:
        """Any bytes."""
        return self.random.randbytes(self.size())

    def topic(self) -> str:
        """A topic name."""
        return "/".join(self.text(self.random.randint(0, 12)) for _ in range(self.random.randint(1, 5))) or "/"

    def filter(self) -> str:
        """A topic filter."""
        levels = [
            "+" if self.flag(0.25) else self.text(self.random.randint(1, 9)) for _ in range(self.random.randint(1, 5))
        ]
        return "/".join([*levels, "#"] if self.flag(0.3) else levels)

    def properties(self, kind: int) -> tuple[Properties | None, Description | None]:
        """Properties of paho for this packet type, and what is in them in the order in which paho writes them."""
        if self.flag(0.1):
            return None, None
        made, told = properties_of(kind), {}
        share = self.random.choice([0.0, 0.3, 0.6, 1.0])
        for name, identifier in made.names.items():
            value_type, packets = made.properties[identifier]
            if kind in packets and self.flag(share):
                several = identifier == 38 or (identifier == 11 and kind == PacketTypes.PUBLISH)
                count = self.random.randint(1, 4) if several else 1
                values = [self.value(name, made.types[value_type]) for _ in range(count)]
                for value in values:  # paho adds to what may repeat
                    setattr(made, name.replace(" ", ""), value)
                told[standard_property(name)] = values
        return made, told

    def value(self, name: str, value_type: str) -> object:
        """A legal value of a property, as far as paho takes it."""
        low = 1 if name in ("Receive Maximum", "Topic Alias", "Maximum Packet Size", "Subscription Identifier") else 0
        highest = {
            "Byte": 1, "Two Byte Integer": 0xFFFF, "Four Byte Integer": 0xFFFFFFFF, "Variable Byte Integer": 268435455,
        }  # fmt: skip
        if value_type in highest:
            return self.number(low, 268435455 if name == "Maximum Packet Size" else highest[value_type])
        if value_type == "Binary Data":
            return self.octets()
        if value_type == "UTF-8 String Pair":
            return self.text(), self.text()
        return self.topic() if name == "Response Topic" else self.text()

    def reason(self, kind: int) -> ReasonCode:
        """A reason code of this packet type."""
        return ReasonCode(kind, identifier=self.random.choice([*reason_codes(kind)]))


def properties_of(kind: int) -> Properties:
    """Properties of paho, for a packet type of paho: still empty."""
    return Properties(kind)  # type: ignore[no-untyped-call]


def standard_property(name: str) -> str:
    """The standard's name of a property, run together; paho has one of them wrong (3.2.2.3.12)."""
    return name.replace("Subscription Identifier Available", "Subscription Identifiers Available").replace(" ", "")


def reason_codes(kind: int) -> dict[int, str]:
    """paho's reason codes of a packet type, with their names."""
    table = ReasonCode(PacketTypes.CONNACK).names
    found = [(code, name) for code, names in table.items() for name, kinds in names.items() if kind in kinds]
    return dict(found)


class Talk:
    """One client's session, packet after packet: each method does something and tells what that put on the wire."""

    def __init__(self, version: int, choose: Chooser) -> None:
        self.version, self.choose = version, choose
        self.connection = self.describe_connection()
        self.session = self.client()
        self.session._last_mid = choose.number(0, 65535)
        self.unacknowledged: list[Description] = []

    def describe_connection(self) -> Description:
        """What is to be in the CONNECT."""
        choose, version = self.choose, self.version
        clean, user = choose.flag(), choose.flag()
        named = version == 3 or (version == 4 and not clean) or choose.flag()  # paho lets 5.0 go without, as it may
        return {
            "cmd": "connect",
            "protocolId": "MQIsdp" if version == 3 else "MQTT",
            "bridgeMode": choose.flag(0.1),
            "clean": clean,
            "keepalive": choose.number(0, 65535),
            "clientId": choose.text(choose.random.randint(1, 30)) if named else "",
            "username": choose.text() if user else None,
            "password": choose.octets() if user and choose.flag() else None,
        }

    def client(self) -> Session:
        """A client that will connect like that."""
        told, choose, v5 = self.connection, self.choose, self.version == 5
        session = Session(
            CallbackAPIVersion.VERSION2,
            told["clientId"],
            clean_session=None if v5 else told["clean"],
            protocol=MQTTProtocolVersion(self.version),
        )
        session.username_pw_set(told["username"], told["password"])
        if told["bridgeMode"]:
            session.enable_bridge_mode()
        if choose.flag():
            properties, said = choose.properties(PacketTypes.WILLMESSAGE) if v5 else (None, None)
            will: Description = {"topic": choose.topic(), "payload": choose.octets(), "retain": choose.flag()}
            will["qos"] = choose.random.randint(0, 2)
            session.will_set(**will, properties=properties)
            told["will"] = {**will, "properties": said}
        return session

    def connect(self) -> Iterator[Encoded]:
        """CONNECT, accepted."""
        told = self.connection
        if self.version == 5:
            properties, told["properties"] = self.choose.properties(PacketTypes.CONNECT)
            self.session.connect("host", keepalive=told["keepalive"], clean_start=told["clean"], properties=properties)
        else:
            self.session.connect("host", keepalive=told["keepalive"])
        yield self.session.took(), told
        self.session.receive(b"\x20\x03\0\0\0" if self.version == 5 else support.CONNACK)

    def publish(self) -> Iterator[Encoded]:
        """PUBLISH, and the PUBREL that follows one of QoS 2. At times the server does not answer."""
        choose = self.choose
        properties, said = choose.properties(PacketTypes.PUBLISH) if self.version == 5 else (None, None)
        topic = "" if said and "TopicAlias" in said and choose.flag() else choose.topic()
        told: Description = {"cmd": "publish", "dup": False, "qos": choose.random.randint(0, 2), "topic": topic}
        told |= {"payload": choose.octets(), "retain": choose.flag(), "properties": said}
        info = self.session.publish(topic, told["payload"], told["qos"], told["retain"], properties)
        told["messageId"] = info.mid
        yield self.session.took(), told
        if told["qos"] and choose.flag(0.2):
            self.unacknowledged.append(told)
        elif told["qos"] == 1:
            assert not self.session.receive(support.packet(0x40, struct.pack(">H", info.mid)))
        elif told["qos"] == 2:
            sent = self.session.receive(support.packet(0x50, struct.pack(">H", info.mid)))
            yield sent, {"cmd": "pubrel", "messageId": info.mid, "short": 2}
            assert not self.session.receive(support.packet(0x70, struct.pack(">H", info.mid)))

    def publish_again(self) -> Iterator[Encoded]:
        """The client connects again and repeats what had no answer: PUBLISH with DUP."""
        self.session.reconnect()
        yield self.session.took(), self.connection
        sent = self.session.receive(b"\x20\x03\0\0\0" if self.version == 5 else support.CONNACK)
        for told, data in zip(self.unacknowledged, cut(sent), strict=True):
            yield data, {**told, "dup": True}

    def subscribe(self) -> Iterator[Encoded]:
        """SUBSCRIBE"""
        choose = self.choose
        properties, said = choose.properties(PacketTypes.SUBSCRIBE) if self.version == 5 else (None, None)
        wanted: list[Description] = [
            {"topic": choose.filter(), "qos": choose.random.randint(0, 2), "nl": choose.flag(), "rap": choose.flag(),
             "rh": choose.random.randint(0, 2)}
            for _ in range(choose.random.randint(1, 300 if choose.flag(0.02) else 6))
        ]  # fmt: skip
        if self.version == 5:
            topics = [(one["topic"], SubscribeOptions(one["qos"], one["nl"], one["rap"], one["rh"])) for one in wanted]
            _, identifier = self.session.subscribe(topics, properties=properties)
        else:
            _, identifier = self.session.subscribe([(one["topic"], one["qos"]) for one in wanted])
        told = {"cmd": "subscribe", "messageId": identifier, "subscriptions": wanted, "properties": said}
        yield self.session.took(), told

    def unsubscribe(self) -> Iterator[Encoded]:
        """UNSUBSCRIBE"""
        properties, said = self.choose.properties(PacketTypes.UNSUBSCRIBE) if self.version == 5 else (None, None)
        topics = [self.choose.filter() for _ in range(self.choose.random.randint(1, 6))]
        _, identifier = self.session.unsubscribe(topics, properties)
        told = {"cmd": "unsubscribe", "messageId": identifier, "unsubscriptions": topics, "properties": said}
        yield self.session.took(), told

    def acknowledge(self) -> Iterator[Encoded]:
        """PUBACK for a message of QoS 1; PUBREC and PUBCOMP for one of QoS 2."""
        identifier = self.choose.number(1, 65535)
        empty = b"" if self.version == 5 else None
        told = {"messageId": identifier, "short": 2}
        for qos, answer in (1, "puback"), (2, "pubrec"):
            data = support.publish("t", b"", qos, identifier, empty)
            yield self.session.receive(data), {"cmd": answer, **told}
        yield self.session.receive(support.packet(0x62, struct.pack(">H", identifier))), {"cmd": "pubcomp", **told}

    def ping(self) -> Iterator[Encoded]:
        """PINGREQ, and PINGRESP, which paho sends as well."""
        self.session._send_pingreq()
        yield self.session.took(), {"cmd": "pingreq"}
        self.session.receive(support.PINGRESP)
        yield self.session.receive(support.PINGREQ), {"cmd": "pingresp"}

    def disconnect(self) -> Iterator[Encoded]:
        """DISCONNECT: with reason code and properties, with the first, or with neither."""
        told: Description = {"cmd": "disconnect", "reasonCode": 0}
        if self.version < 5 or self.choose.flag(0.1):
            self.session.disconnect()
            yield self.session.took(), {**told, "short": 2}
            return
        properties, told["properties"] = self.choose.properties(PacketTypes.DISCONNECT)
        code = self.choose.reason(PacketTypes.DISCONNECT)
        told |= {"reasonCode": code.value, "short": 1 if properties is None else 0}
        self.session.disconnect(code, properties)
        yield self.session.took(), told


def cut(data: bytes) -> Iterator[bytes]:
    """The packets of a stream, by their remaining lengths."""
    place = 0
    while place < len(data):
        length, shift, end = 0, 0, place + 1
        while True:
            length |= (data[end] & 0x7F) << shift
            shift, end = shift + 7, end + 1
            if data[end - 1] < 0x80:
                break
        yield data[place : end + length]
        place = end + length


def from_client(version: int, count: int, seed: int) -> Iterator[Encoded]:
    """At least `count` packets that a paho client sends, of all types that it can send."""
    choose, made = Chooser(seed + version), 0
    while made < count:
        talk = Talk(version, choose)
        deeds = [talk.publish, talk.publish, talk.subscribe, talk.unsubscribe, talk.acknowledge, talk.ping]
        middle = [choose.random.choice(deeds) for _ in range(12)]
        for deed in [talk.connect, *middle, talk.publish_again, talk.disconnect]:
            for one in deed():
                made += 1
                yield one


def from_parts(count: int, seed: int) -> Iterator[Encoded]:
    """Packets of MQTT 5.0 put together from paho's properties and reason codes: of servers, and what is optional."""
    choose = Chooser(seed)
    kinds = [PacketTypes.CONNACK, PacketTypes.SUBACK, PacketTypes.UNSUBACK, PacketTypes.AUTH, PacketTypes.DISCONNECT]
    for _ in range(count):
        kind = choose.random.choice([*kinds, *range(PacketTypes.PUBACK, PacketTypes.SUBSCRIBE)])
        code, identifier = choose.reason(kind), choose.number(1, 65535)
        properties, said = choose.properties(kind)
        packed: bytes = b"\0" if properties is None else properties.pack()  # type: ignore[no-untyped-call]
        number = struct.pack(">H", identifier)
        told: Description = {"cmd": TYPES[kind], "messageId": identifier, "reasonCode": code.value, "properties": said}
        if kind == PacketTypes.CONNACK:
            told["sessionPresent"] = code.value == 0 and choose.flag()
            body = bytes([told["sessionPresent"]]) + code.pack() + packed
        elif kind in (PacketTypes.SUBACK, PacketTypes.UNSUBACK):
            codes = [choose.reason(kind) for _ in range(choose.random.randint(1, 6))]
            told["granted"] = [one.value for one in codes]
            body = number + packed + b"".join(one.pack() for one in codes)
        else:
            told["short"] = choose.random.choice([0, 1, 2] if code.value == 0 else [0, 1])
            reason = [bytes(code.pack()) + packed, bytes(code.pack()), b""][told["short"]]
            body = reason if kind in (PacketTypes.DISCONNECT, PacketTypes.AUTH) else number + reason
        yield support.packet(kind << 4 | (2 if kind == PacketTypes.PUBREL else 0), bytes(body)), told
