"""A proxy on loopback between the command and PostgreSQL, which cuts a connection at a COMMIT.

It reads the messages of the client (`Q`, `P`, ...), and knows which transactions store the key of a unit of work.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

#: Where a connection is cut: COMMIT does not reach the server; it does, and its answer does not come back; the
#: answer has come back. `held` does not cut: COMMIT is kept back, and `unanswered` keeps its answer back.
BEFORE, AT, BEHIND, HELD, UNANSWERED = "before", "at", "behind", "held", "unanswered"


@dataclass
class Plan:
    """Which COMMIT is cut, and how.

    number: of the COMMITs of units of work, from 1 on. is_half: the server's side stays open, as where a network
    is parted; not with `is_away`, since it keeps its locks. is_away: from then on nobody is connected, for as long as the plan lasts.
    """

    point: str
    number: int = 1
    is_half: bool = False
    is_away: bool = False
    seen: int = 0
    reached: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on a port of its own; `url` is the server's with that port."""

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
        """The plan, if it is about the COMMIT that is seen now."""
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
    """One connection of a client."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._is_unit = False
        self._withholds: Plan | None = None

    def forward(self) -> None:
        """From the client to the server, message by message."""
        with suppress(OSError, ConnectionError):
            self._start()
            while True:
                head = self._read(5)
                body = self._read(struct.unpack("!I", head[1:])[0] - 4)
                self._is_unit |= head[:1] in (b"P", b"Q") and b"units_of_work" in body
                if head[:1] == b"Q" and body.startswith(b"COMMIT") and self._is_unit:
                    self._is_unit = False
                    if (plan := self._proxy.is_due()) is not None and self._cut(plan, head + body):
                        if plan.point in (HELD, UNANSWERED):
                            self._wait_for_the_end()
                        return
                self._server.sendall(head + body)
        self._end()

    def _wait_for_the_end(self) -> None:
        while self._client.recv(1 << 16):
            pass
        self._end()

    def _start(self) -> None:
        """What comes before messages have types: requests for encryption, then the start itself."""
        while True:
            size = self._read(4)
            body = self._read(struct.unpack("!I", size)[0] - 4)
            self._server.sendall(size + body)
            if struct.unpack("!I", body[:4])[0] >> 16 == 3:
                return

    def _cut(self, plan: Plan, commit: bytes) -> bool:
        """Does what is planned; whether nothing more is to be forwarded."""
        if plan.point in (AT, BEHIND, UNANSWERED):
            self._withholds = plan
            self._server.sendall(commit)
            return plan.point != BEHIND
        plan.reached.set()
        if plan.point == BEFORE:
            self._end(is_half=plan.is_half)
        return True

    def answer(self) -> None:
        """From the server to the client."""
        with suppress(OSError, ConnectionError):
            while data := self._server.recv(1 << 16):
                if (plan := self._withholds) is not None:
                    self._withholds = None
                    if plan.point == BEHIND:
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
