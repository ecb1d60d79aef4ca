"""Link types that the compiled path does not know, taken off by scapy or by dpkt, where one of these is installed.

Imported with the rest, but neither package is before a capture needs it. Not compiled: it calls what has no types.
Only link layers are left to them; from the IP header on it is the compiled path again.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

BY_SCAPY: Final = frozenset([195, 230, 274])  # IEEE 802.15.4 with 6LoWPAN, Ethernet with preamble
BY_DPKT: Final = frozenset([6, 7, 8, 10])  # 802.5, ARCNET, SLIP, FDDI: headers of fixed length
INSTALL: Final = "pip install 'mqttdissect[links]'"

_missing: set[str] = set()  # packages that were needed and are not installed


def ip_packet(link_type: int, data: bytes) -> bytes | None:
    """The IP packet in a frame; empty if there is none, None if the link type is not known here either."""
    try:
        if link_type in BY_SCAPY:
            return by_scapy(link_type, data)
        if link_type in BY_DPKT:
            return by_dpkt(link_type, data)
    except ImportError as error:
        _missing.add((error.name or "").partition(".")[0])
    return None


def advice(link_type: int) -> str:
    """What would make frames of this link type readable, to end a sentence with; perhaps nothing."""
    package = "scapy" if link_type in BY_SCAPY else "dpkt" if link_type in BY_DPKT else ""
    return f"; {package} knows it: {INSTALL}" if package in _missing else ""


def by_dpkt(link_type: int, data: bytes) -> bytes:
    """dpkt has the lengths of link headers."""
    lengths: dict[int, int] = import_module("dpkt.pcap").dltoff
    packet = data[lengths[link_type] :]
    return packet if packet[:1] and packet[0] >> 4 in (4, 6) else b""


def by_scapy(link_type: int, data: bytes) -> bytes:
    """scapy has a class for the link layer, and goes on from there."""
    conf: Any = import_module("scapy.config").conf
    for name in ("l2", "dot15d4", "sixlowpan"):  # each registers its layers
        import_module(f"scapy.layers.{name}")
    layers = import_module("scapy.layers.inet").IP, import_module("scapy.layers.inet6").IPv6
    conf.dot15d4_protocol = "sixlowpan"
    try:
        packet: Any = conf.l2types.num2layer[link_type](data)
        for layer in layers:
            if layer in packet:
                return bytes(packet[layer].original)
    except Exception:  # whatever hostile bytes bring scapy to raise
        return b""
    return b""
