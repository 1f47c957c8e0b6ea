"""Continuous-time movement models: how an animal's positions hang together in time.

Three stationary processes and their anisotropic forms: independent positions (IID), an animal
drawn back to its range (OU, Ornstein-Uhlenbeck), and the same with a velocity that lasts (OUF;
OUf where both time scales are one). A fitted model turns autocorrelated fixes into a home range
with an honest interval (`analytics.ranges.akde`).

The way through it::

    empirical = variogram(track)                    # analytics.ctmm.variogram
    selection = select(track)                       # analytics.ctmm.select
    fitted = selection.best                         # analytics.ctmm.fit.FittedModel
    fitted.intervals()["tau_position_s"]
    krige(track, fitted, times_s)                   # analytics.ctmm.krige

Sources: Fleming et al. 2014, doi:10.1086/675504 (models, semivariance); Fleming et al. 2019,
doi:10.1111/2041-210X.13270 (small samples).
"""
