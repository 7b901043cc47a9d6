"""From the arguments of `fit`, `evaluate` and `predict` to sources of checked batches and a built model.

There are three kinds of sources. Arrays are converted and checked as a whole (`ArraySource`). Arrays on disk that do
not fit into memory (`LargeSource`) and streams (`StreamSource`) are converted and checked part by part, in the thread
that reads them; their first part is read here, so that a model is built before training begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..core import placement, processes, rng, settings
from ..core.tensor import leaves
from ..core.types import Data, Nested
from ..core.warning import warn
from . import arrays, checks, large, streams
from .arrays import ArraySource
from .batches import DEFAULT_BATCH_SIZE, BatchReader, prediction_inputs, rows_told
from .class_weights import refuse_balanced
from .large import LargeSource, Read
from .pipeline.whole import whole_arrays
from .prefetch import prefetch
from .samples import unpack_x_y_sample_weight
from .source import Batch, BatchSource, Part
from .spec import DataSpec
from .stream_source import StreamSource
from .structures import targets_of

_EPOCHS = "epochs", "initial_epoch"
_SIZES = "batch_size", "steps_per_epoch", "validation_split", "validation_batch_size", "validation_steps"


class FitArguments(NamedTuple):
    """Which rows `fit` gets, and how its epochs take them; as for `Model.fit`.

    Fields:
        accepts_nan: whether somebody decides what happens when the loss is not finite, so that targets may be so.
    """

    x: Data | None
    y: Data | None
    sample_weight: Data | None
    class_weight: Mapping[Any, Any] | str | None
    batch_size: int | None
    shuffle: bool | str
    epochs: int
    initial_epoch: int
    steps_per_epoch: int | None
    validation_data: Data | None
    validation_split: float
    validation_batch_size: int | None
    validation_steps: int | None
    validation_freq: int | Iterable[int]
    accepts_nan: bool


class TrainingData(NamedTuple):
    """The sources of one call of `fit`."""

    train: BatchSource
    validation: BatchSource | None


def training_data(spec: DataSpec, given: FitArguments) -> TrainingData:
    """Checked sources for training and validation; builds the model and resolves its losses on the way.

    Nothing of the model changes before all checks have passed, except that a model without weights gets built.
    """
    if given.validation_data is not None or given.validation_split:
        checks.check_validation_freq(given.validation_freq)
    given, seed = _unwrapped(given)
    numbers: dict[str, Any] = {name: getattr(given, name) for name in _SIZES}
    checks.check_arguments(**numbers)
    numbers |= {name: getattr(given, name) for name in _EPOCHS}  # only once: they warn
    held_out_part = given.validation_split if given.validation_data is None else 0.0
    reader = BatchReader(
        spec, given.class_weight, given.batch_size, finite_targets=not given.accepts_nan, held_out=held_out_part
    )
    if streams.is_stream(given.x):
        train, held_out, rows = _from_stream(given, reader)
    else:
        on_disk = large.is_large(given.x, given.y, given.sample_weight)
        train, held_out, rows = (_from_disk if on_disk else _from_memory)(given, reader)
        if seed is not None and isinstance(train, ArraySource):
            train.seed = seed
    size = given.validation_batch_size or given.batch_size
    if given.validation_data is not None:
        held_out = _validation_source(spec, given.validation_data, size, given.validation_steps)
        numbers["validation_rows"] = getattr(held_out, "rows", None)
    checks.check_arguments(**numbers, rows=rows)
    _warn_of_short_epochs(train, given.epochs)
    return TrainingData(train, held_out)


def _unwrapped(given: FitArguments) -> tuple[FitArguments, int | None]:
    """Arrays in place of a data set that does no more than slice, mix and batch them; and the seed of the order."""
    others = given.y, given.sample_weight, given.steps_per_epoch, given.batch_size, given.validation_split or None
    found = None if any(other is not None for other in others) else whole_arrays(given.x)
    if found is None:
        return given, None
    x, y, weight = streams.unpacked(found.values, "x")
    arrays_given = given._replace(
        x=x, y=y, sample_weight=weight, batch_size=found.batch_size, shuffle=found.seed is not None
    )
    return arrays_given, found.seed


Sources = tuple[BatchSource, BatchSource | None, int | None]  # of training, of a split for validation; and all rows


def _from_stream(given: FitArguments, reader: BatchReader) -> Sources:
    refuse_balanced(given.class_weight, "a stream")
    split = given.validation_split or None
    _refuse_beside_stream(given.x, y=given.y, sample_weight=given.sample_weight, validation_split=split)
    _warn_of_batch_size(given.batch_size, given.x)
    source = _stream_source(reader, given.x, "x", given.steps_per_epoch, given.shuffle, rng.fresh_seed())
    _warn_of_magnitude(reader.spec, source.peek())
    return source, None, None


def _from_disk(given: FitArguments, reader: BatchReader) -> Sources:
    refuse_balanced(given.class_weight, "data that stay on the disk")
    data = given.x, given.y, given.sample_weight
    every = range(large.count_rows(data))
    rows = len(every)
    split = given.validation_split if given.validation_data is None else 0
    kept = arrays.rows_kept(rows, split) if split else rows
    size = _batch_size(given.batch_size, given.steps_per_epoch, kept)
    order = given.shuffle, rng.fresh_seed(), given.steps_per_epoch, given.initial_epoch
    train = _large_source(data, reader.read, every[:kept], size, *order)
    if kept == rows:
        return train, None, rows
    unweighted = BatchReader(reader.spec, None, given.batch_size, finite_targets=not given.accepts_nan)
    size = _batch_size(given.validation_batch_size or given.batch_size, given.validation_steps, rows - kept)
    return train, LargeSource(data, unweighted.read, every[kept:], size, steps=given.validation_steps), rows


def _from_memory(given: FitArguments, reader: BatchReader) -> Sources:
    checks.check_index_order({"x": given.x, "y": given.y})
    batch, held_out = reader.read(given.x, given.y, given.sample_weight), None
    _warn_of_magnitude(reader.spec, batch)
    rows = len(leaves(batch)[0])
    if given.validation_data is None and given.validation_split:
        checks.check_arguments(validation_split=given.validation_split, rows=rows)
        checks.check_split(*reader.targets(batch), given.validation_split)
        batch, last = arrays.split(batch, given.validation_split)
        if given.class_weight is not None:  # for training: what is held out is measured as it is
            last = last._replace(weight=None)
        size = given.validation_batch_size or given.batch_size
        size = _batch_size(size, given.validation_steps, len(leaves(last)[0]))
        held_out = ArraySource(last, size, steps=given.validation_steps)
    size = _batch_size(given.batch_size, given.steps_per_epoch, len(leaves(batch)[0]))
    order = given.shuffle, rng.fresh_seed(), given.steps_per_epoch, given.initial_epoch
    return ArraySource(batch, size, *order), held_out, rows


def evaluation_data(
    spec: DataSpec,
    x: Data | None,
    y: Data | None,
    sample_weight: Data | None,
    batch_size: int | None,
    steps: int | None,
    prefix: str = "",
) -> BatchSource:
    """A checked source for `evaluate`."""
    processes.check("evaluate")
    checks.check_arguments(batch_size=batch_size, steps=steps)
    found = whole_arrays(x) if y is sample_weight is None and batch_size is None else None
    if found is not None and found.seed is None:
        x, y, sample_weight = streams.unpacked(found.values, f"{prefix}x")
        batch_size = found.batch_size
    reader = BatchReader(spec, None, batch_size, prefix)
    source: BatchSource
    if streams.is_stream(x):
        _refuse_beside_stream(x, y=y, sample_weight=sample_weight)
        _warn_of_batch_size(batch_size if not prefix else None, x)
        return _stream_source(reader, x, f"{prefix}x", steps)
    if large.is_large(x, y, sample_weight):
        data = x, y, sample_weight
        rows = large.count_rows(data)
        source = _large_source(data, reader.read, range(rows), _batch_size(batch_size, steps, rows), steps=steps)
    else:
        batch = reader.read(x, y, sample_weight)
        rows = len(leaves(batch)[0])
        source = ArraySource(batch, _batch_size(batch_size, steps, rows), steps=steps)
    if not prefix:  # else `training_data` does, which knows the names of the arguments
        checks.check_arguments(batch_size=batch_size, steps=steps, rows=rows)
    return source


def resolve_anew(spec: DataSpec, targets: Nested[Any], source: BatchSource) -> None:
    """Match the losses and metrics of another `compile` with the targets of a source, and check these against them.

    Args:
        targets: structure of abstract targets. Batches of a stream are checked when they are read.
    """
    model = spec.model
    model.resolve(targets)
    batch = getattr(source, "arrays", None)
    if batch is not None and batch.y is not None and not spec.own().targets:
        given = targets_of(batch.y, model.symbolic_outputs, model.output_names, model.compilation.losses)
        checks.check_targets(given, spec.outputs())


class PredictionData(NamedTuple):
    """Inputs for `predict`.

    Fields:
        parts: gives the rows in order; the arguments are those of `data.arrays.parts`.
        steps: number of batches; None if it is not known.
    """

    parts: Callable[[bool, bool], Iterator[Part]]
    steps: int | None


def prediction_data(spec: DataSpec, x: Data, batch_size: int | None, steps: int | None) -> PredictionData:
    """Checked inputs for `predict`; builds the model if need be."""
    checks.check_arguments(batch_size=batch_size, steps=steps)
    found = whole_arrays(x) if batch_size is None else None
    if found is not None and found.seed is None:
        x, batch_size = streams.unpacked(found.values, "x")[0], found.batch_size
    if streams.is_stream(x):
        _warn_of_batch_size(batch_size, x)
        if placement.where(spec.model).own_rows:
            raise ValueError(
                "predict: with `auto_shard_dataset=False` each process would give rows of its own, and all would get"
                " all outputs. Pass arrays, which are the same in all processes; or predict in each alone with"
                " `devices=1`."
            )
        stream = streams.stream_of(x, "x")
        source = StreamSource(stream, lambda x, y, weight: Batch(prediction_inputs(spec, x, rows_told(x))), steps)
        source.peek()
        return PredictionData(lambda single, together: _streamed_parts(source), source.steps)
    if large.is_large(x):
        rows = large.count_rows((x, None, None))
        size = _batch_size(batch_size, steps, rows)
        steps = settings.limited_steps(steps, -(-rows // size))
        rows = rows if steps is None else min(rows, steps * size)
        from_disk = _large_source(
            (x, None, None), lambda x, y, weight: Batch(prediction_inputs(spec, x, batch_size)), range(rows), size
        )
        return PredictionData(lambda single, together: _large_parts(from_disk, single, together), from_disk.steps)
    inputs = prediction_inputs(spec, x, batch_size)
    rows = checks.check_rows({"x": leaves(inputs)})
    size = _batch_size(batch_size, steps, rows)
    steps = settings.limited_steps(steps, -(-rows // size))
    return PredictionData(
        lambda single, together: arrays.parts(inputs, size, single, together, steps), steps or -(-rows // size)
    )


def _batch_size(given: int | None, steps: int | None, rows: int) -> int:
    """Rows of a step, if need be so many that `steps` of them take all rows."""
    if given is not None:
        return given
    return DEFAULT_BATCH_SIZE if steps is None else -(-rows // steps)


def _warn_of_magnitude(spec: DataSpec, batch: Batch) -> None:
    arrays = leaves(batch.x)
    if not (checks.enabled() and any(map(checks.has_large, arrays))):
        return
    if spec.own().inputs or spec.model.symbolic_inputs is None:
        return
    schemas = spec.inputs()
    if len(arrays) == len(schemas):
        checks.warn_of_magnitude(arrays, spec.multiplied_by(), [schema.name for schema in schemas])


def _warn_of_short_epochs(source: BatchSource, epochs: int) -> None:
    passes = getattr(source, "passes", None)
    if passes is None or epochs - passes.first_epoch < passes.epochs:
        return
    left = passes.batches % passes.steps
    if left:
        warn(
            f"steps_per_epoch={passes.steps} does not divide the {passes.batches} batches of the data: the last of"
            f" every {passes.epochs} epochs has {left} of them, and the next one starts over."
        )


def _streamed_parts(source: StreamSource) -> Iterator[Part]:
    for batch in prefetch(source.batches(), ahead=4):
        yield Part(batch.x, 1, len(leaves(batch.x)[0]))


def _large_parts(source: LargeSource, single: bool, together: bool) -> Iterator[Part]:
    rows, size = source.rows, source.block_rows
    for batch in prefetch(source.batch(start, min(start + size, rows)) for start in range(0, rows, size)):
        yield from arrays.parts(batch.x, source.batch_size, single, together)


def _validation_source(spec: DataSpec, data: Any, batch_size: int | None, steps: int | None) -> BatchSource:
    if streams.is_stream(data):
        return evaluation_data(spec, data, None, None, batch_size, steps, "validation ")
    if spec.own().targets:
        return evaluation_data(spec, *unpack_x_y_sample_weight(data), batch_size, steps, "validation ")
    if not isinstance(data, (list, tuple)) or len(data) not in (2, 3):
        raise ValueError(
            f"validation_data needs (x, y) or (x, y, sample_weight), or a stream of such batches. Received:"
            f" {type(data).__name__}{f' of length {len(data)}' if hasattr(data, '__len__') else ''}."
        )
    x, y, *weight = data
    if y is None and spec.model.compilation.loss is not None:
        raise ValueError("validation_data needs (x, y): its y is None.")
    return evaluation_data(spec, x, y, weight[0] if weight else None, batch_size, steps, "validation ")


def _stream_source(
    reader: BatchReader, data: Data | None, what: str, steps: int | None, shuffle: bool | str = False, seed: int = 0
) -> StreamSource:
    """A source over a stream; its first batch is read, so that the model gets built."""
    reader.by_batch, reader.batch_size = True, None
    source = StreamSource(streams.stream_of(data, what, shuffle, seed), reader.read, steps)
    source.peek()
    return source


def _large_source(
    data: tuple[Any, Any, Any], read: Read, taken: range, size: int, *order: Any, **steps: Any
) -> LargeSource:
    """A source over arrays on disk; its first batch is read, so that the model gets built."""
    source = LargeSource(data, read, taken, size, *order, **steps)
    source.batch(0, min(size, len(taken)))
    return source


def _refuse_beside_stream(x: object, **others: object) -> None:
    for name, value in others.items():
        if value is not None:
            raise ValueError(
                f"{name} cannot be given beside x when x is a {type(x).__name__}, which makes batches:"
                f" {_INSTEAD[name]}."
            )


_INSTEAD = {
    "y": "let each batch be (x, y)",
    "sample_weight": "let each batch be (x, y, sample_weight)",
    "validation_split": "split the data before, and pass validation_data",
}


def _warn_of_batch_size(batch_size: int | None, x: object) -> None:
    if batch_size is not None:
        warn(f"batch_size={batch_size} is not used: x is a {type(x).__name__}, which makes batches of its own.")
