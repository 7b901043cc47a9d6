"""Three true rows of four give what these three give: of every layer, loss and metric that `training/alone.py` lists.

The tables are those of the other tests, and all classes of the library: what is new is included by itself.
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sequax
from sequax import losses, metrics
from sequax.core import masks, rows, scope
from sequax.training import alone
from tests import one_program
from tests.layer_table import (
    draw_input,
    draw_weights,
    each,
    given,
    make,
    outcome,
    sequax_library,
    states,
    symbolic_input,
)
from tests.long import some
from tests.test_layer_table import ROWS

pytestmark = pytest.mark.filterwarnings("ignore:.*does not support masking.*:UserWarning")
TRUE, WHOLE = 3, 4
# Not in the table of layers; some are in the models below.
ELSEWHERE = {"Sequential", "Model", "Functional", "InputLayer", "Residual", "Parallel", "ConvLSTMCell"}


def filled(arrays):
    """The last row again, as in a short batch."""
    return jax.tree.map(lambda a: np.concatenate([a, np.repeat(a[-1:], WHOLE - TRUE, axis=0)]), arrays)


def three_rows(row):
    def three(a):
        return np.resize(a, (TRUE, *a.shape[1:])) if isinstance(a, np.ndarray) and len(a) == 2 else a

    shape = each(lambda shape: (TRUE, *shape[1:]), row.shape)
    return dataclasses.replace(row, shape=shape, call={name: three(given) for name, given in row.call.items()})


def built(row):
    layer = make(sequax_library(), row)
    layer(*given(row, symbolic_input(sequax_library(), row)), **row.call)
    layer.set_weights(draw_weights(layer))
    return layer


def is_alone(layer):
    return all(map(alone.layer, layer.flatten_layers()))


@pytest.mark.parametrize("row", some(ROWS))
def test_layers(row):
    row = three_rows(row)
    layer = make(sequax_library(), row)
    if not is_alone(layer):
        pytest.skip("rows may meet in it")
    layer, x = built(row), draw_input(row)

    call = {name: filled(a) if isinstance(a, np.ndarray) and len(a) == TRUE else a for name, a in row.call.items()}
    longer = dataclasses.replace(row, call=call)

    def both(trainable, other, x, more):
        with_more = []
        for training in (False, True):
            with rows.counted(WHOLE, jnp.int32(TRUE)):
                with_more.append(outcome(layer, longer, training, trainable, other, more))
        return [outcome(layer, row, training, trainable, other, x) for training in (False, True)], with_more

    expected, found = one_program.run(both, *states(layer), x, filled(x))
    for (outputs, state, _), (outputs_of_more, state_after, _) in zip(expected, found, strict=True):
        for few, many in zip(jax.tree.leaves(outputs), jax.tree.leaves(outputs_of_more), strict=True):
            np.testing.assert_allclose(many[:TRUE], few, rtol=1e-5, atol=1e-5)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), state_after, state)


def test_every_layer_in_the_list_is_in_the_table():
    covered = {param.values[0].layer for param in ROWS if is_alone(make(sequax_library(), param.values[0]))}
    assert set(alone.LAYERS) - ELSEWHERE <= covered


# --- losses and metrics ---------------------------------------------------------------------------------------------

ARGUMENTS = {
    "CategoricalGeneralizedCrossEntropy": {"q": 0.5},
    "IoU": {"num_classes": 3, "target_class_ids": [0, 2]},
    "MeanIoU": {"num_classes": 3},
    "OneHotIoU": {"num_classes": 5, "target_class_ids": [0, 2]},
    "OneHotMeanIoU": {"num_classes": 5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
}
STEPS = 2  # values of a row, where rows are sequences


def draw(name, steps, rng):
    """Targets and predictions of three rows."""
    shape = (TRUE, STEPS, 5) if steps else (TRUE, 5)
    if name == "CTC":
        return rng.integers(1, 4, size=(TRUE, 2)), rng.normal(size=(TRUE, 6, 4)).astype("float32")
    if name in ("IoU", "MeanIoU"):
        return rng.integers(0, 3, size=shape), rng.integers(0, 3, size=shape)
    probabilities = rng.random(shape).astype("float32") + 0.01
    probabilities /= probabilities.sum(-1, keepdims=True)
    if name.startswith("Sparse") or name == "CategoricalGeneralizedCrossEntropy":
        return rng.integers(0, 5, size=shape[:-1]), probabilities
    return np.eye(5, dtype="float32")[rng.integers(0, 5, size=shape[:-1])], probabilities


def classes(module, base):
    found = [getattr(module, name) for name in module.__all__]
    return [one for one in found if isinstance(one, type) and issubclass(one, base) and one is not base]


def listed(module, names):
    return [pytest.param(getattr(module, name), ARGUMENTS.get(name, {}), id=name) for name in sorted(names)]


LOSSES, METRICS = listed(losses, alone.LOSSES), listed(metrics, alone.METRICS)


@pytest.mark.parametrize(
    "module, base, is_alone, names",
    [(losses, losses.Loss, alone.loss, alone.LOSSES), (metrics, metrics.Metric, alone.metric, alone.METRICS)],
)
def test_what_is_alone_is_listed(module, base, is_alone, names):
    own = {one.__name__: one for one in classes(module, base) if not one.__name__.endswith("Wrapper")}
    assert {name for name, one in own.items() if is_alone(one(**ARGUMENTS.get(name, {})))} == names


@pytest.mark.parametrize("kind, arguments", some(LOSSES, of=3))
def test_losses(kind, arguments, rng):
    cases = []
    for steps in (False, True):
        y, p = draw(kind.__name__, steps, rng)
        shape = (TRUE,) if kind is losses.CTC or not steps else (TRUE, STEPS)
        weight, mask = rng.random(TRUE).astype("float32"), rng.random(shape) < 0.6
        mask[-1] = True
        cases += [(y, p, w, m) for w in (None, weight) for m in (None, mask) if m is None or steps]
    reductions = ["sum_over_batch_size", "sum", "mean", "mean_with_sample_weight"]

    def value(reduction, y, p, weight, mask):
        with scope.fresh_call(), scope.calling(None):
            masks.put(p, mask)
            return kind(reduction=reduction, **arguments)(y, p, sample_weight=weight)

    def gradient(*case):
        return jax.value_and_grad(lambda p: value(case[0], case[1], p, *case[3:]))(case[2])

    def both(cases, longer):
        found = []
        for case, more in zip(cases, longer, strict=True):
            for reduction in reductions:
                with rows.counted(WHOLE, jnp.int32(TRUE)):
                    counted = gradient(reduction, *more)
                found.append((gradient(reduction, *case), counted))
        return found

    for (expected, by_row), (found, by_more) in one_program.run(both, cases, [filled(case) for case in cases]):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(by_more[:TRUE], by_row, rtol=1e-5, atol=1e-6)
        assert not np.any(by_more[TRUE:])


@pytest.mark.parametrize("kind, arguments", some(METRICS, of=2))
def test_metrics(kind, arguments, rng):
    sequences = "F1" not in kind.__name__ and "FBeta" not in kind.__name__ and kind is not metrics.R2Score
    metric, weighted = kind(**arguments), kind(**arguments)
    compilation = sequax.training.resolve.Compilation()
    for steps in (False, True)[: 1 + sequences]:
        y, p = draw(kind.__name__, steps, rng)
        weight = rng.integers(0, 2, size=TRUE).astype("float32" if "IoU" not in kind.__name__ else "int32")
        compilation.losses, compilation.metrics, compilation.weighted_metrics = [None], [[metric]], [[weighted]]

        def updated(y, p, weight):
            for one in (metric, weighted):
                one.reset_state()
            compilation.update_metrics(y, p, weight, ["output"])
            return [v.value for one in (metric, weighted) for v in one.variables]

        expected = [np.asarray(v) for v in updated(y, p, weight)]
        with rows.counted(WHOLE, jnp.int32(TRUE)):
            found = updated(*filled((y, p, weight)))
        for a, b in zip(expected, found, strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
