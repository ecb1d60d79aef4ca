"""What could not be read of a capture: where, and what; and where reading goes on behind it."""

from typing import Final, final

from mypy_extensions import i64

MOST_DAMAGE: Final = 10_000


@final
class Damage:
    """Something in the input that could not be read: where (bytes from the start of the file) and what."""

    __slots__ = ("message", "offset")

    def __init__(self, offset: i64, message: str) -> None:
        self.offset = offset
        self.message = message

    def __str__(self) -> str:
        return f"offset {self.offset}: {self.message}"


@final
class Damages:
    """What is wrong in one file: `note` a place; or `lose` the thread at one, until it is `found` again or the file has
    `ended`. places: the first `MOST_DAMAGE`, as there may be billions. lost: is the thread lost?
    """

    __slots__ = ("_at", "_cut_off", "_why", "lost", "places")

    def __init__(self) -> None:
        self.places: list[Damage] = []
        self.lost = False
        self._at: i64 = 0
        self._why = ""
        self._cut_off = False

    def note(self, offset: i64, message: str) -> None:
        """Something is wrong at `offset`, and reading goes on."""
        if len(self.places) < MOST_DAMAGE - 1:
            self.places.append(Damage(offset, message))
        elif len(self.places) == MOST_DAMAGE - 1:
            self.places.append(Damage(offset, f"{message}; further damage is not counted"))

    def lose(self, offset: i64, why: str, cut_off: bool = False) -> None:
        """What follows `offset` makes no sense. cut_off: unless the file simply ends there."""
        self.lost = True
        self._at = offset
        self._why = why
        self._cut_off = cut_off

    def found(self, offset: i64) -> None:
        """From `offset` on it does."""
        self.lost = False
        self.note(self._at, f"{self._why}; {offset - self._at} bytes skipped")

    def ended(self, offset: i64, what: str, left: i64) -> None:
        """The file has ended at `offset`, with `left` bytes that are no whole record or block, as `what` says."""
        if self.lost and not self._cut_off:
            self.found(offset)
        elif self.lost:
            self.lost = False
            self.note(self._at, self._why)
        elif left:
            self.note(offset - left, cut_off(what, left))


def cut_off(what: str, there: i64) -> str:
    """The file ends inside of something, of which so many bytes are there."""
    return f"the file ends inside a {what} ({there} bytes of it are there)"
