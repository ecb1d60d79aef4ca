"""Which build runs: the hot folders compiled by mypyc, or interpreted."""

from __future__ import annotations

import platform


def build() -> str:
    """`compiled`, or `interpreted`, with the Python it runs on."""
    from mqttdissect.mqtt import decode

    kind = "interpreted" if (decode.__file__ or "").endswith(".py") else "compiled"
    return f"{kind}, {platform.python_implementation()} {platform.python_version()}"
