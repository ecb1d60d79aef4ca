"""What matters in a packet, in one line: the end of a summary line and of a tree's first line."""

from typing import Final, final

from mypy_extensions import i64

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
    UNSUBACK_REASON,
    USER_NAME,
    WILL_TOPIC,
)
from mqttdissect.output.pieces import number as digits_of
from mqttdissect.output.text import brief, decoded, shortened, visible
from mqttdissect.output.theme import Theme
from mqttdissect.output.values import number, size_of

LONGEST: Final = 80  # characters of one topic or identifier
MOST_TOPICS: Final = 4096  # that are kept as text
MOST_FILTERS: Final = 4
REASON_SPECS: Final = frozenset([
    CONNACK_REASON, RETURN_CODE, PUBACK_REASON, PUBREC_REASON, PUBREL_REASON, PUBCOMP_REASON, SUBACK_REASON,
    GRANTED_QOS, UNSUBACK_REASON, DISCONNECT_REASON, AUTH_REASON,
])  # fmt: skip
REASON_STRING: Final = BY_IDENTIFIER[0x1F].value
TOPIC_ALIAS: Final = BY_IDENTIFIER[0x23].value


def words(value: object, longest: int = LONGEST) -> str:
    """Text from the wire, harmless and short."""
    return shortened(decoded(value), longest) if isinstance(value, bytes) else brief(str(value), longest)


def integer(value: object) -> int:
    """A field's value that is a number."""
    return value if isinstance(value, int) else 0


@final
class Gist:
    """`line(packet)` is the line. clients: does a CONNECT say whose it is? behind: what `write` adds to each. longest:
    characters of one topic or identifier."""

    def __init__(self, theme: Theme, clients: bool = True, behind: bytes = b"", longest: int = LONGEST) -> None:
        self.theme = theme
        self._clients = clients
        self._longest = longest
        self._behind = behind
        self._sizes: list[bytes] = [b""] * 2000  # sizes below 1000, alone and behind something, once written
        self._topics: dict[str, bytes] = {}

    def line(self, packet: Packet) -> str:
        """What matters, for the packet's type, parts set off by two spaces; its size, and what is wrong with it."""
        out: list[bytes] = []
        self.write(packet, out)
        return b"".join(out).decode()

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """Add the same to `out`."""
        before = len(out)
        self._about(packet, out)
        size: i64 = len(packet.data)
        notes = packet.notes
        if size < 1000 and notes is None and not packet.gap_bytes and packet.version_by == BY_CONNECT:
            place = size << 1 | (len(out) != before)
            known = self._sizes[place]
            if not known:
                self._sizes[place] = known = sized(size, len(out) != before) + self._behind
            out.append(known)
            return
        out.append(sized(size, len(out) != before))
        if packet.version_by != BY_CONNECT:
            out.append(f"  {version_source(packet)}".encode())
        theme = self.theme
        if packet.gap_bytes:
            out.append(f"  {theme.paint(theme.error, gap(packet))}".encode())
        if notes is not None:
            text = f"malformed: expected {visible(notes[0].expected)}"
            out.append(f"  {theme.paint(theme.error, text)}".encode())
        if self._behind:
            out.append(self._behind)

    def about(self, packet: Packet) -> str:
        """What matters, for the packet's type, and nothing else."""
        out: list[bytes] = []
        self._about(packet, out)
        return b"".join(out).decode()

    def _about(self, packet: Packet, out: list[bytes]) -> None:
        kind = packet.type
        if kind == codes.PUBLISH:
            self._publish(packet, out)
        elif kind in (codes.CONNECT, codes.SUBSCRIBE, codes.UNSUBSCRIBE, UNDECODED):
            text = self._words(packet)
            if text:
                out.append(text.encode())
        else:
            self._answer(packet, out)

    def _words(self, packet: Packet) -> str:
        """The same for packets that are rare."""
        kind = packet.type
        if kind == UNDECODED:
            return str(packet.fields[0].value) if packet.fields else ""
        return self._connect(packet) if kind == codes.CONNECT else self._filters(packet)

    def _publish(self, packet: Packet, out: list[bytes]) -> None:
        self._delivery(packet, out)
        if packet.topic:
            out.append(self._topic(packet.topic))
        elif packet.version == 5:
            out.append(unknown_alias(packet).encode())

    def _delivery(self, packet: Packet, out: list[bytes]) -> None:
        flags = packet.flags & 15
        number = packet.identifier
        if number < 0:
            out.append(QOS_BYTES[flags])
        else:
            out.append(QOS_ID_BYTES[flags])
            out.append(digits_of(number))
        if flags & 9:
            out.append(MARK_BYTES[flags])

    def _topic(self, topic: str) -> bytes:
        """A topic name, with two spaces before it."""
        known = self._topics.get(topic)
        if known is None:
            known = self._painted(topic)
            if len(topic) <= LONGEST:
                if len(self._topics) >= MOST_TOPICS:
                    self._topics.clear()
                self._topics[topic] = known
        return known

    def _painted(self, topic: str) -> bytes:
        return f"  {self.theme.paint(self.theme.topic, self._short(topic))}".encode()

    def _short(self, value: object) -> str:
        return words(value, self._longest)

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
                name = theme.paint(theme.topic, self._short(field.value)) if field.value else "(no identifier)"
                parts.append(f"client {name}")
            elif spec is WILL_TOPIC:
                retain = " retain" if flags & 0x20 else ""
                parts.append(f"will {theme.paint(theme.topic, self._short(field.value))} QoS {flags >> 3 & 3}{retain}")
            elif spec is USER_NAME:
                parts.append(f"user {self._short(field.value)}")
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
                parts.append(theme.paint(theme.topic, self._short(field.value)))
            elif (spec is REQUESTED_QOS or spec is SUBSCRIPTION_OPTIONS) and parts:
                parts[-1] += f" QoS {integer(field.value) & 3}"
        return f"{identifier}  {some(parts)}" if parts else identifier

    def _answer(self, packet: Packet, out: list[bytes]) -> None:
        before = len(out)
        reasons: list[str] | None = None
        fields = packet.fields
        count: i64 = len(fields)
        index: i64 = 2  # behind the fixed header
        while index < count:
            field = fields[index]
            spec = field.spec
            index += 1
            if spec is PACKET_IDENTIFIER:
                out.append(b"id ")
                out.append(digits_of(integer(field.value)))
            elif spec is CONNACK_FLAGS:
                if integer(field.value) & 1:
                    out.append(b"session present")
            elif spec in REASON_SPECS:
                if reasons is None:
                    reasons = []
                reasons.append(self._reason(field))
            elif spec is REASON_STRING:
                if reasons is None:
                    reasons = []
                reasons.append(f'"{self._short(field.value)}"')
        if reasons is not None:
            if len(out) != before:
                out.append(TWO)
            out.append(some(reasons).encode())

    def _reason(self, field: Field) -> str:
        value = integer(field.value)
        text = number(field.spec, value)
        bad = value >= 0x80 or (field.spec is RETURN_CODE and value > 0)
        return self.theme.paint(self.theme.error, text) if bad else text


def delivery(packet: Packet) -> str:
    """What matters of a PUBLISH but its topic."""
    flags = packet.flags & 15
    number = packet.identifier
    if number < 0:
        return QOS_WORDS[flags] + MARKS[flags] if flags & 9 else QOS_WORDS[flags]
    return f"{QOS_ID_WORDS[flags]}{number}{MARKS[flags]}"


def unknown_alias(packet: Packet) -> str:
    """Which alias stands for a topic that is not known, with two spaces before it; empty for none."""
    alias = packet.value(TOPIC_ALIAS)
    return f"  topic alias {alias}" if isinstance(alias, int) else ""


def sized(size: i64, behind: bool) -> bytes:
    """The size of a packet. behind: is something before it?"""
    return f"{'  ' if behind else ''}{size_of(int(size))}".encode()


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


QOS_WORDS: Final = [f"QoS {flags >> 1 & 3}" for flags in range(16)]  # by the flags of a PUBLISH
QOS_ID_WORDS: Final = [f"{words}  id " for words in QOS_WORDS]
MARKS: Final = [("  DUP" if flags & 8 else "") + ("  RETAIN" if flags & 1 else "") for flags in range(16)]
QOS_BYTES: Final = [words.encode() for words in QOS_WORDS]
QOS_ID_BYTES: Final = [words.encode() for words in QOS_ID_WORDS]
MARK_BYTES: Final = [words.encode() for words in MARKS]
TWO: Final = b"  "
