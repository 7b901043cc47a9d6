"""Every row of the table of layers in ONNX, NumPy and StableHLO: equal to the model at two batch sizes.

Programs in StableHLO take long to compile, so that most of its rows are among the long tests; all of LiteRT, whose
converter is slow, are in `make export-table`, which also writes the table of `docs/export.md`.
"""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import Any

import jax
import numpy as np
import pytest

from sequax.export.formats import numpy_module, stablehlo
from sequax.export.trace import Trace
from tests.export_table import model_of, rows_of, sizes_of
from tests.long import some
from tests.test_layer_table import ROWS

pytestmark = pytest.mark.usefixtures("symbolic_sizes")

TOLERANCE = 1e-5  # relative to a size of 1


class Exported:
    """The model of a row, which serves all formats, with inputs and what it makes of them at each size.

    Samples do not meet in inference, so that the model runs once: smaller batches are the first rows of the largest.
    """

    def __init__(self, row: Any):
        self.row = row

    @cached_property
    def trace(self) -> Trace:
        return Trace(model_of(self.row))

    @cached_property
    def batches(self) -> list[tuple[list[np.ndarray], list[np.ndarray]]]:
        sizes = sizes_of(self.row)
        arrays, model = rows_of(self.row, sizes[0]), self.trace.model
        structure = jax.tree.structure(model.symbolic_inputs, is_leaf=lambda tensor: hasattr(tensor, "shape"))
        call = jax.jit(lambda x: model(x, training=False))
        expected = [np.asarray(one) for one in jax.tree.leaves(call(jax.tree.unflatten(structure, arrays)))]
        return [([one[:n] for one in arrays], [one[:n] for one in expected]) for n in sizes]

    def check(self, *results: Any) -> None:
        """Results of an artifact, at each size, are those of the model."""
        for found, (_, expected) in zip(results, self.batches, strict=True):
            assert len(found) == len(expected)
            for a, b in zip(map(np.asarray, found), expected, strict=True):
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                np.testing.assert_allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.fixture(scope="module", params=some(ROWS, of=2))
def layer(request):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield Exported(request.param)


def test_onnx(layer):
    onnx = pytest.importorskip("onnx")
    onnxruntime = pytest.importorskip("onnxruntime")
    onnxruntime.set_default_logger_severity(3)
    from sequax.export.onnx import to_onnx

    proto = to_onnx(layer.trace)
    onnx.checker.check_model(proto, full_check=True)
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_inputs()]
    layer.check(*(session.run(None, dict(zip(names, arrays, strict=True))) for arrays, _ in layer.batches))


@pytest.mark.parametrize("layer", some(ROWS), indirect=True)
def test_stablehlo(layer):
    """As it stands in a file; both sizes in one program, which halves what compiling costs."""
    program = jax.export.deserialize(bytearray(stablehlo.program(layer.trace).serialize()))
    assert program.platforms == stablehlo.PLATFORMS
    run = jax.jit(lambda *batches: [program.call(*arrays) for arrays in batches])
    layer.check(*run(*(arrays for arrays, _ in layer.batches)))


def test_numpy(layer, tmp_path):
    numpy_module.write(layer.trace, tmp_path / "m")
    run = numpy_module.runner(tmp_path / "m", layer.trace)
    layer.check(*(run(arrays) for arrays, _ in layer.batches))
