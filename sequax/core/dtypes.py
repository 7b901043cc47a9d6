"""Dtype names, the float type of the process, and dtype policies: what layers compute in and store."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from . import above
from .catalogue import Catalogue

if TYPE_CHECKING:
    from .types import DTypeLike

catalogue: Catalogue = Catalogue("dtype policy", "keras")

FLOATS = ("bfloat16", "float16", "float32", "float64")
KNOWN = frozenset(
    [*FLOATS, "bool", "string", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2"]
    + [f"{sign}int{bits}" for sign in ("", "u") for bits in (4, 8, 16, 32, 64)]
)

_floatx = "float32"
_epsilon = 1e-7
_policy: DTypePolicy | None = None


def floatx() -> str:
    """The float type that stands for `float` where no dtype is given: `"float32"` unless set."""
    return _floatx


def set_floatx(value: str) -> None:
    """Make `value`, such as `"float32"` or `"bfloat16"`, the float type of what is made from now on without a dtype."""
    global _floatx
    if value not in FLOATS:
        raise ValueError(f"set_floatx: expected one of {FLOATS}. Received: {value!r}")
    _floatx = value


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite, 1e-7 unless set."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Make `value` the small number that keeps divisions and logarithms finite."""
    global _epsilon
    _epsilon = float(value)


def standardize(dtype: DTypeLike | None) -> str:
    """The name of a dtype given as name, NumPy or JAX dtype, Python type or None (then `floatx()`)."""
    if dtype is None:
        return _floatx
    if isinstance(dtype, DTypePolicy):
        return dtype.variable_dtype
    if isinstance(dtype, str):  # NumPy would take more names, among them "float" for 64 bits
        if dtype not in KNOWN and dtype != "int":
            raise ValueError(f"Invalid dtype: {dtype!r}. Expected one of {sorted(KNOWN)}.")
        return "int32" if dtype == "int" else dtype
    if isinstance(dtype, type) and dtype in (float, int, bool, str, complex):
        return {float: _floatx, int: "int32", bool: "bool", str: "string", complex: "complex64"}[dtype]
    try:
        name = jnp.dtype(dtype).name
    except TypeError:
        name = str(getattr(dtype, "name", dtype))
    if name not in KNOWN:
        raise ValueError(f"Invalid dtype: {dtype!r}. Expected one of {sorted(KNOWN)}.")
    return name


standardize_dtype = standardize  # its public name


def is_float(dtype: str | np.dtype) -> bool:
    return jnp.issubdtype(dtype, jnp.floating)


def is_int(dtype: str | np.dtype) -> bool:
    return jnp.issubdtype(dtype, jnp.integer)


def result_type(*dtypes: DTypeLike) -> str:
    """The dtype in which values of these dtypes are combined.

    JAX's lattice: of two floats the wider one (float16 and bfloat16 meet in float32), a float wins over whole numbers
    of any width, signed and unsigned numbers meet in the next wider signed type; 64-bit results become 32-bit ones.
    The Python types `int` and `float` stand for numbers and only choose the kind: `int` leaves uint8 what it is,
    `float` leaves float16 what it is and makes `floatx()` of whole numbers. None stands for `floatx()`.

    >>> result_type("int8", "uint8"), result_type("uint8", int), result_type("int32", float)
    ('int16', 'uint8', 'float32')

    Raises:
        ValueError: for 8-bit floats, which combine with nothing, and for strings together with numbers.
    """
    names = [standardize(dtype) for dtype in dtypes if not _is_number(dtype)] if dtypes else [_floatx]
    if set(names) == {"string"} and len(names) == len(dtypes):
        return "string"
    for name in names:
        if name.startswith("float8") or name == "string":
            raise ValueError(f"result_type: {name} is not combined with other dtypes; cast first. Received: {dtypes}")
    kinds = [dtype for dtype in dtypes if _is_number(dtype)]
    weak = _floatx if float in kinds else "int32"
    if not names:
        return jnp_dtype(weak).name
    strong = functools.reduce(_promote, names)
    whole = not jnp.issubdtype(strong, jnp.inexact)
    if (float in kinds and whole) or (int in kinds and strong == "bool"):
        strong = weak
    return jnp_dtype(strong).name


def _is_number(dtype: DTypeLike) -> bool:
    return dtype is int or dtype is float  # not `==`: NumPy's dtypes equal the Python types


def _promote(a: str, b: str) -> str:
    if a == b:
        return a
    return _PROMOTED.get(frozenset((a, b))) or jnp.promote_types(a, b).name


# JAX with 64-bit types off answers as if they were 32-bit ones; the lattice goes on to the next type.
_PROMOTED = {frozenset(("uint64", signed)): "float32" for signed in ("int8", "int16", "int32", "int64")}


def as_array(value: object, dtype: str | None = None) -> jax.Array:
    """A JAX array of `value`; 64-bit inputs become 32-bit ones as JAX has them, Python floats become `floatx()`."""
    if dtype is None and isinstance(value, jax.Array):
        return value
    if dtype is None and isinstance(value, float):
        dtype = _floatx
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and dtype is None:
        dtype = _floatx
    return jnp.asarray(value, None if dtype is None else jnp_dtype(dtype))


def own_array(value: object, dtype: np.dtype | None = None) -> jax.Array:
    """A JAX array that shares no memory with the caller: given a dtype, JAX takes aligned NumPy ones as they are."""
    if not isinstance(value, jax.Array) and hasattr(value, "__array__") and not hasattr(value, "__jax_array__"):
        value = np.array(value)
    return jnp.asarray(value, dtype)


def jnp_dtype(name: str) -> np.dtype:
    """The dtype JAX really uses for a name: with 64-bit types off, `float64` is stored as `float32`."""
    return jax.dtypes.canonicalize_dtype(name)


@catalogue.register()
class DTypePolicy:
    """What a layer computes in and what its variables are stored in.

    Args:
        name: a float or integer dtype (`"float32"`, `"bfloat16"`, ...), used for both, or `"mixed_float16"` /
            `"mixed_bfloat16"`: variables in float32, computation in the 16-bit type
            (Micikevicius et al. 2018, Mixed Precision Training). None: as the policy of the process.
    """

    def __init__(self, name: str | None = None):
        name = dtype_policy().name if name is None else name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: `name` must be a string such as 'mixed_float16'. Received: name={name!r}")
        self._name = name
        if name in ("mixed_float16", "mixed_bfloat16"):
            self._compute_dtype, self._variable_dtype = name.removeprefix("mixed_"), "float32"
        else:
            try:
                self._compute_dtype = self._variable_dtype = standardize(name)
            except ValueError:
                raise ValueError(
                    f"Cannot convert {name!r} to a dtype policy. Expected a dtype such as 'float32', or"
                    f" 'mixed_float16' or 'mixed_bfloat16'."
                ) from None

    @property
    def name(self) -> str:
        return self._name

    @property
    def compute_dtype(self) -> str:
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self._variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """How layers keep their weights, such as `"int8"`; None: as they are."""
        return self._quantization_mode

    _quantization_mode: str | None = None

    def convert_input(self, x: Any, autocast: bool, dtype: DTypeLike) -> Any:
        """An input as a layer takes it: an array, and a float one in `dtype` if `autocast` says so.

        Args:
            x: array or symbolic tensor; anything else comes back unchanged.
            autocast: whether to cast floats.
            dtype: name of the dtype; whole numbers and booleans keep theirs.
        """
        if not hasattr(x, "__array__"):
            return x
        dtype = standardize(dtype)
        if not hasattr(x, "record_history"):  # a symbolic tensor, which this module does not know, has no value
            x = as_array(x if isinstance(x, jax.Array) else np.asarray(x))
        cast = autocast and is_float(dtype) and is_float(x.dtype) and standardize(x.dtype) != dtype
        return x.astype(jnp_dtype(dtype)) if cast else x

    def at(self, path: str | None) -> DTypePolicy:
        """The policy of the layer at a path; the same for all, but for a `DTypePolicyMap`."""
        return self

    def get_config(self) -> dict[str, Any]:
        return {"name": self._name}

    def without_source(self) -> dict[str, Any]:
        """The config of a policy that computes in whatever the process does where it comes back."""
        return {"name": None}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and type(other) is type(self) and other.get_config() == self.get_config()

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f'<{type(self).__name__} "{self._name}">'


FloatDTypePolicy = DTypePolicy
_QUANTIZED = ("int8_", "int4_", "int4/", "float8_from", "gptq", "awq")
catalogue.aliases["FloatDTypePolicy"] = catalogue.classes["FloatDTypePolicy"] = DTypePolicy


def get(identifier: Any) -> DTypePolicy:
    """A policy from a policy, a name, a dtype, a config or None (the policy of the process)."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        policy = catalogue.deserialize(identifier)
        if not isinstance(policy, DTypePolicy):
            raise ValueError(f"Expected the config of a dtype policy. Received: {identifier!r:.200}")
        return policy
    if isinstance(identifier, str):
        quantized = "_from_" in identifier or identifier.startswith(_QUANTIZED)
        return above.load("policies").of_name(identifier) if quantized else DTypePolicy(identifier)
    try:
        return DTypePolicy(standardize(identifier))
    except ValueError:
        raise ValueError(
            f"Cannot interpret `dtype` argument. Expected a dtype, a policy name or a DTypePolicy."
            f" Received: {identifier!r}"
        ) from None


def dtype_policy() -> DTypePolicy:
    """The policy that layers get when they name none: what was set, else `floatx()`."""
    return _policy if _policy is not None else DTypePolicy(_floatx)


def reset_dtype_policy() -> None:
    """Follow `floatx()` again (`clear_session`)."""
    global _policy
    _policy = None


def set_dtype_policy(policy: DTypeLike) -> None:
    """Set the policy of layers made from now on, e.g. `set_dtype_policy("mixed_bfloat16")`.

    Raises:
        ValueError: for anything but a policy, the name of one, or a dtype.
    """
    global _policy
    try:
        if policy is None:
            raise ValueError
        _policy = get(policy)
    except (TypeError, ValueError):
        raise ValueError(
            f"Invalid `policy` argument. Expected the name of a policy, such as 'mixed_bfloat16' or 'float32', or a"
            f" DTypePolicy. Received: policy={policy!r} (of type {type(policy).__name__})"
        ) from None
