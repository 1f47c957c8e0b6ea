"""Around every request: which host names are answered, and which headers every answer has."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import BadRequest
from backend.problems import BAD_PARAMETER, problem
from backend.routes.page import CONTENT_SECURITY_POLICY

_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """ASGI middleware.

    The check of the Host header keeps a web site from reaching a service on loopback through a
    name that resolves to 127.0.0.1.
    """

    def __init__(self, app: ASGIApp, allowed_hosts: tuple[str, ...]) -> None:
        self._app = app
        self._allowed = None if "*" in allowed_hosts else {h.lower() for h in allowed_hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse foreign host names, pass on the rest and add the headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                else:
                    headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        refusal = self._refusal(Headers(scope=scope).get("host", ""))
        if refusal:
            answer = problem(BAD_PARAMETER, str(refusal), scope["path"], parameter="Host")
            await answer(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _refusal(self, host: str) -> BadRequest | None:
        if self._allowed is None:
            return None
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        if name in self._allowed:
            return None
        return BadRequest("Host", host, f"one of {', '.join(sorted(self._allowed))}")
