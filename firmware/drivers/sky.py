"""What is heard of the sky, look by look, and when that means that no fix will come.

A receiver hears its satellites one after the other. Where few are heard, the next look tells
whether they become more, or stronger: then it is worth waiting; a count that stays low is a closed
sky. Once the time has passed in which what the receiver knew gives a fix, it has to read orbits
from the signals, and satellites too weak for that no longer count. Pure: numbers in, verdict out.
"""

_LEAST = 5  # a fix needs four
_HEARD_DBHZ = 10
_READ_DBHZ = 26  # a GPS message is read without errors from about here (assumed)
_BRIGHTER_DB = 2  # more than signals wander by themselves


class Sky:
    """The looks of one search."""

    def __init__(self) -> None:
        self._count = self._mean_db = -1

    def hopeless(self, signals: "list[int]", reads: bool) -> bool:
        """Enter a look; returns whether the search should end. The first look never ends it.

        Args:
            signals: strength of every satellite [dB-Hz], 0 for one not heard.
            reads: orbits have to be read from the signals by now.
        """
        least = _READ_DBHZ if reads else _HEARD_DBHZ
        strong = sorted([signal for signal in signals if signal >= least], reverse=True)[:_LEAST]
        count = len(strong)
        mean_db = sum(strong) // count if count else 0
        first = self._count < 0
        rise = max(0, count - self._count)  # halves from look to look: as much is still to come
        brighter = mean_db >= self._mean_db + _BRIGHTER_DB
        self._count, self._mean_db = count, mean_db
        return not first and count + rise < _LEAST and not brighter
