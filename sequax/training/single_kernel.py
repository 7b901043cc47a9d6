"""Loops of tiny models as one kernel.

XLA runs a program on a CPU operation by operation, and starting one takes half a microsecond to two: that, not
arithmetic, is a step of a tiny model. What XLA finds in a call that is marked as small it compiles into one function
of machine code, loops included: a step of 768 x 8 numbers, batch 10, takes 2 us in place of 6 to 10
(`python -m benchmarks tabular`). Such a function runs on one core, and large products are slow in it, so this is for
steps that are small in every part.

XLA ends the process if it meets such a call within another, or one that does not use all of its arguments. It marks
loops whose steps touch less than a kilobyte by itself. Therefore steps that hold loops, or would, stay as they are
(`_PLAIN`), each step touches more than that (`_BALLAST`), and all arguments are used (`_alive`). Only versions of XLA
are asked with which the whole test suite has run (`compiled.VERSIONS`), on processors on which it has; and
`SEQUAX_SINGLE_KERNEL=off` turns all of it off.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental.xla_metadata import set_xla_metadata

from ..core import jaxprs, placement
from ..core.types import Tensor
from . import compiled

if TYPE_CHECKING:
    from jax.extend.core import Jaxpr

_PROCESSORS = {"x86_64", "AMD64"}
_MARK = {"xla_cpu_small_call": "true", "inlineable": "false"}
# XLA would hand products to a library, which cannot be called from within a kernel.
_OPTIONS = {"xla_cpu_experimental_ynn_fusion_type": "", "xla_disable_hlo_passes": ""}
_BALLAST = 512  # int32 numbers, read and written: four times what XLA takes for little, in forty nanoseconds

# What one step may compute: beyond, two cores and the library are worth more than the starts of its operations.
MOST_MULTIPLICATIONS = 2**15
MOST_NUMBERS = 2**15

# Operations that become plain machine code. Not here are those that call a library (sorting, decompositions, Fourier
# transforms, convolutions) or Python, and those that are loops or that XLA makes loops of (scans, scattering, bits of
# random generators).
_PLAIN = jaxprs.names(
    "abs add add_any and argmax argmin atan2 bitcast_convert_type broadcast_in_dim ceil clamp concatenate"
    " convert_element_type copy copy_p cos cosh div dot_general dynamic_slice dynamic_update_slice empty eq erf"
    " erf_inv erfc exp exp2 expand_dims expm1 floor gather ge gt integer_pow iota is_finite le log log1p logistic lt"
    " max min mul ne neg not optimization_barrier or pad pow reduce_and reduce_max reduce_min reduce_or reduce_prod"
    " reduce_sum rem reshape rev round rsqrt select_n shift_left shift_right_arithmetic shift_right_logical sign sin"
    " sinh slice split sqrt square squeeze stack stop_gradient sub tan tanh transpose unstack xor"
)
_CALLS = jaxprs.names("closed_call custom_jvp_call custom_vjp_call custom_vjp_call_jaxpr jit pjit")
_DTYPES = {"float32", "int32", "uint32", "uint8", "int8", "bool"}


def while_loop(
    unfinished: Callable[..., Any], body: Callable[..., Any], start: Tensor, state: Any, *operands: object
) -> tuple[Any, Any]:
    """Steps from number `start` on; one kernel where that is possible and faster.

    Args:
        unfinished: `(step, state, *operands) -> bool`, whether that step is to run.
        body: `(step, state, *operands) -> state`, the step.

    Returns:
        The number of the first step that did not run, and the state before it.
    """
    body = compiled.traced_once(body)  # to be looked at, and to be run
    if fits(body, start, state, *operands):
        return _one_kernel(unfinished, body, start, state, *operands)
    return lax.while_loop(
        lambda carry: unfinished(*carry, *operands),
        lambda carry: (carry[0] + 1, body(*carry, *operands)),
        (start, state),
    )


def fits(body: Callable[..., Any], start: Tensor, state: Any, *operands: object) -> bool:
    """Whether the loop over such a step becomes one kernel; asked while a program is traced, which then allows it."""
    given = start, state, *operands
    if not _is_possible() or sum(array.size for array in jax.tree.leaves(state)) > MOST_NUMBERS:
        return False  # without a trace
    plain = all(array.size and array.dtype.name in _DTYPES for array in jax.tree.leaves(given))
    return plain and _is_small(jax.make_jaxpr(body)(*given).jaxpr) and compiled.request_options(_OPTIONS)


def _one_kernel(
    unfinished: Callable[..., Any], body: Callable[..., Any], start: Tensor, state: Any, *operands: object
) -> tuple[Any, Any]:
    def loop(start: Tensor, state: Any, *operands: object) -> Any:
        def next_step(carry: tuple[Any, ...]) -> tuple[Any, ...]:
            step, state, ballast = carry
            after = step + 1
            return after, body(step, state, *operands), jnp.maximum(ballast, after - jnp.arange(_BALLAST))

        carry = start, state, jnp.zeros(_BALLAST, start.dtype)
        step, after, ballast = lax.while_loop(lambda carry: unfinished(*carry[:2], *operands), next_step, carry)
        return step, after, ballast, _alive((start, state, operands))

    step, state, ballast, alive = set_xla_metadata(jax.jit(loop)(start, state, *operands), **_MARK)
    # The number is `step`, as the first of the ballast is, and none is below 0. But XLA cannot know that.
    return jnp.maximum(step, jnp.maximum(ballast.max(), jnp.minimum(alive, 0))), state


def _alive(arguments: object) -> Tensor:
    """A number, int32, that depends on all arguments."""
    firsts = [array[(0,) * array.ndim] for array in jax.tree.leaves(arguments)]
    whole = [lax.bitcast_convert_type(a, jnp.int32) if a.dtype.itemsize == 4 else a.astype(jnp.int32) for a in firsts]
    return jnp.stack(whole).min()


def _is_possible() -> bool:
    """Whether this process has a JAX and a processor that are known to do it, and no wishes of its own."""
    known = jax.__version_info__[:2] in compiled.VERSIONS and platform.machine() in _PROCESSORS
    switched_off = os.environ.get("SEQUAX_SINGLE_KERNEL") == "off"
    own_flags = "small_while_loop" in os.environ.get("XLA_FLAGS", "")
    alone = jax.default_backend() == "cpu" and not placement.active().is_spread
    return known and not switched_off and not own_flags and alone and not compiled.eager()


def _is_small(jaxpr: Jaxpr) -> bool:
    multiplications = numbers = 0
    for equation in _operations(jaxpr):
        results: list[Any] = [v.aval for v in equation.outvars]
        if equation.primitive.name not in _PLAIN or not all(aval.dtype.name in _DTYPES for aval in results):
            return False
        numbers += sum(prod(aval.shape) for aval in results)
        if equation.primitive.name == "dot_general":
            rows, depth, columns = _product(equation)
            # Products of other shapes become loops over single numbers, five times as slow.
            if depth > 128 or min(rows, columns) > 32 or max(rows, columns) > 128:
                return False
            multiplications += rows * depth * columns
    return multiplications <= MOST_MULTIPLICATIONS and numbers <= MOST_NUMBERS


def _product(equation: Any) -> tuple[int, int, int]:
    """Rows, depth and columns of a product of matrices; of any other product, sizes that are too large."""
    (contracted, _), (batched, _) = equation.params["dimension_numbers"]
    left, result = equation.invars[0].aval, equation.outvars[0].aval
    if batched or len(contracted) != 1 or len(result.shape) != 2 or result.dtype != "float32":
        return MOST_NUMBERS, MOST_NUMBERS, MOST_NUMBERS
    return result.shape[0], left.shape[contracted[0]], result.shape[1]


def _operations(jaxpr: Jaxpr) -> Iterator[Any]:
    """All operations that a processor runs, in the functions that are called too."""
    for equation in jaxpr.eqns:
        if equation.primitive.name not in _CALLS:
            yield equation
            continue
        for program in jaxprs.inside(equation):
            yield from _operations(program)
