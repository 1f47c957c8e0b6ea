import math

import numpy as np
import pytest

from analytics.ctmm.model import MovementModel
from analytics.errors import ParameterError

HOUR_S = 3600.0
KINDS = {
    "IID": (0.0, 0.0),
    "OU": (9 * HOUR_S, 0.0),
    "OUf": (9 * HOUR_S, 9 * HOUR_S),
    "OUF": (90 * HOUR_S, HOUR_S),
}


def model(kind="OUF", **changes):
    position_s, velocity_s = KINDS[kind]
    given = {"major_m2": 4e6, "minor_m2": 1e6, "angle_rad": 0.7} | changes
    return MovementModel(position_s, velocity_s, **given)


@pytest.mark.parametrize("kind", KINDS)
def test_name_follows_from_time_scales(kind):
    assert model(kind).name == f"{kind} anisotropic"
    assert model(kind, minor_m2=4e6, isotropic=True).name == kind


def test_covariance_has_its_variances_along_the_angle():
    along = np.array([math.cos(0.7), math.sin(0.7)])
    across = np.array([-along[1], along[0]])
    covariance = model().covariance_m2
    assert along @ covariance @ along == pytest.approx(4e6)
    assert across @ covariance @ across == pytest.approx(1e6)
    assert along @ covariance @ across == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_autocorrelation_falls_from_one_to_zero(kind):
    values = model(kind).autocorrelation(HOUR_S * np.arange(2000))
    assert values[0] == 1
    assert (np.diff(values) <= 0).all()
    assert values[-1] < 1e-6


def test_autocorrelation_with_a_velocity_starts_flat():
    position_s, velocity_s = KINDS["OUF"]
    lag = 1e-4 * velocity_s
    fall = 1 - model().autocorrelation(lag)
    assert fall == pytest.approx(lag**2 / (2 * position_s * velocity_s), rel=1e-3)


def test_one_time_scale_is_the_limit_of_two():
    lags, near = HOUR_S * np.arange(50), MovementModel(9e4, 9e4 * (1 - 1e-5), 1.0, 1.0)
    limit = MovementModel(9e4, 9e4, 1.0, 1.0)
    np.testing.assert_allclose(near.autocorrelation(lags), limit.autocorrelation(lags), rtol=1e-4)


def test_semivariance_ends_at_the_mean_variance():
    assert model().semivariance_m2(1e9) == pytest.approx(2.5e6)


def test_gaussian_area_holds_its_level():
    points = np.random.default_rng(1).multivariate_normal((0, 0), model().covariance_m2, 100_000)
    radius = np.einsum("ni,ij,nj->n", points, np.linalg.inv(model().covariance_m2), points)
    ellipse_km2 = math.pi * math.sqrt(4e6 * 1e6) * np.quantile(radius, 0.95) / 1e6
    assert model().gaussian_area_km2(95) == pytest.approx(ellipse_km2, rel=0.02)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau_position_s", -1.0),
        ("tau_position_s", math.nan),
        ("tau_velocity_s", 91 * HOUR_S),
        ("major_m2", 0.0),
        ("minor_m2", 5e6),
        ("angle_rad", math.inf),
        ("mean_x_m", math.nan),
    ],
)
def test_impossible_parameter_is_named(name, value):
    given = {
        "tau_position_s": 90 * HOUR_S,
        "tau_velocity_s": HOUR_S,
        "major_m2": 4e6,
        "minor_m2": 1e6,
    }
    with pytest.raises(ParameterError) as caught:
        MovementModel(**(given | {name: value}))
    assert caught.value.name == name


def test_isotropic_model_with_two_variances_is_refused():
    with pytest.raises(ParameterError, match="minor_m2"):
        model(isotropic=True)
