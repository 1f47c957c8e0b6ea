"""A server for e-mail on loopback that keeps what it is sent (RFC 5321, the least of it)."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message


@contextmanager
def smtp_server() -> Iterator[tuple[int, list[Message]]]:
    """Port of a server, and the letters it took."""
    letters: list[Message] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                verb = line.split()[0].upper()
                if verb == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    letters.append(message_from_bytes(self._letter()))
                self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 taken\r\n")
                if verb == b"QUIT":
                    return

        def _letter(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line)
            return b"".join(lines)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], letters
        finally:
            server.shutdown()
            thread.join()
