"""What other tools report of MQTT is reported here, by one of the rules that `peers` names, at the same packet.

Wireshark: tshark runs on conversations that are made to provoke each of its expert items, in every place and version;
wherever it has one, so has `check`. Runs where tshark is installed (CI installs it).
Suricata: it is not at hand, so the cases are derived from where rust/src/mqtt (mqtt.rs, parser.rs) sets each event,
which is at the last packet of a case.

What those tools report though it is no fault is in tables of its own, with the reason.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from conversations import C, S, ack, connack, connect, number, publish, suback, subscribe, unsubscribe
from support import DISCONNECT, PINGREQ, PINGRESP, Stream, packet, pcap, text, varint

from mqttdissect.analysis.analysis import Analysis
from mqttdissect.analysis.finding import Finding
from mqttdissect.analysis.peers import SURICATA, WIRESHARK, Peer
from mqttdissect.analysis.rule import WARNING
from mqttdissect.pipeline import Dissector

VERSIONS = (3, 4, 5)
Sent = list[tuple[int, bytes]]  # by which side, in order


class Sample(NamedTuple):
    """A packet as its side may send it: first byte, the fields that it has to have, what may follow. shorter: bytes of
    `fields` that are enough all the same."""

    side: int
    first: int
    fields: bytes
    rest: bytes = b""
    shorter: tuple[int, ...] = ()

    @property
    def data(self) -> bytes:
        """All of it."""
        return packet(self.first, self.fields + self.rest)


def properties(*each: bytes) -> bytes:
    """With their length."""
    return varint(len(b"".join(each))) + b"".join(each)


USER_PROPERTY, REASON = b"\x26" + text("k") + text("v"), b"\x1f" + text("why")
ALIAS_1, ALIAS_0 = b"\x23\0\1", b"\x23\0\0"
OF_CONNECT = [b"\x11\0\0\0\0", b"\x21\0\5", b"\x27\0\1\0\0", b"\x22\0\5", b"\x19\1", b"\x17\1", b"\x15" + text("m"),
              b"\x16" + text("data"), USER_PROPERTY]  # fmt: skip
OF_WILL = [b"\x18\0\0\0\1", b"\1\1", b"\2\0\0\0\5", b"\3" + text("t"), b"\x08" + text("r"), b"\x09" + text("c")]
OF_CONNACK = [b"\x12" + text("id"), b"\x13\0\x3c", b"\x24\1", b"\x25\1", b"\x28\1", b"\x29\1", b"\x2a\1",
              b"\x1a" + text("i"), b"\x1c" + text("s"), REASON]  # fmt: skip
OF_PUBLISH = [b"\1\1", b"\2\0\0\0\5", ALIAS_1, b"\3" + text("t"), b"\x08" + text("r"), b"\x09" + text("c")]


def samples(version: int) -> dict[str, Sample]:
    """One of each type; in 5.0 with nearly every property."""

    def some(*each: bytes) -> bytes:
        return properties(*each) if version == 5 else b""

    name = text("MQIsdp" if version == 3 else "MQTT") + bytes([version, 0xC6]) + number(60)
    told = name + some(*OF_CONNECT) + text("id") + some(*OF_WILL) + text("w/t") + text("gone")
    user, password = text("user"), text("secret")
    answer = number(7) + (b"\0" + properties(REASON, USER_PROPERTY) if version == 5 else b"")
    code = b"\0" if version == 5 else b""
    enough = (2, 3) if version == 5 else ()
    by_length = (len(told), len(told + user)) if version == 3 else ()  # 3.1 lets the Remaining Length say what follows
    asked, answered = number(7) + some(USER_PROPERTY), number(7) + some(REASON)
    found = {
        "CONNECT": Sample(C, 0x10, told + user + password, b"", by_length),
        "CONNACK": Sample(S, 0x20, b"\0\0" + some(*OF_CONNACK)),
        "PUBLISH": Sample(C, 0x30, text("a/b") + some(*OF_PUBLISH), b"hello"),
        "PUBLISH of QoS 1": Sample(S, 0x32, text("a/b") + number(7) + some(*OF_PUBLISH), b"hello"),
        "PUBACK": Sample(S, 0x40, answer, b"", enough),
        "PUBREC": Sample(S, 0x50, answer, b"", enough),
        "PUBREL": Sample(C, 0x62, answer, b"", enough),
        "PUBCOMP": Sample(S, 0x70, answer, b"", enough),
        "SUBSCRIBE": Sample(C, 0x82, asked + text("a/b") + b"\1", text("c") + b"\0"),
        "SUBACK": Sample(S, 0x90, answered, b"\1\0"),
        "UNSUBSCRIBE": Sample(C, 0xA2, asked, text("a/b") + text("c")),
        "UNSUBACK": Sample(S, 0xB0, answered, code * 2),
        "PINGREQ": Sample(C, 0xC0, b""),
        "PINGRESP": Sample(S, 0xD0, b""),
        "DISCONNECT": Sample(C, 0xE0, code + some(REASON, USER_PROPERTY), b"", (0, 1)),
    }
    if version == 5:
        found["AUTH"] = Sample(C, 0xF0, b"\x18" + some(b"\x15" + text("m"), b"\x16" + text("d")))
    return found


def opened(version: int, flags: int = 2, session_present: int = 0) -> Sent:
    """CONNECT and CONNACK; in 5.0 the broker takes an alias."""
    accepted = connack(0, session_present, b"\x22\0\1" if version == 5 else None)
    return [(C, connect("c", flags, level=version)), (S, accepted)]


def before(name: str, version: int) -> Sent:
    """What comes before a packet of this name."""
    return opened(version)[: ("CONNECT", "CONNACK").index(name) if name in ("CONNECT", "CONNACK") else 2]


def frames(sent: Sent, port: int = 40000, handshake: bool = True, lost: int = -1) -> list[bytes]:
    """A frame for each packet, behind those of the handshake; lost: the one that the capture lacks, by its index."""
    stream = Stream((bytes([10, 0, 0, 1]), port))
    if handshake:
        stream.handshake()
    for index, (side, data) in enumerate(sent):
        if index == lost:
            stream.lose(side, len(data))
        else:
            stream.add(side, data)
    return stream.fin().frames


def findings(frames: list[bytes]) -> list[Finding]:
    """What `check` finds."""
    dissector = Dissector()
    dissector.analysis = Analysis()
    dissector.feed(pcap(frames))
    dissector.close()
    return dissector.analysis.take()


def rules_at(frame: int, found: list[Finding], peer: Peer) -> set[str]:
    """Those of the peer's rules that have a finding at this frame."""
    return {one.rule.id for one in found if one.frame == frame} & set(peer.rules)


# --- Wireshark ------------------------------------------------------------------------------------------------------


def provoking() -> Iterator[tuple[str, Sent]]:
    """Conversations by name. Of packets cut at each byte, and with each byte replaced, most are malformed."""
    for version in VERSIONS:
        for name, sample in samples(version).items():
            body, start = sample.fields + sample.rest, before(name, version)
            for end in range(len(body)):
                cut = packet(sample.first, body[:end])
                bent = packet(sample.first, body[:end] + b"\xff" + body[end + 1 :])
                yield f"{version} {name} of {end} bytes", [*start, (sample.side, cut)]
                yield f"{version} {name} with ff at {end}", [*start, (sample.side, bent)]
            if name != "CONNECT":
                yield f"{version} {name} from the client first", [(C, sample.data)]
                yield f"{version} {name} from the broker first", [(S, sample.data)]
                yield f"{version} {name} joined", [(sample.side, sample.data)]
        for name, sent in empty(version):
            yield f"{version} {name}", sent
    for side in (C, S):
        for alias in (1, 9):
            use = publish("", b"x", properties=b"\x23" + number(alias))
            yield f"alias {alias} of {side} that was not set", [*opened(5), (side, use)]
            yield f"alias {alias} of {side} before the CONNACK", [opened(5)[0], (side, use)]


def empty(version: int) -> Iterator[tuple[str, Sent]]:
    """Topics of no characters, wherever there is one."""
    start = opened(version)
    none = b"" if version == 5 else None
    will = (properties() if version == 5 else b"") + text("") + text("gone")
    yield "will", [(C, connect("c", 6, rest=will, level=version))]
    for side in (C, S):
        for qos in (0, 1, 2):
            yield f"topic of {side} with QoS {qos}", [*start, (side, publish("", b"x", qos, 1, properties=none))]
            if version == 5:
                yield f"topic of {side} with alias 0", [*start, (side, publish("", b"x", qos, 1, properties=ALIAS_0))]
    for filters in (("",), ("", "a"), ("a", "")):
        yield f"{filters} subscribed", [*start, (C, subscribe(1, *((one, 0) for one in filters), properties=none))]
        plain = unsubscribe(1, *filters)
        data = plain if version < 5 else packet(plain[0], plain[2:4] + properties() + plain[4:])
        yield f"{filters} unsubscribed", [*start, (C, data)]


class Theirs(NamedTuple):
    """What tshark finds. items: by frame of the conversation, from 1 on."""

    frames: list[bytes]
    items: dict[int, list[str]]


def by_tshark(conversations: list[list[bytes]], path: Path) -> list[Theirs]:
    """Of each of these conversations, which are all in one file for it."""
    path.write_bytes(pcap([frame for frames in conversations for frame in frames]))
    names = [peer.name for peer in WIRESHARK]
    wanted = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-Y", "mqtt", "-T", "fields", "-e", "frame.number", *wanted]
    rows = subprocess.run(command, capture_output=True, check=True).stdout.decode().splitlines()
    items: dict[int, list[str]] = {}
    for row in rows:
        frame, *values = row.split("\t")
        items[int(frame)] = [name for name, value in zip(names, values, strict=True) if value]
    theirs, first = [], 0
    for frames in conversations:
        theirs.append(Theirs(frames, {at - first: items.get(at, []) for at in range(first, first + len(frames) + 1)}))
        first += len(frames)
    return theirs


@pytest.fixture(scope="module")
def wireshark(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Theirs]:
    """What tshark finds in each provoking conversation."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    cases = dict(provoking())
    conversations = [
        frames(sent, 10000 + index, handshake=not name.endswith("joined"))
        for index, (name, sent) in enumerate(cases.items())
    ]
    theirs = by_tshark(conversations, tmp_path_factory.mktemp("peers") / "provoking.pcap")
    return dict(zip(cases, theirs, strict=True))


@pytest.mark.parametrize("peer", WIRESHARK, ids=[peer.name for peer in WIRESHARK])
def test_where_wireshark_has_an_expert_item_there_is_a_finding(peer: Peer, wireshark: dict[str, Theirs]) -> None:
    """Of each rule in the table some time."""
    missed, used = [], set()
    for name, one in wireshark.items():
        at = [frame for frame, items in one.items.items() if peer.name in items]
        if at and not read_as_another_version(peer, name):
            found = findings(one.frames)
            for frame in at:
                rules = rules_at(frame, found, peer)
                used |= rules
                if not rules:
                    missed.append((name, frame))
    assert missed == []
    assert used == set(peer.rules)


def read_as_another_version(peer: Peer, name: str) -> bool:
    """Is a packet of 5.0 malformed to Wireshark only because it has seen no CONNECT?"""
    return peer.name == "_ws.malformed" and name.startswith("5") and name.endswith(("first", "joined"))


@pytest.mark.parametrize("handshake", [True, False])
def test_an_unknown_version_is_said_once_of_a_connection(handshake: bool) -> None:
    """Wireshark says it at each packet. Whether it is a fault depends on whether the capture has the beginning."""
    found = findings(frames([(C, PINGREQ), (S, PINGRESP)] * 3, handshake=handshake))
    rule = "first-packet-not-connect" if handshake else "connect-not-captured"
    assert [(one.rule.id, one.frame) for one in found] == [(rule, 4 if handshake else 1)]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_wireshark_has_no_other_expert_items() -> None:
    """Its fields without a type are they, but for two headings."""
    rows = subprocess.run(["tshark", "-G", "fields"], capture_output=True, check=True).stdout.decode().splitlines()
    names = {row.split("\t")[2] for row in rows if "\tFT_NONE\tmqtt\t" in row}
    assert names - {"mqtt.properties", "mqtt.will_properties"} == {peer.name for peer in WIRESHARK} - {"_ws.malformed"}


# --- Suricata -------------------------------------------------------------------------------------------------------

PUBACK, PUBREC, PUBREL, PUBCOMP = 4, 5, 6, 7
BY_METHOD = connect("c", level=5, properties=b"\x15" + text("m"))
MAY_COME_EARLY = ("PUBLISH", "PUBLISH of QoS 1", "SUBSCRIBE", "UNSUBSCRIBE", "PINGREQ", "DISCONNECT")
"""What a client may send before it has the CONNACK (3.1.4)."""


Cases = Iterator[tuple[str, Sent]]  # what is special, and a conversation whose last packet raises the event


def no_properties(version: int) -> bytes | None:
    """Those of a packet that has none."""
    return b"" if version == 5 else None


def missing_connect(version: int) -> Cases:
    start = opened(version)
    for side in (C, S):
        last = (side, start[1][1])
        yield f"first packet, of {side}", [last]
        yield f"second CONNACK, of {side}", [*start, last]
        yield f"after DISCONNECT, of {side}", [*start, (C, DISCONNECT), last]


def double_connect(version: int) -> Cases:
    start = opened(version)
    for side in (C, S):
        yield f"by {side}", [*start, (side, start[0][1])]
    yield "as another client", [*start, (C, connect("other", level=version))]
    yield "in another version", [*start, (C, connect("c", level={3: 5, 4: 3, 5: 4}[version]))]
    yield "after a refusal", [start[0], (S, connack(5, properties=no_properties(version))), start[0]]
    yield "after DISCONNECT", [*start, (C, DISCONNECT), start[0]]


def out_of_time(version: int, last: tuple[int, bytes]) -> Cases:
    """A packet while there are none to be expected of its kind."""
    start = opened(version)
    yield "first", [last]
    yield "before the CONNACK", [start[0], last]
    yield "after DISCONNECT", [*start, (C, DISCONNECT), last]


def missing_publish(version: int) -> Cases:
    for side in (C, S):
        for kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
            for what, sent in acknowledging_nothing(version, side, kind):
                yield f"{kind} of {side} {what}", [*opened(version), *sent]
            for when, sent in out_of_time(version, (side, ack(kind, 9))):
                yield f"{kind} of {side} {when}", sent


def acknowledging_nothing(version: int, side: int, kind: int) -> Cases:
    """An acknowledgement by `side` that belongs to no PUBLISH under way. One to QoS 3 is to a malformed packet."""
    none = no_properties(version)
    publisher = side if kind == PUBREL else 1 - side
    last: Sent = [(side, ack(kind, 9))]

    def published(qos: int, identifier: int) -> Sent:
        return [(publisher, publish("t", b"", qos, identifier, properties=none))]

    yield "to nothing", last
    yield "to number 0", [(side, ack(kind, 0))]
    yield "to QoS 0", published(0, 0) + last
    yield "to another number", published(1 if kind == PUBACK else 2, 8) + last
    if side == S and kind in (PUBACK, PUBCOMP):
        yield "to a SUBSCRIBE, twice", [(C, subscribe(9, ("t", 0), properties=none)), *last, *last]
    yield "after PUBACK", [*published(1, 9), (1 - publisher, ack(PUBACK, 9)), *last]
    released: Sent = [(1 - publisher, ack(PUBREC, 9)), (publisher, ack(PUBREL, 9)), (1 - publisher, ack(PUBCOMP, 9))]
    yield "after PUBCOMP", published(2, 9) + released + last


def missing_subscribe(version: int) -> Cases:
    request = subscribe(8, ("t", 0), properties=no_properties(version))
    yield from unasked(version, request, *(suback(one, 0, five=version == 5) for one in (0, 8, 9)))


def missing_unsubscribe(version: int) -> Cases:
    code = b"\0\0" if version == 5 else b""
    request = packet(0xA2, number(8) + code[:1] + text("t"))
    yield from unasked(version, request, *(packet(0xB0, number(one) + code) for one in (0, 8, 9)))


def unasked(version: int, request: bytes, zero: bytes, right: bytes, wrong: bytes) -> Cases:
    """Answers with packet identifier 0, with that of the request, and with another one."""
    start = opened(version)
    message = publish("t", b"", 1, 8, properties=no_properties(version))
    yield "instead of PUBACK, twice", [*start, (C, message), (S, right), (S, right)]
    for side in (C, S):
        yield f"of {side} to nothing", [*start, (side, right)]
        yield f"of {side} with number 0", [*start, (C, request), (side, zero)]
        yield f"of {side} with another number", [*start, (C, request), (side, wrong)]
        yield f"of {side} again", [*start, (C, request), (S, right), (side, right)]
        for when, sent in out_of_time(version, (side, right)):
            yield f"of {side} {when}", sent


def unintroduced_message(version: int) -> Cases:
    hello = opened(version)[0]
    all_types = {name: one.data for name, one in samples(version).items() if not name.startswith("CONN")}
    all_types["PUBREL 0"] = ack(PUBREL, 0)
    if version < 5:
        all_types["AUTH"] = packet(0xF0, b"\x18\0")
    for side in (C, S):
        for name, data in all_types.items():
            yield f"{name} of {side}, first", [(side, data)]
            if side == S or name not in MAY_COME_EARLY:
                yield f"{name} of {side} before the CONNACK", [hello, (side, data)]
        yield f"of {side} after DISCONNECT, before the CONNACK", [hello, (C, DISCONNECT), (side, PINGREQ)]
    if version == 5:
        yield "while the client authenticates", [(C, BY_METHOD), (C, all_types["SUBSCRIBE"])]


def invalid_qos_level(version: int) -> Cases:
    for side in (C, S):
        message = publish("t", b"", 3, 1, properties=no_properties(version))
        yield f"PUBLISH of {side}", [*opened(version), (side, message)]
    for name in ("SUBSCRIBE", "UNSUBSCRIBE"):
        sample = samples(version)[name]
        yield name, [*opened(version), (C, packet(sample.first | 6, sample.fields + sample.rest))]


def missing_msg_id(version: int) -> Cases:
    for side in (C, S):
        zero = publish("t", b"", 1, 0, properties=no_properties(version))
        yield f"0, of {side}", [*opened(version), (side, zero)]
        yield f"none, of {side}", [*opened(version), (side, packet(0x32, text("t")))]


def unassigned_msg_type(version: int) -> Cases:
    for side in (C, S):
        yield f"of {side}", [*opened(version), (side, packet(0x00))]
        yield f"of {side}, with flags and bytes", [*opened(version), (side, packet(0x0F, b"abc"))]


def too_many_transactions(version: int) -> Cases:
    none = no_properties(version)
    for side in (C, S):
        messages: Sent = [(side, publish("t", b"", 1, one, properties=none)) for one in range(1, 1025)]
        yield f"messages of {side}", [*opened(version), *messages]
    requests: Sent = [(C, subscribe(one, ("t", 0), properties=none)) for one in range(1, 1025)]
    yield "SUBSCRIBEs", [*opened(version), *requests]


def malformed_traffic(version: int) -> Cases:
    """What its parser does not get through."""
    for name, sample in samples(version).items():
        for end in range(len(sample.fields)):
            if end not in sample.shorter:
                cut = packet(sample.first, sample.fields[:end])
                yield f"{name} of {end} bytes", [*before(name, version), (sample.side, cut)]
    start = opened(version)
    for number_of_bytes in ("ffffffff", "ffffff80"):  # those of its unit tests
        endless = bytes.fromhex(number_of_bytes)
        yield f"length {number_of_bytes}", [*start, (C, b"\x30" + endless)]
        if version == 5:
            yield f"properties of {number_of_bytes}", [*start, (C, packet(0x30, text("t") + endless))]
            identifier = packet(0x82, b"\0\1" + properties(b"\x0b" + endless) + text("t") + b"\0")
            yield f"identifier {number_of_bytes}", [*start, (C, identifier)]
            property_of = packet(0x30, text("t") + properties(endless))
            yield f"property {number_of_bytes}", [*start, (C, property_of)]
            yield "value of no property", [*start, (C, packet(0x30, text("t") + properties(b"\x7f\x26\0\5")))]
            yield "AUTH without a method", [(C, BY_METHOD), (S, packet(0xF0))]
    yield "SUBSCRIBE without filters", [*start, (C, packet(0x82, number(1) + (b"\0" if version == 5 else b"")))]
    if version < 5:
        yield "AUTH", [*start, (C, packet(0xF0))]
    yield "level 6", [(C, packet(0x10, text("MQTT") + b"\6\2\0\x3c\0\5c"))]


EVENTS = {
    f"mqtt.{one.__name__}": one
    for one in (
        missing_connect, missing_publish, missing_subscribe, missing_unsubscribe, double_connect, unintroduced_message,
        invalid_qos_level, missing_msg_id, unassigned_msg_type, too_many_transactions, malformed_traffic,
    )
}  # fmt: skip


@pytest.mark.parametrize("peer", SURICATA, ids=[peer.name for peer in SURICATA])
def test_where_suricata_sets_an_event_there_is_a_finding(peer: Peer) -> None:
    """Of each rule in the table some time."""
    missed, used = [], set()
    for version in VERSIONS:
        for what, sent in EVENTS[peer.name](version):
            rules = rules_at(3 + len(sent), findings(frames(sent)), peer)
            used |= rules
            if not rules:
                missed.append((version, what))
    assert missed == []
    assert used == set(peer.rules)


# --- what is no fault -----------------------------------------------------------------------------------------------


def no_faults() -> Iterator[tuple[str, str, list[bytes]]]:
    """What they report it as, why it is none, and the frames."""
    set_alias, use_alias = (publish(topic, properties=ALIAS_1) for topic in ("t", ""))
    sent = [*opened(5), (C, set_alias), (C, use_alias)]
    yield "mqtt.unknown_topic_alias", "it may have been set in what the capture lacks", frames(sent, lost=2)
    refused = frames([opened(5)[0], (S, connack(1))])
    for item in ("_ws.malformed", "mqtt.malformed_traffic"):
        yield item, "brokers that know no 5.0 have no other way to refuse it", refused
    yield "mqtt.missing_connect", "the capture joined later", frames([opened(4)[1]], handshake=False)
    yield "mqtt.missing_connect", "the capture lacks it", frames(opened(4), lost=0)
    *handshake, question, answer, end, end_too, last = frames(opened(4))
    yield "mqtt.missing_connect", "it was captured behind", [*handshake, answer, question, end, end_too, last]
    again = [*opened(4, 0, 1), (C, ack(PUBACK, 9))]
    yield "mqtt.missing_publish", "the message came on the connection before", frames(again)
    told = samples(3)["CONNECT"]
    for end in told.shorter:
        short = packet(told.first, told.fields[:end])
        yield "mqtt.malformed_traffic", f"3.1 lets a CONNECT end at {end}", frames([(C, short), opened(3)[1]])
    for version in VERSIONS:
        start, answered = opened(version), "\0" if version == 5 else ""
        for data in (publish("t", answered), subscribe(1, ("t", 0), properties=b"" if answered else None), PINGREQ):
            early = frames([start[0], (C, data), start[1]])
            yield "mqtt.unintroduced_message", f"a client of {version} may send {data.hex()}", early


@pytest.mark.parametrize(("item", "why", "sent"), list(no_faults()))
def test_what_they_take_for_a_fault(item: str, why: str, sent: list[bytes], tmp_path: Path) -> None:
    """And `check` does not."""
    assert [one.rule.id for one in findings(sent) if one.severity >= WARNING] == []
    if item in [peer.name for peer in WIRESHARK] and shutil.which("tshark"):
        (theirs,) = by_tshark([sent], tmp_path / "one.pcap")
        assert any(item in items for items in theirs.items.values()), why
