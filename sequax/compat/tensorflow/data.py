"""`tensorflow.data`: data sets whose elements are made by NumPy, threads and compiled functions."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import jax
import numpy as np

from ...data.pipeline import files, tables
from ...data.pipeline.calling import refuse_tracing
from ...data.pipeline.dataset import Dataset
from ...data.pipeline.iterator import Iterator, NumpyIterator
from ...data.pipeline.spec import INFINITE, UNKNOWN, DatasetSpec, dtype_name
from ...data.pipeline.structures import mapped
from ...data.pipeline.tensors import Seen, leaf_of, tensor
from . import ragged
from .member import Member
from .settings import Options
from .values import StringTensor, Tensor, TensorSpec

AUTOTUNE = -1


class TextLineDataset(Dataset):
    """The lines of text files."""

    def __init__(
        self,
        filenames: Any,
        compression_type: str | None = None,
        buffer_size: object = None,
        *args: object,
        **kwargs: object,
    ):
        super().__init__(files.Lines(lambda: files.paths_of(filenames), compression_type))


class FixedLengthRecordDataset(Dataset):
    """Pieces of one length of files."""

    def __init__(
        self,
        filenames: Any,
        record_bytes: int,
        header_bytes: int | None = None,
        footer_bytes: int | None = None,
        buffer_size: object = None,
        compression_type: str | None = None,
        *args: object,
        **kwargs: object,
    ):
        sizes = int(record_bytes), int(header_bytes or 0), int(footer_bytes or 0)
        super().__init__(files.Records(lambda: files.paths_of(filenames), *sizes, compression_type))


class RandomDataset(Dataset):
    """Random whole numbers without end."""

    def __init__(self, seed: int | None = None, **kwargs: object):
        super().__init__(Dataset.random(seed).stage)


class CsvDataset(Dataset):
    """The rows of files of comma-separated values, a tuple of their fields each."""

    def __init__(
        self,
        filenames: Any,
        record_defaults: Sequence[Any],
        compression_type: str | None = None,
        buffer_size: object = None,
        header: bool = False,
        field_delim: str = ",",
        use_quote_delim: bool = True,
        na_value: str = "",
        select_cols: Sequence[int] | None = None,
        exclude_cols: Sequence[int] | None = None,
    ):
        if exclude_cols is not None:
            raise NotImplementedError("CsvDataset(exclude_cols=...) is not available: list the others in select_cols.")
        options = (header, field_delim, use_quote_delim, na_value, compression_type)
        super().__init__(files.Table(lambda: files.paths_of(filenames), record_defaults, select_cols, *options))


_RECORDS = "Write `TFRecordDataset(files).batch(n).map(lambda x: tf.io.parse_example(x, features))`."


def _applied(method: str) -> Callable[..., Callable[[Any], Any]]:
    """`apply(function(*args))` for `dataset.method(*args)`."""

    def function(*args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        return lambda dataset: getattr(dataset, method)(*args, **kwargs)

    return function


def cardinality(dataset: Dataset) -> jax.Array:
    return dataset.cardinality()


def assert_cardinality(expected_cardinality: int) -> Callable[[Any], Any]:
    return lambda dataset: Dataset(tables.Counted(dataset.stage, int(expected_cardinality)))


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: int,
    num_parallel_batches: int | None = None,
    drop_remainder: bool = False,
    num_parallel_calls: int | None = None,
) -> Callable[[Any], Any]:
    return lambda dataset: dataset.map(map_func, num_parallel_calls).batch(batch_size, drop_remainder)


def shuffle_and_repeat(buffer_size: int, count: int | None = None, seed: int | None = None) -> Callable[[Any], Any]:
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def parallel_interleave(
    map_func: Callable[..., Any], cycle_length: int, block_length: int = 1, *args: object, **kwargs: object
) -> Callable[[Any], Any]:
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length)


def bucket_by_sequence_length(
    element_length_func: Callable[..., Any],
    bucket_boundaries: Sequence[int],
    bucket_batch_sizes: Sequence[int],
    padded_shapes: Any = None,
    padding_values: Any = None,
    pad_to_bucket_boundary: bool = False,
    no_padding: bool = False,
    drop_remainder: bool = False,
) -> Callable[[Any], Any]:
    return lambda dataset: dataset.bucket_by_sequence_length(
        element_length_func, bucket_boundaries, bucket_batch_sizes, padded_shapes, padding_values,
        pad_to_bucket_boundary, no_padding, drop_remainder,
    )  # fmt: skip


def to_device(*args: object, **kwargs: object) -> Callable[[Any], Any]:
    return lambda dataset: dataset.prefetch(AUTOTUNE)


def unavailable(name: str, instead: str) -> Callable[..., NoReturn]:
    def function(*args: object, **kwargs: object) -> NoReturn:
        raise NotImplementedError(f"tensorflow.data.{name} is not served by Sequax. {instead}")

    return function


def make_one_shot_iterator(dataset: Any) -> Iterator:
    return iter(dataset)


def output_types(dataset_or_iterator: Dataset | Iterator) -> Any:
    return mapped(lambda spec: spec.dtype, dataset_or_iterator.element_spec)


def output_shapes(dataset_or_iterator: Dataset | Iterator) -> Any:
    return mapped(lambda spec: spec.shape, dataset_or_iterator.element_spec)


def output_classes(dataset_or_iterator: Dataset | Iterator) -> Any:
    return mapped(lambda spec: Tensor, dataset_or_iterator.element_spec)


def py_function(func: Callable[..., Any] | None = None, inp: Any = None, Tout: Any = None, name: object = None) -> Any:
    """A function in Python on tensors with values; without `func` a decorator."""
    if func is None:
        return lambda decorated: functools.wraps(decorated)(lambda *args: py_function(decorated, args, Tout))
    refuse_tracing("py_function")
    return _typed(func(*map(_with_value, _listed(inp))), Tout)


def numpy_function(
    func: Callable[..., Any] | None = None,
    inp: Any = None,
    Tout: Any = None,
    stateful: bool = True,
    name: object = None,
) -> Any:
    """A function in Python on NumPy arrays; without `func` a decorator."""
    if func is None:
        return lambda decorated: functools.wraps(decorated)(lambda *args: numpy_function(decorated, args, Tout))
    refuse_tracing("numpy_function")
    return _typed(func(*(leaf_of(value)[()] for value in _listed(inp))), Tout)


def _listed(inp: object) -> list[Any]:
    return list(inp) if isinstance(inp, (list, tuple)) else [] if inp is None else [inp]


def _with_value(value: Any) -> Any:
    return value if hasattr(value, "numpy") else tensor(leaf_of(value))


def _typed(result: Any, types: Any) -> Any:
    """Results in the dtypes that were announced: a list where several were."""
    if isinstance(types, (list, tuple)):
        results = result if isinstance(result, (list, tuple)) else [result]
        if not types:
            return []
        return [_typed(one, dtype) for one, dtype in zip(results, types, strict=True)]
    if types is None:
        return None
    if hasattr(types, "shape") and hasattr(types, "dtype"):  # a TensorSpec
        types = types.dtype
    leaf = leaf_of(result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result)
    name = dtype_name(types)
    return tensor(leaf if name == "string" else np.asarray(leaf).astype(name))


def patched() -> Iterable[tuple[type, str, Any]]:
    """What elements are seen as while the hook is installed: class, name, value."""
    yield Seen, "text", staticmethod(StringTensor)
    yield Seen, "spec", staticmethod(TensorSpec)
    yield Seen, "ragged", staticmethod(ragged.of_rows)
    yield Seen, "ragged_spec", staticmethod(ragged.RaggedTensorSpec)
    yield Dataset, "from_tensor_slices", staticmethod(ragged.slices(Dataset.from_tensor_slices))
    for kind in (Dataset, Iterator):  # of TensorFlow 1
        yield kind, "output_types", property(output_types)
        yield kind, "output_shapes", property(output_shapes)
        yield kind, "output_classes", property(output_classes)
    yield Dataset, "make_one_shot_iterator", make_one_shot_iterator


_APPLIED = {
    **{name: name for name in ("unique", "scan", "take_while", "snapshot", "group_by_window", "ignore_errors")},
    "enumerate_dataset": "enumerate",
    "unbatch": "unbatch",
    "dense_to_ragged_batch": "ragged_batch",
}

_EXPERIMENTAL: dict[str, Any] = {
    **{name: _applied(method) for name, method in _APPLIED.items()},
    "AUTOTUNE": AUTOTUNE,
    "INFINITE_CARDINALITY": INFINITE,
    "UNKNOWN_CARDINALITY": UNKNOWN,
    "cardinality": cardinality,
    "assert_cardinality": assert_cardinality,
    "bucket_by_sequence_length": bucket_by_sequence_length,
    "map_and_batch": map_and_batch,
    "shuffle_and_repeat": shuffle_and_repeat,
    "parallel_interleave": parallel_interleave,
    "prefetch_to_device": to_device,
    "copy_to_device": to_device,
    "choose_from_datasets": Dataset.choose_from_datasets,
    "sample_from_datasets": Dataset.sample_from_datasets,
    "get_single_element": lambda dataset: dataset.get_single_element(),
    "get_structure": lambda dataset: dataset.element_spec,
    "Counter": Dataset.counter,
    "RandomDataset": RandomDataset,
    "CsvDataset": CsvDataset,
    "make_csv_dataset": tables.make_csv_dataset,
    "save": lambda dataset, path, *args, **kwargs: dataset.save(path),
    "load": lambda path, *args, **kwargs: Dataset.load(path),
    "make_batched_features_dataset": unavailable("experimental.make_batched_features_dataset", _RECORDS),
    "rejection_resample": unavailable("experimental.rejection_resample", "Use Dataset.sample_from_datasets."),
    **dict.fromkeys(
        ("OptimizationOptions", "ThreadingOptions", "DistributeOptions", "OptimizationOptions", "AutotuneOptions"),
        Options,
    ),
    "AutoShardPolicy": Options(),
    "ExternalStatePolicy": Options(),
}

MEMBERS: dict[str, Member] = {
    **{
        f"data.{name}": Member(value)
        for name, value in {
            "Dataset": Dataset,
            "AUTOTUNE": AUTOTUNE,
            "INFINITE_CARDINALITY": INFINITE,
            "UNKNOWN_CARDINALITY": UNKNOWN,
            "Options": Options,
            "ThreadingOptions": Options,
            "Iterator": Iterator,
            "NumpyIterator": NumpyIterator,
            "DatasetSpec": DatasetSpec,
            "TextLineDataset": TextLineDataset,
            "FixedLengthRecordDataset": FixedLengthRecordDataset,
            "make_one_shot_iterator": make_one_shot_iterator,
            "make_initializable_iterator": unavailable("make_initializable_iterator", "Write `for x in dataset`."),
            "get_output_types": output_types,
            "get_output_shapes": output_shapes,
            "get_output_classes": output_classes,
        }.items()
    },
    **{f"data.experimental.{name}": Member(value) for name, value in _EXPERIMENTAL.items()},
    **dict.fromkeys(("py_function", "py_func"), Member(py_function)),
    "numpy_function": Member(numpy_function),
    "contrib.data.AUTOTUNE": Member(AUTOTUNE),
    **{f"python.data.ops.dataset_ops.{name}": Member(Dataset) for name in ("Dataset", "DatasetV1", "DatasetV2")},
}
