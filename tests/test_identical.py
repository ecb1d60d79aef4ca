"""What is printed for the shipped captures is the same, byte for byte, on every build and with any number of processes.

`identical.txt` beside this file has a digest of what each format prints for each capture: standard output, standard
error and exit status. After a change of output that is meant, renew it and look at which lines changed:

    python tests/test_identical.py
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
import tempfile
from pathlib import Path

import pytest

from mqttdissect.cli.dissect import dissect
from mqttdissect.cli.errors import run
from mqttdissect.cli.main import cli

for late in (
    "cli.session",
    "pipeline",
    *(f"output.{name}" for name in ("tree", "summary", "hexdump", "ndjson", "columns")),
):
    importlib.import_module(f"mqttdissect.{late}")  # what the command loads late, so that no fork has to

CAPTURES = Path(__file__).parent.parent / "captures"
STORED = Path(__file__).with_name("identical.txt")
NAMES = (
    "frame.number",
    "frame.time_epoch",
    "ip.src",
    "tcp.stream",
    "mqtt.msgtype",
    "mqtt.topic",
    "mqtt.msgid",
    "mqtt.msg",
)
COLUMNS = [part for name in NAMES for part in ("-e", name)]
FORMATS = {
    "tree": ["--color", "never"],
    "tree-colour": ["--color", "always"],
    "summary": ["-P", "--color", "never"],
    "summary-colour": ["-P", "--color", "always"],
    "hex": ["-x", "--color", "never"],
    "hex-colour": ["-x", "--color", "always"],
    "json": ["-T", "json"],
    "fields": ["-T", "fields", *COLUMNS],
    "csv": ["-T", "csv", *COLUMNS],
}
ENVIRONMENT = {
    "TERM": "xterm-256color",
    "COLORTERM": "",
    "NO_COLOR": "",
    "FORCE_COLOR": "",
    "COLUMNS": "80",
    "TZ": "UTC",
}


def digest(capture: Path, arguments: list[str]) -> str:
    """A digest of what the command says of a capture. In a fork: far cheaper than a new Python for each."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            os._exit(command([*arguments, capture.name], out.fileno(), err.fileno()))
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status in (0, 1, 2), f"{capture.name}: {arguments} failed"
        out.seek(0)
        err.seek(0)
        return hashlib.blake2b(b"%d\0%b\0%b" % (status, out.read(), err.read()), digest_size=8).hexdigest()


def command(arguments: list[str], out: int, err: int) -> int:
    """`mqttdissect` with these arguments, printing to these descriptors; its exit status, 99 if it raises."""
    try:
        os.chdir(CAPTURES)
        os.environ.update(ENVIRONMENT)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False, buffering=1)
        sys.argv = ["mqttdissect", *arguments]
        return run(cli)
    except BaseException:
        return 99


def digests(capture: Path, *more: str) -> dict[str, str]:
    """The digest of each format."""
    return {form: digest(capture, [*arguments, *more]) for form, arguments in FORMATS.items()}


def stored(capture: Path) -> dict[str, str]:
    """The same as `identical.txt` has it."""
    rows = (line.split() for line in STORED.read_text().splitlines())
    return {form: value for name, form, value in rows if name == capture.name}


def differing(found: dict[str, str], expected: dict[str, str]) -> str:
    """The formats that are not as they were."""
    return " ".join(form for form in FORMATS if found[form] != expected.get(form))


def test_output_is_what_it_was(capture: Path) -> None:
    changed = differing(digests(capture), stored(capture))
    assert not changed, (
        f"{capture.name}: other output in {changed}; if it is meant to be: python tests/test_identical.py"
    )


@pytest.mark.skipif(not any("--jobs" in one.opts for one in dissect.params), reason="there is no --jobs")
def test_several_processes_print_the_same(capture: Path) -> None:
    changed = differing(digests(capture, "--jobs", "2"), stored(capture))
    assert not changed, f"{capture.name}: other output with --jobs 2 in {changed}"


if __name__ == "__main__":
    lines = [
        f"{capture.name} {form} {value}"
        for capture in sorted(CAPTURES.glob("*.pcap*"))
        for form, value in digests(capture).items()
    ]
    STORED.write_text("\n".join(lines) + "\n")
