"""What one writes with pyshark to list PUBLISH packets: `python with_pyshark.py FILE` prints frame, topic and length.

pyshark has tshark decode and reads its XML, so it finds what tshark finds.
"""

import sys

import pyshark

PUBLISH = "3"


def main() -> None:
    with pyshark.FileCapture(sys.argv[1], display_filter="mqtt.msgtype == 3", keep_packets=False) as capture:
        for frame in capture:
            for layer in frame.get_multiple_layers("mqtt"):
                if layer.get("msgtype") == PUBLISH:
                    print(frame.number, layer.get("topic"), layer.get("len"), sep="\t")


if __name__ == "__main__":
    main()
