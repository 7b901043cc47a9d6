"""`Input`: the symbolic tensor a model starts from, and `InputLayer`, the entry it leaves in the model."""

from __future__ import annotations

from typing import Annotated, Any

from ..core import dtypes, shapes
from ..core.kinds import Owner, ShapeOf, Whole
from ..core.layer import Layer
from ..core.tensor import KerasTensor, is_tensor, record
from ..core.types import DTypeLike, ShapeLike
from ..core.warning import warn
from .catalogue import layer


class _Shape(ShapeOf):
    attribute = False  # kept is one shape, whichever was passed


class _BatchSize(Whole):
    attribute = False  # `batch_shape` holds it

    def resolve(self, value: Any, name: str, owner: Owner) -> Any:
        return value  # part of a shape, which is checked as a whole


InputShape = Annotated[ShapeLike | Any, _Shape()]  # a number is refused, with a hint
BatchSize = Annotated[int, _BatchSize(0)]


@layer()
class InputLayer(Layer):
    """The place where data enter a model.

    Args:
        shape: of one sample, without the batch axis; None where any size will do.
        batch_size: fixed size of the batch axis; default: any.
        dtype: of the tensor; data are cast to it.
        sparse, ragged: not available; False or None.
        batch_shape: shape with the batch axis, in place of `shape` and `batch_size`.
        input_tensor: take shape and dtype from this symbolic tensor.
        optional: whether None may be passed for this input.
        name: must be unique within a model; default: `input_layer` with a counter.
        **kwargs: `trainable`, ...: as in `Layer`; `input_shape` and `batch_input_shape` are older names of `shape` and
            `batch_shape`.

    Raises:
        ValueError: for no shape or two, or arguments that contradict `input_tensor`.
        NotImplementedError: for sparse or ragged inputs.

    Example:

    >>> InputLayer((28, 28, 1)).output.shape
    (None, 28, 28, 1)
    """

    sparse: bool
    ragged: bool

    config_keys: frozenset[str] = frozenset({"batch_input_shape", "input_shape"})
    optional: bool
    implied = False  # made for a model from its first data, not by the user

    def __init__(
        self,
        shape: InputShape | None = None,
        batch_size: BatchSize | None = None,
        dtype: DTypeLike | None = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: InputShape | None = None,
        input_tensor: object = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ):
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        if "input_shape" in kwargs:
            warn("Argument `input_shape` is deprecated. Use `shape` instead.")
            shape = kwargs.pop("input_shape")
        super().__init__(name=name, **kwargs)
        if input_tensor is not None:
            input_tensor = _checked(input_tensor, shape, batch_size, dtype, sparse, batch_shape)
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
            shape = batch_size = None
        if sparse or ragged:
            raise NotImplementedError(
                f"Input '{self.name}': sparse and ragged inputs are not supported; pass dense ones."
            )
        if shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        if batch_shape is None:
            if shape is None:
                raise ValueError(
                    "You must pass a `shape` argument: the shape of one sample, such as Input((28, 28, 1))."
                )
            batch_shape = (batch_size, *shapes.standardize(shape))
        elif batch_size is not None:
            raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
        self.batch_shape: tuple[int | None, ...] = shapes.standardize(batch_shape, "batch_shape")
        self.sparse, self.ragged = False, False
        self.input_dtype_name: str = dtypes.standardize(dtype)
        self.built = True
        if input_tensor is None or input_tensor.node is not None:
            input_tensor = KerasTensor(self.batch_shape, self.input_dtype_name, name=self.name)
        record(self, (), {}, input_tensor)

    def call(self) -> None:
        """Nothing: the layer marks where data enter a model."""

    @property
    def input(self) -> KerasTensor:
        """The symbolic tensor itself."""
        return self.output

    @property
    def dtype(self) -> str:
        return self.input_dtype_name

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.input_dtype_name,
            "sparse": False,
            "ragged": False,
            "name": self.name,
            "optional": self.optional,
        }

    def __repr__(self) -> str:
        return f"<InputLayer name={self.name}, batch_shape={self.batch_shape}, dtype={self.dtype}>"


def _checked(
    tensor: object,
    shape: InputShape | None,
    batch_size: int | None,
    dtype: DTypeLike | None,
    sparse: bool | None,
    batch_shape: InputShape | None,
) -> KerasTensor:
    """`input_tensor`; arguments beside it may only repeat what it says.

    Raises:
        ValueError: for one that does not, or for something else than a symbolic tensor.
    """
    if not is_tensor(tensor):
        raise ValueError(
            f"Argument `input_tensor` must be a KerasTensor, such as `Input((3,))` returns. Received:"
            f" {type(tensor).__name__}"
        )
    repeated = {
        "shape": shape is None or shapes.standardize(shape) == tensor.shape[1:],
        "batch_shape": batch_shape is None or shapes.standardize(batch_shape) == tensor.shape,
        "batch_size": batch_size is None or batch_size == tensor.shape[0],
        "dtype": dtype is None or dtypes.standardize(dtype) == tensor.dtype,
        "sparse": not sparse,
    }
    for name, fits in repeated.items():
        if not fits:
            raise ValueError(
                f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` argument."
                f" Leave `{name}` out. Received: input_tensor={tensor}"
            )
    return tensor


def Input(
    shape: InputShape | None = None,
    batch_size: int | None = None,
    dtype: DTypeLike | None = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: InputShape | None = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor for a model to start from.

    Args:
        shape: of one sample, without the batch axis; None where any size will do.
        batch_size: fixed size of the batch axis; default: any.
        dtype: of the tensor; data are cast to it.
        sparse, ragged: not available; False or None.
        batch_shape: shape with the batch axis, in place of `shape` and `batch_size`.
        name: must be unique within a model; default: `input_layer` with a counter.
        tensor: take shape and dtype from this symbolic tensor.
        optional: whether None may be passed for this input.

    Raises:
        ValueError: for no shape or two, or arguments that contradict `tensor`.
        NotImplementedError: for sparse or ragged inputs.

    Example:

    >>> Input((28, 28, 1)).shape
    (None, 28, 28, 1)
    """
    entry = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    return entry.output
