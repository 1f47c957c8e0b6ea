"""A server that takes observations as EarthRanger and Gundi do, as hostile as it is told to be."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = list[dict[str, Any]]
Mood = Callable[[Body], Any]
"""What to do with a body: a status and headers, "cut" (take it and hang up), or None: take it"""


class Remote:
    """What came, and what it took: once for a source and a time, as EarthRanger does."""

    def __init__(self) -> None:
        self.moods: list[Mood] = []
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.stored: dict[tuple[str, str], dict[str, Any]] = {}
        self.repeats = 0
        self.url = ""

    def take(self, path: str, body: Body) -> tuple[int, Any]:
        """Store what is new, whole batches only."""
        keys = [(one.get("manufacturer_id") or one["source"], one["recorded_at"]) for one in body]
        new = [key for key in keys if key not in self.stored]
        self.repeats += len(keys) - len(new)
        self.stored |= dict(zip(keys, body, strict=True))
        if path.startswith("/v2/"):
            return 200, [{"object_id": "-".join(key), "created_at": key[1]} for key in keys]
        return 201 if new else 200, {"data": {}, "status": {"code": 201}}


@contextmanager
def remote() -> Iterator[Remote]:
    """One on a port of its own; `moods` are had in turn, the last one for good."""
    it = Remote()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            it.requests.append(body)
            it.headers.append(dict(self.headers))
            mood = it.moods[0] if it.moods else lambda _: None
            if len(it.moods) > 1:
                it.moods.pop(0)
            verdict = mood(body)
            if verdict is None or verdict == "cut":
                status, answer = it.take(self.path, body)
                headers: dict[str, str] = {}
            else:
                assert isinstance(verdict, tuple)
                (status, headers), answer = verdict, {}
            if verdict == "cut":
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
