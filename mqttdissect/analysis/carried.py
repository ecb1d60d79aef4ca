"""What MQTT asks of the WebSocket that carries it (3.1.1 and 5.0, chapter 6)."""

from typing import Final

from mypy_extensions import i64

from mqttdissect.analysis import rules
from mqttdissect.analysis.exchange import PARTIES, WHO
from mqttdissect.analysis.facts import CLIENT_SIDE, Link
from mqttdissect.analysis.report import Report
from mqttdissect.transport.websocket import Upgrade, WebSocket

SUBPROTOCOL: Final = "mqtt"
LONGEST: Final = 200  # characters of what a head says


def ended(report: Report, link: Link) -> None:
    """A connection is over: was it WebSocket, and as it should be?"""
    websocket = link.stream.transport
    if not isinstance(websocket, WebSocket) or link.version < 4:
        return
    for direction in (0, 1):
        sent = websocket.sides[direction]
        side = link.side(direction)
        if side < 0:
            continue
        asked = websocket.sides[websocket.client].upgrade
        offered = side == CLIENT_SIDE or asked is None or SUBPROTOCOL in asked.subprotocols
        if sent.upgrade is not None and offered:
            subprotocol(report, link, side, sent.upgrade)
        if sent.texts:
            what = f"{WHO[side].capitalize()} sent {sent.texts} text message{'s' if sent.texts > 1 else ''}"
            report.of(rules.WEBSOCKET_TEXT, link, sent.text_frame, sent.text_ns, what, fault=PARTIES[side])


def subprotocol(report: Report, link: Link, side: i64, upgrade: Upgrade) -> None:
    """The client offers mqtt, and the broker selects it; not if the client has not."""
    names = upgrade.subprotocols
    if SUBPROTOCOL in names:
        return
    listed = ", ".join(names)[:LONGEST]
    instead = f"{listed!r}" if names else "none"
    what = (
        f"{WHO[side].capitalize()} {'offers' if side == CLIENT_SIDE else 'selects'} {instead} as subprotocol, not mqtt"
    )
    report.of(rules.WEBSOCKET_SUBPROTOCOL, link, upgrade.frame, upgrade.time_ns, what, fault=PARTIES[side])
