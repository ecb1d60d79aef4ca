"""What is known of a network connection, of a client, and of a subscription: the state that rules look at.

Sides are 0 for the client and 1 for the broker, so that what both have stands in pairs.

A capture often lacks something. What is not known is said as such (-1, None, `partial`), and no rule is broken by what
may lie in a part that was not captured: see `Link.whole`.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.tcp import Stream

CLIENT_SIDE: Final = 0
BROKER_SIDE: Final = 1

UNKNOWN: Final = -1

# Where a connection stands
FRESH: Final = 0  # no packet yet, or the capture joined in the middle
CONNECTING: Final = 1  # CONNECT, and perhaps AUTH
CONNECTED: Final = 2  # CONNACK with success
REFUSED: Final = 3  # CONNACK with an error
CLOSING: Final = 4  # DISCONNECT by either side
ENDED: Final = 5  # the TCP connection has ended
STATES: Final = ("no CONNECT seen", "connecting", "connected", "refused", "disconnected", "ended")

# How a connection ended
OPEN: Final = 0
BY_DISCONNECT: Final = 1
BY_FIN: Final = 2
BY_RST: Final = 3
BY_KEEP_ALIVE: Final = 4  # closed by the broker, after 1.5 keep alives of silence
BY_TAKEOVER: Final = 5  # the same client identifier connected again
BY_REFUSAL: Final = 6  # after a CONNACK with an error
BY_CAPTURE_END: Final = 7
ENDS: Final = (
    "open", "DISCONNECT", "FIN", "RST", "keep alive expired", "taken over by the same client identifier",
    "refused", "the capture ends",
)  # fmt: skip

NEVER_EXPIRES: Final = 0xFFFF_FFFF


@final
class Limits:
    """What one side has said that it takes (5.0: CONNECT and CONNACK properties), with the standard's defaults."""

    def __init__(self) -> None:
        self.receive_maximum: i64 = 65535  # QoS 1 and 2 messages in flight
        self.maximum_packet: i64 = 0  # bytes; 0: no limit
        self.alias_maximum: i64 = 0
        self.maximum_qos: i64 = 2  # the rest is the broker's only
        self.retain = True
        self.wildcards = True
        self.subscription_identifiers = True
        self.shared = True


@final
class Will:
    """A will as it stands in a CONNECT. delay: seconds. fired: frame of the PUBLISH that the broker made of it."""

    def __init__(self, topic: str, payload: bytes, qos: i64, retain: bool) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.delay: i64 = 0
        self.expiry: i64 = UNKNOWN
        self.fired: i64 = 0  # 0: not seen
        self.cancelled = False  # by a DISCONNECT that says so
        self.properties: list[tuple[int, object]] = []  # (property identifier, value)


@final
class Subscription:
    """filter: with its $share/NAME/ prefix, if any; share: that NAME. topic: the filter without the prefix.

    qos: requested; granted: -1 while no SUBACK was seen. frame, time_ns: of the SUBSCRIBE; granted_ns: of its SUBACK.
    renewed: the SUBSCRIBE replaced one that stood.
    """

    def __init__(self, filter: str, options: i64, version: i64, frame: i64, time_ns: i64) -> None:
        self.filter = filter
        self.share = ""
        self.topic = filter
        if version >= 5 and filter.startswith("$share/") and filter.count("/") >= 2:
            _, self.share, self.topic = filter.split("/", 2)
        self.qos = options & 3
        self.no_local = version >= 5 and options & 4 != 0
        self.retain_as_published = version >= 5 and options & 8 != 0
        self.retain_handling: i64 = options >> 4 & 3 if version >= 5 else 0
        self.identifier: i64 = 0  # Subscription Identifier; 0: none
        self.granted: i64 = UNKNOWN
        self.granted_ns: i64 = 0
        self.renewed = False
        self.frame = frame
        self.time_ns = time_ns


@final
class Publish:
    """The facts of a PUBLISH, worked out once.

    topic: the one that an alias stands for, where it is known; else empty. identifier: 0 for QoS 0. payload: the
    application message. properties: (identifier, value) in order. whole: none of its bytes are missing.
    """

    __slots__ = (
        "dup", "frame", "identifier", "packet", "payload", "properties", "qos", "retain", "time_ns", "topic", "whole",
    )  # fmt: skip

    def __init__(self, packet: Packet) -> None:
        self.packet = packet
        self.frame = packet.frame
        self.time_ns = packet.time_ns
        self.qos = packet.qos
        self.dup = packet.flags & 8 != 0
        self.retain = packet.flags & 1 != 0
        self.topic = ""
        self.identifier: i64 = 0
        self.payload = b""
        self.properties: list[tuple[int, object]] | None = None
        self.whole = packet.hole_offset < 0


@final
class Request:
    """A packet that asks for an answer, until it has come. type: of the packet; stage: of the last one of its exchange.

    filters: how many a SUBSCRIBE or UNSUBSCRIBE has. answer_ns: when the exchange's last packet was seen.
    """

    __slots__ = (
        "dup",
        "filters",
        "frame",
        "identifier",
        "publish",
        "sent",
        "stage",
        "subscriptions",
        "time_ns",
        "type",
    )

    def __init__(self, packet_type: i64, identifier: i64, frame: i64, time_ns: i64) -> None:
        self.type = packet_type
        self.stage = packet_type
        self.identifier = identifier
        self.frame = frame
        self.time_ns = time_ns
        self.dup = False
        self.filters: i64 = 0
        self.sent: i64 = 1  # times
        self.publish: Publish | None = None
        self.subscriptions: list[Subscription] | None = None


@final
class Link:
    """One network connection that carries MQTT.

    Pairs are (client, broker). whole: nothing of it is missing so far, from its CONNECT on, in both directions: only
    then may it be said that something did not happen. partial: why it is not, in words.
    """

    def __init__(self, stream: Stream, first_frame: i64, first_ns: i64) -> None:
        self.stream = stream
        self.number = stream.number
        self.first_frame = first_frame
        self.first_ns = first_ns
        self.state: i64 = FRESH
        self.version: i64 = 4
        self.client: Client | None = None
        self.client_id = ""  # assigned ones too; empty while not known
        # CONNECT
        self.connect_frame: i64 = 0  # 0: not seen
        self.connect_ns: i64 = 0
        self.clean = True
        self.keep_alive: i64 = UNKNOWN  # seconds, as it counts: the server's where it says one
        self.keep_alive_told: i64 = UNKNOWN  # the client's
        self.expiry: i64 = 0  # Session Expiry Interval in seconds; of 3.1 and 3.1.1: 0 or NEVER_EXPIRES
        self.will: Will | None = None
        self.user_name = ""
        self.auth_method = ""  # empty: none
        self.auth_pending = False  # an AUTH exchange is under way
        self.problem_information = True
        self.response_information = False
        # CONNACK
        self.connack_frame: i64 = 0
        self.connack_ns: i64 = 0
        self.code: i64 = UNKNOWN
        self.session_present = False
        # traffic
        self.limits: list[Limits] = [Limits(), Limits()]
        self.pending: list[dict[int, Request]] = [{}, {}]  # by packet identifier, of requests of this side
        self.pings: list[tuple[int, int]] = []  # (frame, time) of each PINGREQ without an answer
        self.aliases: list[set[int]] = [set(), set()]  # that this side has set
        self.packets: list[int] = [0, 0]
        self.bytes: list[int] = [0, 0]
        self.messages: list[int] = [0, 0]
        self.last_ns: list[int] = [0, 0]  # of the last packet
        self.seen: list[bool] = [False, False]  # has this side sent anything?
        self.gap: list[bool] = [False, False]  # is anything of this side missing?
        self.partial: list[str] = []
        self.broken = False  # did anything get lost of it, since its first packet that was seen?
        self.findings: i64 = 0
        # end
        self.disconnect_side: i64 = UNKNOWN
        self.disconnect_frame: i64 = 0
        self.disconnect_code: i64 = UNKNOWN
        self.end: i64 = OPEN
        self.end_side: i64 = UNKNOWN
        self.end_frame: i64 = 0
        self.end_ns: i64 = 0

    @property
    def whole(self) -> bool:
        """Is all of it there, from CONNECT on?"""
        return not self.partial

    def say_partial(self, why: str) -> None:
        """Something of it is missing."""
        if why not in self.partial:
            self.partial.append(why)


@final
class Client:
    """A client identifier at one broker, across its connections.

    known: is its session state at the broker known, since a Clean Start of it was seen? subscriptions: by filter.
    carried: requests of either side that were in flight when its last connection ended.
    """

    def __init__(self, id: str, broker: bytes) -> None:
        self.id = id
        self.broker = broker  # address and port
        self.link: Link | None = None  # the current connection
        self.previous: Link | None = None  # the one before it
        self.links: i64 = 0
        self.messages: list[int] = [0, 0]
        self.known = False
        self.session = False  # does the broker have a session for it, as far as `known`?
        self.expiry: i64 = 0
        self.previous_end_ns: i64 = UNKNOWN
        self.subscriptions: dict[str, Subscription] = {}
        self.carried: list[dict[int, Request]] = [{}, {}]
        self.takeovers: i64 = 0
        self.seen_ns: i64 = 0
