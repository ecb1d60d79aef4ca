"""What matters in a packet, in one line: the end of a summary line and of a tree's first line."""

from typing import Final, final

from mqttdissect.mqtt import codes
from mqttdissect.mqtt.codes import VERSIONS
from mqttdissect.mqtt.fields import Field
from mqttdissect.mqtt.packet import BY_CONNECT, BY_INFERENCE, BY_OPTION, UNDECODED, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER
from mqttdissect.mqtt.registry import (
    AUTH_REASON,
    CLIENT_IDENTIFIER,
    CONNACK_FLAGS,
    CONNACK_REASON,
    CONNECT_FLAGS,
    CONNECT_FLAGS_5,
    DISCONNECT_REASON,
    GRANTED_QOS,
    KEEP_ALIVE,
    PACKET_IDENTIFIER,
    PUBACK_REASON,
    PUBCOMP_REASON,
    PUBREC_REASON,
    PUBREL_REASON,
    REQUESTED_QOS,
    RETURN_CODE,
    SUBACK_REASON,
    SUBSCRIPTION_OPTIONS,
    TOPIC_FILTER,
    TOPIC_NAME,
    TOPIC_OF_ALIAS,
    UNSUBACK_REASON,
    USER_NAME,
    WILL_TOPIC,
)
from mqttdissect.net.address import endpoint
from mqttdissect.output.text import decoded, shortened, visible
from mqttdissect.output.theme import Theme
from mqttdissect.output.values import number, size_of

LONGEST: Final = 80  # characters of one topic or identifier
MOST_FLOWS: Final = 2048  # whose addresses are kept as text
MOST_FILTERS: Final = 4
REASON_SPECS: Final = frozenset([
    CONNACK_REASON, RETURN_CODE, PUBACK_REASON, PUBREC_REASON, PUBREL_REASON, PUBCOMP_REASON, SUBACK_REASON,
    GRANTED_QOS, UNSUBACK_REASON, DISCONNECT_REASON, AUTH_REASON,
])  # fmt: skip
REASON_STRING: Final = BY_IDENTIFIER[0x1F].value


def words(value: object) -> str:
    """Text from the wire, harmless and short."""
    text = decoded(value) if isinstance(value, bytes) else visible(str(value))
    return shortened(text, LONGEST)


def integer(value: object) -> int:
    """A field's value that is a number."""
    return value if isinstance(value, int) else 0


@final
class Gist:
    """`line(packet)` is the line; addresses are worked out once a stream. clients: does a CONNECT say whose it is?"""

    def __init__(self, theme: Theme, clients: bool = True) -> None:
        self.theme = theme
        self._clients = clients
        self._endpoints: dict[bytes, list[str]] = {}  # by flow, not by stream: that would keep streams alive

    def ends(self, packet: Packet) -> list[str]:
        """Source and destination of the packet, as text."""
        stream = packet.stream
        if stream is None:
            return ["", ""]
        known = self._endpoints.get(stream.flow)
        if known is None:
            source, destination = endpoint(stream.flow, True), endpoint(stream.flow, False)
            known = [source, destination, source]
            if len(self._endpoints) >= MOST_FLOWS:
                self._endpoints.clear()
            self._endpoints[stream.flow] = known
        return known[packet.direction : packet.direction + 2]

    def line(self, packet: Packet) -> str:
        """What matters, for the packet's type, parts set off by two spaces; its size, and what is wrong with it."""
        theme = self.theme
        text = self.about(packet)
        parts = f"{text}  {size_of(len(packet.data))}" if text else size_of(len(packet.data))
        if packet.version_by != BY_CONNECT:
            parts += f"  {version_source(packet)}"
        if packet.gap_bytes:
            parts += "  " + theme.paint(theme.error, gap(packet))
        notes = packet.notes
        if notes is not None:
            parts += "  " + theme.paint(theme.error, f"malformed: expected {visible(notes[0].expected)}")
        return parts

    def about(self, packet: Packet) -> str:
        """What matters, for the packet's type, and nothing else."""
        kind = packet.type
        if kind == codes.PUBLISH:
            return self._publish(packet)
        if kind == UNDECODED:
            return str(packet.fields[0].value) if packet.fields else ""
        if kind == codes.CONNECT:
            return self._connect(packet)
        if kind in (codes.SUBSCRIBE, codes.UNSUBSCRIBE):
            return self._filters(packet)
        return self._answer(packet)

    def _publish(self, packet: Packet) -> str:
        parts, topic = self.delivery(packet)
        return f"{parts}  {self.theme.paint(self.theme.topic, words(topic))}" if topic else parts

    def delivery(self, packet: Packet) -> tuple[str, object]:
        """What matters of a PUBLISH but its topic, and that."""
        flags = packet.flags
        topic: object = ""
        identifier: object = None
        for field in packet.fields:
            spec = field.spec
            if spec is TOPIC_NAME or spec is TOPIC_OF_ALIAS:
                topic = field.value
            elif spec is PACKET_IDENTIFIER:
                identifier = field.value
        parts = QOS_WORDS[(flags >> 1) & 3]
        if identifier is not None:
            parts += f"  id {integer(identifier)}"
        if flags & 8:
            parts += "  DUP"
        if flags & 1:
            parts += "  RETAIN"
        return parts, topic

    def _connect(self, packet: Packet) -> str:
        parts = [f"MQTT {VERSIONS[int(packet.version)]}"]
        theme = self.theme
        flags: int = 0
        for field in packet.fields:
            spec = field.spec
            if spec is CONNECT_FLAGS or spec is CONNECT_FLAGS_5:
                flags = integer(field.value)
                if flags & 2:
                    parts.append("clean start" if packet.version >= 5 else "clean session")
            elif spec is KEEP_ALIVE:
                parts.append(f"keep alive {field.value} s")
            elif spec is CLIENT_IDENTIFIER and self._clients:
                parts.append(
                    "client " + (theme.paint(theme.topic, words(field.value)) if field.value else "(no identifier)")
                )
            elif spec is WILL_TOPIC:
                retain = " retain" if flags & 0x20 else ""
                parts.append(f"will {theme.paint(theme.topic, words(field.value))} QoS {flags >> 3 & 3}{retain}")
            elif spec is USER_NAME:
                parts.append(f"user {words(field.value)}")
        return "  ".join(parts)

    def _filters(self, packet: Packet) -> str:
        parts: list[str] = []
        identifier = ""
        theme = self.theme
        for field in packet.fields:
            spec = field.spec
            if spec is PACKET_IDENTIFIER:
                identifier = f"id {field.value}"
            elif spec is TOPIC_FILTER:
                parts.append(theme.paint(theme.topic, words(field.value)))
            elif (spec is REQUESTED_QOS or spec is SUBSCRIPTION_OPTIONS) and parts:
                parts[-1] += f" QoS {integer(field.value) & 3}"
        return f"{identifier}  {some(parts)}" if parts else identifier

    def _answer(self, packet: Packet) -> str:
        parts: list[str] = []
        reasons: list[str] = []
        for field in packet.fields:
            spec = field.spec
            if spec is PACKET_IDENTIFIER:
                parts.append(f"id {field.value}")
            elif spec is CONNACK_FLAGS:
                if integer(field.value) & 1:
                    parts.append("session present")
            elif spec in REASON_SPECS:
                reasons.append(self._reason(field))
            elif spec is REASON_STRING:
                reasons.append(f'"{words(field.value)}"')
        if reasons:
            parts.append(some(reasons))
        return "  ".join(parts)

    def _reason(self, field: Field) -> str:
        value = integer(field.value)
        text = number(field.spec, value)
        bad = value >= 0x80 or (field.spec is RETURN_CODE and value > 0)
        return self.theme.paint(self.theme.error, text) if bad else text


def gap(packet: Packet) -> str:
    """What the capture lacks before a packet, and the frames around that."""
    after = packet.frames[0][1]
    start = f"#{packet.gap_after}" if packet.gap_after else "the start"
    return f"[gap: {size_of(int(packet.gap_bytes))} missing between {start} and #{after}]"


def some(parts: list[str]) -> str:
    """The first few, and how many more."""
    text = ", ".join(parts[:MOST_FILTERS])
    return f"{text}, … {len(parts) - MOST_FILTERS} more" if len(parts) > MOST_FILTERS else text


def version_source(packet: Packet) -> str:
    """How the version of a packet is known, where its CONNECT was not seen."""
    version = VERSIONS[int(packet.version)]
    if packet.version_by == BY_INFERENCE:
        return f"[MQTT {version}, inferred]"
    if packet.version_by == BY_OPTION:
        return f"[MQTT {version}, by --mqtt-version]"
    return f"[MQTT {version} assumed; --mqtt-version sets it]"


QOS_WORDS: Final[list[str]] = ["QoS 0", "QoS 1", "QoS 2", "QoS 3"]
