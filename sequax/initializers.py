"""Initializers: callables `(shape, dtype) -> array` that give variables their first values.

The random ones draw with NumPy, so that building a model compiles nothing. Like Keras', an initializer repeats itself:
each call with the same shape gives the same values, also when its seed was left open (it then keeps one fresh seed).
Only one that was given a `SeedGenerator` moves on from call to call.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np

from ._lazy import listed
from .core import dtypes, rng
from .core.catalogue import Catalogue, serialize as config_of
from .core.config import deserialize as object_of
from .core.constructor import Configured
from .core.kinds import AboveZero, AxisLike, Factor, Kind, OneOf, Owner, Quantity
from .core.types import ArrayLike, Config, DTypeLike, Tensor


class Initializers(Catalogue):
    """An array stands for itself."""

    def get(self, identifier: object) -> Any:
        if isinstance(identifier, np.ndarray) or hasattr(identifier, "__jax_array__") or hasattr(identifier, "devices"):
            return Constant(identifier)
        return super().get(identifier)


catalogue: Initializers = Initializers("initializer", "keras.initializers")

Axes = AxisLike | None


def get(identifier: object) -> Any:
    """An initializer from a name, a config, a class, an array (then its value) or a callable; None stays None.

    Args:
        identifier: any of these.
    """
    return catalogue.get(identifier)


deserialize = catalogue.deserialize


def serialize(initializer: object) -> Config | str | None:
    """The config of an initializer; of a public function its name."""
    return catalogue.serialize(initializer)


@catalogue.register()
class Initializer(Configured):
    """Base of all initializers. A subclass writes `__call__(shape, dtype=None)` and, if it has settings, `get_config`.

    Example:

    >>> class Sevens(Initializer):
    ...     def __call__(self, shape, dtype=None):
    ...         return np.full(shape, 7, dtype)
    >>> Sevens()((2,), "float32").tolist()
    [7.0, 7.0]
    """

    def __call__(self, shape: Sequence[int], dtype: str | None = None) -> np.ndarray | Tensor:
        raise NotImplementedError(f"Initializer {type(self).__name__} must implement `__call__(shape, dtype=None)`.")

    def clone(self) -> Initializer:
        """A new initializer with the same settings."""
        return type(self).from_config(self.get_config())


class _Value(Quantity):
    """A number or numbers, or the config of an array."""

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        return object_of(value) if isinstance(value, Mapping) else value

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, bool) or super().fits(value, cls)

    def config(self, value: object) -> object:
        return config_of(value)


class _Seed(Kind):
    """Where random numbers start: a whole number, a `SeedGenerator` or its config, or None."""

    kept_as = "given_seed"  # in configs a seed that was left open stays open
    expected = "a whole number, a SeedGenerator or None"

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        if isinstance(value, dict):
            return object_of(value)
        fits = isinstance(value, (int, np.integer, rng.SeedGenerator)) and not isinstance(value, bool)
        return value if fits or value is None else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or type(value) is int or isinstance(value, Mapping)


class _Distribution(OneOf):
    """A distribution by name; `normal` is one that is truncated."""

    def resolve(self, value: object, name: str, owner: Owner) -> Any:
        return super().resolve("truncated_normal" if value == "normal" else value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value == "normal" or super().fits(value, cls)


class _Window(Kind):
    """What weighs the samples of a frame: a name (perhaps with parameters), the weights, or None."""

    expected = "the name of a window, a list of its name and parameters, or a list of weights"

    def resolve(self, value: object, name: str, owner: Owner) -> object:
        return _window(value)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or isinstance(value, (str, list, tuple))


Value = Annotated[Any, _Value(several=True)]
SeedLike = Annotated[int | rng.SeedGenerator | Mapping[str, Any] | None, _Seed()]
Fan = Annotated[Literal["fan_in", "fan_out", "fan_avg"], OneOf("fan_in", "fan_out", "fan_avg")]
Distribution = Annotated[
    Literal["truncated_normal", "normal", "untruncated_normal", "uniform"],
    _Distribution("truncated_normal", "untruncated_normal", "uniform"),
]
Side = Annotated[Literal["real", "imag"] | str, OneOf("real", "imag")]
Window = Annotated[str | Sequence[Any] | None, _Window()]
Scaling = Annotated[Literal["density", "spectrum"] | str | None, OneOf("density", "spectrum", None)]


# --- fixed values ---------------------------------------------------------------------------------------------------


@catalogue.register("zero")
class Zeros(Initializer):
    """All elements 0.

    Example:

    >>> Zeros()((2,), "float32").tolist()
    [0.0, 0.0]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return np.zeros(shape, _numpy_dtype(dtype))


@catalogue.register("one")
class Ones(Initializer):
    """All elements 1.

    Example:

    >>> Ones()((2,), "float32").tolist()
    [1.0, 1.0]
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return np.ones(shape, _numpy_dtype(dtype))


@catalogue.register()
class Constant(Initializer):
    """All elements `value`.

    Args:
        value: a number, or an array that broadcasts to the shape.

    Raises:
        ValueError: when called with a shape that the value does not fit.

    Example:

    >>> Constant(7)((2,), "float32").tolist()
    [7.0, 7.0]
    """

    value: ArrayLike

    def __init__(self, value: Value = 0.0):
        pass

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        try:
            return np.array(np.broadcast_to(np.asarray(self.value), tuple(shape)), _numpy_dtype(dtype))
        except ValueError:
            raise ValueError(
                f"Constant: a value of shape {np.shape(self.value)} does not fit a variable of shape {tuple(shape)}."
            ) from None


@catalogue.register("IdentityInitializer")
class Identity(Initializer):
    """`gain` on the main diagonal, 0 elsewhere; for matrices only.

    Args:
        gain: the number on the diagonal.

    Raises:
        ValueError: when called with a shape that is not that of a matrix.

    Example:

    >>> Identity(2.0)((2, 3), "float32").tolist()
    [[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]]
    """

    gain: float

    def __init__(self, gain: Factor = 1.0):
        pass

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        if len(shape) != 2:
            raise ValueError(
                f"Identity matrix initializer can only be used for 2D matrices."
                f" Received: shape={tuple(shape)} of rank {len(shape)}."
            )
        return np.asarray(self.gain * np.eye(shape[0], shape[1]), _numpy_dtype(dtype))


@catalogue.register("STFTInitializer")
class STFT(Initializer):
    """Kernel of a 1-D convolution that computes one part of the short-time Fourier transform.

    For a shape (frame length, 1, bins) the element (n, 0, k) is `w[n] cos(2π n k / N)` or `−w[n] sin(2π n k / N)`
    with `N = 2 (bins − 1)`.

    Args:
        side: `"real"` or `"imag"`.
        window: name that `scipy.signal.get_window` knows (or a tuple of name and parameters), the weights themselves,
            one per sample of a frame, or None for none (and no scaling).
        scaling: `"density"` divides the window by `√Σw²`, `"spectrum"` by `Σw`, None leaves it.
        periodic: whether the window is periodic instead of symmetric.

    Raises:
        ValueError: for arguments that are none of these, a shape of another kind, or weights that do not fit it.

    Example:

    >>> STFT("real", window=None)((4, 1, 3), "float32").round(2)[:, 0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -1.0, 1.0], [1.0, -0.0, -1.0]]
    """

    config_order: tuple[str, ...] = ("side", "window", "periodic")
    side: str
    window: str | Sequence[Any] | None
    scaling: str | None
    periodic: bool

    def __init__(
        self, side: Side = "real", window: Window = "hann", scaling: Scaling = "density", periodic: bool = False
    ):
        pass

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        if len(shape) != 3 or shape[1] != 1:
            raise ValueError(f"STFT: expected a shape (frame length, 1, bins). Received: shape={tuple(shape)}")
        length, _, bins = shape
        angles = 2 * np.pi / (2 * (bins - 1)) * np.outer(np.arange(length), np.arange(bins))
        waves = np.cos(angles) if self.side == "real" else -np.sin(angles)
        return np.asarray((self._weights(length)[:, None] * waves)[:, None, :], _float_dtype(self, dtype))

    def _weights(self, length: int) -> np.ndarray:
        if self.window is None:
            return np.ones(length)
        window = _named_window(self.window, length, self.periodic) if _names_window(self.window) else self.window
        window = np.asarray(window, "float64")
        if window.shape != (length,):
            raise ValueError(
                f"STFT: `window` must have one weight for each of the {length} samples of a frame. Received: weights of"
                f" shape {window.shape}"
            )
        if self.scaling == "density":
            return window / np.sqrt(np.sum(window**2))
        return window / np.sum(window) if self.scaling == "spectrum" else window


def _window(window: Any) -> object:
    """A window as it is kept and written into configs; `("tukey", 0.5)` comes back from JSON as a list."""
    if _names_window(window):
        window = tuple(window) if isinstance(window, list) else window
        if window not in ("hann", "hamming"):  # SciPy is slow to import: not for the two that nearly everybody uses
            _named_window(window, 1, False)
        return window
    return window if window is None else np.asarray(window).tolist()


def _names_window(window: object) -> bool:
    return isinstance(window, str) or (isinstance(window, (tuple, list)) and isinstance(next(iter(window), None), str))


def _named_window(window: str | Sequence[Any], length: int, periodic: bool) -> np.ndarray:
    from scipy.signal import get_window

    return get_window(window, length, periodic)


# --- random values --------------------------------------------------------------------------------------------------


class RandomInitializer(Initializer):
    """Base of the random ones: keeps the seed (int, `SeedGenerator` or None) and hands out NumPy generators."""

    config_order: tuple[str, ...] = ("seed",)

    def __init__(self, seed: SeedLike = None):
        self.given_seed = seed
        self.seed: Any = rng.fresh_seed() if seed is None else seed

    def generator(self) -> np.random.Generator:
        if isinstance(self.seed, rng.SeedGenerator):
            return np.random.default_rng(np.asarray(self.seed.next()))
        return rng.numpy_generator(self.seed)


@catalogue.register("uniform")
class RandomUniform(RandomInitializer):
    """Uniform between `minval` and `maxval`.

    Args:
        minval: the lower bound.
        maxval: the upper bound.
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.

    Example:

    >>> RandomUniform(-1.0, 1.0, seed=1)((2, 3)).shape
    (2, 3)
    """

    minval: float
    maxval: float

    def __init__(self, minval: Factor = -0.05, maxval: Factor = 0.05, seed: SeedLike = None):
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return _uniform(self.generator(), shape, self.minval, self.maxval, _float_dtype(self, dtype))


@catalogue.register("normal")
class RandomNormal(RandomInitializer):
    """Normal with the given mean and standard deviation.

    Args:
        mean: the mean.
        stddev: the standard deviation.
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.

    Example:

    >>> RandomNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    mean: float
    stddev: float

    def __init__(self, mean: Factor = 0.0, stddev: Factor = 0.05, seed: SeedLike = None):
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return _scaled(_normal(self.generator(), shape), self.mean, self.stddev, _float_dtype(self, dtype))


@catalogue.register()
class TruncatedNormal(RandomNormal):
    """Normal, with values farther than two standard deviations from the mean drawn again.

    Args:
        mean: the mean.
        stddev: the standard deviation before truncation; the values' own is 0.88 of it.
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.

    Example:

    >>> bool((abs(TruncatedNormal(stddev=0.5, seed=1)((100,))) <= 1).all())
    True
    """

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        return _scaled(_truncated(self.generator(), shape), self.mean, self.stddev, _float_dtype(self, dtype))


@catalogue.register()
class VarianceScaling(RandomInitializer):
    """Random values with variance `scale / n`, `n` being the number of inputs or outputs of a unit.

    Args:
        scale: positive.
        mode: `n` is `"fan_in"` (inputs), `"fan_out"` (outputs) or `"fan_avg"` (their mean).
        distribution: `"truncated_normal"` (also `"normal"`), `"untruncated_normal"` or `"uniform"`.
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes, output_axes: axes whose sizes multiply to the fans. Both or none; by default the last axis counts
            outputs, the one before it inputs, and all others (the window of a convolution) multiply both.

    Raises:
        ValueError: for arguments that are none of these.

    Source: LeCun et al. 1998, *Efficient BackProp*, section 4.6; the general form as in He et al. 2015.

    Example:

    >>> weights = VarianceScaling(2.0, mode="fan_in", seed=1)((400, 300))
    >>> round(float(weights.var()) * 400, 1)
    2.0
    """

    scale: float
    mode: str
    distribution: str
    input_axes: Axes
    output_axes: Axes

    def __init__(
        self,
        scale: AboveZero = 1.0,
        mode: Fan = "fan_in",
        distribution: Distribution = "truncated_normal",
        seed: SeedLike = None,
        input_axes: AxisLike | None = None,
        output_axes: AxisLike | None = None,
    ):
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        fan_in, fan_out = fans(shape, self.input_axes, self.output_axes)
        count = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, count)
        generator, dtype = self.generator(), _float_dtype(self, dtype)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return _uniform(generator, shape, -limit, limit, dtype)
        if self.distribution == "truncated_normal":
            return _scaled(_truncated(generator, shape), 0.0, math.sqrt(variance) / _TRUNCATED_STDDEV, dtype)
        return _scaled(_normal(generator, shape), 0.0, math.sqrt(variance), dtype)

    def along(self, input_axes: Axes, output_axes: Axes) -> VarianceScaling:
        """This initializer with the fans of these axes, unless it was given its own; the seed is the same."""
        if self.input_axes is not None and self.output_axes is not None:
            return self
        other = copy.copy(self)
        other.input_axes, other.output_axes = input_axes, output_axes
        return other


class _NamedScaling(VarianceScaling):
    """`VarianceScaling` with settings that carry the name of their authors."""

    settings: tuple[float, Fan, Distribution]

    def __init__(self, seed: SeedLike = None, input_axes: AxisLike | None = None, output_axes: AxisLike | None = None):
        scale, mode, distribution = self.settings
        super().__init__(scale, mode, distribution, seed, input_axes, output_axes)


@catalogue.register()
class GlorotUniform(_NamedScaling):
    """Uniform in ±√(6 / (fan_in + fan_out)). Glorot and Bengio 2010, equation 16.

    Args:
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes: axes that count inputs, as in `VarianceScaling`.
        output_axes: axes that count outputs, as in `VarianceScaling`.

    Example:

    >>> GlorotUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    settings: tuple[float, Fan, Distribution] = 1.0, "fan_avg", "uniform"


@catalogue.register()
class GlorotNormal(_NamedScaling):
    """Truncated normal with variance 2 / (fan_in + fan_out). Glorot and Bengio 2010, equation 12.

    Args:
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes: axes that count inputs, as in `VarianceScaling`.
        output_axes: axes that count outputs, as in `VarianceScaling`.

    Example:

    >>> GlorotNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    settings: tuple[float, Fan, Distribution] = 1.0, "fan_avg", "truncated_normal"


@catalogue.register()
class HeUniform(_NamedScaling):
    """Uniform in ±√(6 / fan_in). He et al. 2015, *Delving Deep into Rectifiers*.

    Args:
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes: axes that count inputs, as in `VarianceScaling`.
        output_axes: axes that count outputs, as in `VarianceScaling`.

    Example:

    >>> HeUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    settings: tuple[float, Fan, Distribution] = 2.0, "fan_in", "uniform"


@catalogue.register()
class HeNormal(_NamedScaling):
    """Truncated normal with variance 2 / fan_in. He et al. 2015, equation 10 (there not truncated).

    Args:
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes: axes that count inputs, as in `VarianceScaling`.
        output_axes: axes that count outputs, as in `VarianceScaling`.

    Example:

    >>> HeNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    settings: tuple[float, Fan, Distribution] = 2.0, "fan_in", "truncated_normal"


@catalogue.register()
class LecunUniform(_NamedScaling):
    """Uniform in ±√(3 / fan_in). LeCun et al. 1998, *Efficient BackProp*.

    Args:
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes: axes that count inputs, as in `VarianceScaling`.
        output_axes: axes that count outputs, as in `VarianceScaling`.

    Example:

    >>> LecunUniform(seed=1)((2, 3)).shape
    (2, 3)
    """

    settings: tuple[float, Fan, Distribution] = 1.0, "fan_in", "uniform"


@catalogue.register()
class LecunNormal(_NamedScaling):
    """Truncated normal with variance 1 / fan_in. LeCun et al. 1998; goes with SELU (Klambauer et al. 2017).

    Args:
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.
        input_axes: axes that count inputs, as in `VarianceScaling`.
        output_axes: axes that count outputs, as in `VarianceScaling`.

    Example:

    >>> LecunNormal(seed=1)((2, 3)).shape
    (2, 3)
    """

    settings: tuple[float, Fan, Distribution] = 1.0, "fan_in", "truncated_normal"


@catalogue.register("OrthogonalInitializer")
class Orthogonal(RandomInitializer):
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer.

    A shape of more than two axes is filled as a matrix of (all other axes, last axis). Saxe et al. 2014, *Exact
    solutions to the nonlinear dynamics of learning in deep linear neural networks*; made uniform over all orthogonal
    matrices by the signs of R (Mezzadri 2007).

    Args:
        gain: factor.
        seed: whole number or `SeedGenerator`; None: a fresh one, kept.

    Raises:
        ValueError: when called with a shape of fewer than two axes.

    Example:

    >>> q = Orthogonal(seed=1)((3, 2))
    >>> bool(np.allclose(q.T @ q, np.eye(2), atol=1e-5))
    True
    """

    gain: float

    def __init__(self, gain: Factor = 1.0, seed: SeedLike = None):
        super().__init__(seed)

    def __call__(self, shape: Sequence[int], dtype: DTypeLike | None = None) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(
                f"Orthogonal: the shape must have at least two axes. Received: shape={tuple(shape)} of rank"
                f" {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(_normal(self.generator(), (max(rows, columns), min(rows, columns))))
        q = q * np.where(np.diagonal(r) < 0, -1, 1)
        return np.asarray(self.gain * (q.T if rows < columns else q).reshape(shape), _float_dtype(self, dtype))


# --- how the values are drawn ---------------------------------------------------------------------------------------

# Standard deviation of the unit normal truncated at ±2: √(1 − 2·2φ(2) / (2Φ(2) − 1)).
_TRUNCATED_STDDEV = 0.87962566103423978


def fans(shape: Sequence[int], input_axes: Axes = None, output_axes: Axes = None) -> tuple[int, int]:
    """How many inputs and outputs a unit has, read off the shape of a weight.

    >>> fans((3, 3, 16, 32))
    (144, 288)
    """
    if input_axes is not None and output_axes is not None:
        return _size(shape, input_axes), _size(shape, output_axes)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def _size(shape: Sequence[int], axes: int | Sequence[int]) -> int:
    return math.prod([shape[axis] for axis in (axes if isinstance(axes, Iterable) else [axes])])


def _uniform(
    generator: np.random.Generator, shape: Sequence[int], low: float, high: float, dtype: np.dtype
) -> np.ndarray:
    values = generator.random(tuple(shape), dtype=np.float32)
    return np.asarray(low + (high - low) * values, dtype)


def _normal(generator: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    return np.asarray(generator.standard_normal(tuple(shape), dtype=np.float32))


def _truncated(generator: np.random.Generator, shape: Sequence[int]) -> np.ndarray:
    values = _normal(generator, (math.prod(shape),))
    outside = np.flatnonzero(np.abs(values) > 2)
    while outside.size:
        values[outside] = _normal(generator, (outside.size,))
        outside = outside[np.abs(values[outside]) > 2]
    return values.reshape(tuple(shape))


def _scaled(values: np.ndarray, mean: float, stddev: float, dtype: np.dtype) -> np.ndarray:
    return np.asarray(mean + stddev * values, dtype)


def _numpy_dtype(dtype: DTypeLike | None) -> np.dtype:
    return dtypes.jnp_dtype(dtypes.standardize(dtype))


def _float_dtype(initializer: Initializer, dtype: DTypeLike | None) -> np.dtype:
    name = dtypes.standardize(dtype)
    if not dtypes.is_float(name):
        raise ValueError(f"{type(initializer).__name__}: expected a float dtype. Received: dtype={name!r}")
    return dtypes.jnp_dtype(name)


# --- names that Keras keeps beside the classes ----------------------------------------------------------------------

constant = Constant
glorot_normal = GlorotNormal
glorot_uniform = GlorotUniform
he_normal = HeNormal
he_uniform = HeUniform
identity = IdentityInitializer = Identity
lecun_normal = LecunNormal
lecun_uniform = LecunUniform
ones = Ones
orthogonal = OrthogonalInitializer = Orthogonal
random_normal = RandomNormal
random_uniform = RandomUniform
stft = STFTInitializer = STFT
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
zeros = Zeros

# Files of Keras 3.6 and its neighbours call it so.
catalogue.classes["OrthogonalInitializer"] = Orthogonal

__all__ = [
    "STFT", "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "IdentityInitializer",
    "Initializer", "LecunNormal", "LecunUniform", "Ones", "Orthogonal", "OrthogonalInitializer", "RandomInitializer",
    "RandomNormal", "RandomUniform", "STFTInitializer", "TruncatedNormal", "VarianceScaling", "Zeros", "constant",
    "deserialize", "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "identity", "lecun_normal",
    "lecun_uniform", "ones", "orthogonal", "random_normal", "random_uniform", "serialize", "stft", "truncated_normal",
    "variance_scaling", "zeros",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
