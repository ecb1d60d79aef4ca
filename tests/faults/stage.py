"""One conversation: a broker behind a proxy, the clients of a scenario before it, and the capture that comes of it.

`Brokers` has the brokers of a run (mosquitto, one without limits and one with many), `Stage` what a scenario uses.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from faults.clients import Gone, Peer, Raw
from faults.proxy import Fault, Proxy

Result = TypeVar("Result")
Scenario = Callable[["Stage"], None]

OPEN = """
allow_anonymous true
max_queued_messages 1000
"""
STRICT = """
allow_anonymous true
max_qos 1
max_topic_alias 5
retain_available false
max_packet_size 2000
max_keepalive 600
"""


def free_port() -> int:
    """A TCP port on which nothing listens just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Brokers:
    """Mosquitto twice: `port["open"]` allows everything, `port["strict"]` has limits. Ended by `close`."""

    def __init__(self, folder: Path) -> None:
        self.port: dict[str, int] = {}
        self._processes: list[subprocess.Popen[bytes]] = []
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
        if program is None:
            raise FileNotFoundError("mosquitto")
        for name, lines in (("open", OPEN), ("strict", STRICT)):
            self._start(program, folder, name, lines)

    def _start(self, program: str, folder: Path, name: str, lines: str) -> None:
        port = free_port()
        config = folder / f"{name}.conf"
        config.write_text(f"user root\nlistener {port} 127.0.0.1\nsys_interval 0\n{lines}")
        with open(folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen([program, "-c", str(config)], stdout=log, stderr=log, cwd=folder)
        self._processes.append(process)
        end = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError((folder / f"{name}.log").read_text())
            time.sleep(0.02)
        self.port[name] = port

    def close(self) -> None:
        """Stop them."""
        for process in self._processes:
            process.terminate()
            process.wait(10)


class Loop:
    """The thread in which the proxies run."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def call(self, what: Coroutine[Any, Any, Result]) -> Result:
        """Its result, from another thread."""
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def close(self) -> None:
        """End it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()


class Stage:
    """What a scenario has: clients, topics of its own, the proxy. strict: no fault, so every answer must come. login:
    user name and password of all."""

    def __init__(
        self, proxy: Proxy, serial: str, version: int, strict: bool, patience: float = 0.0,
        login: tuple[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.login = login
        self.proxy = proxy
        self.serial = serial
        self.version = version
        self.strict = strict
        self.patience = patience or (5.0 if strict else 0.7)
        self.peers: list[Peer | Raw] = []

    def topic(self, name: str) -> str:
        """A topic of this conversation."""
        return f"{self.serial}/{name}"

    def client_id(self, role: str) -> str:
        """A client identifier of this conversation; its role is what `Where` asks for."""
        return f"{role}-{self.serial}"

    def peer(self, role: str, clean: bool = True, client_id: str | None = None, version: int = 0) -> Peer:
        """A paho client, not connected yet."""
        name = self.client_id(role) if client_id is None else client_id
        one = Peer(self.proxy.port, name, version or self.version, clean, self.patience, self.strict)
        if self.login is not None:
            one.client.username_pw_set(*self.login)
        self.peers.append(one)
        return one

    def raw(self, version: int = 0) -> Raw:
        """A scripted client, its TCP connection open."""
        one = Raw(self.proxy.port, version or self.version, self.patience, self.login)
        self.peers.append(one)
        return one

    def close(self) -> None:
        """Let all clients that are left go in order."""
        for one in self.peers:
            one.close()


def converse(
    loop: Loop, broker: int, scenario: Scenario, serial: str, version: int, fault: Fault | None, captured: int,
    patience: float = 0, linger: float = 0, source: str = "", listening: Callable[[Proxy], object] | None = None,
    login: tuple[str, str] | None = None, lenient: bool = False,
) -> bytes:  # fmt: skip
    """Plays the scenario with the fault in it; the capture of it. linger: seconds that the connections stay open when
    the scenario is over. listening: called with the proxy before the first client connects. lenient: answers may stay
    away though there is no fault."""
    proxy = Proxy(broker, fault or Fault(), captured, source)
    loop.call(proxy.start())
    strict = fault is None and not lenient
    stage = Stage(proxy, serial, version, strict, patience or (0 if strict or fault else 3), login)
    try:
        if listening is not None:
            listening(proxy)
        try:
            scenario(stage)
        except Gone:
            if strict:
                raise
        if linger:
            time.sleep(linger)
    finally:
        stage.close()
        loop.call(proxy.stop())
    return proxy.recorder.capture()
