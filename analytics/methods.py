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

MethodName = Literal[
    "mcp",
    "kde",
    "kde-lscv",
    "kde-plugin",
    "kde-epanechnikov",
    "locoh-k",
    "locoh-r",
    "locoh-a",
    "bridge",
    "dynamic-bridge",
    "biased-bridge",
    "etd",
    "akde",
]

DEFAULT_METHOD: MethodName = "akde"
"""What is estimated unless something else is asked for, by command line and API alike: the one
method here that takes fixes for what they are, autocorrelated, and says how sure it is. Kernel
densities and hulls of such fixes come out too small, and bridges tell of the time observed.
"""

Options = Mapping[str, Any]
"""Values of options by name; `error_m` may be an array with a value per fix."""

FROM_FILE = "file"
"""Value of `error_m`: as the track's source states it for each fix (`Track.error`)."""

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
        if self.kind is int and isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one kind of number
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
        density: whether it makes one; else it works on the fixes alone.
    """

    name: str
    help: str
    compute: Callable[[Track, Sequence[float], Options], RangeResult]
    options: tuple[Option, ...] = ()
    levels_percent: tuple[float, ...] = (50.0, 95.0)
    density: bool = True

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

        Warns:
            TriggeredSamplingWarning: see `analytics.sampling.warn_of_sampling`; not with optimal
                weights, which even dense times out.

        Args:
            track: the fixes.
            levels_percent: the isopleths; by default those of the method.
            options: by name.

        Raises:
            ParameterError: as `complete`, or from the estimator.
            AnalyticsError: from the estimator.
        """
        from analytics.sampling import warn_of_sampling

        values = self.complete(options)
        if isinstance(values.get("error_m"), str):
            values["error_m"] = stated_errors(track)
        if values.get("weights") != "optimal":
            warn_of_sampling(track)
        levels = self.levels_percent if levels_percent is None else levels_percent
        return self.compute(track, levels, values)


def stated_errors(track: Track) -> Any:
    """Returns the location errors that the track's source states [m], in each direction."""
    if track.error is None:
        expected = "a number of metres: the track's source states no location error"
        raise ParameterError("error_m", FROM_FILE, expected)
    errors = track.error.axis_m
    if wrong := int((~(errors > 0)).sum()):
        expected = f"an error above 0 for every fix: {wrong} of {errors.size} have none"
        raise ParameterError("error_m", FROM_FILE, expected)
    return errors


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


def _locoh(rule: Literal["k", "r_m", "a_m"]) -> Callable[..., RangeResult]:
    def compute(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
        from analytics.ranges.locoh import local_convex_hull

        value = options[rule]
        if value is None or isinstance(value, str):
            value = _neighbourhood(track, rule, value)
        found = local_convex_hull(track, levels_percent=levels, **{rule: value})
        name, unit = rule.removesuffix("_m"), "" if rule == "k" else " m"
        return RangeResult(found, about=f"{name} {value:.4g}{unit}")

    return compute


def _neighbourhood(track: Track, rule: Literal["k", "r_m", "a_m"], word: str | None) -> float:
    """Returns the size of neighbourhoods to begin with.

    For k and a the paper's. Its r, half of the largest distance to a nearest neighbour, leaves
    places without a hull and hangs on the one fix farthest out, and so does the least radius with
    which every place has a hull. By default here 95 % of places have one: a few fixes far out
    change nothing, and the 95 % level is reached.

    Source: Getz et al. 2007, doi:10.1371/journal.pone.0000207.
    """
    import numpy as np
    from scipy.spatial import KDTree
    from scipy.spatial.distance import pdist
    from shapely import MultiPoint, get_coordinates

    from analytics.track import check_spread

    check_spread(track)
    places = np.unique(np.column_stack((track.x_m, track.y_m)), axis=0)
    if rule == "k":
        return max(3, round(math.sqrt(len(places))))
    if rule == "a_m":
        corners = get_coordinates(MultiPoint(places).convex_hull)
        return float(pdist(corners).max())
    distances = KDTree(places).query(places, 3)[0]
    if word == "getz":
        return float(distances[:, 1].max()) / 2
    part = 100.0 if word == "all" else 95.0
    return float(np.percentile(distances[:, 2], part, method="higher"))


def _bridge(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ranges.bridges import brownian_bridge_ud

    ud = brownian_bridge_ud(track, **options)
    variance = ud.estimate.parameters["motion_variance_m2_per_s"]
    return _from_ud(ud, levels, f"motion variance {variance:.4g} m²/s")


def _dynamic_bridge(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ranges.dynamic_bridge import dynamic_bridge_ud

    ud = dynamic_bridge_ud(track, **options)
    variance = ud.estimate.parameters["mean_motion_variance_m2_per_s"]
    return _from_ud(ud, levels, f"mean motion variance {variance:.4g} m²/s")


def _biased_bridge(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ranges.biased_bridge import biased_bridge_ud

    ud = biased_bridge_ud(track, **options)
    return _from_ud(ud, levels, f"D {ud.estimate.parameters['diffusion_m2_per_s']:.4g} m²/s")


def _etd(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ranges.etd import elliptical_ud

    ud = elliptical_ud(track, **options)
    return _from_ud(ud, levels, f"up to {ud.estimate.parameters['highest_mps']:.3g} m/s")


def _akde(track: Track, levels: Sequence[float], options: Options) -> RangeResult:
    from analytics.ctmm.select import select
    from analytics.ranges.akde import area_interval, autocorrelated_ud
    from analytics.ranges.akde_bootstrap import bootstrap_areas
    from analytics.steps import part

    kind = options["interval"]
    density = 0.3 if kind == "bootstrap" else 1.0
    with part(0, density / 2):
        fitted = select(track, error_m=options["error_m"]).best
    with part(density / 2, density, "density"):
        found = autocorrelated_ud(track, fitted, options["weights"], options["cell_m"])
        areas = found.home_range(levels)
    if kind == "bootstrap":
        with part(density, 1):
            drawn = bootstrap_areas(
                track, found, levels, CONFIDENCE_PERCENT, options["replicates"]
            )
        intervals = {level: one.area_km2 for level, one in drawn.items()}
    else:
        intervals = {
            one.level_percent: area_interval(
                one.area_km2, found.area_dof, CONFIDENCE_PERCENT, kind
            )
            for one in areas.isopleths
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

_ERROR = Option(
    "error_m",
    float,
    "standard deviation of a fix in each direction [m], or file: as it says for each fix",
    FROM_FILE,
    (FROM_FILE,),
)
_GAP = Option("max_gap_s", float, "steps that take longer are left out [s]; by default none")
_MCP = "minimum convex polygon: the hull around the fixes nearest to their mean"
_K = Option("k", int, "places in each hull; by default the root of their number")
_R = Option(
    "r_m",
    float,
    "radius [m]; by default 95 % of places have two others within; all: each has; getz: half of "
    "the largest distance to a neighbour, as in the paper",
    choices=("all", "getz"),
)
_A = Option("a_m", float, "sum of distances [m]; by default the largest between two fixes")
_BRIDGE_OPTIONS = (
    _ERROR,
    Option(
        "motion_variance_m2_per_s",
        float,
        "growth of the variance [m2/s]",
        "likelihood",
        ("likelihood",),
    ),
    _GAP,
    _CELL,
)
_DYNAMIC_OPTIONS = (
    _ERROR,
    Option("window", int, "fixes in each window, odd", 31),
    Option("margin", int, "fixes at its ends without a break, odd", 11),
    _GAP,
    _CELL,
)
_BIASED_OPTIONS = (
    Option("relocation_sd_m", float, "standard deviation at a fix [m]", required=True),
    Option("max_gap_s", float, "steps that take longer are left out [s]", required=True),
    Option("shortest_step_m", float, "shorter steps are rest [m]", 0.0),
    Option("diffusion_m2_per_s", float, "diffusion [m2/s]", "estimate", ("estimate",)),
    _CELL,
)
_ETD_OPTIONS = (
    Option("highest_mps", float, "no place is reached faster [m/s]; by default by the track"),
    _GAP,
    _CELL,
)
_AKDE_OPTIONS = (
    Option(
        "weights",
        str,
        "optimal: for sampling denser at some times than at others",
        "uniform",
        ("uniform", "optimal"),
    ),
    Option(
        "interval",
        str,
        "calibrated: holds the truth as often as it says; chi-square: ctmm's numbers, holds it "
        "less often; bootstrap: calibrated on tracks drawn from this model, takes seconds, with "
        "optimal weights minutes",
        "calibrated",
        ("calibrated", "chi-square", "bootstrap"),
    ),
    Option("replicates", int, "tracks drawn for the bootstrap", 200),
    Option("error_m", float, f"{_ERROR.help}; by default none", choices=(FROM_FILE,)),
    _CELL,
)

_ALL = (
    Method("mcp", _MCP, _mcp, levels_percent=(50.0, 95.0, 100.0), density=False),
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
    Method("locoh-k", "local convex hulls of k neighbours", _locoh("k"), (_K,), density=False),
    Method("locoh-r", "local convex hulls within a radius", _locoh("r_m"), (_R,), density=False),
    Method(
        "locoh-a",
        "local convex hulls, wide where fixes are few",
        _locoh("a_m"),
        (_A,),
        density=False,
    ),
    Method("bridge", "Brownian bridges between fixes", _bridge, _BRIDGE_OPTIONS),
    Method(
        "dynamic-bridge",
        "Brownian bridges as wide as the animal was erratic at the time",
        _dynamic_bridge,
        _DYNAMIC_OPTIONS,
    ),
    Method(
        "biased-bridge",
        "biased random bridges: use of space while active",
        _biased_bridge,
        _BIASED_OPTIONS,
    ),
    Method("etd", "elliptical time density, from the speeds it can reach", _etd, _ETD_OPTIONS),
    Method(
        "akde",
        "autocorrelated kernel density: a movement model's, with intervals",
        _akde,
        _AKDE_OPTIONS,
    ),
)

METHODS: Mapping[str, Method] = {each.name: each for each in _ALL}
"""All estimators by name, in the order in which they are shown."""
