"""How each operation of a traced program is written in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jax import lax, numpy as jnp

from ..errors import ExportError
from ..trace import layer_path
from .writer import RULES, Rule, Text, Value, Writer

MODES = lax.GatherScatterMode


def rule(*primitives: str) -> Callable[[Rule], Rule]:
    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(primitives, function))
        return function

    return register


# --- one number after another ---

_UNARY = {
    "neg": "-{}",
    "sign": "np.sign({})",
    "floor": "np.floor({})",
    "ceil": "np.ceil({})",
    "exp": "np.exp({})",
    "exp2": "np.exp2({})",
    "expm1": "np.expm1({})",
    "tanh": "np.tanh({})",
    "sin": "np.sin({})",
    "cos": "np.cos({})",
    "tan": "np.tan({})",
    "atan": "np.arctan({})",
    "sinh": "np.sinh({})",
    "cosh": "np.cosh({})",
    "asinh": "np.arcsinh({})",
    "cbrt": "np.cbrt({})",
    "abs": "np.abs({})",
    "not": "~{}",
    "square": "np.square({})",
    "is_finite": "np.isfinite({})",
    "real": "np.real({})",
    "imag": "np.imag({})",
    "conj": "np.conj({})",
}
_CAREFUL = {  # may be infinite or undefined, of which NumPy would warn
    "log": "np.log",
    "log1p": "np.log1p",
    "sqrt": "np.sqrt",
    "asin": "np.arcsin",
    "acos": "np.arccos",
    "acosh": "np.arccosh",
    "atanh": "np.arctanh",
    "pow": "np.power",
}
_CAREFUL |= {"exp": "np.exp", "exp2": "np.exp2", "expm1": "np.expm1", "sinh": "np.sinh", "cosh": "np.cosh"}
_OWN = {"logistic": "logistic", "rsqrt": "rsqrt", "erf": "erf", "erfc": "erfc", "div": "divide", "rem": "remainder"}
_BINARY = {
    "add": "{} + {}",
    "add_any": "{} + {}",
    "sub": "{} - {}",
    "mul": "{} * {}",
    "max": "np.maximum({}, {})",
    "min": "np.minimum({}, {})",
    "atan2": "np.arctan2({}, {})",
    "nextafter": "np.nextafter({}, {})",
    "and": "{} & {}",
    "or": "{} | {}",
    "xor": "{} ^ {}",
    "shift_left": "{} << {}",
    "shift_right_arithmetic": "{} >> {}",
    "shift_right_logical": "{} >> {}",
    "eq": "{} == {}",
    "ne": "{} != {}",
    "lt": "{} < {}",
    "le": "{} <= {}",
    "gt": "{} > {}",
    "ge": "{} >= {}",
    "eq_to": "{} == {}",
    "lt_to": "{} < {}",
    "le_to": "{} <= {}",
    "complex": "({} + 1j * {}).astype(np.complex64)",
}
_SAME = ("stop_gradient", "copy", "copy_p", "reduce_precision", "sharding_constraint", "optimization_barrier")


def together(writer: Writer, operands: list[Value]) -> list[str]:
    """Operands of an operation that NumPy broadcasts: one in full, others as small as they come."""
    ranked = [i for i, one in enumerate(operands) if one.shape]
    whole = next((i for i in ranked if operands[i].small is None), ranked[0] if ranked else 0)
    return [writer.name(one, small=i != whole) for i, one in enumerate(operands)]


def _unary(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return _UNARY[equation.primitive.name].format(writer.name(operands[0]))


def _binary(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return _BINARY[equation.primitive.name].format(*together(writer, operands))


def _careful(writer: Writer, equation: Any, operands: list[Value]) -> str:
    function = Text(_CAREFUL[equation.primitive.name])
    return writer.call("quiet", function, *map(Text, together(writer, operands)))


def _own(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return writer.call(_OWN[equation.primitive.name], *map(Text, together(writer, operands)))


RULES.update(dict.fromkeys(_UNARY, _unary))
RULES.update(dict.fromkeys(_CAREFUL, _careful))
RULES.update(dict.fromkeys(_BINARY, _binary))
RULES.update(dict.fromkeys(_OWN, _own))


@rule(*_SAME)
def _same(writer: Writer, equation: Any, operands: list[Value]) -> list[Value]:
    return operands


@rule("integer_pow")
def _integer_pow(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return writer.call("integer_pow", operands[0], equation.params["y"])


@rule("round")
def _round(writer: Writer, equation: Any, operands: list[Value]) -> str:
    if equation.params["rounding_method"] == lax.RoundingMethod.TO_NEAREST_EVEN:
        return f"np.rint({writer.name(operands[0])})"
    return writer.call("round_away", operands[0])


@rule("select_n")
def _select(writer: Writer, equation: Any, operands: list[Value]) -> str:
    which, *cases = operands
    names = together(writer, cases)
    return writer.call("select", Text(writer.name(which, small=bool(which.shape))), *map(Text, names))


@rule("clamp")
def _clamp(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return writer.call("clamp", *operands)


@rule("convert_element_type")
def _convert(writer: Writer, equation: Any, operands: list[Value]) -> str | list[Value]:
    dtype = np.dtype(equation.params["new_dtype"])
    if dtype == operands[0].aval.dtype:
        return operands
    if dtype.name in ("float8_e4m3fn", "float8_e5m2"):
        limits = jnp.finfo(dtype)
        has_infinity = bool(np.isinf(np.array(np.inf, dtype)))
        return writer.call("to_float8", operands[0], limits.nmant, int(limits.minexp), float(limits.max), has_infinity)
    if dtype.name not in np.sctypeDict:
        raise ExportError(f"NumPy has no dtype {dtype.name}.", layer_path(equation) or None, "convert_element_type")
    whole = dtype.kind in "iu" and np.dtype(operands[0].aval.dtype).kind == "f"
    text = writer.name(operands[0])
    return writer.call("to_whole", operands[0], dtype.name) if whole else f"{text}.astype(np.{_numpy(dtype)})"


def _numpy(dtype: Any) -> str:
    return np.dtype(dtype).name.replace("bool", "bool_")


@rule("bitcast_convert_type")
def _bitcast(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.asarray({writer.name(operands[0])}).view(np.{_numpy(equation.params['new_dtype'])})"


# --- shapes ---


@rule("broadcast_in_dim")
def _broadcast(writer: Writer, equation: Any, operands: list[Value]) -> list[Value]:
    shape, axes, x = equation.params["shape"], equation.params["broadcast_dimensions"], operands[0]
    aval = equation.outvars[0].aval
    if not x.shape:
        return [Value(aval, small=writer.name(x))]
    kept = x.shape if x.small is None else None
    name = writer.fresh()
    if kept is not None and len(shape) == len(kept):
        return [Value(aval, small=writer.name(x))]
    writer.line(f"{name} = {writer.call('expand', Text(writer.name(x, small=True)), shape, axes)}")
    grown = all(a == b for a, b in zip(x.shape, (shape[axis] for axis in axes), strict=True))
    ones = all(size == 1 for axis, size in enumerate(shape) if axis not in axes)
    return [Value(aval, name=name) if grown and ones and x.small is None else Value(aval, small=name)]


@rule("reshape")
def _reshape(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.reshape({writer.name(operands[0])}, {writer.text(equation.outvars[0].aval.shape)})"


RULES["squeeze"] = RULES["expand_dims"] = _reshape


@rule("transpose")
def _transpose(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.transpose({writer.name(operands[0])}, {writer.text(equation.params['permutation'])})"


@rule("rev")
def _reverse(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.flip({writer.name(operands[0])}, {writer.text(equation.params['dimensions'])})"


@rule("concatenate")
def _concatenate(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.concatenate({writer.text(operands)}, {equation.params['dimension']})"


@rule("stack")
def _stack(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.stack({writer.text(operands)}, {equation.params['axis']})"


@rule("pad")
def _pad(writer: Writer, equation: Any, operands: list[Value]) -> str:
    low, high, interior = zip(*equation.params["padding_config"], strict=True)
    return writer.call("pad", *operands, low, high, interior)


@rule("slice")
def _slice(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p = equation.params
    steps = p["strides"] or [1] * len(p["start_indices"])
    cuts = []
    for start, stop, step, size in zip(p["start_indices"], p["limit_indices"], steps, operands[0].shape, strict=True):
        first, last = (
            ("" if start == 0 else writer.size(start)),
            ("" if stop is size or stop == size else writer.size(stop)),
        )
        cuts.append(f"{first}:{last}" + ("" if step == 1 else f":{writer.size(step)}"))
    return f"{writer.name(operands[0])}[{', '.join(cuts)}]"


@rule("dynamic_slice")
def _dynamic_slice(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return writer.call("dynamic_slice", operands[0], operands[1:], equation.outvars[0].aval.shape)


@rule("dynamic_update_slice")
def _dynamic_update(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return writer.call("dynamic_update_slice", operands[0], operands[1], operands[2:])


@rule("split")
def _split(writer: Writer, equation: Any, operands: list[Value]) -> list[str]:
    text = writer.call("split", operands[0], equation.params["sizes"], equation.params["axis"])
    return [f"{text}[0]"] if len(equation.outvars) == 1 else [text]


@rule("iota")
def _iota(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p = equation.params
    return writer.call("iota", np.dtype(p["dtype"]).name, equation.outvars[0].aval.shape, p["dimension"])


@rule("dim_as_value")
def _size(writer: Writer, equation: Any, operands: list[Value]) -> str:
    return f"np.int32({writer.size(equation.params['dim'])})"


# --- gather and scatter ---


@rule("gather")
def _gather(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p, (x, indices) = equation.params, operands
    d, window = p["dimension_numbers"], p["slice_sizes"]
    fill = None
    if MODES.from_any(p["mode"]) == MODES.FILL_OR_DROP:
        fill = _fill(p["fill_value"], np.dtype(x.aval.dtype))
    one = len(d.start_index_map) == 1 and d.collapsed_slice_dims == d.start_index_map and not d.operand_batching_dims
    if one and all(w == n for i, (w, n) in enumerate(zip(window, x.shape, strict=True)) if i not in d.start_index_map):
        return writer.call("take", x, indices, d.start_index_map[0], d.offset_dims, fill)
    settings = d.offset_dims, d.collapsed_slice_dims, d.start_index_map
    batching = d.operand_batching_dims, d.start_indices_batching_dims
    return writer.call("gather", x, indices, window, *settings, *batching, fill)


def _fill(value: Any, dtype: Any) -> Any:
    """What stands for entries beyond the ends: undefined, or the number that is least (of unsigned ones greatest)."""
    if value is not None:
        return np.asarray(value).item()
    if dtype.kind in "fc":
        return float("nan")
    return True if dtype.kind == "b" else int(np.iinfo(dtype).min if dtype.kind == "i" else np.iinfo(dtype).max)


_SCATTERS = {"scatter": "None", "scatter-add": "np.add", "scatter_add": "np.add", "scatter-mul": "np.multiply"}
_SCATTERS |= {"scatter_mul": "np.multiply", "scatter-min": "np.minimum", "scatter_min": "np.minimum"}
_SCATTERS |= {"scatter-max": "np.maximum", "scatter_max": "np.maximum", "scatter-sub": "np.subtract"}


@rule(*_SCATTERS)
def _scatter(writer: Writer, equation: Any, operands: list[Value]) -> str:
    d = equation.params["dimension_numbers"]
    settings = d.update_window_dims, d.inserted_window_dims, d.scatter_dims_to_operand_dims
    batching = d.operand_batching_dims, d.scatter_indices_batching_dims
    return writer.call("scatter", Text(_SCATTERS[equation.primitive.name]), *operands, *settings, *batching)


# --- sums of products ---


@rule("dot_general")
def _dot(writer: Writer, equation: Any, operands: list[Value]) -> str:
    a, b = operands
    contracted, batched = equation.params["dimension_numbers"]
    out = np.dtype(equation.outvars[0].aval.dtype)
    cast = "" if a.aval.dtype == out else f".astype(np.{_numpy(out)})"
    if not batched[0] and contracted == ((len(a.shape) - 1,), (0,)) and len(b.shape) == 2 and len(a.shape) > 1:
        return f"{writer.name(a)}{cast} @ {writer.name(b)}"
    return writer.call("dot_general", Text(writer.name(a) + cast), b, contracted, batched)


@rule("conv_general_dilated")
def _convolve(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p = equation.params
    orders = tuple(p["dimension_numbers"])
    settings = p["window_strides"], p["padding"], p["lhs_dilation"], p["rhs_dilation"]
    return writer.call("convolve", *operands, *settings, orders, p["feature_group_count"], p["batch_group_count"])


# --- over windows and axes ---

_REDUCTIONS = {
    "reduce_sum": "np.sum",
    "reduce_prod": "np.prod",
    "reduce_max": "np.max",
    "reduce_min": "np.min",
    "reduce_and": "np.all",
    "reduce_or": "np.any",
}


@rule(*_REDUCTIONS)
def _reduce(writer: Writer, equation: Any, operands: list[Value]) -> str:
    function, axes = _REDUCTIONS[equation.primitive.name], equation.params["axes"]
    dtype = np.dtype(equation.outvars[0].aval.dtype)
    kept = f", dtype=np.{_numpy(dtype)}" if function in ("np.sum", "np.prod") else ""
    return f"{function}({writer.name(operands[0])}, axis={writer.text(tuple(axes))}{kept})"


@rule("argmax", "argmin")
def _argument(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p = equation.params
    text = f"np.{equation.primitive.name}({writer.name(operands[0])}, axis={p['axes'][0]})"
    return f"{text}.astype(np.{_numpy(p['index_dtype'])})"


_WINDOWS = {
    "reduce_window_sum": ("np.add", lambda dtype: 0),
    "reduce_window_max": ("np.maximum", lambda dtype: Text("-np.inf") if dtype.kind == "f" else np.iinfo(dtype).min),
    "reduce_window_min": ("np.minimum", lambda dtype: Text("np.inf") if dtype.kind == "f" else np.iinfo(dtype).max),
}


@rule(*_WINDOWS)
def _window(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p = equation.params
    function, start = _WINDOWS[equation.primitive.name]
    settings = p["window_dimensions"], p["window_strides"], p["padding"], p["base_dilation"], p["window_dilation"]
    return writer.call("reduce_window", Text(function), operands[0], start(np.dtype(operands[0].aval.dtype)), *settings)


_RUNNING = {"cumsum": "np.add", "cumprod": "np.multiply", "cummax": "np.maximum", "cummin": "np.minimum"}
_RUNNING |= {"cumlogsumexp": "np.logaddexp"}


@rule(*_RUNNING)
def _running(writer: Writer, equation: Any, operands: list[Value]) -> str:
    p = equation.params
    return writer.call("accumulate", Text(_RUNNING[equation.primitive.name]), operands[0], p["axis"], p["reverse"])


@rule("sort")
def _sort(writer: Writer, equation: Any, operands: list[Value]) -> list[str]:
    p = equation.params
    text = writer.call("sort", operands, p["dimension"], p["num_keys"])
    return [f"{text}[0]"] if len(operands) == 1 else [text]


@rule("top_k")
def _top_k(writer: Writer, equation: Any, operands: list[Value]) -> list[str]:
    axis = equation.params.get("axis", -1)
    return [writer.call("top_k", operands[0], equation.params["k"], axis)]


@rule("fft")
def _fft(writer: Writer, equation: Any, operands: list[Value]) -> str:
    kind = equation.params["fft_type"]
    return writer.call("fft", operands[0], getattr(kind, "name", str(kind)), equation.params["fft_lengths"])


# --- control ---


@rule("scan")
def _scan(writer: Writer, equation: Any, operands: list[Value]) -> list[str]:
    p = equation.params
    constants, carry = operands[: p["num_consts"]], operands[p["num_consts"] : p["num_consts"] + p["num_carry"]]
    rows = operands[p["num_consts"] + p["num_carry"] :]
    body = Text(writer.function(p["jaxpr"], "step"))
    made = [(v.aval.shape[1:], np.dtype(v.aval.dtype).name) for v in equation.outvars[p["num_carry"] :]]
    text = writer.call("scan", body, constants, carry, rows, made, p["length"], p["reverse"])
    return [f"{text}[0]"] if len(equation.outvars) == 1 else [text]


@rule("while")
def _while(writer: Writer, equation: Any, operands: list[Value]) -> list[str]:
    p = equation.params
    first, second = p["cond_nconsts"], p["body_nconsts"]
    condition = writer.function(p["cond_jaxpr"], "condition")
    body = writer.function(p["body_jaxpr"], "step")
    constants = [writer.text(operands[:first]), writer.text(operands[first : first + second])]
    asked = Text(f"lambda *carry: {condition}(*{constants[0]}, *carry)")
    done = Text(f"lambda *carry: {body}(*{constants[1]}, *carry)")
    text = writer.call("repeat", asked, done, operands[first + second :])
    return [f"{text}[0]"] if len(equation.outvars) == 1 else [text]


@rule("cond")
def _cond(writer: Writer, equation: Any, operands: list[Value]) -> list[str]:
    branches = [writer.function(branch, "case") for branch in equation.params["branches"]]
    which = f"int(np.clip({writer.name(operands[0])}, 0, {len(branches) - 1}))"
    text = f"({', '.join(branches)},)[{which}](*{writer.text(operands[1:])})"
    return [f"{text}[0]"] if len(equation.outvars) == 1 else [text]
