"""What can be wrong with input; every message names the value and what was expected.

::

    AnalyticsError (ValueError)
    ├── TrackError          all faults of a track at once
    │   └── TrackTooSparse  fixes that say nothing of the way between them
    ├── ParameterError      one argument of a function
    ├── GridError
    │   ├── GridTooLarge    more nodes than memory is meant for
    │   ├── GridTooCoarse   cells too wide for the kernel or the level
    │   └── GridTooSmall    the isopleth runs off the grid
    ├── ProjectionError     no way to (or from) geographic coordinates
    └── FitError            a movement model that the track says nothing about
        └── NoRangeError    the animal did not stay: its range has no end in sight

    AnalyticsWarning (UserWarning)
    ├── BandwidthWarning    cross-validation found no minimum
    ├── SmallSampleWarning  hardly any crossings of the range to tell its size from
    ├── SparseTrackWarning  steps too long to say where between their fixes the animal was
    └── TriggeredSamplingWarning  fixes taken because the animal moved
"""

from collections.abc import Sequence


class AnalyticsError(ValueError):
    """Input that analytics cannot work with."""


class TrackError(AnalyticsError):
    """A track that cannot be used; `faults` holds every fault found, one sentence each."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("unusable track: " + "; ".join(self.faults))


class TrackTooSparse(TrackError):
    """Fixes too far apart in time for the way between them to be estimated."""

    def __init__(self, fault: str) -> None:
        super().__init__((fault,))


class ParameterError(AnalyticsError):
    """An argument out of its range."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        self.name, self.value, self.expected = name, value, expected
        super().__init__(f"{name} is {value!r}, expected {expected}")


class GridError(AnalyticsError):
    """A grid that cannot hold what was asked of it."""


class GridTooLarge(GridError):
    """More nodes than one result may have."""

    def __init__(self, columns: float, rows: float, limit: int) -> None:
        self.columns, self.rows, self.limit = columns, rows, limit
        super().__init__(
            f"grid of {columns:.0f} x {rows:.0f} nodes, at most {limit} nodes in all are allowed: "
            "use a larger cell_m, or look for outlying fixes"
        )


class GridTooCoarse(GridError):
    """Cells so wide that nodes no longer describe the density."""

    def __init__(self, cell_m: float, reason: str) -> None:
        self.cell_m = cell_m
        super().__init__(f"cell_m is {cell_m:g}, too coarse: {reason}")


class GridTooSmall(GridError):
    """The isopleth is cut by the border of the grid."""

    def __init__(self, level_percent: float, volume_percent: float) -> None:
        self.level_percent, self.volume_percent = level_percent, volume_percent
        super().__init__(
            f"the {level_percent:g} % isopleth runs off the grid, which holds "
            f"{volume_percent:.6g} % of the distribution: leave out long steps with max_gap_s, or "
            "give a wider grid"
        )


class ProjectionError(AnalyticsError):
    """Coordinates that cannot be carried between the plane and the globe."""


class FitError(AnalyticsError):
    """A movement model that a track cannot be fitted with."""

    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        super().__init__(f"{model} cannot be fitted: {reason}")


class AnalyticsWarning(UserWarning):
    """A result that stands, but not for what its name promises."""


class BandwidthWarning(AnalyticsWarning):
    """Cross-validation preferred a limit of its interval to any bandwidth within."""

    def __init__(self, bandwidth_m: float) -> None:
        self.bandwidth_m = bandwidth_m
        super().__init__(
            "cross-validation did not converge: its score is least at the limit of "
            f"{bandwidth_m:g} m (densely sampled tracks do that); use another bandwidth"
        )


class SmallSampleWarning(AnalyticsWarning):
    """A track of few crossings of its range: however many fixes, its area is hardly known."""

    def __init__(self, effective_size: float) -> None:
        self.effective_size = effective_size
        super().__init__(
            f"the track is worth {effective_size:.2g} independent ranges, fewer than 5: its area "
            "is hardly known; only a longer track tells more, denser fixes do not"
        )


class SparseTrackWarning(AnalyticsWarning):
    """Steps that say little of where between their fixes an animal was, or are left out."""


class TriggeredSamplingWarning(AnalyticsWarning):
    """Fixes taken because of what the animal did, by an estimator that takes them as chance."""


class NoRangeError(FitError):
    """A track that wanders off: the time scale on which it would return is far beyond it."""

    def __init__(self, model: str, tau_s: float, duration_s: float, aicc: float) -> None:
        self.tau_s, self.duration_s, self.aicc = tau_s, duration_s, aicc
        super().__init__(
            model,
            f"it would return within {tau_s / 86400:.3g} days, far beyond the "
            f"{duration_s / 86400:.3g} days of track: the animal has no range to see",
        )
