"""InceptionResNetV2: branches whose joined outputs are added to what went in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from .._lazy import listed
from ..core.catalogue import Catalogue
from ..core.constructor import LayerOptions
from ..core.kinds import Factor
from ..core.layer import Layer
from ..core.tensor import KerasTensor
from ..core.types import Tensor
from ..layers import Activation, Conv2D
from .common import Network, channels, classifier, network
from .imagenet_utils import Preprocessing, decode_predictions, preprocessing
from .inception_v3 import Branches, Conv, Halving, Mean, joined, stem

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

ABOUT = (
    "Szegedy, Ioffe, Vanhoucke and Alemi 2017, Inception-v4, Inception-ResNet and the impact of residual connections."
)

catalogue: Catalogue = Catalogue("layer", "keras.src.applications.inception_resnet_v2")  # as Keras writes it in files


@catalogue.register()
class CustomScaleLayer(Layer):
    """`x + scale * y` of a pair `(x, y)`.

    Args:
        scale: small, for the network to train at all.
        **options: `name`, `dtype`, ...: as in `Layer`.
    """

    scale: float

    def __init__(self, scale: Factor, **options: Unpack[LayerOptions]):
        super().__init__(**options)

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        return inputs[0] + inputs[1] * self.scale


_FIRST: Branches = (
    (Conv(96),),
    (Conv(48), Conv(64, 5)),
    (Conv(64), Conv(96, 3), Conv(96, 3)),
    (Mean(), Conv(64)),
)
_HALVING_17: Branches = (
    (Conv(384, 3, 2, True),),
    (Conv(256), Conv(256, 3), Conv(384, 3, 2, True)),
    (Halving(),),
)
_HALVING_8: Branches = (
    (Conv(256), Conv(384, 3, 2, True)),
    (Conv(256), Conv(288, 3, 2, True)),
    (Conv(256), Conv(288, 3), Conv(320, 3, 2, True)),
    (Halving(),),
)
_35: Branches = ((Conv(32),), (Conv(32), Conv(32, 3)), (Conv(32), Conv(48, 3), Conv(64, 3)))
_17: Branches = ((Conv(192),), (Conv(128), Conv(160, (1, 7)), Conv(192, (7, 1))))
_8: Branches = ((Conv(192),), (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))))

# What makes the images smaller, its name; then how many blocks, their name, scale, branches.
_STAGES: tuple[tuple[Branches, str, int, str, float, Branches], ...] = (
    (_FIRST, "mixed_5b", 10, "block35", 0.17, _35),
    (_HALVING_17, "mixed_6a", 20, "block17", 0.1, _17),
    (_HALVING_8, "mixed_7a", 10, "block8", 0.2, _8),
)


def blocks(x: KerasTensor) -> KerasTensor:
    x = stem(x)
    for first, first_name, count, kind, scale, branches in _STAGES:
        x = joined(x, first, first_name)
        for number in range(1, count + 1):
            last = kind == "block8" and number == count  # neither scaled nor cut off at 0
            x = _block(x, branches, 1.0 if last else scale, f"{kind}_{number}")
            x = x if last else Activation("relu", name=f"{kind}_{number}_ac")(x)
    return Conv(1536)(x, "conv_7b")


def _block(x: KerasTensor, branches: Branches, scale: float, name: str) -> KerasTensor:
    mixed = joined(x, branches, f"{name}_mixed")
    up = Conv2D(channels(x), 1, padding="same", name=f"{name}_conv")(mixed)
    return CustomScaleLayer(scale)([x, up])


InceptionResNetV2: Network = network(
    "InceptionResNetV2", __name__, ABOUT, blocks, classifier, size=299, least=75, key="inception_resnet_v2"
)
preprocess_input: Preprocessing = preprocessing("tf", __name__)

if not TYPE_CHECKING:
    __getattr__, __dir__ = listed(__name__)
