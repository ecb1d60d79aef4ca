"""Names of addresses, as a capture gives them: shown beside or for the addresses where somebody asks for that.

Whoever wrote the capture chose them, so they are no more than a hint, and never get out raw: a name that is not made of
letters, digits, dots, hyphens and underscores, or that could be an address, stands in quotes.
"""

from __future__ import annotations

import re
from itertools import count
from typing import Final, final

from mypy_extensions import i64

from mqttdissect.net.address import address, endpoint, port
from mqttdissect.net.stream import Stream
from mqttdissect.output.text import shortened, visible

PLAIN: Final = re.compile(r"(?=.*[a-z])[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?", re.IGNORECASE | re.ASCII)
LONGEST: Final = 64  # characters
KEEPERS: Final = count(1)  # as `Stream.shown_by`


@final
class Hosts:
    """`endpoint(flow, source)`, with the name of the host if one is known. names: by address, may grow.

    `keep` has what a writer makes of the two directions of a stream, and `kept` returns it until there are more names.
    It stays with the stream, so that it needs no table.
    """

    def __init__(self, names: dict[bytes, str] | None) -> None:
        self._names: dict[bytes, str] = names if names is not None else {}
        self._keeper: i64 = next(KEEPERS)  # tells what is kept here, and is not out of date, from all else
        self._named = 0  # names that there were then

    @property
    def known(self) -> bool:
        """Are there any names?"""
        return len(self._names) > 0

    def kept(self, stream: Stream) -> list[bytes] | None:
        """What was kept of the stream."""
        if len(self._names) != self._named:
            self._named = len(self._names)
            self.forget()
        known = stream.shown
        return known if isinstance(known, list) and stream.shown_by == self._keeper else None

    def keep(self, stream: Stream, pieces: list[bytes]) -> None:
        """Keep what was worked out."""
        stream.shown = pieces
        stream.shown_by = self._keeper

    def forget(self) -> None:
        """What was kept is out of date."""
        self._keeper = next(KEEPERS)

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
