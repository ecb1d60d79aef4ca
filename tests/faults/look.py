"""`python tests/faults/look.py [-k PART] [-w FOLDER]`: plays kinds of fault and prints what `check` finds, beside what
it should."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import click

from faults.judge import judge, play
from faults.kinds import KINDS
from faults.stage import Brokers, Loop


@click.command()
@click.option("-k", "part", default="", help="only kinds with this in their name")
@click.option("-w", "folder", type=click.Path(file_okay=False, path_type=Path), help="write the captures there")
@click.option("--all", "every", is_flag=True, help="also those that are as they should be")
def main(part: str, folder: Path | None, every: bool) -> None:
    """Play kinds of fault and say where the findings differ from those expected."""
    with tempfile.TemporaryDirectory() as where:
        brokers, loop = Brokers(Path(where)), Loop()
        kinds = [kind for kind in KINDS if part in kind.name]
        with ThreadPoolExecutor(24) as pool:
            captures = list(pool.map(lambda one: play(loop, brokers, one), kinds))
        brokers.close()
        loop.close()
    wrong = 0
    for kind, capture in zip(kinds, captures, strict=True):
        if folder is not None:
            folder.mkdir(exist_ok=True)
            (folder / f"{kind.name}.pcap").write_bytes(capture)
        verdict = judge(kind, capture)
        wrong += not verdict.right
        if every or not verdict.right:
            click.echo(f"{'   ' if verdict.right else '!! '}{kind.name}")
            for line in verdict.lines:
                click.echo(f"      {line}")
    click.echo(f"{len(kinds)} kinds, {wrong} not as they should be")


if __name__ == "__main__":
    main()
