"""ONNX: one translator from the traced program, with names for formulas, axes that stay lazy, and folding.

`model.to_onnx` is the way in. `translate` walks the program, `values` says how a value may be stored. The rules stand
in `elementwise`, `shaping`, `products`, `reductions`, `indexing`, `control`, `signal` and, for formulas that ONNX has
as one node, in `named`. `folding` makes the graph small, `proto` a file of it.
"""

from __future__ import annotations

from .model import to_onnx

__all__ = ["to_onnx"]
