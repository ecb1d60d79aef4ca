"""`mqttdissect sessions`: connections as rows of a table, as pages, and as JSON; clients across their connections."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field

from mqttdissect.analysis.facts import (
    BROKER_SIDE,
    CLIENT_SIDE,
    ENDS,
    NEVER_EXPIRES,
    OPEN,
    UNKNOWN,
    Limits,
    Link,
    Subscription,
    Will,
)
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.rule import SEVERITIES
from mqttdissect.mqtt.codes import CONNACK_RETURN, REASONS, VERSIONS
from mqttdissect.net.address import endpoint
from mqttdissect.output.clock import seconds
from mqttdissect.output.text import shortened, visible
from mqttdissect.output.theme import Theme

SIDES = ("client", "broker")
LONGEST = 200  # characters of a name
MOST_FINDINGS = 50  # on one page
LABEL = 16  # columns in front of what a line of a page says


def words(text: str) -> str:
    """A name from the wire, harmless and short."""
    return shortened(visible(text), LONGEST)


def duration(ns: int) -> str:
    """`0.8 ms`, `12.3 s`, `4 min 10 s`, `3 h 20 min`"""
    if ns < 0:
        return "?"
    if ns < 1_000_000_000:
        return f"{ns / 1e6:.3g} ms"
    whole = ns // 1_000_000_000
    if whole < 60:
        return f"{ns / 1e9:.3g} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def size(count: int) -> str:
    """Bytes, as people say them."""
    if count < 1000:
        return f"{count} B"
    for unit in ("kB", "MB", "GB"):
        count_of = count / 1000.0
        if count_of < 999.5 or unit == "GB":
            return f"{count_of:.3g} {unit}"
        count //= 1000
    return ""


def code_words(link: Link) -> str:
    """The CONNACK's code in words; empty while there is none."""
    code = int(link.code)
    if code == UNKNOWN:
        return ""
    names = REASONS if link.version >= 5 else CONNACK_RETURN
    return f"0x{code:02x} {names.get(code, 'not defined')}" if link.version >= 5 else f"{code} {names.get(code, '?')}"


def ending(link: Link) -> str:
    """How it ended, and who ended it."""
    how = ENDS[int(link.end)]
    if link.disconnect_side >= 0:
        side = SIDES[int(link.disconnect_side)]
        reason = ""
        if link.version >= 5:
            code = int(link.disconnect_code)
            reason = f" 0x{code:02x} {'Normal disconnection' if code == 0 else REASONS.get(code, 'not defined')}"
        return f"DISCONNECT by the {side}{reason}"
    if link.end_side >= 0 and how in ("FIN", "RST"):
        return f"{how} by the {SIDES[int(link.end_side)]}"
    return how


def broker_and_client(link: Link) -> tuple[str, str]:
    """Addresses and ports."""
    flow = link.stream.flow
    from_client = int(link.client_direction) != 1
    return endpoint(flow, not from_client), endpoint(flow, from_client)


COLUMNS = (
    "stream", "client", "address", "broker", "version", "start", "lasted", "packets ↑", "packets ↓", "bytes ↑",
    "bytes ↓", "subscriptions", "findings", "end",
)  # fmt: skip


def row(link: Link, first_ns: int) -> list[str]:
    """A connection as cells, as in `COLUMNS`; ↑ is from the client."""
    broker, client = broker_and_client(link)
    up, down = link.of(CLIENT_SIDE), link.of(BROKER_SIDE)
    name = words(link.client_id) if link.client_id else "(not known)"
    return [
        str(link.number),
        name,
        client,
        broker,
        VERSIONS[int(link.version)] if link.connect_frame else "?",
        seconds(int(link.first_ns) - first_ns, 3),
        duration(int(link.end_ns - link.first_ns)),
        f"{up.packets:,}",
        f"{down.packets:,}",
        size(int(up.bytes)),
        size(int(down.bytes)),
        str(len(link.subscribed)),
        str(link.findings) if link.findings else "-",
        ending(link) + (" (partial)" if link.partial else ""),
    ]


def csv_line(cells: list[str]) -> str:
    """RFC 4180; what a spreadsheet would run as a formula is made text."""
    out = io.StringIO()
    csv.writer(out).writerow(["'" + cell if cell[:1] in "=+-@" and cell != "-" else cell for cell in cells])
    return out.getvalue()


def limits_of(limits: Limits, broker: bool) -> dict[str, object]:
    """What a side takes."""
    found: dict[str, object] = {
        "receive_maximum": int(limits.receive_maximum),
        "maximum_packet_size": int(limits.maximum_packet) or None,
        "topic_alias_maximum": int(limits.alias_maximum),
    }
    if broker:
        found["maximum_qos"] = int(limits.maximum_qos)
        found["retain_available"] = limits.retain
        found["wildcard_subscription_available"] = limits.wildcards
        found["subscription_identifiers_available"] = limits.subscription_identifiers
        found["shared_subscription_available"] = limits.shared
    return found


def will_of(will: Will, link: Link) -> dict[str, object]:
    """A will, and what became of it."""
    return {
        "topic": will.topic,
        "payload_bytes": len(will.payload),
        "qos": int(will.qos),
        "retain": will.retain,
        "delay": int(will.delay),
        "cancelled": will.cancelled,
        "published_in_frame": int(will.fired) or None,
    }


def subscription_of(one: Subscription) -> dict[str, object]:
    """A subscription, from SUBSCRIBE to UNSUBSCRIBE."""
    return {
        "filter": one.filter,
        "qos": int(one.qos),
        "granted": int(one.granted) if one.granted >= 0 else None,
        "frame": int(one.frame),
        "time": seconds(int(one.time_ns), 9),
        "unsubscribed_in_frame": int(one.left_frame) or None,
    }


def as_json(link: Link, findings: list[Finding]) -> dict[str, object]:
    """All that is known of a connection."""
    broker, client = broker_and_client(link)
    up, down = link.of(CLIENT_SIDE), link.of(BROKER_SIDE)
    stream = link.stream
    lasted = int(link.end_ns - link.first_ns)
    v5 = link.version >= 5
    return {
        "stream": int(link.number),
        "client_id": link.client_id,
        "client": client,
        "broker": broker,
        "carrier": stream.carrier or None,
        "version": VERSIONS[int(link.version)] if link.connect_frame else None,
        "frames": [int(link.first_frame), int(link.end_frame)],
        "start": seconds(int(link.first_ns), 9),
        "duration": seconds(lasted, 9),
        "connect_frame": int(link.connect_frame) or None,
        "connack_frame": int(link.connack_frame) or None,
        "answered_after": seconds(int(link.connack_ns - link.connect_ns), 9)
        if link.connack_frame and link.connect_frame
        else None,
        "clean_start": link.clean if link.connect_frame else None,
        "session_expiry": int(link.expiry) if v5 and link.connect_frame else None,
        "session_expiry_least": int(link.expiry_least) if v5 and link.connect_frame else None,
        "session_present": link.session_present if link.connack_frame else None,
        "code": int(link.code) if link.code >= 0 else None,
        "code_name": code_words(link) or None,
        "keep_alive": int(link.keep_alive) if link.keep_alive >= 0 else None,
        "user_name": link.user_name or None,
        "authentication_method": link.auth_method or None,
        "will": will_of(link.will, link) if link.will is not None else None,
        "client_limits": limits_of(up.limits, False) if v5 else None,
        "broker_limits": limits_of(down.limits, True) if v5 else None,
        "subscriptions": [subscription_of(one) for one in link.subscribed],
        "packets": [int(up.packets), int(down.packets)],
        "bytes": [int(up.bytes), int(down.bytes)],
        "messages": [int(up.messages), int(down.messages)],
        "retransmissions": [int(stream.source.retransmissions), int(stream.destination.retransmissions)],
        "end": ENDS[int(link.end)],
        "end_by": SIDES[int(link.end_side)] if link.end_side >= 0 else None,
        "end_reason": int(link.disconnect_code) if link.disconnect_side >= 0 and v5 else None,
        "partial": link.partial or None,
        "findings": [
            {"rule": one.rule.id, "severity": SEVERITIES[int(one.severity)], "frame": int(one.frame), "what": one.what}
            for one in findings[:MOST_FINDINGS]
        ]
        if findings
        else int(link.findings),
    }


def page(link: Link, findings: list[Finding], first_ns: int, theme: Theme) -> str:
    """One connection on a page."""
    broker, client = broker_and_client(link)
    up, down = link.of(CLIENT_SIDE), link.of(BROKER_SIDE)
    v5 = link.version >= 5
    name = words(link.client_id) if link.client_id else "(client identifier not known)"
    lines = [
        f"{theme.paint(theme.heading, f'Stream {link.number}')}  {theme.paint(theme.topic, name)}  "
        f"{theme.paint(theme.address, f'{client} → {broker}')}"
    ]

    def line(label: str, text: str) -> None:
        if text:
            lines.append(f"  {label:<{LABEL}}{text}")

    line("carried by", link.stream.carrier)
    if link.connect_frame:
        clean = ("clean start" if v5 else "clean session") if link.clean else ("resume" if v5 else "persistent session")
        parts = [f"MQTT {VERSIONS[int(link.version)]}", clean]
        if v5:
            parts.append(expiry_words(link))
        keep = "off" if link.keep_alive == 0 else f"{link.keep_alive} s"
        if link.keep_alive != link.keep_alive_told:
            keep += f" (the broker's; the client said {link.keep_alive_told} s)"
        parts.append(f"keep alive {keep}")
        if link.user_name:
            parts.append(f"user {words(link.user_name)}")
        line("CONNECT", f"#{link.connect_frame}  {', '.join(parts)}")
    if link.connack_frame:
        took = f", after {duration(int(link.connack_ns - link.connect_ns))}" if link.connect_frame else ""
        present = ", session present" if link.session_present else ""
        line("CONNACK", f"#{link.connack_frame}  {code_words(link)}{present}{took}")
    if link.auth_method:
        line("authentication", words(link.auth_method))
    if v5 and link.connack_frame:
        line("client takes", limits_words(up.limits, False))
        line("broker takes", limits_words(down.limits, True))
    if link.will is not None:
        line("will", will_words(link.will))
    for one in link.subscribed:
        line("subscription", subscription_words(one, first_ns, theme))
    lasted = max(int(link.end_ns - link.first_ns), 1)
    line("lasted", f"{duration(lasted)}, from {seconds(int(link.first_ns) - first_ns)} s")
    for label, side in (("client sent", up), ("broker sent", down)):
        rate = f", {side.packets * 1_000_000_000 / lasted:.3g} packets/s" if side.packets > 1 else ""
        line(label, f"{side.packets:,} packets ({side.messages:,} PUBLISH), {size(int(side.bytes))}{rate}")
    again = int(link.stream.source.retransmissions + link.stream.destination.retransmissions)
    if again:
        line("TCP", f"{again} segments were sent again")
    line("end", f"#{link.end_frame}  {ending(link)}" if link.end != OPEN else "open")
    for why in link.partial:
        line("partial", visible(why))
    for finding in findings[:MOST_FINDINGS]:
        severity = SEVERITIES[int(finding.severity)]
        style = theme.error if severity == "error" else theme.bits if severity == "warning" else theme.hidden
        line(
            theme.paint(style, severity.ljust(LABEL - 1)) + " ",
            f"#{finding.frame}  {finding.rule.id}: {words(finding.what)}",
        )
    if len(findings) > MOST_FINDINGS:
        line("", f"… and {len(findings) - MOST_FINDINGS} more findings; mqttdissect check lists all")
    return "\n".join(lines) + "\n"


def expiry_words(link: Link) -> str:
    """When its session is over, by the last that was said of it."""
    if link.expiry == 0:
        return "session ends with the connection"
    most = "never" if link.expiry == NEVER_EXPIRES else f"after {link.expiry} s"
    least = f"after {link.expiry_least} s (the broker's) or " if link.expiry_least < link.expiry else ""
    return f"session expires {least}{most}"


def limits_words(limits: Limits, broker: bool) -> str:
    """What a side takes, in words; what is the default is left out, but that it takes no topic aliases."""
    parts = []
    if limits.receive_maximum != 65535:
        parts.append(f"{limits.receive_maximum} messages in flight")
    if limits.maximum_packet:
        parts.append(f"packets up to {limits.maximum_packet} bytes")
    parts.append(f"topic aliases up to {limits.alias_maximum}" if limits.alias_maximum else "no topic aliases")
    if broker:
        if limits.maximum_qos < 2:
            parts.append(f"QoS up to {limits.maximum_qos}")
        parts += [
            f"no {what}"
            for what, taken in (
                ("retained messages", limits.retain),
                ("wildcards", limits.wildcards),
                ("subscription identifiers", limits.subscription_identifiers),
                ("shared subscriptions", limits.shared),
            )
            if not taken
        ]
    return ", ".join(parts)


def will_words(will: Will) -> str:
    """A will, and what became of it."""
    retain = ", retained" if will.retain else ""
    delay = f", after {will.delay} s" if will.delay else ""
    fate = "not seen"
    if will.fired:
        fate = f"published in #{will.fired}"
    elif will.cancelled:
        fate = "cancelled, the client came back" if will.came_back else "cancelled by DISCONNECT"
    return f"{words(will.topic)}  QoS {will.qos}{retain}{delay}, {len(will.payload)} bytes: {fate}"


def subscription_words(one: Subscription, first_ns: int, theme: Theme) -> str:
    """From SUBSCRIBE to UNSUBSCRIBE."""
    granted = f"QoS {one.granted} granted" if one.granted >= 0 else "not granted"
    parts = [f"QoS {one.qos} asked, {granted}"]
    parts += [name for name, on in (("no local", one.no_local), ("retain as published", one.retain_as_published)) if on]
    if one.retain_handling:
        parts.append(f"retain handling {one.retain_handling}")
    if one.identifier:
        parts.append(f"identifier {one.identifier}")
    left = f", until #{one.left_frame}" if one.left_frame else ""
    return f"#{one.frame}  {theme.paint(theme.topic, words(one.filter))}  {', '.join(parts)}{left}"


@dataclass
class ClientRow:
    """A client identifier at one broker, across its connections."""

    client: str
    broker: str
    first_ns: int
    last_ns: int = 0
    connections: int = 0
    refused: int = 0
    connected_ns: int = 0
    packets: list[int] = field(default_factory=lambda: [0, 0])
    messages: list[int] = field(default_factory=lambda: [0, 0])
    versions: set[str] = field(default_factory=set)
    findings: int = 0
    ends: dict[str, int] = field(default_factory=dict)

    def add(self, link: Link) -> None:
        """One more connection of it."""
        self.connections += 1
        self.refused += link.code > 0
        self.first_ns = min(self.first_ns, int(link.first_ns))
        self.last_ns = max(self.last_ns, int(link.end_ns))
        self.connected_ns += max(int(link.end_ns - link.first_ns), 0)
        for side in (CLIENT_SIDE, BROKER_SIDE):
            self.packets[side] += int(link.of(side).packets)
            self.messages[side] += int(link.of(side).messages)
        if link.connect_frame:
            self.versions.add(VERSIONS[int(link.version)])
        self.findings += int(link.findings)
        how = ending(link)
        self.ends[how] = self.ends.get(how, 0) + 1

    def cells(self, first_ns: int) -> list[str]:
        """As in `CLIENT_COLUMNS`."""
        ends = ", ".join(f"{how} ×{count}" if count > 1 else how for how, count in self.ends.items())
        return [
            words(self.client), self.broker, " ".join(sorted(self.versions)) or "?", str(self.connections),
            str(self.refused) if self.refused else "-", seconds(self.first_ns - first_ns, 3),
            duration(self.connected_ns), f"{self.packets[0]:,}", f"{self.packets[1]:,}", f"{self.messages[0]:,}",
            f"{self.messages[1]:,}", str(self.findings) if self.findings else "-", ends,
        ]  # fmt: skip


CLIENT_COLUMNS = (
    "client", "broker", "version", "connections", "refused", "first", "connected", "packets ↑", "packets ↓",
    "messages ↑", "messages ↓", "findings", "ends",
)  # fmt: skip
