"""ONNX files in 8 bits, by onnxruntime's own quantization, and what that does to size, speed and answers.

`"int8"` sets weights and activations in 8 bits by ranges that are found on data of the user's (QDQ form, weights per
channel); `"int8_dynamic"` finds the ranges of activations while it runs, and needs no data. Whether either is faster
hangs on the processor and on the model, so it is measured, never promised.
"""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ...core.needed import needed
from ..errors import ExportError

if TYPE_CHECKING:
    import onnx

MODES = ("int8", "int8_dynamic")
_AT_ONCE = 32  # rows that go through together while ranges are found
_TIMES = 5


class Report(NamedTuple):
    """A quantized file beside the one in floats.

    Attributes:
        size, seconds: of the quantized one and of the other, in bytes and for `rows` rows.
        same_class: share of rows with the same largest output, where outputs are classes; None elsewhere.
        largest: difference of any output, in units of the largest one.
        rows: that were looked at.
    """

    size: tuple[int, int]
    seconds: tuple[float, float]
    same_class: float | None
    largest: float
    rows: int

    def __str__(self) -> str:
        size, seconds = (new / old for new, old in (self.size, self.seconds))
        said = f"{self.size[0]:,} bytes, {size:.2f} of those in float32; {seconds:.2f} of the time for {self.rows} rows"
        said += f" ({1e3 * self.seconds[0]:.2f} ms); outputs differ by up to {self.largest:.2g} of the largest"
        return said if self.same_class is None else f"{said}; same class for {100 * self.same_class:.1f} % of the rows"


def quantized(
    model: onnx.ModelProto, mode: str, calibration: Sequence[np.ndarray] | None = None
) -> tuple[onnx.ModelProto, Report | None]:
    """A model in 8 bits, and what came of it.

    Args:
        model: in float32.
        mode: `"int8"` or `"int8_dynamic"`.
        calibration: an array for each input of the model, with at least a few dozen rows like those that are to come.

    Returns:
        the model in 8 bits; and a report, None without data.

    Raises:
        ValueError: for another mode; for `"int8"` without data; for data that do not fit the inputs.
        ImportError: without onnxruntime.
        ExportError: if onnxruntime cannot quantize the model.
    """
    if mode not in MODES:
        raise ValueError(f"`quantize` must be one of {MODES}. Received: quantize={mode!r}")
    if mode == "int8" and calibration is None:
        raise ValueError(
            "quantize='int8' finds the ranges of activations on data: pass `calibration=x`, a few hundred rows like"
            " those that are to come, or take quantize='int8_dynamic', which needs none."
        )
    for package in ("onnx", "onnxruntime.quantization"):
        needed(package, f"quantize={mode!r}")
    feeds = None if calibration is None else _feeds(model, calibration)
    try:
        with _quiet(), tempfile.TemporaryDirectory() as folder:
            made = _made(model, mode, feeds, Path(folder))
    except (RuntimeError, ValueError, KeyError, AssertionError, NotImplementedError) as error:
        raise ExportError(f"onnxruntime cannot quantize the model (quantize={mode!r}): {error}") from error
    return made, None if feeds is None else _report(model, made, feeds)


def _feeds(model: onnx.ModelProto, calibration: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    inputs = [one.name for one in model.graph.input]
    if len(calibration) != len(inputs):
        raise ValueError(f"`calibration` must have an array for each input, {inputs}. Received: {len(calibration)}.")
    found = dict(zip(inputs, calibration, strict=True))
    counts = {name: len(array) for name, array in found.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise ValueError(
            f"The arrays of `calibration` must have the same number of rows, at least one. Given: {counts}"
        )
    return found


def _made(model: onnx.ModelProto, mode: str, feeds: dict[str, np.ndarray] | None, folder: Path) -> onnx.ModelProto:
    import onnx
    from onnxruntime import quantization

    before, after = folder / "before.onnx", folder / "after.onnx"
    onnx.save(model, before)
    if mode == "int8_dynamic":
        quantization.quantize_dynamic(before, after, per_channel=True, weight_type=quantization.QuantType.QInt8)
    else:
        assert feeds is not None
        quantization.quantize_static(
            before,
            after,
            _reader(feeds),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
        )
    made = onnx.load(after)
    del made.metadata_props[:]
    made.metadata_props.extend(model.metadata_props)
    made.producer_name, made.producer_version = model.producer_name, model.producer_version
    return made


def _reader(feeds: dict[str, np.ndarray]) -> object:
    """What onnxruntime takes data from."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.batches = _batches(feeds)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.batches, None)

    return Reader()


def _batches(feeds: dict[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    rows = len(next(iter(feeds.values())))
    for start in range(0, rows, _AT_ONCE):
        yield {name: array[start : start + _AT_ONCE] for name, array in feeds.items()}


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the advice to preprocess, which is for graphs that are not folded yet."""
    logger = logging.getLogger()
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _report(before: onnx.ModelProto, after: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> Report:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    contents = [one.SerializeToString() for one in (after, before)]
    runs = [onnxruntime.InferenceSession(one, options, providers=["CPUExecutionProvider"]) for one in contents]
    results, seconds = [], []
    for run in runs:
        results.append(run.run(None, feeds))
        times = []
        for _ in range(_TIMES):
            start = time.perf_counter()
            run.run(None, feeds)
            times.append(time.perf_counter() - start)
        seconds.append(min(times))
    largest = max(_difference(new, old) for new, old in zip(*results, strict=True))
    new, old = (one[0] for one in results)
    classes = len(results[0]) == 1 and old.ndim == 2 and old.shape[1] > 1
    same = float((new.argmax(1) == old.argmax(1)).mean()) if classes else None
    size = tuple(map(len, contents))
    return Report((size[0], size[1]), (seconds[0], seconds[1]), same, largest, len(next(iter(feeds.values()))))


def _difference(new: np.ndarray, old: np.ndarray) -> float:
    if old.size == 0 or old.dtype.kind != "f":
        return 0.0
    return float(np.abs(new - old).max() / max(np.abs(old).max(), 1e-30))
