"""`evaluate` and `predict`: the loop of `fit` with other steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..callbacks import CallbackList
from ..core import pure, tracking
from ..core.tensor import KerasTensor, leaves
from ..data import checks
from ..data.source import Batch, Part, Source, filled
from . import compiled, custom, host, steps
from . import facts as model_facts
from .fingerprint import fingerprint
from .loop import steps_program
from .pace import MOST_PENDING, Pace, Span, spans, whole_batch
from .resolve import scalars
from .state import Slots, like


def evaluate(model: Any, source: Source, callbacks: Any) -> dict[str, float]:
    """Loss and metrics over a source, by name."""
    try:
        return run_evaluation(model, source, callbacks)
    finally:
        callbacks.close()


def run_evaluation(model: Any, source: Source, callbacks: Any) -> dict[str, float]:
    """`evaluate` inside a run that goes on, such as the validation of `fit`."""
    slots = custom.slots(model)
    key = "test", fingerprint(model, *model.compilation.traced)
    pace = Pace(callbacks.watches_test_batches, callbacks.refresh_seconds)
    callbacks.on_test_begin()
    logs: dict[str, float] = {}
    pending = 0

    def report(span: Span) -> dict[str, float]:
        logs = scalars(results)
        pace.stop()
        if pace.single:
            callbacks.on_test_batch_end(span.done, dict(logs))
        callbacks.on_test_chunk_end(span.end, logs)
        return logs

    for span in spans(source, 0, pace):
        if pace.single:
            callbacks.on_test_batch_begin(span.done)
        state = slots.read()
        program = _test_program(model, slots, key, span, callbacks)
        pace.start(span.stop - span.start)
        state, _, results = program(state, *span.given)
        slots.write(state)
        pending += 1
        if pace.waits or pending == MOST_PENDING:
            logs, pending = report(span), 0
    if pending:
        logs = report(span)
    callbacks.on_test_end(logs)
    return logs


def test_on_batch(model: Any, batch: Batch) -> dict[str, float]:
    """Metrics of one batch of NumPy arrays."""
    slots = custom.slots(model)
    span = whole_batch(batch, len(leaves(batch)[0]))
    key = "test", fingerprint(model, *model.compilation.traced)
    state, _, results = _test_program(model, slots, key, span, CallbackList())(slots.read(), *span.given)
    slots.write(state)
    return scalars(results)


def _test_program(model: Any, slots: Slots, key: Any, span: Span, callbacks: Any) -> Any:
    function = steps_program(
        steps.test_step(model, slots),
        steps.reset_metrics(model, slots),
        steps.metric_results(model, slots),
        span.batch_size,
        guard=False,
    )
    request = compiled.Request((key, span.batch_size), function, (slots.read(), *span.given))
    with nullcontext() if request.known else callbacks.compiling("evaluation step"):
        return request.program()


# --- predict --------------------------------------------------------------------------------------------------------


def predict(model: Any, parts: Callable[[bool], Iterator[Part]], callbacks: Any) -> Any:
    """Outputs for all rows, as NumPy arrays.

    Args:
        parts: gives the rows; with True, one batch at a time.
    """
    forward = predictor(model)
    callbacks.on_predict_begin()
    try:
        outputs = []
        done = 0
        single = callbacks.watches_predict_batches
        for part in parts(single):
            if single:
                callbacks.on_predict_batch_begin(done)
            outputs.append(forward.run(part.x, part.batches, part.batch_size, callbacks))
            done += part.batches
            if single:
                callbacks.on_predict_batch_end(done - 1, {"outputs": outputs[-1]})
            callbacks.on_predict_chunk_end(done, {})
        callbacks.on_predict_end()
    finally:
        callbacks.close()
    return outputs[0] if len(outputs) == 1 else jax.tree.map(lambda *p: np.concatenate(p), *outputs)


def predictor(model: Any) -> Predictor:
    """The predictor of a model, made anew when any layer has changed since."""
    kept = vars(model).get("_predictor")
    if kept is None or not kept.valid:
        kept = vars(model)["_predictor"] = Predictor(model)
    return kept


class Predictor:
    """A model's forward pass as compiled programs."""

    def __init__(self, model: Any):
        own_step = custom.of(model).predict
        self.model = model
        self.slots = Slots.of(model)
        self.key = fingerprint(model)
        self._single: dict[Any, Any] = {}
        self._version = tracking.version()
        # Own layers may change in ways that `tracking` is not told of, such as a list that grew: look again each time.
        self._ours = all(type(layer).__module__.startswith("sequax.") for layer in model._flatten_layers())
        single = isinstance(model.symbolic_inputs, KerasTensor)
        # A model with a host part takes data that have yet to become numbers, so it never takes them as they are.
        self._input = model_facts.inputs(model)[0] if single and model.host_part is None else None
        # A stack, not a graph or a model with a call of its own: the layers one after another are the model.
        stack = model.layers if type(model).__name__ == "Sequential" and self._ours and not own_step else []
        self._on_host = host.forward(stack) if single and len(model.symbolic_inputs.shape) == 2 else None
        self._step_rows = _rows_per_step(model, stack)

    def takes(self, x: Any, batch_size: int) -> bool:
        """Whether `x` is one batch in just the form the model computes with, so that nothing has to be prepared."""
        fact = self._input
        return (
            type(x) is np.ndarray
            and fact is not None
            and fact.shape is not None
            and fact.index_limit is None
            and x.dtype == fact.dtype
            and x.ndim == len(fact.shape)
            and 0 < len(x) <= batch_size
            and all(want is None or have == want for have, want in zip(x.shape[1:], fact.shape[1:], strict=True))
            and (not checks.enabled() or bool(np.isfinite(x).all()))
        )

    @property
    def valid(self) -> bool:
        return self._ours and self._version == tracking.version()

    def one(self, x: Any, callbacks: Any = None) -> Any:
        """Outputs of one batch: a compiled call with nothing around it."""
        if self._on_host is not None and len(x) <= host.MOST_ROWS and x.dtype == np.float32:
            return self._on_host(x)
        params, other = pure.read(self.slots.params), pure.read(self.slots.other)
        shape = (x.shape, x.dtype) if isinstance(x, np.ndarray) else tuple((a.shape, a.dtype) for a in leaves(x))
        program = self._single.get(shape) if not compiled.eager() else steps.predict_step(self.model)
        if program is None:
            request = compiled.Request((self.key, "predict"), steps.predict_step(self.model), (params, other, x))
            program = self._single[shape] = self._made(request, callbacks or CallbackList())
        outputs, other = program(params, other, x)
        if other:
            pure.put(self.slots.other, other)
        return np.array(outputs) if isinstance(outputs, jax.Array) else jax.tree.map(np.array, outputs)

    def run(self, x: Any, count: int, batch_size: int, callbacks: Any) -> Any:
        """Outputs of `count` whole batches, or of one batch of any size."""
        if count == 1:
            return self.one(x, callbacks)
        if compiled.eager():
            starts = range(0, count * batch_size, batch_size)
            parts = [self.one(jax.tree.map(lambda a, s=s: a[s : s + batch_size], x)) for s in starts]
            return jax.tree.map(lambda *p: np.concatenate(p), *parts)
        params, other = pure.read(self.slots.params), pure.read(self.slots.other)
        rows = len(leaves(x)[0])
        # The number of batches is traced up to the next power of two, so that few programs serve all lengths.
        most = 1 << (count - 1).bit_length()
        while most > 1 and batch_size * 2 <= self._step_rows:
            batch_size, most, count = batch_size * 2, most // 2, -(-count // 2)
        x = jax.tree.map(lambda a: filled(a, most * batch_size), x)
        function = loop_program(steps.predict_step(self.model), batch_size, most)
        given = params, other, x, np.int32(count)
        request = compiled.Request((self.key, "predict", batch_size, most), function, given)
        outputs, other = self._made(request, callbacks)(*given)
        pure.put(self.slots.other, other)
        return jax.tree.map(lambda a: np.array(np.asarray(a)[:rows]), outputs)

    def _made(self, request: compiled.Request, callbacks: Any) -> Any:
        with nullcontext() if request.known else callbacks.compiling("prediction step"):
            return request.program()


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
        not graph
        and not getattr(layer, "stateful", False)
        and all(_module(function).startswith("sequax.") for function in functions)
    )


def _module(thing: Any) -> str:
    own = getattr(thing, "__module__", None)
    return own if isinstance(own, str) else type(thing).__module__


def loop_program(step: Any, batch_size: int, most: int) -> Any:
    """A program that predicts any number of batches, up to `most`: `(params, other, x, count) -> (outputs, other)`."""

    def program(params: Any, other: Any, x: Any, count: Any) -> tuple[Any, Any]:
        def batch(i: Any) -> Any:
            return jax.tree.map(lambda a: lax.dynamic_slice_in_dim(a, i * batch_size, batch_size), x)

        example, _ = jax.eval_shape(step, params, other, batch(0))
        empty = jax.tree.map(lambda o: jnp.zeros((most * o.shape[0], *o.shape[1:]), o.dtype), example)

        def body(i: Any, carry: tuple) -> tuple:
            results, other = carry
            outputs, after = step(params, other, batch(i))
            results = jax.tree.map(
                lambda r, o: lax.dynamic_update_slice_in_dim(r, o, i * o.shape[0], axis=0), results, outputs
            )
            return results, like(after, other)

        return lax.fori_loop(0, count, body, (empty, other))

    return program
