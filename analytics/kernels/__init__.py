"""Compiled loops over scalars and arrays; they trust their arguments, import numpy and numba."""
