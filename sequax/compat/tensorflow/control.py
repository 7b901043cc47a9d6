"""Loops, branches and prints of TensorFlow: Python's own where values are at hand, JAX' where a function is traced."""

from __future__ import annotations

import builtins
import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, SupportsInt, TextIO

import jax
import jax.numpy as jnp
import numpy as np

from ...core import scope
from ...core.types import ArrayLike, DTypeLike
from ...core.variable import Variable
from .arrays import stack
from .member import Member
from .values import AnyTensor, StringTensor, bytes_of, tensor


def print(
    *inputs: Any,
    output_stream: TextIO | None = None,
    summarize: int = 3,
    sep: str = " ",
    end: str = "\n",
    **options: object,
) -> None:
    """Print values, when they are computed, to stderr."""
    flat, structure = jax.tree.flatten([jax.tree.map(_text, _plain(one)) for one in inputs])
    moving = [i for i, one in enumerate(flat) if isinstance(one, jax.Array)]

    def show(*arrays: jax.Array) -> None:
        filled = list(flat)
        for i, one in zip(moving, arrays, strict=True):
            filled[i] = _Shown(np.asarray(one), summarize)
        stream = output_stream if hasattr(output_stream, "write") else sys.stderr
        builtins.print(*jax.tree.unflatten(structure, filled), sep=sep, end=end, file=stream)

    if any(isinstance(one, jax.core.Tracer) for one in flat):
        jax.debug.callback(show, *(flat[i] for i in moving))
    else:
        show(*(flat[i] for i in moving))


class _Shown:
    """A value in a structure that is printed."""

    def __init__(self, array: np.ndarray, edge: int):
        self.array, self.edge = array, edge

    def __repr__(self) -> str:
        edge = self.edge if self.edge >= 0 else self.array.size
        how: Any = {"float_kind": lambda value: f"{value:.7g}"}
        return np.array2string(self.array, threshold=2 * edge, edgeitems=edge, separator=" ", formatter=how)


def _plain(value: object) -> Any:
    return jax.tree.map(lambda one: one.value if isinstance(one, Variable) else one, value)


def _text(value: object) -> Any:
    """A text without the marks of a tensor."""
    if not isinstance(value, StringTensor):
        return value
    return bytes_of(value).decode(errors="replace") if value.ndim == 0 else [_text(one) for one in value]


def cond(
    pred: Any,
    true_fn: Callable[[], Any] | None = None,
    false_fn: Callable[[], Any] | None = None,
    name: object = None,
    **old: Callable[[], Any],
) -> Any:
    """What one of two functions without arguments returns; both may assign variables."""
    true_fn, false_fn = true_fn or old.get("fn1"), false_fn or old.get("fn2")  # TensorFlow 1's names
    assert true_fn is not None and false_fn is not None
    pred = _plain(pred)
    if not isinstance(pred, jax.core.Tracer):
        return true_fn() if bool(pred) else false_fn()
    return _branched(jnp.where(pred, 1, 0), [false_fn, true_fn])


def switch_case(
    branch_index: Any, branch_fns: Any, default: Callable[[], Any] | None = None, name: object = None
) -> Any:
    """What one of several functions returns; any other index gives the default, or the last one."""
    pairs = dict(branch_fns) if not callable(next(iter(branch_fns), None)) else dict(enumerate(branch_fns))
    numbers = sorted(pairs)
    functions = [*(pairs[n] for n in numbers), default or pairs[numbers[-1]]]
    index = _plain(branch_index)
    if not isinstance(index, jax.core.Tracer):
        return pairs.get(int(index), functions[-1])()
    table = jnp.asarray(numbers)
    position = jnp.where(jnp.any(table == index), jnp.argmax(table == index), len(numbers))
    return _branched(position, functions)


def case(
    pred_fn_pairs: Mapping[Any, Callable[[], Any]] | Sequence[tuple[Any, Callable[[], Any]]],
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: object = None,
) -> Any:
    """What the function of the first true condition returns."""
    pairs = list(pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs)
    (pred, function), rest = pairs[0], pairs[1:]
    otherwise = (lambda: case(rest, default)) if rest else (default or function)
    return cond(pred, function, otherwise)


def _branched(index: jax.Array, functions: Sequence[Callable[[], Any]]) -> Any:
    """One of several functions, in a trace; what they assign comes out beside the result."""
    frame = scope.frame()

    def inside(function: Callable[[], Any]) -> tuple[Any, scope.Frame]:
        inner = scope.Frame([], [], strict=False, outer=frame)
        with scope.framed(inner):
            return jax.tree.map(jnp.asarray, _plain(function())), inner

    assigned: dict[int, Variable] = {}

    def look(function: Callable[[], Any]) -> Any:
        result, inner = inside(function)
        assigned.update(inner.assigned)
        return result

    for function in functions:
        jax.eval_shape(lambda f=function: look(f))
    table = list(assigned.values())

    def branch(function: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            result, inner = inside(function)
            return result, [inner.values.get(id(v), v.stored) for v in table]

        return run

    result, values = jax.lax.switch(index, [branch(function) for function in functions])
    for variable, value in zip(table, values, strict=True):
        variable.assign(value)
    return result


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Any,
    *args: object,
    maximum_iterations: int | jax.Array | None = None,
    **options: object,
) -> Any:
    """Repeat `body(*loop_vars) -> loop_vars` as long as `cond(*loop_vars)` is true."""
    values = jax.tree.map(jnp.asarray, _plain(loop_vars))
    kind = type(loop_vars)

    def again(values: Any) -> Any:
        found = body(*values)
        found = found if isinstance(found, (list, tuple)) else [found]
        return kind(jax.tree.map(lambda new, old: jnp.asarray(new, old.dtype), _plain(one), was)
                    for one, was in zip(found, values, strict=True))  # fmt: skip

    count = 0
    while maximum_iterations is None or count < maximum_iterations:
        going = _plain(cond(*values))
        if isinstance(going, jax.core.Tracer):
            if maximum_iterations is not None:
                _, values = jax.lax.while_loop(
                    lambda carry: (carry[0] < maximum_iterations) & jnp.asarray(_plain(cond(*carry[1]))),
                    lambda carry: (carry[0] + 1, again(carry[1])),
                    (jnp.asarray(count), values),
                )
                return values
            return jax.lax.while_loop(lambda inner: jnp.asarray(_plain(cond(*inner))), again, values)
        if not bool(going):
            break
        values, count = again(values), count + 1
    return values


def map_fn(fn: Callable[..., Any], elems: Any, *args: object, **options: object) -> Any:
    """A function on each row, the results stacked."""
    elems = jax.tree.map(tensor, _plain(elems))
    if any(isinstance(one, jax.core.Tracer) for one in jax.tree.leaves(elems)):
        return jax.lax.map(lambda row: jax.tree.map(tensor, fn(row)), elems)
    rows = len(jax.tree.leaves(elems)[0])
    found = [jax.tree.map(tensor, fn(jax.tree.map(lambda one, i=i: one[i], elems))) for i in range(rows)]
    return jax.tree.map(lambda *several: stack(list(several)), *found)


def vectorized_map(fn: Callable[..., Any], elems: Any, *args: object, **options: object) -> Any:
    """A function on all rows at once."""
    return jax.vmap(lambda row: jax.tree.map(tensor, fn(row)))(jax.tree.map(tensor, _plain(elems)))


def scan(
    fn: Callable[..., Any], elems: Any, initializer: Any = None, *args: object, reverse: bool = False, **options: object
) -> Any:
    """All values of `value = fn(value, row)`, stacked; without an initializer, the first row begins."""
    found = _folded(fn, elems, initializer, reverse)
    return jax.tree.map(lambda *several: jnp.stack(several), *(found[::-1] if reverse else found))


def foldl(fn: Callable[..., Any], elems: Any, initializer: Any = None, *args: object, **options: object) -> Any:
    """The last value of `value = fn(value, row)`."""
    return _folded(fn, elems, initializer, False)[-1]


def foldr(fn: Callable[..., Any], elems: Any, initializer: Any = None, *args: object, **options: object) -> Any:
    """As `foldl`, from the last row on."""
    return _folded(fn, elems, initializer, True)[-1]


def _folded(fn: Callable[..., Any], elems: Any, initializer: Any, reverse: bool) -> list[Any]:
    elems = jax.tree.map(tensor, _plain(elems))
    count = len(jax.tree.leaves(elems)[0])
    rows = [jax.tree.map(lambda one, i=i: one[i], elems) for i in range(count)]
    rows = rows[::-1] if reverse else rows
    value, found = initializer, []
    if value is None:
        value, rows = rows[0], rows[1:]
        found.append(value)
    for row in rows:
        value = fn(value, row)
        found.append(value)
    return found


class TensorArray:
    """A list of tensors; `write` returns the list.

    Args:
        dtype: of `stack`.
        size: how many there are at first.
    """

    def __init__(self, dtype: DTypeLike = "float32", size: SupportsInt = 0, *args: object, **options: object):
        self.dtype = dtype
        self._items: list[Any] = [None] * int(size or 0)

    def write(self, index: SupportsInt, value: ArrayLike, name: object = None) -> TensorArray:
        place = int(index)
        self._items += [None] * (place + 1 - len(self._items))
        self._items[place] = tensor(_plain(value), self.dtype)
        return self

    def read(self, index: SupportsInt, name: object = None) -> AnyTensor:
        return self._filled()[int(index)]

    def _filled(self) -> list[Any]:
        like = next((one for one in self._items if one is not None), tensor(0, self.dtype))
        return [jnp.zeros_like(like) if one is None else one for one in self._items]

    def stack(self, name: object = None) -> AnyTensor:
        if self.dtype == "string":
            return StringTensor(np.stack(self._items))
        items = self._filled()
        return jnp.stack(items) if items else tensor([], self.dtype)

    def concat(self, name: object = None) -> jax.Array:
        return jnp.concatenate(self._filled())

    def gather(self, indices: ArrayLike, name: object = None) -> AnyTensor:
        return self.stack()[jnp.asarray(indices)]

    def scatter(self, indices: ArrayLike, value: ArrayLike, name: object = None) -> TensorArray:
        for index, one in zip(np.asarray(indices).tolist(), jnp.asarray(_plain(value)), strict=True):
            self.write(index, one)
        return self

    def split(self, value: ArrayLike, lengths: ArrayLike, name: object = None) -> TensorArray:
        ends = np.cumsum(np.asarray(lengths))[:-1].tolist()
        self._items = list(jnp.split(jnp.asarray(_plain(value)), ends))
        return self

    def identity(self) -> TensorArray:
        return self

    def unstack(self, value: ArrayLike, name: object = None) -> TensorArray:
        self._items = list(jnp.asarray(_plain(value)))
        return self

    def size(self, name: object = None) -> jax.Array:
        return jnp.asarray(len(self._items))


@contextlib.contextmanager
def name_scope(name: object = None, *args: object, **options: object) -> Iterator[str]:
    """A context that names nothing here."""
    yield f"{name}/"


MEMBERS: dict[str, Member] = {
    **{
        one.__name__: Member(one)
        for one in (print, cond, switch_case, case, while_loop, map_fn, vectorized_map, scan, foldl, foldr, TensorArray)
    },
    "name_scope": Member(name_scope),
    "no_op": Member(lambda name=None: None),
    "group": Member(lambda *inputs, **options: None),
}
