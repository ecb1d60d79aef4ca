"""Make the README's picture: `python docs/picture.py` runs the command below and draws its output with rich."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).parent.parent
COMMAND = "mqttdissect captures/mosquitto-5.0-properties.pcapng"
PACKET = "  PUBLISH  QoS 1"  # the packet whose tree is shown: the first with this in its first line


def main() -> None:
    """Write docs/tree.svg."""
    arguments = [sys.executable, "-m", "mqttdissect", "--color", "always", *COMMAND.split()[1:]]
    output = subprocess.run(arguments, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    trees = [Text.from_ansi(tree) for tree in output.split("\n\n")]
    tree = next(tree for tree in trees if PACKET in tree.plain.splitlines()[0])
    console = Console(record=True, width=132, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(Text(f"$ {COMMAND}", style="bold"))
    console.print(Text("..."))
    console.print(tree)
    svg = console.export_svg(title="mqttdissect", theme=MONOKAI)
    # no fonts from elsewhere: the reader's own will do
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    (ROOT / "docs" / "tree.svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
