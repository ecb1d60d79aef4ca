"""How connections open and end, and what a client identifier has across them: CONNECT, CONNACK, AUTH, DISCONNECT,
sessions, take-overs (chapters 3.1, 3.2, 3.14, 3.15, 4.1, 4.12 and 4.13 of MQTT 5.0).

`Opening` has the table of clients, by broker (address and port) and client identifier. It is bounded: those that have
been away longest go first, and are counted.
"""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.analysis import extract, keepalive, packets, rules
from mqttdissect.analysis.brokers import SWAPPED_NS
from mqttdissect.analysis.exchange import PARTIES, WHO, complete, milliseconds, slow
from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    BY_CAPTURE_END,
    BY_DISCONNECT,
    BY_FIN,
    BY_KEEP_ALIVE,
    BY_REFUSAL,
    BY_RST,
    BY_TAKEOVER,
    CLIENT_SIDE,
    CLOSING,
    CONNECTED,
    CONNECTING,
    FRESH,
    NEVER_EXPIRES,
    NO_REQUESTS,
    NO_TIMES,
    NOBODY,
    OPEN,
    REFUSED,
    UNKNOWN,
    Client,
    Link,
    Request,
    Side,
)
from mqttdissect.analysis.report import Report
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.packet import Packet
from mqttdissect.net.stream import RESET

SECOND: Final = 1_000_000_000
MOST_CLIENTS: Final = 10_000
FEW_CLIENTS: Final = 1_000  # that go when there are more
STORM: Final = 10  # CONNECTs of one client identifier
STORM_NS: Final = 30_000_000_000
FIGHT: Final = 3  # take-overs
FIGHT_NS: Final = 60_000_000_000
CLOSE_NS: Final = 2_000_000_000  # that a side which has to close a connection may take
WORDLESS_NS: Final = 5_000_000_000  # without a CONNACK
SUCCESS: Final = 0x00
CONTINUE: Final = 0x18
AGAIN: Final = 0x19
DURING_AUTH: Final = frozenset([codes.AUTH, codes.DISCONNECT, codes.CONNECT])


def broker_of(link: Link) -> bytes:
    """Address and port of the broker, as they stand in the headers."""
    flow = link.stream.flow
    half = (len(flow) - 4) // 2
    if link.client_direction == 0:
        return flow[half : 2 * half] + flow[-2:]
    return flow[:half] + flow[-4:-2]


@final
class Opening:
    """`connect`, `connack`, `auth`, `disconnect` and `ended` as they come. forgotten: clients dropped for others."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.clients: dict[tuple[bytes, str], Client] = {}
        self.forgotten: i64 = 0
        self.gone: list[Client] = []  # those that were forgotten, for others to forget too

    def connect(self, link: Link, packet: Packet) -> bool:
        """A CONNECT; False if it is one too many."""
        report = self.report
        if link.connect_frame:
            report.at(
                rules.SECOND_CONNECT,
                packet,
                "A second CONNECT on the same connection",
                0,
                1,
                [(int(link.connect_frame), "the first CONNECT")],
            )
            return False
        extract.connect(packet, link)
        link.state = CONNECTING
        link.auth_turn = BROKER_SIDE
        keepalive.told(report, link, packet)
        if link.client_id and packet.hole_offset < 0:
            self.belongs(link, packet)
        return True

    def belongs(self, link: Link, packet: Packet) -> None:
        """The connection is that of the client identifier it has said, or was given."""
        self.report.named(link)
        key = (broker_of(link), link.client_id)
        client = self.clients.pop(key, None)
        if client is None:
            if len(self.clients) >= MOST_CLIENTS:
                self.make_room()
            client = Client(link.client_id, key[0])
        self.clients[key] = client  # behind all others
        link.client = client
        client.links += 1
        if not link.seen(BROKER_SIDE):
            client.may_be_gone()  # what becomes of its session is not captured
        self.count_connects(client, link, packet)
        rival = client.link
        if rival is not None and rival is not link and rival.end == OPEN and rival.state in (CONNECTING, CONNECTED):
            rival.rival_frame = packet.frame
            rival.rival_ns = packet.time_ns
            if rival.state == CONNECTED and rival.all_before:
                self.taken_over(link, rival, packet)

    def make_room(self) -> None:
        """A tenth of the clients that are not connected go, those away longest first."""
        away: list[tuple[bytes, str]] = []
        for key, client in self.clients.items():
            if client.link is None:
                away.append(key)
                if len(away) == FEW_CLIENTS:
                    break
        for key in away or list(self.clients)[:FEW_CLIENTS]:
            self.gone.append(self.clients.pop(key))
            self.forgotten += 1

    def count_connects(self, client: Client, link: Link, packet: Packet) -> None:
        """Does a client connect again and again?"""
        now = packet.time_ns
        before = client.seen_ns
        client.seen_ns = now
        if client.links == 1:
            return
        if now < before:
            client.known = False  # the capture swapped its connections: which of them is the last?
        if client.connects is NO_TIMES:
            client.connects = [int(before)]
        times = client.connects
        times.append(int(now))
        if len(times) < STORM:
            return
        since = now - times[0]
        if 0 <= since < STORM_NS and (client.storm_ns < 0 or now - client.storm_ns > STORM_NS):
            client.storm_ns = now
            self.report.at(
                rules.RECONNECT_STORM, packet, f"{STORM} connections within {milliseconds(since)}", link=link
            )
        del times[0]

    def taken_over(self, link: Link, rival: Link, packet: Packet) -> None:
        """A client identifier connects while it is connected."""
        others = f"stream {rival.number}"
        self.report.at(
            rules.SESSION_TAKEN_OVER,
            packet,
            f"The client identifier is connected already, on {others}",
            related=[(int(rival.connect_frame), f"the CONNECT of {others}")],
            link=link,
        )

    def count_takeovers(self, client: Client, link: Link, by: i64) -> None:
        """A connection has ended that another one took over, or that ended by itself just before."""
        by_itself = by == CLIENT_SIDE or link.disconnect_side == CLIENT_SIDE or link.violation == CLIENT_SIDE
        if by_itself and link.end_ns - link.rival_ns < SWAPPED_NS:
            return
        now = link.rival_ns
        if client.takeovers is NO_TIMES:
            client.takeovers = []
        times = client.takeovers
        times.append(int(now))
        if len(times) < FIGHT:
            return
        since = now - times[0]
        if 0 <= since < FIGHT_NS and (client.fight_ns < 0 or now - client.fight_ns > FIGHT_NS):
            client.fight_ns = now
            what = f"Connections with this client identifier took over from one another {FIGHT} times"
            related = [(int(link.rival_frame), "the last CONNECT")]
            what = f"{what} within {milliseconds(since)}"
            self.report.of(rules.CLIENT_ID_FIGHT, link, link.end_frame, link.end_ns, what, related)
        del times[0]

    def connack(self, link: Link, packet: Packet) -> bool:
        """A CONNACK; False if it is one too many."""
        report = self.report
        if link.connack_frame:
            report.at(
                rules.SECOND_CONNACK,
                packet,
                "A second CONNACK on the same connection",
                0,
                1,
                [(int(link.connack_frame), "the first CONNACK")],
            )
            return False
        link.connack_frame = packet.frame
        link.connack_ns = packet.time_ns
        code = extract.code(packet)
        link.code = code
        link.session_present = extract.session_present(packet)
        if not link.connect_frame:
            link.state = CONNECTED if code == SUCCESS else REFUSED
            return True
        asked = [(int(link.connect_frame), "CONNECT")]
        took = packet.time_ns - link.connect_ns
        if took > SECOND // 5 and link.all_there:
            slow(
                report,
                link,
                packet,
                f"CONNACK came {milliseconds(took)} after the CONNECT",
                asked,
                link.connect_ns,
                took,
            )
        if code != SUCCESS:
            link.state = REFUSED
            rival = link.client.link if link.client is not None else None
            if rival is not None and rival.rival_frame == link.connect_frame:
                rival.rival_frame = 0  # it stays connected
            if link.session_present:
                report.at(
                    rules.SESSION_PRESENT_WITH_REFUSAL,
                    packet,
                    "Session Present is 1, though the code is an error",
                    2,
                    3,
                )
            report.at(
                rules.CONNECTION_REFUSED,
                packet,
                f"The broker refuses the connection: {refusal(packet)}",
                related=asked,
            )
            return True
        link.state = CONNECTED
        link.auth_turn = NOBODY if link.all_there else UNKNOWN
        if packet.version >= 5:
            self.negotiated(link, packet)
        if link.clean and link.session_present:
            name = "Clean Start" if packet.version >= 5 else "Clean Session"
            report.at(rules.SESSION_PRESENT_WRONG, packet, f"Session Present is 1, after {name} 1", 2, 3, asked)
            if packet.version >= 5:
                report.closing += 1  # a client without a session may not go on with one (3.2.2.1.1)
        if link.client is not None:
            self.session(link, link.client, packet)
        return True

    def negotiated(self, link: Link, packet: Packet) -> None:
        """What a CONNACK of MQTT 5.0 says besides."""
        report = self.report
        found = extract.properties(packet, False)
        extract.takes(link.broker_side, link.client_side, found)
        link.keep_alive = extract.integer(found, extract.SERVER_KEEP_ALIVE, link.keep_alive)
        link.expiry = extract.integer(found, extract.SESSION_EXPIRY, link.expiry)
        asked = [(int(link.connect_frame), "CONNECT")]
        assigned = extract.text(found, extract.ASSIGNED_IDENTIFIER)
        if not link.client_id:
            if assigned:
                link.client_id = assigned
                self.belongs(link, packet)
            elif link.whole and not link.connect_bad:
                report.at(
                    rules.ASSIGNED_IDENTIFIER_MISSING,
                    packet,
                    "The broker does not say which client identifier it assigned",
                    related=asked,
                )
        if extract.has(found, extract.RESPONSE_INFORMATION) and not link.response_information and link.whole:
            report.at(
                rules.RESPONSE_INFORMATION_UNASKED,
                packet,
                "Response Information that the client did not ask for",
                related=asked,
            )
        method = extract.text(found, extract.AUTH_METHOD)
        if link.whole and method != link.auth_method:
            if not link.auth_method:
                report.at(
                    rules.AUTH_UNASKED,
                    packet,
                    f"The Authentication Method {method!r}; the CONNECT has none",
                    related=asked,
                )
            else:
                report.at(
                    rules.AUTH_METHOD_CHANGED,
                    packet,
                    f"The Authentication Method is {method!r}, not {link.auth_method!r}",
                    related=asked,
                )
        will, limits = link.will, link.of(BROKER_SIDE).limits
        if will is not None:
            if will.qos > limits.maximum_qos and will.qos < 3:
                report.at(
                    rules.WILL_ABOVE_LIMITS,
                    packet,
                    f"Accepted with a will of QoS {will.qos}, above Maximum QoS {limits.maximum_qos}",
                    related=asked,
                )
            elif will.retain and not limits.retain:
                report.at(
                    rules.WILL_ABOVE_LIMITS,
                    packet,
                    "Accepted with a retained will, though Retain Available is 0",
                    related=asked,
                    stated="[MQTT-3.2.2-13]",
                )

    def session(self, link: Link, client: Client, packet: Packet) -> None:
        """The session that goes on, or a new one (3.1.2.4, 3.2.2.1.1)."""
        present = link.session_present
        rival = client.link  # the connection before is still open: its session has no time to expire
        if not link.clean and link.version > 3 and client.is_known(link) and link.whole:
            waited = packet.time_ns - client.ended_ns
            over = waited - client.expiry * SECOND  # negative: the session has not expired
            expired = rival is None and client.expiry != NEVER_EXPIRES and over > 0
            left = client.expiry_least * SECOND - waited
            lasts = rival is not None or client.expiry_least == NEVER_EXPIRES or left > CLOSE_NS // 2
            what = ""
            if present and (not client.session or (client.expiry == 0 and client.ended_ns >= 0)):
                what = "Session Present is 1, though the client's last connection left no session"
            elif present and expired and over > CLOSE_NS // 2 and client.ended_ns >= 0:
                what = f"Session Present is 1, though the session expired {milliseconds(over)} before"
            elif not present and client.session and (rival is not None or client.ended_ns >= 0) and lasts:
                before = client.ended if rival is None else rival.number
                what = f"Session Present is 0, though the session of stream {before} has not expired"
            if what:
                related = [(int(link.connect_frame), "CONNECT")]
                stated = "[MQTT-3.2.2-3]" if present or link.version >= 5 else "[MQTT-3.2.2-2]"
                self.report.at(rules.SESSION_PRESENT_WRONG, packet, what, 2, 3, related, stated=stated, held=True)
        goes_on = link.goes_on
        if not goes_on:
            client.forget_subscriptions(link.connect_frame)  # it need not wait for the CONNACK to subscribe
            client.carries_nothing()
            client.known = link.whole
            client.known_ns = packet.time_ns
        elif not link.whole or (rival is not None and not rival.all_there):
            client.known = False
        link.inherits = goes_on and client.session and client.is_known(link) and client.link is None
        self.expires(link, client, link.expiry, link.expiry)
        client.link = link
        if goes_on and link.losses.last_ns <= client.ended_ns:
            carry(client.carried_by_client, link.client_side)
            carry(client.carried_by_broker, link.broker_side)
        client.carries_nothing()

    def expires(self, link: Link, client: Client, least: i64, most: i64) -> None:
        """For how long the session is kept when the connection is over, in seconds."""
        client.session = most > 0
        client.expiry = link.expiry = most
        client.expiry_least = link.expiry_least = least

    def auth(self, link: Link, packet: Packet, side: i64) -> None:
        """An AUTH (4.12)."""
        report = self.report
        if not link.connect_frame or not link.whole:
            return
        asked = [(int(link.connect_frame), "CONNECT")]
        code = extract.code(packet)
        if not link.auth_method:
            report.at(rules.AUTH_UNASKED, packet, "AUTH, though the CONNECT has no Authentication Method", 0, 1, asked)
            return
        method = extract.text(extract.properties(packet, False), extract.AUTH_METHOD)
        if method != link.auth_method:
            report.at(
                rules.AUTH_METHOD_CHANGED,
                packet,
                f"The Authentication Method is {method!r}, not {link.auth_method!r}",
                related=asked,
            )
        early = link.state == CONNECTING
        turn = link.auth_turn
        in_turn = turn in (side, UNKNOWN)
        fits = True
        if code == CONTINUE:
            fits = in_turn
        elif code == SUCCESS:
            fits = in_turn and side == BROKER_SIDE and not early
        elif code == AGAIN:
            fits = side == CLIENT_SIDE and not early
        if not link.all_there:
            link.auth_turn = UNKNOWN  # what it follows may come later in the capture
            return
        if code == SUCCESS:
            link.auth_turn = NOBODY
        elif code != CONTINUE or turn != UNKNOWN:
            link.auth_turn = 1 - side
        if not fits:
            link.auth_turn = UNKNOWN  # what follows from that is no fault of its own
            when = "before the CONNACK" if early else "after the CONNACK"
            if turn == 1 - side:
                when = f"{when}, in the turn of {WHO[turn]}"
            elif turn == NOBODY:
                when = f"{when}, while nobody authenticates"
            report.at(
                rules.AUTH_ORDER,
                packet,
                f"AUTH with {extract.code_name(packet)} from {WHO[side]} {when}",
                related=asked,
                stated="" if in_turn else "4.12" if early else "4.12.1",
            )

    def disconnect(self, link: Link, packet: Packet, side: i64) -> None:
        """A DISCONNECT. Of two that cross the first one counts; the broker may not have read the client's."""
        report = self.report
        code = extract.code(packet)
        crosses = packet.version >= 5 and link.disconnect_side == 1 - side
        if packet.version >= 5:
            packets.disconnect(report, link, packet, side)
            expiry = extract.integer(extract.properties(packet, False), extract.SESSION_EXPIRY, UNKNOWN)
            client = link.client if side == CLIENT_SIDE else None
            if client is not None and client.link is link and (expiry == 0 or (expiry > 0 and link.expiry_told)):
                limited = crosses or link.expiry < link.expiry_told  # by the broker, which may do so again
                least = min(expiry, link.expiry) if limited else expiry
                self.expires(link, client, least, max(expiry, link.expiry) if crosses else expiry)
        if side == BROKER_SIDE and packet.version >= 5:
            report.at(
                rules.DISCONNECTED_BY_BROKER, packet, f"The broker ends the connection: {extract.code_name(packet)}"
            )
        if crosses:
            if link.will is not None and (code if side == CLIENT_SIDE else link.disconnect_code) == SUCCESS:
                link.will.unsure = True
            link.crossing_frame = packet.frame
            return
        link.disconnect_side = side
        link.disconnect_frame = packet.frame
        link.disconnect_ns = packet.time_ns
        link.disconnect_code = code
        link.state = CLOSING
        if side == CLIENT_SIDE and link.will is not None and code == SUCCESS:
            link.will.cancelled = True

    def ended(self, link: Link, frame: i64, now_ns: i64, captured: bool) -> None:
        """The connection is over; captured: its end is, the capture did not merely stop."""
        stream = link.stream
        link.captured_end = captured
        link.end_frame = stream.closed_frame if captured and stream.closed_frame else frame
        link.end_ns = stream.closed_ns if captured and stream.closed_ns >= 0 else now_ns
        by: i64 = UNKNOWN
        if captured and stream.closed_by >= 0:
            by = link.side(stream.closed_by)
        link.end_side = by
        link.end = self.how(link, by, captured)
        if link.end == BY_DISCONNECT:
            link.end_side = link.disconnect_side
        client = link.client
        if client is not None and link.rival_frame and captured and link.all_there:
            self.count_takeovers(client, link, by)
        if client is not None and client.link is link:
            client.link = None
            client.ended_ns = link.end_ns
            client.ended = link.number
            if not link.all_there:
                client.known = False
                client.carries_nothing()
            elif client.session:
                client.carried_by_client = carried(link.client_side.pending)
                client.carried_by_broker = carried(link.broker_side.pending)
            else:
                client.carries_nothing()
                client.forget_subscriptions()
        elif client is not None and not link.connack_frame and not (complete(link) and link.all_there):
            client.known = False  # the capture may lack the CONNACK
            client.carries_nothing()

    def judge(self, link: Link) -> None:
        """What the end of a connection shows."""
        report = self.report
        stream = link.stream
        captured = link.captured_end
        by: i64 = link.side(stream.closed_by) if captured and stream.closed_by >= 0 else UNKNOWN
        if link.losses.last_ns < link.first_ns:
            self.left_open(link, by, captured)
        if link.state == CONNECTED:
            client = link.of(CLIENT_SIDE)
            missed = client.gap_frame > client.last_frame or link.behind(CLIENT_SIDE)  # perhaps the DISCONNECT
            silent = link.disconnect_side == UNKNOWN and not missed
            if by == CLIENT_SIDE and stream.closed_how != RESET and silent and captured:
                report.of(
                    rules.CLOSED_WITHOUT_DISCONNECT,
                    link,
                    link.end_frame,
                    link.end_ns,
                    "The client closed the connection without a DISCONNECT",
                )
        if captured and stream.closed_how == RESET and by >= 0 and link.state != CLOSING:
            report.of(
                rules.CONNECTION_RESET,
                link,
                link.end_frame,
                link.end_ns,
                f"{WHO[by].capitalize()} reset the connection",
                fault=PARTIES[by],
            )

    def how(self, link: Link, by: i64, captured: bool) -> i64:
        """How a connection ended: one of `facts.ENDS`."""
        if link.disconnect_side >= 0:
            return BY_DISCONNECT
        if not captured:
            return BY_CAPTURE_END
        if link.state == REFUSED:
            return BY_REFUSAL
        if link.rival_frame and by != CLIENT_SIDE:
            return BY_TAKEOVER
        if by == BROKER_SIDE and link.state == CONNECTED and keepalive.silent_at_end(link, link.end_ns):
            return BY_KEEP_ALIVE
        return BY_RST if link.stream.closed_how == RESET else BY_FIN

    def left_open(self, link: Link, by: i64, captured: bool) -> None:
        """What should have been closed, and was not, or not by whom it should have been."""
        report = self.report
        end_ns = link.end_ns
        if not captured:  # it was open as long as anything was seen of it
            end_ns = min(end_ns, max(link.stream.source.time_ns, link.stream.destination.time_ns))
        closed = captured and link.stream.closed_ns >= 0
        if not link.all_there:
            return
        if link.state == REFUSED and end_ns - link.connack_ns > CLOSE_NS and not (closed and by == BROKER_SIDE):
            report.of(
                rules.OPEN_AFTER_REFUSAL,
                link,
                link.end_frame,
                end_ns,
                f"The broker left the connection open for {milliseconds(end_ns - link.connack_ns)} after refusing it",
                [(int(link.connack_frame), "CONNACK")],
            )
        if link.disconnect_side >= 0 and end_ns - link.disconnect_ns > CLOSE_NS:
            report.of(
                rules.OPEN_AFTER_DISCONNECT,
                link,
                link.end_frame,
                end_ns,
                f"Still open {milliseconds(end_ns - link.disconnect_ns)} after the DISCONNECT",
                [(int(link.disconnect_frame), "DISCONNECT")],
                PARTIES[link.disconnect_side],
            )
        left_ns = link.disconnect_ns if link.disconnect_side >= 0 else end_ns
        if link.rival_frame and left_ns - link.rival_ns > CLOSE_NS:
            report.of(
                rules.TAKEOVER_NOT_CLOSED,
                link,
                link.end_frame,
                end_ns,
                f"Still open {milliseconds(end_ns - link.rival_ns)} after its client identifier connected again",
                [(int(link.rival_frame), "the other CONNECT")],
            )
        if link.violation >= 0 and link.state != REFUSED:
            self.violated(link, by, closed, end_ns)
        if (
            link.state == CONNECTING
            and not link.connect_bad
            and link.violation != CLIENT_SIDE
            and link.auth_turn in (BROKER_SIDE, NOBODY)
            and link.seen(BROKER_SIDE)
        ):
            waited = end_ns - (link.of(CLIENT_SIDE).last_ns if link.auth_method else link.connect_ns)
            if (closed and by == BROKER_SIDE) or waited > WORDLESS_NS:
                how = "closed the connection without one" if by == BROKER_SIDE else "sent none"
                report.of(
                    rules.CONNACK_MISSING,
                    link,
                    link.connect_frame,
                    link.connect_ns,
                    f"CONNECT has no CONNACK: the broker {how} after {milliseconds(waited)}",
                )

    def violated(self, link: Link, by: i64, closed: bool, end_ns: i64) -> None:
        """A side broke the protocol: did the other one close the connection (4.8 in MQTT 3.1.1, 4.13 in 5.0)?"""
        other = 1 - link.violation
        if link.disconnect_side == link.violation:
            end_ns = link.disconnect_ns
            closed = False
        elif link.disconnect_side == other:
            end_ns = link.disconnect_ns
            closed = end_ns - link.violation_ns < CLOSE_NS
        lived = end_ns - link.violation_ns
        went_on = int(link.of(other).last_ns) - link.violation_ns
        if lived <= CLOSE_NS or (closed and by == other and went_on < CLOSE_NS):
            return
        if not link.sure_since(other, link.violation_ns):
            return
        self.report.of(
            rules.VIOLATION_NOT_CLOSED,
            link,
            link.end_frame,
            link.end_ns,
            f"{WHO[other].capitalize()} did not close the connection within {milliseconds(lived)}",
            [(int(link.violation_frame), "what broke the protocol")],
            PARTIES[other],
        )


def refusal(packet: Packet) -> str:
    """The code of a CONNACK that refuses; a broker that does not know the client's version answers as in its own."""
    if packets.is_old_refusal(packet):
        code = int(packet.data[3])
        return f"{code} {codes.CONNACK_RETURN[code]}, in the form of MQTT 3.1.1"
    if packets.is_new_refusal(packet):
        code = packets.UNSUPPORTED_VERSION
        return f"0x{code:02x} {codes.REASONS[code]}, in the form of MQTT 5.0"
    return extract.code_name(packet)


def carried(pending: dict[int, Request]) -> dict[int, Request]:
    """The messages that are not acknowledged, for the session's next connection."""
    if not pending:
        return NO_REQUESTS
    found: dict[int, Request] = {}
    for number, one in pending.items():
        if one.type == codes.PUBLISH:
            request = Request(one.type, one.identifier, one.frame, one.time_ns)
            request.stage = one.stage
            request.order = one.order
            request.qos = one.qos
            request.digest = one.digest
            request.topic = one.topic
            request.retain = one.retain
            found[number] = request
    return found


def carry(requests: dict[int, Request], side: Side) -> None:
    """The messages of the connection before go on on this one."""
    for number, request in requests.items():
        if number not in side.pending:
            request.carried = True
            side.ask(number, request)
            side.flights += 1
            side.unsent += 1
            if request.order > side.orders:
                side.orders = request.order  # what is new comes behind it


def carries_no_more(side: Side) -> None:
    """Who knows what became of the messages of the connection before?"""
    for number, request in list(side.pending.items()):
        if request.carried:
            del side.pending[number]
            side.flights -= 1
            side.unsent -= 1


def in_time(report: Report, link: Link, packet: Packet, side: i64) -> bool:
    """May this side send `packet` now? False if nothing more can be made of it."""
    kind = packet.type
    state = link.state
    if state == CONNECTED:
        return True
    if state == FRESH:
        if kind != codes.CONNECT and not link.begun:
            without_connect(report, link, packet, side)
        return True
    left = state == CLOSING and link.disconnect_side == CLIENT_SIDE and not link.connack_frame  # it did not wait for it
    if state == CONNECTING or (left and side == BROKER_SIDE):
        if (
            side == BROKER_SIDE
            and kind not in (codes.CONNACK, codes.AUTH)
            and (kind != codes.DISCONNECT or packet.version >= 5)
            and link.all_before
            and not link.begun
        ):
            link.begun = True  # what follows is not the first one any more
            first = link.of(BROKER_SIDE).packets == 0
            report.at(
                rules.FIRST_ANSWER_NOT_CONNACK,
                packet,
                f"The broker's first packet is {packet.name}" if first else f"{packet.name} before the CONNACK",
                0,
                1,
                [(int(link.connect_frame), "CONNECT")],
            )
        elif (
            side == CLIENT_SIDE
            and link.auth_method
            and link.all_before
            and kind not in (codes.AUTH, codes.DISCONNECT, codes.CONNECT)
        ):
            report.at(
                rules.PACKET_DURING_AUTH,
                packet,
                f"{packet.name} before the broker has authenticated the client",
                0,
                1,
                [(int(link.connect_frame), "CONNECT with an Authentication Method")],
            )
    elif state == REFUSED:
        if kind == codes.DISCONNECT and side == CLIENT_SIDE:
            return False  # which ends the connection, as it should end
        until = link.connack_ns + (0 if side == BROKER_SIDE else SECOND // 5)  # a client may not have read it
        first = link.of(side).last_ns <= until  # what follows is no other fault
        if (first and (side == BROKER_SIDE or packet.time_ns > until)) or (
            kind == codes.CONNECT and side == CLIENT_SIDE
        ):
            report.at(
                rules.PACKET_AFTER_REFUSAL,
                packet,
                f"{packet.name} after the connection was refused",
                0,
                1,
                [(int(link.connack_frame), "CONNACK")],
            )
        return False
    elif state == CLOSING and (side == link.disconnect_side or link.crossing_frame):
        report.at(
            rules.PACKET_AFTER_DISCONNECT,
            packet,
            f"{packet.name} after DISCONNECT",
            0,
            1,
            [(int(link.disconnect_frame if side == link.disconnect_side else link.crossing_frame), "DISCONNECT")],
        )
        return False
    return True


def without_connect(report: Report, link: Link, packet: Packet, side: i64) -> None:
    """The first packet of a connection is no CONNECT: a fault, if the capture has the beginning of the connection."""
    stream = link.stream
    mine, other = stream.half(packet.direction), stream.half(1 - packet.direction)
    if not (link.whole and stream.handshake and mine.initial != -1 and (side == CLIENT_SIDE or other.initial != -1)):
        if link.whole:
            link.say_partial("the capture joined it in the middle")
            link.losses.last_ns = packet.time_ns
        joined(report, link, packet)
        return
    link.say_partial("it does not start with a CONNECT")
    if side == BROKER_SIDE and link.behind(CLIENT_SIDE):
        return  # what the client sent is to come
    link.begun = True
    if side == CLIENT_SIDE:
        report.at(rules.FIRST_PACKET_NOT_CONNECT, packet, f"The first packet is {packet.name}", 0, 1)
    elif packet.type == codes.CONNACK:
        report.at(rules.CONNACK_UNASKED, packet, "CONNACK, though the client has sent no CONNECT", 0, 1)
    else:
        what = f"The broker's first packet is {packet.name}, though the client has sent no CONNECT"
        report.at(rules.FIRST_ANSWER_NOT_CONNACK, packet, what, 0, 1)


def joined(report: Report, link: Link, packet: Packet) -> None:
    """The first packet of a connection of whose beginning the capture lacks something."""
    if not link.begun:
        link.begun = True
        what = f"{packet.name} is the first packet captured of the connection"
        report.at(rules.CONNECT_NOT_CAPTURED, packet, what)
