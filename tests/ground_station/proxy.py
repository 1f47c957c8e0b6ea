"""A door in front of the database that can be shut: a proxy on a socket of its own."""

import contextlib
import select
import socket
import threading
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo


class Proxy:
    """Open inside `with`; outside it connections are refused and running ones are cut."""

    def __init__(self, dsn: str, folder: Path) -> None:
        parts = conninfo_to_dict(dsn)
        port = parts.get("port") or 5432
        folder.mkdir()
        self._target = f"{parts['host']}/.s.PGSQL.{port}"
        self._path = folder / f".s.PGSQL.{port}"
        self.dsn = make_conninfo(dsn, host=str(folder))

    def __enter__(self) -> "Proxy":
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._wake, self._stop = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.close()
        self._thread.join()
        self._wake.close()

    def _serve(self) -> None:
        other: dict[socket.socket, socket.socket] = {}
        while True:
            ready, _, _ = select.select([self._listener, self._wake, *other], [], [])
            if self._wake in ready:
                break
            for one in ready:
                if one is self._listener:
                    client, _ = one.accept()
                    server = socket.socket(socket.AF_UNIX)
                    server.connect(self._target)
                    other |= {client: server, server: client}
                elif one in other:
                    chunk = b""
                    with contextlib.suppress(OSError):
                        chunk = one.recv(65536)
                        other[one].sendall(chunk)
                    if not chunk:
                        for end in (one, other.pop(one)):
                            other.pop(end, None)
                            end.close()
        self._path.unlink()
        for end in (self._listener, *other):
            end.close()
