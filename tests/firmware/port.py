"""A receiver at the other end of the collar's line: answers polls by its own clock."""

from firmware.drivers import gnss, receiver

from .test_gnss import NOW, message

DONE = gnss.pack(0x05, 0x01, b"\x06\x8a")
NOBODY = gnss.pack(0x01, 0x07, bytes(92))


def satellites(count, cno=40):
    one = bytes((0, 1, cno)) + bytes(9)
    return gnss.pack(0x01, 0x35, bytes(8) + one * count)


def orbits(quarters):
    rows = [bytes((0, n, 0, 1 << 5 | quarters, 0, 0)) for n in range(8)]
    return gnss.pack(0x01, 0x34, bytes(8) + b"".join(rows))


class Port:
    """A receiver that answers polls by its own clock; also clock and switch."""

    renewed_ms = 50000

    def __init__(self, answer, heard=9, baud=9600, deaf=False):
        self.answer, self.heard, self.baud, self.deaf = answer, heard, baud, deaf
        self.now_ms, self.line, self.out, self.on = 0, 9600, b"", None
        self.written, self.fed_ms, self.looks, self.read_ms = [], 0, [], 0

    def power(self, on):
        self.on = on

    def set_baud(self, baud):
        self.line = baud

    def write(self, data):
        self.written.append((self.now_ms, data))
        self.read_ms = self.now_ms
        if self.line != self.baud:
            return
        if data == gnss.pack_baud(38400) and not self.deaf:
            self.baud = 38400
        elif data.endswith(gnss.pack(*gnss.PVT)):
            self.out += self.answer(self.now_ms)
        elif data.endswith(gnss.pack(*gnss.SAT)):
            self.looks.append(self.now_ms)
            self.out += self.heard(self.now_ms) if callable(self.heard) else satellites(self.heard)
        elif data == gnss.pack(*gnss.ORB):
            self.out += orbits(16 if self.now_ms >= self.renewed_ms else 6)
        elif data == gnss.pack(*gnss.DBD):
            self.out += b"".join(gnss.pack(0x13, 0x80, bytes((n,)) * 96) for n in range(8))

    def read(self):
        """What has come over the line since, as much of it as the buffer keeps."""
        count = (self.now_ms - self.read_ms) * self.line // 10000
        out, self.out = self.out[:count][:512], self.out[count:]
        self.read_ms = self.now_ms
        return out if self.line == self.baud else bytes(b ^ 0x5A for b in out)

    def ticks_ms(self):
        return self.now_ms

    def sleep_ms(self, ms):
        assert self.on is not False
        self.now_ms += ms

    def stop_ms(self, ms):
        self.now_ms += ms
        self.out = b""

    def feed(self):
        assert self.now_ms - self.fed_ms <= 21000, "watchdog"
        self.fed_ms = self.now_ms


LIMITS = {"timeout": 40000, "accuracy": 50000, "pdop": 600, "first": 1000, "settle": 7000}
LIMITS["likely"] = 40000


def search(port, clock_s=NOW, bound_s=2, **changes):
    limits = dict(LIMITS)
    limits.update(changes)
    session = receiver.Session(port, port, port.feed)
    outcome = session.run(
        receiver.Limits(
            limits["timeout"],
            limits["accuracy"],
            limits["pdop"],
            2025,
            limits["first"],
            limits["settle"],
            limits["likely"],
        ),
        clock_s,
        bound_s,
    )
    session.close()
    return outcome


def fixes_at(ms, **fields):
    """A receiver whose fix comes after `ms`; it knows the time all along."""

    def answer(now_ms):
        known = dict(fields)
        if now_ms < ms:
            known["fix_type"] = 0
        known.setdefault("unix_s", NOW + now_ms // 1000)
        return message(**known)

    return answer
