"""What is known of a network connection, of a client, and of a subscription: the state that rules look at.

Sides are 0 for the client and 1 for the broker, so that what both have stands in pairs.

A capture often lacks something. What is not known is said as such (-1, None, `partial`), and no rule is broken by what
may lie in a part that was not captured: see `Link.whole`.

There are very many connections and clients, and most need few of the tables here: an empty one is one of the shared
constants `NO_...`, which nothing is ever added to, and whoever adds first makes a table of its own (`Side.ask`, ...).
Objects refer to each other in a cycle only while a connection is open (`Analysis._judge` takes it apart), so the
garbage collector need not know of them.
"""

from typing import Final, final

from mypy_extensions import i64, mypyc_attr

from mqttdissect.analysis.rule import Rule
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.stream import Stream

CLIENT_SIDE: Final = 0
BROKER_SIDE: Final = 1
NOBODY: Final = 2  # neither of them

UNKNOWN: Final = -1
NEVER: Final = 1 << 62  # the frame of what does not come
MOST_REASONS: Final = 20  # why a connection is partial

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
MOST_SURPLUS: Final = 4096  # PUBRELs without a request that are remembered
MOST_LISTED: Final = 256  # subscriptions of one connection that are kept for telling about it


@final
@mypyc_attr(acyclic=True)
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


NO_LIMITS: Final = Limits()  # before anything was said of them


@final
@mypyc_attr(acyclic=True)
class Will:
    """A will as it stands in a CONNECT. delay: seconds. fired: frame of the PUBLISH that the broker made of it."""

    def __init__(self, topic: str, payload: bytes, qos: i64, retain: bool) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self.delay: i64 = 0
        self.expiry: i64 = UNKNOWN
        self.properties: list[tuple[int, object]] | None = None  # those of MQTT 5.0, if there are any
        self.fired: i64 = 0  # 0: not seen
        self.cancelled = False  # by a DISCONNECT that says so, or because the client came back to its session
        self.came_back = False  # has the client connected again before it was due?
        self.unsure = False  # may the broker publish it or not, as far as is known?
        self.witness: i64 = UNKNOWN  # number of a connection that would see it
        self.due_ns: i64 = UNKNOWN  # when the broker owes it: the connection's end, or later by the delay


@final
@mypyc_attr(acyclic=True)
class Subscription:
    """filter: with its $share/NAME/ prefix, if any; share: that NAME. topic: the filter without the prefix.

    qos: requested; granted: -1 while no SUBACK was seen. frame, time_ns: of the SUBSCRIBE; granted_ns: of its SUBACK.
    renewed: the SUBSCRIBE replaced one that stood; again: the client had subscribed to the filter before.
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
        self.bridged = False  # of mosquitto's bridge: it may be sent RETAIN as it was published
        self.retain_handling: i64 = options >> 4 & 3 if version >= 5 else 0
        self.identifier: i64 = 0  # Subscription Identifier; 0: none
        self.granted: i64 = UNKNOWN
        self.granted_ns: i64 = UNKNOWN
        self.renewed = False
        self.again = False
        self.stood_ns: i64 = UNKNOWN  # since when it stands without a break, and of which SUBSCRIBE on
        self.asked_ns = time_ns
        self.before: i64 = UNKNOWN  # the QoS granted to the one that it replaced
        self.left_frame: i64 = 0  # of an UNSUBSCRIBE of it; 0: none
        self.left_ns: i64 = UNKNOWN  # when that was confirmed
        self.frame = frame
        self.time_ns = time_ns


@final
@mypyc_attr(acyclic=True)
class Publish:
    """The facts of a PUBLISH, worked out once, and its digest once somebody asks.

    topic: the one that an alias stands for, where it is known; else empty. alias: 0 for none; identifier: 0 for QoS 0.
    digest: of the application message, of `size` bytes. has_properties: are there any? identified: is there a
    Subscription Identifier among them? receiver, earlier: of a delivery that is remembered: whose it is, and one before
    it that looks like it (`Broker.comes_early`).
    """

    __slots__ = (
        "_digest", "_packet", "alias", "dup", "earlier", "frame", "has_properties", "identified", "identifier", "qos",
        "receiver", "retain", "size", "time_ns", "topic",
    )  # fmt: skip

    def __init__(self, packet: Packet) -> None:
        self._packet: Packet | None = packet  # until its digest is known
        self._digest: int = 0
        self.frame = packet.frame
        self.time_ns = packet.time_ns
        self.qos = packet.qos
        self.dup = packet.flags & 8 != 0
        self.retain = packet.flags & 1 != 0
        self.topic = packet.topic
        self.alias: i64 = 0
        self.identifier: i64 = packet.identifier if packet.identifier > 0 else 0
        self.size: i64 = packet.message_size
        self.has_properties = False
        self.identified = False
        self.receiver: Link | None = None
        self.earlier: Publish | None = None

    @property
    def digest(self) -> int:
        """The hash of the application message."""
        packet = self._packet
        if packet is not None:
            self._digest = hash(packet.application_message)
            self._packet = None
        return self._digest


@final
@mypyc_attr(acyclic=True)
class Request:
    """A packet that asks for an answer, until it has come.

    type: of the packet; stage: type of the last packet of its exchange. order: its number among those of its side.
    sent: how many times. carried: from an earlier connection of the session, and not seen again in this one yet.
    late: it was held back by a hole in the stream, its answer may have been seen before it.
    confirmed: its number among those that had a PUBREC. names: the filters of an UNSUBSCRIBE.
    digest, topic, retain: of a PUBLISH.
    """

    __slots__ = (
        "carried", "confirmed", "digest", "frame", "identifier", "late", "names", "order", "qos", "refused", "retain",
        "sent", "stage", "stage_ns", "subscriptions", "time_ns", "topic", "type",
    )  # fmt: skip

    def __init__(self, packet_type: i64, identifier: i64, frame: i64, time_ns: i64) -> None:
        self.type = packet_type
        self.stage = packet_type
        self.stage_ns = time_ns
        self.identifier = identifier
        self.frame = frame
        self.time_ns = time_ns
        self.order: i64 = 0
        self.confirmed: i64 = 0
        self.qos: i64 = 0
        self.sent: i64 = 1
        self.carried = False
        self.refused = False
        self.late = False
        self.digest: int = 0
        self.topic = ""
        self.retain = False
        self.names: list[str] | None = None
        self.subscriptions: list[Subscription] | None = None


@final
@mypyc_attr(acyclic=True)
class Delivery:
    """That a subscriber got a message. link, client: its connection and client identifier; took_ns: since it came.
    following: the next one of the same message."""

    __slots__ = ("client", "following", "frame", "link", "qos", "retain", "took_ns")

    def __init__(self, link: "Link", facts: Publish, took_ns: i64) -> None:
        self.link = link.number
        self.following: Delivery | None = None
        self.client = link.client_id
        self.frame = facts.frame
        self.qos = facts.qos
        self.retain = facts.retain
        self.took_ns = took_ns


NO_RECENT: Final[dict[int, object]] = {}


@final
@mypyc_attr(acyclic=True)
class Message:
    """A message that a client published, or a will that the broker published for it.

    link, publisher: number of the connection and client identifier. order: among the messages of its connection.
    first, last: its `deliveries`, linked. owes: how many clients still have to get it.
    size: bytes of its payload; length: of the packet that it came in. request: its handshake, of QoS 1 and 2. settled:
    what it owes has been looked at.
    cut: its connection was cut off right behind it. dropped: no delivery is tied to it any more. alone: of a will, no
    other one looks like it; unkept: of a will, nothing was retained on its topic. among, key: where it is kept,
    the lately published messages of its broker, and a hash.

    Many are kept, and most are owed to one client: the first needs no table.
    """

    __slots__ = (
        "_client", "_link", "_others", "alone", "among", "cut", "deliveries", "dropped", "expiry", "first", "frame",
        "key", "last", "length", "link", "order", "owes", "properties", "publisher", "qos", "request", "retain",
        "settled", "shares", "size", "time_ns", "topic", "unkept", "version", "will",
    )  # fmt: skip

    def __init__(self, topic: str, qos: i64, retain: bool, frame: i64, time_ns: i64) -> None:
        self.retain = retain
        self.settled = False
        self.cut = False
        self.dropped = False
        self.will = False
        self.alone = False
        self.unkept = False
        self.time_ns = time_ns
        self.key: int = 0
        self.among = NO_RECENT
        self.link: i64 = UNKNOWN
        self.qos = qos
        self.order: i64 = 0
        self.first: Delivery | None = None
        self.last: Delivery | None = None
        self.deliveries: i64 = 0
        self.owes: i64 = 0
        self._client: Client | None = None  # to whom it is owed, and the number of the connection
        self._link: i64 = UNKNOWN
        self._others: dict[str, tuple[Client, int]] | None = None  # the same, by client identifier
        self.request: Request | None = None
        self.topic = topic
        self.version: i64 = 4
        self.expiry: i64 = UNKNOWN
        self.properties: list[tuple[int, object]] | None = None
        self.shares: dict[str, tuple[Client, int, Request | None]] | None = None  # name of a shared subscription:
        # who got it, on which connection, and the handshake
        self.frame = frame
        self.publisher = ""
        self.size: i64 = 0
        self.length: i64 = 0

    def deliver(self, delivery: Delivery) -> None:
        """One more got it."""
        if self.last is None:
            self.first = delivery
        else:
            self.last.following = delivery
        self.last = delivery
        self.deliveries += 1

    def owe(self, client: "Client", link: i64, most: i64) -> bool:
        """The client has to get it, on this connection. False if there are `most` of them already."""
        if self.owes == 0 or client is self._client:
            self.owes = 1 if self.owes == 0 else self.owes
            self._client = client
            self._link = link
            return True
        others = self._others
        if others is None:
            self._others = others = {}
        known = client.id in others
        if not known:
            if self.owes >= most:
                return False
            self.owes += 1
        others[client.id] = (client, int(link))
        return True

    def owed_to(self, client: "Client") -> i64:
        """The connection on which the client still has to get it; `UNKNOWN` if it has not to."""
        if client is self._client:
            return self._link
        if self._others is not None:
            found = self._others.get(client.id)
            if found is not None:
                return found[1]
        return UNKNOWN

    def paid(self, client: "Client") -> None:
        """The client does not have to get it any more."""
        if client is self._client:
            self._client = None
            self.owes -= 1
        elif self._others is not None and self._others.pop(client.id, None) is not None:
            self.owes -= 1

    def owed(self) -> "list[tuple[Client, int]]":
        """Who has to get it, and the number of the connection."""
        found: list[tuple[Client, int]] = []
        if self._client is not None:
            found.append((self._client, int(self._link)))
        if self._others is not None:
            found += self._others.values()
        return found

    @property
    def refused(self) -> bool:
        """Has the broker said that it does not take it?"""
        return self.request is not None and self.request.refused

    def missed(self) -> "list[tuple[Client, int]]":
        """The same, of a message that the broker has not refused."""
        return [] if self.refused else self.owed()

    def delivered(self) -> list[Delivery]:
        """Who got it."""
        found: list[Delivery] = []
        one = self.first
        while one is not None:
            found.append(one)
            one = one.following
        return found


@final
@mypyc_attr(acyclic=True)
class Order:
    """The last message of one publisher's connection, with these levels of QoS, that a subscriber has had on a topic.
    following, behind: the same of others, and how many."""

    __slots__ = ("behind", "delivered_qos", "following", "link", "order", "qos")

    def __init__(self, message: Message, delivered_qos: i64, following: "Order | None") -> None:
        self.link = message.link
        self.qos = message.qos
        self.delivered_qos = delivered_qos
        self.order = message.order
        self.following = following
        self.behind: i64 = 0
        if following is not None:
            self.behind = following.behind + 1


@final
@mypyc_attr(acyclic=True)
class Copy:
    """A delivery that is right only if it is one copy of several, and what else is to be said of it. stated: as in
    `Finding`."""

    __slots__ = ("frame", "message", "rule", "stated", "time_ns", "what")

    def __init__(self, message: Message, facts: Publish, rule: Rule, what: str, stated: str) -> None:
        self.message = message
        self.frame = facts.frame
        self.time_ns = facts.time_ns
        self.rule = rule
        self.what = what
        self.stated = stated


@final
class Losses:
    """last_ns: when the capture was last found to lack something, of any stream. What should have come since then, and
    did not, may be what it lacks."""

    __slots__ = ("last_ns",)

    def __init__(self) -> None:
        self.last_ns: i64 = UNKNOWN


NO_REQUESTS: Final[dict[int, Request]] = {}
NO_NUMBERS: Final[set[int]] = set()
NO_WORDS: Final[list[str]] = []
MOST_PINGS: Final = 1024  # without an answer, of which it is known when they were sent
NO_PINGS: Final[list[tuple[int, int]]] = []
NO_SUBSCRIPTIONS: Final[list[Subscription]] = []
NO_FILTERS: Final[dict[str, Subscription]] = {}
NO_MATCHES: Final[dict[str, list[Subscription]]] = {}
NO_ORDERS: Final[dict[str, Order]] = {}
NO_MESSAGES: Final[list[Message]] = []
NO_RETAINED: Final[dict[str, tuple[int, int, bool]]] = {}
NO_TIMES: Final[list[int]] = []
NO_COPIES: Final[list[Copy]] = []
NO_TOPICS: Final[set[str]] = set()


@final
@mypyc_attr(acyclic=True)
class Side:
    """What one side of a connection has sent. limits: what it has said that it takes. largest: bytes of a packet that
    the other side has said to take, 0 for no limit.

    pending: its requests, by packet identifier; orders: how many so far; confirmed: how many had a PUBREC; last_puback,
    last_pubrec, last_pubrel: the last of them that was answered, by type of answer. flights: its PUBLISHes that are not
    acknowledged; unsent: how many of them do not count against Receive Maximum, as their PUBLISH was sent on an earlier
    connection; freed_ns: when there was room again for one of these. surplus: identifiers of PUBRELs that answer
    nothing. reused: identifiers that it used again before their request was over, or that were answered wrongly: what
    an answer with one of them is for cannot be told. unclear_ns: when it last sent a packet of which it cannot be told
    what it asks or answers. last_ns, last_frame: of its last packet, 0 for none. gap_bytes: of its bytes that the
    capture lacks, as far as that was said; gap_frame: behind the last of them.
    """

    __slots__ = (
        "bytes", "confirmed", "flights", "freed_ns", "gap_bytes", "gap_frame", "largest", "last_frame", "last_ns",
        "last_puback", "last_pubrec", "last_pubrel", "limits", "messages", "orders", "packets", "pending", "reused",
        "surplus", "unclear_ns", "unsent",
    )  # fmt: skip

    def __init__(self) -> None:
        # In the order of use, as in `net.stream`
        self.packets: i64 = 0
        self.bytes: i64 = 0
        self.last_ns: i64 = 0
        self.last_frame: i64 = 0
        self.largest: i64 = 0
        self.messages: i64 = 0
        self.pending = NO_REQUESTS
        self.flights: i64 = 0
        self.unsent: i64 = 0
        self.orders: i64 = 0
        self.limits = NO_LIMITS
        self.gap_bytes: i64 = 0
        self.gap_frame: i64 = 0
        self.reused = NO_NUMBERS
        self.last_puback: i64 = 0
        self.last_pubrec: i64 = 0
        self.last_pubrel: i64 = 0
        self.confirmed: i64 = 0
        self.surplus = NO_NUMBERS
        self.freed_ns: i64 = 0
        self.unclear_ns: i64 = UNKNOWN

    def ask(self, number: int, request: Request) -> None:
        """A request waits for its answer under this packet identifier."""
        if self.pending is NO_REQUESTS:
            self.pending = {}
        self.pending[number] = request

    def reuse(self, number: int) -> None:
        """This packet identifier does not tell requests apart any more."""
        if self.reused is NO_NUMBERS:
            self.reused = set()
        self.reused.add(number)

    def exceed(self, number: int) -> None:
        """A PUBREL that answers nothing."""
        if self.surplus is NO_NUMBERS or len(self.surplus) > MOST_SURPLUS:
            self.surplus = set()
        self.surplus.add(number)

    def last_order(self, kind: i64) -> i64:
        """The last of its requests that had an answer of this type."""
        if kind == codes.PUBACK:
            return self.last_puback
        return self.last_pubrec if kind == codes.PUBREC else self.last_pubrel

    def answered(self, kind: i64, order: i64) -> None:
        """Say which one it is now."""
        if kind == codes.PUBACK:
            self.last_puback = order
        elif kind == codes.PUBREC:
            self.last_pubrec = order
        else:
            self.last_pubrel = order


@final
@mypyc_attr(acyclic=True)
class Link:
    """One network connection that carries MQTT.

    Pairs are (client, broker). whole: nothing of it is missing so far, from its CONNECT on, in both directions: only
    then may it be said that something did not happen. partial: why it is not, in words.
    """

    def __init__(self, stream: Stream, frame: i64, time_ns: i64, losses: Losses) -> None:
        # What every packet needs, so that it lies close together
        self.state: i64 = FRESH
        self.version: i64 = 4
        self.client_direction: i64 = 0 if stream.handshake else UNKNOWN
        self.client_side = Side()
        self.broker_side = Side()
        self.client: Client | None = None
        self.stream = stream
        self.losses = losses
        self.partial = NO_WORDS
        self.violation: i64 = UNKNOWN  # side that broke the protocol such that the other must close the connection
        self.begun = False  # is it said already that its first packet is no CONNECT, or the broker's no CONNACK?
        self.connect_frame: i64 = 0  # 0: not seen
        self.connack_frame: i64 = 0
        self.keep_alive: i64 = UNKNOWN  # seconds, as it counts: the server's where it says one
        self.number = stream.number
        self.client_id = ""  # assigned ones too; empty while not known
        self.broker: bytes | None = None  # its address and port, once they are known
        self.clean = True
        self.session_present = False
        self.inherits = False  # does its session go on from connections that were captured from their beginning?
        self.problem_information = True
        self.retained_due = NO_RETAINED  # topic: frame of the message, since when it is due, is it of QoS 0?
        self.retained_early = NO_TOPICS  # of retained messages that came before the SUBACK
        self.copies = NO_COPIES  # deliveries that other copies have to follow
        self.delivered = NO_ORDERS  # the last messages had, by topic
        self.orders: i64 = 0  # of them
        self.expected = NO_MESSAGES  # what its client still has to get
        self.pings = NO_PINGS  # (frame, time) of each PINGREQ without an answer
        self.more_pings: i64 = 0  # those behind them, as there are very many
        self.slow_ns: i64 = UNKNOWN  # when a slow answer was last reported
        self.first_frame = stream.opened_frame if stream.opened_frame else frame
        self.first_ns = stream.opened_ns if stream.opened_ns >= 0 else time_ns
        # CONNECT
        self.connect_ns: i64 = 0
        self.connect_bad = False  # it is malformed
        self.bridge = False  # mosquitto's: nothing comes back to it, and RETAIN may be as it was published
        self.keep_alive_told: i64 = UNKNOWN  # the client's
        self.expiry: i64 = 0  # Session Expiry Interval in seconds; of 3.1 and 3.1.1: 0 or NEVER_EXPIRES
        self.expiry_least: i64 = 0  # the broker may hold that a DISCONNECT has not made it longer
        self.expiry_told: i64 = 0  # that of a CONNECT of 5.0; `expiry` is the broker's where it says another one
        self.will: Will | None = None
        self.user_name = ""
        self.auth_method = ""  # empty: none
        self.auth_turn: i64 = UNKNOWN  # whose AUTH may come next, in turn; `NOBODY` if none is under way
        self.response_information = False
        # CONNACK
        self.connack_ns: i64 = 0
        self.code: i64 = UNKNOWN
        # traffic
        self.findings: i64 = 0
        # what went wrong
        self.violation_frame: i64 = 0
        self.violation_ns: i64 = 0
        self.rival_frame: i64 = 0  # CONNECT of another connection with the same client identifier
        self.rival_ns: i64 = 0
        self.asking: i64 = 0  # filters of its requests that have no answer yet
        self.subscribed = NO_SUBSCRIPTIONS  # all that it asked for, at most `MOST_LISTED`
        self.will_frame: i64 = 0  # of the PUBLISH that its will became; 0: not seen
        self.captured_end = False
        self.witnesses: i64 = 0  # wills of others that its client would see
        self.strange = False  # the subscriptions of its client are not all known
        # end
        self.disconnect_side: i64 = UNKNOWN
        self.disconnect_frame: i64 = 0
        self.disconnect_ns: i64 = 0
        self.disconnect_code: i64 = UNKNOWN
        self.crossing_frame: i64 = 0  # of a DISCONNECT from the other side too
        self.end: i64 = OPEN
        self.end_side: i64 = UNKNOWN
        self.end_frame: i64 = 0
        self.end_ns: i64 = 0

    def of(self, side: i64) -> Side:
        """The client's side, or the broker's."""
        return self.client_side if side == CLIENT_SIDE else self.broker_side

    @property
    def whole(self) -> bool:
        """Is all of it there, from CONNECT on?"""
        return not self.partial

    def say_partial(self, why: str) -> None:
        """Something of it is missing. The first reasons are kept: there may be one for each lost segment."""
        if self.partial is NO_WORDS:
            self.partial = []
        if len(self.partial) < MOST_REASONS and why not in self.partial:
            self.partial.append(why)

    def violate(self, side: i64, frame: i64, time_ns: i64) -> None:
        """This side broke the protocol, the first time on this connection: the other one has to close it."""
        if self.violation < 0:
            self.violation = side
            self.violation_frame = frame
            self.violation_ns = time_ns

    def pinged(self, frame: i64, time_ns: i64) -> None:
        """A PINGREQ waits for its answer."""
        if self.pings is NO_PINGS:
            self.pings = []
        if len(self.pings) < MOST_PINGS and not self.more_pings:
            self.pings.append((int(frame), int(time_ns)))
        else:
            self.more_pings += 1

    def answered_ping(self) -> tuple[int, int] | None:
        """A PINGRESP was sent. The frame and time of the PINGREQ that has waited for longest, if they are known."""
        if self.pings:
            return self.pings.pop(0)
        if self.more_pings:
            self.more_pings -= 1
        return None

    def side(self, direction: i64) -> i64:
        """Who sends in this direction of the stream; `UNKNOWN` while nothing has told."""
        if self.client_direction == UNKNOWN:
            return UNKNOWN
        return CLIENT_SIDE if direction == self.client_direction else BROKER_SIDE

    def seen(self, side: i64) -> bool:
        """Did the capture see anything at all of this side?"""
        if self.client_direction == UNKNOWN:
            return False
        direction = self.client_direction if side == CLIENT_SIDE else 1 - self.client_direction
        return self.stream.half(direction).seen

    def behind(self, side: i64) -> bool:
        """Has this side sent something that the capture lacks, or has not put in order yet?"""
        half = self.stream.half(self.client_direction if side == CLIENT_SIDE else 1 - self.client_direction)
        return half.behind or half.lost != self.of(side).gap_bytes

    def unheard(self, side: i64, since_ns: i64) -> bool:
        """Did this side send again and again since then, with nothing at all from the other one, not even by TCP?"""
        direction = self.client_direction if side == CLIENT_SIDE else 1 - self.client_direction
        back = self.stream.half(1 - direction)
        return self.stream.half(direction).retransmitted_ns >= since_ns and back.time_ns < since_ns

    def sure_since(self, side: i64, since_ns: i64) -> bool:
        """Has everything that this side sent since then been captured?"""
        return self.seen(side) and self.losses.last_ns <= since_ns and not self.behind(side)

    @property
    def all_before(self) -> bool:
        """Is it whole, up to the packet at hand? Others may wait for their turn."""
        source, destination = self.stream.source, self.stream.destination
        return not self.partial and source.lost + destination.lost == (
            self.client_side.gap_bytes + self.broker_side.gap_bytes
        )

    @property
    def goes_on(self) -> bool:
        """Is its session that of an earlier connection? In MQTT 3.1 the broker does not say."""
        return self.session_present or (self.version == 3 and not self.clean)

    @property
    def all_there(self) -> bool:
        """Is it whole, up to now?"""
        return not self.partial and not self.behind(CLIENT_SIDE) and not self.behind(BROKER_SIDE)


@final
@mypyc_attr(acyclic=True)
class Client:
    """A client identifier at one broker, across its connections.

    known: is its session state at the broker known, since a Clean Start of it was seen? session: does the broker keep
    one? subscriptions: by filter. carried: requests of either side that were in flight when its last connection ended.
    """

    def __init__(self, id: str, broker: bytes) -> None:
        self.id = id
        self.broker = broker  # address and port
        self.link: Link | None = None  # the current connection
        self.links: i64 = 0
        self.known = False
        self.known_ns: i64 = UNKNOWN  # since when
        self.session = False
        self.expiry: i64 = 0  # those of its last connection
        self.expiry_least: i64 = 0
        self.dead: Link | None = None  # its last connection, if that left a will
        self.ended_ns: i64 = UNKNOWN  # when its last connection ended, and that one's number
        self.ended: i64 = UNKNOWN
        self.subscriptions = NO_FILTERS
        self.standing = NO_FILTERS  # those of them that the broker has granted
        self.matched = NO_MATCHES  # by topic, as looked up lately
        self.carried_by_client = NO_REQUESTS
        self.carried_by_broker = NO_REQUESTS
        self.connects = NO_TIMES  # of its last CONNECTs, once there are two
        self.takeovers = NO_TIMES  # times at which it was taken over by itself
        self.storm_ns: i64 = UNKNOWN  # when a reconnect storm, or a fight, was last reported
        self.fight_ns: i64 = UNKNOWN
        self.seen_ns: i64 = 0  # its last CONNECT

    def may_be_gone(self) -> None:
        """It may have connected without being captured: its session may have ended since, or be another one, and its
        will have been taken back."""
        self.known = False
        self.carries_nothing()
        for link in (self.link, self.dead):
            if link is not None and link.will is not None:
                link.will.unsure = True

    def carries_nothing(self) -> None:
        """No request of its last connection is still in flight."""
        self.carried_by_client = NO_REQUESTS
        self.carried_by_broker = NO_REQUESTS

    def forget_subscriptions(self, since: i64 = NEVER) -> None:
        """Its session is over, but for what it has asked for since that frame."""
        kept = {name: one for name, one in self.subscriptions.items() if one.frame >= since}
        self.subscriptions = kept if kept else NO_FILTERS
        self.matched = NO_MATCHES

    def is_known(self, link: Link) -> bool:
        """Is its session known, as seen from this connection?"""
        return self.known and link.losses.last_ns <= self.known_ns
