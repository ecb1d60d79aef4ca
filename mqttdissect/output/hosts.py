"""Names of addresses, as a capture gives them: shown beside or for the addresses where somebody asks for that.

Whoever wrote the capture chose them, so they are no more than a hint, and never get out raw: a name that is not made of
letters, digits, dots, hyphens and underscores, or that could be an address, stands in quotes.
"""

from __future__ import annotations

import re
from typing import Final, final

from mqttdissect.net.address import address, endpoint, port
from mqttdissect.output.text import shortened, visible

PLAIN: Final = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE | re.ASCII)
LONGEST: Final = 64  # characters
MOST_FLOWS: Final = 2048  # that something is kept of


@final
class Hosts:
    """`endpoint(flow, source)`, with the name of the host if one is known. names: by address, may grow.

    `keep` has what a writer makes of a flow's two directions, and `kept` returns it until there are more names.
    """

    def __init__(self, names: dict[bytes, str] | None) -> None:
        self._names: dict[bytes, str] = names if names is not None else {}
        self._kept: dict[bytes, list[bytes]] = {}
        self._named = 0  # names that there were then

    @property
    def known(self) -> bool:
        """Are there any names?"""
        return len(self._names) > 0

    def kept(self, flow: bytes) -> list[bytes] | None:
        """What was kept of the flow."""
        if len(self._names) != self._named:
            self._named = len(self._names)
            self._kept.clear()
        return self._kept.get(flow)

    def keep(self, flow: bytes, pieces: list[bytes]) -> None:
        """Keep what was worked out."""
        if len(self._kept) >= MOST_FLOWS:
            self._kept.clear()
        self._kept[flow] = pieces

    def forget(self) -> None:
        """What was kept is out of date."""
        self._kept.clear()

    def name(self, flow: bytes, source: bool) -> str:
        """The name as the capture has it; empty for none."""
        half = (len(flow) - 4) // 2
        return self._names.get(flow[:half] if source else flow[half : 2 * half], "")

    def host(self, flow: bytes, source: bool) -> str:
        """The name for the eye, else the address."""
        name = self.name(flow, source)
        return shown(name) if name else address(flow, source)

    def endpoint(self, flow: bytes, source: bool) -> str:
        """Host and port."""
        name = self.name(flow, source)
        return f"{shown(name)}:{port(flow, source)}" if name else endpoint(flow, source)


def shown(name: str) -> str:
    """A name for the eye."""
    if PLAIN.fullmatch(name) and len(name) <= LONGEST:
        return name
    return '"' + shortened(visible(name), LONGEST).replace('"', '\\"') + '"'
