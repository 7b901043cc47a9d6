"""`EventWriter`: the event files of one run, which TensorBoard reads. The format is left to tensorboardX."""

from __future__ import annotations

import itertools
import os
import struct
import zlib
from importlib.util import find_spec

import numpy as np

_serials = itertools.count()
_BARS = 30  # of a histogram, as many as TensorBoard draws


def require_tensorboardx() -> None:
    """
    Raises:
        ImportError: tensorboardX is not installed.
    """
    if find_spec("tensorboardX") is None:
        raise ImportError(
            "TensorBoard: writing event files needs tensorboardX, which is not installed."
            " Run: pip install 'sequax[tensorboard]'"
        )


class EventWriter:
    """Writes what a run has to show. Steps are whole numbers, times those of the call.

    Args:
        folder: made if it does not exist; the run has its name in TensorBoard.
    """

    def __init__(self, folder: str) -> None:
        from tensorboardX import FileWriter, summary

        self._kinds = summary
        # Names begin with the second and the host: a second writer must not overwrite what a first has just written.
        self._file = FileWriter(folder, filename_suffix=f".{os.getpid()}.{next(_serials):06}.v2")

    def scalar(self, tag: str, value: float, step: int) -> None:
        self._add(self._kinds.scalar(tag, float(value)), step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        finite = values[np.isfinite(values)].astype("float64")  # a histogram has no place for NaN
        if finite.size:
            self._add(self._kinds.histogram(tag, finite, _BARS), step)

    def text(self, tag: str, text: str, step: int = 0) -> None:
        """Text in Markdown."""
        self._add(self._kinds.text(tag, text), step)

    def image(self, tag: str, values: np.ndarray, step: int) -> None:
        """A matrix as a picture in grey, from its smallest value in black to its largest in white."""
        Summary = self._kinds.Summary
        height, width = values.shape
        picture = Summary.Image(height=height, width=width, colorspace=1, encoded_image_string=png(values))
        self._add(Summary(value=[Summary.Value(tag=tag, image=picture)]), step)

    def model_graph(self, config: str) -> None:
        """The layers of a model, from its config in JSON, for the "conceptual graph" of TensorBoard."""
        kinds = self._kinds
        plugin = kinds.SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        tensor = kinds.TensorProto(dtype="DT_STRING", string_val=[config.encode()])
        metadata = kinds.SummaryMetadata(plugin_data=plugin)
        value = kinds.Summary.Value(tag="keras", metadata=metadata, tensor=tensor)
        self._add(kinds.Summary(value=[value]), 0)

    def _add(self, summary: object, step: int) -> None:
        self._file.add_summary(summary, step)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


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
