"""Files of comma-separated values as batches of named columns; and data sets of a known length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from . import files
from .chunk import Chunk
from .dataset import Dataset
from .stage import Same, Stage

_ROWS = 100  # from which the kinds of columns are found


class Counted(Same):
    """The same elements, whose number is known.

    Args:
        expected: how many there are; a pass with another number is an error.
    """

    title = "AssertCardinalityDataset"

    def __init__(self, source: Stage, expected: int):
        super().__init__(source)
        self.expected = expected

    def chunks(self) -> Iterator[Chunk]:
        rows = 0
        for chunk in self.source.chunks():
            rows += chunk.rows
            if 0 <= self.expected < rows:
                raise ValueError(
                    f"assert_cardinality: the data set has more than the {self.expected} elements expected."
                )
            yield chunk
        if self.expected >= 0 and rows != self.expected:
            raise ValueError(f"assert_cardinality: expected {self.expected} elements; the data set has {rows}.")

    def count(self) -> int:
        return self.expected


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int = _ROWS,
    compression_type: str | None = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of the rows of files: dicts from the names of columns to arrays, `(features, labels)` with a label.

    Args:
        file_pattern: one or several patterns of names.
        batch_size: rows of a batch.
        column_names: default: the first line of the first file.
        column_defaults: for each column taken, a dtype, or the value of missing entries; default: found from the first
            rows, whole numbers, floats or texts.
        label_name: the column that is given as labels.
        select_columns: names or numbers of the columns taken; default: all.
        num_epochs: passes over the files; None: without end.
        shuffle: mix the rows, in a buffer of `shuffle_buffer_size` rows.

    Raises:
        FileNotFoundError: if no file fits.
        ValueError: for columns that are not there.
    """
    if ignore_errors:
        raise NotImplementedError("make_csv_dataset(ignore_errors=True) is not available: repair or remove such rows.")
    paths = files.matching(file_pattern)
    if column_names is None:
        if not header:
            raise ValueError("make_csv_dataset: without a header give `column_names`.")
        column_names = files.header_of(paths[0], field_delim)
    names = list(column_names)
    taken = range(len(names)) if select_columns is None else [_number(names, column) for column in select_columns]
    if column_defaults is None:
        found = files.inferred_defaults(
            paths[0], field_delim, use_quote_delim, na_value, header, num_rows_for_inference or _ROWS
        )
        column_defaults = [found[i] for i in taken]
    taken_names = [names[i] for i in taken]
    if label_name is not None and label_name not in taken_names:
        raise ValueError(f"make_csv_dataset: the label {label_name!r} is not among the columns {taken_names}.")
    table = files.Table(
        lambda: paths, column_defaults, None if select_columns is None else list(taken), header, field_delim,
        use_quote_delim, na_value, compression_type,
    )  # fmt: skip
    rows = Dataset(Named(table, taken_names, label_name))
    if shuffle:
        rows = rows.shuffle(shuffle_buffer_size, shuffle_seed)
    return rows.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None).prefetch(1)


def _number(names: list[str], column: Any) -> int:
    if isinstance(column, str):
        if column not in names:
            raise ValueError(f"make_csv_dataset: there is no column {column!r}. There are: {', '.join(names)}.")
        return names.index(column)
    return int(column)


class Named(Stage):
    """The fields of tuples under names, and one of them apart as the label."""

    title = "MapDataset"

    def __init__(self, source: Stage, names: list[str], label: str | None):
        super().__init__(source)
        self.names, self.label = names, label

    def _named(self, fields: Any) -> Any:
        features = dict(zip(self.names, fields, strict=True))
        return features if self.label is None else (features, features.pop(self.label))

    def chunks(self) -> Iterator[Chunk]:
        for chunk in self.source.chunks():
            yield Chunk(self._named(chunk.values), chunk.rows)

    def count(self) -> int:
        return self.source.count()

    def make_spec(self) -> Any:
        return self._named(self.source.spec())
