"""What a record inside a frame is written relative to: the records before it.

Every frame starts a chain of its own, so that it can be decoded alone. At the start the time
is EPOCH_S and the position 0, 0, 0: the first fix is thereby written in full.
"""

# 2030-01-01T00:00:00Z: from October 2025 to April 2034 a time takes 4 bytes, else 5.
EPOCH_S = 1893456000


class Chain:
    """Running values of one frame; records of all kinds share it.

    Attributes:
        time_s: time of the last fix, or of the last record while there was no fix.
        interval_s: time between the last two fixes, 0 before the second.
        fixes: number of fixes so far.
        lat_e5, lon_e5, altitude_m: of the last fix that had them.
    """

    def __init__(self) -> None:
        self.time_s = EPOCH_S
        self.interval_s = 0
        self.fixes = 0
        self.lat_e5 = 0
        self.lon_e5 = 0
        self.altitude_m = 0

    def fix_at(self, time_s: int) -> None:
        """Note the time of a fix."""
        self.interval_s = time_s - self.time_s if self.fixes else 0
        self.time_s = time_s
        self.fixes += 1

    def other_at(self, time_s: int) -> None:
        """Note the time of a record that is no fix; later ones leave the fixes' rhythm alone."""
        if not self.fixes:
            self.time_s = time_s
