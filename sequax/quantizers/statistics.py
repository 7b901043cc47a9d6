"""What a way of rounding has to know of a layer, gathered while the layer is called."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from ..core.placement import whole_here
from ..core.types import ArrayLike
from ..ops.table import array


class Statistics:
    """Base of what GPTQ and AWQ gather of the inputs of one layer, to round its kernel at the end.

    Args:
        layer: a Dense, or an EinsumDense whose kernel is a matrix in effect; built.
        config: the settings; default: those of the mode.

    Attributes:
        mode, config_class: of a subclass.
        rows, columns: of the kernel as a matrix (inputs, outputs).
        num_samples: how many inputs were seen.

    Raises:
        TypeError: for a layer without such a kernel.
    """

    config: Any
    mode: ClassVar[str]
    config_class: ClassVar[Any]
    layer: Any

    def __init__(self, layer: Any, config: Any = None):
        if self.mode not in getattr(layer, "forms", ()):
            raise TypeError(
                f"Unsupported layer type for {self.mode.upper()}: {type(layer).__name__}. It takes Dense and"
                f" EinsumDense."
            )
        self.layer, self.config = layer, config or self.config_class(None, None)
        self.matrix: Any = layer.as_matrix()
        self.rows: int = self.matrix.rows
        self.columns: int = self.matrix.columns
        self.num_samples = 0

    def update(self, input_batch: ArrayLike | None) -> None:
        """Take inputs into account, `(..., inputs)`."""
        raise NotImplementedError

    def observe(self, inputs: jax.Array) -> None:
        """Take inputs of the layer into account, as it is called with them."""
        self.update(self.matrix.of_inputs(whole_here(inputs)))

    def finish(self) -> None:
        """The end of a calibration: round the kernel."""
        raise NotImplementedError

    def free(self) -> None:
        """Let go of layer and inputs."""
        self.layer = None

    def checked(self, x: ArrayLike | None, what: str) -> jax.Array:
        """Inputs as a matrix (n, rows) of float32.

        Args:
            x: `(..., rows)`.
            what: has this size, in messages.

        Raises:
            ValueError: for no values, or another size.
        """
        if x is None:
            raise ValueError(f"Input tensor cannot be None. Expected inputs of shape (..., {self.rows}).")
        x = array(x)
        if x.ndim < 2:
            raise ValueError(f"Input tensor must have rank >= 2. Received: shape {x.shape}")
        if not x.size:
            raise ValueError(f"Input tensor cannot be empty. Received: shape {x.shape}")
        if x.shape[-1] != self.rows:
            raise ValueError(f"{what} ({self.rows}) do not match input features ({x.shape[-1]}).")
        return x.reshape(-1, self.rows).astype(jnp.float32)
