"""How far a fix may be off, whatever its source says of it: an ellipse for each fix.

Methods here want the standard deviation *in each direction* (east, north). Receivers and files
mostly state a radius: the root mean square distance between fix and truth, in the plane. Of equal
errors in both directions that is the square root of 2 times as much. Which of the two a number is
decides between ranges; each constructor says what it takes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import TrackError

Floats = NDArray[np.float64]

ARGOS_RADIUS_M = {"3": 250.0, "2": 500.0, "1": 1500.0}
"""Upper limits of the radial error by Argos location class [m]. Classes 0, A, B and Z promise
nothing. Source: Argos User's Manual, CLS, section 3.2."""


@dataclass(frozen=True, eq=False)
class LocationError:
    """Error ellipses, one for each fix; NaN where it is unknown.

    Attributes:
        major_m: (n,) standard deviation along the longer axis [m].
        minor_m: (n,) standard deviation across it [m].
        angle_deg: (n,) direction of the longer axis, clockwise from north, 0..180.

    Raises:
        TrackError: with every fault found.
    """

    major_m: Floats
    minor_m: Floats
    angle_deg: Floats

    def __post_init__(self) -> None:
        faults = []
        for name in ("major_m", "minor_m", "angle_deg"):
            values = np.array(getattr(self, name), np.float64)
            if values.ndim != 1:
                faults.append(f"error {name}: shape {values.shape}, expected one dimension")
            elif name != "angle_deg" and (bad := values <= 0).any():
                first = values[bad][0]
                faults.append(f"error {name}: {int(bad.sum())} not above 0, the first {first:g}")
            values.flags.writeable = False
            object.__setattr__(self, name, values)
        sizes = {getattr(self, name).size for name in ("major_m", "minor_m", "angle_deg")}
        if len(sizes) > 1:
            faults.append(f"error: lengths differ: {sorted(sizes)}")
        if faults:
            raise TrackError(faults)

    def __len__(self) -> int:
        return self.major_m.size

    @classmethod
    def of_axis(cls, error_m: ArrayLike) -> "LocationError":
        """Returns circles from the standard deviation in each direction [m]."""
        error = np.asarray(error_m, np.float64)
        return cls(error, error, np.zeros(error.shape))

    @classmethod
    def of_radius(cls, radius_m: ArrayLike) -> "LocationError":
        """Returns circles from the root mean square distance in the plane [m].

        Receivers' accuracy estimates are of this kind (u-blox `hAcc`, and with it e-obs), and so
        is Movebank's location error where nothing else is said of it.
        """
        return cls.of_axis(np.asarray(radius_m, np.float64) / math.sqrt(2))

    @classmethod
    def of_hdop(cls, hdop: ArrayLike, uere_m: float) -> "LocationError":
        """Returns circles from dilution of precision.

        Args:
            hdop: (n,) horizontal dilution of precision: of both directions together.
            uere_m: error of a pseudorange; HDOP times it is the root mean square distance [m],
                as in the package ctmm.
        """
        return cls.of_radius(np.asarray(hdop, np.float64) * uere_m)

    @classmethod
    def of_argos_ellipse(
        cls, semi_major_m: ArrayLike, semi_minor_m: ArrayLike, orientation_deg: ArrayLike
    ) -> "LocationError":
        """Returns ellipses from Argos: semi-axes are the square root of 2 times the deviations.

        Source: McClintock et al. 2015, doi:10.1111/2041-210X.12311.
        """
        major = np.asarray(semi_major_m, np.float64) / math.sqrt(2)
        minor = np.asarray(semi_minor_m, np.float64) / math.sqrt(2)
        return cls(major, minor, np.asarray(orientation_deg, np.float64) % 180)

    @classmethod
    def of_argos_class(cls, classes: Sequence[str]) -> "LocationError":
        """Returns circles from Argos location classes; unknown for 0, A, B and Z."""
        return cls.of_radius([ARGOS_RADIUS_M.get(one.strip(), math.nan) for one in classes])

    @property
    def axis_m(self) -> Floats:
        """(n,) standard deviation in each direction of the circle with the same mean square."""
        return np.sqrt((self.major_m**2 + self.minor_m**2) / 2)

    def select(self, part: NDArray[np.generic]) -> "LocationError":
        """Returns the errors of some fixes."""
        return LocationError(self.major_m[part], self.minor_m[part], self.angle_deg[part])
