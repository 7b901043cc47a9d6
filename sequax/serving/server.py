"""`serve`: models on a port, until somebody says stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from . import _needed

try:
    import uvicorn
    from uvicorn.config import Config
    from uvicorn.protocols.http.auto import AutoHTTPProtocol
except ImportError as error:
    raise _needed.error(error) from None

from .asgi import application
from .limits import Limits

if TYPE_CHECKING:
    from ..model import Model

LOCAL = ("127.0.0.1", "localhost", "::1")
_LINGER = 5  # seconds that an idle connection stays open
_LONGEST_HEAD = 64 * 1024
_ABOVE = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
_FULL = (
    b"503 Service Unavailable\r\nRetry-After: 1",
    b'{"error":"Too many connections are open. Ask again in a moment."}',
)
_LONG = b"431 Request Header Fields Too Large", b'{"error":"The head of the request is too long."}'


def serve(
    model: Model | Mapping[str, Model],
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    name: str | None = None,
    limits: Limits | None = None,
    together: bool | None = None,
    hosts: Iterable[str] | None = None,
    started: Callable[[str], None] | None = None,
) -> None:
    """Answer with predictions of a model, or of several, until the process is told to stop (SIGTERM, Ctrl+C).

    What was asked by then is answered still. There is no password and no encryption: to be called from elsewhere, put
    a server in front that has them, see docs/serving.md.

    Args:
        model: a model whose inputs are known, or several by name.
        host: the address to listen at. Others than this machine are heard only if you name another one.
        port: 0 takes one that is free.
        name: of the one model in addresses; None: its own.
        limits: on what the server does at most.
        together: see `application`.
        hosts: names by which clients may call the server; None: those of this machine while it listens to no other,
            so that no page in a browser here reaches it under a name of its own; else any.
        started: called with the address once requests are taken.

    Raises:
        OSError: if the address is taken.
        ValueError: see `application`.
    """
    limits = limits or Limits()
    if hosts is not None:
        hosts = [*hosts, *LOCAL]
    elif host in LOCAL:
        hosts = LOCAL
    app = application(model, name, limits=limits, together=together, hosts=hosts)
    listening = _listening(host, port)
    config = Config(
        app,
        http=_bounded(limits),
        ws="none",
        lifespan="on",
        log_level=logging.ERROR,  # warnings are of bytes that are no requests: whoever sends such would fill the log
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_LINGER,
        timeout_graceful_shutdown=max(1, int(2 * limits.timeout)),
    )
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{listening.getsockname()[1]}"
    try:
        _Server(config, started and (lambda: started(address))).run(sockets=[listening])
    finally:
        listening.close()
        gc.unfreeze()


def _listening(host: str, port: int) -> socket.socket:
    """A socket of its own, so that an address that is taken is known before anything is compiled."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(2048)
    except BaseException:
        found.close()
        raise
    return found


class _Server(uvicorn.Server):
    """A server that a signal ends without an error, as what was asked is answered."""

    def __init__(self, config: Config, started: Callable[[], None] | None):
        super().__init__(config)
        self._told = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there by now stays. Looking through it again and again, whenever a request has brought some hundred
        # lists, took three quarters of the time of reading a picture: 390 us of processor, and 80 without.
        gc.collect()
        gc.freeze()
        if self.started and self._told is not None:
            self._told()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():  # which alone hears of signals
            yield
            return
        # uvicorn would raise the signal again at the end: the exit code would be that of a killed process.
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _bounded(limits: Limits) -> type[asyncio.Protocol]:
    """uvicorn's protocol, with bounds on how many connections there are, how long they may dawdle, and on heads."""
    base: Any = AutoHTTPProtocol

    class Bounded(base):
        _is_turned_away = False
        _head = 0  # bytes since the last request
        _to_come: asyncio.TimerHandle | None = None  # ends the connection unless the head of a request comes
        _to_go: asyncio.TimerHandle | None = None  # ends it unless the client takes what was sent

        def connection_made(self, transport: Any) -> None:
            if len(self.connections) < limits.connections:
                super().connection_made(transport)
                self._watch()
            else:
                self._turn_away(transport, *_FULL)
                transport.close()

        def connection_lost(self, error: Exception | None) -> None:
            for timer in (self._to_come, self._to_go):
                if timer is not None:
                    timer.cancel()
            if self in self.connections:
                super().connection_lost(error)

        def data_received(self, data: bytes) -> None:
            if self._is_turned_away:
                return
            super().data_received(data)
            self._watch()
            # What still comes of a body whose request is answered is thrown away, and is no head.
            if not self._is_idle or (self.cycle is not None and self.cycle.more_body):
                self._head = 0
                return
            self._head += len(data)
            if self._head > _LONGEST_HEAD and not self.transport.is_closing():
                self._turn_away(self.transport, *_LONG)
                # A connection that is closed before all was read is reset, and the client would not see the answer.
                self.loop.call_later(1.0, self.transport.close)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._to_go = self.loop.call_later(limits.head, self.transport.abort)

        def resume_writing(self) -> None:
            super().resume_writing()
            if self._to_go is not None:
                self._to_go.cancel()
                self._to_go = None

        def timeout_keep_alive_handler(self) -> None:
            super().timeout_keep_alive_handler()
            # close() waits until all is sent, and a client that takes nothing would keep it waiting.
            self.loop.call_later(limits.head, self.transport.abort)

        @property
        def _is_idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _turn_away(self, transport: Any, status: bytes, sentence: bytes) -> None:
            self._is_turned_away = True
            transport.write(_ABOVE % (status, len(sentence), sentence))

        def _watch(self) -> None:
            """While no request is at work, the next one's head must come; the clock runs from its first byte on."""
            if self._is_idle:
                if self._to_come is None:
                    self._to_come = self.loop.call_later(limits.head, self.transport.abort)
            elif self._to_come is not None:
                self._to_come.cancel()
                self._to_come = None

    return Bounded
