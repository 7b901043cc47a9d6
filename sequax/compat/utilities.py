"""Functions that `keras.utils`, `keras.models` and `keras.metrics` had, and the modules in them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from ..core.types import ArrayLike, Config, CustomObjects, Tensor
from ..model import Model
from .notes import note, say

if TYPE_CHECKING:
    from ..core.layer import Layer

# --- models ---------------------------------------------------------------------------------------------------------


def multi_gpu_model(model: Model, gpus: object = None, cpu_merge: bool = True, cpu_relocation: bool = False) -> Model:
    """The model itself, which its `fit` trains on several devices if it is told to."""
    say("multi_gpu_model", "`multi_gpu_model` gives back the model as it is; `fit(devices='all')` uses all devices")
    return model


def model_from_config(config: Config, custom_objects: CustomObjects | None = None) -> Model:
    """A model from `{"class_name": ..., "config": ...}`, or from what its `get_config` returned."""
    from ..core.config import deserialize
    from ..core.custom_objects import custom_object_scope
    from ..sequential import Sequential

    with custom_object_scope(custom_objects):
        if "class_name" in config:
            return deserialize(config)
        return (Model if "output_layers" in config else Sequential).from_config(config)


def model_from_yaml(yaml_string: str, custom_objects: CustomObjects | None = None) -> NoReturn:
    """YAML is gone, also from Keras 2.6 on, since reading it can run code."""
    raise NotImplementedError(
        "keras.models.model_from_yaml is not served: YAML is gone from Keras, too, since reading it can run code."
        " Use `model.to_json()` and `keras.models.model_from_json`."
    )


def print_summary(model: Model, line_length: int | None = None, positions: Any = None, print_fn: Any = None) -> None:
    """`model.summary()`."""
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


def plot_model(*args: Any, **kwargs: Any) -> Any:
    """`plot_model`; without Graphviz or pydot it says so, and the script goes on."""
    from ..utils import plot_model as plot

    try:
        return plot(*args, **kwargs)
    except ImportError as error:
        say("plot_model", f"`plot_model` draws nothing: {error}")
        return None


def image_dataset_from_directory(*args: Any, **kwargs: Any) -> Any:
    """The data set; `smart_resize` was the name of `crop_to_aspect_ratio` at first."""
    from ..utils import image_dataset_from_directory as from_directory

    if "smart_resize" in kwargs:
        note("smart_resize=", "crop_to_aspect_ratio=")
        kwargs["crop_to_aspect_ratio"] = kwargs.pop("smart_resize")
    return from_directory(*args, **kwargs)


def convert_kernel(kernel: ArrayLike) -> np.ndarray:
    """A kernel of a convolution, turned by half a turn: Theano's are the other way round."""
    kernel = np.asarray(kernel)
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def convert_all_kernels_in_model(model: Model) -> None:
    """Turn the kernels of all convolutions, for weights that were trained with the backend Theano."""
    for layer in model.flatten_layers():
        if type(layer).__name__.startswith(("Conv", "SeparableConv")) and hasattr(layer, "kernel"):
            layer.kernel.assign(convert_kernel(layer.kernel.numpy()))


# --- weights in HDF5 groups -----------------------------------------------------------------------------------------


def load_weights_from_hdf5_group(f: Any, layers: Iterable[Layer], reshape: bool = False) -> None:
    """Weights of an open HDF5 group, in the order of the layers.

    Raises:
        ValueError: if the group has another number of layers with weights.
    """
    own = [layer for layer in layers if layer.weights]
    stored = [arrays for arrays in (_arrays(f[name]) for name in _texts(f, "layer_names")) if arrays]
    if len(own) != len(stored):
        raise ValueError(
            f"You are trying to load a weight file containing {len(stored)} layers into a model with {len(own)} layers."
        )
    for layer, arrays in zip(own, stored, strict=True):
        layer.set_weights(arrays)


def load_weights_from_hdf5_group_by_name(
    f: Any, layers: Iterable[Layer], skip_mismatch: bool = False, reshape: bool = False
) -> None:
    """Weights of an open HDF5 group for the layers that have the same name there.

    Args:
        skip_mismatch: leave layers as they are whose weights have other shapes.
    """
    known = set(_texts(f, "layer_names"))
    for layer in layers:
        arrays = _arrays(f[layer.name]) if layer.name in known else []
        fits = [a.shape for a in arrays] == [w.shape for w in layer.weights]
        if arrays and (fits or not skip_mismatch):
            layer.set_weights(arrays)


def save_weights_to_hdf5_group(f: Any, layers: Iterable[Layer]) -> None:
    """Write the weights of layers into an open HDF5 group, as files of Keras 2 have them."""
    layers = list(layers)
    f.attrs["layer_names"] = [layer.name.encode() for layer in layers]
    for layer in layers:
        group = f.create_group(layer.name)
        names = [f"{layer.name}/{weight.name}:0" for weight in layer.weights]
        group.attrs["weight_names"] = [name.encode() for name in names]
        for name, weight in zip(names, layer.weights, strict=True):
            group.create_dataset(name, data=weight.numpy())


def _texts(group: Any, attribute: str) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else str(text) for text in group.attrs[attribute]]


def _arrays(group: Any) -> list[np.ndarray]:
    return [np.asarray(group[name]) for name in _texts(group, "weight_names")]


class HDF5Matrix:
    """Rows of a data set in an HDF5 file; needs h5py, and may be passed to `fit`.

    Args:
        datapath: of the file.
        dataset: name in the file.
        start, end: first row, and the row behind the last one.
        normalizer: function of the rows that are read.
    """

    start: int
    end: Any | int
    normalizer: Callable[[np.ndarray], np.ndarray] | None
    refs: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        datapath: str,
        dataset: str,
        start: int = 0,
        end: int | None = None,
        normalizer: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        import h5py

        file = self.refs.get(datapath) or self.refs.setdefault(datapath, h5py.File(datapath, "r"))
        self.data: Any = file[dataset]
        self.start, self.end, self.normalizer = start, self.data.shape[0] if end is None else end, normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: Any) -> np.ndarray:
        if isinstance(key, slice):
            first, last, step = key.indices(len(self))
            rows = self.data[first + self.start : last + self.start : step]
        elif isinstance(key, (int, np.integer)):
            rows = self.data[range(len(self))[key] + self.start]
        else:  # h5py wants rising indices without repetition
            wanted, places = np.unique(np.asarray(key) + self.start, return_inverse=True)
            rows = self.data[wanted][places]
        return rows if self.normalizer is None else self.normalizer(rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self[:1].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return self[:1].dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))


# --- data -----------------------------------------------------------------------------------------------------------


class SequenceEnqueuer:
    """Batches of a `Sequence` or a generator, by `start()`, `get()` and `stop()`; they are made when asked for.

    Args:
        sequence: a `keras.utils.Sequence`, or a generator.
        shuffle: whether the batches of a `Sequence` come in another order in each round.
    """

    sequence: Any
    shuffle: bool

    def __init__(self, sequence: Any, use_multiprocessing: bool = False, shuffle: bool = False, **kwargs: object):
        self.sequence, self.shuffle, self._running = sequence, shuffle, False

    def start(self, workers: int = 1, max_queue_size: int = 10) -> None:
        self._running = True

    def is_running(self) -> bool:
        return self._running

    def stop(self, timeout: float | None = None) -> None:
        self._running = False

    def get(self) -> Iterator[Any]:
        """The batches, round after round."""
        if hasattr(self.sequence, "__next__"):
            yield from self.sequence
            return
        while self._running:
            order = np.arange(len(self.sequence))
            if self.shuffle:
                np.random.shuffle(order)
            for number in order:
                yield self.sequence[int(number)]
            getattr(self.sequence, "on_epoch_end", lambda: None)()


class OrderedEnqueuer(SequenceEnqueuer):
    """`SequenceEnqueuer` of a `Sequence`."""


class GeneratorEnqueuer(SequenceEnqueuer):
    """`SequenceEnqueuer` of a generator."""


def to_ordinal(y: ArrayLike, num_classes: int | None = None, dtype: str = "float32") -> np.ndarray:
    """Numbers of classes as rows of ones and zeros: one for each threshold that is passed.

    >>> to_ordinal([0, 2, 3]).tolist()
    [[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]
    """
    numbers = np.asarray(y, dtype="int")
    classes = int(numbers.max()) + 1 if num_classes is None else num_classes
    return (numbers[..., None] > np.arange(classes - 1)).astype(dtype)


# --- conv_utils -----------------------------------------------------------------------------------------------------


def normalize_tuple(value: Any, n: int, name: str, allow_zero: bool = False) -> tuple[int, ...]:
    """A number, or `n` numbers, as a tuple of `n`."""
    given = (value,) * n if isinstance(value, int) else tuple(value)
    if len(given) != n or not all(isinstance(one, (int, np.integer)) for one in given):
        raise ValueError(f"The `{name}` argument must be a tuple of {n} integers. Received: {value!r}")
    if min(given) < (0 if allow_zero else 1):
        raise ValueError(f"The `{name}` argument must be positive. Received: {value!r}")
    return given


def normalize_padding(value: str) -> str:
    """`"valid"`, `"same"` or `"causal"`, in small letters."""
    if value.lower() not in ("valid", "same", "causal"):
        raise ValueError(f"The `padding` argument must be one of 'valid', 'same' (or 'causal'). Received: {value!r}")
    return value.lower()


def normalize_data_format(value: str | None) -> str:
    """`"channels_first"` or `"channels_last"`; None is the setting."""
    from ..config import image_data_format

    found = image_data_format() if value is None else value.lower()
    if found not in ("channels_first", "channels_last"):
        raise ValueError(f"Expected 'channels_first' or 'channels_last'. Received: data_format={value!r}")
    return found


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """The length of what a convolution gives."""
    if input_length is None:
        return None
    window = (filter_size - 1) * dilation
    length = {"valid": input_length - window, "full": input_length + window}.get(padding, input_length)
    return -(-length // stride)


def conv_input_length(output_length: int | None, filter_size: int, padding: str, stride: int) -> int | None:
    """The shortest length that a convolution makes this one of."""
    if output_length is None:
        return None
    pad = {"same": filter_size // 2, "full": filter_size - 1}.get(padding, 0)
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(
    dim_size: int | None,
    stride_size: int,
    kernel_size: int,
    padding: str,
    output_padding: int | None = None,
    dilation: int = 1,
) -> int | None:
    """The length of what a transposed convolution gives."""
    if dim_size is None:
        return None
    window = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        longer = {"valid": max(window - stride_size, 0), "full": 2 - stride_size - window}.get(padding, 0)
        return dim_size * stride_size + longer
    pad = {"same": window // 2, "full": window - 1}.get(padding, 0)
    return (dim_size - 1) * stride_size + window - 2 * pad + output_padding


# --- generic_utils --------------------------------------------------------------------------------------------------


def has_arg(fn: Callable[..., Any], name: str, accept_all: bool = False) -> bool:
    """Whether a function takes an argument by name.

    Args:
        accept_all: whether `**kwargs` count, too.
    """
    parameters = inspect.signature(fn).parameters
    by_name = name in parameters and parameters[name].kind in (
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    return by_name or (accept_all and any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values()))


def to_list(x: object, allow_tuple: bool = False) -> list[Any]:
    """A list as it is, anything else as the only entry of one."""
    return x if isinstance(x, list) else list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x: Any) -> Any:
    """The only entry of a list; anything else as it is."""
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def is_all_none(structure: object) -> bool:
    """Whether nothing is there but None."""
    return all(one is None for one in to_list(structure, allow_tuple=True))


def slice_arrays(arrays: Any, start: Any = None, stop: int | None = None) -> Any:
    """Rows of one array or of each of several: from `start` to `stop`, or those of a list of numbers."""
    if arrays is None:
        return [None]
    rows = start if hasattr(start, "__len__") else slice(start, stop)
    if isinstance(arrays, list):
        return [None if one is None else one[rows] for one in arrays]
    return arrays[rows]


def object_list_uid(object_list: object) -> str:
    """A text that tells lists of objects apart."""
    return ", ".join(str(abs(id(one))) for one in to_list(object_list, allow_tuple=True))


def count_params(weights: Iterable[Any]) -> int:
    """The number of scalars in some weights, each counted once."""
    return sum(int(np.prod(weight.shape)) for weight in {id(one): one for one in weights}.values())


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """First row and the row behind the last one, of each batch.

    >>> make_batches(5, 2)
    [(0, 2), (2, 4), (4, 5)]
    """
    ends = range(0, size, batch_size)
    return [(first, min(first + batch_size, size)) for first in ends]


# --- losses and metrics ---------------------------------------------------------------------------------------------


class Reduction:
    """Names of how a loss becomes one number. Today they are plain words."""

    AUTO: str = "sum_over_batch_size"
    NONE: str = "none"
    SUM: str = "sum"
    SUM_OVER_BATCH_SIZE: str = "sum_over_batch_size"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key: {key}. Expected keys are {cls.all()}")


def huber_loss(y_true: Tensor, y_pred: Tensor, delta: float = 1.0, max_delta: float | None = None) -> Tensor:
    """`huber`."""
    from ..losses import huber

    return huber(y_true, y_pred, delta=delta)


def is_categorical_crossentropy(loss: object) -> bool:
    """Whether a loss is the categorical crossentropy, by name, function or object."""
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", None) or getattr(loss, "name", None)
    return name == "categorical_crossentropy"


def accuracy(y_true: Tensor, y_pred: ArrayLike) -> Tensor:
    """1 where the two are equal, else 0."""
    from .. import ops

    return ops.cast(ops.equal(y_true, ops.cast(y_pred, y_true.dtype)), "float32")


def clone_metric(metric: Any) -> Any:
    """A new metric of the same settings."""
    return type(metric).from_config(metric.get_config()) if hasattr(metric, "get_config") else metric


def clone_metrics(metrics: Iterable[Any]) -> list[Any]:
    """`clone_metric` of each."""
    return [clone_metric(metric) for metric in metrics]


def clip_norm(g: Tensor, c: float, n: Tensor) -> Tensor:
    """A gradient shortened to the length `c` if it is longer; `n` is its length."""
    from .. import ops

    return ops.where(n >= c, g * c / ops.maximum(n, 1e-12), g) if c > 0 else g
