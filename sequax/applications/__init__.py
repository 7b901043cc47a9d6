"""Networks for images: as they were published, with Keras' names for all layers, and weights of ImageNet on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._lazy import lazily

_MODULES = (
    "convnext", "densenet", "efficientnet", "efficientnet_v2", "imagenet_utils", "inception_resnet_v2", "inception_v3",
    "mobilenet", "mobilenet_v2", "mobilenet_v3", "nasnet", "resnet", "resnet50", "resnet_v2", "vgg16", "vgg19",
    "xception",
)  # fmt: skip
_NAMES = {
    **{f"ConvNeXt{size}": ".convnext" for size in ("Tiny", "Small", "Base", "Large", "XLarge")},
    **{f"DenseNet{depth}": ".densenet" for depth in (121, 169, 201)},
    **{f"EfficientNetB{scale}": ".efficientnet" for scale in range(8)},
    **{f"EfficientNetV2{scale}": ".efficientnet_v2" for scale in ("B0", "B1", "B2", "B3", "S", "M", "L")},
    "InceptionResNetV2": ".inception_resnet_v2",
    "InceptionV3": ".inception_v3",
    "MobileNet": ".mobilenet",
    "MobileNetV2": ".mobilenet_v2",
    **{f"MobileNetV3{size}": ".mobilenet_v3" for size in ("Small", "Large")},
    **{f"NASNet{size}": ".nasnet" for size in ("Mobile", "Large")},
    **{f"ResNet{depth}": ".resnet" for depth in (50, 101, 152)},
    **{f"ResNet{depth}V2": ".resnet_v2" for depth in (50, 101, 152)},
    "VGG16": ".vgg16",
    "VGG19": ".vgg19",
    "Xception": ".xception",
}

if TYPE_CHECKING:  # the same for type checkers and editors
    from . import (
        convnext as convnext,
        densenet as densenet,
        efficientnet as efficientnet,
        efficientnet_v2 as efficientnet_v2,
        imagenet_utils as imagenet_utils,
        inception_resnet_v2 as inception_resnet_v2,
        inception_v3 as inception_v3,
        mobilenet as mobilenet,
        mobilenet_v2 as mobilenet_v2,
        mobilenet_v3 as mobilenet_v3,
        nasnet as nasnet,
        resnet as resnet,
        resnet50 as resnet50,
        resnet_v2 as resnet_v2,
        vgg16 as vgg16,
        vgg19 as vgg19,
        xception as xception,
    )
    from .convnext import (
        ConvNeXtBase as ConvNeXtBase,
        ConvNeXtLarge as ConvNeXtLarge,
        ConvNeXtSmall as ConvNeXtSmall,
        ConvNeXtTiny as ConvNeXtTiny,
        ConvNeXtXLarge as ConvNeXtXLarge,
    )
    from .densenet import DenseNet121 as DenseNet121, DenseNet169 as DenseNet169, DenseNet201 as DenseNet201
    from .efficientnet import (
        EfficientNetB0 as EfficientNetB0,
        EfficientNetB1 as EfficientNetB1,
        EfficientNetB2 as EfficientNetB2,
        EfficientNetB3 as EfficientNetB3,
        EfficientNetB4 as EfficientNetB4,
        EfficientNetB5 as EfficientNetB5,
        EfficientNetB6 as EfficientNetB6,
        EfficientNetB7 as EfficientNetB7,
    )
    from .efficientnet_v2 import (
        EfficientNetV2B0 as EfficientNetV2B0,
        EfficientNetV2B1 as EfficientNetV2B1,
        EfficientNetV2B2 as EfficientNetV2B2,
        EfficientNetV2B3 as EfficientNetV2B3,
        EfficientNetV2L as EfficientNetV2L,
        EfficientNetV2M as EfficientNetV2M,
        EfficientNetV2S as EfficientNetV2S,
    )
    from .inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2
    from .inception_v3 import InceptionV3 as InceptionV3
    from .mobilenet import MobileNet as MobileNet
    from .mobilenet_v2 import MobileNetV2 as MobileNetV2
    from .mobilenet_v3 import MobileNetV3Large as MobileNetV3Large, MobileNetV3Small as MobileNetV3Small
    from .nasnet import NASNetLarge as NASNetLarge, NASNetMobile as NASNetMobile
    from .resnet import ResNet50 as ResNet50, ResNet101 as ResNet101, ResNet152 as ResNet152
    from .resnet_v2 import ResNet50V2 as ResNet50V2, ResNet101V2 as ResNet101V2, ResNet152V2 as ResNet152V2
    from .vgg16 import VGG16 as VGG16
    from .vgg19 import VGG19 as VGG19
    from .xception import Xception as Xception
else:
    __getattr__, __dir__, __all__ = lazily(__name__, _MODULES, _NAMES)
