"""`mqttdissect sessions`: what is said of connections and clients, on captures whose course is known."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support import DISCONNECT, Stream, connect, packet, pcap

CAPTURES = Path(__file__).parent.parent / "captures"
Run = Callable[..., subprocess.CompletedProcess[str]]


def sessions(run: Run, name: str, *more: str) -> list[dict[str, object]]:
    """The JSON objects, by start."""
    done = run("sessions", "-T", "json", CAPTURES / name, *more)
    assert done.returncode in (0, 1), done.stderr
    return sorted((json.loads(line) for line in done.stdout.splitlines()), key=lambda one: one["stream"])


def test_wills_are_told_with_what_became_of_them(mqttdissect: Run) -> None:
    found = {one["client_id"]: one["will"] for one in sessions(mqttdissect, "mosquitto-5.0-wills.pcapng")}
    assert found["dies-now"]["published_in_frame"] == 49
    assert found["dies-late"]["published_in_frame"] == 77
    assert found["polite"]["published_in_frame"] == 62, "DISCONNECT 0x04 asks for the will"
    assert found["quiet"]["cancelled"] and found["quiet"]["published_in_frame"] is None


def test_a_will_is_cancelled_when_the_client_comes_back(mqttdissect: Run) -> None:
    done = mqttdissect("sessions", "--client", "comes-back", CAPTURES / "mosquitto-5.0-wills.pcapng")
    assert "cancelled, the client came back" in done.stdout
    assert done.stdout.count("Stream ") == 2


def test_the_end_says_who_ended_it_and_why(mqttdissect: Run) -> None:
    ends = {one["client_id"]: one for one in sessions(mqttdissect, "mosquitto-5.0-broker-limits.pcap")}
    assert ends["loud"]["end"] == "DISCONNECT" and ends["loud"]["end_by"] == "broker"
    assert ends["loud"]["end_reason"] == 0x95
    wills = sessions(mqttdissect, "mosquitto-3.1.1-will.pcap")
    assert "keep alive expired" in [one["end"] for one in wills]


def test_refused_connections_have_their_code(mqttdissect: Run) -> None:
    found = sessions(mqttdissect, "mosquitto-5.0-refused.pcap")
    refused = [one for one in found if one["code"]]
    assert refused and all(one["end"] in ("refused", "DISCONNECT") and one["code_name"] for one in refused)


def test_negotiated_limits(mqttdissect: Run) -> None:
    found = sessions(mqttdissect, "mosquitto-5.0-broker-limits.pcap")
    limits = {one["client_id"]: one["broker_limits"] for one in found}
    assert limits["loud"]["maximum_packet_size"] == 2048
    assert limits["eager"]["maximum_qos"] == 1
    assert limits["keeper"]["retain_available"] is False


def test_every_line_of_a_page_has_its_words_behind_its_label(mqttdissect: Run) -> None:
    """The longest label, and what the sides take where they have said nothing."""
    method = b"\x15\0\5SCRAM"
    accepted = packet(0x20, bytes([0, 0, len(method)]) + method)
    frames = Stream().handshake().client(connect(level=5, properties=method)).server(accepted).client(DISCONNECT).fin()
    page = mqttdissect("sessions", "--pages", "-", input=pcap(frames.frames)).stdout
    assert "  authentication  SCRAM\n" in page
    assert "  client takes    no topic aliases\n  broker takes    no topic aliases\n" in page


def test_subscriptions_over_time(mqttdissect: Run) -> None:
    found = sessions(mqttdissect, "mosquitto-5.0-subscriptions.pcapng")
    asked = [one for link in found for one in link["subscriptions"]]
    assert asked
    assert all(one["granted"] is not None for one in asked if one["qos"] < 3)


def test_every_packet_is_counted_once(capture: Path, mqttdissect: Run) -> None:
    lines = mqttdissect("-T", "json", capture).stdout.splitlines()
    packets = [json.loads(line) for line in lines]
    of_known = [one for one in packets if one["packet"]]
    found = sessions(mqttdissect, capture.name)
    assert sum(sum(one["packets"]) for one in found) <= len(of_known)
    if not any(one["partial"] for one in found):
        assert sum(sum(one["packets"]) for one in found) == len(of_known)
        assert sum(sum(one["bytes"]) for one in found) == sum(one["length"] for one in of_known)


def test_a_table_has_a_row_a_connection_by_start(mqttdissect: Run) -> None:
    done = mqttdissect("sessions", CAPTURES / "mosquitto-many-clients.pcapng")
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert rows[0][:2] == ["stream", "client"]
    assert [int(row[0]) for row in rows[1:]] == sorted(int(row[0]) for row in rows[1:])
    assert {len(row) for row in rows} == {len(rows[0])}


def test_csv_and_by_client(mqttdissect: Run) -> None:
    done = mqttdissect("sessions", "--by-client", "-T", "csv", CAPTURES / "mosquitto-3.1.1-redelivery.pcap")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    connections = {row["client"]: int(row["connections"]) for row in rows}
    assert connections["forgetful"] > 1
    assert sum(connections.values()) == len(sessions(mqttdissect, "mosquitto-3.1.1-redelivery.pcap"))


def test_one_that_was_joined_says_why_it_is_partial(mqttdissect: Run) -> None:
    found = sessions(mqttdissect, "mosquitto-joined-midway.pcap")
    assert any(one["partial"] for one in found)


@pytest.mark.parametrize("arguments", [("--by-client", "-T", "json"), ("--stream", "-1"), ("--client",)])
def test_wrong_options_are_one_line(mqttdissect: Run, arguments: tuple[str, ...]) -> None:
    done = mqttdissect("sessions", CAPTURES / "mosquitto-3.1.1-qos.pcap", *arguments)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1


def test_nobody_of_that_name(mqttdissect: Run) -> None:
    done = mqttdissect("sessions", "--client", "nobody", CAPTURES / "mosquitto-3.1.1-qos.pcap")
    assert done.returncode == 0 and done.stdout == "" and "no session" in done.stderr
