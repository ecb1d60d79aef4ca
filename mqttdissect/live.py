"""Capture from an interface, through scapy, which is imported only then: it takes a second to load.

Raises `CaptureError` with one line for what users meet: no scapy, no privileges, no such interface, a wrong filter.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from mqttdissect.capture.frame import CaptureError, Frame

WAIT = 0.1  # seconds at most that a live capture keeps its reader waiting without a word
MOST_AT_ONCE = 256  # frames handed on together


def _scapy() -> Any:
    """scapy's configuration, with its sockets loaded."""
    try:
        import logging

        logging.getLogger("scapy").setLevel(logging.CRITICAL)
        import scapy.all  # noqa: F401
        from scapy.config import conf
    except ImportError:
        raise CaptureError("live capture needs scapy: pip install 'mqttdissect[live]'") from None
    return conf


def interfaces() -> list[tuple[str, str]]:
    """Name and addresses of each interface."""
    conf = _scapy()
    rows = []
    for interface in conf.ifaces.values():
        addresses = [address for family in (4, 6) for address in interface.ips.get(family, [])]
        rows.append((str(interface.name), ", ".join(addresses)))
    return sorted(rows)


def frames(interface: str, capture_filter: str) -> Iterator[list[Frame]]:
    """Frames as they come, an empty list now and then when none do. The socket is closed with the iterator."""
    conf = _scapy()
    if interface not in [name for name, _ in interfaces()]:
        known = ", ".join(name for name, _ in interfaces())
        raise CaptureError(f"no interface {interface!r}; there are {known} (mqttdissect -D lists them)")
    socket = _open(conf, interface, capture_filter)
    number = 0
    try:
        while True:
            batch: list[Frame] = []
            ready = socket.select([socket], WAIT)
            while ready and len(batch) < MOST_AT_ONCE:
                layer, data, stamp = socket.recv_raw(262144)
                if data:
                    number += 1
                    link_type = int(conf.l2types.layer2num.get(layer, 1))
                    batch.append(
                        Frame(number, int((stamp or time.time()) * 1_000_000_000), link_type, data, len(data), 0)
                    )
                ready = socket.select([socket], 0)
            yield batch
    finally:
        socket.close()


class Live:
    """Frames from an interface, for as long as somebody wants them."""

    def __init__(self, interface: str, capture_filter: str) -> None:
        self.names = [interface]
        self.total = -1
        self.position = 0
        self._filter = capture_filter

    def frames(self) -> Iterator[list[Frame]]:
        """Lists of frames; empty ones tell that there are none at the moment."""
        return frames(self.names[0], self._filter)

    def close(self) -> None:
        """Nothing is left to say."""


def _open(conf: Any, interface: str, capture_filter: str) -> Any:
    """scapy's listening socket."""
    try:
        return conf.L2listen(iface=interface, filter=capture_filter or None)
    except PermissionError:
        raise CaptureError(
            f"no permission to capture on {interface}: run as root, or pipe tcpdump into `mqttdissect -`"
        ) from None
    except Exception as error:  # scapy raises its own kinds, and plain Exception for filters
        text = str(error).strip().splitlines()
        reason = text[0] if text else type(error).__name__
        what = f"filter {capture_filter!r}" if capture_filter else f"interface {interface}"
        raise CaptureError(f"cannot capture with {what}: {reason}") from None
