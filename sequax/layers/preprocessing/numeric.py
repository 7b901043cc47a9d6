"""Layers for columns of numbers: scaling to zero mean and unit variance, and bins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Unpack

import jax.numpy as jnp
import numpy as np

from ... import kernels
from ...core import dtypes
from ...core.constructor import LayerOptions
from ...core.kinds import MAX_SIZE, AxesOf, Listed, Number, OneOf, Owner, Real, is_number
from ...core.layer import Layer
from ...core.tensor import KerasTensor
from ...core.types import ArrayLike, CustomObjects, Data, DTypeLike, Shape, ShapeLike, Tensor
from ...core.variable import Variable
from ..arguments import Dense, resolve_axes
from ..base import ShapeKeeping
from ..catalogue import layer
from . import adapting
from .categories import encode, encoded_shape


class KeptAxesOf(AxesOf):
    """Axes as a tuple; empty for None."""

    def resolve(self, value: object, name: str, owner: Owner) -> tuple[int, ...]:
        return () if value is None or value == () or value == [] else super().resolve(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return value is None or super().fits(value, cls)


class StatisticOf(Listed):
    """A number or an array; the attribute of the name is what the layer computes with."""

    expected = "a number or a list of numbers"
    attribute = False

    def fits(self, value: object, cls: type) -> bool:
        return is_number(value) or super().fits(value, cls)


class BoundariesOf(Listed):
    """Increasing numbers, as floats."""

    expected = "a list of increasing numbers"

    def resolve(self, value: Any, name: str, owner: Owner) -> list[float]:
        if list(value) != sorted(value):
            raise ValueError(f"{owner}: `{name}` must increase. Received: {name}={list(value)}")
        return [float(boundary) for boundary in value]


class BinCountOf(Real):
    """A number that may have a fraction, as in Keras; whole in files."""

    def fits(self, value: object, cls: type) -> bool:
        return type(value) is int and 1 <= value <= MAX_SIZE


BinCount = Annotated[Number, BinCountOf(1)]
KeptAxes = Annotated[int | Sequence[int] | None, KeptAxesOf(several=tuple, one=False)]
Statistic = Annotated[Number | ArrayLike | None, StatisticOf()]
Boundaries = Annotated[Sequence[Number] | np.ndarray, BoundariesOf()]
BinMode = Annotated[Literal["int", "one_hot", "multi_hot", "count"], OneOf("int", "one_hot", "multi_hot", "count")]


@layer()
class Normalization(ShapeKeeping):
    """`(inputs - mean) / sqrt(variance)`, with statistics given, or taken from data by `adapt`.

    Args:
        axis: the axis, or axes, each of whose entries has statistics of its own, such as the columns of a table; None:
            one mean and one variance for everything.
        mean, variance: numbers or arrays with one entry per entry of `axis`; both or neither.
        invert: undo it instead, `inputs * sqrt(variance) + mean`.
        **options: name, dtype, trainable, ...: as in `Layer`.

    Raises:
        TypeError: if `axis` is no whole number and no list of them.
        ValueError: for a mean without a variance (or the other way round), or a variance below zero.

    A standard deviation below 1e-7 counts as 1e-7, so a constant column becomes zeros.

    Shapes: those of the input. Weights after `build`, unless statistics were given: mean, variance, count.

    Example:

    >>> import numpy as np
    >>> layer = Normalization()
    >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    >>> layer(np.array([[1.0, 20.0]])).tolist()
    [[-1.0, 0.0]]
    """

    supports_masking = True

    axis: tuple[int, ...]
    invert: bool
    input_mean: ArrayLike | None
    input_variance: ArrayLike | None

    def __init__(
        self,
        axis: KeptAxes = -1,
        mean: Statistic = None,
        variance: Statistic = None,
        invert: bool = False,
        **options: Unpack[LayerOptions],
    ):
        super().__init__(**options)
        if (mean is None) != (variance is None):
            raise ValueError(
                f"Layer '{self.name}' (Normalization): when setting values directly, both `mean` and `variance` must be"
                f" set. Received: mean={mean} and variance={variance}"
            )
        if variance is not None and np.any(np.asarray(variance) < 0):
            raise ValueError(f"Layer '{self.name}' (Normalization): a variance is below zero. Received: {variance}")
        self.input_mean, self.input_variance = mean, variance

    def build(self, input_shape: ShapeLike) -> None:
        kept = resolve_axes(self.name, self.axis, len(input_shape))
        self._kept = tuple(sorted(kept))
        unknown = [axis for axis in self._kept if input_shape[axis] is None]
        if unknown:
            raise ValueError(
                f"Layer '{self.name}' (Normalization): all sizes of `axis` must be known. Received:"
                f" axis={self.axis}, input_shape={tuple(input_shape)}, unknown: {unknown}."
            )
        shape = tuple(input_shape[axis] for axis in self._kept)
        self._broadcast = tuple(size if axis in self._kept else 1 for axis, size in enumerate(input_shape))
        if self.input_mean is None:
            self.adapt_mean: Variable = self.add_weight(name="mean", shape=shape, initializer="zeros", trainable=False)
            self.adapt_variance: Variable = self.add_weight(
                name="variance", shape=shape, initializer="ones", trainable=False
            )
            self.count: Variable = self.add_weight(
                name="count", shape=(), dtype="int32", initializer="zeros", trainable=False
            )
            return
        for name, given in (("mean", self.input_mean), ("variance", self.input_variance)):
            received = np.asarray(given).shape
            if not _fits(received, shape):
                raise ValueError(
                    f"Layer '{self.name}' (Normalization): `{name}` must be a number or have shape {shape}, one entry"
                    f" per entry of axis {self.axis}. Received: shape {received}."
                )

    # --- statistics ---

    def adapt(self, data: Data, batch_size: int | None = None, steps: int | None = None) -> None:
        """Take mean and variance from data, in place of what was there.

        Args:
            data: an array with the layout of the inputs, or an iterable of batches.
            batch_size: has no effect; arrays are read whole.
            steps: read no more than this many batches.

        Raises:
            ValueError: if the statistics were given to the constructor, the data hold NaN or infinity, or the sizes
                differ from those the layer was built with.
        """
        if self.input_mean is not None:
            raise ValueError(f"Layer '{self.name}': `mean` and `variance` were given, so it does not `adapt`.")
        total = (0, np.zeros(()), np.zeros(()))
        for values in adapting.batches(data, steps, f"Layer '{self.name}' (Normalization)"):
            if not self.built:
                self._build_for(values)
            total = _merged(total, self._statistics(values))
        count, mean, variance = total
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)
        self.count.assign(count)

    def _build_for(self, values: np.ndarray) -> None:
        if values.ndim == 0 and self.axis:
            raise TypeError(
                f"Layer '{self.name}' (Normalization): expected arrays to adapt to, with a `.shape` that has axis"
                f" {self.axis}. Received a single number. Make batches of them, or pass `axis=None`."
            )
        self.build(values.shape)

    def finalize_state(self) -> None:
        """Nothing is left to do: `mean` and `variance` are read from the weights."""

    def _statistics(self, values: np.ndarray) -> tuple[int, Any, Any]:
        expected = tuple(self.adapt_mean.shape)
        if values.ndim != len(self._broadcast) or tuple(values.shape[axis] for axis in self._kept) != expected:
            raise ValueError(
                f"Layer '{self.name}' (Normalization): expected data of {len(self._broadcast)} dimensions with sizes"
                f" {expected} along axis {self.axis}. Received: shape {values.shape}."
            )
        others = tuple(axis for axis in range(values.ndim) if axis not in self._kept)
        return values.size // max(int(np.prod(expected)), 1), values.mean(others), values.var(others)

    @property
    def mean(self) -> Tensor:
        """In a shape that broadcasts with the inputs."""
        return self._statistic("mean")

    @property
    def variance(self) -> Tensor:
        return self._statistic("variance")

    def _statistic(self, name: str) -> Tensor:
        given = getattr(self, f"input_{name}")
        values = getattr(self, f"adapt_{name}").value if given is None else jnp.asarray(given, self.compute_dtype)
        shape = tuple(self._broadcast[axis] for axis in self._kept)
        return jnp.broadcast_to(values, shape).reshape(self._broadcast).astype(self.compute_dtype)

    # --- the call ---

    def call(self, inputs: Tensor) -> Tensor:
        inputs = jnp.asarray(inputs, self.compute_dtype)
        deviation = jnp.maximum(jnp.sqrt(self.variance), jnp.asarray(dtypes.epsilon(), self.compute_dtype))
        return inputs * deviation + self.mean if self.invert else (inputs - self.mean) / deviation

    def get_config(self) -> dict[str, Any]:
        given = {"mean": _listed(self.input_mean), "variance": _listed(self.input_variance)}
        return {**super().get_config(), **given}


def _merged(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    """Count, mean and variance of two samples together (Chan, Golub and LeVeque 1979)."""
    count = a[0] + b[0]
    share = b[0] / count
    difference = b[1] - a[1] if a[0] else 0 * b[1]
    mean = a[1] + difference * share if a[0] else b[1]
    return count, mean, a[2] * (1 - share) + b[2] * share + difference**2 * share * (1 - share)


def _fits(shape: Sequence[int], whole: Sequence[int | None]) -> bool:
    """Whether an array of `shape` can be broadcast to the shape `whole`."""
    ends = zip(reversed(shape), reversed(whole), strict=False)
    return len(shape) <= len(whole) and all(a in (1, b) for a, b in ends)


def _listed(value: ArrayLike | None) -> list[Any] | Number | None:
    return np.asarray(value).tolist() if value is not None else None


@layer()
class Discretization(Layer):
    """The number of the bin that a value falls into: 0 below the first boundary, a boundary belongs to the bin above.

    Args:
        bin_boundaries: increasing numbers; n boundaries make n + 1 bins.
        num_bins: in place of them; `adapt` then puts as many values of the data into each bin (quantiles).
        epsilon: kept for Keras' sake, which approximates the quantiles; here they are exact.
        output_mode: `"int"`, or `"one_hot"`, `"multi_hot"`, `"count"` as in `CategoryEncoding`.
        sparse: False; sparse outputs are not supported.
        dtype: of encoded outputs; numbers of bins are int32. None: float32 for `"int"`, else as in `Layer`.
        name: must be unique within a model; None: made from the class name.

    Raises:
        ValueError: without `bin_boundaries` and `num_bins`, with both, or for boundaries that do not increase.

    Shapes: `"int"`: those of the input, int32; the others as in `CategoryEncoding`, floats.

    Example:

    >>> import numpy as np
    >>> Discretization(bin_boundaries=[0.0, 1.0])(np.array([-3.0, 0.0, 0.5, 7.0])).tolist()
    [0, 1, 1, 2]
    """

    untracked: frozenset[str] = Layer.untracked | {"_seen"}
    bin_boundaries: list[float] | None
    num_bins: int | None
    output_mode: str

    def __init__(
        self,
        bin_boundaries: Boundaries | None = None,
        num_bins: BinCount | None = None,
        epsilon: Number = 0.01,
        output_mode: BinMode = "int",
        sparse: Dense = False,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ):
        super().__init__(name=name, dtype="float32" if dtype is None and output_mode == "int" else dtype)
        who = f"Layer '{self.name}' (Discretization)"
        if bin_boundaries is None and num_bins is None:
            raise ValueError(f"{who}: you need to set either `num_bins` or `bin_boundaries`. Received: neither.")
        if bin_boundaries is not None and num_bins is not None:
            raise ValueError(
                f"{who}: both `num_bins` and `bin_boundaries` should not be set. Received: num_bins={num_bins} and"
                f" bin_boundaries={bin_boundaries}"
            )
        self._seen: list[np.ndarray] = []
        self.built = True

    @property
    def output_dtype(self) -> str:
        return "int32" if self.output_mode == "int" else self.compute_dtype

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: CustomObjects | None = None) -> Discretization:
        """A new layer from `get_config()`, which holds both arguments once boundaries were learned."""
        if config.get("num_bins") is None or config.get("bin_boundaries") is None:
            return super().from_config(config, custom_objects)
        found = super().from_config({**config, "bin_boundaries": None}, custom_objects)
        learned = super().from_config({**config, "num_bins": None}, custom_objects)
        found.bin_boundaries = learned.bin_boundaries
        return found

    def adapt(self, data: Data, steps: int | None = None, batch_size: int | None = None) -> None:
        """Choose boundaries so that each bin gets the same share of the data.

        Args:
            data: an array, or an iterable of batches.
            steps: as in `Normalization.adapt`.
            batch_size: has no effect.

        Raises:
            ValueError: if boundaries were given to the constructor, or the data hold NaN or infinity.
        """
        who = f"Layer '{self.name}' (Discretization)"
        if self.num_bins is None:
            raise ValueError(f"{who}: `bin_boundaries` were given, so it does not `adapt`. Give `num_bins` instead.")
        self.reset_state()
        self._seen.extend(batch.ravel() for batch in adapting.batches(data, steps, who))
        self.finalize_state()

    def update_state(self, data: Data) -> None:
        """Remember one batch for `finalize_state`."""
        self._seen.extend(batch.ravel() for batch in adapting.batches(data, None, f"Layer '{self.name}'"))

    def finalize_state(self) -> None:
        """Choose boundaries from the batches since `reset_state`; where boundaries were given, they stay."""
        if self.num_bins is None or not self._seen:
            return
        shares = np.arange(1, self.num_bins) / self.num_bins
        boundaries = np.quantile(np.concatenate(self._seen), shares, method="interpolated_inverted_cdf")
        self.bin_boundaries = np.asarray(boundaries, np.float32).tolist()
        self.reset_state()

    def reset_state(self) -> None:
        """Forget the batches of `update_state`."""
        self._seen = []

    def call(self, inputs: Tensor) -> Tensor:
        if self.bin_boundaries is None:
            raise ValueError(
                f"Layer '{self.name}' (Discretization): its boundaries are not known yet. Call `adapt(data)` first, or"
                f" pass `bin_boundaries`."
            )
        boundaries = jnp.asarray(self.bin_boundaries, "float32")
        values = jnp.asarray(inputs).astype("float32")
        bins = kernels.named("searchsorted", jnp.searchsorted, boundaries, values, side="right").astype("int32")
        if self.output_mode == "int":
            return bins
        return encode(bins, len(self.bin_boundaries) + 1, self.output_mode, self.compute_dtype)

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        count = self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1
        return encoded_shape(tuple(input_shape), count, self.output_mode)

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        return KerasTensor(self.compute_output_shape(inputs.shape), self.output_dtype)

    def get_config(self) -> dict[str, Any]:
        config = {key: value for key, value in super().get_config().items() if key != "trainable"}
        return {**config, "bin_boundaries": self.bin_boundaries, "dtype": self.dtype}
