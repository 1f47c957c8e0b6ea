"""From movement to electricity: the generator as the storage sees it.

Power at the storage (rectifier and harvester included) in proportion to activity, limited by the
machine. Calibrated by what collars on animals really harvested (0.69 J/day on a pony to 10 J/day
on a dog; Gregersen et al. 2023, doi:10.1371/journal.pone.0285930): the mean of a day is the
parameter, the animal's activity only distributes it over the hours, because income and movement
have one cause.
"""

from hardware.twin.animal import Animal
from hardware.twin.errors import ScenarioError

SLOT_S = 600  # the power is constant within a slot of ten minutes


class Generator:
    """Power that movement delivers to the storage.

    Args:
        animal: Whose activity drives it.
        mean_j_per_day: Income of an average day [J], stated at the storage.
        max_w: What the machine can deliver at most [W].
    """

    def __init__(self, animal: Animal, mean_j_per_day: float, max_w: float) -> None:
        if mean_j_per_day < 0:
            raise ScenarioError("mean_j_per_day", mean_j_per_day, "an energy of at least 0 J")
        self._animal = animal
        self._gain_w = mean_j_per_day / 86_400.0 / animal.mean_activity
        self._max_w = max_w
        self._slot = -1
        self._power_w = 0.0

    def power_w(self, t_s: float) -> float:
        """Power into the storage [W] in the slot that holds scenario second `t_s`."""
        slot = int(t_s // SLOT_S)
        if slot != self._slot:
            self._slot = slot
            activity = self._animal.activity((slot + 0.5) * SLOT_S)
            self._power_w = min(self._gain_w * activity, self._max_w)
        return self._power_w
