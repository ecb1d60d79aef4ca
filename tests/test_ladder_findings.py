"""Ladders: every finding is drawn, where it belongs, as far as that is known when it is drawn."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

from support import DISCONNECT, PINGREQ
from test_ladder import CAPTURES, Run, Scene, arrows, with_text

from mqttdissect.output.ladder.model import DRAWN_ANYWAY
from mqttdissect.pipeline import Dissector


def test_findings_stand_at_their_packet(mqttdissect: Run) -> None:
    """With the rule and where the standard states it; those about an end behind it. --no-findings leaves them out."""
    path = CAPTURES / "mosquitto-malformed-packets.pcapng"
    lines = mqttdissect("ladder", path, COLUMNS="120").stdout.splitlines()
    at = next(index for index, line in enumerate(lines) if "SUBSCRIBE" in line)
    assert "✗ Expected the flags of SUBSCRIBE to be 0010, not 0000 (reserved-flags, [MQTT-" in lines[at + 1]
    at = next(index for index, line in enumerate(lines) if "without a DISCONNECT" in line)
    assert "└ closed by the client" in lines[at - 1]
    without = mqttdissect("ladder", "--no-findings", path, COLUMNS="120").stdout
    assert "reserved-flags" not in without
    assert "✗ malformed at offset 0: expected the flags of SUBSCRIBE" in without


def test_every_finding_is_drawn(capture: Path, mqttdissect: Run) -> None:
    """Also those that only later traffic shows, and the end of the capture."""
    checked = [json.loads(line) for line in mqttdissect("check", "-T", "json", capture).stdout.splitlines()]
    found = Counter(one["rule"] for one in checked if "rule" in one and one["rule"] not in DRAWN_ANYWAY)
    drawn = mqttdissect("ladder", "--width", "5000", capture).stdout
    assert Counter(rule for rule in re.findall(r"[✗!·] .*\(([a-z0-9-]+)(?:, [^()]*)?\) *│", drawn)) == found


def test_what_only_later_traffic_shows_stands_at_its_packet(mqttdissect: Run) -> None:
    """In captures that are at rest and not too large; from a pipe it comes when it is known, with its own frame, and
    time does not go back for it."""
    path = CAPTURES / "amqtt-3.1.1-port-31883.pcap"
    lines = mqttdissect("ladder", path, COLUMNS="160").stdout.splitlines()
    at = next(index for index, line in enumerate(lines) if "delivery-above-granted" in line)
    assert "PUBLISH" in lines[at - 1] and "◀" in lines[at - 1]
    frame = lines[at - 1].split()[0]
    piped = mqttdissect("ladder", "-", input=path.read_bytes(), COLUMNS="160").stdout.splitlines()
    late = next(line for line in piped if "delivery-above-granted" in line)
    assert late.split()[0] == frame
    assert arrows(piped) == arrows(lines)
    assert not with_text(piped, "┊ -")


def test_a_connection_ends_behind_what_waits(mqttdissect: Run) -> None:
    """Its last packet waits behind a hole while others go on, and its FIN is captured: in whatever pieces it comes."""
    scene = Scene()
    one, two = scene.open("one"), scene.open("two")
    scene.keep(one.lose(0, 2).client(DISCONNECT).fin())
    for _ in range(20):
        scene.keep(two.client(PINGREQ))
    raw = scene.pcap()
    piped = mqttdissect("ladder", "--no-findings", "-", input=raw, COLUMNS="100").stdout.splitlines()
    at = next(index for index, line in enumerate(piped) if "DISCONNECT" in line)
    assert "… gap: 2 bytes missing" in piped[at - 1]
    assert "└ closed by the client" in piped[at + 1]


def test_nothing_is_said_of_what_lies_behind_the_count(mqttdissect: Run) -> None:
    """With -c N: no finding, and no end of a connection."""
    done = mqttdissect("ladder", "-c", "3", CAPTURES / "mosquitto-malformed-packets.pcapng", COLUMNS="120")
    lines = done.stdout.splitlines()
    assert len(arrows(lines)) == 3
    assert "reserved-flags" in lines[-1]


def test_connections_that_have_ended_are_let_go_of() -> None:
    """Findings are asked for while the ladder is drawn, and so are the connections, which nobody keeps."""
    from mqttdissect.analysis.analysis import Analysis
    from mqttdissect.cli.checked import made

    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed((CAPTURES / "mosquitto-many-clients.pcapng").read_bytes())
    dissector.close()
    assert made(dissector.analysis)
    assert dissector.analysis.take_links() == []
