"""`EventWriter`: the event files of one run, which TensorBoard reads."""

from __future__ import annotations

import itertools
import os
import socket
import struct
import time
import zlib
from typing import Any

import numpy as np

from .event_records import Single, frame, message

_serials = itertools.count()
_BARS = 30  # of a histogram, as many as TensorBoard draws
_STRING = 7  # among the kinds of tensors

# Numbers of fields, by the descriptions of messages that TensorFlow publishes (event.proto, summary.proto).
_TIME, _STEP, _VERSION, _SUMMARY = 1, 2, 3, 5
_VALUE = 1
_TAG, _NUMBER, _IMAGE, _HISTOGRAM, _TENSOR, _METADATA = 1, 2, 4, 5, 8, 9


class EventWriter:
    """Writes what a run has to show. Steps are whole numbers, times those of the call.

    Args:
        folder: made if it does not exist; the run has its name in TensorBoard. None: nothing is written.
    """

    def __init__(self, folder: str | None) -> None:
        if folder is not None:
            os.makedirs(folder, exist_ok=True)
        # With the process and a number: a second writer must not overwrite what a first has just written.
        name = f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}.{next(_serials):06}.v2"
        path = os.devnull if folder is None else os.path.join(folder, name)
        self._file = open(path, "wb")  # noqa: SIM115 - closed by `close`
        self._write({_TIME: time.time(), _VERSION: "brain.Event:2"})
        self.flush()

    def scalar(self, tag: str, value: float, step: int) -> None:
        self._add({_TAG: tag, _NUMBER: Single(value)}, step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        finite = values[np.isfinite(values)].astype("float64")  # a histogram has no place for NaN
        if finite.size:
            counts, edges = np.histogram(finite, _BARS)
            total, squares = float(finite.sum()), float(np.square(finite).sum())
            parts = float(finite.min()), float(finite.max()), float(finite.size), total, squares
            # Bars are told by their right edges, so the first one, which ends at the left edge, is empty.
            bars = {6: edges, 7: np.concatenate([[0], counts])}
            self._add({_TAG: tag, _HISTOGRAM: {**dict(enumerate(parts, 1)), **bars}}, step)

    def text(self, tag: str, text: str, step: int = 0) -> None:
        """Text in Markdown."""
        shape = {2: {1: 1}}
        tensor = {1: _STRING, 2: shape, 8: text}
        self._add({_TAG: f"{tag}/text_summary", _TENSOR: tensor, _METADATA: _plugin("text", b"")}, step)

    def image(self, tag: str, values: np.ndarray, step: int) -> None:
        """A matrix as a picture in grey, from its smallest value in black to its largest in white."""
        height, width = values.shape
        self._add({_TAG: tag, _IMAGE: {1: height, 2: width, 3: 1, 4: png(values)}}, step)

    def picture(self, tag: str, shape: tuple[int, ...], encoded: bytes, step: int) -> None:
        """A picture `(height, width, channels)` that is encoded already, as PNG."""
        height, width, channels = shape
        self._add({_TAG: tag, _IMAGE: {1: height, 2: width, 3: channels, 4: encoded}}, step)

    def model_graph(self, config: str) -> None:
        """The layers of a model, from its config in JSON, for the "conceptual graph" of TensorBoard."""
        tensor = {1: _STRING, 8: config}
        self._add({_TAG: "keras", _TENSOR: tensor, _METADATA: _plugin("graph_keras_model", b"1")}, 0)

    def summary(self, encoded: bytes, step: int) -> None:
        """Values that are encoded already, as a message `Summary`."""
        self._write({_TIME: time.time(), _STEP: int(step), _SUMMARY: encoded})

    def _add(self, value: dict[int, Any], step: int) -> None:
        self.summary(message({_VALUE: value}), step)

    def _write(self, event: dict[int, Any]) -> None:
        self._file.write(frame(message(event)))

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _plugin(name: str, content: bytes) -> dict[int, Any]:
    """Which part of TensorBoard shows the value."""
    return {1: {1: name, 2: content}}


def png(values: np.ndarray) -> bytes:
    """A matrix as a grey picture of 8 bits (PNG, ISO 15948)."""
    values = np.nan_to_num(values.astype("float64"), posinf=0.0, neginf=0.0)
    low, high = values.min(), values.max()
    grey = ((values - low) * (255 / (high - low) if high > low else 0)).astype("uint8")
    rows = np.insert(grey, 0, 0, axis=1).tobytes()  # each row begins with its filter, 0 for none
    header = struct.pack(">2I5B", values.shape[1], values.shape[0], 8, 0, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
