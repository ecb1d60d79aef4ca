"""A live pipe under load: `python bench/soak.py --seconds 600` (root, Debian's mosquitto and tcpdump, paho).

A broker, publishers at QoS 0, 1 and 2, and a subscriber on loopback, `tcpdump -U -w - | mqttdissect -` beside them.
At the end every PUBLISH that the clients sent and received by their own count has to have been printed, and the memory
of mqttdissect may not have grown. Everything that was started is ended, by its process id.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import click
import paho.mqtt.client as paho
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.runs import find_command

PUBLISHERS = 4
TOPIC = "soak/"


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def resident(pid: int) -> float:
    """MiB that a process holds."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Clients:
    """Publishers and a subscriber that count what they send and receive."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent = [0] * PUBLISHERS
        self.received = 0
        self.over = threading.Event()
        self.subscriber = self._client("subscriber")
        self.subscriber.on_message = self._count
        self.subscriber.subscribe(TOPIC + "#", 2)
        self.threads = [threading.Thread(target=self._publish, args=(number,)) for number in range(PUBLISHERS)]

    def _client(self, name: str) -> paho.Client:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name)
        client.max_queued_messages_set(0)
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        return client

    def _count(self, *_: object) -> None:
        self.received += 1

    def _publish(self, number: int) -> None:
        client = self._client(f"publisher-{number}")
        while not self.over.is_set():
            info = client.publish(f"{TOPIC}{number}", b"x" * (20 + self.sent[number] % 200), number % 3)
            self.sent[number] += 1
            if number % 3:
                info.wait_for_publish(10)
            elif self.sent[number] % 10 == 0:
                time.sleep(0.01)
        time.sleep(0.5)
        client.disconnect()
        client.loop_stop()

    def stop(self) -> None:
        """No more is sent; what is under way arrives."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        time.sleep(1)
        self.subscriber.disconnect()
        self.subscriber.loop_stop()


def count_lines(process: subprocess.Popen[bytes], port: int, counts: dict[str, int]) -> None:
    """Count the PUBLISHes that are printed, by who sent them."""
    assert process.stdout is not None
    for line in process.stdout:
        destination, kind = line.decode().rstrip("\n").split("\t")
        if kind == "3":
            counts["to broker" if int(destination) == port else "from broker"] += 1


def started(stack: ExitStack, *command: str, **options: object) -> subprocess.Popen[bytes]:
    """A process that is ended with the stack."""
    process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
    stack.callback(lambda: process.poll() is None and process.terminate())
    return process  # type: ignore[no-any-return]


@click.command()
@click.option("--seconds", default=600, show_default=True)
@click.option("--command", help="The mqttdissect to run.")
def main(seconds: int, command: str | None) -> None:
    """Run the load and compare the counts; exit status 1 if a packet is missing or memory grew."""
    port = free_port()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        config = Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n")
        quiet = {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
        started(stack, "mosquitto", "-c", str(config), **quiet)
        capture = ["tcpdump", "-i", "lo", "-U", "-B", "65536", "-w", "-", f"tcp port {port}"]
        tcpdump = started(stack, *capture, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        fields = ["-T", "fields", "-e", "tcp.dstport", "-e", "mqtt.msgtype", "-d", f"tcp.port=={port},mqtt", "-"]
        line = [*find_command(command), *fields]
        dissector = started(stack, *line, stdin=tcpdump.stdout, stdout=subprocess.PIPE)
        counts = {"to broker": 0, "from broker": 0}
        reader = threading.Thread(target=count_lines, args=(dissector, port, counts))
        reader.start()
        time.sleep(2)
        clients = Clients(port)
        for thread in clients.threads:
            thread.start()
        memory = []
        for _ in range(10):
            time.sleep(seconds / 10)
            memory.append(resident(dissector.pid))
        clients.stop()
        time.sleep(1)
        tcpdump.terminate()
        _, said = tcpdump.communicate()
        reader.join()
    report(clients, counts, memory, said.decode(), seconds)


def report(clients: Clients, counts: dict[str, int], memory: list[float], said: str, seconds: int) -> None:
    """The table, and the exit status."""
    dropped = next((line for line in said.splitlines() if "dropped by kernel" in line), "no word from tcpdump")
    table = Table(f"{seconds} s", "clients' own count", "printed")
    table.add_row("PUBLISH to the broker", f"{sum(clients.sent):,}", f"{counts['to broker']:,}")
    table.add_row("PUBLISH from the broker", f"{clients.received:,}", f"{counts['from broker']:,}")
    table.add_row("memory after a tenth of the time, and at the end", "", f"{memory[0]:.1f} MiB, {memory[-1]:.1f} MiB")
    table.add_row("tcpdump", "", dropped)
    Console().print(table)
    same = sum(clients.sent) == counts["to broker"] and clients.received == counts["from broker"]
    sys.exit(0 if same and memory[-1] < memory[0] * 1.2 else 1)


if __name__ == "__main__":
    main()
