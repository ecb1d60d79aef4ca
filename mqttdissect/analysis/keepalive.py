"""Keep Alive (3.1.2.10) and the pings that it brings about.

A silence is measured from the last byte of one packet of the client to the first byte of the next, or to the end of the
connection or of the capture. A client gets some grace, since timers are coarse; the broker's time is one and a half
times the Keep Alive. A silence in which TCP sent segments again, or in which the capture has a gap, tells nothing.
"""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis import rules
from mqttdissect.analysis.exchange import milliseconds
from mqttdissect.analysis.facts import BROKER_SIDE, BY_CAPTURE_END, CLIENT_SIDE, CONNECTED, Link
from mqttdissect.analysis.report import Report
from mqttdissect.mqtt.packet import Packet

SECOND: Final = 1_000_000_000
GRACE_NS: Final = 1_100_000_000  # of a client, or a quarter of its Keep Alive
BROKER_GRACE_NS: Final = 1_000_000_000  # or a tenth
LOOKS_NS: Final = 7_000_000_000  # between two looks of a broker at who is silent, or half a Keep Alive: then it closes
PING_NS: Final = 700_000_000  # that a PINGRESP may take until the connection ends
LONG: Final = 1800  # seconds of a Keep Alive that outlives what NATs and firewalls remember


def told(report: Report, link: Link, packet: Packet) -> None:
    """A CONNECT has said its Keep Alive."""
    if link.keep_alive_told == 0:
        report.at(rules.KEEP_ALIVE_ZERO, packet, "Keep Alive is 0: nobody will notice that the other side has gone")
    elif link.keep_alive_told > LONG:
        report.at(rules.KEEP_ALIVE_OVERSIZED, packet, f"Keep Alive is {link.keep_alive_told} s")


def speaks(report: Report, link: Link, packet: Packet) -> None:
    """The client sends `packet`: how long was it silent before?"""
    last = since(link)
    limit = link.keep_alive * SECOND
    silence = packet.begun_ns - last
    if packet.paused_ns > limit and watched(link, packet.begun_ns):
        if packet.paused_ns > limit * 3 // 2 + max(BROKER_GRACE_NS, limit // 10):
            tolerated(report, link, packet.frame, packet.time_ns, packet.paused_ns)
    if silence <= limit or not watched(link, last):
        return
    if silence > limit + max(GRACE_NS, limit // 4):
        said = f"The client was silent for {milliseconds(silence)}; its Keep Alive is {link.keep_alive} s"
        report.at(
            rules.KEEP_ALIVE_BROKEN,
            packet,
            said,
            related=[(int(link.of(CLIENT_SIDE).last_frame), "its last packet")],
            stated=stated(link),
        )
    if silence > limit * 3 // 2 + max(BROKER_GRACE_NS, limit // 10):
        tolerated(report, link, packet.frame, packet.time_ns, silence)


def tolerated(report: Report, link: Link, frame: i64, time_ns: i64, silence: i64) -> None:
    """The broker has not closed the connection."""
    said = f"The connection stayed open in a silence of {milliseconds(silence)}; Keep Alive is {link.keep_alive} s"
    report.of(rules.KEEP_ALIVE_NOT_ENFORCED, link, frame, time_ns, said,
              [(int(link.of(CLIENT_SIDE).last_frame), "the client's last packet")])  # fmt: skip


def since(link: Link) -> i64:
    """When a silence of the client begins: with its last packet, or once the CONNACK has said another Keep Alive."""
    last = link.of(CLIENT_SIDE).last_ns
    if last and link.keep_alive != link.keep_alive_told and link.connack_ns > last:
        return link.connack_ns
    return last


def stated(link: Link) -> str:
    """Where the standard says which Keep Alive counts, if not where the rule has it."""
    return "[MQTT-3.1.2-21]" if link.keep_alive != link.keep_alive_told else ""


def watched(link: Link, since_ns: i64) -> bool:
    """Is it known that the client was silent since then, of its own will?"""
    if link.keep_alive <= 0 or link.state != CONNECTED or since_ns == 0 or link.client_direction < 0:
        return False
    if not link.sure_since(CLIENT_SIDE, since_ns):
        return False
    return link.stream.half(link.client_direction).retransmitted_ns < since_ns


def silent_at_end(link: Link, end_ns: i64) -> bool:
    """Had the client been silent so long at the end that the broker had to close the connection?"""
    last = since(link)
    limit = link.keep_alive * SECOND
    return limit > 0 and last > 0 and end_ns - last >= limit * 3 // 2 - limit // 20


def ended(report: Report, link: Link) -> None:
    """The connection has ended, or the capture."""
    last_silence(report, link, link.end_frame, link.end_ns, link.end_side == BROKER_SIDE)
    pings(report, link, link.end_frame, link.end_ns)


def last_silence(report: Report, link: Link, frame: i64, end_ns: i64, by_broker: bool) -> None:
    """What ends a connection, at `frame`, is no packet of the client: how long was it silent before?"""
    last = since(link)
    if not watched(link, last) or link.stream.half(link.client_direction).arrived_ns > last + SECOND:
        return  # or it was sending a packet that did not come to its end
    limit = link.keep_alive * SECOND
    silence = end_ns - last
    if silent_at_end(link, end_ns):
        said = f"The client was silent for {milliseconds(silence)}; its Keep Alive is {link.keep_alive} s"
        report.of(rules.KEEP_ALIVE_BROKEN, link, frame, end_ns, said,
                  [(int(link.of(CLIENT_SIDE).last_frame), "its last packet")], stated=stated(link))  # fmt: skip
    grace = max(LOOKS_NS, limit // 2) if by_broker else max(BROKER_GRACE_NS, limit // 10)
    if link.sure_since(BROKER_SIDE, last) and silence > limit * 3 // 2 + grace:
        tolerated(report, link, frame, end_ns, silence)


def pings(report: Report, link: Link, frame: i64, end_ns: i64) -> None:
    """PINGREQs without an answer (3.12)."""
    if not link.pings or link.state < CONNECTED or not link.whole:
        return
    first_frame, first_ns = link.pings[0]
    if not link.sure_since(BROKER_SIDE, first_ns) or end_ns - first_ns < PING_NS:
        return
    if link.unheard(CLIENT_SIDE, first_ns):
        return
    if link.end == BY_CAPTURE_END and end_ns - first_ns < 2 * PING_NS:
        return
    count = len(link.pings) + link.more_pings
    said = f"PINGREQ has no PINGRESP, in {milliseconds(end_ns - first_ns)} until the end"
    if count > 1:
        said = f"{count} PINGREQs have no PINGRESP, the first in {milliseconds(end_ns - first_ns)} until the end"
    report.of(rules.PINGREQ_UNANSWERED, link, first_frame, first_ns, said, [(int(frame), "the end of the connection")])
