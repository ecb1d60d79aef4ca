"""What one writes with dpkt to list PUBLISH packets: `python with_dpkt.py FILE` prints frame, topic and length.

dpkt takes frames apart up to TCP; streams and MQTT are for its user to do. Done here with least effort: bytes of a
side are joined as they come, so a packet over several segments is found, and one out of order is not.
"""

import sys

import dpkt

PUBLISH = 3


def packets(held: bytearray):
    """Cut whole control packets off the front of what is held: first byte and body of each."""
    while len(held) >= 2:
        length = shift = 0
        at = 1
        while at < len(held):
            byte = held[at]
            length |= (byte & 127) << shift
            shift += 7
            at += 1
            if byte < 128:
                break
        else:
            return
        if at + length > len(held):
            return
        yield held[0], bytes(held[at : at + length])
        del held[: at + length]


def main() -> None:
    sides: dict[tuple[bytes, int, int], bytearray] = {}
    with open(sys.argv[1], "rb") as file:
        for number, (_, frame) in enumerate(dpkt.pcap.Reader(file), 1):
            ip = dpkt.ethernet.Ethernet(frame).data
            tcp = getattr(ip, "data", None)
            if not isinstance(tcp, dpkt.tcp.TCP) or not tcp.data or 1883 not in (tcp.sport, tcp.dport):
                continue
            held = sides.setdefault((ip.src + ip.dst, tcp.sport, tcp.dport), bytearray())
            held += tcp.data
            for first, body in packets(held):
                if first >> 4 == PUBLISH:
                    end = 2 + int.from_bytes(body[:2], "big")
                    print(number, body[2:end].decode(), len(body), sep="\t")


if __name__ == "__main__":
    main()
