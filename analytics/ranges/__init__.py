"""Home ranges: one estimator of a utilization distribution per file, one reader (isopleth).

To add an estimator: a kernel in `analytics.kernels`, a slow oracle in `tests/oracles.py`, a
public function here that returns `UtilizationDistribution`, and in its tests invariances and one
result of another program.
"""
