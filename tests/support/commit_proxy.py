"""A loopback proxy between the command and PostgreSQL that cuts a connection at a COMMIT.

It reads the messages of the client (`Q`, `P`, ...) and detects transactions that store the key of a unit of
work.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: When the connection is cut: before COMMIT reaches the server, before its answer comes back, or after the answer.
#: The last two do not cut: WITHHELD does not forward COMMIT, and UNANSWERED does not forward its answer.
BEFORE, DURING, AFTER, WITHHELD, UNANSWERED = "before", "during", "after", "withheld", "unanswered"


@dataclass
class Plan:
    """Which COMMIT to cut, and how.

    number: its number among the COMMITs of units of work, from 1.
    is_half: keep the server's side open, as in a network partition. It cannot be combined with `is_away`, because
        the session keeps its locks.
    is_away: refuse all later connections.
    """

    point: str
    number: int = 1
    is_half: bool = False
    is_away: bool = False
    seen: int = 0
    reached: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """The proxy, which listens on its own port; `url` is the server's URL with that port."""

    def __init__(self, server: str) -> None:
        self._address = (urlsplit(server).hostname or "", urlsplit(server).port or 0)
        self._listener = socket.create_server(("127.0.0.1", 0))
        port = self._listener.getsockname()[1]
        self.url = server.replace(f":{self._address[1]}", f":{port}")
        self._lock = threading.Lock()
        self.plan: Plan | None = None
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.plan and self.plan.is_away and self.plan.reached.is_set():
                    client.close()
                    continue
                server = socket.create_connection(self._address)
                for one in (client, server):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                session = _Session(self, client, server)
                for work in (session.forward, session.answer):
                    threading.Thread(target=work, daemon=True).start()

    def is_due(self) -> Plan | None:
        """Count a COMMIT, and return the plan if this is the one to cut."""
        with self._lock:
            if self.plan is None:
                return None
            self.plan.seen += 1
            return self.plan if self.plan.seen == self.plan.number else None

    def keep(self, server: socket.socket) -> None:
        self._kept.append(server)

    def close(self) -> None:
        self._listener.close()
        for server in self._kept:
            server.close()


class _Session:
    """One connection of a client to the server."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._is_unit = False
        self._withholds: Plan | None = None

    def forward(self) -> None:
        """Forward messages from the client to the server."""
        with suppress(OSError, ConnectionError):
            self._start()
            while True:
                head = self._read(5)
                body = self._read(struct.unpack("!I", head[1:])[0] - 4)
                self._is_unit |= head[:1] in (b"P", b"Q") and b"units_of_work" in body
                if head[:1] == b"Q" and body.startswith(b"COMMIT") and self._is_unit:
                    self._is_unit = False
                    if (plan := self._proxy.is_due()) is not None and self._cut(plan, head + body):
                        if plan.point in (WITHHELD, UNANSWERED):
                            self._wait_for_the_end()
                        return
                self._server.sendall(head + body)
        self._end()

    def _wait_for_the_end(self) -> None:
        while self._client.recv(1 << 16):
            pass
        self._end()

    def _start(self) -> None:
        """Forward the untyped messages at the start: requests for encryption and the startup message."""
        while True:
            size = self._read(4)
            body = self._read(struct.unpack("!I", size)[0] - 4)
            self._server.sendall(size + body)
            if struct.unpack("!I", body[:4])[0] >> 16 == 3:
                return

    def _cut(self, plan: Plan, commit: bytes) -> bool:
        """Apply the plan; return whether to stop forwarding."""
        if plan.point in (DURING, AFTER, UNANSWERED):
            self._withholds = plan
            self._server.sendall(commit)
            return plan.point != AFTER
        plan.reached.set()
        if plan.point == BEFORE:
            self._end(is_half=plan.is_half)
        return True

    def answer(self) -> None:
        """Forward data from the server to the client."""
        with suppress(OSError, ConnectionError):
            while data := self._server.recv(1 << 16):
                if (plan := self._withholds) is not None:
                    self._withholds = None
                    if plan.point == AFTER:
                        self._client.sendall(data)
                    plan.reached.set()
                    if plan.point == UNANSWERED:
                        continue
                    self._end()
                    return
                self._client.sendall(data)
        self._end()

    def _end(self, *, is_half: bool = False) -> None:
        for one in (self._client,) if is_half else (self._client, self._server):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        if is_half:
            self._proxy.keep(self._server)

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._client.recv(size - len(data))
            if not more:
                raise ConnectionError
            data += more
        return data


@contextmanager
def proxied(server: str) -> Iterator[Proxy]:
    proxy = Proxy(server)
    try:
        yield proxy
    finally:
        proxy.close()
