"""`-w`: write the frames that are read to a file. What cannot be written whole is taken back."""

from __future__ import annotations

import os
from contextlib import suppress

from mqttdissect.capture.frame import CaptureError, Frame
from mqttdissect.capture.writer import PcapngWriter
from mqttdissect.source import reason


class Recorder:
    """`write(frames)` as they come. Raises `CaptureError` when the file cannot be opened, or written on."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._writer = PcapngWriter()
        self._whole = 0  # bytes of the file up to the last whole frame
        self._count = 0
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise CaptureError(f"cannot write {path}: {reason(error)}") from None
        self._append([self._writer.head()])
        self._count = 0

    def write(self, frames: list[Frame]) -> None:
        """Append frames."""
        if frames:
            self._append([self._writer.frame(frame) for frame in frames])

    def close(self) -> None:
        """No more is to come."""
        os.close(self._descriptor)

    def _append(self, parts: list[bytes]) -> None:
        view = memoryview(b"".join(parts))
        done = self._whole
        try:
            while view:
                written = os.write(self._descriptor, view)
                done += written
                view = view[written:]
        except OSError as error:
            for part in parts:
                if self._whole + len(part) > done:
                    break
                self._whole += len(part)
                self._count += 1
            with suppress(OSError):  # of a device there is nothing to take back
                os.ftruncate(self._descriptor, self._whole)
            self.close()
            raise CaptureError(
                f"cannot write {self._path}: {reason(error)}; it ends after {self._count:,} frames"
            ) from None
        self._whole = done
        self._count += len(parts)
