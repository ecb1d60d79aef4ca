"""Text from the wire, made harmless: what a terminal, a reader of CSV or a person could take for something else is
shown, not obeyed.

Control characters, escape sequences, bidirectional controls, zero-width and other invisible characters, fillers that
are blank, unassigned and private ones, and lone surrogates all come out as escapes (\\x1b, \\u202e). So do marks that
would pile up on one character (combining ones and others that take no column) behind the first `MOST_MARKS`, which are
more than any script needs: a pile would be drawn over the lines around it, and a line of a few columns could be of any
length. Everything else that is printable stays itself.
"""

import re
import unicodedata
from typing import Final

from mypy_extensions import i64

SHORT: Final[dict[str, str]] = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\"}
MOST_MARKS: Final = 4  # on one character
MAYBE_PILED: Final = re.compile(  # more of those that are not known to take a column; the blocks of most letters are
    "[^\0-\u02ff\u0370-\u0482\u048a-\u0590\u05d0-\u05ff\u0620-\u064a\u0660-\u066f\u0671-\u06d5\u0904-\u0939\u0e01-\u0e30"
    "\u1e00-\u20cf\u2100-\u2cee\u2e00-\u3029\u3030-\u3098\u309b-\u3163\u3165-\ua66e\uac00-\ud7a3\uf900-\ufaff\uff00-\uff9f"
    f"\U0001f000-\U0001f3fa\U0001f400-\U0001faff\U00020000-\U0003ffff]{{{MOST_MARKS + 1}}}"
)
NO_COLUMN: Final = re.compile("[\u1160-\u11ff\u3164\ud7b0-\ud7fb\uffa0\U0001f3fb-\U0001f3ff]")  # though letters
ENCODING: Final = [""]  # that text is limited to; empty if it is not
BLANK: Final = re.compile("[\u115f\u1160\u2800\u3164\uffa0]")  # fillers, that nobody sees


def visible(text: str) -> str:
    """`text` with every character that is not plainly printable as an escape. A backslash is doubled only where
    escapes make that necessary, so that ordinary text stays as it is."""
    if printable(text):
        if text.isascii() or MAYBE_PILED.search(text) is None:
            return text
    elif text.isascii() or MAYBE_PILED.search(text) is None:
        return "".join([char if printable(char) and char != "\\" else escape(char) for char in text])
    shown = flattened(text)
    return text if shown == text.replace("\\", "\\\\") else shown


def flattened(text: str) -> str:
    """The same for text with piles of marks; backslashes are doubled."""
    out: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if is_mark(char) else 0
        plain = printable(char) and char != "\\" and marks <= MOST_MARKS
        out.append(char if plain else escape(char))
    return "".join(out)


def is_mark(char: str) -> bool:
    """Is it drawn over the one before, or not at all?"""
    return unicodedata.category(char)[0] == "M" or NO_COLUMN.match(char) is not None


def brief(text: str, most: int) -> str:
    """The same of its first characters, and an ellipsis if there are more than `most`."""
    return shortened(visible(text[: most + 1]), most)


def printable(text: str) -> bool:
    """Is every character plainly printable? Quicker than `str.isprintable` for ASCII."""
    if text.isascii():
        return printable_ascii(text.encode())
    return text.isprintable() and BLANK.search(text) is None and (ENCODING[0] == "" or encodable(text))


def limit_to(encoding: str) -> None:
    """Let every character that an encoding lacks be an escape, which is measured as such; empty for no limit."""
    ENCODING[0] = encoding


def encodable(text: str) -> bool:
    """Does the encoding have all of these characters?"""
    try:
        text.encode(ENCODING[0])
    except UnicodeEncodeError:
        return False
    return True


def printable_ascii(raw: bytes) -> bool:
    """Are these the bytes of printable ASCII characters?"""
    for at in range(i64(len(raw))):
        if not 0x20 <= raw[at] < 0x7F:
            return False
    return True


def escape(char: str) -> str:
    """The escape of one character, as in Python's and JSON's string literals."""
    if char in SHORT:
        return SHORT[char]
    point = ord(char)
    if point < 0x100:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}"


def decoded(raw: bytes) -> str:
    """Bytes that should be UTF-8, those that are not as escapes, nothing invisible left."""
    return visible(raw.decode("utf-8", "backslashreplace"))


def shortened(text: str, most: int) -> str:
    """`text`, or its first `most` characters and an ellipsis."""
    return text if len(text) <= most else text[:most] + "…"


NOT_NARROW: Final = re.compile(
    "[^\0-\x7f\xa0-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u21ff\u2500-\u257f\u27e6-\u27ef\u2713-\u2718]"
)


def narrow(text: str) -> bool:
    """Does every character take one column, as those of Latin, Greek and Cyrillic do? A quick answer: no, if unsure."""
    return NOT_NARROW.search(text) is None


def cells(text: str) -> int:
    """Columns that `text` takes on a terminal: wide characters take two, combining ones none."""
    if text.isascii() or narrow(text):
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def padded(text: str, width: int) -> str:
    """`text`, filled up with spaces to `width` columns."""
    return text + " " * (width - cells(text))


def wrapped(text: str, width: int) -> list[str]:
    """`text` cut into lines of at most `width` columns."""
    if text.isascii() or narrow(text):
        return [text[at : at + width] for at in range(0, len(text), width)] or [""]
    from rich.cells import chop_cells

    lines = chop_cells(text, width)
    if "".join(lines) == text:
        return lines
    lines = [""]  # rich loses a modifier that stands alone
    for character in text:
        if cells(lines[-1] + character) > width and lines[-1]:
            lines.append("")
        lines[-1] += character
    return lines
