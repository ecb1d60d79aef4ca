"""What one writes with scapy to list PUBLISH packets: `python with_scapy.py FILE` prints frame, topic and length.

scapy decodes MQTT inside one segment, several packets of it too; a packet over several segments is lost to it.
"""

import sys

from scapy.contrib.mqtt import MQTT, MQTTPublish
from scapy.layers.inet import TCP  # the layers between, which scapy has to know
from scapy.layers.inet6 import IPv6  # noqa: F401
from scapy.layers.l2 import Ether  # noqa: F401
from scapy.utils import PcapReader


def main() -> None:
    with PcapReader(sys.argv[1]) as reader:
        for number, frame in enumerate(reader, 1):
            if TCP not in frame:
                continue
            layer = frame[TCP].payload
            while isinstance(layer, MQTT):
                body = layer.payload
                if isinstance(body, MQTTPublish):
                    print(number, body.topic.decode(errors="replace"), layer.len, sep="\t")
                layer = body.payload


if __name__ == "__main__":
    main()
