"""The inner loop of gridded densities, written out in vectors.

Boxes of hills are a few cells wide. A loop over so few columns spends most of its time deciding
how to run: what the compiler makes of it took 30 ns for 10 rows of 2 vectors, this takes 12. The
vectors have 8 numbers whatever the processor; the compiler splits them where its are shorter.
"""

from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BLOCK = 8
"""Columns of one vector."""

_UNROLLED = (1, 2, 3, 4)  # vectors per row whose factors stay in registers

_INTEGER, _NUMBER = ir.IntType(64), ir.DoubleType()
_VECTOR = ir.VectorType(_NUMBER, BLOCK)
_LANES = ir.Constant(ir.VectorType(ir.IntType(32), BLOCK), [0] * BLOCK)
_ANY = ir.Constant(_VECTOR, ir.Undefined)


class _Code:
    """Writes the instructions of one call; addresses and lengths are 64-bit integers, bytes."""

    def __init__(self, builder: Any, arguments: Any) -> None:
        self.builder = builder
        self.out, self.stride, self.along_x, self.along_y = arguments[:4]
        self.peak, self.rows, self.blocks = arguments[4:]

    def vector_at(self, address: Any, block: Any) -> Any:
        bytes_on = self.builder.mul(block, _INTEGER(8 * BLOCK))
        place = self.builder.add(address, bytes_on)
        return self.builder.inttoptr(place, _VECTOR.as_pointer())

    def load(self, pointer: Any) -> Any:
        return self.builder.load(pointer, align=8)

    def scale_of_row(self, row: Any) -> Any:
        """Peak times the row's factor, in every lane."""
        place = self.builder.add(self.along_y, self.builder.mul(row, _INTEGER(8)))
        factor = self.builder.load(self.builder.inttoptr(place, _NUMBER.as_pointer()))
        scale = self.builder.fmul(factor, self.peak)
        first = self.builder.insert_element(_ANY, scale, ir.IntType(32)(0))
        return self.builder.shuffle_vector(first, _ANY, _LANES)

    def add(self, row_address: Any, block: Any, scale: Any, factors: Any) -> None:
        pointer = self.vector_at(row_address, block)
        product = self.builder.fmul(scale, factors, flags=["contract"])
        total = self.builder.fadd(self.load(pointer), product, flags=["contract"])
        self.builder.store(total, pointer, align=8)

    def rows_of(self, blocks: int | None) -> None:
        """All rows: a known number of vectors with factors in registers, or any number."""
        kept = [self.load(self.vector_at(self.along_x, _INTEGER(b))) for b in range(blocks or 0)]
        with cgutils.for_range(self.builder, self.rows) as row:
            scale = self.scale_of_row(row.index)
            address = self.builder.add(self.out, self.builder.mul(row.index, self.stride))
            for b, factors in enumerate(kept):
                self.add(address, _INTEGER(b), scale, factors)
            if blocks is None:
                with cgutils.for_range(self.builder, self.blocks) as block:
                    factors = self.load(self.vector_at(self.along_x, block.index))
                    self.add(address, block.index, scale, factors)

    def write(self) -> None:
        done = self.builder.append_basic_block("done")
        many = self.builder.append_basic_block("many")
        choice = self.builder.switch(self.blocks, many)
        for blocks in (*_UNROLLED, None):
            if blocks is None:
                self.builder.position_at_end(many)
            else:
                case = self.builder.append_basic_block(f"blocks_{blocks}")
                choice.add_case(_INTEGER(blocks), case)
                self.builder.position_at_end(case)
            self.rows_of(blocks)
            self.builder.branch(done)
        self.builder.position_at_end(done)


def _typed(
    context: Any,
    out: Any,
    stride: Any,
    along_x: Any,
    along_y: Any,
    peak: Any,
    rows: Any,
    blocks: Any,
) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _Code(builder, arguments).write()
        return context.get_dummy_value()

    integer = types.int64
    return types.void(integer, integer, integer, integer, types.float64, integer, integer), code


add_product = cast(Callable[[int, int, int, int, float, int, int], None], intrinsic(_typed))
"""Adds peak times the outer product of two factors to rows of a grid.

Arguments: address of the first number of the first row; bytes from row to row; address of the
factors of the columns; address of those of the rows; peak; number of rows; vectors of `BLOCK`
columns per row. Addresses are trusted. For compiled code only.
"""
