"""Names of Keras' source without a public place that libraries built on Keras import; see `internals.py`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np

from .. import tree
from ..core.names import auto_name as auto_name, to_snake_case as to_snake_case
from ..core.tensor import is_tensor
from ..core.variable import Variable
from ..data.class_weights import weights_of_classes
from ..layers.convolutional import Convolution
from ..model import Model
from ..optimizers import Optimizer

T = TypeVar("T")

BaseConv = Convolution
BaseOptimizer = Optimizer
KerasVariable = Variable
Trainer = JAXTrainer = Model
IS_THREAD_SAFE = True
DYNAMIC_SHAPES_OK = True


def keras_export(path: str | list[str] | None = None) -> Callable[[T], T]:
    """A decorator that leaves what it decorates as it is; exported names are those of Sequax."""
    return lambda decorated: decorated


def any_symbolic_tensors(args: Any = None, kwargs: Any = None) -> bool:
    """Whether a symbolic tensor is among arguments, nested ones included."""
    return any(is_tensor(leaf) for leaf in tree.flatten((args or (), kwargs or {})))


def standardize_shape(shape: Iterable[int | None]) -> tuple[int | None, ...]:
    """A shape as a tuple of numbers, None where one is unknown."""
    return tuple(None if size is None else int(size) for size in shape)


def get_keras_mask(x: object) -> Any:
    """The mask of an output, if it has one."""
    return getattr(x, "_keras_mask", None)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Give an output a mask, if it can carry one."""
    if hasattr(x, "_keras_mask"):
        x._keras_mask = mask


def in_grain_data_pipeline() -> bool:
    """Whether a loader of Grain is calling; tensors are JAX' arrays in each case."""
    return False


def to_list(x: Any) -> list[Any]:
    """A list as it is, anything else as a list of one."""
    return x if isinstance(x, list) else [x]


def class_weight_to_sample_weights(y: Any, class_weight: dict[int, float]) -> np.ndarray:
    """A weight per row, from one per class."""
    return weights_of_classes(class_weight, np.asarray(y))


def pythonify_logs(logs: dict[str, Any] | None) -> dict[str, Any]:
    """Logs with plain numbers in place of arrays, nested ones laid flat."""
    plain: dict[str, Any] = {}
    for key, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            plain.update(pythonify_logs(value))
        else:
            plain[key] = float(value) if np.ndim(value) == 0 and not isinstance(value, str) else value
    return plain


def print_msg(message: str, line_break: bool = True) -> None:
    """Print a message, as progress bars are printed."""
    sys.stdout.write(f"{message}\n" if line_break else message)
    sys.stdout.flush()


def no_automatic_dependency_tracking(method: T) -> T:
    """A decorator that leaves a method as it is: what an object owns is found in its attributes."""
    return method


def filter_traceback(function: T) -> T:
    """A decorator that leaves a function as it is."""
    return function
