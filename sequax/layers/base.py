"""Bases that layers of many families share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Unpack

import numpy as np

from ..adapters.low_rank import LowRank
from ..core.constructor import LayerOptions
from ..core.kinds import InitializerLike, Kind, Owner, Real, Whole
from ..core.layer import Layer
from ..core.tensor import KerasTensor
from ..core.types import Shape, ShapeLike
from ..core.variable import Variable


class LayerOf(Kind):
    """A layer.

    Args:
        attribute: whether it is kept as it is.
    """

    expected = "a layer, such as `Dense(8)`"
    in_file = "the config of a layer"

    def __init__(self, attribute: bool = True):
        self.attribute = attribute

    def resolve(self, value: object, name: str, owner: Owner) -> Layer:
        return value if isinstance(value, Layer) else self.refuse(value, name, owner)

    def fits(self, value: object, cls: type) -> bool:
        return isinstance(value, Mapping)


AnyLayer = Annotated[Layer, LayerOf()]


class Weighted(Layer):
    """Has weights with an initializer, a regularizer and a constraint each, in attributes named after the weight."""

    use_bias: bool

    def add(
        self,
        weight: str,
        shape: ShapeLike,
        initializer: InitializerLike = None,
        name: str | None = None,
        autocast: bool = True,
    ) -> Variable:
        """Create a weight.

        Args:
            weight: `kernel` is made by `kernel_initializer` and kept in bounds by `kernel_constraint`.
            initializer: another one in place of that of the layer.
            name: of the variable; default: that of the weight.
            autocast: whether `call` reads it in the compute dtype.
        """
        return self.add_weight(
            shape,
            getattr(self, f"{weight}_initializer") if initializer is None else initializer,
            autocast=autocast,
            regularizer=getattr(self, f"{weight}_regularizer"),
            constraint=getattr(self, f"{weight}_constraint"),
            name=weight if name is None else name,
        )

    def add_bias(self, shape: ShapeLike) -> Variable | None:
        """Create the bias, where the layer has one."""
        return self.add("bias", shape) if self.use_bias else None


class Adaptable(Weighted):
    """A layer that can train a low-rank product beside a frozen weight, see `adapters/low_rank.py`."""

    is_adaptable = True
    adapted_weight = "kernel"
    lora_rank: int | None = None
    lora_alpha: int | float | None = None

    @property
    def adapted(self) -> Variable:
        """The variable that is adapted, as it is stored."""
        return getattr(self, self.stored_as)

    @property
    def stored_as(self) -> str:
        """The attribute that holds it."""
        return self.adapted_weight

    @property
    def _low_rank(self) -> LowRank | None:
        weight = getattr(self, self.stored_as, None)
        adapter = None if weight is None else weight.adapter
        return adapter if isinstance(adapter, LowRank) else None

    @property
    def lora_enabled(self) -> bool:  # type: ignore[override]
        """Whether the weight is read through a low-rank adapter."""
        return self._low_rank is not None

    def enable_lora(
        self,
        rank: int,
        lora_alpha: int | float | None = None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        """Freeze the weight and train a product of two small ones beside it: `weight + lora_alpha / rank * A @ B`.

        Hu et al. 2022, "LoRA: Low-Rank Adaptation of Large Language Models". Files hold the weight with the product in
        it. A model that was compiled before goes on without another `compile`.

        Args:
            rank: size of the small axis, at least 1.
            lora_alpha: how much the product counts; default: the rank.
            a_initializer, b_initializer: how the two begin; with B of zeros nothing changes at first.

        Raises:
            ValueError: if the layer is not built, has an adapter already, or has a constraint on the weight.
        """
        who = f"Layer '{self.name}' ({type(self).__name__})"
        self._refuse_constraint(who)
        if not self.built:
            raise ValueError(f"{who}: Cannot enable lora on a layer that isn't yet built. Build it first.")
        if self.lora_enabled:
            raise ValueError(
                f"{who}: lora is already enabled. This can only be done once per layer; `merge_lora` ends it."
            )
        rank = Whole(1).resolve(rank, "rank", Owner(self, self.name))
        if lora_alpha is not None:
            lora_alpha = Real(above=0).resolve(lora_alpha, "lora_alpha", Owner(self, self.name))
        self._adapt(rank, lora_alpha, a_initializer, b_initializer)

    def check_adaptable(self) -> None:
        """Raise an error if the layer cannot have an adapter as it is now, before any has."""

    def adapt_from_start(self) -> None:
        """What the arguments of the constructor ask for, such as `lora_rank`; the last line of `build`."""
        if self.lora_rank is not None:
            self._refuse_constraint(f"Layer '{self.name}' ({type(self).__name__})")
            self._adapt(self.lora_rank, self.lora_alpha)

    def adapt_with(self, a: np.ndarray, b: np.ndarray, alpha: float) -> None:
        """Have an adapter with these values.

        Args:
            a, b: of the shapes that they have in an adapter of their rank.
            alpha: how much their product counts.
        """
        if not self.lora_enabled:
            self._adapt(a.shape[-1], alpha)
        first, second = self.adapters()
        first.assign(a)
        second.assign(b)
        self._read_through(first, second, alpha)

    def adapters(self) -> list[Variable]:
        """A and B, where there is an adapter."""
        return [] if self._low_rank is None else self._low_rank.variables

    def merge_lora(self) -> None:
        """Put the product into the weight and train that again; nothing happens without an adapter."""
        adapter = self._low_rank
        if adapter is None:
            return
        self.adapted.adapter = adapter.base
        self._put_merged(adapter)
        for part in adapter.variables:
            delattr(self, part.name)
        self.lora_rank = self.lora_alpha = None

    def _put_merged(self, adapter: LowRank) -> None:
        weight = self.adapted
        weight.assign(adapter.read(weight.stored))
        weight.trainable = self.trainable

    def is_linear_at_last(self) -> bool:
        """Whether the last axis of the weight is the last one of the outputs, and of nothing else."""
        return True

    def _refuse_constraint(self, who: str) -> None:
        weight = self.adapted_weight
        if getattr(self, f"{weight}_constraint") is not None:
            raise ValueError(
                f"{who}: Lora is incompatible with {weight} constraints. Remove the `{weight}_constraint` argument."
            )

    def _adapt(
        self,
        rank: int,
        alpha: int | float | None,
        a_initializer: InitializerLike = "he_uniform",
        b_initializer: InitializerLike = "zeros",
    ) -> None:
        weight, shape = self.adapted, self.adapted_shape
        shapes = {"a": (*shape[:-1], rank), "b": (rank, shape[-1])}
        initializers = {"a": a_initializer, "b": b_initializer}
        made = []
        for part, shape in shapes.items():
            name = f"lora_{self.adapted_weight}_{part}"
            # float32 whatever the weight is: small updates would be lost in less.
            penalty = getattr(self, f"{self.adapted_weight}_regularizer")
            one = self.add_weight(shape, initializers[part], "float32", regularizer=penalty, name=name)
            one.path = "/".join([*weight.path.split("/")[:-1], name])
            setattr(self, name, one)
            made.append(one)
        self.lora_rank = rank
        self._read_through(made[0], made[1], rank if alpha is None else alpha)
        weight.trainable = False

    def _read_through(self, a: Variable, b: Variable, alpha: int | float) -> None:
        before = self.adapted.adapter
        base = before.base if isinstance(before, LowRank) else before
        self.lora_alpha = alpha
        self.adapted.adapter = LowRank(a, b, alpha, self.is_linear_at_last(), base)

    @property
    def adapted_shape(self) -> Shape:
        """The shape of the weight, however it is stored."""
        return self.adapted.shape

    def get_config(self) -> dict[str, Any]:
        lora = {} if self.lora_rank is None else {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return {**super().get_config(), **lora}


class ActivityListed(Layer):
    """Writes the regularizer of its outputs into configs also where there is none, as Keras does for some layers."""

    def get_config(self) -> dict[str, Any]:
        return {"activity_regularizer": None, **super().get_config()}


class ShapeKeeping(Layer):
    """The output has the shape of the input."""

    def compute_output_shape(self, input_shape: ShapeLike) -> Shape:
        return tuple(input_shape)


class Elementwise(ShapeKeeping):
    """Keeps the shape and passes masks on; without variables unless a subclass sets `built` back."""

    supports_masking = True

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.built = True


class DtypeKeeping(Layer):
    """Returns values out of the input: their dtype stays, whole numbers included."""

    def compute_output_spec(self, inputs: KerasTensor) -> KerasTensor:
        dtype = self.compute_dtype if self.autocast and "float" in inputs.dtype else inputs.dtype
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype)


class Rearranging(DtypeKeeping):
    """Moves values without computing."""

    keeps_values = True  # data checks look through such layers: what is wrong in their input is so in their output

    def __init__(self, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.built = True
