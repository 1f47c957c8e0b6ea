"""The one place that holds compilation options, so that all kernels are compiled alike.

No `fastmath`: it may drop infinities and NaN, which mean something here; `jit_sums` lets the
compiler do no more than add in another order. `error_model="numpy"`: a
division by zero gives infinity as in numpy and costs no branch. Machine code is cached beside the
source (or where `NUMBA_CACHE_DIR` says); `CAPRA_JIT_CACHE=0` turns the cache off, for a read-only
place or to measure compilation.
"""

import os
from collections.abc import Callable
from typing import TypeVar, cast

import numba

CACHE = os.environ.get("CAPRA_JIT_CACHE", "1") != "0"

_Function = TypeVar("_Function", bound=Callable[..., object])


def jit(function: _Function) -> _Function:
    """Returns the function compiled at its first call, with these options."""
    compiled = numba.njit(function, cache=CACHE, error_model="numpy", fastmath=False, nogil=True)
    return cast(_Function, compiled)


def jit_sums(function: _Function) -> _Function:
    """Returns `jit`, its sums taken in any order: several at a time, which is 5 times as fast."""
    anyhow = {"reassoc", "nsz", "contract"}
    compiled = numba.njit(function, cache=CACHE, error_model="numpy", fastmath=anyhow, nogil=True)
    return cast(_Function, compiled)
