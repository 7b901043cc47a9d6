"""`timeseries_dataset_from_array`: windows that slide over a series."""

from __future__ import annotations

import numpy as np

from ..core.rng import fresh_seed
from ..core.types import ArrayLike
from .folders import check_format
from .py_dataset import SampleDataset, Samples


def timeseries_dataset_from_array(
    data: ArrayLike,
    targets: ArrayLike | None,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> WindowDataset:
    """Windows over consecutive rows of an array, as batches.

    Window `i` starts at row `s = i * sequence_stride`; its entries are the rows `s`, `s + sampling_rate`, ..., and its
    target is `targets[s]`. To predict what comes after a window, pass targets that are shifted:
    `data[:-n]` and `targets[n:]` with `n = sequence_length * sampling_rate`.

    Args:
        data: array whose first axis is time.
        targets: array with a target per start of a window, or None.
        sequence_length: entries of a window.
        sequence_stride: rows between the starts of two windows.
        sampling_rate: rows between two entries of a window.
        batch_size: windows in a batch; None: one at a time, without a batch axis.
        shuffle: mix the windows, differently for each epoch.
        seed: of the mixing.
        start_index, end_index: use only these rows of `data` (and of `targets`), the last one excluded.
        format: kept for Keras' sake, which returns a data set of TensorFlow or grain.

    Returns:
        A data set of `(windows, targets)`, or of windows, `(batch, sequence_length, ...)`, with the methods of
        `Dataset`.

    Raises:
        ValueError: for numbers that do not fit the data.

    >>> windows = timeseries_dataset_from_array(np.arange(6), np.arange(6) * 10, sequence_length=3, batch_size=2)
    >>> x, y = windows[0]
    >>> x.tolist(), y.tolist(), len(windows)
    ([[0, 1, 2], [1, 2, 3]], [0, 10], 2)
    """
    check_format(format)
    rows = np.asarray(data)
    if rows.ndim == 0:
        raise ValueError(f"`data` must be an array whose first axis is time. Received: {type(data).__name__}")
    first, end = _range(len(rows), start_index, end_index)
    for name, value in (("sequence_length", sequence_length), ("sampling_rate", sampling_rate),
                        ("sequence_stride", sequence_stride)):  # fmt: skip
        _check_number(name, value, len(rows))
    if batch_size is not None and (not hasattr(batch_size, "__index__") or batch_size < 1):
        raise ValueError(f"`batch_size` must be a whole number from 1 on, or None. Received: batch_size={batch_size!r}")
    goals = None if targets is None else np.asarray(targets)[first:end]
    rows = rows[first:end]
    starts = len(rows) - (sequence_length - 1) * sampling_rate
    starts = starts if goals is None else min(starts, len(goals))
    if starts < 1:
        raise ValueError(
            f"There is no window: {sequence_length} entries at sampling_rate={sampling_rate} take"
            f" {(sequence_length - 1) * sampling_rate + 1} rows, and there are {len(rows)} rows"
            f"{'' if goals is None else f' and {len(goals)} targets'}."
        )
    steps = np.arange(sequence_length) * sampling_rate
    seed = fresh_seed() if seed is None else int(seed)
    return WindowDataset(rows, goals, np.arange(0, starts, sequence_stride), steps, batch_size, shuffle, seed)


class WindowDataset(SampleDataset):
    """Windows of an array.

    Args:
        data, targets: arrays; targets may be None.
        starts: the first row of each window.
        steps: where the entries of a window are, counted from its start.
    """

    def __init__(
        self,
        data: np.ndarray,
        targets: np.ndarray | None,
        starts: np.ndarray,
        steps: np.ndarray,
        batch_size: int | None,
        shuffle: bool,
        seed: int,
    ):
        super().__init__(len(starts), batch_size, shuffle, seed)
        self.data = data
        self.targets = targets
        self.starts = starts
        self.steps = steps

    def samples(self, numbers: np.ndarray) -> Samples:
        starts = self.starts[numbers]
        windows = self.data[starts[:, None] + self.steps]
        return windows if self.targets is None else (windows, self.targets[starts])


def _range(length: int, start: int | None, end: int | None) -> tuple[int, int]:
    if start is not None and start < 0:
        raise ValueError(f"`start_index` must be 0 or greater. Received: start_index={start}")
    if start is not None and start >= length:
        raise ValueError(
            f"`start_index` must be lower than the length of the data. Received: start_index={start}, for data of"
            f" length {length}"
        )
    first, last = start or 0, length if end is None else end
    if end is not None and end <= first:
        raise ValueError(
            f"`end_index` must be higher than 0 and than `start_index`. Received: start_index={start}, end_index={end}"
        )
    if last > length:
        raise ValueError(
            f"`end_index` must not be higher than the length of the data. Received: end_index={end}, for data of length"
            f" {length}"
        )
    return first, last


def _check_number(name: str, value: int, length: int) -> None:
    if isinstance(value, bool) or not hasattr(value, "__index__") or value < 1:
        raise ValueError(f"`{name}` must be a whole number higher than 0. Received: {name}={value!r}")
    if name != "sequence_length" and value >= length:
        raise ValueError(
            f"`{name}` must be lower than the length of the data. Received: {name}={value}, for data of length {length}"
        )
