"""How streams begin: with a CONNECT, with what else is often put on a broker's port, with a PROXY header.

Sources: MQTT 5.0, sections 3.1.1 and 3.1.2 (the first packet of a client is a CONNECT; its first bytes are fixed
but for the length); the PROXY protocol of HAProxy, versions 1 and 2 (sections 2.1 and 2.2).
"""

import ipaddress
from typing import Final

from mypy_extensions import i64

YES: Final = 0
NO: Final = 1
MORE: Final = 2

PROXY_TEXT: Final = b"PROXY "
PROXY_BINARY: Final = b"\r\n\r\n\x00\r\nQUIT\n"
LONGEST_PROXY_LINE: Final = 107  # bytes
LONGEST_PROXY: Final = 4096  # bytes of a header of version 2; what they may be is sixteen times that

FOREIGN: Final[dict[bytes, str]] = {  # how streams start that share MQTT's ports without being plain MQTT
    b"\x16\x03": "TLS",
    b"GET ": "HTTP",
    b"HTTP/": "HTTP",
    b"POST ": "HTTP",
    b"SSH-": "SSH",
    b"AMQP": "AMQP",
}
NAMES: Final[list[bytes]] = [b"\x00\x04MQTT", b"\x00\x06MQIsdp"]
LONGEST_HEAD: Final = 13  # bytes that tell: a CONNECT's fixed header (5) and protocol name (8); the longest in FOREIGN


def is_connect(data: bytes) -> i64:
    """Are these the first bytes of a CONNECT? `YES`, `NO`, or `MORE` are needed to tell."""
    size: i64 = len(data)
    if size and data[0] != 0x10:
        return NO
    at: i64 = 1
    length: i64 = 0
    shift: i64 = 0
    while True:
        if at >= size:
            return MORE
        byte: i64 = data[at]
        length |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            break
        shift += 7
        if shift > 21:
            return NO
    if length < 12:  # name, level, flags, keep alive and an empty client identifier
        return NO
    for name in NAMES:
        part = data[at : at + len(name)]
        if part == name:
            return YES
        if name.startswith(part):
            return MORE
    return NO


def foreign(data: bytes) -> str | None:
    """What these first bytes of a stream on a known port are, if they are not MQTT; empty if they may be MQTT, None
    if more of them are needed to tell."""
    more = False
    for start, name in FOREIGN.items():
        if data.startswith(start):
            return name
        if len(data) < len(start) and start.startswith(data):
            more = True
    return None if more else ""


def is_proxied(head: bytes) -> i64:
    """Does a stream that starts like this have a PROXY header? `YES`, `NO`, or `MORE` bytes are needed to tell."""
    answer: i64 = NO
    for start in (PROXY_TEXT, PROXY_BINARY):
        if head.startswith(start):
            return YES
        if start.startswith(head):
            answer = MORE
    return answer


def proxy_length(data: bytes) -> i64:
    """Bytes of the PROXY header that `data` starts with, 0 if they do not tell yet, -1 if it is none."""
    if data.startswith(PROXY_BINARY):
        length = 16 + int.from_bytes(data[14:16], "big")
        return 0 if len(data) < 16 else length if length <= LONGEST_PROXY else -1
    end = data.find(b"\r\n", 0, LONGEST_PROXY_LINE)
    if end < 0:
        return 0 if len(data) < LONGEST_PROXY_LINE else -1
    return end + 2


def proxied_for(header: bytes) -> str:
    """The address that a PROXY header names as the client's; empty if it names none that can be read."""
    if header.startswith(PROXY_BINARY):
        size = {1: 4, 2: 16}.get(header[13] >> 4, 0)
        if not size or header[12] & 0x0F != 1 or len(header) < 16 + 2 * size + 4:
            return ""
        address = str(ipaddress.ip_address(header[16 : 16 + size]))
        port = int.from_bytes(header[16 + 2 * size : 18 + 2 * size], "big")
    else:
        words = header.decode("latin-1").split()
        if len(words) != 6 or not words[4].isdecimal():
            return ""
        try:
            address = str(ipaddress.ip_address(words[2]))
        except ValueError:
            return ""
        port = int(words[4][:5])
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
