"""The process that acknowledges what packet forwarders send, and passes it on to the station.

A forwarder waits 100 ms. In one process with the station an acknowledgement would wait for
whatever the station computes, and on a busy machine for the processor too; this one does nothing
else. It is a script of the standard library only, started by `semtech_udp`, and ends when the
station does.

    to the station   READY once, then for each
                     length of sender u16 | length of datagram u32 | sender, `HOST PORT` | datagram

Usage: semtech_acks.py SOCKET PIPE [EUI ...]: inherited file descriptors, the only gateways
"""

import contextlib
import select
import socket
import struct
import sys

HEAD = struct.Struct(">HI")
READY = b"ready"
PUSH_ACK = 1
PULL_ACK = 4
_ANSWERS = {0: PUSH_ACK, 2: PULL_ACK}
_VERSIONS = (1, 2)
_HEADER_BYTES = 12
_MAX_DATAGRAM = 65_535
_MAX_BACKLOG = 64 << 20


def answer_to(datagram: bytes, gateways: frozenset[str]) -> bytes | None:
    """Return what a datagram is acknowledged with, None if it is not."""
    if len(datagram) < _HEADER_BYTES or datagram[0] not in _VERSIONS:
        return None
    kind = _ANSWERS.get(datagram[3])
    if kind is None or (gateways and datagram[4:12].hex() not in gateways):
        return None
    return datagram[:3] + bytes([kind])


def pack(datagram: bytes, host: str, port: int) -> bytes:
    """Return a datagram as the station gets it."""
    sender = f"{host} {port}".encode()
    return HEAD.pack(len(sender), len(datagram)) + sender + datagram


def serve(udp: socket.socket, station: socket.socket, gateways: frozenset[str]) -> None:
    """Acknowledge and pass on, until the station closes its end."""
    udp.setblocking(False)
    station.setblocking(False)
    backlog = bytearray(READY)
    while True:
        ready, _, _ = select.select([udp, station], [station] if backlog else [], [])
        if station in ready:  # it never writes: this is its end
            return
        if udp in ready:
            with contextlib.suppress(OSError):  # an ICMP message about an earlier answer
                datagram, sender = udp.recvfrom(_MAX_DATAGRAM)
                if len(backlog) < _MAX_BACKLOG:
                    backlog += pack(datagram, *sender[:2])
                    answer = answer_to(datagram, gateways)
                    if answer is not None:
                        udp.sendto(answer, sender)
        try:
            while backlog:
                del backlog[: station.send(backlog[:_MAX_DATAGRAM])]
        except BlockingIOError:
            pass
        except OSError:
            return


if __name__ == "__main__":
    _udp, _station = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    serve(_udp, _station, frozenset(sys.argv[3:]))
