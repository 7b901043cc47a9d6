"""The base of what `forms.py` and `calibrated.py` list: one way to keep the weight of a layer in fewer bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import jax

if TYPE_CHECKING:
    from ..quantizers import QuantizationConfig
    from .quantized import QuantizableWeight

Shape = tuple[int, ...]
Values = dict[str, jax.Array]


class Form:
    """One way to keep a weight."""

    keeps_weight: ClassVar[bool] = False  # it stays what it was, and further variables stand beside it
    waits: ClassVar[bool] = False  # for data: until then it stays
    takes_lora: ClassVar[bool] = True

    def in_files(self, weight: str) -> list[str]:
        """The variables in files, in this order. Those that a layer does not have are left out.

        Args:
            weight: name of the attribute.
        """
        raise NotImplementedError

    def build(self, layer: QuantizableWeight, shape: Shape, config: QuantizationConfig | None) -> None:
        """Create the variables, and have the weight read through an adapter.

        Args:
            shape: of the weight in floats.
            config: None where only the policy of the layer says how.
        """
        raise NotImplementedError

    def values(self, layer: QuantizableWeight, weight: jax.Array, config: QuantizationConfig | None) -> Values:
        """What the variables hold for a weight, by their names."""
        return {}

    def policy(self, config: QuantizationConfig) -> str:
        """How the dtype policy names it."""
        return config.mode
