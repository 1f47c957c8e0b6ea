"""A continuous-time movement model: a stationary normal process around a fixed mean."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.errors import ParameterError

Floats = NDArray[np.float64]
Process = Literal["IID", "OU", "OUf", "OUF"]

EQUAL = 1e-6
"""Relative difference below which two time scales are one (OUf)."""


@dataclass(frozen=True)
class MovementModel:
    """Positions scattered by `covariance_m2` around a mean, correlated over two time scales.

    The autocorrelation of either coordinate over a lag t is
    (p exp(-t / p) - v exp(-t / v)) / (p - v), p and v the two time scales; exp(-t / p) without v.

    Attributes:
        tau_position_s: time scale on which the animal crosses its range [s]; 0 for independent
            positions (IID).
        tau_velocity_s: time scale on which its velocity lasts [s], at most `tau_position_s`; 0
            for none (OU).
        major_m2: variance along the widest direction [m2].
        minor_m2: variance across it [m2], at most `major_m2`.
        angle_rad: widest direction from the x axis, counter-clockwise.
        isotropic: both variances are one parameter.
        mean_x_m: middle of the range.
        mean_y_m: middle of the range.

    Raises:
        ParameterError: a value that describes no such process.
    """

    tau_position_s: float
    tau_velocity_s: float
    major_m2: float
    minor_m2: float
    angle_rad: float = 0.0
    isotropic: bool = False
    mean_x_m: float = 0.0
    mean_y_m: float = 0.0

    def __post_init__(self) -> None:
        for name in ("tau_position_s", "tau_velocity_s"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ParameterError(name, getattr(self, name), "finite seconds, at least 0")
        if self.tau_velocity_s > self.tau_position_s:
            expected = f"at most tau_position_s, {self.tau_position_s:g}"
            raise ParameterError("tau_velocity_s", self.tau_velocity_s, expected)
        for name in ("major_m2", "minor_m2"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ParameterError(name, getattr(self, name), "a finite variance above 0 m2")
        if self.minor_m2 > self.major_m2 or (self.isotropic and self.minor_m2 < self.major_m2):
            expected = f"{'equal to' if self.isotropic else 'at most'} major_m2, {self.major_m2:g}"
            raise ParameterError("minor_m2", self.minor_m2, expected)
        for name in ("angle_rad", "mean_x_m", "mean_y_m"):
            if not math.isfinite(getattr(self, name)):
                raise ParameterError(name, getattr(self, name), "a finite number")

    @property
    def process(self) -> Process:
        """IID, OU, OUf or OUF."""
        if self.tau_position_s == 0:
            return "IID"
        if self.tau_velocity_s == 0:
            return "OU"
        return "OUf" if self.tau_position_s < (1 + EQUAL) * self.tau_velocity_s else "OUF"

    @property
    def name(self) -> str:
        """The process, and "anisotropic" where it is."""
        return self.process if self.isotropic else f"{self.process} anisotropic"

    @property
    def covariance_m2(self) -> Floats:
        """(2, 2) covariance of a position [m2]."""
        cosine, sine = math.cos(self.angle_rad), math.sin(self.angle_rad)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        return np.asarray(turn @ np.diag([self.major_m2, self.minor_m2]) @ turn.T)

    @property
    def area_variance_m2(self) -> float:
        """Square root of the determinant of the covariance: what an area is proportional to."""
        return math.sqrt(self.major_m2 * self.minor_m2)

    def gaussian_area_km2(self, level_percent: float = 95.0) -> float:
        """Returns the area of the ellipse that holds a part of the model's own distribution."""
        if not 0 < level_percent < 100:
            raise ParameterError("level_percent", level_percent, "more than 0 and less than 100")
        reach = -2 * math.log1p(-level_percent / 100)
        return reach * math.pi * self.area_variance_m2 / 1e6

    def autocorrelation(self, lag_s: ArrayLike) -> Floats:
        """Returns the correlation of a coordinate with itself over lags, 1 at lag 0."""
        lag = np.abs(np.asarray(lag_s, np.float64))
        if self.tau_position_s == 0:
            return np.where(lag == 0, 1.0, 0.0)
        slow = np.exp(-lag / self.tau_position_s)
        if self.tau_velocity_s == 0:
            return slow
        a, b = 1 / self.tau_position_s, 1 / self.tau_velocity_s
        if b - a < EQUAL * b:
            return np.asarray((1 + lag * (a + b) / 2) * np.exp(-lag * (a + b) / 2))
        return np.asarray(slow * (1 - a * np.expm1(-(b - a) * lag) / (b - a)))

    def semivariance_m2(self, lag_s: ArrayLike) -> Floats:
        """Returns half the mean squared change of a coordinate over lags [m2], mean of x and y.

        Source: Fleming et al. 2014, doi:10.1086/675504.
        """
        mean_m2 = (self.major_m2 + self.minor_m2) / 2
        return np.asarray(mean_m2 * (1 - self.autocorrelation(lag_s)))

    @property
    def speed_mps(self) -> float:
        """Root mean square speed [m/s]; infinite without a velocity."""
        if self.tau_velocity_s == 0:
            return math.inf
        squared = (self.major_m2 + self.minor_m2) / (self.tau_position_s * self.tau_velocity_s)
        return math.sqrt(squared)
