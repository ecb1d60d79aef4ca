"""Colours: named styles, looked up once through rich, written as plain ANSI codes from then on.

rich decides whether this is a terminal, how many colours it has, and what NO_COLOR and FORCE_COLOR mean.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import IO, Final, final

STYLES: Final[dict[str, str]] = {
    "frame": "bold",
    "time": "dim",
    "address": "cyan",
    "type": "bold magenta",
    "topic": "green",
    "heading": "bold",
    "offset": "dim",
    "bits": "yellow",
    "label": "",
    "value": "bold",
    "derived": "italic cyan",
    "error": "bold red",
    "guide": "dim",
    "hidden": "dim",
    "warning": "bold yellow",
    "note": "cyan",
}
SEVERITY_STYLES: Final[dict[str, str]] = {name: STYLES[name] for name in ("error", "warning", "note")}
PALETTE: Final = ("cyan", "green", "yellow", "magenta", "blue", "red", "bright_cyan", "bright_green", "bright_yellow")
COLOUR_SYSTEMS: Final = {
    "standard": "STANDARD",
    "256": "EIGHT_BIT",
    "truecolor": "TRUECOLOR",
    "windows": "WINDOWS",
}


@final
class Theme:
    """The ANSI codes that start each style (attributes named as in `STYLES`), and the one that ends any; all empty
    without colour. palette: for bytes, by field."""

    def __init__(self, codes: dict[str, str], palette: list[str], end: str) -> None:
        self.end = end
        self.palette = palette
        self.colour = end != ""
        self.frame = codes.get("frame", "")
        self.time = codes.get("time", "")
        self.address = codes.get("address", "")
        self.type = codes.get("type", "")
        self.topic = codes.get("topic", "")
        self.heading = codes.get("heading", "")
        self.offset = codes.get("offset", "")
        self.bits = codes.get("bits", "")
        self.value = codes.get("value", "")
        self.derived = codes.get("derived", "")
        self.error = codes.get("error", "")
        self.guide = codes.get("guide", "")
        self.hidden = codes.get("hidden", "")
        self.warning = codes.get("warning", "")
        self.note = codes.get("note", "")

    def severity(self, name: str) -> str:
        """The style of error, warning or note."""
        return self.error if name == "error" else self.warning if name == "warning" else self.note

    def paint(self, style: str, text: str) -> str:
        """`text` in a style, which is one of this theme's codes."""
        return f"{style}{text}{self.end}" if style else text


def no_colour() -> Theme:
    """The theme that changes nothing."""
    return Theme({}, [""] * len(PALETTE), "")


def theme_for(stream: IO[str], when: str) -> Theme:
    """The theme for what is written to `stream`. when: auto, always or never."""
    if when == "never" or (when == "auto" and not wants_colour(stream)):
        return no_colour()
    from rich.color import ColorSystem
    from rich.console import Console
    from rich.style import Style

    always = True if when == "always" else None
    name = Console(file=stream, force_terminal=always, no_color=False if always else None).color_system
    if name is None and not always:
        return no_colour()
    system = ColorSystem[COLOUR_SYSTEMS[name or "standard"]]

    def code(definition: str) -> str:
        return Style.parse(definition).render("\0", color_system=system).partition("\0")[0] if definition else ""

    codes = {name: code(definition) for name, definition in STYLES.items()}
    return Theme(codes, [code(colour) for colour in PALETTE], "\x1b[0m")


def wants_colour(stream: IO[str]) -> bool:
    """A quick answer that saves loading rich for pipes and files: rich decides the rest."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def reader_width(stream: IO[str]) -> int:
    """Columns that whoever reads `stream` has: as COLUMNS says, or those of the terminal that it is, or that errors go
    to, or keys come from (as before `| less`); 0 if there is none."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    for one in (stream, sys.stderr, sys.stdin):
        try:
            columns = os.get_terminal_size(one.fileno()).columns
        except (OSError, ValueError, AttributeError):  # no terminal; closed; there is none at all
            continue
        if columns:
            return columns
    return 0


def page_width(stream: IO[str]) -> int:
    """Of the terminal, also behind a pipe; as COLUMNS says for a file. Else 0, and lines may be of any length."""
    if stream.isatty():
        return terminal_width(stream)
    if not os.environ.get("COLUMNS") and is_file(stream):
        return 0
    return reader_width(stream)


def is_file(stream: IO[str]) -> bool:
    """Does it go into a file, which may have a reader some day, at another terminal?"""
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def terminal_width(stream: IO[str]) -> int:
    """Columns of the terminal that `stream` is; 0 if it is none, and lines may be of any length."""
    if not stream.isatty():
        return 0
    from rich.console import Console

    return Console(file=stream).width
