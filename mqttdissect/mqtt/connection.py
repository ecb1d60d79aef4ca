"""What the two sides of a connection have agreed on so far: the version, who is the client, the topic aliases.

Packets of a stream whose CONNECT was not captured are decoded as both 3.1.1 and 5.0; the version under which only one
of them is well-formed is the connection's. Where both are, `--mqtt-version` decides, else 3.1.1 is assumed.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.codes import CONNECT, FROM_CLIENT, FROM_SERVER, PUBLISH, SENDERS
from mqttdissect.mqtt.decode import decode, explain_alias
from mqttdissect.mqtt.fields import number
from mqttdissect.mqtt.glance import ALIAS, glance, remember
from mqttdissect.mqtt.packet import BY_CONNECT, BY_DEFAULT, BY_INFERENCE, BY_OPTION, Packet, variable_header
from mqttdissect.mqtt.properties import TOPIC_ALIAS
from mqttdissect.mqtt.registry import PROPERTY_LENGTH, TOPIC_NAME
from mqttdissect.net.stream import Stream

ASSUMED_VERSION: Final = 4
MOST_ALIAS_TEXT: Final = 4 * 1024 * 1024  # characters of the topics that the aliases of a connection stand for
ALIAS_COST: Final = 128  # the same for an alias, whatever its topic


@final
class Connection:
    """`decode(packet)` decodes the next packet of the connection. option: what `--mqtt-version` says, 0 for nothing.
    glances: a look at common packets is enough; see `Packet.glanced`."""

    __slots__ = ("alias_text", "aliases", "client", "glances", "option", "version", "version_by")

    def __init__(self, stream: Stream, option: i64, glances: bool) -> None:
        self.option = option
        self.glances = glances
        self.version: i64 = option if option else ASSUMED_VERSION
        self.version_by: i64 = BY_OPTION if option else BY_DEFAULT
        self.client: i64 = 0 if stream.handshake else -1  # the direction from the client; -1: not known
        self.aliases: list[dict[int, str]] | None = None  # of each direction
        self.alias_text: i64 = 0  # what they take, about

    def version_is_known(self) -> bool:
        """Did a CONNECT tell it?"""
        return self.version_by == BY_CONNECT

    def decode(self, packet: Packet) -> None:
        """Fill in version, sender, fields and notes, and the topic that a topic alias stands for."""
        kind = i64(packet.data[0]) >> 4
        if kind == CONNECT:
            self._connect(packet)
            return
        if self.client == -1:
            senders: i64 = SENDERS[kind]
            if senders == FROM_CLIENT:
                self.client = packet.direction
            elif senders == FROM_SERVER:
                self.client = 1 - packet.direction
        if self.client != -1:
            packet.sender = FROM_CLIENT if packet.direction == self.client else FROM_SERVER
        if self.version_by == BY_CONNECT:
            packet.version = self.version
            packet.version_by = BY_CONNECT
            if self.glances and self._glance(packet):
                return
        else:
            self._infer(packet)
            packet.version_by = self.version_by
        decode(packet)
        if kind == PUBLISH and packet.version >= 5:
            self._topic_alias(packet)
            if self.glances:
                remember(packet)

    def unaffected(self, data: bytes, at: i64, end: i64) -> bool:
        """Are later packets decoded just the same if this one, from `at` to `end` of `data`, is not decoded at all?
        False where that is not certain."""
        if self.version_by != BY_CONNECT:
            return False
        first: i64 = data[at]
        if first >> 4 != PUBLISH or self.version < 5:
            return first >> 4 != CONNECT
        return not may_set_alias(data, at, end)

    def _connect(self, packet: Packet) -> None:
        packet.version = self.option if self.option else ASSUMED_VERSION
        packet.sender = FROM_CLIENT
        packet.version_by = BY_CONNECT
        decode(packet)
        if self.version_by == BY_CONNECT and packet.direction != self.client:
            packet.sender = FROM_SERVER  # the other side has said that it is the client
            return
        self.client = packet.direction
        self.version = packet.version
        self.version_by = BY_CONNECT
        self.aliases = None
        self.alias_text = 0

    def _infer(self, packet: Packet) -> None:
        """Decide the version of a packet on a connection whose CONNECT was not seen."""
        packet.version = self.version
        if packet.hole_offset >= 0 or (self.version_by == BY_INFERENCE and self.version == 4):
            return
        four, five = trial(packet, 4), trial(packet, 5)
        if (four.notes is None) != (five.notes is None):
            self.version = 4 if four.notes is None else 5
            self.version_by = BY_INFERENCE
        elif five.notes is None and packet.data[0] >> 4 == PUBLISH and self.version_by != BY_OPTION:
            # Its message starts like well-formed properties. Text never does (an empty list of them is a NUL), but
            # binary data may: a later packet that is well-formed as 3.1.1 only changes this.
            self.version = 5
            self.version_by = BY_INFERENCE
        packet.version = self.version

    def _topic_alias(self, packet: Packet) -> None:
        """Learn or resolve the topic alias of a PUBLISH (3.3.2.3.4)."""
        fields = packet.fields
        for index in range(len(fields)):
            field = fields[index]
            if field.spec is ALIAS:
                alias = int(number(field.value))
                if packet.topic == "":
                    explain_alias(packet, index, self._aliases(packet.direction).get(alias))
                elif isinstance(packet.value(TOPIC_NAME), str):
                    self._learn(packet.direction, alias, packet.topic)
                return
            if field.spec is PROPERTY_LENGTH and field.value == 0:
                return

    def _glance(self, packet: Packet) -> bool:
        """Is a look at the packet enough?"""
        if not glance(packet):
            return False
        known = packet.known
        if known is None or known.alias == 0:
            return True
        if packet.topic:
            self._learn(packet.direction, int(known.alias), packet.topic)
            return True
        topic = self._aliases(packet.direction).get(int(known.alias))
        if topic is None:
            packet.glanced, packet.known = False, None
            return False
        packet.topic = topic
        return True

    def _aliases(self, direction: i64) -> dict[int, str]:
        """Those of one direction."""
        if self.aliases is None:
            self.aliases = [{}, {}]
        return self.aliases[direction]

    def _learn(self, direction: i64, number: int, topic: str) -> None:
        """What an alias of one direction stands for from now on; those that were set first go if there is no room."""
        known = self._aliases(direction)
        before = known.pop(number, None)
        if before is not None:
            self.alias_text -= len(before) + ALIAS_COST
        known[number] = topic
        self.alias_text += len(topic) + ALIAS_COST
        while self.alias_text > MOST_ALIAS_TEXT and len(known) > 1:
            self.alias_text -= len(known.pop(next(iter(known)))) + ALIAS_COST


def may_set_alias(data: bytes, at: i64, end: i64) -> bool:
    """Does a PUBLISH of MQTT 5.0 have a topic name, and a byte among its properties that can be the identifier of a
    topic alias? True also where the properties are not where they belong."""
    qos = i64(data[at]) & 0x06
    at = variable_header(data, at, end)
    if at < 0 or at + 2 > end:
        return True
    topic = i64(data[at]) << 8 | i64(data[at + 1])
    if topic == 0:
        return False
    at += 2 + topic
    if qos:
        at += 2
    if at >= end or i64(data[at]) >= 0x80:
        return True
    stop = at + 1 + i64(data[at])
    if stop > end:
        return True
    while at + 1 < stop:
        at += 1
        if i64(data[at]) & 0x7F == TOPIC_ALIAS:  # its first byte, however many more the identifier has
            return True
    return False


def trial(packet: Packet, version: i64) -> Packet:
    """The same bytes, decoded as of `version`."""
    copy = Packet(packet.stream, packet.direction, packet.frame, packet.time_ns, packet.data, packet.type)
    copy.version = version
    decode(copy)
    return copy
