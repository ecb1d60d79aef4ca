"""`-x`: the bytes of a packet in rows of sixteen, each in the colour of the field it belongs to, secrets masked."""

from typing import Final, final

from mqttdissect.mqtt.packet import Packet
from mqttdissect.mqtt.passing import Passing
from mqttdissect.output.theme import Theme
from mqttdissect.output.values import PRINTABLE
from mqttdissect.output.writer import Writer

ROW: Final = 16


def hexdump(packet: Packet, theme: Theme, secrets: bool) -> str:
    """The dump, one line for sixteen bytes, each with its newline."""
    data = packet.data
    pairs = [f"{byte:02x}" for byte in data]
    chars = list(data.translate(PRINTABLE).decode("ascii"))
    palette = theme.palette
    for index, field in enumerate(packet.leaves()):
        hidden = field.spec.secret and not secrets
        for at in range(int(field.start), min(int(field.end), len(data))):
            if hidden:
                pairs[at] = "**"
                chars[at] = "*"
            if theme.colour:
                style = palette[index % len(palette)]
                pairs[at] = f"{style}{pairs[at]}{theme.end}"
                chars[at] = f"{style}{chars[at]}{theme.end}"
    rows: list[str] = []
    for at in range(0, len(data), ROW):
        left = " ".join(pairs[at : at + 8])
        right = " ".join(pairs[at + 8 : at + ROW])
        count = min(ROW, len(data) - at)
        fill = " " * (3 * (ROW - count) + (1 if count <= 8 else 0))
        rows.append(
            f"   {theme.paint(theme.offset, f'{at:04x}')}  {left}  {right}{fill}  {''.join(chars[at : at + ROW])}\n"
        )
    return "".join(rows)


@final
class WithDump(Writer):
    """A writer whose every packet is followed by its dump."""

    def __init__(self, writer: Writer, theme: Theme, secrets: bool) -> None:
        self._writer = writer
        self._theme = theme
        self._secrets = secrets

    def write(self, packet: Packet, out: list[bytes]) -> None:
        """The packet, its bytes, and a blank line."""
        self._writer.write(packet, out)
        if out[-1] == b"\n" and len(out) > 1 and out[-2].endswith(b"\n"):
            out.pop()  # the blank line behind a tree
        out.append(hexdump(packet, self._theme, self._secrets).encode())
        out.append(b"\n")

    def follow(self, passing: Passing) -> None:
        """For the writer before the dump."""
        self._writer.follow(passing)
