"""One leaf of an element: in NumPy inside the stages, as a tensor for whoever looks at it.

Tensors are arrays of JAX. What no device holds stays in NumPy: texts, and whole numbers that need 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

_INT32 = np.iinfo(np.int32)


class HostArray(np.ndarray):
    """An array that no device holds; texts are `bytes`, as in TensorFlow."""

    def numpy(self) -> Any:
        """The same as a plain array; of a single value, the value."""
        return self.view(np.ndarray) if self.ndim else self.item()

    def get_shape(self) -> tuple[int, ...]:
        return self.shape

    def decode(self, *args: str) -> str:
        """A single text as `str`."""
        return self.item().decode(*args)

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(self.item())


class Seen:
    """What users see; the import hook puts TensorFlow's kinds in their places while it is installed.

    Attributes:
        text: makes a tensor of an array of `bytes`.
        spec: makes a spec of a shape and a dtype.
        ragged: makes a tensor of rows of unequal lengths; None: there is none.
        ragged_spec: makes a spec of a shape, a dtype and the number of ragged axes.
    """

    text: Callable[[np.ndarray], Any] = staticmethod(lambda array: array.view(HostArray))
    spec: Callable[[Any, str], Any] | None = None
    ragged: Callable[[list[np.ndarray]], Any] | None = None
    ragged_spec: Callable[[Any, str, int], Any] | None = None


def is_whole(value: object) -> bool:
    """Whether a leaf is no array, but passed on as it is: a data set, or rows of unequal lengths."""
    return is_dataset(value) or is_ragged(value)


def is_ragged(value: object) -> bool:
    """Whether a leaf is rows of unequal lengths, which `ragged_batch` makes."""
    return hasattr(value, "ragged_rank")


def is_dataset(value: object) -> bool:
    """Whether a leaf is a data set itself, as in the elements of `window`."""
    return hasattr(value, "stage")


def tensor(leaf: Any) -> Any:
    """What a user sees of a leaf."""
    if is_whole(leaf):
        return leaf
    if isinstance(leaf, bytes):
        return Seen.text(np.array(leaf, object))
    if leaf.dtype.kind == "O":
        return Seen.text(leaf)
    if leaf.dtype.kind in "iu" and leaf.dtype.itemsize == 8 and not fits_device(leaf):
        return np.asarray(leaf).view(HostArray)
    return jnp.asarray(leaf)


def fits_device(leaf: np.ndarray | np.generic) -> bool:
    """Whether the entries are numbers that 32 bits hold, as far as they are whole."""
    if leaf.dtype.kind in "iu" and leaf.dtype.itemsize == 8:
        return not leaf.size or bool(leaf.min() >= _INT32.min and leaf.max() <= _INT32.max)
    return leaf.dtype.kind in "biufcV"


def leaf_of(value: Any) -> Any:
    """Any array, tensor, number or text as a NumPy array; numbers and lists of Python in 32 bits, texts as `bytes`.

    Raises:
        ValueError: for lists whose parts differ in shape.
        TypeError: for what is no array.
    """
    if isinstance(value, np.ndarray):
        array = value if type(value) is np.ndarray else value.view(np.ndarray)
    elif isinstance(value, (jax.Array, np.generic)):
        array = np.asarray(value)
    elif is_whole(value):
        array = np.empty((), object)
        array[()] = value
        return array
    elif isinstance(value, (str, bytes, bool, int, float, list, tuple)):
        array = _of_python(value)
    elif hasattr(value, "to_numpy"):
        array = np.asarray(value.to_numpy())
    elif hasattr(value, "__array__"):
        array = np.asarray(value)
    elif value is None:
        raise TypeError("None cannot be part of an element.")
    else:
        raise TypeError(f"an element is made of arrays, numbers and texts, in tuples and dicts, not {_named(value)}.")
    return array if array.dtype.kind in "biufcV" else _texts(array)


def _named(value: object) -> str:
    return type(value).__name__


def _of_python(value: Any) -> np.ndarray:
    if isinstance(value, (list, tuple)) and any(hasattr(part, "__array__") for part in value):
        return _stacked(value)
    if isinstance(value, (str, bytes)):
        return np.array(value.encode() if isinstance(value, str) else value, object)
    try:
        array = np.asarray(value)
        if array.dtype.kind in "US":
            array = np.array(value, object)  # so that one long text does not widen all others
    except ValueError:
        raise ValueError(
            f"a {_named(value)} whose parts have different lengths cannot become one array: pad them to one length,"
            f" or make the elements by `from_generator`."
        ) from None
    if array.dtype == np.float64:
        return array.astype(np.float32)
    if array.dtype == np.int64 and fits_device(array):
        return array.astype(np.int32)
    return array


def _stacked(values: Any) -> np.ndarray:
    parts = [leaf_of(value) for value in values]
    shapes = {part.shape for part in parts}
    if len(shapes) > 1:
        raise ValueError(f"arrays of shapes {', '.join(map(str, sorted(shapes)[:3]))} cannot become one array.")
    return np.stack(parts)


def _texts(array: np.ndarray) -> np.ndarray:
    """Texts as `bytes` objects, numbers in arrays of objects as numbers."""
    if array.dtype.kind not in "OUST":
        raise TypeError(f"dtype {array.dtype} cannot be part of an element: turn it into numbers or texts.")
    items = array.ravel().tolist()
    if all(isinstance(item, (bool, int, float)) for item in items) and items:
        return np.asarray(items).reshape(array.shape)
    if any(is_whole(item) for item in items):
        return array
    odd = next((item for item in items if not isinstance(item, (str, bytes))), None)
    if odd is not None:
        if hasattr(odd, "__array__") and len({np.shape(item) for item in items}) == 1:
            return leaf_of(np.stack([np.asarray(item) for item in items]))
        raise TypeError(
            f"an array of objects must hold texts alone, or numbers alone. Found: {_named(odd)} ({odd!r:.40})."
        )
    texts = (item.encode() if isinstance(item, str) else item for item in items)
    return np.fromiter(texts, object).reshape(array.shape)
