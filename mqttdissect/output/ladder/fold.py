"""Text made to fit: folded into a few lines, or shortened in its middle."""

from typing import Final

from mypy_extensions import i64

from mqttdissect.output.text import cells, is_mark, narrow, wrapped

MOST_LINES: Final = 4  # of one text


def fold(text: str, first: i64, other: i64) -> list[str]:
    """`text` in lines of at most `first`, then `other` columns, broken at double spaces, at spaces, behind slashes,
    or anywhere; the first is empty where it would break a word. What does not go into `MOST_LINES` is left out, with
    an ellipsis."""
    lines: list[str] = []
    room = first
    while text:
        if cells(text) <= room:
            lines.append(text)
            break
        if len(lines) == MOST_LINES - 1:
            lines.append(beginning(text, room - 1).rstrip() + "…")
            break
        piece = beginning(text, room)
        if not text.startswith("  ", len(piece)):
            at = piece.rfind("  ")
            if at <= room // 3:
                at = len(piece) if text.startswith(" ", len(piece)) else piece.rfind(" ")
            if at <= room // 3:
                at = piece.rfind("/") + 1
            if at > room // 3:
                piece = piece[:at]
            elif not lines and room < other:  # rather nothing here than part of a word
                lines.append("")
                room = other
                continue
        lines.append(piece.rstrip())
        text = text[len(piece) :].lstrip()
        room = other
    return lines or [""]


def beginning(text: str, width: i64) -> str:
    """As much of `text` as goes into `width` columns."""
    return text[:width] if text.isascii() or narrow(text) else wrapped(text, int(width))[0]


def abbreviated(text: str, width: i64) -> str:
    """`text` in `width` columns, its middle left out if it is longer: its end often tells it from the others."""
    if cells(text) <= width:
        return text
    back = (width - 1) // 2
    if text.isascii() or narrow(text):
        return f"{text[: width - 1 - back]}…{text[len(text) - back :] if back else ''}"
    return f"{beginning(text, width - 1 - back)}…{ending(text, back)}"


def ending(text: str, width: i64) -> str:
    """As much of the end of `text` as goes into `width` columns, without a mark that has lost its character."""
    text = text[max(0, len(text) - width) :]
    over = cells(text) - width
    while over > 0:
        text = text[(over + 1) // 2 :]
        over = cells(text) - width
    while text and is_mark(text[0]):
        text = text[1:]
    return text
