"""ConvNeXtTiny to XLarge: a ResNet with what transformers have shown to help."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple, Protocol, Unpack

import jax

from .. import initializers
from .._lazy import listed
from ..core.catalogue import Catalogue
from ..core.constructor import LayerOptions
from ..core.kinds import ActivationLike, Factor, Probability, Size
from ..core.layer import Layer
from ..core.rng import SeedGenerator, key
from ..core.tensor import KerasTensor
from ..core.types import Path, Shape, ShapeLike, Tensor
from ..core.variable import Variable
from ..layers import Activation, Conv2D, Dense, GlobalAveragePooling2D, LayerNormalization, Normalization
from ..model import Model
from ..sequential import Sequential
from .common import Pooling, Request, assembled, check, file_of, named, pooled, shape_of
from .imagenet_utils import CLASSES, Preprocessing, decode_predictions, no_preprocessing

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]

ABOUT = """Liu et al. 2022, A ConvNet for the 2020s. It normalizes images by itself.

With `include_preprocessing=False` it does not: images come with mean 0 and deviation 1 per channel."""
_EPSILON = 1e-6
_FIRST_SCALE = 1e-6

catalogue: Catalogue = Catalogue("layer", "keras.src.applications.convnext")  # as Keras writes them in files


@catalogue.register()
class LayerScale(Layer):
    """A factor per channel, small at first, for deep networks to train. Touvron et al. 2021, Going deeper with image
    transformers.

    Args:
        init_values: the factors at first.
        projection_dim: how many: the size of the last axis.
        **options: `name`, `dtype`, ...: as in `Layer`.
    """

    init_values: float
    projection_dim: int

    def __init__(self, init_values: Factor, projection_dim: Size, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def build(self, input_shape: Shape) -> None:
        first = initializers.Constant(self.init_values)
        self.gamma: Variable = self.add_weight((self.projection_dim,), first, name="gamma")

    def call(self, inputs: Tensor) -> Tensor:
        return inputs * self.gamma.value

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


@catalogue.register()
class StochasticDepth(Layer):
    """Leaves out whole samples in training, and scales the others up. Huang et al. 2016, Deep networks with stochastic
    depth.

    Args:
        drop_path_rate: how often.
        **options: `name`, `dtype`, ...: as in `Layer`.
    """

    drop_path_rate: float

    def __init__(self, drop_path_rate: Probability, **options: Unpack[LayerOptions]):
        super().__init__(**options)
        self.seed_generator: SeedGenerator = SeedGenerator()

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        if not training or self.drop_path_rate == 0:
            return inputs
        kept = 1 - self.drop_path_rate
        drawn = jax.random.bernoulli(key(self.seed_generator), kept, (inputs.shape[0], *(1,) * (inputs.ndim - 1)))
        return inputs / max(kept, 1e-7) * drawn.astype(inputs.dtype)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class _Scale(NamedTuple):
    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]


_SCALES = {
    "Tiny": _Scale((3, 3, 9, 3), (96, 192, 384, 768)),
    "Small": _Scale((3, 3, 27, 3), (96, 192, 384, 768)),
    "Base": _Scale((3, 3, 27, 3), (128, 256, 512, 1024)),
    "Large": _Scale((3, 3, 27, 3), (192, 384, 768, 1536)),
    "XLarge": _Scale((3, 3, 27, 3), (256, 512, 1024, 2048)),
}


class Network(Protocol):
    """A constructor of this family."""

    def __call__(
        self,
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        name: str | None = ...,
    ) -> Model: ...


def _constructor(variant: str) -> Network:
    title, own_name, scale = f"ConvNeXt{variant}", f"convnext_{variant.lower()}", _SCALES[variant]

    def construct(
        include_top: bool = True,
        include_preprocessing: bool = True,
        weights: Path | None = "imagenet",
        input_tensor: KerasTensor | None = None,
        input_shape: ShapeLike | None = None,
        pooling: Pooling = None,
        classes: int = CLASSES,
        classifier_activation: ActivationLike = "softmax",
        name: str | None = own_name,
    ) -> Model:
        request = Request(
            include_top, weights, input_tensor, input_shape, pooling, classes, classifier_activation, name
        )
        check(request, title, channels_first=False)
        prefix = own_name if name is None else name
        body = functools.partial(_stages, scale=scale, scaling=include_preprocessing, name=prefix)
        head = functools.partial(_head, name=prefix)
        return assembled(request, shape_of(request, 224, 32), body, head, file_of(request, own_name))

    return named(construct, title, __name__, ABOUT)


def _stages(x: KerasTensor, scale: _Scale, scaling: bool, name: str) -> KerasTensor:
    if scaling and x.shape[-1] == 3:
        mean = [255 * one for one in (0.485, 0.456, 0.406)]
        variance = [(255 * one) ** 2 for one in (0.229, 0.224, 0.225)]
        x = Normalization(mean=mean, variance=variance, name=f"{name}_prestem_normalization")(x)
    stem = Conv2D(scale.widths[0], 4, strides=4, name=f"{name}_stem_conv"), _norm(f"{name}_stem_layernorm")
    smaller = [Sequential(stem, name=f"{name}_stem")]
    for number, width in enumerate(scale.widths[1:]):
        halving = Conv2D(width, 2, strides=2, name=f"{name}_downsampling_conv_{number}")
        both = _norm(f"{name}_downsampling_layernorm_{number}"), halving
        smaller.append(Sequential(both, name=f"{name}_downsampling_block_{number}"))
    for stage, (first, depth, width) in enumerate(zip(smaller, *scale, strict=True)):
        x = first(x)
        for number in range(depth):
            x = _block(x, width, f"{name}_stage_{stage}_block_{number}")
    return x


def _block(x: KerasTensor, width: int, name: str) -> KerasTensor:
    start = x
    x = Conv2D(width, 7, padding="same", groups=width, name=f"{name}_depthwise_conv")(x)
    x = Dense(4 * width, name=f"{name}_pointwise_conv_1")(_norm(f"{name}_layernorm")(x))
    x = Dense(width, name=f"{name}_pointwise_conv_2")(Activation("gelu", name=f"{name}_gelu")(x))
    x = LayerScale(_FIRST_SCALE, width, name=f"{name}_layer_scale")(x)
    return start + Activation("linear", name=f"{name}_identity")(x)


def _norm(name: str | None = None) -> LayerNormalization:
    return LayerNormalization(epsilon=_EPSILON, name=name)


def _head(x: KerasTensor, request: Request, name: str) -> KerasTensor:
    if not request.include_top:
        return _norm()(pooled(x, request.pooling))
    x = _norm(f"{name}_head_layernorm")(GlobalAveragePooling2D(name=f"{name}_head_gap")(x))
    return Dense(request.classes, activation=request.classifier_activation, name=f"{name}_head_dense")(x)


ConvNeXtTiny: Network = _constructor("Tiny")
ConvNeXtSmall: Network = _constructor("Small")
ConvNeXtBase: Network = _constructor("Base")
ConvNeXtLarge: Network = _constructor("Large")
ConvNeXtXLarge: Network = _constructor("XLarge")
preprocess_input: Preprocessing = no_preprocessing(__name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
