"""What the forward pass of a model costs: floating-point operations and bytes of activations, layer by layer.

Operations are counted in the program that JAX traces, not by XLA: XLA counts the body of a loop once however often it
runs (an LSTM over 100 steps as one step), and leaves out the products of a convolution with its zero padding, so
that numbers would not be those of papers. Nothing is compiled and nothing computed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp

from ..core import jaxprs, pure, scope
from ..core.tensor import KerasTensor, Node, is_tensor, leaves, map_structure
from ..core.types import Nested

if TYPE_CHECKING:
    from jax.extend.core import Jaxpr, JaxprEqn

    from ..core.layer import Layer
    from ..model import Model


class Cost(NamedTuple):
    """Of one sample: floating-point operations of the forward pass, and the bytes of what the layers put out.

    `exact` is False where a part was counted as less than it is: loops of unknown length and kernels that JAX does not
    see into.
    """

    flops: int
    activations: int
    exact: bool = True

    def __add__(self, other: Cost) -> Cost:  # type: ignore[override]
        return Cost(self.flops + other.flops, self.activations + other.activations, self.exact and other.exact)


NOTHING = Cost(0, 0)


# --- layers ---


def calls_in(model: Layer) -> list[Node] | None:
    """The calls that make up a model, in order; None for what is no stack and no graph, or is not built."""
    graph, steps = getattr(model, "recorded_graph", None), getattr(model, "symbolic_steps", None)
    if graph is not None:
        return graph.nodes
    return None if steps is None else [leaves(after)[0].node for after in steps[1:]]


def of_model(model: Layer) -> Cost | None:
    """The cost of all its layers; None if something is not known: the model is not built, or an axis has no size."""
    calls = calls_in(model)
    return None if calls is None else _total(map(of_call, calls))


def of_layer(model: Model, layer: Layer) -> Cost | None:
    """What a layer costs in a model: of all its calls there, if it is shared."""
    calls = calls_in(model)
    return None if calls is None else _total(of_call(call) for call in calls if call.operation is layer)


def of_call(call: Node) -> Cost | None:
    """The cost of one call; None if an axis other than the batch has no size, or the layer cannot be traced."""
    inputs = [t for t in leaves((call.args, call.kwargs)) if is_tensor(t)]
    if not inputs or getattr(call.operation, "runs_on_host", False):  # strings become numbers before the program runs
        return NOTHING
    if any(None in t.shape[1:] for t in inputs):
        return None
    try:
        flops, outputs, exact = _traced(call)
    except (NotImplementedError, TypeError, ValueError):  # a layer of the user's own that wants values
        return None
    batch = inputs[0].shape[0] or 1
    inside = _activations_inside(call.operation)
    size = sum(a.size * a.dtype.itemsize for a in outputs) // batch if inside is None else inside
    return Cost(flops // batch, size, exact)


def _total(costs: Iterable[Cost | None]) -> Cost | None:
    total = NOTHING
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _activations_inside(layer: Layer) -> int | None:
    """Of a model used as a layer: the activations of its layers, the last of which are its outputs."""
    cost = of_model(layer)
    return None if cost is None else cost.activations


def _traced(call: Node) -> tuple[int, list[jax.ShapeDtypeStruct], bool]:
    """Operations, and the shapes of the outputs, for the smallest batch that is possible."""
    table = pure.keys(getattr(call.operation, "state_variables", ()))
    values = {key: jax.ShapeDtypeStruct(v.shape, v.value.dtype) for key, v in table.items()}
    given = map_structure(lambda t: _sample(t) if is_tensor(t) else t, (call.args, call.kwargs))
    arrays = [leaf for leaf in leaves(given) if isinstance(leaf, jax.ShapeDtypeStruct)]

    def run(values: dict[str, Any], arrays: list[Any]) -> Nested[jax.Array]:
        found = iter(arrays)
        args, kwargs = map_structure(lambda t: next(found) if isinstance(t, jax.ShapeDtypeStruct) else t, given)
        with scope.fresh_call():
            return pure.apply(call.operation, list(table.values()), list(values.values()), *args, **kwargs)[0]

    program, outputs = jax.make_jaxpr(run, return_shape=True)(values, arrays)
    counter = Counter()
    return counter.count(program.jaxpr), jax.tree.leaves(outputs), counter.exact


def _sample(tensor: KerasTensor) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((tensor.shape[0] or 1, *tensor.shape[1:]), jnp.dtype(tensor.dtype))


# --- programs ---


# Values are moved, chosen or renamed, but not computed.
_FREE = jaxprs.names(
    "broadcast_in_dim concatenate convert_element_type copy copy_p dynamic_slice dynamic_update_slice expand_dims"
    " gather iota optimization_barrier pad real rev reshape scatter select_n slice sort split squeeze stop_gradient"
    " transpose random_bits random_wrap random_unwrap random_seed random_fold_in bitcast_convert_type"
)
# What goes on inside cannot be counted.
_OPAQUE = jaxprs.names("custom_call ffi_call pallas_call pure_callback io_callback cholesky eigh svd lu qr")


class Counter:
    """Counts the floating-point operations of a traced program.

    A multiplication with an addition is two, any other operation on one number is one, `exp` and `tanh` as well as `+`.
    Comparisons, integers and moving data are free.
    """

    def __init__(self) -> None:
        self.exact: bool = True

    def count(self, jaxpr: Jaxpr) -> int:
        return sum(map(self._one, jaxpr.eqns))

    def _one(self, equation: Any) -> int:
        name = equation.primitive.name
        rule = _RULES.get(name)
        if rule is not None:
            return rule(self, equation)
        programs = list(jaxprs.inside(equation))
        if name in _OPAQUE:
            self.exact = False
            return 0
        if programs:  # `jit`, functions with gradients of their own, checkpoints
            return self.count(programs[0])
        computed = [v.aval for v in equation.outvars if jnp.issubdtype(v.aval.dtype, jnp.inexact)]
        return 0 if name in _FREE else sum(aval.size for aval in computed)

    def _product(self, equation: Any) -> int:
        (contracted, _), _ = equation.params["dimension_numbers"]
        left, out = equation.invars[0].aval, equation.outvars[0].aval
        return 2 * out.size * math.prod(left.shape[axis] for axis in contracted)

    def _convolution(self, equation: Any) -> int:
        kernel, out = equation.invars[1].aval, equation.outvars[0].aval
        filters = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
        return 2 * out.size * (kernel.size // filters)

    def _reduction(self, equation: Any) -> int:
        array = equation.invars[0].aval
        return array.size if jnp.issubdtype(array.dtype, jnp.inexact) else 0

    def _windows(self, equation: Any) -> int:
        return equation.outvars[0].aval.size * math.prod(equation.params["window_dimensions"])

    def _scattered(self, equation: Any) -> int:
        return equation.invars[2].aval.size

    def _fourier(self, equation: Any) -> int:
        """The customary 5 n log2 n of a complex transform, half of it for a real one."""
        points = math.prod(equation.params["fft_lengths"])
        rows = max(v.aval.size for v in (*equation.invars, *equation.outvars)) // points
        kind = 5 if equation.params["fft_type"] in (0, 1) else 2.5
        return round(rows * kind * points * math.log2(max(points, 2)))

    def _loop(self, equation: JaxprEqn) -> int:
        return equation.params["length"] * self.count(equation.params["jaxpr"].jaxpr)

    def _open_loop(self, equation: JaxprEqn) -> int:
        self.exact = False
        return self.count(equation.params["body_jaxpr"].jaxpr)

    def _branches(self, equation: JaxprEqn) -> int:
        """The dearest one; of the same operation written for several platforms, the plain one."""
        branches, platforms = equation.params["branches"], equation.params.get("branches_platforms")
        if platforms and None in platforms:
            branches = [branches[min(list(platforms).index(None), len(branches) - 1)]]
        return max(self.count(branch.jaxpr) for branch in branches)


def _by_name(names: str, rule: Callable[..., Any]) -> dict[str, Callable[..., Any]]:
    return dict.fromkeys(jaxprs.names(names), rule)


_RULES: dict[str, Callable[[Counter, Any], int]] = {
    "dot_general": Counter._product,
    "conv_general_dilated": Counter._convolution,
    **_by_name("reduce_sum reduce_max reduce_min reduce_prod argmax argmin", Counter._reduction),
    **_by_name("cumsum cumprod cummax cummin cumlogsumexp", Counter._reduction),
    **_by_name("reduce_window reduce_window_sum reduce_window_max reduce_window_min", Counter._windows),
    **_by_name("scatter_add scatter-add scatter_mul scatter_max scatter_min", Counter._scattered),
    "fft": Counter._fourier,
    "scan": Counter._loop,
    "while": Counter._open_loop,
    "cond": Counter._branches,
}
