"""Models as Python modules that need NumPy alone. Every layer of the table: `test_export_layers.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import sequax
from sequax import layers, ops
from sequax.export import ExportError
from sequax.export.formats import numpy_module
from sequax.export.numpy_code import _runtime as runtime
from sequax.export.trace import Trace

pytestmark = pytest.mark.usefixtures("symbolic_sizes")


def rows(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def written(model, folder, **options):
    model.export(folder / "exported", format="numpy", verbose=False, **options)
    return numpy_module.runner(folder / "exported", Trace(model))


ALONE = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
import digits
np.save("y.npy", digits.predict(np.load("x.npy")))
assert not [name for name in sys.modules if name.split(".")[0] in ("sequax", "keras", "jax", "jaxlib")]
"""


def test_it_runs_where_only_numpy_is(tmp_path):
    model = sequax.Sequential(
        [
            layers.Input((12, 12, 1), name="image"),
            layers.Conv2D(4, 3, activation="gelu"),
            layers.BatchNormalization(),
            layers.SeparableConv2D(6, 3, padding="same"),
            layers.MaxPooling2D(),
            layers.Dropout(0.2),
            layers.Reshape((5, -1)),
            layers.LSTM(5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.export(tmp_path / "digits", format="numpy", verbose=False)
    assert sorted(os.listdir(tmp_path / "digits")) == ["__init__.py", "weights.npz"]
    x = rows(5, 12, 12, 1)
    np.save(tmp_path / "x.npy", x)
    subprocess.run([sys.executable, "-I", "-c", ALONE, str(tmp_path)], check=True, cwd=tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model.predict(x, verbose=0), atol=1e-6)
    text = (tmp_path / "digits" / "__init__.py").read_text()
    assert "def predict(image):" in text and "# sequential" in text and os.getcwd() not in text


@pytest.mark.parametrize("length", [4, 9])
def test_sequences_of_any_length(length, tmp_path):
    model = sequax.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(20, 6, mask_zero=True),
            layers.Bidirectional(layers.GRU(4, return_sequences=True)),
            layers.SimpleRNN(5),
            layers.Dense(2),
        ]
    )
    run = written(model, tmp_path)
    x = np.random.default_rng(0).integers(0, 20, (3, length)).astype("int32")
    np.testing.assert_allclose(run([x])[0], model.predict(x, verbose=0), atol=1e-6)


def test_nests_of_inputs_and_outputs(tmp_path):
    a, b = layers.Input((4,), name="a"), layers.Input((None, 3), name="b")
    model = sequax.Model(
        {"left": a, "right": b}, {"sum": layers.Dense(2)(a), "parts": [layers.GlobalMaxPooling1D()(b), a]}
    )
    x = {"left": rows(2, 4), "right": rows(2, 5, 3)}
    model.export(tmp_path / "m", format="numpy", verbose=False)
    module = {}
    exec(
        (tmp_path / "m" / "__init__.py").read_text(),
        {"__file__": str(tmp_path / "m" / "__init__.py"), **module},
        module,
    )
    text = (tmp_path / "m" / "__init__.py").read_text()
    assert "def predict(inputs):" in text and "inputs['right']" in text
    run = numpy_module.runner(tmp_path / "m", Trace(model))
    for found, wanted in zip(run(jax.tree.leaves(x)), jax.tree.leaves(model.predict(x, verbose=0)), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_wrong_shapes_are_refused_there(tmp_path):
    model = sequax.Sequential([layers.Input((4,), name="row"), layers.Dense(2)])
    run = written(model, tmp_path)
    with pytest.raises(ValueError, match=r"input 'row' has shape \(2, 5\); expected \(None, 4\)"):
        run([rows(2, 5)])


def test_what_it_does_not_hold_is_said_with_its_layer(tmp_path):
    class Draws(layers.Layer):
        def call(self, x):
            return x + jax.random.normal(jax.random.key(0), x.shape[1:])

    model = sequax.Sequential([layers.Input((4,)), Draws(name="draws")], name="outer")
    with pytest.raises(ExportError, match=r"Layer 'outer/draws': .*'random_.*stablehlo") as refused:
        model.export(tmp_path / "m", format="numpy")
    assert "random" in refused.value.primitive and not list(tmp_path.iterdir())


# --- operations that no layer of the table has ---

TRIED = {
    "sort": lambda x: ops.sort(x, axis=1),
    "argsort": lambda x: ops.argsort(x, axis=1),
    "top_k": lambda x: ops.top_k(x, 2)[0],
    "cumsum": lambda x: ops.cumsum(x, axis=1) + ops.cumprod(x, axis=-1),
    "float8": lambda x: sum((x * 99).astype(kind).astype("float32") for kind in ("float8_e4m3fn", "float8_e5m2")),
    "where": lambda x: ops.where(x > 0, ops.log(ops.abs(x)), ops.exp(x)),
    "argmax": lambda x: ops.argmax(x, axis=-1) + ops.argmin(x, axis=-1),
    "division": lambda x: ops.floor_divide(x, 0.3) + ops.mod(x, 0.7),
    "whole": lambda x: ops.cast(x * 7, "int32") // 2 % 3,
    "erf": lambda x: ops.erf(x * 3) + ops.erf(x / 9),
    "power": lambda x: ops.power(ops.abs(x), 1.7) + ops.square(x) + ops.sqrt(ops.abs(x)) ** 3,
    "einsum": lambda x: ops.einsum("bij,bkj->bik", x, x),
    "while": lambda x: ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * 1.5), (0, x))[1],
    "cond": lambda x: ops.cond(ops.sum(x[:, :1]) > 1e9, lambda: x, lambda: -x),
    "scatter": lambda x: ops.scatter_update(ops.zeros((3, 2)), [[1, 0], [2, 1]], [1.0, 2.0])[None] + x[:, :3, :2],
    "take": lambda x: ops.take(x, [2, 0], axis=1),
    "take_along": lambda x: ops.take_along_axis(x, ops.argsort(x, axis=1), axis=1),
    "median": lambda x: ops.median(x, axis=1),
    "logsumexp": lambda x: ops.logsumexp(x, axis=-1) + ops.max(ops.log_softmax(x), axis=-1),
    "fft": lambda x: ops.rfft(x)[0],
    "round": lambda x: ops.round(x * 2) + ops.sign(x) + ops.floor(x) + ops.ceil(x),
    "segments": lambda x: ops.segment_sum(ops.transpose(x, (1, 0, 2)), [0, 1, 1, 2], 3)[1],
    "roll": lambda x: ops.roll(x, 1, axis=1) + ops.flip(x, 2),
    "any": lambda x: ops.any(x > 0, axis=1) & ops.all(x < 9, axis=1),
}


@pytest.mark.parametrize("function", TRIED.values(), ids=TRIED)
def test_operations_of_users(function, tmp_path):
    model = sequax.Sequential([layers.Input((4, 5)), layers.Lambda(function)])
    trace, x = Trace(model), rows(2, 4, 5)
    numpy_module.write(trace, tmp_path / "m")
    (found,), wanted = numpy_module.runner(tmp_path / "m", trace)([x]), model.predict(x, verbose=0)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)


def test_the_runtime_needs_numpy_alone():
    source = Path(runtime.__file__).read_text()
    assert [line for line in source.splitlines() if line.startswith(("import", "from"))] == [
        "import functools",
        "import itertools",
        "import numpy as np",
    ]
