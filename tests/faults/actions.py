"""What a fault does with a packet, as small functions to put together. Each returns an action for a rule of `Fault`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from faults.packets import CONNECT, PUBLISH, Connect, Publish, body, packet, packet_identifier
from faults.proxy import Action, Fault, Link, Where
from faults.recorder import BROKER, CLIENT

Make = bytes | Callable[[Link, bytes], bytes]  # bytes, or how they come of a packet


def made(make: Make, link: Link, data: bytes) -> bytes:
    """The bytes."""
    return make if isinstance(make, bytes) else make(link, data)


def swallow(link: Link, data: bytes) -> list[bytes]:
    """It never arrives."""
    return []


def put(*makes: Make) -> Action:
    """These in its place."""
    return lambda link, data: [made(one, link, data) for one in makes]


def then(*makes: Make) -> Action:
    """These behind it, in the same segment."""
    return lambda link, data: [data, *(made(one, link, data) for one in makes)]


def first(*makes: Make) -> Action:
    """These before it."""
    return lambda link, data: [*(made(one, link, data) for one in makes), data]


def twice(link: Link, data: bytes) -> list[bytes]:
    """It arrives twice."""
    return [data, data]


def answer(*makes: Make) -> Action:
    """It never arrives; its sender gets these for an answer."""

    def act(link: Link, data: bytes) -> list[bytes]:
        link.send(link.sender, b"".join(made(one, link, data) for one in makes))
        return []

    return act


def also(side: int, make: Make) -> Action:
    """A side gets this besides, while the packet goes on."""

    def act(link: Link, data: bytes) -> None:
        link.send(side, made(make, link, data))

    return act


def late(seconds: float, *makes: Make) -> Action:
    """It goes on (or these instead) so much later."""

    def act(link: Link, data: bytes) -> list[bytes]:
        out = b"".join(made(one, link, data) for one in makes) if makes else data
        to = 1 - link.sender
        link.later(seconds, lambda: link.send(to, out))
        return []

    return act


def tell_later(seconds: float, side: int, make: Make) -> Action:
    """`side` gets this so much later; the packet goes on."""

    def act(link: Link, data: bytes) -> None:
        out = made(make, link, data)
        link.later(seconds, lambda: link.send(side, out))

    return act


def close_after(seconds: float = 0.05, side: int = CLIENT) -> Action:
    """The packet goes on, then the connection is closed towards `side`."""

    def act(link: Link, data: bytes) -> None:
        link.later(seconds, lambda: link.end(side))

    return act


def swallow_and_close(side: int = CLIENT) -> Action:
    """It never arrives; the connection is closed towards `side` instead."""

    def act(link: Link, data: bytes) -> list[bytes]:
        link.end(side)
        return []

    return act


def note(key: str, what: Callable[[Link, bytes], Any] = lambda _, data: data) -> Action:
    """Keep something of it under a key; the packet goes on."""

    def act(link: Link, data: bytes) -> None:
        link.memory[key] = what(link, data)

    return act


def hold(key: str) -> Action:
    """Keep it back, until `release` of the same key."""

    def act(link: Link, data: bytes) -> list[bytes]:
        link.memory.setdefault(key, []).append(data)
        return []

    return act


def release(key: str) -> Action:
    """The packet, and then those that were kept back: in the other order."""

    def act(link: Link, data: bytes) -> list[bytes]:
        return [data, *link.memory.pop(key, [])]

    return act


def swapped(where: Where) -> Fault:
    """Of the packets that `where` asks for (its nth and the one behind it) the second goes first."""
    other = Where(where.sender, where.type, where.nth + 1, where.role, where.turn)
    return Fault([(where, hold("swapped")), (other, release("swapped"))])


def to_peer(role: str, make: Make) -> Action:
    """The client of another role gets this besides."""

    def act(link: Link, data: bytes) -> None:
        link.proxy.links[role].send(CLIENT, made(make, link.proxy.links[role], data))

    return act


# What goes wrong beside MQTT


def tampering(**changes: Any) -> Action:
    """From now on the recorder does this (its attributes); the packet goes on."""

    def act(link: Link, data: bytes) -> None:
        for name, value in changes.items():
            setattr(link.proxy.recorder, name, value)

    return act


def falls_silent(side: int) -> Action:
    """Behind this packet nothing arrives of `side` any more, not even by TCP."""

    def act(link: Link, data: bytes) -> None:
        link.later(0, lambda: setattr(link.proxy.recorder, "dead", side))

    return act


def again_and_again(*seconds: float) -> Action:
    """It never arrives; TCP sends it again after so many seconds each."""

    def act(link: Link, data: bytes) -> list[bytes]:
        record, side = link.record, link.sender
        assert record is not None
        for one in seconds:
            link.later(one, lambda: record.again(side, data))
        return []

    return act


def window(side: int, size: int) -> Action:
    """A side announces a TCP window of this size from now on; the packet goes on."""

    def act(link: Link, data: bytes) -> None:
        assert link.record is not None
        link.record.window(side, size)

    return act


# Changes to one packet


def body_of(change: Callable[[bytes], bytes]) -> Callable[[Link, bytes], bytes]:
    """Another body under the same first byte, with the Remaining Length that it then has."""
    return lambda link, data: packet(data[0], change(body(data)))


def first_byte(value: int) -> Callable[[Link, bytes], bytes]:
    """Another first byte."""
    return lambda link, data: bytes([value]) + data[1:]


def flags(value: int) -> Callable[[Link, bytes], bytes]:
    """Other flags in the fixed header."""
    return lambda link, data: bytes([data[0] & 0xF0 | value]) + data[1:]


def published(**changes: Any) -> Callable[[Link, bytes], bytes]:
    """A PUBLISH with some of its parts changed; a function gets the part that was there."""

    def make(link: Link, data: bytes) -> bytes:
        one = Publish.of(data, link.version)
        for name, value in changes.items():
            setattr(one, name, value(getattr(one, name)) if callable(value) else value)
        return one.bytes()

    return make


def connected(**changes: Any) -> Callable[[Link, bytes], bytes]:
    """A CONNECT with some of its parts changed; a function gets the part that was there."""

    def make(link: Link, data: bytes) -> bytes:
        one = Connect.of(data)
        for name, value in changes.items():
            setattr(one, name, value(getattr(one, name)) if callable(value) else value)
        return one.bytes()

    return make


def acknowledged(kind: int, code: int = 0) -> Callable[[Link, bytes], bytes]:
    """PUBACK, PUBREC, PUBREL or PUBCOMP for the packet's identifier."""

    def make(link: Link, data: bytes) -> bytes:
        rest = bytes([code]) if code else b""
        return packet(kind << 4 | (2 if kind == 6 else 0), packet_identifier(data), rest)

    return make


def plus(value: bytes) -> Callable[[bytes], bytes]:
    """These bytes behind what was there."""
    return lambda old: old + value


C_CONNECT = Where(CLIENT, CONNECT)
C_PUBLISH = Where(CLIENT, PUBLISH)
B_PUBLISH = Where(BROKER, PUBLISH)
