"""User data to NumPy: one argument of `fit` in, the same structure with plain arrays as leaves out.

Other libraries are recognised by what their objects can do, never by importing them. Whatever cannot become
numbers is refused with a sentence that names the argument, says what was found, and never prints the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from .checks import enabled, find, place, plural, refuse

_NUMBERS = "biuf"
_SHOWN = 5  # how many rows, columns or classes a message lists


def to_arrays(data: Any, what: str, count: int | None = None) -> Any:
    """Convert one user argument to NumPy, keeping its structure.

    `data` may be NumPy, JAX, pandas, polars, PyArrow or torch data, a sparse matrix, anything with `__array__`, a
    (nested) list of numbers, a list, tuple or dict of arrays, also one within another. `what` is the name used in
    messages ("x", "validation y"). `count` is how many arrays the model takes here, which settles what a list means:
    with one, `[[1, 2], [3, 4]]` is an array of shape (2, 2); with two, it is two arrays. None leaves it to the content:
    lists of numbers are one array, lists of arrays are several.

    Returns arrays of bool, integer or floating dtype in native byte order; nothing is copied without need.

    Raises:
        ValueError: for what is missing, ragged, not numeric, complex or masked.
    """
    data = dense(data)  # first of all: a sparse matrix by keys is a dict, too
    several = count is not None and count > 1 and isinstance(data, Mapping | list | tuple)
    nested = several and len(data) != count and _count_leaves(data) == count
    if isinstance(data, Mapping):
        return {key: _part(value, f"{what}[{key!r}]", nested) for key, value in data.items()}
    if not isinstance(data, list | tuple):
        return _leaf(data, what)
    if not nested and not _holds_several(data, what, count):
        return _leaf(data, what)
    arrays = [_part(item, f"{what}[{i}]", nested) for i, item in enumerate(data)]
    if isinstance(data, tuple):
        return type(data)(*arrays) if hasattr(data, "_fields") else tuple(arrays)
    return arrays


def as_columns(data: Any) -> Any:
    """Each pandas Series of numbers as a table of one column, which Keras takes it for; the rest as it is."""
    if isinstance(data, Mapping) and not is_sparse(data):
        return {key: as_columns(value) for key, value in data.items()}
    if type(data) in (list, tuple):
        return type(data)(map(as_columns, data)) if any(map(_is_series, data)) else data
    return data.to_frame() if _is_series(data) and data.dtype.kind in _NUMBERS else data


def _is_series(value: object) -> bool:
    return hasattr(value, "iloc") and hasattr(value, "to_frame")


def cast(array: np.ndarray, dtype: str | None, what: str) -> np.ndarray:
    """Bring 64-bit numbers to what the device computes with, on the host, refusing values that would change.

    `dtype` is what the consumer computes in, or None where it takes integers and floats as they come.

    - float64 becomes float32; a finite value that would become infinite is refused.
    - int64 and uint64 become float32 for a floating consumer, since a detour over int32 would cut large values;
      otherwise int32, and values outside its range are refused.
    - float64 for an integer consumer becomes int32 when all values are whole, as float32 holds them only to 2^24.
    - All other dtypes, bool, uint8 and bfloat16 among them, travel as they are: the cast is cheaper on the device.

    Raises:
        ValueError: naming the first row whose value does not fit, while data checks are on.
    """
    wide_float = array.dtype.kind == "f" and array.dtype.itemsize >= 8
    wide_integer = array.dtype.kind in "iu" and array.dtype.itemsize == 8
    if wide_float and dtype is not None and _is_integer(dtype) and _all_whole(array):
        return _to_int32(array, what)
    if wide_float:
        return _to_float32(array, what)
    if wide_integer and dtype is not None and not _is_integer(dtype) and dtype != "bool":
        return array.astype(np.float32)
    if wide_integer:
        return _to_int32(array, what)
    return array


def _is_integer(dtype: str) -> bool:
    return dtype.startswith(("int", "uint"))


def _all_whole(array: np.ndarray) -> bool:
    return find(array, lambda part: ~np.isfinite(part) | (part != np.floor(part))) is None


def _to_float32(array: np.ndarray, what: str) -> np.ndarray:
    with np.errstate(over="ignore", invalid="ignore"):
        narrow = array.astype(np.float32)
        finite = np.isfinite(np.add.reduce(narrow, axis=None))
    if finite or not enabled():
        return narrow
    limit = float(np.finfo(np.float32).max)
    with np.errstate(over="ignore"):
        bad = find(array, lambda part: np.isfinite(part) & np.isinf(part.astype(np.float32)))
    if bad is not None:
        refuse(
            f"{what} has {array[bad.index]:.6g} at {place(bad.index)}, too large for float32 "
            f"(largest value {limit:.4g}; {plural(bad.rows, 'bad row')}): rescale the data."
        )
    return narrow


def _to_int32(array: np.ndarray, what: str) -> np.ndarray:
    limits = np.iinfo(np.int32)
    if enabled() and array.size and not (array.min() >= limits.min and array.max() <= limits.max):
        bad = find(array, lambda part: (part < limits.min) | (part > limits.max))
        assert bad is not None
        refuse(
            f"{what} has {int(array[bad.index])} at {place(bad.index)}, outside the range of int32 "
            f"({limits.min}..{limits.max}; {plural(bad.rows, 'bad row')}): map the values to smaller numbers, "
            f"or pass {what}.astype('float32') if rounding is acceptable."
        )
    with np.errstate(invalid="ignore"):
        return array.astype(np.int32)


def _holds_several(items: list[Any] | tuple[Any, ...], what: str, count: int | None) -> bool:
    """Whether a list or tuple is several arrays (True) or the rows of one (False)."""
    arrays = _count_arrays(items)
    if count is None:
        return arrays > 0
    if count == 1:
        if arrays > 1:
            _refuse_samples(items, what)
        return arrays == 1 and len(items) == 1
    if items and all(isinstance(item, int | float | np.generic | str) for item in items):
        return False
    if len(items) not in (1, count):
        kind = "arrays" if arrays == len(items) else "items"
        raise ValueError(f"{what} is a {type(items).__name__} of {len(items)} {kind}; the model takes {count} here.")
    return True


def _part(item: object, what: str, nested: bool) -> Any:
    """An array, or several where they are nested: lists within lists are, in general, rows of one array."""
    item = dense(item)
    if isinstance(item, Mapping) or (nested and isinstance(item, list | tuple) and _count_leaves(item) > 1):
        return to_arrays(item, what, _count_leaves(item))
    return _leaf(item, what)


def _count_leaves(data: object) -> int:
    """How many arrays there are in lists, tuples and dicts within each other; lists of numbers are one."""
    if isinstance(data, Mapping):
        return sum(map(_count_leaves, data.values()))
    if isinstance(data, list | tuple) and (_count_arrays(data) or any(isinstance(item, Mapping) for item in data)):
        return sum(map(_count_leaves, data))
    return 1


def _count_arrays(items: list[Any] | tuple[Any, ...]) -> int:
    types = Counter(map(type, items))
    if not any(map(_is_array_type, types)):
        return 0
    # Zero-dimensional arrays are numbers: a list of them is one array.
    return sum(_is_array_type(type(item)) and getattr(item, "ndim", 1) != 0 for item in items)


def _is_array_type(kind: type) -> bool:
    return any(hasattr(kind, name) for name in ("__array__", "to_numpy", "detach", "toarray"))


def _refuse_samples(items: list[Any] | tuple[Any, ...], what: str) -> None:
    kind = type(items).__name__
    shapes = [getattr(item, "shape", None) for item in items]
    remedies = []
    if isinstance(items, tuple) and len(items) in (2, 3) and len({shape[0] for shape in shapes if shape}) == 1:
        names = ("x", "y", "sample_weight")[: len(items)]
        remedies.append(f"pass them as separate arguments ({', '.join(names)})")
    if len(set(map(str, shapes))) == 1:
        remedies.append(f"stack them with np.stack({what})")
    else:
        remedies.append("pad them to one shape and stack them")
    raise ValueError(f"{what} is a {kind} of {len(items)} arrays: {', or '.join(remedies)}. The model takes one here.")


def _leaf(value: object, what: str) -> np.ndarray:
    if value is None:
        _refuse_missing(what)
    if isinstance(value, np.ma.MaskedArray):
        raise ValueError(f"{what} is a masked array: choose a value for masked entries with {what}.filled(0).")
    value = dense(value)
    if isinstance(value, np.ndarray):
        return _numeric(np.asarray(value), what)
    if isinstance(value, str | bytes | bool | int | float | complex | np.generic):
        raise ValueError(
            f"{what} is one value of type {type(value).__name__}; expected an array with one row a sample."
        )
    if _is_table(value):
        return _table(value, what)
    if hasattr(value, "iloc") and hasattr(value, "to_numpy"):
        return _series(value, what)
    return _numeric(as_array(value, what), what)


def _refuse_missing(what: str) -> None:
    if what.startswith("validation"):
        raise ValueError(f"{what} is missing: validation_data needs (x, y) or (x, y, sample_weight).")
    hint = ": pass the targets as the second argument, as in fit(x, y)" if what == "y" else ""
    raise ValueError(f"{what} is missing (None){hint}.")


def dense(value: Any) -> Any:
    """A sparse matrix of SciPy or JAX with its zeros; anything else as it is."""
    if is_sparse(value):
        return value.toarray()
    return np.asarray(value.todense()) if hasattr(value, "todense") and hasattr(value, "nse") else value


def is_sparse(value: object) -> bool:
    """Whether this is a sparse matrix or array of SciPy."""
    return hasattr(value, "toarray") and hasattr(value, "nnz")


def as_array(value: object, what: str) -> np.ndarray:
    """An array or tensor of any library, or a list, as a NumPy array of whatever dtype it has."""
    if isinstance(value, list | tuple):
        return _from_list(value, what)
    try:
        if hasattr(value, "detach") and hasattr(value, "cpu"):
            return _from_torch(value)
        if hasattr(value, "__array__"):
            return np.asarray(value)
        if hasattr(value, "to_numpy"):
            return np.asarray(value.to_numpy())
        if hasattr(value, "shape") and hasattr(value, "__getitem__"):  # rows that are made or read when asked for
            return np.asarray(value[0 : value.shape[0]])
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).split("\n")[0][:100]
        raise ValueError(f"{what} ({type(value).__name__}) cannot become a NumPy array: {reason}") from None
    hint = f" One image is np.asarray({what})[None]." if hasattr(value, "getpixel") else ""
    raise ValueError(f"{what} has type {type(value).__name__}; expected an array, a table or a list of numbers.{hint}")


def _from_torch(tensor: Any) -> np.ndarray:
    tensor = tensor.detach().cpu()
    try:
        return tensor.numpy()
    except TypeError:  # NumPy has no bfloat16 of its own; float32 holds every value of it
        return tensor.float().numpy()


def _from_list(rows: list[Any] | tuple[Any, ...], what: str) -> np.ndarray:
    try:
        return np.asarray(rows)
    except (TypeError, ValueError, OverflowError):
        _refuse_ragged(rows, what)
        raise ValueError(f"{what} is a list that cannot become one array of numbers.") from None


def _numeric(array: np.ndarray, what: str) -> np.ndarray:
    """The array itself in native byte order, or an error that says why it is not made of numbers."""
    kind = array.dtype.kind
    if kind in _NUMBERS or _is_extended_float(array.dtype):
        return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if kind in "UST":
        _refuse_strings(array, what)
    if kind == "O":
        return from_objects(array, what)
    if kind in "mM":
        raise ValueError(
            f"{what} has dtype {array.dtype}: turn times into numbers, "
            f"e.g. ({what} - {what}.min()) / np.timedelta64(1, 'D')."
        )
    if kind == "c":
        raise ValueError(
            f"{what} is complex ({array.dtype}), and its imaginary part would be lost: "
            f"pass np.stack([{what}.real, {what}.imag], axis=-1), or {what}.real."
        )
    if array.dtype.names:
        raise ValueError(
            f"{what} has named fields {list(array.dtype.names[:_SHOWN])}: make columns of them with"
            f" numpy.lib.recfunctions.structured_to_unstructured({what})."
        )
    raise ValueError(f"{what} has dtype {array.dtype}; expected bool, integers or floats.")


def _is_extended_float(dtype: np.dtype) -> bool:
    """bfloat16 and its kin, which NumPy files under "void"; structured and raw void dtypes are not numbers."""
    return dtype.kind == "V" and dtype.names is None and dtype.type is not np.void


def _refuse_strings(array: np.ndarray, what: str) -> None:
    sample = array.ravel()[:10000].tolist()
    classes = sorted({text.decode("latin-1") if isinstance(text, bytes) else str(text) for text in sample})
    shown = ", ".join(repr(text if len(text) <= 20 else text[:17] + "...") for text in classes[:_SHOWN])
    more = ", ..." if len(classes) > _SHOWN else ""
    if "y" in what.replace("[", " ").split():
        raise ValueError(
            f"{what}: labels are strings: encode them, e.g. np.unique({what}, return_inverse=True)[1]; "
            f"classes found: {shown}{more}."
        )
    raise ValueError(
        f"{what} holds strings (e.g. {classes[0][:20]!r}): turn them into numbers first, "
        f"e.g. {what}.astype('float32') for digits, StringLookup or TextVectorization for text."
    )


def from_objects(array: np.ndarray, what: str) -> np.ndarray:
    """Numbers out of an array of objects: what pandas makes of columns of numbers beside columns of bool."""
    items = array.ravel()
    if array.ndim == 1 and any(hasattr(item, "__len__") and not isinstance(item, str | bytes) for item in items):
        _refuse_ragged(items, what)
        raise ValueError(f"{what} is an array of arrays (dtype object): stack them with np.stack({what}).")
    odd = next((i for i, item in enumerate(items) if not isinstance(item, int | float | np.number | np.bool_)), None)
    if odd is None:
        numbers = np.asarray(items.tolist())
        if numbers.dtype.kind != "O":
            return _numeric(numbers.reshape(array.shape), what)
        raise ValueError(f"{what} has dtype object and holds numbers too large for 64 bits.")
    strings = [item for item in items if isinstance(item, str | bytes)]
    if len(strings) == len(items):
        _refuse_strings(np.asarray(strings), what)
    spot = place(tuple(int(i) for i in np.unravel_index(odd, array.shape)))
    raise ValueError(
        f"{what} has dtype object: expected numbers, found {type(items[odd]).__name__} at {spot}. "
        "Fill or drop such entries, then use .astype('float32')."
    )


def _refuse_ragged(rows: Any, what: str) -> None:
    """Name the rows whose shape differs from the most common one; return if there are none."""
    shapes = []
    for i, row in enumerate(rows):
        try:
            shapes.append(np.shape(row))
        except (TypeError, ValueError):
            return _refuse_ragged(row, f"{what}[{i}]")
    (usual, number), *others = Counter(shapes).most_common()
    if not others:
        return
    odd = [i for i, shape in enumerate(shapes) if shape != usual]
    first = ", ".join(map(str, odd[:_SHOWN])) + (", ..." if len(odd) > _SHOWN else "")
    raise ValueError(
        f"{what} is ragged: {plural(number, 'row')} of {_size(usual)}, but row {odd[0]} is of "
        f"{_size(shapes[odd[0]])} ({plural(len(odd), 'odd row')}: {first}): "
        "pad the rows to one length, e.g. with pad_sequences."
    )


def _size(shape: tuple[int, ...]) -> str:
    return f"length {shape[0]}" if len(shape) == 1 else f"shape {shape}"


# Tables: pandas, polars, PyArrow


def _is_table(value: object) -> bool:
    return hasattr(value, "column_names") or (hasattr(value, "columns") and hasattr(value, "to_numpy"))


def _table(table: Any, what: str) -> np.ndarray:
    """One array of shape (rows, columns), in the dtype that holds every column."""
    dtypes = set(table.dtypes) if hasattr(table, "iloc") else set()
    if dtypes and all(isinstance(dtype, np.dtype) and dtype.kind in _NUMBERS for dtype in dtypes):
        return table.to_numpy(dtype=np.result_type(*dtypes))
    columns, troubles = [], []
    for name, column in _columns(table):
        array, trouble = _column(column)
        columns.append(array)
        if trouble:
            troubles.append(f"{name!r} ({trouble})")
    if troubles:
        more = ", ..." if len(troubles) > _SHOWN else ""
        raise ValueError(f"{what} has columns that are not plain numbers: {', '.join(troubles[:_SHOWN])}{more}.")
    if not columns:
        raise ValueError(f"{what} is a table without columns.")
    return np.column_stack(columns)


def _columns(table: Any) -> list[tuple[Any, Any]]:
    if hasattr(table, "iloc"):  # pandas: by position, since names may repeat
        return [(name, table.iloc[:, i]) for i, name in enumerate(table.columns)]
    if hasattr(table, "column_names"):  # PyArrow
        return list(zip(table.column_names, table.columns, strict=True))
    return [(name, table[name]) for name in table.columns]


def _series(series: Any, what: str) -> np.ndarray:
    array, trouble = _column(series)
    if trouble is None:
        return array
    name = getattr(series, "name", None)
    if trouble.startswith("strings"):
        _refuse_strings(array, what)
    if len({np.shape(item) for item in array[:_SHOWN] if isinstance(item, np.ndarray | list | tuple)}) == 1:
        trouble += f", use np.stack({what}.to_list())"
    column = what if name is None else f"{what} (column {name!r})"
    raise ValueError(f"{column} is not plain numbers: {trouble}.")


def _column(column: Any) -> tuple[np.ndarray, str | None]:
    """The column's numbers and None, or what could be read of it and a few words on what is wrong."""
    if not hasattr(column, "iloc"):
        array = as_array(column, "a column")
        return array, _trouble(array, array.dtype, "cast them to numbers", "cast them to numbers")
    dtype = column.dtype
    plain = dtype.categories.dtype if hasattr(dtype, "categories") else getattr(dtype, "numpy_dtype", None)
    if isinstance(plain, np.dtype) and plain.kind in _NUMBERS:  # nullable, or categories that stand for themselves
        missing = int(column.isna().sum())
        if missing:
            return np.zeros(0), f"{dtype} with {missing} missing, use .fillna(0).astype({plain.name!r})"
        return column.astype(plain).to_numpy(), None
    array = np.asarray(column)
    return array, _trouble(array, dtype, "use .astype('float32')", "use .astype('category').cat.codes")


def _trouble(array: np.ndarray, dtype: object, for_numbers: str, for_strings: str) -> str | None:
    """What keeps a column from being numbers, with a remedy where there is one; None if nothing does."""
    kind = array.dtype.kind
    if kind in _NUMBERS or _is_extended_float(array.dtype):
        return None
    types = {type(item) for item in array} if kind == "O" else set()
    if kind in "UST" or (types and types <= {str}):
        return f"strings, {for_strings}"
    if getattr(dtype, "kind", kind) in "mM":
        return f"{dtype}, subtract a start and use seconds or days"
    if kind == "c":
        return f"{dtype}, use its real part"
    held = f"{dtype} holding {', '.join(sorted(kind.__name__ for kind in types)[:3])}" if types else str(dtype)
    is_readable = all(issubclass(kind, int | float | np.number | str) for kind in types)
    return f"{held}, {for_numbers}" if is_readable else held
