"""All recordings, by the names of their files."""

from __future__ import annotations

from collections.abc import Callable

from run import Run

Recording = Callable[[Run], None]
RECORDINGS: dict[str, Recording] = {}


def recording(name: str) -> Callable[[Recording], Recording]:
    """Register a function that makes the recording of this name."""

    def register(function: Recording) -> Recording:
        RECORDINGS[name] = function
        return function

    return register
