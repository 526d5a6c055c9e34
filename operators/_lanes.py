"""Vector instructions for compiled kernels: Fourier transforms of several sequences at once, side by side in registers.

What the codelets do to numbers is traced into instructions on whole vectors, from which LLVM makes what the machine
has. Loops of scalars, left to the compiler, would not do: with arrays of many rows it cannot tell that they do not overlap.

Arrays are flat, real parts in one and imaginary parts in another, and places in them count elements. A row is one vector.
Kernels that call these do not notice when this file changes; remove the folders named ``__pycache__`` then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from ._codelets import CODELETS, Complex, conjugate, halves, joined, multiply
from ._compiled import instruction
from ._layout import VECTOR

_FLAGS = ("contract", "nsz", "reassoc")
_INDEX = ir.IntType(32)


class _Vector:
    """A vector in registers; what is done to it becomes an instruction."""

    __slots__ = ("builder", "value")

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _operand(self, other: Any) -> Any:
        if isinstance(other, _Vector):
            return other.value
        kind = self.value.type
        return ir.Constant(kind, [ir.Constant(kind.element, float(other))] * kind.count)

    def __add__(self, other: Any) -> _Vector:
        return _Vector(self.builder, self.builder.fadd(self.value, self._operand(other), flags=_FLAGS))

    def __sub__(self, other: Any) -> _Vector:
        return _Vector(self.builder, self.builder.fsub(self.value, self._operand(other), flags=_FLAGS))

    def __mul__(self, other: Any) -> _Vector:
        return _Vector(self.builder, self.builder.fmul(self.value, self._operand(other), flags=_FLAGS))

    def __neg__(self) -> _Vector:
        return _Vector(self.builder, self.builder.fneg(self.value, flags=_FLAGS))

    def shuffled(self, other: _Vector, order: Sequence[int]) -> _Vector:
        """Return the elements of this vector and the other, numbered through, in an order."""
        mask = ir.Constant(ir.VectorType(_INDEX, len(order)), [ir.Constant(_INDEX, k) for k in order])
        return _Vector(self.builder, self.builder.shuffle_vector(self.value, other.value, mask))


class _Memory:
    """Where an intrinsic reads and writes: the arrays and the places in them that it is called with."""

    def __init__(self, context: Any, builder: Any, kinds: Any, arguments: Any) -> None:
        self.builder = builder
        self.given = []
        for kind, argument in zip(kinds, arguments, strict=True):
            if isinstance(kind, types.Array):
                self.lanes, element = VECTOR * 8 // kind.dtype.bitwidth, context.get_value_type(kind.dtype)
                argument = cgutils.create_struct_proxy(kind)(context, builder, argument).data
            self.given.append(argument)
        self.row = ir.VectorType(element, self.lanes)
        # arrays begin where one of their elements may
        self.align = VECTOR // self.lanes

    def places(self, start: Any, step: Any, count: int) -> list[Any]:
        """Return so many places, a step apart."""
        return [self.builder.add(start, self.builder.mul(step, ir.Constant(step.type, k))) for k in range(count)]

    def _row(self, array: Any, place: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(array, [place]), self.row.as_pointer())

    def load(self, array: Any, place: Any) -> _Vector:
        """Return a row."""
        return _Vector(self.builder, self.builder.load(self._row(array, place), align=self.align))

    def store(self, row: Any, array: Any, place: Any) -> None:
        """Write a row."""
        self.builder.store(row.value, self._row(array, place), align=self.align)

    def load_complex(self, real: Any, imag: Any, place: Any) -> Complex:
        """Return a row of complex numbers."""
        return self.load(real, place), self.load(imag, place)

    def store_complex(self, row: Complex, real: Any, imag: Any, place: Any) -> None:
        """Write a row of complex numbers."""
        self.store(row[0], real, place)
        self.store(row[1], imag, place)

    def repeated(self, array: Any, place: Any) -> _Vector:
        """Return one number, in all lanes."""
        number = self.builder.load(self.builder.gep(array, [place]))
        alone = self.builder.insert_element(ir.Constant(self.row, ir.Undefined), number, ir.Constant(_INDEX, 0))
        vector = _Vector(self.builder, alone)
        return vector.shuffled(vector, [0] * self.lanes)


def _emitting(emit: Callable[[_Memory], None], *kinds: Any) -> Any:
    """Return the signature of an intrinsic that returns nothing, and what generates its code."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emit(_Memory(context, builder, signature.args, arguments))
        return context.get_dummy_value()

    return types.void(*kinds), generate


def _butterfly(radix: int, turned: bool) -> Any:
    @instruction
    def butterfly(context, xr, xi, i, di, yr, yi, o, do, wr, wi, w):  # type: ignore[no-untyped-def]
        def emit(memory: _Memory) -> None:
            xr, xi, i, di, yr, yi, o, do, wr, wi, w = memory.given
            results = CODELETS[radix]([memory.load_complex(xr, xi, place) for place in memory.places(i, di, radix)])
            ones = memory.places(w, ir.Constant(w.type, 1), radix - 1)
            for k, (result, place) in enumerate(zip(results, memory.places(o, do, radix), strict=True)):
                if turned and k > 0:
                    result = multiply(result, (memory.repeated(wr, ones[k - 1]), memory.repeated(wi, ones[k - 1])))
                memory.store_complex(result, yr, yi, place)

        return _emitting(emit, xr, xi, i, di, yr, yi, o, do, wr, wi, w)

    return butterfly


# transform the rows at i, i + di, … of x, turn the results but the first by the factors from w on, and write them to o, o + do, …
two, two_turned = _butterfly(2, False), _butterfly(2, True)
three, three_turned = _butterfly(3, False), _butterfly(3, True)
four, four_turned = _butterfly(4, False), _butterfly(4, True)
five, five_turned = _butterfly(5, False), _butterfly(5, True)
eight, eight_turned = _butterfly(8, False), _butterfly(8, True)


@instruction
def halve(context, zr, zi, front, back, xr, xi, o):  # type: ignore[no-untyped-def]
    """Write to neighbouring rows of x twice the spectra at k of two real sequences, from that of their pair at k and at −k."""

    def emit(memory: _Memory) -> None:
        zr, zi, front, back, xr, xi, o = memory.given
        rows = halves(memory.load_complex(zr, zi, front), memory.load_complex(zr, zi, back))
        for row, place in zip(rows, memory.places(o, ir.Constant(o.type, memory.lanes), 2), strict=True):
            memory.store_complex(row, xr, xi, place)

    return _emitting(emit, zr, zi, front, back, xr, xi, o)


@instruction
def join(context, xr, xi, i, zr, zi, front, back):  # type: ignore[no-untyped-def]
    """Write the spectrum of a pair of real sequences at k and at −k, from theirs at k in neighbouring rows of x."""

    def emit(memory: _Memory) -> None:
        xr, xi, i, zr, zi, front, back = memory.given
        places = memory.places(i, ir.Constant(i.type, memory.lanes), 2)
        at, behind = joined(*(memory.load_complex(xr, xi, place) for place in places))
        memory.store_complex(behind, zr, zi, back)
        memory.store_complex(at, zr, zi, front)

    return _emitting(emit, xr, xi, i, zr, zi, front, back)


@instruction
def transpose(context, x, i, di, y, o, do):  # type: ignore[no-untyped-def]
    """Write to y the transpose of as many rows of x as a row has lanes."""

    def emit(memory: _Memory) -> None:
        x, i, di, y, o, do = memory.given
        n = memory.lanes
        rows = [memory.load(x, place) for place in memory.places(i, di, n)]
        bit = 1
        while bit < n:
            # exchange this bit of the row's number and of the lane's
            first = [lane if not lane & bit else n + lane - bit for lane in range(n)]
            second = [lane + bit if not lane & bit else n + lane for lane in range(n)]
            for k in range(n):
                if not k & bit:
                    a, b = rows[k], rows[k + bit]
                    rows[k], rows[k + bit] = a.shuffled(b, first), a.shuffled(b, second)
            bit *= 2
        for row, place in zip(rows, memory.places(o, do, n), strict=True):
            memory.store(row, y, place)

    return _emitting(emit, x, i, di, y, o, do)


@instruction
def scale(context, xr, xi, i, s, j):  # type: ignore[no-untyped-def]
    """Multiply a row of complex numbers by one of real numbers."""

    def emit(memory: _Memory) -> None:
        xr, xi, i, s, j = memory.given
        factor = memory.load(s, j)
        memory.store_complex((memory.load(xr, i) * factor, memory.load(xi, i) * factor), xr, xi, i)

    return _emitting(emit, xr, xi, i, s, j)


@instruction
def turn(context, xr, xi, i, sr, si, j):  # type: ignore[no-untyped-def]
    """Multiply a row of complex numbers by another."""

    def emit(memory: _Memory) -> None:
        xr, xi, i, sr, si, j = memory.given
        memory.store_complex(multiply(memory.load_complex(xr, xi, i), memory.load_complex(sr, si, j)), xr, xi, i)

    return _emitting(emit, xr, xi, i, sr, si, j)


@instruction
def turn_back(context, xr, xi, i, sr, si, j):  # type: ignore[no-untyped-def]
    """Multiply a row of complex numbers by the conjugate of another."""

    def emit(memory: _Memory) -> None:
        xr, xi, i, sr, si, j = memory.given
        factor = conjugate(memory.load_complex(sr, si, j))
        memory.store_complex(multiply(memory.load_complex(xr, xi, i), factor), xr, xi, i)

    return _emitting(emit, xr, xi, i, sr, si, j)


@instruction
def solve(context, xr, xi, zr, zi, i, sr, hr, hi, j):  # type: ignore[no-untyped-def]
    """Replace rows x by s (x + h̄ z) and z by h times that."""

    def emit(memory: _Memory) -> None:
        xr, xi, zr, zi, i, s, hr, hi, j = memory.given
        h, factor = memory.load_complex(hr, hi, j), memory.load(s, j)
        behind = multiply(memory.load_complex(zr, zi, i), conjugate(h))
        x = (memory.load(xr, i) + behind[0]) * factor, (memory.load(xi, i) + behind[1]) * factor
        memory.store_complex(x, xr, xi, i)
        memory.store_complex(multiply(x, h), zr, zi, i)

    return _emitting(emit, xr, xi, zr, zi, i, sr, hr, hi, j)
