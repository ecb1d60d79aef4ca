"""Flows as people write them: 127.0.0.1:1883, [::1]:1883 (RFC 5952, RFC 3986 section 3.2.2)."""

from typing import Final

DECIMAL: Final = [str(number) for number in range(256)]
SIX: Final[dict[bytes, str]] = {}  # addresses of IPv6 that were written before: they are dear
MOST_SIX: Final = 4096


def address(flow: bytes, source: bool) -> str:
    """The source or destination address of a flow."""
    half = (len(flow) - 4) // 2
    raw = flow[:half] if source else flow[half : 2 * half]
    if half == 4:
        return f"{DECIMAL[raw[0]]}.{DECIMAL[raw[1]]}.{DECIMAL[raw[2]]}.{DECIMAL[raw[3]]}"
    text = SIX.get(raw)
    if text is None:
        from ipaddress import IPv6Address  # takes a fiftieth of the start, and many captures have none

        text = str(IPv6Address(raw))
        if len(SIX) >= MOST_SIX:
            SIX.clear()
        SIX[raw] = text
    return text


def port(flow: bytes, source: bool) -> int:
    """The source or destination port of a flow."""
    at = len(flow) - (4 if source else 2)
    return flow[at] << 8 | flow[at + 1]


def endpoint(flow: bytes, source: bool) -> str:
    """Address and port."""
    host = address(flow, source)
    return f"[{host}]:{port(flow, source)}" if ":" in host else f"{host}:{port(flow, source)}"
