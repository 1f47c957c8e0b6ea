"""The estimators of home ranges by name: one table for the command line, study runs and the API.

To add an estimator: a `Method` in `METHODS`, its name in `MethodName`, and the function here that
turns its options into a call. Nothing is imported before a method runs, so that listing them
costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from analytics.errors import ParameterError

if TYPE_CHECKING:
    from analytics.ctmm.intervals import Interval
    from analytics.results import HomeRange, UtilizationDistribution
    from analytics.track import Track

MethodName = Literal["mcp", "kde", "kde-lscv", "kde-plugin", "kde-epanechnikov", "akde"]

Options = Mapping[str, Any]
"""Values of options by name; `error_m` may be an array with a value per fix."""

FROM_FILE = "file"
"""Value of `error_m`: as the track's source states it for each fix."""

CONFIDENCE_PERCENT = 95.0


@dataclass(frozen=True)
class Option:
    """One value that an estimator can be told.

    Attributes:
        name: with its unit.
        kind: float, int or str.
        help: what it means; a line.
        default: None where the estimator finds it itself, or where it has to be given.
        choices: the words that are allowed, if only some are; beside numbers for a float.
        required: whether it has to be given.
    """

    name: str
    kind: type[float] | type[int] | type[str]
    help: str
    default: float | int | str | None = None
    choices: tuple[str, ...] = ()
    required: bool = False

    def parse(self, value: object) -> Any:
        """Returns a value given as text, or in JSON's types, as the estimator takes it.

        Raises:
            ParameterError: it is not of its kind.
        """
        if value in self.choices or (self.kind is str and not self.choices):
            return value
        try:
            number = self.kind(str(value))
        except ValueError:
            number = None
        if number is None or self.kind is str or isinstance(value, bool):
            raise ParameterError(self.name, value, self.expected)
        if isinstance(number, float) and not math.isfinite(number):
            raise ParameterError(self.name, value, self.expected)
        return number

    @property
    def expected(self) -> str:
        """What kind of value, in words."""
        kind = {float: "a number", int: "a whole number", str: ""}[self.kind]
        words = [f'"{word}"' for word in self.choices]
        return " or ".join([kind, *words] if kind else words) or "a word"


@dataclass(frozen=True)
class RangeResult:
    """A home range with all that its estimator knows of it.

    Attributes:
        home_range: the isopleths.
        ud: the density they are read from; None for estimators that work on the fixes.
        intervals: of the areas [km2], by level; none for estimators that know no interval.
        effective_size: how often the animal crossed its range, where the estimator knows.
        about: bandwidth or model in a few words, for tables.
        warnings: what the estimator had to say about the track.
    """

    home_range: HomeRange
    ud: UtilizationDistribution | None = None
    intervals: Mapping[float, Interval] = field(default_factory=dict)
    effective_size: float | None = None
    about: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Method:
    """An estimator.

    Attributes:
        name: as people type it.
        help: what it is; a line.
        compute: the estimator; options complete and of their kinds.
        options: what it can be told.
        levels_percent: default isopleths.
    """

    name: str
    help: str
    compute: Callable[[Track, Sequence[float], Options], RangeResult]
    options: tuple[Option, ...] = ()
    levels_percent: tuple[float, ...] = (50.0, 95.0)

    def complete(self, given: Options) -> dict[str, Any]:
        """Returns all options, given ones parsed, others at their defaults.

        Raises:
            ParameterError: an option this estimator does not have, a value that is not of its
                kind, or one missing that has to be given.
        """
        known = {option.name: option for option in self.options}
        for name, value in given.items():
            if name not in known:
                names = ", ".join(known) or "no options"
                raise ParameterError(name, value, f"for {self.name}: {names}")
        values = {}
        for name, option in known.items():
            value = given.get(name)
            if value is None:
                if option.required:
                    raise ParameterError(name, None, f"for {self.name}: {option.help}")
                values[name] = option.default
            else:
                values[name] = value if hasattr(value, "shape") else option.parse(value)
        return values

    def __call__(
        self, track: Track, levels_percent: Sequence[float] | None = None, /, **options: Any
    ) -> RangeResult:
        """Returns the home range of a track.

        Args:
            track: the fixes.
            levels_percent: the isopleths; by default those of the method.
            options: by name.

        Raises:
            ParameterError: as `complete`, or from the estimator.
            AnalyticsError: from the estimator.
        """
        values = self.complete(options)
        if isinstance(values.get("error_m"), str):
            raise ParameterError(
                "error_m", values["error_m"], "metres: the track has no such column"
            )
        levels = self.levels_percent if levels_percent is None else levels_percent
        return self.compute(track, levels, values)


def method(name: str) -> Method:
    """Returns an estimator by its name.

    Raises:
        ParameterError: there is none of that name.
    """
    if name not in METHODS:
        raise ParameterError("method", name, "one of " + ", ".join(METHODS))
    return METHODS[name]


def _from_ud(ud: UtilizationDistribution, levels: Sequence[float], about: str) -> RangeResult:
    from analytics.ranges.isopleth import home_range

    return RangeResult(home_range(ud, levels), ud, about=about)


def _mcp(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ranges.mcp import minimum_convex_polygon

    return RangeResult(minimum_convex_polygon(track, levels), about="convex hull")


def _kde(
    rule: Literal["reference", "lscv", "plug-in"], kernel: Literal["normal", "epanechnikov"]
) -> Callable[[Track, Sequence[float], Options], RangeResult]:
    def compute(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
        from analytics.ranges.kde import kernel_ud

        bandwidth = options.get("bandwidth_m")
        ud = kernel_ud(
            track,
            rule if bandwidth is None else bandwidth,
            cell_m=options["cell_m"],
            kernel=kernel,
            mode=options.get("mode", "exact"),
        )
        return _from_ud(ud, levels, f"h {_metres(ud.estimate.parameters['bandwidth_m'])}")

    return compute


def _akde(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ctmm.intervals import chi_square_interval
    from analytics.ctmm.select import select
    from analytics.ranges.akde import autocorrelated_ud

    fitted = select(track, error_m=options["error_m"]).best
    found = autocorrelated_ud(track, fitted, options["weights"], options["cell_m"])
    areas = found.home_range(levels)
    intervals = {
        isopleth.level_percent: chi_square_interval(
            isopleth.area_km2, 2 * found.area_dof, CONFIDENCE_PERCENT
        )
        for isopleth in areas.isopleths
    }
    model = fitted.model
    scales = [_duration(tau) for tau in (model.tau_position_s, model.tau_velocity_s) if tau > 0]
    about = ", ".join([model.name, *scales])
    return RangeResult(areas, found.ud, intervals, found.area_dof, about)


def _metres(value: object) -> str:
    return f"{value:.4g} m"


def _duration(seconds: float) -> str:
    for unit, length in (("d", 86_400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


_CELL = Option("cell_m", float, "width of the grid's cells [m]; by default by the kernel")
_BANDWIDTH = Option("bandwidth_m", float, "kernel width [m]; by default by the method's rule")
_MODE = Option(
    "mode", str, "binned: many times faster from 100,000 fixes on", "exact", ("exact", "binned")
)

_ALL = (
    Method(
        "mcp",
        "minimum convex polygon: the hull around the fixes nearest to their mean",
        _mcp,
        levels_percent=(50.0, 95.0, 100.0),
    ),
    Method(
        "kde",
        "kernel density, reference bandwidth",
        _kde("reference", "normal"),
        (_BANDWIDTH, _CELL, _MODE),
    ),
    Method(
        "kde-lscv",
        "kernel density, bandwidth by least-squares cross-validation",
        _kde("lscv", "normal"),
        (_CELL, _MODE),
    ),
    Method(
        "kde-plugin",
        "kernel density, plug-in bandwidth",
        _kde("plug-in", "normal"),
        (_CELL, _MODE),
    ),
    Method(
        "kde-epanechnikov",
        "kernel density with Epanechnikov's kernel, reference bandwidth",
        _kde("reference", "epanechnikov"),
        (_BANDWIDTH, _CELL),
    ),
    Method(
        "akde",
        "autocorrelated kernel density: a movement model's, with intervals",
        _akde,
        (
            Option(
                "weights",
                str,
                "optimal: for sampling denser at some times than at others",
                "uniform",
                ("uniform", "optimal"),
            ),
            Option(
                "error_m",
                float,
                "location error in each direction [m], or file; by default none",
                choices=(FROM_FILE,),
            ),
            _CELL,
        ),
    ),
)

METHODS: Mapping[str, Method] = {each.name: each for each in _ALL}
"""All estimators by name, in the order in which they are shown."""
