"""Choosing among movement models by how well they would fit anew: AICc."""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from analytics.ctmm.fit import FittedModel, Method, fit_to
from analytics.ctmm.likelihood import Likelihood
from analytics.ctmm.model import Process
from analytics.errors import FitError, NoRangeError
from analytics.steps import tell
from analytics.track import Track, check_spread

PROCESSES: tuple[Process, ...] = ("IID", "OU", "OUf", "OUF")


@dataclass(frozen=True, eq=False)
class Selection:
    """Fitted models, best first.

    Attributes:
        candidates: those that could be fitted, by ascending AICc.
        refused: name of each other model and why.
    """

    candidates: tuple[FittedModel, ...]
    refused: dict[str, str]

    @property
    def best(self) -> FittedModel:
        """The model with the smallest AICc."""
        return self.candidates[0]

    @property
    def delta_aicc(self) -> dict[str, float]:
        """How much worse each model is than the best, by its name."""
        return {c.model.name: c.aicc - self.best.aicc for c in self.candidates}


def select(
    track: Track,
    processes: Sequence[Process] = PROCESSES,
    method: Method = "pHREML",
    error_m: ArrayLike | None = None,
) -> Selection:
    """Returns isotropic and anisotropic models of every process, the one of smallest AICc first.

    Args:
        track: at least 5 fixes, not all on one line.
        processes: which to try.
        method: as in `analytics.ctmm.fit.fit`.
        error_m: as in `analytics.ctmm.fit.fit`.

    Raises:
        TrackError: too few fixes, or fixes without spread.
        ParameterError: as `analytics.ctmm.fit.fit`.
        FitError: none of the models could be fitted.
        NoRangeError: a model of an animal that did not stay is better than all that could.

    Source: Fleming et al. 2014, doi:10.1086/675504.
    """
    check_spread(track)
    likelihood = Likelihood.of(track, error_m)
    candidates, refused, leaving = [], {}, []
    for number, process in enumerate(processes):
        for isotropic in (True, False):
            tell(2 * number + (not isotropic), 2 * len(processes), "movement models")
            try:
                candidates.append(fit_to(likelihood, track, process, isotropic, method))
            except FitError as error:
                refused[error.model] = error.reason
                leaving += [error] if isinstance(error, NoRangeError) else []
    if leaving:
        away = min(leaving, key=lambda error: error.aicc)
        if all(away.aicc < candidate.aicc for candidate in candidates):
            raise away
    if not candidates:
        reasons = "; ".join(f"{model}: {reason}" for model, reason in refused.items())
        raise FitError("any model", reasons or "no process was given")
    return Selection(tuple(sorted(candidates, key=lambda c: c.aicc)), refused)
