"""`Dataset`: what users see of a stage, with the methods of `tf.data.Dataset`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import batching, cached, files, nesting, ordering, sources
from .iterator import Iterator as ElementIterator, NumpyIterator
from .mapping import Filter, Map, Scan, TakeWhile, reduced
from .spec import INFINITE, UNKNOWN, seen_spec
from .stage import Stage
from .structures import Nest, mapped
from .tensors import is_dataset, tensor

_COUNTED = "len(list(dataset))"


class Dataset:
    """Elements in order, made again in each pass: nested tuples and dicts of tensors.

    Made by `from_tensor_slices`, `from_tensors`, `from_generator`, `range`, `zip`, `list_files` and their kind;
    each other method gives a new data set that takes its elements from this one. Nothing is computed before somebody
    iterates. Arrays are not copied: who writes to them changes the elements that follow.

    Args:
        stage: what makes the elements.

    >>> squares = Dataset.range(6).map(lambda x: x * x).batch(4)
    >>> [batch.tolist() for batch in squares]
    [[0, 1, 4, 9], [16, 25]]
    """

    def __init__(self, stage: Stage):
        self._stage = stage

    @property
    def stage(self) -> Stage:
        """What makes the elements."""
        return self._stage

    # --- making one ---

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> Dataset:
        """The rows of arrays.

        Args:
            tensors: an array or list, or tuples and dicts of them, with equal first axes; tables of pandas as
                `dict(table)`.

        Raises:
            ValueError: for unequal first axes.
        """
        return Dataset(sources.Slices(_as_nest(tensors)))

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> Dataset:
        """One element, `tensors` itself."""
        return Dataset(sources.Single(_as_nest(tensors)))

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable[Any]],
        output_types: Any = None,
        output_shapes: Any = None,
        args: Sequence[Any] | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """What a function yields.

        Args:
            generator: called with `args` at the beginning of each pass; returns something to iterate over.
            output_types: structure of dtypes.
            output_shapes: structure of shapes; sizes may be None.
            args: arguments of the function, given to it as NumPy arrays.
            output_signature: structure of `TensorSpec`s, in place of types and shapes. Without any of them elements are
                taken as they come.

        Raises:
            TypeError: if `generator` is no function, and, in a pass, for an element of another structure.
            ValueError: in a pass, for an array of another shape.
        """
        if not callable(generator):
            raise TypeError(
                f"from_generator: `generator` must be a function that returns an iterator, so that each pass can begin"
                f" anew. Received: {type(generator).__name__}. Write `lambda: iterator`."
            )
        values = [np.asarray(sources.leaf_of(arg))[()] for arg in args or ()]
        signature = sources.signature_of(output_types, output_shapes, output_signature)
        return Dataset(sources.Generated(lambda: generator(*values), signature))

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> Dataset:
        """Whole numbers: `range(stop)`, `range(start, stop)` or `range(start, stop, step)`."""
        start, stop, step = (0, *args, 1) if len(args) == 1 else (*args, 1)[:3]
        return Dataset(sources.Counter(int(start), int(stop), int(step), sources.spec_leaf(output_type).dtype))

    @staticmethod
    def counter(start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None) -> Dataset:
        """`start`, `start + step`, ... without end."""
        return Dataset(sources.Counter(int(start), None, int(step), sources.spec_leaf(dtype).dtype))

    @staticmethod
    def random(seed: int | None = None, rerandomize_each_iteration: bool | None = None, name: str | None = None) -> Any:
        """Random whole numbers from 0 to 2**32 - 1, without end.

        Args:
            rerandomize_each_iteration: whether each pass has other numbers.
        """
        return Dataset(sources.RandomNumbers(seed, bool(rerandomize_each_iteration)))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> Dataset:
        """Elements of several data sets side by side, as long as all have some.

        Args:
            args: data sets, or one structure of them.
            datasets: the same, by name.
        """
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        structure = tuple(structure) if isinstance(structure, list) else structure
        found: list[Stage] = []
        mapped(lambda one: found.append(stage_of(one, "zip")), structure)
        if not found:
            raise TypeError("zip: there must be one data set at least.")
        return Dataset(ordering.Zip(structure, found)) if not is_dataset(structure) else Dataset(found[0])

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name: str | None = None
    ) -> Dataset:
        """Names of files.

        Args:
            file_pattern: a pattern such as `"images/*.png"`, or several.
            shuffle: mix them, differently for each pass; default: yes. Else they are sorted.
            seed: of the order.

        Raises:
            FileNotFoundError: if no file fits.
        """
        found = Dataset.from_tensor_slices(files.matching(file_pattern))
        return found.shuffle(max(1, len(found)), seed) if shuffle is None or shuffle else found

    @staticmethod
    def sample_from_datasets(
        datasets: Sequence[Any],
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> Dataset:
        """Elements of several data sets in random order.

        Args:
            datasets: of elements of one kind.
            weights: how often each is drawn from; default: equally often.
            seed: of the draws.
            stop_on_empty_dataset: end where one has no more elements; else the others go on.
        """
        stages = [stage_of(one, "sample_from_datasets") for one in datasets]
        draws = sources.Draws(len(stages), weights, seed)
        return Dataset(sources.Joined(stages, draws, stop_on_empty_dataset))

    @staticmethod
    def choose_from_datasets(
        datasets: Sequence[Any], choice_dataset: Any, stop_on_empty_dataset: bool = True
    ) -> Dataset:
        """Elements of several data sets, each from the one whose number `choice_dataset` gives."""
        stages = [stage_of(one, "choose_from_datasets") for one in datasets]
        chosen = stage_of(choice_dataset, "choose_from_datasets")
        numbers = lambda: (int(number) for chunk in chosen.chunks() for number in chunk.values)  # noqa: E731
        return Dataset(sources.Joined(stages, numbers, stop_on_empty_dataset))

    # --- a function on each element ---

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        synchronous: bool | None = None,
        use_unbounded_threadpool: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """What a function returns for each element.

        Args:
            map_func: gets the parts of a tuple as arguments, and anything else, such as a dict, as one. It is compiled,
                for many elements at a time, where it can be traced; else it runs element by element.
            num_parallel_calls: threads, for what runs element by element; -1 (`AUTOTUNE`): one per processor.
            deterministic: of no effect; results come in the order of the elements.
        """
        return Dataset(Map(self.stage, map_func, num_parallel_calls))

    def filter(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements for which a function returns true."""
        return Dataset(Filter(self.stage, predicate))

    def take_while(self, predicate: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements before the first for which a function returns false."""
        return Dataset(TakeWhile(self.stage, predicate))

    def flat_map(self, map_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The elements of the data sets that a function returns, one data set after another."""
        return Dataset(nesting.FlatMap(self.stage, map_func))

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of the data sets that a function returns, several of which take turns.

        Args:
            cycle_length: how many; default: the number of processors, at most 10.
            block_length: elements of a turn.
            num_parallel_calls, deterministic: of no effect.
        """
        return Dataset(nesting.Interleave(self.stage, map_func, cycle_length, block_length or 1))

    def scan(self, initial_state: Any, scan_func: Callable[..., Any], name: str | None = None) -> Dataset:
        """The results of `scan_func(state, element) -> (new state, result)`."""
        return Dataset(Scan(self.stage, initial_state, scan_func))

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any], name: str | None = None) -> Any:
        """The state after all elements, of `reduce_func(state, element) -> new state`."""
        return reduced(self.stage, initial_state, reduce_func)

    def apply(self, transformation_func: Callable[[Any], Any]) -> Any:
        """`transformation_func(dataset)`."""
        return transformation_func(self)

    def group_by_window(
        self,
        key_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        window_size: int | None = None,
        window_size_func: Callable[[Any], Any] | None = None,
        name: str | None = None,
    ) -> Dataset:
        """Elements with one key, so many at a time, as what a function makes of them.

        Args:
            key_func: `(element) -> key`, a whole number.
            reduce_func: `(key, data set of elements) -> data set`.
            window_size: elements of a group.
            window_size_func: `(key) -> elements of a group`, in its place.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError("group_by_window: give one of `window_size` and `window_size_func`.")
        size = (lambda key: int(window_size_func(key))) if window_size_func else (lambda key: int(window_size or 0))
        return Dataset(nesting.GroupByWindow(self.stage, key_func, reduce_func, size, Dataset))

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable[..., Any],
        bucket_boundaries: Sequence[int],
        bucket_batch_sizes: Sequence[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Batches of elements that have about one length, filled up to the longest.

        Args:
            element_length_func: `(element) -> length`.
            bucket_boundaries: ends of the ranges of lengths, which belong to the next range.
            bucket_batch_sizes: of each range, and of what is longer.
            padded_shapes, padding_values: as of `padded_batch`.
            pad_to_bucket_boundary: fill up to the end of the range in place of the longest.
            no_padding: elements of a range have one shape already.
            drop_remainder: leave out batches that are not full.
        """
        return Dataset(
            nesting.ByLength(
                self.stage, element_length_func, bucket_boundaries, bucket_batch_sizes, padded_shapes, padding_values,
                pad_to_bucket_boundary, no_padding, drop_remainder,
            )
        )  # fmt: skip

    # --- batches ---

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Any:
        """So many elements as one, along a new first axis.

        Args:
            drop_remainder: leave out a last batch with fewer elements.
            num_parallel_calls, deterministic: of no effect.

        Raises:
            ValueError: in a pass, for elements of different shapes.
        """
        return Dataset(batching.Batch(self.stage, int(batch_size), bool(drop_remainder)))

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """So many elements as one, filled up to the longest.

        Args:
            padded_shapes: structure of shapes to fill up to; None or -1 as a size: that of the longest. Default: all.
            padding_values: structure of values to fill with, or one for all; default: 0, and the empty text.
            drop_remainder: leave out a last batch with fewer elements.
        """
        return Dataset(
            batching.PaddedBatch(self.stage, int(batch_size), padded_shapes, padding_values, bool(drop_remainder))
        )

    def ragged_batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        row_splits_dtype: Any = None,
        name: str | None = None,
    ) -> Dataset:
        """So many elements as one, ragged where their lengths differ: under `sequax run`, which has ragged tensors.

        Args:
            drop_remainder: leave out a last batch with fewer elements.
            row_splits_dtype: of no effect.

        Raises:
            NotImplementedError: in a pass, where there are no ragged tensors, or elements differ in more than their
                first axis.
        """
        return Dataset(batching.RaggedBatch(self.stage, int(batch_size), bool(drop_remainder)))

    def unbatch(self, name: str | None = None) -> Dataset:
        """The rows of each element, one by one."""
        return Dataset(batching.Unbatch(self.stage))

    def rebatch(self, batch_size: Any, drop_remainder: bool = False, name: str | None = None) -> Dataset:
        """The rows of batches in batches of another size, or of several sizes by turns."""
        sizes = [int(size) for size in np.atleast_1d(np.asarray(batch_size))]
        return Dataset(batching.Rebatch(batching.Unbatch(self.stage), sizes, bool(drop_remainder)))

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> Dataset:
        """Neighbouring elements as data sets; of tuples and dicts, the parts each as a data set.

        Args:
            size: elements of a window.
            shift: from the start of a window to that of the next; default: `size`.
            stride: between two elements of a window.
            drop_remainder: leave out windows that are not full.
        """
        shift = None if shift is None else int(shift)
        return Dataset(nesting.Window(self.stage, int(size), shift, int(stride), bool(drop_remainder), Dataset))

    # --- which elements, in which order ---

    def shuffle(
        self,
        buffer_size: int | None,
        seed: int | None = None,
        reshuffle_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements in random order: each is drawn from a buffer.

        Args:
            buffer_size: elements of the buffer; None: all.
            seed: the order depends on it and on the number of the pass alone.
            reshuffle_each_iteration: whether each pass has another order; default: yes.
        """
        size = None if buffer_size is None else int(buffer_size)
        anew = reshuffle_each_iteration is None or bool(reshuffle_each_iteration)
        return Dataset(ordering.Shuffle(self.stage, size, None if seed is None else int(seed), anew))

    def repeat(self, count: int | None = None, name: str | None = None) -> Dataset:
        """So many passes, one after another; None or -1: without end."""
        return Dataset(ordering.Repeat(self.stage, None if count is None else int(count)))

    def take(self, count: int, name: str | None = None) -> Dataset:
        """The first elements; -1: all."""
        return Dataset(ordering.Take(self.stage, int(count)))

    def skip(self, count: int, name: str | None = None) -> Dataset:
        """All but the first elements."""
        return Dataset(ordering.Skip(self.stage, int(count)))

    def shard(self, num_shards: int, index: int, name: str | None = None) -> Dataset:
        """Each `num_shards`-th element, from `index` on."""
        return Dataset(ordering.Shard(self.stage, int(num_shards), int(index)))

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """`(number, element)`."""
        return Dataset(ordering.Enumerate(self.stage, int(start)))

    def concatenate(self, dataset: Any, name: str | None = None) -> Dataset:
        """The elements, then those of another data set."""
        return Dataset(ordering.Concatenate(self.stage, stage_of(dataset, "concatenate")))

    def unique(self, name: str | None = None) -> Dataset:
        """The elements without those that came before."""
        return Dataset(ordering.Unique(self.stage))

    def cache(self, filename: Any = "", name: str | None = None) -> Dataset:
        """The same elements, made in the first whole pass alone and kept.

        Args:
            filename: keep them in a file of this name (with `.sequax.npz` behind it), which is read where it is there
                already; default: in memory.
        """
        path = files.path_of(filename)
        return Dataset(cached.FileCache(self.stage, path) if path else ordering.Cache(self.stage))

    def snapshot(self, path: Any, *args: object, **kwargs: object) -> Dataset:
        """The same elements, kept in a file in the folder `path`, which is read where it is there already."""
        return Dataset(cached.FileCache(self.stage, os.path.join(files.path_of(path), "snapshot")))

    def save(self, path: Any, *args: object, **kwargs: object) -> None:
        """Write the elements to a file in the folder `path`; `Dataset.load` reads them."""
        cached.write(os.path.join(files.path_of(path), cached.SAVED), list(self.stage.chunks()))

    @staticmethod
    def load(path: Any, *args: object, **kwargs: object) -> Dataset:
        """The elements that `save` wrote to the folder `path`.

        Raises:
            FileNotFoundError: if there are none.
        """
        return Dataset(cached.Saved(files.path_of(path)))

    def prefetch(self, buffer_size: int | None, name: str | None = None) -> Dataset:
        """The same elements, made by a thread that runs ahead, where making one takes long.

        Args:
            buffer_size: by how many it runs ahead; -1 (`AUTOTUNE`): a few.
        """
        return Dataset(ordering.Prefetch(self.stage, -1 if buffer_size is None else int(buffer_size)))

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> Dataset:
        """Not available.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("ignore_errors is not available: leave such elements out by `filter`.")

    def with_options(self, options: object, name: str | None = None) -> Dataset:
        """The same data set; options of TensorFlow have no effect."""
        return self

    def options(self) -> Any:
        """Not available: there are no options."""
        raise NotImplementedError(
            "Dataset.options: there are no options; those given by `with_options` have no effect."
        )

    # --- looking at it ---

    @property
    def element_spec(self) -> Nest:
        """Shapes and dtypes of the elements; sizes are None where unknown."""
        return mapped(seen_spec, self.stage.spec())

    def cardinality(self, name: str | None = None) -> Any:
        """How many elements there are, as a tensor; -1: without end; -2: not known."""
        return tensor(np.int64(self.stage.count()))

    def __len__(self) -> int:
        known = self.stage.count()
        if known == INFINITE:
            raise TypeError("The data set is infinite: it has no length.")
        if known == UNKNOWN:
            raise TypeError(f"The length of the data set is not known; to count its elements write {_COUNTED}.")
        return known

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        return ElementIterator(self.stage)

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with NumPy arrays, numbers and `bytes` as leaves."""
        return NumpyIterator(self.stage)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element.

        Raises:
            ValueError: if there is another number of elements than one.
        """
        found = [element for element, _ in zip(self, "ab", strict=False)]
        if len(found) != 1:
            raise ValueError(
                f"get_single_element: expected a data set of one element. It has {'none' if not found else 'more'}."
            )
        return found[0]

    def __repr__(self) -> str:
        try:
            spec = repr(self.element_spec)
        except Exception as error:  # code of the user fails
            spec = f"unknown ({type(error).__name__})"
        return f"<_{self.stage.title} element_spec={spec}>"


def _as_nest(tensors: Any) -> Nest:
    """Tables as arrays, other mappings as dicts."""
    if isinstance(tensors, Mapping):
        return {key: _as_nest(value) for key, value in tensors.items()}
    if isinstance(tensors, tuple):
        parts = [_as_nest(part) for part in tensors]
        return type(tensors)(*parts) if hasattr(tensors, "_fields") else tuple(parts)
    return tensors


def stage_of(dataset: Any, what: str) -> Stage:
    """The stage of a data set.

    Raises:
        TypeError: if it is none.
    """
    if not is_dataset(dataset):
        raise TypeError(f"{what}: expected a data set. Received: {type(dataset).__name__}")
    return dataset.stage
