"""The Internet checksum (RFC 1071) of a TCP segment with its pseudo-header (RFC 9293, section 3.1; RFC 8200, 8.1)."""

from mypy_extensions import i64

from mqttdissect.capture.octets import u16be


def total(data: bytes, start: i64, end: i64) -> i64:
    """The sum of the 16-bit words from `start` to `end`, an odd byte at the end padded with zero."""
    sum: i64 = 0
    at = start
    while at + 1 < end:
        sum += u16be(data, at)
        at += 2
    if at < end:
        sum += i64(data[at]) << 8
    return sum


def tcp_is_right(flow: bytes, data: bytes, start: i64, end: i64) -> bool:
    """Does the segment from `start` to `end` have the checksum that its bytes and the flow's addresses ask for?"""
    sum = total(flow, 0, len(flow) - 4) + 6 + (end - start) + total(data, start, end)
    while sum > 0xFFFF:
        sum = (sum & 0xFFFF) + (sum >> 16)
    return sum == 0xFFFF
