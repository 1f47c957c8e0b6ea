"""Run the API until it is told to stop."""

from __future__ import annotations

import gc
import ipaddress
import socket
from collections.abc import Callable

import psycopg
import uvicorn

from backend.app import create_app
from backend.db import accounts
from backend.settings import Settings


class CannotListen(OSError):
    """The address is taken or not ours; the message names it and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """A socket on `host`:`port`; port 0 takes any free one.

    Raises:
        CannotListen: it cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family)
        # else each small answer waits 40 ms for the client's delayed acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise CannotListen(
            f"cannot listen on {host} port {port}: {reason}; expected a free port and an address "
            "of this machine (--port 0 takes any free port)"
        ) from error


def serve(
    settings: Settings,
    host: str = "127.0.0.1",
    port: int = 8000,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: of the application.
        host: address to listen on. Other than loopback: any host name is answered; put a proxy
            with TLS before it, for keys go over the wire.
        port: 0 takes any free one.
        ready: called with the URL once requests are answered.

    Raises:
        CannotListen: the address cannot be had.
    """
    if not _is_loopback(host):
        settings = settings.model_copy(update={"allowed_hosts": ("*",)})
    with listen(host, port) as listener:
        url = url_of(listener)

        def begin() -> None:
            _spare_collector()
            if ready:
                ready(url)

        Server(settings, begin).run(sockets=[listener])


def _spare_collector() -> None:
    """What is loaded by now stays: not to be walked each time that a large file makes objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def signed_in(dsn: str, url: str) -> str:
    """The page's URL with a ticket that signs one browser in as administrator."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return accounts.link(url, accounts.admin_ticket(connection))


def url_of(listener: socket.socket) -> str:
    """Where a socket answers."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


class Server(uvicorn.Server):
    """Serves the application until told to stop; says when it is ready."""

    def __init__(self, settings: Settings, ready: Callable[[], None]) -> None:
        self.app = create_app(settings)
        super().__init__(
            uvicorn.Config(
                self.app,
                log_level="warning",
                access_log=False,  # positions are asked for by address: no need to keep who asked
                server_header=False,
                timeout_graceful_shutdown=5,
            )
        )
        self._ready = ready

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End; streams of events would else be waited for until their readers go."""
        self.app.state.bulletin.end()
        await super().shutdown(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        if self.started:
            self._ready()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
