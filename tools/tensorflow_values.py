"""Write down what TensorFlow gives for the calls of `tests/tensorflow_calls.py`: run where TensorFlow is installed.

    python -m tools.tensorflow_values tests/data/tensorflow_values.json

The suite compares the functions served in TensorFlow's place with the file, so it needs no TensorFlow.
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Tensors as their dtype and nested lists, structures as lists."""
    if isinstance(value, dict):
        return {name: plain(value[name]) for name in sorted(value)}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if not hasattr(value, "dtype") and not hasattr(value, "numpy"):
        return value.decode() if isinstance(value, bytes) else value
    value = value.numpy() if hasattr(value, "numpy") else value
    if isinstance(value, bytes):
        return {"dtype": "string", "value": _texts(value)}
    array = np.asarray(value)
    if array.dtype.kind == "O":
        return {"dtype": "string", "value": _texts(array.tolist())}
    if array.dtype.kind == "c":
        return {"dtype": array.dtype.name, "value": [array.real.tolist(), array.imag.tolist()]}
    rounded = [float(f"{one:.7g}") for one in array.reshape(-1).tolist()] if array.dtype.kind == "f" else None
    return {
        "dtype": array.dtype.name,
        "value": array.tolist() if rounded is None else np.reshape(rounded, array.shape).tolist(),
    }


def _texts(value: Any) -> Any:
    return [_texts(one) for one in value] if isinstance(value, list) else value.decode("latin-1")


def main() -> int:
    import tensorflow as tf

    table = runpy.run_path(str(Path(__file__).parents[1] / "tests/tensorflow_calls.py"))
    inputs = {name: tf.constant(value) for name, value in table["INPUTS"].items()}
    found = {}
    for call in table["CALLS"]:
        try:
            found[call] = plain(eval(call, {"tf": tf, "np": np, **inputs}))
        except Exception as error:
            print(f"{call}: {type(error).__name__}: {error}", file=sys.stderr)
    lines = ",\n".join(f"{json.dumps(call)}: {json.dumps(value)}" for call, value in found.items())
    Path(sys.argv[1]).write_text(f"{{\n{lines}\n}}\n")
    return int(len(found) < len(table["CALLS"]))


if __name__ == "__main__":
    sys.exit(main())
