"""Answers are tied to what they answer: every handshake, both directions, re-deliveries, gaps, bounds, what is printed.

A link is written as the frames see it: `{7: 6}` says that frame 7 answers frame 6. `Stream` sends a SYN, a SYN-ACK and
an ACK first, so the first packet is in frame 4, one packet in each frame after it.
"""

from __future__ import annotations

import json
import struct
import subprocess
from collections import Counter, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    CONNACK,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PSH,
    SECOND,
    Stream,
    connect,
    packet,
    pcap,
    publish,
    text,
)

from mqttdissect import dissect as mqttdissect_dissect
from mqttdissect.mqtt import codes
from mqttdissect.mqtt.answers import MOST_ALIKE, MOST_EARLY, MOST_WAITING, Answers, identifier, reason
from mqttdissect.mqtt.decode import decode
from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.registry import AUTH_REASON, PACKET_IDENTIFIER, PUBREC_REASON
from mqttdissect.output.links import MOST_APART, Holder, answer_to, duration, is_open
from mqttdissect.pipeline import Dissector

Run = Callable[..., subprocess.CompletedProcess[str]]

PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK = 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0


def dissect(capture: bytes) -> list[Packet]:
    """The packets of a capture, tied."""
    dissector = Dissector()
    dissector.mqtt.links = True
    return dissector.feed(capture) + dissector.close()


def answer(first: int, number: int = 1, rest: bytes = b"") -> bytes:
    """An acknowledgement."""
    return packet(first, struct.pack(">H", number) + rest)


def subscribe(number: int = 1) -> bytes:
    """SUBSCRIBE to t at QoS 0."""
    return packet(0x82, struct.pack(">H", number) + text("t") + b"\0")


def unsubscribe(number: int = 1) -> bytes:
    """UNSUBSCRIBE from t."""
    return packet(0xA2, struct.pack(">H", number) + text("t"))


def redelivered(message: bytes) -> bytes:
    """The same with DUP."""
    return bytes([message[0] | 8]) + message[1:]


def auth(reason: int) -> bytes:
    """AUTH of MQTT 5.0 with the method x."""
    return packet(0xF0, bytes([reason, 4, 0x15, 0, 1]) + b"x")


METHOD = b"\x15\0\1x"


def session(*steps: bytes, step_ns: int = 1_000_000, version: int = 4) -> list[Packet]:
    """CONNECT (frame 4), CONNACK (5), then the packets, each in a frame; a leading > or < says who sends it."""
    level = connect(level=version)
    accept = CONNACK if version < 5 else packet(0x20, b"\0\0\0")
    return exchange(b">" + level, b"<" + accept, *steps, step_ns=step_ns)


def exchange(*steps: bytes, step_ns: int = 1_000_000) -> list[Packet]:
    """The same without CONNECT and CONNACK before."""
    stream = Stream().handshake()
    for step in steps:
        stream.add(0 if step[:1] == b">" else 1, step[1:], 0x18)
    return dissect(pcap(stream.frames, step_ns=step_ns))


def links(packets: list[Packet]) -> dict[int, int]:
    """Frame of each answer to frame of what it answers; both sides of a link must say the same."""
    back = {int(one.frame): int(one.request.asked_frame) for one in packets if one.request is not None}
    forth = {
        int(one.response.answered_frame): int(one.frame)
        for one in packets
        if one.response is not None and one.response.answered_frame
    }
    assert back == forth
    return back


def handshakes(packets: list[Packet]) -> dict[int, int]:
    """Frame of the last packet of each longer handshake to frame of its first."""
    return {
        int(one.frame): int(one.request.began_frame)
        for one in packets
        if one.request is not None and one.request.began_frame and one.response is None
    }


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        (publish("t", b"x", 1, 7), answer(PUBACK, 7)), (subscribe(9), answer(SUBACK, 9, b"\0")),
        (unsubscribe(9), answer(UNSUBACK, 9)), (PINGREQ, PINGRESP),
    ],
    ids=["PUBLISH", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ"],
)  # fmt: skip
def test_a_request_and_its_answer(request_: bytes, response: bytes) -> None:
    """Each knows the other's frame and how long it took."""
    packets = session(b">" + request_, b"<" + publish("other"), b"<" + response)
    assert links(packets) == {5: 4, 8: 6}
    asked, told = packets[2], packets[4]
    assert told.request is asked.response
    assert asked.response is not None
    assert asked.response.answered_ns - asked.response.asked_ns == 2_000_000
    assert asked.request is None
    assert told.response is None


def test_from_the_broker() -> None:
    """It asks too: both directions have packet identifiers of their own."""
    steps = [b"<" + publish("t", b"", 1, 7), b">" + publish("t", b"", 1, 7), b"<" + answer(PUBACK, 7)]
    assert links(session(*steps, b">" + answer(PUBACK, 7))) == {5: 4, 8: 7, 9: 6}


def test_exactly_once() -> None:
    """Each packet names the one before it; the last knows the PUBLISH."""
    steps = [b">" + publish("t", b"", 2, 7), b"<" + answer(PUBREC, 7), b">" + answer(PUBREL, 7)]
    packets = session(*steps, b"<" + answer(PUBCOMP, 7), b">" + publish("t", b"", 2, 7), b"<" + answer(PUBREC, 7))
    assert links(packets) == {5: 4, 7: 6, 8: 7, 9: 8, 11: 10}
    assert handshakes(packets) == {9: 6}
    last = packets[5].request
    assert last is not None
    assert (packets[5].time_ns - last.began_ns, packets[5].time_ns - last.asked_ns) == (3_000_000, 1_000_000)


def test_a_message_that_is_refused() -> None:
    """No PUBREL follows a PUBREC with an error: the identifier is free again."""
    message = b">" + publish("t", b"", 2, 7, b"")
    refused, taken = b"<" + answer(PUBREC, 7, b"\x87\0"), b"<" + answer(PUBREC, 7)
    packets = session(message, refused, message, taken, b">" + answer(PUBREL, 7), version=5)
    assert links(packets) == {5: 4, 7: 6, 9: 8, 10: 9}
    assert packets[3].response is None


def test_authentication() -> None:
    """CONNECT, AUTH, AUTH, CONNACK, and the same again later, are handshakes of several steps."""
    opening = [b">" + connect(level=5, properties=METHOD), b"<" + auth(0x18), b">" + auth(0x18)]
    packets = exchange(*opening, b"<" + packet(0x20, b"\0\0\0"), b">" + auth(0x19), b"<" + auth(0x18),
                       b">" + auth(0x18), b"<" + auth(0))  # fmt: skip
    assert links(packets) == {5: 4, 6: 5, 7: 6, 9: 8, 10: 9, 11: 10}
    assert handshakes(packets) == {7: 4, 11: 8}


def test_pings_in_order() -> None:
    """They have no identifier: the first answer is to the first."""
    assert links(session(b">" + PINGREQ, b">" + PINGREQ, b"<" + PINGRESP, b"<" + PINGRESP)) == {5: 4, 8: 6, 9: 7}


def test_many_at_once_in_any_order() -> None:
    """Answers are found by their identifiers."""
    asked = [b">" + publish("t", b"", 1, number) for number in (1, 2, 3)]
    told = [b"<" + answer(PUBACK, number) for number in (3, 1, 2)]
    assert links(session(*asked, *told)) == {5: 4, 9: 8, 10: 6, 11: 7}


def test_the_type_counts_too() -> None:
    """A SUBACK is no answer to a PUBLISH with the same identifier."""
    steps = [b">" + publish("t", b"", 1, 1), b"<" + answer(SUBACK, 1, b"\0"), b"<" + answer(PUBREC, 1)]
    assert links(session(*steps)) == {5: 4}


@given(
    first=st.integers(0, 255),
    version=st.sampled_from([3, 4, 5]),
    rest=st.binary(min_size=1, max_size=40),
    short=st.booleans(),
    hole=st.integers(0, 40),
)
def test_what_is_read_of_a_packet_is_what_its_decoder_finds(
    first: int, version: int, rest: bytes, short: bool, hole: int
) -> None:
    data = bytes([first]) + (bytes([len(rest)]) if short else b"") + rest
    packet = Packet(None, 0, 1, 0, data, first >> 4)
    packet.version = version
    if hole and hole < len(data):
        packet.hole_offset = hole
        packet.hole_bytes = 1
    end = packet.hole_offset if packet.hole_offset >= 0 else len(data)
    decode(packet)
    if codes.PUBACK <= packet.type <= codes.UNSUBACK or (packet.type == codes.PUBLISH and packet.qos):
        found = packet.value(PACKET_IDENTIFIER)
        assert identifier(b"?" + data, 1, 1 + end) == (-1 if found is None else found)
    if version == 5 and packet.type == codes.PUBREC:
        assert reason(b"?" + data, 1, 1 + end, 2) == (packet.value(PUBREC_REASON) or 0)
    if version == 5 and packet.type == codes.AUTH:
        assert reason(b"?" + data, 1, 1 + end, 0) == (packet.value(AUTH_REASON) or 0)


def test_redelivery() -> None:
    """A message that is sent again is acknowledged again; the first answer belongs to the first delivery."""
    message = publish("t", b"", 1, 7)
    again = [b">" + message, b">" + redelivered(message)]
    assert links(session(*again, b"<" + answer(PUBACK, 7), b"<" + answer(PUBACK, 7))) == {5: 4, 8: 6, 9: 7}


def test_a_release_of_an_earlier_connection() -> None:
    """PUBREL that resumes a session answers nothing here, and is answered."""
    packets = session(b">" + answer(PUBREL, 7), b"<" + answer(PUBCOMP, 7))
    assert links(packets) == {5: 4, 7: 6}
    assert handshakes(packets) == {}


def test_an_identifier_in_use() -> None:
    """Nobody can tell which of two messages is meant; once both are answered it is clear again."""
    both = [b">" + publish("a", b"", 1, 7), b">" + publish("b", b"", 1, 7)]
    twice = [b"<" + answer(PUBACK, 7), b"<" + answer(PUBACK, 7)]
    assert links(session(*both, *twice, both[0], twice[0])) == {5: 4, 11: 10}


def test_never_answered() -> None:
    """Much later the identifier is taken to be free."""
    steps = [b">" + publish("a", b"", 1, 7), *[b">" + publish("between")] * 40, b">" + publish("b", b"", 1, 7)]
    packets = session(*steps, b"<" + answer(PUBACK, 7), step_ns=SECOND)
    assert links(packets) == {5: 4, 48: 47}


def test_a_message_that_never_went_on() -> None:
    """What was left of an older handshake is no part of the new one."""
    old = [b">" + publish("a", b"", 2, 7), b"<" + answer(PUBREC, 7)]
    new = [b">" + publish("b", b"", 2, 7), b"<" + answer(PUBREC, 7), b">" + answer(PUBREL, 7)]
    packets = session(*old, *new, b"<" + answer(PUBCOMP, 7))
    assert links(packets) == {5: 4, 7: 6, 9: 8, 10: 9, 11: 10}
    assert handshakes(packets) == {11: 8}


def with_gaps(steps: list[bytes], step_ns: int = 1_000_000) -> list[Packet]:
    """Steps as above, where ">-" and "<-" stand for a packet that the capture lacks, whose bytes are acknowledged."""
    stream = Stream().handshake()
    for step in [b">" + connect(), b"<" + CONNACK, *steps]:
        direction = 0 if step[:1] == b">" else 1
        if step[1:2] == b"-":
            stream.lose(direction, len(step) - 2).add(1 - direction)
        else:
            stream.add(direction, step[1:], PSH | 16)
    return dissect(pcap(stream.frames, step_ns=step_ns))


def test_a_gap_in_both_directions() -> None:
    """The answer, and the next message with the same identifier, may be what is missing: no link."""
    lost = [b"<-" + answer(PUBACK, 7), b">-" + publish("t", b"", 1, 7)]
    grace = [b">" + publish("q"), b"<" + publish("q")] * 3
    packets = with_gaps([b">" + publish("t", b"", 1, 7), *lost, *grace, b"<" + answer(PUBACK, 7)], SECOND)
    assert sum(one.gap_bytes > 0 for one in packets) == 2
    assert links(packets) == {5: 4}


def test_a_gap_where_the_answer_was() -> None:
    """The identifier is used again, so the answer was there. The gap shows too late for the first of the others."""
    lost = [b">" + publish("t", b"", 1, 7), b"<-" + answer(PUBACK, 7), b"<" + publish("q")]
    packets = with_gaps([*lost, *[b">" + publish("t", b"", 1, 7), b"<" + answer(PUBACK, 7)] * 2], SECOND)
    assert [one.name for one in packets if one.gap_bytes] == ["PUBLISH"]
    assert list(links(packets).values()) == [4, 11]


def test_a_gap_elsewhere() -> None:
    """An answer behind a gap in its own direction is the answer, as nothing else can have asked."""
    steps = [b">" + publish("t", b"", 1, 7), b"<-" + publish("lost"), b"<" + publish("q"), b"<" + answer(PUBACK, 7)]
    packets = with_gaps(steps, SECOND)
    assert sum(one.gap_bytes > 0 for one in packets) == 1
    assert len(links(packets)) == 2


def test_pings_behind_a_gap() -> None:
    """The answer may be to a PINGREQ that the capture lacks; later ones are clear."""
    lost = [b">-" + PINGREQ, b">" + PINGREQ, b">" + publish("q"), b"<" + PINGRESP, b"<" + PINGRESP]
    packets = with_gaps([*lost, *[b"<" + publish("q")] * 6, b">" + PINGREQ, b"<" + PINGRESP], SECOND)
    assert sum(one.gap_bytes > 0 for one in packets) == 1
    assert [links(packets)[frame] for frame in links(packets)] == [4, 17]


def test_an_answer_captured_before_the_message_could_be_read() -> None:
    """The message waits behind a hole, meanwhile its answer is there: no link, and none to the next answer."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    late = publish("late")
    at = stream.sequence[0]
    stream.lose(0, len(late)).client(publish("t", b"", 1, 7)).server(answer(PUBACK, 7)).add(0, late, 0x18, at)
    stream.client(publish("t", b"", 1, 7)).server(answer(PUBACK, 7))
    packets = dissect(pcap(stream.frames))
    assert [one.name for one in packets][2:] == ["PUBACK", "PUBLISH", "PUBLISH", "PUBLISH", "PUBACK"]
    assert links(packets) == {5: 4, 10: 9}


def test_held_up_before_the_answer() -> None:
    """A message that waited for a retransmission is tied to the answer that came after it."""
    stream = Stream().handshake().client(connect()).server(CONNACK)
    late = publish("late")
    at = stream.sequence[0]
    stream.lose(0, len(late)).client(publish("t", b"", 1, 7)).add(0, late, 0x18, at).server(answer(PUBACK, 7))
    assert links(dissect(pcap(stream.frames))) == {5: 4, 8: 7}


def test_joined_midway() -> None:
    """Answers to what nobody saw are tied to nothing."""
    frames = Stream().server(answer(PUBACK, 7), publish("t")).client(publish("t", b"", 1, 8), PINGREQ).server(PINGRESP)
    assert len(links(dissect(pcap(frames.frames)))) == 1


def test_several_packets_in_a_frame() -> None:
    """They are told apart by identifier; links say the frame."""
    asked = b"".join(publish("t", b"", 1, number) for number in (1, 2, 3))
    packets = session(b">" + asked, b"<" + answer(PUBACK, 1) + answer(PUBACK, 2), b"<" + answer(PUBACK, 3))
    found = [int(one.response.answered_frame) for one in packets if one.response is not None]
    assert found == [5, 7, 7, 8]


def test_what_waits_is_bounded() -> None:
    """A flood of requests that nobody answers keeps the latest ones; so does one of answers to nothing."""
    stream = Stream().handshake().client(connect())
    flood = b"".join(publish("t", b"", 1 + number // 65535, 1 + number % 65535) for number in range(100_000))
    stream.client(*[flood[at : at + 50_000] for at in range(0, len(flood), 50_000)])
    dissector = Dissector()
    dissector.mqtt.links = True
    packets = dissector.feed(pcap(stream.client(publish("t", b"", 1, 60_000)).server(answer(PUBACK, 60_000)).frames))
    answers = packets[0].stream.application.answers  # type: ignore[union-attr]
    assert isinstance(answers, Answers)
    assert len(links(packets)) == 1
    if hasattr(answers, "_waiting"):
        assert MOST_WAITING // 2 <= len(answers._waiting) <= MOST_WAITING
    noise = b"".join(answer(PUBACK, number) for number in range(1, 1000))
    dissector.feed(pcap(Stream(sequence=list(stream.sequence)).server(noise).frames)[24:])
    if hasattr(answers, "_early"):
        assert len(answers._early) <= MOST_EARLY


def test_alike_are_bounded() -> None:
    """A thousand pings without an answer are not kept, and the answers to some of them are not believed."""
    packets = session(*[b">" + PINGREQ] * 1000, *[b"<" + PINGRESP] * MOST_ALIKE)
    assert links(packets) == {5: 4}


# --- what is printed ------------------------------------------------------------------------------------------------


def objects(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The lines of JSON."""
    return [json.loads(line) for line in done.stdout.splitlines()]


EXPECTED = {"CONNECT": "CONNACK", "SUBSCRIBE": "SUBACK", "UNSUBSCRIBE": "UNSUBACK", "PINGREQ": "PINGRESP",
            "PUBREC": "PUBREL", "PUBREL": "PUBCOMP"}  # fmt: skip


def matched(packets: list[dict[str, Any]]) -> list[tuple[int, str, int, str]]:
    """An independent matching, from the JSON alone, of streams without gaps: (frame, type) of request and answer."""
    waiting: dict[tuple[object, ...], deque[dict[str, Any]]] = {}
    found = []
    for one in packets:
        name, fields = one["packet"], one["mqtt"]
        number = fields.get("mqtt.msgid", 0)
        step = "AUTH" if name in ("AUTH", "CONNACK") else name
        queue = waiting.get((one["stream"], one["src"], step, number))
        if queue:
            asked = queue.popleft()
            found.append((asked["frame"], asked["packet"], one["frame"], name))
        wanted = EXPECTED.get(name, "")
        if name == "PUBLISH":
            wanted = ["", "PUBACK", "PUBREC", ""][fields["mqtt.qos"]]
        if name == "CONNECT" or (name == "AUTH" and fields.get("mqtt.auth.reason_code", 0)):
            wanted = "AUTH"
        if name == "PUBREC" and fields.get("mqtt.pubrec.reason_code", 0) >= 0x80:
            wanted = ""
        if wanted:
            waiting.setdefault((one["stream"], one["dst"], wanted, number), deque()).append(one)
    return sorted(found)


def test_shipped_captures(mqttdissect: Run, capture: Path) -> None:
    """As matched here; where the capture has gaps, or packets that cannot be read, at least nothing else is linked."""
    packets = objects(mqttdissect("-T", "json", capture))
    named = {(one["frame"], one["packet"]): one for one in packets}
    kinds = Counter((one["frame"], one["packet"]) for one in packets)
    expected = matched(packets)
    whole = not any(one["packet"] is None or "gap" in one or "lacks" in str(one["malformed"]) for one in packets)
    back = Counter((one["request"]["frame"], one["frame"], one["packet"]) for one in packets if "request" in one)
    forth = Counter((one["frame"], one["packet"], one["response"]["frame"]) for one in packets if "response" in one)
    assert back <= Counter((asked, told, name) for asked, _, told, name in expected)
    assert forth <= Counter((asked, name, told) for asked, name, told, _ in expected)
    if whole:
        assert sum(back.values()) == sum(forth.values()) == len(expected)
    for one in packets:
        for key in ("request", "response"):
            if key in one and kinds[one["frame"], one["packet"]] == 1:
                sign = 1 if key == "request" else -1
                others = [other for (frame, _), other in named.items() if frame == one[key]["frame"]]
                assert ns(one[key]["time"]) in [(ns(one["time"]) - ns(other["time"])) * sign for other in others]


def ns(time: str) -> int:
    """Nanoseconds."""
    return int(time.replace(".", ""))


@pytest.fixture
def delivery(tmp_path: Path) -> Path:
    """A message at QoS 2."""
    path = tmp_path / "delivery.pcap"
    stream = Stream().handshake().client(connect()).server(CONNACK).client(publish("t", b"", 2, 7))
    stream.server(answer(PUBREC, 7)).client(answer(PUBREL, 7)).server(answer(PUBCOMP, 7)).client(DISCONNECT)
    path.write_bytes(pcap(stream.frames, step_ns=800_000))
    return path


def test_in_the_tree(mqttdissect: Run, delivery: Path) -> None:
    """At the end of the packet."""
    trees = mqttdissect(delivery).stdout.split("\n\n")
    assert trees[0].endswith("\n└─ Response in #5, 0.8 ms")
    assert trees[3].endswith("\n├─ Request in #6, 0.8 ms\n└─ Response in #8, 0.8 ms")
    assert trees[5].endswith("\n├─ Request in #8, 0.8 ms\n└─ PUBLISH in #6, 2.4 ms in all")
    assert trees[6].startswith("#10")
    assert "in #" not in trees[6]


def test_in_json(mqttdissect: Run, delivery: Path) -> None:
    """As objects beside the fields, and as fields."""
    last = objects(mqttdissect("-T", "json", delivery))[5]
    assert last["request"] == {"frame": 8, "time": "0.000800000"}
    assert last["handshake"] == {"frame": 6, "time": "0.002400000"}
    assert "response" not in last
    assert {name: value for name, value in last["mqtt"].items() if "_" in name and "hdr" not in name} == {
        "mqtt.request_in": 8, "mqtt.response_time": 0.0008, "mqtt.handshake_in": 6, "mqtt.handshake_time": 0.0024,
    }  # fmt: skip
    assert objects(mqttdissect("-T", "json", delivery))[2]["response"] == {"frame": 7, "time": "0.000800000"}


def test_as_columns(mqttdissect: Run, delivery: Path) -> None:
    """Who asks for a field gets it, also from a pipe; `mqttdissect fields` lists them."""
    names = ["mqtt.request_in", "mqtt.response_time", "mqtt.response_in", "mqtt.handshake_in", "mqtt.handshake_time"]
    columns = [part for name in names for part in ("-e", name)]
    rows = ["\t\t5\t\t", "4\t0.000800000\t\t\t", "\t\t7\t\t", "6\t0.000800000\t8\t\t", "7\t0.000800000\t9\t\t",
            "8\t0.000800000\t\t6\t0.002400000", "\t\t\t\t"]  # fmt: skip
    assert mqttdissect("-T", "fields", *columns, delivery).stdout.splitlines() == rows
    piped = mqttdissect("-T", "fields", *columns, "-", input=delivery.read_bytes())
    assert piped.stdout.splitlines() == rows
    listed = mqttdissect("fields").stdout
    assert all(name in listed for name in names)


def test_switched_off_and_on(mqttdissect: Run, delivery: Path) -> None:
    """--no-links says nothing; the summary says it only if asked; what comes from a pipe does not wait."""
    assert " in #" not in mqttdissect("--no-links", delivery).stdout
    assert "request" not in mqttdissect("--no-links", "-T", "json", delivery).stdout
    assert " in #" not in mqttdissect("-P", delivery).stdout
    assert mqttdissect("-P", "--links", delivery).stdout.splitlines()[2].endswith("  [Response in #7, 0.8 ms]")
    piped = mqttdissect("-", input=delivery.read_bytes()).stdout
    assert "Request in #8" in piped
    assert "Response in" not in piped
    assert "Response in #9" in mqttdissect("--links", "-", input=delivery.read_bytes()).stdout


def test_with_a_count(mqttdissect: Run, delivery: Path) -> None:
    """The last packet that is wanted names an answer that is printed no more."""
    trees = mqttdissect("-c", "3", delivery).stdout.split("\n\n")
    assert len(trees) == 4
    assert trees[2].endswith("└─ Response in #7, 0.8 ms")


# --- holding packets back -------------------------------------------------------------------------------------------


def held(*steps: bytes) -> tuple[Holder, list[Packet]]:
    """A holder, and the packets of a session."""
    return Holder(), session(*steps)


def test_nothing_is_held_without_need() -> None:
    """All answers are there."""
    holder, packets = held(b">" + PINGREQ, b"<" + PINGRESP)
    assert holder.take(packets, 0, 0) == packets
    assert (holder.waiting, holder.close()) == (0, [])


def test_order_is_kept() -> None:
    """What follows a packet that waits waits too, until it has been too long."""
    holder, packets = held(b">" + publish("t", b"", 1, 7), b"<" + publish("t"))
    assert holder.take(packets, 0, 0) == packets[:2]
    assert holder.waiting == 2
    assert packets[2].response is not None
    limit = int(packets[2].response.asked_cost) + MOST_APART
    assert holder.take([], limit, 0) == []
    assert holder.take([], limit + 1, 0) == packets[2:]
    assert holder.waiting == 0


def test_patience() -> None:
    """Where somebody waits for the packets, time counts too."""
    packets = session(b">" + publish("t", b"", 1, 7))
    holder = Holder(SECOND)
    last = int(packets[-1].time_ns)
    assert len(holder.take(packets, 0, last)) == 2
    assert holder.take([], 0, last + SECOND) == []
    assert len(holder.take([], 0, last + SECOND + 1)) == 1


@pytest.mark.parametrize("between", [publish("q") * 1000, publish("q", bytes(50_000))], ids=["small", "large"])
def test_too_far_apart(between: bytes) -> None:
    """What lies between a request and the answer that it names takes a few MiB at most, and no more is ever held."""
    dissector = Dissector()
    dissector.mqtt.links = True
    stream = Stream().handshake().client(connect()).server(CONNACK).client(publish("t", b"", 1, 7))
    first = dissector.feed(pcap(stream.frames))[2]
    holder = Holder()
    most = 0
    holder.take([first], int(dissector.mqtt.cost), 0)
    for _ in range(1 + MOST_APART // len(between)):
        assert first.response is not None
        near = dissector.mqtt.cost - first.response.asked_cost <= MOST_APART
        assert bool(holder.waiting) is is_open(first, int(dissector.mqtt.cost)) is near
        packets = dissector.feed(pcap(Stream(sequence=list(stream.sequence)).client(between).frames)[24:])
        stream.lose(0, len(between))
        most = max(most, holder.waiting + len(packets))
        holder.take(packets, int(dissector.mqtt.cost), 0)
        if not near:
            break
    assert (holder.waiting, near) == (0, False)
    assert most * 1024 < MOST_APART + 1024 * 1100
    last = Stream(sequence=list(stream.sequence)).server(answer(PUBACK, 7)).frames
    assert dissector.feed(pcap(last)[24:])[0].request is first.response
    assert answer_to(first) is None


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (0, "0 ms"), (25_000, "0.025 ms"), (800_000, "0.8 ms"), (1_581_999, "1.581 ms"), (12_345_678, "12.3 ms"),
        (999_999_999, "999.9 ms"), (1_234_567_890, "1.234 s"), (-800_000, "-0.8 ms"),
    ],
)  # fmt: skip
def test_durations(ns: int, words: str) -> None:
    """Three digits are enough."""
    assert duration(ns).decode() == words


def test_from_python(delivery: Path) -> None:
    """`dissect` ties packets; what answers a packet is known when that has been read."""
    packets = list(mqttdissect_dissect(delivery))
    assert links(packets) == {5: 4, 7: 6, 8: 7, 9: 8}
