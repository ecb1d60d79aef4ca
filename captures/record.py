#!/usr/bin/env python3
"""Makes the recordings in this folder again: real brokers, real clients, the loopback interface.

Everything runs in a network namespace of its own (`unshare --net`), so port 1883 is always free and no packet
of the machine gets into a recording. Programs from PyPI and npm are put into a cache folder outside the
repository.
A recording is one function in `recordings/`; `run` has what they start.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import click
from recordings import mosquitto_3, mosquitto_5, others  # noqa: F401  they register themselves
from recordings.registry import RECORDINGS
from run import RecordingError, Run

HERE = Path(__file__).resolve().parent
INSIDE = "MQTTDISSECT_RECORDING"
PYTHON_PACKAGES = ["paho-mqtt", "amqtt", "mqttools"]
NODE_PACKAGES = ["mqtt", "aedes", "ws"]
PROGRAMS = {
    "tcpdump": "tcpdump",
    "dumpcap": "wireshark-common",
    "editcap": "wireshark-common",
    "tshark": "tshark",
    "ip": "iproute2",
    "tc": "iproute2",
    "unshare": "util-linux",
    "gcc": "gcc, mosquitto-dev, libmosquitto-dev",
    "openssl": "openssl",
    "node": "nodejs",
    "npm": "npm",
    "mosquitto": "mosquitto",
    "mosquitto_pub": "mosquitto-clients",
    "rabbitmq-server": "rabbitmq-server",
    "erl": "ejabberd",
}


def prepare(cache: Path) -> None:
    """Puts the PyPI and npm programs into the cache folder, once."""
    missing = {package for program, package in PROGRAMS.items() if shutil.which(program) is None}
    if missing:
        raise click.ClickException(f"Debian packages needed: {', '.join(sorted(missing))}")
    if not (cache / "venv/done").exists():
        venv.create(cache / "venv", with_pip=True, clear=True)
        subprocess.run([cache / "venv/bin/pip", "install", "-q", *PYTHON_PACKAGES], check=True)
        (cache / "venv/done").touch()
    if not (cache / "npm/done").exists():
        (cache / "npm").mkdir(exist_ok=True)
        (cache / "npm/package.json").write_text("{}\n")
        subprocess.run(["npm", "install", "--silent", *NODE_PACKAGES], check=True, cwd=cache / "npm")
        (cache / "npm/done").touch()


def record(name: str, cache: Path, out: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="mqtt-recording-") as folder:
        run = Run(name, cache, Path(folder))
        try:
            RECORDINGS[name](run)
        except BaseException:
            run.close()
            for log in sorted(Path(folder).glob("*.log")):
                click.echo(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", err=True)
            raise
        run.close()
        if not run.capture.exists():
            raise RecordingError(f"{name} was not written")
        shutil.copyfile(run.capture, out / name)
    types = run_tshark(out / name)
    click.echo(f"{name}: {(out / name).stat().st_size} bytes, {types} MQTT packets on port 1883")


def run_tshark(path: Path) -> int:
    """The number of MQTT packets that tshark finds without being told where."""
    argv = ["tshark", "-n", "-r", str(path), "-Y", "mqtt", "-T", "fields", "-e", "mqtt.msgtype"]
    printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return len(printed.replace(",", "\n").split())


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "listing", is_flag=True, help="Print the names of the recordings and end.")
@click.option("--cache", type=click.Path(path_type=Path), help="Folder for the PyPI and npm programs.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=HERE, help="Where recordings go.")
def main(names: tuple[str, ...], listing: bool, cache: Path | None, out: Path) -> None:
    """Makes the recordings NAMES (parts of names will do), or all of them."""
    chosen = [name for name in RECORDINGS if not names or any(part in name for part in names)]
    if listing:
        for name in chosen:
            click.echo(f"{name}: {(RECORDINGS[name].__doc__ or '').strip()}")
        return
    if not chosen:
        raise click.UsageError("no recording has such a name")
    cache = (cache or Path(tempfile.gettempdir(), f"mqttdissect-recording-{os.getuid()}")).resolve()
    if os.geteuid() != 0:
        raise click.ClickException("recording needs root")
    if INSIDE not in os.environ:
        cache.mkdir(parents=True, exist_ok=True)
        prepare(cache)
        argv = ["unshare", "--net", sys.executable, *sys.argv]
        os.execvpe("unshare", argv, {**os.environ, INSIDE: "1"})
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in chosen:
        try:
            record(name, cache, out)
        except (RecordingError, OSError, subprocess.SubprocessError, StopIteration) as error:
            click.echo(f"{name}: {error}", err=True)
            failed.append(name)
    if failed:
        raise click.ClickException(f"not recorded: {', '.join(failed)}")


if __name__ == "__main__":
    main()
