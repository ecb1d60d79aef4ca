"""The kinds of fault: which conversation, what is made wrong in it, and which findings must come out.

Findings are written `rule` (the erring side's fault) or `rule@party`. `wanted` has all of severity warning or above,
no more and no less; consequences that necessarily follow stand there too, each with its reason beside it. `notes` has
findings of severity note that must be there; others of that severity may be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from faults import scenarios as play
from faults.actions import (
    B_PUBLISH,
    C_CONNECT,
    C_PUBLISH,
    acknowledged,
    again_and_again,
    answer,
    body_of,
    close_after,
    connected,
    falls_silent,
    first,
    flags,
    late,
    note,
    plus,
    published,
    put,
    swallow,
    swallow_and_close,
    swapped,
    tampering,
    tell_later,
    then,
    to_peer,
    twice,
    window,
)
from faults.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Sample,
    edit_connack,
    packet,
    text,
    without,
)
from faults.proxy import Action, Fault, Link, Where
from faults.recorder import BROKER, CLIENT
from faults.scenarios import auth, scenario
from faults.stage import Scenario

PARTIES = ("client", "broker")


@dataclass
class Kind:
    """One way to go wrong. side: who errs. version: protocol level. captured: the side of the proxy that is recorded,
    the one of whom does not err unless said otherwise."""

    name: str
    version: int
    side: int
    scenario: Scenario
    fault: Fault
    wanted: set[tuple[str, str]]
    notes: set[str] = field(default_factory=set)
    broker: str = "open"
    patience: float = 0
    linger: float = 0
    captured: int = CLIENT


KINDS: list[Kind] = []
NAMES = {3: "3.1", 4: "3.1.1", 5: "5.0"}


def rule(where: Where, *actions: Action) -> Fault:
    """A fault of one place."""
    return Fault([(where, action) for action in actions])


def _add(
    side: int, name: str, versions: int | Iterable[int], scenario: Scenario, fault: Fault | tuple[Where, Action],
    *wanted: str, notes: Iterable[str] = (), broker: str = "open", patience: float = 0, linger: float = 0,
    captured: int | None = None,
) -> None:  # fmt: skip
    seen = 1 - side if captured is None else captured
    for version in [versions] if isinstance(versions, int) else versions:
        pairs = set()
        for one in wanted:
            id, _, party = one.partition("@")
            pairs.add((id, party or PARTIES[side]))
        made = fault if isinstance(fault, Fault) else Fault([fault])
        KINDS.append(
            Kind(
                f"{name}-{NAMES[version]}",
                version,
                side,
                scenario,
                made,
                pairs,
                set(notes),
                broker,
                patience,
                linger,
                seen,
            )
        )


def client(name: str, versions: int | Iterable[int], scenario: Scenario, fault: Fault | tuple[Where, Action],
           *wanted: str, **options: object) -> None:  # fmt: skip
    """A kind in which the client errs."""
    _add(CLIENT, name, versions, scenario, fault, *wanted, **options)  # type: ignore[arg-type]


def broker(name: str, versions: int | Iterable[int], scenario: Scenario, fault: Fault | tuple[Where, Action],
           *wanted: str, **options: object) -> None:  # fmt: skip
    """A kind in which the broker errs."""
    _add(BROKER, name, versions, scenario, fault, *wanted, **options)  # type: ignore[arg-type]


talk, ask, deliver = play.talk, play.ask, play.deliver
C_SUBSCRIBE, C_UNSUBSCRIBE = Where(CLIENT, SUBSCRIBE), Where(CLIENT, UNSUBSCRIBE)
B_CONNACK, B_SUBACK, B_PUBACK = Where(BROKER, CONNACK), Where(BROKER, SUBACK), Where(BROKER, PUBACK)
LONG_TALK = scenario(talk, rest=2.3)  # long enough to see whether the connection is closed
BODY = bytes.fromhex
NOT_CLOSED_BY_BROKER = "violation-not-closed@broker"
NOT_CLOSED_BY_CLIENT = "violation-not-closed@client"
USER = b"\x26" + text("k") + text("v")

# Malformed packets

client("type-0", (4, 5), talk, (C_PUBLISH, first(b"\0\0")), "reserved-type")
client("type-15", 4, talk, (C_PUBLISH, first(b"\xf0\0")), "reserved-type")
broker("type-0-from-broker", 4, talk, (B_PUBACK, first(b"\0\0")), "reserved-type")
client("subscribe-flags-0", (4, 5), ask, (C_SUBSCRIBE, put(flags(0))), "reserved-flags")
client("pubrel-flags-0", (4, 5), scenario(talk, 2), (Where(CLIENT, PUBREL), put(flags(0))), "reserved-flags")
client(
    "pingreq-flags-15",
    4,
    scenario(play.idle, 1, 3.6),
    (Where(CLIENT, PINGREQ), put(flags(15))),
    "reserved-flags",
    NOT_CLOSED_BY_BROKER,
)  # mosquitto 2.0.11 answers it
broker("puback-flags-2", 4, LONG_TALK, (B_PUBACK, put(flags(2))), "reserved-flags", NOT_CLOSED_BY_CLIENT)
client("qos-3", (3, 4, 5), talk, (C_PUBLISH, put(lambda _, data: bytes([data[0] | 6]) + data[1:])), "qos-3")
client("pubrel-of-one-byte", (4, 5), scenario(talk, 2), (Where(CLIENT, PUBREL), put(b"\x62\x01\x00")), "bytes-missing")
client("connect-breaks-off", (4, 5), talk, (C_CONNECT, put(body_of(lambda raw: raw[:9]))), "bytes-missing")
broker("connack-of-one-byte", 4, talk, (B_CONNACK, put(b"\x20\x01\x00")), "bytes-missing")
client(
    "pubrel-of-three-bytes", 4, scenario(talk, 2), (Where(CLIENT, PUBREL), put(body_of(plus(b"\0")))), "bytes-left-over"
)
client(
    "pingreq-with-body",
    4,
    scenario(play.idle, 1, 3.6),
    (Where(CLIENT, PINGREQ), put(b"\xc0\x01\0")),
    "bytes-left-over",
    NOT_CLOSED_BY_BROKER,
)  # mosquitto 2.0.11 answers it
client("length-of-five-bytes", (4, 5), talk, (C_PUBLISH, put(b"\x30\xff\xff\xff\xff\x01hello")), "varint-too-long")
client(
    "length-not-shortest",
    (4, 5),
    scenario(play.idle, 1, 3.6),
    (Where(CLIENT, PINGREQ), put(b"\xc0\x80\0")),
    "varint-not-minimal",
    NOT_CLOSED_BY_BROKER,
)  # mosquitto 2.0.11 answers it
client("topic-past-the-end", (3, 4, 5), talk, (C_PUBLISH, put(packet(0x30, b"\0\xffa/b"))), "string-too-long")
client("topic-not-utf-8", (3, 4, 5), talk, (C_PUBLISH, put(published(topic=b"t/\xff\xfe"))), "not-utf-8")
client("topic-with-surrogate", (4, 5), talk, (C_PUBLISH, put(published(topic=b"t/\xed\xa0\x80"))), "not-utf-8")
broker("delivery-not-utf-8", 4, scenario(deliver, 0), (B_PUBLISH, put(published(topic=b"t/\xff\xfe"))), "not-utf-8")
client(
    "filter-not-utf-8",
    5,
    ask,
    (C_SUBSCRIBE, put(lambda link, _: packet(0x82, b"\0\1\0", text(b"a/\xc0\xaf"), b"\0"))),
    "not-utf-8",
)
client("topic-with-nul", (4, 5), talk, (C_PUBLISH, put(published(topic=b"t/\0b"))), "nul-in-string")
client("publish-identifier-0", (3, 4, 5), talk, (C_PUBLISH, put(published(identifier=0))), "packet-identifier-zero")
client(
    "subscribe-identifier-0",
    4,
    ask,
    (C_SUBSCRIBE, put(body_of(lambda raw: b"\0\0" + raw[2:]))),
    "packet-identifier-zero",
)
client("protocol-name", 4, talk, (C_CONNECT, put(connected(name=b"MQTX"))), "protocol-name")
client(
    "protocol-level-9", 4, talk, (C_CONNECT, put(connected(level=9))), "protocol-level", notes=["connection-refused"]
)
client("connect-flag-0", (4, 5), talk, (C_CONNECT, put(connected(flags=3))), "connect-reserved-flag")
client(
    "will-qos-3",
    (4, 5),
    scenario(play.will),
    (Where(CLIENT, CONNECT, role="owner"), put(connected(flags=0x1E))),
    "will-qos-3",
)
client("will-qos-alone", (4, 5), talk, (C_CONNECT, put(connected(flags=0x0A))), "will-qos-without-will")
client("will-retain-alone", (4, 5), talk, (C_CONNECT, put(connected(flags=0x22))), "will-retain-without-will")
client(
    "password-alone",
    4,
    play.logged_in,
    (C_CONNECT, put(connected(flags=0x42, rest=text("wonderland")))),
    "password-without-user-name",
)
broker(
    "connack-flags",
    (4, 5),
    LONG_TALK,
    (B_CONNACK, put(lambda _, data: edit_connack(data, lambda head: head.__setitem__(0, 2)))),
    "connack-reserved-flags",
    NOT_CLOSED_BY_CLIENT,
)
client("filter-empty", (3, 4), ask, (C_SUBSCRIBE, put(packet(0x82, b"\0\1", text(""), b"\1"))), "topic-empty")
client("topic-empty", 4, talk, (C_PUBLISH, put(published(topic=b""))), "topic-empty")
client("topic-and-alias-missing", 5, talk, (C_PUBLISH, put(published(topic=b""))), "topic-and-alias-missing")
client("topic-with-wildcard", (3, 4, 5), talk, (C_PUBLISH, put(published(topic=b"t/#"))), "wildcard-in-topic-name")
broker(
    "delivery-with-wildcard",
    4,
    scenario(deliver, 0),
    (B_PUBLISH, put(published(topic=b"d/+"))),
    "wildcard-in-topic-name",
)
client(
    "will-topic-with-wildcard",
    4,
    scenario(play.will),
    (Where(CLIENT, CONNECT, role="owner"), put(connected(rest=text("w/#") + text("gone")))),
    "wildcard-in-topic-name",
)
client("topic-alias-0", 5, talk, (C_PUBLISH, put(published(properties=BODY("230000")))), "topic-alias-zero")
client(
    "subscribe-to-nothing",
    (4, 5),
    ask,
    (C_SUBSCRIBE, put(lambda link, data: packet(0x82, b"\0\1\0" if link.version == 5 else b"\0\1"))),
    "subscribe-without-filters",
)
client(
    "subscribe-to-nothing",
    3,
    scenario(ask, drop=False),
    (C_SUBSCRIBE, put(packet(0x82, b"\0\1"))),
    "subscribe-without-filters",
    "answer-without-codes@broker",
)  # so does mosquitto 2.0.11 answer a 3.1 client
client(
    "unsubscribe-from-nothing",
    (4, 5),
    ask,
    (C_UNSUBSCRIBE, put(lambda link, data: packet(0xA2, b"\0\2\0" if link.version == 5 else b"\0\2"))),
    "unsubscribe-without-filters",
)
client(
    "subscription-bits",
    (4, 5),
    ask,
    (C_SUBSCRIBE, put(body_of(lambda raw: raw[:-1] + b"\xc1"))),
    "subscription-reserved-bits",
)
client(
    "subscription-qos-3",
    (4, 5),
    ask,
    (C_SUBSCRIBE, put(body_of(lambda raw: raw[:-1] + b"\x03"))),
    "subscription-options",
)
client("retain-handling-3", 5, ask, (C_SUBSCRIBE, put(body_of(lambda raw: raw[:-1] + b"\x31"))), "subscription-options")
broker(
    "suback-without-codes",
    (4, 5),
    ask,
    (B_SUBACK, put(lambda link, data: packet(0x90, data[2:4], b"\0" if link.version == 5 else b""))),
    "answer-without-codes",
)
client(
    "property-length-past-the-end", 5, talk, (C_PUBLISH, put(packet(0x30, text("t"), b"\x7fhello"))), "property-length"
)
client("property-unknown", 5, talk, (C_PUBLISH, put(published(properties=BODY("7f00")))), "property-undefined")
client(
    "property-of-connect-in-publish",
    5,
    talk,
    (C_PUBLISH, put(published(properties=BODY("210005")))),
    "property-not-allowed",
)
broker(
    "property-of-publish-in-connack",
    5,
    talk,
    (B_CONNACK, put(lambda _, data: edit_connack(data, more=BODY("0101")))),
    "property-not-allowed",
)
client("property-twice", 5, talk, (C_PUBLISH, put(published(properties=BODY("01010101")))), "property-repeated")
client("receive-maximum-0", 5, talk, (C_CONNECT, put(connected(properties=BODY("210000")))), "property-value")
client("maximum-packet-size-0", 5, talk, (C_CONNECT, put(connected(properties=BODY("2700000000")))), "property-value")
client(
    "format-indicator-2",
    5,
    LONG_TALK,
    (C_PUBLISH, put(published(properties=BODY("0102")))),
    "property-value",
    NOT_CLOSED_BY_BROKER,
)  # mosquitto 2.0.11 lets it pass
client(
    "subscription-identifier-0",
    5,
    ask,
    (C_SUBSCRIBE, put(body_of(lambda raw: raw[:2] + BODY("020b00") + raw[3:]))),
    "property-value",
)
broker("puback-reason-5", 5, talk, (B_PUBACK, put(acknowledged(PUBACK, 5))), "reason-code")
client("pubrel-reason-5", 5, scenario(talk, 2), (Where(CLIENT, PUBREL), put(acknowledged(PUBREL, 5))), "reason-code")
broker("connack-code-9", (3, 4), talk, (B_CONNACK, put(b"\x20\x02\x00\x09")), "return-code")
broker("suback-code-3", 4, ask, (B_SUBACK, put(body_of(lambda raw: raw[:2] + b"\x03"))), "suback-return-code")

# What one packet shows

client(
    "dup-on-qos-0",
    (4, 5),
    scenario(talk, 0, rest=2.3),
    (C_PUBLISH, put(published(dup=True))),
    "dup-on-qos-0",
    NOT_CLOSED_BY_BROKER,
)  # mosquitto 2.0.11 lets it pass
client(
    "connack-from-client",
    (4, 5),
    talk,
    (C_PUBLISH, first(lambda link, _: BODY("20020000") if link.version == 4 else BODY("2003000000"))),
    "wrong-direction",
)
client("suback-from-client", 5, talk, (C_PUBLISH, first(BODY("9004000900 00".replace(" ", "")))), "wrong-direction")
broker(
    "pingreq-from-broker", 4, talk, (B_PUBACK, first(b"\xc0\0")), "wrong-direction", "wrong-direction@client"
)  # paho answers it
broker("disconnect-from-broker", 4, talk, (B_PUBACK, then(b"\xe0\0")), "wrong-direction")
client(
    "filter-hash-inside",
    (3, 4, 5),
    scenario(ask, drop=False),
    (C_SUBSCRIBE, put(lambda link, _: Sample(link.version).subscribe(1, ("a/#/b", 1)))),
    "topic-filter-invalid",
)
client(
    "filter-plus-not-alone",
    (4, 5),
    scenario(ask, drop=False),
    (C_SUBSCRIBE, put(lambda link, _: Sample(link.version).subscribe(1, ("a/b+", 1)))),
    "topic-filter-invalid",
)
client("control-character", (4, 5), talk, (C_PUBLISH, put(published(topic=plus(b"\x01")))), "control-characters")
client(
    "share-without-name",
    5,
    scenario(ask, drop=False),
    (C_SUBSCRIBE, put(Sample(5).subscribe(1, ("$share//a", 1)))),
    "share-name-invalid",
)
client(
    "share-without-filter",
    5,
    scenario(ask, drop=False),
    (C_SUBSCRIBE, put(Sample(5).subscribe(1, ("$share/crew", 1)))),
    "share-name-invalid",
)
client(
    "no-local-on-shared",
    5,
    scenario(ask, drop=False),
    (C_SUBSCRIBE, put(Sample(5).subscribe(1, ("$share/crew/a", 5)))),
    "no-local-on-shared",
)
client(
    "identifier-empty-without-clean",
    4,
    talk,
    (C_CONNECT, put(connected(client=b"", flags=0))),
    "client-identifier-empty",
    notes=["connection-refused"],
)
client(
    "identifier-empty",
    3,
    talk,
    (C_CONNECT, put(connected(client=b""))),
    "client-identifier-empty",
    notes=["connection-refused"],
)
client(
    "identifier-of-24",
    3,
    talk,
    (C_CONNECT, put(connected(client=lambda old: old.ljust(24, b"x")))),
    "client-identifier-long",
)
client(
    "response-topic-wildcard",
    5,
    talk,
    (C_PUBLISH, put(published(properties=b"\x08" + text("a/#")))),
    "response-topic-wildcard",
)
client(
    "payload-not-utf-8",
    5,
    talk,
    (C_PUBLISH, put(published(properties=BODY("0101"), payload=b"\xff\xfe"))),
    "payload-not-utf-8",
)
client(
    "disconnect-with-broker-reason", 5, talk, (Where(CLIENT, DISCONNECT), put(BODY("e0018e"))), "disconnect-reason-side"
)
broker("disconnect-with-client-reason", 5, talk, (B_PUBACK, then(BODY("e00104"))), "disconnect-reason-side")
broker(
    "session-expiry-from-broker", 5, talk, (B_PUBACK, then(BODY("e0078b05110000000a"))), "session-expiry-from-broker"
)
client(
    "session-expiry-raised",
    5,
    talk,
    (Where(CLIENT, DISCONNECT), put(BODY("e00700 05110000000a".replace(" ", "")))),
    "session-expiry-raised",
)
client(
    "subscription-identifier-from-client",
    5,
    talk,
    (C_PUBLISH, put(published(properties=BODY("0b05")))),
    "subscription-identifier-from-client",
)
client(
    "auth-data-without-method", 5, talk, (C_CONNECT, put(connected(properties=play.DATA))), "auth-data-without-method"
)
client("password-in-clear", (3, 4, 5), play.logged_in, Fault(), notes=["password-in-clear"])

# Opening and end

client(
    "publish-first",
    (3, 4, 5),
    talk,
    (C_CONNECT, put(lambda link, _: Sample(link.version).publish("a/b"))),
    "first-packet-not-connect",
)
client("pingreq-first", 4, talk, (C_CONNECT, first(b"\xc0\0")), "first-packet-not-connect")
client(
    "second-connect",
    (3, 4, 5),
    talk,
    Fault([(C_CONNECT, note("connect")), (C_PUBLISH, first(lambda link, _: link.memory["connect"]))]),
    "second-connect",
)
broker(
    "answer-before-connack",
    (4, 5),
    talk,
    (B_CONNACK, first(lambda link, _: Sample(link.version).publish("a/b"))),
    "first-answer-not-connack",
)
broker("second-connack", (4, 5), talk, (B_CONNACK, twice), "second-connack")
broker("connack-missing", (4, 5), talk, (B_CONNACK, swallow_and_close()), "connack-missing")
broker(
    "session-present-with-refusal",
    4,
    talk,
    (B_CONNACK, put(b"\x20\x02\x01\x05")),
    "session-present-with-refusal",
    notes=["connection-refused"],
)
broker(
    "session-present-after-clean",
    (4, 5),
    talk,
    (B_CONNACK, put(lambda _, data: edit_connack(data, lambda head: head.__setitem__(0, 1)))),
    "session-present-wrong",
)
broker(
    "session-forgotten",
    (4, 5),
    scenario(play.session, count=0),
    (
        Where(BROKER, CONNACK, role="reader", turn=3),
        put(lambda _, data: edit_connack(data, lambda head: head.__setitem__(0, 0))),
    ),
    "session-present-wrong",
)
broker(
    "open-after-refusal",
    (4, 5),
    scenario(play.stays, seconds=4),
    Fault([(B_CONNACK, put(lambda link, _: BODY("20020005") if link.version == 4 else BODY("2003008700")))]),
    "open-after-refusal",
    notes=["connection-refused"],
)
broker(
    "packet-after-refusal",
    (4, 5),
    scenario(play.stays, seconds=0.5),
    Fault(
        [
            (B_CONNACK, put(lambda link, _: BODY("20020005d000") if link.version == 4 else BODY("2003008700d000"))),
            (B_CONNACK, close_after(0.2)),
        ]
    ),
    "packet-after-refusal",
    notes=["connection-refused"],
)
broker(
    "connection-refused",
    (3, 4, 5),
    talk,
    Fault(
        [
            (B_CONNACK, put(lambda link, _: BODY("20020005") if link.version < 5 else BODY("2003008700"))),
            (B_CONNACK, close_after(0.01)),
        ]
    ),
    notes=["connection-refused"],
)
broker(
    "assigned-identifier-missing",
    5,
    play.nameless,
    (B_CONNACK, put(lambda _, data: edit_connack(data, less=(0x12,)))),
    "assigned-identifier-missing",
)
broker(
    "response-information-unasked",
    5,
    talk,
    (B_CONNACK, put(lambda _, data: edit_connack(data, more=b"\x1a" + text("answers")))),
    "response-information-unasked",
)
broker(
    "reason-string-unwanted",
    5,
    scenario(talk, RequestProblemInformation=0),
    (B_PUBACK, put(lambda _, data: packet(0x40, data[2:4], b"\0\x05\x1f", text("ok")))),
    "reason-string-unwanted",
)
client("auth-unasked", 5, talk, (C_PUBLISH, first(auth(0x19))), "auth-unasked")
broker("auth-unasked-from-broker", 5, talk, (B_PUBACK, then(auth(0x18))), "auth-unasked")
OWN_BROKER = [  # the proxy asks one question before mosquitto, which knows no method, gets the CONNECT
    (
        C_CONNECT,
        note("connect", lambda link, data: connected(properties=lambda old: without(old, 0x15, 0x16))(link, data)),
    ),
    (C_CONNECT, answer(auth(0x18))),
    (Where(CLIENT, AUTH), put(lambda link, _: link.memory["connect"])),
    (B_CONNACK, put(lambda _, data: edit_connack(data, more=play.METHOD))),
    (Where(CLIENT, AUTH, 2), answer(auth(0))),
]


def own_broker(*other: tuple[Where, Action]) -> Fault:
    """The broker that asks, with other rules besides or instead."""
    return Fault([*OWN_BROKER, *other])


broker("auth-in-order", 5, scenario(play.challenge, again=True), own_broker())
broker(
    "auth-method-changed",
    5,
    play.challenge,
    own_broker((C_CONNECT, answer(auth(0x18, b"\x15" + text("X-OTHER") + play.DATA)))),
    "auth-method-changed",
)
KINDS[-1].fault.rules.pop(1)
broker(
    "connack-method-missing",
    5,
    play.challenge,
    own_broker((B_CONNACK, put(lambda _, data: edit_connack(data, less=(0x15,))))),
    "auth-method-changed",
)
broker("auth-success-before-connack", 5, play.challenge, own_broker((C_CONNECT, answer(auth(0)))), "auth-order")
KINDS[-1].fault.rules.pop(1)
broker(
    "will-above-limits",
    5,
    scenario(play.will, 2),
    (Where(BROKER, CONNACK, role="owner"), put(lambda _, data: edit_connack(data, more=BODY("2401")))),
    "will-above-limits",
)
broker("takeover-not-closed", 4, play.twins, Fault(holds={(BROKER, "twin")}), "takeover-not-closed")
REFUSED = {4: BODY("20020005"), 5: BODY("2003008700")}
broker(
    "takeover-refused",
    (4, 5),
    scenario(play.twins, rest=2.2),
    Fault(
        [
            (Where(CLIENT, CONNECT, role="twin", turn=2), answer(lambda link, _: REFUSED[link.version])),
            (Where(CLIENT, CONNECT, role="twin", turn=2), close_after()),
        ]
    ),
    notes=["connection-refused"],
)  # nobody is taken over by a client that is not let in
broker("session-taken-over", (4, 5), play.twins, Fault(), notes=["session-taken-over"])
client(
    "pingreq-after-disconnect", (4, 5), talk, (Where(CLIENT, DISCONNECT), then(b"\xc0\0")), "packet-after-disconnect"
)
broker("publish-after-disconnect", 5, talk, (B_PUBACK, then(BODY("e0018b"), b"\xd0\0")), "packet-after-disconnect")
broker(
    "disconnected-by-broker",
    5,
    talk,
    Fault([(B_PUBACK, then(BODY("e0018b"))), (B_PUBACK, close_after(0.02))]),
    notes=["disconnected-by-broker"],
)
client(
    "closed-without-disconnect",
    (3, 4, 5),
    talk,
    (Where(CLIENT, DISCONNECT), swallow),
    notes=["closed-without-disconnect"],
)
client(
    "connection-reset",
    (4, 5),
    talk,
    Fault([(Where(CLIENT, DISCONNECT), swallow)], resets=True),
    notes=["connection-reset"],
)

broker(
    "packet-during-auth",
    5,
    scenario(play.challenge, before=Sample(5).publish("a/b")),
    own_broker((C_PUBLISH, swallow)),
    "packet-during-auth@client",
)
client(
    "open-after-disconnect",
    (4, 5),
    scenario(play.bare, b"\xe0\0", pause=2.3, end=b""),
    (Where(CLIENT, DISCONNECT), swallow),
    "open-after-disconnect",
    captured=CLIENT,
)
broker(
    "open-after-disconnect-by-broker",
    5,
    scenario(play.bare, b"\xc0\0", pause=2.3, end=b""),
    (Where(CLIENT, PINGREQ), answer(BODY("d000"), BODY("e0018b"))),
    "open-after-disconnect",
    notes=["disconnected-by-broker"],
)
client("client-id-fight", (4, 5), scenario(play.fight, 5), Fault(), "client-id-fight", notes=["session-taken-over"])
client("reconnect-storm", (3, 4, 5), scenario(play.storm, 12), Fault(), "reconnect-storm")

# Keep alive

client(
    "keep-alive-broken",
    (3, 4, 5),
    scenario(play.idle, 1, 3.5),
    (Where(CLIENT, PINGREQ, 0), swallow),
    "keep-alive-broken",
)
broker(
    "pingreq-unanswered",
    (4, 5),
    scenario(play.idle, 1, 3.5),
    (Where(BROKER, PINGRESP, 0), swallow),
    "pingreq-unanswered",
)
broker("pingresp-unasked", (4, 5), talk, (B_PUBACK, first(b"\xd0\0")), "pingresp-unasked")
client("keep-alive-zero", (4, 5), talk, (C_CONNECT, put(connected(keep_alive=0))), notes=["keep-alive-zero"])
client(
    "keep-alive-oversized", (4, 5), talk, (C_CONNECT, put(connected(keep_alive=3600))), notes=["keep-alive-oversized"]
)

broker(
    "keep-alive-not-enforced",
    (4, 5),
    scenario(play.stays, 3.0, connect={"keep_alive": 1}),
    (C_CONNECT, put(connected(keep_alive=60))),
    "keep-alive-not-enforced",
    "keep-alive-broken@client",
)

# Requests and answers

client(
    "subscribe-identifier-in-use",
    (4, 5),
    scenario(talk, 2),
    (C_PUBLISH, then(lambda link, data: Sample(link.version).subscribe(1, ("a/b", 0)))),
    "identifier-in-use",
)
client("puback-for-nothing", (4, 5), talk, (C_PUBLISH, first(BODY("40020063"))), "answer-unexpected")
broker("puback-for-nothing-from-broker", (3, 4, 5), talk, (B_PUBACK, first(BODY("40020063"))), "answer-unexpected")
broker("suback-for-nothing", 4, talk, (B_PUBACK, first(BODY("9003006300"))), "answer-unexpected")
client(
    "puback-for-qos-2",
    (4, 5),
    scenario(deliver, 2),
    Fault([(Where(CLIENT, PUBREC, role="reader"), put(acknowledged(PUBACK)))]),
    "acknowledgement-wrong",
)
broker("pubrec-for-qos-1", 4, talk, (B_PUBACK, put(acknowledged(PUBREC))), "acknowledgement-wrong", patience=0.3)
client(
    "puback-swallowed",
    (3, 4, 5),
    scenario(deliver, 1, rest=1.3),
    (Where(CLIENT, PUBACK, role="reader"), swallow),
    "publish-unacknowledged",
    patience=1.3,
)
broker("puback-swallowed-by-broker", (3, 4, 5), talk, (B_PUBACK, swallow), "publish-unacknowledged", patience=1.3)
broker(
    "pubrec-swallowed",
    (4, 5),
    scenario(talk, 2),
    (Where(BROKER, PUBREC), swallow),
    "publish-unacknowledged",
    patience=1.3,
)
client("pubrel-swallowed", (4, 5), scenario(talk, 2), (Where(CLIENT, PUBREL), swallow), "pubrel-missing", patience=1.3)
broker(
    "pubcomp-swallowed", (4, 5), scenario(talk, 2), (Where(BROKER, PUBCOMP), swallow), "pubcomp-missing", patience=1.3
)
broker("suback-swallowed", (3, 4, 5), scenario(ask, drop=False), (B_SUBACK, swallow), "suback-missing", patience=1.3)
broker("unsuback-swallowed", (3, 4, 5), ask, (Where(BROKER, UNSUBACK), swallow), "unsuback-missing", patience=1.3)
broker(
    "suback-code-too-few",
    (3, 4, 5),
    scenario(ask, ("s/1", 1), ("s/2", 1)),
    (B_SUBACK, put(body_of(lambda raw: raw[:-1]))),
    "suback-count",
)
broker("suback-code-too-many", (4, 5), ask, (B_SUBACK, put(body_of(plus(b"\1")))), "suback-count")
broker("unsuback-code-too-many", 5, ask, (Where(BROKER, UNSUBACK), put(body_of(plus(b"\0")))), "unsuback-count")
broker("granted-more", (4, 5), ask, (B_SUBACK, put(body_of(lambda raw: raw[:-1] + b"\2"))), "granted-more")
broker(
    "subscription-refused",
    (4, 5),
    scenario(ask, drop=False),
    (B_SUBACK, put(body_of(lambda raw: raw[:-1] + b"\x80"))),
    notes=["subscription-refused"],
)
broker(
    "qos-downgrade",
    (3, 4, 5),
    scenario(ask, ("s", 2)),
    (B_SUBACK, put(body_of(lambda raw: raw[:-1] + b"\0"))),
    notes=["qos-downgrade"],
)
broker("publish-refused", 5, talk, (B_PUBACK, put(acknowledged(PUBACK, 0x87))), notes=["publish-refused"])
client(
    "pubacks-swapped",
    (4, 5),
    scenario(play.stream, 1),
    swapped(Where(CLIENT, PUBACK, 2, role="reader")),
    "acknowledgement-order",
)
client("dup-at-first", (4, 5), talk, (C_PUBLISH, put(published(dup=True))), "dup-on-first-delivery")
client("pubrel-twice", 5, scenario(talk, 2), (Where(CLIENT, PUBREL), twice), "resent-while-connected")
client("pubrel-twice-before-5.0", (3, 4), scenario(talk, 2), (Where(CLIENT, PUBREL), twice))
client("publish-twice", 5, talk, (C_PUBLISH, then(published(dup=True))), "resent-while-connected")
client("publish-twice-before-5.0", (3, 4), talk, (C_PUBLISH, then(published(dup=True))))  # 3.1 retries, 3.1.1 may
broker("redelivery-as-it-should-be", (4, 5), play.unread, Fault())
LOST = [(Where(BROKER, PUBACK, turn=2), swallow_and_close()), (Where(BROKER, PUBREC, turn=2), swallow_and_close())]
client("resumed-as-it-should-be", (4, 5), play.resume, Fault(LOST), captured=CLIENT)
client("resumed-as-it-should-be-qos-2", (4, 5), scenario(play.resume, 2), Fault(LOST), captured=CLIENT)
client(
    "redelivery-missing-by-client",
    (4, 5),
    scenario(play.resume, after="nothing", rest=1.3),
    Fault(LOST),
    "redelivery-missing",
    captured=CLIENT,
)
client(
    "redelivery-changed-by-client",
    (4, 5),
    scenario(play.resume, payload=b"other"),
    Fault(LOST),
    "redelivery-changed",
    captured=CLIENT,
)
LOST_PUBCOMP = [(Where(BROKER, PUBCOMP, turn=2), swallow_and_close())]
client(
    "pubrel-again-as-it-should-be",
    (4, 5),
    scenario(play.resume, 2, pubrel=True),
    Fault(LOST_PUBCOMP),
    captured=CLIENT,
)
client(
    "publish-after-pubrel",
    (4, 5),
    scenario(play.resume, 2, pubrel=True, after="publish"),
    Fault(LOST_PUBCOMP),
    "publish-after-pubrel",
    captured=CLIENT,
)
AGAIN = Where(BROKER, PUBLISH, 1, role="reader", turn=3)
AGAIN_2 = Where(BROKER, PUBLISH, 2, role="reader", turn=3)
broker(
    "redelivery-without-dup",
    (4, 5),
    scenario(play.unread, 1),
    (AGAIN, put(published(dup=False))),
    "redelivery-without-dup",
)
broker("redelivery-missing", (4, 5), scenario(play.unread, 1), (AGAIN, swallow), "redelivery-missing", patience=1.3)
broker(
    "redelivery-changed",
    (4, 5),
    scenario(play.unread, 1),
    (AGAIN, put(published(payload=b"changed"))),
    "redelivery-changed",
)
broker("redelivery-order", (4, 5), scenario(play.unread, 2), swapped(AGAIN), "redelivery-order")
client(
    "receive-maximum-exceeded",
    5,
    talk,
    (C_PUBLISH, put(lambda link, _: b"".join(Sample(5).publish("t", qos=2, identifier=i + 1) for i in range(21)))),
    "receive-maximum-exceeded",
)
broker(
    "receive-maximum-exceeded-by-broker",
    5,
    scenario(deliver, connect={"ReceiveMaximum": 2}),
    (B_PUBLISH, then(published(identifier=100, payload=b"2"), published(identifier=101, payload=b"3"))),
    "receive-maximum-exceeded",
)
client(
    "packet-too-large",
    5,
    scenario(talk, 1, size=100),
    (C_PUBLISH, put(published(payload=b"x" * 3000))),
    "packet-too-large",
    broker="strict",
)
client(
    "topic-alias-exceeded",
    5,
    talk,
    (C_PUBLISH, put(published(properties=BODY("230006")))),
    "topic-alias-exceeded",
    broker="strict",
)
client(
    "topic-alias-unknown",
    5,
    talk,
    (C_PUBLISH, put(published(topic=b"", properties=BODY("230003")))),
    "topic-alias-unknown",
    broker="strict",
)
client("maximum-qos-exceeded", 5, talk, (C_PUBLISH, put(published(qos=2))), "maximum-qos-exceeded", broker="strict")
client("retain-unavailable", 5, talk, (C_PUBLISH, put(published(retain=True))), "retain-unavailable", broker="strict")


def announcing(extra: str) -> Callable[[Link, bytes], bytes]:
    """A CONNACK that says this besides."""
    return lambda _, data: edit_connack(data, more=BODY(extra))


for _name, _property, _filter, _extra, _code in (
    ("wildcard", "2800", "a/#", b"", 0xA2),
    ("shared", "2a00", "$share/crew/a", b"", 0x9E),
    ("subscription-identifier", "2900", "a", BODY("0b07"), 0xA1),
):
    # The broker says in CONNACK that it has none, and (by the proxy) refuses; the client asks all the same
    client(
        f"{_name}-unavailable", 5, scenario(play.bare, Sample(5).subscribe(1, (_filter, 1), properties=_extra)),
        Fault([
            (B_CONNACK, put(announcing(_property))),
            (C_SUBSCRIBE, answer(packet(0xE0, bytes([_code])))),
            (C_SUBSCRIBE, close_after(0.02)),
        ]),
        f"{_name}-unavailable", captured=CLIENT,
    )  # fmt: skip

# Deliveries

broker(
    "delivery-unsubscribed",
    (3, 4, 5),
    scenario(deliver, 0, rest=1.3),
    (B_PUBLISH, put(published(topic=b"else/where"))),
    "delivery-unsubscribed",
    "delivery-missing",
)  # the message that was altered is missing
broker(
    "delivery-invented",
    (4, 5),
    scenario(deliver, 0),
    (B_PUBLISH, then(published(topic=b"else/where"))),
    "delivery-unsubscribed",
)
broker(
    "delivery-after-unsubscribe",
    (4, 5),
    play.unsubscribed,
    (C_UNSUBSCRIBE, answer(lambda link, data: packet(0xB0, data[2:4], b"\0\0" if link.version == 5 else b""))),
    "delivery-after-unsubscribe",
)
broker(
    "delivery-above-granted",
    (4, 5),
    scenario(deliver, 1, 0),
    (B_PUBLISH, put(published(qos=1, identifier=9))),
    "delivery-above-granted",
)
broker(
    "delivery-below-granted",
    (4, 5),
    scenario(deliver, 1, 1),
    Fault([(B_PUBLISH, note("id")), (B_PUBLISH, put(published(qos=0)))]),
    "delivery-below-granted",
)
broker(
    "delivery-missing",
    (3, 4, 5),
    scenario(deliver, 0, count=3, rest=1.3),
    (Where(BROKER, PUBLISH, 2), swallow),
    "delivery-missing",
)
broker(
    "delivery-no-local",
    5,
    play.to_itself,
    (C_SUBSCRIBE, put(body_of(lambda raw: raw[:-1] + bytes([raw[-1] & ~4])))),
    "delivery-no-local",
)
broker(
    "delivery-order",
    (3, 4, 5),
    scenario(play.stream, 0),
    swapped(Where(BROKER, PUBLISH, 2, role="reader")),
    "delivery-order",
)
broker(
    "delivery-order-qos-1",
    (4, 5),
    scenario(play.stream, 1),
    swapped(Where(BROKER, PUBLISH, 2, role="reader")),
    "delivery-order",
)
broker(
    "delivered-twice",
    (4, 5),
    scenario(deliver, 2),
    (B_PUBLISH, tell_later(0.05, CLIENT, published(identifier=99))),
    "delivered-twice",
)
broker(
    "user-property-lost",
    5,
    scenario(deliver, 1, publish={"UserProperty": ("k", "v")}),
    (B_PUBLISH, put(published(properties=b""))),
    "delivery-changed",
)
broker(
    "content-type-changed",
    5,
    scenario(deliver, 1, publish={"ContentType": "text/plain"}),
    (B_PUBLISH, put(published(properties=b"\x03" + text("text/html")))),
    "delivery-changed",
)
broker(
    "message-expired",
    5,
    scenario(deliver, 0, publish={"MessageExpiryInterval": 1}),
    (B_PUBLISH, late(2.2)),
    "message-expired",
    patience=3,
)
broker(
    "expiry-not-reduced",
    5,
    scenario(play.session, away=2.1, count=1, publish={"MessageExpiryInterval": 30}),
    (Where(BROKER, PUBLISH, role="reader", turn=3), put(published(properties=BODY("020000001e")))),
    "expiry-not-reduced",
)
broker(
    "expiry-lost",
    5,
    scenario(deliver, 0, publish={"MessageExpiryInterval": 30}),
    (B_PUBLISH, put(published(properties=b""))),
    "expiry-not-reduced",
)
broker(
    "copy-for-one-of-two-subscriptions-lost",
    5,
    scenario(deliver, 0, options={}, filters=("d/#", "d/0"), rest=1.3),
    (Where(BROKER, PUBLISH, 2, "reader"), swallow),
    "subscription-identifier-wrong",
)
broker(
    "subscription-identifier-changed",
    5,
    scenario(deliver, 0, options={}),
    (B_PUBLISH, put(published(properties=BODY("0b09")))),
    "subscription-identifier-wrong",
)
broker(
    "subscription-identifier-lost",
    5,
    scenario(deliver, 0, options={}),
    (B_PUBLISH, put(published(properties=b""))),
    "subscription-identifier-wrong",
)
broker(
    "shared-delivered-twice",
    5,
    play.shared,
    (Where(BROKER, PUBLISH, role="left"), to_peer("right", lambda _, data: data)),
    "shared-delivered-twice",
)
broker(
    "retain-set-on-delivery",
    (4, 5),
    scenario(deliver, 0, before=2.1),
    (B_PUBLISH, put(published(retain=True))),
    "retain-flag-set",
)
broker(
    "retain-set-soon-after-subscribe",
    (3, 4, 5),
    scenario(deliver, 0, before=0.6),
    (B_PUBLISH, put(published(retain=True))),
    "retain-flag-set",
)
broker(
    "retain-set-against-retain-as-published",
    5,
    scenario(deliver, 0, before=0.6, subscribe={"retainAsPublished": True}),
    (B_PUBLISH, put(published(retain=True))),
    "retain-flag-set",
)
broker(
    "retain-lost-at-subscribe",
    (3, 4, 5),
    scenario(play.retained, before=1.1),  # longer than a broker on a busy machine takes to hand on a message
    (B_PUBLISH, put(published(retain=False))),
    "retain-flag-missing",
)
broker(
    "retain-as-published-lost",
    5,
    scenario(deliver, 1, retain=True, subscribe={"retainAsPublished": True}),
    (B_PUBLISH, put(published(retain=False))),
    "retain-flag-missing",
)
broker(
    "retained-missing",
    (3, 4, 5),
    scenario(play.retained, rest=2.2, before=1.1),
    (B_PUBLISH, swallow),
    "retained-missing",
)
broker(
    "retained-of-qos-0-lost",
    (3, 4, 5),
    scenario(play.retained, rest=2.2, before=1.1, qos=0),
    (B_PUBLISH, swallow),
    notes=["retained-discarded"],
)
broker(
    "retained-stale",
    (3, 4, 5),
    scenario(play.retained, before=1.1, earlier="old"),
    (B_PUBLISH, put(published(payload=b"old"))),
    "retained-stale",
)
broker(
    "retained-unwanted",
    5,
    scenario(play.retained, handling=2),
    (C_SUBSCRIBE, put(body_of(lambda raw: raw[:-1] + bytes([raw[-1] & ~0x30])))),
    "retained-unwanted",
)
broker(
    "retained-unwanted-again",
    5,
    scenario(play.retained, handling=1, times=2, rest=1.2),
    (Where(CLIENT, SUBSCRIBE, 2), put(body_of(lambda raw: raw[:-1] + bytes([raw[-1] & ~0x30])))),
    "retained-unwanted",
)
broker("will-not-published", (3, 4, 5), scenario(play.will, rest=1.3), (B_PUBLISH, swallow), "will-not-published")
broker(
    "will-after-disconnect",
    (3, 4, 5),
    scenario(play.will, polite=True),
    (Where(CLIENT, DISCONNECT, role="owner"), swallow),
    "will-after-disconnect",
)
broker("will-changed", (3, 4, 5), play.will, (B_PUBLISH, put(published(payload=b"else"))), "will-changed")
broker(
    "will-early",
    5,
    scenario(play.will, session=60, seconds=1, WillDelayInterval=5),
    (Where(CLIENT, CONNECT, role="owner"), put(connected(rest=lambda rest: b"\0" + rest[1 + rest[0] :]))),
    "will-early",
)
client("retained-tombstone", (4, 5), play.retained, Fault(), notes=["retained-tombstone"])

# Practice

broker("slow-answer", (4, 5), talk, (B_PUBACK, late(1.5)), "slow-answer", patience=3)
broker("slow-connack", (4, 5), talk, (B_CONNACK, late(1.5)), "slow-answer", patience=3)
broker(
    "slow-pingresp",
    4,
    scenario(play.bare, b"\xc0\0", pause=1.5),
    (Where(BROKER, PINGRESP), late(1.3)),
    "slow-answer",
)
broker(
    "tcp-loss",
    4,
    talk,
    Fault([(B_CONNACK, tampering(repeat=True)), (B_PUBACK, late(0.4))]),
    notes=["tcp-loss"],
    patience=3,
)
client("zero-window", 4, LONG_TALK, (C_PUBLISH, window(CLIENT, 0)), "zero-window")
broker(
    "clock-jump-ahead",
    4,
    scenario(talk, count=3),
    (B_PUBACK, tampering(shift_ns=90 * 24 * 3600 * 10**9)),
    "clock-jump@capture",
)
broker("clock-jump-back", 4, scenario(talk, count=3), (B_PUBACK, tampering(shift_ns=-20 * 10**9)), "clock-jump@capture")
broker(
    "half-open",
    4,
    scenario(play.bare, Sample(4).publish("a/b", qos=1, identifier=1), pause=2.0, end=b""),
    Fault([(B_CONNACK, falls_silent(BROKER)), (C_PUBLISH, again_and_again(0.3, 0.8, 1.6))]),
    "half-open@network",
)
broker(
    "queue-build-up",
    4,
    scenario(play.pile, 100, 5.2, 60),
    (Where(BROKER, PUBACK, 0), swallow),
    "queue-build-up",
    "publish-unacknowledged",  # which is why
)
broker(
    "capture-gap",
    (4, 5),
    scenario(talk, count=5),
    (Where(CLIENT, PUBLISH, 3), tampering(lose=1)),
    notes=["capture-gap"],
)
client(
    "undecoded-bytes",
    4,
    talk,
    (C_PUBLISH, put(b"\x30\xff\xff\xff\xff\x01hello")),
    "varint-too-long",
    notes=["undecoded-bytes"],
)

# The same faults from the other side, and in other packets

B_PUBREC, B_PUBCOMP = Where(BROKER, PUBREC), Where(BROKER, PUBCOMP)
C_PUBACK, C_PUBREC = Where(CLIENT, PUBACK, role="reader"), Where(CLIENT, PUBREC, role="reader")
C_PUBCOMP = Where(CLIENT, PUBCOMP, role="reader")


def connack_says(name: str, extra: str, rule_id: str) -> None:
    """A CONNACK with properties that it must not have."""
    broker(name, 5, talk, (B_CONNACK, put(announcing(extra))), rule_id)


connack_says("connack-maximum-qos-2", "2402", "property-value")
connack_says("connack-retain-available-2", "2502", "property-value")
connack_says("connack-maximum-packet-size-0", "2700000000", "property-value")
connack_says("connack-keep-alive-twice", "13003c13003c", "property-repeated")
connack_says("connack-unknown-property", "3f01", "property-undefined")
connack_says("connack-with-content-type", "03000161", "property-not-allowed")
broker(
    "delivery-qos-3",
    (4, 5),
    scenario(deliver, 0),
    (B_PUBLISH, put(published(qos=3, identifier=5))),
    "qos-3",
)
broker("delivery-nul", (4, 5), scenario(deliver, 0), (B_PUBLISH, put(published(topic=b"a\0b"))), "nul-in-string")
broker(
    "delivery-alias-0",
    5,
    scenario(deliver, 0),
    (B_PUBLISH, put(published(properties=BODY("230000")))),
    "topic-alias-zero",
)
broker(
    "delivery-alias-unasked",
    5,
    scenario(deliver, 0),
    (B_PUBLISH, put(published(properties=BODY("230001")))),
    "topic-alias-exceeded",
)
broker(
    "delivery-too-large",
    5,
    scenario(deliver, 0, connect={"MaximumPacketSize": 100}),
    (B_PUBLISH, put(published(payload=b"x" * 200))),
    "packet-too-large",
)
broker("puback-identifier-0", (4, 5), talk, (B_PUBACK, first(b"\x40\x02\0\0")), "packet-identifier-zero")
broker("suback-reason-3", 5, ask, (B_SUBACK, put(body_of(lambda raw: raw[:-1] + b"\x03"))), "reason-code")
broker(
    "unsuback-reason-1", 5, ask, (Where(BROKER, UNSUBACK), put(body_of(lambda raw: raw[:-1] + b"\x01"))), "reason-code"
)
broker(
    "connack-reason-5",
    5,
    talk,
    (B_CONNACK, put(lambda _, data: edit_connack(data, lambda head: head.__setitem__(1, 5)))),
    "reason-code",
)
client("disconnect-reason-5", 5, talk, (Where(CLIENT, DISCONNECT), put(BODY("e00105"))), "reason-code")
broker(
    "unsuback-without-codes",
    5,
    ask,
    (Where(BROKER, UNSUBACK), put(body_of(lambda raw: raw[:3]))),
    "answer-without-codes",
)
broker("puback-flags", 5, LONG_TALK, (B_PUBACK, put(flags(2))), "reserved-flags", NOT_CLOSED_BY_CLIENT)
client("unsubscribe-flags-0", (4, 5), ask, (C_UNSUBSCRIBE, put(flags(0))), "reserved-flags")
client(
    "unsubscribe-identifier-0",
    (4, 5),
    ask,
    (C_UNSUBSCRIBE, put(body_of(lambda raw: b"\0\0" + raw[2:]))),
    "packet-identifier-zero",
)
client(
    "pubrec-swallowed-by-client",
    (3, 4, 5),
    scenario(deliver, 2, rest=1.3),
    (C_PUBREC, swallow),
    "publish-unacknowledged",
    patience=1.3,
)
broker(
    "pubrel-swallowed-by-broker",
    (3, 4, 5),
    scenario(deliver, 2, rest=1.3),
    (Where(BROKER, PUBREL, role="reader"), swallow),
    "pubrel-missing",
    patience=1.3,
)
client(
    "pubcomp-swallowed-by-client",
    (3, 4, 5),
    scenario(deliver, 2, rest=1.3),
    (C_PUBCOMP, swallow),
    "pubcomp-missing",
    patience=1.3,
)
client("pubrel-for-nothing", (4, 5), talk, (C_PUBLISH, first(BODY("62020063"))), "answer-unexpected")
broker("pubcomp-for-nothing", (4, 5), talk, (B_PUBACK, first(BODY("70020063"))), "answer-unexpected")
broker(
    "unsuback-for-nothing",
    (4, 5),
    talk,
    (B_PUBACK, first(lambda link, _: BODY("b0020063") if link.version == 4 else BODY("b00400630000"))),
    "answer-unexpected",
)
broker(
    "pubcomp-before-pubrel",
    (4, 5),
    scenario(talk, 2),
    (B_PUBREC, put(acknowledged(PUBCOMP))),
    "acknowledgement-wrong",
    patience=0.3,
)
client(
    "pubrecs-swapped",
    (4, 5),
    scenario(play.stream, 2),
    swapped(Where(CLIENT, PUBREC, 2, role="reader")),
    "acknowledgement-order",
)
broker(
    "payload-changed",
    (4, 5),
    scenario(deliver, 0, rest=1.3),
    (B_PUBLISH, put(published(payload=b"altered"))),
    "delivery-missing",
)
broker("will-qos-changed", (4, 5), play.will, (B_PUBLISH, put(published(qos=0))), "will-changed")
broker(
    "session-present-after-expiry",
    5,
    scenario(play.session, count=0, options={"SessionExpiryInterval": 1}, away=2.3),
    (
        Where(BROKER, CONNACK, role="reader", turn=3),
        put(lambda _, data: edit_connack(data, lambda head: head.__setitem__(0, 1))),
    ),
    "session-present-wrong",
)
client(
    "server-keep-alive-ignored",
    5,
    scenario(play.bare, b"\xc0\0", pause=2.6, end=b""),
    (B_CONNACK, put(announcing("130001"))),
    "keep-alive-broken",
    "keep-alive-not-enforced@broker",  # which knows nothing of what the proxy has said
    captured=CLIENT,
)
broker(
    "retain-lost-live",
    5,
    scenario(deliver, 0, retain=True, subscribe={"retainAsPublished": True}),
    (B_PUBLISH, put(published(retain=False))),
    "retain-flag-missing",
)
broker(
    "correlation-data-lost",
    5,
    scenario(deliver, 1, publish={"CorrelationData": b"17", "ResponseTopic": "a/b"}),
    (B_PUBLISH, put(published(properties=b"\x08" + text("a/b")))),
    "delivery-changed",
)
broker(
    "payload-format-changed",
    5,
    scenario(deliver, 1, publish={"PayloadFormatIndicator": 1}),
    (B_PUBLISH, put(published(properties=b""))),
    "delivery-changed",
)
broker(
    "user-properties-swapped",
    5,
    scenario(deliver, 1, publish={"UserProperty": [("a", "1"), ("b", "2")]}),
    (B_PUBLISH, put(published(properties=b"\x26\0\1b\0\1" + b"2\x26\0\1a\0\1" + b"1"))),
    "delivery-changed",
)
broker(
    "queued-message-lost",
    (4, 5),
    scenario(play.session, rest=2.5),
    (Where(BROKER, PUBLISH, 1, role="reader", turn=3), swallow),
    "delivery-missing",
    patience=2.5,
)
broker(
    "everything-queued-lost",
    (4, 5),
    scenario(play.session, rest=2.5),
    (Where(BROKER, PUBLISH, 0, role="reader", turn=3), swallow),
    "delivery-missing",
    patience=2.5,
)
