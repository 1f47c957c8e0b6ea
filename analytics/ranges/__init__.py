"""Home ranges: one estimator per file, and one reader of densities (isopleth).

Most estimators return a `UtilizationDistribution`, which `isopleth` turns into areas; those that
work on the fixes themselves (mcp, locoh) return a `HomeRange` at once, without areas by grid.

To add an estimator: a kernel in `analytics.kernels`, a slow oracle in `tests/analytics`, a public
function here that returns one of the two, and in its tests invariances, bad input and one result
of another program.
"""
