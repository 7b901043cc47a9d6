"""Every row of the table of layers (`tests/rows/`) against Keras: values, gradients, shapes, dtypes, masks, configs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import jax
import numpy as np
import pytest

from sequax.core.shapes import is_shape
from tests.layer_table import (
    Row,
    assert_close,
    compiled,
    differentiated,
    draw_input,
    draw_mask,
    given,
    make,
    outcome,
    pair,
    plain_config,
    run,
    sequax_library,
    states,
    symbolic_input,
)
from tests.long import long, some


def load_rows() -> list[Row]:
    found = []
    for path in sorted((Path(__file__).parent / "rows").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"tests.rows.{path.stem}", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [pytest.param(row, id=f"{path.stem}-{position}-{row}") for position, row in enumerate(module.ROWS)]
    return found


ROWS = load_rows()
# Keras' own warnings about a layer that drops masks, about an argument that it keeps for old files, and in `MixUp`.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Explicitly requested dtype int64:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*does not support masking.*:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*rms_scaling=True.*:UserWarning"),
]
# One row of each layer: enough where the settings do not matter.
FIRST_ROWS = list({param.values[0].layer: param for param in reversed(ROWS)}.values())
every_row = pytest.mark.parametrize("row", ROWS)
# Gradients take a second to compile: of each layer the first row, and of the others every second one.
half_of_the_rows = [row if row in FIRST_ROWS or position % 2 else long(row) for position, row in enumerate(ROWS)]
# Eager calls compile each operation on its own. Those of every layer are compared with compiled ones once, and those
# of rows with a mask with Keras'.
EAGER = [param.values[0] for param in FIRST_ROWS]


# Preprocessing that draws at random or takes strings: `test_images.py`, `test_text.py`, `test_lookup.py`; bases.
ELSEWHERE = ("Rand", "Input", "Layer", "Wrapper", "AugMix", "Equalization", "Solarization", "Pipeline")
ELSEWHERE += ("TextVectorization", "StringLookup", "IntegerLookup", "Hashing", "HashedCrossing")


def test_no_layer_is_missing_from_the_table():
    layers = sequax_library().layers
    unique = {value.__name__ for value in map(layers.__dict__.get, layers.__all__) if isinstance(value, type)}
    missing = unique - {param.values[0].layer for param in ROWS} - {"FlaxLayer", "JaxLayer", "Parallel", "Residual"}
    assert not [name for name in missing if not name.startswith(ELSEWHERE)]


def described(weight):
    return weight.name, tuple(weight.shape), type(weight.constraint).__name__


@pytest.mark.parametrize("row", half_of_the_rows)
def test_outputs_gradients_states_and_penalties_equal_keras(keras, row):
    own, oracle = pair(keras, row)
    weights, expected = ([described(v) for v in layer.weights] for layer in (own, oracle))
    assert weights == expected
    shared = (False,) if row.random else (False, True)  # what Keras draws in training is another matter
    found, expected = compiled(differentiated, (own, oracle), row, ((False, True), shared))
    for training, ours, theirs in zip(shared, found, expected, strict=False):
        assert_close(ours, theirs, row.tolerance, f"{training=}")
    if row in EAGER:
        x = jax.tree.map(jax.device_put, draw_input(row))
        for training, (_, ours) in zip((False, True), found, strict=True):
            assert_close(ours, outcome(own, row, training, *states(own), x), 1e-5, f"eager, {training=}")


def test_penalties_after_a_call_equal_keras(keras):
    for param in ROWS:
        row = param.values[0]
        if "activity_regularizer" in str(row.arguments) and row.layer in ("Dense", "Embedding", "MultiHeadAttention"):
            own, oracle = pair(keras, row)
            for layer in (own, oracle):
                layer(*given(row, draw_input(row)), **row.call)
            assert len(own.losses) > 0
            assert_close(own.losses, oracle.losses, row.tolerance)


@every_row
def test_output_shape_and_dtype_with_unknown_sizes(keras, row):
    own = make(sequax_library(), row)
    own(*given(row, symbolic_input(sequax_library(), row, unknown=())), **row.call)
    actual, *_ = jax.eval_shape(lambda *values: outcome(own, row, False, *values), *states(own), draw_input(row))
    for unknown in {(0,), (0, *row.unknown)}:
        inputs = symbolic_input(sequax_library(), row, unknown)
        tensors = jax.tree.leaves(own(*given(row, inputs), **row.call))
        expected = jax.tree.leaves(make(keras, row)(*given(row, symbolic_input(keras, row, unknown)), **row.call))
        expected = expected if row.symbolic else tensors
        for tensor, oracle_tensor, array in zip(tensors, expected, jax.tree.leaves(actual), strict=True):
            assert tensor.dtype == array.dtype
            assert len(tensor.shape) == len(array.shape)
            for size, oracle_size, actual_size in zip(tensor.shape, oracle_tensor.shape, array.shape, strict=True):
                assert size in (None, actual_size)
                assert oracle_size is None or size == oracle_size, (tensor.shape, oracle_tensor.shape)
        if not row.call:
            shapes = own.compute_output_shape(*given(row, jax.tree.map(lambda t: t.shape, inputs)))
            found = jax.tree.leaves(shapes, is_leaf=is_shape)
            assert [tuple(shape) for shape in found] == [tensor.shape for tensor in tensors]


@every_row
def test_config_round_trips_within_sequax_and_with_keras(keras, row):
    own, oracle = make(sequax_library(), row), make(keras, row)
    config, expected = plain_config(own.get_config()), plain_config(oracle.get_config())
    twin = type(own).from_config(config)
    assert (twin.name, twin.trainable, twin.dtype_policy) == (own.name, own.trainable, own.dtype_policy)
    assert plain_config(twin.get_config()) == config
    if row.shared_config:
        assert without_names(config) == without_names(expected)
        assert plain_config(type(own).from_config(expected).get_config()) == {**config, "name": oracle.name}
        assert plain_config(type(oracle).from_config(config).get_config()) == {**expected, "name": own.name}


def without_names(config):
    """Without the names of inner layers, which count up by themselves, and their build shapes."""
    if isinstance(config, dict):
        left_out = {"build_config", "name"} if "trainable" in config else {"build_config"}
        if "rate" in config:
            left_out = left_out | {"name"}
        return {key: without_names(value) for key, value in config.items() if key not in left_out}
    return [without_names(item) for item in config] if isinstance(config, list) else config


@pytest.mark.parametrize("row", FIRST_ROWS)
def test_mixed_precision_computes_in_16_bits_and_stores_32(keras, row):
    if not row.mixed:
        pytest.skip("the row says so")
    own, oracle = pair(keras, row, dtype="mixed_bfloat16")
    assert [v.dtype for v in own.weights] == [v.dtype for v in oracle.weights]
    flags = (not row.random,)
    found, expected = (jax.tree.leaves(results) for results in compiled(run, (own, oracle), row, (flags, flags)))
    assert [value.dtype for value in found] == [value.dtype for value in expected]
    for a, b in zip(found, expected, strict=True):
        assert_close(a, b, 4e-2 * max(1.0, np.abs(np.asarray(b, "float32")).max(initial=0)))


@pytest.mark.parametrize("row", some((param for param in ROWS if param.values[0].mask), of=2))
def test_masks_act_and_pass_in_eager_calls_as_in_keras(keras, row):
    own, oracle = pair(keras, row)
    assert own.supports_masking == oracle.supports_masking
    for training in (False,) if row.random else (False, True):
        results = []
        for layer in (own, oracle):
            x = jax.tree.map(jax.device_put, draw_input(row))
            for one, mask in zip(jax.tree.leaves(x), jax.tree.leaves(draw_mask(row)), strict=True):
                one._keras_mask = jax.device_put(mask)
            outputs = layer(*given(row, x), training=training, **row.call)
            results.append((outputs, [getattr(o, "_keras_mask", None) for o in jax.tree.leaves(outputs)]))
        (outputs, masks), (expected, expected_masks) = results
        assert_close(outputs, expected, row.tolerance, f"{training=}")
        assert [m is None for m in masks] == [m is None for m in expected_masks]
        assert_close(masks, expected_masks, 0.0)
        assert_close(own.get_weights(), oracle.get_weights(), row.tolerance)
