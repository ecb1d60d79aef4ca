"""The reader for any capture, chosen by the file's first bytes."""

from typing import Final, final

from mypy_extensions import i64

from mqttdissect.capture.damage import Damage
from mqttdissect.capture.frame import CaptureError, Frame, Interface
from mqttdissect.capture.pcap import MAGICS, PcapReader
from mqttdissect.capture.pcapng import MAGIC as PCAPNG
from mqttdissect.capture.pcapng import PcapngReader
from mqttdissect.capture.snoop import MAGIC as SNOOP
from mqttdissect.capture.snoop import SnoopReader

OTHERS: Final[dict[bytes, str]] = {  # formats that are recognised, to say so
    b"GMBU": "a Microsoft Network Monitor",
    b"RTSS": "a Microsoft Network Monitor",
    b"btsn": "a btsnoop",
    b"XCP\0": "a NetXray or Sniffer",
    b"TRSN": "a Sniffer",
}


def known(head: bytes) -> bool:
    """Does a capture that is read here start like this? head: 8 bytes or more."""
    return head[:4] in MAGICS or head[:4] == PCAPNG or head[:8] == SNOOP


@final
class CaptureReader:
    """Sans-IO: `feed` it a capture's bytes in pieces of any size, `close` it at the end; both return `Frame`s.

    Raises `CaptureError` when the first bytes are no capture, and from `close` when there were too few to tell.
    Everything that is wrong later is in `damage`. Compressed captures go through `Decompressor` first. names: where to
    add those that the capture gives to IP addresses; else a dictionary of its own.
    """

    def __init__(self, names: dict[bytes, str] | None = None) -> None:
        self._names: dict[bytes, str] = names if names is not None else {}
        self._head = b""
        self._pcap: PcapReader | None = None
        self._pcapng: PcapngReader | None = None
        self._snoop: SnoopReader | None = None
        self.bytes: i64 = 0  # taken so far

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete with `data`."""
        self.bytes += len(data)
        pcap = self._pcap
        if pcap is not None:
            return pcap.feed(data)
        pcapng = self._pcapng
        if pcapng is not None:
            return pcapng.feed(data)
        snoop = self._snoop
        if snoop is not None:
            return snoop.feed(data)
        self._head += data
        if len(self._head) < 4:
            return []
        data, self._head = self._head, b""
        magic = data[:4]
        if magic in MAGICS:
            self._pcap = pcap = PcapReader()
            return pcap.feed(data)
        if magic == PCAPNG:
            self._pcapng = pcapng = PcapngReader(self._names)
            return pcapng.feed(data)
        if magic == SNOOP[:4]:
            self._snoop = snoop = SnoopReader()
            return snoop.feed(data)
        other = OTHERS.get(magic)
        if other is not None:
            raise CaptureError(f"{other} capture, which is not read here; Wireshark's `editcap -F pcapng` converts it")
        raise CaptureError(f"not a pcap or pcapng capture (it starts with {magic.hex(' ')})")

    def close(self) -> list[Frame]:
        """The frames that only the end of the input completes."""
        if self._pcap is not None:
            return self._pcap.close()
        if self._pcapng is not None:
            return self._pcapng.close()
        if self._snoop is not None:
            return self._snoop.close()
        if not self._head:
            raise CaptureError("empty: not a single byte to read")
        raise CaptureError(f"not a capture: it ends after {len(self._head)} bytes")

    @property
    def damage(self) -> list[Damage]:
        """What could not be read so far."""
        if self._pcap is not None:
            return self._pcap.damage.places
        if self._pcapng is not None:
            return self._pcapng.damage.places
        return self._snoop.damage.places if self._snoop is not None else []

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces described so far; a frame's `interface` is an index into them."""
        if self._pcap is not None:
            return self._pcap.interfaces
        if self._pcapng is not None:
            return self._pcapng.interfaces
        return self._snoop.interfaces if self._snoop is not None else []

    @property
    def names(self) -> dict[bytes, str]:
        """The first name that the capture gives to an IP address (pcapng)."""
        return self._names

    @property
    def may_name(self) -> bool:
        """Can names still come, as far as the format is known?"""
        return self._pcapng is not None or (self._pcap is None and self._snoop is None)

    @property
    def secrets(self) -> list[tuple[int, bytes]]:
        """Decryption secrets so far (pcapng): type, such as `TLS_KEY_LOG`, and contents."""
        return self._pcapng.secrets if self._pcapng is not None else []
