"""Light stand-ins, where the real parts would fill the small heap before the test begins."""


class State:
    """Fields of the state block, 0 until set; `commits` counts what the real one would write."""

    def __init__(self):
        self.commits = 0
        self.order_told = 1
        self.sf = 9
        self.walk = [0, 0, 0]

    def __getattr__(self, name):
        return 0

    def commit(self, fram):
        self.commits += 1


class Log:
    """Records 1 to 20, all acknowledged; remembers what was opened again."""

    oldest, newest = 1, 20

    def __init__(self):
        self.again = []

    def reopen(self, first, last):
        self.again.append((first, last))

    def gaps(self, limit):
        return self.again[:limit]
