"""`predict`: rows on their way through a model, by NumPy or by compiled programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..callbacks import CallbackList
from ..core import names, processes, tracking
from ..core.tensor import KerasTensor, leaves
from ..data import arrays, checks, resident
from ..data.source import Part, filled
from . import compiled, custom, data_spec, indices, numpy_forward, steps
from .chunks import ChunkSchedule
from .fingerprint import fingerprint
from .state import TrainState, TrainVariables, like


def predict(model: Any, parts: Callable[[bool, bool], Iterator[Part]], callbacks: Any) -> Any:
    """Outputs for all rows, as NumPy arrays.

    Args:
        parts: gives the rows; the arguments are those of `data.arrays.parts`.
    """
    model.stop_predicting = False
    forward = predictor(model)
    callbacks.on_predict_begin()
    try:
        outputs: list[Any] = []
        done = told = 0
        watched = callbacks.watches_predict_batches
        chunks = ChunkSchedule(model.steps_per_execution if watched else 0, None)
        for part in parts(watched, forward.rows_alone):
            if chunks.begins_at(done):
                callbacks.on_predict_batch_begin(done)
            outputs.append(forward.run(part, callbacks))
            done += part.batches
            batch = chunks.ended_batch(done)
            if batch is not None:
                callbacks.on_predict_batch_end(batch, {"outputs": _joined(outputs[told:])})
                told = len(outputs)
            callbacks.on_predict_chunk_end(done, {})
            if model.stop_predicting:
                break
        batch = chunks.ended_batch(done, is_last=True)
        if batch is not None:
            callbacks.on_predict_batch_end(batch, {"outputs": _joined(outputs[told:])})
        callbacks.on_predict_end()
    finally:
        callbacks.close()
    return _joined(outputs)


def predictor(model: Any) -> Predictor:
    """The predictor of a model, made anew when any layer has changed since."""
    kept = vars(model).get("_predictor")
    if kept is None or not kept.valid:
        kept = vars(model)["_predictor"] = Predictor(model)
    return kept


class Predictor:
    """A model's forward pass: a function in NumPy, or compiled programs.

    Rows are those that `prepare.prediction_data` gives or that `takes` accepts: checked, and of the model's dtype.
    """

    def __init__(self, model: Any):
        own_step = custom.of(model).predict
        self.model = model
        self.slots = TrainVariables.of(model)
        self.key = fingerprint(model)
        self._programs: dict[Any, Any] = {}
        self._version = tracking.version()
        # Own layers may change in ways that `tracking` is not told of, such as a list that grew: look again each time.
        self._ours = all(names.is_ours(layer) for layer in model._flatten_layers())
        single = isinstance(model.symbolic_inputs, KerasTensor)
        # A model with a host prefix takes data that have yet to become numbers, so it never takes them as they are.
        self._input = data_spec.inputs(model)[0] if single and model.host_prefix is None else None
        # A stack, not a graph or a model with a call of its own: the layers one after another are the model.
        stack = model.layers if type(model).__name__ == "Sequential" and self._ours and not own_step else []
        floats = single and model.symbolic_inputs.dtype == "float32"
        self._on_host = numpy_forward.forward(stack, len(model.symbolic_inputs.shape)) if floats else None
        self._step_rows = _rows_per_step(model, stack)
        self._searches = indices.looks_up(model)

    @property
    def valid(self) -> bool:
        return self._ours and self._version == tracking.version()

    @property
    def rows_alone(self) -> bool:
        """Whether outputs of a row are known not to depend on the rows beside it."""
        return self._on_host is not None or self._step_rows > 0

    def takes(self, x: object) -> TypeGuard[np.ndarray]:
        """Whether `x` is in just the form the model computes with, so that nothing has to be prepared."""
        schema = self._input
        return (
            type(x) is np.ndarray
            and schema is not None
            and schema.shape is not None
            and schema.index_limit is None
            and not schema.indexed_parts
            and x.dtype == schema.dtype
            and x.ndim == len(schema.shape)
            and len(x) > 0
            and all(want is None or have == want for have, want in zip(x.shape[1:], schema.shape[1:], strict=True))
            and (not checks.enabled() or checks.has_finite_sum(x))
        )

    def all(self, x: Any, batch_size: int) -> Any:
        """Outputs of all rows of an array that `takes` accepts, with no one watching."""
        if len(x) <= batch_size or self._on_host is not None:
            return self.one(x)
        return _joined([self.run(part) for part in arrays.parts(x, batch_size, together=self.rows_alone)])

    def run(self, part: Part, callbacks: Any = None) -> Any:
        """Outputs of whole batches, or of one batch of any size."""
        x, count, batch_size = part
        if count == 1 or self._on_host is not None:
            return self.one(x, callbacks)
        if compiled.eager():
            starts = range(0, count * batch_size, batch_size)
            return _joined([self.one(jax.tree.map(lambda a, s=s: a[s : s + batch_size], x)) for s in starts])
        rows = len(leaves(x)[0])
        # The number of batches is traced up to the next power of two, so that few programs serve all lengths.
        most = 1 << (count - 1).bit_length()
        while most > 1 and batch_size * 2 <= self._step_rows:
            batch_size, most, count = batch_size * 2, most // 2, -(-count // 2)
        x = resident.put(jax.tree.map(lambda a: filled(a, most * batch_size), x))
        outputs = self._call((batch_size, most), callbacks, x, np.int32(count))
        return self._searched(part.x, jax.tree.map(lambda a: np.array(np.asarray(a)[:rows]), outputs))

    def one(self, x: Any, callbacks: Any = None) -> Any:
        """Outputs of one batch: a compiled call with nothing around it."""
        if self._on_host is not None:
            return self._on_host(x)
        outputs = self._call((), callbacks, x)
        return self._searched(
            x, np.array(outputs) if isinstance(outputs, jax.Array) else jax.tree.map(np.array, outputs)
        )

    def _searched(self, x: Any, outputs: Any) -> Any:
        """The outputs for `x`; if they are not finite, a bad lookup is searched for."""
        if self._searches and not indices.all_finite(outputs):
            state = self.slots.borrow()
            indices.refuse_bad_lookup(steps.predict_step(self.model), state.params, state.other, x)
        return outputs

    def _call(self, loop: tuple[int, ...], callbacks: Any, *given: Any) -> Any:
        """Outputs of a program for given rows: of one step, or of a loop (see `loop_program`)."""
        processes.check("predict")
        before = self.slots.borrow()
        params, other = before.params, before.other
        x = given[0]
        shapes = (x.shape, x.dtype) if isinstance(x, np.ndarray) else tuple((a.shape, a.dtype) for a in leaves(given))
        key = loop, shapes, compiled.eager()
        if key not in self._programs:
            step = steps.predict_step(self.model)
            function = loop_program(step, *loop) if loop else step
            request = compiled.Request((self.key, "predict", *loop), function, (params, other, *given))
            callbacks = CallbackList() if callbacks is None else callbacks
            with nullcontext() if request.known else callbacks.compiling("prediction step"):
                self._programs[key] = request.program()
        outputs, moved = self._programs[key](params, other, *given)
        if moved:
            self.slots.write_moved(before, TrainState({}, moved, {}, {}))
        return outputs


def _joined(outputs: list[Any]) -> Any:
    return outputs[0] if len(outputs) == 1 else jax.tree.map(lambda *parts: np.concatenate(parts), *outputs)


# Rows go through together while the largest activation takes no more than this. A convnet of 28x28 images predicts
# twice as fast by 128 rows as by 32; thousands of rows would leave the caches and take memory.
_STEP_BYTES = 12 * 2**20


def _rows_per_step(model: Any, stack: list[Any]) -> int:
    """How many rows may go through at once; 0 if more than a batch could change the outputs."""
    layers = [layer for outer in stack for layer in outer._flatten_layers()]
    if not layers or not all(_treats_rows_alone(layer) for layer in layers):
        return 0
    sizes = [math.prod(size or 1 for size in tensor.shape[1:]) for tensor in leaves(model._tensors)]
    return _STEP_BYTES // (4 * max(sizes))


def _treats_rows_alone(layer: Any) -> bool:
    """Whether no row of the outputs depends on another, as far as can be told without looking into functions."""
    functions = (value for value in vars(layer).values() if callable(value))
    graph = hasattr(layer, "symbolic_inputs") and type(layer).__name__ != "Sequential"
    return (
        not graph and not getattr(layer, "stateful", False) and all(names.is_ours(function) for function in functions)
    )


def loop_program(step: Any, batch_size: int, most: int) -> Any:
    """A program that predicts any number of batches, up to `most`: `(params, other, x, count) -> (outputs, other)`.

    Args:
        step: of one batch, see `steps.predict_step`.
    """

    def program(params: Any, other: Any, x: Any, count: Any) -> tuple[Any, Any]:
        def batch(i: Any) -> Any:
            return resident.take(x, i * batch_size + jnp.arange(batch_size))

        example, moved = jax.eval_shape(step, params, other, batch(0))
        empty = jax.tree.map(lambda o: jnp.zeros((most * o.shape[0], *o.shape[1:]), o.dtype), example)

        def body(i: Any, carry: tuple) -> tuple:
            results, moved = carry
            outputs, after = step(params, {**other, **moved}, batch(i))
            results = jax.tree.map(
                lambda r, o: lax.dynamic_update_slice_in_dim(r, o, i * o.shape[0], axis=0), results, outputs
            )
            return results, like(after, moved)

        return lax.fori_loop(0, count, body, (empty, {key: other[key] for key in moved}))

    return program
