"""TensorFlow's functions over arrays: the values are TensorFlow's own, written down by `tools/tensorflow_values.py`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tensorflow_calls import CALLS

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = json.loads((ROOT / "tests/data/tensorflow_values.json").read_text())

EVALUATE = r"""
import json, sys
import numpy as np
from sequax import compat
compat.install()
import jax, keras
import tensorflow as tf
from tests.tensorflow_calls import CALLS, EAGER_ONLY, INPUTS
from tools.tensorflow_values import plain

def attempt(function):
    try:
        return plain(function())
    except Exception as error:
        return f"{type(error).__name__}: {error}"

codes = {call: compile(call, call, "eval") for call in CALLS}
names = {"tf": tf, "np": np}
inputs = {name: tf.constant(value) for name, value in INPUTS.items()}
eager = {call: attempt(lambda: eval(codes[call], {**names, **inputs})) for call in CALLS}

compiled, errors = {}, {}
def all_of(inputs):
    found = {}
    for call in CALLS:
        if call in EAGER_ONLY:
            continue
        try:
            value = eval(codes[call], {**names, **inputs})
            found[call] = jax.tree.map(lambda one: one, value if not isinstance(value, tuple) else list(value))
        except Exception as error:
            errors[call] = f"{type(error).__name__}: {error}"
    return found
for call, value in jax.jit(all_of)(inputs).items():
    compiled[call] = attempt(lambda: value)
compiled |= errors

symbolic = {}
for call in CALLS:
    used = [name for name in codes[call].co_names if name in INPUTS]
    if call in EAGER_ONLY or not used:
        continue
    def through_a_graph():
        tensors = {name: keras.Input(batch_shape=INPUTS[name].shape, dtype=str(INPUTS[name].dtype)) for name in used}
        outputs = eval(codes[call], {**names, **tensors})
        flat = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        if not any(isinstance(one, keras.KerasTensor) for one in flat):
            return outputs
        several = isinstance(outputs, (list, tuple))
        model = keras.Model(list(tensors.values()), list(outputs) if several else outputs)
        return model([inputs[name] for name in used])
    symbolic[call] = attempt(through_a_graph)
json.dump({"eager": eager, "compiled": compiled, "symbolic": symbolic}, sys.stdout)
"""

# TensorFlow reads the weights of cubic interpolation from a table of 1,024 places.
ROUNDED = {"tf.image.resize(g, [9, 8], method='bicubic')": 1e-3}
WAYS = ("eager", "compiled", "symbolic")
# Plain numbers on symbolic tensors, None where a size is unknown.
NOT_SYMBOLIC = {"tf.shape(t)", "tf.shape(input=x)[0]", "tf.shape(t)[1:]", "tf.size(t)"}


@pytest.fixture(scope="module")
def found():
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error"}
    done = subprocess.run(
        [sys.executable, "-c", EVALUATE], env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def kind(dtype: str) -> str:
    """TensorFlow's 64-bit types are 32-bit ones here."""
    return dtype.replace("64", "32") if dtype in ("int64", "float64", "uint64") else dtype


def close(ours, theirs, within=2e-6) -> bool:
    import numpy as np

    if isinstance(theirs, list):
        return (
            isinstance(ours, list)
            and len(ours) == len(theirs)
            and all(close(mine, other, within) for mine, other in zip(ours, theirs, strict=True))
        )
    if not isinstance(theirs, dict) or "dtype" not in theirs:
        return ours == theirs
    if not isinstance(ours, dict) or kind(ours["dtype"]) != kind(theirs["dtype"]):
        return False
    if theirs["dtype"] == "string":
        return ours["value"] == theirs["value"]
    mine, other = np.asarray(ours["value"]), np.asarray(theirs["value"])
    return mine.shape == other.shape and np.allclose(mine, other, rtol=2e-5, atol=within, equal_nan=True)


@pytest.mark.parametrize("call", CALLS)
def test_values_are_those_of_tensorflow(found, call):
    for way in WAYS:
        if call in found[way] and (way != "symbolic" or not (call in NOT_SYMBOLIC or ".LinearOperator" in call)):
            assert close(found[way][call], EXPECTED[call], ROUNDED.get(call, 2e-6)), (
                f"{way}: {found[way][call]}, expected {EXPECTED[call]}"
            )
