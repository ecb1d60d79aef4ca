"""The same checks, guided by coverage: `python fuzz/atheris_target.py CORPUS_DIR -max_total_time=600`.

Needs atheris, and the interpreted build, since coverage of compiled code cannot be seen. The first byte of an input
says what the rest is: 0 to 2 a packet as of 3.1, 3.1.1 or 5.0; anything else a capture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

sys.path.insert(0, str(Path(__file__).resolve().parent))

with atheris.instrument_imports(include=["mqttdissect"]):
    from inputs import Case, Inputs
    from invariants import check


def one_input(data: bytes) -> None:
    """Check one input; what does not hold is an exception, which ends the run."""
    if len(data) < 2:
        return
    if data[0] < 3:
        check(Case("packet", 3 + data[0], data[1:]))
    else:
        check(Case("capture", 0, data[1:]))


def seeds(folder: Path) -> None:
    """Fill an empty corpus with inputs of the plain fuzzer."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        return
    inputs = Inputs()
    for number in range(50):
        packet = inputs.case("packet", 0, number)
        (folder / f"packet-{number}").write_bytes(bytes([packet.version - 3]) + packet.data)
        (folder / f"stream-{number}").write_bytes(b"\x03" + inputs.case("stream", 0, number).data)
    for number, capture in enumerate(inputs.seeds):
        (folder / f"capture-{number}").write_bytes(b"\x03" + capture)


def main() -> None:
    """Run atheris on the folders that are named on the command line."""
    for argument in sys.argv[1:]:
        if not argument.startswith("-") and not Path(argument).is_file():
            seeds(Path(argument))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
