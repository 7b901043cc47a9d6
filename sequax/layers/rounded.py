"""The side of a layer that GPTQ and AWQ need: its weight as a matrix, what that is multiplied with, and its end."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np

from ..adapters.contraction import Contraction
from ..adapters.matrix import Matrix
from ..adapters.watched import Watched
from ..core.dtypes import DTypePolicy
from ..core.placement import whole_here
from ..core.variable import Variable
from .base import Adaptable


class RoundedByData(Adaptable):
    """A layer with a weight that waits, as it is, to be rounded by what the layer sees.

    Attributes:
        is_gptq_calibrated, is_awq_calibrated: whether the rounded weight is the one that is computed with.
    """

    is_gptq_calibrated = False
    is_awq_calibrated = False
    quantized_kernel: Variable

    @property
    def stored_as(self) -> str:
        return f"_{self.adapted_weight}"

    @property
    def adapted(self) -> Variable:
        rounded = self.is_gptq_calibrated or self.is_awq_calibrated
        return self.__dict__["quantized_kernel" if rounded else self.stored_as]

    @property
    def waits(self) -> bool:
        """Whether the weight is to be rounded, and was not yet."""
        return self.quantization_mode in ("gptq", "awq") and self.stored_as in self.__dict__

    def contraction(self) -> Contraction:
        """Which axes of inputs, weight and outputs are the same."""
        raise NotImplementedError

    def as_matrix(self) -> Matrix:
        """The weight as a matrix (inputs, outputs)."""
        return Matrix(self.contraction(), self.adapted_shape)

    def why_not_rounded(self, mode: str) -> str | None:
        """Why data cannot round the weight, in a word; None if they can."""
        if self.quantization_mode is not None and not (self.waits and self.quantization_mode == mode):
            return f"is {self.quantization_mode} already"
        if "kept_as" not in vars(type(self)):
            return "is of a class that may compute something else"
        if self.lora_enabled:
            return "has a low-rank adapter; `merge_lora()` ends it"
        try:
            self.as_matrix()
        except NotImplementedError:
            return "has a kernel that is no matrix in effect"
        return None

    def float_weight(self) -> jax.Array:
        """The weight before it is rounded.

        Raises:
            ValueError: if that was done, or is not what the layer waits for.
        """
        if not self.waits:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}) does not wait to be rounded: call"
                f" `quantize('gptq', config=...)` or `quantize('awq', config=...)` first, and once. Its dtype policy is"
                f" '{self.dtype_policy.name}'."
            )
        return whole_here(self.adapted.stored)

    def watch(self, observe: Callable[[jax.Array], None]) -> Callable[[], None]:
        """Call a function with what the weight is multiplied with, until what is returned is called."""
        weight = self.adapted
        before = weight.adapter
        weight.adapter = Watched(observe, before)

        def end() -> None:
            weight.adapter = before

        return end

    def take_rounded(self, values: dict[str, jax.Array]) -> None:
        """Compute with a rounded weight from now on.

        Args:
            values: of its variables, by name.
        """
        delattr(self, self.stored_as)
        for name, value in values.items():
            self.__dict__[name].assign(value)
        setattr(self, f"is_{self.quantization_mode}_calibrated", True)

    def take_policy(self, policy: DTypePolicy) -> None:
        if self.built and policy.quantization_mode in ("gptq", "awq"):
            shape = self.adapted_shape
            delattr(self, self.stored_as)
            self._dtype_policy = policy
            self.quantized_build(shape, policy.quantization_mode)
        else:
            super().take_policy(policy)

    def arrays_in_files(self) -> list[np.ndarray]:
        if self.waits:
            raise ValueError(
                f"Layer '{self.name}' ({type(self).__name__}) cannot be saved: it waits to be rounded by"
                f" {str(self.quantization_mode).upper()}, for which a model is run on data. Use `model.quantize(...)`,"
                f" which does it, in place of `layer.quantize(...)`."
            )
        return super().arrays_in_files()
