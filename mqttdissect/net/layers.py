"""Which step takes off which layer: the table of all link types, EtherTypes, protocols and ports that are known here.

`walk` goes from layer to layer up to the next IP header. Its cost is bounded: every step but a few looks at a fixed
number of bytes, those few go through the frame once, and there are at most `MOST_LAYERS` steps.
"""

from collections.abc import Callable
from typing import Final

from mypy_extensions import i64

from mqttdissect.net import cards, cooked, ethernet, serial, tunnel, wireless
from mqttdissect.net.place import (
    CUT_SHORT,
    ETHERTYPES,
    LLC,
    NLPID,
    NOT_IP,
    PPP_FRAME,
    PPP_PROTOCOLS,
    PROTOCOLS,
    UDP_PORTS,
    UNKNOWN_LINK,
    Place,
)

MOST_LAYERS: Final = 64
Step = Callable[[Place], None]

LINK_TYPES: Final[dict[int, Step]] = {
    0: cooked.bsd_null,
    1: ethernet.ethernet,
    9: serial.ppp,
    12: ethernet.ip,  # DLT_RAW as BSDs number it; seen in files of tools that skip the mapping
    14: ethernet.ip,
    50: serial.ppp_or_cisco,
    51: ethernet.pppoe,
    100: ethernet.llc,
    101: ethernet.ip,
    104: serial.cisco_hdlc,
    105: wireless.ieee802_11,
    107: ethernet.frame_relay,
    108: cooked.bsd_loop,
    109: cooked.ipsec_trace,
    113: cooked.linux_cooked,
    117: cooked.packet_filter_log,
    119: wireless.prism,
    122: cooked.ip_over_fibre_channel,
    123: cards.sun_atm,
    127: wireless.radiotap,
    129: cards.arcnet_linux,
    138: cooked.ip_over_firewire,
    163: wireless.avs,
    166: serial.of_pppd,
    192: wireless.ppi,
    197: cards.erf,
    204: serial.after_direction,
    219: ethernet.mpls,
    226: cooked.solaris_ipnet,
    228: ethernet.ip,
    229: ethernet.ip,
    239: cooked.netfilter_log,
    240: cooked.ethernet_4_bytes_in,
    241: cooked.ethernet_12_bytes_in,
    242: cooked.ip_over_infiniband,
    258: cooked.pktap,
    276: cooked.linux_cooked_2,
    281: cooked.switch_tag,
    282: cooked.ethernet_4_bytes_in,
    284: cooked.switch_tag,
    285: cooked.long_switch_tag,
}

ETHERTYPE: Final[dict[int, Step]] = {
    0x0800: ethernet.ip,
    0x86DD: ethernet.ip,
    0x8100: ethernet.vlan,
    0x88A8: ethernet.vlan,
    0x9100: ethernet.vlan,
    0x9200: ethernet.vlan,
    0x6558: ethernet.ethernet,  # transparent Ethernet bridging
    0x880B: serial.ppp,
    0x8847: ethernet.mpls,
    0x8848: ethernet.mpls,
    0x8864: ethernet.pppoe,
    0x8870: ethernet.jumbo_llc,
    0x88E5: ethernet.macsec,
    0x88E7: ethernet.backbone,
    0x8926: ethernet.four_bytes_more,  # VN-tag
    0x892F: ethernet.four_bytes_more,  # HSR
    0x893F: ethernet.e_tag,
    0x894F: ethernet.nsh,
    0xF1C1: ethernet.four_bytes_more,  # redundancy tag
}

IP_PROTOCOLS: Final[dict[int, Step]] = {
    4: ethernet.ip,
    17: tunnel.udp,
    41: ethernet.ip,
    47: tunnel.gre,
    97: tunnel.ether_ip,
    137: ethernet.mpls,
    143: ethernet.ethernet,  # of segment routing, RFC 8986
}

PPP: Final[dict[int, Step]] = {
    0x0021: ethernet.ip,
    0x0057: ethernet.ip,
    0x003D: serial.multilink,
    0x0281: ethernet.mpls,
    0x0283: ethernet.mpls,
}

UDP: Final[dict[int, Step]] = {
    1701: tunnel.l2tp,
    2152: tunnel.gtp,
    3544: tunnel.teredo,
    4341: tunnel.lisp,
    4789: tunnel.vxlan,
    4790: tunnel.vxlan_gpe,
    6081: tunnel.geneve,
    6635: tunnel.mpls_in_udp,
    8472: tunnel.vxlan,  # Linux' default, before there was a number
    37008: tunnel.tzsp,
}

STEPS: Final[dict[int, Step]] = {
    **LINK_TYPES,
    **{ETHERTYPES + number: step for number, step in ETHERTYPE.items()},
    **{PROTOCOLS + number: step for number, step in IP_PROTOCOLS.items()},
    **{PPP_PROTOCOLS + number: step for number, step in PPP.items()},
    **{UDP_PORTS + number: step for number, step in UDP.items()},
    LLC: ethernet.llc,
    PPP_FRAME: serial.ppp,
    NLPID: ethernet.nlpid,
}

CARRIERS: Final = bytes(1 if number in IP_PROTOCOLS else 0 for number in range(256))
"""By IP protocol: can there be another packet in it?"""


def walk(place: Place) -> None:
    """Take layers off up to an IP header; what `place.layer` says then is one of the ends in `place`."""
    steps: i64 = 0
    while place.layer >= 0:
        steps += 1
        step = STEPS.get(place.layer)
        if step is None:
            known = place.layer >= ETHERTYPES
            place.found = place.layer
            place.layer = NOT_IP if known else UNKNOWN_LINK
        elif steps > MOST_LAYERS:
            place.layer = CUT_SHORT
        else:
            step(place)
