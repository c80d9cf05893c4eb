"""The elementwise engine without a C compiler: what native/vm.inc does, compiled by numba when first called.

Decides nothing: programs are those of `vm`, block by block, one loop per leaf, with the same bits. Subnormals must not
be flushed in the calling thread (`worker.engine.determinism.pinned` sees to that).
"""

import math
from typing import Any, Final

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from worker.engine.exact.numbaed import CHUNK, fma
from worker.engine.exact.vm import BLOCK

_MOST: Final = np.float32(2.0**31)
_LEAST: Final = np.int32(-(2**31))
_NAN: Final = np.int32(0x7FC00000)
_jit: Final = numba.njit(nogil=True, fastmath=False, error_model="numpy", boundscheck=False)
_ONE: Final = np.int32(1)
_ZERO: Final = np.int32(0)
_carray: Final[Any] = vars(numba)["carray"]  # numba does not say that it exports it


def _pointer(_: Any, at: Any) -> Any:
    """An address as a pointer."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(types.int64), build


pointer: Final[Any] = intrinsic(_pointer)


@_jit
def _ints(at: int, count: int) -> Any:
    return _carray(pointer(at), (count,), np.int32)


@_jit
def _floats(at: int, count: int) -> Any:
    return _carray(pointer(at), (count,), np.float32)


@_jit
def _numbers(at: int, count: int) -> Any:
    return _carray(pointer(at), (count,), np.int64)


@_jit
def _arithmetic(op: int, n: int, to_at: int, a_at: int, b_at: int, c_at: int) -> None:  # noqa: C901, PLR0917
    """One loop for each float primitive."""
    to, a, b = _floats(to_at, n), _floats(a_at, n), _floats(b_at, n)
    if op == 1:
        for i in range(n):
            to[i] = a[i] + b[i]
    elif op == 2:
        for i in range(n):
            to[i] = a[i] - b[i]
    elif op == 3:
        for i in range(n):
            to[i] = a[i] * b[i]
    elif op == 4:
        for i in range(n):
            to[i] = a[i] / b[i]
    elif op == 5:
        c = _floats(c_at, n)
        for i in range(n):
            to[i] = fma(a[i], b[i], c[i])
    elif op == 6:
        for i in range(n):
            to[i] = math.sqrt(a[i])


@_jit
def _comparison(op: int, n: int, to_at: int, a_at: int, b_at: int) -> None:
    to, a, b = _ints(to_at, n), _floats(a_at, n), _floats(b_at, n)
    if op == 7:
        for i in range(n):
            to[i] = _ONE if a[i] < b[i] else _ZERO
    elif op == 8:
        for i in range(n):
            to[i] = _ONE if a[i] <= b[i] else _ZERO
    elif op == 9:
        for i in range(n):
            to[i] = _ONE if a[i] == b[i] else _ZERO


@_jit
def _words(op: int, n: int, to_at: int, a_at: int, b_at: int, c_at: int) -> None:  # noqa: C901, PLR0917
    """The leaves that move words or change what they are."""
    to, a = _ints(to_at, n), _ints(a_at, n)
    if op in {0, 14}:
        for i in range(n):
            to[i] = a[i]
    elif op == 10:
        b, c = _ints(b_at, n), _ints(c_at, n)
        for i in range(n):
            to[i] = b[i] if a[i] != 0 else c[i]
    elif op == 11:
        floats = _floats(to_at, n)
        for i in range(n):
            floats[i] = np.float32(a[i])
    elif op == 12:
        x = _floats(a_at, n)
        for i in range(n):
            to[i] = np.int32(x[i]) if -_MOST <= x[i] < _MOST else _LEAST
    elif op == 13:
        for i in range(n):
            to[i] = _NAN if a[i] & 0x7FFFFFFF > 0x7F800000 else a[i]


@_jit
def _integers(op: int, n: int, to_at: int, a_at: int, b_at: int) -> None:  # noqa: C901
    to, a, b = _ints(to_at, n), _ints(a_at, n), _ints(b_at, n)
    for i in range(n):
        x, y = np.int64(a[i]), np.int64(b[i])
        if op == 16:
            word = x + y
        elif op == 17:
            word = x - y
        elif op == 18:
            word = x * y
        elif op == 19:
            word = x & y
        elif op == 20:
            word = x | y
        elif op == 21:
            word = x ^ y
        elif op == 22:
            word = x << (y & 31)
        elif op == 23:
            word = x >> (y & 31)
        elif op == 24:
            word = np.int64(x < y)
        else:
            word = np.int64(x == y)
        to[i] = np.int32(word)


@_jit
def _apply(op: int, n: int, to: int, a: int, b: int, c: int) -> None:  # noqa: PLR0917
    if 1 <= op <= 6:
        _arithmetic(op, n, to, a, b if op != 6 else a, c)
    elif 7 <= op <= 9:
        _comparison(op, n, to, a, b)
    elif op < 16:
        _words(op, n, to, a, b, c)
    else:
        _integers(op, n, to, a, b)


@_jit
def _fill(  # noqa: PLR0917 - a compiled loop takes bare numbers
    n: int, to_at: int, from_at: int, view: Any, place: int, index_at: int, index_step: int
) -> bool:
    """Words [place, place + n) of a view; from_at 0: the indices themselves; index_at not 0: a gather."""
    to, dims, guards = _ints(to_at, n), view[0], view[1]
    fill, sizes, strides = np.int32(view[2]), view[4:], view[4 + dims :]
    index, sound = _ints(index_at, n), True
    at = np.zeros(9, np.int64)
    for back in range(dims):
        d = dims - 1 - back
        at[d] = place % sizes[d] if d > 0 else place
        place //= sizes[d]
    for i in range(n):
        linear, inside = view[3], True
        for d in range(dims):
            linear += at[d] * strides[d]
        for g in range(guards):
            guard = view[4 + 2 * dims + g * (4 + dims) :]
            t = guard[0]
            for d in range(dims):
                t += at[d] * guard[4 + d]
            if g == 0 and index_at != 0:
                t += index[i * index_step]
                if guard[4 + dims - 1] == 0:
                    sound = sound and 0 <= t < guard[2] * guard[1]
            inside = inside and t >= 0 and t % guard[1] == 0 and t // guard[1] < guard[2]
            linear += t // guard[1] * guard[3]
        if inside:
            to[i] = np.int32(linear) if from_at == 0 else _ints(from_at + 4 * linear, 1)[0]
        else:
            to[i] = fill
        d = dims - 1
        at[d] += 1
        while d > 0 and at[d] == sizes[d]:
            at[d] = 0
            d -= 1
            at[d] += 1
    return sound


@_jit
def _finite(n: int, a_at: int) -> bool:
    a, bad = _ints(a_at, n), 0
    for i in range(n):
        bad |= a[i] & 0x7F800000 == 0x7F800000
    return bad == 0


@_jit
def _block(program: Any, at: Any, splats: Any, place: int, n: int, status: Any) -> None:  # noqa: PLR0917
    for number in range(program[1]):
        step = program[4 + 4 * program[0] + 6 * number :]
        op, found = step[0], np.zeros(3, np.int64)
        for o in range(3):
            if step[3 + o] >= 0 and (o < 2 or op < 32):
                found[o] = at[step[3 + o]]
                if op < 32 and step[1] >> o & 1:
                    splats[o, :] = _ints(found[o], 1)[0]
                    found[o] = splats[o].ctypes.data
        if op < 32:
            _apply(op, n, at[step[2]], found[0], found[1], found[2])
        elif op == 102:
            if status[0] == 0 and not _finite(n, found[0]):
                status[0] = 1 + step[5]
        else:
            index_at = found[1] if op == 32 else 0
            source = 0 if op == 101 else found[0]
            if not _fill(n, at[step[2]], source, program[step[5] :], place, index_at, 1 - (step[1] >> 1 & 1)):
                status[1] = 1 + program[2]


@_jit
def run(program_at: int, bases_at: int, low: int, high: int, status_at: int) -> None:
    """Words [low, high) of a group; as exact_vm of native/vm.inc."""
    header = _numbers(program_at, 4)
    program = _numbers(program_at, 1 << 40)
    status, entries = _numbers(status_at, 2), header[0]
    scratch = np.empty((header[3] + 1, BLOCK), np.int32)
    splats = np.empty((3, BLOCK), np.int32)
    at = np.zeros(entries, np.int64)
    for place in range(low, high, BLOCK):
        for e in range(entries):
            kind, base, word = program[4 + 4 * e], program[5 + 4 * e], program[6 + 4 * e]
            if kind == 0:
                at[e] = scratch[word].ctypes.data
            elif kind == 3:
                at[e] = program_at + 8 * (7 + 4 * e)
            else:
                at[e] = _numbers(bases_at + 8 * base, 1)[0] + 4 * (word + (place if kind == 1 else 0))
        _block(program, at, splats, place, min(BLOCK, high - place), status)


@_jit
def _start(view_at: int, place: int) -> Any:
    dims = _numbers(view_at, 1)[0]
    view = _numbers(view_at, 4 + 2 * dims)
    linear = view[3]
    for back in range(dims):
        d = dims - 1 - back
        linear += (place % view[4 + d] if d > 0 else place) * view[4 + dims + d]
        place //= view[4 + d]
    return linear


@_jit
def chain(  # noqa: PLR0917 - a compiled loop takes bare numbers
    length: int, low: int, high: int, view_a: int, a: int, step_a: int,
    view_b: int, b: int, step_b: int, key: int, to: int,
) -> None:  # fmt: skip
    """Outputs [low, high) of any chain; as exact_any_chain of native/vm.inc."""
    out = _floats(to, high)
    for place in range(low, high):
        x, y = a + 4 * _start(view_a, place), b + 4 * _start(view_b, place)
        total, acc = np.float32(0.0), np.float32(0.0)
        for k in range(length):
            if k > 0 and k % CHUNK == 0:
                total = acc if k == CHUNK else total + acc
                acc = np.float32(0.0)
            right = _floats(y + 4 * k * step_b, 1)[0]
            if key == 0:
                acc = fma(_floats(x + 4 * k * step_a, 1)[0], right, acc)
            elif _ints(x + 4 * k * step_a, 1)[0] == _ints(key + 4 * place, 1)[0]:
                acc = acc + right
        out[place] = acc if length <= CHUNK else total + acc
