"""`predict`: rows on their way through a model, by NumPy or by compiled programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeGuard

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..callbacks import CallbackList
from ..core import names, placement, processes
from ..core.placement import DEVICE, Placement
from ..core.pure import Values
from ..core.tensor import KerasTensor, leaves
from ..core.types import ArrayLike, Nested, Tensor, Tensors
from ..data import arrays, checks, resident
from ..data.source import Part, sample_of
from ..layers.recurrent.time_distributed import TimeDistributed
from . import agreement, alone, compiled, custom, data_spec, indices, numpy_forward, plans
from .chunks import ChunkSchedule
from .drive import Job, drive, program_for
from .fingerprint import Sources, fingerprint
from .state import TrainState, TrainVariables, like

if TYPE_CHECKING:
    from ..model import Model

Outputs = Nested[np.ndarray]


def predict(model: Model, parts: Callable[[bool, bool], Iterator[Part]], callbacks: CallbackList) -> Outputs:
    """Outputs for all rows, as NumPy arrays.

    Args:
        parts: gives the rows; the arguments are those of `data.arrays.parts`.
    """
    return run_prediction(PredictJob(model, callbacks, predictor(model)), parts)


def run_prediction(job: PredictJob, parts: Callable[[bool, bool], Iterator[Part]]) -> Outputs:
    """Outputs for all rows, as NumPy arrays."""
    job.model.stop_predicting = False
    job.callbacks.on_predict_begin()
    try:
        drive(job, in_order(parts(job.chunks.watched > 0, job.forward.rows_alone)))
        job.callbacks.on_predict_end()
    finally:
        job.callbacks.close()
    return job.joined(job.outputs)


def in_order(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts that know how many batches come before them."""
    done = 0
    for part in parts:
        yield Part(part.x, part.batches, part.batch_size, done)
        done += part.batches


class PredictJob(Job):
    """Predictions, which are fetched as soon as they are made.

    Args:
        forward: makes them.
    """

    kind, wish = "predict", "stop_predicting"

    def __init__(self, model: Any, callbacks: CallbackList, forward: Forward):
        super().__init__(model, callbacks, place=forward.place)
        self.forward = forward
        # The parts say what runs at once; the schedule, when hooks are called.
        watched = self.batches_per_hook if callbacks.sees_batches("predict") else 0
        self.chunks = ChunkSchedule(self.place.agreed(watched), None)
        self.outputs: list[Any] = []
        self._told = 0  # outputs that callbacks have seen

    def program(self, steps: Part) -> Callable[..., Any]:
        return self.forward.run

    def start(self, steps: Part, program: Callable[..., Any]) -> None:
        self.forward.compare(steps.x)
        self.outputs.append(program(steps, self.callbacks))

    def due(self, done: int) -> bool:
        return True

    def told_of_batch(self) -> dict[str, Any]:
        told, self._told = self._told, len(self.outputs)
        return {"outputs": self.joined(self.outputs[told:])}

    def joined(self, outputs: list[Any]) -> Outputs:
        """Outputs of all rows from those of parts."""
        return _joined(outputs)


class Forward:
    """A forward pass in compiled programs.

    Args:
        model: whose step it is.
        variables: what its state is borrowed from.
        key: says what the step computes.

    Attributes:
        rows_alone: whether outputs of a row are known not to depend on the rows beside it.
        in_numpy: the same pass as a function in NumPy, where there is one.
    """

    model: Model
    variables: Any
    key: Hashable
    place: Placement = DEVICE

    rows_alone = False
    in_numpy: Callable[..., Any] | None = None

    def __init__(self, model: Model, variables: Any, key: Hashable):
        self.model, self.variables, self.key = model, variables, key
        self._programs: dict[Any, Any] = {}
        self._step_rows = 0  # that may go through at once; 0: no more than a batch

    def step(self) -> Callable[..., Any]:
        """`(params, other, x) -> (outputs, other)`, of the latter what the batch has moved."""
        return custom.predict_step(self.model)

    def run(self, part: Part, callbacks: CallbackList | None = None) -> Outputs:
        """Outputs of whole batches, or of one batch of any size."""
        x, count, batch_size, _ = part
        if count == 1 or self.in_numpy is not None:
            return self.one(x, callbacks)
        if compiled.eager():
            starts = range(0, count * batch_size, batch_size)
            return _joined([self.one(jax.tree.map(lambda a, s=s: a[s : s + batch_size], x)) for s in starts])
        rows = len(leaves(x)[0])
        # The number of batches is traced up to the next power of two, so that few programs serve all lengths.
        most = 1 << (count - 1).bit_length()
        # An odd batch more is too much among few.
        while (count % 2 == 0 or count > _FEW_BATCHES) and batch_size * 2 <= self._step_rows:
            batch_size, most, count = batch_size * 2, most // 2, -(-count // 2)
        filled_up = jax.tree.map(lambda a: resident.filled(a, most * batch_size), x)
        x = resident.put_parts(filled_up, batch_size, self.place)
        outputs = self._call((batch_size, most), callbacks, x, np.int32(count))
        return self.searched(part.x, jax.tree.map(lambda a: np.array(DEVICE.fetch(a)[:rows]), outputs))

    def one(self, x: Nested[ArrayLike], callbacks: CallbackList | None = None) -> Outputs:
        """Outputs of one batch: a compiled call with nothing around it."""
        if self.in_numpy is not None:
            return self.in_numpy(x)
        outputs = self._call((), callbacks, x)
        return self.searched(
            x, np.array(outputs) if isinstance(outputs, jax.Array) else jax.tree.map(np.array, outputs)
        )

    def compare(self, x: Nested[ArrayLike]) -> None:
        """Compare the rows of all processes that compute outputs together."""
        if self.place.processes > 1 and self.in_numpy is None:
            agreement.compare_data(sample_of(x), "predict()")

    def searched(self, x: Nested[ArrayLike], outputs: Outputs) -> Outputs:
        """The outputs for `x`, looked at."""
        return outputs

    def _call(self, loop: tuple[int, ...], callbacks: CallbackList | None, *given: object) -> Any:
        """Outputs of a program for given rows: of one step, or of a loop (see `loop_program`)."""
        processes.check("predict")
        before = self.variables.borrow()
        params, other = before.params, before.other
        x = given[0]
        shapes = (x.shape, x.dtype) if isinstance(x, np.ndarray) else tuple((a.shape, a.dtype) for a in leaves(given))
        key = loop, shapes, compiled.eager()
        if key not in self._programs:
            given_once = params, other, *given
            request = compiled.Request(
                (self.key, "predict", *loop), lambda: self._made(loop), given_once, place=self.place
            )
            callbacks = CallbackList() if callbacks is None else callbacks
            if len(self._programs) >= compiled.MOST_PROGRAMS:  # a server may meet any length
                self._programs.clear()
            self._programs[key] = program_for(request, callbacks, "prediction step")
        outputs, moved = self._programs[key](params, other, *given)
        if moved:
            self.variables.write_moved(before, self.variables.laid(self.place, TrainState({}, moved, {}, {})))
        return outputs

    def _made(self, loop: tuple[int, ...]) -> Callable[..., Any]:
        step, place = self.step(), self.place

        def spread(params: Values, other: Values, x: Tensors) -> tuple[Any, Any]:
            outputs, moved = step(place.gathered(params), other, place.batch(x))
            return place.whole(outputs), moved

        made = spread if place.is_spread else step
        return loop_program(made, *loop) if loop else made


def predictor(model: Model) -> Predictor:
    """The predictor of a model, made again when any layer has changed since."""
    known = plans.Known.of(model)
    return known.answer("predictor") or known.find_out("predictor", lambda: Predictor.found(model))


class Predictor(Forward):
    """A model's forward pass: a function in NumPy, or compiled programs.

    Rows are those that `prepare.prediction_data` gives or that `takes` accepts: checked, and of the model's dtype.
    """

    def __init__(self, model: Model, key: Hashable):
        super().__init__(model, TrainVariables.of(model), key)
        ours = all(names.is_ours(layer) for layer in model.flatten_layers())
        single = isinstance(model.symbolic_inputs, KerasTensor)
        # A model with a host prefix takes data that have yet to become numbers, so it never takes them as they are.
        self._input = data_spec.inputs(model)[0] if single and model.host_prefix is None else None
        # A stack, not a graph or a model with a call of its own: the layers one after another are the model.
        own_step = custom.of(model).predict
        stack = model.layers if model.is_stack and ours and not own_step else []
        floats = single and model.symbolic_inputs.dtype == "float32"
        self.place: Placement = placement.where(model)
        self.variables.lay(self.place)
        in_numpy = floats and not self.place.cuts_weights
        self.in_numpy: Callable[..., Any] | None = (
            numpy_forward.forward(stack, len(model.symbolic_inputs.shape)) if in_numpy else None
        )
        meet = own_step or not alone.layers(model, training=False)
        self._step_rows = 0 if meet else _STEP_BYTES // (4 * _numbers_per_row(model))
        self._searches = indices.looks_up(model)
        self.rows_alone: bool = self.in_numpy is not None or not meet

    @classmethod
    def found(cls, model: Model) -> tuple[Predictor, Sources]:
        """The predictor of a model as it is, and what it would be another one without."""
        key, sources = fingerprint(model)
        return cls(model, key), sources

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

    def all(self, x: np.ndarray, batch_size: int) -> Outputs:
        """Outputs of all rows of an array that `takes` accepts, with no one watching."""
        if self.in_numpy is not None:
            return self.one(x)
        self.compare(x)
        if len(x) <= batch_size:
            return self.one(x)
        return _joined([self.run(part) for part in arrays.parts(x, batch_size, together=self.rows_alone)])

    def searched(self, x: Nested[ArrayLike], outputs: Outputs) -> Outputs:
        """The outputs for `x`; if they are not finite, a bad lookup is searched for."""
        if self._searches and not indices.all_finite(outputs):
            state = self.variables.borrow()
            indices.refuse_bad_lookup(self.step(), state.params, state.other, x)
        return outputs


def _joined(outputs: list[Any]) -> Outputs:
    return outputs[0] if len(outputs) == 1 else jax.tree.map(lambda *parts: np.concatenate(parts), *outputs)


_FEW_BATCHES = 8
# Rows go through together while the largest activation takes no more than this. A convnet of 28x28 images predicts a
# quarter faster by 128 rows than by 16, a recurrent one by 256 rows half as fast again; beyond, each leaves the caches.
_STEP_BYTES = 6 * 2**20


def _numbers_per_row(model: Any) -> int:
    """Of the largest activation."""
    graph = model.recorded_graph
    steps = model.symbolic_steps or ()
    nodes = [leaves(after)[0].node for after in steps[1:]] if graph is None else graph.nodes
    return max((_numbers_after(node) for node in nodes), default=1)


def _numbers_after(node: Any) -> int:
    """Of the outputs of a call, or of those inside of it."""
    layer, outputs = node.operation, leaves(node.outputs)
    most = max(math.prod(size or 1 for size in tensor.shape[1:]) for tensor in outputs)
    steps = 1
    if isinstance(layer, TimeDistributed):
        layer, steps = layer.layer, outputs[0].shape[1] or 1
    return max(most, steps * _numbers_per_row(layer)) if getattr(layer, "is_model", False) else most


def loop_program(step: Callable[..., Any], batch_size: int, most: int) -> Callable[..., Any]:
    """A program that predicts any number of batches, up to `most`: `(params, other, x, count) -> (outputs, other)`.

    Args:
        step: of one batch, see `custom.predict_step`.
    """

    def program(params: Values, other: Values, x: Tensors, count: Tensor) -> tuple[Any, Any]:
        def batch(i: Tensor | int) -> Tensors:
            return resident.take(x, i * batch_size + jnp.arange(batch_size))

        example, moved = jax.eval_shape(step, params, other, batch(0))
        empty = jax.tree.map(lambda o: jnp.zeros((most * o.shape[0], *o.shape[1:]), o.dtype), example)

        def body(i: Tensor, carry: tuple[Any, ...]) -> tuple[Any, ...]:
            results, moved = carry
            outputs, after = step(params, {**other, **moved}, batch(i))
            results = jax.tree.map(
                lambda r, o: lax.dynamic_update_slice_in_dim(r, o, i * o.shape[0], axis=0), results, outputs
            )
            return results, like(after, moved)

        return lax.fori_loop(0, count, body, (empty, {key: other[key] for key in moved}))

    return program
