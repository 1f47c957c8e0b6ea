"""Which of an animal's recorded fixes are used: the regular ones, those without doubt."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.clean import Flag, Rules, flag_fixes
from analytics.sampling import BACKBONE

Floats = NDArray[np.float64]

_NAMES = {
    Flag.MISSING: "missing",
    Flag.DOP: "dilution of precision",
    Flag.DUPLICATE: "same time",
    Flag.FAR: "far off",
    Flag.SPIKE: "spike",
    Flag.SPEED: "too fast",
}


_NO_RULES = Rules()


@dataclass(frozen=True)
class Selection:
    """What is asked of fixes; by default nothing.

    Attributes:
        backbone_only: use those of the regular schedule alone.
        rules: limits beyond which fixes are flagged, and then left out.
    """

    backbone_only: bool = False
    rules: Rules = _NO_RULES

    @property
    def cleans(self) -> bool:
        """Whether any limit is set."""
        return self.rules != _NO_RULES


ALL_FIXES = Selection()


@dataclass(frozen=True, eq=False)
class Selected:
    """What became of the fixes.

    Attributes:
        keep: (n,) bool, which are used.
        left_out: how many are not, by reason, in words.
        parameters: the same and the limits, for results.
    """

    keep: NDArray[np.bool_]
    left_out: Mapping[str, int]
    parameters: Mapping[str, Any]


def select_fixes(
    wanted: Selection,
    times_s: Floats,
    x_m: Floats,
    y_m: Floats,
    reason: NDArray[Any] | None = None,
    dop: Floats | None = None,
) -> Selected:
    """Returns which fixes are used. Flags are looked for among those of the backbone, if asked.

    Args:
        wanted: what is asked.
        times_s: (n,) Unix time [s].
        x_m: (n,) position [m].
        y_m: (n,) position [m].
        reason: (n,) why each was taken; needed for `Selection.backbone_only`.
        dop: (n,) dilution of precision; needed for `Rules.max_dop`.
    """
    keep = np.ones(times_s.size, bool)
    left_out: dict[str, int] = {}
    parameters: dict[str, Any] = {}
    if wanted.backbone_only:
        assert reason is not None
        keep = np.asarray(reason == BACKBONE)
        left_out["not of the backbone"] = int((~keep).sum())
        parameters["backbone_only"] = True
    if wanted.cleans and keep.any():
        own = None if dop is None else dop[keep]
        flags = flag_fixes(times_s[keep], x_m[keep], y_m[keep], own, wanted.rules)
        counts = {Flag[name]: count for name, count in flags.counts().items() if count}
        left_out |= {f"flagged: {_NAMES[flag]}": count for flag, count in counts.items()}
        limits = asdict(wanted.rules)
        parameters["cleaning"] = {name: v for name, v in limits.items() if v is not None}
        parameters["flagged"] = {str(flag.name).lower(): n for flag, n in counts.items()}
        keep[keep] = flags.keep
    return Selected(keep, {name: n for name, n in left_out.items() if n}, parameters)
