"""What TensorFlow calls values: dtypes, shapes, specs, tensors, tensors of strings, and methods that arrays have there.

Arrays of JAX stay what they are. Their methods `numpy`, `get_shape`, ... are put into JAX' classes while the import
hook is installed (`patches.py`), and so is `shape`, a tuple that also knows `as_list`.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self, SupportsBytes, cast

import jax
import jax.numpy as jnp
import numpy as np

from ...core import dtypes
from ...core.tensor import KerasTensor
from ...core.types import ArrayLike, DTypeLike
from ...core.variable import Variable
from ...data.convert import from_objects
from . import slicing
from .member import Member

_LIMITS = {"bool": (False, True)}
_NUMPY = {"string": np.object_, "bool": np.bool_, "bfloat16": jnp.bfloat16}


class DType(str):
    """A dtype: its name, with the attributes that TensorFlow's dtypes have."""

    __slots__ = ()

    @property
    def name(self) -> str:
        return str(self)

    @property
    def as_numpy_dtype(self) -> type[Any]:
        return _NUMPY.get(str(self)) or np.dtype(str(self)).type

    @property
    def is_floating(self) -> bool:
        return dtypes.is_float(self) if self in dtypes.FLOATS else False

    @property
    def is_integer(self) -> bool:
        return "int" in self

    @property
    def is_unsigned(self) -> bool:
        return self.startswith("uint")

    @property
    def is_complex(self) -> bool:
        return self.startswith("complex")

    @property
    def is_bool(self) -> bool:
        return self == "bool"

    @property
    def is_numpy_compatible(self) -> bool:
        return True

    @property
    def size(self) -> int:
        return 1 if self == "string" else jnp.dtype(str(self)).itemsize

    @property
    def base_dtype(self) -> DType:
        return self

    @property
    def real_dtype(self) -> DType:
        return {"complex64": float32, "complex128": float64}.get(str(self), self)

    @property
    def limits(self) -> tuple[Any, Any]:
        if self in _LIMITS:
            return _LIMITS[str(self)]
        about = jnp.finfo if self.is_floating else jnp.iinfo
        found = about(str(self))
        kind = jnp.dtype(str(self)).type
        return kind(found.min), kind(found.max)

    @property
    def min(self) -> np.generic | bool:
        return self.limits[0]

    @property
    def max(self) -> np.generic | bool:
        return self.limits[1]

    def is_compatible_with(self, other: DTypeLike) -> bool:
        return self == as_dtype(other)

    def __eq__(self, other: Any) -> bool:
        if isinstance(other, str) or other is None:
            return str.__eq__(self, other) is True
        try:
            return str.__eq__(self, as_dtype(other)) is True
        except (TypeError, ValueError):
            return False

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    def __repr__(self) -> str:
        return f"tf.{self!s}"


def as_dtype(type_value: DTypeLike | None) -> DType:
    """A dtype from a name, a type of Python or NumPy, or a dtype."""
    if isinstance(type_value, DType):
        return type_value
    if isinstance(type_value, (np.dtype, type)) and np.dtype(type_value).kind in "OSU":
        return string
    if isinstance(type_value, type) and type_value in (np.float64, np.int64):
        return DType(np.dtype(type_value).name)
    return DType(dtypes.standardize(type_value))


_NAMES = (
    *(
        "bfloat16",
        "bool",
        "complex128",
        "complex64",
        "float16",
        "float32",
        "float64",
        "int16",
        "int32",
        "int64",
        "int8",
    ),
    *("string", "uint16", "uint32", "uint64", "uint8"),
)
DTYPES: dict[str, DType] = {name: DType(name) for name in _NAMES}
DTYPES |= {"double": DTYPES["float64"], "half": DTYPES["float16"]}
float32: DType = DTYPES["float32"]
float64: DType = DTYPES["float64"]
string: DType = DTYPES["string"]


class TensorShape(tuple):
    """HostTensor, None where unknown; `TensorShape(None)` does not even know how many."""

    known: bool

    def __new__(cls, dims: Sizes | None = None) -> Self:
        made = tuple.__new__(cls, () if dims is None else dims if type(dims) is tuple else _sizes(dims))
        if dims is None or getattr(dims, "known", True) is False:
            made.known = False
        return made

    @property
    def rank(self) -> int | None:
        return len(self) if self.known else None

    ndims = rank

    @property
    def dims(self) -> list[int | None] | None:
        return list(self) if self.known else None

    def as_list(self) -> list[int | None]:
        if not self.known:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self)

    def is_fully_defined(self) -> bool:
        return self.known and None not in self

    def num_elements(self) -> int | None:
        return int(np.prod(self, dtype=np.int64)) if self.is_fully_defined() else None

    def is_compatible_with(self, other: Sizes | None) -> bool:
        other = TensorShape(other)
        if not (self.known and other.known):
            return True
        return len(self) == len(other) and all(None in (a, b) or a == b for a, b in zip(self, other, strict=True))

    def assert_is_compatible_with(self, other: Sizes | None) -> None:
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {tuple(self)} and {tuple(TensorShape(other))} are incompatible")

    def assert_has_rank(self, rank: int) -> None:
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {tuple(self)} must have rank {rank}")

    def assert_is_fully_defined(self) -> None:
        if not self.is_fully_defined():
            raise ValueError(f"Shape {tuple(self)} is not fully defined")

    def with_rank(self, rank: int) -> TensorShape:
        self.assert_has_rank(rank)
        return self if self.known else TensorShape([None] * rank)

    def merge_with(self, other: Sizes | None) -> TensorShape:
        other = TensorShape(other)
        self.assert_is_compatible_with(other)
        if not (self.known and other.known):
            return self if self.known else other
        return TensorShape([b if a is None else a for a, b in zip(self, other, strict=True)])

    def concatenate(self, other: Sizes | None) -> TensorShape:
        other = TensorShape(other)
        return TensorShape((*self, *other)) if self.known and other.known else TensorShape(None)

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __add__(self, other: Sizes | None) -> TensorShape:
        return self.concatenate(other)

    # No `__radd__`: with it, `sizes += shape`, where `sizes` is a list, would no longer be a list.

    def __eq__(self, other: object) -> bool:
        if isinstance(other, list):
            other = tuple(other)
        return tuple.__eq__(self, other) is True if isinstance(other, tuple) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return tuple.__hash__(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorShape, (tuple(self) if self.known else None,)

    def __repr__(self) -> str:
        return f"TensorShape({list(self)})" if self.known else "TensorShape(None)"

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self))
        return f"({sizes}{',' * (len(self) == 1)})" if self.known else "<unknown>"


TensorShape.known = True


def _sizes(dims: Any) -> Iterator[int | None]:
    if isinstance(dims, (int, np.integer)):
        dims = (dims,)
    for size in dims:
        size = getattr(size, "value", size) if not hasattr(size, "__index__") else size
        yield None if size is None or int(size) == -1 else int(size)


class TensorSpec:
    """Shape and dtype of a tensor that is not there yet."""

    def __init__(self, shape: Sizes | None = None, dtype: DTypeLike = float32, name: str | None = None):
        self.shape: TensorShape = TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name: str | None = name

    @classmethod
    def from_tensor(cls, tensor: AnyTensor | Variable | KerasTensor, name: str | None = None) -> TensorSpec:
        return cls(tensor.shape, dtype_of(tensor), name)

    @classmethod
    def from_spec(cls, spec: TensorSpec | KerasTensor, name: str | None = None) -> TensorSpec:
        return cls(spec.shape, spec.dtype, name or spec.name)

    def is_compatible_with(self, other: TensorSpec | AnyTensor | Variable | KerasTensor) -> bool:
        return self.shape.is_compatible_with(other.shape) and self.dtype == dtype_of(other)

    @property
    def rank(self) -> int | None:
        return self.shape.rank

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TensorSpec) and (self.shape, self.dtype) == (other.shape, other.dtype)

    def __hash__(self) -> int:
        return hash((self.shape, str(self.dtype)))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


def _to_tensor(self: Any, default_value: object = None, name: object = None, shape: Sequence[Any] | None = None) -> Any:
    """Rows of equal lengths, which a script took for ragged ones."""
    if shape is not None and any(one is not None and one != size for one, size in zip(shape, self.shape, strict=True)):
        raise NotImplementedError(
            f"to_tensor: rows are not padded to other lengths, shape={tuple(shape)}. Use `tf.pad`."
        )
    return self


class StringTensor(np.ndarray):
    """An array of bytes, which JAX has no arrays for. Texts that it meets are encoded as UTF-8."""

    def __new__(cls, value: ArrayLike) -> Self:
        if isinstance(value, cls):
            return value
        raw = np.asarray(value, dtype=object)
        made = np.empty(raw.shape, dtype=object)
        for place, one in np.ndenumerate(raw):
            made[place] = one.encode() if isinstance(one, str) else bytes(one) if isinstance(one, np.bytes_) else one
        return made.view(cls)

    to_tensor = _to_tensor

    def numpy(self) -> Any:
        return bytes_of(self) if self.ndim == 0 else np.asarray(self).view(np.ndarray)

    def get_shape(self) -> TensorShape:
        return TensorShape(self.shape)

    def set_shape(self, shape: Sizes | None) -> None:
        TensorShape(self.shape).assert_is_compatible_with(shape)

    def __getitem__(self, key: Any) -> StringTensor:
        key = tuple(map(_plain_index, key)) if isinstance(key, tuple) else _plain_index(key)
        found = np.ndarray.__getitem__(self, key)
        return found if isinstance(found, StringTensor) else StringTensor(found)

    def __iter__(self) -> Iterator[StringTensor]:
        return (self[i] for i in range(len(self)))

    def __add__(self, other: Any) -> StringTensor:
        return StringTensor(np.add(self.view(np.ndarray), StringTensor(other).view(np.ndarray)))

    def __radd__(self, other: Any) -> StringTensor:
        return StringTensor(np.add(StringTensor(other).view(np.ndarray), self.view(np.ndarray)))

    def __eq__(self, other: Any) -> Any:
        equal = np.equal(self.view(np.ndarray), StringTensor(other).view(np.ndarray), dtype=object)
        return jnp.asarray(np.asarray(equal, bool))

    def __ne__(self, other: object) -> Any:
        return ~(self == other)

    __hash__ = None

    def __bytes__(self) -> bytes:
        return bytes_of(self)

    def __str__(self) -> str:
        return f"tf.Tensor({self.numpy()!r}, shape={self.get_shape()}, dtype=string)"

    def __repr__(self) -> str:
        return f"<tf.Tensor: shape={self.get_shape()}, dtype=string, numpy={self.numpy()!r}>"


def _plain_index(key: object) -> Any:
    return np.asarray(key) if isinstance(key, jax.Array) else key


def bytes_of(value: Text) -> bytes:
    """The bytes of one string, however it is held."""
    if isinstance(value, np.ndarray):
        value = value.view(np.ndarray).item()
    return value.encode() if isinstance(value, str) else bytes(value)


def text_of(value: Text) -> str:
    """The text of one string, however it is held: a path, a pattern."""
    return value if isinstance(value, str) else bytes_of(value).decode()


def is_string(value: object) -> bool:
    """Whether a value is text, or holds nothing but text."""
    if isinstance(value, (str, bytes)):
        return not isinstance(value, DType)
    if isinstance(value, (list, tuple)):
        return len(value) > 0 and is_string(value[0])
    if not isinstance(value, (np.ndarray, np.generic)):
        return False
    if value.dtype.kind == "O":
        return isinstance(value, StringTensor) or (value.size > 0 and isinstance(value.flat[0], (str, bytes)))
    return value.dtype.kind in "SU"


class HostTensor(np.ndarray):
    """A tensor that NumPy holds: sizes, which are known while a function is compiled, and pictures of any size.

    Arithmetic with numbers and with its like stays with NumPy, which needs no program for each shape. It computes in
    32 bits, as JAX does.
    """

    def __new__(cls, value: ArrayLike) -> Self:
        return np.asarray(value).view(cls)

    to_tensor = _to_tensor

    def numpy(self) -> Any:
        return np.array(self)[()]

    def get_shape(self) -> TensorShape:
        return TensorShape(self.shape)

    def set_shape(self, shape: Sizes | None) -> None:
        TensorShape(self.shape).assert_is_compatible_with(shape)

    def __getitem__(self, key: Any) -> Any:
        found = np.ndarray.__getitem__(self, key)
        if np.ndim(found) > self.ndim and found.dtype.kind == "f":  # a batch for a model: tapes watch arrays of JAX
            return dtypes.as_array(np.asarray(found))
        return HostTensor(found)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.item())

    def __array_wrap__(self, array: np.ndarray, context: object = None, return_scalar: bool = False) -> Any:
        narrow = _NARROW.get(array.dtype.name)
        return HostTensor(array if narrow is None else array.astype(narrow))


_NARROW = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}


# What functions take as a tensor is an `ArrayLike`: an array of JAX or NumPy, a variable, a symbolic tensor, a number,
# a text, lists of all that. Here is what they give, and what else they take.
AnyTensor = jax.Array | np.ndarray  # NumPy's are of the classes above; symbolic tensors pass for arrays, as in `ops`
Several = Sequence[Any] | np.ndarray | jax.Array  # tensors or numbers: in a list, or as the rows of a tensor
Sizes = int | np.integer | Several | Variable  # one or several whole numbers; None among them: an unknown size
Operand = jax.Array | np.ndarray | np.number | float | Variable  # what Python's operators take beside an array
Text = str | SupportsBytes | np.ndarray  # one text: bytes, an array without axes, a path


class _TensorType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, (jax.Array, StringTensor, HostTensor))


class Tensor(metaclass=_TensorType):
    """What `isinstance(x, tf.Tensor)` asks for: any array of JAX, tracers included, and tensors of strings."""


class _NeverType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return False


class Never(metaclass=_NeverType):
    """What no value is an instance of: sparse tensors and their kind."""


def is_tensor(x: object) -> bool:
    return isinstance(x, (jax.Array, StringTensor, HostTensor, Variable, KerasTensor))


def tensor(value: ArrayLike, dtype: DTypeLike | None = None) -> jax.Array:
    """Anything as the tensor it stands for: an array of JAX, a symbolic tensor as it is, or a tensor of strings.

    All of them pass for arrays of JAX, which most are: else each function had to say what it does with the others.
    """
    if isinstance(value, (jax.Array, KerasTensor)):
        given = cast(Any, value)
        return given if dtype is None else given.astype(dtypes.jnp_dtype(dtypes.standardize(dtype)))
    if isinstance(value, Variable):
        return tensor(value.value, dtype)
    if isinstance(value, (StringTensor, str, bytes)) or is_string(value):
        return cast(Any, StringTensor(value))
    if isinstance(value, (list, tuple)) and _holds_symbolic(value):
        from ... import ops

        return cast(Any, ops).stack([tensor(one, dtype) for one in value])
    if dtype is not None:
        if dtype == "string":
            return cast(Any, StringTensor(value))
        dtype = dtypes.standardize(dtype)
    if isinstance(value, np.ndarray) and value.dtype == object:
        value = from_objects(value, "value")
    if isinstance(value, (list, tuple)):
        value = _numbers(value)
        if isinstance(value, jax.Array):
            return dtypes.as_array(value, dtype)
    with jax.ensure_compile_time_eval():  # a constant is known, inside a compiled function as well
        return dtypes.as_array(value, dtype)


def _holds_symbolic(value: Iterable[Any]) -> bool:
    return any(
        isinstance(one, KerasTensor) or (isinstance(one, (list, tuple)) and _holds_symbolic(one)) for one in value
    )


def _numbers(value: ArrayLike) -> Any:
    """Nested lists as one array: of NumPy where all is known, which JAX would convert number by number."""
    if isinstance(value, (list, tuple)):
        inner = [_numbers(one) for one in value]
        if any(isinstance(one, jax.Array) for one in inner):
            return jnp.stack([jnp.asarray(one) for one in inner])
        try:
            return np.asarray(inner)
        except ValueError:
            raise ValueError(
                "Can't convert non-rectangular Python sequence to Tensor: ragged tensors are not supported, pad the"
                " lists to equal lengths."
            ) from None
    return value.value if isinstance(value, Variable) else value


def dtype_of(value: TensorSpec | AnyTensor | Variable | KerasTensor) -> DType:
    """The dtype of a tensor, as TensorFlow has them."""
    return as_dtype(value.dtype)


# --- methods of arrays ----------------------------------------------------------------------------------------------


def _numpy(self: jax.Array) -> Any:
    """The value as NumPy has it, in an array that may be written to; an error where it is not known yet."""
    return np.array(self)[()]


def of_one(kind: type, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`int(x)`, `float(x)` of arrays with one element, however many axes they have: NumPy asks for it in `a[i] = x`."""

    def number(self: jax.Array) -> Any:
        return kind(self.item()) if self.size == 1 else original(self)

    return number


def _get_shape(self: AnyTensor | Variable | KerasTensor) -> TensorShape:
    return TensorShape(tuple(self.shape))


def _set_shape(self: AnyTensor | Variable | KerasTensor, shape: Sizes | None) -> None:
    _get_shape(self).assert_is_compatible_with(shape)


def _ref(self: object) -> Reference:
    return Reference(self)


class Reference:
    """A tensor as the key of a dict."""

    def __init__(self, value: object):
        self._value = value

    def deref(self) -> Any:
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._value is other._value

    def __hash__(self) -> int:
        return id(self._value)


METHODS: dict[str, Callable[..., Any]] = {
    "numpy": _numpy,
    "get_shape": _get_shape,
    "set_shape": _set_shape,
    "ref": _ref,
    "to_tensor": _to_tensor,
}


_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")
_COMPARING = ("eq", "ne", "lt", "le", "gt", "ge")


class ShapesDiffer(ValueError, TypeError):
    """Shapes that do not go together: a ValueError, as the errors of TensorFlow are here, and JAX' TypeError."""


_ABOUT_SHAPES = ("incompatible shapes", "contracting dimensions", "Cannot concatenate", "cannot reshape")


def of_shapes(error: TypeError) -> TypeError:
    """The error to raise in the place of one of JAX."""
    return ShapesDiffer(*error.args) if any(words in str(error) for words in _ABOUT_SHAPES) else error


def with_lists(operator: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """An operator of a class of arrays that takes lists as the arrays they stand for; JAX refuses them."""

    @functools.wraps(operator)
    def method(self: object, other: Any) -> Any:
        try:
            return operator(self, tensor(other) if type(other) in (list, tuple) else other)
        except TypeError as error:
            raise of_shapes(error) from None

    return method


def shaped(shape: Any) -> property:
    """The `shape` of a class of arrays, made to give a `TensorShape`."""
    get = cast(Callable[[Any], tuple[int, ...]], shape.fget)
    return property(lambda self: TensorShape(get(self)))


def typed(dtype: Any) -> property:
    """The `dtype` of a class of variables, made to give a `DType`, which is still the name that Keras gives."""
    get = cast(Callable[[Any], str], dtype.fget)
    return property(lambda self: DTYPES.get(name := get(self)) or as_dtype(name))


def _symbolic_shape(self: KerasTensor) -> TensorShape:
    return TensorShape(tuple(self.__dict__["shape"]))


def _set_symbolic_shape(self: KerasTensor, shape: Sequence[int | None]) -> None:
    self.__dict__["shape"] = tuple(shape)


def _symbolic_dtype(self: KerasTensor) -> DType:
    return as_dtype(self.__dict__["dtype"])


def _set_symbolic_dtype(self: KerasTensor, dtype: str) -> None:
    self.__dict__["dtype"] = str(dtype)


_OPERATORS = ("deferring_binary_op", "_operator_")  # the functions of JAX that are the operators of its arrays


def _jax_array(self: KerasTensor) -> KerasTensor:
    """`array + symbolic` is the tensor's own business; in functions of JAX it is as wrong as ever."""
    if sys._getframe(1).f_code.co_name.startswith(_OPERATORS):
        return self
    return _refused(self)


_refused = KerasTensor.__jax_array__


def strings_of(owner: type, original: Callable[..., Any]) -> Callable[..., StringTensor]:
    """A method that gives texts, giving them as TensorFlow's strings: bytes, with `numpy()`."""

    def strings(self: object, *args: object) -> StringTensor:
        return StringTensor(original(self, *args))

    return strings


def patched() -> Iterator[tuple[type, str, Any]]:
    """What classes of arrays have while the hook is installed: class, name, value."""
    array, tracer = type(jnp.zeros(())), jax.core.Tracer
    for cls in (array, tracer):
        for name, method in METHODS.items():
            yield cls, name, method
        yield cls, "shape", shaped(cls.shape)
        yield cls, "assign", slicing.ASSIGN
        for name in (*_BINARY, *(f"r{name}" for name in _BINARY), *_COMPARING):
            yield cls, f"__{name}__", with_lists(getattr(cls, f"__{name}__"))
    for kind in (int, float):
        yield array, f"__{kind.__name__}__", of_one(kind, getattr(array, f"__{kind.__name__}__"))
    yield KerasTensor, "shape", property(_symbolic_shape, _set_symbolic_shape)
    yield KerasTensor, "dtype", property(_symbolic_dtype, _set_symbolic_dtype)
    yield KerasTensor, "__jax_array__", _jax_array
    yield KerasTensor, "__array_ufunc__", None
    yield KerasTensor, "get_shape", _get_shape
    yield KerasTensor, "set_shape", _set_shape
    yield KerasTensor, "ref", _ref
    yield Variable, "shape", shaped(Variable.shape)
    yield Variable, "dtype", typed(Variable.dtype)
    yield Variable, "get_shape", _get_shape
    yield Variable, "ref", _ref
    yield Variable, "device", property(lambda self: f"/device:{jax.default_backend().upper()}:0")


MEMBERS: dict[str, Member] = {
    **{name: Member(dtype) for name, dtype in DTYPES.items()},
    **{f"dtypes.{name}": Member(dtype) for name, dtype in DTYPES.items()},
    **dict.fromkeys(("as_dtype", "dtypes.as_dtype"), Member(as_dtype)),
    **dict.fromkeys(("DType", "dtypes.DType"), Member(DType)),
    "TensorShape": Member(TensorShape),
    **dict.fromkeys(("TensorSpec", "TypeSpec"), Member(TensorSpec)),
    "Tensor": Member(Tensor),
    "is_tensor": Member(is_tensor),
}
