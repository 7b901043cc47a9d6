"""Plain JSON: a list of rows in, predictions out, as TensorFlow Serving and version 1 of KServe's protocol have it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import documents, ports
from .kserve import NOT_FINITE, as_list
from .ports import Port
from .refused import bad

_FORM = (
    'The body must be a list of rows, {"instances": [row, ...]} or {"inputs": ...}. A row is the value of the input, or'
    " an object with the name of each input."
)


def read(body: bytes | bytearray, inputs: Sequence[Port]) -> tuple[list[np.ndarray], Callable[..., bytes]]:
    """The inputs as they were sent, and what writes the answer: `(outputs, arrays) -> body`.

    Raises:
        Refused: for a body of another form.
    """
    document = documents.read(body)
    if isinstance(document, dict) and "inputs" in document and "instances" not in document:
        return _columns(document["inputs"], inputs), _column_answer
    given = document.get("instances") if isinstance(document, dict) else document
    if not isinstance(given, list):
        raise bad(_FORM)
    if not given:
        raise bad("There are no rows.")
    if isinstance(given[0], dict):
        return [_in_rank(_column(given, port, inputs), port) for port in inputs], _row_answer
    if len(inputs) > 1:
        raise bad(f"A row must be an object with {', '.join(port.name for port in inputs)}.")
    return [_in_rank(ports.from_json(given, inputs[0].is_text, "The list of rows"), inputs[0])], _row_answer


def _column(rows: list[Any], port: Port, inputs: Sequence[Port]) -> np.ndarray:
    names = {one.name for one in inputs}
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != names:
            raise bad(f"Row {i} must be an object with {', '.join(one.name for one in inputs)}, and nothing else.")
    return ports.from_json([row[port.name] for row in rows], port.is_text, f"'{port.name}'")


def _columns(given: Any, inputs: Sequence[Port]) -> list[np.ndarray]:
    if not isinstance(given, dict):
        if len(inputs) > 1:
            raise bad(f"'inputs' must be an object with {', '.join(port.name for port in inputs)}.")
        given = {inputs[0].name: given}
    if given.keys() != {port.name for port in inputs}:
        raise bad(f"'inputs' must have {', '.join(port.name for port in inputs)}, and nothing else.")
    return [_in_rank(ports.from_json(given[port.name], port.is_text, f"'{port.name}'"), port) for port in inputs]


def _in_rank(array: np.ndarray, port: Port) -> np.ndarray:
    """Single values where the input is a column of them."""
    return array[:, None] if array.ndim == 1 and len(port.shape) == 2 and port.shape[1] == 1 else array


def _row_answer(outputs: Sequence[Port], arrays: Sequence[np.ndarray]) -> bytes:
    columns = [as_list(array) for array in arrays]
    if len(columns) == 1:
        return _written({"predictions": columns[0]})
    names = [port.name for port in outputs]
    return _written({"predictions": [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]})


def _column_answer(outputs: Sequence[Port], arrays: Sequence[np.ndarray]) -> bytes:
    if len(arrays) == 1:
        return _written({"outputs": as_list(arrays[0])})
    return _written({"outputs": {port.name: as_list(array) for port, array in zip(outputs, arrays, strict=True)}})


def _written(answer: Any) -> bytes:
    try:
        return documents.write(answer)
    except ValueError:
        raise bad(NOT_FINITE) from None
