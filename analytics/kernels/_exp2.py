"""2^z as a polynomial, in a form that the compiler turns into vector code.

numba's `exp` calls the C library once per value: no loop that holds it is vectorised (measured: 10
times slower than this).
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from analytics.kernels._jit import jit

_ROUND = 1.5 * 2.0**52
"""Added to a small number, leaves its nearest integer in the low bits of the sum."""

LOWEST = -200.0
"""Smallest exponent: squares of 2^-200 are still normal numbers, which cost no extra time."""


def _reinterpreted(typing_context: Any, value: Any) -> Any:
    """Types and compiles the same 64 bits read as a float, or those of a float as an integer."""
    to_float = value == types.int64
    kind = ir.DoubleType() if to_float else ir.IntType(64)

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], kind)

    return (types.float64(types.int64) if to_float else types.int64(types.float64)), code


def _fused(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Types and compiles a b + c, rounded once where the processor can."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b, c = arguments
        return builder.fadd(builder.fmul(a, b, flags=["contract"]), c, flags=["contract"])

    number = types.float64
    return number(number, number, number), code


_as_float = cast(Callable[[int], float], intrinsic(_reinterpreted))
_as_bits = cast(Callable[[float], int], intrinsic(_reinterpreted))
multiply_add = cast(Callable[[float, float, float], float], intrinsic(_fused))
"""Returns a b + c; numba by itself never fuses the two (a third of the time of `exp2`)."""


@jit
def exp2(z: float) -> float:
    """Returns 2^z for z of `LOWEST`..1000, to 2e-9 relative; smaller z count as `LOWEST`.

    The integer part goes into the exponent's bits; the rest, -0.5..0.5, into the polynomial of
    degree 6 with the smallest largest relative error there (fitted by reweighted least squares).
    """
    z = max(z, LOWEST)
    shifted = z + _ROUND
    q = z - (shifted - _ROUND)
    series = multiply_add(q, 0.00015345802130972523, 0.0013399931139584340)
    series = multiply_add(q, series, 0.009618488993814248)
    series = multiply_add(q, series, 0.05550328777213077)
    series = multiply_add(q, series, 0.2402264689029503)
    series = multiply_add(q, series, 0.6931472057371133)
    series = multiply_add(q, series, 1.0000000005542116)
    return series * _as_float((_as_bits(shifted) + 1023) << 52)
