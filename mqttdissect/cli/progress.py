"""A progress bar on standard error, for captures of known size that take longer than a second."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from mqttdissect.files import Source

DELAY = 1.0  # seconds without output on the same terminal before the bar appears


class Progress:
    """`show` it often; it appears only where standard error is a terminal, and makes way for output there."""

    def __init__(self) -> None:
        self._wanted = sys.stderr is not None and sys.stderr.isatty()
        self._shared = sys.stdout is not None and sys.stdout.isatty()
        self._since = time.monotonic()
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def show(self, captures: Source) -> None:
        """As far as `captures` have been read."""
        if not self._wanted or time.monotonic() - self._since < DELAY:
            return
        if captures.total <= 0:
            self._wanted = False
            return
        if self._bar is None:
            self._bar = bar()
            self._task = self._bar.add_task("", total=captures.total)
            self._bar.start()
        assert self._task is not None
        self._bar.update(self._task, completed=captures.position)

    def make_way(self) -> None:
        """Something is about to be written on standard output."""
        if self._wanted and self._shared:
            self.stop()

    def stop(self) -> None:
        """Take it off the terminal."""
        if self._wanted:
            self._since = time.monotonic()
            if self._bar is not None:
                self._bar.stop()
                self._bar = None


def bar() -> Bar:
    """Bytes, rate, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Bar(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False, redirect_stderr=False)
