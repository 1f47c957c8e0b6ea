"""An FRAM in memory whose power can be cut at any byte; small enough for the collar's heap."""

_PAGE = 64


class PowerCut(BaseException):
    """The rail collapsed; not an Exception, so that no firmware can catch it."""


class Memory:
    """262,144 bytes of zeros, kept only where written.

    `cut_after` bytes more are written, then the power goes; None is never.
    """

    def __init__(self):
        self.size_bytes = 262144
        self.pages = {}
        self.written = 0
        self.cut_after = None

    def read(self, address, count):
        data = bytearray(count)
        at = 0
        while at < count:
            number, offset = divmod(address + at, _PAGE)
            piece = min(_PAGE - offset, count - at)
            page = self.pages.get(number)
            if page is not None:
                data[at : at + piece] = page[offset : offset + piece]
            at += piece
        return bytes(data)

    def write(self, address, data):
        for byte in data:
            if self.cut_after is not None:
                if self.cut_after == 0:
                    raise PowerCut()
                self.cut_after -= 1
            page = self.pages.get(address // _PAGE)
            if page is None:
                page = self.pages[address // _PAGE] = bytearray(_PAGE)
            page[address % _PAGE] = byte
            self.written += 1
            address += 1

    def copy(self):
        twin = Memory()
        for number, page in self.pages.items():
            twin.pages[number] = bytearray(page)
        return twin

    def spoil(self, address):
        """Flip one bit, as a worn-out cell would."""
        self.write(address, bytes((self.read(address, 1)[0] ^ 0x10,)))


def cut_everywhere(memory, action, check, stride=1):
    """Run `action` on copies of `memory`, cut after 0, 1, 2 ... bytes, and `check` what is left.

    The last run is the one that is not cut. Returns how many runs there were.
    """
    after = 0
    while True:
        copy = memory.copy()
        copy.cut_after = after
        try:
            action(copy)
            whole = True
        except PowerCut:
            whole = False
        copy.cut_after = None
        check(copy, whole)
        if whole:
            return after // stride + 1
        after += stride
