"""Kinds of constructor arguments. The annotation of an argument says all there is to know about it, in one place.

    def __init__(self, units: Size, activation: ActivationLike = None, ...)

`Size` is the type `int` for editors, and for us a `Kind`, which checks a value and turns it into what the object works
with, bounds what a config from a file may hold, and writes it into configs. `constructor.keep` applies the kinds before
the body of a constructor runs. Annotations are looked up by name, never evaluated: `Size`, `Size | None`, `bool`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn, SupportsIndex, TypeGuard

import numpy as np

from . import above, catalogue, dtypes, settings, values
from .names import suggest

MAX_NAME = 512
MAX_SIZE = 2**31 - 1  # of units, filters, axes: what an array can be indexed with
Number = float | int


class Owner:
    """The object whose argument is checked, and its name in messages.

    Args:
        instance: the object; its base class has not run yet.
        name: what the caller calls it, if it does.
    """

    instance: Any
    name: object

    def __init__(self, instance: object, name: object = None):
        self.instance, self.name = instance, name

    def __str__(self) -> str:
        cls = type(self.instance).__name__
        is_layer = getattr(self.instance, "tracked_as", None) == "layer"
        return f"Layer '{self.name}' ({cls})" if self.name and is_layer else cls


class Kind:
    """Base of all kinds, and the kind of an argument of which nothing is checked.

    Attributes:
        expected: completes "must be" in messages.
        in_file: the same for what a file may hold, where that is less.
        attribute: whether the value is kept as an attribute of the argument's name.
        kept_as: the attribute that configs are written from, where the class keeps what was passed under another name.
        in_config: whether configs hold it.
    """

    expected = "a value"
    attribute = True
    kept_as: str | None = None
    in_config = True

    @property
    def in_file(self) -> str:
        return self.expected

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        """What the object works with; ValueError if the value is of another kind."""
        return value

    def fits(self, value: object, cls: type) -> bool:
        """Whether a config of `cls` from a file may hold the value; it consists of what JSON has."""
        return True

    def config(self, value: object) -> object:
        """What configs hold of what the object works with."""
        return catalogue.serialize(value)

    def refuse(self, value: object, name: str, owner: Owner, error: type[Exception] = ValueError) -> NoReturn:
        raise error(
            f"{owner}: `{name}` must be {self.expected}. Received: {name}={value!r} (of type {type(value).__name__})."
        )


class Optional(Kind):
    """Another kind, or None."""

    attribute: bool
    kept_as: str | None
    in_config: bool

    def __init__(self, inner: Kind):
        self.inner = inner
        self.expected: str = f"{inner.expected} or None"
        self.attribute, self.kept_as, self.in_config = inner.attribute, inner.kept_as, inner.in_config

    @property
    def in_file(self) -> str:
        return f"{self.inner.in_file}, or null"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        return None if value is None else self.inner.resolve(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or self.inner.fits(value, cls)

    def config(self, value: object) -> object:
        return None if value is None else self.inner.config(value)


class Checked(Kind):
    """A kind that says which values it `contains`; they stay as they came, and files may hold the same."""

    def contains(self, value: object) -> bool:
        raise NotImplementedError

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        return value if self.contains(value) else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return self.contains(value)


class Plain(Kind):
    """A value of a plain Python type, taken as it is; a file must hold one of these types."""

    expected: str
    accepted: tuple[type, ...]
    refused: tuple[type, ...]
    in_config: bool

    def __init__(self, expected: str, *accepted: type, refused: tuple[type, ...] = (), in_config: bool = True):
        self.expected, self.accepted, self.refused, self.in_config = expected, accepted, refused, in_config

    def fits(self, value: object, cls: type) -> bool:
        return value is None or (isinstance(value, self.accepted) and not isinstance(value, self.refused))


class Whole(Kind):
    """A whole number, of Python or NumPy, that is no bool.

    Args:
        least: the smallest.
        most: the largest that a file may hold; tables are made of some.
    """

    least: int
    most: int

    def __init__(self, least: int = 1, most: int = MAX_SIZE):
        self.least, self.most = least, most
        self.expected: str = "a positive integer" if least == 1 else f"an integer >= {least}"

    @property
    def in_file(self) -> str:
        return f"{self.expected} up to {self.most}"

    def resolve(self, value: object, name: str, owner: Owner) -> int:
        if not is_whole(value) or value.__index__() < self.least:
            self.refuse(value, name, owner)
        return value.__index__()

    def fits(self, value: object, cls: type) -> bool:
        return type(value) is int and self.least <= value <= self.most


class PerAxis(Kind):
    """One whole number for all `rank` spatial axes of a layer, or one for each; a tuple in the end.

    Args:
        least: the smallest.
        wrong_type: what is raised if the value is something else, or not one per axis.
    """

    each: Whole
    wrong_type: type[Exception]

    def __init__(self, least: int = 1, wrong_type: type[Exception] = ValueError):
        self.each, self.wrong_type = Whole(least), wrong_type
        self.expected: str = f"{self.each.expected}, or one of them per spatial axis"

    @property
    def in_file(self) -> str:
        return f"{self.each.in_file}, or a list of them"

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int, ...]:
        rank = owner.instance.rank
        listed = isinstance(value, Sequence) and not isinstance(value, (str, bytes))
        several: tuple[Any, ...] = tuple(value) if listed else (value,) * rank  # type: ignore[arg-type]
        typed = len(several) == rank and all(map(is_whole, several))
        if not typed or min(several) < self.each.least:
            error = ValueError if typed else self.wrong_type
            raise error(
                f"{owner}: the `{name}` argument must be {self.each.expected}, or a tuple of {rank} of them, one per"
                f" spatial axis. Received: {name}={value!r}"
            )
        return tuple(size.__index__() for size in several)

    def fits(self, value: object, cls: type) -> bool:
        return all(self.each.fits(size, cls) for size in (value if isinstance(value, (list, tuple)) else [value]))


class Real(Checked):
    """A number in a range, kept as it is.

    Args:
        least, most: the ends, which belong to the range.
        above, below: ends that do not.
    """

    least: float
    most: float
    above: float | None
    below: float | None

    def __init__(
        self, least: float = -math.inf, most: float = math.inf, above: float | None = None, below: float | None = None
    ):
        self.least, self.most, self.above, self.below = least, most, above, below
        low = f"above {above:g}" if above is not None else f"from {least:g}" if least > -math.inf else ""
        high = f"below {below:g}" if below is not None else f"{most:g}" if most < math.inf else ""
        if high:
            self.expected = f"a number {low} to {high}" if low else f"a number up to {high}"
        elif above is not None:
            self.expected = "a positive number" if above == 0 else f"a number > {above:g}"
        else:
            self.expected: str = f"a number >= {least:g}" if low else "a number"

    def contains(self, value: object) -> bool:
        if not is_number(value) or not self.least <= value <= self.most:
            return False
        return (self.above is None or value > self.above) and (self.below is None or value < self.below)


class OneOf(Kind):
    """One of some values, most of them names.

    Args:
        lower: whether names may come in capitals.
    """

    allowed: tuple[Any, ...]
    lower: bool

    def __init__(self, *allowed: object, lower: bool = False):
        self.allowed, self.lower = allowed, lower
        self.expected: str = f"one of {allowed}"

    def of(self, cls: type) -> tuple[Any, ...]:
        """What the class of the owner allows."""
        return self.allowed

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        allowed = self.of(type(owner.instance))
        found = value.lower() if self.lower and isinstance(value, str) else value
        if not is_among(found, allowed):
            close = suggest(value, filter(None, map(str, allowed)))
            raise ValueError(
                f"{owner}: the `{name}` argument must be one of {allowed}. Received: {name}={value!r}.{close}"
            )
        return found

    def fits(self, value: object, cls: type) -> bool:
        return is_among(value.lower() if self.lower and isinstance(value, str) else value, self.of(cls))


class PaddingOf(OneOf):
    """How a window treats the borders: what the class of the owner has in `paddings`."""

    def of(self, cls: type) -> tuple[Any, ...]:
        return getattr(cls, "paddings", self.allowed)


class Layout(OneOf):
    """Where the channels of images and sequences stand; None: as `config.set_image_data_format` says."""

    def resolve(self, value: object, name: str, owner: Owner) -> str:
        return settings.image_data_format() if value is None else super().resolve(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or super().fits(value, cls)


class Like(Kind):
    """An object of a family, or what stands for one: a name, a config, a class, a callable.

    Args:
        family: the public module of the family, such as `"keras.initializers"`.
    """

    def __init__(self, family: str):
        self.family = family
        self.expected: str = f"a name, a config or an object of `{family}`, or a callable"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        return catalogue.get(self.family, value)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, (str, Mapping)) or not is_json(value)


class Quantization(Like):
    """How a layer is quantized whose dtype policy asks for it: a `QuantizationConfig`, its config, or None."""

    def __init__(self) -> None:
        super().__init__("keras.quantizers")
        self.expected = "a `QuantizationConfig` of `keras.quantizers`, its config, or None"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        if value is None:
            return None
        found = super().resolve(value, name, owner) if isinstance(value, Mapping) else value
        if not isinstance(found, above.load("quantizers").QuantizationConfig):
            self.refuse(value, name, owner)
        return found

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, Mapping) or not is_json(value)


class ShapeOf(Kind):
    """A shape, or a structure of shapes, as it came; only files are checked."""

    expected: str = f"a shape: sizes of 0 to {MAX_SIZE} or null"

    def fits(self, value: object, cls: type) -> bool:
        return value is None or is_shape(value)


class InFiles(Kind):
    """Whatever Keras takes, as it came; a file must hold what another kind allows.

    Args:
        inner: that kind.
    """

    inner: Kind
    expected: str

    def __init__(self, inner: Kind):
        self.inner, self.expected = inner, inner.in_file

    def fits(self, value: object, cls: type) -> bool:
        return self.inner.fits(value, cls)


class Quantity(Kind):
    """A number as it came: in code perhaps an array, a variable or a traced value.

    Args:
        several: whether it may be many numbers.
    """

    def __init__(self, several: bool = False):
        self.several = several
        self.expected = "a number, or a list of numbers" if several else "a number"

    def fits(self, value: object, cls: type) -> bool:
        if self.several and isinstance(value, (list, tuple)):
            return all(self.fits(item, cls) for item in value)
        return is_number(value) or is_array(value)

    def config(self, value: object) -> object:
        return value


class AnyAxes(Kind):
    """One axis or several, as they came."""

    expected = "the number of an axis, or a list of them"

    def resolve(self, value: object, name: str, owner: Owner) -> object:
        return tuple(value["items"]) if is_tuple(value) else value

    def fits(self, value: object, cls: type) -> bool:
        if is_tuple(value):
            value = value.get("items")
        several = value if isinstance(value, (list, tuple)) else [value]
        return all(type(axis) is int and abs(axis) <= MAX_SIZE for axis in several)

    def config(self, value: object) -> object:
        return value


class Name(Kind):
    """A name as it came: in code what it may be depends on the family."""

    expected: str = f"a name: a string of 1 to {MAX_NAME} characters without /"

    def fits(self, value: object, cls: type) -> bool:
        return value is None or is_name(value)


class Function(Kind):
    """A function as it came; a file names one."""

    expected = "a function; in a file its name or its config"

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, (str, Mapping)) or not is_json(value)


class Listed(Kind):
    """A list or array, as it came. A file must hold the list itself, never the name of another file."""

    expected = "a list, not a file to read"

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, (list, tuple)) or is_array(value) or is_tuple(value)


class Given(Listed):
    """Weights to begin with, one array or a list of them: no attribute, and configs hold none."""

    attribute = in_config = False


class AxisOf(Kind):
    """One axis; below zero it counts from behind."""

    expected = "one integer"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        return value.__index__() if is_whole(value) else self.refuse(value, name, owner, TypeError)

    def fits(self, value: object, cls: type) -> bool:
        return type(value) is int


class AxesOf(AxisOf):
    """One axis or several.

    Args:
        several: the type of several; None: a tuple stays a tuple, anything else becomes a list.
        one: whether one axis stays a number.
    """

    several: type | None
    one: bool

    expected = "an int or a list/tuple of ints"

    def __init__(self, several: type | None = list, one: bool = True):
        self.several, self.one = several, one

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        listed = value if isinstance(value, Sequence) and not isinstance(value, str) else None
        if self.one and listed is None:
            return super().resolve(value, name, owner)
        axes = [super(AxesOf, self).resolve(axis, name, owner) for axis in ([value] if listed is None else listed)]
        several = self.several or (tuple if isinstance(value, tuple) else list)
        return several(axes) if axes else self.refuse(value, name, owner, TypeError)

    def fits(self, value: object, cls: type) -> bool:
        items = value.get("items") if isinstance(value, Mapping) else value  # `__tuple__`, as old files write it
        return all(type(axis) is int for axis in (items if isinstance(items, (list, tuple)) else [items]))


class DtypeOf(Kind):
    """A dtype by name, of Python, NumPy or JAX; its name in the end."""

    expected = "the name of a dtype"

    def resolve(self, value: Any, name: str, owner: Owner) -> str:
        return dtypes.standardize(value)

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, str)


class Unwritten(Optional):
    """Another kind, or None; not in configs, unless the class adds it."""

    def __init__(self, inner: Kind):
        super().__init__(inner)
        self.in_config = False


def is_whole(value: object) -> TypeGuard[SupportsIndex]:
    """Whether a value is a whole number of Python or NumPy, and no bool."""
    return hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_)) and getattr(value, "ndim", 0) == 0


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a number of Python or NumPy, and no bool."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def is_shape(value: object) -> bool:
    """A list of sizes, or a structure of such lists."""
    if isinstance(value, Mapping):
        if is_tuple(value):
            return is_shape(list(value.get("items") or ()))
        return all(is_shape(item) for item in value.values())
    if not isinstance(value, (list, tuple)) or len(value) > 10_000:
        return False
    if any(isinstance(item, (list, tuple, Mapping)) for item in value):
        return all(item is None or is_shape(item) for item in value)
    sizes = [item for item in value if item is not None]
    return all(type(item) is int and -1 <= item <= MAX_SIZE for item in sizes) and math.prod(map(abs, sizes)) < 2**63


def is_array(value: object) -> bool:
    """Whether a value is the config of an array."""
    return isinstance(value, Mapping) and value.get("class_name") in values.ARRAYS


def is_tuple(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is the config of a tuple."""
    return isinstance(value, Mapping) and value.get("class_name") == "__tuple__"


def is_name(value: object) -> TypeGuard[str]:
    """Names are shown and compared, never joined to a path; those that look like one are refused all the same."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= MAX_NAME
        and value.isprintable()
        and not re.search(r"[/\\]|^\.\.?$", value)
    )


def is_among(value: object, allowed: tuple[Any, ...]) -> bool:
    """Whether a value is one of some: strings of NumPy count as strings, while 1 is neither True nor 1.0."""
    kind = str if isinstance(value, str) else type(value)
    return any(kind is type(one) and value == one for one in allowed)


def is_json(value: object) -> bool:
    """Whether a file can hold the value: anything else comes from the caller's own program."""
    return value is None or isinstance(value, (bool, int, float, str, list, tuple, Mapping))


# --- the names that signatures use --------------------------------------------------------------------------------

ActivationName = Literal[
    "linear", "relu", "leaky_relu", "relu6", "elu", "selu", "celu", "gelu", "glu", "silu", "swish", "mish", "sigmoid",
    "hard_sigmoid", "log_sigmoid", "hard_silu", "hard_swish", "tanh", "hard_tanh", "softmax", "log_softmax", "softplus",
    "softsign", "exponential", "hard_shrink", "soft_shrink", "tanh_shrink", "threshold", "squareplus", "sparse_plus",
    "sparsemax", "sparse_sigmoid",
]  # fmt: skip
InitializerName = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal", "zeros", "ones",
    "constant", "identity", "orthogonal", "random_normal", "random_uniform", "truncated_normal", "variance_scaling",
]  # fmt: skip
RegularizerName = Literal["l1", "l2", "l1l2", "orthogonal_regularizer"]
ConstraintName = Literal["max_norm", "min_max_norm", "non_neg", "unit_norm"]

Config = Mapping[str, Any]
ActivationLike = Annotated[ActivationName | str | Callable[..., Any] | Config | None, Like("keras.activations")]
InitializerLike = Annotated[
    InitializerName | str | Callable[..., Any] | Config | np.ndarray | Number | None, Like("keras.initializers")
]
RegularizerLike = Annotated[RegularizerName | str | Callable[..., Any] | Config | None, Like("keras.regularizers")]
ConstraintLike = Annotated[ConstraintName | str | Callable[..., Any] | Config | None, Like("keras.constraints")]

Size = Annotated[int, Whole(1)]
Count = Annotated[int, Whole(0)]
Sizes = Annotated[int | Sequence[int], PerAxis(1)]
Counts = Annotated[int | Sequence[int], PerAxis(0)]
OutputSizes = Annotated[int | Sequence[int], PerAxis(1, wrong_type=TypeError)]
Rate = Annotated[Number, Real(0, below=1)]
Fraction = Annotated[Number, Real(0, 1)]
Positive = Annotated[Number, Real(0)]
AboveZero = Annotated[Number, Real(above=0)]
DataFormatName = Literal["channels_last", "channels_first"]
DataFormat = Annotated[DataFormatName | None, Layout("channels_last", "channels_first")]
Padding = Annotated[Literal["valid", "same"], PaddingOf("valid", "same", lower=True)]
CausalPadding = Annotated[Literal["valid", "same", "causal"], PaddingOf("valid", "same", "causal", lower=True)]
Factor = Annotated[Number, Quantity()]
Factors = Annotated[Any, Quantity(several=True)]
# What these may be is checked in files alone: in code Keras takes more.
Integer = Annotated[int, InFiles(Whole(-MAX_SIZE))]
Probability = Annotated[Number, InFiles(Real(0, 1))]
AxisLike = Annotated[int | Sequence[int], AnyAxes()]
FunctionLike = Annotated[Callable[..., Any], Function()]
NameLike = Annotated[str, Name()]
ShapeLike = Annotated[Sequence[int | None] | None, ShapeOf()]
Axis = Annotated[int, AxisOf()]
Axes = Annotated[int | Sequence[int], AxesOf()]
DtypeLike = Annotated[Any, DtypeOf()]
StartingWeights = Annotated[Any, Given()]
LowRankSize = Annotated[int | None, Unwritten(Whole(1))]
LowRankAlpha = Annotated[Number | None, Unwritten(Real(above=0))]
QuantizationLike = Annotated[Any, Quantization()]

PLAIN: dict[str, Kind] = {
    "bool": Plain("true or false", bool, int, str),
    "int": Plain("a whole number", int, str, refused=(bool,)),
    "float": Plain("a number", int, float, list, tuple, Mapping, str, refused=(bool,)),
    "Number": Plain("a number", int, float, list, tuple, Mapping, str, refused=(bool,)),
    "str": Plain("a string", str),
}


def kind_of(annotation: object, namespace: Mapping[str, Any]) -> Kind | None:
    """The kind that an annotation names; None for one that names none.

    Args:
        annotation: its text.
        namespace: the names of the module where it stands.

    >>> kind_of("Size | None", globals()).expected
    'a positive integer or None'
    >>> kind_of("dict[str, int]", globals()) is None
    True
    """
    if not isinstance(annotation, str):
        return None
    base = annotation.removesuffix(" | None")
    kind = PLAIN.get(base)
    if kind is None:
        named = namespace.get(base)
        kind = next((part for part in getattr(named, "__metadata__", ()) if isinstance(part, Kind)), None)
    return kind if kind is None or base == annotation else Optional(kind)
