"""What is kept of a capture for comparing it: a few numbers for each packet, and each distinct meaning once.

Takes packets as they complete; hands on `Facts`. A packet's meaning (`Key`) is its type, who sent it, and its parts:
flags, codes, topics, filters, properties, in the standard's words. What says nothing is not among them: lengths, how
properties are ordered, properties with their default value, reason code 0 where it may be left out, an alias of a topic
that is known, what the capture lacks. Packet identifiers and payloads are kept beside it, as numbers. Neither packets
nor streams are held on to.

Memory: about 80 bytes a packet, and `MOST_KEY_BYTES` of meanings; beyond these bounds packets are counted as left out.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from hashlib import blake2b
from itertools import pairwise
from typing import Final, NamedTuple

from mqttdissect.comparison.volatile import forms, masked
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.fields import BINARY, BYTE, DERIVED, GROUP, TEXT, UNDECODED, BitSpec, Field, FieldSpec
from mqttdissect.mqtt.packet import UNDECODED as NO_PACKET
from mqttdissect.mqtt.packet import UNSEEN, Packet
from mqttdissect.mqtt.properties import BY_IDENTIFIER, PROPERTY_IDENTIFIER, TABLE
from mqttdissect.mqtt.registry import (
    APPLICATION_MESSAGE,
    CLIENT_IDENTIFIER,
    KEEP_ALIVE,
    PACKET_IDENTIFIER,
    PASSWORD,
    PROPERTY_LENGTH,
    PROTOCOL_NAME,
    REASON_LEFT_OUT,
    REMAINING_LENGTH,
    TOPIC_FILTER,
    TOPIC_NAME,
    TOPIC_OF_ALIAS,
    UNKNOWN_ALIAS,
    WILL_PAYLOAD,
    WILL_PROPERTIES,
)
from mqttdissect.net.stream import OPEN, Stream

MOST_PACKETS: Final = 1_000_000
MOST_KEY_BYTES: Final = 128 * 1024 * 1024  # of all meanings, estimated
MOST_SESSIONS: Final = 200_000
LONGEST: Final = 256  # characters of a text that are kept; of the rest hashes
HASHES: Final = re.compile("… [0-9]+ [a-p]{12} 0[0-9a-f]{12}$")  # behind a text that was cut
LETTERS: Final = str.maketrans("0123456789", "ghijklmnop")  # for hexadecimal digits
NO_WORDS: Final[set[str]] = set()
MOST_PARTS: Final = 512  # of a packet; of the rest a hash
PART_COST: Final = 160  # bytes

CLIENT: Final = 0
BROKER: Final = 1

# How a part may vary without a meaning
PLAIN: Final = 0  # not at all
WORDS: Final = 1  # random tokens in it may
RANDOM: Final = 2  # altogether, if the other capture does not know the value
PRESENCE: Final = 3  # only that it is there has a meaning
EXPIRY: Final = 4  # a broker takes off the seconds that the message waited

# How a connection ended
ENDED_OPEN: Final = 0
ENDED_ORDERLY: Final = 1  # DISCONNECT or a refusal came before; who closes first then is chance
ENDED_BY_CLIENT: Final = 2
ENDED_BY_BROKER: Final = 3
ENDS: Final = (
    "open when the capture ends", "closed after DISCONNECT or a refusal", "closed by the client without DISCONNECT",
    "closed by the broker without DISCONNECT",
)  # fmt: skip

COLUMNS: Final = (  # of a session
    "numbers", "frames", "times", "keys", "identifiers", "exact", "steady", "shape", "sizes",
)  # fmt: skip
ACKNOWLEDGEMENTS: Final = frozenset([codes.PUBACK, codes.PUBREC, codes.PUBREL, codes.PUBCOMP])
SHORT: Final = 4  # bytes of an acknowledgement that says nothing but its packet identifier

PROPERTY: Final[dict[FieldSpec, int]] = {one.value: identifier for identifier, one in BY_IDENTIFIER.items()}
PAIR_KEYS: Final = frozenset(one.key for one in BY_IDENTIFIER.values() if one.key is not one.value)
SESSION_EXPIRY: Final = 0x11
SERVER_KEEP_ALIVE: Final = 0x13
DEFAULTS: Final[dict[tuple[int, int], int]] = {  # (packet type, property): the value that leaving it out has
    (codes.CONNECT, 0x11): 0, (codes.CONNECT, 0x21): 65535, (codes.CONNECT, 0x22): 0, (codes.CONNECT, 0x17): 1,
    (codes.CONNECT, 0x19): 0, (codes.CONNECT, 0x18): 0, (codes.CONNECT, 0x01): 0,
    (codes.CONNACK, 0x21): 65535, (codes.CONNACK, 0x22): 0, (codes.CONNACK, 0x24): 2, (codes.CONNACK, 0x25): 1,
    (codes.CONNACK, 0x28): 1, (codes.CONNACK, 0x29): 1, (codes.CONNACK, 0x2A): 1,
    (codes.PUBLISH, 0x01): 0,
}  # fmt: skip
AS_ASKED: Final = frozenset([  # packet type, sender, property: leaving it out means what the CONNECT said
    (codes.CONNACK, BROKER, SESSION_EXPIRY), (codes.CONNACK, BROKER, SERVER_KEEP_ALIVE),
    (codes.DISCONNECT, CLIENT, SESSION_EXPIRY),
])  # fmt: skip
HOW: Final[dict[int, int]] = {  # of properties
    0x02: EXPIRY, 0x09: RANDOM, 0x12: PRESENCE, 0x16: PRESENCE, 0x1A: WORDS, 0x08: WORDS, 0x1C: WORDS, 0x1F: WORDS,
    0x23: PRESENCE, 0x26: WORDS, 0x15: PLAIN,
}  # fmt: skip
SAYS_NOTHING: Final = frozenset(
    [REMAINING_LENGTH, PROPERTY_LENGTH, PACKET_IDENTIFIER, APPLICATION_MESSAGE, CLIENT_IDENTIFIER, PROPERTY_IDENTIFIER,
     PROTOCOL_NAME, REASON_LEFT_OUT, *PAIR_KEYS]
)  # fmt: skip
ZERO_SAYS_NOTHING: Final = frozenset(
    ["mqtt.hdr_reserved", "mqtt.retain_reserved", "mqtt.sub.reserved", "mqtt.subscription_options_reserved",
     "mqtt.subscription_options_retain", "mqtt.subscription_options_rap", "mqtt.subscription_options_nl",
     "mqtt.conack.flags.reserved", "mqtt.conflag.reserved", "mqtt.ver.bridge"]
)  # fmt: skip
ONE_NAME: Final[dict[str, str]] = {  # what 3.1.1 and 5.0 call differently
    "mqtt.sub.qos": "filter QoS",
    "mqtt.subscription_options_qos": "filter QoS",
    "mqtt.ver": "level",
    "mqtt.ver.level": "level",
    "mqtt.conack.val": "code",
    "mqtt.suback.qos": "code",
}
TOPIC_ALIAS: Final = BY_IDENTIFIER[0x23].value
MAY_LEAVE_OUT_CODE: Final = frozenset([*ACKNOWLEDGEMENTS, codes.DISCONNECT, codes.AUTH])
USER_PROPERTY: Final = "26"
MESSAGE_SIZE: Final = FieldSpec("mqtt.msg_size", "Bytes of the application message", BYTE)
UNKNOWN_SIZE: Final = -1
MALFORMED: Final = FieldSpec("malformed", "Malformed, expected", TEXT)
MORE: Final = FieldSpec("more", "More fields", BYTE)

assert len(PROPERTY) == len(TABLE)


class Part(NamedTuple):
    """One thing that a packet says. name: the same in all versions. spec: what names and units its values have. how: it
    may vary."""

    name: str
    spec: FieldSpec | BitSpec
    value: int | str | bytes
    how: int

    @property
    def key(self) -> str:
        """Of a User Property, its name."""
        return self.name.partition(USER_PROPERTY)[2] if self.spec is BY_IDENTIFIER[0x26].value else ""


class Key(NamedTuple):
    """What a packet means. type: `UNDECODED` too. sender: CLIENT or BROKER."""

    type: int
    sender: int
    parts: tuple[Part, ...]

    @property
    def subject(self) -> str:
        """What the packet is about: its topic, or its filters."""
        return " ".join([str(part.value) for part in self.parts if part.name in ("topic", "filter")])


class Session:
    """A connection. Its packets are columns of one length; `index` is among the capture's sessions.

    client_id: as the CONNECT or the CONNACK has it. told: was it the client that said so? midway: the CONNECT is not in
    the capture. handshake: is the beginning of the connection in it? gap_bytes: bytes of it that the capture lacks;
    undecoded_bytes: those that are no packets. holes: by index of packets that are not whole for that reason, or as the
    capture ends, the bytes of their application message on the wire, `UNKNOWN_SIZE` if nobody knows; sizes: the same of
    those that are whole. nameless: indices of those whose alias was set in what the capture lacks. opened_ns: of its
    first packet. asked: what its CONNECT says of `SESSION_EXPIRY`, and of the Keep Alive as `SERVER_KEEP_ALIVE`.
    """

    def __init__(self, index: int, stream: int) -> None:
        self.index = index
        self.stream = stream
        self.client_id = ""
        self.told = True
        self.midway = True
        self.handshake = False
        self.gap_bytes = 0
        self.undecoded_bytes = 0
        self.holes: dict[int, int] = {}
        self.nameless: set[int] = set()
        self.asked: dict[int, int] = {}
        self.version = 4
        self.opened_ns = 0
        self.end = ENDED_OPEN
        self.end_ns = 0
        self.orderly = False
        self.client_direction = 0
        self.numbers = array("q")  # of all packets of the capture, from 0
        self.frames = array("q")
        self.times = array("q")  # ns
        self.keys = array("q")  # indices of `Facts.keys`
        self.identifiers = array("l")
        self.exact = array("q")  # forms of the payload; 0 where there is none
        self.steady = array("q")
        self.shape = array("q")
        self.sizes = array("i")
        self._places: dict[int, int] | None = None  # by number, unless these are in order

    def __len__(self) -> int:
        return len(self.numbers)

    def place(self, number: int) -> int:
        """The index of the packet with this number."""
        if self._places is not None:
            return self._places[number]
        return bisect_left(self.numbers, number)

    def sort(self) -> None:
        """Put packets at the place of their frames that were known for what they are later: the last bytes of some are
        only in the capture of their receiver."""
        frames = self.frames
        if all(one <= two for one, two in pairwise(frames)):
            return
        order = sorted(range(len(frames)), key=frames.__getitem__)
        for column in COLUMNS:
            values = getattr(self, column)
            setattr(self, column, array(values.typecode, [values[index] for index in order]))
        places = {before: index for index, before in enumerate(order)}
        self.holes = {places[index]: size for index, size in self.holes.items()}
        self.nameless = {places[index] for index in self.nameless}
        self._places = {number: index for index, number in enumerate(self.numbers)}


class Facts:
    """`take` the packets of a capture, `close` at its end. name: what the capture is called.

    packets: all of them; left_out: how many are not in any session, since there were too many. damaged: not all of the
    capture could be read.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.damaged = False
        self.sessions: list[Session] = []
        self.keys: list[Key] = []
        self.packets = 0
        self.left_out = 0
        self.undecoded = 0
        self.first_ns = -1  # of the capture
        self.last_ns = 0
        self._key_bytes = 0
        self._index: dict[Key, int] = {}
        self._publishes: dict[tuple[int, int, str], int] = {}
        self._short: dict[tuple[int, int], int] = {}
        self._sessions: dict[int, Session] = {}  # by number of the stream
        self._open: dict[int, Stream] = {}
        self._sweep = 4096

    @property
    def gap_bytes(self) -> int:
        """Bytes of connections that the capture lacks, as far as it shows."""
        return sum(one.gap_bytes for one in self.sessions)

    def take(self, packets: list[Packet]) -> None:
        """Keep what matters of them."""
        for packet in packets:
            if self.packets >= MOST_PACKETS or self._key_bytes >= MOST_KEY_BYTES:
                self.left_out += 1
            else:
                self._one(packet)
            self.packets += 1
        if self.packets >= self._sweep:
            self._sweep = self.packets + max(4096, 4 * len(self._open))
            self._look_for_ends()

    def close(self) -> None:
        """The capture has ended."""
        for session in self.sessions:
            session.sort()
        self._look_for_ends()
        for number, stream in self._open.items():
            self._ended(self._sessions[number], stream)
        for session in self.sessions:
            if session.end != ENDED_OPEN and session.orderly:
                session.end = ENDED_ORDERLY
        self._open.clear()
        self._index.clear()
        self._publishes.clear()

    def _one(self, packet: Packet) -> None:
        session = self._session(packet)
        if session is None:
            self.left_out += 1
            return
        if packet.type == NO_PACKET:
            self.undecoded += 1
            session.undecoded_bytes += len(packet.data)
            return
        if is_partial(packet):
            session.holes[len(session)] = (
                len(packet.data) - packet.message + packet.hole_bytes if packet.message else UNKNOWN_SIZE
            )
        time_ns = packet.time_ns
        if self.first_ns < 0:
            self.first_ns = time_ns
        self.last_ns = max(self.last_ns, time_ns)
        if not len(session):
            session.opened_ns = time_ns
        exact = steady = shape = size = 0
        kind = packet.type
        if kind == codes.PUBLISH:
            payload = packet.value(APPLICATION_MESSAGE)
            if isinstance(payload, bytes) and payload:
                size = len(payload)
                exact, steady, shape = forms(payload, time_ns)
        elif kind == codes.CONNECT:
            self._connect(session, packet)
        elif kind == codes.CONNACK:
            self._connack(session, packet)
        elif kind == codes.DISCONNECT:
            session.orderly = True
        unknown = False
        if kind == codes.PUBLISH and packet.version == 5 and not packet.topic and self._lacks(session, packet):
            unknown = packet.value(UNKNOWN_ALIAS) is not None
            if unknown:
                session.nameless.add(len(session))
        session.numbers.append(self.packets)
        session.frames.append(packet.frame)
        session.times.append(time_ns)
        session.keys.append(self._key(packet, unknown, session.asked))
        session.identifiers.append(max(packet.identifier, 0))
        session.exact.append(exact)
        session.steady.append(steady)
        session.shape.append(shape)
        session.sizes.append(size)

    def _lacks(self, session: Session, packet: Packet) -> bool:
        """May what set an alias be missing in the capture?"""
        stream = packet.stream
        return session.midway or stream is None or stream.half(packet.direction).lost > 0

    def _session(self, packet: Packet) -> Session | None:
        stream = packet.stream
        number = stream.number if stream is not None else -1
        session = self._sessions.get(number)
        if session is None:
            if len(self.sessions) >= MOST_SESSIONS:
                return None
            session = Session(len(self.sessions), number)
            session.handshake = stream is not None and stream.handshake
            self.sessions.append(session)
            self._sessions[number] = session
            if stream is not None:
                self._open[number] = stream
        if packet.sender == codes.FROM_CLIENT:
            session.client_direction = packet.direction
        return session

    def _connect(self, session: Session, packet: Packet) -> None:
        name = packet.value(CLIENT_IDENTIFIER)
        session.midway = len(session) > 0 and session.midway
        session.version = packet.version
        if not session.client_id and name is not None:
            session.client_id = short(name)
        session.asked = asked_for(packet)

    def _connack(self, session: Session, packet: Packet) -> None:
        for field in packet.fields:
            identifier = PROPERTY.get(field.spec)
            if identifier == 0x12 and not session.client_id:
                session.client_id = short(field.value)
                session.told = False
            elif field.spec.names is not None and field.spec.name in ("mqtt.connack.reason_code", "mqtt.conack.val"):
                session.orderly = session.orderly or field.value != 0

    def _look_for_ends(self) -> None:
        """Of connections that have ended, keep how; not the stream."""
        for number, stream in list(self._open.items()):
            if stream.source.ending != OPEN and stream.destination.ending != OPEN:
                self._ended(self._sessions[number], stream)
                del self._open[number]

    def _ended(self, session: Session, stream: Stream) -> None:
        """How its connection ended, so far as TCP shows that; packets of it may still come."""
        session.gap_bytes += stream.source.lost + stream.destination.lost
        if stream.closed_how != OPEN:
            session.end_ns = stream.closed_ns
            by_client = stream.closed_by == session.client_direction
            session.end = ENDED_BY_CLIENT if by_client else ENDED_BY_BROKER

    def _key(self, packet: Packet, nameless: bool, asked: dict[int, int]) -> int:
        """The index of what the packet means, from the quickest source. nameless: its topic is not known. asked: as in
        `Session`."""
        sender = sender_of(packet)
        kind = packet.type
        if packet.notes is None:
            if kind in ACKNOWLEDGEMENTS and len(packet.data) == SHORT:
                known = self._short.get((packet.data[0], sender))
                if known is None:
                    known = self._short[packet.data[0], sender] = self._intern(Key(kind, sender, ()))
                return known
            if kind == codes.PUBLISH and packet.version < 5:
                quick = (packet.data[0], sender, packet.topic)
                known = self._publishes.get(quick)
                if known is None:
                    known = self._publishes[quick] = self._intern(key_of(packet, sender, asked))
                return known
        return self._intern(key_of(packet, sender, asked, nameless))

    def _intern(self, key: Key) -> int:
        known = self._index.get(key)
        if known is None:
            known = self._index[key] = len(self.keys)
            self.keys.append(key)
            self._key_bytes += PART_COST + sum(PART_COST + size(part.value) for part in key.parts)
        return known


def sender_of(packet: Packet) -> int:
    """CLIENT or BROKER; of a connection that has not told yet who is the client, the side with the higher port is."""
    if packet.sender:
        return CLIENT if packet.sender == codes.FROM_CLIENT else BROKER
    stream = packet.stream
    if stream is None:
        return CLIENT
    return CLIENT if stream.port(packet.direction) > stream.port(1 - packet.direction) else BROKER


def is_partial(packet: Packet) -> bool:
    """Are bytes of it missing that were on the wire?"""
    return packet.hole_offset >= 0 and packet.hole_why in UNSEEN


def size(value: int | str | bytes) -> int:
    """Bytes, about."""
    return 0 if isinstance(value, int) else len(value)


def short(value: object) -> str:
    """Text of any length, or bytes, as at most `LONGEST` characters, and of the rest two hashes: one without what looks
    random in it, which does not look so itself, and one of all of it, which does, and is set aside as that is."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    if len(text) <= LONGEST:
        return text
    at = LONGEST
    while at > LONGEST // 2 and text[at - 1].isalnum():
        at -= 1  # no word is cut in two, unless it is a long one
    steady = masked(text[at:], NO_WORDS)
    return f"{text[:at]}… {len(steady)} {digest(steady).translate(LETTERS)} 0{digest(text)}"


def digest(text: str) -> str:
    """What tells it from others, the same in every run."""
    return blake2b(text.encode("utf-8", "backslashreplace"), digest_size=6).hexdigest()


def asked_for(packet: Packet) -> dict[int, int]:
    """What a CONNECT says, as `Session.asked`; nothing if it is not whole."""
    if packet.version < 5 or is_partial(packet) or packet.notes:
        return {}
    asked = {SESSION_EXPIRY: 0}
    for field in packet.fields:
        name = SERVER_KEEP_ALIVE if field.spec is KEEP_ALIVE else PROPERTY.get(field.spec)
        if name in (SESSION_EXPIRY, SERVER_KEEP_ALIVE) and isinstance(field.value, int):
            asked[name] = field.value
    return asked


def key_of(packet: Packet, sender: int, asked: dict[int, int], nameless: bool = False) -> Key:
    """What the packet means. nameless: its topic alias was set in what the capture lacks. asked: as in `Session`."""
    plain: list[Part] = []
    properties: list[Part] = []
    kind = packet.type
    will = ""
    pair = ""
    partial = is_partial(packet)
    for field in packet.fields:
        spec = field.spec
        if (partial and spec.kind == UNDECODED) or (spec is TOPIC_ALIAS and packet.topic):
            continue
        if nameless and (spec is TOPIC_ALIAS or spec is TOPIC_NAME):
            continue
        if spec.kind == GROUP:
            will = "will " if spec is WILL_PROPERTIES else ""
        elif spec in PAIR_KEYS:
            pair = short(field.value)
        elif spec in PROPERTY:
            one = of_property(field, will, pair)
            if left_out(one, kind, sender, asked) != one.value:
                properties.append(one)
        elif spec in SAYS_NOTHING or spec.name.endswith("_len"):
            continue
        elif spec.kind == BYTE and spec.bits:
            bits_of(field, kind, plain)
        else:
            of_field(field, kind, plain)
    properties.sort(key=lambda part: part.name)  # stable: User Properties stay in their order
    parts = plain + properties
    for note in packet.notes or []:
        if partial:
            break
        parts.append(Part("malformed", MALFORMED, note.expected, PLAIN))
    if len(parts) > MOST_PARTS:
        rest = repr([(part.name, part.value) for part in parts[MOST_PARTS:]])
        parts = parts[:MOST_PARTS] + [Part("more", MORE, digest(rest), PLAIN)]
    return Key(kind, sender, tuple(parts))


def bits_of(field: Field, kind: int, parts: list[Part]) -> None:
    """The bits of a byte; those that are reserved only if they are set."""
    byte = field.value
    if not isinstance(byte, int):
        return
    for bit in field.spec.bits:
        if bit.name == "mqtt.msgtype" or (kind not in (codes.PUBLISH, codes.CONNECT) and field.start == 0):
            continue
        value = bit.value(byte)
        if value or bit.name not in ZERO_SAYS_NOTHING:
            parts.append(Part(ONE_NAME.get(bit.name, bit.name), bit, value, PLAIN))


def of_field(field: Field, kind: int, parts: list[Part]) -> None:
    """Any other field that is no property."""
    spec = field.spec
    value = field.value
    if spec is TOPIC_OF_ALIAS:
        parts[:] = [part for part in parts if part.name != "topic"]
        parts.append(Part("topic", TOPIC_NAME, short(value), WORDS))
    elif spec is UNKNOWN_ALIAS:
        return
    elif spec.name.endswith("reason_code") or spec.name in ONE_NAME:
        if isinstance(value, int) and (value or kind not in MAY_LEAVE_OUT_CODE):
            parts.append(Part(ONE_NAME.get(spec.name, "code"), spec, value, PLAIN))
    elif spec is TOPIC_NAME:
        parts.append(Part("topic", spec, short(value), WORDS))
    elif spec is TOPIC_FILTER:
        parts.append(Part("filter", spec, short(value), WORDS))
    elif spec is PASSWORD:
        parts.append(Part(spec.name, spec, hash(value), PLAIN))
    elif spec.kind == UNDECODED:
        parts.append(Part("undecoded", spec, short(value), PLAIN))
    elif spec.kind in (TEXT, BINARY):
        parts.append(
            Part(spec.name, spec, short(value), PLAIN if spec.kind == BINARY and spec is not WILL_PAYLOAD else WORDS)
        )
    elif spec.kind != DERIVED and isinstance(value, int):
        parts.append(Part(spec.name, spec, value, PLAIN))


def left_out(part: Part, kind: int, sender: int, asked: dict[int, int]) -> int | None:
    """What a packet of this type and sender means that lacks this part; None for nothing. asked: as in `Session`."""
    identifier = PROPERTY.get(part.spec) if isinstance(part.spec, FieldSpec) else None
    if identifier is not None:
        if (kind, sender, identifier) in AS_ASKED:
            return asked.get(identifier)
        return DEFAULTS.get((kind, identifier))
    if part.spec.name in ZERO_SAYS_NOTHING or (part.name == "code" and kind in MAY_LEAVE_OUT_CODE):
        return 0
    return None


def of_property(field: Field, will: str, pair: str) -> Part:
    """A property. will: before the names of those of a will. pair: the key of a User Property."""
    spec = field.spec
    identifier = PROPERTY[spec]
    value = field.value
    how = HOW.get(identifier, PLAIN)
    name = f"{will}{USER_PROPERTY}{pair}" if identifier == 0x26 else f"{will}{identifier:02x}"
    if spec.secret:
        return Part(name, spec, 0, PRESENCE)
    if isinstance(value, int):
        return Part(name, spec, value, how)
    return Part(name, spec, short(value), how)
